"""Long series for drawing: fewer points without losing an extreme, and a compact encoding."""

import base64
from typing import Literal

import numpy as np

from narrows.core.arrays import Float1D, Float2D, Int1D


def extremes(values: Float1D, points: int) -> Int1D:
    """Which points to draw of a long series: the least and the greatest of each bucket.

    Parameters
    ----------
    values : ndarray of shape (T,)
        NaN where not known. A bucket without any value keeps one NaN, so that a gap stays a gap.
    points : int
        At most so many indices come back; at least 4.

    Returns
    -------
    ndarray of int
        Increasing; the first and the last point are always among them. All of them if T <= points.
    """
    bars = len(values)
    if bars <= points:
        return np.arange(bars)
    buckets = points // 2 - 1
    width = -(-bars // buckets)
    padded = np.concatenate((values, np.full(buckets * width - bars, values[-1]))).reshape(buckets, width)
    starts = np.arange(buckets) * width
    lowest = starts + np.where(np.isnan(padded), np.inf, padded).argmin(axis=1)
    highest = starts + np.where(np.isnan(padded), -np.inf, padded).argmax(axis=1)
    chosen = np.concatenate((lowest, highest, (0, bars - 1)))
    return np.unique(np.minimum(chosen, bars - 1))


def strided(bars: int, points: int) -> Int1D:
    """At most `points` evenly spaced indices into `bars` entries, the first and the last among them."""
    if bars <= points:
        return np.arange(bars)
    return np.unique(np.linspace(0, bars - 1, points).round().astype(np.int64))


def packed(values: Float1D, dtype: Literal["f4", "f8"]) -> dict[str, str]:
    """A typed array as plotly.js reads it: little-endian bytes in base64.

    ``f4`` keeps seven digits, which is more than a screen shows; times need ``f8``.
    """
    data = np.ascontiguousarray(values, dtype=f"<{dtype}").tobytes()
    return {"dtype": dtype, "bdata": base64.b64encode(data).decode("ascii")}


def block(values: Float2D) -> dict[str, str]:
    """A table of numbers as plotly.js reads it, row by row; NaN is an empty cell."""
    rows, columns = values.shape
    return packed(values.ravel(), "f4") | {"shape": f"{rows}, {columns}"}
