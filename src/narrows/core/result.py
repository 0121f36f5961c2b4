"""Result: what a run did, in one schema for backtest, paper and live."""

import dataclasses
from dataclasses import dataclass

import msgspec
import numpy as np

from narrows.core.arrays import Float1D, Float2D, Int1D
from narrows.core.config import Desk
from narrows.core.event import FILL_REASONS
from narrows.core.ledger import Ledger
from narrows.core.spread import Spread


@dataclass(frozen=True, eq=False)
class Fills:
    """Executed trades, one entry each, in order.

    `leg` indexes Result.legs; `quantity` is signed; `price` includes slippage and `reference`
    does not; `fee` and `slippage` are positive amounts in the reporting currency; `reason`
    indexes event.FILL_REASONS.
    """

    time_ns: Int1D
    leg: Int1D
    quantity: Float1D
    price: Float1D
    reference: Float1D
    fee: Float1D
    slippage: Float1D
    reason: Int1D

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def liquidations(self) -> "Fills":
        """Only the forced ones."""
        forced = self.reason == FILL_REASONS.index("liquidation")
        return Fills(*(getattr(self, column.name)[forced] for column in dataclasses.fields(self)))


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Result comes from: the same four give the same Result."""

    config_hash: str
    data_hash: str
    code_version: str
    seed: int


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of one spread, as the run numbered it; `wallet` indexes Result.wallets."""

    spread: int
    instrument: str
    ratio: float
    wallet: int


@dataclass(frozen=True, eq=False)
class Result:
    """What a run did.

    Shapes: bars T, legs L, spreads S, wallets W, ledger categories C. Row t of every series is
    the state after everything that happened up to the close of bar t. Money is in the
    reporting currency, positions in base units (linear) or quote units (inverse).
    """

    desk: Desk
    spreads: tuple[Spread, ...]
    legs: tuple[Leg, ...]
    wallets: tuple[str, ...]
    time_ns: Int1D  # (T,)
    equity: Float1D  # (T,)
    position: Float2D  # (T, L)
    mark: Float2D  # (T, L)
    wallet_equity: Float2D  # (T, W)
    margin_ratio: Float2D  # (T, W) maintenance over margin equity before any liquidation; 0 … 10
    margin_ratio_high_low: (
        Float2D  # (T, W) the same inside the bar, run judged at highs and lows; NaN: not judged
    )
    funding: Float2D  # (T, L) rate settled at the close, fraction per its own interval; NaN = none
    funding_h: Float2D  # (T, L) that interval in hours; NaN = no settlement, or not known
    paid_on: Float2D  # (T, L) price that funding is paid on: the mark, or the index if the venue says so
    fx: Float2D  # (T, L) what one unit of the leg's quote currency is worth in the reporting currency
    ledger_path: Float2D  # (T, C) cumulative
    in_transit: Float1D  # (T,) cash between wallets: equity beside that of the wallets
    residual_delta: Float1D  # (T,) unhedged delta over equity
    fills: Fills
    liquidated_high_low: Fills  # the liquidations of the run that is judged at highs and lows too
    ledger: Ledger
    round_trips: int
    liquidations: int
    liquidations_high_low: int
    provenance: Provenance
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<Result {self.desk.name}: {len(self.equity)} bars, {len(self.fills)} fills, "
            f"{self.equity_start:,.0f} → {self.equity_end:,.0f} {self.desk.currency}>"
        )

    @property
    def equity_start(self) -> float:
        """Capital before the first bar."""
        return self.desk.capital

    @property
    def equity_end(self) -> float:
        """Equity at the last close; the capital if there is no bar."""
        return float(self.equity[-1]) if len(self.equity) else self.desk.capital

    @property
    def ledger_error(self) -> float:
        """|Σ ledger − change in equity|, relative to the capital: a run must stay below 1e-9."""
        return abs(self.ledger.total - (self.equity_end - self.desk.capital)) / self.desk.capital

    @property
    def residual_delta_max(self) -> float:
        """Largest unhedged delta over equity."""
        return float(np.max(self.residual_delta, initial=0.0))
