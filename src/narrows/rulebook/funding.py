"""Funding: from a path of premiums to the rate that a venue settles, and from stamps to payments.

Every large venue clamps an averaged premium towards an interest rate; they differ in the premium,
the weights, the constants and in when it is paid. Stamped funding (Binance, Bybit, OKX,
Hyperliquid) goes to whoever holds the position at the stamp; accrued funding (Deribit, Kraken)
runs all the time.
"""

from typing import Literal, overload

import numpy as np

from narrows.core.arrays import Float1D, FloatArray, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import HOUR_NS, iso

Number = float | FloatArray
Averaging = Literal["equal", "linear"]


def clamped(premium: Number, interest: Number, dead_band: Number, floor: Number, cap: Number) -> FloatArray:
    """``clip(clip(interest, P − dead band, P + dead band), floor, cap)``; worked out here only.

    Numbers or arrays of one shape, fractions per interval of the formula; NaN where one is. Inside the
    dead band the result is the interest, to the last bit.
    """
    return np.asarray(np.clip(np.clip(interest, premium - dead_band, premium + dead_band), floor, cap))


@overload
def clamped_rate(premium: float, interest: float, dead_band: float, cap: float) -> float: ...
@overload
def clamped_rate(premium: FloatArray, interest: float, dead_band: float, cap: float) -> FloatArray: ...
def clamped_rate(
    premium: float | FloatArray, interest: float, dead_band: float, cap: float
) -> float | FloatArray:
    """Funding rate of one interval, from the premium averaged over it.

    ``F = P + clamp(I − P, −d, +d)``, then ``clamp(F, −cap, +cap)``. The same number is
    ``clamp(I, P − d, P + d)``, which is how it is computed: inside the dead band the rate is
    the interest, to the last bit.

    Parameters
    ----------
    premium : float or ndarray
        Time-averaged premium index, fraction; NaN gives NaN.
    interest, dead_band, cap : float
        Fractions per interval of the formula; `cap` = inf where the venue has none. A venue that
        settles every N hours with constants per 8 h divides the result by 8/N.

    Returns
    -------
    float or ndarray
        Fraction per interval of the formula; positive = longs pay shorts.

    Raises
    ------
    ConfigError
        If the dead band or the cap is negative.

    References
    ----------
    Bybit help centre, "Funding rate calculation"; OKX notice of April 2025 on its funding formula;
    Hyperliquid docs, "Funding". Binance is the same before its division by 8/N.
    """
    if not (dead_band >= 0.0 and cap >= 0.0):
        raise ConfigError(
            f"dead band {dead_band} or cap {cap} is negative", "clamped_rate", "give fractions >= 0"
        )
    rate = clamped(premium, interest, dead_band, -cap, cap)
    return rate if isinstance(premium, np.ndarray) else float(rate)


def impact_premium(impact_bid: FloatArray, impact_ask: FloatArray, index: FloatArray) -> FloatArray:
    """``(max(0, bid − index) − max(0, index − ask)) / index``, fraction; 0 while the index lies between.

    Impact prices are the average fills of the venue's impact notional. Arrays of one shape; NaN
    where any is NaN.
    """
    premium: FloatArray = (np.maximum(impact_bid - index, 0.0) - np.maximum(index - impact_ask, 0.0)) / index
    return premium


def averaged(premiums: FloatArray, averaging: Averaging) -> FloatArray:
    """Mean of the samples along the last axis, shape (..., samples) → (...).

    "equal": all alike. "linear": the i-th counts i times, ``Σ i·Pᵢ / Σ i`` with i from 1, so that
    the last sample weighs 2/(n + 1). NaN where any sample is NaN.

    Raises
    ------
    ConfigError
        If there are no samples.
    """
    count = premiums.shape[-1]
    if count == 0:
        raise ConfigError("no premium samples", "averaged", "give at least one an interval")
    weights = np.arange(1.0, count + 1.0) if averaging == "linear" else np.ones(count)
    mean: FloatArray = (premiums * weights).sum(axis=-1) / weights.sum()
    return mean


def settled_rate(
    premiums: FloatArray,
    *,
    averaging: Averaging,
    interest: float,
    dead_band: float,
    cap: float,
    formula_h: float,
    interval_h: float,
) -> FloatArray:
    """Rate that a venue settles for an interval, from the premiums sampled in it.

    ``clamp(averaged premium → interest, ± dead band)`` is a rate per `formula_h`; the interval
    pays its share ``interval_h / formula_h``, and no more than the cap.

    Parameters
    ----------
    premiums : ndarray of shape (..., samples)
        Fractions, in order of time.
    averaging : "equal" or "linear"
    interest, dead_band : float
        Fractions per `formula_h`. A venue without a clamp (OKX before April 2025) has a dead band
        of 0 and so pays the premium itself.
    cap : float
        Fraction per interval; inf = none.
    formula_h, interval_h : float
        Binance and Hyperliquid state the formula for 8 h, whatever the interval; Bybit and OKX
        for the interval itself.

    Returns
    -------
    ndarray of shape (...)
        Fraction per interval; positive = longs pay shorts.

    Raises
    ------
    ConfigError
        If a length is not positive, or the dead band or the cap is negative.

    References
    ----------
    As `clamped_rate`.
    """
    if not (formula_h > 0.0 and interval_h > 0.0):
        raise ConfigError(f"{formula_h} h, {interval_h} h", "settled_rate", "give hours > 0")
    share = interval_h / formula_h
    mean = np.asarray(averaged(premiums, averaging))
    return clamped_rate(mean, interest, dead_band, cap / share) * share


def accrued_rate(
    premiums: Float1D, lasted_h: Float1D, *, interest: float, dead_band: float, cap: float, formula_h: float
) -> float:
    """Funding that runs: each premium is clamped by itself and paid for as long as it lasted.

    Parameters
    ----------
    premiums, lasted_h : ndarray of shape (samples,)
        Fractions, and for how many hours each of them held.
    interest, dead_band, cap : float
        Fractions per `formula_h`. Deribit's ``max(d, P) + min(−d, P)`` is an interest of 0.

    Returns
    -------
    float
        Fraction over all the samples; positive = longs pay shorts. NaN if a premium is NaN.

    Raises
    ------
    ConfigError
        If the dead band or the cap is negative, or `formula_h` is not positive.

    References
    ----------
    Deribit support, "Perpetual funding".
    """
    if not formula_h > 0.0:
        raise ConfigError(f"{formula_h} h", "accrued_rate", "give hours > 0")
    rates = clamped_rate(premiums, interest, dead_band, cap)
    return float((rates * lasted_h).sum() / formula_h)


def on_boundary(time_ns: Int1D, interval_h: float, tolerance_s: float) -> Int1D:
    """Stamps moved to the boundary of their interval: venues write them some milliseconds late.

    Parameters
    ----------
    time_ns : ndarray of shape (stamps,)
        Nanoseconds UTC, as recorded.
    interval_h : float
        Boundaries are whole multiples of it since midnight UTC.
    tolerance_s : float
        How far from a boundary a stamp may lie.

    Raises
    ------
    DataError
        If a stamp fits no boundary: it would otherwise be a payment that never happens.
    """
    step = round(interval_h * HOUR_NS)
    boundary: Int1D = (time_ns + step // 2) // step * step
    astray = np.flatnonzero(np.abs(time_ns - boundary) > round(tolerance_s * 1e9))
    if len(astray):
        row = int(astray[0])
        what = f"{iso(int(time_ns[row]))} is on no boundary of {interval_h:g} h ({len(astray)} in all)"
        raise DataError(what, f"funding stamps, row {row}", "check interval, unit and zone of the stamps")
    return boundary


def held_at(stamp_ns: Int1D, trade_ns: Int1D, position: Float1D) -> Float1D:
    """Position at each funding stamp, shape (stamps,): that is what pays, however long it was held.

    Parameters
    ----------
    stamp_ns : ndarray of shape (stamps,)
    trade_ns, position : ndarray of shape (trades,)
        When it changed, in order, and what was held from then on; 0 before the first. A trade at
        the stamp itself counts.
    """
    after = np.searchsorted(trade_ns, stamp_ns, side="right")
    return np.append(0.0, position)[after]
