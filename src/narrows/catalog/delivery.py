"""What a dated future without a published price is delivered at: the mean of its index, if that is known."""

from typing import NamedTuple

import numpy as np

from narrows.catalog.grid import Grid
from narrows.catalog.store import Catalog, Series
from narrows.core.arrays import Float1D, Int1D
from narrows.core.instrument import Instrument
from narrows.core.time import SECOND_NS
from narrows.rulebook import Rulebook
from narrows.rulebook.settlement import settlement_average

FEWEST = 6  # samples a window: no stretch of it longer than a sixth may be without one


class Mean(NamedTuple):
    """The mean over an averaging window and what it was taken of; NaN where there is none, and why."""

    price: float
    words: str


NONE = Mean(np.nan, "")  # of what is not delivered inside the grid, or not at a mean


def mean_before_delivery(catalog: Catalog, one: Instrument, grid: Grid, rules: Rulebook) -> Mean:
    """The mean that a future is settled at, from the finest series of its index that the catalogue holds.

    The venue's own index, else closes of the spot pair on the same venue: one of the places that
    the index is made of. Both are known at delivery.

    Parameters
    ----------
    catalog : Catalog
    one : Instrument
    grid : Grid
        Of the panel; a delivery outside of it is nobody's here.
    rules : Rulebook
        Says how long the window is at that date.

    Notes
    -----
    Samples stand for the time before them, so those that are Δ apart give the mean of a window that
    ends Δ/2 later than it should: at most a twelfth of it.
    """
    if one.kind not in ("future", "synthetic") or not grid.start < one.expiry_ns <= grid.end:
        return NONE
    rule = rules.known(one, one.expiry_ns).settlement
    if rule is None:
        return Mean(np.nan, "how long its index is averaged is on no record")
    lasts = f"its last {rule.window_s / 60.0:g} min"
    begin = one.expiry_ns - round(rule.window_s * SECOND_NS)
    pair = f"{one.base}-{one.quote}"
    for words, series, field in (
        ("its index", Series("marks", one.venue, one.symbol), "index"),
        (f"{pair}.{one.venue}", Series("bars", one.venue, pair), "close"),
    ):
        rows = catalog.read(series, begin, one.expiry_ns, ("time", field)).drop_nulls()
        times: Int1D = rows["time"].to_numpy()
        values: Float1D = rows[field].to_numpy()
        if _covers(times, begin, one.expiry_ns):
            price = settlement_average(times, values, one.expiry_ns, rule.window_s)
            return Mean(price, f"mean of {words} over {lasts} ({len(times)} samples)")
    return Mean(np.nan, f"nothing is fine enough for the mean over {lasts}")


def _covers(times: Int1D, begin: int, end: int) -> bool:
    """Whether samples lie close enough to stand for a window."""
    longest = np.diff(np.concatenate(([begin], times, [end]))).max()
    return bool(longest * FEWEST <= end - begin)
