"""How dated BTC futures converge, cycle by cycle: docs/studies/dated-convergence.md and its figure.

Market data come from the folder that NARROWS_DATA names (default ../shared/data).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from pages import DATA, FOLDER, put
from stress_figure import FAINT, INK, PAPER, RULE, Box, line, linear, text

from narrows.analytics.bridge import Speed, fit
from narrows.analytics.convergence import Pooled, aligned, mean_path, pool, power_law
from narrows.analytics.estimate import Estimate
from narrows.analytics.outlook import halving_time
from narrows.core.arrays import Float1D

PAGE, FIGURE = FOLDER / "dated-convergence.md", FOLDER / "dated-convergence.svg"
BROKEN = pl.datetime(2024, 10, 28, 18), pl.datetime(2024, 10, 28, 22)  # bars that stop early
CARRY = 0.05  # a year; a fair carry to set beside none
QUARTER = np.arange(90.0, 0.5, -1.0)  # days to expiry at which a quarterly is looked at
WEEKLY = np.arange(13.0, 0.2, -0.25)


@dataclass(frozen=True)
class Cycle:
    """One contract: days to expiry and log basis."""

    name: str
    days: Float1D
    b: Float1D

    def speed(self, grid: Float1D, stale: float, carry: float) -> Speed:
        """Of its gap less a carry, on the grid; noise is allowed for."""
        return fit(grid, aligned(self.days, self.b - carry * self.days / 365.0, grid, stale), noisy=True)


def binance() -> list[Cycle]:
    """Hourly closes of future and spot, to delivery."""
    spot = pl.read_parquet(DATA / "gobbles404/BTCUSDT_spot_1h.parquet").select("Timestamp", S="Close")
    bars = pl.read_parquet(DATA / "gobbles404/BTCUSDT_quarterly_futures_1h.parquet").join(
        spot, on="Timestamp"
    )
    expiry = (pl.lit("20") + pl.col("contract").str.slice(8)).str.to_datetime("%Y%m%d") + pl.duration(hours=8)
    close = pl.col("Timestamp") + pl.duration(hours=1)
    frame = (
        bars.with_columns(
            days=(expiry - close).dt.total_seconds() / 86400, b=(pl.col("Close") / pl.col("S")).log()
        )
        .filter((pl.col("days") > 0) & ~pl.col("Timestamp").is_between(*BROKEN))
        .sort("contract", "Timestamp")
    )
    return cycles(frame, "contract")


def deribit() -> list[Cycle]:
    """Marks at snapshots over the index in the option chains of the same snapshot; contracts delivered in it."""
    chains = [
        pl.read_parquet(file).select("timestamp", "index_price").drop_nulls().unique("timestamp")
        for file in sorted((DATA / "svcj_deribit").glob("BTC_options_*.parquet"))
    ]
    marks = pl.read_parquet(DATA / "svcj_deribit/BTC_dated_futures_marks.parquet").join(
        pl.concat(chains), on="timestamp"
    )
    name = pl.col("futures_instrument_name")
    time = pl.col("timestamp").str.to_datetime(time_zone="UTC", time_unit="us").dt.replace_time_zone(None)
    expiry = name.str.slice(4).str.to_titlecase().str.to_datetime("%d%b%y") + pl.duration(hours=8)
    frame = marks.with_columns(
        contract=name,
        expiry=expiry,
        days=(expiry - time).dt.total_seconds() / 86400,
        b=(pl.col("snapshot_term_mark_price") / pl.col("index_price")).log(),
    )
    return [
        one
        for one in cycles(frame.sort("expiry", "days", descending=[False, True]), "contract")
        if one.days[-1] < 1.0 and len(one.days) > 20
    ]


def cycles(frame: pl.DataFrame, key: str) -> list[Cycle]:
    """A cycle of each contract, in the order of their delivery."""
    made = [
        Cycle(str(name[0]).replace("BTCUSDT_", ""), part["days"].to_numpy(), part["b"].to_numpy())
        for name, part in frame.group_by(key, maintain_order=True)
    ]
    return [one for one in made if one.days[-1] < 30.0]


def said(one: Estimate, digits: int = 2) -> str:
    """An estimate as words."""
    if not one.known:
        return f"– ({one.reason.partition(':')[0]}; {one.lo:.{digits}f} … {one.hi:.{digits}f})"
    return f"{one.value:.{digits}f} ({one.lo:.{digits}f} … {one.hi:.{digits}f})"


def rows(found: list[Cycle], grid: Float1D, stale: float) -> tuple[list[str], Pooled, Pooled]:
    """Table of speeds, and what they pool to, of the gap itself and of the gap less a carry."""
    raw = [one.speed(grid, stale, 0.0) for one in found]
    less = [one.speed(grid, stale, CARRY) for one in found]
    all_raw, all_less = pool(raw), pool(less)
    lines = [
        f"| {one.name} | {own.observations} | {said(own.alpha)} | {said(given)} | {said(net.alpha)} "
        f"| {own.sigma * 1e4:.1f} | {own.noise * 1e4:.1f} |"
        for one, own, given, net in zip(found, raw, all_raw.cycles, less, strict=True)
    ]
    return lines, all_raw, all_less


def panel(found: list[Cycle], grid: Float1D, stale: float, box: Box, head: str) -> list[str]:
    """Each cycle and their mean with its band, days to expiry falling to the right."""
    paths = 1e4 * np.array([aligned(one.days, one.b, grid, stale) for one in found])
    mean = mean_path(paths)
    drawn = [text(box.left, box.top - 12, head, more=' font-weight="600"')]
    for value in np.arange(-1000.0, 1001.0, 10.0 if np.nanmax(paths) < 100 else 100.0):
        if box.bottom >= box.y(value) >= box.top:
            drawn.append(line(box.left, box.y(value), box.right, box.y(value), RULE))
            drawn.append(text(box.left - 6, box.y(value) + 4, f"{value:g}", "end", FAINT))
    for day in np.arange(0.0, grid[0] + 1.0, 15.0 if grid[0] > 30 else 2.0):
        drawn.append(text(box.x(float(day)), box.bottom + 17, f"{day:g}", "middle", FAINT))

    def places(x: Float1D, y: Float1D) -> str:
        return " ".join(
            f"{box.x(float(a)):.1f},{box.y(float(b)):.1f}"
            for a, b in zip(x, y, strict=True)
            if np.isfinite(b)
        )

    drawn.append(line(box.left, box.y(0.0), box.right, box.y(0.0), FAINT))
    known = np.isfinite(mean.lo)
    shape = places(grid[known], mean.lo[known]) + " " + places(grid[known][::-1], mean.hi[known][::-1])
    drawn.append(f'<polygon points="{shape}" fill="#1f6feb" fill-opacity="0.18"/>')
    for one in paths:
        drawn.append(
            f'<polyline points="{places(grid, one)}" fill="none" stroke="#59636e" stroke-width="0.8" stroke-opacity="0.7"/>'
        )
    drawn.append(
        f'<polyline points="{places(grid, mean.mean)}" fill="none" stroke="#1f6feb" stroke-width="2.4"/>'
    )
    return drawn


def svg(quarterlies: list[Cycle], dated: list[Cycle]) -> str:
    """The figure: two venues side by side."""
    drawn = [
        text(
            56,
            24,
            "Log basis by days to expiry, bp: each cycle, their mean and its 90 % band",
            more=' font-size="15" font-weight="600"',
        )
    ]
    for found, grid, stale, left, right, low, high, head in (
        (quarterlies, QUARTER, 0.25, 56.0, 440.0, -20.0, 700.0, "Binance quarterlies"),
        (dated, WEEKLY, 0.75, 516.0, 890.0, -15.0, 25.0, "Deribit, the last 13 days"),
    ):
        box = Box(left, right, 66, 330, linear(float(grid[0]), 0.0, left, right), linear(low, high, 330, 66))
        drawn += panel(found, grid, stale, box, head)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 364" width="920" height="364" font-size="12" fill="{INK}" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" role="img" '
        'aria-label="Basis of dated BTC futures by days to expiry">\n'
        f'<rect width="920" height="364" rx="8" fill="{PAPER}"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


HEAD = """# How dated BTC futures converge

Each contract followed to its delivery; its speed is alpha of the power bridge (`narrows.analytics.bridge`): 1 is a straight line to
delivery, which a constant carry gives by itself; above 1 the gap goes early, below it late. Made by

```sh
.venv/bin/python scripts/studies/dated_convergence.py
```

from public data (`NARROWS_DATA`). All intervals are 90 %. Whether they cover: [coverage](../coverage/bridge.md).

![Basis by days to expiry](dated-convergence.svg)
"""
TABLE = """
| contract | looks | alpha of the gap | given all | alpha of the gap less 5 % a year | sigma, bp/√day | noise, bp |
|---|---:|---|---|---|---:|---:|
"""


def section(found: list[Cycle], grid: Float1D, stale: float, head: str, words: str) -> str:
    """Table and pooled speeds of one venue."""
    lines, raw, less = rows(found, grid, stale)
    power = power_law(
        [(far := grid[grid >= 3.0][::4], aligned(one.days, one.b, far, stale)) for one in found]
    )
    half = (
        f"{said(halving_time(30.0, raw.mu), 1)} days from 30 days out"
        if grid[0] > 30
        else f"{said(halving_time(7.0, raw.mu), 1)} days from 7 days out"
    )
    return (
        f"\n## {head}\n\n{words}\n{TABLE}"
        + "\n".join(lines)
        + f"\n\nPooled over {len(found)} cycles: mu {said(raw.mu)}, spread between cycles omega "
        f"{said(raw.omega)}. Less 5 % a year: mu {said(less.mu)}, omega {said(less.omega)}. Half of the gap is gone "
        f"{half}. The regression of ln|b| on ln tau, to 3 days before delivery: {said(power)}.\n"
    )


TEXT = """
## What it says, and what not

- A raw basis is carry, and carry alone gives 1: alpha of the gap says whether the *rate* fell on the way. The gap less a carry is
  the trader's deviation; 5 % a year is a supposition, not each day's borrow rate, and alpha depends on it.
- One cycle bounds alpha loosely: most intervals are wider than 1. The pooled mean is what these cycles have in common, and they
  overlap on the calendar, so they are fewer than they seem.
- Noise is estimated with alpha: hourly closes of two legs are trades at different seconds. Looks are once a day (Deribit: every
  6 h, of about four snapshots a day). The last half day is left out. A volatility that changes within a cycle is not in the model.
- Of the Binance files rows after delivery and the broken bars of 2024-10-28 are cut. The contract of 2025-03-28 is there to 17 days before
  delivery; that of 2025-06-27 ends too far out and is left out. Deribit contracts seen fewer than 20 times are left out.
"""


def main() -> None:
    """Write page and figure; with --check only compare."""
    quarterlies, dated = binance(), deribit()
    page = HEAD + section(
        quarterlies,
        QUARTER,
        0.25,
        "Binance quarterlies, 2023–25",
        "Hourly closes against spot of the same venue, once a day over the last 90 days.",
    )
    page += section(
        dated,
        WEEKLY,
        0.75,
        "Deribit dated futures, January to March 2026",
        "Marks against the index, four times a day over the last 13 days.",
    )
    put({PAGE: page + TEXT, FIGURE: svg(quarterlies, dated)})


if __name__ == "__main__":
    main()
