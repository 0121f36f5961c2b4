from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from narrows.analytics.rolling import (
    rolling_mean,
    rolling_percentile,
    rolling_std,
    rolling_sum,
    rolling_zscore,
)
from narrows.core.arrays import Float1D, read_only
from narrows.core.errors import ConfigError

Rolling = Callable[..., Float1D]


def _zscore(window: Float1D) -> float:
    return float((window[-1] - np.nanmean(window)) / np.nanstd(window, ddof=1))


def _percentile(window: Float1D) -> float:
    return float((window <= window[-1]).sum() / (~np.isnan(window)).sum())


PLAIN: dict[Rolling, Callable[[Float1D], float]] = {
    rolling_sum: lambda window: float(np.nansum(window)),
    rolling_mean: lambda window: float(np.nanmean(window)),
    rolling_std: lambda window: float(np.nanstd(window, ddof=1)),
    rolling_zscore: _zscore,
    rolling_percentile: _percentile,
}
every = pytest.mark.parametrize("rolling", PLAIN)
series = arrays(
    np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6) | st.just(float("nan")) | st.just(1e-4)
)
windows = st.integers(1, 12)


def same_bits(left: Float1D, right: Float1D) -> bool:
    return np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes()


@every
def test_equals_plain_numpy(rolling: Rolling) -> None:
    values = np.random.default_rng(1).normal(size=200)
    expected = [PLAIN[rolling](values[row - 23 : row + 1]) for row in range(23, 200)]
    found = rolling(values, 24)
    assert np.isnan(found[:23]).all()
    np.testing.assert_allclose(found[23:], expected, rtol=1e-12, atol=1e-14)


@every
def test_equals_plain_numpy_over_the_known_values_of_a_window_with_holes(rolling: Rolling) -> None:
    random = np.random.default_rng(2)
    values = np.where(random.random(200) < 0.3, np.nan, random.normal(size=200))
    found = rolling(values, 24, 5)
    for row in range(23, 200):
        if np.isnan(values[row]) and rolling in (rolling_zscore, rolling_percentile):
            assert np.isnan(found[row])
        else:
            assert found[row] == pytest.approx(
                PLAIN[rolling](values[row - 23 : row + 1]), rel=1e-12, abs=1e-14
            )


@every
@settings(deadline=None)
@given(values=series, more=series, window=windows)
def test_later_rows_change_nothing(rolling: Rolling, values: Float1D, more: Float1D, window: int) -> None:
    longer = rolling(np.concatenate((values, more)), window, 1)
    assert same_bits(longer[: len(values)], rolling(values, window, 1))


@every
@settings(deadline=None)
@given(values=series, window=windows, data=st.data())
def test_a_full_window_gives_the_same_bits_wherever_the_array_starts(
    rolling: Rolling, values: Float1D, window: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(values) - 1))
    late = rolling(values[start:], window, 1)
    assert same_bits(late[window - 1 :], rolling(values, window, 1)[start + window - 1 :])


@every
def test_needs_the_minimum_of_known_values(rolling: Rolling) -> None:
    values = np.array([1.0, 3.0, np.nan, 2.0, 5.0, 4.0, 6.0])
    np.testing.assert_array_equal(np.isnan(rolling(values, 3)), [True] * 5 + [False] * 2)
    known = ~np.isnan(rolling(values, 3, 2))
    current = rolling in (rolling_zscore, rolling_percentile)
    np.testing.assert_array_equal(known, [False, True, not current, True, True, True, True])


@every
def test_columns_are_rolled_one_by_one(rolling: Rolling) -> None:
    values = np.random.default_rng(3).normal(size=(50, 3))
    found = rolling(values, 7)
    for column in range(3):
        assert same_bits(found[:, column], rolling(values[:, column], 7))


@every
def test_no_bars_give_no_values(rolling: Rolling) -> None:
    assert rolling(np.empty(0), 5).tolist() == []
    assert rolling(np.empty((0, 3)), 5).tolist() == []


@every
def test_read_only_values_stay_as_they_are(rolling: Rolling) -> None:
    values = read_only(np.arange(10.0))
    rolling(values, 3)
    np.testing.assert_array_equal(values, np.arange(10.0))


def test_a_constant_window_has_no_deviation_and_no_zscore() -> None:
    pinned = np.full(30, 1e-4)  # funding inside the dead band; its plain mean is not 1e-4 exactly
    assert (rolling_std(pinned, 21)[20:] == 0.0).all()
    assert (rolling_mean(pinned, 21)[20:] == 1e-4).all()
    assert np.isnan(rolling_zscore(pinned, 21)).all()


def test_one_value_has_no_deviation_to_estimate() -> None:
    assert np.isnan(rolling_std(np.array([1.0, 2.0]), 1)).all()


def test_percentile_of_the_highest_is_one_and_of_the_lowest_its_own_share() -> None:
    np.testing.assert_array_equal(rolling_percentile(np.arange(8.0), 4)[3:], 1.0)
    np.testing.assert_array_equal(rolling_percentile(-np.arange(8.0), 4)[3:], 0.25)


@every
@pytest.mark.parametrize(("window", "minimum"), [(0, None), (-3, None), (5, 0), (5, 6)])
def test_impossible_windows_are_refused(rolling: Rolling, window: int, minimum: int | None) -> None:
    with pytest.raises(ConfigError, match=r"window|minimum"):
        rolling(np.arange(10.0), window, minimum)
