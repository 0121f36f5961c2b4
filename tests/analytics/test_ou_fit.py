import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binom
from statsmodels.tsa.ar_model import AutoReg

from narrows.analytics.ou import OU, half_life, log_likelihood, simulate
from narrows.analytics.ou_fit import OUFit, fit_ou, jackknife_kappa, most_likely_ou
from narrows.analytics.ou_profile import quantile_curves, roots, sums_by_step
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import DataError
from narrows.core.random import generator

HOURS = np.arange(1000.0)
PREMIUM = OU(0.05, 2e-4, 3e-4)


def premium(seed: int = 1, bars: int = 1000, ou: OU = PREMIUM) -> Float1D:
    return simulate(ou, HOURS[:bars], generator(seed, "premium"))


def test_even_steps_are_least_squares() -> None:
    values = premium()
    const, phi = AutoReg(values, 1).fit().params
    found = most_likely_ou(values, HOURS)
    assert found.kappa == pytest.approx(-math.log(phi), rel=1e-6)
    assert found.theta == pytest.approx(const / (1.0 - phi), rel=1e-6)
    errors = values[1:] - const - phi * values[:-1]
    variance = np.mean(errors**2) * 2.0 * found.kappa / (1.0 - phi**2)
    assert found.sigma == pytest.approx(math.sqrt(variance), rel=1e-6)


def test_uneven_steps_maximise_the_exact_likelihood() -> None:
    random = generator(2, "uneven")
    time = np.cumsum(random.exponential(1.0, 300))
    values = simulate(OU(0.1, 1.0, 0.3), time, random)
    found = most_likely_ou(values, time)

    def cost(at: Float1D) -> float:
        return -log_likelihood(OU(math.exp(at[0]), at[1], math.exp(at[2])), values, time)

    plain = minimize(
        cost,
        [math.log(0.2), 0.5, 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000},
    )
    assert found.kappa == pytest.approx(math.exp(plain.x[0]), rel=1e-4)
    assert found.theta == pytest.approx(plain.x[1], rel=1e-4)
    assert found.sigma == pytest.approx(math.exp(plain.x[2]), rel=1e-4)


def test_a_gap_is_a_longer_step_and_units_do_not_matter() -> None:
    values = premium()
    holes = np.where(generator(3).random(1000) < 0.3, np.nan, values)
    known = ~np.isnan(holes)
    whole, part = fit_ou(holes, HOURS), fit_ou(values[known], HOURS[known])
    assert (whole.kappa, whole.theta, whole.sigma) == (part.kappa, part.theta, part.sigma)
    assert whole.observations == known.sum()
    days = fit_ou(1e4 * holes + 7.0, HOURS / 24.0 + 20_000.0)
    np.testing.assert_allclose(days.kappa[:3], np.multiply(whole.kappa[:3], 24.0), rtol=1e-5)
    np.testing.assert_allclose(days.theta[:3], np.multiply(whole.theta[:3], 1e4) + 7.0, rtol=1e-5)
    np.testing.assert_allclose(days.sigma[:3], np.multiply(whole.sigma[:3], 1e4 * math.sqrt(24.0)), rtol=1e-5)


def test_half_life_is_the_speed_turned_round() -> None:
    found = fit_ou(premium(), HOURS)
    assert found.half_life.known
    assert found.half_life.value == half_life(found.kappa.value)
    assert (found.half_life.lo, found.half_life.hi) == (half_life(found.kappa.hi), half_life(found.kappa.lo))
    assert found.half_life.lo < found.half_life.value < found.half_life.hi
    assert found.half_life.reason == ""


def test_the_table_at_no_speed_is_that_of_dickey_and_fuller() -> None:
    # t statistics of a random walk with a constant: Fuller (1996), table 10.A.2, n = 250 and 50
    for steps, five, ninety_five in ((250, -2.87, -0.07), (50, -2.92, -0.03)):
        t = np.array([-five, -ninety_five])
        expected = np.sqrt(steps * np.log1p(t**2 / (steps - 2.0))) * np.sign(t)
        np.testing.assert_allclose(quantile_curves(steps)[[3, 1], 0], expected, atol=0.03)


def test_the_table_far_from_a_random_walk_is_nearly_normal() -> None:
    np.testing.assert_allclose(quantile_curves(1000)[1:, -1], (-1.645, 0.0, 1.645, 1.645), atol=0.06)


def _least_squares(paths: Float2D, step: float) -> Float1D:
    """Speeds of many paths at once, as `test_even_steps_are_least_squares` says they are."""
    x, y = paths[:, :-1], paths[:, 1:]
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    return np.asarray(-np.log((x * y).sum(axis=1) / (x * x).sum(axis=1)) / step)


def test_T30_plug_in_is_biased_and_the_jackknife_less() -> None:
    random, time = generator(30, "T30"), np.arange(366.0) / 365.0
    paths = np.array([simulate(OU(5.0, 0.1, 0.3), time, random) for _ in range(20_000)])
    plug_in = _least_squares(paths, 1.0 / 365.0)
    halves = _least_squares(paths[:, :183], 1.0 / 365.0) + _least_squares(paths[:, 182:], 1.0 / 365.0)
    jackknife = 2.0 * plug_in - 0.5 * halves
    assert plug_in.mean() == pytest.approx(9.72, abs=0.1)
    assert jackknife.mean() == pytest.approx(4.51, abs=0.15)
    few = range(150)
    np.testing.assert_allclose(
        [most_likely_ou(paths[at], time).kappa for at in few], plug_in[:150], rtol=1e-4
    )
    np.testing.assert_allclose(
        [jackknife_kappa(paths[at], time) for at in few], jackknife[:150], rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(
    ("ou", "bars"), [(OU(0.3, 1.0, 0.3), 300), (OU(0.02, 1.0, 0.3), 500), (OU(0.001, 1.0, 0.3), 300)]
)
def test_intervals_hold_the_truth_in_nine_of_ten(ou: OU, bars: int) -> None:
    runs, random = 300, generator(90, "coverage", str(ou.kappa))
    fits = [fit_ou(simulate(ou, HOURS[:bars], random), HOURS[:bars]) for _ in range(runs)]
    lo, hi = binom.interval(0.999, runs, 0.9)
    assert lo <= sum(fit.kappa.lo <= ou.kappa <= fit.kappa.hi for fit in fits) <= hi
    assert lo <= sum(fit.sigma.lo <= ou.sigma <= fit.sigma.hi for fit in fits) <= hi
    assert lo <= sum(fit.theta.lo <= ou.theta <= fit.theta.hi for fit in fits)
    low, high = binom.interval(0.999, runs, 0.5)
    assert low <= sum(fit.kappa.value > ou.kappa for fit in fits) <= high


def test_a_random_walk_has_a_half_life_without_end() -> None:
    refuted = 0
    for seed in range(200):
        fit = fit_ou(np.cumsum(generator(seed, "walk").standard_normal(250)), HOURS[:250])
        refuted += fit.kappa.lo > 0.0
        if fit.kappa.lo == 0.0:
            assert fit.half_life.hi == math.inf
            assert fit.half_life.reason.startswith(("not identified: ", "not converging: "))
        if fit.kappa.value == 0.0:
            assert fit.half_life.value == math.inf
            assert (fit.theta.lo, fit.theta.hi) == (-math.inf, math.inf)
    assert refuted <= binom.ppf(0.9995, 200, 0.05)


def test_a_gap_that_runs_away_does_not_converge() -> None:
    values = np.exp(0.05 * HOURS[:200]) + 0.01 * generator(5).standard_normal(200)
    fit = fit_ou(values, HOURS[:200])
    assert fit.ou.kappa < 0.0
    assert fit.kappa.value == 0.0 == fit.kappa.hi
    assert fit.half_life.lo == math.inf
    assert fit.half_life.reason == "not converging: it moves away from its mean"


def test_white_noise_may_revert_within_a_step() -> None:
    fit = fit_ou(generator(6).standard_normal(500), HOURS[:500])
    assert fit.kappa.hi == math.inf
    assert fit.half_life.lo == 0.0
    assert fit.half_life.reason == "not identified: it may revert within one step"
    assert fit.sigma.hi == math.inf or math.isnan(fit.sigma.value)


def test_one_broken_bar_is_found_and_its_influence_told() -> None:
    values = premium(7)
    clean = fit_ou(values, HOURS)
    values[613] += 0.02
    broken = fit_ou(values, HOURS)
    assert broken.worst_bar is not None
    assert broken.worst_bar.bar == 613
    assert broken.half_life.value < 0.3 * clean.half_life.value
    assert broken.worst_bar.half_life.value == pytest.approx(clean.half_life.value, rel=0.05)
    assert broken.worst_bar.ratio == pytest.approx(broken.worst_bar.half_life.value / broken.half_life.value)
    values[612] = np.nan
    shifted = fit_ou(values, HOURS).worst_bar
    assert shifted is not None
    assert shifted.bar == 613


def test_the_worst_bar_is_the_one_whose_absence_changes_most() -> None:
    values = premium(8, 60)
    time = HOURS[:60]
    whole = most_likely_ou(values, time).kappa
    change = [
        abs(most_likely_ou(np.delete(values, bar), np.delete(time, bar)).kappa - whole) for bar in range(60)
    ]
    worst = fit_ou(values, time).worst_bar
    assert worst is not None
    assert worst.bar in np.argsort(change)[-3:]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full(50, np.nan), "not identified: 0 known values, 11 are needed"),
        (np.arange(10.0) % 3, "not identified: 10 known values, 11 are needed"),
        (np.full(50, 1.1), "not identified: the values never change"),
        (0.1 + 0.2 * np.ones(50) + np.repeat([0.0, 1e-17], 25), "not identified: the values never change"),
        (3e-4 * np.arange(50.0), "not identified: the values lie on a straight line"),
    ],
)
def test_what_cannot_be_fitted_says_why(values: Float1D, reason: str) -> None:
    fit = fit_ou(values, HOURS[: len(values)])
    for estimate in (fit.kappa, fit.half_life, fit.theta, fit.sigma):
        assert math.isnan(estimate.value)
        assert estimate.reason == reason
    assert all(map(math.isnan, fit.ou))
    assert fit.worst_bar is None
    assert math.isnan(jackknife_kappa(values, HOURS[: len(values)]))


def test_no_values_at_all() -> None:
    fit = fit_ou(np.empty(0), np.empty(0))
    assert (fit.observations, fit.span) == (0, 0.0)
    assert "0 known values" in fit.kappa.reason


def test_broken_time_is_an_error() -> None:
    with pytest.raises(DataError, match="row 500: time 499 is not after 499"):
        fit_ou(premium(), np.where(HOURS == 500.0, 499.0, HOURS))


def _sane(fit: OUFit) -> bool:
    kappa = fit.kappa
    return math.isnan(kappa.value) or 0.0 <= kappa.lo <= kappa.value <= kappa.hi


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.integers(-3, 3) | st.floats(-1.0, 1.0) | st.just(math.nan), min_size=11, max_size=40),
    steps=st.lists(st.sampled_from((0.01, 0.1, 1.0, 1.0, 1.0, 30.0)), min_size=40, max_size=40),
)
def test_any_numbers_give_an_ordered_interval_or_a_reason(values: list[float], steps: list[float]) -> None:
    fit = fit_ou(np.array(values, dtype=np.float64), np.cumsum(steps[: len(values)]))
    assert _sane(fit), fit
    for estimate in (fit.kappa, fit.half_life):
        assert estimate.reason or estimate.known, fit


def test_steps_that_differ_by_rounding_are_one_step() -> None:
    time = np.arange(0.0, 100.0, 0.1)
    assert len(np.unique(np.diff(time))) > 1
    assert sums_by_step(premium()[: len(time)], time, 0.0).shape == (7, 1)


def test_an_interval_needs_no_more_than_its_sums() -> None:
    values = premium()
    sums = sums_by_step(values, HOURS, 0.0)
    found = roots(999.0, 6.0, sums, quantile_curves(999))
    assert found.lo == pytest.approx(fit_ou(values, HOURS).kappa.lo, rel=1e-5)
