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
from narrows.analytics.estimate import Estimate, unknown
from narrows.analytics.premium import half_life_between
from narrows.core.arrays import Bool1D, Float1D, Float2D, FloatArray, Int1D
from narrows.core.errors import DataError
from narrows.rulebook.rules import FundingRule

KNOWN, BAND, ABOVE, BELOW, NOTHING = range(-1, 4)  # what a rate says of its premium
FEWEST = 10  # rates outside the dead band
NODES = 48  # of each region
_REACH = 9.0  # standard deviations that a region without an end is taken to
_LEGENDRE = np.polynomial.legendre.leggauss(NODES)


Float4D = np.ndarray[tuple[int, int, int, int], np.dtype[np.float64]]


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
    least, most = theta - far, theta + far
    edges = (
        (low, high),
        (highest, max(most, highest + far)),
        (min(least, lowest - far), lowest),
        (least, most),
    )
    points, shares = np.zeros((4, NODES)), np.zeros((4, NODES))
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
def _steps(used: Bool1D, points: Float2D, shares: Float2D, phi: float, theta: float, shock: float) -> Float4D:
    """Density of going from each node of a region to each of another, times its share of the region."""
    regions, nodes = points.shape
    steps = np.zeros((regions, regions, nodes, nodes))
    for start in range(regions):
        for end in range(regions):
            if used[start] and used[end]:
                for i in range(nodes):
                    middle = theta + phi * (points[start, i] - theta)
                    for j in range(nodes):
                        steps[start, end, i, j] = _normal(points[end, j], middle, shock) * shares[end, j]
    return steps


@njit(cache=True)
def _filtered(
    says: Int1D, known: Float1D, points: Float2D, shares: Float2D, phi: float, theta: float, shock: float
) -> tuple[float, Float2D]:
    """Log likelihood, and mean and sd of each premium given the rates up to it, shape (intervals, 2)."""
    used = np.zeros(len(points), dtype=np.bool_)
    for region in says:
        if region >= 0:
            used[region] = True
    steps = _steps(used, points, shares, phi, theta, shock)
    nodes = points.shape[1]
    mass, fresh, out = np.zeros(nodes), np.zeros(nodes), np.full((len(says), 2), np.nan)
    total, middle, spread, last = 0.0, theta, shock / np.sqrt(1.0 - phi * phi), -1
    for row in range(len(says)):  # `last` is the region before, -1 where all is in `middle` and `spread`
        now = says[row]
        if now == -1:
            seen = 0.0
            if last == -1:
                seen = _normal(known[row], middle, spread)
            else:
                for i in range(nodes):
                    seen += mass[i] * _normal(known[row], theta + phi * (points[last, i] - theta), shock)
            out[row, 0], out[row, 1] = known[row], 0.0
            middle, spread = theta + phi * (known[row] - theta), shock
        else:
            fresh[:] = 0.0
            if last == -1:
                for j in range(nodes):
                    fresh[j] = _normal(points[now, j], middle, spread) * shares[now, j]
            else:
                for i in range(nodes):
                    for j in range(nodes):
                        fresh[j] += mass[i] * steps[last, now, i, j]
            seen = fresh.sum()
            if seen > 0.0:
                mass[:] = fresh / seen
                mean = (mass * points[now]).sum()
                out[row, 0], out[row, 1] = mean, np.sqrt((mass * (points[now] - mean) ** 2).sum())
        if not seen > 0.0:
            return -np.inf, out
        total += np.log(seen)
        last = now
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
    probability. Shocks of less than a twentieth of the dead band would fall between the nodes.
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
        NaN with a reason where too few rates are outside the dead band.

    Notes
    -----
    Averages of an Ornstein–Uhlenbeck premium over neighbouring intervals are nearly, not exactly,
    an AR(1). The interval is from the curvature of the likelihood.

    Raises
    ------
    DataError
        If a rate is beyond the rule's cap or floor.
    """
    known, says, _ = _told(rates, rule)
    count, seen = int((says != NOTHING).sum()), known[says == KNOWN]
    pinned = float((says == BAND).sum()) / count if count else math.nan
    if len(seen) < FEWEST or float(np.ptp(seen)) == 0.0:
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
        cost, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-6, "maxiter": 600}
    )
    phi, theta, shock = _from_free(found.x, unit)
    error = _error_of_first(cost, found.x) * (1.0 - phi * phi)
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
