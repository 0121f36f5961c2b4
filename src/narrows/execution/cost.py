"""What trading a size costs: one leg, a round trip of a spread, what an edge can carry, when it has paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from narrows.analytics import carry
from narrows.core.arrays import Float1D, FloatArray, read_only
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument
from narrows.core.time import YEAR_H
from narrows.core.units import to_bps
from narrows.execution.steps import NOISE, Steps, added
from narrows.market.depth import Depth, one_money
from narrows.market.impact import Impact

ENDS = ("edge", "book", "nothing")


class Cost(NamedTuple):
    """What each of some sizes costs; every field an array of the shape that was asked for.

    Attributes
    ----------
    size : coin.
    average, marginal : quote per coin, before fees; of all of it, and of its last coin.
    fees : quote; negative = a rebate.
    cost : quote; fees, and how much worse than the mid it was traded.
    bps : cost in basis points of the size at the mid; of size 0: of the first coin.
    """

    size: FloatArray
    average: FloatArray
    marginal: FloatArray
    fees: FloatArray
    cost: FloatArray
    bps: FloatArray


@dataclass(frozen=True, eq=False)
class Curve:
    """Cost of one leg in one direction, walked through one book: convex and piecewise linear in size.

    Attributes
    ----------
    depth : Depth
        The book; its mid is what costs are told against.
    direction : int
        +1 buys, −1 sells.
    fee : float
        Fraction of the traded value; negative = a rebate.
    prices, sizes : ndarray of shape (levels,)
        What is walked.
    law : Impact or None
        What a size beyond the book pays; None = such a size is refused.
    """

    depth: Depth
    direction: int
    fee: float
    prices: Float1D
    sizes: Float1D
    law: Impact | None = None

    @property
    def available(self) -> float:
        """Coin that can be traded within the visible book."""
        return float(self._ends[-1])

    def at(self, sizes: float | FloatArray) -> Cost:
        """Cost of each of these sizes, by itself.

        Parameters
        ----------
        sizes : float or ndarray
            Coin, not negative. Vectorised: a thousand sizes cost one search.

        Returns
        -------
        Cost
            Exact level by level. What exceeds the book pays the last price moved by the square-root
            law of the excess: its marginal price by the peak, so its mean by two thirds of it.

        Raises
        ------
        ConfigError
            If a size is negative or not finite.
        DataError
            If a size exceeds the book and there is no law, or the law would move the price by all of it.
        """
        size = np.asarray(sizes, dtype=np.float64)
        self._check(size)
        ends, first = self._ends, self.prices[0]
        at = np.minimum(np.searchsorted(ends[1:], size, side="left"), len(self.sizes) - 1)
        beyond = np.where(size > ends[-1] * (1.0 + NOISE), size - ends[-1], 0.0)
        seen = size - beyond - ends[at]
        walked = self._walked[at] + seen * self.prices[at]
        worse = self._worse[at] + seen * self._away[at]
        marginal = self.prices[at]
        if self.law is not None:
            last = self.prices[-1]
            extra = last * self.law.mean(beyond) * beyond
            walked = walked + beyond * last + self.direction * extra
            worse = worse + beyond * self._away[-1] + extra
            marginal = marginal * (1.0 + self.direction * self.law.peak(beyond))
        fees = self.fee * walked
        some = size > 0.0
        safe = np.where(some, size, 1.0)
        average = np.where(some, walked / safe, first)
        lost = np.where(some, (worse + fees) / safe, self._away[0] + self.fee * first)
        return Cost(size, average, marginal, fees, worse + fees, np.asarray(to_bps(lost / self.depth.mid)))

    @cached_property
    def _away(self) -> Float1D:
        """How much worse than the mid each level is, quote per coin."""
        return self.direction * (self.prices - self.depth.mid)

    @cached_property
    def _ends(self) -> Float1D:
        return np.concatenate(([0.0], np.cumsum(self.sizes)))

    @cached_property
    def _walked(self) -> Float1D:
        return np.concatenate(([0.0], np.cumsum(self.sizes * self.prices)))

    @cached_property
    def _worse(self) -> Float1D:
        return np.concatenate(([0.0], np.cumsum(self.sizes * self._away)))

    def _check(self, size: FloatArray) -> None:
        where = f"cost of {self.depth.instrument.id}"
        if not (np.isfinite(size) & (size >= 0.0)).all():
            raise ConfigError("a size is negative or not finite", where, "give coin, 0 or more")
        largest, there = float(size.max(initial=0.0)), self.available
        if largest <= there * (1.0 + NOISE):
            return
        if self.law is None:
            raise DataError(
                f"{largest:.8g} coin of {there:.8g} that rest there",
                where,
                "trade less, split it, or give a law",
            )
        if float(self.law.peak(largest - there)) >= 1.0:
            raise DataError(
                f"{largest:.8g} coin would move the price by all of it", where, "the law ends; trade less"
            )

    def size_of(self, value: float | FloatArray) -> FloatArray:
        """Coin that a quote value buys, or that have to be sold for it, before fees.

        Raises
        ------
        DataError
            If the book holds less.
        """
        money = np.asarray(value, dtype=np.float64)
        sums = self._walked
        if not (np.isfinite(money) & (money >= 0.0)).all() or float(money.max(initial=0.0)) > sums[-1]:
            raise DataError(
                f"a value that is not in 0 … {sums[-1]:.8g}",
                f"cost of {self.depth.instrument.id}",
                "ask for what the book holds",
            )
        at = np.minimum(np.searchsorted(sums[1:], money, side="left"), len(self.sizes) - 1)
        return np.asarray(self._ends[at] + (money - sums[at]) / self.prices[at])

    def steps(self, reference: float) -> Steps:
        """The visible book as a convex function: quote lost against a price, fees included.

        Parameters
        ----------
        reference : float
            The mid gives costs; 0 gives what is paid for a buy, and less what is received for a sale.
        """
        return Steps(self.sizes, self.direction * (self.prices - reference) + self.fee * self.prices)


def curve_of(depth: Depth, direction: int, fee: float, law: Impact | None = None) -> Curve:
    """The cost of taking what rests in a book.

    Parameters
    ----------
    depth : Depth
        With the haircut that it deserves.
    direction : int
        +1 buys, −1 sells.
    fee : float
        Taker fee, a fraction: ``FeeRule.at_vip(tier).taker``. An inverse contract's is taken in coin, and
        counts here at the prices traded.
    law : Impact, optional
        What a size beyond the book pays; without it such a size is refused.

    Raises
    ------
    ConfigError
        If the direction is not ±1 or the fee not between −1 and 1.
    """
    _fee(fee, depth.instrument)
    prices, sizes = depth.facing(direction)
    return Curve(depth, direction, fee, prices, sizes, law)


def posted(depth: Depth, direction: int, fee: float, size: float) -> Curve:
    """The cost of an order that rests at its own touch and is filled there: half a spread earned.

    It says nothing of whether and when that happens, nor of which way the price went when it did:
    the best that a maker can hope for.

    Parameters
    ----------
    fee : float
        Maker fee, a fraction, negative = a rebate: ``FeeRule.at_vip(tier).maker``.
    size : float
        Coin that is posted.
    """
    _fee(fee, depth.instrument)
    if not (np.isfinite(size) and size > 0.0):
        raise ConfigError(f"size {size}", f"cost of {depth.instrument.id}", "give coin, more than 0")
    touch = depth.facing(-direction)[0][:1]
    return Curve(depth, direction, fee, touch, read_only(np.array([size])))


def _fee(fee: float, one: Instrument) -> None:
    if not -1.0 < fee < 1.0:
        raise ConfigError(f"fee {fee}", f"cost of {one.id}", "give a fraction: 0.0005 is 5 bp")


class TwoSided(NamedTuple):
    """A leg with its way in and its way out.

    Attributes
    ----------
    entry, exit : Curve
        Of opposite directions.
    ratio : float
        Coin of this leg per unit of spread, not signed.
    funding : float
        Quote per coin that is about to be charged for holding it, not negative.
    """

    entry: Curve
    exit: Curve
    ratio: float
    funding: float

    def steps(self, reference: tuple[float, float] = (0.0, 0.0)) -> Steps:
        """Cost of in, funding and out, per unit of spread, against a price for each way."""
        both = added([self.entry.steps(reference[0]), self.exit.steps(reference[1])])
        return both.raised(self.funding).of_ratio(self.ratio)


def two_sided(
    depth: Depth,
    direction: int,
    fee: float,
    *,
    after: Depth | None = None,
    ratio: float = 1.0,
    funding_rate: float = 0.0,
    law: Impact | None = None,
) -> TwoSided:
    """A leg that is taken now and given back at the other side of the same book, or of another.

    Parameters
    ----------
    depth, direction, fee, law
        As in `curve_of`.
    after : Depth, optional
        The book at the exit; default: this one, unchanged.
    ratio : float
        Coin of this leg per unit of spread, positive.
    funding_rate : float
        Of the next settlement, a fraction, if one would still be held at it; longs pay a positive one.
        Counted only if this leg pays it: what a leg receives is carry, not a saving. Where two legs settle
        at one stamp, give the one that pays their difference.

    Raises
    ------
    ConfigError
        If the ratio is not positive, the rate not finite, or the exit is in another currency or coin.
    """
    out = after or depth
    one_money([depth, out], f"round trip of {depth.instrument.id}")
    if not (np.isfinite(ratio) and ratio > 0.0 and np.isfinite(funding_rate)):
        raise ConfigError(
            f"ratio {ratio}, funding rate {funding_rate}", f"round trip of {depth.instrument.id}"
        )
    charged = max(0.0, direction * funding_rate) * depth.mid
    return TwoSided(curve_of(depth, direction, fee, law), curve_of(out, -direction, fee, law), ratio, charged)


class RoundTrip(NamedTuple):
    """Costs of a spread, in and out, of each of some sizes: quote, and `bps` of the size at the first mid.

    Of size 0 the costs are 0 and `bps` is NaN.
    """

    size: FloatArray
    entry: FloatArray
    exit: FloatArray
    funding: FloatArray
    total: FloatArray
    bps: FloatArray


def round_trip(legs: Sequence[TwoSided], sizes: float | FloatArray) -> RoundTrip:
    """What getting into all legs now and out of them again costs.

    Parameters
    ----------
    legs : sequence of TwoSided
        Of one coin and one currency: equal coin amounts, times the ratios, whatever the contracts are.
    sizes : float or ndarray
        Units of spread: coin of a leg with ratio 1.

    Returns
    -------
    RoundTrip
        Legs are taken at once; what the price does between them is not in it.
    """
    one_money([leg.entry.depth for leg in legs], "round trip")
    size = np.asarray(sizes, dtype=np.float64)
    entry = sum((leg.entry.at(size * leg.ratio).cost for leg in legs), np.zeros(size.shape))
    out = sum((leg.exit.at(size * leg.ratio).cost for leg in legs), np.zeros(size.shape))
    funding = size * sum(leg.funding * leg.ratio for leg in legs)
    total = entry + out + funding
    with np.errstate(invalid="ignore"):
        share = total / (size * legs[0].entry.depth.mid)
    return RoundTrip(size, entry, out, np.asarray(funding), total, np.asarray(to_bps(share)))


class Capacity(NamedTuple):
    """The largest size that an edge pays for: coin and quote, and what ends it (one of `ENDS`)."""

    size: float
    notional: float
    ends: Literal["edge", "book", "nothing"]


def capacity(legs: Sequence[TwoSided], edge: float) -> Capacity:
    """The largest size whose round trip costs no more, per unit of notional, than an edge.

    Parameters
    ----------
    legs : sequence of TwoSided
    edge : float
        Fraction of the notional at the first leg's mid, before all costs.

    Returns
    -------
    Capacity
        Exact: cost per coin rises with size, so one step holds the answer, and in it the cost is a
        straight line. "book" = the visible books end first (a law beyond them is not asked): it is at
        least so much. "nothing" = not even the first coin pays.

    Raises
    ------
    ConfigError
        If the edge is not finite.
    """
    one_money([leg.entry.depth for leg in legs], "capacity")
    if not np.isfinite(edge):
        raise ConfigError(f"edge {edge}", "capacity", "give a fraction of the notional")
    mid = legs[0].entry.depth.mid
    steps = added([leg.steps((leg.entry.depth.mid, leg.exit.depth.mid)) for leg in legs])
    left = np.concatenate(([0.0], np.cumsum(steps.widths * (edge * mid - steps.slopes))))
    ends = np.concatenate(([0.0], np.cumsum(steps.widths)))
    if left[1] < 0.0:
        return Capacity(0.0, 0.0, "nothing")
    if left[-1] >= 0.0:
        return Capacity(float(ends[-1]), float(ends[-1] * mid), "book")
    step = int(np.flatnonzero(left >= 0.0)[-1])
    size = float(ends[step] + left[step] / (steps.slopes[step] - edge * mid))
    return Capacity(size, size * mid, "edge")


def break_even_h(cost: float | FloatArray, carry_per_h: float | FloatArray) -> FloatArray:
    """Hours that a spread has to be held for its carry to pay for its round trip.

    Parameters
    ----------
    cost : float or ndarray
        Fraction of the notional, in and out: ``from_bps(RoundTrip.bps)``.
    carry_per_h : float or ndarray
        Fraction of the same notional an hour, after financing.

    Returns
    -------
    ndarray
        0 where the trade costs nothing, inf where the carry is not positive.
    """
    return np.maximum(carry.break_even_h(np.asarray(carry_per_h) * YEAR_H, np.maximum(cost, 0.0)), 0.0)


class Rounded(NamedTuple):
    """The legs of a size, as they can be ordered.

    Attributes
    ----------
    sizes : tuple of float
        Coin by leg, not signed.
    orders : tuple of float
        The same in the unit of the leg's positions (coin, or quote of an inverse contract), signed.
    residual : float
        Coin that the legs together are long (> 0) or short; 0 for a perfect hedge.
    refused : str
        Why a venue would not take it; empty if it would.
    """

    sizes: tuple[float, ...]
    orders: tuple[float, ...]
    residual: float
    refused: str


def in_lots(legs: Sequence[Curve], size: float) -> Rounded:
    """Equal coin on every leg, as nearly as their lots allow.

    The leg with the coarsest lot is rounded down, so that no more is traded than was asked; the others
    follow it to their nearest lot. So the residual is at most half the sum of the other lots. An inverse
    leg is rounded in contracts, by what it walks. A lot of 0 is unknown, and rounds nothing.

    Parameters
    ----------
    legs : sequence of Curve
        The way in of each leg.
    size : float
        Coin.
    """
    lots = [leg.depth.instrument.lot / (leg.depth.mid if _inverse(leg) else 1.0) for leg in legs]
    order = sorted(range(len(legs)), key=lambda one: -lots[one])
    sizes, orders, wanted, refused = [0.0] * len(legs), [0.0] * len(legs), size, ""
    for place, one in enumerate(order):
        leg, known = legs[one], legs[one].depth.instrument
        asked = float(leg.at(wanted).average) * wanted if _inverse(leg) else wanted
        exact = asked / known.lot if known.lot else 0.0
        whole = np.floor(exact + 1e-9) if place == 0 else np.rint(exact)
        amount = float(whole) * known.lot if known.lot else asked
        sizes[one] = float(leg.size_of(amount)) if _inverse(leg) else amount
        orders[one] = leg.direction * amount
        wanted = sizes[one] if place == 0 else wanted
        value = sizes[one] * leg.depth.mid
        if value <= 0.0 or value < known.min_notional:
            refused = refused or f"{known.id}: {value:.8g} is less than it takes, {known.min_notional:g}"
    residual = sum(leg.direction * coin for leg, coin in zip(legs, sizes, strict=True))
    return Rounded(tuple(sizes), tuple(orders), residual, refused)


def _inverse(leg: Curve) -> bool:
    return leg.depth.instrument.is_inverse
