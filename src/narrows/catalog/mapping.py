"""The declared mapping: TOML in, sources and recordings out, or one line that says which key is wrong."""

import math
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from narrows.catalog.clock import offset_ns
from narrows.catalog.files import text_of
from narrows.catalog.schema import INSTRUMENTS, TABLES
from narrows.catalog.source import (
    RATE_UNITS,
    Clock,
    FileDay,
    Recording,
    Snapshots,
    Source,
    Specification,
    SymbolRule,
)
from narrows.core.config import convert, midnights, require, toml_tables
from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import duration_ns, to_ns

_WITH_UNITS = (
    "rate", "premium", "apr", "spread", "within", "iv", "funding", "initial", "maintenance",
    "liquidation_fee", "funding_cap", "funding_floor",
)  # fmt: skip
_BARRED = tuple(name for name in TABLES if name not in ("funding", "settlements", "borrow", INSTRUMENTS))
_TABLES_OF = {
    "bar": _BARRED,
    "stamp": _BARRED,
    "cut_after_delivery": ("bars", "marks", "prices", "quotes"),
    "snap_s": ("funding", "marks", "settlements"),
    "snap_to": ("funding",),
    "late_s": ("funding",),
    "interval_h": ("funding", "predicted_funding"),
    "intervals_h": ("funding",),
    "rate_per_h": ("funding", "predicted_funding"),
    "carried_forward": ("funding",),
    "snapshots": ("marks", "option_quotes"),
}
_NAMED_FORMATS = ("datetime", "iso", "s", "ms", "us", "ns")
_COUNTED = _NAMED_FORMATS[2:]


def _check_columns(source: Source, where: str) -> None:
    table = TABLES[source.table]
    given = {"time": source.at, "interval_h": source.interval_h, **source.constants}
    known = ("time", *table.values)
    for key, names in (("columns", source.columns), ("constants", source.constants)):
        for name in names:
            choices = "choose from " + ", ".join(known)
            require(name in known, f"{source.table} has no column {name!r}", f"{where}.{key}", choices)
    twice = next((name for name in source.columns if given.get(name) is not None), "")
    said = "at" if twice == "time" else "interval_h" if twice == "interval_h" else f"constants.{twice}"
    require(not twice, f"{twice} is said twice", where, f"say columns.{twice} or {said}, not both")
    for name in ("time", *table.required):
        require(
            name in source.columns or given.get(name) is not None,
            f"column {name!r} is not mapped",
            f"{where}.columns",
            f'say {name} = "the column of the file"'
            + (", or at = a moment for all rows" if name == "time" else ""),
        )
    measured = [name for name in source.columns if name != "time"]
    choices = "choose from " + ", ".join(table.values)
    require(bool(measured), "no value column is mapped", f"{where}.columns", choices)
    for key in ("units", "scale", "missing"):
        for name in getattr(source, key):
            require(name in measured, f"{key} of {name!r}, which is not mapped", f"{where}.{key}", "")


def _check_units(source: Source, where: str) -> None:
    for name, unit in source.units.items():
        units = tuple(RATE_UNITS) if name in _WITH_UNITS else ()
        require(
            unit in units,
            f"unit {unit!r} of {name} is unknown",
            f"{where}.units.{name}",
            "choose from " + ", ".join(units)
            if units
            else f"{name} has no choice of units, say scale = {{ {name} = a factor }}",
        )
        require(name not in source.scale, "it has a unit already", f"{where}.scale.{name}", "say one of them")
    for name, factor in source.scale.items():
        require(factor > 0, f"{factor} is not positive", f"{where}.scale.{name}", "give a factor")


def _check_funding(source: Source, where: str) -> None:
    interval, mapped = source.hours, "interval_h" in source.columns
    require(
        source.interval_h is not None or mapped,
        "the funding interval is not said",
        where,
        'give interval_h as a number, as a column, or as "spacing"',
    )
    spaced = source.interval_h == "spacing"
    require(
        spaced == bool(source.intervals_h),
        'interval_h = "spacing" and intervals_h go together',
        where,
        "say intervals_h = [1, 2, 4, 8], the intervals that there can be",
    )
    require(not spaced or source.table == "funding", "it needs settlements", f"{where}.interval_h", "")
    hours = [("interval_h", interval), ("rate_per_h", source.rate_per_h)]
    for name, value in [*hours, *(("intervals_h", one) for one in source.intervals_h)]:
        require(value is None or value > 0, f"{value} is not positive", f"{where}.{name}", "give hours")
    if source.carried_forward:
        require(
            interval is not None and 24 % interval == 0,
            "carried_forward needs a grid of settlements",
            where,
            "give interval_h as a number that divides 24",
        )
    duration_ns(source.snap_to, f"{where}.snap_to")


def _groups(pattern: str, where: str) -> int:
    """How many groups a regular expression has."""
    try:
        return re.compile(pattern).groups
    except re.error as error:
        remedy = "see the syntax of Python's re"
        raise ConfigError(f"not a regular expression: {error}", where, remedy) from None


def _check_rule(source: Source, rule: SymbolRule, where: str) -> None:
    groups = _groups(rule.pattern, f"{where}.pattern")
    for key in ("dates", "names"):
        for group in getattr(rule, key):
            inside = group.isdecimal() and 1 <= int(group) <= groups
            require(inside, f"no group {group} in the pattern", f"{where}.{key}", "groups count from 1")
    same = rule.column == source.rules[0].column
    require(same, "another column than that of the first rule", f"{where}.column", "give one column")
    wide = (rule.column == "*") == bool(source.wide)
    told = 'say column = "*" in symbol, and "*" for the one column whose values stand side by side'
    require(wide, "one column for each symbol is said by half", where, told)


def _check_symbol(source: Source, where: str) -> None:
    if isinstance(source.symbol, str):
        try:
            symbol = "BTC-USDT" if source.table == "rates" else source.symbol  # which names no instrument
            instrument(f"{symbol}.{source.venue}")
        except ConfigError as error:
            raise ConfigError(error.what, f"{where}.symbol", error.remedy) from None
        require(not source.wide, "one column for each symbol", f"{where}.symbol", "give a table with column")
        return
    require(bool(source.rules), "no rule", f"{where}.symbol", "give one table, or several in brackets")
    for n, rule in enumerate(source.rules):
        at = f"{where}.symbol[{n}]" if isinstance(source.symbol, tuple) else f"{where}.symbol"
        _check_rule(source, rule, at)


def _check_clock(clock: Clock, where: str) -> None:
    known = clock.format in _NAMED_FORMATS or "%" in clock.format
    choices = "choose from " + ", ".join(_NAMED_FORMATS) + ', or write it like "%m/%d/%Y"'
    require(known, f"unknown format {clock.format!r}", f"{where}.format", choices)
    if offset_ns(clock.zone) is None:
        try:
            ZoneInfo(clock.zone)
        except (ZoneInfoNotFoundError, ValueError):
            remedy = 'write it like "Europe/London", or "UTC+3"'
            raise ConfigError(f"unknown zone {clock.zone!r}", f"{where}.zone", remedy) from None
    counted = clock.epoch is None or clock.format in _COUNTED
    require(counted, "nothing counts from it", f"{where}.epoch", "it belongs to " + ", ".join(_COUNTED))
    if isinstance(clock.epoch, FileDay):
        groups = _groups(clock.epoch.file, f"{where}.epoch.file")
        remedy = r"put the day in one, as _(\d{8})\."
        require(groups > 0, "no group in the pattern", f"{where}.epoch.file", remedy)


def _check_time(source: Source, where: str) -> None:
    if source.time is not None:
        _check_clock(source.time, f"{where}.time")
    stamped = "time" in source.columns or any(
        TABLES[source.table].columns[name].is_stamp for name in source.columns
    )
    require(
        not stamped or source.time is not None,
        "how stamps are written is not said",
        f"{where}.time",
        'say time = { format = "iso" }, or "datetime", "s", "ms", …',
    )
    if source.bar is not None:
        duration_ns(source.bar, f"{where}.bar")
    if source.snapshots is not None:
        duration_ns(source.snapshots.bar, f"{where}.snapshots.bar")
        require(
            bool(source.snapshots.symbols) == (source.table == "option_quotes"),
            "symbols belong to option_quotes, and there they are needed",
            f"{where}.snapshots.symbols",
            'say symbols = ["BTC-20260327-*-S"] of a chain, none of marks',
        )
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
    for key in ("snap_s", "late_s"):
        seconds = getattr(source, key)
        require(seconds is None or seconds >= 0, "negative", f"{where}.{key}", "give seconds")


def _check(source: Source, said: dict[str, Any], where: str) -> None:
    feedable = [name for name in TABLES if name != INSTRUMENTS]
    require(
        source.table in feedable,
        f"unknown table {source.table!r}",
        f"{where}.table",
        "choose from " + ", ".join(feedable) + "; instruments are said in [source.instrument]",
    )
    for key, tables in _TABLES_OF.items():
        require(
            key not in said or source.table in tables,
            f"{key} has no meaning for {source.table}",
            f"{where}.{key}",
            "it belongs to " + ", ".join(tables),
        )
    _check_columns(source, where)
    _check_units(source, where)
    _check_time(source, where)
    _check_symbol(source, where)
    if source.table in _TABLES_OF["interval_h"]:
        _check_funding(source, where)


def _nested(table: dict[str, Any], where: str) -> None:
    """Convert each table inside on its own, so that an error names the keys of its own table."""
    nested = (
        ("time", Clock),
        ("symbol", SymbolRule),
        ("instrument", Specification),
        ("snapshots", Snapshots),
    )
    for key, kind in nested:
        inside = table.get(key)
        if isinstance(inside, dict):
            convert(midnights(inside), kind, f"{where}.{key}")
        elif key == "symbol" and isinstance(inside, list):
            for n, one in enumerate(inside):
                convert(one, kind, f"{where}.{key}[{n}]")


def _source(table: dict[str, Any], where: str) -> Source:
    _nested(table, where)
    table = midnights(table)
    if isinstance(table.get("time"), dict):
        table["time"] = midnights(table["time"])
    source = convert(table, Source, where)
    _check(source, table, where)
    return source


def _recording(table: dict[str, Any], where: str) -> Recording:
    one = convert(table, Recording, where)
    for key in ("file", "symbol"):
        require(bool(getattr(one, key)), "it is empty", f"{where}.{key}", "")
    try:
        instrument(one.instrument, contract="linear")  # the name is all that is asked for
    except ConfigError as error:
        raise ConfigError(error.what, f"{where}.instrument", error.remedy) from None
    inverse = instrument(one.instrument).is_inverse
    wrong = "what one contract is worth is not said"
    if one.multiplier is not None:
        wrong = f"{one.multiplier} is not positive"
    told = not inverse if one.multiplier is None else 0.0 < one.multiplier < math.inf
    require(told, wrong, f"{where}.multiplier", "give quote units of an inverse contract: 100")
    for key in ("tick", "lot"):
        text = getattr(one, key)
        try:
            step = Decimal(text)
        except InvalidOperation:
            step = Decimal(0)
        remedy = 'give it as text, like "0.01"'
        usable = step.is_finite() and step > 0
        require(usable, f"{text!r} is not a number above zero", f"{where}.{key}", remedy)
    require(math.isfinite(one.clock_s), f"{one.clock_s} s", f"{where}.clock_s", "give seconds")
    require(one.stale_ms > 0, f"{one.stale_ms} is not positive", f"{where}.stale_ms", "give milliseconds")
    return one


_SECTIONS = ("source", "recording")


def _tables(text: str, where: str) -> dict[str, list[dict[str, Any]]]:
    """The tables of each section; at least one in all."""
    sections = toml_tables(text, where, "see examples/sources")
    known = " and ".join(f"[[{name}]]" for name in _SECTIONS)
    for key, listed in sections.items():
        require(key in _SECTIONS, "unknown section", f"{where}: {key}", f"the sections are {known}")
        right = isinstance(listed, list) and bool(listed) and all(isinstance(one, dict) for one in listed)
        require(right, f"no [[{key}]]", where, f"write [[{key}]] above each, see examples/sources")
    require(bool(sections), f"neither {known.replace('and', 'nor')}", where, "see examples/sources")
    return sections


def parse_mapping(text: str, where: str = "mapping") -> tuple[Source, ...]:
    """The sources that a TOML text declares; none if it declares recordings only.

    Raises
    ------
    ConfigError
        One line: what is wrong, the path of the key, what to do.
    """
    listed = _tables(text, where).get("source", [])
    return tuple(_source(one, f"{where}: source[{n}]") for n, one in enumerate(listed))


def parse_recordings(text: str, where: str = "mapping") -> tuple[Recording, ...]:
    """The recordings that a TOML text declares; all else as in `parse_mapping`."""
    listed = _tables(text, where).get("recording", [])
    return tuple(_recording(one, f"{where}: recording[{n}]") for n, one in enumerate(listed))


def load_mapping(path: str | Path) -> tuple[Source, ...]:
    """The sources that a TOML file declares.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not usable.
    """
    return parse_mapping(text_of(path), Path(path).name)


def load_recordings(path: str | Path) -> tuple[Recording, ...]:
    """The recordings that a TOML file declares; errors as in `load_mapping`."""
    return parse_recordings(text_of(path), Path(path).name)
