"""Order books and trades as whole ticks and lots: a Parquet file a day, in constant memory.

    catalog/deltas/binance/BTC-USDT/2024-08-08-000.parquet     the parts of a day, in their order
    catalog/trades/binance/BTC-USDT/2024-08-08-000.parquet

A day is one part, unless the writer sealed it before the day was over (a recorder does, say every hour)
or was started again. A part has its name once it is complete and on disk; until then it ends in
``.tmp``, which no reader opens and the next writer removes. So a crash costs the rows since the last
seal and never leaves half a file to be read. Parts are never changed, and what comes must be later than
what is stored: a day cannot be written twice. The manifest of `store` does not list them.

Rows stand in the order in which they were received, and a day is one of `received_ns`: the venue's own
time is missing in some messages and falls now and then in others. A message is never cut: it lies in one
row group.
"""

import fcntl
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from narrows.catalog.store import Series, publish
from narrows.core.arrays import Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument as instrument_of
from narrows.core.time import DAY_NS, iso
from narrows.market.book import ASK, LAST, SNAPSHOT, Flags

Table = Literal["deltas", "trades"]

BUY = 1
"""Flag of a trade: the taker bought (else sold)."""

VERSION = 1  # of the files: columns, their meaning, the metadata
GROUP_ROWS = 1 << 18  # of a row group: 11 MB of columns
SCHEMA = pa.schema(
    [
        pa.field(name, pa.int8() if name == "flags" else pa.int64(), nullable=False)
        for name in ("time_ns", "received_ns", "sequence", "flags", "tick", "lots")
    ]
)
ENCODING = {
    "compression": "zstd",
    "compression_level": 1,  # what the deltas leave hardly packs better at higher levels
    "use_dictionary": False,
    "column_encoding": dict.fromkeys(SCHEMA.names, "DELTA_BINARY_PACKED"),
    "write_statistics": ["received_ns"],
    "write_page_checksum": True,
}
_FLAGS = {"deltas": ASK | SNAPSHOT | LAST, "trades": BUY}
_RECEIVED = SCHEMA.get_field_index("received_ns")
_WRONG = (
    "received before the row before it, or before what is stored",
    "another stamp than its message",
    "a negative tick",
    "negative lots",
    "flags that {table} do not have",
    "a message that is not whole",
)
_TEMPORARY = ".tmp"
_LATEST_NS = (1 << 63) - 1
_REMEDY = "restore it from a copy, or remove it and record or ingest the day again"


class Ticks(NamedTuple):
    """Rows of order books or of trades, in the order received; arrays of shape (rows,).

    Attributes
    ----------
    time_ns : int64 ndarray
        The venue's own time, nanoseconds UTC; 0 = it says none.
    received_ns : int64 ndarray
        When it could be acted on: the recorder's clock, not falling, one stamp a message. What was held
        back (until a snapshot, say) carries the time at which it was let go. A source that has only the
        venue's time gives that.
    sequence : int64 ndarray
        The venue's number of the update or trade; -1 = it numbers nothing.
    flags : int8 ndarray
        Of a level `ASK`, `SNAPSHOT`, `LAST` (`narrows.market.book`); of a trade `BUY` or 0. A message
        without levels is one row of tick 0 and 0 lots; as a snapshot it says that the book is not known.
    ticks : int64 ndarray
        Price in ticks.
    lots : int64 ndarray
        What stands there now (0 = nothing), or what was traded, in lots.
    """

    time_ns: Int1D
    received_ns: Int1D
    sequence: Int1D
    flags: Flags
    ticks: Int1D
    lots: Int1D


class Batch(NamedTuple):
    """Rows with the size of their tick (quote) and lot (as in `Instrument`): whole messages."""

    tick: Decimal
    lot: Decimal
    rows: Ticks


class Part(NamedTuple):
    """One stored file: its rows, the first and last `received_ns`, the size of tick and lot."""

    path: Path
    rows: int
    start_ns: int
    end_ns: int
    tick: Decimal
    lot: Decimal


def _series(table: Table, id_: str) -> Series:
    one = instrument_of(id_, contract="linear")  # the name is all that is asked for
    return Series(table, one.venue, one.symbol)


def _step(value: str | Decimal, what: str, id_: str) -> Decimal:
    try:
        step = Decimal(value)
    except (InvalidOperation, TypeError):
        step = Decimal("NaN")
    if not (step.is_finite() and step > 0):
        raise ConfigError(f"{what} {value!r}", f"ticks of {id_}", 'give a positive decimal text like "0.01"')
    return step


def _metadata(id_: str, tick: Decimal, lot: Decimal) -> dict[str, str]:
    told = {"instrument": id_, "tick": format(tick, "f"), "lot": format(lot, "f"), "version": str(VERSION)}
    return {f"narrows.{key}": value for key, value in told.items()}


def _opened(path: Path) -> pq.ParquetFile:
    """A file of ours, its schema and version checked."""
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"not a whole Parquet file: {_first_line(error)}", str(path), _REMEDY) from None
    told = file.schema_arrow.metadata or {}
    version = told.get(b"narrows.version", b"none").decode()
    ours = file.schema_arrow.equals(SCHEMA, check_metadata=False) and file.metadata.num_row_groups
    if version != str(VERSION) or not ours:
        columns = ", ".join(f"{one.name} {one.type}" for one in file.schema_arrow)
        what = f"not a file of ticks of version {VERSION}: version {version}, columns {columns}"
        raise DataError(what, str(path), "write it with TickWriter")
    return file


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _span(file: pq.ParquetFile, group: int) -> tuple[int, int]:
    """First and last `received_ns` of a row group."""
    told = file.metadata.row_group(group).column(_RECEIVED).statistics
    return told.min, told.max


def _part(path: Path, file: pq.ParquetFile) -> Part:
    told = file.schema_arrow.metadata
    tick, lot = (Decimal(told[f"narrows.{name}".encode()].decode()) for name in ("tick", "lot"))
    last = file.metadata.num_row_groups - 1
    return Part(path, file.metadata.num_rows, _span(file, 0)[0], _span(file, last)[1], tick, lot)


def _paths(root: str | Path, table: Table, id_: str) -> list[Path]:
    """The complete parts of an instrument, in the order of time."""
    return sorted((Path(root) / _series(table, id_).folder).glob("*.parquet"))


def parts(root: str | Path, table: Table, instrument: str) -> list[Part]:
    """What is stored of an instrument, in the order of time; only the ends of the files are read.

    Raises
    ------
    DataError
        If a file is damaged or not of ours.
    """
    return [_known(path) for path in _paths(root, table, instrument)]


def _known(path: Path) -> Part:
    with _opened(path) as file:
        return _part(path, file)


def _rows(file: pq.ParquetFile, path: Path, group: int) -> Ticks:
    try:
        table = file.read_row_group(group)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"row group {group} is damaged: {_first_line(error)}", str(path), _REMEDY) from None
    return Ticks._make(column.to_numpy() for column in table.columns)


def _within(rows: Ticks, start_ns: int, end_ns: int) -> Ticks:
    begin, end = np.searchsorted(rows.received_ns, [start_ns, end_ns], side="right").tolist()
    return rows if (begin, end) == (0, len(rows.lots)) else Ticks._make(one[begin:end] for one in rows)


def _batches(paths: list[Path], start_ns: int, end_ns: int) -> Iterator[Batch]:
    for path in paths:
        with _opened(path) as file:
            part = _part(path, file)
            for group in range(file.metadata.num_row_groups):
                first, last = _span(file, group)
                if last > start_ns and first <= end_ns:
                    yield Batch(part.tick, part.lot, _within(_rows(file, path, group), start_ns, end_ns))


def _read(root: str | Path, table: Table, id_: str, start_ns: int, end_ns: int) -> Iterator[Batch]:
    paths = _paths(root, table, id_)
    if not paths:
        known = {
            f"{one.parent.name}.{one.parents[1].name}" for one in Path(root).glob(f"{table}/*/*/*.parquet")
        }
        listed = f"there are {', '.join(sorted(known))}" if known else "record or ingest some first"
        raise DataError(f"no {table} of {id_}", str(root), listed)
    first, last = (iso(max(one, 0))[:10] for one in (start_ns, min(end_ns, _LATEST_NS)))
    return _batches([one for one in paths if first <= one.name[:10] <= last], start_ns, end_ns)


def read_deltas(
    root: str | Path, instrument: str, start_ns: int = 0, end_ns: int = _LATEST_NS
) -> Iterator[Batch]:
    """The changes of an order book received in (start_ns, end_ns], a row group at a time.

    Parameters
    ----------
    root : path
        The folder of the catalogue.
    instrument : str
        Its id.
    start_ns, end_ns : int
        Nanoseconds UTC, of `received_ns`.

    Yields
    ------
    Batch
        Whole messages; to be given to `narrows.market.book.replay` as they come.

    Raises
    ------
    DataError
        If there is nothing of this instrument; while reading, if a file is damaged or not of ours.
    """
    return _read(root, "deltas", instrument, start_ns, end_ns)


def read_trades(
    root: str | Path, instrument: str, start_ns: int = 0, end_ns: int = _LATEST_NS
) -> Iterator[Batch]:
    """Trades received in (start_ns, end_ns]; all else as in `read_deltas`."""
    return _read(root, "trades", instrument, start_ns, end_ns)


@njit(cache=True)
def _first_wrong(received_ns, flags, ticks, lots, last_ns, allowed, books):  # type: ignore[no-untyped-def]
    """The first row that cannot be stored and the place of what is wrong in `_WRONG`; -1 if all can."""
    inside = False
    for row in range(len(lots)):
        stamp, flag = received_ns[row], np.int64(flags[row])
        if stamp < last_ns:
            return row, 0
        if inside and stamp != last_ns:
            return row, 1
        if (ticks[row] | lots[row]) < 0:
            return row, 2 if ticks[row] < 0 else 3
        if flag & ~allowed:
            return row, 4
        inside = books and not flag & LAST
        last_ns = stamp
    return (len(lots) - 1, 5) if inside else (-1, 0)


def _wrong(table: Table, rows: Ticks, last_ns: int) -> tuple[str, int] | None:
    """What is wrong with some rows and which is the first such, if anything is."""
    columns: tuple[npt.NDArray[np.integer], ...] = tuple(rows)
    lengths, types = {one.shape for one in columns}, [one.dtype for one in columns]
    if lengths != {(len(rows.lots),)} or types != [one.type.to_pandas_dtype() for one in SCHEMA]:
        told = ", ".join(
            f"{name} {one.dtype}{list(one.shape)}" for name, one in zip(rows._fields, columns, strict=True)
        )
        return f"columns {told}; all are int64 and flags int8, of one length", 0
    row, code = _first_wrong(
        rows.received_ns, rows.flags, rows.ticks, rows.lots, last_ns, _FLAGS[table], table == "deltas"
    )
    return None if row < 0 else (_WRONG[code].format(table=table), row)


class _Writing:
    """One table of one instrument, being written: rows not yet in a row group, and the open part."""

    def __init__(self, root: Path, table: Table, id_: str, metadata: dict[str, str]) -> None:
        self.table, self.where = table, f"{table} of {id_}"
        self.folder = root / _series(table, id_).folder
        self.schema = SCHEMA.with_metadata(metadata)
        self.waiting: list[Ticks] = []
        self.count = 0
        self.path: Path | None = None
        self.writer: pq.ParquetWriter | None = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = self._locked()
        try:
            for left in self.folder.glob("*.parquet" + _TEMPORARY):
                left.unlink()
            stored = _paths(root, table, id_)
            self.last_ns = _known(stored[-1]).end_ns if stored else 0
        except BaseException:
            self.lock.close()
            raise
        self.day = self.last_ns // DAY_NS

    def _locked(self) -> IO[bytes]:
        lock = (self.folder / ".lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it when we die
        except BlockingIOError:
            lock.close()
            raise DataError(
                f"another writer has the {self.where}", str(self.folder), "stop it first"
            ) from None
        return lock

    def append(self, rows: Ticks) -> None:
        """Take rows: a day that is over is sealed, whole row groups are written, the rest waits."""
        wrong = _wrong(self.table, rows, self.last_ns)
        if wrong:
            remedy = "correct the source; none of these rows was stored"
            raise DataError(wrong[0], f"{self.where}, row {wrong[1]} of {len(rows.lots)}", remedy)
        begin = 0
        while begin < len(rows.lots):
            day = int(rows.received_ns[begin]) // DAY_NS
            if day != self.day:
                self.seal()
            self.day = day
            end = int(np.searchsorted(rows.received_ns, (day + 1) * DAY_NS))
            self._take(Ticks._make(one[begin:end] for one in rows))
            begin = end
        self.last_ns = int(rows.received_ns[-1]) if len(rows.lots) else self.last_ns

    def _take(self, rows: Ticks) -> None:
        """Rows of the open day."""
        if self.count + len(rows.lots) >= GROUP_ROWS:
            if self.count:
                rows = Ticks._make(map(np.concatenate, zip(*self.waiting, rows, strict=True)))
            rows = self._groups(rows)
            self.waiting, self.count = [], 0
        if len(rows.lots):
            self.waiting.append(
                Ticks._make(one.copy() for one in rows)
            )  # the caller may use its arrays again
            self.count += len(rows.lots)

    def _groups(self, rows: Ticks) -> Ticks:
        """Write row groups that end with a message; what is too little for one is handed back."""
        ends = np.flatnonzero(rows.flags & LAST) + 1 if self.table == "deltas" else None
        begin, length = 0, len(rows.lots)
        while length - begin >= GROUP_ROWS:
            end = begin + GROUP_ROWS
            if ends is not None:
                fits = int(np.searchsorted(ends, end, side="right"))
                longer = fits == 0 or ends[fits - 1] <= begin  # one message is more than a group
                end = int(ends[fits] if longer else ends[fits - 1])
            self._write(Ticks._make(one[begin:end] for one in rows))
            begin = end
        return Ticks._make(one[begin:] for one in rows)

    def _write(self, rows: Ticks) -> None:
        if self.writer is None:
            day = iso(self.day * DAY_NS)[:10]
            number = len(list(self.folder.glob(f"{day}-*.parquet")))
            self.path = self.folder / f"{day}-{number:03}.parquet"
            temporary = self.path.with_name(self.path.name + _TEMPORARY)
            self.writer = pq.ParquetWriter(temporary, self.schema, **ENCODING)
        self.writer.write_table(
            pa.Table.from_arrays(list(map(pa.array, rows)), schema=self.schema), len(rows.lots)
        )

    def seal(self) -> None:
        """Complete the open part: write what waits, force it to disk, give it its name."""
        if self.count:
            self._write(Ticks._make(map(np.concatenate, zip(*self.waiting, strict=True))))
            self.waiting, self.count = [], 0
        if self.writer is not None and self.path is not None:
            self.writer.close()
            self.writer = None
            publish(self.path.with_name(self.path.name + _TEMPORARY), self.path)

    def abandon(self) -> None:
        """Drop what is not sealed and let others write."""
        if self.writer is not None and self.path is not None:
            self.path.with_name(self.path.name + _TEMPORARY).unlink(missing_ok=True)
        self.writer, self.waiting, self.count = None, [], 0
        self.lock.close()


class TickWriter:
    """Writes deltas and trades of one instrument, in memory that does not grow with the rows.

    Use it in a ``with``: it is closed at the end, and on an error what is not sealed is dropped.

    Parameters
    ----------
    root : path
        The folder of the catalogue; made if there is none.
    instrument : str
        Its id, such as ``BTC-USDT-PERP.binance``.
    tick, lot : str or Decimal
        What one tick (quote) and one lot are, as a positive decimal; text, for no float is exact.

    Raises
    ------
    ConfigError
        If the id, tick or lot cannot be read.
    """

    def __init__(self, root: str | Path, instrument: str, tick: str | Decimal, lot: str | Decimal) -> None:
        steps = _step(tick, "tick", instrument), _step(lot, "lot", instrument)
        _series("deltas", instrument)
        self._root, self._id = Path(root), instrument
        self._metadata = _metadata(instrument, *steps)
        self._open: dict[Table, _Writing] = {}

    def deltas(self, rows: Ticks) -> None:
        """Append whole messages of an order book.

        Raises
        ------
        DataError
            If anything is negative, the message at the end is not whole, a row was received before the
            one before it (stored ones too) or at another time than its message; none of the rows is then
            stored. Also if the folder cannot be written, or is being written by another.
        """
        self._append("deltas", rows)

    def trades(self, rows: Ticks) -> None:
        """Append trades; errors as in `deltas`."""
        self._append("trades", rows)

    def last_ns(self, table: Table) -> int:
        """When the last row of a table was received, written or stored before; 0 = there is none.

        Raises
        ------
        DataError
            If its file is damaged or not of ours.
        """
        if table in self._open:
            return self._open[table].last_ns
        stored = _paths(self._root, table, self._id)
        return _known(stored[-1]).end_ns if stored else 0

    def seal(self) -> None:
        """Make all rows so far durable and readable; those to come go to a new part of the day."""
        for one in self._open.values():
            self._guarded(one.seal)

    def close(self) -> None:
        """Seal, and let others write."""
        self.seal()
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        self._drop()

    def _drop(self) -> None:
        for one in self._open.values():
            one.abandon()
        self._open = {}

    def _append(self, table: Table, rows: Ticks) -> None:
        def work() -> None:
            if table not in self._open:
                self._open[table] = _Writing(self._root, table, self._id, self._metadata)
            self._open[table].append(rows)

        self._guarded(work)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do something with files; what the system refuses is one line."""
        try:
            work()
        except OSError as error:
            what = f"cannot write: {error.strerror or _first_line(error)}"
            remedy = "free some space or check the folder; what is sealed is safe"
            raise DataError(what, str(self._root), remedy) from None
