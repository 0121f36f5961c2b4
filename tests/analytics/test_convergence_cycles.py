"""Cycles of dated contracts: aligned, averaged, pooled."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from analytics.bridges import cycle
from narrows.analytics.bridge import ALPHAS, Speed, fit
from narrows.analytics.convergence import aligned, mean_path, pool, power_law
from narrows.analytics.estimate import Estimate
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError, DataError

LEFT = np.arange(90.0, 0.5, -1.0)


def normal(mean: float, error: float) -> Speed:
    """A cycle whose profile is a normal one."""
    profile = -0.5 * ((ALPHAS - mean) / error) ** 2
    return Speed(Estimate(mean, mean - 1.645 * error, mean + 1.645 * error), 1.0, 0.0, profile, 90)


def test_a_cycle_on_the_grid_is_what_was_known_by_then() -> None:
    left, b = np.array([9.5, 8.2, 8.0, 5.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    found = aligned(left, b, np.array([10.0, 9.0, 8.0, 7.0, 5.5, 5.0, 4.0, 2.0, 1.0]), 2.0)
    # not begun, known, at once, a day old, 2.5 days old, …, known row is 3 days old, not there yet
    assert_array_equal(found, [np.nan, 1.0, 3.0, 3.0, np.nan, 4.0, 4.0, np.nan, np.nan])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**31))
def test_later_rows_change_no_earlier_value_of_a_cycle(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = np.sort(rng.uniform(0.0, 30.0, 41))[::-1]
    b = np.where(rng.random(41) < 0.2, np.nan, rng.standard_normal(41))
    grid = np.arange(30.0, 0.0, -0.7)
    early, whole = aligned(left[:cut], b[:cut], grid, 2.0), aligned(left, b, grid, 2.0)
    seen = grid >= left[cut - 1]
    assert_array_equal(early[seen], whole[seen])
    assert np.isnan(early[~seen]).all()


def test_rows_after_delivery_and_a_grid_that_rises_are_refused() -> None:
    with pytest.raises(DataError, match="cut the cycle at its delivery"):
        aligned(np.array([1.0, -0.5]), np.array([0.1, 0.1]), np.array([1.0]), 1.0)
    with pytest.raises(ConfigError, match="sort it from far to near"):
        aligned(np.array([2.0, 1.0]), np.array([0.1, 0.1]), np.array([1.0, 2.0]), 1.0)


def test_the_mean_path_has_the_interval_of_students_t_over_cycles() -> None:
    paths = np.array([[1.0, 1.0, np.nan], [2.0, np.nan, np.nan], [4.0, np.nan, np.nan]])
    found = mean_path(paths)
    assert_allclose(found.mean, np.array([7 / 3, 1.0, np.nan]))
    reach = 2.91998558 * np.std([1.0, 2.0, 4.0], ddof=1) / math.sqrt(3)
    assert_allclose(found.hi, np.array([7 / 3 + reach, np.nan, np.nan]))
    assert_allclose(found.lo, np.array([7 / 3 - reach, np.nan, np.nan]))
    assert_array_equal(found.cycles, [3, 1, 0])


def test_cycles_that_are_exact_pool_to_their_mean_with_students_t() -> None:
    speeds = [1.1, 1.6, 1.3, 2.2, 0.9, 1.8]
    found = pool([normal(one, 0.15) for one in speeds])
    assert found.mu.value == pytest.approx(np.mean(speeds), abs=0.01)
    reach = 2.01504837 * np.std(speeds, ddof=1) / math.sqrt(6)
    assert (found.mu.lo, found.mu.hi) == pytest.approx(
        (np.mean(speeds) - reach, np.mean(speeds) + reach), abs=0.02
    )
    true = math.sqrt(np.var(speeds) - 0.15**2)
    assert found.omega.lo < true < found.omega.hi
    assert found.omega.value == pytest.approx(true, rel=0.15)  # the grid of omegas is no finer


def test_cycles_that_differ_by_chance_are_drawn_together_and_omega_is_0() -> None:
    found = pool([normal(one, 0.8) for one in (1.2, 1.4, 1.5, 1.6, 1.8)])
    assert found.omega.value == found.omega.lo == 0.0
    values = [one.value for one in found.cycles]
    assert values == sorted(values)
    assert max(values) - min(values) < 0.3
    assert all(one.lo < 1.5 < one.hi for one in found.cycles)


def test_a_cycle_that_says_little_learns_from_the_others_and_one_that_says_nothing_is_them() -> None:
    nothing = fit(LEFT[:5], np.linspace(0.02, 0.01, 5), noisy=False)
    found = pool([*(normal(one, 0.1) for one in (1.4, 1.5, 1.6, 1.5)), normal(6.0, 4.0), nothing])
    assert abs(found.cycles[4].value - 1.5) < 0.3
    assert found.cycles[5].reason == "from the other cycles alone"
    assert abs(found.cycles[5].value - 1.5) < 0.2
    assert found.cycles[5].hi - found.cycles[5].lo > found.mu.hi - found.mu.lo


@pytest.mark.parametrize("count", [0, 1])
def test_one_contract_cannot_be_pooled(count: int) -> None:
    speeds = [fit(*cycle(LEFT, 1.5, seed=1), noisy=False)] * count
    found = pool(speeds)
    assert found.mu.reason.startswith(f"pooling is not possible: {count} cycle")
    assert math.isnan(found.mu.value)
    assert found.cycles == tuple(one.alpha for one in speeds)


def test_cycles_without_a_bound_do_not_bound_mu() -> None:
    flat = Speed(Estimate(math.nan, -math.inf, math.inf, "x"), 1.0, 0.0, np.zeros(len(ALPHAS)), 20)
    found = pool([flat, flat, flat])
    assert math.isnan(found.mu.value)
    assert found.mu.reason.startswith("not identified")


def test_copies_of_one_cycle_are_not_evidence() -> None:
    found = pool([normal(1.5, 0.4)] * 4)
    assert found.mu.reason == "not identified: the cycles do not differ at all, as copies of one would"
    assert math.isnan(found.mu.value)


@pytest.mark.parametrize("omega", [0.0, 1.0])
def test_pooled_intervals_of_normal_cycles_cover_whether_they_differ_or_not(omega: float) -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(200):
        errors = rng.uniform(0.4, 0.8, 6)
        found = pool([normal(1.5 + math.hypot(omega, one) * rng.standard_normal(), one) for one in errors])
        missed += not found.mu.lo <= 1.5 <= found.mu.hi
    assert 9 <= missed <= 32  # holds 99 % of the counts of 200 draws at 0.10


@pytest.mark.parametrize("omega", [0.0, 0.5])
def test_pooled_intervals_cover(omega: float) -> None:
    """60 seeded runs of eight cycles; the full count is scripts/truth/bridge.py."""
    inside = own = 0
    for run in range(60):
        truths = 1.5 + omega * np.random.default_rng(run).standard_normal(8)
        speeds = [fit(*cycle(LEFT, a, seed=100 * run + n), noisy=False) for n, a in enumerate(truths)]
        found = pool(speeds)
        inside += found.mu.lo <= 1.5 <= found.mu.hi
        own += found.cycles[0].lo <= truths[0] <= found.cycles[0].hi
    assert 47 <= inside <= 59  # holds 99 % of the counts of 60 draws at 0.90
    assert own >= 47


def test_the_power_law_is_the_regression_with_clustered_errors() -> None:
    cycles = [cycle(np.arange(90.0, 6.0, -7.0), 1.3, seed=seed, sigma=5e-4, start=0.02) for seed in range(5)]
    found = power_law(cycles)
    within, heights, groups = [], [], []
    for number, (left, b) in enumerate(cycles):
        x, y = np.log(left), np.log(np.abs(b))
        within += list(x - x.mean())
        heights += list(y - y.mean())
        groups += [number] * len(left)
    twin = sm.OLS(np.array(heights), np.array(within)).fit()
    errors = twin.get_robustcov_results("cluster", groups=np.array(groups), use_correction=False, use_t=True)
    assert found.value == pytest.approx(float(twin.params[0]), rel=1e-10)
    reach = 2.13184679 * float(errors.bse[0]) * math.sqrt(5 / 4)
    assert (found.hi - found.lo) / 2 == pytest.approx(reach, rel=1e-8)


def test_a_power_law_without_noise_is_found_and_one_cycle_has_none() -> None:
    curves: list[tuple[Float1D, Float1D]] = [
        (LEFT, 0.001 * LEFT**1.7),
        (LEFT[10:], -0.002 * LEFT[10:] ** 1.7),
    ]
    assert power_law(curves).value == pytest.approx(1.7)
    assert power_law(curves[:1]).reason.startswith("1 cycle with two deviations")
    zeros = (LEFT, np.zeros(len(LEFT)))
    assert power_law([zeros, zeros]).reason.startswith("0 cycles")
