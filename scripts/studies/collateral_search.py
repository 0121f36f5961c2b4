"""The least collateral with which a hedge survives: a bisection for each structure, and its answers as a table.

Nothing is assumed of the way between: around each answer the cases are run again with less and with
more, and where more collateral does worse than less, or less better than the answer, that is kept.
"""

import csv
import io
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from collateral_pairs import PAIRS, SEPARATE, STRUCTURES, Pair, Structure, absent
from collateral_runs import LANES, Case, End, Series, series_of

from narrows.core.time import iso

TOLERANCE = 1.0025  # an answer lives, and what is less by this factor dies
PLENTY = 1000.0  # collateral that nothing exhausts, over the notional
ENDLESS = 1e6  # where the search gives up
ABOVE = (1.05, 1.2, 1.5, 2.5)  # of an answer: what must live too
PROBES = (0.3, 0.5, 0.7, 0.85, 0.95, *ABOVE)  # of an answer, to see whether survival is monotone


@dataclass(frozen=True)
class Answer:
    """The least collateral of a case, judged in one lane; amounts over the notional of a leg at the start.

    `leg`, `at`, `moved`, `carry` say what ends the hedge with a little less: see collateral_runs.End. `odd`
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


Row = TypeVar("Row")
Split = Callable[[float], tuple[float, float]]  # collateral → behind the first leg, behind the second


@dataclass(frozen=True, eq=False)
class Search:
    """One case judged in one lane; runs are kept."""

    case: Case
    lane: str
    kept: dict[tuple[float, float], int | None]

    def died(self, first: float, second: float) -> int | None:
        """The leg at which the hedge ends; None = it survives."""
        if (first, second) not in self.kept:
            self.kept[first, second] = self.case.died(first, second, self.lane)
        return self.kept[first, second]

    def lives(self, split: Split, leg: int | None = None) -> Callable[[float], bool]:
        """Whether it survives, as a function of collateral; of one wallet only, if its leg is given."""

        def judged(amount: float) -> bool:
            died = self.died(*split(amount))
            return died is None or (leg is not None and died not in (leg, -1))

        return judged


def least(lives: Callable[[float], bool], guess: float) -> float:
    """The least amount that lives, to TOLERANCE: outwards from a guess until it lies between, then halved.

    Raises
    ------
    ValueError
        If nothing up to ENDLESS lives.
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
        if high > ENDLESS:
            raise ValueError(f"{high:g} times the notional are not enough")
    return _between(lives, low, high)


def _between(lives: Callable[[float], bool], low: float, high: float) -> float:
    """An amount that lives, between one that dies and one that lives, to TOLERANCE."""
    while high / low > TOLERANCE:
        middle = math.sqrt(low * high)
        if lives(middle):
            high = middle
        else:
            low = middle
    return high


def _spread(share: float) -> Split:
    return lambda amount: (amount * (1.0 - share), amount * share)


def apart(search: Search, guess: tuple[float, float], first: float | None) -> tuple[float, float]:
    """Least collateral of each of two wallets that never help each other; the first's, if it is known."""
    owned = search.case.long and search.case.series.pair.spot  # spot that is owned needs none
    if first is None:
        first = 0.0 if owned else least(search.lives(lambda amount: (amount, PLENTY), leg=0), guess[0])
    plenty = 0.0 if owned else PLENTY
    return first, least(search.lives(lambda amount: (plenty, amount), leg=1), guess[1])


def together(search: Search, guess: float) -> tuple[float, float]:
    """Least collateral of one account; it is written down behind the second leg."""
    lives = search.lives(_spread(1.0))
    needs_none = search.case.paid > 0.0 and lives(0.0)
    return 0.0, 0.0 if needs_none else least(lives, guess)


def enough(lives: Callable[[float], bool], guess: float) -> float:
    """The least amount that lives, and of which all ABOVE do: what is sent from wallet to wallet is no
    monotone affair, so that less than this may live by the luck of its timing."""
    found = least(lives, guess)
    while worse := [found * more for more in ABOVE if not lives(found * more)]:
        low = max(worse)
        high = low * ABOVE[0]
        while not lives(high):
            low, high = high, high * ABOVE[0]
        found = _between(lives, low, high)
    return found


def restored(search: Search, guess: float) -> tuple[float, float]:
    """Least collateral of two wallets that send each other cash, half of it in each at the start."""
    split = _spread(0.5)
    return split(enough(search.lives(split), guess))


def _scaled(search: Search, found: tuple[float, float]) -> Split:
    """An answer times a factor. Isolated margin limits the spot wallet's leverage too, so it has plenty."""
    first, second = found
    if search.case.structure.margin == "isolated" and first:
        return lambda factor: (PLENTY, second * factor)
    return lambda factor: (first * factor, second * factor)


def _odd(search: Search, found: tuple[float, float]) -> str:
    """Probes around an answer that end otherwise than a monotone survival would."""
    if not sum(found):
        return " ".join(f"{more:g}" for more in (0.1, 1.0) if search.died(0.0, more) is not None)
    lives = search.lives(_scaled(search, found))
    return " ".join(f"{probe:g}" for probe in PROBES if lives(probe) != (probe > 1.0))


def _binding(search: Search, found: tuple[float, float]) -> End | None:
    """What ends the hedge with a little less; of two wallets that never help each other, of the larger."""
    first, second = found
    case, split = search.case, _scaled(search, found)
    if not first + second:
        return None
    if case.structure.separate and not case.structure.delay_h and first:
        if first > second:
            case = replace(case, structure=SEPARATE, made=[])  # isolated or not, the spot wallet is the same
            split = lambda factor: (first * factor, PLENTY)  # noqa: E731
        else:
            split = lambda factor: (PLENTY, second * factor)  # noqa: E731
    ends = (case.end(*split(TOLERANCE**-n), search.lane) for n in (1, 2, 4))
    return next((end for end in ends if end), None)


def answers(series: Series, structures: Sequence[Structure] = STRUCTURES) -> list[Answer]:
    """Of a pair: both directions, all structures that it has, both lanes."""
    told = []
    for long in (True, False):
        near = dict.fromkeys(LANES, (1.0, 1.0))
        borrowed: dict[str, float | None] = dict.fromkeys(LANES)  # what the spot wallet needs
        for structure in structures:
            if absent(series.pair, structure):
                continue
            for lane in LANES:
                search = Search(Case(series, long, structure), lane, {})
                if structure.delay_h:
                    found = restored(search, sum(near[lane]))
                elif structure.separate:
                    isolated = structure.margin == "isolated"
                    found = apart(search, near[lane], borrowed[lane] if isolated else None)
                    borrowed[lane] = found[0]
                else:
                    found = together(search, sum(near[lane]))
                told.append(_answer(search, found))
                near[lane] = (max(found[0], 0.02), max(found[1], 0.02))
                if lane == LANES[0] and structure == structures[0]:
                    near[LANES[1]] = near[lane]
    return told


def _answer(search: Search, found: tuple[float, float]) -> Answer:
    pair, end = search.case.series.pair, _binding(search, found)
    legs = {-1: "entry", 0: pair.first, 1: pair.second}
    return Answer(
        pair=pair.title,
        direction="long" if search.case.long else "reverse",
        structure=search.case.structure.name,
        lane=search.lane,
        first=round(found[0], 4),
        second=round(found[1], 4),
        leg=legs[end.leg] if end else "",
        at=iso(end.time_ns) if end else "",
        moved=round(end.moved, 3) if end else math.nan,
        carry=round(end.carry, 3) if end else math.nan,
        odd=_odd(search, found),
    )


def _of_pair(pair: Pair, catalog: Path) -> list[Answer]:
    return answers(series_of(pair, catalog))


def searched(catalog: Path, pairs: Sequence[Pair] = PAIRS, workers: int = 2) -> list[Answer]:
    """All answers, in the order of the pairs."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:  # a fork would inherit polars' locks
        found = list(pool.map(_of_pair, pairs, [catalog] * len(pairs)))
    return [one for told in found for one in told]


def written(found: Sequence[Any]) -> str:
    """Dataclasses of one kind as CSV."""
    text = io.StringIO()
    table = csv.DictWriter(text, [one.name for one in fields(found[0])], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(one) for one in found)
    return text.getvalue()


def read(text: str, kind: Callable[..., Row]) -> list[Row]:
    """Dataclasses of a kind, of text and floats, from CSV."""
    numbers = {one.name for one in fields(kind) if one.type is float}  # type: ignore[arg-type]
    return [
        kind(**{name: float(value) if name in numbers else value for name, value in row.items()})
        for row in csv.DictReader(io.StringIO(text))
    ]
