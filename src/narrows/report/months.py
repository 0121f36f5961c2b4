"""The months of a run: what each earned by category, against what doing nothing would have."""

from dataclasses import dataclass

import numpy as np

from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.core.time import YEAR_H
from narrows.report.numbers import (
    WORST_RATIO,
    bar_h,
    decimal,
    digits_of,
    equity_path,
    money,
    percent,
    worst_ratio,
)
from narrows.report.table import Table


@dataclass(frozen=True, eq=False)
class Months:
    """One entry a calendar month, UTC; a bar belongs to the month in which it lies.

    `label` is ``2024-03``; `amounts` has shape (months, categories); `start` is the equity before
    the month, `hours` how much of it was run, `worst` the worst margin ratio of any wallet.
    """

    label: tuple[str, ...]
    amounts: Float2D
    start: Float1D
    hours: Float1D
    worst: Float1D

    @property
    def profit(self) -> Float1D:
        """Change in equity, shape (months,)."""
        total: Float1D = self.amounts.sum(axis=1)
        return total

    @property
    def returns(self) -> Float1D:
        """Profit over the equity before the month, shape (months,); NaN where nothing was left."""
        return np.where(self.start > 0.0, self.profit / np.where(self.start > 0.0, self.start, 1.0), np.nan)


def _firsts(time_ns: Int1D, unit: str) -> tuple[tuple[str, ...], Int1D]:
    """Labels of the calendar units that a run touches, and the first bar of each."""
    within = (time_ns - 1).astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    labels, firsts = np.unique(within, return_index=True)
    return tuple(str(label) for label in labels), firsts


def months(result: Result) -> Months:
    """The ledger, month by month; the sum over all months is the ledger."""
    labels, firsts = _firsts(result.time_ns, "M")
    path = np.concatenate((np.zeros((1, len(CATEGORIES))), result.ledger_path))
    edges = np.append(firsts, len(result.time_ns))
    worst = worst_ratio(result)
    return Months(
        labels,
        path[edges[1:]] - path[edges[:-1]],
        equity_path(result)[firsts],
        np.diff(edges) * bar_h(result),
        np.maximum.reduceat(worst, firsts) if len(firsts) else np.empty(0),
    )


def daily_profit(result: Result) -> tuple[tuple[str, ...], Float1D]:
    """Change in equity of each calendar day, UTC."""
    labels, firsts = _firsts(result.time_ns, "D")
    path = equity_path(result)
    edges = np.append(firsts, len(result.time_ns))
    return labels, path[edges[1:]] - path[edges[:-1]]


def months_table(result: Result) -> Table:
    """Months as rows under their year: total, return, hurdle, over it, categories, worst margin ratio."""
    each, digits = months(result), digits_of(result)
    used = np.flatnonzero(each.amounts.any(axis=0))
    years = [label[:4] for label in each.label]
    rows, styles = [], []
    for year in dict.fromkeys(years):
        mine = [n for n, one in enumerate(years) if one == year]
        rows.append(_line(result, year, each, mine, used, digits))
        styles.append("group")
        for n in mine:
            rows.append(_line(result, each.label[n], each, [n], used, digits))
            styles.append("part")
    names = [list(CATEGORIES)[column].replace("_", " ") for column in used]
    note = (
        f"{result.desk.currency}. Return: total over the equity before. Hurdle: simple, for the hours run. "
        "Margin: the worst ratio of any wallet, at highs and lows where these were judged."
    )
    head = ("month", "total", "return", "hurdle", "over", *names, "margin")
    return Table("Month by month", head, tuple(rows), note=note, styles=tuple(styles))


def _line(
    result: Result, label: str, each: Months, mine: list[int], used: Int1D, digits: int
) -> tuple[str, ...]:
    amounts, profit = each.amounts[mine].sum(axis=0), float(each.profit[mine].sum())
    before = float(each.start[mine[0]])
    gained = profit / before if before > 0.0 else np.nan
    idle = result.desk.hurdle.apr * float(each.hours[mine].sum()) / YEAR_H
    worst = float(each.worst[mine].max())
    return (
        label,
        money(profit, digits),
        percent(gained, 2),
        percent(idle, 2),
        percent(gained - idle, 2),
        *(money(float(amounts[column]), digits) for column in used),
        "–" if not worst > 0.0 else f"≥ {WORST_RATIO:g}" if worst >= WORST_RATIO else decimal(worst, 3),
    )
