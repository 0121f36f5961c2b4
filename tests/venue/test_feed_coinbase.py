"""Coinbase's messages: each kind by hand, and what is not used."""

import pytest

from narrows.venue.feed.coinbase import RULE, parse
from narrows.venue.feed.levels import texts
from narrows.venue.feed.messages import Delta, Ignored, Quote, Snapshot, Trade, Unknown, Why
from narrows.venue.feed.sequence import Verdict

UPDATE = (
    b'{"type":"l2update","product_id":"SKL-BTC","time":"2021-04-17T16:43:37.075687Z",'
    b'"changes":[["sell","0.00001306","660.5"],["buy","0.00001305","0.0"],["sell","0.00001307","0"]]}'
)


def test_a_snapshot_and_an_update() -> None:
    (book,) = parse(b'{"type":"snapshot","product_id":"SKL-BTC","asks":[["0.00001306","660.5"]],"bids":[]}')
    assert book == Snapshot("SKL-BTC", 0, -1, b"[]", b'[["0.00001306","660.5"]]')
    (delta,) = parse(UPDATE)
    assert isinstance(delta, Delta)
    assert (delta.symbol, delta.time_ns) == ("SKL-BTC", 1618677817_075687_000)
    assert texts(delta.asks) == [("0.00001306", "660.5"), ("0.00001307", "0")]
    assert texts(delta.bids) == [("0.00001305", "0.0")]
    assert RULE.follows(-1, delta) is Verdict.APPLY  # there is nothing to tell a loss by


def test_a_match_names_the_side_of_the_maker() -> None:
    for kind in ("match", "last_match"):
        assert parse(
            b'{"type":"%b","trade_id":280232,"side":"sell","size":"985","price":"0.00001305",'
            b'"product_id":"SKL-BTC","sequence":177100030,"time":"2021-04-17T16:43:37.089723Z"}'
            % kind.encode()
        ) == [Trade("SKL-BTC", 1618677817_089723_000, "280232", "0.00001305", "985", True)]


def test_a_ticker_is_a_quote_and_its_sizes_may_be_unsaid() -> None:
    text = (
        b'{"type":"ticker","sequence":33,"product_id":"BAND-GBP","best_bid":"14.7550","best_ask":"14.8060",'
        b'"time":"2021-04-17T16:43:30.244075Z"%b}'
    )
    assert parse(text % b"") == [Quote("BAND-GBP", 1618677810_244075_000, 33, "14.7550", "", "14.8060", "")]
    sized = text % b',"best_bid_size":"1.5","best_ask_size":"2"'
    assert parse(sized) == [Quote("BAND-GBP", 1618677810_244075_000, 33, "14.7550", "1.5", "14.8060", "2")]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"type":"subscriptions","channels":[]}', Why.CONTROL),
        (b'{"type":"heartbeat","sequence":90,"product_id":"BTC-USD"}', Why.CONTROL),
        (b'{"type":"error","message":"Failed to subscribe"}', Why.ERROR),
        (b'{"type":"subscribe","product_ids":["BTC-USD"]}', Why.SENT),
        (b'[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD"}]', Why.LISTING),
    ],
)
def test_what_is_known_and_not_used(payload: bytes, why: Why) -> None:
    assert parse(payload) == [Ignored(why)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        b'{"type":"received"}',
        b'{"type":"snapshot","product_id":"X","asks":{},"bids":[]}',
        UPDATE.replace(b'"sell"', b'"sold"'),
        UPDATE.replace(b'"660.5"', b'"-660.5"'),
        UPDATE.replace(b"2021-", b"9999-"),
        UPDATE.replace(b"2021-", b"1066-"),
        UPDATE.replace(b"687Z", b"687"),
    ],
)
def test_what_cannot_be_read_is_unknown(payload: bytes) -> None:
    (message,) = parse(payload)
    assert isinstance(message, Unknown)
    assert 0 < len(message.what) <= 80
