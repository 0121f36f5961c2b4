"""Margin of one wallet: what it is worth, what counts as margin, what its positions need to live.

Maintenance is taken on the price asked about, by the tier that the position then stands in, with
the tier's deduction, and never divided by leverage. Isolated margin is a wallet with one leg.
Compiled functions on plain arrays: nothing is allocated, and the order of additions is fixed.
"""

from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, Int1D
from narrows.core.cache import compiled
from narrows.core.errors import ConfigError
from narrows.risk.contract import INVERSE, QUANTO, SPOT, profit


class Book(NamedTuple):
    """The legs of one wallet, (L,) each. A leg with neither quantity nor coin is not there.

    Cash in another currency than the reporting one is a spot leg.
    """

    kind: Int1D  # SPOT, LINEAR, INVERSE, QUANTO
    quantity: Float1D  # base units; quote units if inverse; contracts if quanto
    multiplier: Float1D  # of the quantity, see risk/contract.py
    coin: Float1D  # settlement coins that are margin of the leg (inverse, quanto)
    mark: Float1D  # price up to which profit is already in cash or coin
    weight: Float1D  # share of a long spot position that counts as margin: 1 − haircut
    rate: Float1D  # reporting currency per unit of quote (of settlement coin if quanto)


class Tiers(NamedTuple):
    """Margin tiers: rows first[i] … first[i + 1] − 1 are those of leg i, in order of their floors.

    Maintenance of a leg is ``notional · (rate + per_unit · base size) − deduction``. `floor` and
    `deduction` are quote amounts, or base amounts where `in_base`; a position exactly at a floor
    still belongs to the tier below. `max_leverage` is inf where a tier asks for no initial margin.
    """

    first: Int1D  # (L + 1,)
    in_base: Int1D  # (L,)
    per_unit: Float1D  # (L,) rate added per base unit of size (Deribit)
    floor: Float1D  # (rows,)
    rate: Float1D  # (rows,)
    deduction: Float1D  # (rows,)
    max_leverage: Float1D  # (rows,)


def deductions(floor: Float1D, rate: Float1D) -> Float1D:
    """Deductions that make maintenance continuous from tier to tier, shape (rows,).

    ``d₀ = 0, dₖ = floorₖ · (rateₖ − rateₖ₋₁) + dₖ₋₁``, in the unit of `floor`.

    Raises
    ------
    ConfigError
        If floors do not rise from 0 or rates fall: a smaller position would need more.

    References
    ----------
    Binance FAQ, "Leverage and margin of USDⓈ-M futures".
    """
    if floor[0] != 0.0 or not (np.diff(floor) > 0.0).all():
        raise ConfigError(f"floors {floor.tolist()} do not rise from 0", "margin tiers", "sort them by floor")
    if not (rate[0] >= 0.0 and (np.diff(rate) >= 0.0).all()):
        raise ConfigError(f"rates {rate.tolist()} fall", "margin tiers", "check the table of the venue")
    return np.cumsum(floor * np.diff(rate, prepend=rate[0]))


@compiled
def tier(tiers: Tiers, i: int, size: float) -> int:
    """The row of leg i that a size falls into: the last one whose floor lies below it."""
    row: int = tiers.first[i]
    while row + 1 < tiers.first[i + 1] and tiers.floor[row + 1] < size:
        row += 1
    return row


@compiled
def sizes(book: Book, i: int, price: float) -> tuple[float, float]:
    """Notional of a leg at a price, in its quote (settlement coin if quanto), and its base size."""
    size = abs(book.quantity[i]) * book.multiplier[i]
    if book.kind[i] == INVERSE:
        return size, size / price
    return size * price, size


@compiled
def required(tiers: Tiers, i: int, notional: float, base: float, leverage: float) -> tuple[float, float]:
    """Maintenance and initial margin of a position of leg i, in the unit of `notional`.

    `leverage` is what the account has chosen; the tier's own limit holds where it is lower.
    """
    row = tier(tiers, i, base if tiers.in_base[i] else notional)
    deducted = tiers.deduction[row]
    if tiers.in_base[i] and deducted != 0.0:
        deducted *= notional / base
    extra = tiers.per_unit[i] * base
    maintenance = notional * (tiers.rate[row] + extra) - deducted
    initial = notional * (1.0 / min(leverage, tiers.max_leverage[row]) + extra)
    return maintenance, initial


@compiled
def held(book: Book, i: int) -> bool:
    """Whether there is anything in a leg."""
    return bool(book.quantity[i] != 0.0 or book.coin[i] != 0.0)


@compiled
def margined(book: Book, i: int) -> bool:
    """Whether a leg needs margin: derivatives and borrowed coins do, owned spot does not."""
    return bool(book.quantity[i] != 0.0 and (book.kind[i] != SPOT or book.quantity[i] < 0.0))


@compiled
def value(book: Book, i: int, price: float) -> float:
    """What a leg adds to the equity at a price, in the reporting currency: coins and unsettled profit."""
    if book.kind[i] == SPOT:
        worth = book.quantity[i] * book.multiplier[i] * price
    else:
        worth = profit(book.kind[i], book.quantity[i], book.mark[i], price, book.multiplier[i])
        if book.kind[i] == INVERSE:
            worth = (book.coin[i] + worth) * price
        elif book.kind[i] == QUANTO:
            worth += book.coin[i]
    total: float = worth * book.rate[i]
    return total


@compiled
def standing_without(
    book: Book, tiers: Tiers, cash: float, prices: Float1D, skip: int
) -> tuple[float, float, float]:
    """`standing` of all legs but one; −1 leaves out none."""
    equity = cash
    margin_equity = cash
    maintenance = 0.0
    for i in range(book.kind.shape[0]):
        if i == skip or not held(book, i):
            continue
        worth = value(book, i, prices[i])
        equity += worth
        if book.kind[i] == SPOT and book.quantity[i] > 0.0:
            worth *= book.weight[i]
        margin_equity += worth
        if margined(book, i):
            notional, base = sizes(book, i, prices[i])
            maintenance += required(tiers, i, notional, base, 1.0)[0] * book.rate[i]
    return equity, margin_equity, maintenance


@compiled
def standing(book: Book, tiers: Tiers, cash: float, prices: Float1D) -> tuple[float, float, float]:
    """A wallet at `prices` (L,): equity, margin equity, maintenance; reporting currency.

    It is liquidated when margin equity <= maintenance. `cash` is in the reporting currency and may
    be negative. NaN where the price of a leg that is held is not known.
    """
    return standing_without(book, tiers, cash, prices, -1)


@compiled
def initial_margin(book: Book, tiers: Tiers, prices: Float1D, leverage: Float1D) -> float:
    """What the positions of a wallet would need to be opened, at the leverage chosen for each leg."""
    total = 0.0
    for i in range(book.kind.shape[0]):
        if margined(book, i):
            notional, base = sizes(book, i, prices[i])
            total += required(tiers, i, notional, base, leverage[i])[1] * book.rate[i]
    return total
