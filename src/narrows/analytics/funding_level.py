"""The level of funding: how far the rate that a perpetual pays on average may move before a horizon ends.

A forecast at a known level knows only shocks that come back. Over the years the level itself moves far
more: it is an Ornstein–Uhlenbeck process here, seen day by day under what comes back at once.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from narrows.analytics.estimate import constant
from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.errors import DataError
from narrows.core.time import DAY_NS

FEWEST_DAYS = 30  # with a settlement
HALF_LIVES_D = np.geomspace(2.0, 730.0, 18)  # of the level; all alike likely before the days are seen
WILD = 25.0  # median deviations: a day further out counts as this far, or one crash is the motion of years
NOISE = np.geomspace(0.02, 50.0, 12)  # variance of a day's own share over that of the level; so too


class FundingLevel(NamedTuple):
    """What settled rates say of their level, a row for each half-life and noise that might be.

    Attributes
    ----------
    kappa : ndarray of shape (rows,)
        Speed per day.
    weight : ndarray of shape (rows,)
        How likely each is, given the days; sums to 1.
    scale : ndarray of shape (rows,)
        Variance of the level around its mean, squared rate per day, times what its being estimated adds.
    mean : ndarray of shape (rows,)
        Long-run level, rate per day.
    mean_variance : ndarray of shape (rows,)
        Of that mean, in units of `scale`.
    state, loading, state_variance : ndarray of shape (rows,)
        Level now is ``state + (1 − loading) · mean``, its variance at a known mean in units of `scale`.
    days : int
        With a settlement.
    """

    kappa: Float1D
    weight: Float1D
    scale: Float1D
    mean: Float1D
    mean_variance: Float1D
    state: Float1D
    loading: Float1D
    state_variance: Float1D
    days: int

    @property
    def now(self) -> float:
        """The level at the last day, rate per day; NaN if not known."""
        return float(self.weight @ (self.state + (1.0 - self.loading) * self.mean))

    @property
    def long_run(self) -> float:
        """The level that it returns to, rate per day; NaN if not known."""
        return float(self.weight @ self.mean)

    def ahead(self, horizon_h: Float1D) -> tuple[Float1D, Float1D]:
        """Mean and standard deviation of the level summed over horizons, what is estimated integrated out.

        Parameters
        ----------
        horizon_h : ndarray of shape (horizons,)
            Hours, >= 0.
        """
        days = np.asarray(horizon_h, float)[:, None] / 24.0
        kept = -np.expm1(-self.kappa * days) / self.kappa
        to_mean = days - self.loading * kept
        middle = to_mean * self.mean + kept * self.state
        shocks = 2.0 / self.kappa * (days - kept) - kept * kept
        variance = self.scale * (
            np.square(kept) * self.state_variance + shocks + np.square(to_mean) * self.mean_variance
        )
        mean = middle @ self.weight
        spread = (variance + np.square(middle - mean[:, None])) @ self.weight
        return mean, np.sqrt(np.maximum(spread, 0.0))


def daily_rates(rates: Float1D, interval_h: Float1D, time_ns: Int1D) -> Float1D:
    """Mean rate per day of each calendar day (UTC) from the first to the last settlement; NaN without one.

    Parameters
    ----------
    rates, interval_h, time_ns : ndarray of shape (settlements,)
        In order of time. The settlement of midnight belongs to the day that ends there.

    Raises
    ------
    DataError
        If they differ in length or are not in order.
    """
    if not len(rates) == len(interval_h) == len(time_ns) or (np.diff(time_ns) < 0).any():
        what = f"{len(rates)} rates, {len(interval_h)} intervals, {len(time_ns)} times"
        raise DataError(what, "daily rates", "give as many of each, in order of time")
    known = np.isfinite(rates) & (interval_h > 0.0)
    if not known.any():
        return np.empty(0)
    day = (time_ns[known] - 1) // DAY_NS
    day = day - day[0]
    paid = np.bincount(day, rates[known] / interval_h[known] * 24.0 * interval_h[known])
    hours = np.bincount(day, interval_h[known])
    with np.errstate(invalid="ignore"):
        return np.where(hours > 0.0, paid / hours, np.nan)


@njit(cache=True)
def _passed(days: Float1D, phi: float, noise: float, out: Float1D) -> None:
    """One Kalman filter over the days of a level of variance 1, and of what a mean of 1 makes of it.

    out: Σ ln F, Σ w²/F, Σ wv/F, Σ v²/F, then state, loading and variance after the last day.
    """
    value, mean, variance = 0.0, 0.0, 1.0
    out[:4] = 0.0
    for row in range(len(days)):
        if row > 0:
            value, mean = phi * value, phi * mean
            variance = phi * phi * variance + 1.0 - phi * phi
        if not np.isfinite(days[row]):
            continue
        total = variance + noise
        v, w, gain = days[row] - value, 1.0 - mean, variance / total
        out[0] += np.log(total)
        out[1] += w * w / total
        out[2] += w * v / total
        out[3] += v * v / total
        value, mean, variance = value + gain * v, mean + gain * w, variance * (1.0 - gain)
    out[4], out[5], out[6] = value, mean, variance


@njit(cache=True)
def _over_grid(days: Float1D, kappa: Float1D, noise: Float1D) -> Float2D:
    found = np.empty((len(kappa), 7))
    for row in range(len(kappa)):
        _passed(days, np.exp(-kappa[row]), noise[row], found[row])
    return found


def _tamed(days: Float1D, known: Float1D) -> Float1D:
    """The days, the wildest counted as less wild; as they are where more than half do not vary."""
    middle = float(np.median(known))
    bound = WILD * float(np.median(np.abs(known - middle)))
    if not bound > 1e-9 * float(np.abs(known).max()):
        return days
    return np.clip(days, middle - bound, middle + bound)


def fit_level(days: Float1D) -> FundingLevel:
    """What mean daily rates say of the level behind them.

    Parameters
    ----------
    days : ndarray of shape (days,)
        Rate per day, one for each day, NaN = not known.

    Returns
    -------
    FundingLevel
        NaN throughout where fewer than `FEWEST_DAYS` are known or they do not vary.

    Notes
    -----
    Level and daily noise are Gaussian with one variance each, days beyond `WILD` median deviations counted
    as that far. A market that turns wilder than its history was is not foreseen. Long-run mean and
    variance are integrated out in closed form (flat, and 1/variance), half-life and share of noise on a
    grid: a short history leaves many half-lives possible and its band is wide for that reason.

    References
    ----------
    Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter, 3.4.
    Box & Tiao (1973), Bayesian Inference in Statistical Analysis, 2.7.
    """
    kappa, noise = (one.ravel() for one in np.meshgrid(math.log(2.0) / HALF_LIVES_D, NOISE, indexing="ij"))
    known = days[np.isfinite(days)]
    count = len(known)
    if count < FEWEST_DAYS or constant(known):
        nothing = np.full(len(kappa), np.nan)
        return FundingLevel(kappa, *(nothing,) * 7, count)
    found = _over_grid(_tamed(days, known), kappa, noise)
    ln_f, ww, wv, vv, state, loading, variance = found.T
    mean = wv / ww
    left = vv - wv * mean
    likely = -0.5 * ln_f - 0.5 * np.log(ww) - 0.5 * (count - 1) * np.log(left)
    weight = np.exp(likely - likely.max())
    return FundingLevel(
        kappa=kappa,
        weight=weight / weight.sum(),
        scale=left / (count - 3),
        mean=mean,
        mean_variance=1.0 / ww,
        state=state,
        loading=loading,
        state_variance=variance,
        days=count,
    )
