"""The mapping of recorded books, on the beginning of Binance's spot recording and the short ones whole."""

import gzip
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from narrows.catalog.mapping import load_recordings
from narrows.core.instrument import instrument
from narrows.live.record import ingest_recordings
from narrows.live.recording import read_recording
from narrows.market.book import levels
from narrows.market.depth import depth_from_ticks
from narrows.research.books import books_at
from narrows.venue.feed.levels import scale
from narrows.venue.feed.registry import FEEDS
from narrows.venue.feed.sync import BookFeed
from realdata.real import SOURCES

MAPPING = SOURCES / "books_btc.toml"
LINES = 4_000  # some 50 seconds
MOMENTS = (1_000, 2_500, LINES)  # lines after which the books are compared


@pytest.fixture(scope="module")
def beginning(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that has the beginning of the spot recording, and nothing else."""
    name = "hftbacktest/spot/btcusdt_20240808.gz"
    root = tmp_path_factory.mktemp("beginning")
    (root / name).parent.mkdir(parents=True)
    with gzip.open(data_root / name) as whole:
        (root / name).write_bytes(gzip.compress(b"".join(islice(whole, LINES)), 1))
    section, *_ = MAPPING.read_text("utf-8").split("\n[[recording]]\n")[1:]
    (root / "spot.toml").write_text(f"[[recording]]\n{section}", "utf-8")
    return root


def test_the_books_of_the_catalogue_are_those_of_the_feed(beginning: Path) -> None:
    deltas, trades = ingest_recordings([beginning / "spot.toml"], root=beginning, catalog=beginning / "c")
    assert (deltas.gaps, deltas.rejected, trades.rejected) == (0, 0, 0)
    assert deltas.rows > 12_000
    assert trades.rows > 500
    (one,) = load_recordings(beginning / "spot.toml")
    feed, spot = FEEDS[one.feed], instrument(one.instrument)
    book = BookFeed(one.symbol, scale(one.tick, one.lot), feed.rule)
    for count, line in enumerate(read_recording(beginning / one.file.replace("*", "20240808")), start=1):
        now_ns = line.time_ns + one.clock_ns
        for message in feed.parse(line.payload, one.symbol):
            book.take(message, now_ns)
        if count in MOMENTS:
            told = books_at(beginning / "c", [spot], now_ns)[spot.id]
            bids, asks = levels(book.book, False), levels(book.book, True)
            expected = depth_from_ticks(spot, bids, asks, float(one.tick), float(one.lot))
            assert len(told.bids[0]) > 1_000
            for got, wanted in ((told.bids, expected.bids), (told.asks, expected.asks)):
                assert np.array_equal(got, wanted)


def test_short_recordings_of_bybit_and_hyperliquid(data_root: Path, tmp_path: Path) -> None:
    head, *sections = MAPPING.read_text("utf-8").split("\n[[recording]]\n")
    short = [one for one in sections if '"bybit"' in one or '"hyperliquid"' in one]
    (tmp_path / "short.toml").write_text("\n[[recording]]\n".join([head, *short]), "utf-8")
    told = ingest_recordings([tmp_path / "short.toml"], root=data_root, catalog=tmp_path / "c")
    assert [(one.table, one.symbol, one.rows, one.gaps, one.rejected) for one in told] == [
        ("deltas", "XRP-USDT-PERP", 3_966, 0, 0),
        ("trades", "XRP-USDT-PERP", 0, 0, 0),
        ("deltas", "BTC-USDC-PERP", 1_840, 0, 0),
        ("trades", "BTC-USDC-PERP", 64, 0, 0),
    ]
    assert [note for one in told for note in one.notes] == []
    book = books_at(tmp_path / "c", [instrument("XRP-USDT-PERP.bybit")])["XRP-USDT-PERP.bybit"]
    assert len(book.bids[0]) == len(book.asks[0]) == 500
