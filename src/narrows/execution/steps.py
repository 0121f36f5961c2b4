"""Convex costs in steps: a function of size whose slope rises from step to step, as a walked book's does."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, FloatArray

NOISE = 1e-12  # of a size: what a sum of floats may be off by


class Steps(NamedTuple):
    """A convex, piecewise-linear function of size that is 0 at 0.

    Attributes
    ----------
    widths : ndarray of shape (steps,)
        Coin; how far each slope goes.
    slopes : ndarray of shape (steps,)
        Quote per coin, never falling. There is nothing to be had beyond the last step.
    """

    widths: Float1D
    slopes: Float1D

    @property
    def total(self) -> float:
        """Where the function ends, coin."""
        return float(self.widths.sum())

    def at(self, sizes: float | FloatArray) -> FloatArray:
        """Value at these sizes, exact on the piecewise-linear function; inf beyond its end."""
        size = np.asarray(sizes, dtype=np.float64)
        ends = np.concatenate(([0.0], np.cumsum(self.widths)))
        value = np.concatenate(([0.0], np.cumsum(self.widths * self.slopes)))
        if len(ends) == 1:
            return np.where(size > 0.0, np.inf, 0.0)
        at = np.minimum(np.searchsorted(ends[1:], size, side="left"), len(ends) - 2)
        found = value[at] + (size - ends[at]) * self.slopes[at]
        return np.where(size > ends[-1] * (1.0 + NOISE), np.inf, found)

    def spent(self, start: float, stop: float) -> float:
        """What it rises by from one size to another, both within it."""
        ends = self.widths.cumsum()
        taken = np.minimum(ends, stop) - np.maximum(ends - self.widths, start)
        return float(np.maximum(taken, 0.0) @ self.slopes)

    def between(self, start: float, stop: float) -> "Steps":
        """What is left of the function from one size to another, counted from there."""
        ends = np.cumsum(self.widths)
        first = np.maximum(ends - self.widths, start)
        widths = np.minimum(ends, stop) - first
        some = widths > 0.0
        return Steps(widths[some], self.slopes[some])

    def raised(self, premium: float) -> "Steps":
        """The same with so much more per coin."""
        return Steps(self.widths, self.slopes + premium)

    def of_ratio(self, ratio: float) -> "Steps":
        """The function of ``ratio · size``."""
        return Steps(self.widths / ratio, self.slopes * ratio)


def added(parts: Sequence[Steps]) -> Steps:
    """The sum of functions of one size; it ends where the first of them does."""
    ends = [np.cumsum(one.widths) for one in parts]
    last = min((float(one[-1]) if len(one) else 0.0) for one in ends)
    every = np.unique(np.concatenate([one[one <= last] for one in ends]))
    slopes = np.zeros(len(every))
    for one, end in zip(parts, ends, strict=True):
        slopes += one.slopes[np.searchsorted(end, every, side="left")] if len(every) else 0.0
    return Steps(np.diff(every, prepend=0.0), slopes)


def filled(parts: Sequence[Steps], size: float) -> tuple[Float1D, float]:
    """Sizes of the cheapest split, shape (parts,), and its marginal price.

    All steps stand in one queue, the cheapest first, and are taken until the size is reached. That is exact,
    for no step of a convex function comes before a cheaper one of its own. NaN is the price of nothing.
    """
    slopes = np.concatenate([one.slopes for one in parts])
    widths = np.concatenate([one.widths for one in parts])
    owner = np.repeat(np.arange(len(parts)), [len(one.widths) for one in parts])
    order = np.argsort(slopes, kind="stable")
    queue = widths[order]
    ends = queue.cumsum()
    taken = np.minimum(np.maximum(size - (ends - queue), 0.0), queue)
    sizes = np.bincount(owner[order], weights=taken, minlength=len(parts)).astype(np.float64)
    if not len(order):
        return sizes, np.nan
    last = min(int(np.searchsorted(ends, size, side="left")), len(order) - 1)
    return sizes, float(slopes[order[last]])
