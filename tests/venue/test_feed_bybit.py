"""Bybit's messages: each kind by hand, the rule that continues a book, and what is not used."""

import pytest

from narrows.venue.feed.bybit import RULE, parse
from narrows.venue.feed.levels import texts
from narrows.venue.feed.messages import (
    Delta,
    Ignored,
    Quote,
    Reference,
    Snapshot,
    Trade,
    Unknown,
    Why,
)
from narrows.venue.feed.sequence import Verdict

SNAPSHOT = b"""{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1709891679000,"cts":1709891678990,
"data":{"s":"BTCUSDT","b":[["27450.00","0.500"],["27449.50","1.000"]],"a":[["27451.00","0.750"]],
"u":100,"seq":987654321}}"""
DELTA = b"""{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1709891679500,
"data":{"s":"BTCUSDT","b":[["27450.00","0"]],"a":[],"u":101,"seq":987654400}}"""
OLD_DELTA = b"""{"topic":"orderBookL2_25.EOSUSD","type":"delta","data":{
"delete":[{"price":"7.973","symbol":"EOSUSD","id":79730,"side":"Sell"}],
"update":[{"price":"7.971","symbol":"EOSUSD","id":79710,"side":"Buy","size":47766}],
"insert":[{"price":"7.985","symbol":"EOSUSD","id":79850,"side":"Sell","size":2.63}],
"transactTimeE6":0},"cross_seq":1225777225,"timestamp_e6":1618677786598877}"""


def test_a_v5_book_and_its_delta() -> None:
    (book,) = parse(SNAPSHOT)
    assert isinstance(book, Snapshot)
    # the time is the matching engine's where it is said
    assert (book.symbol, book.time_ns, book.sequence) == ("BTCUSDT", 1709891678990_000_000, 100)
    assert texts(book.bids) == [("27450.00", "0.500"), ("27449.50", "1.000")]
    assert texts(book.asks) == [("27451.00", "0.750")]
    (delta,) = parse(DELTA)
    assert isinstance(delta, Delta)
    assert (delta.time_ns, delta.first, delta.last, delta.previous) == (1709891679500_000_000, 101, 101, -1)
    assert texts(delta.bids) == [("27450.00", "0")]
    assert texts(delta.asks) == []


def test_update_1_is_a_book_sent_anew_whatever_it_is_called() -> None:
    (book,) = parse(DELTA.replace(b'"u":101', b'"u":1'))
    assert isinstance(book, Snapshot)
    assert book.sequence == 1


def test_a_book_by_rest_has_the_number_of_the_stream() -> None:
    (book,) = parse(
        b'{"retCode":0,"retMsg":"OK","result":{"s":"BTCUSDT","b":[["27450.50","1.5"]],"a":[["27451.00","1.2"]],'
        b'"ts":1709891679000,"u":1234567,"seq":9876543,"cts":1709891678999},"time":1709891679050}'
    )
    assert isinstance(book, Snapshot)
    assert (book.sequence, book.time_ns) == (1234567, 1709891678999_000_000)


@pytest.mark.parametrize("rows", ["[%s]", '{"order_book":[%s]}'])
def test_a_book_of_2021_came_as_a_list_and_in_an_object(rows: str) -> None:
    two = (
        '{"price":"7.943","symbol":"EOSUSD","id":79430,"side":"Buy","size":154219},'
        '{"price":"7.9440","symbol":"EOSUSD","id":79440,"side":"Sell","size":0.5}'
    )
    text = (
        '{"topic":"orderBookL2_25.EOSUSD","type":"snapshot","data":%s,"cross_seq":"7",'
        '"timestamp_e6":"1618677786598877"}'
    )
    (book,) = parse((text % (rows % two)).encode())
    assert isinstance(book, Snapshot)
    assert (book.symbol, book.sequence, book.time_ns) == ("EOSUSD", 7, 1618677786598877_000)
    assert texts(book.bids) == [("7.943", "154219")]
    assert texts(book.asks) == [("7.9440", "0.5")]


def test_a_delta_of_2021_deletes_updates_and_inserts() -> None:
    (delta,) = parse(OLD_DELTA)
    assert isinstance(delta, Delta)
    assert (delta.first, delta.last, delta.previous) == (-1, 1225777225, -1)
    assert texts(delta.bids) == [("7.971", "47766")]
    assert texts(delta.asks) == [("7.973", "0"), ("7.985", "2.63")]


@pytest.mark.parametrize(("sent", "read"), [(b"1e-7", "0.0000001"), (b"2.50E+2", "250"), (b"0.10", "0.10")])
def test_a_number_keeps_its_digits(sent: bytes, read: str) -> None:
    (delta,) = parse(OLD_DELTA.replace(b"2.63", sent))
    assert isinstance(delta, Delta)
    assert texts(delta.asks)[1] == ("7.985", read)


def test_trades_say_who_took() -> None:
    assert parse(
        b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1709891679005,"data":[{"T":1709891679000,"s":"BTCUSDT",'
        b'"S":"Buy","v":"0.010","p":"27451.00","i":"9dc7","BT":false},{"T":1709891679001,"s":"BTCUSDT","S":"Sell",'
        b'"v":"1","p":"27450.50","i":"9dc8","BT":false}]}'
    ) == [
        Trade("BTCUSDT", 1709891679000_000_000, "9dc7", "27451.00", "0.010", True),
        Trade("BTCUSDT", 1709891679001_000_000, "9dc8", "27450.50", "1", False),
    ]
    assert parse(
        b'{"topic":"trade.BTCUSD","data":[{"trade_time_ms":1618677786614,"timestamp":"2021-04-17T16:43:06.000Z",'
        b'"symbol":"BTCUSD","side":"Sell","size":4,"price":60621.5,"trade_id":"5ffb","cross_seq":5938955347}]}'
    ) == [Trade("BTCUSD", 1618677786614_000_000, "5ffb", "60621.5", "4", False)]
    assert parse(
        b'{"retCode":0,"result":{"category":"linear","list":[{"execId":"a905","symbol":"BTCUSDT","price":"27450.50",'
        b'"size":"0.005","side":"Buy","time":"1709891679000","isBlockTrade":false}]},"time":1709891679050}'
    ) == [Trade("BTCUSDT", 1709891679000_000_000, "a905", "27450.50", "0.005", True)]


TICKER = (
    b'{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"17216.00",'
    b'"markPrice":"17217.33","indexPrice":"17227.36","nextFundingTime":"1673280000000","fundingRate":"-0.000212",'
    b'"bid1Price":"17215.50","bid1Size":"84.489","ask1Price":"17216.00","ask1Size":"83.020"},"cs":24987956059,'
    b'"ts":1673272861686}'
)


def test_a_ticker_is_a_reference_and_a_quote() -> None:
    assert parse(TICKER) == [
        Reference(
            "BTCUSDT",
            1673272861686_000_000,
            "17217.33",
            "17227.36",
            "-0.000212",
            1673280000000_000_000,
        ),
        Quote("BTCUSDT", 1673272861686_000_000, -1, "17215.50", "84.489", "17216.00", "83.020"),
    ]


def test_a_ticker_tells_only_what_it_has() -> None:
    head = b'{"topic":"tickers.BTCUSDT","type":"delta","ts":5,"data":{"symbol":"BTCUSDT",'
    assert parse(head + b'"markPrice":"17217.34"}}') == [Reference("BTCUSDT", 5_000_000, "17217.34")]
    # half a quote is none: the rest of it is in a message before
    assert parse(head + b'"bid1Size":"80"}}') == [Ignored(Why.STATISTICS)]
    # a dated future has no funding, and says so by empty text
    assert parse(head + b'"fundingRate":"","nextFundingTime":"","indexPrice":"9"}}') == [
        Reference("BTCUSDT", 5_000_000, "", "9")
    ]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}', Why.SENT),
        (b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"1","op":"subscribe"}', Why.CONTROL),
        (
            b'{"success":true,"ret_msg":"","conn_id":"c","request":{"op":"subscribe","args":["trade.X"]}}',
            Why.CONTROL,
        ),
        (b'{"req_id":"t","op":"pong","args":["1675418560633"],"conn_id":"c"}', Why.CONTROL),
        (b'{"success":false,"ret_msg":"Invalid topic","conn_id":"c","op":"subscribe"}', Why.ERROR),
        (b'{"op":"order.create","retCode":0,"retMsg":"OK","connId":"c","data":{}}', Why.ACCOUNT),
        (b'{"op":"order.create","retCode":10001,"retMsg":"no","connId":"c","data":{}}', Why.ERROR),
        (b'{"retCode":10002,"retMsg":"late","result":{},"time":1}', Why.ERROR),
        (b'{"topic":"execution.fast","id":"f","creationTime":1,"data":[]}', Why.ACCOUNT),
        (b'{"topic":"kline.5.BTCUSDT","data":[],"ts":1}', Why.STATISTICS),
        (b'{"topic":"allLiquidation.BTCUSDT","data":[],"ts":1}', Why.STATISTICS),
        (b'{"retCode":0,"result":{"list":[["1709891679000","27450"]]}}', Why.STATISTICS),
        (b'{"retCode":0,"result":{"list":[{"symbol":"X","lotSizeFilter":{}}]}}', Why.LISTING),
        (b'{"retCode":0,"result":{"list":[]}}', Why.CONTROL),
    ],
)
def test_what_is_known_and_not_used_has_a_reason(payload: bytes, why: Why) -> None:
    assert parse(payload) == [Ignored(why)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"topic":"orderbook.50.X"}',
        SNAPSHOT[:-40],
        SNAPSHOT.replace(b'"u":100', b'"u":100000000000000000000'),
        SNAPSHOT.replace(b'"ts":1709891679000', b'"ts":9300000000000'),
        SNAPSHOT.replace(b'[["27451.00","0.750"]]', b"null"),
        OLD_DELTA.replace(b"2.63", b'"NaN"'),
        OLD_DELTA.replace(b"2.63", b"-2.63"),
        OLD_DELTA.replace(b"2.63", b"1e999999"),
        TICKER.replace(b'"17217.33"', b'"about 17000"'),
        b'{"topic":"weather.BTCUSDT","data":{}}',
        b'{"op":"dance","conn_id":"c"}',
        b'{"retCode":0,"result":{"surprise":1}}',
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_understood_is_told_and_never_raises(payload: bytes) -> None:
    (told,) = parse(payload)
    assert isinstance(told, Unknown)
    assert 0 < len(told.what) <= 80


def _numbered(first: int, last: int) -> Delta:
    return Delta("X", 0, first, last, -1, b"[]", b"[]")


@pytest.mark.parametrize("rule", [RULE.joins, RULE.follows])
def test_v5_updates_follow_one_by_one(rule: object) -> None:
    assert callable(rule)
    assert rule(100, _numbered(101, 101)) is Verdict.APPLY
    assert rule(100, _numbered(100, 100)) is Verdict.OLD  # sent twice
    assert rule(100, _numbered(90, 90)) is Verdict.OLD  # out of order
    assert rule(100, _numbered(102, 102)) is Verdict.GAP


def test_books_of_2021_only_tell_an_old_message() -> None:
    assert RULE.follows(100, _numbered(-1, 250)) is Verdict.APPLY
    assert RULE.follows(100, _numbered(-1, 100)) is Verdict.OLD
    assert RULE.follows(100, _numbered(-1, 99)) is Verdict.OLD
