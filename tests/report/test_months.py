"""Months, worst moments and concentration say what the path says."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from narrows.core.result import Result
from narrows.core.time import HOUR_NS
from narrows.report.concentration import concentration_table, days, days_for, shares, splits
from narrows.report.months import daily_profit, months, months_table
from narrows.report.worst import deepest, largest_fall, longest_under_water, nearest


def test_months_add_up_to_the_ledger(result: Result) -> None:
    each = months(result)
    assert each.label[0] == "2023-06"
    np.testing.assert_allclose(each.amounts.sum(axis=0), result.ledger_path[-1], rtol=1e-9, atol=1e-6)
    assert each.hours.sum() == len(result.time_ns)
    assert each.start[0] == result.equity_start
    assert each.start[1] + each.profit[1] == pytest.approx(each.start[2], rel=1e-12)
    assert each.worst.max() == result.margin_ratio_high_low.max()


def test_a_bar_belongs_to_the_month_it_lies_in(result: Result) -> None:
    each = months(result)
    assert each.hours[0] == 29 * 24  # from 2 June; the bar that closes on 1 July 00:00 is June's
    july = int(np.flatnonzero(result.time_ns == result.time_ns[0] + (29 * 24 - 1) * HOUR_NS)[0])
    assert each.profit[0] == pytest.approx(result.equity[july] - result.equity_start)


def test_years_head_their_months_and_hold_their_sums(result: Result) -> None:
    table = months_table(result)
    labels = [row[0] for row in table.rows]
    assert labels[:2] == ["2023", "2023-06"]
    assert table.styles[:2] == ("group", "part")
    column = table.head.index("total")
    number = [float(row[column].replace(",", "").replace("−", "-").replace("≈", "")) for row in table.rows]
    year = [n for label, n in zip(labels, number, strict=True) if label.startswith("2023-")]
    assert number[0] == pytest.approx(sum(year), abs=len(year))


def test_days_add_up_to_the_profit(result: Result) -> None:
    labels, profit = daily_profit(result)
    assert profit.sum() == pytest.approx(result.equity_end - result.equity_start)
    assert labels[0] == "2023-06-02"
    assert len(labels) == len(result.time_ns) // 24


def test_how_few_days_made_the_profit() -> None:
    assert days_for(np.array([1.0, 7.0, 1.0, 1.0]), 0.7) == 1
    assert days_for(np.array([1.0, 6.0, 2.0, 1.0]), 0.7) == 2
    assert days_for(np.array([-1.0, 0.5]), 0.7) is None


def test_the_largest_fall_has_its_peak_trough_and_return() -> None:
    fall = largest_fall(np.array([100.0, 110.0, 99.0, 105.0, 110.0, 108.0]))
    assert fall is not None
    assert fall.depth == pytest.approx(0.1)
    assert (fall.peak, fall.trough, fall.back) == (1, 2, 4)
    still = largest_fall(np.array([100.0, 90.0, 95.0]))
    assert still is not None
    assert still.back is None
    assert largest_fall(np.array([1.0, 1.0, 2.0])) is None


@pytest.mark.parametrize(
    ("path", "stretch"),
    [
        ([100.0, 90.0, 95.0, 101.0, 99.0, 102.0], (0, 3)),
        ([100.0, 101.0, 90.0, 95.0, 96.0], (1, 4)),
        ([100.0, 101.0, 102.0], (0, 0)),
    ],
)
def test_the_longest_time_under_water(path: list[float], stretch: tuple[int, int]) -> None:
    assert longest_under_water(np.array(path)) == stretch


def test_worst_moments_are_shown_three_days_around(result: Result) -> None:
    figure = nearest(result)
    assert figure.layout["shapes"][0]["x0"] == "2024-01-04 17:00"  # the close of bar 5,200
    assert figure.layout["xaxis"]["range"] == ["2024-01-01 17:00", "2024-01-07 17:00"]
    assert "on closes" in figure.caption
    assert "at highs and lows" in figure.caption
    assert [one["name"] for one in figure.data] == [
        "gap", "exit", "liquidation", "price", "margin ratio, closes", "at highs and lows", "equity"
    ]  # fmt: skip
    assert "Fell" in deepest(result).caption


def test_the_worst_moment_may_lie_inside_a_bar(result: Result) -> None:
    inside = result.margin_ratio_high_low.copy()
    inside[1_000, 1] = 9.0
    figure = nearest(replace(result, margin_ratio_high_low=inside))
    assert "okx" in figure.caption
    assert "9.000 at highs and lows" in figure.caption


@pytest.mark.parametrize("bars", [0, 30])
def test_an_idle_run_has_no_worst_moment(idle_run: Callable[[int], Result], bars: int) -> None:
    run = idle_run(bars)
    assert deepest(run).data == nearest(run).data == shares(run).data == days(run).data == ()
    assert bool(concentration_table(run).rows) == (bars > 0)


def test_shares_are_of_the_gross_by_venue_coin_and_spread(result: Result) -> None:
    venue, coin, spread = splits(result)
    assert set(venue.gross) == {"bybit", "okx"}
    assert set(coin.gross) == {"BTC"}
    assert len(spread.gross) == 2
    name, mean, most = venue.largest
    total = np.sum(list(venue.gross.values()), axis=0)
    held = total > 0.0
    assert mean == pytest.approx((venue.gross[name][held] / total[held]).mean())
    assert 0.5 < mean <= most <= 1.0
    stacks = {one["stackgroup"] for one in shares(result).data}
    assert stacks == {"venue", "spread"}  # one coin: nothing to share


def test_the_table_names_the_best_days_and_the_time_under_water(result: Result) -> None:
    rows = {row[0]: row[1:] for row in concentration_table(result).rows}
    assert rows["largest coin"] == ("100\u00a0%", "BTC, the only one")
    assert "days for 70\u00a0% of the profit" in rows
    assert float(rows["longest under water"][0].replace(",", "")) > 1.0


def test_the_nearest_moment_gives_both_ratios_of_one_wallet(result: Result) -> None:
    """The other wallet's worst close is not said to be this one's."""
    closes, inside = np.full_like(result.margin_ratio, 0.1), np.full_like(result.margin_ratio, 0.2)
    closes[40], inside[50] = (0.6, 0.3), (0.4, 0.7)
    caption = nearest(replace(result, margin_ratio=closes, margin_ratio_high_low=inside)).caption
    assert "of okx: 0.300 on closes, 0.700 at highs and lows" in caption
