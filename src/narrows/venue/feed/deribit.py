"""Deribit: what its WebSocket feed and REST answers say; each change of a book names the one before.

References
----------
Deribit API v2: book.{instrument}.{interval}, trades, ticker, quote; public/get_order_book.
"""

from typing import Literal

import msgspec

from narrows.venue.feed.messages import (
    Delta,
    Ignored,
    Levels,
    Message,
    Quote,
    Reference,
    Snapshot,
    Trade,
    Unknown,
    Why,
)
from narrows.venue.feed.sequence import Rule, Verdict
from narrows.venue.feed.wire import Count, Milliseconds, digits, known_by, safely, side

_NONE = msgspec.Raw()
_MS = 1_000_000
_Step = tuple[Literal["new", "change", "delete"], msgspec.Raw, msgspec.Raw]


class _Params(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = _NONE


class _Envelope(msgspec.Struct):
    method: str = ""
    params: msgspec.Raw = _NONE
    result: msgspec.Raw = _NONE
    error: msgspec.Raw = _NONE


class _Book(msgspec.Struct):
    type: Literal["snapshot", "change"]
    instrument_name: str
    timestamp: Milliseconds
    change_id: Count
    bids: list[_Step]
    asks: list[_Step]
    prev_change_id: Count | None = None


class _Grouped(msgspec.Struct):
    instrument_name: str
    change_id: Count


class _Whole(msgspec.Struct):
    instrument_name: str
    timestamp: Milliseconds
    change_id: Count
    bids: msgspec.Raw
    asks: msgspec.Raw


class _Trade(msgspec.Struct):
    instrument_name: str
    timestamp: Milliseconds
    trade_id: str
    price: msgspec.Raw
    amount: msgspec.Raw
    direction: Literal["buy", "sell"]  # of the taker


class _Best(msgspec.Struct):
    instrument_name: str
    timestamp: Milliseconds
    best_bid_price: msgspec.Raw = _NONE
    best_bid_amount: msgspec.Raw = _NONE
    best_ask_price: msgspec.Raw = _NONE
    best_ask_amount: msgspec.Raw = _NONE
    mark_price: msgspec.Raw = _NONE
    index_price: msgspec.Raw = _NONE
    current_funding: msgspec.Raw = _NONE


def _levels(steps: list[_Step]) -> Levels:
    """Price and size of each step; one that deletes has the size zero."""
    pairs = (
        b"[%b,%b]" % (bytes(price), b"0" if action == "delete" else bytes(size))
        for action, price, size in steps
    )
    return b"[" + b",".join(pairs) + b"]"


def _book(data: msgspec.Raw) -> list[Message]:
    sent = msgspec.json.decode(data, type=_Book)
    time_ns, bids, asks = sent.timestamp * _MS, _levels(sent.bids), _levels(sent.asks)
    if sent.type == "snapshot":
        return [Snapshot(sent.instrument_name, time_ns, sent.change_id, bids, asks)]
    previous = -1 if sent.prev_change_id is None else sent.prev_change_id
    return [Delta(sent.instrument_name, time_ns, sent.change_id, sent.change_id, previous, bids, asks)]


def _number(raw: msgspec.Raw) -> str:
    """The digits of a number, which for a combination may be negative; "" where there is none."""
    sent = bytes(raw)
    if sent in (b"", b"null"):
        return ""
    return "-" + digits(msgspec.Raw(sent[1:])) if sent[:1] == b"-" else digits(raw)


def _trade(sent: _Trade) -> Trade:
    price, size = _number(sent.price), _number(sent.amount)
    time_ns = sent.timestamp * _MS
    return Trade(sent.instrument_name, time_ns, sent.trade_id, price, size, sent.direction == "buy")


def _side(price: msgspec.Raw, size: msgspec.Raw) -> tuple[str, str]:
    """A side of a quote; Deribit sends zeros, or null, where it is empty."""
    told = _number(price), _number(size)
    return told if told[0] and float(told[0]) != 0.0 else ("", "")


def _quote(sent: _Best) -> Quote:
    bid = _side(sent.best_bid_price, sent.best_bid_amount)
    ask = _side(sent.best_ask_price, sent.best_ask_amount)
    return Quote(sent.instrument_name, sent.timestamp * _MS, -1, *bid, *ask)


def _reference(sent: _Best) -> Reference:
    """Funding is the rate of eight hours that accrues at the moment, a fraction."""
    told = _number(sent.mark_price), _number(sent.index_price), _number(sent.current_funding)
    return Reference(sent.instrument_name, sent.timestamp * _MS, *told)


_CHANNELS = {
    "chart": Why.STATISTICS,
    "deribit_price_statistics": Why.STATISTICS,
    "deribit_volatility_index": Why.STATISTICS,
    "instrument": Why.LISTING,
    "platform_state": Why.CONTROL,
    "user": Why.ACCOUNT,
}


def _channel(sent: _Params) -> list[Message]:
    """The message of a subscription, by its channel: ``name.instrument.interval``."""
    name, *rest = sent.channel.split(".")
    if name == "book" and len(rest) == 2:
        return _book(sent.data)
    if name == "book" and len(rest) == 4:  # book.instrument.group.depth.interval
        msgspec.json.decode(sent.data, type=_Grouped)
        return [Ignored(Why.AGGREGATE)]
    if name == "trades":
        return [_trade(one) for one in msgspec.json.decode(sent.data, type=list[_Trade])]
    if name == "quote":
        return [_quote(msgspec.json.decode(sent.data, type=_Best))]
    if name == "ticker":
        best = msgspec.json.decode(sent.data, type=_Best)
        return [_quote(best), _reference(best)]
    return [Ignored(_CHANNELS[name]) if name in _CHANNELS else Unknown(f"channel {sent.channel[:40]}")]


_MARKS = (  # of an answer: a field that only its kind has
    ("order", Why.ACCOUNT),
    ("order_id", Why.ACCOUNT),
    ("summaries", Why.ACCOUNT),
    ("tick_size", Why.LISTING),
    ("legs", Why.LISTING),  # of a combination
    ("option", Why.LISTING),  # expirations, by kind
    ("future", Why.LISTING),
    ("ticks", Why.STATISTICS),  # bars
    ("version", Why.CONTROL),
)


class _Trades(msgspec.Struct):
    trades: list[_Trade]


def _answer(result: msgspec.Raw) -> list[Message]:
    """The answer to a request. It does not say to which, so that its fields must."""
    if bytes(result)[:1] == b"[":
        rows = msgspec.json.decode(result, type=list[str | dict[str, msgspec.Raw]])
        first = rows[0] if rows else ""
        if isinstance(first, str):
            return [Ignored(Why.CONTROL)]  # channels subscribed to
        fields = first
    elif bytes(result)[:1] == b"{":
        fields = msgspec.json.decode(result, type=dict[str, msgspec.Raw])
    else:
        return [Ignored(Why.CONTROL)]  # the time, "ok"
    if ignored := known_by(fields, _MARKS):
        return [ignored]
    if "change_id" in fields:
        sent = msgspec.json.decode(result, type=_Whole)
        bids, asks = side(sent.bids), side(sent.asks)
        return [Snapshot(sent.instrument_name, sent.timestamp * _MS, sent.change_id, bids, asks)]
    if "trades" in fields:
        return [_trade(one) for one in msgspec.json.decode(result, type=_Trades).trades]
    msgspec.json.decode(result, type=dict[str, dict[str, list[str]]])
    return [Ignored(Why.LISTING)]  # expirations, by currency and kind


def _messages(payload: bytes, symbol: str) -> list[Message]:
    sent = msgspec.json.decode(payload, type=_Envelope)
    if bytes(sent.error) not in (b"", b"null"):
        return [Ignored(Why.ERROR)]
    if sent.method == "subscription":
        return _channel(msgspec.json.decode(sent.params, type=_Params))
    if sent.method == "heartbeat":
        return [Ignored(Why.CONTROL)]
    if sent.method.startswith(("public/", "private/")):
        return [Ignored(Why.SENT)]
    if bytes(sent.result):
        return _answer(sent.result)
    return [Unknown(f"method {sent.method[:40]}")]


def parse(payload: bytes, symbol: str = "") -> list[Message]:
    """What one message of Deribit says. Never raises; a payload it cannot read is `Unknown`.

    Parameters
    ----------
    payload : bytes
        As sent.
    symbol : str
        Not used: each message names its instrument.
    """
    return safely(_messages, payload, symbol)


def _joins(sequence: int, delta: Delta) -> Verdict:
    """A snapshot asked for may lie inside a change of 100 ms; levels are whole, so that it may be applied."""
    if delta.last <= sequence:
        return Verdict.OLD
    return Verdict.APPLY if 0 <= delta.previous <= sequence else Verdict.GAP


def _follows(last: int, delta: Delta) -> Verdict:
    if delta.previous == last:  # what follows ours and is no later than ours cannot be trusted
        return Verdict.APPLY if delta.last > last else Verdict.GAP
    return Verdict.OLD if delta.last <= last else Verdict.GAP


RULE = Rule(joins=_joins, follows=_follows)
"""``prev_change_id`` must be the ``change_id`` of the message before."""
