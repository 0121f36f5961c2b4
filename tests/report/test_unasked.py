"""What venues did unasked stands where a reader looks: facts, holdings, gap, fills, wallets, ledger."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from narrows.core.config import Desk, parse
from narrows.core.event import FILL_REASONS, FillReason
from narrows.core.ledger import CATEGORIES, Ledger
from narrows.core.restate import restated
from narrows.core.result import Result
from narrows.report.facts import Fact, facts
from narrows.report.figures import waterfall
from narrows.report.gaps import LASTED, basis, trades_of
from narrows.report.holdings import holdings
from narrows.report.html import page
from narrows.report.numbers import bars_of, blind_bars, forced, summary
from narrows.report.tables import events_table, ledger_table, reasons_table, wallets_table
from report.conftest import DESK

EVENTS = """
[[events]]
venue = "bybit"
kind = "adl"
start = 2024-01-04T16:30:00Z
share = 0.5
price = 41_000.0
reason = "what <if>"
[[events]]
venue = "okx"
kind = "recall"
start = 2024-02-01
end = 2024-02-03
coins = ["BTC"]
available = 2.5
reason = "lenders called"
[[events]]
venue = "bybit"
kind = "no_withdrawals"
start = 2024-02-01
end = 2026-01-01
reason = "shut"
"""
LIQUIDATED = 5_200  # the bar in which the sample loses a leg


def taken_by(result: Result, reason: FillReason, detect_h: float = 0.0) -> Result:
    """The sample, but that what it lost to a liquidation was taken for another reason."""
    codes = result.fills.reason.copy()
    codes[codes == FILL_REASONS.index("liquidation")] = FILL_REASONS.index(reason)
    late = msgspec.structs.replace(result.desk.venues["bybit"], detect_h=detect_h)
    desk = msgspec.structs.replace(result.desk, venues=result.desk.venues | {"bybit": late})
    return replace(result, desk=desk, fills=replace(result.fills, reason=codes), liquidations=0)


def with_events(result: Result) -> Result:
    desk: Desk = parse(DESK + EVENTS)
    return replace(result, desk=desk)


def every(result: Result) -> dict[str, Fact]:
    return {fact.label: fact for group in facts(result) for fact in group.facts}


@pytest.mark.parametrize(
    ("reason", "label", "word"),
    [
        ("adl", "taken by ADL", "an ADL"),
        ("recall", "loans recalled", "a recall"),
        ("repayment", "forced repayments", "a forced sale"),
    ],
)
def test_each_kind_is_a_fact_and_a_cause_of_unhedged_delta(
    result: Result, reason: FillReason, label: str, word: str
) -> None:
    run = taken_by(result, reason)
    delta = run.residual_delta.copy()
    delta[int(bars_of(run, run.fills)[run.fills.reason == FILL_REASONS.index(reason)][0])] = 2.0
    found = every(replace(run, residual_delta=delta))
    assert found[label].value == "1"
    assert found[label].note == "the first 2024-01-04 17:00"
    assert f"at {word}, " in found["unhedged delta"].note
    assert "outside these" in found
    assert "ADL, recalls, forced sales" not in found
    assert summary(run)["forced"] == {"adl": 0, "recall": 0, "repayment": 0} | {reason: 1}


def test_where_nothing_was_forced_the_fact_says_so(result: Result) -> None:
    assert every(result)["ADL, recalls, forced sales"].value == "0"
    assert sum(forced(result).values()) == 0


def test_delta_is_open_until_the_desk_notices(result: Result) -> None:
    delta = np.zeros(len(result.time_ns))
    delta[LIQUIDATED : LIQUIDATED + 4] = (0.5, 0.9, 0.8, 0.1)
    late = replace(taken_by(result, "adl", detect_h=2.0), residual_delta=delta)
    assert blind_bars(late) == 2
    assert "at an ADL, 2024-01-04 18:00, until it is noticed" in every(late)["unhedged delta"].note
    assert every(late)["outside these"].value == "10.00\u00a0%"
    prompt = replace(taken_by(result, "adl"), residual_delta=delta)
    assert every(prompt)["unhedged delta"].note == "of equity, at most; 2024-01-04 18:00"


@pytest.mark.parametrize(("reason", "bar"), [("adl", LIQUIDATED), ("recall", LIQUIDATED + 1)])
def test_a_recall_is_of_the_bar_that_opens_and_an_adl_of_the_one_that_closes(
    result: Result, reason: FillReason, bar: int
) -> None:
    run = taken_by(result, reason)
    assert bars_of(run, run.fills)[run.fills.reason == FILL_REASONS.index(reason)].tolist() == [bar]


def test_a_holding_ends_by_what_took_its_leg_also_if_it_was_noticed_late(result: Result) -> None:
    def end(run: Result) -> str:
        (one,) = [
            one for one in holdings(run) if one.spread == 0 and one.start < LIQUIDATED - 100 <= one.last
        ]
        return one.end

    assert end(taken_by(result, "adl")) == "adl"
    position = result.position.copy()
    position[LIQUIDATED : LIQUIDATED + 8, 0] = position[LIQUIDATED - 1, 0]  # the other leg is left late
    assert end(replace(taken_by(result, "adl", detect_h=0.0), position=position)) == "exit"
    assert end(replace(taken_by(result, "adl", detect_h=7.0), position=position)) == "adl"


def test_events_are_listed_with_what_they_do_and_why(result: Result) -> None:
    table = events_table(with_events(result))
    assert table.rows == (
        ("ADL", "bybit", "all", "2024-01-04 16:30", "–", "50\u00a0% of each short at 41,000", "what <if>"),
        (
            "recall",
            "okx",
            "BTC",
            "2024-02-01 00:00",
            "2024-02-03 00:00",
            "at most 2.5 coins may be owed",
            "lenders called",
        ),
        (
            "no withdrawals",
            "bybit",
            "all",
            "2024-02-01 00:00",
            "2026-01-01 00:00",
            "cash stays there",
            "shut",
        ),
    )
    shown = page(with_events(result)).decode()
    assert "What venues did unasked" in shown
    assert "what &lt;if&gt;" in shown
    assert "What venues did unasked" not in page(result).decode()


def test_events_are_drawn_in_the_panels_that_they_touch_and_inside_the_run(result: Result) -> None:
    figure = basis(with_events(result))
    lines = [one for one in figure.layout["shapes"] if one["type"] == "line"]
    bands = [one for one in figure.layout["shapes"] if one.get("fillcolor") == LASTED]
    assert [one["x0"] for one in lines] == ["2024-01-04 16:30"]
    assert [(one["x0"], one["x1"]) for one in bands] == [
        ("2024-02-01 00:00", "2024-06-11 00:00"),
        ("2024-02-01 00:00", "2024-02-03 00:00"),
    ]
    assert lines[0]["y0"] == bands[0]["y0"] > bands[1]["y1"]  # bybit's panel is above that of okx
    assert "event of the desk file" in figure.caption
    assert not basis(result).layout["shapes"]


def test_what_was_taken_is_marked_on_the_gap(result: Result) -> None:
    run = taken_by(result, "adl")
    assert trades_of(run, 0)["adl"].tolist() == [LIQUIDATED]
    assert "ADL" in [line.get("name") for line in basis(run).data]


def test_fills_by_reason_add_up_to_all_fills_and_costs(result: Result) -> None:
    table = reasons_table(taken_by(result, "adl"))
    cells = {row[0]: row for row in table.rows}
    assert list(cells) == ["trade", "settlement", "adl"]
    assert sum(int(row[3]) for row in table.rows) == len(result.fills)
    assert sum(float(row[5].replace(",", "")) for row in table.rows) == pytest.approx(
        result.fills.fee.sum(), abs=2
    )
    taken = result.fills.liquidations
    value = float((np.abs(taken.quantity) * taken.price).sum())
    assert cells["adl"][4] == f"{value:,.0f}"


def moved(result: Result) -> Result:
    """The sample with 10 in each transfer fee, and cash in transit between its wallets in two bars."""
    transit = np.zeros(len(result.time_ns))
    transit[[100, 101]] = 60_000.0, 59_000.0
    amounts, column = result.ledger.amounts.copy(), list(CATEGORIES).index("transfer")
    amounts[[4, 5], column] = -60_000.0, 59_990.0
    wallets = result.wallet_equity.copy()
    wallets[:, 0] -= transit
    return replace(
        result, in_transit=transit, wallet_equity=wallets, ledger=Ledger(result.ledger.rows, amounts)
    )


def test_wallets_and_what_is_in_transit_are_the_equity(result: Result) -> None:
    assert [row[0] for row in wallets_table(result).rows] == ["bybit", "okx", "total"]
    run = moved(result)
    table = wallets_table(run)
    assert [row[0] for row in table.rows] == ["bybit", "okx", "in transit", "total"]
    ends = [float(row[1].replace(",", "")) for row in table.rows]
    assert sum(ends[:-1]) == pytest.approx(ends[-1], abs=2)
    assert ends[-1] == round(result.equity_end)
    assert table.rows[2] == ("in transit", "0", "0", "60,000")


def test_what_transfers_cost_is_a_bar_of_the_waterfall(result: Result) -> None:
    (bar,) = waterfall(moved(result)).data
    assert bar["x"][bar["y"].index("transfer")] == pytest.approx(-10.0)
    assert "Transfer: what came" in ledger_table(moved(result)).note
    assert "Transfer" not in ledger_table(result).note


def test_cash_in_transit_is_reckoned_in_coin_too(result: Result) -> None:
    prices = np.full(len(result.time_ns) + 1, 20_000.0)
    assert restated(moved(result), prices, "BTC").in_transit.max() == pytest.approx(3.0)


@pytest.mark.parametrize("bars", [0, 30])
def test_a_run_without_bars_or_trades_has_such_tables_too(
    idle_run: Callable[[int], Result], bars: int
) -> None:
    run = with_events(idle_run(bars))
    assert not reasons_table(run).rows
    assert len(wallets_table(run).rows) == (3 if bars else 0)
    assert page(run)
