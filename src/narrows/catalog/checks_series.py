"""Checks that need one series alone: order, holes, stale closes, crossed quotes, padding, funding stamps.

Each takes a frame of one series, with `time` in ns, and gives findings. Checks may look at all of the
data, later rows too: they judge data, they do not trade on it.
"""

import numpy as np
import polars as pl

from narrows.catalog.finding import Finding, Mask, finding, local_quantile, months, runs, spans, whole
from narrows.catalog.schema import TABLES, spacing_ns
from narrows.catalog.store import Series
from narrows.core.arrays import Float1D, Int1D
from narrows.core.time import DAY_NS, HOUR_NS, hours, iso

CHANCE = 1e-3  # of one false alarm in a whole series, where a check rests on a probability
REGULAR = 0.9  # of rows, where the table itself does not say how far apart they are
STALE_SHARE = 0.25  # of closes unchanged in a month: a liquid market has a few percent
WEEK = 168  # rows in which the usual size of a move is measured
OUTLIER_MOVES = 12.0  # of the usual move of its week: a Laplace tail has that once in 4 000 years of hours
OUTLIER_LEAST = 0.01  # smaller jumps are noise of a last trade
UNDONE = 0.75  # of a jump, in the next bar
GRIDS_H = (24, 12, 8, 6, 4, 3, 2)  # of settlements, the widest first
ENOUGH_CHANGES = 30  # of a rate, to tell the grid that they lie on: by chance, one in 10 million
ON_GRID = 0.95  # of the changes; the others are settlements that came late
BLOCK_NS = 91 * DAY_NS  # in which the grid of changes is looked for
SUSTAINED = 3  # equal distances in a row are an interval, one is a hole


def _times(frame: pl.DataFrame) -> Int1D:
    times: Int1D = frame["time"].to_numpy()
    return times


def _floats(frame: pl.DataFrame, name: str) -> Float1D:
    return frame[name].to_numpy().astype(np.float64)


def order(series: Series, frame: pl.DataFrame) -> list[Finding]:
    """Rows with the key of a row before, and rows whose time is before that of the row above."""
    key = [name for name in TABLES[series.table].key if name in frame.columns]
    again = frame.select(~pl.struct(key).is_first_distinct()).to_series().to_numpy()
    back = np.diff(_times(frame), prepend=_times(frame)[:1]) < 0
    found = []
    if again.any():
        values = [name for name in frame.columns if name not in ("row", "symbol")]
        same = frame.select(~pl.struct(values).is_first_distinct()).to_series().to_numpy() & again
        told = "all with the same values" if same.sum() == again.sum() else f"{(again & ~same).sum()} differ"
        found.append(finding(series, "duplicate", whole(_times(frame)[again]), f"repeated rows, {told}"))
    if back.any():
        found.append(finding(series, "backwards", whole(_times(frame)[back]), "time runs backwards"))
    return found


def gap(series: Series, frame: pl.DataFrame) -> list[Finding]:
    """Holes in what is regular: by the bar, by the interval of funding; else by the commonest distance.

    Tables that do not say how far apart their rows are, and bars of a day, must keep to it in nine
    tenths of the rows: a market that closes at weekends has no holes there.

    Holes less than a day apart are one finding; `count` is the number of missing rows.
    """
    times = _times(frame)
    due = spacing_ns(series.table, frame)
    steps = np.diff(times)
    expected = np.full(len(steps), due) if isinstance(due, int) else due.to_numpy()[1:]
    if not len(steps) or (expected <= 0).any():
        return []
    said = series.table in ("bars", "funding") and bool((expected < DAY_NS).any())
    if not said and (steps == expected).mean() < REGULAR:
        return []
    missing = np.maximum(0, np.round(steps / expected) - 1).astype(np.int64)
    found = []
    holes = np.flatnonzero(missing)
    for group in np.split(holes, np.flatnonzero(np.diff(times[holes]) > DAY_NS) + 1):
        if len(group):
            start, end = int(times[group[0]] + expected[group[0]]), int(times[group[-1] + 1])
            longest = hours(float(steps[group].max() - expected[group].max()))
            told = f"{len(group)} hole{'s' * (len(group) > 1)}, the longest {longest:.4g} h"
            span = (start, end - int(expected[group[-1]]), int(missing[group].sum()))
            found.append(finding(series, "gap", span, told))
    return found


def _longest_by_chance(share: float, rows: int) -> float:
    """Length of a run of unchanged closes that a series of independent ones has with probability CHANCE."""
    if share <= 0.0:
        return 1.0
    return max(2.0, float(np.log(CHANCE / (rows * (1 - share))) / np.log(share))) if share < 1 else np.inf


def stale(series: Series, frame: pl.DataFrame) -> list[Finding]:
    """Closes that stay: runs longer than the series' own share of unchanged closes makes likely, and
    months in which more than a quarter do not change.

    A run of L unchanged closes among n has expectation n(1 - p)p^L with p the share of all closes that
    are unchanged; runs with less than CHANCE are found, joined if less than a week apart.
    """
    times, close = _times(frame), _floats(frame, "close")
    if len(close) < WEEK:
        return []
    same: Mask = np.diff(close, prepend=np.nan) == 0
    share = float(same.mean())
    shares = np.zeros(len(close))
    for month in months(times):
        shares[month] = same[month].mean() if month.stop - month.start >= WEEK else 0.0
    thin = shares > STALE_SHARE
    found = []
    for start, end, _ in spans(times, thin, 45 * DAY_NS):
        inside = (times >= start) & (times <= end)
        told = f"{same[inside].mean():.0%} of closes unchanged, {shares[inside].max():.0%} in the worst month"
        found.append(finding(series, "stale", (start, end, int(same[inside].sum())), told))
    limit = _longest_by_chance(share, len(close))
    long = [(a, b) for a, b in runs(same) if b - a > limit and not thin[a:b].all()]
    bad = np.zeros(len(close), dtype=np.bool_)
    for a, b in long:
        bad[a:b] = True
    for span in spans(times, bad, 7 * DAY_NS):
        longest = max(b - a for a, b in long if span[0] <= times[a] <= span[1])
        told = f"unchanged for {longest} bars, where {share:.1%} of all closes are unchanged"
        found.append(finding(series, "stale", span, told))
    return found


def crossed(series: Series, frame: pl.DataFrame) -> list[Finding]:
    """Quotes with bid at or above ask, where both are there; less than a day apart they are one."""
    bid, ask = _floats(frame, "bid"), _floats(frame, "ask")
    bad = (bid > 0) & (ask > 0) & (bid >= ask)
    if not bad.any():
        return []
    worst = float(np.max(bid[bad] / ask[bad] - 1))
    told = f"bid at or above ask, by {1e4 * worst:.1f} bp at most"
    return [finding(series, "crossed", span, told) for span in spans(_times(frame), bad, DAY_NS)]


def undone(close: Float1D) -> Mask:
    """Closes that jump by twelve usual moves and 1 % at least, and are back in the next bar.

    The usual move is the median size of the returns of the week that are not zero: in a thin market
    most are.
    """
    move = np.diff(np.log(close), prepend=np.nan)
    after = np.append(move[1:], np.nan)
    usual = local_quantile(np.where(move == 0, np.nan, np.abs(move)), WEEK, 0.5)
    big = (np.abs(move) > np.maximum(OUTLIER_LEAST, OUTLIER_MOVES * usual)) & (move * after < 0)
    bad: Mask = big & (np.abs(after) >= UNDONE * np.abs(move)) & (np.abs(move + after) <= 0.5 * np.abs(move))
    return bad


def padding(series: Series, frame: pl.DataFrame, expiry_ns: int) -> list[Finding]:
    """Rows after delivery, and flat bars at the end: no range, at the close before, a day or longer."""
    times = _times(frame)
    late = times > expiry_ns if expiry_ns else np.zeros(len(times), dtype=np.bool_)
    if late.any():
        return [finding(series, "padding", whole(times[late]), f"rows after delivery at {iso(expiry_ns)}")]
    if series.table != "bars" or len(times) < 2:
        return []
    close = _floats(frame, "close")
    flat = (_floats(frame, "high") == _floats(frame, "low")) & (np.diff(close, prepend=np.nan) == 0)
    tail = len(flat) - int(np.argmin(flat[::-1])) if not flat.all() else 0
    if not flat[-1] or times[-1] - times[tail] < DAY_NS:
        return []
    return [finding(series, "padding", whole(times[tail:]), "flat bars up to the end of the series")]


def jitter(series: Series, frame: pl.DataFrame) -> list[Finding]:
    """Stamps beside a whole hour by less than a minute: the settlement is that hour's."""
    times = _times(frame)
    beside = np.abs(times - _hour(times))
    bad = (beside > 0) & (beside < HOUR_NS // 60)
    if not bad.any():
        return []
    told = f"up to {beside[bad].max() / 1e9:.3g} s beside the hour"
    return [finding(series, "jitter", whole(times[bad]), told)]


def off_grid(series: Series, frame: pl.DataFrame, spacing_ns: int) -> list[Finding]:
    """Stamps that are no multiple of their spacing, an hour or longer, since midnight UTC: late, or in
    another zone.

    Where rows lie closer on either side, as after a change of interval, that distance counts.
    Stamps less than a month apart are one finding.
    """
    times = _hour(_times(frame))
    if len(times) < 2 or spacing_ns < HOUR_NS or DAY_NS % spacing_ns:
        return []
    steps = np.diff(times)
    before, after = np.append(steps[0], steps), np.append(steps, steps[-1])
    due = np.maximum(HOUR_NS, np.minimum(spacing_ns, np.maximum(before, after)))
    late = np.where(times % spacing_ns == 0, 0, times % due)
    found = []
    for span in spans(times, late != 0, 31 * DAY_NS):
        inside = late[(times >= span[0]) & (times <= span[1]) & (late != 0)]
        by, count = np.unique(inside // HOUR_NS, return_counts=True)
        most = ", ".join(f"{by[n]} h late {count[n]} times" for n in np.argsort(-count)[:3])
        told = f"beside the {hours(spacing_ns):g} h grid of UTC: {most}"
        found.append(finding(series, "off_grid", span, told))
    return found


def _hour(times: Int1D) -> Int1D:
    """The nearest whole hour."""
    rounded: Int1D = (times + HOUR_NS // 2) // HOUR_NS * HOUR_NS
    return rounded


def commonest_step(times: Int1D) -> int:
    """The commonest distance of rows in whole hours, ns."""
    steps = np.diff(_hour(times)) // HOUR_NS
    return int(np.bincount(steps[steps > 0]).argmax()) * HOUR_NS if (steps > 0).any() else 0


def interval_change(series: Series, frame: pl.DataFrame) -> list[Finding]:
    """Where the interval of funding changes, as records say or as they lie: three equal distances, then three
    others; and records that mostly lie closer than they say.
    """
    times = _times(frame)
    said = _floats(frame, "interval_h")
    found = []
    step = hours(commonest_step(times))
    if 0 < step < said.min():
        told = f"records are {step:g} h apart, not {said.min():g} h"
        found.append(finding(series, "interval_change", whole(times), told))
    if len(np.unique(said)) > 1:
        rows = np.flatnonzero(np.diff(said) != 0) + 1
        before, after = said[rows - 1], said[rows]
    else:
        rows, before, after = _turns(np.round(np.diff(times) / HOUR_NS, 1))
    for start, end, count in spans(times[rows], np.ones(len(rows), dtype=np.bool_), 7 * DAY_NS):
        place = int(np.searchsorted(times[rows], start))
        more = f", and {count - 1} more" if count > 1 else ""
        told = f"{before[place]:g} h → {after[place]:g} h{more}"
        found.append(finding(series, "interval_change", (start, end, count), told))
    return found


def _turns(steps: Float1D) -> tuple[Int1D, Float1D, Float1D]:
    """Rows at which one sustained distance follows another, and both."""
    if len(steps) < 2 * SUSTAINED:
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(steps, SUSTAINED)
    held = windows.min(axis=1) == windows.max(axis=1)
    place = np.arange(SUSTAINED, len(steps) - SUSTAINED + 1)
    turn = place[held[place - SUSTAINED] & held[place] & (steps[place - 1] != steps[place])]
    return turn + 1, steps[turn - 1], steps[turn]


def carried_forward(series: Series, frame: pl.DataFrame) -> list[Finding]:
    """Rates repeated on rows between settlements: the rows are closer than where the rates change.

    A rate may well repeat for days, pinned at the interest of its formula or at its cap, so repetition
    says nothing. But where a rate changes it was settled, and if 95 % of thirty changes or more lie on
    a wider grid than the rows do, so do the settlements. Judged for each span of 91 days on its own.
    """
    times, rate = _times(frame), _floats(frame, "rate")
    if len(times) <= ENOUGH_CHANGES:
        return []
    step = int(np.median(np.diff(times)))
    near = np.round(times / HOUR_NS).astype(np.int64) * HOUR_NS
    changed = np.diff(rate, prepend=np.nan) != 0
    block = times // BLOCK_NS
    bad = np.zeros(len(times), dtype=np.bool_)
    grids: set[int] = set()
    for number in np.unique(block):
        inside = block == number
        grid, phase = _grid_of(near[inside & changed], step)
        if grid:
            grids.add(grid // HOUR_NS)
            bad |= inside & (near % grid != phase)
    told = f"rates change every {' or '.join(map(str, sorted(grids)))} h, rows are {hours(step):g} h apart"
    return [finding(series, "carried_forward", span, told) for span in spans(times, bad, 31 * DAY_NS)]


def _grid_of(changes: Int1D, step: int) -> tuple[int, int]:
    """The grid, wider than the rows, that nearly all changes lie on, and its phase; 0 if there is none."""
    if len(changes) < ENOUGH_CHANGES:
        return 0, 0
    for grid_h in GRIDS_H:
        grid = grid_h * HOUR_NS
        if grid > 1.5 * step:
            phases, count = np.unique(changes % grid, return_counts=True)
            if count.max() >= ON_GRID * len(changes):
                return grid, int(phases[count.argmax()])
    return 0, 0
