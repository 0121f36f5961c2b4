"""The route of a spread over small books: what it adds up to, how it divides, what it refuses."""

import math

import numpy as np
import pytest

from narrows.core.arrays import Float1D
from narrows.core.config import Desk, parse
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import Instrument, instrument
from narrows.market.depth import Depth, depth_of
from narrows.research.route import Asked, route

TEXT = """
[desk]
name = "books"
capital = 1000
[data]
catalog = "demo"
[universe]
[strategy]
name = "funding_carry"
[venues.alpha]
taker_bps = 5.0
[venues.beta]
taker_bps = 2.0
"""
SPOT, PERP, OTHER = "BTC-USDT.alpha", "BTC-USDT-PERP.alpha", "BTC-USDT.beta"


def desk() -> Desk:
    return parse(TEXT, "books.toml")


Rows = list[tuple[float, float]]


def side(rows: Rows) -> tuple[Float1D, Float1D]:
    return np.array([price for price, _ in rows]), np.array([size for _, size in rows])


def book(id_: str, bids: Rows, asks: Rows, **known: object) -> Depth:
    return depth_of(instrument(id_, **known), side(bids), side(asks))


def books() -> tuple[list[Instrument], dict[str, Depth]]:
    made = [
        book(SPOT, [(99.0, 1.0), (98.0, 5.0)], [(101.0, 1.0), (102.0, 5.0)]),
        book(PERP, [(100.0, 10.0)], [(102.0, 10.0)]),
        book(OTHER, [(99.5, 1.0)], [(100.5, 1.0)]),
    ]
    return [one.instrument for one in made], {one.instrument.id: one for one in made}


def asked(**more: object) -> Asked:
    return Asked(f"funding_carry:{SPOT}/{PERP}", 200.0, **more)  # type: ignore[arg-type]


def test_the_round_trip_is_the_sum_of_four_plain_walks() -> None:
    instruments, known = books()
    found = route(desk(), instruments, known, 0, asked()).route
    size = 200.0 / 100.0
    bought = 1.0 * 101.0 + 1.0 * 102.0
    sold_back = 1.0 * 99.0 + 1.0 * 98.0
    spot = (bought - sold_back) + 5e-4 * (bought + sold_back)
    perp = size * (102.0 - 100.0) + 5e-4 * size * (102.0 + 100.0)
    assert found.size == size
    assert found.cost_bps == pytest.approx((spot + perp) / 200.0 * 1e4, rel=1e-12)
    assert found.entry_bps + found.exit_bps == pytest.approx(found.cost_bps, rel=1e-12)
    assert [leg.side for leg in found.legs] == ["buy", "sell"]
    assert math.isnan(found.capacity)
    assert math.isnan(found.break_even_h)


def test_a_cheaper_venue_takes_its_share_and_lowers_the_cost() -> None:
    instruments, known = books()
    found = route(desk(), instruments, known, 0, asked()).route
    shares = {one.instrument: one.size for one in found.split if one.leg == 0}
    assert shares[OTHER] == 1.0  # its one coin is cheaper than any of alpha's, both ways
    assert sum(shares.values()) == pytest.approx(found.size)
    assert found.split_bps < found.cost_bps
    assert [(one.first, one.second) for one in found.pairs] == [(SPOT, PERP)]  # beta alone is too small


def test_the_reverse_sells_first_and_costs_the_same_over_the_same_books() -> None:
    instruments, known = books()
    there = route(desk(), instruments, known, 0, asked()).route
    back = route(desk(), instruments, known, 0, asked(short=True)).route
    assert [leg.side for leg in back.legs] == ["sell", "buy"]
    assert back.cost_bps == pytest.approx(there.cost_bps, rel=1e-12)
    assert back.entry_bps == pytest.approx(there.exit_bps, rel=1e-12)


def test_an_edge_has_a_capacity_and_carry_pays_it_back() -> None:
    instruments, known = books()
    found = route(desk(), instruments, known, 0, asked(edge_bps=450.0, carry_apr=0.5)).route
    assert found.capacity_ends == "edge"
    again = route(desk(), instruments, known, 0, asked()._replace(notional=found.capacity)).route
    assert again.cost_bps == pytest.approx(450.0, rel=1e-9)
    assert found.break_even_h == pytest.approx(found.cost_bps * 1e-4 / 0.5 * 8760.0)


def test_a_haircut_makes_it_dearer() -> None:
    instruments, known = books()
    whole = route(desk(), instruments, known, 0, asked()).route
    half = route(desk(), instruments, known, 0, asked(haircut=0.5)).route
    assert half.cost_bps > whole.cost_bps


def test_another_dollar_is_taken_for_one_and_said() -> None:
    instruments, known = books()
    inverse = book(
        "BTC-USD-PERP.alpha", [(100.0, 10.0)], [(101.0, 10.0)], contract="inverse", multiplier=100.0
    )
    found = route(
        desk(), [*instruments, inverse.instrument], known | {inverse.instrument.id: inverse}, 0, asked()
    ).route
    assert found.notes == ("one USD is taken for one USDT: [fx] gives no fixed rate",)
    assert {one.instrument for one in found.split if one.leg == 1} == {PERP, inverse.instrument.id}


@pytest.mark.parametrize("notional", [0.0, -1.0, math.nan, math.inf])
def test_a_notional_must_be_positive(notional: float) -> None:
    instruments, known = books()
    with pytest.raises(ConfigError, match="notional"):
        route(desk(), instruments, known, 0, asked()._replace(notional=notional))


def test_what_is_not_there_is_one_clear_line() -> None:
    instruments, known = books()
    with pytest.raises(DataError, match=r"no book of BTC-USDT-PERP.alpha"):
        route(desk(), instruments, {SPOT: known[SPOT]}, 0, asked())
    with pytest.raises(DataError, match="among the recorded"):
        route(desk(), instruments, known, 0, asked()._replace(notional=1e6))
    with pytest.raises(ConfigError, match="no spread is called"):
        route(desk(), instruments, known, 0, asked()._replace(spread="DOGE"))
