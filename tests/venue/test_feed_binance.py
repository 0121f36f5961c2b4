"""Binance: messages as its manual shows them, alone and in a combined stream, and the order of changes."""

import msgspec
import pytest

from narrows.venue.feed.binance import FUTURES, SPOT, parse
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
from narrows.venue.feed.sequence import Verdict

MS = 1_000_000
CHANGE = (
    b'{"e":"depthUpdate","E":123456789,"T":123456788,"s":"BTCUSDT","U":157,"u":160,"pu":149,'
    b'"b":[["0.0024","10"]],"a":[]}'
)
READ: list[tuple[bytes, Message]] = [
    (CHANGE, Delta("BTCUSDT", 123456789 * MS, 157, 160, 149, b'[["0.0024","10"]]', b"[]")),
    (
        b'{"e":"depthUpdate","E":1723161255208123,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}',
        Delta("BTCUSDT", 1723161255208123_000, 1, 2, -1, b"[]", b"[]"),  # asked for in microseconds
    ),
    (
        b'{"lastUpdateId":7,"bids":[["4.0","431"]],"asks":[]}',
        Snapshot("ASKED", 0, 7, b'[["4.0","431"]]', b"[]"),
    ),
    (
        b'{"lastUpdateId":7,"E":5,"T":4,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[],"asks":[]}',
        Snapshot("BTCUSD_PERP", 5 * MS, 7, b"[]", b"[]"),
    ),
    (
        b'{"u":5,"s":"BNBUSDT","b":"25.3","B":"31","a":"25.4","A":"40"}',
        Quote("BNBUSDT", 0, 5, "25.3", "31", "25.4", "40"),
    ),
    (
        b'{"e":"bookTicker","u":5,"E":8,"T":7,"s":"BNBUSDT","b":"25.3","B":"31","a":"25.4","A":"40"}',
        Quote("BNBUSDT", 8 * MS, 5, "25.3", "31", "25.4", "40"),
    ),
    (
        b'{"e":"trade","E":9,"T":8,"s":"BTCUSDT","t":59,"p":"0.001","q":"100","X":"MARKET","m":true}',
        Trade("BTCUSDT", 8 * MS, "59", "0.001", "100", buys=False),
    ),
    (
        b'{"e":"aggTrade","E":9,"a":59,"s":"BTCUSDT","p":"0.001","q":"100","f":1,"l":2,"T":8,"m":false}',
        Trade("BTCUSDT", 8 * MS, "59", "0.001", "100", buys=True),
    ),
    (
        b'{"e":"trade","E":9,"T":8,"s":"BTCUSDT","t":59,"p":"0","q":"0","X":"INSURANCE_FUND","m":true}',
        Ignored(Why.STATISTICS),
    ),
    (
        b'{"e":"markPriceUpdate","E":9,"s":"BTCUSDT","p":"11794.1","i":"11784.6","P":"1","r":"-0.00038","T":10}',
        Reference("BTCUSDT", 9 * MS, "11794.1", "11784.6", "-0.00038", 10 * MS),
    ),
    (
        b'{"e":"indexPriceUpdate","E":9,"i":"BTCUSD","p":"11784.6"}',
        Reference("BTCUSD", 9 * MS, index="11784.6"),
    ),
    (b'{"e":"forceOrder","E":9,"o":{"s":"BTCUSDT"}}', Ignored(Why.STATISTICS)),
    (b'{"e":"ORDER_TRADE_UPDATE","T":1,"E":1,"o":{"s":"BTCUSDT"}}', Ignored(Why.ACCOUNT)),
    (b'{"result":null,"id":1}', Ignored(Why.CONTROL)),
    (b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}', Ignored(Why.SENT)),
    (b'{"code":-1121,"msg":"Invalid symbol."}', Ignored(Why.ERROR)),
    (b"{}", Ignored(Why.CONTROL)),
    (b'[[1499040000000,"0.01"]]', Ignored(Why.STATISTICS)),
]


@pytest.mark.parametrize(("payload", "message"), READ)
def test_each_kind_of_message_is_read(payload: bytes, message: Message) -> None:
    assert parse(payload, "ASKED") == [message]


@pytest.mark.parametrize(("payload", "message"), READ[:2] + READ[4:12])
def test_a_combined_stream_says_the_same(payload: bytes, message: Message) -> None:
    assert parse(b'{"stream":"x@y","data":' + payload + b"}", "ASKED") == [message]


def test_a_partial_book_is_told_by_its_stream_and_not_used() -> None:
    for data in (CHANGE, READ[2][0]):
        assert parse(b'{"stream":"btcusdt@depth20@100ms","data":' + data + b"}") == [Ignored(Why.AGGREGATE)]
    assert isinstance(parse(b'{"stream":"btcusdt@depth@100ms","data":' + CHANGE + b"}")[0], Delta)


def test_an_answer_of_many_gives_many_and_what_is_not_used_is_said_once() -> None:
    best = b'{"symbol":"X","bidPrice":"1","bidQty":"2","askPrice":"3","askQty":"4","time":5,"lastUpdateId":6}'
    assert parse(b"[" + best + b"," + best + b"]") == [Quote("X", 5 * MS, 6, "1", "2", "3", "4")] * 2
    assert parse(b'[{"orderId":1},{"orderId":2}]') == [Ignored(Why.ACCOUNT)]
    assert parse(b"[]") == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[1]",
        b"7",
        b'"x"',
        b"\xff",
        b'{"e":"news"}',
        b'{"wonder":1}',
        CHANGE.replace(b'"U":157', b'"U":161'),
        CHANGE.replace(b'"U":157,', b""),
        CHANGE.replace(b'"u":160', b'"u":"160"'),
        CHANGE.replace(b"160", b"9223372036854775808"),
        CHANGE.replace(b'"a":[]', b'"a":{}'),
        CHANGE.replace(b',"a":[]', b""),
        CHANGE[:-1],
    ],
)
def test_what_cannot_be_read_is_one_unknown(payload: bytes) -> None:
    (message,) = parse(payload)
    assert isinstance(message, Unknown)


def change(first: int, last: int, previous: int = -1) -> Delta:
    return Delta("X", 0, first, last, previous, b"[]", b"[]")


@pytest.mark.parametrize(
    ("first", "last", "joins", "follows"),
    [
        (8, 10, Verdict.OLD, Verdict.OLD),
        (8, 11, Verdict.APPLY, Verdict.GAP),
        (11, 12, Verdict.APPLY, Verdict.APPLY),
        (12, 13, Verdict.GAP, Verdict.GAP),
    ],
)
def test_spot_goes_on_one_by_one(first: int, last: int, joins: Verdict, follows: Verdict) -> None:
    assert SPOT.joins(10, change(first, last)) is joins
    assert SPOT.follows(10, change(first, last)) is follows


@pytest.mark.parametrize(
    ("first", "last", "previous", "joins", "follows"),
    [
        (8, 9, 7, Verdict.OLD, Verdict.OLD),
        (8, 10, 7, Verdict.APPLY, Verdict.OLD),
        (9, 15, 7, Verdict.APPLY, Verdict.GAP),
        (12, 15, 10, Verdict.APPLY, Verdict.APPLY),
        (12, 15, 11, Verdict.GAP, Verdict.GAP),
    ],
)
def test_futures_name_the_change_before(
    first: int, last: int, previous: int, joins: Verdict, follows: Verdict
) -> None:
    assert FUTURES.joins(10, change(first, last, previous)) is joins
    assert FUTURES.follows(10, change(first, last, previous)) is follows


def test_levels_are_handed_on_as_sent() -> None:
    (message,) = parse(CHANGE.replace(b'[["0.0024","10"]]', b'[ ["0.00240" , 1e1, "more"] ]'))
    assert isinstance(message, Delta)
    assert message.bids == b'[ ["0.00240" , 1e1, "more"] ]'
    assert msgspec.json.decode(message.bids) == [["0.00240", 10.0, "more"]]
