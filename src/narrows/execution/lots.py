"""A split in whole lots, with the smallest order of each venue: exact where lots are alike, else bounded."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from narrows.core.arrays import Float1D, Int1D
from narrows.core.errors import ConfigError
from narrows.execution.router import Source, Split, divided, ready
from narrows.execution.steps import Steps, filled

REACH = 2  # lots of a coarse venue that are tried on each side of the split without lots
NUDGE = 1e-9  # of a lot: the distance to the next that is taken for float noise
MOST = 12  # venues: smallest orders may have to be tried venue by venue


def split_in_lots(sources: Sequence[Source], size: float) -> Split:
    """The cheapest division of a size into whole lots, each venue getting nothing or its smallest order.

    Parameters
    ----------
    sources : sequence of Source
        Each with its lot, in coin.
    size : float
        Coin. As much of it is filled as the finest lot allows; where the venues hold less, what they do.

    Returns
    -------
    Split
        Where all lots are alike it is exact: whole lots go one by one to the cheapest venue, and a venue
        left below its smallest order is tried both without and with at least that. Where lots differ, the
        finest are filled so and the coarse ones tried up to `REACH` lots around the split without lots:
        found best in every small case that was enumerated, but not proved. `judged − bound` says how
        much it can miss at most. What is unfilled counts at the marginal price when candidates are compared.

    Raises
    ------
    ConfigError
        If a lot is unknown, there is no source or too many, the size negative.

    References
    ----------
    Ibaraki & Katoh (1988), Resource Allocation Problems, ch. 4, for greedy whole units; Hochbaum &
    Shanthikumar (1990), J. ACM 37(4), for how near they lie to the split without lots.
    """
    ready(sources, size, "split_in_lots")
    for one in sources:
        if not one.lot > 0.0:
            raise ConfigError(
                f"the lot of {one.name} is not known", "split_in_lots", "give the instrument a lot"
            )
    if len(sources) > MOST:
        raise ConfigError(f"{len(sources)} venues", "split_in_lots", f"give the {MOST} best")
    lots = np.array([one.lot for one in sources])
    least = np.array([np.ceil(one.least / one.lot - NUDGE) for one in sources]).astype(np.int64)
    high = np.array([np.floor(one.steps.total / one.lot + NUDGE) for one in sources]).astype(np.int64)
    low = np.zeros(len(sources), dtype=np.int64)
    price = filled([one.steps for one in sources], size)[1]
    ranked = [
        (*_rank(sources, whole, size, price), tuple(whole * lots))
        for whole in _allowed(sources, least, low, high, size, price)
    ]
    sizes: Float1D = np.array(min(ranked)[2])
    done = float(sizes.sum())
    bound = divided(sources, filled([one.steps for one in sources], done)[0], price).judged
    return divided(sources, sizes, price, max(0.0, size - done), bound)


def _rank(sources: Sequence[Source], whole: Int1D, size: float, price: float) -> tuple[int, float]:
    """What is compared: finest lots left over, then cost with the rest at the marginal price."""
    lots = np.array([one.lot for one in sources])
    left = size - float((whole * lots).sum())
    cost = divided(sources, whole * lots, price).judged
    return int(np.floor(left / lots.min() + NUDGE)), cost + (price * left if left > 0.0 else 0.0)


def _allowed(
    sources: Sequence[Source], least: Int1D, low: Int1D, high: Int1D, size: float, price: float
) -> Iterator[Int1D]:
    """The best whole lots between bounds, or, where one is below its smallest order, of both ways out."""
    found = _combinations(sources, low, high, size)
    if not found:
        return
    best = min(found, key=lambda whole: _rank(sources, whole, size, price))
    short = np.flatnonzero((best > 0) & (best < least))
    if not len(short):
        yield best
        return
    venue = int(short[0])
    without, enough = high.copy(), low.copy()
    without[venue] = 0
    yield from _allowed(sources, least, low, without, size, price)
    if least[venue] <= high[venue]:
        enough[venue] = least[venue]
        yield from _allowed(sources, least, enough, high, size, price)


def _combinations(sources: Sequence[Source], low: Int1D, high: Int1D, size: float) -> list[Int1D]:
    """Candidates between bounds: coarse venues near the split without lots, the finest filled exactly."""
    lots = np.array([one.lot for one in sources])
    finest = float(lots.min())
    fine = lots <= finest * (1.0 + NUDGE)
    ideal = _ideal([one.steps for one in sources], lots, low, high, size)
    centre = np.floor(ideal / lots + NUDGE).astype(np.int64)
    tried = [
        range(max(n - REACH, a), min(n + 1 + REACH, b) + 1)
        for n, a, b in zip(centre[~fine], low[~fine], high[~fine], strict=True)
    ]
    parts = [one.steps for one, is_fine in zip(sources, fine, strict=True) if is_fine]
    found = []
    for coarse in product(*tried):
        whole = np.zeros(len(sources), dtype=np.int64)
        whole[~fine] = coarse
        left = size - float((whole * lots).sum())
        count = min(int(np.floor(left / finest + NUDGE)), int(high[fine].sum()))
        if count >= int(low[fine].sum()):
            whole[fine] = _greedy(parts, finest, low[fine], high[fine], count)
            found.append(whole)
    return found


def _ideal(parts: Sequence[Steps], lots: Float1D, low: Int1D, high: Int1D, size: float) -> Float1D:
    """The split between bounds without lots."""
    start, stop = low * lots, high * lots
    rest = [one.between(float(a), float(b)) for one, a, b in zip(parts, start, stop, strict=True)]
    return np.asarray(start + filled(rest, max(0.0, size - float(start.sum())))[0])


def _greedy(parts: Sequence[Steps], lot: float, low: Int1D, high: Int1D, count: int) -> Int1D:
    """Lots of one size, one by one to the venue where it costs least: exact, for costs are convex.

    No venue's best whole lots are further from the split without lots than one lot for each venue, so it
    starts so far below.
    """
    ideal = _ideal(parts, np.full(len(parts), lot), low, high, count * lot)
    start = np.floor(ideal / lot + NUDGE).astype(np.int64) - len(parts)
    lots = np.minimum(np.maximum(start, low), high)
    queue = [
        (_next(one, lot, int(n)), venue)
        for venue, (one, n) in enumerate(zip(parts, lots, strict=True))
        if n < high[venue]
    ]
    heapq.heapify(queue)
    for _ in range(count - int(lots.sum())):
        venue = heapq.heappop(queue)[1]
        lots[venue] += 1
        if lots[venue] < high[venue]:
            heapq.heappush(queue, (_next(parts[venue], lot, int(lots[venue])), venue))
    return lots


def _next(steps: Steps, lot: float, lots: int) -> float:
    """Cost of one lot more."""
    return steps.spent(lots * lot, (lots + 1) * lot)
