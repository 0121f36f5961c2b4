"""Black-76 against vollib, parity, its edges; the volatility shock against published numbers (T28)."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vollib.black import black as vollib_black
from vollib.black.greeks.analytical import delta as vollib_delta

from narrows.risk.options import CALL, PUT, black, black_delta, in_coin, shocked, term

FLAG = {CALL: "c", PUT: "p"}
FORWARD = st.floats(1.0, 1e5)
MONEYNESS = st.floats(0.2, 5.0)
YEARS = st.floats(1 / 365, 3.0)
VOLATILITY = st.floats(0.05, 3.0)
RIGHT = st.sampled_from([CALL, PUT])


@settings(max_examples=500, deadline=None)
@given(FORWARD, MONEYNESS, YEARS, VOLATILITY, RIGHT)
def test_value_and_delta_are_those_of_vollib(
    forward: float, moneyness: float, years: float, volatility: float, right: int
) -> None:
    strike = forward * moneyness
    value = vollib_black(FLAG[right], forward, strike, years, 0.0, volatility)
    assert black(forward, strike, years, volatility, right) == pytest.approx(
        value, rel=1e-9, abs=1e-13 * forward
    )
    slope = vollib_delta(FLAG[right], forward, strike, years, 0.0, volatility)
    assert black_delta(forward, strike, years, volatility, right) == pytest.approx(slope, rel=1e-9, abs=1e-13)


@settings(max_examples=300, deadline=None)
@given(FORWARD, MONEYNESS, YEARS, VOLATILITY)
def test_put_call_parity(forward: float, moneyness: float, years: float, volatility: float) -> None:
    """C − P = F − K, and in coin c − p = 1 − K / F."""
    strike = forward * moneyness
    call = black(forward, strike, years, volatility, CALL)
    put = black(forward, strike, years, volatility, PUT)
    assert call - put == pytest.approx(forward - strike, abs=1e-12 * (forward + strike))
    coins = in_coin(call, forward) - in_coin(put, forward)
    assert coins == pytest.approx(1.0 - moneyness, abs=1e-12 * (1.0 + moneyness))


@settings(max_examples=200, deadline=None)
@given(FORWARD, MONEYNESS, YEARS, VOLATILITY, RIGHT)
def test_delta_is_the_slope_of_the_value(
    forward: float, moneyness: float, years: float, volatility: float, right: int
) -> None:
    strike, step = forward * moneyness, forward * 1e-5
    up = black(forward + step, strike, years, volatility, right)
    down = black(forward - step, strike, years, volatility, right)
    assert black_delta(forward, strike, years, volatility, right) == pytest.approx(
        (up - down) / (2 * step), abs=1e-4
    )


def test_an_option_without_time_or_volatility_is_worth_its_exercise() -> None:
    for years, volatility in ((0.0, 0.6), (0.25, 0.0), (-0.01, 0.6)):
        assert black(110.0, 100.0, years, volatility, CALL) == 10.0
        assert black(110.0, 100.0, years, volatility, PUT) == 0.0
        assert black_delta(110.0, 100.0, years, volatility, CALL) == 1.0
        assert black_delta(90.0, 100.0, years, volatility, PUT) == -1.0
        assert black_delta(90.0, 100.0, years, volatility, CALL) == 0.0


def test_T16_coin_settled_parity() -> None:
    """T16: S = 60 000, r_a = 5 %, tau = 0.25, vol 0.6: c − p = .1770185, .0124222, −.1521741."""
    forward = 60_000.0 * math.exp(0.05 * 0.25)
    for strike, expected in ((50_000.0, 0.1770185), (60_000.0, 0.0124222), (70_000.0, -0.1521741)):
        call, put = (black(forward, strike, 0.25, 0.6, right) for right in (CALL, PUT))
        assert in_coin(call - put, forward) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("days", "up", "down"),
    [(7.0, 1.0 + 0.773708, 1.0 - 0.386854), (30.0, 1.5, 0.75), (90.0, 1.433455, 0.783272)],
)
def test_T28_deribit_volatility_shock(days: float, up: float, down: float) -> None:
    """T28: multipliers with 0.5 up and 0.25 down, powers 0.30 below 30 days and 0.13 beyond."""
    scale = term(days, 0.30, 0.13)
    assert shocked(1.0, 0.5, scale, 0.5) == pytest.approx(up, abs=1e-6)
    assert shocked(1.0, -0.25, scale, 0.0) == pytest.approx(down, abs=1e-6)


def test_a_shock_upwards_ends_at_least_at_the_floor_and_none_below_zero() -> None:
    assert shocked(0.3, 0.5, 1.0, 0.5) == 0.5
    assert shocked(0.4, 0.5, 1.0, 0.5) == pytest.approx(0.6)
    assert shocked(0.4, -0.25, 8.0, 0.0) == 0.0
    assert math.isnan(term(0.0, 0.3, 0.13))
