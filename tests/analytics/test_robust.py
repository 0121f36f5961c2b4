"""Robust regression against statsmodels, which is its slow twin."""

import numpy as np
import pytest
import statsmodels.api as sm

from narrows.analytics.robust import Loss, robust_fit

RNG = np.random.default_rng(20260327)
X = np.column_stack((np.ones(40), np.linspace(-1.0, 2.0, 40)))
SIGMA = RNG.uniform(0.5, 3.0, 40)
Y = X @ np.array((0.7, -1.3)) + 0.1 * SIGMA * RNG.standard_t(3, 40)
Y[[1, 38]] += (20.0, 20.0)
SIGMA[[1, 38]] = 1.0


def test_huber_is_the_one_of_statsmodels_with_its_covariance() -> None:
    fit = robust_fit(X, Y, SIGMA)
    # statsmodels centres the absolute deviations on their median; give it our scale
    ours = float(np.median(np.abs((Y - X @ fit.parameters) / SIGMA))) / 0.6744897501960817
    scaled = sm.RLM(Y / SIGMA / ours, X / SIGMA[:, None] / ours, M=sm.robust.norms.HuberT())
    twin = scaled.fit(scale_est=_One(), update_scale=True, maxiter=500, tol=1e-13)
    np.testing.assert_allclose(fit.parameters, twin.params, rtol=1e-8)
    np.testing.assert_allclose(fit.weights, twin.weights, rtol=1e-6)
    np.testing.assert_allclose(fit.covariance, twin.bcov_scaled, rtol=1e-6)


class _One:
    """A scale estimator for statsmodels that says 1."""

    def __call__(self, *_: object, **__: object) -> float:
        return 1.0


def test_squares_are_weighted_least_squares() -> None:
    fit = robust_fit(X, Y, SIGMA, "squares")
    twin = sm.WLS(Y, X, weights=SIGMA**-2).fit()
    np.testing.assert_allclose(fit.parameters, twin.params, rtol=1e-12)
    np.testing.assert_allclose(fit.covariance, twin.cov_params(), rtol=1e-10)
    assert fit.freedom == 38


@pytest.mark.parametrize("loss", ["huber", "tukey"])
def test_wrong_points_do_not_bend_the_line(loss: Loss) -> None:
    fit = robust_fit(X, Y, SIGMA, loss)
    np.testing.assert_allclose(fit.parameters, (0.7, -1.3), atol=0.15)
    assert fit.weights[[1, 38]].max() < 0.2
    if loss == "tukey":
        assert fit.weights[[1, 38]].max() == 0.0
    assert np.abs(robust_fit(X, Y, SIGMA, "squares").parameters - (0.7, -1.3)).max() > 0.2


def test_a_line_through_all_points_has_no_error_and_two_points_no_interval() -> None:
    exact = X @ np.array((0.7, -1.3))
    fit = robust_fit(X, exact, SIGMA)
    np.testing.assert_allclose(fit.parameters, (0.7, -1.3), rtol=1e-12)
    assert np.abs(fit.covariance).max() < 1e-25
    assert np.isnan(robust_fit(X[:2], exact[:2], SIGMA[:2]).covariance).all()


def test_most_points_exactly_on_a_line_are_that_line() -> None:
    """The median residual shrinks to nothing, which must not divide by zero."""
    bent = (X @ np.array((0.5, 0.25))).copy()
    bent[:5] += 1.0
    fit = robust_fit(X, bent, np.ones(40), "tukey")
    np.testing.assert_allclose(fit.parameters, (0.5, 0.25), rtol=1e-8)
    assert np.isfinite(fit.covariance).all()
