"""Layout: a desk, its spreads and its panel as the plain arrays that kernel and reference read.

NamedTuples of arrays, because Numba takes them as they are. Axes: bars T, panel columns N,
legs L, spreads S, wallets W, ledger categories C, parameter combinations ("lanes") K.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, Float2D, Float3D, Int1D, Int2D, read_only
from narrows.core.config import Desk, Venue
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
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
    borrow: Float1D  # APR, where the panel has none
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
        return State(*(array.copy() for array in self))


class Trace(NamedTuple):
    """What is written down for lane after lane; arrays of zero rows where it is not wanted."""

    equity: Float2D  # (T, K)
    quantity: Float2D  # (T, L) and the rest: lane 0
    mark: Float2D  # (T, L)
    wallet_equity: Float2D  # (T, W)
    margin_ratio: Float2D  # (T, W)
    ledger: Float2D  # (T, C)
    residual: Float2D  # (T, 1)
    fill_where: Int2D  # (room, 4) bar, lane, leg, reason
    fill_what: Float2D  # (room, 5) quantity, price, reference, fee, slippage
    fills: Int1D  # (1,) how many


class Scratch(NamedTuple):
    """Room to calculate in: the simulator itself allocates nothing, so it counts no references."""

    worth: Float2D  # (W, 3) equity, margined notional and cash spoken for of each wallet
    position: Float1D  # (L + 2,) what decide sees
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


def _venue_settings(desk: Desk, names: Sequence[str]) -> dict[str, Venue]:
    """The settings of each venue in use, with capital shares filled in."""
    chosen = {name: desk.venues.get(name, Venue()) for name in names}
    given = {name: venue.capital_share for name, venue in chosen.items() if venue.capital_share is not None}
    open_shares = len(chosen) - len(given)
    left = (1.0 - sum(given.values())) / open_shares if open_shares else 0.0
    shares = {name: given.get(name, left) for name in chosen}
    where = f"desk {desk.name}: venues.*.capital_share"
    if min(shares.values()) < 0.0 or abs(sum(shares.values()) - 1.0) > 1e-9:
        raise ConfigError(f"shares of the venues in use sum to {sum(given.values()):g}", where, "make it 1")
    for name, share in shares.items():
        if share > desk.risk.max_venue_share + 1e-9:
            raise ConfigError(
                f"{name} holds {share:g} of the capital, more than risk.max_venue_share", where, "lower it"
            )
    return chosen


def _wallet_of(instrument: Instrument, venue: Venue) -> str:
    if venue.account == "unified":
        return instrument.venue
    return f"{instrument.venue}:{'spot' if instrument.kind == 'spot' else 'derivatives'}"


def _wallet_share(wallet: str, venue: Venue, venue_share: float) -> float:
    if venue.account == "unified":
        return venue_share
    part = venue.derivatives_share if wallet.endswith(":derivatives") else 1.0 - venue.derivatives_share
    return venue_share * part


def layout(desk: Desk, panel: Panel, spreads: Sequence[Spread]) -> Layout:
    """Number the legs and wallets of a desk and collect their facts.

    Every spread has legs of its own, so that what each leg earned is known, even where two
    spreads use one instrument. Wallets: one a venue if unified; else spot and derivatives.

    Raises
    ------
    ConfigError
        If capital shares do not add up, or a venue's fee is neither given nor in the rulebook.
    """
    flat = [(s, leg) for s, spread in enumerate(spreads) for leg in spread.legs]
    instruments = [leg.instrument for _, leg in flat]
    names = list(dict.fromkeys(one.venue for one in instruments))
    venues = _venue_settings(desk, names)
    wallet_names: list[str] = []
    shares: list[float] = []
    unset = sum(1 for v in venues.values() if v.capital_share is None)
    left = 1.0 - sum(v.capital_share for v in venues.values() if v.capital_share is not None)
    for name, venue in venues.items():
        share = left / unset if venue.capital_share is None else venue.capital_share
        kinds = [name] if venue.account == "unified" else [f"{name}:spot", f"{name}:derivatives"]
        wallet_names += kinds
        shares += [_wallet_share(kind, venue, share) for kind in kinds]
    wallet = {name: n for n, name in enumerate(wallet_names)}
    leg_wallet = [wallet[_wallet_of(one, venues[one.venue])] for one in instruments]
    settings = [venues[one.venue] for one in instruments]
    start_ns = int(panel.time_ns[0]) if len(panel) else desk.start_ns

    def per_leg(values: Sequence[float]) -> Float1D:
        return read_only(np.array(values, dtype=np.float64))

    def whole(values: Sequence[int]) -> Int1D:
        return read_only(np.array(values, dtype=np.int64))

    legs = Legs(
        first=whole([0, *np.cumsum([len(spread.legs) for spread in spreads]).tolist()]),
        column=whole([panel.column(one.id) for one in instruments]),
        wallet=whole(leg_wallet),
        spot=whole([one.kind == "spot" for one in instruments]),
        inverse=whole([one.is_inverse for one in instruments]),
        ratio=per_leg([leg.ratio for _, leg in flat]),
        fee=per_leg(
            [
                from_bps(v.taker_bps) if v.taker_bps is not None else taker_fee(one, start_ns)
                for one, v in zip(instruments, settings, strict=True)
            ]
        ),
        half_spread=per_leg([from_bps(v.half_spread_bps) for v in settings]),
        depth=per_leg([v.depth_usd for v in settings]),
        maintenance=per_leg([v.maintenance for v in settings]),
        liquidation_fee=per_leg([from_bps(v.liquidation_fee_bps) for v in settings]),
        borrow=per_leg([v.borrow_apr for v in settings]),
        weight=per_leg(
            [
                float(v.collateral is None or one.base in v.collateral)
                for one, v in zip(instruments, settings, strict=True)
            ]
        ),
        lot=per_leg([one.lot for one in instruments]),
        min_notional=per_leg([one.min_notional for one in instruments]),
    )
    by_wallet = [venues[name.split(":")[0]] for name in wallet_names]
    wallets = Wallets(
        leverage=per_leg([min(v.max_leverage, desk.risk.max_leverage) for v in by_wallet]),
        cash_apr=per_leg([v.cash_apr for v in by_wallet]),
        cash_borrow_apr=per_leg([v.cash_borrow_apr for v in by_wallet]),
        bar_years=panel.bar_h / YEAR_H,
    )
    leg_names = tuple(
        Leg(spread=s, instrument=leg.instrument.id, ratio=leg.ratio, wallet=w)
        for (s, leg), w in zip(flat, leg_wallet, strict=True)
    )
    capital = per_leg([desk.capital * share for share in shares])
    return Layout(legs, wallets, leg_names, tuple(wallet_names), capital)


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


def market(panel: Panel, features: Float3D) -> Market:
    """The panel as the kernel reads it."""
    fields = {name: panel.fields[name] for name in Market._fields if name != "features"}
    return Market(**fields, features=read_only(features))


def scratch(layout: Layout) -> Scratch:
    """Room for one run at a time."""
    count = len(layout.leg_names)
    return Scratch(
        np.empty((len(layout.wallet_names), 3)), np.empty(count + 2), *(np.empty(count) for _ in range(3))
    )
