"""The folder: Parquet partitions named by their content, and one manifest that says which of them count.

    catalog/manifest.json                                  the truth, replaced atomically
    catalog/bars/binance/BTC-USDT/2024-5f0c1b2a9d3e.parquet    named by year and content hash

A file that the manifest does not list is garbage of an ingest that was killed: readers never see
it, the next ingest removes it. A partition is never changed in place; a Catalog opened before an
ingest that replaced one of its partitions says so when it reads it, and must be opened again. One
writer at a time.
"""

import fcntl
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from narrows.catalog.schema import ALL, FORMAT, INSTRUMENTS, TABLES
from narrows.core.errors import DataError
from narrows.core.time import SECOND_NS, iso, to_ns

ROUNDING = 1e-12  # of a value: what a change of unit may cost
MANIFEST, _LOCK, _TEMPORARY = "manifest.json", ".lock", ".tmp"
_WRITERS = 4


class Series(NamedTuple):
    """What a partition belongs to: one symbol at one venue, in one table.

    In a table that keeps a venue together the symbol is ALL.
    """

    table: str
    venue: str
    symbol: str

    @property
    def folder(self) -> str:
        """Its folder inside the catalogue."""
        return "/".join(self)


class Partition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file; `start` and `end` are its first and last time (0 for instruments)."""

    file: str
    sha256: str
    rows: int
    start: int
    end: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which files count: `partitions` maps ``table/venue/symbol/year`` to its file."""

    format: int = FORMAT
    schemas: dict[str, int] = {}
    partitions: dict[str, Partition] = {}


@dataclass(frozen=True)
class Catalog:
    """A catalogue folder as one manifest shows it."""

    root: Path
    manifest: Manifest

    @property
    def content_hash(self) -> str:
        """SHA-256 over the hashes of all partitions: the same data, the same hash."""
        listed = sorted((key, one.sha256) for key, one in self.manifest.partitions.items())
        return hashlib.sha256(repr(listed).encode()).hexdigest()

    def series(self, table: str) -> list[Series]:
        """Every series of a table, sorted."""
        keys = (key.split("/") for key in self.manifest.partitions)
        return sorted({Series(*parts[:3]) for parts in keys if parts[0] == table})

    def instruments(self) -> pl.DataFrame:
        """The table of instruments, of all venues."""
        columns = TABLES[INSTRUMENTS].columns
        parts = [self.load(one) for series in self.series(INSTRUMENTS) for one in self.partitions(series)]
        empty = pl.DataFrame(schema={name: column.dtype for name, column in columns.items()})
        return pl.concat([empty, *parts])

    def partitions(self, series: Series) -> list[Partition]:
        """The partitions of one symbol in one table, in the order of time."""
        return self._listed.get(series.folder, [])

    @cached_property
    def _listed(self) -> dict[str, list[Partition]]:
        found: dict[str, list[Partition]] = {}
        for key, one in sorted(self.manifest.partitions.items(), key=lambda item: item[1].start):
            found.setdefault(key.rpartition("/")[0], []).append(one)
        return found

    def load(self, partition: Partition, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of a partition; only some of its columns, if they are named.

        Raises
        ------
        DataError
            If the file is missing or is not the one that the manifest lists.
        """
        where, remedy = str(self.root / partition.file), "open the catalogue again, or build a new one"
        try:
            content = (self.root / partition.file).read_bytes()
        except OSError as error:
            raise DataError(f"cannot read a partition: {error.strerror}", where, remedy) from None
        if hashlib.sha256(content).hexdigest() != partition.sha256:
            raise DataError("the partition is not the one in the manifest: damaged or changed", where, remedy)
        return pl.read_parquet(io.BytesIO(content), columns=None if columns is None else list(columns))

    def read(
        self,
        series: Series,
        start_ns: int = 0,
        end_ns: int = 2**63 - 1,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Rows of one symbol with time in (start_ns, end_ns]; empty if there are none.

        `columns` names the ones that are wanted, `time` among them; default: all.
        """
        known = TABLES[series.table].columns
        wanted = [one for one in self.partitions(series) if one.end > start_ns and one.start <= end_ns]
        if not wanted:
            return pl.DataFrame(schema={name: known[name].dtype for name in columns or known})
        frame = pl.concat([self.load(one, columns) for one in wanted])
        times = frame["time"].to_numpy()  # rising
        begin, end = np.searchsorted(times, [start_ns, end_ns], side="right").tolist()
        return frame.slice(begin, end - begin)


def open_catalog(root: str | Path) -> Catalog:
    """The catalogue in a folder.

    Raises
    ------
    DataError
        If there is none, its manifest is broken, or it was written by another version.
    """
    path = Path(root) / MANIFEST
    remedy = "build a new one with `narrows ingest SOURCE.toml --catalog DIR`"
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError("no catalogue here", str(root), remedy) from None
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", str(path), "check the folder") from None
    try:
        version = msgspec.json.decode(content)["format"]
        if version != FORMAT:
            raise DataError(f"catalogue of format {version}, not {FORMAT}", str(root), remedy)
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise DataError(f"the manifest is broken: {error}", str(path), remedy) from None
    for table, known in manifest.schemas.items():
        if table not in TABLES or TABLES[table].version != known:
            raise DataError(f"table {table} of version {known} is unknown", str(root), remedy)
    return Catalog(Path(root), manifest)


def _told(key: tuple[str, ...], row: Mapping[str, object]) -> str:
    """The key of a row in words: 2024-03-29T08:00:00Z BTC-USDT-PERP."""
    values = ((name, row[name]) for name in key)
    return " ".join(iso(v) if name == "time" and isinstance(v, int) else f"{v}" for name, v in values)


def _same_rows(old: pl.DataFrame, new: pl.DataFrame, series: Series) -> pl.DataFrame:
    """The rows that both have, those of the new with a suffix, and `differs` where a value does."""
    table = TABLES[series.table]
    both = old.join(new, on=table.key, how="inner", suffix="_new").sort(table.key)
    names = [name for name in table.columns if name not in table.key]
    other = [_differs(name, table.columns[name].dtype) for name in names]
    return both.with_columns(differs=pl.any_horizontal(other))


def _differs(name: str, dtype: type[pl.DataType]) -> pl.Expr:
    """Whether both say it, and not the same; numbers that differ by rounding alone (a unit) are the same."""
    old, new = pl.col(name), pl.col(f"{name}_new")
    other = old != new
    if dtype == pl.Float64:
        other &= (old - new).abs() > ROUNDING * old.abs()
    return other.fill_null(False)


def _difference(row: Mapping[str, object], series: Series) -> str:
    """The first value in which a row differs, in words."""
    table = TABLES[series.table]
    for name in table.columns:
        old, new = row.get(name), row.get(f"{name}_new")
        rounded = isinstance(old, float) and isinstance(new, float) and abs(old - new) <= ROUNDING * abs(old)
        if new is not None and old is not None and old != new and not rounded:
            return f"{name} was {old!r} and would become {new!r} at {_told(table.key, row)}"
    raise AssertionError("the rows do not differ")


def give_way(kept: pl.DataFrame, yielding: pl.DataFrame, series: Series) -> tuple[pl.DataFrame, int, str]:
    """The yielding rows without those that contradict the kept ones.

    Returns
    -------
    DataFrame
        The rows of `yielding` that are new or the same.
    int
        How many others there are.
    str
        The first of them in words, or nothing.
    """
    both = _same_rows(kept, yielding, series).filter(pl.col("differs"))
    if both.is_empty():
        return yielding, 0, ""
    first = _difference(both.row(0, named=True), series)
    return yielding.join(both, on=TABLES[series.table].key, how="anti"), both.height, first


def _apart(old: pl.DataFrame, new: pl.DataFrame) -> bool:
    """Whether all of the one lies before all of the other."""
    if "time" not in old.columns or old.is_empty() or new.is_empty():
        return False
    return bool(old["time"][-1] < new["time"][0] or new["time"][-1] < old["time"][0])


def _joined(old: pl.DataFrame, new: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """All rows of both in the order of the key, a null giving way to a value."""
    if _apart(old, new):
        return pl.concat([old, new] if old["time"][-1] < new["time"][0] else [new, old])
    both = old.join(new, on=key, how="full", coalesce=True, suffix="_new").sort(key)
    return both.select(name if name in key else pl.coalesce(name, f"{name}_new") for name in old.columns)


def merge(old: pl.DataFrame, new: pl.DataFrame, series: Series) -> pl.DataFrame:
    """Both sets of rows, sorted; where they meet, a null gives way to a value.

    Raises
    ------
    DataError
        If the same row has two different values: the first such row, old and new value; or if rows
        of the one do not fit between those of the other.
    """
    table = TABLES[series.table]
    remedy = "what is stored is not overwritten: correct the source, or ingest into a new catalogue"
    clash = old.clear() if _apart(old, new) else _same_rows(old, new, series).filter(pl.col("differs"))
    if clash.height:
        what = f"{_difference(clash.row(0, named=True), series)} ({clash.height} such rows)"
        raise DataError(what, series.folder, remedy)
    merged = _joined(old, new, table.key)
    for rule in table.rules:
        broken = merged.filter(rule.bad)
        if broken.height:
            first = broken.row(0, named=True)
            what = f"{rule.says.format(**first)} at {_told(table.key, first)}"
            raise DataError(f"{what} ({broken.height} such rows)", series.folder, remedy)
    return merged.select(*table.columns)


def _in_order(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    return frame if key == ("time",) and frame["time"].is_sorted() else frame.sort(key)


def _by_year(series: Series, frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows of each year, in the order of the key."""
    key = TABLES[series.table].key
    frame = _in_order(frame, key)
    if "time" not in key:
        yield f"{series.folder}/{ALL}", frame
        return
    stamps = frame["time"].to_numpy()
    first, last = (datetime.fromtimestamp(int(stamps[end]) // SECOND_NS, UTC).year for end in (0, -1))
    for year in range(first, last + 1):
        begin, end = (to_ns(datetime(one, 1, 1, tzinfo=UTC)) for one in (year, year + 1))
        low, high = np.searchsorted(stamps, (begin, end))
        if high > low:
            yield f"{series.folder}/{year}", frame.slice(low, high - low)


def _to_disk(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def publish(temporary: Path, path: Path) -> None:
    """Force a file to disk, then give it its name, so that nobody ever sees half of it."""
    _to_disk(temporary)
    os.replace(temporary, path)
    _to_disk(path.parent)


def _durable(path: Path, content: bytes | memoryview) -> None:
    """Write under a temporary name, then publish."""
    temporary = path.with_name(path.name + _TEMPORARY)
    temporary.write_bytes(content)
    publish(temporary, path)


def _stage(root: Path, key: str, frame: pl.DataFrame) -> Partition:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=3, statistics=False)
    content = buffer.getbuffer()
    digest = hashlib.sha256(content).hexdigest()
    file = f"{key}-{digest[:12]}.parquet"
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    _durable(root / file, content)
    timed = "time" in frame.columns
    start, end = (int(frame["time"][0]), int(frame["time"][-1])) if timed else (0, 0)
    return Partition(file=file, sha256=digest, rows=frame.height, start=start, end=end)


def _remove_garbage(root: Path, manifest: Manifest) -> None:
    """Remove what the manifest does not list, in the folders of our tables and by our names only."""
    listed = {root / one.file for one in manifest.partitions.values()}
    for table in TABLES:
        for path in (root / table).glob("*/*/*"):
            if path not in listed and path.name.endswith((".parquet", ".parquet" + _TEMPORARY)):
                path.unlink(missing_ok=True)
    (root / (MANIFEST + _TEMPORARY)).unlink(missing_ok=True)


@contextmanager
def _only_writer(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it when we die
        except BlockingIOError:
            raise DataError("another ingest is writing this catalogue", str(root), "wait for it") from None
        yield


def _current(root: Path) -> Catalog:
    return open_catalog(root) if (root / MANIFEST).exists() else Catalog(root, Manifest())


def _commit(store: Catalog, batch: Mapping[Series, pl.DataFrame]) -> Catalog:
    merged: dict[str, pl.DataFrame] = {}
    for series, frame in batch.items():  # all conflicts are found before anything is written
        for key, rows in _by_year(series, frame):
            listed = store.manifest.partitions.get(key)
            old = store.load(listed) if listed else None
            if old is not None and rows.equals(old):
                continue
            full = merge(old, rows, series) if old is not None else rows
            if old is None or not full.equals(old):
                merged[key] = full
    if not merged:
        return store
    with ThreadPoolExecutor(_WRITERS) as pool:  # one packs while another waits for the disk
        staged = pool.map(lambda key: _stage(store.root, key, merged[key]), merged)
        changed = dict(zip(merged, staged, strict=True))
    partitions = dict(sorted((store.manifest.partitions | changed).items()))
    schemas = {key.split("/")[0]: TABLES[key.split("/")[0]].version for key in partitions}
    manifest = Manifest(schemas=schemas, partitions=partitions)
    _durable(store.root / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    return Catalog(store.root, manifest)


def write(root: str | Path, batch: Mapping[Series, pl.DataFrame]) -> Catalog:
    """Merge rows into the catalogue of a folder, made if there is none: all of them or none.

    Rows that are there already change nothing, and no file is written for them.

    Raises
    ------
    DataError
        If stored rows would change, the folder cannot be written (a full disk), or another
        ingest is at work. The catalogue is then as it was.
    """
    root = Path(root)
    try:
        with _only_writer(root):
            before = _current(root)
            try:
                return _commit(before, batch)
            finally:
                _remove_garbage(root, _current(root).manifest)
    except OSError as error:
        what = f"cannot write: {error.strerror or error}"
        raise DataError(what, str(root), "free some space or check the folder; nothing was changed") from None
