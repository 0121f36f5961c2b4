import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.analytics.funding_benchmarks import (
    ar1_forecast,
    har_features,
    har_forecast,
    mean_so_far,
    no_change,
    regression_forecast,
)
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError


def rates_with_holes(seed: int, intervals: int = 240) -> Float1D:
    random = np.random.default_rng(seed)
    rates = 1e-4 + 5e-5 * np.convolve(random.standard_normal(intervals + 9), np.ones(10) / 3.0, "valid")
    return np.where(random.random(intervals) < 0.01, np.nan, rates)


def test_har_features_are_trailing_means() -> None:
    rates = np.arange(100.0)
    found = har_features(rates)
    assert np.isnan(found[88, 3])
    np.testing.assert_allclose(found[95], [1.0, 94.0, 85.0, 50.5])


@pytest.mark.parametrize("row", [40, 137, 239])
def test_a_forecast_is_least_squares_on_all_before(row: int) -> None:
    rates = rates_with_holes(1)
    features = har_features(rates, (1, 3, 12))
    found = regression_forecast(features, rates, 10)
    x, y = features[:row], rates[1 : row + 1]
    known = np.isfinite(x).all(axis=1) & np.isfinite(y)
    beta = np.linalg.lstsq(x[known], y[known], rcond=None)[0]
    by_hand = float(features[row] @ beta)
    assert np.isfinite(by_hand)
    assert found[row] == pytest.approx(by_hand, rel=1e-7)


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(1, 239))
def test_later_rates_change_no_bit(seed: int, cut: int) -> None:
    rates = rates_with_holes(seed)
    for forecast in (no_change, mean_so_far, ar1_forecast, har_forecast, har_features):
        assert forecast(rates)[:cut].tobytes() == forecast(rates[:cut]).tobytes(), forecast.__name__


def test_the_mean_so_far_skips_what_is_not_known() -> None:
    np.testing.assert_allclose(mean_so_far(np.array([np.nan, 1.0, np.nan, 3.0])), [np.nan, 1.0, 1.0, 2.0])


def test_an_ar1_knows_the_way_back() -> None:
    random, path = np.random.default_rng(3), np.zeros(5000)
    for row in range(1, 5000):
        path[row] = 0.6 * path[row - 1] + random.standard_normal()
    found = ar1_forecast(path)
    assert found[-1] == pytest.approx(0.6 * path[-1], abs=0.1)
    assert np.square(path[1001:] - found[1000:-1]).mean() == pytest.approx(1.0, abs=0.07)


def test_pinned_rates_make_a_regression_without_an_answer() -> None:
    assert np.isnan(ar1_forecast(np.full(100, 1e-4))).all()
    assert np.isnan(ar1_forecast(np.zeros(100))).all()
    assert np.isnan(har_forecast(rates_with_holes(1, 50))).all()
    assert len(har_forecast(np.empty(0))) == 0


def test_more_pairs_than_columns_are_asked_for() -> None:
    with pytest.raises(ConfigError, match="more pairs"):
        ar1_forecast(np.zeros(100), least=2)
