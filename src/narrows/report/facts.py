"""The facts of a run: did it pay, where did it come from, how near to the end, what did trading cost."""

import math
from dataclasses import dataclass

import numpy as np

from narrows.analytics.metrics import max_drawdown, returns, sharpe
from narrows.core.arrays import Int1D
from narrows.core.event import FILL_REASONS, FillReason
from narrows.core.instrument import same_money
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Fills, Result
from narrows.core.time import YEAR_H
from narrows.core.units import to_bps
from narrows.report.numbers import (
    WORST_RATIO,
    bars_with,
    blind_bars,
    count,
    decimal,
    digits_of,
    equity_path,
    forced,
    hours,
    moment,
    money,
    notional,
    percent,
    periods_per_year,
    return_on_collateral_apr,
    turnover_by_leg,
    worst_margin,
    worst_of,
    yearly,
)

MEANING: dict[str, str] = {name.replace("_", " "): text for name, text in CATEGORIES.items()} | {
    "return on collateral": "profit over all capital tied up, idle or not, made annual without compounding",
    "doing nothing": "what the whole capital would have earned at the hurdle in the same time",
    "Sharpe ratio": "mean of the bar returns over their deviation, made annual with the bars in 365 days",
    "largest drawdown": "the largest fall of the equity from an earlier best close",
    "ledger against equity": "sum of the ledger less the change in equity: zero, but for rounding",
    "worst margin ratio": "maintenance margin over margin equity at a close; the venue liquidates at 1",
    "worst inside the bar": "the same, all legs at their highs, then at their lows; the truth lies between",
    "unhedged delta": "what the desk gains or loses if every price rises by its own amount, over equity",
    "lowest equity": "the lowest close against the capital at the start",
    "taken by ADL": "winning positions that a venue closed for losers on the other side that were bankrupt",
    "loans recalled": "borrowed coins that had to be bought back because they could be borrowed no longer",
    "forced repayments": "owned coins that a venue sold because the cash owed had passed its limit",
    "costs": "fees and slippage over the value of all that was traded",
    "round trips": "times that a spread was entered and left again, whole",
    "turnover": "value of all that was traded, over the capital",
    "in the market": "share of the bars at whose close something was held",
}


@dataclass(frozen=True)
class Fact:
    """One number with its unit or context."""

    label: str
    value: str
    note: str = ""

    @property
    def about(self) -> str:
        """What the number is, in words; empty where the label says it."""
        return MEANING.get(self.label, "")


@dataclass(frozen=True)
class Facts:
    """What answers one question; the first fact is the answer."""

    question: str
    facts: tuple[Fact, ...]


def _paid(result: Result) -> Facts:
    currency, path, digits = result.desk.currency, equity_path(result), digits_of(result)
    bars = len(result.time_ns)
    profit = result.equity_end - result.equity_start
    periods, apr = periods_per_year(result), result.desk.hurdle.apr
    idle = result.equity_start * apr * hours(result) / YEAR_H
    gains = returns(path)
    ratio, excess = (sharpe(gains - cost, periods) for cost in (0.0, apr / periods))
    fall = max_drawdown(path) if bars else math.nan
    return Facts(
        "Did it pay?",
        (
            Fact(
                "return on collateral",
                percent(return_on_collateral_apr(result), 2),
                f"a year, {yearly(result, 2)}; hurdle {percent(apr, 2)}, simple",
            ),
            Fact("profit", money(profit, digits), currency),
            Fact("doing nothing", money(idle, digits), f"{currency} at the hurdle"),
            Fact(
                "Sharpe ratio",
                decimal(ratio, 2),
                f"{periods:,.0f} periods a year, over zero"
                + (f"; {decimal(excess, 2)} over the hurdle" if math.isfinite(excess) else ""),
            ),
            Fact("largest drawdown", percent(fall, 2), "of the peak, at closes"),
        ),
    )


def _sources(result: Result) -> Facts:
    share = YEAR_H / (hours(result) * result.equity_start) if len(result.time_ns) else math.nan
    parts = sorted(result.ledger.by_category.items(), key=lambda part: -abs(part[1]))
    largest = tuple(
        Fact(
            name.replace("_", " "),
            money(amount, digits_of(result)),
            f"{percent(amount * share, 2)} of the capital a year, simple",
        )
        for name, amount in parts[:4]
        if amount
    )
    error = result.ledger_error
    return Facts(
        "Where did it come from?",
        (
            *(largest or (Fact("nothing moved", money(0.0), result.desk.currency),)),
            Fact(
                "ledger against equity",
                f"{error:.0e}" if error else "exact",
                "of capital, must stay below 1e-9",
            ),
        ),
    )


def _worst_margin(result: Result) -> Fact:
    worst = worst_margin(result)
    if worst is None or worst[0] == 0.0:
        return Fact("worst margin ratio", "–", "no margin was needed")
    ratio, bar, wallet = worst
    value = decimal(ratio, 3) if ratio < WORST_RATIO else f"{WORST_RATIO:g} or worse"
    place = f"{result.wallets[wallet]}, {moment(int(result.time_ns[bar]))}"
    return Fact("worst margin ratio", value, f"{place}; at 1 the venue liquidates")


def _inside(result: Result) -> tuple[Fact, ...]:
    """The worst margin ratio at highs and lows, where these were judged."""
    worst = worst_of(result.margin_ratio_high_low)
    if worst is None or worst[0] == 0.0:
        return ()
    ratio, bar, wallet = worst
    value = decimal(ratio, 3) if ratio < WORST_RATIO else f"{WORST_RATIO:g} or worse"
    place = f"{result.wallets[wallet]}, {moment(int(result.time_ns[bar]))}"
    return (Fact("worst inside the bar", value, f"{place}; all legs at their highs or lows"),)


def _liquidated(label: str, number: int, forced: Fills) -> Fact:
    first = f"the first {moment(int(forced.time_ns.min()))}" if len(forced) else ""
    return Fact(label, f"{number:,}", first)


LABELS: dict[FillReason, str] = {
    "adl": "taken by ADL",
    "recall": "loans recalled",
    "repayment": "forced repayments",
}


def _unasked(result: Result) -> tuple[Fact, ...]:
    """What venues did besides liquidation: one fact for each kind that happened, else one that none did."""
    found, fills = forced(result), result.fills
    if not any(found.values()):
        return (Fact("ADL, recalls, forced sales", "0"),)
    shown = []
    for name, number in found.items():
        if number:
            first = fills.time_ns[fills.reason == FILL_REASONS.index(name)].min()
            shown.append(Fact(LABELS[name], f"{number:,}", f"the first {moment(int(first))}"))
    return tuple(shown)


def _equity_in_dollars(result: Result) -> str:
    """What unhedged delta is a share of: it counts in dollars, also where the run is reckoned in coin."""
    return "equity" if same_money(result.desk.currency, "USD") else "equity, seen in dollars"


OPENED: dict[FillReason, str] = {
    "settlement": "delivery",
    "liquidation": "a liquidation",
    "adl": "an ADL",
    "recall": "a recall",
    "repayment": "a forced sale",
}
SEIZED = tuple(name for name in OPENED if name != "settlement")


def _open_bars(result: Result, reason: FillReason) -> Int1D:
    """Bars that a leg was missing in: the one it went in, and those until the desk noticed."""
    bars = bars_with(result, reason)
    late = 0 if reason == "settlement" else blind_bars(result)
    found: Int1D = np.unique(bars[:, None] + np.arange(late + 1))
    return found[found < len(result.time_ns)]


def _unhedged(result: Result) -> tuple[Fact, ...]:
    """The largest unhedged delta; where a leg was taken away, the largest outside such bars too."""
    delta, equity = result.residual_delta, _equity_in_dollars(result)
    if not len(delta) or not delta.any():
        return (Fact("unhedged delta", percent(result.residual_delta_max, 2), f"of {equity}, at most"),)
    bar = int(np.nanargmax(delta))
    when = moment(int(result.time_ns[bar]))
    value = percent(result.residual_delta_max, 2)
    taken = {reason: _open_bars(result, reason) for reason in OPENED}
    why = next((reason for reason, bars in taken.items() if bar in bars), None)
    if why is None:
        return (Fact("unhedged delta", value, f"of {equity}, at most; {when}"),)
    until = "until the other leg is closed at the next open"
    if blind_bars(result) and why != "settlement":
        until = "until it is noticed and the other leg closed"
    note = f"of {equity}, at {OPENED[why]}, {when}, {until}"
    rest = delta.copy()
    rest[np.concatenate(tuple(taken.values()))] = 0.0
    worst = int(np.nanargmax(rest))
    where = f"of {equity}, {moment(int(result.time_ns[worst]))}" if rest[worst] > 0.0 else "never"
    kind = "outside deliveries" if not any(len(taken[name]) for name in SEIZED) else "outside these"
    return Fact("unhedged delta", value, note), Fact(kind, percent(float(rest[worst]), 2), where)


def _survival(result: Result) -> Facts:
    fall = result.equity.min(initial=result.equity_start) / result.equity_start - 1.0
    return Facts(
        "How near to the end?",
        (
            _worst_margin(result),
            *_inside(result),
            _liquidated("liquidations on closes", result.liquidations, result.fills.liquidations),
            _liquidated(
                "liquidations on highs and lows", result.liquidations_high_low, result.liquidated_high_low
            ),
            *_unasked(result),
            Fact("lowest equity", percent(fall, 2), "against the capital"),
            *_unhedged(result),
        ),
    )


def _trading(result: Result) -> Facts:
    turnover = float(turnover_by_leg(result).sum())
    ledger = result.ledger.by_category
    cost = -(ledger["fees"] + ledger["slippage"])
    gross = np.abs(notional(result)).sum(axis=1)
    use = float((gross > 0.0).mean()) if len(gross) else math.nan
    return Facts(
        "What did trading cost?",
        (
            Fact(
                "costs",
                f"{decimal(to_bps(cost / turnover), 1)} bp" if turnover else "–",
                "of turnover: fees and slippage",
            ),
            Fact("round trips", f"{result.round_trips:,}", count(len(result.fills), "fill")),
            Fact("turnover", f"{turnover / result.equity_start:,.1f} ×", "of the capital, all legs"),
            Fact("fees", money(ledger["fees"], digits_of(result)), result.desk.currency),
            Fact("in the market", percent(use), "of the bars"),
        ),
    )


def facts(result: Result) -> tuple[Facts, ...]:
    """The numbers of a run, in the order a trader asks for them."""
    return _paid(result), _sources(result), _survival(result), _trading(result)
