"""Regressions over a trailing window, of many series at once: least squares, correlation, speed of reversion.

Each window by the tree of `windows`: the same contents give the same bits wherever the array starts.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from narrows.analytics.ou import OUArrays
from narrows.analytics.windows import TWO, minimum_of, table, window_stats
from narrows.core.arrays import Float2D, Float3D, FloatArray, read_only
from narrows.core.errors import ConfigError, DataError


class Regression(NamedTuple):
    """``y = intercept + slope · x + residual`` of each window; arrays of the shape of `y`.

    Attributes
    ----------
    slope, intercept : ndarray
        NaN where x is constant in the window, or too little is known.
    residual_std : ndarray
        With n − 2 degrees of freedom.
    r_squared : ndarray
        NaN where y is constant.
    """

    slope: FloatArray
    intercept: FloatArray
    residual_std: FloatArray
    r_squared: FloatArray


@njit(cache=True, error_model="numpy")
def _least_squares(
    minimum: int,
    start: int,
    stop: int,
    first: int,
    count: Float2D,
    stats: Float3D,
    slopes: Float2D,
    intercepts: Float2D,
    deviations: Float2D,
    shares: Float2D,
) -> None:
    for row in range(start, stop):
        i = row - start
        for c in range(count.shape[1]):
            xx, xy, yy = stats[i, 2, c], stats[i, 3, c], stats[i, 4, c]
            found = count[i, c] >= minimum and xx > 0.0
            slope = xy / xx
            left = max(yy - slope * xy, 0.0)
            intercept = stats[i, 1, c] - slope * stats[i, 0, c]
            slopes[row, first + c] = slope if found else np.nan
            intercepts[row, first + c] = intercept if found else np.nan
            deviations[row, first + c] = np.sqrt(left / (count[i, c] - 2.0)) if found else np.nan
            shares[row, first + c] = 1.0 - left / yy if found and yy > 0.0 else np.nan


@njit(cache=True, error_model="numpy")
def _correlate(
    minimum: int, start: int, stop: int, first: int, count: Float2D, stats: Float3D, out: Float2D
) -> None:
    for row in range(start, stop):
        i = row - start
        for c in range(count.shape[1]):
            both = stats[i, 2, c] * stats[i, 4, c]
            found = count[i, c] >= minimum and both > 0.0
            value = min(max(stats[i, 3, c] / np.sqrt(both), -1.0), 1.0)
            out[row, first + c] = value if found else np.nan


@njit(cache=True, error_model="numpy")
def reversion_of(
    minimum: int,
    step: float,
    start: int,
    stop: int,
    first: int,
    count: Float2D,
    stats: Float3D,
    kappas: Float2D,
    thetas: Float2D,
    sigmas: Float2D,
) -> None:
    """Statistics (TWO) of level and following change → κ, θ, σ; NaN unless 0 < φ < 1."""
    for row in range(start, stop):
        i = row - start
        for c in range(count.shape[1]):
            xx, xy, yy = stats[i, 2, c], stats[i, 3, c], stats[i, 4, c]
            pull = -xy / xx
            found = count[i, c] >= minimum and xx > 0.0 and 0.0 < pull < 1.0
            kappa = -np.log1p(-pull) / step if found else np.nan
            theta = stats[i, 0, c] + stats[i, 1, c] / pull
            variance = max(yy + pull * xy, 0.0) / count[i, c]
            kappas[row, first + c] = kappa
            thetas[row, first + c] = theta if found else np.nan
            sigmas[row, first + c] = np.sqrt(2.0 * kappa * variance / (pull * (2.0 - pull)))


def _both(y: FloatArray, x: FloatArray) -> tuple[Float2D, Float2D]:
    """Two arrays as tables of one shape; one series of x may serve many of y."""
    first, second = table(y), table(x)
    if len(first) != len(second) or second.shape[1] not in (1, first.shape[1]):
        raise DataError(
            f"y has shape {np.shape(y)}, x {np.shape(x)}",
            "rolling",
            "give x as many bars, and one series or as many",
        )
    if second.shape != first.shape:
        second = read_only(np.broadcast_to(second, first.shape))
    return first, second


def rolling_ols(y: FloatArray, x: FloatArray, window: int, minimum: int | None = None) -> Regression:
    """Least squares of `y` on a constant and `x` over the last `window` bars.

    Parameters
    ----------
    y : ndarray of shape (bars,) or (bars, series)
        NaN = not known; a bar of which x or y is not known is left out.
    x : ndarray of shape (bars,), (bars, 1) or that of `y`
        One x may serve all series.
    window : int
        Bars, at least 3.
    minimum : int, optional
        Known bars that a result needs, at least 3; fewer give NaN. Default: the whole window.

    Returns
    -------
    Regression
        Arrays of the shape of `y`.

    Raises
    ------
    ConfigError
        If window or minimum are impossible.
    DataError
        If the shapes do not match.
    """
    least = minimum_of(window, minimum, 3)
    dependent, regressor = _both(y, x)
    found = tuple(np.empty(dependent.shape) for _ in range(4))
    for part in window_stats(regressor, dependent, window, TWO):
        _least_squares(least, part.start, part.stop, part.first, part.known, part.stats, *found)
    return Regression(*(one.reshape(np.shape(y)) for one in found))


def rolling_correlation(y: FloatArray, x: FloatArray, window: int, minimum: int | None = None) -> FloatArray:
    """Pearson's correlation over the last `window` bars; NaN where either is constant.

    Arguments, shapes and errors as in `rolling_ols`; window and minimum at least 2.
    """
    least = minimum_of(window, minimum, 2)
    first, second = _both(y, x)
    found = np.empty(first.shape)
    for part in window_stats(second, first, window, TWO):
        _correlate(least, part.start, part.stop, part.first, part.known, part.stats, found)
    return found.reshape(np.shape(y))


def rolling_reversion(values: FloatArray, window: int, step: float, minimum: int | None = None) -> OUArrays:
    """Ornstein–Uhlenbeck parameters of the last `window` bars: least squares, the plug-in.

    Regresses each change on the level before it: conditional maximum likelihood of evenly sampled
    values, as `ou_fit.most_likely_ou` finds it by search for steps of any length; in closed form here,
    because there is one for every bar of every series. The plug-in finds reversion too fast, even in a
    random walk: rank by it, and size by `ou_fit.fit_ou`, which has an interval.

    Parameters
    ----------
    values : ndarray of shape (bars,) or (bars, series)
        NaN = not known; a change to or from an unknown value is left out.
    window : int
        Bars, at least 4: three changes.
    step : float
        Time from bar to bar, any unit; κ is per that unit.
    minimum : int, optional
        Known changes that a result needs, at least 3. Default: window − 1.

    Returns
    -------
    OUArrays
        Arrays of the shape of `values`; NaN where ``0 < φ < 1`` does not hold.

    Raises
    ------
    ConfigError
        If window, minimum or step are impossible.
    """
    least = minimum_of(window - 1, minimum, 3)
    check_step(step)
    wide = table(values)
    level, change = np.full(wide.shape, np.nan), np.full(wide.shape, np.nan)
    level[1:], change[1:] = wide[:-1], np.diff(wide, axis=0)
    found = tuple(np.empty(wide.shape) for _ in range(3))
    for part in window_stats(read_only(level), read_only(change), window - 1, TWO):
        reversion_of(least, step, part.start, part.stop, part.first, part.known, part.stats, *found)
    return OUArrays(*(one.reshape(np.shape(values)) for one in found))


def check_step(step: float) -> None:
    """Refuse a time between bars that is not positive.

    Raises
    ------
    ConfigError
    """
    if not 0.0 < step < np.inf:
        raise ConfigError(f"step of {step}", "reversion", "give the time from bar to bar, above 0")
