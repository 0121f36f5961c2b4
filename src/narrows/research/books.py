"""The books that the catalogue holds of several instruments, at one moment."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from narrows.catalog.ticks import Batch, Ticks, parts, read_deltas
from narrows.core.arrays import Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument
from narrows.core.time import iso
from narrows.market.book import LAST, SNAPSHOT, empty_book, levels, replay
from narrows.market.depth import Depth, depth_from_ticks

_NO_SAMPLES = np.empty(0, np.int64)


def _snapshots(rows: Ticks) -> Int1D:
    """The rows at which a snapshot begins."""
    whole = rows.flags & SNAPSHOT != 0
    inside = np.zeros_like(whole)
    inside[1:] = rows.flags[:-1] & (SNAPSHOT | LAST) == SNAPSHOT
    return np.flatnonzero(whole & ~inside)


def _last_snapshot(batches: Iterable[Batch]) -> tuple[int, bool] | None:
    """When the last snapshot was received, and whether it is a book; None = there is no snapshot."""
    found = None
    for batch in batches:
        starts = _snapshots(batch.rows)
        if len(starts):
            rows, at = batch.rows, int(starts[-1])
            is_book = bool(rows.ticks[at] or rows.lots[at])  # else it says that the book is not known
            found = int(rows.received_ns[at]), is_book
    return found


def _since(root: str | Path, id_: str, time_ns: int) -> int:
    """The moment of the last snapshot at or before a time: from the newest part backwards."""
    where, stamp = f"book of {id_}", iso(time_ns)
    remedy = f"ask for another moment than {stamp}"
    stored = [part for part in parts(root, "deltas", id_) if part.start_ns <= time_ns]
    if not stored:
        raise DataError(f"nothing recorded at or before {stamp}", where, "ask for a later moment")
    for part in reversed(stored):
        until = min(part.end_ns, time_ns)
        found = _last_snapshot(read_deltas(root, id_, part.start_ns - 1, until))
        if found is None:
            continue
        since_ns, is_book = found
        if not is_book:
            raise DataError(f"not known since {iso(since_ns)}: its stream broke off", where, remedy)
        return since_ns
    raise DataError("recorded without a snapshot before it", where, remedy)


def _book_at(root: str | Path, one: Instrument, time_ns: int, oldest_ns: int) -> Depth:
    book, last_ns, steps = empty_book(), 0, (0.0, 0.0)
    for batch in read_deltas(root, one.id, _since(root, one.id, time_ns) - 1, time_ns):
        rows = batch.rows
        if len(rows.lots):
            replay(book, rows.flags, rows.ticks, rows.lots, _NO_SAMPLES)
            last_ns, steps = int(rows.received_ns[-1]), (float(batch.tick), float(batch.lot))
    if time_ns - last_ns > oldest_ns:
        what = f"silent for {(time_ns - last_ns) / 1e9:.1f} s before {iso(time_ns)}"
        raise DataError(what, f"book of {one.id}", "ask for another moment, or allow an older book")
    return depth_from_ticks(one, levels(book, False), levels(book, True), *steps)


def last_common(root: str | Path, instruments: Sequence[Instrument]) -> int:
    """The last moment that all have."""
    ends = []
    for one in instruments:
        stored = parts(root, "deltas", one.id)
        if not stored:
            raise DataError(f"no deltas of {one.id}", str(root), "record or ingest some first")
        ends.append(stored[-1].end_ns)
    return min(ends)


def books_at(
    root: str | Path, instruments: Sequence[Instrument], time_ns: int | None = None, oldest_s: float = 5.0
) -> dict[str, Depth]:
    """The last known book of each instrument at a moment, rebuilt from its last snapshot before it.

    Parameters
    ----------
    root : path
        The folder of the catalogue.
    instruments : sequence of Instrument
        The `multiplier` turns contracts into coin: of an inverse contract it must be known.
    time_ns : int, optional
        Nanoseconds UTC of `received_ns`; what came at that very moment is in. Default: the last moment
        that all have.
    oldest_s : float
        How long a book may have been silent before it.

    Returns
    -------
    dict of Depth
        By the id, in the order given.

    Raises
    ------
    ConfigError
        If no instrument is given, or the limit is negative.
    DataError
        If nothing is stored of one of them, or its book is not known at that moment, silent for too
        long, crossed or without a side.
    """
    if not instruments:
        raise ConfigError("no instruments", "books", "name one or more")
    if not oldest_s >= 0:
        raise ConfigError(f"an age of {oldest_s} s", "books", "give seconds, 0 or more")
    at_ns = last_common(root, instruments) if time_ns is None else time_ns
    return {one.id: _book_at(root, one, at_ns, round(oldest_s * 1e9)) for one in instruments}
