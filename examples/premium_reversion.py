"""A strategy of one's own: short the perpetual when it is unusually dear against spot."""

import math
from typing import ClassVar

import msgspec
import numpy as np

from narrows.analytics.basis import basis_rate
from narrows.analytics.rolling import rolling_zscore
from narrows.core.arrays import Float1D, Float2D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.strategy.decider import Pointer, decider


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Enter when the gap is `params[0]` deviations wide, leave when it is back at its mean."""
    target[0] = position[0]  # position[0], position[1]: what the two legs hold
    target[1] = position[1]
    held = position[0] != 0.0 or position[1] != 0.0
    if held and (position[0] == 0.0 or position[1] == 0.0):
        target[0] = target[1] = 0.0  # a leg was liquidated: close the other
    elif math.isfinite(features[0]):  # not known: keep what is there
        if not held and features[0] >= params[0]:
            target[0] = params[1] * position[2]  # position[2]: equity, in units of the first leg
            target[1] = -target[0]
        elif held and features[0] <= 0.0:
            target[0] = target[1] = 0.0
    return 0


class PremiumReversion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Long spot, short perpetual from `entry_z` deviations down to the mean of `window_h` hours."""

    entry_z: float = 2.0
    window_h: float = 168.0
    size: float = 0.5

    kinds: ClassVar[tuple[str, ...]] = ("funding_carry",)
    decide: ClassVar = decide

    def lookback(self, bar_h: float) -> int:
        return round(self.window_h / bar_h)

    def params(self, bar_h: float) -> Float1D:
        return np.array([self.entry_z, self.size])

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        spot, perp = (panel.column(leg.instrument.id) for leg in spread.legs)
        gap = basis_rate(panel.close[:, spot], panel.close[:, perp])
        return rolling_zscore(gap, self.lookback(panel.bar_h)).reshape(-1, 1)
