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
from typing import Any, NamedTuple

import numpy as np
import pytest

import narrows.analytics
from narrows.analytics import (
    basis,
    carry,
    funding,
    local_level,
    many_series,
    metrics,
    rolling,
    rolling_regression,
)
from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.time import HOUR_NS

BARS, SERIES = 150, 2
CUTS = (1, 2, 37, 64, 65, 90, 149)


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
}

# name → what it returns instead; for functions whose annotation tells of an array.
NOT_A_SERIES = {
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
