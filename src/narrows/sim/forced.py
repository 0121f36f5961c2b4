"""What venues do to a desk besides liquidation, and what it does to stay alive: the kernel's side.

Recall of borrowed coins, interest by the hour, ADL, collateral sold to repay a debt, cash sent from
wallet to wallet. `sim/unasked.py` says the same in plain Python.
"""

from narrows.core.arrays import Float2D
from narrows.core.cache import inlined
from narrows.core.time import YEAR_H
from narrows.risk.borrowing import hours_charged
from narrows.risk.collateral import sold_for, to_repay
from narrows.sim.layout import (
    EQUITY,
    MARGIN,
    NEEDED,
    RATIO,
    RESERVED,
    Legs,
    Market,
    State,
    Trace,
    Wallets,
)
from narrows.sim.physics import (
    BORROW,
    DELEVERAGED,
    RECALLED,
    REPAID,
    TRANSFER,
    YIELD,
    close,
    costs,
    pay,
    trade,
)

OPEN, REDUCE_ONLY, HALTED = range(3)  # what can be traded


@inlined
def barred(market: Market, legs: Legs, state: State, t: int, i: int, k: int) -> bool:
    """Whether what a leg has queued cannot be done at this open.

    No price, too far from the last mark for its venue's price band, trading halted, or to be larger
    where positions may only be reduced.
    """
    c = legs.column[i]
    price = market.open[t, c]
    if not price > 0.0 or abs(price / state.mark[i] - 1.0) > legs.band[i]:
        return True
    if t >= market.acts.trading.shape[0]:
        return False
    if market.acts.trading[t, c] == REDUCE_ONLY:
        held = state.quantity[i, k]
        grows = state.target[i, k] * held < 0.0 or abs(state.target[i, k]) > abs(held)
        return bool(grows)
    return bool(market.acts.trading[t, c] == HALTED)


@inlined
def lend(market: Market, legs: Legs, state: State, t: int) -> None:
    """What may be borrowed from the close of a bar on."""
    for i in range(legs.column.shape[0]):
        state.available[i] = market.available[t, legs.column[i]]


@inlined
def recall(market: Market, legs: Legs, state: State, trace: Trace, t: int) -> None:
    """Borrowed coins beyond what is there to borrow are bought back at the open, at the book's costs.

    Leg by leg, the first first; a spread that it happens to forgets what it has queued.
    """
    for i in range(legs.column.shape[0]):
        if not (state.available[i] >= 0.0 and legs.spot[i]):
            continue
        c = legs.column[i]
        halted = t < market.acts.trading.shape[0] and market.acts.trading[t, c] == HALTED
        if halted or not market.open[t, c] > 0.0:
            continue
        for k in range(state.quantity.shape[1]):
            owed = 0.0
            for j in range(legs.column.shape[0]):
                if legs.column[j] == c:
                    owed += max(-state.quantity[j, k], 0.0)
            called = min(owed - state.available[i], -state.quantity[i, k])
            if called > 0.0:
                half, depth = costs(market, legs, t - 1, i)
                trade(legs, state, trace, (t, k, i), called, market.open[t, c], half, depth, RECALLED)
                state.queued[legs.spread[i], k] = 0


@inlined
def loans(market: Market, legs: Legs, wallets: Wallets, state: State, t: int, i: int) -> None:
    """Interest on the borrowed coins of a leg, and what its owned coins earn.

    Hours are charged by the venue's clock. Where each begun one is, what was borrowed since it began pays
    for it at once, and what was there before has paid for it already.
    """
    mark = state.mark[i]
    rate = market.borrow[t, legs.column[i]]
    end = market.time_ns[t]
    start = end - wallets.bar_ns
    for k in range(state.quantity.shape[1]):
        quantity = state.quantity[i, k]
        if quantity < 0.0 or state.charged[i, k] > 0.0:
            style, every, offset = legs.loan[i], legs.loan_every[i], legs.loan_offset[i]
            hours = hours_charged(style, every, offset, 0, start, end)
            begun = hours_charged(style, every, offset, start, start, end) - hours
            owed = max(-quantity, 0.0)
            due = owed * hours + max(owed - state.charged[i, k], 0.0) * begun
            if owed > 0.0:
                pay(legs, state, i, k, -(due * mark * rate / YEAR_H), BORROW)
            state.charged[i, k] = owed if hours > 0.0 else max(state.charged[i, k], owed)
        if quantity > 0.0 and legs.coin_apr[i] > 0.0:
            pay(legs, state, i, k, quantity * mark * legs.coin_apr[i] * wallets.bar_years, YIELD)


@inlined
def deleverage(market: Market, legs: Legs, state: State, trace: Trace, t: int) -> None:
    """ADL: a share of the positions on the winning side is closed, at the bankruptcy price of the losers."""
    if t >= market.acts.deleveraged.shape[0]:
        return
    for i in range(legs.column.shape[0]):
        c = legs.column[i]
        share = market.acts.deleveraged[t, c]
        if share == 0.0 or legs.spot[i]:
            continue
        price = market.acts.at[t, c] if market.acts.at[t, c] > 0.0 else state.mark[i]
        for k in range(state.quantity.shape[1]):
            if state.quantity[i, k] * share > 0.0:
                part = abs(share) * state.quantity[i, k]
                close(legs, state, trace, (t, k, i), part, price, DELEVERAGED)


@inlined
def repay(market: Market, legs: Legs, wallets: Wallets, state: State, trace: Trace, t: int, k: int) -> None:
    """Sell collateral of each wallet whose debt has passed its limit, at the mark with the book's costs."""
    for w in range(state.cash.shape[0]):
        balance = state.cash[w, k]
        if not wallets.unrealised[w]:
            for i in range(legs.wallet.shape[0]):
                if legs.wallet[i] == w:
                    balance -= state.unsettled[i, k]
        if not balance < 0.0:
            continue
        owed = to_repay(balance, wallets.debt_limit[w], wallets.debt_kept[w])
        for n in range(legs.sale.shape[0]):
            i = legs.sale[n]
            if not (owed > 0.0 and legs.wallet[i] == w):
                continue
            half, depth = costs(market, legs, t, i)
            half += legs.conversion[i]
            held = max(state.quantity[i, k], 0.0)
            quantity, proceeds = sold_for(owed, state.mark[i] * state.exchange[i], legs.fee[i] + half, held)
            if quantity > 0.0:
                trade(legs, state, trace, (t, k, i), -quantity, state.mark[i], half, depth, REPAID)
                owed -= proceeds


# --- cash from wallet to wallet ------------------------------------------------------------------------


@inlined
def on_the_way(state: State, k: int) -> float:
    """Cash that has left one wallet and not reached another, in the desk's currency."""
    total = 0.0
    if state.moving[k] > 0:
        for w in range(state.transit.shape[0]):
            for d in range(state.transit.shape[1]):
                total += state.transit[w, d, k]
    return total


@inlined
def arrive(state: State, k: int) -> None:
    """Cash that is due arrives; all else is a bar nearer."""
    if state.moving[k] == 0:
        return
    last = state.transit.shape[1] - 1
    for w in range(state.transit.shape[0]):
        if state.transit[w, 0, k] != 0.0:
            state.cash[w, k] += state.transit[w, 0, k] / state.cash_fx[w]
            state.moving[k] -= 1
        for d in range(last):
            state.transit[w, d, k] = state.transit[w, d + 1, k]
        state.transit[w, last, k] = 0.0


@inlined
def spare(wallets: Wallets, state: State, v: int, w: int, k: int, worth: Float2D, total: float) -> float:
    """Cash that wallet v can send to wallet w, in the desk's currency.

    Its own idle cash, no more than what it has beyond its share of the start, and no more than leaves
    its margin ratio below the one at which w sends for cash, and at which it would itself.
    """
    free = state.cash[v, k] - worth[v, RESERVED]
    beyond = worth[v, EQUITY] - wallets.share[v] * total / state.cash_fx[v]
    margin = worth[v, MARGIN] - worth[v, NEEDED] / min(wallets.top_up_at[v], wallets.top_up_at[w])
    sent: float = min(free, beyond, margin) * state.cash_fx[v]
    return sent


@inlined
def send(state: State, row: int, v: int, w: int, k: int, amount: float, fee: float, delay: int) -> None:
    """Send an amount of the desk's currency from wallet v to wallet w; the fee goes off on the way."""
    state.cash[v, k] -= amount / state.cash_fx[v]
    if state.transit[w, delay - 1, k] == 0.0:
        state.moving[k] += 1
    state.transit[w, delay - 1, k] += amount - fee
    state.ledger[row + v, TRANSFER, k] -= amount
    state.ledger[row + w, TRANSFER, k] += amount - fee


@inlined
def restore(
    market: Market, legs: Legs, wallets: Wallets, state: State, t: int, k: int, worth: Float2D, total: float
) -> float:
    """Send cash back to its share of the start to each wallet whose margin ratio has passed its level.

    From the other wallets in their order, as far as they can spare it and withdrawals are open. Returns
    what it costs, in the desk's currency.
    """
    paid = 0.0
    for w in range(state.cash.shape[0]):
        if not worth[w, RATIO] >= wallets.top_up_at[w]:
            continue
        need = wallets.share[w] * total - worth[w, EQUITY] * state.cash_fx[w]
        for d in range(state.transit.shape[1]):
            need -= state.transit[w, d, k]
        for v in range(state.cash.shape[0]):
            shut = t < market.acts.locked.shape[0] and market.acts.locked[t, v] == 1
            if v == w or shut or wallets.delay[v] < 0 or wallets.delay[w] < 0:
                continue
            amount = min(need, spare(wallets, state, v, w, k, worth, total))
            if amount > wallets.transfer_fee[v] and amount >= wallets.transfer_min[v]:
                delay = max(wallets.delay[v], wallets.delay[w])
                send(state, legs.wallet.shape[0], v, w, k, amount, wallets.transfer_fee[v], delay)
                worth[v, EQUITY] -= amount / state.cash_fx[v]
                worth[v, MARGIN] -= amount / state.cash_fx[v]
                need -= amount
                paid += wallets.transfer_fee[v]
    return paid
