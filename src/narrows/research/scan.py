"""The scan: every spread of a universe at one moment, ranked by what it pays after costs."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from narrows.analytics.basis import basis_apr, basis_rate, hours_to_expiry
from narrows.analytics.carry import fill_cost, net_carry_apr, round_trip_cost
from narrows.analytics.funding import trailing_funding_apr
from narrows.analytics.rolling import rolling_percentile, rolling_zscore
from narrows.core.arrays import Float1D
from narrows.core.config import Desk
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.spread import Spread, spreads
from narrows.core.time import YEAR_H, iso
from narrows.core.units import to_bps
from narrows.sim.inputs import prepared
from narrows.sim.layout import Layout, layout

NORMAL_H = 30 * 24.0  # what "normal" is measured over
FUNDING_H = 72.0  # trailing funding


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One spread of a scan; fractions a year, basis points of one leg's notional, hours.

    NaN (null in JSON) = not known. The fair band, half-life, standard error, liquidation
    probability and capacity are null until the parts that estimate them exist.
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
    fair_lo_bps: float | None = None
    fair_hi_bps: float | None = None
    outside_bps: float | None = None
    half_life_h: float | None = None
    half_life_lo_h: float | None = None
    half_life_hi_h: float | None = None
    edge_se_bps: float | None = None
    p_liquidation: float | None = None
    capacity: float | None = None


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
    if one.kind == "future":
        left_h = hours_to_expiry(panel.time_ns[-1:], one.expiry_ns)
        return float(basis_apr(basis_rate(spot[-1:], panel.close[-1:, column]), left_h)[-1])
    return 0.0


def _anchor_price(panel: Panel, spread: Spread) -> Float1D:
    """What a dated leg runs off to: the spot of its venue, else its index, else the first leg."""
    first = spread.legs[0].instrument
    for one in panel.instruments:
        if one.kind == "spot" and (one.base, one.venue) == (first.base, first.venue):
            return panel.close[:, panel.column(one.id)]
    index = panel.index[:, panel.column(first.id)]
    return index if np.isfinite(index[-1]) else panel.close[:, panel.column(first.id)]


def _round_trip(plan: Layout, first_leg: int) -> float:
    legs = plan.legs
    fills = [
        float(fill_cost(legs.fee[i], legs.half_spread[i], 0.0, legs.depth[i]))
        for i in (first_leg, first_leg + 1)
    ]
    return float(round_trip_cost(fills[0], fills[1]))


def _verdict(edge_bps: float, hurdle_bps: float, carry: float, side: str) -> tuple[str, str]:
    if not math.isfinite(edge_bps):
        return "unknown", "no price, or no funding settled lately"
    if carry <= 0.0:
        return "hold cash", "no carry in either direction"
    beaten = edge_bps - hurdle_bps
    if beaten > 0.0:
        return "trade", f"{side}: {beaten:.1f} bp over costs and hurdle"
    return "hold cash", f"{side}: {-beaten:.1f} bp short of costs and hurdle"


def _found(desk: Desk, panel: Panel, spread: Spread, plan: Layout, number: int) -> Found:
    first, second = (leg.instrument for leg in spread.legs)
    columns = panel.column(first.id), panel.column(second.id)
    window = max(2, round(NORMAL_H / panel.bar_h))
    gap = basis_rate(panel.close[-window:, columns[0]], panel.close[-window:, columns[1]])
    spot = _anchor_price(panel, spread)
    cost = _round_trip(plan, int(plan.legs.first[number]))
    horizon = desk.risk.horizon_h
    if spread.expiry_ns:
        horizon = float(hours_to_expiry(panel.time_ns[-1:], spread.expiry_ns)[0])
    borrow = float(panel.borrow[-1, columns[0]])
    carries = {
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
    known = {direction: carry for direction, carry in carries.items() if math.isfinite(carry)}
    best = max(known, key=lambda direction: known[direction], default=1.0)
    carry = carries[best]
    edge_bps = to_bps(carry * horizon / YEAR_H - cost)
    hurdle_bps = to_bps(desk.hurdle.apr * horizon / YEAR_H)
    verdict, reason = _verdict(edge_bps, hurdle_bps, carry, "long" if best > 0.0 else "short")
    return Found(
        spread=spread.id,
        kind=spread.kind,
        anchor=spread.anchor,
        basis_bps=to_bps(float(gap[-1])),
        zscore=float(rolling_zscore(gap, window, 2)[-1]),
        percentile=float(rolling_percentile(gap, window, 2)[-1]),
        carry_apr=best * carry if known else math.nan,
        edge_bps=edge_bps,
        horizon_h=horizon,
        verdict=verdict,
        reason=reason,
    )


def _alive(panel: Panel, found: Sequence[Spread]) -> list[Spread]:
    """Spreads whose legs are both there, with a price, at the last bar."""
    there = panel.alive[-1] & np.isfinite(panel.close[-1])
    return [spread for spread in found if all(there[panel.column(leg.instrument.id)] for leg in spread.legs)]


def scan(desk: Desk, panel: Panel) -> Scan:
    """Rank every spread that the universe allows, as of the last bar of the panel.

    `carry_apr` is the carry of the spread held long (positive) or, where that pays better, short
    (negative), before trading costs. `edge_bps` is that carry over the horizon (until delivery,
    else risk.horizon_h) less four fills with fee and half spread. A spread is worth trading if
    its edge beats the hurdle on its notional.

    Raises
    ------
    ConfigError
        If the universe has no spread with prices for both legs at the last bar.
    """
    found = _alive(panel, spreads(panel.instruments, desk.universe.spreads)) if len(panel) else []
    if not found:
        raise ConfigError("no spread has prices for both legs", "universe", "name more instruments")
    panel = prepared(desk, panel)
    plan = layout(desk, panel, found)
    rows = [_found(desk, panel, spread, plan, number) for number, spread in enumerate(found)]
    rows.sort(key=lambda row: (-row.edge_bps if math.isfinite(row.edge_bps) else math.inf, row.spread))
    return Scan(as_of=iso(int(panel.time_ns[-1])), spreads=tuple(rows))
