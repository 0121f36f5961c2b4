"""A source's rows → rows of the catalogue: units, clock, bars and funding as narrows means them, checked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from narrows.catalog.clock import to_utc_ns
from narrows.catalog.files import read_file
from narrows.catalog.mapping import Source, SymbolColumn
from narrows.catalog.schema import TABLES
from narrows.core.errors import DataError
from narrows.core.instrument import Instrument, instrument
from narrows.core.time import HOUR_NS, hours, iso, to_ns

_GRIDS_H = (24, 12, 8, 6, 4, 3, 2)  # of settlements, the widest first
_ENOUGH_CHANGES = 30  # of a rate, to tell the grid that they lie on: by chance, one in 10 million
_ON_GRID = 0.95  # of the changes; the others are settlements that came late


@dataclass(frozen=True)
class Rows:
    """Checked rows of one instrument in one table, columns as in schema.TABLES.

    `dropped` counts rows left out as the mapping declares (no value; after delivery), `rejected`
    those that carry a funding rate forward which was not settled on the grid.
    """

    table: str
    instrument: Instrument
    frame: pl.DataFrame
    dropped: int
    rejected: int


def _refuse(frame: pl.DataFrame, bad: pl.Expr, says: str, where: str, remedy: str) -> None:
    found = frame.filter(bad)
    if found.height:
        first = found.row(0, named=True)
        count = f"{found.height} in all" if found.height > 1 else "the only one"
        what = f"{says.format(**first)} at {iso(first['time'])} (row {first['row']}, {count})"
        raise DataError(what, where, remedy)


def _selected(source: Source, path: Path) -> pl.DataFrame:
    """The rows that `filter` selects, columns under their canonical names, and `symbol`."""
    built = source.symbol if isinstance(source.symbol, SymbolColumn) else None
    extra = [*source.filter, *([built.column] if built else [])]
    raw = read_file(path, [*source.columns.values(), *extra], source.header)
    for column, value in source.filter.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        raw = raw.filter(pl.col(column).cast(pl.String) == text)
        if raw.is_empty():
            raise DataError(f"no row has {column} = {value!r}", str(path), "check filter in the mapping")
    symbol = pl.lit(source.symbol) if built is None else pl.col(built.column).cast(pl.String)
    named = {name: pl.col(column) for name, column in source.columns.items()}
    return raw.select("row", symbol=symbol, **named)


def _symbol(source: Source, value: str | None, where: str) -> str:
    if isinstance(source.symbol, str):
        return source.symbol
    match = re.fullmatch(source.symbol.pattern, value or "")
    if match is None:
        what = f"{source.symbol.column} {value!r} does not match {source.symbol.pattern!r}"
        raise DataError(what, where, "widen symbol.pattern, or select rows with filter")
    try:
        return match.expand(source.symbol.symbol)
    except (re.error, IndexError) as error:
        raise DataError(f"cannot build a symbol: {error}", where, "check symbol.symbol") from None


def _numbers(source: Source, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Values as float64 in narrows' units; "not a number" and null are both null."""
    for name in source.columns:
        if name == "time":
            continue
        number = frame[name].cast(pl.Float64, strict=False)
        unread = frame.filter(
            number.is_null() & frame[name].is_not_null() & (frame[name].cast(pl.String) != "")
        )
        if unread.height:
            what = f"{unread[name][0]!r} is not a number (row {unread['row'][0]}, {unread.height} in all)"
            raise DataError(what, f"{where}: {source.columns[name]}", "is it the right column?")
        factor = source.per_unit(name)
        number = number.fill_nan(None)
        frame = frame.with_columns((number if factor == 1.0 else number * factor).alias(name))
    return frame


def _without_nulls(source: Source, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Apply `null`: a row without any price or rate may be dropped, a row with some is broken."""
    table = TABLES[source.table]
    measured = [name for name in source.columns if name != "time"]
    needed = [name for name in measured if name in table.required]
    silent = pl.all_horizontal(pl.col(needed or measured).is_null())
    if source.null == "drop":
        frame = frame.filter(~silent)
    else:
        _refuse(
            frame, silent, "no value", where, 'say null = "drop" to leave such rows out, if that is right'
        )
    for name in needed:
        _refuse(frame, pl.col(name).is_null(), f"no {name}", where, "correct the row")
    return frame


def _snapped(source: Source, frame: pl.DataFrame, where: str) -> tuple[pl.DataFrame, int]:
    """Stamps on their boundary; with `carried_forward`, only the settlements. Counts rejected rows."""
    tolerance = source.snap_ns
    if tolerance is None:
        return frame, 0
    carried = source.carried_forward and source.interval_h is not None
    step = round((source.interval_h or 1.0) * HOUR_NS) if carried else HOUR_NS
    boundary = (pl.col("time") + step // 2) // step * step
    on = (pl.col("time") - boundary).abs() <= tolerance
    if not carried:
        remedy = "widen snap_s if this is jitter, else check time.format and the zone"
        _refuse(frame, ~on, f"stamp is not within {tolerance / 1e9:g} s of a whole hour", where, remedy)
        return frame.with_columns(time=boundary), 0
    settled = pl.when(on).then("rate").forward_fill()
    rejected = frame.select((~on & (pl.col("rate") != settled)).sum()).item()
    kept = frame.filter(on).with_columns(time=boundary)
    _refuse_wider_grid(kept, step, where)
    return kept, int(rejected)


def _refuse_wider_grid(settled: pl.DataFrame, step_ns: int, where: str) -> None:
    """Refuse rates that are carried beyond the interval declared: each would be paid several times.

    A rate may well repeat for days, pinned at the interest of its formula, so repetition says nothing.
    But where a rate changes it was settled, and if nearly all changes lie on a wider grid, so do the
    settlements.
    """
    changes = settled.filter(pl.col("rate") != pl.col("rate").shift())["time"].to_numpy()
    if len(changes) < _ENOUGH_CHANGES:
        return
    for grid_h in _GRIDS_H:
        grid = grid_h * HOUR_NS
        if grid <= step_ns or grid % step_ns:
            continue
        _, count = np.unique(changes % grid, return_counts=True)
        if count.max() >= _ON_GRID * len(changes):
            what = f"rates change every {grid_h} h, the mapping says {hours(step_ns):g} h"
            raise DataError(what, where, "give the interval_h that it has: each rate is paid once")


def _spaced(source: Source, frame: pl.DataFrame, where: str) -> None:
    """Refuse rows that mostly lie further apart than the bar: stamps at its open would be too early."""
    steps = frame["time"].diff().drop_nulls().mode().sort()
    if source.bar is None or steps.is_empty() or source.bar_ns in steps:
        return
    what = f"rows are {hours(int(steps[0])):g} h apart, the mapping says {source.bar}"
    raise DataError(what, where, "give the bar that the file has")


def _in_order(frame: pl.DataFrame, where: str) -> None:
    step = pl.col("time").diff()
    _refuse(
        frame,
        step == 0,
        "two rows with the same time",
        where,
        "does the file hold several symbols? use filter",
    )
    _refuse(frame, step < 0, "time runs backwards", where, "sort the file by time")


def _funding(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    if source.interval_h is not None:
        frame = frame.with_columns(interval_h=pl.lit(source.interval_h, pl.Float64))
    if source.rate_per_h is None:
        return frame
    return frame.with_columns(rate=pl.col("rate") * (pl.col("interval_h") / source.rate_per_h))


def _between(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows from `since` to `until`; jitter that is snapped later is given its room."""
    slack = source.snap_ns or 0
    if source.since is not None:
        frame = frame.filter(pl.col("time") >= to_ns(source.since) - slack)
    if source.until is not None:
        frame = frame.filter(pl.col("time") <= to_ns(source.until) + slack)
    return frame


def _delivered(source: Source, frame: pl.DataFrame, one: Instrument, where: str) -> pl.DataFrame:
    if not one.expiry_ns:
        return frame
    after = pl.col("time") > one.expiry_ns
    if source.cut_after_delivery:
        return frame.filter(~after)
    remedy = "say snap_s for jitter" if source.table == "settlements" else "say cut_after_delivery = true"
    _refuse(frame, after, f"a row after delivery ({iso(one.expiry_ns)})", where, remedy)
    return frame


def _rows(source: Source, frame: pl.DataFrame, one: Instrument, where: str) -> Rows:
    frame = frame.with_columns(time=to_utc_ns(frame, source.time, f"{where}: {source.columns['time']}"))
    if source.stamp == "open":
        frame = frame.with_columns(time=pl.col("time") + source.bar_ns)
    _in_order(frame, where)
    rows = frame.height
    frame = _between(source, frame)
    known = _without_nulls(source, frame, where)
    settled, rejected = _snapped(source, known, where)
    _in_order(settled, where)
    kept = _delivered(source, settled, one, where)
    dropped = rows - known.height + settled.height - kept.height
    if source.table == "funding":
        kept = _funding(source, kept)
    elif source.table == "bars":
        kept = kept.with_columns(bar_ns=pl.lit(source.bar_ns, pl.Int64))
    if kept.is_empty():
        raise DataError("no row is left", where, "check null, filter, since, until and the columns")
    table = TABLES[source.table]
    absent = [name for name in table.columns if name not in kept.columns]
    full = kept.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent)
    for rule in table.rules:
        _refuse(full, rule.bad, rule.says, where, rule.remedy)
    _spaced(source, frame, where)
    columns = [pl.col(name).cast(column.dtype) for name, column in table.columns.items()]
    return Rows(source.table, one, full.select(columns), dropped, rejected)


def canonical(source: Source, root: Path) -> Iterator[Rows]:
    """Read one source and yield its rows for each instrument in it, checked.

    Parameters
    ----------
    source : Source
    root : Path
        The folder that `source.file` is relative to.

    Raises
    ------
    DataError
        At the first broken row: file, column, time, row, count, what to do.
    ConfigError
        If the source's symbol does not read as an instrument.
    """
    path = root / source.file
    where = source.file
    frame = _numbers(source, _selected(source, path), where)
    for (value,), part in frame.group_by("symbol", maintain_order=True):
        symbol = _symbol(source, value if isinstance(value, str) else None, where)
        one = instrument(f"{symbol}.{source.venue}", **source.instrument.said)
        yield _rows(source, part, one, f"{where}: {one.id}")
