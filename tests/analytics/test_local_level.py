import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.datasets import nile
from statsmodels.tsa.statespace.structural import UnobservedComponents

from narrows.analytics.local_level import LocalLevel, filter_level, fit_local_level
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError
from narrows.core.random import generator

NILE = np.asarray(nile.load_pandas().data["volume"], dtype=np.float64)
YEARS = np.arange(100.0)
MODEL = LocalLevel(15099.0, 1469.1)


def test_T41_nile_local_level() -> None:
    found = fit_local_level(NILE, YEARS)
    assert found.noise_variance == pytest.approx(15099.0, rel=0.01)
    assert found.level_variance == pytest.approx(1469.0, rel=0.01)
    assert found.log_likelihood == pytest.approx(-632.5378, rel=1e-4)
    assert found.reason == ""


def test_equals_statsmodels_with_gaps() -> None:
    holes = NILE.copy()
    holes[20:40] = holes[60:80] = np.nan
    oracle = UnobservedComponents(holes, "llevel")
    oracle.ssm.initialize_diffuse()
    oracle.ssm.loglikelihood_burn = 0
    smooth = oracle.filter([MODEL.noise_variance, MODEL.level_variance])
    found = filter_level(holes, YEARS, MODEL)
    known = ~np.isnan(holes)
    known[0] = False
    innovation = np.append(np.nan, holes[1:] - found.level[:-1])
    np.testing.assert_allclose(innovation[known], smooth.forecasts_error[0][known], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.variance[1:], smooth.filtered_state_cov[0, 0, 1:], rtol=1e-6)
    np.testing.assert_allclose(
        found.z[known],
        (smooth.forecasts_error[0] / np.sqrt(smooth.forecasts_error_cov[0, 0]))[known],
        rtol=1e-6,
    )


def test_standardised_innovations_are_white_with_variance_one() -> None:
    random = generator(41, "level")
    level = np.cumsum(random.standard_normal(20_000))
    values = level + 2.0 * random.standard_normal(20_000)
    z = filter_level(values, np.arange(20_000.0), LocalLevel(4.0, 1.0)).z[1:]
    assert z.std() == pytest.approx(1.0, abs=4.0 / math.sqrt(40_000))
    assert np.corrcoef(z[1:], z[:-1])[0, 1] == pytest.approx(0.0, abs=4.0 / math.sqrt(20_000))


def test_steps_of_many_lengths_are_as_many_short_ones() -> None:
    values = np.where(np.isin(YEARS, (3, 4, 5, 50)), np.nan, NILE)
    known = ~np.isnan(values)
    whole, part = filter_level(values, YEARS, MODEL), filter_level(NILE[known], YEARS[known], MODEL)
    np.testing.assert_allclose(whole.level[known], part.level, rtol=1e-13)
    assert whole.level[4] == whole.level[2]
    assert whole.variance[4] == pytest.approx(whole.variance[2] + 2.0 * MODEL.level_variance)


@settings(deadline=None, max_examples=60)
@given(
    values=arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e3, 1e3) | st.just(float("nan"))),
    more=arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e3, 1e3) | st.just(float("nan"))),
)
def test_T84_later_rows_change_nothing(values: Float1D, more: Float1D) -> None:
    both = np.concatenate((values, more))
    longer, shorter = (filter_level(row, np.arange(float(len(row))), MODEL) for row in (both, values))
    for after, before in zip(longer, shorter, strict=True):
        assert after[: len(values)].tobytes() == before.tobytes()


def test_extremes_of_signal_and_noise() -> None:
    random = generator(42, "level")
    walk = fit_local_level(np.cumsum(random.standard_normal(2000)), np.arange(2000.0))
    assert walk.level_variance == pytest.approx(1.0, rel=0.15)
    assert walk.noise_variance < 0.05
    noise = fit_local_level(random.standard_normal(2000), np.arange(2000.0))
    assert noise.noise_variance == pytest.approx(1.0, rel=0.15)
    assert noise.level_variance < 1e-3
    no_noise = filter_level(NILE, YEARS, LocalLevel(0.0, 1.0))
    np.testing.assert_array_equal(no_noise.level, NILE)


def test_what_cannot_be_fitted_says_why() -> None:
    assert "10 are needed" in fit_local_level(NILE[:9], YEARS[:9]).reason
    constant = fit_local_level(np.ones(50), np.arange(50.0))
    assert constant.reason == "not identified: the values never change"
    assert math.isnan(constant.noise_variance)
    assert "0 known values" in fit_local_level(np.full(50, np.nan), np.arange(50.0)).reason
    with pytest.raises(ConfigError, match="fit them on a training window"):
        filter_level(NILE, YEARS, constant)
    assert np.isnan(filter_level(np.full(3, np.nan), np.arange(3.0), MODEL).level).all()
