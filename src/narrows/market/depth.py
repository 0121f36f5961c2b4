"""Depth: what rests in one book at a moment, both sides in coin and in quote, best price first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, Int1D, read_only
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument

BUY, SELL = 1, -1
Levels = tuple[Float1D, Float1D]  # prices, sizes


@dataclass(frozen=True, eq=False)
class Depth:
    """A book of one instrument at one moment.

    Prices are quote per coin, sizes coin, each of shape (levels,), float64, read-only and best first.
    An inverse book, whose sizes are USD contracts, has been turned into coin level by level, each at
    its own price: then a walk costs what it costs in a linear book, in dollars at the prices paid.

    Attributes
    ----------
    instrument : Instrument
    money : str
        Currency of the prices. Two books are compared in one currency only: see `in_money`.
    bids, asks : (prices, sizes)
    """

    instrument: Instrument
    money: str
    bids: Levels
    asks: Levels

    @property
    def mid(self) -> float:
        """Half way between best bid and best ask."""
        return 0.5 * (float(self.bids[0][0]) + float(self.asks[0][0]))

    @property
    def half_spread(self) -> float:
        """From the mid to either touch, as a fraction of the mid."""
        bid, ask = float(self.bids[0][0]), float(self.asks[0][0])
        return (ask - bid) / (ask + bid)

    @property
    def reach(self) -> tuple[float, float]:
        """How far from the mid the last level of each side (bids, asks) lies, as a fraction of it."""
        return float(1.0 - self.bids[0][-1] / self.mid), float(self.asks[0][-1] / self.mid - 1.0)

    def facing(self, direction: int) -> Levels:
        """The side that an immediate order takes: asks for a buyer (+1), bids for a seller (−1).

        Raises
        ------
        ConfigError
            If the direction is neither.
        """
        if direction not in (BUY, SELL):
            raise ConfigError(f"direction {direction!r}", "depth", "+1 buys, −1 sells")
        return self.asks if direction == BUY else self.bids

    def quoted(self, direction: int) -> Float1D:
        """Quote value of each level of the side that an order of this direction takes."""
        prices, sizes = self.facing(direction)
        return prices * sizes

    def within(self, distance: float) -> tuple[float, float]:
        """Quote value that rests within a distance of the mid, bids and asks.

        Parameters
        ----------
        distance : float
            Fraction of the mid, the end included; 10e-4 is what `Panel.depth` counts.

        Returns
        -------
        (float, float)
            What is seen. Where the book is recorded less far (`reach`) more may rest there.
        """
        if not distance > 0.0:
            raise ConfigError(f"distance {distance}", "Depth.within", "give a positive fraction of the mid")
        near_bid = self.bids[0] >= self.mid * (1.0 - distance)
        near_ask = self.asks[0] <= self.mid * (1.0 + distance)
        return float(self.quoted(SELL)[near_bid].sum()), float(self.quoted(BUY)[near_ask].sum())

    def haircut(self, share: float) -> "Depth":
        """The same prices with only ``1 − share`` of each size: some of what is shown will not be there.

        Parameters
        ----------
        share : float
            In [0, 1): 0.5 believes half of every level.
        """
        if not 0.0 <= share < 1.0:
            raise ConfigError(f"haircut {share}", f"depth of {self.instrument.id}", "give 0 up to below 1")
        left = 1.0 - share
        bids = (self.bids[0], read_only(self.bids[1] * left))
        return replace(self, bids=bids, asks=(self.asks[0], read_only(self.asks[1] * left)))

    def in_money(self, currency: str, rate: float) -> "Depth":
        """The same book priced in another currency: sizes are coin, so only the prices change.

        Parameters
        ----------
        currency : str
        rate : float
            What one unit of `money` is worth in it. A USDT is not a dollar: say so with 1.0, if it is to be.
        """
        if not (np.isfinite(rate) and rate > 0.0):
            raise ConfigError(f"rate {rate}", f"depth of {self.instrument.id}", "give a positive rate")
        bids = (read_only(self.bids[0] * rate), self.bids[1])
        return replace(self, money=currency, bids=bids, asks=(read_only(self.asks[0] * rate), self.asks[1]))


def _side(prices: Float1D, sizes: Float1D, what: str, where: str, downwards: bool) -> None:
    """Refuse a side that no venue can have sent."""
    remedy = "resync from a snapshot"
    if len(prices) != len(sizes):
        raise DataError(f"{len(prices)} prices and {len(sizes)} sizes of {what}", where, remedy)
    if not len(prices):
        raise DataError(f"no {what}", where, "wait for a book with both sides")
    for name, values in (("price", prices), ("size", sizes)):
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0.0)))
        if len(bad):
            first = int(bad[0])
            raise DataError(f"{name} {values[first]} of {what} in level {first}", where, remedy)
    step = np.diff(prices)
    if not (step < 0.0 if downwards else step > 0.0).all():
        raise DataError(f"{what} are not in order of price", where, "give the best first, each price once")


def _coin(one: Instrument, prices: Float1D, contracts: Float1D) -> Float1D:
    """Contracts as coin, level by level."""
    if one.is_inverse:
        return contracts * one.multiplier / prices
    return contracts * one.multiplier


def depth_of(one: Instrument, bids: Levels, asks: Levels) -> Depth:
    """A Depth from prices and sizes as the venue quotes them.

    Parameters
    ----------
    one : Instrument
        Its `multiplier` is coin (linear) or quote (inverse) of one contract.
    bids, asks : (prices, sizes)
        Arrays of shape (levels,), best first; sizes in contracts.

    Raises
    ------
    DataError
        If a side is empty, unordered, not finite or not positive, or the book crossed or locked.
    ConfigError
        If the contract is quanto: its size is no amount of coin.
    """
    where = f"depth of {one.id}"
    if one.is_quanto:
        raise ConfigError("a quanto contract has no size in coin", where, "leave it out of the routes")
    sides = []
    for (prices, sizes), what, downwards in ((bids, "bids", True), (asks, "asks", False)):
        price = np.asarray(prices, dtype=np.float64)
        size = np.asarray(sizes, dtype=np.float64)
        _side(price, size, what, where, downwards)
        sides.append((read_only(price), read_only(_coin(one, price, size))))
    best_bid, best_ask = float(sides[0][0][0]), float(sides[1][0][0])
    if best_bid >= best_ask:
        raise DataError(
            f"crossed: bid {best_bid:g}, ask {best_ask:g}", where, "do not trade it; resync from a snapshot"
        )
    return Depth(one, one.quote, *sides)


def _on_grid(steps: Int1D, step: float) -> Float1D:
    """``steps · step``; where a step is one part of a whole, as 0.01 is, the number that its decimals say."""
    parts = round(1.0 / step)
    if parts >= 1 and abs(parts * step - 1.0) < 1e-12:
        return np.asarray(steps / parts)
    return np.asarray(steps * step)


def depth_from_ticks(
    one: Instrument,
    bids: tuple[Int1D, Int1D],
    asks: tuple[Int1D, Int1D],
    tick: float,
    lot: float,
) -> Depth:
    """A Depth from a book of whole ticks and lots, as `narrows.market.book` keeps it.

    Parameters
    ----------
    one : Instrument
    bids, asks : (ticks, lots)
        int64 of shape (levels,), best first.
    tick, lot : float
        Price of one tick, and contracts of one lot.

    Raises
    ------
    ConfigError
        If a step is not positive.
    DataError
        As in `depth_of`.
    """
    for name, step in (("tick", tick), ("lot", lot)):
        if not step > 0.0:
            raise ConfigError(f"{name} {step}", f"depth of {one.id}", "give the venue's positive step")
    sides = [(_on_grid(ticks, tick), _on_grid(lots, lot)) for ticks, lots in (bids, asks)]
    return depth_of(one, sides[0], sides[1])


def standing(snapshots: Sequence[Depth]) -> Depth:
    """What stood through all of the last snapshots: at each price of the last, the least of its sizes.

    Parameters
    ----------
    snapshots : sequence of Depth
        Of one instrument, oldest first. A price that one of them lacks is left out.

    Raises
    ------
    ConfigError
        If there is none, or they are of several instruments or currencies.
    DataError
        If nothing stood through on one side.
    """
    if len({(one.instrument.id, one.money) for one in snapshots}) != 1:
        raise ConfigError("snapshots of none or several books", "standing", "give those of one instrument")
    last = snapshots[-1]
    sides = []
    for direction, what in ((SELL, "bids"), (BUY, "asks")):
        prices, sizes = last.facing(direction)
        least = sizes.copy()
        for one in snapshots[:-1]:
            kept, here, there = np.intersect1d(prices, one.facing(direction)[0], return_indices=True)
            least[here] = np.minimum(least[here], one.facing(direction)[1][there])
            least[~np.isin(prices, kept)] = 0.0
        stood = least > 0.0
        if not stood.any():
            raise DataError(
                f"no {what} stood through {len(snapshots)} snapshots",
                f"depth of {last.instrument.id}",
                "take fewer snapshots, or a haircut",
            )
        sides.append((read_only(prices[stood]), read_only(least[stood])))
    return replace(last, bids=sides[0], asks=sides[1])


class Merged(NamedTuple):
    """One side of several books as one queue of offers, best first; shape (levels,).

    `source` is the position of each level's book in what was merged. A best bid above a best ask of
    another venue is no fault here: that is the trade.
    """

    prices: Float1D
    sizes: Float1D
    source: Int1D


def one_money(books: Sequence[Depth], where: str) -> str:
    """The one currency that all of these books are priced in.

    Raises
    ------
    ConfigError
        If there is no book, or more than one currency or coin.
    """
    monies = sorted({one.money for one in books})
    coins = sorted({one.instrument.base for one in books})
    if len(monies) != 1 or len(coins) != 1:
        told = f"books of {' and '.join(coins) or 'nothing'} in {' and '.join(monies) or 'nothing'}"
        raise ConfigError(told, where, "give books of one coin, brought to one currency with in_money")
    return monies[0]


def merged(books: Sequence[Depth], direction: int) -> Merged:
    """The side that an order of this direction takes, of all venues together.

    At one price the earlier book of the sequence comes first.
    """
    one_money(books, "merged")
    sides = [one.facing(direction) for one in books]
    prices = np.concatenate([side[0] for side in sides])
    sizes = np.concatenate([side[1] for side in sides])
    source = np.repeat(np.arange(len(books)), [len(side[0]) for side in sides])
    order = np.argsort(direction * prices, kind="stable")
    return Merged(prices[order], sizes[order], source[order])
