"""Every estimator against data that say nothing: no number without a reason, and refusals in one line."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from analytics.funding_rules import funding_rule
from narrows.analytics.bridge import fit
from narrows.analytics.cointegration import adf, battery
from narrows.analytics.convergence import pool
from narrows.analytics.equilibrium import error_correction, rolling_error_correction
from narrows.analytics.fairvalue import Costs, Financing, band
from narrows.analytics.latent import fit_latent
from narrows.analytics.local_level import fit_local_level
from narrows.analytics.ou_fit import fit_ou
from narrows.analytics.ou_noise import fit_noisy_ou
from narrows.analytics.parity import chain, implied
from narrows.analytics.premium import fit_premium
from narrows.analytics.premium_noise import fit_noisy_premium
from narrows.analytics.unitroot import convergence
from narrows.core.arrays import Float1D
from narrows.core.errors import DataError
from narrows.core.spread import spreads
from narrows.rulebook import load
from tiny_market import NAN, PERP, tiny_panel

ROWS = 400
HOURS = np.arange(float(ROWS))
RANDOM = np.random.default_rng(4)
WALK: Float1D = RANDOM.normal(size=ROWS).cumsum()
OTHER: Float1D = RANDOM.normal(size=ROWS).cumsum()


def clock(values: Float1D) -> Float1D:
    return np.arange(float(len(values)))


def gap_of(values: Float1D) -> Any:
    """Error correction of two legs whose gap this is."""
    return error_correction(WALK[: len(values)], WALK[: len(values)] - values, 1, 1.0)


# estimator → a call on one series: a gap, a premium, a deviation, settled rates
OF_ONE: dict[str, Callable[[Float1D], Any]] = {
    "fit_ou": lambda values: fit_ou(values, clock(values)),
    "fit_noisy_ou": lambda values: fit_noisy_ou(values, clock(values)),
    "bridge.fit": lambda values: fit(len(values) - clock(values), values, noisy=False),
    "bridge.fit, noisy": lambda values: fit(len(values) - clock(values), values, noisy=True),
    "error_correction": gap_of,
    "convergence": convergence,
    "fit_premium": lambda values: fit_premium(values, 1.0),
    "fit_noisy_premium": lambda values: fit_noisy_premium(values, 1.0, 8),
    "fit_latent": lambda values: fit_latent(values, funding_rule(clamp=0.5)),
    "fit_local_level": lambda values: fit_local_level(values, clock(values)),
    "battery": lambda values: battery(WALK[: len(values)], values),
}

ROUNDED: Float1D = RANDOM.normal(0.1, 2e-17, ROWS)
# of which nothing can be known
NOTHING: dict[str, Float1D] = {
    "no rows": np.empty(0),
    "one row": np.array([0.3]),
    "five rows": WALK[:5],
    "a constant": np.full(ROWS, 3.0),
    "zeros": np.zeros(ROWS),
    "a constant but for rounding": ROUNDED,
    "nothing known": np.full(ROWS, NAN),
    "legs that overlap in three bars": np.where((HOURS > 4) & (HOURS < 8), WALK, NAN),
}


def numbers(found: Any) -> Iterator[float]:
    """Estimated numbers; counts and what only measures the sample are left out."""
    if isinstance(found, np.ndarray):
        yield from found.ravel().tolist()
    elif isinstance(found, float):
        yield found
    elif isinstance(found, tuple):
        for one in found:
            yield from numbers(one)
    elif hasattr(found, "__annotations__"):
        yield from numbers(tuple(getattr(found, name) for name in found.__annotations__ if name != "span"))


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.parametrize("case", NOTHING)
def test_where_nothing_can_be_known_no_number_is_given(name: str, case: str) -> None:
    if name == "battery":  # all of it or nothing
        with pytest.raises(DataError, match=r"cointegration: .*; (give|leave|cut)"):
            OF_ONE[name](NOTHING[case])
        return
    found = OF_ONE[name](NOTHING[case])
    if name == "fit_latent":
        found = found._replace(pinned=NAN)  # a share of the rates, which is counted
    given = list(numbers(found))
    assert given
    assert not np.isfinite(given).any()
    assert any(reason.startswith("not identified") for reason in reasons(found))


def reasons(found: Any) -> Iterator[str]:
    """All that is said in words."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, tuple):
        for one in found:
            yield from reasons(one)
    elif hasattr(found, "__annotations__"):
        yield from reasons(tuple(getattr(found, name) for name in found.__annotations__))


class Curve(NamedTuple):
    """A path without chance in it, and which estimators refuse it for that."""

    values: Float1D
    refused: tuple[str, ...]


CURVES = {
    "a straight line": Curve(0.5 * HOURS, ("fit_ou", "fit_noisy_ou", "error_correction", "convergence")),
    "a wave": Curve(np.sin(HOURS / 10.0), ("convergence", "error_correction")),
    "up and down": Curve(np.where(HOURS % 2 == 0, 1.0, -1.0), ("convergence", "error_correction")),
    "running away": Curve(1.05**HOURS, ("convergence", "error_correction", "fit_latent")),
}


@pytest.mark.parametrize("case", CURVES)
def test_a_path_without_chance_is_singular(case: str) -> None:
    for name in CURVES[case].refused:
        said = list(reasons(OF_ONE[name](CURVES[case].values)))
        assert any(one.startswith("not identified") for one in said), name


@pytest.mark.parametrize("case", CURVES)
def test_the_battery_refuses_a_leg_without_chance(case: str) -> None:
    with pytest.raises(DataError, match=r"changes repeat|multiples"):
        battery(WALK, CURVES[case].values)
    with pytest.raises(DataError, match="changes repeat"):
        adf(CURVES[case].values)


def test_a_leg_that_its_past_gives_away_has_no_error_correction() -> None:
    found = error_correction(WALK, CURVES["up and down"].values, 1, 1.0)
    assert found.reason == "not identified: a leg follows from the past without any noise"
    assert math.isnan(found.alpha[1].value)
    assert math.isnan(found.discovery.mid)


@pytest.mark.parametrize("case", CURVES)
@pytest.mark.parametrize("noisy", [False, True])
def test_a_speed_lies_inside_its_interval_or_there_is_none(noisy: bool, case: str) -> None:
    """A profile narrower than the grid of speeds has a top beside its ends."""
    one = fit(ROWS - HOURS, CURVES[case].values, noisy=noisy).alpha
    assert math.isnan(one.value) or one.lo <= one.value <= one.hi
    assert one.reason


def test_a_random_walk_has_a_half_life_without_end() -> None:
    gaps = {
        "fit_ou": fit_ou(WALK, HOURS).half_life,
        "fit_noisy_ou": fit_noisy_ou(WALK, HOURS).half_life,
        "error_correction": error_correction(WALK, OTHER, 1, 1.0).half_life,
        "fit_premium": fit_premium(WALK, 1.0).half_life_h,
        "fit_latent": fit_latent(WALK, funding_rule(clamp=0.5)).half_life_h,
    }
    for name, half_life in gaps.items():
        assert half_life.hi == math.inf, name
        assert half_life.reason, name
    assert convergence(WALK).state != "converging"
    assert battery(WALK, OTHER).verdict.state != "converging"


def test_legs_that_barely_overlap_have_no_rolling_correction() -> None:
    early, late = np.where(HOURS < 220, WALK, NAN), np.where(HOURS > 180, OTHER, NAN)
    assert "too few" in error_correction(early, late, 1, 1.0).reason
    found = rolling_error_correction(early, late, 100, 1, 1.0)
    assert all(np.isnan(one).all() for one in found[:-1])
    assert found.observations.max() == 37  # 39 bars together, less the two that start the regression
    with pytest.raises(DataError, match="values are missing"):
        battery(early, late)


def test_infinite_rates_are_refused() -> None:
    with pytest.raises(DataError, match="rate 7: an infinite rate; give NaN"):
        fit_latent(np.where(HOURS == 7.0, np.inf, WALK), funding_rule(clamp=0.5))


def test_cycles_that_say_nothing_are_not_pooled() -> None:
    nothing = fit(np.array([2.0, 1.0]), np.array([0.1, 0.2]), noisy=True)
    for cycles in ([], [nothing], [nothing, nothing], [nothing, fit(ROWS - HOURS, WALK, noisy=False)]):
        found = pool(cycles)
        assert found.mu.reason.startswith("pooling is not possible")
        assert math.isnan(found.mu.value)
        assert math.isnan(found.omega.value)
        assert found.cycles == tuple(one.alpha for one in cycles)
    white = fit(ROWS - HOURS, RANDOM.normal(size=ROWS), noisy=False)  # no speed is too fast for it
    assert not pool([white, white, white]).mu.known


SIDES = ("call_bid", "call_ask", "put_bid", "put_ask")


@pytest.mark.parametrize("missing", SIDES)
@pytest.mark.parametrize("in_coin", [False, True])
def test_a_chain_without_one_side_implies_nothing(missing: str, in_coin: bool) -> None:
    strikes = np.array([50.0, 60.0, 70.0])
    sides = {name: np.array([0.3, 0.2, 0.1]) + 0.01 * ("ask" in name) for name in SIDES}
    sides[missing] = np.zeros(3)  # as venues write it
    found = implied(chain(strikes, *sides.values(), in_coin=in_coin))
    assert (found.used, found.missing) == (0, 3)
    for one in (found.forward, found.discount, found.bond):
        assert not np.isfinite(one[:3]).any()
        assert one.reason.startswith("too few strikes: 0")


@pytest.mark.parametrize("in_coin", [False, True])
def test_one_strike_implies_nothing_without_a_discount_factor_and_no_interval_with_one(in_coin: bool) -> None:
    one = chain(*(np.array([x]) for x in (60.0, 0.07, 0.08, 0.05, 0.06)), in_coin=in_coin)
    assert "2 needed" in implied(one).forward.reason
    fixed = implied(one, discount=1.0).forward
    assert math.isnan(fixed.lo)
    assert math.isnan(fixed.hi)
    assert "no interval" in fixed.reason


RATES = Financing(borrow=0.08, lend=0.03, base_borrow=0.1, base_lend=0.01, margin=0.2, return_on_margin=0.0)
COSTS = Costs(first=0.0, second=0.0, spot=0.0, delivery=0.0)


def test_bands_of_what_is_not_known_say_why() -> None:
    """No rules, no premium, no settlement, and a rate of the financing that nobody gave."""
    spot, perp, future = ("BTC-USDT.gamma", "BTC-USDT-PERP.gamma", "BTC-USDT-20240720.gamma")
    panel = tiny_panel([spot, perp, PERP, future], mark=([NAN] * 3, NAN, NAN, NAN))
    for one in spreads(panel.instruments, ("funding_carry", "cross_venue")):
        found = band(one, panel, load(), RATES, COSTS)
        assert not np.isfinite(np.array(found[:3])).any()
        assert found.reason
    (dated,) = spreads(panel.instruments, ("cash_and_carry",))
    unknown = Financing(
        borrow=NAN, lend=NAN, base_borrow=0.0, base_lend=0.0, margin=0.0, return_on_margin=NAN
    )
    found = band(dated, panel, load(), unknown, COSTS)
    assert np.isnan(found.lo).all()
    assert found.reason
