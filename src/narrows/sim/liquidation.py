"""Margin and liquidation in the simulator: what a leg and a wallet need to live, and how they die.

Shared by the kernel and, through it, by the paper venue; `sim/books.py` says the same in plain Python.
A venue judges on the mark, at every close; lanes with the bracket are judged inside the bar too.
"""

import math

from narrows.core.arrays import Float1D
from narrows.core.cache import compiled, inlined, outlined
from narrows.core.time import HOUR_NS, YEAR_H
from narrows.risk.collateral import counted
from narrows.risk.liquidation import fixed_step, tier_step
from narrows.risk.margin import required
from narrows.risk.portfolio import maintenance as maintenance_of
from narrows.sim.layout import Legs, Market, Scratch, State, Trace
from narrows.sim.physics import FX, LIQUIDATED, LIQUIDATION, burden, close, coin_profit
from narrows.sim.terms import BY_SHARE, BY_TIER

WORST_RATIO = 10.0  # a margin ratio is written down as no more than this
MOST_STEPS = 1000  # of one liquidation
EDGE = 1e-9  # of a position: nearer than this to the edge of its tier it is below it already
NEVER = 2.0  # how far along a line whose room does not end
MOST_HALVES = 100  # in the search for where a wallet fails inside a bar


@inlined
def needed(legs: Legs, i: int, quantity: float, price: float) -> float:
    """Maintenance margin of a position at `price` by the tier that it is in there, quote currency."""
    size = abs(quantity)
    if legs.inverse[i]:
        return float(required(legs.tiers, i, size, size / price, 1.0)[0])
    return float(required(legs.tiers, i, size * price, size, 1.0)[0])


@inlined
def worth_of(legs: Legs, state: State, i: int, k: int, price: float) -> float:
    """What a derivative adds to its wallet at `price` beyond the cash: unsettled profit, coins."""
    quantity = state.quantity[i, k]
    if legs.inverse[i]:
        worth: float = (state.coin[i, k] + coin_profit(quantity, state.mark[i], price)) * price
    else:
        worth = quantity * (price - state.mark[i])
    return worth


@inlined
def pledged(legs: Legs, state: State, i: int, k: int, prices: Float1D, value: float) -> float:
    """What long spot worth `value` counts as margin, in its wallet's currency.

    Haircuts rise with the amount of a coin, so a slice begins where those of the legs before end.
    """
    row = legs.haircuts.first[i]
    if legs.haircuts.first[i + 1] == row:
        return 0.0
    counts: float = value * legs.haircuts.weight[row]
    if legs.haircuts.first[i + 1] > row + 1:
        below = 0.0
        for j in range(i):
            if legs.asset[j] == legs.asset[i] and legs.wallet[j] == legs.wallet[i] and legs.spot[j]:
                below += max(state.quantity[j, k], 0.0)
        if legs.haircuts.in_coin[i]:
            counts = counted(legs.haircuts, i, below, state.quantity[i, k], prices[i] * state.exchange[i])
        else:
            worth = counted(legs.haircuts, i, below, state.quantity[i, k], prices[i] * state.fx[i])
            counts = worth / state.cash_fx[legs.wallet[i]]
    return counts


@inlined
def room_of(legs: Legs, state: State, i: int, k: int, price: float) -> float:
    """Margin of an isolated leg over its maintenance at `price`, in the wallet's currency."""
    margin = state.posted[i, k] + worth_of(legs, state, i, k, price) * state.exchange[i]
    room: float = margin - needed(legs, i, state.quantity[i, k], price) * state.exchange[i]
    return room


@outlined
def needed_together(legs: Legs, state: State, w: int, k: int, prices: Float1D) -> float:
    """Maintenance of a wallet's positions as a portfolio, in its currency."""
    at = legs.portfolio.positions
    for i in range(legs.wallet.shape[0]):
        at.quantity[i] = 0.0
        at.coin[i] = 0.0
        if legs.wallet[i] == w and (state.quantity[i, k] != 0.0 or state.coin[i, k] != 0.0):
            at.quantity[i] = state.quantity[i, k]
            at.rate[i] = state.exchange[i]
            if legs.inverse[i]:
                at.coin[i] = state.coin[i, k] + coin_profit(at.quantity[i], state.mark[i], prices[i])
    for g in range(legs.portfolio.grid.rate.shape[0]):
        legs.portfolio.grid.rate[g] = 1.0 / state.cash_fx[w]
    return float(maintenance_of(at, legs.portfolio.grid, prices, legs.portfolio.room))


@inlined
def set_years(legs: Legs, time_ns: int) -> None:
    """How long the terms of portfolios have to run at a time."""
    for e in range(legs.portfolio.expiry_ns.shape[0]):
        left = legs.portfolio.expiry_ns[e] - time_ns
        legs.portfolio.positions.term_years[e] = left / (YEAR_H * HOUR_NS) if left > 0 else 0.0


@compiled
def standing(
    legs: Legs, state: State, w: int, k: int, prices: Float1D
) -> tuple[float, float, float, float, float]:
    """A wallet at `prices`: equity, margin equity, maintenance, margined notional, cash spoken for.

    In the currency of its cash. Margined are derivatives and borrowed coins; their notional weighs more
    where a tier allows less leverage, see `burden`. Margin equity counts long spot after its haircut.
    Legs without a mark hold nothing. An isolated leg is judged by itself: what is posted for it is
    spoken for as what is borrowed is, and margin of nothing else. Maintenance is by tiers, leg by leg,
    or of all legs together on the grid of a portfolio, times the level at which the venue liquidates.
    """
    equity = state.cash[w, k]
    margin_equity = equity
    maintenance = 0.0
    gross = 0.0
    borrowed = 0.0
    gridded = legs.portfolio.gridded[w] == 1
    for i in range(legs.wallet.shape[0]):
        if legs.wallet[i] != w:
            continue
        quantity = state.quantity[i, k]
        price = prices[i]
        if quantity != 0.0 or state.coin[i, k] != 0.0:
            rate = state.exchange[i]
            if legs.spot[i]:
                value = quantity * price * rate
                equity += value
                margin_equity += pledged(legs, state, i, k, prices, value) if quantity > 0.0 else value
                if quantity < 0.0:
                    if not gridded:
                        maintenance += needed(legs, i, quantity, price) * rate
                    gross -= value * burden(legs, i, quantity, price)
                    borrowed -= value
            else:
                value = worth_of(legs, state, i, k, price) * rate
                equity += value
                if legs.isolated[i]:
                    margin_equity -= state.posted[i, k]
                    borrowed += state.posted[i, k]
                    continue
                margin_equity += value
                if quantity != 0.0:
                    if not gridded:
                        maintenance += needed(legs, i, quantity, price) * rate
                    notional = abs(quantity) if legs.inverse[i] else abs(quantity) * price
                    gross += notional * rate * burden(legs, i, quantity, price)
    if gridded:
        maintenance = needed_together(legs, state, w, k, prices)
    return equity, margin_equity, maintenance * legs.portfolio.level[w], gross, borrowed


@inlined
def fails(equity: float, margin_equity: float, maintenance: float) -> bool:
    """Whether a wallet is to be liquidated: margin does not reach, or it needs none and owes all the same.

    The latter is what a position closed by ADL at a bad price, or interest on a debt, may leave.
    """
    return bool(margin_equity <= maintenance if maintenance > 0.0 else equity < 0.0)


@inlined
def cash_in(legs: Legs, state: State, i: int, k: int, price: float) -> None:
    """Sell the coins of an inverse leg: worth what they fetch now, not at the last mark."""
    if state.coin[i, k] != 0.0:
        state.ledger[i, FX, k] += state.coin[i, k] * (price - state.mark[i]) * state.fx[i]
        state.cash[legs.wallet[i], k] += state.coin[i, k] * price * state.exchange[i]
        state.coin[i, k] = 0.0


@inlined
def step_of(legs: Legs, i: int, quantity: float, price: float) -> float:
    """Share of a position that one step of its liquidation closes; 1 = all of it."""
    size = abs(quantity)
    notional = size if legs.inverse[i] else size * price
    if legs.partial[i] == BY_SHARE:
        return fixed_step(notional, legs.partial_above[i], legs.partial_share[i])
    if legs.partial[i] == BY_TIER:
        if legs.tiers.in_base[i]:
            notional = size / price if legs.inverse[i] else size
        share = tier_step(legs.tiers, i, notional, 1)
        return share if share > EDGE else tier_step(legs.tiers, i, notional, 2)
    return 1.0


@inlined
def part_to_close(legs: Legs, state: State, w: int, k: int, prices: Float1D) -> tuple[int, float]:
    """The leg that a venue reduces first, and by which share; (−1, 1) if it closes the wallet whole.

    The derivative that needs most maintenance, if its venue liquidates in parts and it is large
    enough for one: down to the next tier, or a fixed share of a position above a threshold.
    """
    found = -1
    most = 0.0
    for i in range(legs.wallet.shape[0]):
        if legs.wallet[i] == w and not legs.spot[i] and not legs.isolated[i] and state.quantity[i, k] != 0.0:
            need = needed(legs, i, state.quantity[i, k], prices[i]) * state.exchange[i]
            if need > most:
                most = need
                found = i
    share = step_of(legs, found, state.quantity[found, k], prices[found]) if found >= 0 else 1.0
    return (found, share) if share < 1.0 else (-1, 1.0)


@inlined
def insure(legs: Legs, state: State, w: int, k: int, owed: float) -> None:
    """The insurance fund bears what a wallet owes, in its currency."""
    if owed > 0.0:
        state.cash[w, k] += owed
        state.ledger[legs.wallet.shape[0] + w, LIQUIDATION, k] += owed * state.cash_fx[w]


@outlined
def liquidate(legs: Legs, state: State, trace: Trace, t: int, w: int, k: int, prices: Float1D) -> None:
    """Liquidate a wallet at `prices`, in the steps of its venue, until it stands or nothing is left.

    Nothing rests at a venue between open and close, so there are no orders to cancel first. When all
    is closed the insurance fund bears what the wallet owes beyond.
    """
    state.liquidations[k] += 1
    for _ in range(MOST_STEPS):
        i, share = part_to_close(legs, state, w, k, prices)
        if i < 0:
            break
        close(legs, state, trace, (t, k, i), share * state.quantity[i, k], prices[i], LIQUIDATED)
        _, margin_equity, maintenance, _, _ = standing(legs, state, w, k, prices)
        if margin_equity > maintenance:
            return
    for i in range(legs.wallet.shape[0]):
        if legs.wallet[i] != w or legs.isolated[i]:
            continue
        if state.quantity[i, k] != 0.0:
            close(legs, state, trace, (t, k, i), state.quantity[i, k], prices[i], LIQUIDATED)
        cash_in(legs, state, i, k, prices[i])
    owed = -standing(legs, state, w, k, state.mark)[0]
    for i in range(legs.wallet.shape[0]):
        if legs.wallet[i] == w and legs.isolated[i] and state.quantity[i, k] != 0.0:
            owed += state.posted[i, k] + worth_of(legs, state, i, k, state.mark[i]) * state.exchange[i]
    insure(legs, state, w, k, owed)


@outlined
def liquidate_leg(legs: Legs, state: State, trace: Trace, t: int, i: int, k: int, price: float) -> None:
    """Liquidate an isolated leg at `price`, in the steps of its venue, until it stands or is gone.

    A part that is closed sets nothing free: what it had left stays margin of the rest. What the leg
    owes beyond its own margin is borne by the insurance fund, never by the wallet.
    """
    state.liquidations[k] += 1
    for _ in range(MOST_STEPS):
        share = step_of(legs, i, state.quantity[i, k], price)
        left = margin_after(legs, state, i, k, share, price)
        close(legs, state, trace, (t, k, i), share * state.quantity[i, k], price, LIQUIDATED)
        if share >= 1.0:
            cash_in(legs, state, i, k, price)
            state.posted[i, k] = 0.0
            insure(legs, state, legs.wallet[i], k, -left)
            return
        state.posted[i, k] = left - worth_of(legs, state, i, k, price) * state.exchange[i]
        if room_of(legs, state, i, k, price) > 0.0:
            return


@inlined
def margin_after(legs: Legs, state: State, i: int, k: int, share: float, price: float) -> float:
    """Margin of an isolated leg when a share of it was closed at `price` and the fee for that is paid."""
    closed = share * abs(state.quantity[i, k]) * (1.0 if legs.inverse[i] else price)
    worth = worth_of(legs, state, i, k, price) - legs.liquidation_fee[i] * closed
    left: float = state.posted[i, k] + worth * state.exchange[i]
    return left


# --- inside the bar --------------------------------------------------------------------------------


@inlined
def _extreme(
    market: Market, legs: Legs, state: State, t: int, high: bool, start: Float1D, end: Float1D
) -> None:
    """Prices of all legs at the open of a bar and where all of them are at their high (or low)."""
    for i in range(legs.column.shape[0]):
        c = legs.column[i]
        start[i] = market.open[t, c] if market.open[t, c] > 0.0 else state.mark[i]
        extreme = market.high[t, c] if high else market.low[t, c]
        end[i] = extreme if extreme > 0.0 else state.mark[i]


@inlined
def ratio_of(margin: float, maintenance: float) -> float:
    """Maintenance over margin, at most WORST_RATIO; 0 where no margin is needed."""
    if not maintenance > 0.0:
        return 0.0
    return min(maintenance / margin, WORST_RATIO) if margin > 0.0 else WORST_RATIO


@inlined
def write_inside(
    market: Market, legs: Legs, state: State, trace: Trace, t: int, row: int, k: int, scratch: Scratch
) -> None:
    """Write down each wallet's worst margin ratio, isolated legs included, of the two scenarios of a bar."""
    for w in range(state.cash.shape[0]):
        worst = 0.0
        for scenario in (False, True):
            _extreme(market, legs, state, t, scenario, scratch.start, scratch.end)
            after = standing(legs, state, w, k, scratch.end)
            worst = max(worst, ratio_of(after[1], after[2]))
            for i in range(legs.wallet.shape[0]):
                if legs.isolated[i] and legs.wallet[i] == w and state.quantity[i, k] != 0.0:
                    need = needed(legs, i, state.quantity[i, k], scratch.end[i]) * state.exchange[i]
                    room = room_of(legs, state, i, k, scratch.end[i])
                    worst = max(worst, ratio_of(room + need, need))
        trace.margin_high_low[row, w] = worst


@inlined
def _room(legs: Legs, state: State, w: int, k: int, i: int, prices: Float1D) -> float:
    """Margin over maintenance at `prices`: of isolated leg i, or of a whole wallet if i < 0.

    What needs no margin has all the room there is.
    """
    if i >= 0:
        return room_of(legs, state, i, k, prices[i])
    _, margin_equity, maintenance, _, _ = standing(legs, state, w, k, prices)
    return margin_equity - maintenance if maintenance > 0.0 else math.inf


@inlined
def _way(legs: Legs, state: State, w: int, k: int, i: int, scratch: Scratch) -> float:
    """How far along the line from `scratch.start` to `scratch.end` the room ends; NEVER = it does not."""
    at_end = _room(legs, state, w, k, i, scratch.end)
    return _search(legs, state, w, k, i, scratch, at_end) if at_end <= 0.0 else NEVER


@outlined
def _search(legs: Legs, state: State, w: int, k: int, i: int, scratch: Scratch, at_end: float) -> float:
    """Where the room ends that is `at_end` at the end of the line.

    Room is concave along the line, for maintenance bends upwards from tier to tier: a chord never
    passes the point where the room ends, and half an interval always closes in on it.
    """
    low, high, way = 0.0, 1.0, 0.0
    at_low = 0.0
    for n in range(2 * MOST_HALVES + 1):  # the start, then by turns the chord and the middle
        _between(scratch, way)
        room = _room(legs, state, w, k, i, scratch.at)
        chord = n % 2 == 1
        if n == 0:
            if not room > 0.0:
                return 0.0
            at_low = 0.0 if room == math.inf else room
        elif chord and room == 0.0:
            return way
        elif room > 0.0:
            low = way
            at_low = room
        else:
            high = way
            at_end = room
        way = 0.5 * (low + high) if chord else low + (high - low) * (at_low / (at_low - at_end))
        if not chord and not low < way < high:
            return way
    return low


@inlined
def _between(scratch: Scratch, way: float) -> None:
    """Prices a way along the line from start to end."""
    for i in range(scratch.start.shape[0]):
        scratch.at[i] = scratch.start[i] + way * (scratch.end[i] - scratch.start[i])


@inlined
def _judge_inside(
    market: Market, legs: Legs, state: State, trace: Trace, t: int, w: int, k: int, i: int, scratch: Scratch
) -> None:
    """Judge isolated leg i (a whole wallet if i < 0) inside the bar: all at their lows, then at their highs.

    What would not survive is liquidated where its room ends; of two such points the nearer counts.
    """
    nearest = NEVER
    high = False
    for scenario in (False, True):
        _extreme(market, legs, state, t, scenario, scratch.start, scratch.end)
        way = _way(legs, state, w, k, i, scratch)
        if way < nearest:
            nearest = way
            high = scenario
    if nearest < NEVER:
        _extreme(market, legs, state, t, high, scratch.start, scratch.end)
        _between(scratch, nearest)
        if i >= 0:
            liquidate_leg(legs, state, trace, t, i, k, scratch.at[i])
        else:
            liquidate(legs, state, trace, t, w, k, scratch.at)


@inlined
def judge_inside_bar(
    market: Market, legs: Legs, state: State, trace: Trace, t: int, k: int, scratch: Scratch
) -> None:
    """Judge every isolated leg and then every wallet of a lane inside the bar."""
    count = legs.column.shape[0]
    for n in range(count + state.cash.shape[0]):
        leg = n < count
        if leg and not (legs.isolated[n] and state.quantity[n, k] != 0.0):
            continue
        w, i = (legs.wallet[n], n) if leg else (n - count, -1)
        _judge_inside(market, legs, state, trace, t, w, k, i, scratch)
