"""The words of the collateral study; every number in them comes from its answers, and every claim is checked."""

import textwrap
from collections.abc import Sequence
from datetime import datetime

from collateral_figure import LEAST, RESTORE_AT, Panel, Row
from collateral_pairs import (
    BORROW_APR,
    BORROW_MAINTENANCE,
    CASH_BORROW_APR,
    CATALOGUES,
    DELAYS_H,
    HAIRCUT,
    ISOLATED,
    LIMITED,
    MAINTENANCE,
    MOST_LEVERAGE,
    NOTIONAL,
    PAIRS,
    PORTFOLIO,
    RESTORED,
    SEPARATE,
    TOP_UPS_AT,
    UNIFIED,
    VENUES,
    Pair,
    Structure,
)
from collateral_quarters import STRUCTURES as HELD_STRUCTURES
from collateral_quarters import Held
from collateral_runs import LANES
from collateral_search import ABOVE, TOLERANCE, Answer
from collateral_tables import (
    DIRECTIONS,
    STANDING,
    Starts,
    Told,
    amount,
    by_case,
    by_start,
    left_out,
    median,
    starts_table,
    structures_table,
    worst,
)

from narrows.core.time import iso, to_ns
from narrows.rulebook import load

TITLE = "How much collateral a hedge needs, by account structure"
MOST_COLUMNS = 125
SAME = 1.01  # what differs by less is alike
NAMED = {structure.name: structure for structure in RESTORED}
SPOT = tuple(pair for pair in PAIRS if pair.spot and not pair.end)
TWO = tuple(pair for pair in PAIRS if not pair.spot)

OPENING = """# {title}

One hedge of one coin, 1:1, taken at the first bar of a series and never touched again: the least collateral with which no
venue takes it apart before the last bar, by how the account is built. Page, figure and answers
([whole histories](survival-by-structure.csv), [ninety days](survival-by-structure-90-days.csv)) are made by

```sh
.venv/bin/python scripts/studies/collateral.py
```

from public data (`NARROWS_DATA`; the files and their sources are those of `examples/sources`: {mappings}). Every
number of the tables and of what they show is computed by that command, which takes some minutes; `--check` says whether the
page is still what the data give, `--page` makes it anew from the answers that stand beside it.

## What is held, and when it ends

- **The hedge**: {notional:,.0f} USDT of each leg at the start, at the open after the first close that both legs have; costs of
  getting in are left out. *Long* buys the first leg and sells the second; *reverse* sells the first (spot: borrowed) and
  buys the second. Dated futures are held to delivery.
- **Collateral** is all capital beyond the price of the spot that is bought, **in multiples of the notional of a leg at the
  start**: 0.5 is a hedge at 2×. Each answer is found by bisection: it lives, and {step:.2%} less dies.
- **The end** is the first thing that a venue does unasked: a liquidation, or collateral sold to repay a debt (the hedge is whole
  no longer). *entry* stands where less would not be let in at all.
- Each amount stands twice, **judged at closes / judged at highs and lows too**. Under it: the leverage that the second equals,
  and the day on which a little less dies.
- **separate**: each leg has a wallet of its own, nothing is sent; the least of each wallet is found alone, and added.
  *isolated*: the same with the derivative margined by what is posted for it.
- **unified**: one account, spot is collateral less its haircut, and the short's losses are borrowed at {cash_apr:.0%} a year as far
  as margin goes. *unified, debt limit*: the cash may be below zero by no more than the rulebook's limit for an ordinary
  account ({limits}), beyond which the venue sells coins. *portfolio*: the venue's
  portfolio margin of the rulebook.
- **top-ups**: separate wallets that begin with half of the collateral each, the spot wallet's half as idle cash beside its coins.
  A wallet whose margin ratio passes the level ({levels}) is sent what restores its start share of the equity, as far as
  the other can spare it, and has it after the delay. Bars are hours, so a delay of 0 is one of 1 h. More collateral is not always
  better here: an answer is an amount that lives and of which {above} times live too.
"""

ASSUMED = """
## What is assumed

- Maintenance is the rulebook's at Binance, Bybit and Hyperliquid (today's tiers, for every date); OKX and Deribit have none of
  these coins on record: {maintenance:.0%} flat. Borrowed coins need {borrowed:.0%} and cost {borrow_apr:.0%} a year, in every
  series. No position is opened at more than {leverage:g}×.
- A position that reaches a tier of less leverage is let in by that tier, never on the mild side: *entry* can be a little more
  than the venue would ask.
- Haircuts are the rulebook's for BTC at Binance and Bybit, else {haircut:.0%}, an assumption.
- Funding is what the files have; OKX's starts in March 2022, and before it nothing is paid or received.
- USDC is worth a USDT.
- Left out of the data, of both legs: hours in which one leg has no bar, with two hours before and one after (where
  Binance's AVAX spot was halted, its bars beside the halt stand far from the perpetual's and from OKX's spot, and no venue
  margins by such a price), and the bars of Binance's BTC derivatives that stop early on 2024-10-28.

## What is left out, and what falls short

- **Series**: coin-margined perpetuals (their margin is the coin itself: another question); the 8 h bars of Binance's BTC, whose
  hours are here; the futures of March and June 2025, whose files end before delivery; series of a day or of minutes
  (QuantConnect, Nautilus, binance.us); spot at one venue against a perpetual at another, which is no spread of narrows:
  Deribit and Hyperliquid, without spot of their own, stand against another venue's perpetual. {absent}.
- **Nobody acts.** A desk would sell coins as they gain, hedge anew, or leave. What a hedge "needs" over years is here a matter
  of the path since its first bar: other first bars, other answers, which is why the ninety days stand beside it.
- **One top-up level a venue** serves a wallet that borrows coins, with its {borrowed:.0%} maintenance, and one that holds
  derivatives, with a fraction of that; and a wallet sends no cash that would bring itself past that level. A level that suits the one
  starves the other, so these top-ups are worse than a desk's own would be.
- **Inside a bar** all legs are at their lows together, then at their highs; cash arrives at closes only. Bars of 8 h at Bybit
  and OKX are stamped four hours late (see `docs/data-traps.md`), both legs alike.
- **Venues** neither halt, recall loans, nor deleverage here. The insurance fund, order books and fees do not matter to who
  lives, only to what is left of who does not.
"""

FIGURE = """
![{title}: the least collateral of each series by structure and delay, whole histories and ninety days](survival-by-structure.svg)

Figure and tables: `.venv/bin/python scripts/studies/collateral.py`. The figure is judged at highs and lows, its top-ups at a
margin ratio of {level:g}; what needs {least:g} or less stands at the edge.
"""


def claimed(holds: bool, words: str) -> None:
    """Stop where a sentence of the page is no longer true.

    Raises
    ------
    ValueError
        With the sentence.
    """
    if not holds:
        raise ValueError(f"collateral: no longer true, mend the words of the page: {words}")


def debt_limits() -> str:
    """The limits of the rulebook for a debt of USDT, each with the day that its record is from."""
    book, start, end = load(), to_ns(datetime(2020, 1, 1)), to_ns(datetime(2027, 1, 1))
    told = []
    for name in ("binance", "okx"):
        last = None
        for time_ns in sorted({start, *book.coin_changes(name, "USDT", start, end)}):
            rule = book.known_of_coin(name, "USDT", time_ns)[1]
            limit = None if rule is None else rule.overdraft_limit
            if limit not in (None, last):
                told.append(f"{VENUES[name]} {limit:,.0f} USDT from {iso(time_ns)[:10]}")
            last = limit
    return ", ".join(told)


def need(told: Told, pair: Pair, direction: str, structure: Structure, lane: str = "high_low") -> float:
    """Collateral of a case."""
    return told[pair.title, direction, structure.name, lane].collateral


def wrapped(heading: str, points: Sequence[str]) -> str:
    """A heading and its points, cut into lines."""
    cut = textwrap.TextWrapper(118, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    return f"\n## {heading}\n\n" + "".join(f"{cut.fill('- ' + ' '.join(one.split()))}\n" for one in points)


def cut(text: str) -> str:
    """Lines that numbers have made too long, cut again; tables and pictures stand as they are."""
    lines = []
    for line in text.split("\n"):
        prose = len(line) > MOST_COLUMNS and not line.startswith(("|", "!"))
        indent = "  " if line.startswith(("- ", "  ")) else ""
        told = textwrap.wrap(
            line, MOST_COLUMNS, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
        )
        lines += told if prose else [line]
    return "\n".join(lines)


def short(pair: Pair) -> str:
    """A pair in a sentence."""
    return pair.title.replace(" spot and perpetual", "").replace("perpetuals of ", "").replace(",", "")


def _listed(told: Told, pairs: Sequence[Pair], direction: str, structure: Structure) -> str:
    """Collateral of some pairs in one structure, judged at highs and lows."""
    return ", ".join(f"{amount(need(told, pair, direction, structure))} ({short(pair)})" for pair in pairs)


def _ratios(
    told: Told, pairs: Sequence[Pair], direction: str, one: Structure, other: Structure
) -> list[float]:
    """Collateral in one structure over that in another, where a pair has both and the other needs any."""
    return [
        need(told, pair, direction, one) / need(told, pair, direction, other)
        for pair in pairs
        if (pair.title, direction, one.name, LANES[1]) in told and need(told, pair, direction, other)
    ]


def _between(values: Sequence[float], digits: int = 2) -> str:
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def long_alone(told: Told) -> str:
    """What a long hedge needs in wallets that are apart."""
    for pair in SPOT:
        one = told[pair.title, "long", SEPARATE.name, LANES[1]]
        rise = one.moved - 1.0 - one.carry
        claimed(0.97 * rise < one.collateral < 1.03 * (rise + 0.1 * one.moved), "alone, the rise is needed")
    alike = [
        told[pair.title, "long", ISOLATED.name, lane].collateral
        / told[pair.title, "long", SEPARATE.name, lane].collateral
        for pair in PAIRS
        for lane in LANES
        if pair.spot
    ]
    claimed(1 / SAME < min(alike) <= max(alike) < SAME, "isolated is as separate")
    return f"""**Alone, a long hedge needs what the coin rises by.** {_listed(told, SPOT, "long", SEPARATE)} times the notional,
        judged at highs and lows: the rise from the first bar to the day that binds, less the funding received until then,
        and maintenance. All of that gain stands in the other wallet, in coins. Isolated margin needs the same, within
        {max(max(alike) - 1, 1 - min(alike)):.1%}."""


def one_account(told: Told) -> str:
    """What one account changes, and what a limit of its debts takes back."""
    share = _ratios(told, SPOT, "long", UNIFIED, SEPARATE)
    claimed(max(share) < 0.1, "one account needs less than a tenth")
    none = [pair for pair in PAIRS if pair.spot and not need(told, pair, "long", UNIFIED)]
    claimed(all("BTC" in pair.first for pair in none), "BTC needs nothing")
    some = [pair for pair in SPOT if pair not in none]
    okx, binance = (
        _ratios(told, [pair for pair in SPOT if pair.venues[0] == name], "long", LIMITED, SEPARATE)
        for name in ("okx", "binance")
    )
    claimed(min(okx) > 0.85, "a debt limit takes most of it back")
    return f"""**In one account it needs at most {max(share):.1%} of that**, and nothing beyond its spot in {len(none)} of the
        {sum(pair.spot for pair in PAIRS)} series (BTC's, dated futures among them); else {_listed(told, some, "long", UNIFIED)}.
        But only as long as the venue lets the short's losses stand as a debt. With the limits of an ordinary account at OKX the
        coins are sold as the price rises, and to keep the hedge whole takes {_between(okx)} times what separate wallets need; at
        Binance, which counts only what is realised, {_between(binance)} times. **The debt limit, not the haircut, is what a
        unified hedge lives by.**"""


def reverse_trade(told: Told) -> str:
    """The reverse trade in one account and in two, and what of it is carry."""
    share = _ratios(told, SPOT, "reverse", UNIFIED, SEPARATE)
    claimed(max(share) < 0.5, "the reverse needs less than half in one account")
    sol = told["SOL, OKX spot and perpetual", "reverse", UNIFIED.name, LANES[1]]
    claimed(-sol.carry > 0.5 * sol.collateral, "carry is most of it")
    return f"""**The reverse trade needs {_between(share)} times as much in one account as in two**: {_listed(told, SPOT, "reverse", UNIFIED)}.
        What is left is {BORROW_MAINTENANCE:.0%} of the borrowed coins at their later price, and what was paid until then: of SOL's
        {amount(sol.collateral)}, {-sol.carry:.1f} are funding and interest at an assumed {BORROW_APR:.0%} a year on coins at up to
        {sol.moved:.0f} times their first price."""


def by_portfolio(told: Told, starts: Starts) -> str:
    """Portfolio margin against the unified account."""
    at = {
        name: [pair for pair in PAIRS if pair.spot and pair.venues[0] == name] for name in ("okx", "binance")
    }
    okx, binance = (
        [one for direction in DIRECTIONS for one in _ratios(told, pairs, direction, PORTFOLIO, UNIFIED)]
        for pairs in at.values()
    )
    claimed(0.5 < min(okx) <= max(okx) < 1.0 / SAME, "portfolio margin at OKX")
    claimed(1 / SAME < min(binance) <= max(binance) < 1.1, "portfolio margin at Binance")
    quick = [
        (pair, *(worst(starts[pair.title, "reverse", one.name]).collateral for one in (PORTFOLIO, UNIFIED)))
        for pair in at["okx"]
        if (pair.title, "reverse", PORTFOLIO.name) in starts
    ]
    claimed(all(less < 0.5 * more for _, less, more in quick), "portfolio margin over ninety days")
    worse = ", ".join(
        f"{amount(less)} instead of {amount(more)} ({short(pair)})" for pair, less, more in quick
    )
    return f"""**Portfolio margin saves maintenance, not carry**: over whole histories {_between(okx)} times the unified account's need
        at OKX, whose grid offsets spot and perpetual, {_between(binance)} times at Binance, which keeps the tiers and
        liquidates a little earlier. Over ninety days, without years of carry, OKX's worst reverse start needs {worse}."""


def top_ups(told: Told) -> str:
    """What sending cash does for hedges with spot."""
    ratios = {structure.name: _ratios(told, SPOT, "long", structure, SEPARATE) for structure in RESTORED}
    claimed(
        min(min(one) for one in ratios.values() if one) > 1 / SAME,
        "top-ups never save a long hedge collateral",
    )
    quick, late = ratios[f"restore at {RESTORE_AT:g}, 1 h"], ratios[f"restore at {TOP_UPS_AT[0]:g}, 72 h"]
    claimed(max(quick) < SAME, "quick top-ups cost nothing")
    claimed(max(late) > 1.9, "late ones double it")
    return f"""**Top-ups save a long hedge nothing.** Its gain is coins that are not sold, so the cash must be there anyway; the most they do
        is let half of it stand idle elsewhere. Sent at a ratio of {RESTORE_AT:g} and there within the hour, all idle cash is as good as
        margin ({max(quick):.2f} times the separate wallets' need at most); sent at {TOP_UPS_AT[0]:g} and there after 72 h, the half that is
        late is useless (up to {max(late):.2f} times)."""


def between_venues(told: Told) -> str:
    """What sending cash does where both legs settle in cash."""
    quick = NAMED[f"restore at {RESTORE_AT:g}, 1 h"]
    slow = NAMED[f"restore at {RESTORE_AT:g}, 72 h"]
    cases = [(pair, direction) for pair in TWO for direction in DIRECTIONS]
    ratios = [need(told, *case, quick, LANES[0]) / need(told, *case, SEPARATE, LANES[0]) for case in cases]
    slower = [need(told, *case, slow, LANES[0]) / need(told, *case, SEPARATE, LANES[0]) for case in cases]
    fewer = sum(one < 1.0 for one in ratios)
    claimed(fewer >= len(cases) - 1, "between venues quick cash saves collateral")
    inside = [need(told, *case, quick) / need(told, *case, quick, LANES[0]) for case in cases]
    crash = sum(
        told[pair.title, direction, quick.name, LANES[1]].at.startswith("2025-10-10")
        for pair, direction in cases
    )
    claimed(crash >= len(cases) * 0.6, "the crash binds")
    claimed(sorted(inside)[len(inside) // 2] > 1.5, "inside the bar it needs more")
    return f"""**Between two perpetuals the gain is cash, and sending it saves collateral**: by closes, at a ratio of {RESTORE_AT:g}
        and within the hour, {fewer} of {len(cases)} cases need less than without, at best {min(ratios):.2f} times (median
        {sorted(ratios)[len(ratios) // 2]:.2f}; after 72 h {sorted(slower)[len(slower) // 2]:.2f}). But no cash arrives inside an hour: judged at
        highs and lows the same cases need {sorted(inside)[len(inside) // 2]:.1f} times as much (median), and {crash} of {len(cases)} are
        bound by 2025-10-10. Who counts on transfers counts on the hour that none helps in."""


def when_to_send(told: Told) -> str:
    """The level at which cash is sent for, and what is not monotone."""
    late, early = TOP_UPS_AT
    pairs = [
        (told[pair.title, direction, f"restore at {late:g}, {hours:g} h", lane], told[pair.title, direction, f"restore at {early:g}, {hours:g} h", lane])
        for pair in PAIRS for direction in DIRECTIONS for hours in DELAYS_H for lane in LANES
        if (pair.title, direction, f"restore at {late:g}, {hours:g} h", lane) in told
    ]  # fmt: skip
    more = sum(one.collateral > SAME * other.collateral for one, other in pairs)
    less = sum(one.collateral * SAME < other.collateral for one, other in pairs)
    reverse = sum(
        one.collateral * SAME < other.collateral and one.direction == "reverse" for one, other in pairs
    )
    claimed(more > 2 * less and reverse > 0.6 * less, "earlier is better more often, less so for the reverse")
    return f"""**A margin ratio is a poor level to send cash at.** Half the margin gone sounds early; with {MAINTENANCE:.0%} maintenance it
        is a price move of about {MAINTENANCE:.0%} before liquidation. Sending at {late:g} needs more collateral than at {early:g} in
        {more} of {len(pairs)} cases and less in {less}, {reverse} of them reverse: borrowed coins at {BORROW_MAINTENANCE:.0%} maintenance
        stand beyond {early:g} nearly all the time, and a wallet beyond the level sends nothing."""


def monotone(found: Sequence[Answer], told: Told) -> str:
    """Whether more is always better."""
    standing = [one for one in found if one.structure in {structure.name for structure in STANDING}]
    claimed(not any(one.odd for one in standing), "without top-ups survival is monotone")
    sent = [one for one in found if one.structure in NAMED]
    claimed(not any(float(probe) > 1.0 for one in sent for probe in one.odd.split()), "an answer is enough")
    odd = sum(bool(one.odd) for one in sent)
    faster = [
        (
            told[
                one.pair,
                one.direction,
                one.structure.replace(f"{DELAYS_H[-1]:g} h", f"{DELAYS_H[-3]:g} h"),
                one.lane,
            ],
            one,
        )
        for one in sent
        if one.structure.endswith(f"{DELAYS_H[-1]:g} h")
    ]
    wrong = sum(slow.collateral * SAME < quick.collateral for quick, slow in faster)
    return f"""**Without top-ups more collateral is always better**, in all {len(standing)} answers at all probes around them. **With
        them it is not**: in {odd} of {len(sent)} answers some smaller amount lives too, by the luck of when a transfer was on its way;
        and in {wrong} of {len(faster)} a delay of {DELAYS_H[-1]:g} h needs less than one of {DELAYS_H[-3]:g} h."""


def quarters(starts: Starts) -> str:
    """What ninety days show."""
    pairs = [pair for pair in PAIRS if (pair.title, "long", SEPARATE.name) in starts]
    spot = [pair for pair in pairs if pair.spot]

    def told(direction: str, structure: Structure, chosen: Sequence[Pair]) -> str:
        rows = [(pair, starts[pair.title, direction, structure.name]) for pair in chosen]
        return ", ".join(
            f"{amount(median(one))} and {amount(worst(one).collateral)} ({short(pair)})" for pair, one in rows
        )

    unified = [starts[pair.title, "long", UNIFIED.name] for pair in spot]
    alone = [worst(starts[pair.title, "long", SEPARATE.name]).collateral for pair in spot]
    share = [worst(one).collateral / other for one, other in zip(unified, alone, strict=True)]
    claimed(
        max(share) < 0.15 and not any(median(one) for one in unified), "ninety days in one account need less"
    )
    slow, quick = (NAMED[f"restore at {RESTORE_AT:g}, {hours:g} h"] for hours in (DELAYS_H[-1], DELAYS_H[0]))
    waits = [
        worst(starts[pair.title, direction, slow.name]).collateral
        / worst(starts[pair.title, direction, quick.name]).collateral
        for pair in pairs
        for direction in DIRECTIONS
    ]
    claimed(min(waits) > 0.95, "waiting never helps the worst start")
    return f"""**Over ninety days the amounts are those of a desk.** Alone, a long hedge of the median and of the worst quarter needs
        {told("long", SEPARATE, spot)}; in one account the median nothing, the worst {max(share):.0%} of that at most. The reverse, alone:
        {told("reverse", SEPARATE, spot)}. A delay of {DELAYS_H[-1]:g} h instead of {DELAYS_H[0]:g} h makes the worst start dearer by
        {min(waits) - 1:.0%} to {max(waits) - 1:.0%}."""


def panels(found: Sequence[Answer], held: Sequence[Held]) -> list[Panel]:
    """Of the figure: whole histories, ninety days."""
    told, starts = by_case(found), by_start(held)

    def label(pair: Pair, direction: str) -> str:
        return f"{short(pair)}, {direction}"

    whole = [
        Row(label(pair, direction), {name: told[pair.title, direction, name, LANES[1]].collateral for (title, way, name, lane) in told if (title, way, lane) == (pair.title, direction, LANES[1])})
        for pair in PAIRS if not pair.end for direction in DIRECTIONS
    ]  # fmt: skip
    ninety = [
        Row(f"{label(pair, direction)}", {name: worst(one).collateral for (title, way, name), one in starts.items() if (title, way) == (pair.title, direction)})
        for pair in PAIRS for direction in DIRECTIONS if (pair.title, direction, SEPARATE.name) in starts
    ]  # fmt: skip
    return [
        Panel("Whole history: collateral, times the notional at the start", whole, 300.0, (LEAST, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)),
        Panel("Ninety days from each quarter, the worst start: collateral, times the notional at the start", ninety, 50.0, (LEAST, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)),
    ]  # fmt: skip


def page(found: Sequence[Answer], held: Sequence[Held]) -> str:
    """docs/studies/survival-by-structure.md."""
    told, starts = by_case(found), by_start(held)
    shown = (
        long_alone(told), one_account(told), reverse_trade(told), by_portfolio(told, starts), top_ups(told),
        between_venues(told), when_to_send(told), monotone(found, told), quarters(starts),
    )  # fmt: skip
    mappings = ", ".join(f"`{name}`" for names in CATALOGUES.values() for name in names)
    opening = OPENING.format(
        title=TITLE, mappings=mappings, notional=NOTIONAL, step=TOLERANCE - 1.0, cash_apr=CASH_BORROW_APR,
        limits=debt_limits(), levels=" or ".join(f"{one:g}" for one in TOP_UPS_AT), above=", ".join(f"{one:g}" for one in ABOVE),
    )  # fmt: skip
    tables = "\n".join((
        "\n## Whole histories, nothing sent\n", structures_table(told, STANDING),
        "\n## Whole histories, with top-ups\n", f"Sent at a margin ratio of {TOP_UPS_AT[0]:g} or {TOP_UPS_AT[1]:g}, by delay.\n", structures_table(told, RESTORED),
        "\n## Ninety days from each quarter\n",
        "The same hedge begun at the first bar of each quarter and held for ninety days, in multiples of the notional then, judged at\nhighs and lows: median / worst of all starts, and the start of the worst.\n",
        starts_table(starts, HELD_STRUCTURES), "",
    ))  # fmt: skip
    figure = FIGURE.format(title=TITLE, level=RESTORE_AT, least=LEAST)
    assumed = ASSUMED.format(
        maintenance=MAINTENANCE, borrowed=BORROW_MAINTENANCE, borrow_apr=BORROW_APR, leverage=MOST_LEVERAGE,
        haircut=HAIRCUT, absent=left_out(),
    )  # fmt: skip
    return cut(opening + wrapped("What it shows", shown) + figure + tables + assumed)
