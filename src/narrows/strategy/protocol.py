"""The Strategy protocol: immutable parameters, causal features, one native decide."""

from typing import ClassVar, Literal, Protocol

from narrows.core.arrays import Float1D, Float2D
from narrows.core.panel import Panel
from narrows.core.spread import Spread
from narrows.strategy.decider import Decider

Direction = Literal["long", "short", "both"]
SIDES: dict[Direction, float] = {"long": 1.0, "both": 0.0, "short": -1.0}  # as `decide` sees it
MOST_APR = 5.0  # a threshold above 500 % a year was meant in percent


def check(entry_apr: float, exit_apr: float, size: float) -> None:
    """Refuse thresholds in percent or that would trade every bar, and sizes that reverse the trade.

    Raises
    ------
    ValueError
        Which becomes a line with the key when the desk file is read.
    """
    for key, apr in (("entry_apr", entry_apr), ("exit_apr", exit_apr)):
        if apr > MOST_APR:
            raise ValueError(f"{key} {apr:g} is {apr:.0%} a year: give a fraction, 0.10 for 10 %")
    if not exit_apr <= entry_apr:
        raise ValueError(f"exit_apr {exit_apr:g} is above entry_apr {entry_apr:g}: it would trade every bar")
    if not size > 0.0:
        raise ValueError(f"size {size:g} is not positive")


class Strategy(Protocol):
    """What every strategy has; a frozen msgspec struct whose fields are its parameters.

    Attributes
    ----------
    kinds : tuple of str
        The kinds of spread it trades.
    decide : Decider
        See `narrows.strategy.decider`.
    """

    kinds: ClassVar[tuple[str, ...]]
    decide: ClassVar[Decider]

    def lookback(self, bar_h: float) -> int:
        """Bars of history that `features` needs before a row is as it would be with more."""
        ...

    def params(self, bar_h: float) -> Float1D:
        """What `decide` sees as params."""
        ...

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        """Causal features, shape (bars, F): row t uses rows up to t only. NaN = not known."""
        ...
