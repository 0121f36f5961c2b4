"""Holdings: when each spread was held, from entry to whatever ended it."""

from dataclasses import dataclass

import numpy as np

from narrows.core.event import FILL_REASONS
from narrows.core.result import Result
from narrows.report.numbers import blind_bars, legs_of

LAST_BARS = 3  # before a holding is flat, and as many as it takes to notice: what was filled there ended it
GRAVEST = ("liquidation", "adl", "recall", "settlement", "repayment")
NOISE = 1e-9  # a position smaller than this share of its largest is nothing


@dataclass(frozen=True)
class Holding:
    """A spread held without a break, from bar `start` up to and including bar `last`."""

    spread: int
    start: int
    last: int
    side: int
    end: str


def holdings(result: Result) -> tuple[Holding, ...]:
    """Every time a spread was held, in order of entry; `end` says how it ended, "open" if it did not."""
    found: list[Holding] = []
    for spread in range(len(result.spreads)):
        legs = legs_of(result, spread)
        size = np.abs(result.position[:, legs])
        held = (size > NOISE * size.max(axis=0, initial=0.0)).any(axis=1) if len(legs) else np.empty(0, bool)
        edges = np.diff(np.concatenate(((False,), held, (False,))).astype(np.int8))
        for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            side = int(np.sign(result.position[start, legs[0]] * result.legs[legs[0]].ratio))
            found.append(
                Holding(spread, int(start), int(stop) - 1, side, _how_it_ended(result, legs, int(stop)))
            )
    return tuple(sorted(found, key=lambda one: (one.start, one.spread)))


def _how_it_ended(result: Result, legs: list[int], stop: int) -> str:
    """The gravest reason among the last fills: a leg that is taken away is followed by the others."""
    if stop >= len(result.time_ns):
        return "open"
    fills = result.fills
    first = result.time_ns[stop] - (LAST_BARS + blind_bars(result)) * result.desk.bar_ns
    near = np.isin(fills.leg, legs) & (fills.time_ns > first) & (fills.time_ns <= result.time_ns[stop])
    reasons = {FILL_REASONS[reason] for reason in fills.reason[near]}
    return next((word for word in GRAVEST if word in reasons), "exit")
