"""Do the intervals of the power bridge cover the truth? Seeded runs, and docs/coverage/bridge.md from them."""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from narrows.analytics.bridge import Speed, fit
from narrows.analytics.convergence import pool
from narrows.core.arrays import Float1D
from narrows.core.random import generator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage" / "bridge.md"
SEED, RUNS, CYCLES = 20261125, 1000, 8
MU = 1.5
BAND = (0.876, 0.924)  # holds 99 % of the shares of 1,000 draws at 0.90


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
    pooled: bool = False


CASES = (
    Case("daily, no noise", 90, 1, 1, 200e-4, 15e-4, 0, noisy=False, pooled=True),
    Case("daily, 3 bp noise in data and likelihood", 90, 1, 1, 200e-4, 15e-4, 3e-4, noisy=True, pooled=True),
    Case("daily, no noise, cycles alike", 90, 1, 1, 200e-4, 15e-4, 0, noisy=False, omega=0.0, pooled=True),
    Case("daily, stopped 7 days before delivery", 90, 7, 1, 200e-4, 15e-4, 3e-4, noisy=True),
    Case("weekly contract, every 6 h", 14, 0.5, 0.25, 30e-4, 5e-4, 1e-4, noisy=True),
    Case("a month far out", 90, 60, 1, 200e-4, 15e-4, 3e-4, noisy=True),
    Case("daily, 10 bp noise taken for path", 90, 1, 1, 200e-4, 15e-4, 10e-4, noisy=False),
    Case("every 4 h, 10 bp noise taken for path", 90, 0.25, 1 / 6, 200e-4, 15e-4, 10e-4, noisy=False),
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
    truths = (MU + case.omega * rng.standard_normal(CYCLES if case.pooled else 1)).tolist()
    return truths, [fit(*path(case, truth, rng), noisy=case.noisy) for truth in truths]


def row(case: Case, runs: int) -> str:
    """Its line of the table: shares of runs."""
    own, known, middle, mean, given = [], [], [], [], []
    for number in range(runs):
        truths, fitted = speeds(case, number)
        own.append(fitted[0].alpha.lo <= truths[0] <= fitted[0].alpha.hi)
        known.append(fitted[0].alpha.known)
        middle.append(fitted[0].alpha.value - truths[0])
        if case.pooled:
            found = pool(fitted)
            mean.append(found.mu.lo <= MU <= found.mu.hi)
            given.append(found.cycles[0].lo <= truths[0] <= found.cycles[0].hi)
    pooled = f"{_judged(np.mean(mean))} | {np.mean(given):.3f}" if mean else "– | –"
    found_it = f"{np.mean(known):.1%} | {np.nanmedian(middle):+.2f}"
    told = f"| {case.name} | {_judged(np.mean(own))} | {found_it} | {pooled} |"
    print(told, flush=True)
    return told


def _judged(share: np.floating) -> str:
    inside = BAND[0] <= share <= BAND[1]
    return f"{share:.3f}" if inside else f"**{share:.3f}**"


HEAD = f"""# Coverage of the power bridge

Shares of {RUNS:,} seeded runs in which a 90 % interval holds the truth. Made by

```sh
.venv/bin/python scripts/truth/bridge.py
```

Seed {SEED}; alpha of each cycle ~ N({MU:g}, omega²) with omega 0.5 (0 where cycles are alike), {CYCLES} cycles a run. Starts
2 % ± 1 % (a weekly contract 0.30 % ± 0.15 %), sigma 15 bp per root of a day (5 bp). A share that is right lies in
{BAND[0]:g} … {BAND[1]:g} with probability 99 %; **bold** is outside. *Identified*: both ends of alpha's interval are finite.
*Off*: median of estimate less truth where identified. *Given all*: posterior interval of one cycle; it is a Bayesian interval
under flat priors, which lends from the other cycles and may cover more.

| case | alpha | identified | off | pooled mu | given all |
|---|---:|---:|---:|---:|---:|
"""

TEXT = """
## Where it is identified, and where not

- Per cycle at a daily step down to a day before delivery, with or without noise that the likelihood knows of: the interval
  of alpha covers what it says. It is wide: a cycle has few doublings of the time to expiry, however often it is looked at.
- Far from delivery, over a part of the life in which the time to expiry falls by a third, one cycle in six has no finite
  interval, and the intervals that there are cover too seldom: do not read alpha there.
- Noise that the likelihood does not know of is taken for reversion: alpha comes out too high and its interval covers too
  seldom. Bars of trades need `noisy=True`.
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
