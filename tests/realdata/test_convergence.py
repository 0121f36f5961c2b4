"""Dated futures converge on spot: the basis at each distance to delivery is the one that the market had."""

from datetime import date, datetime

import numpy as np
import pytest

from narrows.catalog import named, panel
from narrows.core.arrays import FloatArray
from narrows.core.time import DAY_NS, HOUR_NS, to_ns
from realdata.real import Real

SPOT = "BTC-USDT.binance"
DAYS = ("20230929", "20231229", "20240329", "20240628", "20240927", "20241227")
DELIVERED = [f"BTC-USDT-{day}.binance" for day in DAYS]
# days to delivery at the close of the bar, half-width of the bin, mean basis in bp
BINS = [(90.0, 5.0, 297.0), (30.0, 2.0, 93.0), (7.0, 1.0, 22.0), (1.0, 0.5, 7.0)]
Basis = tuple[FloatArray, FloatArray]


@pytest.fixture(scope="module")
def basis(catalogue: Real) -> Basis:
    """Basis in bp and days to delivery, both (bars, contracts)."""
    prices = panel(catalogue.catalog, [SPOT, *DELIVERED], HOUR_NS)
    expiry = np.array([one.expiry_ns for one in prices.instruments[1:]])
    days = (expiry - prices.time_ns[:, None]) / DAY_NS
    return 1e4 * (prices.close[:, 1:] / prices.close[:, :1] - 1), days


@pytest.mark.parametrize(("days", "width", "expected"), BINS)
def test_mean_basis_at_each_distance(basis: Basis, days: float, width: float, expected: float) -> None:
    bps, left = basis
    inside = (np.abs(left - days) <= width) & ~np.isnan(bps)
    assert inside.any(axis=0).all()  # every contract counts
    assert bps[inside].mean() == pytest.approx(expected, rel=0.10)


def test_in_the_last_four_hours_the_basis_is_gone(basis: Basis) -> None:
    bps, left = basis
    last = (left >= 0) & (left < 4 / 24)
    assert (last.sum(axis=0) == 4).all()
    contracts = np.array([bps[last[:, n], n].mean() for n in range(bps.shape[1])])
    error = contracts.std(ddof=1) / np.sqrt(len(contracts))  # hours of one contract are not independent
    assert abs(contracts.mean()) < 2 * error
    assert error < 5.0  # so that the test says something


def test_each_future_settles_in_its_row_of_delivery_only(catalogue: Real) -> None:
    prices = panel(catalogue.catalog, [SPOT, *DELIVERED], HOUR_NS)
    for n, one in enumerate(named(catalogue.catalog, DELIVERED), 1):
        (row,) = np.flatnonzero(~np.isnan(prices.settlement[:, n]))
        assert prices.time_ns[row] == one.expiry_ns
        assert prices.settlement[row, n] == prices.close[row, n]
        assert np.isnan(prices.close[row + 1 :, n]).all()
    assert sum("its own last close" in note for note in prices.notes) == len(DELIVERED)


def test_every_settlement_is_in_the_panel(catalogue: Real) -> None:
    prices = panel(catalogue.catalog, ["BTC-USDT-PERP.binance"], HOUR_NS)
    paid = ~np.isnan(prices.funding[:, 0])
    assert paid.sum() == 1945 - 1  # the first settlement is the instant before the first bar
    assert (prices.time_ns[paid] % (8 * HOUR_NS) == 0).all()
    assert (prices.funding_h[paid, 0] == 8).all()


def test_bars_of_a_day_are_delivered_too(catalogue: Real) -> None:
    hourly = panel(catalogue.catalog, [SPOT, *DELIVERED], HOUR_NS)
    daily = panel(catalogue.catalog, [SPOT, *DELIVERED], DAY_NS)
    for prices in (hourly, daily):
        assert ((~np.isnan(prices.settlement[:, 1:])).sum(axis=0) == 1).all()
    np.testing.assert_array_equal(
        np.nanmax(daily.settlement[:, 1:], axis=0), np.nanmax(hourly.settlement[:, 1:], axis=0)
    )


def test_a_window_ends_with_the_data_and_so_before_a_delivery_that_is_not_in_it(catalogue: Real) -> None:
    late = "BTC-USDT-20250328.binance"
    prices = panel(catalogue.catalog, [SPOT, late], HOUR_NS, to_ns(date(2000, 1, 1)), to_ns(date(2030, 1, 1)))
    assert len(prices) == len(panel(catalogue.catalog, [SPOT, late], HOUR_NS)) == 15592
    assert np.isnan(prices.settlement).all()
    assert [note.partition(":00Z: ")[0] for note in prices.notes[:2]] == [
        "the window starts 2023-06-01T00:00",
        "the window ends 2025-03-11T16:00",
    ]


def test_bars_are_whole_and_funding_that_starts_late_is_said(catalogue: Real) -> None:
    prices = panel(catalogue.catalog, ["SOL-USDT.okx", "SOL-USDT-PERP.okx"], HOUR_NS)
    # bars from 2021-01-22 06:00 to 2026-03-05 23:00, funding every 8 h from 2022-03-01 00:00
    due = (to_ns(datetime(2022, 3, 1)) - to_ns(datetime(2021, 1, 22, 8))) // (8 * HOUR_NS)
    told = f"{due} of {due + 4398} settlements missing, first at 2021-01-22T08:00:00Z"
    assert prices.notes[-1] == f"funding of SOL-USDT-PERP.okx: {told}; nothing is paid for them"
    assert not any("bars missing" in note for note in prices.notes)
    assert panel(catalogue.catalog, ["SOL-USDT-PERP.okx"], HOUR_NS, to_ns(date(2022, 10, 1))).notes == ()
