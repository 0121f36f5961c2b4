"""What a power bridge of known speed promises: the path to delivery, when it is half way, when to leave.

Parameters are taken as known; their uncertainty is the reader's to add, by asking at both ends of the
interval of alpha. Time to expiry is in any unit, one throughout.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from narrows.analytics.bridge import moments
from narrows.analytics.estimate import Estimate
from narrows.core.arrays import Float1D, Float2D, FloatArray
from narrows.core.errors import ConfigError


def expected_path(
    b: float, to_expiry: float, at: Float1D, *, alpha: float, sigma: float, levels: tuple[float, ...]
) -> tuple[Float1D, Float2D]:
    """Mean of what remains, shape (times,), and its quantiles, shape (levels, times), given the parameters.

    Parameters
    ----------
    b, to_expiry : float
        Deviation and time to expiry now.
    at : ndarray of shape (times,)
        Times to expiry to come, from `to_expiry` down to 0.
    alpha, sigma : float
        As in `moments`. Their own uncertainty is not in the quantiles: draw the path at both ends of the
        interval of alpha too.
    levels : tuple of float
        Probabilities inside 0 … 1.

    Raises
    ------
    ConfigError
        As `moments`, or if a level is not between 0 and 1.
    """
    if not all(0.0 < level < 1.0 for level in levels):
        raise ConfigError(f"quantile levels {levels}", "expected_path", "give probabilities between 0 and 1")
    mean, variance = moments(b, -to_expiry, -np.asarray(at, np.float64), alpha, sigma, 0.0)
    return mean, mean + np.outer(ndtri(np.array(levels)), np.sqrt(variance))


def halving_time(to_expiry: float, alpha: Estimate) -> Estimate:
    """Time until the expected deviation is half of what it is, ``to_expiry · (1 − 2^(−1/alpha))``.

    In the unit of `to_expiry`, with the interval of alpha turned over; inf where alpha is 0 or less, since
    then it never halves. Passes on the reason of an alpha that is not known.
    """
    if not to_expiry > 0.0:
        raise ConfigError(f"{to_expiry} to expiry", "halving_time", "it must be positive")

    def half(one: float) -> float:
        return (
            to_expiry * -math.expm1(-math.log(2.0) / one)
            if one > 0.0
            else math.inf
            if one <= 0.0
            else math.nan
        )

    return Estimate(half(alpha.value), half(alpha.hi), half(alpha.lo), alpha.reason)


def within_probability(
    b: float, to_expiry: float, at: FloatArray | float, width: float, *, alpha: float, sigma: float
) -> FloatArray:
    """Probability that the deviation stands within ±`width` at the times to expiry `at`.

    Where it stands then, whatever it did in between: `close_probability` says whether it was there by
    then. Given the parameters; arguments as in `expected_path`.
    """
    mean, variance = moments(b, -to_expiry, -np.asarray(at, np.float64), alpha, sigma, 0.0)
    spread = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = ndtr((width - mean) / spread) - ndtr((-width - mean) / spread)
    return np.where(spread > 0.0, inside, np.abs(mean) <= width)


def close_probability(
    b: float, to_expiry: float, by: float, width: float, *, alpha: float, sigma: float, steps: int = 400
) -> float:
    """Probability that the deviation comes within ±`width` at some time before `by` to expiry.

    Parameters
    ----------
    b, to_expiry : float
        Deviation and time to expiry now.
    by : float
        Time to expiry of the date, 0 < by ≤ to_expiry.
    width : float
        Not negative; 1 if b is inside already. 0: that fair value is met.
    alpha, sigma : float
        As in `moments`, sigma > 0. Watched without a pause: a look every hour sees it a little later.
    steps : int
        Of the integral equation, in the logarithm of the time to expiry; the denser the nearer to now, where
        a deviation just outside the width comes in at once.

    Raises
    ------
    ConfigError
        If an argument is outside its range.

    Notes
    -----
    ``B / tau^alpha`` is a Brownian motion on the clock ``∫ sigma² tau^(−2 alpha)``, and the width a curved
    boundary for it; its first passage solves an integral equation of the second kind whose kernel
    vanishes on the diagonal. By the trapezoidal rule, in the logarithm of the time to expiry.

    References
    ----------
    Buonocore, Nobile & Ricciardi (1987), Adv. Appl. Prob. 19, 784–800.
    """
    if not (0.0 < by <= to_expiry and width >= 0.0 and sigma > 0.0 and steps > 0):
        what = f"by {by} of {to_expiry} to expiry, width {width}, sigma {sigma}"
        raise ConfigError(what, "close_probability", "need 0 < by <= to_expiry, width >= 0 and sigma > 0")
    if abs(b) <= width:
        return 1.0
    if by == to_expiry:
        return 0.0
    place = np.linspace(0.0, 1.0, steps + 1)
    left = (by / to_expiry) ** place**4
    stride = 4.0 * math.log(to_expiry / by) * place**3 / steps  # in the logarithm, as the grid is there
    grown = left**-alpha
    clock = sigma**2 * to_expiry * moments(0.0, -1.0, -left, alpha, 1.0, 0.0).variance * grown**2
    pace = sigma**2 * to_expiry * grown**2  # of the clock, per share of the time to expiry
    edge = width * grown
    slope = alpha * edge / (left * pace)
    passed = np.zeros(steps + 1)  # density on the clock
    for n in range(1, steps + 1):
        first = _flow(abs(b) - edge[n], clock[n], slope[n])
        later = _flow(edge[1:n] - edge[n], clock[n] - clock[1:n], slope[n])
        passed[n] = first - np.sum(stride[1:n] * passed[1:n] * pace[1:n] * left[1:n] * later)
    share = float(np.trapezoid(stride * passed * pace * left))
    return min(max(share, 0.0), 1.0)


def _flow(above: FloatArray, since: FloatArray, slope: float) -> FloatArray:
    """Rate at which a Brownian motion that was `above` the edge `since` a time falls through it."""
    density = np.exp(-0.5 * above**2 / since) / np.sqrt(2.0 * math.pi * since)
    return density * (slope + above / since)


class Unwind(NamedTuple):
    """What leaving at each later time is worth in expectation, arrays of shape (times,).

    Attributes
    ----------
    gain : Float1D
        Expected narrowing captured by then, ``|b| (1 − r^alpha)``, before costs.
    per_time : Float1D
        Gain less the cost of leaving, per unit of the time held; NaN at once.
    advantage : Float1D
        What leaving then is better than holding to delivery, with the time that it frees at `worth`.
    """

    gain: Float1D
    per_time: Float1D
    advantage: Float1D


def early_unwind(
    b: float,
    to_expiry: float,
    at: Float1D,
    *,
    alpha: float,
    exit_cost: float,
    delivery_cost: float,
    worth: float,
) -> Unwind:
    """Expected gain of a convergence trade that is left early, against one that is delivered.

    Parameters
    ----------
    b, to_expiry : float
        Deviation held against, whose narrowing is the gain, and time to expiry now.
    at : ndarray of shape (times,)
        Times to expiry at which to leave, from `to_expiry` down to 0.
    alpha : float
        Above 0.
    exit_cost, delivery_cost : float
        Of leaving early (both legs, spread and fees) and of being delivered, in the unit of b.
    worth : float
        What the capital earns elsewhere per unit of time, in the unit of b; 0 = nothing waits for it.

    Notes
    -----
    Above alpha = 1 the gain comes early and its rate falls; below it the best is last, and leaving early
    pays only for what the capital earns elsewhere. The mean does not depend on sigma; the risk of waiting
    is in `expected_path`.
    """
    if not (alpha > 0.0 and exit_cost >= 0.0 and delivery_cost >= 0.0):
        what = f"alpha = {alpha}, costs {exit_cost} and {delivery_cost}"
        raise ConfigError(what, "early_unwind", "need alpha > 0 and costs that are not negative")
    when = np.asarray(at, dtype=np.float64)
    remains = np.abs(moments(b, -to_expiry, -when, alpha, 0.0, 0.0).mean)
    gain = abs(b) - remains
    held = np.where(when < to_expiry, to_expiry - when, np.nan)
    cost = np.where(when == 0.0, delivery_cost, exit_cost)
    advantage = (gain - cost + worth * when) - (abs(b) - delivery_cost)
    return Unwind(gain, (gain - cost) / held, advantage)
