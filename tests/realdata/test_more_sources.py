"""All example mappings, ingested together: what each table holds, and where two sources tell the same."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from narrows.catalog import Series, ingest, load_panel, open_catalog
from narrows.core.arrays import FloatArray
from narrows.core.config import parse
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import backtest
from realdata.real import REPOSITORY, Real

ALL = sorted((REPOSITORY / "examples" / "sources").glob("*.toml"))

# rows, first time, last time, missing between, rejected, dropped
TABLES = {
    # one file of 47,795 hours: spot lacks 19 between, both legs the last day, the perpetual also the first
    ("bars", "AVAX-USDT.binance"): (47759, "2020-09-22T07", "2026-03-06T00", 19, 0, 36),
    ("bars", "AVAX-USDT-PERP.binance"): (47753, "2020-09-23T08", "2026-03-06T00", 0, 0, 42),
    ("marks", "AVAX-USDT-PERP.binance"): (47792, "2020-09-22T10", "2026-03-06T17", 0, 0, 3),
    # the panel and the file of eight coins: none of the panel's rows contradicts the one before
    ("funding", "AVAX-USDT-PERP.binance"): (5974, "2020-09-22T16", "2026-03-06T16", 0, 0, 10),
    ("funding", "ADA-USDT-PERP.binance"): (6685, "2020-01-19T16", "2026-02-24T16", 0, 0, 0),
    ("funding", "DOGE-USDT-PERP.binance"): (6167, "2020-07-10T08", "2026-02-24T16", 0, 0, 0),
    ("funding", "DOT-USDT-PERP.binance"): (6044, "2020-08-20T08", "2026-02-24T16", 0, 0, 0),
    ("funding", "LINK-USDT-PERP.binance"): (6692, "2020-01-17T08", "2026-02-24T16", 0, 0, 0),
    ("funding", "LTC-USDT-PERP.binance"): (6716, "2020-01-09T08", "2026-02-24T16", 0, 0, 0),
    ("funding", "POL-USDT-PERP.binance"): (3176, "2024-09-13T16", "2026-02-24T20", 0, 0, 0),  # every 4 h
    # the 1,945 of binance_btc.toml lie inside these
    ("funding", "BTC-USDT-PERP.binance"): (6741, "2020-01-01T00", "2026-02-24T16", 0, 0, 0),
    # the last row has a mark only, funding comes in March 2022, and one settlement was late as that of SOL
    ("bars", "AVAX-USDT.okx"): (47775, "2020-09-22T09", "2026-03-05T23", 0, 0, 1),
    ("bars", "AVAX-USDT-PERP.okx"): (47755, "2020-09-23T05", "2026-03-05T23", 0, 0, 21),
    ("marks", "AVAX-USDT-PERP.okx"): (47756, "2020-09-23T05", "2026-03-06T00", 0, 0, 20),
    ("funding", "AVAX-USDT-PERP.okx"): (4398, "2022-03-01T00", "2026-03-05T16", 0, 6, 12599),
    # bars are stamped by their open at the source, index and funding of the same row by the end of the hour
    ("bars", "SOL-USDC-PERP.deribit"): (34860, "2022-03-15T14", "2026-03-07T01", 0, 0, 0),
    ("marks", "SOL-USDC-PERP.deribit"): (34840, "2022-03-16T09", "2026-03-07T00", 0, 0, 20),
    ("funding", "SOL-USDC-PERP.deribit"): (34840, "2022-03-16T09", "2026-03-07T00", 0, 0, 20),
    ("bars", "DOGE-USDC-PERP.deribit"): (33803, "2022-04-28T15", "2026-03-07T01", 0, 0, 0),
    ("marks", "DOGE-USDC-PERP.deribit"): (33784, "2022-04-29T09", "2026-03-07T00", 0, 0, 19),
    ("funding", "DOGE-USDC-PERP.deribit"): (33784, "2022-04-29T09", "2026-03-07T00", 0, 0, 19),
    ("bars", "AVAX-USDC-PERP.hyperliquid"): (4995, "2025-08-11T01", "2026-03-07T03", 0, 0, 5),
    ("bars", "BTC-USDC-PERP.hyperliquid"): (4995, "2025-08-11T01", "2026-03-07T03", 0, 0, 5),
    ("bars", "DOGE-USDC-PERP.hyperliquid"): (4995, "2025-08-11T01", "2026-03-07T03", 0, 0, 5),
    ("funding", "AVAX-USDC-PERP.hyperliquid"): (24071, "2023-06-08T01", "2026-03-06T23", 0, 0, 657),
    ("funding", "DOGE-USDC-PERP.hyperliquid"): (24071, "2023-06-08T01", "2026-03-06T23", 0, 0, 657),
    ("funding", "SOL-USDC-PERP.hyperliquid"): (24071, "2023-06-08T01", "2026-03-06T23", 0, 0, 657),
    ("funding", "BTC-USDC-PERP.hyperliquid"): (24071, "2023-06-08T01", "2026-03-06T23", 0, 0, 657),
    ("bars", "SOL-USDC-PERP.hyperliquid"): (4995, "2025-08-11T01", "2026-03-07T03", 0, 0, 5),
}
HYPERLIQUID = ("AVAX", "BTC", "DOGE", "SOL")


@pytest.fixture(scope="module")
def every(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """All mappings in one catalogue, so that overlapping sources must agree."""
    path = tmp_path_factory.mktemp("every") / "catalog"
    told = ingest(ALL, root=data_root, catalog=path)
    return Real(open_catalog(path), {(one.table, f"{one.symbol}.{one.venue}"): one for one in told})


@pytest.mark.parametrize("key", TABLES, ids=" ".join)
def test_rows_span_gaps_and_rejects(every: Real, key: tuple[str, str]) -> None:
    told = every.told[key]
    got = (told.rows, told.start[:13], told.end[:13], told.gaps, told.rejected, told.dropped)
    assert got == TABLES[key]
    assert told.start[13:] == told.end[13:] == ":00:00Z"


def test_the_new_mappings_add_these_tables_and_lengthen_two_of_the_old(every: Real, catalogue: Real) -> None:
    assert set(every.told) == set(catalogue.told) | set(TABLES)
    changed = {key for key, told in catalogue.told.items() if every.told[key] != told}
    assert changed == {("funding", "BTC-USDT-PERP.binance"), ("funding", "BTC-USDC-PERP.hyperliquid")}


def test_ingesting_all_again_changes_nothing(every: Real, data_root: Path) -> None:
    manifest = every.catalog.root / "manifest.json"
    before = manifest.stat()
    ingest(ALL, root=data_root, catalog=every.catalog.root)
    after = manifest.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    ("coin", "other", "common"), [("AVAX", "binance_avax", 5944), ("BTC", "binance_btc", 1945)]
)
def test_independent_sources_tell_the_same_settled_rate(
    coin: str, other: str, common: int, data_root: Path, tmp_path: Path
) -> None:
    """Each source in a catalogue of its own, so that nothing is merged."""
    rates = []
    for name in ("binance_funding", other):
        (mapping,) = (path for path in ALL if path.stem == name)
        ingest([mapping], root=data_root, catalog=tmp_path / name)
        series = Series("funding", "binance", f"{coin}-USDT-PERP")
        rates.append(open_catalog(tmp_path / name).read(series))
    both = rates[0].join(rates[1], on=["time", "interval_h"])
    assert both.height == common
    assert (both["rate"] == both["rate_right"]).all()


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
