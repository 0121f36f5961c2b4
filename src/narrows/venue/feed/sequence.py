"""Whether a message continues a book: what every venue's rule answers."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from narrows.venue.feed.messages import Delta


class Verdict(StrEnum):
    """What to do with a delta."""

    APPLY = "apply"
    OLD = "old"  # all of it is in the book already: a duplicate, or older than the snapshot
    GAP = "gap"  # something between the book and it is missing: ask for a snapshot


class Rule(NamedTuple):
    """How one venue's books are continued.

    Attributes
    ----------
    joins : (sequence of the snapshot, first delta after it) -> Verdict
    follows : (last update in the book, next delta) -> Verdict
        Asked for every delta but the first after a snapshot.
    checksum : (best bids, best asks as (price, size) text) -> int, or None
        The venue's checksum of the book, where it sends one.
    in_stream : bool
        Whether snapshots come in the stream itself (else they are asked for by REST and joined).
    """

    joins: Callable[[int, Delta], Verdict]
    follows: Callable[[int, Delta], Verdict]
    checksum: "Callable[[list[tuple[str, str]], list[tuple[str, str]]], int] | None" = None
    in_stream: bool = True


def unnumbered(_sequence: int, _delta: Delta) -> Verdict:
    """The rule of a venue that numbers nothing: every message is taken as the next."""
    return Verdict.APPLY
