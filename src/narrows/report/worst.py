"""The worst moments, three days before and after: largest drawdown, and nearest to liquidation."""

from dataclasses import dataclass

import numpy as np

from narrows.analytics.metrics import drawdown_path
from narrows.core.arrays import Float1D, Int1D
from narrows.core.result import Result
from narrows.core.time import DAY_NS
from narrows.core.units import to_bps
from narrows.report.figure import (
    COLOURS,
    GREY,
    RED,
    SERIES,
    Figure,
    Spec,
    amounts_format,
    curve,
    frame,
    plain_axis,
    side,
    stacked,
)
from narrows.report.gaps import MARKERS, spread_basis, trades_of
from narrows.report.numbers import (
    WORST_RATIO,
    decimal,
    digits_of,
    equity_path,
    legs_of,
    moment,
    notional,
    percent,
    short_names,
    worst_of,
)
from narrows.report.thin import extremes

DAYS = 3
ZOOM_POINTS = 1_200
PANEL_PX = 104


@dataclass(frozen=True)
class Fall:
    """The largest drawdown: from the bar of the peak to its trough, and where it was made good.

    Bars count from the open of the first: 0 is the capital, t + 1 the close of bar t. `back` is
    None if the run ended under water.
    """

    depth: float
    peak: int
    trough: int
    back: int | None


def largest_fall(path: Float1D) -> Fall | None:
    """The largest drawdown of a path; None if it never fell."""
    fall = drawdown_path(path) if len(path) else path
    if not len(path) or not np.nanmax(fall, initial=0.0) > 0.0:
        return None
    trough = int(np.nanargmax(fall))
    peak = int(np.argmax(path[: trough + 1]))
    after = np.flatnonzero(path[trough:] >= path[peak])
    return Fall(float(fall[trough]), peak, trough, trough + int(after[0]) if len(after) else None)


def longest_under_water(path: Float1D) -> tuple[int, int]:
    """The longest stretch below an earlier peak: the bar of the peak, and the first at or above it again.

    As far as the end of the path where it was not made good; (0, 0) if it never fell.
    """
    if not len(path):
        return 0, 0
    tops = np.flatnonzero(path >= np.maximum.accumulate(path))
    edges = np.append(tops, len(path)) if tops[-1] != len(path) - 1 else tops
    lengths = np.diff(edges)
    if not len(lengths) or lengths.max() <= 1:
        return 0, 0
    longest = int(lengths.argmax())
    return int(edges[longest]), min(int(edges[longest + 1]), len(path) - 1)


def _at(result: Result, point: int) -> str:
    """When a point of the equity path was."""
    return moment(int(result.time_ns[0]) - result.desk.bar_ns + point * result.desk.bar_ns)


def deepest(result: Result) -> Figure:
    """Around the trough of the largest drawdown: gap, price, margin ratio, equity."""
    title = "Worst drawdown, around its trough"
    fall = largest_fall(equity_path(result)) if len(result.time_ns) else None
    if fall is None:
        return Figure("deepest", title, "The equity never fell.", (), frame(200))
    made = "not made good by the end"
    if fall.back is not None:
        made = f"made good {_at(result, fall.back)}"
    caption = (
        f"Fell {percent(fall.depth, 2)} from {_at(result, fall.peak)} to {_at(result, fall.trough)}; {made}."
    )
    return _zoom(result, "deepest", title, caption, max(fall.trough - 1, 0), None)


def nearest(result: Result) -> Figure:
    """Around the worst margin ratio, at closes and inside the bar: gap, price, margin ratio, equity."""
    title = "Nearest to liquidation"
    ratios = (result.margin_ratio, result.margin_ratio_high_low)
    found = [one for one in map(worst_of, ratios) if one is not None and one[0] > 0.0]
    if not found:
        return Figure("nearest", title, "No margin was needed.", (), frame(200))
    _, bar, wallet = max(found)
    said = [
        f"{_ratio(one[0])} {word}"
        for one, word in zip(
            (worst_of(ratio[:, [wallet]]) for ratio in ratios),
            ("on closes", "at highs and lows"),
            strict=True,
        )
        if one is not None and one[0] > 0.0
    ]
    caption = f"Worst margin ratio of {result.wallets[wallet]}: {', '.join(said)}; at 1 the venue liquidates."
    return _zoom(result, "nearest", title, caption, bar, wallet)


def _ratio(value: float) -> str:
    return decimal(value, 3) if value < WORST_RATIO else f"{WORST_RATIO:g} or worse"


def _window(result: Result, bar: int) -> Int1D:
    half = DAYS * DAY_NS // result.desk.bar_ns
    return np.arange(max(bar - half, 0), min(bar + half + 1, len(result.time_ns)))


def _spread_at(result: Result, bar: int, wallet: int | None) -> int:
    """The spread with most at stake around a bar; of those in one wallet, if it is about one."""
    near = np.abs(notional(result)[max(bar - 2, 0) : bar + 1]).max(axis=0, initial=0.0)
    if wallet is not None:
        near = near * np.array([leg.wallet == wallet for leg in result.legs])
    sizes = [near[legs_of(result, spread)].sum() for spread in range(len(result.spreads))]
    return int(np.argmax(sizes))


def _zoom(result: Result, name: str, title: str, caption: str, bar: int, wallet: int | None) -> Figure:
    window, spread = _window(result, bar), _spread_at(result, bar, wallet)
    times = result.time_ns[window]
    if wallet is None:
        near = np.nan_to_num(result.margin_ratio[window]).max(axis=0, initial=0.0)
        wallet = int(near.argmax())
    gap = to_bps(spread_basis(result, spread))[window]
    price = result.mark[window, legs_of(result, spread)[0]]
    digits = digits_of(result)
    thin: Spec = {"width": 1.4}
    data = [
        _path(times, gap, "y", "gap", "%{y:.1f} bp", {"color": SERIES[0]} | thin),
        *_fills(result, spread, window, gap),
        _path(times, price, "y2", "price", "%{y:,.6g}", {"color": GREY} | thin),
        *_margins(result, window, wallet),
        _path(
            times,
            result.equity[window],
            "y4",
            "equity",
            f"%{{y:,.{digits}f}}",
            {"color": COLOURS["basis"]} | thin,
        ),
    ]
    kinds = ("", amounts_format((price,), 4), ".3~g", amounts_format((result.equity[window],), 5))
    layout = _panels(times, moment(int(result.time_ns[bar])), kinds)
    about = (
        f"{DAYS} days before and after, every bar: the gap of {short_names(result)[spread]}, the spread "
        "with most at stake, with its fills; the price of its first leg; the margin ratio of "
        f"{result.wallets[wallet]} on closes (line) and with all legs at their highs or lows (dotted); the "
        "equity of the desk."
    )
    return Figure(name, title, caption, tuple(data), layout, about)


def _panels(times: Int1D, when: str, kinds: tuple[str, ...]) -> Spec:
    """Four panels under each other, and a line through all of them at the moment in question."""
    rows = stacked([1.0] * 4, 0.07)
    names = ("gap, bp", "price", "margin ratio", "equity")
    axes: Spec = {
        f"yaxis{n + 1 if n else ''}": plain_axis(
            domain=rows[n], nticks=4, title=side(names[n]), tickformat=kind, automargin=True
        )
        for n, kind in enumerate(kinds)
    }
    line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": when, "x1": when}
    word = {
        "yref": "paper",
        "y": 1,
        "x": when,
        "yanchor": "bottom",
        "showarrow": False,
        "text": f"{when} UTC",
    }
    ends = [moment(int(times[0])), moment(int(times[-1]))]
    return frame(
        70 + 4 * PANEL_PX,
        hoversubplots="axis",
        showlegend=False,
        xaxis=plain_axis(
            type="date", showgrid=False, nticks=6, anchor="y4", range=ends, hoverformat="%Y-%m-%d %H:%M",
            ticklabelstandoff=5,
        ),
        shapes=[line | {"line": {"color": RED, "width": 1, "dash": "dot"}}],
        annotations=[word | {"font": {"size": 11}}],
        **axes,
    )  # fmt: skip


def _path(times: Int1D, values: Float1D, axis: str, name: str, hover: str, line: Spec) -> Spec:
    at = extremes(values, ZOOM_POINTS)
    return curve(times, values, at, yaxis=axis, name=name, line=line, hovertemplate=hover)


def _margins(result: Result, window: Int1D, wallet: int) -> list[Spec]:
    """The margin ratio of one wallet, on closes and inside the bar."""
    lines = (
        (result.margin_ratio, "margin ratio, closes", {"color": SERIES[1], "width": 1.4}),
        (result.margin_ratio_high_low, "at highs and lows", {"color": RED, "width": 1.1, "dash": "dot"}),
    )
    found = []
    for values, name, line in lines:
        mine = values[window, wallet]
        if not np.isnan(mine).all():
            found.append(_path(result.time_ns[window], mine, "y3", name, "%{y:.3g}", line))
    return found


def _fills(result: Result, spread: int, window: Int1D, gap: Float1D) -> list[Spec]:
    """Markers on the gap of what was filled in the window."""
    found = []
    for kind, bars in trades_of(result, spread).items():
        at = bars[(bars >= window[0]) & (bars <= window[-1])] - window[0]
        if len(at):
            found.append(
                curve(result.time_ns[window], gap, at, yaxis="y", name=kind)
                | {"mode": "markers", "marker": MARKERS[kind], "hovertemplate": kind, "cliponaxis": False}
            )
    return found
