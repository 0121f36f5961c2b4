"""Rules of construction that no linter knows."""

import ast
from pathlib import Path

import pytest

import narrows

ROOT = Path(narrows.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
MODES = {"live", "paper", "backtest", "dry_run", "simulated", "is_live", "is_paper", "is_backtest", "mode"}
MODULES = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, Function)]


def names_in(node: ast.AST) -> set[str]:
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return names | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


@MODULES
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 500
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno < 60, function.name


@MODULES
def test_a_module_opens_with_what_lives_there(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert text
    assert text.splitlines()[0].endswith((".", ":"))


@MODULES
def test_nothing_of_our_own_is_imported_inside_a_function(path: Path) -> None:
    for function in functions(path):
        for node in ast.walk(function):
            assert not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("narrows"))
            assert not (
                isinstance(node, ast.Import) and any(n.name.startswith("narrows") for n in node.names)
            )


@MODULES
def test_no_mode_is_read_inside(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            assert not names_in(node.test) & MODES, f"line {node.lineno}"


@MODULES
def test_no_powers_where_two_engines_must_give_the_same_bits(path: Path) -> None:
    text = path.read_text("utf-8")
    simulated = path.parent.name == "sim" and path.stem in ("kernel", "physics", "reference")
    physical = simulated or path.parent.name == "risk"
    deciders = [
        function
        for function in functions(path)
        if any(isinstance(one, ast.Name) and one.id == "decider" for one in function.decorator_list)
    ]
    for tree in [ast.parse(text)] if physical else deciders:
        assert not any(isinstance(node, ast.Pow) for node in ast.walk(tree))


def test_no_name_says_nothing() -> None:
    for path in SOURCES:
        assert path.stem not in ("utils", "helpers", "common", "manager", "handler")
