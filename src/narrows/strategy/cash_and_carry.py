"""Cash and carry: hold spot against a dated future, and let delivery close the gap."""

import math
from typing import ClassVar

import msgspec
import numpy as np

from narrows.analytics.basis import basis_apr, basis_rate, hours_to_expiry
from narrows.core.arrays import Float1D, Float2D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.strategy.decider import Pointer, decider
from narrows.strategy.protocol import SIDES, Direction, check

UNEVEN = 0.02  # of the first leg: what the legs may differ by before they are evened out


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Enter when the annualised basis beats the entry rate; leave early below the exit rate, or to roll.

    After delivery (or a liquidation) the spot leg stands alone and is closed; a leg of which a part was
    liquidated is matched.
    """
    target[0] = position[0]
    target[1] = position[1]
    entry, leave, nearest, farthest, sides, size, roll_h = (
        params[0],
        params[1],
        params[2],
        params[3],
        params[4],
        params[5],
        params[6],
    )
    held = position[0] != 0.0 or position[1] != 0.0
    if held and (position[0] == 0.0 or position[1] == 0.0):
        target[0] = 0.0
        target[1] = 0.0
        return 0
    carry = features[0]
    left_h = features[1]
    if not (math.isfinite(carry) and math.isfinite(left_h)):
        return 0
    if held:
        earns = carry if position[0] > 0.0 else -carry - features[2]
        if earns < leave or left_h <= roll_h:
            target[0] = 0.0
            target[1] = 0.0
        elif features[3] > 0.0 and abs(position[0] + position[1]) > UNEVEN * abs(position[0]):
            smaller = min(abs(position[0]), abs(position[1]))
            target[0] = math.copysign(smaller, position[0])
            target[1] = math.copysign(smaller, position[1])
    elif left_h >= nearest and left_h <= farthest:
        if sides > -1.0 and carry >= entry:
            target[0] = size * position[2]
            target[1] = -target[0]
        elif sides < 1.0 and -carry - features[2] >= entry:
            target[0] = -size * position[2]
            target[1] = -target[0]
    return 0


class CashAndCarry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spot against a dated future on the same venue, held to delivery.

    Long the spread (spot long, future short) when the basis annualises to `entry_apr` or more
    and delivery is between `nearest_h` and `farthest_h` hours away. Held until delivery, unless
    the annualised basis falls below `exit_apr` first (the default never does).

    Attributes
    ----------
    entry_apr, exit_apr : float
        Simple annual rates, fractions.
    nearest_h, farthest_h : float
        Hours to delivery between which a position may be opened.
    direction : {"long", "short", "both"}
        Which side of the spread is traded: long holds spot; short borrows and sells it.
    size : float
        Notional of one leg over the equity of the desk, as far as the wallets can carry it.
    roll_h : float
        Hours before delivery at which a position is closed, so that the next contract can be taken:
        0 = held to delivery.
    """

    entry_apr: float = 0.08
    exit_apr: float = -math.inf
    nearest_h: float = 14 * 24.0
    farthest_h: float = 200 * 24.0
    direction: Direction = "long"
    size: float = 1.0
    roll_h: float = 0.0

    kinds: ClassVar[tuple[str, ...]] = ("cash_and_carry",)
    decide: ClassVar = decide

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check(self.entry_apr, self.exit_apr, self.size)
        if not 0.0 <= self.roll_h < self.nearest_h:
            raise ValueError("roll_h must be at least 0 and less than nearest_h, or it closes what it opens")

    def lookback(self, bar_h: float) -> int:
        """One bar: the basis is a fact of the moment."""
        return 1

    def params(self, bar_h: float) -> Float1D:
        """Thresholds, window of entry, direction, size, hours before delivery to roll."""
        return np.array(
            [
                self.entry_apr,
                self.exit_apr,
                self.nearest_h,
                self.farthest_h,
                SIDES[self.direction],
                self.size,
                self.roll_h if self.roll_h > 0.0 else -1.0,
            ]
        )

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        """Annualised basis, hours to delivery, borrow APR of the coin, 1 if linear; shape (bars, 4)."""
        spot, future = (panel.column(leg.instrument.id) for leg in spread.legs)
        left_h = hours_to_expiry(panel.time_ns, spread.expiry_ns)
        carry = basis_apr(basis_rate(panel.close[:, spot], panel.close[:, future]), left_h)
        linear = np.full(len(panel), float(not spread.legs[1].instrument.is_inverse))
        return np.column_stack([carry, left_h, panel.borrow[:, spot], linear])
