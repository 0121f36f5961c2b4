"""Funding over a horizon: what it adds up to, which leg pays, and when that has paid for the costs."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from narrows.analytics.clamp import clamp_of, clamped_moments, sum_of_clamped
from narrows.analytics.nowcast import (
    average_ahead,
    average_variance,
    checked,
    decayed,
    loading,
)
from narrows.analytics.ou import OU
from narrows.core.arrays import Float1D, Float2D, FloatArray
from narrows.core.errors import ConfigError
from narrows.rulebook.rules import FundingRule

_NODES, _SHARES = np.polynomial.legendre.leggauss(16)
_MOMENTS = 96  # at which accrued funding is looked at over a horizon


class FundingForecast(NamedTuple):
    """What a short of constant notional receives over a horizon, fraction of notional.

    Attributes
    ----------
    mean, sd : float
        Negative mean = the short pays.
    settlements : int
        How many fall into the horizon; of accrued funding the moments that it was looked at.
    rates : ndarray of shape (settlements,)
        Expected rate of each.
    """

    mean: float
    sd: float
    settlements: int
    rates: Float1D


NO_FUNDING = FundingForecast(0.0, 0.0, 0, np.empty(0))  # of spot and dated futures


class Payer(NamedTuple):
    """Which leg of a spread is paid over a horizon, as if first is long and second is short.

    Attributes
    ----------
    mean, sd : float
        Received by the spread, fraction of one leg's notional.
    chance : float
        Probability that the spread as it stands receives; NaN where nothing is expected at all.
    short : "first", "second" or "neither"
        The leg that has to be short to be paid.
    """

    mean: float
    sd: float
    chance: float
    short: str


def _averages(
    rule: FundingRule, model: OU, elapsed_h: float, average: float, last: float, count: int
) -> tuple[Float1D, Float2D]:
    """Means and covariances of the average premiums of the running interval and those after it."""
    kappa, theta, sigma = checked(model)
    length, span = rule.interval_h, rule.interval_h - elapsed_h
    first, first_sd = average_ahead(rule.weights, length, elapsed_h, average, last, model)
    full = float(loading(rule.weights, length, kappa, length))
    own = sigma**2 * float(average_variance(rule.weights, length, kappa, length))
    starts: FloatArray = span + length * np.arange(
        count - 1, dtype=np.float64
    )  # hours from now, of the later intervals
    at_start = sigma**2 * decayed(2.0 * kappa, starts)
    mean = np.append(first, theta + full * np.exp(-kappa * starts) * (last - theta))
    variance = np.append(np.square(first_sd), full**2 * at_start + own)
    with_end = np.append(
        sigma**2 * _shared(rule, kappa, span),
        full * np.exp(-kappa * length) * at_start + sigma**2 * _shared(rule, kappa, length),
    )
    ends = np.append(span, starts + length)
    apart = np.append(0.0, starts)[None, :] - ends[:, None]
    covariance = np.triu(full * with_end[:, None] * np.exp(-kappa * np.maximum(apart, 0.0)), 1)
    return mean, covariance + covariance.T + np.diag(variance)


def _shared(rule: FundingRule, kappa: float, span: float) -> float:
    """Covariance of an interval's average with the premium at its end, from shocks in its last hours."""
    edges = np.linspace(0.0, span, 2 + int(kappa * span / 4.0))
    total = 0.0
    for low, high in pairwise(edges):
        ages = low + (high - low) * (0.5 + 0.5 * _NODES)
        at = loading(rule.weights, rule.interval_h, kappa, ages) * np.exp(-kappa * ages)
        total += float(at @ _SHARES) * 0.5 * (high - low)
    return total


def _moments(model: OU, last: float, times: FloatArray) -> tuple[Float1D, Float2D]:
    """Means and covariances of the premium itself at some hours from now."""
    kappa, theta, sigma = checked(model)
    mean = theta + (last - theta) * np.exp(-kappa * times)
    earlier = np.minimum(times[:, None], times)
    apart = np.abs(times[:, None] - times)
    return mean, sigma**2 * np.exp(-kappa * apart) * decayed(2.0 * kappa, earlier)


def forecast_funding(
    rule: FundingRule,
    model: OU,
    *,
    elapsed_h: float,
    average: float,
    last: float,
    horizon_h: float,
) -> FundingForecast:
    """Sum of the funding that is settled in the next hours, through the clamp interval by interval.

    Parameters
    ----------
    rule : FundingRule
        If accrued, every moment is clamped by itself and neither elapsed nor average is read. Where
        it `applies` to the next interval, the sum is of the rates made, not yet paid.
    model : OU
        Of the premium; time in hours.
    elapsed_h, average, last : float
        As `narrows.analytics.nowcast.average_ahead`.
    horizon_h : float
        A settlement at its very end counts.

    Returns
    -------
    FundingForecast
        NaN where an input that counts is. Each expected rate is exact for an Ornstein–Uhlenbeck premium; the
        standard deviation of the sum leaves out less than 0.1 % of it (see
        `narrows.analytics.clamp.sum_of_clamped`). That the model itself is estimated is not in it.

    Raises
    ------
    ConfigError
        If the horizon is negative or not finite, or as `average_ahead`.
    """
    if not 0.0 <= horizon_h < np.inf:
        raise ConfigError(f"horizon of {horizon_h} h", "forecast_funding", "give hours >= 0")
    clamp = clamp_of(rule)
    if np.isnan(checked(model)).any() or np.isnan(last):
        return FundingForecast(np.nan, np.nan, 0, np.empty(0))
    if rule.style == "accrued":
        width = horizon_h / _MOMENTS
        middles: FloatArray = (np.arange(_MOMENTS, dtype=np.float64) + 0.5) * width
        mean, covariance = _moments(model, last, middles)
        count, share = _MOMENTS, width / rule.formula_h
    else:
        count = int((elapsed_h + horizon_h) / rule.interval_h + 1e-9)
        share = rule.interval_h / rule.formula_h
        if count == 0:
            return NO_FUNDING
        mean, covariance = _averages(rule, model, elapsed_h, average, last, count)
    rates = clamped_moments(mean, np.sqrt(np.diag(covariance)), clamp)[0] * share
    if np.isnan(mean).any():
        return FundingForecast(np.nan, np.nan, count, rates)
    total, sd = sum_of_clamped(mean, covariance, np.full(count, share), clamp)
    return FundingForecast(total, sd, count, rates)


def stationary_rate(rule: FundingRule, model: OU) -> tuple[float, float]:
    """Mean and standard deviation of a settled rate in the long run, fractions per interval.

    Of accrued funding: of the rate at one moment, per `interval_h`.
    """
    kappa, theta, sigma = checked(model)
    variance = sigma**2 / (2.0 * kappa)
    if rule.style == "stamped":
        gain = float(loading(rule.weights, rule.interval_h, kappa, rule.interval_h))
        variance = variance * gain**2 + sigma**2 * float(
            average_variance(rule.weights, rule.interval_h, kappa, rule.interval_h)
        )
    mean, sd = clamped_moments(theta, variance**0.5, clamp_of(rule))
    share = rule.interval_h / rule.formula_h
    return float(mean) * share, float(sd) * share


def which_leg_pays(first: FundingForecast, second: FundingForecast, correlation: float) -> Payer:
    """Net funding of a spread (first leg long, second short) over a horizon, and the leg to be short of.

    Parameters
    ----------
    first, second : FundingForecast
        Of each leg over the same horizon; `NO_FUNDING` for spot and dated futures.
    correlation : float
        Of the two sums; 0 = independent. Two perpetuals of one coin are nearer to 1.

    Raises
    ------
    ConfigError
        If the correlation is not in [−1, 1].
    """
    if not -1.0 <= correlation <= 1.0:
        raise ConfigError(f"correlation {correlation}", "which_leg_pays", "give one in [-1, 1]")
    mean = second.mean - first.mean
    variance = first.sd**2 + second.sd**2 - 2.0 * correlation * first.sd * second.sd
    sd = max(variance, 0.0) ** 0.5 if not np.isnan(variance) else np.nan
    if np.isnan(mean) or mean == 0.0:
        return Payer(mean, sd, 0.5 if mean == 0.0 and sd > 0.0 else np.nan, "neither")
    chance = float(ndtr(mean / sd)) if sd > 0.0 else float(mean > 0.0)
    return Payer(mean, sd, np.nan if np.isnan(sd) else chance, "second" if mean > 0.0 else "first")


def break_even_intervals(
    cost: float, rates: float | FloatArray, financing: float, then: float = 0.0
) -> float:
    """Funding intervals until ``Σ (E[rate] − financing)`` has paid a cost.

    For rates that change on the way; of a carry a year that lasts, `carry.break_even_h` gives hours.

    Parameters
    ----------
    cost : float
        Fraction of one leg's notional, in and out.
    rates : float or ndarray of shape (intervals,)
        Expected rate: one that lasts, or a path (`FundingForecast.rates`) that `then` follows.
    financing : float
        Cost of holding, fraction per interval.
    then : float
        Rate after a path; `stationary_rate` gives it. 0: nothing is expected there.

    Returns
    -------
    float
        Intervals, with the fraction of the last one; 0 for a cost that is not positive, inf if it
        is never earned, NaN if an input that counts is NaN. The first time counts, even if what was
        earned is lost again later.
    """
    path = np.atleast_1d(np.asarray(rates, float)) - financing
    rest = (float(rates) if np.ndim(rates) == 0 else then) - financing
    if np.isnan(cost) or np.isnan(path).any():
        return np.nan
    if cost <= 0.0:
        return 0.0
    earned = np.append(0.0, np.cumsum(path))
    done = np.flatnonzero(earned >= cost)
    if len(done):
        row = int(done[0])
        return row - 1 + float((cost - earned[row - 1]) / path[row - 1])
    if np.isnan(rest):
        return np.nan
    return len(path) + float(cost - earned[-1]) / rest if rest > 0.0 else np.inf
