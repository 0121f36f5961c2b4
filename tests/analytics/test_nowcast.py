import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from analytics.funding_rules import funding_rule
from narrows.analytics.nowcast import (
    average_ahead,
    average_variance,
    nowcast,
    nowcast_series,
    running_average,
)
from narrows.analytics.ou import OU, OUArrays
from narrows.core.arrays import Float1D, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import HOUR_NS
from narrows.rulebook.funding import Averaging, settled_rate

MODEL = OU(0.5, 1.0, 4.0)  # bp, hours
AVERAGINGS: list[Averaging] = ["equal", "linear"]


def hourly(bars: int, start_h: int = 480_000) -> Int1D:
    return (start_h + np.arange(bars, dtype=np.int64)) * HOUR_NS


def test_T14_nowcast_with_equal_weights() -> None:
    found = nowcast(funding_rule(), MODEL, elapsed_h=3.0, average=6.0, last=8.0)
    assert found.premium == pytest.approx(4.481351, abs=1e-5)
    assert found.premium_sd**2 == pytest.approx(2.321602, abs=1e-5)
    assert found.rate == pytest.approx(1.127746, abs=1e-5)
    assert found.left_h == 5.0


def test_T15_nowcast_with_linear_weights() -> None:
    found = nowcast(funding_rule(weights="linear"), MODEL, elapsed_h=3.0, average=6.0, last=8.0)
    assert found.premium == pytest.approx(3.531503, abs=1e-5)
    assert found.premium_sd**2 == pytest.approx(5.052692, abs=1e-5)


@pytest.mark.parametrize("averaging", AVERAGINGS)
@pytest.mark.parametrize("kappa", [1e-9, 1e-3, 0.124, 0.126, 0.5, 5.0, 300.0])
@pytest.mark.parametrize("elapsed", [0.0, 3.0, 7.99])
def test_mean_and_variance_are_the_integrals_of_the_paths(
    averaging: Averaging, kappa: float, elapsed: float
) -> None:
    length, theta, last = 8.0, 1.0, 8.0

    def weight(at: float) -> float:
        return 1.0 / length if averaging == "equal" else 2.0 * at / length**2

    def shock(at: float) -> float:
        """What a shock at a time adds to the average."""
        turn = min(length, at + 40.0 / kappa)
        return float(quad(lambda s: weight(s) * np.exp(-kappa * (s - at)), at, turn, epsabs=1e-14)[0])

    share = elapsed / length if averaging == "equal" else (elapsed / length) ** 2
    mean, sd = average_ahead(averaging, length, elapsed, 6.0, last, OU(kappa, theta, 4.0))
    by_hand = share * 6.0 + theta * (1.0 - share) + (last - theta) * shock(elapsed)
    assert mean == pytest.approx(by_hand, rel=1e-8)
    knee = max(elapsed, length - 10.0 / kappa)
    variance = sum(
        quad(lambda at: shock(at) ** 2, low, high, epsabs=0, limit=200)[0]
        for low, high in ((elapsed, knee), (knee, length))
    )
    assert sd**2 == pytest.approx(16.0 * variance, rel=1e-6)


@pytest.mark.parametrize("averaging", AVERAGINGS)
def test_the_two_ways_to_the_variance_meet(averaging: Averaging) -> None:
    below, above = (average_variance(averaging, 8.0, kappa, 8.0) for kappa in (0.125, np.nextafter(0.125, 1)))
    assert above == pytest.approx(float(below), rel=1e-11)


@pytest.mark.parametrize("averaging", AVERAGINGS)
def test_the_expected_rate_is_what_simulated_paths_settle_at(averaging: Averaging) -> None:
    rule = funding_rule(weights=averaging, interval_h=4.0, cap=1.0, floor=-1.0)
    random, paths, steps = np.random.default_rng(14), 20_000, 200
    elapsed, average, last, model = 1.0, 5.0, 9.0, OU(0.4, 2.0, 5.0)
    step = 3.0 / steps
    phi = np.exp(-0.4 * step)
    premium, total = np.full(paths, last), np.zeros(paths)
    for number in range(steps):
        shock = 5.0 * np.sqrt((1 - phi**2) / 0.8) * random.standard_normal(paths)
        later = 2.0 + phi * (premium - 2.0) + shock
        at = elapsed + (number + 0.5) * step
        total += 0.5 * (premium + later) * step * (0.25 if averaging == "equal" else 2.0 * at / 16.0)
        premium = later
    total += average * (0.25 if averaging == "equal" else 0.0625)
    terms = {"interest": 1.0, "dead_band": 5.0, "cap": 1.0, "formula_h": 8.0, "interval_h": 4.0}
    rates = settled_rate(total[:, None], averaging=averaging, **terms)
    found = nowcast(rule, model, elapsed, average, last)
    assert found.rate == pytest.approx(rates.mean(), abs=4 * rates.std() / paths**0.5)
    assert found.rate_sd == pytest.approx(rates.std(), rel=0.03)
    assert found.pinned == pytest.approx((np.abs(rates - 0.5) < 1e-12).mean(), abs=0.02)


def test_at_its_end_the_interval_is_what_it_settled() -> None:
    found = nowcast(funding_rule(), MODEL, elapsed_h=8.0, average=9.0, last=np.nan)
    assert [float(part) for part in (found.rate, found.rate_sd, found.left_h)] == [4.0, 0.0, 0.0]


def test_at_its_start_the_average_is_not_read() -> None:
    found = nowcast(funding_rule(), MODEL, elapsed_h=0.0, average=np.nan, last=8.0)
    assert np.isfinite(found.rate)
    assert np.isnan(nowcast(funding_rule(), MODEL, 1.0, np.nan, 8.0).rate)
    assert np.isnan(nowcast(funding_rule(), MODEL, 1.0, 6.0, np.nan).rate)


def test_arrays_give_what_their_numbers_give() -> None:
    elapsed, last = np.array([0.0, 2.0, 7.5]), np.array([8.0, -9.0, 30.0])
    model = OUArrays(np.array([0.5, 0.05, 3.0]), np.array([1.0, 0.0, 2.0]), np.full(3, 4.0))
    whole = nowcast(funding_rule(weights="linear"), model, elapsed, 6.0, last)
    for row in range(3):
        alone = OU(model.kappa[row], model.theta[row], 4.0)
        one = nowcast(funding_rule(weights="linear"), alone, elapsed[row], 6.0, last[row])
        np.testing.assert_allclose([part[row] for part in whole], [float(part) for part in one], rtol=1e-12)


def plain_average(premium: Float1D, elapsed: int, averaging: Averaging) -> float:
    """By a fine sampling of the straight lines of one interval."""
    at = (np.arange(elapsed * 2000) + 0.5) / 2000
    path = np.interp(at, np.arange(len(premium)), premium)
    weights = np.ones(len(at)) if averaging == "equal" else at
    return float((path * weights).sum() / weights.sum())


@pytest.mark.parametrize("averaging", AVERAGINGS)
def test_the_running_average_follows_the_straight_lines(averaging: Averaging) -> None:
    random = np.random.default_rng(3)
    premium = random.normal(0.0, 5.0, 25)
    elapsed, average = running_average(premium, hourly(25), 8.0, averaging)
    for row in range(25):
        assert elapsed[row] == row % 8
        if row % 8:
            start = row - row % 8
            by_hand = plain_average(premium[start : start + 9], row % 8, averaging)
            assert average[row] == pytest.approx(by_hand, abs=1e-6)
        else:
            assert np.isnan(average[row])


def test_an_interval_with_a_hole_has_no_average_and_the_next_has() -> None:
    premium = np.arange(25, dtype=float)
    premium[10] = np.nan
    _, average = running_average(premium, hourly(25), 8.0, "equal")
    assert np.isfinite(average[1:8]).all()
    assert np.isnan(average[10:16]).all()
    assert np.isfinite(average[17:24]).all()
    late = np.delete(hourly(25), 16)  # the boundary itself is missing
    _, average = running_average(np.zeros(24), late, 8.0, "equal")
    assert np.isnan(average[16:23]).all()
    _, average = running_average(np.zeros(25), hourly(25, start_h=480_003), 8.0, "equal")
    assert np.isnan(average[:6]).all()  # began inside an interval
    assert np.isfinite(average[6:13]).all()


@given(st.integers(0, 50), st.integers(1, 119), st.sampled_from(AVERAGINGS))
def test_later_bars_change_no_bit_of_the_series(seed: int, cut: int, averaging: Averaging) -> None:
    random = np.random.default_rng(seed)
    premium = np.where(random.random(120) < 0.05, np.nan, random.normal(0.0, 6.0, 120))
    model = OUArrays(random.uniform(0.01, 2.0, 120), random.normal(0.0, 1.0, 120), np.full(120, 3.0))
    rule = funding_rule(weights=averaging)
    whole = nowcast_series(rule, model, premium, hourly(120))
    early = OUArrays(*(part[:cut] for part in model))
    short = nowcast_series(rule, early, premium[:cut], hourly(120)[:cut])
    for name, long, part in zip(whole._fields, whole, short, strict=True):
        assert long[:cut].tobytes() == part.tobytes(), name


def test_bars_as_long_as_the_interval_know_its_start_only() -> None:
    time_ns = 480_000 * HOUR_NS + np.arange(5, dtype=np.int64) * 8 * HOUR_NS
    found = nowcast_series(funding_rule(), MODEL, np.full(5, 3.0), time_ns)
    assert (found.left_h == 8.0).all()
    assert np.isfinite(found.rate).all()


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (OU(0.0, 1.0, 4.0), "kappa > 0"),
        (OU(-0.1, 1.0, 4.0), "kappa > 0"),
        (OU(0.5, 1.0, -4.0), "sigma >= 0"),
    ],
)
def test_a_premium_that_does_not_revert_is_refused(model: OU, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        nowcast(funding_rule(), model, 3.0, 6.0, 8.0)


@pytest.mark.parametrize("elapsed", [-1.0, 8.5])
def test_a_time_outside_the_interval_is_refused(elapsed: float) -> None:
    with pytest.raises(ConfigError, match="inside the interval"):
        nowcast(funding_rule(), MODEL, elapsed, 6.0, 8.0)


def test_accrued_funding_has_no_interval() -> None:
    with pytest.raises(ConfigError, match="forecast_funding"):
        nowcast(funding_rule(style="accrued"), MODEL, 3.0, 6.0, 8.0)


def test_bars_out_of_order_are_refused() -> None:
    with pytest.raises(DataError, match="in order"):
        running_average(np.zeros(3), hourly(3)[::-1].copy(), 8.0, "equal")
    with pytest.raises(DataError, match="one premium for each bar"):
        running_average(np.zeros(2), hourly(3), 8.0, "equal")
    with pytest.raises(ConfigError, match="hours > 0"):
        running_average(np.zeros(3), hourly(3), 0.0, "equal")


@pytest.mark.parametrize("averaging", AVERAGINGS)
def test_a_doubtful_premium_widens_by_what_it_weighs(averaging: Averaging) -> None:
    """Given the premium the average is Gaussian; so it is over a Gaussian premium."""
    rule = funding_rule(weights=averaging)
    sure = [nowcast(rule, MODEL, 3.0, 6.0, last) for last in (8.0, 9.0)]
    doubtful = nowcast(rule, MODEL, 3.0, 6.0, 8.0, last_sd=2.0)
    slope = sure[1].premium - sure[0].premium
    assert doubtful.premium == sure[0].premium
    assert doubtful.premium_sd**2 == pytest.approx(sure[0].premium_sd ** 2 + (2.0 * slope) ** 2, rel=1e-12)


def test_a_filtered_premium_takes_the_place_of_the_last_and_not_of_the_average() -> None:
    random = np.random.default_rng(2)
    premium, state, doubt = random.normal(0.0, 6.0, (3, 30))
    rule, time_ns = funding_rule(), hourly(30)
    found = nowcast_series(rule, MODEL, premium, time_ns, state=(state, np.abs(doubt)))
    elapsed, average = running_average(premium, time_ns, 8.0, "equal")
    alone = nowcast(rule, MODEL, float(elapsed[13]), float(average[13]), float(state[13]), abs(doubt[13]))
    assert found.rate[13] == pytest.approx(float(alone.rate), rel=1e-12)
    assert found.rate_sd[13] == pytest.approx(float(alone.rate_sd), rel=1e-12)
