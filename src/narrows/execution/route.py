"""What the route of a spread is, as plain values: costs in and out, venues ranked, sizes divided."""

from typing import NamedTuple

import msgspec

from narrows.execution.cost import TwoSided
from narrows.execution.router import Source
from narrows.market.depth import Depth


class RouteLeg(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of the spread itself: money in its quote currency, basis points of its notional at the mid."""

    instrument: str
    side: str  # buy | sell, to enter
    size: float  # coin, whole lots
    price: float  # average, to enter
    mid: float
    half_spread_bps: float
    depth: float  # what rests within 10 bp of the mid on the side that is taken
    entry_bps: float
    exit_bps: float
    fee_bps: float  # of one way; included in entry and exit


class RouteShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue takes of a leg in the cheapest division; premiums and lots are left aside."""

    leg: int  # 0 = the first
    instrument: str
    size: float  # coin
    share: float


class RoutePair(msgspec.Struct, frozen=True, kw_only=True):
    """One way of holding the spread with one venue a leg, in and out."""

    first: str
    second: str
    cost_bps: float


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What entering a spread now and leaving it over the same books costs; NaN (null) = not known.

    `cost_bps` of the notional at the first leg's mid: both legs, in and out, fees and all. `split_bps` is the
    same over all venues of the universe that trade the leg; `pairs` one venue a leg, cheapest first.
    `capacity` is the largest notional whose cost stays below `edge_bps`, `capacity_ends` what ends it.
    """

    spread: str
    as_of: str
    direction: str  # long | short
    notional: float
    size: float
    cost_bps: float
    entry_bps: float
    exit_bps: float
    legs: tuple[RouteLeg, ...]
    residual: float  # coin that whole lots leave unhedged
    split: tuple[RouteShare, ...]
    split_bps: float
    pairs: tuple[RoutePair, ...]
    edge_bps: float
    capacity: float
    capacity_ends: str
    carry_apr: float
    break_even_h: float
    notes: tuple[str, ...]


class Walked(NamedTuple):
    """A route with what its figures are drawn from."""

    route: Route
    books: tuple[Depth, ...]  # of all venues, the spread's own legs first; one currency
    legs: tuple[TwoSided, ...]  # of the spread itself
    sources: tuple[tuple[Source, ...], tuple[Source, ...]]  # of each leg
