"""Funding records as settlements: each stamp on its boundary, each rate paid once, each with its interval."""

import numpy as np
import polars as pl

from narrows.catalog.refuse import refuse
from narrows.catalog.source import Source
from narrows.core.errors import DataError
from narrows.core.time import HOUR_NS, hours

_GRIDS_H = (24, 12, 8, 6, 4, 3, 2)  # of settlements, the widest first
_ENOUGH_CHANGES = 30  # of a rate, to tell the grid that they lie on: by chance, one in 10 million
_ON_GRID = 0.95  # of the changes; the others are settlements that came late


def snapped(source: Source, frame: pl.DataFrame, where: str) -> tuple[pl.DataFrame, int]:
    """Stamps on their boundary; with `carried_forward`, only the settlements. Counts rejected rows.

    A stamp belongs to the boundary that it lies within `snap_s` of, on either side; or, with
    `late_s`, to the last one before it.
    """
    tolerance = source.snap_ns
    if tolerance is None:
        return frame, 0
    carried = source.carried_forward and source.hours is not None
    step = round((source.hours or 1.0) * HOUR_NS) if carried else source.snap_to_ns
    room = tolerance if source.late_ns else step // 2
    boundary = (pl.col("time") + room) // step * step
    on = (pl.col("time") - boundary).is_between(-tolerance, max(tolerance, source.late_ns))
    if not carried:
        what = f"stamp is not within {tolerance / 1e9:g} s of a whole {_said(step)}"
        if source.late_ns:
            what += f", nor {source.late_ns / 1e9:g} s late"
        remedy = "widen snap_s if this is jitter (late_s if it is late), else check time.format and the zone"
        refuse(frame, ~on, what, where, remedy)
        return frame.with_columns(time=boundary), 0
    settled = pl.when(on).then("rate").forward_fill()
    rejected = frame.select((~on & (pl.col("rate") != settled)).sum()).item()
    kept = frame.filter(on).with_columns(time=boundary)
    _refuse_wider_grid(kept, step, where)
    return kept, int(rejected)


def _said(step_ns: int) -> str:
    return "hour" if step_ns == HOUR_NS else f"{hours(step_ns):g} h"


def _refuse_wider_grid(settled: pl.DataFrame, step_ns: int, where: str) -> None:
    """Refuse rates that are carried beyond the interval declared: each would be paid several times.

    A rate may well repeat for days, pinned at the interest of its formula, so repetition says nothing.
    But where a rate changes it was settled, and if nearly all changes lie on a wider grid, so do the
    settlements.
    """
    changes = settled.filter(pl.col("rate") != pl.col("rate").shift())["time"].to_numpy()
    if len(changes) < _ENOUGH_CHANGES:
        return
    for grid_h in _GRIDS_H:
        grid = grid_h * HOUR_NS
        if grid <= step_ns or grid % step_ns:
            continue
        _, count = np.unique(changes % grid, return_counts=True)
        if count.max() >= _ON_GRID * len(changes):
            what = f"rates change every {grid_h} h, the mapping says {hours(step_ns):g} h"
            raise DataError(what, where, "give the interval_h that it has: each rate is paid once")


def _spacing(source: Source, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """The interval of each record from its distance to the one before; after a hole, to the one after.

    A distance that is no interval of the list means that records are missing, and the first record
    has none before it. A hole that happens to be as long as an interval of the list cannot be told
    from one.
    """
    known = [round(one * HOUR_NS) for one in source.intervals_h]
    before = pl.col("time").diff()
    after = before.shift(-1)
    usable = after.is_in(known) & (before.is_null() | (after <= before))
    interval = pl.when(before.is_in(known)).then(before).when(usable).then(after)
    frame = frame.with_columns((interval / HOUR_NS).alias("interval_h"))
    listed = ", ".join(f"{one:g}" for one in source.intervals_h)
    refuse(
        frame,
        pl.col("interval_h").is_null(),
        f"neither the record before nor the one after lies {listed} h away",
        where,
        "add to intervals_h, or leave the record out with since, until or filter",
    )
    return frame


def with_interval(source: Source, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Each record with the interval that it settles, and its rate for that interval."""
    if source.interval_h == "spacing":
        frame = _spacing(source, frame, where)
    elif source.hours is not None:
        frame = frame.with_columns(interval_h=pl.lit(source.hours, pl.Float64))
    return of_interval(source, frame)


def of_interval(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    """Rates of the whole interval of each record, where the file has them per `rate_per_h` hours."""
    if source.rate_per_h is None:
        return frame
    return frame.with_columns(rate=pl.col("rate") * (pl.col("interval_h") / source.rate_per_h))
