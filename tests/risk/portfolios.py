"""Random positions and rules of portfolio margin, and the arrays that compiled functions take."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from narrows.core.arrays import Float1D
from narrows.risk.contract import INVERSE, LINEAR, QUANTO, SPOT
from narrows.risk.options import CALL, PUT
from narrows.risk.portfolio import OPTION, Grid, Positions, Scratch, grid, initial, maintenance, scratch
from narrows.rulebook import Far, PortfolioRule
from risk.plain_portfolio import PlainLeg

KINDS = {"spot": SPOT, "linear": LINEAR, "inverse": INVERSE, "quanto": QUANTO, "option": OPTION}


class Margined(NamedTuple):
    """Positions on a grid, ready to be asked."""

    positions: Positions
    on: Grid
    prices: Float1D
    room: Scratch

    def maintenance(self) -> float:
        return maintenance(self.positions, self.on, self.prices, self.room)

    def initial(self) -> float:
        return initial(self.positions, self.on, self.prices, self.room)


def margined(legs: list[PlainLeg], rules: list[PortfolioRule], rates: list[float] | None = None) -> Margined:
    terms = sorted({(leg.underlying, leg.years) for leg in legs})
    monies = sorted({leg.money for leg in legs})

    def column(name: str) -> Float1D:
        return np.array([getattr(leg, name) for leg in legs], dtype=np.float64)

    positions = Positions(
        kind=np.array([KINDS[leg.kind] for leg in legs], dtype=np.int64),
        quantity=column("quantity"),
        multiplier=column("multiplier"),
        coin=column("coin"),
        term=np.array([terms.index((leg.underlying, leg.years)) for leg in legs], dtype=np.int64),
        money=np.array([monies.index(leg.money) for leg in legs], dtype=np.int64),
        strike=column("strike"),
        right=np.array([CALL if leg.call else PUT for leg in legs], dtype=np.int64),
        volatility=column("volatility"),
        rate=column("rate"),
        term_group=np.array([group for group, _ in terms], dtype=np.int64),
        term_years=np.array([years for _, years in terms], dtype=np.float64),
    )
    on = grid(rules, np.array(rates or [1.0] * len(rules)), any(leg.kind == "option" for leg in legs))
    return Margined(positions, on, column("price"), scratch(positions, on))


@st.composite
def rules(draw: st.DrawFn, relieved: bool = True) -> PortfolioRule:
    end = draw(st.sampled_from([0.1, 0.16, 0.25]))
    steps = draw(st.integers(1, 4))
    far = draw(st.sampled_from([(), ((-0.66, 0.24), (1.0, 0.16), (5.0, 0.032)), ((-0.36, 0.5), (0.36, 0.5))]))
    moves = tuple((np.arange(-steps, steps + 1) * (end / steps)).tolist())
    return PortfolioRule(
        method="grid",
        moves=moves,
        extended=tuple(Far(*one) for one in far),
        dampener=draw(st.sampled_from([0.0, 1000.0])) if relieved else 0.0,
        volatility_up=draw(st.floats(0.0, 0.8)),
        volatility_down=draw(st.floats(0.0, 0.4)),
        volatility_floor=draw(st.sampled_from([0.0, 0.5])),
        power_short=0.3,
        power_long=0.13,
        basis=draw(st.sampled_from(["each", "net"])),
        basis_min=draw(st.sampled_from([0.0, 0.01])),
        basis_annual=draw(st.floats(0.0, 0.3)),
        delta_threshold=draw(st.sampled_from([0.0, 10_000.0])) if relieved else np.inf,
        delta_increment=0.0001,
        delta_max=0.1,
        short_option=draw(st.sampled_from([0.0, 0.01])),
        stable_move=draw(st.sampled_from([0.0, 0.005])),
        minimum=draw(st.sampled_from([0.0, 0.0045])),
        valued_in=draw(st.sampled_from(["coin", "quote"])),
        spot_offsets=draw(st.booleans()),
        maintenance_factor=draw(st.sampled_from([0.8, 1.0])),
        initial_factor=draw(st.sampled_from([1.0, 1.3])),
    )


@st.composite
def legs(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(KINDS), underlyings: int = 2) -> PlainLeg:
    kind = draw(st.sampled_from(kinds))
    underlying = draw(st.integers(0, underlyings - 1))
    price = (60_000.0, 3000.0)[underlying] * draw(st.floats(0.97, 1.03))
    value = draw(st.floats(1.0, 50_000.0)) * draw(st.sampled_from([1.0, -1.0]))
    multiplier = draw(st.sampled_from([1.0, 10.0]))
    years = draw(st.sampled_from([0.0, 7 / 365, 0.1, 0.25, 1.0]))
    return PlainLeg(
        kind=kind,
        quantity=draw(st.sampled_from([1.0, 1.0, 0.0]))
        * (value if kind == "inverse" else value / price)
        / multiplier,
        price=price,
        underlying=underlying,
        years=0.0 if kind == "spot" else years,
        money=draw(st.sampled_from(["USD", "USDT"])),
        coin=draw(st.floats(0.0, 1.0)) * abs(value) / price if kind == "inverse" else 0.0,
        rate=draw(st.sampled_from([1.0, 0.87])),
        multiplier=multiplier,
        strike=price * draw(st.floats(0.5, 2.0)),
        call=draw(st.booleans()),
        volatility=draw(st.floats(0.05, 1.5)),
    )


@st.composite
def books(draw: st.DrawFn) -> tuple[list[PlainLeg], list[PortfolioRule], list[float]]:
    return draw(st.lists(legs(), min_size=1, max_size=8)), [draw(rules()), draw(rules())], [1.0, 0.87]
