"""Do the intervals of the power bridge cover the truth? Seeded runs, and docs/coverage/bridge.md from them."""

import math
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from narrows.analytics.bridge import Speed, fit
from narrows.analytics.convergence import pool
from narrows.core.arrays import Float1D
from narrows.core.random import generator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage" / "bridge.md"
SEED, RUNS = 20261125, 1000
MU = 1.5


@dataclass(frozen=True)
class Case:
    """How cycles are made and read; days, fractions."""

    name: str
    first: float
    last: float
    step: float
    start: float  # typical deviation at the first day
    sigma: float  # per root of a day
    noise: float  # of measurement
    noisy: bool  # whether the likelihood allows for it
    omega: float = 0.5
    cycles: int = 1  # pooled from two on


DAILY = Case("daily, no noise", 90, 1, 1, 200e-4, 15e-4, 0, noisy=False, cycles=8)
ALIKE = replace(DAILY, name="daily, no noise, cycles alike", omega=0.0)
NOISY = replace(DAILY, name="daily, 3 bp noise in data and likelihood", noise=3e-4, noisy=True)
CASES = (
    DAILY,
    NOISY,
    ALIKE,
    *(replace(DAILY, name=f"the same, {n} cycles", cycles=n) for n in (4, 6, 12)),
    *(replace(ALIKE, name=f"alike, {n} cycles", cycles=n) for n in (4, 6, 12)),
    replace(NOISY, name="with 3 bp noise, 12 cycles", cycles=12),
    replace(NOISY, name="with 3 bp noise, 12 cycles alike", cycles=12, omega=0.0),
    replace(NOISY, name="daily, stopped 7 days before delivery", last=7, cycles=1),
    Case("weekly contract, every 6 h", 14, 0.5, 0.25, 30e-4, 5e-4, 1e-4, noisy=True),
    replace(NOISY, name="daily, stopped 30 days before delivery", last=30, cycles=1),
    replace(NOISY, name="a month far out", last=60, cycles=1),
    replace(NOISY, name="daily, 10 bp noise taken for path", noise=10e-4, noisy=False, cycles=1),
    replace(
        NOISY,
        name="every 4 h, 10 bp noise taken for path",
        last=0.25,
        step=1 / 6,
        noise=10e-4,
        noisy=False,
        cycles=1,
    ),
)


def path(case: Case, alpha: float, rng: np.random.Generator) -> tuple[Float1D, Float1D]:
    """Times to expiry and deviations of one cycle, by the moments of the bridge as models write them."""
    left = np.arange(case.first, case.last - 1e-9, -case.step)
    power = 2.0 * alpha - 1.0
    shares = (left[1:] / left[:-1]) ** alpha
    gained = case.sigma**2 * left[1:] ** (2.0 * alpha) / power
    gained *= left[1:] ** -power - left[:-1] ** -power
    shocks = np.sqrt(gained) * rng.standard_normal(len(shares))
    b = np.empty(len(left))
    b[0] = case.start * (1.0 + 0.5 * rng.standard_normal())
    for n, (share, shock) in enumerate(zip(shares.tolist(), shocks.tolist(), strict=True)):
        b[n + 1] = b[n] * share + shock
    return left, b + case.noise * rng.standard_normal(len(left))


def speeds(case: Case, number: int) -> tuple[list[float], list[Speed]]:
    """True and fitted speeds of the cycles of one run."""
    rng = generator(SEED, case.name, str(number))
    truths = (MU + case.omega * rng.standard_normal(case.cycles)).tolist()
    return truths, [fit(*path(case, truth, rng), noisy=case.noisy) for truth in truths]


def row(case: Case, runs: int) -> str:
    """Its line of the table: shares of runs."""
    own, known, middle, mean, given = [], [], [], [], []
    for number in range(runs):
        truths, fitted = speeds(case, number)
        alpha = fitted[0].alpha
        known.append(alpha.known)
        middle.append(alpha.value - truths[0])
        if not math.isnan(alpha.lo):
            own.append(alpha.lo <= truths[0] <= alpha.hi)
        if case.cycles > 1:
            found = pool(fitted)
            mean.append(found.mu.lo <= MU <= found.mu.hi)
            given.append(found.cycles[0].lo <= truths[0] <= found.cycles[0].hi)
    pooled = f"{case.cycles} | {_judged(mean)} | {np.mean(given):.3f}" if mean else "– | – | –"
    off = f"{np.nanmedian(middle):+.2f}" if any(known) else "–"
    refused = 1.0 - len(own) / runs
    told = f"| {case.name} | {refused:.1%} | {np.mean(known):.1%} | {_judged(own)} | {off} | {pooled} |"
    print(told, flush=True)
    return told


def _judged(held: list[bool]) -> str:
    """Share that held the truth, bold where it is not the 0.90 that so many runs allow."""
    if not held:
        return "–"
    share, reach = np.mean(held), 2.576 * math.sqrt(0.09 / len(held))
    return f"{share:.3f}" if abs(share - 0.9) <= reach else f"**{share:.3f}**"


HEAD = f"""# Coverage of the power bridge

Shares of {RUNS:,} seeded runs in which a 90 % interval holds the truth. Made by

```sh
.venv/bin/python scripts/truth/bridge.py
```

Seed {SEED}; alpha of each cycle ~ N({MU:g}, omega²) with omega 0.5 (0 where cycles are alike). Starts
2 % ± 1 % (a weekly contract 0.30 % ± 0.15 %), sigma 15 bp per root of a day (5 bp). Shares outside the 99 % band
of right ones (0.876 … 0.924 for 1,000 runs) are **bold**. *Refused*: `fit` gives no interval of alpha, but says
why. *Identified*: both ends are finite. *alpha*: shares of the intervals that are given. *Off*: median of estimate
less truth where identified. *Given all*: posterior interval of one cycle; it is a Bayesian interval under flat
priors, which lends from the other cycles and may cover more.

| case | refused | identified | alpha | off | cycles | pooled mu | given all |
|---|---:|---:|---:|---:|---:|---:|---:|
"""

TEXT = """
## Where it is identified, and where not

- Per cycle at a daily step down to a day before delivery, with or without noise that the likelihood knows of: the interval
  of alpha covers what it says. It is wide: a cycle has few doublings of the time to expiry, however often it is looked at.
- Far from delivery, where the time to expiry has not yet fallen to a third of what it was, intervals of daily looks would hold
  the truth too seldom: `fit` gives none, and says "not identified: time to expiry falls from 90 to 60 only, …". The
  pooled mean still takes the cycle's profile.
- Noise that the likelihood does not know of is taken for reversion. `fit` without `noisy` compares with a likelihood that has noise
  and where that is better at the 5 % level gives no speed, but "not identified: noise of … explains more than a path without
  it; allow for it, noisy=True"; such a cycle is not pooled. Of clean paths about one in twenty is refused too. Of 10 bp at a
  daily step three in ten pass, and the intervals of these cover too seldom: data alone do not always show noise. Bars
  of trades need `noisy=True` in any case.
- The pooled mean has the interval of an F test of deviances (`convergence.pool`), which asks the cycles themselves how far they
  scatter: right where cycles differ, and where they are alike right or a little too wide.
- Coverage is of the model. A real gap whose volatility changes, or whose fair value is not taken off, is not in this table.
"""


def main() -> None:
    """Write the page."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with ProcessPoolExecutor(4) as pool_of_workers:
        rows = list(pool_of_workers.map(row, CASES, [runs] * len(CASES)))
    if runs == RUNS:
        PAGE.write_text(HEAD + "\n".join(rows) + "\n" + TEXT, "utf-8")


if __name__ == "__main__":
    main()
