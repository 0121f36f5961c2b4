"""Several runs side by side: which was better in what, when, where from, and what was set differently."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from narrows.analytics.metrics import drawdown_path
from narrows.core.config import Desk, Venue
from narrows.core.errors import ConfigError
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.core.time import HOUR_NS, YEAR_H, iso
from narrows.report.figure import (
    FEW_POINTS,
    POINTS,
    SERIES,
    Figure,
    Spec,
    curve,
    frame,
    plain_axis,
    side,
    stacked,
)
from narrows.report.html import contents, part, plots, section_html
from narrows.report.months import months
from narrows.report.numbers import (
    WORST_RATIO,
    bar_h,
    count,
    decimal,
    digits_of,
    equity_path,
    moment,
    percent,
    summary,
    turnover_by_leg,
    verdict,
    worst_ratio,
)
from narrows.report.page import document, write
from narrows.report.table import Table
from narrows.report.thin import extremes, strided

_PARTS = {
    "numbers": "Key numbers",
    "path": "Over time",
    "source": "Where it came from",
    "set": "What was set differently",
}
_DEFAULTS = msgspec.to_builtins(Venue())
_BEST, _WORST = " ▲", " ▼"


@dataclass(frozen=True)
class _Key:
    """One number to compare: how it reads, and whether more (1) or less (-1) is better; 0: neither."""

    label: str
    digits: int
    better: int
    share: bool = True

    def text(self, value: float) -> str:
        """The value as it is printed."""
        if self.label == "worst margin ratio" and value >= WORST_RATIO:
            return f"{WORST_RATIO:g} or worse"
        return percent(value, self.digits) if self.share else decimal(value, self.digits)


_KEYS: dict[str, _Key] = {
    "return_on_collateral_apr": _Key("return on collateral, a year", 2, 1),
    "hurdle_apr": _Key("hurdle, a year", 2, 0),
    "over": _Key("over the hurdle, a year", 2, 1),
    "sharpe": _Key("Sharpe, over zero", 2, 1, share=False),
    "max_drawdown": _Key("largest drawdown", 2, -1),
    "worst_margin": _Key("worst margin ratio", 3, -1, share=False),
    "liquidations": _Key("liquidations on closes", 0, -1, share=False),
    "liquidations_high_low": _Key("liquidations on highs and lows", 0, -1, share=False),
    "residual_delta_max": _Key("unhedged delta, worst close", 2, -1),
    "costs": _Key("fees and slippage, a year", 2, -1),
    "turnover": _Key("turnover over capital, a year", 1, 0, share=False),
    "round_trips": _Key("round trips", 0, 0, share=False),
}


def names_of(results: Sequence[Result]) -> tuple[str, ...]:
    """What each run is called: its desk's name, numbered where two share one."""
    plain = [result.desk.name for result in results]
    seen: dict[str, int] = {}
    names = []
    for name in plain:
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name} ({seen[name]})" if plain.count(name) > 1 else name)
    return tuple(names)


def _numbers(result: Result) -> dict[str, float]:
    """What is compared of one run; NaN where not known."""
    told = summary(result)
    years = len(result.time_ns) * bar_h(result) / YEAR_H
    paid = result.ledger.by_category["fees"] + result.ledger.by_category["slippage"]
    found = {}
    for key in _KEYS:
        value = told.get(key)
        found[key] = float(value) if isinstance(value, (int, float)) else math.nan
    found["over"] = found["return_on_collateral_apr"] - found["hurdle_apr"]
    found["worst_margin"] = float(worst_ratio(result).max(initial=0.0))
    capital = result.equity_start
    found["costs"] = -paid / capital / years if years else math.nan
    found["turnover"] = float(turnover_by_leg(result).sum()) / capital / years if years else math.nan
    return found


def _marked(key: _Key, values: list[float]) -> tuple[str, ...]:
    """Each value as text, the best and the worst marked where they differ."""
    known = [value for value in values if math.isfinite(value)]
    texts = [key.text(value) for value in values]
    if not key.better or not known or min(known) == max(known):
        return tuple(texts)
    best, worst = (max(known), min(known)) if key.better > 0 else (min(known), max(known))
    marks = [_BEST if value == best else _WORST if value == worst else "" for value in values]
    return tuple(text + mark for text, mark in zip(texts, marks, strict=True))


def numbers_table(results: Sequence[Result]) -> Table:
    """Key numbers as rows, runs as columns; ▲ is the best of a row, ▼ the worst."""
    found = [_numbers(result) for result in results]
    rows = [(key.label, *_marked(key, [one[name] for one in found])) for name, key in _KEYS.items()]
    span = [
        f"{iso(int(one.time_ns[0]) - one.desk.bar_ns)[:10]} to {iso(int(one.time_ns[-1]))[:10]}"
        if len(one.time_ns)
        else "no bars"
        for one in results
    ]
    rows += [
        ("period", *span),
        ("capital", *(f"{one.equity_start:,.{digits_of(one)}f} {one.desk.currency}" for one in results)),
    ]
    note = (
        f"{_BEST.strip()} best of the row, {_WORST.strip()} worst. Rates: simple, over all capital tied up."
    )
    if len(set(span)) > 1:
        note += " The periods differ, so the runs did not see the same market."
    return Table("Run by run", ("", *names_of(results)), tuple(rows), note=note)


def _dash(number: int) -> str:
    """Solid as long as there are colours; dotted for the runs after that."""
    return "solid" if number < len(SERIES) else "dot"


def _pattern(number: int) -> str:
    return "" if number < len(SERIES) else "/"


def equities(results: Sequence[Result]) -> Figure:
    """Equity of each run in % of its capital, its hurdle dashed, and the drawdowns below."""
    upper, lower = stacked([3, 1.3], 0.08)
    data: list[Spec] = []
    for number, (name, result) in enumerate(zip(names_of(results), results, strict=True)):
        if not len(result.time_ns):
            continue
        line: Spec = {"color": SERIES[number % len(SERIES)], "width": 1.7, "dash": _dash(number)}
        times = np.concatenate((result.time_ns[:1] - result.desk.bar_ns, result.time_ns))
        path = equity_path(result)
        gain = np.asarray(path / result.equity_start - 1.0)
        fall = -drawdown_path(path)
        apr = result.desk.hurdle.apr
        idle = np.asarray(apr * np.arange(len(times)) * bar_h(result) / YEAR_H)
        same: Spec = {"legendgroup": name, "hovertemplate": "%{y:.2%}"}
        data.append(curve(times, gain, extremes(gain, POINTS), name=name, line=line, **same))
        dash = line | {"width": 1, "dash": "dash"}
        few = strided(len(times), FEW_POINTS)
        data.append(curve(times, idle, few, name=f"{name}, hurdle", line=dash, showlegend=False, **same))
        thin = line | {"width": 1}
        low = extremes(fall, POINTS)
        data.append(
            curve(times, fall, low, name=f"{name}, drawdown", line=thin, yaxis="y2", showlegend=False, **same)
        )
    date = plain_axis(type="date", showgrid=False, nticks=8, hoverformat="%Y-%m-%d %H:%M", anchor="y2")
    layout = frame(
        460,
        hoversubplots="axis",
        xaxis=date,
        yaxis=plain_axis(domain=upper, tickformat=".3~%", title=side("gain")),
        yaxis2=plain_axis(domain=lower, tickformat=".2~%", nticks=4, title=side("drawdown")),
    )
    caption = "Gain over the capital at the start, marked to market; dashed: the hurdle of each."
    about = (
        "All runs start at zero, each at its own first bar. A line above its own dashes has beaten doing "
        "nothing. Click a name to hide a run, double-click to see it alone."
    )
    return Figure("equities", "Equity, each over its capital", caption, tuple(data), layout, about)


def ledgers(results: Sequence[Result]) -> Figure:
    """Each ledger category as a share of the capital a year, runs beside each other."""
    amounts = [_yearly_ledger(result) for result in results]
    used = [name for name in CATEGORIES if any(one[name] for one in amounts)]
    data = tuple(
        {
            "type": "bar",
            "name": name,
            "x": [word.replace("_", " ") for word in used],
            "y": [one[word] for word in used],
            "marker": {"color": SERIES[number % len(SERIES)], "pattern": {"shape": _pattern(number)}},
            "hovertemplate": f"{escape(name)}: %{{y:+.2%}} a year<extra></extra>",
        }
        for number, (name, one) in enumerate(zip(names_of(results), amounts, strict=True))
    )
    layout = frame(
        340,
        barmode="group",
        bargap=0.3,
        hovermode="closest",
        xaxis=plain_axis(showgrid=False, type="category"),
        yaxis=plain_axis(tickformat=".2~%"),
    )
    caption = "Each category over the capital, a year, simple; the bars of a run add up to its return."
    return Figure("ledgers", "Ledger by category", caption, data if used else (), layout)


def _yearly_ledger(result: Result) -> dict[str, float]:
    years = len(result.time_ns) * bar_h(result) / YEAR_H
    scale = 1.0 / (years * result.equity_start) if years else 0.0
    return {name: amount * scale for name, amount in result.ledger.by_category.items()}


def ledger_table(results: Sequence[Result]) -> Table:
    """Ledger of each run, % of its capital a year."""
    amounts = [_yearly_ledger(result) for result in results]
    rows = [
        (name.replace("_", " "), *(percent(one[name], 2) for one in amounts))
        for name in CATEGORIES
        if any(one[name] for one in amounts)
    ]
    rows.append(("total", *(percent(sum(one.values()), 2) for one in amounts)))
    return Table(
        "Ledger", ("category", *names_of(results)), tuple(rows), note="Of the capital, a year, simple."
    )


def months_table(results: Sequence[Result]) -> Table:
    """Return of each month and run; a dash where a run had no bars."""
    each = [months(result) for result in results]
    returns = [dict(zip(one.label, one.returns.tolist(), strict=True)) for one in each]
    labels = sorted({label for one in returns for label in one})
    rows = tuple((label, *(percent(one.get(label, math.nan), 2) for one in returns)) for label in labels)
    note = "Profit over the equity before the month; the first and last month of a run may be parts."
    return Table("Month by month", ("month", *names_of(results)), rows, note=note)


def _text(key: str, value: Any) -> str:
    """A value of a desk file as it reads in a table."""
    if key == "bar_ns":
        return f"{value / HOUR_NS:g} h"
    if key.endswith("_ns"):
        return moment(value) if value else "all there is"
    if value is None:
        return "default"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value) or "all"
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _flat(desk: Desk, shared: set[str]) -> dict[str, str]:
    """A desk as ``section.key`` → text; of a venue that not all have, only what is no default."""
    found: dict[str, str] = {}
    for section, value in msgspec.to_builtins(desk).items():
        if not isinstance(value, dict):
            found[section.removesuffix("_ns")] = _text(section, value)
            continue
        for key, below in value.items():
            if section != "venues":
                found[f"{section}.{key}"] = _text(key, below)
            elif key in shared:
                found |= {f"venues.{key}.{name}": _text(name, one) for name, one in below.items()}
            else:
                said = [
                    f"{name} = {_text(name, one)}" for name, one in below.items() if _DEFAULTS[name] != one
                ]
                found[f"venues.{key}"] = ", ".join(said) or "defaults"
    return found


def differences_table(results: Sequence[Result]) -> Table:
    """Only what is not the same in all desk files; a dash where one does not have the key."""
    shared = set.intersection(*(set(result.desk.venues) for result in results))
    flat = [_flat(result.desk, shared) for result in results]
    keys = dict.fromkeys(key for one in flat for key in one)
    rows = tuple(
        (key, *(one.get(key, "–") for one in flat))
        for key in keys
        if len({one.get(key) for one in flat}) > 1 and key != "name"
    )
    note = "Keys of the desk files, defaults filled in; what is the same in all is left out."
    if not rows:
        note = "The desk files are the same."
    return Table("Differences", ("key", *names_of(results)), rows, words=1 + len(results), note=note)


def _body(results: Sequence[Result]) -> str:
    names = names_of(results)
    found = [_numbers(result) for result in results]
    best = max(
        range(len(results)), key=lambda n: found[n]["over"] if math.isfinite(found[n]["over"]) else -1e9
    )
    head = "No run has bars."
    if math.isfinite(found[best]["over"]):
        over = found[best]["over"]
        side_of = "over" if over >= 0.0 else "below"
        head = f"{names[best]} was best: {percent(abs(over))} a year {side_of} its hurdle."
    lines = "".join(
        f"<li><b>{escape(name)}</b>: {escape(verdict(result))}</li>"
        for name, result in zip(names, results, strict=True)
    )
    bars = max(len(result.time_ns) for result in results)
    return "".join(
        (
            f'<header><p class="desk">comparison of {count(len(results), "run")}</p>',
            f"<h1>{escape(head)}</h1></header>",
            f'<ul class="verdicts">{lines}</ul>',
            contents(_PARTS),
            part("numbers", _PARTS["numbers"], section_html(numbers_table(results), "marked")),
            part(
                "path", _PARTS["path"], plots((equities(results),), bars), section_html(months_table(results))
            ),
            part(
                "source",
                _PARTS["source"],
                plots((ledgers(results),), bars),
                section_html(ledger_table(results), "sum"),
            ),
            part("set", _PARTS["set"], section_html(differences_table(results), "differ")),
        )
    )


def compare(results: Sequence[Result]) -> bytes:
    """Several runs on one page, as UTF-8 HTML: key numbers, equities, ledgers, months, settings that differ.

    Raises
    ------
    ConfigError
        If there are fewer than two.
    """
    if len(results) < 2:
        raise ConfigError("one run cannot be compared", "compare", "give two or more")
    return document(f"Comparison: {', '.join(names_of(results))}", _body(results))


def write_comparison(results: Sequence[Result], path: str | Path) -> None:
    """Write the comparison as one self-contained HTML file; see `compare`.

    Raises
    ------
    ConfigError
        If there are fewer than two runs, or the path cannot be written.
    """
    write(compare(results), path)
