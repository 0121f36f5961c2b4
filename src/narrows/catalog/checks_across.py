"""Checks that compare series: broken bars, jumps that others did not make, clock shifts, other sources.

They take the frames of instruments as `Tables`; all of one call have the same base coin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from narrows.catalog.checks_series import WEEK, undone
from narrows.catalog.finding import (
    Finding,
    Mask,
    correlation,
    finding,
    local_quantile,
    matched,
    months,
    spans,
)
from narrows.catalog.store import Series
from narrows.core.arrays import Float1D, Int1D
from narrows.core.instrument import Instrument, same_money
from narrows.core.time import DAY_NS, HOUR_NS, hours

BROKEN_DEVIATIONS = 6.0  # of the usual deviation (median of its fortnight, as a standard deviation)
BROKEN_JUMP = 2.0  # next open over close, in the 95 % quantile of its fortnight
BROKEN_LEAST = 3e-4  # less is noise of the last trade; the bars of 2024-10-28 are 5.6, 19 and 16.5 bp
SIGMA = 1.4826  # standard deviation of a normal over its median absolute deviation
LAGS = 12  # rows tried in either direction: time zones reach twelve hours
ENOUGH_ROWS = 200  # of a month, to compare clocks; chance correlations are then below 0.25
BETTER = 0.2  # by which the correlation at another lag must exceed the one at no lag
LEAST_CORRELATION = 0.4
RANGE_LEAST = 0.02  # by which a high or low must leave the range of all others, and ten usual distances
RANGE_DISTANCES = 10.0
LEAST_JUDGES = 2
APART = 0.02  # between prices of one coin: a depeg is less, a wrong unit or coin more
SAME_RATE = 1e-9


@dataclass(frozen=True)
class Tables:
    """The frames of one instrument by table; a table that it does not have is not there."""

    instrument: Instrument
    frames: Mapping[str, pl.DataFrame]

    def series(self, table: str) -> Series:
        """The series that a finding in a table belongs to."""
        return Series(table, self.instrument.venue, self.instrument.symbol)

    def has(self, table: str) -> bool:
        """Whether there are two rows at least."""
        return table in self.frames and self.frames[table].height > 1

    def times(self, table: str) -> Int1D:
        """Times of a table, ns."""
        times: Int1D = self.frames[table]["time"].to_numpy()
        return times

    def column(self, table: str, name: str) -> Float1D:
        """One column as floats; unknown is NaN."""
        return self.frames[table][name].to_numpy().astype(np.float64)

    def at(self, times: Int1D, table: str, name: str) -> Float1D:
        """Values of a column at exactly these times, NaN where there is none."""
        if not self.has(table) or name not in self.frames[table].columns:
            return np.full(len(times), np.nan)
        return matched(times, self.times(table), self.column(table, name))

    @property
    def bar_ns(self) -> int:
        """Length of most of its bars; 0 without bars."""
        return int(self.frames["bars"]["bar_ns"].mode().sort()[0]) if self.has("bars") else 0

    @property
    def of_one_length(self) -> "Tables":
        """Without the bars that are longer or shorter than most: they cannot be compared row by row."""
        if not self.has("bars") or self.frames["bars"]["bar_ns"].n_unique() == 1:
            return self
        bars = self.frames["bars"].filter(pl.col("bar_ns") == self.bar_ns)
        return Tables(self.instrument, {**self.frames, "bars": bars})


def _reference(one: Tables, group: Sequence[Tables], times: Int1D) -> Float1D:
    """What a derivative follows: its index, else the spot of its venue in the same money."""
    index = one.at(times, "marks", "index")
    for other in group:
        mine, its = one.instrument, other.instrument
        if its.kind == "spot" and its.venue == mine.venue and same_money(its.quote, mine.quote):
            spot = other.at(times, "bars", "close")
            return np.where(np.isnan(index), spot, index)
    return index


def _neighbours(values: Float1D) -> Float1D:
    """Median of the twelve values on either side."""
    held = pl.Series(values).fill_nan(None)
    median = held.rolling_median(25, min_samples=8, center=True)
    return median.to_numpy().astype(np.float64)


def _stopped(one: Tables, group: Sequence[Tables]) -> tuple[Mask, Mask, Float1D]:
    """Bars that look as if they stopped early, which of these have a premium index, and by how much."""
    times, close, opened = (
        one.times("bars"), one.column("bars", "close"), one.column("bars", "open")
    )  # fmt: skip
    reference = _reference(one, group, times)
    with np.errstate(invalid="ignore"):
        basis = np.log(close / reference)
        jump = np.append(np.log(opened[1:] / close[:-1]), np.nan)
    jump[:-1][np.diff(times) != one.bar_ns] = np.nan
    premium = one.at(times, "marks", "premium")
    judged = ~np.isnan(premium)
    expected = np.where(judged, premium, _neighbours(basis))
    off = basis - expected
    off -= np.nan_to_num(local_quantile(off, 2 * WEEK, 0.5))
    usual = SIGMA * local_quantile(np.abs(off), 2 * WEEK, 0.5)
    usual_jump = local_quantile(np.abs(jump), 2 * WEEK, 0.95)
    bad = (np.abs(off) > np.maximum(BROKEN_LEAST, BROKEN_DEVIATIONS * usual)) & (off * jump < 0)
    bad &= np.abs(jump) > np.maximum(0.5 * np.abs(off), np.maximum(BROKEN_LEAST, BROKEN_JUMP * usual_jump))
    return bad, judged & bad, off


def broken_bars(group: Sequence[Tables]) -> list[Finding]:
    """Bars of a derivative that stop early: the close leaves spot (or index), the premium does not.

    A bar is broken if its basis less its premium index (without one: less the median basis of the
    hours around) is off by six usual deviations and 3 bp, and the next open takes back half of that
    at least, where the opens of its fortnight follow the close twice as closely. Without a premium
    index two derivatives of the venue must break in the same bar and direction.
    """
    held = [one for one in group if one.has("bars") and one.instrument.is_derivative]
    found = []
    for venue in sorted({one.instrument.venue for one in held}):
        judged = [(one, *_stopped(one, group)) for one in held if one.instrument.venue == venue]
        suspects = [
            one.times("bars")[bad] * np.sign(off[bad]).astype(np.int64) for one, bad, _, off in judged
        ]
        times, count = np.unique(np.concatenate(suspects), return_counts=True)
        together = times[count > 1]
        for (one, bad, sure, off), signed in zip(judged, suspects, strict=True):
            broken = bad.copy()
            broken[bad] = np.isin(signed, together)
            broken |= sure
            for span in spans(one.times("bars"), broken, DAY_NS):
                inside = broken & (one.times("bars") >= span[0]) & (one.times("bars") <= span[1])
                worst = off[inside][np.argmax(np.abs(off[inside]))]
                against = "its premium index" if sure[inside].any() else "the hours around"
                told = f"close {1e4 * worst:+.1f} bp beside what {against} says, undone by the next open"
                found.append(finding(one.series("bars"), "broken_bar", span, told))
    return found


def outliers(group: Sequence[Tables]) -> list[Finding]:
    """Closes that jump and are back in the next bar, unless another series of the coin jumped too.

    For the size of a jump see `undone`; another series jumped if it moved half as far the same way.
    """
    held = [one for one in group if one.has("bars")]
    found = []
    for one in held:
        times, close = one.times("bars"), one.column("bars", "close")
        bad = undone(close)
        if not bad.any():
            continue
        move = np.diff(np.log(close), prepend=np.nan)
        for other in held:
            if other is not one and bad.any():
                its = np.diff(np.log(other.at(times, "bars", "close")), prepend=np.nan)
                bad &= ~(its * np.sign(move) > 0.5 * np.abs(move))
        for span in spans(times, bad, DAY_NS):
            inside = bad & (times >= span[0]) & (times <= span[1])
            worst = move[inside][np.argmax(np.abs(move[inside]))]
            told = f"close jumps by {worst:+.2%} and is back in the next bar"
            found.append(finding(one.series("bars"), "outlier", span, told))
    return found


def ranges(group: Sequence[Tables]) -> list[Finding]:
    """Highs and lows outside of the range of every other series of the coin, by 2 % and ten usual distances.

    Two others must have the bar: of two alone nobody can say which is wrong.
    """
    held = [one for one in group if one.has("bars")]
    found = []
    for one in held:
        times = one.times("bars")
        others = [other for other in held if other is not one and other.bar_ns == one.bar_ns]
        bad, worst = np.zeros(len(times), dtype=np.bool_), np.zeros(len(times))
        for name, sign in (("high", 1.0), ("low", -1.0)):
            beyond, judges = np.full(len(times), np.inf), np.zeros(len(times))
            for other in others:
                with np.errstate(invalid="ignore"):
                    over = sign * np.log(one.column("bars", name) / other.at(times, "bars", name))
                if (over > RANGE_LEAST).any():  # a future lies above spot at all times
                    over -= np.nan_to_num(local_quantile(over, WEEK, 0.5))
                beyond = np.fmin(beyond, over)  # unknown others say nothing
                judges += ~np.isnan(over)
            beyond[judges < LEAST_JUDGES] = np.nan
            if not (beyond > RANGE_LEAST).any():
                continue
            usual = local_quantile(np.abs(beyond), WEEK, 0.5)
            alone = beyond > np.maximum(RANGE_LEAST, RANGE_DISTANCES * usual)
            bad |= alone
            worst = np.where(alone, np.maximum(worst, beyond), worst)
        for span in spans(times, bad, DAY_NS):
            inside = bad & (times >= span[0]) & (times <= span[1])
            told = f"high or low {worst[inside].max():.1%} outside of every other series"
            found.append(finding(one.series("bars"), "range", span, told))
    return found


def _lag(first: Float1D, second: Float1D) -> tuple[int, float, float]:
    """The lag, in rows, at which the second series moves like the first, and both correlations."""
    by_lag = {}
    for lag in range(-LAGS, LAGS + 1):
        a = first[: len(first) - lag] if lag >= 0 else first[-lag:]
        b = second[lag:] if lag >= 0 else second[:lag]
        by_lag[lag] = correlation(a, b)
    best = max(by_lag, key=lambda lag: by_lag[lag])
    return best, by_lag[best], by_lag[0]


def shift(times: Int1D, true: Float1D, tested: Float1D, step_ns: int) -> list[tuple[int, int, int, int, str]]:
    """Months in which one price runs before or after another: first and last time, rows, lag, words.

    Lead-lag cross-correlation of returns of one row; a month counts with 200 rows known, if the best
    of ±12 lags has a correlation of 0.4 and beats no lag by 0.2. Neighbouring months with the same lag
    are one.
    """
    regular = np.diff(times, prepend=times[:1] - step_ns) == step_ns
    with np.errstate(invalid="ignore"):
        moves = [
            np.where(regular, np.diff(np.log(prices), prepend=np.nan), np.nan) for prices in (true, tested)
        ]
    found: list[tuple[int, int, int, int, str]] = []
    for inside in months(times):
        first, second = moves[0][inside], moves[1][inside]
        if (~np.isnan(first + second)).sum() < ENOUGH_ROWS or correlation(first, second) > 1 - BETTER:
            continue  # too few rows to say, or nothing can be better
        lag, best, none = _lag(first, second)
        if lag and best >= LEAST_CORRELATION and best - none >= BETTER:
            start, end, rows = int(times[inside][0]), int(times[inside][-1]), inside.stop - inside.start
            told = f"correlation {best:.2f}, without the shift {none:.2f}"
            if found and found[-1][3] == lag and start - found[-1][1] <= 31 * DAY_NS:
                found[-1] = (found[-1][0], end, found[-1][2] + rows, lag, found[-1][4])
            else:
                found.append((start, end, rows, lag, told))
    return found


def clock_shifts(group: Sequence[Tables]) -> list[Finding]:
    """Prices that move before or after others: an index against its own bars, bars against the longest."""
    held = [one for one in group if one.has("bars")]
    found = []
    longest = max(held, key=lambda one: one.frames["bars"].height, default=None)
    for one in held:
        times, step = one.times("bars"), one.bar_ns
        close = one.column("bars", "close")
        pairs = [("marks", close, one.at(times, "marks", "index"), "its own bars")]
        if longest is not None and longest is not one and longest.bar_ns == step:
            true = longest.at(times, "bars", "close")
            pairs.append(("bars", true, close, longest.instrument.id))
        for table, true, tested, whose in pairs:
            for start, end, rows, lag, told in shift(times, true, tested, step):
                way = "behind" if lag > 0 else "before"
                words = f"{hours(abs(lag) * step):g} h {way} {whose}: {told}"
                found.append(finding(one.series(table), "clock_shift", (start, end, rows), words))
    return found


def levels(group: Sequence[Tables]) -> list[Finding]:
    """Months in which the price of a series lies 2 % or more from the longest of its coin, in the median."""
    held = [one for one in group if one.has("bars") and one.instrument.kind not in ("future", "synthetic")]
    longest = max(held, key=lambda one: one.frames["bars"].height, default=None)
    found = []
    for one in held:
        if one is longest or longest is None:
            continue
        times = one.times("bars")
        with np.errstate(invalid="ignore"):
            apart = np.log(one.column("bars", "close") / longest.at(times, "bars", "close"))
        middle = np.zeros(len(times))
        for month in months(times):
            known = apart[month][~np.isnan(apart[month])]
            middle[month] = np.median(known) if len(known) else 0.0
        for span in spans(times, np.abs(middle) > APART, 31 * DAY_NS):
            typical = np.median(middle[(times >= span[0]) & (times <= span[1])])
            told = f"{np.expm1(typical):+.1%} from {longest.instrument.id}, in the median"
            found.append(finding(one.series("bars"), "disagreement", span, told))
    return found


def against(series: Series, held: pl.DataFrame, new: pl.DataFrame, name: str) -> list[Finding]:
    """One series from two sources: values that differ, a clock that is shifted, a rate in another unit.

    If at another offset of up to twelve hours nine tenths of the values are equal that differ as they
    stand, the clock is shifted; else if their ratio is the same everywhere, the unit differs.
    """
    stamps, values = held["time"].to_numpy(), held[name].to_numpy().astype(np.float64)
    times = new["time"].to_numpy()
    if series.table == "funding":  # settlements are on the hour, their stamps a little after it
        times = np.round(times / HOUR_NS).astype(np.int64) * HOUR_NS
    mine = new[name].to_numpy().astype(np.float64)
    equal = {}
    for offset in range(-LAGS, LAGS + 1):
        theirs = matched(times - offset * HOUR_NS, stamps, values)
        known = ~np.isnan(theirs + mine)
        same = np.abs(theirs - mine) <= SAME_RATE + SAME_RATE * np.abs(theirs)
        equal[offset] = (int((known & same).sum()), int(known.sum()))
    share = {offset: same / max(known, 1) for offset, (same, known) in equal.items()}
    best = max((offset for offset in equal if equal[offset][1] >= 30), key=lambda n: share[n], default=0)
    if best and share[best] > 0.9 and share[best] - share[0] > 0.2:
        way = "behind" if best > 0 else "before"
        equal_there = f"{share[best]:.0%} of values equal there, {share[0]:.0%} as they stand"
        told = f"{abs(best)} h {way} the catalogue: {equal_there}"
        return [finding(series, "clock_shift", (int(times[0]), int(times[-1]), len(times)), told)]
    theirs = matched(times, stamps, values)
    differ = np.abs(theirs - mine) > SAME_RATE + SAME_RATE * np.abs(theirs)
    if not differ.any():
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(differ & (np.abs(theirs) > SAME_RATE), mine / theirs, np.nan)
    known = ratio[~np.isnan(ratio)]
    middle = float(np.median(known)) if len(known) else np.nan
    told = f"{name} differs from the catalogue in {int(differ.sum())} of {equal[0][1]} rows"
    if len(known) >= 30 and (np.abs(known / middle - 1) < 1e-3).mean() > 0.9:
        told += f", it is {middle:.4g} of it"
    return [finding(series, "disagreement", span, told) for span in spans(times, differ, 31 * DAY_NS)]
