"""A book kept from messages: equal to the venue's own, or in doubt; every message has one outcome."""

import zlib
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.market.book import levels
from narrows.venue.feed.binance import FUTURES, SPOT
from narrows.venue.feed.levels import pack, scale
from narrows.venue.feed.messages import Delta, Ignored, Message, Snapshot, Unknown, Why
from narrows.venue.feed.reason import Doubt, Outcome
from narrows.venue.feed.sequence import Rule, Verdict, unnumbered
from narrows.venue.feed.sync import BookFeed

MS = 1_000_000
GRID = scale("0.1", "1")
SENT = Rule(
    joins=lambda last, delta: Verdict.APPLY if delta.previous == last else Verdict.GAP,
    follows=lambda last, delta: (
        Verdict.OLD if delta.last <= last else Verdict.APPLY if delta.previous == last else Verdict.GAP
    ),
)
Levels = dict[int, int]


def text(side: Levels) -> bytes:
    return pack((f"{tick / 10}", str(lots)) for tick, lots in side.items())


def snapshot(last: int, bids: Levels, asks: Levels, time_ns: int = 0, **more: int) -> Snapshot:
    return Snapshot("X", time_ns, last, text(bids), text(asks), **more)


def delta(
    first: int, last: int, bids: Levels, asks: Levels, time_ns: int = 0, checksum: int | None = None
) -> Delta:
    return Delta("X", time_ns, first, last, first - 1, text(bids), text(asks), checksum)


def feed(rule: Rule = SPOT, **more: int) -> BookFeed:
    return BookFeed("X", GRID, rule, **more)


def sides(one: BookFeed) -> tuple[Levels, Levels]:
    bids, asks = (
        dict(zip(*(column.tolist() for column in levels(one.book, is_ask)), strict=True))
        for is_ask in (False, True)
    )
    return bids, asks


def live(rule: Rule = SPOT, **more: int) -> BookFeed:
    """A book at update 10, bids 100 and 99, asks 101 and 102, tradable."""
    one = feed(rule, **more)
    one.take(snapshot(10, {100: 5, 99: 7}, {101: 4, 102: 6}), 0)
    assert one.tradable
    return one


class Venue(NamedTuple):
    """What a venue sends and what its book is after each update."""

    deltas: list[Delta]
    truth: dict[int, tuple[Levels, Levels]]


CHANGES = st.lists(
    st.tuples(st.booleans(), st.integers(1, 12), st.sampled_from([0, 0, 1, 2, 3])), min_size=1, max_size=3
)


@st.composite
def venues(draw: st.DrawFn) -> Venue:
    book: tuple[Levels, Levels] = ({100: 1}, {101: 1})
    truth = {0: (dict(book[0]), dict(book[1]))}
    deltas, update = [], 0
    for changes in draw(st.lists(CHANGES, min_size=3, max_size=25)):
        sent: tuple[Levels, Levels] = ({}, {})
        first = update + 1
        for is_ask, distance, lots in changes:
            tick = 100 + distance if is_ask else 101 - distance
            sent[is_ask][tick] = lots
            book[is_ask][tick] = lots
            if lots == 0:
                del book[is_ask][tick]
            update += 1
            truth[update] = (dict(book[0]), dict(book[1]))
        deltas.append(delta(first, update, *sent, update * MS))
    return Venue(deltas, truth)


@st.composite
def arrived(draw: st.DrawFn) -> tuple[Rule, Venue, list[Message]]:
    """Messages as a bad line delivers them: lost, twice, late, damaged, snapshots old and new among them."""
    rule, venue = draw(st.sampled_from([SPOT, FUTURES, SENT])), draw(venues())
    messages: list[Message] = []
    for one in venue.deltas:
        fate = draw(
            st.sampled_from(["sent"] * 12 + ["lost", "twice", "late", "damaged", "unknown", "snapshot"] * 2)
        )
        if fate == "late" and messages:
            messages.insert(len(messages) - 1, one)
        elif fate == "damaged":
            messages.append(replace_levels(one))
        elif fate != "lost":
            messages += [one] * (2 if fate == "twice" else 1)
        if fate == "unknown":
            messages.append(Unknown("line noise"))
        if fate == "snapshot" or one is venue.deltas[1]:
            last = max(0, one.last - (draw(st.integers(0, 9)) if not rule.in_stream else 0))
            messages.append(snapshot(last, *venue.truth[last]))
    return rule, venue, messages


def replace_levels(one: Delta) -> Delta:
    return Delta(one.symbol, one.time_ns, one.first, one.last, one.previous, one.bids[:-1], one.asks)


@settings(max_examples=100, deadline=None)
@given(arrived(), st.integers(1, 6))
def test_a_book_is_the_venues_own_or_there_is_none(
    case: tuple[Rule, Venue, list[Message]], kept: int
) -> None:
    rule, venue, messages = case
    one = feed(rule, kept=kept)
    for count, message in enumerate(messages, 1):
        one.take(message, count * MS)
        assert one.outcomes.total() + one.undecided == count
        if one.last < 0:
            assert not one.tradable
            assert sides(one) == ({}, {})
            continue
        ours, true = sides(one), venue.truth[one.last]
        low, high = one.reach
        assert ours[0].items() <= true[0].items()
        assert ours[1].items() <= true[1].items()
        assert {t: n for t, n in true[0].items() if low is None or t >= low}.items() <= ours[0].items()
        assert {t: n for t, n in true[1].items() if high is None or t <= high}.items() <= ours[1].items()
        if one.tradable:
            assert max(ours[0]) == max(true[0])
            assert min(ours[1]) == min(true[1])
            assert max(ours[0]) < min(ours[1])
    assert one.doubts[Doubt.DIFFERS] == 0


def test_changes_wait_for_the_snapshot_and_are_joined_by_their_updates() -> None:
    one = feed()
    for number in range(8, 13):
        one.take(delta(number, number, {100: number}, {}), 0)
    assert one.doubt is Doubt.WAITING
    assert one.wants_snapshot
    assert one.undecided == 5
    one.take(snapshot(10, {100: 5, 99: 7}, {101: 4}), 0)
    assert one.outcomes == {Outcome.ADOPTED: 1, Outcome.INCLUDED: 3, Outcome.APPLIED: 2}
    assert sides(one) == ({100: 12, 99: 7}, {101: 4})
    assert one.last == 12
    assert one.tradable


def test_a_snapshot_older_than_what_is_kept_is_asked_for_again() -> None:
    one = feed(kept=2)
    for number in (20, 21, 22):
        one.take(delta(number, number, {100: number}, {}), 0)
    one.take(snapshot(19, {100: 5}, {101: 4}), 0)
    assert one.outcomes == {Outcome.OVERFLOW: 1, Outcome.SNAPSHOT_TOO_OLD: 1}
    assert one.doubt is Doubt.WAITING
    assert one.undecided == 2
    one.take(snapshot(21, {100: 5}, {101: 4}), 0)
    assert one.tradable


def test_a_gap_empties_the_book_until_a_snapshot_is_joined() -> None:
    one = live()
    one.take(delta(11, 11, {100: 6}, {}), 1)
    one.take(delta(13, 13, {100: 8}, {}), 2)
    assert one.doubt is Doubt.GAP
    assert one.wants_snapshot
    assert one.best().bid_lots == 0
    one.take(snapshot(12, {100: 7}, {101: 4}), 3)
    assert one.tradable
    assert one.best().bid_lots == 8
    assert one.doubts == {Doubt.WAITING: 1, Doubt.GAP: 1}


def test_a_gap_among_those_that_wait_is_found_when_they_are_joined() -> None:
    one = feed()
    for number in (11, 12, 14):
        one.take(delta(number, number, {100: number}, {}), 0)
    one.take(snapshot(10, {100: 5}, {101: 4}), 0)
    assert one.doubt is Doubt.GAP
    assert one.undecided == 1
    one.take(snapshot(13, {100: 5}, {101: 4}), 0)
    assert one.tradable
    assert one.outcomes[Outcome.APPLIED] == 3


def test_what_comes_twice_or_too_late_changes_nothing() -> None:
    one = live()
    for number in (11, 12, 12, 11):
        one.take(delta(number, number, {100: number}, {}), 1)
    assert one.outcomes[Outcome.DUPLICATE] == 1
    assert one.outcomes[Outcome.OUT_OF_ORDER] == 1
    assert one.best().bid_lots == 12
    assert one.tradable


@pytest.mark.parametrize(
    ("bids", "outcome"),
    [
        (b'[["10.0"', Outcome.MALFORMED),
        (b'[["10.0","-1"]]', Outcome.NEGATIVE),
        (b'[["10.01","1"]]', Outcome.OFF_TICK),
        (b'[["10.0","1.5"]]', Outcome.OFF_LOT),
        (b'[["10.0","1e40"]]', Outcome.TOO_LONG),
    ],
)
@pytest.mark.parametrize("rule", [SPOT, SENT])
def test_a_change_that_cannot_be_read_ends_the_book(rule: Rule, bids: bytes, outcome: Outcome) -> None:
    one = live(rule)
    one.take(Delta("X", 0, 11, 11, 10, bids, b"[]"), 1)
    assert one.outcomes == {Outcome.ADOPTED: 1, outcome: 1}
    assert one.doubt is Doubt.DAMAGED
    one.take(Snapshot("X", 0, 12, bids, b"[]"), 2)
    assert one.outcomes[outcome] == 2
    assert one.doubt is Doubt.DAMAGED


def test_a_damaged_snapshot_for_comparing_leaves_a_good_book_alone() -> None:
    one = live()
    one.take(Snapshot("X", 0, 10, b"[", b"[]"), 1)
    assert one.outcomes[Outcome.MALFORMED] == 1
    assert one.tradable


def test_a_crossed_book_is_not_tradable_until_resolved_and_given_up_if_it_stays_so() -> None:
    one = live(stale_ms=100)
    one.take(delta(11, 11, {101: 1}, {}), MS)
    assert one.doubt is Doubt.CROSSED
    one.take(delta(12, 12, {}, {101: 0}), 2 * MS)
    assert one.tradable
    one.take(delta(13, 13, {102: 1}, {}), 3 * MS)
    one.take(delta(14, 14, {99: 1}, {}), 50 * MS)
    assert one.doubt is Doubt.CROSSED
    one.take(delta(15, 15, {99: 2}, {}), 104 * MS)
    assert one.doubt is Doubt.CROSSED
    assert one.wants_snapshot
    assert one.doubts[Doubt.CROSSED] == 3


def test_silence_makes_a_book_stale_and_a_change_ends_it() -> None:
    one = live(stale_ms=100)
    one.wait(100 * MS)
    assert one.tradable
    one.take(Ignored(Why.CONTROL), 101 * MS)
    assert one.doubt is Doubt.STALE
    one.wait(150 * MS)
    assert one.doubts[Doubt.STALE] == 1
    one.take(delta(11, 11, {100: 1}, {}), 151 * MS)
    assert one.tradable
    one.take(delta(11, 11, {100: 1}, {}), 300 * MS)  # what is old shows no life
    assert one.doubt is Doubt.STALE


def test_clocks_that_jump_are_counted_and_doubted() -> None:
    now = 10_000 * MS
    one = feed(skew_ms=1_000)
    one.take(snapshot(10, {100: 5}, {101: 4}), now)
    steps = [
        (now, now, None),
        (now, now - 10, Doubt.VENUE_BACK),
        (now + 1, now, None),
        (now + 2, now + 1_001 * MS, Doubt.AHEAD),
        (now + 3, now + 1, None),  # one time too far ahead does not make those after it too early
        (now + 2_000 * MS, now + 10 * MS, Doubt.LATE),
        (now + 2_000 * MS, now + 1_999 * MS, None),
        (now, now + 1_999 * MS, Doubt.AHEAD),  # the receive clock went back, so the venue's is ahead
        (now - 1, now, Doubt.VENUE_BACK),
        (now + 1, now + 1_000 * MS, None),
        (now + 2, now + 1_000 * MS, None),
    ]
    for number, (received, time, doubt) in enumerate(steps, 11):
        one.take(delta(number, number, {100: number}, {}, time), received)
        assert one.doubt is doubt, number
    told = Counter(doubt for _, _, doubt in steps if doubt)
    assert one.doubts == told + Counter({Doubt.WAITING: 1, Doubt.CLOCK_BACK: 2})
    one.wait(now + 3)
    assert one.tradable
    one.wait(now + 2)
    assert one.doubt is Doubt.CLOCK_BACK


def test_a_stream_that_breaks_off_leaves_no_book() -> None:
    one = live()
    one.break_off(1)
    assert one.doubt is Doubt.BROKEN
    one.take(delta(12, 12, {100: 1}, {}), 2)
    one.break_off(3)
    assert one.outcomes == {Outcome.ADOPTED: 1, Outcome.MISSED: 1}
    one.take(snapshot(20, {100: 5}, {101: 4}), 4)
    assert one.tradable


def test_an_empty_side_is_not_tradable() -> None:
    one = live(SENT)
    one.take(delta(11, 11, {}, {101: 0, 102: 0}), 1)
    assert one.doubt is Doubt.EMPTY


def test_beyond_the_depth_of_the_snapshot_a_side_may_lack_levels() -> None:
    one = live()
    one.take(delta(11, 11, {100: 0, 98: 3}, {}), 1)
    assert one.tradable
    one.take(delta(12, 12, {99: 0}, {}), 2)  # something between 98 and 99 may have been there all along
    assert one.doubt is Doubt.BEYOND
    assert one.wants_snapshot
    one.take(snapshot(12, {98: 3, 97: 1}, {101: 4, 102: 6, 103: 9}), 3)
    assert one.tradable
    assert one.doubts[Doubt.DIFFERS] == 0
    assert sides(one) == ({98: 3, 97: 1}, {101: 4, 102: 6, 103: 9})


def test_a_fresh_snapshot_is_brought_up_to_the_book_and_differences_are_counted_by_level() -> None:
    one = live()
    one.take(delta(11, 11, {98: 3}, {}), 1)
    one.take(delta(12, 12, {100: 9}, {101: 2}), 2)
    fresh = snapshot(11, {100: 5, 99: 8, 98: 3, 97: 1}, {101: 4, 102: 6, 103: 1})
    one.take(fresh, 3)
    assert one.outcomes[Outcome.COMPARED] == 1
    assert one.doubts[Doubt.DIFFERS] == 1  # the size at 99; 97 and 103 lie beyond the first snapshot
    assert sides(one) == ({100: 9, 99: 8, 98: 3, 97: 1}, {101: 2, 102: 6, 103: 1})
    assert one.reach == (97, 103)
    one.take(fresh, 4)
    assert one.doubts[Doubt.DIFFERS] == 1


def test_a_snapshot_from_ahead_waits_for_the_book() -> None:
    one = live()
    one.take(snapshot(12, {100: 3}, {101: 4}), 1)
    one.take(snapshot(13, {100: 3}, {101: 4}), 1)
    assert one.outcomes[Outcome.OVERTAKEN] == 1
    one.take(delta(11, 12, {100: 1}, {}), 2)
    assert one.undecided == 1
    one.take(delta(13, 14, {100: 2}, {}), 3)
    assert one.outcomes[Outcome.COMPARED] == 1
    assert one.tradable


def test_a_snapshot_that_can_no_longer_be_brought_up_to_the_book_is_counted() -> None:
    one = live(kept=1)
    one.take(delta(11, 11, {100: 1}, {}), 1)
    one.take(delta(12, 12, {100: 2}, {}), 2)
    one.take(snapshot(10, {100: 5}, {101: 4}), 3)
    assert one.outcomes[Outcome.SNAPSHOT_TOO_OLD] == 1
    assert one.tradable


def test_snapshots_in_the_stream_replace_the_book_and_test_it() -> None:
    one = feed(SENT)
    one.take(delta(9, 9, {}, {}), 0)
    assert one.outcomes[Outcome.UNJOINED] == 1
    one.take(snapshot(10, {100: 5}, {101: 4}, 20), 20)
    one.take(snapshot(10, {100: 5, 99: 1}, {101: 3}, 30), 30)
    assert one.doubts[Doubt.DIFFERS] == 2
    one.take(snapshot(8, {90: 5}, {91: 3}, 10), 40)
    assert one.outcomes[Outcome.OUT_OF_ORDER] == 1
    assert sides(one) == ({100: 5, 99: 1}, {101: 3})


def crc(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> int:
    return zlib.crc32(repr((bids, asks)).encode())


def test_a_checksum_is_taken_over_the_digits_sent_and_a_mismatch_ends_the_book() -> None:
    one = feed(Rule(joins=unnumbered, follows=unnumbered, checksum=crc))
    right = crc([("10.00", "5.0")], [("10.1", "4")])
    one.take(Snapshot("X", 0, -1, b'[["10.00","5.0"]]', b'[["10.1","4"]]', right), 0)
    assert one.tradable
    right = crc([("10.00", "2.00")], [("10.1", "4")])
    one.take(Delta("X", 0, -1, -1, -1, b'[["10.00","2.00"]]', b"[]", right), 0)
    assert one.tradable
    one.take(Delta("X", 0, -1, -1, -1, b'[["10.00","3.00"]]', b"[]", right), 0)
    assert one.doubt is Doubt.CHECKSUM
    assert one.outcomes == {Outcome.ADOPTED: 1, Outcome.APPLIED: 1, Outcome.CHECKSUM: 1}


def test_levels_below_the_depth_that_a_venue_speaks_of_are_dropped() -> None:
    one = feed(SENT)
    one.take(snapshot(10, {100: 5, 99: 7}, {101: 4, 102: 6}, depth=2), 0)
    one.take(delta(11, 11, {98: 1}, {100: 0, 103: 1}), 0)
    one.take(delta(12, 12, {100: 0}, {101: 0}), 0)
    assert sides(one) == ({99: 7}, {102: 6})


def test_an_unknown_message_ends_a_book_in_which_nothing_is_numbered() -> None:
    one = live(SENT)
    one.take(Unknown("?"), 0)
    assert one.tradable
    one = feed(Rule(joins=unnumbered, follows=unnumbered))
    one.take(snapshot(-1, {100: 5}, {101: 4}), 0)
    assert one.tradable
    one.take(Unknown("?"), 0)
    assert one.doubt is Doubt.UNKNOWN


def test_messages_of_others_move_only_the_time() -> None:
    one = live()
    one.take(Delta("Y", 0, 11, 11, 10, b"[]", b"[]"), 1)
    one.take(Snapshot("Y", 0, 11, b"[]", b"[]"), 2)
    one.take(Ignored(Why.ACCOUNT), 3)
    assert one.outcomes == {Outcome.ADOPTED: 1, Outcome.ELSEWHERE: 2, Outcome.NOT_BOOK: 1}
    assert one.last == 10
    assert one.now_ns == 3
