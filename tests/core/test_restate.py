"""The same run in coin: the ledger still is the change in equity, on markets drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.errors import DataError
from narrows.core.ledger import CATEGORIES
from narrows.core.random import generator
from narrows.core.restate import coin_prices, restated
from narrows.sim.backtest import backtest
from random_market import Restless, random_desk, random_panel
from tiny_market import PERP, SPOT, play, tiny_desk, tiny_panel


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_in_coin_the_ledger_is_the_change_in_equity_at_every_bar(seed: int) -> None:
    rng = np.random.default_rng(seed)
    desk, panel = random_desk(rng), random_panel(rng, 150, volatility=0.03)
    result = backtest(desk, panel, Restless(seed=seed, often=0.3))
    prices = 30_000.0 * np.exp(np.cumsum(generator(seed, "coin").normal(0, 0.02, 151)))
    coin = restated(result, prices, "BTC")
    assert coin.ledger_error <= 1e-9
    change = coin.equity - coin.equity_start
    np.testing.assert_allclose(coin.ledger_path.sum(axis=1), change, rtol=0, atol=1e-9 * coin.equity_start)
    np.testing.assert_allclose(coin.equity * prices[1:], result.equity, rtol=1e-12)
    assert coin.equity_start * prices[0] == pytest.approx(result.equity_start, rel=1e-12)
    for name in ("fee", "slippage"):
        booked = -coin.ledger.by_category[{"fee": "fees", "slippage": "slippage"}[name]]
        # the spot of a delivered future, sold along its window, pays as any trade does
        trades = (coin.fills.reason == 0) | (coin.fills.slippage > 0.0)
        assert getattr(coin.fills, name)[trades].sum() == pytest.approx(booked, rel=1e-9, abs=1e-12)


def test_a_constant_price_only_changes_the_unit() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 110, 120], [101, 110, 120]), funding=(0.0, 0.001))
    result = play(tiny_desk(), panel, {0: (2.0, -2.0)})
    coin = restated(result, np.full(4, 50.0), "X")
    for name in CATEGORIES:
        assert coin.ledger.by_category[name] == pytest.approx(result.ledger.by_category[name] / 50.0)
    assert coin.desk.currency == "X"
    assert coin.desk.hurdle.apr == 0.0


def test_cash_that_does_nothing_loses_coin_when_the_coin_doubles() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 200], [100, 100, 200]))
    result = play(tiny_desk(capital=1000.0), panel, {0: (0.0, 0.0)})
    name, prices = coin_prices(panel, "BTC", "USDT")
    assert name == f"mark of {SPOT}"
    assert prices.tolist() == [100, 100, 100, 200]
    coin = restated(result, prices, "BTC")
    assert coin.equity.tolist() == [10.0, 10.0, 5.0]
    assert coin.ledger.by_category["fx"] == pytest.approx(-5.0)
    assert coin.ledger.by_row["revaluation of the equity"] == pytest.approx(-5.0)


def test_a_close_without_a_price_keeps_the_last() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, np.nan, 120], 100), open=([99, 100, 100], 100))
    assert coin_prices(panel, "BTC", "USDT")[1].tolist() == [99, 100, 100, 120]


def test_without_spot_the_index_counts_before_the_mark() -> None:
    panel = tiny_panel([PERP], mark=[[100, 100, 100]], index=[[98, 99, 97]])
    assert coin_prices(panel, "BTC", "USDT")[0] == f"index of {PERP}"
    assert coin_prices(tiny_panel([PERP], mark=[[100, 101]]), "BTC", "USDT")[0] == f"mark of {PERP}"


def test_what_cannot_be_restated_is_one_clear_line() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 200], [100, 100, 200]))
    result = play(tiny_desk(), panel, {0: (0.0, 0.0)})
    with pytest.raises(DataError, match="no price of ETH in USDT at the start of the run; choose from BTC"):
        coin_prices(panel, "ETH", "USDT")
    with pytest.raises(DataError, match="3 prices for 3 bars"):
        restated(result, np.ones(3), "BTC")
    with pytest.raises(DataError, match="not a positive number"):
        restated(result, np.array([1.0, 1.0, 0.0, 1.0]), "BTC")


def test_a_price_in_another_currency_is_no_price() -> None:
    """ETH-BTC says what ETH costs in BTC: no desk in dollars may take it."""
    panel = tiny_panel(["ETH-BTC.bybit", "ETH-USDT-PERP.bybit"], mark=([0.05, 0.05], [3000, 3100]))
    name, prices = coin_prices(panel, "ETH", "USDC")
    assert (name, prices[1:].tolist()) == ("mark of ETH-USDT-PERP.bybit", [3000, 3100])
    with pytest.raises(
        DataError, match="no price of ETH in EUR at the start of the run; choose from no coin"
    ):
        coin_prices(panel, "ETH", "EUR")
