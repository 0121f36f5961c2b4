"""Refusing rows: the first bad one with its time and row, and how many there are."""

import polars as pl

from narrows.core.errors import DataError
from narrows.core.time import iso


def refuse(frame: pl.DataFrame, bad: pl.Expr, says: str, where: str, remedy: str) -> None:
    """Raise a DataError if `bad` holds for a row; `says` may name columns in braces.

    Parameters
    ----------
    frame : DataFrame
        With `time` (nanoseconds UTC) and `row`, the number of the row in its file.
    """
    found = frame.filter(bad)
    if found.height:
        first = found.row(0, named=True)
        count = f"{found.height} in all" if found.height > 1 else "the only one"
        what = f"{says.format(**first)} at {iso(first['time'])} (row {first['row']}, {count})"
        raise DataError(what, where, remedy)
