"""What holds whatever the market, the desk and the strategy: over random ones."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from narrows.core.arrays import Float2D
from narrows.core.config import Desk
from narrows.core.panel import Panel
from narrows.core.spread import spreads
from narrows.sim.layout import Layout, State, Trace, layout
from narrows.sim.rates import exchange_rates
from random_market import Restless, random_desk, random_panel
from tiny_market import PERP, PERP_BETA, lanes, play, tiny_desk, tiny_panel

PRICES = ("open", "high", "low", "close", "mark")
UNSAID = ("bid", "ask", "depth", "funding", "funding_h", "borrow")
FREE: dict[str, Any] = {
    "taker_bps": 0.0,
    "half_spread_bps": 0.0,
    "depth_usd": 1e30,
    "borrow_apr": 0.0,
    "cash_borrow_apr": 0.0,
    "cash_apr": 0.0,
    "delivery_bps": 0.0,
    "delivery": "at_once",
    "debt_limit": 1e30,
    "coin_apr": {},
    "transfer_fee": 0.0,
}
COLLATERAL: list[tuple[str, ...] | None] = [None, (), ("USDT",), ("BTC",)]
TRADED, LIQUIDATED = 0, 1
SMALL = 1e-9  # of the capital

many = settings(max_examples=60, deadline=None, derandomize=True, database=None)
seeds = given(seed=st.integers(0, 1_000_000))


class Run(NamedTuple):
    """One desk over one market; lane 0 is written down."""

    desk: Desk
    panel: Panel
    plan: Layout
    state: State
    trace: Trace


def drawn(seed: int, flat: bool, bracket: tuple[int, int] = (0, 1), **keys: Any) -> Run:
    rng = np.random.default_rng(seed)
    desk, bars = random_desk(rng), int(rng.integers(20, 120))
    panel = random_panel(rng, bars, volatility=rng.choice([0.005, 0.03, 0.08]))
    venues = {
        name: replace(venue, collateral=COLLATERAL[rng.integers(4)], **keys)
        for name, venue in desk.venues.items()
    }
    desk = replace(desk, venues=venues, rules=() if flat else desk.rules)  # a new rule may liquidate
    if flat:
        venues = {
            name: replace(venue, margin="cross") if venue.margin == "portfolio" else venue
            for name, venue in desk.venues.items()
        }  # the rules of a portfolio are the desk's own, which may change
        desk = replace(desk, venues=venues)
        desk = replace(desk, events=())
        level = rng.uniform(29_000, 31_000, len(panel.instruments))
        for name in (*PRICES, "settlement"):
            panel = panel.with_field(name, np.where(np.isnan(panel.fields[name]), np.nan, level))
        for name in UNSAID:
            panel = panel.with_field(name, np.full_like(panel.mark, np.nan))
        panel = panel.with_field("fx", np.ones_like(panel.mark))
    strategy = Restless(seed=seed, often=rng.choice([0.03, 0.3]))
    state, trace = lanes(desk, panel, strategy, bracket)
    return Run(desk, panel, layout(desk, panel, spreads(panel.instruments)), state, trace)


def last_known(values: Float2D) -> Float2D:
    """Each row's value, or the last one before it; no first one is unknown."""
    rows = np.where(np.isfinite(values), np.arange(len(values))[:, None], 0)
    return np.take_along_axis(values, np.maximum.accumulate(rows), axis=0)


def fills(run: Run, lane: int, reason: int) -> list[tuple[int, int, float]]:
    """Bar, leg and quantity of what was filled for a reason."""
    chosen = (run.trace.fill_where[:, 1] == lane) & (run.trace.fill_where[:, 3] == reason)
    where, what = run.trace.fill_where[chosen], run.trace.fill_what[chosen]
    return [(bar, leg, size) for (bar, _, leg, _), (size, *_) in zip(where.tolist(), what, strict=True)]


@many
@seeds
def test_prices_that_stand_still_liquidate_nobody_and_cost_nothing(seed: int) -> None:
    run = drawn(seed, flat=True, **FREE)
    assert run.state.liquidations.tolist() == [0, 0]
    np.testing.assert_allclose(run.trace.equity, run.desk.capital, rtol=1e-9)


@many
@seeds
def test_owned_spot_is_bought_with_own_cash(seed: int) -> None:
    run = drawn(seed, flat=True, **FREE)
    legs, value = run.plan.legs, run.trace.quantity * np.nan_to_num(run.trace.mark)
    for w in range(len(run.plan.wallet_names)):
        spot = (legs.wallet == w) & (legs.spot == 1)
        # prices stand still: what is not cash is spot; what was lent and sold is cash of others
        own = run.trace.wallet_equity[:, w] - np.maximum(value[:, spot], 0.0).sum(axis=1)
        assert own.min() >= -SMALL * run.desk.capital


@many
@seeds
def test_a_trade_leaves_the_margined_notional_within_leverage_of_margin_equity(seed: int) -> None:
    run = drawn(seed, flat=False)
    legs, trace = run.plan.legs, run.trace
    traded = np.zeros_like(trace.quantity)
    fx = last_known(exchange_rates(run.desk, run.panel))[:, legs.column]
    rows = legs.haircuts.first
    weight = np.array([legs.haircuts.weight[a] if b > a else 0.0 for a, b in pairwise(rows.tolist())])
    for bar, leg, size in fills(run, 0, TRADED):
        traded[bar, leg] += size
    for bar in np.flatnonzero((traded != 0.0).any(axis=1)).tolist():
        mark, before = np.nan_to_num(trace.mark[bar - 1]), trace.quantity[bar - 1]
        price = np.where(legs.inverse == 1, 1.0, mark) * fx[bar - 1]
        for w, leverage in enumerate(run.plan.wallets.leverage.tolist()):
            if legs.isolated[legs.wallet == w].any():  # each leg has its own, which losses make higher
                continue

            def margin(held: Any, w: int = w, bar: int = bar, price: Any = price) -> tuple[float, float]:
                mine, spot = legs.wallet == w, legs.spot == 1
                gross = np.where(spot, np.maximum(-held, 0.0), np.abs(held))[mine] @ price[mine]
                idle = np.where(spot, np.maximum(held, 0.0) * (1.0 - weight), 0.0)[mine] @ price[mine]
                return float(gross), float(trace.wallet_equity[bar - 1, w] - idle)

            (was, had), (gross, equity) = margin(before), margin(before + traded[bar])
            if gross > was * (1.0 + 1e-12) or equity < had - SMALL * run.desk.capital:
                assert gross <= leverage * equity + SMALL * run.desk.capital


@pytest.mark.parametrize("bracket", [(0, 1), (1, 0)])
@many
@seeds
def test_a_liquidated_wallet_owes_nothing_and_an_empty_one_stays_empty(
    seed: int, bracket: tuple[int, int]
) -> None:
    run = drawn(seed, flat=False, bracket=bracket, top_up="none")
    equity = run.trace.wallet_equity
    for bar, leg, _ in fills(run, 0, LIQUIDATED):
        w = run.plan.legs.wallet[leg]
        assert equity[bar, w] >= 0.0
        if equity[bar, w] == 0.0:
            assert not equity[bar:, w].any()
            assert not run.trace.quantity[bar:, run.plan.legs.wallet == w].any()


@many
@seeds
def test_both_ledgers_add_up_and_every_price_is_positive(seed: int) -> None:
    run = drawn(seed, flat=False)
    change = run.trace.equity[-1] - run.desk.capital
    np.testing.assert_allclose(
        run.state.ledger.sum(axis=(0, 1)), change, rtol=0, atol=SMALL * run.desk.capital
    )
    assert (run.trace.fill_what[:, 1] > 0.0).all()


@many
@seeds
def test_the_legs_of_a_spread_trade_together_or_not_at_all(seed: int) -> None:
    """Restless always wants both legs elsewhere, but for closing, which a flat leg has no need of."""
    run = drawn(seed, flat=False)
    for lane in (0, 1):
        held = np.zeros(len(run.plan.leg_names))
        chosen = np.flatnonzero(run.trace.fill_where[:, 1] == lane)
        bars = run.trace.fill_where[chosen, 0]
        for bar in np.unique(bars).tolist():
            moved = set()
            for n in chosen[bars == bar].tolist():
                leg, reason = run.trace.fill_where[n, 2:].tolist()
                held[leg] += run.trace.fill_what[n, 0]
                if reason == TRADED:
                    moved.add(leg)
            for leg in moved:
                assert leg ^ 1 in moved or abs(held[leg ^ 1]) < SMALL


@pytest.mark.parametrize("margin", ["cross", "isolated"])
@many
@seeds
def test_inside_the_bar_a_wallet_dies_exactly_where_its_margin_is_its_maintenance(
    margin: str, seed: int
) -> None:
    """Costless, one bar: what is written as the first forced price leaves equity = maintenance (1e-6)."""
    rng = np.random.default_rng(seed)
    rate, leverage = rng.uniform(0.005, 0.1), rng.uniform(2.0, 8.0)
    side, size = rng.choice([-1.0, 1.0]), rng.uniform(1.0, 9.0)
    keys: dict[str, Any] = {"maintenance": rate, "margin": margin}
    last = 100.0 * (1.0 - side * rng.uniform(0.0, 0.02))
    panel = tiny_panel(
        [PERP, PERP_BETA],
        mark=([100, 100, last], 100),
        open=(100, 100),
        high=([100, 100, 1000.0], 100),
        low=([100, 100, 0.1], 100),
    )
    capital = 100 * size * rng.uniform(1.1, 1.5) / leverage
    result = play(tiny_desk(2 * capital, leverage, beta=True, **keys), panel, {0: (side * size, 0.0)})
    held = result.position[1, 0]
    assert held == pytest.approx(side * size)
    behind = capital if margin == "cross" else 100 * size / leverage
    price = result.liquidated_high_low.price[0]
    equity = behind + held * (price - 100)
    assert equity == pytest.approx(rate * abs(held) * price, abs=1e-6 * capital)
