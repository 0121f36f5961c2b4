"""The funding formula that all large venues share: a premium, clamped towards an interest rate."""

from typing import overload

import numpy as np

from narrows.core.arrays import FloatArray
from narrows.core.errors import ConfigError


@overload
def clamped_rate(premium: float, interest: float, dead_band: float, cap: float) -> float: ...
@overload
def clamped_rate(premium: FloatArray, interest: float, dead_band: float, cap: float) -> FloatArray: ...
def clamped_rate(
    premium: float | FloatArray, interest: float, dead_band: float, cap: float
) -> float | FloatArray:
    """Funding rate of one interval, from the premium averaged over it.

    ``F = P + clamp(I − P, −d, +d)``, then ``clamp(F, −cap, +cap)``. The same number is
    ``clamp(I, P − d, P + d)``, which is how it is computed: inside the dead band the rate is
    the interest, to the last bit.

    Parameters
    ----------
    premium : float or ndarray
        Time-averaged premium index, fraction; NaN gives NaN.
    interest, dead_band, cap : float
        Fractions per interval of the formula; `cap` = inf where the venue has none. A venue that
        settles every N hours with constants per 8 h divides the result by 8/N.

    Returns
    -------
    float or ndarray
        Fraction per interval of the formula; positive = longs pay shorts.

    Raises
    ------
    ConfigError
        If the dead band or the cap is negative.

    References
    ----------
    Bybit help centre, "Funding rate calculation"; OKX notice of April 2025 on its funding formula;
    Hyperliquid docs, "Funding". Binance is the same before its division by 8/N.
    """
    if not (dead_band >= 0.0 and cap >= 0.0):
        raise ConfigError(
            f"dead band {dead_band} or cap {cap} is negative", "clamped_rate", "give fractions >= 0"
        )
    rate = np.clip(np.clip(interest, premium - dead_band, premium + dead_band), -cap, cap)
    return rate if isinstance(premium, np.ndarray) else float(rate)
