"""The JSON summary has exactly the documented keys, and the verdict says what the numbers say."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.report.numbers import (
    busiest,
    notional,
    percent,
    return_on_collateral_apr,
    summary,
    turnover_by_leg,
    verdict,
    worst_margin,
)

KEYS = """
equity_start equity_end ledger residual_delta_max fills round_trips liquidations liquidations_high_low
max_drawdown sharpe return_apr return_on_collateral_apr hurdle_apr start end bars config_hash data_hash
"""


def with_end(result: Result, equity_end: float) -> Result:
    return replace(result, equity=np.linspace(result.desk.capital, equity_end, len(result.equity)))


def test_summary_has_the_documented_keys_in_order(result: Result) -> None:
    numbers = summary(result)
    assert list(numbers) == KEYS.split()
    assert list(numbers["ledger"]) == list(CATEGORIES)  # type: ignore[arg-type]


def test_summary_is_the_run(result: Result) -> None:
    numbers = summary(result)
    assert numbers["equity_start"] == 1_000_000.0
    assert numbers["equity_end"] == result.equity[-1]
    assert (numbers["fills"], numbers["round_trips"], numbers["bars"]) == (len(result.fills), 3, 9_000)
    assert (numbers["liquidations"], numbers["liquidations_high_low"]) == (1, 2)
    assert (numbers["start"], numbers["end"]) == ("2023-06-02T00:00:00Z", "2024-06-11T00:00:00Z")
    assert numbers["return_on_collateral_apr"] == pytest.approx(
        (result.equity[-1] - 1_000_000) / 1_000_000 * 8_760 / 9_000, rel=1e-9
    )
    assert numbers["hurdle_apr"] == 0.045


def test_the_first_bar_counts_for_drawdown(result: Result) -> None:
    fallen = replace(result, equity=np.full(9_000, 900_000.0))
    assert summary(fallen)["max_drawdown"] == pytest.approx(0.1)


@pytest.mark.parametrize("bars", [0, 1, 100])
def test_what_is_not_a_number_becomes_null(idle_run: Callable[[int], Result], bars: int) -> None:
    numbers = summary(idle_run(bars))
    assert list(numbers) == KEYS.split()
    assert numbers["sharpe"] is None
    assert (numbers["start"] is None) == (bars == 0)
    assert "NaN" not in json.dumps(numbers)


def test_a_broken_equity_becomes_null_and_is_not_trusted(result: Result) -> None:
    broken = replace(result, equity=np.full(9_000, np.nan))
    assert summary(broken)["equity_end"] is None
    assert summary(broken)["return_on_collateral_apr"] is None
    assert "cannot be trusted" in verdict(broken)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (
            1_100_000.0,
            "Earned 9.7\u00a0% a year on collateral against a hurdle of 4.5\u00a0%: that beat holding cash",
        ),
        (
            1_020_000.0,
            "Earned 1.9\u00a0% a year on collateral against a hurdle of 4.5\u00a0%: holding cash was better",
        ),
        (
            950_000.0,
            "Lost 4.9\u00a0% a year on collateral against a hurdle of 4.5\u00a0%: holding cash was better",
        ),
    ],
)
def test_verdict_compares_with_the_hurdle(result: Result, end: float, words: str) -> None:
    assert verdict(with_end(result, end)) == words + "; 1 liquidation on the way."


def test_verdict_of_a_run_that_did_nothing(idle_run: Callable[[int], Result]) -> None:
    assert verdict(idle_run(0)).startswith("No bars")
    assert verdict(idle_run(100)).startswith("Did not trade")


def test_verdict_of_a_few_hours_is_not_annualised(result: Result) -> None:
    brief = replace(result, time_ns=result.time_ns[:24], equity=np.linspace(1e6, 1_000_250.0, 24))
    assert verdict(brief) == "Made 250 USDT in 24 hours, too short to judge against a yearly hurdle."


def test_turnover_counts_each_leg_at_its_price(result: Result) -> None:
    by_hand = np.zeros(4)
    for leg, quantity, price in zip(result.fills.leg, result.fills.quantity, result.fills.price, strict=True):
        by_hand[leg] += abs(quantity) * price
    np.testing.assert_allclose(turnover_by_leg(result), by_hand, rtol=1e-12)


def test_nothing_held_has_no_value_even_without_a_mark(result: Result) -> None:
    unknown = result.mark.copy()
    unknown[-1, 3] = np.nan
    assert notional(replace(result, mark=unknown))[-1, 3] == 0.0


def test_worst_margin_names_bar_and_wallet(result: Result) -> None:
    worst = worst_margin(result)
    assert worst is not None
    ratio, bar, wallet = worst
    assert (ratio, wallet) == (result.margin_ratio.max(), 0)
    assert result.margin_ratio[bar, 0] == ratio
    assert worst_margin(replace(result, margin_ratio=np.full((9_000, 2), np.nan))) is None


def test_few_spreads_keep_their_order(result: Result) -> None:
    assert busiest(result, 6) == ([0, 1], 0)
    by_leg = turnover_by_leg(result)
    larger = 0 if by_leg[:2].sum() > by_leg[2:].sum() else 1
    assert busiest(result, 1) == ([larger], 1)


def test_return_of_no_bars_is_not_known(idle_run: Callable[[int], Result]) -> None:
    assert math.isnan(return_on_collateral_apr(idle_run(0)))
    assert percent(math.nan) == "–"
