"""The averaged premium behind settled funding rates, where the premium itself was not recorded.

Inside the dead band every premium settles at the interest, so a regression on the rates takes a
hidden wandering for a constant. Here a rate says what it says: outside the band the premium itself,
inside that it lies there, at a cap that it is beyond.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.optimize import minimize

from narrows.analytics.clamp import Clamp, clamp_of, clamped_moments
from narrows.analytics.estimate import Estimate, constant, unknown
from narrows.analytics.premium import half_life_between
from narrows.core.arrays import Float1D, Float2D, FloatArray, Int1D
from narrows.core.errors import DataError
from narrows.rulebook.rules import FundingRule

NOTHING, KNOWN, BAND, ABOVE, BELOW = range(-2, 3)  # what a rate says of its premium; from 0 on, a region
FEWEST = 10  # rates outside the dead band
NODES = 48  # of each region
_REACH = 6.5  # standard deviations that a region without an end is taken to
_LEGENDRE = np.polynomial.legendre.leggauss(NODES)


class LatentFit(NamedTuple):
    """An AR(1) of the averaged premium from interval to interval.

    Attributes
    ----------
    phi, theta, shock : float
        Coefficient per interval; mean and standard deviation of a shock, fractions per `formula_h`.
    half_life_h : Estimate
        Hours, 90 % interval.
    pinned : float
        Share of the rates that are the interest.
    rates : int
        Rates that were known.
    """

    phi: float
    theta: float
    shock: float
    half_life_h: Estimate
    pinned: float
    rates: int


class LatentSeries(NamedTuple):
    """What the rates up to each say of its averaged premium, shape (intervals,), and of the next rate."""

    premium: Float1D
    premium_sd: Float1D
    next_rate: FloatArray
    next_rate_sd: FloatArray


def _told(rates: Float1D, rule: FundingRule) -> tuple[Float1D, Int1D, Clamp]:
    """Premium where a rate gives it away, and what each rate says."""
    clamp = clamp_of(rule)
    scaled = np.asarray(rates, float) * (rule.formula_h / rule.interval_h)
    near = max(1e-6 * abs(clamp.interest), 1e-12)  # beyond the last digit that a source gives
    bounds = np.isfinite(scaled) & ((scaled > clamp.cap + near) | (scaled < clamp.floor - near))
    if bounds.any():
        row = int(np.flatnonzero(bounds)[0])
        where = f"latent premium, rate {row}"
        raise DataError(f"{rates[row]} is beyond the rule's cap or floor", where, "use the rule of that time")
    if np.isinf(scaled).any():
        row = int(np.flatnonzero(np.isinf(scaled))[0])
        raise DataError("an infinite rate", f"latent premium, rate {row}", "give NaN for not known")
    says = np.where(np.isnan(scaled), NOTHING, KNOWN)
    says = np.where(scaled >= clamp.cap - near, ABOVE, says)
    says = np.where(scaled <= clamp.floor + near, BELOW, says)
    if clamp.dead_band > 0.0:
        says = np.where(np.abs(scaled - clamp.interest) <= near, BAND, says)
    premium = scaled + np.sign(scaled - clamp.interest) * clamp.dead_band
    return np.where(says == KNOWN, premium, np.nan), says.astype(np.int64), clamp


def _grid(clamp: Clamp, phi: float, theta: float, shock: float) -> tuple[Float2D, Float2D]:
    """Nodes and weights of each region, shape (regions, nodes)."""
    lowest, low, high, highest = clamp.bends
    far = _REACH * shock / math.sqrt(1.0 - phi * phi)
    edges = (
        (low, high),
        (highest, max(theta, highest) + far),
        (min(theta, lowest) - far, lowest),
    )
    points, shares = np.zeros((len(edges), NODES)), np.zeros((len(edges), NODES))
    for region, (start, end) in enumerate(edges):
        if math.isfinite(start) and math.isfinite(end):
            points[region] = start + (end - start) * (0.5 + 0.5 * _LEGENDRE[0])
            shares[region] = 0.5 * (end - start) * _LEGENDRE[1]
    return points, shares


@njit(cache=True)
def _normal(x: float, mean: float, sd: float) -> float:
    z: float = (x - mean) / sd
    density: float = np.exp(-0.5 * z * z) / (sd * np.sqrt(2.0 * np.pi))
    return density


@njit(cache=True)
def _steps(start: Float1D, end: Float1D, share: Float1D, phi: float, theta: float, shock: float) -> Float2D:
    """Density of going from each node of one region to each of another, times its share of that."""
    steps = np.empty((len(start), len(end)))
    for i in range(len(start)):
        middle = theta + phi * (start[i] - theta)
        for j in range(len(end)):
            steps[i, j] = _normal(end[j], middle, shock) * share[j]
    return steps


@njit(cache=True)
def _filtered(
    says: Int1D, known: Float1D, points: Float2D, shares: Float2D, phi: float, theta: float, shock: float
) -> tuple[float, Float2D]:
    """Log likelihood, and mean and sd of each premium given the rates up to it, shape (intervals, 2)."""
    one_on = _steps(points[0], points[0], shares[0], phi, theta, shock)  # in the band, and still there
    wide = shock / np.sqrt(1.0 - phi * phi)
    place, mass = np.array([theta]), np.ones(1)  # the last premium that a rate told of: where, how likely
    region, keep, noise = -1, 0.0, wide  # what a premium keeps of it, and sd of what has come since
    total, out = 0.0, np.full((len(says), 2), np.nan)
    for row in range(len(says)):
        now = says[row]
        if now == -2:
            mean = (mass * place).sum()
            spread = (mass * (place - mean) ** 2).sum()
            out[row, 0] = theta + keep * (mean - theta)
            out[row, 1] = np.sqrt(keep * keep * spread + noise * noise)
            keep, noise = keep * phi, np.sqrt(noise * noise * phi * phi + shock * shock)
            continue
        target, share = (known[row : row + 1], np.ones(1)) if now == -1 else (points[now], shares[now])
        if now == 0 and region == 0 and keep == phi:
            steps = one_on
        else:
            steps = _steps(place, target, share, keep, theta, noise)
        fresh = np.zeros(len(target))
        for i in range(len(place)):
            for j in range(len(target)):
                fresh[j] += mass[i] * steps[i, j]
        seen = fresh.sum()
        if not seen > 0.0:
            return -np.inf, out
        total += np.log(seen)
        place, mass, region, keep, noise = target, fresh / seen, now, phi, shock
        out[row, 0] = (mass * place).sum()
        out[row, 1] = np.sqrt((mass * (place - out[row, 0]) ** 2).sum())
    return total, out


def latent_likelihood(
    rates: Float1D, rule: FundingRule, phi: float, theta: float, shock: float
) -> tuple[float, Float2D]:
    """Exact log likelihood of settled rates, and mean and sd of each premium given the rates up to it.

    Parameters
    ----------
    rates : ndarray of shape (intervals,)
        Settled, in order, one for each interval; NaN = not known. Fractions per interval.
    rule : FundingRule
        In force throughout.
    phi, theta, shock : float
        As `LatentFit`.

    Returns
    -------
    (float, ndarray of shape (intervals, 2))

    Notes
    -----
    Between two premiums that are given away, the density of the hidden ones is carried on
    Gauss–Legendre nodes of the region each lies in. Known premiums count by density, hidden ones by
    probability. Shocks of less than a fortieth of the dead band would fall between the nodes.
    """
    known, says, clamp = _told(rates, rule)
    points, shares = _grid(clamp, phi, theta, shock)
    total, out = _filtered(says, known, points, shares, phi, theta, shock)
    return float(total), out


def _from_free(free: Float1D, unit: float) -> tuple[float, float, float]:
    """Coefficient, mean and shock from numbers without bounds."""
    return math.tanh(float(free[0])), float(free[1]) * unit, math.exp(float(free[2])) * unit


def fit_latent(rates: Float1D, rule: FundingRule) -> LatentFit:
    """Fit the averaged premium behind settled rates by maximum likelihood through the clamp.

    Parameters
    ----------
    rates, rule
        As `latent_likelihood`.

    Returns
    -------
    LatentFit
        NaN with a reason where too few rates are outside the dead band, or the likelihood has no top.

    Notes
    -----
    Averages of an Ornstein–Uhlenbeck premium over neighbouring intervals are nearly, not exactly,
    an AR(1). The interval is from the curvature of the likelihood.

    Raises
    ------
    DataError
        If a rate is infinite or beyond the rule's cap or floor.
    """
    known, says, _ = _told(rates, rule)
    count, seen = int((says != NOTHING).sum()), known[says == KNOWN]
    pinned = float((says == BAND).sum()) / count if count else math.nan
    if len(seen) < FEWEST or constant(seen):
        reason = f"not identified: {len(seen)} rates lie outside the dead band, {FEWEST} that vary are needed"
        return LatentFit(math.nan, math.nan, math.nan, unknown(reason), pinned, count)
    unit = float(seen.std()) + max(rule.clamp, 0.0)

    def cost(free: Float1D) -> float:
        phi, theta, shock = _from_free(free, unit)
        if not (abs(phi) < 1.0 - 1e-9 and shock > 1e-3 * unit):
            return math.inf
        return -latent_likelihood(rates, rule, phi, theta, shock)[0]

    start = np.array([0.8, float(np.median(np.where(says == KNOWN, known, 0.0))) / unit, math.log(0.5)])
    found = minimize(
        cost, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-5, "maxiter": 600}
    )
    phi, theta, shock = _from_free(found.x, unit)
    error = _error_of_first(cost, found.x) * (1.0 - phi * phi)
    if not math.isfinite(error):
        reason = "not identified: the likelihood has no top, the premium runs away or follows a curve"
        return LatentFit(math.nan, math.nan, math.nan, unknown(reason), pinned, count)
    return LatentFit(phi, theta, shock, half_life_between(phi, error, rule.interval_h), pinned, count)


def _error_of_first(cost: Callable[[Float1D], float], at: Float1D) -> float:
    """Standard error of the first parameter, from second differences of the cost at its minimum."""
    step = 1e-2
    moves = np.eye(len(at)) * step
    curve = np.array(
        [
            [
                cost(at + one + two) - cost(at + one - two) - cost(at - one + two) + cost(at - one - two)
                for two in moves
            ]
            for one in moves
        ]
    ) / (4.0 * step * step)
    if not np.isfinite(curve).all() or np.linalg.eigvalsh(curve)[0] <= 0.0:
        return math.nan
    return math.sqrt(float(np.linalg.inv(curve)[0, 0]))


def latent_series(rates: Float1D, rule: FundingRule, fit: LatentFit) -> LatentSeries:
    """Premium behind each rate and the rate expected next, from the rates up to it alone.

    Parameters
    ----------
    rates, rule
        As `latent_likelihood`.
    fit : LatentFit
        Of rates before these, or the series is not one that could have been known.

    Returns
    -------
    LatentSeries
        NaN throughout if there is no fit. The premium's distribution before the next rate is taken
        as Gaussian; it is one where this rate gives its premium away.
    """
    if not math.isfinite(fit.phi):
        nothing = np.full(len(rates), np.nan)
        return LatentSeries(nothing, nothing, nothing, nothing)
    _, out = latent_likelihood(rates, rule, fit.phi, fit.theta, fit.shock)
    mean = fit.theta + fit.phi * (out[:, 0] - fit.theta)
    sd = np.sqrt((fit.phi * out[:, 1]) ** 2 + fit.shock**2)
    expected, spread = clamped_moments(mean, sd, clamp_of(rule))
    share = rule.interval_h / rule.formula_h
    return LatentSeries(out[:, 0], out[:, 1], expected * share, spread * share)
