"""The kernel and its plain-Python specification give the same bits, liquidations included."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.arrays import Float2D, Int1D
from narrows.core.config import Desk
from narrows.core.panel import Panel
from narrows.core.spread import spreads
from narrows.sim.backtest import features_of, joined, run_segment
from narrows.sim.inputs import market, prepared
from narrows.sim.layout import Layout, Market, State, Trace, in_force, initial_state, schedule
from narrows.sim.reference import Reference
from random_market import Restless, random_desk, random_panel

SEEDS = (*range(15), 20)  # in the last an inverse contract is delisted that is held


class Run:
    """One desk on one panel, ready to be run by either engine."""

    def __init__(self, seed: int, bars: int, lanes: int = 2) -> None:
        rng = np.random.default_rng(seed)
        self.desk: Desk = random_desk(rng)
        panel = random_panel(rng, bars, volatility=rng.choice([0.005, 0.03, 0.08]))
        self.panel: Panel = prepared(self.desk, panel)
        self.strategy = Restless(seed=seed, often=rng.choice([0.03, 0.3]))
        self.spreads = spreads(self.panel.instruments)
        self.plans = schedule(self.desk, self.panel, self.spreads)
        self.plan: Layout = self.plans[0][1]
        self.market: Market = market(
            self.desk,
            self.panel,
            features_of(self.strategy, self.panel, self.spreads),
            self.plan.wallet_names,
        )
        self.params: Float2D = rng.uniform(0.2, 1.0, (lanes, 1))
        self.bracket: Int1D = np.arange(lanes, dtype=np.int64) % 2

    def kernel(self, cuts: list[int] | None = None) -> tuple[State, Trace]:
        state = initial_state(self.plan, len(self.bracket))
        edges = sorted([*self.edges, *(cuts or [])])
        parts = []
        for start, stop in pairwise(edges):
            state, part = run_segment(
                self.strategy.decide.native,
                self.market,
                self.rules(start),
                state,
                self.params,
                self.bracket,
                start,
                stop,
            )
            parts.append(part)
        return state, joined(parts)

    def reference(self, lane: int) -> Reference:
        twin = Reference(
            self.market,
            self.plan,
            self.params[lane].tolist(),
            bool(self.bracket[lane]),
        )
        for start, stop in pairwise(self.edges):
            twin.obey(self.rules(start))
            twin.run(self.strategy.decide.py, start, stop)
        return twin

    def rules(self, bar: int) -> Layout:
        """The layout in force at a bar."""
        opens = self.panel.time_ns - self.panel.bar_ns
        return in_force(self.plans, int(opens[min(bar, len(opens) - 1)]))

    @property
    def edges(self) -> list[int]:
        """The bars before which rules change, and both ends."""
        opens = self.panel.time_ns - self.panel.bar_ns
        changes = np.searchsorted(opens, [time_ns for time_ns, _ in self.plans])
        return sorted({0, len(self.panel), *changes.tolist()})


def same_bits(ours: object, theirs: object, what: str) -> None:
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert a.shape == b.shape, what
    differ = np.flatnonzero(a.view(np.int64).ravel() != b.view(np.int64).ravel())
    assert not len(differ), f"{what}: first at {differ[0]}: {a.ravel()[differ[0]]!r} {b.ravel()[differ[0]]!r}"


def compare(run: Run, lane: int, state: State, trace: Trace) -> Reference:
    twin = run.reference(lane)
    same_bits(trace.equity[:, lane], twin.equity, "equity")
    same_bits(state.ledger[:, :, lane], twin.ledger, "ledger")
    same_bits(state.cash[:, lane], [wallet.cash for wallet in twin.wallets], "cash")
    same_bits(state.quantity[:, lane], [leg.quantity for leg in twin.legs], "quantity")
    same_bits(state.coin[:, lane], [leg.coin for leg in twin.legs], "coin")
    same_bits(state.memory[:, lane], [spread.memory for spread in twin.spreads], "memory")
    same_bits(state.drawdown[lane], twin.drawdown, "drawdown")
    same_bits(state.residual[lane], twin.residual, "residual")
    assert (state.trips[lane], state.liquidations[lane]) == (twin.trips, twin.liquidations)
    assert tuple(state.status[lane]) == twin.status
    mine = trace.fill_where[:, 1] == lane
    fills = np.array(twin.fills).reshape(-1, 8)
    same_bits(trace.fill_where[mine][:, [0, 2, 3]], fills[:, :3], "fills: bar, leg, reason")
    same_bits(trace.fill_what[mine], fills[:, 3:], "fills: amounts")
    if lane == 0:
        same_bits(trace.quantity, twin.quantities, "quantities")
        same_bits(trace.mark, twin.marks, "marks")
        same_bits(trace.wallet_equity, twin.wallet_equity, "wallet equity")
        same_bits(trace.margin_ratio, twin.margin_ratio, "margin ratio")
        same_bits(trace.residual[:, 0], twin.residuals, "residuals")
        same_bits(trace.transit[:, 0], twin.transits, "in transit")
    if lane == len(run.bracket) - 1:
        if run.bracket[lane]:
            same_bits(trace.margin_high_low, twin.margin_high_low, "margin ratio, high and low")
        else:
            assert np.isnan(trace.margin_high_low).all()
    return twin


@pytest.mark.parametrize("seed", SEEDS)
def test_kernel_equals_reference_bit_for_bit(seed: int) -> None:
    run = Run(seed, bars=400)
    state, trace = run.kernel()
    for lane in (0, 1):
        compare(run, lane, state, trace)


def test_the_random_runs_visit_what_matters() -> None:
    kinds = (
        "trades",
        "liquidations",
        "deliveries",
        "insurance",
        "inside",
        "trips",
        "parts",
        "isolated",
        "along",
        "quanto",
        "adl",
        "recalls",
        "repayments",
        "sent",
        "portfolio",
    )
    seen = dict.fromkeys(kinds, 0)
    delisted = set()
    for seed in SEEDS:
        state, trace = (run := Run(seed, bars=400)).kernel()
        legs = run.plan.legs
        assert np.isfinite(trace.equity).all()
        reasons = trace.fill_where[:, 3]
        for reason, name in enumerate(
            ("trades", "liquidations", "deliveries", "adl", "recalls", "repayments")
        ):
            seen[name] += int((reasons == reason).sum())
        seen["sent"] += int((trace.transit > 0.0).sum())
        seen["insurance"] += int((state.ledger[-4:, 7] > 0).sum())
        where, what = trace.fill_where, trace.fill_what
        held: dict[tuple[int, int], float] = {}
        for (_, lane, leg, reason), (quantity, *_) in zip(where.tolist(), what.tolist(), strict=True):
            held[lane, leg] = held.get((lane, leg), 0.0) + quantity
            seen["parts"] += reason == 1 and abs(held[lane, leg]) > 1e-6 * abs(quantity)
        for (bar, lane, leg, reason), price in zip(where.tolist(), what[:, 1].tolist(), strict=True):
            seen["inside"] += lane == 1 and reason == 1 and price != trace.mark[bar, leg]
            seen["portfolio"] += reason == 1 and bool(legs.portfolio.gridded[legs.wallet[leg]])
            seen["isolated"] += reason == 1 and bool(legs.isolated[leg])
            seen["quanto"] += bool(legs.quanto[leg])
            one = run.panel.instruments[legs.column[leg]]
            if reason == 2 and not one.expiry_ns:
                delisted.add((one.kind, one.contract))
        delivered = {
            (bar, lane) for bar, lane, leg, reason in where.tolist() if reason == 2 and legs.along[leg]
        }
        seen["along"] += sum(
            (bar, lane) in delivered and legs.spot[leg] == 1 for bar, lane, leg, _ in where.tolist()
        )
        seen["trips"] += int(state.trips.sum())
    assert min(seen.values()) >= 10, seen
    assert delisted == {("spot", "linear"), ("perp", "linear"), ("perp", "inverse")}


def test_lanes_do_not_touch_each_other() -> None:
    wide, narrow = Run(3, bars=300, lanes=7), Run(3, bars=300, lanes=7)
    state, trace = wide.kernel()
    for lane in range(7):
        compare(narrow, lane, state, trace)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_any_split_into_segments_changes_no_bit(seed: int, cuts: list[int]) -> None:
    whole_state, whole = (run := Run(seed, bars=200)).kernel()
    split_state, split = run.kernel(cuts)
    for name, a, b in zip(State._fields, whole_state, split_state, strict=True):
        same_bits(a, b, name)
    for name, a, b in zip(whole._fields[:-1], whole, split, strict=False):
        same_bits(a, b, name)
