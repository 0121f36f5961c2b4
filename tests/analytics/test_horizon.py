import numpy as np
import pytest

from analytics.funding_rules import funding_rule
from narrows.analytics.horizon import (
    NO_FUNDING,
    FundingForecast,
    break_even_intervals,
    forecast_funding,
    stationary_rate,
    which_leg_pays,
)
from narrows.analytics.nowcast import nowcast
from narrows.analytics.ou import OU
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError
from narrows.rulebook.funding import clamped_rate
from narrows.rulebook.rules import FundingRule

PATHS, STEP_H = 20_000, 0.05


def simulated(rule: FundingRule, model: OU, horizon_h: float, seed: int) -> Float1D:
    """Funding of many paths from 3 h into an interval with average 6 and premium 8."""
    kappa, theta, sigma = (float(np.asarray(one)) for one in model)
    random, phi = np.random.default_rng(seed), np.exp(-kappa * STEP_H)
    noise = sigma * np.sqrt((1.0 - phi**2) / (2.0 * kappa))
    length, linear = rule.interval_h, rule.weights == "linear"
    premium, total = np.full(PATHS, 8.0), np.zeros(PATHS)
    so_far = np.full(PATHS, 6.0 * (4.5 if linear else 3.0))
    share = length / rule.formula_h
    for number in range(round(horizon_h / STEP_H)):
        later = theta + phi * (premium - theta) + noise * random.standard_normal(PATHS)
        middle = 0.5 * (premium + later)
        at = (3.0 + (number + 0.5) * STEP_H) % length
        if rule.style == "accrued":
            total += clamped_rate(middle, 1.0, 5.0, rule.cap) * STEP_H / 8.0
        else:
            so_far += middle * STEP_H * (at if linear else 1.0)
            if at + STEP_H / 2 > length - 1e-6:
                average = so_far / (length**2 / 2 if linear else length)
                total += clamped_rate(average, 1.0, 5.0, rule.cap / share) * share
                so_far[:] = 0.0
        premium = later
    return total


@pytest.mark.parametrize("kappa", [0.03, 0.5])
@pytest.mark.parametrize(
    "other", [{}, {"weights": "linear", "interval_h": 4.0}, {"style": "accrued"}], ids=str
)
def test_the_forecast_is_what_simulated_paths_pay(kappa: float, other: dict[str, object]) -> None:
    rule = funding_rule(cap=12.0, floor=-12.0, **other)
    model = OU(kappa, 3.0, 4.0)
    found = forecast_funding(rule, model, elapsed_h=3.0, average=6.0, last=8.0, horizon_h=37.0)
    paid = simulated(rule, model, 37.0, seed=20)
    assert found.mean == pytest.approx(paid.mean(), abs=4.0 * paid.std() / PATHS**0.5)
    assert found.sd == pytest.approx(paid.std(), rel=4.0 * (0.5 / PATHS) ** 0.5 * 1.5)
    assert found.rates.sum() == pytest.approx(found.mean, rel=1e-12)


def test_the_first_settlement_is_the_nowcast() -> None:
    rule, model = funding_rule(weights="linear"), OU(0.5, 1.0, 4.0)
    now = nowcast(rule, model, 3.0, 6.0, 8.0)
    one = forecast_funding(rule, model, elapsed_h=3.0, average=6.0, last=8.0, horizon_h=5.0)
    assert one.settlements == 1
    assert one.mean == pytest.approx(float(now.rate), rel=1e-14)
    assert one.sd == pytest.approx(float(now.rate_sd), rel=1e-14)


def test_a_horizon_that_ends_before_a_settlement_pays_nothing() -> None:
    model = OU(0.5, 1.0, 4.0)
    none = forecast_funding(funding_rule(), model, elapsed_h=3.0, average=6.0, last=8.0, horizon_h=4.9)
    assert none == NO_FUNDING


def test_far_settlements_pay_the_stationary_rate() -> None:
    rule, model = funding_rule(), OU(0.2, 6.0, 3.0)
    far = forecast_funding(rule, model, elapsed_h=0.0, average=np.nan, last=60.0, horizon_h=800.0)
    mean, sd = stationary_rate(rule, model)
    assert far.rates[0] > 10.0
    assert far.rates[-1] == pytest.approx(mean, rel=1e-9)
    random = np.random.default_rng(1)
    phi = np.exp(-0.2 * 0.1)
    shocks = 3.0 * np.sqrt((1 - phi**2) / 0.4) * random.standard_normal((4000, 1000))
    path = np.full(4000, 6.0)
    averages = np.zeros(4000)
    for number in range(1000):
        path = 6.0 + phi * (path - 6.0) + shocks[:, number]
        averages += path / 80.0 * (number >= 920)
    rates = clamped_rate(averages, 1.0, 5.0, np.inf)
    assert mean == pytest.approx(rates.mean(), abs=4 * rates.std() / 4000**0.5)
    assert sd == pytest.approx(rates.std(), rel=0.06)


def test_what_is_not_known_stays_so() -> None:
    model = OU(0.5, 1.0, 4.0)
    found = forecast_funding(funding_rule(), model, elapsed_h=3.0, average=np.nan, last=8.0, horizon_h=20.0)
    assert np.isnan(found.mean)
    assert np.isnan(found.sd)
    unfit = OU(np.nan, np.nan, np.nan)
    assert np.isnan(
        forecast_funding(funding_rule(), unfit, elapsed_h=3.0, average=6.0, last=8.0, horizon_h=9.0).mean
    )


@pytest.mark.parametrize("horizon_h", [-1.0, np.inf, np.nan])
def test_a_horizon_that_is_none_is_refused(horizon_h: float) -> None:
    with pytest.raises(ConfigError, match="horizon"):
        forecast_funding(
            funding_rule(),
            OU(0.5, 1.0, 4.0),
            elapsed_h=3.0,
            average=6.0,
            last=8.0,
            horizon_h=horizon_h,
        )


def forecast(mean: float, sd: float) -> FundingForecast:
    return FundingForecast(mean, sd, 1, np.array([mean]))


def test_the_leg_to_be_short_of_is_the_one_with_more_funding() -> None:
    carry = which_leg_pays(NO_FUNDING, forecast(3.0, 2.0), 0.0)
    assert (carry.short, carry.mean, carry.sd) == ("second", 3.0, 2.0)
    assert carry.chance == pytest.approx(0.9331928, abs=1e-7)  # Φ(1.5)
    other = which_leg_pays(forecast(5.0, 1.0), forecast(3.0, 2.0), 0.5)
    assert (other.short, other.mean) == ("first", -2.0)
    assert other.sd == pytest.approx(3.0**0.5)
    assert other.chance < 0.5
    assert which_leg_pays(NO_FUNDING, NO_FUNDING, 0.0).short == "neither"
    assert np.isnan(which_leg_pays(forecast(np.nan, 1.0), NO_FUNDING, 0.0).chance)
    assert which_leg_pays(forecast(1.0, 0.0), forecast(3.0, 0.0), 0.0).chance == 1.0
    with pytest.raises(ConfigError, match="correlation"):
        which_leg_pays(NO_FUNDING, NO_FUNDING, 1.5)


def test_T82_break_even_intervals() -> None:
    assert break_even_intervals(20e-4, 1e-4, 0.05 / 1095) == pytest.approx(36.8067, abs=1e-4)


def test_break_even_along_a_decaying_path() -> None:
    path = np.array([10.0, 5.0, 2.5, 1.25, 0.625, 0.3125])
    assert break_even_intervals(12.0, path, 1.0) == pytest.approx(1.0 + 3.0 / 4.0)
    earned = path.sum() - 6 * 1.0
    assert break_even_intervals(earned + 2.0, path, 1.0, then=1.5) == pytest.approx(6.0 + 4.0)
    assert break_even_intervals(earned + 2.0, path, 1.0, then=1.0) == np.inf
    assert break_even_intervals(earned + 2.0, path, 1.0) == np.inf


def test_break_even_that_is_never_or_at_once_or_unknown() -> None:
    assert break_even_intervals(20.0, 1.0, 1.0) == np.inf
    assert break_even_intervals(20.0, -1.0, 0.0) == np.inf
    assert break_even_intervals(0.0, -1.0, 0.0) == 0.0
    assert np.isnan(break_even_intervals(np.nan, 1.0, 0.0))
    assert np.isnan(break_even_intervals(1.0, np.array([1.0, np.nan]), 0.0))
    assert np.isnan(break_even_intervals(5.0, np.array([1.0, 1.0]), 0.0, then=np.nan))
    assert break_even_intervals(3.0, np.array([-2.0, 4.0, 4.0]), 0.0) == pytest.approx(2.25)
