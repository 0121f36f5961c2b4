"""A strategy of one's own: a listed future against the forward that call and put of one strike make."""

import math
from typing import ClassVar

import msgspec
import numpy as np

from narrows.core.arrays import Float1D, Float2D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.strategy.decider import Pointer, decider


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Enter where a synthetic quote is `params[0]` or more beyond the future, and hold to delivery."""
    target[0] = position[0]
    target[1] = position[1]
    held = position[0] != 0.0 or position[1] != 0.0
    if held:
        if position[0] == 0.0 or position[1] == 0.0:
            target[0] = target[1] = 0.0  # a leg was liquidated: close the other
        return 0
    dear, cheap = features[0], features[1]
    if math.isfinite(dear) and dear >= params[0]:  # the synthetic's bid is above the future: sell it
        target[0] = params[1] * position[2]  # position[2]: equity, in units of the first leg
    elif math.isfinite(cheap) and cheap >= params[0]:  # its ask is below: buy it
        target[0] = -params[1] * position[2]
    target[1] = -target[0]
    return 0


class ParityBand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a future against its synthetic to delivery, from where the quotes of the options leave a band.

    Attributes
    ----------
    entry_bps : float
        How far the synthetic's bid must be above the future, or its ask below, basis points: what fills and
        deliveries cost, and what it should pay. Negative: it enters at a loss of as much.
    size : float
        Notional of one leg over the equity of the desk, as far as the wallets can carry it.
    """

    entry_bps: float = 25.0
    size: float = 0.5

    kinds: ClassVar[tuple[str, ...]] = ("parity",)
    decide: ClassVar = decide

    def __post_init__(self) -> None:
        if not (math.isfinite(self.entry_bps) and self.size > 0.0):
            raise ValueError("entry_bps must be a number, size positive")

    def lookback(self, bar_h: float) -> int:
        return 1

    def params(self, bar_h: float) -> Float1D:
        return np.array([self.entry_bps * 1e-4, self.size])

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        """The synthetic's bid over the future, and the future over the synthetic's ask, less one."""
        future, forward = (panel.column(leg.instrument.id) for leg in spread.legs)
        price = panel.close[:, future]
        return np.column_stack(
            [panel.bid[:, forward] / price - 1.0, price / panel.ask[:, forward] - 1.0],
        )
