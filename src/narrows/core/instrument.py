"""Instrument: one tradable thing on one venue, named by a text id that says what it is.

BTC-USDT.binance                spot
BTC-USDT-PERP.bybit             linear perpetual
BTC-USD-PERP.deribit            inverse perpetual (margined and settled in BTC)
BTC-USDT-20270326.okx           dated future, delivered 2027-03-26 08:00 UTC
BTC-20270326-60000-C.deribit    option
BTC-20270326-60000-S.deribit    synthetic forward: that call bought, that put sold, traded as one
"""

import re
from datetime import UTC, datetime
from typing import Literal

import msgspec

from narrows.core.errors import ConfigError
from narrows.core.time import to_ns

Kind = Literal["spot", "perp", "future", "option", "synthetic"]
Contract = Literal["linear", "inverse", "quanto"]

DOLLARS = frozenset(
    {"USD", "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "DAI"}
)  # different currencies (see [fx]), near enough for two legs to make a spread
DELIVERY_HOUR = 8  # UTC; all venues we know deliver at 08:00
_COIN = r"[A-Z0-9]{1,15}"
_ID = re.compile(
    rf"(?P<base>{_COIN})"
    rf"(?:-(?P<quote>(?!\d{{8}}-){_COIN}))?"
    r"(?:-(?P<term>PERP|\d{8}))?"
    r"(?:-(?P<strike>\d+(?:\.\d+)?)-(?P<right>[CPS]))?"
    r"\.(?P<venue>[a-z0-9_]+)"
)


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tradable thing on one venue.

    Attributes
    ----------
    id : str
        ``BASE-QUOTE[-TERM].venue``.
    kind, contract
        spot, perp, future, option or synthetic (a call bought and a put sold, whose price is the
        forward that they make: `narrows.catalog.synthetic`); linear (profit in quote), inverse (profit
        in base) or quanto (profit in a third currency, `settle`, so much a unit of price).
    base, quote, settle : str
        Currencies; `settle` is the one in which profit and margin are kept.
    multiplier : float
        Base units of one contract if linear, quote units if inverse, settlement coins per unit of price
        if quanto. Positions in narrows are such amounts, not contracts, so it matters at the venue
        boundary only.
    tick, lot, min_notional : float
        Price step, size step (in the unit of positions), smallest order value (quote);
        0 = unknown.
    expiry_ns : int
        Delivery, nanoseconds UTC; 0 = never.
    strike, right
        Of options, and of synthetic forwards, whose right is "S".
    """

    id: str
    venue: str
    kind: Kind
    base: str
    quote: str
    settle: str
    contract: Contract = "linear"
    multiplier: float = 1.0
    tick: float = 0.0
    lot: float = 0.0
    min_notional: float = 0.0
    expiry_ns: int = 0
    strike: float = 0.0
    right: Literal["", "C", "P", "S"] = ""

    @property
    def symbol(self) -> str:
        """The id without its venue."""
        return self.id.rsplit(".", 1)[0]

    @property
    def is_derivative(self) -> bool:
        """Whether it is margined rather than owned."""
        return self.kind != "spot"

    @property
    def is_inverse(self) -> bool:
        """Whether profit is paid in the base coin."""
        return self.contract == "inverse"

    @property
    def is_quanto(self) -> bool:
        """Whether profit is paid in a third currency."""
        return self.contract == "quanto"

    @property
    def money(self) -> str:
        """The currency of a price move: `settle` if quanto, else the quote."""
        return self.settle if self.is_quanto else self.quote


def same_money(first: str, second: str) -> bool:
    """Whether prices in two currencies can be told against each other: equal, or both a dollar."""
    return first == second or (first in DOLLARS and second in DOLLARS)


def _expiry_ns(term: str, id_: str) -> int:
    try:
        day = datetime.strptime(term, "%Y%m%d").replace(hour=DELIVERY_HOUR, tzinfo=UTC)
    except ValueError:
        raise ConfigError(f"{term!r} is not a date", f"instrument {id_}", "write YYYYMMDD") from None
    return to_ns(day)


def instrument(id_: str, **known: object) -> Instrument:
    """The Instrument that an id describes.

    Parameters
    ----------
    id_ : str
        ``BTC-USDT-PERP.binance`` and the like, see the top of this module.
    **known
        Fields that the id does not carry: tick, lot, min_notional, multiplier, contract, …

    Raises
    ------
    ConfigError
        If the id does not read as an instrument.
    """
    match = _ID.fullmatch(id_)
    if match is None or not (match["quote"] or match["right"]):
        raise ConfigError(
            f"{id_!r} is not an instrument id", "instrument", "write it like BTC-USDT-PERP.binance"
        )
    base, term, right = match["base"], match["term"], match["right"]
    quote = match["quote"] or "USD"
    kind: Kind
    if right:
        kind = "synthetic" if right == "S" else "option"
    elif term == "PERP":
        kind = "perp"
    else:
        kind = "future" if term else "spot"
    contract = known.get("contract", "inverse" if kind != "spot" and quote == "USD" else "linear")
    if contract == "quanto" and ("settle" not in known or kind == "spot"):
        raise ConfigError("a quanto contract", f"instrument {id_}", "say in which coin it settles")
    fields: dict[str, object] = {
        "id": id_,
        "venue": match["venue"],
        "kind": kind,
        "base": base,
        "quote": quote,
        "settle": base if contract == "inverse" else quote,
        "contract": contract,
        "expiry_ns": _expiry_ns(term, id_) if term and term != "PERP" else 0,
        "strike": float(match["strike"]) if right else 0.0,
        "right": right or "",
    }
    return msgspec.convert(fields | known, Instrument)
