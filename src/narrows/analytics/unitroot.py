"""Whether a deviation reverts: ADF and KPSS as one decision, over a sample, a cycle, a rolling window.

The statistics are Numba kernels (statsmodels is their twin in the tests): a scan imports this at no cost.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numba import njit
from scipy.special import ndtr

from narrows.core.arrays import Bool1D, Float1D, Float2D, FloatArray, Int1D, Int2D
from narrows.core.errors import ConfigError

_Rows = TypeVar("_Rows", float, Float1D)

CONVERGING, NOT_CONVERGING, NOT_IDENTIFIED = "converging", "not converging", "not identified"
STATES = (NOT_IDENTIFIED, CONVERGING, NOT_CONVERGING)  # the codes of a rolling decision

_LEAST = 50  # bars without a gap that a decision needs
_PIVOT = 1e-11  # of a standardised column: less is left of it than rounding leaves
_FLAT = 1e-14  # of a log gap: the logarithms it is the difference of are rounded by as much
_WHERE = "unit root"
_ADF = {  # MacKinnon (2010), table 2, constant, one series: level → β∞, β1, β2, β3
    0.01: (-3.43035, -6.5393, -16.786, -79.433),
    0.05: (-2.86154, -2.8903, -4.234, -40.040),
    0.10: (-2.56677, -1.5384, -2.809, 0.0),
}
_KPSS = {0.01: 0.739, 0.05: 0.463, 0.10: 0.347}  # Kwiatkowski et al. (1992), table 1, level
_SMALL_P = (0.038269, 1.4412, 2.1659)  # MacKinnon (1994), constant: Φ of a polynomial of the statistic
_LARGE_P = (-0.010368, -0.12745, 0.93202, 1.7339)


class Convergence(NamedTuple):
    """Whether a deviation reverts, by two tests with opposite hypotheses.

    Attributes
    ----------
    state : str
        "converging": ADF rejects a unit root and KPSS does not reject a level. "not converging":
        the reverse. "not identified": neither or both reject, or there is too little to test.
    reason : str
        Why, in words with the numbers; never empty.
    adf, adf_critical, pvalue : float
        t statistic, the critical value at the level asked for, MacKinnon's p-value.
    kpss, kpss_critical : float
        Statistic and critical value at the same level.
    observations, lags : int
        Bars that were tested, and differences in the ADF regression (by AIC).
    """

    state: str
    reason: str
    adf: float = math.nan
    adf_critical: float = math.nan
    pvalue: float = math.nan
    kpss: float = math.nan
    kpss_critical: float = math.nan
    observations: int = 0
    lags: int = 0


class RollingConvergence(NamedTuple):
    """The decision at each bar, from the window that ends there; arrays of shape (bars,).

    `state` holds places in `STATES` (0 = not identified, 1 = converging, 2 = not converging),
    `adf` and `kpss` the statistics (NaN = none), `observations` the bars tested.
    """

    state: Int1D
    adf: Float1D
    kpss: Float1D
    observations: Int1D


@njit(cache=True)
def _moments(level: Float1D, change: Float1D, lags: int) -> tuple[Float2D, int]:
    """Cross products of constant, changes lagged 1 … `lags`, lagged level, change; and the rows."""
    first, size = lags, len(change) - lags
    columns = np.empty((lags + 3, size))
    columns[0] = 1.0
    for lag in range(1, lags + 1):
        columns[lag] = change[first - lag : first - lag + size]
    columns[lags + 1] = level[first : first + size]
    columns[lags + 2] = change[first:]
    return columns @ columns.T, size


@njit(cache=True)
def _triangle(products: Float2D) -> tuple[Float2D, bool]:
    """Cholesky factor of the products, and whether every column but the last adds something."""
    size = len(products)
    lower = np.zeros((size, size))
    for row in range(size):
        for column in range(row + 1):
            rest = products[row, column]
            for inner in range(column):
                rest -= lower[row, inner] * lower[column, inner]
            if column < row:
                lower[row, column] = rest / lower[column, column]
            elif rest > _PIVOT * products[row, row]:
                lower[row, row] = math.sqrt(rest)
            elif row < size - 1:
                return lower, False
    return lower, True


@njit(cache=True)
def _best_lag(level: Float1D, change: Float1D, most: int) -> int:
    """Lags of the least AIC, all on the rows that the longest leaves; -1 = singular.

    The level stands before the changes, so each shorter model is the head of the longest.
    """
    products, rows = _moments(level, change, most)
    order = np.empty(most + 3, dtype=np.int64)
    order[0], order[1], order[most + 2] = 0, most + 1, most + 2
    for lag in range(1, most + 1):
        order[lag + 1] = lag
    lower, regular = _triangle(products[order][:, order])
    if not regular:
        return -1
    projected = lower[most + 2]
    unexplained = products[most + 2, most + 2] - projected[0] ** 2 - projected[1] ** 2
    best, least = 0, np.inf
    for lag in range(most + 1):
        if lag > 0:
            unexplained -= projected[lag + 1] ** 2
        if unexplained <= 0.0:
            return -1
        criterion = rows * math.log(unexplained / rows) + 2.0 * (lag + 2)
        if criterion < least:
            best, least = lag, criterion
    return best


@njit(cache=True)
def _adf(values: Float1D, most: int) -> tuple[float, int]:
    """t statistic of the lagged level, and the lags that AIC chooses; NaN where the regression is singular.

    `many_series.adf_statistic` has it for many series with gaps and a lag that is given.
    """
    spread = values.std()
    change = np.diff(values)
    roughness = change.std()
    if not (spread > _FLAT * max(1.0, abs(values.mean())) and roughness > 1e-12 * spread):
        return np.nan, 0
    level, change = (values - values.mean()) / spread, change / roughness
    lags = _best_lag(level, change, most)
    if lags < 0:
        return np.nan, 0
    products, rows = _moments(level, change, lags)
    lower, regular = _triangle(products)
    left = lower[lags + 2, lags + 2] ** 2
    if not (regular and left > 0.0):
        return np.nan, 0
    return lower[lags + 2, lags + 1] / math.sqrt(left / (rows - lags - 2)), lags


@njit(cache=True)
def _kpss(values: Float1D) -> float:
    """Level statistic with Bartlett weights and the lags of Hobijn, Franses and Ooms."""
    size = len(values)
    off = values - values.mean()
    plain = (off**2).sum()
    if not plain > 0.0:
        return np.nan
    weight, slope = plain / size, 0.0
    for lag in range(1, int(size ** (2.0 / 9.0)) + 1):
        product = (off[lag:] * off[: size - lag]).sum() / (size / 2.0)
        weight += product
        slope += lag * product
    lags = int(1.1447 * ((slope / weight) ** 2) ** (1.0 / 3.0) * size ** (1.0 / 3.0))
    lags = min(lags, size - 1)
    variance = plain
    for lag in range(1, lags + 1):
        variance += 2.0 * (off[lag:] * off[: size - lag]).sum() * (1.0 - lag / (lags + 1.0))
    statistic: float = (np.cumsum(off) ** 2).sum() / size**2 / (variance / size)
    return statistic


@njit(cache=True)
def _schwert(size: int) -> int:
    """Most lags that Schwert's rule lets AIC choose from."""
    rule: int = math.ceil(12.0 * (size / 100.0) ** 0.25)
    return min(rule, size // 2 - 2)


@njit(cache=True)
def _since_gap(values: Float1D, stop: int, window: int) -> int:
    """Where the unbroken run that ends before `stop` begins, at most a window back."""
    start = stop
    while start > max(0, stop - window) and np.isfinite(values[start - 1]):
        start -= 1
    return start


@njit(cache=True)
def _roll(values: Float1D, window: int, minimum: int, every: int) -> tuple[Float2D, Int2D]:
    tested = np.full((2, len(values)), np.nan)
    sizes = np.zeros((2, len(values)), dtype=np.int64)  # bars, lags
    for row in range(len(values)):
        if row % every != every - 1:
            if row > 0:
                tested[:, row], sizes[:, row] = tested[:, row - 1], sizes[:, row - 1]
            continue
        run = values[_since_gap(values, row + 1, window) : row + 1]
        sizes[0, row] = len(run)
        if len(run) >= minimum:
            tested[0, row], sizes[1, row] = _adf(run, _schwert(len(run)))
            tested[1, row] = _kpss(run)
    return tested, sizes


def adf_critical(level: float, observations: _Rows) -> _Rows:
    """MacKinnon's critical value of the ADF statistic with a constant.

    Parameters
    ----------
    level : float
        0.01, 0.05 or 0.10.
    observations : float or ndarray
        Rows of the regression; `inf` gives the asymptotic value.

    Raises
    ------
    ConfigError
        If there is no table for the level.

    References
    ----------
    MacKinnon (2010), Critical values for cointegration tests, Queen's WP 1227, table 2.
    """
    constant, one, two, three = _ADF[_checked(level)]
    return constant + (one + (two + three / observations) / observations) / observations


def _checked(level: float) -> float:
    if level not in _ADF:
        raise ConfigError(f"level {level:g}", _WHERE, f"give one of {', '.join(f'{one:g}' for one in _ADF)}")
    return level


def _pvalue(statistic: float) -> float:
    """MacKinnon's (1994) approximation with a constant, one series."""
    if math.isnan(statistic):
        return math.nan
    if not -18.83 <= statistic <= 2.74:
        return float(statistic > 0.0)
    return float(ndtr(np.polyval(_SMALL_P if statistic <= -1.61 else _LARGE_P, statistic)))


def convergence(deviation: Float1D, level: float = 0.05, minimum: int = _LEAST) -> Convergence:
    """Whether a deviation reverts to a fixed level: ADF must reject and KPSS must not.

    Parameters
    ----------
    deviation : ndarray of shape (bars,)
        Log gap less its fair value, or the log gap of two legs with β = (1, −1). What follows the
        last gap (NaN) is tested; what precedes it is not joined to it.
    level : float
        Of both tests: 0.01, 0.05 or 0.10.
    minimum : int
        Unbroken bars that a decision needs, at least 50.

    Returns
    -------
    Convergence

    Raises
    ------
    ConfigError
        If the level has no table or the minimum is below 50.

    Notes
    -----
    Test inside one delivery cycle, or on a window (90 days of a perpetual): stitched contracts
    revert at their rolls by construction, and on years of data both tests reject at once, because
    the level itself drifts. KPSS with its usual few lags also rejects too often when half-lives are
    a sizeable part of the sample; so "both reject" is "not identified", not "not converging".
    """
    _checked(level)
    values = np.ascontiguousarray(deviation, dtype=np.float64)
    _check_minimum(minimum, max(minimum, len(values)))
    run = values[_since_gap(values, len(values), len(values)) :]
    if len(run) < minimum:
        missing = int((~np.isfinite(values)).sum())
        what = f"{len(run)} unbroken bars at the end ({missing} of {len(values)} missing), {minimum} needed"
        return Convergence(NOT_IDENTIFIED, f"not identified: {what}", observations=len(run))
    statistic, lags = _adf(run, _schwert(len(run)))
    kpss = float(_kpss(run))
    if not (math.isfinite(statistic) and math.isfinite(kpss)):
        what = "the deviation is constant, or its changes repeat each other"
        return Convergence(NOT_IDENTIFIED, f"not identified: {what}", observations=len(run))
    critical = adf_critical(level, len(run) - 1 - lags), _KPSS[level]
    state, reason = _verdict(statistic, critical[0], kpss, critical[1])
    return Convergence(
        state, reason, statistic, critical[0], _pvalue(statistic), kpss, critical[1], len(run), lags
    )


def _verdict(adf: float, adf_critical: float, kpss: float, kpss_critical: float) -> tuple[str, str]:
    numbers = f"ADF {adf:.2f} against {adf_critical:.2f}, KPSS {kpss:.3f} against {kpss_critical:.3f}"
    moves, drifts = adf < adf_critical, kpss > kpss_critical
    if moves and not drifts:
        return CONVERGING, f"a unit root is rejected, a fixed level is not: {numbers}"
    if drifts and not moves:
        return NOT_CONVERGING, f"not converging: a fixed level is rejected, a unit root is not: {numbers}"
    if moves:
        why = "both tests reject, the level drifts: too long a sample, or a break in it"
        return NOT_IDENTIFIED, f"not identified: {why}; {numbers}"
    return NOT_IDENTIFIED, f"not identified: neither test rejects, too few half-lives to tell; {numbers}"


def _check_minimum(minimum: int, window: int) -> None:
    if not _LEAST <= minimum <= window:
        what = f"minimum {minimum} is not in {_LEAST} … {window} bars"
        raise ConfigError(what, _WHERE, "a unit root is not told from fewer, and the window is the most")


def rolling_convergence(
    deviation: Float1D, window: int, level: float = 0.05, minimum: int | None = None, every: int = 1
) -> RollingConvergence:
    """The decision of `convergence` at each bar, from the unbroken end of a trailing window.

    Parameters
    ----------
    deviation : ndarray of shape (bars,)
        NaN = not known.
    window : int
        Bars; 90 days for a perpetual.
    level : float
        0.01, 0.05 or 0.10.
    minimum : int, optional
        Unbroken bars that a decision needs. Default: the whole window.
    every : int
        Bars between decisions, counted from the first bar; the last one stands in between.

    Returns
    -------
    RollingConvergence

    Raises
    ------
    ConfigError
        If the level has no table, the minimum is not in 50 … window, or `every` is below 1.

    Notes
    -----
    At each bar decided it equals ``convergence(deviation[row - window + 1 : row + 1])``. Many bars
    are many tests: one in twenty rejects by chance.
    """
    _checked(level)
    least = window if minimum is None else minimum
    _check_minimum(least, window)
    if every < 1:
        raise ConfigError(f"a decision every {every} bars", _WHERE, "give at least 1")
    values = np.ascontiguousarray(deviation, dtype=np.float64)
    (adf, kpss), (used, lags) = _roll(values, window, least, every)
    known = np.isfinite(adf) & np.isfinite(kpss)
    moves = adf < adf_critical(level, np.where(known, used - 1.0 - lags, np.inf))
    drifts = kpss > _KPSS[level]
    state = np.zeros(len(values), dtype=np.int64)
    state[known & moves & ~drifts] = STATES.index(CONVERGING)
    state[known & drifts & ~moves] = STATES.index(NOT_CONVERGING)
    return RollingConvergence(state, adf, kpss, used)


def convergence_by_cycle(deviation: Float1D, cycle: Int1D, level: float = 0.05) -> dict[int, Convergence]:
    """The decision inside each delivery cycle, so that no roll is mistaken for reversion.

    Parameters
    ----------
    deviation : ndarray of shape (bars,)
        Log gap less its fair value.
    cycle : ndarray of shape (bars,), int64
        Which contract each bar belongs to; a negative number belongs to none.
    level : float
        0.01, 0.05 or 0.10.

    Returns
    -------
    dict
        By cycle, in the order of the numbers; a cycle's verdict is known only at its end.

    Raises
    ------
    ConfigError
        If the level has no table or the shapes differ.
    """
    if len(cycle) != len(deviation):
        what = f"{len(cycle)} cycle numbers for {len(deviation)} bars"
        raise ConfigError(what, _WHERE, "give one a bar")
    numbers = np.unique(cycle[cycle >= 0]).tolist()
    return {number: convergence(deviation[cycle == number], level) for number in numbers}


def benjamini_hochberg(pvalues: FloatArray, level: float) -> Bool1D:
    """Which of many hypotheses to reject, so that of the rejected at most `level` are true on average.

    Parameters
    ----------
    pvalues : ndarray of shape (tests,)
        NaN = not tested: it is never rejected, and not counted among the tests.
    level : float
        False discovery rate, in (0, 1).

    Returns
    -------
    ndarray of shape (tests,), bool

    Raises
    ------
    ConfigError
        If the level is not in (0, 1), or a p-value not in [0, 1].

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate, JRSS B 57(1).
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"false discovery rate {level:g}", _WHERE, "give one between 0 and 1")
    values = np.asarray(pvalues, dtype=np.float64)
    known = np.sort(values[~np.isnan(values)])
    if known.size and not 0.0 <= known[0] <= known[-1] <= 1.0:
        raise ConfigError(f"p-values from {known[0]:g} to {known[-1]:g}", _WHERE, "give probabilities")
    below = np.flatnonzero(known <= level * np.arange(1, known.size + 1) / max(1, known.size))
    return values <= (known[below[-1]] if below.size else -1.0)


def controlled(verdicts: Sequence[Convergence], level: float = 0.05) -> list[Convergence]:
    """The verdicts of a universe, where being one of many is accounted for.

    A spread that converges by its own test stays so only if its ADF p-value survives
    Benjamini–Hochberg among all spreads tested; else it becomes "not identified", and says so.
    """
    rejected = benjamini_hochberg(np.array([one.pvalue for one in verdicts]), level)
    tests = sum(not math.isnan(one.pvalue) for one in verdicts)
    return [
        one
        if kept or one.state != CONVERGING
        else one._replace(
            state=NOT_IDENTIFIED,
            reason=f"not identified: p = {one.pvalue:.4f} may be chance among {tests} spreads ({one.reason})",
        )
        for one, kept in zip(verdicts, rejected, strict=True)
    ]
