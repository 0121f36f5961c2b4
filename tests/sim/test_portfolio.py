"""Portfolio margin in the simulator: what a wallet needs by its grid; all worked out by hand."""

from collections.abc import Sequence
from typing import Any

import pytest

from narrows.core.errors import ConfigError
from narrows.core.result import Result
from tiny_market import PERP, SPOT, Orders, play, rule, tiny_desk, tiny_panel

approx = pytest.approx

LATER = "BTC-USDT-20240927.alpha"
ETH = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
TEN: dict[str, Any] = {"method": "grid", "moves": [-0.1, 0.0, 0.1], "basis_min": 0.01}


def run(
    ids: Sequence[str],
    orders: Orders,
    price: float = 100.0,
    capital: float = 2000.0,
    grid: dict[str, Any] | None = None,
    **keys: Any,
) -> Result:
    """Everything costs 100, then `price`; a move of 10 % and of 1 % between expiries is to be survived."""
    prices = [100.0, 100.0, price]
    panel = tiny_panel(ids, mark=[prices] * len(ids))
    desk = tiny_desk(capital, margin="portfolio", rules=[rule("portfolio", **(grid or TEN))], **keys)
    return play(desk, panel, orders)


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("price", [90.0, 100.0, 110.0])
def test_the_ratio_of_one_leg_is_its_worst_move_and_its_basis_over_what_there_is(
    side: float, price: float
) -> None:
    """Ten coins lose 10 % of their value in the worst scenario, and 1 % to the basis."""
    result = run([SPOT, PERP], {0: (0.0, 10.0 * side)}, price)
    equity = 2000 + 10 * side * (price - 100)
    assert result.margin_ratio[-1, 0] == approx(0.11 * 10 * price / equity)


def test_a_hedge_lowers_what_is_needed_if_coins_stand_in_the_scenarios() -> None:
    """Owned coins move with the short: a basis of 1 % is left. Else they are collateral, and no hedge."""
    hedge: Orders = {0: (10.0, -10.0)}
    naked = run([SPOT, PERP], {0: (0.0, -10.0)}).margin_ratio[-1, 0]
    offset = run([SPOT, PERP], hedge, grid={**TEN, "spot_offsets": True}).margin_ratio[-1, 0]
    apart = run([SPOT, PERP], hedge).margin_ratio[-1, 0]
    assert (naked, offset, apart) == approx((110 / 2000, 10 / 2000, 110 / 2000))
    half = run([SPOT, PERP], {0: (5.0, -10.0)}, grid={**TEN, "spot_offsets": True}).margin_ratio[-1, 0]
    assert half == approx((50 + 10) / 2000)


@pytest.mark.parametrize(
    ("grid", "needed"),
    [
        ({}, 10 + 10),  # 1 % of each of the expiries
        ({"basis": "net"}, 0.0),
        ({"basis_annual": 0.365}, 10 + 1000 * 0.001 * (99 - 1 / 24)),  # 99 days less an hour to run
        ({"basis": "net", "basis_annual": 0.365}, 1000 * 0.001 * (99 - 1 / 24) - 10),
        ({"minimum": 0.03}, 0.03 * 2000),  # of all notional, more than 20
        ({"minimum": 0.005}, 20.0),
        ({"maintenance_factor": 1.5}, 30.0),
    ],
)
def test_a_calendar_without_delta_needs_margin_for_its_basis(grid: dict[str, Any], needed: float) -> None:
    """Long 10 perpetuals against a short future of 10: no move of the price costs anything."""
    result = run([PERP, LATER], {0: (10.0, -10.0)}, grid={**TEN, **grid})
    assert result.position[-1].tolist() == [10.0, -10.0]
    assert result.margin_ratio[-1, 0] == approx(needed / 2000)


def test_two_coins_do_not_hedge_each_other() -> None:
    panel = tiny_panel([SPOT, PERP, *ETH], mark=([100.0] * 3, 100, 100, 100))
    desk = tiny_desk(2000.0, margin="portfolio", rules=[rule("portfolio", **TEN)])
    result = play(desk, panel, {}, BTC={0: (0.0, 10.0)}, ETH={0: (0.0, -10.0)})
    assert result.margin_ratio[-1, 0] == approx((110 + 110) / 2000)


def test_a_delta_beyond_its_threshold_costs_more_by_the_coin() -> None:
    """Of 1000 the 500 beyond the threshold are 5 coins: a shock of 5 × 0.002 of 1000."""
    steep = {**TEN, "delta_threshold": 500.0, "delta_increment": 0.002, "delta_max": 0.1}
    assert run([SPOT, PERP], {0: (0.0, 10.0)}, grid=steep).margin_ratio[-1, 0] == approx(120 / 2000)


LEVELS = [
    ({}, 3000 / 11.1),  # 2000 − 10 (p − 100) = 0.11 × 10 p
    ({"liquidated_at": 1.05}, 3000 / (10 + 1.155)),
    ({"maintenance_factor": 2.0}, 3000 / (10 + 2.2)),
]


@pytest.mark.parametrize(("grid", "price"), LEVELS)
@pytest.mark.parametrize(("beyond", "liquidations"), [(-1e-6, 0), (1e-6, 1)])
def test_a_wallet_dies_where_its_equity_is_what_the_grid_asks(
    grid: dict[str, Any], price: float, beyond: float, liquidations: int
) -> None:
    result = run([SPOT, PERP], {0: (0.0, -10.0)}, price + beyond, grid={**TEN, **grid})
    assert result.liquidations == liquidations
    assert result.margin_ratio[-1, 0] == approx(1.0, abs=1e-6)


def test_a_calendar_lives_as_a_portfolio_where_its_tiers_would_kill_it() -> None:
    """2 × 10 coins at 180 need 0.2 × 3600 = 720 of 700 leg by leg, 0.02 × 1800 = 36 together."""
    calendar: Orders = {0: (10.0, -10.0)}
    together = run([PERP, LATER], calendar, 180.0, 700.0, maintenance=0.2)
    assert (together.liquidations, together.margin_ratio[-1, 0]) == (0, approx(36 / 700))
    panel = tiny_panel([PERP, LATER], mark=([100.0, 100.0, 180.0],) * 2)
    assert play(tiny_desk(700.0, maintenance=0.2), panel, calendar).liquidations == 1


@pytest.mark.parametrize(("level", "price"), [(1.0, 3000 / 10.2), (1.05, 3000 / 10.21), (1.5, 3000 / 10.3)])
@pytest.mark.parametrize(("beyond", "liquidations"), [(-1e-6, 0), (1e-6, 1)])
def test_where_a_ratio_decides_the_level_multiplies_maintenance_by_tiers(
    level: float, price: float, beyond: float, liquidations: int
) -> None:
    """Binance's uniMMR: equity over maintenance at 1.05 or below: 2000 − 10 (p − 100) = 1.05 × 0.2 p."""
    by_ratio = {"method": "ratio", "liquidated_at": level}
    result = run([SPOT, PERP], {0: (0.0, -10.0)}, price + beyond, grid=by_ratio, maintenance=0.02)
    assert result.liquidations == liquidations
    calm = run([SPOT, PERP], {0: (0.0, -10.0)}, grid=by_ratio, maintenance=0.02)
    assert calm.margin_ratio[-1, 0] == approx(level * 20 / 2000)


def test_inside_the_bar_it_dies_where_the_grid_says_too() -> None:
    prices = [100.0, 100.0, 100.0]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices), high=(prices, [100.0, 100.0, 400.0]))
    desk = tiny_desk(2000.0, margin="portfolio", rules=[rule("portfolio", **TEN)])
    result = play(desk, panel, {0: (0.0, -10.0)})
    assert (result.liquidations, result.liquidations_high_low) == (0, 1)
    assert result.liquidated_high_low.price.tolist() == approx([3000 / 11.1], rel=1e-9)


def test_a_venue_without_a_record_of_portfolio_margin_is_refused_with_a_remedy() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
    with pytest.raises(ConfigError, match=r'desk tiny: .*use margin = "cross" in \[venues\.alpha\]') as error:
        play(tiny_desk(margin="portfolio"), panel, {})
    assert "\n" not in str(error.value)
