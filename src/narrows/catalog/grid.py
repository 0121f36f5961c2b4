"""The grid of closes that a Panel stands on, and how rows of tables come to stand on it, causally."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from narrows.core.arrays import Float1D, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument
from narrows.core.time import HOUR_NS, iso

_PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Grid:
    """Closes ``first, first + bar, …``; row n covers the half-open span that ends there."""

    first: int
    bar_ns: int
    rows: int

    @property
    def start(self) -> int:
        """Nothing at or before this time belongs to the grid."""
        return self.first - self.bar_ns

    @property
    def end(self) -> int:
        """The last close."""
        return self.start + self.rows * self.bar_ns

    @property
    def closes(self) -> Int1D:
        """All closes, ns."""
        closes: Int1D = self.first + self.bar_ns * np.arange(self.rows, dtype=np.int64)
        return closes

    def row(self, time_ns: Int1D) -> Int1D:
        """The row of the first close at or after each time."""
        rows: Int1D = (time_ns - self.start - 1) // self.bar_ns
        return rows

    def row_of(self, time_ns: int) -> int:
        """The row of the first close at or after one time."""
        return (time_ns - self.start - 1) // self.bar_ns

    def placed(self, rows: Int1D, values: Float1D) -> Float1D:
        """A column that is NaN but for these rows, each named once and rising, shape (rows,)."""
        if len(values) == self.rows:
            return values
        column = np.full(self.rows, np.nan)
        column[rows] = values
        return column


def grid_of(
    spans: Mapping[str, tuple[int, int]], bar_ns: int, start_ns: int, end_ns: int, where: str
) -> tuple[Grid, list[str]]:
    """The window without the ends in which no instrument has a bar, and what was left off.

    Parameters
    ----------
    spans : mapping
        First and last close of each instrument's bars, by id.
    bar_ns, start_ns, end_ns : int
        See `narrows.catalog.panel`.
    where : str
        The catalogue, for the error.

    Raises
    ------
    ConfigError
        If the bar is not positive, the window ends before it starts, or there is no instrument.
    DataError
        If no instrument has bars in the window, or not one whole bar.
    """
    if bar_ns <= 0:
        raise ConfigError(f"bar of {bar_ns} ns", "panel", "give a positive length")
    if start_ns and end_ns and end_ns <= start_ns:
        late = f"end {iso(end_ns)} is not after start {iso(start_ns)}"
        raise ConfigError(late, "panel", "give a later end")
    if not spans:
        raise ConfigError("no instruments", "panel", "name at least one")
    every = list(spans.values())
    held = [(born, last) for born, last in every if last > start_ns and (born <= end_ns or not end_ns)]
    if not held:
        window = f"({iso(start_ns) if start_ns else '…'}, {iso(end_ns) if end_ns else '…'}]"
        have = f"{iso(min(born for born, _ in every))} to {iso(max(last for _, last in every))}"
        what = f"no bars of {', '.join(spans)} in {window}"
        raise DataError(what, where, f"the catalogue has {have}")
    born, dead = min(born for born, _ in held), max(last for _, last in held)
    first = max(start_ns // bar_ns + 1 if start_ns else 0, -(-born // bar_ns))
    last = min(end_ns // bar_ns, -(-dead // bar_ns)) if end_ns else dead // bar_ns  # none that is not over
    if last < first:
        span = f"({iso((first - 1) * bar_ns)}, {iso(end_ns or dead)}]"
        raise DataError(f"no whole bar of {bar_ns / HOUR_NS:g} h in {span}", "panel", "widen start and end")
    grid = Grid(first * bar_ns, bar_ns, last - first + 1)
    return grid, _cut_ends(grid, start_ns, end_ns)


def _cut_ends(grid: Grid, start_ns: int, end_ns: int) -> list[str]:
    said = []
    if start_ns and grid.first > (start_ns // grid.bar_ns + 1) * grid.bar_ns:
        asked = f"no bars before it, though {iso(start_ns)} was asked for"
        said.append(f"the window starts {iso(grid.start)}: {asked}")
    if end_ns // grid.bar_ns * grid.bar_ns > grid.end:
        asked = f"no bars after it, though {iso(end_ns)} was asked for"
        said.append(f"the window ends {iso(grid.end)}: {asked}")
    return said


def check_lengths(one: Instrument, time_ns: Int1D, bar_ns: Int1D, grid: Grid, where: str) -> None:
    """Refuse stored bars that do not make bars of the grid, and bars that lie on each other.

    Raises
    ------
    ConfigError
        If a stored bar is longer than one of the grid or does not divide it: with the bar to ask for.
    DataError
        If bars of several lengths overlap: what was traded would count twice.
    """
    alike = len(bar_ns) > 0 and (bar_ns == bar_ns[0]).all()
    lengths = [int(bar_ns[0])] if alike else np.unique(bar_ns).tolist()
    for length in lengths:
        if grid.bar_ns % length:
            have, want = length / HOUR_NS, grid.bar_ns / HOUR_NS
            fits = np.lcm(length, grid.bar_ns) / HOUR_NS
            what = f"bars of {one.id} are {have:g} h long and do not make bars of {want:g} h"
            remedy = f"ask for bars of {fits:g} h or a multiple of it, leave it out, or end before them"
            raise ConfigError(what, "panel", remedy)
    if len(lengths) > 1:
        clash = np.flatnonzero(np.diff(time_ns) < bar_ns[1:])
        if len(clash):
            at = iso(int(time_ns[clash[0] + 1]))
            what = f"bars of {one.id} of several lengths overlap at {at} ({len(clash)} such bars)"
            raise DataError(what, where, "give one of the sources a since or until, and ingest anew")


def merged(rows: Int1D, values: Mapping[str, Float1D], grid: Grid) -> dict[str, Float1D]:
    """Prices on the grid; a row is made of whatever shorter bars lie in it, NaN if none does.

    Parameters
    ----------
    rows : (n,)
        Row of each stored bar, rising.
    values : mapping of (n,)
        open, high, low, close, volume of the stored bars.
    """
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    if len(begins) == len(rows):
        return {name: grid.placed(rows, values[name]) for name in _PRICES}
    ends = np.append(begins[1:], len(rows)) - 1
    made = {
        "open": values["open"][begins],
        "high": np.maximum.reduceat(values["high"], begins),
        "low": np.minimum.reduceat(values["low"], begins),
        "close": values["close"][ends],
        "volume": np.add.reduceat(values["volume"], begins),
    }
    return {name: grid.placed(rows[begins], found) for name, found in made.items()}


def added(rows: Int1D, values: Float1D, grid: Grid) -> Float1D:
    """Values on the grid, those that share a row added; NaN where there is none."""
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    return grid.placed(rows[begins], np.add.reduceat(values, begins))


def as_of(time_ns: Int1D, grid: Grid, max_age_ns: int) -> Int1D:
    """For each row the last of some records known at its close, or -1 if none is young enough.

    Parameters
    ----------
    time_ns : (n,)
        When each record was known, rising.
    max_age_ns : int
        A record is used while its age at the close is less.

    Returns
    -------
    Int1D
        Shape (rows,), indices into the records.
    """
    closes = grid.closes
    if len(time_ns) == grid.rows and max_age_ns > 0 and np.array_equal(time_ns, closes):
        return np.arange(grid.rows)
    last: Int1D = np.searchsorted(time_ns, closes, side="right") - 1
    if len(time_ns):
        last[closes - time_ns[np.maximum(last, 0)] >= max_age_ns] = -1
    return last


def known(last: Int1D, values: Float1D) -> Float1D:
    """The values that `as_of` found, NaN where it found none."""
    if not len(values):
        return np.full(len(last), np.nan)
    if len(values) == len(last) and np.array_equal(last, np.arange(len(last))):
        return values  # each row has its own record
    column: Float1D = np.where(last >= 0, values[np.maximum(last, 0)], np.nan)
    return column


def of_life(column: Float1D, begin: int, end: int) -> Float1D:
    """The column with NaN outside rows [begin, end)."""
    if begin <= 0 and end >= len(column):
        return column
    cut = column.copy()
    cut[: max(begin, 0)] = np.nan
    cut[end:] = np.nan
    return cut
