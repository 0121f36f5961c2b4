"""Error correction: statsmodels as twin, intervals that cover, causality, and what must be refused."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.vector_ar.vecm import VECM

from narrows.analytics.discovery import information_shares
from narrows.analytics.equilibrium import (
    error_correction,
    error_correction_half_life,
    rolling_error_correction,
)
from narrows.analytics.estimate import Estimate
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import ConfigError, DataError

NAN = float("nan")
LATE = 100  # bars before the first that is kept


def pair(
    rows: int, alpha: tuple[float, float], correlation: float, seed: int, lagged: float = 0.0
) -> tuple[Float1D, Float1D]:
    """Log prices with innovations of 1 bp a bar."""
    random = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.array([[1.0, correlation], [correlation, 1.0]]))
    shocks = random.normal(size=(rows + LATE, 2)) @ root.T
    prices = np.zeros((rows + LATE, 2))
    for row in range(2, rows + LATE):
        before = prices[row - 1]
        change = np.array(alpha) * (before[0] - before[1]) + lagged * (before - prices[row - 2])
        prices[row] = before + change + shocks[row]
    made = 11.0 + 1e-4 * prices[LATE:]
    return made[:, 0], made[:, 1]


def by_hand(
    first: Float1D, second: Float1D, lags: int, reach: int | None
) -> tuple[Float1D, Float2D, Float2D]:
    """α, its covariance and Ω by statsmodels' least squares, leg by leg."""
    prices = np.column_stack((first, second))
    changes = np.diff(prices, axis=0)
    left = [np.ones(len(changes) - lags), (first - second)[lags:-1]]
    left += [changes[lags - lag : len(changes) - lag, leg] for lag in range(1, lags + 1) for leg in (0, 1)]
    design = np.column_stack(left)
    how = {} if reach is None else {"cov_type": "HAC", "cov_kwds": {"maxlags": reach, "use_correction": True}}
    fits = [sm.OLS(changes[lags:, leg], design).fit(**how) for leg in (0, 1)]
    residuals = np.column_stack([fit.resid for fit in fits])
    variance = np.array([fit.cov_params()[1, 1] for fit in fits])
    return np.array([fit.params[1] for fit in fits]), variance, residuals.T @ residuals / len(residuals)


@pytest.mark.parametrize("lags", [0, 1, 3])
@pytest.mark.parametrize("errors", ["ols", "hac"])
def test_the_regression_is_that_of_statsmodels(lags: int, errors: str) -> None:
    legs = pair(300, (-0.1, 0.15), 0.5, 1)
    found = rolling_error_correction(*legs, 300, lags, 1.0, errors)  # type: ignore[arg-type]
    one = error_correction(*legs, lags, 1.0, errors)  # type: ignore[arg-type]
    rows = 299 - lags
    reach = int(4.0 * (rows / 100.0) ** (2.0 / 9.0)) if errors == "hac" else None
    alpha, _, omega = by_hand(*legs, lags, reach)
    np.testing.assert_allclose(one.omega, omega, rtol=1e-8)
    assert one.observations == rows
    assert found.component[-1] == pytest.approx(alpha[1] / (alpha[1] - alpha[0]), rel=1e-7)
    shares = information_shares(np.array([alpha[1], -alpha[0]]), omega)
    expected = (shares.lower[0], shares.upper[0], shares.modified[0])
    np.testing.assert_allclose((found.lower[-1], found.upper[-1], found.modified[-1]), expected, rtol=1e-7)
    np.testing.assert_allclose(one.discovery[1:3], expected[:2], rtol=1e-7)


@pytest.mark.parametrize("errors", ["ols", "hac"])
def test_intervals_far_from_a_unit_root_are_those_of_statsmodels(errors: str) -> None:
    legs = pair(20_000, (-0.25, 0.35), 0.5, 2)
    found = error_correction(*legs, 1, 1.0, errors)  # type: ignore[arg-type]
    reach = int(4.0 * (19_998 / 100.0) ** (2.0 / 9.0)) if errors == "hac" else None
    alpha, variance, _ = by_hand(*legs, 1, reach)
    for one, plain, error in zip(found.alpha, alpha, np.sqrt(variance), strict=True):
        assert one.value == pytest.approx(plain, abs=0.1 * error)
        assert (one.hi - one.lo) / (2 * 1.6448536) == pytest.approx(error, rel=0.02)


def test_T39_VECM_of_inflation_and_interest_and_ours_given_its_relation() -> None:
    data = sm.datasets.interest_inflation.load_pandas().data[["Dp", "R"]].to_numpy()
    found = VECM(data, k_ar_diff=3, deterministic="ci").fit()
    np.testing.assert_allclose(found.alpha[:, 0], [-0.639437, 0.423403], atol=1e-5)
    np.testing.assert_allclose(found.beta[:, 0], [1.0, -0.273278], atol=1e-5)
    np.testing.assert_allclose(found.det_coef_coint[0, 0], 0.012180, atol=1e-5)
    free = VECM(data, k_ar_diff=3, deterministic="co").fit()
    ours = error_correction(data[:, 0], -free.beta[1, 0] * data[:, 1], 3, 1.0)
    scale = np.array([1.0, -free.beta[1, 0]])
    np.testing.assert_allclose(ours.omega, free.sigma_u * np.outer(scale, scale), rtol=1e-7)


def test_the_half_life_is_that_of_its_formula() -> None:
    found = error_correction_half_life(np.array([-0.5, -0.01, 0.0, 0.2, -1.0, -1.5, NAN]), 2.0)
    np.testing.assert_allclose(found[:2], (2.0, 2.0 * math.log(2.0) / -math.log(0.99)))
    assert found[2:6].tolist() == [math.inf, math.inf, 0.0, 0.0]
    assert math.isnan(found[6])


@pytest.mark.parametrize("lagged", [0.0, 0.2])
def test_intervals_cover_the_truth(lagged: float) -> None:
    """A hundred and fifty seeded pairs; a thousand at each setting are in docs/coverage/vecm.md."""
    alpha, truth = (-0.02, 0.03), math.log(2.0) / -math.log(0.95)
    made = [
        error_correction(*pair(400, alpha, 0.5, seed, lagged), int(lagged > 0.0), 1.0) for seed in range(150)
    ]

    def share(found: list[Estimate], true: float) -> float:
        return float(np.mean([one.lo <= true <= one.hi for one in found]))

    shares = [share([one.alpha[leg] for one in made], alpha[leg]) for leg in (0, 1)]
    shares.append(share([one.half_life for one in made], truth))
    assert all(0.83 <= one <= 0.96 for one in shares), shares  # binomial 99 % of 150 around 0.90
    middle = float(np.median([one.half_life.value for one in made]))
    assert middle == pytest.approx(truth, rel=0.12)


def test_legs_that_drift_apart_do_not_converge_and_say_so() -> None:
    random = np.random.default_rng(3)
    walks = np.cumsum(random.normal(size=(400, 2)), axis=0)
    found = error_correction(walks[:, 0], walks[:, 1], 1, 1.0)
    assert found.half_life.hi == math.inf
    assert found.reason.startswith(("not converging", "not identified"))
    assert found.discovery.verdict == found.reason == found.alpha[0].reason
    assert not found.half_life.known


def test_a_gap_that_is_gone_within_a_bar_has_no_half_life_at_this_sampling() -> None:
    random = np.random.default_rng(4)
    walk = np.cumsum(random.normal(size=500))
    found = error_correction(walk + random.normal(size=500), walk + random.normal(size=500), 0, 1.0)
    assert found.half_life.lo == 0.0


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (np.arange(30.0), np.arange(30.0) ** 2, "29 bars where both legs"),
        (np.full(200, 11.0), np.full(200, 11.0), "does not move"),
        (np.linspace(0.0, 1.0, 200), np.linspace(0.0, 1.0, 200) + 0.01, "does not move"),
        (np.where(np.arange(200) < 120, 1.0, NAN), np.where(np.arange(200) > 100, 1.0, NAN), "18 bars"),
    ],
)
def test_what_cannot_be_fitted_says_why(first: Float1D, second: Float1D, words: str) -> None:
    found = error_correction(first, second, 0, 1.0)
    assert words in found.reason
    assert found.reason.startswith("not identified")
    assert all(math.isnan(one) for one in (*found.half_life[:3], *found.alpha[0][:3], found.discovery.mid))


def test_a_leg_that_repeats_the_other_a_bar_later_is_singular() -> None:
    walk = np.cumsum(np.random.default_rng(5).normal(size=301))
    assert "repeat" in error_correction(walk[1:], walk[:-1], 2, 1.0).reason


def test_rows_that_touch_a_gap_are_left_out() -> None:
    first, second = pair(400, (-0.1, 0.1), 0.3, 6)
    holed = first.copy()
    holed[200] = NAN
    assert error_correction(holed, second, 1, 1.0).observations == 398 - 3
    cut = error_correction(first[201:], second[201:], 1, 1.0)
    lead = np.concatenate((np.full(201, NAN), first[201:]))
    assert error_correction(lead, second, 1, 1.0).half_life == pytest.approx(cut.half_life)


def test_rolling_is_the_single_regression_on_each_window() -> None:
    legs = pair(200, (-0.05, 0.1), 0.5, 7)
    found = rolling_error_correction(*legs, 90, 1, 0.5, every=3)
    for row in (89, 101, 149, 197):
        one = error_correction(legs[0][row - 89 : row + 1], legs[1][row - 89 : row + 1], 1, 0.5)
        expected = [one.half_life.value, one.half_life.lo, one.half_life.hi, *(leg.lo for leg in one.alpha)]
        given = [found.half_life[row], found.half_life_lo[row], found.half_life_hi[row], *found.alpha_lo[row]]
        np.testing.assert_array_equal(given, expected)
    np.testing.assert_array_equal(found.half_life[101:104], found.half_life[101])
    assert np.isnan(found.half_life[:50]).all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), cut=st.integers(1, 160), every=st.integers(1, 4), lags=st.integers(0, 2))
def test_later_rows_change_nothing(seed: int, cut: int, every: int, lags: int) -> None:
    legs = pair(160, (-0.05, 0.1), 0.5, seed)
    legs[0][seed % 160] = NAN
    whole = rolling_error_correction(*legs, 80, lags, 1.0, every=every)
    part = rolling_error_correction(legs[0][:cut], legs[1][:cut], 80, lags, 1.0, every=every)
    for long, short in zip(whole, part, strict=True):
        assert np.ascontiguousarray(long[:cut]).tobytes() == np.ascontiguousarray(short).tobytes()


def test_arguments_that_make_no_sense_are_refused() -> None:
    first, second = pair(100, (-0.1, 0.1), 0.5, 8)
    with pytest.raises(DataError, match="99 of the other"):
        error_correction(first, second[1:], 1, 1.0)
    for lags, bar, errors, words in (
        (-1, 1.0, "ols", "-1 lags"),
        (1, 0.0, "ols", "length 0"),
        (1, 1.0, "white", "white"),
    ):
        with pytest.raises(ConfigError, match=words):
            error_correction(first, second, lags, bar, errors)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="window of 49"):
        rolling_error_correction(first, second, 49, 1, 1.0)
    with pytest.raises(ConfigError, match="every 0"):
        rolling_error_correction(first, second, 60, 1, 1.0, every=0)
