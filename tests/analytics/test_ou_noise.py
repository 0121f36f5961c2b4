import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from narrows.analytics.ou import OU, simulate, transition
from narrows.analytics.ou_fit import fit_ou
from narrows.analytics.ou_noise import _filter, fit_noisy_ou
from narrows.core.arrays import Float1D
from narrows.core.random import generator

HOURS = np.arange(1000.0)
TRUTH = OU(0.05, 2e-4, 3e-4)


def noisy(seed: int, bars: int = 1000, sd: float = 3e-4) -> Float1D:
    random = generator(seed, "noisy")
    return simulate(TRUTH, HOURS[:bars], random) + sd * random.standard_normal(bars)


def test_the_filter_is_the_joint_normal_law_of_the_sample() -> None:
    random = generator(1, "joint")
    time = np.cumsum(random.exponential(1.0, 8))
    x, kappa, noise, drift, sigma = random.standard_normal(8), 0.3, 0.7, 0.2, 1.3
    # given the first value, the state starts there, off by the noise: build mean and covariance step by step
    phi, variance = transition(OU(kappa, 0.0, 1.0), np.diff(time))
    mean, cover = np.empty(7), np.empty((7, 7))
    level, spread = x[0], noise
    for row in range(7):
        level = phi[row] * level + drift * (1.0 - phi[row]) / kappa
        spread = phi[row] ** 2 * spread + variance[row]
        mean[row], cover[row, row] = level, spread
        for later in range(row + 1, 7):
            cover[row, later] = cover[later, row] = spread * np.prod(phi[row + 1 : later + 1])
    law = multivariate_normal(mean, sigma**2 * (cover + noise * np.eye(7)))
    errors = x[1:] - mean
    inverse = np.linalg.inv(cover + noise * np.eye(7))
    # the filter maximises drift and sigma: compare where it finds them
    height, best, squares, _ = _filter(kappa, noise, x, np.diff(time))
    step = (1.0 - phi) / kappa
    pushed = np.zeros(7)
    for row in range(7):
        pushed[row] = step[row] + (phi[row] * pushed[row - 1] if row else 0.0)
    base = errors + drift * pushed
    assert best == pytest.approx(float(pushed @ inverse @ base / (pushed @ inverse @ pushed)), rel=1e-10)
    rest = base - best * pushed
    assert squares == pytest.approx(float(rest @ inverse @ rest), rel=1e-10)
    scale = squares / 7.0
    at_best = multivariate_normal(x[1:] - rest, scale * (cover + noise * np.eye(7))).logpdf(x[1:])
    assert height == pytest.approx(float(at_best), rel=1e-10)
    assert height >= law.logpdf(x[1:])


def test_without_noise_it_is_the_plain_fit() -> None:
    values = noisy(2, sd=0.0)
    plain, found = fit_ou(values, HOURS), fit_noisy_ou(values, HOURS)
    assert found.noise_sd < 1e-4
    assert found.ou.kappa == pytest.approx(plain.ou.kappa, rel=0.15)


def test_noise_is_told_from_reversion() -> None:
    fits = [fit_noisy_ou(noisy(seed), HOURS) for seed in range(6)]
    assert np.median([fit.kappa.value for fit in fits]) == pytest.approx(0.05, rel=0.25)
    assert np.median([fit.noise_sd for fit in fits]) == pytest.approx(3e-4, rel=0.1)
    assert np.median([fit.ou.sigma for fit in fits]) == pytest.approx(3e-4, rel=0.15)
    assert np.median([fit_ou(noisy(seed), HOURS).kappa.value for seed in range(6)]) > 0.15


def test_the_interval_holds_the_truth_in_nine_of_ten() -> None:
    held = 0
    for seed in range(100, 160):
        found = fit_noisy_ou(noisy(seed, 250), HOURS[:250])
        held += found.kappa.lo <= 0.05 <= found.kappa.hi
        assert found.half_life.lo <= found.half_life.value <= found.half_life.hi
    assert 45 <= held <= 60  # the binomial 99.9 % band around 54


def test_gaps_and_uneven_steps() -> None:
    values = noisy(3)
    holes = np.where(generator(4).random(1000) < 0.3, np.nan, values)
    known = ~np.isnan(holes)
    whole, part = fit_noisy_ou(holes, HOURS), fit_noisy_ou(values[known], HOURS[known])
    assert whole == part
    assert whole.kappa.lo < 0.05 < whole.kappa.hi


def test_what_cannot_be_fitted_says_why() -> None:
    for values, word in ((np.full(50, np.nan), "0 known values"), (np.ones(50), "never change")):
        found = fit_noisy_ou(values, HOURS[:50])
        assert math.isnan(found.kappa.value)
        assert word in found.kappa.reason
        assert math.isnan(found.noise_sd)
