"""Tables of the collateral study: collateral by structure, by delay, and of ninety days from each quarter."""

from collections.abc import Sequence

import numpy as np
from collateral_pairs import PAIRS, RESTORED, STRUCTURES, Structure, absent
from collateral_quarters import Held
from collateral_runs import LANES
from collateral_search import Answer

DIRECTIONS = ("long", "reverse")
STANDING = tuple(one for one in STRUCTURES if not one.delay_h)
Told = dict[tuple[str, str, str, str], Answer]  # by pair, direction, structure, lane
Starts = dict[tuple[str, str, str], list[Held]]  # by pair, direction, structure


def by_case(found: Sequence[Answer]) -> Told:
    """Answers by pair, direction, structure and lane."""
    return {(one.pair, one.direction, one.structure, one.lane): one for one in found}


def by_start(found: Sequence[Held]) -> Starts:
    """Starts by pair, direction and structure."""
    told: Starts = {}
    for one in found:
        told.setdefault((one.pair, one.direction, one.structure), []).append(one)
    return told


def amount(value: float) -> str:
    """Collateral over the notional, three digits."""
    if value == 0.0:
        return "0"
    return f"{value:.2f}" if value < 10.0 else f"{value:.1f}"


def leverage(value: float) -> str:
    """The notional of a leg over so much collateral."""
    if value == 0.0:
        return "∞"
    times = 1.0 / value
    return f"{times:.0f}×" if times >= 9.5 else f"{times:.2g}×"


def cell(told: Told, pair: str, direction: str, structure: Structure) -> str:
    """By closes / by highs and lows; the leverage of the latter and what day binds it."""
    closes, inside = (told.get((pair, direction, structure.name, lane)) for lane in LANES)
    if closes is None or inside is None:
        return "–"
    binding = inside.at[:10] if inside.leg not in ("", "entry") else "entry" if inside.leg else ""
    more = ", ".join(one for one in (leverage(inside.collateral), binding) if one)
    return f"{amount(closes.collateral)} / {amount(inside.collateral)}<br>{more}"


def structures_table(told: Told, structures: Sequence[Structure]) -> str:
    """A row for each pair and direction, a column for each structure."""
    names = [one.name.removeprefix("restore ") for one in structures]
    lines = ["| series | direction | " + " | ".join(names) + " |", "|---|---|" + "---:|" * len(names)]
    for pair in PAIRS:
        for direction in DIRECTIONS:
            cells = [cell(told, pair.title, direction, one) for one in structures]
            lines.append(f"| {pair.title} | {direction} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def starts_table(starts: Starts, structures: Sequence[Structure]) -> str:
    """Median and worst of all starts, and which was the worst."""
    names = [one.name for one in structures]
    lines = [
        "| series | direction | starts | " + " | ".join(names) + " |",
        "|---|---|---:|" + "---:|" * len(names),
    ]
    for pair in PAIRS:
        for direction in DIRECTIONS:
            cells = []
            for one in structures:
                found = starts.get((pair.title, direction, one.name))
                cells.append("–" if not found else of_starts(found))
            if any(one != "–" for one in cells):
                count = len(starts[pair.title, direction, structures[0].name])
                lines.append(f"| {pair.title} | {direction} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def of_starts(found: Sequence[Held]) -> str:
    """Median / worst, and the start of the worst."""
    most = worst(found)
    began = f"<br>{most.start[:7]}" if most.collateral else ""
    return f"{amount(median(found))} / {amount(most.collateral)}{began}"


def median(found: Sequence[Held]) -> float:
    """Of the collateral of all starts."""
    return float(np.median([one.collateral for one in found]))


def worst(found: Sequence[Held]) -> Held:
    """The start that needs most."""
    return max(found, key=lambda one: one.collateral)


def left_out() -> str:
    """Which structures which pairs do not have, and why."""
    reasons: dict[str, dict[str, None]] = {}
    for pair in PAIRS:
        for one in STRUCTURES:
            why = absent(pair, one)
            if why and one not in RESTORED:
                reasons.setdefault(f"{one.name}: {why}", {})[pair.title] = None
    return "; ".join(
        f"*{why}* ({', '.join(pairs) if len(pairs) < 3 else f'{len(pairs)} series'})"
        for why, pairs in reasons.items()
    )
