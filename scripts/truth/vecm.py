"""How often 90 % intervals of error correction contain the truth, over seeded runs: docs/coverage/vecm.md."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.stats import binom

from narrows.analytics.equilibrium import ErrorCorrection, Errors, error_correction
from narrows.core.arrays import Float2D

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage" / "vecm.md"
SEED, RUNS, LATE = 20261125, 1_000, 200


class Setting(NamedTuple):
    """A market with known truth, and how it is estimated."""

    name: str
    rows: int
    alpha: tuple[float, float]
    correlation: float
    lagged: float  # coefficient of each leg's own last change
    clustered: bool  # whether the variance changes by a GARCH(1, 1) of 0.1 and 0.85
    lags: int
    errors: Errors

    @property
    def half_life(self) -> float:
        """The true one, bars."""
        return math.log(2.0) / -math.log(1.0 + self.alpha[0] - self.alpha[1])


SETTINGS = (
    Setting("fast", 300, (-0.1, 0.1), 0.5, 0.0, False, 0, "ols"),
    Setting("one leg gives way", 500, (0.0, 0.05), 0.8, 0.0, False, 0, "ols"),
    Setting("slow, legs alike", 1_000, (-0.004, 0.006), 0.9, 0.0, False, 0, "ols"),
    Setting("lagged changes", 500, (-0.02, 0.03), 0.5, 0.2, False, 1, "ols"),
    Setting("clustered variance", 1_000, (-0.02, 0.04), 0.5, 0.0, True, 0, "hac"),
)


@njit(cache=True)
def simulate(
    rows: int, first: float, second: float, correlation: float, lagged: float, clustered: bool, seed: int
) -> Float2D:
    """Log prices of two legs, innovations of 1 bp a bar, after bars that are thrown away."""
    np.random.seed(seed)  # noqa: NPY002 (the stream of the kernel)
    prices = np.zeros((rows + LATE, 2))
    other = math.sqrt(1.0 - correlation**2)
    variance, last = 1.0, 1.0
    for row in range(2, rows + LATE):
        if clustered:
            variance = 0.05 + 0.1 * last + 0.85 * variance
        shock, more = np.random.normal(), np.random.normal()  # noqa: NPY002
        last = shock * shock * variance
        size = math.sqrt(variance)
        gap = prices[row - 1, 0] - prices[row - 1, 1]
        for leg in range(2):
            pull = (first if leg == 0 else second) * gap
            noise = size * (shock if leg == 0 else correlation * shock + other * more)
            change = prices[row - 1, leg] - prices[row - 2, leg]
            prices[row, leg] = prices[row - 1, leg] + pull + lagged * change + noise
    return 11.0 + 1e-4 * prices[LATE:]


def runs(setting: Setting, number: int) -> list[ErrorCorrection]:
    """The estimates of seeded runs."""
    made = []
    for run in range(number):
        prices = simulate(
            setting.rows, *setting.alpha, setting.correlation, setting.lagged, setting.clustered, SEED + run
        )
        made.append(error_correction(prices[:, 0], prices[:, 1], setting.lags, 1.0, setting.errors))
    return made


def row(setting: Setting, made: list[ErrorCorrection]) -> str:
    """A line of the table."""
    low, high = (float(one) / RUNS for one in binom.interval(0.99, RUNS, 0.9))
    truths = (*setting.alpha, setting.half_life)
    shares = []
    for place, truth in enumerate(truths):
        found = [(*one.alpha, one.half_life)[place] for one in made]
        share = float(np.mean([one.lo <= truth <= one.hi for one in found]))
        shares.append(f"{share:.3f}" if low <= share <= high else f"**{share:.3f}**")
    middle = float(np.median([one.half_life.value for one in made]))
    unbounded = float(np.mean([math.isinf(one.half_life.hi) for one in made]))
    return (
        f"| {setting.name} | {setting.rows:,} | {setting.alpha[0]:g}, {setting.alpha[1]:g} "
        f"| {setting.correlation:g} | {setting.lagged:g} | {setting.errors} | {' | '.join(shares)} "
        f"| {setting.half_life:.1f} | {middle:.1f} "
        f"| {unbounded:.1%} |"
    )


TEXT = """# Coverage: error correction

{runs:,} seeded runs a setting. Two log prices are drawn with known adjustments α1, α2 and the relation (1, −1); 90 % intervals
of α1, α2 and the half-life, by `narrows.analytics.equilibrium.error_correction`, should contain the truth in a share from
{low:.3f} to {high:.3f} (binomial, 99 % around 0.90). A share outside that band stands in bold.

```sh
.venv/bin/python scripts/truth/vecm.py
```

Seed {seed} (run k of a setting uses seed + k).

| setting | bars | α1, α2 | corr. of innovations | own lag | errors | α1 | α2 | half-life | true, bars | median estimate | unbounded |
|---|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|
{rows}

"Own lag" is the coefficient of each leg's own last change, which the regression has one lag for. "Clustered variance" draws
GARCH(1, 1) variances (0.1, 0.85) and uses Newey–West errors. "Unbounded" is the share of runs whose half-life has no upper
end: there the answer is "not identified", and the interval says so by being infinite.
"""


def main() -> None:
    """Write the page."""
    low, high = (float(one) / RUNS for one in binom.interval(0.99, RUNS, 0.9))
    rows = "\n".join(row(setting, runs(setting, RUNS)) for setting in SETTINGS)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(TEXT.format(runs=RUNS, low=low, high=high, seed=SEED, rows=rows), "utf-8")
    print(f"wrote {PAGE.name}\n{rows}")


if __name__ == "__main__":
    main()
