"""A Result in another numeraire: the same run, reckoned in coin."""

from dataclasses import replace

import msgspec
import numpy as np

from narrows.core.arrays import Bool1D, Float1D
from narrows.core.config import Desk
from narrows.core.errors import DataError
from narrows.core.event import AT_THE_OPEN
from narrows.core.instrument import same_money
from narrows.core.ledger import CATEGORIES, Ledger
from narrows.core.panel import Panel
from narrows.core.result import Fills, Result

_ROWS = ("all legs and wallets", "revaluation of the equity")


def coin_prices(panel: Panel, coin: str, currency: str) -> tuple[str, Float1D]:
    """What a coin cost: at the open of the first bar, then at each close.

    Its spot mark where the panel has one, else the index of a derivative on it, else that
    derivative's mark. A close without a price keeps the last one; before the first, the open counts.

    Parameters
    ----------
    panel : Panel
    coin : str
        Base of an instrument, as ``BTC``.
    currency : str
        The desk's: only instruments quoted in it count, any dollar for any other.

    Returns
    -------
    source : str
        The instrument and field the prices come from.
    prices : ndarray of shape (T + 1,)
        Units of `currency` per coin.

    Raises
    ------
    DataError
        If no instrument on the coin in that currency has a price at the start.
    """
    priced = [(n, one) for n, one in enumerate(panel.instruments) if same_money(one.quote, currency)]
    on_coin = [(column, one) for column, one in priced if one.base == coin]
    choices = [(column, one, "mark") for column, one in on_coin if not one.is_derivative]
    choices += [
        (column, one, name) for name in ("index", "mark") for column, one in on_coin if one.is_derivative
    ]
    for column, one, name in choices:
        first = panel.open[:1, column]
        path = np.concatenate((first, panel.fields[name][:, column]))
        known = np.where(path > 0.0, np.arange(len(path)), -1)
        last = np.maximum.accumulate(known)
        if len(path) and (path[1:] > 0.0).any() and last[0] == 0:
            return f"{name} of {one.id}", path[last]
    have = ", ".join(dict.fromkeys(one.base for _, one in priced)) or "no coin"
    raise DataError(
        f"no price of {coin} in {currency} at the start of the run",
        "panel",
        f"choose from {have}, or bring its prices",
    )


def restated(result: Result, prices: Float1D, currency: str, source: str = "") -> Result:
    """The same run reckoned in another currency.

    Each increment of the ledger is divided by the price at its close; what the equity that was
    there before gains or loses because the price moved goes into ``fx``. So the ledger still is
    the change in equity. The capital is what it bought at the open of the first bar, and the hurdle
    is holding that: 0 % a year. A Result keeps no path of each leg, so the ledger has two rows: all
    legs together, and the revaluation.

    Parameters
    ----------
    result : Result
    prices : ndarray of shape (T + 1,)
        Price of one unit of `currency` in the currency of the result: at the open of the first
        bar, then at each close. See `coin_prices`.
    currency : str
    source : str
        Where the prices come from, for the notes.

    Returns
    -------
    Result

    Raises
    ------
    DataError
        If there is not one positive price for each close and the start.
    """
    _check(result, prices, currency)
    at = prices[1:]
    moved = np.diff(result.ledger_path, axis=0, prepend=0.0) / at[:, None]
    before = np.concatenate(((result.equity_start,), result.equity[:-1]))[: len(at)]
    revalued = before / at - before / prices[:-1]
    fx = list(CATEGORIES).index("fx")
    amounts = np.zeros((2, len(CATEGORIES)))
    amounts[0] = moved.sum(axis=0)
    amounts[1, fx] = revalued.sum()
    moved[:, fx] += revalued
    inverse = _inverse(result)
    at_what = f" at the {source}" if source else ""
    return replace(
        result,
        desk=_desk(result.desk, float(prices[0]), currency),
        equity=result.equity / at,
        position=np.where(inverse, result.position / at[:, None], result.position),
        mark=result.mark / at[:, None],
        paid_on=result.paid_on / at[:, None],
        wallet_equity=result.wallet_equity / at[:, None],
        in_transit=result.in_transit / at,
        ledger_path=np.cumsum(moved, axis=0),
        fills=_fills(result, result.fills, prices, inverse),
        liquidated_high_low=_fills(result, result.liquidated_high_low, prices, inverse),
        ledger=Ledger(_ROWS, amounts),
        notes=(
            f"{result.desk.currency} restated in {currency}{at_what}; the hurdle is holding it",
            *result.notes,
        ),
    )


def _desk(desk: Desk, price: float, currency: str) -> Desk:
    """The desk with its capital in coin, and holding the coin as its hurdle."""
    hold = msgspec.structs.replace(desk.hurdle, apr=0.0)
    return msgspec.structs.replace(desk, currency=currency, capital=desk.capital / price, hurdle=hold)


def _check(result: Result, prices: Float1D, currency: str) -> None:
    where = f"restate {result.desk.name} in {currency}"
    if prices.shape != (len(result.time_ns) + 1,):
        raise DataError(
            f"{len(prices)} prices for {len(result.time_ns)} bars", where, "give one more than bars"
        )
    if not (np.isfinite(prices) & (prices > 0.0)).all():
        raise DataError("a price is not a positive number", where, "fill or shorten the run")


def _inverse(result: Result) -> Bool1D:
    """Which legs count their position in quote units, shape (L,)."""
    known = {leg.instrument.id: leg.instrument for one in result.spreads for leg in one.legs}
    inverse: Bool1D = np.array([known[leg.instrument].is_inverse for leg in result.legs], dtype=bool)
    return inverse


def _fills(result: Result, fills: Fills, prices: Float1D, inverse: Bool1D) -> Fills:
    """Fills at the price of the close that booked them, so that their costs add up to the ledger's."""
    if not len(fills):
        return fills
    traded = np.isin(fills.reason, AT_THE_OPEN)
    closes = np.where(traded, fills.time_ns + result.desk.bar_ns, fills.time_ns)
    at = prices[1:][np.searchsorted(result.time_ns, closes)]
    return replace(
        fills,
        quantity=np.where(inverse[fills.leg], fills.quantity / at, fills.quantity),
        price=fills.price / at,
        reference=fills.reference / at,
        fee=fills.fee / at,
        slippage=fills.slippage / at,
    )
