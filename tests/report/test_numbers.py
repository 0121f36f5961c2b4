"""The JSON summary has exactly the documented keys, and the verdict says what the numbers say."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from narrows.core.instrument import instrument
from narrows.core.ledger import CATEGORIES
from narrows.core.result import Result
from narrows.core.spread import spreads
from narrows.report.numbers import (
    bars_of,
    bars_with,
    busiest,
    compounded_apy,
    notional,
    percent,
    return_on_collateral_apr,
    short_names,
    spread_titles,
    summary,
    turnover_by_leg,
    verdict,
    worst_margin,
)

KEYS = """
equity_start equity_end ledger residual_delta_max fills round_trips liquidations liquidations_high_low forced
max_drawdown sharpe return_apr return_on_collateral_apr hurdle_apr start end bars currency config_hash
data_hash
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
            "Earned 9.7\u00a0% a year (simple; 9.7\u00a0% compounded) on collateral "
            "against a hurdle of 4.5\u00a0%: that beat holding cash",
        ),
        (
            1_020_000.0,
            "Earned 1.9\u00a0% a year (simple; 1.9\u00a0% compounded) on collateral "
            "against a hurdle of 4.5\u00a0%: holding cash was better",
        ),
        (
            950_000.0,
            "Lost 4.9\u00a0% a year (simple; 4.9\u00a0% compounded) on collateral "
            "against a hurdle of 4.5\u00a0%: holding cash was better",
        ),
    ],
)
def test_verdict_compares_with_the_hurdle(result: Result, end: float, words: str) -> None:
    assert verdict(with_end(result, end)) == words + "; 1 liquidation on the way."


def test_verdict_of_a_run_that_did_nothing(idle_run: Callable[[int], Result]) -> None:
    assert verdict(idle_run(0)).startswith("No bars")
    assert verdict(idle_run(100)) == (
        "Did not trade: no target was ever filled; holding cash would have earned 4.5\u00a0% a year."
    )


def test_verdict_of_a_run_without_prices_names_the_instrument(idle_run: Callable[[int], Result]) -> None:
    idle = idle_run(100)
    blind = idle.mark.copy()
    blind[:, 3] = np.nan
    assert verdict(replace(idle, mark=blind)).startswith(
        "Did not trade: no price was ever known of BTC-USDT-20240329.okx;"
    )


def test_a_rate_of_at_most_a_year_is_not_compounded(result: Result) -> None:
    year = replace(result, time_ns=result.time_ns[:8_760], equity=result.equity[:8_760])
    assert "a year (simple) on collateral" in verdict(year)


def test_what_is_lost_altogether_does_not_compound(result: Result) -> None:
    assert compounded_apy(with_end(result, 1_100_000.0)) == pytest.approx(1.1 ** (8_760 / 9_000) - 1.0)
    assert math.isnan(compounded_apy(with_end(result, -1.0)))


def test_spreads_are_named_by_what_tells_them_apart(result: Result) -> None:
    assert short_names(result) == ("BTC-USDT-PERP.bybit", "BTC-USDT-20240329.okx")
    alone = replace(result, spreads=result.spreads[:1])
    assert short_names(alone) == ("BTC-USDT / BTC-USDT-PERP",)
    dated = [instrument(name) for name in ("BTC-USDT.okx", "BTC-USDT-20240329.okx", "BTC-USDT-20240628.okx")]
    one_venue = replace(result, spreads=tuple(spreads(dated, ["cash_and_carry"])))
    assert short_names(one_venue) == ("BTC-USDT-20240329", "BTC-USDT-20240628")
    every = replace(result, spreads=tuple(spreads(dated)))
    assert short_names(every)[-1] == "BTC-USDT-20240329 / BTC-USDT-20240628"
    assert spread_titles(one_venue)[0] == "cash and carry: BTC-USDT-20240329"


def test_trades_belong_to_the_bar_that_opens_and_deliveries_to_the_one_that_closes(result: Result) -> None:
    bars = bars_of(result, result.fills)
    assert bars[0] == 210
    assert bars_with(result, "liquidation").tolist() == [5_200]
    (delivery,) = bars_with(result, "settlement")
    assert result.time_ns[delivery] == result.spreads[1].expiry_ns


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
