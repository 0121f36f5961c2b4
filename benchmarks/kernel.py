"""Speed of the simulation kernel, as ratios taken in one run; prints a table, and JSON with --json.

Peers: the plain-Python specification on the same bars, and the least loop that could do the job
for one spread (marks, funding, a threshold rule), written by hand with nothing to configure.
"""

import json
import math
import sys
from typing import Any

import numpy as np
from numba import njit
from stopwatch import REPEATS, best_ns

from narrows.catalog import load_panel
from narrows.core.config import Desk, parse
from narrows.core.panel import Panel
from narrows.sim.backtest import blank_trace, features_of, spreads_of
from narrows.sim.inputs import market
from narrows.sim.kernel import run
from narrows.sim.layout import Layout, Market, initial_state, layout, scratch
from narrows.sim.reference import Reference
from narrows.strategy.funding_carry import FundingCarry

DESK = """
[desk]
name = "bench"
[data]
catalog = "demo"
[universe]
instruments = ["BTC-USDT.alpha", "BTC-USDT-PERP.alpha"]
[strategy]
name = "funding_carry"
[venues.alpha]
taker_bps = 5.0
haircut = 0.0
debt_limit = inf
"""


class Job:
    """A desk on the demo market: some spreads, some lanes."""

    def __init__(self, spreads: int, lanes: int) -> None:
        self.desk: Desk = parse(DESK)
        self.panel: Panel = load_panel(self.desk)
        self.strategy = FundingCarry(entry_apr=0.05, exit_apr=0.0, size=1.0 / spreads)
        found = spreads_of(self.desk, self.panel, self.strategy) * spreads
        self.plan: Layout = layout(self.desk, self.panel, found)
        self.market: Market = market(
            self.desk, self.panel, features_of(self.strategy, self.panel, found), self.plan.wallet_names
        )
        self.params = np.tile(self.strategy.params(1.0), (lanes, 1))
        self.params[:, 0] = np.linspace(0.02, 0.2, lanes)
        self.steps = len(self.panel) * spreads * lanes
        self.lanes = lanes

    def kernel(self, bracket: int = 0, trace_bars: int = 0) -> None:
        state = initial_state(self.plan, self.lanes)
        trace = blank_trace(trace_bars, self.plan, self.lanes, 0)
        brackets = np.full(self.lanes, bracket, dtype=np.int64)
        legs, wallets = self.plan.legs, self.plan.wallets
        run(
            self.strategy.decide.native, self.market, legs, wallets, state, self.params, brackets, trace,
            scratch(self.plan), 0, len(self.panel),
        )  # fmt: skip

    def reference(self) -> None:
        twin = Reference(
            self.market,
            self.plan,
            self.params[0].tolist(),
            False,
        )
        twin.run(self.strategy.decide.py, 0, len(self.panel))


@njit(cache=True)
def _least(spot: Any, perp: Any, rate: Any, signal: Any, entry: float, leave: float) -> tuple[float, float]:
    """Profit and drawdown of one spread: marks, funding, thresholds, a fee. Nothing else."""
    held = 0.0
    cash = 1e6
    peak = 1e6
    drawdown = 0.0
    for t in range(1, len(spot)):
        cash += held * (spot[t] - spot[t - 1] - perp[t] + perp[t - 1])
        if math.isfinite(rate[t]):
            cash += held * perp[t] * rate[t]
        if math.isfinite(signal[t]):
            if held == 0.0 and signal[t] >= entry:
                held = cash / spot[t]
                cash -= 1e-3 * held * spot[t]
            elif held > 0.0 and signal[t] < leave:
                cash -= 1e-3 * held * spot[t]
                held = 0.0
        peak = max(peak, cash)
        drawdown = max(drawdown, 1.0 - cash / peak)
    return cash, drawdown


def main() -> None:
    one, twenty, wide = Job(1, 1), Job(20, 1), Job(1, 32)
    spot, perp = (np.ascontiguousarray(one.panel.mark[:, column]) for column in (0, 1))
    rate = np.ascontiguousarray(one.panel.funding[:, 1])
    signal = np.ascontiguousarray(one.market.features[:, 0, 0])
    measured = {
        "least loop by hand, 1 spread": best_ns(
            lambda: _least(spot, perp, rate, signal, 0.05, 0.0), one.steps
        ),
        "kernel, 1 spread": best_ns(one.kernel, one.steps),
        "kernel, 1 spread, series written down": best_ns(
            lambda: one.kernel(trace_bars=len(one.panel)), one.steps
        ),
        "kernel, 1 spread, high/low bracket": best_ns(lambda: one.kernel(bracket=1), one.steps),
        "kernel, 20 spreads": best_ns(twenty.kernel, twenty.steps),
        "kernel, 1 spread, 32 lanes": best_ns(wide.kernel, wide.steps),
        "specification in plain Python, 1 spread": best_ns(one.reference, one.steps),
    }
    least, plain = (
        measured["least loop by hand, 1 spread"],
        measured["specification in plain Python, 1 spread"],
    )
    rows = [
        {"what": name, "ns": ns, "times_least": ns / least, "faster_than_specification": plain / ns}
        for name, ns in measured.items()
    ]
    if "--json" in sys.argv:
        print(json.dumps({"kernel": rows}))
        return
    title = f"ns per bar × spread × lane, best of {REPEATS}"
    print(f"{title:46}{'ns':>10}{'× least':>10}{'specification ÷':>18}")
    for row in rows:
        print(
            f"{row['what']:46}{row['ns']:10.1f}{row['times_least']:10.1f}"
            f"{row['faster_than_specification']:18.1f}"
        )


if __name__ == "__main__":
    main()
