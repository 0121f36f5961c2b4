import math

import numpy as np
import pytest
from scipy.stats import norm

from narrows.analytics.ou import (
    OU,
    half_life,
    known_sample,
    log_likelihood,
    simulate,
    stationary_sd,
    transition,
)
from narrows.core.errors import ConfigError, DataError
from narrows.core.random import generator

PROCESS = OU(5.0, 0.1, 0.3)


def test_T29_transition_of_ou() -> None:
    phi, variance = transition(PROCESS, 1.0 / 365.0)
    assert float(phi) == pytest.approx(0.98639477, rel=1e-7)
    assert float(variance) == pytest.approx(2.4322823e-4, rel=1e-7)
    assert stationary_sd(PROCESS) == pytest.approx(0.09486833, rel=1e-7)
    assert half_life(5.0) * 365.0 == pytest.approx(50.5997, rel=1e-6)


def test_two_steps_are_one_long_step() -> None:
    (first, near), (second, far) = transition(PROCESS, 0.1), transition(PROCESS, 0.25)
    phi, variance = transition(PROCESS, 0.35)
    assert first * second == pytest.approx(phi, rel=1e-14)
    assert near * second**2 + far == pytest.approx(variance, rel=1e-14)


def test_without_reversion_it_is_a_random_walk() -> None:
    steps = np.array([0.5, 2.0])
    walk, nearly = transition(OU(0.0, 0.0, 2.0), steps), transition(OU(1e-12, 0.0, 2.0), steps)
    np.testing.assert_array_equal(walk[1], 4.0 * steps)
    np.testing.assert_allclose(nearly[1], walk[1], rtol=1e-11)
    assert stationary_sd(OU(0.0, 0.0, 2.0)) == math.inf
    assert half_life(0.0) == math.inf == half_life(-1.0)
    assert half_life(math.inf) == 0.0
    assert math.isnan(half_life(math.nan))


def test_likelihood_is_the_sum_of_normal_logs_over_uneven_steps() -> None:
    values, time = np.array([0.2, 0.15, 0.3, 0.05]), np.array([0.0, 0.1, 0.4, 0.45])
    phi, variance = transition(PROCESS, np.diff(time))
    expected = norm.logpdf(values[1:], 0.1 + phi * (values[:-1] - 0.1), np.sqrt(variance)).sum()
    assert log_likelihood(PROCESS, values, time) == pytest.approx(expected, rel=1e-12)


def test_a_missing_value_is_a_longer_step() -> None:
    random = generator(1, "ou")
    time = np.arange(50.0) / 365.0
    values = simulate(PROCESS, time, random)
    holes = np.where(random.random(50) < 0.3, np.nan, values)
    known = ~np.isnan(holes)
    assert log_likelihood(PROCESS, holes, time) == log_likelihood(PROCESS, values[known], time[known])
    assert math.isnan(log_likelihood(PROCESS, np.full(50, np.nan), time))


def test_paths_have_the_moments_of_the_process() -> None:
    time = np.array([0.0, 0.1, 0.5])
    random = generator(2, "moments")
    paths = np.array([simulate(PROCESS, time, random) for _ in range(20_000)])
    sd = stationary_sd(PROCESS)
    np.testing.assert_allclose(paths.mean(axis=0), 0.1, atol=4.0 * sd / math.sqrt(20_000))
    np.testing.assert_allclose(paths.std(axis=0), sd, rtol=4.0 / math.sqrt(40_000))
    phi = float(transition(PROCESS, 0.4)[0])
    assert np.corrcoef(paths[:, 1], paths[:, 2])[0, 1] == pytest.approx(phi, abs=4.0 / math.sqrt(20_000))
    assert simulate(PROCESS, time, random, start=7.0)[0] == 7.0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="give one time for each value"):
        known_sample(np.zeros(3), np.arange(4.0))
    with pytest.raises(DataError, match="row 2: time 1 is not after 1; sort, and drop duplicates"):
        known_sample(np.zeros(3), np.array([0.0, 1.0, 1.0]))
    with pytest.raises(DataError, match="row 1: time 1 is not after 2"):
        known_sample(np.zeros(3), np.array([2.0, 1.0, 3.0]))
    with pytest.raises(DataError, match="row 1: a time that is not finite"):
        known_sample(np.zeros(3), np.array([0.0, np.nan, 3.0]))
    with pytest.raises(DataError, match="row 1: an infinite value"):
        known_sample(np.array([0.0, np.inf, 3.0]), np.arange(3.0))
    with pytest.raises(ConfigError, match="give a start"):
        simulate(OU(0.0, 0.0, 1.0), np.arange(3.0), generator(1))
