"""Rolling into the next future, and evening out after a partial liquidation, in a market."""

import math
from typing import Any

import numpy as np
import pytest

from narrows.core.result import Result
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import backtest
from narrows.strategy.cash_and_carry import CashAndCarry
from narrows.strategy.funding_carry import FundingCarry
from narrows.strategy.protocol import Strategy
from tiny_market import FIRST_CLOSE_NS, NAN, PERP, SPOT, rule, tiny_desk, tiny_panel

NEAR, FAR = "BTC-USDT-20240622.alpha", "BTC-USDT-20240624.alpha"  # 49 and 97 h after the close of bar 0
BARS = 60
approx = pytest.approx


def rolled(roll_h: float, **keys: Any) -> Result:
    """Two futures 1 % over spot, the second only looked at from 60 h before its delivery on."""
    near = [101.0] * 50 + [NAN] * (BARS - 50)
    panel = tiny_panel(
        [SPOT, NEAR, FAR],
        mark=([100.0] * BARS, near, [101.0] * BARS),
        settlement=(NAN, [NAN] * 49 + [100.0] + [NAN] * (BARS - 50), NAN),
    )
    chosen = CashAndCarry(nearest_h=roll_h + 1.0, farthest_h=48.0 + roll_h, size=0.5, roll_h=roll_h)
    return backtest(tiny_desk(10_000.0, **keys), panel, chosen)


def test_a_roll_leaves_the_near_future_and_takes_the_next_before_delivery() -> None:
    result = rolled(12.0)
    names = [leg.instrument for leg in result.legs]
    assert names == [SPOT, NEAR, SPOT, FAR]
    spot, near, other, far = result.position.T
    # decided at the close of bar 37, 12 h before delivery, when the next is 60 h away; filled in bar 38
    assert near[1:38] == approx(-50.0)
    assert not near[38:].any()
    assert not far[:38].any()
    assert far[38:] == approx(np.full(BARS - 38, far[38]))
    assert far[38] == approx(-0.5 * result.equity[37] / 100.0)
    assert (result.fills.reason == 0).all()  # none is delivered or liquidated
    np.testing.assert_array_equal(spot, -near)  # both legs of a spread in the same bar
    np.testing.assert_array_equal(other, -far)


def test_without_a_roll_the_near_future_is_delivered() -> None:
    result = rolled(0.0)
    delivered = result.fills.reason == 2
    assert result.fills.time_ns[delivered].tolist() == [FIRST_CLOSE_NS + 49 * HOUR_NS]
    assert result.position[48, 1] == approx(-50.0)


def test_a_roll_costs_its_fills_and_pays_the_basis_of_both() -> None:
    """Bought at 100 against 101, closed at 100 against 101: nothing earned but what was paid for it."""
    result = rolled(12.0, taker_bps=10.0)
    by = result.ledger.by_category
    assert by["basis"] == approx(0.0, abs=1e-9)
    sizes = np.abs(result.position[[1, 38]][:, [0, 2]]).max(axis=1)  # near, far
    assert by["fees"] == approx(-0.001 * 201.0 * (2 * sizes[0] + sizes[1]))


TIERS = [[0, 1000, 0.01, 0, 50], [1000, math.inf, 0.05, 40, 10]]
BY_TIER = rule("margin", tiers=TIERS, partial="tier")


SQUEEZES: list[tuple[Strategy, str, float]] = [
    (FundingCarry(lookback_h=1.0, size=0.5), PERP, 0.01),
    (CashAndCarry(nearest_h=1.0, size=0.5), FAR, NAN),
]


@pytest.mark.parametrize(("strategy", "instrument", "rate"), SQUEEZES)
def test_after_a_partial_liquidation_the_other_leg_is_cut_to_match(
    strategy: Strategy, instrument: str, rate: float
) -> None:
    """A short of 30 from 101 in a wallet of 3000, at 196.95 two bars later: one step down, 1000 are left.

    At most 3000 − 30 × 95.95 + 89.4 of funding = 210.9 for 5908.5 × 0.05 − 40 = 255.4.
    """
    prices = [100.0, 100.0, 195.0, 195.0, 195.0, 195.0]
    panel = tiny_panel(
        [SPOT, instrument], mark=(prices, [1.01 * p for p in prices]), funding=(NAN, [rate] * 6)
    )
    desk = tiny_desk(6000.0, account="separate", derivatives_share=0.5, maintenance=None, rules=(BY_TIER,))
    result = backtest(desk, panel, strategy)
    left = 1000.0 / 196.95
    assert result.liquidations == 1
    assert result.position[:2].tolist() == [[0.0, 0.0], [30.0, -30.0]]
    assert result.position[2].tolist() == approx([30.0, -left])  # the step, at the close
    assert result.position[3].tolist() == approx([left, -left])  # evened out at the next open, and held so
    assert result.position[4:].tolist() == [result.position[3].tolist()] * 2
    assert result.fills.reason.tolist() == [0, 0, 1, 0]
    assert result.residual_delta[2] > 0.5
    assert result.residual_delta[3] == approx(0.0, abs=0.01)  # what the basis makes of it
