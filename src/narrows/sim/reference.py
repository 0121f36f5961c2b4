"""The specification: the simulation loop in plain Python, one lane, no arrays, no kernel.

Written apart from `physics.py` and `kernel.py`, which must give the same bits. Where a sum has
more than one order, the order here is the order. Read this file and `books.py` to know what a run means.
"""

import math
from collections.abc import Callable, Sequence

from narrows.sim.standing import LegBook, SpreadBook, ratio_of
from narrows.sim.unasked import Unasked

FLOAT_NOISE = 1e-12  # of the equity
NOT_FINITE = 99
MOST_HALVES = 100
NEVER = 2.0

Decide = Callable[[Sequence[float], list[float], list[float], Sequence[float], list[float]], int]


def line(start: Sequence[float], end: Sequence[float], way: float) -> list[float]:
    """Prices a way along the straight line from start to end."""
    return [a + way * (b - a) for a, b in zip(start, end, strict=True)]


class Reference(Unasked):
    """One lane of the simulation, bar after bar."""

    # -- the steps of a bar

    def fill_queue(self, t: int) -> None:
        """All legs of a spread that want to trade do so at the open, or none does."""
        opens = self.rows["open"][t]
        for spread in self.spreads:
            spread.blind = max(spread.blind - 1, 0)
            if not spread.queued:
                continue
            spread.queued = False
            wanting = [i for i in spread.legs if self.legs[i].target != self.legs[i].quantity]
            if any(self.barred(t, self.legs[i]) for i in wanting):
                continue
            for i in wanting:
                leg = self.legs[i]
                self.trade(t, i, leg.target - leg.quantity, opens[leg.column], self.costs(t - 1, leg))

    @staticmethod
    def order(leg: LegBook, target: float, lot: float) -> float:
        """Whole lots, nothing below the smallest notional; closing is always exact."""
        if target == 0.0:
            return -leg.quantity
        quantity = target - leg.quantity
        if lot > 0.0:
            quantity = math.copysign(math.floor(abs(quantity) / lot + 1e-9) * lot, quantity)
        price = 1.0 if leg.inverse else leg.mark
        if leg.quanto:
            price *= leg.fx
        return quantity if abs(quantity) * price >= leg.min_notional else 0.0

    def room_at(self, w: int, i: int, prices: Sequence[float]) -> float:
        """Margin over maintenance: of isolated leg i, or of a whole wallet if i < 0."""
        if i >= 0:
            return self.room(i, prices[i])
        now = self.standing(w, prices)
        return now.margin_equity - now.maintenance if now.maintenance > 0.0 else math.inf

    def way(self, w: int, i: int, start: list[float], end: list[float]) -> float:
        """How far along the line from start to end the room ends: chord, then half; 2 = it does not."""
        at_high = self.room_at(w, i, end)
        if not at_high <= 0.0:
            return NEVER
        at_low = self.room_at(w, i, start)
        if not at_low > 0.0:
            return 0.0
        low, high = 0.0, 1.0
        at_low = 0.0 if at_low == math.inf else at_low
        for _ in range(MOST_HALVES):
            for chord in (True, False):
                way = low + (high - low) * (at_low / (at_low - at_high)) if chord else 0.5 * (low + high)
                if chord and not low < way < high:
                    return way
                room = self.room_at(w, i, line(start, end, way))
                if chord and room == 0.0:
                    return way
                if room > 0.0:
                    low, at_low = way, room
                else:
                    high, at_high = way, room
        return low

    def judge_part(self, t: int, w: int, i: int) -> None:
        """Isolated leg i, or a whole wallet if i < 0: all legs at their lows, then at their highs."""
        start = [self.known("open", t, leg) for leg in self.legs]
        ends = [[self.known(name, t, leg) for leg in self.legs] for name in ("low", "high")]
        way, end = min(((self.way(w, i, start, end), end) for end in ends), key=lambda found: found[0])
        if way < NEVER:
            at = line(start, end, way)
            if i >= 0:
                self.liquidate_leg(t, i, at[i])
            else:
                self.liquidate(t, w, at)

    def judge_inside(self, t: int) -> None:
        """Every isolated leg, then every wallet; closed where the straight path from the open fails."""
        ends = [[self.known(name, t, leg) for leg in self.legs] for name in ("low", "high")]
        both = [[self.worst_ratio(w, end) for end in ends] for w in range(len(self.wallets))]
        self.margin_high_low.append([max(ratios) for ratios in both])
        for i, leg in enumerate(self.legs):
            if leg.isolated and leg.quantity != 0.0:
                self.judge_part(t, leg.wallet, i)
        for w in range(len(self.wallets)):
            self.judge_part(t, w, -1)

    def worst_ratio(self, w: int, prices: Sequence[float]) -> float:
        """Margin ratio of a wallet at some prices, or of its worst isolated leg."""
        worst = self.standing(w, prices).ratio
        for i, leg in enumerate(self.legs):
            if leg.wallet == w and leg.isolated and leg.quantity != 0.0:
                need = self.needed(i, prices[i]) * leg.exchange
                worst = max(worst, ratio_of(self.room(i, prices[i]) + need, need))
        return worst

    def known(self, name: str, t: int, leg: LegBook) -> float:
        """A price of this bar, or the last mark where there is none."""
        price: float = self.rows[name][t][leg.column]
        return price if price > 0.0 else leg.mark

    def move_currencies(self, t: int) -> None:
        """What a currency gained since its last rate, at the old marks; without one it keeps the old."""
        rates = self.rows["fx"][t]
        for w, wallet in enumerate(self.wallets):
            rate = rates[wallet.money] if wallet.money >= 0 else 1.0
            if rate > 0.0 and rate != wallet.fx:
                self.book(len(self.legs) + w, "fx", wallet.cash * (rate - wallet.fx))
                wallet.fx = rate
        for i, leg in enumerate(self.legs):
            rate = rates[leg.column]
            if rate > 0.0 and rate != leg.fx:
                held = leg.quantity if leg.spot else leg.coin
                if held != 0.0:
                    self.book(i, "fx", held * leg.mark * (rate - leg.fx))
                leg.fx = rate
            leg.exchange = leg.fx / self.wallets[leg.wallet].fx

    def move_marks(self, t: int) -> None:
        """Profit since the last mark; a leg without a new one keeps the old."""
        for i, leg in enumerate(self.legs):
            mark, last = self.rows["mark"][t][leg.column], leg.mark
            leg.available = self.rows["available"][t][leg.column]
            if not mark > 0.0:
                continue
            leg.mark = mark
            if not last > 0.0:
                continue
            if leg.inverse:
                self.book(i, "fx", leg.coin * (mark - last) * leg.fx)
                coins = leg.quantity * (1.0 / last - 1.0 / mark)
                leg.coin += coins
                self.book(i, "basis", coins * mark * leg.fx)
            else:
                profit = leg.quantity * (mark - last)
                self.book(i, "basis", profit * leg.fx)
                if not leg.spot:
                    self.wallets[leg.wallet].cash += profit * leg.exchange
                    leg.unsettled += profit * leg.exchange
                    if leg.isolated:
                        leg.posted += profit * leg.exchange

    def accrue(self, t: int) -> None:
        """Funding settled at this close, coin loans, deliveries; then interest on cash."""
        for i, leg in enumerate(self.legs):
            rate = self.rows["funding"][t][leg.column]
            if math.isfinite(rate) and not leg.spot and leg.quantity != 0.0:
                index = self.rows["oracle"][t][leg.column]
                price = index if leg.oracle and index > 0.0 else leg.mark
                notional = leg.quantity if leg.inverse else leg.quantity * price
                self.pay(i, -notional * rate, "funding")
            if leg.spot:
                self.loans(t, i)
            delivery = self.rows["settlement"][t][leg.column]
            if delivery > 0.0 and leg.quantity != 0.0:
                self.close(t, i, leg.quantity, delivery, "settlement")
                if leg.along:
                    self.sell_along(t, i, delivery)
        for w, wallet in enumerate(self.wallets):
            if wallet.cash < 0.0:
                category, earned = "borrow", wallet.cash * wallet.cash_borrow_apr * self.bar_years
            else:
                lent = 0.0
                for leg in self.legs:
                    if leg.wallet == w and leg.borrowed:
                        lent -= leg.quantity * leg.mark * leg.exchange
                own = wallet.cash if wallet.cash_apr == 0.0 else max(wallet.cash - lent, 0.0)
                category, earned = "collateral_yield", own * wallet.cash_apr * self.bar_years
            self.book(len(self.legs) + w, category, earned * wallet.fx)
            wallet.cash += earned

    def sell_along(self, t: int, i: int, price: float) -> None:
        """The spot of a delivered spread was sold along the averaging window, at its mean."""
        (spread,) = [one for one in self.spreads if i in one.legs]
        for j in spread.legs:
            leg = self.legs[j]
            if leg.spot and leg.quantity != 0.0:
                self.trade(t, j, -leg.quantity, price, self.costs(t, leg), "settlement")

    def judge(self, t: int) -> float:
        """Margin of each wallet on the marks; returns the equity of all."""
        marks = [leg.mark for leg in self.legs]
        total = self.on_the_way()
        ratios = []
        for w, wallet in enumerate(self.wallets):
            ratio = 0.0
            for i, leg in enumerate(self.legs):
                if leg.wallet == w and leg.isolated and leg.quantity != 0.0:
                    need, room = self.needed(i, leg.mark) * leg.exchange, self.room(i, leg.mark)
                    ratio = max(ratio, ratio_of(room + need, need))
                    if room <= 0.0:
                        self.liquidate_leg(t, i, leg.mark)
            now = self.standing(w, marks)
            ratios.append(max(ratio, now.ratio))
            if now.fails:
                self.liquidate(t, w, marks)
                now = self.standing(w, marks)
            total += now.equity * wallet.fx
            wallet.equity, wallet.margin_equity = now.equity, now.margin_equity
            wallet.gross, wallet.reserved = now.gross, now.borrowed
            wallet.maintenance, wallet.ratio = now.maintenance, ratios[-1]
        self.margin_ratio.append(ratios)
        return total

    def close_books(self, total: float) -> None:
        """Round trips, residual delta, drawdown, and the series."""
        residual = 0.0
        for spread in self.spreads:
            legs = [self.legs[i] for i in spread.legs]
            for leg in legs:
                if leg.quantity == 0.0 and leg.coin != 0.0:
                    self.wallets[leg.wallet].cash += leg.coin * leg.mark * leg.exchange
                    leg.coin = 0.0
            held = any(leg.quantity != 0.0 for leg in legs)
            self.trips += spread.opened and not held
            spread.opened = held
            delta = 0.0
            for leg in legs:
                if leg.inverse:
                    held_value = (leg.quantity + leg.coin * leg.mark) * leg.fx
                    delta += held_value if leg.quantity != 0.0 else 0.0
                elif leg.quantity != 0.0:
                    delta += leg.quantity * leg.mark * leg.fx
            residual += abs(delta)
        exposed = residual / total if total > 0.0 else 0.0
        self.residual = max(self.residual, exposed)
        self.peak = max(self.peak, total)
        self.drawdown = max(self.drawdown, 1.0 - total / self.peak)
        self.equity.append(total)
        self.residuals.append(exposed)
        self.wallet_equity.append([wallet.equity * wallet.fx for wallet in self.wallets])
        self.transits.append(self.on_the_way())
        self.marks.append([leg.mark for leg in self.legs])
        self.quantities.append([leg.quantity for leg in self.legs])

    def capacity(self, spread: SpreadBook, sign: float) -> float:
        """Largest size, long (1) or short (-1); worked out again with the tiers that it reaches."""
        size = self.capacity_at(spread, sign, 0.0)
        return self.capacity_at(spread, sign, size) if size > 0.0 else size

    def capacity_at(self, spread: SpreadBook, sign: float, tried: float) -> float:
        """Cash pays for spot, leverage bounds the rest; legs weigh what they do at the size `tried`."""
        legs = [self.legs[i] for i in spread.legs]
        size = math.inf
        for leg in legs:
            wallet = self.wallets[leg.wallet]
            if not leg.mark > 0.0:
                return 0.0
            if leg.spot and leg.ratio * sign < 0.0:
                size = min(size, self.lendable(leg) / abs(leg.ratio))
            room = wallet.leverage * wallet.margin_equity - wallet.gross
            need = 0.0
            for j in (one for one in spread.legs if self.legs[one].wallet == leg.wallet):
                other = self.legs[j]
                unit = abs(other.ratio) * other.mark * other.exchange
                if other.quanto:
                    unit /= other.fx
                if other.isolated:
                    room += wallet.leverage * other.posted
                elif not other.spot or other.borrowed:
                    one = (1.0 if other.inverse else other.mark) * other.exchange
                    one *= self.burden(j, other.quantity, other.mark)
                    room += abs(other.quantity) * one
                if not other.spot or other.ratio * sign < 0.0:
                    base = abs(other.ratio) * tried
                    weight = self.burden(j, self.native(other, base), other.mark)
                    need += unit * (weight + wallet.leverage * other.trading_cost)
                else:  # what is spent on spot is margin no more, but for its collateral weight
                    lost = 1.0 - self.last_weight(j, abs(other.ratio) * tried) + other.trading_cost
                    need += unit * wallet.leverage * lost
            if need > 0.0:
                size = min(size, room / need)
            if leg.spot and leg.ratio * sign >= 0.0:
                price = leg.mark * leg.exchange
                room = wallet.cash + max(leg.quantity, 0.0) * price - wallet.reserved
                size = min(size, room / (abs(leg.ratio) * price * (1.0 + leg.fee + leg.half_spread)))
        return size if size > 0.0 and math.isfinite(size) else 0.0

    @staticmethod
    def in_base(leg: LegBook) -> float:
        """What a leg holds in base units: of a quanto, what it gains in the desk's money a unit of price."""
        if leg.inverse and leg.quantity != 0.0:
            return leg.quantity / leg.mark
        return leg.quantity * leg.fx if leg.quanto else leg.quantity

    @staticmethod
    def native(leg: LegBook, base: float) -> float:
        """The quantity of a leg that stands for so many base units."""
        if leg.inverse:
            return base * leg.mark
        return base / leg.fx if leg.quanto else base

    def ask(self, t: int, s: int, decide: Decide) -> None:
        """Ask the strategy about a spread and queue its answer."""
        spread = self.spreads[s]
        if spread.blind > 0:
            return
        legs = [self.legs[i] for i in spread.legs]
        position = [self.in_base(leg) for leg in legs]
        equity = self.on_the_way()
        for wallet in self.wallets:
            equity += wallet.equity * wallet.fx
        price = legs[0].mark * (1.0 if legs[0].quanto else legs[0].fx)
        position.append(equity / price if price > 0.0 and equity > 0.0 else 0.0)
        target = [math.nan] * len(legs)
        status = decide(self.features[t][s], position, spread.memory, self.params, target)
        if status == 0 and not all(math.isfinite(wanted) for wanted in target):
            status = NOT_FINITE
        if status == 0:
            self.queue(spread, position, target)
        elif self.status[0] == 0:
            self.status = (status, t, s)

    def queue(self, spread: SpreadBook, position: list[float], target: list[float]) -> None:
        """Queue whole lots within capacity, and take them out of what later spreads may use."""
        legs = [self.legs[i] for i in spread.legs]
        if all(wanted == held for wanted, held in zip(target, position, strict=False)):
            return
        long, short = self.capacity(spread, 1.0), self.capacity(spread, -1.0)
        coarsest = max(0.0 if leg.inverse or leg.quanto else leg.lot for leg in legs)
        rooms = [
            abs(leg.ratio) * (long if wanted * leg.ratio > 0.0 else short)
            for leg, wanted in zip(legs, target, strict=True)
        ]
        full = any(
            wanted * held > 0.0 and abs(held) > room
            for wanted, held, room in zip(target, position, rooms, strict=False)
        )
        changes = {}
        for leg, held, wanted, room in zip(legs, position, target, rooms, strict=False):
            leg.target = leg.quantity
            if wanted != held:
                limit = self.rehedged(leg, legs, position, target) if full else room
                if wanted * held > 0.0:
                    limit = max(abs(held), limit)
                within = min(max(wanted, -limit), limit)
                if abs(within) < FLOAT_NOISE * position[-1]:
                    within = 0.0
                lot = leg.lot if leg.inverse or leg.quanto else coarsest
                change = self.order(leg, self.native(leg, within), lot)
                noise = abs(change) < self.native(leg, FLOAT_NOISE * position[-1])
                changes[leg.column] = 0.0 if noise and within != 0.0 else change
        if not all(change != 0.0 for change in changes.values()):
            return
        spread.queued = True
        for i in spread.legs:
            self.legs[i].target = self.legs[i].quantity + changes.get(self.legs[i].column, 0.0)
            self.reserve(i)

    def rehedged(
        self, leg: LegBook, legs: Sequence[LegBook], position: Sequence[float], target: Sequence[float]
    ) -> float:
        """Size up to which a derivative of a crowded spread may grow: a hedge of what another leg keeps."""
        side = target[legs.index(leg)] * leg.ratio
        hedge = 0.0
        for other, held, wanted in zip(legs, position, target, strict=False):
            kept = min(held, wanted, key=abs)
            hedges = other is not leg and kept * wanted > 0.0 and kept * other.ratio * side > 0.0
            if hedges and not leg.spot:
                hedge = max(hedge, abs(kept / other.ratio * leg.ratio))
        return self.alone(leg, hedge) if hedge > 0.0 else 0.0

    def alone(self, leg: LegBook, size: float) -> float:
        """As far as its wallet can margin it while the other legs stay, the size of a derivative."""
        i, wallet = self.legs.index(leg), self.wallets[leg.wallet]
        room = wallet.leverage * wallet.margin_equity - wallet.gross
        if leg.isolated:
            room += wallet.leverage * leg.posted
        else:
            one = (1.0 if leg.inverse else leg.mark) * leg.exchange
            room += abs(leg.quantity) * one * self.burden(i, leg.quantity, leg.mark)
        unit = leg.mark * leg.exchange
        if leg.quanto:
            unit /= leg.fx
        weight = self.burden(i, self.native(leg, size), leg.mark)
        carried = room / (unit * (weight + wallet.leverage * leg.trading_cost))
        return min(size, carried) if carried > 0.0 else 0.0

    def reserve(self, i: int) -> None:
        """Take what a leg has queued out of what later spreads may use."""
        leg = self.legs[i]
        wallet = self.wallets[leg.wallet]
        price = (1.0 if leg.inverse else leg.mark) * leg.exchange
        wallet.margin_equity -= abs(leg.target - leg.quantity) * price * leg.trading_cost
        if leg.spot:
            bought = max(leg.target, 0.0) - max(leg.quantity, 0.0)
            if bought > 0.0:
                wallet.margin_equity -= (1.0 - self.last_weight(i, leg.target)) * bought * price
            if leg.target > leg.quantity:
                wallet.reserved += (leg.target - leg.quantity) * price * (1.0 + leg.trading_cost)
            weighs = max(-leg.target, 0.0) * self.burden(i, min(leg.target, 0.0), leg.mark)
            weighed = max(-leg.quantity, 0.0) * self.burden(i, min(leg.quantity, 0.0), leg.mark)
            wallet.gross += max(weighs - weighed, 0.0) * price
        elif leg.isolated:
            set_aside = max(abs(leg.target) - abs(leg.quantity), 0.0) * price / leg.leverage
            set_aside *= self.burden(i, leg.target, leg.mark)
            wallet.margin_equity -= set_aside
            wallet.reserved += set_aside
        else:
            weighs = abs(leg.target) * self.burden(i, leg.target, leg.mark)
            weighed = abs(leg.quantity) * self.burden(i, leg.quantity, leg.mark)
            wallet.gross += max(weighs - weighed, 0.0) * price

    def run(self, decide: Decide, start: int, stop: int) -> None:
        """Run the bars from `start` up to, not including, `stop`."""
        for t in range(start, stop):
            self.now_ns = self.times[t]
            self.recall(t)
            self.fill_queue(t)
            if self.bracket:
                self.judge_inside(t)
            self.move_currencies(t)
            self.move_marks(t)
            self.repay(t)
            self.accrue(t)
            self.deleverage(t)
            self.arrive()
            total = self.judge(t)
            total -= self.restore(t, total)
            self.close_books(total)
            for s in range(len(self.spreads)):
                self.ask(t, s, decide)
