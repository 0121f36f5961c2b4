import math
from datetime import datetime

import numpy as np
import pytest

from narrows.core.errors import DataError
from narrows.core.time import SECOND_NS, to_ns
from narrows.rulebook.settlement import settlement_average

EXPIRY = to_ns(datetime(2025, 3, 28, 8))
approx = pytest.approx


def test_settlement_is_the_mean_of_the_window_and_of_nothing_else() -> None:
    seconds = np.arange(-3700, 20)
    index = np.where(seconds <= -1800, 50.0, np.where(seconds <= 0, 100.0 + seconds / 1000, 900.0))
    time_ns = EXPIRY + seconds * SECOND_NS
    half_hour = 100.0 - (0 + 1799) / 2 / 1000  # 1800 samples, −1799 … 0
    assert settlement_average(time_ns, index, EXPIRY, 1800.0) == approx(half_hour, rel=1e-12)
    assert settlement_average(time_ns, index, EXPIRY, 3600.0) == approx((half_hour + 50.0) / 2, rel=1e-12)


@pytest.mark.parametrize("bad", [math.nan, 0.0, math.inf])
def test_a_window_with_a_hole_is_an_error(bad: float) -> None:
    time_ns = EXPIRY + np.array([-1, 0]) * SECOND_NS
    with pytest.raises(DataError, match="not a price"):
        settlement_average(time_ns, np.array([100.0, bad]), EXPIRY, 60.0)
    with pytest.raises(DataError, match="no sample"):
        settlement_average(time_ns - 3600 * SECOND_NS, np.array([100.0, 100.0]), EXPIRY, 60.0)
