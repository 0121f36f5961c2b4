"""A slow premium under fast noise: fitted from lags beyond the noise, and filtered bar by bar.

A premium index jumps about from minute to minute and wanders from day to day. A regression of each
bar on the one before takes the jumping for a return to the mean, and finds it many times too fast.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from narrows.analytics.estimate import constant
from narrows.analytics.ou import OU, OUArrays, half_life
from narrows.analytics.premium import FEWEST, NO_MODEL, speed_of
from narrows.core.arrays import Float1D, FloatArray, read_only
from narrows.core.errors import ConfigError

_CLIP = 4.0  # innovations beyond so many of their standard deviations count as this many


class NoisyPremium(NamedTuple):
    """An Ornstein–Uhlenbeck premium, and what every bar shows on top of it.

    Attributes
    ----------
    model : OU
        Time in hours; NaN where it is not identified.
    noise_sd : float
        Standard deviation of the noise of one bar, fraction.
    half_life_h : float
    pairs : int
        Of known premiums `lag` bars apart.
    reason : str
        Empty, or why there is no model.
    """

    model: OU
    noise_sd: float
    half_life_h: float
    pairs: int
    reason: str


def _none(pairs: int, reason: str) -> NoisyPremium:
    return NoisyPremium(NO_MODEL, math.nan, math.nan, pairs, reason)


def _together(deviation: FloatArray, lag: int) -> float:
    """Mean product of deviations `lag` bars apart; NaN = not known."""
    product = deviation[lag:] * deviation[: len(deviation) - lag]
    known = np.isfinite(product)
    return float(product[known].mean()) if known.any() else math.nan


def fit_noisy_premium(premium: Float1D, bar_h: float, lag: int) -> NoisyPremium:
    """Fit a slow premium under noise that is gone after some bars.

    Parameters
    ----------
    premium : ndarray of shape (bars,)
        Fraction; NaN = not known.
    bar_h : float
        Hours between bars.
    lag : int
        Bars after which noise is forgotten.

    Returns
    -------
    NoisyPremium
        What is kept over `lag` bars is ``γ(2·lag)/γ(lag)``: a regression on the bar before with the
        bar before that as its instrument, which noise does not bias. The rest of the variance is
        noise. Consistent, not efficient; it has no interval (`fit_premium` on averages has one).
        Deviations count up to twelve times their median size, so that no single crash is the fit.

    Raises
    ------
    ConfigError
        If bars or lag are not positive.
    """
    if not (bar_h > 0.0 and lag >= 1):
        raise ConfigError(
            f"bars of {bar_h} h, lag of {lag}", "fit_noisy_premium", "give hours > 0 and bars >= 1"
        )
    known = premium[np.isfinite(premium)]
    if len(known) < FEWEST:
        return _none(0, f"not identified: {len(known)} premiums, {FEWEST} are needed")
    middle = float(np.median(known))
    bound = 12.0 * float(np.median(np.abs(known - middle)))
    clipped = np.clip(premium, middle - bound, middle + bound)
    theta = float(np.nanmean(clipped))
    deviation = clipped - theta
    pairs = int(np.isfinite(deviation[2 * lag :] * deviation[: len(deviation) - 2 * lag]).sum())
    if pairs < FEWEST:
        return _none(pairs, f"not identified: {pairs} pairs {2 * lag} bars apart, {FEWEST} are needed")
    whole, near, far = (_together(deviation, one) for one in (0, lag, 2 * lag))
    if constant(known) or not 0.0 < far < near:
        return _none(pairs, "not identified: no slow premium is seen beyond the noise")
    kept = far / near
    variance = min(near / kept, whole)
    kappa = speed_of(kept, lag * bar_h)
    model = OU(kappa, theta, math.sqrt(2.0 * kappa * variance))
    return NoisyPremium(model, math.sqrt(whole - variance), half_life(kappa), pairs, "")


@njit(cache=True)
def _kalman(
    premium: Float1D,
    bar_h: float,
    kappa: Float1D,
    theta: Float1D,
    sigma: Float1D,
    noise: Float1D,
    clip: float,
) -> tuple[Float1D, Float1D]:
    state, spread = np.full(len(premium), np.nan), np.full(len(premium), np.nan)
    level, variance, begun = 0.0, 0.0, False
    for bar in range(len(premium)):
        if np.isnan(kappa[bar]):
            continue
        wide = sigma[bar] ** 2 / (2.0 * kappa[bar])
        if begun:
            keep = np.exp(-kappa[bar] * bar_h)
            level = theta[bar] + keep * (level - theta[bar])
            variance = keep * keep * variance + wide * (1.0 - keep * keep)
        else:
            level, variance, begun = theta[bar], wide, True
        if not np.isnan(premium[bar]):
            total = variance + noise[bar] ** 2
            if total > 0.0:
                reach = clip * np.sqrt(total)
                error = min(max(premium[bar] - level, -reach), reach)
                level += variance / total * error
                variance *= noise[bar] ** 2 / total
        state[bar], spread[bar] = level, np.sqrt(variance)
    return state, spread


def filtered(
    premium: Float1D, bar_h: float, model: OU | OUArrays, noise_sd: float | FloatArray
) -> tuple[Float1D, Float1D]:
    """The slow premium at each bar and how far off it may be, from the bars up to it.

    Parameters
    ----------
    premium : ndarray of shape (bars,)
        Bars of one length without holes in time; NaN = not known, and the doubt grows.
    bar_h : float
    model, noise_sd
        Of `fit_noisy_premium`: one, or arrays along the bars. NaN = no model yet.

    Returns
    -------
    (state, sd) : ndarrays of shape (bars,)
        NaN before the first model. Kalman's filter, with surprises beyond four standard deviations
        counted as four.

    Raises
    ------
    ConfigError
        If the bars have no length.
    """
    if not bar_h > 0.0:
        raise ConfigError(f"bars of {bar_h} h", "filtered", "give hours > 0")

    def along(part: float | FloatArray) -> FloatArray:
        return read_only(np.broadcast_to(np.asarray(part, dtype=np.float64), premium.shape))

    kappa, theta, sigma = (along(part) for part in model)
    return _kalman(read_only(premium), bar_h, kappa, theta, sigma, along(noise_sd), _CLIP)
