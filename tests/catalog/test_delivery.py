"""What a dated future is delivered at: the mean of its index over the window, where that can be told."""

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from catalog.folder import START, Folder, bars_frame
from catalog.test_joins import SPOT, T0, put, put_bars, same
from narrows.catalog import load_panel, panel
from narrows.core.config import parse
from narrows.core.panel import Panel
from narrows.core.time import HOUR_NS
from narrows.rulebook import load

DATED, DAY = "BTC-USDT-20240102.venue", "BTC-USDT-20240102"
CLOSE = 51.0  # the future's own, at delivery in hour 32
HALF_HOUR = """
venue = "venue"
[[settlement]]
effective_from   = 2023-01-01
source           = "made up"
confidence       = "high"
window_s         = 1800.0
samples          = 1800
hour             = 8.0
delivery_fee_bps = 5.0
"""


def _market(folder: Folder) -> None:
    """Hours of the future up to delivery in hour 32, and of another pair beyond it."""
    folder.bars(bars_frame([10] * 48), symbol="ETH-USDT")
    folder.bars(bars_frame([float(n) for n in range(20, 52)]), symbol=DAY)


def _minutes(first: int, last: int, step: int = 1) -> list[float]:
    """Hours of the minutes before (−) and after delivery."""
    return [32 + minute / 60 for minute in range(first, last + 1, step)]


def _at(folder: Folder, bar_h: int = 1, rules: Sequence[str] = (HALF_HOUR,)) -> Panel:
    return panel(folder.catalog, ["ETH-USDT.venue", DATED], bar_h * HOUR_NS, rules=load(rules))


def _settled(prices: Panel) -> float:
    (row,) = np.flatnonzero(~np.isnan(prices.settlement[:, 1]))
    return float(prices.settlement[row, 1])


@pytest.mark.parametrize("bar_h", [1, 4, 24])
def test_a_future_is_delivered_at_the_mean_of_its_index_over_the_window(folder: Folder, bar_h: int) -> None:
    _market(folder)
    times = _minutes(-59, 0)
    put(folder, "marks", DAY, times, index=[900.0] * 30 + [40.0 + n for n in range(30)])
    prices = _at(folder, bar_h)
    assert _settled(prices) == pytest.approx(54.5)  # 40 … 69; nothing of the half hour before
    words = "mean of its index over its last 30 min (30 samples), no delivery price in the catalogue"
    assert f"settlement of {DATED}: {words}" in prices.notes


def test_without_an_index_the_spot_pair_of_the_venue_stands_in(folder: Folder) -> None:
    _market(folder)
    put_bars(folder, "BTC-USDT", _minutes(-59, 30), 1 / 60, [900.0] * 30 + [40.0 + n for n in range(60)])
    prices = _at(folder)
    assert _settled(prices) == pytest.approx(54.5)  # no minute after delivery either
    assert any(f"{DATED}: mean of {SPOT} over its last 30 min (30 samples)" in note for note in prices.notes)


def test_an_index_is_taken_rather_than_spot_and_a_published_price_rather_than_either(folder: Folder) -> None:
    _market(folder)
    put_bars(folder, "BTC-USDT", _minutes(-29, 0), 1 / 60, [45.0] * 30)
    assert _settled(_at(folder)) == 45.0
    put(folder, "marks", DAY, _minutes(-29, 0), index=[44.0] * 30)
    assert _settled(_at(folder)) == 44.0
    put(folder, "settlements", DAY, [32], price=[43.0])
    published = _at(folder)
    assert _settled(published) == 43.0
    assert not any("settlement" in note for note in published.notes)


@pytest.mark.parametrize(
    ("times", "fine"),
    [
        (_minutes(-25, 0, 5), True),
        (_minutes(-20, 0, 10), False),
        (_minutes(-25, -5, 5), True),  # the last one is young enough
        (_minutes(-25, -10, 5), False),
        ([*_minutes(-29, -20), *_minutes(-10, 0)], False),  # a hole
        (_minutes(-15, 0), False),  # begins late
        (_minutes(-60, 0, 60), False),
    ],
)
def test_a_window_with_too_few_samples_is_not_averaged(
    folder: Folder, times: list[float], fine: bool
) -> None:
    _market(folder)
    put_bars(folder, "BTC-USDT", times, (times[1] - times[0]), [45.0] * len(times))
    prices = _at(folder)
    assert _settled(prices) == (45.0 if fine else CLOSE)
    told = "nothing is fine enough for the mean over its last 30 min"
    assert any(note.endswith(told) for note in prices.notes) == (not fine)


def test_a_coarse_window_keeps_the_index_at_delivery(folder: Folder) -> None:
    _market(folder)
    put(folder, "marks", DAY, [31.0, 32.0], index=[48.0, 50.5])
    prices = _at(folder)
    assert _settled(prices) == 50.5
    words = "index at delivery, no delivery price in the catalogue; nothing is fine enough for the mean"
    assert any(words in note for note in prices.notes)


def test_a_venue_without_a_rule_keeps_the_last_close_and_says_why(folder: Folder) -> None:
    _market(folder)
    put(folder, "marks", DAY, _minutes(-59, -2), index=[40.0] * 58)
    prices = _at(folder, rules=())
    assert _settled(prices) == 40.0  # the index that was known at delivery
    assert any(note.endswith("; how long its index is averaged is on no record") for note in prices.notes)


def test_the_window_is_that_of_the_date_of_delivery(folder: Folder) -> None:
    hour = HALF_HOUR.replace("1800.0", "3600.0")
    later = HALF_HOUR.partition("[[")[2].replace("2023-01-01", "{date}")
    _market(folder)
    put(folder, "marks", DAY, _minutes(-59, 0), index=[50.0] * 30 + [40.0] * 30)
    before, after = (f"{hour}[[{later.format(date=date)}" for date in ("2024-01-02", "2024-01-03"))
    assert _settled(_at(folder, rules=[before])) == 40.0
    assert _settled(_at(folder, rules=[after])) == 45.0


def test_what_comes_after_the_window_of_the_panel_changes_nothing(folder: Folder) -> None:
    """All rows before delivery are those of a panel that ends before it."""
    _market(folder)
    put(folder, "marks", DAY, _minutes(-29, 0), index=[44.0] * 30)
    whole, early = _at(folder), panel(
        folder.catalog, ["ETH-USDT.venue", DATED], HOUR_NS, 0, T0 + 31 * HOUR_NS, rules=load([HALF_HOUR])
    )  # fmt: skip
    for name, values in early.fields.items():
        np.testing.assert_array_equal(whole.fields[name][: len(early)], values, name)
    assert not any("settlement" in note for note in early.notes)


def test_a_desk_averages_by_its_own_rule_file(folder: Folder) -> None:
    _market(folder)
    put_bars(folder, "BTC-USDT", _minutes(-29, 0), 1 / 60, [45.0] * 30)
    text = f"""
    [desk]
    name = "d"
    [data]
    catalog = "{folder.path}"
    [universe]
    instruments = ["ETH-USDT.venue", "{DATED}"]
    [strategy]
    name = "cash_and_carry"
    """
    desk = parse(text)
    assert _settled(load_panel(desk)) == CLOSE
    with_rules = replace(desk, rules=(HALF_HOUR,), data=replace(desk.data, rules=("v.toml",)))
    assert _settled(load_panel(with_rules)) == 45.0


def test_a_perpetual_that_is_delisted_is_not_averaged(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 48), symbol="ETH-USDT")
    folder.bars(bars_frame([50.0] * 10, start=START), symbol="BTC-USDT-PERP")
    put(folder, "settlements", "BTC-USDT-PERP", [10], price=[49.0])
    put(folder, "marks", "BTC-USDT-PERP", [9 + n / 60 for n in range(1, 61)], index=[40.0] * 60)
    ids = ["ETH-USDT.venue", "BTC-USDT-PERP.venue"]
    prices = panel(folder.catalog, ids, HOUR_NS, rules=load([HALF_HOUR]))
    same(prices.settlement[9:10, 1], [49.0])
