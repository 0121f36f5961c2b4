"""The battery against published numbers, against the libraries, and against input that it must refuse."""

import numpy as np
import pytest
import statsmodels.api as sm
from arch.unitroot import VarianceRatio as ArchVarianceRatio
from statsmodels.tsa.adfvalues import mackinnoncrit

from narrows.analytics.cointegration import (
    adf,
    battery,
    engle_granger,
    johansen,
    kpss,
    restriction,
    stationary_variance_ratio,
    variance_ratio,
)
from narrows.analytics.unitroot import adf_critical
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import ConfigError, DataError


def sunspots() -> Float1D:
    found: Float1D = sm.datasets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    return found


def inflation_and_interest() -> Float2D:
    found: Float2D = sm.datasets.interest_inflation.load_pandas().data[["Dp", "R"]].to_numpy()
    return found


def cointegrated(rows: int, seed: int, beta: float = 1.0) -> tuple[Float1D, Float1D]:
    """A random walk, and β times it with an AR(1) error."""
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.normal(size=rows))
    error = np.zeros(rows)
    for row in range(1, rows):
        error[row] = 0.8 * error[row - 1] + random.normal()
    return beta * walk + error, walk


def test_T32_variance_ratio_of_the_level_of_an_AR1() -> None:
    found = [stationary_variance_ratio(0.9, q) for q in (2, 5, 10)]
    np.testing.assert_allclose(found, [0.95, 0.81902, 0.651321560], atol=1e-8)


def test_T33_MacKinnon_critical_values() -> None:
    expected = [-3.43035, -2.86154, -2.56677]
    np.testing.assert_allclose(
        [adf_critical(level, np.inf) for level in (0.01, 0.05, 0.1)], expected, atol=1e-5
    )
    found = adf(cointegrated(2_000, 1)[0])
    rows = 2_000 - 1 - found.lags
    np.testing.assert_allclose(
        found.critical, [adf_critical(one, rows) for one in (0.01, 0.05, 0.1)], atol=1e-9
    )
    pair = mackinnoncrit(N=2, regression="c")
    np.testing.assert_allclose(pair, [-3.89644, -3.33613, -3.04445], atol=1e-5)
    critical = engle_granger(*cointegrated(2_000, 1)).critical
    np.testing.assert_allclose(critical, mackinnoncrit(N=2, regression="c", nobs=1_999), atol=1e-9)


def test_T34_Johansen_critical_values() -> None:
    found = johansen(inflation_and_interest())
    np.testing.assert_allclose(
        found.trace_critical, [[13.4294, 15.4943, 19.9349], [2.7055, 3.8415, 6.6349]], atol=1e-4
    )
    np.testing.assert_allclose(
        found.max_eigenvalue_critical, [[12.2971, 14.2639, 18.52], [2.7055, 3.8415, 6.6349]], atol=1e-4
    )


def test_T35_ADF_of_sunspots() -> None:
    found = adf(sunspots())
    np.testing.assert_allclose(found[:3], [-2.8377807, 0.0530764, 8], atol=1e-5)


def test_T36_KPSS_of_sunspots() -> None:
    np.testing.assert_allclose(kpss(sunspots())[:3], [0.6698663, 0.016285, 7], atol=1e-5)


def test_T37_Engle_Granger_of_consumption_and_income() -> None:
    data = sm.datasets.macrodata.load_pandas().data
    found = engle_granger(np.log(data["realcons"].to_numpy()), np.log(data["realdpi"].to_numpy()))
    np.testing.assert_allclose(found[:2], [-2.5393981, 0.2619751], atol=1e-5)


def test_T38_Johansen_of_inflation_and_interest() -> None:
    found = johansen(inflation_and_interest(), 3)
    np.testing.assert_allclose(found.trace, [17.172875, 3.032319], atol=1e-5)
    np.testing.assert_allclose(found.eigenvalues, [0.12827995, 0.02901086], atol=1e-5)


@pytest.mark.parametrize("q", [2, 5, 10, 50])
def test_variance_ratio_is_that_of_arch(q: int) -> None:
    values, _ = cointegrated(400, 2)
    found = variance_ratio(values, q)
    other = ArchVarianceRatio(values, lags=q, trend="c", debiased=True, robust=True, overlap=True)
    assert found.ratio == pytest.approx(other.vr, rel=1e-10)
    assert found.z == pytest.approx(other.stat, rel=1e-10)
    assert found.pvalue == pytest.approx(other.pvalue, rel=1e-8)


def test_variance_ratio_of_a_long_AR1_is_its_formula() -> None:
    random = np.random.default_rng(3)
    values = np.zeros(200_000)
    shocks = random.normal(size=len(values))
    for row in range(1, len(values)):
        values[row] = 0.9 * values[row - 1] + shocks[row]
    for q in (2, 5, 10):
        assert variance_ratio(values, q).ratio == pytest.approx(stationary_variance_ratio(0.9, q), abs=0.01)


def test_the_imposed_relation_is_rejected_where_it_is_false_and_hardly_ever_where_it_is_true() -> None:
    true = [restriction(*cointegrated(300, seed)).pvalue for seed in range(200)]
    assert 0.01 <= np.mean(np.array(true) < 0.05) <= 0.10
    wrong = restriction(*cointegrated(1_000, 1, beta=1.2))
    assert wrong.pvalue < 1e-6
    assert wrong.beta == pytest.approx(-1.2, abs=0.05)


def test_the_relation_that_maximises_the_likelihood_costs_nothing() -> None:
    pair = cointegrated(300, 4)
    free = restriction(*pair)
    assert restriction(*pair, beta=(1.0, free.beta)).statistic == pytest.approx(0.0, abs=1e-8)
    assert free.statistic > 0.0


def test_the_battery_agrees_on_a_pair_that_converges_and_on_one_that_does_not() -> None:
    found = battery(*cointegrated(1_000, 5))
    assert found.verdict.state == "converging"
    assert found.adf.pvalue < 0.01
    assert found.kpss.pvalue > 0.05
    assert found.adf.statistic == pytest.approx(found.verdict.adf, abs=1e-8)
    assert [one.z < -3.0 for one in found.variance_ratios] == [False, True, True]
    assert found.engle_granger.pvalue < 0.01
    assert found.johansen.trace[0] > found.johansen.trace_critical[0, 1]
    apart = battery(cointegrated(1_000, 6)[1], cointegrated(1_000, 7)[1])
    assert apart.verdict.state == "not converging"
    assert apart.engle_granger.pvalue > 0.1


WALK = np.cumsum(np.random.default_rng(8).normal(size=100))


@pytest.mark.parametrize("test", [adf, kpss, lambda values: variance_ratio(values, 2)])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (WALK[:40], "40 rows"),
        (np.ones(100), "does not move"),
        (np.where(np.arange(100) == 7, np.nan, WALK), "1 of 100 values are missing"),
        (np.where(np.arange(100) == 7, np.inf, WALK), "1 of 100 values are missing"),
    ],
)
def test_series_that_cannot_be_tested_are_refused(test: object, values: Float1D, words: str) -> None:
    with pytest.raises(DataError, match=words):
        test(values)  # type: ignore[operator]


@pytest.mark.parametrize("test", [engle_granger, restriction, battery])
@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (WALK, WALK[:-1], "99 of the other"),
        (WALK, 2.0 * WALK, "multiples"),
        (WALK, WALK + 5.0, "multiples|does not move"),
        (WALK, np.where(np.arange(100) < 60, np.nan, WALK), "60 of 200 values are missing"),
    ],
)
def test_pairs_that_cannot_be_tested_are_refused(
    test: object, first: Float1D, second: Float1D, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        test(first, second)  # type: ignore[operator]


@pytest.mark.parametrize("q", [0, 1, 51])
def test_horizons_out_of_range_are_refused(q: int) -> None:
    with pytest.raises(ConfigError, match="q of"):
        variance_ratio(WALK, q)


def test_a_straight_line_has_no_variance_ratio() -> None:
    with pytest.raises(DataError, match="straight line"):
        variance_ratio(np.arange(100.0), 2)
