"""The convergence study of one spread: what its gap should be, whether it will close, and when."""

import math

import numpy as np

from narrows.analytics.basis import basis_rate
from narrows.analytics.equilibrium import error_correction
from narrows.analytics.estimate import NORMAL_90, Estimate
from narrows.analytics.fairvalue import band, outside
from narrows.analytics.ou import OU, transition
from narrows.analytics.ou_fit import OUFit, fit_ou
from narrows.analytics.study import Correction, Equilibrium, Study
from narrows.analytics.unitroot import convergence
from narrows.core.arrays import Float1D, Int1D
from narrows.core.config import Desk
from narrows.core.errors import DataError
from narrows.core.panel import Panel
from narrows.core.spread import Spread, chosen
from narrows.core.time import HOUR_NS
from narrows.research.fair import costs_of, financing_of
from narrows.research.study_expiry import Outlook, expiry_of
from narrows.research.study_funding import funding_of, tamed_moments
from narrows.sim.inputs import prepared
from narrows.sim.layout import layout
from narrows.sim.terms import rules_of

VERDICT_H = 90 * 24.0  # of the last bars, in which a gap without delivery is judged
WINDOW_H = 30 * 24.0  # of a window of the half-life, at least
MOST_WINDOWS = 24
LAGS = 2  # changes of both legs in the error-correction form
NORMAL_QUANTILES = (-NORMAL_90, -0.6744897501960817, 0.0, 0.6744897501960817, NORMAL_90)


def study(desk: Desk, panel: Panel, wanted: str) -> Study:
    """Everything that the bars of a panel say about one spread, as of the last of them.

    Parameters
    ----------
    desk : Desk
        Whose costs, financing and rules the band is made of.
    panel : Panel
        All its bars are used; other dated contracts in it are the cycles that a dated one is compared with.
    wanted : str
        The spread's id, or a part of it that only one has.

    Raises
    ------
    ConfigError
        If the spread is not one of the universe, or as `layout`.
    DataError
        If fewer than two bars have prices of both legs.
    """
    spread = chosen(panel.instruments, desk.universe.spreads, wanted)
    panel = prepared(desk, panel)
    first, second = (leg.instrument for leg in spread.legs)
    prices = [panel.close[:, panel.column(one.id)] for one in (first, second)]
    both = np.flatnonzero(np.isfinite(prices[0]) & np.isfinite(prices[1]))
    if len(both) < 2:
        raise DataError(
            f"{len(both)} bars have prices of both legs", spread.id, "give a window that has some"
        )
    last = int(both[-1]) + 1
    return _studied(desk, spread, panel.rows(int(both[0]), last), panel.rows(0, last))


def _studied(desk: Desk, spread: Spread, panel: Panel, history: Panel) -> Study:
    """The study of bars in which the spread lives; `history` has what came before, for other cycles."""
    first, second = (leg.instrument for leg in spread.legs)
    plan = layout(desk, panel, [spread], int(panel.time_ns[-1]))
    costs, financing = costs_of(panel, [spread], plan)[0], financing_of(desk, spread)
    gap = basis_rate(*(panel.close[:, panel.column(one.id)] for one in (first, second)))
    fair = band(spread, panel, rules_of(desk), financing, costs)
    deviation = gap - np.where(np.isfinite(fair.fair), fair.fair, 0.0)
    round_trip = 2.0 * (costs.first + costs.second)
    notes = [*_words(spread, fair.reason, round_trip), *panel.notes]
    expiry, outlook = None, None
    if runs_off(spread):
        expiry, outlook, anchor = expiry_of(spread, history, financing, costs)
        notes.append(f"dated contracts are compared with {anchor}")
        if spread.legs[0].instrument.kind == "future":
            outlook = None  # of the far contract over spot, which is not this gap
    borrow = float(np.max(np.asarray(financing.borrow)))
    paid = [
        funding_of(one, panel, rules_of(desk), round_trip, borrow, desk.risk.horizon_h)
        for one in (first, second)
        if one.kind == "perp"
    ]
    return Study(
        spread=spread,
        bar_h=panel.bar_h,
        time_ns=panel.time_ns,
        basis=gap,
        lo=fair.lo,
        fair=fair.fair,
        hi=fair.hi,
        outside=outside(fair, gap),
        round_trip=round_trip,
        expiry=expiry,
        equilibrium=_equilibrium(desk, spread, panel, deviation, fair.fair, outlook),
        funding=tuple(found for found, _ in paid),
        notes=(*notes, *(source for _, source in paid)),
    )


def runs_off(spread: Spread) -> bool:
    """Whether the gap is carried to delivery; that of parity is none from the start."""
    return bool(spread.expiry_ns) and spread.kind != "parity"


def _words(spread: Spread, reason: str, round_trip: float) -> list[str]:
    found = [
        f"the gap is {spread.legs[1].instrument.id} over {spread.legs[0].instrument.id} − 1, at the closes",
        f"fees and half spreads of both legs, in and out, are {1e4 * round_trip:.1f} bp; no depth is counted",
        "intervals are 90 %; forecasts take shocks as Gaussian, and of a gap its parameters as known",
        "reversion, premium and funding: the last 90 days; what has a delivery, and who leads: all bars",
    ]
    return [*found, f"the band at the last bar: {reason}"] if reason else found


def _equilibrium(
    desk: Desk, spread: Spread, panel: Panel, deviation: Float1D, fair: Float1D, outlook: Outlook | None
) -> Equilibrium:
    """Reversion of the deviation from fair, and who does it."""
    hours = panel.time_ns / HOUR_NS
    dated = runs_off(spread)
    recent = 0 if dated else max(0, len(panel) - round(VERDICT_H / panel.bar_h))
    verdict = convergence(deviation[recent:])
    fitted = fit_ou(deviation[recent:], hours[recent:])
    ends, lives = (np.empty(0, np.int64), ()) if dated else _windows(panel, deviation)
    legs, life, leads_reason = _corrections(spread, panel)
    if dated:
        fan_h, fan = _run_off(deviation, fair, outlook)
    else:
        fan_h, fan = _fan(desk, spread, panel, deviation, fair, _calm(fitted, deviation[recent:]))
    worst = fitted.worst_bar
    return Equilibrium(
        state=verdict.state,
        reason=verdict.reason,
        half_life_h=fitted.half_life,
        correction_half_life_h=life,
        windows_ns=ends,
        half_lives=lives,
        legs=legs,
        leads_reason=leads_reason,
        fan_h=fan_h,
        fan=fan,
        worst_bar_ns=0 if worst is None else int(panel.time_ns[recent + worst.bar]),
        worst_bar_influence=math.nan if worst is None else worst.ratio - 1.0,
    )


def _windows(panel: Panel, deviation: Float1D) -> tuple[Int1D, tuple[Estimate, ...]]:
    """Half-lives in windows beside each other, the last one ending at the last bar."""
    least = max(2, round(WINDOW_H / panel.bar_h))
    count = min(MOST_WINDOWS, len(panel) // least)
    if count < 2:
        return np.empty(0, np.int64), ()
    width = len(panel) // count
    stops = len(panel) - width * np.arange(count - 1, -1, -1)
    hours = panel.time_ns / HOUR_NS
    lives = tuple(
        fit_ou(deviation[stop - width : stop], hours[stop - width : stop]).half_life for stop in stops
    )
    return panel.time_ns[stops - 1], lives


def _centre(deviation: Float1D, fair: Float1D) -> tuple[float, float]:
    """Where the gap last stood: its deviation, and what it deviates from."""
    last = int(np.flatnonzero(np.isfinite(deviation))[-1])
    return float(deviation[last]), float(fair[last]) if np.isfinite(fair[last]) else 0.0


def _run_off(
    deviation: Float1D, fair: Float1D, outlook: Outlook | None
) -> tuple[Float1D, tuple[Float1D, ...]]:
    """Quantiles of the gap on its way to delivery; of fair value, the carry runs off evenly."""
    if outlook is None:
        return np.empty(0), ()
    _, centre = _centre(deviation, fair)
    left = 1.0 - outlook.ahead_h / outlook.ahead_h[-1]
    return outlook.ahead_h, tuple(centre * left + one for one in outlook.quantiles)


def _calm(fitted: OUFit, deviation: Float1D) -> OU:
    """The fitted speed, with a level and a spread that no crash of the sample has made."""
    kappa = fitted.kappa.value
    middle, sd = tamed_moments(deviation)
    return OU(kappa, middle, sd * math.sqrt(2.0 * kappa) if kappa > 0.0 else math.nan)


def _fan(
    desk: Desk, spread: Spread, panel: Panel, deviation: Float1D, fair: Float1D, process: OU
) -> tuple[Float1D, tuple[Float1D, ...]]:
    """Quantiles of the gap in the hours ahead as it reverts, until delivery at most."""
    if not (process.kappa > 0.0 and math.isfinite(process.theta) and math.isfinite(process.sigma)):
        return np.empty(0), ()
    ahead = desk.risk.horizon_h
    if spread.expiry_ns:
        ahead = min(ahead, (spread.expiry_ns - int(panel.time_ns[-1])) / HOUR_NS)
    if not ahead > 0.0:
        return np.empty(0), ()
    now, centre = _centre(deviation, fair)
    ahead_h = np.linspace(0.0, ahead, 73)
    kept, variance = transition(process, ahead_h)
    mean = centre + process.theta + (now - process.theta) * kept
    return ahead_h, tuple(mean + quantile * np.sqrt(variance) for quantile in NORMAL_QUANTILES)


def _corrections(spread: Spread, panel: Panel) -> tuple[tuple[Correction, ...], Estimate, str]:
    """What each leg does about the gap, the half-life of that, and who leads."""
    first, second = (leg.instrument for leg in spread.legs)
    logs = [np.log(panel.close[:, panel.column(one.id)]) for one in (first, second)]
    found = error_correction(logs[0], logs[1], LAGS, panel.bar_h, "hac")
    led = found.discovery
    towards = [_turned(found.alpha[0]), found.alpha[1]]  # the gap is first − second
    bounds = [(led.lower, led.upper, led.modified), (1.0 - led.upper, 1.0 - led.lower, 1.0 - led.modified)]
    legs = tuple(
        Correction(leg=one.id, share=share, leads_lo=low, leads_hi=high, leads=modified)
        for one, share, (low, high, modified) in zip((first, second), towards, bounds, strict=True)
    )
    return legs, found.half_life, found.reason or led.verdict


def _turned(found: Estimate) -> Estimate:
    return Estimate(-found.value, -found.hi, -found.lo, found.reason)
