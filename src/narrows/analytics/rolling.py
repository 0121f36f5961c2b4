"""Causal statistics over a trailing window, each from the window's own contents and nothing else.

Every window is computed from scratch. A running sum would be faster and would carry the rounding
of values long gone, so the same window could give different bits in backtest and live.
"""

from typing import TypeVar, cast

import numpy as np
from numba import njit

from narrows.core.arrays import Float1D, Float2D, FloatArray, read_only
from narrows.core.errors import ConfigError

_Values = TypeVar("_Values", bound=FloatArray)

_SUM, _MEAN, _STD, _ZSCORE, _PERCENTILE = range(5)


@njit(cache=True)
def _moments(known: Float1D) -> tuple[float, float]:
    """Mean and standard deviation; measured from the first value, so a constant has deviation 0."""
    shift = 0.0
    for value in known:
        shift += value - known[0]
    mean = known[0] + shift / len(known)
    squares = 0.0
    for value in known:
        squares += (value - mean) ** 2
    return mean, np.sqrt(squares / (len(known) - 1)) if len(known) > 1 else np.nan


@njit(cache=True)
def _statistic(which: int, known: Float1D, current: float) -> float:
    if which == _SUM:
        total = 0.0
        for value in known:
            total += value
        return total
    if which == _PERCENTILE:
        if np.isnan(current):
            return np.nan
        below = 0
        for value in known:
            if value <= current:
                below += 1
        return below / len(known)
    mean, std = _moments(known)
    if which == _MEAN:
        return mean
    if which == _STD:
        return std
    return (current - mean) / std if std > 0.0 else np.nan


@njit(cache=True)
def _roll(columns: Float2D, window: int, minimum: int, which: int) -> Float2D:
    out = np.full(columns.shape, np.nan)
    known = np.empty(window)
    for column in range(columns.shape[0]):
        values = columns[column]
        for row in range(len(values)):
            count = 0
            for past in range(max(0, row - window + 1), row + 1):
                if not np.isnan(values[past]):
                    known[count] = values[past]
                    count += 1
            if count >= minimum:
                out[column, row] = _statistic(which, known[:count], values[row])
    return out


def _rolling(values: _Values, window: int, minimum: int | None, which: int) -> _Values:
    least = window if minimum is None else minimum
    if window < 1:
        raise ConfigError(f"window of {window} bars", "rolling", "give at least 1")
    if not 1 <= least <= window:
        raise ConfigError(f"minimum {least} is not in 1 … {window}", "rolling", "the window is the most")
    columns = read_only(np.atleast_2d(np.asarray(values, dtype=np.float64).T))
    return cast(_Values, _roll(columns, window, least, which).T.reshape(values.shape))


def rolling_sum(values: _Values, window: int, minimum: int | None = None) -> _Values:
    """Sum of the last `window` bars, the current one included.

    Parameters
    ----------
    values : ndarray of shape (bars,) or (bars, columns)
        NaN = not known, left out of the window.
    window : int
        Bars.
    minimum : int, optional
        Known values that a result needs; fewer give NaN. Default: the whole window.

    Returns
    -------
    ndarray of the same shape

    Raises
    ------
    ConfigError
        If the window is shorter than 1 bar or the minimum not in 1 … window.
    """
    return _rolling(values, window, minimum, _SUM)


def rolling_mean(values: _Values, window: int, minimum: int | None = None) -> _Values:
    """Mean of the last `window` bars; arguments, shapes and NaN as in `rolling_sum`."""
    return _rolling(values, window, minimum, _MEAN)


def rolling_std(values: _Values, window: int, minimum: int | None = None) -> _Values:
    """Sample standard deviation (ddof = 1) of the last `window` bars; NaN from a single value.

    Exactly 0 for a constant window. Arguments, shapes and NaN as in `rolling_sum`.
    """
    return _rolling(values, window, minimum, _STD)


def rolling_zscore(values: _Values, window: int, minimum: int | None = None) -> _Values:
    """The current value in standard deviations from the mean of a window that contains it.

    NaN if the current value is not known or the window is constant. Arguments and shapes as in
    `rolling_sum`.
    """
    return _rolling(values, window, minimum, _ZSCORE)


def rolling_percentile(values: _Values, window: int, minimum: int | None = None) -> _Values:
    """Share of the window's known values that are not above the current one, in (0, 1].

    NaN if the current value is not known. Arguments and shapes as in `rolling_sum`.
    """
    return _rolling(values, window, minimum, _PERCENTILE)
