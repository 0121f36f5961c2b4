"""Mean, variance and covariance of trailing windows: many series at once, each window from its own contents.

A window is a fixed tree of halves. Of every row, statistics of the last 1, 2, 4, 8, … rows are put together,
each from two of half its length, and the window from those that its length is made of in binary:
some log2(window) steps a row. A running sum would be cheaper, but it carries the rounding of values
long gone; here the same contents give the same bits wherever the array starts and whatever follows.
Means and moments are merged, not sums of squares, so a level of 1e6 costs no digits and a constant has
variance 0 exactly.

References
----------
Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance", Am. Statistician 37(3).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from narrows.core.arrays import Float2D, Float3D, FloatArray, read_only
from narrows.core.errors import ConfigError

SUM, ONE, TWO = 1, 2, 5  # fields a row: sum | mean, moment | mean x, mean y, xx, xy, yy
# Series side by side, and rows a part where there are so many; fewer series take more rows. Whole rows of
# most tables: to pass over a wide one in strips of columns costs more than a ring outside the core's cache.
LANES, ROWS = 1024, 16


class Part(NamedTuple):
    """Some rows of some series, and the statistics of the windows that end there.

    Attributes
    ----------
    start, stop, first, last : int
        Rows and series.
    known : ndarray of shape (≥ rows, series)
        Known rows in the window.
    stats : ndarray of shape (≥ rows, fields, series)
        The fields of SUM, ONE or TWO; moments are sums of squares and products about the means.
    """

    start: int
    stop: int
    first: int
    last: int
    known: Float2D
    stats: Float3D


@njit(cache=True, error_model="numpy")
def _merge(
    left: Float3D,
    i: int,
    right: Float3D,
    j: int,
    into: Float3D,
    o: int,
    share: float,
    factor: float,
) -> None:
    """Statistics of two neighbouring stretches → of both; `share` is the later one's part of the rows."""
    lanes = left.shape[2]
    if left.shape[1] == SUM:
        for c in range(lanes):
            into[o, 0, c] = left[i, 0, c] + right[j, 0, c]
    elif left.shape[1] == ONE:
        for c in range(lanes):
            mean = left[i, 0, c]
            step = right[j, 0, c] - mean
            moment = left[i, 1, c] + right[j, 1, c] + step * factor * step
            into[o, 0, c] = mean + step * share
            into[o, 1, c] = moment
    else:
        for c in range(lanes):
            x, y = left[i, 0, c], left[i, 1, c]
            dx, dy = right[j, 0, c] - x, right[j, 1, c] - y
            weighed = dx * factor
            xx = left[i, 2, c] + right[j, 2, c] + weighed * dx
            xy = left[i, 3, c] + right[j, 3, c] + weighed * dy
            yy = left[i, 4, c] + right[j, 4, c] + dy * factor * dy
            into[o, 0, c] = x + dx * share
            into[o, 1, c] = y + dy * share
            into[o, 2, c] = xx
            into[o, 3, c] = xy
            into[o, 4, c] = yy


@njit(cache=True, error_model="numpy")
def _merge_counted(
    left: Float3D,
    left_count: Float2D,
    i: int,
    right: Float3D,
    right_count: Float2D,
    j: int,
    into: Float3D,
    into_count: Float2D,
    o: int,
) -> None:
    """`_merge` where rows are missing: the shares are those of the known rows."""
    for c in range(left.shape[2]):
        total = left_count[i, c] + right_count[j, c]
        share = right_count[j, c] / max(total, 1.0)
        factor = left_count[i, c] * share
        into_count[o, c] = total
        if left.shape[1] == SUM:
            into[o, 0, c] = left[i, 0, c] + right[j, 0, c]
        elif left.shape[1] == ONE:
            mean = left[i, 0, c]
            step = right[j, 0, c] - mean
            into[o, 1, c] = left[i, 1, c] + right[j, 1, c] + step * factor * step
            into[o, 0, c] = mean + step * share
        else:
            x, y = left[i, 0, c], left[i, 1, c]
            dx, dy = right[j, 0, c] - x, right[j, 1, c] - y
            weighed = dx * factor
            into[o, 2, c] = left[i, 2, c] + right[j, 2, c] + weighed * dx
            into[o, 3, c] = left[i, 3, c] + right[j, 3, c] + weighed * dy
            into[o, 4, c] = left[i, 4, c] + right[j, 4, c] + dy * factor * dy
            into[o, 0, c] = x + dx * share
            into[o, 1, c] = y + dy * share


@njit(cache=True, error_model="numpy")
def _load(x: Float2D, y: Float2D, row: int, first: int, ring: Float3D, count: Float2D, slot: int) -> bool:
    """One row as stretches of length 1; whether any lane of it is unknown."""
    two, here = ring.shape[1] == TWO, slice(first, first + ring.shape[2])
    values, others = x[row, here], y[row, here]  # once a row: an index in the loop would be checked there
    level, other = ring[slot, 0], ring[slot, 1 if two else 0]
    gaps = 0
    for c in range(len(level)):
        level[c] = values[c]
        gaps += values[c] != values[c]
    if two:
        for c in range(len(level)):
            other[c] = others[c]
            gaps += others[c] != others[c]
    ring[slot, 2 if two else 1 :] = 0.0
    gap = gaps > 0
    if gap:
        for c in range(ring.shape[2]):
            known = not (np.isnan(values[c]) or (two and np.isnan(others[c])))
            count[slot, c] = 1.0 if known else 0.0
            if not known:
                ring[slot, :, c] = 0.0
    return gap


@njit(cache=True, error_model="numpy")
def _all_known(count: Float2D, window: int) -> None:
    """Counts of every stretch kept, after at least a window of rows without a gap."""
    span, base = 1, 0
    while span <= window:
        count[base : base + span + 1] = span
        base += span + 1
        span *= 2


@njit(cache=True, error_model="numpy")
def _put_together(
    row: int,
    o: int,
    window: int,
    counted: bool,
    ring: Float3D,
    count: Float2D,
    out: Float3D,
    out_count: Float2D,
) -> None:
    """The window that ends in a row, from stretches kept; and the stretches that end there, kept."""
    span, base, done, lowest = 1, 0, 0, 0
    while True:
        now = base + row % (span + 1)
        if window & span:
            left = base + (row - done) % (span + 1)
            share = done / (span + done)
            if done == 0:
                lowest = now
            elif counted and lowest >= 0:
                _merge_counted(ring, count, left, ring, count, lowest, out, out_count, o)
                lowest = -1
            elif counted:
                _merge_counted(ring, count, left, out, out_count, o, out, out_count, o)
            elif lowest >= 0:
                _merge(ring, left, ring, lowest, out, o, share, span * share)
                lowest = -1
            else:
                _merge(ring, left, out, o, out, o, share, span * share)
            done += span
        if done == window:
            break
        old, base = base + (row - span) % (span + 1), base + span + 1
        into = base + row % (2 * span + 1)
        if counted:
            _merge_counted(ring, count, old, ring, count, now, ring, count, into)
        else:
            _merge(ring, old, ring, now, ring, into, 0.5, 0.5 * span)
        span *= 2
    if lowest >= 0:
        out[o], out_count[o] = ring[lowest], count[lowest]
    if not counted:
        out_count[o] = window


@njit(cache=True, error_model="numpy")
def _advance(
    x: Float2D,
    y: Float2D,
    first: int,
    start: int,
    stop: int,
    window: int,
    gap: int,
    ring: Float3D,
    count: Float2D,
    out: Float3D,
    out_count: Float2D,
) -> int:
    """Statistics of the windows that end in some rows; returns the last row with an unknown value.

    `ring` keeps for each power of two `span` the stretches of that length that ended in the last
    `span + 1` rows: those of the row t are in slot `t % (span + 1)` of its block. Counts are kept only
    while the window has a gap.
    """
    for row in range(start, stop):
        counted = row - gap < window
        if _load(x, y, row, first, ring, count, row % 2):
            if not counted:
                known = count[row % 2].copy()
                _all_known(count, window)
                count[row % 2] = known
            gap, counted = row, True
        elif counted:
            count[row % 2] = 1.0
        _put_together(row, row - start, window, counted, ring, count, out, out_count)
    return gap


def minimum_of(window: int, minimum: int | None, least: int = 1) -> int:
    """The known rows that a window needs, checked; `window` itself if none is given.

    Raises
    ------
    ConfigError
        If the window is shorter than `least` rows or the minimum not in `least` … window.
    """
    needed = window if minimum is None else minimum
    if window < least:
        raise ConfigError(f"window of {window} bars", "rolling", f"give at least {least}")
    if not least <= needed <= window:
        raise ConfigError(
            f"minimum {needed} is not in {least} … {window}", "rolling", "the window is the most"
        )
    return needed


def table(values: FloatArray) -> Float2D:
    """Values of shape (bars,) or (bars, series) as (bars, series), C-contiguous, closed to writing."""
    wide = np.asarray(values, dtype=np.float64)
    return read_only(wide.reshape(len(wide), -1) if wide.size else np.empty((len(wide), 0)))


def window_stats(x: Float2D, y: Float2D, window: int, fields: int) -> Iterator[Part]:
    """Statistics of every trailing window, part by part; a part is overwritten by the next one.

    Parameters
    ----------
    x, y : ndarray of shape (bars, series)
        As `table` gives them; NaN = not known, and a row of which either is NaN is left out.
        `y` is read only for TWO.
    window : int
        Rows, the current one included; rows before the first are unknown.
    fields : {SUM, ONE, TWO}
        Which statistics.

    Yields
    ------
    Part
    """
    bars, series = x.shape
    slots, span = 0, 1
    while span <= window:
        slots, span = slots + span + 1, 2 * span
    for first in range(0, series, LANES):
        last = min(first + LANES, series)
        ring, count = np.zeros((slots, fields, last - first)), np.zeros((slots, last - first))
        rows = ROWS * LANES // (last - first)
        stats, known = np.empty((rows, fields, last - first)), np.empty((rows, last - first))
        gap = -1
        for start in range(0, bars, rows):
            stop = min(start + rows, bars)
            gap = _advance(x, y, first, start, stop, window, gap, ring, count, stats, known)
            yield Part(start, stop, first, last, known, stats)
