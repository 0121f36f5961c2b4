"""What a funding forecast has to beat: no change, the mean, an AR(1) and HAR, each from the past alone.

Every function gives, for each settlement, the forecast of the *next* one. Rates are settled ones, one
for each interval, shape (intervals,), fractions per interval; NaN = not known.
"""

import numpy as np

from narrows.analytics.rolling import rolling_mean
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import ConfigError

HAR_WINDOWS = (3, 21, 90)  # of eight hours: a day, a week, a month
_WORST = 1e12  # condition number from which a regression has no answer


def no_change(rates: Float1D) -> Float1D:
    """The last rate."""
    return rates.copy()


def mean_so_far(rates: Float1D) -> Float1D:
    """The mean of all rates up to each; NaN before the first."""
    known = np.isfinite(rates)
    count = np.cumsum(known)
    total = np.cumsum(np.where(known, rates, 0.0))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def har_features(rates: Float1D, windows: tuple[int, ...] = HAR_WINDOWS) -> Float2D:
    """A constant and the means of the last `windows` rates, shape (intervals, 1 + windows).

    NaN until a window is full, and while it has a gap.

    References
    ----------
    Corsi (2009), A simple approximate long-memory model of realized volatility.
    """
    return np.column_stack((np.ones(len(rates)), *(rolling_mean(rates, one) for one in windows)))


def regression_forecast(features: Float2D, rates: Float1D, least: int) -> Float1D:
    """Forecast of the next rate by least squares of rates on the features of the interval before.

    Fitted anew at every interval on everything up to it.

    Parameters
    ----------
    features : ndarray of shape (intervals, columns)
    rates : ndarray of shape (intervals,)
    least : int
        Pairs that a fit needs, more than columns.

    Returns
    -------
    ndarray of shape (intervals,)
        NaN before there are so many pairs, where a feature is not known, and where the regression
        is singular.

    Raises
    ------
    ConfigError
        If `least` is not above the number of columns.
    """
    columns = features.shape[1]
    if least <= columns:
        raise ConfigError(f"{least} pairs for {columns} columns", "regression_forecast", "ask for more pairs")
    known = np.isfinite(features[:-1]).all(axis=1) & np.isfinite(rates[1:])
    x = np.where(known[:, None], features[:-1], 0.0)
    y = np.where(known, rates[1:], 0.0)
    # pair k is known at interval k + 1; sums run from the first so that appending changes nothing
    squares = np.cumsum(x[:, :, None] * x[:, None, :], axis=0)
    products = np.cumsum(x * y[:, None], axis=0)
    forecast = np.full(len(rates), np.nan)
    rows = 1 + np.flatnonzero((np.cumsum(known) >= least) & np.isfinite(features[1:]).all(axis=1))
    if len(rows) == 0:
        return forecast
    scale = np.sqrt(np.diagonal(squares, axis1=1, axis2=2))[rows - 1]
    usable = (scale > 0.0).all(axis=1)
    rows, scale = rows[usable], scale[usable]
    normal = squares[rows - 1] / (scale[:, :, None] * scale[:, None, :])
    regular = np.linalg.cond(normal) < _WORST
    rows, scale, normal = rows[regular], scale[regular], normal[regular]
    beta = np.linalg.solve(normal, (products[rows - 1] / scale)[:, :, None])[:, :, 0] / scale
    forecast[rows] = (features[rows] * beta).sum(axis=1)
    return forecast


def ar1_forecast(rates: Float1D, least: int = 30) -> Float1D:
    """Forecast by the rate before; as `regression_forecast`.

    Of a rate that the clamp pins most of the time this is the wrong model (`narrows.analytics.latent`
    has the right one): it is here to be beaten.
    """
    return regression_forecast(np.column_stack((np.ones(len(rates)), rates)), rates, least)


def har_forecast(rates: Float1D, least: int = 120, windows: tuple[int, ...] = HAR_WINDOWS) -> Float1D:
    """Forecast by the means of a day, a week and a month; as `regression_forecast`."""
    return regression_forecast(har_features(rates, windows), rates, least)
