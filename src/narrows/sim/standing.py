"""Standing: how a wallet of the specification is judged at some prices."""

from dataclasses import dataclass

HIGHEST_RATIO = 10.0


def ratio_of(margin: float, maintenance: float) -> float:
    """Maintenance over margin, as far as HIGHEST_RATIO; 0 where no margin is needed."""
    if not maintenance > 0.0:
        return 0.0
    return min(maintenance / margin, HIGHEST_RATIO) if margin > 0.0 else HIGHEST_RATIO


@dataclass
class Standing:
    """A wallet judged at some prices."""

    equity: float
    margin_equity: float
    maintenance: float
    gross: float
    borrowed: float = 0.0

    @property
    def fails(self) -> bool:
        """Whether it is to be liquidated: also if it needs no margin and owes all the same."""
        return self.margin_equity <= self.maintenance if self.maintenance > 0.0 else self.equity < 0.0

    @property
    def ratio(self) -> float:
        """Maintenance over margin equity."""
        return ratio_of(self.margin_equity, self.maintenance)
