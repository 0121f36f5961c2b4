"""The settled rate follows from the premium, to the last digit that the source has."""

import numpy as np

from narrows.catalog import Series
from realdata.real import Real


def test_hyperliquid_rate_is_the_clamped_premium_an_eighth_each_hour(catalogue: Real) -> None:
    rates = catalogue.catalog.read(Series("funding", "hyperliquid", "BTC-USDC-PERP"))
    marks = catalogue.catalog.read(Series("marks", "hyperliquid", "BTC-USDC-PERP"))
    both = rates.join(marks, on="time")
    assert both.height == rates.height == 12192
    premium = both["premium"].to_numpy()
    interest = 0.0001  # per 8 h
    eight_hours = premium + np.clip(interest - premium, -0.0005, 0.0005)
    np.testing.assert_allclose(both["rate"].to_numpy(), eight_hours / 8, rtol=0, atol=1e-10)
    assert (np.abs(interest - premium) > 0.0005).sum() > 1000  # the clamp is at work, not only the interest
