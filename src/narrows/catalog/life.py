"""An instrument's life: from its first bar to its delivery, its delisting, or the end of its data."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from narrows.catalog.delivery import Mean
from narrows.catalog.grid import Grid
from narrows.catalog.store import Catalog, Series
from narrows.core.arrays import Float1D
from narrows.core.errors import DataError
from narrows.core.instrument import Instrument
from narrows.core.time import DAY_NS, hours, iso

SILENT_NS = DAY_NS  # after so long without a bar, and none to come, what is held is settled


class Last(NamedTuple):
    """The last bar of an instrument inside a window: when it closed, and at what price."""

    time_ns: int
    close: float


class End(NamedTuple):
    """How a life ends inside a window: in which row, at what price; `words` say what that is taken from."""

    row: int
    price: float
    words: str


def span(catalog: Catalog, one: Instrument) -> tuple[int, int]:
    """First and last close of an instrument's bars in the catalogue.

    Raises
    ------
    DataError
        If it has none.
    """
    parts = catalog.partitions(Series("bars", one.venue, one.symbol))
    if not parts:
        remedy = f"ingest bars of {one.symbol} at {one.venue}, or leave it out"
        raise DataError(f"no bars of {one.id}", f"catalogue {catalog.root}", remedy)
    return parts[0].start, parts[-1].end


def begun(spans: Mapping[str, tuple[int, int]], grid: Grid) -> list[str]:
    """One line that tells which instruments were not there yet when the window began."""
    late = [
        f"{id_} {iso(born)}" for id_, (born, _) in spans.items() if grid.start + SILENT_NS < born <= grid.end
    ]
    return [f"first bars inside the window: {', '.join(late)}"] if late else []


def end_of(
    one: Instrument,
    grid: Grid,
    last: Last,
    ended: int,
    published: pl.DataFrame,
    mean: Mean,
    index: Float1D,
    where: str,
) -> End | None:
    """How an instrument's life ends inside the window, None if it does not.

    - Delivery or delisting at the price of the settlements table.
    - Delivery without one: at the mean of the index over the venue's window, else at the index, else
      at its own last close if that is at most one bar old; a synthetic forward not, nor does silence end it.
    - Bars that end SILENT_NS or more before the window does: at the last close, SILENT_NS after it.
      This looks ahead: that no bar comes after the silence is asked of the whole catalogue. An
      instrument that is silent for longer and then comes back is not settled.

    Parameters
    ----------
    one : Instrument
    grid : Grid
    last : Last
        Its last bar in the window.
    ended : int
        The close of its last bar in the catalogue, ns.
    published : DataFrame
        Rows of the settlements table in the window.
    mean : Mean
        Of the index before delivery.
    index : (rows,)
        The index at each close, NaN where it is not known.
    where : str
        The catalogue, for the error.

    Raises
    ------
    DataError
        If a delivery has no price, as what is held would never be delivered; or if a delisted
        instrument has bars after that.
    """
    silent = last.time_ns == ended and ended + SILENT_NS <= grid.end and one.kind != "synthetic"
    if grid.start < one.expiry_ns <= grid.end:
        found = _delivered(one, grid, last, published, mean, index)
        if found is None and not (silent and ended + SILENT_NS <= one.expiry_ns):
            what = f"no price for the delivery of {one.id} at {iso(one.expiry_ns)}"
            remedy = "ingest a settlements table that has it, end the window before, or leave it out"
            raise DataError(what, where, remedy)
        if found is not None:
            return found
    elif published.height and not one.expiry_ns:
        return _delisted(one, grid, last, published, where)
    if not silent:
        return None
    words = (
        f"{one.id}: its data end {iso(ended)}, before the window does; what is held is settled at its last "
        f"close, {hours(SILENT_NS):g} h later"
    )
    return End(grid.row_of(ended + SILENT_NS), last.close, words)


def _delivered(
    one: Instrument, grid: Grid, last: Last, published: pl.DataFrame, mean: Mean, index: Float1D
) -> End | None:
    row = grid.row_of(one.expiry_ns)
    age_ns = one.expiry_ns - last.time_ns
    aged = f"{hours(age_ns):g} h before delivery" if age_ns > 0 else "a running average by then"
    why = f"; {mean.words}" if np.isnan(mean.price) and mean.words else ""
    candidates = (
        ("", float(published["price"][-1]) if published.height else np.nan),
        (mean.words, mean.price),
        ("index at delivery", float(index[row])),
        (
            f"its own last close, {aged}",
            last.close if age_ns <= grid.bar_ns and one.kind != "synthetic" else np.nan,
        ),
    )
    for words, price in candidates:
        if not np.isnan(price):
            said = f"settlement of {one.id}: {words}, no delivery price in the catalogue{why}"
            return End(row, price, said if words else "")
    return None


def _delisted(one: Instrument, grid: Grid, last: Last, published: pl.DataFrame, where: str) -> End:
    at = int(published["time"][-1])
    if grid.row_of(last.time_ns) > grid.row_of(at):
        what = f"bars of {one.id} to {iso(last.time_ns)}, though it was settled for good at {iso(at)}"
        raise DataError(what, where, "correct its settlements table, or end the window before")
    return End(grid.row_of(at), float(published["price"][-1]), f"{one.id}: delisted {iso(at)}")
