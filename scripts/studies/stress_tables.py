"""Tables of the stress studies: what the market did, what each account made of it."""

from collections.abc import Sequence

import numpy as np
from stress_runs import Run, Study

from narrows.core.result import Fills
from narrows.core.time import iso

NOTABLE = 0.002  # a settlement that the page lists


def percent(value: float, digits: int = 2) -> str:
    """A fraction as a signed percentage; what rounds to zero has no sign."""
    said = f"{value:+.{digits}%}".replace("-", "−")
    return said if said.strip("+−0.%") else said[1:]


def moment(time_ns: int) -> str:
    """A stamp as month-day hour:minute, UTC."""
    return iso(time_ns)[5:16].replace("T", " ")


def ratio(value: float) -> str:
    """A margin ratio; what is written down as 10 is 10 or more, or no margin left at all."""
    return "≥ 10" if value >= 10.0 else f"{value:.3f}"


def when(run: Run, dead: Fills) -> str:
    """The first liquidation: time, leg, price; and in how many steps."""
    if not len(dead):
        return "–"
    steps = f" ({len(dead)} fills)" if len(dead) > 1 else ""
    return f"{moment(int(dead.time_ns[0]))} {run.kind(int(dead.leg[0]))} at {dead.price[0]:.2f}{steps}"


def sold(run: Run) -> str:
    """Share of the coins that were sold to repay debts."""
    return f"{run.sold:.1%}" if run.sold else "–"


RUNS = """| account | leverage | one leg | equity | margin ratio, closes | inside bar | funding | borrow | liquidation | sold by force | liquidated, by closes | inside the bar | left |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|---:|
"""


def row(run: Run) -> str:
    """A run as a line of its table."""
    left = "–" if np.isnan(run.left) else f"{run.left:.1%}"
    return (
        f"| {run.structure.name} | {run.structure.leverage:.0f}× | {run.leg:.2f} | {percent(run.change)} "
        f"| {ratio(run.worst(False))} | {ratio(run.worst(True))} | {percent(run.booked('funding'))} "
        f"| {percent(run.booked('borrow'))} | {percent(run.booked('liquidation'))} "
        f"| {sold(run)} | {when(run, run.deaths(False))} | {when(run, run.deaths(True))} | {left} |\n"
    )


def runs_table(study: Study) -> str:
    """Both directions of a window."""
    heads = (
        (True, "**Long the spread**: spot bought, perpetual sold."),
        (False, "**Reverse**: borrowed spot sold, perpetual bought."),
    )
    return "\n".join(
        f"{head}\n\n{RUNS}" + "".join(row(one) for one in study.runs if one.long is long)
        for long, head in heads
    )


MARKETS = """| market | perpetual at entry | low | high | last | gap, lowest close | gap, highest close | settlements | their sum | lowest | highest |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""


def market_row(study: Study) -> str:
    """What a market did: prices of the perpetual, gap at the closes, funding."""
    perp = {field: study.of(field, 1) for field in ("open", "low", "high", "close", "funding")}
    stamps, gap = study.panel.time_ns, study.gap
    rates = perp["funding"][np.isfinite(perp["funding"])]
    lowest, highest = int(np.argmin(gap)), int(np.argmax(gap))

    def at(values: np.ndarray, bar: int) -> str:
        return f"{values[bar]:.2f} ({moment(int(stamps[bar]))})"

    def wide(bar: int) -> str:
        size = f"{gap[bar] * 1e4:+,.0f}".replace("-", "−")
        return f"{size} bp ({moment(int(stamps[bar]))})"

    return (
        f"| {study.window.title} | {perp['open'][1]:.2f} | {at(perp['low'], int(np.argmin(perp['low'])))} "
        f"| {at(perp['high'], int(np.argmax(perp['high'])))} | {perp['close'][-1]:.2f} | {wide(lowest)} "
        f"| {wide(highest)} | {len(rates)} | {percent(float(rates.sum()), 3)} | {percent(float(rates.min()), 3)} "
        f"| {percent(float(rates.max()), 3)} |\n"
    )


def markets_table(found: Sequence[Study]) -> str:
    """Each market of a page."""
    return MARKETS + "".join(market_row(one) for one in found)


def settlements_table(study: Study) -> str:
    """The settlements beyond NOTABLE, with the mark that they were paid on."""
    rates, marks = study.of("funding", 1), study.of("mark", 1)
    notable = np.flatnonzero(np.abs(np.nan_to_num(rates)) >= NOTABLE).tolist()
    lines = [
        f"| {moment(int(study.panel.time_ns[bar]))} | {percent(float(rates[bar]), 3)} | {marks[bar]:.2f} "
        f"| {percent(float(study.gap[bar]))} |\n"
        for bar in notable
    ]
    return "| settled | rate per 8 h | mark | gap at that close |\n|---|---:|---:|---:|\n" + "".join(lines)
