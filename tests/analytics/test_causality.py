"""T84: whatever yields a series is causal. Rows appended change no earlier bit.

A public function of `narrows.analytics` that returns an array stands in `SERIES`, with how to call it on
the first bars of a market, or in `NOT_A_SERIES`, with what it is instead. A new one fails this test
until it stands in one of them.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest

import narrows.analytics
from analytics.funding_rules import funding_rule
from narrows.analytics import (
    basis,
    carry,
    clamp,
    convergence,
    equilibrium,
    fairvalue,
    forward,
    funding,
    funding_benchmarks,
    fundingterms,
    latent,
    local_level,
    many_series,
    metrics,
    nowcast,
    ou,
    premium_noise,
    quotes,
    reversion,
    rolling,
    rolling_regression,
    unitroot,
)
from narrows.analytics.estimate import unknown
from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.instrument import instrument
from narrows.core.panel import Panel
from narrows.core.spread import SpreadKind, spreads
from narrows.core.time import HOUR_NS
from narrows.rulebook import Rulebook, load
from tiny_market import PERP, PERP_BETA, SPOT, rule, tiny_panel

BARS, SERIES = 150, 2
CUTS = (1, 2, 37, 64, 65, 90, 149)
FINANCING = fairvalue.Financing(
    borrow=0.08, lend=0.03, base_borrow=0.10, base_lend=0.01, margin=0.2, return_on_margin=0.02
)
COSTS = fairvalue.Costs(first=2e-4, second=3e-4, spot=2e-4, delivery=1e-4)
FUNDING: dict[str, Any] = {
    "interest": 0.0001,
    "clamp": 0.0005,
    "cap": 0.003,
    "floor": -0.003,
    "interval_h": 8.0,
    "scale": "rate",
    "weights": "linear",
    "sample": "impact",
    "sample_s": 5.0,
    "style": "stamped",
    "pays_on": "mark",
}
NEAR, FAR = "BTC-USD-20240625.alpha", "BTC-USD-20240920.alpha"  # the near one is delivered at bar 121
SYNTHETIC = "BTC-20240625-60000-S.alpha"
MODEL = ou.OU(0.1, 1.0, 4.0)
AR = latent.LatentFit(0.8, 1.0, 4.0, unknown("made up"), 0.5, BARS)


class Market(NamedTuple):
    """Bars of what the functions eat; walks with holes, settlements every eight hours."""

    time_ns: Int1D
    x: Float2D
    y: Float2D
    funding: Float1D
    funding_h: Float1D

    def until(self, cut: int) -> "Market":
        """Its first bars, as copies: nothing can be read beyond them."""
        fields: list[Any] = [one[:cut].copy() for one in self]
        return Market(*fields)


def market() -> Market:
    random = np.random.default_rng(84)
    x = 100.0 + random.normal(size=(BARS, SERIES)).cumsum(axis=0)
    x[40:45, 0] = np.nan
    rates = np.full(BARS, np.nan)
    rates[7::8] = random.normal(1e-4, 1e-4, len(rates[7::8]))
    return Market(
        time_ns=np.arange(1, BARS + 1, dtype=np.int64) * HOUR_NS,
        x=x,
        y=x * 0.5 + random.normal(size=x.shape),
        funding=rates,
        funding_h=np.where(np.isnan(rates), np.nan, 8.0),
    )


def premiums(m: Market) -> Float1D:
    """Of no memory, with a hole, in the unit of `funding_rule`: some inside its dead band, some not."""
    return 10.0 * (m.y - 0.5 * m.x)[:, 0]


def rates(m: Market) -> Float1D:
    """What these settle at, one an interval."""
    settled: Float1D = np.clip(1.0, premiums(m) - 5.0, premiums(m) + 5.0)
    return settled


def panel(m: Market) -> Panel:
    """Legs of one coin that make spreads of every kind, with settlements, premiums, loans and fx."""
    close, other = m.x[:, 1].tolist(), m.y[:, 1].tolist()
    loan = np.where(np.isnan(m.x[:, 0]), np.nan, 0.1).tolist()
    premium = (1e-4 * premiums(m)).tolist()
    none, settled = np.nan, m.funding.tolist()
    made = tiny_panel(
        [SPOT, PERP, PERP_BETA, NEAR, FAR, SYNTHETIC],
        mark=(close, close, other, other, close, other),
        index=(none, m.x[:, 0].tolist(), none, none, none, none),
        premium=(none, premium, none, none, none, none),
        funding=(none, settled, settled, none, none, none),
        borrow=(loan, none, none, none, none, none),
        fx=(m.x[:, 1].tolist(), m.x[:, 1].tolist(), m.x[:, 1].tolist(), 90.0, 90.0, 90.0),
    )
    hours = np.where(np.arange(len(made))[:, None] < 60, made.funding_h, made.funding_h / 2.0)
    return made.with_field("funding_h", hours)


def rulebook() -> Rulebook:
    """Alpha's formula changes after 60 bars."""
    return load(
        [
            rule("funding", **FUNDING),
            rule("funding", since="2024-06-22T18:00:00Z", clamp=0.0001, scale="interest"),
            rule("funding", venue="beta", **FUNDING),
        ]
    )


def bands(m: Market) -> tuple[Any, ...]:
    """Ends and middles of the bands of every spread."""
    whole, rules = panel(m), rulebook()
    found = [fairvalue.band(one, whole, rules, FINANCING, COSTS) for one in spreads(whole.instruments)]
    return tuple(side for one in found for side in one[:3])


def perpetual_band(m: Market) -> tuple[Any, ...]:
    return fairvalue.perpetual_band(
        -1.0, premiums(m), interest=1.0, dead_band=5.0, cost=0.5, floor=-9.0, cap=9.0
    )[:3]


def dated_band(m: Market) -> tuple[Any, ...]:
    years: Float1D = (100.0 - np.arange(float(len(m.x)))) / 8760.0
    return fairvalue.dated_band(
        m.x[:, 0], years, FINANCING, spot_cost=1e-3, future_cost=1e-3, exit_cost=1e-3
    )[:3]


def cycle(m: Market) -> Float1D:
    """A contract on its way, on the grid of the bars; three bars of five known."""
    left: Float1D = 200.0 - np.arange(float(len(m.x)))
    known = np.arange(len(m.x)) % 5 < 3
    return convergence.aligned(left, np.where(known, m.y[:, 0], np.nan), left, 1.0)


def elapsed_h(m: Market) -> Float1D:
    return nowcast.running_average(premiums(m), m.time_ns, 8.0, "equal")[0]


def average_ahead(m: Market) -> tuple[Any, ...]:
    return nowcast.average_ahead("equal", 8.0, elapsed_h(m), premiums(m), premiums(m), MODEL)


# function → a call on some bars of a market that returns an array along bars, or a tuple of such.
SERIES_OF: dict[Callable[..., Any], Callable[[Market], Any]] = {
    basis.basis: lambda m: basis.basis(m.x, m.y),
    basis.basis_rate: lambda m: basis.basis_rate(m.x, m.y),
    basis.log_basis: lambda m: basis.log_basis(m.x, m.y),
    basis.hours_to_expiry: lambda m: basis.hours_to_expiry(m.time_ns, 100 * HOUR_NS),
    basis.basis_apr: lambda m: basis.basis_apr(
        m.x[:, 1] / 100.0, basis.hours_to_expiry(m.time_ns, 100 * HOUR_NS)
    ),
    carry.fill_cost: lambda m: carry.fill_cost(5e-4, 1e-4, 1e4, m.x * 1e4),
    carry.round_trip_cost: lambda m: carry.round_trip_cost(m.x * 1e-5, m.y * 1e-5),
    carry.net_carry_apr: lambda m: carry.net_carry_apr(
        direction=1.0, first_apr=m.x, second_apr=m.y, borrow_apr=0.1, round_trip_cost=1e-3, hold_h=72.0
    ),
    carry.break_even_h: lambda m: carry.break_even_h(m.x - 100.0, 1e-3),
    funding.trailing_funding_apr: lambda m: funding.trailing_funding_apr(m.funding, m.funding_h, 1.0, 24.0),
    funding.cumulative_funding: lambda m: funding.cumulative_funding(m.funding),
    metrics.drawdown_path: lambda m: metrics.drawdown_path(m.x[:, 1]),
    metrics.returns: lambda m: np.append(np.nan, metrics.returns(m.x[:, 1])),
    rolling.rolling_sum: lambda m: rolling.rolling_sum(m.x, 24, 3),
    rolling.rolling_mean: lambda m: rolling.rolling_mean(m.x, 24, 3),
    rolling.rolling_std: lambda m: rolling.rolling_std(m.x, 24, 3),
    rolling.rolling_zscore: lambda m: rolling.rolling_zscore(m.x, 24, 3),
    rolling.rolling_percentile: lambda m: rolling.rolling_percentile(m.x, 24, 3),
    rolling_regression.rolling_ols: lambda m: rolling_regression.rolling_ols(m.y, m.x, 24, 3),
    rolling_regression.rolling_correlation: lambda m: rolling_regression.rolling_correlation(m.y, m.x, 24, 3),
    rolling_regression.rolling_reversion: lambda m: rolling_regression.rolling_reversion(m.x, 24, 1.0, 5),
    many_series.rolling_adf: lambda m: many_series.rolling_adf(m.x, 24, 1, 12),
    local_level.filter_levels: lambda m: local_level.filter_levels(m.x, m.time_ns / HOUR_NS, 0.1, 1.0),
    clamp.clamped_moments: lambda m: clamp.clamped_moments(
        premiums(m), m.x[:, 1] / 20.0, clamp.clamp_of(funding_rule(cap=9.0, floor=-9.0))
    ),
    clamp.pinned_chance: lambda m: clamp.pinned_chance(
        premiums(m), m.x[:, 1] / 20.0, clamp.clamp_of(funding_rule())
    ),
    convergence.aligned: cycle,
    equilibrium.rolling_error_correction: lambda m: equilibrium.rolling_error_correction(
        np.log(m.x[:, 1]), np.log(2.0 * m.y[:, 1]), 60, 1, 1.0
    ),
    equilibrium.error_correction_half_life: lambda m: equilibrium.error_correction_half_life(
        (m.y - 0.5 * m.x)[:, 0] / 3.0, 1.0
    ),
    fairvalue.band: bands,
    fairvalue.dated_band: dated_band,
    fairvalue.perpetual_band: perpetual_band,
    fairvalue.funding_inverse: lambda m: fairvalue.funding_inverse(
        premiums(m), interest=1.0, dead_band=5.0, floor=-9.0, cap=9.0
    ),
    fairvalue.margin_cost: lambda m: fairvalue.margin_cost(m.x[:, 0] / 100.0, FINANCING),
    fairvalue.outside: lambda m: fairvalue.outside(fairvalue.Band(m.x - 1.0, m.x, m.x + 1.0), 2.0 * m.y),
    forward.forward_at: lambda m: forward.forward_at(m.x, m.y - 0.5 * m.x, 0.99, in_coin=False),
    funding_benchmarks.no_change: lambda m: funding_benchmarks.no_change(rates(m)),
    funding_benchmarks.mean_so_far: lambda m: funding_benchmarks.mean_so_far(rates(m)),
    funding_benchmarks.har_features: lambda m: funding_benchmarks.har_features(rates(m), (3, 9, 20)),
    funding_benchmarks.regression_forecast: lambda m: funding_benchmarks.regression_forecast(
        np.column_stack((np.ones(len(m.x)), m.x[:, 1], m.y[:, 1])), rates(m), 30
    ),
    funding_benchmarks.ar1_forecast: lambda m: funding_benchmarks.ar1_forecast(rates(m)),
    funding_benchmarks.har_forecast: lambda m: funding_benchmarks.har_forecast(rates(m), 40, (3, 9, 20)),
    fundingterms.last_known: lambda m: fundingterms.last_known(m.funding),
    fundingterms.funding_terms: lambda m: tuple(
        fundingterms.funding_terms(rulebook(), instrument(PERP), panel(m))[0]
    ),
    latent.latent_series: lambda m: latent.latent_series(rates(m), funding_rule(), AR),
    local_level.filter_level: lambda m: local_level.filter_level(
        m.x[:, 0], m.time_ns / HOUR_NS, local_level.LocalLevel(0.1, 1.0)
    ),
    nowcast.running_average: lambda m: nowcast.running_average(premiums(m), m.time_ns, 8.0, "linear"),
    nowcast.average_ahead: average_ahead,
    nowcast.nowcast: lambda m: nowcast.nowcast(funding_rule(), MODEL, elapsed_h(m), premiums(m), premiums(m)),
    nowcast.nowcast_series: lambda m: nowcast.nowcast_series(
        funding_rule(weights="linear"), MODEL, premiums(m), m.time_ns
    ),
    nowcast.loading: lambda m: nowcast.loading("linear", 8.0, 0.1, elapsed_h(m)),
    nowcast.average_variance: lambda m: nowcast.average_variance("linear", 8.0, 0.1, elapsed_h(m)),
    premium_noise.filtered: lambda m: premium_noise.filtered(premiums(m), 1.0, MODEL, 3.0),
    quotes.imbalance: lambda m: quotes.imbalance(m.x, m.y),
    quotes.micro_price: lambda m: quotes.micro_price(m.y, m.x, m.x * 2.0, m.y * 3.0),
    reversion.speeds: lambda m: reversion.speeds(
        (m.y - 0.5 * m.x)[:, 1] / 10.0, np.full(len(m.x), 0.05), np.ones(len(m.x)), np.full(len(m.x), 100.0)
    ),
    unitroot.rolling_convergence: lambda m: unitroot.rolling_convergence(
        m.y[:, 0] - 0.5 * m.x[:, 0], 60, minimum=50
    ),
}

# name → what it returns instead; for functions whose annotation tells of an array.
NOT_A_SERIES = {
    "bridge.fit": "one speed a cycle, with its profile over speeds",
    "bridge.moments": "what a bridge is expected to do at times to come",
    "bridge.observed": "its arguments without what is not known",
    "cointegration.johansen": "statistics and vectors of one sample",
    "convergence.mean_path": "one path over finished cycles, from all of each",
    "discovery.information_shares": "one share a leg",
    "equilibrium.error_correction": "one answer a sample; the array is a covariance",
    "funding_level.daily_rates": "sums by day of one sample: a day is whole only once it is over",
    "funding_level.fit_level": "one level of a sample, and what it is known to",
    "horizon.forecast_funding": "what is expected of intervals to come",
    "latent.latent_likelihood": "the likelihood of a sample; its filter is seen through latent_series",
    "nowcast.checked": "its argument, which reverts",
    "nowcast.decayed": "a number for each span of time",
    "nowcast.decayed_moment": "a number for each span of time",
    "ou.known_sample": "its arguments without what is not known",
    "ou.simulate": "a made-up path",
    "ou.transition": "a number for each step of time",
    "ou_profile.axis": "places at which a likelihood is looked at",
    "ou_profile.quantile_curves": "a table of quantiles by speed",
    "ou_profile.sums_by_step": "sums of one sample, by length of step",
    "outlook.early_unwind": "what is expected at times to come",
    "outlook.expected_path": "what is expected at times to come",
    "outlook.within_probability": "probabilities at times to come",
    "parity.boxes": "one moment, by strikes",
    "parity.chain": "one moment, by strikes",
    "parity.conversions": "one moment, by strikes",
    "parity.quotes": "one moment, by strikes",
    "passage.passage_probability": "probabilities within times to come",
    "premium.model_of": "one model; its fields may be arrays, which it does not make",
    "robust.robust_fit": "parameters and weights of one regression on all its points",
    "unitroot.benjamini_hochberg": "over a universe of tests, each judged among all",
    "many_series.adf_statistic": "one number a series",
    "many_series.reversion": "one number a series",
    "rolling_regression.reversion_of": "writes into what it is given",
    "windows.table": "its argument in another shape",
}
ARRAYS = (
    "Array",
    "Float1D",
    "Float2D",
    "Float3D",
    "Int1D",
    "Int2D",
    "Bool1D",
    "Bool2D",
    "ndarray",
    "Number",
    "_Values",
)


def public() -> Iterator[tuple[str, Any]]:
    """Every public function that a module of narrows.analytics defines, by module.name."""
    for module in pkgutil.iter_modules(narrows.analytics.__path__):
        there = importlib.import_module(f"narrows.analytics.{module.name}")
        for name, one in vars(there).items():
            plain = getattr(one, "py_func", one)  # compiled functions know what they were made of
            if (
                isinstance(plain, FunctionType)
                and plain.__module__ == there.__name__
                and not name.startswith("_")
            ):
                yield f"{module.name}.{name}", one


def yields_arrays(function: Any) -> bool:
    """Whether the annotation tells of an array, alone or as a field of a tuple or struct."""
    function = getattr(function, "py_func", function)
    told = inspect.get_annotations(function).get("return")
    if told is None:
        return False
    fields = inspect.get_annotations(told) if isinstance(told, type) else {}
    return any(word in str(one) for one in (told, *fields.values()) for word in ARRAYS)


def parts(told: Any) -> tuple[Any, ...]:
    return tuple(told) if isinstance(told, tuple) else (told,)


def test_every_public_function_that_returns_an_array_is_in_one_of_the_tables() -> None:
    listed = {f"{one.__module__.rpartition('.')[2]}.{one.__name__}" for one in SERIES_OF}
    known = listed | set(NOT_A_SERIES)
    missing = [name for name, one in public() if yields_arrays(one) and name not in known]
    assert not missing, f"say in SERIES_OF how to call them, or in NOT_A_SERIES why not: {missing}"
    assert listed | set(NOT_A_SERIES) <= {name for name, _ in public()}
    assert not listed & set(NOT_A_SERIES)


@pytest.mark.parametrize("function", SERIES_OF, ids=lambda one: one.__name__)
def test_T84_appended_rows_change_no_earlier_bit(function: Callable[..., Any]) -> None:
    call, whole = SERIES_OF[function], market()
    told = parts(call(whole))
    assert all(len(one) == BARS for one in told)
    assert any(np.isfinite(one).any() for one in told)
    for cut in CUTS:
        for late, early in zip(told, parts(call(whole.until(cut))), strict=True):
            assert len(early) == cut
            assert np.ascontiguousarray(late[:cut]).tobytes() == np.ascontiguousarray(early).tobytes()


def test_the_check_would_notice_a_look_ahead() -> None:
    """A statistic over all bars is not causal, and its bits say so."""
    whole = market()
    centred = whole.y - np.nanmean(whole.y, axis=0)
    early = whole.until(90).y
    assert centred[:90].tobytes() != (early - np.nanmean(early, axis=0)).tobytes()


def test_there_are_bands_of_every_kind_of_spread() -> None:
    whole = panel(market())
    found = {
        one.kind: fairvalue.band(one, whole, rulebook(), FINANCING, COSTS)
        for one in spreads(whole.instruments)
    }
    assert found.keys() == set(get_args(SpreadKind))
    assert all(np.isfinite(one.lo).any() for one in found.values())
