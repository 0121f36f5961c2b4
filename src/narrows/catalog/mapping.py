"""The declared mapping: what a source file holds, said in TOML. See examples/sources for every key."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from narrows.catalog.files import text_of
from narrows.catalog.schema import INSTRUMENTS, TABLES
from narrows.core.config import convert, midnights, require, toml_tables
from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import duration_ns, to_ns

RATE_UNITS = {"fraction": 1.0, "percent": 1e-2, "bps": 1e-4}
_UNITS_OF = {"rate": tuple(RATE_UNITS), "premium": tuple(RATE_UNITS), "apr": tuple(RATE_UNITS)}
_TABLES_OF = {
    "bar": ("bars", "marks"),
    "stamp": ("bars", "marks"),
    "cut_after_delivery": ("bars", "marks"),
    "snap_s": ("funding", "marks", "settlements"),
    "interval_h": ("funding",),
    "rate_per_h": ("funding",),
    "carried_forward": ("funding",),
}
_DEFAULT_SNAP_S = 60.0


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Clock(_Strict, frozen=True, kw_only=True):
    """`time`: how the time column is written, and in which zone if it does not say so itself."""

    format: Literal["datetime", "iso", "s", "ms", "us", "ns"]
    zone: str = "UTC"


class SymbolColumn(_Strict, frozen=True, kw_only=True):
    """`symbol` built from a column: values that match `pattern` as a whole become `symbol`."""

    column: str
    pattern: str
    symbol: str


class Specification(_Strict, frozen=True, kw_only=True):
    """`[source.instrument]`: what an id does not say; keys left out stay as the catalogue has them."""

    tick: float | None = None
    lot: float | None = None
    min_notional: float | None = None
    multiplier: float | None = None
    contract: Literal["linear", "inverse"] | None = None
    settle: str | None = None

    @property
    def said(self) -> dict[str, object]:
        """Only the keys that the mapping gives."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Source(_Strict, frozen=True, kw_only=True):
    """One `[[source]]`: one file, or the rows of it that `filter` selects, feeding one table.

    `since` and `until` (UTC, both included) keep the rows of the catalogue whose time lies between:
    what a file has before or after is left out.

    `columns` maps a canonical column (see schema.TABLES) to the column of the file; `units` gives
    the unit of a rate, the default being a fraction.
    """

    file: str
    table: str
    venue: str
    symbol: str | SymbolColumn
    columns: dict[str, str]
    time: Clock
    units: dict[str, str] = {}
    header: bool = True
    filter: dict[str, str | int | float | bool] = {}
    null: Literal["error", "drop"] = "error"
    bar: str | None = None
    stamp: Literal["open", "close"] | None = None
    cut_after_delivery: bool = False
    since: datetime | None = None
    until: datetime | None = None
    snap_s: float | None = None
    interval_h: float | None = None
    rate_per_h: float | None = None
    carried_forward: bool = False
    instrument: Specification = Specification()

    @property
    def bar_ns(self) -> int:
        """Length of a bar; 0 = the source has no bars."""
        return duration_ns(self.bar) if self.bar else 0

    @property
    def snap_ns(self) -> int | None:
        """How far a stamp may lie from its boundary; None = stamps are taken as they are."""
        if self.snap_s is None and self.table != "funding":
            return None
        return round((_DEFAULT_SNAP_S if self.snap_s is None else self.snap_s) * 1e9)

    def per_unit(self, column: str) -> float:
        """What one unit of a column is inside narrows."""
        return RATE_UNITS[self.units[column]] if column in self.units else 1.0


def _check_columns(source: Source, where: str) -> None:
    table = TABLES[source.table]
    known = ("time", *table.values)
    at = f"{where}.columns"
    for name in source.columns:
        require(
            name in known, f"{source.table} has no column {name!r}", at, "choose from " + ", ".join(known)
        )
    given_otherwise = ("interval_h",) if source.interval_h is not None else ()
    for name in ("time", *table.required):
        require(
            name in source.columns or name in given_otherwise,
            f"column {name!r} is not mapped",
            at,
            f'say {name} = "the column of the file"',
        )
    measured = [name for name in source.columns if name != "time"]
    require(bool(measured), "no value column is mapped", at, "choose from " + ", ".join(table.values))
    for name, unit in source.units.items():
        units = _UNITS_OF.get(name, ())
        require(name in measured, f"unit of {name!r}, which is not mapped", f"{where}.units", "")
        require(
            unit in units,
            f"unit {unit!r} of {name} is unknown",
            f"{where}.units.{name}",
            "choose from " + ", ".join(units) if units else f"{name} has no choice of units, leave it out",
        )


def _check_funding(source: Source, where: str) -> None:
    interval, mapped = source.interval_h, "interval_h" in source.columns
    require(
        (interval is not None) != mapped,
        "the funding interval is not said, or said twice",
        where,
        "give interval_h as a number, or as a column, and not both",
    )
    for name, hours in (("interval_h", interval), ("rate_per_h", source.rate_per_h)):
        require(hours is None or hours > 0, f"{hours} is not positive", f"{where}.{name}", "give hours")
    if source.carried_forward:
        require(
            interval is not None and 24 % interval == 0,
            "carried_forward needs a grid of settlements",
            where,
            "give interval_h as a number that divides 24",
        )


def _check_symbol(source: Source, where: str) -> None:
    if isinstance(source.symbol, str):
        try:
            instrument(f"{source.symbol}.{source.venue}")
        except ConfigError as error:
            raise ConfigError(error.what, f"{where}.symbol", error.remedy) from None
        return
    try:
        re.compile(source.symbol.pattern)
    except re.error as error:
        raise ConfigError(f"not a regular expression: {error}", f"{where}.symbol.pattern", "") from None


def _check_time(source: Source, where: str) -> None:
    try:
        ZoneInfo(source.time.zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = source.time.zone
        raise ConfigError(
            f"unknown zone {zone!r}", f"{where}.time.zone", 'write it like "Europe/London"'
        ) from None
    if source.bar is not None:
        duration_ns(source.bar, f"{where}.bar")
    require(
        (source.bar is None) == (source.stamp is None),
        "bar and stamp go together",
        where,
        'say bar = "1h" and stamp = "open" or "close"',
    )
    require(
        source.table != "bars" or source.bar is not None,
        "the length of the bar is not said",
        where,
        'say bar = "1h" and stamp = "open" or "close"',
    )
    ordered = source.since is None or source.until is None or to_ns(source.since) <= to_ns(source.until)
    require(ordered, "it is before since", f"{where}.until", "give a later time")
    require(source.snap_s is None or source.snap_s >= 0, "negative", f"{where}.snap_s", "give seconds")


def _source(table: dict[str, Any], where: str) -> Source:
    nested = (("time", Clock), ("symbol", SymbolColumn), ("instrument", Specification))
    for key, kind in nested:  # each on its own, so that an error names the keys of its own table
        if isinstance(table.get(key), dict):
            convert(table[key], kind, f"{where}.{key}")
    source = convert(midnights(table), Source, where)
    feedable = [name for name in TABLES if name != INSTRUMENTS]
    require(
        source.table in feedable,
        f"unknown table {source.table!r}",
        f"{where}.table",
        "choose from " + ", ".join(feedable) + "; instruments are said in [source.instrument]",
    )
    for key, tables in _TABLES_OF.items():
        require(
            key not in table or source.table in tables,
            f"{key} has no meaning for {source.table}",
            f"{where}.{key}",
            "it belongs to " + ", ".join(tables),
        )
    _check_columns(source, where)
    _check_time(source, where)
    _check_symbol(source, where)
    if source.table == "funding":
        _check_funding(source, where)
    return source


def parse_mapping(text: str, where: str = "mapping") -> tuple[Source, ...]:
    """The sources that a TOML text declares.

    Raises
    ------
    ConfigError
        One line: what is wrong, the path of the key, what to do.
    """
    tables = toml_tables(text, where, "see examples/sources")
    for key in tables:
        require(key == "source", "unknown section", f"{where}: {key}", "the only section is [[source]]")
    sources = tables.get("source")
    require(
        isinstance(sources, list) and bool(sources) and all(isinstance(one, dict) for one in sources),
        "no [[source]]",
        where,
        "declare at least one, see examples/sources",
    )
    return tuple(_source(one, f"{where}: source[{n}]") for n, one in enumerate(sources or ()))


def load_mapping(path: str | Path) -> tuple[Source, ...]:
    """The sources that a TOML file declares.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not usable.
    """
    return parse_mapping(text_of(path), Path(path).name)
