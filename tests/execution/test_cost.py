"""Cost of a leg, a round trip, a capacity: against hand sums and a plain walk, and what must always hold."""

import math

import numpy as np
import pytest

from execution.books import book, random_book, walked
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.units import from_bps
from narrows.execution.cost import (
    TwoSided,
    break_even_h,
    capacity,
    curve_of,
    in_lots,
    posted,
    round_trip,
    two_sided,
)
from narrows.execution.steps import Steps, added
from narrows.market.depth import BUY, SELL, depth_of
from narrows.market.impact import impact_law
from narrows.rulebook.rules import FeeRule

LADDER = [(100.0, 1.0), (101.0, 2.0), (103.0, 5.0)]


def plain(prices: object, sizes: object) -> list[tuple[float, float]]:
    return list(zip(np.asarray(prices).tolist(), np.asarray(sizes).tolist(), strict=True))


def test_T66_walk_the_book() -> None:
    found = curve_of(book(LADDER), BUY, 0.0).at(4.0)
    assert float(found.average) == 101.25
    assert float(found.marginal) == 103.0


def test_all_fields_of_a_walk_by_hand() -> None:
    one = book(LADDER)  # bid 99, mid 99.5
    found = curve_of(one, BUY, 0.001).at(np.array([0.0, 1.0, 2.0, 3.0, 8.0]))
    np.testing.assert_allclose(found.average, [100, 100, 100.5, 302 / 3, 817 / 8], rtol=1e-15)
    np.testing.assert_array_equal(found.marginal, [100, 100, 101, 101, 103])
    np.testing.assert_allclose(found.fees, [0, 0.1, 0.201, 0.302, 0.817], rtol=1e-14)
    np.testing.assert_allclose(found.cost, [0, 0.6, 2.201, 3.802, 21.817], rtol=1e-12)
    assert float(found.bps[1]) == pytest.approx(0.6 / 99.5 * 1e4, rel=1e-12)
    assert float(found.bps[0]) == pytest.approx(float(found.bps[1]), rel=1e-12)


@pytest.mark.parametrize("direction", [BUY, SELL])
def test_any_size_costs_what_a_plain_walk_says(direction: int) -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        one = random_book(random, int(random.integers(1, 30)))
        levels = plain(*one.facing(direction))
        fee = float(random.uniform(-2e-4, 1e-3))
        curve = curve_of(one, direction, fee)
        sizes = np.append(random.uniform(0.0, curve.available, 40), [curve.available, levels[0][1]])
        found = curve.at(sizes)
        for number, size in enumerate(sizes.tolist()):
            value, last, _ = walked(levels, size)
            cost = direction * (value - size * one.mid) + fee * value
            assert float(found.cost[number]) == pytest.approx(cost, rel=1e-9, abs=1e-9)
            assert float(found.average[number]) == pytest.approx(value / size, rel=1e-12)
            assert float(found.marginal[number]) == last


def test_cost_rises_and_is_convex_in_size_and_vectorised_is_one_by_one() -> None:
    curve = curve_of(random_book(np.random.default_rng(2), 25), SELL, 5e-4)
    sizes = np.linspace(0.0, curve.available, 501)
    found = curve.at(sizes)
    assert (np.diff(found.cost) > 0.0).all()
    assert (np.diff(found.cost, 2) > -1e-9).all()
    assert (np.diff(found.bps[1:]) > -1e-9).all()
    np.testing.assert_array_equal(found.cost, [float(curve.at(one).cost) for one in sizes])
    np.testing.assert_allclose(curve.steps(curve.depth.mid).at(sizes), found.cost, rtol=1e-12, atol=1e-12)


def test_what_a_value_buys_is_the_walk_turned_round() -> None:
    curve = curve_of(random_book(np.random.default_rng(3), 12), BUY, 0.0)
    sizes = np.linspace(0.0, curve.available, 77)
    value = np.where(sizes > 0.0, curve.at(sizes).average * sizes, 0.0)
    np.testing.assert_allclose(curve.size_of(np.minimum(value, value[-1] * (1 - 1e-13))), sizes, atol=1e-10)
    for bad in (-1.0, math.nan, 1e9):
        with pytest.raises(DataError, match="ask for what the book holds"):
            curve.size_of(bad)


def test_fees_nothing_and_rebates() -> None:
    one = book(LADDER)
    free, paid, back = (float(curve_of(one, BUY, fee).at(2.0).cost) for fee in (0.0, 1e-3, -1e-3))
    assert (paid - free, back - free) == pytest.approx((0.201, -0.201), rel=1e-12)
    rule = FeeRule(maker=2e-4, taker=5e-4, vip=((1e-4, 4e-4),))
    assert float(curve_of(one, BUY, rule.at_vip(1).taker).at(2.0).fees) == pytest.approx(4e-4 * 201.0)


def test_a_posted_order_earns_half_the_spread_and_pays_its_maker_fee() -> None:
    one = book(LADDER)
    sale = posted(one, SELL, -1e-4, 3.0).at(3.0)
    assert float(sale.average) == 100.0
    assert float(sale.cost) == pytest.approx(-0.5 * 3.0 - 1e-4 * 300.0, rel=1e-12)
    with pytest.raises(DataError):
        posted(one, SELL, 0.0, 3.0).at(3.1)


def test_an_inverse_book_costs_what_the_same_linear_book_does() -> None:
    random = np.random.default_rng(4)
    linear = random_book(random, 20)
    contracts = [(prices, prices * sizes / 100.0) for prices, sizes in (linear.bids, linear.asks)]
    inverse = depth_of(instrument("BTC-USD-PERP.alpha", multiplier=100.0), *contracts)
    for direction in (BUY, SELL):
        one, other = (curve_of(depth, direction, 5e-4) for depth in (linear, inverse))
        sizes = np.linspace(0.0, one.available * 0.999, 50)
        for field, same in zip(one.at(sizes), other.at(sizes), strict=True):
            np.testing.assert_allclose(field, same, rtol=1e-11, atol=1e-11)


def test_an_inverse_position_loses_in_coin_what_its_cost_says() -> None:
    """Contracts bought at the asks and marked at the mid: N · (1/mid − 1/price) coin lost a level."""
    one = book(
        [(50_000.0, 300.0), (51_000.0, 400.0)], [(49_000.0, 1.0)], "BTC-USD-PERP.alpha", multiplier=100.0
    )
    coin = 300.0 * 100.0 / 50_000.0 + 200.0 * 100.0 / 51_000.0
    lost = 30_000.0 * (1 / one.mid - 1 / 50_000.0) + 20_000.0 * (1 / one.mid - 1 / 51_000.0)
    assert float(curve_of(one, BUY, 0.0).at(coin).cost) == pytest.approx(lost * one.mid, rel=1e-11)


def test_beyond_the_book_is_refused_or_pays_the_last_price_and_two_thirds_of_the_move() -> None:
    one, law = book(LADDER), impact_law(1.0, 0.02, 1_000.0)
    with pytest.raises(DataError, match="9 coin of 8 that rest there"):
        curve_of(one, BUY, 0.0).at(9.0)
    curve = curve_of(one, BUY, 0.001, law)
    found = curve.at(np.array([8.0, 9.0]))
    move = 0.02 * math.sqrt(1.0 / 1_000.0)
    value = 817.0 + 103.0 * (1.0 + 2.0 / 3.0 * move)
    assert float(found.average[1]) == pytest.approx(value / 9.0, rel=1e-14)
    assert float(found.marginal[1]) == pytest.approx(103.0 * (1.0 + move), rel=1e-14)
    assert float(found.cost[1]) == pytest.approx(value - 9.0 * 99.5 + 0.001 * value, rel=1e-12)
    assert float(found.cost[0]) == float(curve_of(one, BUY, 0.001).at(8.0).cost)
    sale = curve_of(book(LADDER, [(99.0, 2.0)]), SELL, 0.0, law).at(3.0)
    assert float(sale.average) == pytest.approx((3 * 99.0 - 99.0 * 2 / 3 * move) / 3.0, rel=1e-14)
    far = np.linspace(0.0, 400.0, 4001)
    assert (np.diff(curve.at(far).cost, 2) > -1e-7).all()
    with pytest.raises(DataError, match="move the price by all of it"):
        curve.at(1e8)


def test_bad_input_is_one_line() -> None:
    one = book(LADDER)
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="negative or not finite"):
            curve_of(one, BUY, 0.0).at(np.array([1.0, bad]))
    for call in (
        lambda: curve_of(one, 2, 0.0),
        lambda: curve_of(one, BUY, 5.0),
        lambda: curve_of(one, BUY, math.nan),
        lambda: posted(one, BUY, 0.0, 0.0),
        lambda: two_sided(one, BUY, 0.0, ratio=0.0),
        lambda: two_sided(one, BUY, 0.0, funding_rate=math.nan),
        lambda: two_sided(one, BUY, 0.0, after=one.in_money("USD", 1.0)),
        lambda: round_trip([], 1.0),
        lambda: capacity([two_sided(one, BUY, 0.0)], math.nan),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert "\n" not in str(caught.value)


def pair(fee: float = 5e-4, funding_rate: float = 0.0) -> list[TwoSided]:
    random = np.random.default_rng(5)
    spot, perp = random_book(random, 15), random_book(random, 15, "BTC-USDT-PERP.alpha")
    return [two_sided(spot, BUY, fee), two_sided(perp, SELL, fee, funding_rate=funding_rate)]


def test_a_round_trip_is_four_walks() -> None:
    legs, size = pair(), 7.5
    total = 0.0
    for leg in legs:
        for direction in (BUY, SELL):
            value, _, _ = walked(plain(*leg.entry.depth.facing(direction)), size)
            total += direction * (value - size * leg.entry.depth.mid) + 5e-4 * value
    found = round_trip(legs, np.array([0.0, size]))
    assert float(found.total[1]) == pytest.approx(total, rel=1e-11)
    assert float(found.entry[1] + found.exit[1]) == pytest.approx(total, rel=1e-11)
    assert float(found.bps[1]) == pytest.approx(total / (size * legs[0].entry.depth.mid) * 1e4, rel=1e-11)
    assert float(found.total[0]) == 0.0
    assert math.isnan(float(found.bps[0]))


def test_the_exit_may_meet_another_book() -> None:
    one = book(LADDER)
    thin = one.haircut(0.5)
    same, other = two_sided(one, BUY, 0.0), two_sided(one, SELL, 0.0, after=thin)
    assert float(round_trip([same], 2.0).exit) == pytest.approx(2.0 * 0.5, rel=1e-12)
    value, _, _ = walked([(100.0, 0.5), (101.0, 1.0), (103.0, 2.5)], 2.0)
    assert float(round_trip([other], 2.0).exit) == pytest.approx(value - 2.0 * 99.5, rel=1e-12)


def test_funding_counts_where_the_leg_pays_it_and_only_there() -> None:
    paid, none, received = (round_trip(pair(0.0, rate), 2.0) for rate in (-3e-4, 0.0, 3e-4))
    perp_mid = pair()[1].entry.depth.mid
    assert float(paid.funding) == pytest.approx(2.0 * 3e-4 * perp_mid, rel=1e-12)
    assert float(paid.total - none.total) == pytest.approx(float(paid.funding), rel=1e-9)
    assert float(received.total) == float(none.total)


def test_a_ratio_scales_its_leg() -> None:
    one = book(LADDER)
    double = two_sided(one, BUY, 1e-3, ratio=2.0, funding_rate=1e-4)
    single = two_sided(one, BUY, 1e-3, funding_rate=1e-4)
    assert float(round_trip([double], 2.0).total) == pytest.approx(
        float(round_trip([single], 4.0).total), rel=1e-12
    )
    sizes = np.linspace(0.0, 4.0, 33)
    np.testing.assert_allclose(
        double.steps((one.mid, one.mid)).at(sizes), round_trip([double], sizes).total, rtol=1e-9, atol=1e-9
    )


def test_capacity_is_where_the_round_trip_costs_the_edge() -> None:
    legs = pair(fee=2e-4, funding_rate=-1e-4)
    mid = legs[0].entry.depth.mid
    for edge in (125e-4, 150e-4, 200e-4):
        found = capacity(legs, edge)
        assert found.ends == "edge"
        assert from_bps(float(round_trip(legs, found.size).bps)) == pytest.approx(edge, rel=1e-10)
        assert from_bps(float(round_trip(legs, found.size * 1.001).bps)) > edge
        assert found.notional == pytest.approx(found.size * mid, rel=1e-14)


def test_capacity_ends_with_the_book_or_never_begins() -> None:
    legs = pair()
    all_of_it = min(leg.entry.available for leg in legs), min(leg.exit.available for leg in legs)
    found = capacity(legs, 1.0)
    assert found.ends == "book"
    assert found.size == pytest.approx(min(all_of_it), rel=1e-12)
    assert capacity(legs, 1e-4) == (0.0, 0.0, "nothing")
    assert capacity(legs, -1.0).ends == "nothing"


def test_capacity_on_a_grid_is_never_beaten() -> None:
    legs = pair(fee=1e-4)
    there = min(way.available for leg in legs for way in (leg.entry, leg.exit))
    grid = np.linspace(0.0, there * 0.9, 4_001)[1:]
    share = from_bps(round_trip(legs, grid).bps)
    for edge in np.quantile(share, np.linspace(0.02, 0.98, 25)):
        below = grid[share <= edge]
        found = capacity(legs, float(edge)).size
        assert below[-1] <= found * (1 + 1e-12)
        assert found < (below[-1] + grid[1] - grid[0]) * (1 + 1e-12)


def test_break_even_is_cost_over_carry() -> None:
    found = break_even_h(np.array([20e-4, 20e-4, -1e-4, 20e-4]), np.array([1e-4, 0.0, 1e-4, -1e-4]))
    np.testing.assert_allclose(found, [20.0, np.inf, 0.0, np.inf], rtol=1e-12)


def test_legs_in_lots_hold_equal_coin_but_for_half_a_lot() -> None:
    spot = book([(100.0, 50.0)], id_="BTC-USDT.alpha", lot=0.001)
    perp = book([(100.0, 50.0)], id_="BTC-USDT-PERP.alpha", lot=0.1)
    found = in_lots([curve_of(spot, BUY, 0.0), curve_of(perp, SELL, 0.0)], 1.2345)
    assert found.sizes == pytest.approx((1.2, 1.2), rel=1e-12)
    assert found.orders == pytest.approx((1.2, -1.2), rel=1e-12)
    assert found.residual == pytest.approx(0.0, abs=1e-12)
    assert found.refused == ""


def test_an_inverse_leg_is_rounded_in_contracts_and_leaves_a_residual() -> None:
    spot = book([(50_000.0, 50.0)], [(49_990.0, 50.0)], lot=0.001)
    perp = book([(50_010.0, 9e4)], [(50_000.0, 9e4)], "BTC-USD-PERP.alpha", multiplier=100.0, lot=100.0)
    perp = perp.in_money("USDT", 1.0)
    found = in_lots([curve_of(spot, BUY, 0.0), curve_of(perp, SELL, 0.0)], 0.0333)
    assert found.orders == pytest.approx((0.032, -1600.0), rel=1e-12)
    assert found.residual == pytest.approx(0.032 - 1600.0 / 50_000.0, abs=1e-12)
    odd = in_lots([curve_of(spot, BUY, 0.0), curve_of(perp, SELL, 0.0)], 0.0305)
    assert odd.orders[1] == -1500.0
    assert abs(odd.residual) <= 0.0005 + 1e-12


def test_what_a_venue_would_not_take_is_said() -> None:
    spot = book([(100.0, 50.0)], lot=0.001, min_notional=5.0)
    perp = book([(100.0, 50.0)], id_="BTC-USDT-PERP.alpha", lot=0.001, min_notional=100.0)
    legs = [curve_of(spot, BUY, 0.0), curve_of(perp, SELL, 0.0)]
    assert in_lots(legs, 2.0).refused == ""
    assert in_lots(legs, 0.5).refused.startswith("BTC-USDT-PERP.alpha: 49.75 is less than it takes, 100")
    assert in_lots(legs, 0.0004).refused.startswith("BTC-USDT.alpha: 0 is less")


def test_random_residuals_stay_within_half_of_the_finer_lots() -> None:
    random = np.random.default_rng(6)
    for _ in range(200):
        lots = 10.0 ** random.integers(-4, 0, 2)
        one = book([(100.0, 50.0)], lot=float(lots[0]))
        other = book([(100.0, 50.0)], id_="BTC-USDT-PERP.alpha", lot=float(lots[1]))
        size = float(random.uniform(0.2, 9.0))
        found = in_lots([curve_of(one, BUY, 0.0), curve_of(other, SELL, 0.0)], size)
        assert abs(found.residual) <= 0.5 * lots.min() + 1e-9
        assert size - lots.max() - 1e-9 <= max(found.sizes) <= size + 0.5 * lots.min() + 1e-9


def test_steps_add_cut_and_end() -> None:
    one = Steps(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    other = Steps(np.array([2.0, 2.0]), np.array([0.0, 5.0]))
    both = added([one, other])
    np.testing.assert_array_equal(both.widths, [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(both.slopes, [1.0, 3.0, 8.0])
    np.testing.assert_array_equal(both.at(np.array([0.0, 2.5, 3.1])), [0.0, 8.0, np.inf])
    np.testing.assert_array_equal(one.between(0.5, 2.0).widths, [0.5, 1.0])
    nothing = one.between(0.0, 0.0)
    np.testing.assert_array_equal(nothing.at(np.array([0.0, 1.0])), [0.0, np.inf])
    assert added([one, nothing]).total == 0.0
