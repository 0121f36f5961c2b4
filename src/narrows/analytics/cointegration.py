"""The cointegration battery: ADF, KPSS, variance ratio, Engle–Granger, Johansen, and β = (1, −1) tested.

statsmodels does what it does well here, which takes a second to import: a scan uses `unitroot` alone.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from scipy.special import ndtr
from scipy.stats import chi2
from statsmodels.tools.sm_exceptions import InterpolationWarning
from statsmodels.tsa.stattools import adfuller, coint
from statsmodels.tsa.stattools import kpss as statsmodels_kpss
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from narrows.analytics.unitroot import (
    CONVERGING,
    NOT_CONVERGING,
    NOT_IDENTIFIED,
    STATES,
    Convergence,
    RollingConvergence,
    benjamini_hochberg,
    controlled,
    convergence,
    convergence_by_cycle,
    rolling_convergence,
)
from narrows.core.arrays import Float1D, Float2D
from narrows.core.errors import ConfigError, DataError

__all__ = [
    "CONVERGING", "NOT_CONVERGING", "NOT_IDENTIFIED", "STATES",
    "Battery", "Convergence", "Johansen", "Restriction", "RollingConvergence", "UnitRoot", "VarianceRatio",
    "adf", "battery", "benjamini_hochberg", "controlled", "convergence", "convergence_by_cycle",
    "engle_granger", "johansen", "kpss", "restriction", "rolling_convergence", "stationary_variance_ratio",
    "variance_ratio",
]  # fmt: skip

Trend = Literal["c", "ct"]
_Values = TypeVar("_Values", Float1D, Float2D)

_LEAST = 50  # rows
_WHERE = "cointegration"


class UnitRoot(NamedTuple):
    """One test: statistic, p-value, lags used, and the critical values at 1, 5 and 10 %."""

    statistic: float
    pvalue: float
    lags: int
    critical: tuple[float, float, float]


class VarianceRatio(NamedTuple):
    """Variance of q-bar changes over q times that of one bar.

    Below 1 = changes are undone; 1 = a random walk. `z` is Lo and MacKinlay's z*, which allows for
    changing variance, `pvalue` its two-sided probability under a random walk.
    """

    q: int
    ratio: float
    z: float
    pvalue: float


class Johansen(NamedTuple):
    """Johansen's tests of how many combinations of N prices revert; row r tests "at most r".

    `trace` and `max_eigenvalue` have shape (N,), their critical values (N, 3) at 10, 5 and 1 %;
    `eigenvalues` are the squared canonical correlations, largest first, and `vectors` their β, in columns.
    """

    trace: Float1D
    trace_critical: Float2D
    max_eigenvalue: Float1D
    max_eigenvalue_critical: Float2D
    eigenvalues: Float1D
    vectors: Float2D


class Restriction(NamedTuple):
    """Likelihood ratio of an imposed β against the estimated one, given one cointegrating relation.

    `beta` is the estimated coefficient of the second price, the first's being 1; `pvalue` is from χ²
    with one degree of freedom and means nothing if the prices are not cointegrated.
    """

    statistic: float
    pvalue: float
    beta: float


class Battery(NamedTuple):
    """All that the battery says about two log prices and their difference."""

    verdict: Convergence
    adf: UnitRoot
    kpss: UnitRoot
    variance_ratios: tuple[VarianceRatio, ...]
    engle_granger: UnitRoot
    johansen: Johansen
    restriction: Restriction


def _complete(values: _Values, what: str) -> _Values:
    """The values, if a test can be made of them."""
    found: _Values = np.ascontiguousarray(values, dtype=np.float64)
    broken = int((~np.isfinite(found)).sum())
    if broken:
        remedy = "cut the sample at its gaps, or test the unbroken end by `convergence`"
        raise DataError(f"{what}: {broken} of {found.size} values are missing", _WHERE, remedy)
    if len(found) < _LEAST:
        raise DataError(f"{what}: {len(found)} rows", _WHERE, f"give at least {_LEAST}")
    if bool((np.ptp(found, axis=0) == 0.0).any()):
        raise DataError(f"{what} does not move", _WHERE, "leave it out: a constant cannot be tested")
    return found


def _random(values: Float1D, what: str) -> None:
    """Refuse a series that follows a curve, or moves by rounding only: statistics of it are of no noise."""
    if math.isnan(convergence(values).adf):
        what = f"{what} does not move, or its changes repeat each other"
        raise DataError(what, _WHERE, "leave it out: without noise nothing can be tested")


def _pair(first: Float1D, second: Float1D) -> Float2D:
    if len(first) != len(second):
        what = f"{len(first)} prices of one leg, {len(second)} of the other"
        raise DataError(what, _WHERE, "align them on one grid")
    prices: Float2D = np.column_stack((first, second))
    return _complete(prices, "the log prices")


def adf(values: Float1D, trend: Trend = "c", lags: int | None = None) -> UnitRoot:
    """Augmented Dickey–Fuller test; the null hypothesis is a unit root.

    Parameters
    ----------
    values : ndarray of shape (bars,)
        Without gaps.
    trend : {"c", "ct"}
        Reverting to a level, or to a line.
    lags : int, optional
        Of differences. Default: by AIC up to Schwert's 12·(n/100)^¼.

    Raises
    ------
    DataError
        If values are missing, constant or fewer than 50.

    References
    ----------
    MacKinnon (1994, 2010) for the p-value and the critical values at this sample size.
    """
    found = _complete(values, "the series")
    _random(found.ravel(), "the series")
    statistic, pvalue, used, _, critical, *_ = adfuller(
        found, maxlag=lags, regression=trend, autolag="AIC" if lags is None else None, result_object=False
    )
    return UnitRoot(float(statistic), float(pvalue), int(used), _levels(critical))


def kpss(values: Float1D, trend: Trend = "c", lags: int | None = None) -> UnitRoot:
    """KPSS test; the null hypothesis is that the series is stationary around a level or a line.

    Arguments and errors as in `adf`; the lags are those of the long-run variance, by Hobijn, Franses
    and Ooms (1998) if not given. The table ends at 1 and 10 %, where the p-value is a bound.
    """
    found = _complete(values, "the series")
    _random(found.ravel(), "the series")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InterpolationWarning)  # the docstring says it
        statistic, pvalue, used, critical = statsmodels_kpss(
            found, regression=trend, nlags="auto" if lags is None else lags, result_object=False
        )
    return UnitRoot(float(statistic), float(pvalue), int(used), _levels(critical))


def _levels(critical: dict[str, float]) -> tuple[float, float, float]:
    return float(critical["1%"]), float(critical["5%"]), float(critical["10%"])


def variance_ratio(values: Float1D, q: int) -> VarianceRatio:
    """Lo and MacKinlay's variance ratio with overlapping differences, corrected for small samples.

    Parameters
    ----------
    values : ndarray of shape (bars,)
        Levels (a deviation, a log price), without gaps.
    q : int
        Bars of the longer change, from 2 to half the sample.

    Raises
    ------
    ConfigError
        If q is out of range.
    DataError
        If values are missing, constant or fewer than 50, or every change is the same.

    References
    ----------
    Lo & MacKinlay (1988), RFS 1(1), eq. 12–14 and theorem 3.
    """
    found = _complete(values, "the series")
    if not 2 <= q <= len(found) // 2:
        raise ConfigError(f"q of {q} bars", _WHERE, f"give one from 2 to {len(found) // 2}")
    size = len(found) - 1
    drift = (found[-1] - found[0]) / size
    squares = (np.diff(found) - drift) ** 2
    total = float(squares.sum())
    if not total > size * (1e-12 * float(np.abs(found).max())) ** 2:
        raise DataError("the series is a straight line", _WHERE, "leave it out")
    longer = found[q:] - found[:-q] - q * drift
    ratio = float((longer**2).sum() / (q * (size - q + 1) * (1.0 - q / size)) / (total / (size - 1)))
    spread = sum(
        (2.0 * (q - lag) / q) ** 2 * float(squares[lag:] @ squares[:-lag]) / total**2 for lag in range(1, q)
    )
    z = (ratio - 1.0) / math.sqrt(spread)
    return VarianceRatio(q, ratio, z, float(2.0 * ndtr(-abs(z))))


def stationary_variance_ratio(phi: float, q: int) -> float:
    """Variance ratio of the *level* of an AR(1): ``(1 − φ^q)/(q(1 − φ))``, for |φ| < 1.

    What `variance_ratio` would estimate for it; it tends to 1 as φ → 1.
    """
    return (1.0 - phi**q) / (q * (1.0 - phi))


def engle_granger(first: Float1D, second: Float1D, trend: Trend = "c") -> UnitRoot:
    """Engle–Granger test with an estimated β; the null hypothesis is no cointegration.

    `first` is regressed on `second` (log prices of shape (bars,)), and the residual tested with
    MacKinnon's values for two series. The answer depends on which leg is first. Where theory gives
    β = (1, −1), test the difference by `adf` instead. `lags` of the result is -1: chosen by AIC
    inside, and not told.

    Raises
    ------
    DataError
        If a price is missing, constant, the legs differ in length, or one is a multiple of the other.
    """
    prices = _pair(first, second)
    _independent(prices)
    statistic, pvalue, critical = coint(prices[:, 0], prices[:, 1], trend=trend)
    return UnitRoot(
        float(statistic), float(pvalue), -1, (float(critical[0]), float(critical[1]), float(critical[2]))
    )


def _independent(prices: Float2D) -> None:
    """Refuse prices whose levels or changes are multiples of each other."""
    for values in (prices, np.diff(prices, axis=0)):
        off = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), np.finfo(float).tiny)
        if np.linalg.matrix_rank(off, tol=1e-9 * math.sqrt(off.size)) < prices.shape[1]:
            raise DataError("the legs are multiples of each other", _WHERE, "nothing is left to test")
    for column in prices.T:
        _random(column, "a leg")


def johansen(prices: Float2D, lags: int = 1) -> Johansen:
    """Johansen's trace and maximum-eigenvalue tests with an unrestricted constant.

    Parameters
    ----------
    prices : ndarray of shape (bars, N)
        Log prices without gaps.
    lags : int
        Lagged differences in the error-correction form.

    Raises
    ------
    DataError
        As in `engle_granger`.
    """
    found = _complete(prices, "the log prices")
    _independent(found)
    made = coint_johansen(found, 0, lags)
    return Johansen(
        made.trace_stat, made.trace_stat_crit_vals, made.max_eig_stat, made.max_eig_stat_crit_vals,
        made.eig, made.evec,
    )  # fmt: skip


def restriction(
    first: Float1D, second: Float1D, lags: int = 1, beta: tuple[float, float] = (1.0, -1.0)
) -> Restriction:
    """Whether data contradict the β that theory imposes, given that the two prices are cointegrated.

    Parameters
    ----------
    first, second : ndarray of shape (bars,)
        Log prices without gaps.
    lags : int
        Lagged differences in the error-correction form.
    beta : tuple
        The relation imposed; (1, −1) for two legs on one underlying.

    Raises
    ------
    DataError
        As in `engle_granger`.

    References
    ----------
    Johansen (1995), Likelihood-based inference in cointegrated VAR models, theorem 7.2.
    """
    prices = _pair(first, second)
    _independent(prices)
    made = coint_johansen(prices, 0, lags)
    changes, levels = made.r0t, made.rkt
    rows = len(changes)
    cross = levels.T @ changes
    imposed = np.asarray(beta)
    explained = imposed @ cross @ np.linalg.solve(changes.T @ changes, cross.T @ imposed)
    share = float(explained / (imposed @ (levels.T @ levels) @ imposed))
    statistic = rows * (math.log1p(-share) - math.log1p(-float(made.eig[0])))
    vector = made.evec[:, 0]
    return Restriction(statistic, float(chi2.sf(max(statistic, 0.0), 1)), float(vector[1] / vector[0]))


def battery(
    first: Float1D, second: Float1D, lags: int = 1, level: float = 0.05, q: Sequence[int] = (2, 5, 10)
) -> Battery:
    """Every test on two log prices and on their difference, β = (1, −1) imposed where it can be.

    Parameters
    ----------
    first, second : ndarray of shape (bars,)
        Log prices without gaps, inside one delivery cycle or a window of a perpetual.
    lags : int
        Lagged differences in Johansen's test and in the restriction's.
    level : float
        Of the verdict: 0.01, 0.05 or 0.10.
    q : sequence of int
        Horizons of the variance ratio, bars.

    Raises
    ------
    ConfigError, DataError
        As in the single tests.
    """
    prices = _pair(first, second)
    _independent(prices)
    deviation = prices[:, 0] - prices[:, 1]
    return Battery(
        convergence(deviation, level),
        adf(deviation),
        kpss(deviation),
        tuple(variance_ratio(deviation, one) for one in q),
        engle_granger(first, second),
        johansen(prices, lags),
        restriction(first, second, lags),
    )
