"""The least collateral with which a hedge survives: a bisection for each structure, and its answers as a table.

Nothing is assumed of the way between: around each answer the cases are run again with less and with
more, and where more collateral does worse than less, or less better than the answer, that is kept.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from survival_runs import PAIRS, STRUCTURES, Case, End, Outcome, Pair, Series, Structure, absent, series_of

from narrows.core.time import iso

LANES = ("closes", "high_low")
TOLERANCE = 1.0025  # an answer lives, and what is less by this factor dies
PLENTY = 1000.0  # collateral that nothing exhausts, over the notional
PROBES = (0.3, 0.7, 0.95, 1.05, 1.5, 4.0)  # of an answer, to see whether survival is monotone
SPLITS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)  # share of the collateral that stands behind the second leg
BETTER = 1.01  # by which another split must be better


@dataclass(frozen=True)
class Answer:
    """The least collateral of a case, judged in one lane; amounts over the notional of a leg at the start.

    `leg`, `at`, `moved`, `carry` say what ends the hedge with a little less: see survival_runs.End. `odd`
    lists the probes (as multiples of the answer) that did not turn out as a monotone survival would.
    """

    pair: str
    direction: str
    structure: str
    lane: str
    first: float
    second: float
    leg: str
    at: str
    moved: float
    carry: float
    odd: str

    @property
    def collateral(self) -> float:
        """Behind both legs together."""
        return self.first + self.second


Split = Callable[[float], tuple[float, float]]  # collateral → behind the first leg, behind the second


@dataclass(frozen=True, eq=False)
class Search:
    """Runs of one case that are kept, for both lanes learn from each."""

    case: Case
    kept: dict[tuple[float, float], Outcome]

    def end(self, first: float, second: float, lane: str) -> End | None:
        """What ends the hedge with so much collateral; None = it survives."""
        if (first, second) not in self.kept:
            self.kept[first, second] = self.case.outcome(first, second)
        return self.kept[first, second].judged(lane)

    def lives(self, split: Split, lane: str, leg: int | None = None) -> Callable[[float], bool]:
        """Whether it survives, as a function of collateral; of one wallet only, if its leg is given."""

        def judged(amount: float) -> bool:
            end = self.end(*split(amount), lane)
            return end is None or (leg is not None and end.leg not in (leg, -1))

        return judged


def least(lives: Callable[[float], bool], guess: float) -> float:
    """The least amount that lives, to TOLERANCE: outwards from a guess until it lies between, then halved.

    Raises
    ------
    ValueError
        If nothing up to PLENTY lives.
    """
    low = high = guess
    step = 1.01
    alive = lives(guess)
    while (lives(low) if alive else not lives(high)) and low > 1e-4:
        if alive:
            high, low = low, low / step
        else:
            low, high = high, high * step
        step = min(step * step, 2.0)
        if high > PLENTY:
            raise ValueError(f"{high:g} times the notional are not enough")
    while high / low > TOLERANCE:
        middle = math.sqrt(low * high)
        if lives(middle):
            high = middle
        else:
            low = middle
    return high


def _spread(share: float) -> Split:
    return lambda amount: (amount * (1.0 - share), amount * share)


def apart(search: Search, lane: str, guess: tuple[float, float]) -> tuple[float, float]:
    """Least collateral of each of two wallets that never help each other."""
    first = 0.0
    if not (search.case.long and search.case.series.pair.spot):
        first = least(search.lives(lambda amount: (amount, PLENTY), lane, leg=0), guess[0])
    plenty = PLENTY if first else 0.0
    isolated = search.case.structure.margin == "isolated"
    second = least(search.lives(lambda amount: (plenty, amount), lane, leg=1), guess[1])
    return first, second if not isolated else second


def together(search: Search, lane: str, guess: float) -> tuple[float, float]:
    """Least collateral of one account; it is written down behind the second leg."""
    split: Split = lambda amount: (0.0, amount)  # noqa: E731
    lives = search.lives(split, lane)
    return (0.0, 0.0) if lives(0.0) else split(least(lives, guess))


def restored(search: Search, lane: str, guess: float) -> tuple[float, float]:
    """Least collateral of two wallets that send each other cash, over how it is split at the start."""
    best, found = math.inf, (math.inf, math.inf)
    for share in SPLITS:
        lives = search.lives(_spread(share), lane)
        if best < math.inf and not lives(best / BETTER):
            continue
        best = least(lives, min(best / BETTER, guess))
        found = _spread(share)(best)
    return found


def _odd(search: Search, lane: str, found: tuple[float, float]) -> str:
    """Probes around an answer that end otherwise than a monotone survival would."""
    odd = []
    for probe in PROBES if sum(found) else ():
        end = search.end(found[0] * probe, found[1] * probe, lane)
        if (end is None) != (probe > 1.0):
            odd.append(f"{probe:g}")
    if not sum(found):
        odd = [f"{more:g}" for more in (0.1, 1.0) if search.end(0.0, more, lane)]
    return " ".join(odd)


def _binding(search: Search, lane: str, found: tuple[float, float]) -> End | None:
    """What ends the hedge with a little less."""
    if not sum(found):
        return None
    ends = [search.end(found[0] / TOLERANCE**n, found[1] / TOLERANCE**n, lane) for n in (1, 2, 4)]
    return next((end for end in ends if end), None)


def answers(series: Series, structures: Sequence[Structure] = STRUCTURES) -> list[Answer]:
    """Of a pair: both directions, all structures that it has, both lanes."""
    told = []
    for long in (True, False):
        guess = {lane: (1.0, 1.0) for lane in LANES}
        for structure in structures:
            if absent(series.pair, structure):
                continue
            search = Search(Case(series, long, structure), {})
            for lane in LANES:
                near = guess[lane]
                if structure.delay_h:
                    found = restored(search, lane, sum(near))
                elif structure.separate:
                    found = apart(search, lane, near)
                else:
                    found = together(search, lane, sum(near))
                guess[lane] = (max(found[0], 0.02), max(found[1], 0.02))
                if lane == LANES[0]:
                    guess[LANES[1]] = guess[lane]
                told.append(_answer(search, lane, found))
    return told


def _answer(search: Search, lane: str, found: tuple[float, float]) -> Answer:
    pair, end = search.case.series.pair, _binding(search, lane, found)
    legs = {-1: "entry", 0: pair.first, 1: pair.second}
    return Answer(
        pair=pair.title,
        direction="long" if search.case.long else "reverse",
        structure=search.case.structure.name,
        lane=lane,
        first=round(found[0], 4),
        second=round(found[1], 4),
        leg=legs[end.leg] if end else "",
        at=iso(end.time_ns) if end else "",
        moved=round(end.moved, 3) if end else math.nan,
        carry=round(end.carry, 3) if end else math.nan,
        odd=_odd(search, lane, found),
    )


def _of_pair(pair: Pair, catalog: Path) -> list[Answer]:
    return answers(series_of(pair, catalog))


def searched(catalog: Path, pairs: Sequence[Pair] = PAIRS, workers: int = 2) -> list[Answer]:
    """All answers, in the order of the pairs."""
    with ProcessPoolExecutor(workers) as pool:
        found = list(pool.map(_of_pair, pairs, [catalog] * len(pairs)))
    return [one for told in found for one in told]


def written(found: Iterable[Answer]) -> str:
    """As CSV."""
    text = io.StringIO()
    table = csv.DictWriter(text, [one.name for one in fields(Answer)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(one) for one in found)
    return text.getvalue()


def read(text: str) -> list[Answer]:
    """From CSV."""
    numbers = {one.name for one in fields(Answer) if one.type is float}
    return [
        Answer(**{name: float(value) if name in numbers else value for name, value in row.items()})
        for row in csv.DictReader(io.StringIO(text))
    ]
