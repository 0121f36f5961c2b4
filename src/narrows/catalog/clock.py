"""Stamps as sources write them → int64 nanoseconds UTC."""

import re
from datetime import UTC, datetime
from typing import Any

import polars as pl

from narrows.catalog.source import Clock, FileDay
from narrows.core.errors import DataError
from narrows.core.time import HOUR_NS, SECOND_NS, to_ns

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_S, _LAST_S = 1_230_768_000, 4_102_444_800  # 2009, the first year with a coin to trade; 2100
_YEAR_S = 366 * 86_400  # more than that after a declared epoch is no count from it
_OFFSET = re.compile(r"UTC([+-])(\d{1,2})(?::([0-5]\d))?")
_AMBIGUOUS = {"error": "raise", "first": "earliest", "second": "latest"}
# ISO-8601 where the fraction of a second comes and goes, which no single format reads
_ISO = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")


def offset_ns(zone: str) -> int | None:
    """What a fixed zone such as UTC+3 or UTC-03:30 is ahead of UTC; None if it is not written so."""
    match = _OFFSET.fullmatch(zone)
    if match is None:
        return None
    ahead = int(match[2]) * HOUR_NS + int(match[3] or 0) * (HOUR_NS // 60)
    return -ahead if match[1] == "-" else ahead


def _epoch_ns(clock: Clock, file: str) -> int:
    if not isinstance(clock.epoch, FileDay):
        return 0 if clock.epoch is None else to_ns(clock.epoch)
    match = re.search(clock.epoch.file, file)
    try:
        day = datetime.strptime(match[1] if match else "", "%Y%m%d").replace(tzinfo=UTC)
    except (ValueError, IndexError):
        what = f"no day YYYYMMDD in its name by the pattern {clock.epoch.file!r}"
        raise DataError(what, file, "check time.epoch.file in the mapping") from None
    return to_ns(day)


def _refuse(frame: pl.DataFrame, bad: pl.Series, what: str, where: str, remedy: str) -> None:
    found = frame.filter(bad)
    if found.height:
        first = f"{found['time'][0]}, row {found['row'][0]}, {found.height} in all"
        raise DataError(f"{what} ({first})", where, remedy)


def _number(frame: pl.DataFrame, where: str) -> pl.Series:
    stamps = frame["time"]
    if stamps.dtype.is_integer():
        return stamps.cast(pl.Int64)
    whole = stamps.cast(pl.Int64, strict=False) if stamps.dtype == pl.String else None
    if whole is not None and whole.null_count() == 0:
        return whole
    number = stamps.cast(pl.Float64, strict=False)
    bad = ~number.is_finite().fill_null(False)
    _refuse(frame, bad, "time is not a number", where, "check time.format in the mapping")
    return number


def _from_number(frame: pl.DataFrame, clock: Clock, file: str, where: str) -> pl.Series:
    number, per_second = _number(frame, where), _PER_SECOND[clock.format]
    epoch = _epoch_ns(clock, file)
    first, last, said = _FIRST_S, _LAST_S, "outside 2009–2100"
    if clock.epoch is not None:
        first, last, said = 0, _YEAR_S, "not within a year after time.epoch"
    outside = ~number.is_between(first * per_second, last * per_second, closed="left")
    what = f"time in {clock.format} is {said}"
    _refuse(frame, outside, what, where, "is the unit of time.format right?")
    if number.dtype == pl.Int64:
        return number * (SECOND_NS // per_second) + epoch
    micros = number * (10**6 / per_second)  # a float64 of today resolves no more than a microsecond
    return micros.round().cast(pl.Int64) * 1000 + epoch


def _from_datetime(frame: pl.DataFrame, clock: Clock, where: str) -> pl.Series:
    stamps = frame["time"]
    if not isinstance(stamps.dtype, pl.Datetime | pl.Date):
        raise DataError(f"time is {stamps.dtype}, not a date-time", where, 'say time.format = "iso", "ms", …')
    if isinstance(stamps.dtype, pl.Date):
        stamps = stamps.cast(pl.Datetime("us"))
    outside = ~stamps.dt.epoch("s").is_between(0, _LAST_S, closed="left")
    _refuse(frame, outside, "time is outside 1970–2100", where, "is it the right column?")
    if getattr(stamps.dtype, "time_zone", None) is not None:
        return stamps.dt.convert_time_zone("UTC").dt.timestamp("ns")
    ahead = offset_ns(clock.zone)
    if ahead is not None:
        return stamps.dt.timestamp("ns") - ahead
    twice: Any = _AMBIGUOUS[clock.ambiguous]
    try:
        stamps = stamps.dt.replace_time_zone(clock.zone, ambiguous=twice, non_existent="raise")
    except pl.exceptions.PolarsError as error:
        first = str(error).partition(". ")[0]
        remedy = 'give the source in UTC, or say time.ambiguous = "first" or "second"'
        raise DataError(f"{first} in zone {clock.zone}", where, remedy) from None
    return stamps.dt.convert_time_zone("UTC").dt.timestamp("ns")


def _read_iso(text: pl.Series) -> pl.Series:
    year_first = text.str.contains(r"^\d{4}-?\d\d-?\d\d")  # 03/04/2024 may be March or April
    text = pl.select(pl.when(year_first).then(text)).to_series()
    try:
        read = text.str.to_datetime(time_unit="us", strict=False)
    except pl.exceptions.PolarsError:  # not one of them reads as a time
        read = pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    if not read.null_count():
        return read
    for form in _ISO:
        other = text.str.to_datetime(form, time_unit="us", strict=False)
        if other.null_count() < read.null_count():
            read = other
    return read


def _from_text(frame: pl.DataFrame, clock: Clock, where: str) -> pl.Series:
    text = frame["time"]
    if text.dtype != pl.String:
        raise DataError(f"time is {text.dtype}, not text", where, 'say time.format = "datetime", "ms", …')
    if clock.format == "iso":
        read, said = _read_iso(text), "not ISO-8601"
    else:
        read, said = text.str.to_datetime(clock.format, time_unit="us", strict=False), f"not {clock.format}"
    bad = read.is_null()
    if bad.any():
        first = frame.filter(bad).row(0, named=True)
        what = f"time is {said} ({first['time']}, row {first['row']}, {bad.sum()} in all)"
        raise DataError(what, where, "check time.format in the mapping")
    return _from_datetime(frame.with_columns(time=read), clock, where)


def to_utc_ns(frame: pl.DataFrame, clock: Clock, where: str, file: str = "") -> pl.Series:
    """The column `time` of a frame, which also has `row`, in nanoseconds UTC.

    `file` is the name of the file, which may say from which day the stamps count.

    Raises
    ------
    DataError
        If a stamp is missing, does not read as `clock` says, lies outside the years that can be
        meant, or does not exist or exists twice in the zone (summer time).
    """
    _refuse(frame, frame["time"].is_null(), "time is missing", where, "correct or drop the row")
    if clock.format in _PER_SECOND:
        return _from_number(frame, clock, file, where)
    if clock.format == "datetime":
        return _from_datetime(frame, clock, where)
    return _from_text(frame, clock, where)
