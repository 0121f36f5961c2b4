"""The decision whether a deviation reverts, its rolling form, and its control over a universe."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.tsa.stattools import adfuller, kpss

from narrows.analytics.unitroot import (
    STATES,
    Convergence,
    adf_critical,
    benjamini_hochberg,
    controlled,
    convergence,
    convergence_by_cycle,
    rolling_convergence,
)
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError

NAN = float("nan")


def ar(phi: float, rows: int, seed: int, scale: float = 1e-4, level: float = 0.01) -> Float1D:
    random = np.random.default_rng(seed)
    values = np.zeros(rows)
    for row in range(1, rows):
        values[row] = phi * values[row - 1] + random.normal()
    return level + scale * values


@pytest.mark.parametrize("seed", range(8))
def test_the_statistics_are_those_of_statsmodels(seed: int) -> None:
    values = ar(0.5 + 0.07 * seed, 60 + 97 * seed, seed)
    found = convergence(values)
    adf = adfuller(values, result_object=False)
    np.testing.assert_allclose((found.adf, found.pvalue, found.lags), adf[:3], rtol=1e-7, atol=1e-12)
    assert found.adf_critical == pytest.approx(adf[4]["5%"], abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found.kpss == pytest.approx(kpss(values, nlags="auto", result_object=False)[0], rel=1e-9)


@pytest.mark.parametrize("statistic_of", [ar(0.0, 400, 1), ar(1.05, 150, 1)])
def test_pvalues_hold_at_both_ends(statistic_of: Float1D) -> None:
    expected = adfuller(statistic_of, result_object=False)[1]
    assert convergence(statistic_of).pvalue == pytest.approx(expected, abs=1e-12)


def test_fast_reversion_converges_and_a_random_walk_does_not() -> None:
    assert convergence(ar(0.5, 1_000, 1)).state == "converging"
    found = convergence(ar(1.0, 1_000, 3))
    assert found.state == "not converging"
    assert "fixed level is rejected" in found.reason


def test_reversion_to_a_level_that_breaks_is_not_identified() -> None:
    values = ar(0.3, 2_000, 1) + np.where(np.arange(2_000) < 1_000, 0.0, 1e-4)
    found = convergence(values)
    assert (found.state, "both tests reject" in found.reason) == ("not identified", True)


def test_too_few_half_lives_are_not_identified() -> None:
    verdicts = [convergence(ar(0.97, 60, seed)) for seed in range(40)]
    neither = [one for one in verdicts if "neither test rejects" in one.reason]
    assert len(neither) > 10
    assert all(one.state == "not identified" for one in neither)


def test_only_what_follows_the_last_gap_is_tested() -> None:
    values = ar(0.5, 300, 2)
    values[99] = NAN
    found = convergence(values)
    assert found.observations == 200
    assert found == convergence(values[100:])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full(200, 0.01), "constant"),
        (np.arange(200.0), "constant, or its changes repeat"),
        (ar(0.5, 49, 1), "49 unbroken bars"),
        (np.append(ar(0.5, 200, 1), NAN), "0 unbroken bars at the end (1 of 201 missing)"),
        (np.append(ar(0.5, 200, 1), np.inf), "0 unbroken bars"),
        (np.empty(0), "0 unbroken bars"),
    ],
)
def test_what_cannot_be_tested_is_not_identified_and_says_why(values: Float1D, words: str) -> None:
    found = convergence(values)
    assert found.state == "not identified"
    assert words in found.reason
    assert np.isnan(found.pvalue)


@pytest.mark.parametrize(
    "call", [convergence, lambda values, **more: rolling_convergence(values, 60, **more)]
)
def test_levels_without_a_table_and_small_minima_are_refused(call: object) -> None:
    for more, words in (({"level": 0.2}, "level 0.2"), ({"minimum": 49}, "minimum 49")):
        with pytest.raises(ConfigError, match=words):
            call(ar(0.5, 100, 1), **more)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="every 0 bars"):
        rolling_convergence(ar(0.5, 100, 1), 60, every=0)


def test_rolling_is_the_decision_on_each_window() -> None:
    values = np.concatenate((ar(0.6, 150, 1), ar(1.0, 150, 2)))
    values[120] = NAN
    found = rolling_convergence(values, 100, minimum=60)
    for row in range(len(values)):
        one = convergence(values[max(0, row - 99) : row + 1], minimum=60)
        assert STATES[found.state[row]] == one.state, row
        np.testing.assert_array_equal((found.adf[row], found.kpss[row]), (one.adf, one.kpss))
    assert set(found.state.tolist()) == {0, 1, 2}


def test_between_decisions_the_last_one_stands() -> None:
    values = ar(0.6, 200, 1)
    daily, hourly = rolling_convergence(values, 60, every=24), rolling_convergence(values, 60)
    decided = np.arange(len(values)) // 24 * 24 - 1 + np.where(np.arange(len(values)) % 24 == 23, 24, 0)
    rows = decided >= 0
    np.testing.assert_array_equal(daily.adf[rows], hourly.adf[decided[rows]])
    assert np.isnan(daily.adf[~rows]).all()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), cut=st.integers(1, 180), every=st.integers(1, 5), holes=st.booleans())
def test_later_rows_change_nothing(seed: int, cut: int, every: int, holes: bool) -> None:
    values = ar(0.9, 180, seed)
    if holes:
        values[np.random.default_rng(seed).integers(0, 180, size=3)] = NAN
    whole = rolling_convergence(values, 70, minimum=50, every=every)
    part = rolling_convergence(values[:cut], 70, minimum=50, every=every)
    for long, short in zip(whole, part, strict=True):
        assert long[:cut].tobytes() == short.tobytes()


def test_cycles_are_tested_one_by_one() -> None:
    values = np.concatenate((ar(0.5, 200, 1), ar(0.5, 150, 2, level=0.05), ar(0.5, 20, 3)))
    cycle = np.repeat([3, 7, 9], [200, 150, 20])
    cycle[:10] = -1
    found = convergence_by_cycle(values, cycle)
    assert list(found) == [3, 7, 9]
    assert found[3] == convergence(values[10:200])
    assert "20 unbroken bars" in found[9].reason
    with pytest.raises(ConfigError, match="370 bars"):
        convergence_by_cycle(values, cycle[1:])


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg_is_that_of_scipy(seed: int) -> None:
    pvalues = np.random.default_rng(seed).uniform(size=40) ** 3
    np.testing.assert_array_equal(benjamini_hochberg(pvalues, 0.1), false_discovery_control(pvalues) <= 0.1)


def test_what_was_not_tested_is_neither_rejected_nor_counted() -> None:
    assert benjamini_hochberg(np.array([0.04, NAN, NAN]), 0.05).tolist() == [True, False, False]
    assert benjamini_hochberg(np.array([0.04, 0.9, 0.9]), 0.05).tolist() == [False] * 3
    assert benjamini_hochberg(np.empty(0), 0.05).tolist() == []
    for pvalues, level in (([0.5], 0.0), ([0.5], 1.0), ([-0.1], 0.05), ([1.1], 0.05)):
        with pytest.raises(ConfigError):
            benjamini_hochberg(np.array(pvalues), level)


def test_a_verdict_that_may_be_chance_among_many_does_not_stand() -> None:
    walks = [convergence(ar(1.0, 300, seed)) for seed in range(60)]
    alone = [one for one in walks if one.state == "converging"]
    assert alone  # at 5 % some walk passes by chance
    after = controlled(walks)
    assert not [one for one in after if one.state == "converging"]
    assert "may be chance among 60 spreads" in after[walks.index(alone[0])].reason
    good = convergence(ar(0.3, 300, 99))
    assert controlled([good, *walks])[0] == good
    assert controlled([Convergence("not identified", "not identified: x")])[0].reason == "not identified: x"


def test_critical_values_in_small_samples_are_lower() -> None:
    assert adf_critical(0.05, 50) < adf_critical(0.05, 500) < adf_critical(0.05, np.inf)
