"""Portfolio margin as a venue publishes it: scenarios, add-ons, levels; and what a record of it may say."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import msgspec

from narrows.core.config import require

UP, SAME, DOWN = 1, 0, -1  # what becomes of volatility in a scenario
HELP = "see docs/how-to/add-a-venue.md"


class Far(NamedTuple):
    """One row of the far moves, ``[move, damping]``: the share of the loss there that counts."""

    move: float
    damping: float


class Scenario(NamedTuple):
    """One point of a grid.

    A loss counts ``(damping · loss − relief) / (1 + settled)``: `relief` in quote, and `settled` the
    move at whose price a loss is turned into coins; 0 where margin is reckoned in quote.
    """

    move: float
    volatility: int
    damping: float
    relief: float
    settled: float


class PortfolioRule(msgspec.Struct, frozen=True, kw_only=True):
    """How a venue margins all positions in one underlying together.

    The requirement of one underlying is its worst loss in any scenario, plus ``shock × |delta|`` of
    each expiry (`basis`), a charge for a large delta, one for each short option, one for dollars
    held against other dollars; and at least a minimum. Underlyings add up.

    Attributes
    ----------
    method : "grid" or "ratio"
        "ratio": no scenarios; maintenance goes by tiers, and equity over maintenance decides.
    moves : tuple of float
        Relative moves of the price, ascending, 0 among them; each with volatility up, same, down.
    extended : tuple of Far
        Far moves, ascending, with volatility up only.
    dampener : float
        Quote amount by which a loss in a far move is less, times ``|move| / range − 1``; the range
        is the end of `moves` on that side.
    volatility_up, volatility_down : float or None
        Relative shocks at 30 days; None = not recorded, and options cannot be margined.
    volatility_floor : float
        A shock upwards ends at least here.
    power_short, power_long : float
        Of the term, below 30 days and from there on: shocks are times ``(30 / days) ^ power``.
    basis : "each" or "net"
        Whether the expiries' moves add up whatever their sign, or offset each other.
    basis_min, basis_annual : float
        Move of an expiry against the index: ``max(basis_min, basis_annual · years)``.
    delta_threshold, delta_increment, delta_max : float
        A delta above the threshold (quote) is shocked by `delta_increment` for each coin above it,
        by at most `delta_max`.
    short_option : float
        Fraction of the underlying for each short option.
    stable_move : float
        Fraction of what is long in one quote currency against short in another.
    minimum : float
        Least requirement, fraction of the notional of all derivatives.
    valued_in : "coin" or "quote"
        Whether gains and losses are reckoned in the coin, which then moves no margin itself, or in quote.
    spot_offsets : bool
        Whether coins that are owned stand in the scenarios too.
    maintenance_factor, initial_factor : float
        Maintenance and initial margin as multiples of the requirement.
    liquidated_at, reduce_at, warn_at : float
        Equity over maintenance at or below which the account is liquidated, may only reduce, is warned.
    """

    method: Literal["grid", "ratio"]
    moves: tuple[float, ...] = ()
    extended: tuple[Far, ...] = ()
    dampener: float = 0.0
    volatility_up: float | None = None
    volatility_down: float | None = None
    volatility_floor: float = 0.0
    power_short: float = 0.0
    power_long: float = 0.0
    basis: Literal["each", "net"] = "each"
    basis_min: float = 0.0
    basis_annual: float = 0.0
    delta_threshold: float = math.inf
    delta_increment: float = 0.0
    delta_max: float = 0.0
    short_option: float = 0.0
    stable_move: float = 0.0
    minimum: float = 0.0
    valued_in: Literal["coin", "quote"] = "quote"
    spot_offsets: bool = False
    maintenance_factor: float = 1.0
    initial_factor: float = 1.0
    liquidated_at: float = 1.0
    reduce_at: float = 1.0
    warn_at: float = 1.0

    @property
    def prices_options(self) -> bool:
        """Whether the rule says what becomes of volatility, without which options have no margin."""
        return self.volatility_up is not None and self.volatility_down is not None

    def scenarios(self) -> tuple[Scenario, ...]:
        """The grid, move by move; without volatility shocks where none are recorded. () of a ratio."""
        coin = self.valued_in == "coin"
        ways = (UP, SAME, DOWN) if self.prices_options else (SAME,)
        found = [Scenario(move, way, 1.0, 0.0, move if coin else 0.0) for move in self.moves for way in ways]
        for move, damping in self.extended:
            end = self.moves[-1] if move > 0.0 else self.moves[0]
            relief = (max(move / end, 1.0) - 1.0) * self.dampener if end != 0.0 else 0.0
            found.append(Scenario(move, ways[0], damping, relief, end if coin else 0.0))
        return tuple(found)


_POSITIVE = ("maintenance_factor", "initial_factor", "liquidated_at", "reduce_at", "warn_at")
_FRACTIONS = (
    "volatility_down", "basis_min", "delta_increment", "delta_max", "short_option", "stable_move", "minimum"
)  # fmt: skip
_LEAST_ZERO = (
    *_FRACTIONS, "volatility_up", "volatility_floor", "power_short", "power_long", "basis_annual", "dampener",
    "delta_threshold"
)  # fmt: skip


def check_portfolio(given: Mapping[str, Any], where: str) -> None:
    """Refuse what a record of portfolio margin cannot mean.

    Raises
    ------
    ConfigError
        With file, table and key: a grid that is out of order or has no scenario in which nothing
        moves, damping outside (0, 1], a limit below zero, levels out of order.
    """
    _check_moves(given, where)
    for key in _LEAST_ZERO:
        value = given.get(key, 0.0)
        require(value >= 0.0, f"{value} is negative", f"{where}.{key}", "give 0 or more")
    for key in _FRACTIONS:
        value = given.get(key, 0.0)
        require(value < 1.0, f"{value} is {value * 100:g} %", f"{where}.{key}", "give a fraction below 1")
    for key in _POSITIVE:
        value = given.get(key, 1.0)
        require(value > 0.0, f"{value} is not positive", f"{where}.{key}", "give a number above 0")
    both = ("volatility_up" in given) == ("volatility_down" in given)
    require(both, "volatility_up and volatility_down go together", f"{where}.volatility_up", "give both")
    levels = [given[key] for key in ("liquidated_at", "reduce_at", "warn_at") if key in given]
    order = f"levels {', '.join(f'{level:g}' for level in levels)} fall"
    require(levels == sorted(levels), order, f"{where}.warn_at", "liquidated_at ≤ reduce_at ≤ warn_at")


def _check_moves(given: Mapping[str, Any], where: str) -> None:
    if given.get("method") == "grid":
        require("moves" in given, "moves is missing", f"{where}.moves", "give the grid with its method")
    if "moves" in given:
        moves = given["moves"]
        _ascending(moves, f"{where}.moves")
        still = "no scenario in which nothing moves"
        require(0.0 in moves, still, f"{where}.moves", "put 0.0 among the moves")
    _ascending([move for move, _ in given.get("extended", ())], f"{where}.extended")
    for number, (move, damping) in enumerate(given.get("extended", ()), 1):
        at = f"{where}.extended[{number}]"
        require(
            0.0 < damping <= 1.0,
            f"damping {damping} leaves (0, 1]",
            at,
            "give the share of the loss that counts",
        )
        require(move != 0.0, "a far move of 0", at, "give moves beyond the grid")


def _ascending(moves: Sequence[float], where: str) -> None:
    for move in moves:
        real = -1.0 < move < math.inf
        require(
            real, f"{move} is no move of a price", where, "give fractions above −1, −0.16 for a fall of 16 %"
        )
    rising = all(low < high for low, high in pairwise(moves))
    require(rising, "moves do not rise", where, "order them from the deepest fall to the highest rise")
