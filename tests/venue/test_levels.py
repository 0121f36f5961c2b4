"""Levels: exact, whole or refused, and never read past their end."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from narrows.core.errors import ConfigError
from narrows.venue.feed.levels import Fault, Rows, Scale, pack, scale, scan, texts

GRID = scale("0.10", "0.001")

NUMBER = rb'(?:(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|"(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")'
BLANK = rb"[ \t\r\n]*"
REST = rb'(?:,(?:"(?:[^"\\]|\\.)*"|[^"\[\]])*)?'
LEVEL = re.compile(
    BLANK.join((rb"\[", NUMBER, rb",", NUMBER, REST + rb"\]")), re.DOTALL
)  # the grammar, said a second time
GAP = re.compile(BLANK)


def units(number: Decimal, step: Decimal, off: Fault) -> int | Fault:
    if number == 0:
        return 0
    _, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).strip("0")
    power = int(exponent) + len(digits) - len("".join(map(str, digits)).rstrip("0"))
    power += max(0, -int(step.normalize().as_tuple().exponent))
    if len(text) > 18 or len(text) + power > 18:
        return Fault.TOO_LONG
    ratio = number.as_integer_ratio()
    unit = step.as_integer_ratio()
    above, below = ratio[0] * unit[1], ratio[1] * unit[0]
    return off if above % below else above // below


def twin(data: bytes, tick: str, lot: str) -> list[tuple[int, int]] | Fault:
    """One side by a regular expression and decimals."""

    def gap(at: int) -> int:
        found = GAP.match(data, at)
        assert found
        return found.end()

    rows: list[tuple[int, int]] = []
    at = gap(0)
    if data[at : at + 1] != b"[":
        return Fault.MALFORMED
    at = gap(at + 1)
    if data[at : at + 1] != b"]":
        while True:
            level = LEVEL.match(data, at)
            if not level:
                return Fault.MALFORMED
            price, size = (Decimal((level[i] or level[i + 1]).decode()) for i in (1, 3))
            ticks = units(price, Decimal(tick), Fault.OFF_TICK)
            if isinstance(ticks, Fault):
                return ticks
            lots = units(size, Decimal(lot), Fault.OFF_LOT)
            if isinstance(lots, Fault):
                return lots
            if ticks <= 0 or lots < 0:
                return Fault.NEGATIVE
            rows.append((ticks, lots))
            at = gap(level.end())
            if data[at : at + 1] != b",":
                break
            at = gap(at + 1)
    return rows if data[at : at + 1] == b"]" and gap(at + 1) == len(data) else Fault.MALFORMED


def one_side(data: bytes, grid: Scale) -> list[tuple[int, int]] | Fault:
    found = scan(data, b"[]", grid)
    if isinstance(found, Fault):
        assert scan(b"[]", data, grid) is found
        return found
    assert not found.is_ask.any()
    return list(zip(found.ticks.tolist(), found.lots.tolist(), strict=True))


STEPS = st.sampled_from(["0.1", "0.10", "1", "0.5", "2.5", "0.01", "1e-05", "10", "0.00000001", "5e-17"])
DIGITS = st.text("0123456789", min_size=1, max_size=12) | st.text("0123456789", min_size=1, max_size=25)
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "-"]),
    DIGITS,
    st.just("") | DIGITS.map(".{}".format) | st.sampled_from([".10", ".5", ".000000"]),
    st.sampled_from(["", "", "", "e-05", "E3", "e+0", "e18", "e-400", "e99999"]),
)
SPACE = st.sampled_from(["", "", " ", "\n\t"])


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """Levels as a venue might write them, or nearly."""
    rows = []
    for _ in range(draw(st.integers(0, 4))):
        quote = draw(st.sampled_from(['"', ""]))
        cells = [f"{quote}{draw(NUMBERS)}{quote}" for _ in range(2)]
        cells += draw(st.lists(st.sampled_from(['"0"', "3", "null", '"]\\""', "[]", '"']), max_size=2))
        rows.append("[" + ("," + draw(SPACE)).join(cells) + "]" + draw(SPACE))
    text = bytearray((draw(SPACE) + "[" + ",".join(rows) + "]" + draw(SPACE)).encode())
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(text) - 1))
        text[place : place + 1] = draw(
            st.sampled_from([b"", b'"', b"[", b"]", b",", b"-", b".", b"e", b"0", b"\xff"])
        )
        text = text or bytearray(b" ")
    return bytes(text[: draw(st.integers(0, len(text)))]) if draw(st.booleans()) else bytes(text)


@settings(max_examples=400, deadline=None)
@given(written(), STEPS, STEPS)
@example(b'[["1e-05","1"]]', "0.00001", "1")
@example(b'[["0.0e99999","0e-99999"]]', "1", "1")
@example(b'[["1","0"],', "1", "1")
def test_levels_are_those_of_decimal_arithmetic_or_refused_for_the_same_reason(
    data: bytes, tick: str, lot: str
) -> None:
    assert one_side(data, scale(tick, lot)) == twin(data, tick, lot)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert one_side(data, GRID) == twin(data, "0.1", "0.001")


def test_bids_come_before_asks_and_zeros_behind_the_point_do_not_matter() -> None:
    bids, asks = b'[["61737.60000000","0.50000000"],[1e1,2E-3,"x"]]', b'[["61737.7","0.000"]]'
    rows = scan(bids, asks, GRID)
    assert isinstance(rows, Rows)
    assert rows.is_ask.tolist() == [False, False, True]
    assert rows.ticks.tolist() == [617376, 100, 617377]
    assert rows.lots.tolist() == [500, 2, 0]
    assert GRID.price(617376) == 61737.6
    assert GRID.size(1) == 0.001


@pytest.mark.parametrize(
    ("level", "fault"),
    [
        (b'["1.05","1"]', Fault.OFF_TICK),
        (b'["1.0","0.0001"]', Fault.OFF_LOT),
        (b'["1.0","-1"]', Fault.NEGATIVE),
        (b'["0.0","1"]', Fault.NEGATIVE),
        (b'["1e30","1"]', Fault.TOO_LONG),
        (b'["1.0",null]', Fault.MALFORMED),
        (b'{"price":"1.0"}', Fault.MALFORMED),
    ],
)
def test_one_bad_level_refuses_the_message(level: bytes, fault: Fault) -> None:
    assert scan(b'[["1.0","1"],' + level + b"]", b"[]", GRID) is fault
    assert scan(b"[]", b"[" + level + b"]", GRID) is fault


def test_a_packed_side_says_what_was_packed() -> None:
    pairs = [("61737.60", "0.500"), ("1e1", "2")]
    assert texts(pack(pairs)) == pairs
    assert texts(b'[[61737.60, "0.500", 3]]') == pairs[:1]


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e30", "1e-30", "0.1234567890123456789"])
def test_a_grid_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="price tick"):
        scale(text, "1")
