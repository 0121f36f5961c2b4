"""Spread: legs with signed ratios, and the anchor that pulls them together."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Literal

import msgspec

from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument, Kind, same_money

Anchor = Literal["expiry", "funding", "parity", "arbitrage"]
SpreadKind = Literal["cash_and_carry", "funding_carry", "cross_venue", "calendar", "parity"]

ANCHOR: dict[SpreadKind, Anchor] = {
    "cash_and_carry": "expiry",
    "funding_carry": "funding",
    "cross_venue": "arbitrage",
    "calendar": "expiry",
    "parity": "parity",
}


class Leg(msgspec.Struct, frozen=True):
    """One instrument of a spread; `ratio` is its base amount per unit of spread, signed."""

    instrument: Instrument
    ratio: float


class Spread(msgspec.Struct, frozen=True):
    """Legs whose prices are tied together.

    Being *long* a spread is holding each leg by its ratio. The first leg is long, the second
    short, so a long spread earns when the second leg falls towards the first: it is short the
    basis. A short spread is the reverse trade.
    """

    kind: SpreadKind
    legs: tuple[Leg, ...]

    @property
    def id(self) -> str:
        """``kind:first/second``, unique within a universe."""
        return f"{self.kind}:" + "/".join(leg.instrument.id for leg in self.legs)

    @property
    def anchor(self) -> Anchor:
        """What pulls the legs together."""
        return ANCHOR[self.kind]

    @property
    def expiry_ns(self) -> int:
        """Earliest delivery among the legs; 0 = none."""
        return min((leg.instrument.expiry_ns for leg in self.legs if leg.instrument.expiry_ns), default=0)


# first leg, second leg, and whether they must have one delivery and one kind of contract; on one venue
_TIES: tuple[tuple[SpreadKind, Kind, Kind, bool], ...] = (
    ("funding_carry", "spot", "perp", False),
    ("cash_and_carry", "spot", "future", False),
    ("calendar", "perp", "future", False),
    ("parity", "future", "synthetic", True),
)


def _pair(kind: SpreadKind, long: Instrument, short: Instrument) -> Spread:
    return Spread(kind, (Leg(long, 1.0), Leg(short, -1.0)))


def _relation(first: Instrument, second: Instrument) -> Spread | None:
    """The spread that two instruments on the same base make, if any; the anchor leg comes first."""
    if first.venue != second.venue:
        perps = first.kind == second.kind == "perp"
        return _pair("cross_venue", first, second) if perps else None
    if first.kind == second.kind == "future" and first.expiry_ns != second.expiry_ns:
        return _pair("calendar", *sorted((first, second), key=lambda leg: leg.expiry_ns))
    pair = {first.kind: first, second.kind: second}
    alike = (first.expiry_ns, first.contract) == (second.expiry_ns, second.contract)
    for kind, long, short, ties in _TIES:
        if pair.keys() == {long, short} and (alike or not ties):
            return _pair(kind, pair[long], pair[short])
    return None


def spreads(instruments: Iterable[Instrument], kinds: Sequence[str] = ()) -> list[Spread]:
    """Every spread that a universe allows.

    Parameters
    ----------
    instruments : iterable of Instrument
    kinds : sequence of str
        Only these kinds; empty = all.

    Returns
    -------
    list of Spread
        In the order of the instruments, so that the same universe gives the same list.

    Raises
    ------
    ConfigError
        If a kind is not one of cash_and_carry, funding_carry, cross_venue, calendar, parity.
    """
    for kind in kinds:
        if kind not in ANCHOR:
            raise ConfigError(
                f"{kind!r} is not a kind of spread", "spreads", "choose from " + ", ".join(ANCHOR)
            )
    found = []
    for first, second in combinations(instruments, 2):
        if first.base != second.base or not same_money(first.quote, second.quote):
            continue
        spread = _relation(first, second)
        if spread is not None and (not kinds or spread.kind in kinds):
            found.append(spread)
    return found


def chosen(instruments: Iterable[Instrument], kinds: Sequence[str], wanted: str) -> Spread:
    """The spread that is meant: by its id, or by any part of it that no other has.

    Raises
    ------
    ConfigError
        If none or several are meant.
    """
    every = spreads(instruments, kinds)
    found = [one for one in every if one.id == wanted] or [one for one in every if wanted in one.id]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.id for one in (found or every)[:6]) + (", …" if len(found or every) > 6 else "")
    what = f"{len(found)} spreads are called {wanted!r}" if found else f"no spread is called {wanted!r}"
    raise ConfigError(what, "--spread", f"choose from {names}" if names else "the universe has no spread")
