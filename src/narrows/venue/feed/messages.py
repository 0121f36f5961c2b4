"""What the messages of all venues say, in one shape; what we do not use has a reason.

A venue's module turns one payload (the bytes of one WebSocket message or REST response, as sent)
into these. It never raises on what a venue may send: what it does not know is `Unknown`, and is
counted. Levels stay text (`Levels`), so that no price passes through a float on its way to ticks
and a checksum is taken over the digits that were sent.
"""

from enum import StrEnum

import msgspec

Levels = bytes
"""JSON array of arrays whose first two elements are price and size, each a string or a number:
``[["61737.63","0.5"],…]``. A size of zero takes the level away."""


class Snapshot(msgspec.Struct, frozen=True):
    """A whole book, down to the depth that the venue sends.

    Attributes
    ----------
    symbol : str
        As the venue writes it.
    time_ns : int
        The venue's own time of the event, nanoseconds UTC; 0 = it says none.
    sequence : int
        The update that the book includes; -1 = the venue numbers nothing.
    bids, asks : Levels
    checksum : int or None
        Over the book after this message, by the venue's rule.
    depth : int
        Levels of each side that the deltas after it keep up to date: what falls below is to be
        dropped, because the venue no longer speaks of it; 0 = all.
    """

    symbol: str
    time_ns: int
    sequence: int
    bids: Levels
    asks: Levels
    checksum: int | None = None
    depth: int = 0


class Delta(msgspec.Struct, frozen=True):
    """Levels that changed.

    Attributes
    ----------
    symbol, time_ns, bids, asks, checksum
        As in `Snapshot`.
    first, last : int
        Updates that the message carries, both ends included; -1 = not numbered.
    previous : int
        The last update of the message before it; -1 = the venue does not say.
    """

    symbol: str
    time_ns: int
    first: int
    last: int
    previous: int
    bids: Levels
    asks: Levels
    checksum: int | None = None


class Trade(msgspec.Struct, frozen=True):
    """One trade; `buys` says whether the taker bought. Price and size are the venue's digits."""

    symbol: str
    time_ns: int
    id: str
    price: str
    size: str
    buys: bool


class Quote(msgspec.Struct, frozen=True):
    """Best bid and ask after update `sequence` (-1 = not numbered); the venue's digits.

    Empty text = the venue does not say, or has no such side.
    """

    symbol: str
    time_ns: int
    sequence: int
    bid: str
    bid_size: str
    ask: str
    ask_size: str


class Reference(msgspec.Struct, frozen=True):
    """Mark, index and funding of a derivative; empty text = not in this message."""

    symbol: str
    time_ns: int
    mark: str = ""
    index: str = ""
    funding: str = ""
    next_funding_ns: int = 0


class Ignored(msgspec.Struct, frozen=True):
    """A message known and not used."""

    why: "Why"


class Unknown(msgspec.Struct, frozen=True):
    """A message that no rule of ours reads; `what` is its kind in a few words."""

    what: str


class Why(StrEnum):
    """The closed list of reasons for which a known message is not used."""

    CONTROL = "control"  # subscriptions, acknowledgements, heartbeats, status
    ACCOUNT = "account"  # orders, fills, positions, wallets: the private side
    LISTING = "listing"  # instruments, products, tiers, fees
    STATISTICS = "statistics"  # candles, 24 h tickers, open interest, volatility, option greeks
    AGGREGATE = "aggregate"  # books grouped or cut so that they cannot be kept up to date
    ERROR = "error"  # an error that the venue reports
    SENT = "sent"  # our own half of a recording


Message = Snapshot | Delta | Trade | Quote | Reference | Ignored | Unknown
