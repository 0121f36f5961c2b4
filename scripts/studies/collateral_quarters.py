"""The same hedge begun anew at each quarter and held for ninety days: what the worst start would have needed.

Over years one quantity of coins is a matter of how far the price went; over ninety days it is one of how
fast it went, and there it counts when cash arrives.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from collateral_pairs import PAIRS, PORTFOLIO, RESTORED, SEPARATE, UNIFIED, Pair, absent
from collateral_runs import Case, Series, series_of
from collateral_search import Search, apart, restored, together

from narrows.core.time import HOUR_NS, iso

HELD_H = 90 * 24
LANE = "high_low"
LONG_ENOUGH = 8  # quarters that a series must have
STRUCTURES = (SEPARATE, *RESTORED, UNIFIED, PORTFOLIO)


@dataclass(frozen=True)
class Held:
    """The least collateral of one start, over the notional then: behind the first leg, behind the second."""

    pair: str
    direction: str
    structure: str
    start: str
    first: float
    second: float

    @property
    def collateral(self) -> float:
        """Behind both legs together."""
        return self.first + self.second


def starts(series: Series) -> list[int]:
    """Bars at which a quarter begins and ninety days are left."""
    stamps = (series.panel.time_ns - series.panel.bar_ns).astype("datetime64[ns]")
    quarters = stamps.astype("datetime64[M]").astype(np.int64) // 3
    bars = round(HELD_H * HOUR_NS / series.panel.bar_ns)
    found = [0] if stamps[0] == stamps[0].astype("datetime64[M]") else []
    found += (np.flatnonzero(np.diff(quarters)) + 1).tolist()
    return [bar for bar in found if bar + bars <= len(stamps)]


def worth_it(pair: Pair) -> bool:
    """Whether a pair is hourly and neither leg is dated: only those are long enough for many starts."""
    return pair.bar == "1h" and not pair.end


def begun(series: Series, start: int) -> list[Held]:
    """One start of a pair, both directions, all structures."""
    bars = round(HELD_H * HOUR_NS / series.panel.bar_ns)
    cut = replace(series, made=[], panel=series.panel.rows(start, start + bars))
    told = []
    for long in (True, False):
        near = (0.3, 0.3)
        for structure in STRUCTURES:
            if absent(series.pair, structure):
                continue
            search = Search(Case(cut, long, structure), LANE, {})
            if structure.delay_h:
                found = restored(search, sum(near))
            elif structure.separate:
                found = apart(search, near, None)
            else:
                found = together(search, sum(near))
            near = (max(found[0], 0.02), max(found[1], 0.02))
            told.append(
                Held(
                    pair=series.pair.title,
                    direction="long" if long else "reverse",
                    structure=structure.name,
                    start=iso(int(cut.panel.time_ns[0]) - cut.panel.bar_ns)[:10],
                    first=round(found[0], 4),
                    second=round(found[1], 4),
                )
            )
    return told


def held(series: Series) -> list[Held]:
    """All starts of a pair; none if there are fewer than LONG_ENOUGH."""
    found = starts(series)
    return [one for start in found for one in begun(series, start)] if len(found) >= LONG_ENOUGH else []


def _of_pair(pair: Pair, catalog: Path) -> list[Held]:
    return held(series_of(pair, catalog))


def all_held(catalog: Path, pairs: Sequence[Pair] = PAIRS, workers: int = 2) -> list[Held]:
    """Of every pair that has starts enough."""
    chosen = [pair for pair in pairs if worth_it(pair)]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:  # a fork would inherit polars' locks
        found = list(pool.map(_of_pair, chosen, [catalog] * len(chosen)))
    return [one for told in found for one in told]
