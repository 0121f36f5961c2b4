"""Who leads: which leg's innovations become the price of all legs, by four measures and with their limits.

A measure of one sample is a fact about the sampling too: what both legs learn inside a bar cannot be
told apart, so Hasbrouck's bounds widen with the bar. Bounds wider than one half are "not identified".
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from narrows.analytics.estimate import NORMAL_90, Estimate, unknown
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import DataError

WIDEST = 0.5  # bounds that say who leads
_WHERE = "price discovery"


class InformationShares(NamedTuple):
    """Share of each leg in the variance of the common price, arrays of shape (legs,).

    `lower` and `upper` are Hasbrouck's bounds over all orders of the legs, `mid` their middle, and
    `modified` Lien and Shrestha's share, which knows no order and adds up to 1.
    """

    lower: Float1D
    upper: Float1D
    mid: Float1D
    modified: Float1D


class PriceDiscovery(NamedTuple):
    """How much the first of two legs leads; the second has what is missing to 1.

    Attributes
    ----------
    component : Estimate
        Gonzalo–Granger share with 90 % interval: how little the leg gives way to the other.
    lower, upper, mid : float
        Hasbrouck's bounds and their middle.
    modified : float
        Lien–Shrestha share.
    leadership : float
        Putniņš's share: information less what is mere avoidance of noise.
    verdict : str
        "first leads", "second leads", or "not identified: …" in words.
    """

    component: Estimate
    lower: float
    upper: float
    mid: float
    modified: float
    leadership: float
    verdict: str


def information_shares(psi: Float1D, omega: Float2D) -> InformationShares:
    """Hasbrouck's bounds and the modified share.

    Parameters
    ----------
    psi : ndarray of shape (legs,)
        Common row of the long-run impact matrix, to any scale: the orthogonal complement of α.
    omega : ndarray of shape (legs, legs)
        Covariance of the innovations.

    Returns
    -------
    InformationShares

    Raises
    ------
    DataError
        If the shapes do not fit, or the covariance is not positive definite.

    References
    ----------
    Hasbrouck (1995), J. Finance 50(4); Lien & Shrestha (2009), J. Futures Markets 29(4).
    """
    legs = len(psi)
    if omega.shape != (legs, legs):
        raise DataError(f"covariance of shape {omega.shape} for {legs} legs", _WHERE, "give one row a leg")
    spread = np.sqrt(np.diag(omega))
    values, vectors = np.linalg.eigh(omega / np.outer(spread, spread))
    total = float(psi @ omega @ psi)
    if not (values[0] > 1e-12 and total > 0.0):
        raise DataError(
            "covariance of the innovations is singular", _WHERE, "leave out a leg that only repeats"
        )
    found = []
    for order in map(list, itertools.permutations(range(legs))):
        shares = np.empty(legs)
        shares[order] = (psi[order] @ np.linalg.cholesky(omega[np.ix_(order, order)])) ** 2 / total
        found.append(shares)
    lower, upper = np.min(found, axis=0), np.max(found, axis=0)
    root = spread[:, None] * (vectors * np.sqrt(values)) @ vectors.T
    return InformationShares(lower, upper, 0.5 * (lower + upper), (psi @ root) ** 2 / total)


def component_share(alpha: Float1D, covariance: Float2D) -> Estimate:
    """Gonzalo–Granger share of the first of two legs: ``α2/(α2 − α1)`` for β = (1, −1).

    Parameters
    ----------
    alpha : ndarray of shape (2,)
        Adjustment of each leg to the deviation first − second.
    covariance : ndarray of shape (2, 2)
        Of these estimates.

    Returns
    -------
    Estimate
        With Fieller's 90 % interval; no interval where the sum of the adjustments is not told from 0.
        Below 0 or above 1: a leg moves away from the other, and the other follows it further.

    References
    ----------
    Gonzalo & Granger (1995), JBES 13(1); Fieller (1954), JRSS B 16(2).
    """
    contrast = np.array([-1.0, 1.0])
    down = float(contrast @ alpha)
    variance = covariance[1, 1], float(covariance[1] @ contrast), float(contrast @ covariance @ contrast)
    value = float(alpha[1]) / down if down != 0.0 else math.nan
    bend = down**2 - NORMAL_90**2 * variance[2]
    if not bend > 0.0:
        return Estimate(value, -math.inf, math.inf, "not identified: no adjustment is told from none")
    slope = alpha[1] * down - NORMAL_90**2 * variance[1]
    rest = alpha[1] ** 2 - NORMAL_90**2 * variance[0]
    width = math.sqrt(max(slope**2 - bend * rest, 0.0))
    return Estimate(value, float(slope - width) / bend, float(slope + width) / bend)


def information_leadership(information: float, component: float) -> float:
    """Putniņš's information leadership share of the first of two legs, from its two shares.

    NaN where a share is 0 or 1, where the ratio has no meaning.

    References
    ----------
    Putniņš (2013), What do price discovery metrics really measure?, J. Empirical Finance 23.
    """
    if not 0.0 < information < 1.0 or component in (0.0, 1.0):
        return math.nan
    ratio = abs(information / (1.0 - information) * (1.0 - component) / component)
    return ratio / (ratio + 1.0 / ratio)


def bartlett_factor(first: float, second: float) -> float:
    """How many times wider the variance of a correlation is between two AR(1) than between white noises.

    ``(1 + φ1φ2)/(1 − φ1φ2)``, for independent series with coefficients φ1 and φ2. Lead–lag correlations
    of slow series look significant by chance: n rows count as n over this factor. inf where φ1φ2 ≥ 1.

    References
    ----------
    Bartlett (1935), Some aspects of the time-correlation problem, JRSS 98(3).
    """
    product = first * second
    return (1.0 + product) / (1.0 - product) if product < 1.0 else math.inf


def price_discovery(alpha: Float1D, covariance: Float2D, omega: Float2D) -> PriceDiscovery:
    """All measures of the first of two legs, and in words what they amount to.

    Parameters
    ----------
    alpha, covariance : ndarray of shape (2,) and (2, 2)
        As in `component_share`.
    omega : ndarray of shape (2, 2)
        Covariance of the innovations.

    Raises
    ------
    DataError
        As in `information_shares`.
    """
    component = component_share(alpha, covariance)
    shares = information_shares(np.array([alpha[1], -alpha[0]]), omega)
    lower, upper = float(shares.lower[0]), float(shares.upper[0])
    leadership = information_leadership(float(shares.mid[0]), component.value)
    return PriceDiscovery(
        component, lower, upper, float(shares.mid[0]), float(shares.modified[0]), leadership,
        _verdict(component, lower, upper),
    )  # fmt: skip


def _verdict(component: Estimate, lower: float, upper: float) -> str:
    if component.reason:
        return component.reason
    if upper - lower > WIDEST:
        what = f"bounds {lower:.2f} to {upper:.2f}: what both legs learn inside a bar cannot be told apart"
        return f"not identified at this sampling: {what}; sample faster"
    if lower > 0.5:
        return "first leads"
    if upper < 0.5:
        return "second leads"
    return f"not identified: neither leads beyond doubt, bounds {lower:.2f} to {upper:.2f}"


def undiscovered(reason: str) -> PriceDiscovery:
    """No measure, and why."""
    return PriceDiscovery(unknown(reason), *(math.nan,) * 5, reason)
