"""Recorded BTC books: the page is what the recordings give, and a plain dict agrees level by level."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from narrows.live.recording import read_recording
from narrows.market.book import levels
from narrows.venue.feed.levels import scale
from narrows.venue.feed.messages import Delta, Message, Quote, Snapshot
from narrows.venue.feed.reason import Doubt, Outcome
from narrows.venue.feed.registry import FEEDS
from narrows.venue.feed.sync import BookFeed
from realdata.real import REPOSITORY

SPOT, LINEAR = "spot/btcusdt_20240808.gz", "usdm/btcusdt_20240808.gz"


def messages(root: Path, file: str, venue: str) -> list[tuple[int, Message]]:
    return [
        (received.time_ns, message)
        for received in read_recording(root / "hftbacktest" / file)
        for message in FEEDS[venue].parse(received.payload, "BTCUSDT")
    ]


def test_the_page_is_what_its_script_writes(data_root: Path) -> None:
    script = REPOSITORY / "scripts" / "studies" / "btc_books.py"
    environment = {**os.environ, "NARROWS_DATA": str(data_root)}
    run = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_the_page_says_that_every_comparable_quote_is_equal() -> None:
    text = (REPOSITORY / "docs" / "studies" / "btc-books.md").read_text("utf-8")
    rows = {row[0]: row[1:] for line in text.splitlines() if len(row := line.strip("| ").split(" | ")) == 4}
    comparable = rows["with the number of a change of the book"]
    assert [int(cell.replace(",", "")) > 500 for cell in comparable] == [True] * 3
    assert rows["of them equal in price and size, both sides"] == comparable
    assert not {str(Doubt.GAP), str(Outcome.MALFORMED), str(Outcome.UNKNOWN)} & set(rows)


def test_a_dict_of_decimals_gives_the_same_book_and_the_recorded_quotes(data_root: Path) -> None:
    """Spot, read by json and kept by dicts, apart from our parser, scanner, rule and book."""
    feed = BookFeed("BTCUSDT", scale("0.01", "0.00000001"), FEEDS["binance"].rule)
    told = messages(data_root, SPOT, "binance")
    quotes = {message.sequence: message for _, message in told if isinstance(message, Quote)}
    for received, message in told:
        feed.take(message, received)
    whole = [
        json.loads(m.payload)
        for m in read_recording(data_root / "hftbacktest" / SPOT)
        if b"epth" in m.payload[:40] or b"lastU" in m.payload[:20]
    ]
    sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
    (start,) = (one for one in whole if "lastUpdateId" in one)
    changes = [one["data"] for one in whole if "data" in one and one["data"]["u"] > start["lastUpdateId"]]
    last, equal = start["lastUpdateId"], 0
    for place, one in enumerate([{"b": start["bids"], "a": start["asks"]}, *changes]):
        for side, key in zip(sides, "ba", strict=True):
            for price, size in one[key]:
                side.pop(Decimal(price), None)
                if Decimal(size):
                    side[Decimal(price)] = Decimal(size)
        if place:
            assert one["U"] <= last + 1 <= one["u"] if place == 1 else one["U"] == last + 1
            last = one["u"]
            if quote := quotes.get(last):
                bid, ask = max(sides[0]), min(sides[1])
                best = (bid, sides[0][bid], ask, sides[1][ask])
                assert best == tuple(map(Decimal, (quote.bid, quote.bid_size, quote.ask, quote.ask_size)))
                equal += 1
    assert equal > 500
    assert feed.last == last
    for is_ask, side in enumerate(sides):
        ticks, lots = levels(feed.book, bool(is_ask))
        ours = dict(zip(ticks.tolist(), lots.tolist(), strict=True))
        assert ours == {int(price * 100): int(size * 10**8) for price, size in side.items()}


def test_a_change_that_is_lost_shows_with_the_next_one(data_root: Path) -> None:
    told = [
        pair for pair in messages(data_root, LINEAR, "binance-usdm") if isinstance(pair[1], Snapshot | Delta)
    ][:400]
    start = next(place for place, (_, message) in enumerate(told) if isinstance(message, Snapshot))
    for lost in range(start + 5, 390, 35):
        feed = BookFeed("BTCUSDT", scale("0.1", "0.001"), FEEDS["binance-usdm"].rule)
        for received, message in told[:lost]:
            feed.take(message, received)
        assert feed.tradable
        feed.take(told[lost + 1][1], told[lost + 1][0])
        assert feed.doubt is Doubt.GAP


@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
def test_every_book_of_the_short_recordings_is_joined(data_root: Path, venue: str) -> None:
    """Four symbols each; the snapshots come by REST while the stream runs."""
    name = {"binance": "BINANCE", "binance-usdm": "BINANCE_FUTURES"}[venue]
    folder = data_root / "exchange_payloads" / "cryptofeed"
    told: list[tuple[int, Message]] = []
    for file in (f"{name}.http.0.0.zst", f"{name}.ws.1.0.zst"):
        for received in read_recording(folder / file):
            symbol = received.source.partition("symbol=")[2].partition("&")[0]
            told += [(received.time_ns, message) for message in FEEDS[venue].parse(received.payload, symbol)]
    told.sort(key=lambda pair: pair[0])
    symbols = {message.symbol for _, message in told if isinstance(message, Snapshot)}
    assert len(symbols) == 4
    for symbol in symbols:
        feed = BookFeed(symbol, scale("0.00000001", "0.00000001"), FEEDS[venue].rule)
        for at_ns, message in told:
            feed.take(message, at_ns)
        assert feed.outcomes[Outcome.ADOPTED] == 1
        assert feed.outcomes.total() + feed.undecided == len(told)
        assert Doubt.GAP not in feed.doubts
        assert feed.outcomes[Outcome.APPLIED] > 0
