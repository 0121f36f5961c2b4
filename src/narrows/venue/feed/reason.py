"""What became of each message of a book, and why a book is not to be traded on: closed lists."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a message. Each has exactly one."""

    APPLIED = "applied"
    ADOPTED = "snapshot adopted"
    COMPARED = "snapshot compared"
    INCLUDED = "in the snapshot already"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out of order"
    UNJOINED = "before the first snapshot"  # of a venue that sends a snapshot in the stream
    OVERFLOW = "buffer full"  # waited for a snapshot until others needed its place
    MISSED = "after the gap"  # waited for a snapshot that never came before the stream broke
    SNAPSHOT_TOO_OLD = "snapshot too old"  # what followed it is no longer known
    OVERTAKEN = "snapshot overtaken"  # by a newer one, or by a gap, before the book came to its moment
    MALFORMED = "malformed levels"
    NEGATIVE = "negative price or size"
    OFF_TICK = "price off the tick"
    OFF_LOT = "size off the lot"
    TOO_LONG = "too many digits"
    CHECKSUM = "checksum mismatch"
    ELSEWHERE = "another instrument"
    NOT_BOOK = "not of a book"
    UNKNOWN = "unknown message"


class Doubt(StrEnum):
    """Why a book is not to be traded on. Counted when it begins, `DIFFERS` by level."""

    WAITING = "waiting for the first snapshot"
    BROKEN = "stream broke off"
    GAP = "gap in the sequence"
    DAMAGED = "a change could not be read"
    CHECKSUM = "checksum mismatch"
    UNKNOWN = "unknown message where nothing is numbered"
    CROSSED = "crossed"
    EMPTY = "a side is empty"
    BEYOND = "best beyond the depth of the snapshot"
    STALE = "silent for too long"
    CLOCK_BACK = "receive clock ran backwards"
    VENUE_BACK = "venue's clock ran backwards"
    LATE = "venue's time too far behind"
    AHEAD = "venue's time too far ahead"
    DIFFERS = "level not as in a fresh snapshot"
