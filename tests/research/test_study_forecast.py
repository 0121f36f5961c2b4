"""The study's forecast of funding: near what was settled, whatever one crash did to the premium."""

from datetime import date

import numpy as np

from narrows.analytics.horizon import forecast_funding, stationary_rate
from narrows.analytics.ou import OU
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.research.study_funding import _ahead, tamed_moments
from narrows.rulebook import Rulebook

RULE = Rulebook().known(instrument("BTC-USDT-PERP.binance"), to_ns(date(2024, 6, 1))).funding
SPEED = OU(0.1, 0.0, 1e-4)


def _premium() -> np.ndarray:
    return 2e-4 * np.random.default_rng(3).standard_normal(2160)


def test_a_crash_is_neither_the_level_nor_the_spread() -> None:
    crashed = _premium()
    calm = np.array(tamed_moments(crashed))
    crashed[1000:1004] = -0.08
    np.testing.assert_allclose(tamed_moments(crashed), calm, atol=2e-5)


def test_the_forecast_pays_in_the_long_run_what_was_settled() -> None:
    assert RULE is not None
    rates = np.full(270, 1.4e-4)
    rates[::3] = 0.6e-4
    ahead = _ahead(RULE, rates, SPEED, _premium() - 6e-4)  # the premium of closes has another level
    np.testing.assert_allclose(stationary_rate(RULE, ahead.model)[0], rates.mean(), rtol=1e-6)
    found = forecast_funding(
        RULE, ahead.model, elapsed_h=0.0, average=ahead.last, last=ahead.last, horizon_h=720.0
    )
    np.testing.assert_allclose(found.mean, 90 * rates.mean(), rtol=0.1)


def test_without_rates_the_level_of_the_bars_stays() -> None:
    assert RULE is not None
    premium = _premium()
    ahead = _ahead(RULE, np.empty(0), SPEED, premium)
    assert ahead.model.theta == tamed_moments(premium)[0]
