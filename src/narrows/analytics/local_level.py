"""The local level: a fair value that wanders, seen through noise, filtered bar by bar without look-ahead."""

import math
from typing import NamedTuple, cast

import numpy as np
from numba import njit
from scipy.optimize import minimize_scalar

from narrows.analytics.estimate import constant
from narrows.analytics.ou import known_sample
from narrows.core.arrays import Float1D, FloatArray
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
    """The filter's view at each bar, from this bar and those before it. All of shape (bars,).

    Attributes
    ----------
    level : ndarray
        Expected level; before the first known value NaN, at a gap the last one.
    variance : ndarray
        Of the level.
    innovation : ndarray
        Value less what was expected of it one bar before; NaN at the first and where not known.
    z : ndarray
        The innovation in its own standard deviations.
    """

    level: Float1D
    variance: Float1D
    innovation: Float1D
    z: Float1D


@njit(cache=True)
def _filter(
    values: Float1D, step: Float1D, noise: float, drift: float
) -> tuple[Float1D, Float1D, Float1D, Float1D, float, float, int]:
    """`Filtered`, with the sums of squared z and of log variances, and how many there are."""
    bars = len(values)
    level, variance = np.full(bars, np.nan), np.full(bars, np.nan)
    innovation, z = np.full(bars, np.nan), np.full(bars, np.nan)
    state, spread, begun = 0.0, 0.0, False
    squares, logs, count = 0.0, 0.0, 0
    for bar in range(bars):
        if begun and bar > 0:
            spread += drift * step[bar - 1]
        if not np.isnan(values[bar]):
            if not begun:
                state, spread, begun = values[bar], noise, True
            else:
                total = spread + noise
                error = values[bar] - state
                innovation[bar] = error
                if total > 0.0:
                    z[bar] = error / np.sqrt(total)
                    squares += error * error / total
                    logs += np.log(total)
                    count += 1
                    # a product of shares of positive numbers: it cannot fall below 0 as 1 − gain could
                    state, spread = state + spread / total * error, spread * (noise / total)
        if begun:
            level[bar], variance[bar] = state, spread
    return level, variance, innovation, z, squares, logs, count


def filter_level(values: FloatArray, time: FloatArray, model: LocalLevel) -> Filtered:
    """Filter a series with given variances; later rows change nothing before them.

    Parameters
    ----------
    values : ndarray of shape (bars,)
        NaN = not known.
    time : ndarray of shape (bars,)
        Strictly rising, in the unit of time of `model`; steps may differ.
    model : LocalLevel
        From a training window before these bars, or the z looks ahead.

    Returns
    -------
    Filtered

    Raises
    ------
    ConfigError
        If a variance is not finite or below 0, or both are 0.
    ConfigError, DataError
        As `known_sample`.

    References
    ----------
    Durbin & Koopman (2012), Time Series Analysis by State Space Methods, section 2.2; the first
    known value starts the filter, which is their diffuse start (2.9).
    """
    known_sample(values, time)
    noise, drift = model.noise_variance, model.level_variance
    if not (0.0 <= noise < math.inf and 0.0 <= drift < math.inf and noise + drift > 0.0):
        raise ConfigError(
            f"variances {noise:g} and {drift:g}", "local level", "fit them on a training window"
        )
    series = np.ascontiguousarray(values, dtype=np.float64)
    return Filtered(*_filter(series, np.diff(np.asarray(time, dtype=np.float64)), noise, drift)[:4])


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
    step = np.diff(sample.time)
    scale = float(np.median(step))

    def height(share: float) -> tuple[float, float]:
        """Log-likelihood and best scale at a share of the level."""
        *_, squares, logs, count = _filter(sample.values, step, 1.0 - share, share / scale)
        variance = squares / count
        return -0.5 * (count * (math.log(2.0 * math.pi * variance) + 1.0) + logs), variance

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
