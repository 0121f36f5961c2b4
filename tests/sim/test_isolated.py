"""Isolated margin: a leg lives and dies by what was posted for it; each number worked out in the test."""

from collections.abc import Sequence
from typing import Any

import pytest

from narrows.core.result import Result
from tiny_market import INVERSE, NAN, PERP, SPOT, Script, lanes, play, tiny_desk, tiny_panel

approx = pytest.approx

LONG = 100 * (1 - 1 / 3) / (1 - 0.005)
SHORT = 100 * (1 + 1 / 3) / (1 + 0.005)
ISOLATED: dict[str, Any] = {"capital": 10_000.0, "margin": "isolated"}


def levered(side: float, prices: Sequence[float], **fields: Any) -> Result:
    """30 coins at 100: 1000 posted of 10 000."""
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, *prices]), **fields)
    return play(tiny_desk(**ISOLATED), panel, {0: (0.0, 30.0 * side)})


@pytest.mark.parametrize(("side", "price", "move"), [(1, LONG, -0.32998), (-1, SHORT, 0.32670)])
def test_a_leg_dies_at_its_own_price_however_much_the_wallet_has(
    side: float, price: float, move: float
) -> None:
    assert price / 100 - 1 == approx(move, abs=1e-5)
    assert levered(side, [price * (1 + 1e-9 * side)]).liquidations == 0
    gone = levered(side, [price * (1 - 1e-9 * side)])
    assert gone.liquidations == 1
    assert gone.position[2, 1] == 0.0
    assert gone.equity_end == approx(10_000 - 30 * abs(price - 100))


@pytest.mark.parametrize(("side", "price"), [(1, LONG), (-1, SHORT)])
def test_inside_the_bar_it_dies_there_too(side: float, price: float) -> None:
    fields = {
        "open": (100, [100, 100, 98]),
        "high": (100, [100, 100, 150]),
        "low": (100, [100, 100, 55]),
    }
    result = levered(side, [99], **fields)
    assert (result.liquidations, result.liquidations_high_low) == (0, 1)
    assert result.liquidated_high_low.price.tolist() == approx([price], rel=1e-9)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_gap_costs_the_wallet_no_more_than_what_was_posted(side: float) -> None:
    result = levered(side, [100 - 60 * side])  # 1800 lost, 1000 posted
    assert result.equity_end == approx(9000)
    assert result.ledger.by_category["basis"] == approx(-1800)
    assert result.ledger.by_category["liquidation"] == approx(800)
    assert result.wallet_equity[2].tolist() == approx([9000])


def test_funding_is_paid_out_of_what_is_posted() -> None:
    # 30 of 1000 are gone: 970 + 30 (p − 100) = 0.005 × 30 p
    price = 2030 / (30 * 0.995)
    funding = (NAN, [NAN, 0.01, NAN])
    assert levered(1.0, [price * (1 + 1e-9)], funding=funding).liquidations == 0
    assert levered(1.0, [price * (1 - 1e-9)], funding=funding).liquidations == 1


def test_closing_frees_what_was_posted_share_by_share() -> None:
    panel = tiny_panel(
        [SPOT, PERP], mark=(100, [100, 100, 110, 110, 110]), open=(100, [100, 100, 100, 110, 110])
    )

    def posted(orders: dict[int, tuple[float, float]]) -> float:
        state, _ = lanes(tiny_desk(**ISOLATED), panel, Script(orders=orders))
        return float(state.posted[1, 0])

    assert posted({0: (0.0, 30.0)}) == approx(1300)  # what it gained is margin too
    assert posted({0: (0.0, 30.0), 2: (0.0, 15.0)}) == approx(650)
    assert posted({0: (0.0, 30.0), 2: (0.0, 0.0)}) == 0.0
    assert posted({0: (0.0, 30.0), 2: (0.0, 33.0)}) == approx(1300 + 110)
    assert posted({0: (0.0, 30.0), 2: (0.0, -3.0)}) == approx(110)  # turned round: posted anew


def test_what_is_posted_cannot_buy_spot() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 100]))
    state, trace = lanes(
        tiny_desk(1000.0, margin="isolated"), panel, Script(orders={0: (0.0, 7.5), 1: (1e9, 7.5)})
    )
    assert trace.quantity[-1].tolist() == approx([7.5, 7.5])  # 250 posted leave 750
    assert state.posted[1, 0] == approx(250)


@pytest.mark.parametrize(("margin", "liquidations", "left"), [("isolated", 1, 0.0), ("cross", 0, -10.0)])
def test_a_hedge_loses_its_isolated_short_where_a_cross_one_survives(
    margin: str, liquidations: int, left: float
) -> None:
    prices = [100, 100, 133]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    result = play(tiny_desk(2000.0, margin=margin), panel, {0: (10.0, -10.0)})
    assert result.liquidations == liquidations
    assert result.position[-1].tolist() == [10.0, left]
    assert result.equity_end == approx(2000)


def test_an_inverse_leg_is_judged_by_what_is_posted_and_its_own_coins() -> None:
    """3000 contracts at 100, long: 1000 posted. At p they lose 3000 (1/p − 1/100) coins, worth that × p.

    1000 + 3000 (p/100 − 1) = 0.005 × 3000: p = 67.1667.
    """
    price = 100 * (1 - (1000 - 15) / 3000)
    for last, liquidations in ((price + 1e-6, 0), (price - 1e-6, 1)):
        panel = tiny_panel([SPOT, INVERSE], mark=(100, [100, 100, last]))
        result = play(tiny_desk(**ISOLATED), panel, {0: (0.0, 30.0)})
        assert result.liquidations == liquidations
        assert result.equity_end == approx(10_000 - 30 * (100 - last))


def test_the_margin_ratio_is_the_worst_of_the_isolated_legs() -> None:
    result = levered(1.0, [80.0])
    assert result.margin_ratio[2, 0] == approx(0.005 * 30 * 80 / 400)
    assert result.margin_ratio_high_low[2, 0] == approx(0.005 * 30 * 80 / 400)
