"""What the specification keeps of legs, spreads and wallets, and how a wallet stands at some prices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from narrows.core.time import HOUR_NS, YEAR_H
from narrows.risk.collateral import Haircuts, counted
from narrows.risk.portfolio import maintenance, scratch
from narrows.sim.together import Portfolio

HIGHEST_RATIO = 10.0
MEMORY = 8


@dataclass
class LegBook:
    """One leg: what it is, what it holds."""

    spread: int
    column: int
    asset: int
    wallet: int
    spot: bool
    inverse: bool
    quanto: bool
    ratio: float
    fee: float
    half_spread: float
    depth: float
    isolated: bool
    leverage: float
    partial: int
    partial_share: float
    partial_above: float
    liquidation_fee: float
    delivery_fee: float
    oracle: bool
    along: bool
    coin_apr: float
    conversion: float
    loan: int
    loan_every: int
    loan_offset: int
    detect: int
    band: float
    lot: float
    min_notional: float
    quantity: float = 0.0
    coin: float = 0.0
    posted: float = 0.0
    mark: float = math.nan
    target: float = 0.0
    fx: float = 1.0
    exchange: float = 1.0
    charged: float = 0.0
    unsettled: float = 0.0
    available: float = math.nan

    @property
    def trading_cost(self) -> float:
        """Fee and half spread, fraction."""
        return self.fee + self.half_spread

    @property
    def borrowed(self) -> bool:
        """Whether it is coin sold short."""
        return self.spot and self.quantity < 0.0


@dataclass
class SpreadBook:
    """One spread: its legs, its queue, its memory."""

    legs: list[int]
    queued: bool = False
    opened: bool = False
    blind: int = 0
    memory: list[float] = field(default_factory=lambda: [0.0] * MEMORY)


@dataclass
class WalletBook:
    """One wallet."""

    money: int
    leverage: float
    cash_apr: float
    cash_borrow_apr: float
    share: float
    debt_limit: float
    unrealised: bool
    debt_kept: float
    top_up_at: float
    delay: int
    transfer_fee: float
    transfer_min: float
    cash: float
    fx: float
    coming: list[float]
    equity: float = 0.0
    margin_equity: float = 0.0
    gross: float = 0.0
    reserved: float = 0.0
    maintenance: float = 0.0
    ratio: float = 0.0


def ratio_of(margin: float, maintenance: float) -> float:
    """Maintenance over margin, as far as HIGHEST_RATIO; 0 where no margin is needed."""
    if not maintenance > 0.0:
        return 0.0
    return min(maintenance / margin, HIGHEST_RATIO) if margin > 0.0 else HIGHEST_RATIO


@dataclass
class Standing:
    """A wallet judged at some prices."""

    equity: float
    margin_equity: float
    maintenance: float
    gross: float
    borrowed: float = 0.0

    @property
    def fails(self) -> bool:
        """Whether it is to be liquidated: also if it needs no margin and owes all the same."""
        return self.margin_equity <= self.maintenance if self.maintenance > 0.0 else self.equity < 0.0

    @property
    def ratio(self) -> float:
        """Maintenance over margin equity."""
        return ratio_of(self.margin_equity, self.maintenance)


def pledged(
    legs: Sequence[LegBook], wallets: Sequence[WalletBook], haircuts: Haircuts, i: int, price: float
) -> float:
    """What a long spot leg counts as margin in its wallet, after the slices that the legs before fill."""
    leg = legs[i]
    first, last = haircuts.first[i : i + 2]
    if last - first < 2:
        weight = float(haircuts.weight[first]) if last > first else 0.0
        return leg.quantity * price * leg.exchange * weight
    below = 0.0
    for other in legs[:i]:
        if (other.asset, other.wallet, other.spot) == (leg.asset, leg.wallet, True):
            below += max(other.quantity, 0.0)
    if haircuts.in_coin[i]:
        return float(counted(haircuts, i, below, leg.quantity, price * leg.exchange))
    return float(counted(haircuts, i, below, leg.quantity, price * leg.fx) / wallets[leg.wallet].fx)


def needed_together(
    portfolio: Portfolio,
    legs: Sequence[LegBook],
    wallets: Sequence[WalletBook],
    w: int,
    prices: Sequence[float],
    now_ns: int,
) -> float:
    """Maintenance of a wallet as a portfolio, in its currency; years to run from `now_ns`."""
    mine = [leg.wallet == w and (leg.quantity != 0.0 or leg.coin != 0.0) for leg in legs]
    coins = [
        leg.coin + leg.quantity * (1.0 / leg.mark - 1.0 / price) if there and leg.inverse else 0.0
        for leg, price, there in zip(legs, prices, mine, strict=True)
    ]
    at = portfolio.positions._replace(
        quantity=np.array([leg.quantity * there for leg, there in zip(legs, mine, strict=True)]),
        coin=np.array(coins),
        rate=np.array([leg.exchange for leg in legs]),
        term_years=np.maximum((portfolio.expiry_ns - now_ns) / (YEAR_H * HOUR_NS), 0.0),
    )
    grid = portfolio.grid._replace(rate=np.full(len(portfolio.grid.rate), 1.0 / wallets[w].fx))
    return float(maintenance(at, grid, np.array(prices), scratch(at, grid)))
