"""Speed of portfolio margin, against numpy in the same run; prints a table, and JSON with --json.

A wallet of fifty legs of two underlyings on a grid of sixty scenarios, all linear, then all options. The
compiled function is called from compiled code, as the kernel calls it; numpy's is vectorised over legs
and scenarios, with scipy's normal distribution. One value of Black-76 is timed against vollib's.
"""

import json
import sys
from typing import Any

import numpy as np
from numba import njit
from scipy.special import ndtr
from stopwatch import REPEATS, best_us
from vollib.black import black as vollib_black

from narrows.core.arrays import Float1D, Float2D
from narrows.risk.contract import LINEAR
from narrows.risk.options import CALL, PUT, black
from narrows.risk.portfolio import OPTION, Grid, Positions, Scratch, grid, maintenance, scratch
from narrows.rulebook import Far, PortfolioRule

LEGS, SEED = 50, 20240808
MOVES = tuple(np.linspace(-0.18, 0.18, 17).round(6).tolist())
FAR = tuple(
    Far(float(move), 0.16 / abs(float(move))) for move in (-0.66, -0.5, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
)
TARGETS_US = {"linear": 50.0, "options": 2_000.0}
RULE = PortfolioRule(
    method="grid", moves=MOVES, extended=FAR, dampener=100_000.0, volatility_up=0.5, volatility_down=0.25,
    volatility_floor=0.5, power_short=0.3, power_long=0.13, basis_min=0.01, basis_annual=0.075,
    maintenance_factor=0.8
)  # fmt: skip


def wallet(rng: np.random.Generator, kind: int) -> tuple[Positions, Grid, Float1D, Scratch]:
    """Legs of two underlyings, four expiries each, and the prices they stand at."""
    term = rng.integers(0, 8, LEGS)
    group = term // 4
    prices = np.where(group == 0, 60_000.0, 3_000.0) * rng.uniform(0.98, 1.02, LEGS)
    positions = Positions(
        kind=np.full(LEGS, kind),
        quantity=rng.uniform(1e3, 2e5, LEGS) * rng.choice([-1.0, 1.0], LEGS) / prices,
        multiplier=np.ones(LEGS),
        coin=np.zeros(LEGS),
        term=term,
        money=np.zeros(LEGS, dtype=np.int64),
        strike=prices * rng.uniform(0.6, 1.6, LEGS),
        right=rng.choice([CALL, PUT], LEGS),
        volatility=rng.uniform(0.3, 1.0, LEGS),
        rate=np.ones(LEGS),
        term_group=np.repeat([0, 1], 4),
        term_years=np.tile([7 / 365, 28 / 365, 0.25, 0.75], 2),
    )
    on = grid([RULE, RULE], np.ones(2), kind == OPTION)
    return positions, on, prices, scratch(positions, on)


class Vectorised:
    """The same wallet in numpy: (L, M) values at once, then summed by underlying."""

    def __init__(self, positions: Positions, on: Grid) -> None:
        self.at, self.on = positions, on
        self.group = positions.term_group[positions.term]
        self.years = positions.term_years[positions.term]
        days = self.years * 365.0
        scale = (30.0 / days) ** np.where(days < 30.0, RULE.power_short, RULE.power_long)
        up = np.maximum(positions.volatility * (1.0 + 0.5 * scale), 0.5)
        down = np.maximum(positions.volatility * (1.0 - 0.25 * scale), 0.0)
        way = on.way[0]
        self.volatility = np.where(
            way > 0, up[:, None], np.where(way < 0, down[:, None], positions.volatility[:, None])
        )

    def black(self, forward: Float2D, volatility: Float2D) -> tuple[Float2D, Float2D]:
        right, strike = self.at.right[:, None], self.at.strike[:, None]
        spread = volatility * np.sqrt(self.years)[:, None]
        d1 = np.log(forward / strike) / spread + 0.5 * spread
        inside = ndtr(right * d1)
        return right * (forward * inside - strike * ndtr(right * (d1 - spread))), right * inside

    def maintenance(self, prices: Float1D) -> float:
        at, on = self.at, self.on
        size, move = at.quantity * at.rate, on.move[0]
        if at.kind[0] == OPTION:
            now, delta = self.black(prices[:, None], at.volatility[:, None])
            then, _ = self.black(prices[:, None] * (1.0 + move), self.volatility)
            gains = size[:, None] * (then - now)
            value = size * delta[:, 0] * prices
        else:
            value = size * prices
            gains = value[:, None] * move
        by_group = np.stack([gains[self.group == g].sum(axis=0) for g in (0, 1)])
        losses = -by_group * on.damping - on.relief
        by_term = np.bincount(at.term, value, 8)
        basis = np.abs(by_term) * np.maximum(RULE.basis_min, RULE.basis_annual * at.term_years)
        return float(0.8 * (np.maximum(losses.max(axis=1), 0.0).sum() + basis.sum()))


@njit
def _margins(at: Any, on: Any, prices: Any, room: Any, calls: int) -> float:
    total = 0.0
    for _ in range(calls):
        prices[0] *= 1.0 + 1e-12  # so that no call can be left out
        total += maintenance(at, on, prices, room)
    return total


@njit
def _values(strike: float, calls: int) -> float:
    total = 0.0
    for n in range(calls):
        total += black(100.0 + 1e-9 * n, strike, 0.25, 0.6, 1)
    return total


def _vollib_values() -> None:
    for _ in range(500):
        vollib_black("c", 100.0, 110.0, 0.25, 0.0, 0.6)


def main() -> None:
    rows: list[dict[str, float | str]] = []
    for what, kind, calls in (("linear", LINEAR, 20_000), ("options", OPTION, 100)):
        at, on, prices, room = wallet(np.random.default_rng(SEED), kind)
        plain = Vectorised(at, on)
        np.testing.assert_allclose(plain.maintenance(prices), maintenance(at, on, prices, room), rtol=1e-9)
        us = best_us(lambda a=at, o=on, p=prices, r=room, n=calls: _margins(a, o, p.copy(), r, n), calls)
        numpy_us = best_us(lambda v=plain, p=prices: v.maintenance(p), 1)
        target = TARGETS_US[what]
        rows.append({"what": what, "us": us, "target_us": target, "times_faster_than_numpy": numpy_us / us})
    scenarios = int(on.move.shape[1])
    ours, theirs = best_us(lambda: _values(110.0, 100_000), 100_000), best_us(_vollib_values, 500)
    if "--json" in sys.argv:
        print(json.dumps({"portfolio": rows, "black_us": ours, "vollib_us": theirs}))
        return
    head = f"µs a call, {LEGS} legs × {scenarios} scenarios, best of {REPEATS}"
    print(f"{head:46}{'µs':>10}{'target':>10}{'numpy ÷':>12}")
    for row in rows:
        print(
            f"{row['what']:46}{row['us']:10.2f}{row['target_us']:10.0f}{row['times_faster_than_numpy']:12.1f}"
        )
    print(f"{'one value of Black-76, against vollib':46}{ours:10.3f}{'':10}{theirs / ours:12.0f}")


if __name__ == "__main__":
    main()
