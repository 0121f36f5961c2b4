"""Causal statistics over a trailing window, each from the window's own contents and nothing else.

A window is summed as a fixed tree (`windows`), so the same window has the same bits in backtest and
live, wherever the array starts; ranks are counted from scratch.
"""

from typing import TypeVar, cast

import numpy as np
from numba import njit

from narrows.analytics.windows import ONE, SUM, minimum_of, table, window_stats
from narrows.core.arrays import Float2D, Float3D, FloatArray

_Values = TypeVar("_Values", bound=FloatArray)

_SUM, _MEAN, _STD, _ZSCORE = range(4)


@njit(cache=True, error_model="numpy")
def _finish(
    which: int,
    minimum: int,
    values: Float2D,
    out: Float2D,
    start: int,
    stop: int,
    first: int,
    count: Float2D,
    stats: Float3D,
) -> None:
    """From the statistics of some windows to what was asked for."""
    for row in range(start, stop):
        i = row - start
        for c in range(count.shape[1]):
            enough = count[i, c] >= minimum
            if which <= _MEAN:
                out[row, first + c] = stats[i, 0, c] if enough else np.nan
            elif which == _STD:
                several = enough and count[i, c] > 1.0
                out[row, first + c] = np.sqrt(stats[i, 1, c] / (count[i, c] - 1.0)) if several else np.nan
            else:
                moment = stats[i, 1, c]
                score = (values[row, first + c] - stats[i, 0, c]) * np.sqrt((count[i, c] - 1.0) / moment)
                out[row, first + c] = score if enough and moment > 0.0 else np.nan


@njit(cache=True)
def _ranks(values: Float2D, window: int, minimum: int) -> Float2D:
    """Share of each window's known values that are not above its last."""
    out = np.full(values.shape, np.nan)
    for row in range(len(values)):
        oldest = max(0, row - window + 1)
        for column in range(values.shape[1]):
            current = values[row, column]
            known, below = 0, 0
            for past in range(oldest, row + 1):
                known += not np.isnan(values[past, column])
                below += values[past, column] <= current
            if known >= minimum and not np.isnan(current):
                out[row, column] = below / known
    return out


def _rolling(values: _Values, window: int, minimum: int | None, which: int) -> _Values:
    least = minimum_of(window, minimum)
    columns = table(values)
    out = np.empty(columns.shape)
    for part in window_stats(columns, columns, window, SUM if which == _SUM else ONE):
        _finish(which, least, columns, out, part.start, part.stop, part.first, part.known, part.stats)
    return cast(_Values, out.reshape(values.shape))


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
    least = minimum_of(window, minimum)
    return cast(_Values, _ranks(table(values), window, least).reshape(values.shape))
