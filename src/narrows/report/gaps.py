"""The gap of each spread: what it was, what was normal for it, and when it was traded."""

import numpy as np

from narrows.analytics.basis import basis_rate, hours_to_expiry
from narrows.core.arrays import Float1D, Int1D
from narrows.core.event import FILL_REASONS
from narrows.core.result import Result
from narrows.core.time import YEAR_H, to_ns
from narrows.core.units import to_bps
from narrows.report.figure import (
    BAND,
    FEW_POINTS,
    GREY,
    POINTS,
    RED,
    SERIES,
    Figure,
    Spec,
    curve,
    frame,
    plain_axis,
    side,
    stacked,
    time_axis,
)
from narrows.report.funding import stamps
from narrows.report.numbers import bar_h, busiest, count, legs_of, moment, spread_titles
from narrows.report.thin import extremes, packed, strided

MOST_MARKERS = 1_000  # of one kind on one spread
PANELS, PANEL_PX, GAP_PX = 6, 190, 40
LASTED = "rgba(207,154,19,0.22)"  # the colour of an event that lasts
STAMPS = 0.5  # height of the funding panel, of that of a gap
NORMAL_DAYS = 30

ABOUT = (
    "The line is the gap between the two legs. In the shaded band it was where it usually is; above it "
    "the second leg was dear. Markers show when the spread was entered, left, delivered or liquidated, or a "
    "venue took a leg away. A dotted line or a yellow band is an event of the desk file. "
    "Each stick below is one funding payment: green was received by whoever held the spread long, red was "
    "paid. Drag to zoom, double-click to see all."
)

MARKERS: dict[str, Spec] = {
    "entry": {"symbol": "triangle-up", "color": "#159a78", "size": 9},
    "exit": {"symbol": "triangle-down", "color": "#e0743a", "size": 9},
    "liquidation": {"symbol": "x", "color": RED, "size": 10},
    "settlement": {"symbol": "diamond", "color": "#8a6fd1", "size": 9},
    "adl": {"symbol": "star", "color": RED, "size": 11},
    "recall": {"symbol": "square", "color": "#c2912b", "size": 8},
    "repayment": {"symbol": "circle", "color": "#c2912b", "size": 8},
}
WORDS = {"adl": "ADL", "repayment": "forced repayment"}  # of a kind whose name is no word


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
    """When a spread was entered and left, or lost a leg and to what: kind → bar indices, each bar once.

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
    return {kind: np.unique(bar[kinds == kind]) for kind in MARKERS}


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
        curve(times, low[known], every, showlegend=False, **edge),
        curve(times, high[known], every, showlegend=legend, **edge, **fill),
    ]


def _gap(result: Result, spread: int, gap: Float1D, axis: str, colour: str) -> Spec:
    """The line of one gap; where a date closes it, its annual rate shows on hovering."""
    at = extremes(gap, POINTS)
    line = curve(result.time_ns, gap, at, yaxis=axis, name=result.spreads[spread].id, showlegend=False)
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
            curve(result.time_ns, values, at, yaxis=axis, name=WORDS.get(kind, kind), legendgroup=kind)
            | {
                "mode": "markers",
                "cliponaxis": False,
                "showlegend": kind not in shown,
                "marker": MARKERS[kind] | {"line": {"width": 1, "color": "rgba(135,145,160,0.55)"}},
                "hovertemplate": f"{WORDS.get(kind, kind)} at %{{y:.1f}} bp",
            }
        )
        shown.add(kind)
    return found


def event_shapes(result: Result, spread: int, panel: tuple[float, float]) -> list[Spec]:
    """Events of the desk file that touch a spread, in its panel: a line, or a band while one lasts."""
    legs = [leg.instrument for leg in result.spreads[spread].legs]
    first, last = result.time_ns[0] - result.desk.bar_ns, result.time_ns[-1]
    shapes: list[Spec] = []
    for event in result.desk.events:
        start = to_ns(event.start)
        end = start if event.end is None else to_ns(event.end)
        touched = any(leg.venue == event.venue and leg.base in (event.coins or (leg.base,)) for leg in legs)
        if not touched or start > last or end < first:
            continue
        place: Spec = {"xref": "x", "yref": "paper", "y0": panel[0], "y1": panel[1]}
        place |= {"x0": moment(max(start, int(first))), "x1": moment(min(end, int(last)))}
        if event.end is None:
            shapes.append(place | {"type": "line", "line": {"color": GREY, "width": 1, "dash": "dot"}})
        else:
            shapes.append(
                place | {"type": "rect", "fillcolor": LASTED, "line": {"width": 0}, "layer": "below"}
            )
    return shapes


def basis(result: Result) -> Figure:
    """The gap of each spread in bp with its normal range and the fills, one panel each.

    With more than six spreads, those with the largest turnover.
    """
    chosen, left_out = busiest(result, PANELS)
    names = spread_titles(result)
    paying = [np.isfinite(result.funding[:, legs_of(result, spread)]).any() for spread in sorted(chosen)]
    shares = [share for pays in paying for share in ((1.0, STAMPS) if pays else (1.0,))] or [1.0]
    domains = stacked(shares, GAP_PX / (PANEL_PX * sum(shares)))
    data: list[Spec] = []
    titles: list[Spec] = []
    shapes: list[Spec] = []
    axes: Spec = {}
    shown: set[str] = set()
    for row, (spread, pays) in enumerate(zip(sorted(chosen), paying, strict=True)):
        number = "" if row == 0 else str(len(axes) + 1)
        gap, axis = to_bps(spread_basis(result, spread)), f"y{number}"
        titles.append(_panel_title(names[spread], domains[len(axes)][1]))
        if len(result.time_ns):
            shapes += event_shapes(result, spread, domains[len(axes)])
        axes[f"yaxis{number}"] = plain_axis(domain=domains[len(axes)], nticks=5, title=side("gap, bp"))
        data += _band(result, spread, axis, legend=row == 0)
        data.append(_gap(result, spread, gap, axis, SERIES[row]))
        data += _marks(result, spread, gap, axis, shown)
        if pays:
            below = str(len(axes) + 1)
            axes[f"yaxis{below}"] = plain_axis(domain=domains[len(axes)], nticks=3, title=side("paid, bp"))
            data += stamps(result, spread, f"y{below}", legend=not any(paying[:row]))
    last = "y" if len(axes) < 2 else f"y{len(axes)}"
    layout = frame(
        90 + round(PANEL_PX * sum(shares)),
        hovermode="closest",
        margin={"l": 56, "r": 12, "t": 58, "b": 30},
        annotations=titles,
        shapes=shapes,
        xaxis=time_axis(result, anchor=last),
        **(axes or {"yaxis": plain_axis()}),
    )
    layout["legend"] |= {"y": 1.0, "yref": "container", "yanchor": "top"}
    caption = f"Second leg over first − 1, at the marks. Shaded: mean ± 2 sd of the last {NORMAL_DAYS} days"
    caption += ", of the annual rate where a date closes the gap."
    caption += " Sticks: what holding it long was paid at each funding settlement, bp." if any(paying) else ""
    caption += " Dotted or yellow: an event of the desk file." if result.desk.events else ""
    caption += f" The spreads traded most; {count(left_out, 'other')} left out." if left_out else ""
    return Figure("basis", "The gap, and when it was traded", caption, tuple(data), layout, ABOUT)


def _panel_title(text: str, top: float) -> Spec:
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom"}
    return place | {"text": text, "showarrow": False, "font": {"size": 11}, "xshift": -44}
