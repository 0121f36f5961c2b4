"""What the running funding interval will settle at, in closed form from the premium so far."""

from typing import NamedTuple, TypeVar

import numpy as np

from narrows.analytics.clamp import clamp_of, clamped_moments, pinned_chance
from narrows.analytics.ou import OU, OUArrays
from narrows.core.arrays import Float1D, FloatArray, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import HOUR_NS
from narrows.rulebook.funding import Averaging
from narrows.rulebook.rules import FundingRule

Number = float | FloatArray
_Model = TypeVar("_Model", bound=OU | OUArrays)

_NODES, _SHARES = np.polynomial.legendre.leggauss(16)
_NEAR = 1.0  # κ·D up to which integrals are summed: their closed forms are differences of near-equals there


class Nowcast(NamedTuple):
    """What is known of an interval before it settles; arrays of one shape, NaN where not known.

    Attributes
    ----------
    rate, rate_sd : ndarray
        Expected rate and its standard deviation, fractions per interval; positive = shorts receive.
    premium, premium_sd : ndarray
        The same of the averaged premium, before the clamp.
    pinned : ndarray
        Probability that the premium ends inside the dead band.
    left_h : ndarray
        Hours to the settlement.
    """

    rate: FloatArray
    rate_sd: FloatArray
    premium: FloatArray
    premium_sd: FloatArray
    pinned: FloatArray
    left_h: FloatArray


def checked(model: _Model) -> _Model:
    """The model, if it reverts: speed > 0 and volatility >= 0, where they are known.

    Raises
    ------
    ConfigError
    """
    speed, noise = np.asarray(model.kappa), np.asarray(model.sigma)
    if (speed <= 0.0).any() or (noise < 0.0).any():
        what = f"kappa down to {np.nanmin(speed):g}, sigma down to {np.nanmin(noise):g}"
        raise ConfigError(what, "premium model", "a premium that reverts has kappa > 0 and sigma >= 0")
    return model


def decayed(kappa: Number, span: Number) -> FloatArray:
    """``∫₀ˢᵖᵃⁿ e^{−κw} dw``."""
    return np.asarray(-np.expm1(-np.multiply(kappa, span)) / kappa)


def decayed_moment(kappa: Number, span: Number) -> FloatArray:
    """``∫₀ˢᵖᵃⁿ w e^{−κw} dw``; by its series where the closed form cancels."""
    x = np.multiply(kappa, span)
    series = np.square(span) * (0.5 - x * (1 / 3 - x * (1 / 8 - x / 30)))
    return np.where(x < 1e-4, series, (decayed(kappa, span) - span * np.exp(-x)) / kappa)


def loading(averaging: Averaging, interval_h: Number, kappa: Number, span: Number) -> FloatArray:
    """What a deviation of the premium `span` hours before the settlement adds to the interval's average."""
    mean = decayed(kappa, span)
    if averaging == "equal":
        return np.asarray(mean / interval_h)
    return np.asarray(
        2.0 * ((interval_h - span) * mean + decayed_moment(kappa, span)) / np.square(interval_h)
    )


def _weight_of(averaging: Averaging, elapsed: FloatArray) -> FloatArray:
    """Share of an interval's weights that a share of its time has."""
    return elapsed if averaging == "equal" else elapsed * elapsed


def average_variance(averaging: Averaging, interval_h: Number, kappa: Number, span: Number) -> FloatArray:
    """Variance that the last `span` hours add to the average of an interval, for a volatility of 1.

    ``∫₀ˢᵖᵃⁿ G(v)² dv`` with G the `loading` of a shock v hours before the end.
    """
    kappa, span, length = np.broadcast_arrays(*(np.asarray(one, float) for one in (kappa, span, interval_h)))
    nodes = span[..., None] * (0.5 + 0.5 * _NODES)
    near = loading(averaging, length[..., None], kappa[..., None], nodes)
    summed = (near * near * (0.5 * _SHARES)).sum(axis=-1) * span  # no BLAS: its bits depend on the length
    e, mean = np.exp(-kappa * span), decayed(kappa, span)
    twice = -np.expm1(-2.0 * kappa * span) / (2.0 * kappa)
    if averaging == "equal":
        closed = (span - 2.0 * mean + twice) / np.square(kappa * length)
    else:
        top = length + 1.0 / kappa
        line = (top**3 - (top - span) ** 3) / 3.0
        mixed = top * mean - (mean - span * e) / kappa
        closed = 4.0 * (line - 2.0 * top * mixed + top * top * twice) / (kappa * length * length) ** 2
    return np.asarray(np.where(kappa * span <= _NEAR, summed, closed))


def average_ahead(
    averaging: Averaging,
    interval_h: float,
    elapsed_h: Number,
    average: Number,
    last: Number,
    model: OU | OUArrays,
    last_sd: Number = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of an interval's average premium, given its running average.

    Parameters
    ----------
    averaging : "equal" or "linear"
        Linear weights grow with the time since the interval began.
    interval_h : float
    elapsed_h : float or ndarray
        Hours since it began, in [0, interval_h].
    average : float or ndarray
        Average so far, with the same kind of weights; not read at elapsed 0.
    last : float or ndarray
        The premium now.
    model : OU or OUArrays
        Of the premium; time in hours.
    last_sd : float or ndarray
        How far off that may be, where it is filtered out of noisy bars
        (`narrows.analytics.premium_noise`).

    Returns
    -------
    (mean, sd) : ndarrays of the joint shape, in the unit of the premium

    Notes
    -----
    The venue's samples, some seconds apart, are taken as continuous.

    Raises
    ------
    ConfigError
        If the interval is not positive, an elapsed time outside it, or the model does not revert.
    """
    kappa, theta, sigma = checked(model)
    elapsed = np.asarray(elapsed_h, float)
    if not interval_h > 0.0 or (elapsed < 0.0).any() or (elapsed > interval_h).any():
        what = f"elapsed {np.nanmin(elapsed):g} … {np.nanmax(elapsed):g} h of {interval_h:g} h"
        raise ConfigError(what, "average_ahead", "give hours inside the interval")
    known = _weight_of(averaging, elapsed / interval_h)
    so_far = np.where(elapsed == 0.0, 0.0, known * average)
    span = interval_h - elapsed
    gain = loading(averaging, interval_h, kappa, span)
    ahead = theta * (1.0 - known) + (last - np.asarray(theta)) * gain
    ahead = np.where(elapsed == interval_h, 0.0, ahead)  # nothing ahead: the last premium may be unknown
    doubt = np.where(elapsed == interval_h, 0.0, np.square(gain * last_sd))
    spread = np.square(sigma) * average_variance(averaging, interval_h, kappa, span) + doubt
    mean, sd = np.broadcast_arrays(so_far + ahead, np.sqrt(spread))
    return mean, sd


def nowcast(
    rule: FundingRule,
    model: OU | OUArrays,
    elapsed_h: Number,
    average: Number,
    last: Number,
    last_sd: Number = 0.0,
) -> Nowcast:
    """The rate that the running interval will settle at, expected through the clamp.

    Parameters
    ----------
    rule : FundingRule
        Stamped. Where it `applies` to the next interval, this is what that will pay.
    model : OU or OUArrays
        Of the premium, in the unit of the rule's interest; time in hours.
    elapsed_h, average, last, last_sd
        As `average_ahead`.

    Raises
    ------
    ConfigError
        As `average_ahead`; if the rule is accrued (every moment is clamped by itself: see
        `narrows.analytics.horizon.forecast_funding`) or not usable.
    """
    if rule.style == "accrued":
        raise ConfigError(
            "accrued funding has no interval to nowcast", "nowcast", "use horizon.forecast_funding"
        )
    mean, sd = average_ahead(rule.weights, rule.interval_h, elapsed_h, average, last, model, last_sd)
    clamp, share = clamp_of(rule), rule.interval_h / rule.formula_h
    rate, rate_sd = clamped_moments(mean, sd, clamp)
    left = np.broadcast_to(rule.interval_h - np.asarray(elapsed_h, float), mean.shape)
    parts = (rate * share, rate_sd * share, mean, sd, pinned_chance(mean, sd, clamp), left)
    # one NaN: its sign would depend on the length of the array
    return Nowcast(*(np.where(np.isnan(part), np.nan, part) for part in parts))


def running_average(
    premium: Float1D, time_ns: Int1D, interval_h: float, averaging: Averaging
) -> tuple[Float1D, Float1D]:
    """Hours since each bar's interval began, and the average premium since then.

    Intervals end on whole multiples of their length since midnight UTC. Between closes the premium
    runs along a straight line.

    Parameters
    ----------
    premium : ndarray of shape (bars,)
        At the closes, fraction; NaN = not known, and then no average until the next interval.
    time_ns : ndarray of shape (bars,)
        The closes, increasing.

    Returns
    -------
    elapsed_h, average : ndarrays of shape (bars,)
        At a boundary the old interval is over: elapsed 0, average NaN, as before an interval's
        first whole bar and after a gap in time that spans a boundary.

    Raises
    ------
    ConfigError
        If the interval is not a positive whole number of nanoseconds.
    DataError
        If the shapes differ or the times do not increase.
    """
    step = round(interval_h * HOUR_NS)
    if step < 1:
        raise ConfigError(f"interval of {interval_h} h", "running_average", "give hours > 0")
    if premium.shape != time_ns.shape or (np.diff(time_ns) <= 0).any():
        what = f"{len(premium)} premiums at {len(time_ns)} times that must increase"
        raise DataError(what, "running_average", "give one premium for each bar, in order")
    elapsed = (time_ns % step) / HOUR_NS
    average = np.full(len(premium), np.nan)
    total = np.nan
    for row in range(len(premium)):
        if elapsed[row] == 0.0:
            total = 0.0
            continue
        whole = row > 0 and time_ns[row] // step == time_ns[row - 1] // step
        total = total + _along(premium, elapsed, row, averaging) if whole else np.nan
        average[row] = total / (elapsed[row] if averaging == "equal" else 0.5 * elapsed[row] ** 2)
    return elapsed, average


def _along(premium: Float1D, elapsed: Float1D, row: int, averaging: Averaging) -> float:
    """Weighted integral of the straight line from the previous close to this one."""
    start, end = float(elapsed[row - 1]), float(elapsed[row])
    first, last = float(premium[row - 1]), float(premium[row])
    if averaging == "equal":
        return (end - start) * 0.5 * (first + last)
    return (end - start) * (first * (2.0 * start + end) + last * (start + 2.0 * end)) / 6.0


def nowcast_series(
    rule: FundingRule,
    model: OU | OUArrays,
    premium: Float1D,
    time_ns: Int1D,
    *,
    state: tuple[Float1D, Float1D] | None = None,
) -> Nowcast:
    """`nowcast` at the close of every bar, from nothing but the bars up to it.

    Parameters
    ----------
    rule : FundingRule
        In force throughout; call once for each stretch between its changes.
    model : OU or OUArrays
        Time in hours. One, or arrays along the bars: a model of each bar's own past keeps the series causal.
    premium, time_ns : ndarrays of shape (bars,)
        As `running_average`, which may raise.
    state : (last, last_sd), ndarrays of shape (bars,), optional
        The premium at each close freed of its noise (`narrows.analytics.premium_noise.filtered`).
        Default: the premium itself. The average so far is of the premium as it was, noise and all:
        so the venue averages it.

    Returns
    -------
    Nowcast of arrays of shape (bars,)
        At a settlement: of the interval that begins there. NaN where the average or the premium is
        not known.
    """
    elapsed, average = running_average(premium, time_ns, rule.interval_h, rule.weights)
    last, last_sd = (premium, 0.0) if state is None else state
    return nowcast(rule, model, elapsed, average, last, last_sd)
