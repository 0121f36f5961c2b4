"""How likely a deviation comes within a width, where it already stands close by."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from narrows.analytics.bridge import moments
from narrows.analytics.outlook import close_probability

SIGMA, LEFT = 6.7e-4, 12.67


@pytest.mark.parametrize("b", [1e-2, 2.5e-4, 2e-5])
@pytest.mark.parametrize("alpha", [0.4, 0.5, 1.4, 2.5])
@pytest.mark.parametrize("by", [1.0, 6.0])
def test_to_meet_fair_value_itself_is_the_reflection_of_where_it_would_stand(
    b: float, alpha: float, by: float
) -> None:
    """A Brownian motion that ends beyond 0 has met 0, and so has its mirror image: 2 Φ(−mean / sd)."""
    there = moments(b, -LEFT, -by, alpha, SIGMA, 0.0)
    exact = 2.0 * norm.cdf(-float(there.mean) / math.sqrt(float(there.variance)))
    found = close_probability(b, LEFT, by, 0.0, alpha=alpha, sigma=SIGMA)
    assert found == pytest.approx(exact, abs=2e-5)


@pytest.mark.parametrize("b", [2.5e-4, 1e-3])
def test_a_wider_width_is_reached_more_surely(b: float) -> None:
    widths = b * np.array([0.0, 0.01, 0.1, 0.5, 0.8, 0.95, 1.0])
    found = [close_probability(b, LEFT, 1.0, width, alpha=1.4, sigma=SIGMA) for width in widths]
    assert all(before < after for before, after in pairwise(found))
    assert found[-1] == 1.0


@pytest.mark.parametrize("share", [0.4, 0.9, 0.99])
def test_more_steps_change_nothing_that_is_seen(share: float) -> None:
    rough, fine = (
        close_probability(2.5e-4, LEFT, 1.0, share * 2.5e-4, alpha=1.4, sigma=SIGMA, steps=steps)
        for steps in (400, 3200)
    )
    assert rough == pytest.approx(fine, abs=2e-5)
