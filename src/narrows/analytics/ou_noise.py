"""An Ornstein–Uhlenbeck process seen through noise: a bouncing quote must not pass for fast convergence."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.interpolate import CubicSpline

from narrows.analytics.estimate import Estimate, unknown
from narrows.analytics.ou import OU, known_sample
from narrows.analytics.ou_fit import speed_estimates, unusable
from narrows.analytics.ou_profile import SLOWEST, Roots, axis, quantile_curves
from narrows.core.arrays import Float1D, Float2D, FloatArray

# shares of the noise in noise plus one step's own variance where the likelihood is looked at first
_SHARES = np.array((0.0, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.96, 0.99, 0.999, 0.9999))
_NODES = 40  # speeds from a random walk to no memory
_FINE = 4000


@dataclass(frozen=True)
class NoisyOUFit:
    """What a noisy series says of the process below the noise. Times in the unit of the `time` given.

    Attributes
    ----------
    ou : OU
        The most likely parameters, biased as `OUFit.ou`; NaN where nothing could be fitted.
    noise_sd : float
        The most likely standard deviation of the noise, units of X; 0 where none helps.
    kappa, half_life : Estimate
        Median-unbiased, with 90 % interval, as in `OUFit`.
    observations : int
        Known values.
    """

    ou: OU
    noise_sd: float
    kappa: Estimate
    half_life: Estimate
    observations: int


class _Best(NamedTuple):
    """The likelihood at one speed, all else at its best."""

    height: float
    effective: float
    share: float


@njit(cache=True)
def _filter(kappa: float, noise: float, x: Float1D, step: Float1D) -> tuple[float, float, float, float]:
    """Kalman filter for volatility 1: log-likelihood, best drift and squares, effective speed × span.

    The first value starts the filter, off by the noise. What the drift does to the prediction is
    carried along, so that the best drift is a regression of the innovations on it.
    """
    state, pushed, variance = x[0], 0.0, noise
    errors = cross = weight = logs = remembered = 0.0
    last, phi, push, spread = -1.0, 1.0, 0.0, 0.0
    for row in range(1, len(x)):
        if step[row - 1] != last:
            last = step[row - 1]
            decay = np.expm1(-kappa * last)
            phi, push = 1.0 + decay, -decay / kappa if kappa != 0.0 else last
            spread = push * (1.0 + 0.5 * decay)
        state, pushed, variance = phi * state, phi * pushed + push, phi * phi * variance + spread
        total = variance + noise
        error = x[row] - state
        errors += error * error / total
        cross += error * pushed / total
        weight += pushed * pushed / total
        logs += np.log(total)
        remembered += phi
        gain = variance / total
        state, pushed, variance = state + gain * error, (1.0 - gain) * pushed, gain * noise
    count = len(x) - 1
    drift = cross / weight
    squares = max(errors - cross * drift, 0.0)
    level = np.log(2.0 * np.pi * squares / count) + 1.0 if squares > 0.0 else -np.inf
    return -0.5 * (count * level + logs), drift, squares, -count * np.log(remembered / count)


@njit(cache=True)
def _best_noise(
    kappa: float, scale: float, x: Float1D, step: Float1D, shares: Float1D
) -> tuple[float, float, float]:
    """`_Best` of plain numbers: a grid, then golden section about its top."""
    heights = np.array([_filter(kappa, scale * share / (1.0 - share), x, step)[0] for share in shares])
    top = int(np.argmax(heights))
    lo, hi = shares[max(top - 1, 0)], shares[min(top + 1, len(shares) - 1)]
    golden = 0.5 * (np.sqrt(5.0) - 1.0)
    left, right = hi - golden * (hi - lo), lo + golden * (hi - lo)
    at_left = _filter(kappa, scale * left / (1.0 - left), x, step)[0]
    at_right = _filter(kappa, scale * right / (1.0 - right), x, step)[0]
    for _ in range(12):
        if at_left > at_right:
            hi, right, at_right = right, left, at_left
            left = hi - golden * (hi - lo)
            at_left = _filter(kappa, scale * left / (1.0 - left), x, step)[0]
        else:
            lo, left, at_left = left, right, at_right
            right = lo + golden * (hi - lo)
            at_right = _filter(kappa, scale * right / (1.0 - right), x, step)[0]
    share = 0.5 * (lo + hi)
    height, _, _, effective = _filter(kappa, scale * share / (1.0 - share), x, step)
    return (height, effective, share) if height > heights[top] else (heights[top], effective, shares[top])


def _first_below(excess: Float1D) -> int:
    """How many places from the first are not below 0."""
    return len(excess) if (excess >= 0.0).all() else int((excess < 0.0).argmax())


def _last_above(excess: Float1D) -> int:
    """How many places there are up to the last that is not below 0."""
    return int(np.flatnonzero(excess >= 0.0)[-1]) + 1 if (excess >= 0.0).any() else 0


def _roots(nodes: Float1D, found: Float2D, span: float, curves: Float2D) -> Roots:
    """Point and interval, from splines through the heights and effective speeds at nodes."""
    fine = np.linspace(nodes[0], nodes[-1], _FINE)
    height, effective = (CubicSpline(nodes, row)(fine) for row in found)
    best = int(height.argmax())
    root = np.sqrt(2.0 * np.maximum(height[best] - height, 0.0)) * np.where(fine < fine[best], 1.0, -1.0)
    places, speeds = fine[fine >= 0.0], np.log1p(np.maximum(effective[fine >= 0.0], 0.0))
    excess = [root[fine >= 0.0] - np.interp(speeds, curves[0], row) for row in curves[1:4]]
    counts = (_first_below(excess[1]), _first_below(excess[2]), _last_above(excess[0]))
    median, lo, hi = (
        0.0 if n == 0 else math.inf if n == len(places) else float(np.sinh(places[n]) / span) for n in counts
    )
    top = math.inf if best == _FINE - 1 else float(np.sinh(fine[best]) / span)
    return Roots(top, median, lo, hi)


def fit_noisy_ou(values: FloatArray, time: FloatArray) -> NoisyOUFit:
    """Fit OU plus white noise by the Kalman filter's likelihood.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The gap with its noise, any unit. NaN = not known, skipped.
    time : ndarray of shape (n,)
        Strictly rising, in any unit of time; kappa is per that unit. Steps may differ.

    Returns
    -------
    NoisyOUFit
        With fewer than 11 known values, or values that never change, NaN with a reason.

    Raises
    ------
    ConfigError, DataError
        As `known_sample`.

    Notes
    -----
    Interval as in `fit_ou`, from the likelihood with the noise maximised out as well; the table was
    made without noise. Ten to twenty times slower than `fit_ou`. Much noise and few bars widen the
    interval, rightly; for coverage see docs/coverage/ou.md.

    References
    ----------
    Durbin & Koopman (2012), Time Series Analysis by State Space Methods, chapters 2 and 7;
    de Jong (1991) for the drift carried along.
    """
    sample = known_sample(values, time)
    count = len(sample.values)
    if reason := unusable(sample.values):
        return NoisyOUFit(OU(*[math.nan] * 3), math.nan, unknown(reason), unknown(reason), count)
    centre = float(sample.values.mean())
    x, step = sample.values - centre, np.diff(sample.time)
    span, scale = float(step.sum()), float(np.median(step))
    coarse = axis(span, SLOWEST / scale)
    nodes = np.concatenate((coarse[coarse < 0.0], np.linspace(0.0, coarse[-1], _NODES)))
    tried = [_Best(*_best_noise(float(np.sinh(at)) / span, scale, x, step, _SHARES)) for at in nodes]
    heights = np.array([(best.height, best.effective) for best in tried]).T
    found = _roots(nodes, heights, span, quantile_curves(count - 1))
    kappa, life = speed_estimates(found)
    speed = min(found.best, SLOWEST / scale)
    share = _best_noise(speed, scale, x, step, _SHARES)[2]
    noise = scale * share / (1.0 - share)
    _, drift, squares, _ = _filter(speed, noise, x, step)
    sigma = math.sqrt(squares / (count - 1))
    theta = centre + drift / speed if speed != 0.0 else math.nan
    return NoisyOUFit(OU(found.best, theta, sigma), sigma * math.sqrt(noise), kappa, life, count)
