"""Which hours a loan is charged, at what rate, and what is called back."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.time import DAY_NS, HOUR_NS, MINUTE_NS
from narrows.risk.borrowing import (
    clock_of,
    hours_charged,
)
from narrows.rulebook import BorrowRule
from narrows.rulebook.coins import BEGUN, CONTINUOUS, STRUCK
from risk import plain_collateral as plain

approx = pytest.approx
STYLES = {"begun": BEGUN, "struck": STRUCK, "continuous": CONTINUOUS}
stamps = st.integers(0, 5 * DAY_NS)
clocks = st.tuples(st.sampled_from([HOUR_NS, 4 * HOUR_NS, DAY_NS]), st.sampled_from([0, 5 * MINUTE_NS]))


def at(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * HOUR_NS + int(minutes) * MINUTE_NS


def hours(style: int, opened: str, repaid: str, late: int = 0) -> float:
    start = at(opened)
    return hours_charged(style, HOUR_NS, late * MINUTE_NS, start, start, at(repaid))


@pytest.mark.parametrize(
    ("opened", "repaid", "charged"),
    [
        ("13:20", "14:15", 2.0),  # Binance's FAQ of 2019
        ("13:55", "14:30", 2.0),  # and of 2024
        ("13:55", "13:57", 1.0),
        ("14:00", "15:00", 1.0),  # from strike to strike is one hour, not two
        ("14:00", "15:01", 2.0),
        ("14:00", "14:00", 0.0),
    ],
)
def test_every_begun_hour_is_charged_the_first_at_once(opened: str, repaid: str, charged: float) -> None:
    assert hours(BEGUN, opened, repaid) == charged


@pytest.mark.parametrize(
    ("opened", "repaid", "late", "charged"),
    [
        ("14:55", "14:57", 0, 0.0),  # OKX's help
        ("14:55", "15:01", 0, 1.0),
        ("14:00", "15:00", 0, 1.0),
        ("14:06", "15:04", 5, 0.0),  # Bybit's clock strikes five past
        ("14:55", "15:06", 5, 1.0),
    ],
)
def test_who_owes_when_the_clock_strikes_is_charged(
    opened: str, repaid: str, late: int, charged: float
) -> None:
    assert hours(STRUCK, opened, repaid, late) == charged


def test_binances_example_in_money() -> None:
    """1 000 USDT at 0.02 % a day from 13:20 to 14:15 cost 0.01666667."""
    assert 1_000.0 * 0.0002 / 24.0 * hours(BEGUN, "13:20", "14:15") == approx(0.01666667, abs=5e-9)


def test_trap_L_a_coin_borrowed_for_thirty_days_costs_interest() -> None:
    for style in (BEGUN, STRUCK, CONTINUOUS):
        assert hours_charged(style, HOUR_NS, 0, 0, 0, 30 * DAY_NS) == 720.0


def test_a_rule_says_when_its_clock_strikes() -> None:
    assert clock_of(BorrowRule(charged="begun")) == (BEGUN, HOUR_NS, 0)
    assert clock_of(BorrowRule(charged="struck", minute=5.0)) == (STRUCK, HOUR_NS, 5 * MINUTE_NS)
    assert clock_of(BorrowRule(charged="struck", every_h=24.0)) == (STRUCK, DAY_NS, 0)
    assert clock_of(BorrowRule(charged="continuous"))[0] == CONTINUOUS


def test_a_daily_clock_charges_a_day_at_midnight() -> None:
    assert hours_charged(STRUCK, DAY_NS, 0, at("20:00"), at("20:00"), at("23:59")) == 0.0
    assert hours_charged(STRUCK, DAY_NS, 0, at("20:00"), at("20:00"), DAY_NS + 1) == 24.0


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(STYLES)), clocks, stamps, stamps, st.integers(0, 3 * DAY_NS))
def test_compiled_equals_the_specification(
    style: str, clock: tuple[int, int], opened: int, start: int, length: int
) -> None:
    found = hours_charged(STYLES[style], *clock, opened, start, start + length)
    assert found == plain.hours_charged(style, *clock, opened, start, start + length)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(STYLES.values())), clocks, stamps, st.lists(stamps, min_size=2, max_size=8))
def test_windows_add_up_however_they_are_cut(
    style: int, clock: tuple[int, int], opened: int, cuts: list[int]
) -> None:
    cuts = sorted(cuts)
    parts = sum(hours_charged(style, *clock, opened, start, end) for start, end in pairwise(cuts))
    assert parts == approx(hours_charged(style, *clock, opened, cuts[0], cuts[-1]), abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(stamps, st.integers(1, 3 * DAY_NS))
def test_a_begun_hour_never_costs_less_than_the_time_and_one_strike_more_at_most(
    opened: int, length: int
) -> None:
    def charged(style: int) -> float:
        return hours_charged(style, HOUR_NS, 0, opened, opened, opened + length)

    assert charged(CONTINUOUS) <= charged(BEGUN) + 1e-9
    assert charged(BEGUN) - charged(STRUCK) == float(opened % HOUR_NS != 0)
    assert charged(BEGUN) < charged(CONTINUOUS) + 2.0
