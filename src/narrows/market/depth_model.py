"""Depth where no book was recorded: how it and the spread go with volatility and the hour of the day."""

from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Bool1D, Float1D, FloatArray, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import HOUR_NS

SPAN = 10e-4  # Panel.depth counts what rests within 10 bp of the mid
DAY_H = 24.0
LEAST = 50  # rows that a fit needs


class Line(NamedTuple):
    """One regression: the log of what is explained on the log of volatility and the hour of the day.

    Attributes
    ----------
    level : float
        Log at a volatility of 1 per √day, mean of the hours.
    slope, slope_se : float
        Elasticity to volatility, and its standard error with autocorrelated residuals.
    effects, effects_se : ndarray of shape (hours,)
        By how much the log at each hour differs from their mean, and standard errors.
    sd : float
        Standard deviation of the residual log.
    r2 : float
        In the sample.
    r2_ahead : float
        Of the last rows, by a fit to those before, against the mean of those before. Below 0: worse than
        saying what was usual.
    r2_shape : float
        The same with the mean error of the last rows taken away: what volatility and hour say of them once
        somebody has told their level.
    """

    level: float
    slope: float
    slope_se: float
    effects: Float1D
    effects_se: Float1D
    sd: float
    r2: float
    r2_ahead: float
    r2_shape: float

    def at(self, vol: FloatArray, hour: FloatArray, hours: Float1D) -> FloatArray:
        """Median at a volatility and an hour; between the hours of the sample on a straight line."""
        effect = np.interp(hour, hours, self.effects, period=DAY_H)
        with np.errstate(divide="ignore"):
            return np.asarray(np.exp(self.level + self.slope * np.log(vol) + effect))


class DepthModel(NamedTuple):
    """Depth and half spread of an instrument as functions of volatility and the hour of the day.

    Attributes
    ----------
    hours : ndarray of shape (hours,)
        Those that the sample has, UTC.
    depth : Line
        Of the quote value within 10 bp of the mid, one side.
    half_spread : Line
        Of the half spread, a fraction of the mid. A spread is a whole number of ticks: where it is one tick
        nearly always, as of BTC, this has little to explain.
    rows : int
        Rows of the fit.
    """

    hours: Float1D
    depth: Line
    half_spread: Line
    rows: int

    def at(self, vol: float | FloatArray, hour: float | FloatArray) -> tuple[FloatArray, FloatArray]:
        """Depth (quote within 10 bp, one side) and half spread (fraction), medians.

        Parameters
        ----------
        vol : float or ndarray
            Trailing volatility, a fraction per √day, as `trailing_vol` measures it. NaN gives NaN; 0, of a
            price that stood still, says nothing about a book and gives NaN.
        hour : float or ndarray
            Of the day, UTC.
        """
        known = np.asarray(vol, dtype=np.float64)
        usable = np.where(known > 0.0, known, np.nan)
        when = np.asarray(hour, dtype=np.float64)
        return self.depth.at(usable, when, self.hours), self.half_spread.at(usable, when, self.hours)


def hour_of_day(time_ns: Int1D) -> Float1D:
    """Hours since midnight UTC."""
    return np.asarray((time_ns % (24 * HOUR_NS)) / HOUR_NS)


def trailing_vol(time_ns: Int1D, price: Float1D, window_h: float) -> Float1D:
    """Volatility over the hours up to each time, as a fraction per √day.

    Parameters
    ----------
    time_ns : ndarray of shape (times,)
        Rising, evenly spaced or not.
    price : ndarray of shape (times,)
        Known at that time; NaN = not known.
    window_h : float

    Returns
    -------
    ndarray of shape (times,)
        Root of the squared log returns that began and ended in ``[t − window, t]`` over their time; NaN
        where these make up less than half of the window. It depends on nothing outside of that.

    Raises
    ------
    ConfigError
        If the window is not positive.
    DataError
        If times do not rise, or a price is not positive.
    """
    if not window_h > 0.0:
        raise ConfigError(f"window {window_h} h", "trailing_vol", "give positive hours")
    if len(time_ns) != len(price) or not (np.diff(time_ns) > 0).all():
        raise DataError("times do not rise, or are not as many as prices", "trailing_vol", "sort by time")
    if (price <= 0.0).any():
        raise DataError("a price is not positive", "trailing_vol", "give NaN where none is known")
    if len(price) < 2:
        return np.full(len(price), np.nan)
    moves, days = np.diff(np.log(price)), np.diff(time_ns) / (24 * HOUR_NS)
    known = np.isfinite(moves)
    first = np.searchsorted(time_ns, time_ns - round(window_h * HOUR_NS), side="left")
    squares = _window_sums(np.where(known, moves, 0.0) ** 2, first)
    covered = _window_sums(np.where(known, days, 0.0), first)
    enough = (covered >= 0.5 * window_h / DAY_H) & np.isfinite(price)
    rate = np.divide(squares, covered, out=np.full(len(price), np.nan), where=enough)
    return np.asarray(np.sqrt(rate))


def _window_sums(steps: Float1D, first: Int1D) -> Float1D:
    """For each time the sum of the steps from the time `first` on, each from its own window's contents."""
    here = np.arange(len(first))
    ends = np.column_stack((first, here)).ravel()
    sums = np.add.reduceat(np.append(steps, 0.0), ends)[::2]
    return np.asarray(np.where(first < here, sums, 0.0))


def fit(
    time_ns: Int1D,
    depth: Float1D,
    half_spread: Float1D,
    vol: Float1D,
    *,
    span: float | Float1D,
    train: float = 0.7,
) -> DepthModel:
    """A DepthModel from a table of depth and spread.

    Parameters
    ----------
    time_ns : ndarray of shape (rows,)
        Rising.
    depth : ndarray of shape (rows,)
        Quote value that rested on one side.
    half_spread : ndarray of shape (rows,)
        Fraction of the mid.
    vol : ndarray of shape (rows,)
        `trailing_vol` at those times; rows where it is not known are left out.
    span : float or ndarray of shape (rows,)
        How far from the mid that depth was counted, a fraction of it: what counts is how far the book was
        *recorded*, not how far was asked. Depth within 10 bp is ``depth · 10 bp / span``, the even density
        that fills assume too.
    train : float
        Share of the rows, the first, from which the rest is foretold for `r2_ahead`. The model itself is
        fitted to all rows.

    Returns
    -------
    DepthModel

    Raises
    ------
    DataError
        If rows are too few, times do not rise, or a depth or spread is not positive.
    ConfigError
        If the span is not positive or `train` leaves no rows.

    References
    ----------
    Newey & West (1987), Econometrica 55(3), with the 1.3 √n lags of Lazarus, Lewis, Stock & Watson
    (2018), JBES 36(4).
    """
    rows = _usable(time_ns, depth, half_spread, vol, span, train)
    near = np.asarray(depth * SPAN / span)
    hours, hour = np.unique(np.rint(hour_of_day(time_ns[rows])) % DAY_H, return_inverse=True)
    split = round(train * len(hour))
    if len(hour) < LEAST or len(np.unique(hour[:split])) < len(hours):
        told = f"{len(hour)} rows over {len(hours)} hours"
        raise DataError(told, "depth model", f"give {LEAST}, and every hour in the first part")
    design = np.column_stack((np.log(vol[rows]), np.eye(len(hours))[hour]))
    of_depth = _line(np.log(near[rows]), design, split)
    of_spread = _line(np.log(half_spread[rows]), design, split)
    return DepthModel(hours.astype(np.float64), of_depth, of_spread, len(hour))


def _usable(
    time_ns: Int1D, depth: Float1D, half_spread: Float1D, vol: Float1D, span: float | Float1D, train: float
) -> Bool1D:
    """The rows whose volatility is known, once the table is found to be one."""
    where = "depth model"
    if not (np.asarray(span) > 0.0).all() or not 0.0 < train < 1.0:
        raise ConfigError("span and train", where, "give a positive distance, and a share between 0 and 1")
    if not len(time_ns) == len(depth) == len(half_spread) == len(vol) or not (np.diff(time_ns) > 0).all():
        raise DataError("columns are not of one length, or times do not rise", where, "sort by time")
    if not ((depth > 0.0) & (half_spread > 0.0) & np.isfinite(depth) & np.isfinite(half_spread)).all():
        raise DataError("a depth or half spread is not positive", where, "leave out rows without a book")
    return np.asarray(np.isfinite(vol) & (vol > 0.0))


def _line(explained: Float1D, design: FloatArray, split: int) -> Line:
    """Least squares of a log on log volatility and a constant for each hour."""
    found = np.linalg.lstsq(design, explained, rcond=None)[0]
    residual = explained - design @ found
    covariance = _newey_west(design, residual)
    mean = np.full(len(found) - 1, 1.0 / (len(found) - 1))
    centred = np.eye(len(mean)) - mean  # each hour less their mean
    variance = np.einsum("ij,jk,ik->i", centred, covariance[1:, 1:], centred)
    early = np.linalg.lstsq(design[:split], explained[:split], rcond=None)[0]
    late = explained[split:]
    error = late - design[split:] @ early
    usual = late - explained[:split].mean()
    return Line(
        level=float(mean @ found[1:]),
        slope=float(found[0]),
        slope_se=float(np.sqrt(covariance[0, 0])),
        effects=centred @ found[1:],
        effects_se=np.sqrt(variance),
        sd=float(residual.std(ddof=len(found))),
        r2=float(1.0 - residual.var() / explained.var()),
        r2_ahead=float(1.0 - (error @ error) / (usual @ usual)),
        r2_shape=float(1.0 - error.var() / late.var()),
    )


def _newey_west(design: FloatArray, residual: Float1D) -> FloatArray:
    """Covariance of the coefficients with autocorrelated residuals."""
    scores = design * residual[:, None]
    lags = int(np.ceil(1.3 * np.sqrt(len(residual))))
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        product = scores[lag:].T @ scores[:-lag]
        middle += (1.0 - lag / (lags + 1.0)) * (product + product.T)
    bread = np.linalg.inv(design.T @ design)
    return np.asarray(bread @ middle @ bread)


class Along(NamedTuple):
    """Modelled columns along the bars, as a Panel has them: shape (bars,)."""

    depth: Float1D
    bid: Float1D
    ask: Float1D


def along(model: DepthModel, time_ns: Int1D, close: Float1D, window_h: float) -> Along:
    """Depth, bid and ask of an instrument along bars, each from what was known at its close.

    Parameters
    ----------
    model : DepthModel
        Of this instrument, or of one that it is taken for; its parameters come from its own sample, which
        may lie after these bars: say so.
    time_ns : ndarray of shape (bars,)
        Closes.
    close : ndarray of shape (bars,)
        NaN = not known.
    window_h : float
        That of the volatility which the model was fitted with.

    Returns
    -------
    Along
        For `Panel.with_field`: the quote value within 10 bp on one side, and quotes that stand half a spread
        from the close. NaN where the volatility is not known yet: there the desk's own numbers count.
    """
    depth, half = model.at(trailing_vol(time_ns, close, window_h), hour_of_day(time_ns))
    return Along(depth, close * (1.0 - half), close * (1.0 + half))


WINDOW_H, USUAL_H = 72.0, 90 * 24.0
"""Hours of the volatility that depth goes with, and of what is usual for an instrument."""

DEPTH_ELASTICITY, SPREAD_ELASTICITY = -0.51, 0.26
"""To volatility: Hyperliquid's BTC profile, 2024 and 2025, standard errors 0.14 and (of the spread) below it;
tests/realdata/test_depth_cost.py fits them. Little of either is foretold (R² 0.02 and 0.06 on later rows)."""


def against_usual(time_ns: Int1D, close: Float1D) -> tuple[Float1D, Float1D]:
    """By what depth and half spread differ from a usual day's at each close, for their volatility alone.

    ``(vol of 3 days / vol of 90 days)`` to the power of each elasticity; the level is for others to tell.
    Both volatilities are trailing, so later bars change nothing before them.

    Parameters
    ----------
    time_ns, close : ndarray of shape (bars,)
        As in `trailing_vol`.

    Returns
    -------
    (depth, half_spread) : ndarrays of shape (bars,)
        Factors; NaN where a volatility is not known yet or is 0.
    """
    now, usual = (trailing_vol(time_ns, close, hours) for hours in (WINDOW_H, USUAL_H))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = now / usual
    ratio = np.where(ratio > 0.0, ratio, np.nan)
    return ratio**DEPTH_ELASTICITY, ratio**SPREAD_ELASTICITY
