"""Kraken's messages: each kind by hand, the checksum of its manual, and what is not used."""

import pytest

from narrows.venue.feed.kraken import checksum, parse
from narrows.venue.feed.levels import texts
from narrows.venue.feed.messages import Delta, Ignored, Quote, Snapshot, Trade, Unknown, Why


def test_a_snapshot_says_how_deep_it_is_kept() -> None:
    (book,) = parse(
        b'[1360,{"as":[["0.05005","0.00000500","1582905487.684110"]],"bs":[["0.05000","0.00000500","1582905487.439814"],'
        b'["0.04995","0.00000500","1582905485.119396"]]},"book-1000","ADA/XBT"]'
    )
    assert isinstance(book, Snapshot)
    assert (book.symbol, book.sequence, book.depth, book.checksum) == ("ADA/XBT", -1, 1000, None)
    assert book.time_ns == 1582905487_684110_000  # the latest of its levels
    assert [level[:2] for level in texts(book.bids)] == [("0.05000", "0.00000500"), ("0.04995", "0.00000500")]
    assert texts(book.asks) == [("0.05005", "0.00000500")]


def test_an_update_may_come_in_two_parts_and_send_a_level_again() -> None:
    (delta,) = parse(
        b'[1234,{"a":[["5541.30000","2.50700000","1534614248.456738","r"]]},'
        b'{"b":[["5541.20000","0.00000000","1534614249.1"]],"c":"974942666"},"book-10","XBT/USD"]'
    )
    assert isinstance(delta, Delta)
    assert (delta.symbol, delta.time_ns, delta.checksum) == ("XBT/USD", 1534614249_100000_000, 974942666)
    assert (texts(delta.asks), texts(delta.bids)) == (
        [("5541.30000", "2.50700000")],
        [("5541.20000", "0.00000000")],
    )
    (one,) = parse(b'[1234,{"b":[["5541.2","0.5","1534614249"]],"c":"1"},"book-10","XBT/USD"]')
    assert isinstance(one, Delta)
    assert (texts(one.asks), texts(one.bids)) == ([], [("5541.2", "0.5")])


def test_the_checksum_of_the_manual() -> None:
    """The example of Kraken's own page on book checksums (it has no bid at 0.04985)."""
    asks = [(f"0.050{n:02}", "0.00000500") for n in range(5, 55, 5)]
    bids = [(f"0.0{price}", "0.00000500") for price in (5000, 4995, 4990, *range(4980, 4945, -5))]
    assert checksum(bids, asks) == 974947235
    assert checksum([*bids, ("0.01", "9")], [*asks, ("9", "9")]) == 974947235  # ten of each side count


def test_trades_and_quotes() -> None:
    assert parse(
        b'[0,[["354.110","0.895","1618678142.557535","s","l",""],["354.2","1","1618678143.1","b","m",""]],'
        b'"trade","XMR/USD"]'
    ) == [
        Trade("XMR/USD", 1618678142_557535_000, "", "354.110", "0.895", False),
        Trade("XMR/USD", 1618678143_100000_000, "", "354.2", "1", True),
    ]
    ticker = (
        b'[1,{"a":["13.25",35,"35.7"],"b":["13.23",185,"185.1"],"c":["13.25","3.7"]},"ticker","WAVES/EUR"]'
    )
    assert parse(ticker) == [Quote("WAVES/EUR", 0, -1, "13.23", "185.1", "13.25", "35.7")]
    spread = b'[1,["5698.4","5700.0","1542057299.545897","1.01","0.98"],"spread","XBT/USD"]'
    assert parse(spread) == [Quote("XBT/USD", 1542057299_545897_000, -1, "5698.4", "1.01", "5700.0", "0.98")]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"event":"heartbeat"}', Why.CONTROL),
        (b'{"event":"systemStatus","status":"online"}', Why.CONTROL),
        (b'{"event":"subscriptionStatus","status":"subscribed","pair":"ADA/XBT"}', Why.CONTROL),
        (
            b'{"event":"subscriptionStatus","status":"error","errorMessage":"Currency pair not supported"}',
            Why.ERROR,
        ),
        (b'{"error":["EGeneral:Too many requests"]}', Why.ERROR),
        (b'{"event":"subscribe","pair":["ADA/XBT"]}', Why.SENT),
        (b'{"error":[],"result":{"ADAXBT":{"altname":"ADAXBT","base":"ADA","quote":"XXBT"}}}', Why.LISTING),
        (b'[1,["1","2"],"ohlc-5","XBT/USD"]', Why.STATISTICS),
    ],
)
def test_what_is_known_and_not_used(payload: bytes, why: Why) -> None:
    assert parse(payload) == [Ignored(why)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"event":"surprise"}',
        b'{"channel":"book","type":"update","data":[]}',  # of version 2
        b'[1,{"a":[["1","2"]],"c":"3"},"book-10","XBT/USD"]',  # a level without its time
        b'[1,{"a":[["1","2","5"]],"c":"x"},"book-10","XBT/USD"]',
        b'[1,{"a":[["1","-2","5"]],"c":"3"},"book-10","XBT/USD"]',
        b'[1,{"c":"3"},"book-10","XBT/USD"]',
        b'[1,{"a":[["1","2","5"]]},{"a":[["1","2","5"]],"c":"3"},"book-10","XBT/USD"]',
        b'[1,{"a":[["1","2","5"]],"c":"3"},"book-x","XBT/USD"]',
        b'[1,{},"depth","XBT/USD"]',
    ],
)
def test_what_cannot_be_read_is_unknown(payload: bytes) -> None:
    (message,) = parse(payload)
    assert isinstance(message, Unknown)
    assert 0 < len(message.what) <= 80
