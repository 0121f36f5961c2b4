"""Rates: what each currency is worth in the desk's, and which one a wallet's cash is in."""

from collections.abc import Iterable

import numpy as np

from narrows.core.arrays import Float1D, Float2D
from narrows.core.config import Desk, Venue
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel


def exchange_rates(desk: Desk, panel: Panel) -> Float2D:
    """What each instrument's money is worth in the desk's, (T, N); NaN where nothing says it.

    1 for the desk's own currency; a constant where ``[fx]`` says so; else the panel's `fx`.
    """
    rates = panel.fx.copy()
    for column, one in enumerate(panel.instruments):
        given = desk.fx.get(one.money)
        if one.money == desk.currency:
            rates[:, column] = 1.0
        elif isinstance(given, float):
            rates[:, column] = given
    return rates


def known_rates(desk: Desk, panel: Panel) -> Float2D:
    """`exchange_rates` as the simulator has them: without a new rate the last one, at first the first."""
    rates = exchange_rates(desk, panel)
    if not len(panel):
        return rates
    known = np.isfinite(rates)
    last = np.maximum.accumulate(np.where(known, np.arange(len(panel))[:, None], -1), axis=0)
    rows = np.where(last < 0, known.argmax(axis=0), last)
    return np.take_along_axis(rates, rows, axis=0)


def first_rates(desk: Desk, panel: Panel, used: Iterable[Instrument]) -> Float1D:
    """The first rate known of each instrument's quote currency, (N,).

    Raises
    ------
    ConfigError
        If nothing says what the quote currency of a used instrument is worth: currencies never meet
        without an explicit rate.
    """
    if not len(panel):
        return np.ones(len(panel.instruments))
    rates = exchange_rates(desk, panel)
    known = np.isfinite(rates)
    for one in used:
        if not known[:, panel.column(one.id)].any():
            how = "pays" if one.is_quanto else "is quoted"
            raise ConfigError(
                f"{one.id} {how} in {one.money}, the desk counts in {desk.currency}",
                f"desk {desk.name}: fx.{one.money}",
                f"name a pair that prices it, or say what it is worth: {one.money} = 1.0",
            )
    first: Float1D = rates[known.argmax(axis=0), np.arange(rates.shape[1])]
    return first


def money_of(desk: Desk, panel: Panel, venue: Venue, wallet: str) -> int:
    """The panel column whose quote currency the cash of a wallet is in; -1 = the desk's own.

    The venue's `cash`, else the money of what is not inverse there if it is one, else the desk's.

    Raises
    ------
    ConfigError
        If no instrument of the panel is quoted in it.
    """
    there = [one for one in panel.instruments if one.venue == wallet.partition(":")[0]]
    moneys = {one.money for one in there if not one.is_inverse}
    currency = venue.cash or (moneys.pop() if len(moneys) == 1 else desk.currency)
    if currency == desk.currency:
        return -1
    for column, one in enumerate(panel.instruments):
        if one.money == currency:
            return column
    where = f"desk {desk.name}: venues.{wallet}.cash"
    raise ConfigError(f"no instrument is quoted in {currency}", where, "so nothing says what it is worth")
