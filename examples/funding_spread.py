"""A strategy of one's own: the same coin's perpetual on two venues, for the difference of their funding."""

import math
from typing import ClassVar

import msgspec
import numpy as np

from narrows.analytics.funding import trailing_funding_apr
from narrows.core.arrays import Float1D, Float2D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.strategy.decider import Pointer, decider
from narrows.strategy.protocol import check


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Enter when one leg pays `params[0]` a year more than the other costs, leave below `params[1]`."""
    target[0] = position[0]
    target[1] = position[1]
    held = position[0] != 0.0 or position[1] != 0.0
    if held and (position[0] == 0.0 or position[1] == 0.0):
        target[0] = target[1] = 0.0  # a leg was liquidated: close the other
        return 0
    earns = features[0] - features[1]  # short the first leg, long the second: received less paid
    if not math.isfinite(earns):
        return 0  # one of the two is not known: keep what is there
    side = -1.0 if earns > 0.0 else 1.0  # of the first leg, were we to enter now
    if held:
        if (earns if position[0] < 0.0 else -earns) < params[1]:
            target[0] = target[1] = 0.0
    elif abs(earns) >= params[0]:
        target[0] = side * params[2] * position[2]  # position[2]: equity, in units of the first leg
        target[1] = -target[0]
    return 0


class FundingSpread(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Short the perpetual with the dearer funding, long the other, while the difference pays.

    In when funding over the last `lookback_h` hours, received on the one leg less paid on the other,
    annualises to `entry_apr` or more, whichever way round; out when it falls below `exit_apr`.

    Attributes
    ----------
    entry_apr, exit_apr : float
        Simple annual rates, fractions of the notional of one leg.
    lookback_h : float
        Hours, a whole number of bars.
    size : float
        Notional of one leg over the equity of the desk, as far as the wallets can carry it.
    """

    entry_apr: float = 0.10
    exit_apr: float = 0.02
    lookback_h: float = 72.0
    size: float = 0.5

    kinds: ClassVar[tuple[str, ...]] = ("cross_venue",)
    decide: ClassVar = decide

    def __post_init__(self) -> None:
        check(self.entry_apr, self.exit_apr, self.size)
        if not self.entry_apr > 0.0 or not self.lookback_h > 0.0:
            raise ValueError("entry_apr and lookback_h must be positive")

    def lookback(self, bar_h: float) -> int:
        return max(1, round(self.lookback_h / bar_h))

    def params(self, bar_h: float) -> Float1D:
        return np.array([self.entry_apr, self.exit_apr, self.size])

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        """Trailing funding APR of the first and of the second leg, each with its own intervals."""
        columns = [panel.column(leg.instrument.id) for leg in spread.legs]
        return np.column_stack(
            [
                trailing_funding_apr(
                    panel.funding[:, one], panel.funding_h[:, one], panel.bar_h, self.lookback_h
                )
                for one in columns
            ]
        )
