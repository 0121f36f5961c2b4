"""Hyperliquid: books sent whole each time, trades, quotes and the context of an asset.

Nothing is numbered and no delta is ever sent: each book replaces the one before, and its time is all that
tells their order.

References
----------
https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions
"""

from typing import Literal

import msgspec

from narrows.venue.feed.levels import pack
from narrows.venue.feed.messages import (
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
from narrows.venue.feed.sequence import Rule, unnumbered
from narrows.venue.feed.wire import Digits, DigitsOrNone, Milliseconds, SignedOrNone, known_by, safely

_CHANNELS = {
    "allMids": Why.STATISTICS,
    "candle": Why.STATISTICS,
    "allDexsAssetCtxs": Why.STATISTICS,  # by place in a listing that is not in the message
    "subscriptionResponse": Why.CONTROL,
    "pong": Why.CONTROL,
    "error": Why.ERROR,
    "post": Why.ACCOUNT,
    "user": Why.ACCOUNT,
    "userEvents": Why.ACCOUNT,
    "userFills": Why.ACCOUNT,
    "userFundings": Why.ACCOUNT,
    "userNonFundingLedgerUpdates": Why.ACCOUNT,
    "userTwapSliceFills": Why.ACCOUNT,
    "userTwapHistory": Why.ACCOUNT,
    "userHistoricalOrders": Why.ACCOUNT,
    "orderUpdates": Why.ACCOUNT,
    "openOrders": Why.ACCOUNT,
    "activeAssetData": Why.ACCOUNT,
    "clearinghouseState": Why.ACCOUNT,
    "allDexsClearinghouseState": Why.ACCOUNT,
    "spotState": Why.ACCOUNT,
    "twapStates": Why.ACCOUNT,
    "webData2": Why.ACCOUNT,
    "webData3": Why.ACCOUNT,
    "notification": Why.ACCOUNT,
}
_MARKS = (  # of an answer: the first key that it, or its first entry, has
    ("oid", Why.ACCOUNT),
    ("order", Why.ACCOUNT),
    ("assetPositions", Why.ACCOUNT),
    ("balances", Why.ACCOUNT),
    ("universe", Why.LISTING),
    ("fundingRate", Why.STATISTICS),
    ("markPx", Why.STATISTICS),  # contexts by place in a listing
)


class _Envelope(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw()
    method: str = ""


class _Level(msgspec.Struct):
    px: Digits
    sz: Digits


class _Book(msgspec.Struct):
    coin: str
    levels: tuple[list[_Level], list[_Level]]
    time: Milliseconds


class _Best(msgspec.Struct):
    coin: str
    time: Milliseconds
    bbo: tuple[_Level | None, _Level | None]


class _Trade(msgspec.Struct):
    coin: str
    side: Literal["A", "B"]  # of the taker: ask sells, bid buys
    px: Digits
    sz: Digits
    time: Milliseconds
    tid: int


class _Figures(msgspec.Struct):
    mark: DigitsOrNone = msgspec.field(default="", name="markPx")
    oracle: DigitsOrNone = msgspec.field(default="", name="oraclePx")  # a spot asset has none, nor funding
    funding: SignedOrNone = ""


class _Context(msgspec.Struct):
    coin: str
    ctx: _Figures


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_BOOK = msgspec.json.Decoder(_Book)
_BEST = msgspec.json.Decoder(_Best)
_TRADES = msgspec.json.Decoder(list[_Trade])
_CONTEXT = msgspec.json.Decoder(_Context)
_ANSWER = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])

RULE = Rule(joins=unnumbered, follows=unnumbered)


def parse(payload: bytes, symbol: str = "") -> list[Message]:
    """The messages of one payload, never raising: what is not understood is `Unknown`.

    A book asked for with rounded prices (`nSigFigs`) looks like any other: do not ask for one.
    Funding is the venue's: a fraction per hour, due at the next full hour, which the message does not say.

    Parameters
    ----------
    payload : bytes
        One WebSocket message or answer of the info endpoint, as sent.
    symbol : str
        Not needed: every message of Hyperliquid's that we use names its coin.
    """
    return safely(_read, payload, symbol)


def _read(payload: bytes, _symbol: str) -> list[Message]:
    if payload.lstrip()[:1] == b"[":
        return _answer(payload)
    said = _ENVELOPE.decode(payload)
    if said.method:
        return [Ignored(Why.SENT)]
    return _published(said) if said.channel else _answer(payload)


def _published(said: _Envelope) -> list[Message]:
    match said.channel:
        case "l2Book":
            return [_book(_BOOK.decode(said.data))]
        case "trades":
            return _trades(_TRADES.decode(said.data))
        case "bbo":
            return [_best(_BEST.decode(said.data))]
        case "activeAssetCtx" | "activeSpotAssetCtx":
            one = _CONTEXT.decode(said.data)
            return [Reference(one.coin, 0, one.ctx.mark, one.ctx.oracle, one.ctx.funding)]
    known = said.channel in _CHANNELS
    return [Ignored(_CHANNELS[said.channel]) if known else Unknown(f"channel {said.channel}"[:40])]


def _book(book: _Book) -> Snapshot:
    bids, asks = book.levels
    return Snapshot(book.coin, book.time * 1_000_000, -1, _levels(bids), _levels(asks))


def _levels(rows: list[_Level]) -> Levels:
    return pack([(row.px, row.sz) for row in rows])


def _trades(sent: list[_Trade]) -> list[Message]:
    return [
        Trade(one.coin, one.time * 1_000_000, str(one.tid), one.px, one.sz, one.side == "B") for one in sent
    ]


def _best(one: _Best) -> Quote:
    bid, ask = ((level.px, level.sz) if level else ("", "") for level in one.bbo)
    return Quote(one.coin, one.time * 1_000_000, -1, *bid, *ask)


def _answer(payload: bytes) -> list[Message]:
    """An answer, told by its keys; of a list, by those of its first entry."""
    answer = _ANSWER.decode(payload)
    if isinstance(answer, dict):
        if answer.keys() >= {"coin", "levels", "time"}:
            return [_book(_BOOK.decode(payload))]
        return [known_by(answer, _MARKS) or Unknown("answer of other keys")]
    if not answer:
        return [Ignored(Why.CONTROL)]  # nothing to tell
    first = _ANSWER.decode(answer[0])
    if isinstance(first, list):
        return [Unknown("list of lists")]
    if "tid" in first and "oid" not in first:
        return _trades(_TRADES.decode(payload))
    return [known_by(first, _MARKS) or Unknown("list of other keys")]
