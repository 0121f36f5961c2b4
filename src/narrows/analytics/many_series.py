"""One number for each of many series: unit-root statistic, speed of reversion; what a universe is ranked by.

The loops run over series side by side, which is what makes a universe cheap; a single series is a
table of one. What decides about one series is elsewhere and takes longer: `unitroot`, `ou_fit`.
"""

import numpy as np
from numba import njit

from narrows.analytics.ou import OUArrays
from narrows.analytics.rolling_regression import check_step, reversion_of
from narrows.analytics.windows import LANES, minimum_of, table
from narrows.core.arrays import Float1D, Float2D, FloatArray
from narrows.core.errors import ConfigError

LEAST = 20  # changes without which no statistic of a whole series is told
SINGULAR = 1e-12  # share of its variance that is left of a regressor that others explain


@njit(cache=True, error_model="numpy")
def _variables(values: Float2D, row: int, first: int, lag: int, v: Float2D, known: Float1D) -> None:
    """Level before the change, the change, and `lag` changes before it; 0 where any is unknown."""
    for c in range(len(known)):
        v[0, c] = values[row - 1, first + c]
        v[1, c] = values[row, first + c] - values[row - 1, first + c]
        known[c] = v[0, c] + v[1, c]
    for k in range(1, lag + 1):
        for c in range(len(known)):
            v[1 + k, c] = values[row - k, first + c] - values[row - k - 1, first + c]
            known[c] += v[1 + k, c]
    for c in range(len(known)):
        known[c] = 1.0 if known[c] - known[c] == 0.0 else 0.0
    for k in range(2 + lag):
        for c in range(len(known)):
            v[k, c] = v[k, c] if known[c] > 0.0 else 0.0


@njit(cache=True, error_model="numpy")
def _moments(
    values: Float2D,
    start: int,
    stop: int,
    first: int,
    lag: int,
    v: Float2D,
    known: Float1D,
    count: Float1D,
    stats: Float2D,
) -> None:
    """Means and moments about them of `_variables` over the changes of some rows, in two passes.

    `stats` is (K + K(K + 1)/2, series), K = 2 + lag: means, then the moments of (0, 0), (0, 1), …
    """
    size = 2 + lag
    count[:] = 0.0
    stats[:] = 0.0
    for row in range(start + 1 + lag, stop):
        _variables(values, row, first, lag, v, known)
        for c in range(len(count)):
            count[c] += known[c]
        for k in range(size):
            for c in range(len(count)):
                stats[k, c] += v[k, c]
    for k in range(size):
        for c in range(len(count)):
            stats[k, c] /= max(count[c], 1.0)
    for row in range(start + 1 + lag, stop):
        _variables(values, row, first, lag, v, known)
        for k in range(size):
            for c in range(len(count)):
                v[k, c] = (v[k, c] - stats[k, c]) * known[c]
        place = size
        for i in range(size):
            for j in range(i, size):
                for c in range(len(count)):
                    stats[place, c] += v[i, c] * v[j, c]
                place += 1


@njit(cache=True, error_model="numpy")
def _unit_root(count: Float1D, stats: Float2D, lag: int, minimum: int, out: Float1D) -> None:
    """The t statistic of the level in the regression of the change on constant, lags and level.

    Cholesky with the lags first, then the level, then the change: the last row holds what the level
    adds and what is left.
    """
    size = 2 + lag
    order = np.empty(size, np.int64)
    for k in range(lag):
        order[k] = 2 + k
    order[lag], order[lag + 1] = 0, 1
    lower = np.zeros((size, size))
    for c in range(len(count)):
        singular = count[c] < minimum
        for i in range(size):
            for j in range(i + 1):
                a, b = min(order[i], order[j]), max(order[i], order[j])
                whole = stats[size + a * size - a * (a - 1) // 2 + b - a, c]
                left = whole
                for k in range(j):
                    left -= lower[i, k] * lower[j, k]
                if i == j:
                    singular |= not left > SINGULAR * whole
                    lower[i, i] = np.sqrt(max(left, 0.0))
                else:
                    lower[i, j] = left / lower[j, j]
        free = np.sqrt(count[c] - size)
        out[c] = np.nan if singular else lower[lag + 1, lag] / lower[lag + 1, lag + 1] * free


@njit(cache=True, error_model="numpy")
def _unit_roots(values: Float2D, window: int, lag: int, minimum: int, lanes: int) -> Float2D:
    """Of the last row only if the window is all rows, else of the window that ends in each row."""
    bars, series = values.shape
    rolling = window < bars
    out = np.full((bars if rolling else 1, series), np.nan)
    for first in range(0, series, lanes):
        wide = min(lanes, series - first)
        v, known, count = np.empty((2 + lag, wide)), np.empty(wide), np.empty(wide)
        stats = np.empty(((2 + lag) + (2 + lag) * (3 + lag) // 2, wide))
        for row in range(window - 1, bars):
            _moments(values, row - window + 1, row + 1, first, lag, v, known, count, stats)
            place = row if rolling else 0
            _unit_root(count, stats, lag, minimum, out[place, first : first + wide])
    return out


@njit(cache=True, error_model="numpy")
def _level_moments(values: Float2D, first: int, count: Float1D, stats: Float2D) -> None:
    """`_moments` without lags over all rows, one loop a pass, for it is what a universe is ranked by."""
    count[:] = 0.0
    stats[:] = 0.0
    here = slice(first, first + len(count))
    level, change, xx, xy, yy = stats[0], stats[1], stats[2], stats[3], stats[4]
    for row in range(1, len(values)):
        before, now = values[row - 1, here], values[row, here]
        for c in range(len(count)):
            known = (before[c] + now[c]) - (before[c] + now[c]) == 0.0
            count[c] += 1.0 if known else 0.0
            level[c] += before[c] if known else 0.0
            change[c] += now[c] - before[c] if known else 0.0
    for c in range(len(count)):
        level[c] /= max(count[c], 1.0)
        change[c] /= max(count[c], 1.0)
    for row in range(1, len(values)):
        before, now = values[row - 1, here], values[row, here]
        for c in range(len(count)):
            known = (before[c] + now[c]) - (before[c] + now[c]) == 0.0
            x = before[c] - level[c] if known else 0.0
            y = now[c] - before[c] - change[c] if known else 0.0
            xx[c] += x * x
            xy[c] += x * y
            yy[c] += y * y


def adf_statistic(values: FloatArray, lag: int = 1, minimum: int | None = None) -> Float1D:
    """Augmented Dickey–Fuller t statistic of each series: constant, a fixed number of lags.

    ``Δy_t = c + γ y_{t−1} + Σ_k φ_k Δy_{t−k} + ε``; the statistic of γ. Low = rejects a unit root;
    its 5 % point is −2.86 in large samples (MacKinnon 2010). The lag is given, one for all, so that the
    statistics of a universe can be compared and gaps only leave out rows; `unitroot.convergence` is
    for a decision: one series without gaps, its lag chosen by AIC, with a p value and KPSS beside it.

    Parameters
    ----------
    values : ndarray of shape (bars,) or (bars, series)
        NaN = not known; a change that needs an unknown value is left out.
    lag : int
        Lagged changes.
    minimum : int, optional
        Usable changes that a result needs. Default: 20, and no fewer than there are coefficients.

    Returns
    -------
    ndarray of shape (series,); (1,) for a single series
        NaN where fewer are known, or the regression is singular (a constant, a straight line).

    Raises
    ------
    ConfigError
        If the lag is negative or the minimum no larger than the number of coefficients.
    """
    least = _least(lag, minimum, LEAST + lag)
    wide = table(values)
    if len(wide) < lag + 2:
        return np.full(wide.shape[1], np.nan)
    found: Float1D = _unit_roots(wide, len(wide), lag, least, LANES)[0]
    return found


def rolling_adf(values: FloatArray, window: int, lag: int = 1, minimum: int | None = None) -> FloatArray:
    """`adf_statistic` of the last `window` bars, each window from scratch.

    Parameters
    ----------
    values : ndarray of shape (bars,) or (bars, series)
    window : int
        Bars; it holds window − 1 − lag usable changes.
    lag : int
        Lagged changes.
    minimum : int, optional
        Usable changes that a result needs. Default: all of a window.

    Returns
    -------
    ndarray of the shape of `values`
        NaN until the window is full of bars.

    Raises
    ------
    ConfigError
        If window, lag or minimum are impossible.
    """
    least = _least(lag, minimum, window - 1 - lag)
    minimum_of(window - 1 - lag, least)
    wide = table(values)
    out = np.full(wide.shape, np.nan)
    if len(wide) >= window:
        out[window - 1 :] = _unit_roots(wide, window, lag, least, LANES)[-len(wide) + window - 1 :]
    return out.reshape(np.shape(values))


def _least(lag: int, minimum: int | None, usual: int) -> int:
    if lag < 0:
        raise ConfigError(f"lag of {lag}", "adf", "give 0 or more")
    least = usual if minimum is None else minimum
    if least < lag + 3:
        raise ConfigError(
            f"{least} changes for {lag + 2} coefficients",
            "adf",
            f"give at least {lag + 3} as window or minimum",
        )
    return least


def reversion(values: FloatArray, step: float, minimum: int = LEAST) -> OUArrays:
    """Ornstein–Uhlenbeck parameters of each whole series: least squares, the plug-in.

    As `rolling_regression.rolling_reversion`, over all bars; it shares its bias. Of one series,
    `ou_fit.most_likely_ou` is the same where no bar is unknown.

    Parameters
    ----------
    values : ndarray of shape (bars,) or (bars, series)
        NaN = not known; a change to or from an unknown value is left out.
    step : float
        Time from bar to bar, any unit; κ is per that unit.
    minimum : int
        Known changes that a result needs, at least 3.

    Returns
    -------
    OUArrays
        Arrays of shape (series,); NaN where ``0 < φ < 1`` does not hold, or too little is known.

    Raises
    ------
    ConfigError
        If step or minimum are impossible.
    """
    check_step(step)
    if minimum < 3:
        raise ConfigError(f"minimum of {minimum}", "reversion", "give at least 3")
    wide = table(values)
    found = tuple(np.empty((1, wide.shape[1])) for _ in range(3))
    for first in range(0, wide.shape[1], LANES):
        lanes = min(LANES, wide.shape[1] - first)
        count, stats = np.empty((1, lanes)), np.empty((1, 5, lanes))
        _level_moments(wide, first, count[0], stats[0])
        reversion_of(minimum, step, 0, 1, first, count, stats, *found)
    return OUArrays(*(one[0] for one in found))
