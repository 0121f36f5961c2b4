"""Figure of the collateral study: the least collateral by structure and delay, as plain SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collateral_pairs import DELAYS_H
from stress_figure import FAINT, INK, PAPER, RULE, Scale, line, logarithmic, text

WIDTH, LEFT, RIGHT = 920, 272, 888
ROW, TOP, GAP = 19.0, 118.0, 74.0  # height of a row, of the legend, of the room between the panels
LEAST = 0.02  # of the axis; what needs less stands at its edge
RESTORE_AT = 0.1  # the margin ratio whose delays are drawn
RAMP = ("#9ecae1", "#5ba3d0", "#2171b5", "#08306b")  # of the delays


@dataclass(frozen=True)
class Pen:
    """How one structure is drawn."""

    structure: str
    label: str
    color: str
    shape: str  # "square" | "ring" | "diamond" | "triangle" | "dot"


PENS = (
    Pen("unified", "unified", "#0f766e", "diamond"),
    Pen("portfolio", "portfolio", "#7c3aed", "triangle"),
    Pen("unified, debt limit", "unified, debts limited", "#c2410c", "ring"),
    Pen("separate", "separate", INK, "square"),
    *(
        Pen(f"restore at {RESTORE_AT:g}, {hours:g} h", f"{hours:g} h", color, "dot")
        for hours, color in zip(DELAYS_H, RAMP, strict=True)
    ),
)


@dataclass(frozen=True)
class Row:
    """A pair in one direction: collateral by structure, what the mark is drawn at."""

    label: str
    needs: Mapping[str, float]


@dataclass(frozen=True)
class Panel:
    """Rows under one heading, on one axis."""

    title: str
    rows: Sequence[Row]
    most: float  # of the axis
    marks: Sequence[float]


def mark(pen: Pen, x: float, y: float) -> str:
    """The sign of a structure."""
    paper = f'stroke="{PAPER}" stroke-width="0.8"'
    if pen.shape == "square":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{pen.color}" {paper}/>'
    if pen.shape == "diamond":
        path = f"M{x:.1f},{y - 5.4:.1f}l5.4,5.4l-5.4,5.4l-5.4,-5.4z"
        return f'<path d="{path}" fill="{pen.color}" {paper}/>'
    if pen.shape == "triangle":
        path = f"M{x:.1f},{y - 5:.1f}l5,8.6h-10z"
        return f'<path d="{path}" fill="none" stroke="{pen.color}" stroke-width="1.6"/>'
    if pen.shape == "ring":
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="{pen.color}" stroke-width="1.6"/>'
        )
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{pen.color}" {paper}/>'


def drawn_row(row: Row, x: Scale, y: float) -> list[str]:
    """A line from the least to the most, and a mark for each structure."""
    found = [(pen, x(row.needs[pen.structure])) for pen in reversed(PENS) if pen.structure in row.needs]
    places = [place for _, place in found]
    return [
        text(LEFT - 12, y + 4, row.label, "end"),
        line(min(places), y, max(places), y, RULE, 3.0),
        *(mark(pen, place, y) for pen, place in found),
    ]


def panel(one: Panel, top: float) -> list[str]:
    """Heading, axis, rows."""
    bottom = top + ROW * len(one.rows)
    x = logarithmic(LEAST, one.most, LEFT, RIGHT)
    drawn = [text(24, top - 20, one.title, more=' font-weight="600"')]
    for value in one.marks:
        place = x(value)
        drawn.append(line(place, top, place, bottom, RULE))
        edge = "≤ " if value == LEAST else ""
        drawn.append(text(place, bottom + 16, f"{edge}{value:g}", "middle", FAINT))
    drawn.append(line(LEFT, bottom, RIGHT, bottom, FAINT))
    for number, row in enumerate(one.rows):
        drawn += drawn_row(row, x, top + ROW * (number + 0.5))
    return drawn


def legend() -> list[str]:
    """What the marks mean."""
    drawn, x = [], 30.0
    for pen in PENS[:4]:
        drawn += [mark(pen, x, 52), text(x + 11, 56, pen.label)]
        x += 36 + 6.6 * len(pen.label)
    words = "grey: from the least to the most"
    drawn += [line(x - 6, 52, x + 14, 52, RULE, 3.0), text(x + 20, 56, words)]
    words = f"separate, topped up at a margin ratio of {RESTORE_AT:g}, cash on its way for"
    drawn.append(text(24, 80, words))
    x = 24.0 + 6.1 * len(words) + 10
    for pen in PENS[4:]:
        drawn += [mark(pen, x, 76), text(x + 11, 80, pen.label)]
        x += 30 + 6.8 * len(pen.label)
    return drawn


def svg(title: str, panels: Sequence[Panel]) -> str:
    """The whole figure."""
    drawn = [text(24, 26, title, more=' font-size="16" font-weight="600"'), *legend()]
    top = TOP + 22.0
    for one in panels:
        drawn += panel(one, top)
        top += ROW * len(one.rows) + GAP
    height = top - GAP + 34.0
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" '
        f'font-size="12" role="img" aria-label="{title}">\n'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="{PAPER}"/>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )
