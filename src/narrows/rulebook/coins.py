"""Rules of a coin on a venue, as plain values: what it counts as collateral, and what owing it costs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from narrows.core.arrays import Float1D, read_only
from narrows.core.config import require

BEGUN, STRUCK, CONTINUOUS = range(3)  # which hours of a loan are charged: see `narrows.risk.borrowing`
STYLES = {"begun": BEGUN, "struck": STRUCK, "continuous": CONTINUOUS}


class Slice(NamedTuple):
    """One row of a table of haircuts, ``[floor, haircut]``: from `floor` on ``1 − haircut`` counts."""

    floor: float
    haircut: float


class CollateralRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a coin counts as margin.

    Attributes
    ----------
    haircuts : tuple of Slice
        From 0 upwards; haircuts never fall. A haircut of 1 in the last one caps what counts.
    floors_in : "usd" or "coin"
        What the floors are counted in.
    conversion : float or None
        Fraction that the venue keeps when it sells the coin itself to repay a debt; None = not
        recorded.
    """

    haircuts: tuple[Slice, ...]
    floors_in: Literal["usd", "coin"]
    conversion: float | None = None

    def arrays(self) -> tuple[Float1D, Float1D]:
        """Floors and weights of the slices: two arrays, read-only; a weight is 1 − haircut, exactly."""
        floors = np.array([one.floor for one in self.haircuts], dtype=np.float64)
        weights = [float(1 - Decimal(repr(float(one.haircut)))) for one in self.haircuts]
        return read_only(floors), read_only(np.array(weights, dtype=np.float64))


class BorrowRule(msgspec.Struct, frozen=True, kw_only=True):
    """What owing a coin costs, and when the venue collects. Amounts are coins of it.

    Attributes
    ----------
    charged : "begun", "struck" or "continuous"
        "begun": every hour of the clock that a loan touches, the first when it is opened.
        "struck": who owes when the clock strikes pays for the hour. See `narrows.risk.borrowing`.
    every_h, minute : float
        The clock: it strikes every so many hours since midnight, so many minutes late.
    apr : float or None
        Simple interest, fraction a year; None = not recorded: it changes from hour to hour, and
        comes with the data or from the desk.
    loan_limit : float or None
        The most that can be borrowed; None = not recorded.
    overdraft_limit : float or None
        Largest negative balance that is left alone; beyond it the venue sells collateral. None =
        not recorded.
    repaid_to : float
        Share of `overdraft_limit` still owed after that; 0 = all is repaid.
    unrealised : bool
        Whether losses of open positions are owed too; else only what has been realised is.
    """

    charged: Literal["begun", "struck", "continuous"]
    every_h: float = 1.0
    minute: float = 0.0
    apr: float | None = None
    loan_limit: float | None = None
    overdraft_limit: float | None = None
    repaid_to: float = 0.0
    unrealised: bool = True


def check_collateral(given: Mapping[str, Any], where: str) -> None:
    """Refuse haircuts that cannot be: out of [0, 1], falling, floors not rising from 0."""
    both = ("haircuts" in given) == ("floors_in" in given)
    require(both, "haircuts and floors_in go together", where, 'give both, floors_in = "usd" or "coin"')
    kept = given.get("conversion_bps", 0.0)
    require(0.0 <= kept < 10_000.0, f"{kept} bp leaves [0, 10000)", f"{where}.conversion_bps", "give bp")
    if "haircuts" not in given:
        return
    table = f"{where}.haircuts"
    require(bool(given["haircuts"]), "no haircuts", table, "give [[floor, haircut], …], 0.05 for 5 %")
    floor, haircut = 0.0, 0.0
    for number, (begin, share) in enumerate(given["haircuts"], 1):
        at = f"{table}[{number}]"
        first = number == 1
        ordered = begin == 0.0 if first else floor < begin < float("inf")
        what = f"a slice from {begin:g}" + ("" if first else f" after one from {floor:g}")
        require(ordered, what, at, "begin at 0 and let the floors rise")
        require(0.0 <= share <= 1.0, f"haircut {share:g} leaves [0, 1]", at, "give a fraction, 0.05 for 5 %")
        less = f"haircut {share:g} after {haircut:g}: more of a coin cannot count better"
        require(share >= haircut, less, at, "let the haircuts rise from slice to slice")
        floor, haircut = begin, share


def check_borrow(given: Mapping[str, Any], where: str) -> None:
    """Refuse clocks, rates and limits that cannot be."""
    every = given.get("every_h", 1.0)
    whole = 0.0 < every <= 24.0 and 24.0 % every == 0.0
    require(whole, f"{every:g} h does not divide a day", f"{where}.every_h", "give 1, 4, 8 or 24")
    minute = given.get("minute", 0.0)
    late = 0.0 <= minute < 60.0 * every
    require(
        late, f"minute {minute:g} lies beyond the next strike", f"{where}.minute", "give minutes after it"
    )
    for key in ("apr", "loan_limit", "overdraft_limit"):
        value = given.get(key, 0.0)
        require(value >= 0.0, f"{value:g} is negative", f"{where}.{key}", "give an amount of 0 or more")
    apr = given.get("apr", 0.0)
    require(
        apr < 100.0, f"{apr:g} is {apr * 100:g} % a year", f"{where}.apr", "give a fraction, 0.08 for 8 %"
    )
    left = given.get("repaid_to", 0.0)
    require(0.0 <= left <= 1.0, f"{left:g} leaves [0, 1]", f"{where}.repaid_to", "give a share of the limit")
