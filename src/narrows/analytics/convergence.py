"""Dated contracts from cycle to cycle: aligned by time to expiry, their mean path, their speeds pooled.

A cycle is one contract on its way to delivery, and the unit of evidence: its hours are not independent of
each other. Cycles that overlap on the calendar share shocks, which no interval here knows of. Time to
expiry is in any unit, one throughout. A deviation is what is left of the gap after its fair value.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, stdtrit

from narrows.analytics.bridge import ALPHAS, Speed, ends, observed
from narrows.analytics.estimate import Estimate, unknown
from narrows.core.arrays import Float1D, Float2D, FloatArray, Int1D, read_only
from narrows.core.errors import ConfigError

_OMEGAS = np.append(0.0, np.geomspace(float(ALPHAS[1] - ALPHAS[0]), 6.0, 24))  # 0 = all cycles are alike
_EDGES = np.concatenate(([-np.inf], 0.5 * (ALPHAS[1:] + ALPHAS[:-1]), [np.inf]))  # of the cells of alpha
_HALF_CHI2 = 0.5 * float(stdtrit(np.inf, 0.95)) ** 2


class MeanPath(NamedTuple):
    """Mean over cycles at each time to expiry, arrays of shape (times,).

    Attributes
    ----------
    mean, lo, hi : Float1D
        Mean of the cycles that are known there, and its 90 % interval by Student's t over cycles; NaN with
        none, NaN ends with one.
    cycles : Int1D
        How many are known there.
    """

    mean: Float1D
    lo: Float1D
    hi: Float1D
    cycles: Int1D


class Pooled(NamedTuple):
    """Speeds of cycles as draws of one population, ``alpha_c ~ N(mu, omega²)``.

    Attributes
    ----------
    mu, omega : Estimate
        Mean speed and its spread between cycles; omega 0 = they differ by no more than chance.
    cycles : tuple of Estimate
        Speed of each cycle given all of them: posterior mean with its central 90 %.
    """

    mu: Estimate
    omega: Estimate
    cycles: tuple[Estimate, ...]


def aligned(to_expiry: Float1D, deviation: Float1D, grid: Float1D, stale: float) -> Float1D:
    """A cycle at the times to expiry of `grid`: at each the last deviation known by then.

    Parameters
    ----------
    to_expiry, deviation : ndarray of shape (observations,)
        Time to expiry, falling; NaN deviation = missing.
    grid : ndarray of shape (times,)
        Times to expiry, falling.
    stale : float
        Greatest age of a deviation that still counts, same unit.

    Returns
    -------
    ndarray of shape (times,)
        NaN where nothing younger than `stale` is known, and where the cycle has not been yet: later rows
        change no earlier value.

    Raises
    ------
    DataError
        If a known row is after delivery, the time does not fall, or a value is infinite.
    ConfigError
        If the grid does not fall, or `stale` is negative.
    """
    left, values = observed(to_expiry, deviation)
    if not (np.all(np.diff(grid) < 0.0) and stale >= 0.0):
        raise ConfigError(
            f"stale {stale}, or a grid that does not fall", "aligned", "sort it from far to near"
        )
    if not len(left):
        return np.full(len(grid), np.nan)
    last = np.searchsorted(-left, -np.asarray(grid), side="right") - 1
    fresh = (last >= 0) & (left[last] - grid <= stale) & (grid >= np.min(to_expiry))
    return np.where(fresh, values[last], np.nan)


def mean_path(cycles: Float2D) -> MeanPath:
    """Mean and its interval across cycles at each time to expiry.

    Parameters
    ----------
    cycles : ndarray of shape (cycles, times)
        Each row one cycle on the common grid, as `aligned` gives; NaN = not known.
    """
    known = ~np.isnan(cycles)
    count = known.sum(axis=0)
    some = np.where(count > 0, count, np.nan)
    mean = np.where(known, cycles, 0.0).sum(axis=0) / some
    squares = np.where(known, cycles - mean, 0.0) ** 2
    others = np.where(count > 1, count - 1.0, np.nan)
    error = np.sqrt(squares.sum(axis=0) / others / some)
    reach = stdtrit(others, 0.95) * error
    return MeanPath(mean, mean - reach, mean + reach, count)


def pool(speeds: Sequence[Speed]) -> Pooled:
    """Empirical Bayes over cycles, from the whole profile of each instead of a normal in its place.

    Parameters
    ----------
    speeds : sequence of Speed
        Of each cycle (`bridge.fit`); one without a profile takes no part, one that is not identified by
        itself does, with the little that it says.

    Returns
    -------
    Pooled
        Unknown, with the reason, with fewer than two profiles.

    Notes
    -----
    mu and omega maximise the marginal likelihood ``Π ∫ L_c(a) N(a; mu, omega²) da``; beyond `ALPHAS` L_c is
    what it is at their end. The 90 % interval of mu is an F test of deviances with 1 and cycles − 1 degrees
    of freedom: how far the log-likelihood of all falls at mu, against how far that of each cycle falls at
    the best mu of all, both at the omega that is likeliest for mu. For normal likelihoods of known errors
    it is the interval of Hartung and Knapp with omega at mu: exact if the errors are equal, however much
    or little the cycles differ. Cycles that agree better than their own errors let expect make it shorter
    than these. The interval of omega is of its own profile. The posterior of a cycle is
    averaged over mu and omega under flat priors: at the best mu and omega alone its interval would be too
    short by far, since a few cycles often give omega = 0.

    References
    ----------
    Hartung & Knapp (2001), Statistics in Medicine 20(24), for normal estimates; McCullagh & Nelder (1989),
    Generalized Linear Models, 2nd ed., ch. 9, for the dispersion by deviances.
    """
    taking = [one for one in speeds if len(one.log_likelihood)]
    if len(taking) < 2:
        reason = f"pooling is not possible: {len(taking)} cycle{'s' * (len(taking) != 1)} with a profile"
        return Pooled(unknown(reason), unknown(reason), tuple(one.alpha for one in speeds))
    profiles = np.array([one.log_likelihood for one in taking])
    likelihoods = np.exp(profiles)
    priors = [_prior(float(omega)) for omega in _OMEGAS[1:]]
    # beyond the least number that there is nothing is decided
    mixed = [np.log(np.maximum(likelihoods @ prior.T, 1e-300)) for prior in priors]
    by_cycle = np.array([profiles, *mixed])
    marginal = by_cycle.sum(axis=1)
    mu, omega = _mean(by_cycle), _spread(marginal.max(axis=1))
    if not mu.known:
        return Pooled(mu, omega, tuple(one.alpha for one in speeds))
    return Pooled(mu, omega, tuple(_posteriors(speeds, likelihoods, marginal, priors)))


@cache
def _prior(omega: float) -> Float2D:
    """Probabilities of each alpha (columns) for each mu (rows), both on `ALPHAS`; its ends take the tails."""
    return read_only(np.diff(ndtr((_EDGES[None, :] - ALPHAS[:, None]) / omega), axis=1))


def _mean(by_cycle: FloatArray) -> Estimate:
    """mu with its interval by deviances, from log-likelihoods of shape (omegas, cycles, mus)."""
    others = by_cycle.shape[1] - 1
    together = by_cycle.sum(axis=1)
    likeliest, best = together.argmax(axis=0), together.max(axis=1)
    apart = by_cycle.max(axis=2).sum(axis=1) - best  # what cycles lose by one mu
    lost = best[likeliest] - together[likeliest, np.arange(len(ALPHAS))]
    if not lost.max() > 0.0:
        return Estimate(math.nan, -math.inf, math.inf, "not identified: the cycles together do not bound mu")
    if apart[likeliest].min() <= 1e-9 * lost.max():
        return unknown("not identified: the cycles do not differ at all, as copies of one would")
    value, low, high = ends(-lost * others / apart[likeliest], float(stdtrit(others, 0.95)) ** 2)
    if math.isinf(low) or math.isinf(high):
        return Estimate(math.nan, low, high, "not identified: the cycles together do not bound mu")
    return Estimate(value, low, high)


def _spread(profile: Float1D) -> Estimate:
    """omega at its best, with the ends of its profile-likelihood interval on the grid of omegas."""
    best = int(np.argmax(profile))
    inside = np.flatnonzero(profile >= profile[best] - _HALF_CHI2)
    high = math.inf if inside[-1] == len(profile) - 1 else float(_OMEGAS[inside[-1] + 1])
    low = 0.0 if inside[0] == 0 else float(_OMEGAS[inside[0] - 1])
    if math.isinf(high):
        return Estimate(float(_OMEGAS[best]), low, high, "the cycles do not bound omega above")
    return Estimate(float(_OMEGAS[best]), low, high)


def _posteriors(
    speeds: Sequence[Speed], likelihoods: Float2D, marginal: Float2D, priors: Sequence[Float2D]
) -> Iterator[Estimate]:
    """Speed of each cycle given all, over mu and omega as likely as `marginal` (omegas, mus) makes them."""
    chances = np.exp(marginal[1:] - marginal.max()) * np.gradient(_OMEGAS[1:])[:, None]
    own = iter(likelihoods)
    for one in speeds:
        alone = len(one.log_likelihood) == 0
        likelihood = np.ones(len(ALPHAS)) if alone else next(own)
        weights = np.zeros(len(ALPHAS))
        for prior, chance in zip(priors, chances, strict=True):
            weights += (chance / np.maximum(prior @ likelihood, 1e-300)) @ prior
        weights *= likelihood / np.sum(weights * likelihood)
        low, high = np.interp((0.05, 0.95), np.cumsum(weights) - 0.5 * weights, ALPHAS)
        reason = "from the other cycles alone" if alone else ""
        yield Estimate(float(weights @ ALPHAS), float(low), float(high), reason)


def power_law(cycles: Sequence[tuple[Float1D, Float1D]]) -> Estimate:
    """Exponent p of ``ln|b| = a_c + p ln tau`` over cycles, each with a level of its own.

    Parameters
    ----------
    cycles : sequence of (to_expiry, deviation)
        As `aligned` takes them; thin them first, for hours add nothing but noise. A deviation of exactly 0
        has no logarithm and is left out, and one that changes sign has a pole on its way: near expiry, where
        noise is as large as what is left, p comes out too low. Stop some days before it.

    Returns
    -------
    Estimate
        Comparable with alpha; 1 is a constant carry. 90 % interval with errors clustered by cycle and
        Student's t with cycles − 1; NaN with fewer than two cycles of two times each.

    References
    ----------
    Cameron & Miller (2015), J. Human Resources 50, eq. 11, with G/(G − 1) for G clusters.
    """
    parts = []
    for to_expiry, deviation in cycles:
        left, values = observed(to_expiry, deviation)
        logs, heights = np.log(left[values != 0.0]), np.log(np.abs(values[values != 0.0]))
        if len(logs) > 1:
            parts.append((logs - logs.mean(), heights - heights.mean()))
    count = len(parts)
    if count < 2:
        return unknown(f"{count} cycle{'s' * (count != 1)} with two deviations or more; two are needed")
    squares = sum(float(x @ x) for x, _ in parts)
    slope = sum(float(x @ y) for x, y in parts) / squares
    scores = np.array([float(x @ (y - slope * x)) for x, y in parts])
    error = math.sqrt(count / (count - 1.0) * float(scores @ scores)) / squares
    reach = float(stdtrit(count - 1, 0.95)) * error
    return Estimate(slope, slope - reach, slope + reach)
