"""A second, plain opinion on a book: may it be trusted after these messages?

Written from the venues' manuals and not from our rules: dicts of Decimals, one statement a venue.
"""

import zlib
from decimal import Decimal
from functools import lru_cache
from heapq import nlargest, nsmallest
from itertools import zip_longest

import msgspec

from fuzz.streams import Stream
from narrows.venue.feed.messages import Delta, Message, Snapshot, Unknown


def continues(venue: str, last: int, delta: Delta, first: bool) -> bool:
    """Whether a delta is the next of a book at update `last`; `first` = the book is a snapshot."""
    if delta.last < 0:
        return last < 0  # nothing is numbered
    if venue == "binance":
        return delta.first <= last + 1 <= delta.last if first else delta.first == last + 1
    if venue.startswith("binance-"):
        return (first and delta.first <= last <= delta.last) or delta.previous == last
    if venue == "bybit":
        return delta.last == last + 1 or (delta.first < 0 and delta.last > last)
    if venue == "deribit":
        return 0 <= delta.previous <= last < delta.last if first else delta.previous == last
    return delta.previous == last


def checksum(venue: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> int:
    """That of Kraken or OKX over the best levels, best first, by the digits sent."""
    if venue == "kraken":
        text = "".join(
            number.replace(".", "").lstrip("0") for level in (*asks[:10], *bids[:10]) for number in level
        )
        return zlib.crc32(text.encode())
    numbers = [
        number for pair in zip_longest(bids[:25], asks[:25]) for level in pair if level for number in level
    ]
    crc = zlib.crc32(":".join(numbers).encode())
    return crc - 2**32 if crc > 2**31 - 1 else crc


@lru_cache(maxsize=1000)
def levels_of(text: bytes) -> list[tuple[Decimal, Decimal, tuple[str, str]]] | None:
    """Price, size and the digits of both; None = they cannot be read, or one of them cannot be."""
    try:
        rows = [
            tuple(bytes(cell).decode().strip('"') for cell in row[:2])
            for row in msgspec.json.decode(text, type=list[list[msgspec.Raw]])
        ]
        told = [(Decimal(price), Decimal(size), (price, size)) for price, size in rows]
    except (msgspec.DecodeError, ValueError, ArithmeticError):
        return None
    if not all(price.is_finite() and price > 0 and size.is_finite() and size >= 0 for price, size, _ in told):
        return None
    return told


def fits(value: Decimal, step: Decimal) -> bool:
    """Whether it is a whole number of steps; both of 18 digits at most, for what is longer no venue sends."""
    if len(value.normalize().as_tuple().digits) > 18 or value >= step.scaleb(18):
        return False
    return value % step == 0


class Oracle:
    """The book of one symbol and whether it is intact; what it does not follow it calls not intact.

    Attributes
    ----------
    intact : bool
        Whether the messages so far make a whole, uncrossed book by the venue's manual.
    bids, asks : dict of price to the digits of (price, size)
    last : int
        Update of the book; -1 = not numbered.
    """

    def __init__(self, stream: Stream) -> None:
        self.venue, self.symbol = stream.venue, stream.symbol
        grid = stream.scale
        self.tick = Decimal(grid.tick).scaleb(-grid.tick_digits)
        self.lot = Decimal(grid.lot).scaleb(-grid.lot_digits)
        self.bids: dict[Decimal, tuple[str, str]] = {}
        self.asks: dict[Decimal, tuple[str, str]] = {}
        self.last, self.depth, self.first, self.whole = -1, 0, True, False
        self.time_ns, self.blind = 0, False
        self.early: list[Delta] = []

    def take(self, message: Message) -> None:
        """One message, whoever's it is."""
        if isinstance(message, Unknown):  # it may have been a delta; where no number would show it, it was
            self.whole = self.whole and self.last >= 0 and not self.blind
        elif isinstance(message, Snapshot) and message.symbol == self.symbol:
            self._snapshot(message)
        elif isinstance(message, Delta) and message.symbol == self.symbol:
            self.early.append(message)
            self._delta(message)

    def _snapshot(self, message: Snapshot) -> None:
        asked = self.venue.startswith("binance")  # an intact book needs none; the stream went on
        if self.intact if asked else (self.whole and 0 < message.time_ns < self.time_ns):
            return
        self.bids, self.asks, self.blind = {}, {}, False
        self.last, self.depth, self.first = message.sequence, message.depth, True
        self.whole = self._put(message)
        for delta in self.early if asked else ():
            if delta.last > self.last:  # else it is in the snapshot, whatever it says
                self._delta(delta)

    def _delta(self, delta: Delta) -> None:
        if not self.whole:
            return
        right, old = continues(self.venue, self.last, delta, self.first), 0 <= delta.last <= self.last
        if old and not right:
            return  # it is in the book
        back = old and self.venue != "okx" and not (self.first and delta.last == self.last)
        self.whole = (
            right and not back and self._put(delta)
        )  # what comes next and goes back contradicts itself
        self.last, self.first, self.blind = delta.last, False, delta.first < 0 and delta.previous < 0

    def _put(self, message: Snapshot | Delta) -> bool:
        self.time_ns = message.time_ns or self.time_ns
        for side, text, down in ((self.bids, message.bids, True), (self.asks, message.asks, False)):
            told = levels_of(text)
            if told is None:
                return False
            for price, size, digits in told:
                if not (fits(price, self.tick) and fits(size, self.lot)):
                    return False
                side.pop(price, None)
                if size > 0:
                    side[price] = digits
            if 0 < self.depth < len(side):
                for price in sorted(side, reverse=down)[self.depth :]:
                    del side[price]
        if message.checksum is None:
            return True
        return (
            checksum(self.venue, self.best(self.bids, True), self.best(self.asks, False)) == message.checksum
        )

    @staticmethod
    def best(side: dict[Decimal, tuple[str, str]], down: bool, count: int = 25) -> list[tuple[str, str]]:
        """The best levels of a side, best first."""
        return [side[price] for price in (nlargest if down else nsmallest)(count, side)]

    @property
    def intact(self) -> bool:
        """Whole, with two sides that do not cross."""
        return bool(self.whole and self.bids and self.asks and max(self.bids) < min(self.asks))
