"""What funding has paid, annualised with the interval that each settlement had."""

import numpy as np

from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import YEAR_H


def trailing_funding_apr(funding: Float1D, funding_h: Float1D, bar_h: float, lookback_h: float) -> Float1D:
    """Simple annual rate of the funding settled in the trailing window.

    ``Σ rates / Σ their own intervals × 8760``: a contract that moves from 8 h to 4 h to 1 h
    settlements is annualised correctly throughout.

    Parameters
    ----------
    funding : ndarray of shape (bars,)
        Rate settled at the close, fraction per its own interval; NaN = no settlement.
    funding_h : ndarray of shape (bars,)
        That interval in hours; read only where a rate was settled.
    bar_h : float
        Bar length in hours.
    lookback_h : float
        Window in hours, a whole number of bars; it ends with, and includes, the current bar.

    Returns
    -------
    ndarray of shape (bars,)
        Positive = shorts receive. NaN until the window is full of bars, and where no settlement
        lies in it. Each value depends on its window alone, bit for bit.

    Raises
    ------
    ConfigError
        If the lookback is not a positive whole number of bars.
    DataError
        If a settled rate has no positive interval: it cannot be annualised.
    """
    window = round(lookback_h / bar_h)
    if window < 1 or abs(window * bar_h - lookback_h) > 1e-9 * lookback_h:
        raise ConfigError(
            f"lookback of {lookback_h} h with bars of {bar_h} h",
            "trailing_funding_apr",
            "give a positive whole number of bars",
        )
    settled = np.flatnonzero(~np.isnan(funding))
    rates, intervals = funding[settled], funding_h[settled]
    if not (intervals > 0.0).all():
        row = int(settled[~(intervals > 0.0)][0])
        raise DataError(
            f"rate {funding[row]} has interval {funding_h[row]} h", f"funding, row {row}", "give its interval"
        )
    apr = np.full(len(funding), np.nan)
    rows = np.arange(window - 1, len(funding))
    first = np.searchsorted(settled, rows - window + 1)
    stop = np.searchsorted(settled, rows, side="right")
    some = stop > first
    if some.any():
        edges = np.column_stack((first[some], stop[some])).ravel()
        apr[rows[some]] = _between(rates, edges) / _between(intervals, edges) * YEAR_H
    return apr


def _between(values: Float1D, edges: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Float1D:
    """Sums of values[start:stop] for start, stop, start, stop, … in `edges`, each from scratch."""
    sums: Float1D = np.add.reduceat(np.append(values, 0.0), edges)[::2]
    return sums


def cumulative_funding(funding: Float1D) -> Float1D:
    """Sum of all rates settled so far, shape (bars,): what a short of constant notional has received.

    A bar without a settlement (NaN) pays nothing. Fractions of notional, not compounded.
    """
    return np.cumsum(np.where(np.isnan(funding), 0.0, funding))
