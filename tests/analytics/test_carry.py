import math

import numpy as np
import pytest

from narrows.analytics.carry import break_even_h, fill_cost, net_carry_apr, round_trip_cost


def test_twenty_basis_points_take_37_intervals_of_pinned_funding() -> None:
    """T82: funding of 1 bp per 8 h against financing at 5 % a year."""
    intervals = break_even_h(1e-4 * 1095 - 0.05, 20e-4) / 8.0
    assert float(intervals) == pytest.approx(36.8067, abs=1e-4)


def test_carry_that_pays_nothing_never_breaks_even() -> None:
    hours = break_even_h(np.array([0.1, 0.0, -0.2, math.nan]), 1e-3)
    np.testing.assert_allclose(hours, [87.6, np.inf, np.inf, np.nan])


def test_a_fill_costs_fee_half_spread_and_half_of_the_depth_it_walks() -> None:
    assert float(fill_cost(5e-4, 1e-4, 1e6, 5e6)) == pytest.approx(7e-4, rel=1e-12)


def test_no_depth_costs_everything_and_unknown_depth_is_unknown() -> None:
    cost = fill_cost(5e-4, 1e-4, 1e6, np.array([0.0, np.nan]))
    np.testing.assert_array_equal(cost, [np.inf, np.nan])


def test_a_round_trip_is_four_fills() -> None:
    assert round_trip_cost(3e-4, 7e-4) == pytest.approx(20e-4, rel=1e-12)


def carry(direction: float, first_apr: float, second_apr: float, borrow_apr: float = 0.0) -> float:
    return float(
        net_carry_apr(
            direction=direction,
            first_apr=first_apr,
            second_apr=second_apr,
            borrow_apr=borrow_apr,
            round_trip_cost=0.0,
            hold_h=8760.0,
        )
    )


def test_spot_against_a_short_perpetual_receives_its_funding() -> None:
    assert carry(1.0, 0.0, 0.12, borrow_apr=0.05) == pytest.approx(0.12)


def test_the_reverse_pays_the_funding_and_the_loan() -> None:
    assert carry(-1.0, 0.0, -0.12, borrow_apr=0.05) == pytest.approx(0.07)


def test_two_perpetuals_earn_the_difference_of_their_funding() -> None:
    assert carry(1.0, 0.08, 0.12) == pytest.approx(0.04)
    assert carry(-1.0, 0.08, 0.12) == pytest.approx(-0.04)


def test_costs_are_spread_over_the_holding_time() -> None:
    held = net_carry_apr(
        direction=1.0,
        first_apr=0.0,
        second_apr=np.array([0.12, 0.12]),
        borrow_apr=math.nan,
        round_trip_cost=20e-4,
        hold_h=np.array([8760.0, 876.0]),
    )
    np.testing.assert_allclose(held, [0.118, 0.10])


def test_an_unknown_loan_matters_only_in_reverse() -> None:
    assert carry(1.0, 0.0, 0.1, borrow_apr=math.nan) == pytest.approx(0.1)
    assert math.isnan(carry(-1.0, 0.0, 0.1, borrow_apr=math.nan))


def test_carry_over_the_break_even_time_is_nothing() -> None:
    hours = float(break_even_h(0.08, 25e-4))
    net = net_carry_apr(
        direction=1.0, first_apr=0.0, second_apr=0.08, borrow_apr=0.0, round_trip_cost=25e-4, hold_h=hours
    )
    assert float(net) == pytest.approx(0.0, abs=1e-15)
