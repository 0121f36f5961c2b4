"""Liquidation in steps: cancel, part, whole; what the fee takes and what the insurance fund bears."""

import numpy as np
import pytest

from narrows.risk.liquidation import (
    CANCEL,
    FULL,
    PARTIAL,
    SURVIVES,
    TAKEN_OVER,
    closed_out,
    fixed_step,
    least_step,
    stage,
    tier_step,
)
from risk.books import book_of, tier_table, tiers_of
from risk.plain import PlainLeg

approx = pytest.approx
ROWS = tier_table([(0.0, 0.01), (1_000.0, 0.02), (5_000.0, 0.05), (20_000.0, 0.1)])


@pytest.mark.parametrize(
    ("margin_equity", "orders", "divisible", "expected"),
    [
        (101.0, True, True, SURVIVES),
        (100.0, True, True, CANCEL),
        (100.0, False, True, PARTIAL),
        (100.0, False, False, FULL),
        (66.7, False, True, PARTIAL),
        (66.6, True, True, TAKEN_OVER),
    ],
)
def test_orders_go_first_then_a_part_then_all(
    margin_equity: float, orders: bool, divisible: bool, expected: int
) -> None:
    assert stage(margin_equity, 100.0, orders, divisible, 2 / 3) == expected


def test_a_wallet_without_margined_positions_is_never_liquidated() -> None:
    assert stage(-5.0, 0.0, False, False, 2 / 3) == SURVIVES


def test_hyperliquid_closes_a_fifth_of_a_large_position() -> None:
    assert fixed_step(100_001.0, 100_000.0, 0.2) == 0.2
    assert fixed_step(100_000.0, 100_000.0, 0.2) == 1.0


@pytest.mark.parametrize(
    ("size", "down", "share"),
    [(8_000.0, 1, 1 - 5 / 8), (8_000.0, 2, 1 - 1 / 8), (8_000.0, 3, 1.0), (900.0, 1, 1.0)],
)
def test_down_the_tiers(size: float, down: int, share: float) -> None:
    tiers = tiers_of([PlainLeg("linear", 1.0, 1.0, tiers=ROWS)])
    assert tier_step(tiers, 0, size, down) == approx(share)


def step(cash: float, fee: float, target: float) -> float:
    """Long 80 at 100, notional 8000: 5 % less a deduction of 10 + 150, so 240 of maintenance."""
    leg = PlainLeg("linear", 80.0, 100.0, tiers=ROWS)
    return least_step(book_of([leg]), tiers_of([leg]), cash, np.array([100.0]), 0, fee, target)


def test_least_step_in_the_same_tier() -> None:
    """200 left, at a ratio of 1: 0.05 x − 160 = 200 at 7200, a tenth to close."""
    assert step(200.0, 0.0, 1.0) == approx(0.1)
    assert step(240.0, 0.0, 1.0) == 0.0


def test_least_step_pays_its_fee() -> None:
    """Closing a share s costs 80 s: 0.05 · 8000 (1 − s) − 160 = 200 − 80 s, so s = 40/320."""
    assert step(200.0, 0.01, 1.0) == approx(0.125)


def test_least_step_across_a_tier() -> None:
    """50 of margin, ratio 1: 0.02 x − 10 = 50 at 3000 in the tier below."""
    assert step(50.0, 0.0, 1.0) == approx(1 - 3 / 8)
    assert step(50.0, 0.0, 0.6) == approx(1 - 2 / 8)


def test_where_the_fee_takes_more_than_closing_frees_all_goes() -> None:
    """In the lowest tier 100 closed free 1 and cost 1.5."""
    leg = PlainLeg("linear", 9.0, 100.0, tiers=ROWS)
    assert least_step(book_of([leg]), tiers_of([leg]), 8.0, np.array([100.0]), 0, 0.015, 1.0) == 1.0


@pytest.mark.parametrize(
    ("equity", "left"), [(10.0, (7.0, 3.0, 0.0)), (2.0, (0.0, 2.0, 0.0)), (-4.0, (0.0, 0.0, 4.0))]
)
def test_the_fund_bears_what_is_owed_and_the_fee_takes_what_there_is(
    equity: float, left: tuple[float, float, float]
) -> None:
    assert closed_out(equity, 3.0) == left
