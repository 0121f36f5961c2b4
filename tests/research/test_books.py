"""Books of the catalogue at a moment: a small table written by hand, and every reason to refuse."""

from pathlib import Path

import numpy as np
import pytest

from narrows.catalog.ticks import Ticks, TickWriter
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument, instrument
from narrows.core.time import DAY_NS, SECOND_NS
from narrows.market.book import ASK, LAST, SNAPSHOT
from narrows.research.books import books_at

SPOT = instrument("BTC-USDT.binance")
INVERSE = instrument("BTC-USD-PERP.binance", multiplier=100.0)
T = 20_000 * DAY_NS
Row = tuple[int, int, int, int]  # second, flags, tick, lots

ROWS: list[Row] = [
    (1, 0, 100, 5),  # before any snapshot
    (1, LAST, 99, 1),
    (2, SNAPSHOT, 100, 3),
    (2, SNAPSHOT, 99, 4),
    (2, SNAPSHOT | ASK, 101, 7),
    (2, SNAPSHOT | ASK | LAST, 103, 2),
    (3, 0, 100, 0),
    (3, ASK | LAST, 102, 9),
    (9, SNAPSHOT | LAST, 0, 0),  # lost
    (11, SNAPSHOT, 90, 1),
    (11, SNAPSHOT | ASK | LAST, 91, 1),
    (12, LAST, 91, 8),  # crossed
    (13, LAST, 91, 0),
    (14, ASK | LAST, 91, 0),  # no asks
    (15, ASK | LAST, 95, 2),
]


def write(root: Path, one: Instrument, rows: list[Row], lot: str = "0.5", day: int = 0) -> None:
    second, flags, ticks, lots = (np.array(column) for column in zip(*rows, strict=True))
    stamps = T + day * DAY_NS + second * SECOND_NS
    sequence = np.arange(len(rows))
    with TickWriter(root, one.id, "0.1", lot) as writer:
        writer.deltas(Ticks(stamps, stamps, sequence, flags.astype(np.int8), ticks, lots))


def sides(root: Path, one: Instrument, second: float) -> list[list[list[float]]]:
    book = books_at(root, [one], T + round(second * SECOND_NS))[one.id]
    return [[column.tolist() for column in side] for side in (book.bids, book.asks)]


def test_a_book_is_the_last_snapshot_and_what_changed_since(tmp_path: Path) -> None:
    write(tmp_path, SPOT, ROWS)
    assert sides(tmp_path, SPOT, 2) == [[[10.0, 9.9], [1.5, 2.0]], [[10.1, 10.3], [3.5, 1.0]]]
    assert sides(tmp_path, SPOT, 2.5) == sides(tmp_path, SPOT, 2)
    assert sides(tmp_path, SPOT, 3) == [[[9.9], [2.0]], [[10.1, 10.2, 10.3], [3.5, 4.5, 1.0]]]
    assert sides(tmp_path, SPOT, 15) == [[[9.0], [0.5]], [[9.5], [1.0]]]


def test_contracts_of_an_inverse_book_are_turned_into_coin(tmp_path: Path) -> None:
    write(tmp_path, INVERSE, ROWS[2:6], lot="1")
    book = books_at(tmp_path, [INVERSE])[INVERSE.id]
    assert book.bids[1].tolist() == [3 * 100.0 / 10.0, 4 * 100.0 / 9.9]


def test_the_snapshot_may_lie_in_the_part_of_another_day(tmp_path: Path) -> None:
    rows = [(DAY_NS // SECOND_NS - 1, flags, tick, lots) for _, flags, tick, lots in ROWS[2:6]]
    write(tmp_path, SPOT, rows)
    write(tmp_path, SPOT, [(0, LAST, 100, 6), (1, ASK | LAST, 101, 0)], day=1)
    book = books_at(tmp_path, [SPOT])[SPOT.id]
    assert book.bids[1].tolist() == [3.0, 2.0]
    assert book.asks[0].tolist() == [10.3]


def test_by_default_the_moment_is_the_last_that_all_have(tmp_path: Path) -> None:
    write(tmp_path, SPOT, ROWS)
    write(tmp_path, INVERSE, ROWS[2:6])
    books = books_at(tmp_path, [INVERSE, SPOT])
    assert list(books) == [INVERSE.id, SPOT.id]
    assert books[SPOT.id].asks[0].tolist() == [10.1, 10.3]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (0, "book of BTC-USDT.binance: nothing recorded at or before 2024-10-04T00:00:00Z; ask for a later"),
        (1, "recorded without a snapshot before it; ask for another moment than 2024-10-04T00:00:01Z"),
        (8.1, "silent for 5.1 s before 2024-10-04T00:00:08Z"),
        (9, "not known since 2024-10-04T00:00:09Z: its stream broke off"),
        (10, "not known since 2024-10-04T00:00:09Z: its stream broke off"),
        (12, "crossed: bid 9.1, ask 9.1"),
        (14, "no asks"),
    ],
)
def test_a_book_that_cannot_be_traded_on_is_refused(tmp_path: Path, second: float, said: str) -> None:
    write(tmp_path, SPOT, ROWS)
    with pytest.raises(DataError) as caught:
        sides(tmp_path, SPOT, second)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_older_book_can_be_allowed(tmp_path: Path) -> None:
    write(tmp_path, SPOT, ROWS)
    late = books_at(tmp_path, [SPOT], T + 60 * SECOND_NS, oldest_s=45.0)[SPOT.id]
    assert late.bids[0].tolist() == [9.0]


def test_what_is_asked_for_must_make_sense(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no deltas of BTC-USDT\.binance"):
        books_at(tmp_path, [SPOT])
    with pytest.raises(DataError, match="nothing recorded at or before"):
        books_at(tmp_path, [SPOT], T)
    with pytest.raises(ConfigError, match="no instruments"):
        books_at(tmp_path, [])
    with pytest.raises(ConfigError, match="an age of -1"):
        books_at(tmp_path, [SPOT], T, oldest_s=-1)
