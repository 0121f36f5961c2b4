"""Recorded traffic of Bybit, OKX and Hyperliquid read and followed, each message accounted for.

The books are kept here in plain dicts by the digits that were sent, apart from the code that keeps them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from narrows.live.recording import read_recording
from narrows.venue.feed.levels import texts
from narrows.venue.feed.messages import Delta, Ignored, Message, Quote, Snapshot, Trade, Unknown
from narrows.venue.feed.registry import FEEDS, Feed
from narrows.venue.feed.sequence import Verdict

Side = dict[str, str]

FIXTURES = {  # payload files of one message each: messages by kind, and by reason where not used
    "bybit": {
        "account": 34,
        "listing": 9,
        "statistics": 3,
        "control": 1,
        "error": 1,
        "Snapshot": 2,
        "Delta": 1,
        "Trade": 2,
        "Reference": 2,
        "Quote": 1,
    },
    "okx": {
        "account": 33,
        "listing": 9,
        "statistics": 6,
        "Snapshot": 2,
        "Delta": 1,
        "Trade": 3,
        "Reference": 3,
        "Quote": 2,
    },
    "hyperliquid": {"account": 4, "listing": 3, "statistics": 3, "Snapshot": 3, "Trade": 3},
}
# a test of that library's own reading of numbers, which no venue sends
NOT_A_MESSAGE = {"common_optional_string_to_u64.json"}


def kind(message: Message) -> str:
    """Its type, or the reason why it is not used."""
    return message.why.value if isinstance(message, Ignored) else type(message).__name__


@dataclass
class Followed:
    """Books kept in dicts, and what happened."""

    bids: dict[str, Side] = field(default_factory=dict)
    asks: dict[str, Side] = field(default_factory=dict)
    sequence: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    crossed: int = 0

    def ranked(self, symbol: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Both sides, best first."""
        bids = sorted(self.bids[symbol].items(), key=lambda level: -Decimal(level[0]))
        return bids, sorted(self.asks[symbol].items(), key=lambda level: Decimal(level[0]))

    def take(self, message: Snapshot | Delta, feed: Feed) -> None:
        symbol = message.symbol
        if isinstance(message, Snapshot):
            self.bids[symbol], self.asks[symbol] = {}, {}
            self.sequence[symbol] = message.sequence
        else:
            verdict = feed.rule.follows(self.sequence[symbol], message)
            self.counts[verdict.value] += 1
            if verdict is not Verdict.APPLY:
                return
            self.sequence[symbol] = message.last
        for side, levels in ((self.bids, message.bids), (self.asks, message.asks)):
            for price, size in texts(levels):
                if Decimal(size):
                    side[symbol][price] = size
                else:
                    self.counts["delete of nothing"] += side[symbol].pop(price, None) is None
        bids, asks = self.ranked(symbol)
        self.crossed += Decimal(bids[0][0]) >= Decimal(asks[0][0])
        if message.checksum is not None and feed.rule.checksum:
            right = feed.rule.checksum(bids, asks) == message.checksum
            self.counts["checksum right" if right else "checksum wrong"] += 1


def messages(path: Path, venue: str) -> Iterator[Message]:
    """All that the venue said in a recording."""
    for received in read_recording(path):
        if not received.sent:
            yield from FEEDS[venue].parse(received.payload, "")


def follow(path: Path, venue: str) -> Followed:
    """The books of a recording, with the kinds of all its messages counted."""
    followed = Followed()
    for message in messages(path, venue):
        followed.counts[kind(message)] += 1
        if isinstance(message, Snapshot | Delta):
            followed.take(message, FEEDS[venue])
    return followed


@pytest.mark.parametrize("venue", FIXTURES)
def test_every_single_payload_is_read_or_has_a_reason(data_root: Path, venue: str) -> None:
    counts = Counter[str]()
    for path in sorted((data_root / "exchange_payloads" / "nautilus" / venue).glob("*.json")):
        told = FEEDS[venue].parse(path.read_bytes(), "SYMBOL")
        if path.name in NOT_A_MESSAGE:
            assert [type(one) for one in told] == [Unknown]
        else:
            counts.update(map(kind, told))
    assert counts == FIXTURES[venue]


def test_bybit_500_levels_of_2024_without_a_gap(data_root: Path) -> None:
    followed = follow(data_root / "nautilus" / "bybit_XRPUSDT_ob500_20241201.data.zip", "bybit")
    assert followed.counts == Counter({"Snapshot": 1, "Delta": 49, "apply": 49})
    assert followed.sequence == {"XRPUSDT": 20254869 + 49}  # u of the snapshot, and one each
    bids, asks = followed.ranked("XRPUSDT")
    assert (len(bids), len(asks), followed.crossed) == (500, 500, 0)  # the venue deletes what falls below
    assert (bids[0][0], asks[0][0]) == ("1.9537", "1.9538")


@pytest.mark.parametrize(
    ("name", "books", "counts"),
    [
        (
            "BYBIT.ws.25.0.zst",
            8,
            {"control": 16, "Snapshot": 8, "Delta": 3252, "apply": 3252, "Trade": 101},
        ),
        (
            "BYBIT.ws.26.0.zst",
            2,
            {"control": 4, "Snapshot": 2, "Delta": 1016, "apply": 1016, "Trade": 150},
        ),
    ],
)
def test_bybit_25_levels_of_2021(data_root: Path, name: str, books: int, counts: dict[str, int]) -> None:
    followed = follow(data_root / "exchange_payloads" / "cryptofeed" / name, "bybit")
    # no "delete of nothing" among them: without that, a growing number alone would not tell a lost message
    assert followed.counts == Counter(counts)
    assert (len(followed.bids), followed.crossed) == (books, 0)
    for symbol in followed.bids:
        assert [len(side) for side in followed.ranked(symbol)] == [25, 25]


def test_okx_every_checksum_of_2022_is_right(data_root: Path) -> None:
    followed = follow(data_root / "exchange_payloads" / "cryptofeed" / "OKX.ws.1.0.zst", "okx")
    assert followed.counts == Counter(
        {
            "control": 18,
            "Quote": 28,
            "Trade": 74,
            "Snapshot": 3,
            "Delta": 287,
            "apply": 287,
            "checksum right": 290,
            # of levels that came and went between two messages; by the checksums no book misses one
            "delete of nothing": 953,
        }
    )
    assert (len(followed.bids), followed.crossed) == (3, 0)
    assert [len(side) for side in followed.ranked("BTC-USDT")] == [400, 400]


def test_okx_one_lost_message_is_seen_by_the_checksum(data_root: Path) -> None:
    feed, followed = FEEDS["okx"], Followed()
    path = data_root / "exchange_payloads" / "cryptofeed" / "OKX.ws.1.0.zst"
    books = [one for one in messages(path, "okx") if isinstance(one, Snapshot | Delta)]
    books = [one for one in books if one.symbol == "BTC-USDT"]
    for place, message in enumerate(books):
        if place != 10:
            followed.take(message, feed)
    # wrong from the lost one on, until the levels that it changed have changed again
    assert followed.counts["checksum wrong"] > 0
    assert followed.counts["checksum right"] >= 10


def test_hyperliquid_books_come_whole(data_root: Path) -> None:
    path = data_root / "hftbacktest" / "hyperliquid" / "btcusd_20250126.gz"
    followed = follow(path, "hyperliquid")
    assert followed.counts == Counter({"Snapshot": 46, "Trade": 64})
    assert followed.crossed == 0
    books = [one for one in messages(path, "hyperliquid") if isinstance(one, Snapshot)]
    assert all(len(texts(side)) == 20 for one in books for side in (one.bids, one.asks))
    assert all(0 <= after.time_ns - before.time_ns < 1_000_000_000 for before, after in pairwise(books))


def test_okx_quotes_and_trades_are_within_10_bp_of_the_book_before_them(data_root: Path) -> None:
    feed, followed = FEEDS["okx"], Followed()
    near = Counter[bool]()
    for message in messages(data_root / "exchange_payloads" / "cryptofeed" / "OKX.ws.1.0.zst", "okx"):
        if isinstance(message, Snapshot | Delta):
            followed.take(message, feed)
        elif isinstance(message, Trade | Quote) and message.symbol in followed.bids:
            bids, asks = followed.ranked(message.symbol)
            middle = (Decimal(bids[0][0]) + Decimal(asks[0][0])) / 2
            price = message.price if isinstance(message, Trade) else message.bid
            near[abs(Decimal(price) / middle - 1) < Decimal("0.001")] += 1
    assert near == {True: 96}
