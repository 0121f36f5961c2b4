"""The Ornstein–Uhlenbeck process: what it does over a step, how likely a sample is, and samples of it."""

import math
from typing import NamedTuple, cast

import numpy as np
from numba import njit

from narrows.core.arrays import Float1D, FloatArray, Int1D
from narrows.core.errors import ConfigError, DataError


class OU(NamedTuple):
    """``dX = kappa (theta − X) dt + sigma dW``.

    Attributes
    ----------
    kappa : float
        Speed of reversion per unit of time; whichever unit the times are given in. 0 is a random
        walk, below 0 the process leaves its mean.
    theta : float
        Mean, in units of X.
    sigma : float
        Volatility, units of X per square root of the unit of time.
    """

    kappa: float
    theta: float
    sigma: float


class OUArrays(NamedTuple):
    """`OU` of each of many bars or series, as arrays of one shape; NaN where there is none.

    Attributes
    ----------
    kappa, theta, sigma : ndarray
        As `OU`.
    """

    kappa: FloatArray
    theta: FloatArray
    sigma: FloatArray

    @property
    def half_life(self) -> FloatArray:
        """``ln 2/kappa``, in the unit of time of `kappa`."""
        return np.divide(np.log(2.0), self.kappa)


class Sample(NamedTuple):
    """The known values of a series, at rising times.

    Attributes
    ----------
    values, time : ndarray of shape (n,)
    row : ndarray of shape (n,)
        Where each stood in the series it was taken from.
    """

    values: Float1D
    time: Float1D
    row: Int1D


def known_sample(values: FloatArray, time: FloatArray) -> Sample:
    """The values that are not NaN, with their times; a gap becomes a longer step.

    Raises
    ------
    ConfigError
        If `values` and `time` are not arrays of one length.
    DataError
        If a time is not finite or not after the one before, or a value is infinite.
    """
    series, clock = np.asarray(values, dtype=np.float64), np.asarray(time, dtype=np.float64)
    if series.ndim != 1 or series.shape != clock.shape:
        raise ConfigError(
            f"values {series.shape} and time {clock.shape}", "sample", "give one time for each value"
        )
    if not np.isfinite(clock).all():
        raise DataError(
            "a time that is not finite", f"sample: row {int(np.isfinite(clock).argmin())}", "mend it"
        )
    late = np.diff(clock) <= 0.0
    if late.any():
        at = int(late.argmax()) + 1
        what = f"time {clock[at]:g} is not after {clock[at - 1]:g}"
        raise DataError(what, f"sample: row {at}", "sort, and drop duplicates")
    if np.isinf(series).any():
        raise DataError(
            "an infinite value", f"sample: row {int(np.isinf(series).argmax())}", "give NaN for not known"
        )
    row = np.flatnonzero(~np.isnan(series))
    return Sample(series[row], clock[row], row)


def transition(ou: OU, dt: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """``X(t + dt) | X(t)`` is normal with mean ``theta + (X − theta)·phi`` and this variance.

    Parameters
    ----------
    ou : OU
    dt : float or ndarray
        Step, in the unit of time of `ou`; not below 0.

    Returns
    -------
    phi, variance : ndarray of the shape of `dt`
        ``phi = e^(−kappa dt)``; ``variance = sigma²(1 − phi²)/(2 kappa)``, for kappa = 0 the random
        walk's ``sigma² dt``.
    """
    step = np.asarray(dt, dtype=np.float64)
    if ou.kappa == 0.0:
        return np.ones_like(step), ou.sigma**2 * step
    return np.exp(-ou.kappa * step), ou.sigma**2 * -np.expm1(-2.0 * ou.kappa * step) / (2.0 * ou.kappa)


def stationary_sd(ou: OU) -> float:
    """Standard deviation about the mean in the long run, ``sigma/√(2 kappa)``; inf if kappa ≤ 0."""
    return ou.sigma / math.sqrt(2.0 * ou.kappa) if ou.kappa > 0.0 else math.inf


def half_life(kappa: float) -> float:
    """Time in which the expected deviation halves, ``ln 2/kappa``; inf if kappa ≤ 0, 0 if it is inf."""
    return math.log(2.0) / kappa if kappa > 0.0 else (math.nan if math.isnan(kappa) else math.inf)


def log_likelihood(ou: OU, values: FloatArray, time: FloatArray) -> float:
    """Exact log-likelihood of a sample, given its first value.

    Parameters
    ----------
    ou : OU
    values : ndarray of shape (n,)
        NaN = not known, skipped: the step over it is longer.
    time : ndarray of shape (n,)
        Strictly rising, in the unit of time of `ou`; steps may differ.

    Returns
    -------
    float
        NaN if fewer than two values are known. The stationary law of the first value is left out:
        a spread is often looked at because it is far from its mean.

    Raises
    ------
    ConfigError, DataError
        As `known_sample`.
    """
    sample = known_sample(values, time)
    if len(sample.values) < 2:
        return math.nan
    phi, variance = transition(ou, np.diff(sample.time))
    error = sample.values[1:] - ou.theta - phi * (sample.values[:-1] - ou.theta)
    return float(-0.5 * (np.log(2.0 * math.pi * variance) + error**2 / variance).sum())


@njit(cache=True)
def _walk(start: float, phi: Float1D, shock: Float1D) -> Float1D:
    out = np.empty(len(shock) + 1)
    out[0] = start
    for step in range(len(shock)):
        out[step + 1] = phi[step] * out[step] + shock[step]
    return out


def simulate(ou: OU, time: FloatArray, random: np.random.Generator, start: float | None = None) -> Float1D:
    """One exact path at the given times.

    Parameters
    ----------
    ou : OU
    time : ndarray of shape (n,)
        Strictly rising; steps may differ.
    random : Generator
    start : float, optional
        Value at the first time; without it a draw from the stationary law.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ConfigError
        If there is no stationary law to draw from.
    """
    if start is None and not ou.kappa > 0.0:
        raise ConfigError(f"kappa {ou.kappa:g} has no stationary law", "ou simulate", "give a start")
    first = stationary_sd(ou) * random.standard_normal() if start is None else start - ou.theta
    phi, variance = transition(ou, np.diff(np.asarray(time, dtype=np.float64)))
    shocks = np.sqrt(variance) * random.standard_normal(len(phi))
    return cast(Float1D, ou.theta + _walk(first, phi, shocks))
