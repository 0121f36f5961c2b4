"""The funding part of a study: each perpetual leg's premium, its clamp, and what is expected to be paid."""

import math
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from scipy.optimize import brentq

from narrows.analytics.basis import basis_rate
from narrows.analytics.clamp import clamp_of
from narrows.analytics.funding_level import FEWEST_DAYS, FundingLevel, daily_rates, fit_level
from narrows.analytics.horizon import break_even_intervals, forecast_funding, stationary_rate
from narrows.analytics.nowcast import nowcast, running_average
from narrows.analytics.ou import OU
from narrows.analytics.premium import PremiumFit, fit_premium
from narrows.analytics.study import Funding
from narrows.core.arrays import Float1D, Int1D
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.time import YEAR_H
from narrows.rulebook import Rulebook
from narrows.rulebook.funding import averaged
from narrows.rulebook.rules import FundingRule

FITTED_H = 90 * 24.0  # of the last bars, which the premium's model is fitted to
LEVEL_H = 730 * 24.0  # of the last rates, which say how the level moves: docs/studies/premium-and-funding.md
AHEAD_H = 30 * 24.0  # of a forecast, at least
STEPS = 30
NEAR = 1e-9  # of a rate to its interest, to count as pinned
WILD = 12.0  # median deviations: a premium further out counts as this far, or one crash is the fit


class Standing(NamedTuple):
    """What funding is forecast with: a premium's model, where it stands, what its level may do, in words."""

    model: OU
    last: float
    level: FundingLevel
    words: str


class Paid(NamedTuple):
    """Funding expected over some horizons, shape (horizons,), what a short receives per unit of notional.

    Attributes
    ----------
    mean, sd : ndarray of shape (horizons,)
        Shocks and the level with its parameters are in `sd`; NaN where the level's are not known.
    shocks_sd : ndarray of shape (horizons,)
        Of a level that is known and stays.
    rates : ndarray of shape (settlements,)
        Expected rate of each until the last horizon, one every `step_h` hours.
    then : float
        Expected after that.
    step_h : float
    """

    mean: Float1D
    sd: Float1D
    shocks_sd: Float1D
    rates: Float1D
    then: float
    step_h: float


def funding_of(
    one: Instrument, panel: Panel, rules: Rulebook, round_trip: float, financing_apr: float, horizon_h: float
) -> tuple[Funding, str]:
    """What a study says of one perpetual; and where its premium comes from, in words."""
    column = panel.column(one.id)
    premium, source = _premium(one, panel)
    rule = rules.known(one, int(panel.time_ns[-1])).funding
    settled_at = np.flatnonzero(np.isfinite(panel.funding[:, column]))
    settled = panel.funding[settled_at, column]
    means = _interval_means(premium, settled_at, panel.funding_h[settled_at, column], panel.bar_h, rule)
    fitted = fit_premium(premium[-round(FITTED_H / panel.bar_h) :], panel.bar_h)
    ahead_h = np.linspace(0.0, max(AHEAD_H, horizon_h), STEPS + 1)[1:]
    nothing = np.empty(0)
    found = Funding(
        instrument=one.id,
        premium=means,
        settled=settled,
        clamp_premium=nothing,
        clamp_rate=nothing,
        pinned=math.nan,
        premium_half_life_h=fitted.half_life_h,
        nowcast=math.nan,
        nowcast_sd=math.nan,
        ahead_h=nothing,
        ahead=nothing,
        ahead_sd=nothing,
        break_even_h=math.nan,
        reason="",
    )
    if rule is None:
        return replace(found, reason=f"no funding rule of {one.id} is on record"), source
    recent = max(0, len(panel) - round(FITTED_H / panel.bar_h))
    lately = settled_at >= len(panel) - round(LEVEL_H / panel.bar_h)
    rows = settled_at[lately]
    level = fit_level(daily_rates(settled[lately], panel.funding_h[rows, column], panel.time_ns[rows]))
    to_come = standing(rule, level, fitted.model, premium[recent:])
    found = _with_rule(found, rule, fitted, to_come, premium, panel, ahead_h, round_trip, financing_apr)
    return found, f"{source}; {to_come.words}"


def tamed_moments(values: Float1D) -> tuple[float, float]:
    """Mean and standard deviation of values, those beyond twelve median deviations counted as that far.

    NaN if none is known. One crash in the sample is then neither the level nor the spread of the rest.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return math.nan, math.nan
    middle = float(np.median(known))
    bound = WILD * float(np.median(np.abs(known - middle)))
    calm = np.clip(known, middle - bound, middle + bound) if bound > 0.0 else known
    return float(calm.mean()), float(calm.std())


def standing(rule: FundingRule, level: FundingLevel, model: OU, premium: Float1D) -> Standing:
    """The premium at its speed, around the level at which the rule pays what the rates' own level is.

    Parameters
    ----------
    rule : FundingRule
    level : FundingLevel
        Of the settled rates. A premium of last trades has another level than the one that the venue
        settles: what the rates say of it counts.
    model : OU
        Of the premium; only its speed is used, neither level nor spread is to be made by a crash.
    premium : ndarray of shape (bars,)
        The bars that it was fitted to. Without rates that the rule can pay on average, their level stays.
    """
    middle, sd = tamed_moments(premium)
    known = premium[np.isfinite(premium)]
    last = float(known[-1]) if len(known) else math.nan
    calm = OU(model.kappa, middle, sd * np.sqrt(2.0 * model.kappa))
    moved = (
        f"{level.days} days of rates say how the level moves"
        if math.isfinite(level.now)
        else f"no band: how the level moves cannot be told from {level.days} days of rates "
        f"({FEWEST_DAYS} that vary are needed)"
    )
    paid = level.now * rule.interval_h / 24.0
    if math.isnan(paid) or math.isnan(float(model.kappa)) or not sd > 0.0:
        words = f"its forecast: from that premium, its wildest bars counted as less wild; {moved}"
        return Standing(calm, last, level, words)

    def beside(theta: float) -> float:
        return stationary_rate(rule, calm._replace(theta=theta))[0] - paid

    reach = clamp_of(rule).dead_band + abs(paid) * rule.formula_h / rule.interval_h + 10.0 * sd
    if not beside(-reach) < 0.0 < beside(reach):
        words = f"its forecast: from that premium, for the rule does not pay what was settled; {moved}"
        return Standing(calm, last, level, words)
    theta = float(brentq(beside, -reach, reach, xtol=1e-12))
    words = f"its forecast: at the level that pays what rates last stood at; {moved}"
    return Standing(calm._replace(theta=theta), last + theta - middle, level, words)


def paid_ahead(rule: FundingRule, to_come: Standing, elapsed_h: float, ahead_h: Float1D) -> Paid:
    """Funding over horizons: through the clamp at the level of now, and on top what the level may do.

    Parameters
    ----------
    rule : FundingRule
    to_come : Standing
        With a speed and a last premium.
    elapsed_h : float
        Of the running interval.
    ahead_h : ndarray of shape (horizons,)
        Increasing hours.
    """
    state = {"elapsed_h": elapsed_h, "average": to_come.last, "last": to_come.last}
    forecasts = [forecast_funding(rule, to_come.model, horizon_h=one, **state) for one in ahead_h.tolist()]
    rates, then = forecasts[-1].rates, stationary_rate(rule, to_come.model)[0]
    mean, shocks = (np.array([getattr(one, name) for one in forecasts]) for name in ("mean", "sd"))
    step_h = rule.interval_h if rule.style == "stamped" else float(ahead_h[-1]) / max(len(rates), 1)
    then *= step_h / rule.interval_h
    now = to_come.level.now
    if math.isnan(now):
        return Paid(mean, np.full(len(mean), np.nan), shocks, rates, then, step_h)
    drift, level_sd = to_come.level.ahead(ahead_h)
    ends = step_h * np.arange(1.0, len(rates) + 2.0)
    moves = np.diff(to_come.level.ahead(ends)[0] - now * ends / 24.0, prepend=0.0)
    moved = mean + drift - now * ahead_h / 24.0
    sd = np.hypot(shocks, level_sd)
    return Paid(moved, sd, shocks, rates + moves[:-1], then + float(moves[-1]), step_h)


def _premium(one: Instrument, panel: Panel) -> tuple[Float1D, str]:
    """The premium at each close, and what it is."""
    column = panel.column(one.id)
    if np.isfinite(panel.premium[:, column]).any():
        return panel.premium[:, column], f"premium of {one.id}: the venue's premium index at the closes"
    price = panel.close[:, column]
    if np.isfinite(panel.index[:, column]).any():
        return basis_rate(panel.index[:, column], price), f"premium of {one.id}: its close over its index"
    spot = panel.spot_of(one)
    if spot is not None:
        words = f"premium of {one.id}: its close over that of {spot.id}, for no index is in the data"
        return basis_rate(panel.close[:, panel.column(spot.id)], price), words
    words = f"premium of {one.id}: not known, neither index nor spot is in the data"
    return np.full(len(panel), np.nan), words


def _interval_means(
    premium: Float1D, settled_at: Int1D, interval_h: Float1D, bar_h: float, rule: FundingRule | None
) -> Float1D:
    """Average premium of each settled interval, weighted as the venue does; NaN where bars are missing."""
    weights = "equal" if rule is None else rule.weights
    means = np.full(len(settled_at), np.nan)
    bars = np.where(np.isfinite(interval_h), np.round(interval_h / bar_h), 0.0).astype(np.int64)
    for count in np.unique(bars[bars >= 1]):
        some = np.flatnonzero((bars == count) & (settled_at >= count - 1))
        rows = settled_at[some, None] + np.arange(1 - count, 1)
        means[some] = averaged(premium[rows], weights)
    return means


def _with_rule(
    found: Funding,
    rule: FundingRule,
    fitted: PremiumFit,
    to_come: Standing,
    premium: Float1D,
    panel: Panel,
    ahead_h: Float1D,
    round_trip: float,
    financing_apr: float,
) -> Funding:
    clamp, share = clamp_of(rule), rule.interval_h / rule.formula_h
    reach = 1.5 * max(clamp.dead_band + abs(clamp.interest), np.nanmax(np.abs(found.premium), initial=0.0))
    grid = np.linspace(-reach, reach, 201)
    inside = np.clip(
        np.clip(clamp.interest, grid - clamp.dead_band, grid + clamp.dead_band), clamp.floor, clamp.cap
    )
    pinned = np.abs(found.settled - clamp.interest * share) <= NEAR
    known = replace(
        found,
        clamp_premium=grid,
        clamp_rate=inside * share,
        pinned=float(pinned.mean()) if len(pinned) else math.nan,
        reason=fitted.half_life_h.reason,
    )
    if math.isnan(to_come.model.kappa) or math.isnan(to_come.last):
        return known
    elapsed, rate, rate_sd = 0.0, math.nan, math.nan
    if rule.style == "stamped":
        hours, means = running_average(premium, panel.time_ns, rule.interval_h, rule.weights)
        elapsed = float(hours[-1])
        rate, rate_sd = _now(rule, fitted.model, elapsed, float(means[-1]), premium)
    paid = paid_ahead(rule, to_come, elapsed, ahead_h)
    held = financing_apr * paid.step_h / YEAR_H
    intervals = break_even_intervals(round_trip, paid.rates, held, paid.then) if len(paid.rates) else math.nan
    return replace(
        known,
        nowcast=rate,
        nowcast_sd=rate_sd,
        ahead_h=ahead_h,
        ahead=paid.mean,
        ahead_sd=paid.sd,
        break_even_h=intervals * paid.step_h,
    )


def _now(
    rule: FundingRule, model: OU, elapsed: float, average: float, premium: Float1D
) -> tuple[float, float]:
    """Rate of the running interval and its standard deviation, from the premium so far; NaN if not known."""
    known = np.flatnonzero(np.isfinite(premium))
    if math.isnan(model.kappa) or not len(known):
        return math.nan, math.nan
    last = float(premium[known[-1]])
    found = nowcast(rule, model, elapsed, average if math.isfinite(average) else last, last)
    return float(found.rate), float(found.rate_sd)
