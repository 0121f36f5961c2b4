"""Trading fees in force on a date, from the dated records packaged in `venues/*.toml`."""

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from narrows.core.config import convert
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.time import iso, to_ns
from narrows.core.units import from_bps


class FeeRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What trading cost an ordinary account from a date on."""

    market: Literal["spot", "derivatives"]
    effective_from: date
    maker_bps: float
    taker_bps: float
    source: str
    confidence: Literal["high", "low"]


class _VenueRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fees: tuple[FeeRecord, ...]


@cache
def _records(venue: str) -> tuple[FeeRecord, ...]:
    file = files("narrows.rulebook").joinpath("venues", f"{venue}.toml")
    if not file.is_file():
        return ()
    rules = convert(tomllib.loads(file.read_text("utf-8")), _VenueRules, f"rulebook {venue}")
    return tuple(sorted(rules.fees, key=lambda record: record.effective_from))


def fee_record(instrument: Instrument, time_ns: int) -> FeeRecord:
    """The fee record in force for an instrument at a time.

    Raises
    ------
    ConfigError
        If the rulebook does not know the venue, or not yet at that date.
    """
    market = "spot" if instrument.kind == "spot" else "derivatives"
    known = [record for record in _records(instrument.venue) if record.market == market]
    at = [record for record in known if to_ns(record.effective_from) <= time_ns]
    if not at:
        when = f"before {known[0].effective_from}" if known else "at all"
        raise ConfigError(
            f"the rulebook has no {market} fees of {instrument.venue} {when} (asked for {iso(time_ns)})",
            f"instrument {instrument.id}",
            f"give taker_bps in [venues.{instrument.venue}]",
        )
    return at[-1]


def taker_fee(instrument: Instrument, time_ns: int) -> float:
    """Taker fee as a fraction of notional."""
    return from_bps(fee_record(instrument, time_ns).taker_bps)
