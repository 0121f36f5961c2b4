"""What time costs and pays: funding, loans, interest, deliveries; each number worked out in the test."""

import numpy as np
import pytest

from tiny_market import FUTURE, INVERSE, NAN, PERP, SPOT, play, tiny_desk, tiny_panel

approx = pytest.approx

BAR_YEARS = 1 / 8760


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_longs_pay_positive_funding_on_the_mark_of_the_bar_that_carries_it(side: float) -> None:
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(100, [100, 110, 120, 120]),
        open=(100, [100, 110, 110, 120]),
        funding=(NAN, [0.5, 0.01, 0.5, NAN]),
    )
    result = play(tiny_desk(), panel, {0: (0.0, 2.0 * side), 1: (0.0, 0.0)})
    # held at the close of bar 1 only: bought at its open, sold at the next open
    assert result.ledger_path[:, 1].tolist() == approx([0, *[-2 * side * 110 * 0.01] * 3], rel=1e-12)


def test_an_inverse_leg_is_paid_funding_in_coin_on_its_face_value() -> None:
    panel = tiny_panel([SPOT, INVERSE], mark=(100, [100, 100, 125]), funding=(NAN, [NAN, 0.01, NAN]))
    result = play(tiny_desk(), panel, {0: (0.0, -2.0)})
    # short 200 USD of face receives 2 USD = 0.02 coin at 100, worth 2.5 at 125
    pnl_coin = -200 * (1 / 100 - 1 / 125)
    assert result.ledger.by_category["funding"] == approx(2.0)
    assert result.ledger.by_category["fx"] == approx(0.02 * 25)
    assert result.ledger.by_category["basis"] == approx(pnl_coin * 125)
    assert result.equity_end == approx(1000 + (0.02 + pnl_coin) * 125)


def test_an_inverse_position_profits_in_coin() -> None:
    panel = tiny_panel([SPOT, INVERSE], mark=(100, [100, 100, 50]))
    result = play(tiny_desk(), panel, {0: (0.0, -2.0)})
    # short N = 200: −200 × (1/100 − 1/50) = +2 coin, worth 100
    assert result.equity_end == approx(1100.0)


def test_coins_against_an_equal_inverse_short_are_worth_constant_dollars() -> None:
    prices = [100.0, 100.0, 37.0, 421.0, 5.0, 99.0, 260.0]
    panel = tiny_panel([SPOT, INVERSE], mark=(prices, prices))
    result = play(tiny_desk(maintenance=0.001), panel, {0: (5.0, -5.0)})
    assert result.liquidations == 0
    np.testing.assert_allclose(result.equity, 1000.0, rtol=1e-12)
    assert abs(result.ledger.by_category["fx"]) > 1.0  # the coin balance moved, and so did the price
    np.testing.assert_allclose(result.residual_delta, 0.0, atol=1e-12)


def test_borrowed_coins_cost_the_rate_of_the_panel_or_the_default() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 120], 100), borrow=([NAN, 0.5, NAN], 9.0))
    result = play(tiny_desk(borrow_apr=0.2), panel, {0: (-2.0, 0.0)})
    owed = (200 * 0.5 + 240 * 0.2) * BAR_YEARS
    assert result.ledger.by_category["borrow"] == approx(-owed, rel=1e-12)
    assert result.equity_end == approx(1000 - 40 - owed, rel=1e-12)


def test_owned_coins_cost_nothing() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 120], 100), borrow=(0.5, 0.5))
    result = play(tiny_desk(borrow_apr=0.2), panel, {0: (2.0, 2.0)})
    assert result.ledger.by_category["borrow"] == 0.0


def test_idle_cash_earns_and_compounds_bar_by_bar() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 100], 100))
    result = play(tiny_desk(cash_apr=0.0876), panel, {})
    assert result.equity.tolist() == approx([1000 * (1 + 1e-5) ** n for n in (1, 2, 3)], rel=1e-14)
    assert result.ledger.by_category["collateral_yield"] == approx(result.equity_end - 1000, rel=1e-9)


def test_the_proceeds_of_a_short_sale_earn_nothing() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 100], 100))
    desk = tiny_desk(cash_apr=0.0876, borrow_apr=0.0)
    result = play(desk, panel, {0: (-5.0, 5.0)})
    assert result.position[1].tolist() == [-5.0, 5.0]  # 500 in cash are others'
    assert result.equity.tolist() == approx([1000 * (1 + 1e-5) ** n for n in (1, 2, 3)], rel=1e-14)
    alone = play(tiny_desk(cash_apr=0.0876, leverage=30.0), panel, {0: (-20.0, 0.0)})
    assert alone.equity.tolist() == approx([1000 * (1 + 1e-5) ** n for n in (1, 2, 3)], rel=1e-14)


def test_negative_cash_costs_its_own_rate() -> None:
    prices = [100, 100, 110]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    result = play(tiny_desk(cash_apr=0.01, cash_borrow_apr=0.08), panel, {0: (10.0, -10.0)})
    # bar 0 earns on 1000; that interest is left as cash, then the short loses 100
    first = 1000 * 0.01 * BAR_YEARS
    second = first * 0.01 * BAR_YEARS
    third = (first + second - 100) * 0.08 * BAR_YEARS
    assert result.ledger.by_category["collateral_yield"] == approx(first + second, rel=1e-12)
    assert result.ledger.by_category["borrow"] == approx(third, rel=1e-12)


def test_a_future_is_delivered_at_the_settlement_price_with_a_fee() -> None:
    panel = tiny_panel(
        [SPOT, FUTURE],
        mark=(100, [101, 102, NAN]),
        open=(100, [101, 103, NAN]),
        settlement=(NAN, [NAN, 99.0, NAN]),
    )
    result = play(tiny_desk(taker_bps=10.0, delivery_bps=10.0), panel, {0: (0.0, -2.0)})
    fill = result.fills
    assert fill.reason.tolist() == [0, 2]
    assert fill.time_ns.tolist() == [panel.time_ns[0], panel.time_ns[1]]
    assert (fill.quantity[1], fill.price[1]) == (2.0, 99.0)
    assert fill.fee[1] == approx(0.001 * 2 * 99)
    # sold at 103, marked at 102, delivered at 99: 2 in basis, 6 less the fee in settlement
    assert result.ledger.by_category["basis"] == approx(2.0)
    assert result.ledger.by_category["settlement"] == approx(2 * 3 - 0.198)
    assert result.ledger.by_category["fees"] == approx(-0.001 * 2 * 103)
    assert result.position[1:, 1].tolist() == [0, 0]


def test_interest_counts_the_hours_of_a_bar() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100] * 24, 100))
    result = play(tiny_desk(cash_apr=0.365), panel, {})
    assert result.equity_end - 1000 == approx(1.0, rel=1e-3)  # a day of 36.5 % on 1000
