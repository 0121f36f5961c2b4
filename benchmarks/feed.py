"""Books from JSON: changes of 20 + 20 levels, parsed and applied, beside ccxt.pro in the same run.

Ours are parsed to messages, checked for sequence, read to whole ticks and applied; ccxt.pro's is
`json.loads`, `handle_order_book_message` and `limit()`, called as its client calls them. The peer lives in
an environment of its own (`scripts/peers` makes it) and is a process of its own; the two take turns, and
the best turn of each counts. Without the peer only ours is measured. With --json, one JSON object.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from narrows.venue.feed.binance import FUTURES, parse
from narrows.venue.feed.levels import scale
from narrows.venue.feed.reason import Outcome
from narrows.venue.feed.sync import BookFeed

MESSAGES, TURNS = 5_000, 9
LEVELS, DEPTH = 20, 1_000
HERE = Path(__file__).parent
PEER = HERE.parent / ".peers" / "ccxt" / "bin" / "python"


def recording(seed: int) -> list[bytes]:
    """A book of 1,000 levels a side, then changes of 20 + 20 near the best, in the shape of USDⓈ-M."""
    draw = random.Random(seed)

    def side(ticks: list[int]) -> list[list[str]]:
        return [[f"{tick / 10:.2f}", f"{draw.choice((0, 1, 5, 250, 1_204)) / 1_000:.3f}"] for tick in ticks]

    bids, asks = [617_376 - step for step in range(DEPTH)], [617_377 + step for step in range(DEPTH)]
    whole = {
        "lastUpdateId": 1_000,
        "symbol": "BTCUSDT",
        "bids": [[f"{tick / 10:.2f}", "1.000"] for tick in bids],
        "asks": [[f"{tick / 10:.2f}", "1.000"] for tick in asks],
    }
    lines = [json.dumps(whole, separators=(",", ":")).encode()]
    last = 1_000
    for number in range(MESSAGES):
        data = {
            "e": "depthUpdate",
            "E": 1_723_161_256_299 + number,
            "T": 1_723_161_256_298 + number,
            "s": "BTCUSDT",
            "U": last + 1,
            "u": last + 40,
            "pu": last,
            "b": side(draw.sample(bids[:200], LEVELS)),
            "a": side(draw.sample(asks[:200], LEVELS)),
        }
        last += 40
        frame = {"stream": "btcusdt@depth@0ms", "data": data}
        lines.append(json.dumps(frame, separators=(",", ":")).encode())
    return lines


def ours(lines: list[bytes]) -> float:
    """Processor seconds for all changes; the book must have taken every one."""
    book = BookFeed("BTCUSDT", scale("0.10", "0.001"), FUTURES, skew_ms=10**9)
    for message in parse(lines[0]):
        book.take(message, 0)
    start = time.process_time()
    for received, line in enumerate(lines[1:], 1):
        for message in parse(line):
            book.take(message, received)
    took = time.process_time() - start
    if book.outcomes[Outcome.APPLIED] != len(lines) - 1:
        sys.exit(f"feed: {book.outcomes}")
    return took


def parts(lines: list[bytes]) -> dict[str, float]:
    """Processor seconds of parsing alone."""
    start = time.process_time()
    for line in lines[1:]:
        parse(line)
    return {"parse": time.process_time() - start}


class Peer:
    """ccxt.pro in a process of its own: a line asks for a turn, a line gives its processor seconds."""

    def __init__(self, lines: list[bytes]) -> None:
        self.process = subprocess.Popen(
            [PEER, HERE / "peers" / "ccxt_book.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ""},
        )
        self._say(str(len(lines)).encode())
        for line in lines:
            self._say(line)

    def _say(self, line: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def turn(self) -> float:
        """Processor seconds for all changes."""
        assert self.process.stdout
        self._say(b"turn")
        return float(self.process.stdout.readline())

    def version(self) -> str:
        """Of ccxt."""
        assert self.process.stdout
        self._say(b"version")
        return self.process.stdout.readline().decode().strip()

    def end(self) -> None:
        """No more turns."""
        self.process.communicate(b"end\n")


def measure() -> dict[str, object]:
    """Messages a second of both, and their ratio: the best of some turns each."""
    lines = recording(7)
    size = sum(map(len, lines[1:])) / MESSAGES
    peer = Peer(lines) if PEER.exists() else None
    ours(lines)
    mine, theirs, parsing = [], [], []
    for _ in range(TURNS):
        mine.append(ours(lines))
        parsing.append(parts(lines)["parse"])
        if peer:
            theirs.append(peer.turn())
    told: dict[str, object] = {
        "bytes": round(size),
        "ours_per_s": round(MESSAGES / min(mine)),
        "parse_per_s": round(MESSAGES / min(parsing)),
    }
    if peer:
        rates = [one / other for one, other in zip(theirs, mine, strict=True)]
        told |= {
            "ccxt": peer.version(),
            "ccxt_per_s": round(MESSAGES / min(theirs)),
            "ratio": round(min(theirs) / min(mine), 2),
            "least_ratio_of_a_turn": round(min(rates), 2),
        }
        peer.end()
    return told | {"load": round(os.getloadavg()[0], 1)}


def main() -> None:
    """Print it."""
    told = measure()
    if "--json" in sys.argv:
        print(json.dumps(told))
        return
    print(
        f"book messages of {LEVELS} + {LEVELS} levels, {told['bytes']} bytes, one core; load {told['load']}"
    )
    print(f"  ours        {told['ours_per_s']:>9,} a second (parsing alone {told['parse_per_s']:,})")
    if "ratio" in told:
        print(f"  ccxt.pro    {told['ccxt_per_s']:>9,} a second ({told['ccxt']})")
        print(f"  ratio       {told['ratio']:>9} (least of a turn {told['least_ratio_of_a_turn']})")
    else:
        print("  ccxt.pro    not measured: scripts/peers makes its environment")


if __name__ == "__main__":
    main()
