"""The specification of collateral, borrowing and ADL: plain Python, written apart, same bits."""

import math

HOUR = 3_600_000_000_000
Table = list[tuple[float, float]]  # (floor, weight)


def pledge(table: Table, below: float, value: float) -> float:
    if math.isnan(value) or value <= 0.0:
        return value
    if not table:
        return 0.0
    ends = [floor for floor, _ in table[1:]] + [math.inf]
    counted, begin, left = 0.0, below, value
    for (_, weight), end in zip(table, ends, strict=True):
        if end <= below:
            continue
        if end - begin >= left:
            return counted + weight * left
        width = end - begin
        counted += weight * width
        left -= width
        begin = end
    raise AssertionError


def counted(table: Table, in_coin: bool, below: float, quantity: float, price: float) -> float:
    if in_coin:
        return pledge(table, below, quantity) * price
    return pledge(table, below * price, quantity * price)


def to_repay(cash: float, limit: float, kept: float) -> float:
    return -cash - kept * limit if -cash > limit else 0.0


def sold_for(needed: float, price: float, cost: float, held: float) -> tuple[float, float]:
    proceeds_of_one = price * (1.0 - cost)
    if needed <= 0.0 or held <= 0.0 or math.isnan(price) or proceeds_of_one <= 0.0:
        return 0.0, 0.0
    wanted = needed / proceeds_of_one
    return (held, held * proceeds_of_one) if wanted >= held else (wanted, needed)


def strikes_in(every: int, offset: int, start: int, end: int) -> int:
    """Strikes of the clock in [start, end), one after the other."""
    time = offset - every * (1 + (offset - start) // every)
    found = 0
    while time < end:
        found += time >= start
        time += every
    return found


def hours_charged(style: str, every: int, offset: int, opened: int, start: int, end: int) -> float:
    begin = max(opened, start)
    if begin >= end:
        return 0.0
    if style == "continuous":
        return (end - begin) / HOUR
    found = strikes_in(every, offset, begin, end)
    if style == "begun" and begin == opened and (opened - offset) % every:
        found += 1
    return found * (every / HOUR)


def value(kind: str, quantity: float, price: float) -> float:
    """Signed, so that it rises with the profit."""
    return -quantity / price if kind == "inverse" else quantity * price


def profit(kind: str, quantity: float, before: float, after: float) -> float:
    if kind == "inverse":
        return quantity * (1.0 / before - 1.0 / after)
    return quantity * (after - before)


def effective_leverage(kind: str, quantity: float, mark: float, bankrupt: float) -> float:
    left = profit(kind, quantity, bankrupt, mark)
    return abs(value(kind, quantity, mark)) / left if left > 0.0 else math.inf


def profit_share(kind: str, quantity: float, entry: float, mark: float) -> float:
    return profit(kind, quantity, entry, mark) / abs(value(kind, quantity, entry))


def allocate(quantity: float, ranks: list[float], held: list[float]) -> tuple[list[float], float]:
    taken, left = [0.0] * len(ranks), quantity
    for i in sorted(range(len(ranks)), key=lambda i: -ranks[i]):  # stable: of equals the first
        if ranks[i] > 0.0 and left > 0.0:
            taken[i] = min(left, held[i])
            left -= taken[i]
    return taken, left
