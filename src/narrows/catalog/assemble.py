"""Tables → Panel: all that is known of each instrument on one grid of closes, as known at each."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from narrows.catalog.delivery import mean_before_delivery
from narrows.catalog.grid import Grid, added, as_of, check_lengths, grid_of, known, merged, of_life
from narrows.catalog.holes import missing_bars, missing_settlements, thin_bars
from narrows.catalog.life import Last, begun, end_of, span
from narrows.catalog.store import Catalog, Series
from narrows.catalog.universe import named, traded
from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.time import DAY_NS, HOUR_NS, iso
from narrows.rulebook import Rulebook
from narrows.rulebook.book import PACKAGED

# How old the last known value may be at a close; 0 = one bar of the panel.
MAX_AGE_NS = {"marks": 0, "quotes": 0, "depth_profile": 12 * HOUR_NS, "borrow": 31 * DAY_NS}
DEPTH_WITHIN = 1e-3  # the Panel's `depth` is what rests within 10 bp of the mid
LONGEST_INTERVAL_NS = 7 * DAY_NS  # of funding, see schema: how far the neighbours of a settlement can be
_PRICES = ("open", "high", "low", "close", "volume")
_MARKS = ("mark", "index", "premium")


def _floats(frame: pl.DataFrame, name: str) -> Float1D:
    values: Float1D = frame[name].to_numpy()  # null becomes NaN
    return values


def _times(frame: pl.DataFrame, name: str = "time") -> Int1D:
    times: Int1D = frame[name].to_numpy()
    return times


class _Reader:
    """Every series of one instrument, each read once and no more of it than is wanted."""

    def __init__(self, catalog: Catalog, one: Instrument, grid: Grid, rules: Rulebook) -> None:
        self.catalog, self.one, self.grid, self.rules = catalog, one, grid, rules
        self.where = f"catalogue {catalog.root}"

    def rows(self, table: str, columns: Sequence[str], before_ns: int = 0, after_ns: int = 0) -> pl.DataFrame:
        """Rows of a table in the span of the grid, and as far around it as is said."""
        series = Series(table, self.one.venue, self.one.symbol)
        start_ns, end_ns = self.grid.start - before_ns, self.grid.end + after_ns
        return self.catalog.read(series, start_ns, end_ns, ("time", *columns))

    def joined(self, table: str, columns: Sequence[str], alone: bool = False) -> dict[str, Float1D]:
        """Columns of a table as known at each close, no older than MAX_AGE_NS; nothing if it has no rows.

        With `alone`, each column is the last value that it had; else all come from the last row.
        """
        age_ns = MAX_AGE_NS[table] or self.grid.bar_ns
        frame = self.rows(table, columns, before_ns=age_ns)
        if frame.is_empty():
            return {}
        together = as_of(_times(frame), self.grid, age_ns)
        found = {}
        for name in columns:
            if alone and frame[name].null_count():
                some = frame.filter(pl.col(name).is_not_null())
                found[name] = known(as_of(_times(some), self.grid, age_ns), _floats(some, name))
            else:
                found[name] = known(together, _floats(frame, name))
        return found


def _funding(
    reader: _Reader, bars: pl.DataFrame, spanned: tuple[int, int], close: Float1D
) -> tuple[dict[str, Float1D], list[str]]:
    """Settled rates, each in the row it falls in, and what is missing of a perpetual's.

    Several in a row are added, and so are their intervals.

    Raises
    ------
    DataError
        If a settlement falls in a row without a price while the instrument was trading: whoever held
        it paid, and a payment without a price cannot be computed.
    """
    one, grid = reader.one, reader.grid
    around = reader.rows("funding", ("rate", "interval_h"), LONGEST_INTERVAL_NS, LONGEST_INTERVAL_NS)
    notes = []
    if one.kind == "perp":
        notes = missing_settlements(one, around, bars["time"][0] - bars["bar_ns"][0], bars["time"][-1])
    begin, end = np.searchsorted(_times(around), [grid.start, grid.end], side="right").tolist()
    frame = around.slice(begin, end - begin)
    if frame.is_empty():
        return {}, notes
    stamps = _times(frame)
    rows = grid.row(stamps)
    unpriced = np.isnan(close[rows]) & (stamps > spanned[0]) & (stamps <= spanned[1])
    if unpriced.any():
        when = iso(int(stamps[unpriced][0]))
        what = f"funding of {one.id} at {when} fits no bar ({int(unpriced.sum())} such records)"
        raise DataError(what, reader.where, "ingest the missing bars, or end before the gap")
    paid = {
        "funding": added(rows, _floats(frame, "rate"), grid),
        "funding_h": added(rows, _floats(frame, "interval_h"), grid),
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


def _depth(reader: _Reader) -> tuple[dict[str, Float1D], list[str]]:
    """Depth within 10 bp; what was measured within another distance is scaled in proportion, and said."""
    found = reader.joined("depth_profile", ("depth", "within"))
    if not found:
        return {}, []
    within = found["within"]
    other = np.unique(within[~np.isnan(within) & (within != DEPTH_WITHIN)]) * 1e4
    notes = []
    if len(other):
        far = f"{other[0]:g}" if len(other) == 1 else f"{other[0]:g} to {other[-1]:g}"
        scaled = "scaled to 10 bp in proportion: too deep where the book is thin near the touch"
        notes = [f"depth of {reader.one.id}: measured within {far} bp of the mid, {scaled}"]
    return {"depth": found["depth"] * (DEPTH_WITHIN / within)}, notes


def _priced(
    reader: _Reader, bars: pl.DataFrame, spanned: tuple[int, int]
) -> tuple[dict[str, Float1D], list[str]]:
    """The bars on the grid, and what is missing of them."""
    one, grid = reader.one, reader.grid
    times, lengths = _times(bars), _times(bars, "bar_ns")
    check_lengths(one, times, lengths, grid, reader.where)
    rows = grid.row(times)
    column = merged(rows, {name: _floats(bars, name) for name in _PRICES}, grid)
    life = slice(max(0, grid.row_of(spanned[0])), grid.row_of(spanned[1]) + 1)
    notes = missing_bars(one, grid.closes[life], column["close"][life])
    return column, notes + thin_bars(one, rows, lengths, grid.bar_ns)


def _column(reader: _Reader, leave_out: bool) -> tuple[dict[str, Float1D], list[str]]:
    """Every field of one instrument, what stands in for what and what is missing; empty without bars."""
    one, grid = reader.one, reader.grid
    bars = reader.rows("bars", ("bar_ns", *_PRICES))
    spanned = span(reader.catalog, one)
    if bars.is_empty():
        if leave_out:
            return {}, []
        what = f"no bars of {one.id} in ({iso(grid.start)}, {iso(grid.end)}]"
        raise DataError(what, reader.where, f"the catalogue has {iso(spanned[0])} to {iso(spanned[1])}")
    column, notes = _priced(reader, bars, spanned)
    close = column["close"]
    unknown = np.full(grid.rows, np.nan)
    joined = reader.joined("marks", _MARKS, alone=True)
    mark = joined.get("mark", unknown)
    notes += _mark_note(one, mark, close)
    joined["mark"] = np.where(np.isnan(mark), close, mark)
    joined |= reader.joined("quotes", ("bid", "ask"))
    borrow = reader.joined("borrow", ("apr", "available"))
    if borrow:
        joined |= {"borrow": borrow["apr"], "available": borrow["available"]}
    depth, said = _depth(reader)
    joined |= depth
    published = reader.rows("settlements", ("price",))
    last = Last(int(bars["time"][-1]), float(bars["close"][-1]))
    mean = mean_before_delivery(reader.catalog, one, grid, reader.rules)
    end = end_of(one, grid, last, spanned[1], published, mean, joined.get("index", unknown), reader.where)
    if end is not None:
        column["settlement"] = grid.placed(np.array([end.row]), np.array([end.price]))
    paid, missing = _funding(reader, bars, spanned, close)
    lived = grid.row_of(spanned[0]), grid.rows if end is None else end.row + 1
    column |= {name: of_life(values, *lived) for name, values in joined.items()}
    return column | paid, notes + said + ([end.words] if end and end.words else []) + missing


def _filled(
    catalog: Catalog, chosen: Sequence[Instrument], grid: Grid, leave_out: bool, rules: Rulebook
) -> tuple[dict[str, Float2D], list[str]]:
    """The arrays of a Panel, filled one instrument after the other, and what is to be said of each.

    An instrument is filled in as a row, which is quick, and each array is turned round at the end.
    """
    fields: dict[str, Float2D] = {}
    notes = []
    for number, one in enumerate(chosen):
        column, said = _column(_Reader(catalog, one, grid, rules), leave_out)
        notes += said
        for name, values in column.items():
            if name not in fields:
                fields[name] = np.full((len(chosen), grid.rows), np.nan)
            fields[name][number] = values
    return {name: np.ascontiguousarray(values.T) for name, values in fields.items()}, notes


def panel(
    catalog: Catalog,
    instruments: Sequence[str],
    bar_ns: int,
    start_ns: int = 0,
    end_ns: int = 0,
    leave_out: bool = False,
    rules: Rulebook = PACKAGED,
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
    rules : Rulebook
        Says over how long a venue averages the index that its futures are delivered at.

    Notes
    -----
    Every series is read once and nothing of it is kept but its column, so memory is that of the Panel
    and of one series. Whatever stands in for something else is said in `Panel.notes`.

    - An instrument is there from its first bar to the end of its life; before and after, all that is
      joined is NaN. Bars missing in between are NaN, and said.
    - Joined as last known at the close, while younger than MAX_AGE_NS: mark, index, premium, bid and ask
      one bar (so: known inside it), depth 12 h, borrow 31 days. `mark` is the trade close where none is
      known. Bid and ask are those of one quote. Depth measured within another distance than 10 bp is
      scaled in proportion.
    - Funding settled at s is in the row of the first close ≥ s; several in one row are added, and
      so are their intervals. Settlements that were due and are missing are said.
    - Settlement, in the row where a life ends: see `narrows.catalog.life.end_of`.

    Raises
    ------
    ConfigError
        If an instrument is not in the catalogue, the bar is no multiple of a stored one, or the window
        ends before it starts.
    DataError
        If an instrument has no bars in the window, or none has; if a partition is damaged, bars overlap,
        funding was settled in a bar without a price, or a delivery in the window has none.
    """
    if len(set(instruments)) < len(instruments):
        raise ConfigError("an instrument is named twice", "panel", "name each once")
    chosen = named(catalog, instruments)
    spans = {one.id: span(catalog, one) for one in chosen}
    grid, notes = grid_of(spans, bar_ns, start_ns, end_ns, f"catalogue {catalog.root}")
    fields, said = _filled(catalog, chosen, grid, leave_out, rules)
    prices = Panel.of(chosen, grid.closes, bar_ns, notes + begun(spans, grid) + said, **fields)
    return traded(prices, leave_out, f"catalogue {catalog.root}")
