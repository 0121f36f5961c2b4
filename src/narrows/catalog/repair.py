"""What a desk file leaves out of the data or repairs, applied to a panel: each said, none silent.

[[data.exclude]]  values become unknown: no fill there, a position keeps its last mark
[[data.repair]]   values are replaced from the same row or an earlier one, never from a later one
"""

from collections.abc import Sequence

import numpy as np

from narrows.catalog.finding import Mask
from narrows.core.arrays import Float1D, Float2D
from narrows.core.config import Data, Exclude, Repair
from narrows.core.errors import ConfigError
from narrows.core.instrument import same_money
from narrows.core.panel import Panel
from narrows.core.time import iso, to_ns

PRICES = ("open", "high", "low", "close", "mark", "index", "premium", "bid", "ask", "depth", "volume")
FUNDING = ("funding", "funding_h")
_Fields = dict[str, Float2D]


def _place(prices: Panel, edit: Exclude | Repair, at: str) -> tuple[int, Mask]:
    """Column and rows that an exclude or repair means.

    Raises
    ------
    ConfigError
        If the panel does not have the instrument, or no bar of it in the window.
    """
    ids = [one.id for one in prices.instruments]
    if edit.instrument not in ids:
        remedy = "the desk has " + ", ".join(ids)
        raise ConfigError(f"no instrument {edit.instrument!r}", f"{at}.instrument", remedy)
    column = ids.index(edit.instrument)
    rows = (prices.time_ns >= to_ns(edit.start)) & (prices.time_ns <= to_ns(edit.end))
    if not (rows & ~np.isnan(prices.close[:, column])).any():
        start, end = iso(to_ns(edit.start)), iso(to_ns(edit.end))
        what = f"no bar of {edit.instrument} closes from {start} to {end}"
        raise ConfigError(what, at, "bars are named by their close: give closes inside the desk's window")
    return column, rows


def _exclude(fields: _Fields, prices: Panel, edit: Exclude, at: str) -> str:
    column, rows = _place(prices, edit, at)
    known = (*PRICES, "funding")
    for name in edit.fields:
        if name not in known:
            raise ConfigError(f"unknown field {name!r}", f"{at}.fields", "choose from " + ", ".join(known))
    stand_in = rows & (fields["mark"][:, column] == fields["close"][:, column])
    if "close" in edit.fields:  # a mark that is but a copy of the close is not to be believed either
        fields["mark"][stand_in, column] = np.nan
    chosen = [*(edit.fields or PRICES), *(("funding_h",) if "funding" in edit.fields else ())]
    for name in chosen:
        fields[name][rows, column] = np.nan
    what = "all prices" if not edit.fields else ", ".join(edit.fields)
    due = int((~np.isnan(prices.funding[rows, column])).sum())
    told = ""
    if "funding" in edit.fields:
        told = f"; {due} settlements in them are not paid"
    elif due:
        told = f"; {due} settlements in them are paid on the last mark"
    return f"excluded {what} of {edit.instrument} in {rows.sum()} bars{told}"


def _premium_price(prices: Panel, column: int) -> Float1D:
    """Index, else the spot of the venue, times one plus the premium index; of the same row."""
    one = prices.instruments[column]
    reference = prices.index[:, column].copy()
    for other, spot in enumerate(prices.instruments):
        same = (spot.venue, spot.base) == (one.venue, one.base) and same_money(spot.quote, one.quote)
        if spot.kind == "spot" and same:
            reference = np.where(np.isnan(reference), prices.close[:, other], reference)
    price: Float1D = reference * (1.0 + prices.premium[:, column])
    return price


def _new_close(prices: Panel, edit: Repair, column: int, rows: Mask, at: str) -> Float1D:
    if edit.how == "premium":
        close = _premium_price(prices, column)
        remedy = 'bring its premium index and an index or spot, or use how = "previous"'
    else:
        first = int(np.argmax(rows))
        before = prices.close[:first, column]
        known = before[~np.isnan(before)]
        close = np.full(len(prices), known[-1] if len(known) else np.nan)
        remedy = "there is no close before it: exclude it instead"
    unknown = rows & np.isnan(close)
    if unknown.any():
        when = iso(int(prices.time_ns[unknown][0]))
        raise ConfigError(f"{edit.instrument} has nothing to repair from at {when}", at, remedy)
    return close


def _repair(fields: _Fields, prices: Panel, edit: Repair, at: str) -> str:
    column, rows = _place(prices, edit, at)
    rows &= ~np.isnan(prices.close[:, column])  # what is missing stays missing
    opened, high, low = (fields[name][:, column] for name in ("open", "high", "low"))
    if edit.how == "body":
        close = fields["close"][:, column]
        high[rows] = np.maximum(opened, close)[rows]
        low[rows] = np.minimum(opened, close)[rows]
    else:
        close = _new_close(prices, edit, column, rows, at)
        old = fields["close"][:, column].copy()
        stand_in = rows & (fields["mark"][:, column] == old)
        fields["mark"][stand_in, column] = close[stand_in]
        fields["close"][rows, column] = close[rows]
        # an extreme that was but the close which is not believed goes with it
        high[rows] = np.where(high == old, np.maximum(opened, close), np.maximum(high, close))[rows]
        low[rows] = np.where(low == old, np.minimum(opened, close), np.minimum(low, close))[rows]
    told = {
        "premium": "close taken from index or spot and the premium index",
        "previous": "close kept from the bar before",
        "body": "high and low cut to open and close",
    }
    return f"repaired {edit.instrument} in {rows.sum()} bars: {told[edit.how]}"


def edited(prices: Panel, data: Data) -> Panel:
    """The panel with what a desk excludes and repairs, each with a note that tells bars and reason.

    Repairs see the panel as the catalogue gives it, and rows up to their own only; excludes come
    after, so that what is excluded is unknown whatever else was said of it. Without either, the
    panel itself.

    Raises
    ------
    ConfigError
        If one names an instrument or field that there is not, has no bar in the window, or a repair
        has nothing to repair from.
    """
    if not (data.exclude or data.repair):
        return prices
    fields = {name: values.copy() for name, values in prices.fields.items()}
    edits: Sequence[tuple[Exclude | Repair, str]] = [
        *((one, f"data.repair[{number}]") for number, one in enumerate(data.repair)),
        *((one, f"data.exclude[{number}]") for number, one in enumerate(data.exclude)),
    ]
    notes = list(prices.notes)
    for edit, at in edits:
        apply = (
            _repair(fields, prices, edit, at)
            if isinstance(edit, Repair)
            else _exclude(fields, prices, edit, at)
        )
        span = f"closes {iso(to_ns(edit.start))} to {iso(to_ns(edit.end))}"
        notes.append(f"{apply} ({span}): {edit.reason}")
    return Panel.of(prices.instruments, prices.time_ns, prices.bar_ns, notes, **fields)
