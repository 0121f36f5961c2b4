"""Figures carry the numbers of the run, and nothing from its future."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from narrows.core.arrays import FloatArray
from narrows.core.errors import ConfigError
from narrows.core.random import generator
from narrows.core.result import Fills, Result
from narrows.report.figure import POINTS, Figure
from narrows.report.figures import FIGURES, accrual, equity, exposure, figures, margin, waterfall
from narrows.report.gaps import NORMAL_DAYS, PANELS, basis, normal_gap, normal_range, spread_basis, trades_of


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
        funding=np.tile(result.funding, copies),
        paid_on=np.tile(result.paid_on, copies),
        fx=np.tile(result.fx, copies),
        funding_h=np.tile(result.funding_h, copies),
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
    drawn = unpacked(trace(equity(result), "hurdle, 4.5\u00a0% a year, simple")["y"])
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
    assert carry["liquidation"].tolist() == [5_200]
    assert len(carry["settlement"]) == 0
    assert len(dated["settlement"]) == 1
    assert dated["entry"].tolist() == [1_499]


def test_markers_lie_on_the_gap(result: Result) -> None:
    drawn = trace(basis(result), "liquidation")
    assert unpacked(drawn["y"])[0] == pytest.approx(1e4 * spread_basis(result, 0)[5_200], rel=1e-5)


def axis_of(figure: Figure) -> tuple[float, float]:
    low, high = (10.0**power for power in figure.layout["yaxis"]["range"])
    return low, high


def test_margin_axis_shows_a_small_ratio_and_the_line_of_liquidation(result: Result) -> None:
    calm = replace(result, margin_ratio=np.full_like(result.margin_ratio, 0.03))
    figure = margin(calm)
    low, high = axis_of(figure)
    assert figure.layout["yaxis"]["type"] == "log"
    assert low == pytest.approx(0.02)
    assert high > 1.0
    assert figure.layout["shapes"][0]["y0"] == 1
    assert figure.layout["annotations"][0]["y"] == 0  # Plotly wants the logarithm here
    assert unpacked(trace(figure, "bybit")["y"]).max() == pytest.approx(0.03, rel=1e-6)


def test_a_wallet_without_a_position_has_no_margin_ratio_to_draw(result: Result) -> None:
    drawn = unpacked(trace(margin(result), "okx")["y"])
    assert np.nanmin(drawn) > 0.0
    assert np.isnan(drawn).any()


def test_the_worst_ratio_that_is_recorded_fits_the_axis_and_is_said_to_stand_for_worse(
    result: Result,
) -> None:
    ratio = result.margin_ratio.copy()
    ratio[10, 0] = 10.0
    figure = margin(replace(result, margin_ratio=ratio))
    assert axis_of(figure)[1] > 10.0
    assert "10 stands for all that is worse" in figure.caption
    assert "stands for" not in margin(result).caption


def test_moments_with_next_to_nothing_held_do_not_stretch_the_margin_axis(result: Result) -> None:
    ratio = np.full_like(result.margin_ratio, 0.03)
    ratio[50:60] = 1e-5
    figure = margin(replace(result, margin_ratio=ratio))
    assert axis_of(figure)[0] == pytest.approx(0.02)
    assert "Below 0.02 it is not drawn." in figure.caption


def test_liquidations_are_marked_at_the_ratio_that_failed_and_inside_the_bar_at_one(result: Result) -> None:
    earlier = replace(result.fills.liquidations, time_ns=result.time_ns[[5_198]])
    figure = margin(replace(result, liquidated_high_low=earlier))
    close = trace(figure, "liquidated, judged on closes")
    inside = trace(figure, "liquidated, judged on highs and lows")
    assert unpacked(close["x"]) * 1e6 == pytest.approx(result.time_ns[[5_200]])
    assert unpacked(close["y"]) == pytest.approx([1.25])
    assert unpacked(inside["x"]) * 1e6 == pytest.approx(result.time_ns[[5_198]])
    assert unpacked(inside["y"]) == pytest.approx([1.0])


def test_a_wallet_that_loses_both_legs_is_marked_once(result: Result) -> None:
    forced = result.fills.liquidations
    both = {name: np.tile(column, 2) for name, column in vars(forced).items()} | {"leg": np.array([0, 1])}
    figure = margin(replace(result, liquidated_high_low=Fills(**both)))
    assert len(unpacked(trace(figure, "liquidated, judged on highs and lows")["y"])) == 1


def test_many_spreads_are_summed_by_kind_and_none_is_left_out(result: Result) -> None:
    many = crowd(result, 5)
    figure = exposure(many)
    stacked = {one["name"]: unpacked(one["y"]) for one in figure.data if one.get("stackgroup")}
    assert list(stacked) == ["funding carry", "cash and carry"]
    gross = np.nan_to_num(np.abs(many.position * many.mark)).sum(axis=1) / many.equity
    assert (stacked["funding carry"] + stacked["cash and carry"]).max() == pytest.approx(
        gross.max(), rel=1e-6
    )
    assert "All 10 spreads, summed by kind." in figure.caption


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
    assert set(lines) == {"y", "y2", "y3"}  # a gap with its funding, and one that has none


def test_of_many_spreads_without_a_trade_the_first_are_drawn(
    result: Result, idle_run: Callable[[int], Result]
) -> None:
    figure = basis(crowd(idle_run(2_000), 5))
    assert f"{10 - PANELS} others left out" in figure.caption


def test_a_run_that_never_traded_has_no_exposure_or_margin_to_draw_and_a_flat_drawdown(
    idle_run: Callable[[int], Result],
) -> None:
    idle = idle_run(50)
    assert exposure(idle).data == margin(idle).data == ()
    assert equity(idle).layout["yaxis2"]["range"] == [-0.01, 0.0]


@pytest.mark.parametrize("bars", [0, 1, 2, 50])
def test_every_figure_can_be_drawn_of_an_idle_run(idle_run: Callable[[int], Result], bars: int) -> None:
    for figure in figures(idle_run(bars)):
        assert msgspec.json.encode(figure.spec)


def test_a_figure_writes_itself_as_one_self_contained_page(result: Result, tmp_path: Path) -> None:
    target = tmp_path / "new" / "margin.html"
    margin(result).write_html(target)
    text = target.read_text("utf-8")
    assert text.count('class="plot"') == 1
    assert "<title>How near to liquidation</title>" in text
    assert "default-src 'none'" in text
    (block,) = re.findall(r'<script type="application/json" id="spec-margin">(.*?)</script>', text)
    assert len(msgspec.json.decode(block)["data"]) == len(margin(result).data)
    assert target.stat().st_size < 6_000_000


def test_a_figure_of_nothing_is_a_page_that_says_so(
    idle_run: Callable[[int], Result], tmp_path: Path
) -> None:
    waterfall(idle_run(50)).write_html(tmp_path / "figure.html")
    assert "Nothing to draw." in (tmp_path / "figure.html").read_text("utf-8")


def test_a_figure_that_cannot_be_written_is_one_clear_line(result: Result, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        margin(result).write_html(tmp_path)


def test_a_figure_names_itself_in_one_line_that_says_how_to_see_it(result: Result) -> None:
    told = repr(equity(result))
    assert told == ("<Figure equity: Equity against doing nothing, 3 traces; see it with .write_html(path)>")


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_a_figure_is_plain_data_that_a_notebook_displays(
    draw: Callable[[Result], Any], result: Result
) -> None:
    figure = draw(result)
    shown = figure._repr_mimebundle_(include=None, exclude=None)
    spec = shown["application/vnd.plotly.v1+json"]
    assert spec["layout"]["title"]["text"] == figure.title
    assert shown["text/plain"] == repr(figure)
    assert f'write_html("{figure.name}.html")' in shown["text/html"]
    assert len(shown["text/html"]) < 2_000  # words, not 5 MB in each cell
    assert msgspec.json.decode(msgspec.json.encode(spec)).keys() == {"data", "layout"}


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_plotly_accepts_every_figure(draw: Callable[[Result], Any], result: Result) -> None:
    from plotly.graph_objects import Figure

    assert len(Figure(draw(result).spec).data) == len(draw(result).data)
