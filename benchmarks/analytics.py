"""Statistics of 1,000 series of 10,000 bars, against the libraries that have them, in the same run.

One thread each. statsmodels takes a series at a time, so it is timed on a few and scaled to all;
pandas takes all of them. Ours and theirs are compared first: a fast wrong number is no benchmark.
Processor seconds, the best of a few repeats, so that a busy machine bends the ratio less. With --json,
one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import statsmodels.api as sm
from statsmodels.regression.rolling import RollingOLS
from statsmodels.tsa.statespace.structural import UnobservedComponents
from statsmodels.tsa.stattools import adfuller

from narrows.analytics.local_level import filter_levels
from narrows.analytics.many_series import adf_statistic, reversion
from narrows.analytics.rolling import rolling_zscore
from narrows.analytics.rolling_regression import rolling_ols
from narrows.core.arrays import Float1D, Float2D
from narrows.core.random import generator

SERIES, BARS, WINDOW, SEED, REPEATS = 1_000, 10_000, 100, 7, 5
DRIFT, NOISE = 0.1, 1.0
CLOCK = np.arange(float(BARS))


class Peer(NamedTuple):
    """What is compared: how ours and theirs are called, and how many series theirs is timed on."""

    what: str
    goal: float
    ours: Callable[[], object]
    theirs: Callable[[int], object]
    series: int


def market() -> tuple[Float2D, Float2D]:
    """Series that revert slowly, and others that follow them with noise; shape (bars, series)."""
    random = generator(SEED, "analytics")
    x = random.normal(size=(BARS, SERIES))
    for row in range(1, BARS):
        x[row] += 0.98 * x[row - 1]
    return x, 0.5 * x + random.normal(size=x.shape)


def ols(y: Float1D, x: Float1D) -> tuple[Float2D, Float1D, Float1D]:
    """Rolling regression by statsmodels: coefficients, residual variance, r²."""
    told = RollingOLS(y, sm.add_constant(x), WINDOW).fit()
    return told.params, told.mse_resid, told.rsquared


def zscore(x: Float2D) -> Float2D:
    """Rolling z-score by pandas, all series at once."""
    frame = pd.DataFrame(x)
    windows = frame.rolling(WINDOW)
    score: Float2D = ((frame - windows.mean()) / windows.std()).to_numpy()
    return score


def adf(x: Float1D) -> float:
    """The statistic of statsmodels with one lag."""
    return float(adfuller(x, maxlag=1, autolag=None, result_object=True).statistic)


def speed(x: Float1D) -> float:
    """Speed of reversion from statsmodels' OLS of the next value on this one."""
    return float(-np.log(sm.OLS(x[1:], sm.add_constant(x[:-1])).fit().params[1]))


def level(x: Float1D) -> Float1D:
    """Filtered level by statsmodels' state space, for given variances."""
    model = UnobservedComponents(x[1:], "llevel")
    model.ssm.initialize_known(x[:1], np.array([[NOISE + DRIFT]]))
    told: Float1D = model.filter([NOISE, DRIFT]).filtered_state[0]
    return told


def compare(x: Float2D, y: Float2D) -> None:
    """Both sides find the same numbers on the first series."""
    last = slice(WINDOW - 1, None)
    found, (told, variance, share) = rolling_ols(y[:, 0], x[:, 0], WINDOW), ols(y[:, 0], x[:, 0])
    np.testing.assert_allclose(found.slope[last], told[last, 1], rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(found.intercept[last], told[last, 0], rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(found.residual_std[last] ** 2, variance[last], rtol=1e-8)
    np.testing.assert_allclose(found.r_squared[last], share[last], rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(
        rolling_zscore(x[:, :3], WINDOW)[last], zscore(x[:, :3])[last], rtol=0.0, atol=1e-8
    )
    np.testing.assert_allclose(adf_statistic(x[:, 0]), adf(x[:, 0]), rtol=1e-9)
    np.testing.assert_allclose(reversion(x[:, 0], 1.0).kappa, speed(x[:, 0]), rtol=1e-9)
    np.testing.assert_allclose(
        filter_levels(x[:, 0], CLOCK, DRIFT, NOISE).level[1:], level(x[:, 0]), rtol=0.0, atol=1e-8
    )


def peers(x: Float2D, y: Float2D) -> list[Peer]:
    """All comparisons."""

    def each(work: Callable[[int], object]) -> Callable[[int], object]:
        return lambda count: [work(column) for column in range(count)]

    return [
        Peer(
            "rolling OLS ÷ statsmodels",
            1000.0,
            lambda: rolling_ols(y, x, WINDOW),
            each(lambda c: ols(y[:, c], x[:, c])),
            3,
        ),
        Peer(
            "rolling z-score ÷ pandas",
            10.0,
            lambda: rolling_zscore(x, WINDOW),
            lambda count: zscore(x[:, :count]),
            SERIES,
        ),
        Peer(
            "ADF statistic, lag 1 ÷ statsmodels",
            15.0,
            lambda: adf_statistic(x),
            each(lambda c: adf(x[:, c])),
            20,
        ),
        Peer(
            "OU speed ÷ statsmodels OLS", 25.0, lambda: reversion(x, 1.0), each(lambda c: speed(x[:, c])), 50
        ),
        Peer(
            "Kalman level ÷ statsmodels",
            80.0,
            lambda: filter_levels(x, CLOCK, DRIFT, NOISE),
            each(lambda c: level(x[:, c])),
            10,
        ),
    ]


def best_s(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the best of some runs, after one that may compile."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    x, y = market()
    compare(x, y)
    rows = []
    for peer in peers(x, y):
        ours = best_s(peer.ours, REPEATS)
        theirs = best_s(lambda peer=peer: peer.theirs(peer.series), 2) * SERIES / peer.series  # type: ignore[misc]
        rows.append(
            {"what": peer.what, "s": ours, "peer_s": theirs, "times_faster": theirs / ours}
            | {"goal": peer.goal, "peer_series": peer.series}
        )
    if "--json" in sys.argv:
        print(json.dumps({"analytics": rows}))
        return
    title = f"{SERIES:,} series × {BARS:,} bars, window {WINDOW}"
    print(f"{title:46}{'s':>8}{'peer s':>10}{'÷':>8}{'goal':>8}{'from':>8}")
    for row in rows:
        print(
            f"{row['what']:46}{row['s']:8.3f}{row['peer_s']:10.2f}{row['times_faster']:8.0f}"
            f"{row['goal']:8.0f}{row['peer_series']:8}"
        )


if __name__ == "__main__":
    main()
