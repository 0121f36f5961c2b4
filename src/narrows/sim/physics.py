"""The physics: what a trade, a payment, a delivery, a liquidation does to a leg and a wallet.

Shared by the kernel and, through it, by the paper venue. `sim/reference.py` says the same in plain
Python, written apart; the tests compare bits, so the order of additions is part of the code.
"""

import math
from typing import Any

from narrows.core.arrays import Float2D
from narrows.core.cache import inlined, outlined
from narrows.risk.margin import tier
from narrows.sim.layout import GROSS, MARGIN, RESERVED, Legs, Market, State, Trace, Wallets

TEN_BP = 1e-3  # `depth` is what rests within this distance of the mid
NOISE = 1e-12  # of a trade: what is left of a position below this is float noise, and no position
WORST_SLIP = 0.5  # a fill never costs more than half the price
BASIS, FUNDING, BORROW, FEES, SLIPPAGE, YIELD, SETTLEMENT, LIQUIDATION, TRANSFER, FX = range(10)
TRADED, LIQUIDATED, DELIVERED, DELEVERAGED, RECALLED, REPAID = range(6)


@inlined
def order(quantity: float, target: float, price: float, lot: float, min_notional: float) -> float:
    """Quantity to trade: whole lots, nothing below the smallest notional; closing is always exact."""
    if target == 0.0:
        return -quantity
    change = target - quantity
    if lot > 0.0:
        steps = math.floor(abs(change) / lot + 1e-9) * lot
        change = steps if change > 0.0 else -steps
    return change if abs(change) * price >= min_notional else 0.0


@inlined
def slippage(notional: float, half_spread: float, depth: float) -> float:
    """Half spread plus the mean distance walked through a book of constant density, fraction."""
    return min(half_spread + 0.5 * TEN_BP * notional / depth, WORST_SLIP)


@inlined
def coin_profit(quantity: float, before: float, after: float) -> float:
    """Profit of an inverse position in coin."""
    return quantity * (1.0 / before - 1.0 / after)


@inlined
def quoted(bid: float, ask: float, default: float) -> float:
    """Half spread as a fraction of the mid; the default where there is no sane quote."""
    if bid > 0.0 and ask >= bid:
        return (ask - bid) / (ask + bid)
    return default


@inlined
def costs(market: Market, legs: Legs, t: int, i: int) -> tuple[float, float]:
    """Half spread and depth that a leg trades at, by the book of a bar where it has one."""
    c = legs.column[i]
    half = quoted(market.bid[t, c], market.ask[t, c], legs.half_spread[i])
    return half, market.depth[t, c] if market.depth[t, c] > 0.0 else legs.depth[i]


# --- one leg of one lane ------------------------------------------------------------------------


@inlined
def record(trace: Trace, where: tuple[int, int, int], reason: int, what: Any) -> None:
    """Write a fill down, if there is room: (bar, lane, leg), and its five amounts. Counted it is always."""
    n = trace.fills[0]
    trace.fills[0] = n + 1
    if n < trace.fill_where.shape[0]:
        for i in range(3):
            trace.fill_where[n, i] = where[i]
        trace.fill_where[n, 3] = reason
        for i in range(5):
            trace.fill_what[n, i] = what[i]


@inlined
def idle_cash(legs: Legs, state: State, w: int, k: int) -> float:
    """Cash of a wallet that no isolated leg has set aside."""
    idle: float = state.cash[w, k]
    for i in range(legs.wallet.shape[0]):
        if legs.wallet[i] == w and legs.isolated[i]:
            idle -= state.posted[i, k]
    return idle


@inlined
def post(legs: Legs, state: State, i: int, k: int, change: float, price: float) -> None:
    """Margin that a trade of an isolated leg sets aside, or sets free.

    What is closed frees its share, profit included; what is opened posts notional over leverage (of
    its tier, where that is less) as far as the wallet has cash for it, and what it gains at once against
    the mark is margin too.
    """
    held = state.quantity[i, k]
    opened = change
    if held * change < 0.0:
        left = 1.0 - abs(change) / abs(held)
        state.posted[i, k] = state.posted[i, k] * left if left > 0.0 else 0.0
        opened = change + held if left < 0.0 else 0.0
    if opened != 0.0:
        notional = abs(opened) if legs.inverse[i] else abs(opened) * price
        gain = 0.0 if legs.inverse[i] else opened * (state.mark[i] - price)
        wanted = notional / legs.leverage[i] * burden(legs, i, held + change, price) * state.exchange[i]
        posted = min(wanted, max(idle_cash(legs, state, legs.wallet[i], k), 0.0))
        state.posted[i, k] += posted + gain * state.exchange[i]


@inlined
def swap(legs: Legs, state: State, i: int, k: int, change: float, price: float, category: int) -> None:
    """Change a position at `price`; what the price is better than the mark goes to `category`."""
    mark = state.mark[i]
    if legs.isolated[i]:
        post(legs, state, i, k, change, price)
    held = state.quantity[i, k]
    opened = change
    if held * change < 0.0:
        state.unsettled[i, k] *= max(1.0 - abs(change) / abs(held), 0.0)
        opened = change + held if abs(change) > abs(held) else 0.0
    if legs.inverse[i]:
        coins = -coin_profit(change, mark, price)
        state.coin[i, k] += coins
        state.ledger[i, category, k] += coins * mark * state.fx[i]
    else:
        gain = change * (mark - price)
        moved = -change * price if legs.spot[i] else gain
        state.cash[legs.wallet[i], k] += moved * state.exchange[i]
        state.ledger[i, category, k] += gain * state.fx[i]
        if not legs.spot[i]:
            state.unsettled[i, k] += opened * (mark - price) * state.exchange[i]
    state.quantity[i, k] += change
    if abs(state.quantity[i, k]) < NOISE * abs(change):
        state.quantity[i, k] = 0.0


@inlined
def pay(legs: Legs, state: State, i: int, k: int, amount: float, category: int) -> None:
    """Book an amount in a leg's quote currency; inverse legs pay it in coin at the mark."""
    if legs.inverse[i]:
        coins = amount / state.mark[i]
        state.coin[i, k] += coins
        state.ledger[i, category, k] += coins * state.mark[i] * state.fx[i]
    else:
        state.cash[legs.wallet[i], k] += amount * state.exchange[i]
        state.ledger[i, category, k] += amount * state.fx[i]
        if legs.isolated[i] and state.quantity[i, k] != 0.0:
            state.posted[i, k] += amount * state.exchange[i]


@inlined
def unseen(legs: Legs, state: State, i: int, k: int) -> None:
    """A venue moved a leg unasked: until the desk notices, its spread is not decided on."""
    s = legs.spread[i]
    state.blind[s, k] = max(state.blind[s, k], legs.detect[i])


@outlined
def trade(
    legs: Legs,
    state: State,
    trace: Trace,
    where: tuple[int, int, int],
    change: float,
    price: float,
    half: float,
    depth: float,
    reason: int,
) -> None:
    """Trade `change` of a leg around the reference `price`, with slippage and fee."""
    _, k, i = where
    notional = abs(change) if legs.inverse[i] else abs(change) * price
    slip = slippage(notional, half, depth)
    fill = price * (1.0 + slip) if change > 0.0 else price * (1.0 - slip)
    fee = legs.fee[i] * (notional if legs.inverse[i] else abs(change) * fill)
    swap(legs, state, i, k, change, price, BASIS)
    pay(legs, state, i, k, -fee, FEES)
    pay(legs, state, i, k, -slip * notional, SLIPPAGE)
    rate = state.fx[i]
    record(trace, where, reason, (change, fill, price, fee * rate, slip * notional * rate))
    if reason in (RECALLED, REPAID):
        unseen(legs, state, i, k)


@outlined
def close(
    legs: Legs,
    state: State,
    trace: Trace,
    where: tuple[int, int, int],
    quantity: float,
    price: float,
    reason: int,
) -> None:
    """Close `quantity` of what a leg holds at `price`, with the fee of what closed it; ADL has none."""
    _, k, i = where
    notional = abs(quantity) if legs.inverse[i] else abs(quantity) * price
    if reason == DELIVERED:
        fee = legs.delivery_fee[i] * notional
        swap(legs, state, i, k, -quantity, price, SETTLEMENT)
        pay(legs, state, i, k, -fee, SETTLEMENT)
    else:
        fee = legs.liquidation_fee[i] * notional if reason == LIQUIDATED else 0.0
        swap(legs, state, i, k, -quantity, price, BASIS)
        pay(legs, state, i, k, -fee, LIQUIDATION)
        unseen(legs, state, i, k)
    record(trace, where, reason, (-quantity, price, price, fee * state.fx[i], 0.0))


# --- one wallet of one lane ---------------------------------------------------------------------


@inlined
def margined(legs: Legs, i: int, sign: float) -> bool:
    """Whether a leg needs margin when its spread is long (1) or short (-1): all but owned spot."""
    return bool(legs.spot[i] == 0 or legs.ratio[i] * sign < 0.0)


@inlined
def burden(legs: Legs, i: int, quantity: float, price: float) -> float:
    """How many times its notional a position weighs on the leverage of its wallet.

    1, but where the tier that it is in allows less leverage than the wallet, or margin grows with size.
    """
    size = abs(quantity)
    base = size / price if legs.inverse[i] else size
    notional = size if legs.inverse[i] else size * price
    row = tier(legs.tiers, i, base if legs.tiers.in_base[i] else notional)
    leverage = legs.leverage[i]
    weight: float = (
        max(1.0, leverage / legs.tiers.max_leverage[row]) + leverage * legs.tiers.per_unit[i] * base
    )
    return weight


@inlined
def in_base(legs: Legs, state: State, i: int, quantity: float) -> float:
    """A quantity of a leg in base units: what its contracts are worth of the coin at the mark.

    One of a quanto moves by a settlement coin when the price moves by one: by its value in the desk's
    currency, which a quanto's quote is.
    """
    base = quantity
    if legs.inverse[i]:
        base = quantity / state.mark[i] if quantity != 0.0 else quantity
    elif legs.quanto[i]:
        base = quantity * state.fx[i]
    return base


@inlined
def lendable(legs: Legs, state: State, i: int, k: int) -> float:
    """Coins that a leg may owe: less what others owe or have queued; inf where nothing limits it."""
    if not state.available[i] >= 0.0:
        return math.inf
    free: float = state.available[i]
    for j in range(legs.wallet.shape[0]):
        if j != i and legs.column[j] == legs.column[i]:
            least = state.quantity[j, k]
            if state.queued[legs.spread[j], k]:
                least = min(least, state.target[j, k])
            free -= max(-least, 0.0)
    return max(free, 0.0)


@inlined
def last_weight(legs: Legs, state: State, i: int, quantity: float) -> float:
    """Share of the last coin of a spot position that counts as margin: that of the slice it reaches.

    What another leg or spread holds of the coin is not seen here: sizes are cut again by the margin
    that there really is. 0 where the coin is no collateral.
    """
    row = legs.haircuts.first[i]
    last = legs.haircuts.first[i + 1] - 1
    if row > last:
        return 0.0
    size = quantity if legs.haircuts.in_coin[i] else quantity * state.mark[i] * state.fx[i]
    while row < last and legs.haircuts.floor[row + 1] < size:
        row += 1
    weight: float = legs.haircuts.weight[row]
    return weight


@inlined
def native(legs: Legs, state: State, i: int, base: float) -> float:
    """The quantity of a leg that stands for so many base units: quote units if inverse."""
    quantity = base
    if legs.inverse[i]:
        quantity = base * state.mark[i]
    elif legs.quanto[i]:
        quantity = base / state.fx[i]
    return quantity


@outlined
def capacity(
    legs: Legs, wallets: Wallets, state: State, s: int, k: int, sign: float, worth: Float2D
) -> float:
    """Largest size of a spread, long (sign 1) or short (-1), that its wallets can carry now.

    Base units. Owned spot is paid from the free cash of its wallet; derivatives and borrowed spot
    share leverage times margin equity, which costs and what is not collateral lower. What the
    spread itself holds counts as free, what other spreads have queued does not. `worth` (W, 4):
    equity, margined notional, cash spoken for, margin equity. A size that reaches a tier of less
    leverage is worked out again with that tier's: never too large, seldom smaller than need be.
    """
    size = capacity_at(legs, wallets, state, s, k, sign, worth, 0.0)
    return capacity_at(legs, wallets, state, s, k, sign, worth, size) if size > 0.0 else size


@inlined
def capacity_at(
    legs: Legs, wallets: Wallets, state: State, s: int, k: int, sign: float, worth: Float2D, tried: float
) -> float:
    """`capacity`, if every leg weighs what it does at the size `tried`."""
    size = math.inf
    for i in range(legs.first[s], legs.first[s + 1]):
        w = legs.wallet[i]
        price = state.mark[i]
        if not price > 0.0:
            return 0.0
        if legs.spot[i] and margined(legs, i, sign):
            size = min(size, lendable(legs, state, i, k) / abs(legs.ratio[i]))
        leverage = wallets.leverage[w]
        room = leverage * worth[w, MARGIN] - worth[w, GROSS]
        need = 0.0
        for j in range(legs.first[s], legs.first[s + 1]):
            if legs.wallet[j] == w:
                if legs.isolated[j]:
                    room += leverage * state.posted[j, k]
                elif legs.spot[j] == 0 or state.quantity[j, k] < 0.0:
                    one = (1.0 if legs.inverse[j] else state.mark[j]) * state.exchange[j]
                    one *= burden(legs, j, state.quantity[j, k], state.mark[j])
                    room += abs(state.quantity[j, k]) * one
                unit = abs(legs.ratio[j]) * state.mark[j] * state.exchange[j]
                if legs.quanto[j]:
                    unit /= state.fx[j]
                lost = legs.fee[j] + legs.half_spread[j]
                if margined(legs, j, sign):
                    size_there = native(legs, state, j, abs(legs.ratio[j]) * tried)
                    weight = burden(legs, j, size_there, state.mark[j])
                    need += unit * (weight + leverage * lost)
                else:
                    weight = last_weight(legs, state, j, abs(legs.ratio[j]) * tried)
                    need += unit * leverage * (1.0 - weight + lost)
        if need > 0.0:
            size = min(size, room / need)
        if not margined(legs, i, sign):
            price *= state.exchange[i]
            room = state.cash[w, k] + max(state.quantity[i, k], 0.0) * price - worth[w, RESERVED]
            size = min(size, room / (abs(legs.ratio[i]) * price * (1.0 + legs.fee[i] + legs.half_spread[i])))
    return size if size > 0.0 and math.isfinite(size) else 0.0


@inlined
def alone(legs: Legs, wallets: Wallets, state: State, i: int, k: int, size: float, worth: Float2D) -> float:
    """Size of a derivative, as far as its wallet can margin it while the other legs of its spread stay.

    Base units. `size` is what it is to have; it weighs what it does there. `worth` as for `capacity`.
    """
    w = legs.wallet[i]
    leverage = wallets.leverage[w]
    room = leverage * worth[w, MARGIN] - worth[w, GROSS]
    if legs.isolated[i]:
        room += leverage * state.posted[i, k]
    else:
        one = (1.0 if legs.inverse[i] else state.mark[i]) * state.exchange[i]
        room += abs(state.quantity[i, k]) * one * burden(legs, i, state.quantity[i, k], state.mark[i])
    unit = state.mark[i] * state.exchange[i]
    if legs.quanto[i]:
        unit /= state.fx[i]
    weight = burden(legs, i, native(legs, state, i, size), state.mark[i])
    carried = room / (unit * (weight + leverage * (legs.fee[i] + legs.half_spread[i])))
    return min(size, carried) if carried > 0.0 else 0.0


@inlined
def reserve(legs: Legs, state: State, s: int, k: int, worth: Float2D) -> None:
    """Take what a spread has queued out of what the spreads after it may use."""
    for i in range(legs.first[s], legs.first[s + 1]):
        w = legs.wallet[i]
        held = state.quantity[i, k]
        target = state.target[i, k]
        price = (1.0 if legs.inverse[i] else state.mark[i]) * state.exchange[i]
        lost = legs.fee[i] + legs.half_spread[i]
        worth[w, MARGIN] -= abs(target - held) * price * lost
        if legs.spot[i]:
            bought = max(target, 0.0) - max(held, 0.0)
            if bought > 0.0:
                worth[w, MARGIN] -= (1.0 - last_weight(legs, state, i, target)) * bought * price
            if target > held:
                worth[w, RESERVED] += (target - held) * price * (1.0 + lost)
            weighs = max(-target, 0.0) * burden(legs, i, min(target, 0.0), state.mark[i])
            weighed = max(-held, 0.0) * burden(legs, i, min(held, 0.0), state.mark[i])
            worth[w, GROSS] += max(weighs - weighed, 0.0) * price
        elif legs.isolated[i]:
            set_aside = max(abs(target) - abs(held), 0.0) * price / legs.leverage[i]
            set_aside *= burden(legs, i, target, state.mark[i])
            worth[w, MARGIN] -= set_aside
            worth[w, RESERVED] += set_aside
        else:
            weighs = abs(target) * burden(legs, i, target, state.mark[i])
            weighed = abs(held) * burden(legs, i, held, state.mark[i])
            worth[w, GROSS] += max(weighs - weighed, 0.0) * price
