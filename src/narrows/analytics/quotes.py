"""What the best quotes say of the next move: supply against demand at the top of the book."""

import numpy as np

from narrows.core.arrays import FloatArray


def _sizes(bid_size: FloatArray, ask_size: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sizes and their sum; NaN where a size is negative, not finite, or both are 0."""
    bid, ask = np.asarray(bid_size, dtype=np.float64), np.asarray(ask_size, dtype=np.float64)
    total = bid + ask
    usable = (bid >= 0.0) & (ask >= 0.0) & (total > 0.0) & np.isfinite(total)
    return bid, ask, np.where(usable, total, np.nan)


def imbalance(bid_size: FloatArray, ask_size: FloatArray) -> FloatArray:
    """``(bid − ask)/(bid + ask)`` of the sizes at the best quotes, from −1 (only sellers) to 1.

    Arrays of any one shape; NaN where a size is not known or negative, or nobody quotes. Each value is
    of its own row. Sizes of an inverse contract are in contracts, which cancels.
    """
    bid, ask, total = _sizes(bid_size, ask_size)
    return (bid - ask) / total


def micro_price(bid: FloatArray, ask: FloatArray, bid_size: FloatArray, ask_size: FloatArray) -> FloatArray:
    """Mid weighted towards the side that will give way: each price by the size on the other side.

    ``(ask·bid_size + bid·ask_size)/(bid_size + ask_size)`` lies between bid and ask, above the mid where
    buyers stand thicker than sellers. Arrays of any one shape; NaN where a price or size is not known, or
    bid > ask: a crossed book is not one.

    References
    ----------
    Gatheral & Oomen (2010), Zero-intelligence realized variance estimation, Finance & Stochastics 14(2),
    who call it the micro-price; Stoikov (2018), Quantitative Finance 18(12), refines it.
    """
    low, high = np.asarray(bid, dtype=np.float64), np.asarray(ask, dtype=np.float64)
    buyers, _, total = _sizes(bid_size, ask_size)
    whole = np.where(low <= high, total, np.nan)
    return low + (high - low) * (buyers / whole)
