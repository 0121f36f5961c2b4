"""docs/studies/btc-books.md: three BTC books of the same minutes rebuilt, every message accounted for.

.venv/bin/python scripts/studies/btc_books.py [--check]
"""

import statistics
import sys
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from pages import DATA, FOLDER, put

from narrows.live.recording import read_recording
from narrows.venue.feed.levels import scale
from narrows.venue.feed.messages import Delta, Message, Quote, Snapshot, Trade
from narrows.venue.feed.reason import Doubt, Outcome
from narrows.venue.feed.registry import FEEDS
from narrows.venue.feed.sync import BookFeed

PAGE = FOLDER / "btc-books.md"
KINDS = (Snapshot, Delta, Quote, Trade)
OUTCOMES = {Outcome.APPLIED, Outcome.ADOPTED, Outcome.INCLUDED, Outcome.NOT_BOOK}  # that the text allows
DOUBTS = {Doubt.WAITING, Doubt.BEYOND}
SECOND = 10**9

TEXT = """# Three BTC books, every message accounted for

Binance spot, USDⓈ-M and COIN-M perpetual over the same {minutes} minutes of 2024-08-08, as a recorder received them
(`hftbacktest/`). Each book is kept by `BookFeed` as a live one would be: changes wait for the snapshot, are joined
to it by their update numbers, and every message ends in one outcome of a closed list.

```sh
.venv/bin/python scripts/studies/btc_books.py
```

## Messages

{messages}

The clock of the recorder is {lag} s behind the venue's (median of the changes), so receipt comes before the event;
nothing is refused for that below `skew_ms`.

## What became of them

{outcomes}

All other outcomes and doubts of the lists are 0: no gap, no duplicate, no message out of order, nothing that cannot
be read. {undecided} messages are left undecided.

## When the books may be traded on

{doubts}

**Beyond the depth of the snapshot.** The snapshot of a REST call ends at 1,000 levels a side. What rests farther out is
known only once it changes, so when the best price walks out of that range, a better level may be missing. The book
says so and asks for a snapshot, which a recording cannot answer. The range in ticks, and the best at the end:

{reach}

## Against the recorded best quotes

A quote carries the number of the update after which it held; it can be compared only when a change of the book ends
with that same number.

{quotes}

**Lots.** Spot trades in steps of {step} BTC, yet {odd} recorded sizes of resting orders are no multiple of it. They are
real, so the spot book counts in 0.00000001 BTC; with the listed step these {odd} would end it.
"""


class Market(NamedTuple):
    """A recording: its venue, file, symbol, price tick, size lot, and the step of sizes that is listed."""

    venue: str
    file: str
    symbol: str
    tick: str
    lot: str
    listed: str


MARKETS = {
    "spot": Market("binance", "spot/btcusdt", "BTCUSDT", "0.01", "0.00000001", "0.00001"),
    "USDⓈ-M": Market("binance-usdm", "usdm/btcusdt", "BTCUSDT", "0.1", "0.001", "0.001"),
    "COIN-M": Market("binance-coinm", "cm/btcusd_perp", "BTCUSD_PERP", "0.1", "1", "1"),
}


class Kept(NamedTuple):
    """A book at the end of its recording and what was counted on the way.

    Attributes
    ----------
    kinds : Counter of kind of message
    doubtful_ns : Counter of Doubt or None to nanoseconds
    quotes, comparable, equal : int
        Quotes; those whose update a change of the book ended with; those of them that the book had too.
    late_ns : list of int
        Receipt less the venue's time, of each change.
    odd : int
        Resting sizes off the listed step, each text once.
    """

    book: BookFeed
    kinds: Counter[type]
    doubtful_ns: Counter[Doubt | None]
    quotes: int
    comparable: int
    equal: int
    late_ns: list[int]
    odd: int


def messages(market: Market) -> list[tuple[int, Message]]:
    """All messages with their times of receipt."""
    path = DATA / "hftbacktest" / f"{market.file}_20240808.gz"
    parse = FEEDS[market.venue].parse
    return [
        (received.time_ns, message)
        for received in read_recording(path)
        for message in parse(received.payload, market.symbol)
    ]


def has(book: BookFeed, quote: Quote) -> bool:
    """Whether the best prices and sizes of a book are those of a quote, exactly."""
    best, grid = book.best(), book.grid
    tick, lot = Decimal(grid.tick).scaleb(-grid.tick_digits), Decimal(grid.lot).scaleb(-grid.lot_digits)
    ours = (best.bid_tick * tick, best.bid_lots * lot, best.ask_tick * tick, best.ask_lots * lot)
    return ours == tuple(map(Decimal, (quote.bid, quote.bid_size, quote.ask, quote.ask_size)))


def off_step(told: Iterable[Message], listed: str) -> int:
    """How many different sizes of levels are no multiple of the listed step."""
    step = len(listed.partition(".")[2])
    odd = set()
    for message in told:
        if isinstance(message, Snapshot | Delta):
            for cell in (message.bids + message.asks).split(b'"')[3::4]:
                if cell.partition(b".")[2][step:].strip(b"0"):
                    odd.add(cell)
    return len(odd)


def keep(market: Market) -> Kept:
    """A recording driven through a book."""
    told = messages(market)
    quotes = {message.sequence: message for _, message in told if isinstance(message, Quote)}
    book = BookFeed(market.symbol, scale(market.tick, market.lot), FEEDS[market.venue].rule)
    doubtful: Counter[Doubt | None] = Counter()
    comparable = equal = 0
    before, last, late = told[0][0], -1, []
    for received, message in told:
        doubtful[book.doubt] += received - before
        book.take(message, received)
        before = received
        if isinstance(message, Delta):
            late.append(received - message.time_ns)
        if book.last != last and book.last in quotes:
            comparable += 1
            equal += has(book, quotes[book.last])
        last = book.last
    kinds = Counter(type(message) for _, message in told)
    odd = off_step((message for _, message in told), market.listed)
    return Kept(book, kinds, doubtful, kinds[Quote], comparable, equal, late, odd)


def table(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> str:
    """Rows below their head, figures to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(kept: dict[str, Kept]) -> str:
    """The text of the page."""
    names, books = tuple(kept), list(kept.values())
    spans = [sum(one.doubtful_ns.values()) for one in books]
    outcomes = [why for why in Outcome if any(one.book.outcomes[why] for one in books)]
    doubts = [why for why in Doubt if any(one.book.doubts[why] for one in books)]
    if not (set(outcomes) <= OUTCOMES and set(doubts) <= DOUBTS):
        sys.exit(f"btc_books: the text no longer holds: {outcomes}, {doubts}")
    kinds = [[f"{kind.__name__.lower()}s", *(one.kinds[kind] for one in books)] for kind in KINDS]
    begun = [[f"{why}: times", *(one.book.doubts[why] for one in books)] for why in doubts]
    spent = [
        [f"{why}: seconds", *(f"{one.doubtful_ns[why] / SECOND:.1f}" for one in books)] for why in doubts
    ]
    sound = ["tradable: seconds", *(f"{one.doubtful_ns[None] / SECOND:.1f}" for one in books)]
    return TEXT.format(
        minutes=f"{min(spans) / SECOND / 60:.1f}",
        messages=table(("", *names), kinds),
        lag=f"{-statistics.median([late for one in books for late in one.late_ns]) / SECOND:.2f}",
        outcomes=table(("", *names), [[why, *(one.book.outcomes[why] for one in books)] for why in outcomes]),
        undecided=sum(one.book.undecided for one in books),
        doubts=table(("", *names), [*begun, *spent, sound]),
        reach=table(
            ("", "lowest bid of the snapshot", "best bid", "best ask", "highest ask of the snapshot"),
            [
                [name, one.book.reach.lowest_bid, best.bid_tick, best.ask_tick, one.book.reach.highest_ask]
                for name, one in kept.items()
                for best in [one.book.best()]
            ],
        ),
        quotes=table(
            ("", *names),
            [
                ["quotes", *(one.quotes for one in books)],
                ["with the number of a change of the book", *(one.comparable for one in books)],
                ["of them equal in price and size, both sides", *(one.equal for one in books)],
            ],
        ),
        step=MARKETS["spot"].listed,
        odd=kept["spot"].odd,
    )


def main() -> None:
    """Write the page; with --check only say whether it is as it would be written."""
    put({PAGE: page({name: keep(market) for name, market in MARKETS.items()})})


if __name__ == "__main__":
    main()
