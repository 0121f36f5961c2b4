"""Who leads: identities, published numbers, the sum over legs, and what cannot be told."""

import math

import numpy as np
import pytest

from narrows.analytics.discovery import (
    bartlett_factor,
    component_share,
    information_leadership,
    information_shares,
    price_discovery,
)
from narrows.core.errors import DataError


def test_T42_two_symmetric_markets() -> None:
    found = information_shares(np.array([0.5, 0.5]), np.array([[1.0, 0.8], [0.8, 1.0]]))
    np.testing.assert_allclose(found.lower, 0.1, atol=1e-12)
    np.testing.assert_allclose(found.upper, 0.9, atol=1e-12)
    np.testing.assert_allclose(found.mid, 0.5, atol=1e-12)
    np.testing.assert_allclose(found.modified, 0.5, atol=1e-12)


def test_T43_two_markets_that_differ() -> None:
    found = information_shares(np.array([0.8, 0.2]), np.array([[1.0, 1.6], [1.6, 4.0]]))
    np.testing.assert_allclose((found.lower[0], found.upper[0]), (0.17560976, 0.95609756), atol=1e-7)
    np.testing.assert_allclose(found.modified, (0.6097561, 0.3902439), atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_three_legs(seed: int) -> None:
    random = np.random.default_rng(seed)
    root = random.normal(size=(3, 3))
    psi, omega = random.normal(size=3), root @ root.T + 0.1 * np.eye(3)
    found = information_shares(psi, omega)
    assert found.modified.sum() == pytest.approx(1.0, abs=1e-12)
    assert (found.lower <= found.upper).all()
    assert (found.lower >= 0.0).all()
    assert (found.upper <= 1.0 + 1e-12).all()
    scaled = information_shares(-7.0 * psi, 3.0 * omega)
    np.testing.assert_allclose(np.array(scaled), np.array(found), atol=1e-12)
    swap = [2, 0, 1]
    swapped = information_shares(psi[swap], omega[np.ix_(swap, swap)])
    np.testing.assert_allclose(np.array(swapped), np.array(found)[:, swap], atol=1e-12)


def test_legs_without_correlation_have_one_share_whatever_the_order() -> None:
    found = information_shares(np.array([1.0, 2.0]), np.diag([1.0, 0.25]))
    np.testing.assert_allclose(np.array(found), 0.5, atol=1e-12)


def test_a_leg_that_only_repeats_has_no_share() -> None:
    with pytest.raises(DataError, match="singular"):
        information_shares(np.array([1.0, 1.0]), np.ones((2, 2)))
    with pytest.raises(DataError, match="shape"):
        information_shares(np.array([1.0, 1.0]), np.eye(3))


SURE = 1e-8 * np.eye(2)


def test_the_leg_that_does_not_give_way_leads() -> None:
    assert component_share(np.array([0.0, 0.1]), SURE).value == 1.0
    assert component_share(np.array([-0.1, 0.0]), SURE).value == 0.0
    first = price_discovery(np.array([-0.01, 0.2]), SURE, np.array([[1.0, 0.1], [0.1, 1.0]]))
    second = price_discovery(np.array([-0.2, 0.01]), SURE, np.array([[1.0, 0.1], [0.1, 1.0]]))
    assert (first.verdict, second.verdict) == ("first leads", "second leads")
    assert first.lower == pytest.approx(1.0 - second.upper, abs=1e-12)
    assert first.modified + second.modified == pytest.approx(1.0, abs=1e-12)
    assert first.leadership + second.leadership == pytest.approx(1.0, abs=1e-12)


def test_fiellers_interval_covers_the_ratio() -> None:
    random = np.random.default_rng(1)
    truth, covariance = np.array([-0.05, 0.1]), np.array([[4e-4, 1e-4], [1e-4, 2e-4]])
    root = np.linalg.cholesky(covariance)
    made = [component_share(truth + root @ random.normal(size=2), covariance) for _ in range(2_000)]
    share = truth[1] / (truth[1] - truth[0])
    assert np.mean([one.lo <= share <= one.hi for one in made]) == pytest.approx(0.9, abs=0.02)


def test_bounds_too_wide_and_no_adjustment_are_not_identified_and_say_why() -> None:
    wide = price_discovery(np.array([-0.1, 0.1]), SURE, np.array([[1.0, 0.99], [0.99, 1.0]]))
    assert wide.verdict.startswith("not identified at this sampling: bounds 0.01 to 1.00")
    even = price_discovery(np.array([-0.1, 0.1]), SURE, np.array([[1.0, 0.2], [0.2, 1.0]]))
    assert "neither leads beyond doubt" in even.verdict
    none = price_discovery(np.array([-0.001, 0.001]), np.eye(2), np.eye(2))
    assert none.component.reason == none.verdict == "not identified: no adjustment is told from none"
    assert none.component[1:3] == (-math.inf, math.inf)


def test_leadership_is_puttnins_ratio() -> None:
    squared = (0.6 / 0.4 * 0.3 / 0.7) ** 2  # |IS1/IS2·CS2/CS1| over its inverse
    assert information_leadership(0.6, 0.7) == pytest.approx(squared / (1.0 + squared), abs=1e-12)
    assert math.isnan(information_leadership(1.0, 0.7))
    assert math.isnan(information_leadership(0.6, 1.0))


def test_T44_Bartletts_factor() -> None:
    assert bartlett_factor(0.95, 0.95) == pytest.approx(19.512821, abs=1e-6)
    assert bartlett_factor(0.0, 0.95) == 1.0
    assert bartlett_factor(1.0, 1.0) == math.inf


def test_correlations_of_independent_slow_series_scatter_by_Bartletts_factor() -> None:
    random = np.random.default_rng(2)
    shocks = random.normal(size=(2_000, 600, 2))
    values = np.zeros((600, 2))
    series = np.empty_like(shocks)
    for row, shock in enumerate(shocks):
        values = 0.8 * values + shock
        series[row] = values
    off = (series[100:] - series[100:].mean(axis=0)) / series[100:].std(axis=0)
    correlations = (off[..., 0] * off[..., 1]).mean(axis=0)
    assert correlations.var() * 1_900 == pytest.approx(bartlett_factor(0.8, 0.8), rel=0.2)
