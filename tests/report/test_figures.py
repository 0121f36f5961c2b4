"""Figures carry the numbers of the run, and nothing from its future."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from narrows.core.arrays import FloatArray
from narrows.core.random import generator
from narrows.core.result import Result
from narrows.report.figures import (
    FIGURES,
    NORMAL_DAYS,
    PANELS,
    POINTS,
    accrual,
    basis,
    equity,
    exposure,
    figures,
    margin,
    normal_gap,
    normal_range,
    spread_basis,
    trades_of,
    waterfall,
)


def unpacked(block: dict[str, str]) -> FloatArray:
    return np.frombuffer(base64.b64decode(block["bdata"]), f"<{block['dtype']}").astype(np.float64)


def trace(figure: Any, name: str) -> dict[str, Any]:
    return next(one for one in figure.data if one.get("name") == name)


def crowd(result: Result, copies: int) -> Result:
    """The same run over many more spreads; only the legs of the first two trade."""
    extra = [
        msgspec.structs.replace(leg, spread=leg.spread + 2 * n) for n in range(copies) for leg in result.legs
    ]
    return replace(
        result,
        spreads=result.spreads * copies,
        legs=tuple(extra),
        mark=np.tile(result.mark, copies),
        position=np.tile(result.position, copies),
    )


def test_waterfall_bars_add_up_to_the_total(result: Result) -> None:
    (bar,) = waterfall(result).data
    assert bar["y"][-1] == "total"
    assert sum(bar["x"][:-1]) == pytest.approx(result.ledger.total, rel=1e-12)
    assert bar["x"][-1] == pytest.approx(result.equity_end - result.equity_start, rel=1e-9)
    for before, step, after in zip(bar["base"], bar["x"], bar["base"][1:-1], strict=False):
        assert before + step == pytest.approx(after, abs=1e-6)


def test_categories_of_zero_are_left_out_of_the_waterfall_and_named(result: Result) -> None:
    figure = waterfall(result)
    assert "transfer" not in figure.data[0]["y"]
    assert "Exactly zero: borrow, transfer, fx." in figure.caption


def test_cumulative_funding_ends_at_the_ledger(result: Result) -> None:
    drawn = unpacked(trace(accrual(result), "funding")["y"])
    assert drawn[-1] == pytest.approx(result.ledger.by_category["funding"], rel=1e-6)
    assert "BTC-USDT-PERP.bybit +" in accrual(result).caption


def test_equity_starts_at_the_capital_and_ends_at_the_last_close(result: Result) -> None:
    drawn = trace(equity(result), "equity")
    times, values = unpacked(drawn["x"]), unpacked(drawn["y"])
    assert values[[0, -1]] == pytest.approx([result.equity_start, result.equity_end], rel=1e-6)
    assert times[0] * 1e6 == result.time_ns[0] - result.desk.bar_ns
    assert times[-1] * 1e6 == result.time_ns[-1]
    assert len(values) <= POINTS


def test_hurdle_is_simple_interest_on_the_capital(result: Result) -> None:
    drawn = unpacked(trace(equity(result), "hurdle, 4.5\u00a0% a year")["y"])
    assert drawn[-1] == pytest.approx(1_000_000 * (1 + 0.045 * 9_000 / 8_760), rel=1e-6)


def test_drawdown_is_drawn_downwards_to_its_worst(result: Result) -> None:
    path = np.concatenate(((result.equity_start,), result.equity))
    worst = (path / np.maximum.accumulate(path) - 1.0).min()
    drawn = unpacked(trace(equity(result), "drawdown")["y"])
    assert drawn.min() == pytest.approx(worst, rel=1e-6)
    assert drawn.max() == 0.0


def test_gap_is_second_leg_over_first(result: Result) -> None:
    gap = spread_basis(result, 0)
    assert gap[100] == pytest.approx(result.mark[100, 1] / result.mark[100, 0] - 1.0, rel=1e-12)


def test_gap_is_not_drawn_beyond_delivery(result: Result) -> None:
    assert not np.isnan(result.mark[-1, 3])  # the last one stays
    assert np.isnan(spread_basis(result, 1)[-1])
    drawn = unpacked(trace(basis(result), result.spreads[1].id)["y"])
    assert np.isnan(drawn[-1])


def test_normal_range_is_mean_and_two_deviations_of_the_window() -> None:
    values = generator(3, "band").normal(size=100)
    low, high = normal_range(values, 30, np.array([5, 60]))
    window = values[31:61]
    assert np.isnan(low[0])
    assert high[1] == pytest.approx(window.mean() + 2 * window.std(ddof=1), rel=1e-12)
    assert low[1] == pytest.approx(window.mean() - 2 * window.std(ddof=1), rel=1e-12)


@pytest.mark.parametrize("spread", [0, 1])
def test_normal_range_is_causal(result: Result, spread: int) -> None:
    at = np.arange(0, 5_000, 97)
    shorter = replace(result, time_ns=result.time_ns[:5_000], mark=result.mark[:5_000])
    for whole, cut in zip(normal_gap(result, spread, at), normal_gap(shorter, spread, at), strict=True):
        np.testing.assert_array_equal(whole, cut)


def test_normal_range_starts_once_a_third_of_the_window_is_known(result: Result) -> None:
    at = np.arange(400)
    low, _ = normal_gap(result, 0, at)
    assert np.flatnonzero(~np.isnan(low))[0] == NORMAL_DAYS * 24 // 3 - 1


def test_normal_range_of_a_dated_gap_shrinks_to_nothing_at_delivery(result: Result) -> None:
    last = int(np.flatnonzero(~np.isnan(spread_basis(result, 1)))[-1])
    low, high = normal_gap(result, 1, np.array([3_000, last - 1]))
    assert high[1] - low[1] < 0.2 * (high[0] - low[0])


def test_fills_are_marked_by_what_they_did(result: Result) -> None:
    carry, dated = trades_of(result, 0), trades_of(result, 1)
    assert 209 in carry["entry"]
    assert 2_599 in carry["exit"]
    assert carry["liquidation"].tolist() == [5_199]
    assert len(carry["settlement"]) == 0
    assert len(dated["settlement"]) == 1
    assert dated["entry"].tolist() == [1_499]


def test_markers_lie_on_the_gap(result: Result) -> None:
    drawn = trace(basis(result), "liquidation")
    assert unpacked(drawn["y"])[0] == pytest.approx(1e4 * spread_basis(result, 0)[5_199], rel=1e-5)


def test_margin_axis_reaches_the_line_of_liquidation(result: Result) -> None:
    figure = margin(result)
    assert figure.layout["yaxis"]["range"][1] > 1.0
    assert figure.layout["shapes"][0]["y0"] == 1
    drawn = unpacked(trace(figure, "bybit")["y"])
    assert drawn.max() == pytest.approx(result.margin_ratio[:, 0].max(), rel=1e-6)


def test_a_margin_ratio_beyond_the_axis_is_said(result: Result) -> None:
    ratio = result.margin_ratio.copy()
    ratio[10, 0] = 17.0
    figure = margin(replace(result, margin_ratio=ratio))
    assert figure.layout["yaxis"]["range"] == [0.0, 2.0]
    assert "17.00" in figure.caption


def test_exposure_of_the_spreads_adds_up_to_gross_over_equity(result: Result) -> None:
    figure = exposure(result)
    stacked = [unpacked(one["y"]) for one in figure.data if one.get("stackgroup")]
    gross = np.nan_to_num(np.abs(result.position * result.mark)).sum(axis=1) / result.equity
    assert np.sum(stacked, axis=0).max() == pytest.approx(gross.max(), rel=1e-6)


def test_of_many_spreads_those_that_traded_are_drawn_largest_first(result: Result) -> None:
    many = crowd(result, 5)
    figure = basis(many)
    assert "8 others left out" in figure.caption
    lines = [one["yaxis"] for one in figure.data if one["mode"] == "lines" and "customdata" not in one]
    assert set(lines) == {"y", "y2"}


def test_of_many_spreads_without_a_trade_the_first_are_drawn(
    result: Result, idle_run: Callable[[int], Result]
) -> None:
    figure = basis(crowd(idle_run(2_000), 5))
    assert f"{10 - PANELS} others left out" in figure.caption


@pytest.mark.parametrize("bars", [0, 1, 2, 50])
def test_every_figure_can_be_drawn_of_an_idle_run(idle_run: Callable[[int], Result], bars: int) -> None:
    for figure in figures(idle_run(bars)):
        assert msgspec.json.encode(figure.spec)


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_a_figure_is_plain_data_that_a_notebook_displays(
    draw: Callable[[Result], Any], result: Result
) -> None:
    figure = draw(result)
    shown = figure._repr_mimebundle_(include=None, exclude=None)
    spec = shown["application/vnd.plotly.v1+json"]
    assert spec["layout"]["title"]["text"] == figure.title
    assert msgspec.json.decode(msgspec.json.encode(spec)).keys() == {"data", "layout"}


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_plotly_accepts_every_figure(draw: Callable[[Result], Any], result: Result) -> None:
    from plotly.graph_objects import Figure

    assert len(Figure(draw(result).spec).data) == len(draw(result).data)
