"""Imbalance and micro-price of the best quotes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.analytics.quotes import imbalance, micro_price

price, size = st.floats(1e-3, 1e6), st.floats(1e-6, 1e6)


def test_by_hand() -> None:
    assert imbalance(np.array([3.0, 0.0, 2.0]), np.array([1.0, 5.0, 2.0])).tolist() == [0.5, -1.0, 0.0]
    found = micro_price(np.array([100.0]), np.array([101.0]), np.array([3.0]), np.array([1.0]))
    assert found.tolist() == [100.75]  # three times as many buyers: three quarters of the way to the ask


@given(bid=price, spread=st.floats(0.0, 10.0), buyers=size, sellers=size)
def test_micro_price_lies_between_the_quotes_on_the_side_of_the_imbalance(
    bid: float, spread: float, buyers: float, sellers: float
) -> None:
    args = [np.array([one]) for one in (bid, bid + spread, buyers, sellers)]
    found, mid = micro_price(*args)[0], bid + (bid + spread - bid) / 2.0
    assert bid <= found <= bid + spread + 1e-9 * bid
    lean = imbalance(args[2], args[3])[0]
    assert found == pytest.approx(mid + 0.5 * lean * (args[1] - args[0])[0], rel=1e-9)


@pytest.mark.parametrize("sizes", [(0.0, 0.0), (-1.0, 2.0), (np.nan, 1.0), (1.0, np.inf)])
def test_sizes_that_are_none_say_nothing(sizes: tuple[float, float]) -> None:
    bid_size, ask_size = (np.array([one]) for one in sizes)
    assert np.isnan(imbalance(bid_size, ask_size)).all()
    assert np.isnan(micro_price(np.array([1.0]), np.array([2.0]), bid_size, ask_size)).all()


def test_a_crossed_book_has_no_micro_price() -> None:
    one = np.ones(2)
    assert np.isnan(micro_price(np.array([2.0, np.nan]), np.array([1.0, 1.0]), one, one)).all()


def test_each_row_is_of_its_own_quotes() -> None:
    random = np.random.default_rng(1)
    bid, spread, bid_size, ask_size = random.uniform(0.1, 2.0, size=(4, 50))
    args = (bid, bid + spread, bid_size, ask_size)
    whole, part = micro_price(*args), micro_price(*(one[:20] for one in args))
    assert whole[:20].tobytes() == part.tobytes()
    assert imbalance(bid_size, ask_size)[:20].tobytes() == imbalance(bid_size[:20], ask_size[:20]).tobytes()
