import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from analytics.funding_rules import funding_rule
from narrows.analytics.latent import fit_latent, latent_likelihood, latent_series
from narrows.core.arrays import Float1D
from narrows.core.errors import DataError
from narrows.rulebook.funding import clamped_rate

PHI, THETA, SHOCK = 0.85, 2.0, 2.5  # bp; three rates in four are pinned
SD = SHOCK / math.sqrt(1.0 - PHI**2)


def premiums(intervals: int, seed: int) -> Float1D:
    random = np.random.default_rng(seed)
    path = np.empty(intervals)
    path[0] = THETA + SD * random.standard_normal()
    for row in range(1, intervals):
        path[row] = THETA + PHI * (path[row - 1] - THETA) + SHOCK * random.standard_normal()
    return path


def regressed(rates: Float1D) -> float:
    """AR(1) coefficient of the rates themselves."""
    return float(np.polyfit(rates[:-1], rates[1:], 1)[0])


def by_boxes(low: Float1D, high: Float1D) -> float:
    """Log likelihood of premiums known (low = high) or between two ends, from one joint Gaussian.

    NaN: nothing is known of it, and it has no part.
    """
    rows = np.flatnonzero(~np.isnan(low))
    low, high = low[rows], high[rows]
    covariance = SD**2 * PHI ** np.abs(rows[:, None] - rows)
    known = low == high
    given, hidden = np.flatnonzero(known), np.flatnonzero(~known)
    total, mean = 0.0, np.full(len(hidden), THETA)
    left = covariance[np.ix_(hidden, hidden)]
    if len(given):
        total = float(multivariate_normal.logpdf(
            low[given], np.full(len(given), THETA), covariance[np.ix_(given, given)]
        ))  # fmt: skip
        gain = covariance[np.ix_(hidden, given)] @ np.linalg.inv(covariance[np.ix_(given, given)])
        mean = mean + gain @ (low[given] - THETA)
        left = left - gain @ covariance[np.ix_(given, hidden)]
    if len(hidden) == 0:
        return total
    box = multivariate_normal(mean, left, maxpts=2_000_000, abseps=1e-18, releps=1e-6, seed=1)
    return total + math.log(box.cdf(high[~known], lower_limit=low[~known]))


@pytest.mark.parametrize(
    "rates",
    [
        [2.0, 3.0, -1.0],
        [2.0, 1.0, 1.0, 4.0],
        [1.0, 1.0, 1.0, 3.0],
        [5.0, 1.0, math.nan, 1.0, 6.0],
        [math.nan, -3.0, -2.0, 1.0],
        [6.0, 6.0, 1.0, -3.0],
    ],
)
def test_the_likelihood_is_that_of_one_joint_gaussian(rates: list[float]) -> None:
    rule = funding_rule(cap=6.0, floor=-3.0)
    low, high = [], []
    for rate in rates:
        if math.isnan(rate):
            ends = (math.nan, math.nan)
        elif rate == 1.0:
            ends = (-4.0, 6.0)
        elif rate == 6.0:
            ends = (11.0, 70.0)
        elif rate == -3.0:
            ends = (-70.0, -8.0)
        else:
            ends = (rate + 5.0 * np.sign(rate - 1.0),) * 2
        low.append(ends[0])
        high.append(ends[1])
    found, _ = latent_likelihood(np.array(rates), rule, PHI, THETA, SHOCK)
    assert found == pytest.approx(by_boxes(np.array(low), np.array(high)), abs=2e-6)


def test_rates_mislead_a_regression_and_not_the_likelihood() -> None:
    """Over 12 seeds: an AR(1) of the rates has too short a memory; ours is where it should be."""
    rule = funding_rule()
    naive, ours, held = [], [], 0
    for seed in range(12):
        rates = clamped_rate(premiums(600, seed), 1.0, 5.0, np.inf)
        fit = fit_latent(rates, rule)
        naive.append(regressed(rates))
        ours.append(fit.phi)
        held += fit.half_life_h.lo <= 8.0 * math.log(2.0) / -math.log(PHI) <= fit.half_life_h.hi
        assert fit.pinned == (rates == 1.0).mean()
    bias = [float(np.mean(one)) - PHI for one in (naive, ours)]
    error = float(np.std(ours)) / 12**0.5
    assert bias[0] < -0.07
    assert abs(bias[1]) < 3.0 * error + 3.5 / 600  # Kendall's bias at most
    assert 8 <= held <= 12  # 99 % of binomials with 0.9


def test_mean_and_shock_come_back() -> None:
    rates = clamped_rate(premiums(3000, 5), 1.0, 5.0, np.inf)
    fit = fit_latent(rates, funding_rule())
    assert fit.theta == pytest.approx(THETA, abs=4 * SHOCK / (1 - PHI) / 3000**0.5)
    assert fit.shock == pytest.approx(SHOCK, rel=0.1)
    assert fit.rates == 3000


def test_without_a_dead_band_it_is_the_regression() -> None:
    path = premiums(800, 2)
    fit = fit_latent(path, funding_rule(clamp=0.0))
    assert fit.phi == pytest.approx(regressed(path), abs=5e-3)
    assert fit.pinned == 0.0


def test_the_unit_and_the_interval_are_the_rules() -> None:
    rates = clamped_rate(premiums(300, 3), 1.0, 5.0, np.inf)
    eight = fit_latent(rates, funding_rule())
    four = fit_latent(rates * 0.5e-4, funding_rule(interest=1e-4, clamp=5e-4, interval_h=4.0))
    assert four.phi == pytest.approx(eight.phi, abs=1e-3)
    assert four.theta == pytest.approx(eight.theta * 1e-4, rel=1e-2)
    assert four.half_life_h.value == pytest.approx(0.5 * eight.half_life_h.value, rel=1e-2)


@pytest.mark.parametrize("cut", [1, 7, 150, 299])
def test_later_rates_change_no_bit_of_the_series(cut: int) -> None:
    rates = clamped_rate(premiums(300, 9), 1.0, 5.0, np.inf)
    rates[40] = np.nan
    rule = funding_rule()
    fit = fit_latent(clamped_rate(premiums(300, 10), 1.0, 5.0, np.inf), rule)
    whole, short = latent_series(rates, rule, fit), latent_series(rates[:cut], rule, fit)
    for long, part in zip(whole, short, strict=True):
        assert long[:cut].tobytes() == part.tobytes()


def test_the_hidden_premium_is_as_far_off_as_its_deviation_says() -> None:
    path = premiums(4000, 6)
    rates, rule = clamped_rate(path, 1.0, 5.0, np.inf), funding_rule()
    fit = fit_latent(rates[:1000], rule)
    found = latent_series(rates, rule, fit)
    hidden = rates == 1.0
    assert (found.premium_sd[~hidden] == 0.0).all()
    np.testing.assert_allclose(found.premium[~hidden], path[~hidden], atol=1e-12)
    score = (path - found.premium)[hidden] / found.premium_sd[hidden]
    assert abs(score.mean()) < 0.1
    assert score.std() == pytest.approx(1.0, abs=0.1)
    # what it expects next is better than the last rate and than the interest
    late = slice(1000, 3999)
    misses = [
        float(np.square(rates[1001:] - guess).mean())
        for guess in (found.next_rate[late], rates[late], np.ones(2999))
    ]
    assert misses[0] < 0.95 * min(misses[1:])


def test_pinned_all_the_time_is_not_identified() -> None:
    fit = fit_latent(np.full(500, 1.0), funding_rule())
    assert np.isnan(fit.phi)
    assert fit.pinned == 1.0
    assert "0 rates lie outside the dead band" in fit.half_life_h.reason
    series = latent_series(np.full(5, 1.0), funding_rule(), fit)
    assert np.isnan(series.next_rate).all()


def test_constant_rates_and_no_rates_are_not_identified() -> None:
    for rates in (np.full(50, 3.0), np.full(50, np.nan), np.empty(0)):
        assert "not identified" in fit_latent(rates, funding_rule()).half_life_h.reason


def test_a_rate_beyond_its_cap_is_refused() -> None:
    with pytest.raises(DataError, match=r"rate 1: 9\.0 is beyond"):
        fit_latent(np.array([1.0, 9.0, 2.0]), funding_rule(cap=6.0))
