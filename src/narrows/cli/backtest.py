"""`narrows backtest`."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from narrows.catalog import load_desk
from narrows.catalog.desk import as_stored
from narrows.catalog.finding import Finding
from narrows.catalog.quality import counted, kinds, open_findings, panel_findings
from narrows.catalog.repair import edited
from narrows.cli.render import Bars, money, number, out, percent, print_json, print_table
from narrows.core.config import Desk
from narrows.core.panel import Panel
from narrows.core.restate import coin_prices, restated
from narrows.core.result import Result
from narrows.report import summary, verdict, write_report
from narrows.report.numbers import digits_of, forced
from narrows.sim.backtest import backtest as run_backtest


def backtest(
    desk: Path,
    /,
    *,
    report: Path | None = None,
    currency: Annotated[str | None, Parameter(name="--in")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Simulate a desk, write its report.

    What is wrong or odd in the data of its window is counted on standard error, and noted in the
    report; `narrows quality --desk DESK` tells more.

    Parameters
    ----------
    desk
        Desk file (TOML); see examples/desk.toml.
    report
        Where the HTML report goes; default reports/NAME-HASH.html.
    currency
        Reckon in this coin instead of the desk's currency, as --in BTC.
    json
        Print one JSON object instead of tables.
    """
    settings = load_desk(desk)
    panel, found = checked(settings)
    if found:
        warning = f"narrows: {counted(found)}; see `narrows quality --desk {desk}`"
        print(warning, file=sys.stderr)
    result = simulated(settings, panel)
    if currency is not None and currency != settings.currency:
        source, prices = coin_prices(panel, currency, settings.currency)
        result = restated(result, prices, currency, source)
    path = report or default_report(result, currency)
    write_report(result, path)
    if json:
        print_json(
            summary(result) | {"report": str(path), "verdict": verdict(result), "findings": len(found)}
        )
        return
    print_result(result)
    out.print(f"Report: {path}")


def checked(desk: Desk) -> tuple[Panel, list[Finding]]:
    """The panel of a desk, and the findings in it that the desk file does not cover, noted by kind."""
    stored = as_stored(desk)
    found = open_findings(panel_findings(stored), desk.data)
    panel = edited(stored, desk.data)
    where = "see `narrows quality`, exclude or repair what matters in [data]"
    notes = tuple(f"data: {told}; {where}" for told in kinds(found))
    return replace(panel, notes=panel.notes + notes), found


def simulated(desk: Desk, panel: Panel) -> Result:
    """A backtest with a progress bar, should it last."""
    with Bars("simulating (the first run compiles)") as bars:
        return run_backtest(desk, panel, progress=bars)


def default_report(result: Result, currency: str | None = None) -> Path:
    """Where a report goes if nobody says."""
    name = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in result.desk.name)
    coin = "" if currency is None else f"-{currency}"
    return Path("reports") / f"{name}-{result.provenance.config_hash[:8]}{coin}.html"


def print_result(result: Result) -> None:
    """The result as tables for people."""
    told = summary(result)
    out.print(result.desk.name, style="bold", end="")
    out.print(f"  {told['start']} → {told['end']}, {told['bars']} bars")
    out.print(verdict(result))
    out.print()
    start = _amount(result, result.equity_start)
    facts = [
        ("equity", f"{start} → {_amount(result, result.equity_end)} {result.desk.currency}"),
        ("return on collateral", f"{_percent(told, 'return_on_collateral_apr')} a year, simple"),
        ("hurdle", f"{_percent(told, 'hurdle_apr')} a year"),
        ("Sharpe, over zero", _number(told, "sharpe")),
        ("max drawdown", _percent(told, "max_drawdown")),
        ("unhedged delta, worst close", f"{_percent(told, 'residual_delta_max')} of equity"),
        ("fills, round trips", f"{told['fills']}, {told['round_trips']}"),
        (
            "liquidations",
            f"{told['liquidations']} on closes, {told['liquidations_high_low']} on highs and lows",
        ),
    ]
    if any(forced(result).values()):
        facts.append(("ADL, recalls, forced sales", ", ".join(map(str, forced(result).values()))))
    print_table("Result", ("", ""), facts, numbers=(1,))
    ledger = [(name, _amount(result, amount)) for name, amount in result.ledger.by_category.items() if amount]
    ledger.append(("total", _amount(result, result.ledger.total)))
    print_table(f"Where it came from, {result.desk.currency}", ("category", "amount"), ledger, numbers=(1,))


def _amount(result: Result, amount: float) -> str:
    return money(amount, digits_of(result))


def _percent(told: Mapping[str, object], key: str) -> str:
    value = told[key]
    return percent(value if isinstance(value, float) else None)


def _number(told: Mapping[str, object], key: str) -> str:
    value = told[key]
    return number(value if isinstance(value, float) else None, 2)
