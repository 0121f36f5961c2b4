"""Tables → Panel: bars, marks, funding, borrow and settlements on one grid of closes, as known at each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from narrows.catalog.holes import missing_bars, missing_settlements
from narrows.catalog.store import Catalog, Series
from narrows.catalog.universe import named, traded
from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument
from narrows.core.panel import FIELDS, Panel
from narrows.core.time import DAY_NS, HOUR_NS, hours, iso

BORROW_MAX_AGE_NS = 31 * DAY_NS
LONGEST_INTERVAL_NS = 7 * DAY_NS  # of funding, see schema: how far the neighbours of a settlement can be
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

    def window(
        self, catalog: Catalog, table: str, one: Instrument, before_ns: int = 0, after_ns: int = 0
    ) -> pl.DataFrame:
        """Rows of a table in the span of the grid, and as far around it as is said."""
        series = Series(table, one.venue, one.symbol)
        return catalog.read(series, self.start - before_ns, self.end + after_ns)


def _span(catalog: Catalog, one: Instrument) -> tuple[int, int]:
    """First and last close of an instrument's bars in the catalogue."""
    parts = catalog.partitions(Series("bars", one.venue, one.symbol))
    if not parts:
        remedy = f"ingest bars of {one.symbol} at {one.venue}, or leave it out"
        raise DataError(f"no bars of {one.id}", f"catalogue {catalog.root}", remedy)
    return parts[0].start, parts[-1].end


def _grid(
    catalog: Catalog, instruments: Sequence[Instrument], bar_ns: int, start_ns: int, end_ns: int
) -> tuple[Grid, list[str]]:
    """The window without the ends in which no instrument has a bar, and what was left off."""
    if bar_ns <= 0:
        raise ConfigError(f"bar of {bar_ns} ns", "panel", "give a positive length")
    if start_ns and end_ns and end_ns <= start_ns:
        raise ConfigError(
            f"end {iso(end_ns)} is not after start {iso(start_ns)}", "panel", "give a later end"
        )
    spans = [_span(catalog, one) for one in instruments]
    if not spans:
        raise ConfigError("no instruments", "panel", "name at least one")
    held = [(born, last) for born, last in spans if last > start_ns and (born <= end_ns or not end_ns)]
    if not held:
        window = f"({iso(start_ns) if start_ns else '…'}, {iso(end_ns) if end_ns else '…'}]"
        have = f"{iso(min(born for born, _ in spans))} to {iso(max(last for _, last in spans))}"
        what = f"no bars of {', '.join(one.id for one in instruments)} in {window}"
        raise DataError(what, f"catalogue {catalog.root}", f"the catalogue has {have}")
    born, dead = min(born for born, _ in held), max(last for _, last in held)
    first = max(start_ns // bar_ns + 1 if start_ns else 0, -(-born // bar_ns))
    last = min(end_ns // bar_ns, -(-dead // bar_ns)) if end_ns else dead // bar_ns  # none that is not over
    if last < first:
        span = f"({iso((first - 1) * bar_ns)}, {iso(end_ns or dead)}]"
        raise DataError(f"no whole bar of {bar_ns / HOUR_NS:g} h in {span}", "panel", "widen start and end")
    grid = Grid(first * bar_ns, bar_ns, last - first + 1)
    said = []
    if start_ns and first > start_ns // bar_ns + 1:
        asked = f"no bars before it, though {iso(start_ns)} was asked for"
        said.append(f"the window starts {iso(grid.start)}: {asked}")
    if end_ns // bar_ns > last:
        asked = f"no bars after it, though {iso(end_ns)} was asked for"
        said.append(f"the window ends {iso(grid.end)}: {asked}")
    return grid, said


def _floats(frame: pl.DataFrame, name: str) -> Float1D:
    return frame[name].to_numpy().astype(np.float64)


def _check_lengths(frame: pl.DataFrame, grid: Grid, one: Instrument) -> None:
    for length in frame["bar_ns"].unique():
        if length > grid.bar_ns or grid.bar_ns % length:
            have, want = length / HOUR_NS, grid.bar_ns / HOUR_NS
            what = f"bars of {one.id} are {have:g} h long and do not make bars of {want:g} h"
            raise ConfigError(what, "panel", "ask for a multiple of the stored bar")


def _bars(frame: pl.DataFrame, grid: Grid) -> dict[str, Float1D]:
    """Prices on the grid; a row is made of whatever shorter bars lie in it, NaN if none does."""
    rows = grid.row(frame["time"].to_numpy())
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    ends = np.append(begins[1:], len(rows)) - 1
    values = {name: _floats(frame, name) for name in _PRICES}
    merged = {
        "open": values["open"][begins],
        "high": np.maximum.reduceat(values["high"], begins),
        "low": np.minimum.reduceat(values["low"], begins),
        "close": values["close"][ends],
        "volume": np.add.reduceat(values["volume"], begins),
    }
    return {name: _placed(rows[begins], found, grid) for name, found in merged.items()}


def _placed(rows: Int1D, values: Float1D, grid: Grid) -> Float1D:
    column = np.full(grid.rows, np.nan)
    column[rows] = values
    return column


def _as_of(frame: pl.DataFrame, name: str, grid: Grid, max_age_ns: int) -> Float1D:
    """The last value known at each close, if it is younger than `max_age_ns`; else NaN."""
    known = frame.filter(pl.col(name).is_not_null())
    times, values = known["time"].to_numpy(), _floats(known, name)
    column = np.full(grid.rows, np.nan)
    last = np.searchsorted(times, grid.closes, side="right") - 1
    fresh = last >= 0
    fresh[fresh] = grid.closes[fresh] - times[last[fresh]] < max_age_ns
    column[fresh] = values[last[fresh]]
    return column


def _funding(
    catalog: Catalog, one: Instrument, grid: Grid, bars: pl.DataFrame, close: Float1D
) -> tuple[dict[str, Float1D], list[str]]:
    """Settled rates, each in the row it falls in, and what is missing of a perpetual's.

    Several in a row are added, and so are their intervals.

    Raises
    ------
    DataError
        If a settlement falls in a row without a price while the instrument was trading: whoever held
        it paid, and a payment without a price cannot be computed.
    """
    around = grid.window(catalog, "funding", one, LONGEST_INTERVAL_NS, LONGEST_INTERVAL_NS)
    notes = []
    if one.kind == "perp":
        notes = missing_settlements(one, around, bars["time"][0] - bars["bar_ns"][0], bars["time"][-1])
    frame = around.filter(pl.col("time").is_between(grid.start, grid.end, closed="right"))
    if frame.is_empty():
        return {}, notes
    stamps = frame["time"].to_numpy()
    rows = grid.row(stamps)
    span = _span(catalog, one)
    unpriced = np.isnan(close[rows]) & (stamps > span[0]) & (stamps <= span[1])
    if unpriced.any():
        when = iso(int(stamps[unpriced][0]))
        what = f"funding of {one.id} at {when} fits no bar ({int(unpriced.sum())} such records)"
        raise DataError(what, f"catalogue {catalog.root}", "ingest the missing bars, or end before the gap")
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    paid = {
        "funding": _placed(rows[begins], np.add.reduceat(_floats(frame, "rate"), begins), grid),
        "funding_h": _placed(rows[begins], np.add.reduceat(_floats(frame, "interval_h"), begins), grid),
    }
    return paid, notes


def _mark_note(one: Instrument, mark: Float1D, close: Float1D) -> list[str]:
    """What stands in for the mark, if the instrument is margined at all."""
    priced = ~np.isnan(close)
    stand_ins = int((np.isnan(mark) & priced).sum())
    if not one.is_derivative or stand_ins == 0:
        return []
    if stand_ins == priced.sum():
        return [f"mark of {one.id}: trade close, no mark price in the catalogue"]
    return [
        f"mark of {one.id}: trade close in {stand_ins} of {priced.sum()} bars, without a mark price there"
    ]


def _settlement(
    catalog: Catalog, one: Instrument, grid: Grid, bars: pl.DataFrame, index: Float1D
) -> tuple[dict[str, Float1D], list[str]]:
    """The delivery price in the row of delivery, and what it is taken from.

    Raises
    ------
    DataError
        If there is none: what is held until then would never be delivered.
    """
    if not grid.start < one.expiry_ns <= grid.end:
        return {}, []
    row = int((one.expiry_ns - grid.start - 1) // grid.bar_ns)
    published = grid.window(catalog, "settlements", one)
    age_ns = one.expiry_ns - int(bars["time"][-1])
    aged = f"{hours(age_ns):g} h before delivery" if age_ns > 0 else "a running average by then"
    candidates = (
        ("", float(published["price"][-1]) if published.height else np.nan),
        ("index at delivery", float(index[row])),
        (f"its own last close, {aged}", float(bars["close"][-1]) if age_ns <= grid.bar_ns else np.nan),
    )
    for words, price in candidates:
        if not np.isnan(price):
            note = [f"settlement of {one.id}: {words}, no delivery price in the catalogue"] if words else []
            return {"settlement": _placed(np.array([row]), np.array([price]), grid)}, note
    what = f"no price for the delivery of {one.id} at {iso(one.expiry_ns)}"
    remedy = "ingest a settlements table that has it, end the window before, or leave it out"
    raise DataError(what, f"catalogue {catalog.root}", remedy)


def _column(
    catalog: Catalog, one: Instrument, grid: Grid, leave_out: bool
) -> tuple[dict[str, Float1D], list[str]]:
    """Every field of one instrument, what stands in for what and what is missing; empty without bars."""
    bars = grid.window(catalog, "bars", one)
    span = _span(catalog, one)
    if bars.is_empty():
        if leave_out:
            return {}, []
        what = f"no bars of {one.id} in ({iso(grid.start)}, {iso(grid.end)}]"
        remedy = f"the catalogue has {iso(span[0])} to {iso(span[1])}"
        raise DataError(what, f"catalogue {catalog.root}", remedy)
    _check_lengths(bars, grid, one)
    column = _bars(bars, grid)
    close = column["close"]
    born, last = grid.row(np.array(span))
    life = slice(max(0, born), last + 1)
    notes = missing_bars(one, grid.closes[life], close[life])
    marks = grid.window(catalog, "marks", one)
    column |= {name: _as_of(marks, name, grid, grid.bar_ns) for name in ("mark", "index", "premium")}
    notes += _mark_note(one, column["mark"], close)
    column["mark"] = np.where(np.isnan(column["mark"]), close, column["mark"])
    borrow = grid.window(catalog, "borrow", one, BORROW_MAX_AGE_NS)
    column["borrow"] = _as_of(borrow, "apr", grid, BORROW_MAX_AGE_NS)
    for found, said in (
        _funding(catalog, one, grid, bars, close),
        _settlement(catalog, one, grid, bars, column["index"]),
    ):
        column |= found
        notes += said
    return column, notes


def panel(
    catalog: Catalog,
    instruments: Sequence[str],
    bar_ns: int,
    start_ns: int = 0,
    end_ns: int = 0,
    leave_out: bool = False,
) -> Panel:
    """Aligned arrays of instruments, each row holding only what was known at its close.

    Parameters
    ----------
    catalog : Catalog
    instruments : sequence of str
        Ids, in the order of the Panel's second axis.
    bar_ns : int
        Length of a bar; stored bars that are shorter are merged (first open, highest high, lowest
        low, last close, summed volume). Closes are multiples of it since the epoch.
    start_ns, end_ns : int
        Closes in (start, end]; 0 = as far as the bars of any of the instruments reach, and no window
        reaches further, said in `Panel.notes`. A bar that is not over by then is left out.
    leave_out : bool
        Whether instruments without bars in the window may be left out, said in `Panel.notes`;
        otherwise they are an error.

    Notes
    -----
    - Bars missing between an instrument's first and last are NaN, and said in `Panel.notes`.
    - Marks, index and premium: the last one known inside the bar; `mark` is the trade close where
      none is, said in `Panel.notes` for derivatives.
    - Funding settled at s is in the row of the first close ≥ s; several in one row are added, and
      so are their intervals. Settlements that were due and are missing are said in `Panel.notes`.
    - Borrow: the last rate known, younger than 31 days.
    - Settlement, in the row of delivery: the delivery price, else the index, else the future's own
      last close if it is no older than one bar; said in `Panel.notes`. The catalogue has nothing
      after delivery.

    Raises
    ------
    ConfigError
        If an instrument is not in the catalogue, the bar is shorter than the stored one, or the
        window ends before it starts.
    DataError
        If an instrument has no bars in the window, or none has; if a partition is damaged, funding
        was settled in a bar without a price, or a delivery in the window has none.
    """
    if len(set(instruments)) < len(instruments):
        raise ConfigError("an instrument is named twice", "panel", "name each once")
    chosen = named(catalog, instruments)
    grid, notes = _grid(catalog, chosen, bar_ns, start_ns, end_ns)
    told = [_column(catalog, one, grid, leave_out) for one in chosen]
    unknown = np.full(grid.rows, np.nan)
    fields: dict[str, Float2D] = {
        name: np.column_stack([column.get(name, unknown) for column, _ in told])
        for name in FIELDS
        if any(name in column for column, _ in told)
    }
    notes += [note for _, said in told for note in said]
    prices = Panel.of(chosen, grid.closes, bar_ns, notes, **fields)
    return traded(prices, leave_out, f"catalogue {catalog.root}")
