"""What contracts pay, and the hedges that must lock a price in whatever happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.risk.contract import INVERSE, LINEAR, QUANTO, SPOT, delta, funding_received, notional, profit

approx = pytest.approx
prices = st.floats(1e-3, 1e6)
sizes = st.floats(1e-3, 1e6)


def test_profits_by_hand() -> None:
    assert profit(LINEAR, -2.0, 100.0, 90.0, 1.0) == 20.0
    assert profit(LINEAR, 3.0, 100.0, 90.0, 0.01) == approx(-0.3)
    assert profit(SPOT, 2.0, 100.0, 90.0, 1.0) == -20.0
    assert profit(INVERSE, 100.0, 50_000.0, 40_000.0, 10.0) == approx(1_000 / 50_000 - 1_000 / 40_000)
    assert profit(QUANTO, 5.0, 2_000.0, 2_100.0, 1e-6) == approx(5e-4)  # BTC on the price of ETH


def test_notional_and_delta_by_hand() -> None:
    assert notional(LINEAR, -2.0, 100.0, 10.0) == 2_000.0
    assert notional(INVERSE, -1_000.0, 50_000.0, 100.0) == 2.0
    assert notional(QUANTO, 5.0, 2_000.0, 1e-6) == approx(0.01)
    assert delta(LINEAR, -2.0, 100.0, 10.0) == -20.0
    assert delta(INVERSE, -1_000.0, 50_000.0, 100.0) == -2.0
    assert delta(QUANTO, 5.0, 2_000.0, 1e-6) == approx(5e-6)


@given(st.sampled_from([SPOT, LINEAR, QUANTO]), sizes, prices)
def test_delta_is_the_slope_of_the_profit(kind: int, quantity: float, price: float) -> None:
    step = profit(kind, quantity, price, price * 1.01, 0.1) / (price * 0.01)
    assert step == approx(delta(kind, quantity, price, 0.1), rel=1e-9)


@given(sizes, prices, prices)
def test_inverse_profit_in_quote_is_its_size_times_the_return(
    size: float, before: float, after: float
) -> None:
    worth = profit(INVERSE, size, before, after, 1.0) * after
    assert worth == approx(size * (after / before - 1.0), rel=1e-9, abs=1e-9 * size)


@pytest.mark.parametrize("settled", [30_000.0, 61_000.0, 90_000.0])
def test_T19_an_inverse_dated_hedge_locks_the_forward(settled: float) -> None:
    """2 coins and short 2 × 61 000 of the future: worth 122 000 wherever it settles."""
    coins, entry = 2.0, 61_000.0
    gained = profit(INVERSE, -coins * entry, entry, settled, 1.0)
    assert (coins + gained) * settled == approx(122_000.0, abs=1e-6)


@given(sizes, prices, st.floats(1e-3, 1e3))
def test_T20_a_coin_and_a_short_of_its_value_are_a_dollar(dollars: float, entry: float, move: float) -> None:
    price = entry * move
    coins = dollars / entry + profit(INVERSE, -dollars, entry, price, 1.0)
    assert coins * price == approx(dollars, rel=1e-9)


@given(sizes, prices, prices, prices)
def test_two_perpetuals_leave_the_change_of_their_difference(
    size: float, start: float, first: float, second: float
) -> None:
    gained = profit(LINEAR, size, start, first, 1.0) + profit(LINEAR, -size, start, second, 1.0)
    assert gained == approx(size * (first - second), abs=1e-9 * size * max(start, first, second))


def test_an_inverse_position_pays_its_funding_in_coin() -> None:
    assert funding_received(INVERSE, 50_000.0, 40_000.0, 1e-4, 1.0) == approx(-1.25e-4)
    assert funding_received(INVERSE, -500.0, 40_000.0, 1e-4, 100.0) == approx(1.25e-4)
    assert funding_received(LINEAR, 2.0, 100.0, -1e-3, 1.0) == approx(0.2)


@given(st.sampled_from([LINEAR, INVERSE, QUANTO]), sizes, prices, st.floats(-0.1, 0.1), sizes)
def test_T85_funding_is_a_sum_of_zero(
    kind: int, quantity: float, price: float, rate: float, multiplier: float
) -> None:
    long = funding_received(kind, quantity, price, rate, multiplier)
    short = funding_received(kind, -quantity, price, rate, multiplier)
    assert long + short == 0.0
    assert abs(long) == approx(notional(kind, quantity, price, multiplier) * abs(rate))
