"""Kraken: what its WebSocket feed (version 1) says; its books carry a checksum in place of numbers.

References
----------
Kraken, WebSocket API v1: book, trade, ticker, spread; "Book checksum" (CRC32 of the ten best levels).
"""

import zlib
from typing import Annotated, Literal

import msgspec

from narrows.core.time import seconds_ns
from narrows.venue.feed.messages import Delta, Ignored, Levels, Message, Quote, Snapshot, Trade, Unknown, Why
from narrows.venue.feed.sequence import Rule, unnumbered
from narrows.venue.feed.wire import Digits, safely, side

_Seconds = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,10}(\.[0-9]{1,9})?$")]  # since the epoch
_Crc = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,10}$")]
_BEST = 10  # levels of each side under the checksum


class _Level(msgspec.Struct, array_like=True):  # an "r" after the time says: sent again, not changed
    price: Digits
    size: Digits
    time: _Seconds


class _Book(msgspec.Struct):
    all_asks: msgspec.Raw = msgspec.field(name="as", default=msgspec.Raw())
    all_bids: msgspec.Raw = msgspec.field(name="bs", default=msgspec.Raw())
    asks: msgspec.Raw = msgspec.field(name="a", default=msgspec.Raw())
    bids: msgspec.Raw = msgspec.field(name="b", default=msgspec.Raw())
    crc: _Crc | None = msgspec.field(name="c", default=None)


class _Trade(msgspec.Struct, array_like=True):
    price: Digits
    size: Digits
    time: _Seconds
    side: Literal["b", "s"]  # of the taker


class _Best(msgspec.Struct, array_like=True):
    price: Digits
    whole_lots: msgspec.Raw
    size: Digits


class _Ticker(msgspec.Struct):
    ask: _Best = msgspec.field(name="a")
    bid: _Best = msgspec.field(name="b")


class _Spread(msgspec.Struct, array_like=True):
    bid: Digits
    ask: Digits
    time: _Seconds
    bid_size: Digits
    ask_size: Digits


class _Event(msgspec.Struct):
    event: str = ""
    status: str = ""
    result: dict[str, msgspec.Raw] = {}
    error: list[str] = []


class _Pair(msgspec.Struct):
    altname: str
    base: str
    quote: str


def _side(raw: msgspec.Raw) -> tuple[Levels, int]:
    """Levels as they were sent, and the latest of their times."""
    sent = side(raw) if bytes(raw) else b"[]"
    levels = msgspec.json.decode(sent, type=list[_Level])
    return sent, max((seconds_ns(level.time) for level in levels), default=0)


def _book(pair: str, parts: list[msgspec.Raw], depth: int) -> list[Message]:
    """A snapshot, or an update: that of both sides comes as two parts, the checksum in the last."""
    books = [msgspec.json.decode(part, type=_Book) for part in parts]
    whole = any(bytes(book.all_asks) or bytes(book.all_bids) for book in books)
    sides = [(book.all_bids, book.all_asks) if whole else (book.bids, book.asks) for book in books]
    found = [[raw for raw in side if bytes(raw)] for side in zip(*sides, strict=True)]
    if not any(found) or max(len(side) for side in found) > 1:
        return [Unknown("book without levels, or with a side twice")]
    (bids, bid_ns), (asks, ask_ns) = (_side(side[0] if side else msgspec.Raw()) for side in found)
    time_ns, crc = max(bid_ns, ask_ns), books[-1].crc
    checksum = None if crc is None else int(crc)
    if whole:
        return [Snapshot(pair, time_ns, -1, bids, asks, checksum, depth)]
    return [Delta(pair, time_ns, -1, -1, -1, bids, asks, checksum)]


def _trades(pair: str, part: msgspec.Raw) -> list[Message]:
    sent = msgspec.json.decode(part, type=list[_Trade])
    return [Trade(pair, seconds_ns(one.time), "", one.price, one.size, one.side == "b") for one in sent]


def _ticker(pair: str, part: msgspec.Raw) -> list[Message]:
    sent = msgspec.json.decode(part, type=_Ticker)
    return [Quote(pair, 0, -1, sent.bid.price, sent.bid.size, sent.ask.price, sent.ask.size)]


def _spread(pair: str, part: msgspec.Raw) -> list[Message]:
    sent = msgspec.json.decode(part, type=_Spread)
    return [Quote(pair, seconds_ns(sent.time), -1, sent.bid, sent.bid_size, sent.ask, sent.ask_size)]


def _channel(payload: bytes) -> list[Message]:
    """``[channel id, part, …, channel, pair]``."""
    items = msgspec.json.decode(payload, type=list[msgspec.Raw])
    if len(items) < 4:
        return [Unknown("array of fewer than four")]
    channel, pair = (msgspec.json.decode(item, type=str) for item in items[-2:])
    name, _, setting = channel.partition("-")
    if name == "book" and setting.isdecimal() and len(setting) < 6:
        return _book(pair, items[1:-2], int(setting))
    if name == "ohlc":
        return [Ignored(Why.STATISTICS)]
    read = {"trade": _trades, "ticker": _ticker, "spread": _spread}.get(channel)
    return read(pair, items[1]) if read else [Unknown(f"channel {channel[:40]}")]


_NOT_USED = {
    "heartbeat": Why.CONTROL,
    "systemStatus": Why.CONTROL,
    "subscriptionStatus": Why.CONTROL,
    "pong": Why.CONTROL,
    "subscribe": Why.SENT,
    "unsubscribe": Why.SENT,
    "ping": Why.SENT,
}


def _event(payload: bytes) -> list[Message]:
    sent = msgspec.json.decode(payload, type=_Event)
    if sent.error or sent.status == "error":
        return [Ignored(Why.ERROR)]
    if sent.event in _NOT_USED:
        return [Ignored(_NOT_USED[sent.event])]
    if sent.result:  # REST: AssetPairs
        for pair in sent.result.values():
            msgspec.json.decode(pair, type=_Pair)
        return [Ignored(Why.LISTING)]
    return [Unknown(f"event {sent.event[:40]}")]


def _messages(payload: bytes, symbol: str) -> list[Message]:
    return _channel(payload) if payload.lstrip()[:1] == b"[" else _event(payload)


def parse(payload: bytes, symbol: str = "") -> list[Message]:
    """What one message of Kraken says. Never raises; a payload it cannot read is `Unknown`.

    Parameters
    ----------
    payload : bytes
        As sent.
    symbol : str
        Not used: each message names its pair.
    """
    return safely(_messages, payload, symbol)


def _digits(text: str) -> str:
    return text.replace(".", "").lstrip("0")


def checksum(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> int:
    """CRC32 of the ten best asks, then bids: price and size of each without point and leading zeros.

    Parameters
    ----------
    bids, asks : list of (price, size)
        Best first, by the digits that the venue sent.
    """
    levels = [*asks[:_BEST], *bids[:_BEST]]
    return zlib.crc32("".join(_digits(price) + _digits(size) for price, size in levels).encode())


RULE = Rule(joins=unnumbered, follows=unnumbered, checksum=checksum)
"""Order is not numbered: what was lost shows in the next checksum."""
