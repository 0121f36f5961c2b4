"""`@decider` refuses what could run as a stale copy, and both forms of a decision are one."""

import ctypes
import math
import os
from collections.abc import Callable, Sequence
from math import tau

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.errors import ConfigError
from narrows.core.time import YEAR_H
from narrows.core.units import from_bps
from narrows.strategy import cash_and_carry, funding_carry
from narrows.strategy.decider import MEMORY, Decider, decider
from random_market import decide as restless

OWN = 3.0
Function = Callable[..., int]


def uses_a_foreign_function(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = from_bps(features[0])
    return 0


def uses_a_foreign_constant(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = YEAR_H
    return 0


def uses_a_constant_of_a_library(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = tau
    return 0


def uses_numpy(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = np.sqrt(features[0])
    return 0


def uses_a_power(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = features[0] ** 2
    return 0


COMPUTED = math.sqrt(2.0)
FROM_ELSEWHERE = tau
LITERAL = (1.0, OWN)


def uses_a_computed_constant(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = COMPUTED
    return 0


def uses_a_foreign_constant_by_another_name(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = FROM_ELSEWHERE
    return 0


def foreign_helper(value):  # type: ignore[no-untyped-def]
    return value * YEAR_H


def uses_a_helper_that_does(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = foreign_helper(features[0])  # type: ignore[no-untyped-call]
    return 0


def uses_a_text(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    target[0] = "much"
    return 0


def closes_over() -> Function:
    size = OWN

    def decide(features, position, memory, params, target):  # type: ignore[no-untyped-def]
        target[0] = size
        return 0

    return decide


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (uses_a_foreign_function, "from_bps comes from another file; define it beside decide"),
        (uses_a_foreign_constant, "YEAR_H comes from another file; define it beside decide"),
        (uses_a_constant_of_a_library, "tau comes from another file; define it beside decide"),
        (uses_numpy, "it uses module numpy; use math only"),
        (uses_a_power, r"it uses \*\*; write x \* x"),
        (uses_a_computed_constant, "COMPUTED comes from another file"),
        (uses_a_foreign_constant_by_another_name, "FROM_ELSEWHERE comes from another file"),
        (uses_a_helper_that_does, "YEAR_H comes from another file; define it beside decide"),
        (closes_over(), r"it closes over \['size'\]; pass it in params"),
    ],
)
def test_what_the_cache_cannot_see_is_refused(function: Function, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decider(function)


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="nothing compiles")
def test_what_does_not_compile_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"it does not compile: .*; use numbers, math") as error:
        decider(uses_a_text)
    assert "\n" not in str(error.value)


@decider
def scaled(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    """Math and a constant of its own file are allowed."""
    target[0] = LITERAL[1] * math.sqrt(features[0])
    return 4


def answers(
    one: Decider, call: Sequence[Sequence[float]]
) -> tuple[tuple[int, list[float]], tuple[int, list[float]]]:
    """Status, target and memory, in Python (on lists of exact length) and native."""
    lists = [list(values) for values in call]
    arrays = [np.array(values) for values in call]
    pointers = [values.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for values in arrays]
    written = one.py(*lists), [*lists[4], *lists[2]]
    return written, (one.native.ctypes(*pointers), [*arrays[4].tolist(), *arrays[2].tolist()])


def test_a_constant_made_of_literals_of_its_own_file_is_allowed() -> None:
    written, native = answers(scaled, [[4.0], [0.0], [0.0], [0.0], [0.0]])
    assert written == native == (4, [6.0, 0.0])


def numbers(count: int) -> st.SearchStrategy[list[float]]:
    some = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, -0.1, math.nan, math.inf, -math.inf, 336.0])
    return st.lists(some | st.floats(-2.0, 2.0), min_size=count, max_size=count)


DECIDERS = [
    pytest.param(funding_carry.decide, 3, 6, id="funding_carry"),
    pytest.param(cash_and_carry.decide, 4, 7, id="cash_and_carry"),
    pytest.param(restless, 2, 1, id="restless"),
]


def bits(values: object) -> bytes:
    """Bits of numbers; the sign of a NaN says nothing and differs by compiler."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isnan(array), np.nan, array).tobytes()


@pytest.mark.parametrize(("one", "features", "params"), DECIDERS)
@given(data=st.data())
def test_both_forms_answer_alike(one: Decider, features: int, params: int, data: st.DataObject) -> None:
    call = [data.draw(numbers(count)) for count in (features, 3, MEMORY, params, 2)]
    written, native = answers(one, call)
    assert written[0] == native[0]
    assert bits(written[1]) == bits(native[1])


@pytest.mark.parametrize(("one", "features", "params"), DECIDERS)
@given(data=st.data())
def test_what_is_not_known_keeps_the_position(
    one: Decider, features: int, params: int, data: st.DataObject
) -> None:
    held = data.draw(st.sampled_from([[0.0, 0.0], [2.0, -2.0], [-0.5, 0.5]]))
    limits = data.draw(numbers(params))
    if one is funding_carry.decide:
        limits[2], limits[5] = math.inf, 1.0  # how long it is held at most is known without data
    call = [[math.nan] * features, [*held, 1.0], [0.0] * MEMORY, limits, [9.0, 9.0]]
    status, changed = answers(one, call)[0]
    assert (status, changed[:2]) == (0, held)
