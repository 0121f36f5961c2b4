"""Features are causal, bit for bit, and need no more history than they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.panel import Panel
from narrows.core.spread import spreads
from narrows.market.synthetic import synthetic_market
from narrows.sim.inputs import prepared
from narrows.strategy.cash_and_carry import CashAndCarry
from narrows.strategy.funding_carry import FundingCarry
from narrows.strategy.protocol import Strategy
from random_market import random_panel
from tiny_market import FUTURE, NAN, PERP, SPOT, tiny_desk, tiny_panel

STRATEGIES: list[Strategy] = [FundingCarry(lookback_h=5.0), FundingCarry(lookback_h=24.0), CashAndCarry()]


def check(strategy: Strategy, panel: Panel, cut: int) -> None:
    found = spreads(panel.instruments, strategy.kinds)
    assert found
    for spread in found:
        whole = strategy.features(panel, spread)
        assert strategy.features(panel.rows(0, cut), spread).tobytes() == whole[:cut].tobytes()
        enough = strategy.lookback(panel.bar_h)
        if cut >= enough:
            window = strategy.features(panel.rows(cut - enough, cut), spread)
            assert window[-1].tobytes() == whole[cut - 1].tobytes()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), cut=st.integers(1, 100))
def test_on_random_markets_later_rows_change_no_bit(strategy: Strategy, seed: int, cut: int) -> None:
    check(strategy, random_panel(np.random.default_rng(seed), 100), cut)


@pytest.fixture(scope="module")
def synthetic() -> Panel:
    return synthetic_market(7, 2500)[0]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
@pytest.mark.parametrize("cut", [1, 23, 24, 25, 800, 2400])
def test_on_the_synthetic_market_later_rows_change_no_bit(
    strategy: Strategy, synthetic: Panel, cut: int
) -> None:
    check(strategy, synthetic, cut)


def test_funding_is_annualised_over_its_own_interval_and_borrow_is_what_the_panel_says() -> None:
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(100, 100),
        funding=(NAN, [NAN, 0.001, NAN, 0.003]),
        borrow=([NAN, 0.3, 0.3, 0.3], NAN),
    )
    (spread,) = spreads(panel.instruments)
    features = FundingCarry(lookback_h=3.0).features(panel, spread)
    np.testing.assert_allclose(features[:, 0], [NAN, NAN, 0.001 * 8760 / 8, 0.004 * 8760 / 16])
    np.testing.assert_array_equal(features[:, 1], [NAN, 0.3, 0.3, 0.3])


def test_the_basis_is_annualised_to_delivery() -> None:
    panel = tiny_panel([SPOT, FUTURE], mark=(100, [100, 102]), close=(100, [101, 102]), borrow=(0.07, NAN))
    (spread,) = spreads(panel.instruments)
    features = CashAndCarry().features(panel, spread)
    np.testing.assert_allclose(features, [[0.01 * 8760, 1.0, 0.07, 1.0], [NAN, 0.0, 0.07, 1.0]])


def test_where_the_data_are_silent_a_desk_says_what_borrowing_costs_and_strategies_see_it() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, 100), borrow=([NAN, 0.3, 0.0, NAN], NAN))
    seen = prepared(tiny_desk(borrow_apr=0.07), panel)
    (spread,) = spreads(panel.instruments)
    assert FundingCarry().features(seen, spread)[:, 1].tolist() == [0.07, 0.3, 0.0, 0.07]
    assert seen.borrow[:, 1].tolist() == [0.07] * 4
    np.testing.assert_array_equal(panel.borrow[:, 0], [NAN, 0.3, 0.0, NAN])  # the panel itself stays
