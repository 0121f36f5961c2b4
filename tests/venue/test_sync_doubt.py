"""Ways to trade on a stale book that the fuzzer found: an old answer, a change unseen or unnumbered."""

import pytest

from narrows.venue.feed import bybit, okx
from narrows.venue.feed.binance import FUTURES, SPOT
from narrows.venue.feed.levels import scale
from narrows.venue.feed.messages import Delta, Snapshot, Unknown
from narrows.venue.feed.reason import Doubt, Outcome
from narrows.venue.feed.sequence import Rule
from narrows.venue.feed.sync import BookFeed

BIDS, ASKS, LATER = b'[["1.0","5"]]', b'[["1.1","5"]]', b'[["1.0","6"]]'
UNREADABLE = b'[["1.05","5"]]'  # between two ticks


def following(rule: Rule, deltas: list[Delta]) -> BookFeed:
    feed = BookFeed("X", scale("0.1", "1"), rule)
    feed.take(Snapshot("X", 0, 10, BIDS, ASKS), 0)
    for delta in deltas:
        feed.take(delta, 0)
    return feed


@pytest.mark.parametrize("rule", [SPOT, FUTURES])
def test_a_snapshot_older_than_the_book_that_was_lost_is_not_taken(rule: Rule) -> None:
    """A REST answer may come out of a cache; what happened after it was in the book that we gave up."""
    feed = following(
        rule, [Delta("X", 0, 11, 12, 10, LATER, b"[]"), Delta("X", 0, 13, 13, 12, UNREADABLE, b"[]")]
    )
    assert feed.doubt is Doubt.DAMAGED
    feed.take(Snapshot("X", 0, 12, BIDS, ASKS), 0)  # without update 13, which we know of
    assert feed.doubt is Doubt.DAMAGED
    assert feed.outcomes[Outcome.SNAPSHOT_TOO_OLD] == 1
    feed.take(Snapshot("X", 0, 13, BIDS, ASKS), 0)
    assert feed.tradable
    feed.take(Delta("X", 0, 14, 14, 13, LATER, b"[]"), 0)
    assert (feed.tradable, feed.last, feed.undecided) == (True, 14, 0)


def test_after_a_lost_connection_any_snapshot_may_begin_a_book() -> None:
    feed = following(SPOT, [Delta("X", 0, 11, 12, 10, LATER, b"[]")])
    feed.break_off(1)
    feed.take(Snapshot("X", 0, 9, BIDS, ASKS), 2)
    assert feed.tradable


def test_what_cannot_be_read_may_have_been_a_change_that_no_number_shows() -> None:
    """The numbers of Bybit's books of 2021 only grow; those of today count, so the next shows a loss."""
    blind, counting = Delta("X", 0, -1, 12, -1, LATER, b"[]"), Delta("X", 0, 11, 11, -1, LATER, b"[]")
    for delta, doubt in ((blind, Doubt.UNKNOWN), (counting, None)):
        feed = following(bybit.RULE, [delta])
        feed.take(Unknown("not JSON"), 0)
        assert feed.doubt is doubt


@pytest.mark.parametrize("rule", [SPOT, FUTURES, bybit.RULE, okx.RULE])
def test_a_change_without_a_number_does_not_follow_in_a_book_that_has_them(rule: Rule) -> None:
    feed = following(rule, [Delta("X", 0, -1, -1, -1, LATER, b"[]")])
    assert feed.doubt is Doubt.GAP
