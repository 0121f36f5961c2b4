"""The runner: polls a venue, journals each event, steps, journals the commands, and only then sends."""

from narrows.core.errors import Rejected
from narrows.core.event import Command, Event, Refused, Submit
from narrows.live.engine import Engine, State, step
from narrows.venue.protocol import ManualClock, Venue


class MemoryJournal:
    """What happened and what was ordered, in order, for as long as the process lives."""

    def __init__(self) -> None:
        self.records: list[Event | Command] = []

    def append(self, *records: Event | Command) -> None:
        """Write down; in the order given."""
        self.records.extend(records)


def _refused(command: Submit, error: Rejected) -> Refused:
    return Refused(time_ns=command.time_ns, client_id=command.client_id, leg=command.leg, reason=str(error))


class Runner:
    """One desk, one venue."""

    def __init__(self, engine: Engine, venue: Venue, journal: MemoryJournal) -> None:
        self.engine, self.venue, self.journal = engine, venue, journal
        self.state = State()

    def poll(self) -> int:
        """Handle what the venue has to say; returns the number of events."""
        events = self.venue.poll()
        for event in events:
            for command in self._handle(event):
                try:
                    self.venue.submit(command)
                except Rejected as error:
                    self._handle(_refused(command, error))
        return len(events)

    def _handle(self, event: Event) -> tuple[Command, ...]:
        self.journal.append(event)
        self.state, commands = step(self.engine, self.state, event)
        self.journal.append(*commands)
        return commands

    def run(self, clock: ManualClock, times_ns: list[int]) -> None:
        """Move a manual clock through the closes of a recorded market."""
        for time_ns in times_ns:
            clock.advance_to(time_ns)
            self.poll()
