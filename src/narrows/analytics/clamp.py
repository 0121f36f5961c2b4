"""Moments of a clamped Gaussian: what a funding rate is expected to be when its premium is not yet known."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from narrows.core.arrays import Float1D, Float2D, FloatArray
from narrows.core.errors import ConfigError
from narrows.rulebook.funding import clamped
from narrows.rulebook.rules import FundingRule

Number = float | FloatArray

TERMS = 60  # of Mehler's series; what is left out is below 1e-3 of a variance


class Clamp(NamedTuple):
    """A funding function of the averaged premium: ``clip(clip(interest, x − d, x + d), floor, cap)``.

    Of one rule; along bars, whose rules and intervals change, see `fundingterms.FundingTerms`.

    Attributes
    ----------
    interest, dead_band, floor, cap : float
        All in the unit of the premium; the interest lies between floor and cap.
    """

    interest: float
    dead_band: float
    floor: float
    cap: float

    def rate(self, premium: Number) -> FloatArray:
        """The rate of a premium that is known, in the unit of the clamp."""
        return clamped(premium, self.interest, self.dead_band, self.floor, self.cap)

    @property
    def bends(self) -> tuple[float, float, float, float]:
        """Premiums where the slope changes: from 0 to 1, to 0, to 1, to 0."""
        return (
            self.floor - self.dead_band,
            self.interest - self.dead_band,
            self.interest + self.dead_band,
            self.cap + self.dead_band,
        )


def clamp_of(rule: FundingRule) -> Clamp:
    """The funding function of a rule, per `formula_h` hours of the rule.

    An interest beyond a cap or floor is the same function as one at it.

    Raises
    ------
    ConfigError
        If the dead band is negative, a length not positive, or the floor above the cap.
    """
    lengths = rule.interval_h > 0.0 and rule.formula_h > 0.0
    if not (rule.clamp >= 0.0 and rule.floor <= rule.cap and lengths):
        bounds = f"clamp {rule.clamp}, floor {rule.floor}, cap {rule.cap}"
        what = f"{bounds}, {rule.interval_h} h of {rule.formula_h} h"
        raise ConfigError(what, "funding rule", "give clamp >= 0, floor <= cap and hours > 0")
    share = rule.interval_h / rule.formula_h
    floor, cap = rule.floor / share, rule.cap / share
    return Clamp(min(max(rule.formula_interest, floor), cap), rule.clamp, floor, cap)


def _density(z: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))


def _above(mean: FloatArray, sd: FloatArray, strike: float) -> tuple[FloatArray, FloatArray]:
    """``E[(x − strike)⁺]`` (Bachelier's call) and ``E[((x − strike)⁺)²]`` of a Gaussian."""
    if np.isinf(strike):
        return np.zeros(mean.shape), np.zeros(mean.shape)
    over = mean - strike
    sure = np.maximum(over, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = over / sd
    call = over * ndtr(z) + sd * _density(z)
    square = (over * over + sd * sd) * ndtr(z) + over * sd * _density(z)
    known = ~(sd == 0.0)  # NaN stays NaN
    return np.where(known, call, sure), np.where(known, square, sure * sure)


def _between(mean: FloatArray, sd: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """First and second moment of the call from `low`, capped where it is worth ``high − low``."""
    first, second = _above(mean, sd, low)
    if np.isinf(high):
        return first, second
    beyond, beyond_square = _above(mean, sd, high)
    return first - beyond, second - beyond_square - 2.0 * (high - low) * beyond


def clamped_moments(mean: Number, sd: Number, clamp: Clamp) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the rate whose premium is Gaussian.

    The rate is its interest plus a call on the premium struck at ``interest + d``, less a put at
    ``interest − d``; caps sell a second call and buy a second put further out. Plugging the mean
    premium into the clamp instead is wrong near its bends.

    Parameters
    ----------
    mean, sd : float or ndarray
        Of the averaged premium, in the clamp's unit. sd = 0: the premium is known.

    Returns
    -------
    (mean, sd) : ndarrays of the joint shape
        NaN where an input is NaN.
    """
    middle, spread = np.broadcast_arrays(np.asarray(mean, float), np.asarray(sd, float))
    lowest, low, high, highest = clamp.bends
    up, up_square = _between(middle, spread, high, highest)
    down, down_square = _between(-middle, spread, -low, -lowest)
    expected = up - down
    variance = up_square + down_square - expected * expected
    return clamp.interest + expected, np.sqrt(np.maximum(variance, 0.0))


def pinned_chance(mean: Number, sd: Number, clamp: Clamp) -> FloatArray:
    """Probability that a Gaussian premium lies inside the dead band, so that the rate is its interest."""
    middle, spread = np.broadcast_arrays(np.asarray(mean, float), np.asarray(sd, float))
    _, low, high, _ = clamp.bends
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = ndtr((high - middle) / spread) - ndtr((low - middle) / spread)
    sure = np.where(np.isnan(middle), np.nan, (middle >= low) & (middle <= high))
    return np.where(spread == 0.0, sure, chance)


def _coefficients(mean: Float1D, sd: Float1D, clamp: Clamp) -> Float2D:
    """``E[F(x) Heₙ(z)] / √n!`` for n = 1 … TERMS, shape (terms, variables)."""
    bends = np.array(clamp.bends)
    finite = np.isfinite(bends)
    z = (bends[:, None] - mean) / sd
    found = np.empty((TERMS, len(mean)))
    inside = np.where(finite[:, None], ndtr(z), (bends > 0.0)[:, None])
    found[0] = sd * (inside[1] - inside[0] + inside[3] - inside[2])
    jumps = np.array([1.0, -1.0, 1.0, -1.0])[finite, None]
    z = z[finite]
    now, before = jumps * sd * _density(z), np.zeros(z.shape)
    for order in range(2, TERMS + 1):
        # now = jump · sd · φ(z) · He_{order−2}(z) / √order!, grown in place so that nothing overflows
        now = now / np.sqrt(order)
        before = before / np.sqrt(order)
        found[order - 1] = now.sum(axis=0)
        now, before = z * now - (order - 2) * before, now
    return found


def sum_of_clamped(mean: Float1D, covariance: Float2D, weights: Float1D, clamp: Clamp) -> tuple[float, float]:
    """Mean and standard deviation of ``Σ weight · F(x)`` of jointly Gaussian premiums.

    Parameters
    ----------
    mean : ndarray of shape (n,)
    covariance : ndarray of shape (n, n)
        Of the premiums; a variance of 0 is a premium that is known.
    weights : ndarray of shape (n,)

    Notes
    -----
    Means and variances are exact. Covariances are Mehler's series ``Σₙ ρⁿ cₙ(i) cₙ(j) / n!`` of
    the Hermite coefficients of the clamp, which are in closed form because it is made of straight
    lines; cut after `TERMS` terms.
    """
    sd = np.sqrt(np.diag(covariance))
    means, sds = clamped_moments(mean, sd, clamp)
    open_ = np.flatnonzero(sd > 0.0)
    if len(open_) == 0:
        return float(weights @ means), 0.0
    parts = _coefficients(mean[open_], sd[open_], clamp)
    correlation = covariance[np.ix_(open_, open_)] / np.outer(sd[open_], sd[open_])
    power, joint = np.ones_like(correlation), np.zeros_like(correlation)
    for part in parts:
        power = power * correlation
        joint += power * np.outer(part, part)
    np.fill_diagonal(joint, sds[open_] ** 2)
    variance = float(weights[open_] @ joint @ weights[open_])
    return float(weights @ means), max(variance, 0.0) ** 0.5
