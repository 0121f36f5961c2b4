"""When a wallet fails, at which price, and what is left of it; each number worked out in the test."""

from typing import Any

import numpy as np
import pytest

from narrows.core.result import Result
from tiny_market import INVERSE, NAN, PERP, PERP_BETA, SPOT, Script, lanes, play, tiny_desk, tiny_panel

approx = pytest.approx

# 1000 of margin carry 30 coins at 100: leverage 3
ISOLATED: dict[str, Any] = {"capital": 4000.0, "account": "separate", "derivatives_share": 0.25}
LONG = 100 * (1 - 1 / 3) / (1 - 0.005)  # 67.00, −32.998 %
SHORT = 100 * (1 + 1 / 3) / (1 + 0.005)  # 132.67, +32.670 %


def levered(side: float, last: float, **keys: Any) -> Result:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, last]), open=(100, [100, 100, 100]))
    return play(tiny_desk(**{**ISOLATED, **keys}), panel, {0: (0.0, 30.0 * side)})


@pytest.mark.parametrize(("side", "price", "move"), [(1, LONG, -0.32998), (-1, SHORT, 0.32670)])
def test_a_levered_leg_fails_where_equity_meets_maintenance(side: float, price: float, move: float) -> None:
    assert price / 100 - 1 == approx(move, abs=1e-5)
    assert levered(side, price * (1 + 1e-9 * side)).liquidations == 0
    gone = levered(side, price * (1 - 1e-9 * side))
    assert gone.liquidations == 1
    assert gone.fills.reason.tolist() == [0, 1]
    assert gone.fills.price[1] == gone.mark[2, 1]
    assert gone.position[2, 1] == 0.0


def test_margin_equity_equal_to_maintenance_is_not_enough() -> None:
    result = levered(1.0, 75.0, maintenance=1 / 9)  # 1000 − 750 = 250 = 30 × 75 / 9
    assert 30 * 75 * (1 / 9) == 250.0
    assert result.liquidations == 1


def test_maintenance_is_on_the_mark_and_shows_in_the_margin_ratio() -> None:
    result = levered(1.0, 80.0, maintenance=0.01)
    assert result.margin_ratio[2, 1] == approx(0.01 * 30 * 80 / 400)
    assert result.wallet_equity[2].tolist() == approx([3000, 400])


def test_the_ratio_inside_the_bar_is_at_the_worse_of_highs_and_lows() -> None:
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(100, [100, 100, 98]),
        open=(100, [100, 100, 100]),
        high=(100, [100, 100, 104]),
        low=(100, [100, 100, 80]),
        funding=(NAN, [NAN, NAN, 0.001]),
    )
    result = play(tiny_desk(**ISOLATED, maintenance=0.01), panel, {0: (0.0, 30.0)})
    assert result.margin_ratio[2, 1] == approx(0.01 * 30 * 98 / (940 - 30 * 98 * 0.001))
    assert result.margin_ratio_high_low[2, 1] == approx(0.01 * 30 * 80 / 400)
    assert result.funding[:, 1].tolist() == [approx(NAN, nan_ok=True)] * 2 + [0.001]


def test_funding_of_a_spot_leg_is_none_whatever_the_panel_says() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 98]), funding=(0.5, 0.001))
    result = play(tiny_desk(), panel, {0: (0.0, 0.0)})
    assert np.isnan(result.funding[:, 0]).all()


def test_liquidation_costs_its_fee_on_the_closed_notional() -> None:
    result = levered(1.0, 67.0, liquidation_fee_bps=20.0)
    fee = 0.002 * 30 * 67
    assert result.fills.fee[1] == approx(fee)
    assert result.ledger.by_category["liquidation"] == approx(-fee)
    assert result.wallet_equity[2, 1] == approx(1000 - 990 - 4.02)


def test_the_insurance_fund_bears_what_a_wallet_owes() -> None:
    result = levered(1.0, 50.0, liquidation_fee_bps=20.0)
    assert result.wallet_equity[2].tolist() == [3000.0, 0.0]
    assert result.ledger.by_category["basis"] == approx(-1500)
    assert result.ledger.by_category["liquidation"] == approx(500)  # 503 borne, 3 of them the fee
    assert result.equity_end == approx(3000)


@pytest.mark.parametrize(("side", "price"), [(1, LONG), (-1, SHORT)])
def test_high_and_low_liquidate_where_the_straight_path_meets_maintenance(side: float, price: float) -> None:
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(100, [100, 100, 99]),
        open=(100, [100, 100, 98]),
        high=(100, [100, 100, 150]),
        low=(100, [100, 100, 55]),
    )
    result = play(tiny_desk(**ISOLATED), panel, {0: (0.0, 30.0 * side)})
    assert (result.liquidations, result.liquidations_high_low) == (0, 1)
    assert result.liquidated_high_low.price.tolist() == approx([price], rel=1e-9)
    assert result.equity_end == approx(4000 - 30 * side)


@pytest.mark.parametrize(
    ("high", "way", "prices"), [(200, 985 / 1507.5, "high"), (170, 985 / 1343.25, "low")]
)
def test_the_nearer_of_two_failures_counts(high: float, way: float, prices: str) -> None:
    """Long 15 perpetuals, short 15 futures, 1000 behind them; maintenance 0.5 % of both.

    All at their highs: the future loses 15 × 100 (or 70) w on a way w; 15 × (200 + 100 w) × 0.005
    is needed: 1000 − 1500 w = 15 + 7.5 w. At their lows: 1000 − 1350 w = 15 − 6.75 w.
    """
    panel = tiny_panel(
        [PERP, "BTC-USDT-20240927.alpha"],
        mark=([100, 100, 100], 100),
        high=(100, [100, 100, high]),
        low=([100, 100, 10], 100),
    )
    result = play(tiny_desk(), panel, {0: (15.0, -15.0)})
    expected = [100, 100 + 100 * way] if prices == "high" else [100 - 90 * way, 100]
    assert result.liquidated_high_low.price.tolist() == approx(expected, rel=1e-9)


def test_a_unified_wallet_survives_what_empties_a_separate_one() -> None:
    prices = [100, 100, 150]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    orders = {0: (20.0, -20.0)}
    together = play(tiny_desk(4000.0), panel, orders)
    assert together.wallets == ("alpha",)
    assert together.liquidations == 0
    assert together.equity_end == approx(4000)
    apart = play(tiny_desk(**ISOLATED | {"derivatives_share": 0.2}), panel, orders)
    assert apart.wallets == ("alpha:spot", "alpha:derivatives")
    assert apart.liquidations == 1  # 800 of margin, 1000 lost
    assert apart.wallet_equity[2].tolist() == approx([3200 + 20 * 50, 0.0])
    assert apart.position[2].tolist() == [20.0, 0.0]


def test_venues_do_not_share_a_wallet() -> None:
    panel = tiny_panel([PERP, PERP_BETA], mark=([100, 100, 140], [100, 100, 140]))
    result = play(tiny_desk(2000.0, 3.0, beta=True), panel, {0: (30.0, -30.0)})
    assert result.wallet_equity[2].tolist() == approx([1000 + 30 * 40, 0.0])
    assert result.liquidations == 1


@pytest.mark.parametrize(
    ("collateral", "price", "liquidations"),
    [(["USDT"], SHORT - 0.01, 0), (["USDT"], SHORT + 0.01, 1), (["USDT", "BTC"], 1000.0, 0)],
)
def test_a_coin_that_is_no_collateral_does_not_hold_up_a_short(
    collateral: list[str], price: float, liquidations: int
) -> None:
    prices = [100, 100, price]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    # 250 left in cash carry a short of 750, as if it stood alone with leverage 3
    result = play(tiny_desk(collateral=collateral), panel, {0: (7.5, -7.5)})
    assert result.position[1].tolist() == [7.5, -7.5]
    assert result.liquidations == liquidations


@pytest.mark.parametrize(("last", "ratio"), [(60.0, 10.0), (67.0, 10.05 / 10.0), (66.7, 10.0)])
def test_the_margin_ratio_is_that_before_the_liquidation_and_at_most_ten(last: float, ratio: float) -> None:
    result = levered(1.0, last)  # 67: 1000 − 990 = 10 of margin for 0.005 × 30 × 67 = 10.05; 66.7: 1, 10.005
    assert result.liquidations == 1
    assert result.margin_ratio[2, 1] == approx(ratio)


@pytest.mark.parametrize(("price", "left"), [(25_000.0, 1000 - 5000 / 6), (20_000.0, 0.0)])
def test_a_gap_through_an_inverse_long_costs_its_coins_at_the_price_that_it_closes_at(
    price: float, left: float
) -> None:
    """5000 contracts at 30 000 lose 5000 × (1/p − 1/30 000) coins, worth that times p."""
    gap = [30_000, 30_000, price]
    panel = tiny_panel([SPOT, INVERSE], mark=(30_000, gap), open=(30_000, gap))
    state, trace = lanes(tiny_desk(leverage=10.0, maintenance=0.05), panel, Script(orders={0: (0.0, 1 / 6)}))
    assert trace.quantity[1, 1] == approx(5000.0)
    assert state.liquidations.tolist() == [1, 1]
    assert trace.equity[2].tolist() == approx([left, left], abs=1e-9)
    assert trace.equity.max() <= 1000.0 + 1e-9
    assert state.ledger.sum(axis=(0, 1)).tolist() == approx([left - 1000] * 2)
    assert not state.coin.any()


@pytest.mark.parametrize(("price", "liquidations"), [(165.8, 0), (165.9, 1)])
def test_a_borrowed_coin_needs_maintenance_too(price: float, liquidations: int) -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, price], 100))
    result = play(tiny_desk(), panel, {0: (-15.0, 0.0)})
    assert result.liquidations == liquidations  # 2500 = 1.005 × 15 × 165.84


def test_a_liquidated_lane_does_not_touch_the_other() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 100, 100]), low=(100, [100, 100, 60, 100]))
    state, trace = lanes(tiny_desk(**ISOLATED), panel, Script(orders={0: (0.0, 30.0)}))
    assert state.liquidations.tolist() == [0, 1]
    assert state.quantity[1].tolist() == [30.0, 0.0]
    assert trace.equity[-1].tolist() == approx([4000, 4000 - 30 * (100 - LONG)])
