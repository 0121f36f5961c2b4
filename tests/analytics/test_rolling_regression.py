import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.rolling import RollingOLS

from narrows.analytics.rolling_regression import rolling_correlation, rolling_ols, rolling_reversion
from narrows.core.arrays import Float2D
from narrows.core.errors import ConfigError, DataError

BARS, SERIES, WINDOW = 260, 3, 40


def pair(seed: int = 1, holes: float = 0.0) -> tuple[Float2D, Float2D]:
    random = np.random.default_rng(seed)
    x = 100.0 + random.normal(size=(BARS, SERIES)).cumsum(axis=0)
    y = 5.0 + 0.7 * x + random.normal(size=x.shape)
    return np.where(random.random(x.shape) < holes, np.nan, y), x


def test_least_squares_is_that_of_statsmodels() -> None:
    y, x = pair()
    found = rolling_ols(y, x, WINDOW)
    for column in range(SERIES):
        told = RollingOLS(y[:, column], sm.add_constant(x[:, column]), WINDOW).fit()
        assert np.isnan(found.slope[: WINDOW - 1]).all()
        rows = slice(WINDOW - 1, None)
        # an intercept is the difference of two numbers near 100: its error is theirs, not a share of it
        np.testing.assert_allclose(found.intercept[rows, column], told.params[rows, 0], rtol=0.0, atol=1e-8)
        np.testing.assert_allclose(found.slope[rows, column], told.params[rows, 1], rtol=1e-9)
        np.testing.assert_allclose(found.residual_std[rows, column] ** 2, told.mse_resid[rows], rtol=1e-9)
        np.testing.assert_allclose(found.r_squared[rows, column], told.rsquared[rows], rtol=1e-9)


def test_a_window_with_holes_is_the_regression_on_what_is_known() -> None:
    y, x = pair(2, holes=0.3)
    found = rolling_ols(y[:, 0], x[:, 0], WINDOW, 25)
    some = 0
    for row in range(WINDOW - 1, BARS):
        past_y, past_x = y[row - WINDOW + 1 : row + 1, 0], x[row - WINDOW + 1 : row + 1, 0]
        known = ~np.isnan(past_y)
        if known.sum() < 25:
            assert np.isnan(found.slope[row])
            continue
        some += 1
        slope, intercept = np.polyfit(past_x[known], past_y[known], 1)
        left = past_y[known] - intercept - slope * past_x[known]
        assert found.slope[row] == pytest.approx(slope, rel=1e-8)
        assert found.intercept[row] == pytest.approx(intercept, rel=1e-6)
        assert found.residual_std[row] == pytest.approx(np.sqrt((left @ left) / (known.sum() - 2)), rel=1e-8)
    assert 0 < some < BARS - WINDOW + 1


def test_correlation_is_that_of_numpy_and_one_x_serves_all() -> None:
    y, x = pair(3)
    found = rolling_correlation(y, x[:, :1], WINDOW)
    for row in (WINDOW - 1, 100, BARS - 1):
        for column in range(SERIES):
            told = np.corrcoef(y[row - WINDOW + 1 : row + 1, column], x[row - WINDOW + 1 : row + 1, 0])[0, 1]
            assert found[row, column] == pytest.approx(told, abs=1e-12)
    np.testing.assert_array_equal(rolling_correlation(y, x[:, 0], WINDOW), found)


def test_reversion_is_least_squares_of_the_next_value_on_this_one() -> None:
    random = np.random.default_rng(4)
    values = np.zeros(BARS)
    for row in range(1, BARS):
        values[row] = 0.6 + 0.8 * values[row - 1] + random.normal()
    found = rolling_reversion(values, 100, step=0.5)
    for row in range(99, BARS):
        past = values[row - 99 : row + 1]
        phi, constant = np.polyfit(past[:-1], past[1:], 1)
        left = past[1:] - constant - phi * past[:-1]
        kappa = -np.log(phi) / 0.5
        assert found.kappa[row] == pytest.approx(kappa, rel=1e-9)
        assert found.theta[row] == pytest.approx(constant / (1.0 - phi), rel=1e-9)
        sigma = np.sqrt(2.0 * kappa * np.mean(left**2) / (1.0 - phi**2))
        assert found.sigma[row] == pytest.approx(sigma, rel=1e-9)
        assert found.half_life[row] == pytest.approx(np.log(2.0) / kappa, rel=1e-9)


def test_what_does_not_revert_has_no_speed() -> None:
    for path in (1.02 ** np.arange(60.0), np.tile([1.0, -1.0], 30) * 1.5 ** np.arange(60.0), np.ones(60)):
        found = rolling_reversion(path, 30, step=1.0)
        assert all(np.isnan(one).all() for one in found)


def test_a_constant_regressor_has_no_slope_and_a_constant_y_explains_nothing() -> None:
    y, x = pair(5)
    flat = np.full(x.shape, 1e-4)
    assert all(np.isnan(one).all() for one in rolling_ols(y, flat, WINDOW))
    found = rolling_ols(flat, x, WINDOW)
    assert (found.slope[WINDOW - 1 :] == 0.0).all()
    assert np.isnan(found.r_squared).all()
    assert np.isnan(rolling_correlation(y, flat, WINDOW)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 100), st.integers(3, 50), st.integers(1, BARS - 1))
def test_a_full_window_gives_the_same_bits_wherever_the_array_starts_and_ends(
    seed: int, window: int, cut: int
) -> None:
    y, x = pair(seed, holes=0.1)
    whole = rolling_ols(y, x, window, 3)
    before, after = rolling_ols(y[:cut], x[:cut], window, 3), rolling_ols(y[cut:], x[cut:], window, 3)
    for one, early, late in zip(whole, before, after, strict=True):
        assert one[:cut].tobytes() == early.tobytes()
        assert one[cut + window - 1 :].tobytes() == late[window - 1 :].tobytes()


def test_impossible_arguments_are_refused() -> None:
    y, x = pair()
    with pytest.raises(ConfigError, match="window of 2"):
        rolling_ols(y, x, 2)
    with pytest.raises(ConfigError, match="minimum 2"):
        rolling_ols(y, x, 10, 2)
    with pytest.raises(DataError, match="shape"):
        rolling_ols(y, x[:-1], 10)
    with pytest.raises(DataError, match="shape"):
        rolling_correlation(y, x[:, :2], 10)
    for step in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ConfigError, match="step"):
            rolling_reversion(y, 30, step)
