"""Runs of the collateral study: a hedge taken once and held, in an account with so much collateral.

A pair is two legs of one coin; a case is a pair, a direction and an account structure. `Case.outcome`
runs it through the whole history with given collateral and says when, if ever, a venue took it apart.
"""

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
from collateral_pairs import (
    BORROW_APR,
    BORROW_MAINTENANCE,
    CASH_BORROW_APR,
    CATALOGUES,
    MAINTENANCE,
    MOST_LEVERAGE,
    NOTIONAL,
    SEPARATE,
    Pair,
    Structure,
)
from pages import ROOT

from narrows.catalog import ingest, load_panel
from narrows.core.arrays import Float1D, Float2D
from narrows.core.config import Desk, parse
from narrows.core.event import FILL_REASONS
from narrows.core.ledger import CATEGORIES
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.core.time import iso
from narrows.sim.backtest import backtest, blank_trace, features_of, spreads_of
from narrows.sim.inputs import market, prepared
from narrows.sim.kernel import run
from narrows.sim.layout import Layout, Market, in_force, initial_state, schedule, scratch
from narrows.strategy.decider import Pointer, decider

SOURCES = ROOT / "examples" / "sources"
LANES = ("closes", "high_low")  # how liquidation is judged: the kernel's bracket 0 and 1
TRADED = [FILL_REASONS.index(name) for name in ("trade", "settlement")]  # all else is forced
PIECE = 4096  # bars run before it is seen whether the hedge still stands
ROOM = 64  # fills of one piece; where it runs out the hedge is over anyway
UNLIMITED = 1e15  # a debt
SPARE = 1.001  # what an isolated position does not post of its wallet lies idle, and is no margin
FULL = 0.98  # of NOTIONAL: what must have been filled
BESIDE = (
    2,
    1,
)  # bars before and after a hole: where trading was stopped, they stop early or open where it did
BROKEN = ("2024-10-28T20:00:00Z", "2024-10-28T22:00:00Z")  # bars of Binance's BTC derivatives that stop early


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Enter once, as soon as both legs have a price, and never trade again."""
    target[0] = position[0]
    target[1] = position[1]
    if position[0] != 0.0 or position[1] != 0.0:
        memory[0] = 1.0
    elif memory[0] == 0.0 and math.isfinite(features[0]) and position[2] > 0.0:
        target[0] = params[0] * position[2]
        target[1] = -target[0]
    return 0


class HoldForEver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both legs of a spread, taken once: `size` of a leg over equity, signed."""

    size: float

    kinds: ClassVar[tuple[str, ...]] = ("funding_carry", "cash_and_carry", "cross_venue")
    decide: ClassVar = decide

    def lookback(self, _bar_h: float) -> int:
        """It looks at nothing but the last close."""
        return 1

    def params(self, _bar_h: float) -> Float1D:
        """The size; negative = the first leg sold short."""
        return np.array([self.size])

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        """Gap of the second leg to the first: finite where both are known."""
        first, second = (panel.column(leg.instrument.id) for leg in spread.legs)
        return (panel.close[:, second] / panel.close[:, first] - 1.0).reshape(-1, 1)


@dataclass(frozen=True)
class End:
    """How a hedge ended: when, by which leg (-1: it could not be opened), where prices and payments stood.

    `moved` is the price of that leg over the one at entry; `carry` all funding and interest until then,
    over the notional at the start.
    """

    time_ns: int
    leg: int
    moved: float
    carry: float


VENUE = """[venues.{name}]
cash_borrow_apr = {cash_apr}
borrow_apr = {borrow_apr}
borrow_maintenance = {borrow_maintenance}
max_leverage = {leverage}
liquidation_fee_bps = 50
taker_bps = 0
delivery_bps = 0
half_spread_bps = 0
depth_usd = 1e15
"""


def _venue(pair: Pair, structure: Structure, name: str, leverage: float) -> str:
    """The section of a venue, but for what it holds."""
    keys = VENUE.format(
        name=name, leverage=leverage, cash_apr=CASH_BORROW_APR, borrow_apr=BORROW_APR,
        borrow_maintenance=BORROW_MAINTENANCE,
    )  # fmt: skip
    if name in pair.untiered:
        keys += f"maintenance = {MAINTENANCE}\n"
    if structure.delay_h:
        keys += (
            f'top_up = "restore"\ntop_up_at = {structure.top_up_at}\ntransfer_delay_h = {structure.delay_h}\n'
        )
    else:
        keys += 'transfer_delay_h = "never"\n'
    if pair.spot:
        keys += f'account = "{structure.account}"\nmargin = "{structure.margin}"\n'
        keys += "" if structure.debt_limited else f"debt_limit = {UNLIMITED}\n"
        keys += "" if pair.haircut is None else f"haircut = {pair.haircut}\n"
    return keys


DESK = """[desk]
name = "collateral"
capital = {capital!r}
bar = "{pair.bar}"
{window}
[data]
catalog = "{catalog}"
exclude = [{exclude}]
[universe]
instruments = ["{pair.first}", "{pair.second}"]
[strategy]
name = "collateral_runs:HoldForEver"
size = {size!r}
[risk]
max_leverage = {leverage}
[fx]
{fx}
"""


@dataclass(frozen=True, eq=False)
class Series:
    """A pair over the time in which both legs have bars, with what is left out, as a desk file says it."""

    pair: Pair
    catalog: Path
    window: str
    exclude: str
    panel: Panel
    made: list[Market] = field(default_factory=list)

    def market(self, case: "Case") -> Market:
        """The panel as the kernel reads it; no case of a pair changes it but by its wallets' names."""
        if not self.made:
            desk, strategy = case.desk(1.0, 1.0), HoldForEver(size=1.0)
            seen, spreads = prepared(desk, self.panel), spreads_of(desk, self.panel, strategy)
            self.made.append(market(desk, seen, features_of(strategy, seen, spreads), ()))
        return self.made[0]

    @property
    def ratio(self) -> float:
        """The second leg's price over the first's when the hedge is taken."""
        return float(self.price(1)[0] / self.price(0)[0])

    def price(self, leg: int) -> Float1D:
        """Marks of a leg."""
        return np.asarray(self.panel.mark[:, self.panel.column((self.pair.first, self.pair.second)[leg])])


@dataclass(frozen=True, eq=False)
class Case:
    """A pair held in one direction in one structure."""

    series: Series
    long: bool  # the first leg long, the second short
    structure: Structure
    made: list[tuple[int, Layout]] = field(default_factory=list)

    def desk(self, first: float, second: float) -> Desk:
        """The desk with so much collateral behind each leg, over NOTIONAL; in one account, together."""
        capital = (self.paid + first + second) * NOTIONAL
        share = NOTIONAL * second / capital
        leverage = MOST_LEVERAGE
        if self.structure.margin == "isolated":  # which posts as much as the wallet has
            leverage = min(leverage, SPARE * self.series.ratio / second)
        return _desk(self, capital, self.size(first, second), share, leverage)

    def size(self, first: float, second: float) -> float:
        """Notional of a leg over the capital, negative if the first leg is sold."""
        return (1.0 if self.long else -1.0) / (self.paid + first + second)

    @property
    def paid(self) -> float:
        """Capital that is no collateral, over NOTIONAL: spot is bought with money of its own."""
        return 1.0 if self.long and self.series.pair.spot else 0.0

    def plans(self, first: float, second: float) -> list[tuple[int, Layout]]:
        """The layouts of the desk. Worked out once: but for isolated margin collateral changes only shares."""
        if self.structure.margin == "isolated":
            return self.scheduled(self.desk(first, second))
        if not self.made:
            self.made.extend(self.scheduled(self.desk(1.0, 1.0)))
        capital = (self.paid + first + second) * NOTIONAL
        there = (
            np.array([self.paid + first, second] if self.structure.separate else [capital / NOTIONAL])
            * NOTIONAL
        )
        return [
            (at, one._replace(wallets=one.wallets._replace(share=there / capital), wallet_capital=there))
            for at, one in self.made
        ]

    def scheduled(self, desk: Desk) -> list[tuple[int, Layout]]:
        """The layouts of a desk as its rules change."""
        spreads = spreads_of(desk, self.series.panel, HoldForEver(size=1.0))
        return schedule(desk, self.series.panel, spreads)

    def died(self, first: float, second: float, lane: str) -> int | None:
        """The leg at which a venue took the hedge apart, judged in one lane; -1: not opened; None: it lives.

        Runs a piece at a time and stops at the first thing that a venue did.
        """
        panel, arrays = self.series.panel, self.series.market(self)
        plans, size = self.plans(first, second), self.size(first, second)
        params, bracket = np.array([[size]]), np.array([LANES.index(lane)], dtype=np.int64)
        opens = panel.time_ns - panel.bar_ns
        changes = np.searchsorted(opens, [time_ns for time_ns, _ in plans]).tolist()
        edges = sorted({0, 2, len(panel), *range(0, len(panel), PIECE), *changes})
        state = initial_state(plans[0][1], lanes=1)
        trace, thought = blank_trace(0, plans[0][1], 1, ROOM), scratch(plans[0][1])
        for start, stop in pairwise(edges):
            rules = in_force(plans, int(opens[start]))
            run(
                decide.native,
                arrays,
                rules.legs,
                rules.wallets,
                state,
                params,
                bracket,
                trace,
                thought,
                start,
                stop,
            )
            if start == 0 and not opened(state.quantity[:, 0], float(self.series.price(0)[0])):
                return -1
            forced = ~np.isin(trace.fill_where[: trace.fills[0], 3], TRADED)
            if forced.any():
                return int(trace.fill_where[int(np.argmax(forced)), 2])
        return None

    def end(self, first: float, second: float, lane: str) -> End | None:
        """The same by `narrows.sim.backtest`, with when it was and where prices and payments stood."""
        desk = self.desk(first, second)
        result = backtest(desk, self.series.panel, HoldForEver(size=float(desk.parameters["size"])))
        fills = result.fills
        taken = result.position[min(2, len(result.position) - 1)]
        if not opened(taken, float(self.series.price(0)[0])):
            return End(int(result.time_ns[0]), -1, 1.0, 0.0)
        forced = np.flatnonzero(~np.isin(fills.reason, TRADED))
        ends = [(int(fills.time_ns[n]), int(fills.leg[n]), float(fills.reference[n])) for n in forced[:1]]
        if lane == "high_low":
            inside = result.liquidated_high_low
            ends += (
                [(int(inside.time_ns[0]), int(inside.leg[0]), float(inside.reference[0]))]
                if len(inside)
                else []
            )
        if not ends:
            return None
        time_ns, leg, price = min(ends)
        before = max(int(np.searchsorted(result.time_ns, time_ns)) - 1, 0)
        names = list(CATEGORIES)
        carry = sum(float(result.ledger_path[before, names.index(name)]) for name in ("funding", "borrow"))
        entry = float(fills.reference[int(np.flatnonzero(fills.leg == leg)[0])])
        return End(time_ns, leg, price / entry, carry / NOTIONAL)


def opened(taken: Float1D, price: float) -> bool:
    """Whether a hedge was taken in full: as many coins as NOTIONAL is worth at `price`."""
    return bool(np.abs(taken).min() >= FULL * NOTIONAL / price)


def _desk(case: Case, capital: float, size: float, share: float, leverage: float) -> Desk:
    """The desk file of a case."""
    pair, structure = case.series.pair, case.structure
    text = DESK.format(
        pair=pair, capital=capital, size=size, catalog=case.series.catalog / pair.catalogue,
        exclude=case.series.exclude, leverage=leverage, window=case.series.window,
        fx="USDC = 1.0" if "USDC" in pair.first + pair.second else "",
    )  # fmt: skip
    venues = dict.fromkeys(pair.venues)
    for name in venues:
        text += _venue(pair, structure, name, leverage)
        if len(venues) > 1:
            text += f"capital_share = {share if name == pair.venues[1] else 1.0 - share!r}\n"
        elif structure.separate:
            text += f"derivatives_share = {share!r}\n"
    return parse(text)


def _window(panel: Panel) -> tuple[int, int]:
    """From the open of the first bar that both legs have to the close of the last."""
    both = np.flatnonzero(np.isfinite(panel.close).all(axis=1))
    return int(panel.time_ns[both[0]]) - panel.bar_ns, int(panel.time_ns[both[-1]])


def _holes(panel: Panel) -> list[tuple[str, str]]:
    """Closes, first and last of a run, at which one leg has a bar and the other has none, with those BESIDE."""
    known = np.isfinite(panel.close)
    lacking = known.any(axis=1) & ~known.all(axis=1)
    for row in np.flatnonzero(lacking).tolist():
        lacking[max(row - BESIDE[0], 0) : row + BESIDE[1] + 1] = True
    edges = np.flatnonzero(np.diff(np.concatenate(([False], lacking, [False])).astype(np.int8)))
    return [(iso(int(panel.time_ns[a])), iso(int(panel.time_ns[b - 1]))) for a, b in edges.reshape(-1, 2)]


def _excluded(pair: Pair, panel: Panel) -> str:
    """What is left out: where one leg has no bar, and bars of Binance's BTC derivatives that stop early."""
    spans = [(*span, "a leg has none, or beside that") for span in _holes(panel)]
    stops_early = pair.first == "BTC-USDT.binance" or "BTC-USDT-PERP.binance" in (pair.first, pair.second)
    if stops_early and iso(int(panel.time_ns[0])) < BROKEN[0] and BROKEN[1] < iso(int(panel.time_ns[-1])):
        spans.append((*BROKEN, "bars that stop early"))
    lines = []
    for start, end, reason in spans:
        rows = (panel.time_ns >= _ns(start)) & (panel.time_ns <= _ns(end))
        for name in (pair.first, pair.second):
            if np.isfinite(panel.close[rows, panel.column(name)]).any():
                lines.append(
                    f'{{ instrument = "{name}", start = {start}, end = {end}, reason = "{reason}" }}'
                )
    return ", ".join(lines)


def _ns(stamp: str) -> int:
    return int(np.datetime64(stamp.removesuffix("Z"), "ns").astype(np.int64))


def series_of(pair: Pair, catalog: Path) -> Series:
    """The data of a pair, from the catalogues in a folder."""

    def loaded(window: str, exclude: str, panel: Panel | None) -> Series:
        there = Series(pair, catalog, window, exclude, panel)  # type: ignore[arg-type]
        return replace(there, made=[], panel=load_panel(Case(there, True, SEPARATE).desk(1.0, 1.0)))

    raw = loaded(f"end = {pair.end}" if pair.end else "", "", None)
    start, end = _window(raw.panel)
    raw = loaded(f"start = {iso(start)}\nend = {iso(end)}", "", raw.panel)
    return loaded(raw.window, _excluded(pair, raw.panel), raw.panel)


def catalogues(data: Path, folder: Path) -> Path:
    """Ingest what the pairs need from the data folder; returns the folder."""
    for name, mappings in CATALOGUES.items():
        ingest([SOURCES / f"{one}.toml" for one in mappings], root=data, catalog=folder / name)
    return folder
