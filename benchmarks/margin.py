"""Speed of margin and liquidation, against numpy in the same run; prints a table, and JSON with --json.

The wallet is a cross wallet of fifty legs of every kind, five to ten tiers each. The compiled
functions are called from compiled code, as the kernel calls them; numpy's are vectorised over the legs.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from stopwatch import REPEATS, best_us

from narrows.core.arrays import Float1D
from narrows.risk.contract import INVERSE, LINEAR, QUANTO, SPOT
from narrows.risk.liquidation import liquidation_move, liquidation_price
from narrows.risk.margin import Book, Tiers, deductions, standing

LEGS, CALLS, SEED = 50, 2_000, 20240808
TARGETS_US = {"margin": 5.0, "liquidation price": 20.0, "joint move": 20.0}


def wallet(rng: np.random.Generator) -> tuple[Book, Tiers, float, Float1D]:
    """A wallet that stands, and the prices it stands at."""
    kind = rng.choice([SPOT, LINEAR, INVERSE, QUANTO], LEGS, p=[0.2, 0.5, 0.2, 0.1]).astype(np.int64)
    mark = np.exp(rng.uniform(0.0, 11.0, LEGS))
    value = rng.uniform(1e3, 2e5, LEGS) * rng.choice([-1.0, 1.0], LEGS)
    quantity = np.where(kind == INVERSE, value, value / mark)
    coin = np.where(kind == INVERSE, 0.1 * abs(value) / mark, np.where(kind == QUANTO, 0.1 * abs(value), 0.0))
    book = Book(kind, quantity, np.ones(LEGS), coin, mark, rng.uniform(0.8, 1.0, LEGS), np.ones(LEGS))
    counts = rng.integers(5, 11, LEGS)
    floors, rates, cut = [], [], []
    for count in counts.tolist():
        floors.append(np.concatenate(([0.0], np.cumsum(rng.uniform(5e3, 8e4, count - 1)))))
        rates.append(np.cumsum(rng.uniform(0.002, 0.02, count)))
        cut.append(deductions(floors[-1], rates[-1]))
    tiers = Tiers(
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.zeros(LEGS, dtype=np.int64),
        np.zeros(LEGS),
        np.concatenate(floors),
        np.concatenate(rates),
        np.concatenate(cut),
        np.full(int(counts.sum()), 20.0),
    )
    return book, tiers, 3e6, mark * rng.uniform(0.95, 1.05, LEGS)


class Vectorised:
    """The same wallet in plain numpy: tiers as padded rows, all legs at once."""

    def __init__(self, book: Book, tiers: Tiers, cash: float) -> None:
        self.book, self.cash = book, cash
        self.spot, self.inverse = book.kind == SPOT, book.kind == INVERSE
        self.size = np.abs(book.quantity)
        self.margined = ~(self.spot & (book.quantity > 0.0))
        self.weight = np.where(self.margined, 1.0, book.weight)
        most = int(np.diff(tiers.first).max())
        self.floor, self.rate, self.cut = (np.full((LEGS, most), fill) for fill in (np.inf, 0.0, 0.0))
        for i, (start, stop) in enumerate(
            zip(tiers.first[:-1].tolist(), tiers.first[1:].tolist(), strict=True)
        ):
            self.floor[i, : stop - start] = tiers.floor[start:stop]
            self.rate[i, : stop - start] = tiers.rate[start:stop]
            self.cut[i, : stop - start] = tiers.deduction[start:stop]
        self.rows = np.arange(LEGS)

    def standing(self, prices: Float1D) -> tuple[float, float, float]:
        book = self.book
        linear = np.where(self.spot, book.quantity * prices, book.quantity * (prices - book.mark) + book.coin)
        coins = (book.coin + book.quantity * (1.0 / book.mark - 1.0 / prices)) * prices
        value = np.where(self.inverse, coins, linear)
        notional = np.where(self.inverse, self.size, self.size * prices)
        row = np.maximum((self.floor < notional[:, None]).sum(axis=1) - 1, 0)
        needed = notional * self.rate[self.rows, row] - self.cut[self.rows, row]
        equity = self.cash + float(value.sum())
        return equity, self.cash + float((value * self.weight).sum()), float(needed[self.margined].sum())

    def root(self, prices_at: Callable[[float], Float1D], low: float, high: float) -> float:
        for _ in range(60):
            middle = 0.5 * (low + high)
            _, margin_equity, maintenance = self.standing(prices_at(middle))
            low, high = (middle, high) if margin_equity > maintenance else (low, middle)
        return low

    def price(self, prices: Float1D, i: int, high: float) -> float:
        def prices_at(price: float) -> Float1D:
            there = prices.copy()
            there[i] = price
            return there

        return self.root(prices_at, prices[i], high)

    def move(self, prices: Float1D, way: Float1D, high: float) -> float:
        return self.root(lambda move: prices * (1.0 + move * way), 0.0, high)


@njit
def _standings(book: Any, tiers: Any, cash: float, prices: Any, calls: int) -> float:
    total = 0.0
    for _ in range(calls):
        prices[0] *= 1.0 + 1e-12  # so that no call can be left out
        total += standing(book, tiers, cash, prices)[2]
    return total


@njit
def _prices(book: Any, tiers: Any, cash: float, prices: Any, leg: int, calls: int) -> float:
    total = 0.0
    for _ in range(calls):
        prices[0] *= 1.0 + 1e-12
        total += liquidation_price(book, tiers, cash, prices, leg)[1]
    return total


@njit
def _moves(book: Any, tiers: Any, cash: float, prices: Any, way: Any, at: Any, calls: int) -> float:
    total = 0.0
    for _ in range(calls):
        prices[0] *= 1.0 + 1e-12
        total += liquidation_move(book, tiers, cash, prices, way, at)
    return total


def main() -> None:
    book, tiers, cash, prices = wallet(np.random.default_rng(SEED))
    plain = Vectorised(book, tiers, cash)
    way, at = np.ones(LEGS), np.empty(LEGS)
    leg = int(np.flatnonzero((book.kind == LINEAR) & (book.quantity < 0.0))[0])
    move = liquidation_move(book, tiers, cash, prices, way, at)
    price = liquidation_price(book, tiers, cash, prices, leg)[1]
    np.testing.assert_allclose(plain.standing(prices), standing(book, tiers, cash, prices), rtol=1e-12)
    np.testing.assert_allclose(plain.move(prices, way, 4.0 * move), move, rtol=1e-9)
    np.testing.assert_allclose(plain.price(prices, leg, 4.0 * price), price, rtol=1e-9)
    work = {
        "margin": (
            lambda: _standings(book, tiers, cash, prices.copy(), CALLS),
            lambda: plain.standing(prices),
        ),
        "liquidation price": (
            lambda: _prices(book, tiers, cash, prices.copy(), leg, CALLS),
            lambda: plain.price(prices, leg, 4.0 * price),
        ),
        "joint move": (
            lambda: _moves(book, tiers, cash, prices.copy(), way, at, CALLS),
            lambda: plain.move(prices, way, 4.0 * move),
        ),
    }
    rows = []
    for what, (ours, numpys) in work.items():
        us, numpy_us = best_us(ours, CALLS), best_us(numpys, 1)
        target = TARGETS_US[what]
        rows.append({"what": what, "us": us, "target_us": target, "times_faster_than_numpy": numpy_us / us})
    if "--json" in sys.argv:
        print(json.dumps({"margin": rows}))
        return
    print(f"{f'µs a call, {LEGS} legs, best of {REPEATS}':46}{'µs':>10}{'target':>10}{'numpy ÷':>12}")
    for row in rows:
        print(
            f"{row['what']:46}{row['us']:10.2f}{row['target_us']:10.0f}{row['times_faster_than_numpy']:12.1f}"
        )


if __name__ == "__main__":
    main()
