"""The figure of the study on parity: implied forwards against futures, and discount factors, by days to expiry."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from stress_figure import FAINT, INK, PAPER, RULE, Scale, line, linear, logarithmic, text

from narrows.core.arrays import Float1D

WIDTH, HEIGHT = 920, 430
TOP, BOTTOM = 112, 380
PANELS = ((62, 448), (520, 902))
DAYS = (0.25, 400.0)
MARKS = (0.25, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
STEPS = np.geomspace(*DAYS, 13)  # of the bands
GOOD, BAD = "#0f766e", "#c2410c"
GAPS, FACTORS = (-45.0, 20.0), (0.95, 1.08)  # of the axes; what lies beyond stands at the edge


def scales(panel: int, low: float, high: float) -> tuple[Scale, Scale]:
    """Days and values of a panel."""
    left, right = PANELS[panel]
    return logarithmic(*DAYS, left, right), linear(low, high, BOTTOM, TOP)


def grid(panel: int, values: Sequence[float], labels: Sequence[str], y: Scale) -> list[str]:
    """Grid, labels and days."""
    left, right = PANELS[panel]
    x = logarithmic(*DAYS, left, right)
    drawn = []
    for value, label in zip(values, labels, strict=True):
        drawn.append(line(left, y(value), right, y(value), RULE))
        drawn.append(text(left - 7, y(value) + 4, label, "end", FAINT))
    for mark in MARKS:
        drawn.append(line(x(mark), BOTTOM, x(mark), BOTTOM + 4, FAINT))
        drawn.append(text(x(mark), BOTTOM + 18, f"{mark:g}", "middle", FAINT))
    drawn.append(line(left, BOTTOM, right, BOTTOM, FAINT))
    drawn.append(text((left + right) / 2.0, BOTTOM + 36, "days to expiry", "middle", FAINT))
    return drawn


def band(days: Float1D, values: Float1D, x: Scale, y: Scale, color: str) -> list[str]:
    """Median and 90 % range over steps of days."""
    low, middle, high = [], [], []
    for start, end in pairwise(STEPS.tolist()):
        inside = values[(days > start) & (days <= end) & ~np.isnan(values)]
        if len(inside) < 10:
            continue
        at = x((start * end) ** 0.5)
        for kept, share in ((low, 0.05), (middle, 0.5), (high, 0.95)):
            kept.append(f"{at:.1f},{y(float(np.clip(np.quantile(inside, share), *GAPS))):.1f}")
    return [
        f'<polygon points="{" ".join([*high, *reversed(low)])}" fill="{color}" fill-opacity="0.16"/>',
        f'<polyline points="{" ".join(middle)}" fill="none" stroke="{color}" stroke-width="2"/>',
    ]


def dots(days: Float1D, values: Float1D, x: Scale, y: Scale, color: str) -> list[str]:
    """A dot for each chain; those beyond the panel stand at its edge."""
    known = ~np.isnan(values)
    kept = np.clip(values[known], *FACTORS)
    return [
        f'<circle cx="{x(float(day)):.1f}" cy="{y(float(value)):.1f}" r="1.4" fill="{color}" fill-opacity="0.45"/>'
        for day, value in zip(days[known], kept, strict=True)
    ]


def legend(panel: int, names: Sequence[tuple[str, str]]) -> list[str]:
    """Names of the colours, above a panel."""
    drawn, at = [], float(PANELS[panel][0])
    for name, color in names:
        drawn.append(f'<rect x="{at:.1f}" y="{TOP - 27}" width="10" height="10" rx="2" fill="{color}"/>')
        drawn.append(text(at + 15, TOP - 18, name, color=FAINT))
        at += 34 + 6.4 * len(name)
    return drawn


def figure(
    days: Float1D, weighted_bp: Float1D, plain_bp: Float1D, factors: Sequence[tuple[Float1D, Float1D, str]]
) -> str:
    """The figure: bands of two forwards against the future, and the discount factors of two regressions."""
    drawn = []
    x, y = scales(0, *GAPS)
    drawn += grid(0, (-40.0, -20.0, 0.0, 20.0), ("−40", "−20", "0", "+20"), y)
    drawn += band(days, plain_bp, x, y, BAD) + band(days, weighted_bp, x, y, GOOD)
    drawn += legend(0, (("weighted, discount factor 1", GOOD), ("no weights", BAD)))
    x, y = scales(1, *FACTORS)
    levels = (0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08)
    drawn += grid(1, levels, [f"{level:.2f}" for level in levels], y)
    for (at, values, _), color in zip(factors, (BAD, GOOD), strict=True):
        drawn += dots(at, values, x, y, color)
    drawn += legend(
        1, [(label, color) for (_, _, label), color in zip(factors, (BAD, GOOD), strict=True)][::-1]
    )
    title = "Parity at Deribit: the chain's forward against the future, and what weights are worth"
    heads = (
        "Implied forward over the future, bp: median, 90 % range",
        "Discount factor of the coin, a dot a chain",
    )
    words = [text(18, 30, title, more=' font-size="16" font-weight="600"')]
    for panel, head in enumerate(heads):
        words.append(text(PANELS[panel][0], TOP - 42, head, color=INK, more=' font-weight="600"'))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="12" role="img" '
        f'aria-label="{title}">\n<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{PAPER}"/>\n'
        + "\n".join([*words, *drawn])
        + "\n</svg>\n"
    )
