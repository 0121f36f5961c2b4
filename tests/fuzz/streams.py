"""The recorded streams that the fuzzer starts from: of each venue the payloads that make up one book."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from narrows.live.recording import read_recording
from narrows.venue.feed.levels import Scale, scale, texts
from narrows.venue.feed.messages import Delta, Snapshot
from narrows.venue.feed.registry import FEEDS

_CRYPTOFEED = "exchange_payloads/cryptofeed"
RECORDINGS = {
    "binance": ("BINANCE.http.0.0.zst", "BINANCE.ws.1.0.zst"),
    "binance-usdm": ("BINANCE_FUTURES.http.0.0.zst", "BINANCE_FUTURES.ws.1.0.zst"),
    "binance-coinm": ("hftbacktest/cm/btcusd_perp_20240808.gz",),
    "bybit": ("nautilus/bybit_XRPUSDT_ob500_20241201.data.zip", "BYBIT.ws.25.0.zst"),
    "coinbase": ("COINBASE.ws.28.0.zst",),
    "deribit": ("DERIBIT.ws.1.0.zst",),
    "hyperliquid": ("hftbacktest/hyperliquid/btcusd_20250126.gz",),
    "kraken": ("KRAKEN.ws.50.0.zst",),
    "okx": ("OKX.ws.1.0.zst",),
}
"""Files of each venue: those of one recorder by their names alone."""
_EARLY = 5  # messages before the first snapshot
_LONGEST = 400  # payloads of a stream
_READ = 4000  # payloads of a recording


class Stream(NamedTuple):
    """Payloads of one book as they were received; the symbol is given to answers that do not name theirs."""

    venue: str
    symbol: str
    scale: Scale
    payloads: list[bytes]


def _asked(source: str, path: Path) -> str:
    if "symbol=" in source:
        return source.partition("symbol=")[2].partition("&")[0]
    return path.stem.rpartition("_")[0].upper()


def _received(root: Path, venue: str) -> Iterator[tuple[int, bytes, str]]:
    """Time, payload and the symbol that was asked for, in the order of the time received."""
    found = []
    for name in RECORDINGS[venue]:
        path = root / (name if "/" in name else f"{_CRYPTOFEED}/{name}")
        for count, received in enumerate(read_recording(path)):
            if count >= _READ:
                break
            if not received.sent:
                found.append((received.time_ns, received.payload, _asked(received.source, path)))
    return iter(sorted(found, key=lambda one: one[0]))


def payloads(root: Path, venue: str) -> list[bytes]:
    """All that a venue's recordings hold, and the answers recorded one by one."""
    single = f"exchange_payloads/nautilus/{venue.replace('-usdm', '/futures')}"
    return [
        *(payload for _, payload, _ in _received(root, venue)),
        *(path.read_bytes() for path in sorted((root / single).rglob("*.json"))),
    ]


def _decimals(values: list[str]) -> str:
    """The step of the finest of these digits."""
    finest = min((int(Decimal(value).as_tuple().exponent) for value in values), default=0)
    return format(Decimal(1).scaleb(min(finest, 0)), "f")


def streams(root: Path, venue: str) -> list[Stream]:
    """The books of a venue's recordings from a little before their first snapshot on."""
    books: dict[str, list[bytes]] = {}
    starts: dict[str, int] = {}
    digits: dict[str, tuple[list[str], list[str]]] = {}
    for _, payload, asked in _received(root, venue):
        for message in FEEDS[venue].parse(payload, asked):
            if isinstance(message, Snapshot | Delta):
                if isinstance(message, Snapshot):
                    starts.setdefault(message.symbol, max(0, len(books.get(message.symbol, ())) - _EARLY))
                books.setdefault(message.symbol, []).append(payload)
                prices, sizes = digits.setdefault(message.symbol, ([], []))
                for price, size in (*texts(message.bids), *texts(message.asks)):
                    prices.append(price)
                    sizes.append(size)
                break
    return [
        Stream(venue, symbol, scale(*map(_decimals, digits[symbol])), books[symbol][start:][:_LONGEST])
        for symbol, start in starts.items()
        if len(books[symbol]) - start > 1
    ]
