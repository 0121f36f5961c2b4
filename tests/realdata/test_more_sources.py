"""All example mappings, ingested together: what each table holds, and where two sources tell the same."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from narrows.catalog import Ingested, Series, ingest, load_panel
from narrows.core.arrays import FloatArray
from narrows.core.config import parse
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import backtest
from realdata.real import ALL_MAPPINGS, Real

HYPERLIQUID = ("AVAX", "BTC", "DOGE", "SOL")


COUNTS = ("rows", "gaps", "rejected", "dropped", "contradicted")


def _line(key: tuple[str, str], told: Ingested) -> str:
    span = [
        stamp.removesuffix("Z").removesuffix(":00").removesuffix(":00") for stamp in (told.start, told.end)
    ]
    counts = [str(getattr(told, name)) for name in COUNTS]
    return ",".join((*key, counts[0], *span, *counts[1:]))


def test_rows_span_gaps_and_what_was_left_out(every: Real) -> None:
    """Each series as every_series.csv has it: what the files hold less what the mappings leave out."""
    header, *expected = Path(__file__).with_name("every_series.csv").read_text("utf-8").splitlines()
    assert header == "table,series,rows,start,end,gaps,rejected,dropped,contradicted"
    assert sorted(_line(key, told) for key, told in every.told.items()) == expected


def test_every_contradiction_is_told_with_its_first_row(every: Real) -> None:
    told = {key[1]: told.contradictions for key, told in every.told.items() if told.contradicted}
    longer = "bar_ns was 3600000000000 and would become 28800000000000 at 2023-06-01T08:00:00Z"
    aha = f"1189 rows of aha_hh/bitcoin_spot_perp_funding_3venues_8h.parquet left out: {longer}"
    file, first = "rows of tchiu04/BTC_{}_1h.parquet left out", "at 2024-10-17T11:00:00Z"
    assert told == {
        "BTC-USDT.binance": [
            aha,
            f"1630 {file.format('spot')}: open was 67191.41 and would become 67191.4 {first}",
        ],
        "BTC-USDT-PERP.binance": [
            aha,
            f"1719 {file.format('perp')}: open was 67174.9 and would become 67174.8 {first}",
        ],
    }


def test_one_ingest_of_all_keeps_what_three_mappings_have(every: Real, catalogue: Real) -> None:
    for table in ("bars", "marks", "funding"):
        for series in catalogue.catalog.series(table):
            kept = catalogue.catalog.read(series)
            same = kept.drop("volume", strict=False).columns  # which another source may add
            assert kept.join(every.catalog.read(series), on=same, how="anti", nulls_equal=True).is_empty(), (
                series
            )


def test_ingesting_all_again_changes_nothing(every: Real, data_root: Path) -> None:
    manifest = every.catalog.root / "manifest.json"
    before = manifest.stat()
    ingest(ALL_MAPPINGS, root=data_root, catalog=every.catalog.root)
    after = manifest.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _basis_bp(real: Real, coin: str, late_h: int) -> FloatArray:
    """Close of the perpetual over the index that is stamped so many hours after it."""
    symbol = f"{coin}-USDC-PERP"
    bars = real.catalog.read(Series("bars", "deribit", symbol)).select("time", "close")
    marks = real.catalog.read(Series("marks", "deribit", symbol)).select(
        pl.col("time") - late_h * HOUR_NS, "index"
    )
    both = bars.join(marks, on="time")
    return 1e4 * (both["close"] / both["index"] - 1).to_numpy()


@pytest.mark.parametrize(
    ("coin", "expected"), [("SOL", (111.4, 32.0, 110.2)), ("DOGE", (114.3, 71.0, 125.5))]
)
def test_deribit_index_is_stamped_at_the_end_of_its_hour(
    every: Real, coin: str, expected: tuple[float, float, float]
) -> None:
    """Row for row, as the files have it, bar and index are an hour apart: the first figure."""
    spread = [_basis_bp(every, coin, late_h).std() for late_h in (-1, 0, 1)]
    assert spread == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("coin", HYPERLIQUID)
def test_no_hyperliquid_bar_is_the_one_before_again(every: Real, coin: str) -> None:
    bars = every.catalog.read(Series("bars", "hyperliquid", f"{coin}-USDC-PERP")).drop("time", "bar_ns")
    again = bars.select(pl.all_horizontal(pl.all() == pl.all().shift())).to_series().fill_null(False)
    assert not again.any()


@pytest.mark.parametrize("coin", HYPERLIQUID)
def test_hyperliquid_funding_is_cut_where_rates_of_8_h_stand_in_each_hour(coin: str, data_root: Path) -> None:
    """At the interest of its formula a rate is 1 bp per 8 h, an eighth of that per hour."""
    path = data_root / "pietroc21" / f"hyperliquid_{coin}_funding_1h.parquet"
    rates = pl.read_parquet(path).select("timestamp", rate="funding_rate_1h_hyperliquid")
    hourly = pl.col("timestamp") > datetime(2023, 6, 8, tzinfo=UTC)
    before, after = (rates.filter(part)["rate"].to_numpy().round(10) for part in (~hourly, hourly))
    assert np.mean(before == 1e-4) > 0.05
    assert not np.any(before == 1.25e-5)
    assert np.mean(after == 1.25e-5) > 0.2
    assert len(set(rates["rate"].tail(9))) == 1  # and the last eight hours carry one rate forward


DESK = """
[desk]
name    = "avax"
capital = 1_000_000
start   = 2020-09-23T08:00:00Z
end     = 2026-03-06
[data]
catalog = "{catalog}"
[universe]
instruments = ["AVAX-USDT.binance", "AVAX-USDT-PERP.binance"]
[strategy]
name = "funding_carry"
[venues.binance]
haircut = 0.05
"""


def test_a_carry_over_the_whole_span_adds_up(every: Real) -> None:
    desk = parse(DESK.format(catalog=every.catalog.root))
    prices = load_panel(desk)
    assert len(prices) == 47753 - 1
    result = backtest(desk, prices)
    assert len(result.fills) > 0
    profit = result.equity_end - 1e6
    assert result.ledger.total == pytest.approx(profit, abs=1e-9 * 1e6)
    assert sum(result.ledger.by_category.values()) == pytest.approx(profit, abs=1e-9 * 1e6)
    paid = -result.position[:, 1] * prices.mark[:, 1] * np.nan_to_num(prices.funding[:, 1])
    assert result.ledger.by_category["funding"] == pytest.approx(paid.sum(), rel=1e-9)
