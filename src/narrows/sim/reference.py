"""The specification: the simulation loop in plain Python, one lane, no arrays, no kernel.

Written apart from `physics.py` and `kernel.py`, which must give the same bits. Where a sum has
more than one order, the order here is the order. Read this file to know what a run means.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from narrows.core.event import FILL_REASONS
from narrows.core.ledger import CATEGORIES
from narrows.sim.layout import Legs, Market, Wallets
from narrows.sim.standing import Standing

DEPTH_DISTANCE = 0.001  # `depth` counts what rests within 10 bp of the mid
DEAREST_FILL = 0.5  # of the price
FLOAT_NOISE = 1e-12  # of the equity
NOT_FINITE = 99
MEMORY = 8

Decide = Callable[[Sequence[float], list[float], list[float], Sequence[float], list[float]], int]


@dataclass
class LegBook:
    """One leg: what it is, what it holds."""

    column: int
    wallet: int
    spot: bool
    inverse: bool
    ratio: float
    fee: float
    half_spread: float
    depth: float
    maintenance: float
    liquidation_fee: float
    weight: float
    lot: float
    min_notional: float
    quantity: float = 0.0
    coin: float = 0.0
    mark: float = math.nan
    target: float = 0.0

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
    memory: list[float] = field(default_factory=lambda: [0.0] * MEMORY)


@dataclass
class WalletBook:
    """One wallet."""

    leverage: float
    cash_apr: float
    cash_borrow_apr: float
    cash: float
    equity: float = 0.0
    margin_equity: float = 0.0
    gross: float = 0.0
    reserved: float = 0.0


class Reference:
    """One lane of the simulation.

    `market`, `legs`, `wallets` are what the kernel gets; `capital` is the cash of each wallet at the
    start; with `bracket`, liquidation is judged at high and low too.
    `ledger` is (legs + wallets) × categories; `fills` holds (bar, leg, reason, quantity, price,
    reference, fee, slippage); the other series have one entry a bar.
    """

    def __init__(
        self,
        market: Market,
        legs: Legs,
        wallets: Wallets,
        capital: Sequence[float],
        params: Sequence[float],
        bracket: bool,
    ) -> None:
        fields = [name for name in Market._fields if name != "features"]
        self.rows = {name: getattr(market, name).tolist() for name in fields}
        self.features = market.features.tolist()
        facts = {name: getattr(legs, name).tolist() for name in Legs._fields}
        first = facts.pop("first")
        self.legs = [
            LegBook(**{name: values[i] for name, values in facts.items()}) for i in range(len(legs.column))
        ]
        self.spreads = [SpreadBook(list(range(a, b))) for a, b in pairwise(first)]
        rates = (wallets.leverage, wallets.cash_apr, wallets.cash_borrow_apr)
        terms = zip(*(rate.tolist() for rate in rates), capital, strict=True)
        self.wallets = [WalletBook(*term) for term in terms]
        self.bar_years = wallets.bar_years
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
        self.peak = 0.0
        for amount in capital:
            self.peak += amount
        self.drawdown = self.residual = 0.0
        self.trips = self.liquidations = 0
        self.status = (0, 0, 0)

    # -- what moves money

    def book(self, row: int, category: str, amount: float) -> None:
        """Enter an amount into the ledger."""
        self.ledger[row][self.category[category]] += amount

    def pay(self, i: int, amount: float, category: str) -> None:
        """An amount in the reporting currency; an inverse leg pays it in coin at its mark."""
        leg = self.legs[i]
        if leg.inverse:
            coins = amount / leg.mark
            leg.coin += coins
            self.book(i, category, coins * leg.mark)
        else:
            self.wallets[leg.wallet].cash += amount
            self.book(i, category, amount)

    def change(self, i: int, quantity: float, price: float, category: str) -> None:
        """Change a position at `price`; what is gained against the mark goes to `category`."""
        leg = self.legs[i]
        if leg.inverse:
            coins = -(quantity * (1.0 / leg.mark - 1.0 / price))
            leg.coin += coins
            self.book(i, category, coins * leg.mark)
        else:
            gain = quantity * (leg.mark - price)
            self.wallets[leg.wallet].cash += -quantity * price if leg.spot else gain
            self.book(i, category, gain)
        leg.quantity += quantity

    def trade(self, t: int, i: int, quantity: float, price: float, half: float, depth: float) -> None:
        """Trade around the reference `price`, with slippage and fee."""
        leg = self.legs[i]
        notional = abs(quantity) if leg.inverse else abs(quantity) * price
        slip = min(half + 0.5 * DEPTH_DISTANCE * notional / depth, DEAREST_FILL)
        fill = price * (1.0 + slip) if quantity > 0.0 else price * (1.0 - slip)
        fee = leg.fee * (notional if leg.inverse else abs(quantity) * fill)
        self.change(i, quantity, price, "basis")
        self.pay(i, -fee, "fees")
        self.pay(i, -slip * notional, "slippage")
        self.fills.append((t, i, FILL_REASONS.index("trade"), quantity, fill, price, fee, slip * notional))

    def close(self, t: int, i: int, price: float, reason: str) -> None:
        """End a leg at `price`: delivered with the trading fee, or liquidated with its own."""
        leg = self.legs[i]
        quantity = leg.quantity
        notional = abs(quantity) if leg.inverse else abs(quantity) * price
        delivered = reason == "settlement"
        fee = (leg.fee if delivered else leg.liquidation_fee) * notional
        self.change(i, -quantity, price, "settlement" if delivered else "basis")
        self.pay(i, -fee, reason)
        self.fills.append((t, i, FILL_REASONS.index(reason), -quantity, price, price, fee, 0.0))

    def standing(self, w: int, prices: Sequence[float]) -> Standing:
        """A wallet at some prices; long spot counts as margin by its collateral weight."""
        found = Standing(self.wallets[w].cash, self.wallets[w].cash, 0.0, 0.0)
        for leg, price in zip(self.legs, prices, strict=True):
            if leg.wallet != w or (leg.quantity == 0.0 and leg.coin == 0.0):
                continue
            if leg.spot:
                value = leg.quantity * price
                found.equity += value
                found.margin_equity += value * leg.weight if leg.quantity > 0.0 else value
                if leg.quantity < 0.0:
                    found.maintenance -= leg.maintenance * value
                    found.gross -= value
                    found.borrowed -= value
                continue
            if leg.inverse:
                value = (leg.coin + leg.quantity * (1.0 / leg.mark - 1.0 / price)) * price
                notional = abs(leg.quantity)
            else:
                value = leg.quantity * (price - leg.mark)
                notional = abs(leg.quantity) * price
            found.equity += value
            found.margin_equity += value
            found.maintenance += leg.maintenance * notional
            found.gross += notional
        return found

    def liquidate(self, t: int, w: int, prices: Sequence[float]) -> None:
        """Everything in the wallet is closed; the insurance fund bears what it owes beyond."""
        for i, leg in enumerate(self.legs):
            if leg.wallet != w:
                continue
            if leg.quantity != 0.0:
                self.close(t, i, prices[i], "liquidation")
            if leg.coin != 0.0:
                self.book(i, "fx", leg.coin * (prices[i] - leg.mark))
                self.wallets[w].cash += leg.coin * prices[i]
                leg.coin = 0.0
        left = self.standing(w, [leg.mark for leg in self.legs]).equity
        if left < 0.0:
            self.wallets[w].cash -= left
            self.book(len(self.legs) + w, "liquidation", -left)
        self.liquidations += 1

    # -- the steps of a bar

    def fill_queue(self, t: int) -> None:
        """All legs of a spread that want to trade do so at the open, or none does."""
        opens = self.rows["open"][t]
        for spread in self.spreads:
            if not spread.queued:
                continue
            spread.queued = False
            wanting = [i for i in spread.legs if self.legs[i].target != self.legs[i].quantity]
            if not all(opens[self.legs[i].column] > 0.0 for i in wanting):
                continue
            for i in wanting:
                leg = self.legs[i]
                bid, ask, depth = (self.rows[name][t - 1][leg.column] for name in ("bid", "ask", "depth"))
                half = (ask - bid) / (ask + bid) if bid > 0.0 and ask >= bid else leg.half_spread
                quantity = leg.target - leg.quantity
                self.trade(t, i, quantity, opens[leg.column], half, depth if depth > 0.0 else leg.depth)

    @staticmethod
    def order(leg: LegBook, target: float, lot: float) -> float:
        """Whole lots, nothing below the smallest notional; closing is always exact."""
        if target == 0.0:
            return -leg.quantity
        quantity = target - leg.quantity
        if lot > 0.0:
            quantity = math.copysign(math.floor(abs(quantity) / lot + 1e-9) * lot, quantity)
        price = 1.0 if leg.inverse else leg.mark
        return quantity if abs(quantity) * price >= leg.min_notional else 0.0

    def judge_inside(self, t: int) -> None:
        """All legs at their lows, then at their highs; closed where the straight path fails."""
        ratios = []
        for w in range(len(self.wallets)):
            start = [self.known("open", t, leg) for leg in self.legs]
            ways: list[tuple[float, list[float]]] = []
            worst = 0.0
            for extreme in ("low", "high"):
                end = [self.known(extreme, t, leg) for leg in self.legs]
                after = self.standing(w, end)
                worst = max(worst, after.ratio)
                if after.fails:
                    before = self.standing(w, start)
                    room = before.margin_equity - before.maintenance
                    lost = room - (after.margin_equity - after.maintenance)
                    ways.append((room / lost if room > 0.0 else 0.0, end))
            if ways:
                way, end = min(ways, key=lambda found: found[0])
                self.liquidate(t, w, [a + way * (b - a) for a, b in zip(start, end, strict=True)])
            ratios.append(worst)
        self.margin_high_low.append(ratios)

    def known(self, name: str, t: int, leg: LegBook) -> float:
        """A price of this bar, or the last mark where there is none."""
        price: float = self.rows[name][t][leg.column]
        return price if price > 0.0 else leg.mark

    def move_marks(self, t: int) -> None:
        """Profit since the last mark; a leg without a new one keeps the old."""
        for i, leg in enumerate(self.legs):
            mark, last = self.rows["mark"][t][leg.column], leg.mark
            if not mark > 0.0:
                continue
            leg.mark = mark
            if not last > 0.0:
                continue
            if leg.inverse:
                self.book(i, "fx", leg.coin * (mark - last))
                coins = leg.quantity * (1.0 / last - 1.0 / mark)
                leg.coin += coins
                self.book(i, "basis", coins * mark)
            else:
                profit = leg.quantity * (mark - last)
                self.book(i, "basis", profit)
                if not leg.spot:
                    self.wallets[leg.wallet].cash += profit

    def accrue(self, t: int) -> None:
        """Funding settled at this close, coin loans, deliveries; then interest on cash."""
        for i, leg in enumerate(self.legs):
            rate = self.rows["funding"][t][leg.column]
            if math.isfinite(rate) and not leg.spot and leg.quantity != 0.0:
                notional = leg.quantity if leg.inverse else leg.quantity * leg.mark
                self.pay(i, -notional * rate, "funding")
            if leg.borrowed:
                apr = self.rows["borrow"][t][leg.column]
                self.pay(i, leg.quantity * leg.mark * apr * self.bar_years, "borrow")
            delivery = self.rows["settlement"][t][leg.column]
            if delivery > 0.0 and leg.quantity != 0.0:
                self.close(t, i, delivery, "settlement")
        for w, wallet in enumerate(self.wallets):
            if wallet.cash < 0.0:
                category, earned = "borrow", wallet.cash * wallet.cash_borrow_apr * self.bar_years
            else:
                lent = 0.0
                for leg in self.legs:
                    if leg.wallet == w and leg.borrowed:
                        lent -= leg.quantity * leg.mark
                own = wallet.cash if wallet.cash_apr == 0.0 else max(wallet.cash - lent, 0.0)
                category, earned = "collateral_yield", own * wallet.cash_apr * self.bar_years
            self.book(len(self.legs) + w, category, earned)
            wallet.cash += earned

    def judge(self, t: int) -> float:
        """Margin of each wallet on the marks; returns the equity of all."""
        marks = [leg.mark for leg in self.legs]
        total = 0.0
        ratios = []
        for w, wallet in enumerate(self.wallets):
            now = self.standing(w, marks)
            ratios.append(now.ratio)
            if now.fails:
                self.liquidate(t, w, marks)
                now = self.standing(w, marks)
            total += now.equity
            wallet.equity, wallet.margin_equity = now.equity, now.margin_equity
            wallet.gross, wallet.reserved = now.gross, now.borrowed
        self.margin_ratio.append(ratios)
        self.wallet_equity.append([wallet.equity for wallet in self.wallets])
        return total

    def close_books(self, total: float) -> None:
        """Round trips, residual delta, drawdown, and the series."""
        residual = 0.0
        for spread in self.spreads:
            legs = [self.legs[i] for i in spread.legs]
            for leg in legs:
                if leg.quantity == 0.0 and leg.coin != 0.0:
                    self.wallets[leg.wallet].cash += leg.coin * leg.mark
                    leg.coin = 0.0
            held = any(leg.quantity != 0.0 for leg in legs)
            self.trips += spread.opened and not held
            spread.opened = held
            delta = 0.0
            for leg in legs:
                if leg.inverse:
                    delta += leg.quantity + leg.coin * leg.mark if leg.quantity != 0.0 else 0.0
                elif leg.quantity != 0.0:
                    delta += leg.quantity * leg.mark
            residual += abs(delta)
        exposed = residual / total if total > 0.0 else 0.0
        self.residual = max(self.residual, exposed)
        self.peak = max(self.peak, total)
        self.drawdown = max(self.drawdown, 1.0 - total / self.peak)
        self.equity.append(total)
        self.residuals.append(exposed)
        self.marks.append([leg.mark for leg in self.legs])
        self.quantities.append([leg.quantity for leg in self.legs])

    def capacity(self, spread: SpreadBook, sign: float) -> float:
        """Largest size, long (1) or short (-1): cash pays for spot, leverage bounds the rest."""
        legs = [self.legs[i] for i in spread.legs]
        size = math.inf
        for leg in legs:
            wallet = self.wallets[leg.wallet]
            if not leg.mark > 0.0:
                return 0.0
            room = wallet.leverage * wallet.margin_equity - wallet.gross
            need = 0.0
            for other in (one for one in legs if one.wallet == leg.wallet):
                unit = abs(other.ratio) * other.mark
                if not other.spot or other.borrowed:
                    room += abs(other.quantity) * (1.0 if other.inverse else other.mark)
                if not other.spot or other.ratio * sign < 0.0:
                    need += unit * (1.0 + wallet.leverage * other.trading_cost)
                else:  # what is spent on spot is margin no more, but for its collateral weight
                    need += unit * wallet.leverage * (1.0 - other.weight + other.trading_cost)
            if need > 0.0:
                size = min(size, room / need)
            if leg.spot and leg.ratio * sign >= 0.0:
                room = wallet.cash + max(leg.quantity, 0.0) * leg.mark - wallet.reserved
                size = min(size, room / (abs(leg.ratio) * leg.mark * (1.0 + leg.fee + leg.half_spread)))
        return size if size > 0.0 and math.isfinite(size) else 0.0

    def ask(self, t: int, s: int, decide: Decide) -> None:
        """Ask the strategy about a spread and queue its answer."""
        spread = self.spreads[s]
        legs = [self.legs[i] for i in spread.legs]
        position = [
            leg.quantity / leg.mark if leg.inverse and leg.quantity != 0.0 else leg.quantity for leg in legs
        ]
        equity = 0.0
        for wallet in self.wallets:
            equity += wallet.equity
        price = legs[0].mark
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
        coarsest = max(0.0 if leg.inverse else leg.lot for leg in legs)
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
                limit = 0.0 if full else room
                if wanted * held > 0.0:
                    limit = max(abs(held), limit)
                within = min(max(wanted, -limit), limit)
                if abs(within) < FLOAT_NOISE * position[-1]:
                    within = 0.0
                native = within * leg.mark if leg.inverse else within
                changes[leg.column] = self.order(leg, native, leg.lot if leg.inverse else coarsest)
        if not all(change != 0.0 for change in changes.values()):
            return
        spread.queued = True
        for leg in legs:
            leg.target = leg.quantity + changes.get(leg.column, 0.0)
            self.reserve(leg)

    def reserve(self, leg: LegBook) -> None:
        """Take what a leg has queued out of what later spreads may use."""
        wallet = self.wallets[leg.wallet]
        price = 1.0 if leg.inverse else leg.mark
        wallet.margin_equity -= abs(leg.target - leg.quantity) * price * leg.trading_cost
        if leg.spot:
            bought = max(leg.target, 0.0) - max(leg.quantity, 0.0)
            if bought > 0.0:
                wallet.margin_equity -= (1.0 - leg.weight) * bought * price
            if leg.target > leg.quantity:
                wallet.reserved += (leg.target - leg.quantity) * price * (1.0 + leg.trading_cost)
            short_before, short_after = max(-leg.quantity, 0.0), max(-leg.target, 0.0)
            wallet.gross += max(short_after - short_before, 0.0) * price
        else:
            wallet.gross += max(abs(leg.target) - abs(leg.quantity), 0.0) * price

    def run(self, decide: Decide, start: int, stop: int) -> None:
        """Run the bars from `start` up to, not including, `stop`."""
        for t in range(start, stop):
            self.fill_queue(t)
            if self.bracket:
                self.judge_inside(t)
            self.move_marks(t)
            self.accrue(t)
            total = self.judge(t)
            self.close_books(total)
            for s in range(len(self.spreads)):
                self.ask(t, s, decide)
