import numpy as np
import pytest
from statsmodels.tsa.statespace.structural import UnobservedComponents
from statsmodels.tsa.stattools import adfuller

from narrows.analytics.local_level import filter_levels
from narrows.analytics.many_series import adf_statistic, reversion, rolling_adf
from narrows.analytics.rolling_regression import rolling_reversion
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import ConfigError


def walks(seed: int = 1, bars: int = 300, series: int = 4) -> Float2D:
    random = np.random.default_rng(seed)
    return 50.0 + random.normal(size=(bars, series)).cumsum(axis=0)


def plain_adf(values: Float1D, lag: int) -> float:
    """By least squares on the changes that are known in full."""
    change = np.diff(values)
    rows = range(lag, len(change))
    design = np.array([[1.0, values[t], *(change[t - k] for k in range(1, lag + 1))] for t in rows])
    told = change[lag:]
    known = ~np.isnan(design.sum(axis=1) + told)
    design, told = design[known], told[known]
    coefficients = np.linalg.lstsq(design, told, rcond=None)[0]
    left = told - design @ coefficients
    spread = left @ left / (len(told) - design.shape[1]) * np.linalg.inv(design.T @ design)
    return float(coefficients[1] / np.sqrt(spread[1, 1]))


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_the_unit_root_statistic_is_that_of_statsmodels(lag: int) -> None:
    values = walks()
    found = adf_statistic(values, lag)
    for column, told in enumerate(found):
        peer = adfuller(values[:, column], maxlag=lag, autolag=None, result_object=True)
        assert told == pytest.approx(peer.statistic, rel=1e-9)
    assert adf_statistic(values[:, 0], lag) == pytest.approx(found[0], rel=1e-15)


def test_unknown_values_leave_out_the_changes_that_need_them() -> None:
    values = walks(2)
    values[[5, 6, 40, 200], 0] = np.nan
    assert adf_statistic(values, 2)[0] == pytest.approx(plain_adf(values[:, 0], 2), rel=1e-9)


def test_a_rolling_statistic_is_that_of_each_window_alone() -> None:
    values = walks(3, 120)
    found = rolling_adf(values, 60, 2)
    assert np.isnan(found[:59]).all()
    for row in (59, 80, 119):
        whole = adf_statistic(values[row - 59 : row + 1], 2)
        assert found[row].tobytes() == whole.tobytes()
    assert found[100, 1] == pytest.approx(plain_adf(values[41:101, 1], 2), rel=1e-9)
    assert rolling_adf(values[40:], 60, 2)[59:].tobytes() == found[99:].tobytes()
    assert np.isnan(rolling_adf(values, 121)).all()
    assert rolling_adf(values, 120, 2)[-1].tobytes() == adf_statistic(values, 2).tobytes()


def test_what_has_no_unit_root_statistic_is_unknown() -> None:
    values = walks(4)
    values[:, 0] = 1e-4
    values[:, 1] = np.arange(300.0)
    values[15:, 2] = np.nan
    found = adf_statistic(values)
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3])
    assert np.isnan(adf_statistic(values[:2])).all()
    values[100, 3] = np.nan
    holed = rolling_adf(values[:, 3], 50)
    assert np.isnan(holed[100:150]).all()
    assert np.isfinite(holed[[99, 152]]).all()


def test_reversion_of_a_series_is_that_of_its_one_window() -> None:
    random = np.random.default_rng(5)
    values = np.zeros((400, 3))
    for row in range(1, 400):
        values[row] = 0.9 * values[row - 1] + random.normal(size=3)
    whole, last = reversion(values, 1 / 24), rolling_reversion(values, 400, 1 / 24)
    for one, rolled in zip(whole, last, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, rolled[-1], rtol=1e-10)
    assert np.isnan(reversion(values[:15], 1.0).kappa).all()
    assert np.isnan(reversion(np.ones(100), 1.0).kappa).all()


def plain_filter(values: Float1D, drift: float, noise: float) -> list[tuple[float, float, float]]:
    level, variance, told = np.nan, np.nan, []
    for value in values.tolist():
        surprise = np.nan
        if np.isnan(level):
            level, variance = value, np.nan if np.isnan(value) else noise
        else:
            variance = variance + drift
            if not np.isnan(value):
                total = variance + noise
                gain = variance / total
                surprise = (value - level) / np.sqrt(total)
                level, variance = level + gain * (value - level), noise * gain
        told.append((level, variance, surprise))
    return told


def test_the_local_level_is_the_plain_recursion_bit_for_bit() -> None:
    values = walks(6)
    values[[0, 1, 50, 51, 299], 0] = np.nan
    drift, noise = np.array([0.1, 1.0, 0.0, 2.0]), np.array([1.0, 0.3, 1.0, 0.0])
    found = filter_levels(values, np.arange(float(len(values))), drift, noise)
    for column in range(4):
        told = plain_filter(values[:, column], float(drift[column]), float(noise[column]))
        np.testing.assert_array_equal(np.column_stack([one[:, column] for one in found]), told)


def test_the_local_level_is_that_of_statsmodels() -> None:
    values = walks(7)[:, 0]
    values[30:34] = np.nan
    found = filter_levels(values, np.arange(float(len(values))), 0.5, 2.0)
    peer = UnobservedComponents(values[1:], "llevel")
    peer.ssm.initialize_known(values[:1], np.array([[2.0 + 0.5]]))  # after the diffuse first value
    told = peer.smooth([2.0, 0.5]).filter_results
    np.testing.assert_allclose(found.level[1:], told.filtered_state[0], rtol=1e-10)
    np.testing.assert_allclose(found.variance[1:], told.filtered_state_cov[0, 0], rtol=1e-9)
    known = ~np.isnan(values[1:])
    np.testing.assert_allclose(  # standard normal: absolute, for some lie near 0
        found.z[1:][known], told.standardized_forecasts_error[0][known], rtol=0.0, atol=1e-9
    )
    assert np.isnan(found.z[1:][~known]).all()


def test_impossible_arguments_are_refused() -> None:
    values = walks()
    for drift, noise in ((-1.0, 1.0), (0.0, 0.0), (np.nan, 1.0), (np.inf, 1.0)):
        with pytest.raises(ConfigError, match="variance"):
            filter_levels(values, np.arange(float(len(values))), drift, noise)
    with pytest.raises(ConfigError, match="lag"):
        adf_statistic(values, -1)
    with pytest.raises(ConfigError, match="coefficients"):
        adf_statistic(values, 3, minimum=5)
    with pytest.raises(ConfigError, match="coefficients"):
        rolling_adf(values, 5, 1)
    with pytest.raises(ConfigError, match="minimum"):
        rolling_adf(values, 50, 1, minimum=60)
    with pytest.raises(ConfigError, match="minimum"):
        reversion(values, 1.0, minimum=2)
