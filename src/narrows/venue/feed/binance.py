"""Binance: spot, USDⓈ-M and COIN-M, single and combined streams, and answers.

A change of the spot book carries the updates ``U … u`` and the next begins with ``u + 1``. Those of the
futures are numbered across instruments, so a message names the last of the one before it, ``pu``. A book is
asked for by REST and lies somewhere in the stream: the change that holds its ``lastUpdateId`` (spot: the
update after it) is the first. Partial books (``@depth5`` …) cannot be kept up to date; those of the futures
look like changes and are told from them by the name of their stream alone.

References
----------
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from functools import lru_cache
from types import MappingProxyType

import msgspec

from narrows.venue.feed.messages import (
    Delta,
    Ignored,
    Message,
    Quote,
    Reference,
    Snapshot,
    Trade,
    Unknown,
    Why,
)
from narrows.venue.feed.sequence import Rule, Verdict
from narrows.venue.feed.wire import (
    Count,
    Digits,
    DigitsOrNone,
    Microseconds,
    SignedOrNone,
    known_by,
    safely,
    side,
)

_NOT_USED = MappingProxyType(
    {
        kind: why
        for why, kinds in {
            Why.STATISTICS: "kline continuous_kline indexPrice_kline markPrice_kline 24hrTicker "
            "24hrMiniTicker 1hTicker 4hTicker 1dTicker avgPrice forceOrder compositeIndex assetIndexUpdate",
            Why.LISTING: "contractInfo",
            Why.ACCOUNT: "executionReport balanceUpdate listStatus outboundAccountPosition "
            "externalLockUpdate ORDER_TRADE_UPDATE ALGO_UPDATE TRADE_LITE ACCOUNT_UPDATE MARGIN_CALL "
            "ACCOUNT_CONFIG_UPDATE STRATEGY_UPDATE GRID_UPDATE CONDITIONAL_ORDER_TRIGGER_REJECT "
            "listenKeyExpired",
            Why.CONTROL: "eventStreamTerminated serverShutdown",
        }.items()
        for kind in kinds.split()
    }
)
_MARKS = (  # of an answer that we do not use: the first key that it has
    ("error", Why.ERROR),
    ("msg", Why.ERROR),
    ("method", Why.SENT),
    ("positionAmt", Why.ACCOUNT),
    ("orderId", Why.ACCOUNT),
    ("listOrderStatus", Why.ACCOUNT),
    ("algoId", Why.ACCOUNT),
    ("accountAlias", Why.ACCOUNT),
    ("makerCommission", Why.ACCOUNT),
    ("feeTier", Why.ACCOUNT),
    ("listenKey", Why.ACCOUNT),
    ("symbols", Why.LISTING),
    ("vipLevel", Why.LISTING),
    ("isMarginTrade", Why.LISTING),
    ("adjustedFundingRateCap", Why.LISTING),
    ("brackets", Why.LISTING),
    ("priceChange", Why.STATISTICS),
    ("mins", Why.STATISTICS),
    ("fundingRate", Why.STATISTICS),
    ("openInterest", Why.STATISTICS),
    ("serverTime", Why.CONTROL),
    ("result", Why.CONTROL),
)
_NONE = msgspec.Raw()


class _Change(msgspec.Struct):
    """A change of a book, alone or in a combined stream; of other messages what they share with it."""

    e: str = ""
    E: Microseconds = 0
    s: str = ""
    U: Count = -1
    u: Count = -1
    pu: Count = -1
    b: msgspec.Raw = _NONE
    a: msgspec.Raw = _NONE
    stream: str = ""
    data: "_Change | None" = None


class _Book(msgspec.Struct):
    sequence: Count = msgspec.field(name="lastUpdateId")
    bids: msgspec.Raw
    asks: msgspec.Raw
    E: Microseconds = 0
    symbol: str = ""


class _Quote(msgspec.Struct):
    s: str
    b: DigitsOrNone
    B: DigitsOrNone
    a: DigitsOrNone
    A: DigitsOrNone
    u: Count = -1
    E: Microseconds = 0


class _Trade(msgspec.Struct):
    p: Digits
    q: Digits
    m: bool
    T: Microseconds
    s: str = ""
    t: Count = -1
    a: Count = -1
    X: str = "MARKET"


class _Mark(msgspec.Struct):
    s: str
    E: Microseconds
    p: Digits
    i: DigitsOrNone = ""
    r: SignedOrNone = ""
    T: Microseconds = 0


class _Index(msgspec.Struct):
    i: str
    E: Microseconds
    p: Digits


class _Best(msgspec.Struct):
    symbol: str
    bid: DigitsOrNone = msgspec.field(name="bidPrice")
    bid_size: DigitsOrNone = msgspec.field(name="bidQty")
    ask: DigitsOrNone = msgspec.field(name="askPrice")
    ask_size: DigitsOrNone = msgspec.field(name="askQty")
    time: Microseconds = 0
    sequence: Count = msgspec.field(default=-1, name="lastUpdateId")


class _Premium(msgspec.Struct, rename="camel"):
    symbol: str
    mark_price: Digits
    index_price: DigitsOrNone
    last_funding_rate: SignedOrNone
    next_funding_time: Microseconds
    time: Microseconds


class _Past(msgspec.Struct, rename="camel"):
    id: Count
    price: Digits
    qty: Digits
    time: Microseconds
    is_buyer_maker: bool


_CHANGE = msgspec.json.Decoder(_Change)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def _ns(stamp: int) -> int:
    """Nanoseconds of a stamp in milliseconds, or in microseconds where the stream was asked for so."""
    return stamp * 1_000 if stamp >= 10**14 else stamp * 1_000_000


@lru_cache(maxsize=4096)
def _partial(stream: str) -> bool:
    """Whether a stream is of partial books: ``btcusdt@depth20@100ms``."""
    return stream.partition("@depth")[2][:1].isdigit()


def _delta(sent: _Change) -> Message:
    if sent.u < sent.U or sent.U < 0:
        raise msgspec.ValidationError("a change of a book without its updates")
    return Delta(sent.s, _ns(sent.E), sent.U, sent.u, sent.pu, side(sent.b), side(sent.a))


def _quote(sent: bytes, _symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Quote)
    return Quote(one.s, _ns(one.E), one.u, one.b, one.B, one.a, one.A)


def _trade(sent: bytes, symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Trade)
    if one.X != "MARKET":  # of the insurance fund, or ADL: it met no order of the book
        return Ignored(Why.STATISTICS)
    number = one.t if one.t >= 0 else one.a
    return Trade(one.s or symbol, _ns(one.T), str(number), one.p, one.q, not one.m)


def _mark(sent: bytes, _symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Mark)
    return Reference(one.s, _ns(one.E), one.p, one.i, one.r, _ns(one.T))


def _index(sent: bytes, _symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Index)
    return Reference(one.i, _ns(one.E), index=one.p)


def _best(sent: bytes, _symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Best)
    return Quote(one.symbol, _ns(one.time), one.sequence, one.bid, one.bid_size, one.ask, one.ask_size)


def _premium(sent: bytes, _symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Premium)
    next_ns = _ns(one.next_funding_time)
    return Reference(
        one.symbol, _ns(one.time), one.mark_price, one.index_price, one.last_funding_rate, next_ns
    )


def _past(sent: bytes, symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Past)
    return Trade(symbol, _ns(one.time), str(one.id), one.price, one.qty, not one.is_buyer_maker)


def _book(sent: bytes, symbol: str) -> Message:
    one = msgspec.json.decode(sent, type=_Book)
    return Snapshot(one.symbol or symbol, _ns(one.E), one.sequence, side(one.bids), side(one.asks))


_EVENTS = MappingProxyType(
    {
        "bookTicker": _quote,
        "trade": _trade,
        "aggTrade": _trade,
        "markPriceUpdate": _mark,
        "indexPriceUpdate": _index,
    }
)
_ANSWERS = (  # by the keys that it has, after `_MARKS`
    ({"b", "B", "a", "A"}, _quote),  # spot's stream of quotes names no event
    ({"a", "p", "q", "m"}, _trade),  # past trades, aggregated
    ({"bids", "asks"}, _book),
    ({"bidPrice"}, _best),
    ({"lastFundingRate"}, _premium),
    ({"isBuyerMaker"}, _past),
)


def _event(kind: str, sent: bytes, symbol: str) -> list[Message]:
    if kind in _NOT_USED:
        return [Ignored(_NOT_USED[kind])]
    if kind in _EVENTS:
        return [_EVENTS[kind](sent, symbol)]
    return [Unknown(f"event {kind[:40]}")]


def _answer(keys: dict[str, msgspec.Raw], sent: bytes, symbol: str) -> list[Message]:
    """An object that does not say what it is."""
    if not keys:
        return [Ignored(Why.CONTROL)]  # to a ping
    if ignored := known_by(keys, _MARKS):
        return [ignored]
    for marks, read in _ANSWERS:
        if keys.keys() >= marks:
            return [read(sent, symbol)]
    if keys.keys() <= {"symbol", "price", "time", "ps"}:
        return [Ignored(Why.STATISTICS)]  # the last price
    return [Unknown(f"object of {', '.join(sorted(keys))}"[:60])]


def _list(sent: bytes, symbol: str) -> list[Message]:
    """Each entry by itself; what is not used is one message."""
    told: list[Message] = []
    for entry in _LIST.decode(sent):
        part = bytes(entry)
        if part[:1] == b"[":
            return [Ignored(Why.STATISTICS)]  # candles
        for message in _object(part, symbol, ""):
            if isinstance(message, Unknown):
                return [message]
            if not (isinstance(message, Ignored) and message in told[-1:]):
                told.append(message)
    return told


def _object(sent: bytes, symbol: str, stream: str) -> list[Message]:
    keys = _KEYS.decode(sent)
    if "stream" in keys and "data" in keys:
        return _any(bytes(keys["data"]), symbol, msgspec.json.decode(keys["stream"], type=str))
    if "subscriptionId" in keys and "event" in keys:
        return _any(bytes(keys["event"]), symbol, stream)
    if _partial(stream):
        return [Ignored(Why.AGGREGATE)]
    if "e" in keys:
        kind = msgspec.json.decode(keys["e"], type=str)
        if kind == "depthUpdate":
            return [_delta(_CHANGE.decode(sent))]
        return _event(kind, sent, symbol)
    return _answer(keys, sent, symbol)


def _any(sent: bytes, symbol: str, stream: str) -> list[Message]:
    if sent.lstrip()[:1] == b"[":
        return _list(sent, symbol)
    return _object(sent, symbol, stream)


def _messages(payload: bytes, symbol: str) -> list[Message]:
    """Changes of books, which are most of all messages, at one go; the rest by its keys."""
    try:
        sent = _CHANGE.decode(payload)
    except msgspec.ValidationError:
        return _any(payload, symbol, "")
    change = sent.data or sent
    if change.e == "depthUpdate" and not _partial(sent.stream):
        return [_delta(change)]
    return _any(payload, symbol, "")


def parse(payload: bytes, symbol: str = "") -> list[Message]:
    """What one message of Binance says. Never raises; a payload it cannot read is `Unknown`.

    Parameters
    ----------
    payload : bytes
        As sent.
    symbol : str
        Of the instrument, for answers that do not name it: spot books, and past trades.
    """
    return safely(_messages, payload, symbol)


def _spot_joins(sequence: int, delta: Delta) -> Verdict:
    if delta.last <= sequence:
        return Verdict.OLD
    return Verdict.APPLY if delta.first <= sequence + 1 else Verdict.GAP


def _spot_follows(last: int, delta: Delta) -> Verdict:
    if delta.last <= last:
        return Verdict.OLD
    return Verdict.APPLY if delta.first == last + 1 else Verdict.GAP


def _joins(sequence: int, delta: Delta) -> Verdict:
    if delta.last < sequence:
        return Verdict.OLD
    holds = delta.first <= sequence or delta.previous == sequence
    return Verdict.APPLY if holds else Verdict.GAP


def _follows(last: int, delta: Delta) -> Verdict:
    if delta.last <= last:
        return Verdict.OLD
    return Verdict.APPLY if delta.previous == last else Verdict.GAP


SPOT = Rule(joins=_spot_joins, follows=_spot_follows, in_stream=False)
"""Each change begins where the last one ended."""

FUTURES = Rule(joins=_joins, follows=_follows, in_stream=False)
"""Each change names the last update of the one before it; USDⓈ-M and COIN-M."""
