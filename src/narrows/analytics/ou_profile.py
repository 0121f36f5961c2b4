"""The likelihood of an OU speed, mean and volatility at their best, and the speeds that it does not refute.

The statistic is the signed root of the likelihood ratio, for steps of one length the t statistic of
the AR(1) coefficient. Its law at the true speed depends on the number of steps and on speed × span
alone, and near a random walk it is not normal: the quantiles are simulated (`ou_quantiles`).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from narrows.analytics.ou_quantiles import MEAN_90, SPEED_05, SPEED_50, SPEED_95, SPEEDS, STEPS
from narrows.core.arrays import Float1D, Float2D

SLOWEST = 6.0  # a speed times the step at which one bar knows nothing of the last: e^-6
_EXPLOSIVE = -10.0  # speed times span below which no maximum is looked for
_NODES = 24
_LOG_SPEEDS = np.log1p(np.array(SPEEDS, dtype=np.float64))
_TABLE = np.array((SPEED_05, SPEED_50, SPEED_95, MEAN_90))


class Profile(NamedTuple):
    """The likelihood at one speed, mean and volatility at their best.

    Attributes
    ----------
    log_likelihood : float
    drift : float
        Speed times the distance of the mean from the centre of the sums.
    squares : float
        Sum of squared errors, each over its variance at volatility 1.
    weight : float
        What `squares` rises by for a squared unit of drift.
    effective : float
        Speed times span as the table means it: long steps count for what they can tell.
    """

    log_likelihood: float
    drift: float
    squares: float
    weight: float
    effective: float


class Roots(NamedTuple):
    """Speeds: most likely, median-unbiased, and the ends of the 90 % interval."""

    best: float
    median: float
    lo: float
    hi: float


def sums_by_step(values: Float1D, time: Float1D, centre: float) -> Float2D:
    """What the likelihood needs of a sample: (7, lengths of step).

    Rows: step, count, and the sums of x, d, x², x·d, d², with x the value before the step, measured
    from `centre`, and d its change. A regular grid with gaps has few lengths, however many bars.
    """
    # a grid in floating-point hours has steps that differ in the last digits only
    steps = np.diff(time)
    scale = np.median(steps) * 1e-9
    if np.ptp(steps) < scale:
        length, group = np.array([steps.mean() / scale]), np.zeros(len(steps), dtype=np.int64)
    else:
        length, group = np.unique(np.round(steps / scale), return_inverse=True)
    x, d = values[:-1] - centre, np.diff(values)
    parts = (np.ones_like(x), x, d, x * x, x * d, d * d)
    totals = [np.bincount(group, weights=part, minlength=len(length)) for part in parts]
    return np.ascontiguousarray(np.vstack((length * scale, *totals)))


def quantile_curves(transitions: int) -> Float2D:
    """The table at one number of steps: (5, speeds); the first row is log(1 + speed × span)."""
    at = 1.0 / min(max(transitions, STEPS[0]), STEPS[-1])
    marks = 1.0 / np.array(STEPS, dtype=np.float64)
    upper = max(1, min(int(np.searchsorted(-marks, -at)), len(STEPS) - 1))
    share = (at - marks[upper - 1]) / (marks[upper] - marks[upper - 1])
    rows = (1.0 - share) * _TABLE[:, upper - 1] + share * _TABLE[:, upper]
    return np.ascontiguousarray(np.vstack((_LOG_SPEEDS, rows)))


@njit(cache=True)
def _profile(kappa: float, sums: Float2D) -> tuple[float, float, float, float, float]:
    """`Profile` of plain numbers."""
    errors = cross = weight = logs = total = remembered = 0.0
    for group in range(sums.shape[1]):
        step, count, x, d, xx, xd, dd = sums[:, group]
        decay = np.expm1(-kappa * step)
        push = -decay / kappa if kappa != 0.0 else step
        variance = push * (1.0 + 0.5 * decay)
        errors += (dd - 2.0 * decay * xd + decay * decay * xx) / variance
        cross += push * (d - decay * x) / variance
        weight += count * push * push / variance
        logs += count * np.log(variance)
        total += count
        remembered += count * (1.0 + decay)
    drift = cross / weight
    squares = max(errors - cross * drift, 0.0)
    level = np.log(2.0 * np.pi * squares / total) + 1.0 if squares > 0.0 else -np.inf
    return -0.5 * (total * level + logs), drift, squares, weight, -total * np.log(remembered / total)


@njit(cache=True)
def _likelihood(at: float, span: float, sums: Float2D) -> float:
    return float(_profile(np.sinh(at) / span, sums)[0])


@njit(cache=True)
def _climb(lo: float, hi: float, span: float, sums: Float2D) -> float:
    """The top of the likelihood between two places of the axis arcsinh(speed × span).

    Golden section until a parabola is a good picture, then the vertices of two parabolas.
    """
    share = 0.5 * (np.sqrt(5.0) - 1.0)
    left, right = hi - share * (hi - lo), lo + share * (hi - lo)
    at_left, at_right = _likelihood(left, span, sums), _likelihood(right, span, sums)
    while hi - lo > 0.02:
        if at_left > at_right:
            hi, right, at_right = right, left, at_left
            left = hi - share * (hi - lo)
            at_left = _likelihood(left, span, sums)
        else:
            lo, left, at_left = left, right, at_right
            right = lo + share * (hi - lo)
            at_right = _likelihood(right, span, sums)
    at = 0.5 * (lo + hi)
    for width in (1e-2, 1e-3):
        low, high = _likelihood(at - width, span, sums), _likelihood(at + width, span, sums)
        here = _likelihood(at, span, sums)
        bend = low - 2.0 * here + high
        if bend < 0.0:
            at += min(max(0.5 * width * (low - high) / bend, -width), width)
    return float(at)


@njit(cache=True)
def _excess(
    at: float, row: int, best: tuple[float, float], span: float, sums: Float2D, curves: Float2D
) -> float:
    """Signed root of the likelihood ratio at a place, less its quantile there."""
    found = _profile(np.sinh(at) / span, sums)
    root = np.sqrt(2.0 * max(best[1] - found[0], 0.0)) * (1.0 if best[0] > at else -1.0)
    return float(root - np.interp(np.log1p(max(found[4], 0.0)), curves[0], curves[row]))


@njit(cache=True)
def _crossing(
    lo: float, hi: float, row: int, best: tuple[float, float], span: float, sums: Float2D, curves: Float2D
) -> float:
    """Where the excess changes sign between two places: regula falsi, Illinois."""
    below, above = _excess(lo, row, best, span, sums, curves), _excess(hi, row, best, span, sums, curves)
    kept = 0
    for _ in range(40):
        middle = lo + (hi - lo) * below / (below - above) if below != above else 0.5 * (lo + hi)
        here = _excess(middle, row, best, span, sums, curves)
        if (here > 0.0) == (below > 0.0):
            lo, below = middle, here
            above *= 0.5 if kept == 1 else 1.0
            kept = 1
        else:
            hi, above = middle, here
            below *= 0.5 if kept == 2 else 1.0
            kept = 2
        if hi - lo < 1e-8 or abs(here) < 1e-7:
            return middle
    return 0.5 * (lo + hi)


@njit(cache=True)
def _best(nodes: Float1D, heights: Float1D, span: float, sums: Float2D) -> tuple[float, float]:
    """Place and height of the maximum, from the heights at the nodes."""
    top = int(np.argmax(heights))
    at = _climb(nodes[max(top - 1, 0)], nodes[min(top + 1, len(nodes) - 1)], span, sums)
    height = _likelihood(at, span, sums)
    return (at, height) if height > heights[top] and at < nodes[-1] else (nodes[top], heights[top])


@njit(cache=True)
def _last_above(excess: Float1D, outermost: bool) -> int:
    """The last node not below 0; or the last of those in a row from the first; -1 = none."""
    last = -1
    for place in range(len(excess)):
        if excess[place] >= 0.0:
            last = place
        elif not outermost:
            break
    return last


@njit(cache=True)
def _roots(nodes: Float1D, span: float, sums: Float2D, curves: Float2D) -> tuple[float, float, float, float]:
    """`Roots` in places of the axis."""
    heights, effective = np.empty(len(nodes)), np.empty(len(nodes))
    for place in range(len(nodes)):
        found = _profile(np.sinh(nodes[place]) / span, sums)
        heights[place], effective[place] = found[0], found[4]
    best = _best(nodes, heights, span, sums)
    first = int(np.argmax(nodes >= 0.0))
    tried, speeds = nodes[first:], np.log1p(np.maximum(effective[first:], 0.0))
    root = np.sqrt(2.0 * np.maximum(best[1] - heights[first:], 0.0)) * np.where(best[0] > tried, 1.0, -1.0)
    ends = np.zeros(3)
    for row in (1, 2, 3):
        # the root falls with the speed: where it leaves its 5 % quantile is the upper end, its 95 % the lower
        last = _last_above(root - np.interp(speeds, curves[0], curves[row]), row == 1)
        if last == len(tried) - 1:
            ends[row - 1] = np.inf
        elif last >= 0:
            ends[row - 1] = _crossing(tried[last], tried[last + 1], row, best, span, sums, curves)
    return best[0], ends[1], ends[2], ends[0]


@njit(cache=True)
def _mean_ends(
    nodes: Float1D, span: float, sums: Float2D, best: float, curves: Float2D
) -> tuple[float, float]:
    """Means that some speed makes likely enough, by that speed's quantile; infinite where any is."""
    total = np.sum(sums[1])
    lo, hi = np.inf, -np.inf
    for at in nodes:
        kappa = np.sinh(at) / span
        height, drift, squares, weight, effective = _profile(kappa, sums)
        quantile = np.interp(np.log1p(max(effective, 0.0)), curves[0], curves[4])
        spare = height - best + 0.5 * quantile * quantile
        if spare >= 0.0:
            if kappa == 0.0:
                return -np.inf, np.inf
            reach = np.sqrt(squares * np.expm1(2.0 * spare / total) / weight) / kappa
            lo, hi = min(lo, drift / kappa - reach), max(hi, drift / kappa + reach)
    return lo, hi


def axis(span: float, fastest: float) -> Float1D:
    """Places where the likelihood is looked at first: arcsinh(speed × span), rising, with 0 among them."""
    top = np.arcsinh(fastest * span)
    return np.concatenate((np.arcsinh([_EXPLOSIVE, -4.0, -1.5, -0.5]), np.linspace(0.0, top, _NODES)))


def profile(kappa: float, sums: Float2D) -> Profile:
    """The likelihood at one speed."""
    return Profile(*_profile(kappa, sums))


@njit(cache=True)
def _most_likely(nodes: Float1D, span: float, sums: Float2D) -> float:
    heights = np.array([_likelihood(at, span, sums) for at in nodes])
    return float(_best(nodes, heights, span, sums)[0])


def most_likely(span: float, fastest: float, sums: Float2D) -> float:
    """The speed that maximises the likelihood, below 0 too; inf if it is `fastest` or beyond."""
    nodes = axis(span, fastest)
    at = _most_likely(nodes, span, sums)
    return float(np.sinh(at) / span) if at < nodes[-1] - 1e-6 else np.inf


def roots(span: float, fastest: float, sums: Float2D, curves: Float2D) -> Roots:
    """Point and interval of the speed; 0 = a random walk is not refuted, inf = nor that no memory is left."""
    nodes = axis(span, fastest)
    places = _roots(nodes, span, sums, curves)
    best, median, lo, hi = (float(np.sinh(at) / span) for at in places)
    return Roots(best if places[0] < nodes[-1] - 1e-6 else np.inf, median, lo, hi)


def mean_ends(
    span: float, found: Roots, fastest: float, sums: Float2D, curves: Float2D
) -> tuple[float, float]:
    """90 % interval of drift/speed, measured from the centre of the sums."""
    speeds = np.arcsinh(np.array([found.lo, min(found.hi, fastest)]) * span)
    # the likelihood ratio of the mean reaches beyond the interval of the speed
    nodes = np.concatenate(([0.0], np.linspace(max(1e-3, speeds[0] - 1.5), speeds[1] + 1.5, 2 * _NODES)))
    lo, hi = _mean_ends(nodes, span, sums, _profile(min(found.best, fastest), sums)[0], curves)
    return float(lo), float(hi)
