"""Hyperliquid's messages: each kind by hand, and what is not used."""

import pytest

from narrows.venue.feed.hyperliquid import RULE, parse
from narrows.venue.feed.levels import texts
from narrows.venue.feed.messages import Delta, Ignored, Quote, Reference, Snapshot, Trade, Unknown, Why
from narrows.venue.feed.sequence import Verdict

BARE = b"""{"coin":"BTC","levels":[[
{"n":5,"px":"105055.0","sz":"3.03622"},{"n":1,"px":"105054.0","sz":"0.1428"}],
[{"n":13,"px":"105056.0","sz":"6.34472"}]],"time":1737918843542}"""
TRADE = (
    b'{"coin":"BTC","hash":"0xde","px":"105056.0","side":"B","sz":"0.00219","tid":121451470284048,'
    b'"time":1737918794873,"users":["0xe9","0x68"]}'
)


@pytest.mark.parametrize("payload", [BARE, b'{"channel":"l2Book","data":%s}' % BARE])
def test_a_book_comes_whole_in_the_stream_and_by_rest(payload: bytes) -> None:
    (book,) = parse(payload)
    assert isinstance(book, Snapshot)
    assert (book.symbol, book.time_ns, book.sequence) == ("BTC", 1737918843542_000_000, -1)
    assert texts(book.bids) == [("105055.0", "3.03622"), ("105054.0", "0.1428")]
    assert texts(book.asks) == [("105056.0", "6.34472")]


def test_the_side_of_a_trade_is_the_takers() -> None:
    sells = TRADE.replace(b'"B"', b'"A"')
    told = [
        Trade("BTC", 1737918794873_000_000, "121451470284048", "105056.0", "0.00219", buys)
        for buys in (True, False)
    ]
    assert parse(b'{"channel":"trades","data":[%s,%s]}' % (TRADE, sells)) == told
    assert parse(b"[%s,%s]" % (TRADE, sells)) == told


def test_a_quote_and_a_context() -> None:
    best = b'{"channel":"bbo","data":{"coin":"BTC","time":5,"bbo":[{"px":"9","sz":"1","n":1},%s]}}'
    assert parse(best % b'{"px":"10","sz":"2","n":1}') == [Quote("BTC", 5_000_000, -1, "9", "1", "10", "2")]
    assert parse(best % b"null") == [Quote("BTC", 5_000_000, -1, "9", "1", "", "")]
    assert parse(
        b'{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"-0.0000015186","openInterest":"27353.1",'
        b'"oraclePx":"77605.0","markPx":"77562.0","midPx":"77558.5","dayNtlVlm":"1.5"}}}'
    ) == [Reference("BTC", 0, "77562.0", "77605.0", "-0.0000015186")]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}', Why.SENT),
        (b'{"channel":"subscriptionResponse","data":{"method":"subscribe"}}', Why.CONTROL),
        (b'{"channel":"pong"}', Why.CONTROL),
        (b'{"channel":"error","data":"Invalid subscription"}', Why.ERROR),
        (b'{"channel":"allMids","data":{"mids":{"BTC":"80868.5"}}}', Why.STATISTICS),
        (b'{"channel":"user","data":{"fills":[]}}', Why.ACCOUNT),
        (b'[{"coin":"ARB","px":"0.07","sz":"1","side":"B","time":1,"oid":4,"tid":1}]', Why.ACCOUNT),
        (
            b'[{"coin":"BTC","fundingRate":"0.0000125","premium":"0.0003","time":1769908800000}]',
            Why.STATISTICS,
        ),
        (b'{"universe":[{"name":"BTC","szDecimals":5}]}', Why.LISTING),
        (b'[{"universe":[{"name":"BTC"}]},[{"funding":"0"}]]', Why.LISTING),
        (b"[]", Why.CONTROL),
    ],
)
def test_what_is_known_and_not_used_has_a_reason(payload: bytes, why: Why) -> None:
    assert parse(payload) == [Ignored(why)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"null",
        b"[[1]]",
        b"{}",
        BARE[:-20],
        BARE.replace(b'"3.03622"', b'"-3.03622"'),
        BARE.replace(b'"3.03622"', b'"NaN"'),
        BARE.replace(b"1737918843542", b"-1"),
        BARE.replace(b'[{"n":13,"px":"105056.0","sz":"6.34472"}]', b"[],[]"),
        b'{"channel":"weather","data":{}}',
        b'{"channel":"l2Book"}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_understood_is_told_and_never_raises(payload: bytes) -> None:
    (told,) = parse(payload)
    assert isinstance(told, Unknown)
    assert 0 < len(told.what) <= 80


def test_there_is_no_sequence_to_break() -> None:
    assert RULE.follows(-1, Delta("BTC", 0, -1, -1, -1, b"[]", b"[]")) is Verdict.APPLY
    assert RULE.checksum is None
    assert RULE.in_stream
