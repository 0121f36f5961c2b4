"""The one converter between fractions, basis points, percent and annual rates.

Inside narrows every rate is a fraction. Basis points and percent exist in TOML keys that say so,
in names that end in ``_bps``, and in print.
"""

from typing import TypeVar

from narrows.core.arrays import FloatArray
from narrows.core.time import YEAR_H

_Number = TypeVar("_Number", float, FloatArray)


def from_bps(bps: _Number) -> _Number:
    """Fraction of a number of basis points."""
    return bps / 1e4


def to_bps(fraction: _Number) -> _Number:
    """Basis points of a fraction."""
    return fraction * 1e4


def apr(rate: _Number, interval_h: _Number | float) -> _Number:
    """Simple annual rate (365 days) of a rate per interval.

    Parameters
    ----------
    rate : float or ndarray
        Fraction per interval.
    interval_h : float or ndarray
        Length of that interval in hours, a fact of each record, never a constant.
    """
    return rate * (YEAR_H / interval_h)


def apy(rate: float, interval_h: float) -> float:
    """Compounded annual rate (365 days) of a rate per interval."""
    return float((1.0 + rate) ** (YEAR_H / interval_h) - 1.0)
