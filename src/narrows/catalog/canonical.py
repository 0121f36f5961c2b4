"""A source's rows → rows of the catalogue: units, clock, bars and funding as narrows means them, checked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from narrows.catalog.clock import to_utc_ns
from narrows.catalog.files import matching, read_file
from narrows.catalog.refuse import refuse
from narrows.catalog.schema import ALL, TABLES, Column
from narrows.catalog.settled import snapped, with_interval
from narrows.catalog.source import Snapshots, Source
from narrows.catalog.symbols import with_symbols
from narrows.catalog.synthetic import bars_of, synthetics
from narrows.core.errors import DataError
from narrows.core.instrument import Instrument, instrument
from narrows.core.time import hours, iso, to_ns

_NAME, _VALUE = "name of a column", "value in it"  # where symbols stand side by side


@dataclass(frozen=True)
class Rows:
    """Checked rows of one series, columns as in schema.TABLES.

    `instrument` is what a series of one symbol is about. `dropped` counts rows left out as the
    mapping declares (no value; after delivery; no symbol), `rejected` those that carry a funding
    rate forward which was not settled on the grid.
    """

    table: str
    venue: str
    symbol: str
    instrument: Instrument | None
    frame: pl.DataFrame
    dropped: int
    rejected: int


def selected(source: Source, path: Path) -> pl.DataFrame:
    """The rows that `filter` selects, columns under their canonical names, and `symbol` as written."""
    written = source.rules[0].column if source.rules else ""
    wanted = [*source.columns.values(), *source.filter, *([written] if written else [])]
    raw = read_file(path, wanted, source.header, source.records)
    for column, value in source.filter.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        raw = raw.filter(pl.col(column).cast(pl.String) == text)
        if raw.is_empty():
            raise DataError(f"no row has {column} = {value!r}", str(path), "check filter in the mapping")
    if source.wide:
        beside = ["row", *dict.fromkeys(one for one in wanted if one != "*")]
        raw = raw.unpivot(index=beside, variable_name=_NAME, value_name=_VALUE)
        written = _NAME
    named = {name: pl.col(_VALUE if column == "*" else column) for name, column in source.columns.items()}
    constants = {name: pl.lit(value) for name, value in source.constants.items()}
    symbol = pl.col(written) if written else pl.lit(source.symbol)
    return raw.select("row", symbol=symbol, **named, **constants)


def _without(source: Source, name: str, values: pl.Series) -> pl.Series:
    """Values that mean that there is none, as null: numbers compared as numbers, text as text."""
    for none in source.none_of(name):
        if isinstance(none, str):
            same = values.cast(pl.String) == none
        else:
            same = values.cast(pl.Float64, strict=False) == float(none)
        values = values.set(same.fill_null(False), None)
    return values


def _number(source: Source, name: str, frame: pl.DataFrame, where: str) -> pl.Series:
    """A column as float64 in narrows' units; "not a number" and null are both null."""
    number = frame[name].cast(pl.Float64, strict=False)
    unread = frame.filter(number.is_null() & frame[name].is_not_null() & (frame[name].cast(pl.String) != ""))
    if unread.height:
        what = f"{unread[name][0]!r} is not a number (row {unread['row'][0]}, {unread.height} in all)"
        remedy = f"is it the right column? say missing = {{ {name} = … }} if that means that there is none"
        raise DataError(what, f"{where}: {source.columns.get(name, name)}", remedy)
    factor = source.factor(name)
    number = number.fill_nan(None)
    return number if factor == 1.0 else number * factor


def _moments(source: Source, name: str, frame: pl.DataFrame, path: Path, where: str) -> pl.Series:
    """A column of moments that may be unknown."""
    assert source.time is not None  # the mapping is checked
    known = frame.filter(pl.col(name).is_not_null()).select("row", time=name)
    if known.is_empty():
        return pl.Series(name, [None] * frame.height, dtype=pl.Int64)
    stamps = known.select("row", to_utc_ns(known, source.time, where, path.name).alias(name))
    return frame.select("row").join(stamps, on="row", how="left", maintain_order="left")[name]


def values_of(source: Source, frame: pl.DataFrame, path: Path, where: str) -> pl.DataFrame:
    """The measured columns as the table wants them: numbers, moments or text."""
    for name in (*source.columns, *source.constants):
        if name == "time":
            continue
        column: Column = TABLES[source.table].columns[name]
        frame = frame.with_columns(_without(source, name, frame[name]).alias(name))
        if column.dtype == pl.String:
            value = frame[name].cast(pl.String)
        elif column.is_stamp:
            value = _moments(source, name, frame, path, f"{where}: {source.columns.get(name, name)}")
        else:
            value = _number(source, name, frame, where)
        frame = frame.with_columns(value.alias(name))
    return frame


def _without_nulls(source: Source, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Apply `null`: a row without any price or rate may be dropped, a row with some is broken."""
    table = TABLES[source.table]
    measured = [name for name in source.columns if name != "time"]
    needed = [name for name in measured if name in table.required and name != "interval_h"] or [
        name for name in measured if name in table.required
    ]
    silent = pl.all_horizontal(pl.col(needed or measured).is_null())
    if source.null == "drop":
        frame = frame.filter(~silent)
    else:
        refuse(frame, silent, "no value", where, 'say null = "drop" to leave such rows out, if that is right')
    for name in needed:
        refuse(frame, pl.col(name).is_null(), f"no {name}", where, "correct the row")
    return frame


def _spaced(source: Source, frame: pl.DataFrame, where: str) -> None:
    """Refuse rows that mostly lie further apart than the bar: stamps at its open would be too early."""
    steps = frame["time"].diff().drop_nulls().mode().sort()
    if source.table not in ("bars", "marks") or source.bar is None or steps.is_empty():
        return
    if source.bar_ns in steps:
        return
    what = f"rows are {hours(int(steps[0])):g} h apart, the mapping says {source.bar}"
    raise DataError(what, where, "give the bar that the file has")


def _in_order(source: Source, frame: pl.DataFrame, where: str) -> None:
    key = TABLES[source.table].key
    if key != ("time",):
        refuse(
            frame,
            pl.struct(key).is_duplicated(),
            "two rows of {symbol} with the same time",
            where,
            "use filter",
        )
        return
    step = pl.col("time").diff()
    refuse(
        frame,
        step == 0,
        "two rows with the same time",
        where,
        "does the file hold several symbols? use filter",
    )
    refuse(frame, step < 0, "time runs backwards", where, "say sort = true in the mapping if that is right")


def _between(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows from `since` to `until`; jitter that is snapped later is given its room."""
    slack, late = source.snap_ns or 0, source.late_ns
    if source.since is not None:
        frame = frame.filter(pl.col("time") >= to_ns(source.since) - slack)
    if source.until is not None:
        frame = frame.filter(pl.col("time") <= to_ns(source.until) + max(slack, late))
    return frame


def _delivered(source: Source, frame: pl.DataFrame, one: Instrument, where: str) -> pl.DataFrame:
    if not one.expiry_ns:
        return frame
    after = pl.col("time") > one.expiry_ns
    if source.cut_after_delivery:
        return frame.filter(~after)
    remedy = "say snap_s for jitter" if source.table == "settlements" else "say cut_after_delivery = true"
    refuse(frame, after, f"a row after delivery ({iso(one.expiry_ns)})", where, remedy)
    return frame


def timed(source: Source, frame: pl.DataFrame, path: Path, where: str) -> pl.DataFrame:
    """The rows with `time` as nanoseconds UTC, in its order: when a bar closed, when a value was known."""
    if source.at is not None:
        time = pl.Series([to_ns(source.at)], dtype=pl.Int64).new_from_index(0, frame.height)
    else:
        assert source.time is not None  # the mapping is checked
        time = to_utc_ns(frame, source.time, f"{where}: {source.columns['time']}", path.name)
    if source.stamp == "open":
        time = time + source.bar_ns
    frame = frame.with_columns(time.alias("time"))
    key = TABLES[source.table].key
    return frame.sort(key, maintain_order=True) if source.sort or key != ("time",) else frame


def _once(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    """Apply `repeated`: of rows that say the same, or that share a key, only the first."""
    if source.repeated == "error":
        return frame
    alike = TABLES[source.table].key if source.repeated == "first" else frame.drop("row").columns
    return frame.unique(alike, keep="first", maintain_order=True)


def _checked(source: Source, frame: pl.DataFrame, path: Path, one: Instrument | None, where: str) -> Rows:
    frame = timed(source, frame, path, where)
    rows = frame.height
    frame = _once(source, frame)
    _in_order(source, frame, where)
    frame = _between(source, frame)
    known = _without_nulls(source, frame, where)
    placed, rejected = snapped(source, known, where)
    settled = _once(source, placed)
    _in_order(source, settled, where)
    kept = _delivered(source, settled, one, where) if one else settled
    dropped = rows - known.height + placed.height - kept.height
    if source.table in ("funding", "predicted_funding"):
        kept = with_interval(source, kept, where)
    elif source.table == "bars":
        kept = kept.with_columns(bar_ns=pl.lit(source.bar_ns, pl.Int64))
    if kept.is_empty():
        raise DataError("no row is left", where, "check null, filter, since, until and the columns")
    table = TABLES[source.table]
    absent = [name for name in table.columns if name not in kept.columns]
    full = kept.with_columns(pl.lit(None, table.columns[name].dtype).alias(name) for name in absent)
    for rule in table.rules:
        refuse(full, rule.bad, rule.says, where, rule.remedy)
    _spaced(source, frame, where)
    columns = [pl.col(name).cast(column.dtype) for name, column in table.columns.items()]
    symbol = one.symbol if one else ALL
    return Rows(source.table, source.venue, symbol, one, full.select(columns), dropped, rejected)


def _names_instruments(source: Source, frame: pl.DataFrame) -> None:
    """Refuse symbols that do not read as instruments, in a table that keeps a venue together."""
    if source.table != "rates":
        for symbol in frame["symbol"].unique(maintain_order=True):
            instrument(f"{symbol}.{source.venue}")


def _of_file(source: Source, path: Path, where: str) -> Iterator[Rows]:
    named, unmatched = with_symbols(source, selected(source, path), where)
    if named.is_empty():
        raise DataError("no row has a symbol that matches", where, "check symbol.pattern in the mapping")
    frame = values_of(source, named, path, where)
    if TABLES[source.table].by == "venue":
        _names_instruments(source, frame)
        rows = _checked(source, frame, path, None, f"{where}: {source.venue}")
        yield replace(rows, dropped=rows.dropped + unmatched)
        if source.snapshots is not None:
            yield from _synthetic(source.snapshots, rows, where)
        return
    for (symbol,), part in frame.group_by("symbol", maintain_order=True):
        one = instrument(f"{symbol}.{source.venue}", **source.instrument.said)
        rows = _checked(source, part, path, one, f"{where}: {one.id}")
        yield rows
        if source.snapshots is not None:
            marks = rows.frame.drop_nulls("mark").rename({"mark": "price"})
            yield _derived("bars", bars_of(marks, source.snapshots.bar_ns), source.venue, one, where)
    if unmatched:
        nothing = pl.DataFrame(schema={name: c.dtype for name, c in TABLES[source.table].columns.items()})
        yield Rows(source.table, source.venue, ALL, None, nothing, unmatched, 0)


def _derived(name: str, found: pl.DataFrame, venue: str, one: Instrument, where: str) -> Rows:
    """Rows that were worked out, checked by the rules of their table."""
    table = TABLES[name]
    absent = [field for field in table.columns if field not in found.columns]
    frame = found.with_columns(pl.lit(None, table.columns[field].dtype).alias(field) for field in absent)
    for rule in table.rules:
        refuse(frame.with_row_index("row", 1), rule.bad, rule.says, f"{where}: {one.id}", rule.remedy)
    columns = [pl.col(field).cast(column.dtype) for field, column in table.columns.items()]
    return Rows(name, venue, one.symbol, one, frame.select(columns), 0, 0)


def _synthetic(wanted: Snapshots, chain: Rows, where: str) -> Iterator[Rows]:
    """The synthetic forwards of a chain, checked by the rules of their tables."""
    for one, frames in synthetics(chain.frame, chain.venue, wanted.symbols, wanted.bar_ns, where):
        for name, found in frames.items():
            yield _derived(name, found, chain.venue, one, where)


def canonical(source: Source, root: Path) -> Iterator[Rows]:
    """Read one source and yield its rows for each series in it, checked.

    Rows of symbols that the mapping leaves out are counted in a last Rows without rows, whose symbol
    is ALL.

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
    if not source.is_wild:
        yield from _of_file(source, root / source.file, source.file)
        return
    for path in matching(root, source.file):
        yield from _of_file(source, path, str(path.relative_to(root)))
