"""Auto-deleveraging: who is next, how much is taken, and what that costs a hedged book."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.risk.adl import (
    allocate,
    bankruptcy,
    effective_leverage,
    naked_loss,
    profit_share,
    rank,
    uninsured,
)
from narrows.risk.contract import INVERSE, LINEAR, profit
from risk import plain_collateral as plain
from risk.books import KINDS

approx = pytest.approx
kinds = st.sampled_from(["linear", "inverse"])
prices = st.floats(0.5, 1e5)
sides = st.sampled_from([1.0, -1.0])


def test_T26_bybit_inverse_bankruptcy_price() -> None:
    assert bankruptcy(INVERSE, 1.0, 7_890.08, 50.0) == approx(7_735.372549, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "side", "leverage", "price"),
    [
        (LINEAR, 1.0, 10.0, 90.0),
        (LINEAR, -1.0, 10.0, 110.0),
        (INVERSE, -1.0, 10.0, 1_000.0 / 9.0),
        (LINEAR, 1.0, 1.0, 0.0),
        (LINEAR, 1.0, 0.5, 0.0),  # more margin than it is worth: nothing ruins it
        (INVERSE, -1.0, 1.0, math.inf),  # the synthetic dollar
        (INVERSE, -1.0, 0.5, math.inf),
    ],
)
def test_bankruptcy_prices(kind: int, side: float, leverage: float, price: float) -> None:
    assert bankruptcy(kind, side, 100.0, leverage) == approx(price)


@settings(max_examples=300, deadline=None)
@given(kinds, sides, prices, st.floats(1.01, 100.0), st.floats(0.1, 1e6))
def test_at_its_entry_the_effective_leverage_is_the_one_chosen(
    kind: str, side: float, entry: float, leverage: float, size: float
) -> None:
    ruin = bankruptcy(KINDS[kind], side, entry, leverage)
    assert effective_leverage(KINDS[kind], side * size, entry, ruin, 1.0) == approx(leverage, rel=1e-9)


@settings(max_examples=300, deadline=None)
@given(kinds, sides, prices, st.floats(0.5, 2.0), st.floats(0.4, 2.5), st.floats(0.1, 1e6))
def test_compiled_equals_the_specification(
    kind: str, side: float, entry: float, mark: float, ruin: float, size: float
) -> None:
    mark, ruin = entry * mark, entry * ruin
    found = effective_leverage(KINDS[kind], side * size, mark, ruin, 1.0)
    assert found == plain.effective_leverage(kind, side * size, mark, ruin)
    share = profit_share(KINDS[kind], side * size, entry, mark, 1.0)
    assert share == plain.profit_share(kind, side * size, entry, mark)


def test_the_low_leverage_of_a_hedge_stands_behind_the_same_profit_at_a_high_one() -> None:
    """Both short from 120 at 100; one with 2×, one with 20×."""
    share = profit_share(LINEAR, -1.0, 120.0, 100.0, 1.0)
    ranks = [
        rank(share, effective_leverage(LINEAR, -1.0, 100.0, bankruptcy(LINEAR, -1.0, 120.0, each), 1.0))
        for each in (2.0, 20.0)
    ]
    assert share == approx(1.0 / 6.0)
    assert ranks[0] == approx(100.0 / 80.0 / 6.0)
    assert ranks[1] == approx(100.0 / 26.0 / 6.0)
    assert rank(-share, 2.0) == approx(-1.0 / 12.0)  # losers: the less leverage, the farther back


@settings(max_examples=300, deadline=None)
@given(
    st.floats(0.0, 1e6),
    st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 2.0, 2.0, 7.5]), st.floats(0.0, 1e6)), max_size=8),
)
def test_the_highest_rank_is_taken_first_and_nothing_is_lost(
    quantity: float, positions: list[tuple[float, float]]
) -> None:
    ranks = np.array([one for one, _ in positions], dtype=np.float64)
    held = np.array([size for _, size in positions], dtype=np.float64)
    taken = np.full(len(positions), np.nan)
    left = allocate(quantity, ranks, held, taken)
    assert (taken.tolist(), left) == plain.allocate(quantity, ranks.tolist(), held.tolist())
    assert taken.sum() + left == approx(quantity, rel=1e-12, abs=1e-9)
    assert (taken <= held).all()
    assert not taken[ranks <= 0.0].any()
    touched = ranks[taken > 0.0]
    if len(touched):
        before = ranks > touched.min()
        assert (taken[before] == held[before]).all()


@settings(max_examples=200, deadline=None)
@given(st.floats(1.0, 1e4), prices, st.floats(0.5, 0.999), st.floats(0.0, 1.5))
def test_what_insurance_does_not_pay_the_winners_do(
    quantity: float, ruin: float, fall: float, covered: float
) -> None:
    """A long bankrupt at `ruin`, the market below: winners closed at `ruin` miss what is not insured."""
    market = ruin * fall
    shortfall = quantity * (ruin - market)
    insurance = covered * shortfall
    taken = uninsured(quantity, shortfall, insurance)
    assert taken * (ruin - market) == approx(max(shortfall - insurance, 0.0), rel=1e-6, abs=1e-9 * shortfall)
    assert uninsured(quantity, 0.0, 0.0) == 0.0


def test_a_hedge_closed_in_a_crash_leaves_a_naked_coin() -> None:
    """Long 2 coins, short 2 closed at 110 000, hedged again at 104 000 for 5 bp: 2 × 6 000 + fee."""
    assert naked_loss(LINEAR, -2.0, 110_000.0, 104_000.0, 0.0005, 1.0) == approx(12_000.0 + 104.0)
    assert naked_loss(LINEAR, -2.0, 110_000.0, 112_000.0, 0.0, 1.0) == approx(-4_000.0)  # it may also gain
    assert naked_loss(INVERSE, -50_000.0, 50_000.0, 40_000.0, 0.0, 1.0) == approx(0.25)  # coins


@settings(max_examples=200, deadline=None)
@given(kinds, sides, prices, st.floats(0.5, 2.0), st.floats(0.5, 2.0), st.floats(0.1, 1e4))
def test_the_loss_is_what_the_unbroken_hedge_would_have_had_more(
    kind: str, side: float, entry: float, at: float, again: float, size: float
) -> None:
    of, leg = KINDS[kind], side * size
    adl, rehedge = entry * at, entry * again
    unbroken = profit(of, leg, entry, rehedge, 1.0)
    broken = profit(of, leg, entry, adl, 1.0)
    assert naked_loss(of, leg, adl, rehedge, 0.0, 1.0) == approx(unbroken - broken, rel=1e-6, abs=1e-6 * size)
