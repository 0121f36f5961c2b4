"""The report of one run as one HTML file that needs nothing but a browser."""

import base64
import hashlib
from contextlib import suppress
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

import msgspec

from narrows.core.errors import ConfigError
from narrows.core.result import Result
from narrows.core.time import iso
from narrows.report.figures import Figure, figures
from narrows.report.numbers import bar_h, count, verdict
from narrows.report.tables import (
    Facts,
    Table,
    assumptions_table,
    config_text,
    facts,
    fills_table,
    holdings_table,
    ledger_table,
    provenance_table,
)

_WIDE = {"equity", "basis"}
_LEDGER_TOLERANCE = 1e-9
_SCREEN = 30  # rows


@cache
def _own(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@cache
def _plotly_js() -> bytes:
    """plotly.js out of the installed Plotly wheel, found without importing it."""
    found = find_spec("plotly")
    for folder in (found.submodule_search_locations or ()) if found else ():
        script = Path(folder) / "package_data" / "plotly.min.js"
        if script.is_file():
            return script.read_bytes()
    raise ConfigError("plotly.min.js is not there", "report", "install plotly 6 or later")


def _source_hash(script: bytes) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode("ascii") + "'"


def _policy(scripts: tuple[bytes, ...]) -> str:
    """Content security policy: no request leaves the page, and only the scripts that we wrote run."""
    allowed = " ".join(_source_hash(script) for script in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def _data_block(identity: str, value: object) -> str:
    """JSON inside a script element; `<` is written so that no text can close the element."""
    text = msgspec.json.encode(value).decode("utf-8").replace("<", "\\u003c")
    return f'<script type="application/json" id="{identity}">{text}</script>'


def _figure(figure: Figure, bars: int) -> str:
    wide = ' class="wide"' if figure.name in _WIDE else ""
    head = f'<h2>{escape(figure.title)}</h2><p class="caption">{escape(figure.caption)}</p>'
    if not (figure.data and bars):
        return f'<figure{wide}>{head}<div class="empty">Nothing to draw.</div></figure>'
    spec = _data_block(f"spec-{figure.name}", {"data": figure.data, "layout": figure.layout})
    height = int(figure.layout["height"])
    plot = f'<div class="plot" data-spec="spec-{figure.name}" style="height:{height}px"></div>'
    return f"<figure{wide}>{head}{plot}{spec}</figure>"


def _facts(group: Facts) -> str:
    rows = "".join(
        f"<div><dt>{escape(one.label)}</dt><dd>{escape(one.value)}</dd>"
        + (f'<dd class="note">{escape(one.note)}</dd>' if one.note else "")
        + "</div>"
        for one in group.facts
    )
    return f"<section><h2>{escape(group.question)}</h2><dl>{rows}</dl></section>"


def _kind(number: str) -> str:
    if number == "0":
        return ' class="zero"'
    return ' class="minus"' if number.startswith("−") else ""


def _cells(texts: tuple[str, ...], words: int, tag: str) -> str:
    kinds = (' class="word"' if column < words else _kind(text) for column, text in enumerate(texts))
    return "".join(f"<{tag}{kind}>{escape(text)}</{tag}>" for kind, text in zip(kinds, texts, strict=True))


def _grid(table: Table, style: str = "") -> str:
    head = f"<tr>{_cells(table.head, table.words, 'th')}</tr>"
    body = "".join(f"<tr>{_cells(row, table.words, 'td')}</tr>" for row in table.rows)
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


def _body(result: Result) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
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
            f'<section class="table"><h2>What stands in for something else</h2><ul>{notes}</ul></section>'
            if notes
            else "",
            _section(assumptions_table(result), "prose"),
            _folded(fills.title, fills.note, _grid(fills)) if fills.rows else "",
            _folded("Configuration", "with all defaults", f"<pre>{escape(config_text(result))}</pre>"),
            _section(provenance_table(result), "hash"),
        )
    )


def page(result: Result) -> bytes:
    """The report as UTF-8 HTML; the same Result always gives the same bytes."""
    plotly, draw = _plotly_js(), _own("draw.js").encode()
    title = escape(f"{result.desk.name}: {verdict(result)}")
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy((plotly, draw))}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_own('style.css')}</style></head><body><main>"
    )
    parts = (head.encode(), _body(result).encode(), b"</main><script>", plotly)
    return b"".join((*parts, b"</script><script>", draw, b"</script></body></html>\n"))


def write_report(result: Result, path: str | Path) -> None:
    """Write the report of a run as one self-contained HTML file.

    The file appears whole or not at all; missing folders are made.

    Raises
    ------
    ConfigError
        If the path cannot be written.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.part")
    content = page(result)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ConfigError(f"cannot write: {error.strerror}", str(target), "give another path") from None
