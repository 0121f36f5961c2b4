"""A strategy written in a notebook cell: no file behind it, constants from other cells."""

import linecache
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from narrows.catalog import load_panel
from narrows.core.config import parse
from narrows.core.errors import ConfigError
from narrows.sim.backtest import backtest

DESK = """
[desk]
name = "cells"
end  = 2024-02-01
[data]
catalog = "demo"
[universe]
instruments = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
[strategy]
name = "of a cell"
"""
CELL = """
from typing import ClassVar
import msgspec
import numpy as np
from narrows.strategy.decider import decider

@decider
def decide(features, position, memory, params, target):
    target[0] = LEVEL * position[2] if position[0] == 0.0 else position[0]
    target[1] = -target[0]
    return 0

class Cell(msgspec.Struct, frozen=True):
    kinds: ClassVar = ("funding_carry",)
    decide: ClassVar = decide
    def lookback(self, bar_h): return 1
    def params(self, bar_h): return np.zeros(1)
    def features(self, panel, spread): return np.zeros((len(panel), 1))
"""


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module as a notebook has it: cells that can be read back, but no file."""
    module = ModuleType("a_notebook")
    monkeypatch.setitem(sys.modules, "a_notebook", module)
    yield module
    linecache.clearcache()


def run_cell(notebook: ModuleType, text: str, number: int) -> None:
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), vars(notebook))


def played(notebook: ModuleType) -> Any:
    desk = parse(DESK)
    return backtest(desk, load_panel(desk), vars(notebook)["Cell"]())


def test_a_cell_run_again_with_another_constant_is_another_strategy(notebook: ModuleType) -> None:
    results = []
    for number, level in enumerate((0.25, 0.5)):
        run_cell(notebook, f"LEVEL = {level}", 2 * number)
        run_cell(notebook, CELL, 2 * number + 1)
        results.append(played(notebook))
    small, large = results
    assert small.fills.quantity[0] * 2 == pytest.approx(large.fills.quantity[0], rel=1e-3)
    assert small.provenance.config_hash != large.provenance.config_hash
    assert played(notebook).provenance == large.provenance


def test_a_decide_whose_source_nobody_can_read_is_refused(notebook: ModuleType) -> None:
    with pytest.raises(ConfigError, match="its source cannot be read"):
        exec(compile(CELL.replace("LEVEL", "1.0"), "<gone>", "exec"), vars(notebook))
