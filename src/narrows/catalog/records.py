"""JSON as a table: one row for each object of a list, columns named by where the value lies in it.

symbol                                      the value of a key
info.cum                                    of a key in an object inside
filters[filterType=PRICE_FILTER].tickSize   in the first object of a list whose filterType is that
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import polars as pl

from narrows.core.errors import DataError

_STEP = re.compile(r"([^.\[\]]+)(?:\[([^=\]]+)=([^\]]*)\])?(?:\.|$)")

_WIDEST = 2**63

Reader = Callable[[Any], Any]


def _step(key: str, name: str | None, value: str | None) -> Reader:
    def read(at: Any) -> Any:
        inside = at.get(key) if isinstance(at, dict) else None
        if name is None or not isinstance(inside, list):
            return inside if name is None else None
        return next((one for one in inside if isinstance(one, dict) and str(one.get(name)) == value), None)

    return read


def _reader(column: str, where: str) -> Reader:
    steps, end = [], 0
    for match in _STEP.finditer(column):
        if match.start() != end:
            break
        steps.append(_step(match[1], match[2], match[3]))
        end = match.end()
    if end != len(column) or not steps:
        raise DataError(f"{column!r} is no place in an object", where, "write it like info.cum or a[b=c].d")

    def read(at: Any) -> Any:
        for step in steps:
            at = step(at)
        return at

    return read


def _series(name: str, values: list[Any], where: str) -> pl.Series:
    """Numbers as numbers, text as text; where both occur, or objects, all as text."""
    kinds = {type(value) for value in values if value is not None}
    wide = next((value for value in values if type(value) is int and not -_WIDEST <= value < _WIDEST), None)
    if wide is not None:
        what = f"an integer beyond 64 bits in {name!r}: {wide}"
        raise DataError(what, where, "leave the column out, or bring the file with it as text")
    if kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Int64 if kinds == {int} else pl.Float64, strict=False)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    text = [
        value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
        for value in values
    ]
    return pl.Series(name, text, dtype=pl.String)


def table_of(text: str, columns: Sequence[str], records: str, where: str) -> pl.DataFrame:
    """The columns of a JSON text that are there.

    Parameters
    ----------
    text : str
        A list of objects, or an object that holds one.
    columns : sequence of str
        Places in an object, see the top of this module.
    records : str
        Where the list lies, as ``result.list``; "" if the text is the list.

    Raises
    ------
    DataError
        If it is not JSON, no list of objects is there, or an integer is beyond 64 bits.
    """
    try:
        whole = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise DataError(f"broken or truncated: {error}", where, "fetch the file again") from None
    found = _reader(records, where)(whole) if records else whole
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        keys = ", ".join(whole) if isinstance(whole, dict) else "a " + type(whole).__name__
        what = f"no list of objects {f'at {records!r}' if records else 'in it'}"
        raise DataError(what, where, f"say records in the mapping; the file holds {keys}")
    if "*" in columns:
        columns = list(dict.fromkeys(key for one in found for key in one))
    read = {name: [reader(one) for one in found] for name in columns for reader in [_reader(name, where)]}
    there = [name for name, values in read.items() if any(value is not None for value in values)]
    return pl.DataFrame([_series(name, read[name], where) for name in there])
