"""The specification of what venues do unasked, and of cash sent from wallet to wallet, in plain Python.

Written apart from `forced.py`, which must give the same bits.
"""

import math
from collections.abc import Sequence

import numpy as np

from narrows.core.time import HOUR_NS, YEAR_H
from narrows.risk.collateral import counted, sold_for, to_repay
from narrows.risk.portfolio import maintenance, scratch
from narrows.sim.books import Books, LegBook

EACH_BEGUN_HOUR, ON_THE_HOUR = 0, 1  # how a loan is charged, but for continuously
ONLY_SMALLER, NOT_AT_ALL = 1, 2  # how an instrument trades, but for freely


class Unasked(Books):
    """Recall, interest by the hour, ADL, forced repayment, transfers."""

    def act(self, name: str, t: int, column: int, else_: float) -> float:
        """What a venue does in a bar to the column of an instrument or wallet."""
        rows: list[list[float]] = self.acts[name]
        return rows[t][column] if t < len(rows) else else_

    def barred(self, t: int, leg: LegBook) -> bool:
        """Whether what a leg has queued cannot be done at the open of a bar."""
        price = self.rows["open"][t][leg.column]
        if not price > 0.0 or abs(price / leg.mark - 1.0) > leg.band:
            return True
        trading = self.act("trading", t, leg.column, 0)
        if trading == ONLY_SMALLER:
            return leg.target * leg.quantity < 0.0 or abs(leg.target) > abs(leg.quantity)
        return trading == NOT_AT_ALL

    def costs(self, t: int, leg: LegBook) -> tuple[float, float]:
        """Half spread and depth of a bar, from its quotes where it has any."""
        bid, ask, depth = (self.rows[name][t][leg.column] for name in ("bid", "ask", "depth"))
        half = (ask - bid) / (ask + bid) if bid > 0.0 and ask >= bid else leg.half_spread
        return half, depth if depth > 0.0 else leg.depth

    def recall(self, t: int) -> None:
        """Buy back at the open what is owed beyond what there is to borrow; such a spread drops its queue."""
        for i, leg in enumerate(self.legs):
            opened = self.rows["open"][t][leg.column]
            halted = self.act("trading", t, leg.column, 0) == NOT_AT_ALL
            if not (leg.available >= 0.0 and leg.spot) or halted or not opened > 0.0:
                continue
            owed = 0.0
            for other in self.legs:
                if other.column == leg.column:
                    owed += max(-other.quantity, 0.0)
            called = min(owed - leg.available, -leg.quantity)
            if called > 0.0:
                self.trade(t, i, called, opened, self.costs(t - 1, leg), "recall")
                self.spreads[leg.spread].queued = False

    def loans(self, t: int, i: int) -> None:
        """Interest on borrowed coins, for each begun hour once where the venue counts so; what owned earn."""
        leg = self.legs[i]
        owed = max(-leg.quantity, 0.0)
        strikes = range(-(-(self.times[t] - self.bar_ns) // HOUR_NS) * HOUR_NS, self.times[t] + 1, HOUR_NS)
        begun = [strike for strike in strikes if strike < self.times[t]]
        if owed > 0.0:
            due, years = owed, self.bar_years
            if leg.loan == EACH_BEGUN_HOUR:
                inside = self.times[t] - self.bar_ns not in begun  # an hour was running at the open
                due = owed * len(begun) + (max(owed - leg.charged, 0.0) if inside else 0.0)
                years = 1.0 / YEAR_H
            elif leg.loan == ON_THE_HOUR:
                years = len([strike for strike in strikes if strike > self.times[t] - self.bar_ns]) / YEAR_H
            self.pay(i, -(due * leg.mark * self.rows["borrow"][t][leg.column] * years), "borrow")
        elif leg.quantity > 0.0 and leg.coin_apr > 0.0:
            self.pay(i, leg.quantity * leg.mark * leg.coin_apr * self.bar_years, "collateral_yield")
        leg.charged = owed if begun else max(leg.charged, owed)

    def deleverage(self, t: int) -> None:
        """ADL takes a share of the positions on the side that won."""
        for i, leg in enumerate(self.legs):
            share = self.act("deleveraged", t, leg.column, 0.0)
            if not leg.spot and leg.quantity * share > 0.0:
                price = self.act("at", t, leg.column, math.nan)
                self.close(t, i, abs(share) * leg.quantity, price if price > 0.0 else leg.mark, "adl")

    def repay(self, t: int) -> None:
        """Sell collateral of each wallet whose debt has passed its limit, what counts most first."""
        for w, wallet in enumerate(self.wallets):
            balance = wallet.cash
            if not wallet.unrealised:
                for leg in self.legs:
                    if leg.wallet == w:
                        balance -= leg.unsettled
            if not balance < 0.0:
                continue
            owed = to_repay(balance, wallet.debt_limit, wallet.debt_kept)
            for i in self.sale:
                leg = self.legs[i]
                first, last = self.haircuts.first[i : i + 2]
                if not leg.spot or leg.wallet != w or first == last or not self.haircuts.weight[first] > 0.0:
                    continue
                half, depth = self.costs(t, leg)
                half += leg.conversion
                price, cost = leg.mark * leg.exchange, leg.fee + half
                quantity, proceeds = sold_for(owed, price, cost, max(leg.quantity, 0.0))
                if quantity > 0.0:
                    self.trade(t, i, -quantity, leg.mark, (half, depth), "repayment")
                    owed -= proceeds

    def pledged(self, i: int, prices: Sequence[float]) -> float:
        """What a long spot leg counts as margin in its wallet, after the slices that the legs before fill."""
        leg = self.legs[i]
        first, last = self.haircuts.first[i : i + 2]
        if last - first < 2:
            weight = float(self.haircuts.weight[first]) if last > first else 0.0
            return leg.quantity * prices[i] * leg.exchange * weight
        below = 0.0
        for other in self.legs[:i]:
            if (other.asset, other.wallet, other.spot) == (leg.asset, leg.wallet, True):
                below += max(other.quantity, 0.0)
        if self.haircuts.in_coin[i]:
            return float(counted(self.haircuts, i, below, leg.quantity, prices[i] * leg.exchange))
        worth = counted(self.haircuts, i, below, leg.quantity, prices[i] * leg.fx)
        return float(worth / self.wallets[leg.wallet].fx)

    def lendable(self, leg: LegBook) -> float:
        """Coins that a leg may owe, beside what other legs do or are to; inf where nothing limits it."""
        if not leg.available >= 0.0:
            return math.inf
        free = leg.available
        for other in self.legs:
            if other is not leg and other.column == leg.column:
                to_come = other.target if self.spreads[other.spread].queued else other.quantity
                free -= max(-other.quantity, -to_come, 0.0)
        return max(free, 0.0)

    def last_weight(self, i: int, quantity: float) -> float:
        """Weight of the slice of collateral that a spot position reaches."""
        leg = self.legs[i]
        first, last = self.haircuts.first[i : i + 2].tolist()
        size = quantity if self.haircuts.in_coin[i] else quantity * leg.mark * leg.fx
        reached = [row for row in range(first, last) if row == first or self.haircuts.floor[row] < size]
        return float(self.haircuts.weight[reached[-1]]) if reached else 0.0

    def needed_together(self, w: int, prices: Sequence[float]) -> float:
        """Maintenance of a wallet as a portfolio, in its currency; years to run at the close of this bar."""
        mine = [leg.wallet == w and (leg.quantity != 0.0 or leg.coin != 0.0) for leg in self.legs]
        coins = [
            leg.coin + leg.quantity * (1.0 / leg.mark - 1.0 / price) if there and leg.inverse else 0.0
            for leg, price, there in zip(self.legs, prices, mine, strict=True)
        ]
        at = self.portfolio.positions._replace(
            quantity=np.array([leg.quantity * there for leg, there in zip(self.legs, mine, strict=True)]),
            coin=np.array(coins),
            rate=np.array([leg.exchange for leg in self.legs]),
            term_years=np.maximum((self.portfolio.expiry_ns - self.now_ns) / (YEAR_H * HOUR_NS), 0.0),
        )
        rates = np.full(len(self.portfolio.grid.rate), 1.0 / self.wallets[w].fx)
        grid = self.portfolio.grid._replace(rate=rates)
        return float(maintenance(at, grid, np.array(prices), scratch(at, grid)))

    # -- cash from wallet to wallet

    def on_the_way(self) -> float:
        """Cash between wallets, in the desk's currency."""
        total = 0.0
        for wallet in self.wallets:
            for amount in wallet.coming:
                total += amount
        return total

    def arrive(self) -> None:
        """What is due arrives, all else is a bar nearer."""
        for wallet in self.wallets:
            due = wallet.coming.pop(0)
            if due != 0.0:
                wallet.cash += due / wallet.fx
            wallet.coming.append(0.0)

    def spare(self, v: int, w: int, total: float) -> float:
        """What wallet v can send to w: idle, beyond its share of the start, and not needed as margin."""
        wallet = self.wallets[v]
        free = wallet.cash - wallet.reserved
        beyond = wallet.equity - wallet.share * total / wallet.fx
        margin = wallet.margin_equity - wallet.maintenance / min(wallet.top_up_at, self.wallets[w].top_up_at)
        return min(free, beyond, margin) * wallet.fx

    def restore(self, t: int, total: float) -> float:
        """Wallets whose margin ratio has passed their level get back their share of the start; the cost."""
        paid = 0.0
        row = len(self.legs)
        for w, to in enumerate(self.wallets):
            if not to.ratio >= to.top_up_at:
                continue
            need = to.share * total - to.equity * to.fx
            for amount in to.coming:
                need -= amount
            for v, source in enumerate(self.wallets):
                locked = self.act("locked", t, v, 0) == 1
                if v == w or locked or min(source.delay, to.delay) < 0:
                    continue
                amount = min(need, self.spare(v, w, total))
                if amount > source.transfer_fee and amount >= source.transfer_min:
                    source.cash -= amount / source.fx
                    to.coming[max(source.delay, to.delay) - 1] += amount - source.transfer_fee
                    self.book(row + v, "transfer", -amount)
                    self.book(row + w, "transfer", amount - source.transfer_fee)
                    source.equity -= amount / source.fx
                    source.margin_equity -= amount / source.fx
                    need -= amount
                    paid += source.transfer_fee
        return paid
