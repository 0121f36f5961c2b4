"""SimVenue: a paper venue with the physics of the backtest, fed by the rows of a Panel."""

import numpy as np

from narrows.core.config import Desk
from narrows.core.errors import Rejected
from narrows.core.event import AT_THE_OPEN, FILL_REASONS, Account, Bar, Event, Fill, Submit
from narrows.core.panel import FIELDS, Panel
from narrows.core.result import Result
from narrows.core.spread import Spread
from narrows.sim.backtest import joined, result_of, run_segment
from narrows.sim.inputs import market, prepared
from narrows.sim.layout import Trace, in_force, initial_state, schedule
from narrows.strategy.decider import Pointer, decider
from narrows.strategy.protocol import Strategy
from narrows.venue.protocol import Clock

NO_PARAMS = np.zeros((1, 1))
CLOSE_ONLY = np.zeros(1, dtype=np.int64)


@decider
def _hold(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """The strategy of a venue: none. Orders come from outside."""
    target[0] = position[0]
    target[1] = position[1]
    return 0


class SimVenue:
    """A venue (or several: one account object for the desk) on recorded or synthetic bars.

    It runs the kernel itself, one bar at a time, with the orders it was given as queued targets:
    whatever the backtest does to a position, this does. Each bar of the panel whose close the
    clock has reached gives, in order, the Fills, the Account, and the Bar.

    Parameters
    ----------
    desk, panel, spreads
        As for a backtest.
    clock : Clock
    """

    def __init__(self, desk: Desk, panel: Panel, spreads: list[Spread], clock: Clock) -> None:
        self.desk, self.spreads, self.clock = desk, spreads, clock
        self.panel = prepared(desk, panel)
        self._plans = schedule(desk, self.panel, spreads)
        self.plan = self._plans[0][1]
        self.instruments = [leg.instrument for spread in spreads for leg in spread.legs]
        self._state = initial_state(self.plan, lanes=1)
        self._ids: dict[int, str] = {}
        self._next = 0
        self._parts: list[Trace] = []

    def submit(self, command: Submit) -> None:
        """Queue a trade for the next open; see Venue."""
        leg = command.leg
        if not 0 <= leg < len(self.instruments) or self.instruments[leg].id != command.instrument:
            raise Rejected(f"leg {leg} is not {command.instrument}", "paper venue", "send the leg's own id")
        if not self._state.mark[leg] > 0.0:
            raise Rejected(f"{command.instrument} has no price yet", "paper venue", "wait for its first bar")
        spread = self.plan.leg_names[leg].spread
        wanted = float(self._state.quantity[leg, 0]) + float(command.quantity)
        if abs(wanted) < max(self.instruments[leg].lot * 1e-6, abs(float(command.quantity)) * 1e-12):
            wanted = 0.0
        if not self._state.queued[spread, 0]:  # legs that get no order stay where they are
            own = slice(*self.plan.legs.first[spread : spread + 2])
            self._state.target[own] = self._state.quantity[own]
        self._state.target[leg, 0] = wanted
        self._state.queued[spread, 0] = 1
        self._ids[leg] = command.client_id

    def poll(self) -> list[Event]:
        """Events of all bars that have closed by now."""
        events: list[Event] = []
        while self._next < len(self.panel) and int(self.panel.time_ns[self._next]) <= self.clock.now_ns():
            events += self._one_bar(self._next)
            self._next += 1
        return events

    def result(self, strategy: Strategy) -> Result:
        """What has happened so far, in the schema of a backtest; `strategy` gave the orders."""
        seen = self.panel.rows(0, self._next)
        return result_of(
            self.desk, seen, strategy, self.spreads, self._plans, self._state, joined(self._parts)
        )

    def _one_bar(self, row: int) -> list[Event]:
        before = max(row - 1, 0)  # the first bar has no queue, so nothing looks before it
        window = self.panel.rows(before, row + 1)
        features = np.zeros((len(window), len(self.spreads), 1))
        arrays = market(self.desk, window, features, self.plan.wallet_names)
        last = len(window) - 1
        plan = in_force(self._plans, int(self.panel.time_ns[row]) - self.panel.bar_ns)
        self._state, part = run_segment(
            _hold.native, arrays, plan, self._state, NO_PARAMS, CLOSE_ONLY, last, last + 1
        )
        part.fill_where[:, 0] += before
        self._parts.append(part)
        time_ns = int(self.panel.time_ns[row])
        fills = self._fills(part, time_ns)
        self._ids.clear()
        return [*fills, self._account(time_ns), self._bar(row)]

    def _fills(self, part: Trace, time_ns: int) -> list[Fill]:
        found = []
        for where, what in zip(part.fill_where.tolist(), part.fill_what.tolist(), strict=True):
            _, _, leg, reason = where
            quantity, price, _, fee, slip = what
            found.append(
                Fill(
                    time_ns=time_ns - self.panel.bar_ns if reason in AT_THE_OPEN else time_ns,
                    client_id=self._ids.get(leg, "") if reason == 0 else "",
                    leg=leg,
                    quantity=quantity,
                    price=price,
                    fee=fee,
                    slippage=slip,
                    reason=FILL_REASONS[reason],
                )
            )
        return found

    def _account(self, time_ns: int) -> Account:
        state = self._state
        return Account(
            time_ns=time_ns,
            cash=tuple(state.cash[:, 0].tolist()),
            position=tuple(state.quantity[:, 0].tolist()),
            coin=tuple(state.coin[:, 0].tolist()),
            marks=tuple(state.mark.tolist()),
            fx=tuple(state.fx.tolist()),
            cash_fx=tuple(state.cash_fx.tolist()),
            posted=tuple(state.posted[:, 0].tolist()),
            transit=tuple(state.transit[:, :, 0].sum(axis=1).tolist()),
            blind=tuple(state.blind[:, 0].tolist()),
            available=tuple(state.available.tolist()),
        )

    def _bar(self, row: int) -> Bar:
        return Bar(
            time_ns=int(self.panel.time_ns[row]),
            fields={name: tuple(self.panel.fields[name][row].tolist()) for name in FIELDS},
        )
