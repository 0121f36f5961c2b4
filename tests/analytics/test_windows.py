"""The tree of halves against the same tree in plain Python, bit for bit, and against plain numpy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.analytics.windows import LANES, ONE, ROWS, SUM, TWO, table, window_stats
from narrows.core.arrays import Float2D

Stretch = tuple[float, list[float], list[list[float]]]  # known rows, means, moments about them


def leaf(values: list[float]) -> Stretch:
    known = not np.isnan(values).any()
    size = len(values)
    return float(known), values if known else [0.0] * size, [[0.0] * size for _ in values]


def merge(left: Stretch, right: Stretch) -> Stretch:
    """What `windows` does for each lane, written for one."""
    total = left[0] + right[0]
    share = right[0] / max(total, 1.0)
    factor = left[0] * share
    steps = [b - a for a, b in zip(left[1], right[1], strict=True)]
    means = [a + step * share for a, step in zip(left[1], steps, strict=True)]
    moments = [
        [left[2][i][j] + right[2][i][j] + one * factor * two for j, two in enumerate(steps)]
        for i, one in enumerate(steps)
    ]
    return total, means, moments


def stretch(rows: list[list[float]]) -> Stretch:
    """Of a power of two of rows: from its halves."""
    half = len(rows) // 2
    return leaf(rows[0]) if half == 0 else merge(stretch(rows[:half]), stretch(rows[half:]))


def plain(rows: list[list[float]]) -> Stretch:
    """Of any window: the powers of two that its length is made of, the smallest the latest."""
    found, end, span = None, len(rows), 1
    while end:
        if len(rows) & span:
            part = stretch(rows[end - span : end])
            found = part if found is None else merge(part, found)
            end -= span
        span *= 2
    assert found is not None
    return found


def kernel(x: Float2D, y: Float2D, window: int, fields: int) -> tuple[Any, Any]:
    counts, stats = np.empty(x.shape), np.empty((len(x), fields, x.shape[1]))
    for part in window_stats(table(x), table(y), window, fields):
        rows = part.stop - part.start
        counts[part.start : part.stop, part.first : part.last] = part.known[:rows]
        stats[part.start : part.stop, :, part.first : part.last] = part.stats[:rows]
    return counts, stats


def market(seed: int, bars: int, series: int, holes: float, level: float = 0.0) -> Float2D:
    random = np.random.default_rng(seed)
    values = level + random.normal(size=(bars, series)).cumsum(axis=0)
    # holes come in patches, so that windows go from full to holed and back
    patches = np.repeat(random.random((bars // 20 + 1, series)) < holes, 20, axis=0)[:bars]
    return np.where(patches & (random.random((bars, series)) < 0.3), np.nan, values)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 40), st.sampled_from([0.0, 0.2, 1.0]))
def test_the_kernel_is_the_plain_tree_bit_for_bit(seed: int, window: int, holes: float) -> None:
    x, y = market(seed, 150, 2, holes), market(seed + 1, 150, 2, holes)
    counts, stats = kernel(x, y, window, TWO)
    ahead = [[np.nan, np.nan]] * (window - 1)
    for column in range(2):
        rows = [*ahead, *np.column_stack((x[:, column], y[:, column])).tolist()]
        for row in range(0, 150, 7):
            count, means, moments = plain(rows[row : row + window])
            told = [*means, moments[0][0], moments[0][1], moments[1][1]]
            assert counts[row, column] == count
            assert np.array(told).tobytes() == stats[row, :, column].tobytes()


@pytest.mark.parametrize("window", [1, 2, 3, 64, 100])
def test_one_series_and_two_give_the_same_means_and_moments(window: int) -> None:
    x = market(1, 300, 3, 0.2)
    counts, one = kernel(x, x, window, ONE)
    again, two = kernel(x, x, window, TWO)
    assert counts.tobytes() == again.tobytes()
    np.testing.assert_array_equal(one[:, 0], two[:, 0])
    np.testing.assert_array_equal(one[:, 1], two[:, 2])


def test_the_sum_of_whole_numbers_is_exact() -> None:
    x = np.random.default_rng(3).integers(-1000, 1000, (400, 2)).astype(float)
    _, stats = kernel(x, x, 77, SUM)
    for row in range(76, 400):
        np.testing.assert_array_equal(stats[row, 0], x[row - 76 : row + 1].sum(axis=0))


def test_more_series_than_lanes_and_more_bars_than_a_part_change_no_bit() -> None:
    x = market(4, 3 * ROWS + 5, LANES + 3, 0.1)
    _, whole = kernel(x, x, 30, ONE)
    for column in (0, LANES - 1, LANES, LANES + 2):
        _, alone = kernel(x[:, column : column + 1], x[:, column : column + 1], 30, ONE)
        assert np.ascontiguousarray(whole[:, :, column]).tobytes() == alone[:, :, 0].tobytes()


def test_a_high_level_costs_no_digits() -> None:
    """Exact variance by whole numbers: at a level of 2³⁰ a sum of squares would have lost all of it."""
    small = np.random.default_rng(5).integers(-8, 8, (600, 1)).astype(float)
    _, low = kernel(small, small, 96, ONE)
    _, high = kernel(small + 2.0**30, small, 96, ONE)
    np.testing.assert_allclose(high[95:, 1], low[95:, 1], rtol=1e-12)
