"""How concentrated a run was: by venue, coin and spread, and in how few days it earned."""

import math
from dataclasses import dataclass

import numpy as np

from narrows.core.arrays import Float1D
from narrows.core.result import Result
from narrows.core.time import DAY_NS
from narrows.report.figure import (
    COLOURS,
    GREY,
    POINTS,
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
from narrows.report.months import daily_profit, months
from narrows.report.numbers import (
    count,
    decimal,
    digits_of,
    equity_path,
    instrument_of,
    moment,
    money,
    notional,
    percent,
    short_names,
)
from narrows.report.table import Table
from narrows.report.thin import extremes
from narrows.report.worst import longest_under_water

MOST = 0.7  # of the profit: how many days made it
GROUPS = 5  # drawn of one kind, the others as one


@dataclass(frozen=True, eq=False)
class Split:
    """The gross of a run by venue, coin or spread; `gross` has shape (T,) for each name."""

    kind: str
    gross: dict[str, Float1D]

    @property
    def largest(self) -> tuple[str, float, float]:
        """The name with the largest average share while something was held, that share, its largest share."""
        total = np.sum(list(self.gross.values()), axis=0)
        held = total > 0.0
        if not held.any():
            return "", math.nan, math.nan
        shares = {name: part[held] / total[held] for name, part in self.gross.items()}
        first = max(shares, key=lambda name: shares[name].mean())
        return first, float(shares[first].mean()), float(max(part.max() for part in shares.values()))


def splits(result: Result) -> tuple[Split, ...]:
    """Gross notional by venue, by coin and by spread."""
    size, spreads = np.abs(notional(result)), short_names(result)
    found = []
    for kind in ("venue", "coin", "spread"):
        parts: dict[str, Float1D] = {}
        for number, leg in enumerate(result.legs):
            one = instrument_of(result, number)
            name = {"venue": one.venue, "coin": one.base, "spread": spreads[leg.spread]}[kind]
            parts[name] = parts.get(name, np.zeros(len(size))) + size[:, number]
        found.append(Split(kind, parts))
    return tuple(found)


def shares(result: Result) -> Figure:
    """Share of each venue, coin and spread in the gross over time; only what there is more than one of."""
    several = [one for one in splits(result) if sum(bool(part.any()) for part in one.gross.values()) > 1]
    rows = stacked([1.0] * max(len(several), 1), 0.1)
    data: list[Spec] = []
    axes: Spec = {}
    used = 0
    for number, one in enumerate(several):
        axis = f"y{number + 1}" if number else "y"
        total = np.sum(list(one.gross.values()), axis=0)
        order = sorted(one.gross, key=lambda name: -float(one.gross[name].sum()))
        parts = [(name, one.gross[name]) for name in order[:GROUPS] if one.gross[name].any()]
        rest = [one.gross[name] for name in order[GROUPS:]]
        parts += [(f"{len(rest)} other", np.sum(rest, axis=0))] if rest else []
        backwards = SERIES[::-1][used:] + SERIES[::-1][:used]  # so that no venue looks like a spread
        palette = SERIES if one.kind == "spread" else backwards
        used += len(parts)
        for place, (name, part) in enumerate(parts):
            share = np.where(total > 0.0, part / np.where(total > 0.0, total, 1.0), 0.0)
            colour = palette[place] if place < GROUPS else GREY
            more: Spec = {"stackgroup": one.kind, "yaxis": axis, "line": {"color": colour, "width": 0.5}}
            at = extremes(total, POINTS // 4)
            data.append(curve(result.time_ns, share, at, name=name, hovertemplate="%{y:.0%}", **more))
        axes[f"yaxis{number + 1 if number else ''}"] = plain_axis(
            domain=rows[number], tickformat=".0%", range=[0, 1], nticks=3, title=side(f"by {one.kind}")
        )
    layout = frame(
        110 + 120 * max(len(several), 1),
        xaxis=time_axis(result, anchor=f"y{len(several)}" if len(several) > 1 else "y"),
        **(axes or {"yaxis": plain_axis()}),
    )
    about = (
        "At each close the value of all legs, long and short, is one; the areas say how much of it stood "
        "at each venue, in each coin, in each spread. Nothing is drawn of a kind that there is only one "
        "of."
    )
    caption = "Share of the value of all legs; empty where nothing was held."
    return Figure("shares", "Where the positions stood", caption, tuple(data), layout, about)


def days(result: Result) -> Figure:
    """Profit of all days, the best first, accumulated: how few of them made it."""
    _, profit = daily_profit(result)
    ranked = np.sort(profit)[::-1]
    path = np.concatenate(((0.0,), np.cumsum(ranked)))
    digits = digits_of(result)
    line: Spec = {"color": COLOURS["basis"], "width": 1.8}
    drawn: Spec = {
        "type": "scatter",
        "mode": "lines",
        "y": path.tolist(),
        "line": line,
        "fill": "tozeroy",
        "fillcolor": "rgba(59,125,216,0.12)",
        "name": "profit",
        "hovertemplate": f"the best %{{x}} days: %{{y:+,.{digits}f}} {result.desk.currency}<extra></extra>",
    }
    number = days_for(profit, MOST)
    caption = f"{result.desk.currency}, days sorted from the best to the worst."
    if number is not None:
        caption += f" {percent(MOST, 0)} of the profit came in {count(number, 'day')} of {len(profit):,}."
    layout = frame(
        330,
        hovermode="closest",
        showlegend=False,
        xaxis=plain_axis(showgrid=False, nticks=8, title=side("days, best first")),
        yaxis=plain_axis(tickformat=".3~s"),
        margin={"l": 56, "r": 12, "t": 14, "b": 44},
    )
    about = (
        "The curve adds up the days, best first. Steep at the left means that few days made the profit; "
        "where it turns down the losing days begin; its right end is the profit of the run."
    )
    some = bool(len(profit)) and bool(profit.any())
    return Figure("days", "How many days made it", caption, (drawn,) if some else (), layout, about)


def days_for(profit: Float1D, share: float) -> int | None:
    """How many of the best days make up a share of the whole profit; None without a profit."""
    total = float(profit.sum())
    if not total > 0.0:
        return None
    path = np.cumsum(np.sort(profit)[::-1])
    return int(np.argmax(path >= share * total)) + 1


def concentration_table(result: Result) -> Table:
    """What the run hung on: places, spreads, days, and the longest time under water."""
    if not len(result.time_ns):
        return Table("What it hung on", ("measure", "value", "what"), (), words=3)
    rows = [*_places(result), *_times(result)]
    note = "Shares of places are of the value of all legs while something was held."
    return Table("What it hung on", ("measure", "value", "what"), tuple(rows), words=3, note=note)


def _places(result: Result) -> list[tuple[str, str, str]]:
    rows = []
    for one in splits(result):
        name, mean, most = one.largest
        held = sum(bool(part.any()) for part in one.gross.values())
        if not name:
            rows.append((f"largest {one.kind}", "–", "nothing was held"))
        elif held == 1:
            rows.append((f"largest {one.kind}", percent(1.0, 0), f"{name}, the only one"))
        else:
            said = f"{name}, on average; at most {percent(most, 0)} in any of {held}"
            rows.append((f"largest {one.kind}", percent(mean, 0), said))
    return rows + _earner(result)


def _earner(result: Result) -> list[tuple[str, str, str]]:
    """The spread that earned most, as a share of what all earning spreads earned."""
    names = short_names(result)
    gained = dict.fromkeys(range(len(result.spreads)), 0.0)
    by_row, known = result.ledger.by_row, False
    for leg in result.legs:
        row = f"{result.spreads[leg.spread].id} {leg.instrument}"
        known = known or row in by_row
        gained[leg.spread] += by_row.get(row, 0.0)
    plus = sum(max(amount, 0.0) for amount in gained.values())
    if not known or not plus > 0.0 or len(gained) == 1:
        return []
    best = max(gained, key=lambda spread: gained[spread])
    amount = f"{money(gained[best], digits_of(result))} {result.desk.currency}"
    said = f"{names[best]}: {amount}, of what the spreads that earned did"
    return [("best spread", percent(gained[best] / plus, 0), said)]


def _times(result: Result) -> list[tuple[str, str, str]]:
    digits, currency = digits_of(result), result.desk.currency
    labels, profit = daily_profit(result)
    total = float(profit.sum())
    rows = []
    number = days_for(profit, MOST)
    if number is not None:
        rows.append(
            (
                f"days for {percent(MOST, 0)} of the profit",
                f"{number:,}",
                f"of {len(profit):,} days, the best first",
            )
        )
    ten = float(np.sort(profit)[::-1][:10].sum())
    rows.append(
        (
            "without the ten best days",
            money(total - ten, digits),
            f"{currency}, instead of {money(total, digits)}",
        )
    )
    best, worst = int(np.argmax(profit)), int(np.argmin(profit))
    rows.append(
        (
            "best, worst day",
            money(float(profit[best]), digits),
            f"{labels[best]}; {money(float(profit[worst]), digits)} on {labels[worst]}",
        )
    )
    each = months(result)
    top, low = int(np.argmax(each.profit)), int(np.argmin(each.profit))
    rows.append(
        (
            "best, worst month",
            money(float(each.profit[top]), digits),
            f"{each.label[top]}; {money(float(each.profit[low]), digits)} in {each.label[low]}",
        )
    )
    start, end = longest_under_water(equity_path(result))
    if end > start:
        opened = int(result.time_ns[0]) - result.desk.bar_ns
        length = (end - start) * result.desk.bar_ns / DAY_NS
        still = ", not made good by the end" if equity_path(result)[end] < equity_path(result)[start] else ""
        ends = [moment(opened + point * result.desk.bar_ns) for point in (start, end)]
        said = f"days, from {ends[0]} to {ends[1]}{still}"
        rows.append(("longest under water", decimal(length, 1), said))
    return rows
