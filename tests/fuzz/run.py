"""Fuzz the feeds for a while: run.py [minutes for each parser] [venue …]; exits 1 at the first that fails.

With atheris (`pip install atheris`) the bytes are bred by what the parsers do with them; without it they
come from mutations of recorded payloads alone. Recordings are read from the folder that NARROWS_DATA names.
"""

import importlib.util
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from fuzz.drive import followed, parsed
from fuzz.mutate import CONTENT, damaged, disordered
from fuzz.streams import Stream, payloads, streams
from narrows.venue.feed.registry import FEEDS

DATA = Path(os.environ.get("NARROWS_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
_WINDOW = 15  # messages of a stream, twice: what is lost the first time may be whole again the second


def one(venue: str, stream: Stream, data: bytes, rng: random.Random) -> tuple[int, int]:
    """Some bytes alone, then amid a stream with faults of its own; how often tradable, and not."""
    parsed(venue, data, stream.symbol)
    window = stream.payloads[:_WINDOW] * 2
    if rng.random() < 0.5:
        return followed(stream, disordered(window, rng), exact=True)
    order = damaged(window, rng)
    order.insert(rng.randrange(len(order) + 1), data)
    return followed(stream, order, exact=False)


def mutated(seeds: list[bytes], rng: random.Random) -> bytes:
    """A recorded payload with a fault or two."""
    data = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 2))):
        data = rng.choice(CONTENT)(data, rng)
    return data


def fuzz(venue: str, seconds: int) -> None:
    """One parser for so long."""
    books = streams(DATA, venue)
    seeds = payloads(DATA, venue)
    seed, count, end = time.time_ns(), 0, time.monotonic() + seconds
    rng = random.Random(seed)
    while time.monotonic() < end:
        one(venue, rng.choice(books), mutated(seeds, rng), rng)
        count += 1
    print(f"{venue}: {count:,} inputs and streams from seed {seed}, no fault")


def main() -> None:
    """Each venue in a process of its own."""
    minutes, venues = (sys.argv[1] if len(sys.argv) > 1 else "10"), sys.argv[2:] or sorted(FEEDS)
    breeds = importlib.util.find_spec("atheris") is not None
    if len(venues) == 1 and not breeds:
        fuzz(venues[0], round(60 * float(minutes)))
        return
    script = Path(__file__).with_name("bred.py") if breeds else Path(__file__)
    failed = [
        venue
        for venue in venues
        if subprocess.run([sys.executable, script, minutes, venue], check=False).returncode
    ]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
