"""The figures of a run, one pure function each, for notebook, report and dashboard alike."""

import math
from collections.abc import Callable

import numpy as np

from narrows.analytics.metrics import drawdown_path
from narrows.core.arrays import Int1D
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Fills, Result
from narrows.core.time import YEAR_H
from narrows.report.concentration import days, shares
from narrows.report.figure import (
    COLOURS,
    FEW_POINTS,
    GREY,
    POINTS,
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
    time_axis,
)
from narrows.report.funding import heat
from narrows.report.gaps import PANELS, basis
from narrows.report.numbers import (
    WORST_RATIO,
    bar_h,
    bars_of,
    count,
    digits_of,
    equity_path,
    knows_legs,
    legs_of,
    money,
    notional,
    percent,
    short_names,
)
from narrows.report.thin import extremes, strided
from narrows.report.worst import deepest, nearest

TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of a ratio
FEW_SPREADS = 3  # more are drawn by kind


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
    flat: Spec = {} if fall.any() else {"range": [-0.01, 0.0]}
    upper, lower = stacked([3, 1], 0.08)
    data = (
        curve(times, path, at, name="equity", line={"color": COLOURS["basis"], "width": 1.8}),
        curve(
            times,
            hurdle,
            few,
            name=f"hurdle, {percent(apr)} a year, simple",
            line={"color": GREY, "width": 1.4, "dash": "dash"},
        ),
        curve(
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
    layout = frame(
        380,
        hoversubplots="axis",
        xaxis=time_axis(result, anchor="y2"),
        yaxis=plain_axis(
            domain=upper,
            tickformat=amounts_format((result.equity,), 7),
            hoverformat=f",.{digits_of(result)}f",
        ),
        yaxis2=plain_axis(domain=lower, tickformat=".2~%", nticks=4, title=side("drawdown"), **flat),
    )
    caption = f"{result.desk.currency}, marked to market at each close; below, the fall from the last peak."
    about = (
        "The blue line is what the desk is worth; the dashed one is what the capital would be worth at "
        "the hurdle, without a trade. Where blue is above, the desk has beaten doing nothing so far. Red "
        "below: how far it stands under its best close."
    )
    return Figure("equity", "Equity against doing nothing", caption, data, layout, about)


def _word(category: str) -> str:
    return category.replace("_", " ")


def waterfall(result: Result) -> Figure:
    """Each ledger category from the start to the change in equity; those of zero are named in the caption."""
    amounts = result.ledger.by_category
    shown = {name: amount for name, amount in amounts.items() if amount != 0.0}
    steps = np.array(list(shown.values()), dtype=np.float64)
    bases = np.concatenate(((0.0,), np.cumsum(steps)))[:-1]
    total, digits = result.ledger.total, digits_of(result)
    edges = np.concatenate((bases, bases + steps, (0.0, total)))
    least, most = float(np.nanmin(edges)), float(np.nanmax(edges))
    room = (0.44 + 0.05 * digits) * (most - least) or 1.0  # for the longest label
    labels = [_word(name) for name in shown] + ["total"]
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": labels,
        "x": [*steps.tolist(), total],
        "base": [*bases.tolist(), 0.0],
        "text": [money(amount, digits) for amount in [*steps.tolist(), total]],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [COLOURS[name] for name in shown] + [GREY]},
        "hovertemplate": "%{y}: %{text}<extra></extra>",
        "width": 0.62,
    }
    zero = ", ".join(_word(name) for name in amounts if name not in shown)
    caption = f"{result.desk.currency}; the bars add up to the change in equity."
    caption += f" Exactly zero: {zero}." if zero else ""
    layout = frame(
        110 + 26 * len(labels),
        hovermode="closest",
        showlegend=False,
        margin={"l": 112, "r": 12, "t": 8, "b": 30},
        xaxis=plain_axis(
            range=[least - room * (least < 0.0), most + room],
            tickformat=amounts_format((edges,), 3),
            nticks=6,
        ),
        yaxis=plain_axis(autorange="reversed", showgrid=False, ticks="", zeroline=False),
    )
    about = "Read downwards: each bar starts where the one before ended. " + " ".join(
        f"{_word(name).capitalize()}: {CATEGORIES[name]}." for name in shown
    )
    return Figure("waterfall", "By category", caption, (bar,) if shown else (), layout, about)


def accrual(result: Result) -> Figure:
    """Each ledger category accumulated over time; funding is drawn strongest."""
    data, digits = [], digits_of(result)
    for column, name in enumerate(CATEGORIES):
        path = result.ledger_path[:, column]
        if not path.any():
            continue
        line = {"color": COLOURS[name], "width": 2.4 if name == "funding" else 1.3}
        at = extremes(path, POINTS // 2)
        hover = f"%{{y:,.{digits}f}}"
        data.append(curve(result.time_ns, path, at, name=_word(name), line=line, hovertemplate=hover))
    paid: dict[str, float] = {}
    for row, amounts in zip(result.ledger.rows, result.ledger.amounts, strict=True):
        leg = row.rpartition(" ")[2]
        paid[leg] = paid.get(leg, 0.0) + float(amounts[list(CATEGORIES).index("funding")])
    largest = sorted((leg for leg in paid if paid[leg]), key=lambda leg: -abs(paid[leg]))
    said = ", ".join(f"{leg} {money(paid[leg], digits)}" for leg in largest[:PANELS])
    more = f", {count(len(largest) - PANELS, 'other')}" if len(largest) > PANELS else ""
    caption = f"{result.desk.currency}, cumulative. "
    if result.ledger.by_category["funding"] == 0.0:
        caption += "No funding was paid or received."
    elif knows_legs(result):
        caption += f"Funding: {said}{more}."
    layout = frame(
        330, xaxis=time_axis(result), yaxis=plain_axis(tickformat=amounts_format(result.ledger_path.T, 3))
    )
    about = (
        "The same categories as in the waterfall, added up over time. A carry that works is a funding or "
        "basis line that rises steadily while costs stay flat; steps are trades."
    )
    return Figure("accrual", "How it built up", caption, tuple(data), layout, about)


def margin(result: Result) -> Figure:
    """Maintenance margin over margin equity of each wallet; at 1 the venue liquidates.

    Logarithmic, so that a hedge that needs a fiftieth of its equity can be read, and the line at
    1 still stands.
    """
    ratio = np.where(result.margin_ratio > 0.0, result.margin_ratio, np.nan)
    data = []
    for column, name in enumerate(result.wallets):
        if np.isnan(ratio[:, column]).all():
            continue
        at = extremes(ratio[:, column], POINTS // 2)
        line = {"color": SERIES[column % len(SERIES)], "width": 1.3}
        data.append(
            curve(result.time_ns, ratio[:, column], at, name=name, line=line, hovertemplate="%{y:.3f}")
        )
    data += _inside(result)
    data += _struck(result, result.fills.liquidations, "on closes", "x")
    data += _struck(result, result.liquidated_high_low, "on highs and lows", "x-open")
    edge = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
    word = {"xref": "paper", "x": 1, "y": 0, "xanchor": "right", "yanchor": "bottom", "showarrow": False}
    both = np.concatenate((ratio, result.margin_ratio_high_low), axis=1)
    known = both[both > 0.0]
    closes = ratio[~np.isnan(ratio)]
    usual, high = float(np.quantile(closes, 0.02)) if len(closes) else 0.1, float(known.max(initial=1.0))
    floor = next(tick for tick in reversed(TICKS) if tick <= min(usual, 0.5) or tick == TICKS[0])
    layout = frame(
        330,
        xaxis=time_axis(result),
        yaxis=plain_axis(
            type="log",
            range=[math.log10(floor), math.log10(1.5 * high)],
            tickvals=list(TICKS),
            ticktext=[f"{tick:g}" for tick in TICKS],
            minor={"showgrid": False},
        ),
        shapes=[edge | {"line": {"color": RED, "width": 1.2, "dash": "dot"}}],
        annotations=[word | {"text": "liquidation at 1", "font": {"size": 11, "color": RED}}],
    )
    caption = (
        "Maintenance margin over margin equity, by wallet, logarithmic. Line: at closes; dotted: inside "
    )
    caption += "the bar, all legs at their highs or lows."
    caption += f" Below {floor:g} it is not drawn." if (known < floor).any() else ""
    caption += f" {WORST_RATIO:g} stands for all that is worse." if high >= WORST_RATIO else ""
    about = (
        "A venue liquidates when what a position needs (maintenance) reaches what stands behind it "
        "(margin equity): at a ratio of 1. A ratio of 0.05 means that a twentieth was needed. The truth "
        "between two closes lies between the line and the dots. Nothing is drawn where no margin is "
        "needed."
    )
    return Figure("margin", "How near to liquidation", caption, tuple(data), layout, about)


def _inside(result: Result) -> list[Spec]:
    """The margin ratio inside the bar, one dotted line a wallet."""
    ratio = np.where(result.margin_ratio_high_low > 0.0, result.margin_ratio_high_low, np.nan)
    found = []
    for column, name in enumerate(result.wallets):
        if np.isnan(ratio[:, column]).all():
            continue
        at = extremes(ratio[:, column], POINTS // 2)
        line = {"color": SERIES[column % len(SERIES)], "width": 1, "dash": "dot"}
        more: Spec = {"line": line, "opacity": 0.7, "showlegend": False, "hovertemplate": "%{y:.3f}"}
        found.append(curve(result.time_ns, ratio[:, column], at, name=f"{name}, inside", **more))
    return found


def _struck(result: Result, fills: Fills, judged: str, symbol: str) -> list[Spec]:
    """A marker where a wallet was liquidated: at its ratio on closes, at 1 where only highs or lows tell."""
    if not len(fills):
        return []
    wallet = np.array([result.legs[leg].wallet for leg in fills.leg])
    bars, wallets = np.unique(np.stack((bars_of(result, fills), wallet)), axis=1)
    height = np.maximum(np.nan_to_num(result.margin_ratio[bars, wallets]), 1.0)
    if symbol == "x-open":
        height = np.ones(len(bars))
    every = np.arange(len(bars))
    return [
        curve(result.time_ns[bars], height, every, name=f"liquidated, judged {judged}")
        | {
            "mode": "markers",
            "cliponaxis": False,
            "marker": {"symbol": symbol, "color": RED, "size": 10, "line": {"width": 1}},
            "hovertemplate": "%{y:.3g}",
        }
    ]


def _groups(result: Result) -> dict[str, list[int]]:
    """Legs that are drawn as one: of each spread if there are few, of each kind of spread if many."""
    if len(result.spreads) <= FEW_SPREADS:
        names = short_names(result)
        return {names[spread]: legs_of(result, spread) for spread in range(len(result.spreads))}
    found: dict[str, list[int]] = {}
    for number, one in enumerate(result.spreads):
        found.setdefault(_word(one.kind), []).extend(legs_of(result, number))
    return found


def exposure(result: Result) -> Figure:
    """Gross notional over equity, stacked by spread or kind, and below it the delta that is not hedged."""
    known = np.where(result.equity > 0.0, result.equity, np.nan)
    gross = np.abs(notional(result)) / known[:, None]
    at = extremes(gross.sum(axis=1), POINTS // 2)
    data = []
    for row, (name, legs) in enumerate(_groups(result).items()):
        more = {"stackgroup": "gross", "line": {"color": SERIES[row % len(SERIES)], "width": 0.8}}
        share = gross[:, legs].sum(axis=1)
        data.append(
            curve(result.time_ns, share, at, name=name, showlegend=True, hovertemplate="%{y:.2f}×", **more)
        )
    delta = result.residual_delta
    line = {"color": RED, "width": 1.0}
    data.append(
        curve(result.time_ns, delta, extremes(delta, POINTS), name="unhedged delta", yaxis="y2", line=line)
        | {"showlegend": False, "hovertemplate": "%{y:.3%}"}
    )
    upper, lower = stacked([3, 1], 0.1)
    layout = frame(
        370,
        hoversubplots="axis",
        xaxis=time_axis(result, anchor="y2"),
        yaxis=plain_axis(domain=upper, ticksuffix="×", nticks=5, title=side("gross ÷ equity")),
        yaxis2=plain_axis(domain=lower, tickformat=".2~%", nticks=3, rangemode="tozero", title=side("delta")),
    )
    caption = "Value of all legs over equity; below, what is not hedged."
    if len(result.spreads) > FEW_SPREADS:
        caption += f" All {count(len(result.spreads), 'spread')}, summed by kind."
    drawn = tuple(data) if gross.any() else ()
    about = (
        "Gross counts long and short legs alike: a hedge of 1 against 1 is 2 × equity. The red line is "
        "what a rise of every price by its own amount would still gain or lose, as a share of the equity: "
        "it should be near zero."
    )
    return Figure("exposure", "Size, and what was not hedged", caption, drawn, layout, about)


FIGURES: tuple[Callable[[Result], Figure], ...] = (
    equity,
    waterfall,
    accrual,
    margin,
    deepest,
    nearest,
    basis,
    heat,
    exposure,
    days,
    shares,
)


def figures(result: Result) -> tuple[Figure, ...]:
    """All figures of a run, in the order of the report."""
    return tuple(draw(result) for draw in FIGURES)
