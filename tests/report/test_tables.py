"""Tables say what happened, in the order a trader asks, and say what they leave out."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from narrows.core.config import Venue
from narrows.core.result import Fills, Result
from narrows.report.facts import Fact, facts
from narrows.report.holdings import holdings
from narrows.report.numbers import money
from narrows.report.tables import (
    SHOWN,
    assumptions_table,
    fills_table,
    holdings_table,
    ledger_table,
    provenance_table,
)

DELIVERY, LIQUIDATION = "2024-03-29 08:00", "2024-01-04 17:00"


def every(result: Result) -> dict[str, Fact]:
    return {fact.label: fact for group in facts(result) for fact in group.facts}


def test_facts_answer_four_questions_in_order(result: Result) -> None:
    assert [group.question for group in facts(result)] == [
        "Did it pay?",
        "Where did it come from?",
        "How near to the end?",
        "What did trading cost?",
    ]


def test_facts_state_the_periods_of_the_sharpe_ratio_and_the_excess_over_the_hurdle(result: Result) -> None:
    note = every(result)["Sharpe ratio"].note
    assert "8,760 periods a year, over zero" in note
    path = np.concatenate(((result.equity_start,), result.equity))
    excess = path[1:] / path[:-1] - 1.0 - 0.045 / 8_760
    expected = excess.mean() / excess.std(ddof=1) * np.sqrt(8_760)
    assert f"; {expected:.2f} over the hurdle" in note
    assert every(result)["costs"].value == "6.0 bp"


def test_an_annual_rate_says_that_it_is_simple_and_a_long_run_what_it_is_compounded(result: Result) -> None:
    growth = result.equity_end / result.equity_start
    compounded = growth ** (8_760 / 9_000) - 1.0
    note = every(result)["return on collateral"].note
    assert note == f"a year, simple; {100 * compounded:.2f}\u00a0% compounded; hurdle 4.50\u00a0%, simple"
    short = replace(result, time_ns=result.time_ns[:8_760], equity=result.equity[:8_760])
    assert every(short)["return on collateral"].note == "a year, simple; hurdle 4.50\u00a0%, simple"


def test_facts_date_the_worst_margin_and_the_first_liquidation_of_both_runs(result: Result) -> None:
    earlier = replace(result.fills.liquidations, time_ns=result.time_ns[[5_198]])
    told = every(replace(result, liquidated_high_low=earlier))
    assert told["worst margin ratio"].value == "1.250"
    assert told["worst margin ratio"].note == f"bybit, {LIQUIDATION}; at 1 the venue liquidates"
    closes, inside = told["liquidations on closes"], told["liquidations on highs and lows"]
    assert (closes.value, closes.note) == ("1", f"the first {LIQUIDATION}")
    assert (inside.value, inside.note) == ("2", "the first 2024-01-04 15:00")


def test_the_worst_margin_ratio_that_is_recorded_may_have_been_worse(result: Result) -> None:
    ratio = result.margin_ratio.copy()
    ratio[10, 1] = 10.0
    assert every(replace(result, margin_ratio=ratio))["worst margin ratio"].value == "10 or worse"


def test_unhedged_delta_at_delivery_is_told_apart_from_the_rest(result: Result) -> None:
    told = every(result)
    assert result.time_ns[result.residual_delta.argmax()] == result.spreads[1].expiry_ns
    assert f"at delivery, {DELIVERY}, until the other leg is closed" in told["unhedged delta"].note
    rest = result.residual_delta.copy()
    rest[[5_200, int(rest.argmax())]] = 0.0
    assert told["outside these"].value == f"{100 * rest.max():.2f}\u00a0%"


def test_unhedged_delta_outside_a_delivery_is_one_fact_with_its_date(result: Result) -> None:
    delta = result.residual_delta.copy()
    delta[700] = 4.0
    told = every(replace(result, residual_delta=delta))
    assert told["unhedged delta"].note == "of equity, at most; 2023-07-01 05:00"
    assert "outside these" not in told


def test_unhedged_delta_after_a_liquidation_says_so(result: Result) -> None:
    delta = result.residual_delta.copy()
    delta[5_200] = 4.0
    told = every(replace(result, residual_delta=delta))
    assert f"at a liquidation, {LIQUIDATION}" in told["unhedged delta"].note


def test_facts_of_an_idle_run_are_honest(idle_run: Callable[[int], Result]) -> None:
    for bars in (0, 1, 50):
        told = every(idle_run(bars))
        assert told["Sharpe ratio"].value == "–"
        assert told["costs"].value == "–"
        assert told["worst margin ratio"].note == "no margin was needed"
        assert told["liquidations on closes"] == Fact("liquidations on closes", "0")


def test_ledger_table_ends_in_totals_and_leaves_out_empty_categories(result: Result) -> None:
    table = ledger_table(result)
    assert "transfer" not in table.head
    assert table.rows[-1] == (
        "total",
        *(money(amount) for amount in result.ledger.by_category.values() if amount),
        money(result.ledger.total),
    )


def test_ledger_rows_stand_under_their_spread_which_carries_their_sum(result: Result) -> None:
    table = ledger_table(result)
    named = [(style, row[0]) for style, row in zip(table.styles, table.rows, strict=True)]
    assert named == [
        ("group", "funding carry: BTC-USDT-PERP.bybit"),
        ("part", "BTC-USDT.bybit"),
        ("part", "BTC-USDT-PERP.bybit"),
        ("group", "cash and carry: BTC-USDT-20240329.okx"),
        ("part", "BTC-USDT.okx"),
        ("part", "BTC-USDT-20240329.okx"),
        ("", "okx"),
        ("", "total"),
    ]
    assert table.rows[0][-1] == money(result.ledger.amounts[:2].sum())
    assert table.rows[3][-1] == money(result.ledger.amounts[2:4].sum())


def test_legs_that_never_traded_are_counted_not_listed(result: Result) -> None:
    amounts = result.ledger.amounts.copy()
    amounts[2:4] = 0.0
    table = ledger_table(replace(result, ledger=replace(result.ledger, amounts=amounts)))
    assert not any("okx" in row[0] for row in table.rows[:-2])
    assert "Left out: 2 legs that never traded, 1 wallet that neither earned nor paid." in table.note


def test_money_of_less_than_a_half_is_about_zero_and_only_nothing_is_zero() -> None:
    assert [money(amount) for amount in (0.0, -0.3, 0.49, -0.51, np.nan)] == ["0", "≈0", "≈0", "−1", "–"]


def test_dust_is_listed_in_grey_and_counted(result: Result) -> None:
    small = result.position.copy()
    small[5_700:, :2] *= 0.005
    table = holdings_table(replace(result, position=small))
    assert table.styles == ("", "", "", "faint")
    assert "Grey: 1 below 0.5\u00a0% of the capital." in table.note
    assert "Grey" not in holdings_table(result).note


def test_holdings_say_why_they_are_more_than_the_round_trips(result: Result) -> None:
    assert holdings_table(result).note.startswith(
        "4 holdings. 3 ended (3 round trips); 1 still open at the end."
    )
    differ = holdings_table(replace(result, round_trips=5)).note
    assert "3 ended, counted as 5 round trips" in differ


def test_a_run_without_holdings_says_that_nothing_was_filled(idle_run: Callable[[int], Result]) -> None:
    assert holdings_table(idle_run(50)).note == "Nothing was held: no target was ever filled."


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


def test_assumptions_state_what_the_simulator_takes_for_granted(result: Result) -> None:
    text = " ".join(row[0] for row in assumptions_table(result).rows)
    for fact in (
        "never costs more than half the price",
        "whole lots of the coarsest leg, or none does",
        "within 3 × margin equity",
        "own cash only, not on the proceeds of short sales",
        "bybit: a borrowed coin costs 10.00\u00a0% a year",
        "own cash earns 2.00\u00a0%",
    ):
        assert fact in text


def test_a_venue_without_a_section_is_listed_with_its_defaults(result: Result) -> None:
    bare = msgspec.structs.replace(result.desk, venues={"okx": result.desk.venues["okx"]})
    rows = [row[0] for row in assumptions_table(replace(result, desk=bare)).rows]
    assert "bybit: the desk file says nothing, so every number below is a default." in rows
    assert any(row.startswith("bybit, okx: maintenance margin is that of the venue's tiers") for row in rows)
    listed = [row[0] for row in assumptions_table(result).rows]
    assert not any("desk file says nothing" in row for row in listed)


def test_a_venue_that_no_leg_uses_is_not_listed(result: Result) -> None:
    more = msgspec.structs.replace(result.desk, venues=dict(result.desk.venues) | {"deribit": Venue()})
    assert assumptions_table(replace(result, desk=more)).rows == assumptions_table(result).rows


def test_provenance_gives_what_a_rerun_needs(result: Result) -> None:
    assert ("data", result.provenance.data_hash) in provenance_table(result).rows
