"""What a trade costs, when it happens, and how large it may be; each number worked out in the test."""

import os
from typing import Any

import msgspec
import numpy as np
import pytest

from narrows.core.errors import StateError
from narrows.core.instrument import instrument
from narrows.sim.backtest import backtest
from narrows.strategy.decider import decider
from narrows.strategy.funding_carry import FundingCarry
from tiny_market import ALL, INVERSE, NAN, PERP, SPOT, Script, lanes, play, tiny_desk, tiny_panel

approx = pytest.approx

COSTLY: dict[str, Any] = {"taker_bps": 10.0, "half_spread_bps": 5.0, "depth_usd": 1000.0}


def test_a_buy_fills_at_the_next_open_and_pays_half_spread_depth_and_fee() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 104, 104], 100), open=([99, 102, 104], 100))
    result = play(tiny_desk(**COSTLY), panel, {0: (2.0, 0.0)})
    # notional 2 × 102 = 204; slip = 5 bp + ½ × 10 bp × 204 / 1000 = 0.0005 + 0.000102
    slip = 0.000602
    fill = 102 * (1 + slip)
    fee = 0.001 * 2 * fill
    assert len(result.fills) == 1
    assert result.fills.time_ns[0] == panel.time_ns[0]  # bar 1 opens as bar 0 closes
    assert result.fills.price[0] == approx(fill, rel=1e-12)
    assert result.fills.reference[0] == 102.0
    assert result.fills.fee[0] == approx(fee, rel=1e-12)
    assert result.fills.slippage[0] == approx(slip * 204, rel=1e-12)
    assert result.equity[0] == 1000.0
    assert result.equity[1] == approx(1000 + 2 * (104 - 102) - slip * 204 - fee, rel=1e-12)
    assert result.ledger.by_category["fees"] == approx(-fee, rel=1e-12)
    assert result.ledger.by_category["slippage"] == approx(-slip * 204, rel=1e-12)
    assert result.ledger.by_category["basis"] == approx(4.0, rel=1e-12)


def test_a_sale_gets_less_than_the_reference() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
    result = play(tiny_desk(**COSTLY), panel, {0: (0.0, -2.0)})
    slip = 0.0005 + 0.5 * 0.001 * 200 / 1000
    assert result.fills.price[0] == approx(100 * (1 - slip), rel=1e-12)
    assert result.fills.fee[0] == approx(0.001 * 2 * 100 * (1 - slip), rel=1e-12)
    assert result.equity_end == approx(1000 - slip * 200 - result.fills.fee[0], rel=1e-12)


def test_quotes_and_depth_of_the_bar_before_the_fill_are_used_where_there_are_any() -> None:
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(100, [100, 100]),
        bid=([99, 50], NAN),
        ask=([101, 150], NAN),
        depth=([500, 1], NAN),
    )
    result = play(tiny_desk(**COSTLY), panel, {0: (1.0, 0.0)})
    slip = 2 / 200 + 0.5 * 0.001 * 100 / 500  # half of (101 − 99), over the mid
    assert result.fills.price[0] == approx(100 * (1 + slip), rel=1e-12)


def test_an_inverse_leg_pays_its_costs_in_coin_at_its_mark() -> None:
    panel = tiny_panel([SPOT, "BTC-USD-PERP.alpha"], mark=([100, 100], 100))
    result = play(tiny_desk(**COSTLY), panel, {0: (0.0, -2.0)})
    slip = 0.0005 + 0.5 * 0.001 * 200 / 1000  # notional 2 coins × 100 = 200 contracts of 1 USD
    assert result.fills.quantity[0] == approx(-200.0)
    assert result.equity_end == approx(1000 - 200 * slip - 200 * 0.001, rel=1e-12)


def test_neither_leg_fills_where_one_has_no_open_and_the_order_is_gone() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, 100), open=([100, NAN, 100, 100], 100))
    result = play(tiny_desk(), panel, {0: (1.0, -1.0)})
    assert len(result.fills) == 0
    assert not result.position.any()


def test_a_leg_without_a_mark_keeps_its_last_one() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 110, NAN, 120], 100))
    result = play(tiny_desk(), panel, {0: (1.0, 0.0)})
    assert result.mark[:, 0].tolist() == [100, 110, 110, 120]
    assert result.equity.tolist() == [1000, 1000, 1000, 1010]  # bought at the open of 110


def test_all_legs_move_in_whole_lots_of_the_coarsest_and_float_noise_is_no_lot() -> None:
    spot = instrument(SPOT, lot=0.1)
    panel = tiny_panel([spot, instrument(PERP, lot=0.01)], mark=([100, 100, 100], 100))
    result = play(tiny_desk(), panel, {0: (0.3, -1.239)})  # 0.3 / 0.1 = 2.9999999999999996
    assert result.position[1].tolist() == approx([0.3, -1.2], abs=1e-12)
    assert len(play(tiny_desk(), panel, {0: (0.3, -0.09)}).fills) == 0  # no lot of 0.1: neither moves
    assert play(tiny_desk(), panel, {0: (0.35, 0.0)}).position[1].tolist() == approx([0.3, 0.0])


def test_a_position_that_is_no_whole_lot_closes_exactly() -> None:
    spot = instrument(SPOT, lot=0.1)
    panel = tiny_panel([spot, instrument(PERP, lot=0.01)], mark=([100, 100, 100, 100], 100))
    result = play(tiny_desk(), panel, {0: (0.7, -0.7), 1: (0.3, -0.3), 2: (0.0, 0.0)})
    assert result.position[2].tolist() == approx([0.3, -0.3])  # 0.7 − 4 × 0.1 is not 0.3 to the bit
    assert result.position[3].tolist() == [0.0, 0.0]


def test_an_inverse_leg_has_a_lot_of_its_own_in_quote_units() -> None:
    legs = [instrument(SPOT, lot=0.1), instrument(INVERSE, lot=10.0)]
    panel = tiny_panel(legs, mark=([100, 100], 100))
    result = play(tiny_desk(), panel, {0: (1.27, -1.27)})  # 127 contracts of 1 USD: 120
    assert result.position[1].tolist() == approx([1.2, -120.0])


def test_an_order_below_the_smallest_notional_is_dropped_but_a_position_always_closes() -> None:
    panel = tiny_panel([instrument(SPOT, min_notional=50.0), PERP], mark=([100, 100, 10, 10], 100))
    assert len(play(tiny_desk(), panel, {0: (0.49, 0.0)}).fills) == 0
    assert len(play(tiny_desk(), panel, {0: (0.49, -0.49)}).fills) == 0  # the other leg does not go alone
    result = play(tiny_desk(), panel, {0: (0.5, 0.0), 2: (0.0, 0.0)})  # worth 5 when it is closed
    assert result.fills.quantity.tolist() == [0.5, -0.5]


def test_slippage_is_never_more_than_half_the_price() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100]), depth=(NAN, 1e-9))
    result = play(tiny_desk(), panel, {0: (0.0, -1.0)})
    assert result.fills.price.tolist() == [50.0]
    assert result.fills.slippage.tolist() == [50.0]
    assert result.equity_end == approx(950.0)


def test_owned_spot_is_paid_from_cash_with_its_costs() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
    result = play(tiny_desk(taker_bps=10.0, half_spread_bps=5.0), panel, {0: (ALL, 0.0)})
    assert result.position[1, 0] == approx(1000 / (100 * 1.0015), rel=1e-12)


@pytest.mark.parametrize("leverage", [0.5, 1.0])
def test_derivatives_are_bounded_by_leverage(leverage: float) -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
    result = play(tiny_desk(leverage=leverage), panel, {0: (0.0, -ALL)})
    assert result.position[1, 1] == approx(-10 * leverage, rel=1e-12)


def test_a_short_spread_shares_leverage_between_the_loan_and_the_perpetual() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
    result = play(tiny_desk(leverage=3.0), panel, {0: (-ALL, ALL)})
    assert result.position[1].tolist() == approx([-15.0, 15.0])  # 2 × 15 × 100 = 3 × 1000


def test_two_spreads_that_decide_in_one_bar_cannot_spend_the_same_cash() -> None:
    ids = [SPOT, PERP, "ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
    panel = tiny_panel(ids, mark=([100, 100, 100], 100, 50, 50))
    result = play(tiny_desk(leverage=30.0), panel, {0: (6.0, -6.0), 1: (6.0, -6.0)})
    # BTC takes 600; ETH may have (1000 − 600) / 50 = 8 ≥ 6, and in all 900 is spent
    assert result.position[1].tolist() == approx([6, -6, 6, -6])
    result = play(tiny_desk(leverage=30.0), panel, {0: (ALL, -ALL)})
    assert result.position[1].tolist() == approx([10, -10, 0, 0])


def test_two_spreads_that_decide_in_one_bar_cannot_use_the_same_margin() -> None:
    ids = [SPOT, PERP, "ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
    panel = tiny_panel(ids, mark=([100, 100], 100, 50, 50))
    result = play(tiny_desk(leverage=0.4), panel, {0: (ALL, -3.0)})
    # margined 3 × 100 of 0.4 × 1000; what is left carries 100 / 50 = 2 of the other
    assert result.position[1, [1, 3]].tolist() == approx([-3.0, -2.0])


def test_a_status_of_decide_stops_the_run_with_code_bar_and_spread() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 100], 100))
    script = Script(orders={}, status={1: 7})
    with pytest.raises(StateError, match=r"status 7 at 2024-06-20T08:00:00Z for funding_carry:BTC-USDT\.a"):
        backtest(tiny_desk(), panel, script)


@decider
def raising(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    if features[0] != 0.0:
        raise ValueError
    return 0


class Raising(Script, frozen=True, kw_only=True):
    decide = raising


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="interpreted code raises through")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_decide_that_raises_is_caught_as_a_bad_target() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
    with pytest.raises(StateError, match="not finite"):
        backtest(tiny_desk(), panel, Raising(orders={}))


def test_an_infinite_target_is_refused_and_nothing_is_queued() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))

    class Infinite(Script, frozen=True, kw_only=True):
        decide = infinite

    with pytest.raises(StateError, match="not finite"):
        backtest(tiny_desk(), panel, Infinite(orders={}))
    state, _ = lanes(tiny_desk(), panel, Infinite(orders={}))
    assert not state.quantity.any()


@decider
def infinite(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    huge = 1e200
    target[0] = 1.0
    target[1] = huge * huge
    return 0


def test_decide_sees_the_equity_of_the_desk_in_units_of_the_spread() -> None:
    marks = ([100, 125, 125], [100, 125, 125])
    panel = tiny_panel([SPOT, PERP], mark=marks, funding=(NAN, [NAN, 0.01, 0.01]))
    strategy = FundingCarry(lookback_h=1.0, size=0.5)
    result = backtest(tiny_desk(), panel, strategy)
    assert result.position[2].tolist() == approx([4.0, -4.0])  # half of 1000 / 125


@decider
def patient(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    """Buys one at its third call."""
    target[0] = position[0]
    target[1] = position[1]
    memory[0] += 1.0
    if memory[0] == 3.0:
        target[0] = 1.0
    return 0


class Patient(Script, frozen=True, kw_only=True):
    decide = patient


def test_memory_belongs_to_one_spread_in_one_lane() -> None:
    ids = [SPOT, PERP, "ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
    panel = tiny_panel(ids, mark=([100, 100, 100, 100, 100], 100, 50, 50))
    state, trace = lanes(tiny_desk(), panel, Patient(orders={}), bracket=(0, 0, 1))
    np.testing.assert_array_equal(trace.fill_where[:, 0], 3)  # all lanes, both spreads: next open
    assert len(trace.fill_where) == 6
    np.testing.assert_array_equal(state.memory[:, :, 0], 5.0)


def test_round_trips_count_positions_that_came_and_went() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100] * 7, 100))
    orders = {0: (1.0, -1.0), 2: (0.0, 0.0), 3: (1.0, 0.0), 4: (2.0, 0.0)}
    assert play(tiny_desk(), panel, orders).round_trips == 1


def test_drawdown_is_measured_from_the_peak() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 200, 150, 100, 180], 100))
    state, _ = lanes(tiny_desk(), panel, Script(orders={0: (5.0, 0.0)}))
    # equity 1000, 1000, 1500, 1250, 1000, 1400
    assert state.drawdown[0] == approx(1 / 3, rel=1e-12)
    assert state.peak[0] == approx(1500.0)


def test_residual_delta_is_what_the_legs_leave_open_over_equity() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 110], [100, 100, 111]))
    result = play(tiny_desk(), panel, {0: (2.0, -1.5)})
    equity = 1000 + 2 * 10 - 1.5 * 11
    assert result.residual_delta.tolist() == approx([0.0, 50 / 1000, (2 * 110 - 1.5 * 111) / equity])
    assert msgspec.structs.astuple(result.provenance)[2]
