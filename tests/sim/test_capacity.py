"""How large a position may become when capital is shared, borrowed or no collateral; all by hand."""

from typing import Any

import pytest

from narrows.sim.backtest import backtest
from narrows.strategy.funding_carry import FundingCarry
from tiny_market import ALL, NAN, PERP, SPOT, play, tiny_desk, tiny_panel

approx = pytest.approx

TWO = [SPOT, PERP, "ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
ENTER = {0: (ALL, -ALL)}


@pytest.mark.parametrize(
    ("keys", "size"),
    [
        ({"collateral": ["USDT", "BTC"]}, 10.0),  # all cash into spot, which margins the short
        ({"collateral": ["USDT"]}, 7.5),  # 3 × (1000 − 100 s) = 100 s
        ({"collateral": []}, 7.5),  # money always counts
        ({"collateral": ["USDT"], "leverage": 1.0}, 5.0),  # 1000 − 100 s = 100 s
        (
            {"collateral": ["USDT"], "taker_bps": 10.0, "half_spread_bps": 5.0},
            3000 / 400.9,
        ),  # 3 (1000 − 100 s − 0.3 s) = 100 s
    ],
)
def test_what_is_spent_on_spot_is_margin_only_if_it_is_collateral(keys: Any, size: float) -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 100], 100))
    result = play(tiny_desk(**keys), panel, ENTER)
    assert result.position[1].tolist() == approx([size, -size], rel=1e-12)
    assert result.liquidations == result.liquidations_high_low == 0


def test_a_desk_whose_coins_are_no_collateral_enters_once_and_stays() -> None:
    bars = 60
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * bars, 100), funding=(NAN, [0.001] * bars))
    desk = tiny_desk(collateral=["USDT"], leverage=3.0, maintenance=0.02, taker_bps=5.0)
    result = backtest(desk, panel, FundingCarry(lookback_h=4.0))
    assert len(result.fills) == 2
    assert result.liquidations == result.liquidations_high_low == 0


def test_another_spread_finds_the_margin_that_is_left() -> None:
    panel = tiny_panel(TWO, mark=([100] * 4, 100, 50, 50))
    result = play(tiny_desk(collateral=["USDT"]), panel, {0: (5.0, -5.0)}, ETH={1: (ALL, -ALL)})
    # 500 in cash, 500 margined: 3 × (500 − 50 s) = 500 + 50 s
    assert result.position[2].tolist() == approx([5.0, -5.0, 5.0, -5.0])


def test_proceeds_of_a_short_sale_buy_nothing() -> None:
    panel = tiny_panel(TWO, mark=([100] * 4, 100, 50, 50))
    result = play(tiny_desk(), panel, {0: (-5.0, 5.0)}, ETH={1: (ALL, 0.0)})
    # 1500 in cash, 500 of it owed: 1000 / 50
    assert result.position[2].tolist() == approx([-5.0, 5.0, 20.0, 0.0])


def test_a_spread_that_turns_round_leaves_no_margin_for_another() -> None:
    panel = tiny_panel(TWO, mark=([100] * 4, 100, 50, 50))
    orders = {0: (5.0, -5.0), 1: (-5.0, 5.0)}
    result = play(tiny_desk(leverage=1.0), panel, orders, ETH={1: (ALL, -ALL)})
    # before: 500 margined of 1000; after: a loan of 500 and a perpetual of 500
    assert result.position[2].tolist() == [-5.0, 5.0, 0.0, 0.0]
    result = play(tiny_desk(leverage=1.2), panel, orders, ETH={1: (ALL, -ALL)})
    assert result.position[2].tolist() == approx([-5.0, 5.0, 4.0, -4.0])  # 200 / 50


def test_a_target_beyond_capacity_never_cuts_what_is_held() -> None:
    marks = [100, 100, 150, 150]
    panel = tiny_panel([SPOT, PERP], mark=(100, marks))
    result = play(tiny_desk(leverage=1.0), panel, {0: (0.0, -5.0), 2: (0.0, -8.0)})
    # 750 of margin equity carry 5 × 150 = 750 of notional and no more
    assert result.position[3].tolist() == [0.0, -5.0]


def test_a_spread_that_turns_round_holds_no_more_than_a_fresh_one() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100] * 4, 100))
    result = play(tiny_desk(leverage=1.0), panel, {0: (10.0, -10.0), 1: (-10.0, 10.0)})
    # the loan and the perpetual share 1000: 5 × 100 each
    assert result.position[2].tolist() == approx([-5.0, 5.0])


def test_two_spreads_that_enter_in_one_bar_share_the_margin_that_coins_do_not_give() -> None:
    panel = tiny_panel(TWO, mark=([100] * 4, 100, 50, 50))
    result = play(tiny_desk(collateral=["USDT"]), panel, {0: (5.0, -5.0)}, ETH={0: (ALL, -ALL)})
    # as if one came after the other: 3 × (500 − 50 s) = 500 + 50 s
    assert result.position[1].tolist() == approx([5.0, -5.0, 5.0, -5.0])
    assert result.liquidations == 0


def test_coins_that_do_not_count_are_not_bought_with_the_margin_of_a_loan() -> None:
    panel = tiny_panel(TWO, mark=([100] * 4, 100, 50, 50))
    desk = tiny_desk(2000.0, 2.0, account="separate", derivatives_share=0.5, collateral=["USDT"])
    result = play(desk, panel, {0: (-10.0, 10.0)}, ETH={1: (ALL, 0.0)})
    # the spot wallet: 2 × (1000 − 50 s) = 1000 margined
    assert result.position[2].tolist() == approx([-10.0, 10.0, 10.0, 0.0])


@pytest.mark.parametrize("taker_bps", [5.0, 50.0])
def test_an_entry_at_full_leverage_survives_its_own_costs(taker_bps: float) -> None:
    panel = tiny_panel([PERP, "BTC-USDT-20240927.alpha"], mark=([100] * 4, 100))
    desk = tiny_desk(leverage=30.0, maintenance=0.03, taker_bps=taker_bps, half_spread_bps=0.5)
    result = play(desk, panel, ENTER)
    assert result.liquidations == 0
