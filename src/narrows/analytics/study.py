"""What the study of one spread found, as plain values: where its gap stands, whether and when it closes."""

from dataclasses import dataclass

import msgspec

from narrows.analytics.estimate import Estimate
from narrows.core.arrays import Float1D, Int1D
from narrows.core.spread import Spread


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """One dated contract on its way to delivery.

    Rates are fractions of the first leg's price, days run backwards to delivery.
    """

    instrument: str
    delivered: bool
    days_left: Float1D
    deviation: Float1D
    speed: Estimate  # alpha of the power bridge
    pooled: Estimate  # the same after the other cycles had their say


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """Convergence of the dated contracts of a coin on a venue, and what is left of this one's.

    `mean`, `lo`, `hi` are the mean path of all cycles on `days_grid` with its 90 % interval, one
    observation a cycle; `speed` is the mean of all cycles' power-bridge speeds; `halving_h` the hours in
    which this spread's deviation is expected to halve, `p_closed` the probability that it comes
    within `closed_within` of fair value until a day before delivery.
    """

    cycles: tuple[Cycle, ...]
    days_grid: Float1D
    mean: Float1D
    lo: Float1D
    hi: Float1D
    speed: Estimate
    halving_h: float
    p_closed: float
    closed_within: float
    reason: str


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """How fast one leg moves to close a gap: share of the gap a bar, positive = towards the other leg."""

    leg: str
    share: Estimate
    leads_lo: float  # Hasbrouck's information share, its bounds over the orderings
    leads_hi: float
    leads: float  # Lien and Shrestha's, which has no ordering


class Equilibrium(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the gap reverts, how fast, which leg does it, and how far it is expected to go.

    `windows_ns` are the ends of rolling windows, `half_lives` their estimates in hours; the fan holds
    quantiles (5, 25, 50, 75, 95 %) of the gap at `fan_h` hours ahead, shape (hours, 5).
    """

    state: str  # converging | not converging | not identified
    reason: str
    half_life_h: Estimate
    correction_half_life_h: Estimate
    windows_ns: Int1D
    half_lives: tuple[Estimate, ...]
    legs: tuple[Correction, ...]
    leads_reason: str
    fan_h: Float1D
    fan: tuple[Float1D, ...]
    worst_bar_ns: int
    worst_bar_influence: float  # half-life without that bar over half-life with it, minus 1


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """Premium and funding of one perpetual leg.

    `premium` is the mean over each settled interval, `settled` the rate of it; `clamp_premium` and
    `clamp_rate` draw the rule in force at the end. Forecasts are of the sum settled over `ahead_h`
    hours, what a short receives per unit of notional; `ahead_sd` counts shocks and what the level of
    funding may do, and is NaN where the latter cannot be told.
    """

    instrument: str
    premium: Float1D
    settled: Float1D
    clamp_premium: Float1D
    clamp_rate: Float1D
    pinned: float  # share of settlements at the interest rate
    premium_half_life_h: Estimate
    nowcast: float  # expected rate of the running interval
    nowcast_sd: float
    ahead_h: Float1D
    ahead: Float1D
    ahead_sd: Float1D
    break_even_h: float
    reason: str


@dataclass(frozen=True, eq=False)
class Study:
    """All of it. `basis`, `lo`, `fair`, `hi`, `outside` have shape (bars,), fractions of the first leg."""

    spread: Spread
    bar_h: float
    time_ns: Int1D
    basis: Float1D
    lo: Float1D
    fair: Float1D
    hi: Float1D
    outside: Float1D
    round_trip: float
    expiry: Expiry | None
    equilibrium: Equilibrium
    funding: tuple[Funding, ...]
    notes: tuple[str, ...]
