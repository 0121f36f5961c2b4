"""Coinbase Exchange: what its WebSocket feed says; books have neither update numbers nor a checksum.

References
----------
Coinbase Exchange, WebSocket channels: level2, matches, ticker, heartbeat.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from narrows.core.time import to_ns
from narrows.venue.feed.levels import pack
from narrows.venue.feed.messages import Delta, Ignored, Message, Quote, Snapshot, Trade, Unknown, Why
from narrows.venue.feed.sequence import Rule, unnumbered
from narrows.venue.feed.wire import Count, Digits, DigitsOrNone, safely, side

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)


def _ns(moment: datetime) -> int:
    """Nanoseconds of a time that 64 bits hold; else it is refused."""
    if not _FIRST <= moment < _LAST:
        raise msgspec.ValidationError("time out of range")
    return to_ns(moment)


class _Kind(msgspec.Struct):
    type: str


class _Snapshot(msgspec.Struct):
    product_id: str
    bids: msgspec.Raw
    asks: msgspec.Raw


class _Update(msgspec.Struct):
    product_id: str
    time: _Moment
    changes: list[tuple[Literal["buy", "sell"], Digits, Digits]]


class _Match(msgspec.Struct):
    product_id: str
    time: _Moment
    trade_id: Count
    price: Digits
    size: Digits
    side: Literal["buy", "sell"]  # of the maker


class _Ticker(msgspec.Struct):
    product_id: str
    sequence: Count
    best_bid: DigitsOrNone
    best_ask: DigitsOrNone
    time: _Moment | None = None
    best_bid_size: DigitsOrNone = ""  # not sent before 2023
    best_ask_size: DigitsOrNone = ""


class _Product(msgspec.Struct):
    id: str
    base_currency: str
    quote_currency: str


def _snapshot(payload: bytes) -> list[Message]:
    sent = msgspec.json.decode(payload, type=_Snapshot)
    return [Snapshot(sent.product_id, 0, -1, side(sent.bids), side(sent.asks))]


def _update(payload: bytes) -> list[Message]:
    sent = msgspec.json.decode(payload, type=_Update)
    bids, asks = (
        pack((price, size) for on, price, size in sent.changes if on == which) for which in ("buy", "sell")
    )
    return [Delta(sent.product_id, _ns(sent.time), -1, -1, -1, bids, asks)]


def _match(payload: bytes) -> list[Message]:
    sent = msgspec.json.decode(payload, type=_Match)
    time_ns = _ns(sent.time)
    return [Trade(sent.product_id, time_ns, str(sent.trade_id), sent.price, sent.size, sent.side == "sell")]


def _ticker(payload: bytes) -> list[Message]:
    sent = msgspec.json.decode(payload, type=_Ticker)
    time_ns = _ns(sent.time) if sent.time else 0
    best = (sent.best_bid, sent.best_bid_size, sent.best_ask, sent.best_ask_size)
    return [Quote(sent.product_id, time_ns, sent.sequence, *best)]


_READ: dict[str, Callable[[bytes], list[Message]]] = {
    "snapshot": _snapshot,
    "l2update": _update,
    "match": _match,
    "last_match": _match,  # the trade before we subscribed
    "ticker": _ticker,
}
_NOT_USED = {
    "subscriptions": Why.CONTROL,
    "heartbeat": Why.CONTROL,
    "status": Why.LISTING,
    "error": Why.ERROR,
    "subscribe": Why.SENT,
    "unsubscribe": Why.SENT,
}


def _messages(payload: bytes, symbol: str) -> list[Message]:
    if payload.lstrip()[:1] == b"[":
        msgspec.json.decode(payload, type=list[_Product])
        return [Ignored(Why.LISTING)]
    kind = msgspec.json.decode(payload, type=_Kind).type
    if kind in _NOT_USED:
        return [Ignored(_NOT_USED[kind])]
    if kind not in _READ:
        return [Unknown(f"type {kind[:40]}")]
    return _READ[kind](payload)


def parse(payload: bytes, symbol: str = "") -> list[Message]:
    """What one message of Coinbase says. Never raises; a payload it cannot read is `Unknown`.

    Parameters
    ----------
    payload : bytes
        As sent.
    symbol : str
        Not used: each message names its product.
    """
    return safely(_messages, payload, symbol)


RULE = Rule(joins=unnumbered, follows=unnumbered)
"""Nothing in the level2 channel tells that a message is missing."""
