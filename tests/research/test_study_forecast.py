"""The study's forecast of funding: near what was settled, whatever one crash did to the premium."""

from datetime import date

import numpy as np

from narrows.analytics.funding_level import FundingLevel, fit_level
from narrows.analytics.horizon import stationary_rate
from narrows.analytics.ou import OU
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.research.study_funding import paid_ahead, standing, tamed_moments
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


def _level() -> FundingLevel:
    """Of 270 days that wander about 3e-4 a day."""
    random = np.random.default_rng(5)
    return fit_level(
        3e-4 + np.cumsum(1e-5 * random.standard_normal(270)) + 5e-5 * random.standard_normal(270)
    )


def test_the_forecast_pays_in_the_long_run_what_the_level_is() -> None:
    assert RULE is not None
    level = _level()
    found = standing(RULE, level, SPEED, _premium() - 6e-4)  # the premium of closes has another level
    np.testing.assert_allclose(stationary_rate(RULE, found.model)[0], level.now / 3.0, rtol=1e-6)


def test_the_band_holds_shocks_and_the_motion_of_the_level() -> None:
    assert RULE is not None
    level, hours = _level(), np.array([240.0, 720.0])
    to_come = standing(RULE, level, SPEED, _premium())
    paid = paid_ahead(RULE, to_come, 0.0, hours)
    mean, sd = level.ahead(hours)
    np.testing.assert_allclose(paid.sd**2, paid.shocks_sd**2 + sd**2, rtol=1e-12)
    assert (paid.sd > paid.shocks_sd).all()
    # the premium's own deviation is over in a day, so what is left is the level's mean
    np.testing.assert_allclose(paid.mean, mean, atol=1e-4)
    np.testing.assert_allclose(paid.rates.sum(), paid.mean[-1], rtol=1e-9)


def test_without_rates_the_level_of_the_bars_stays_and_there_is_no_band() -> None:
    assert RULE is not None
    premium = _premium()
    to_come = standing(RULE, fit_level(np.empty(0)), SPEED, premium)
    assert to_come.model.theta == tamed_moments(premium)[0]
    assert "no band" in to_come.words
    assert np.isnan(paid_ahead(RULE, to_come, 0.0, np.array([720.0])).sd).all()
