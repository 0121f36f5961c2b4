"""Listings, deliveries, delistings, and data that simply end: what a window holds of each and says."""

import numpy as np
import pytest

from catalog.folder import START, Folder, bars_frame, rates_frame
from catalog.test_joins import ETH, NAN, PERP, SPOT, T0, put, same
from narrows.catalog import load_panel, panel
from narrows.core.config import parse
from narrows.core.errors import DataError
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import backtest

DATED = "BTC-USDT-20240102.venue"  # delivered at hour 32
END = "its data end 2024-01-01T10:00:00Z, before the window does; what is held is settled at its last close"


def test_what_has_no_bars_for_a_day_and_gets_none_is_settled_a_day_later(folder: Folder) -> None:
    folder.bars(bars_frame([10.0 + n for n in range(10)]))
    folder.bars(bars_frame([20] * 40), symbol="ETH-USDT")
    put(folder, "borrow", "BTC-USDT", [5], apr=[0.05])
    prices = panel(folder.catalog, [SPOT, ETH], HOUR_NS)
    same(prices.settlement[:, 0], [NAN] * 33 + [19] + [NAN] * 6)  # in the row that closes at hour 34
    assert np.isnan(prices.settlement[:, 1]).all()
    assert np.isnan(prices.close[10:, 0]).all()
    same(prices.borrow[:, 0], [NAN] * 4 + [0.05] * 30 + [NAN] * 6)
    assert prices.notes == (f"{SPOT}: {END}, 24 h later",)
    assert prices.alive[:, 0].tolist() == [True] * 33 + [False] * 7


@pytest.mark.parametrize(("hours", "settled"), [(33, 0), (34, 1)])
def test_what_ends_less_than_a_day_before_the_window_is_there_to_its_end(
    folder: Folder, hours: int, settled: int
) -> None:
    folder.bars(bars_frame([10] * 10))
    folder.bars(bars_frame([20] * hours), symbol="ETH-USDT")
    prices = panel(folder.catalog, [SPOT, ETH], HOUR_NS)
    assert int((~np.isnan(prices.settlement)).sum()) == len(prices.notes) == settled
    assert prices.alive[-1, 0] == (not settled)


def test_a_window_that_ends_before_the_data_knows_nothing_of_their_end(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 80))
    folder.bars(bars_frame([20] * 120), symbol="ETH-USDT")
    prices = panel(folder.catalog, [SPOT, ETH], HOUR_NS, 0, T0 + 70 * HOUR_NS)
    assert np.isnan(prices.settlement).all()
    assert prices.notes == ()


def test_a_hole_is_no_end(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 10))
    folder.bars(bars_frame([11] * 10, start=START + 60 * 3600))
    prices = panel(folder.catalog, [SPOT], HOUR_NS)
    assert np.isnan(prices.settlement).all()
    assert prices.alive.all()
    assert len(prices.notes) == 1
    assert "50 of 70 bars missing" in prices.notes[0]


def test_in_long_bars_too_the_end_is_known_a_day_later(folder: Folder) -> None:
    folder.bars(bars_frame([10.0 + n for n in range(10)]))
    folder.bars(bars_frame([20] * 72), symbol="ETH-USDT")
    days = panel(folder.catalog, [SPOT, ETH], 24 * HOUR_NS)
    same(days.close[:, 0], [19, NAN, NAN])
    same(days.settlement[:, 0], [NAN, 19, NAN])


def test_a_delisting_in_the_settlements_table_is_in_its_row_at_its_price(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 10), symbol="BTC-USDT-PERP")
    folder.bars(bars_frame([20] * 40), symbol="ETH-USDT")
    put(folder, "settlements", "BTC-USDT-PERP", [10.5], price=[9.5])
    put(folder, "marks", "BTC-USDT-PERP", [10.2, 12], mark=[9.7, 9.6])
    prices = panel(folder.catalog, [PERP, ETH], HOUR_NS)
    same(prices.settlement[:, 0], [NAN] * 10 + [9.5] + [NAN] * 29)
    same(prices.mark[:, 0], [10] * 10 + [9.7] + [NAN] * 29)
    assert f"{PERP}: delisted 2024-01-01T10:30:00Z" in prices.notes


def test_bars_after_a_delisting_are_a_contradiction(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 10), symbol="BTC-USDT-PERP")
    put(folder, "settlements", "BTC-USDT-PERP", [5], price=[9.5])
    with pytest.raises(
        DataError, match=r"to 2024-01-01T10:00:00Z, though it was settled for good at 2024-01-01T05"
    ):
        panel(folder.catalog, [PERP], HOUR_NS)
    assert panel(folder.catalog, [PERP], HOUR_NS, 0, T0 + 5 * HOUR_NS).settlement[4, 0] == 9.5


def test_a_future_whose_data_end_days_before_delivery_is_settled_like_anything_else(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 60))
    folder.bars(bars_frame([20] * 6), symbol="BTC-USDT-20240102")
    prices = panel(folder.catalog, [SPOT, DATED], HOUR_NS)
    assert np.flatnonzero(~np.isnan(prices.settlement[:, 1])).tolist() == [29]  # hour 30, delivery is at 32
    put(folder, "settlements", "BTC-USDT-20240102", [32], price=[21])
    delivered = panel(folder.catalog, [SPOT, DATED], HOUR_NS)
    assert np.flatnonzero(~np.isnan(delivered.settlement[:, 1])).tolist() == [31]


def test_what_begins_inside_the_window_is_said(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 80))
    folder.bars(bars_frame([20] * 40, start=START + 40 * 3600), symbol="ETH-USDT")
    folder.bars(bars_frame([20] * 79, start=START + 3600), symbol="BTC-USDT-PERP")
    told = [note for note in panel(folder.catalog, [SPOT, PERP, ETH], HOUR_NS).notes if "first" in note]
    assert told == [f"first bars inside the window: {ETH} 2024-01-02T17:00:00Z"]


def test_a_selection_holds_what_is_long_gone(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 10))
    folder.bars(bars_frame([20] * 90), symbol="ETH-USDT")
    text = f"""
    [desk]
    name = "d"
    [data]
    catalog = "{folder.path}"
    [universe]
    kinds = ["spot"]
    [strategy]
    name = "funding_carry"
    """
    prices = load_panel(parse(text))
    assert [one.id for one in prices.instruments] == [SPOT, ETH]
    assert prices.alive.sum(axis=0).tolist() == [33, 90]


def test_a_backtest_goes_on_when_a_coin_it_holds_is_gone(folder: Folder) -> None:
    folder.bars(bars_frame([100.0] * 60))
    folder.bars(bars_frame([100.0] * 60), symbol="BTC-USDT-PERP")
    for symbol in ("ETH-USDT", "ETH-USDT-PERP"):
        folder.bars(bars_frame([20.0] * 120), symbol=symbol)
    for symbol in ("BTC-USDT-PERP", "ETH-USDT-PERP"):
        folder.funding(rates_frame([1e-3] * 8), symbol=symbol)
    text = f"""
    [desk]
    name = "d"
    [data]
    catalog = "{folder.path}"
    [universe]
    instruments = ["BTC-USDT.venue", "BTC-USDT-PERP.venue", "ETH-USDT.venue", "ETH-USDT-PERP.venue"]
    [strategy]
    name = "funding_carry"
    size = 0.3
    lookback_h = 8
    [venues.venue]
    taker_bps = 5.0
    maintenance = 0.02
    liquidation_fee_bps = 50
    haircut = 0.05
    """
    desk = parse(text)
    result = backtest(desk, load_panel(desk))
    hour = ((result.time_ns - T0) // HOUR_NS).tolist()
    held = result.position != 0.0
    assert held[hour.index(60)].all()
    assert held[hour.index(83)].all()  # nobody knows yet that no bar will come
    assert held[hour.index(84)].tolist() == [False, False, True, True]
    settled = result.fills.reason == 2
    assert result.fills.leg[settled].tolist() == [0, 1]
    assert result.fills.price[settled].tolist() == [100.0, 100.0]
    assert not held[hour.index(84) :, :2].any()
