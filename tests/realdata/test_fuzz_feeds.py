"""Feeds under fire, seeded: faulty payloads never raise, and no rule takes a gap for the next."""

import random
from pathlib import Path

import pytest

from fuzz.run import mutated, one
from fuzz.streams import payloads, streams
from narrows.venue.feed.registry import FEEDS

ROUNDS = 20  # streams of each venue, some 30 messages each


@pytest.mark.parametrize("venue", sorted(FEEDS))
def test_no_payload_raises_and_no_gap_is_taken_for_the_next(data_root: Path, venue: str) -> None:
    rng = random.Random(f"feeds of {venue}")
    books, seeds = streams(data_root, venue), payloads(data_root, venue)
    whole = doubt = 0
    for _ in range(ROUNDS):
        good, bad = one(venue, rng.choice(books), mutated(seeds, rng), rng)
        whole, doubt = whole + good, doubt + bad
    assert whole > ROUNDS  # the faults leave something to be wrong about
    assert doubt > ROUNDS
