"""The figures of a run, one pure function each, for notebook, report and dashboard alike.

A Figure is a plain Plotly spec: drawing it needs no Plotly in Python, only plotly.js in the page
or notebook that shows it. Colours work on white and on black; backgrounds are left transparent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.analytics.basis import basis_rate, hours_to_expiry
from narrows.analytics.metrics import drawdown_path
from narrows.core.arrays import Float1D, Int1D
from narrows.core.event import FILL_REASONS
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.core.time import YEAR_H, iso
from narrows.core.units import to_bps
from narrows.report.numbers import (
    bar_h,
    busiest,
    count,
    equity_path,
    legs_of,
    notional,
    percent,
    spread_title,
)
from narrows.report.thin import extremes, packed, strided

Spec = dict[str, Any]

COLOURS: dict[str, str] = {
    "basis": "#3b7dd8",
    "funding": "#159a78",
    "borrow": "#a3673a",
    "fees": "#e0743a",
    "slippage": "#cf9a13",
    "collateral_yield": "#68a845",
    "settlement": "#8a6fd1",
    "liquidation": "#d84a4a",
    "transfer": "#8791a0",
    "fx": "#c65b9e",
}
SERIES = ("#3b7dd8", "#e0743a", "#159a78", "#8a6fd1", "#cf9a13", "#c65b9e")
GREY, RED, BAND = "#8791a0", "#d84a4a", "rgba(135,145,160,0.20)"
FONT = 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
POINTS = 2_000  # of a trace that shows a path
FEW_POINTS = 500  # of a smooth one
MOST_MARKERS = 1_000  # of one kind on one spread
PANELS, PANEL_PX = 6, 190
NORMAL_DAYS = 30

_MARKERS: dict[str, Spec] = {
    "entry": {"symbol": "triangle-up", "color": "#159a78", "size": 9},
    "exit": {"symbol": "triangle-down", "color": "#e0743a", "size": 9},
    "liquidation": {"symbol": "x", "color": RED, "size": 10},
    "settlement": {"symbol": "diamond", "color": "#8a6fd1", "size": 9},
}


@dataclass(frozen=True, eq=False)
class Figure:
    """A Plotly figure as data, which displays itself in a notebook.

    `caption` says what is seen and what was left out.
    """

    name: str
    title: str
    caption: str
    data: tuple[Spec, ...]
    layout: Spec

    @property
    def spec(self) -> Spec:
        """What ``Plotly.newPlot`` or ``plotly.graph_objects.Figure`` takes."""
        layout = self.layout | {
            "title": {"text": self.title, "x": 0, "xref": "paper"},
            "margin": self.layout["margin"] | {"t": 72},
        }
        return {"data": list(self.data), "layout": layout}

    def _repr_mimebundle_(self, **_: object) -> Spec:
        return {"application/vnd.plotly.v1+json": self.spec, "text/plain": f"<Figure {self.name}>"}


def _layout(height: int, **more: Any) -> Spec:
    return {
        "height": height,
        "autosize": True,
        "margin": {"l": 56, "r": 12, "t": 34, "b": 30},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": GREY},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "hovermode": "x unified",
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "dragmode": "zoom",
    } | more


def _axis(**more: Any) -> Spec:
    line = "rgba(135,145,160,0.22)"
    return {"gridcolor": line, "zerolinecolor": "rgba(135,145,160,0.55)", "automargin": "height"} | more


def _time_axis(result: Result, **more: Any) -> Spec:
    """From the open of the first bar to the close of the last."""
    if len(result.time_ns):
        more["range"] = [iso(int(result.time_ns[0]) - result.desk.bar_ns), iso(int(result.time_ns[-1]))]
    return _axis(type="date", showgrid=False, nticks=8, hoverformat="%Y-%m-%d %H:%M", **more)


def _stacked(rows: list[float], gap: float) -> list[tuple[float, float]]:
    """Domains of panels under each other, first on top, with heights in proportion to `rows`."""
    free = 1.0 - gap * (len(rows) - 1)
    domains, top = [], 1.0
    for share in rows:
        bottom = top - free * share / sum(rows)
        domains.append((max(bottom, 0.0), top))
        top = bottom - gap
    return domains


def _path(time_ns: Int1D, values: Float1D, at: Int1D, **more: Any) -> Spec:
    """A line through the chosen points of a series."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": packed(time_ns[at] / 1e6, "f8"),
        "y": packed(values[at], "f4"),
    } | more


def _opening(result: Result) -> Int1D:
    """Closes with the open of the first bar in front, shape (T + 1,); empty without bars."""
    if not len(result.time_ns):
        return result.time_ns
    times: Int1D = np.concatenate((result.time_ns[:1] - result.desk.bar_ns, result.time_ns))
    return times


def equity(result: Result) -> Figure:
    """Equity beside what the collateral would have earned doing nothing, and the drawdown below."""
    times = _opening(result)
    path = equity_path(result)[: len(times)]
    years = np.arange(len(times)) * bar_h(result) / YEAR_H
    apr = result.desk.hurdle.apr
    hurdle = np.asarray(result.equity_start * (1.0 + apr * years))
    at, few = extremes(path, POINTS), strided(len(times), FEW_POINTS)
    fall = drawdown_path(path) if len(path) else path
    low = extremes(fall, POINTS)
    upper, lower = _stacked([3, 1], 0.08)
    data = (
        _path(times, path, at, name="equity", line={"color": COLOURS["basis"], "width": 1.8}),
        _path(
            times,
            hurdle,
            few,
            name=f"hurdle, {percent(apr)} a year",
            line={"color": GREY, "width": 1.4, "dash": "dash"},
        ),
        _path(
            times,
            -fall,
            low,
            name="drawdown",
            yaxis="y2",
            showlegend=False,
            fill="tozeroy",
            fillcolor="rgba(216,74,74,0.18)",
            line={"color": RED, "width": 1},
            hovertemplate="%{y:.2%}",
        ),
    )
    layout = _layout(
        380,
        hoversubplots="axis",
        xaxis=_time_axis(result, anchor="y2"),
        yaxis=_axis(domain=upper, tickformat=".7~s", hoverformat=",.0f"),
        yaxis2=_axis(domain=lower, tickformat=".2~%", nticks=4, title=_side("drawdown")),
    )
    caption = f"{result.desk.currency}, marked to market at each close; below, the fall from the last peak."
    return Figure("equity", "Equity against doing nothing", caption, data, layout)


def _side(text: str) -> Spec:
    return {"text": text, "font": {"size": 11}, "standoff": 4}


def _word(category: str) -> str:
    return category.replace("_", " ")


def waterfall(result: Result) -> Figure:
    """Each ledger category from the start to the change in equity; those of zero are named in the caption."""
    amounts = result.ledger.by_category
    shown = {name: amount for name, amount in amounts.items() if amount != 0.0}
    steps = np.array(list(shown.values()), dtype=np.float64)
    bases = np.concatenate(((0.0,), np.cumsum(steps)))[:-1]
    total = result.ledger.total
    edges = np.concatenate((bases, bases + steps, (0.0, total)))
    least, most = float(np.nanmin(edges)), float(np.nanmax(edges))
    room = 0.24 * (most - least) or 1.0
    labels = [_word(name) for name in shown] + ["total"]
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": labels,
        "x": [*steps.tolist(), total],
        "base": [*bases.tolist(), 0.0],
        "text": [f"{amount:+,.0f}".replace("-", "−") for amount in [*steps.tolist(), total]],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [COLOURS[name] for name in shown] + [GREY]},
        "hovertemplate": "%{y}: %{text}<extra></extra>",
        "width": 0.62,
    }
    zero = ", ".join(_word(name) for name in amounts if name not in shown)
    caption = f"{result.desk.currency}; the bars add up to the change in equity."
    caption += f" Exactly zero: {zero}." if zero else ""
    layout = _layout(
        110 + 26 * len(labels),
        hovermode="closest",
        showlegend=False,
        margin={"l": 104, "r": 12, "t": 8, "b": 30},
        xaxis=_axis(range=[least - room * (least < 0.0), most + room], tickformat=".3~s", nticks=6),
        yaxis=_axis(autorange="reversed", showgrid=False, ticks="", zeroline=False),
    )
    return Figure("waterfall", "Where it came from", caption, (bar,) if shown else (), layout)


def accrual(result: Result) -> Figure:
    """Each ledger category accumulated over time; funding is drawn strongest."""
    data = []
    for column, name in enumerate(CATEGORIES):
        path = result.ledger_path[:, column]
        if not path.any():
            continue
        line = {"color": COLOURS[name], "width": 2.4 if name == "funding" else 1.3}
        at = extremes(path, POINTS // 2)
        data.append(_path(result.time_ns, path, at, name=_word(name), line=line, hovertemplate="%{y:,.0f}"))
    paid: dict[str, float] = {}
    for row, amounts in zip(result.ledger.rows, result.ledger.amounts, strict=True):
        leg = row.rpartition(" ")[2]
        paid[leg] = paid.get(leg, 0.0) + float(amounts[list(CATEGORIES).index("funding")])
    largest = sorted((leg for leg in paid if paid[leg]), key=lambda leg: -abs(paid[leg]))
    said = ", ".join(f"{leg} {paid[leg]:+,.0f}".replace(" -", " −") for leg in largest[:PANELS])
    more = f", {count(len(largest) - PANELS, 'other')}" if len(largest) > PANELS else ""
    caption = f"{result.desk.currency}, cumulative. "
    caption += f"Funding: {said}{more}." if said else "No funding was paid or received."
    layout = _layout(330, xaxis=_time_axis(result), yaxis=_axis(tickformat=".3~s"))
    return Figure("accrual", "How it built up", caption, tuple(data), layout)


def spread_basis(result: Result, spread: int) -> Float1D:
    """Second leg over first leg − 1 at the marks, fraction, shape (T,).

    NaN where a mark is not known, and after a leg was delivered: its last mark says nothing then.
    """
    first, second = legs_of(result, spread)[:2]
    expiry_ns = result.spreads[spread].expiry_ns
    gap = basis_rate(result.mark[:, first], result.mark[:, second])
    return np.where((expiry_ns > 0) & (result.time_ns > expiry_ns), np.nan, gap)


def _years_left(result: Result, spread: int) -> Float1D:
    """Years until the gap closes by contract, shape (T,); all NaN for a spread that no date closes."""
    one = result.spreads[spread]
    if one.kind != "cash_and_carry":
        return np.full(len(result.time_ns), np.nan)
    left = hours_to_expiry(result.time_ns, one.expiry_ns) / YEAR_H
    return np.where(left > 0.0, left, np.nan)


def normal_range(values: Float1D, bars: int, at: Int1D) -> tuple[Float1D, Float1D]:
    """Mean ± 2 standard deviations of the last `bars` values, at the chosen bars only.

    Causal: each window ends at its own bar. NaN where the value itself is not known, and before a
    third of the window is. Only bars that are drawn are computed, which is why this is no rolling
    statistic over all of them.
    """
    padded = np.concatenate((np.full(bars - 1, np.nan), values))
    windows = padded[at[:, None] + np.arange(bars)]
    known = (~np.isnan(windows)).sum(axis=1).astype(np.float64)
    known[(known < max(bars // 3, 2)) | np.isnan(values[at])] = np.nan
    mean = np.nansum(windows, axis=1) / known
    deviation = np.sqrt(np.nansum((windows - mean[:, None]) ** 2, axis=1) / (known - 1.0))
    return mean - 2.0 * deviation, mean + 2.0 * deviation


def trades_of(result: Result, spread: int) -> dict[str, Int1D]:
    """When a spread was entered, left, liquidated and settled: kind → bar indices, each bar once.

    A trade fills at an open and is placed at the close just before it, which is what was known.
    """
    fills, kinds = result.fills, np.empty(len(result.fills), dtype="<U11")
    for leg in legs_of(result, spread):
        mine = np.flatnonzero(fills.leg == leg)
        after = np.cumsum(fills.quantity[mine])
        grown = np.abs(after) > np.abs(after - fills.quantity[mine])
        kinds[mine] = np.where(grown, "entry", "exit")
        reason = np.array(FILL_REASONS)[fills.reason[mine]]
        kinds[mine] = np.where(reason == "trade", kinds[mine], reason)
    bar = np.searchsorted(result.time_ns, fills.time_ns, side="left")
    bar = np.minimum(bar, max(len(result.time_ns) - 1, 0))
    return {kind: np.unique(bar[kinds == kind]) for kind in _MARKERS}


def normal_gap(result: Result, spread: int, at: Int1D) -> tuple[Float1D, Float1D]:
    """Normal range of a gap in bp at the chosen bars, from the 30 days up to each.

    A gap that a date closes shrinks by itself, so what is normal there is its annual rate.
    """
    bars = max(round(NORMAL_DAYS * 24 / bar_h(result)), 2)
    gap = spread_basis(result, spread)
    left = _years_left(result, spread)
    if np.isnan(left).all():
        low, high = normal_range(to_bps(gap), bars, at)
        return low, high
    low, high = normal_range(gap / left, bars, at)
    return to_bps(low * left[at]), to_bps(high * left[at])


def _band(result: Result, spread: int, axis: str, legend: bool) -> list[Spec]:
    at = strided(len(result.time_ns), FEW_POINTS)
    low, high = normal_gap(result, spread, at)
    known = ~np.isnan(low)
    times, every = result.time_ns[at][known], np.arange(int(known.sum()))
    edge: Spec = {"yaxis": axis, "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": "normal"}
    fill: Spec = {"fill": "tonexty", "fillcolor": BAND, "name": f"normal, {NORMAL_DAYS} d"}
    return [
        _path(times, low[known], every, showlegend=False, **edge),
        _path(times, high[known], every, showlegend=legend, **edge, **fill),
    ]


def _gap(result: Result, spread: int, gap: Float1D, axis: str, colour: str) -> Spec:
    """The line of one gap; where a date closes it, its annual rate shows on hovering."""
    at = extremes(gap, POINTS)
    line = _path(result.time_ns, gap, at, yaxis=axis, name=result.spreads[spread].id, showlegend=False)
    rate = 1e-4 * gap / _years_left(result, spread)
    annual: Spec = {"hovertemplate": "%{y:.1f} bp"}
    if not np.isnan(rate).all():
        annual = {
            "hovertemplate": "%{y:.1f} bp, %{customdata:.1%} a year",
            "customdata": packed(rate[at], "f4"),
        }
    return line | annual | {"line": {"color": colour, "width": 1.2}}


def _marks(result: Result, spread: int, values: Float1D, axis: str, shown: set[str]) -> list[Spec]:
    """Fill markers of one panel; `shown` collects the kinds that the legend has already."""
    found = []
    for kind, bars in trades_of(result, spread).items():
        if not len(bars):
            continue
        at = bars[strided(len(bars), MOST_MARKERS)]
        found.append(
            _path(result.time_ns, values, at, yaxis=axis, name=kind, legendgroup=kind)
            | {
                "mode": "markers",
                "cliponaxis": False,
                "showlegend": kind not in shown,
                "marker": _MARKERS[kind] | {"line": {"width": 1, "color": "rgba(255,255,255,0.8)"}},
                "hovertemplate": f"{kind} at %{{y:.1f}} bp",
            }
        )
        shown.add(kind)
    return found


def basis(result: Result) -> Figure:
    """The gap of each spread in bp with its normal range and the fills, one panel each.

    With more than six spreads, those that traded, largest turnover first.
    """
    chosen, left_out = busiest(result, PANELS)
    panels = max(len(chosen), 1)
    domains = _stacked([1.0] * panels, 46 / (PANEL_PX * panels))
    data: list[Spec] = []
    titles, axes = [], {}
    shown: set[str] = set()
    for row, spread in enumerate(chosen):
        number = "" if row == 0 else str(row + 1)
        gap, axis = to_bps(spread_basis(result, spread)), f"y{number}"
        data += _band(result, spread, axis, legend=row == 0)
        data.append(_gap(result, spread, gap, axis, SERIES[row]))
        data += _marks(result, spread, gap, axis, shown)
        axes[f"yaxis{number}"] = _axis(domain=domains[row], nticks=5, title=_side("bp"))
        titles.append(_panel_title(spread_title(result, spread), domains[row][1]))
    last = "y" if panels == 1 else f"y{panels}"
    layout = _layout(
        90 + PANEL_PX * panels,
        hovermode="closest",
        margin={"l": 56, "r": 12, "t": 58, "b": 30},
        annotations=titles,
        xaxis=_time_axis(result, anchor=last),
        **(axes or {"yaxis": _axis()}),
    )
    layout["legend"] |= {"y": 1.0, "yref": "container", "yanchor": "top"}
    caption = f"Second leg over first − 1, at the marks. Shaded: mean ± 2 sd of the last {NORMAL_DAYS} days"
    caption += ", of the annual rate where a date closes the gap."
    caption += f" The spreads traded most; {count(left_out, 'other')} left out." if left_out else ""
    return Figure("basis", "The gap, and when it was traded", caption, tuple(data), layout)


def _panel_title(text: str, top: float) -> Spec:
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom"}
    return place | {"text": text, "showarrow": False, "font": {"size": 11}, "xshift": -44}


def margin(result: Result) -> Figure:
    """Maintenance margin over margin equity of each wallet; at 1 the venue liquidates."""
    data = []
    peak = 0.0
    for column, name in enumerate(result.wallets):
        ratio = result.margin_ratio[:, column]
        peak = max(peak, float(np.max(ratio[np.isfinite(ratio)], initial=0.0)))
        at = extremes(ratio, POINTS // 2)
        line = {"color": SERIES[column % len(SERIES)], "width": 1.3}
        data.append(_path(result.time_ns, ratio, at, name=name, line=line, hovertemplate="%{y:.3f}"))
    edge = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
    word = {"xref": "paper", "x": 1, "y": 1, "xanchor": "right", "yanchor": "bottom", "showarrow": False}
    layout = _layout(
        330,
        xaxis=_time_axis(result),
        yaxis=_axis(range=[0.0, min(max(1.12, 1.08 * peak), 2.0)], tickformat=".1f"),
        shapes=[edge | {"line": {"color": RED, "width": 1.2, "dash": "dot"}}],
        annotations=[word | {"text": "liquidation", "font": {"size": 11, "color": RED}}],
    )
    caption = "Maintenance margin over margin equity, by wallet, at closes."
    caption += f" The axis ends at 2; the worst was {peak:.2f}." if peak > 2.0 else ""
    return Figure("margin", "How near to liquidation", caption, tuple(data), layout)


def exposure(result: Result) -> Figure:
    """Gross notional over equity, stacked by spread, and below it the delta that is not hedged."""
    chosen, left_out = busiest(result, PANELS)
    known = np.where(result.equity > 0.0, result.equity, np.nan)
    gross = np.abs(notional(result)) / known[:, None]
    at = extremes(gross.sum(axis=1), POINTS // 2)
    data = []
    for row, spread in enumerate(chosen):
        share = gross[:, legs_of(result, spread)].sum(axis=1)
        more = {"stackgroup": "gross", "line": {"color": SERIES[row], "width": 0.8}}
        name = result.spreads[spread].id.partition(":")[2]
        data.append(_path(result.time_ns, share, at, name=name, hovertemplate="%{y:.2f}×", **more))
    delta = result.residual_delta
    line = {"color": RED, "width": 1.0}
    data.append(
        _path(result.time_ns, delta, extremes(delta, POINTS), name="unhedged delta", yaxis="y2", line=line)
        | {"showlegend": False, "hovertemplate": "%{y:.3%}"}
    )
    upper, lower = _stacked([3, 1], 0.1)
    layout = _layout(
        370 + 18 * len(chosen),
        hoversubplots="axis",
        xaxis=_time_axis(result, anchor="y2"),
        yaxis=_axis(domain=upper, ticksuffix="×", nticks=5, title=_side("gross ÷ equity")),
        yaxis2=_axis(domain=lower, tickformat=".2~%", nticks=3, rangemode="tozero", title=_side("delta")),
    )
    caption = "Value of all legs over equity; below, what is not hedged."
    caption += f" {count(left_out, 'spread')} left out." if left_out else ""
    return Figure("exposure", "Size, and what was not hedged", caption, tuple(data), layout)


FIGURES: tuple[Callable[[Result], Figure], ...] = (equity, waterfall, accrual, basis, margin, exposure)


def figures(result: Result) -> tuple[Figure, ...]:
    """All figures of a run, in the order of the report."""
    return tuple(draw(result) for draw in FIGURES)
