"""The specification of risk/portfolio: plain Python, written apart, same bits.

A leg is an object, an underlying a list of legs and its rule; scenarios are made here from the rule.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from narrows.rulebook import PortfolioRule


@dataclass(frozen=True)
class PlainLeg:
    kind: str  # spot, linear, inverse, quanto, option
    quantity: float
    price: float
    underlying: int = 0
    years: float = 0.0
    money: str = "USD"
    coin: float = 0.0
    rate: float = 1.0
    multiplier: float = 1.0
    strike: float = 1.0
    call: bool = True
    volatility: float = 0.5

    @property
    def size(self) -> float:
        return self.quantity * self.multiplier


def bell(x: float) -> float:
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def exercise(forward: float, strike: float, call: bool) -> float:
    return max(forward - strike, 0.0) if call else max(strike - forward, 0.0)


def black(leg: PlainLeg, forward: float, volatility: float) -> float:
    spread = volatility * math.sqrt(leg.years) if leg.years > 0.0 else 0.0
    if spread <= 0.0:
        return exercise(forward, leg.strike, leg.call)
    d1 = math.log(forward / leg.strike) / spread + 0.5 * spread
    d2 = d1 - spread
    if leg.call:
        return forward * bell(d1) - leg.strike * bell(d2)
    return -(forward * bell(-d1) - leg.strike * bell(-d2))


def black_delta(leg: PlainLeg) -> float:
    spread = leg.volatility * math.sqrt(leg.years) if leg.years > 0.0 else 0.0
    if spread <= 0.0:
        return (1.0 if leg.call else -1.0) if exercise(leg.price, leg.strike, leg.call) > 0.0 else 0.0
    d1 = math.log(leg.price / leg.strike) / spread + 0.5 * spread
    return bell(d1) if leg.call else -bell(-d1)


def shocked(leg: PlainLeg, rule: PortfolioRule, way: str) -> float:
    if way == "same" or leg.years <= 0.0:
        return leg.volatility
    days = leg.years * 365.0
    power = rule.power_short if days < 30.0 else rule.power_long
    scale = math.exp(power * math.log(30.0 / days))
    if way == "up":
        return max(leg.volatility * (1.0 + (rule.volatility_up or 0.0) * scale), rule.volatility_floor)
    return max(leg.volatility * (1.0 - (rule.volatility_down or 0.0) * scale), 0.0)


def scenarios(rule: PortfolioRule) -> Iterator[tuple[float, str, float, float, float]]:
    """move, volatility, damping, relief in quote, move at whose price a loss is turned into coins."""
    ways = ["same"] if rule.volatility_up is None else ["up", "same", "down"]
    for move in rule.moves:
        for way in ways:
            yield move, way, 1.0, 0.0, move if rule.valued_in == "coin" else 0.0
    for move, damping in rule.extended:
        end = max(rule.moves) if move > 0.0 else min(rule.moves)
        relief = (max(move / end, 1.0) - 1.0) * rule.dampener if end else 0.0
        yield move, ways[0], damping, relief, end if rule.valued_in == "coin" else 0.0


class Underlying:
    """The legs of one underlying, added up."""

    def __init__(self, legs: list[PlainLeg], rule: PortfolioRule, rate: float) -> None:
        self.rule, self.rate = rule, rate
        self.by_money: dict[str, float] = {}
        self.by_years: dict[float, float] = {}
        self.coins = self.gross = self.shorts = 0.0
        self.options: list[tuple[PlainLeg, float, float, float]] = []
        for leg in legs:
            self._add(leg)

    def _moves(self, leg: PlainLeg, value: float, coins: float) -> None:
        self.by_money[leg.money] = self.by_money.get(leg.money, 0.0) + value
        self.coins += coins

    def _add(self, leg: PlainLeg) -> None:
        rule = self.rule
        if leg.kind == "inverse" and leg.coin and rule.spot_offsets and rule.valued_in == "quote":
            self._moves(leg, leg.coin * leg.price * leg.rate, leg.coin)
        if leg.quantity == 0.0 or (leg.kind == "spot" and leg.quantity > 0.0 and not rule.spot_offsets):
            return
        if leg.kind == "option":
            size = leg.size * leg.rate
            now, delta = black(leg, leg.price, leg.volatility), black_delta(leg)
            if rule.valued_in == "coin":
                delta -= now / leg.price
            value, gross, coins = size * delta * leg.price, abs(size) * leg.price, leg.size * delta
            self.options.append((leg, now, delta, size))
            if size < 0.0:
                self.shorts -= size * leg.price * rule.short_option
        else:
            inverse = leg.kind == "inverse"
            value = leg.size * leg.rate if inverse else leg.size * leg.price * leg.rate
            gross, coins = abs(value), leg.size / leg.price if inverse else leg.size
        self._moves(leg, value, coins)
        if leg.kind != "spot":
            self.by_years[leg.years] = self.by_years.get(leg.years, 0.0) + value
            self.gross += gross

    @property
    def value(self) -> float:
        return sum(self.by_money[money] for money in sorted(self.by_money))

    def gain(self, move: float, way: str) -> float:
        bent = 0.0
        for leg, now, delta, size in self.options:
            worth = black(leg, leg.price * (1.0 + move), shocked(leg, self.rule, way))
            held = now * (1.0 + move) if self.rule.valued_in == "coin" else now
            bent += size * (worth - held - delta * leg.price * move)
        return self.value * move + bent if self.options else self.value * move

    def worst(self) -> float:
        losses = [
            (-self.gain(move, way) * damping - relief * self.rate) / (1.0 + settled)
            for move, way, damping, relief, settled in scenarios(self.rule)
        ]
        return max(0.0, *losses)

    def basis(self) -> float:
        costs = [
            self.by_years[years] * max(self.rule.basis_min, self.rule.basis_annual * years)
            for years in sorted(self.by_years)
        ]
        return sum(abs(cost) for cost in costs) if self.rule.basis == "each" else abs(sum(costs))

    def delta_shock(self) -> float:
        threshold, value = self.rule.delta_threshold * self.rate, abs(self.value)
        if value <= threshold:
            return 0.0
        beyond = abs(self.coins) * (1.0 - threshold / value)
        return min(self.rule.delta_increment * beyond, self.rule.delta_max) * value

    def stable(self) -> float:
        apart = sum(abs(self.by_money[money]) for money in sorted(self.by_money))
        return 0.5 * (apart - abs(self.value)) * self.rule.stable_move

    def required(self) -> float:
        total = self.worst() + self.basis() + self.delta_shock() + self.shorts + self.stable()
        return max(total, self.rule.minimum * self.gross)


def underlyings(legs: list[PlainLeg], rules: list[PortfolioRule], rates: list[float]) -> list[Underlying]:
    return [
        Underlying([leg for leg in legs if leg.underlying == n], rule, rate)
        for n, (rule, rate) in enumerate(zip(rules, rates, strict=True))
    ]


def maintenance(legs: list[PlainLeg], rules: list[PortfolioRule], rates: list[float]) -> float:
    return sum(one.required() * one.rule.maintenance_factor for one in underlyings(legs, rules, rates))


def initial(legs: list[PlainLeg], rules: list[PortfolioRule], rates: list[float]) -> float:
    return sum(one.required() * one.rule.initial_factor for one in underlyings(legs, rules, rates))
