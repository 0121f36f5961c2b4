"""The power bridge: a deviation that must be gone at delivery, and how fast it goes, cycle by cycle.

``dB = −alpha · B / (T − t) dt + sigma dW``. Divided by the root of the time to expiry it is an
Ornstein–Uhlenbeck process in the *logarithm* of that time, with speed alpha − ½: ten days to one day tell
as much as ninety days to nine, and a cycle seen over a short part of its life tells little. Near
expiry what is left of B is smaller than the noise of quotes, so that noise has a place in the
likelihood. Time is in any unit, one throughout; B is the deviation from fair value, a fraction.

References
----------
Liu & Longstaff (2004), RFS 17(3), and Brennan & Schwartz (1990), J. Business 63: the case alpha = 1.
"""

import math
from typing import NamedTuple, cast

import numpy as np
from numba import njit
from scipy.special import ndtri

from narrows.analytics.estimate import Estimate, unknown
from narrows.core.arrays import Float1D, Float2D, FloatArray, read_only
from narrows.core.errors import ConfigError, DataError

LEAST_OBSERVATIONS = 12
LEAST_FALL = 3.0  # of the time to expiry over what is seen; with less intervals do not hold what they say
ALPHAS = read_only(np.linspace(-2.0, 12.0, 141))  # where the profile is computed
_RATIOS = read_only(np.append(0.0, np.geomspace(1e-3, 1e3, 25)))  # noise² / (sigma² · median step)
_HALF_CHI2 = (
    0.5 * float(ndtri(0.95)) ** 2
)  # of one degree of freedom at 90 %; 5 % for noise, which is one-sided


class Moments(NamedTuple):
    """Mean and variance of a deviation at a later time; squared unit of the deviation."""

    mean: FloatArray
    variance: FloatArray


class Speed(NamedTuple):
    """How one cycle converges.

    Attributes
    ----------
    alpha : Estimate
        1: on average a straight line to delivery, as a constant carry gives by itself; above: early, below:
        late; 0 or less: not at all. 90 % profile-likelihood interval.
    sigma : float
        Deviation per root of the unit of time, at the best alpha.
    noise : float
        Standard deviation of the measurement noise at the best alpha; 0 if none was allowed.
    log_likelihood : Float1D
        Profile over `ALPHAS`, largest 0; empty if there were too few observations.
    observations : int
        Known ones.
    """

    alpha: Estimate
    sigma: float
    noise: float
    log_likelihood: Float1D
    observations: int


@njit(cache=True)
def _unit_variance(alpha: float, before: float, after: float) -> float:
    """Variance gained on the way from `before` to `after` of expiry, for sigma = 1; its limit at delivery."""
    if after == 0.0:
        return 0.0 if alpha > 0.0 else before if alpha == 0.0 else math.inf
    power, logs = 2.0 * alpha - 1.0, math.log(before / after)
    if abs(power) * logs < 1e-12:
        return after * logs
    return -after * math.expm1(-power * logs) / power


@njit(cache=True)
def _unit_variances(alpha: float, before: float, after: Float1D) -> Float1D:
    out = np.empty(len(after))
    for n in range(len(after)):
        out[n] = _unit_variance(alpha, before, after[n])
    return out


@njit(cache=True)
def _filter(shares: Float1D, gained: Float1D, values: Float1D, noise: float) -> tuple[float, float]:
    """Kalman pass at sigma = 1: sums of log variances and of squared standardised misses.

    `noise` is the variance of measurement over sigma². The first value stands for what is not known before
    it, and has no likelihood of its own.
    """
    level, unsure, logs, squares = values[0], noise, 0.0, 0.0
    for n in range(len(shares)):
        level *= shares[n]
        unsure = unsure * shares[n] ** 2 + gained[n]
        total = unsure + noise
        miss = values[n + 1] - level
        logs += np.log(total)
        squares += miss**2 / total
        level += unsure / total * miss
        unsure *= noise / total
    return logs, squares


@njit(cache=True)
def _concentrated(shares: Float1D, gained: Float1D, values: Float1D, noise: float) -> tuple[float, float]:
    """Log-likelihood at the best sigma, up to a constant, and that sigma²."""
    logs, squares = _filter(shares, gained, values, noise)
    variance = squares / len(shares)
    return -0.5 * (logs + len(shares) * np.log(variance)), variance


@njit(cache=True)
def _steps(left: Float1D, alpha: float) -> tuple[Float1D, Float1D]:
    """What a bridge keeps of its deviation from each time to the next, and the variance it gains."""
    shares = (left[1:] / left[:-1]) ** alpha
    gained = np.empty(len(shares))
    for n in range(len(shares)):
        gained[n] = _unit_variance(alpha, left[n], left[n + 1])
    return shares, gained


@njit(cache=True)
def _best_noise(
    shares: Float1D, gained: Float1D, values: Float1D, ratios: Float1D
) -> tuple[float, float, float]:
    """Greatest log-likelihood over the noise, with sigma² and the noise over sigma² that give it."""
    best, variance = _concentrated(shares, gained, values, ratios[0])
    place = 0
    for n in range(1, len(ratios)):
        found, other = _concentrated(shares, gained, values, ratios[n])
        if found > best:
            best, variance, place = found, other, n
    ratio = ratios[place]
    if place == 0:
        return best, variance, ratio
    low, high = np.log(ratios[max(place - 1, 1)]), np.log(ratios[min(place + 1, len(ratios) - 1)])
    for _ in range(16):  # golden section: 0.618¹⁶ of the bracket is left
        inner, outer = high - 0.6180339887498949 * (high - low), low + 0.6180339887498949 * (high - low)
        if (
            _concentrated(shares, gained, values, np.exp(inner))[0]
            > _concentrated(shares, gained, values, np.exp(outer))[0]
        ):
            high = outer
        else:
            low = inner
    middle = np.exp(0.5 * (low + high))
    found, other = _concentrated(shares, gained, values, middle)
    return (found, other, middle) if found > best else (best, variance, ratio)


@njit(cache=True)
def _profile(left: Float1D, values: Float1D, alphas: Float1D, ratios: Float1D) -> Float2D:
    """Rows of log-likelihood, sigma² and noise over sigma² at each alpha."""
    out = np.empty((3, len(alphas)))
    for n in range(len(alphas)):
        shares, gained = _steps(left, alphas[n])
        out[0, n], out[1, n], out[2, n] = _best_noise(shares, gained, values, ratios)
    return out


def moments(
    b: FloatArray | float, t: float, s: FloatArray | float, alpha: float, sigma: float, T: float
) -> Moments:
    """Mean and variance at `s` of a bridge that stands at `b` at `t` and ends at `T`.

    Parameters
    ----------
    b : float or ndarray
        Deviation at `t`.
    t, T : float
        Now and delivery, t < T.
    s : float or ndarray
        Later times, t ≤ s ≤ T, of a shape that goes with that of `b`.
    alpha, sigma : float
        Speed, dimensionless, and volatility per root of the unit of time.

    Raises
    ------
    ConfigError
        If the times are not in order, alpha is not finite or sigma is negative.

    Notes
    -----
    With ``r = (T − s)/(T − t)`` the mean is ``b · r^alpha`` and the variance
    ``sigma² (T − s)(1 − r^(2 alpha − 1))/(2 alpha − 1)``, at alpha = ½ ``sigma² (T − s) ln(1/r)``.
    At delivery both are 0 if alpha is above 0.
    """
    after = T - np.asarray(s, dtype=np.float64)
    if not (t < T and np.all(after >= 0.0) and np.all(after <= T - t)):
        raise ConfigError(f"times t = {t}, s = {s}, T = {T}", "power bridge", "need t <= s <= T and t < T")
    if not (sigma >= 0.0 and math.isfinite(alpha)):
        what = f"alpha = {alpha}, sigma = {sigma}"
        raise ConfigError(what, "power bridge", "need a finite alpha and sigma >= 0")
    with np.errstate(divide="ignore"):
        kept = (after / (T - t)) ** alpha
    gained = _unit_variances(alpha, T - t, after.ravel()).reshape(after.shape)
    return Moments(b * kept, sigma**2 * gained)


def observed(to_expiry: Float1D, deviation: Float1D) -> tuple[Float1D, Float1D]:
    """Times to expiry and deviations of what is known before delivery, checked; errors as in `fit`."""
    left, values = np.asarray(to_expiry, np.float64), np.asarray(deviation, np.float64)
    if left.ndim != 1 or left.shape != values.shape:
        what = f"{left.shape} times to expiry and {values.shape} deviations"
        raise ConfigError(what, "power bridge", "give two arrays of one length")
    if not np.isfinite(left).all():
        raise DataError(
            "a time to expiry is not finite", "power bridge", "only a contract with a delivery converges"
        )
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(
            f"deviation {values[row]}", f"power bridge, row {row}", "give NaN where it is not known"
        )
    known = ~np.isnan(values)
    late = np.flatnonzero(known & (left < 0.0))
    if len(late):
        what = f"{len(late)} rows after delivery, the first at {left[late[0]]:g} to expiry"
        raise DataError(what, f"power bridge, row {late[0]}", "cut the cycle at its delivery")
    known &= left > 0.0  # at delivery itself nothing is left to vary
    left, values = left[known], values[known]
    turned = np.flatnonzero(np.diff(left) >= 0.0)
    if len(turned):
        before, after = left[turned[0]], left[turned[0] + 1]
        what = f"time to expiry goes from {before:g} to {after:g}"
        raise DataError(what, "power bridge", "sort the cycle by time and give each time once")
    return left, values


def log_likelihood(
    to_expiry: Float1D, deviation: Float1D, *, alpha: float, sigma: float, noise: float = 0.0
) -> float:
    """Exact Gaussian log-likelihood of a cycle given its first known value.

    Parameters
    ----------
    to_expiry, deviation : ndarray of shape (observations,)
        Time to expiry, falling, at any distances; NaN deviation = missing; the row of delivery itself, at 0,
        counts for nothing.
    alpha, sigma, noise : float
        Speed, volatility per root of the unit of time, standard deviation of the measurement noise.

    Raises
    ------
    DataError
        If a known row is after delivery, the time does not fall, or a value is infinite.
    ConfigError
        If sigma is not positive or noise is negative.
    """
    left, values = observed(to_expiry, deviation)
    if not (sigma > 0.0 and noise >= 0.0):
        raise ConfigError(
            f"sigma = {sigma}, noise = {noise}", "power bridge", "need sigma > 0 and noise >= 0"
        )
    if len(left) < 2:
        return 0.0
    logs, squares = _filter(*_steps(left, alpha), values, (noise / sigma) ** 2)
    count = len(left) - 1
    return -0.5 * (count * math.log(2.0 * math.pi * sigma**2) + logs + squares / sigma**2)


def ends(profile: Float1D, fall: float) -> tuple[float, float, float]:
    """Top of a profile over `ALPHAS` and where it has fallen by `fall`; infinite where it never does."""
    best = int(np.argmax(profile))
    inside = profile >= profile[best] - fall
    found = []
    for rows, edge in ((range(best, -1, -1), -math.inf), (range(best, len(profile)), math.inf)):
        beyond = next((n for n in reversed(rows) if inside[n]), best)
        outer = beyond + (1 if edge > 0.0 else -1)
        if not 0 <= outer < len(profile):
            found.append(edge)
            continue
        way = (profile[beyond] - profile[best] + fall) / (profile[beyond] - profile[outer])
        found.append(float(ALPHAS[beyond] + way * (ALPHAS[outer] - ALPHAS[beyond])))
    value = float(ALPHAS[best])
    if 0 < best < len(profile) - 1:
        before, top, after = profile[best - 1 : best + 2]
        value += 0.5 * (before - after) / (before - 2.0 * top + after) * float(ALPHAS[1] - ALPHAS[0])
    # a top narrower than the grid is no parabola on it
    return float(min(max(value, found[0]), found[1])), found[0], found[1]


def _said(profile: Float1D) -> Estimate:
    """The estimate that a profile gives, and what is wrong with it."""
    value, low, high = ends(profile, _HALF_CHI2)
    if math.isinf(low) or math.isinf(high):
        sides = (
            "on either side"
            if math.isinf(low) and math.isinf(high)
            else "above"
            if math.isinf(high)
            else "below"
        )
        reason = f"not identified: the cycle does not bound alpha {sides} in {ALPHAS[0]:g} … {ALPHAS[-1]:g}"
        return Estimate(math.nan, low, high, reason)
    if high <= 0.0:
        return Estimate(value, low, high, "not converging: all of the interval of alpha is at or below 0")
    if low <= 0.0:
        return Estimate(value, low, high, "not shown to converge: 0 is inside the interval of alpha")
    return Estimate(value, low, high)


def fit(to_expiry: Float1D, deviation: Float1D, *, noisy: bool) -> Speed:
    """Maximum likelihood of one cycle, with the profile of alpha over all else.

    Parameters
    ----------
    to_expiry, deviation : ndarray of shape (observations,)
        As in `log_likelihood`. B must be the deviation from fair value: a raw basis has alpha near 1 by
        construction of carry.
    noisy : bool
        Whether measurement noise (trades at bid or ask, legs read seconds apart) is estimated too. Without it
        noise is taken for reversion: use that for synthetic paths and smooth marks only.

    Raises
    ------
    DataError, ConfigError
        As `log_likelihood`.

    Notes
    -----
    The interval is {alpha: twice the fall of the profile ≤ 2.71}. With fewer than LEAST_OBSERVATIONS, or a
    constant deviation, alpha is NaN with the reason. So it is where the time to expiry falls by less than
    LEAST_FALL, though the profile is there to be pooled; and, without `noisy`, where a likelihood with noise
    is better than one without at the 5 % level (half a chi-square, Self & Liang 1987, JASA 82): of clean
    paths one in twenty is refused too.
    """
    left, values = observed(to_expiry, deviation)
    count = len(left)

    def nothing(reason: str) -> Speed:
        return Speed(unknown(f"not identified: {reason}"), math.nan, math.nan, np.empty(0), count)

    if count < LEAST_OBSERVATIONS:
        return nothing(f"{count} observations of at least {LEAST_OBSERVATIONS}")
    if np.ptp(values) == 0.0:
        return nothing(f"the deviation is {values[0]:g} throughout")
    scale, step = float(np.max(np.abs(values))), float(np.median(-np.diff(left)))
    ratios = _RATIOS * step if noisy else np.zeros(1)
    with np.errstate(divide="ignore"):
        found = _profile(read_only(left), read_only(values / scale), ALPHAS, read_only(ratios))
    best = int(np.argmax(found[0]))
    if not (np.isfinite(found[0]).all() and found[1, best] * (step + found[2, best]) > 1e-20):
        return nothing("the deviation follows a curve without any noise")
    if not noisy:
        other = _profile(read_only(left), read_only(values / scale), ALPHAS, read_only(_RATIOS * step))
        place = int(np.argmax(other[0]))
        if other[0, place] - found[0, best] > _HALF_CHI2:
            size = scale * math.sqrt(other[1, place] * other[2, place])
            return nothing(
                f"noise of {size:.2g} explains more than a path without it; allow for it, noisy=True"
            )
    sigma = scale * math.sqrt(found[1, best])
    profile = cast(Float1D, found[0] - found[0, best])
    said = _said(profile)
    if left[0] < LEAST_FALL * left[-1]:
        span = f"time to expiry falls from {left[0]:g} to {left[-1]:g} only"
        said = unknown(f"not identified: {span}, by less than a factor of {LEAST_FALL:g}")
    return Speed(said, sigma, sigma * math.sqrt(found[2, best]), read_only(profile), count)
