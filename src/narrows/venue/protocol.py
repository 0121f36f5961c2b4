"""The Venue protocol. Which one is passed in decides whether a run is paper or real."""

from typing import Protocol

from narrows.core.event import Event, Submit


class Clock(Protocol):
    """Where the time comes from."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        ...


class ManualClock:
    """A clock that stands still until it is moved, so that a run can be repeated exactly."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return self._now_ns

    def advance_to(self, time_ns: int) -> None:
        """Move forward; never back."""
        self._now_ns = max(self._now_ns, time_ns)


class Venue(Protocol):
    """What the runner needs of a venue."""

    def poll(self) -> list[Event]:
        """What has happened since the last call, in order."""
        ...

    def submit(self, command: Submit) -> None:
        """Ask for a trade.

        Raises
        ------
        Rejected
            If the venue refuses it.
        """
        ...
