"""What the JSON of all venues has in common: bounded numbers, digits as text, reading that never raises."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Annotated

import msgspec

from narrows.venue.feed.messages import Ignored, Levels, Message, Unknown, Why

# Whatever a venue sends, times in nanoseconds and sequences fit an int64, and digits are digits.
Count = Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=(2**63 - 1) // 1_000_000)]
Microseconds = Annotated[int, msgspec.Meta(ge=0, le=(2**63 - 1) // 1_000)]
Digits = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,20}(\.[0-9]{1,20})?\Z")]
DigitsOrNone = Annotated[str, msgspec.Meta(pattern=r"\A([0-9]{1,20}(\.[0-9]{1,20})?)?\Z")]
SignedOrNone = Annotated[str, msgspec.Meta(pattern=r"\A(-?[0-9]{1,20}(\.[0-9]{1,20})?)?\Z")]
TimeOrNone = Annotated[str, msgspec.Meta(pattern=r"\A([0-9]{1,13})?\Z")]

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_LONGEST = 80


def safely(read: Callable[[bytes, str], list[Message]], payload: bytes, symbol: str) -> list[Message]:
    """What `read` makes of a payload; what it cannot read is one `Unknown` that says why.

    Parameters
    ----------
    read : (payload, symbol) -> list of Message
        May raise what msgspec raises on text that is not JSON, or not of the shape asked for.
    payload : bytes
    symbol : str
        Of the instrument, for an answer that does not name it.
    """
    try:
        return read(payload, symbol)
    except msgspec.ValidationError as wrong:
        return [Unknown(f"shape: {wrong}"[:_LONGEST])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Unknown("not JSON")]


def digits(raw: msgspec.Raw) -> str:
    """The digits of a price or size that a venue sends as a string or as a number, never by a float.

    Raises
    ------
    msgspec.ValidationError
        Not an unsigned decimal number.
    """
    text = bytes(raw).decode().strip('"')
    if not _NUMBER.fullmatch(text):
        raise msgspec.ValidationError("a price or size is not a number")
    return format(Decimal(text), "f") if "e" in text.lower() else text


def side(raw: msgspec.Raw) -> Levels:
    """One side of a book as it was sent.

    Raises
    ------
    msgspec.ValidationError
        Not a list.
    """
    sent = bytes(raw)
    if sent[:1] != b"[":
        raise msgspec.ValidationError("a side of the book is not a list")
    return sent


def milliseconds(text: str) -> int:
    """Nanoseconds of a `TimeOrNone` in milliseconds; 0 where it is empty."""
    return int(text) * 1_000_000 if text else 0


def known_by(keys: Mapping[str, object], marks: Iterable[tuple[str, Why]]) -> Ignored | None:
    """Why an object is not used, by the first of `marks` that is one of its keys; None = by none."""
    return next((Ignored(why) for mark, why in marks if mark in keys), None)
