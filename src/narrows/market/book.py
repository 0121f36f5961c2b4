"""Order books as arrays of whole ticks and lots: changed row by row, read best first.

A side is kept twice over, by how far a level is from the best:

    near    `WINDOW` ticks around the best, one place a tick, and one bit a tick that says whether a
            level stands there: a change is one store, the next best is the next bit that is set
    far     all levels beyond, in a hash table: a change is a look-up, the order is not known

The best of a side is always near. When a price comes that is better than the window, or the window
runs empty, it moves, which costs a pass over the side and is seldom: real feeds change far levels all
day (a bid at a tenth of the price), yet the best rarely walks thousands of ticks.

Inside, a price is a *rank*: the tick of an ask, minus the tick of a bid, so that lower is better on
both sides and the code has one direction.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from narrows.core.arrays import Bool1D, Int1D
from narrows.core.errors import ConfigError, DataError

ASK, SNAPSHOT, LAST = 1, 2, 4
"""Flags of a row: it is an ask (else a bid), belongs to a whole book (else to a change), ends its message."""

NONE = -1
"""The tick of a level that is not there."""

WINDOW = 1 << 15  # ticks near the best; measured on recorded books, see benchmarks/book.py
LARGEST = 1 << 61  # ticks are below it, so that the distance of two ranks is an int64

Flags = np.ndarray[tuple[int], np.dtype[np.int8]]

_BEST, _BASE, _NEAR, _FAR = range(4)  # rank of the best, rank of the first place, levels near, levels far
_NOWHERE = 1 << 62  # the best rank of an empty side: worse than all
_FIRST_SLOTS = 1024
_TYPES = {(side, *np.dtype(np.int64).char * 2) for side in "?b"}  # of sides, ticks, lots
_ONE = np.uint64(1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: neighbours end far apart (Knuth 6.4)
_BRUIJN = np.uint64(0x03F79D71B4CB0A89)  # its 64 windows of 6 bits all differ, so they tell 64 bits apart
_BIT = np.zeros(64, np.int64)
for _place in range(64):
    _BIT[((int(_BRUIJN) << _place) & (2**64 - 1)) >> 58] = _place


class Book:
    """The levels of one instrument. Made by `empty_book`, changed by `apply` and `clear` only.

    Two books are equal if they have the same levels.

    Attributes
    ----------
    near : int64 ndarray of shape (2, WINDOW)
        Lots at the ranks from the base of the side (0 = bids, 1 = asks) on; 0 = no level.
    bits : uint64 ndarray of shape (2, WINDOW / 64)
        Which of them are not 0.
    far : int64 ndarray of shape (2, slots, 2)
        Rank and lots of the levels beyond; a slot without lots is free.
    state : int64 ndarray of shape (2, 4)
        Rank of the best, base, number of levels near, number far.
    """

    __hash__ = None  # type: ignore[assignment] # it changes
    __slots__ = ("bits", "far", "near", "state")

    def __init__(
        self,
        near: npt.NDArray[np.int64],
        bits: npt.NDArray[np.uint64],
        far: npt.NDArray[np.int64],
        state: npt.NDArray[np.int64],
    ) -> None:
        self.near, self.bits, self.far, self.state = near, bits, far, state

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Book):
            return NotImplemented
        pairs = [zip(levels(self, side), levels(other, side), strict=True) for side in (False, True)]
        return all(np.array_equal(one, two) for pair in pairs for one, two in pair)

    def __repr__(self) -> str:
        counts = self.state[:, _NEAR] + self.state[:, _FAR]
        return f"Book({counts[0]} bids, {counts[1]} asks, best {best(self)})"


class Best(NamedTuple):
    """Best bid and ask in ticks and lots; `NONE` and 0 where a side is empty."""

    bid_tick: int
    bid_lots: int
    ask_tick: int
    ask_lots: int


class Sampled(NamedTuple):
    """Books at some rows of a table, best first.

    Attributes
    ----------
    ticks, lots : int64 ndarray of shape (samples, 2, depth)
        Bids are [:, 0], asks [:, 1]; `NONE` and 0 where a side has fewer levels.
    """

    ticks: npt.NDArray[np.int64]
    lots: npt.NDArray[np.int64]


@njit(cache=True)
def _slot(far, side, rank):  # type: ignore[no-untyped-def]
    """Where a rank stands in the hash table, or the free slot where it would."""
    mask = far.shape[1] - 1
    at = np.int64((np.uint64(rank) * _GOLDEN) >> np.uint64(32)) & mask
    while far[side, at, 1] != 0 and far[side, at, 0] != rank:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def _free(far, side, hole):  # type: ignore[no-untyped-def]
    """Empty a slot, and let those move up that stood behind it for want of their own (Knuth 6.4 R)."""
    mask = far.shape[1] - 1
    at = hole
    while True:
        at = (at + 1) & mask
        if far[side, at, 1] == 0:
            break
        home = np.int64((np.uint64(far[side, at, 0]) * _GOLDEN) >> np.uint64(32)) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            far[side, hole, 0] = far[side, at, 0]
            far[side, hole, 1] = far[side, at, 1]
            hole = at
    far[side, hole, 1] = 0


@njit(cache=True)
def _fill(far, side, ranks, lots):  # type: ignore[no-untyped-def]
    """Put levels into a table that has none of them."""
    for row in range(len(ranks)):
        at = _slot(far, side, ranks[row])
        far[side, at, 0] = ranks[row]
        far[side, at, 1] = lots[row]


@njit(cache=True)
def _next(bits, side, place):  # type: ignore[no-untyped-def]
    """The first place from this one on where a level stands; WINDOW if there is none."""
    word = place >> 6
    if word >= bits.shape[1]:
        return WINDOW
    found = bits[side, word] & (~np.uint64(0) << np.uint64(place & 63))
    while found == 0:
        word += 1
        if word == bits.shape[1]:
            return WINDOW
        found = bits[side, word]
    lowest = found & (~found + _ONE)
    return (word << 6) + _BIT[(lowest * _BRUIJN) >> np.uint64(58)]


@njit(cache=True)
def _put(near, bits, far, state, flags, ticks, lots, first, stop):  # type: ignore[no-untyped-def]
    """Put the levels of the rows first … stop - 1.

    Returns the row at which the window has to move or the hash table to grow, to be put again after
    that; `stop` if there is none. One loop and no function a row: handing over arrays counts references,
    which takes three times as long as the rest.
    """
    for row in range(first, stop):
        side, size = np.int64(flags[row] & 1), lots[row]
        rank = ticks[row] if side else -ticks[row]
        place = rank - state[side, _BASE]
        if 0 <= place < WINDOW:
            old = near[side, place]
            near[side, place] = size
            was, now = np.uint64(old != 0), np.uint64(size != 0)
            bits[side, place >> 6] ^= (was ^ now) << np.uint64(place & 63)
            state[side, _NEAR] += np.int64(now) - np.int64(was)
            if rank <= state[side, _BEST]:
                if size != 0:
                    state[side, _BEST] = rank
                elif old != 0:
                    following = _next(bits, side, place)
                    if following < WINDOW:
                        state[side, _BEST] = state[side, _BASE] + following
                    else:
                        state[side, _BEST] = _NOWHERE
                        if state[side, _FAR] != 0:
                            return row
        elif size != 0 and (place < 0 or state[side, _BEST] == _NOWHERE):
            return row
        elif place >= WINDOW:
            at = _slot(far, side, rank)
            known = far[side, at, 1] != 0
            if size != 0:
                if not known:
                    if 2 * state[side, _FAR] >= far.shape[1]:
                        return row
                    far[side, at, 0] = rank
                    state[side, _FAR] += 1
                far[side, at, 1] = size
            elif known:
                _free(far, side, at)
                state[side, _FAR] -= 1
    return stop


@njit(cache=True)
def _clear(near, bits, far, state):  # type: ignore[no-untyped-def]
    """Empty both sides; the windows stay where they are."""
    for side in range(2):
        for word in range(bits.shape[1]):
            if bits[side, word] != 0:
                near[side, word << 6 : (word + 1) << 6] = 0
                bits[side, word] = np.uint64(0)
        if state[side, _FAR] != 0:
            far[side] = 0
        state[side, _BEST] = _NOWHERE
        state[side, _NEAR] = 0
        state[side, _FAR] = 0


@njit(cache=True)
def _bad_row(ticks, lots):  # type: ignore[no-untyped-def]
    """The first row with a negative or too large tick, or negative lots; -1 if there is none."""
    wrong = np.int64(0)
    for row in range(len(ticks)):  # no branch: eight rows at a time
        wrong |= (ticks[row] >> 61) | (lots[row] >> 63)
    if wrong == 0:
        return -1
    for row in range(len(ticks)):
        if (ticks[row] >> 61) | (lots[row] >> 63):
            return row
    return -1


@njit(cache=True)
def _apply(near, bits, far, state, flags, ticks, lots, first):  # type: ignore[no-untyped-def]
    """As `_put`, to the end; -1 - a bad row, before anything is put."""
    if first == 0:
        bad = _bad_row(ticks, lots)
        if bad >= 0:
            return -1 - bad
    return _put(near, bits, far, state, flags, ticks, lots, first, len(ticks))


@njit(cache=True)
def _read(near, bits, far, state, side, ticks, lots):  # type: ignore[no-untyped-def]
    """The best levels of a side into two arrays as long as there are to be read; how many there were."""
    sign = np.int64(1 if side else -1)
    count, place = 0, 0
    if state[side, _BEST] < _NOWHERE:
        place = state[side, _BEST] - state[side, _BASE]
    while count < len(ticks):
        place = _next(bits, side, place)
        if place == WINDOW:
            break
        ticks[count] = sign * (state[side, _BASE] + place)
        lots[count] = near[side, place]
        count += 1
        place += 1
    if count == len(ticks) or state[side, _FAR] == 0:
        return count
    ranks = np.empty(state[side, _FAR], np.int64)
    found = 0
    for at in range(far.shape[1]):
        if far[side, at, 1] != 0:
            ranks[found] = far[side, at, 0]
            found += 1
    ranks.sort()
    for rank in ranks[: len(ticks) - count]:
        ticks[count] = sign * rank
        lots[count] = far[side, _slot(far, side, rank), 1]
        count += 1
    return count


@njit(cache=True)
def _begins(flags, row):  # type: ignore[no-untyped-def]
    """Whether a snapshot begins here."""
    inside = row > 0 and flags[row - 1] & (SNAPSHOT | LAST) == SNAPSHOT
    return flags[row] & SNAPSHOT != 0 and not inside


@njit(cache=True)
def _replay(near, bits, far, state, flags, ticks, lots, at, out_ticks, out_lots, row, sample):  # type: ignore[no-untyped-def]
    """As `_apply`, with snapshots, and the book read after the rows `at`; also how many were read."""
    if row == 0 and sample == 0:
        bad = _bad_row(ticks, lots)
        if bad >= 0:
            return -1 - bad, sample
    while row < len(ticks):
        if _begins(flags, row):
            _clear(near, bits, far, state)
        end = at[sample] + 1 if sample < len(at) else len(ticks)
        stop = row + 1
        while stop < end and not _begins(flags, stop):
            stop += 1
        row = _put(near, bits, far, state, flags, ticks, lots, row, stop)
        if row < stop:
            return row, sample
        while sample < len(at) and at[sample] == row - 1:
            for side in range(2):
                _read(near, bits, far, state, side, out_ticks[sample, side], out_lots[sample, side])
            sample += 1
    return row, sample


def empty_book() -> Book:
    """A book without levels."""
    state = np.zeros((2, 4), np.int64)
    state[:, _BEST] = _NOWHERE
    return Book(
        np.zeros((2, WINDOW), np.int64),
        np.zeros((2, WINDOW // 64), np.uint64),
        np.zeros((2, _FIRST_SLOTS, 2), np.int64),
        state,
    )


def copy(book: Book) -> Book:
    """The same levels, apart."""
    return Book(book.near.copy(), book.bits.copy(), book.far.copy(), book.state.copy())


def clear(book: Book) -> None:
    """Take all levels away."""
    _clear(book.near, book.bits, book.far, book.state)


def _side_of(book: Book, side: int) -> tuple[Int1D, Int1D, Int1D, Int1D]:
    """Ranks and lots of the levels near, then of those far, in no order."""
    places = np.flatnonzero(book.near[side])
    taken = book.far[side][book.far[side, :, 1] != 0]
    return places + book.state[side, _BASE], book.near[side, places], taken[:, 0], taken[:, 1]


def _move(book: Book, side: int, rank: int) -> None:
    """Put the window of a side where its best, or a better rank that is to come, is a quarter in.

    Three quarters are for the depth behind it. The hash table is made anew, with at least three
    quarters of it free.
    """
    near_ranks, near_lots, far_ranks, far_lots = _side_of(book, side)
    ranks, lots = np.concatenate((near_ranks, far_ranks)), np.concatenate((near_lots, far_lots))
    lowest = int(ranks.min(initial=_NOWHERE))
    base = min(lowest, rank) - WINDOW // 4
    inside = ranks < base + WINDOW
    beyond = int(np.count_nonzero(~inside))
    slots = book.far.shape[1]
    while slots < 4 * beyond:
        slots *= 2
    if slots == book.far.shape[1]:
        book.far[side] = 0
    else:
        other = _side_of(book, 1 - side)[2:]
        book.far = np.zeros((2, slots, 2), np.int64)
        _fill(book.far, 1 - side, *other)
    _fill(book.far, side, ranks[~inside], lots[~inside])
    book.near[side] = 0
    book.near[side, ranks[inside] - base] = lots[inside]
    book.bits[side] = np.packbits(book.near[side] != 0, bitorder="little").view("<u8")
    best_rank = lowest if beyond < len(ranks) else _NOWHERE
    book.state[side] = best_rank, base, len(ranks) - beyond, beyond


def _columns(flags: Bool1D | Flags, ticks: Int1D, lots: Int1D) -> tuple[Flags, Int1D, Int1D]:
    """The three columns of a table of levels: of their types, all as long."""
    types = flags.dtype.char, ticks.dtype.char, lots.dtype.char
    if types not in _TYPES or not flags.shape == ticks.shape == lots.shape == (len(ticks),):
        told = ", ".join(f"{one.dtype}{list(one.shape)}" for one in (flags, ticks, lots))
        remedy = "give bool or int8 for sides, int64 for ticks and lots, one of each a row"
        raise DataError(f"sides, ticks and lots are {told}", "order book", remedy)
    return np.ascontiguousarray(flags).view(np.int8), np.ascontiguousarray(ticks), np.ascontiguousarray(lots)


def _advance(book: Book, row: int, flags: Flags, ticks: Int1D, lots: Int1D) -> None:
    """Make room for the row that a kernel stopped at, or say what is wrong with it."""
    if row < 0:
        row = -1 - row
        what = f"a level of {lots[row]} lots at tick {ticks[row]}"
        remedy = "lots are 0 or more, ticks too and below 2^61; nothing was changed"
        raise DataError(what, f"order book, row {row}", remedy)
    side = int(flags[row] & ASK)
    rank = int(ticks[row] if side else -ticks[row])
    _move(book, side, rank if lots[row] else _NOWHERE)


def apply(book: Book, is_ask: Bool1D | Flags, ticks: Int1D, lots: Int1D) -> None:
    """Change levels, in the order of the rows.

    Parameters
    ----------
    book : Book
        Is changed.
    is_ask : bool or int8 ndarray of shape (rows,)
        Of int8 only the bit `ASK` counts, so flags of a table can be given as they are.
    ticks : int64 ndarray of shape (rows,)
        Price in ticks.
    lots : int64 ndarray of shape (rows,)
        What stands there from now on, in lots; 0 takes the level away, if there is one.

    Raises
    ------
    DataError
        If a tick or lots are negative, a tick is 2^61 or more, or the arrays are not as long as each
        other. The book is then as it was.
    """
    flags, ticks, lots = _columns(is_ask, ticks, lots)
    row = 0
    while (row := _apply(book.near, book.bits, book.far, book.state, flags, ticks, lots, row)) < len(ticks):
        _advance(book, row, flags, ticks, lots)


def best(book: Book) -> Best:
    """Best bid and ask."""
    state = book.state.item
    bid, ask = state(0, _BEST), state(1, _BEST)
    there, here = bid < _NOWHERE, ask < _NOWHERE
    return Best(
        -bid if there else NONE,
        book.near.item(0, bid - state(0, _BASE)) if there else 0,
        ask if here else NONE,
        book.near.item(1, ask - state(1, _BASE)) if here else 0,
    )


def is_crossed(book: Book) -> bool:
    """Whether the best bid is at or above the best ask; False if a side is empty."""
    bid, _, ask, _ = best(book)
    return NONE not in (bid, ask) and bid >= ask


def levels(book: Book, is_ask: bool, count: int | None = None) -> tuple[Int1D, Int1D]:
    """The best levels of a side, best first.

    Parameters
    ----------
    is_ask : bool
        Asks, else bids.
    count : int, optional
        How many at most. Default: all.

    Returns
    -------
    ticks, lots : int64 ndarrays of shape (levels,)
    """
    side = int(is_ask)
    there = int(book.state[side, _NEAR] + book.state[side, _FAR])
    length = there if count is None else max(0, min(count, there))
    ticks, lots = np.empty(length, np.int64), np.empty(length, np.int64)
    _read(book.near, book.bits, book.far, book.state, side, ticks, lots)
    return ticks, lots


def replay(book: Book, flags: Flags, ticks: Int1D, lots: Int1D, at: Int1D, depth: int = 1) -> Sampled:
    """Apply a table of whole messages and read the book after some of its rows.

    Parameters
    ----------
    book : Book
        What the table continues; holds the state after its last row when done.
    flags : int8 ndarray of shape (rows,)
        `ASK`, `SNAPSHOT`, `LAST`. The first row of a snapshot empties the book.
    ticks, lots : int64 ndarrays of shape (rows,)
        As in `apply`.
    at : int64 ndarray of shape (samples,)
        Rows, not falling, after which the book is read: the last row of a message for a book that
        ever was.
    depth : int
        Levels of each side to read.

    Raises
    ------
    DataError
        As in `apply`; the book is then as it was.
    ConfigError
        If `at` falls or points outside the table, or the depth is not positive.
    """
    flags, ticks, lots = _columns(flags, ticks, lots)
    at = np.ascontiguousarray(at, np.int64)
    if depth < 1 or (len(at) and (at[0] < 0 or at[-1] >= len(ticks) or np.any(np.diff(at) < 0))):
        what = f"depth {depth} at rows {at[:1]} … {at[-1:]} of {len(ticks)}"
        raise ConfigError(what, "replay", "ask for 1 level or more, at rows of the table that do not fall")
    sampled = Sampled(*(np.full((len(at), 2, depth), empty, np.int64) for empty in (NONE, 0)))
    row = sample = 0
    while row < len(ticks):
        arrays = (book.near, book.bits, book.far, book.state, flags, ticks, lots, at)
        row, sample = _replay(*arrays, *sampled, row, sample)
        if row < len(ticks):
            _advance(book, row, flags, ticks, lots)
    return sampled
