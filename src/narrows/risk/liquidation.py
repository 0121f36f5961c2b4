"""Where a wallet is liquidated, and how: leg by leg, all legs together, and in steps.

Along a straight path of prices margin equity is a straight line and maintenance bends upwards
(tiers whose rates rise), so the room between them is concave: a wallet that stands meets its end
at most once in each direction. No price is ever invented: 0 or inf says that there is none.

Leaving a deduction out where a tier is keyed by the quote notional makes maintenance jump; the
walk from tier to tier then ends at the jump.
"""

import math

from narrows.core.arrays import Float1D
from narrows.core.cache import compiled
from narrows.risk.contract import INVERSE, QUANTO, SPOT
from narrows.risk.margin import Book, Tiers, margined, required, sizes, standing, standing_without, tier

CLOSE = 1e-13  # of the room at the start: a joint move is found when no more is left
LOWEST = 1.0 - 1e-6  # a joint fall is followed down to a millionth of a price
FARTHEST = 1e9  # a price so many times nearer to 0 or farther up is float noise: there is none
SURVIVES, CANCEL, PARTIAL, FULL, TAKEN_OVER = range(5)


@compiled
def _roots(a: float, b: float, c: float) -> tuple[float, float]:
    """Real roots of ``a x² + b x + c``; NaN where there is none."""
    if a == 0.0:
        return (-c / b if b != 0.0 else math.nan), math.nan
    inside = b * b - 4.0 * a * c
    if not inside >= 0.0:
        return math.nan, math.nan
    half = -0.5 * (b + math.copysign(math.sqrt(inside), b))
    return half / a, (c / half if half != 0.0 else math.nan)


@compiled
def _nearest(roots: tuple[float, float], start: float, edge: float) -> float:
    """The root next to `start` on the way to `edge`; NaN if there is none."""
    low = min(start, edge)
    high = max(start, edge)
    found = math.nan
    for root in roots:
        if low <= root <= high and not abs(found - start) <= abs(root - start):
            found = root
    return found


@compiled
def _worth_line(book: Book, i: int, weight: float) -> tuple[float, float]:
    """Value of a leg as ``a + b · price``, reporting currency."""
    size = book.quantity[i] * book.multiplier[i]
    rate = book.rate[i]
    if book.kind[i] == SPOT:
        return 0.0, size * weight * rate
    if book.kind[i] == INVERSE:
        return -size * rate, (book.coin[i] + size / book.mark[i]) * rate
    kept = book.coin[i] if book.kind[i] == QUANTO else 0.0
    return (kept - size * book.mark[i]) * rate, size * rate


@compiled
def _room_line(book: Book, tiers: Tiers, i: int, row: int) -> tuple[float, float, float]:
    """Value of a leg as margin less its maintenance in a tier, as ``a + b · price + c / price``."""
    long_spot = book.kind[i] == SPOT and book.quantity[i] > 0.0
    a, b = _worth_line(book, i, book.weight[i] if long_spot else 1.0)
    c = 0.0
    if margined(book, i):
        size = abs(book.quantity[i]) * book.multiplier[i]
        rate = book.rate[i]
        if book.kind[i] == INVERSE:
            a -= size * tiers.rate[row] * rate
            c -= size * tiers.per_unit[i] * size * rate
        else:
            b -= size * (tiers.rate[row] + tiers.per_unit[i] * size) * rate
        if tiers.in_base[i]:
            b += tiers.deduction[row] * rate
        else:
            a += tiers.deduction[row] * rate
    return a, b, c


@compiled
def _step(book: Book, tiers: Tiers, i: int, row: int, up: bool) -> tuple[int, float]:
    """The tier that comes next as the price rises or falls, and the price where it begins."""
    never = math.inf if up else 0.0
    inverse = book.kind[i] == INVERSE
    if not margined(book, i) or inverse != bool(tiers.in_base[i]):
        return row, never  # its size in the unit of the tiers does not move with the price
    size = abs(book.quantity[i]) * book.multiplier[i]
    following = row + 1 if up != inverse else row - 1
    if following < tiers.first[i] or following >= tiers.first[i + 1]:
        return row, never
    floor = tiers.floor[max(row, following)]
    return following, (size / floor if inverse else floor / size)


@compiled
def _walk(book: Book, tiers: Tiers, i: int, rest: float, price: float, up: bool) -> float:
    """From a price up or down, tier by tier, to where the room of the wallet ends."""
    row = 0
    if margined(book, i):
        notional, base = sizes(book, i, price)
        row = tier(tiers, i, base if tiers.in_base[i] else notional)
    start = price
    while True:
        a, b, c = _room_line(book, tiers, i, row)
        a += rest
        if start != price and a + b * start + c / start <= 0.0:
            return start
        following, edge = _step(book, tiers, i, row, up)
        found = _nearest(_roots(b, a, c), start, edge)
        if math.isfinite(found):
            if found > price * FARTHEST:
                return math.inf
            return 0.0 if found * FARTHEST < price else found
        if following == row:
            return edge
        start = edge
        row = following


@compiled
def liquidation_price(book: Book, tiers: Tiers, cash: float, prices: Float1D, i: int) -> tuple[float, float]:
    """Prices of leg i below and above `prices[i]` where margin equity meets maintenance, others fixed.

    Closed form in each tier; the tier is that of the price found, not that of today.

    Returns
    -------
    tuple of float
        (below, above). 0.0 and inf where there is none; both the price itself if the wallet fails
        there already; NaN if a price that is needed is not known.

    References
    ----------
    Binance FAQ, "How to calculate liquidation price of USDⓈ-M futures contracts"; inverse:
    ``N(1 + mmr)/(C + N/P₀)`` long, ``N(1 − mmr)/(N/P₀ − C)`` short.
    """
    price = prices[i]
    _, margin_equity, maintenance = standing(book, tiers, cash, prices)
    if not price > 0.0 or math.isnan(margin_equity - maintenance):
        return math.nan, math.nan
    if margin_equity <= maintenance:
        return price, price
    _, others, needed = standing_without(book, tiers, cash, prices, i)
    rest = others - needed
    return _walk(book, tiers, i, rest, price, False), _walk(book, tiers, i, rest, price, True)


@compiled
def bankruptcy_price(book: Book, tiers: Tiers, cash: float, prices: Float1D, i: int) -> float:
    """Price of leg i at which the whole equity is gone, others fixed.

    0.0 if equity changes its sign at no price above zero, inf if the leg does not move it.
    """
    a, b = _worth_line(book, i, 1.0)
    a += standing_without(book, tiers, cash, prices, i)[0]
    if abs(b) * prices[i] * FARTHEST <= abs(a):
        return math.inf
    return max(-a / b, 0.0)


# --- all legs together --------------------------------------------------------------------------


@compiled
def _moved(
    book: Book, tiers: Tiers, cash: float, prices: Float1D, way: Float1D, move: float, at: Float1D
) -> float:
    """Room between margin equity and maintenance after a joint move."""
    for i in range(prices.shape[0]):
        at[i] = prices[i] * (1.0 + move * way[i])
    _, margin_equity, maintenance = standing(book, tiers, cash, at)
    return margin_equity - maintenance


@compiled
def _farthest(way: Float1D) -> float:
    """The largest move that leaves every price a millionth of itself, and at most FARTHEST."""
    far = FARTHEST
    for i in range(way.shape[0]):
        if way[i] < 0.0:
            far = min(far, -LOWEST / way[i])
    return far


@compiled
def liquidation_move(
    book: Book, tiers: Tiers, cash: float, prices: Float1D, way: Float1D, at: Float1D
) -> float:
    """The joint move at which a wallet fails: every price becomes ``price · (1 + move · way)``.

    Parameters
    ----------
    prices, way : ndarray of shape (L,)
        `way` is the direction: all −1 for a fall of everything, +1 for a rise, betas, one leg alone.
    at : ndarray of shape (L,)
        Room to calculate in.

    Returns
    -------
    float
        > 0: with `way` −1 the fraction lost. 0.0 if the wallet fails already, inf if it survives
        until a price has lost all but a millionth, or the move is FARTHEST; NaN if a price is not known.
    """
    low = 0.0
    room_low = _moved(book, tiers, cash, prices, way, 0.0, at)
    close = CLOSE * room_low
    if math.isnan(room_low):
        return math.nan
    if room_low <= 0.0:
        return 0.0
    far = _farthest(way)
    high = min(0.125, far)
    room_high = _moved(book, tiers, cash, prices, way, high, at)
    while room_high > 0.0 and high < far:
        low = high
        room_low = room_high
        high = min(2.0 * high, far)
        room_high = _moved(book, tiers, cash, prices, way, high, at)
    if not room_high <= 0.0:
        return math.inf
    side = 0
    for _ in range(200):  # regula falsi; an end that stays twice counts half (Illinois)
        move = low + (high - low) * (room_low / (room_low - room_high))
        room = _moved(book, tiers, cash, prices, way, move, at)
        if not low < move < high or abs(room) <= close:
            return move
        if room > 0.0:
            low = move
            room_low = room
            if side == 1:
                room_high *= 0.5
            side = 1
        else:
            high = move
            room_high = room
            if side == -1:
                room_low *= 0.5
            side = -1
    return low


# --- in steps -----------------------------------------------------------------------------------


@compiled
def stage(
    margin_equity: float, maintenance: float, orders_open: bool, divisible: bool, backstop: float
) -> int:
    """What a venue does next: SURVIVES, CANCEL, PARTIAL, FULL or TAKEN_OVER.

    Parameters
    ----------
    orders_open : bool
        Open orders are cancelled first; then the wallet is judged again.
    divisible : bool
        Whether its largest position may be closed in parts: not in its lowest tier, say.
    backstop : float
        Share of maintenance below which the venue takes the whole wallet over and returns nothing
        (2/3 at Hyperliquid); 0 = never.
    """
    if maintenance <= 0.0 or margin_equity > maintenance:
        return SURVIVES
    if margin_equity < backstop * maintenance:
        return TAKEN_OVER
    if orders_open:
        return CANCEL
    return PARTIAL if divisible else FULL


@compiled
def fixed_step(notional: float, threshold: float, fraction: float) -> float:
    """Share to close in one step: `fraction` of a position above `threshold`, all of a smaller one.

    Hyperliquid closes 20 % of positions above 100 000 USD first.
    """
    return fraction if notional > threshold else 1.0


@compiled
def tier_step(tiers: Tiers, i: int, size: float, down: int) -> float:
    """Share to close so that a position falls `down` tiers; 1.0 if there are not so many below.

    `size` in the unit of the tiers of leg i.
    """
    row = tier(tiers, i, size)
    if row - down < tiers.first[i]:
        return 1.0
    left: float = tiers.floor[row - down + 1] / size
    return 1.0 - left


@compiled
def least_step(
    book: Book, tiers: Tiers, cash: float, prices: Float1D, i: int, fee: float, target: float
) -> float:
    """Least share of leg i to close at `prices[i]` so that maintenance <= target × margin equity.

    Parameters
    ----------
    fee : float
        Liquidation fee, fraction of what is closed.
    target : float
        Margin ratio to come back to, e.g. 0.8.

    Returns
    -------
    float
        0.0 if the wallet stands there already; 1.0 if no part of the leg is enough, or all of it.
    """
    _, margin_equity, needed = standing(book, tiers, cash, prices)
    if needed <= target * margin_equity:
        return 0.0
    if not margined(book, i):
        return 1.0
    notional, base = sizes(book, i, prices[i])
    rate = book.rate[i]
    rest = needed - required(tiers, i, notional, base, 1.0)[0] * rate
    size = base if tiers.in_base[i] else notional
    row = tier(tiers, i, size)
    kept = 1.0
    while row >= tiers.first[i]:
        # room of the target as a polynomial of the share kept; within one tier there are no bends
        deducted = tiers.deduction[row] * (notional / base if tiers.in_base[i] else 1.0)
        c = target * (margin_equity - fee * notional * rate) - rest + deducted * rate
        b = (target * fee - tiers.rate[row]) * notional * rate
        a = -tiers.per_unit[i] * base * notional * rate
        edge = tiers.floor[row] / size
        if kept < 1.0 and (a * kept + b) * kept + c >= 0.0:
            return 1.0 - kept
        found = _nearest(_roots(a, b, c), kept, edge)
        if math.isfinite(found):
            return 1.0 - found
        kept = edge
        row -= 1
    return 1.0


@compiled
def closed_out(equity: float, fee: float) -> tuple[float, float, float]:
    """What is left of a wallet after its last position: equity, fee it could pay, shortfall.

    The venue takes its fee from what there is; what the wallet owes beyond is borne by the
    insurance fund.
    """
    paid = min(fee, max(equity, 0.0))
    return max(equity - paid, 0.0), paid, max(-equity, 0.0)
