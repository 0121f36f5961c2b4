"""The specification of what venues do unasked, and of cash sent from wallet to wallet, in plain Python.

Written apart from `forced.py`, which must give the same bits.
"""

import math

from narrows.core.time import YEAR_H
from narrows.risk.borrowing import hours_charged
from narrows.risk.collateral import sold_for, to_repay
from narrows.sim.books import Books
from narrows.sim.standing import LegBook

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
        owed, end = max(-leg.quantity, 0.0), self.times[t]
        if owed > 0.0 or leg.charged > 0.0:
            clock = (leg.loan, leg.loan_every, leg.loan_offset)
            hours = hours_charged(*clock, 0, end - self.bar_ns, end)
            begun = hours_charged(*clock, end - self.bar_ns, end - self.bar_ns, end) - hours
            due = owed * hours + max(owed - leg.charged, 0.0) * begun
            if owed > 0.0:
                self.pay(i, -(due * leg.mark * self.rows["borrow"][t][leg.column] / YEAR_H), "borrow")
            leg.charged = owed if hours > 0.0 else max(leg.charged, owed)
        if leg.quantity > 0.0 and leg.coin_apr > 0.0:
            self.pay(i, leg.quantity * leg.mark * leg.coin_apr * self.bar_years, "collateral_yield")

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
                if leg.wallet != w:
                    continue
                half, depth = self.costs(t, leg)
                half += leg.conversion
                price, cost = leg.mark * leg.exchange, leg.fee + half
                quantity, proceeds = sold_for(owed, price, cost, max(leg.quantity, 0.0))
                if quantity > 0.0:
                    self.trade(t, i, -quantity, leg.mark, (half, depth), "repayment")
                    owed -= proceeds

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
