"""The scan: every spread of a universe at one moment, ranked by what it pays after costs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from narrows.analytics.basis import basis_apr, basis_rate, hours_to_expiry
from narrows.analytics.carry import DEPTH_SPAN, fill_cost, net_carry_apr, round_trip_cost
from narrows.analytics.estimate import NORMAL_90
from narrows.analytics.fairvalue import Band, outside
from narrows.analytics.funding import trailing_funding_apr
from narrows.analytics.rolling import rolling_percentile, rolling_zscore
from narrows.core.arrays import Float1D
from narrows.core.config import Desk
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.spread import Spread, spreads
from narrows.core.time import YEAR_H, iso
from narrows.core.units import from_bps, to_bps
from narrows.research.fair import fair_bands
from narrows.research.reverting import NOT_LOOKED, Reversion, reversions
from narrows.sim.inputs import prepared
from narrows.sim.layout import Layout, layout

NORMAL_H = 30 * 24.0  # what "normal" is measured over
FUNDING_H = 72.0  # trailing funding
SURE = NORMAL_90  # standard errors by which an edge must beat the hurdle: 95 % one way
MOST = 50  # spreads whose reversion is looked into: the best by carry and by distance outside


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One spread of a scan; fractions a year, basis points of one leg's notional, hours.

    NaN (null in JSON) = not known; an end of the fair band that bounds nothing is infinite (null too).
    `outside_bps` is how far the basis lies above (> 0) or below (< 0) its fair band, 0 within. The
    half-life has a 90 % interval; a dated spread has none, nor has one beyond the most that are looked
    into. `edge_se_bps` is the standard error of the edge. Where the data tell depth, costs are those of a
    leg as large as the desk's capital, and `capacity` is the largest notional that still earns its hurdle.
    The liquidation probability is null until the part that estimates it exists.
    """

    spread: str
    kind: str
    anchor: str
    basis_bps: float
    zscore: float
    percentile: float
    carry_apr: float
    edge_bps: float
    horizon_h: float
    verdict: str
    reason: str
    fair_lo_bps: float
    fair_hi_bps: float
    outside_bps: float
    half_life_h: float
    half_life_lo_h: float
    half_life_hi_h: float
    edge_se_bps: float
    p_liquidation: float | None = None
    capacity: float = math.nan


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """All spreads of a universe, best first."""

    as_of: str
    spreads: tuple[Found, ...]


def _short_apr(panel: Panel, one: Instrument, spot: Float1D) -> float:
    """What a short of this leg receives a year if prices do not move: funding, run-off, or nothing."""
    column = panel.column(one.id)
    if one.kind == "perp":
        last = slice(-max(1, round(FUNDING_H / panel.bar_h)), None)
        funding, interval = panel.funding[last, column], panel.funding_h[last, column]
        return float(trailing_funding_apr(funding, interval, panel.bar_h, FUNDING_H)[-1])
    if one.kind in ("future", "synthetic"):
        left_h = hours_to_expiry(panel.time_ns[-1:], one.expiry_ns)
        return float(basis_apr(basis_rate(spot[-1:], panel.close[-1:, column]), left_h)[-1])
    return 0.0


def _anchor_price(panel: Panel, spread: Spread) -> Float1D:
    """What a dated leg runs off to: the spot of its venue, else its index, else the first leg."""
    first = spread.legs[0].instrument
    spot = panel.spot_of(first)
    if spot is not None:
        return panel.close[:, panel.column(spot.id)]
    index = panel.index[:, panel.column(first.id)]
    return index if np.isfinite(index[-1]) else panel.close[:, panel.column(first.id)]


class _Trip(NamedTuple):
    """Getting in and out of both legs: cost of the first coin, and by how much a unit of notional adds to it.

    `deepens` is NaN where the data tell no depth of a leg: then only the first coin is known.
    """

    first: float
    deepens: float

    def at(self, notional: float) -> float:
        """Fraction of the notional; of the first coin where no depth is known."""
        return self.first + (self.deepens * notional if math.isfinite(self.deepens) else 0.0)


def _round_trip(panel: Panel, plan: Layout, first_leg: int) -> _Trip:
    """By quotes and depth of the last bar where the data have them, else by the desk's half spread."""
    legs, fills, deepens = plan.legs, [], []
    for i in (first_leg, first_leg + 1):
        column = int(legs.column[i])
        bid, ask, depth = (float(one[-1, column]) for one in (panel.bid, panel.ask, panel.depth))
        half = (ask - bid) / (ask + bid) if 0.0 < bid <= ask else float(legs.half_spread[i])
        fills.append(float(fill_cost(legs.fee[i], half, 0.0, 1.0)))
        deepens.append(0.5 * DEPTH_SPAN / depth if depth > 0.0 else math.nan)
    return _Trip(float(round_trip_cost(*fills)), float(round_trip_cost(*deepens)))


def _funding_error(panel: Panel, one: Instrument, horizon_h: float) -> float:
    """Standard error of the funding expected over a horizon: the scatter of the trailing settlements.

    They are taken as independent of each other, which flatters where funding lasts.
    """
    column, last = panel.column(one.id), slice(-max(1, round(FUNDING_H / panel.bar_h)), None)
    rates = panel.funding[last, column]
    known = rates[np.isfinite(rates)]
    if one.kind != "perp" or len(known) < 2:
        return 0.0
    settlements = horizon_h / float(np.nanmean(panel.funding_h[last, column][np.isfinite(rates)]))
    return float(known.std(ddof=1)) / math.sqrt(len(known)) * settlements


def _verdict(edge_bps: float, error_bps: float, hurdle_bps: float, side: str) -> tuple[str, str]:
    if not math.isfinite(edge_bps):
        return "unknown", "no price, or no funding settled lately"
    beaten = edge_bps - hurdle_bps
    if beaten <= 0.0:
        return "hold cash", f"{side}: {-beaten:.1f} bp short of costs and hurdle"
    if beaten <= SURE * error_bps:
        return "hold cash", f"{side}: {beaten:.1f} bp over costs and hurdle, but give or take {error_bps:.1f}"
    return "trade", f"{side}: {beaten:.1f} bp over costs and hurdle"


class _Carry(NamedTuple):
    """What a spread pays if its gap stays, of each direction, and what that takes; fractions."""

    columns: tuple[int, int]
    horizon_h: float
    trip: _Trip
    notional: float  # of a leg, for which costs are told
    apr: dict[float, float]

    @property
    def cost(self) -> float:
        """Of all four fills, fraction of the notional."""
        return self.trip.at(self.notional)

    @property
    def best(self) -> float:
        """What the better direction pays over the horizon after costs; -inf if not known."""
        known = [apr for apr in self.apr.values() if math.isfinite(apr)]
        return max(known) * self.horizon_h / YEAR_H - self.cost if known else -math.inf


def _carry(desk: Desk, panel: Panel, spread: Spread, trip: _Trip) -> _Carry:
    first, second = (leg.instrument for leg in spread.legs)
    columns = panel.column(first.id), panel.column(second.id)
    spot = _anchor_price(panel, spread)
    horizon = desk.risk.horizon_h
    if spread.expiry_ns:
        horizon = float(hours_to_expiry(panel.time_ns[-1:], spread.expiry_ns)[0])
    borrow = float(panel.borrow[-1, columns[0]])
    apr = {
        direction: float(
            net_carry_apr(
                direction=direction,
                first_apr=_short_apr(panel, first, spot),
                second_apr=_short_apr(panel, second, spot),
                borrow_apr=borrow if first.kind == "spot" else 0.0,
                round_trip_cost=0.0,
                hold_h=horizon,
            )
        )
        for direction in (1.0, -1.0)
    }
    return _Carry(columns, horizon, trip, desk.capital, apr)


def _found(desk: Desk, panel: Panel, spread: Spread, carried: _Carry, fair: Band, found: Reversion) -> Found:
    window = max(2, round(NORMAL_H / panel.bar_h))
    gap = basis_rate(*(panel.close[-window:, column] for column in carried.columns))
    years = carried.horizon_h / YEAR_H
    edges = {
        direction: apr * years + direction * found.fall - carried.cost
        for direction, apr in carried.apr.items()
        if math.isfinite(apr)
    }
    best = max(edges, key=lambda direction: edges[direction], default=1.0)
    errors = [_funding_error(panel, leg.instrument, carried.horizon_h) for leg in spread.legs]
    edge_bps, error_bps = to_bps(edges.get(best, math.nan)), to_bps(math.hypot(found.error, *errors))
    side = "long" if best > 0.0 else "short"
    verdict, reason = _verdict(edge_bps, error_bps, to_bps(desk.hurdle.apr * years), side)
    if verdict != "unknown" and max(carried.apr.values()) <= 0.0 >= edges.get(best, math.nan):
        reason = "no carry in either direction"
    told = (reason, found.reason, f"no fair band: {fair.reason}" if fair.reason else "")
    return Found(
        spread=spread.id,
        kind=spread.kind,
        anchor=spread.anchor,
        basis_bps=to_bps(float(gap[-1])),
        zscore=float(rolling_zscore(gap, window, 2)[-1]),
        percentile=float(rolling_percentile(gap, window, 2)[-1]),
        carry_apr=best * carried.apr[best],
        edge_bps=edge_bps,
        edge_se_bps=error_bps if math.isfinite(edge_bps) else math.nan,
        horizon_h=carried.horizon_h,
        verdict=verdict,
        reason="; ".join(part for part in told if part),
        fair_lo_bps=to_bps(float(fair.lo[-1])),
        fair_hi_bps=to_bps(float(fair.hi[-1])),
        outside_bps=to_bps(float(outside(fair, float(gap[-1]))[-1])),
        half_life_h=found.half_life.value,
        half_life_lo_h=found.half_life.lo,
        half_life_hi_h=found.half_life.hi,
        capacity=_capacity(carried.trip, from_bps(edge_bps) + carried.cost - desk.hurdle.apr * years),
    )


def _capacity(trip: _Trip, earned: float) -> float:
    """The notional of a leg up to which what is earned, a fraction above the hurdle, pays for the fills.

    NaN where no depth is known. The book is taken to go on as its first 10 bp are.
    """
    return max(earned - trip.first, 0.0) / trip.deepens if math.isfinite(earned) else math.nan


def _looked_into(panel: Panel, carried: Sequence[_Carry], fair: Sequence[Band]) -> list[int]:
    """The places of the spreads whose reversion is worth a look: far outside, or well paid."""

    def promise(place: int) -> float:
        first, second = (float(panel.close[-1, column]) for column in carried[place].columns)
        apart = abs(float(outside(fair[place], second / first - 1.0)[-1]))
        return max(carried[place].best, apart if math.isfinite(apart) else 0.0)

    return sorted(range(len(carried)), key=promise, reverse=True)[:MOST]


def _rank(row: Found) -> tuple[float, str]:
    """Best first: the edge that one may be sure of; the unknown last."""
    sure = row.edge_bps - SURE * row.edge_se_bps
    return (-sure if math.isfinite(sure) else math.inf, row.spread)


def _alive(panel: Panel, found: Sequence[Spread]) -> list[Spread]:
    """Spreads whose legs are both there, with a price, at the last bar."""
    there = panel.alive[-1] & np.isfinite(panel.close[-1])
    return [spread for spread in found if all(there[panel.column(leg.instrument.id)] for leg in spread.legs)]


def scan(desk: Desk, panel: Panel) -> Scan:
    """Rank every spread that the universe allows, as of the last bar of the panel.

    `carry_apr` is the carry of the spread held long (positive) or, where that pays better, short
    (negative), before trading costs. `edge_bps` is that carry over the horizon (until delivery, else
    risk.horizon_h), and what the gap is expected to close by where it is seen to revert, less four fills
    with fee and half spread. A spread is worth trading if its edge beats the hurdle on its notional by more
    than `SURE` standard errors; the best are those with the most edge that one may be sure of.

    Raises
    ------
    ConfigError
        If the universe has no spread with prices for both legs at the last bar.
    """
    found = _alive(panel, spreads(panel.instruments, desk.universe.spreads)) if len(panel) else []
    if not found:
        raise ConfigError("no spread has prices for both legs", "universe", "name more instruments")
    panel = prepared(desk, panel)
    plan = layout(desk, panel, found, int(panel.time_ns[-1]))
    fair = fair_bands(desk, panel, found, plan)
    carried = [
        _carry(desk, panel, spread, _round_trip(panel, plan, int(plan.legs.first[place])))
        for place, spread in enumerate(found)
    ]
    deep = _looked_into(panel, carried, fair)
    looked = reversions(panel, [found[place] for place in deep], desk.risk.horizon_h)
    known = dict(zip(deep, looked, strict=True))
    rows = [
        _found(desk, panel, spread, carried[place], fair[place], known.get(place, NOT_LOOKED))
        for place, spread in enumerate(found)
    ]
    return Scan(as_of=iso(int(panel.time_ns[-1])), spreads=tuple(sorted(rows, key=_rank)))
