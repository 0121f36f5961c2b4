"""A sample Result that adds up: two spreads, two venues, a liquidation and a delivery, from one seed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.config import Desk, parse
from narrows.core.event import FILL_REASONS
from narrows.core.instrument import instrument
from narrows.core.ledger import CATEGORIES, Ledger
from narrows.core.random import generator
from narrows.core.result import Fills, Leg, Provenance, Result
from narrows.core.spread import Spread, spreads
from narrows.core.time import HOUR_NS

DESK = """
[desk]
name = "btc-carry"
capital = 1_000_000
start = 2023-06-02
[universe]
instruments = ["BTC-USDT.bybit", "BTC-USDT-PERP.bybit", "BTC-USDT.okx", "BTC-USDT-20240329.okx"]
[strategy]
name = "carry"
entry_apr = 0.08
[venues.bybit]
[venues.okx]
cash_apr = 0.02
"""
COLUMN = {name: number for number, name in enumerate(CATEGORIES)}
MAINTENANCE = 0.02


@dataclass
class Book:
    """Collects what happens to each leg."""

    position: Float2D
    amounts: Float2D  # (T, rows, C)
    mark: Float2D
    rows: list[tuple[int, int, float, float, float, float, float, int]] = field(default_factory=list)

    def trade(self, bar: int, leg: int, quantity: float, reason: str = "trade") -> None:
        """A trade at the open of `bar`, anything else at its close; both at the mark before it."""
        reference = float(self.mark[bar - 1, leg])
        value = abs(quantity) * reference
        punished = 0.004 if reason == "liquidation" else 0.0
        fee, slippage = 5e-4 * value, 1e-4 * value
        price = reference * (1.0 + np.sign(quantity) * 1e-4)
        self.position[bar:, leg] += quantity
        self.amounts[bar, leg, COLUMN["fees"]] -= fee
        self.amounts[bar, leg, COLUMN["slippage"]] -= slippage
        self.amounts[bar, leg, COLUMN["liquidation"]] -= punished * value
        self.rows.append((bar, leg, quantity, price, reference, fee, slippage, FILL_REASONS.index(reason)))

    def pair(self, bar: int, first: int, quantity: float) -> None:
        self.trade(bar, first, quantity)
        self.trade(bar, first + 1, -quantity)


def _marks(bars: int, expiry_bar: int, seed: int) -> tuple[Float2D, Float1D]:
    """Marks of the four legs, and the funding rate of the perpetual (NaN off the 8-hour grid)."""
    rng = generator(seed, "sample")
    spot = 27_000.0 * np.exp(np.cumsum(rng.normal(0.00003, 0.0045, bars)))
    premium = np.zeros(bars)
    shocks = rng.standard_t(4, bars) * 0.00012
    for bar in range(1, bars):
        premium[bar] = 0.97 * premium[bar - 1] + 0.03 * 0.0004 + shocks[bar]
    left = np.maximum(expiry_bar - np.arange(bars), 0) / 8760.0
    carry = 0.07 + 0.03 * np.sin(np.arange(bars) / 900.0)
    future = spot * (1.0 + carry * left + rng.normal(0, 0.0003, bars))
    future[expiry_bar] = spot[expiry_bar]
    future[expiry_bar + 1 :] = future[expiry_bar]  # the last known mark
    other = spot * (1.0 + rng.normal(0, 0.0001, bars))
    funding = np.full(bars, np.nan)
    funding[7::8] = np.clip(0.0001 + 0.15 * premium[7::8], -0.003, 0.003)
    return np.column_stack((spot, spot * (1.0 + premium), other, future)), funding


def _trades(book: Book, expiry_bar: int) -> None:
    book.pair(210, 0, 14.0)
    book.pair(2600, 0, -14.0)
    book.pair(3100, 0, 13.0)
    for bar in range(3400, 5000, 160):
        book.pair(bar, 0, 0.05 * (1 if bar % 320 else -1))
    book.trade(5200, 1, -float(book.position[5200, 1]), "liquidation")
    book.trade(5201, 0, -float(book.position[5201, 0]))
    book.pair(5700, 0, 7.0)
    book.pair(1500, 2, 15.0)
    book.trade(expiry_bar, 3, 15.0, "settlement")
    book.trade(expiry_bar + 1, 2, -15.0)


def sample(bars: int = 9_000, seed: int = 7) -> Result:
    """Two carries on BTC over `bars` hours; needs at least 7,300 of them."""
    desk = parse(DESK)
    legs_of = [instrument(name) for name in desk.universe.instruments]
    pairs = (*spreads(legs_of[:2]), *spreads(legs_of[2:]))
    time_ns: Int1D = desk.start_ns + HOUR_NS * np.arange(1, bars + 1, dtype=np.int64)
    expiry_bar = int(np.searchsorted(time_ns, pairs[1].expiry_ns))
    mark, funding = _marks(bars, expiry_bar, seed)
    names = [f"{pairs[n // 2].id} {name}" for n, name in enumerate(desk.universe.instruments)]
    rows = (*names, "bybit", "okx")
    book = Book(np.zeros((bars, 4)), np.zeros((bars, len(rows), len(CATEGORIES))), mark)
    _trades(book, expiry_bar)
    moved = np.zeros_like(mark)
    moved[1:] = np.nan_to_num(np.diff(mark, axis=0))
    book.amounts[:, :4, COLUMN["basis"]] = book.position * moved
    paid = -book.position[:, 1] * mark[:, 1] * np.nan_to_num(funding)
    book.amounts[:, 1, COLUMN["funding"]] = paid
    book.amounts[:, 5, COLUMN["collateral_yield"]] = 500_000 * 0.02 / 8760
    book.amounts[expiry_bar, 3, COLUMN["settlement"]] = -61.5
    return _result(desk, pairs, book, rows, time_ns, funding)


def _result(
    desk: Desk,
    pairs: tuple[Spread, ...],
    book: Book,
    rows: tuple[str, ...],
    time_ns: Int1D,
    funding: Float1D,
) -> Result:
    quiet = np.full(len(time_ns), np.nan)
    path = np.cumsum(book.amounts.sum(axis=1), axis=0)
    by_row = np.cumsum(book.amounts.sum(axis=2), axis=0)
    wallet = (
        np.stack((by_row[:, [0, 1, 4]].sum(axis=1), by_row[:, [2, 3, 5]].sum(axis=1)), axis=1)
        + desk.capital / 2
    )
    held = np.where(book.position == 0.0, 0.0, book.position * book.mark)
    needed = MAINTENANCE * np.abs(held[:, [1, 3]])
    shock = np.exp(-(((np.arange(len(time_ns)) - 5199) / 25.0) ** 2))
    ratio = needed / wallet * np.column_stack((1 + 58 * shock, 1 + 4 * shock))
    ratio[5_200, 0] = 1.25  # what failed, not what was left after it
    equity = desk.capital + path.sum(axis=1)
    bar, leg, quantity, price, reference, fee, slippage, reason = np.array(sorted(book.rows)).T
    closes = time_ns[bar.astype(np.int64)]
    fills = Fills(
        time_ns=np.where(reason == FILL_REASONS.index("trade"), closes - desk.bar_ns, closes),
        leg=leg.astype(np.int64),
        quantity=quantity,
        price=price,
        reference=reference,
        fee=fee,
        slippage=slippage,
        reason=reason.astype(np.int64),
    )
    return Result(
        desk=desk,
        spreads=pairs,
        legs=tuple(
            Leg(
                spread=n // 2, instrument=rows[n].rpartition(" ")[2], ratio=1.0 - 2.0 * (n % 2), wallet=n // 2
            )
            for n in range(4)
        ),
        wallets=("bybit", "okx"),
        time_ns=time_ns,
        equity=equity,
        position=book.position,
        mark=book.mark,
        wallet_equity=wallet,
        margin_ratio=ratio,
        margin_ratio_high_low=np.where(ratio > 0.0, np.minimum(1.02 * ratio, 10.0), 0.0),
        funding=np.column_stack((quiet, funding, quiet, quiet)),
        funding_h=np.column_stack((quiet, np.where(np.isfinite(funding), 8.0, np.nan), quiet, quiet)),
        paid_on=book.mark,
        fx=np.ones_like(book.mark),
        ledger_path=path,
        in_transit=np.zeros(len(time_ns)),
        residual_delta=np.abs(held.sum(axis=1)) / equity,
        fills=fills,
        liquidated_high_low=fills.liquidations,
        ledger=Ledger(rows, book.amounts.sum(axis=0)),
        round_trips=3,
        liquidations=1,
        liquidations_high_low=2,
        provenance=Provenance(
            config_hash=desk.config_hash, data_hash="0f" * 32, code_version="0.1.0", seed=desk.seed
        ),
        notes=("BTC-USDT.okx: no mark published, the trade close stands in for it",),
    )


def idle(bars: int) -> Result:
    """A run that never traded: no fills, constant equity."""
    full = sample()
    return replace(
        full,
        time_ns=full.time_ns[:bars],
        equity=np.full(bars, full.desk.capital),
        position=np.zeros((bars, 4)),
        mark=full.mark[:bars],
        wallet_equity=np.full((bars, 2), full.desk.capital / 2),
        margin_ratio=np.zeros((bars, 2)),
        margin_ratio_high_low=np.zeros((bars, 2)),
        funding=full.funding[:bars],
        funding_h=full.funding_h[:bars],
        paid_on=full.paid_on[:bars],
        fx=full.fx[:bars],
        ledger_path=np.zeros((bars, len(CATEGORIES))),
        residual_delta=np.zeros(bars),
        fills=Fills(*(column[:0] for column in vars(full.fills).values())),
        liquidated_high_low=Fills(*(column[:0] for column in vars(full.fills).values())),
        ledger=Ledger(full.ledger.rows, np.zeros_like(full.ledger.amounts)),
        round_trips=0,
        liquidations=0,
        liquidations_high_low=0,
        notes=(),
    )


@pytest.fixture(scope="session")
def result() -> Result:
    return sample()


@pytest.fixture(scope="session")
def idle_run() -> Callable[[int], Result]:
    return idle
