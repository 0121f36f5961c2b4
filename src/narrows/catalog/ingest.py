"""Local files → catalogue: read what the mappings declare, check all of it, then write all or nothing."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import polars as pl

from narrows.catalog.canonical import Rows, canonical
from narrows.catalog.mapping import Source, load_mapping
from narrows.catalog.schema import ALL, INSTRUMENTS, TABLES, gaps
from narrows.catalog.store import Series, merge, write
from narrows.core.errors import DataError
from narrows.core.instrument import Instrument
from narrows.core.time import iso


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What the sources of one call hold for one symbol in one table.

    `start` and `end` are ISO-8601 UTC; `gaps` counts the rows missing between them; `rejected`
    counts carried-forward rows whose rate was not settled on the grid; `dropped` counts rows left
    out because the mapping says so (no value, after delivery).
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


def _specification(one: Instrument, source: Source) -> pl.DataFrame:
    """The row of the instruments table: what the id and the mapping say, null where they say nothing."""
    columns = TABLES[INSTRUMENTS].columns
    said = source.instrument.said
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
        remedy = "two sources of this ingest disagree: map only one of them"
        raise DataError(error.what, f"{where}: {error.where}", remedy) from None


def _by_venue(known: dict[Series, pl.DataFrame]) -> dict[Series, pl.DataFrame]:
    """The rows of the instruments table, which keeps a venue together."""
    venues: dict[Series, list[pl.DataFrame]] = {}
    for series, row in known.items():
        venues.setdefault(Series(INSTRUMENTS, series.venue, ALL), []).append(row)
    return {series: pl.concat(rows) for series, rows in venues.items()}


def _told(series: Series, frame: pl.DataFrame, parts: Sequence[Rows]) -> Ingested:
    return Ingested(
        table=series.table,
        venue=series.venue,
        symbol=series.symbol,
        rows=frame.height,
        start=iso(frame["time"][0]),
        end=iso(frame["time"][-1]),
        gaps=gaps(series.table, frame),
        rejected=sum(part.rejected for part in parts),
        dropped=sum(part.dropped for part in parts),
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
        One for each table, venue and symbol, in the order of the mappings.

    Raises
    ------
    ConfigError
        If a mapping is not usable.
    DataError
        If a file or a row is not, if stored rows would change, or if the disk is full.
    """
    sources = [source for path in mappings for source in load_mapping(path)]
    batch: dict[Series, pl.DataFrame] = {}
    known: dict[Series, pl.DataFrame] = {}
    parts: dict[Series, list[Rows]] = {}
    for done, source in enumerate(sources, start=1):
        for rows in canonical(source, Path(root)):
            one = rows.instrument
            series = Series(rows.table, one.venue, one.symbol)
            _add(batch, series, rows.frame, source.file)
            _add(known, Series(INSTRUMENTS, one.venue, one.symbol), _specification(one, source), source.file)
            parts.setdefault(series, []).append(rows)
        if progress:
            progress(done, len(sources))
    told = [_told(series, batch[series], rows) for series, rows in parts.items()]
    write(catalog, batch | _by_venue(known))
    return told
