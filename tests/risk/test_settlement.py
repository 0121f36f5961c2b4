import math
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.time import SECOND_NS, to_ns
from narrows.risk.settlement import (
    delivery_fee,
    delivery_gap,
    fair_in_window,
    roll_cost,
    sold_along,
    sold_at_once,
    window_left,
)
from narrows.rulebook.settlement import settlement_average

EXPIRY = to_ns(datetime(2025, 3, 28, 8))
approx = pytest.approx


@pytest.mark.parametrize(
    ("left", "share"), [(9999.0, 1.0), (1800.0, 1.0), (450.0, 0.25), (0.0, 0.0), (-5.0, 0.0)]
)
def test_delta_decays_in_a_straight_line_inside_the_window(left: float, share: float) -> None:
    assert window_left(left, 1800.0) == share


def test_without_a_window_delta_ends_at_delivery() -> None:
    assert (window_left(1.0, 0.0), window_left(0.0, 0.0)) == (1.0, 0.0)


def test_fair_price_inside_the_window_by_hand() -> None:
    """A quarter is left: three quarters at 100 are fixed, one quarter expects 108 × 1.01."""
    assert fair_in_window(100.0, 108.0, 1.01, 450.0, 1800.0) == approx(0.75 * 100 + 0.25 * 108 * 1.01)
    assert fair_in_window(math.nan, 108.0, 1.01, 3600.0, 1800.0) == 108.0 * 1.01
    assert fair_in_window(100.0, 108.0, 1.0, 0.0, 1800.0) == 100.0


@given(st.floats(1.0, 1e5), st.floats(-0.2, 0.2), st.floats(0.0, 1800.0))
def test_delta_is_the_slope_of_the_fair_price(index: float, move: float, left: float) -> None:
    before = fair_in_window(77.0, index, 1.0, left, 1800.0)
    after = fair_in_window(77.0, index * (1.0 + move), 1.0, left, 1800.0)
    assert after - before == approx(window_left(left, 1800.0) * index * move, abs=1e-9 * index)


@given(st.lists(st.floats(10.0, 1e5), min_size=2, max_size=50), st.floats(10.0, 1e5))
def test_selling_along_the_window_closes_the_hedge_exactly(index: list[float], entry: float) -> None:
    path = np.array(index)
    time_ns = EXPIRY - np.arange(len(path))[::-1] * SECOND_NS
    settled = settlement_average(time_ns, path, EXPIRY, float(len(path)))
    assert sold_along(path, 0.0) + (entry - settled) == approx(entry, rel=1e-12)


def test_selling_at_once_earns_or_loses_what_the_index_moved() -> None:
    """The index falls from 100 to 96 in four steps: 98.5 along the way, 97 at delivery."""
    path = np.array([100.0, 99.0, 98.0, 97.0])
    assert sold_along(path, 1e-3) == approx(98.5 * 0.999)
    assert sold_at_once(97.0, 1e-3) == approx(97.0 * 0.999)
    assert delivery_gap(path, 97.0, 0.0, 0.0) == approx(1.5 / 97.0)
    assert delivery_gap(path[::-1], 100.0, 0.0, 0.0) == approx(-1.5 / 100.0)
    assert delivery_gap(np.full(9, 50.0), 50.0, 2e-3, 5e-4) == approx(-1.5e-3)


def test_delivery_fee_and_roll_by_hand() -> None:
    assert delivery_fee(-3.0, 100.0, 5e-4) == approx(0.15)
    assert roll_cost(100.0, 102.0, 7e-4, 8e-4) == approx(7e-4 + 8e-4 * 1.02)
