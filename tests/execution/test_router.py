"""The split over venues: against closed forms, brute force on small books, and an LP on large ones."""

import math
from itertools import accumulate

import numpy as np
import pytest
from scipy.optimize import linprog

from execution.books import book, random_book
from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError, DataError
from narrows.execution.cost import curve_of, round_trip, two_sided
from narrows.execution.router import (
    Source,
    alone,
    decayed,
    latency_premium,
    routes,
    source,
    split,
    water_filling,
)
from narrows.execution.steps import Steps
from narrows.market.depth import BUY, SELL

BOOKS = 10_000


def test_T67_water_filling() -> None:
    found = water_filling(np.array([10.0, 11.0, 14.0]), np.array([0.5, 1.0, 0.25]), 5.0)
    assert found.price == pytest.approx(12.0, abs=1e-6)
    np.testing.assert_allclose(found.sizes, [4.0, 1.0, 0.0], atol=1e-6)
    assert found.cost == pytest.approx(55.5, abs=1e-6)


def test_water_filling_is_the_limit_of_fine_books() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        a, b = random.uniform(9.0, 12.0, 4), random.uniform(0.1, 2.0, 4)
        size = float(random.uniform(0.1, 8.0))
        found = water_filling(a, b, size)
        assert found.sizes.sum() == pytest.approx(size, rel=1e-12)
        width = 1e-3
        at = (np.arange(9_000) + 0.5) * width
        fine = [
            Source("", 10.0, "USD", Steps(np.full(9_000, width), first + slope * at))
            for first, slope in zip(a, b, strict=True)
        ]
        stepped = split(fine, size)
        assert stepped.judged == pytest.approx(found.cost, rel=1e-6)
        np.testing.assert_allclose(stepped.sizes, found.sizes, atol=2 * width)


def test_water_filling_refuses_what_it_cannot_fill() -> None:
    a, b = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    for bad in (
        (a, np.array([1.0, 0.0]), 1.0),
        (a, np.array([1.0, math.nan]), 1.0),
        (np.array([1.0, math.nan]), b, 1.0),
        (np.array([math.inf, math.inf]), b, 1.0),
        (a, b, -1.0),
        (a, b[:1], 1.0),
        (a[:0], b[:0], 1.0),
    ):
        with pytest.raises(ConfigError) as caught:
            water_filling(*bad)
        assert "\n" not in str(caught.value)
    left_out = water_filling(np.array([1.0, math.inf]), b, 3.0)
    np.testing.assert_allclose(left_out.sizes, [3.0, 0.0])
    assert left_out.cost == pytest.approx(7.5)


def small(random: np.random.Generator) -> tuple[list[list[tuple[int, int]]], list[float], int]:
    """Two or three ladders of whole prices and sizes, their fees, and a size that they hold."""
    draw = random.integers(0, 4, (3, 8)).tolist()
    ladders = []
    for count, start, *row in draw[: 2 + int(draw[2][7] > 1)]:
        ladder, price = [], 100 + start
        for step, size in zip(row[:3], row[3:6], strict=True):
            ladder.append((price, 1 + size))
            price += 1 + step
        ladders.append(ladder[: 1 + count % 3])
    fees = [(-2e-3, 0.0, 1e-2, 3e-2)[one] for one in draw[2][: len(ladders)]]
    there = sum(size for ladder in ladders for _, size in ladder)
    return ladders, fees, int(random.integers(1, there + 1))


def paid(ladder: list[tuple[int, int]], fee: float) -> list[float]:
    """What 0, 1, 2 … coins cost, coin by coin."""
    coins = [price * (1.0 + fee) for price, size in ladder for _ in range(size)]
    return list(accumulate(coins, initial=0.0))


def brute_force(tables: list[list[float]], size: int) -> float:
    """The cheapest of all ways to divide whole coins: with whole sizes the best split is among them."""
    first, second, last = [*tables, [0.0]][:3]
    return min(
        one + other + last[size - m - n]
        for m, one in enumerate(first[: size + 1])
        for n, other in enumerate(second[: size - m + 1])
        if size - m - n < len(last)
    )


def test_greedy_is_brute_force_on_ten_thousand_small_books() -> None:
    random = np.random.default_rng(20261125)
    found, best = np.empty((BOOKS, 2)), np.empty((BOOKS, 2))
    for number in range(BOOKS):
        ladders, fees, size = small(random)
        plain = [np.array(one, dtype=np.float64).T for one in ladders]
        sources = [
            Source("", 100.0, "USD", Steps(sizes, prices * (1 + fee)))
            for (prices, sizes), fee in zip(plain, fees, strict=True)
        ]
        one = split(sources, float(size))
        found[number] = one.judged, one.sizes.sum()
        tables = [paid(one, fee) for one, fee in zip(ladders, fees, strict=True)]
        best[number] = brute_force(tables, size), size
    np.testing.assert_allclose(found, best, rtol=1e-12)


def lp(parts: list[Steps], size: float) -> float:
    """The same as a linear program."""
    widths = np.concatenate([one.widths for one in parts])
    slopes = np.concatenate([one.slopes for one in parts])
    shift = slopes.mean()  # HiGHS is more exact on small coefficients
    solved = linprog(
        slopes - shift,
        A_eq=np.ones((1, len(widths))),
        b_eq=[size],
        bounds=list(zip(np.zeros(len(widths)), widths, strict=True)),
    )
    assert solved.status == 0
    return float(solved.fun + shift * size)


@pytest.mark.parametrize("direction", [BUY, SELL])
def test_greedy_is_the_linear_program_on_large_books(direction: int) -> None:
    random = np.random.default_rng(2)
    for _ in range(6):
        books = [random_book(random, 400, f"BTC-USDT.v{number}") for number in range(5)]
        fees = random.uniform(-1e-4, 1e-3, 5).tolist()
        sources = [source(curve_of(one, direction, fee)) for one, fee in zip(books, fees, strict=True)]
        size = float(random.uniform(100.0, 4_000.0))
        found = split(sources, size)
        assert found.judged == pytest.approx(lp([one.steps for one in sources], size), rel=1e-9)
        assert found.judged == pytest.approx(
            sum(
                direction * float(cost.average) * coin + float(cost.fees)
                for one, fee, coin in zip(books, fees, found.sizes, strict=True)
                for cost in [curve_of(one, direction, fee).at(coin)]
            ),
            rel=1e-11,
        )


def venues(seed: int, count: int = 4, levels: int = 20) -> list[Source]:
    random = np.random.default_rng(seed)
    return [
        source(curve_of(random_book(random, levels, f"BTC-USDT.v{n}"), BUY, 1e-4 * n)) for n in range(count)
    ]


def test_a_split_is_never_worse_than_the_best_single_venue_and_convex() -> None:
    for seed in range(20):
        sources = venues(seed)
        sizes = np.linspace(0.5, 60.0, 40)
        costs = np.array([split(sources, float(size)).judged for size in sizes])
        best = np.array([alone(sources, float(size)).min() for size in sizes])
        assert (costs <= best * (1 + 1e-12)).all()
        assert (np.diff(costs) > 0.0).all()
        assert (np.diff(costs, 2) > -1e-8).all()


def test_venues_in_use_share_one_marginal_price() -> None:
    sources = venues(3)
    found = split(sources, 40.0)
    for one, coin in zip(sources, found.sizes, strict=True):
        ends = np.cumsum(one.steps.widths)
        if coin > 0.0:
            assert one.steps.slopes[np.searchsorted(ends, coin - 1e-9)] <= found.price
        assert one.steps.slopes[np.searchsorted(ends, coin + 1e-9)] >= found.price


def test_capacity_premium_and_latency_move_the_split() -> None:
    one, other = book([(100.0, 5.0)], id_="BTC-USDT.a"), book([(100.5, 5.0)], id_="BTC-USDT.b")
    first, second = curve_of(one, BUY, 0.0), curve_of(other, BUY, 0.0)
    np.testing.assert_array_equal(split([source(first), source(second)], 3.0).sizes, [3.0, 0.0])
    capped = split([source(first, capacity=1.0), source(second)], 3.0)
    np.testing.assert_array_equal(capped.sizes, [1.0, 2.0])
    spared = split([source(first, premium=0.6), source(second)], 3.0)
    np.testing.assert_array_equal(spared.sizes, [0.0, 3.0])
    assert spared.cost == spared.judged == pytest.approx(301.5)
    both = split([source(first, premium=0.2), source(second)], 7.0)
    assert both.judged - both.cost == pytest.approx(1.0)
    assert both.cost == pytest.approx(500.0 + 201.0)
    assert latency_premium(100.0, 1e-3, 4.0, 0.4) == pytest.approx(0.08, rel=1e-12)
    assert float(decayed(one, 0.5, 2.0).asks[1][0]) == pytest.approx(5.0 * math.exp(-1.0), rel=1e-12)
    np.testing.assert_allclose(decayed(one, 0.0, 2.0).asks[1], [5.0])


def test_what_cannot_be_split_is_refused_in_one_line() -> None:
    sources = venues(1)
    with pytest.raises(DataError, match="on all venues; trade less"):
        split(sources, 1e6)
    dollars = source(curve_of(book([(100.0, 5.0)]).in_money("USD", 1.0), BUY, 0.0))
    for call in (
        lambda: split([], 1.0),
        lambda: split(sources, -1.0),
        lambda: split(sources, math.nan),
        lambda: split([*sources, dollars], 1.0),
        lambda: source(curve_of(book([(100.0, 5.0)]), BUY, 0.0), premium=math.nan),
        lambda: source(curve_of(book([(100.0, 5.0)]), BUY, 0.0), capacity=-1.0),
        lambda: latency_premium(100.0, -1.0, 1.0, 1.0),
        lambda: decayed(book([(100.0, 5.0)]), -1.0, 1.0),
        lambda: routes(sources, [], 1.0),
        lambda: routes(sources, [dollars], 1.0),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert "\n" not in str(caught.value)


def legs(direction: int, ids: list[str], seed: int) -> list[Source]:
    random = np.random.default_rng(seed)
    return [source(two_sided(random_book(random, 30, id_), direction, 5e-4)) for id_ in ids]


def test_routes_are_ranked_and_the_joint_split_beats_them_all() -> None:
    spots = ["BTC-USDT.a", "BTC-USDT.b"]
    firsts, seconds = legs(BUY, spots, 1), legs(SELL, [*spots, "BTC-USDT-PERP.b", "BTC-USDT-PERP.c"], 2)
    found = routes(firsts, seconds, 6.0)
    assert len(found.pairs) == 2 * 4 - 2  # a spot is not held against itself
    assert [one.cost for one in found.pairs] == sorted(one.cost for one in found.pairs)
    assert found.cost < found.pairs[0].cost
    assert found.bps == pytest.approx(found.cost / (6.0 * firsts[0].mid) * 1e4, rel=1e-12)
    assert {(one.first, one.second) for one in found.pairs} >= {("BTC-USDT.a", "BTC-USDT.b")}


def test_a_pair_costs_its_round_trip() -> None:
    random = np.random.default_rng(3)
    spot = two_sided(random_book(random, 30), BUY, 5e-4)
    perp = two_sided(random_book(random, 30, "BTC-USDT-PERP.b"), SELL, 3e-4, funding_rate=-1e-4)
    found = routes([source(spot)], [source(perp)], 6.0)
    assert found.pairs[0].cost == pytest.approx(float(round_trip([spot, perp], 6.0).total), rel=1e-9)
    assert found.cost == pytest.approx(found.pairs[0].cost, rel=1e-12)
    assert math.isnan(routes([source(spot)], [source(perp)], 0.0).bps)


def test_a_pair_that_cannot_carry_the_size_is_no_route() -> None:
    firsts = legs(BUY, ["BTC-USDT.a", "BTC-USDT.b"], 1)
    tight = firsts[0]._replace(steps=firsts[0].steps.between(0.0, 1.0))
    found = routes([tight, firsts[1]], legs(SELL, ["BTC-USDT-PERP.c"], 2), 2.0)
    assert [(one.first, one.second) for one in found.pairs] == [("BTC-USDT.b", "BTC-USDT-PERP.c")]


def margin_lp(parts: list[list[Steps]], size: float, rate: float, room: Float1D) -> tuple[float, Float1D]:
    """Both legs at once under a limit of margin in each wallet: the optimum, and the price of margin."""
    rows = [
        (leg, venue, w, s)
        for leg, steps in enumerate(parts)
        for venue, one in enumerate(steps)
        for w, s in zip(*one, strict=True)
    ]
    table = np.array(rows)
    equal = np.array([(table[:, 0] == leg).astype(float) for leg in range(2)])
    limits = np.array([(table[:, 1] == venue) * rate for venue in range(len(room))])
    solved = linprog(
        table[:, 3], A_ub=limits, b_ub=room, A_eq=equal, b_eq=[size, size],
        bounds=list(zip(np.zeros(len(table)), table[:, 2], strict=True)),
    )  # fmt: skip
    assert solved.status == 0
    return float(solved.fun), -np.asarray(solved.ineqlin.marginals)


def test_the_price_of_margin_makes_separate_splits_the_joint_optimum() -> None:
    """Two legs draw on the wallets of three venues; with the right premium each leg is split by itself."""
    names, size, rate = ["a", "b", "c"], 20.0, 10.0
    ways = [
        legs(BUY, [f"BTC-USDT.{one}" for one in names], 1),
        legs(SELL, [f"BTC-USDT-PERP.{one}" for one in names], 2),
    ]
    room = np.array([100.0, 140.0, 200.0])
    best, price = margin_lp([[one.steps for one in leg] for leg in ways], size, rate, room)
    assert (price > 1e-6).any()
    judged = sum(
        split(
            [
                one._replace(steps=one.steps.raised(rate * float(p)))
                for one, p in zip(leg, price, strict=True)
            ],
            size,
        ).judged
        for leg in ways
    )
    assert judged - float(price @ room) == pytest.approx(best, rel=1e-9)
