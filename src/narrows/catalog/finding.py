"""Finding: one thing wrong or odd in the data, with what a backtest would get wrong; and runs of bad rows."""

from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from narrows.catalog.store import Series
from narrows.core.arrays import Float1D, FloatArray, Int1D
from narrows.core.time import iso

Mask = npt.NDArray[np.bool_]
Span = tuple[int, int, int]  # time of the first and of the last row, number of rows

# kind → what a backtest on such rows gets wrong
CONSEQUENCES = {
    "gap": "prices are not known and funding of these hours is not paid",
    "duplicate": "a rate would be paid, and a bar counted, more than once",
    "backwards": "rows after it would be taken for earlier ones",
    "stale": "a spread seems to open when only the other leg moved, and no trade was possible at this price",
    "crossed": "a trade at these quotes earns money that nobody could take",
    "outlier": "a jump that was undone in the next bar triggers entries, stops and liquidations",
    "range": "a liquidation at this high or low happened nowhere else",
    "broken_bar": "a gap that was not there: it can change an estimated half-life by a third",
    "clock_shift": "prices or rates are used before or after they were known",
    "off_grid": "payments fall into other hours than those of the venues they are compared with",
    "jitter": "a payment just after the hour falls into the next bar, unless its stamp is snapped",
    "interval_change": "counting three settlements a day annualises the rate wrongly",
    "padding": "a position seems to be held, and margined, at a price that no longer moves",
    "carried_forward": "each rate would be paid once an hour instead of once an interval",
    "disagreement": "one of the two is wrong, and the result depends on which was ingested",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding; `start` and `end` are ISO-8601 UTC of its first and last row, `count` their number."""

    table: str
    venue: str
    symbol: str
    kind: str
    start: str
    end: str
    count: int
    detail: str
    consequence: str


def months(times: Int1D) -> list[slice]:
    """Rows of each calendar month (UTC) of rising times."""
    month = times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    bounds = [0, *(np.flatnonzero(np.diff(month)) + 1).tolist(), len(times)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def finding(series: Series, kind: str, span: Span, detail: str) -> Finding:
    """A Finding of a kind in a series; the consequence follows from the kind."""
    start, end, count = span
    return Finding(
        table=series.table,
        venue=series.venue,
        symbol=series.symbol,
        kind=kind,
        start=iso(start),
        end=iso(end),
        count=count,
        detail=detail,
        consequence=CONSEQUENCES[kind],
    )


def whole(times: Int1D) -> Span:
    """The span of all of some times."""
    return int(times.min()), int(times.max()), len(times)


def spans(times: Int1D, bad: Mask, join_ns: int) -> list[Span]:
    """Bad rows as spans; what lies no further apart than `join_ns` is one."""
    found = times[bad]
    if not len(found):
        return []
    first = np.flatnonzero(np.diff(found, prepend=found[0] - join_ns - 1) > join_ns)
    last = np.append(first[1:], len(found)) - 1
    return [(int(found[a]), int(found[b]), int(b - a + 1)) for a, b in zip(first, last, strict=True)]


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Half-open ranges of rows in which a mask holds."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _quantile(blocks: FloatArray, share: float) -> FloatArray:
    """The quantile of the known values of each row, (rows, n) → (rows,); NaN if none is."""
    ordered = np.sort(blocks, axis=1)  # unknown values come last
    known = (~np.isnan(ordered)).sum(axis=1)
    place = (share * np.maximum(known - 1, 0)).astype(np.int64)
    found: FloatArray = ordered[np.arange(len(ordered)), place]
    return found


def local_quantile(values: Float1D, rows: int, share: float) -> Float1D:
    """The quantile of the known values in the block of `rows` rows that each one lies in; NaN if none is.

    The last block takes the rest, too.
    """
    if not len(values):
        return values
    blocks = max(1, len(values) // rows)
    head = (blocks - 1) * rows
    found: Float1D = np.empty(len(values))
    found[:head] = np.repeat(_quantile(values[:head].reshape(-1, rows), share), rows)
    found[head:] = _quantile(values[None, head:], share)
    return found


def matched(times: Int1D, stamps: Int1D, values: Float1D) -> Float1D:
    """Of values with rising stamps, those at exactly these times; NaN where there is none."""
    found: Float1D = np.full(len(times), np.nan)
    if len(stamps):
        place = np.minimum(np.searchsorted(stamps, times), len(stamps) - 1)
        there = stamps[place] == times
        found[there] = values[place[there]]
    return found


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson correlation where both are known; 0 where nothing moves."""
    known = ~(np.isnan(first) | np.isnan(second))
    a, b = first[known] - first[known].mean(), second[known] - second[known].mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0.0 else 0.0
