"""Inputs: panel and desk file as the arrays that the simulator reads bar by bar.

`[[events]]` of the desk file say what venues did unasked: ADL, trading that is halted or reduce-only,
withdrawals that are shut, coins that cannot be borrowed. No strategy knows of it before it happens.
"""

from collections.abc import Sequence

import numpy as np

from narrows.core.arrays import Bool1D, Float2D, Float3D, read_only
from narrows.core.config import Desk, Happening, Venue
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.time import to_ns
from narrows.core.units import from_bps
from narrows.market.depth_model import against_usual
from narrows.sim.forced import HALTED, REDUCE_ONLY
from narrows.sim.layout import Acts, Market
from narrows.sim.rates import exchange_rates

SIGN = {"long": 1.0, "short": -1.0}


def prepared(desk: Desk, panel: Panel) -> Panel:
    """The panel with what the desk file says where the data are silent: borrow rates,
    constant currencies, what may be borrowed, and depth that goes with volatility.

    Strategy and simulator both see this panel, so that they reckon with the same rates.
    """
    rates = np.array([desk.venues.get(one.venue, Venue()).borrow_apr for one in panel.instruments])
    filled = panel.with_field("borrow", np.where(np.isnan(panel.borrow), rates, panel.borrow))
    filled = filled.with_field("available", borrowable(desk, panel))
    return _modelled(desk, filled.with_field("fx", exchange_rates(desk, panel)))


def _modelled(desk: Desk, panel: Panel) -> Panel:
    """Depth and quotes where the data have none and the venue's `depth_model` is "volatility"."""
    settings = [desk.venues.get(one.venue, Venue()) for one in panel.instruments]
    modelled = [column for column, venue in enumerate(settings) if venue.depth_model == "volatility"]
    fields = {name: panel.fields[name].copy() for name in ("depth", "bid", "ask") if modelled}
    for column in modelled:
        close = panel.close[:, column]
        depth, spread = against_usual(panel.time_ns, close)
        half = from_bps(settings[column].half_spread_bps) * spread
        made = {
            "depth": settings[column].depth_usd * depth,
            "bid": close * (1.0 - half),
            "ask": close * (1.0 + half),
        }
        unquoted = np.isnan(panel.bid[:, column]) | np.isnan(panel.ask[:, column])
        empty = {"depth": np.isnan(panel.depth[:, column]), "bid": unquoted, "ask": unquoted}
        for name, values in made.items():
            fields[name][empty[name], column] = values[empty[name]]
    for name, values in fields.items():
        panel = panel.with_field(name, values)
    return panel


def market(desk: Desk, panel: Panel, features: Float3D, wallets: Sequence[str]) -> Market:
    """A prepared panel as the kernel reads it, with what venues do unasked; `wallets` by name."""
    fields = {name: panel.fields[name] for name in Market._fields if name in panel.fields}
    return Market(
        **fields,
        oracle=panel.index,
        time_ns=panel.time_ns,
        acts=acts(desk, panel, wallets),
        features=read_only(features),
    )


def acts(desk: Desk, panel: Panel, wallets: Sequence[str]) -> Acts:
    """What venues do in the bars of a panel; no rows at all where the desk file names nothing.

    Raises
    ------
    ConfigError
        If an event touches no instrument of the panel.
    """
    bars = len(panel) if desk.events else 0
    trading = np.zeros((bars, len(panel.instruments)), dtype=np.int64)
    share = np.zeros(trading.shape)
    at = np.full(trading.shape, np.nan)
    locked = np.zeros((bars, len(wallets)), dtype=np.int64)
    for number, event in enumerate(desk.events):
        rows = when(event, panel)
        columns = touched(desk, event, panel.instruments, number)
        if event.kind in ("halt", "reduce_only"):
            state = HALTED if event.kind == "halt" else REDUCE_ONLY
            trading[np.ix_(rows, columns)] = np.maximum(trading[np.ix_(rows, columns)], state)
        elif event.kind == "adl":
            share[np.ix_(rows, columns)] = SIGN[event.side] * event.share
            at[np.ix_(rows, columns)] = np.nan if event.price is None else event.price
        elif event.kind == "no_withdrawals":
            shut = [name.partition(":")[0] == event.venue for name in wallets]
            locked[np.ix_(rows, np.array(shut, dtype=bool))] = 1
    return Acts(read_only(trading), read_only(share), read_only(at), read_only(locked))


def borrowable(desk: Desk, panel: Panel) -> Float2D:
    """Coins that may be borrowed, (T, N): what the data say, less what the desk file says was recalled."""
    available = panel.available.copy()
    for number, event in enumerate(desk.events):
        if event.kind == "recall":
            there = np.ix_(when(event, panel), touched(desk, event, panel.instruments, number))
            available[there] = np.fmin(available[there], event.available)
    return available


def when(event: Happening, panel: Panel) -> Bool1D:
    """The bars that an event is in force for, (T,): those that open within it; of ADL the one it is in."""
    opens, start = panel.time_ns - panel.bar_ns, to_ns(event.start)
    if event.end is None:
        return (opens <= start) & (start < panel.time_ns)
    found: Bool1D = (opens >= start) & (opens < to_ns(event.end))
    return found


def touched(desk: Desk, event: Happening, instruments: Sequence[Instrument], number: int) -> Bool1D:
    """Which instruments an event touches, (N,): derivatives by ADL and reduce-only, spot by recall."""
    kinds = {"adl": (True,), "reduce_only": (True,), "recall": (False,)}.get(event.kind, (True, False))
    found: Bool1D = np.array(
        [
            one.venue == event.venue
            and one.is_derivative in kinds
            and (not event.coins or one.base in event.coins)
            for one in instruments
        ],
        dtype=bool,
    )
    if not found.any():
        there = ", ".join(one.id for one in instruments)
        where = f"desk {desk.name}: events[{number}]"
        raise ConfigError(f"{event.kind} touches no instrument", where, f"the universe has {there}")
    return found
