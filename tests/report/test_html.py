"""The report is one file that asks nobody for anything, and runs no text as code."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from narrows.core.errors import ConfigError
from narrows.core.result import Result
from narrows.report import write_report
from narrows.report.html import page


class Reader(HTMLParser):
    """Collects elements, attributes and visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script":
            self.scripts[-1] += data
        self.text += data if self.lasttag not in ("script", "style") else ""


def read(result: Result) -> Reader:
    reader = Reader()
    reader.feed(page(result).decode("utf-8"))
    return reader


def test_the_file_is_self_contained(result: Result) -> None:
    reader = read(result)
    assert {link[:1] for link in reader.links} == {"#"}  # to parts of the page itself
    assert "link" not in reader.tags
    assert "img" not in reader.tags
    own = page(result).decode().replace(max(reader.scripts, key=len), "")
    assert re.findall(r"src\s*=|href=\"[^#]|url\(|@import|https?://", own) == []
    assert "default-src 'none'" in own


def test_plotly_is_embedded_once_and_figures_are_data(result: Result) -> None:
    reader = read(result)
    assert sum(len(script) > 1_000_000 for script in reader.scripts) == 1
    specs = [script for script in reader.scripts if script.startswith('{"data":')]
    assert len(specs) == 11
    for spec in specs:
        assert msgspec.json.decode(spec).keys() == {"data", "layout"}


def test_names_cannot_run(result: Result) -> None:
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    desk = msgspec.structs.replace(result.desk, name=evil, parameters={evil: evil})
    rows = (evil, *result.ledger.rows[1:])
    hostile = replace(
        result,
        desk=desk,
        notes=(evil,),
        wallets=(evil, "okx"),
        ledger=replace(result.ledger, rows=rows),
    )
    clean, dirty = read(result), read(hostile)
    for tag in ("script", "img", "style", "link"):
        assert dirty.tags.count(tag) == clean.tags.count(tag)
    assert dirty.handlers == []
    assert "alert(1)" in dirty.text
    assert "<script>alert" not in page(hostile).decode()


def test_title_and_heading_carry_the_verdict(result: Result) -> None:
    text = page(result).decode()
    assert "<title>btc-carry: Earned" in text
    assert "<h1>Earned" in text


def test_size_is_bounded(result: Result, tmp_path: Path) -> None:
    copies = 3
    many = replace(
        result,
        spreads=result.spreads * copies,
        legs=tuple(
            msgspec.structs.replace(leg, spread=leg.spread + 2 * n)
            for n in range(copies)
            for leg in result.legs
        ),
        mark=np.tile(result.mark, copies),
        position=np.tile(result.position, copies),
        funding=np.tile(result.funding, copies),
        paid_on=np.tile(result.paid_on, copies),
        fx=np.tile(result.fx, copies),
        funding_h=np.tile(result.funding_h, copies),
    )
    write_report(many, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 6_000_000


def test_the_same_result_gives_the_same_bytes(result: Result) -> None:
    assert page(result) == page(result)


@pytest.mark.parametrize("bars", [0, 1, 30])
def test_a_run_without_trades_says_so(idle_run: Callable[[int], Result], bars: int) -> None:
    text = read(idle_run(bars)).text
    assert ("No bars" if bars == 0 else "Did not trade") in text
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_wide_tables_show_that_they_scroll_and_keep_their_first_column(result: Result) -> None:
    text = page(result).decode()
    style = text[text.index("<style>") : text.index("</style>")]
    assert re.search(r"\.scroll \{[^}]*local,[^}]*scroll;", style)
    assert re.search(r"td:first-child[^}]*\{ position: sticky; left: 0;", style)
    assert text.count('<div class="scroll">') == text.count("<table")


def test_rows_that_differ_carry_their_style(result: Result) -> None:
    text = page(result).decode()
    assert text.count('<tr class="group">') == 2 + 2  # spreads, years
    assert text.count('<tr class="part">') == 4 + 13  # legs, months


def test_a_long_list_of_substitutes_folds_away(result: Result) -> None:
    long = page(replace(result, notes=result.notes * 7)).decode()
    assert "<summary>What stands in for something else <small>7 substitutes" in long
    assert "<summary>What stands in" not in page(result).decode()


def test_a_ledger_that_does_not_add_up_is_shown_first(result: Result) -> None:
    off = replace(result, equity=result.equity + 5.0)
    assert 'class="warning"' in page(off).decode()
    assert 'class="warning"' not in page(result).decode()


def test_writing_makes_folders_and_leaves_no_part_behind(result: Result, tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.html"
    write_report(result, target)
    write_report(result, str(target))
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_a_path_that_cannot_be_written_is_one_clear_line(result: Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigError, match=r"file/report\.html: cannot write: .+; give another path"
    ) as caught:
        write_report(result, tmp_path / "file" / "report.html")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot write"):
        write_report(result, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
