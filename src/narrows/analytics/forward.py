"""The forward that a call and a put of one strike make: a call bought, a put sold."""

import math

import numpy as np

from narrows.core.arrays import FloatArray
from narrows.core.errors import ConfigError


def forward_at(strike: FloatArray, difference: FloatArray, discount: float, *, in_coin: bool) -> FloatArray:
    """The forward at which a call's premium less a put's is fair; arrays of one shape.

    ``K / (1 − (c − p)/D_b)`` in coin, ``K + (C − P)/D_a`` in quote. NaN where a difference leaves no positive
    forward: a call that costs a coin more than its put is no quote of one.
    """
    check_discount(discount)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = strike / (1.0 - difference / discount) if in_coin else strike + difference / discount
        return np.where((found > 0.0) & np.isfinite(found), found, np.nan)


def check_discount(discount: float) -> None:
    """Refuse a discount factor that is none.

    Raises
    ------
    ConfigError
        If it is not a number above 0.
    """
    if not (math.isfinite(discount) and discount > 0.0):
        raise ConfigError(
            f"discount factor of {discount}", "parity", "give a number above 0; 1 = no interest"
        )
