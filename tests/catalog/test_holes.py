"""What is missing is told: how much, where it begins, and nothing when nothing is missing."""

from itertools import accumulate

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.folder import START, Folder, bars_frame, rates_frame
from narrows.catalog import panel
from narrows.catalog.holes import missing_settlements
from narrows.core.instrument import instrument
from narrows.core.time import HOUR_NS, iso

T0 = START * 10**9
SPOT, PERP = "BTC-USDT.venue", "BTC-USDT-PERP.venue"
NOTHING = "nothing is paid for them"


def _closes(hours: int, *missing: int) -> pl.DataFrame:
    """Hourly bars whose closes are hour 1, 2, …, without those that close in the hours given."""
    return bars_frame([float(n) for n in range(10, 10 + hours)]).filter(
        ~pl.col("c").is_in([float(9 + n) for n in missing])
    )


def test_missing_bars_are_counted_and_the_longest_hole_is_placed(folder: Folder) -> None:
    folder.bars(_closes(24, 3, 7, 8, 20))
    folder.bars(_closes(47), symbol="ETH-USDT")
    told = panel(folder.catalog, [SPOT, "ETH-USDT.venue"], HOUR_NS).notes
    assert told == (f"{SPOT}: 4 of 24 bars missing, the longest hole 2 bars from 2024-01-01T07:00:00Z",)


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (0, 2, ()),
        (0, 4, (f"{SPOT}: 1 of 4 bars missing, the longest hole 1 bar from 2024-01-01T03:00:00Z",)),
        (7, 9, (f"{SPOT}: 1 of 2 bars missing, the longest hole 1 bar from 2024-01-01T08:00:00Z",)),
        (5, 8, (f"{SPOT}: 2 of 3 bars missing, the longest hole 2 bars from 2024-01-01T07:00:00Z",)),
        (8, 19, ()),
        (20, 24, ()),
    ],
)
def test_missing_bars_are_those_in_the_window(
    folder: Folder, start: int, end: int, told: tuple[str, ...]
) -> None:
    folder.bars(_closes(24, 3, 7, 8))
    assert panel(folder.catalog, [SPOT], HOUR_NS, T0 + start * HOUR_NS, T0 + end * HOUR_NS).notes == told


def test_after_its_last_bar_an_instrument_is_not_missing_but_gone(folder: Folder) -> None:
    folder.bars(_closes(24))
    folder.bars(_closes(48), symbol="ETH-USDT")
    window = (T0 + 20 * HOUR_NS, T0 + 48 * HOUR_NS)
    prices = panel(folder.catalog, [SPOT, "ETH-USDT.venue"], HOUR_NS, *window)
    assert not any("missing" in note for note in prices.notes)


def _perp_notes(folder: Folder, start: int = 0, end: int = 0) -> list[str]:
    window = (T0 + start * HOUR_NS, T0 + end * HOUR_NS) if end else (0, 0)
    return [note for note in panel(folder.catalog, [PERP], HOUR_NS, *window).notes if "funding" in note]


def test_missing_settlements_are_counted_before_between_and_after_the_records(folder: Folder) -> None:
    folder.bars(_closes(80), symbol="BTC-USDT-PERP")
    folder.funding(
        rates_frame([1, 2, 3, 4, 5, 6], start=START + 16 * 3600).with_columns(r=1e-4)[[0, 1, 4, 5]]
    )
    assert _perp_notes(folder) == [  # due at 8, 16, …, 80; known at 16, 24, 48, 56
        f"funding of {PERP}: 6 of 10 settlements missing, first at 2024-01-01T08:00:00Z; {NOTHING}"
    ]
    assert _perp_notes(folder, 24, 48) == [
        f"funding of {PERP}: 2 of 3 settlements missing, first at 2024-01-02T08:00:00Z; {NOTHING}"
    ]
    assert _perp_notes(folder, 33, 39) == []  # in the hole, but nothing was due
    assert _perp_notes(folder, 15, 31) == []
    assert _perp_notes(folder, 57, 80) == [
        f"funding of {PERP}: 3 of 3 settlements missing, first at 2024-01-03T16:00:00Z; {NOTHING}"
    ]


def test_a_perpetual_without_any_funding_says_so_and_spot_does_not(folder: Folder) -> None:
    folder.bars(_closes(24))
    folder.bars(_closes(24), symbol="BTC-USDT-PERP")
    folder.funding(rates_frame([1e-4], start=START + 400 * 3600))  # of a later year, as it were
    told = panel(folder.catalog, [SPOT, PERP], HOUR_NS).notes
    span = "none known in (2024-01-01T00:00:00Z, 2024-01-02T00:00:00Z]"
    assert [note for note in told if "funding" in note] == [
        f"funding of {PERP}: all settlements missing, {span}; {NOTHING}"
    ]


def test_settlements_are_due_while_the_perpetual_has_bars_and_no_longer(folder: Folder) -> None:
    folder.bars(_closes(100))
    folder.bars(bars_frame([20] * 40, start=START + 24 * 3600), symbol="BTC-USDT-PERP")
    folder.funding(
        rates_frame([1e-4] * 4, start=START + 32 * 3600)
    )  # at 32, 40, 48, 56; the last is due at 64
    told = panel(folder.catalog, [SPOT, PERP], HOUR_NS).notes
    assert told[-1] == (
        f"funding of {PERP}: 1 of 5 settlements missing, first at 2024-01-03T16:00:00Z; {NOTHING}"
    )


def _records(hours: list[int], intervals: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"time": [T0 + hour * HOUR_NS for hour in hours], "interval_h": [float(h) for h in intervals]}
    )


intervals = st.lists(st.sampled_from([1, 2, 4, 8]), min_size=10, max_size=40)


@given(intervals=intervals, edges=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_change_of_interval_is_no_hole(intervals: list[int], edges: tuple[float, float]) -> None:
    hours = list(accumulate(intervals))
    start, end = sorted(int(hours[0] + edge * (hours[-1] - hours[0])) for edge in edges)
    told = missing_settlements(
        instrument(PERP), _records(hours, intervals), T0 + start * HOUR_NS, T0 + end * HOUR_NS
    )
    assert told == []


@given(
    interval=st.sampled_from([1, 4, 8]),
    kept=st.sets(st.integers(0, 40), min_size=1),
    edges=st.tuples(st.integers(-10, 340), st.integers(-10, 340)),
)
def test_missing_settlements_are_those_of_a_plain_count(
    interval: int, kept: set[int], edges: tuple[int, int]
) -> None:
    hours = [n * interval for n in sorted(kept)]
    start, end = sorted(edges)
    due = [hour for hour in range(-1000 * interval, 1000 * interval, interval) if start < hour <= end]
    missing = [hour for hour in due if hour not in hours]
    told = missing_settlements(
        instrument(PERP),
        _records(hours, [interval] * len(hours)),
        T0 + start * HOUR_NS,
        T0 + end * HOUR_NS,
    )
    if not missing:
        assert told == []
        return
    first = iso(T0 + missing[0] * HOUR_NS)
    assert told == [
        f"funding of {PERP}: {len(missing)} of {len(due)} settlements missing, first at {first}; {NOTHING}"
    ]


def test_a_change_of_interval_beside_a_hole_counts_by_the_record_that_ends_it() -> None:
    records = _records([8, 16, 18, 20, 21, 24, 25], [8, 8, 2, 2, 1, 1, 1])  # 22 and 23 are missing
    told = missing_settlements(instrument(PERP), records, T0, T0 + 25 * HOUR_NS)
    assert told == [
        f"funding of {PERP}: 2 of 9 settlements missing, first at 2024-01-01T22:00:00Z; {NOTHING}"
    ]
