"""A book against a fresh snapshot of the same moment, as far as both are complete."""

from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Int1D
from narrows.market.book import Book, apply, levels


class Reach(NamedTuple):
    """Between which prices, in ticks and both included, a book holds every level; None = without end."""

    lowest_bid: int | None
    highest_ask: int | None


ALL = Reach(None, None)


def reach_of(snapshot: Book) -> Reach:
    """How far a snapshot goes, which is cut at some number of levels: to its last bid and ask.

    A side without levels reaches nowhere: its first level is beyond.
    """
    bids, asks = (levels(snapshot, is_ask)[0] for is_ask in (False, True))
    return Reach(int(bids[-1]) if len(bids) else 1 << 61, int(asks[-1]) if len(asks) else 0)


def deeper(one: Reach, other: Reach, *, least: bool = False) -> Reach:
    """The farther of two reaches on each side; or with `least` the nearer."""
    bids = [reach.lowest_bid for reach in (one, other) if reach.lowest_bid is not None]
    asks = [reach.highest_ask for reach in (one, other) if reach.highest_ask is not None]
    if least:
        return Reach(max(bids, default=None), min(asks, default=None))
    return Reach(min(bids) if len(bids) == 2 else None, max(asks) if len(asks) == 2 else None)


def _inside(book: Book, is_ask: bool, reach: Reach) -> tuple[Int1D, Int1D]:
    ticks, lots = levels(book, is_ask)
    end = reach.highest_ask if is_ask else reach.lowest_bid
    count = len(ticks)
    if end is not None:  # best first
        count = int(np.searchsorted(ticks if is_ask else -ticks, end if is_ask else -end, side="right"))
    return ticks[:count], lots[:count]


def differences(book: Book, fresh: Book, reach: Reach) -> int:
    """Levels within a reach that only one of two books has, or that have another size."""
    count = 0
    for is_ask in (False, True):
        ours, theirs = (
            set(zip(*(column.tolist() for column in _inside(one, is_ask, reach)), strict=True))
            for one in (book, fresh)
        )
        count += len({tick for tick, _ in ours ^ theirs})
    return count


def mend(book: Book, fresh: Book, reach: Reach) -> None:
    """Make a book as a fresh one is within a reach; what lies beyond stays."""
    for is_ask in (False, True):
        gone, _ = _inside(book, is_ask, reach)
        ticks, lots = _inside(fresh, is_ask, reach)
        ticks, lots = np.concatenate((gone, ticks)), np.concatenate((np.zeros_like(gone), lots))
        apply(book, np.full(len(ticks), is_ask), ticks, lots)
