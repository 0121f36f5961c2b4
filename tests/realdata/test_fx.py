"""What a currency was worth, from pairs in the catalogue: the weekend on which USDC lost its peg."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from narrows.catalog import ingest, load_panel
from narrows.core.config import parse
from narrows.core.time import to_ns
from realdata.real import REPOSITORY

DESK = """
[desk]
name     = "depeg"
currency = "USD"
capital  = 1_000_000
bar      = "1h"
start    = 2023-03-09
end      = 2023-03-15
[data]
catalog = "{catalog}"
[universe]
instruments = ["BTC-USDC.binance_us"]
[strategy]
name = "funding_carry"
[fx]
USDC = ["BTC-USD.binance_us", "BTC-USDC.binance_us"]
"""


def test_usdc_in_dollars_through_the_weekend_of_its_depeg(data_root: Path, tmp_path: Path) -> None:
    ingest([REPOSITORY / "examples/sources/iaqf.toml"], root=data_root, catalog=tmp_path / "catalog")
    prices = load_panel(parse(DESK.format(catalog=tmp_path / "catalog")))
    worth = prices.fx[:, 0]
    before, after = (to_ns(datetime(2023, 3, day, hour, tzinfo=UTC)) for day, hour in ((10, 12), (14, 0)))
    assert worth[prices.time_ns <= before] == pytest.approx(1.0, abs=0.01)
    assert worth[prices.time_ns >= after] == pytest.approx(1.0, abs=0.01)
    least = int(np.nanargmin(worth))
    assert 0.85 < worth[least] < 0.95
    assert datetime.fromtimestamp(int(prices.time_ns[least]) / 1e9, UTC).date().isoformat() == "2023-03-11"
    assert any(
        "USDC in USD: closes of BTC-USD.binance_us and BTC-USDC.binance_us" in note for note in prices.notes
    )
