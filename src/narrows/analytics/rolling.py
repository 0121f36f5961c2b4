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
    here = slice(first, first + count.shape[1])
    for i in range(stop - start):
        into, known, mean = out[start + i, here], count[i], stats[i, 0]
        if which <= _MEAN:
            for c in range(len(into)):
                into[c] = mean[c] if known[c] >= minimum else np.nan
        elif which == _STD:
            moment = stats[i, 1]
            for c in range(len(into)):
                several = known[c] >= minimum and known[c] > 1.0
                into[c] = np.sqrt(moment[c] / (known[c] - 1.0)) if several else np.nan
        else:
            moment, now = stats[i, 1], values[start + i, here]
            for c in range(len(into)):
                score = (now[c] - mean[c]) * np.sqrt((known[c] - 1.0) / moment[c])
                into[c] = score if known[c] >= minimum and moment[c] > 0.0 else np.nan


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
