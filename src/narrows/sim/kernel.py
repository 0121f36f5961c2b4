"""The simulation kernel: bar after bar, all lanes, all accounting.

Per bar: queued targets fill at the open; lanes with `bracket` are judged at high and low; legs
are marked; debts are collected; funding, borrow and cash interest accrue; futures deliver; wallets
are judged on the mark; the strategy decides and its targets are queued. `sim/reference.py` is the
specification.
"""

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic

from narrows.core.arrays import Float1D, Float2D, FloatArray, Int1D
from narrows.core.cache import compiled, inlined
from narrows.sim.accruals import accrue, exchange, move_marks
from narrows.sim.forced import (
    arrive,
    barred,
    deleverage,
    lend,
    on_the_way,
    recall,
    repay,
    restore,
)
from narrows.sim.layout import (
    EQUITY,
    GROSS,
    MARGIN,
    NEEDED,
    RATIO,
    RESERVED,
    Legs,
    Market,
    Scratch,
    State,
    Trace,
    Wallets,
)
from narrows.sim.liquidation import (
    fails,
    judge_inside_bar,
    liquidate,
    liquidate_leg,
    needed,
    ratio_of,
    room_of,
    set_years,
    standing,
    write_inside,
)
from narrows.sim.physics import (
    TRADED,
    alone,
    capacity,
    costs,
    in_base,
    native,
    order,
    reserve,
    trade,
)
from narrows.strategy.decider import POINTER

DUST = 1e-12  # of the equity: a position or a trade smaller than this is float noise
BAD_TARGET = 99  # status of a decide that left a target which is not finite


def _pointer_codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [builder.trunc(args[1], ir.IntType(64))])


def _pointer(_context: Any, array: Any, _offset: Any) -> Any:
    return POINTER(array, types.int64), _pointer_codegen


def _view(array: FloatArray, offset: int) -> FloatArray:
    return array.reshape(-1)[offset:]


# raw pointer to element `offset` of a C-contiguous float64 array, whatever its rank
_at: Any = _view if vars(config)["DISABLE_JIT"] else intrinsic(_pointer)


@inlined
def _fill(market: Market, legs: Legs, state: State, trace: Trace, t: int) -> None:
    """Fill queued targets at the open: all legs of a spread that want to trade, or none.

    Costs come from the quotes of the bar before: what was known when the order was sent.
    """
    for s in range(state.queued.shape[0]):
        for k in range(state.queued.shape[1]):
            if state.blind[s, k] > 0:
                state.blind[s, k] -= 1
            if not state.queued[s, k]:
                continue
            state.queued[s, k] = 0
            tradable = True
            for i in range(legs.first[s], legs.first[s + 1]):
                wanted = state.target[i, k] != state.quantity[i, k]
                if wanted and barred(market, legs, state, t, i, k):
                    tradable = False
            if not tradable:
                continue
            for i in range(legs.first[s], legs.first[s + 1]):
                change = state.target[i, k] - state.quantity[i, k]
                if change != 0.0:
                    c = legs.column[i]
                    half, depth = costs(market, legs, t - 1, i)
                    trade(legs, state, trace, (t, k, i), change, market.open[t, c], half, depth, TRADED)


@inlined
def _residual(legs: Legs, state: State, s: int, k: int) -> float:
    """Value by which a spread gains if every price rises by its own amount: what is not hedged."""
    delta = 0.0
    for i in range(legs.first[s], legs.first[s + 1]):
        quantity = state.quantity[i, k]
        if legs.inverse[i]:
            if quantity != 0.0 or state.coin[i, k] != 0.0:
                delta += (quantity + state.coin[i, k] * state.mark[i]) * state.fx[i]
        elif quantity != 0.0:
            delta += quantity * state.mark[i] * state.fx[i]
    return abs(delta)


@inlined
def _judge(legs: Legs, state: State, trace: Trace, t: int, row: int, k: int, worth: Float2D) -> float:
    """Margin check of every wallet of a lane on the marks; returns the equity of all together.

    `worth` receives how each wallet stands, see `Scratch`. Cash on its way counts.
    """
    total = on_the_way(state, k)
    for w in range(state.cash.shape[0]):
        ratio = 0.0
        for i in range(legs.wallet.shape[0]):
            if legs.isolated[i] and legs.wallet[i] == w and state.quantity[i, k] != 0.0:
                need = needed(legs, i, state.quantity[i, k], state.mark[i]) * state.exchange[i]
                room = room_of(legs, state, i, k, state.mark[i])
                ratio = max(ratio, ratio_of(room + need, need))
                if room <= 0.0:
                    liquidate_leg(legs, state, trace, t, i, k, state.mark[i])
        for again in (False, True):  # one place, so that `standing` is compiled into it once
            equity, margin_equity, maintenance, gross, borrowed = standing(legs, state, w, k, state.mark)
            if again:
                break
            ratio = max(ratio, ratio_of(margin_equity, maintenance))
            if not fails(equity, margin_equity, maintenance):
                break
            liquidate(legs, state, trace, t, w, k, state.mark)
        total += equity * state.cash_fx[w]
        worth[w, EQUITY] = equity
        worth[w, GROSS] = gross
        worth[w, RESERVED] = borrowed
        worth[w, MARGIN] = margin_equity
        worth[w, NEEDED] = maintenance
        worth[w, RATIO] = ratio
        if k == 0 and row < trace.mark.shape[0]:
            trace.margin_ratio[row, w] = ratio
    return total


@inlined
def _settle_up(legs: Legs, state: State, s: int, k: int) -> float:
    """Round trips, coins of closed inverse legs into cash; returns what the spread leaves unhedged."""
    held = False
    for i in range(legs.first[s], legs.first[s + 1]):
        if state.quantity[i, k] != 0.0:
            held = True
        elif state.coin[i, k] != 0.0:
            state.cash[legs.wallet[i], k] += state.coin[i, k] * state.mark[i] * state.exchange[i]
            state.coin[i, k] = 0.0
    if state.opened[s, k] and not held:
        state.trips[k] += 1
    state.opened[s, k] = 1 if held else 0
    return _residual(legs, state, s, k) if held else 0.0


@inlined
def _book(legs: Legs, state: State, trace: Trace, row: int, k: int, total: float, worth: Float2D) -> None:
    """The books of a lane at the end of a bar: drawdown, residual delta, and the trace."""
    residual = 0.0
    for s in range(state.opened.shape[0]):
        residual += _settle_up(legs, state, s, k)
    exposed = residual / total if total > 0.0 else 0.0
    state.residual[k] = max(state.residual[k], exposed)
    state.peak[k] = max(state.peak[k], total)
    state.drawdown[k] = max(state.drawdown[k], 1.0 - total / state.peak[k])
    if row < trace.equity.shape[0]:
        trace.equity[row, k] = total
    if k == 0 and row < trace.mark.shape[0]:
        trace.residual[row, 0] = exposed
        trace.transit[row, 0] = on_the_way(state, k)
        for i in range(legs.column.shape[0]):
            trace.mark[row, i] = state.mark[i]
            trace.quantity[row, i] = state.quantity[i, 0]
        for w in range(worth.shape[0]):
            trace.wallet_equity[row, w] = worth[w, EQUITY] * state.cash_fx[w]
        for c in range(state.ledger.shape[1]):
            booked = 0.0
            for i in range(state.ledger.shape[0]):
                booked += state.ledger[i, c, 0]
            trace.ledger[row, c] = booked


@inlined
def _crowded(legs: Legs, s: int, long: float, short: float, position: Float1D, target: Float1D) -> bool:
    """Whether a leg is to stay larger than there is room for now: then others may only hedge it."""
    first = legs.first[s]
    for j in range(legs.first[s + 1] - first):
        ratio = legs.ratio[first + j]
        room = abs(ratio) * (long if target[j] * ratio > 0.0 else short)
        if target[j] * position[j] > 0.0 and abs(position[j]) > room:
            return True
    return False


@inlined
def _rehedged(
    legs: Legs,
    wallets: Wallets,
    state: State,
    i: int,
    k: int,
    worth: Float2D,
    position: Float1D,
    target: Float1D,
) -> float:
    """Size up to which a derivative of a crowded spread may grow: it hedges what another leg is to keep."""
    first = legs.first[legs.spread[i]]
    wanted = target[i - first] * legs.ratio[i]
    hedge = 0.0
    if legs.spot[i] == 0:
        for j in range(first, legs.first[legs.spread[i] + 1]):
            kept = position[j - first]
            if abs(target[j - first]) < abs(kept):
                kept = target[j - first]
            if j != i and kept * target[j - first] > 0.0 and kept * legs.ratio[j] * wanted > 0.0:
                hedge = max(hedge, abs(kept / legs.ratio[j] * legs.ratio[i]))
    return alone(legs, wallets, state, i, k, hedge, worth) if hedge > 0.0 else 0.0


@inlined
def _change(legs: Legs, state: State, i: int, k: int, wanted: float, coarsest: float, dust: float) -> float:
    """What a leg trades to hold `wanted`, in whole lots; base units in, its own units out."""
    if abs(wanted) < dust:
        wanted = 0.0
    price = 1.0 if legs.inverse[i] else state.mark[i]
    lot = coarsest
    if legs.inverse[i] or legs.quanto[i]:
        lot = legs.lot[i]
    if legs.quanto[i]:
        price *= state.fx[i]
    change = order(state.quantity[i, k], native(legs, state, i, wanted), price, lot, legs.min_notional[i])
    return 0.0 if wanted != 0.0 and abs(change) < native(legs, state, i, dust) else change


@inlined
def _queue(
    legs: Legs,
    wallets: Wallets,
    state: State,
    s: int,
    k: int,
    worth: Float2D,
    position: Float1D,
    target: Float1D,
) -> bool:
    """Queue what decide wants, within capacity; False if a target is not finite (nothing queued).

    All legs that want to move do, in whole lots of the coarsest leg, or none does.
    """
    first = legs.first[s]
    count = legs.first[s + 1] - first
    changed = False
    coarsest = 0.0
    for j in range(count):
        if not math.isfinite(target[j]):
            return False
        changed = changed or target[j] != position[j]
        if not legs.inverse[first + j] and not legs.quanto[first + j]:
            coarsest = max(coarsest, legs.lot[first + j])
    if not changed:
        return True
    long = capacity(legs, wallets, state, s, k, 1.0, worth)
    short = capacity(legs, wallets, state, s, k, -1.0, worth)
    full = _crowded(legs, s, long, short, position, target)
    moving = True
    for j in range(count):
        i = first + j
        held = state.quantity[i, k]
        wanted = target[j]
        state.target[i, k] = held
        if wanted == position[j]:
            continue
        room = long if wanted * legs.ratio[i] > 0.0 else short
        limit = abs(legs.ratio[i]) * room
        if full:
            limit = _rehedged(legs, wallets, state, i, k, worth, position, target)
        if wanted * position[j] > 0.0:
            limit = max(abs(position[j]), limit)
        wanted = min(max(wanted, -limit), limit)
        change = _change(legs, state, i, k, wanted, coarsest, DUST * position[count])
        state.target[i, k] = held + change
        moving = moving and change != 0.0
    if moving:
        state.queued[s, k] = 1
        reserve(legs, state, s, k, worth)
    else:
        for i in range(first, first + count):
            state.target[i, k] = state.quantity[i, k]
    return True


@compiled
def consult(
    decide: Any,
    market: Market,
    legs: Legs,
    wallets: Wallets,
    state: State,
    params: Float2D,
    scratch: Scratch,
    t: int,
    k: int,
) -> None:
    """Ask the strategy about each spread of a lane and queue its answers."""
    features = market.features
    width = features.shape[2]
    memory = state.memory
    worth, position, target = scratch.worth, scratch.position, scratch.target
    equity = on_the_way(state, k)
    for w in range(worth.shape[0]):
        equity += worth[w, EQUITY] * state.cash_fx[w]
    for s in range(state.queued.shape[0]):
        if state.blind[s, k] > 0:
            continue
        first = legs.first[s]
        count = legs.first[s + 1] - first
        for j in range(count):
            position[j] = in_base(legs, state, first + j, state.quantity[first + j, k])
            target[j] = math.nan
        price = state.mark[first] * (1.0 if legs.quanto[first] else state.fx[first])
        position[count] = equity / price if price > 0.0 and equity > 0.0 else 0.0
        status = decide(
            _at(features, (t * features.shape[1] + s) * width),
            _at(position, 0),
            _at(memory, (s * memory.shape[1] + k) * memory.shape[2]),
            _at(params, k * params.shape[1]),
            _at(target, 0),
        )
        if status == 0 and not _queue(legs, wallets, state, s, k, worth, position, target):
            status = BAD_TARGET
        if status != 0 and state.status[k, 0] == 0:
            state.status[k, 0] = status
            state.status[k, 1] = t
            state.status[k, 2] = s


@compiled
def run(
    decide: Any,
    market: Market,
    legs: Legs,
    wallets: Wallets,
    state: State,
    params: Float2D,
    bracket: Int1D,
    trace: Trace,
    scratch: Scratch,
    start: int,
    stop: int,
) -> int:
    """Run the bars from `start` up to, not including, `stop`, changing `state` and `trace`.

    Parameters
    ----------
    decide : native Decider
    params : (K, P); bracket : (K,), 1 = judge liquidation at high and low too
    trace : Trace, row 0 is bar `start`; rows of zero length are not written

    Returns
    -------
    int
        The bar before which it stopped: `stop`, or an earlier one if the room for fills in
        `trace` could run out (only when fills are wanted): call again from there.
    """
    lanes = state.quantity.shape[1]
    count = legs.column.shape[0]
    room = trace.fill_where.shape[0]
    for t in range(start, stop):
        if room > 0 and trace.fills[0] + 3 * count * lanes > room:
            return t
        set_years(legs, market.time_ns[t])
        if wallets.limited:
            recall(market, legs, state, trace, t)
        _fill(market, legs, state, trace, t)
        for k in range(lanes):
            if bracket[k]:
                if k == lanes - 1 and t - start < trace.mark.shape[0]:
                    write_inside(market, legs, state, trace, t, t - start, k, scratch)
                judge_inside_bar(market, legs, state, trace, t, k, scratch)
        exchange(market, legs, wallets, state, t)
        move_marks(market, legs, state, t)
        if wallets.limited:
            lend(market, legs, state, t)
        if wallets.collects:
            for k in range(lanes):
                repay(market, legs, wallets, state, trace, t, k)
        accrue(market, legs, wallets, state, trace, t)
        deleverage(market, legs, state, trace, t)
        for k in range(lanes):
            if wallets.restores:
                arrive(state, k)
            total = _judge(legs, state, trace, t, t - start, k, scratch.worth)
            if wallets.restores:
                total -= restore(market, legs, wallets, state, t, k, scratch.worth, total)
            _book(legs, state, trace, t - start, k, total, scratch.worth)
            consult(decide, market, legs, wallets, state, params, scratch, t, k)
    return stop
