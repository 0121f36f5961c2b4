"""Real instruments of one coin and venue over one window: each is there for its own life and no longer."""

import numpy as np
import pytest

from narrows.catalog import Series, panel, universe
from narrows.core.config import Universe
from narrows.core.panel import Panel
from narrows.core.time import DAY_NS, HOUR_NS
from realdata.real import Real

LAST_NS = 1_741_708_800_000_000_000  # 2025-03-11 16:00 UTC, where all Binance BTC bars of the source end


@pytest.fixture(scope="module")
def prices(catalogue: Real) -> Panel:
    """All that the catalogue has of BTC at Binance, and SOL at OKX, which goes on for a year."""
    chosen = universe(catalogue.catalog, Universe(coins=("BTC", "SOL"), venues=("binance", "okx")))
    return panel(catalogue.catalog, [one.id for one in chosen], HOUR_NS)


def test_each_has_prices_in_its_life_and_nothing_before_or_after(catalogue: Real, prices: Panel) -> None:
    for column, one in enumerate(prices.instruments):
        stored = catalogue.catalog.read(Series("bars", one.venue, one.symbol), columns=("time",))["time"]
        priced = prices.time_ns[~np.isnan(prices.close[:, column])]
        np.testing.assert_array_equal(priced, stored.to_numpy())
        there = prices.time_ns[prices.alive[:, column]]
        assert there[0] == stored[0]
        ends = one.expiry_ns if one.expiry_ns and one.expiry_ns <= LAST_NS else stored[-1] + DAY_NS
        assert there[-1] == min(ends - HOUR_NS, int(prices.time_ns[-1]))
        for name in ("mark", "index", "bid", "ask", "depth", "borrow"):
            known = prices.time_ns[~np.isnan(prices.fields[name][:, column])]
            assert not len(known) or (known[0] >= stored[0] and known[-1] <= ends), (one.id, name)


def test_six_are_delivered_and_what_ends_with_the_source_is_settled_a_day_later(prices: Panel) -> None:
    settled = {
        one.id: prices.time_ns[~np.isnan(prices.settlement[:, column])].tolist()
        for column, one in enumerate(prices.instruments)
    }
    delivered = [one for one in prices.instruments if one.expiry_ns and one.expiry_ns <= LAST_NS]
    assert len(delivered) == 6
    for one in prices.instruments:
        if one in delivered:
            assert settled[one.id] == [one.expiry_ns]
        else:
            assert settled[one.id] == ([LAST_NS + DAY_NS] if one.venue == "binance" else [])


def test_the_panel_says_what_ends_and_what_begins(prices: Panel) -> None:
    ended = [note for note in prices.notes if "its data end" in note]
    assert len(ended) == 4  # spot, perpetual, and the two futures that are not delivered by then
    assert all("2025-03-11T16:00:00Z" in note for note in ended)
    (begun,) = (note for note in prices.notes if note.startswith("first bars inside the window"))
    assert begun.count(".binance") == 10
    assert "SOL-USDT-PERP.okx 2021-01-22T07:00:00Z" in begun
