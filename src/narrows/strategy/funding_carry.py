"""Funding carry: hold spot against a perpetual while funding pays for it, in either direction."""

import math
from typing import ClassVar

import msgspec
import numpy as np

from narrows.analytics.funding import trailing_funding_apr
from narrows.core.arrays import Float1D, Float2D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.strategy.decider import Pointer, decider
from narrows.strategy.protocol import SIDES, Direction, check

UNEVEN = 0.02  # of the first leg: what the legs may differ by before they are evened out


@decider
def decide(features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer) -> int:
    """Enter when trailing funding beats the entry rate, leave below the exit rate or after a time.

    memory[0] counts the hours held. A leg that lost its partner (liquidated) is closed; one that lost
    part of it is cut to match.
    """
    target[0] = position[0]
    target[1] = position[1]
    entry, leave, longest, sides, size, bar_h = (
        params[0],
        params[1],
        params[2],
        params[3],
        params[4],
        params[5],
    )
    held = position[0] != 0.0 or position[1] != 0.0
    memory[0] = memory[0] + bar_h if held else 0.0
    alone = held and (position[0] == 0.0 or position[1] == 0.0)
    if alone or memory[0] >= longest:
        target[0] = 0.0
        target[1] = 0.0
        return 0
    funding = features[0]
    if not math.isfinite(funding):
        return 0
    # what the short (long) side of the perpetual would earn, the coin loan of a short sale paid
    forward = funding
    backward = -funding - features[1]
    if held:
        earns = forward if position[0] > 0.0 else backward
        if earns < leave:
            target[0] = 0.0
            target[1] = 0.0
        elif features[2] > 0.0 and abs(position[0] + position[1]) > UNEVEN * abs(position[0]):
            smaller = min(abs(position[0]), abs(position[1]))
            target[0] = math.copysign(smaller, position[0])
            target[1] = math.copysign(smaller, position[1])
    elif sides > -1.0 and forward >= entry:
        target[0] = size * position[2]
        target[1] = -target[0]
    elif sides < 1.0 and backward >= entry:
        target[0] = -size * position[2]
        target[1] = -target[0]
    return 0


class FundingCarry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spot against a perpetual on the same venue.

    Long the spread (spot long, perpetual short) when funding over the last `lookback_h` hours
    annualises to `entry_apr` or more; short it (spot borrowed and sold, perpetual long) when
    negative funding, less the borrow rate, does. Out when what is earned falls below `exit_apr`,
    or after `max_hold_h`.

    Attributes
    ----------
    entry_apr, exit_apr : float
        Simple annual rates, fractions.
    lookback_h, max_hold_h : float
        Hours.
    direction : {"long", "short", "both"}
        Which side of the spread is traded: long holds spot; short borrows and sells it.
    size : float
        Notional of one leg over the equity of the desk, as far as the wallets can carry it.
    """

    entry_apr: float = 0.10
    exit_apr: float = 0.0
    lookback_h: float = 72.0
    max_hold_h: float = math.inf
    direction: Direction = "both"
    size: float = 1.0

    kinds: ClassVar[tuple[str, ...]] = ("funding_carry",)
    decide: ClassVar = decide

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check(self.entry_apr, self.exit_apr, self.size)
        if not self.lookback_h > 0.0 or not self.max_hold_h > 0.0:
            raise ValueError("lookback_h and max_hold_h must be positive")

    def lookback(self, bar_h: float) -> int:
        """Bars in the funding window."""
        return max(1, round(self.lookback_h / bar_h))

    def params(self, bar_h: float) -> Float1D:
        """Thresholds, direction, size and the length of a bar."""
        return np.array(
            [self.entry_apr, self.exit_apr, self.max_hold_h, SIDES[self.direction], self.size, bar_h]
        )

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        """Trailing funding APR of the perpetual, borrow APR of the spot coin, 1 if linear; shape (bars, 3).

        The legs of an inverse spread differ in base units whenever the price moves: its coins make up
        for it, so nothing is to be evened out.
        """
        spot, perp = (panel.column(leg.instrument.id) for leg in spread.legs)
        funding = trailing_funding_apr(
            panel.funding[:, perp], panel.funding_h[:, perp], panel.bar_h, self.lookback_h
        )
        linear = np.full(len(panel), float(not spread.legs[1].instrument.is_inverse))
        return np.column_stack([funding, panel.borrow[:, spot], linear])
