"""Speed of the rulebook, as ratios taken in one run; prints a table, and JSON with --json.

The peer is the least look-up that could do the job: a dictionary and a bisection, by hand.
"""

import json
import sys
from bisect import bisect_right
from datetime import date

from stopwatch import best_us

from narrows.core.instrument import instrument
from narrows.core.time import DAY_NS, to_ns
from narrows.rulebook import load
from narrows.rulebook.book import packaged, packaged_venues

CALLS = 100_000
IDS = ("BTC-USDT-PERP.binance", "SOL-USDT-PERP.binance", "SOL-USDC-PERP.hyperliquid", "BTC-USDT.okx")


def main() -> None:
    book = load()
    ones = [instrument(id_) for id_ in IDS]
    starts = {one.id: [*book.changes(one, 0, 2**62)] for one in ones}
    first = to_ns(date(2024, 6, 1))
    asked = [(ones[n % len(ones)], first + n % 700 * DAY_NS) for n in range(CALLS)]

    def ask() -> None:
        for one, time_ns in asked:
            book.at(one, time_ns)

    def least() -> None:
        for one, time_ns in asked:
            bisect_right(starts[one.id], time_ns)

    def read() -> None:
        packaged.cache_clear()
        for venue in packaged_venues():
            packaged(venue)

    measured = {
        "dictionary and bisection by hand": best_us(least, CALLS),
        "rulebook.at": best_us(ask, CALLS),
        "reading and checking all packaged files": best_us(read, 1),
    }
    peer = measured["dictionary and bisection by hand"]
    if "--json" in sys.argv:
        print(json.dumps({name: {"us": us, "ratio": us / peer} for name, us in measured.items()}))
        return
    for name, us in measured.items():
        print(f"{name:42} {us:10.3f} µs {us / peer:12.1f} ×")


if __name__ == "__main__":
    main()
