"""The table of data traps names tests that there are, and says of every trap how it is met."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "data-traps.md").read_text("utf-8")
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def _tests(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / path).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_named_test_exists() -> None:
    named = NODE.findall(PAGE)
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if name not in _tests(path)]
    assert missing == []


def test_every_trap_has_a_way_and_a_test_or_says_that_it_comes_later() -> None:
    rows = _rows()
    assert len(rows) > 30
    for trap, how, test in rows:
        assert how
        assert NODE.fullmatch(test) or test == "later", trap


def test_every_trap_of_the_data_is_in_the_table() -> None:
    """The headings under which the traps were collected."""
    headings = set(re.findall(r"^\| \*\*(.+?)\*\*", PAGE, re.MULTILINE))
    assert headings == {
        "Bar stamps", "Carried-forward funding", "After delivery", "Clocks", "Changing intervals",
        "Stale or thin", "Broken bars", "Settlement hours differ", "Stationarity", "Parity regressions",
        "Delivery", "Missing", "Option prices", "Rows stamped by the authors",
        "Depth before the first snapshot",
    }  # fmt: skip
