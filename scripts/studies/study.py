"""A study: a desk file, what is said of its result, and the numbers that the page prints."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from narrows.analytics.metrics import max_drawdown
from narrows.catalog import load_desk
from narrows.catalog.finding import Finding
from narrows.catalog.quality import kinds
from narrows.cli.backtest import checked, simulated
from narrows.core.restate import coin_prices, restated
from narrows.core.result import Result
from narrows.core.time import YEAR_H, iso
from narrows.report import verdict
from narrows.report.numbers import (
    bar_h,
    count,
    decimal,
    digits_of,
    equity_path,
    hours,
    moment,
    notional,
    percent,
    return_on_collateral_apr,
    worst_margin,
    worst_of,
)


@dataclass(frozen=True)
class Study:
    """One run: `text` is what is said of it, with numbers in braces; `holds` says whether it is true.

    `currency` reckons the run in a coin, "" in the desk's own currency.
    """

    name: str
    title: str
    desk: str
    text: str
    holds: Callable[["Run"], bool]
    currency: str = ""

    @property
    def report(self) -> str:
        """Where `make studies` writes its report."""
        return f"reports/studies/{self.name}.html"

    @property
    def own_strategy(self) -> bool:
        """Whether the desk names a strategy by module, which stands in examples/."""
        return ":" in load_desk(self.desk).strategy

    @property
    def command(self) -> str:
        """What runs it, as one types it in the root of the repository."""
        path = "PYTHONPATH=examples " if self.own_strategy else ""
        coin = f" --in {self.currency}" if self.currency else ""
        return f"{path}narrows backtest {self.desk}{coin} --report {self.report}"


@dataclass(frozen=True)
class Run:
    """What a study gave."""

    study: Study
    result: Result
    findings: tuple[Finding, ...]

    @property
    def apr(self) -> float:
        """Return on collateral, a simple annual rate."""
        return return_on_collateral_apr(self.result)

    @property
    def beats_doing_nothing(self) -> bool:
        """Whether it beat the hurdle."""
        return self.apr > self.result.desk.hurdle.apr

    @property
    def ledger(self) -> dict[str, float]:
        """Amount of each category over the capital."""
        capital = self.result.equity_start
        return {name: amount / capital for name, amount in self.result.ledger.by_category.items()}

    @property
    def first_funding(self) -> int:
        """The bar in which every leg that is ever funded has been; 0 if that is the first or none is."""
        known = ~np.isnan(self.result.funding)
        funded = known[:, known.any(axis=0)]
        return int(funded.argmax(axis=0).max(initial=0))

    @property
    def apr_since_funding(self) -> float:
        """The same return over the part of the run in which funding is known."""
        result = self.result
        left = hours(result) - self.first_funding * bar_h(result)
        return (result.equity_end / result.equity_start - 1.0) * YEAR_H / left

    @property
    def late_funding(self) -> bool:
        """Whether funding is known only from more than a month after the start."""
        return self.first_funding * bar_h(self.result) > 30 * 24.0


def run(study: Study) -> Run:
    """Simulate a study as `narrows backtest` does."""
    desk = load_desk(study.desk)
    panel, found = checked(desk)
    result = simulated(desk, panel)
    if study.currency:
        source, prices = coin_prices(panel, study.currency, desk.currency)
        result = restated(result, prices, study.currency, source)
    return Run(study, result, tuple(found))


class Gain(NamedTuple):
    """What a year or a month gained: money, and over the equity at its start."""

    name: str
    amount: float
    share: float


def _gains(result: Result, unit: str) -> list[Gain]:
    """Gains of each calendar year ("Y") or month ("M")."""
    periods = (result.time_ns - 1).astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    path = equity_path(result)
    told = []
    for period in np.unique(periods):
        rows = np.flatnonzero(periods == period)
        before, after = float(path[rows[0]]), float(path[rows[-1] + 1])
        told.append(Gain(str(period), after - before, after / before - 1.0))
    return told


def by_year(result: Result) -> list[Gain]:
    """What each calendar year gained."""
    return _gains(result, "Y")


def best_year(result: Result) -> Gain:
    """The year that gained most money."""
    return max(by_year(result), key=lambda one: one.amount)


def best_month(result: Result) -> Gain:
    """The month that gained most money."""
    return max(_gains(result, "M"), key=lambda one: one.amount)


def _ratio(result: Result) -> tuple[str, str]:
    """The worst margin ratio at a close, and inside the bar."""
    told = []
    for worst in (worst_margin(result), worst_of(result.margin_ratio_high_low)):
        value = 0.0 if worst is None else worst[0]
        told.append("–" if not value else "≥ 10" if value >= 10.0 else decimal(value, 3))
    return told[0], told[1]


def _day(result: Result, bar: int) -> str:
    return iso(int(result.time_ns[bar]) - result.desk.bar_ns)[:10]


def numbers(one: Run) -> dict[str, str]:
    """Everything that a text or a row of the page can print, as text."""
    result, ledger, digits = one.result, one.ledger, digits_of(one.result)
    fills = result.fills
    held = np.abs(notional(result)).sum(axis=1) > 0.0
    close, inside = _ratio(result)
    last = int(fills.time_ns.max()) if len(fills) else 0
    rest = sum(share for name, share in ledger.items() if name not in _NAMED)
    profit = result.equity_end - result.equity_start
    month, year = best_month(result), best_year(result)
    part = {name: _share(share) for name, share in ledger.items()}
    return part | {
        "best_month": month.name,
        "best_month_gain": _signed(month.share),
        "best_month_share": percent(month.amount / profit, 0),
        "best_year": year.name,
        "best_year_gain": _signed(year.share),
        "best_year_share": percent(year.amount / profit, 0),
        "residual": percent(result.residual_delta_max, 1),
        "apr": percent(one.apr, 1),
        "apr_since_funding": percent(one.apr_since_funding, 1),
        "funding_since": iso(int(result.time_ns[one.first_funding]))[:7],
        "hurdle": percent(result.desk.hurdle.apr, 1),
        "start": _day(result, 0),
        "end": iso(int(result.time_ns[-1]))[:10],
        "bar": f"{bar_h(result):g} h",
        "capital": f"{result.equity_start:,.{digits}f} {result.desk.currency}",
        "profit_lost": f"{decimal(-profit, digits)} {result.desk.currency}",
        "spreads": count(len(result.spreads), "spread"),
        "costs": _share(ledger["fees"] + ledger["slippage"]),
        "rest": _share(rest),
        "costs_paid": _share(-ledger["fees"] - ledger["slippage"]),
        "borrow_paid": _share(-ledger["borrow"]),
        "settlement_lost": _share(-ledger["settlement"]),
        "drawdown": percent(max_drawdown(equity_path(result)), 1),
        "ratio": close,
        "ratio_inside": inside,
        "liquidations": f"{result.liquidations:,}",
        "liquidations_high_low": f"{result.liquidations_high_low:,}",
        "fills": f"{len(fills):,}",
        "round_trips": f"{result.round_trips:,}",
        "last_fill": moment(last)[:10] if last else "–",
        "in_market": percent(float(held.mean()), 0),
        "findings": f"{len(one.findings)}",
        "kinds": ", ".join(kinds(one.findings)) or "none",
        "years": ", ".join(f"{one.name} {_signed(one.share)}" for one in by_year(result)),
        "venues": _venues(result),
        "verdict": verdict(result),
    }


_NAMED = ("basis", "funding", "borrow", "fees", "slippage")


def _venues(result: Result) -> str:
    """What each wallet gained since the first close, before anything was traded."""
    wallets = zip(result.wallets, result.wallet_equity[0], result.wallet_equity[-1], strict=True)
    return ", ".join(f"{name} {_signed(float(end / start - 1.0), 0)}" for name, start, end in wallets)


def _share(share: float) -> str:
    """Per cent with one digit; 0 only for nothing at all."""
    if share == 0.0:
        return "0"
    return "≈0" if abs(share) < 0.0005 else percent(share, 1)


def _signed(gain: float, digits: int = 1) -> str:
    if gain == 0.0:
        return "idle"
    text = percent(gain, digits)
    return text if gain < 0.0 or not math.isfinite(gain) else f"+{text}"
