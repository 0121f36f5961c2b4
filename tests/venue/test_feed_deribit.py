"""Deribit's messages: each kind by hand, the rule that continues a book, and what is not used."""

import pytest

from narrows.venue.feed.deribit import RULE, parse
from narrows.venue.feed.levels import texts
from narrows.venue.feed.messages import Delta, Ignored, Quote, Reference, Snapshot, Trade, Unknown, Why
from narrows.venue.feed.sequence import Verdict


def on(channel: str, data: str) -> bytes:
    return f'{{"method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}'.encode()


def book(change: int, previous: int | None, kind: str = "change") -> Delta:
    told = "null" if previous is None else str(previous)
    (message,) = parse(
        on(
            "book.BTC-PERPETUAL.raw",
            f'{{"type":"{kind}","instrument_name":"BTC-PERPETUAL","timestamp":1700000000001,"change_id":{change},'
            f'"prev_change_id":{told},"bids":[["change",42500.0,950.0]],"asks":[["delete",42501.5,0.0],["new",4.25e4,1E1]]}}',
        )
    )
    assert isinstance(message, Delta)
    return message


def test_a_snapshot_and_a_change_keep_the_digits_and_a_deleted_level_is_zero() -> None:
    (whole,) = parse(
        on(
            "book.ETH-27AUG21-4000-P.100ms",
            '{"type":"snapshot","timestamp":1626993723632,"instrument_name":"ETH-27AUG21-4000-P","change_id":13,'
            '"bids":[["new",0.0015,4714.0],["new",0.001,861.0]],"asks":[]}',
        )
    )
    assert isinstance(whole, Snapshot)
    assert (whole.symbol, whole.time_ns, whole.sequence) == ("ETH-27AUG21-4000-P", 1626993723632_000_000, 13)
    assert (texts(whole.bids), texts(whole.asks)) == ([("0.0015", "4714.0"), ("0.001", "861.0")], [])
    delta = book(102, 101)
    assert (delta.time_ns, delta.first, delta.last, delta.previous) == (1700000000001_000_000, 102, 102, 101)
    assert texts(delta.bids) == [("42500.0", "950.0")]
    assert texts(delta.asks) == [("42501.5", "0"), ("4.25e4", "1E1")]


def test_a_change_follows_the_one_it_names() -> None:
    assert RULE.follows(101, book(102, 101)) is Verdict.APPLY
    assert RULE.follows(102, book(102, 101)) is Verdict.OLD
    assert RULE.follows(102, book(101, 102)) is Verdict.GAP  # contradicts itself
    assert RULE.follows(101, book(103, 102)) is Verdict.GAP
    assert RULE.follows(101, book(103, 100)) is Verdict.GAP  # names one before ours: not our book
    assert RULE.follows(101, book(103, None)) is Verdict.GAP


def test_a_snapshot_that_was_asked_for_may_lie_inside_a_change() -> None:
    assert RULE.joins(101, book(105, 99)) is Verdict.APPLY
    assert RULE.joins(101, book(101, 99)) is Verdict.OLD
    assert RULE.joins(101, book(105, 102)) is Verdict.GAP
    assert RULE.joins(101, book(105, None)) is Verdict.GAP


def test_trades_say_what_the_taker_did_and_a_combination_may_cost_less_than_nothing() -> None:
    row = (
        '{"timestamp":1765531356452,"price":%s,"amount":10.0,"direction":"%s",'
        '"instrument_name":"X","trade_id":"%s"}'
    )
    trades = parse(on("trades.X.raw", f"[{row % ('92294.5', 'sell', '7')},{row % ('-6.55e-3', 'buy', '8')}]"))
    assert trades == [
        Trade("X", 1765531356452_000_000, "7", "92294.5", "10.0", False),
        Trade("X", 1765531356452_000_000, "8", "-0.00655", "10.0", True),
    ]


def test_a_ticker_is_a_quote_and_a_reference_and_an_empty_side_is_empty() -> None:
    fields = (
        '"instrument_name":"BTC-PERPETUAL","timestamp":1,"best_bid_price":92283.5,"best_bid_amount":117660.0,'
        '"best_ask_price":0.0,"best_ask_amount":0.0'
    )
    quote = Quote("BTC-PERPETUAL", 1_000_000, -1, "92283.5", "117660.0", "", "")
    assert parse(on("quote.BTC-PERPETUAL", f"{{{fields}}}")) == [quote]
    more = '"mark_price":92281.78,"index_price":92263.55,"current_funding":-1.2e-5'
    reference = Reference("BTC-PERPETUAL", 1_000_000, "92281.78", "92263.55", "-0.000012")
    assert parse(on("ticker.BTC-PERPETUAL.raw", f"{{{fields},{more}}}")) == [quote, reference]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"id":1,"result":["book.X.raw"]}', Why.CONTROL),
        (b'{"id":1,"result":[]}', Why.CONTROL),
        (b'{"id":1,"result":1733338800000}', Why.CONTROL),
        (b'{"method":"heartbeat","params":{"type":"test_request"}}', Why.CONTROL),
        (b'{"id":1,"result":[{"instrument_name":"X","tick_size":0.5}]}', Why.LISTING),
        (b'{"id":1,"result":{"btc":{"option":["20MAY26"]}}}', Why.LISTING),
        (b'{"id":1,"result":{"order":{},"trades":[]}}', Why.ACCOUNT),
        (on("user.portfolio.any", "{}"), Why.ACCOUNT),
        (on("chart.trades.X.1", "{}"), Why.STATISTICS),
        (on("book.X.none.10.100ms", '{"instrument_name":"X","change_id":1}'), Why.AGGREGATE),
        (b'{"id":1,"error":{"code":10028}}', Why.ERROR),
        (b'{"method":"public/subscribe","params":{"channels":[]}}', Why.SENT),
    ],
)
def test_what_is_known_and_not_used(payload: bytes, why: Why) -> None:
    assert parse(payload) == [Ignored(why)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id":1,"result":{"new":"thing"}}',
        on("book.X.raw", '{"type":"change"}'),
        on("book.X.raw", "null"),
        on("sparkle.X", "{}"),
        on(
            "trades.X.raw",
            '[{"timestamp":1,"price":"abc","amount":1,"direction":"buy","instrument_name":"X","trade_id":"1"}]',
        ),
        on("quote.X", '{"instrument_name":"X","timestamp":99999999999999999}'),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_unknown(payload: bytes) -> None:
    (message,) = parse(payload)
    assert isinstance(message, Unknown)
    assert 0 < len(message.what) <= 80
