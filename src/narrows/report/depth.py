"""The figures of depth and cost: what rests, what a size costs, who gets it, when a round trip has paid."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError
from narrows.core.units import from_bps, to_bps
from narrows.execution.cost import Curve, TwoSided, break_even_h, curve_of, round_trip
from narrows.execution.router import Source, split
from narrows.market.depth import BUY, SELL, Depth
from narrows.report.figure import SERIES, Figure, Spec, frame, plain_axis, side
from narrows.report.thin import packed

SIZES = 160  # points of a curve over sizes
LEVELS = 400  # points of a side of a book
SMALLEST = 1_000.0  # quote; where a size axis begins
ROOM = {"l": 56, "r": 16, "t": 48, "b": 46}


def _colour(number: int) -> str:
    return SERIES[number % len(SERIES)]


def _line(name: str, x: Float1D, y: Float1D, **more: object) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(name),
        "x": packed(x, "f8"),
        "y": packed(y, "f8"),
    } | more


def _stairs(depth: Depth, direction: int) -> tuple[Float1D, Float1D]:
    """Distance from the mid in bp, signed, and the quote value that rests up to there."""
    prices, _ = depth.facing(direction)
    away, value = to_bps(prices / depth.mid - 1.0), np.cumsum(depth.quoted(direction))
    if len(prices) > LEVELS:
        few = np.unique(np.linspace(0, len(prices) - 1, LEVELS).astype(np.int64))
        away, value = away[few], value[few]
    return np.asarray(away), np.asarray(value)


def depth_curves(books: Sequence[Depth], reach: float) -> Figure:
    """What rests on each venue up to a distance from its mid, both sides.

    Parameters
    ----------
    books : sequence of Depth
        Of one currency, or of several that count as one.
    reach : float
        How far the axis goes to each side, a fraction of the mid.
    """
    data: list[Spec] = []
    ends = []
    for number, one in enumerate(books):
        for direction in (SELL, BUY):
            away, value = _stairs(one, direction)
            line = {"color": _colour(number), "width": 1.8, "shape": "hv"}
            shown = direction == SELL
            data.append(
                _line(one.instrument.id, away, value, line=line, showlegend=shown, legendgroup=str(number))
            )
        ends.append(f"{one.instrument.id} to {to_bps(min(one.reach)):,.0f} bp")
    caption = (
        f"Cumulative, logarithmic; bids left, asks right of the mid. Recorded: {escape('; '.join(ends))}."
    )
    about = (
        "How much one could trade at once without going further than so far from the mid. A line that stops "
        "is a book that was recorded no further, not one that is empty there. Steep lines hold more. Some of "
        "what is shown is gone before an order arrives."
    )
    span = float(to_bps(reach))
    layout = frame(
        380,
        hovermode="closest",
        xaxis=plain_axis(
            title={"text": "bp from the mid"}, range=[-span, span], zeroline=True, ticklabelstandoff=5
        ),
        yaxis=plain_axis(title=side("rests, quote"), type="log", tickformat=".1~s", dtick=1),
        margin=ROOM,
    )
    return Figure("depth", "What rests, by distance from the mid", caption, tuple(data), layout, about)


def _sizes(largest: float) -> Float1D:
    """Notionals of a logarithmic axis."""
    if not largest > SMALLEST:
        raise ConfigError(f"largest size {largest:g}", "depth figures", f"give more than {SMALLEST:g}")
    return np.geomspace(SMALLEST, largest, SIZES)


def _notional(largest: float) -> Spec:
    ends = [math.log10(SMALLEST), math.log10(largest)]
    return plain_axis(
        ticklabelstandoff=5,
        title={"text": "size, quote"},
        type="log",
        range=ends,
        tickformat=".1~s",
        dtick=1,
        showgrid=False,
    )


def cost_against_size(curves: Sequence[Curve], largest: float) -> Figure:
    """What a size costs on each venue, one way, in bp of the mid, fees included.

    Parameters
    ----------
    curves : sequence of Curve
        By venue and direction; sales are dashed.
    largest : float
        Quote value where the axis ends. A curve without a law ends where its book does.
    """
    sizes = _sizes(largest)
    data: list[Spec] = []
    colours: dict[str, str] = {}
    for one in curves:
        name = one.depth.instrument.id
        colour = colours.setdefault(name, _colour(len(colours)))
        coin = sizes / one.depth.mid
        held = coin <= one.available if one.law is None else np.ones(len(coin), dtype=np.bool_)
        line = {"color": colour, "width": 1.8, "dash": "solid" if one.direction == BUY else "dash"}
        label = f"{'buy' if one.direction == BUY else 'sell'} {name}"
        data.append(_line(label, sizes[held], one.at(coin[held]).bps, line=line))
    caption = "Basis points of the mid, fee included; a line that stops has used up what was recorded."
    about = (
        "Where a line is flat, the size is filled at the touch, and only fee and half spread are paid. Where "
        "it rises, the book is being walked. Costs are of taking at once: whoever can wait pays less, and "
        "bears the risk of waiting."
    )
    layout = frame(
        360,
        xaxis=_notional(largest),
        yaxis=plain_axis(title=side("bp"), hoverformat=".2f", rangemode="tozero"),
        margin=ROOM | {"t": 66},
    )
    return Figure("cost-size", "What a size costs", caption, tuple(data), layout, about)


def split_against_size(sources: Sequence[Source], largest: float) -> Figure:
    """The share of each venue in the cheapest split of a size."""
    sizes = _sizes(largest)
    mid, there = sources[0].mid, sum(one.steps.total for one in sources)
    sizes = sizes[sizes / mid <= there]
    found = [split(sources, float(size / mid)) for size in sizes]
    share = np.array([one.sizes / one.sizes.sum() for one in found]).reshape(-1, len(sources))
    data: list[Spec] = []
    for number, one in enumerate(sources):
        shade = {"color": _colour(number), "width": 0.5}
        data.append(
            _line(one.name, sizes, 100.0 * share[:, number], line=shade, stackgroup="one", hoverinfo="name+y")
        )
    caption = "Per cent of the size, at one marginal price after fees and premiums; lots left aside."
    about = (
        "Small sizes go where the first coin is cheapest after fees. As that book is walked its next coin "
        "becomes as dear as the first one elsewhere, and from there on both are used. Past the right end all "
        "books together hold less than the size."
    )
    layout = frame(
        340,
        xaxis=_notional(largest),
        yaxis=plain_axis(title=side("% of the size"), range=[0, 100], hoverformat=".1f"),
        margin=ROOM,
    )
    return Figure("split-size", "Who gets how much", caption, tuple(data), layout, about)


def round_trip_break_even(legs: Sequence[TwoSided], carries_apr: Sequence[float], largest: float) -> Figure:
    """Days until the carry has paid for a round trip, against the size, for some rates of carry.

    Parameters
    ----------
    legs : sequence of TwoSided
    carries_apr : sequence of float
        Carry after financing, a fraction a year.
    largest : float
        Quote value where the axis ends.
    """
    sizes = _sizes(largest)
    mid = legs[0].entry.depth.mid
    there = min(way.available / leg.ratio for leg in legs for way in (leg.entry, leg.exit))
    sizes = sizes[sizes / mid <= there]
    cost = from_bps(round_trip(legs, sizes / mid).bps)
    data: list[Spec] = []
    for number, apr in enumerate(carries_apr):
        days = break_even_h(cost, apr / 8760.0) / 24.0
        shown = np.isfinite(days)
        line = {"color": _colour(number), "width": 1.8}
        data.append(_line(f"{apr:.0%} a year", sizes[shown], days[shown], line=line))
    names = " against ".join(leg.entry.depth.instrument.id for leg in legs)
    told = f"{to_bps(float(cost[0])):.1f} to {to_bps(float(cost[-1])):.1f} bp" if len(cost) else "no size"
    caption = f"{escape(names)}: all legs in and out of the same books, {told} with fees."
    about = (
        "A carry trade is paid for over time: so long it has to be held until what it earns makes up for "
        "getting in and out. Where a line turns upwards the size is too large for these books, and should be "
        "smaller, slower, or on more venues."
    )
    layout = frame(
        340,
        xaxis=_notional(largest),
        yaxis=plain_axis(title=side("days"), hoverformat=".1f", rangemode="tozero"),
        margin=ROOM,
    )
    return Figure("break-even", "When a round trip has paid", caption, tuple(data), layout, about)


def both_ways(books: Sequence[Depth], fees: Sequence[float]) -> list[Curve]:
    """Cost of buying and of selling on each venue, as `cost_against_size` draws them."""
    pairs = zip(books, fees, strict=True)
    return [curve_of(one, direction, fee) for one, fee in pairs for direction in (BUY, SELL)]
