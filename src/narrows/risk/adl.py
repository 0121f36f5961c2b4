"""ADL: the venue closes *winning* positions at the price at which a loser is bankrupt.

What liquidation and the insurance fund could not cover is taken from the other side, those with the
largest profit per own money first. A hedged book then stands with one leg.
"""

import math

from narrows.core.arrays import Float1D
from narrows.core.cache import compiled
from narrows.risk.contract import INVERSE, notional, profit


@compiled
def bankruptcy(kind: int, side: float, entry: float, leverage: float) -> float:
    """Price at which a position opened at `leverage` has lost all its margin, fees left out.

    Parameters
    ----------
    kind : int
        Linear, or inverse with coin margin.
    side : float
        +1 long, −1 short.

    Returns
    -------
    float
        0.0 for a linear long and inf for an inverse short that no price can ruin (leverage <= 1).

    References
    ----------
    Bybit help centre, "Bankruptcy price": inverse long ``entry · L/(L + 1)``.
    """
    if kind == INVERSE:
        share = 1.0 + side / leverage
        return entry / share if share > 0.0 else math.inf
    return max(entry * (1.0 - side / leverage), 0.0)


@compiled
def effective_leverage(kind: int, quantity: float, mark: float, bankrupt: float, multiplier: float) -> float:
    """``|value at mark| / (value at mark − value at the bankruptcy price)``; inf if nothing is left.

    References
    ----------
    Auto-deleveraging rules of Bybit, Binance, Poloniex.
    """
    left = profit(kind, quantity, bankrupt, mark, multiplier)
    if not left > 0.0:
        return math.inf
    return notional(kind, quantity, mark, multiplier) / left


@compiled
def profit_share(kind: int, quantity: float, entry: float, mark: float, multiplier: float) -> float:
    """Unrealised profit as a fraction of the value at entry, in the settlement currency."""
    return profit(kind, quantity, entry, mark, multiplier) / notional(kind, quantity, entry, multiplier)


@compiled
def rank(share: float, leverage: float) -> float:
    """Place in the queue, the greatest first: ``profit × leverage``, and ``loss / leverage`` of losers."""
    return share * leverage if share > 0.0 else share / leverage


@compiled
def uninsured(quantity: float, shortfall: float, insurance: float) -> float:
    """The part of a bankrupt position that the insurance fund cannot take over.

    Parameters
    ----------
    quantity : float
        Of the bankrupt position that the market did not take, >= 0.
    shortfall : float
        What closing it in the market would cost beyond its margin, >= 0.
    insurance : float
        What the fund gives for it, >= 0, same currency.
    """
    if not shortfall > insurance:
        return 0.0
    return quantity * (1.0 - insurance / shortfall)


@compiled
def allocate(quantity: float, ranks: Float1D, held: Float1D, taken: Float1D) -> float:
    """Take `quantity` from the winning positions of the other side, the highest rank first.

    Each is closed at the bankruptcy price of the loser. Of equal ranks the first comes first.

    Parameters
    ----------
    ranks, held : ndarray of shape (positions,)
        `rank` of each, and its size >= 0 in the unit of `quantity`. Ranks <= 0 are not winning and
        are left alone.
    taken : ndarray of shape (positions,)
        Written: how much is taken from each.

    Returns
    -------
    float
        What no winning position was left for; 0.0 if all found one.
    """
    for i in range(ranks.shape[0]):
        taken[i] = 0.0
    left = quantity
    while left > 0.0:
        best = -1
        for i in range(ranks.shape[0]):
            winning = ranks[i] > 0.0 and held[i] > 0.0 and taken[i] == 0.0
            if winning and (best < 0 or ranks[i] > ranks[best]):
                best = i
        if best < 0:
            return left
        taken[best] = min(left, held[best])
        left -= taken[best]
    return 0.0


@compiled
def naked_loss(
    kind: int, taken: float, adl_price: float, rehedge_price: float, cost: float, multiplier: float
) -> float:
    """What a hedged book loses by an ADL of one leg, until it is hedged again; negative = it gained.

    The leg that is gone would have earned this from its closing price to the one at which it is
    opened anew, so the book is short an option: it loses where its winner would have won on.

    Parameters
    ----------
    taken : float
        What was closed of the leg, signed as the leg: negative of a short.
    cost : float
        Fraction of notional for opening it anew.
    """
    missed = profit(kind, taken, adl_price, rehedge_price, multiplier)
    return missed + cost * notional(kind, taken, rehedge_price, multiplier)
