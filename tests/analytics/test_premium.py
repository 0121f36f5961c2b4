import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.analytics.ou import OU, half_life
from narrows.analytics.passage import expected_passage_time
from narrows.analytics.premium import (
    expected_profit,
    fit_premium,
    model_of,
    speed_of,
)
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError

WALK = OU(1.0, 0.3, math.sqrt(2.0))


def simulated(model: OU, bars: int, bar_h: float, seed: int) -> Float1D:
    kappa, theta, sigma = (float(np.asarray(one)) for one in model)
    phi = math.exp(-kappa * bar_h)
    shocks = np.random.default_rng(seed).standard_normal(bars)
    shocks *= sigma * math.sqrt((1.0 - phi**2) / (2.0 * kappa))
    path = np.empty(bars)
    path[0] = theta
    for bar in range(1, bars):
        path[bar] = theta + phi * (path[bar - 1] - theta) + shocks[bar]
    return path


def test_T45_path_integral_of_a_premium() -> None:
    found = expected_profit(WALK, 1.5, 0.0, level=0.0, slope=1.0)
    assert found.hours == pytest.approx(1.453943, abs=1e-5)
    assert found.funding == pytest.approx(1.936183, abs=1e-5)
    assert found.total == pytest.approx(3.436183, abs=1e-5)


def test_T45_by_simulation() -> None:
    random, paths, step = np.random.default_rng(45), 20_000, 0.002
    phi = math.exp(-step)
    noise = math.sqrt(1.0 - phi**2)
    premium = np.full(paths, 1.5)
    hours, area = np.zeros(paths), np.zeros(paths)
    alive = np.arange(paths)
    while len(alive):
        now = premium[alive]
        later = 0.3 + phi * (now - 0.3) + noise * random.standard_normal(len(alive))
        # a Brownian bridge may have touched 0 between the steps
        touched = np.exp(-2.0 * np.maximum(now, 0) * np.maximum(later, 0) / (2.0 * step)) > random.random(
            len(alive)
        )
        hours[alive] += step
        area[alive] += 0.5 * (now + np.maximum(later, 0.0)) * step
        premium[alive] = later
        alive = alive[~touched & (later > 0.0)]
    found = expected_profit(WALK, 1.5, 0.0, level=0.0, slope=1.0)
    assert found.hours == pytest.approx(hours.mean() - step / 2, abs=4.0 * hours.std() / paths**0.5)
    assert found.funding == pytest.approx(area.mean(), abs=4.0 * area.std() / paths**0.5)


def test_inside_the_dead_band_funding_is_interest_times_the_wait() -> None:
    found = expected_profit(WALK, 1.5, 0.0, level=0.125, slope=0.0)
    assert found.funding == pytest.approx(0.125 * found.hours)
    assert found.price == 1.5


def test_a_passage_upwards_is_the_mirror_of_one_downwards() -> None:
    mirrored = OU(1.0, -0.3, math.sqrt(2.0))
    down, up = expected_passage_time(WALK, 1.5, 0.0), expected_passage_time(mirrored, -1.5, 0.0)
    assert up == pytest.approx(down, rel=1e-12)
    assert expected_passage_time(WALK, 0.7, 0.7) == 0.0
    slow = OU(0.01, 0.3, math.sqrt(0.02))  # the same shape on a clock a hundred times slower
    assert expected_passage_time(slow, 1.5, 0.0) == pytest.approx(100.0 * down, rel=1e-12)


def test_a_passage_from_far_away_is_the_decay_of_a_line() -> None:
    """From 1e6 to 1e3 standard deviations noise does not matter: ln(1000) / κ."""
    quiet = OU(0.5, 0.0, 1.0)
    assert expected_passage_time(quiet, 1e6, 1e3) == pytest.approx(math.log(1000.0) / 0.5, rel=1e-5)


def test_a_short_enters_above_where_it_leaves() -> None:
    with pytest.raises(ConfigError, match="enters above"):
        expected_profit(WALK, 0.0, 1.0, 0.0, 1.0)
    with pytest.raises(ConfigError, match="reverts"):
        expected_profit(OU(0.0, 0.0, 1.0), 1.0, 0.0, 0.0, 1.0)


def test_half_lives_of_coefficients() -> None:
    assert half_life(speed_of(0.5, 8.0)) == pytest.approx(8.0)
    assert half_life(speed_of(0.5**0.125, 1.0)) == pytest.approx(8.0)
    assert half_life(speed_of(1.0, 1.0)) == math.inf
    assert math.isnan(half_life(speed_of(0.0, 1.0)))
    assert math.isnan(half_life(speed_of(math.nan, 1.0)))


def test_a_long_path_gives_its_model_back() -> None:
    truth = OU(0.2, 1e-4, 2e-4)
    fit = fit_premium(simulated(truth, 100_000, 0.5, 8), 0.5)
    assert fit.model.kappa == pytest.approx(0.2, abs=4.0 * math.sqrt(2.0 * 0.2 / 50_000))  # 4 s.e.
    assert fit.model.theta == pytest.approx(1e-4, abs=3e-5)
    assert fit.model.sigma == pytest.approx(2e-4, rel=0.02)
    assert fit.half_life_h.value == pytest.approx(math.log(2.0) / fit.model.kappa, rel=1e-12)
    assert fit.half_life_h.reason == ""


def test_nine_in_ten_intervals_hold_the_half_life() -> None:
    truth = OU(0.1, 0.0, 1.0)
    held = 0
    for seed in range(400):
        found = fit_premium(simulated(truth, 1000, 1.0, seed), 1.0).half_life_h
        held += found.lo <= math.log(2.0) / 0.1 <= found.hi
    assert 344 <= held <= 376  # 0.90 ± 99 % binomial: 360 ± 15.5


def test_a_hole_breaks_pairs_and_nothing_else() -> None:
    path = simulated(OU(0.2, 1.0, 1.0), 400, 1.0, 3)
    path[100] = np.nan
    fit = fit_premium(path, 1.0)
    assert fit.pairs == 397
    by_hand = np.polyfit(np.delete(path[:-1], [99, 100]), np.delete(path[1:], [99, 100]), 1)[0]
    phi = math.exp(-fit.model.kappa)
    assert phi == pytest.approx(by_hand + (1 + 3 * by_hand) / 397, rel=1e-12)


@given(st.floats(0.05, 0.98), st.floats(-5.0, 5.0), st.floats(0.1, 3.0), st.floats(0.1, 24.0))
def test_a_step_and_its_process_are_one(phi: float, theta: float, shock: float, step_h: float) -> None:
    model = model_of(phi, theta, shock, step_h)
    kappa, sigma = model.kappa, model.sigma
    assert math.exp(-kappa * step_h) == pytest.approx(phi, rel=1e-12)
    assert sigma**2 * (1 - phi**2) / (2 * kappa) == pytest.approx(shock**2, rel=1e-12)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (np.zeros(5), "4 pairs"),
        (np.full(200, np.nan), "0 pairs"),
        (np.full(200, 0.1), "does not vary"),
        (np.cumsum(np.full(200, 1.0)), "no reversion"),
        (np.tile([1.0, -1.0], 100), "within one step"),
    ],
)
def test_what_cannot_be_fitted_says_why(path: Float1D, reason: str) -> None:
    fit = fit_premium(path, 1.0)
    assert reason in fit.half_life_h.reason
    assert np.isnan(fit.model.kappa)
    assert not fit.half_life_h.known


def test_a_random_walk_has_no_upper_end() -> None:
    walk = np.cumsum(np.random.default_rng(4).standard_normal(500))
    assert fit_premium(walk, 1.0).half_life_h.hi == math.inf


def test_bars_without_length_are_refused() -> None:
    with pytest.raises(ConfigError, match="hours > 0"):
        fit_premium(np.zeros(100), 0.0)
