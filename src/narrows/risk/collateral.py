"""Collateral: what a coin counts as margin, slice by slice, and how a debt is repaid from it.

A venue counts a coin at less than it is worth, and the more of it there is the less the next slice
counts: the haircut rises from slice to slice. Realised losses are paid from the quote balance; below
zero it is a debt, up to a limit, beyond which the venue sells collateral and repays.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, Int1D, read_only
from narrows.core.cache import compiled
from narrows.rulebook.coins import CollateralRule


class Haircuts(NamedTuple):
    """Slices of collateral: rows first[i] … first[i + 1] − 1 are those of asset i, in order of floors.

    An asset without rows is no collateral. Floors begin at 0 and rise, weights fall or stay; the
    rulebook refuses others when a record is read.
    """

    first: Int1D  # (A + 1,)
    in_coin: Int1D  # (A,) whether the floors of an asset are coins of it; else US dollars
    floor: Float1D  # (rows,) where the slice begins
    weight: Float1D  # (rows,) share of the slice that counts as margin: 1 − haircut


def haircuts_of(rules: Sequence[CollateralRule | None]) -> Haircuts:
    """The arrays of these assets' rules, in their order; None = the asset is no collateral."""
    arrays = [(np.empty(0), np.empty(0)) if rule is None else rule.arrays() for rule in rules]
    return Haircuts(
        read_only(np.cumsum([0, *(len(floors) for floors, _ in arrays)]).astype(np.int64)),
        read_only(
            np.array([rule is not None and rule.floors_in == "coin" for rule in rules], dtype=np.int64)
        ),
        read_only(np.concatenate([np.empty(0), *(floors for floors, _ in arrays)])),
        read_only(np.concatenate([np.empty(0), *(weights for _, weights in arrays)])),
    )


@compiled
def pledge(haircuts: Haircuts, i: int, below: float, value: float) -> float:
    """What `value` of asset i counts as margin on top of `below` that is pledged already.

    Both in the unit of the asset's floors, the result too. Only the slices that the new part falls
    into matter, so what several legs of one asset count together is the same in any order. Concave
    in `value`, from 0. A negative value is a debt and counts in full; an asset without rows counts 0;
    NaN gives NaN.

    Parameters
    ----------
    below : float
        >= 0: what other legs of the same asset and wallet hold. A debt of the asset is set off
        before it is pledged, not passed here.
    """
    if not value > 0.0:
        return value
    row = haircuts.first[i]
    last = haircuts.first[i + 1] - 1
    if row > last:
        return 0.0
    while row < last and haircuts.floor[row + 1] <= below:
        row += 1
    total: float = 0.0
    begin = below
    left = value
    while row < last and haircuts.floor[row + 1] - begin < left:
        width = haircuts.floor[row + 1] - begin
        total += haircuts.weight[row] * width
        left -= width
        row += 1
        begin = haircuts.floor[row]
    total += haircuts.weight[row] * left
    return total


@compiled
def counted(haircuts: Haircuts, i: int, below: float, quantity: float, price: float) -> float:
    """What coins of asset i count as margin at a price, US dollars, on top of `below` coins of it.

    The floors may be coins or dollars; what is held is given in coins either way.
    """
    if haircuts.in_coin[i]:
        return pledge(haircuts, i, below, quantity) * price
    return pledge(haircuts, i, below * price, quantity * price)


def sale_order(haircuts: Haircuts) -> Int1D:
    """Assets in the order in which a venue sells them to repay a debt, shape (<= A,).

    The one that counts most first (the most liquid: that is what its weight says), of equal ones the
    first on record; what counts nothing is not sold. By the first slice, so the order changes only
    with the rules.

    References
    ----------
    OKX help centre, "Introduction to the forced repayment mechanism": higher discount rates and
    better liquidity first, none of rate 0. Binance sells in proportion instead.
    """
    assets = [i for i in range(len(haircuts.first) - 1) if haircuts.first[i] < haircuts.first[i + 1]]
    weights = {i: float(haircuts.weight[haircuts.first[i]]) for i in assets}
    order = sorted((i for i in assets if weights[i] > 0.0), key=lambda i: -weights[i])
    return np.array(order, dtype=np.int64)


@compiled
def to_repay(cash: float, limit: float, kept: float) -> float:
    """How much of a debt a venue collects: none up to its limit, beyond it all but `kept` of the limit.

    Parameters
    ----------
    cash : float
        The balance; negative is a debt.
    limit : float
        Largest debt that is left alone, >= 0; inf = no forced repayment.
    kept : float
        Share of the limit that is still owed afterwards, in [0, 1]: 0 where the whole is repaid.
    """
    if not -cash > limit:
        return 0.0
    return -cash - kept * limit


@compiled
def sold_for(needed: float, price: float, cost: float, held: float) -> tuple[float, float]:
    """Coins to sell at `price` for proceeds of `needed`, and the proceeds: less if `held` is too little.

    Parameters
    ----------
    price : float
        Currency of `needed` per coin. A coin whose price is not known is not sold.
    cost : float
        Fraction of what is sold that fee, spread and the venue's conversion take, in [0, 1).
    held : float
        Coins there are, >= 0.
    """
    unit = price * (1.0 - cost)
    if not (needed > 0.0 and held > 0.0 and unit > 0.0):
        return 0.0, 0.0
    quantity = needed / unit
    if quantity < held:
        return quantity, needed
    return held, held * unit
