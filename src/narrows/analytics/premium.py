"""The premium as an Ornstein–Uhlenbeck process: fitted, and what waiting for its return should pay."""

import math
from typing import NamedTuple

import numpy as np

from narrows.analytics.estimate import NORMAL_90, Estimate, unknown
from narrows.analytics.ou import OU, half_life
from narrows.analytics.passage import expected_passage_time, expected_premium_paid
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError

FEWEST = 30  # pairs of neighbouring bars


class PremiumFit(NamedTuple):
    """A premium's model, and how well its speed is known.

    Attributes
    ----------
    model : OU
        Time in hours; NaN where it is not identified.
    half_life_h : Estimate
        Hours, with its 90 % interval.
    pairs : int
        Of neighbouring known premiums.
    """

    model: OU
    half_life_h: Estimate
    pairs: int


NO_MODEL = OU(math.nan, math.nan, math.nan)


def speed_of(phi: float, step_h: float) -> float:
    """Speed per hour of a process that keeps `phi` of a deviation over `step_h` hours.

    Not above 0 if phi >= 1 (no reversion), NaN if phi <= 0 (not an Ornstein–Uhlenbeck process).
    """
    return -math.log(phi) / step_h if phi > 0.0 else math.nan


def half_life_between(phi: float, error: float, step_h: float) -> Estimate:
    """The half-life of an AR(1) coefficient with a standard error, and its 90 % interval in hours.

    Where the interval of the coefficient reaches 1 the half-life has no upper end; where it reaches
    0 the lower end is 0.
    """
    if not (math.isfinite(phi) and math.isfinite(error)):
        return unknown("not identified: the premium does not vary")
    low, high = phi - NORMAL_90 * error, phi + NORMAL_90 * error
    ends = [0.0 if one <= 0.0 else half_life(speed_of(one, step_h)) for one in (low, high)]
    if phi >= 1.0:
        return Estimate(math.inf, ends[0], math.inf, "not converging: no reversion is seen")
    if phi <= 0.0:
        reason = "not identified: a deviation is gone within one step"
        return Estimate(math.nan, 0.0, ends[1], reason)
    reason = "" if high < 1.0 else "not identified from above: a unit root is inside the interval"
    return Estimate(half_life(speed_of(phi, step_h)), ends[0], ends[1], reason)


def fit_premium(premium: Float1D, bar_h: float) -> PremiumFit:
    """Fit an Ornstein–Uhlenbeck premium to bars of one length.

    Parameters
    ----------
    premium : ndarray of shape (bars,)
        The venue's premium index, fraction, not the funding rate: the clamp hides it. NaN = not
        known; only pairs of neighbouring known bars count.
    bar_h : float
        Hours between bars.

    Returns
    -------
    PremiumFit
        Regression of each bar on the one before; the coefficient corrected for its bias of
        ``−(1 + 3φ)/n``; the interval from White's standard error, because premiums are calm and
        wild by turns. Noise in single bars shows as fast reversion: over longer bars it counts less.

    Raises
    ------
    ConfigError
        If the bars have no length.

    References
    ----------
    Kendall (1954), Note on bias in the estimation of autocorrelation. White (1980).
    """
    if not bar_h > 0.0:
        raise ConfigError(f"bars of {bar_h} h", "fit_premium", "give hours > 0")
    before, after = premium[:-1], premium[1:]
    known = np.isfinite(before) & np.isfinite(after)
    before, after, pairs = before[known], after[known], int(known.sum())
    if pairs < FEWEST:
        reason = f"not identified: {pairs} pairs of neighbouring premiums, {FEWEST} are needed"
        return PremiumFit(NO_MODEL, unknown(reason), pairs)
    apart = before - before.mean()
    spread = float(apart @ apart)
    if spread <= 1e-24 * pairs * max(float(np.square(before).mean()), 1e-300):
        return PremiumFit(NO_MODEL, unknown("not identified: the premium does not vary"), pairs)
    slope = float(apart @ (after - after.mean())) / spread
    rest = after - after.mean() - slope * apart
    error = math.sqrt(float(np.square(apart * rest).sum())) / spread * math.sqrt(pairs / (pairs - 2))
    phi = slope + (1.0 + 3.0 * slope) / pairs
    found = half_life_between(phi, error, bar_h)
    if not 0.0 < phi < 1.0:
        return PremiumFit(NO_MODEL, found, pairs)
    variance = float(rest @ rest) / (pairs - 2)
    # at the fitted φ the mean premium keeps: θ = (ȳ − φ x̄)/(1 − φ)
    theta = (float(after.mean()) - phi * float(before.mean())) / (1.0 - phi)
    return PremiumFit(model_of(phi, theta, math.sqrt(variance), bar_h), found, pairs)


def model_of(phi: float, theta: float, shock: float, step_h: float) -> OU:
    """The process whose steps of `step_h` hours are an AR(1): coefficient in (0, 1), mean, sd of a shock."""
    kappa = speed_of(phi, step_h)
    return OU(kappa, theta, shock * math.sqrt(2.0 * kappa / (1.0 - phi * phi)))


class ProfitSplit(NamedTuple):
    """What a short perpetual that is opened at one premium and closed at a lower one is expected to earn.

    Attributes
    ----------
    price, funding : float
        Fractions of notional, before costs.
    hours : float
        Expected time to get there.
    """

    price: float
    funding: float
    hours: float

    @property
    def total(self) -> float:
        """Price and funding together."""
        return self.price + self.funding


def expected_profit(model: OU, entry: float, leave: float, level: float, slope: float) -> ProfitSplit:
    """Split the expected profit into price convergence and funding.

    ``(u − l) + c₀ E[τ] + c₁ E[∫P dt]`` for funding that accrues at ``c₀ + c₁ P`` an hour: see `passage`.

    Parameters
    ----------
    model : OU
        Time in hours.
    entry, leave : float
        Premiums u > l at which the short is opened and closed.
    level, slope : float
        c₀, fraction per hour, and c₁, per hour: ``1 / formula_h`` where every premium is paid, 0
        inside a dead band, where c₀ is the interest per hour. Financing per hour comes off c₀.

    Raises
    ------
    ConfigError
        If the entry is not above the exit, the process does not revert, or as `expected_passage_time`.
    """
    if not entry > leave:
        raise ConfigError(
            f"entry {entry}, exit {leave}", "expected_profit", "a short enters above where it leaves"
        )
    if model.kappa <= 0.0:
        raise ConfigError(f"kappa {model.kappa:g}", "expected_profit", "give a process that reverts")
    hours = expected_passage_time(model, entry, leave)
    funding = level * hours + slope * expected_premium_paid(model, entry, leave)
    return ProfitSplit(entry - leave, funding, hours)
