"""What the page on premiums and funding says, spot-checked: by its own functions, and by other means."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from narrows.analytics.nowcast import running_average
from narrows.core.time import HOUR_NS
from narrows.rulebook.funding import clamped_rate
from realdata.real import REPOSITORY


@pytest.fixture(scope="module")
def study() -> Iterator[Any]:
    folder = str(REPOSITORY / "scripts" / "studies")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("premium_and_funding")
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def parts(study: Any) -> dict[str, Any]:
    """The modules of the study, by name."""
    assert study.PAGE.name == "premium-and-funding.md"  # it stands on the path by now
    return {name: importlib.import_module(f"premium_{name}") for name in ("bands", "runs")}


@pytest.mark.usefixtures("data_root")
def test_a_market_and_a_memory_of_the_page_are_what_the_data_give(study: Any, parts: dict[str, Any]) -> None:
    """A part that takes seconds: of each table that one market, or one memory, fills, its rows.

    The whole page and its figure take a minute: `scripts/studies/premium_and_funding.py --check`
    compares them, and `make studies` writes them anew.
    """
    page = (REPOSITORY / study.PAGE).read_text("utf-8").splitlines()
    bands, market = parts["bands"], parts["runs"].binance_avax()
    rows = [
        study.Through(market, *parts["runs"].settled_averages(market)).row(),
        bands.coverage_row(market.name, list(bands.months(market))),
        bands.memory_rows(bands.memories((730,))),
    ]
    assert [row for row in rows if row not in page] == []


def test_averages_of_binance_btc_settle_near_what_was_paid(data_root: Path) -> None:
    """By hand: linear weights over the eight closes that end at the settlement."""
    bars = pl.read_parquet(data_root / "gobbles404" / "BTCUSDT_premium_index_1h.parquet").sort("Timestamp")
    rates = pl.read_parquet(data_root / "gobbles404" / "BTCUSDT_funding_8h.parquet").select(
        time=pl.col("Timestamp").str.to_datetime(time_unit="us").dt.round("1h"), rate="Rate"
    )
    weights = np.arange(1.0, 9.0)
    made = bars.select(
        time=pl.col("Timestamp") + pl.duration(hours=1),
        premium="Close",
    )
    time_ns = made["time"].dt.epoch("ns").to_numpy().astype(np.int64)
    closes = made["premium"].to_numpy()
    plain = {
        int(time_ns[row]): float(closes[row - 7 : row + 1] @ weights / weights.sum())
        for row in range(7, len(closes))
        if time_ns[row] % (8 * HOUR_NS) == 0
    }
    paid = dict(zip(rates["time"].dt.epoch("ns").to_list(), rates["rate"].to_list(), strict=True))
    both = sorted(plain.keys() & paid.keys())
    assert len(both) > 1900
    premium = np.array([plain[one] for one in both])
    off = np.abs(clamped_rate(premium, 1e-4, 5e-4, np.inf) - np.array([paid[one] for one in both]))
    assert np.median(off) < 0.2e-4
    # straight lines between the closes weigh them nearly so, an hour before the end
    _, so_far = running_average(closes, time_ns, 8.0, "linear")
    before = np.array([so_far[np.searchsorted(time_ns, one) - 1] for one in both[5:]])
    assert np.corrcoef(before, premium[5:])[0, 1] == pytest.approx(1.0, abs=0.05)
