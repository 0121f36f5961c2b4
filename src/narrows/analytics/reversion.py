"""An interval for a speed of reversion that holds near a unit root, by inverting its t statistic.

The t statistic of a lagged level is not normal: the slower the reversion, the further its law is
shifted to the left, so that the plain estimate looks too fast and its plain interval misses. Its law
depends on the speed through one number, c, so the interval is the set of speeds whose own quantiles
contain what was observed.

It serves error corrections, whose regressions have lags and other gaps; an Ornstein–Uhlenbeck process by
itself, at steps of any length, has its own table in `ou_quantiles`.
"""

from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, FloatArray

_TABLE = np.array([  # 5, 50, 95 % of t at 1/√(1 + c); made by scripts/tables/reversion.py
    (-1.6449, 0.0000, 1.6449),  # 0.00: the normal law
    (-1.7447, -0.1061, 1.5375),  # 0.05
    (-1.8532, -0.2092, 1.4240),  # 0.10
    (-1.9451, -0.3179, 1.3130),  # 0.15
    (-2.0502, -0.4222, 1.1986),  # 0.20
    (-2.1414, -0.5317, 1.0693),  # 0.25
    (-2.2338, -0.6424, 0.9482),  # 0.30
    (-2.3168, -0.7566, 0.8129),  # 0.35
    (-2.3840, -0.8461, 0.6956),  # 0.40
    (-2.4486, -0.9411, 0.5822),  # 0.45
    (-2.5064, -1.0397, 0.4649),  # 0.50
    (-2.5750, -1.1229, 0.3848),  # 0.55
    (-2.6056, -1.1921, 0.2986),  # 0.60
    (-2.6635, -1.2593, 0.2423),  # 0.65
    (-2.6885, -1.3229, 0.1801),  # 0.70
    (-2.7458, -1.3799, 0.1266),  # 0.75
    (-2.7600, -1.4273, 0.0695),  # 0.80
    (-2.7901, -1.4696, 0.0386),  # 0.85
    (-2.8194, -1.5018, 0.0011),  # 0.90
    (-2.8475, -1.5357, -0.0492),  # 0.95
    (-2.8561, -1.5645, -0.0667),  # 1.00
])  # fmt: skip
_PLACES = np.linspace(0.0, 1.0, len(_TABLE))
_HALVINGS = 50
_REACH = 8.0  # standard errors on either side in which the ends are sought


class Speeds(NamedTuple):
    """Speed of reversion per bar (negative = reverts): median-unbiased value and 90 % interval, arrays."""

    value: Float1D
    lo: Float1D
    hi: Float1D


def _distance(speed: Float1D, scale: Float1D, rows: Float1D) -> Float1D:
    """How far from a unit root: c, which is about n(1 − φ), with φ = 1 + speed/scale.

    Measured so that the t statistic of an AR(1) has the same bias at every n and φ of the same c:
    ``c = 8n(1 − φ²)/(1 + 3φ)²``, from Kendall's −(1 + 3φ)/n. `scale` is one less the sum of the
    coefficients of lagged differences. 0 for φ ≥ 1, inf where φ ≤ −1/3.
    """
    phi = np.minimum(1.0 + speed / scale, 1.0)
    bias = np.maximum(1.0 + 3.0 * phi, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 8.0 * rows * (1.0 - phi * phi) / bias**2
    away: Float1D = np.where(bias > 0.0, np.maximum(found, 0.0), np.inf)
    return away


def _quantile(column: int, speed: Float1D, scale: Float1D, rows: Float1D) -> FloatArray:
    place = 1.0 / np.sqrt(1.0 + _distance(speed, scale, rows))
    found: FloatArray = np.interp(place, _PLACES, _TABLE[:, column])
    return found


def speeds(estimate: Float1D, error: Float1D, scale: Float1D, rows: Float1D) -> Speeds:
    """Median-unbiased speeds with 90 % intervals.

    Parameters
    ----------
    estimate, error : ndarray of shape (k,)
        Least-squares coefficient of the lagged level in a regression of the change with a constant,
        and its standard error.
    scale : ndarray of shape (k,)
        One less the sum of the coefficients of lagged changes; 1 without lags.
    rows : ndarray of shape (k,)
        Observations of the regression.

    Returns
    -------
    Speeds
        NaN where an input is; an upper end above 0 means that no reversion is compatible with the data.

    Notes
    -----
    Speeds above 0 are judged by the law at 0, which makes those ends wide rather than narrow.

    References
    ----------
    Stock (1991), Confidence intervals for the largest autoregressive root, J. Monetary Economics 28;
    Andrews (1993), Econometrica 61(1), for median-unbiased estimates.
    """
    ends = []
    for column in (2, 1, 0):
        low, high = estimate - _REACH * error, estimate + _REACH * error
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            above = (estimate - middle) / error > _quantile(column, middle, scale, rows)
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        ends.append(0.5 * (low + high))
    return Speeds(ends[1], ends[0], ends[2])
