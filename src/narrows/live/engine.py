"""`step(engine, state, event) -> (state, commands)`: the whole of running, as a plain function."""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from narrows.core.arrays import Float2D
from narrows.core.config import Desk
from narrows.core.event import Account, Bar, Command, Event, Fill, Refused
from narrows.core.instrument import Instrument
from narrows.core.panel import FIELDS, Panel
from narrows.core.spread import Spread
from narrows.execution.plan import plan
from narrows.sim.backtest import check_status, features_of
from narrows.sim.inputs import market, prepared
from narrows.sim.kernel import consult
from narrows.sim.layout import Layout, in_force, initial_state, schedule, scratch
from narrows.sim.layout import State as Books
from narrows.sim.liquidation import standing
from narrows.strategy.protocol import Strategy


class State(msgspec.Struct, frozen=True, kw_only=True):
    """All that the engine knows between two events; plain values, so that a journal can keep it."""

    account: Account | None = None
    memory: tuple[tuple[float, ...], ...] = ()
    history: tuple[Bar, ...] = ()
    fills: int = 0
    refused: int = 0


class Decision(NamedTuple):
    """What the strategy wants by leg, and what it wants to remember."""

    wanted: list[float]
    memory: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class Engine:
    """What does not change while a desk runs."""

    desk: Desk
    strategy: Strategy
    instruments: tuple[Instrument, ...]
    spreads: tuple[Spread, ...]
    bar_ns: int
    plans: tuple[tuple[int, Layout], ...]  # from when each holds

    @classmethod
    def of(cls, desk: Desk, strategy: Strategy, panel: Panel, spreads: list[Spread]) -> "Engine":
        """The engine for the instruments of a panel."""
        plans = schedule(desk, prepared(desk, panel), spreads)
        return cls(desk, strategy, panel.instruments, tuple(spreads), panel.bar_ns, tuple(plans))


def _panel(engine: Engine, history: tuple[Bar, ...]) -> Panel:
    fields: dict[str, Float2D] = {name: np.array([bar.fields[name] for bar in history]) for name in FIELDS}
    times = np.array([bar.time_ns for bar in history], dtype=np.int64)
    return Panel.of(engine.instruments, times, engine.bar_ns, (), **fields)


def _books(plan: Layout, state: State, account: Account) -> Books:
    books = initial_state(plan, lanes=1)
    books.cash[:, 0] = account.cash
    books.quantity[:, 0] = account.position
    books.target[:, 0] = account.position
    books.coin[:, 0] = account.coin
    books.mark[:] = account.marks
    books.fx[:] = account.fx
    books.cash_fx[:] = account.cash_fx
    books.exchange[:] = books.fx / books.cash_fx[plan.legs.wallet]
    books.posted[:, 0] = account.posted
    if account.transit:
        books.transit[:, 0, 0] = account.transit
        books.moving[0] = np.count_nonzero(books.transit)
        books.blind[:, 0] = account.blind
        books.available[:] = account.available
    if state.memory:
        books.memory[:, 0] = state.memory
    return books


def _decide(engine: Engine, state: State, account: Account) -> Decision:
    """Features of the last bar, `decide` for each spread, what follows for each leg."""
    panel = _panel(engine, state.history)
    features = features_of(engine.strategy, panel, engine.spreads)
    last = panel.rows(len(panel) - 1, len(panel))
    names = engine.plans[0][1].wallet_names
    arrays = market(engine.desk, last, features[-1:], names)
    plan = in_force(engine.plans, int(last.time_ns[0]) - panel.bar_ns)
    books = _books(plan, state, account)
    room = scratch(plan)
    legs, wallets = plan.legs, plan.wallets
    for w in range(len(plan.wallet_names)):
        equity, margin_equity, maintenance, gross, borrowed = standing(legs, books, w, 0, books.mark)
        room.worth[w] = equity, gross, borrowed, margin_equity, maintenance, 0.0
    params = engine.strategy.params(panel.bar_h).reshape(1, -1)
    consult(engine.strategy.decide.native, arrays, legs, wallets, books, params, room, 0, 0)
    check_status(books, last, engine.spreads, engine.desk.strategy)
    memory = tuple(tuple(row) for row in books.memory[:, 0].tolist())
    return Decision(books.target[:, 0].tolist(), memory)


def step(engine: Engine, state: State, event: Event) -> tuple[State, tuple[Command, ...]]:
    """What an event changes, and what is to be done about it. No I/O, no clock.

    The venue's word on the account wins: an Account replaces what was known. A Bar is decided
    on; its commands carry ids that depend on nothing but the bar and the leg.

    Raises
    ------
    StateError
        If `decide` reports an error.
    """
    match event:
        case Account():
            return msgspec.structs.replace(state, account=event), ()
        case Fill():
            return msgspec.structs.replace(state, fills=state.fills + 1), ()
        case Refused():
            return msgspec.structs.replace(state, refused=state.refused + 1), ()
        case Bar():
            keep = engine.strategy.lookback(engine.bar_ns / 3.6e12)
            state = msgspec.structs.replace(state, history=(*state.history, event)[-keep:])
            if state.account is None:
                return state, ()
            decision = _decide(engine, state, state.account)
            legs = [leg.instrument for spread in engine.spreads for leg in spread.legs]
            orders = plan(engine.desk.name, event.time_ns, legs, state.account.position, decision.wanted)
            return msgspec.structs.replace(state, memory=decision.memory), orders
