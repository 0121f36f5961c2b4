"""The specification's books, in plain Python: legs, wallets and the ledger; margin and liquidation.

Written apart from `physics.py` and `liquidation.py`, which must give the same bits. Where a sum has more
than one order, the order here is the order.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from narrows.core.event import FILL_REASONS
from narrows.core.ledger import CATEGORIES
from narrows.risk.liquidation import fixed_step, tier_step
from narrows.risk.margin import required, tier
from narrows.sim.layout import Layout, Legs, Market, Wallets
from narrows.sim.standing import (
    LegBook,
    SpreadBook,
    Standing,
    WalletBook,
    needed_together,
    pledged,
)

DEPTH_DISTANCE = 0.001  # `depth` counts what rests within 10 bp of the mid
DEAREST_FILL = 0.5  # of the price
NOISE = 1e-12  # of a trade
WHOLE, BY_TIER, BY_SHARE = range(3)
MOST_STEPS = 1000
EDGE = 1e-9  # of a position


def _facts_of(plan: Layout) -> list[dict[str, Any]]:
    """What a layout says of each leg."""
    told = [name for name in Legs._fields if name not in ("tiers", "haircuts", "sale", "first", "portfolio")]
    columns = [getattr(plan.legs, name).tolist() for name in told]
    return [dict(zip(told, row, strict=True)) for row in zip(*columns, strict=True)]


class Books:
    """The books of one lane of the simulation.

    `market` and `plan` are what the kernel gets; with `bracket`, liquidation is judged at high and low too.
    `ledger` is (legs + wallets) × categories; `fills` holds (bar, leg, reason, quantity, price,
    reference, fee, slippage); the other series have one entry a bar.
    """

    def __init__(
        self,
        market: Market,
        plan: Layout,
        params: Sequence[float],
        bracket: bool,
    ) -> None:
        fields = [name for name in Market._fields if name not in ("features", "acts", "time_ns")]
        self.rows = {name: getattr(market, name).tolist() for name in fields}
        self.acts = {name: rows.tolist() for name, rows in market.acts._asdict().items()}
        self.times = market.time_ns.tolist()
        self.now_ns = 0
        self.features = market.features.tolist()
        self.tiers, self.haircuts, self.sale = plan.legs.tiers, plan.legs.haircuts, plan.legs.sale.tolist()
        self.portfolio = plan.legs.portfolio
        self.legs = [LegBook(**facts) for facts in _facts_of(plan)]
        self.spreads = [SpreadBook(list(range(a, b))) for a, b in pairwise(plan.legs.first.tolist())]
        scalars = ("limited", "collects", "restores", "bar_years", "bar_ns")
        terms = {
            name: getattr(plan.wallets, name).tolist() for name in Wallets._fields if name not in scalars
        }
        longest = max(1, *terms["delay"])
        capital, worth = plan.wallet_capital.tolist(), plan.wallet_fx.tolist()
        self.wallets = [
            WalletBook(
                **{name: values[w] for name, values in terms.items()},
                cash=capital[w] / worth[w],
                fx=worth[w],
                coming=[0.0] * longest,
            )
            for w in range(len(capital))
        ]
        for leg, rate in zip(self.legs, plan.leg_fx.tolist(), strict=True):
            leg.fx, leg.exchange = rate, rate / self.wallets[leg.wallet].fx
        self.bar_years, self.bar_ns = plan.wallets.bar_years, plan.wallets.bar_ns
        self.params = list(params)
        self.bracket = bracket
        self.ledger = [[0.0] * len(CATEGORIES) for _ in range(len(self.legs) + len(self.wallets))]
        self.category = {name: c for c, name in enumerate(CATEGORIES)}
        self.fills: list[tuple[float, ...]] = []
        self.equity: list[float] = []
        self.wallet_equity: list[list[float]] = []
        self.margin_ratio: list[list[float]] = []
        self.margin_high_low: list[list[float]] = []
        self.marks: list[list[float]] = []
        self.quantities: list[list[float]] = []
        self.residuals: list[float] = []
        self.transits: list[float] = []
        self.peak = 0.0
        for amount in capital:
            self.peak += amount
        self.drawdown = self.residual = 0.0
        self.trips = self.liquidations = 0
        self.status = (0, 0, 0)

    def obey(self, plan: Layout) -> None:
        """The rules changed: from here on the facts of the legs are those of another layout."""
        self.tiers, self.haircuts, self.sale = plan.legs.tiers, plan.legs.haircuts, plan.legs.sale.tolist()
        self.portfolio = plan.legs.portfolio
        for leg, facts in zip(self.legs, _facts_of(plan), strict=True):
            for name, value in facts.items():
                setattr(leg, name, value)
        for w, wallet in enumerate(self.wallets):
            wallet.debt_limit = float(plan.wallets.debt_limit[w])
            wallet.debt_kept = float(plan.wallets.debt_kept[w])
            wallet.unrealised = bool(plan.wallets.unrealised[w])

    # -- what moves money

    def book(self, row: int, category: str, amount: float) -> None:
        """Enter an amount into the ledger."""
        self.ledger[row][self.category[category]] += amount

    def pay(self, i: int, amount: float, category: str) -> None:
        """An amount in the leg's quote currency; an inverse leg pays it in coin at its mark."""
        leg = self.legs[i]
        if leg.inverse:
            coins = amount / leg.mark
            leg.coin += coins
            self.book(i, category, coins * leg.mark * leg.fx)
        else:
            self.wallets[leg.wallet].cash += amount * leg.exchange
            self.book(i, category, amount * leg.fx)
            if leg.isolated and leg.quantity != 0.0:
                leg.posted += amount * leg.exchange

    def change(self, i: int, quantity: float, price: float, category: str) -> None:
        """Change a position at `price`; what is gained against the mark goes to `category`."""
        leg = self.legs[i]
        if leg.isolated:
            self.post(i, quantity, price)
        opened = quantity
        if leg.quantity * quantity < 0.0:
            leg.unsettled *= max(1.0 - abs(quantity) / abs(leg.quantity), 0.0)
            opened = quantity + leg.quantity if abs(quantity) > abs(leg.quantity) else 0.0
        if leg.inverse:
            coins = -(quantity * (1.0 / leg.mark - 1.0 / price))
            leg.coin += coins
            self.book(i, category, coins * leg.mark * leg.fx)
        else:
            gain = quantity * (leg.mark - price)
            moved = -quantity * price if leg.spot else gain
            self.wallets[leg.wallet].cash += moved * leg.exchange
            self.book(i, category, gain * leg.fx)
            if not leg.spot:
                leg.unsettled += opened * (leg.mark - price) * leg.exchange
        leg.quantity += quantity
        if abs(leg.quantity) < NOISE * abs(quantity):
            leg.quantity = 0.0

    def burden(self, i: int, quantity: float, price: float) -> float:
        """How many times its notional a position weighs on the leverage of its wallet."""
        leg = self.legs[i]
        size = abs(quantity)
        base = size / price if leg.inverse else size
        notional = size if leg.inverse else size * price
        row = tier(self.tiers, i, base if self.tiers.in_base[i] else notional)
        by_tier = max(1.0, leg.leverage / float(self.tiers.max_leverage[row]))
        return by_tier + leg.leverage * float(self.tiers.per_unit[i]) * base

    def post(self, i: int, quantity: float, price: float) -> None:
        """What is closed of an isolated leg frees its share of the margin, what is opened posts anew."""
        leg = self.legs[i]
        opened = quantity
        if leg.quantity * quantity < 0.0:
            left = 1.0 - abs(quantity) / abs(leg.quantity)
            leg.posted = leg.posted * left if left > 0.0 else 0.0
            opened = quantity + leg.quantity if left < 0.0 else 0.0
        if opened != 0.0:
            notional = abs(opened) if leg.inverse else abs(opened) * price
            gain = 0.0 if leg.inverse else opened * (leg.mark - price)
            weight = self.burden(i, leg.quantity + quantity, price)
            idle = self.wallets[leg.wallet].cash
            for other in self.legs:
                if other.wallet == leg.wallet and other.isolated:
                    idle -= other.posted
            posted = min(notional / leg.leverage * weight * leg.exchange, max(idle, 0.0))
            leg.posted += posted + gain * leg.exchange

    def trade(
        self, t: int, i: int, quantity: float, price: float, costs: tuple[float, float], reason: str = "trade"
    ) -> None:
        """Trade around the reference `price`, with slippage and fee."""
        leg, (half, depth) = self.legs[i], costs
        notional = abs(quantity) if leg.inverse else abs(quantity) * price
        slip = min(half + 0.5 * DEPTH_DISTANCE * notional / depth, DEAREST_FILL)
        fill = price * (1.0 + slip) if quantity > 0.0 else price * (1.0 - slip)
        fee = leg.fee * (notional if leg.inverse else abs(quantity) * fill)
        self.change(i, quantity, price, "basis")
        self.pay(i, -fee, "fees")
        self.pay(i, -slip * notional, "slippage")
        paid = (fee * leg.fx, slip * notional * leg.fx)
        self.fills.append((t, i, FILL_REASONS.index(reason), quantity, fill, price, *paid))
        if reason in ("recall", "repayment"):
            self.unseen(leg)

    def unseen(self, leg: LegBook) -> None:
        """A venue moved a leg unasked: its spread is not decided on until the desk notices."""
        spread = self.spreads[leg.spread]
        spread.blind = max(spread.blind, leg.detect)

    def close(self, t: int, i: int, quantity: float, price: float, reason: str) -> None:
        """Close `quantity` of what a leg holds at `price`, with the fee of what closed it; ADL has none."""
        leg = self.legs[i]
        notional = abs(quantity) if leg.inverse else abs(quantity) * price
        delivered = reason == "settlement"
        fee = {"settlement": leg.delivery_fee, "liquidation": leg.liquidation_fee}.get(reason, 0.0) * notional
        self.change(i, -quantity, price, "settlement" if delivered else "basis")
        self.pay(i, -fee, "settlement" if delivered else "liquidation")
        if not delivered:
            self.unseen(leg)
        self.fills.append((t, i, FILL_REASONS.index(reason), -quantity, price, price, fee * leg.fx, 0.0))

    def needed(self, i: int, price: float) -> float:
        """Maintenance margin of a leg at a price, by the tier it is in there, quote currency."""
        size = abs(self.legs[i].quantity)
        if self.legs[i].inverse:
            return float(required(self.tiers, i, size, size / price, 1.0)[0])
        return float(required(self.tiers, i, size * price, size, 1.0)[0])

    @staticmethod
    def worth(leg: LegBook, price: float) -> float:
        """What a derivative adds to its wallet at a price beyond the cash, quote currency."""
        if leg.inverse:
            return (leg.coin + leg.quantity * (1.0 / leg.mark - 1.0 / price)) * price
        return leg.quantity * (price - leg.mark)

    def room(self, i: int, price: float) -> float:
        """Margin of an isolated leg over its maintenance, in its wallet's currency."""
        leg = self.legs[i]
        margin = leg.posted + self.worth(leg, price) * leg.exchange
        return margin - self.needed(i, price) * leg.exchange

    def standing(self, w: int, prices: Sequence[float]) -> Standing:
        """A wallet at some prices, in its own currency; long spot counts by its collateral weight."""
        found = Standing(self.wallets[w].cash, self.wallets[w].cash, 0.0, 0.0)
        together = self.portfolio.gridded[w] == 1
        for i, (leg, price) in enumerate(zip(self.legs, prices, strict=True)):
            if leg.wallet != w or (leg.quantity == 0.0 and leg.coin == 0.0):
                continue
            if leg.spot:
                value = leg.quantity * price * leg.exchange
                found.equity += value
                found.margin_equity += (
                    pledged(self.legs, self.wallets, self.haircuts, i, prices[i])
                    if leg.quantity > 0.0
                    else value
                )
                if leg.quantity < 0.0:
                    found.maintenance += 0.0 if together else self.needed(i, price) * leg.exchange
                    found.gross -= value * self.burden(i, leg.quantity, price)
                    found.borrowed -= value
                continue
            value = self.worth(leg, price) * leg.exchange
            found.equity += value
            if leg.isolated:
                found.margin_equity -= leg.posted
                found.borrowed += leg.posted
                continue
            found.margin_equity += value
            if leg.quantity != 0.0:
                found.maintenance += 0.0 if together else self.needed(i, price) * leg.exchange
                notional = abs(leg.quantity) if leg.inverse else abs(leg.quantity) * price
                found.gross += notional * leg.exchange * self.burden(i, leg.quantity, price)
        if together:
            found.maintenance = needed_together(
                self.portfolio, self.legs, self.wallets, w, prices, self.now_ns
            )
        found.maintenance *= float(self.portfolio.level[w])
        return found

    def step(self, i: int, price: float) -> float:
        """Share of a leg that one step of its liquidation closes; 1 = all of it."""
        leg = self.legs[i]
        size = abs(leg.quantity)
        notional = size if leg.inverse else size * price
        if leg.partial == BY_SHARE:
            return float(fixed_step(notional, leg.partial_above, leg.partial_share))
        if leg.partial == BY_TIER:
            if self.tiers.in_base[i]:
                notional = size / price if leg.inverse else size
            share = float(tier_step(self.tiers, i, notional, 1))
            return share if share > EDGE else float(tier_step(self.tiers, i, notional, 2))
        return 1.0

    def part(self, w: int, prices: Sequence[float]) -> tuple[int, float] | None:
        """The derivative of a wallet that needs most, and the share to close; None = close it whole."""
        needs = [
            (self.needed(i, prices[i]) * leg.exchange, -i)
            for i, leg in enumerate(self.legs)
            if leg.wallet == w and not leg.spot and not leg.isolated and leg.quantity != 0.0
        ]
        most, first = max(needs, default=(0.0, 0))
        if not most > 0.0:
            return None
        share = self.step(-first, prices[-first])
        return (-first, share) if share < 1.0 else None

    def sell_coins(self, i: int, price: float) -> None:
        """Coins of an inverse leg become cash for what they fetch."""
        leg = self.legs[i]
        if leg.coin != 0.0:
            self.book(i, "fx", leg.coin * (price - leg.mark) * leg.fx)
            self.wallets[leg.wallet].cash += leg.coin * price * leg.exchange
            leg.coin = 0.0

    def insure(self, w: int, owed: float) -> None:
        """The insurance fund bears what is owed, in the wallet's currency."""
        if owed > 0.0:
            self.wallets[w].cash += owed
            self.book(len(self.legs) + w, "liquidation", owed * self.wallets[w].fx)

    def liquidate(self, t: int, w: int, prices: Sequence[float]) -> None:
        """Step by step until the wallet stands, else everything but its isolated legs."""
        self.liquidations += 1
        for _ in range(MOST_STEPS):
            part = self.part(w, prices)
            if part is None:
                break
            i, share = part
            self.close(t, i, share * self.legs[i].quantity, prices[i], "liquidation")
            now = self.standing(w, prices)
            if now.margin_equity > now.maintenance:
                return
        for i, leg in enumerate(self.legs):
            if leg.wallet != w or leg.isolated:
                continue
            if leg.quantity != 0.0:
                self.close(t, i, leg.quantity, prices[i], "liquidation")
            self.sell_coins(i, prices[i])
        owed = -self.standing(w, [leg.mark for leg in self.legs]).equity
        for leg in self.legs:
            if leg.wallet == w and leg.isolated and leg.quantity != 0.0:
                owed += leg.posted + self.worth(leg, leg.mark) * leg.exchange
        self.insure(w, owed)

    def liquidate_leg(self, t: int, i: int, price: float) -> None:
        """An isolated leg, step by step until it stands; what a step leaves stays its margin."""
        leg = self.legs[i]
        self.liquidations += 1
        for _ in range(MOST_STEPS):
            share = self.step(i, price)
            closed = share * abs(leg.quantity) * (1.0 if leg.inverse else price)
            left = leg.posted + (self.worth(leg, price) - leg.liquidation_fee * closed) * leg.exchange
            self.close(t, i, share * leg.quantity, price, "liquidation")
            if share >= 1.0:
                self.sell_coins(i, price)
                leg.posted = 0.0
                self.insure(leg.wallet, -left)
                return
            leg.posted = left - self.worth(leg, price) * leg.exchange
            if self.room(i, price) > 0.0:
                return
