"""Every ingested table has the rows and the span that its source is known to have."""

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from narrows.catalog import Series, ingest
from realdata.real import MAPPINGS, Real

# rows, first time, last time, missing between, rejected, dropped
TABLES = {
    # bars of hour t are stamped t at the source and t + 1 h here
    ("bars", "BTC-USDT.binance"): (15592, "2023-06-01T01", "2025-03-11T16", 0, 0, 0),
    ("bars", "BTC-USDT-PERP.binance"): (15592, "2023-06-01T01", "2025-03-11T16", 0, 0, 0),
    ("marks", "BTC-USDT-PERP.binance"): (15553, "2023-06-01T01", "2025-03-10T01", 0, 0, 0),
    ("funding", "BTC-USDT-PERP.binance"): (1945, "2023-06-01T00", "2025-03-10T00", 0, 0, 0),
    # six futures end at their delivery, 08:00; the flat bars after it are dropped, weeks of them at first
    ("bars", "BTC-USDT-20230929.binance"): (2310, "2023-06-25T03", "2023-09-29T08", 0, 0, 1106),
    ("bars", "BTC-USDT-20231229.binance"): (3188, "2023-08-18T13", "2023-12-29T08", 0, 0, 263),
    ("bars", "BTC-USDT-20240329.binance"): (4368, "2023-09-29T09", "2024-03-29T08", 0, 0, 2),
    ("bars", "BTC-USDT-20240628.binance"): (4368, "2023-12-29T09", "2024-06-28T08", 0, 0, 71),
    ("bars", "BTC-USDT-20240927.binance"): (4368, "2024-03-29T09", "2024-09-27T08", 0, 0, 1),
    ("bars", "BTC-USDT-20241227.binance"): (4368, "2024-06-28T09", "2024-12-27T08", 0, 0, 1),
    # two stop with the source, before delivery
    ("bars", "BTC-USDT-20250328.binance"): (3968, "2024-09-27T09", "2025-03-11T16", 0, 0, 0),
    ("bars", "BTC-USDT-20250627.binance"): (1784, "2024-12-27T09", "2025-03-11T16", 0, 0, 0),
    # one file of 47,582 hours: its last row has a mark only, its first 2,732 hours have no perpetual yet
    ("bars", "SOL-USDT.okx"): (47581, "2020-09-30T11", "2026-03-05T23", 0, 0, 1),
    ("bars", "SOL-USDT-PERP.okx"): (44849, "2021-01-22T07", "2026-03-05T23", 0, 0, 2733),
    ("marks", "SOL-USDT-PERP.okx"): (44850, "2021-01-22T07", "2026-03-06T00", 0, 0, 2732),
    ("funding", "SOL-USDT-PERP.okx"): (4398, "2022-03-01T00", "2026-03-05T16", 0, 6, 12405),
    # 25 holes of up to nine days: 17,472 hours less 12,192
    ("funding", "BTC-USDC-PERP.hyperliquid"): (12192, "2024-01-01T00", "2025-12-28T23", 5280, 0, 0),
    ("marks", "BTC-USDC-PERP.hyperliquid"): (12192, "2024-01-01T00", "2025-12-28T23", 5280, 0, 0),
}


LATE = date(2022, 12, 19)


def _okx(data_root: Path) -> pl.DataFrame:
    return pl.read_parquet(data_root / "pietroc21" / "okx_SOL_1h.parquet")


@pytest.mark.parametrize("key", TABLES, ids=" ".join)
def test_rows_span_gaps_and_rejects(catalogue: Real, key: tuple[str, str]) -> None:
    told = catalogue.told[key]
    got = (told.rows, told.start[:13], told.end[:13], told.gaps, told.rejected, told.dropped)
    assert got == TABLES[key]
    assert told.start[13:] == told.end[13:] == ":00:00Z"


def test_nothing_else_was_ingested(catalogue: Real) -> None:
    assert set(catalogue.told) == set(TABLES)


def test_missing_hours_are_the_hours_of_the_span_less_the_rows(catalogue: Real) -> None:
    told = catalogue.told["funding", "BTC-USDC-PERP.hyperliquid"]
    span = datetime.fromisoformat(told.end) - datetime.fromisoformat(told.start)
    assert told.gaps == span.total_seconds() / 3600 + 1 - told.rows


def test_the_six_rejected_rows_are_one_late_settlement(catalogue: Real, data_root: Path) -> None:
    """On 2022-12-19 the rate at 00:00 reads 0, and another one is carried from 02:00 to 07:00.

    The venue settled late, off its grid: the source's grid row is kept, the contradiction counted.
    """
    raw = pl.read_parquet(
        data_root / "pietroc21/okx_SOL_1h.parquet", columns=["timestamp", "funding_rate_raw_okx"]
    )
    day = raw.filter(pl.col("timestamp").dt.date() == datetime(2022, 12, 19).date())[
        "funding_rate_raw_okx"
    ].to_list()
    assert day[:2] == [0.0, 0.0]
    assert len(set(day[2:8])) == 1
    assert day[2] != 0.0
    assert catalogue.told["funding", "SOL-USDT-PERP.okx"].rejected == len(day[2:8])


def test_carried_forward_rates_sum_to_what_was_settled(catalogue: Real, data_root: Path) -> None:
    """The source's hourly column is a settled rate over 8 in each hour: its sum is that of the settlements.

    But for the late settlement, and for the last one, which is carried for one hour of eight.
    """
    settled = catalogue.catalog.read(Series("funding", "okx", "SOL-USDT-PERP"))["rate"].to_numpy()
    raw = _okx(data_root)
    late = raw.filter(pl.col("timestamp").dt.date() == LATE)["funding_rate_1h_okx"].to_numpy()[2:8].sum()
    hourly = raw["funding_rate_1h_okx"].drop_nulls().to_numpy().sum()
    assert settled.sum() == pytest.approx(hourly - late + 7 / 8 * settled[-1], rel=1e-9)


def test_ingesting_again_changes_nothing(catalogue: Real, data_root: Path) -> None:
    root = catalogue.catalog.root
    before = (root / "manifest.json").stat()
    ingest(MAPPINGS, root=data_root, catalog=root)
    after = (root / "manifest.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
