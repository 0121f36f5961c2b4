"""Who survives: the hedges of the stress studies again, with their winning leg deleveraged by the venue.

Every window has one hedge whose perpetual wins in it: the one against which auto-deleveraging is
directed. It is struck in the hour of the largest move, and taken again at the next open.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stress_runs import CAPITAL, STRUCTURES, HoldOnce, Run, Structure, Study, desk_of

from narrows.core.arrays import Int1D
from narrows.core.time import iso
from narrows.sim.backtest import backtest

SHARES = (0.5, 1.0)  # of the winning leg that the venue closes
WAYS = (0.0, 0.5, 1.0)  # bankruptcy price of the losers, from the open of the hour to its extreme
DETECTED_H = (0, 1, 4)  # until the desk notices
LATER = 8  # bars after the ADL, when what it cost is reckoned: the legs are even again by then
WAY = 0.5  # of the table
HARD_HAIRCUT = 0.5  # how much worse than assumed owned coins may count
COMPARED = (
    "separate, cross", "separate, isolated", "unified, cross", "unified, portfolio",
    "unified, cross, full", "unified, portfolio, full",
)  # fmt: skip
ACCOUNTS = tuple(
    next(one for one in STRUCTURES if one.name == name and one.leverage == 3.0) for name in COMPARED
)


@dataclass(frozen=True, eq=False)
class Episode:
    """The hour of a window in which the winning leg of a hedge is deleveraged."""

    study: Study
    long: bool  # the hedge whose perpetual wins: long the spread in a fall
    bar: int

    @property
    def began(self) -> float:
        """The perpetual at the open of the hour."""
        return float(self.study.of("open", 1)[self.bar])

    @property
    def extreme(self) -> float:
        """The perpetual at its low (high) in the hour."""
        return float(self.study.of("low" if self.long else "high", 1)[self.bar])

    def price(self, way: float) -> float:
        """A bankruptcy price so far from the open to the extreme."""
        return self.began + way * (self.extreme - self.began)

    def keys(self, share: float, way: float, detect_h: float) -> str:
        """What the desk file says of it."""
        panel = self.study.panel
        return (
            f"detect_h = {detect_h}\n"
            f'[[events]]\nvenue = "{self.study.window.venue}"\nkind = "adl"\n'
            f"start = {iso(int(panel.time_ns[self.bar]) - panel.bar_ns)}\n"
            f'side = "{"short" if self.long else "long"}"\nshare = {share}\nprice = {self.price(way)}\n'
            'reason = "what if"\n'
        )


def episode(study: Study) -> Episode:
    """Which hedge wins in a window, and the largest move for it in an hour that it begins with a profit."""
    opens, lows, highs = (study.of(name, 1) for name in ("open", "low", "high"))
    falls = bool(opens[1] - lows.min() > highs.max() - opens[1])
    moves = 1.0 - lows / opens if falls else highs / opens - 1.0
    hours = winning(study, falls)
    return Episode(study, falls, int(hours[np.argmax(moves[hours])]))


def winning(study: Study, falls: bool) -> Int1D:
    """Bars that the perpetual of the winning hedge begins with a profit; the last has no next open."""
    opens = study.of("open", 1)
    profit = opens[1] - opens if falls else opens - opens[1]
    profit[[0, 1, -1]] = 0.0
    return np.flatnonzero(profit > 0.0)


def struck(found: Episode, structure: Structure, share: float, way: float = WAY, detect_h: float = 0) -> Run:
    """A hedge that is deleveraged, and then taken again."""
    window = found.study.window
    desk = desk_of(window, structure, found.long, Path("catalog"), found.keys(share, way, detect_h))
    hold = HoldOnce(size=float(desk.parameters["size"]), again=structure.leverage)
    result = backtest(desk, found.study.panel, hold)
    return Run(window, structure, found.long, result)


@dataclass(frozen=True, eq=False)
class Case:
    """One hedge in one market under each account; `share` of its winning leg is deleveraged, 0 = none."""

    study: Study
    long: bool
    share: float
    runs: Mapping[str, Run]


@dataclass(frozen=True, eq=False)
class Survival:
    """All cases, and what an ADL of the whole leg costs by its price and the time until it is noticed."""

    episodes: tuple[Episode, ...]
    cases: tuple[Case, ...]
    costs: Mapping[tuple[str, str, float, float], Run]  # window, structure, way, detect_h
    hard: tuple[Run, ...]  # one account, owned coins counted at HARD_HAIRCUT

    def case(self, window: str, long: bool, share: float) -> Case:
        """One of them."""
        return next(
            one for one in self.cases if (one.study.window.name, one.long, one.share) == (window, long, share)
        )

    def cost(self, found: Episode, structure: str, way: float, detect_h: float) -> float:
        """Equity that an ADL of the whole leg takes until LATER, over the capital; negative = it gives."""
        name, bar = found.study.window.name, found.bar + LATER
        unharmed = self.case(name, found.long, 0.0).runs[structure].result
        harmed = self.costs[name, structure, way, detect_h].result
        return float(unharmed.equity[bar] - harmed.equity[bar]) / CAPITAL


def _cases(found: Episode) -> Iterator[Case]:
    study = found.study
    for long in (True, False):
        direction = "long" if long else "reverse"
        runs = {one.name: study.run(direction, one.name, one.leverage) for one in ACCOUNTS}
        yield Case(study, long, 0.0, runs)
        for share in SHARES if long is found.long else ():
            yield Case(study, long, share, {one.name: struck(found, one, share) for one in ACCOUNTS})


def _costs(found: Episode) -> Iterator[tuple[tuple[str, str, float, float], Run]]:
    """By price and detection: of one account by tiers, and where the coins are owed of the two that are full."""
    names = ("unified, cross",) if found.long else ("unified, cross", *COMPARED[-2:])
    for structure in (one for one in ACCOUNTS if one.name in names):
        for way in WAYS:
            for detect_h in DETECTED_H:
                run = struck(found, structure, 1.0, way, detect_h)
                yield (found.study.window.name, structure.name, way, detect_h), run


def _hard(study: Study) -> Iterator[Run]:
    """The hedge that owns coins, these counted at far less than assumed."""
    for structure in (one for one in ACCOUNTS if one.account == "unified"):
        desk = desk_of(study.window, structure, True, Path("catalog"), haircut=HARD_HAIRCUT)
        result = backtest(desk, study.panel, HoldOnce(size=float(desk.parameters["size"])))
        yield Run(study.window, structure, True, result)


def survival(found: Iterable[Study]) -> Survival:
    """All of it, from the studies of every window."""
    episodes = tuple(episode(one) for one in found)
    return Survival(
        episodes,
        tuple(case for one in episodes for case in _cases(one)),
        dict(pair for one in episodes for pair in _costs(one)),
        tuple(run for one in episodes for run in _hard(one.study)),
    )
