"""The power bridge: moments, likelihood, speed of a cycle, what it promises."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal, norm

from analytics.bridges import cycle
from narrows.analytics.bridge import ALPHAS, fit, log_likelihood, moments
from narrows.analytics.estimate import Estimate, unknown
from narrows.analytics.outlook import (
    close_probability,
    early_unwind,
    expected_path,
    halving_time,
    within_probability,
)
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import ConfigError, DataError

LEFT = np.arange(90.0, 0.5, -1.0)


def test_T31_moments_of_the_power_bridge() -> None:
    found = moments(0.02, 0.05, 0.15, 1.7, 0.05, 0.25)
    assert found.mean == pytest.approx(0.00615572, abs=1e-8)
    assert found.variance == pytest.approx(8.443077e-5, abs=1e-8)


def test_at_alpha_1_it_is_the_brownian_bridge_and_at_a_half_the_limit() -> None:
    bridge = moments(0.02, 1.0, 3.0, 1.0, 0.1, 6.0)
    assert_allclose(bridge, (0.02 * 3 / 5, 0.01 * 3.0 * 2.0 / 5.0), rtol=1e-14)
    half = moments(0.02, 1.0, 3.0, 0.5, 0.1, 6.0)
    assert_allclose(half.variance, 0.01 * 3.0 * math.log(5.0 / 3.0), rtol=1e-14)
    near = [float(moments(0.02, 1.0, 3.0, 0.5 + off, 0.1, 6.0).variance) for off in (-1e-9, 1e-9)]
    assert_allclose(near, half.variance, rtol=1e-7)


def test_at_delivery_nothing_is_left_unless_it_does_not_converge() -> None:
    assert_array_equal(moments(0.02, 0.0, 1.0, 0.3, 0.1, 1.0), (0.0, 0.0))
    assert_allclose(moments(0.02, 0.0, 1.0, 0.0, 0.1, 1.0), (0.02, 0.01))
    assert_array_equal(moments(0.02, 0.0, 1.0, -0.3, 0.1, 1.0), (math.inf, math.inf))


@settings(max_examples=50, deadline=None)
@given(st.floats(-1.0, 6.0), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_two_steps_are_one(alpha: float, first: float, second: float) -> None:
    r, s = 10.0 * first, 10.0 * (first + second * (1.0 - first))
    there = moments(0.02, 0.0, r, alpha, 0.1, 10.0)
    on = moments(there.mean, r, s, alpha, 0.1, 10.0)
    kept = ((10.0 - s) / (10.0 - r)) ** alpha
    once = moments(0.02, 0.0, s, alpha, 0.1, 10.0)
    assert_allclose(on.mean, once.mean, rtol=1e-9)
    assert_allclose(on.variance + kept**2 * there.variance, once.variance, rtol=1e-9)


@pytest.mark.parametrize(
    ("t", "s", "T", "sigma"),
    [(1.0, 0.5, 2.0, 0.1), (0.0, 3.0, 2.0, 0.1), (2.0, 2.0, 2.0, 0.1), (0, 1, 2, -1)],
)
def test_times_out_of_order_and_a_negative_sigma_are_refused(
    t: float, s: float, T: float, sigma: float
) -> None:
    with pytest.raises(ConfigError, match="power bridge"):
        moments(0.02, t, s, 1.0, sigma, T)


def covariance(left: Float1D, alpha: float, sigma: float) -> Float2D:
    """Of B at all times after the first, given the first."""
    at = [float(moments(0.0, -left[0], -one, alpha, sigma, 0.0).variance) for one in left[1:]]
    count = len(at)
    full = np.empty((count, count))
    for n in range(count):
        for m in range(n, count):
            full[n, m] = full[m, n] = at[n] * (left[1 + m] / left[1 + n]) ** alpha
    return full


@pytest.mark.parametrize("alpha", [-0.5, 0.5, 1.0, 2.3])
@pytest.mark.parametrize("noise", [0.0, 0.004])
def test_the_likelihood_is_that_of_the_joint_normal(alpha: float, noise: float) -> None:
    left = np.array([30.0, 28.5, 20.0, 19.9, 7.0, 2.0, 0.3])  # irregular
    values = np.array([0.03, 0.028, 0.02, 0.021, 0.005, 0.002, -0.001])
    sigma = 0.002
    shares = (left[1:] / left[0]) ** alpha
    # the first value is B plus noise, and B before it could be anything
    spread = covariance(left, alpha, sigma) + noise**2 * (np.eye(6) + np.outer(shares, shares))
    joint = multivariate_normal(values[0] * shares, spread).logpdf(values[1:])
    assert log_likelihood(left, values, alpha=alpha, sigma=sigma, noise=noise) == pytest.approx(
        joint, rel=1e-9
    )


def test_missing_values_are_rows_that_are_not_there() -> None:
    left, b = cycle(LEFT, 1.4, seed=3)
    holes = b.copy()
    holes[[0, 10, 11, 40]] = np.nan
    seen = ~np.isnan(holes)
    whole, without = fit(left, holes, noisy=False), fit(left[seen], b[seen], noisy=False)
    assert whole.alpha == without.alpha
    assert whole.observations == seen.sum()


def test_the_best_speed_is_the_maximum_of_the_likelihood() -> None:
    left, b = cycle(LEFT, 1.4, seed=6)
    found = fit(left, b, noisy=False)

    def height(alpha: float) -> float:
        top = max(
            log_likelihood(left, b, alpha=alpha, sigma=float(one))
            for one in found.sigma * np.linspace(0.8, 1.25, 91)
        )
        return float(top)

    best = height(found.alpha.value)
    assert best >= max(height(found.alpha.value - 0.1), height(found.alpha.value + 0.1))
    for end in (found.alpha.lo, found.alpha.hi):  # chi-square of one degree of freedom, halved
        assert best - height(end) == pytest.approx(0.5 * norm.ppf(0.95) ** 2, abs=0.02)


def test_the_noise_is_found_and_keeps_alpha_where_it_is() -> None:
    left = np.arange(90.0, 0.2, -0.25)
    found = [fit(*cycle(left, 1.5, seed=seed, noise=8e-4), noisy=True) for seed in range(30)]
    assert np.median([one.noise for one in found]) == pytest.approx(8e-4, rel=0.05)
    assert np.median([one.sigma for one in found]) == pytest.approx(15e-4, rel=0.05)
    assert abs(np.median([one.alpha.value for one in found]) - 1.5) < 0.25


def test_scale_and_unit_of_time_do_not_matter() -> None:
    left, b = cycle(LEFT, 1.4, seed=5, noise=3e-4)
    days, hours = fit(left, b, noisy=True), fit(24.0 * left, 100.0 * b, noisy=True)
    assert_allclose(hours.alpha[:3], days.alpha[:3], rtol=1e-8)
    assert hours.sigma == pytest.approx(100.0 * days.sigma / math.sqrt(24.0), rel=1e-8)
    assert hours.noise == pytest.approx(100.0 * days.noise, rel=1e-8)


def test_intervals_of_alpha_cover() -> None:
    """200 seeded cycles; the full count is scripts/truth/bridge.py."""
    found = [fit(*cycle(LEFT, 1.5, seed=seed), noisy=False).alpha for seed in range(200)]
    told = [one for one in found if not one.reason]
    assert len(told) >= 180  # noise is seen in 5 % by chance: 99.9 % of the counts
    missed = sum(not one.lo <= 1.5 <= one.hi for one in told)
    assert 0.04 <= missed / len(told) <= 0.16  # holds 99 % of the shares of 180 draws at 0.10


def test_a_short_stretch_far_from_delivery_is_not_identified() -> None:
    left, b = cycle(np.arange(90.0, 59.0, -1.0), 1.5, seed=1)
    found = fit(left, b, noisy=True)
    assert math.isnan(found.alpha.value)
    assert math.isnan(found.alpha.lo)
    reason = "not identified: time to expiry falls from 90 to 60 only, by less than a factor of 3"
    assert found.alpha.reason == reason
    assert len(found.log_likelihood) == len(ALPHAS)  # to be pooled
    left, b = cycle(np.arange(90.0, 29.0, -1.0), 1.5, seed=1)
    assert fit(left, b, noisy=True).alpha.known


def test_what_does_not_bound_alpha_is_not_identified() -> None:
    left = np.array([90.0, 80.0, 70.0, 60.0, 50.0, 45.0, 40.0, 35.0, 30.0, 27.0, 24.0, 20.0])
    white = np.random.default_rng(1).standard_normal(12)
    found = fit(left, white, noisy=True).alpha
    assert math.isnan(found.value)
    assert math.isinf(found.hi)
    assert found.reason.startswith("not identified: the cycle does not bound alpha")


def test_noise_that_is_not_allowed_for_is_found_and_said() -> None:
    left = np.arange(90.0, 0.2, -0.25)
    noisy, clean = cycle(left, 1.5, seed=3, noise=10e-4), cycle(left, 1.5, seed=3)
    found = fit(*noisy, noisy=False)
    assert found.alpha.reason.startswith("not identified: noise of 0.00")
    assert found.alpha.reason.endswith("allow for it, noisy=True")
    assert len(found.log_likelihood) == 0  # so that it is not pooled
    assert fit(*noisy, noisy=True).alpha.known
    assert fit(*clean, noisy=False).alpha.known


def test_a_gap_that_widens_is_not_converging() -> None:
    left = np.linspace(90.0, 1.0, 90)
    rng = np.random.default_rng(1)
    b = 0.01 * (90.0 / left) ** 0.8 * np.exp(0.01 * rng.standard_normal(90))
    found = fit(left, b, noisy=True).alpha
    assert found.hi < 0.0
    assert found.reason.startswith("not converging")


def test_a_random_walk_is_not_shown_to_converge() -> None:
    found = fit(*cycle(LEFT, 0.0, seed=2), noisy=False).alpha
    assert found.lo <= 0.0
    assert "converge" in found.reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.linspace(0.02, 0.01, 11), "11 observations of at least 12"),
        (np.full(40, 0.01), "the deviation is 0.01 throughout"),
        (np.full(40, np.nan), "0 observations of at least 12"),
        (np.arange(40.0, 0.0, -1.0) * 0.001, "the deviation follows a curve without any noise"),
    ],
)
def test_what_cannot_be_fitted_says_why(values: Float1D, reason: str) -> None:
    found = fit(np.arange(float(len(values)), 0.0, -1.0), values, noisy=False)
    assert found.alpha.reason == f"not identified: {reason}"
    assert math.isnan(found.alpha.value)
    assert len(found.log_likelihood) == 0


@pytest.mark.parametrize(
    ("left", "b", "words"),
    [
        (
            [2.0, 1.0, -1.0],
            [0.1, 0.1, 0.1],
            "1 rows after delivery, the first at -1 to expiry; cut the cycle",
        ),
        ([2.0, 2.0, 1.0], [0.1, 0.1, 0.1], "time to expiry goes from 2 to 2"),
        ([1.0, 2.0, 0.5], [0.1, 0.1, 0.1], "time to expiry goes from 1 to 2"),
        ([3.0, 2.0, 1.0], [0.1, np.inf, 0.1], "row 1: deviation inf"),
        ([np.inf, 2.0, 1.0], [0.1, 0.1, 0.1], "not finite"),
    ],
)
def test_bad_cycles_are_refused(left: list[float], b: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        fit(np.array(left), np.array(b), noisy=True)
    with pytest.raises(ConfigError, match="one length"):
        fit(np.array([1.0]), np.array([0.1, 0.2]), noisy=True)


def test_rows_at_delivery_say_nothing_and_unknown_ones_after_it_are_no_rows() -> None:
    left, b = cycle(LEFT, 1.4, seed=6)
    more = fit(np.append(left, [0.0, -1.0]), np.append(b, [0.001, np.nan]), noisy=False)
    assert more.alpha == fit(left, b, noisy=False).alpha


def test_the_path_has_its_mean_and_quantiles() -> None:
    mean, bands = expected_path(
        0.02, 30.0, np.array([30.0, 10.0, 0.0]), alpha=1.5, sigma=1e-3, levels=(0.05, 0.5)
    )
    there = moments(0.02, 0.0, 20.0, 1.5, 1e-3, 30.0)
    assert_allclose(mean, [0.02, float(there.mean), 0.0])
    assert_allclose(bands[0], mean + norm.ppf(0.05) * np.sqrt([0.0, float(there.variance), 0.0]))
    assert_allclose(bands[1], mean)
    with pytest.raises(ConfigError, match="levels"):
        expected_path(0.02, 30.0, np.array([10.0]), alpha=1.5, sigma=1e-3, levels=(1.0,))


def test_half_of_it_is_gone_at_the_halving_time() -> None:
    found = halving_time(30.0, Estimate(1.5, 0.8, 2.5))
    assert float(moments(0.02, 0.0, found.value, 1.5, 0.0, 30.0).mean) == pytest.approx(0.01)
    assert found.lo == pytest.approx(30.0 * (1.0 - 2.0 ** (-1.0 / 2.5)))
    assert found.hi == pytest.approx(30.0 * (1.0 - 2.0 ** (-1.0 / 0.8)))
    assert halving_time(30.0, Estimate(0.5, -0.1, 1.0)).hi == math.inf
    nothing = halving_time(30.0, unknown("not identified: short"))
    assert math.isnan(nothing.value)
    assert nothing.reason == "not identified: short"


def test_where_it_stands_is_a_normal_probability() -> None:
    there = moments(0.01, 0.0, 20.0, 1.3, 8e-4, 30.0)
    law = norm(float(there.mean), math.sqrt(float(there.variance)))
    found = within_probability(0.01, 30.0, np.array([30.0, 10.0, 0.0]), 0.002, alpha=1.3, sigma=8e-4)
    assert_allclose(found, [0.0, law.cdf(0.002) - law.cdf(-0.002), 1.0], rtol=1e-12)


@pytest.mark.parametrize(("alpha", "by"), [(1.3, 7.0), (0.4, 1.0), (0.5, 7.0), (2.5, 20.0)])
def test_first_passage_into_the_width_is_that_of_simulated_paths(alpha: float, by: float) -> None:
    """Paths on a grid, and between its points the chance that a Brownian bridge dips below and comes back."""
    rng = np.random.default_rng(7)
    left = np.geomspace(30.0, by, 401)
    x, missed = np.full(20_000, 0.01), np.ones(20_000)
    for before, after in pairwise(left.tolist()):
        there = moments(x, -before, -after, alpha, 8e-4, 0.0)
        y = there.mean + np.sqrt(there.variance) * rng.standard_normal(len(x))
        above = np.maximum(x - 0.002, 0.0) * before**-alpha, np.maximum(y - 0.002, 0.0) * after**-alpha
        missed *= -np.expm1(-2.0 * above[0] * above[1] / (there.variance * after ** (-2.0 * alpha)))
        x = y
    error = missed.std() / math.sqrt(len(x))
    found = close_probability(0.01, 30.0, by, 0.002, alpha=alpha, sigma=8e-4)
    assert found == pytest.approx(1.0 - missed.mean(), abs=4.0 * error)
    assert found >= float(within_probability(0.01, 30.0, by, 0.002, alpha=alpha, sigma=8e-4))


def test_first_passage_is_even_and_rises_with_time_to_what_is_certain() -> None:
    by = [30.0, 20.0, 10.0, 5.0, 0.1]
    found = [close_probability(0.01, 30.0, one, 0.002, alpha=1.3, sigma=8e-4) for one in by]
    assert found[0] == 0.0
    assert found == sorted(found)
    assert found[-1] == pytest.approx(1.0, abs=1e-3)
    assert close_probability(-0.01, 30.0, 10.0, 0.002, alpha=1.3, sigma=8e-4) == found[2]
    assert close_probability(0.001, 30.0, 10.0, 0.002, alpha=1.3, sigma=8e-4) == 1.0
    with pytest.raises(ConfigError, match="close_probability"):
        close_probability(0.01, 30.0, 31.0, 0.002, alpha=1.3, sigma=8e-4)


def test_early_unwind_pays_where_the_gain_comes_early() -> None:
    at = np.array([30.0, 15.0, 5.0, 0.0])
    fast = early_unwind(-0.02, 30.0, at, alpha=3.0, exit_cost=0.001, delivery_cost=0.0005, worth=0.0)
    assert_allclose(fast.gain, [0.0, 0.02 * (1 - 0.5**3), 0.02 * (1 - 6.0**-3), 0.02])
    assert_allclose(fast.per_time[1:], (fast.gain - [0, 0.001, 0.001, 0.0005])[1:] / [15.0, 25.0, 30.0])
    assert math.isnan(fast.per_time[0])
    assert fast.advantage[-1] == 0.0
    assert (fast.advantage[:-1] < 0.0).all()  # nothing waits for the capital
    busy = early_unwind(-0.02, 30.0, at, alpha=3.0, exit_cost=0.001, delivery_cost=0.0005, worth=0.0004)
    assert_allclose(busy.advantage - fast.advantage, 0.0004 * at)
    assert busy.advantage[1] > 0.0
    slow = early_unwind(-0.02, 30.0, at, alpha=0.5, exit_cost=0.001, delivery_cost=0.0005, worth=0.0004)
    assert (slow.advantage[:-1] < 0.0).all()
    with pytest.raises(ConfigError, match="alpha > 0"):
        early_unwind(0.02, 30.0, at, alpha=0.0, exit_cost=0.0, delivery_cost=0.0, worth=0.0)


def test_the_profile_is_on_the_alphas_and_its_top_is_0() -> None:
    found = fit(*cycle(LEFT, 1.4, seed=6), noisy=False)
    assert found.log_likelihood.shape == ALPHAS.shape
    assert found.log_likelihood.max() == 0.0
    assert not found.log_likelihood.flags.writeable
