"""The figure of the study of premiums and funding: rates through the clamp, errors by the hour, half-lives by year."""

import math
from collections.abc import Sequence

import numpy as np
from premium_runs import BP, Market, Scores, Year
from stress_figure import FAINT, INK, PAPER, RULE, Box, frame, line, linear, logarithmic, text, ticks

from narrows.core.arrays import Float1D
from narrows.rulebook.funding import clamped_rate

WIDTH, HEIGHT = 920, 700
BLUE, ORANGE, GREEN, RED = "#1f6feb", "#c2410c", "#0f766e", "#b42318"
COLOURS = {"Binance BTC": BLUE, "Binance AVAX": ORANGE, "OKX SOL": GREEN}
REACH = (21.0, 16.0)  # bp of the averaged premium and of the rate that are drawn, either side
MOST = 700  # points of a scatter
ERRORS = (
    ("nowcast", BLUE, 2.4, ""),
    ("nowcast, noise not filtered", "#7c3aed", 1.6, "6 3"),
    ("clamp of the average so far", GREEN, 1.6, "2 3"),
    ("last settled rate", ORANGE, 2.0, ""),
)


def dot(x: float, y: float, radius: float, colour: str, more: str = "") -> str:
    """A filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"{more}/>'


def stroke(points: Sequence[tuple[float, float]], colour: str, width: float, dash: str) -> str:
    """A broken line."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashed}/>'


def scatter(market: Market, premium: Float1D, rate: Float1D, left: float, note: str) -> list[str]:
    """Settled rates over averaged premiums, with the clamp that should have made them."""
    right, top, bottom = left + 248.0, 92.0, 320.0
    box = Box(
        left, right, top, bottom,
        linear(-REACH[0], REACH[0], left, right), linear(-REACH[1], REACH[1], bottom, top),
    )  # fmt: skip
    drawn = frame(box, [(value, f"{value:g}") for value in ticks(-15.0, 15.0, 6)], [], dated=False)
    for value in (-20.0, -10.0, 0.0, 10.0, 20.0):
        drawn.append(line(box.x(value), bottom, box.x(value), bottom + 4, FAINT))
        drawn.append(text(box.x(value), bottom + 17, f"{value:g}", "middle", FAINT))
    drawn.append(line(box.x(0.0), top, box.x(0.0), bottom, RULE))
    inside = np.flatnonzero((np.abs(premium) < REACH[0]) & (np.abs(rate) < REACH[1]))
    for row in inside[:: -(-len(inside) // MOST)].tolist():
        colour = COLOURS[market.name]
        drawn.append(dot(box.x(premium[row]), box.y(rate[row]), 1.5, colour, ' fill-opacity="0.4"'))
    rule = market.rule
    grid = np.array(
        [
            -REACH[0],
            (rule.formula_interest - rule.clamp) * BP,
            (rule.formula_interest + rule.clamp) * BP,
            REACH[0],
        ]
    )
    made = clamped_rate(grid / BP, rule.formula_interest, rule.clamp, np.inf) * BP
    drawn.append(stroke([(box.x(x), box.y(y)) for x, y in zip(grid, made, strict=True)], INK, 1.4, ""))
    drawn.append(text(left, top - 24, market.name, color=COLOURS[market.name], more=' font-weight="600"'))
    drawn.append(text(left, top - 8, note, color=FAINT))
    return drawn


def errors(scores: Sequence[Scores]) -> list[str]:
    """Root mean square errors against the hours that are left."""
    left, right, top, bottom = 66.0, 440.0, 440.0, 640.0
    most = max(one.rms[name] for one in scores for name, *_ in ERRORS if math.isfinite(one.rms[name])) * 1.08
    box = Box(left, right, top, bottom, linear(8.2, 0.8, left, right), linear(0.0, most, bottom, top))
    drawn = frame(box, [(value, f"{value:g}") for value in ticks(0.0, most, 5)], [], dated=False)
    for hours in range(8, 0, -1):
        drawn.append(text(box.x(hours), bottom + 17, f"{hours}", "middle", FAINT))
    drawn.append(text(left, bottom + 36, "hours to the settlement", color=FAINT))
    drawn.append(text(left, 388, "What will Binance BTC settle at?", more=' font-weight="600"'))
    drawn.append(text(left, 404, "root mean square error, bp per 8 h", color=FAINT))
    for number, (name, colour, width, dash) in enumerate(ERRORS):
        points = [(box.x(one.left_h), box.y(one.rms[name])) for one in scores if math.isfinite(one.rms[name])]
        drawn.append(stroke(points, colour, width, dash))
        y = bottom - 62.0 + 15.0 * number
        drawn.append(stroke([(left + 8, y), (left + 32, y)], colour, width, dash))
        drawn.append(text(left + 38, y + 4, name))
    return drawn


def half_lives(found: Sequence[Year]) -> list[str]:
    """Half-lives of the averaged premium by year with their intervals, and from hour to hour."""
    left, right, top, bottom = 520.0, 890.0, 440.0, 640.0
    box = Box(
        left, right, top, bottom, linear(2019.5, 2025.6, left, right), logarithmic(0.4, 500.0, bottom, top)
    )
    marks = [
        (hours, name)
        for hours, name in ((0.5, "½ h"), (2.0, "2 h"), (8.0, "8 h"), (24.0, "1 d"), (168.0, "1 w"))
    ]
    drawn = frame(box, marks, [], dated=False)
    for year in range(2020, 2026):
        drawn.append(text(box.x(year), bottom + 17, str(year), "middle", FAINT))
    drawn.append(text(left, 388, "Half-life of the premium", more=' font-weight="600"'))
    drawn.append(text(left, 404, "8 h averages with 90 % interval; hollow: hour to hour", color=FAINT))
    for number, (name, colour) in enumerate(COLOURS.items()):
        drawn.append(dot(left + 6 + 124 * number, 421, 4.0, colour))
        drawn.append(text(left + 15 + 124 * number, 425, name))
        for one in (one for one in found if one.market == name):
            x = box.x(one.year + 0.16 * (number - 1))
            if math.isfinite(one.averaged.value):
                drawn.append(line(x, box.y(one.averaged.lo), x, box.y(one.averaged.hi), colour, 2.2))
                drawn.append(dot(x, box.y(one.averaged.value), 3.6, colour))
            if math.isfinite(one.hourly.value):
                hollow = f' stroke="{colour}" stroke-width="1.4"'
                drawn.append(dot(x, box.y(one.hourly.value), 3.2, PAPER, hollow))
    return drawn


def svg(drawn: Sequence[str]) -> str:
    """The whole figure."""
    head = text(
        66,
        30,
        "Premium, funding and what can be known before it settles",
        more=' font-size="16" font-weight="600"',
    )
    under = text(
        66,
        48,
        "Settled rate (up) over the interval's average premium, both bp per 8 h; the line is the clamp",
        color=FAINT,
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" '
        'font-size="12" role="img" aria-label="Funding against premium, nowcast errors by the hour, half-lives by year">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{PAPER}"/>\n'
        + "\n".join((head, under, *drawn))
        + "\n</svg>\n"
    )
