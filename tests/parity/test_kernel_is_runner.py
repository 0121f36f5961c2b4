"""One strategy object through the backtest and through runner + SimVenue: the same trades, the same money."""

from typing import Any

import numpy as np
import pytest

from narrows.core.config import Desk
from narrows.core.event import Submit
from narrows.core.panel import Panel
from narrows.live.engine import Engine
from narrows.live.runner import MemoryJournal, Runner
from narrows.sim import kernel
from narrows.sim.backtest import backtest, spreads_of
from narrows.strategy.cash_and_carry import CashAndCarry
from narrows.strategy.funding_carry import FundingCarry
from narrows.strategy.protocol import Strategy
from narrows.venue.protocol import ManualClock
from narrows.venue.sim import SimVenue
from random_market import Restless, random_desk, random_panel

STRATEGIES: list[Strategy] = [
    Restless(seed=5, often=0.2),
    FundingCarry(entry_apr=0.02, exit_apr=-0.5, lookback_h=5.0, max_hold_h=30.0),
    CashAndCarry(entry_apr=-5.0, exit_apr=-50.0, nearest_h=1.0, farthest_h=1e5, size=0.7, direction="both"),
]


def on_paper(desk: Desk, panel: Panel, strategy: Strategy) -> tuple[SimVenue, Runner]:
    clock = ManualClock()
    spreads = spreads_of(desk, panel, strategy)
    venue = SimVenue(desk, panel, spreads, clock)
    runner = Runner(Engine.of(desk, strategy, panel, spreads), venue, MemoryJournal())
    runner.run(clock, panel.time_ns.tolist())
    return venue, runner


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_paper_equals_backtest(strategy: Strategy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    desk, panel = random_desk(rng), random_panel(rng, 120)
    simulated = backtest(desk, panel, strategy)
    venue, runner = on_paper(desk, panel, strategy)
    paper = venue.result(strategy)
    assert len(simulated.fills) > 2
    assert len(simulated.fills) == len(paper.fills) == runner.state.fills
    for name in ("time_ns", "leg", "reason"):
        np.testing.assert_array_equal(getattr(simulated.fills, name), getattr(paper.fills, name))
    for name in ("quantity", "price", "fee", "slippage"):
        np.testing.assert_allclose(getattr(simulated.fills, name), getattr(paper.fills, name), rtol=1e-9)
    np.testing.assert_allclose(simulated.equity, paper.equity, rtol=0, atol=1e-9 * desk.capital)
    np.testing.assert_allclose(
        simulated.ledger.amounts, paper.ledger.amounts, rtol=0, atol=1e-9 * desk.capital
    )


def test_commands_are_journaled_with_ids_that_a_replay_repeats() -> None:
    rng = np.random.default_rng(9)
    desk, panel = random_desk(rng), random_panel(rng, 80)
    first = on_paper(desk, panel, STRATEGIES[0])[1].journal.records
    again = on_paper(desk, panel, STRATEGIES[0])[1].journal.records
    assert repr(first) == repr(again)  # NaN is not equal to itself
    ids = [record.client_id for record in first if isinstance(record, Submit)]
    assert len(ids) == len(set(ids)) > 0


def test_backtest_and_paper_share_one_compiled_kernel() -> None:
    rng = np.random.default_rng(2)
    desk, panel = random_desk(rng), random_panel(rng, 40)
    backtest(desk, panel, STRATEGIES[0])
    on_paper(desk, panel, STRATEGIES[0])
    compiled: Any = kernel.run
    assert len(compiled.signatures) == 1
