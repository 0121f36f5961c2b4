"""The route of a spread: what entering and leaving costs over its venues' books, and how to divide it."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from narrows.analytics.carry import DEPTH_SPAN
from narrows.core.config import Desk
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument, same_money
from narrows.core.spread import chosen
from narrows.core.time import YEAR_H, iso
from narrows.core.units import from_bps, to_bps
from narrows.execution.cost import Curve, TwoSided, break_even_h, capacity, in_lots, round_trip, two_sided
from narrows.execution.route import Route, RouteLeg, RoutePair, RouteShare, Walked
from narrows.execution.router import Source, Split, routes, source
from narrows.market.depth import BUY, SELL, Depth
from narrows.sim.terms import taker_of


class Asked(NamedTuple):
    """What is asked of a route.

    Attributes
    ----------
    spread : str
        Its id, or a part of it that only one has.
    notional : float
        Of one leg, quote currency of the first.
    short : bool
        Sell the first leg and buy the second.
    edge_bps : float
        What the trade is expected to make before costs; NaN = not said.
    carry_apr : float
        What holding pays a year, fraction; NaN = not said.
    haircut : float
        Share of each level that is not believed.
    """

    spread: str
    notional: float
    short: bool = False
    edge_bps: float = math.nan
    carry_apr: float = math.nan
    haircut: float = 0.0


def route(
    desk: Desk, instruments: Sequence[Instrument], books: Mapping[str, Depth], time_ns: int, asked: Asked
) -> Walked:
    """Walk the books of both legs in and out, rank the venues that could carry them, divide over all.

    Parameters
    ----------
    desk : Desk
        Whose fees and exchange rates count.
    instruments : sequence of Instrument
        The universe.
    books : mapping of instrument id to Depth
        At `time_ns`; the spread's own legs must be there, others that are not are left out.
    time_ns : int
        At which fees are looked up.
    asked : Asked

    Raises
    ------
    ConfigError
        If no spread is meant, the notional is not positive, or neither desk nor rulebook says a fee.
    DataError
        If a leg has no book, or its book holds less than the size.
    """
    if not (math.isfinite(asked.notional) and asked.notional > 0.0):
        raise ConfigError(f"a notional of {asked.notional:g}", "--notional", "give a positive amount")
    spread = chosen(instruments, desk.universe.spreads, asked.spread)
    own = [leg.instrument for leg in spread.legs]
    directions = (SELL, BUY) if asked.short else (BUY, SELL)
    for one in own:
        if one.id not in books:
            raise DataError(f"no book of {one.id}", "route", "ingest or record one")
    notes: list[str] = []
    ways = [
        [
            _way(desk, books[one.id], direction, own[0].quote, time_ns, asked.haircut, notes)
            for one in _candidates(leg, own[1 - place], instruments, books)
        ]
        for place, (leg, direction) in enumerate(zip(own, directions, strict=True))
    ]
    legs = (ways[0][0], ways[1][0])
    size = asked.notional / legs[0].entry.depth.mid
    for leg in legs:
        _holds(leg, size)
    sources = tuple(source(way) for way in ways[0]), tuple(source(way) for way in ways[1])
    found = _route(asked, spread.id, time_ns, size, ways, sources, notes)
    return Walked(found, tuple(way.entry.depth for role in ways for way in role), legs, sources)


def _way(
    desk: Desk, book: Depth, direction: int, money: str, time_ns: int, haircut: float, notes: list[str]
) -> TwoSided:
    """One venue of a leg, in and out at once."""
    believed = _in_money(desk, book, money, notes).haircut(haircut)
    return two_sided(believed, direction, taker_of(desk, book.instrument, time_ns))


def _route(
    asked: Asked,
    spread: str,
    time_ns: int,
    size: float,
    ways: Sequence[Sequence[TwoSided]],
    sources: tuple[tuple[Source, ...], tuple[Source, ...]],
    notes: list[str],
) -> Route:
    """What the ways cost, in the words of a Route."""
    legs = (ways[0][0], ways[1][0])
    whole, rounded = round_trip(legs, size), in_lots([leg.entry for leg in legs], size)
    best = routes(*sources, size)
    room = capacity(legs, from_bps(asked.edge_bps)) if math.isfinite(asked.edge_bps) else None
    if rounded.refused:
        notes.append(f"not as asked: {rounded.refused}")
    cost = float(whole.bps)
    pairs = [
        RoutePair(first=one.first, second=one.second, cost_bps=_pair_bps(one.first, one.second, ways, size))
        for one in best.pairs
    ]
    return Route(
        spread=spread,
        as_of=iso(time_ns),
        direction="short" if asked.short else "long",
        notional=asked.notional,
        size=size,
        cost_bps=cost,
        entry_bps=to_bps(float(whole.entry) / asked.notional),
        exit_bps=to_bps(float(whole.exit) / asked.notional),
        legs=tuple(_leg(leg, size, coin) for leg, coin in zip(legs, rounded.sizes, strict=True)),
        residual=rounded.residual,
        split=(*_shares(0, sources[0], best.first), *_shares(1, sources[1], best.second)),
        split_bps=_net(best.first, best.second, ways, asked.notional),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.cost_bps)),
        edge_bps=asked.edge_bps,
        capacity=room.notional if room else math.nan,
        capacity_ends=room.ends if room else "",
        carry_apr=asked.carry_apr,
        break_even_h=float(break_even_h(from_bps(cost), asked.carry_apr / YEAR_H)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _candidates(
    one: Instrument, other: Instrument, instruments: Sequence[Instrument], books: Mapping[str, Depth]
) -> list[Instrument]:
    """Venues that could carry a leg, its own first: the same coin, kind and delivery, comparable money."""

    def alike(it: Instrument) -> bool:
        same = (it.base, it.kind, it.expiry_ns) == (one.base, one.kind, one.expiry_ns)
        return same and same_money(it.quote, one.quote) and not it.is_quanto

    rest = [it for it in instruments if it.id not in (one.id, other.id) and it.id in books and alike(it)]
    return [one, *rest]


def _in_money(desk: Desk, book: Depth, money: str, notes: list[str]) -> Depth:
    """A book priced in the first leg's currency, by the desk's rates, else one for one, which is said."""
    if book.money == money:
        return book
    rates = [1.0 if name == desk.currency else desk.fx.get(name) for name in (book.money, money)]
    known = [rate for rate in rates if isinstance(rate, int | float)]
    if len(known) == len(rates):
        return book.in_money(money, known[0] / known[1])
    notes.append(f"one {book.money} is taken for one {money}: [fx] gives no fixed rate")
    return book.in_money(money, 1.0)


def _holds(leg: TwoSided, size: float) -> None:
    for way in (leg.entry, leg.exit):
        if way.available < size:
            side = "asks" if way.direction == BUY else "bids"
            what = f"{size:.6g} coin of {way.available:.6g} among the recorded {side}"
            raise DataError(what, way.depth.instrument.id, "give a smaller --notional")


def _bps(way: Curve, size: float) -> float:
    return to_bps(float(way.at(size).cost) / (size * way.depth.mid))


def _leg(leg: TwoSided, size: float, lots: float) -> RouteLeg:
    way, book = leg.entry, leg.entry.depth
    return RouteLeg(
        instrument=book.instrument.id,
        side="buy" if way.direction == BUY else "sell",
        size=lots,
        price=float(way.at(size).average),
        mid=book.mid,
        half_spread_bps=to_bps(book.half_spread),
        depth=book.within(DEPTH_SPAN)[0 if way.direction == SELL else 1],
        entry_bps=_bps(way, size),
        exit_bps=_bps(leg.exit, size),
        fee_bps=to_bps(way.fee),
    )


def _shares(leg: int, sources: Sequence[Source], found: Split) -> tuple[RouteShare, ...]:
    total = float(found.sizes.sum())
    return tuple(
        RouteShare(leg=leg, instrument=one.name, size=float(coin), share=float(coin) / total)
        for one, coin in zip(sources, found.sizes, strict=True)
    )


def _against_mid(way: TwoSided, size: float) -> float:
    """Cost in and out against the mids; the sum of marginal prices alone would cancel between the legs."""
    return float(way.entry.at(size).cost) + float(way.exit.at(size).cost)


def _net(first: Split, second: Split, ways: Sequence[Sequence[TwoSided]], notional: float) -> float:
    costs = [
        _against_mid(way, float(coin))
        for role, found in zip(ways, (first, second), strict=True)
        for way, coin in zip(role, found.sizes, strict=True)
        if coin > 0.0
    ]
    return to_bps(sum(costs) / notional)


def _pair_bps(first: str, second: str, ways: Sequence[Sequence[TwoSided]], size: float) -> float:
    total, mid = 0.0, ways[0][0].entry.depth.mid
    for name, role in zip((first, second), ways, strict=True):
        way = next(one for one in role if one.entry.depth.instrument.id == name)
        total += _against_mid(way, size)
    return to_bps(total / (size * mid))
