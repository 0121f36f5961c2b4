"""Recorded books, joined by update number: never crossed, and on disk as they were."""

import gzip
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from narrows.catalog.ticks import Ticks, TickWriter, read_deltas
from narrows.market.book import ASK, LAST, SNAPSHOT, empty_book, levels, replay

SOURCES = [
    ("spot/btcusdt_20240808.gz", "BTC-USDT.binance", "0.01", "0.00001", 3_450),
    ("cm/btcusd_perp_20240808.gz", "BTC-USD-PERP.binance", "0.1", "1", 26_825),
]
Row = tuple[int, int, int, int, int, int]


def _rows(path: Path, tick: Decimal, lot: Decimal) -> list[Row]:
    """The snapshot and the changes after it, those held back before it stamped as it is."""
    found: list[tuple[int, int, int, int, list[list[str]], list[list[str]]]] = []
    with gzip.open(path) as lines:
        for line in lines:
            stamp, _, text = line.partition(b" ")
            told = msgspec.json.decode(text)
            if "lastUpdateId" in told:
                found.append(
                    (int(stamp), told.get("E", 0), told["lastUpdateId"], SNAPSHOT, told["bids"], told["asks"])
                )
            elif told["data"].get("e") == "depthUpdate":
                one = told["data"]
                found.append((int(stamp), one["E"], one["u"], 0, one["b"], one["a"]))
    (whole,) = (one for one in found if one[3] == SNAPSHOT)
    rows = []
    for received, time_ms, update, flag, bids, asks in [whole, *(one for one in found if one[2] > whole[2])]:
        sides = [(flag, level) for level in bids] + [(flag | ASK, level) for level in asks]
        for place, (flags, (price, size)) in enumerate(sides, 1):
            last = LAST if place == len(sides) else 0
            steps = int(Decimal(price) / tick), int(Decimal(size) / lot)
            rows.append((time_ms * 10**6, max(received, whole[0]), update, flags | last, *steps))
    return rows


@pytest.mark.parametrize(("file", "id_", "tick", "lot", "messages"), SOURCES)
def test_a_recorded_book_is_never_crossed_and_comes_back_from_disk(
    data_root: Path, tmp_path: Path, file: str, id_: str, tick: str, lot: str, messages: int
) -> None:
    rows = _rows(data_root / "hftbacktest" / file, Decimal(tick), Decimal(lot))
    columns = np.array(rows, np.int64).T
    table = Ticks._make(one.astype(np.int8 if at == 3 else np.int64) for at, one in enumerate(columns))
    with TickWriter(tmp_path, id_, tick, lot) as writer:
        writer.deltas(table)
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for _, _, _, flags, price, size in rows:
        sides[flags & ASK].pop(price, None)
        if size:
            sides[flags & ASK][price] = size
    book, seen = empty_book(), 0
    for batch in read_deltas(tmp_path, id_):
        ends = np.flatnonzero(batch.rows.flags & LAST)
        touch = replay(book, batch.rows.flags, batch.rows.ticks, batch.rows.lots, ends)
        assert np.all(touch.ticks[:, 0, 0] < touch.ticks[:, 1, 0])
        assert np.all(touch.ticks > 0)
        seen += len(ends)
    assert seen == messages
    for is_ask in (False, True):
        told = dict(zip(*(one.tolist() for one in levels(book, is_ask)), strict=True))
        assert told == sides[is_ask]
        assert list(told) == sorted(told, reverse=not is_ask)
