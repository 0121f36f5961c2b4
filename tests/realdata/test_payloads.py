"""Recorded payloads: the table is what the readers make of them, nothing is unknown, and checksums agree."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fuzz.oracle import Oracle
from fuzz.streams import streams as streams_of
from narrows.live.recording import read_recording
from narrows.venue.feed.messages import Delta, Snapshot
from narrows.venue.feed.registry import FEEDS
from narrows.venue.feed.sequence import Verdict
from realdata.real import REPOSITORY

RECORDINGS = Path("exchange_payloads") / "cryptofeed"


def test_the_table_is_what_the_readers_make_of_the_payloads(data_root: Path) -> None:
    environment = {**os.environ, "NARROWS_DATA": str(data_root)}
    script = REPOSITORY / "scripts" / "studies" / "payloads.py"
    ran = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_nothing_is_unknown() -> None:
    text = (REPOSITORY / "docs" / "venues" / "payloads.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| (`|\S+ \()", line)]
    assert len(rows) > 200
    assert {row[-1] for row in rows} == {"0"}


def test_every_checksum_of_kraken_is_that_of_our_book(data_root: Path) -> None:
    """4,269 of them, over ten books, each by the plain book of the fuzzer; none differs."""
    streams = {stream.symbol: stream for stream in streams_of(data_root, "kraken")}
    books: dict[str, Oracle] = {}
    deltas = 0
    for received in read_recording(data_root / RECORDINGS / "KRAKEN.ws.50.0.zst"):
        for message in FEEDS["kraken"].parse(received.payload, ""):
            if isinstance(message, Snapshot | Delta):
                book = books.setdefault(message.symbol, Oracle(streams[message.symbol]))
                book.take(message)
                assert book.intact, (received.line, message.symbol)
                if isinstance(message, Delta):
                    assert message.checksum is not None
                    deltas += 1
    assert (deltas, len(books)) == (4269, 10)


@pytest.mark.parametrize(
    ("name", "books", "deltas"), [("DERIBIT.ws.1.0.zst", 10, 36), ("OKX.ws.1.0.zst", 3, 287)]
)
def test_the_recorded_changes_follow_one_another(data_root: Path, name: str, books: int, deltas: int) -> None:
    venue = name.partition(".")[0].lower()
    rule, last = FEEDS[venue].rule, {}
    said: Counter[Verdict] = Counter()
    for received in read_recording(data_root / RECORDINGS / name):
        for message in [] if received.sent else FEEDS[venue].parse(received.payload, ""):
            if isinstance(message, Snapshot):
                last[message.symbol] = message.sequence
            elif isinstance(message, Delta):
                said[rule.follows(last[message.symbol], message)] += 1
                last[message.symbol] = message.last
    assert (len(last), said) == (books, {Verdict.APPLY: deltas})
