"""Every cent is in the ledger: over random markets and desks, liquidations and deliveries included."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.config import Desk
from narrows.core.ledger import CATEGORIES
from narrows.core.panel import Panel
from narrows.core.spread import Leg, spreads
from narrows.sim.backtest import backtest
from random_market import Restless, random_desk, random_panel
from tiny_market import lanes

TOLERANCE = 1e-9  # of the capital


def drawn(seed: int, bars: int) -> tuple[Desk, Panel, Restless]:
    rng = np.random.default_rng(seed)
    desk = random_desk(rng)
    panel = random_panel(rng, bars, volatility=rng.choice([0.005, 0.03, 0.08]))
    return desk, panel, Restless(seed=seed, often=rng.choice([0.03, 0.3]))


def test_the_ledger_is_the_change_in_equity() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(seed=st.integers(0, 100_000), bars=st.integers(31, 150))
    def check(seed: int, bars: int) -> None:
        desk, panel, strategy = drawn(seed, bars)
        state, trace = lanes(desk, panel, strategy)
        for lane in (0, 1):
            change = trace.equity[-1, lane] - desk.capital
            assert abs(state.ledger[:, :, lane].sum() - change) <= TOLERANCE * desk.capital
            assert (trace.equity[:, lane] > -TOLERANCE * desk.capital).all()
        path = trace.ledger.sum(axis=1) - (trace.equity[:, 0] - desk.capital)
        assert np.abs(path).max() <= TOLERANCE * desk.capital  # at every bar, not only the last
        inverse = np.flatnonzero([leg.instrument.is_inverse for s in spreads_legs(panel) for leg in s])
        seen["liquidations"] += int(state.liquidations.sum())
        seen["deliveries"] += int((trace.fill_where[:, 3] == 2).sum())
        seen["inverse"] += int(np.isin(trace.fill_where[:, 2], inverse).sum())
        seen["long"] += int((trace.quantity > 0).any())
        seen["short"] += int((trace.quantity < 0).any())
        for n, category in enumerate(CATEGORIES):
            seen[category] += int((state.ledger[:, n] != 0.0).any())

    check()
    assert len(seen) == 15
    assert min(seen.values()) >= 5, seen


def spreads_legs(panel: Panel) -> list[tuple[Leg, ...]]:
    return [spread.legs for spread in spreads(panel.instruments)]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_a_result_reconciles_and_its_categories_are_its_rows(seed: int) -> None:
    desk, panel, strategy = drawn(seed, 80)
    result = backtest(desk, panel, strategy)
    assert result.ledger_error <= TOLERANCE
    assert abs(sum(result.ledger.by_row.values()) - result.ledger.total) <= TOLERANCE * desk.capital
    np.testing.assert_allclose(
        result.ledger_path[-1],
        list(result.ledger.by_category.values()),
        rtol=0,
        atol=TOLERANCE * desk.capital,
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000), cut=st.integers(1, 119))
def test_what_comes_later_changes_no_bit_of_what_was(seed: int, cut: int) -> None:
    desk, panel, strategy = drawn(seed, 120)
    whole, short = backtest(desk, panel, strategy), backtest(desk, panel.rows(0, cut), strategy)
    for name in (
        "equity",
        "position",
        "mark",
        "wallet_equity",
        "margin_ratio",
        "margin_ratio_high_low",
        "funding",
        "ledger_path",
        "residual_delta",
    ):
        ours, theirs = getattr(whole, name)[:cut], getattr(short, name)
        assert ours.tobytes() == theirs.tobytes(), name
    count = len(short.fills)
    for name in ("time_ns", "leg", "quantity", "price", "fee", "reason"):
        assert getattr(whole.fills, name)[:count].tobytes() == getattr(short.fills, name).tobytes(), name
