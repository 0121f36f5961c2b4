"""docs/studies/who-survives.md: one table of who survives under which account, and what an ADL costs."""

import math
from collections.abc import Iterable
from dataclasses import replace

from stress_runs import BORROW_APR, CAPITAL, HAIRCUT, Run, debt_limit
from stress_tables import moment, percent, ratio
from stress_words import AFTER, wrapped
from survival_runs import (
    ACCOUNTS,
    COMPARED,
    DETECTED_H,
    HARD_HAIRCUT,
    LATER,
    SHARES,
    WAY,
    WAYS,
    Case,
    Episode,
    Survival,
    winning,
)

from narrows.risk.adl import naked_loss
from narrows.risk.contract import LINEAR

PAGE = """# Who survives under which account

Both directions of the hedge through November 2022, January 2023 and 2025-10-10, in six accounts, untouched and with half
or all of the winning leg taken by auto-deleveraging (ADL). The windows, their market and every run without ADL are those of
[SOL, November 2022 and January 2023](2022-11-sol.md) and [SOL and AVAX, 2025-10-10](2025-10-10.md), where the hedge, the accounts
and the terms are told. This page, too, is made by

```sh
.venv/bin/python scripts/studies/stress.py
```

and every number and every claim on it is computed or checked by that command. Times are UTC; a bar bears the time of its close.

![Equity left of each hedge under each account, and who was liquidated](who-survives.svg)

| market | hedge | ADL of its perpetual | {head} |
|---|---|---|{rule}|
{rows}
Figure and table: `.venv/bin/python scripts/studies/stress.py`. Equity at the end in % of the capital. **†** liquidated, judged
at closes: leg and time. **(†)** liquidated inside the bar only, at its highs and lows: the equity is then by hand, the other
leg closed at the next open, without fees. *s*: share of the coins that the venue sold to repay debts. Each leg is ¾ of the
capital, in the accounts *in full* as much as 3× carries: all of the capital long, 1.5 times the capital in reverse.
{found}
## What an ADL of the whole leg costs

By the bankruptcy price of the losers at which it happens, as a way from the open of the hour to its extreme, and by the hours
until the desk notices (`detect_h`). In % of the capital, against the same hedge without ADL, {later} hours after the ADL; negative:
it gained. † and (†) as above. The same command.

{costs}
{struck}{assumed}{unknown}"""

ASSUMED = """## What is assumed

- **The hour** is the one with the largest move, from its open to its low (high), among those that begin with the perpetual
  in profit: only winners are deleveraged. **The price** lies between the open of that hour and its extreme, for there the
  losers went bankrupt, and no more is known; the table takes the middle, {way:.0%} of the way. The position is closed
  there without a fee, and the simulator books it at the close of the hour. Over all hours that begin in profit, an ADL
  at the middle and a new hedge at the next open cost from {hours_least} (a gain) to {hours_most} of the capital.
- **The share**, 50 % or 100 %, is given and not derived from a rank: queues and insurance funds are not in these data.
- **Hedged again at the next open** after it is noticed, if both legs are then within 3× of the equity; else the leg that
  lacks a partner is closed there. That is so *in full* in January 2023, and of ¾ there when it is noticed after {late} hours.
  What is closed earns and pays no more, and may end higher for it.
- **Haircut**: neither SOL nor AVAX is on record where it is held here. {haircut:.0%} is assumed, what the rulebook has of SOL at
  Binance. Debt limits are on record: {okx_limit:,.0f} USDT at OKX, {binance_limit:,.0f} at Binance.
- **Portfolio margin** is the rulebook's at each date. OKX's grid (moves of up to 25 %, far ones at half) is on record with low
  confidence before 2025, and what it asks for the gap between perpetual and spot only since June 2024: a hedge of 2022 needs
  almost nothing. Binance's is no grid: its brackets, and liquidation at 1.05 times them.
"""

UNKNOWN = """## What these data cannot show

- **The minutes.** On 2025-10-10 the low and the way back lie in one hour, so the next open is after the bounce. Who was
  deleveraged on the way down and hedged again at the low of the hour would
  have lost {worst} of the capital. Nothing in hourly bars says which it was.
- **Inside the hour of the ADL** the hedge is judged whole, at the highs and lows: that it stood with one leg is
  judged from the next open on.
- **Who is next.** One venue, one hedge, no queue behind it; the insurance fund is never empty, spread and depth are a calm day's,
  borrowed coins cost {apr:.0%} a year and are never recalled.
"""

FOUND = """## What it shows

- **The account decides who lives, not the hedge.** The same ¾ of the capital in each leg: with a wallet of its own for the
  perpetual {separate_dead} of {hedges} hedges die, {separate_inside} of them inside the bar only; in one wallet, by tiers or
  as a portfolio, none does (worst ratio {unified_worst}). Isolated margin changes nothing: it dies with the separate
  wallet, of the same leg and in the same hour, {isolated_count} times of {separate_count}.
- **Death is not ruin, it is the end of the hedge.** {kept_least} to {kept_most} of the capital is left: most of what the
  dead wallet lost, the other one had won. What is lost for good is what the survivors still earn or pay.
- **One wallet pays for it by shrinking.** In the rally of January 2023 the long hedge owes what its perpetual loses, and the
  venue sells coins whenever that passes the limit: {sold} of them by the end, {sold_full} in full. It ends at {sold_left}.
- **ADL at the middle of the hour kills {killed} of {would_live} runs that would have lived**, all with isolated margin: the
  perpetual is taken again far down with what little is posted for it, and the way back ends it. Else ADL kills nobody: it
  takes the leg that wins, and what is left is owned coins, which need no margin by tiers, or owed coins that the wallet can carry until the next open. It costs from {least} (a
  gain) to {most} of the capital at 100 %, and half of that, within {half_error:.1f} points, at 50 %.
- **The price of it is a guess, and the guess decides the sign.** At the open of the hour every one of the {episodes} hedges
  loses, {open_least} to {open_most}; at its extreme every one gains, {end_least} to {end_most}. Who is closed at
  the low has bought his short back at the best price of the day.
- **Time decides when the move goes on.** Noticed at once, the ADL of January 2023 costs {now}; after {late} hours {later},
  because the rally went on over coins that are owed. In a fall the naked coins may as well win back: in
  November 2022 {november_now} becomes {november_later}.
- **Portfolio margin is kindest to the hedge and hardest to what ADL leaves of it.** In full and in reverse, the hedge has
  a margin ratio of at most {hedged_portfolio} as a portfolio and {hedged_tiers} by tiers in all of January 2023; at the close of
  that hour, its perpetual gone, {naked_portfolio} and {naked_tiers}. Of the {tried} cases below by price and time the portfolio is
  liquidated in {dead_portfolio}, one of them at the middle, unnoticed for {late} hours; by tiers it lives in all of them.
- **The haircut hardly matters here**: with {hard:.0%} instead of {haircut:.0%} every long hedge in one wallet lives too, worst
  ratio {hard_worst}. What a short perpetual needs is small beside what hedged coins count.
"""


def outcome(run: Run) -> str:
    """How a run ended: "lives", "closes" (dead, judged at closes) or "inside" (inside the bar only)."""
    if len(run.deaths(high_low=False)):
        return "closes"
    return "inside" if len(run.deaths(high_low=True)) else "lives"


def left(case: Case, run: Run) -> float:
    """Equity at the end over the capital; of who died inside the bar only, when that was closed."""
    return case.study.left_inside(run) if outcome(run) == "inside" else 1.0 + run.change


def _cell(case: Case, run: Run) -> str:
    how, kept = outcome(run), f"{left(case, run):.1%}"
    if how == "lives":
        return f"{kept}, *s* {run.sold:.0%}" if run.sold else kept
    dead = run.deaths(high_low=how == "inside")
    mark = "**(†)**" if how == "inside" else "**†**"
    return f"{mark} {run.kind(int(dead.leg[0]))} {moment(int(dead.time_ns[0]))}, {kept}"


def adl(share: float) -> str:
    """How much of the winning leg is taken, in words."""
    return f"{share:.0%}" if share else "none"


def direction(long: bool) -> str:
    """Which side of the hedge."""
    return "long" if long else "reverse"


def _rows(found: Survival) -> str:
    """The table."""
    return "".join(
        f"| {case.study.window.title} | {direction(case.long)} | {adl(case.share)} | "
        + " | ".join(_cell(case, case.runs[name]) for name in COMPARED)
        + " |\n"
        for case in found.cases
    )


def _cost(found: Survival, at: Episode, structure: str, way: float, detect_h: float) -> str:
    how = outcome(found.costs[at.study.window.name, structure, way, detect_h])
    mark = {"lives": "", "inside": " (†)", "closes": " †"}[how]
    return percent(found.cost(at, structure, way, detect_h), 1) + mark


def _costs(found: Survival) -> str:
    """What an ADL costs by price and detection."""
    places = {0.0: "open", 0.5: "middle", 1.0: "extreme"}
    heads = [f"{places[way]}, {detect_h} h" for way in WAYS for detect_h in DETECTED_H]
    lines = [f"| hedge | account | {' | '.join(heads)} |", "|---|---|" + "---:|" * len(heads)]
    for at in found.episodes:
        name = at.study.window.name
        for structure in dict.fromkeys(key[1] for key in found.costs if key[0] == name):
            cells = [_cost(found, at, structure, way, hours) for way in WAYS for hours in DETECTED_H]
            title = f"{at.study.window.title}, {direction(at.long)}"
            lines.append(f"| {title} | {structure} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _struck(found: Survival) -> str:
    """Each hour in which the leg is taken."""
    lines = [
        "| market | hour | perpetual at its open | extreme | middle | next open | entry |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for at in found.episodes:
        opens, stamps = at.study.of("open", 1), at.study.panel.time_ns
        lines.append(
            f"| {at.study.window.title} | {moment(int(stamps[at.bar]))} | {at.began:.2f} | {at.extreme:.2f} "
            f"| {at.price(WAY):.2f} | {opens[at.bar + 1]:.2f} | {opens[1]:.2f} |"
        )
    return "\n".join(lines) + "\n"


def _worst(found: Survival) -> str:
    """What re-hedging at the extreme of the hour would have cost on 2025-10-10, of the capital."""
    told = []
    for at in (one for one in found.episodes if one.study.window.name.startswith("2025")):
        run = found.case(at.study.window.name, at.long, 0.0).runs["unified, cross"]
        taken = float(run.result.position[at.bar - 1, 1])
        loss = naked_loss(LINEAR, taken, at.price(WAY), at.extreme, 0.0, 1.0)
        told.append(f"{loss / CAPITAL:.1%} ({at.study.window.title.split(',')[0]})")
    return ", ".join(told[:-1]) + " or " + told[-1]


def _each_hour(found: Survival) -> list[float]:
    """What an ADL at the middle of each hour that begins in profit costs until the next open."""
    told = []
    for at in found.episodes:
        run = found.case(at.study.window.name, at.long, 0.0).runs["unified, cross"]
        opens = at.study.of("open", 1)
        for bar in winning(at.study, at.long).tolist():
            taken, price = float(run.result.position[bar - 1, 1]), replace(at, bar=bar).price(WAY)
            told.append(naked_loss(LINEAR, taken, price, float(opens[bar + 1]), 0.0, 1.0) / CAPITAL)
    return told


def _range(values: Iterable[float]) -> tuple[str, str]:
    """The least and the largest, as signed percentages."""
    known = sorted(values)
    return percent(known[0], 1), percent(known[-1], 1)


def _hold(true: bool, what: str) -> None:
    """The words of the page say so."""
    if not true:
        raise ValueError(f"{what}: no longer so, mend the words of who-survives.md")


def _check(found: Survival) -> None:
    """What the words claim beside their numbers.

    Raises
    ------
    ValueError
        With the claim that the runs no longer bear out.
    """
    plain = [case for case in found.cases if not case.share]
    unified = [name for name in COMPARED if name.startswith("unified")]
    _hold(
        all(outcome(case.runs[name]) == "lives" for case in plain for name in unified),
        "every hedge in one wallet lives",
    )
    for case in found.cases:
        before = found.case(case.study.window.name, case.long, 0.0)
        for name in COMPARED:
            same = outcome(case.runs[name]) == outcome(before.runs[name])
            alone = name == "separate, isolated"
            _hold(same or alone, f"ADL kills isolated hedges only: {case.study.window.title}, {name}")
    cross = [(at, [found.cost(at, "unified, cross", way, 0) for way in WAYS]) for at in found.episodes]
    _hold(
        all(costs[0] > 0.0 > costs[-1] for _, costs in cross), "ADL at the open loses, at the extreme gains"
    )
    _hold(all(outcome(run) == "lives" for run in found.hard), "every hedge lives with the hard haircut")
    alive = {key for key, run in found.costs.items() if outcome(run) == "lives"}
    _hold({key[1] for key in set(found.costs) - alive} == {COMPARED[5]}, "of ADL only a full portfolio dies")
    middle = [("2023-01-sol", COMPARED[5], WAY, hours) in alive for hours in DETECTED_H]
    _hold(middle == [True, True, False], "a full portfolio dies at the middle when it is noticed last")


def _same_death(case: Case) -> bool:
    """Whether isolated and cross margin die of one leg in one hour."""
    pair = [case.runs[name] for name in COMPARED[:2]]
    if outcome(pair[0]) != outcome(pair[1]):
        return False
    first, second = (run.deaths(high_low=outcome(run) == "inside") for run in pair)
    return bool(first.time_ns[0] == second.time_ns[0] and first.leg[0] == second.leg[0])


def _deaths(found: Survival) -> dict[str, str]:
    """Numbers of the first two points: who died without ADL, and what one wallet sold."""
    plain = [case for case in found.cases if not case.share]
    dead = [case for case in plain if outcome(case.runs[COMPARED[0]]) != "lives"]
    rally = found.case("2023-01-sol", True, 0.0).runs
    worst = max(case.runs[name].worst(True) for case in plain for name in COMPARED[2:4])
    return {
        "separate_dead": f"{len(dead)}",
        "separate_inside": f"{sum(outcome(case.runs[COMPARED[0]]) == 'inside' for case in dead)}",
        "hedges": f"{len(plain)}",
        "unified_worst": ratio(worst),
        "isolated_count": f"{sum(_same_death(case) for case in dead)}",
        "separate_count": f"{len(dead)}",
        "kept_least": f"{min(left(case, case.runs[COMPARED[0]]) for case in dead):.1%}",
        "kept_most": f"{max(left(case, case.runs[COMPARED[0]]) for case in dead):.1%}",
        "sold": f"{rally[COMPARED[2]].sold:.0%}",
        "sold_full": f"{rally[COMPARED[4]].sold:.0%}",
        "sold_left": f"{1.0 + rally[COMPARED[2]].change:.1%} and {1.0 + rally[COMPARED[4]].change:.1%}",
    }


def _killed(found: Survival) -> dict[str, str]:
    """How many runs died with ADL of those that live without it."""
    lives = [
        (case, name)
        for case in found.cases
        for name in COMPARED
        if case.share and outcome(found.case(case.study.window.name, case.long, 0.0).runs[name]) == "lives"
    ]
    dead = sum(outcome(case.runs[name]) != "lives" for case, name in lives)
    return {"killed": f"{dead}", "would_live": f"{len(lives)}"}


def _prices(found: Survival) -> dict[str, str | float]:
    """Numbers of the points on what an ADL costs."""
    cross = "unified, cross"
    costs = {way: [found.cost(at, cross, way, 0) for at in found.episodes] for way in WAYS}
    halves = []
    for at in found.episodes:
        cases = [found.case(at.study.window.name, at.long, share) for share in (0.0, *SHARES)]
        none, half, whole = (case.runs[cross].change for case in cases)
        halves.append(abs((none - half) - (none - whole) / 2.0) * 100.0)
    by_name = {at.study.window.name: at for at in found.episodes}
    november, january = by_name["2022-11-sol"], by_name["2023-01-sol"]
    least, most = _range(costs[WAY])
    open_least, open_most = _range(costs[0.0])
    end_least, end_most = _range(-one for one in costs[1.0])
    return {
        **_killed(found),
        "least": least, "most": most, "half_error": math.ceil(max(halves) * 10.0) / 10.0,
        "episodes": f"{len(found.episodes)}",
        "open_least": open_least, "open_most": open_most, "end_least": end_least, "end_most": end_most,
        "now": percent(found.cost(january, cross, WAY, 0), 1), "late": f"{DETECTED_H[-1]}",
        "later": percent(found.cost(january, cross, WAY, DETECTED_H[-1]), 1),
        "november_now": percent(found.cost(november, cross, WAY, 0), 1),
        "november_later": percent(found.cost(november, cross, WAY, DETECTED_H[-1]), 1),
    }  # fmt: skip


def _naked(found: Survival) -> dict[str, str]:
    """Numbers of the point on portfolio margin: the hedge in full, and what ADL leaves of it."""
    at = next(one for one in found.episodes if one.study.window.name == "2023-01-sol")
    hedged = found.case("2023-01-sol", at.long, 0.0).runs
    naked = found.case("2023-01-sol", at.long, 1.0).runs
    tiers, portfolio = COMPARED[4:]
    tried = [run for key, run in found.costs.items() if key[1] == portfolio]

    def close(run: Run) -> str:
        return ratio(float(run.result.margin_ratio[at.bar].max()))

    return {
        "hedged_tiers": ratio(hedged[tiers].worst(True)),
        "hedged_portfolio": ratio(hedged[portfolio].worst(True)),
        "naked_tiers": close(naked[tiers]), "naked_portfolio": close(naked[portfolio]),
        "tried": f"{len(tried)}", "dead_portfolio": f"{sum(outcome(run) != 'lives' for run in tried)}",
    }  # fmt: skip


def survival_page(found: Survival) -> str:
    """The page.

    Raises
    ------
    ValueError
        If its words claim what the runs do not show.
    """
    _check(found)
    words = FOUND.format(
        **_deaths(found), **_prices(found), **_naked(found),
        hard=HARD_HAIRCUT, haircut=HAIRCUT, hard_worst=ratio(max(run.worst(True) for run in found.hard)),
    )  # fmt: skip
    hours_least, hours_most = _range(_each_hour(found))
    assumed = ASSUMED.format(
        way=WAY, hours_least=hours_least, hours_most=hours_most, late=DETECTED_H[-1],
        haircut=HAIRCUT, okx_limit=debt_limit("okx", AFTER), binance_limit=debt_limit("binance", AFTER),
    )  # fmt: skip
    return PAGE.format(
        head=" | ".join(COMPARED), rule="---|" * (len(ACCOUNTS) - 1) + "---", rows=_rows(found),
        found=wrapped(words), later=LATER, costs=_costs(found), struck=_struck(found),
        assumed=wrapped(assumed), unknown=wrapped(UNKNOWN.format(worst=_worst(found), apr=BORROW_APR)),
    )  # fmt: skip
