"""An instrument that is gone is settled, whatever it is, and never traded again."""

import numpy as np
import pytest

from narrows.core.panel import Panel
from tiny_market import INVERSE, NAN, PERP, SPOT, Script, lanes, play, tiny_desk, tiny_panel

approx = pytest.approx
GONE = [100.0, 100.0, 80.0, NAN, NAN, NAN]  # last seen in bar 2, settled in bar 4
THERE = [100.0] * 6


def _panel(first: str, second: str, gone: int) -> Panel:
    marks = (GONE, THERE) if gone == 0 else (THERE, GONE)
    settled = [NAN, NAN, NAN, NAN, 80.0, NAN]
    return tiny_panel([first, second], mark=marks, settlement=(settled, NAN) if gone == 0 else (NAN, settled))


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_spot_is_settled_for_cash_at_its_last_price(side: float) -> None:
    result = play(tiny_desk(taker_bps=10.0), _panel(SPOT, PERP, 0), {0: (side, 0.0)})
    bought, settled = 100.0, 80.0
    fees = 0.001 * (bought + settled)
    assert result.position[:, 0].tolist() == [0, side, side, side, 0, 0]
    assert result.equity_end == approx(1000 + side * (settled - bought) - fees)
    assert result.ledger.by_category["settlement"] == approx(-0.001 * settled)
    assert result.fills.reason.tolist() == [0, 2]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_linear_contract_is_settled_at_its_last_price(side: float) -> None:
    result = play(tiny_desk(taker_bps=10.0), _panel(SPOT, PERP, 1), {0: (0.0, side)})
    assert result.position[:, 1].tolist() == [0, side, side, side, 0, 0]
    assert result.equity_end == approx(1000 + side * (80 - 100) - 0.001 * (100 + 80))


def test_an_inverse_contract_is_settled_in_coin_that_becomes_cash() -> None:
    result = play(tiny_desk(), _panel(SPOT, INVERSE, 1), {0: (0.0, -1.0)})
    # short 100 USD of face gains 100 × (1/80 − 1/100) = 0.25 coin, worth 20 at 80
    assert result.position[-1, 1] == 0.0
    assert result.equity_end == approx(1020.0)


def test_what_is_settled_away_from_the_mark_shows_in_settlement() -> None:
    panel = _panel(SPOT, PERP, 1).with_field(
        "settlement", np.column_stack([[NAN] * 6, [NAN, NAN, NAN, NAN, 70.0, NAN]])
    )
    result = play(tiny_desk(), panel, {0: (0.0, 1.0)})
    assert result.ledger.by_category["basis"] == approx(-20.0)
    assert result.ledger.by_category["settlement"] == approx(-10.0)


def test_what_is_gone_is_never_traded_again_and_its_partner_can_be() -> None:
    orders = {0: (1.0, -1.0), 2: (2.0, -2.0), 4: (1.0, -1.0)}
    result = play(tiny_desk(), _panel(SPOT, PERP, 1), orders)
    assert result.position[:, 1].tolist() == [0, -1, -1, -1, 0, 0]  # neither more before nor again after
    alone = play(tiny_desk(), _panel(SPOT, PERP, 1), {0: (1.0, -1.0), 4: (0.0, 0.0)})
    assert alone.position[:, 0].tolist() == [0, 1, 1, 1, 1, 0]
    assert alone.round_trips == 1


def test_settlement_is_the_same_where_liquidation_is_judged_inside_the_bar() -> None:
    state, _ = lanes(tiny_desk(), _panel(SPOT, PERP, 1), Script(orders={0: (1.0, -1.0)}))
    assert state.quantity[1].tolist() == [0.0, 0.0]
    assert state.cash[0, 0] == state.cash[0, 1]
