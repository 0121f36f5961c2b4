"""Funding in the report is what the ledger booked, and the heat map averages what was settled."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from narrows.core.arrays import FloatArray
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.report.funding import funding_paid, heat, held_at_settlement, settled, stamps
from narrows.sim.backtest import backtest
from random_market import Restless, random_desk, random_panel
from tiny_market import PERP, SPOT, play, tiny_desk, tiny_panel

FUNDING = list(CATEGORIES).index("funding")


def unpacked(block: dict[str, str]) -> FloatArray:
    return np.frombuffer(base64.b64decode(block["bdata"]), f"<{block['dtype']}").astype(np.float64)


@pytest.mark.parametrize("seed", range(8))
def test_what_was_paid_is_the_ledgers_funding_leg_by_leg(seed: int) -> None:
    """Deliveries and liquidations at the same close included."""
    rng = np.random.default_rng(seed)
    result = backtest(random_desk(rng), random_panel(rng, 200), Restless(seed=seed, often=0.3))
    booked = result.ledger.amounts[: len(result.legs), FUNDING]
    assert booked.any()
    np.testing.assert_allclose(
        funding_paid(result).sum(axis=0), booked, rtol=0, atol=1e-9 * result.equity_start
    )


def test_a_liquidated_leg_was_held_at_the_settlement_of_its_close(result: Result) -> None:
    assert result.position[5_200, 1] == 0.0
    assert held_at_settlement(result)[5_200, 1] == result.position[5_199, 1] != 0.0


def test_each_settlement_is_made_annual_with_its_own_interval(result: Result) -> None:
    """From 8 h to 1 h, with a hole before: neither the median nor the distance is the interval."""
    rates, interval = np.full((9_000, 4), np.nan), np.full((9_000, 4), np.nan)
    at = [7, 15, 23, 55, *range(56, 80)]
    rates[at, 1] = 0.0001
    interval[at, 1] = [8.0] * 4 + [1.0] * 24
    changed = replace(result, funding=rates, funding_h=interval)
    bars, hours = settled(changed, 1)
    assert bars.tolist() == at
    assert hours.tolist() == [8.0] * 4 + [1.0] * 24
    assert len(settled(changed, 0)[0]) == 0
    tips = stamps(changed, 0, "y2", legend=True)[-1]
    annual = unpacked(tips["customdata"])
    assert annual[:4] == pytest.approx(0.0001 * 1095, rel=1e-6)
    assert annual[4:] == pytest.approx(0.0001 * 8760, rel=1e-6)


def test_a_run_carries_the_intervals_of_its_panel() -> None:
    marks = [100.0] * 4
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(marks, marks),
        funding=(np.nan, [np.nan, 0.01, 0.01, np.nan]),
    )
    interval = np.column_stack((np.full(4, np.nan), [np.nan, 8.0, 1.0, np.nan]))
    panel = replace(panel, fields={**panel.fields, "funding_h": interval})
    result = play(tiny_desk(), panel, {0: (1.0, -1.0)})
    np.testing.assert_array_equal(result.funding_h[:, 1], [np.nan, 8.0, 1.0, np.nan])


def test_sticks_say_what_holding_the_spread_long_is_paid(result: Result) -> None:
    received, paid, tips = stamps(result, 0, "y2", legend=True)
    known = result.funding[:, 1][np.isfinite(result.funding[:, 1])]
    assert received["name"] == "funding received"
    assert unpacked(received["y"])[1::3].min() > 0.0 > unpacked(paid["y"])[1::3].max()
    assert unpacked(tips["y"]) == pytest.approx(1e4 * known, rel=1e-6)  # short the perpetual
    assert unpacked(tips["customdata"]) == pytest.approx(known * 8760 / 8, rel=1e-6)
    assert stamps(result, 1, "y2", legend=True) == []


def cells(figure: Any, name: str) -> FloatArray:
    (spec,) = figure.data
    rows, columns = map(int, spec[name]["shape"].split(","))
    return unpacked(spec[name]).reshape(rows, columns)


def test_cells_are_annual_means_and_add_up_to_what_was_paid(result: Result) -> None:
    figure = heat(result)
    rate, money = cells(figure, "z"), cells(figure, "customdata")
    assert figure.data[0]["y"] == ["00 UTC", "08 UTC", "16 UTC"]
    assert money.sum() == pytest.approx(result.ledger.by_category["funding"], rel=1e-6)
    first_week = result.funding[: 7 * 24, 1]
    at_eight = np.flatnonzero(np.isfinite(first_week))[0::3]
    assert rate[1, 0] == pytest.approx(first_week[at_eight].mean() * 8760 / 8, rel=1e-5)


def test_many_instruments_have_a_row_each(result: Result) -> None:
    more = replace(
        result, funding=np.tile(result.funding[:, [1]], 4), funding_h=np.tile(result.funding_h[:, [1]], 4)
    )
    assert len(heat(more).data[0]["y"]) == 4


def test_a_short_run_is_shown_by_day(result: Result, idle_run: Callable[[int], Result]) -> None:
    assert heat(idle_run(240)).data[0]["x"][:2] == ["2023-06-02", "2023-06-03"]
    assert heat(result).data[0]["x"][:2] == ["2023-06-02", "2023-06-09"]


def test_without_funding_there_is_nothing_to_draw(result: Result, idle_run: Callable[[int], Result]) -> None:
    assert heat(replace(result, funding=np.full_like(result.funding, np.nan))).data == ()
    assert heat(idle_run(0)).data == ()


def test_the_scale_of_the_heat_map_is_printed_at_both_ends(result: Result) -> None:
    (spec,) = heat(result).data
    assert spec["colorbar"]["tickvals"] == [spec["zmin"], 0.0, spec["zmax"]]
    assert spec["zmin"] < 0.0
