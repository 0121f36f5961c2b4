import math

import numpy as np
import pytest
from scipy.special import ndtr

from narrows.analytics.ou import OU, simulate
from narrows.analytics.passage import expected_passage_time, expected_premium_paid, passage_probability
from narrows.core.errors import ConfigError
from narrows.core.random import generator

STANDARD = OU(1.0, 0.0, math.sqrt(2.0))
SHIFTED = OU(1.0, 0.3, math.sqrt(2.0))


def test_T45_premium_path_integral() -> None:
    assert expected_passage_time(SHIFTED, 1.5, 0.0) == pytest.approx(1.453943, abs=1e-5)
    assert expected_premium_paid(SHIFTED, 1.5, 0.0) == pytest.approx(1.936183, abs=1e-5)


@pytest.mark.parametrize(("level", "expected"), [(1.0, 2.0934066), (2.0, 10.4284094), (3.0, 86.9316199)])
def test_T59_mean_first_passage_time(level: float, expected: float) -> None:
    assert expected_passage_time(STANDARD, 0.0, level) == pytest.approx(expected, abs=1e-6)
    assert expected_passage_time(STANDARD, 0.0, -level) == pytest.approx(expected, abs=1e-6)


def test_T61_from_one_side_to_the_other() -> None:
    assert expected_passage_time(STANDARD, -0.8, 0.8) == pytest.approx(2.2414031, abs=1e-6)


def test_units_of_time_and_gap_scale() -> None:
    hourly = OU(1.0 / 24.0, 3e-4, 2e-3 * math.sqrt(2.0 / 24.0))
    assert expected_passage_time(hourly, 15e-4 * 2 - 9e-4, 3e-4 - 3e-4 * 2) == pytest.approx(
        24.0 * expected_passage_time(STANDARD, (15e-4 * 2 - 12e-4) / 2e-3, -6e-4 / 2e-3), rel=1e-9
    )


def test_far_levels_neither_overflow_nor_look_finite() -> None:
    assert expected_passage_time(STANDARD, 60.0, 50.0) == pytest.approx(math.log(60.0 / 50.0), rel=1e-3)
    assert 1e100 < expected_passage_time(STANDARD, 0.0, -25.0) < math.inf
    assert expected_passage_time(STANDARD, 0.0, -40.0) == math.inf
    assert expected_passage_time(OU(0.0, 0.0, 1.0), 1.0, 0.0) == math.inf
    assert math.isnan(expected_premium_paid(OU(0.0, 0.0, 1.0), 1.0, 0.0))


def test_a_start_at_the_level_needs_no_time() -> None:
    assert expected_passage_time(STANDARD, 1.0, 1.0) == 0.0 == expected_premium_paid(STANDARD, 1.0, 1.0)
    np.testing.assert_array_equal(passage_probability(STANDARD, 1.0, 1.0, np.array([0.0, 2.0])), 1.0)


TIMES = np.array([0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0])


def test_probability_to_reach_the_mean_is_known_in_closed_form() -> None:
    kept = np.exp(-TIMES[1:])
    expected = 2.0 * ndtr(-1.5 * kept / np.sqrt(1.0 - kept**2))
    for start in (1.5, -1.5):
        found = passage_probability(STANDARD, start, 0.0, TIMES)
        assert found[0] == 0.0
        np.testing.assert_allclose(found[1:], expected, atol=1e-12)


@pytest.mark.parametrize(("start", "level"), [(1.5, -1.0), (3.0, 1.0), (-0.2, 2.0), (0.0, -2.5)])
def test_the_mean_of_the_distribution_is_the_expected_time(start: float, level: float) -> None:
    times = np.concatenate((np.linspace(0.0, 4.0, 400) ** 2, np.linspace(16.1, 400.0, 4000)))
    left = 1.0 - passage_probability(STANDARD, start, level, times)
    assert np.trapezoid(left, times) == pytest.approx(expected_passage_time(STANDARD, start, level), rel=1e-3)


def test_many_paths_agree_with_time_premium_and_probability() -> None:
    random, step, paths = generator(45, "passage"), 1e-3, 4000
    gap = np.full(paths, 1.5)
    time, paid, alive, early = np.zeros(paths), np.zeros(paths), np.ones(paths, bool), 0.0
    phi, sd = math.exp(-step), math.sqrt(1.0 - math.exp(-2.0 * step))
    for bar in range(20_000):
        here = gap[alive]
        then = 0.3 + phi * (here - 0.3) + sd * random.standard_normal(len(here))
        # between two ends above the level a bridge may have touched it
        bridge = np.exp(-2.0 * np.maximum(here, 0.0) * np.maximum(then, 0.0) / (2.0 * step))
        time[alive] += step
        paid[alive] += 0.5 * step * (here + then)
        gap[alive] = then
        alive[np.flatnonzero(alive)[(then <= 0.0) | (random.random(len(here)) < bridge)]] = False
        if bar == 999:
            early = 1.0 - alive.mean()
        if not alive.any():
            break
    assert not alive.any()
    error = math.sqrt(paths)
    assert time.mean() == pytest.approx(1.453943, abs=4.0 * time.std() / error)
    assert paid.mean() == pytest.approx(1.936183, abs=4.0 * paid.std() / error)
    expected = passage_probability(SHIFTED, 1.5, 0.0, np.array([1.0]))[0]
    assert early == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected)) / error)


def test_order_of_times_and_later_times_do_not_matter_beyond_the_accuracy() -> None:
    times = np.array([5.0, 0.5, 2.0, 0.5])
    found = passage_probability(STANDARD, 2.0, -1.0, times)
    assert found[1] == found[3] < found[2] < found[0]
    alone = [passage_probability(STANDARD, 2.0, -1.0, np.array([time]))[0] for time in times]
    np.testing.assert_allclose(found, alone, atol=1e-4)


def test_a_very_long_horizon_is_as_sound_as_a_short_one() -> None:
    mean = expected_passage_time(STANDARD, 0.0, -4.0)
    found = passage_probability(STANDARD, 0.0, -4.0, mean * np.array([0.1, 1.0, 3.0]))
    # a level so rarely reached is reached at a constant rate, but for what is remembered: 1/mean
    np.testing.assert_allclose(found, 1.0 - np.exp([-0.1, -1.0, -3.0]), atol=3.0 / mean)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="not all finite"):
        expected_passage_time(OU(math.nan, 0.0, 1.0), 1.0, 0.0)
    with pytest.raises(ConfigError, match="give a volatility above 0"):
        expected_passage_time(OU(1.0, 0.0, 0.0), 1.0, 0.0)
    with pytest.raises(ConfigError, match="give a speed above 0"):
        passage_probability(OU(0.0, 0.0, 1.0), 1.0, 0.0, np.array([1.0]))
    with pytest.raises(ConfigError, match="give times from now"):
        passage_probability(STANDARD, 1.0, 0.0, np.array([-1.0]))


def test_paths_from_simulate_reach_a_level_as_often() -> None:
    random = generator(46, "passage")
    time = np.arange(0.0, 1.0, 1e-3)
    reached = [simulate(SHIFTED, time, random, start=1.5).min() <= 0.0 for _ in range(2000)]
    # looking every 1e-3 misses some touches: Broadie, Glasserman & Kou's shift of the level
    shifted = -0.5826 * math.sqrt(2.0 * 1e-3)
    expected = passage_probability(SHIFTED, 1.5, shifted, np.array([1.0]))[0]
    assert np.mean(reached) == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1 - expected) / 2000))
