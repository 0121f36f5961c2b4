"""Levels as a venue writes them → whole ticks and lots, exactly: no price passes through a float."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

from narrows.core.arrays import Bool1D, Int1D
from narrows.core.errors import ConfigError
from narrows.venue.feed.messages import Levels

_DIGITS = 18  # so many always fit into int64
_TEN = np.array([10**power for power in range(_DIGITS + 1)])
_FAR = 1000  # an exponent beyond it is the same as it: no such number is on any grid


class Fault(IntEnum):
    """Why a text of levels was refused as a whole: one of them cannot be placed."""

    MALFORMED = 1
    """Not an array of arrays that begin with a price and a size."""
    NEGATIVE = 2
    """A size below zero, or a price that is not above it."""
    OFF_TICK = 3
    OFF_LOT = 4
    TOO_LONG = 5
    """More than 18 digits, as written or in ticks or lots."""


_MALFORMED, _NEGATIVE, _OFF_TICK, _OFF_LOT, _TOO_LONG = (int(fault) for fault in Fault)


class Scale(NamedTuple):
    """The grid of an instrument: a price is ``ticks · tick / 10**tick_digits``, a size likewise in lots."""

    tick: int
    tick_digits: int
    lot: int
    lot_digits: int

    def price(self, ticks: int) -> float:
        """The float nearest to so many ticks."""
        return ticks * self.tick / int(10**self.tick_digits)

    def size(self, lots: int) -> float:
        """The float nearest to so many lots."""
        return lots * self.lot / int(10**self.lot_digits)


class Rows(NamedTuple):
    """Levels of a message in the order sent, bids before asks.

    Attributes
    ----------
    is_ask : bool ndarray of shape (levels,)
    ticks, lots : int64 ndarray of shape (levels,)
        Price and size; 0 lots take the level away.
    """

    is_ask: Bool1D
    ticks: Int1D
    lots: Int1D


def _step(text: str, what: str) -> tuple[int, int]:
    try:
        step = Decimal(text)
    except InvalidOperation:
        step = Decimal(0)
    if not step.is_finite() or step <= 0:
        raise ConfigError(
            f"{what} {text!r} is not a number above zero", "scale", 'give it as text, as in "0.10"'
        )
    digits = max(0, -int(step.normalize().as_tuple().exponent))
    whole = int(step * 10**digits)
    if digits >= _DIGITS or whole >= 10**_DIGITS:
        raise ConfigError(f"{what} {text!r} has more digits than a grid can have", "scale", "at most 17")
    return whole, digits


def scale(tick: str, lot: str) -> Scale:
    """The grid of an instrument from its price tick and size lot, as decimal text.

    Raises
    ------
    ConfigError
        One of them is not a number above zero, or has 18 digits or more.
    """
    return Scale(*_step(tick, "price tick"), *_step(lot, "size lot"))


def pack(pairs: Iterable[tuple[str, str]]) -> Levels:
    """Levels from (price, size) texts, for a venue that writes them in another shape."""
    return msgspec.json.encode(list(pairs))


def texts(levels: Levels) -> list[tuple[str, str]]:
    """Price and size of each level, with the very digits that were sent: what a checksum is taken over.

    Raises
    ------
    msgspec.DecodeError
        The text is not levels; `scan` refuses it too.
    """
    rows = msgspec.json.decode(levels, type=list[list[msgspec.Raw]])
    return [(_digits(row[0]), _digits(row[1])) for row in rows]


def _digits(raw: msgspec.Raw) -> str:
    return bytes(raw).decode().strip('"')


def _address_codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    text = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.ptrtoint(text.data, ir.IntType(64))


def _byte_codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    place = builder.inttoptr(builder.add(*args), ir.IntType(8).as_pointer())
    return builder.zext(builder.load(place), ir.IntType(64))


def _address_typed(_context: Any, text: Any) -> Any:
    return types.int64(text), _address_codegen


def _byte_typed(_context: Any, _address: Any, _at: Any) -> Any:
    return types.int64(types.int64, types.int64), _byte_codegen


# A text is handed on as its address: handing over bytes counts references, at more than the price of the
# rest. Every reading is guarded by the length.
_plain = vars(config)["DISABLE_JIT"]
_address: Any = (lambda text: text) if _plain else intrinsic(_address_typed)
_byte: Any = (lambda text, at: text[at]) if _plain else intrinsic(_byte_typed)


@njit(cache=True, error_model="numpy")
def _blank(data: int, length: int, at: int) -> int:
    """The first place from `at` on that is not white space."""
    while at < length and (_byte(data, at) == 32 or 9 <= _byte(data, at) <= 10 or _byte(data, at) == 13):
        at += 1
    return at


@njit(cache=True, error_model="numpy")
def _is(data: int, length: int, at: int, sign: int) -> bool:
    return at < length and _byte(data, at) == sign


@njit(cache=True, error_model="numpy")
def _power(data: int, length: int, at: int) -> tuple[int, int]:
    """The exponent that begins at `at` (behind the e); place -1 = malformed."""
    minus = _is(data, length, at, 45)
    if minus or _is(data, length, at, 43):
        at += 1
    first, power = at, 0
    while at < length and 48 <= _byte(data, at) <= 57:
        power = min(power * 10 + _byte(data, at) - 48, _FAR)
        at += 1
    return (at if at > first else -1), (-power if minus else power)


@njit(cache=True, error_model="numpy")
def _long(data: int, length: int, at: int, end: int) -> tuple[int, int, int]:
    """A number of over 18 digits, its point among them: value, digits without end zeros, end zeros."""
    value, digits, zeros = 0, 0, 0
    while at < end:
        if _byte(data, at) == 48:
            zeros += digits > 0
        elif _byte(data, at) != 46:
            digits += zeros + 1
            if digits <= _DIGITS:
                value = value * _TEN[zeros + 1] + _byte(data, at) - 48
            zeros = 0
        at += 1
    return value, digits, zeros


@njit(cache=True, error_model="numpy")
def _number(data: int, length: int, at: int) -> tuple[int, int, int]:
    """A number, perhaps between quotes: place behind it, value without its point, power of ten.

    Place -1 = malformed; power 1000 or more = too long, the value being wrong.
    """
    quoted = _is(data, length, at, 34)
    at += quoted
    minus = _is(data, length, at, 45)
    at += minus
    first, value, power = at, 0, 0
    while at < length and 48 <= _byte(data, at) <= 57:
        value = value * 10 + _byte(data, at) - 48
        at += 1
    whole = at
    if _is(data, length, at, 46):
        at += 1
        while at < length and 48 <= _byte(data, at) <= 57:
            value = value * 10 + _byte(data, at) - 48
            at += 1
        power = whole + 1 - at
        if power == 0:
            return -1, 0, 0
    if whole == first:
        return -1, 0, 0
    if at - first > _DIGITS:
        value, digits, zeros = _long(data, length, first, at)
        power = 3 * _FAR if digits > _DIGITS else power + zeros
    if _is(data, length, at, 101) or _is(data, length, at, 69):
        at, more = _power(data, length, at + 1)
        power += more
    if quoted and at >= 0:
        at = at + 1 if _is(data, length, at, 34) else -1
    return at, (-value if minus else value), power


@njit(cache=True, error_model="numpy")
def _steps(value: int, power: int, step: int, step_digits: int, off: int) -> tuple[int, int]:
    """How many steps ``value · 10**power`` is; and 0, or why it is none."""
    power += step_digits
    if value == 0 and power < _FAR:
        return 0, 0
    if power > 0:
        if power > _DIGITS or abs(value) >= _TEN[_DIGITS - power]:
            return 0, _TOO_LONG
        value *= _TEN[power]
    elif power < 0:
        if power < -_DIGITS or step > _TEN[_DIGITS + power]:
            return 0, off  # one step is more than any value
        step *= _TEN[-power]
    if step == 1:
        return value, 0
    whole = value // step
    return whole, (off if whole * step != value else 0)


@njit(cache=True, error_model="numpy")
def _rest(data: int, length: int, at: int) -> int:
    """Behind the bracket that closes a level: what else it says is skipped, strings whole; -1 = malformed."""
    at = _blank(data, length, at)
    if not _is(data, length, at, 44) and not _is(data, length, at, 93):
        return -1
    inside = False
    while at < length:
        sign = _byte(data, at)
        if inside:
            if sign == 92:
                at += 1
            elif sign == 34:
                inside = False
        elif sign == 34:
            inside = True
        elif sign == 93:
            return at + 1
        elif sign == 91:
            return -1
        at += 1
    return -1


@njit(cache=True, error_model="numpy")
def _level(
    data: int, length: int, at: int, tick: int, tick_digits: int, lot: int, lot_digits: int
) -> tuple[int, int, int, int]:
    """One level: place behind it, ticks, lots, fault."""
    if not _is(data, length, at, 91):
        return -1, 0, 0, _MALFORMED
    at, price, price_power = _number(data, length, _blank(data, length, at + 1))
    if at < 0:
        return -1, 0, 0, _MALFORMED
    at = _blank(data, length, at)
    if not _is(data, length, at, 44):
        return -1, 0, 0, _MALFORMED
    at, size, size_power = _number(data, length, _blank(data, length, at + 1))
    if at >= 0:
        at = _rest(data, length, at)
    if at < 0:
        return -1, 0, 0, _MALFORMED
    ticks, fault = _steps(price, price_power, tick, tick_digits, _OFF_TICK)
    if fault == 0:
        lots, fault = _steps(size, size_power, lot, lot_digits, _OFF_LOT)
        if fault == 0:
            return at, ticks, lots, (_NEGATIVE if ticks <= 0 or lots < 0 else 0)
    return at, 0, 0, fault


@njit(cache=True, error_model="numpy")
def _scan(
    data: int,
    length: int,
    ticks: Int1D,
    lots: Int1D,
    row: int,
    tick: int,
    tick_digits: int,
    lot: int,
    lot_digits: int,
) -> tuple[int, int]:
    """Fault (0 = none), and the row behind the last; the levels are written from `row` on."""
    at = _blank(data, length, 0)
    if not _is(data, length, at, 91):
        return _MALFORMED, row
    at = _blank(data, length, at + 1)
    if not _is(data, length, at, 93):
        while True:
            at, ticks[row], lots[row], fault = _level(data, length, at, tick, tick_digits, lot, lot_digits)
            if fault != 0:
                return fault, row
            row += 1
            at = _blank(data, length, at)
            if not _is(data, length, at, 44):
                break
            at = _blank(data, length, at + 1)
    whole = _is(data, length, at, 93) and _blank(data, length, at + 1) == length
    return (0 if whole else _MALFORMED), row


@njit(cache=True, error_model="numpy")
def _rows(
    bids: bytes, asks: bytes, tick: int, tick_digits: int, lot: int, lot_digits: int
) -> tuple[int, Bool1D, Int1D, Int1D]:
    """Fault (0 = none), sides, ticks and lots of a message: bids, then asks."""
    most = len(bids) // 6 + len(asks) // 6 + 2  # the shortest level and its comma are six signs
    ticks, lots = np.empty(most, np.int64), np.empty(most, np.int64)
    fault, half = _scan(_address(bids), len(bids), ticks, lots, 0, tick, tick_digits, lot, lot_digits)
    stop = half
    if fault == 0:
        fault, stop = _scan(_address(asks), len(asks), ticks, lots, half, tick, tick_digits, lot, lot_digits)
    is_ask = np.zeros(stop, np.bool_)
    is_ask[half:] = True
    return fault, is_ask, ticks[:stop], lots[:stop]


def scan(bids: Levels, asks: Levels, grid: Scale) -> Rows | Fault:
    """Both sides of a message in ticks and lots; or why they are refused, whole.

    Parameters
    ----------
    bids, asks : Levels
        Any bytes; a price and a size are read as numbers, quoted or not, with or without an exponent,
        and what a level says behind them is left out.
    grid : Scale

    Returns
    -------
    Rows or Fault
        The first fault met: of the bids, else of the asks.
    """
    fault, is_ask, ticks, lots = _rows(bids, asks, *grid)
    return Fault(fault) if fault else Rows(is_ask, ticks, lots)
