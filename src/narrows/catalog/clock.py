"""Stamps as sources write them → int64 nanoseconds UTC."""

import polars as pl

from narrows.catalog.mapping import Clock
from narrows.core.errors import DataError
from narrows.core.time import SECOND_NS

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_S, _LAST_S = 1_230_768_000, 4_102_444_800  # 2009, the first year with a coin to trade; 2100


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


def _from_number(frame: pl.DataFrame, unit: str, where: str) -> pl.Series:
    number, per_second = _number(frame, where), _PER_SECOND[unit]
    outside = ~number.is_between(_FIRST_S * per_second, _LAST_S * per_second, closed="left")
    _refuse(
        frame, outside, f"time in {unit} is outside 2009–2100", where, "is the unit of time.format right?"
    )
    if number.dtype == pl.Int64:
        return number * (SECOND_NS // per_second)
    micros = number * (10**6 / per_second)  # a float64 of today resolves no more than a microsecond
    return micros.round().cast(pl.Int64) * 1000


def _from_datetime(frame: pl.DataFrame, zone: str, where: str) -> pl.Series:
    stamps = frame["time"]
    if not isinstance(stamps.dtype, pl.Datetime | pl.Date):
        raise DataError(f"time is {stamps.dtype}, not a date-time", where, 'say time.format = "iso", "ms", …')
    if isinstance(stamps.dtype, pl.Date):
        stamps = stamps.cast(pl.Datetime("us"))
    seconds = stamps.dt.epoch("s")
    outside = ~seconds.is_between(_FIRST_S, _LAST_S, closed="left")
    _refuse(frame, outside, "time is outside 2009–2100", where, "is it the right column?")
    if getattr(stamps.dtype, "time_zone", None) is None:
        try:
            stamps = stamps.dt.replace_time_zone(zone, ambiguous="raise", non_existent="raise")
        except pl.exceptions.PolarsError as error:
            first = str(error).partition(". ")[0]
            raise DataError(f"{first} in zone {zone}", where, "give the source in UTC") from None
    return stamps.dt.convert_time_zone("UTC").dt.timestamp("ns")


def _read_iso(frame: pl.DataFrame, where: str) -> pl.Series:
    remedy = "check time.format in the mapping"
    try:
        read = frame["time"].str.to_datetime(time_unit="us", strict=False)
    except pl.exceptions.PolarsError:  # not one of them reads as a time
        first = frame["time"][0]
        raise DataError(f"time is not ISO-8601 ({first!r}, row {frame['row'][0]})", where, remedy) from None
    _refuse(frame, read.is_null(), "time is not ISO-8601", where, remedy)
    return read


def to_utc_ns(frame: pl.DataFrame, clock: Clock, where: str) -> pl.Series:
    """The column `time` of a frame, which also has `row`, in nanoseconds UTC.

    Raises
    ------
    DataError
        If a stamp is missing, does not read as `clock` says, lies outside 2009–2100, or does not
        exist or exists twice in the zone (summer time).
    """
    _refuse(frame, frame["time"].is_null(), "time is missing", where, "correct or drop the row")
    if clock.format in _PER_SECOND:
        return _from_number(frame, clock.format, where)
    if clock.format == "iso":
        if frame["time"].dtype != pl.String:
            raise DataError(
                f"time is {frame['time'].dtype}, not text", where, 'say time.format = "datetime", "ms", …'
            )
        frame = frame.with_columns(time=_read_iso(frame, where))
    return _from_datetime(frame, clock.zone, where)
