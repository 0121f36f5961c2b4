"""Interest on borrowed coins by the hour: kernel and specification on bars of any length, bit for bit."""

import numpy as np
import pytest

from narrows.core.time import MINUTE_NS
from narrows.sim.backtest import features_of, run_segment, spreads_of
from narrows.sim.inputs import market, prepared
from narrows.sim.layout import initial_state, layout
from narrows.sim.reference import Reference
from tiny_market import PERP, SPOT, Orders, Script, rule, tiny_desk, tiny_panel


@pytest.mark.parametrize("clock", ["begun", "struck", "continuous"])
@pytest.mark.parametrize("minutes", [1, 7, 10, 40, 45, 60, 90, 150])
def test_loans_of_any_size_at_any_time_cost_the_same_in_both(clock: str, minutes: int) -> None:
    rng = np.random.default_rng(minutes)
    bars, bar_ns = 300, minutes * MINUTE_NS
    sizes = np.where(rng.random(bars) < 0.8, rng.uniform(-3.0, 1.0, bars), 0.0)
    orders: Orders = {bar: (float(sizes[bar]), 0.0) for bar in range(bars) if rng.random() < 0.4}
    panel = tiny_panel([SPOT, PERP], bar_ns, mark=(rng.uniform(90.0, 110.0, bars).tolist(), 100))
    rules = [rule("borrow", coins=["BTC"], charged=clock)]
    desk = tiny_desk(1e6, borrow_apr=0.2, rules=rules, bar_ns=bar_ns, latency_ms=0.0)
    script = Script(orders=orders)
    found, seen = spreads_of(desk, panel, script), prepared(desk, panel)
    plan = layout(desk, panel, found)
    arrays = market(desk, seen, features_of(script, seen, found), plan.wallet_names)
    state = initial_state(plan, 1)
    params = np.zeros((1, 1))
    close_only = np.zeros(1, dtype=np.int64)
    state, _ = run_segment(script.decide.native, arrays, plan, state, params, close_only, 0, bars)
    twin = Reference(arrays, plan, [0.0], False)
    twin.run(script.decide.py, 0, bars)
    assert state.ledger[:, :, 0].tobytes() == np.array(twin.ledger).tobytes()
    assert state.ledger[0, 2, 0] < 0.0
