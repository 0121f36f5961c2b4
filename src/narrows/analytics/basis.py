"""The gap between a future and its spot: in price, as a rate, per year."""

import numpy as np

from narrows.core.arrays import Float1D, FloatArray, Int1D
from narrows.core.time import HOUR_NS, YEAR_H


def basis(spot: FloatArray, future: FloatArray) -> FloatArray:
    """``F − S`` in quote currency per base.

    `spot` is what the trade can hold: the spot mid of the same venue. Against the index, which
    nobody can buy, it is the premium. Arrays of any one shape; NaN where either is NaN.
    """
    return future - spot


def basis_rate(spot: FloatArray, future: FloatArray) -> FloatArray:
    """``F/S − 1``, fraction; positive = the future is dearer (contango)."""
    return future / spot - 1.0


def log_basis(spot: FloatArray, future: FloatArray) -> FloatArray:
    """``ln(F/S)``; over the years to expiry it is the continuously compounded carry."""
    return np.log(future / spot)


def hours_to_expiry(time_ns: Int1D, expiry_ns: int) -> Float1D:
    """Hours from each time to delivery, shape (bars,).

    Negative after delivery; inf throughout if `expiry_ns` is 0, which means never.
    """
    if expiry_ns == 0:
        return np.full(len(time_ns), np.inf)
    return (expiry_ns - time_ns) / HOUR_NS


def basis_apr(rate: FloatArray, hours_to_expiry: FloatArray) -> FloatArray:
    """Simple annual rate (365 days) that a basis rate pays until expiry.

    Parameters
    ----------
    rate : ndarray
        ``F/S − 1``.
    hours_to_expiry : ndarray
        Same shape. At or after expiry the result is NaN; at inf (a perpetual) it is 0, because
        nothing there is paid by a date.

    Notes
    -----
    It explodes near expiry: a price error of 1 bp is 0.4 % a year with 90 days left and 37 % with
    one. Weight by time to expiry, or do not read it in the last three days.
    """
    left = np.where(hours_to_expiry > 0.0, hours_to_expiry, np.nan)
    return rate * (YEAR_H / left)
