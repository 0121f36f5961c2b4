"""The specification of risk/margin and risk/liquidation: plain Python, written apart, same bits.

A leg is an object, a tier a tuple; prices are a list. Where a sum has more than one order, the
order here is the order.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

FAR = 1e9


class Tier(NamedTuple):
    floor: float
    rate: float
    deduction: float
    max_leverage: float


@dataclass
class PlainLeg:
    kind: str  # spot, linear, inverse, quanto
    quantity: float
    mark: float
    coin: float = 0.0
    weight: float = 1.0
    rate: float = 1.0
    multiplier: float = 1.0
    in_base: bool = False
    per_unit: float = 0.0
    tiers: list[Tier] = field(default_factory=lambda: [Tier(0.0, 0.005, 0.0, 100.0)])

    @property
    def there(self) -> bool:
        return self.quantity != 0.0 or self.coin != 0.0

    @property
    def margined(self) -> bool:
        return self.quantity != 0.0 and (self.kind != "spot" or self.quantity < 0.0)

    @property
    def collateral(self) -> float:
        return self.weight if self.kind == "spot" and self.quantity > 0.0 else 1.0

    def notional(self, price: float) -> float:
        size = abs(self.quantity) * self.multiplier
        return size if self.kind == "inverse" else size * price

    def base(self, price: float) -> float:
        size = abs(self.quantity) * self.multiplier
        return size / price if self.kind == "inverse" else size

    def key(self, price: float) -> float:
        return self.base(price) if self.in_base else self.notional(price)

    def tier_at(self, size: float) -> int:
        return max([0] + [k for k, tier in enumerate(self.tiers) if k and tier.floor < size])

    def value(self, price: float) -> float:
        size = self.quantity * self.multiplier
        if self.kind == "spot":
            return size * price * self.rate
        if self.kind == "inverse":
            return (self.coin + size * (1.0 / self.mark - 1.0 / price)) * price * self.rate
        gained = size * (price - self.mark)
        return (gained + self.coin if self.kind == "quanto" else gained) * self.rate

    def maintenance(self, price: float) -> float:
        tier = self.tiers[self.tier_at(self.key(price))]
        notional, base = self.notional(price), self.base(price)
        deduction = tier.deduction * (notional / base) if self.in_base and tier.deduction else tier.deduction
        return notional * (tier.rate + self.per_unit * base) - deduction

    def initial(self, price: float, leverage: float) -> float:
        tier = self.tiers[self.tier_at(self.key(price))]
        base = self.base(price)
        return self.notional(price) * (1.0 / min(leverage, tier.max_leverage) + self.per_unit * base)


def standing(
    legs: list[PlainLeg], cash: float, prices: list[float], without: int = -1
) -> tuple[float, float, float]:
    equity = margin_equity = cash
    maintenance = 0.0
    for i, (leg, price) in enumerate(zip(legs, prices, strict=True)):
        if i == without or not leg.there:
            continue
        value = leg.value(price)
        equity += value
        margin_equity += value * leg.collateral if leg.kind == "spot" and leg.quantity > 0.0 else value
        if leg.margined:
            maintenance += leg.maintenance(price) * leg.rate
    return equity, margin_equity, maintenance


def room(legs: list[PlainLeg], cash: float, prices: list[float]) -> float:
    _, margin_equity, maintenance = standing(legs, cash, prices)
    return margin_equity - maintenance


def quadratic(a: float, b: float, c: float) -> list[float]:
    if a == 0.0:
        return [-c / b] if b != 0.0 else []
    inside = b * b - 4.0 * a * c
    if inside < 0.0:
        return []
    half = -0.5 * (b + math.copysign(math.sqrt(inside), b))
    return [half / a] + ([c / half] if half != 0.0 else [])


def first_between(roots: list[float], start: float, edge: float) -> float | None:
    inside = [root for root in roots if min(start, edge) <= root <= max(start, edge)]
    return min(inside, key=lambda root: abs(root - start)) if inside else None


def worth_line(leg: PlainLeg, weight: float) -> tuple[float, float]:
    size = leg.quantity * leg.multiplier
    if leg.kind == "spot":
        return 0.0, size * weight * leg.rate
    if leg.kind == "inverse":
        return -size * leg.rate, (leg.coin + size / leg.mark) * leg.rate
    kept = leg.coin if leg.kind == "quanto" else 0.0
    return (kept - size * leg.mark) * leg.rate, size * leg.rate


def room_line(leg: PlainLeg, k: int) -> tuple[float, float, float]:
    a, b = worth_line(leg, leg.collateral)
    c = 0.0
    if leg.margined:
        tier = leg.tiers[k]
        size = abs(leg.quantity) * leg.multiplier
        if leg.kind == "inverse":
            a -= size * tier.rate * leg.rate
            c = -(size * leg.per_unit * size * leg.rate)
        else:
            b -= size * (tier.rate + leg.per_unit * size) * leg.rate
        if leg.in_base:
            b += tier.deduction * leg.rate
        else:
            a += tier.deduction * leg.rate
    return a, b, c


def tiers_on_the_way(leg: PlainLeg, price: float, up: bool) -> list[tuple[int, float]]:
    """(tier, price where it ends) from today's tier on to the last one on the way."""
    end = math.inf if up else 0.0
    if not leg.margined:
        return [(0, end)]
    k = leg.tier_at(leg.key(price))
    if (leg.kind == "inverse") != leg.in_base:
        return [(k, end)]
    size = abs(leg.quantity) * leg.multiplier
    grows = up != (leg.kind == "inverse")
    order = list(range(k, len(leg.tiers))) if grows else list(range(k, -1, -1))
    found = []
    for now, after in pairwise(order):
        floor = leg.tiers[max(now, after)].floor
        found.append((now, size / floor if leg.kind == "inverse" else floor / size))
    return [*found, (order[-1], end)]


def way_out(leg: PlainLeg, rest: float, price: float, up: bool) -> float:
    start = price
    for k, edge in tiers_on_the_way(leg, price, up):
        a, b, c = room_line(leg, k)
        a += rest
        if start != price and a + b * start + c / start <= 0.0:
            return start
        found = first_between(quadratic(b, a, c), start, edge)
        if found is not None and math.isfinite(found):
            if found > price * FAR:
                return math.inf
            return 0.0 if found * FAR < price else found
        start = edge
    return start


def liquidation_price(legs: list[PlainLeg], cash: float, prices: list[float], i: int) -> tuple[float, float]:
    _, margin_equity, maintenance = standing(legs, cash, prices)
    if not prices[i] > 0.0 or math.isnan(margin_equity - maintenance):
        return math.nan, math.nan
    if margin_equity <= maintenance:
        return prices[i], prices[i]
    _, others, needed = standing(legs, cash, prices, without=i)
    rest = others - needed
    return way_out(legs[i], rest, prices[i], False), way_out(legs[i], rest, prices[i], True)


def bankruptcy_price(legs: list[PlainLeg], cash: float, prices: list[float], i: int) -> float:
    a, b = worth_line(legs[i], 1.0)
    a += standing(legs, cash, prices, without=i)[0]
    if abs(b) * prices[i] * FAR <= abs(a):
        return math.inf
    return max(-a / b, 0.0)


def liquidation_move(legs: list[PlainLeg], cash: float, prices: list[float], way: list[float]) -> float:
    def at(move: float) -> float:
        return room(legs, cash, [price * (1.0 + move * w) for price, w in zip(prices, way, strict=True)])

    low, room_low = 0.0, at(0.0)
    close = 1e-13 * room_low
    if math.isnan(room_low):
        return math.nan
    if room_low <= 0.0:
        return 0.0
    far = min([FAR] + [-(1.0 - 1e-6) / w for w in way if w < 0.0])
    high = min(0.125, far)
    room_high = at(high)
    while room_high > 0.0 and high < far:
        low, room_low = high, room_high
        high = min(2.0 * high, far)
        room_high = at(high)
    if not room_high <= 0.0:
        return math.inf
    last = ""
    for _ in range(200):
        move = low + (high - low) * (room_low / (room_low - room_high))
        now = at(move)
        if not low < move < high or abs(now) <= close:
            return move
        moved = "low" if now > 0.0 else "high"
        if moved == "low":
            low, room_low = move, now
            room_high *= 0.5 if last == moved else 1.0
        else:
            high, room_high = move, now
            room_low *= 0.5 if last == moved else 1.0
        last = moved
    return low


def least_step(
    legs: list[PlainLeg], cash: float, prices: list[float], i: int, fee: float, target: float
) -> float:
    leg, price = legs[i], prices[i]
    _, margin_equity, needed = standing(legs, cash, prices)
    if needed <= target * margin_equity:
        return 0.0
    if not leg.margined:
        return 1.0
    notional, base = leg.notional(price), leg.base(price)
    rest = needed - leg.maintenance(price) * leg.rate
    kept = 1.0
    for k in range(leg.tier_at(leg.key(price)), -1, -1):
        tier = leg.tiers[k]
        deducted = tier.deduction * (notional / base if leg.in_base else 1.0)
        c = target * (margin_equity - fee * notional * leg.rate) - rest + deducted * leg.rate
        b = (target * fee - tier.rate) * notional * leg.rate
        a = -leg.per_unit * base * notional * leg.rate
        if kept < 1.0 and (a * kept + b) * kept + c >= 0.0:
            return 1.0 - kept
        edge = tier.floor / leg.key(price)
        found = first_between(quadratic(a, b, c), kept, edge)
        if found is not None and math.isfinite(found):
            return 1.0 - found
        kept = edge
    return 1.0
