"""Fuzz one feed with atheris, breeding inputs by what the parser does with them: bred.py MINUTES VENUE."""

import random
import sys
import tempfile
from pathlib import Path

import atheris

_COMPILED = ["narrows.market.book", "narrows.venue.feed.levels"]  # by Numba, which knows no tracing

with atheris.instrument_imports(include=["narrows.venue.feed"], exclude=_COMPILED):
    from fuzz.drive import parsed
    from fuzz.run import DATA, one
    from fuzz.streams import payloads, streams

_LONGEST = 8192  # bytes of an input
_BOOKS = 0.05  # share of inputs that go on into a book, which costs a hundred times a parse


def main() -> None:
    """Until the time is over; exits with atheris' own status."""
    seconds, venue = round(60 * float(sys.argv[1])), sys.argv[2]
    books = streams(DATA, venue)
    seeds = sorted({payload for payload in payloads(DATA, venue) if len(payload) < _LONGEST})
    random.Random(0).shuffle(seeds)

    def one_input(data: bytes) -> None:
        rng = random.Random(data)
        book = rng.choice(books)
        if rng.random() < _BOOKS:
            one(venue, book, data, rng)
        else:
            parsed(venue, data, book.symbol)

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds[:500]):
            (Path(folder) / str(number)).write_bytes(seed)
        limits = (f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-artifact_prefix={venue}-")
        atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
