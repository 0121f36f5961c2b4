"""Tiny hand-made panels and desks, and a strategy that trades by script: arithmetic that fits in a head."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
import numpy as np
from msgspec.structs import replace

from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.config import Desk, Happening, parse
from narrows.core.event import FILL_REASONS
from narrows.core.instrument import Instrument, instrument
from narrows.core.panel import Panel
from narrows.core.result import Result
from narrows.core.spread import Spread
from narrows.core.time import HOUR_NS
from narrows.sim.backtest import backtest, features_of, run_segment, spreads_of
from narrows.sim.inputs import market, prepared
from narrows.sim.layout import State, Trace, initial_state, layout
from narrows.strategy.decider import decider

FIRST_CLOSE_NS = 1_718_866_800_000_000_000  # 2024-06-20 07:00 UTC: bar 1 ends at a delivery hour
NAN = math.nan
KEEP = (NAN, NAN)
ALL = 1e9  # more than any capital allows

SPOT = "BTC-USDT.alpha"
PERP = "BTC-USDT-PERP.alpha"
INVERSE = "BTC-USD-PERP.alpha"
FUTURE = "BTC-USDT-20240620.alpha"  # delivered at the close of bar 1
PERP_BETA = "BTC-USDT-PERP.beta"

Column = float | Sequence[float]
Orders = dict[int, tuple[float, float]]


@decider
def decide(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    """What the script says, or stay; a positive third feature is returned as a status."""
    for leg in range(2):
        target[leg] = features[leg] if math.isfinite(features[leg]) else position[leg]
    return int(features[2])


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """Wanted quantities of both legs (base units) by the bar at whose close they are decided.

    `coins` holds the orders of spreads on coins that have their own, `spreads` those by its id.
    """

    orders: Orders
    coins: dict[str, Orders] = {}
    spreads: dict[str, Orders] = {}
    status: dict[int, int] = {}

    kinds: ClassVar[tuple[str, ...]] = ("funding_carry", "cash_and_carry", "cross_venue", "calendar")
    decide: ClassVar = decide

    def lookback(self, bar_h: float) -> int:
        return 1

    def params(self, bar_h: float) -> Float1D:
        return np.zeros(1)

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        orders = self.coins.get(spread.legs[0].instrument.base, self.orders)
        orders = self.spreads.get(spread.id, orders)
        return np.array(
            [[*orders.get(bar, KEEP), self.status.get(bar, 0)] for bar in range(len(panel))], dtype=float
        )


def tiny_panel(ids: Sequence[str | Instrument], bar_ns: int = HOUR_NS, **fields: Sequence[Column]) -> Panel:
    """Hourly bars; each field is one column an instrument, a column is a number or a list by bar.

    `mark` is needed; open and close are the mark, high and low their extremes, unless given.
    """
    columns = [column for field in fields.values() for column in field]
    bars = max(len(column) for column in columns if isinstance(column, Sequence))
    made = {name: by_column(field, bars) for name, field in fields.items()}
    made.setdefault("open", made["mark"])
    made.setdefault("close", made["mark"])
    made.setdefault("high", np.fmax(made["open"], made["mark"]))
    made.setdefault("low", np.fmin(made["open"], made["mark"]))
    if "funding" in made:
        made["funding_h"] = np.where(np.isnan(made["funding"]), NAN, 8.0)
    time_ns: Int1D = FIRST_CLOSE_NS + bar_ns * np.arange(bars, dtype=np.int64)
    known = [instrument(one) if isinstance(one, str) else one for one in ids]
    return Panel.of(known, time_ns, bar_ns, (), **made)


def by_column(columns: Sequence[Column], bars: int) -> Float2D:
    return np.column_stack([np.broadcast_to(np.asarray(column, dtype=float), bars) for column in columns])


FREE: dict[str, Any] = {
    "taker_bps": 0.0,
    "half_spread_bps": 0.0,
    "depth_usd": 1e30,
    "maintenance": 0.005,
    "liquidation_fee_bps": 0.0,
    "haircut": 0.0,
    "debt_limit": 1e30,
    "borrow_apr": 0.0,
    "cash_borrow_apr": 0.0,
}


def tiny_desk(
    capital: float = 1000.0,
    leverage: float = 3.0,
    beta: bool | Mapping[str, object] = False,
    rules: Sequence[str] = (),
    events: Sequence[Happening] = (),
    bar_ns: int = HOUR_NS,
    **alpha: object,
) -> Desk:
    """A desk on venue alpha that costs nothing, but for what is said; with beta, half stands there.

    `beta` may say keys of its own. A key that is None is left out, so that `rules` (texts of rule files),
    or the rulebook, say it.
    """
    venues: dict[str, Mapping[str, object]] = {"alpha": {**FREE, "max_leverage": leverage, **alpha}}
    if beta:
        venues["beta"] = {**FREE, "max_leverage": leverage, **(beta if isinstance(beta, Mapping) else {})}
    lines = [
        f'[desk]\nname = "tiny"\ncapital = {capital!r}\n[universe]\n[strategy]\nname = "script"',
        f"[fx]\nUSD = 1.0\n[risk]\nmax_leverage = {leverage!r}",
    ]
    for name, keys in venues.items():
        lines.append(f"[venues.{name}]")
        said = {key: value for key, value in keys.items() if value is not None}
        lines += [f"{key} = {toml(value)}" for key, value in said.items()]
    desk = parse("\n".join(lines), "tiny desk")
    return replace(desk, rules=tuple(rules), events=tuple(events), bar_ns=bar_ns)


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode()


def event(kind: str, bar: int, bars: int = 1, venue: str = "alpha", **keys: object) -> Happening:
    """What a venue does in so many hourly bars from `bar` on; ADL in that one."""
    start = datetime.fromtimestamp(FIRST_CLOSE_NS / 1e9, UTC) + timedelta(hours=bar - 1)
    said = {"venue": venue, "kind": kind, "start": start, "reason": "made up", **keys}
    if kind != "adl":
        said["end"] = start + timedelta(hours=bars)
    return msgspec.convert(said, Happening)


def rule(part: str, since: str = "2019-01-02", venue: str = "alpha", **keys: object) -> str:
    """The text of a rule file with one record."""
    head = [f'venue = "{venue}"', f"[[{part}]]", f"effective_from = {since}"]
    said = {"source": "made up", "confidence": "high", **keys}
    return "\n".join([*head, *(f"{key} = {toml(value)}" for key, value in said.items())])


def play(
    desk: Desk,
    panel: Panel,
    orders: Orders,
    spreads: Mapping[str, Orders] | None = None,
    **coins: Orders,
) -> Result:
    """A backtest of a script."""
    return backtest(desk, panel, Script(orders=orders, coins=coins, spreads=dict(spreads or {})))


def booked(result: Result) -> dict[str, float]:
    """What is in the ledger, without what is zero (or 1e-28, of a book without end)."""
    return {name: amount for name, amount in result.ledger.by_category.items() if abs(amount) > 1e-20}


def reasons(result: Result) -> list[str]:
    """Why each fill happened, but for those that were asked for."""
    return [FILL_REASONS[reason] for reason in result.fills.reason.tolist() if reason]


def lanes(desk: Desk, panel: Panel, strategy: Any, bracket: Sequence[int] = (0, 1)) -> tuple[State, Trace]:
    """The state and trace that a backtest leaves behind, lane by lane."""
    found = spreads_of(desk, panel, strategy)
    plan = layout(desk, panel, found)
    seen = prepared(desk, panel)
    arrays = market(desk, seen, features_of(strategy, seen, found), plan.wallet_names)
    params = np.ascontiguousarray(np.tile(strategy.params(panel.bar_h), (len(bracket), 1)))
    state = initial_state(plan, lanes=len(bracket))
    marks = np.array(bracket, dtype=np.int64)
    return run_segment(strategy.decide.native, arrays, plan, state, params, marks, 0, len(panel))
