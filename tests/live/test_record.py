"""Messages → rows of the catalogue: what is written while there is a book, and when there is none."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from narrows.catalog.ticks import BUY, TickWriter, read_deltas, read_trades
from narrows.core.errors import DataError
from narrows.core.instrument import instrument
from narrows.core.time import DAY_NS, SECOND_NS
from narrows.live.record import Recorded, record
from narrows.market.book import ASK, LAST, SNAPSHOT, best, copy, levels
from narrows.market.depth import depth_from_ticks
from narrows.research.books import books_at
from narrows.venue.feed.levels import Fault, pack, scale
from narrows.venue.feed.messages import Delta, Message, Quote, Snapshot, Trade
from narrows.venue.feed.reason import Doubt, Outcome
from narrows.venue.feed.registry import FEEDS
from narrows.venue.feed.sync import BookFeed

ID = "BTC-USDT.binance"
T = 20_000 * DAY_NS
WHOLE, END = SNAPSHOT, LAST
Levels = list[tuple[str, str]]


def at(second: float) -> int:
    return T + round(second * SECOND_NS)


def delta(first: int, last: int, bids: Levels, asks: Levels) -> Delta:
    return Delta("X", 0, first, last, -1, pack(bids), pack(asks))


def snapshot(last: int, bids: Levels, asks: Levels) -> Snapshot:
    return Snapshot("X", 0, last, pack(bids), pack(asks))


def trade(id_: str, price: str, size: str, buys: bool, symbol: str = "X") -> Trade:
    return Trade(symbol, at(0), id_, price, size, buys)


def feed(venue: str = "binance") -> BookFeed:
    return BookFeed("X", scale("0.1", "0.5"), FEEDS[venue].rule, stale_ms=60_000, skew_ms=10**9)


def writer(root: Path) -> TickWriter:
    return TickWriter(root, ID, "0.1", "0.5")


def rows_of(root: Path, table: str) -> list[tuple[int, ...]]:
    """Received second, sequence, flags, tick, lots of each row."""
    read = read_deltas if table == "deltas" else read_trades
    told = []
    for batch in read(root, ID):
        seconds = (batch.rows.received_ns - T) // SECOND_NS
        columns = (seconds, *batch.rows[2:])
        told += list(zip(*(column.tolist() for column in columns), strict=True))
    return told


STREAM: list[tuple[float, Message | None]] = [
    (0, delta(1, 4, [("9.9", "1")], [])),
    (1, delta(5, 6, [("10.0", "2")], [("10.2", "0")])),
    (2, trade("77", "10.1", "1.5", True)),
    (3, snapshot(4, [("9.9", "1")], [("10.1", "1"), ("10.2", "3")])),  # the second delta joins it
    (4, trade("78", "10.0", "1", False)),
    (5, delta(7, 7, [("9.9", "0")], [("10.1", "4")])),
    (6, Quote("X", at(6), 7, "10.0", "2", "10.1", "4")),
    (7, delta(8, 8, [], [])),
    (8, delta(10, 11, [("9.8", "5")], [])),  # 9 is missing
    (9, trade("x1", "10.1", "0.5", True)),
    (10, snapshot(11, [("9.8", "5")], [("10.3", "0.5")])),
    (11, None),
    (12, delta(12, 12, [("9.7", "1")], [])),
]


def recorded(root: Path, stream: list[tuple[float, Message | None]] = STREAM) -> Recorded:
    with writer(root) as one:
        return record(((at(second), message) for second, message in stream), feed(), one)


def test_what_is_written_of_a_stream_with_a_gap(tmp_path: Path) -> None:
    told = recorded(tmp_path)
    assert rows_of(tmp_path, "deltas") == [
        (0, -1, WHOLE | END, 0, 0),
        (3, 6, WHOLE, 100, 4),
        (3, 6, WHOLE, 99, 2),
        (3, 6, WHOLE | ASK | END, 101, 2),
        (5, 7, 0, 99, 0),
        (5, 7, ASK | END, 101, 8),
        (7, 8, END, 0, 0),
        (8, -1, WHOLE | END, 0, 0),
        (10, 11, WHOLE, 98, 10),
        (10, 11, WHOLE | ASK | END, 103, 1),
        (11, -1, WHOLE | END, 0, 0),
    ]
    assert rows_of(tmp_path, "trades") == [(2, 77, BUY, 101, 3), (4, 78, 0, 100, 2), (9, -1, BUY, 101, 1)]
    assert (told.deltas.rows, told.deltas.start_ns, told.deltas.end_ns) == (11, at(0), at(11))
    assert (told.trades.rows, told.trades.start_ns, told.trades.end_ns) == (3, at(2), at(9))
    assert told.doubts == {Doubt.WAITING: 1, Doubt.GAP: 1, Doubt.BROKEN: 1}
    assert told.waiting == 1
    assert told.outcomes.total() + told.waiting == len(STREAM) - 1
    assert told.outcomes[Outcome.NOT_BOOK] == 4


def test_a_book_that_comes_whole_is_written_as_such_each_time(tmp_path: Path) -> None:
    sent = [snapshot(-1, [("9.9", size)], [("10.1", "1")]) for size in ("1", "2")]
    with writer(tmp_path) as one:
        record([(at(n), message) for n, message in enumerate(sent)], feed("hyperliquid"), one)
    assert rows_of(tmp_path, "deltas") == [
        (0, -1, WHOLE, 99, 2),
        (0, -1, WHOLE | ASK | END, 101, 2),
        (1, -1, WHOLE, 99, 4),
        (1, -1, WHOLE | ASK | END, 101, 2),
    ]


def test_a_level_pushed_below_the_depth_of_the_venue_is_written_as_gone(tmp_path: Path) -> None:
    first = Snapshot("X", 0, -1, pack([("9.9", "1"), ("9.8", "1")]), pack([("10.1", "1")]), None, 2)
    more = Delta("X", 0, -1, -1, -1, pack([("10.0", "1")]), pack([]))
    with writer(tmp_path) as one:
        record([(at(0), first), (at(1), more)], feed("hyperliquid"), one)
    assert rows_of(tmp_path, "deltas")[3:] == [(1, -1, 0, 100, 2), (1, -1, END, 98, 0)]


def test_a_snapshot_that_mends_the_book_is_written_whole(tmp_path: Path) -> None:
    mends = snapshot(7, [("10.0", "7")], [("10.1", "4")])
    recorded(tmp_path, [*STREAM[:6], (6, mends)])
    assert rows_of(tmp_path, "deltas")[6:] == [(6, 7, WHOLE, 100, 14), (6, 7, WHOLE | ASK | END, 101, 8)]


def test_trades_on_no_tick_or_lot_and_those_of_others_are_not_written(tmp_path: Path) -> None:
    sent = [
        trade("1", "10.05", "1", True),
        trade("2", "10.1", "0.7", True),
        trade("3", "ten", "1", True),
        trade("4", "10.1", "1", True, symbol="Y"),
        trade("9" * 30, "10.1", "1", True),
    ]
    with writer(tmp_path) as one:
        told = record([(at(n), message) for n, message in enumerate(sent)], feed(), one)
    assert told.refused == {Fault.OFF_TICK: 1, Fault.OFF_LOT: 1, Fault.MALFORMED: 1}
    assert rows_of(tmp_path, "trades") == [(4, -1, BUY, 101, 2)]


def test_a_clock_that_runs_backwards_is_counted_and_the_last_stamp_held(tmp_path: Path) -> None:
    backwards = [*STREAM[:5], (2.0, STREAM[5][1]), (9.0, delta(8, 8, [("9.0", "1")], []))]
    told = recorded(tmp_path, backwards)
    assert told.doubts[Doubt.CLOCK_BACK] == 1
    assert [row[0] for row in rows_of(tmp_path, "deltas")] == [0, 3, 3, 3, 4, 4, 9]


def test_the_same_messages_again_add_nothing_and_more_of_them_their_end(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    recorded(whole)
    recorded(parts, STREAM[:6])
    first = rows_of(parts, "deltas")
    for _ in range(2):
        told = recorded(parts, STREAM[:8])
    assert (told.deltas.rows, told.deltas.stored, told.trades.rows, told.trades.stored) == (0, 4, 0, 2)
    more = rows_of(parts, "deltas")
    assert more[: len(first)] == first
    assert more[len(first) :] == [(7, 8, WHOLE, 100, 4), (7, 8, WHOLE | ASK | END, 101, 8)]
    recorded(parts)
    assert rows_of(parts, "deltas")[-4:] == rows_of(whole, "deltas")[-4:]
    assert rows_of(parts, "trades") == rows_of(whole, "trades")


def walk(steps: int, seed: int = 7) -> Iterator[tuple[int, Message]]:
    """A book with random changes, a gap now and then and a fresh snapshot after it."""
    draw, number = random.Random(seed), 10
    for step in range(steps):
        if step % 50 == 0:
            sides = [[(f"{price / 10}", "1.5") for price in range(*span)] for span in ((70, 100), (101, 130))]
            yield at(step), snapshot(number, *sides)
            continue
        number += 2 if step % 50 == 49 else 1
        bids = [(f"{draw.randint(60, 99) / 10}", str(draw.randint(0, 4) / 2)) for _ in range(3)]
        asks = [(f"{draw.randint(101, 140) / 10}", str(draw.randint(0, 4) / 2)) for _ in range(3)]
        yield at(step), delta(number, number, bids, asks)


def test_the_book_of_the_catalogue_is_that_of_the_feed_at_every_moment(tmp_path: Path) -> None:
    one, books = feed(), {}

    def watched() -> Iterator[tuple[int, Message]]:
        for received_ns, message in walk(400):
            yield received_ns, message
            books[received_ns] = copy(one.book) if one.is_whole else None  # after it was taken

    with writer(tmp_path) as out:
        record(watched(), one, out)
    spot, lost = instrument(ID), 0
    for received_ns in [at(step) for step in range(400) if step % 50 in (0, 1, 20, 48, 49)]:
        book = books[received_ns]
        if book is None:
            lost += 1
            with pytest.raises(DataError, match="not known since"):
                books_at(tmp_path, [spot], received_ns)
            continue
        told = books_at(tmp_path, [spot], received_ns)[ID]
        expected = depth_from_ticks(spot, levels(book, False), levels(book, True), 0.1, 0.5)
        for got, wanted in ((told.bids, expected.bids), (told.asks, expected.asks)):
            assert np.array_equal(got, wanted)
    assert lost == 8
    assert best(one.book).bid_tick < 0


LONG = """
import resource, sys, tempfile
sys.path.insert(0, {tests!r})
from pathlib import Path
from live.test_record import at, feed, snapshot, writer
from narrows.live.record import record
sides = [[(f"{{price / 10}}", "1.5") for price in range(*span)] for span in ((1000, 2000), (2001, 3001))]
message = snapshot(-1, *sides)
with tempfile.TemporaryDirectory() as folder:
    for place, count in enumerate((150, 150, 1500)):
        with writer(Path(folder) / str(place)) as one:
            told = record(((at(n / 10), message) for n in range(count)), feed("hyperliquid"), one)
        print(told.deltas.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_recording() -> None:
    """The same length first, so that what is compiled and kept for good is there; then ten times longer."""
    code = LONG.format(tests=str(Path(__file__).parents[1]))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (rows, _), (_, before), (longer, after) = (map(int, line.split()) for line in run.stdout.splitlines())
    assert longer == 10 * rows
    assert rows == 300_000  # more than is handed over, and written, at a time
    assert after < before + 25  # MB
