"""Runs side by side: the best is marked, and only what was set differently is listed."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from narrows.core.errors import ConfigError
from narrows.core.result import Result
from narrows.report import compare
from narrows.report.compare import (
    differences_table,
    equities,
    ledger_table,
    ledgers,
    months_table,
    names_of,
    numbers_table,
)
from narrows.report.figure import SERIES


@pytest.fixture
def other(result: Result) -> Result:
    """The same run of a desk with another strategy key, which ended with half the gain."""
    desk = msgspec.structs.replace(result.desk, name="other", parameters={"entry_apr": 0.2})
    half = result.equity_start + 0.5 * (result.equity - result.equity_start)
    ledger = replace(result.ledger, amounts=0.5 * result.ledger.amounts)
    return replace(result, desk=desk, equity=half, ledger=ledger, ledger_path=0.5 * result.ledger_path)


def test_best_and_worst_are_marked(result: Result, other: Result) -> None:
    rows = {row[0]: row[1:] for row in numbers_table([result, other]).rows}
    better, worse = rows["over the hurdle, a year"]
    assert better.endswith("▲")
    assert worse.endswith("▼")
    less, more = rows["largest drawdown"][1], rows["largest drawdown"][0]
    assert less.endswith("▲")
    assert more.endswith("▼")
    assert not any(text.endswith(("▲", "▼")) for text in rows["hurdle, a year"])  # neither is better
    assert rows["liquidations on closes"] == ("1", "1")  # equal: nothing to mark


def test_ledger_adds_up_to_the_return(result: Result, other: Result) -> None:
    table = ledger_table([result, other])
    shown = [float(row[1].split("\u00a0")[0].replace("−", "-")) for row in table.rows]
    assert shown[-1] == pytest.approx(sum(shown[:-1]), abs=0.05)


def test_months_of_both_stand_in_one_row(result: Result, idle_run: Callable[[int], Result]) -> None:
    table = months_table([result, idle_run(30)])
    assert table.rows[0][2] == "0.00\u00a0%"
    assert table.rows[-1][2] == "–"


def test_only_what_differs_is_listed(result: Result, other: Result) -> None:
    assert differences_table([result, other]).rows == (("parameters.entry_apr", "0.08", "0.2"),)
    assert differences_table([result, result]).rows == ()
    named = msgspec.structs.replace(
        result.desk, universe=msgspec.structs.replace(result.desk.universe, instruments=())
    )
    ((key, some, none),) = differences_table([result, replace(result, desk=named)]).rows
    assert (key, some[:17], none) == ("universe.instruments", "BTC-USDT.bybit, B", "all")
    fewer = msgspec.structs.replace(result.desk, venues={"bybit": result.desk.venues["bybit"]})
    rows = differences_table([result, replace(result, desk=fewer)]).rows
    assert rows == (("venues.okx", "cash_apr = 0.02", "–"),)


def test_runs_of_one_name_are_numbered(result: Result, other: Result) -> None:
    assert names_of([result, other, result]) == ("btc-carry (1)", "other", "btc-carry (2)")


def test_runs_beyond_the_colours_are_dotted(result: Result) -> None:
    lines = [
        one["line"] for one in equities([result] * (len(SERIES) + 1)).data if one["line"]["width"] == 1.7
    ]
    assert lines[0]["color"] == lines[-1]["color"]
    assert [line["dash"] for line in lines] == ["solid"] * len(SERIES) + ["dot"]
    shapes = [one["marker"]["pattern"]["shape"] for one in ledgers([result] * (len(SERIES) + 1)).data]
    assert shapes == [""] * len(SERIES) + ["/"]


def test_one_run_cannot_be_compared(result: Result) -> None:
    with pytest.raises(ConfigError, match="one run cannot be compared; give two or more"):
        compare([result])


def test_names_cannot_run(result: Result) -> None:
    evil = "</script><script>alert(1)</script>"
    hostile = replace(result, desk=msgspec.structs.replace(result.desk, name=evil))
    assert b"<script>alert" not in compare([result, hostile])


def test_runs_without_bars_are_compared_all_the_same(idle_run: Callable[[int], Result]) -> None:
    assert b"No run has bars." in compare([idle_run(0), idle_run(0)])


def test_periods_that_differ_are_said(
    result: Result, other: Result, idle_run: Callable[[int], Result]
) -> None:
    assert "periods differ" in numbers_table([result, idle_run(30)]).note
    assert "periods differ" not in numbers_table([result, other]).note
