"""The dated part of a study: every contract of the coin until delivery, and what this one has left."""

import math
from typing import NamedTuple

import numpy as np

from narrows.analytics.basis import basis_rate, hours_to_expiry
from narrows.analytics.bridge import Speed, fit
from narrows.analytics.convergence import aligned, mean_path, pool
from narrows.analytics.fairvalue import Costs, Financing, dated_band
from narrows.analytics.outlook import close_probability, expected_path, halving_time
from narrows.analytics.study import Cycle, Expiry
from narrows.core.arrays import Float1D
from narrows.core.instrument import Instrument, same_money
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.core.time import YEAR_H

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LAST_DAYS = 1.0  # before delivery the averaging of the settlement price begins to show
DAY_H = 24.0


class Outlook(NamedTuple):
    """Where the deviation of the spread's own contract is expected to go: hours, quantiles."""

    ahead_h: Float1D
    quantiles: tuple[Float1D, ...]


class _Tracked(NamedTuple):
    """One contract: days left and deviation from fair at each close until delivery."""

    one: Instrument
    days: Float1D
    deviation: Float1D


def expiry_of(
    spread: Spread, panel: Panel, financing: Financing, costs: Costs
) -> tuple[Expiry, Outlook | None, str]:
    """Convergence of the dated contracts on the coin and venue of a spread's last leg.

    All of them in the panel are cycles, against the venue's spot, else its index, else the spread's
    first leg; the third value says which. Deviations are from the middle of the fair band.
    """
    target = spread.legs[-1].instrument
    spot, named = _anchor(spread, panel, target)
    tracked = [
        _track(one, panel, spot, financing, costs) for one in panel.instruments if _same_coin(one, target)
    ]
    tracked = [one for one in tracked if np.isfinite(one.deviation).sum() > 1]
    speeds = [_speed(one) for one in tracked]
    pooled = pool(speeds)
    grid = np.arange(max((math.floor(one.days[0]) for one in tracked), default=0), -0.5, -1.0)
    end = int(panel.time_ns[-1])
    finished = [one for one in tracked if one.one.expiry_ns <= end]
    rows = [aligned(one.days, one.deviation, grid, 1.0) for one in finished]
    path = mean_path(np.array(rows).reshape(len(rows), len(grid)))
    cycles = tuple(
        Cycle(
            instrument=one.one.id,
            delivered=one.one.expiry_ns <= end,
            days_left=one.days,
            deviation=one.deviation,
            speed=speed.alpha,
            pooled=alone,
        )
        for one, speed, alone in zip(tracked, speeds, pooled.cycles, strict=True)
    )
    own = next((place for place, one in enumerate(tracked) if one.one.id == target.id), None)
    within = costs.spot + costs.second
    halving, closed, outlook = math.nan, math.nan, None
    if own is not None and pooled.cycles[own].known:
        halving, closed, outlook = _left(tracked[own], speeds[own], pooled.cycles[own].value, within)
    found = Expiry(
        cycles=cycles,
        days_grid=grid,
        mean=path.mean,
        lo=path.lo,
        hi=path.hi,
        speed=pooled.mu,
        halving_h=halving,
        p_closed=closed,
        closed_within=within,
        reason=pooled.mu.reason,
    )
    return found, outlook, named


def _same_coin(one: Instrument, target: Instrument) -> bool:
    return (one.kind, one.base, one.venue) == ("future", target.base, target.venue) and same_money(
        one.quote, target.quote
    )


def _anchor(spread: Spread, panel: Panel, target: Instrument) -> tuple[Float1D, str]:
    """What dated contracts run off to, and its name."""
    spot = panel.spot_of(target)
    if spot is not None:
        return panel.close[:, panel.column(spot.id)], spot.id
    index = panel.index[:, panel.column(target.id)]
    if np.isfinite(index).any():
        return index, f"the index of {target.id}"
    first = spread.legs[0].instrument
    return panel.close[:, panel.column(first.id)], first.id


def _track(one: Instrument, panel: Panel, spot: Float1D, financing: Financing, costs: Costs) -> _Tracked:
    """A contract until its delivery, from its first price on."""
    price = panel.close[:, panel.column(one.id)]
    left_h = hours_to_expiry(panel.time_ns, one.expiry_ns)
    rows = np.flatnonzero(np.isfinite(price) & (left_h > 0.0))
    if not len(rows):
        return _Tracked(one, np.empty(0), np.empty(0))
    here = slice(rows[0], rows[-1] + 1)
    fair = dated_band(
        1.0,
        left_h[here] / YEAR_H,
        financing,
        spot_cost=costs.spot,
        future_cost=costs.second,
        exit_cost=costs.spot + costs.delivery,
    ).fair
    deviation = 1.0 + basis_rate(spot[here], price[here]) - fair
    return _Tracked(one, left_h[here] / DAY_H, deviation)


def _speed(one: _Tracked) -> Speed:
    """Speed of one contract, from a deviation a day until a day before delivery."""
    days = np.arange(math.floor(one.days[0]), LAST_DAYS - 0.5, -1.0)
    return fit(days, aligned(one.days, one.deviation, days, 0.5), noisy=True)


def _left(one: _Tracked, speed: Speed, alpha: float, within: float) -> tuple[float, float, Outlook | None]:
    """Hours to halve, chance of having been within costs of fair a day before delivery, and the way there."""
    known = np.flatnonzero(np.isfinite(one.deviation))
    days, now = float(one.days[known[-1]]), float(one.deviation[known[-1]])
    halving = halving_time(days, speed.alpha._replace(value=alpha)).value * DAY_H
    if not (math.isfinite(speed.sigma) and speed.sigma > 0.0 and days > LAST_DAYS):
        return halving, math.nan, None
    closed = close_probability(now, days, LAST_DAYS, within, alpha=alpha, sigma=speed.sigma)
    at = np.linspace(days, 0.0, 121)
    _, quantiles = expected_path(now, days, at, alpha=alpha, sigma=speed.sigma, levels=QUANTILES)
    return halving, closed, Outlook((days - at) * DAY_H, tuple(quantiles))
