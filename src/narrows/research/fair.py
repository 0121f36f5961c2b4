"""The fair band of each spread of a desk at the last bar: what its trades, loans and margin cost it."""

import math
from collections.abc import Sequence

import numpy as np

from narrows.analytics.carry import fill_cost
from narrows.analytics.fairvalue import Band, Costs, Financing, band
from narrows.core.config import Desk, Venue
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.sim.layout import Layout
from narrows.sim.terms import rules_of

SEEN_H = 24.0  # no venue settles funding less often: so far back lies the interval now running


def financing_of(desk: Desk, spread: Spread) -> Financing:
    """What the desk file says that money, the coin and margin cost for a spread; fractions a year.

    Cash of one's own costs what it earns elsewhere (`cash_apr`), if that is more than a loan; so do
    coins. The proceeds of coins sold short earn nothing, as in the simulator. Where the coins held are
    the margin, or those proceeds, margin costs nothing.
    """
    first = spread.legs[0].instrument
    venues = [desk.venues.get(leg.instrument.venue, Venue()) for leg in spread.legs]
    here = venues[0]
    posted = [
        0.0 if _is_margin(first, venue) else 1.0 / min(venue.max_leverage, desk.risk.max_leverage)
        for venue in venues
    ]
    coin = here.coin_apr.get(first.base, 0.0)
    return Financing(
        borrow=max(max(venue.cash_borrow_apr, venue.cash_apr) for venue in venues),
        lend=0.0,
        base_borrow=max(here.borrow_apr, coin),
        base_lend=coin,
        margin=sum(posted) / len(posted),
        return_on_margin=sum(venue.cash_apr for venue in venues) / len(venues),
    )


def _is_margin(first: Instrument, venue: Venue) -> bool:
    """Whether the spot leg itself is the margin of the other."""
    counts = venue.collateral is None or first.base in venue.collateral
    return first.kind == "spot" and venue.account == "unified" and venue.margin != "isolated" and counts


def costs_of(panel: Panel, spreads: Sequence[Spread], plan: Layout) -> list[Costs]:
    """What the trades of each spread cost: taker fee and half spread, by the desk or the rulebook.

    Where the coin itself is not among the legs of the universe, trading it costs as much as the first leg.
    """
    legs = plan.legs
    fills = np.asarray(fill_cost(legs.fee, legs.half_spread, 0.0, legs.depth)).tolist()
    instruments = [panel.instruments[column] for column in legs.column.tolist()]
    spot = {
        (one.venue, one.base): fill
        for one, fill in zip(instruments, fills, strict=True)
        if one.kind == "spot"
    }
    made = []
    for number, spread in enumerate(spreads):
        at = int(legs.first[number])
        one = spread.legs[0].instrument
        made.append(
            Costs(
                first=fills[at],
                second=fills[at + 1],
                spot=spot.get((one.venue, one.base), fills[at]),
                delivery=float(legs.delivery_fee[at + 1]),
            )
        )
    return made


def fair_bands(desk: Desk, panel: Panel, spreads: Sequence[Spread], plan: Layout) -> list[Band]:
    """The band of each spread, in the order given; its last row is that of the panel's last bar.

    Only the rows are read that the last one needs. `panel` is prepared: with the desk's rates where the
    data are silent.
    """
    recent = panel.rows(max(0, len(panel) - 1 - math.ceil(SEEN_H / panel.bar_h)), len(panel))
    rules = rules_of(desk)
    return [
        band(spread, recent, rules, financing_of(desk, spread), costs)
        for spread, costs in zip(spreads, costs_of(panel, spreads, plan), strict=True)
    ]
