"""Order books: what a dict of levels says, whatever is thrown at them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.arrays import Bool1D, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.market.book import (
    ASK,
    LAST,
    NONE,
    SNAPSHOT,
    WINDOW,
    Book,
    apply,
    best,
    clear,
    copy,
    empty_book,
    is_crossed,
    levels,
    replay,
)

Row = tuple[bool, int, int]


class Plain:
    """The specification: a dict a side."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def put(self, is_ask: bool, tick: int, lots: int) -> None:
        self.sides[is_ask].pop(tick, None)
        if lots:
            self.sides[is_ask][tick] = lots

    def levels(self, is_ask: bool) -> list[tuple[int, int]]:
        return sorted(self.sides[is_ask].items(), reverse=not is_ask)


def _arrays(rows: list[Row]) -> tuple[Bool1D, Int1D, Int1D]:
    is_ask, ticks, lots = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(is_ask, np.bool_), np.array(ticks, np.int64), np.array(lots, np.int64)


def _told(book: Book, is_ask: bool, count: int | None = None) -> list[tuple[int, int]]:
    return list(zip(*(one.tolist() for one in levels(book, is_ask, count)), strict=True))


def _agree(book: Book, plain: Plain) -> None:
    for is_ask in (False, True):
        assert _told(book, is_ask) == plain.levels(is_ask)
        assert _told(book, is_ask, 3) == plain.levels(is_ask)[:3]
    bid, ask = (plain.levels(is_ask)[:1] or [(NONE, 0)] for is_ask in (False, True))
    assert best(book) == (*bid[0], *ask[0])
    assert is_crossed(book) == (bool(bid[0][1] and ask[0][1]) and bid[0][0] >= ask[0][0])


def _rows(ticks: st.SearchStrategy[int]) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.tuples(st.booleans(), ticks, st.sampled_from([0, 0, 1, 2, 10**15])), max_size=60)


NEAR = st.integers(0, 12)
WIDE = st.integers(0, 6).map(lambda place: 1_000_000 + place * (WINDOW // 3))
ANY = st.one_of(NEAR, WIDE, st.integers(0, 2**61 - 1))


@settings(max_examples=120, deadline=None)
@given(messages=st.one_of(*(st.lists(_rows(ticks), max_size=8) for ticks in (NEAR, WIDE, ANY))))
def test_a_book_is_a_dict_of_levels(messages: list[list[Row]]) -> None:
    book, plain = empty_book(), Plain()
    for rows in messages:
        apply(book, *_arrays(rows))
        for row in rows:
            plain.put(*row)
        _agree(book, plain)


@pytest.mark.parametrize(("spread", "step"), [(300, 1), (2000, 97), (5000, 40_000)])
def test_filled_and_emptied_in_any_order_wherever_the_window_stands(spread: int, step: int) -> None:
    random = np.random.default_rng(spread)
    ticks = 5_000_000_000 + step * random.permutation(spread)
    is_ask = random.random(spread) < 0.5
    lots = random.integers(1, 1000, spread)
    book, plain = empty_book(), Plain()
    apply(book, is_ask, ticks, lots)
    for row in zip(is_ask.tolist(), ticks.tolist(), lots.tolist(), strict=True):
        plain.put(*row)
    _agree(book, plain)
    away = random.permutation(spread)
    for part in np.array_split(away, 40):
        apply(book, is_ask[part], ticks[part], np.zeros(len(part), np.int64))
        for at in part.tolist():
            plain.put(bool(is_ask[at]), int(ticks[at]), 0)
        _agree(book, plain)
    assert book == empty_book()


def test_a_market_that_walks_away_and_comes_back() -> None:
    random, book, plain = np.random.default_rng(3), empty_book(), Plain()
    for middle in [*range(100_000, 400_000, 30_000), *range(400_000, 100_000, -50_000)]:
        rows = [
            (
                is_ask,
                int(middle + (1 if is_ask else -1) * random.integers(1, 90_000)),
                int(random.integers(0, 3)),
            )
            for is_ask in (random.random(300) < 0.5).tolist()
        ]
        crossing = [(is_ask, tick, 0) for is_ask in (False, True) for tick, _ in plain.levels(is_ask)
                    if (tick <= middle) == is_ask]  # fmt: skip
        for part in (crossing, rows):
            apply(book, *_arrays(part))
            for row in part:
                plain.put(*row)
        _agree(book, plain)
        assert not is_crossed(book)


def test_the_table_of_far_levels_grows() -> None:
    ticks = np.append(10, 10 + WINDOW * np.arange(2, 20_000))
    book = empty_book()
    apply(book, np.ones(len(ticks), np.bool_), ticks, ticks)
    apply(book, np.zeros(3, np.bool_), np.array([9, 8, 7]), np.array([1, 2, 3]))
    assert np.array_equal(levels(book, True)[0], ticks)
    assert np.array_equal(levels(book, True)[1], ticks)
    assert _told(book, False) == [(9, 1), (8, 2), (7, 3)]
    apply(book, np.ones(1, np.bool_), ticks[:1], np.zeros(1, np.int64))
    assert best(book)[2:] == (ticks[1], ticks[1])


def test_equal_means_the_same_levels_and_a_copy_is_apart() -> None:
    one, two = empty_book(), empty_book()
    rows = [(True, 50, 5), (True, 10**9, 1), (False, 40, 2)]
    apply(one, *_arrays([(True, 10**12, 7), (True, 10**12, 0), *rows]))  # its window stood elsewhere
    apply(two, *_arrays(rows[::-1]))
    assert one == two
    other = copy(one)
    apply(other, *_arrays([(False, 40, 3)]))
    assert one == two
    assert one != other
    clear(one)
    assert one == empty_book()
    assert one != 3
    assert repr(two) == "Book(1 bids, 2 asks, best Best(bid_tick=40, bid_lots=2, ask_tick=50, ask_lots=5))"
    with pytest.raises(TypeError):
        hash(two)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ((True, 5, -1), "order book, row 2: a level of -1 lots at tick 5"),
        ((False, -5, 1), "a level of 1 lots at tick -5"),
        ((False, 2**61, 1), "ticks too and below 2.61; nothing was changed"),
    ],
)
def test_a_level_that_cannot_be_is_refused_and_changes_nothing(row: Row, what: str) -> None:
    book = empty_book()
    apply(book, *_arrays([(False, 4, 1)]))
    before = copy(book)
    table = _arrays([(True, 7, 1), (False, 4, 0), row, (True, 8, 1)])
    with pytest.raises(DataError, match=what):
        apply(book, *table)
    assert book == before
    with pytest.raises(DataError, match=what):
        replay(book, table[0].view(np.int8) | np.int8(SNAPSHOT), *table[1:], np.array([3]))
    assert book == before


def test_columns_of_other_types_or_lengths_are_refused() -> None:
    is_ask, ticks, lots = _arrays([(True, 5, 1), (True, 6, 1)])
    for bad in (
        (is_ask, ticks[:1], lots),
        (is_ask[:1], ticks, lots),
        (is_ask, ticks, lots[:1]),
        (is_ask, ticks.astype(float), lots),
        (is_ask.astype(np.int64), ticks, lots),
        (is_ask, ticks.reshape(2, 1), lots),
    ):
        with pytest.raises(DataError, match="order book: sides, ticks and lots are "):
            apply(empty_book(), *bad)


def test_columns_may_be_read_only_or_strided() -> None:
    book = empty_book()
    table = np.array([[1, 5, 1], [1, 6, 2]], np.int64)
    table.flags.writeable = False
    apply(book, table[:, 0].astype(np.int8), table[:, 1], table[:, 2])
    assert _told(book, True) == [(5, 1), (6, 2)]


@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(st.tuples(st.booleans(), _rows(WIDE).filter(bool)), min_size=1, max_size=8),
    seed=st.integers(0, 99),
)
def test_a_replay_reads_what_the_books_were(messages: list[tuple[bool, list[Row]]], seed: int) -> None:
    flags, rows, said = [], [], []
    plain = Plain()
    for whole, message in messages:
        if whole:
            plain = Plain()
        for place, row in enumerate(message):
            plain.put(*row)
            last = LAST if place == len(message) - 1 else 0
            flags.append(row[0] * ASK | whole * SNAPSHOT | last)
            rows.append(row)
            said.append([plain.levels(is_ask)[:4] for is_ask in (False, True)])
    random = np.random.default_rng(seed)
    at = np.sort(random.integers(0, len(rows), random.integers(0, 2 * len(rows))))
    book = empty_book()
    sampled = replay(book, np.array(flags, np.int8), *_arrays(rows)[1:], at, depth=4)
    _agree(book, plain)
    for sample, row in enumerate(at.tolist()):
        for side in range(2):
            told = [*said[row][side], *[(NONE, 0)] * 4][:4]
            assert list(zip(sampled.ticks[sample, side], sampled.lots[sample, side], strict=True)) == told


def test_a_replay_in_batches_is_one_replay() -> None:
    random = np.random.default_rng(1)
    flags = (random.integers(0, 2, 900) | np.where(random.random(900) < 0.02, SNAPSHOT, 0) | LAST).astype(
        np.int8
    )
    ticks, lots = random.integers(0, 10**6, 900), random.integers(0, 3, 900)
    whole, pieces = empty_book(), empty_book()
    at = np.arange(900)
    one = replay(whole, flags, ticks, lots, at, 3)
    parts = [slice(start, start + 100) for start in range(0, 900, 100)]
    several = [replay(pieces, flags[p], ticks[p], lots[p], np.arange(100), 3) for p in parts]
    assert whole == pieces
    assert np.array_equal(one.ticks, np.concatenate([each.ticks for each in several]))
    assert np.array_equal(one.lots, np.concatenate([each.lots for each in several]))


@pytest.mark.parametrize(("at", "depth"), [([0], 0), ([1, 0], 1), ([2], 1), ([-1], 1)])
def test_a_replay_reads_at_rows_there_are(at: list[int], depth: int) -> None:
    is_ask, ticks, lots = _arrays([(True, 5, 1), (True, 6, 1)])
    with pytest.raises(ConfigError, match="replay: depth"):
        replay(empty_book(), is_ask.view(np.int8), ticks, lots, np.array(at), depth)


def test_nothing_changes_nothing() -> None:
    book = empty_book()
    apply(book, *_arrays([]))
    sampled = replay(book, np.empty(0, np.int8), *_arrays([])[1:], np.empty(0, np.int64))
    assert sampled.ticks.shape == (0, 2, 1)
    assert book == empty_book()
    assert best(book) == (NONE, 0, NONE, 0)
    assert _told(book, True, 5) == []
