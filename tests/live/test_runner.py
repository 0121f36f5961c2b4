"""The runner writes down before it acts, and a venue that says no does not stop it."""

import numpy as np
import pytest

from narrows.core.errors import Rejected
from narrows.core.event import Account, Bar, Refused, Submit
from narrows.live.engine import Engine, State, step
from narrows.live.runner import MemoryJournal, Runner
from narrows.sim.backtest import spreads_of
from narrows.venue.protocol import ManualClock
from narrows.venue.sim import SimVenue
from random_market import Restless, random_desk, random_panel


class Picky(SimVenue):
    """A paper venue that refuses the second leg of every spread."""

    seen: int = 0

    def submit(self, command: Submit) -> None:
        self.seen += 1
        if command.leg % 2:
            raise Rejected("post only", command.instrument, "price it passively")
        super().submit(command)


def built(kind: type[SimVenue]) -> tuple[SimVenue, Runner, ManualClock]:
    rng = np.random.default_rng(11)
    desk, panel, strategy = random_desk(rng), random_panel(rng, 60), Restless(seed=2, often=0.3)
    spreads, clock = spreads_of(desk, panel, strategy), ManualClock()
    venue = kind(desk, panel, spreads, clock)
    return venue, Runner(Engine.of(desk, strategy, panel, spreads), venue, MemoryJournal()), clock


def test_commands_stand_in_the_journal_behind_the_bar_that_caused_them() -> None:
    venue, runner, clock = built(SimVenue)
    runner.run(clock, venue.panel.time_ns.tolist())
    last: Bar | None = None
    commands = 0
    for record in runner.journal.records:
        last = record if isinstance(record, Bar) else last
        if isinstance(record, Submit):
            commands += 1
            assert last is not None
            assert record.time_ns == last.time_ns
            assert record.client_id == f"{venue.desk.name}-{last.time_ns}-{record.leg}"
    assert commands > 10


def test_a_refusal_is_an_event_and_the_run_goes_on() -> None:
    venue, runner, clock = built(Picky)
    runner.run(clock, venue.panel.time_ns.tolist())
    assert isinstance(venue, Picky)
    refused = [record for record in runner.journal.records if isinstance(record, Refused)]
    assert len(refused) == runner.state.refused > 3
    assert {record.leg % 2 for record in refused} == {1}
    assert all("post only" in record.reason for record in refused)
    submitted = [record for record in runner.journal.records if isinstance(record, Submit)]
    assert venue.seen == len(submitted)
    bars = [record for record in runner.journal.records if isinstance(record, Bar)]
    assert len(bars) == len(venue.panel)


def test_step_is_pure_and_takes_the_venue_at_its_word() -> None:
    venue, runner, _ = built(SimVenue)
    legs, wallets = len(venue.plan.leg_names), len(venue.plan.wallet_names)
    told = Account(
        time_ns=1,
        cash=(5.0,) * wallets,
        position=(0.0,) * legs,
        coin=(0.0,) * legs,
        marks=(1.0,) * legs,
        fx=(1.0,) * legs,
        cash_fx=(1.0,) * wallets,
        posted=(0.0,) * legs,
    )
    before = State()
    after, commands = step(runner.engine, before, told)
    assert before == State()
    assert after.account == told
    assert commands == ()


def test_a_paper_venue_refuses_a_leg_that_is_another_instrument() -> None:
    venue, _, _ = built(SimVenue)
    with pytest.raises(Rejected, match="leg 0 is not NOTHING"):
        venue.submit(Submit(time_ns=0, client_id="x", leg=0, instrument="NOTHING", quantity="1"))
