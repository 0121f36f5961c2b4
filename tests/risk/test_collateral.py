"""What a coin counts as margin, and how a debt is repaid from it."""

import math
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.arrays import read_only
from narrows.risk.collateral import (
    Haircuts,
    counted,
    haircuts_of,
    pledge,
    sale_order,
    sold_for,
    to_repay,
)
from narrows.risk.liquidation import liquidation_move
from narrows.risk.margin import standing
from narrows.rulebook import CollateralRule, Slice
from risk import plain_collateral as plain
from risk.books import book_of, tiers_of
from risk.plain import PlainLeg, Tier
from risk.plain_collateral import Table

approx = pytest.approx
OKX_USDT: Table = [(0.0, 1.0), (5e6, 0.975), (1e7, 0.95)]
BITGET_BTC: Table = [(0.0, 0.975), (1e5, 0.97), (5e5, 0.965), (1e6, 0.96), (5e6, 0.85)]


def arrays_of(*tables: Table, in_coin: bool = False) -> Haircuts:
    rows = np.array([row for table in tables for row in table], dtype=np.float64).reshape(-1, 2)
    return Haircuts(
        read_only(np.cumsum([0, *(len(table) for table in tables)]).astype(np.int64)),
        read_only(np.full(len(tables), in_coin, dtype=np.int64)),
        read_only(rows[:, 0]),
        read_only(rows[:, 1]),
    )


@st.composite
def tables(draw: st.DrawFn, fewest: int = 1) -> Table:
    steps = draw(st.lists(st.floats(0.01, 1e7), min_size=0, max_size=5))
    floors = np.cumsum([0.0, *steps]).tolist()
    weights = draw(st.lists(st.floats(0.0, 1.0), min_size=len(floors), max_size=len(floors)))
    rows = list(zip(floors, sorted(weights, reverse=True), strict=True))
    return rows if fewest else draw(st.sampled_from([rows, []]))


values = st.floats(0.0, 1e8)


def exact(table: Table, below: float, value: float) -> float:
    """Slice by slice, in fractions."""
    low, high = Fraction(below), Fraction(below) + Fraction(value)
    ends = [Fraction(floor) for floor, _ in table[1:]] + [high + 1]
    total = Fraction(0)
    for (floor, weight), end in zip(table, ends, strict=True):
        total += Fraction(weight) * max(min(end, high) - max(Fraction(floor), low), Fraction(0))
    return float(total)


def test_rules_become_arrays_in_their_order() -> None:
    dollars = CollateralRule(haircuts=(Slice(0.0, 0.02), Slice(9.0, 1.0)), floors_in="usd")
    coins = CollateralRule(haircuts=(Slice(0.0, 0.1),), floors_in="coin")
    made = haircuts_of([None, dollars, None, coins])
    assert made.first.tolist() == [0, 0, 2, 2, 3]
    assert made.in_coin.tolist() == [0, 0, 0, 1]
    assert (made.floor.tolist(), made.weight.tolist()) == ([0.0, 9.0, 0.0], [0.98, 0.0, 0.9])
    assert [pledge(made, i, 0.0, 100.0) for i in range(4)] == [0.0, approx(8.82), 0.0, 90.0]
    assert haircuts_of([None]).first.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("table", "value", "counts"),
    [
        (BITGET_BTC, 600_000.0, 582_000.0),  # Bitget's help: 10 BTC at 60 000
        (OKX_USDT, 11e6, 10.825e6),  # OKX's help: 11 M USDT
        ([(0.0, 0.96)], 17_500.0, 16_800.0),  # Kraken's help: half a BTC at 35 000, 4 %
    ],
)
def test_published_examples(table: Table, value: float, counts: float) -> None:
    assert pledge(arrays_of(table), 0, 0.0, value) == approx(counts, rel=1e-12)


def test_floors_in_coins_scale_with_the_price() -> None:
    """Bybit's example: 0.98 of the first 10 BTC, 0.95 of the next 10."""
    table: Table = [(0.0, 0.98), (10.0, 0.95), (20.0, 0.0)]
    assert counted(arrays_of(table, in_coin=True), 0, 0.0, 15.0, 100_000.0) == approx(1_455_000.0)
    assert counted(arrays_of(table, in_coin=True), 0, 15.0, 15.0, 100_000.0) == approx(475_000.0)
    in_dollars: Table = [(floor * 50_000.0, weight) for floor, weight in table]
    assert counted(arrays_of(in_dollars), 0, 0.0, 15.0, 100_000.0) == approx(965_000.0)


def test_a_debt_counts_in_full_and_what_is_no_collateral_not_at_all() -> None:
    haircuts = arrays_of([], [(0.0, 0.9)])
    assert pledge(haircuts, 1, 0.0, -100.0) == -100.0
    assert pledge(haircuts, 0, 0.0, -100.0) == -100.0
    assert pledge(haircuts, 0, 0.0, 100.0) == 0.0
    assert pledge(haircuts, 1, 0.0, 100.0) == 90.0
    assert math.isnan(pledge(haircuts, 1, 0.0, math.nan))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(tables(fewest=0), min_size=1, max_size=4), values, st.floats(-1e6, 1e8), st.booleans(), st.data()
)
def test_compiled_equals_the_specification(
    made: list[Table], below: float, value: float, in_coin: bool, data: st.DataObject
) -> None:
    i = data.draw(st.integers(0, len(made) - 1))
    price = data.draw(st.sampled_from([0.02, 1.0, 3_000.0, 97_431.5]))
    haircuts = arrays_of(*made, in_coin=in_coin)
    assert pledge(haircuts, i, below, value) == plain.pledge(made[i], below, value)
    assert counted(haircuts, i, below, value, price) == plain.counted(made[i], in_coin, below, value, price)
    cash, limit, kept = -value, below, data.draw(st.floats(0.0, 1.0))
    assert to_repay(cash, limit, kept) == plain.to_repay(cash, limit, kept)
    cost = data.draw(st.floats(0.0, 0.2))
    assert sold_for(value, price, cost, below) == plain.sold_for(value, price, cost, below)


@settings(max_examples=300, deadline=None)
@given(tables(), values, values)
def test_a_pledge_is_the_sum_of_its_slices(table: Table, below: float, value: float) -> None:
    found = pledge(arrays_of(table), 0, below, value)
    assert found == approx(exact(table, below, value), rel=1e-9, abs=1e-7)
    assert 0.0 <= found <= value


@settings(max_examples=300, deadline=None)
@given(tables(), values, values, st.floats(0.0, 1.0))
def test_more_collateral_never_counts_less_and_each_more_of_it_counts_no_better(
    table: Table, one: float, other: float, share: float
) -> None:
    haircuts = arrays_of(table)
    low, high = sorted((pledge(haircuts, 0, 0.0, one), pledge(haircuts, 0, 0.0, other)))
    assert pledge(haircuts, 0, 0.0, min(one, other)) == low
    between = pledge(haircuts, 0, 0.0, share * one + (1.0 - share) * other)
    straight = share * pledge(haircuts, 0, 0.0, one) + (1.0 - share) * pledge(haircuts, 0, 0.0, other)
    assert between >= straight - 1e-9 * max(high, 1.0)


@settings(max_examples=300, deadline=None)
@given(tables(), values, values, st.floats(0.0, 1.0))
def test_a_larger_haircut_never_gives_more_margin(
    table: Table, below: float, value: float, harder: float
) -> None:
    cut = [(floor, weight * harder) for floor, weight in table]
    softer, found = (pledge(arrays_of(each), 0, below, value) for each in (table, cut))
    assert found <= softer
    deeper = pledge(arrays_of(table), 0, below + value, value)
    assert deeper <= softer + 1e-9 * max(softer, 1.0)  # on top of more, the same counts no better


@settings(max_examples=200, deadline=None)
@given(tables(), st.lists(values, min_size=1, max_size=4))
def test_legs_of_one_coin_count_the_same_in_any_order(table: Table, legs: list[float]) -> None:
    haircuts = arrays_of(table)

    def together(order: tuple[float, ...]) -> float:
        total = below = 0.0
        for leg in order:
            total += pledge(haircuts, 0, below, leg)
            below += leg
        return total

    whole = pledge(haircuts, 0, 0.0, sum(legs))
    for order in permutations(legs):
        assert together(order) == approx(whole, rel=1e-9, abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.0, 0.6), st.floats(0.002, 0.1), st.floats(0.0, 3.0), st.floats(1.0, 1e5))
def test_T23_a_hedged_coin_fails_where_margin_equity_meets_maintenance(
    haircut: float, maintenance: float, cash: float, price: float
) -> None:
    """Short one against one as collateral: the rise is (1 + c)/(h + mmr), and there E = MM."""
    weight = pledge(arrays_of([(0.0, 1.0 - haircut)]), 0, 0.0, 1.0)
    tiers = [Tier(0.0, maintenance, 0.0, 1.0)]
    legs = [PlainLeg("spot", 1.0, price, weight=weight), PlainLeg("linear", -1.0, price, tiers=tiers)]
    book, held = book_of(legs), tiers_of(legs)
    start = np.full(2, price)
    rise = liquidation_move(book, held, cash * price, start, np.ones(2), np.empty(2))
    _, equity, needed = standing(book, held, cash * price, start * (1.0 + rise))
    assert 1.0 + rise == approx((1.0 + cash) / (haircut + maintenance), rel=1e-6)
    assert abs(equity - needed) < 1e-6 * price * max(1.0, cash)


def test_slices_bring_the_end_of_a_hedged_coin_nearer() -> None:
    """One coin at 100 against one short, 0.5 %: beyond 1 000 a tenth is cut instead of a twentieth.

    950 + 0.9 (p − 1000) + 100 − p = 0.005 p, so p = 150/0.105 = 1428.6 and not 100/0.055 = 1818.2.
    """
    haircuts = arrays_of([(0.0, 0.95), (1_000.0, 0.9)])

    def room(price: float) -> float:
        return pledge(haircuts, 0, 0.0, price) + 100.0 - price - 0.005 * price

    assert room(150.0 / 0.105) == approx(0.0, abs=1e-9)
    assert room(1_428.0) > 0.0 > room(1_429.0)


def test_what_counts_most_is_sold_first_and_what_counts_nothing_never() -> None:
    haircuts = arrays_of(
        [(0.0, 0.9)], [(0.0, 1.0)], [], [(0.0, 0.0)], [(0.0, 0.98), (9.0, 0.1)], [(0.0, 0.9)]
    )
    assert sale_order(haircuts).tolist() == [1, 4, 0, 5]
    assert sale_order(arrays_of([])).tolist() == []


@pytest.mark.parametrize(
    ("cash", "limit", "kept", "collected"),
    [
        (500.0, 0.0, 0.0, 0.0),
        (-10_000.0, 10_000.0, 0.0, 0.0),
        (-10_001.0, 10_000.0, 0.0, 10_001.0),
        (-12_000.0, 10_000.0, 0.8, 4_000.0),
        (-1e9, math.inf, 0.0, 0.0),
        (-5.0, 0.0, 0.0, 5.0),
    ],
)
def test_a_debt_is_left_alone_up_to_its_limit(
    cash: float, limit: float, kept: float, collected: float
) -> None:
    assert to_repay(cash, limit, kept) == approx(collected)


@pytest.mark.parametrize(("debt", "sold"), [(20_000.0, 20_512.82), (5_000.0, 5_128.205)])
def test_binances_auto_exchange_sells_what_the_debt_and_its_conversion_need(debt: float, sold: float) -> None:
    """Its trading rules: 20 000 / 97.5 % = 20 513 and 5 000 / 97.5 % = 5 128.20 worth of BTC."""
    quantity, proceeds = sold_for(debt, 50_000.0, 0.025, 10.0)
    assert quantity * 50_000.0 == approx(sold, abs=0.01)
    assert proceeds == debt


@settings(max_examples=300, deadline=None)
@given(st.floats(0.0, 1e7), st.floats(0.01, 1e5), st.floats(0.0, 0.5), st.floats(0.0, 1e4))
def test_a_sale_loses_its_cost_and_nothing_else(
    needed: float, price: float, cost: float, held: float
) -> None:
    quantity, proceeds = sold_for(needed, price, cost, held)
    assert 0.0 <= quantity <= held
    assert 0.0 <= proceeds <= needed
    assert quantity * price - proceeds == approx(cost * quantity * price, rel=1e-9, abs=1e-9)
    assert proceeds == needed or quantity == held or needed == 0.0


def test_a_coin_whose_price_is_not_known_is_not_sold() -> None:
    assert sold_for(100.0, math.nan, 0.01, 5.0) == (0.0, 0.0)
    assert sold_for(100.0, 0.0, 0.01, 5.0) == (0.0, 0.0)
