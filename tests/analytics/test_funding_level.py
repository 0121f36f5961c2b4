"""The level of funding against plain linear algebra, simulated truth, and what cannot be told."""

import math

import numpy as np
import pytest

from narrows.analytics.funding_level import (
    FEWEST_DAYS,
    HALF_LIVES_D,
    NOISE,
    daily_rates,
    fit_level,
)
from narrows.core.arrays import Float1D
from narrows.core.errors import DataError
from narrows.core.time import HOUR_NS


def walked(days: int, half_life_d: float, seed: int) -> Float1D:
    """A level of sd 2 around 3 under daily noise of sd 1, from its stationary law."""
    random, phi = np.random.default_rng(seed), 0.5 ** (1.0 / half_life_d)
    level = np.empty(days)
    level[0] = 2.0 * random.standard_normal()
    for day in range(1, days):
        level[day] = phi * level[day - 1] + 2.0 * math.sqrt(1.0 - phi**2) * random.standard_normal()
    return 3.0 + level + random.standard_normal(days)


def test_each_row_is_what_a_gaussian_regression_on_all_days_gives() -> None:
    """Slow twin: the covariance of all days, generalised least squares, the level given the days."""
    days = walked(60, 12.0, seed=1)
    days[[7, 8, 30]] = np.nan
    found = fit_level(days)
    seen = np.flatnonzero(np.isfinite(days))
    likely, centres = [], []
    for half_life in HALF_LIVES_D:
        for noise in NOISE:
            apart = np.abs(seen[:, None] - seen[None, :])
            covariance = 0.5 ** (apart / half_life) + noise * np.eye(len(seen))
            inverse, ones = np.linalg.inv(covariance), np.ones(len(seen))
            weight = float(ones @ inverse @ ones)
            mean = float(ones @ inverse @ days[seen]) / weight
            rest = days[seen] - mean
            left = float(rest @ inverse @ rest)
            likely.append(
                -0.5 * np.linalg.slogdet(covariance)[1]
                - 0.5 * math.log(weight)
                - 0.5 * (len(seen) - 1) * math.log(left)
            )
            last = 0.5 ** ((len(days) - 1 - seen) / half_life)
            centres.append(mean + last @ inverse @ rest)
    weights = np.exp(np.array(likely) - max(likely))
    weights /= weights.sum()
    np.testing.assert_allclose(found.weight, weights, rtol=1e-7, atol=1e-14)
    np.testing.assert_allclose(found.now, weights @ np.array(centres), rtol=1e-9)


def test_what_one_level_does_over_a_horizon_is_its_integral() -> None:
    """Of a known process: variance of ∫ OU from its last value, summed in small steps."""
    found = fit_level(walked(200, 20.0, seed=2))
    row = int(found.weight.argmax())
    one = found._replace(
        **{
            name: getattr(found, name)[row : row + 1]
            for name in found._fields
            if name not in ("weight", "days")
        },
        weight=np.ones(1),
    )
    times = (np.arange(3000) + 0.5) * 0.01
    kappa, scale = float(one.kappa[0]), float(one.scale[0])
    kept = np.exp(-kappa * times)
    shocks = np.exp(-kappa * np.abs(times[:, None] - times)) - np.outer(kept, kept)
    to_mean = 1.0 - float(one.loading[0]) * kept
    total = shocks + float(one.state_variance[0]) * np.outer(kept, kept)
    total += float(one.mean_variance[0]) * np.outer(to_mean, to_mean)
    mean, sd = one.ahead(np.array([720.0]))
    assert sd[0] == pytest.approx(math.sqrt(scale * total.sum()) * 0.01, rel=1e-4)
    assert mean[0] == pytest.approx(float((to_mean * one.mean + kept * one.state).sum()) * 0.01, rel=1e-5)


def test_nine_in_ten_sums_of_a_level_that_is_so_fall_inside() -> None:
    """400 seeded histories of 200 days; binomial 99 % around 0.90 is 0.861 to 0.939."""
    inside = 0
    for seed in range(400):
        days = walked(230, 25.0, seed)
        mean, sd = fit_level(days[:200]).ahead(np.array([720.0]))
        noise = 30.0  # variance that the days' own noise adds to a sum, which is not the level's
        inside += abs(days[200:].sum() - mean[0]) <= 1.6448536 * math.hypot(sd[0], noise**0.5)
    assert 0.861 <= inside / 400 <= 0.939


def test_days_are_means_of_their_settlements_whatever_the_interval() -> None:
    hours = np.array([8, 16, 24, 28, 32, 96])
    interval = np.array([8.0, 8.0, 8.0, 4.0, 4.0, 8.0])
    rates = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 5.0])
    found = daily_rates(rates, interval, hours * HOUR_NS)
    np.testing.assert_allclose(found, [6.0, 9.0, np.nan, 15.0])
    with pytest.raises(DataError, match="in order"):
        daily_rates(rates, interval[:2], hours * HOUR_NS)


@pytest.mark.parametrize("days", [np.arange(FEWEST_DAYS - 1.0), np.full(100, 1e-4), np.full(100, np.nan)])
def test_too_few_days_or_days_that_do_not_vary_tell_nothing(days: Float1D) -> None:
    found = fit_level(days)
    assert math.isnan(found.now)
    assert np.isnan(found.ahead(np.array([720.0]))[1]).all()


def test_one_crash_is_not_the_motion_of_years() -> None:
    days = walked(300, 20.0, seed=4)
    calm = fit_level(days).ahead(np.array([720.0]))[1][0]
    days[150] = -4000.0
    assert fit_level(days).ahead(np.array([720.0]))[1][0] < 5.0 * calm
