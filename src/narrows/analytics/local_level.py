"""The local level: a fair value that wanders, seen through noise, filtered bar by bar without look-ahead."""

import math
from typing import NamedTuple, cast

import numpy as np
from numba import njit
from scipy.optimize import minimize_scalar

from narrows.analytics.estimate import constant
from narrows.analytics.ou import known_sample
from narrows.analytics.windows import table
from narrows.core.arrays import Float1D, Float2D, FloatArray, read_only
from narrows.core.errors import ConfigError

LEAST_VALUES = 10


class LocalLevel(NamedTuple):
    """``y = level + noise``, the level a random walk.

    Attributes
    ----------
    noise_variance : float
        Of each observation, squared units of y.
    level_variance : float
        Of the level's change, squared units of y per unit of time.
    log_likelihood : float
        At these, given the first value.
    reason : str
        Empty, or why the numbers are NaN.
    """

    noise_variance: float
    level_variance: float
    log_likelihood: float = math.nan
    reason: str = ""


class Filtered(NamedTuple):
    """The filter's view at each bar, from this bar and those before it. All of the shape of the values.

    Attributes
    ----------
    level : ndarray
        Expected level; before the first known value NaN, at a gap the last one.
    variance : ndarray
        Of the level.
    z : ndarray
        Innovation, the value less what was expected of it one bar before, in its own standard
        deviations; NaN at the first known value and where none is.
    """

    level: FloatArray
    variance: FloatArray
    z: FloatArray


@njit(cache=True, error_model="numpy")
def _filter(
    values: Float2D,
    step: Float1D,
    drift: Float1D,
    noise: Float1D,
    levels: Float2D,
    variances: Float2D,
    z: Float2D,
) -> None:
    """`Filtered` of series side by side, which is what makes many of them cheap."""
    series = values.shape[1]
    level, variance = np.full(series, np.nan), np.full(series, np.nan)
    for row in range(len(values)):
        elapsed = step[row]
        for c in range(series):
            value = values[row, c]
            ahead = variance[c] + drift[c] * elapsed
            total = ahead + noise[c]
            off = value - level[c]
            gain = ahead / total
            begun, there = not np.isnan(level[c]), not np.isnan(value)
            z[row, c] = off / np.sqrt(total)
            moved = level[c] + gain * off if there else level[c]
            # a product of positive numbers: it cannot fall below 0 as 1 − gain could
            less = noise[c] * gain if there else ahead
            level[c] = moved if begun else value
            variance[c] = less if begun else (noise[c] if there else np.nan)
            levels[row, c] = level[c]
            variances[row, c] = variance[c]


def _filtered(wide: Float2D, clock: Float1D, drift: Float1D, noise: Float1D) -> Filtered:
    found = tuple(np.empty(wide.shape) for _ in range(3))
    _filter(wide, read_only(np.diff(clock, prepend=clock[:1])), drift, noise, *found)
    return Filtered(*found)


def filter_levels(
    values: FloatArray, time: FloatArray, level_variance: float | Float1D, noise_variance: float | Float1D
) -> Filtered:
    """Filter one or many series on one clock with given variances; later rows change nothing before them.

    Parameters
    ----------
    values : ndarray of shape (bars,) or (bars, series)
        NaN = not known: it leaves the level and adds to its variance.
    time : ndarray of shape (bars,)
        Strictly rising; steps may differ.
    level_variance, noise_variance : float or ndarray of shape (series,)
        As in `LocalLevel`.

    Returns
    -------
    Filtered

    Raises
    ------
    ConfigError
        If a variance is not finite or below 0, or both of a series are 0.
    ConfigError, DataError
        As `known_sample`.

    References
    ----------
    Durbin & Koopman (2012), Time Series Analysis by State Space Methods, section 2.2; the first
    known value starts the filter, which is their diffuse start (2.9).
    """
    wide, clock = table(values), np.asarray(time, dtype=np.float64)
    known_sample(np.where(np.isinf(wide).any(axis=1), np.inf, 0.0), clock)
    drift, noise = (
        read_only(np.broadcast_to(np.asarray(one, dtype=np.float64), wide.shape[1:]))
        for one in (level_variance, noise_variance)
    )
    usable = (drift >= 0.0) & (noise >= 0.0) & (drift + noise > 0.0) & np.isfinite(drift + noise)
    if not usable.all():
        worst = int(usable.argmin())
        what = f"variances {noise[worst]:g} and {drift[worst]:g}"
        raise ConfigError(what, "local level", "fit them on a training window")
    found = _filtered(wide, clock, drift, noise)
    return Filtered(*(one.reshape(np.shape(values)) for one in found))


def filter_level(values: FloatArray, time: FloatArray, model: LocalLevel) -> Filtered:
    """`filter_levels` of one series, shape (bars,), with the variances of a model.

    Of a training window before these bars, or the z looks ahead.
    """
    return filter_levels(values, time, model.level_variance, model.noise_variance)


def fit_local_level(values: FloatArray, time: FloatArray) -> LocalLevel:
    """The two variances of greatest likelihood.

    Parameters
    ----------
    values, time
        As in `filter_level`.

    Returns
    -------
    LocalLevel
        NaN with a reason if fewer than 10 values are known or they never change.

    Raises
    ------
    ConfigError, DataError
        As `known_sample`.

    Notes
    -----
    The scale is maximised out; the search is along the level's share of the variance of one step.
    """
    sample = known_sample(values, time)
    if len(sample.values) < LEAST_VALUES:
        reason = f"not identified: {len(sample.values)} known values, {LEAST_VALUES} are needed"
        return LocalLevel(math.nan, math.nan, math.nan, reason)
    if constant(sample.values):
        return LocalLevel(math.nan, math.nan, math.nan, "not identified: the values never change")
    wide, step = table(sample.values), np.diff(sample.time)
    scale = float(np.median(step))

    def height(share: float) -> tuple[float, float]:
        """Log-likelihood and best scale at a share of the level."""
        drift, noise = np.array([share / scale]), np.array([1.0 - share])
        found = _filtered(wide, sample.time, drift, noise)
        variance = float(np.square(found.z[1:]).mean())
        logs = float(np.log(found.variance[:-1, 0] + drift * step + noise).sum())
        return -0.5 * (len(step) * (math.log(2.0 * math.pi * variance) + 1.0) + logs), variance

    # shares crowd at both ends, so the search is along their log-odds
    odds = np.concatenate(([-math.inf], np.linspace(-16.0, 16.0, 33), [math.inf]))
    shares = [1.0 / (1.0 + math.exp(-at)) if at > -math.inf else 0.0 for at in odds]
    top = int(np.argmax([height(share)[0] for share in shares]))
    share = shares[top]
    if 0 < top < len(shares) - 1:
        ends = (max(odds[top - 1], -20.0), min(odds[top + 1], 20.0))
        found = minimize_scalar(
            lambda at: -height(1.0 / (1.0 + math.exp(-at)))[0],
            bounds=ends,
            method="bounded",
            options={"xatol": 1e-8},
        )
        share = 1.0 / (1.0 + math.exp(-cast(float, found.x)))
    likelihood, variance = height(share)
    return LocalLevel(variance * (1.0 - share), variance * share / scale, likelihood)
