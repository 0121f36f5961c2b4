"""The words of the stress studies; every number in them comes from the runs."""

import textwrap
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from stress_runs import (
    BORROW_APR,
    BORROW_MAINTENANCE,
    CAPITAL,
    HAIRCUT,
    OKX_LIQUIDATION_BPS,
    OKX_MAINTENANCE,
    Run,
    Study,
    debt_limit,
)
from stress_tables import NOTABLE, markets_table, moment, percent, ratio, runs_table, settlements_table, sold

from narrows.core.event import FILL_REASONS
from narrows.core.time import HOUR_NS, to_ns
from narrows.rulebook.funding import settled_rate

AFTER = to_ns(datetime(2025, 10, 11))  # the first settlement after the crash
INTEREST, DEAD_BAND, CAP, INTERVAL = 1e-4, 5e-4, 0.015, 8  # OKX since April 2025, per 8 h

OPENING = """# {title}

{lead} Pages and figures are made by

```sh
.venv/bin/python scripts/studies/stress.py
```

from public data (`NARROWS_DATA`; the files and their sources are those of `examples/sources/okx_sol.toml`,
`okx_avax.toml` and `binance_avax.toml`). Every number on this page is computed by that command. Times are UTC; a bar
bears the time of its close.

## What is held

One position, taken at the open of the second hour of the window and held to its end; nobody leaves, tops up or re-enters.
What a liquidation leaves without its partner is closed at the next open. {capital:,.0f} USDT of capital; a leg is
leverage / (1 + leverage) of it, ½ at 1× and ¾ at 3×, in every account, so that **only the account differs**:

- **separate**: that share stands in the spot wallet, the rest in the derivatives wallet, where the perpetual is
  1× or 3× of what backs it. In the reverse trade the coins are borrowed in the spot wallet, at 1× of its equity
  *in both rows*. *Isolated* posts the same margin for the perpetual by itself; the wallet holds nothing else, so it differs
  by small change.
- **unified**: one wallet. Coins in it are margin after a haircut; what its cash owes beyond a limit the venue repays by
  selling coins, and the perpetual is cut to match at the next open. *Cross* needs maintenance leg by leg, *portfolio*
  what all legs together could lose on the venue's grid. *Full*: as much as 3× carries, which is the whole capital in spot
  (long: spot is never bought on credit), or 1.5 times the capital in each leg (reverse). Isolated margin in one wallet
  is left out: the perpetual is then judged as in a separate one.

Columns: equity, funding, borrow interest and liquidation (fees, less what the insurance fund bore) in % of the capital;
the worst margin ratio (maintenance over margin; 1 is liquidation) of any wallet, at closes and inside a bar; the share of the
coins that the venue sold to repay debts; who was liquidated first, judged at closes and judged inside the bar; what the
wallet that failed by closes still held, in % of what it began with. Money columns are those of the run judged at closes; the
equity counts the perpetual at its mark, the gap is between last trades.
"""

FIGURE = """
![{title}: gap and funding, equity, margin ratio]({name}.svg)
"""

CAVEATS = """
## What these data cannot show

- **Order books.** Spread and depth are the desk file's, 0.5 bp and 5 million within 10 bp, as on a calm day. Who wanted out at
  the widest gap would have paid more than is booked here; a liquidation is booked at the price that triggers it.
- **Inside the hour** only the high and low of each leg are known, not their order. The bracket puts both legs at their
  lows together, then both at their highs. A low of one leg that the other did not share at the same minute is not
  tried, though it would harm a unified account.
- **Auto-deleveraging** is not in these runs: a profitable short may have been closed by the venue, and the spot been left
  alone. [Who survives](who-survives.md) adds it. Loans are never recalled, venues never halt, nothing is sent between wallets.
- **The insurance fund** bears what a wallet owes beyond its margin. It is assumed never to be empty.
- **Terms**: OKX's position tiers are not on record; {maintenance:.0%} maintenance and a liquidation fee of {fee:g} bp are
  given by hand, flat. Binance's brackets are the rulebook's: those of mid 2026, for every date. Both close what fails
  whole, for no record says in which parts.
  No record says what SOL counts as margin at OKX, or AVAX anywhere: a haircut of {haircut:.0%} is assumed, what SOL has at
  Binance. Debts are left alone up to {okx_limit:,.0f} USDT at OKX and {binance_limit:,.0f} at Binance, as the rulebook has it for the day; what
  they keep of coins that they sell is not on record, so nothing.
  Portfolio margin is the rulebook's, too: OKX's grid of before 2025 is assumed for 2022, when what it asked for a gap is not
  on record; Binance's goes by its brackets and liquidates at 1.05 times them.
  Borrowed coins cost {apr:.0%} a year and need {borrowed:.0%}; what loans really cost in these weeks is not in the data.
  Fees are the rulebook's for an ordinary account.
"""


def opening(title: str, lead: str) -> str:
    """Title, how the page is made, what is held."""
    return OPENING.format(title=title, lead=lead, capital=CAPITAL)


def caveats() -> str:
    """What to keep in mind."""
    return CAVEATS.format(
        maintenance=OKX_MAINTENANCE, fee=OKX_LIQUIDATION_BPS, apr=BORROW_APR, borrowed=BORROW_MAINTENANCE,
        haircut=HAIRCUT, okx_limit=debt_limit("okx", AFTER), binance_limit=debt_limit("binance", AFTER),
    )  # fmt: skip


def figure(study: Study) -> str:
    """The picture of a window."""
    return FIGURE.format(title=study.window.title, name=study.window.name)


def wrapped(words: str) -> str:
    """Heading and points with their numbers filled in, cut into lines again."""
    heading, *found = words.strip().split("\n- ")
    cut = textwrap.TextWrapper(118, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    return f"\n{heading.strip()}\n\n" + "".join(
        f"{cut.fill('- ' + ' '.join(one.split()))}\n" for one in found
    )


def moved(run: Run, high_low: bool = False) -> str:
    """By how much the leg that was liquidated first stood from where it was taken."""
    dead = run.deaths(high_low)
    leg = int(dead.leg[0])
    fills = run.result.fills
    entry = fills.reference[int(np.flatnonzero(fills.leg == leg)[0])]
    return percent(float(dead.price[0] / entry - 1.0), 0)


def died(run: Run, high_low: bool = False) -> str:
    """When a run was liquidated first."""
    return moment(int(run.deaths(high_low).time_ns[0]))


def price(run: Run, high_low: bool = False) -> str:
    """At what price."""
    return f"{run.deaths(high_low).price[0]:.2f}"


def extreme(study: Study, run: Run, highest: bool) -> tuple[str, str]:
    """The highest or lowest equity, less the capital, and when."""
    equity = run.result.equity
    bar = int(np.argmax(equity) if highest else np.argmin(equity))
    return percent(float(equity[bar]) / CAPITAL - 1.0, 1), moment(int(study.panel.time_ns[bar]))


def survivors(study: Study, name: str) -> list[Run]:
    """The runs of a structure, which must all have lived: the words say so.

    Raises
    ------
    ValueError
        If one did not: the words have to be written anew.
    """
    found = [run for run in study.runs if run.structure.name.startswith(name)]
    if any(len(run.deaths(high_low)) for run in found for high_low in (False, True)):
        raise ValueError(f"{study.window.title}: not every {name} account lives, mend the words of the page")
    return found


def first_sale(run: Run) -> str:
    """When the venue first sold coins to repay a debt."""
    return moment(int(run.sales.time_ns[0]))


NOVEMBER = """
## November 2022: who received funding had to live to see it

- **The reverse trade at 3×, margined alone, dies of the fall, not of the gap.** It is liquidated on {dead} at {dead_price}
  ({dead_moved} from entry), {early:.0f} hours before the gap is widest and {before:.0f} hours before the first settlement
  at {first}. Closes and lows agree on the hour (inside the bar: at {low_price}). Nothing is left in its wallet
  ({left:.1%}); that close was beyond bankruptcy, and the insurance fund bore the rest: the liquidation column is positive. The equity
  that is gone is the perpetual's wallet, less what the short spot in the other wallet had gained.
- **The same position in one account receives {funding} of the capital in funding** and ends at {alive}. Its worst margin
  ratio is {alive_ratio}; 1× alone lives too ({one_ratio}). Even 1.5 times the capital in each leg lives ({full_ratio}),
  with its equity at {full_low} on {full_low_at}.
- **The long side is never near liquidation** (worst ratio inside any bar: {long_ratio}) and loses all the same: it pays
  {long_funding} at ¾ of the capital. On {peak_at}, with the gap open, it stood at {peak}: the profit was there for who could
  have traded at those prices. The settlements of the override (beyond −1.5 %) sum to {override} of the notional, but
  on marks that had fallen by two thirds: of the capital they cost {override_paid}. In full the venue sells {sold} of its
  coins on {sold_at}: the price had risen first, and the perpetual owed more than the limit.
- A wide gap harms less than its percentage suggests. {gap} at the close of {gap_at} is {gap_entry} of the entry price:
  the position is counted in coins, and coins had become cheap.
"""

JANUARY = """
## January 2023: the rally takes both sides apart, each in its own wallet

- **Long, margined alone, the short perpetual dies**: at 3× on {three} at {three_price} ({three_moved}), at 1× on {one} at
  {one_price} ({one_moved}); by highs at {one_low} already. The spot gained as much meanwhile, in the other wallet, where it was of no use.
- **The reverse trade dies of its borrowed coins**, at both leverages on {spot} at {spot_price} ({spot_moved}): the loan
  stands at 1× of the spot wallet in both rows. Its long perpetual was in profit.
- **One account lives through it in both directions**: worst ratio {long_ratio} long, {reverse_ratio} reverse, {full_ratio}
  when full; as a portfolio {portfolio_ratio}, for a hedge loses little on the venue's grid.
- **It lives by shrinking.** The perpetual's loss is a debt of the wallet, and from {sold_at} on the venue sells coins
  whenever it passes the limit: {sold} of them in {sales} sales at ¾, {full_sold} in full. Each
  sale leaves a smaller hedge.
- **To live is not to earn.** Funding over the window sums to {funding} of the notional, in coins that doubled: the long
  side that lived ends at {alive}, the one that died first at {dead}: it paid less of it, and its legs
  were closed while the perpetual stood {under} from spot. In reverse, {received} of
  funding at ¾ shrinks to {earned} after {interest} of interest at an assumed {apr:.0%} a year.
"""


def of_november(study: Study) -> str:
    """What November shows."""
    dead, alive = study.run("reverse", "separate, cross", 3.0), study.run("reverse", "unified, cross", 3.0)
    full, long = study.run("reverse", "unified, cross, full", 3.0), study.run("long", "unified, cross", 3.0)
    all_in = study.run("long", "unified, cross, full", 3.0)
    stamps, rates, marks = study.panel.time_ns, study.of("funding", 1), study.of("mark", 1)
    widest = int(np.argmin(study.gap))
    first = int(np.flatnonzero(np.nan_to_num(rates) <= -0.0149)[0])
    beyond = np.flatnonzero(np.nan_to_num(rates) < -0.0151)
    paid = float((rates * marks * long.result.position[:, 1])[beyond].sum()) / -CAPITAL
    survivors(study, "unified")
    spot, entry = study.of("close", 0)[widest], study.of("open", 0)[1]
    full_low, full_low_at = extreme(study, full, highest=False)
    peak, peak_at = extreme(study, long, highest=True)
    at_death = int(dead.deaths(False).time_ns[0])
    return NOVEMBER.format(
        dead=died(dead), dead_price=price(dead), dead_moved=moved(dead), low_price=price(dead, True),
        early=(int(stamps[widest]) - at_death) / HOUR_NS, before=(int(stamps[first]) - at_death) / HOUR_NS,
        first=percent(float(rates[first]), 1), left=dead.left, funding=percent(alive.booked("funding"), 1),
        alive=percent(alive.change, 1), alive_ratio=ratio(alive.worst(True)),
        one_ratio=ratio(study.run("reverse", "separate, cross", 1.0).worst(True)),
        full_ratio=ratio(full.worst(True)), full_low=full_low, full_low_at=full_low_at,
        long_ratio=ratio(max(one.worst(True) for one in study.runs if one.long)),
        sold=sold(all_in), sold_at=first_sale(all_in),
        long_funding=percent(long.booked("funding"), 1), peak=peak, peak_at=peak_at,
        override=percent(float(rates[beyond].sum()), 1), override_paid=percent(paid, 1),
        gap=percent(float(study.gap[widest]), 1), gap_at=moment(int(stamps[widest])),
        gap_entry=percent(float(study.gap[widest] * spot / entry), 1),
    )  # fmt: skip


def of_january(study: Study) -> str:
    """What January shows."""
    three, one = (study.run("long", "separate, cross", leverage) for leverage in (3.0, 1.0))
    spot, alive = study.run("reverse", "separate, cross", 3.0), study.run("long", "unified, cross", 3.0)
    reverse = study.run("reverse", "unified, cross", 3.0)
    full = max(run.worst(True) for run in survivors(study, "unified, cross, full"))
    bar = int(np.searchsorted(study.panel.time_ns, three.deaths(False).time_ns[0]))
    survivors(study, "unified")
    return JANUARY.format(
        three=died(three), three_price=price(three), three_moved=moved(three),
        one=died(one), one_price=price(one), one_moved=moved(one), one_low=died(one, True),
        spot=died(spot), spot_price=price(spot), spot_moved=moved(spot),
        long_ratio=ratio(alive.worst(True)), reverse_ratio=ratio(reverse.worst(True)), full_ratio=ratio(full),
        portfolio_ratio=ratio(max(run.worst(True) for run in survivors(study, "unified, portfolio"))),
        sold=sold(alive), sold_at=first_sale(alive), sales=len(alive.sales),
        full_sold=sold(study.run("long", "unified, cross, full", 3.0)),
        funding=percent(float(np.nansum(study.of("funding", 1))), 1), alive=percent(alive.change, 1),
        dead=percent(three.change, 1), under=percent(float(study.gap[bar]), 1), received=percent(reverse.booked("funding"), 1),
        earned=percent(reverse.change, 1), interest=percent(reverse.booked("borrow"), 1), apr=BORROW_APR,
    )  # fmt: skip


def november_page(november: Study, january: Study) -> str:
    """docs/studies/2022-11-sol.md."""
    lead = "SOL at OKX through the fall of FTX and the rally after it, both directions of the hedge in four account structures."
    head = opening("SOL, November 2022 and January 2023", lead)
    found = "\n## What the market did\n\n" + markets_table([november, january])
    listed = "".join(
        f"\nSettlements of {NOTABLE:.1%} or more, {one.window.title}:\n\n{settlements_table(one)}"
        for one in (november, january)
    )
    parts = "".join(
        f"{words}{figure(one)}\n{runs_table(one)}"
        for words, one in (
            (wrapped(of_november(november)), november),
            (wrapped(of_january(january)), january),
        )
    )
    return head + found + listed + parts + caveats()


OCTOBER = """
## What it shows

- **By closes nobody dies; inside one hour the reverse trade at 3× dies wherever the perpetual has a wallet of its own.** In
  the hour that closes at {hour}: {deaths}. At the close of that hour the marks stood
  {back} from entry, the worst margin ratio at {close_ratio}: who judges at closes sees a calm line. Which it was depends on
  the mark inside the hour; the data have last trades there, and a mark, made from an index, may have moved less.
- **What such a death costs** is not in the money columns. Perpetual closed there, borrowed spot bought back at the next open:
  {costs} of the capital, without the fees of getting out. The fall is lost on the perpetual, and only a part of it won on the spot, for spot had
  come back by then.
- **Nothing happens to the long side** (worst ratio {long_ratio}): its short perpetual gains in a fall. In the venue's books
  that profit is another's loss, and auto-deleveraging is how it may have ended: [who survives](who-survives.md).
- **One account lives**, in both directions and in full: worst ratio {unified_ratio}. In full and long it owes OKX more than
  its limit on the way up, before the fall, and the venue sells coins: {sold}. Binance looks at what has been realised and
  sells none.
- **The gap at closes was small**: {gaps}. What is earned and lost is costs, interest and funding, not convergence: judged at
  closes, the {count} runs end between {least} and {most} of the capital.
- **Funding**: {pinned} OKX settlements of {pinned_of} stand at exactly +0.010 %, the interest inside the dead band, before, in and
  after the crash; Binance's AVAX went to {binance_low}. From hourly closes over spot the rule of that time would give
  {again} for the settlement of {again_at}: spot on one venue is not the index and a close is no impact price, so
  this neither confirms nor refutes the source.
"""


def none_sold(run: Run) -> None:
    """Check that a venue sold no coins by force.

    Raises
    ------
    ValueError
        If it did: the words say that it did not.
    """
    if (run.result.fills.reason == FILL_REASONS.index("repayment")).any():
        raise ValueError(f"{run.window.title}: coins were sold by force, mend the words of the page")


def settled_again(study: Study, at_ns: int) -> float:
    """The rate of a settlement by OKX's rule, from the hourly gaps of the interval before it."""
    bar = int(np.searchsorted(study.panel.time_ns, at_ns))
    samples = study.gap[bar - INTERVAL + 1 : bar + 1]
    terms = {"interest": INTEREST, "dead_band": DEAD_BAND, "cap": CAP, "formula_h": 8.0, "interval_h": 8.0}
    return float(settled_rate(samples, averaging="linear", **terms))


def of_october(found: Sequence[Study]) -> str:
    """What 2025-10-10 shows."""
    dead = [one.run("reverse", "separate, cross", 3.0) for one in found]
    all_in = [one.run("long", "unified, cross, full", 3.0) for one in found]
    for one in found:
        survivors(one, "unified")
    none_sold(all_in[-1])
    if (
        any(len(run.deaths(False)) for one in found for run in one.runs)
        or len({died(run, True) for run in dead}) != 1
    ):
        raise ValueError("deaths are not in one hour inside the bar only: mend the words of the page")
    bar = int(np.searchsorted(found[0].panel.time_ns, dead[0].deaths(True).time_ns[0]))
    back = [float(one.of("mark", 1)[bar] / one.of("open", 1)[1] - 1.0) for one in found]
    okx = np.concatenate([one.of("funding", 1) for one in found if one.window.venue == "okx"])
    okx = okx[np.isfinite(okx)]
    binance = np.concatenate([one.of("funding", 1) for one in found if one.window.venue == "binance"])
    runs = [run for one in found for run in one.runs]
    return OCTOBER.format(
        hour=died(dead[0], True),
        deaths="; ".join(
            f"{run.window.coin} at {run.window.venue.title().replace('Okx', 'OKX')} at {price(run, True)} "
            f"({moved(run, True)}; low of the hour {one.of('low', 1)[bar]:.2f})"
            for one, run in zip(found, dead, strict=True)
        ),
        costs=", ".join(
            f"{percent(one.left_inside(run) - 1.0, 1)} ({one.window.title.split(',')[0]})"
            for one, run in zip(found, dead, strict=True)
        ),
        sold=", ".join(f"{sold(run)} ({run.window.title.split(',')[0]})" for run in all_in if run.window.venue == "okx"),
        back=" and ".join((percent(min(back), 0), percent(max(back), 0))).replace(" and ", " to "),
        close_ratio=ratio(max(float(run.result.margin_ratio[bar].max()) for run in dead)),
        again=" and ".join(
            f"{percent(settled_again(one, AFTER), 3)} ({one.window.coin})"
            for one in found
            if one.window.venue == "okx"
        ),
        again_at=moment(AFTER),
        long_ratio=ratio(max(run.worst(True) for run in runs if run.long)),
        unified_ratio=ratio(max(run.worst(True) for run in runs if run.structure.account == "unified")),
        gaps=", ".join(
            f"{one.gap.min() * 1e4:+.0f} to {one.gap.max() * 1e4:+.0f} bp ({one.window.title.split(',')[0]})".replace("-", "−")
            for one in found
        ),
        least=percent(min(run.change for run in runs)), most=percent(max(run.change for run in runs)),
        count=len(runs), pinned=int((np.abs(okx - 1e-4) < 5e-9).sum()), pinned_of=len(okx),
        binance_low=percent(float(np.nanmin(binance)), 3),
    )  # fmt: skip


def october_page(found: Sequence[Study]) -> str:
    """docs/studies/2025-10-10.md."""
    lead = "SOL and AVAX on the day of the largest liquidations so far, both directions of the hedge in four account structures."
    head = opening("SOL and AVAX, 2025-10-10", lead)
    market = "\n## What the market did\n\n" + markets_table(found)
    parts = "".join(f"\n## {one.window.title}\n{figure(one)}\n{runs_table(one)}" for one in found)
    return head + market + wrapped(of_october(found)) + parts + caveats()
