import math

import numpy as np
import pytest

from narrows.analytics.metrics import drawdown_path, max_drawdown, return_apr, returns, sharpe, volatility

HOURS = 8760.0


def test_returns_are_simple_and_one_shorter_than_equity() -> None:
    np.testing.assert_allclose(returns(np.array([100.0, 110.0, 99.0])), [0.1, -0.1], rtol=1e-12)


def test_nothing_is_earned_on_nothing() -> None:
    np.testing.assert_array_equal(np.isnan(returns(np.array([1.0, 0.0, 1.0, -1.0, 2.0]))), [0, 1, 0, 1])


def test_sharpe_scales_with_the_root_of_the_periods() -> None:
    sample = np.array([0.01, -0.005, 0.02, 0.0])
    assert sharpe(sample, 1.0) == pytest.approx(0.00625 / 0.011086778913041726, rel=1e-12)
    assert sharpe(sample, HOURS) == pytest.approx(sharpe(sample, 1.0) * math.sqrt(HOURS), rel=1e-12)


def test_volatility_is_the_sample_deviation_annualised() -> None:
    assert volatility(np.array([0.01, -0.01]), 4.0) == pytest.approx(2 * 0.01 * math.sqrt(2), rel=1e-12)


@pytest.mark.parametrize("sample", [[], [0.01], [1e-4] * 21, [0.01, math.nan, 0.02]])
def test_sharpe_of_a_degenerate_series_is_unknown(sample: list[float]) -> None:
    assert math.isnan(sharpe(np.array(sample), HOURS))


@pytest.mark.parametrize("sample", [[], [0.01], [0.01, math.nan, 0.02]])
def test_volatility_of_a_degenerate_series_is_unknown(sample: list[float]) -> None:
    assert math.isnan(volatility(np.array(sample), HOURS))


def test_drawdown_is_measured_from_the_highest_so_far() -> None:
    equity = np.array([100.0, 120.0, 90.0, 130.0, 117.0])
    np.testing.assert_allclose(drawdown_path(equity), [0.0, 0.0, 0.25, 0.0, 0.1], atol=1e-15)
    assert max_drawdown(equity) == pytest.approx(0.25)


def test_a_rising_path_has_no_drawdown() -> None:
    assert max_drawdown(np.array([1.0, 1.0, 2.0])) == 0.0


@pytest.mark.parametrize("equity", [[], [100.0, math.nan, 90.0], [0.0, 0.0], [-1.0, 5.0]])
def test_drawdown_without_a_known_peak_is_unknown(equity: list[float]) -> None:
    assert math.isnan(max_drawdown(np.array(equity)))


def test_ruin_is_a_drawdown_of_one_and_debt_is_more() -> None:
    assert max_drawdown(np.array([100.0, 0.0, -10.0])) == pytest.approx(1.1)


def test_return_is_annualised_simply_over_365_days() -> None:
    assert return_apr(100.0, 101.0, 876.0) == pytest.approx(0.1, rel=1e-12)


@pytest.mark.parametrize(("start", "hours"), [(0.0, 1.0), (-5.0, 1.0), (1.0, 0.0), (math.nan, 1.0)])
def test_return_without_capital_or_time_is_unknown(start: float, hours: float) -> None:
    assert math.isnan(return_apr(start, 1.0, hours))
