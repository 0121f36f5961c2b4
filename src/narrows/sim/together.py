"""Portfolio margin in the simulator: which legs are margined together, by which rule, as arrays."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from narrows.core.arrays import Float1D, Int1D
from narrows.core.instrument import Instrument
from narrows.risk.contract import INVERSE, LINEAR, QUANTO, SPOT
from narrows.risk.portfolio import Grid, Positions, Scratch, grid, scratch
from narrows.rulebook.portfolio import PortfolioRule

Group = tuple[int, str, PortfolioRule]  # wallet, coin, rule: what is margined together
Term = tuple[Group, int]  # and its deliveries


class Portfolio(NamedTuple):
    """What the wallets of a desk that are margined as a portfolio need for it.

    The quantities, coins, rates and years in it are room to calculate in: the simulator writes those of
    one wallet and bar. Years count from the close of the bar.
    """

    gridded: Int1D  # (W,) 1 = maintenance is the worst loss on a grid, 0 = by tiers
    level: Float1D  # (W,) equity over maintenance at which the wallet is liquidated
    positions: Positions
    grid: Grid
    room: Scratch
    expiry_ns: Int1D  # (E,) of each term; 0 = never


def portfolio_of(
    instruments: Sequence[Instrument],
    wallet: Sequence[int],
    margined: Sequence[bool],
    rule_of: Callable[[Instrument], PortfolioRule],
) -> Portfolio:
    """The portfolios of a desk; of one that has none, arrays without rows.

    Spot goes with the derivatives on its coin in its wallet. Legs of one coin whose rules differ are
    groups of their own, so that nothing is offset that the venue may not offset.

    Parameters
    ----------
    instruments, wallet : sequences of length L
    margined : sequence of bool, length W
        Which wallets are margined as a portfolio.
    rule_of : callable
        The rule of an instrument; may raise a ConfigError.
    """
    rules: dict[tuple[int, str], PortfolioRule] = {}
    own: list[PortfolioRule | None] = [
        rule_of(one) if margined[w] else None for one, w in zip(instruments, wallet, strict=True)
    ]
    for one, w, rule in zip(instruments, wallet, own, strict=True):
        if rule is not None and one.is_derivative:
            rules.setdefault((w, one.base), rule)
    groups: dict[Group, int] = {}
    terms: dict[Term, int] = {}
    term, gridded, level = [], np.zeros(len(margined), dtype=np.int64), np.ones(len(margined))
    for one, w, mine in zip(instruments, wallet, own, strict=True):
        rule = mine if mine is None or one.is_derivative else rules.get((w, one.base), mine)
        if rule is None:
            term.append(0)
            continue
        level[w] = rule.liquidated_at
        if rule.method == "ratio":
            term.append(0)
            continue
        gridded[w] = 1
        group = (w, one.base, rule)
        groups.setdefault(group, len(groups))
        term.append(terms.setdefault((group, one.expiry_ns), len(terms)))
    positions = _positions(instruments, term, [groups[group] for group, _ in terms])
    on = grid([rule for _, _, rule in groups], np.ones(len(groups))) if groups else _no_grid()
    expiry = np.array([expiry_ns for _, expiry_ns in terms], dtype=np.int64)
    return Portfolio(gridded, level, positions, on, scratch(positions, on), expiry)


def _positions(instruments: Sequence[Instrument], term: Sequence[int], groups: Sequence[int]) -> Positions:
    """All legs, none of them held yet; `groups` is the underlying of each term."""
    count = len(instruments)
    monies = list(dict.fromkeys(one.money for one in instruments))
    return Positions(
        kind=np.array([_kind(one) for one in instruments], dtype=np.int64),
        quantity=np.zeros(count),
        multiplier=np.ones(count),
        coin=np.zeros(count),
        term=np.array(term, dtype=np.int64),
        money=np.array([monies.index(one.money) for one in instruments], dtype=np.int64),
        strike=np.zeros(count),
        right=np.zeros(count, dtype=np.int64),
        volatility=np.zeros(count),
        rate=np.ones(count),
        term_group=np.array(groups, dtype=np.int64),
        term_years=np.zeros(len(groups)),
    )


def _kind(one: Instrument) -> int:
    if not one.is_derivative:
        return SPOT
    return INVERSE if one.is_inverse else QUANTO if one.is_quanto else LINEAR


def _no_grid() -> Grid:
    """The grid of no underlying."""
    one: Any = grid([PortfolioRule(method="grid", moves=(0.0,))], np.ones(1))
    return Grid(**{name: array[:0] for name, array in one._asdict().items()})
