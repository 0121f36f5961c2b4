"""Layout: a desk, its spreads and its panel as the plain arrays that kernel and reference read.

NamedTuples of arrays, because Numba takes them as they are. Axes: bars T, panel columns N,
legs L, spreads S, wallets W, ledger categories C, parameter combinations ("lanes") K.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from narrows.core.arrays import Float1D, Float2D, Float3D, Int1D, Int2D, read_only
from narrows.core.config import Desk, Venue
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument, same_money
from narrows.core.ledger import CATEGORIES
from narrows.core.panel import Panel
from narrows.core.result import Leg
from narrows.core.spread import Spread
from narrows.core.time import YEAR_H
from narrows.core.units import from_bps
from narrows.rulebook.fees import taker_fee
from narrows.strategy.decider import MEMORY


class Market(NamedTuple):
    """Panel fields that the kernel reads, each (T, N); `features` is (T, S, F)."""

    open: Float2D
    high: Float2D
    low: Float2D
    mark: Float2D
    bid: Float2D
    ask: Float2D
    depth: Float2D
    funding: Float2D
    borrow: Float2D
    settlement: Float2D
    features: Float3D


class Legs(NamedTuple):
    """Facts of each leg, (L,) each; `first[s]:first[s + 1]` are the legs of spread s."""

    first: Int1D  # (S + 1,)
    column: Int1D  # panel column
    wallet: Int1D
    spot: Int1D  # 1 = owned, 0 = margined
    inverse: Int1D
    ratio: Float1D
    fee: Float1D  # taker, fraction
    half_spread: Float1D  # where the panel has no quotes
    depth: Float1D  # quote value within 10 bp, where the panel has none
    maintenance: Float1D
    liquidation_fee: Float1D
    weight: Float1D  # share of a long spot position that counts as collateral
    lot: Float1D
    min_notional: Float1D


class Wallets(NamedTuple):
    """Facts of each wallet, (W,) each, and the length of a bar."""

    leverage: Float1D  # derivatives notional over equity, at most
    cash_apr: Float1D
    cash_borrow_apr: Float1D
    bar_years: float


class State(NamedTuple):
    """All that a run carries from one bar to the next, for K lanes."""

    cash: Float2D  # (W, K) reporting currency
    quantity: Float2D  # (L, K) base units, quote units if inverse
    coin: Float2D  # (L, K) profit kept in coin (inverse legs)
    mark: Float1D  # (L,) last known mark
    target: Float2D  # (L, K) queued for the next open
    queued: Int2D  # (S, K)
    opened: Int2D  # (S, K) the spread holds something
    memory: Float3D  # (S, K, MEMORY)
    ledger: Float3D  # (L + W, C, K)
    peak: Float1D  # (K,)
    drawdown: Float1D  # (K,)
    residual: Float1D  # (K,) largest unhedged delta over equity
    trips: Int1D  # (K,)
    liquidations: Int1D  # (K,)
    status: Int2D  # (K, 3) first non-zero code of decide, its bar and spread

    def copy(self) -> "State":
        """An independent copy."""
        arrays: dict[str, Any] = {name: array.copy() for name, array in self._asdict().items()}
        return State(**arrays)


class Trace(NamedTuple):
    """What is written down for lane after lane; arrays of zero rows where it is not wanted."""

    equity: Float2D  # (T, K)
    quantity: Float2D  # (T, L) and the rest: lane 0
    mark: Float2D  # (T, L)
    wallet_equity: Float2D  # (T, W)
    margin_ratio: Float2D  # (T, W)
    margin_high_low: Float2D  # (T, W) last lane: the worse of all legs at their highs, at their lows
    ledger: Float2D  # (T, C)
    residual: Float2D  # (T, 1)
    fill_where: Int2D  # (room, 4) bar, lane, leg, reason
    fill_what: Float2D  # (room, 5) quantity, price, reference, fee, slippage
    fills: Int1D  # (1,) how many


class Scratch(NamedTuple):
    """Room to calculate in: the simulator itself allocates nothing, so it counts no references."""

    worth: Float2D  # (W, 4) equity, margined notional, cash spoken for, margin equity
    position: Float1D  # (L + 1,) what decide sees
    target: Float1D  # (L,) what decide answers
    start: Float1D  # (L,) prices at the open of a bar
    end: Float1D  # (L,) and at its high or low


class Layout(NamedTuple):
    """Everything static about a run."""

    legs: Legs
    wallets: Wallets
    leg_names: tuple[Leg, ...]
    wallet_names: tuple[str, ...]
    wallet_capital: Float1D


def _venues(desk: Desk, panel: Panel, used: Collection[str]) -> dict[str, Venue]:
    """Settings of every venue that holds capital, with capital shares filled in.

    A venue that no leg uses holds capital only if its share is given: cash that stands idle.
    """
    where = f"desk {desk.name}"
    there = {one.venue for one in panel.instruments}
    for name, venue in desk.venues.items():
        if name not in there and venue.capital_share != 0.0:
            known = ", ".join(sorted(there))
            raise ConfigError(
                "no instrument trades there", f"{where}: venues.{name}", f"the universe has {known}"
            )
    settings = {name: desk.venues.get(name, Venue()) for name in dict.fromkeys([*desk.venues, *used])}
    held = {name: v for name, v in settings.items() if name in used or v.capital_share}
    given = sum(venue.capital_share or 0.0 for venue in held.values())
    unset = sum(venue.capital_share is None for venue in held.values())
    shares = {
        name: (1.0 - given) / unset if venue.capital_share is None else venue.capital_share
        for name, venue in held.items()
    }
    if given > 1.0 + 1e-9 or (not unset and given < 1.0 - 1e-9):
        raise ConfigError(
            f"the shares of {', '.join(shares)} sum to {given:g}",
            f"{where}: venues.*.capital_share",
            "make it 1",
        )
    for name, share in shares.items():
        at = f"{where}: venues.{name}.capital_share"
        if share <= 0.0:
            raise ConfigError("its instruments are to be traded without capital", at, "give it a share")
        if share > desk.risk.max_venue_share + 1e-9:
            raise ConfigError(
                f"{share:g} is more than risk.max_venue_share", at, "lower it or raise the limit"
            )
    return {name: replace(venue, capital_share=shares[name]) for name, venue in held.items()}


def _wallets(venues: dict[str, Venue]) -> dict[str, tuple[Venue, float]]:
    """Each wallet's name, with its venue's settings and its share of the capital."""
    found = {}
    for name, venue in venues.items():
        share = venue.capital_share or 0.0
        if venue.account == "unified":
            found[name] = (venue, share)
        else:
            found[f"{name}:spot"] = (venue, share * (1.0 - venue.derivatives_share))
            found[f"{name}:derivatives"] = (venue, share * venue.derivatives_share)
    return found


def _wallet_name(one: Instrument, venue: Venue) -> str:
    if venue.account == "unified":
        return one.venue
    return f"{one.venue}:{'derivatives' if one.is_derivative else 'spot'}"


def _floats(values: Iterable[float]) -> Float1D:
    return read_only(np.array(list(values), dtype=np.float64))


def _ints(values: Iterable[int]) -> Int1D:
    return read_only(np.array(list(values), dtype=np.int64))


def layout(desk: Desk, panel: Panel, spreads: Sequence[Spread]) -> Layout:
    """Number the legs and wallets of a desk and collect their facts.

    Every spread has legs of its own, so that what each leg earned is known, even where two
    spreads use one instrument. Wallets: one a venue if unified; else spot and derivatives.

    Raises
    ------
    ConfigError
        If capital shares do not add up, a section names a venue that has no instrument, an
        instrument is not quoted in the desk's money, or a fee is neither given nor in the rulebook.
    """
    legs = [(s, leg.instrument, leg.ratio) for s, spread in enumerate(spreads) for leg in spread.legs]
    for _, one, _ in legs:
        if not same_money(one.quote, desk.currency):
            raise ConfigError(
                f"{one.id} is quoted in {one.quote}",
                f"desk {desk.name}: desk.currency",
                f"a desk in {desk.currency} needs instruments quoted in it",
            )
    venues = _venues(desk, panel, [one.venue for _, one, _ in legs])
    wallets = _wallets(venues)
    number = {name: w for w, name in enumerate(wallets)}
    names = tuple(
        Leg(spread=s, instrument=one.id, ratio=ratio, wallet=number[_wallet_name(one, venues[one.venue])])
        for s, one, ratio in legs
    )
    start_ns = int(panel.time_ns[0]) if len(panel) else desk.start_ns
    instruments = [one for _, one, _ in legs]
    return Layout(
        legs=_legs(panel, spreads, instruments, names, venues, start_ns),
        wallets=Wallets(
            leverage=_floats(min(v.max_leverage, desk.risk.max_leverage) for v, _ in wallets.values()),
            cash_apr=_floats(v.cash_apr for v, _ in wallets.values()),
            cash_borrow_apr=_floats(v.cash_borrow_apr for v, _ in wallets.values()),
            bar_years=panel.bar_h / YEAR_H,
        ),
        leg_names=names,
        wallet_names=tuple(wallets),
        wallet_capital=_floats(desk.capital * share for _, share in wallets.values()),
    )


def _legs(
    panel: Panel,
    spreads: Sequence[Spread],
    instruments: Sequence[Instrument],
    names: Sequence[Leg],
    venues: dict[str, Venue],
    start_ns: int,
) -> Legs:
    at = [(one, venues[one.venue]) for one in instruments]
    taker = (taker_fee(one, start_ns) if v.taker_bps is None else from_bps(v.taker_bps) for one, v in at)
    return Legs(
        first=_ints(np.cumsum([0, *(len(spread.legs) for spread in spreads)]).tolist()),
        column=_ints(panel.column(one.id) for one in instruments),
        wallet=_ints(leg.wallet for leg in names),
        spot=_ints(not one.is_derivative for one in instruments),
        inverse=_ints(one.is_inverse for one in instruments),
        ratio=_floats(leg.ratio for leg in names),
        fee=_floats(taker),
        half_spread=_floats(from_bps(v.half_spread_bps) for _, v in at),
        depth=_floats(v.depth_usd for _, v in at),
        maintenance=_floats(v.maintenance for _, v in at),
        liquidation_fee=_floats(from_bps(v.liquidation_fee_bps) for _, v in at),
        weight=_floats(float(v.collateral is None or one.base in v.collateral) for one, v in at),
        lot=_floats(one.lot for one in instruments),
        min_notional=_floats(one.min_notional for one in instruments),
    )


def initial_state(layout: Layout, lanes: int) -> State:
    """The state before the first bar: capital in the wallets, no positions."""
    count, spread_count, wallet_count = (
        len(layout.leg_names),
        len(layout.legs.first) - 1,
        len(layout.wallet_names),
    )
    capital = layout.wallet_capital
    total = 0.0
    for amount in capital.tolist():
        total += amount
    return State(
        cash=np.repeat(capital[:, None], lanes, axis=1).copy(),
        quantity=np.zeros((count, lanes)),
        coin=np.zeros((count, lanes)),
        mark=np.full(count, np.nan),
        target=np.zeros((count, lanes)),
        queued=np.zeros((spread_count, lanes), dtype=np.int64),
        opened=np.zeros((spread_count, lanes), dtype=np.int64),
        memory=np.zeros((spread_count, lanes, MEMORY)),
        ledger=np.zeros((count + wallet_count, len(CATEGORIES), lanes)),
        peak=np.full(lanes, total),
        drawdown=np.zeros(lanes),
        residual=np.zeros(lanes),
        trips=np.zeros(lanes, dtype=np.int64),
        liquidations=np.zeros(lanes, dtype=np.int64),
        status=np.zeros((lanes, 3), dtype=np.int64),
    )


def prepared(desk: Desk, panel: Panel) -> Panel:
    """The panel with what the desk file says where the data are silent: the borrow rate of coins.

    Strategy and simulator both see this panel, so that they reckon with the same rate.
    """
    rates = np.array([desk.venues.get(one.venue, Venue()).borrow_apr for one in panel.instruments])
    return panel.with_field("borrow", np.where(np.isnan(panel.borrow), rates, panel.borrow))


def market(panel: Panel, features: Float3D) -> Market:
    """The panel as the kernel reads it."""
    fields = {name: panel.fields[name] for name in Market._fields if name != "features"}
    return Market(**fields, features=read_only(features))


def scratch(layout: Layout) -> Scratch:
    """Room for one run at a time."""
    count = len(layout.leg_names)
    return Scratch(
        np.empty((len(layout.wallet_names), 4)), np.empty(count + 1), *(np.empty(count) for _ in range(3))
    )
