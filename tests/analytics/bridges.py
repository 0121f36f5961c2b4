"""Simulated cycles of a power bridge, whose truth is known."""

import numpy as np

from narrows.core.arrays import Float1D


def cycle(
    left: Float1D, alpha: float, *, seed: int, start: float = 200e-4, sigma: float = 15e-4, noise: float = 0.0
) -> tuple[Float1D, Float1D]:
    """Times to expiry and deviations; `start` is varied by half of itself."""
    rng = np.random.default_rng(seed)
    power = 2.0 * alpha - 1.0
    b = np.empty(len(left))
    b[0] = start * (1.0 + 0.5 * rng.standard_normal())
    for n in range(1, len(left)):
        before, after = left[n - 1], left[n]
        variance = sigma**2 * after ** (2.0 * alpha) * (after**-power - before**-power) / power
        b[n] = b[n - 1] * (after / before) ** alpha + np.sqrt(variance) * rng.standard_normal()
    return left, b + noise * rng.standard_normal(len(left))
