"""The driver: desk, panel and strategy in; segments through the kernel; a Result out."""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from narrows import __version__
from narrows.core.arrays import Float2D, Float3D, Int1D, read_only
from narrows.core.config import Desk
from narrows.core.errors import ConfigError, DataError, NarrowsError, StateError
from narrows.core.event import AT_THE_OPEN
from narrows.core.ledger import CATEGORIES, Ledger
from narrows.core.panel import Panel
from narrows.core.result import Fills, Provenance, Result
from narrows.core.spread import Spread, spreads
from narrows.core.time import iso
from narrows.sim.inputs import market, prepared
from narrows.sim.kernel import BAD_TARGET, run
from narrows.sim.layout import (
    Layout,
    Market,
    State,
    Trace,
    in_force,
    initial_state,
    schedule,
    scratch,
)
from narrows.sim.rates import known_rates
from narrows.strategy.protocol import Strategy
from narrows.strategy.registry import strategy as find_strategy

CLOSE_ONLY, HIGH_LOW = 0, 1  # the two lanes of a backtest
LEDGER_TOLERANCE = 1e-9  # of the capital
MAX_STALE_H = 24.0  # how long a position may go without a price
ROOM = 1 << 14  # fills written down before the kernel pauses


def blank_trace(bars: int, layout: Layout, lanes: int, room: int) -> Trace:
    """Room to write down so many bars and fills."""
    legs, wallets = len(layout.leg_names), len(layout.wallet_names)
    return Trace(
        equity=np.zeros((bars, lanes)),
        quantity=np.zeros((bars, legs)),
        mark=np.zeros((bars, legs)),
        wallet_equity=np.zeros((bars, wallets)),
        margin_ratio=np.zeros((bars, wallets)),
        margin_high_low=np.full((bars, wallets), np.nan),
        ledger=np.zeros((bars, len(CATEGORIES))),
        residual=np.zeros((bars, 1)),
        transit=np.zeros((bars, 1)),
        fill_where=np.zeros((room, 4), dtype=np.int64),
        fill_what=np.zeros((room, 5)),
        fills=np.zeros(1, dtype=np.int64),
    )


def run_segment(
    decide: Any,
    market: Market,
    layout: Layout,
    state: State,
    params: Float2D,
    bracket: Int1D,
    start: int,
    stop: int,
) -> tuple[State, Trace]:
    """Run the bars from `start` up to, not including, `stop`.

    `state` is left as it is; the new one is returned. Any split of a run into segments gives the
    same bits as the whole.
    """
    state = state.copy()
    lanes = len(bracket)
    thought = scratch(layout)
    room = max(ROOM, 6 * len(layout.leg_names) * lanes)
    parts = [blank_trace(0, layout, lanes, 0)]
    while start < stop:
        trace = blank_trace(stop - start, layout, lanes, room)
        before = state.copy()
        reached = run(
            decide, market, layout.legs, layout.wallets, state, params, bracket, trace, thought, start, stop
        )
        if trace.fills[0] > room:  # a liquidation in many steps: again, with room for all of them
            state, room = before, 2 * room
            continue
        parts.append(_cut(trace, reached - start))
        start = reached
    return state, joined(parts)


def _cut(trace: Trace, bars: int) -> Trace:
    """What was written of a trace: so many bars, and the fills."""
    fills = int(trace.fills[0])
    rows = {
        name: array[: fills if name.startswith("fill") else bars] for name, array in trace._asdict().items()
    }
    return Trace(**rows | {"fills": trace.fills})


def joined(parts: Sequence[Trace]) -> Trace:
    """What consecutive segments wrote down, as one."""
    return Trace(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Trace._fields})


def _features(strategy: Strategy, panel: Panel, spread: Spread) -> Float2D:
    try:
        return np.ascontiguousarray(strategy.features(panel, spread), dtype=np.float64)
    except NarrowsError:
        raise
    except Exception as error:  # whatever a user's features may raise
        where = f"strategy {type(strategy).__name__}: features of {spread.id}"
        raise StateError(f"{type(error).__name__}: {error}", where, "mend features") from error


def features_of(strategy: Strategy, panel: Panel, found: Sequence[Spread]) -> Float3D:
    """Features of all spreads, shape (bars, spreads, F).

    Raises
    ------
    ConfigError
        If the strategy returns another shape than (bars, F).
    """
    columns = [_features(strategy, panel, spread) for spread in found]
    for spread, column in zip(found, columns, strict=True):
        if column.ndim != 2 or len(column) != len(panel) or column.shape != columns[0].shape:
            raise ConfigError(
                f"features of {spread.id} have shape {column.shape}",
                f"strategy {type(strategy).__name__}",
                f"return ({len(panel)}, F) with one F",
            )
    return np.stack(columns, axis=1)


def spreads_of(desk: Desk, panel: Panel, strategy: Strategy) -> list[Spread]:
    """The spreads that a desk trades: what its universe allows and its strategy knows.

    Raises
    ------
    ConfigError
        If there is none.
    """
    allowed = spreads(panel.instruments, desk.universe.spreads)
    found = [spread for spread in allowed if spread.kind in strategy.kinds]
    if not found:
        have = ", ".join(one.id for one in panel.instruments)
        raise ConfigError(
            f"no spread of kind {', '.join(strategy.kinds)} among {have}",
            "universe",
            "name the instruments of both legs",
        )
    return found


def check_status(state: State, panel: Panel, found: Sequence[Spread], name: str) -> None:
    """Stop a run whose strategy reported an error.

    Raises
    ------
    StateError
        With the code, the bar and the spread.
    """
    for code, bar, spread in state.status.tolist():
        if code:
            what = "left a target that is not finite" if code == BAD_TARGET else f"returned status {code}"
            raise StateError(
                f"decide {what} at {iso(int(panel.time_ns[bar]))} for {found[spread].id}",
                f"strategy {name}",
                "positions stayed as they were; mend decide or its features",
            )


def run_hash(desk: Desk, strategy: Strategy) -> str:
    """SHA-256 of the desk, and of the strategy that was run: its parameters and its source."""
    kind = type(strategy)
    try:
        source = inspect.getsource(inspect.getmodule(kind) or kind)
    except (OSError, TypeError):  # in a notebook: what its functions compile to, and what they use
        parts = (strategy.decide.py, kind.features)
        codes = [(part.__code__.co_code, part.__code__.co_consts) for part in parts]
        used = [sorted(inspect.getclosurevars(part).globals.items()) for part in parts]
        source = repr((codes, used))
    digest = hashlib.sha256(desk.config_hash.encode())
    digest.update(f"{kind.__qualname__} {strategy!r} {source}".encode())
    return digest.hexdigest()


def _fills(trace: Trace, panel: Panel, lane: int) -> Fills:
    mine = trace.fill_where[:, 1] == lane
    where, what = trace.fill_where[mine], trace.fill_what[mine]
    opened = panel.time_ns[where[:, 0]] - panel.bar_ns
    time_ns = np.where(np.isin(where[:, 3], AT_THE_OPEN), opened, panel.time_ns[where[:, 0]])
    quantity, price, reference, fee, slip = what.T
    return Fills(time_ns, where[:, 2], quantity, price, reference, fee, slip, where[:, 3])


def backtest(
    desk: Desk,
    panel: Panel,
    strategy: Strategy | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Simulate a desk over a panel.

    Two lanes run side by side: one judges liquidation at closes only, the other at the highs and
    lows too. The Result is the first; the second gives `liquidations_high_low`.

    Parameters
    ----------
    desk : Desk
    panel : Panel
    strategy : Strategy, optional
        Default: the one that the desk names.
    progress : callable(done, total), optional
        Called as bars are done.

    Returns
    -------
    Result

    Raises
    ------
    ConfigError
        If the universe has no spread for the strategy, or capital shares do not add up.
    StateError
        If `decide` reports an error, features look ahead, or the ledger does not add up.
    DataError
        If a position is held for more than MAX_STALE_H without a price.
    """
    chosen = strategy if strategy is not None else find_strategy(desk.strategy, desk.parameters)
    _check_bars(desk, panel)
    found = spreads_of(desk, panel, chosen)
    seen = prepared(desk, panel)
    plans = schedule(desk, seen, found)
    plan = plans[0][1]
    features = features_of(chosen, seen, found)
    check_causal(chosen, seen, found, features)
    arrays = market(desk, seen, features, plan.wallet_names)
    params = np.ascontiguousarray(np.tile(chosen.params(panel.bar_h), (2, 1)))
    bracket = np.array([CLOSE_ONLY, HIGH_LOW], dtype=np.int64)
    state = initial_state(plan, lanes=2)
    parts: list[Trace] = []
    stride = max(1000, len(panel) // 20) if progress else len(panel)
    for start, stop, rules in _segments(plans, panel, stride):
        state, part = run_segment(chosen.decide.native, arrays, rules, state, params, bracket, start, stop)
        check_status(state, panel, found, desk.strategy)
        parts.append(part)
        if progress:
            progress(stop, len(panel))
    result = result_of(desk, panel, chosen, found, plans, state, joined(parts))
    check_marks(result, panel)
    check_ledger(result)
    return result


def _segments(
    plans: Sequence[tuple[int, Layout]], panel: Panel, stride: int
) -> Iterator[tuple[int, int, Layout]]:
    """Bars a to b and the layout that holds for them: cut where a rule changes, and every `stride` bars."""
    opens = panel.time_ns - panel.bar_ns
    edges = {0, len(panel), *range(0, len(panel), stride)}
    edges |= set(np.searchsorted(opens, [time_ns for time_ns, _ in plans]).tolist())
    for start, stop in pairwise(sorted(edges)):
        yield start, stop, in_force(plans, int(opens[start]))


def _check_bars(desk: Desk, panel: Panel) -> None:
    if panel.bar_ns != desk.bar_ns or not len(panel):
        what = f"bars of {panel.bar_h:g} h" if len(panel) else "no bars"
        where = f"desk {desk.name}: desk.bar"
        raise ConfigError(f"the panel has {what}", where, f"the desk wants bars of {desk.bar_h:g} h")


def check_ledger(result: Result) -> None:
    """The ledger must be the change in equity.

    Raises
    ------
    StateError
        If it misses it by LEDGER_TOLERANCE of the capital or more.
    """
    if not result.ledger_error < LEDGER_TOLERANCE:
        raise StateError(
            f"the ledger misses the change in equity by {result.ledger_error:g} of the capital",
            f"desk {result.desk.name}",
            "this is a fault of narrows, or a price in the panel that is not sane: please report it",
        )


def check_causal(strategy: Strategy, panel: Panel, found: Sequence[Spread], features: Float3D) -> None:
    """Compute the features again without the last third of the bars: nothing before may change.

    Raises
    ------
    StateError
        With the first bar and spread whose features knew the future.
    """
    cut = len(panel) * 2 // 3
    if cut == 0:
        return
    again = features_of(strategy, panel.rows(0, cut), found)
    differ = np.argwhere(again.view(np.int64) != np.ascontiguousarray(features[:cut]).view(np.int64))
    if len(differ):
        bar, spread, column = differ[0].tolist()
        raise StateError(
            f"feature {column} of {found[spread].id} at {iso(int(panel.time_ns[bar]))} changes when later "
            "bars are there",
            f"strategy {type(strategy).__name__}",
            "features must use rows up to t only",
        )


def check_marks(result: Result, panel: Panel) -> None:
    """A position may be valued at its last mark for a while, not for ever.

    Raises
    ------
    DataError
        If a leg was held for more than MAX_STALE_H without a price.
    """
    longest = int(MAX_STALE_H / panel.bar_h) + 1
    for number, leg in enumerate(result.legs):
        blind = (result.position[:, number] != 0.0) & np.isnan(panel.mark[:, panel.column(leg.instrument)])
        edges = np.flatnonzero(np.diff(np.concatenate(([False], blind, [False])).astype(np.int8)))
        for start, stop in edges.reshape(-1, 2).tolist():
            if stop - start > longest:
                raise DataError(
                    f"held for {(stop - start) * panel.bar_h:g} h without a price",
                    f"{leg.instrument} from {iso(int(panel.time_ns[start]))}",
                    "end the window there, or bring the missing bars",
                )


def _paid_on(plans: Sequence[tuple[int, Layout]], panel: Panel, mark: Float2D) -> Float2D:
    """Price that funding is paid on by the rule of each bar, shape (bars, legs): the mark or the index."""
    price = mark.copy()
    for start, stop, rules in _segments(plans, panel, len(panel)):
        index = panel.index[start:stop, rules.legs.column]
        by_index = (rules.legs.oracle == 1) & (index > 0.0)
        price[start:stop][by_index] = index[by_index]
    return read_only(price)


def result_of(
    desk: Desk,
    panel: Panel,
    strategy: Strategy,
    found: Sequence[Spread],
    plans: Sequence[tuple[int, Layout]],
    state: State,
    trace: Trace,
) -> Result:
    """What a run wrote down, as a Result; `panel` has the bars that it ran over, `plans` their layouts."""
    plan = plans[0][1]
    legs = [f"{found[leg.spread].id} {leg.instrument}" for leg in plan.leg_names]
    settled, interval = (
        read_only(np.where(plan.legs.spot, np.nan, field[:, plan.legs.column]))
        for field in (panel.funding, panel.funding_h)
    )
    return Result(
        desk=desk,
        spreads=tuple(found),
        legs=plan.leg_names,
        wallets=plan.wallet_names,
        time_ns=panel.time_ns,
        equity=np.ascontiguousarray(trace.equity[:, CLOSE_ONLY]),
        position=trace.quantity,
        mark=trace.mark,
        wallet_equity=trace.wallet_equity,
        margin_ratio=trace.margin_ratio,
        margin_ratio_high_low=trace.margin_high_low,
        funding=settled,
        funding_h=interval,
        paid_on=_paid_on(plans, panel, trace.mark),
        fx=read_only(known_rates(desk, panel)[:, plan.legs.column]),
        ledger_path=trace.ledger,
        residual_delta=trace.residual[:, 0],
        in_transit=trace.transit[:, 0],
        fills=_fills(trace, panel, CLOSE_ONLY),
        liquidated_high_low=_fills(trace, panel, len(state.trips) - 1).liquidations,
        ledger=Ledger(tuple(legs) + plan.wallet_names, np.ascontiguousarray(state.ledger[:, :, CLOSE_ONLY])),
        round_trips=int(state.trips[CLOSE_ONLY]),
        liquidations=int(state.liquidations[CLOSE_ONLY]),
        liquidations_high_low=int(state.liquidations[-1]),
        provenance=Provenance(
            config_hash=run_hash(desk, strategy),
            data_hash=panel.content_hash,
            code_version=__version__,
            seed=desk.seed,
        ),
        notes=panel.notes,
    )
