"""What happens at the close of a bar before anyone is judged: rates, marks, funding, interest, delivery."""

import math

from narrows.core.cache import inlined
from narrows.sim.forced import loans
from narrows.sim.layout import Legs, Market, State, Trace, Wallets
from narrows.sim.physics import (
    BASIS,
    BORROW,
    DELIVERED,
    FUNDING,
    FX,
    YIELD,
    close,
    coin_profit,
    costs,
    pay,
    trade,
)


@inlined
def exchange(market: Market, legs: Legs, wallets: Wallets, state: State, t: int) -> None:
    """Move every currency to its new rate, at the old marks; one without a rate keeps the last."""
    for w in range(wallets.money.shape[0]):
        rate = market.fx[t, wallets.money[w]] if wallets.money[w] >= 0 else 1.0
        if rate > 0.0 and rate != state.cash_fx[w]:
            for k in range(state.cash.shape[1]):
                gain = state.cash[w, k] * (rate - state.cash_fx[w])
                state.ledger[legs.column.shape[0] + w, FX, k] += gain
            state.cash_fx[w] = rate
    for i in range(legs.column.shape[0]):
        rate = market.fx[t, legs.column[i]]
        if rate > 0.0 and rate != state.fx[i]:
            for k in range(state.quantity.shape[1]):
                held = state.quantity[i, k] if legs.spot[i] else state.coin[i, k]
                if held != 0.0:
                    state.ledger[i, FX, k] += held * state.mark[i] * (rate - state.fx[i])
            state.fx[i] = rate
        state.exchange[i] = state.fx[i] / state.cash_fx[legs.wallet[i]]


@inlined
def move_marks(market: Market, legs: Legs, state: State, t: int) -> None:
    """Move every leg to its new mark; a leg without one keeps the last."""
    for i in range(legs.column.shape[0]):
        mark = market.mark[t, legs.column[i]]
        if not mark > 0.0:
            continue
        last = state.mark[i]
        state.mark[i] = mark
        if not last > 0.0:
            continue
        wallet = legs.wallet[i]
        for k in range(state.quantity.shape[1]):
            quantity = state.quantity[i, k]
            if legs.inverse[i]:
                state.ledger[i, FX, k] += state.coin[i, k] * (mark - last) * state.fx[i]
                coins = coin_profit(quantity, last, mark)
                state.coin[i, k] += coins
                state.ledger[i, BASIS, k] += coins * mark * state.fx[i]
            else:
                profit = quantity * (mark - last)
                state.ledger[i, BASIS, k] += profit * state.fx[i]
                if not legs.spot[i]:
                    state.cash[wallet, k] += profit * state.exchange[i]
                    state.unsettled[i, k] += profit * state.exchange[i]
                    if legs.isolated[i]:
                        state.posted[i, k] += profit * state.exchange[i]


@inlined
def _lent(legs: Legs, state: State, w: int, k: int) -> float:
    """Value of the coins that a wallet has borrowed and sold: cash that is not its own."""
    value = 0.0
    for i in range(legs.wallet.shape[0]):
        if legs.wallet[i] == w and legs.spot[i] and state.quantity[i, k] < 0.0:
            value -= state.quantity[i, k] * state.mark[i] * state.exchange[i]
    return value


@inlined
def _sell_along(
    market: Market, legs: Legs, state: State, trace: Trace, t: int, i: int, k: int, price: float
) -> None:
    """The spot of a delivered spread was sold along the averaging window: at its mean, with costs."""
    s = 0
    while legs.first[s + 1] <= i:
        s += 1
    for j in range(legs.first[s], legs.first[s + 1]):
        held = state.quantity[j, k]
        if legs.spot[j] and held != 0.0:
            half, depth = costs(market, legs, t, j)
            trade(legs, state, trace, (t, k, j), -held, price, half, depth, DELIVERED)


@inlined
def accrue(market: Market, legs: Legs, wallets: Wallets, state: State, trace: Trace, t: int) -> None:
    """Funding settled at this close, interest on borrowed coins and on cash, delivery."""
    lanes = state.quantity.shape[1]
    for i in range(legs.column.shape[0]):
        c = legs.column[i]
        mark = state.mark[i]
        rate = market.funding[t, c]
        if math.isfinite(rate) and not legs.spot[i]:
            for k in range(lanes):
                quantity = state.quantity[i, k]
                if quantity != 0.0:
                    price = market.oracle[t, c] if legs.oracle[i] and market.oracle[t, c] > 0.0 else mark
                    notional = quantity if legs.inverse[i] else quantity * price
                    pay(legs, state, i, k, -notional * rate, FUNDING)
        if legs.spot[i]:
            loans(market, legs, wallets, state, t, i)
        delivery = market.settlement[t, c]
        if delivery > 0.0:
            for k in range(lanes):
                if state.quantity[i, k] != 0.0:
                    close(legs, state, trace, (t, k, i), state.quantity[i, k], delivery, DELIVERED)
                    if legs.along[i]:
                        _sell_along(market, legs, state, trace, t, i, k, delivery)
    for w in range(state.cash.shape[0]):
        row = legs.wallet.shape[0] + w
        for k in range(lanes):
            cash = state.cash[w, k]
            if cash >= 0.0:
                own = cash if wallets.cash_apr[w] == 0.0 else max(cash - _lent(legs, state, w, k), 0.0)
                earned = own * wallets.cash_apr[w] * wallets.bar_years
                state.ledger[row, YIELD, k] += earned * state.cash_fx[w]
            else:
                earned = cash * wallets.cash_borrow_apr[w] * wallets.bar_years
                state.ledger[row, BORROW, k] += earned * state.cash_fx[w]
            state.cash[w, k] += earned
