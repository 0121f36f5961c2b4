"""Estimate: a number with its interval, and in words why there is none."""

import math
from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D

NORMAL_90 = 1.6448536269514722  # standard deviations to either end of a normal 90 % interval


class Estimate(NamedTuple):
    """What data say about one parameter.

    Attributes
    ----------
    value : float
        The point estimate, corrected for its known bias where the estimator says so; NaN = none.
    lo, hi : float
        Ends of its interval, 90 % unless the estimator says otherwise; an infinite end means that
        the data do not bound it there, NaN that no interval could be found.
    reason : str
        Empty, or why the number is missing or not to be trusted ("not identified: …").
    """

    value: float
    lo: float
    hi: float
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a finite value between finite ends."""
        return all(map(math.isfinite, self[:3]))


def constant(values: Float1D) -> bool:
    """Whether numbers differ by rounding only, or so little that their squares vanish; none is NaN."""
    return bool(np.ptp(values) <= max(64.0 * np.finfo(np.float64).eps * np.abs(values).max(), 1e-140))


def unknown(reason: str) -> Estimate:
    """No number, and why."""
    return Estimate(math.nan, math.nan, math.nan, reason)
