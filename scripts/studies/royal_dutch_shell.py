"""The classic convergence trade, 1990–2005, by the cointegration battery: docs/studies/royal-dutch-shell.md.

.venv/bin/python scripts/studies/royal_dutch_shell.py [--check]
"""

import itertools
import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from pages import DATA, FOLDER, put
from stress_figure import FAINT, INK, PAPER, RULE, line, linear, text

from narrows.analytics.cointegration import Battery, battery
from narrows.analytics.equilibrium import ErrorCorrection, error_correction
from narrows.analytics.estimate import Estimate
from narrows.analytics.unitroot import STATES, rolling_convergence
from narrows.core.arrays import Bool1D, Float1D

PAGE, FIGURE = FOLDER / "royal-dutch-shell.md", FOLDER / "royal-dutch-shell.svg"
SPLIT = date(1997, 6, 30)  # first day of the new shares: three for one (Shell), four for one (Royal Dutch)
UNIFIED = 60  # trading days before the unification in which the ratio was as good as fixed
LAGS, WINDOWS = 2, (125, 250, 500)  # of the regressions; trading days
PERIODS = ((1990, 1992), (1993, 1995), (1996, 1998), (1999, 2001), (2002, 2005), (1990, 2005))
DEFAULT, RESCUE = date(1998, 8, 17), date(1998, 9, 23)  # of Russia; of LTCM
COLORS = {"converging": "#0f766e", "not converging": "#d97706", "not identified": "#c6ccd3"}
YEAR = 250  # trading days


class Pair(NamedTuple):
    """Days on which both closed, log prices adjusted for the split, and the deviation from parity."""

    days: list[date]
    dutch: Float1D
    shell: Float1D
    deviation: Float1D


class Period(NamedTuple):
    """What the battery and the error correction say of some years."""

    name: str
    days: int
    mean: float
    said: Battery
    fitted: ErrorCorrection


def pair() -> Pair:
    """The series, on common days."""
    known = (
        pl.read_parquet(DATA / "traditional" / "royal_dutch_shell_1990_2005.parquet")
        .select(
            pl.col("Date").str.to_date("%d/%m/%Y"),
            *(pl.col(name).cast(pl.Float64, strict=False).log() for name in ("RDP", "Shell")),
        )
        .drop_nulls()
        .sort("Date")
    )
    days = known["Date"].to_list()
    before = np.array([day < SPLIT for day in days])
    dutch = known["RDP"].to_numpy() - np.where(before, math.log(4.0), 0.0)
    shell = known["Shell"].to_numpy() - np.where(before, math.log(3.0), 0.0)
    gap = dutch - shell
    return Pair(days, dutch, shell, gap - gap[-UNIFIED:].mean())


def years(days: Sequence[date], first: int, last: int) -> Bool1D:
    """Which days lie in some calendar years."""
    return np.array([first <= day.year <= last for day in days])


def periods(found: Pair) -> list[Period]:
    """Each period, the whole at the end."""
    made = []
    for first, last in PERIODS:
        mine = years(found.days, first, last)
        legs = found.dutch[mine], found.shell[mine]
        made.append(
            Period(
                f"{first}–{last}",
                int(mine.sum()),
                float(found.deviation[mine].mean()),
                battery(*legs, LAGS),
                error_correction(*legs, LAGS, 1.0, "hac"),
            )
        )
    return made


def span(one: Estimate, digits: int) -> str:
    """A number with its interval."""
    lo, hi = ("∞" if math.isinf(end) else f"{end:.{digits}f}" for end in one[1:3])
    value = "∞" if math.isinf(one.value) else f"{one.value:.{digits}f}"
    return f"{value} ({lo} … {hi})"


def row(one: Period) -> str:
    """A line of the table."""
    said = one.said
    ratio = said.variance_ratios[-1]
    return (
        f"| {one.name} | {one.days:,} | {one.mean:+.1%} | {said.adf.statistic:.2f} ({said.adf.pvalue:.2f}) | "
        f"{said.kpss.statistic:.2f} | {ratio.ratio:.2f} ({ratio.z:+.1f}) | {said.engle_granger.pvalue:.2f} | "
        f"{said.restriction.beta:.2f} | {said.verdict.state} | {span(one.fitted.half_life, 0)} | "
        f"{', '.join(span(leg, 3) for leg in one.fitted.alpha)} |"
    )


def windows(found: Pair) -> str:
    """Shares of the verdicts over rolling windows."""
    lines = []
    for window in WINDOWS:
        state = rolling_convergence(found.deviation, window).state[window - 1 :]
        shares = " | ".join(f"{(state == code).mean():.0%}" for code in range(len(STATES)))
        lines.append(f"| {window} | {len(state):,} | {shares} |")
    return "\n".join(lines)


def figure(found: Pair) -> str:
    """The deviation over the years, and the verdict of the year before each day as a strip below it."""
    wide, high, left, right, top, bottom = 920, 400, 58.0, 900.0, 66.0, 300.0
    x = linear(date(1990, 1, 1).toordinal(), date(2005, 12, 31).toordinal(), left, right)
    y = linear(-0.18, 0.3, bottom, top)
    drawn = [
        text(
            20,
            26,
            "Royal Dutch over Shell, deviation from parity, % (0 = the ratio of the unification in July 2005)",
        )
    ]
    for level in (-0.1, 0.0, 0.1, 0.2, 0.3):
        drawn.append(line(left, y(level), right, y(level), FAINT if level == 0.0 else RULE))
        drawn.append(text(left - 6, y(level) + 4, f"{100 * level:.0f}", "end", FAINT))
    for year in range(1990, 2006):
        drawn.append(
            text(
                x(date(year, 7, 1).toordinal()), bottom + 56, f"{year}", "middle", FAINT, ' font-size="11.5"'
            )
        )
    for day, label, up in (
        (DEFAULT, "Russia defaults, 17 Aug 1998; LTCM rescued, 23 Sep", 10.0),
        (RESCUE, "", 10.0),
    ):
        drawn.append(line(x(day.toordinal()), top - 8.0, x(day.toordinal()), bottom, "#b42318", 1.0))
        drawn.append(text(x(day.toordinal()) - 6.0, top - up + 6.0, label, "end", "#b42318"))
    kept = range(0, len(found.days), 4)
    places = " ".join(f"{x(found.days[n].toordinal()):.1f},{y(float(found.deviation[n])):.1f}" for n in kept)
    drawn.append(f'<polyline points="{places}" fill="none" stroke="{INK}" stroke-width="1.3"/>')
    state = rolling_convergence(found.deviation, YEAR).state
    edges = [YEAR - 1, *(int(n) + 1 for n in np.flatnonzero(np.diff(state)) if n >= YEAR - 1), len(state)]
    for start, stop in itertools.pairwise(edges):
        begin, end = x(found.days[start].toordinal()), x(found.days[stop - 1].toordinal() + 1)
        color = COLORS[STATES[state[start]]]
        drawn.append(
            f'<rect x="{begin:.1f}" y="{bottom + 16:.0f}" width="{max(end - begin, 0.6):.1f}" height="18" fill="{color}"/>'
        )
    place = left
    for name, color in COLORS.items():
        drawn.append(f'<rect x="{place:.0f}" y="{bottom + 74:.0f}" width="12" height="12" fill="{color}"/>')
        drawn.append(text(place + 18.0, bottom + 84.0, name))
        place += 40.0 + 7.2 * len(name)
    drawn.append(text(right, bottom + 84.0, f"verdict of the {YEAR} trading days before", "end", FAINT))
    inside = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'font-family="system-ui, sans-serif" font-size="12.5">\n<rect width="{wide}" height="{high}" fill="{PAPER}"/>\n'
        f"{inside}\n</svg>\n"
    )


TEXT = """# Royal Dutch and Shell: a gap that must close, and took its time

One company with two shares: by the treaty of 1907 Royal Dutch had 60 % of everything and Shell 40 %, so the ratio of the prices had
one fair value. It was the textbook convergence trade, LTCM held it in 1998, and in July 2005 the shares were exchanged for one.
Would the tests of this package have called it converging?

```sh
.venv/bin/python scripts/studies/royal_dutch_shell.py
```

(`NARROWS_DATA` names the folder with the file.)

![Deviation from parity, and the verdict by rolling windows]({figure})

| years | days | mean deviation | ADF (p) | KPSS | VR(10) (z*) | Engle–Granger p | Johansen β | verdict at 5 % | half-life, trading days | α of Royal Dutch, of Shell |
|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|
{rows}

90 % intervals in parentheses; KPSS rejects a level above 0.463; β is of Shell, estimated, where parity says −1. Half-life and α by
`error_correction` with β = (1, −1), {lags} lags, Newey–West errors; the interval inverts the t statistic.

## What it says

- Over all {days:,} days the half-life is {half}: the data do not exclude that nothing pulls at all. Of the {parts} periods
  {bounded} give a half-life with an upper end.
- A trader sees windows, not sixteen years. Shares of the verdicts, at the end of every day's window:

| window, days | windows | not identified | converging | not converging |
|--:|--:|--:|--:|--:|
{windows}

  Of a random walk about one window in twenty would be called converging, by chance.
- On {default} the deviation stood at {at_default:+.1%}, a year before at {year_before:+.1%}: that year's widening is what a holder of the trade had lost.
  The worst close after it was {worst:+.1%} ({worst_day}); it was {first_day} until the deviation first closed below half of what it was on
  {default}, {wait:,} trading days later.
- The identity of the cash flows was never in doubt. That a gap *must* close, by a date that nobody named, does not make it revert at a
  speed that can be measured: the answer for sizing is "not identified", and the hedge must be held through what the figure shows.

## What it does not say

- The source gives Royal Dutch in a unit of its own, to two decimals of a number near one. The level is set to 0 over the last {unified}
  days before the unification, which no trader knew; levels here are hindsight, speeds and tests are not touched by it.
- Those two decimals are an error of up to ±{rounding:.1%}. Rounding looks like fast reversion: the true half-lives are longer than these.
- Both splits of {split:%Y-%m-%d} (four for one, three for one) are undone here; the jumps in the source are {jumps}.
- The source does not say which exchanges its closes are of (Shell's is of the size of its ordinary share in dollars). If the closes are not of one
  moment, changes of a day are partly stale; so nothing is said about who leads.
- Dividends, taxes and index funds moved the fair ratio; here it is constant.
"""


def ltcm(found: Pair) -> dict[str, object]:
    """The deviation around August 1998."""
    start = next(n for n, day in enumerate(found.days) if day >= DEFAULT)
    before = next(n for n, day in enumerate(found.days) if day >= DEFAULT.replace(year=1997))
    at = float(found.deviation[start])
    halved = next(n for n in range(start, len(found.days)) if found.deviation[n] < 0.5 * at)
    worst = start + int(np.argmax(found.deviation[start:halved]))
    return {
        "default": f"{DEFAULT:%Y-%m-%d}",
        "at_default": at,
        "year_before": float(found.deviation[before]),
        "worst": float(found.deviation[worst]),
        "worst_day": f"{found.days[worst]:%Y-%m-%d}",
        "first_day": f"{found.days[halved]:%Y-%m-%d}",
        "wait": halved - start,
    }


def main() -> None:
    """Write page and figure; with --check only say whether they are as they would be written."""
    found = pair()
    made = periods(found)
    raw = [
        leg + np.where([day < SPLIT for day in found.days], math.log(by), 0.0)
        for leg, by in ((found.dutch, 4.0), (found.shell, 3.0))
    ]
    at = found.days.index(SPLIT)
    jumps = " and ".join(f"{math.exp(leg[at - 1] - leg[at]):.2f}" for leg in raw)
    page = TEXT.format(
        figure=FIGURE.name, rows="\n".join(map(row, made)), lags=LAGS, days=made[-1].days,
        half=span(made[-1].fitted.half_life, 0), parts=len(made) - 1,
        bounded=sum(one.fitted.half_life.known for one in made[:-1]), windows=windows(found),
        unified=UNIFIED, rounding=0.005 / math.exp(float(raw[0].min())), split=SPLIT, jumps=jumps, **ltcm(found),
    )  # fmt: skip
    put({PAGE: page, FIGURE: figure(found)})


if __name__ == "__main__":
    main()
