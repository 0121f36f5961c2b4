"""OKX's messages: each kind by hand, the chain of a book's messages, and its checksum."""

import zlib

import pytest

from narrows.venue.feed.levels import texts
from narrows.venue.feed.messages import Delta, Ignored, Quote, Reference, Snapshot, Trade, Unknown, Why
from narrows.venue.feed.okx import RULE, checksum, parse
from narrows.venue.feed.sequence import Verdict

BOOK = b"""{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{
"asks":[["8476.98","415","0","13"],["8477","7","0","2"]],"bids":[["8476.97","256","0","12"]],
"ts":"1597026383085","checksum":-855196043,"prevSeqId":-1,"seqId":123456}]}"""
UPDATE = (
    BOOK.replace(b"snapshot", b"update")
    .replace(b'"seqId":123456', b'"seqId":123460')
    .replace(b"-1,", b"123456,")
)


def test_a_book_and_its_update() -> None:
    (book,) = parse(BOOK)
    assert isinstance(book, Snapshot)
    assert (book.symbol, book.time_ns, book.sequence) == ("BTC-USDT", 1597026383085_000_000, 123456)
    assert texts(book.bids) == [("8476.97", "256")]
    assert texts(book.asks) == [("8476.98", "415"), ("8477", "7")]
    assert book.checksum == -855196043
    (delta,) = parse(UPDATE)
    assert isinstance(delta, Delta)
    assert (delta.first, delta.last, delta.previous, delta.checksum) == (123460, 123460, 123456, -855196043)


@pytest.mark.parametrize("given_up", [b'"checksum":0,', b""])
def test_a_checksum_that_the_venue_does_not_take_is_none(given_up: bytes) -> None:
    for sent in (BOOK, UPDATE):
        (told,) = parse(sent.replace(b'"checksum":-855196043,', given_up))
        assert isinstance(told, Snapshot | Delta)
        assert told.checksum is None


def test_traffic_of_2022_has_no_numbers() -> None:
    (delta,) = parse(UPDATE.replace(b',"prevSeqId":123456,"seqId":123460', b""))
    assert isinstance(delta, Delta)
    assert (delta.first, delta.last, delta.previous) == (-1, -1, -1)
    assert RULE.joins(-1, delta) is RULE.follows(-1, delta) is Verdict.APPLY


def test_five_levels_come_whole_and_the_best_pair_is_a_quote() -> None:
    (five,) = parse(BOOK.replace(b'"books"', b'"books5"').replace(b'"action":"snapshot",', b""))
    assert isinstance(five, Snapshot)
    best = BOOK.replace(b'"books"', b'"bbo-tbt"').replace(b'"action":"snapshot",', b"")
    quote = Quote("BTC-USDT", 1597026383085_000_000, 123456, "8476.97", "256", "8476.98", "415")
    assert parse(best) == [quote]
    one_sided = best.replace(b'[["8476.97","256","0","12"]]', b"[]")
    assert parse(one_sided) == [Quote("BTC-USDT", 1597026383085_000_000, 123456, "", "", "8476.98", "415")]


def test_a_book_by_rest_is_of_the_instrument_asked_for() -> None:
    (book,) = parse(
        b'{"code":"0","msg":"","data":[{"asks":[["41006.8","0.6","0","1"]],"bids":[["41006.7","0.4","0","1"]],'
        b'"ts":"1704067200000"}]}',
        "BTC-USDT",
    )
    assert isinstance(book, Snapshot)
    assert (book.symbol, book.time_ns, book.sequence) == ("BTC-USDT", 1704067200000_000_000, -1)


def test_trades_say_who_took_in_the_stream_and_by_rest() -> None:
    row = (
        b'{"instId":"BTC-USD","tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"sell",'
        b'"ts":"1630048897897"}'
    )
    trade = Trade("BTC-USD", 1630048897897_000_000, "130639474", "42219.9", "0.12060306", False)
    assert parse(b'{"arg":{"channel":"trades","instId":"BTC-USD"},"data":[%s]}' % row) == [trade]
    assert parse(b'{"code":"0","msg":"","data":[%s,%s]}' % (row, row)) == [trade, trade]


def test_references_and_when_the_funding_is_due() -> None:
    # the rate is due at fundingTime; nextFundingTime is the settlement after it
    funding = (
        b'{"instId":"BTC-USDT-SWAP","fundingRate":"-0.0001","nextFundingRate":"","fundingTime":"1744590400000",'
        b'"nextFundingTime":"1744619200000","ts":"1744590349506"}'
    )
    told = Reference(
        "BTC-USDT-SWAP", 1744590349506_000_000, funding="-0.0001", next_funding_ns=1744590400000_000_000
    )
    assert parse(b'{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[%s]}' % funding) == [
        told
    ]
    assert parse(b'{"code":"0","msg":"","data":[%s]}' % funding) == [told]
    mark = b'{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"84660.1","ts":"1744590349506"}'
    told = Reference("BTC-USDT-SWAP", 1744590349506_000_000, "84660.1")
    assert parse(b'{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[%s]}' % mark) == [told]
    index = b'{"instId":"BTC-USDT","idxPx":"103895","high24h":"104985.1","ts":"1746942707815"}'
    told = Reference("BTC-USDT", 1746942707815_000_000, index="103895")
    assert parse(b'{"code":"0","msg":"","data":[%s]}' % index) == [told]


def test_a_ticker_is_a_quote_without_a_number() -> None:
    assert parse(
        b'{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT",'
        b'"last":"9999.99","lastSz":"0.1","askPx":"9999.99","askSz":"11","bidPx":"","bidSz":"","ts":"1597026383085"}]}'
    ) == [Quote("BTC-USDT", 1597026383085_000_000, -1, "", "", "9999.99", "11")]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"pong", Why.CONTROL),
        (b"ping", Why.SENT),
        (b'{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}', Why.SENT),
        (b'{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a"}', Why.CONTROL),
        (b'{"event":"error","code":"60012","msg":"Invalid request","connId":"a"}', Why.ERROR),
        (b'{"id":"1512","op":"order","code":"0","msg":"","data":[{"ordId":"1"}]}', Why.ACCOUNT),
        (b'{"id":"1512","op":"order","code":"1","msg":"","data":[{"sCode":"51000"}]}', Why.ERROR),
        (b'{"code":"50011","msg":"Too Many Requests","data":[]}', Why.ERROR),
        (b'{"code":"0","msg":"","data":[]}', Why.CONTROL),
        (b'{"code":"0","data":[["1625097600000","33528.6"]]}', Why.STATISTICS),
        (b'{"arg":{"channel":"candle1D","instId":"X"},"data":[]}', Why.STATISTICS),
        (b'{"arg":{"channel":"orders","instType":"SWAP"},"data":[]}', Why.ACCOUNT),
        (b'{"arg":{"channel":"instruments","instType":"SWAP"},"data":[]}', Why.LISTING),
        (b'{"ordId":"1","clOrdId":"","tag":"","sCode":"0","sMsg":""}', Why.ACCOUNT),
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
        BOOK[:-20],
        BOOK.replace(b"snapshot", b"redraw"),
        BOOK.replace(b'[["8476.97","256","0","12"]]', b"7"),
        BOOK.replace(b"123456", b"9" * 30),
        BOOK.replace(b"1597026383085", b"soon"),
        b'{"arg":{"channel":"weather"},"data":[]}',
        b'{"event":"dance"}',
        b'{"code":"0","data":[{"surprise":1}]}',
        b'{"code":"0","data":{"asks":[]}}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_understood_is_told_and_never_raises(payload: bytes) -> None:
    (told,) = parse(payload)
    assert isinstance(told, Unknown)
    assert 0 < len(told.what) <= 80


def test_the_checksum_takes_the_sides_in_turn_and_then_the_longer_one() -> None:
    bids, asks = [("3366.1", "7")], [("3366.8", "9"), ("3368", "8")]
    crc = zlib.crc32(b"3366.1:7:3366.8:9:3368:8")  # the venue's own example of its form
    assert checksum(bids, asks) == (crc - 2**32 if crc >= 2**31 else crc)
    assert checksum([("3366.10", "7.0")], [("3366.80", "9"), ("3368.00", "8")]) == checksum(bids, asks)
    assert checksum([], []) == 0


def test_the_checksum_ends_at_25_levels() -> None:
    side = [(str(price), "1") for price in range(100, 130)]
    assert checksum(side, side) == checksum(side[:25], side[:25])
    assert checksum(side, side) != checksum(side[:24], side[:25])


def _from(previous: int, last: int) -> Delta:
    return Delta("X", 0, last, last, previous, b"[]", b"[]")


@pytest.mark.parametrize("rule", [RULE.joins, RULE.follows])
def test_a_message_follows_the_one_that_it_names(rule: object) -> None:
    assert callable(rule)
    assert rule(10, _from(10, 15)) is Verdict.APPLY
    assert rule(10, _from(10, 10)) is Verdict.APPLY  # nothing new, the venue is alive
    assert rule(10, _from(10, 3)) is Verdict.APPLY  # numbered anew after maintenance
    assert rule(10, _from(7, 10)) is Verdict.OLD  # sent twice
    assert rule(10, _from(12, 15)) is Verdict.GAP
    assert rule(10, _from(12, 3)) is Verdict.GAP  # numbered anew, and something before it is missing


def test_an_older_message_is_old_only_next_to_a_snapshot() -> None:
    # what was buffered while the snapshot came is older than it; later a low number may be a new count
    assert RULE.joins(10, _from(5, 7)) is Verdict.OLD
    assert RULE.follows(10, _from(5, 7)) is Verdict.GAP
