"""When an Ornstein–Uhlenbeck gap first reaches a level: how soon, how likely, what is paid until then.

A gap is inside a band from `lo` to `hi` once it has reached the level ``min(max(start, lo), hi)``;
a start inside the band is its own level, and needs no time.
"""

import math

import numpy as np
from scipy.integrate import quad
from scipy.interpolate import CubicHermiteSpline
from scipy.linalg import solve_triangular
from scipy.special import erfcx, ndtr

from narrows.analytics.ou import OU, stationary_sd
from narrows.core.arrays import Float1D, FloatArray
from narrows.core.errors import ConfigError

_CELLS = 400
_PIECES = 1000
_SETTLED = 36.0  # times 1/kappa after which nothing is remembered: e^-36
_NEVER = 37.0  # standard deviations beyond the mean at which the expected time overflows


def _checked(ou: OU, start: float, level: float) -> None:
    if not all(map(math.isfinite, (*ou, start, level))):
        raise ConfigError(
            f"{ou}, start {start}, level {level}: not all finite", "passage", "fit the process first"
        )
    if ou.sigma <= 0.0:
        raise ConfigError(f"sigma {ou.sigma:g}", "passage", "give a volatility above 0")


def _standard(ou: OU, start: float, level: float) -> tuple[float, float]:
    """Start and level in stationary deviations from the mean, mirrored so that the start is above."""
    side = 1.0 if start >= level else -1.0
    scale = side / stationary_sd(ou)
    return (start - ou.theta) * scale, (level - ou.theta) * scale


def expected_passage_time(ou: OU, start: float, level: float) -> float:
    """Expected time until the gap first reaches a level.

    Parameters
    ----------
    ou : OU
    start, level : float
        In the unit of the gap; the start may be on either side.

    Returns
    -------
    float
        In the unit of time of `ou`. 0 from the level itself; inf if kappa ≤ 0, or if the level lies
        more than 37 stationary deviations beyond the mean.

    Raises
    ------
    ConfigError
        If a parameter, the start or the level is not finite, or sigma not above 0.

    Notes
    -----
    From above, in stationary deviations: ``(1/kappa) ∫ M(y) dy`` from level to start, M the Mills
    ratio, here ``√(π/2) erfcx(y/√2)``, which neither overflows above the mean nor cancels.

    References
    ----------
    Darling & Siegert (1953), The First Passage Problem for a Continuous Markov Process, Annals of
    Mathematical Statistics 24.
    """
    _checked(ou, start, level)
    if start == level:
        return 0.0
    if ou.kappa <= 0.0:
        return math.inf
    above, below = _standard(ou, start, level)
    if below < -_NEVER:
        return math.inf
    mills = quad(lambda y: erfcx(y / math.sqrt(2.0)), below, above, epsabs=0.0, epsrel=1e-11, limit=200)[0]
    return math.sqrt(0.5 * math.pi) * float(mills) / ou.kappa


def expected_premium_paid(ou: OU, start: float, level: float) -> float:
    """Expected integral of the gap over time until it first reaches a level.

    Where the gap is a premium and funding pays ``c0 + c1·premium`` per unit of time, a position held
    from `start` to `level` expects ``c0·expected_passage_time + c1·expected_premium_paid`` of it.

    Parameters
    ----------
    ou, start, level
        As in `expected_passage_time`.

    Returns
    -------
    float
        Unit of the gap times unit of time, ``theta·E[tau] + (start − level)/kappa`` by optional
        stopping. NaN if kappa ≤ 0 and the start is not the level: it need not exist.

    Raises
    ------
    ConfigError
        As `expected_passage_time`.
    """
    time = expected_passage_time(ou, start, level)
    if time == 0.0:
        return 0.0
    return ou.theta * time + (start - level) / ou.kappa if ou.kappa > 0.0 else math.nan


def _reached_below(level: float, deviation: float, elapsed: FloatArray) -> FloatArray:
    """Probability to be below the level some time after a deviation; standard OU of speed 1."""
    kept = np.exp(-elapsed)
    return np.asarray(ndtr((level - deviation * kept) / np.sqrt(-np.expm1(-2.0 * elapsed))))


def _kernel_integral(level: float) -> CubicHermiteSpline:
    """Integral from 0 of the probability to be below the level that one left some time ago."""
    # the probability starts like a square root and has settled after _SETTLED
    ends = _SETTLED * (np.arange(_PIECES + 1) / _PIECES) ** 2
    width, gauss = np.diff(ends), np.sqrt(1.0 / 12.0)
    inside = [_reached_below(level, level, ends[:-1] + (0.5 + side * gauss) * width) for side in (-1.0, 1.0)]
    area = np.concatenate(([0.0], np.cumsum(0.5 * width * (inside[0] + inside[1]))))
    slope = np.concatenate(([0.5], _reached_below(level, level, ends[1:])))
    return CubicHermiteSpline(ends, area, slope)


def _first_passage(above: float, level: float, until: Float1D) -> FloatArray:
    """Distribution of the first passage from above at rising times; standard OU of speed 1."""
    # passages come early and late: cells grow from the start
    grid = np.unique(np.concatenate((until[-1] * (np.arange(1, _CELLS + 1) / _CELLS) ** 2, until)))
    edges = np.concatenate(([0.0], grid))
    elapsed = np.maximum(grid[:, None] - edges[None, :], 0.0)
    settled = np.maximum(elapsed - _SETTLED, 0.0) * float(ndtr(level))
    area = _kernel_integral(level)(np.minimum(elapsed, _SETTLED)) + settled
    kernel = (area[:, :-1] - area[:, 1:]) / np.diff(edges)
    passed = solve_triangular(kernel, _reached_below(level, above, grid), lower=True)
    reached = np.clip(np.maximum.accumulate(np.cumsum(passed)), 0.0, 1.0)
    return np.asarray(reached[np.searchsorted(grid, until)])


def passage_probability(ou: OU, start: float, level: float, within: FloatArray) -> Float1D:
    """Probability that the gap has reached a level within some times.

    Parameters
    ----------
    ou : OU
        kappa above 0.
    start, level : float
        As in `expected_passage_time`.
    within : ndarray of shape (times,)
        Times from now, in the unit of time of `ou`, not below 0; any order.

    Returns
    -------
    ndarray of shape (times,)
        In [0, 1], rising with the time; accurate to about 1e-4.

    Raises
    ------
    ConfigError
        As `expected_passage_time`; if kappa is not above 0; if a time is below 0 or not finite.

    Notes
    -----
    Solves Fortet's equation ``P(X_t < l | X_0 = x) = ∫ P(X_t < l | X_s = l) dG(s)`` for G: its kernel
    is bounded and ½ on the diagonal, so that the triangular system is well conditioned.

    References
    ----------
    Fortet (1943), Les fonctions aléatoires du type de Markoff …, J. Math. Pures Appl. 22.
    """
    _checked(ou, start, level)
    times = np.atleast_1d(np.asarray(within, dtype=np.float64))
    if ou.kappa <= 0.0:
        raise ConfigError(f"kappa {ou.kappa:g}", "passage", "give a speed above 0")
    if not (np.isfinite(times) & (times >= 0.0)).all():
        raise ConfigError("a time below 0 or not finite", "passage", "give times from now")
    if start == level:
        return np.ones(len(times))
    out = np.zeros(len(times))
    later = np.unique(times[times > 0.0])
    if len(later):
        above, below = _standard(ou, start, level)
        reached = _first_passage(above, below, ou.kappa * later)
        out[times > 0.0] = reached[np.searchsorted(later, times[times > 0.0])]
    return out
