"""The tables of a run as text: facts in the order a trader asks for them, ledger, trades, provenance."""

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from narrows.analytics.metrics import max_drawdown, returns, sharpe
from narrows.core.arrays import Int1D
from narrows.core.event import FILL_REASONS
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.core.time import YEAR_H, iso
from narrows.core.units import to_bps
from narrows.report.assumptions import assumptions
from narrows.report.figures import spread_basis
from narrows.report.numbers import (
    count,
    equity_path,
    hours,
    legs_of,
    notional,
    percent,
    periods_per_year,
    return_on_collateral_apr,
    spread_title,
    turnover_by_leg,
    worst_margin,
)

SHOWN = 200  # rows of a long table: half from its start, half from its end
LAST_BARS = 3  # before a holding is flat; what was filled there ended it
DUST = 1e-9  # a position smaller than this share of its largest is nothing


@dataclass(frozen=True)
class Fact:
    """One number with its unit or context."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """What answers one question; the first fact is the answer."""

    question: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Table:
    """Text in rows; the first `words` columns are words, the rest numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    note: str = ""


def money(amount: float) -> str:
    """``+41,203``; ``0`` only for nothing at all; an en dash where not known."""
    if amount == 0.0:
        return "0"
    return f"{amount:+,.0f}".replace("-", "−") if math.isfinite(amount) else "–"


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def _when(time_ns: int) -> str:
    return iso(time_ns)[:16].replace("T", " ")


def _paid(result: Result) -> Facts:
    currency, path = result.desk.currency, equity_path(result)
    bars = len(result.time_ns)
    profit = result.equity_end - result.equity_start
    idle = result.equity_start * result.desk.hurdle.apr * hours(result) / YEAR_H
    ratio = sharpe(returns(path), periods_per_year(result)) if bars > 1 else math.nan
    fall = max_drawdown(path) if bars else math.nan
    return Facts(
        "Did it pay?",
        (
            Fact(
                "return on collateral",
                percent(return_on_collateral_apr(result), 2),
                f"a year, simple; hurdle {percent(result.desk.hurdle.apr, 2)}",
            ),
            Fact("profit", money(profit), currency),
            Fact("doing nothing", money(idle), f"{currency} at the hurdle"),
            Fact(
                "Sharpe ratio",
                _number(ratio, 2),
                f"{periods_per_year(result):,.0f} periods a year, over zero",
            ),
            Fact("largest drawdown", percent(fall, 2), "of the peak, at closes"),
        ),
    )


def _sources(result: Result) -> Facts:
    yearly = YEAR_H / (hours(result) * result.equity_start) if len(result.time_ns) else math.nan
    parts = sorted(result.ledger.by_category.items(), key=lambda part: -abs(part[1]))
    largest = tuple(
        Fact(name.replace("_", " "), money(amount), f"{percent(amount * yearly, 2)} of the capital a year")
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


def _survival(result: Result) -> Facts:
    worst = worst_margin(result)
    if worst is None:
        margin = Fact("worst margin ratio", "–", "no margin was needed")
    else:
        ratio, bar, wallet = worst
        place = f"{result.wallets[wallet]}, {_when(int(result.time_ns[bar]))}"
        margin = Fact("worst margin ratio", _number(ratio, 3), place if ratio else "no margin was needed")
    struck = f"{result.liquidations} to {result.liquidations_high_low}"
    if result.liquidations == result.liquidations_high_low:
        struck = str(result.liquidations)
    fall = result.equity.min(initial=result.equity_start) / result.equity_start - 1.0
    return Facts(
        "How near to the end?",
        (
            margin,
            Fact("liquidations", struck, "judged on closes, and on highs and lows"),
            Fact("lowest equity", percent(fall, 2), "against the capital"),
            Fact("unhedged delta", percent(result.residual_delta_max, 2), "of equity, at most"),
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
                f"{_number(to_bps(cost / turnover), 1)} bp" if turnover else "–",
                "of turnover: fees and slippage",
            ),
            Fact("round trips", f"{result.round_trips:,}", count(len(result.fills), "fill")),
            Fact("turnover", f"{turnover / result.equity_start:,.1f} ×", "of the capital, all legs"),
            Fact("fees", money(ledger["fees"]), result.desk.currency),
            Fact("in the market", percent(use), "of the bars"),
        ),
    )


def facts(result: Result) -> tuple[Facts, ...]:
    """The numbers of a run, in the order a trader asks for them."""
    return _paid(result), _sources(result), _survival(result), _trading(result)


def ledger_table(result: Result) -> Table:
    """Ledger by leg and category; categories of zero have no column."""
    amounts = result.ledger.amounts
    used = [column for column in range(amounts.shape[1]) if amounts[:, column].any()]
    names = [list(CATEGORIES)[column].replace("_", " ") for column in used]
    rows = [
        (*_place(name), *(money(amounts[row, column]) for column in used), money(amounts[row].sum()))
        for row, name in enumerate(result.ledger.rows)
    ]
    rows.append(
        ("total", "", *(money(amounts[:, column].sum()) for column in used), money(result.ledger.total))
    )
    note = f"{result.desk.currency}; positive was received."
    return Table(
        "Ledger, leg by leg", ("spread", "leg or wallet", *names, "total"), tuple(rows), words=2, note=note
    )


def _place(row: str) -> tuple[str, str]:
    """A ledger row as spread and leg; a wallet belongs to no spread."""
    spread, _, leg = row.rpartition(" ")
    return spread.partition(":")[0].replace("_", " "), leg


@dataclass(frozen=True)
class Holding:
    """A spread held without a break, from bar `start` up to and including bar `last`."""

    spread: int
    start: int
    last: int
    side: int
    end: str


def holdings(result: Result) -> tuple[Holding, ...]:
    """Every time a spread was held, in order of entry; `end` says how it ended, "open" if it did not."""
    found: list[Holding] = []
    for spread in range(len(result.spreads)):
        legs = legs_of(result, spread)
        size = np.abs(result.position[:, legs])
        held = (size > DUST * size.max(axis=0, initial=0.0)).any(axis=1) if len(legs) else np.empty(0, bool)
        edges = np.diff(np.concatenate(((False,), held, (False,))).astype(np.int8))
        for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            side = int(np.sign(result.position[start, legs[0]] * result.legs[legs[0]].ratio))
            found.append(
                Holding(spread, int(start), int(stop) - 1, side, _how_it_ended(result, legs, int(stop)))
            )
    return tuple(sorted(found, key=lambda one: (one.start, one.spread)))


def _how_it_ended(result: Result, legs: list[int], stop: int) -> str:
    """The gravest reason among the last fills: a leg that is taken away is followed by the others."""
    if stop >= len(result.time_ns):
        return "open"
    fills = result.fills
    first = result.time_ns[stop] - LAST_BARS * result.desk.bar_ns
    near = np.isin(fills.leg, legs) & (fills.time_ns > first) & (fills.time_ns <= result.time_ns[stop])
    reasons = {FILL_REASONS[reason] for reason in fills.reason[near]}
    return next((word for word in ("liquidation", "settlement") if word in reasons), "exit")


def holdings_table(result: Result) -> Table:
    """Each holding of a spread: when, how long, how large, and the gap at both ends."""
    every = holdings(result)
    size = np.abs(notional(result))
    gaps = [to_bps(spread_basis(result, spread)) for spread in range(len(result.spreads))]
    rows = []
    for number in _ends(len(every)):
        one = every[number]
        gap = gaps[one.spread]
        before, after = gap[max(one.start - 1, 0)], gap[one.last]
        value = size[one.start : one.last + 1, legs_of(result, one.spread)].sum(axis=1).max()
        rows.append(
            (
                spread_title(result, one.spread),
                "long" if one.side > 0 else "short",
                one.end,
                _when(int(result.time_ns[one.start]) - result.desk.bar_ns),
                _when(int(result.time_ns[one.last])),
                f"{(one.last - one.start + 1) * result.desk.bar_ns / 3.6e12:,.0f}",
                f"{value:,.0f}",
                _number(before, 1),
                _number(after, 1),
                _number(one.side * (before - after), 1),
            )
        )
    head = (
        "spread",
        "side",
        "end",
        "from",
        "to",
        "hours",
        "gross value",
        "gap in, bp",
        "gap out, bp",
        "closed, bp",
    )
    note = (
        "Gaps at the marks before entry and at the last close held; closed is positive where the gap earned."
    )
    return Table("Holdings", head, tuple(rows), words=5, note=f"{_shown(len(every), 'holding')} {note}")


def _ends(rows: int) -> Int1D:
    """Rows to show of a long table: its start and its end."""
    if rows <= SHOWN:
        return np.arange(rows)
    return np.concatenate((np.arange(SHOWN // 2), np.arange(rows - SHOWN // 2, rows)))


def _shown(rows: int, noun: str) -> str:
    total = count(rows, noun)
    return f"{total}." if rows <= SHOWN else f"{total}, of which the first and last {SHOWN // 2}."


def fills_table(result: Result) -> Table:
    """Fills in order; of a long list the start and the end."""
    fills = result.fills
    rows = tuple(
        (
            _when(int(fills.time_ns[n])),
            result.legs[fills.leg[n]].instrument,
            FILL_REASONS[fills.reason[n]],
            f"{fills.quantity[n]:+,.6g}".replace("-", "−"),
            f"{fills.price[n]:,.8g}",
            _number(fills.fee[n], 2),
            _number(fills.slippage[n], 2),
        )
        for n in _ends(len(fills))
    )
    head = ("time, UTC", "instrument", "reason", "quantity", "price", "fee", "slippage")
    note = _shown(len(fills), "fill") + f" Fee and slippage in {result.desk.currency}, positive is paid."
    return Table("Fills", head, rows, words=3, note=note)


def assumptions_table(result: Result) -> Table:
    """What the run takes for granted, and in which direction that errs."""
    rows = tuple((one.text, one.bias) for one in assumptions(result.desk))
    note = "flatters: trading would have done worse; penalises: it would have done better."
    return Table("Assumptions", ("assumed", "effect"), rows, words=2, note=note)


def provenance_table(result: Result) -> Table:
    """What a rerun needs to give the same numbers."""
    origin = result.provenance
    rows = (
        ("configuration", origin.config_hash),
        ("data", origin.data_hash),
        ("code", origin.code_version),
        ("seed", str(origin.seed)),
    )
    return Table(
        "Provenance", ("", "hash or value"), rows, words=2, note="The same four give the same result."
    )


def config_text(result: Result) -> str:
    """The desk with all its defaults filled in, as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result.desk), indent=2).decode()
