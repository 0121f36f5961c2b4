"""When the shipped strategies enter, hold and leave."""

import math
from typing import Any

import numpy as np
import pytest

from narrows.strategy.cash_and_carry import CashAndCarry
from narrows.strategy.funding_carry import FundingCarry
from narrows.strategy.protocol import Strategy

FLAT, LONG, SHORT = (0.0, 0.0), (8.0, -8.0), (-8.0, 8.0)
EQUITY = 8.0  # of the desk, in units of the spread


class Asked:
    """A strategy asked once a bar about one spread, with a memory."""

    def __init__(self, strategy: Strategy, bar_h: float = 1.0) -> None:
        self.strategy, self.params = strategy, strategy.params(bar_h).tolist()
        self.memory = [0.0] * 8

    def about(
        self, features: list[float], held: tuple[float, float], equity: float = EQUITY
    ) -> tuple[float, ...]:
        target = [math.nan, math.nan]
        assert self.strategy.decide.py(features, [*held, equity], self.memory, self.params, target) == 0
        return tuple(target)


def funding(apr: float, borrow: float = 0.05) -> list[float]:
    return [apr, borrow, 1.0]


def carry(apr: float, left_h: float = 1000.0, borrow: float = 0.05) -> list[float]:
    return [apr, left_h, borrow, 1.0]


RULES: dict[str, Any] = {"entry_apr": 0.10, "exit_apr": 0.02}
BY_FUNDING = FundingCarry(**RULES, direction="both")
BY_BASIS = CashAndCarry(**RULES, direction="both")


@pytest.mark.parametrize(("strategy", "seen"), [(BY_FUNDING, funding), (BY_BASIS, carry)])
@pytest.mark.parametrize(
    ("apr", "held", "wanted"),
    [
        (0.0999, FLAT, FLAT),
        (0.10, FLAT, LONG),
        (0.05, LONG, LONG),  # between exit and entry: stay
        (0.05, FLAT, FLAT),
        (0.0199, LONG, FLAT),
        (-0.1499, FLAT, FLAT),  # 5 % of the loan eat into what negative funding pays
        (-0.1501, FLAT, SHORT),
        (-0.10, SHORT, SHORT),
        (-0.0699, SHORT, FLAT),
        (math.nan, LONG, LONG),
        (math.nan, FLAT, FLAT),
        (0.5, (8.0, 0.0), FLAT),  # the other leg was liquidated or delivered
        (0.5, (0.0, -8.0), FLAT),
        (math.nan, (8.0, 0.0), FLAT),
        (0.5, (4.0, -4.0), (4.0, -4.0)),  # no adding
    ],
)
def test_enters_above_entry_and_leaves_below_exit(
    strategy: Strategy, seen: Any, apr: float, held: tuple[float, float], wanted: tuple[float, float]
) -> None:
    assert Asked(strategy).about(seen(apr), held) == wanted


@pytest.mark.parametrize(("kind", "seen"), [(FundingCarry, funding), (CashAndCarry, carry)])
@pytest.mark.parametrize(
    ("direction", "rich", "poor"), [("long", LONG, FLAT), ("short", FLAT, SHORT), ("both", LONG, SHORT)]
)
def test_direction_says_which_side_is_traded(
    kind: Any, seen: Any, direction: str, rich: tuple[float, float], poor: tuple[float, float]
) -> None:
    asked = Asked(kind(**RULES, direction=direction))
    assert asked.about(seen(0.3), FLAT) == rich
    assert asked.about(seen(-0.3), FLAT) == poor


@pytest.mark.parametrize(("kind", "seen"), [(FundingCarry, funding), (CashAndCarry, carry)])
def test_size_is_notional_over_equity(kind: Any, seen: Any) -> None:
    asked = Asked(kind(**RULES, direction="both", size=0.25))
    assert asked.about(seen(0.3), FLAT) == (2.0, -2.0)
    assert asked.about(seen(-0.3), FLAT) == (-2.0, 2.0)
    assert asked.about(seen(0.3), FLAT, equity=0.0) == FLAT


@pytest.mark.parametrize("apr", [0.3, math.nan])  # time passes, whether funding is known or not
def test_funding_carry_leaves_after_the_longest_hold_and_counts_anew(apr: float) -> None:
    asked = Asked(FundingCarry(**RULES, max_hold_h=8.0), bar_h=4.0)
    for _ in range(2):
        assert asked.about(funding(0.3), FLAT) == LONG
        assert asked.memory[0] == 0.0  # flat
        assert asked.about(funding(apr), LONG) == LONG  # 4 h
        assert asked.about(funding(apr), LONG) == FLAT  # 8 h


def test_an_exit_that_does_not_fill_does_not_restart_the_clock() -> None:
    asked = Asked(FundingCarry(**RULES, max_hold_h=8.0), bar_h=4.0)
    assert [asked.about(funding(0.3), LONG) for _ in range(5)] == [LONG, FLAT, FLAT, FLAT, FLAT]
    assert asked.memory[0] == 20.0
    asked.about(funding(0.3), FLAT)
    assert asked.memory[0] == 0.0


@pytest.mark.parametrize(
    ("left_h", "wanted"), [(99.9, FLAT), (100.0, LONG), (500.0, LONG), (500.1, FLAT), (math.inf, FLAT)]
)
def test_cash_and_carry_enters_only_within_its_window_of_delivery(
    left_h: float, wanted: tuple[float, float]
) -> None:
    asked = Asked(CashAndCarry(entry_apr=0.1, nearest_h=100.0, farthest_h=500.0))
    assert asked.about(carry(0.3, left_h), FLAT) == wanted


@pytest.mark.parametrize(("left_h", "wanted"), [(24.1, LONG), (24.0, FLAT), (1.0, FLAT)])
def test_cash_and_carry_leaves_so_long_before_delivery_to_roll(
    left_h: float, wanted: tuple[float, float]
) -> None:
    asked = Asked(CashAndCarry(nearest_h=48.0, roll_h=24.0))
    assert asked.about(carry(0.3, left_h), LONG) == wanted
    with pytest.raises(ValueError, match="less than nearest_h"):
        CashAndCarry(nearest_h=24.0, roll_h=24.0)


@pytest.mark.parametrize(("strategy", "seen"), [(BY_FUNDING, funding), (BY_BASIS, carry)])
@pytest.mark.parametrize(
    ("apr", "held", "wanted"),
    [
        (0.5, (8.0, -5.0), (5.0, -5.0)),  # a part of the short was liquidated
        (0.5, (5.0, -8.0), (5.0, -5.0)),
        (-0.5, (-8.0, 5.0), (-5.0, 5.0)),
        (0.5, (8.0, -7.85), (8.0, -7.85)),  # less than 2 % apart: not worth the fees
        (0.5, (8.0, -7.83), (7.83, -7.83)),
        (0.0, (8.0, -5.0), FLAT),  # what is left anyway is not evened out first
        (math.nan, (8.0, -5.0), (8.0, -5.0)),
    ],
)
def test_uneven_legs_are_cut_to_the_smaller(
    strategy: Strategy, seen: Any, apr: float, held: tuple[float, float], wanted: tuple[float, float]
) -> None:
    assert Asked(strategy).about(seen(apr), held) == wanted
    if apr == 0.5:  # an inverse leg counts in quote: its coins make up for the difference
        assert Asked(strategy).about([*seen(apr)[:-1], 0.0], held) == held


def test_cash_and_carry_is_held_to_delivery_unless_told_otherwise() -> None:
    assert Asked(CashAndCarry()).about(carry(-50.0, left_h=1.0), LONG) == LONG


def test_what_decide_sees_as_parameters() -> None:
    np.testing.assert_array_equal(FundingCarry(max_hold_h=9.0).params(0.5), [0.1, 0.0, 9.0, 0.0, 1.0, 0.5])
    assert FundingCarry(lookback_h=72.0).lookback(0.5) == 144
    assert CashAndCarry().lookback(1.0) == 1
