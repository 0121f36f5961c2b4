"""Set-ups in which other systems gave a wrong answer, in the simulator, with the right one."""

from typing import Any

import numpy as np
import pytest

from narrows.core.arrays import Float2D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.sim.backtest import backtest
from tiny_market import FUTURE, NAN, PERP, PERP_BETA, SPOT, Script, play, tiny_desk, tiny_panel

approx = pytest.approx

TWO_PERCENT: dict[str, Any] = {"maintenance": 0.02}
DAYS_30 = 30 * 24


class ByVenue(Script, frozen=True, kw_only=True):
    """Buys the spot of alpha and sells the perpetual of beta: one leg of each of two spreads."""

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        rows = np.full((len(panel), 3), NAN)
        rows[:, 2] = 0.0
        rows[0, :2] = (1.0, NAN) if spread.kind == "funding_carry" else (NAN, -1.0)
        return rows


def flat(price: float, *more: float) -> list[float]:
    """Two bars to get in, then what follows."""
    return [price, price, *more]


@pytest.mark.parametrize(("mark", "paid"), [(110_000.0, 110.0), (100_000.0, 100.0)])  # A and B
def test_traps_A_and_B_a_short_receives_its_funding_on_the_mark(mark: float, paid: float) -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100_000, flat(100_000, mark)), funding=(NAN, [NAN, NAN, 0.001]))
    result = play(tiny_desk(1e6), panel, {0: (0.0, -1.0)})
    assert result.ledger.by_category["funding"] == approx(paid)


@pytest.mark.parametrize("leverage", [9.0, 10.0, 40.0])  # C, and C2: no venue divides it by leverage
@pytest.mark.parametrize(("beyond", "liquidations"), [(-0.01, 0), (0.01, 1)])
def test_traps_C_and_C2_maintenance_is_on_the_mark_whatever_the_leverage(
    leverage: float, beyond: float, liquidations: int
) -> None:
    price = 112_000 / 1.02  # 12 000 − (p − 100 000) = 0.02 p
    assert price == approx(109_803.92)
    panel = tiny_panel([PERP, PERP_BETA], mark=(flat(100_000, price + beyond), 100_000))
    result = play(tiny_desk(24_000.0, leverage, beta=True, **TWO_PERCENT), panel, {0: (-1.0, 0.0)})
    assert result.position[1, 0] == -1.0
    assert result.liquidations == liquidations


def test_trap_D_spot_is_paid_for_and_what_is_owed_pays_interest() -> None:
    """1 coin bought with cash of 130 000, its short loses 100 000: 70 000 are owed for an hour."""
    prices = flat(100_000, 200_000)
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    result = play(tiny_desk(130_000.0, cash_borrow_apr=0.08), panel, {0: (1.0, -1.0)})
    assert result.liquidations == 0
    assert result.position[-1].tolist() == [1.0, -1.0]
    assert result.ledger.by_category["borrow"] == approx(-70_000 * 0.08 / 8760)
    more = play(tiny_desk(130_000.0), panel, {0: (4.0, 0.0)})
    assert more.position[1, 0] == approx(1.3)  # never on credit


def test_trap_E_a_coin_is_collateral_for_its_short() -> None:
    """1 coin at 100 000 and 5000 in cash against a short of 1: what one loses the other gains."""
    prices = flat(100_000, 103_000, 150_000, 300_000)
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    desk = tiny_desk(105_000.0, **TWO_PERCENT)
    result = play(desk, panel, {0: (1.0, -1.0)})
    assert result.liquidations == result.liquidations_high_low == 0
    assert result.equity.tolist() == approx([105_000] * 5)
    assert result.margin_ratio[:, 0].tolist() == approx([0, *(0.02 * p / 105_000 for p in prices[1:])])


def test_trap_F_each_leg_fills_on_its_own_book() -> None:
    panel = tiny_panel(
        [SPOT, PERP],
        mark=([100, 100], [110, 110]),
        bid=(99.0, 109.89),
        ask=(101.0, 110.11),
        depth=(1e4, 1e5),
    )
    fills = play(tiny_desk(), panel, {0: (1.0, -1.0)}).fills
    # half a spread of 1 % and 0.1 %, and ½ × 10 bp × notional over depth
    assert fills.price.tolist() == approx(
        [100 * (1 + 0.01 + 0.0005 * 100 / 1e4), 110 * (1 - 0.001 - 0.0005 * 110 / 1e5)]
    )


def test_trap_G_a_future_is_delivered_at_its_settlement_not_at_its_quote() -> None:
    panel = tiny_panel(
        [SPOT, FUTURE],
        mark=(100_000, [100_000, 102_000, NAN]),
        open=(100_000, [100_000, 100_000, NAN]),
        settlement=(NAN, [NAN, 101_234.5, NAN]),
    )
    result = play(tiny_desk(1e6, delivery_bps=0.0), panel, {0: (0.0, -1.0)})
    assert result.equity_end - 1e6 == approx(-1234.5)


def test_trap_K_the_perpetual_of_one_venue_dies_and_the_spot_of_the_other_stays() -> None:
    """Spot of 1 on alpha; on beta 15 000 behind a short of 1: 15 000 − (p − 100 000) = 0.005 p at 114 428."""
    prices = flat(100_000, 114_400, 114_450, 130_000)
    panel = tiny_panel([SPOT, PERP, PERP_BETA], mark=(prices,) * 3)
    desk = tiny_desk(115_000.0, 10.0, beta=True, capital_share=100 / 115)
    result = backtest(desk, panel, ByVenue(orders={}))
    held = {
        leg.instrument: result.position[:, n].tolist()
        for n, leg in enumerate(result.legs)
        if result.position[:, n].any()
    }
    assert held == {SPOT: [0.0, 1.0, 1.0, 1.0, 1.0], PERP_BETA: [0.0, -1.0, -1.0, 0.0, 0.0]}
    assert result.liquidations == 1
    assert result.wallet_equity[-1].tolist() == approx([130_000.0, 550.0])


def test_trap_L_a_coin_sold_short_pays_interest_for_thirty_days() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100_000.0] * (DAYS_30 + 1), 100_000))
    result = play(tiny_desk(1e6, borrow_apr=0.05), panel, {0: (-1.0, 0.0)})
    assert result.ledger.by_category["borrow"] == approx(-100_000 * 0.05 * 30 / 365)
