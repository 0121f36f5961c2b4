"""Rows of a source as they stand: named, as numbers, stamped in UTC, and neither checked nor left out."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from narrows.catalog.canonical import selected, timed, values_of
from narrows.catalog.files import matching
from narrows.catalog.schema import TABLES
from narrows.catalog.settled import of_interval
from narrows.catalog.source import Source
from narrows.catalog.symbols import with_symbols
from narrows.core.instrument import Instrument, instrument


def _with_interval(source: Source, rows: pl.DataFrame) -> pl.DataFrame:
    """Funding with its interval, unknown where only distances tell it, and rates of the whole interval."""
    if "interval_h" not in rows.columns:
        rows = rows.with_columns(interval_h=pl.lit(source.hours, pl.Float64))
    return of_interval(source, rows)


def raw(source: Source, root: Path) -> Iterator[tuple[Instrument, pl.DataFrame]]:
    """The rows of each instrument in one source, in the order of the file.

    Bars are stamped by their close. Rows without any value are left out, stamps are not snapped,
    nothing is cut after delivery, and a rate carried forward stays on every row. Tables that keep a
    venue together are left out: snapshots have nothing to be compared with.

    Raises
    ------
    DataError
        If the file cannot be read, a value is not a number, or a stamp does not read as a time.
    """
    if TABLES[source.table].by == "venue":
        return
    paths = matching(root, source.file) if source.is_wild else [root / source.file]
    for path in paths:
        named, _ = with_symbols(source, selected(source, path), source.file)
        frame = values_of(source, named, path, source.file)
        for (symbol,), part in frame.group_by("symbol", maintain_order=True):
            one = instrument(f"{symbol}.{source.venue}", **source.instrument.said)
            rows = timed(source, part, path, f"{source.file}: {one.id}")
            if source.bar is not None:
                rows = rows.with_columns(bar_ns=pl.lit(source.bar_ns, pl.Int64))
            if source.table == "funding":
                rows = _with_interval(source, rows)
            values = [name for name in source.columns if name in TABLES[source.table].values]
            yield one, rows.filter(~pl.all_horizontal(pl.col(values).is_null())).drop("symbol")
