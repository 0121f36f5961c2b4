"""Runs of the stress studies: one spread, taken at the start of a window and held through the event.

Each window is replayed once for every direction, account structure and leverage; the position is the
same in all of them, so that only the account decides who lives.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
from pages import ROOT

from narrows.catalog import ingest, load_panel
from narrows.core.arrays import Float1D, Float2D
from narrows.core.config import Desk, parse
from narrows.core.event import FILL_REASONS
from narrows.core.ledger import CATEGORIES
from narrows.core.panel import Panel
from narrows.core.result import Fills, Result
from narrows.core.spread import Spread
from narrows.sim.backtest import backtest
from narrows.sim.terms import debt
from narrows.strategy.decider import Pointer, decider

SOURCES = ROOT / "examples" / "sources"
CAPITAL = 1_000_000.0
UNEVEN = 0.02  # of the first leg: what the legs may differ by before they are evened out
BORROW_APR, BORROW_MAINTENANCE = 0.30, 0.10
OKX_MAINTENANCE, OKX_LIQUIDATION_BPS = 0.02, 50.0  # its tiers are not on record
HAIRCUT = 0.10  # what the rulebook has of SOL at Binance; no coin is on record where it is held here


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Enter once, at the first bar; hold; even out legs that no longer match.

    The larger leg is cut to the smaller one, so a leg that lost its partner is closed; but first, once, the
    smaller one is taken again, if both are then within params[1] times the equity.
    """
    target[0] = position[0]
    target[1] = position[1]
    if position[0] == 0.0 and position[1] == 0.0:
        if memory[0] == 0.0 and math.isfinite(features[0]) and position[2] > 0.0:
            memory[0] = 1.0
            target[0] = params[0] * position[2]
            target[1] = -target[0]
    elif abs(position[0] + position[1]) > UNEVEN * abs(position[0]):
        size = max(abs(position[0]), abs(position[1]))
        if memory[1] == 1.0 or 2.0 * size > params[1] * position[2]:
            size = min(abs(position[0]), abs(position[1]))
        memory[1] = 1.0
        target[0] = math.copysign(size, position[0] - position[1])
        target[1] = -target[0]
    else:
        memory[1] = 0.0
    return 0


class HoldOnce(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spot against the perpetual of one venue, taken once: `size` of a leg over equity, signed.

    `again`: what a leg lost is taken again, once, before the other one is cut to match, if both legs are
    then at most so many times the equity.
    """

    size: float
    again: float = 0.0

    kinds: ClassVar[tuple[str, ...]] = ("funding_carry",)
    decide: ClassVar = decide

    def lookback(self, _bar_h: float) -> int:
        """It looks at nothing but the last close."""
        return 1

    def params(self, _bar_h: float) -> Float1D:
        """The size, negative = spot sold short; and up to how much what was lost is taken again."""
        return np.array([self.size, self.again])

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        """Gap of the perpetual to spot: finite where both are known."""
        spot, perp = (panel.column(leg.instrument.id) for leg in spread.legs)
        return (panel.close[:, perp] / panel.close[:, spot] - 1.0).reshape(-1, 1)


@dataclass(frozen=True)
class Window:
    """One market over an event. `name` is that of its figure."""

    name: str
    title: str
    coin: str
    venue: str
    start: str
    end: str

    @property
    def instruments(self) -> tuple[str, str]:
        """Spot and perpetual."""
        return f"{self.coin}-USDT.{self.venue}", f"{self.coin}-USDT-PERP.{self.venue}"


WINDOWS = (
    Window("2022-11-sol", "SOL at OKX, November 2022", "SOL", "okx", "2022-11-05", "2022-11-15"),
    Window("2023-01-sol", "SOL at OKX, January 2023", "SOL", "okx", "2022-12-28", "2023-02-01"),
    Window("2025-10-sol-okx", "SOL at OKX, October 2025", "SOL", "okx", "2025-10-08", "2025-10-14"),
    Window("2025-10-avax-okx", "AVAX at OKX, October 2025", "AVAX", "okx", "2025-10-08", "2025-10-14"),
    Window(
        "2025-10-avax-binance", "AVAX at Binance, October 2025", "AVAX", "binance", "2025-10-08", "2025-10-14"
    ),
)


@dataclass(frozen=True)
class Structure:
    """An account and how much of it is used.

    One leg is leverage / (1 + leverage) of the capital: in a separate account that fills the spot
    wallet and leaves the derivatives wallet the perpetual over leverage. `full`: all that the leverage
    carries instead.
    """

    name: str
    account: str
    margin: str
    leverage: float
    full: bool = False

    @property
    def size(self) -> float:
        """One leg over the capital."""
        return 2.0 * self.leverage if self.full else self.leverage / (1.0 + self.leverage)

    @property
    def settings(self) -> str:
        """Its keys of [venues.NAME]."""
        return (
            f'account = "{self.account}"\nmargin = "{self.margin}"\nmax_leverage = {self.leverage}\n'
            f"derivatives_share = {1.0 / (1.0 + self.leverage)}\n"
        )


STRUCTURES = (
    *(
        Structure(f"{account}, {margin}", account, margin, leverage)
        for account, margin in (("unified", "cross"), ("separate", "cross"), ("separate", "isolated"))
        for leverage in (1.0, 3.0)
    ),
    Structure("unified, cross, full", "unified", "cross", 3.0, full=True),
    Structure("unified, portfolio", "unified", "portfolio", 3.0),
    Structure("unified, portfolio, full", "unified", "portfolio", 3.0, full=True),
)

DESK = """
[desk]
name    = "{window.name}"
capital = {capital}
start   = {window.start}
end     = {window.end}
[data]
catalog = "{catalog}"
[universe]
instruments = ["{spot}", "{perp}"]
[strategy]
name = "stress_runs:HoldOnce"
size = {size}
[venues.{window.venue}]
borrow_apr         = {borrow_apr}
borrow_maintenance = {borrow_maintenance}
haircut            = {haircut}
"""
OKX = f"maintenance = {OKX_MAINTENANCE}\nliquidation_fee_bps = {OKX_LIQUIDATION_BPS}\n"


@dataclass(frozen=True, eq=False)
class Run:
    """One replay of a window."""

    window: Window
    structure: Structure
    long: bool  # spot long, perpetual short
    result: Result

    def booked(self, category: str) -> float:
        """Sum of a ledger category over the capital."""
        return self.result.ledger.by_category[category] / CAPITAL

    def booked_until(self, category: str, bar: int) -> float:
        """The same up to a bar."""
        return float(self.result.ledger_path[bar, list(CATEGORIES).index(category)]) / CAPITAL

    @property
    def change(self) -> float:
        """Equity at the end over the capital, less 1."""
        return self.result.equity_end / CAPITAL - 1.0

    @property
    def leg(self) -> float:
        """Notional of the spot leg when it was taken, over the capital."""
        entry = self.result.fills
        return float(abs(entry.quantity[0]) * entry.reference[0]) / CAPITAL

    @property
    def entered_ns(self) -> int:
        """When the position was taken."""
        return int(self.result.fills.time_ns[0])

    def worst(self, high_low: bool) -> float:
        """Largest margin ratio of any wallet, at closes or inside bars."""
        result = self.result
        return float(np.nanmax(result.margin_ratio_high_low if high_low else result.margin_ratio))

    def deaths(self, high_low: bool) -> Fills:
        """The liquidations, judged at closes or inside bars."""
        result = self.result
        return result.liquidated_high_low if high_low else result.fills.liquidations

    @property
    def sales(self) -> Fills:
        """Coins that the venue sold to repay debts, judged at closes."""
        fills = self.result.fills
        forced = fills.reason == FILL_REASONS.index("repayment")
        return Fills(*(getattr(fills, one.name)[forced] for one in fields(fills)))

    @property
    def sold(self) -> float:
        """The same over what was bought."""
        return float(-self.sales.quantity.sum() / abs(self.result.fills.quantity[0]))

    def kind(self, leg: int) -> str:
        """Spot or perpetual."""
        return "perp" if "PERP" in self.result.legs[leg].instrument else "spot"

    @property
    def left(self) -> float:
        """What the wallet that failed first, by closes, still held then, over what it began with; NaN: none did."""
        dead = self.deaths(high_low=False)
        if not len(dead):
            return math.nan
        result = self.result
        wallet = result.legs[int(dead.leg[0])].wallet
        bar = int(np.searchsorted(result.time_ns, dead.time_ns[0]))
        share = 1.0
        if self.structure.account == "separate":
            part = 1.0 / (1.0 + self.structure.leverage)
            share = part if result.wallets[wallet].endswith("derivatives") else 1.0 - part
        return float(result.wallet_equity[bar, wallet]) / (CAPITAL * share)


def debt_limit(venue: str, time_ns: int) -> float:
    """How far below zero a venue lets the cash of an account be."""
    desk = desk_of(next(one for one in WINDOWS if one.venue == venue), STRUCTURES[0], True, Path("catalog"))
    return debt(desk, venue, desk.venues[venue], "USDT", time_ns)[0]


@dataclass(frozen=True, eq=False)
class Study:
    """A window, its market data and all its runs."""

    window: Window
    panel: Panel
    runs: tuple[Run, ...]

    def run(self, direction: str, name: str, leverage: float) -> Run:
        """One of them, by direction ("long" or "reverse"), structure and leverage."""
        for one in self.runs:
            found = one.structure.name == name and one.structure.leverage == leverage
            if found and one.long == (direction == "long"):
                return one
        raise KeyError((direction, name, leverage))

    @property
    def gap(self) -> Float1D:
        """Perpetual over spot at the closes, less 1."""
        spot, perp = (self.panel.column(one) for one in self.window.instruments)
        return np.asarray(self.panel.close[:, perp] / self.panel.close[:, spot] - 1.0)

    def left_inside(self, run: Run) -> float:
        """Equity over the capital after a death inside the bar: the other leg closed at the next open.

        As judged at closes up to the bar before; without the fees of getting out.
        """
        result, dead = run.result, run.deaths(high_low=True)
        bar = int(np.searchsorted(result.time_ns, dead.time_ns[0]))
        closed = [float(self.of("open", leg)[bar + 1]) for leg in range(2)]
        closed[int(dead.leg[0])] = float(dead.price[0])
        gained = float(result.position[bar - 1] @ (np.array(closed) - result.mark[bar - 1]))
        return (float(result.equity[bar - 1]) + gained) / CAPITAL

    def of(self, field: str, leg: int) -> Float1D:
        """A field of the panel for spot (0) or the perpetual (1)."""
        return np.asarray(self.panel.fields[field][:, self.panel.column(self.window.instruments[leg])])


def desk_of(
    window: Window, structure: Structure, long: bool, catalog: Path, more: str = "", haircut: float = HAIRCUT
) -> Desk:
    """The desk of one run; `more`: further keys of its venue, then further sections."""
    spot, perp = window.instruments
    text = DESK.format(
        window=window, capital=CAPITAL, catalog=catalog, spot=spot, perp=perp,
        size=structure.size if long else -structure.size,
        borrow_apr=BORROW_APR, borrow_maintenance=BORROW_MAINTENANCE, haircut=haircut,
    )  # fmt: skip
    return parse(text + (OKX if window.venue == "okx" else "") + structure.settings + more)


def study(window: Window, catalog: Path) -> Study:
    """All runs of a window."""
    panel = load_panel(desk_of(window, STRUCTURES[0], True, catalog))
    runs = []
    for long in (True, False):
        for structure in STRUCTURES:
            desk = desk_of(window, structure, long, catalog)
            size = float(desk.parameters["size"])
            runs.append(Run(window, structure, long, backtest(desk, panel, HoldOnce(size=size))))
    return Study(window, panel, tuple(runs))


def studies(data: Path, catalog: Path) -> Iterator[Study]:
    """Ingest what the windows need from the data folder, and run them."""
    names = sorted({f"{window.venue}_{window.coin.lower()}" for window in WINDOWS})
    ingest([SOURCES / f"{name}.toml" for name in names], root=data, catalog=catalog)
    for window in WINDOWS:
        yield study(window, catalog)
