from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from analytics.funding_rules import funding_rule
from narrows.analytics.clamp import Clamp, clamp_of, clamped_moments, pinned_chance, sum_of_clamped
from narrows.core.errors import ConfigError
from narrows.rulebook.funding import clamped_rate

CLAMPS = [
    Clamp(1.0, 5.0, -np.inf, np.inf),
    Clamp(1.0, 5.0, -3.0, 6.0),
    Clamp(0.0, 0.0, -7.0, 7.0),
    Clamp(2.0, 0.5, 2.0, 9.0),
]


def rate(clamp: Clamp, premium: float) -> float:
    inner = np.clip(clamp.interest, premium - clamp.dead_band, premium + clamp.dead_band)
    return float(np.clip(inner, clamp.floor, clamp.cap))


@pytest.mark.parametrize("clamp", CLAMPS)
@pytest.mark.parametrize(("mean", "sd"), [(0.3, 2.0), (7.0, 1.0), (-30.0, 5.0), (6.0, 0.01)])
def test_moments_are_the_integrals_over_the_density(clamp: Clamp, mean: float, sd: float) -> None:
    bends = [bend for bend in clamp.bends if abs(bend - mean) < 12 * sd]
    edges = sorted({mean - 12 * sd, mean + 12 * sd, *bends})

    def moment(power: int) -> float:
        return sum(
            float(quad(lambda x: rate(clamp, x) ** power * norm.pdf(x, mean, sd), low, high, epsabs=1e-13)[0])
            for low, high in pairwise(edges)
        )

    expected, spread = clamped_moments(mean, sd, clamp)
    assert expected == pytest.approx(moment(1), abs=1e-9)
    assert spread**2 == pytest.approx(moment(2) - moment(1) ** 2, abs=1e-8)


def test_a_premium_that_is_known_gives_the_rate_itself() -> None:
    for premium in (-40.0, -4.0, 2.0, 6.0, 6.5, 40.0):
        expected, spread = clamped_moments(premium, 0.0, CLAMPS[1])
        assert expected == pytest.approx(rate(CLAMPS[1], premium), abs=1e-12)
        assert spread == 0.0


def test_what_is_not_known_stays_so() -> None:
    for mean, sd in ((np.nan, 1.0), (1.0, np.nan), (np.nan, 0.0)):
        assert np.isnan(clamped_moments(mean, sd, CLAMPS[0])[0])
        assert np.isnan(pinned_chance(mean, sd, CLAMPS[0]))


def test_the_chance_to_be_pinned_is_the_mass_of_the_dead_band() -> None:
    assert pinned_chance(3.0, 2.0, CLAMPS[0]) == pytest.approx(norm.cdf(1.5) - norm.cdf(-3.5), abs=1e-14)
    assert pinned_chance(np.array([6.0, 6.1]), 0.0, CLAMPS[0]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("correlation", [-0.6, 0.3, 0.9])
def test_two_rates_covary_as_the_double_integral_says(correlation: float) -> None:
    clamp, mean, sd = CLAMPS[1], np.array([5.0, 3.0]), np.array([3.0, 2.0])
    covariance = np.diag(sd**2)
    covariance[0, 1] = covariance[1, 0] = correlation * sd.prod()
    joint = multivariate_normal(mean, covariance)
    grid = [mean[one] + np.linspace(-8, 8, round(320 * sd[one]) + 1) * sd[one] for one in (0, 1)]
    rates = [np.array([rate(clamp, x) for x in line]) for line in grid]
    # Simpson's rule, whose pieces end at the bends: they are whole numbers, every twenty nodes
    shares = [np.tile([2.0, 4.0], len(line) // 2 + 1)[: len(line)] * 0.05 / 3.0 for line in grid]
    mass = joint.pdf(np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)) * np.outer(*shares)
    both = rates[0][:, None] + rates[1]
    expected = float((mass * both).sum())
    spread = float((mass * both**2).sum() - expected**2) ** 0.5
    total = sum_of_clamped(mean, covariance, np.ones(2), clamp)
    assert total[0] == pytest.approx(expected, abs=1e-7)
    assert total[1] == pytest.approx(spread, rel=1e-6)


def test_equal_premiums_count_twice_to_a_thousandth() -> None:
    mean, covariance = np.full(2, 5.5), np.full((2, 2), 4.0)
    alone = clamped_moments(5.5, 2.0, CLAMPS[0])[1]
    assert sum_of_clamped(mean, covariance, np.ones(2), CLAMPS[0])[1] == pytest.approx(2.0 * alone, rel=1e-3)


@pytest.mark.parametrize("interval_h", [8.0, 4.0, 1.0])
@pytest.mark.parametrize("scale", ["rate", "interest"])
def test_the_function_of_a_rule_is_the_rulebooks(interval_h: float, scale: str) -> None:
    rule = funding_rule(interval_h=interval_h, scale=scale, cap=0.9, floor=-0.4)
    clamp, share = clamp_of(rule), rule.interval_h / rule.formula_h
    for premium in np.linspace(-20, 20, 81):
        plain = clamped_rate(float(premium), rule.formula_interest, rule.clamp, np.inf) * share
        assert clamped_moments(premium, 0.0, clamp)[0] * share == pytest.approx(
            np.clip(plain, -0.4, 0.9), abs=1e-12
        )


@pytest.mark.parametrize("bad", [{"clamp": -1.0}, {"cap": -2.0, "floor": 1.0}, {"interval_h": 0.0}])
def test_a_rule_that_is_no_rule_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="funding rule"):
        clamp_of(funding_rule(**bad))
