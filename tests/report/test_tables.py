"""Tables say what happened, in the order a trader asks, and say what they leave out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from narrows.core.result import Fills, Result
from narrows.report.tables import (
    SHOWN,
    assumptions_table,
    facts,
    fills_table,
    holdings,
    holdings_table,
    ledger_table,
    money,
    provenance_table,
)


def test_facts_answer_four_questions_in_order(result: Result) -> None:
    assert [group.question for group in facts(result)] == [
        "Did it pay?",
        "Where did it come from?",
        "How near to the end?",
        "What did trading cost?",
    ]


def test_facts_state_the_periods_of_the_sharpe_ratio_and_the_liquidation_bracket(result: Result) -> None:
    every = {fact.label: fact for group in facts(result) for fact in group.facts}
    assert "8,760 periods a year" in every["Sharpe ratio"].note
    assert every["liquidations"].value == "1 to 2"
    assert every["worst margin ratio"].note.startswith("bybit, 2024-01-0")
    assert every["costs"].value == "6.0 bp"


def test_facts_of_an_idle_run_are_honest(idle_run: Callable[[int], Result]) -> None:
    for bars in (0, 1, 50):
        every = {fact.label: fact for group in facts(idle_run(bars)) for fact in group.facts}
        assert every["Sharpe ratio"].value == "–"
        assert every["costs"].value == "–"
        assert every["worst margin ratio"].note == "no margin was needed"


def test_ledger_table_ends_in_totals_and_leaves_out_empty_categories(result: Result) -> None:
    table = ledger_table(result)
    assert "transfer" not in table.head
    assert table.rows[-1] == (
        "total",
        "",
        *(money(amount) for amount in result.ledger.by_category.values() if amount),
        money(result.ledger.total),
    )


def test_holdings_are_found_with_how_they_ended(result: Result) -> None:
    found = [(one.spread, one.start, one.end) for one in holdings(result)]
    assert found == [
        (0, 210, "exit"),
        (1, 1_500, "settlement"),
        (0, 3_100, "liquidation"),
        (0, 5_700, "open"),
    ]
    assert all(one.side == 1 for one in holdings(result))


def test_a_short_spread_earns_when_the_gap_widens(result: Result) -> None:
    mirrored = replace(result, position=-result.position)
    closed = [row[-1] for row in holdings_table(result).rows]
    widened = [row[-1] for row in holdings_table(mirrored).rows]
    assert {row[1] for row in holdings_table(mirrored).rows} == {"short"}
    for one, other in zip(closed, widened, strict=True):
        assert float(one.replace("−", "-")) == pytest.approx(-float(other.replace("−", "-")))


def test_long_tables_show_both_ends_and_say_so(result: Result) -> None:
    many = Fills(**{name: np.tile(column, 20) for name, column in vars(result.fills).items()})
    table = fills_table(replace(result, fills=many))
    assert len(table.rows) == SHOWN
    assert f"{len(many)} fills, of which the first and last {SHOWN // 2}." in table.note
    assert table.rows[-1] == fills_table(result).rows[-1]


def test_every_assumption_names_the_direction_of_its_bias(result: Result) -> None:
    table = assumptions_table(result)
    assert {row[1] for row in table.rows} == {"flatters", "penalises", "either way"}
    assert any("next bar's open" in row[0] for row in table.rows)
    assert any(row[0].startswith("bybit, okx: maintenance") for row in table.rows)


def test_provenance_gives_what_a_rerun_needs(result: Result) -> None:
    assert ("data", result.provenance.data_hash) in provenance_table(result).rows
