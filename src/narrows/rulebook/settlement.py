"""Settlement: from samples of an index to the price that a dated contract is delivered at."""

import numpy as np

from narrows.core.arrays import Float1D, Int1D
from narrows.core.errors import DataError
from narrows.core.time import SECOND_NS, iso


def settlement_average(time_ns: Int1D, index: Float1D, expiry_ns: int, window_s: float) -> float:
    """Settlement price: the mean of the index samples in ``(expiry − window, expiry]``.

    Parameters
    ----------
    time_ns, index : ndarray of shape (samples,)
        The venue's own samples (each second at Binance and Bybit, 200 ms at OKX, 4–6 s at Deribit).
    expiry_ns : int
        Delivery, nanoseconds UTC.
    window_s : float
        Seconds: 1800 at Binance since 2024-11-11 (3600 before), Deribit, Bybit, OKX since 2026-03-18.

    Raises
    ------
    DataError
        If no sample lies in the window or one of them is not a price.
    """
    inside = (time_ns > expiry_ns - round(window_s * SECOND_NS)) & (time_ns <= expiry_ns)
    samples = index[inside]
    where = f"index before {iso(expiry_ns)}"
    if not len(samples):
        raise DataError(f"no sample in the last {window_s:g} s", where, "give the index of the window")
    if not (np.isfinite(samples) & (samples > 0.0)).all():
        raise DataError("a sample is not a price", where, "the venue's average cannot be told from these")
    return float(samples.mean())
