import math
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.errors import ConfigError, DataError
from narrows.core.time import HOUR_NS, to_ns
from narrows.rulebook.funding import (
    accrued_rate,
    averaged,
    clamped_rate,
    held_at,
    impact_premium,
    on_boundary,
    settled_rate,
)

rates = st.floats(-0.1, 0.1)
widths = st.floats(0.0, 0.1)


@pytest.mark.parametrize(
    ("premium", "expected"),
    [(-10.0, -5.0), (-4.0, 1.0), (0.0, 1.0), (3.0, 1.0), (6.0, 1.0), (100.0, 95.0)],
)
def test_T09_dead_band_pins_the_rate_and_has_slope_one_outside(premium: float, expected: float) -> None:
    """In basis points so that every number is exact."""
    assert clamped_rate(premium, 1.0, 5.0, math.inf) == expected


def test_T10_hyperliquid_example() -> None:
    """Impact bid 10 100 over an oracle of 10 000; an eighth of the rate is paid hourly."""
    rate = clamped_rate((10_100 - 10_000) / 10_000, 1e-4, 5e-4, 0.04)
    assert rate == pytest.approx(0.0095, abs=1e-12)
    assert rate / 8 == pytest.approx(0.0011875, abs=1e-12)


@given(rates, rates, widths)
def test_is_the_published_formula(premium: float, interest: float, dead_band: float) -> None:
    published = premium + min(max(interest - premium, -dead_band), dead_band)
    assert clamped_rate(premium, interest, dead_band, math.inf) == pytest.approx(published, abs=1e-15)


@given(rates, rates, widths)
def test_is_interest_plus_call_minus_put(premium: float, interest: float, dead_band: float) -> None:
    call = max(premium - interest - dead_band, 0.0)
    put = max(interest - dead_band - premium, 0.0)
    rate = clamped_rate(premium, interest, dead_band, math.inf)
    assert rate == pytest.approx(interest + call - put, abs=1e-15)


@given(rates, rates, widths, widths)
def test_outer_cap_holds(premium: float, interest: float, dead_band: float, cap: float) -> None:
    free = clamped_rate(premium, interest, dead_band, math.inf)
    assert clamped_rate(premium, interest, dead_band, cap) == min(max(free, -cap), cap)


def test_rate_inside_the_dead_band_is_the_interest_to_the_last_bit() -> None:
    premiums = np.linspace(-3.9e-4, 5.9e-4, 1001)
    assert (clamped_rate(premiums, 1e-4, 5e-4, math.inf) == 1e-4).all()


def test_array_equals_scalars_and_keeps_nan() -> None:
    premiums = np.array([-0.01, 0.0, 0.01, np.nan])
    scalars = [clamped_rate(float(premium), 1e-4, 5e-4, 0.0075) for premium in premiums]
    np.testing.assert_array_equal(clamped_rate(premiums, 1e-4, 5e-4, 0.0075), scalars)
    assert math.isnan(scalars[-1])


@pytest.mark.parametrize(("dead_band", "cap"), [(-1e-4, 0.01), (1e-4, -0.01), (math.nan, 0.01)])
def test_negative_band_or_cap_is_refused(dead_band: float, cap: float) -> None:
    with pytest.raises(ConfigError, match="dead band"):
        clamped_rate(0.0, 1e-4, dead_band, cap)


# --- the engine


BINANCE = {"interest": 1e-4, "dead_band": 5e-4, "cap": 0.003, "formula_h": 8.0}


def test_T13_linear_weights_are_those_that_bybit_publishes() -> None:
    last = np.zeros(480)
    last[-1] = 1.0
    assert sum(range(1, 481)) == 115_440
    assert averaged(last, "linear") == 480 / 115_440
    assert averaged(last, "equal") == 1 / 480


def test_averages_by_hand_along_the_last_axis() -> None:
    premiums = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, np.nan]])
    assert averaged(premiums, "linear")[0] == pytest.approx((1 + 4 + 18) / 6)
    assert averaged(premiums, "equal")[0] == 3.0
    assert np.isnan(averaged(premiums, "linear")[1])
    with pytest.raises(ConfigError, match="no premium"):
        averaged(np.empty((2, 0)), "equal")


def test_impact_premium_is_what_lies_outside_the_impact_prices() -> None:
    found = impact_premium(
        np.array([101.0, 99.0, 97.0]), np.array([102.0, 101.0, 98.0]), np.array([100.0, 100.0, 100.0])
    )
    assert found.tolist() == pytest.approx([0.01, 0.0, -0.02])


def test_T10_hyperliquid_pays_an_eighth_each_hour() -> None:
    premium = impact_premium(
        np.array([10_100.0] * 720), np.array([10_101.0] * 720), np.array([10_000.0] * 720)
    )
    rate = settled_rate(
        premium, averaging="equal", interest=1e-4, dead_band=5e-4, cap=0.04, formula_h=8.0, interval_h=1.0
    )
    assert rate == pytest.approx(0.0011875, abs=1e-12)


@pytest.mark.parametrize(("interval_h", "expected"), [(8.0, 1e-4), (4.0, 5e-5), (1.0, 1.25e-5)])
def test_a_shorter_interval_pays_its_share_of_the_formula(interval_h: float, expected: float) -> None:
    rate = settled_rate(np.full(60, 2e-4), averaging="linear", interval_h=interval_h, **BINANCE)
    assert rate == expected


@pytest.mark.parametrize(("interval_h", "paid"), [(8.0, 0.003), (4.0, 0.003), (1.0, 0.003)])
def test_the_cap_is_on_what_an_interval_pays(interval_h: float, paid: float) -> None:
    rate = settled_rate(np.full(60, 0.5), averaging="linear", interval_h=interval_h, **BINANCE)
    assert rate == pytest.approx(paid, rel=1e-15)


def test_okx_before_2025_pays_the_mean_premium_within_its_cap() -> None:
    old = {"interest": 0.0, "dead_band": 0.0, "formula_h": 8.0, "interval_h": 8.0}
    assert settled_rate(np.array([1e-4, 3e-4]), averaging="equal", cap=0.0075, **old) == pytest.approx(2e-4)
    assert settled_rate(np.array([-0.02, -0.03]), averaging="equal", cap=0.0075, **old) == pytest.approx(
        -0.0075
    )


def test_T11_deribit_pays_by_the_minute() -> None:
    """Mark 10 010 over an index of 10 000: 0.1 %, less 0.025 %; 10 000 USD are one BTC."""
    premium = np.array([10_010.0 / 10_000.0 - 1.0])
    rate = accrued_rate(
        premium, np.array([1 / 60]), interest=0.0, dead_band=2.5e-4, cap=math.inf, formula_h=8.0
    )
    assert rate * 480.0 == pytest.approx(7.5e-4, abs=1e-15)
    assert rate * 10_000.0 / 10_000.0 == pytest.approx(1.5625e-6, abs=1e-15)


def test_accrued_funding_is_clamped_before_it_is_added_up() -> None:
    """An hour at +0.1 % and one at −0.1 % cancel; an hour at 0.1 % and one at 0 do not average to 0.025 %."""
    rule = {"interest": 0.0, "dead_band": 2.5e-4, "cap": math.inf, "formula_h": 8.0}
    hour = np.ones(2)
    assert accrued_rate(np.array([1e-3, -1e-3]), hour, **rule) == 0.0
    assert accrued_rate(np.array([1e-3, 0.0]), hour, **rule) == pytest.approx(7.5e-4 / 8)
    assert accrued_rate(np.array([1e-3, 0.0]), np.array([2.0, 6.0]), **rule) == pytest.approx(7.5e-4 / 4)


@given(st.floats(-0.1, 0.1), widths)
def test_deribit_states_the_same_clamp_in_other_words(premium: float, dead_band: float) -> None:
    stated = max(dead_band, premium) + min(-dead_band, premium)
    assert clamped_rate(premium, 0.0, dead_band, math.inf) == pytest.approx(stated, abs=1e-15)


def test_trap_B_a_stamp_a_few_milliseconds_late_is_that_settlement() -> None:
    boundary = to_ns(datetime(2024, 3, 1, 8))
    late = np.array([boundary + 3_000_000, boundary - 2_000_000, boundary + 8 * HOUR_NS])
    assert on_boundary(late, 8.0, 1.0).tolist() == [boundary, boundary, boundary + 8 * HOUR_NS]


def test_a_stamp_that_fits_no_boundary_is_an_error() -> None:
    odd = np.array([to_ns(datetime(2024, 3, 1, 8)), to_ns(datetime(2024, 3, 1, 11))])
    with pytest.raises(DataError, match=r"row 1: 2024-03-01T11:00:00Z is on no boundary of 8 h \(1 in all\)"):
        on_boundary(odd, 8.0, 60.0)
    assert on_boundary(odd, 1.0, 0.0).tolist() == odd.tolist()


def test_the_position_at_the_stamp_counts() -> None:
    stamps = np.array([10, 20, 30])
    trades, position = np.array([5, 19, 20, 29]), np.array([1.0, 5.0, -2.0, 0.0])
    assert held_at(stamps, trades, position).tolist() == [1.0, -2.0, 0.0]
    assert held_at(np.array([1]), trades, position).tolist() == [0.0]


@pytest.mark.parametrize("hours", [0.0, -8.0, math.nan])
def test_lengths_are_positive(hours: float) -> None:
    rule = {**BINANCE, "formula_h": hours}
    with pytest.raises(ConfigError, match="hours > 0"):
        settled_rate(np.ones(2), averaging="equal", interval_h=8.0, **rule)
    with pytest.raises(ConfigError, match="hours > 0"):
        accrued_rate(np.ones(2), np.ones(2), **rule)
