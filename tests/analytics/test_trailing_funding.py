import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.analytics.funding import cumulative_funding, trailing_funding_apr
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError, DataError


def settle(bars: int, every: int, rate: float) -> tuple[Float1D, Float1D]:
    """Hourly bars with a settlement at the end of every interval."""
    funding, funding_h = np.full(bars, np.nan), np.full(bars, np.nan)
    funding[every - 1 :: every], funding_h[every - 1 :: every] = rate, every
    return funding, funding_h


def random_market(seed: int) -> tuple[Float1D, Float1D]:
    random = np.random.default_rng(seed)
    settled = random.random(300) < 0.2
    return (
        np.where(settled, random.normal(0.0, 1e-4, 300), np.nan),
        np.where(settled, random.choice([1.0, 4.0, 8.0], 300), np.nan),
    )


def test_one_basis_point_per_eight_hours_is_10_95_percent() -> None:
    apr = trailing_funding_apr(*settle(72, 8, 1e-4), bar_h=1.0, lookback_h=24.0)
    assert np.isnan(apr[:23]).all()
    np.testing.assert_allclose(apr[23:], 0.1095, rtol=1e-13)


def test_the_same_carry_through_a_change_of_interval_keeps_its_annual_rate() -> None:
    """8 h, then 4 h, then 1 h settlements, each paying 1 bp per 8 hours."""
    parts = [settle(48, every, 1e-4 * every / 8) for every in (8, 4, 1)]
    funding = np.concatenate([rates for rates, _ in parts])
    funding_h = np.concatenate([intervals for _, intervals in parts])
    apr = trailing_funding_apr(funding, funding_h, bar_h=1.0, lookback_h=48.0)
    np.testing.assert_allclose(apr[47:], 0.1095, rtol=1e-12)


def test_each_window_is_the_plain_sum_over_its_own_rows() -> None:
    funding, funding_h = random_market(4)
    apr = trailing_funding_apr(funding, funding_h, bar_h=2.0, lookback_h=48.0)
    for row in range(23, 300):
        paid, hours = np.nansum(funding[row - 23 : row + 1]), np.nansum(funding_h[row - 23 : row + 1])
        assert apr[row] == pytest.approx(paid / hours * 8760, rel=1e-10, abs=1e-12)


def test_a_window_without_settlement_is_unknown() -> None:
    funding, funding_h = settle(60, 8, 1e-4)
    funding[20:50], funding_h[20:50] = np.nan, np.nan
    apr = trailing_funding_apr(funding, funding_h, bar_h=1.0, lookback_h=10.0)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(apr[9:])) + 9, np.arange(25, 55))


def test_no_settlement_at_all_is_unknown_throughout() -> None:
    nothing = np.full(30, np.nan)
    assert np.isnan(trailing_funding_apr(nothing, nothing, bar_h=1.0, lookback_h=8.0)).all()


def test_a_lookback_longer_than_the_history_is_unknown_throughout() -> None:
    assert np.isnan(trailing_funding_apr(*settle(16, 8, 1e-4), bar_h=1.0, lookback_h=24.0)).all()


@given(st.integers(0, 100), st.integers(1, 299), st.sampled_from([8, 24, 72]))
def test_neither_later_nor_earlier_rows_change_a_bit(seed: int, cut: int, window: int) -> None:
    funding, funding_h = random_market(seed)
    whole = trailing_funding_apr(funding, funding_h, 1.0, float(window))
    before = trailing_funding_apr(funding[:cut], funding_h[:cut], 1.0, float(window))
    after = trailing_funding_apr(funding[cut:], funding_h[cut:], 1.0, float(window))
    assert before.tobytes() == whole[:cut].tobytes()
    assert after[window - 1 :].tobytes() == whole[cut + window - 1 :].tobytes()


@pytest.mark.parametrize("lookback_h", [0.0, -8.0, 0.4, 12.5])
def test_a_lookback_that_is_no_whole_number_of_bars_is_refused(lookback_h: float) -> None:
    with pytest.raises(ConfigError, match="lookback"):
        trailing_funding_apr(*settle(24, 8, 1e-4), bar_h=1.0, lookback_h=lookback_h)


@pytest.mark.parametrize("interval", [np.nan, 0.0])
def test_a_rate_without_its_interval_stops_the_run(interval: float) -> None:
    funding, funding_h = settle(24, 8, 1e-4)
    funding_h[15] = interval
    with pytest.raises(DataError, match="row 15"):
        trailing_funding_apr(funding, funding_h, bar_h=1.0, lookback_h=8.0)


def test_cumulative_funding_steps_at_settlements_only() -> None:
    funding = np.array([np.nan, 1e-4, np.nan, -3e-4, np.nan])
    np.testing.assert_allclose(cumulative_funding(funding), [0.0, 1e-4, 1e-4, -2e-4, -2e-4], atol=1e-18)
