"""How far the mean of the last minutes lies from the one close at delivery, on real minutes of spot.

No public file at hand has a dated future and minutes of its index over the same delivery. So a future is
assumed to be delivered at 08:00 on each day of the minutes that there are: Binance.US, March 2023, with
the de-peg of USDC in it.
"""

from datetime import datetime, timedelta

import numpy as np
import pytest

from narrows.catalog.delivery import mean_before_delivery
from narrows.catalog.grid import Grid
from narrows.catalog.store import Series
from narrows.core.instrument import instrument
from narrows.core.time import HOUR_NS, to_ns
from narrows.rulebook import load
from realdata.real import Alone

RULE = """
venue = "binance_us"
[[settlement]]
effective_from   = 2023-01-01
source           = "made up: what Binance had for its own futures before November 2024, or has since"
confidence       = "low"
window_s         = {seconds:.1f}
samples          = {seconds}
hour             = 8.0
delivery_fee_bps = 5.0
"""


@pytest.mark.parametrize(
    ("seconds", "typical_bps", "worst_bps"), [(1800, 12.49, 72.08), (3600, 21.46, 133.29)]
)
def test_the_mean_is_some_bp_from_the_close(
    alone: Alone, seconds: int, typical_bps: float, worst_bps: float
) -> None:
    catalog = alone["iaqf"]
    rules = load([RULE.format(seconds=seconds)])
    off = []
    for day in range(21):
        at = datetime(2023, 3, 1, 8) + timedelta(days=day)
        future = instrument(f"BTC-USDT-{at:%Y%m%d}.binance_us")
        grid = Grid(to_ns(at), HOUR_NS, 1)
        mean = mean_before_delivery(catalog, future, grid, rules)
        assert f"({seconds // 60} samples)" in mean.words
        close = catalog.read(Series("bars", "binance_us", "BTC-USDT"), to_ns(at) - 1, to_ns(at))["close"]
        off.append((mean.price / close.item() - 1.0) * 1e4)
    assert np.abs(off).mean() == pytest.approx(typical_bps, abs=0.05)
    assert np.abs(off).max() == pytest.approx(worst_bps, abs=0.05)
