"""Local files → catalogue: read what the mappings declare, check all of it, then write all or nothing."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl

from narrows.catalog.canonical import Rows, canonical
from narrows.catalog.mapping import load_mapping
from narrows.catalog.schema import ALL, INSTRUMENTS, TABLES, gaps
from narrows.catalog.source import Recording, Source
from narrows.catalog.store import MANIFEST, Catalog, Series, give_way, merge, open_catalog, write
from narrows.core.errors import DataError
from narrows.core.instrument import Instrument, instrument
from narrows.core.time import iso


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What the sources of one call hold for one symbol in one table.

    `start` and `end` are ISO-8601 UTC; `gaps` counts the rows missing between them; `rejected`
    counts carried-forward rows whose rate was not settled on the grid; `dropped` counts rows left
    out because the mapping says so (no value, after delivery, no symbol); `contradicted` counts rows
    of sources that give way and say something else than is kept, and `contradictions` has a line for
    each such source, with the first of its rows. Rows whose symbol no rule matches stand in a line of
    their own, with the symbol "all".

    Of recordings (`narrows.live.record`) `gaps` are those of the venue's sequence, `rejected` messages
    that could not be read or believed, `dropped` those stored already, and `notes` has a line with the
    count of whatever else is not plain: what became of messages, and why the book was in doubt.
    """

    table: str
    venue: str
    symbol: str
    rows: int
    start: str
    end: str
    gaps: int
    rejected: int
    dropped: int
    contradicted: int
    contradictions: list[str]
    notes: list[str] = []


def _specification(one: Instrument, said: Collection[str]) -> pl.DataFrame:
    """The row of the instruments table: what the id and the mapping say, null where they say nothing."""
    columns = TABLES[INSTRUMENTS].columns
    known = msgspec.structs.asdict(one)
    row = {
        name: known[name] if not column.nullable or name in said else None for name, column in columns.items()
    }
    return pl.DataFrame([row], schema={name: column.dtype for name, column in columns.items()})


def _add(batch: dict[Series, pl.DataFrame], series: Series, frame: pl.DataFrame, where: str) -> None:
    if series not in batch:
        batch[series] = frame
        return
    try:
        batch[series] = merge(batch[series], frame, series)
    except DataError as error:
        remedy = "two sources of this ingest disagree: map one of them, or say of one gives_way = true"
        raise DataError(error.what, f"{where}: {error.where}", remedy) from None


def _by_venue(known: dict[Series, pl.DataFrame]) -> dict[Series, pl.DataFrame]:
    """The rows of the instruments table, which keeps a venue together."""
    venues: dict[Series, list[pl.DataFrame]] = {}
    for series, row in known.items():
        venues.setdefault(Series(INSTRUMENTS, series.venue, ALL), []).append(row)
    return {series: pl.concat(rows) for series, rows in venues.items()}


def specify(recordings: Iterable[Recording], catalog: str | Path) -> None:
    """Write down the instruments of recordings that the catalogue does not have yet.

    Of what they are only the multiplier is told: tick and lot of a recording are the grid that it is stored
    on, which may be finer than what can be ordered.

    Raises
    ------
    DataError
        If the catalogue has another multiplier, or the folder cannot be written.
    """
    there = (Path(catalog) / MANIFEST).exists()
    table = open_catalog(catalog).instruments() if there else None
    stored = {} if table is None else dict(zip(table["id"], table["multiplier"], strict=True))
    rows: dict[Series, pl.DataFrame] = {}
    for one in recordings:
        known = instrument(one.instrument, multiplier=one.multiplier or 1.0)
        if one.instrument in stored:
            if one.multiplier is not None and stored[one.instrument] != one.multiplier:
                what = f"a multiplier of {one.multiplier:g}, but the catalogue has {stored[one.instrument]}"
                raise DataError(
                    what, one.instrument, "say the same in [source.instrument], or use another catalogue"
                )
            continue
        said = () if one.multiplier is None else ("multiplier",)
        rows[Series(INSTRUMENTS, known.venue, known.symbol)] = _specification(known, said)
    if rows or not there:
        write(catalog, _by_venue(rows))


@dataclass
class _Batch:
    """What is to be written, as it grows, and what was left out on the way."""

    stored: Catalog | None
    frames: dict[Series, pl.DataFrame] = field(default_factory=dict)
    known: dict[Series, pl.DataFrame] = field(default_factory=dict)
    parts: dict[Series, list[Rows]] = field(default_factory=dict)
    contradictions: dict[Series, list[tuple[int, str]]] = field(default_factory=dict)

    def _without_contradictions(self, series: Series, frame: pl.DataFrame, file: str) -> pl.DataFrame:
        kept = [self.stored.read(series)] if self.stored else []
        for one in [*kept, *([self.frames[series]] if series in self.frames else [])]:
            frame, count, first = give_way(one, frame, series)
            if count:
                told = f"{count} rows of {file} left out: {first}"
                self.contradictions.setdefault(series, []).append((count, told))
        return frame

    def add(self, rows: Rows, source: Source) -> None:
        """Take the rows of a source."""
        series, frame = Series(rows.table, rows.venue, rows.symbol), rows.frame
        self.parts.setdefault(series, []).append(rows)
        if source.gives_way:
            frame = self._without_contradictions(series, frame, source.file)
        if frame.height:
            _add(self.frames, series, frame, source.file)
        if rows.instrument:
            one = Series(INSTRUMENTS, rows.venue, rows.symbol)
            _add(self.known, one, _specification(rows.instrument, source.instrument.said), source.file)

    def told(self) -> list[Ingested]:
        """One line for each series."""
        return [self._told(series, parts) for series, parts in self.parts.items()]

    def _told(self, series: Series, parts: Sequence[Rows]) -> Ingested:
        frame = self.frames.get(series)
        left = self.contradictions.get(series, [])
        return Ingested(
            table=series.table,
            venue=series.venue,
            symbol=series.symbol,
            rows=0 if frame is None else frame.height,
            start="" if frame is None else iso(frame["time"][0]),
            end="" if frame is None else iso(frame["time"][-1]),
            gaps=0 if frame is None else gaps(series.table, frame),
            rejected=sum(part.rejected for part in parts),
            dropped=sum(part.dropped for part in parts),
            contradicted=sum(count for count, _ in left),
            contradictions=[first for _, first in left],
        )


def ingest(
    mappings: Iterable[str | Path],
    *,
    root: str | Path = ".",
    catalog: str | Path = "catalog",
    progress: Callable[[int, int], None] | None = None,
) -> list[Ingested]:
    """Ingest what mapping files declare.

    Everything is read and checked before anything is written; a refused row leaves the catalogue
    as it was. The same data again changes nothing; new rows are merged.

    Parameters
    ----------
    mappings : iterable of paths
        TOML files, see `narrows.catalog.mapping`.
    root : path
        The folder that `file` in the mappings is relative to.
    catalog : path
        The folder of the catalogue; made if there is none.
    progress : callable(done, total), optional
        Called as sources are read.

    Returns
    -------
    list of Ingested
        One for each table, venue and symbol, in the order of the mappings, those that give way last.

    Raises
    ------
    ConfigError
        If a mapping is not usable.
    DataError
        If a file or a row is not, if stored rows would change, or if the disk is full.
    """
    sources = [source for path in mappings for source in load_mapping(path)]
    sources.sort(key=lambda source: source.gives_way)  # stable: what gives way is read last
    batch = _Batch(open_catalog(catalog) if (Path(catalog) / MANIFEST).exists() else None)
    for done, source in enumerate(sources, start=1):
        for rows in canonical(source, Path(root)):
            batch.add(rows, source)
        if progress:
            progress(done, len(sources))
    told = batch.told()
    write(catalog, batch.frames | _by_venue(batch.known))
    return told
