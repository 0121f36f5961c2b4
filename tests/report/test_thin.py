"""Thinning keeps what an eye would look for; packing is what plotly.js reads."""

import base64

import numpy as np

from narrows.core.random import generator
from narrows.report.thin import extremes, packed, strided


def test_a_short_series_is_drawn_whole() -> None:
    assert extremes(np.arange(5.0), 10).tolist() == [0, 1, 2, 3, 4]


def test_thinning_keeps_the_extremes_and_both_ends() -> None:
    values = generator(1, "thin").normal(size=15_001)
    values[7_777], values[12_345] = 50.0, -50.0
    at = extremes(values, 1_000)
    assert len(at) <= 1_000
    assert {0, 7_777, 12_345, 15_000} <= set(at.tolist())
    assert (np.diff(at) > 0).all()


def test_every_bucket_keeps_its_own_extremes() -> None:
    values = generator(2, "thin").normal(size=9_600)
    drawn = values[extremes(values, 402)].tolist()
    for bucket in values.reshape(200, 48):
        assert bucket.min() in drawn
        assert bucket.max() in drawn


def test_a_gap_stays_a_gap() -> None:
    values = np.ones(10_000)
    values[4_000:6_000] = np.nan
    at = extremes(values, 200)
    assert np.isnan(values[at]).sum() >= 18  # whole buckets of 102 bars in a gap of 2,000


def test_values_beside_a_gap_are_not_lost() -> None:
    values = np.full(10_000, np.nan)
    values[5_001] = 3.0
    assert 5_001 in extremes(values, 200)


def test_strided_indices_are_spread_evenly_and_end_at_the_end() -> None:
    assert strided(3, 10).tolist() == [0, 1, 2]
    at = strided(1_001, 11)
    assert at.tolist() == list(range(0, 1_001, 100))
    assert strided(0, 10).tolist() == []


def test_packed_values_are_little_endian_bytes() -> None:
    block = packed(np.array([1.5, np.nan]), "f4")
    assert block["dtype"] == "f4"
    back = np.frombuffer(base64.b64decode(block["bdata"]), "<f4")
    np.testing.assert_array_equal(back, np.array([1.5, np.nan], dtype=np.float32))
