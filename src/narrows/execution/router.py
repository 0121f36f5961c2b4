"""Which venue gets how much of a leg: equal marginal prices, exact on books, for a leg and a whole spread."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.units import to_bps
from narrows.execution.cost import Curve, TwoSided
from narrows.execution.steps import NOISE, Steps, filled
from narrows.market.depth import Depth


class Filling(NamedTuple):
    """A split over linear marginal prices: their common price, the sizes and what they cost."""

    price: float
    sizes: Float1D
    cost: float


def water_filling(a: Float1D, b: Float1D, size: float) -> Filling:
    """Split of a size over venues whose marginal price is ``a + b · q``, in closed form.

    Parameters
    ----------
    a : ndarray of shape (venues,)
        Price of the first coin; +inf leaves a venue out.
    b : ndarray of shape (venues,)
        By how much the price rises a coin, positive.
    size : float
        Coin, not negative.

    Returns
    -------
    Filling
        ``price = (size + Σ a/b) / Σ 1/b`` over the venues that are used, ``q = max(price − a, 0) / b``.

    Raises
    ------
    ConfigError
        If a slope is not positive, a price is NaN, no venue is left, or the size negative.

    References
    ----------
    Boyd & Vandenberghe (2004), Convex Optimization, example 5.2.
    """
    first, slope = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != slope.shape or first.ndim != 1 or not np.isfinite(first).any():
        raise ConfigError("prices and slopes of no venue, or of unlike venues", "water_filling")
    if np.isnan(first).any() or not (np.isfinite(slope) & (slope > 0.0)).all():
        raise ConfigError("a price is NaN or a slope not positive", "water_filling", "leave that venue out")
    _size(size, "water_filling")
    order = np.argsort(first[np.isfinite(first)], kind="stable")
    lowest, gentle = first[np.isfinite(first)][order], slope[np.isfinite(first)][order]
    prices = (size + np.cumsum(lowest / gentle)) / np.cumsum(1.0 / gentle)
    used = int(np.flatnonzero(prices <= np.append(lowest[1:], np.inf))[0])
    price = float(prices[used])
    sizes = np.maximum(price - first, 0.0) / slope
    taken = sizes > 0.0
    cost = float(np.sum(first[taken] * sizes[taken] + 0.5 * slope[taken] * sizes[taken] ** 2))
    return Filling(price, sizes, cost)


def latency_premium(mid: float, sigma: float, delay_s: float, k: float) -> float:
    """What the delay of a venue is worth: ``k · sigma · √delay`` of the mid, quote per coin.

    Parameters
    ----------
    mid : float
    sigma : float
        Volatility as a fraction per √second.
    delay_s : float
        Seconds from the decision to the venue's book.
    k : float
        How much of it is lost: 0.4 is a one-sided move (E max(N, 0)), more where fills are toxic.

    Raises
    ------
    ConfigError
        If one of them is negative or not finite.
    """
    values = (mid, sigma, delay_s, k)
    if not (np.isfinite(values).all() and min(values) >= 0.0):
        raise ConfigError(f"mid, sigma, delay, k = {values}", "latency premium", "give numbers of 0 or more")
    return k * sigma * mid * float(np.sqrt(delay_s))


def decayed(depth: Depth, theta: float, delay_s: float) -> Depth:
    """What is left of a book after a delay: each size times ``e^(−theta · delay)``.

    Parameters
    ----------
    theta : float
        Share of the shown depth that goes in a second, as a rate, 1/s.
    """
    if not (theta >= 0.0 and delay_s >= 0.0):
        raise ConfigError(f"theta {theta}, delay {delay_s} s", "depth decay", "give numbers of 0 or more")
    return depth.haircut(float(-np.expm1(-theta * delay_s)))


class Source(NamedTuple):
    """One venue that a leg can be traded on, as the split sees it.

    Attributes
    ----------
    name : str
    mid, money
        Of its book, and the currency of its prices.
    steps : Steps
        Marginal price, fees and premium in it, by coin: of one way, or of both.
    premium : float
        Quote per coin in those prices that is not paid: latency, shadow prices.
    lot, least : float
        Smallest step and smallest order, coin; 0 = none.
    """

    name: str
    mid: float
    money: str
    steps: Steps
    premium: float = 0.0
    lot: float = 0.0
    least: float = 0.0


def source(way: Curve | TwoSided, *, premium: float = 0.0, capacity: float = np.inf) -> Source:
    """A venue as the split sees it.

    Parameters
    ----------
    way : Curve or TwoSided
        One way, or in and out: a position has to leave where it is, so whoever will leave again should
        split the sum of both. Marginal prices are paid prices (of a sale, less the received ones).
    premium : float
        Quote per coin on top, positive where the venue is to be spared: `latency_premium`, what using
        its inventory costs, its shadow price of margin times the margin of a coin.
    capacity : float
        Coin that may be traded there: the inventory, what margin allows.

    Returns
    -------
    Source
        Lot and least size in coin; of an inverse contract at the mid, its contracts being rounded
        for good by `cost.in_lots`.

    Raises
    ------
    ConfigError
        If the premium is not finite or the capacity negative.
    """
    entry = way.entry if isinstance(way, TwoSided) else way
    known = entry.depth.instrument
    if not np.isfinite(premium) or not capacity >= 0.0:
        raise ConfigError(f"premium {premium}, capacity {capacity}", f"route over {known.id}")
    steps = way.steps() if isinstance(way, TwoSided) else way.steps(0.0)
    lot = known.lot / entry.depth.mid if known.is_inverse else known.lot
    reachable = steps.between(0.0, capacity).raised(premium)
    mid, money = entry.depth.mid, entry.depth.money
    return Source(known.id, mid, money, reachable, premium, lot, known.min_notional / mid)


class Split(NamedTuple):
    """How a size is divided.

    Attributes
    ----------
    sizes : ndarray of shape (venues,)
        Coin.
    price : float
        The common marginal price: what one coin more would cost, premium included.
    cost : float
        Quote paid over all ways of the sources (less received), without premiums.
    judged : float
        The same with premiums: what was minimised.
    unfilled : float
        Coin that lots and smallest orders leave over; 0 without them.
    bound : float
        What `judged` could not have been below for the same filled size, lots or no lots.
    """

    sizes: Float1D
    price: float
    cost: float
    judged: float
    unfilled: float
    bound: float


def _size(size: float, where: str) -> None:
    if not (np.isfinite(size) and size >= 0.0):
        raise ConfigError(f"size {size}", where, "give coin, 0 or more")


def split(sources: Sequence[Source], size: float) -> Split:
    """The cheapest division of a size over venues, lots and smallest orders left aside.

    Exact: each venue's cost is convex, so filling the cheapest steps first, whosever they are, cannot be
    improved on; at the end all venues in use have one marginal price.

    Parameters
    ----------
    sources : sequence of Source
    size : float
        Coin.

    Raises
    ------
    ConfigError
        If there is no source, or the size is negative.
    DataError
        If all venues together hold less.
    """
    ready(sources, size, "split")
    there = sum(one.steps.total for one in sources)
    if size > there * (1.0 + NOISE):
        raise DataError(f"{size:.8g} coin of {there:.8g} on all venues", "split", "trade less, or over time")
    sizes, price = filled([one.steps for one in sources], size)
    return divided(sources, sizes, price)


def ready(sources: Sequence[Source], size: float, where: str) -> None:
    """Refuse what cannot be split: no venue, several currencies, no size."""
    _size(size, where)
    monies = sorted({one.money for one in sources})
    if len(monies) != 1:
        told = f"venues priced in {' and '.join(monies)}" if monies else "no venue"
        raise ConfigError(told, where, "bring the books to one currency with in_money")


def divided(
    sources: Sequence[Source], sizes: Float1D, price: float, unfilled: float = 0.0, bound: float | None = None
) -> Split:
    """A Split from its sizes: what they cost, with premiums and without."""
    judged = sum(one.steps.spent(0.0, coin) for one, coin in zip(sources, sizes.tolist(), strict=True))
    premiums = float(np.dot([one.premium for one in sources], sizes))
    return Split(sizes, price, judged - premiums, judged, unfilled, judged if bound is None else bound)


def alone(sources: Sequence[Source], size: float) -> Float1D:
    """What the whole size costs on each venue by itself, premium included; inf where it is not there."""
    return np.array([float(one.steps.at(size)) for one in sources])


class Pair(NamedTuple):
    """One way of holding a spread: which instruments, quote of the round trip with premiums, and its bp."""

    first: str
    second: str
    cost: float
    bps: float


class Routes(NamedTuple):
    """The ways of holding a spread.

    Attributes
    ----------
    pairs : tuple of Pair
        One venue a leg, cheapest first; a pair that cannot carry the size is not among them.
    first, second : Split
        Each leg over all its venues.
    cost, bps : float
        Of both splits, with premiums: quote, and of the size at the first venue's mid.
    """

    pairs: tuple[Pair, ...]
    first: Split
    second: Split
    cost: float
    bps: float


def routes(firsts: Sequence[Source], seconds: Sequence[Source], size: float) -> Routes:
    """Every pair of venues for a spread, ranked, and the best that all of them can do together.

    Parameters
    ----------
    firsts, seconds : sequence of Source
        Candidates of each leg, made of `two_sided` legs of opposite directions: spot of A and B against
        perpetual of B and C, or spot against spot, which is a route like any other. One that is in both
        is not paired with itself.
    size : float
        Coin of either leg.

    Returns
    -------
    Routes
        Given the size, the total cost is a sum of a function of the first leg's split and one of the
        second's, and no constraint holds both: so each is split by itself, and the two best splits are
        the best pair of splits. What ties them is margin, where legs draw on one wallet; then the price of
        a coin of margin there, times the margin of a coin, belongs in both sources as `premium`, and with
        the right price the two separate splits are again the joint optimum (Lagrangian duality).

    Raises
    ------
    ConfigError
        If a leg has no venue, or they are priced in several currencies.
    DataError
        If the venues of a leg together hold less than the size.
    """
    ready([*firsts, *seconds], size, "routes")
    best = split(firsts, size), split(seconds, size)
    per_bp = size * firsts[0].mid
    found = []
    for one, cost in zip(firsts, alone(firsts, size), strict=True):
        for other, more in zip(seconds, alone(seconds, size), strict=True):
            if one.name != other.name and np.isfinite(cost + more):
                total = float(cost + more)
                found.append(Pair(one.name, other.name, total, _bps(total, per_bp)))
    found.sort(key=lambda pair: pair.cost)
    total = best[0].judged + best[1].judged
    return Routes(tuple(found), *best, total, _bps(total, per_bp))


def _bps(cost: float, notional: float) -> float:
    return to_bps(cost / notional) if notional > 0.0 else float("nan")
