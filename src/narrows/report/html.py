"""The report of one run as one HTML file that needs nothing but a browser."""

from html import escape
from pathlib import Path

from narrows.core.result import Result
from narrows.core.time import iso
from narrows.report.facts import Facts, facts
from narrows.report.figure import NOTHING, Figure
from narrows.report.figures import figures
from narrows.report.numbers import bar_h, count, verdict
from narrows.report.page import document, drawing, write
from narrows.report.tables import (
    Table,
    assumptions_table,
    config_text,
    fills_table,
    holdings_table,
    ledger_table,
    provenance_table,
)

_WIDE = {"equity", "basis"}
_LEDGER_TOLERANCE = 1e-9
_SCREEN = 30  # rows
_NOTES = 6  # before they fold away


def _figure(figure: Figure, bars: int) -> str:
    wide = ' class="wide"' if figure.name in _WIDE else ""
    drawn = drawing(figure.name, figure.data, figure.layout) if figure.data and bars else NOTHING
    return f"<figure{wide}>{figure.heading}{drawn}</figure>"


def _facts(group: Facts) -> str:
    rows = "".join(
        f"<div><dt>{escape(one.label)}</dt><dd>{escape(one.value)}</dd>"
        + (f'<dd class="note">{escape(one.note)}</dd>' if one.note else "")
        + "</div>"
        for one in group.facts
    )
    return f"<section><h2>{escape(group.question)}</h2><dl>{rows}</dl></section>"


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


def _section(table: Table, style: str = "") -> str:
    return f'<section class="table"><h2>{escape(table.title)}</h2>{_grid(table, style)}</section>'


def _foldable(table: Table) -> str:
    """A table that folds away once it is longer than a screen."""
    if len(table.rows) <= _SCREEN:
        return _section(table)
    return _folded(table.title, f"{len(table.rows)} rows", _grid(table))


def _folded(title: str, hint: str, body: str) -> str:
    return f"<details><summary>{escape(title)} <small>{escape(hint)}</small></summary>{body}</details>"


def _header(result: Result) -> str:
    desk, bars = result.desk, len(result.time_ns)
    period = "no bars"
    if bars:
        start, end = iso(int(result.time_ns[0]) - desk.bar_ns), iso(int(result.time_ns[-1]))
        period = f"{start[:10]} to {end[:10]}, {count(bars, 'bar')} of {bar_h(result):g} h"
    about = (
        f"{period}; {desk.capital:,.0f} {desk.currency} on {desk.strategy.replace('_', ' ')}, "
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
    return f'<section class="table"><h2>{title}</h2><ul>{listed}</ul></section>' if notes else ""


def _body(result: Result) -> str:
    fills = fills_table(result)
    return "".join(
        (
            _header(result),
            '<div class="facts">' + "".join(_facts(group) for group in facts(result)) + "</div>",
            '<div class="figures">'
            + "".join(_figure(figure, len(result.time_ns)) for figure in figures(result))
            + "</div>",
            _section(ledger_table(result), "sum"),
            _foldable(holdings_table(result)),
            _notes(result.notes),
            _section(assumptions_table(result), "prose"),
            _folded(fills.title, fills.note, _grid(fills)) if fills.rows else "",
            _folded("Configuration", "with all defaults", f"<pre>{escape(config_text(result))}</pre>"),
            _section(provenance_table(result), "hash"),
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
