"""Portfolio margin of one wallet: the worst loss of each underlying on a grid of scenarios, and its add-ons.

Linear legs of an underlying are one number, their delta, so a scenario costs them one multiplication;
options are valued anew in each. A leg without quantity is not there: legs of other wallets are set to
0. Compiled functions on plain arrays: nothing is allocated, and the order of additions is fixed.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, Float2D, Int1D, Int2D
from narrows.core.cache import compiled, inlined
from narrows.core.errors import ConfigError
from narrows.risk.contract import INVERSE, SPOT
from narrows.risk.options import DAYS, black, black_delta, shocked, term
from narrows.rulebook.portfolio import SAME, PortfolioRule, Scenario

OPTION = 4  # a kind beside those of risk/contract.py
WORST, BASIS, DELTA, SHORT, STABLE, LEAST, PARTS = range(7)  # of the requirement of an underlying
FREE, WARNED, REDUCE_ONLY, LIQUIDATED = range(4)


class Positions(NamedTuple):
    """The legs of a wallet, (L,) each, and the terms that they have, (E,) each.

    A term is one expiry of one underlying; perpetuals have one with 0 years, and so has spot. Cash in
    another currency is no leg here: its quantity is 0.
    """

    kind: Int1D  # SPOT, LINEAR, INVERSE, QUANTO, OPTION
    quantity: Float1D  # base units; quote units if inverse; contracts if quanto
    multiplier: Float1D  # of the quantity, see risk/contract.py
    coin: Float1D  # settlement coins held beside an inverse leg
    term: Int1D  # which term
    money: Int1D  # which quote currency
    strike: Float1D  # of options, in quote; else anything
    right: Int1D  # CALL, PUT; 0 of what is no option
    volatility: Float1D  # implied, per square root of a year; of options
    rate: Float1D  # reporting currency per unit of quote (of settlement coin if quanto)
    term_group: Int1D  # (E,) which underlying
    term_years: Float1D  # (E,) to expiry


class Grid(NamedTuple):
    """Scenarios (G, M) and add-ons (G,) of each underlying, as `narrows.rulebook.PortfolioRule` says them.

    An underlying with fewer scenarios than others repeats the one in which nothing moves.
    """

    move: Float2D
    way: Int2D  # of volatility: > 0 up, < 0 down
    damping: Float2D
    relief: Float2D  # quote
    settled: Float2D
    rate: Float1D  # reporting currency per unit of quote, of relief and threshold
    up: Float1D
    down: Float1D
    floor: Float1D
    short_power: Float1D
    long_power: Float1D
    net_basis: Int1D
    least_basis: Float1D
    annual_basis: Float1D
    threshold: Float1D  # quote
    increment: Float1D  # per coin
    most: Float1D
    short_option: Float1D
    stable: Float1D
    minimum: Float1D
    in_coin: Int1D
    spot: Int1D  # whether owned coins stand in the scenarios
    maintenance: Float1D  # factors of the requirement
    initial: Float1D


class Scratch(NamedTuple):
    """Room to calculate in, and afterwards the parts of each requirement. Made by `scratch`."""

    value: Float2D  # (G, C) what moves with the price, by quote currency
    coins: Float1D  # (G,) the same in coins
    gross: Float1D  # (G,) notional of derivatives
    optional: Int1D  # (G,) whether there are options
    options: Float2D  # (G, M) what options gain
    term_value: Float1D  # (E,) delta of derivatives by term
    parts: Float2D  # (G, PARTS): WORST, BASIS, DELTA, SHORT, STABLE and LEAST, reporting currency


def _refuse(rules: Sequence[PortfolioRule], options: bool) -> None:
    for rule in rules:
        if rule.method != "grid":
            raise ConfigError(
                "this venue has no scenarios",
                "portfolio margin",
                "take maintenance by tiers, and `condition`",
            )
        if options and not rule.prices_options:
            raise ConfigError(
                "no volatility shock is recorded", "portfolio margin", "add volatility_up and volatility_down"
            )


def grid(rules: Sequence[PortfolioRule], rate: Float1D, options: bool = False) -> Grid:
    """The arrays of the rules of some underlyings, in their order.

    Parameters
    ----------
    rules : sequence of PortfolioRule
        One for each underlying.
    rate : ndarray of shape (G,)
        Reporting currency per unit of quote; kept, so that it may be renewed bar by bar.
    options : bool
        Whether options are held: then each rule must say what becomes of volatility.

    Raises
    ------
    ConfigError
        If a rule has no grid, or none for options.
    """
    _refuse(rules, options)
    grids = [rule.scenarios() for rule in rules]
    most = max(len(scenarios) for scenarios in grids)
    still = Scenario(0.0, SAME, 1.0, 0.0, 0.0)

    def column(name: str) -> Float1D:
        return np.array([getattr(rule, name) or 0.0 for rule in rules], dtype=np.float64)

    def flags(name: str, word: str) -> Int1D:
        return np.array([getattr(rule, name) == word for rule in rules], dtype=np.int64)

    def table(name: str) -> Float2D:
        padded = [[getattr(one, name) for one in (*each, *[still] * (most - len(each)))] for each in grids]
        return np.array(padded, dtype=np.float64)

    return Grid(
        move=table("move"),
        way=table("volatility").astype(np.int64),
        damping=table("damping"),
        relief=table("relief"),
        settled=table("settled"),
        rate=rate,
        up=column("volatility_up"),
        down=column("volatility_down"),
        floor=column("volatility_floor"),
        short_power=column("power_short"),
        long_power=column("power_long"),
        net_basis=flags("basis", "net"),
        least_basis=column("basis_min"),
        annual_basis=column("basis_annual"),
        threshold=column("delta_threshold"),
        increment=column("delta_increment"),
        most=column("delta_max"),
        short_option=column("short_option"),
        stable=column("stable_move"),
        minimum=column("minimum"),
        in_coin=flags("valued_in", "coin"),
        spot=np.array([rule.spot_offsets for rule in rules], dtype=np.int64),
        maintenance=column("maintenance_factor"),
        initial=column("initial_factor"),
    )


def scratch(positions: Positions, on: Grid) -> Scratch:
    """Room for `requirements` of these positions on this grid."""
    groups, scenarios = on.move.shape
    monies = int(positions.money.max(initial=0)) + 1
    return Scratch(
        np.zeros((groups, monies)),
        np.zeros(groups),
        np.zeros(groups),
        np.zeros(groups, dtype=np.int64),
        np.zeros((groups, scenarios)),
        np.zeros(positions.term_group.shape[0]),
        np.zeros((groups, PARTS)),
    )


@inlined
def _clear(room: Scratch) -> None:
    for g in range(room.coins.shape[0]):
        for c in range(room.value.shape[1]):
            room.value[g, c] = 0.0
        room.coins[g] = 0.0
        room.gross[g] = 0.0
        room.optional[g] = 0
        for p in range(PARTS):
            room.parts[g, p] = 0.0
    for t in range(room.term_value.shape[0]):
        room.term_value[t] = 0.0


@inlined
def _add_option(at: Positions, on: Grid, price: float, i: int, g: int, room: Scratch) -> None:
    """Value an option in every scenario; `price` is the forward of its expiry."""
    years = at.term_years[at.term[i]]
    strike = at.strike[i]
    right = at.right[i]
    volatility = at.volatility[i]
    size = at.quantity[i] * at.multiplier[i] * at.rate[i]
    now = black(price, strike, years, volatility, right)
    delta = black_delta(price, strike, years, volatility, right)
    if on.in_coin[g]:
        delta -= now / price  # the premium is coin
    room.term_value[at.term[i]] += size * delta * price
    room.value[g, at.money[i]] += size * delta * price
    room.coins[g] += at.quantity[i] * at.multiplier[i] * delta
    room.gross[g] += abs(size) * price
    if size < 0.0:
        room.parts[g, SHORT] -= size * price * on.short_option[g]
    scale = term(years * DAYS, on.short_power[g], on.long_power[g])
    up = volatility
    down = volatility
    if years > 0.0:
        up = shocked(volatility, on.up[g], scale, on.floor[g])
        down = shocked(volatility, -on.down[g], scale, 0.0)
    if not room.optional[g]:
        room.optional[g] = 1
        for j in range(on.move.shape[1]):
            room.options[g, j] = 0.0
    for j in range(on.move.shape[1]):
        move = on.move[g, j]
        then = volatility
        if on.way[g, j] > 0:
            then = up
        elif on.way[g, j] < 0:
            then = down
        worth = black(price * (1.0 + move), strike, years, then, right)
        held = now * (1.0 + move) if on.in_coin[g] else now
        # its delta stands in `value` with the linear legs: here is what it gains beyond that
        room.options[g, j] += size * (worth - held - delta * price * move)


@inlined
def _add(at: Positions, on: Grid, prices: Float1D, i: int, room: Scratch) -> None:
    """Add a leg to its underlying and its term."""
    g = at.term_group[at.term[i]]
    kind = at.kind[i]
    if kind == INVERSE and at.coin[i] != 0.0 and on.spot[g] and not on.in_coin[g]:
        room.value[g, at.money[i]] += at.coin[i] * prices[i] * at.rate[i]
        room.coins[g] += at.coin[i]
    if at.quantity[i] == 0.0:
        return
    if kind == OPTION:
        _add_option(at, on, prices[i], i, g, room)
        return
    size = at.quantity[i] * at.multiplier[i]
    worth = size * at.rate[i] if kind == INVERSE else size * prices[i] * at.rate[i]
    coins = size / prices[i] if kind == INVERSE else size
    if kind == SPOT:
        if size > 0.0 and not on.spot[g]:
            return
        room.value[g, at.money[i]] += worth
        room.coins[g] += coins
        return
    room.value[g, at.money[i]] += worth
    room.coins[g] += coins
    room.gross[g] += abs(worth)
    room.term_value[at.term[i]] += worth


@inlined
def _worst(on: Grid, g: int, value: float, room: Scratch) -> float:
    """The largest loss of an underlying in its scenarios; 0 if it loses in none."""
    worst = 0.0
    for j in range(on.move.shape[1]):
        gain = value * on.move[g, j]
        if room.optional[g]:
            gain += room.options[g, j]
        loss: float = (-gain * on.damping[g, j] - on.relief[g, j] * on.rate[g]) / (1.0 + on.settled[g, j])
        if not loss <= worst:
            worst = loss
            if math.isnan(loss):
                return loss
    return worst


@inlined
def _delta_shock(on: Grid, g: int, value: float, coins: float) -> float:
    """What a delta beyond the threshold costs; 0 of a smaller one."""
    threshold = on.threshold[g] * on.rate[g]
    if not abs(value) > threshold:
        return 0.0
    beyond = abs(coins) * (1.0 - threshold / abs(value))
    shock: float = min(on.increment[g] * beyond, on.most[g])
    return shock * abs(value)


@inlined
def _basis(at: Positions, on: Grid, room: Scratch) -> None:
    """Move each term against the index, into the parts of its underlying."""
    for t in range(at.term_group.shape[0]):
        g = at.term_group[t]
        cost = room.term_value[t] * max(on.least_basis[g], on.annual_basis[g] * at.term_years[t])
        room.parts[g, BASIS] += cost if on.net_basis[g] else abs(cost)


@inlined
def requirements(at: Positions, on: Grid, prices: Float1D, room: Scratch) -> None:
    """The requirement of each underlying, part by part, into ``room.parts``.

    Parameters
    ----------
    prices : ndarray of shape (L,)
        Marks, in quote; of an option the forward of its expiry.

    Notes
    -----
    Owned coins stand in the scenarios where the rule says so, borrowed ones always. Coins beside an
    inverse leg are no risk where margin is reckoned in coin. Gains of one underlying never offset
    losses of another.
    """
    _clear(room)
    for i in range(at.kind.shape[0]):
        if at.quantity[i] != 0.0 or at.coin[i] != 0.0:
            _add(at, on, prices, i, room)
    _basis(at, on, room)
    for g in range(on.rate.shape[0]):
        value = 0.0
        apart = 0.0
        for c in range(room.value.shape[1]):
            value += room.value[g, c]
            apart += abs(room.value[g, c])
        room.parts[g, BASIS] = abs(room.parts[g, BASIS])
        room.parts[g, WORST] = _worst(on, g, value, room)
        room.parts[g, DELTA] = _delta_shock(on, g, value, room.coins[g])
        room.parts[g, STABLE] = 0.5 * (apart - abs(value)) * on.stable[g]
        room.parts[g, LEAST] = on.minimum[g] * room.gross[g]


@inlined
def _required(parts: Float2D, g: int) -> float:
    """The requirement of an underlying from its parts."""
    total: float = parts[g, WORST] + parts[g, BASIS] + parts[g, DELTA] + parts[g, SHORT] + parts[g, STABLE]
    least: float = parts[g, LEAST]
    return least if least > total else total  # a total that is not known stays so


@compiled
def maintenance(at: Positions, on: Grid, prices: Float1D, room: Scratch) -> float:
    """What the positions of a wallet need to live, reporting currency.

    NaN where a price that is needed is not known. See `requirements`.
    """
    requirements(at, on, prices, room)
    total = 0.0
    for g in range(on.rate.shape[0]):
        total += _required(room.parts, g) * on.maintenance[g]
    return total


@compiled
def initial(at: Positions, on: Grid, prices: Float1D, room: Scratch) -> float:
    """What the positions of a wallet need to be opened, reporting currency. See `requirements`."""
    requirements(at, on, prices, room)
    total = 0.0
    for g in range(on.rate.shape[0]):
        total += _required(room.parts, g) * on.initial[g]
    return total


@compiled
def condition(equity: float, needed: float, warned_at: float, reduce_at: float, liquidated_at: float) -> int:
    """What an account may do: FREE, WARNED, REDUCE_ONLY or LIQUIDATED; FREE where nothing is needed.

    LIQUIDATED where equity or what is needed is not known: who asks has to know them first.

    By adjusted equity over maintenance, the venue's levels included (Binance's uniMMR: 1.5, 1.2, 1.05).
    """
    if needed <= 0.0:
        return FREE
    ratio = equity / needed
    if not ratio > liquidated_at:
        return LIQUIDATED
    if ratio <= reduce_at:
        return REDUCE_ONLY
    return WARNED if ratio <= warned_at else FREE
