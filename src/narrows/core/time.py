"""Time: int64 nanoseconds since the epoch, UTC; bars are half-open and labelled by their close."""

from datetime import UTC, date, datetime

from narrows.core.errors import ConfigError

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
YEAR_H = 8760.0  # 365 days: crypto never closes

_UNITS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}


def duration_ns(text: str, where: str = "duration") -> int:
    """Nanoseconds of a duration such as ``"15m"``, ``"1h"`` or ``"1d"``.

    Raises
    ------
    ConfigError
        If the text is not a positive whole number followed by s, m, h or d.
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdigit() or int(number) == 0:
        raise ConfigError(f"{text!r} is not a duration", where, 'write it like "15m", "1h" or "1d"')
    return int(number) * _UNITS[unit]


def to_ns(moment: date | datetime) -> int:
    """Nanoseconds since the epoch; a date is its midnight, a naive time is UTC."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * SECOND_NS + moment.microsecond * 1000


def seconds_ns(seconds: str) -> int:
    """Nanoseconds of seconds since the epoch as decimal text, to the digit: ``"1618678133.384218"``.

    Digits behind the ninth are cut.
    """
    whole, _, part = seconds.partition(".")
    return int(whole) * SECOND_NS + int(part[:9].ljust(9, "0"))


def iso(time_ns: int) -> str:
    """ISO-8601 in UTC, to the second: ``2024-03-29T08:00:00Z``."""
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours(span_ns: float) -> float:
    """A span in hours."""
    return span_ns / HOUR_NS
