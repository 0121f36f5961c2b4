"""Messages of one instrument → its book and trades as rows of the catalogue; recordings, and live, the same.

While there is no book, nothing is written of it: the changes that wait for a snapshot are in the whole
book that is written once they have joined it. From then on each change is written as it is applied. A book
that is given up is one row that says so.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from narrows.catalog.files import matching
from narrows.catalog.ingest import Ingested, specify
from narrows.catalog.mapping import load_recordings
from narrows.catalog.source import Recording
from narrows.catalog.ticks import BUY, Table, Ticks, TickWriter
from narrows.core.arrays import Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.time import iso
from narrows.live.recording import read_recording
from narrows.market.book import ASK, LAST, SNAPSHOT, Flags, levels
from narrows.venue.feed.levels import Fault, Rows, pack, scale, scan
from narrows.venue.feed.messages import Message, Trade
from narrows.venue.feed.reason import Doubt, Outcome
from narrows.venue.feed.registry import FEEDS, Feed
from narrows.venue.feed.sync import BookFeed

_FLUSH_ROWS = 100_000
_NO_LEVELS = Rows(np.zeros(1, np.bool_), np.zeros(1, np.int64), np.zeros(1, np.int64))
_NONE = pack(())
_LATEST = (1 << 63) - 1

PLAIN = frozenset({Outcome.APPLIED, Outcome.ADOPTED, Outcome.COMPARED, Outcome.INCLUDED, Outcome.NOT_BOOK})
"""What becomes of messages when nothing is amiss."""

REFUSED = frozenset(
    {
        Outcome.MALFORMED,
        Outcome.NEGATIVE,
        Outcome.OFF_TICK,
        Outcome.OFF_LOT,
        Outcome.TOO_LONG,
        Outcome.CHECKSUM,
        Outcome.UNKNOWN,
    }
)
"""What becomes of messages that cannot be believed, or not be read."""


class Written(NamedTuple):
    """What was written to one table.

    Attributes
    ----------
    rows : int
    start_ns, end_ns : int
        `received_ns` of the first and the last of them; 0 = there is none.
    stored : int
        Messages left out because they are not later than what was stored before.
    """

    rows: int
    start_ns: int
    end_ns: int
    stored: int


class Recorded(NamedTuple):
    """What became of the messages of one instrument.

    Attributes
    ----------
    deltas, trades : Written
    outcomes : Counter of Outcome
        Of all messages; those of trades are `Outcome.NOT_BOOK`.
    doubts : Counter of Doubt
        As the feed counts them.
    refused : Counter of Fault
        Trades whose price or size is on no tick or lot.
    waiting : int
        Messages whose outcome was not yet known at the end.
    """

    deltas: Written
    trades: Written
    outcomes: Counter[Outcome]
    doubts: Counter[Doubt]
    refused: Counter[Fault]
    waiting: int


class _Columns:
    """Messages of one table on their way to the writer, which gets some 100 000 rows at a time."""

    def __init__(self, table: Table, writer: TickWriter) -> None:
        self._write = writer.deltas if table == "deltas" else writer.trades
        self._after_ns = writer.last_ns(table)
        self._stamps: list[tuple[int, int, int, int]] = []  # time, received, sequence, rows
        self._levels: list[tuple[Flags, Int1D, Int1D]] = []
        self._waiting = self.rows = self.start_ns = self.end_ns = self.stored = 0

    def add(self, stamps: tuple[int, int, int], flags: Flags, ticks: Int1D, lots: Int1D) -> bool:
        """One message, unless it is not later than what was stored before; whether it was taken."""
        received_ns, count = stamps[1], len(lots)
        if received_ns <= self._after_ns:
            self.stored += 1
            return False
        self.start_ns = self.start_ns or received_ns
        self.end_ns = received_ns
        self.rows += count
        self._stamps.append((*stamps, count))
        self._levels.append((flags, ticks, lots))
        self._waiting += count
        if self._waiting >= _FLUSH_ROWS:
            self.flush()
        return True

    def flush(self) -> None:
        """Hand over what waits."""
        if not self._stamps:
            return
        *stamps, counts = np.array(self._stamps, np.int64).T
        flags, ticks, lots = map(np.concatenate, zip(*self._levels, strict=True))
        times, received, sequences = (np.repeat(one, counts) for one in stamps)
        self._write(Ticks(times, received, sequences, flags, ticks, lots))
        self._stamps, self._levels, self._waiting = [], [], 0

    def told(self) -> Written:
        return Written(self.rows, self.start_ns, self.end_ns, self.stored)


def _joined(changes: list[Rows]) -> Rows:
    return changes[0] if len(changes) == 1 else Rows._make(map(np.concatenate, zip(*changes, strict=True)))


class _Recorder:
    """The feed's book and the trades, message by message, as rows."""

    def __init__(self, feed: BookFeed, writer: TickWriter) -> None:
        self.feed = feed
        self.deltas, self.trades = _Columns("deltas", writer), _Columns("trades", writer)
        self.refused: Counter[Fault] = Counter()
        self._now_ns = 0
        self._whole: bool | None = None  # whether there was a book before this message; None = no message
        self._current = False  # whether the table holds the book as it was before this message

    def take(self, received_ns: int, message: Message | None) -> None:
        self._now_ns = max(self._now_ns, received_ns)  # the feed counts clocks that run backwards
        if message is None:
            self.feed.break_off(received_ns)
        else:
            self.feed.take(message, received_ns)
        self._change(message)
        if type(message) is Trade and message.symbol == self.feed.symbol:
            self._trade(message)

    def _change(self, message: Message | None) -> None:
        """What a message did to the book."""
        was_whole, self._whole, changes = self._whole, self.feed.is_whole, self.feed.changes
        if not self._whole:
            if was_whole is not False:
                self._levels(message, _NO_LEVELS, SNAPSHOT)
            self._current = False
        elif changes is None or (changes and not self._current):
            self._current = self._levels(message, self._book(), SNAPSHOT)
        elif changes:
            self._current = self._levels(message, _joined(changes), 0)

    def _book(self) -> Rows:
        sides = [levels(self.feed.book, is_ask) for is_ask in (False, True)]
        is_ask = np.repeat(np.array([False, True]), [len(lots) for _, lots in sides])
        return Rows(is_ask, *map(np.concatenate, zip(*sides, strict=True)))

    def _levels(self, message: Message | None, rows: Rows, kind: int) -> bool:
        """Write levels as a message of the table; whether they are later than what is stored."""
        is_ask, ticks, lots = rows if len(rows.lots) else _NO_LEVELS
        flags = np.where(is_ask, np.int8(ASK | kind), np.int8(kind))
        flags[-1] |= LAST
        stamps = getattr(message, "time_ns", 0), self._now_ns, self.feed.last
        return self.deltas.add(stamps, flags, ticks, lots)

    def _trade(self, trade: Trade) -> None:
        rows = scan(pack([(trade.price, trade.size)]), _NONE, self.feed.grid)
        if isinstance(rows, Fault):
            self.refused[rows] += 1
            return
        number = int(trade.id) if trade.id.isascii() and trade.id.isdecimal() else -1
        stamps = trade.time_ns, self._now_ns, number if number <= _LATEST else -1
        self.trades.add(stamps, np.array([BUY if trade.buys else 0], np.int8), rows.ticks, rows.lots)

    def told(self) -> Recorded:
        self.deltas.flush()
        self.trades.flush()
        feed = self.feed
        counts = Counter(feed.outcomes), Counter(feed.doubts), self.refused
        return Recorded(self.deltas.told(), self.trades.told(), *counts, feed.undecided)


def record(messages: Iterable[tuple[int, Message | None]], feed: BookFeed, writer: TickWriter) -> Recorded:
    """Write the book and the trades of one instrument, in memory that does not grow with the messages.

    Parameters
    ----------
    messages : iterable of (received_ns, Message or None)
        In the order received; None = the stream broke off here. A clock that runs backwards is counted
        by the feed, and its rows carry the last time that was right.
    feed : BookFeed
        Of the instrument, with the writer's tick and lot.
    writer : TickWriter
        What it has stored already is kept: of what is not later, nothing is written. It is neither
        sealed nor closed here.

    Returns
    -------
    Recorded

    Raises
    ------
    DataError
        If the writer cannot write.
    """
    recorder = _Recorder(feed, writer)
    for received_ns, message in messages:
        recorder.take(received_ns, message)
    return recorder.told()


def _messages(
    paths: Iterable[Path], one: Recording, feed: Feed, broken: list[str]
) -> Iterator[tuple[int, Message | None]]:
    """The messages of files one after the other; where one ends too early, the stream broke off."""
    now_ns = 0
    for path in paths:
        try:
            for line in read_recording(path):
                if line.sent:
                    continue
                told = feed.parse(line.payload, one.symbol)
                theirs = max((getattr(message, "time_ns", 0) for message in told), default=0)
                now_ns = line.time_ns + one.clock_ns if line.time_ns else theirs or now_ns
                if told and now_ns <= 0:
                    what, remedy = "neither recorder nor venue says when it was", "remove the line"
                    raise DataError(what, f"{path}, line {line.line}", remedy)
                for message in told:
                    yield now_ns, message
        except DataError as error:
            if now_ns <= 0:  # nothing could be read at all
                raise
            broken.append(f"{path.name}: {error.what}")
            yield now_ns, None


def _notes(told: Recorded, broken: list[str]) -> list[str]:
    """A line for each count that is not plain."""
    odd = {outcome: count for outcome, count in told.outcomes.items() if outcome not in PLAIN}
    doubts = told.doubts - Counter({Doubt.WAITING: 1})  # with which every book begins
    return [
        *broken,
        *(f"messages, {outcome}: {count}" for outcome, count in sorted(odd.items())),
        *(f"book in doubt, {doubt}: {count}" for doubt, count in sorted(doubts.items())),
        *([f"messages, undecided at the end: {told.waiting}"] if told.waiting else []),
        *_kept(told.deltas),
    ]


def _kept(written: Written) -> list[str]:
    return [f"messages, stored already: {written.stored}"] if written.stored else []


def _ingested(one: Recording, told: Recorded, broken: list[str]) -> list[Ingested]:
    named = instrument(one.instrument, contract="linear")  # the name is all that is asked for
    faults = [
        f"trades, {fault.name.lower().replace('_', ' ')}: {n}" for fault, n in sorted(told.refused.items())
    ]
    refused = sum(told.outcomes[outcome] for outcome in REFUSED)
    tables: list[tuple[Table, Written, int, int, list[str]]] = [
        ("deltas", told.deltas, told.doubts[Doubt.GAP], refused, _notes(told, broken)),
        ("trades", told.trades, 0, told.refused.total(), [*faults, *_kept(told.trades)]),
    ]
    return [
        Ingested(
            table=table,
            venue=named.venue,
            symbol=named.symbol,
            rows=written.rows,
            start=iso(written.start_ns) if written.rows else "",
            end=iso(written.end_ns) if written.rows else "",
            gaps=gaps,
            rejected=rejected,
            dropped=written.stored,
            contradicted=0,
            contradictions=[],
            notes=notes,
        )
        for table, written, gaps, rejected, notes in tables
    ]


def _feed(one: Recording, where: str) -> tuple[Feed, BookFeed]:
    if one.feed not in FEEDS:
        raise ConfigError(f"unknown feed {one.feed!r}", f"{where}.feed", f"choose from {', '.join(FEEDS)}")
    feed = FEEDS[one.feed]
    try:
        grid = scale(one.tick, one.lot)
    except ConfigError as error:
        raise ConfigError(error.what, where, error.remedy) from None
    return feed, BookFeed(one.symbol, grid, feed.rule, stale_ms=one.stale_ms)


def ingest_recordings(
    mappings: Iterable[str | Path],
    *,
    root: str | Path = ".",
    catalog: str | Path = "catalog",
    progress: Callable[[int, int], None] | None = None,
) -> list[Ingested]:
    """Ingest the recordings that mapping files declare, one after the other.

    The mappings are checked and the files looked for before anything is written. Rows are then written
    as they are read: a recording may be larger than memory. What is not later than what is stored is left
    out and counted, so the same recording again changes nothing, and a longer one adds its end.

    Parameters
    ----------
    mappings : iterable of paths
        TOML files; `[[source]]` in them is left to `narrows.catalog.ingest`.
    root : path
        The folder that `file` in the mappings is relative to.
    catalog : path
        The folder of the catalogue; made if there is none.
    progress : callable(done, total), optional
        Called as recordings are read.

    Returns
    -------
    list of Ingested
        Two for each recording: deltas, then trades. `gaps` are those of the venue's sequence, `rejected`
        messages that could not be read or believed, `dropped` those stored already.

    Raises
    ------
    ConfigError
        If a mapping is not usable.
    DataError
        If a file is missing or cannot be read at all, or the folder cannot be written.
    """
    todo = []
    for path in mappings:
        for n, one in enumerate(load_recordings(path)):
            feeds = _feed(one, f"{Path(path).name}: recording[{n}]")
            todo.append((one, *feeds, matching(Path(root), one.file)))
    tables: list[Ingested] = []
    specify((one for one, *_ in todo), catalog)
    for done, (one, feed, book, paths) in enumerate(todo, start=1):
        broken: list[str] = []
        with TickWriter(catalog, one.instrument, one.tick, one.lot) as writer:
            told = record(_messages(paths, one, feed, broken), book, writer)
        tables += _ingested(one, told, broken)
        if progress:
            progress(done, len(todo))
    return tables
