"""Simulate the quantiles that turn the likelihood of an OU speed into an interval: writes their module.

    PYTHONPATH=src python scripts/tables/ou_quantiles.py

Writes src/narrows/analytics/ou_quantiles.py. Half a minute on one core; the same seed gives the same file.
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
from numba import njit

from narrows.core.arrays import Float1D, Float2D, Float3D
from narrows.core.random import generator

SEED = 20_251_125
PATHS = 200_000
STEPS = (10, 15, 25, 50, 100, 250, 1000)
SPEEDS = (
    0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768,
    1024, 2048, 4096, 6144,
)  # fmt: skip
ALMOST_NONE = 1e-3  # the speed simulated for 0: the mean exists, and cannot be told from none
SLOWEST = 6.0  # speed times step beyond which one bar knows nothing of the last: e^-6
LEVELS = (0.05, 0.5, 0.95)
TARGET = Path(__file__).resolve().parents[2] / "src" / "narrows" / "analytics" / "ou_quantiles.py"


@njit(cache=True)
def statistics(random: np.random.Generator, paths: int, steps: int, speeds: Float1D) -> Float3D:
    """Signed roots of the likelihood ratios of the true speed and of the true mean, (2, speeds, paths).

    Every speed sees the same shocks. Paths start from the stationary law and have mean 0.
    """
    out = np.empty((2, len(speeds), paths))
    for path in range(paths):
        shocks = random.standard_normal(steps + 1)
        for which in range(len(speeds)):
            phi = np.exp(-speeds[which] / steps)
            start = shocks[0] / np.sqrt(-np.expm1(-2.0 * speeds[which] / steps))
            moved = level = square = change = cross = changes = 0.0
            for step in range(1, steps + 1):
                d = (phi - 1.0) * (moved + start) + shocks[step]
                level += moved
                square += moved * moved
                change += d
                cross += moved * d
                changes += d * d
                moved += d
            slack = changes - change * change / steps
            spread, joint = square - level * level / steps, cross - level * change / steps
            best = slack - joint * joint / spread
            off = phi - 1.0 - joint / spread
            out[0, which, path] = np.sign(off) * np.sqrt(steps * np.log1p(off * off * spread / best))
            full = square + 2.0 * start * level + steps * start * start
            about_mean = changes - (cross + start * change) ** 2 / full
            out[1, which, path] = np.sqrt(max(steps * np.log(about_mean / best), 0.0))
    return out


def quantiles(steps: int) -> Float2D:
    """The table's columns for one number of steps: three quantiles of speed, one of mean; (4, speeds)."""
    speeds = np.array([speed or ALMOST_NONE for speed in SPEEDS])
    reached = speeds[speeds <= SLOWEST * steps]
    found = statistics(generator(SEED, "ou quantiles", str(steps)), PATHS, steps, reached)
    rows = np.vstack((np.quantile(found[0], LEVELS, axis=1), np.quantile(found[1], 0.90, axis=1)))
    return np.pad(rows, ((0, 0), (0, len(speeds) - len(reached))), mode="edge")


def block(table: Float2D) -> str:
    """One name's numbers, a tuple for each number of steps."""
    return "\n".join(f"    ({wrapped([f'{value:.3f}' for value in row])})," for row in table)


def wrapped(numbers: Sequence[object]) -> str:
    """Numbers with commas, as wide as a line of code may be."""
    return "\n     ".join(wrap(", ".join(map(str, numbers)), 100))


def module() -> str:
    """The text of the module."""
    table = np.array([quantiles(steps) for steps in STEPS])
    named = zip(("SPEED_05", "SPEED_50", "SPEED_95", "MEAN_90"), table.transpose(1, 0, 2), strict=True)
    parts = (
        '"""Quantiles of the signed root of the likelihood ratio of an OU speed and mean, by simulation.\n',
        "The table of `reversion` answers the same question for a regression: of the t statistic of a speed",
        "per bar, with lags and other regressors, at even steps. This one is of a likelihood, whose steps may",
        "differ and whose mean has an interval too; its law depends on steps and span, so it has two dimensions.\n",
        f"Made by scripts/tables/ou_quantiles.py: seed {SEED}, {PATHS:,} paths for each row. Rows are STEPS,",
        "the number of transitions; columns are SPEEDS, the speed times the span (0 = a random walk).",
        "SPEED_p is the p % quantile of the root at the true speed, MEAN_90 the 90 % quantile of its size at",
        "the true mean.",
        '"""\n',
        "# fmt: off",
        f"STEPS = {STEPS}",
        f"SPEEDS = (\n     {wrapped(SPEEDS)},\n)",
        *(f"{name} = (\n{block(rows)}\n)" for name, rows in named),
        "# fmt: on",
    )
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(module(), "utf-8")
    print(f"wrote {TARGET.name}")
