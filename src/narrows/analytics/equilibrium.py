"""Equilibrium price dynamics of two legs: which leg gives way, how fast the gap closes, and who leads.

Error correction with the relation that theory gives, log price against log price one to one:
``ΔY = c + α(y1 − y2) + Γ1ΔY₋₁ + … + ε``. Least squares leg by leg is maximum likelihood then.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from numba import njit

from narrows.analytics.discovery import PriceDiscovery, price_discovery, undiscovered
from narrows.analytics.estimate import NORMAL_90, Estimate, unknown
from narrows.analytics.reversion import speeds
from narrows.core.arrays import Float1D, Float2D, FloatArray, Int1D, read_only
from narrows.core.errors import ConfigError, DataError

Errors = Literal["ols", "hac"]

_LEAST = 50  # rows of the regression
_EACH = 5  # rows that each regressor needs
_ALIKE = 1e-10  # smallest eigenvalue of the correlations of regressors that are not one regressor
_ROUNDING = 1e-20  # of a leg's squared changes: less is left of them than rounding leaves
_WHERE = "error correction"
_FITTED, _FEW, _CONSTANT, _SINGULAR, _EXACT = range(5)
_A1, _A2, _V11, _V12, _V22, _O11, _O12, _O22, _SCALE, _ROWS = range(10)
_WORDS = {
    _FEW: "not identified: {rows:.0f} bars where both legs and their past are known, too few for {lags} lags",
    _CONSTANT: "not identified: the gap or a leg does not move",
    _SINGULAR: "not identified: the regressors repeat each other",
    _EXACT: "not identified: a leg follows from the past without any noise",
}


class ErrorCorrection(NamedTuple):
    """What one sample says of two log prices and the gap between them, first − second.

    Attributes
    ----------
    alpha : tuple of two Estimate
        Adjustment of each leg per bar to a gap of 1; the first leg gives way if negative, the second if
        positive. Median-unbiased, with 90 % intervals that hold near a unit root.
    half_life : Estimate
        ``ln 2/−ln(1 + α1 − α2)`` in units of the bar, of the error correction alone, without what
        lagged changes do on the way. Infinite where nothing reverts.
    omega : ndarray of shape (2, 2)
        Covariance of the innovations; NaN where nothing could be fitted.
    discovery : PriceDiscovery
        Who leads.
    observations : int
        Rows of the regression.
    reason : str
        Empty, or why there is nothing, or how far to trust it.
    """

    alpha: tuple[Estimate, Estimate]
    half_life: Estimate
    omega: Float2D
    discovery: PriceDiscovery
    observations: int
    reason: str


class RollingCorrection(NamedTuple):
    """The same at each bar from the window that ends there; NaN where there is none.

    `alpha`, `alpha_lo`, `alpha_hi` have shape (bars, 2), all others (bars,): the half-life with its
    ends in units of the bar, Gonzalo–Granger's share of the first leg, Hasbrouck's bounds of it and
    its modified share, and the rows of each regression.
    """

    alpha: Float2D
    alpha_lo: Float2D
    alpha_hi: Float2D
    half_life: Float1D
    half_life_lo: Float1D
    half_life_hi: Float1D
    component: Float1D
    lower: Float1D
    upper: Float1D
    modified: Float1D
    observations: Int1D


@njit(cache=True)
def _regressors(prices: Float2D, lags: int) -> tuple[Float2D, Float2D, int]:
    """Rows (1, gap, lagged changes | changes) in which everything is known; and their number."""
    bars = len(prices)
    left, right = np.empty((bars, 2 + 2 * lags)), np.empty((bars, 2))
    rows = 0
    for bar in range(lags + 1, bars):
        known = True
        for past in range(bar - lags - 1, bar + 1):
            known = known and np.isfinite(prices[past, 0]) and np.isfinite(prices[past, 1])
        if not known:
            continue
        left[rows, 0] = 1.0
        left[rows, 1] = prices[bar - 1, 0] - prices[bar - 1, 1]
        for leg in range(2):
            right[rows, leg] = prices[bar, leg] - prices[bar - 1, leg]
            for lag in range(lags):
                left[rows, 2 + 2 * lag + leg] = prices[bar - 1 - lag, leg] - prices[bar - 2 - lag, leg]
        rows += 1
    return left[:rows], right[:rows], rows


@njit(cache=True)
def _standard(left: Float2D) -> bool:
    """Centre and scale every column but the constant, in place; False if one does not move."""
    for column in range(1, left.shape[1]):
        mean = left[:, column].mean()
        left[:, column] -= mean
        spread = math.sqrt((left[:, column] ** 2).mean())
        if not spread > 1e-14 * max(1.0, abs(mean)):
            return False
        left[:, column] /= spread
    return True


@njit(cache=True)
def _persistence(left: Float2D, right: Float2D, units: Float1D, lags: int) -> float:
    """One less the sum of the coefficients of the gap's own lagged changes."""
    if lags == 0:
        return 1.0
    own = np.empty((len(left), 2 + lags))
    own[:, :2] = left[:, :2]
    for lag in range(lags):
        own[:, 2 + lag] = (
            left[:, 2 + 2 * lag] * units[2 + 2 * lag] - left[:, 3 + 2 * lag] * units[3 + 2 * lag]
        )
    fitted = np.linalg.solve(own.T @ own, own.T @ (right[:, 0] - right[:, 1]))
    left_over: float = max(1.0 - fitted[2:].sum(), 1e-3)
    return left_over


@njit(cache=True)
def _spread_of(scores: Float2D, reach: int) -> Float2D:
    """Sum of cross products with Bartlett weights up to `reach` bars apart."""
    total = scores.T @ scores
    for lag in range(1, reach + 1):
        apart = np.ascontiguousarray(scores[lag:]).T @ np.ascontiguousarray(scores[:-lag])
        total += (1.0 - lag / (reach + 1.0)) * (apart + apart.T)
    return total


@njit(cache=True)
def _fit(prices: Float2D, lags: int, robust: bool, out: Float1D) -> int:
    """One regression into a row of numbers (`_A1` …); returns why not."""
    left, right, rows = _regressors(prices, lags)
    size = left.shape[1]
    out[_ROWS] = rows
    if rows < max(_LEAST, _EACH * size):
        return _FEW
    units = np.ones(size)
    for column in range(1, size):
        units[column] = left[:, column].std()
    if not _standard(left) or right[:, 0].std() == 0.0 or right[:, 1].std() == 0.0:
        return _CONSTANT
    products = left.T @ left / rows
    if not np.linalg.eigvalsh(products)[0] > _ALIKE:
        return _SINGULAR
    inverse = np.linalg.inv(products) / rows
    coefficients = inverse @ (left.T @ right)
    rest = right - left @ coefficients
    omega = rest.T @ rest / rows
    for leg in range(2):
        if not omega[leg, leg] > _ROUNDING * (right[:, leg] ** 2).mean():
            return _EXACT
    if not omega[0, 0] * omega[1, 1] - omega[0, 1] ** 2 > 1e-12 * omega[0, 0] * omega[1, 1]:
        return _SINGULAR
    if robust:
        weights = left @ np.ascontiguousarray(inverse[:, 1])
        reach = int(4.0 * (rows / 100.0) ** (2.0 / 9.0))
        covariance = _spread_of(rest * weights.reshape(-1, 1), reach) * (rows / (rows - size))
    else:
        covariance = omega * (rows / (rows - size)) * inverse[1, 1]
    out[_A1], out[_A2] = coefficients[1, 0] / units[1], coefficients[1, 1] / units[1]
    covariance = covariance / units[1] ** 2
    out[_V11], out[_V12], out[_V22] = covariance[0, 0], covariance[0, 1], covariance[1, 1]
    out[_O11], out[_O12], out[_O22] = omega[0, 0], omega[0, 1], omega[1, 1]
    out[_SCALE] = _persistence(left, right, units, lags)
    return _FITTED


@njit(cache=True)
def _roll(prices: Float2D, window: int, lags: int, robust: bool, every: int) -> tuple[Float2D, Int1D]:
    found = np.full((len(prices), 10), np.nan)
    why = np.full(len(prices), _FEW)
    for row in range(len(prices)):
        if row % every != every - 1:
            if row > 0:
                found[row], why[row] = found[row - 1], why[row - 1]
            continue
        why[row] = _fit(prices[max(0, row - window + 1) : row + 1], lags, robust, found[row])
    return found, why


class _Speeds(NamedTuple):
    """Adjustments (k, 2) and gap speed (k,), each as value, lower and upper end."""

    alpha: tuple[Float2D, Float2D, Float2D]
    gap: tuple[Float1D, Float1D, Float1D]


def _intervals(found: Float2D) -> _Speeds:
    """Median-unbiased adjustments with 90 % intervals.

    α_i = γ_i(α1 − α2) + a part that is orthogonal to the gap's own speed. That part is normal; the
    speed's interval comes from its t statistic inverted; the two are joined by MOVER (Zou & Donner 2008).
    """
    a1, a2, v11, v12, v22 = found[:, : _V22 + 1].T
    plain, variance = a1 - a2, v11 - 2.0 * v12 + v22
    gap = speeds(plain, np.sqrt(variance), found[:, _SCALE], found[:, _ROWS])
    values, lows, highs = [], [], []
    for own, spread, shared in ((a1, v11, v11 - v12), (a2, v22, v12 - v22)):
        part = shared / variance
        value = own + part * (gap.value - plain)
        free = NORMAL_90**2 * np.maximum(spread - part * shared, 0.0)
        ends = np.sort([part * (gap.lo - gap.value), part * (gap.hi - gap.value)], axis=0)
        values.append(value)
        lows.append(value - np.sqrt(free + ends[0] ** 2))
        highs.append(value + np.sqrt(free + ends[1] ** 2))
    return _Speeds((np.stack(values, 1), np.stack(lows, 1), np.stack(highs, 1)), (gap.value, gap.lo, gap.hi))


def error_correction_half_life(speed: FloatArray, bar: float) -> FloatArray:
    """``ln 2/−ln(1 + β'α)`` for speeds β'α per bar, in the unit of `bar`.

    inf where the speed is 0 or above (nothing reverts), 0 at or beyond −1 (gone, or overshooting,
    within a bar), NaN where it is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found = -math.log(2.0) / np.log1p(np.clip(speed, -1.0, 0.0)) * bar
    return np.where(
        speed <= -1.0, 0.0, np.where(speed >= 0.0, np.inf, np.where(np.isnan(speed), np.nan, found))
    )


def _checked(first: Float1D, second: Float1D, lags: int, bar: float, errors: Errors) -> Float2D:
    if len(first) != len(second):
        what = f"{len(first)} prices of one leg, {len(second)} of the other"
        raise DataError(what, _WHERE, "align them on one grid")
    if lags < 0:
        raise ConfigError(f"{lags} lags", _WHERE, "give 0 or more")
    if not 0.0 < bar < math.inf:
        raise ConfigError(f"a bar of length {bar:g}", _WHERE, "give its length in the unit wanted")
    if errors not in ("ols", "hac"):
        raise ConfigError(f"errors {errors!r}", _WHERE, "give 'ols' or 'hac'")
    return read_only(np.column_stack((first, second)).astype(np.float64))


def error_correction(
    first: Float1D, second: Float1D, lags: int, bar: float, errors: Errors = "ols"
) -> ErrorCorrection:
    """Adjustment of each leg to the gap, its half-life, and who leads, from one sample.

    Parameters
    ----------
    first, second : ndarray of shape (bars,)
        Log prices on one grid, mids rather than trades; NaN = not known. A row of the regression needs
        both legs and their past; others are left out.
    lags : int
        Lagged changes of both legs.
    bar : float
        Length of a bar in the unit that the half-life is wanted in.
    errors : {"ols", "hac"}
        Standard errors of α: homoskedastic, or Newey–West with ⌊4(n/100)^(2/9)⌋ lags.

    Returns
    -------
    ErrorCorrection

    Raises
    ------
    ConfigError, DataError
        If lags, bar or errors are not usable, or the legs differ in length.

    Notes
    -----
    Where leads and lags of milliseconds matter, a bar must be longer than the clocks disagree. A gap
    with noise of its own (a bounce between bid and ask) looks faster than it is.

    References
    ----------
    Engle & Granger (1987), Econometrica 55(2); Johansen (1995) for β known; see `reversion` for intervals.
    """
    prices = _checked(first, second, lags, bar, errors)
    found = np.full((1, 10), np.nan)
    why = _fit(prices, lags, errors == "hac", found[0])
    rows = int(found[0, _ROWS])
    if why != _FITTED:
        reason = _WORDS[why].format(rows=rows, lags=lags)
        none = unknown(reason)
        return ErrorCorrection(
            (none, none), none, np.full((2, 2), np.nan), undiscovered(reason), rows, reason
        )
    made = _intervals(found)
    one = found[0]
    omega = np.array([[one[_O11], one[_O12]], [one[_O12], one[_O22]]])
    covariance = np.array([[one[_V11], one[_V12]], [one[_V12], one[_V22]]])
    half_life = _half_life(made.gap[0][0], made.gap[1][0], made.gap[2][0], bar)
    discovery = price_discovery(one[[_A1, _A2]], covariance, omega)
    if half_life.reason:
        discovery = discovery._replace(verdict=half_life.reason)
    value, lo, hi = (end[0].tolist() for end in made.alpha)
    legs = (
        Estimate(value[0], lo[0], hi[0], half_life.reason),
        Estimate(value[1], lo[1], hi[1], half_life.reason),
    )
    return ErrorCorrection(legs, half_life, omega, discovery, rows, half_life.reason)


def _half_life(value: float, lo: float, hi: float, bar: float) -> Estimate:
    """The half-life of a speed, and what is to be said of it."""
    reason = ""
    if value >= 0.0:
        reason = "not converging: the gap does not revert in this sample"
    elif hi >= 0.0:
        reason = "not identified: no reversion at all is inside the 90 % interval"
    elif value <= -1.0:
        reason = "not identified at this sampling: the gap is gone within a bar"
    middle, shortest, longest = error_correction_half_life(np.array([value, lo, hi]), bar).tolist()
    return Estimate(middle, shortest, longest, reason)


def rolling_error_correction(
    first: Float1D, second: Float1D, window: int, lags: int, bar: float,
    errors: Errors = "ols", every: int = 1,
) -> RollingCorrection:  # fmt: skip
    """`error_correction` at each bar, from a trailing window that contains it.

    Parameters
    ----------
    first, second, lags, bar, errors
        As in `error_correction`.
    window : int
        Bars.
    every : int
        Bars between regressions, counted from the first bar; the last one stands in between.

    Returns
    -------
    RollingCorrection
        Later bars change nothing in it.

    Raises
    ------
    ConfigError, DataError
        As in `error_correction`, or if the window is below 50 bars or `every` below 1.
    """
    prices = _checked(first, second, lags, bar, errors)
    if window < _LEAST:
        raise ConfigError(f"window of {window} bars", _WHERE, f"give at least {_LEAST}")
    if every < 1:
        raise ConfigError(f"a regression every {every} bars", _WHERE, "give at least 1")
    found, _ = _roll(prices, window, lags, errors == "hac", every)
    made = _intervals(found)
    half = [error_correction_half_life(speed, bar) for speed in (made.gap[0], made.gap[2], made.gap[1])]
    shares = _shares(found)
    rows = np.nan_to_num(found[:, _ROWS]).astype(np.int64)
    return RollingCorrection(*made.alpha, half[0], half[2], half[1], *shares, rows)


def _shares(found: Float2D) -> tuple[Float1D, Float1D, Float1D, Float1D]:
    """Shares of the first leg in closed form, over rows: component, Hasbrouck's bounds, modified."""
    a1, a2, o11, o12, o22 = found[:, [_A1, _A2, _O11, _O12, _O22]].T
    total = a2**2 * o11 - 2.0 * a1 * a2 * o12 + a1**2 * o22
    ahead = (a2 * np.sqrt(o11) - a1 * o12 / np.sqrt(o11)) ** 2 / total
    behind = a2**2 * (o11 - o12**2 / o22) / total
    correlation = o12 / np.sqrt(o11 * o22)
    near, far = np.sqrt(1.0 + correlation), np.sqrt(1.0 - correlation)
    own, other = 0.5 * (near + far), 0.5 * (near - far)  # the symmetric root of the correlations
    modified = (a2 * np.sqrt(o11) * own - a1 * np.sqrt(o22) * other) ** 2 / total
    return a2 / (a2 - a1), np.minimum(ahead, behind), np.maximum(ahead, behind), modified
