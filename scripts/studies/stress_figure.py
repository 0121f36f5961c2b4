"""Figures of the stress studies as plain SVG: gap and funding, equity, margin ratio with liquidations."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from stress_runs import CAPITAL, Run, Study

from narrows.core.arrays import Float1D, Int1D

WIDTH, HEIGHT = 920, 760
LEFT, RIGHT, MIDDLE = 66, 890, 478  # of the panels; the lower ones stand in two columns
GUTTER = 33  # half the room between the columns
INK, FAINT, RULE, PAPER = "#1b1f24", "#59636e", "#dfe3e8", "#ffffff"
GAP, FUNDING = "#1b1f24", "#c2410c"
MOST_POINTS = 210  # of a line
RATIOS = (0.005, 10.0)  # of the margin axis
LANE = 8  # height of a row of liquidation marks


@dataclass(frozen=True)
class Pen:
    """How one structure is drawn."""

    name: str
    leverage: float
    label: str
    color: str
    width: float
    dash: str = ""


PENS = (
    Pen("unified, cross", 3.0, "unified, 3×", "#1f6feb", 1.8),
    Pen("unified, cross, full", 3.0, "unified in full", "#7c3aed", 1.8, "7 3"),
    Pen("unified, portfolio", 3.0, "portfolio, 3×", "#db2777", 2.0, "2 3"),
    Pen("separate, cross", 1.0, "separate, 1×", "#0f766e", 1.8, "2 2.5"),
    Pen("separate, cross", 3.0, "separate, 3×", "#d97706", 3.2),
    Pen("separate, isolated", 3.0, "isolated, 3×", "#7f1d1d", 1.2),
)

Scale = Callable[[float], float]


@dataclass(frozen=True)
class Box:
    """A panel: its frame in pixels and its scales."""

    left: float
    right: float
    top: float
    bottom: float
    x: Scale
    y: Scale


def text(x: float, y: float, words: str, anchor: str = "start", color: str = INK, more: str = "") -> str:
    """Words on the paper."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{more}>{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, color: str, width: float = 1.0) -> str:
    """A straight stroke."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
        f'stroke-width="{width:g}"/>'
    )


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """A value between low and high as a pixel between start and end."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """The same on a logarithmic axis; values beyond it stand at its edge."""
    inner = linear(math.log(low), math.log(high), start, end)
    return lambda value: inner(math.log(min(max(value, low), high)))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between low and high."""
    raw = (high - low) / about
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(one * base for one in (1.0, 2.0, 5.0, 10.0) if one * base >= raw * (1 - 1e-9))
    return [
        number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def days(time_ns: Int1D, about: int) -> list[int]:
    """Midnights inside a window, every so many days."""
    day = 86_400 * 10**9
    first, last = -(-int(time_ns[0]) // day), int(time_ns[-1]) // day
    step = max(1, math.ceil((last - first + 1) / about))
    return [number * day for number in range(first, last + 1, step)]


def frame(box: Box, marks: Sequence[tuple[float, str]], dates: Sequence[int], dated: bool) -> list[str]:
    """Grid, labels and baseline of a panel."""
    drawn = []
    for value, label in marks:
        y = box.y(value)
        drawn.append(line(box.left, y, box.right, y, RULE))
        drawn.append(text(box.left - 6, y + 4, label, "end", FAINT))
    for stamp in dates:
        x = box.x(float(stamp))
        drawn.append(line(x, box.bottom, x, box.bottom + 4, FAINT))
        if dated:
            when = datetime.fromtimestamp(stamp / 1e9, UTC)
            anchor = "end" if x > box.right - 16.0 else "middle"
            drawn.append(text(x, box.bottom + 17, f"{when.day} {when:%b}", anchor, FAINT))
    drawn.append(line(box.left, box.bottom, box.right, box.bottom, FAINT))
    return drawn


def thinned(values: Float1D, worst: bool) -> tuple[Int1D, Float1D]:
    """At most MOST_POINTS of a series: the largest (or the last) of each handful, and where they stand."""
    step = -(-len(values) // MOST_POINTS)
    edges = np.arange(0, len(values), step)
    rows = [
        start
        + (int(np.argmax(values[start : start + step])) if worst else min(step, len(values) - start) - 1)
        for start in edges.tolist()
    ]
    kept = np.array(rows, dtype=np.int64)
    return kept, values[kept]


def points(box: Box, time_ns: Int1D, values: Float1D) -> list[str]:
    """Pixels of a series; of a level stretch only its ends."""
    pixels = [f"{box.x(float(t)):.0f},{box.y(float(v)):.1f}" for t, v in zip(time_ns, values, strict=True)]
    heights = [one.split(",")[1] for one in pixels]
    last = len(pixels) - 1
    return [
        pixels[n]
        for n in range(len(pixels))
        if n in (0, last) or not heights[n - 1] == heights[n] == heights[n + 1]
    ]


def path(places: Sequence[str], pen: Pen) -> str:
    """A series as a stroke."""
    dash = f' stroke-dasharray="{pen.dash}"' if pen.dash else ""
    opacity = ' stroke-opacity="0.75"' if pen.width > 3.0 else ""
    return (
        f'<polyline points="{" ".join(places)}" fill="none" stroke="{pen.color}" '
        f'stroke-width="{pen.width:g}" stroke-linejoin="round"{dash}{opacity}/>'
    )


def gap_panel(study: Study) -> list[str]:
    """Gap at the closes and each settlement of funding, both in basis points."""
    time_ns, gap = study.panel.time_ns, study.gap * 1e4
    funding = study.of("funding", 1) * 1e4
    known = np.flatnonzero(np.isfinite(funding))
    low = min(float(gap.min()), float(funding[known].min()), 0.0)
    high = max(float(gap.max()), float(funding[known].max()), 0.0)
    room = 0.06 * (high - low)
    top, bottom = 120.0, 280.0
    box = Box(
        LEFT, RIGHT, top, bottom,
        linear(float(time_ns[0]), float(time_ns[-1]), LEFT, RIGHT),
        linear(low - room, high + room, bottom, top),
    )  # fmt: skip
    marks = [(value, f"{value:,.0f}") for value in ticks(low - room, high + room, 5)]
    drawn = frame(box, marks, days(time_ns, 12), dated=True)
    drawn.append(text(LEFT, top - 12, "Perpetual over spot at the closes, bp", color=GAP))
    drawn.append(text(RIGHT, top - 12, "funding, bp of each settlement (sticks with dots)", "end", FUNDING))
    drawn.append(line(LEFT, box.y(0.0), RIGHT, box.y(0.0), FAINT, 0.8))
    drawn.append(path(points(box, time_ns, gap), Pen("", 0.0, "", GAP, 1.3)))
    for row in known.tolist():
        x, y = box.x(float(time_ns[row])), box.y(float(funding[row]))
        drawn.append(line(x, box.y(0.0), x, y, FUNDING, 1.6))
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{FUNDING}"/>')
    return drawn


def equity_panel(study: Study, runs: Sequence[tuple[Pen, Run]], left: float, right: float) -> list[str]:
    """Equity over the capital."""
    time_ns = study.panel.time_ns
    series = [run.result.equity / CAPITAL * 100.0 for _, run in runs]
    low, high = min(float(one.min()) for one in series), max(float(one.max()) for one in series)
    room = 0.08 * (high - low)
    top, bottom = 356.0, 496.0
    box = Box(
        left, right, top, bottom,
        linear(float(time_ns[0]), float(time_ns[-1]), left, right),
        linear(low - room, high + room, bottom, top),
    )  # fmt: skip
    at = ticks(low - room, high + room, 5)
    digits = 0 if at[1] - at[0] >= 0.999 else 1
    drawn = frame(box, [(value, f"{value:.{digits}f}") for value in at], days(time_ns, 5), dated=False)
    drawn.append(text(left, top - 10, "Equity, % of the capital (judged at closes)", color=FAINT))
    for (pen, _), values in zip(runs, series, strict=True):
        rows, kept = thinned(values, worst=False)
        drawn.append(path(points(box, time_ns[rows], kept), pen))
    return drawn


def at_closes(run: Run) -> tuple[Int1D, Float1D]:
    """Margin ratio of the worst wallet while any needs margin, thinned."""
    rows, closes = thinned(run.result.margin_ratio.max(axis=1), worst=True)
    return rows[closes > 0.0], closes[closes > 0.0]


def band(box: Box, time_ns: Int1D, run: Run, color: str) -> str:
    """From the margin ratio at closes to the one inside the bar."""
    rows, closes = at_closes(run)
    inside = np.nanmax(run.result.margin_ratio_high_low, axis=1)[rows]
    there = points(box, time_ns[rows], closes)
    back = points(box, time_ns[rows][::-1], np.maximum(inside, closes)[::-1])
    return f'<polygon points="{" ".join(there + back)}" fill="{color}" fill-opacity="0.22"/>'


def died(box: Box, run: Run, pen: Pen, y: float) -> list[str]:
    """When a run was liquidated first: a cross by closes, a ring inside the bar."""
    drawn = []
    inside, closes = run.deaths(high_low=True), run.deaths(high_low=False)
    if len(inside):
        x = box.x(float(inside.time_ns[0]))
        drawn.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.8" fill="none" stroke="{pen.color}" stroke-width="1.5"/>'
        )
    if len(closes):
        x = box.x(float(closes.time_ns[0]))
        for up in (-1.0, 1.0):
            drawn.append(line(x - 2.6, y - 2.6 * up, x + 2.6, y + 2.6 * up, pen.color, 1.7))
    return drawn


def margin_panel(study: Study, runs: Sequence[tuple[Pen, Run]], left: float, right: float) -> list[str]:
    """Margin ratio of the worst wallet, with the liquidations above it."""
    time_ns = study.panel.time_ns
    top, bottom = 543.0 + LANE * len(PENS), 728.0
    box = Box(
        left, right, top, bottom,
        linear(float(time_ns[0]), float(time_ns[-1]), left, right),
        logarithmic(*RATIOS, bottom, top),
    )  # fmt: skip
    marks = [(RATIOS[0], f"≤{RATIOS[0]:g}"), (0.01, "0.01"), (0.1, "0.1"), (1.0, "1"), (10.0, "≥10")]
    drawn = frame(box, marks, days(time_ns, 5), dated=True)
    drawn.append(text(left, 532, "Margin ratio, worst wallet (band: closes to inside the bar)", color=FAINT))
    drawn.append(line(left, box.y(1.0), right, box.y(1.0), "#b42318", 1.0))
    for pen, run in runs:
        drawn.append(band(box, time_ns, run, pen.color))
    for number, (pen, run) in enumerate(runs):
        rows, kept = at_closes(run)
        drawn.append(path(points(box, time_ns[rows], kept), pen))
        drawn += died(box, run, pen, 543.0 + LANE * (number + 0.4))
    return drawn


def legend() -> list[str]:
    """What the strokes and marks mean."""
    drawn, x = [], float(LEFT)
    for pen in PENS:
        drawn.append(path([f"{x:.0f},46", f"{x + 26:.0f},46"], pen))
        drawn.append(text(x + 32, 50, pen.label))
        x += 54 + 6.4 * len(pen.label)
    ring = f'<circle cx="{LEFT + 5}" cy="68" r="3.8" fill="none" stroke="{INK}" stroke-width="1.5"/>'
    cross = [line(LEFT + 232, 68 - 3 * up, LEFT + 238, 68 + 3 * up, INK, 1.7) for up in (-1.0, 1.0)]
    words = [
        text(LEFT + 16, 72, "liquidated, judged inside the bar", color=FAINT),
        text(LEFT + 246, 72, "liquidated, judged at closes", color=FAINT),
    ]
    return [*drawn, ring, *cross, *words]


def svg(study: Study) -> str:
    """The figure of a window."""
    drawn = [text(LEFT, 26, study.window.title, more=' font-size="16" font-weight="600"')]
    drawn += legend() + gap_panel(study)
    columns = (
        ("long", "Long the spread: spot bought, perpetual sold", LEFT, MIDDLE - GUTTER),
        ("reverse", "Reverse: borrowed spot sold, perpetual bought", MIDDLE + GUTTER, RIGHT),
    )
    for direction, head, left, right in columns:
        runs = [(pen, study.run(direction, pen.name, pen.leverage)) for pen in PENS]
        drawn.append(text(left, 326, head, more=' font-weight="600"'))
        drawn += equity_panel(study, runs, left, right) + margin_panel(study, runs, left, right)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" '
        f'font-size="12" role="img" aria-label="{study.window.title}: gap, equity and margin ratio">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{PAPER}"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )
