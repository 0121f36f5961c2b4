"""The figure of who survives: a row for each hedge, a column for each account, equity left and how it ended."""

import math

from stress_figure import FAINT, INK, PAPER, RULE, Scale, line, linear, text
from stress_runs import Run
from stress_tables import moment
from survival_page import adl, direction, left, outcome
from survival_runs import COMPARED, WAY, Case, Survival

WIDTH = 920
LEFT, RIGHT, TOP = 214, 914, 156  # of the columns
ROW, HEAD, BREAK = 19, 20, 9  # heights: a hedge, the name of its market, the room between markets
GUTTER = 36  # between columns
HALO = f' stroke="{PAPER}" stroke-width="3" paint-order="stroke"'  # so that no line runs through the words
ALIVE, SOLD, DEAD = "#0f766e", "#b45309", "#b42318"
HEADS = {
    "separate, cross": ("separate", "cross, ¾"),
    "separate, isolated": ("separate", "isolated, ¾"),
    "unified, cross": ("unified", "by tiers, ¾"),
    "unified, portfolio": ("unified", "portfolio, ¾"),
    "unified, cross, full": ("unified", "by tiers, in full"),
    "unified, portfolio, full": ("unified", "portfolio, in full"),
}


def mark(x: float, y: float, how: str, sold: bool) -> list[str]:
    """The end of a stroke: a dot lives, a square lives with coins sold, a cross died, a ring inside the bar only."""
    if how == "inside":
        return [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{PAPER}" stroke="{DEAD}" stroke-width="1.7"/>'
        ]
    if how == "closes":
        return [line(x - 3.4, y - 3.4 * up, x + 3.4, y + 3.4 * up, DEAD, 2.0) for up in (-1.0, 1.0)]
    if sold:
        return [f'<rect x="{x - 3.3:.1f}" y="{y - 3.3:.1f}" width="6.6" height="6.6" fill="{SOLD}"/>']
    return [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{ALIVE}"/>']


def cell(case: Case, run: Run, x: Scale, y: float) -> list[str]:
    """One hedge in one account: from the capital to what is left, and when it died."""
    how, kept = outcome(run), left(case, run)
    color = DEAD if how != "lives" else SOLD if run.sold else ALIVE
    drawn = [line(x(1.0), y, x(kept), y, color, 2.2), *mark(x(kept), y, how, bool(run.sold))]
    if how != "lives":
        dead = run.deaths(high_low=how == "inside")
        words = f"{run.kind(int(dead.leg[0]))} {moment(int(dead.time_ns[0]))[:5]}"
        away = -1.0 if kept > 1.0 else 1.0
        anchor = "start" if away > 0 else "end"
        drawn.append(text(x(1.0) + 6.0 * away, y + 3.5, words, anchor, DEAD, ' font-size="10.5"' + HALO))
    return drawn


def column(number: int, low: float, high: float) -> Scale:
    """The axis of an account."""
    wide = (RIGHT - LEFT) / len(COMPARED)
    start = LEFT + number * wide
    return linear(low, high, start + GUTTER / 2, start + wide - GUTTER / 2)


def axes(low: float, high: float, bottom: float) -> list[str]:
    """Heads, grid and values of every column."""
    drawn = []
    for number, name in enumerate(COMPARED):
        x = column(number, low, high)
        middle = x((low + high) / 2.0)
        above, below = HEADS[name]
        drawn.append(text(middle, TOP - 42, above, "middle", more=' font-weight="600"'))
        drawn.append(text(middle, TOP - 27, below, "middle"))
        for tenth in range(round(low * 10.0), round(high * 10.0) + 1):
            value = tenth / 10.0
            drawn.append(line(x(value), TOP - 4, x(value), bottom, FAINT if tenth == 10 else RULE))
            if tenth % 2 == 0:
                for y in (TOP - 9, bottom + 14):
                    drawn.append(
                        text(x(value), y, f"{value * 100:.0f}", "middle", FAINT, ' font-size="10.5"')
                    )
    return drawn


def legend() -> list[str]:
    """What the marks mean."""
    words = (
        ("lives", False, "lives"),
        ("lives", True, "lives, coins sold by force"),
        ("closes", False, "liquidated, judged at closes: leg and day"),
        ("inside", False, "liquidated inside the bar only"),
    )
    drawn, x = [], 22.0
    for how, sold, label in words:
        drawn += mark(x, 57.0, how, sold)
        drawn.append(text(x + 10, 61, label, color=FAINT))
        x += 40 + 6.1 * len(label)
    words = f"ADL: of the winning perpetual, {WAY:.0%} of the way from open to extreme of the hour with the largest move"
    return [*drawn, text(18, 81, words + ", hedged again at the next open", color=FAINT)]


def figure(found: Survival) -> str:
    """The figure."""
    values = [left(case, run) for case in found.cases for run in case.runs.values()]
    low = math.floor(min(*values, 0.9) * 10.0) / 10.0
    high = math.ceil(max(*values, 1.1) * 10.0) / 10.0
    drawn, y, market = [], float(TOP), ""
    for case in found.cases:
        if case.study.window.title != market:
            y += HEAD + (BREAK if market else 0)
            market = case.study.window.title
            drawn.append(text(18, y - 5, market, more=' font-weight="600"' + HALO))
        y += ROW
        words = f"{direction(case.long)}, ADL of {adl(case.share)}" if case.share else direction(case.long)
        drawn.append(text(30, y - 5, words, color=INK if not case.share else FAINT))
        for number, name in enumerate(COMPARED):
            drawn += cell(case, case.runs[name], column(number, low, high), y - 9)
    height = y + 30
    title = "Who survives: equity left of each hedge, % of the capital"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" '
        f'font-size="12" role="img" aria-label="{title}, in six accounts">\n'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="{PAPER}"/>\n'
        + "\n".join(
            [
                text(18, 30, title, more=' font-size="16" font-weight="600"'),
                *legend(),
                *axes(low, high, y + 2),
                *drawn,
            ]
        )
        + "\n</svg>\n"
    )
