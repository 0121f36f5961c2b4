"""Speeds near a unit root: the table against a fresh simulation, and intervals that invert it."""

import math

import numpy as np
import pytest

from narrows.analytics import reversion
from narrows.analytics.reversion import speeds
from tables.reversion import PLACES, persistence, statistics


def one(estimate: float, error: float, scale: float = 1.0, rows: float = 500.0) -> tuple[float, float, float]:
    found = speeds(*(np.array([value]) for value in (estimate, error, scale, rows)))
    return float(found.lo[0]), float(found.value[0]), float(found.hi[0])


@pytest.mark.parametrize("row", [5, 12, 20])
def test_the_table_is_what_its_script_makes(row: int) -> None:
    """Fewer and shorter paths: a check that the rows belong to their places, within sampling error."""
    steps = 300
    c = max(0.0, 1.0 / PLACES[row - 1] ** 2 - 1.0)
    found = np.quantile(statistics(persistence(c, steps), steps, 6_000, row), (0.05, 0.5, 0.95))
    np.testing.assert_allclose(found, reversion._TABLE[row], atol=0.1)


def test_the_first_row_is_normal_and_the_last_is_dickey_and_fuller() -> None:
    np.testing.assert_allclose(reversion._TABLE[0], [-1.644854, 0.0, 1.644854], atol=1e-4)
    assert reversion._TABLE[-1, 0] == pytest.approx(-2.86, abs=0.02)  # their 5 % value with a constant


def test_far_from_a_unit_root_the_interval_is_the_normal_one() -> None:
    lo, value, hi = one(-0.9, 0.001, rows=1e6)
    np.testing.assert_allclose((lo, value, hi), (-0.9 - 0.001645, -0.9, -0.9 + 0.001645), atol=2e-5)


def test_near_a_unit_root_the_plain_estimate_is_too_fast_and_is_put_right() -> None:
    lo, value, hi = one(-0.02, 0.009)
    assert lo < -0.02 < value < hi
    assert hi > 0.0  # t of −2.2 does not reject a unit root
    assert one(-0.02, 0.0065)[2] < 0.0  # −3.1 does


def test_ends_solve_for_the_quantile_at_themselves() -> None:
    for end, column in zip(one(-0.05, 0.014), (2, 1, 0), strict=True):
        speed, unit, rows = (np.array([value]) for value in (end, 1.0, 500.0))
        assert (-0.05 - end) / 0.014 == pytest.approx(
            float(reversion._quantile(column, speed, unit, rows)[0]), abs=1e-6
        )


def test_lagged_changes_make_the_same_speed_nearer_to_a_unit_root() -> None:
    assert one(-0.05, 0.014, scale=2.0)[1] > one(-0.05, 0.014, scale=1.0)[1]


def test_what_is_not_known_stays_unknown() -> None:
    assert all(math.isnan(value) for value in one(math.nan, math.nan, math.nan, math.nan))
