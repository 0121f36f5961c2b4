"""What is missing, in words for Panel.notes: bars inside an instrument's life, settlements of its funding."""

import numpy as np
import polars as pl

from narrows.core.arrays import Float1D, Int1D
from narrows.core.instrument import Instrument
from narrows.core.time import HOUR_NS, iso


def missing_bars(one: Instrument, time_ns: Int1D, close: Float1D) -> list[str]:
    """One line if closes are unknown between an instrument's first and last bar, else nothing.

    Parameters
    ----------
    one : Instrument
    time_ns, close : arrays of shape (bars,)
        The rows of its life: none before its first bar, none after its last.
    """
    missing = np.isnan(close)
    if not missing.any():
        return []
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
    begins, lengths = edges[::2], edges[1::2] - edges[::2]
    longest = int(np.argmax(lengths))
    bars = "1 bar" if lengths[longest] == 1 else f"{lengths[longest]} bars"
    hole = f"the longest hole {bars} from {iso(int(time_ns[begins[longest]]))}"
    return [f"{one.id}: {missing.sum()} of {len(close)} bars missing, {hole}"]


def thin_bars(one: Instrument, rows: Int1D, lengths_ns: Int1D, bar_ns: int) -> list[str]:
    """One line if bars are made of stored bars that do not fill them, the first and the last aside.

    Parameters
    ----------
    one : Instrument
    rows, lengths_ns : (n,)
        Row and length of each stored bar.
    bar_ns : int
        Length of a bar that they make.
    """
    if lengths_ns.min() == bar_ns:
        return []
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    filled = np.add.reduceat(lengths_ns, begins)[1:-1]
    thin = int((filled < bar_ns).sum())
    return (
        [f"{one.id}: {thin} of {len(begins)} bars made of fewer stored bars than fill them"] if thin else []
    )


def missing_settlements(one: Instrument, records: pl.DataFrame, start_ns: int, end_ns: int) -> list[str]:
    """One line if funding was due in (start, end] and is not among the records, else nothing.

    What is due before a record follows from that record's own interval, so a change of interval
    is no hole; after the last one, from the interval of the last.

    Parameters
    ----------
    one : Instrument
    records : DataFrame
        Rows of the funding table; those around the span tell what was due at its ends.
    start_ns, end_ns : int
        From the open of the perpetual's first bar to the close of its last.
    """
    nothing = "nothing is paid for them"
    if records.is_empty():
        span = f"none known in ({iso(start_ns)}, {iso(end_ns)}]"
        return [f"funding of {one.id}: all settlements missing, {span}; {nothing}"]
    stamps = records["time"].to_numpy()
    steps = (records["interval_h"].to_numpy() * HOUR_NS).round().astype(np.int64)
    found = int(((stamps > start_ns) & (stamps <= end_ns)).sum())
    if stamps[-1] < end_ns:  # the first one due after the end stands for the record that is not there
        due = stamps[-1] + steps[-1] * ((end_ns - stamps[-1]) // steps[-1] + 1)
        stamps, steps = np.append(stamps, due), np.append(steps, steps[-1])
    # stamps - k * steps is due for whole k from `nearest` to `farthest`; half a step is a late record
    before = np.append(start_ns, np.maximum(start_ns, stamps[:-1] + steps[1:] // 2))
    farthest = (stamps - before - 1) // steps
    nearest = np.maximum(1, -((end_ns - stamps) // steps))
    missing = np.maximum(0, farthest - nearest + 1)
    if not missing.any():
        return []
    hole = int(np.argmax(missing > 0))
    first = iso(int(stamps[hole] - farthest[hole] * steps[hole]))
    count = f"{missing.sum()} of {found + missing.sum()} settlements missing"
    return [f"funding of {one.id}: {count}, first at {first}; {nothing}"]
