import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.analytics.ou import OU, OUArrays
from narrows.analytics.premium import fit_premium
from narrows.analytics.premium_noise import filtered, fit_noisy_premium
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError

KAPPA, THETA, SIGMA, NOISE = 0.02, 1.0, 0.6, 3.0  # bp, hours; the slow part has a deviation of 3
TRUTH = OU(KAPPA, THETA, SIGMA)


def noisy(bars: int, seed: int) -> tuple[Float1D, Float1D]:
    """The slow premium and what is seen of it, hour by hour."""
    random, keep = np.random.default_rng(seed), math.exp(-KAPPA)
    slow = np.empty(bars)
    slow[0] = THETA
    for bar in range(1, bars):
        shock = SIGMA * math.sqrt((1.0 - keep**2) / (2.0 * KAPPA)) * random.standard_normal()
        slow[bar] = THETA + keep * (slow[bar - 1] - THETA) + shock
    return slow, slow + NOISE * random.standard_normal(bars)


def test_noise_does_not_pass_for_a_fast_return() -> None:
    """Over 20 seeds, within three standard errors; a regression bar by bar is ten times too fast."""
    fits = [fit_noisy_premium(noisy(8760, seed)[1], 1.0, 8) for seed in range(20)]
    kept = np.array([math.exp(-8.0 * fit.model.kappa) for fit in fits])
    assert kept.mean() == pytest.approx(math.exp(-8.0 * KAPPA), abs=3.0 * kept.std() / 20**0.5)
    assert np.mean([fit.noise_sd for fit in fits]) == pytest.approx(NOISE, rel=0.02)
    assert np.median([fit.half_life_h for fit in fits]) == pytest.approx(math.log(2.0) / KAPPA, rel=0.15)
    plain = fit_premium(noisy(8760, 0)[1], 1.0).model
    assert plain.kappa > 10.0 * KAPPA


def test_a_crash_is_not_the_fit() -> None:
    _, seen = noisy(8760, 3)
    calm = fit_noisy_premium(seen, 1.0, 8)
    seen[4000:4003] = -2000.0
    assert fit_noisy_premium(seen, 1.0, 8).half_life_h == pytest.approx(calm.half_life_h, rel=0.1)


def test_the_filter_is_the_conditional_gaussian() -> None:
    _, seen = noisy(40, 4)
    seen[10:13] = np.nan
    state, sd = filtered(seen, 1.0, TRUTH, NOISE)
    rows = np.arange(40)
    slow = SIGMA**2 / (2.0 * KAPPA) * np.exp(-KAPPA * np.abs(rows[:, None] - rows))
    for bar in (0, 5, 11, 39):
        past = np.flatnonzero(np.isfinite(seen[: bar + 1]))
        gain = slow[bar, past] @ np.linalg.inv(slow[np.ix_(past, past)] + NOISE**2 * np.eye(len(past)))
        assert state[bar] == pytest.approx(THETA + gain @ (seen[past] - THETA), abs=1e-9)
        assert sd[bar] ** 2 == pytest.approx(slow[bar, bar] - gain @ slow[past, bar], abs=1e-9)


def test_the_filter_is_nearer_than_what_is_seen() -> None:
    slow, seen = noisy(20_000, 5)
    state, sd = filtered(seen, 1.0, TRUTH, NOISE)
    score = (slow - state)[100:] / sd[100:]
    assert score.std() == pytest.approx(1.0, abs=0.05)
    assert np.std(slow - state) < 0.5 * NOISE


def test_one_wild_bar_counts_as_four_deviations() -> None:
    _, seen = noisy(400, 6)
    calm, sd = filtered(seen, 1.0, TRUTH, NOISE)
    seen[300] = 1e6
    wild, _ = filtered(seen, 1.0, TRUTH, NOISE)
    assert wild[300] - calm[300] < 10.0 * sd[300]


@given(st.integers(0, 50), st.integers(1, 199))
def test_later_bars_change_no_bit(seed: int, cut: int) -> None:
    _, seen = noisy(200, seed)
    speeds = np.where(np.arange(200) < 20, np.nan, np.random.default_rng(seed).uniform(0.01, 1.0, 200))
    theta, sigma = np.full(len(speeds), THETA), np.full(len(speeds), SIGMA)
    whole = filtered(seen, 1.0, OUArrays(speeds, theta, sigma), NOISE)
    short = filtered(seen[:cut], 1.0, OUArrays(speeds[:cut], theta[:cut], sigma[:cut]), NOISE)
    for long, part in zip(whole, short, strict=True):
        assert long[:cut].tobytes() == part.tobytes()


@pytest.mark.parametrize(
    ("premium", "reason"),
    [
        (np.full(500, np.nan), "0 premiums"),
        (np.zeros(25), "25 premiums"),
        (np.zeros(40), "24 pairs"),
        (np.zeros(500), "no slow premium"),
        (np.tile([1.0, -1.0, 1.0, 1.0, -1.0], 100), "no slow premium"),
    ],
)
def test_what_cannot_be_fitted_says_why(premium: Float1D, reason: str) -> None:
    fit = fit_noisy_premium(premium, 1.0, 8)
    assert reason in fit.reason
    assert all(np.isnan(part) for part in (*fit.model, fit.noise_sd, fit.half_life_h))


def test_lengths_that_are_none_are_refused() -> None:
    for bar_h, lag in ((0.0, 8), (1.0, 0)):
        with pytest.raises(ConfigError, match="fit_noisy_premium"):
            fit_noisy_premium(np.zeros(100), bar_h, lag)
    with pytest.raises(ConfigError, match="filtered"):
        filtered(np.zeros(100), 0.0, TRUTH, NOISE)
