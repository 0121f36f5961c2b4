"""The tables of a run as text: ledger, holdings, fills, assumptions, provenance."""

import msgspec
import numpy as np

from narrows.core.arrays import Float2D, Int1D
from narrows.core.config import Happening
from narrows.core.event import FILL_REASONS
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.core.time import to_ns
from narrows.core.units import to_bps
from narrows.report.assumptions import assumptions
from narrows.report.gaps import spread_basis
from narrows.report.holdings import Holding, holdings
from narrows.report.numbers import (
    bars_of,
    count,
    decimal,
    digits_of,
    instrument_of,
    leg_name,
    legs_of,
    moment,
    money,
    notional,
    percent,
    short_names,
    spread_titles,
)
from narrows.report.table import Table

SHOWN = 200  # rows of a long table: half from its start, half from its end
DUST = 0.005  # of the capital: a holding that was never larger is no trade


def ledger_table(result: Result) -> Table:
    """Ledger by spread, leg and category; what is zero throughout has no row and no column."""
    amounts, digits = result.ledger.amounts, digits_of(result)
    used = [column for column in range(amounts.shape[1]) if amounts[:, column].any()]
    of_leg = {f"{result.spreads[leg.spread].id} {leg.instrument}": leg for leg in result.legs}
    titles = spread_titles(result)
    groups: dict[int, list[int]] = {}
    alone: list[int] = []
    for row, name in enumerate(result.ledger.rows):
        if amounts[row].any():
            group = groups.setdefault(of_leg[name].spread, []) if name in of_leg else alone
            group.append(row)
    lines: list[tuple[str, str, Float2D]] = []
    for spread, rows in groups.items():
        lines.append(("group", titles[spread], amounts[rows]))
        lines += [
            ("part", leg_name(result, of_leg[result.ledger.rows[row]].instrument), amounts[[row]])
            for row in rows
        ]
    lines += [("", result.ledger.rows[row], amounts[[row]]) for row in alone]
    lines.append(("", "total", amounts))
    names = [list(CATEGORIES)[column].replace("_", " ") for column in used]
    cells = tuple(
        (
            name,
            *(money(float(part[:, column].sum()), digits) for column in used),
            money(float(part.sum()), digits),
        )
        for _, name, part in lines
    )
    note = f"{result.desk.currency}; positive was received. A line in bold is the sum of its legs."
    if amounts[:, list(CATEGORIES).index("transfer")].any():
        note += " Transfer: what came to a wallet less what left it; their sum is the fees."
    note += _left_out(
        [name in of_leg for row, name in enumerate(result.ledger.rows) if not amounts[row].any()]
    )
    return Table(
        "Ledger, leg by leg",
        ("spread, leg or wallet", *names, "total"),
        cells,
        note=note,
        styles=tuple(style for style, _, _ in lines),
    )


def _left_out(silent: list[bool]) -> str:
    """What has no row, from whether each is a leg; the others are wallets."""
    legs, wallets = sum(silent), len(silent) - sum(silent)
    parts = [f"{count(legs, 'leg')} that never traded"] if legs else []
    parts += [f"{count(wallets, 'wallet')} that neither earned nor paid"] if wallets else []
    return f" Left out: {', '.join(parts)}." if parts else ""


def venues_table(result: Result) -> Table:
    """Ledger by venue and category: its legs, and the interest of its wallets."""
    amounts, digits = result.ledger.amounts, digits_of(result)
    of_leg = {f"{result.spreads[leg.spread].id} {leg.instrument}": leg for leg in result.legs}
    place: dict[str, list[int]] = {}
    for row, name in enumerate(result.ledger.rows):
        wallet = result.wallets[of_leg[name].wallet] if name in of_leg else name
        place.setdefault(wallet.partition(":")[0], []).append(row)
    used = [column for column in range(amounts.shape[1]) if amounts[:, column].any()]
    lines = [*((name, amounts[rows]) for name, rows in place.items()), ("total", amounts)]
    rows = tuple(
        (
            name,
            *(money(float(part[:, column].sum()), digits) for column in used),
            money(float(part.sum()), digits),
        )
        for name, part in lines
    )
    names = [list(CATEGORIES)[column].replace("_", " ") for column in used]
    note = f"{result.desk.currency}; legs and interest on cash of each venue together."
    return Table("Ledger, venue by venue", ("venue", *names, "total"), rows, note=note)


def holdings_table(result: Result) -> Table:
    """Each holding of a spread: when, how long, how large, and the gap at both ends."""
    every, digits = holdings(result), digits_of(result)
    size = np.abs(notional(result))
    gaps = [to_bps(spread_basis(result, spread)) for spread in range(len(result.spreads))]
    names, kinds = short_names(result), {one.kind for one in result.spreads}
    if len(kinds) > 1:
        names = spread_titles(result)
    value = [_largest(size, result, one) for one in every]
    small = [one < DUST * result.equity_start for one in value]
    shown = _ends(len(every))
    rows = []
    for number in shown:
        one = every[number]
        before, after = gaps[one.spread][max(one.start - 1, 0)], gaps[one.spread][one.last]
        rows.append(
            (
                names[one.spread],
                "long" if one.side > 0 else "short",
                one.end,
                moment(int(result.time_ns[one.start]) - result.desk.bar_ns),
                moment(int(result.time_ns[one.last])),
                f"{(one.last - one.start + 1) * result.desk.bar_ns / 3.6e12:,.0f}",
                f"{value[number]:,.{digits}f}",
                decimal(before, 1),
                decimal(after, 1),
                decimal(one.side * (before - after), 1),
            )
        )
    return Table(
        "Holdings",
        (
            "spread" if len(kinds) > 1 else "".join(kinds).replace("_", " "),
            "side",
            "end",
            "from",
            "to",
            "hours",
            "gross value",
            "gap in, bp",
            "gap out, bp",
            "closed, bp",
        ),
        tuple(rows),
        words=5,
        note=_holdings_note(result, every, sum(small)),
        styles=tuple("faint" if small[number] else "" for number in shown),
    )


def _largest(size: Float2D, result: Result, one: Holding) -> float:
    """Largest gross value of a holding, quote units."""
    return float(size[one.start : one.last + 1, legs_of(result, one.spread)].sum(axis=1).max())


def _holdings_note(result: Result, every: tuple[Holding, ...], small: int) -> str:
    """How many there are, why that is not the number of round trips, and how to read the gaps."""
    if not every:
        return "Nothing was held: no target was ever filled."
    still = sum(one.end == "open" for one in every)
    ended = len(every) - still
    text = f"{_shown(len(every), 'holding')} {ended:,} ended"
    if ended == result.round_trips:
        text += f" ({count(ended, 'round trip')})"
    else:
        text += f", counted as {count(result.round_trips, 'round trip')}"
    text += f"; {still:,} still open at the end." if still else "."
    if small:
        text += f" Grey: {small:,} below {percent(DUST)} of the capital."
    return (
        f"{text} Gaps at the marks before entry and at the last close held; closed is positive where "
        "the gap earned."
    )


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
    fills, digits = result.fills, max(digits_of(result), 2)
    rows = tuple(
        (
            moment(int(fills.time_ns[n])),
            result.legs[fills.leg[n]].instrument,
            FILL_REASONS[fills.reason[n]],
            f"{fills.quantity[n]:+,.6g}".replace("-", "−"),
            f"{fills.price[n]:,.8g}",
            decimal(fills.fee[n], digits),
            decimal(fills.slippage[n], digits),
        )
        for n in _ends(len(fills))
    )
    head = ("time, UTC", "instrument", "reason", "quantity", "price", "fee", "slippage")
    note = _shown(len(fills), "fill") + f" Fee and slippage in {result.desk.currency}, positive is paid."
    return Table("Fills", head, rows, words=3, note=note)


def reasons_table(result: Result) -> Table:
    """Fills by what made them: how many, their value, what they cost, the first and the last."""
    fills, digits = result.fills, digits_of(result)
    inverse = np.array([instrument_of(result, leg).is_inverse for leg in range(len(result.legs))], dtype=bool)
    value = np.abs(fills.quantity) * np.where(inverse[fills.leg], 1.0, fills.price)
    value = value * result.fx[bars_of(result, fills), fills.leg] if len(fills) else value
    rows = []
    for number, reason in enumerate(FILL_REASONS):
        mine = fills.reason == number
        if mine.any():
            times = fills.time_ns[mine]
            rows.append(
                (
                    reason,
                    moment(int(times.min())),
                    moment(int(times.max())),
                    f"{int(mine.sum()):,}",
                    f"{float(value[mine].sum()):,.{digits}f}",
                    decimal(float(fills.fee[mine].sum()), digits),
                    decimal(float(fills.slippage[mine].sum()), digits),
                )
            )
    head = ("reason", "first, UTC", "last, UTC", "fills", "value", "fee", "slippage")
    note = f"{result.desk.currency}; all but trades were forced on the desk, or came with a date."
    return Table("Fills by reason", head, tuple(rows), words=3, note=note)


def events_table(result: Result) -> Table:
    """The events of the desk file: what the venues were told to do unasked, and why."""
    rows = tuple(
        (
            one.kind.replace("_", " ") if one.kind != "adl" else "ADL",
            one.venue,
            ", ".join(one.coins) or "all",
            moment(to_ns(one.start)),
            "–" if one.end is None else moment(to_ns(one.end)),
            _terms(one),
            one.reason,
        )
        for one in result.desk.events
    )
    head = ("event", "venue", "coins", "from, UTC", "until", "what", "reason")
    note = "Told by the desk file, not derived from the data; no strategy knew before."
    return Table("What venues did unasked", head, rows, words=7, note=note)


def _terms(event: Happening) -> str:
    """What an event does, in words."""
    if event.kind == "adl":
        at = "the mark" if event.price is None else f"{event.price:,.8g}"
        return f"{percent(event.share, 0)} of each {event.side} at {at}"
    if event.kind == "recall":
        return f"at most {event.available:,.8g} coins may be owed"
    return {
        "halt": "no fill, no exit",
        "reduce_only": "only smaller positions",
        "no_withdrawals": "cash stays there",
    }[event.kind]


def wallets_table(result: Result) -> Table:
    """Equity of each wallet and the cash between them: at the end, and at its least and most."""
    paths = [*zip(result.wallets, result.wallet_equity.T, strict=True)]
    if result.in_transit.any():
        paths.append(("in transit", result.in_transit))
    paths.append(("total", result.equity))
    digits, bars = digits_of(result), len(result.time_ns)
    rows = tuple(
        (
            name,
            *(decimal(float(value), digits) for value in (path[-1], path.min(), path.max())),
        )
        for name, path in paths
        if bars
    )
    note = (
        f"{result.desk.currency}, at closes; the wallets and what is in transit between them are the equity."
    )
    return Table("Where the money lay", ("wallet", "at the end", "least", "most"), rows, note=note)


def assumptions_table(result: Result) -> Table:
    """What the run takes for granted, and in which direction that errs."""
    rows = tuple((one.text, one.bias) for one in assumptions(result))
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
