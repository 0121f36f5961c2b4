"""OKX: books with sequence and checksum, trades, quotes and references of the v5 streams and answers.

A book's message names the one before it (`prevSeqId`, −1 with a snapshot). Two messages break the growth of
the numbers and not the chain: one with nothing in it, numbered as the one before (the venue is alive), and
the first after maintenance, numbered lower. The checksum is taken over the best 25 levels of each side; where
the venue sends none (or 0, since it has given the field up in some channels) nothing is compared. A delete of
a level that is not in the book is common: the level came and went between two messages.

References
----------
https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
"""

import zlib
from itertools import chain, zip_longest
from typing import Annotated, Literal

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
    Milliseconds,
    SignedOrNone,
    TimeOrNone,
    known_by,
    milliseconds,
    safely,
    side,
)

_BEST = 25  # levels of a side under the checksum

_CHANNELS = {
    "open-interest": Why.STATISTICS,
    "price-limit": Why.STATISTICS,
    "estimated-price": Why.STATISTICS,
    "opt-summary": Why.STATISTICS,
    "liquidation-orders": Why.STATISTICS,
    "adl-warning": Why.STATISTICS,
    "option-trades": Why.STATISTICS,
    "block-tickers": Why.STATISTICS,
    "public-block-trades": Why.STATISTICS,
    "public-struc-block-trades": Why.STATISTICS,
    "economic-calendar": Why.STATISTICS,
    "call-auction-details": Why.STATISTICS,
    "sprd-public-trades": Why.STATISTICS,
    "sprd-tickers": Why.STATISTICS,
    "books-grouped": Why.AGGREGATE,
    "books-elp": Why.AGGREGATE,
    "sprd-bbo-tbt": Why.AGGREGATE,
    "sprd-books5": Why.AGGREGATE,
    "sprd-books-l2-tbt": Why.AGGREGATE,
    "instruments": Why.LISTING,
    "status": Why.CONTROL,
    "account": Why.ACCOUNT,
    "account-greeks": Why.ACCOUNT,
    "positions": Why.ACCOUNT,
    "balance_and_position": Why.ACCOUNT,
    "liquidation-warning": Why.ACCOUNT,
    "orders": Why.ACCOUNT,
    "orders-algo": Why.ACCOUNT,
    "algo-advance": Why.ACCOUNT,
    "fills": Why.ACCOUNT,
    "sprd-orders": Why.ACCOUNT,
    "sprd-trades": Why.ACCOUNT,
    "rfqs": Why.ACCOUNT,
    "quotes": Why.ACCOUNT,
    "struc-block-trades": Why.ACCOUNT,
    "deposit-info": Why.ACCOUNT,
    "withdrawal-info": Why.ACCOUNT,
}
_MARKS = (  # of an answer: the first key that its first entry has
    ("ordId", Why.ACCOUNT),
    ("algoId", Why.ACCOUNT),
    ("posId", Why.ACCOUNT),
    ("availBal", Why.ACCOUNT),
    ("totalEq", Why.ACCOUNT),
    ("posMode", Why.ACCOUNT),
    ("maker", Why.LISTING),
    ("maxLever", Why.LISTING),
    ("sprdType", Why.LISTING),
    ("tickSz", Why.LISTING),
    ("realizedRate", Why.STATISTICS),
    ("bidVol", Why.STATISTICS),
    ("oi", Why.STATISTICS),
)
_KINDS = (  # of an answer that is read: the key that tells, and the channel whose entries look the same
    ("tradeId", "trades"),
    ("bidPx", "tickers"),
    ("markPx", "mark-price"),
    ("idxPx", "index-tickers"),
    ("nextFundingTime", "funding-rate"),
)
_EVENTS = frozenset(
    ("subscribe", "unsubscribe", "login", "notice", "channel-conn-count", "channel-conn-count-error")
)


class _Channel(msgspec.Struct):
    channel: str = ""
    symbol: str = msgspec.field(default="", name="instId")


class _Envelope(msgspec.Struct):
    arg: _Channel = msgspec.field(default_factory=_Channel)
    action: str = ""
    data: msgspec.Raw = msgspec.Raw()
    event: str = ""
    op: str = ""
    args: msgspec.Raw = msgspec.Raw()
    code: str | None = None


class _Book(msgspec.Struct):
    asks: msgspec.Raw
    bids: msgspec.Raw
    time: Milliseconds = msgspec.field(name="ts")
    checksum: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    sequence: Count = msgspec.field(default=-1, name="seqId")
    previous: Count = msgspec.field(default=-1, name="prevSeqId")


class _Trade(msgspec.Struct):
    symbol: str = msgspec.field(name="instId")
    id: str = msgspec.field(name="tradeId")
    price: Digits = msgspec.field(name="px")
    size: Digits = msgspec.field(name="sz")
    side: Literal["buy", "sell"]
    time: Milliseconds = msgspec.field(name="ts")


class _Reference(msgspec.Struct, rename="camel"):
    """An entry of mark-price, index-tickers or funding-rate."""

    symbol: str = msgspec.field(name="instId")
    mark_px: DigitsOrNone = ""
    idx_px: DigitsOrNone = ""
    funding_rate: SignedOrNone = ""
    # the rate is paid at fundingTime; nextFundingTime is the settlement after it
    funding_time: TimeOrNone = ""
    ts: TimeOrNone = ""


class _Ticker(msgspec.Struct, rename="camel"):
    symbol: str = msgspec.field(name="instId")
    bid_px: DigitsOrNone
    bid_sz: DigitsOrNone
    ask_px: DigitsOrNone
    ask_sz: DigitsOrNone
    ts: Milliseconds


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_BOOKS = msgspec.json.Decoder(list[_Book], strict=False)  # times come as text
_BEST_LEVELS = msgspec.json.Decoder(list[tuple[Digits, Digits, str, str]])
_TRADES = msgspec.json.Decoder(list[_Trade], strict=False)
_REFERENCES = msgspec.json.Decoder(list[_Reference])
_TICKERS = msgspec.json.Decoder(list[_Ticker], strict=False)
_OBJECT_OR_LIST = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])


def parse(payload: bytes, symbol: str = "") -> list[Message]:
    """The messages of one payload, never raising: what is not understood is `Unknown`.

    Parameters
    ----------
    payload : bytes
        One WebSocket message or REST answer, as sent.
    symbol : str
        The instrument of a REST book, which does not name it.
    """
    if payload in (b"ping", b"pong"):  # the only messages that are not JSON
        return [Ignored(Why.CONTROL if payload == b"pong" else Why.SENT)]
    return safely(_read, payload, symbol)


def checksum(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> int:
    """CRC-32 of the best 25 levels, bid and ask in turn, as ``price:size:price:size:…``, signed.

    The venue writes its streams' numbers without trailing zeros, so that the digits need not be those sent.

    Parameters
    ----------
    bids, asks : list of (price, size)
        Best first, as decimal text; what lies beyond the 25th is not looked at.
    """
    pairs = zip_longest(bids[:_BEST], asks[:_BEST], fillvalue=())
    numbers = chain.from_iterable((*bid, *ask) for bid, ask in pairs)
    crc = zlib.crc32(":".join(map(_shortest, numbers)).encode())
    return crc - 2**32 if crc >= 2**31 else crc


def _shortest(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _joins(sequence: int, delta: Delta) -> Verdict:
    if delta.last < 0 or delta.previous == sequence:
        return Verdict.APPLY
    return Verdict.OLD if delta.previous <= delta.last <= sequence else Verdict.GAP


def _follows(sequence: int, delta: Delta) -> Verdict:
    """Only the very message before is old: after maintenance a low number says nothing of its age."""
    if delta.last < 0 or delta.previous == sequence:
        return Verdict.APPLY
    return Verdict.OLD if delta.last == sequence else Verdict.GAP


RULE = Rule(joins=_joins, follows=_follows, checksum=checksum)


def _read(payload: bytes, symbol: str) -> list[Message]:
    if payload.lstrip()[:1] == b"[":
        return _entries(payload, symbol)
    said = _ENVELOPE.decode(payload)
    if said.event or said.op:
        return [_reply(said)]
    if said.arg.channel:
        return _published(said.arg.channel, said)
    if said.code is not None:
        return _entries(bytes(said.data), symbol) if said.code == "0" else [Ignored(Why.ERROR)]
    return _entries(b"[" + payload + b"]", symbol)  # one entry, as recordings of single objects hold


def _reply(said: _Envelope) -> Message:
    if said.event == "error":
        return Ignored(Why.ERROR)
    if said.event:
        return Ignored(Why.CONTROL) if said.event in _EVENTS else Unknown(f"event {said.event}"[:40])
    if said.code is None:
        return Ignored(Why.SENT)  # every reply to an order has a code
    return Ignored(Why.ACCOUNT if said.code == "0" else Why.ERROR)


def _published(channel: str, said: _Envelope) -> list[Message]:
    symbol = said.arg.symbol
    match channel:
        case "books" | "books-l2-tbt" | "books50-l2-tbt":
            if said.action not in ("snapshot", "update"):
                return [Unknown("book of neither action")]
            read = _snapshot if said.action == "snapshot" else _delta
            return [read(symbol, book) for book in _BOOKS.decode(said.data)]
        case "books5":
            return [_snapshot(symbol, book) for book in _BOOKS.decode(said.data)]
        case "bbo-tbt":
            return [_best(symbol, book) for book in _BOOKS.decode(said.data)]
    return _of(channel, bytes(said.data))


def _of(channel: str, data: bytes) -> list[Message]:
    """The entries of a channel that names the instrument in each, as answers do."""
    match channel:
        case "trades" | "trades-all":
            return [
                Trade(one.symbol, one.time * 1_000_000, one.id, one.price, one.size, one.side == "buy")
                for one in _TRADES.decode(data)
            ]
        case "mark-price" | "index-tickers" | "funding-rate":
            return [
                Reference(
                    one.symbol,
                    milliseconds(one.ts),
                    one.mark_px,
                    one.idx_px,
                    one.funding_rate,
                    milliseconds(one.funding_time),
                )
                for one in _REFERENCES.decode(data)
            ]
        case "tickers":
            return [_ticker(one) for one in _TICKERS.decode(data)]
    if "candle" in channel:
        return [Ignored(Why.STATISTICS)]
    known = channel in _CHANNELS
    return [Ignored(_CHANNELS[channel]) if known else Unknown(f"channel {channel}"[:40])]


def _snapshot(symbol: str, book: _Book) -> Snapshot:
    bids, asks = side(book.bids), side(book.asks)
    return Snapshot(symbol, book.time * 1_000_000, book.sequence, bids, asks, book.checksum or None)


def _delta(symbol: str, book: _Book) -> Delta:
    bids, asks, number = side(book.bids), side(book.asks), book.sequence
    time_ns = book.time * 1_000_000
    return Delta(symbol, time_ns, number, number, book.previous, bids, asks, book.checksum or None)


def _best(symbol: str, book: _Book) -> Quote:
    bids, asks = _BEST_LEVELS.decode(book.bids), _BEST_LEVELS.decode(book.asks)
    bid, ask = (rows[0][:2] if rows else ("", "") for rows in (bids, asks))
    return Quote(symbol, book.time * 1_000_000, book.sequence, *bid, *ask)


def _ticker(one: _Ticker) -> Quote:
    return Quote(one.symbol, one.ts * 1_000_000, -1, one.bid_px, one.bid_sz, one.ask_px, one.ask_sz)


def _entries(data: bytes, symbol: str) -> list[Message]:
    """The entries of an answer, told by the keys of the first."""
    entries = _OBJECT_OR_LIST.decode(data)
    if not entries:
        return [Ignored(Why.CONTROL)]  # nothing to tell
    if isinstance(entries, dict):
        return [Unknown("answer is not a list")]
    first = _OBJECT_OR_LIST.decode(entries[0])
    if isinstance(first, list):
        return [Ignored(Why.STATISTICS)]  # candles
    if first.keys() >= {"asks", "bids"}:
        return [_snapshot(symbol, book) for book in _BOOKS.decode(data)]
    if ignored := known_by(first, _MARKS):
        return [ignored]
    channel = next((name for key, name in _KINDS if key in first), None)
    return _of(channel, data) if channel else [Unknown("list of other keys")]
