"""Fitting an Ornstein–Uhlenbeck process: how fast a gap closes, between which speeds, and whether it does."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri

from narrows.analytics.estimate import Estimate, constant, unknown
from narrows.analytics.ou import OU, Sample, half_life, known_sample
from narrows.analytics.ou_profile import (
    SLOWEST,
    Roots,
    mean_ends,
    most_likely,
    profile,
    quantile_curves,
    roots,
    sums_by_step,
)
from narrows.core.arrays import Float1D, Float2D, FloatArray

LEAST_STEPS = 10  # fewer between known values and nothing is said
_LEVEL = 0.90


class Influence(NamedTuple):
    """The bar without which the speed would change most.

    Attributes
    ----------
    bar : int
        Its row in the series that was fitted.
    half_life : Estimate
        Half-life without it.
    ratio : float
        Half-life without it over half-life with it; NaN where both are infinite.
    """

    bar: int
    half_life: Estimate
    ratio: float


@dataclass(frozen=True)
class OUFit:
    """What a series says of the process that made it. Times in the unit of the `time` given.

    Attributes
    ----------
    ou : OU
        The most likely parameters (plug-in). Its kappa is biased up, by about 4/span for a slow
        process, and below 0 where the sample runs away from its mean: use `kappa`, never this, to
        judge a half-life. NaN where nothing could be fitted.
    kappa, half_life : Estimate
        Median-unbiased, with 90 % interval. ``half_life.hi`` is inf and `reason` says so where a
        random walk is not refuted; a kappa of 0 is no reversion at all.
    theta, sigma : Estimate
        Mean and volatility with 90 % intervals; the mean's is infinite where there may be none.
    observations : int
        Known values.
    span : float
        Time between the first and the last of them.
    worst_bar : Influence or None
        The bar with most influence; None where nothing could be fitted.
    """

    ou: OU
    kappa: Estimate
    half_life: Estimate
    theta: Estimate
    sigma: Estimate
    observations: int
    span: float
    worst_bar: Influence | None


class _Prepared(NamedTuple):
    """A sample ready to be fitted: sums by step, and the scale of its times."""

    sums: Float2D
    centre: float
    span: float
    fastest: float


def _prepared(values: Float1D, time: Float1D) -> _Prepared:
    centre = float(values.mean())
    steps = np.diff(time)
    return _Prepared(
        sums_by_step(values, time, centre), centre, float(steps.sum()), SLOWEST / float(np.median(steps))
    )


def unusable(values: Float1D) -> str:
    """Why known values cannot be fitted, in words; empty if they can.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Without NaN.
    """
    if len(values) <= LEAST_STEPS:
        return f"not identified: {len(values)} known values, {LEAST_STEPS + 1} are needed"
    moves = np.diff(values)
    if constant(values):
        return "not identified: the values never change"
    if np.ptp(moves) <= 1e-9 * np.abs(moves).max():
        return "not identified: the values lie on a straight line"
    return ""


def speed_reason(found: Roots) -> str:
    """What is to be said of a speed and its interval, in words; empty if there is nothing."""
    if found.hi == 0.0:
        return "not converging: it moves away from its mean"
    if found.median == 0.0:
        return "not converging: no reversion is the likelier reading"
    if found.lo == 0.0:
        return "not identified: a random walk is not refuted"
    if math.isinf(found.hi):
        return "not identified: it may revert within one step"
    return ""


def speed_estimates(found: Roots) -> tuple[Estimate, Estimate]:
    """Speed and half-life of what the likelihood gave."""
    reason = speed_reason(found)
    kappa = Estimate(found.median, found.lo, found.hi, reason)
    return kappa, Estimate(half_life(found.median), half_life(found.hi), half_life(found.lo), reason)


def _theta(ready: _Prepared, found: Roots, curves: Float2D) -> Estimate:
    """Mean at the median-unbiased speed; its interval from the likelihood ratio over all speeds."""
    if found.median == 0.0:
        return Estimate(math.nan, -math.inf, math.inf, "not identified: without reversion there is no mean")
    speed = min(found.median, ready.fastest)
    value = ready.centre + profile(speed, ready.sums).drift / speed
    lo, hi = mean_ends(ready.span, found, ready.fastest, ready.sums, curves)
    reason = "" if math.isfinite(lo) else "not identified: a random walk, which has no mean, is not refuted"
    return Estimate(value, ready.centre + lo, ready.centre + hi, reason)


def _log_variance(ready: _Prepared, kappa: float) -> float:
    """Logarithm of the squared volatility at a speed."""
    if math.isinf(kappa):
        return math.inf
    return math.log(profile(kappa, ready.sums).squares / (ready.sums[1].sum() - 2.0))


def _sigma(ready: _Prepared, found: Roots) -> Estimate:
    """Volatility: what errors and speed leave open, joined as Zou & Donner's MOVER joins intervals."""
    at, slow, fast = (_log_variance(ready, kappa) for kappa in (found.median, found.lo, found.hi))
    if math.isinf(at):
        return unknown("not identified: it may revert within one step")
    free = ready.sums[1].sum() - 2.0
    below = math.log(chdtri(free, 0.5 * (1.0 - _LEVEL)) / free)
    above = -math.log(chdtri(free, 0.5 * (1.0 + _LEVEL)) / free)
    lo = at - math.hypot(below, max(at - slow, 0.0))
    hi = at + math.hypot(above, max(fast - at, 0.0))
    reason = "" if math.isfinite(hi) else "not identified: it may revert within one step"
    return Estimate(math.exp(0.5 * at), math.exp(0.5 * lo), math.exp(0.5 * hi), reason)


def _plug_in(ready: _Prepared, kappa: float) -> OU:
    at = profile(min(kappa, ready.fastest), ready.sums)
    if math.isinf(kappa):
        return OU(kappa, ready.centre + at.drift / ready.fastest, math.inf)
    theta = ready.centre + at.drift / kappa if kappa != 0.0 else math.nan
    return OU(kappa, theta, math.sqrt(at.squares / ready.sums[1].sum()))


def most_likely_ou(values: FloatArray, time: FloatArray) -> OU:
    """The parameters of greatest likelihood, given the first value; for steps of one length, least squares.

    Mean and volatility are maximised out in closed form, so the search is along the speed alone.

    Parameters
    ----------
    values, time
        As in `fit_ou`.

    Returns
    -------
    OU
        Biased as `OUFit.ou` says. kappa and sigma are inf where one bar knows nothing of the last;
        NaN throughout if there are too few values or they never change.

    Raises
    ------
    ConfigError, DataError
        As `known_sample`.
    """
    sample = known_sample(values, time)
    if unusable(sample.values):
        return OU(math.nan, math.nan, math.nan)
    ready = _prepared(sample.values, sample.time)
    return _plug_in(ready, most_likely(ready.span, ready.fastest, ready.sums))


def _scores(move: Float1D, x: Float1D, step: Float1D, ready: _Prepared, kappa: float) -> FloatArray:
    """Slopes of each step's log-likelihood in speed, drift and log variance at their best: (3, steps)."""
    at = profile(kappa, ready.sums)
    variance = at.squares / ready.sums[1].sum()
    change = 1e-4 * max(abs(kappa), 1.0 / ready.span)
    sides = []
    for near in (kappa - change, kappa + change):
        decay = np.expm1(-near * step)
        push = -decay / near
        spread = variance * push * (1.0 + 0.5 * decay)
        error = move - decay * x - at.drift * push
        sides.append((-0.5 * (np.log(spread) + error**2 / spread), error * push / spread, error**2 / spread))
    low, high = np.array(sides)
    middle = 0.5 * (low + high)
    return np.array(((high[0] - low[0]) / (2.0 * change), middle[1], 0.5 * (middle[2] - 1.0)))


def _suspect(sample: Sample, ready: _Prepared, kappa: float) -> int:
    """The known value whose absence moves the speed most: found to first order, told from its neighbours."""
    x = sample.values - ready.centre
    single = _scores(np.diff(x), x[:-1], np.diff(sample.time), ready, kappa)
    across = _scores(x[2:] - x[:-2], x[:-2], sample.time[2:] - sample.time[:-2], ready, kappa)
    turn = np.hstack((-single[:, :1], across - single[:, :-1] - single[:, 1:], -single[:, -1:]))
    # what of a turn drift and variance can take up does not move the speed
    taken = np.linalg.lstsq(single[1:].T, single[0], rcond=None)[0]
    at = int(np.abs(turn[0] - taken @ turn[1:]).argmax())
    near = range(max(at - 1, 0), min(at + 2, len(x)))
    moved = [abs(_speed_without(sample, row, ready) - kappa) for row in near]
    return near[int(np.argmax(moved))]


def _speed_without(sample: Sample, row: int, ready: _Prepared) -> float:
    values, time = np.delete(sample.values, row), np.delete(sample.time, row)
    sums = sums_by_step(values, time, ready.centre)
    return min(most_likely(float(time[-1] - time[0]), ready.fastest, sums), ready.fastest)


def _found(values: Float1D, time: Float1D) -> tuple[_Prepared, Roots]:
    ready = _prepared(values, time)
    curves = quantile_curves(len(values) - 1)
    return ready, roots(ready.span, ready.fastest, ready.sums, curves)


def _worst_bar(sample: Sample, ready: _Prepared, found: Roots) -> Influence | None:
    at = _suspect(sample, ready, min(found.best, ready.fastest))
    values, time = np.delete(sample.values, at), np.delete(sample.time, at)
    if reason := unusable(values):
        return Influence(int(sample.row[at]), unknown(reason), math.nan)
    without = speed_estimates(_found(values, time)[1])[1]
    whole = half_life(found.median)
    ratio = without.value / whole if 0.0 < whole < math.inf else math.nan
    return Influence(int(sample.row[at]), without, ratio)


def fit_ou(values: FloatArray, time: FloatArray) -> OUFit:
    """Fit an OU process by exact likelihood, with intervals that hold near a random walk.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The gap, in any unit. NaN = not known: skipped, the step over it is longer.
    time : ndarray of shape (n,)
        Strictly rising, in any unit of time (narrows gives hours); kappa is per that unit. Steps
        may differ.

    Returns
    -------
    OUFit
        With fewer than 11 known values, or values that never change, every estimate is NaN and
        says why.

    Raises
    ------
    ConfigError, DataError
        As `known_sample`.

    Notes
    -----
    The interval holds the speeds whose likelihood ratio is not in a tail of its own law, which is
    simulated over the number of steps and speed × span, from stationary starts (`ou_quantiles`):
    Andrews' median-unbiased idea with Hansen's pivot. A window chosen *because* it starts far from
    the mean tells more of the speed than the table allows for. Measurement noise looks like fast
    reversion: use `fit_noisy_ou` where bid and ask bounce. Coverage: docs/coverage/ou.md.

    References
    ----------
    Andrews (1993), Exactly Median-Unbiased Estimation of First Order Autoregressive / Unit Root
    Models, Econometrica 61(1). Hansen (1999), The Grid Bootstrap and the Autoregressive Model,
    REStat 81(4). Zou & Donner (2008), Construction of confidence limits about effect measures,
    Statistics in Medicine 27.
    """
    sample = known_sample(values, time)
    span = float(sample.time[-1] - sample.time[0]) if len(sample.time) else 0.0
    if reason := unusable(sample.values):
        none = unknown(reason)
        return OUFit(OU(math.nan, math.nan, math.nan), none, none, none, none, len(sample.values), span, None)
    ready, found = _found(sample.values, sample.time)
    kappa, life = speed_estimates(found)
    return OUFit(
        ou=_plug_in(ready, found.best),
        kappa=kappa,
        half_life=life,
        theta=_theta(ready, found, quantile_curves(len(sample.values) - 1)),
        sigma=_sigma(ready, found),
        observations=len(sample.values),
        span=span,
        worst_bar=_worst_bar(sample, ready, found),
    )


def jackknife_kappa(values: FloatArray, time: FloatArray) -> float:
    """Speed with most of its bias removed: twice that of the whole less the mean of that of its halves.

    Parameters
    ----------
    values, time
        As in `fit_ou`; at least 21 known values.

    Returns
    -------
    float
        NaN with fewer values or where a half never changes. Less biased, not less scattered: for a
        slow process a quarter of these are below 0. `fit_ou` gives an interval instead.

    Raises
    ------
    ConfigError, DataError
        As `known_sample`.

    References
    ----------
    Phillips & Yu (2005), Jackknifing Bond Option Prices, RFS 18(2), equation 19 with m = 2.
    """
    sample = known_sample(values, time)
    middle = (len(sample.values) - 1) // 2
    whole, *halves = (
        most_likely_ou(sample.values[part], sample.time[part]).kappa
        for part in (slice(None), slice(0, middle + 1), slice(middle, None))
    )
    return 2.0 * whole - 0.5 * sum(halves)
