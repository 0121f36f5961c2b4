"""What closing gaps are expected to pay: the half-life of each, and how much of it one may believe."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from narrows.analytics.basis import basis_rate
from narrows.analytics.estimate import NORMAL_90, Estimate, unknown
from narrows.analytics.ou_fit import OUFit, fit_ou
from narrows.analytics.unitroot import benjamini_hochberg, convergence
from narrows.core.arrays import Float1D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.core.time import HOUR_NS

HISTORY_H = 90 * 24.0  # of the last bars
FALSE = 0.05  # share of chance findings among the spreads that are said to revert


class Reversion(NamedTuple):
    """A gap that may revert.

    Attributes
    ----------
    half_life : Estimate
        Hours.
    fall : float
        By how much the gap is expected to fall over the horizon, fraction of the first leg's price;
        0 where no reversion is established.
    error : float
        Standard error of that expectation: what the intervals of speed and level leave open.
    reason : str
        Why a half-life that has an interval is not counted on, or empty.
    """

    half_life: Estimate
    fall: float
    error: float
    reason: str


DELIVERED = Reversion(unknown("it is delivered, and closes by then"), 0.0, 0.0, "")
NOT_LOOKED = Reversion(unknown("not among those looked into"), 0.0, 0.0, "")


def reversions(panel: Panel, spreads: Sequence[Spread], horizon_h: float) -> list[Reversion]:
    """The reversion of each spread without delivery over the last 90 days, as of the last bar.

    A gap counts as reverting if a unit root is rejected in the face of how many spreads were tried
    (Benjamini–Hochberg, 5 %), and its half-life has an end. Of a dated spread nothing is said here: its
    run-off is in its carry.
    """
    recent = panel.rows(max(0, len(panel) - round(HISTORY_H / panel.bar_h)), len(panel))
    hours = recent.time_ns / HOUR_NS
    open_ended = [place for place, one in enumerate(spreads) if not one.expiry_ns]
    gaps = [_gap(recent, spreads[place]) for place in open_ended]
    chances = np.array([convergence(gap).pvalue for gap in gaps])
    reverts = benjamini_hochberg(chances, FALSE) if gaps else np.empty(0, dtype=bool)
    found = [DELIVERED] * len(spreads)
    for place, gap, chance, kept in zip(open_ended, gaps, chances, reverts, strict=True):
        found[place] = _reversion(gap, fit_ou(gap, hours), horizon_h, float(chance), bool(kept), len(gaps))
    return found


def _gap(panel: Panel, spread: Spread) -> Float1D:
    first, second = (panel.close[:, panel.column(leg.instrument.id)] for leg in spread.legs)
    return basis_rate(first, second)


def _reversion(
    gap: Float1D, fitted: OUFit, horizon_h: float, chance: float, kept: bool, tried: int
) -> Reversion:
    life = fitted.half_life
    if not life.known:
        return Reversion(life, 0.0, 0.0, "")
    if not kept:
        reason = f"reversion not established: p = {chance:.3f}, one of {tried} tried"
        return Reversion(life, 0.0, 0.0, reason)
    apart = float(gap[-1]) - fitted.theta.value
    closed = [-math.expm1(-kappa * horizon_h) for kappa in fitted.kappa[:3]]
    speed_error = abs(apart) * (closed[2] - closed[1]) / (2.0 * NORMAL_90)
    level_error = closed[0] * (fitted.theta.hi - fitted.theta.lo) / (2.0 * NORMAL_90)
    return Reversion(life, apart * closed[0], math.hypot(speed_error, level_error), "")
