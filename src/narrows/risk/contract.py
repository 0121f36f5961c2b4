"""What a contract pays: profit, notional, delta and funding of linear, inverse and quanto positions.

Amounts are in the contract's own settlement currency; what that is worth is another question.

| kind | quantity × multiplier is | settled in | profit |
|---|---|---|---|
| spot, linear | base units | quote | ``q·m·(after − before)`` |
| inverse | quote units | base coin | ``q·m·(1/before − 1/after)`` |
| quanto | settlement coins per unit of price | a third currency | ``q·m·(after − before)`` |
"""

from narrows.core.cache import compiled

SPOT, LINEAR, INVERSE, QUANTO = range(4)


@compiled
def profit(kind: int, quantity: float, before: float, after: float, multiplier: float) -> float:
    """Profit of a position from one price to another, in the settlement currency."""
    if kind == INVERSE:
        return quantity * multiplier * (1.0 / before - 1.0 / after)
    return quantity * multiplier * (after - before)


@compiled
def notional(kind: int, quantity: float, price: float, multiplier: float) -> float:
    """Size of a position at a price, >= 0, in the settlement currency: coin if inverse."""
    size = abs(quantity) * multiplier
    return size / price if kind == INVERSE else size * price


@compiled
def delta(kind: int, quantity: float, price: float, multiplier: float) -> float:
    """What moves with the price, signed: base units; settlement coins per unit of price if quanto.

    Of an inverse position only the contract: coins held as its collateral are spot beside it.
    """
    size = quantity * multiplier
    return size / price if kind == INVERSE else size


@compiled
def funding_received(kind: int, quantity: float, price: float, rate: float, multiplier: float) -> float:
    """Funding that a position receives (negative: pays), in the settlement currency.

    Parameters
    ----------
    quantity : float
        What is held at the stamp.
    price : float
        The price on which the venue settles at the stamp: the mark, or the oracle's (Hyperliquid).
    rate : float
        Settled fraction of the interval, or the accrued fraction; positive = longs pay shorts.
    """
    size = quantity * multiplier
    return -(size / price if kind == INVERSE else size * price) * rate
