"""Quantiles of the t statistic of a speed of reversion, as `analytics/reversion.py` holds them.

    .venv/bin/python scripts/tables/reversion.py

prints the table (some minutes). An AR(1) with a mean that is estimated, started in its stationary law,
1,000 steps, 100,000 paths a row; seed 20261125.
"""

import math

import numpy as np
from numba import njit
from scipy.optimize import brentq

from narrows.core.arrays import Float1D

SEED, PATHS, STEPS = 20261125, 100_000, 1_000
PLACES = np.arange(0.05, 1.0001, 0.05)  # 1/√(1 + c)


@njit(cache=True)
def statistics(phi: float, steps: int, paths: int, seed: int) -> Float1D:
    """t of the lagged level, less its true value, on each path."""
    np.random.seed(seed)  # noqa: NPY002 (the stream of the kernel)
    found = np.empty(paths)
    start = 1.0 / math.sqrt(1.0 - phi * phi) if phi < 1.0 else 0.0
    for path in range(paths):
        level = start * np.random.normal()  # noqa: NPY002
        x = y = xx = xy = yy = 0.0
        for _ in range(steps):
            change = (phi - 1.0) * level + np.random.normal()  # noqa: NPY002
            x += level
            y += change
            xx += level * level
            xy += level * change
            yy += change * change
            level += change
        xx -= x * x / steps
        xy -= x * y / steps
        yy -= y * y / steps
        slope = xy / xx
        error = math.sqrt((yy - slope * xy) / (steps - 2) / xx)
        found[path] = (slope - (phi - 1.0)) / error
    return found


def persistence(c: float, steps: int) -> float:
    """The φ that lies c from a unit root, as `analytics/reversion.py` measures it."""
    if c == 0.0:
        return 1.0
    return float(brentq(lambda phi: 8.0 * steps * (1.0 - phi * phi) / (1.0 + 3.0 * phi) ** 2 - c, 0.1, 1.0))


def main() -> None:
    """Print the rows: 5, 50 and 95 %."""
    for row, place in enumerate(PLACES):
        phi = persistence(max(0.0, 1.0 / place**2 - 1.0), STEPS)
        low, middle, high = np.quantile(statistics(phi, STEPS, PATHS, SEED + row), (0.05, 0.5, 0.95))
        print(f"    ({low:.4f}, {middle:.4f}, {high:.4f}),  # {place:.2f}")


if __name__ == "__main__":
    main()
