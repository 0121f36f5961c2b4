"""The figures of a study: the gap in its band, the cycles, the clamp, the half-life, the arrows, the fan."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from narrows.analytics.estimate import NORMAL_90, Estimate
from narrows.analytics.study import Expiry, Funding, Study
from narrows.core.arrays import Float1D
from narrows.core.time import HOUR_NS, iso
from narrows.core.units import to_bps
from narrows.report.figure import (
    BAND,
    GREEN,
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
)
from narrows.report.numbers import count
from narrows.report.thin import extremes, packed

BLUE, ORANGE = SERIES[0], SERIES[1]
FAN_PAST_H = 240.0  # of the gap before the fan
LIGHT, DARKER = "rgba(59,125,216,0.14)", "rgba(59,125,216,0.28)"
HOURS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)  # of a log axis
DRAWN = 1_500  # points of a cloud


def _date(study: Study, **more: object) -> Spec:
    first = int(study.time_ns[0]) - round(study.bar_h * HOUR_NS)
    span = [iso(first), iso(int(study.time_ns[-1]))]
    return plain_axis(
        type="date", showgrid=False, nticks=8, hoverformat="%Y-%m-%d %H:%M", **({"range": span} | more)
    )


def _bps(values: Float1D) -> Float1D:
    return np.asarray(to_bps(values))


def _scale(*series: Float1D) -> list[float]:
    """A range that shows all but the wildest half per cent on each side, with the band in it."""
    known = np.concatenate([one[np.isfinite(one)] for one in series])
    if not len(known):
        return [-1.0, 1.0]
    low, high = np.quantile(known, (0.002, 0.998))
    room = 0.08 * (high - low) or 1.0
    return [float(low - room), float(high + room)]


def _shade(x: Spec, low: Float1D, high: Float1D, name: str, fill: str = BAND) -> list[Spec]:
    """The area between two lines."""
    line: Spec = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        line | {"y": packed(low, "f4"), "showlegend": False},
        line | {"y": packed(high, "f4"), "fill": "tonexty", "fillcolor": fill, "name": name},
    ]


def gap_in_band(study: Study) -> Figure:
    """The gap over time, and the prices between which no round trip pays."""
    gap, fair = _bps(study.basis), _bps(study.fair)
    at = extremes(gap, POINTS)
    low, high = _bps(study.lo)[at], _bps(study.hi)[at]
    outside = np.where(study.outside != 0.0, gap, np.nan)
    span = _scale(gap, low, high)
    data: list[Spec] = []
    if np.isfinite(low).any() and np.isfinite(high).any():
        x = packed(study.time_ns[at] / 1e6, "f8")
        data += _shade(
            x, np.clip(low, span[0], span[1]), np.clip(high, span[0], span[1]), "no round trip pays"
        )
        data.append(
            curve(study.time_ns, fair, at, name="fair", line={"color": GREY, "width": 1, "dash": "dash"})
        )
    data.append(curve(study.time_ns, gap, at, name="gap", line={"color": BLUE, "width": 1.2}))
    if np.isfinite(outside).any():
        some = np.flatnonzero(np.isfinite(outside))
        few = some[np.unique(np.linspace(0, len(some) - 1, DRAWN).astype(np.int64))]
        mark: Spec = {"mode": "markers", "marker": {"color": RED, "size": 4}}
        data.append(curve(study.time_ns, outside, few, name="outside") | mark)
    known = np.isfinite(study.outside)
    share = float(np.mean(study.outside[known] != 0.0)) if known.any() else math.nan
    caption = "Second leg over first − 1, basis points."
    if math.isfinite(share):
        caption += f" Outside the band in {share:.1%} of the bars."
    about = (
        "The band holds every gap at which neither the trade nor its reverse pays once borrowing, lending, "
        "fees and funding are counted. A gap inside it is no mispricing, however odd. What counts is "
        "how far outside it stands. Where an end of the band is not drawn, nothing bounds the gap there."
    )
    y = plain_axis(range=span, title=side("bp"), hoverformat=".1f")
    layout = frame(400, xaxis=_date(study), yaxis=y)
    return Figure("gap", "The gap and what is fair", caption, tuple(data), layout, about)


def cycles(found: Expiry) -> Figure:
    """Every contract by days to delivery, and their mean with its interval."""
    data: list[Spec] = []
    furthest = max((float(one.days_left.max(initial=0.0)) for one in found.cycles), default=0.0)
    if len(found.days_grid) and np.isfinite(found.lo).any():
        x = packed(found.days_grid, "f8")
        data += _shade(x, _bps(found.lo), _bps(found.hi), "mean, 90 %", DARKER)
    for number, one in enumerate(found.cycles):
        at = extremes(one.deviation, POINTS // 4)
        faint = {
            "color": SERIES[number % len(SERIES)],
            "width": 1.0,
            "dash": "solid" if number < 6 else "dot",
        }
        name = one.instrument.rsplit(".", 1)[0] + ("" if one.delivered else ", running")
        line: Spec = {
            "type": "scatter",
            "mode": "lines",
            "name": escape(name),
            "line": faint,
            "opacity": 0.75,
            "x": packed(one.days_left[at], "f8"),
            "y": packed(_bps(one.deviation)[at], "f4"),
        }
        data.append(line)
    if len(found.days_grid):
        mean = {"color": BLUE, "width": 2.6}
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "mean of the cycles",
                "line": mean,
                "x": packed(found.days_grid, "f8"),
                "y": packed(_bps(found.mean), "f4"),
            }
        )
    delivered = [one for one in found.cycles if one.delivered]
    caption = (
        f"{count(len(found.cycles), 'contract')}, {len(delivered)} delivered; basis points from fair value."
    )
    about = (
        "Each line is one contract on its way to delivery, aligned by the days that are left. Whatever the "
        "gap was, at zero it must be gone: the future is settled on the index. The shaded band is where the "
        "mean of the cycles lies, one observation a cycle, for the hours of one cycle are not independent."
    )
    layout = frame(
        400,
        xaxis=plain_axis(range=[furthest, 0.0], title={"text": "days to delivery"}, showgrid=False),
        yaxis=plain_axis(title=side("bp"), hoverformat=".1f"),
        margin={"l": 56, "r": 12, "t": 60, "b": 44},
    )
    return Figure("cycles", "Every cycle, by days to delivery", caption, tuple(data), layout, about)


def clamp(found: Funding) -> Figure:
    """What each settlement paid against the premium it came from, and the rule."""
    some = np.flatnonzero(np.isfinite(found.premium) & np.isfinite(found.settled))
    few = (
        some[np.unique(np.linspace(0, max(len(some) - 1, 0), DRAWN).astype(np.int64))] if len(some) else some
    )
    cloud: Spec = {
        "type": "scatter",
        "mode": "markers",
        "name": "settled",
        "hovertemplate": "%{x:.1f} → %{y:.2f}",
        "x": packed(_bps(found.premium)[few], "f4"),
        "y": packed(_bps(found.settled)[few], "f4"),
        "marker": {"color": BLUE, "size": 4, "opacity": 0.45},
    }
    rule: Spec = {
        "type": "scatter",
        "mode": "lines",
        "name": "rule in force at the end",
        "x": packed(_bps(found.clamp_premium), "f4"),
        "y": packed(_bps(found.clamp_rate), "f4"),
        "line": {"color": ORANGE, "width": 2},
    }
    data = [cloud] if len(few) else []
    data += [rule] if len(found.clamp_premium) else []
    caption = f"{escape(found.instrument)}, basis points an interval"
    caption += f"; {found.pinned:.0%} at the interest rate." if math.isfinite(found.pinned) else "."
    about = (
        "Funding is the premium pulled towards the interest rate: in the flat part it pays the interest, "
        "whatever the premium is; outside it pays the premium less the dead band, up to a cap. Points that "
        "lie off the rule show how well the premium of bars stands for the one that the venue samples."
    )
    layout = frame(
        340,
        hovermode="closest",
        xaxis=plain_axis(
            title={"text": "mean premium of the interval, bp"}, range=_scale(_bps(found.premium))
        ),
        yaxis=plain_axis(title=side("settled, bp"), range=_scale(_bps(found.settled))),
        margin={"l": 56, "r": 12, "t": 34, "b": 44},
    )
    return Figure(f"clamp-{found.instrument}", "Funding against premium", caption, tuple(data), layout, about)


def _whisker(x: list[object], y: list[object], colour: str, width: float, opacity: float) -> Spec:
    """An interval as a thick pale line."""
    line: Spec = {"color": colour, "width": width}
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "line": line,
        "opacity": opacity, "showlegend": False, "hoverinfo": "skip",
    }  # fmt: skip


def _dots(x: list[object], y: list[object], marker: Spec, **more: object) -> Spec:
    """Points with a name or a hover of their own."""
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker} | more


def _lives(study: Study, top: float) -> list[Spec]:
    """Each window's half-life and interval; one without an upper end is drawn up to `top`."""
    found = study.equilibrium
    drawn = [
        (iso(int(end)), one)
        for end, one in zip(found.windows_ns, found.half_lives, strict=True)
        if math.isfinite(one.lo)
    ]
    data = [
        _whisker([when, when], [one.lo, min(one.hi, top)], BLUE if one.hi < math.inf else GREY, 3, 0.55)
        for when, one in drawn
    ]
    known = [(when, one.value) for when, one in drawn if math.isfinite(one.value)]
    if known:
        when, values = (list(part) for part in zip(*known, strict=True))
        name = "half-life, median-unbiased"
        data.append(_dots(when, values, {"color": BLUE, "size": 8}, name=name, hovertemplate="%{y:.1f} h"))
    endless = [when for when, one in drawn if one.hi == math.inf]
    if endless:
        marker: Spec = {"color": GREY, "size": 9, "symbol": "triangle-up"}
        name = "no upper end: a unit root is not excluded"
        data.append(_dots(list(endless), [top] * len(endless), marker, name=name, hoverinfo="skip"))
    return data


def half_lives(study: Study) -> Figure:
    """Half-life of the gap by window, with its interval."""
    found = study.equilibrium
    ends = [end for one in found.half_lives for end in one[:3] if 0.0 < end < math.inf] or [1.0]
    top = 1.6 * max(ends)
    now = lasting(found.half_life_h, study.bar_h)
    caption = f"Hours for a deviation to halve, 90 % intervals. Last 90 days: {now}."
    about = (
        "Each bar is one window of the history. A long interval is the honest answer to a short window: the "
        "plain estimate is biased towards fast reversion. A triangle means that the data do not exclude that "
        "the gap never closes; then no size should lean on it."
    )
    y = plain_axis(
        type="log",
        title=side("hours, log"),
        hoverformat=".1f",
        range=[math.log10(0.8 * min(ends)), math.log10(1.25 * top)],
        tickvals=list(HOURS),
        ticktext=[f"{hours:g}" for hours in HOURS],
    )
    room = (study.time_ns[-1] - study.time_ns[0]) // 40  # for the last window's bar
    span = [iso(int(study.time_ns[0])), iso(int(study.time_ns[-1] + room))]
    layout = frame(340, hovermode="closest", xaxis=_date(study, range=span), yaxis=y)
    data = tuple(_lives(study, top))
    return Figure("half_life", "How long a deviation lasts", caption, data, layout, about)


def arrows(study: Study) -> Figure:
    """Which leg closes the gap: how far each moves a bar, as a share of it."""
    legs = study.equilibrium.legs
    data: list[Spec] = []
    notes: list[Spec] = []
    for row, one in enumerate(legs):
        if not math.isfinite(one.share.value):
            continue
        value, colour = 100.0 * one.share.value, SERIES[row % len(SERIES)]
        if one.share.known:
            ends: list[object] = [100.0 * one.share.lo, 100.0 * one.share.hi]
            data.append(_whisker(ends, [one.leg, one.leg], colour, 9, 0.25))
        hover = "%{x:.2f} % of the gap a bar<extra></extra>"
        dot: Spec = {"color": colour, "size": 7}
        data.append(_dots([value], [one.leg], dot, showlegend=False, hovertemplate=hover))
        notes.append(_arrow(value, one.leg, colour))
    caption = f"Per cent of the gap that each leg closes in a bar of {study.bar_h:g} h; shaded: 90 %. "
    caption += (
        f"Half-life of the correction: {lasting(study.equilibrium.correction_half_life_h, study.bar_h)}."
    )
    about = (
        "An arrow to the right: that leg moves towards the other when they are apart. The leg that moves is "
        "the one that was mispriced; the leg that stays leads. Trade the one that moves with patience and "
        "hedge on the one that leads."
    )
    layout = frame(
        110 + 60 * max(len(legs), 1),
        hovermode="closest",
        annotations=notes,
        showlegend=False,
        xaxis=plain_axis(title={"text": "% of the gap a bar, towards the other leg"}, zeroline=True),
        yaxis=plain_axis(type="category", autorange="reversed", showgrid=False, automargin=True),
        margin={"l": 56, "r": 16, "t": 12, "b": 44},
    )
    return Figure("arrows", "Which leg closes the gap", caption, tuple(data), layout, about)


def _arrow(to: float, leg: str, colour: str) -> Spec:
    """From zero to where a leg moves."""
    return {
        "x": to, "y": leg, "ax": 0, "ay": leg, "xref": "x", "yref": "y", "axref": "x", "ayref": "y",
        "showarrow": True, "arrowhead": 2, "arrowwidth": 2.4, "arrowcolor": colour, "text": "",
    }  # fmt: skip


def fan(study: Study) -> Figure:
    """The gap of the last days and where it is expected to go."""
    found = study.equilibrium
    recent = np.flatnonzero(study.time_ns >= study.time_ns[-1] - FAN_PAST_H * HOUR_NS)
    past = _bps(study.basis)
    data: list[Spec] = [
        curve(study.time_ns, past, recent, name="gap", line={"color": BLUE, "width": 1.4}),
    ]
    if len(found.fan_h):
        ahead = study.time_ns[-1] + (found.fan_h * HOUR_NS).astype(np.int64)
        x = packed(ahead / 1e6, "f8")
        low, lower, middle, upper, high = (_bps(one) for one in found.fan)
        data += _shade(x, low, high, "90 %", LIGHT)
        data += _shade(x, lower, upper, "half of all paths", DARKER)
        every = np.arange(len(ahead))
        data.append(curve(ahead, middle, every, name="median", line={"color": ORANGE, "width": 2}))
        caption = f"Basis points; {found.fan_h[-1]:.0f} hours from {iso(int(study.time_ns[-1]))} on."
    else:
        caption = f"Basis points. No forecast: {_no_fan(study)}."
    about = (
        "Left the gap as it was, right where it is expected to be: the line is the middle of all paths, the "
        "shaded areas hold half of them and nine in ten. The parameters are taken as known, so the true "
        "uncertainty is larger; the half-life's interval says by how much."
    )
    end = study.time_ns[-1] + (round(found.fan_h[-1]) if len(found.fan_h) else 0) * HOUR_NS
    span = [iso(int(study.time_ns[recent[0]])), iso(int(end))]
    layout = frame(340, xaxis=_date(study, range=span), yaxis=plain_axis(title=side("bp"), hoverformat=".1f"))
    return Figure("fan", "Where the gap is expected to go", caption, tuple(data), layout, about)


def _no_fan(study: Study) -> str:
    """Why nothing is forecast."""
    first = study.spread.legs[0].instrument
    if study.expiry is None:
        return study.equilibrium.half_life_h.reason or study.equilibrium.reason
    if first.kind == "future":
        return "two contracts, each on its own way to delivery; the cycles show both"
    return study.expiry.reason or "the speed of this contract is not identified"


def ahead(found: Funding) -> Figure:
    """What funding is expected to pay a short over the coming hours, with its 90 % band."""
    days = found.ahead_h / 24.0
    x = packed(days, "f8")
    mean, sd = _bps(found.ahead), _bps(found.ahead_sd)
    data: list[Spec] = []
    if len(days):
        if np.isfinite(sd).all():
            data += _shade(
                x, mean - NORMAL_90 * sd, mean + NORMAL_90 * sd, "90 % band", "rgba(21,154,120,0.18)"
            )
        line: Spec = {"color": GREEN, "width": 2}
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": packed(mean, "f4"),
                "line": line,
                "name": "expected, to a short",
            }
        )
    caption = f"{escape(found.instrument)}, basis points of notional, cumulative."
    if not np.isfinite(sd).all():
        caption += " No band: how the level moves cannot be told from these rates."
    if math.isfinite(found.break_even_h):
        caption += f" Pays for one round trip and the money after {found.break_even_h / 24.0:.1f} days."
    elif found.break_even_h == math.inf:
        caption += " Never pays for a round trip and the money as things stand."
    about = (
        "The premium is forecast, not the rate: a rate that stands at its interest says nothing about the "
        "premium behind it. Each coming interval is then sent through the clamp with its uncertainty. The "
        "band holds shocks of the premium and what the level of funding itself may do, whose speed and size "
        "are estimated."
    )
    layout = frame(
        340,
        xaxis=plain_axis(title={"text": "days ahead"}, showgrid=False),
        yaxis=plain_axis(title=side("bp")),
        margin={"l": 56, "r": 12, "t": 34, "b": 44},
    )
    return Figure(
        f"ahead-{found.instrument}", "What funding is expected to pay", caption, tuple(data), layout, about
    )


def told(found: Estimate, unit: str) -> str:
    """An estimate in words: 12.3 h (8.1 to 20.4), or why there is none."""
    if not math.isfinite(found.value):
        return found.reason or "not known"
    ends = (
        f"{_short(found.lo)} to {_short(found.hi)}"
        if math.isfinite(found.hi)
        else f"from {_short(found.lo)}, no upper end"
    )
    return f"{_short(found.value)}{unit and f' {unit}'} ({ends})"


def lasting(found: Estimate, bar_h: float) -> str:
    """A half-life in words; what is over within a bar cannot be told more closely than that."""
    if found.known and found.hi < bar_h:
        return f"less than a bar of {bar_h:g} h"
    return told(found, "h")


def shared(found: Estimate) -> str:
    """A share of the gap in words: 5.1 % (−2.0 to 12.2)."""
    value, low, high = (100.0 * one for one in found[:3])
    return told(Estimate(value, low, high, found.reason), "%")


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def study_figures(study: Study) -> Sequence[Figure]:
    """All figures of a study, in the order of its page."""
    found = [gap_in_band(study)]
    if study.expiry is not None:
        found.append(cycles(study.expiry))
    found += [half_lives(study)] if study.equilibrium.half_lives else []
    found += [arrows(study), fan(study)]
    for one in study.funding:
        found += [clamp(one), ahead(one)]
    return found
