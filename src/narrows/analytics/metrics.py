"""How a path of equity did. Periods per year are never guessed: crypto has 8760 hours, not 252 days."""

import math

import numpy as np

from narrows.core.arrays import Float1D
from narrows.core.time import YEAR_H


def returns(equity: Float1D) -> Float1D:
    """Simple return of each period, shape (bars − 1,).

    NaN where the equity before it is not positive: there was nothing to earn on.
    """
    before = np.where(equity[:-1] > 0.0, equity[:-1], np.nan)
    change: Float1D = equity[1:] / before - 1.0
    return change


def volatility(returns: Float1D, periods_per_year: float) -> float:
    """Annualised sample standard deviation (ddof = 1); NaN for fewer than two returns or any NaN."""
    if len(returns) < 2:
        return math.nan
    return float(np.std(returns, ddof=1) * math.sqrt(periods_per_year))


def sharpe(returns: Float1D, periods_per_year: float) -> float:
    """Annualised mean over standard deviation of returns, which are in excess of whatever you deduct.

    Not corrected for autocorrelation: the smooth accrual of a carry flatters it. NaN for fewer
    than two returns, a constant series, or any NaN.
    """
    if len(returns) < 2 or np.ptp(returns) == 0.0:
        return math.nan
    return float(np.mean(returns) * periods_per_year) / volatility(returns, periods_per_year)


def drawdown_path(equity: Float1D) -> Float1D:
    """Fraction lost since the highest equity so far, shape (bars,), >= 0.

    NaN while that highest is not positive, and from the first NaN on.
    """
    peak = np.maximum.accumulate(equity)
    lost: Float1D = 1.0 - equity / np.where(peak > 0.0, peak, np.nan)
    return lost


def max_drawdown(equity: Float1D) -> float:
    """Largest fraction ever lost from a peak, >= 0; above 1 if equity went below zero.

    NaN for an empty path or one with any NaN in its `drawdown_path`.
    """
    return float(np.max(drawdown_path(equity))) if len(equity) else math.nan


def return_apr(start: float, end: float, hours: float) -> float:
    """Simple annual return (365 days) from equity `start` to `end`; NaN without capital or time."""
    if not (start > 0.0 and hours > 0.0):
        return math.nan
    return (end / start - 1.0) * (YEAR_H / hours)
