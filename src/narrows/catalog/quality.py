"""Quality: what is wrong or odd in a catalogue, in a desk's panel, or in source files before ingest.

Nothing is repaired here, and nothing hidden: each finding says what, when, how much and what a backtest
would get wrong. What a desk does about it stands in its file, see `narrows.catalog.repair`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl

from narrows.catalog.checks_across import (
    Tables,
    against,
    broken_bars,
    clock_shifts,
    levels,
    outliers,
    ranges,
)
from narrows.catalog.checks_series import (
    carried_forward,
    commonest_step,
    crossed,
    gap,
    interval_change,
    jitter,
    off_grid,
    order,
    padding,
    stale,
)
from narrows.catalog.finding import Finding
from narrows.catalog.mapping import load_mapping
from narrows.catalog.raw import raw
from narrows.catalog.schema import ALL, INSTRUMENTS, TABLES
from narrows.catalog.store import Catalog, Series
from narrows.catalog.universe import named
from narrows.core.config import Data
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.time import iso, to_ns

_ORDER = tuple(TABLES)


def _alone(one: Tables) -> list[Finding]:
    """What the tables of one instrument show by themselves."""
    found = []
    expiry_ns = one.instrument.expiry_ns
    for table, every in one.frames.items():
        series = one.series(table)
        found += padding(series, every, expiry_ns)
        frame = every.filter(pl.col("time") <= expiry_ns) if expiry_ns else every
        if frame.height < 2:
            continue
        found += gap(series, frame)
        if table == "bars":
            found += stale(series, frame)
        if table == "quotes":
            found += crossed(series, frame)
        if table == "funding":
            found += interval_change(series, frame)
            found += carried_forward(series, frame)
            found += off_grid(series, frame, commonest_step(frame["time"].to_numpy()))
    return found


def _together(group: Sequence[Tables]) -> list[Finding]:
    """What the series of one coin show when they are compared; a shifted one says nothing of the others."""
    shifted = clock_shifts(group)
    late = {(one.symbol, one.venue) for one in shifted if one.table == "bars"}
    clean = [one for one in group if (one.instrument.symbol, one.instrument.venue) not in late]
    return [*shifted, *broken_bars(clean), *outliers(clean), *ranges(clean), *levels(clean)]


def _sorted(found: Iterable[Finding]) -> list[Finding]:
    return sorted(
        found, key=lambda one: (_ORDER.index(one.table), one.venue, one.symbol, one.kind, one.start)
    )


def findings(held: Iterable[Tables]) -> list[Finding]:
    """All findings in the tables of instruments, sorted by table, venue, symbol, kind and time."""
    found = []
    by_coin = sorted(held, key=lambda one: (one.instrument.base, one.instrument.id))
    for _, group in groupby(by_coin, key=lambda one: one.instrument.base):
        members = list(group)
        found += [each for one in members for each in _alone(one)]
        found += _together([one.of_one_length for one in members])
    return _sorted(found)


def catalog_findings(catalog: Catalog) -> list[Finding]:
    """All findings in a catalogue: each series by itself, those of one coin compared."""
    by_id: dict[str, dict[str, pl.DataFrame]] = {}
    found = []
    for table in TABLES:
        for series in catalog.series(table) if table != INSTRUMENTS else []:
            if series.symbol != ALL:
                by_id.setdefault(f"{series.symbol}.{series.venue}", {})[table] = catalog.read(series)
            elif table in ("tickers", "option_quotes"):
                found += crossed(series, catalog.read(series))
    known = set(catalog.instruments()["id"]) & by_id.keys()
    held = [Tables(one, by_id[one.id]) for one in named(catalog, sorted(known))]
    return _sorted([*found, *findings(held)])


def _of_panel(prices: Panel, column: int) -> Tables:
    """One instrument of a panel as tables; a row without any of the values is not in its table."""

    def table(*names: str) -> pl.DataFrame:
        values = {name: prices.fields[name][:, column] for name in names}
        known = ~np.logical_and.reduce([np.isnan(one) for one in values.values()])
        return pl.DataFrame(
            {"time": prices.time_ns[known]} | {name: one[known] for name, one in values.items()}
        )

    rates = table("funding", "funding_h").rename({"funding": "rate", "funding_h": "interval_h"})
    frames = {
        "bars": table("open", "high", "low", "close").with_columns(bar_ns=pl.lit(prices.bar_ns)),
        "quotes": table("bid", "ask"),
        "funding": rates,
        "marks": table("index", "premium"),  # the mark may be a close that stands in for it
    }
    return Tables(prices.instruments[column], {n: frame for n, frame in frames.items() if frame.height})


def panel_findings(prices: Panel) -> list[Finding]:
    """What is wrong or odd in the rows of a panel: what touches a desk and its window."""
    return findings(_of_panel(prices, column) for column in range(len(prices.instruments)))


def open_findings(found: Iterable[Finding], data: Data) -> list[Finding]:
    """Those that no exclude or repair of a desk file covers from their first row to their last."""
    edits = [
        (one.instrument, iso(to_ns(one.start)), iso(to_ns(one.end))) for one in (*data.exclude, *data.repair)
    ]
    return [
        one
        for one in found
        if not any(
            id_ == f"{one.symbol}.{one.venue}" and start <= one.start and one.end <= end
            for id_, start, end in edits
        )
    ]


_PLURALS = {
    "range": "out of range",
    "stale": "stale",
    "crossed": "crossed",
    "backwards": "backwards",
    "off_grid": "off grid",
    "carried_forward": "carried forward",
    "padding": "padding",
}


def kinds(found: Iterable[Finding]) -> list[str]:
    """How many of each kind, in words: ``2 broken bars``, ``1 gap``."""
    counts = Counter(one.kind for one in found)
    return [
        f"{count} {_PLURALS.get(kind) or kind.replace('_', ' ') + 's' * (count > 1)}"
        for kind, count in sorted(counts.items())
    ]


def counted(found: Sequence[Finding]) -> str:
    """Findings in words: ``3 findings touch this window (2 broken bars, 1 gap)``."""
    verb = "finding touches" if len(found) == 1 else "findings touch"
    return f"{len(found)} {verb} this window ({', '.join(kinds(found))})"


def source_findings(
    mappings: Iterable[str | Path], root: str | Path = ".", catalog: Catalog | None = None
) -> list[Finding]:
    """What the files that mappings declare hold before they are ingested: rows as they stand, unchecked.

    Parameters
    ----------
    mappings : iterable of paths
        TOML files, see `narrows.catalog.mapping`.
    root : path
        The folder that `file` in the mappings is relative to.
    catalog : Catalog, optional
        Values of the same series there are compared.

    Raises
    ------
    ConfigError, DataError
        If a mapping or a file cannot be read at all.
    """
    found: list[Finding] = []
    held: dict[str, tuple[Instrument, dict[str, pl.DataFrame]]] = {}
    for source in (source for path in mappings for source in load_mapping(path)):
        for one, frame in raw(source, Path(root)):
            series = Series(source.table, one.venue, one.symbol)
            found += order(series, frame)
            rows = _in_order(frame)
            if source.table == "bars":
                found += off_grid(series, rows, source.bar_ns)
            if source.table == "funding":
                found += jitter(series, rows)
            if source.table in ("funding", "bars") and catalog is not None:
                name = "rate" if source.table == "funding" else "close"
                found += against(series, catalog.read(series), rows, name)
            _, frames = held.setdefault(one.id, (one, {}))
            known = frames.get(source.table)
            whole = rows if known is None else pl.concat([known, rows], how="diagonal")
            frames[source.table] = _in_order(whole)
    return _sorted([*found, *findings(Tables(one, frames) for one, frames in held.values())])


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows by time, of several with one time the first."""
    return frame.sort("time", maintain_order=True).unique("time", keep="first", maintain_order=True)
