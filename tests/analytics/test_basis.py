import numpy as np
import pytest

from narrows.analytics.basis import basis, basis_apr, basis_rate, hours_to_expiry, log_basis
from narrows.core.time import HOUR_NS

SPOT, FUTURE = np.array([100.0, 100.0, np.nan]), np.array([103.0, 98.0, 103.0])


def test_contango_is_positive_in_every_form() -> None:
    np.testing.assert_array_equal(basis(SPOT, FUTURE), [3.0, -2.0, np.nan])
    np.testing.assert_allclose(basis_rate(SPOT, FUTURE), [0.03, -0.02, np.nan], rtol=1e-13)
    np.testing.assert_allclose(log_basis(SPOT, FUTURE), [0.029558802242, -0.020202707317, np.nan], rtol=1e-10)


def test_three_percent_over_ninety_days_is_twelve_percent_simple() -> None:
    apr = basis_apr(np.array([0.03]), np.array([90 * 24.0]))
    assert apr[0] == pytest.approx(0.12167, abs=1e-5)


def test_annualised_basis_is_unknown_from_expiry_on_and_nothing_for_a_perpetual() -> None:
    apr = basis_apr(np.full(4, 0.01), np.array([1.0, 0.0, -5.0, np.inf]))
    np.testing.assert_allclose(apr, [87.6, np.nan, np.nan, 0.0], rtol=1e-12)


def test_hours_to_expiry_count_down_through_delivery() -> None:
    times = np.arange(4, dtype=np.int64) * HOUR_NS
    np.testing.assert_array_equal(hours_to_expiry(times, 2 * HOUR_NS), [2.0, 1.0, 0.0, -1.0])


def test_what_never_expires_has_infinite_hours() -> None:
    assert np.isinf(hours_to_expiry(np.arange(3, dtype=np.int64), 0)).all()
