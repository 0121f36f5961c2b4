"""The square-root law of market impact, for sizes that no visible book holds."""

from typing import NamedTuple

import numpy as np

from narrows.core.arrays import FloatArray
from narrows.core.errors import ConfigError

MEAN_OF_PEAK = 2.0 / 3.0  # ∫₀¹ √x dx


class Impact(NamedTuple):
    """``I(Q) = y · sigma · √(Q / volume)``: how far a price has moved once Q has been traded.

    Attributes
    ----------
    y : float
        Of order one, 0.5 to 1 where it was measured; to be calibrated on own fills.
    sigma : float
        Volatility as a fraction per √day.
    volume : float
        Coin traded in a day, by everybody.

    References
    ----------
    Bouchaud, Bonart, Donier & Gould (2018), Trades, Quotes and Prices, ch. 12.
    """

    y: float
    sigma: float
    volume: float

    def peak(self, size: float | FloatArray) -> FloatArray:
        """Move at the end of a trade of `size` coin, as a fraction of the price; 0 for no size."""
        return np.asarray(self.y * self.sigma * np.sqrt(np.asarray(size, dtype=np.float64) / self.volume))

    def mean(self, size: float | FloatArray) -> FloatArray:
        """Move paid on average along the way: two thirds of the peak."""
        return np.asarray(MEAN_OF_PEAK * self.peak(size))


def impact_law(y: float, sigma: float, volume: float) -> Impact:
    """An Impact whose parameters make sense.

    Raises
    ------
    ConfigError
        If one of them is not a positive number.
    """
    for name, value in (("y", y), ("sigma", sigma), ("volume", volume)):
        if not (np.isfinite(value) and value > 0.0):
            raise ConfigError(
                f"{name} {value}", "impact", "give y, sigma per √day and coin a day, all positive"
            )
    return Impact(y, sigma, volume)
