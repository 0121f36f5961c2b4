"""Inputs of the fuzzer driven through a parser and on into a book, beside the oracle."""

from decimal import Decimal
from typing import get_args

import msgspec

from fuzz.oracle import Oracle
from fuzz.streams import Stream
from narrows.venue.feed.messages import Delta, Message, Quote, Reference, Snapshot, Trade, Unknown
from narrows.venue.feed.registry import FEEDS
from narrows.venue.feed.sync import BookFeed

_KINDS = get_args(Message)
_INT64 = 2**63
_FOREVER_MS = 10**13


def parsed(venue: str, payload: bytes, symbol: str) -> list[Message]:
    """What the parser makes of a payload, each message looked at.

    Raises
    ------
    AssertionError
        A message has a number that no 64-bit column holds, or text where levels should stand.
    """
    messages = FEEDS[venue].parse(payload, symbol)
    for message in messages:
        assert isinstance(message, _KINDS), message
        if isinstance(message, Unknown):
            assert len(messages) == 1, messages  # a payload is read whole or not at all
            assert 0 < len(message.what) <= 80, message
        if isinstance(message, Snapshot | Delta | Trade | Quote | Reference):
            msgspec.json.encode(message)  # its text is text
            assert 0 <= message.time_ns < _INT64, message
        if isinstance(message, Snapshot):
            assert -1 <= message.sequence < _INT64, message
        if isinstance(message, Delta):
            assert all(-1 <= number < _INT64 for number in (message.first, message.last, message.previous)), (
                message
            )
        if isinstance(message, Snapshot | Delta):
            assert message.bids.startswith(b"["), message
            assert message.asks.startswith(b"["), message
            assert message.checksum is None or abs(message.checksum) < _INT64, message
    return messages


def followed(stream: Stream, payloads: list[bytes], exact: bool) -> tuple[int, int]:
    """A stream as it arrived, kept by our feed and by the oracle: how often ours is tradable, how often not.

    Clocks are left aside: the feed's own tests turn them.

    Parameters
    ----------
    stream : Stream
    payloads : list of bytes
        In the order of arrival.
    exact : bool
        Whether the best prices must be the oracle's too. Where payloads were changed, a snapshot that was
        asked for may be wrong, and either opinion on it is as good.

    Raises
    ------
    AssertionError
        A book in doubt is tradable.
    """
    feed = BookFeed(
        stream.symbol, stream.scale, FEEDS[stream.venue].rule, stale_ms=_FOREVER_MS, skew_ms=_FOREVER_MS
    )
    oracle, tradable, now_ns = Oracle(stream), 0, 0
    for payload in payloads:
        for message in parsed(stream.venue, payload, stream.symbol):
            now_ns += 1_000_000
            feed.take(message, now_ns)
            oracle.take(message)
        if feed.tradable:
            tradable += 1
            assert oracle.intact, (stream.venue, stream.symbol, feed.last, oracle.last, payload[:200])
            assert feed.last == oracle.last, (feed.last, oracle.last)
            if exact:
                assert best_of(feed) == best_of(oracle), (best_of(feed), best_of(oracle), payload[:200])
    return tradable, len(payloads) - tradable


def best_of(book: BookFeed | Oracle) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Best bid, its size, best ask, its size."""
    if isinstance(book, BookFeed):
        grid, found = book.grid, book.best()
        tick, lot = Decimal(grid.tick).scaleb(-grid.tick_digits), Decimal(grid.lot).scaleb(-grid.lot_digits)
        return found[0] * tick, found[1] * lot, found[2] * tick, found[3] * lot
    (bid, bid_size), (ask, ask_size) = book.best(book.bids, True, 1)[0], book.best(book.asks, False, 1)[0]
    return Decimal(bid), Decimal(bid_size), Decimal(ask), Decimal(ask_size)
