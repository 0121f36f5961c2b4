import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.errors import ConfigError
from narrows.rulebook.funding import clamped_rate

rates = st.floats(-0.1, 0.1)
widths = st.floats(0.0, 0.1)


@pytest.mark.parametrize(
    ("premium", "expected"),
    [(-10.0, -5.0), (-4.0, 1.0), (0.0, 1.0), (3.0, 1.0), (6.0, 1.0), (100.0, 95.0)],
)
def test_dead_band_pins_the_rate_and_has_slope_one_outside(premium: float, expected: float) -> None:
    """T09, in basis points so that every number is exact."""
    assert clamped_rate(premium, 1.0, 5.0, math.inf) == expected


def test_hyperliquid_example() -> None:
    """T10: impact bid 10 100 over an oracle of 10 000; an eighth of the rate is paid hourly."""
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
