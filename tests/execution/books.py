"""Books for the tests of execution, and how a plain person walks one."""

import numpy as np

from narrows.core.instrument import instrument
from narrows.market.depth import Depth, depth_of

Plain = list[tuple[float, float]]  # price, coin; best first


def book(asks: Plain, bids: Plain | None = None, id_: str = "BTC-USDT.alpha", **known: object) -> Depth:
    """A Depth of plain levels; without bids the other side is one level a unit below."""
    below = bids or [(asks[0][0] - 1.0, 1e6)]
    sides = [np.array(levels, dtype=np.float64).T for levels in (below, asks)]
    return depth_of(instrument(id_, **known), (sides[0][0], sides[0][1]), (sides[1][0], sides[1][1]))


def walked(levels: Plain, coin: float) -> tuple[float, float, float]:
    """Value, price of the last coin, and coin that was not there."""
    left, value, last = coin, 0.0, levels[0][0]
    for price, size in levels:
        if left <= 0.0:
            break
        part = min(left, size)
        value += part * price
        left -= part
        last = price
    return value, last, max(left, 0.0)


def random_book(random: np.random.Generator, levels: int, id_: str = "BTC-USDT.alpha") -> Depth:
    """Both sides of a book around 100, with float sizes."""
    sides = []
    for direction in (-1.0, 1.0):
        prices = 100.0 + direction * (0.05 + np.cumsum(random.uniform(0.01, 0.3, levels)))
        sides.append((prices, random.uniform(0.1, 5.0, levels)))
    return depth_of(instrument(id_), sides[0], sides[1])
