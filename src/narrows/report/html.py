"""The report of one run as one HTML file that needs nothing but a browser."""

from html import escape
from pathlib import Path

from narrows.core.result import Result
from narrows.core.time import iso
from narrows.report.concentration import concentration_table, days, shares
from narrows.report.facts import Facts, facts
from narrows.report.figure import NOTHING, Figure
from narrows.report.figures import accrual, equity, exposure, margin, waterfall
from narrows.report.funding import heat
from narrows.report.gaps import basis
from narrows.report.months import months_table
from narrows.report.numbers import bar_h, count, digits_of, knows_legs, verdict
from narrows.report.page import document, drawing, write
from narrows.report.table import Table
from narrows.report.tables import (
    assumptions_table,
    config_text,
    events_table,
    fills_table,
    holdings_table,
    ledger_table,
    provenance_table,
    reasons_table,
    venues_table,
    wallets_table,
)
from narrows.report.worst import deepest, nearest

_WIDE = {"equity", "basis", "heat", "margin", "shares", "equities", "ledgers"}
_OPTIONAL = {"heat", "shares"}  # say nothing where there is nothing to say
_LEDGER_TOLERANCE = 1e-9
_SCREEN = 30  # rows
_NOTES = 6  # before they fold away


def figure_html(figure: Figure, wide: bool, known: bool = True) -> str:
    """A figure in its place, as wide as the page or beside another; where nothing is known, words instead."""
    style = ' class="wide"' if wide else ""
    drawn = drawing(figure.name, figure.data, figure.layout) if figure.data and known else NOTHING
    return f"<figure{style}>{figure.heading}{drawn}</figure>"


def _facts(group: Facts) -> str:
    rows = "".join(
        f"<div><dt{_title(one.about)}>{escape(one.label)}</dt><dd>{escape(one.value)}</dd>"
        + (f'<dd class="note">{escape(one.note)}</dd>' if one.note else "")
        + "</div>"
        for one in group.facts
    )
    return f"<section><h2>{escape(group.question)}</h2><dl>{rows}</dl></section>"


def _title(about: str) -> str:
    """What shows when the pointer rests on a label."""
    return f' title="{escape(about)}"' if about else ""


def _kind(number: str) -> str:
    if number in ("0", "≈0"):
        return ' class="zero"'
    return ' class="minus"' if number.startswith("−") else ""


def _cells(texts: tuple[str, ...], words: int, tag: str) -> str:
    kinds = (' class="word"' if column < words else _kind(text) for column, text in enumerate(texts))
    return "".join(f"<{tag}{kind}>{escape(text)}</{tag}>" for kind, text in zip(kinds, texts, strict=True))


def _grid(table: Table, style: str = "") -> str:
    head = f"<tr>{_cells(table.head, table.words, 'th')}</tr>"
    styles = table.styles or ("",) * len(table.rows)
    body = "".join(
        f'<tr class="{kind}">{_cells(row, table.words, "td")}</tr>'
        for kind, row in zip(styles, table.rows, strict=True)
    )
    note = f'<p class="caption">{escape(table.note)}</p>' if table.note else ""
    grid = f'<table class="{style}"><thead>{head}</thead><tbody>{body}</tbody></table>' if table.rows else ""
    return f'{note}<div class="scroll">{grid}</div>'


def section_html(table: Table, style: str = "") -> str:
    """A table under its title."""
    return f'<section class="table"><h3>{escape(table.title)}</h3>{_grid(table, style)}</section>'


def _foldable(table: Table) -> str:
    """A table that folds away once it is longer than a screen."""
    if len(table.rows) <= _SCREEN:
        return section_html(table)
    return _folded(table.title, f"{len(table.rows)} rows", _grid(table))


def _folded(title: str, hint: str, body: str) -> str:
    return f"<details><summary>{escape(title)} <small>{escape(hint)}</small></summary>{body}</details>"


def _header(result: Result) -> str:
    desk, bars = result.desk, len(result.time_ns)
    period = "no bars"
    if bars:
        start, end = iso(int(result.time_ns[0]) - desk.bar_ns), iso(int(result.time_ns[-1]))
        period = f"{start[:10]} to {end[:10]}, {count(bars, 'bar')} of {bar_h(result):g} h"
    strategy = desk.strategy.rpartition(":")[2].replace("_", " ")  # of one's own: without its module
    about = (
        f"{period}; {desk.capital:,.{digits_of(result)}f} {desk.currency} on {strategy}, "
        f"{count(len(result.spreads), 'spread')} at {', '.join(result.wallets)}"
    )
    warning = ""
    if not result.ledger_error < _LEDGER_TOLERANCE:
        warning = (
            f'<p class="warning">Ledger and equity differ by {result.ledger_error:.1e} of the capital: '
            "do not trust this run.</p>"
        )
    return (
        f'<header><p class="desk">{escape(desk.name)}</p><h1>{escape(verdict(result))}</h1>'
        f'<p class="span">{escape(about)}</p></header>{warning}'
    )


def _notes(notes: tuple[str, ...]) -> str:
    """What stands in for something else; a long list folds away."""
    title, listed = "What stands in for something else", "".join(f"<li>{escape(note)}</li>" for note in notes)
    if len(notes) > _NOTES:
        return _folded(title, count(len(notes), "substitute"), f"<ul>{listed}</ul>")
    return f'<section class="table"><h3>{title}</h3><ul>{listed}</ul></section>' if notes else ""


def part(identity: str, title: str, *content: str) -> str:
    """One part of a page under its heading, which the list at the top leads to."""
    return f'<section class="chapter" id="{identity}"><h2>{escape(title)}</h2>{"".join(content)}</section>'


def plots(figures: tuple[Figure, ...], bars: int) -> str:
    """Figures side by side; nothing at all of one that is only there if it has something to show."""
    shown = [one for one in figures if one.name not in _OPTIONAL or (one.data and bars)]
    return side_by_side(*(figure_html(one, one.name in _WIDE, bars > 0) for one in shown))


def side_by_side(*placed: str) -> str:
    """Figures in their places, next to each other where there is room."""
    return f'<div class="figures">{"".join(placed)}</div>'


def contents(parts: dict[str, str]) -> str:
    """The list of parts at the top."""
    links = "".join(f'<a href="#{identity}">{escape(title)}</a>' for identity, title in parts.items())
    return f"<nav>{links}</nav>"


_PARTS = {
    "pay": "Did it pay?",
    "source": "Where did it come from?",
    "worst": "The worst moment",
    "gap": "The gap and its funding",
    "hung": "How concentrated?",
    "trust": "What it takes for granted",
}


def _several_venues(result: Result) -> bool:
    return knows_legs(result) and len({name.partition(":")[0] for name in result.wallets}) > 1


def _body(result: Result) -> str:
    bars, fills = len(result.time_ns), fills_table(result)

    def chapter(identity: str, *content: str) -> str:
        return part(identity, _PARTS[identity], *content)

    return "".join(
        (
            _header(result),
            '<div class="facts">' + "".join(_facts(group) for group in facts(result)) + "</div>",
            contents(_PARTS),
            chapter("pay", plots((equity(result),), bars), section_html(months_table(result), "dense")),
            chapter(
                "source",
                plots((waterfall(result), accrual(result)), bars),
                section_html(ledger_table(result), "sum"),
                section_html(venues_table(result), "sum") if _several_venues(result) else "",
            ),
            chapter(
                "worst",
                plots((margin(result), deepest(result), nearest(result)), bars),
                section_html(events_table(result), "events brief") if result.desk.events else "",
                section_html(wallets_table(result), "sum brief") if len(result.wallets) > 1 else "",
            ),
            chapter("gap", plots((basis(result), heat(result)), bars), _foldable(holdings_table(result))),
            chapter(
                "hung",
                plots((exposure(result), days(result), shares(result)), bars),
                section_html(concentration_table(result), "prose3"),
            ),
            chapter(
                "trust",
                _notes(result.notes),
                section_html(assumptions_table(result), "prose"),
                section_html(reasons_table(result)) if fills.rows else "",
                _folded(fills.title, fills.note, _grid(fills)) if fills.rows else "",
                _folded("Configuration", "with all defaults", f"<pre>{escape(config_text(result))}</pre>"),
                section_html(provenance_table(result), "hash"),
            ),
        )
    )


def page(result: Result) -> bytes:
    """The report as UTF-8 HTML; the same Result always gives the same bytes."""
    return document(f"{result.desk.name}: {verdict(result)}", _body(result))


def write_report(result: Result, path: str | Path) -> None:
    """Write the report of a run as one self-contained HTML file.

    The file appears whole or not at all; missing folders are made.

    Raises
    ------
    ConfigError
        If the path cannot be written.
    """
    write(page(result), path)
