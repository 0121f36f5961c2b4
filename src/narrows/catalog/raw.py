"""Rows of a source as they stand: named, as numbers, stamped in UTC, and neither checked nor left out."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from narrows.catalog.canonical import _numbers, _selected, _symbol
from narrows.catalog.clock import to_utc_ns
from narrows.catalog.mapping import Source
from narrows.catalog.schema import TABLES
from narrows.core.instrument import Instrument, instrument


def raw(source: Source, root: Path) -> Iterator[tuple[Instrument, pl.DataFrame]]:
    """The rows of each instrument in one source, in the order of the file.

    Bars are stamped by their close. Rows without any value are left out, stamps are not snapped,
    nothing is cut after delivery, and a rate carried forward stays on every row.

    Raises
    ------
    DataError
        If the file cannot be read, a value is not a number, or a stamp does not read as a time.
    """
    frame = _numbers(source, _selected(source, root / source.file), source.file)
    for (value,), part in frame.group_by("symbol", maintain_order=True):
        symbol = _symbol(source, value if isinstance(value, str) else None, source.file)
        one = instrument(f"{symbol}.{source.venue}", **source.instrument.said)
        where = f"{source.file}: {one.id}: {source.columns['time']}"
        rows = part.with_columns(time=to_utc_ns(part, source.time, where))
        if source.stamp == "open":
            rows = rows.with_columns(time=pl.col("time") + source.bar_ns)
        if source.bar is not None:
            rows = rows.with_columns(bar_ns=pl.lit(source.bar_ns, pl.Int64))
        if source.interval_h is not None:
            rows = rows.with_columns(interval_h=pl.lit(source.interval_h, pl.Float64))
        values = [name for name in source.columns if name in TABLES[source.table].values]
        rows = rows.filter(~pl.all_horizontal(pl.col(values).is_null()))
        yield one, rows.drop("symbol")
