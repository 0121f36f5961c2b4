"""Bybit: the v5 streams and answers, and the streams of 2021 that recordings hold.

A v5 book numbers its updates `u` one by one; `u` = 1 is a book sent anew after a restart of the service,
whatever its type says. `seq` (2021: `cross_seq`) runs across the books of all instruments: it only ever
grows, so it tells an old message and no missing one. The books of 2021 have nothing else, and trust the
connection for the rest. A book of N levels has N at all times: what falls below them is deleted by the venue.

References
----------
https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
"""

from typing import Literal

import msgspec

from narrows.venue.feed.levels import pack
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
from narrows.venue.feed.wire import (
    Count,
    Digits,
    DigitsOrNone,
    Microseconds,
    Milliseconds,
    SignedOrNone,
    TimeOrNone,
    digits,
    known_by,
    milliseconds,
    safely,
    side,
)

_TOPICS = {  # by the word before the first dot
    "kline": Why.STATISTICS,
    "kline_lt": Why.STATISTICS,
    "klineV2": Why.STATISTICS,
    "candle": Why.STATISTICS,
    "instrument_info": Why.STATISTICS,
    "liquidation": Why.STATISTICS,
    "allLiquidation": Why.STATISTICS,
    "tickers_lt": Why.STATISTICS,
    "lt": Why.STATISTICS,
    "insurance": Why.STATISTICS,
    "priceLimit": Why.STATISTICS,
    "adlAlert": Why.STATISTICS,
    "system": Why.CONTROL,
    "order": Why.ACCOUNT,
    "execution": Why.ACCOUNT,
    "position": Why.ACCOUNT,
    "wallet": Why.ACCOUNT,
    "greeks": Why.ACCOUNT,
    "dcp": Why.ACCOUNT,
    "spread": Why.ACCOUNT,
}
_MARKS = (  # of an answer that is not a book, trades or tickers: the first key that it has
    ("positionIdx", Why.ACCOUNT),
    ("orderId", Why.ACCOUNT),
    ("accountType", Why.ACCOUNT),
    ("marginMode", Why.ACCOUNT),
    ("takerFeeRate", Why.LISTING),
    ("lotSizeFilter", Why.LISTING),
    ("lot_size_filter", Why.LISTING),
    ("riskLimitValue", Why.LISTING),
    ("fundingRateTimestamp", Why.STATISTICS),
    ("openInterest", Why.STATISTICS),
    ("timeSecond", Why.CONTROL),
)
_REQUESTS = frozenset(("subscribe", "unsubscribe", "auth", "ping", "pong"))


class _Envelope(msgspec.Struct):
    topic: str = ""
    type: str = ""
    ts: Milliseconds = 0
    cts: Milliseconds = 0
    timestamp_e6: Microseconds = 0
    cross_seq: Count = -1
    data: msgspec.Raw = msgspec.Raw()
    op: str = ""
    success: bool | None = None
    conn_id: str = ""
    conn_id_of_orders: str = msgspec.field(default="", name="connId")
    code: int | None = msgspec.field(default=None, name="retCode")
    code_2021: int | None = msgspec.field(default=None, name="ret_code")
    result: msgspec.Raw = msgspec.Raw()
    time: Milliseconds = 0


class _Book(msgspec.Struct):
    s: str
    b: msgspec.Raw
    a: msgspec.Raw
    u: Count
    ts: Milliseconds = 0
    cts: Milliseconds = 0


class _Row(msgspec.Struct):
    price: msgspec.Raw
    side: Literal["Buy", "Sell"]
    size: msgspec.Raw = msgspec.Raw(b"0")  # a deleted row has none


class _Rows(msgspec.Struct):
    order_book: list[_Row]


class _Changes(msgspec.Struct):
    delete: list[_Row]
    update: list[_Row]
    insert: list[_Row]


class _Trade(msgspec.Struct):
    time: Milliseconds = msgspec.field(name="T")
    symbol: str = msgspec.field(name="s")
    side: Literal["Buy", "Sell"] = msgspec.field(name="S")
    size: Digits = msgspec.field(name="v")
    price: Digits = msgspec.field(name="p")
    id: str = msgspec.field(name="i")


class _Trade2021(msgspec.Struct):
    time: Milliseconds = msgspec.field(name="trade_time_ms")
    symbol: str
    side: Literal["Buy", "Sell"]
    size: msgspec.Raw
    price: msgspec.Raw
    id: str = msgspec.field(name="trade_id")


class _RecentTrade(msgspec.Struct):
    time: Milliseconds
    symbol: str
    side: Literal["Buy", "Sell"]
    size: Digits
    price: Digits
    id: str = msgspec.field(name="execId")


class _Ticker(msgspec.Struct, rename="camel"):
    symbol: str
    mark_price: DigitsOrNone = ""
    index_price: DigitsOrNone = ""
    funding_rate: SignedOrNone = ""
    next_funding_time: TimeOrNone = ""
    bid1_price: DigitsOrNone = ""
    bid1_size: DigitsOrNone = ""
    ask1_price: DigitsOrNone = ""
    ask1_size: DigitsOrNone = ""


_ENVELOPE = msgspec.json.Decoder(_Envelope, strict=False)  # numbers come as text too
_BOOK = msgspec.json.Decoder(_Book, strict=False)
_ROWS = msgspec.json.Decoder(list[_Row] | _Rows)
_CHANGES = msgspec.json.Decoder(_Changes)
_TRADES = msgspec.json.Decoder(list[_Trade], strict=False)
_TRADES_2021 = msgspec.json.Decoder(list[_Trade2021], strict=False)
_RECENT_TRADES = msgspec.json.Decoder(list[_RecentTrade], strict=False)
_TICKER = msgspec.json.Decoder(_Ticker)
_ANSWER = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def parse(payload: bytes, symbol: str = "") -> list[Message]:
    """The messages of one payload, never raising: what is not understood is `Unknown`.

    Block trades are trades like any other here; the book did not see them.

    Parameters
    ----------
    payload : bytes
        One WebSocket message or REST answer, as sent.
    symbol : str
        Not needed: every message of Bybit's that we use names its instrument.
    """
    return safely(_read, payload, symbol)


def _follows(sequence: int, delta: Delta) -> Verdict:
    if delta.last <= sequence:
        return Verdict.OLD
    # the books of 2021 carry only a number that runs across all books: larger is all that it can be
    return Verdict.APPLY if delta.first < 0 or delta.first == sequence + 1 else Verdict.GAP


RULE = Rule(joins=_follows, follows=_follows)


def _read(payload: bytes, _symbol: str) -> list[Message]:
    said = _ENVELOPE.decode(payload)
    if said.topic:
        return _published(said)
    if said.op or said.success is not None:
        return [_reply(said)]
    if said.code is not None or said.code_2021 is not None:
        return _answer(said)
    return _other(payload, 0)  # part of a message, as recordings of single objects hold


def _published(said: _Envelope) -> list[Message]:
    kind, _, rest = said.topic.partition(".")
    match kind:
        case "orderbook":
            book = _BOOK.decode(said.data)
            whole = said.type == "snapshot" or book.u == 1
            return [_book(book, said.cts or said.ts, whole=whole)]
        case "orderBookL2_25" | "orderBook_200":
            return [_book_2021(said)]
        case "trade" if "." not in rest:
            return [
                Trade(
                    one.symbol,
                    one.time * 1_000_000,
                    one.id,
                    digits(one.price),
                    digits(one.size),
                    one.side == "Buy",
                )
                for one in _TRADES_2021.decode(said.data)
            ]
        case "publicTrade" | "trade":
            return _trades(_TRADES.decode(said.data))
        case "tickers":
            return _ticker(_TICKER.decode(said.data), said.ts)
    return [Ignored(_TOPICS[kind]) if kind in _TOPICS else Unknown(f"topic {kind}"[:40])]


def _book(book: _Book, time: int, *, whole: bool) -> Snapshot | Delta:
    bids, asks, time_ns = side(book.b), side(book.a), time * 1_000_000
    if whole:
        return Snapshot(book.s, time_ns, book.u, bids, asks)
    return Delta(book.s, time_ns, book.u, book.u, -1, bids, asks)


def _book_2021(said: _Envelope) -> Message:
    symbol, time_ns = said.topic.rpartition(".")[2], said.timestamp_e6 * 1_000
    if said.type == "snapshot":
        sent = _ROWS.decode(said.data)
        rows = sent.order_book if isinstance(sent, _Rows) else sent
        return Snapshot(symbol, time_ns, said.cross_seq, _levels(rows, "Buy"), _levels(rows, "Sell"))
    if said.type == "delta":
        changes = _CHANGES.decode(said.data)
        rows = [*changes.delete, *changes.update, *changes.insert]
        bids, asks = _levels(rows, "Buy"), _levels(rows, "Sell")
        return Delta(symbol, time_ns, -1, said.cross_seq, -1, bids, asks)
    return Unknown("book of neither type")


def _levels(rows: list[_Row], of: str) -> Levels:
    return pack([(digits(row.price), digits(row.size)) for row in rows if row.side == of])


def _trades(sent: list[_Trade] | list[_RecentTrade]) -> list[Message]:
    return [
        Trade(one.symbol, one.time * 1_000_000, one.id, one.price, one.size, one.side == "Buy")
        for one in sent
    ]


def _ticker(one: _Ticker, time: int) -> list[Message]:
    """Mark, index and funding, and the best quotes, of which a delta holds only what changed."""
    told: list[Message] = []
    time_ns = time * 1_000_000
    if one.mark_price or one.index_price or one.funding_rate:
        due_ns = milliseconds(one.next_funding_time)
        told.append(Reference(one.symbol, time_ns, one.mark_price, one.index_price, one.funding_rate, due_ns))
    quote = (one.bid1_price, one.bid1_size, one.ask1_price, one.ask1_size)
    if all(quote):
        told.append(Quote(one.symbol, time_ns, -1, *quote))
    return told or [Ignored(Why.STATISTICS)]


def _reply(said: _Envelope) -> Message:
    if said.success is False or said.code:
        return Ignored(Why.ERROR)
    if said.op and not said.conn_id and not said.conn_id_of_orders:
        return Ignored(Why.SENT)  # every reply names its connection
    if said.op.startswith("order."):
        return Ignored(Why.ACCOUNT)
    known = not said.op or said.op in _REQUESTS
    return Ignored(Why.CONTROL) if known else Unknown(f"op {said.op}"[:40])


def _answer(said: _Envelope) -> list[Message]:
    if said.code or said.code_2021:
        return [Ignored(Why.ERROR)]
    return _other(bytes(said.result), said.time)


def _other(payload: bytes, time: int) -> list[Message]:
    """An answer, or a part of one, told by its keys."""
    answer = _ANSWER.decode(payload)
    if isinstance(answer, list):
        return _listed(payload, time)
    if answer.keys() >= {"s", "b", "a", "u"}:
        book = _BOOK.decode(payload)
        return [_book(book, book.cts or book.ts, whole=True)]
    if "list" in answer:
        return _listed(bytes(answer["list"]), time)
    return [known_by(answer, _MARKS) or Unknown("answer of other keys")]


def _listed(payload: bytes, time: int) -> list[Message]:
    """The entries of an answer, told by the keys of the first."""
    entries = _LIST.decode(payload)
    if not entries:
        return [Ignored(Why.CONTROL)]  # nothing to tell
    first = _ANSWER.decode(entries[0])
    if isinstance(first, list):
        return [Ignored(Why.STATISTICS)]  # candles
    if "execId" in first and "orderId" not in first:
        return _trades(_RECENT_TRADES.decode(payload))
    if "lastPrice" in first:
        return [told for one in entries for told in _ticker(_TICKER.decode(one), time)]
    return [known_by(first, _MARKS) or Unknown("list of other keys")]
