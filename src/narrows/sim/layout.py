"""Layout: a desk, its spreads and its panel as the plain arrays that kernel and reference read.

NamedTuples of arrays, because Numba takes them as they are. Axes: bars T, panel columns N,
legs L, spreads S, wallets W, ledger categories C, parameter combinations ("lanes") K.
"""

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from narrows.core.arrays import Float1D, Float2D, Float3D, Int1D, Int2D, read_only
from narrows.core.config import Desk, Venue
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.ledger import CATEGORIES
from narrows.core.panel import Panel
from narrows.core.result import Leg
from narrows.core.spread import Spread
from narrows.core.time import YEAR_H
from narrows.risk.borrowing import clock_of
from narrows.risk.collateral import Haircuts, haircuts_of, sale_order
from narrows.risk.margin import Tiers
from narrows.sim.rates import first_rates, money_of
from narrows.sim.terms import Debt, Terms, changes, debt, portfolio_rule, terms
from narrows.sim.together import Portfolio, portfolio_of
from narrows.strategy.decider import MEMORY


class Acts(NamedTuple):
    """What venues do unasked, by bar; arrays of zero rows where nothing is known of any."""

    trading: Int2D  # (T, N) OPEN, REDUCE_ONLY, HALTED
    deleveraged: Float2D  # (T, N) share of long (> 0) or short (< 0) positions that ADL closes at the close
    at: Float2D  # (T, N) at which price; NaN = the mark
    locked: Int2D  # (T, W) 1 = nothing can be withdrawn


class Market(NamedTuple):
    """Panel fields that the kernel reads, each (T, N); `features` is (T, S, F)."""

    open: Float2D
    high: Float2D
    low: Float2D
    mark: Float2D
    oracle: Float2D  # the index
    bid: Float2D
    ask: Float2D
    depth: Float2D
    funding: Float2D
    borrow: Float2D
    settlement: Float2D
    fx: Float2D  # value of the quote currency (settlement coin if quanto) in the desk's
    available: Float2D  # coins that may be borrowed; NaN = no limit is known
    time_ns: Int1D  # (T,) close
    acts: Acts
    features: Float3D


class Legs(NamedTuple):
    """Facts of each leg, (L,) each; `first[s]:first[s + 1]` are the legs of spread s."""

    first: Int1D  # (S + 1,)
    spread: Int1D
    column: Int1D  # panel column
    asset: Int1D  # number of the base coin
    wallet: Int1D
    spot: Int1D  # 1 = owned, 0 = margined
    inverse: Int1D
    quanto: Int1D  # profit in a third currency: see risk/contract.py
    ratio: Float1D
    fee: Float1D  # taker, fraction
    half_spread: Float1D  # where the panel has no quotes
    depth: Float1D  # quote value within 10 bp, where the panel has none
    tiers: Tiers  # what each leg needs to live
    isolated: Int1D  # 1 = margined by itself, with what is posted for it
    leverage: Float1D  # at which an isolated leg posts
    partial: Int1D  # how its venue liquidates: physics.WHOLE, BY_TIER, BY_SHARE
    partial_share: Float1D
    partial_above: Float1D  # quote value
    liquidation_fee: Float1D
    delivery_fee: Float1D
    oracle: Int1D  # 1 = funding is paid on the index, not on the mark
    along: Int1D  # 1 = at delivery the spot of its spread is sold along the averaging window
    portfolio: Portfolio
    haircuts: Haircuts  # what a long spot position counts as margin
    sale: Int1D  # legs whose coins are sold to repay a debt, in this order
    coin_apr: Float1D  # what owned spot earns: staking, lending
    conversion: Float1D  # what a venue keeps of collateral that it sells to repay a debt
    loan: Int1D  # how borrowed coins are charged, see risk.borrowing.hours_charged
    loan_every: Int1D  # ns
    loan_offset: Int1D  # ns
    detect: Int1D  # bars until the desk notices what its venue did unasked
    band: Float1D  # largest distance of a fill from the last mark, fraction; inf = any
    lot: Float1D
    min_notional: Float1D


class Wallets(NamedTuple):
    """Facts of each wallet, (W,) each, and the length of a bar."""

    money: Int1D  # panel column whose quote currency the cash is in; -1 = the desk's own
    leverage: Float1D  # derivatives notional over equity, at most
    cash_apr: Float1D
    cash_borrow_apr: Float1D
    share: Float1D  # of the desk's capital at the start
    debt_limit: Float1D  # most that the cash may be below zero, its currency; inf = as margin allows
    unrealised: Int1D  # 1 = losses of open positions are owed too
    debt_kept: Float1D  # share of that limit that a forced repayment leaves
    top_up_at: Float1D  # margin ratio at which cash is sent for; inf = never
    delay: Int1D  # bars until what is sent from here, or to here, arrives; -1 = never
    transfer_fee: Float1D  # of one transfer from here, desk's currency
    transfer_min: Float1D  # smallest one
    limited: int  # 1 = what may be borrowed is limited at some time
    collects: int  # 1 = some venue collects debts
    restores: int  # 1 = some wallet sends for cash
    bar_years: float
    bar_ns: int


class State(NamedTuple):
    """All that a run carries from one bar to the next, for K lanes."""

    cash: Float2D  # (W, K) in the currency of the wallet
    quantity: Float2D  # (L, K) base units; quote units if inverse; coins per unit of price if quanto
    coin: Float2D  # (L, K) profit kept in coin (inverse legs)
    unsettled: Float2D  # (L, K) of the wallet's cash, what of it open positions have not realised
    charged: Float2D  # (L, K) borrowed coins that the running hour is paid for
    available: Float1D  # (L,) coins that may be borrowed
    transit: Float3D  # (W, D, K) on its way to a wallet, desk's currency, by bars until it arrives
    moving: Int1D  # (K,) transfers on their way
    blind: Int2D  # (S, K) bars for which the desk does not yet know what a venue did
    posted: Float2D  # (L, K) of the wallet's cash, margin of an isolated leg with its profit so far
    mark: Float1D  # (L,) last known mark
    fx: Float1D  # (L,) last known value of the quote currency in the desk's
    cash_fx: Float1D  # (W,) last known value of the wallet's currency in the desk's
    exchange: Float1D  # (L,) what one unit of the quote currency is in the wallet's
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
    transit: Float2D  # (T, 1) on its way between wallets, desk's currency
    fill_where: Int2D  # (room, 4) bar, lane, leg, reason
    fill_what: Float2D  # (room, 5) quantity, price, reference, fee, slippage
    fills: Int1D  # (1,) how many


EQUITY, GROSS, RESERVED, MARGIN, NEEDED, RATIO = range(6)  # columns of Scratch.worth


class Scratch(NamedTuple):
    """Room to calculate in: the simulator itself allocates nothing, so it counts no references."""

    worth: Float2D  # (W, 6) equity, margined notional, cash spoken for, margin equity, maintenance, ratio
    position: Float1D  # (L + 1,) what decide sees
    target: Float1D  # (L,) what decide answers
    start: Float1D  # (L,) prices at the open of a bar
    end: Float1D  # (L,) and at its high or low
    at: Float1D  # (L,) somewhere between


class Layout(NamedTuple):
    """Everything static about a run."""

    legs: Legs
    wallets: Wallets
    leg_names: tuple[Leg, ...]
    wallet_names: tuple[str, ...]
    wallet_capital: Float1D  # in the desk's currency
    leg_fx: Float1D  # (L,) at the first bar
    wallet_fx: Float1D  # (W,)


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


def schedule(desk: Desk, panel: Panel, spreads: Sequence[Spread]) -> list[tuple[int, Layout]]:
    """The layouts of a run, each with the time from which it holds: a new one whenever a rule changes.

    The first holds from the start of the panel; a later one for bars that open at or after its time.
    """
    start_ns = int(panel.time_ns[0]) - panel.bar_ns if len(panel) else desk.start_ns
    used = [leg.instrument for spread in spreads for leg in spread.legs]
    times = [start_ns, *changes(desk, used, start_ns)]
    return [(time_ns, layout(desk, panel, spreads, time_ns)) for time_ns in times]


def in_force(plans: Sequence[tuple[int, Layout]], open_ns: int) -> Layout:
    """The layout that holds for a bar that opens at `open_ns`."""
    times = [time_ns for time_ns, _ in plans]
    return plans[max(bisect_right(times, open_ns) - 1, 0)][1]


def layout(desk: Desk, panel: Panel, spreads: Sequence[Spread], time_ns: int | None = None) -> Layout:
    """Number the legs and wallets of a desk and collect their facts, by the rules in force at a time.

    `time_ns` is the open of the panel's first bar if it is not given.

    Every spread has legs of its own, so that what each leg earned is known, even where two
    spreads use one instrument. Wallets: one a venue if unified; else spot and derivatives.

    Raises
    ------
    ConfigError
        If capital shares do not add up, a section names a venue that has no instrument, nothing says
        what an instrument's quote currency is worth, or what the venue asks of it.
    """
    legs = [(s, leg.instrument, leg.ratio) for s, spread in enumerate(spreads) for leg in spread.legs]
    venues = _venues(desk, panel, [one.venue for _, one, _ in legs])
    wallets = _wallets(venues)
    number = {name: w for w, name in enumerate(wallets)}
    names = tuple(
        Leg(spread=s, instrument=one.id, ratio=ratio, wallet=number[_wallet_name(one, venues[one.venue])])
        for s, one, ratio in legs
    )
    if time_ns is None:
        time_ns = int(panel.time_ns[0]) - panel.bar_ns if len(panel) else desk.start_ns
    instruments = [one for _, one, _ in legs]
    rates = first_rates(desk, panel, instruments)
    money = [money_of(desk, panel, venue, name) for name, (venue, _) in wallets.items()]
    leverage = [min(v.max_leverage, desk.risk.max_leverage) for v, _ in wallets.values()]
    debts = [
        debt(desk, name, venue, desk.currency if column < 0 else panel.instruments[column].money, time_ns)
        for (name, (venue, _)), column in zip(wallets.items(), money, strict=True)
    ]
    portfolio = portfolio_of(
        instruments,
        [leg.wallet for leg in names],
        [venue.margin == "portfolio" for venue, _ in wallets.values()],
        lambda one: portfolio_rule(desk, one, time_ns),
    )
    known = [terms(desk, one, venues[one.venue], time_ns) for one in instruments]
    return Layout(
        legs=_legs(panel, spreads, instruments, names, known, leverage, portfolio),
        wallets=_wallet_facts(panel, list(wallets.values()), money, leverage, debts),
        leg_names=names,
        wallet_names=tuple(wallets),
        wallet_capital=_floats(desk.capital * share for _, share in wallets.values()),
        leg_fx=_floats(rates[panel.column(one.id)] for one in instruments),
        wallet_fx=_floats(1.0 if column < 0 else rates[column] for column in money),
    )


def _wallet_facts(
    panel: Panel,
    wallets: Sequence[tuple[Venue, float]],
    money: Sequence[int],
    leverage: Sequence[float],
    debts: Sequence[Debt],
) -> Wallets:
    """The facts of all wallets."""
    return Wallets(
        money=_ints(money),
        leverage=_floats(leverage),
        cash_apr=_floats(v.cash_apr for v, _ in wallets),
        cash_borrow_apr=_floats(v.cash_borrow_apr for v, _ in wallets),
        share=_floats(share for _, share in wallets),
        debt_limit=_floats(one.limit for one in debts),
        debt_kept=_floats(one.kept for one in debts),
        unrealised=_ints(one.unrealised for one in debts),
        top_up_at=_floats(v.top_up_at if v.top_up == "restore" else np.inf for v, _ in wallets),
        delay=_ints(
            -1 if v.transfer_delay_h == "never" else max(_bars(v.transfer_delay_h, panel), 1)
            for v, _ in wallets
        ),
        transfer_fee=_floats(v.transfer_fee for v, _ in wallets),
        transfer_min=_floats(v.transfer_min for v, _ in wallets),
        limited=int(np.isfinite(panel.available).any()),
        collects=int(any(one.limit < np.inf for one in debts)),
        restores=int(any(venue.top_up == "restore" for venue, _ in wallets)),
        bar_years=panel.bar_h / YEAR_H,
        bar_ns=panel.bar_ns,
    )


def _legs(
    panel: Panel,
    spreads: Sequence[Spread],
    instruments: Sequence[Instrument],
    names: Sequence[Leg],
    terms: Sequence[Terms],
    leverage: Sequence[float],
    portfolio: Portfolio,
) -> Legs:
    """The facts of all legs; `leverage` is that of each wallet."""
    rows = np.cumsum([0, *(len(one.upkeep.tiers) for one in terms)])
    tiers = np.array([tier for one in terms for tier in one.upkeep.tiers], dtype=np.float64).reshape(-1, 4)
    haircuts = haircuts_of([one.haircut for one in terms])
    clocks = [clock_of(one.loan) for one in terms]
    coins = [one.base for one in instruments]
    return Legs(
        first=_ints(np.cumsum([0, *(len(spread.legs) for spread in spreads)]).tolist()),
        spread=_ints(leg.spread for leg in names),
        column=_ints(panel.column(one.id) for one in instruments),
        asset=_ints(coins.index(one.base) for one in instruments),
        wallet=_ints(leg.wallet for leg in names),
        spot=_ints(not one.is_derivative for one in instruments),
        inverse=_ints(one.is_inverse for one in instruments),
        quanto=_ints(one.is_quanto for one in instruments),
        ratio=_floats(leg.ratio for leg in names),
        fee=_floats(one.taker for one in terms),
        half_spread=_floats(one.half_spread for one in terms),
        depth=_floats(one.depth for one in terms),
        tiers=Tiers(
            first=_ints(rows.tolist()),
            in_base=_ints(one.upkeep.in_base for one in terms),
            per_unit=_floats(one.upkeep.per_unit for one in terms),
            floor=_floats(tiers[:, 0]),
            rate=_floats(tiers[:, 1]),
            deduction=_floats(tiers[:, 2]),
            max_leverage=_floats(tiers[:, 3]),
        ),
        isolated=_ints(one.isolated for one in terms),
        leverage=_floats(leverage[leg.wallet] for leg in names),
        partial=_ints(one.upkeep.partial for one in terms),
        partial_share=_floats(one.upkeep.partial_share for one in terms),
        partial_above=_floats(one.upkeep.partial_above for one in terms),
        liquidation_fee=_floats(one.upkeep.liquidation_fee for one in terms),
        delivery_fee=_floats(one.delivery_fee for one in terms),
        oracle=_ints(one.oracle for one in terms),
        along=_ints(one.along for one in terms),
        portfolio=portfolio,
        haircuts=haircuts,
        sale=sale_order(haircuts),
        coin_apr=_floats(one.coin_apr for one in terms),
        conversion=_floats((one.haircut and one.haircut.conversion) or 0.0 for one in terms),
        loan=_ints(style for style, _, _ in clocks),
        loan_every=_ints(every for _, every, _ in clocks),
        loan_offset=_ints(offset for _, _, offset in clocks),
        detect=_ints(_bars(one.detect_h, panel) for one in terms),
        band=_floats(one.band for one in terms),
        lot=_floats(one.lot for one in instruments),
        min_notional=_floats(one.min_notional for one in instruments),
    )


def _bars(hours: float, panel: Panel) -> int:
    """Bars that cover so many hours."""
    return math.ceil(hours / panel.bar_h - 1e-9)


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
        cash=np.repeat((capital / layout.wallet_fx)[:, None], lanes, axis=1).copy(),
        quantity=np.zeros((count, lanes)),
        coin=np.zeros((count, lanes)),
        unsettled=np.zeros((count, lanes)),
        charged=np.zeros((count, lanes)),
        available=np.full(count, np.nan),
        transit=np.zeros((wallet_count, max(int(layout.wallets.delay.max(initial=1)), 1), lanes)),
        moving=np.zeros(lanes, dtype=np.int64),
        blind=np.zeros((spread_count, lanes), dtype=np.int64),
        posted=np.zeros((count, lanes)),
        mark=np.full(count, np.nan),
        fx=layout.leg_fx.copy(),
        cash_fx=layout.wallet_fx.copy(),
        exchange=layout.leg_fx / layout.wallet_fx[[leg.wallet for leg in layout.leg_names]],
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


def scratch(layout: Layout) -> Scratch:
    """Room for one run at a time."""
    count = len(layout.leg_names)
    return Scratch(
        np.empty((len(layout.wallet_names), 6)), np.empty(count + 1), *(np.empty(count) for _ in range(4))
    )
