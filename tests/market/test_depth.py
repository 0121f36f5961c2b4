import math

import numpy as np
import pytest

from narrows.core.arrays import Float1D
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.market.depth import BUY, SELL, Depth, depth_from_ticks, depth_of, merged, standing
from narrows.market.impact import impact_law

SPOT = instrument("BTC-USDT.alpha")
INVERSE = instrument("BTC-USD-PERP.alpha", multiplier=100.0)


def levels(*pairs: tuple[float, float]) -> tuple[Float1D, Float1D]:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def simple(bid: float = 99.0, ask: float = 101.0, id_: str = "BTC-USDT.alpha") -> Depth:
    return depth_of(instrument(id_), levels((bid, 2.0), (98.0, 4.0)), levels((ask, 1.0), (102.0, 3.0)))


def test_mid_spread_reach_and_what_rests_within() -> None:
    one = simple()
    assert one.mid == 100.0
    assert one.half_spread == pytest.approx(0.01, rel=1e-14)
    assert one.reach == pytest.approx((0.02, 0.02), rel=1e-12)
    assert one.within(0.01) == (198.0, 101.0)
    assert one.within(0.02) == (198.0 + 392.0, 101.0 + 306.0)
    assert one.within(0.005) == (0.0, 0.0)
    np.testing.assert_array_equal(one.quoted(BUY), [101.0, 306.0])


def test_contracts_become_coin_by_their_kind() -> None:
    linear = depth_of(instrument("BTC-USDT-PERP.okx", multiplier=0.01), levels((99, 50)), levels((101, 70)))
    assert float(linear.asks[1][0]) == pytest.approx(0.7, rel=1e-15)
    inverse = depth_of(INVERSE, levels((50_000.0, 5), (40_000.0, 8)), levels((60_000.0, 3)))
    np.testing.assert_allclose(inverse.bids[1], [0.01, 0.02], rtol=1e-15)
    np.testing.assert_allclose(inverse.quoted(SELL), [500.0, 800.0], rtol=1e-15)


def test_ticks_and_lots_are_the_decimals_that_they_stand_for() -> None:
    ticks = np.array([6183763, 6183762, 6183724]), np.array([378826000, 61700000, 10610000])
    asks = np.array([6183764]), np.array([160520000])
    one = depth_from_ticks(SPOT, ticks, asks, 0.01, 1e-8)
    np.testing.assert_array_equal(one.bids[0], [61837.63, 61837.62, 61837.24])
    np.testing.assert_array_equal(one.bids[1], [3.78826, 0.617, 0.1061])
    wide = depth_from_ticks(SPOT, (np.array([20]), np.array([3])), (np.array([21]), np.array([4])), 5.0, 10.0)
    assert (wide.bids[0][0], wide.asks[0][0], wide.asks[1][0]) == (100.0, 105.0, 40.0)


@pytest.mark.parametrize(
    ("bids", "asks", "told"),
    [
        (levels((101, 1)), levels((100, 1)), "crossed: bid 101, ask 100"),
        (levels((100, 1)), levels((100, 1)), "crossed: bid 100, ask 100"),
        (levels(), levels((100, 1)), "no bids"),
        (levels((99, 1)), levels(), "no asks"),
        (levels((99, 1), (math.nan, 1)), levels((100, 1)), "price nan of bids in level 1"),
        (levels((99, 1)), levels((100, math.nan)), "size nan of asks in level 0"),
        (levels((99, -1)), levels((100, 1)), "size -1.0 of bids in level 0"),
        (levels((99, 0)), levels((100, 1)), "size 0.0 of bids in level 0"),
        (levels((0, 1)), levels((100, 1)), "price 0.0 of bids"),
        (levels((98, 1), (99, 1)), levels((100, 1)), "bids are not in order"),
        (levels((99, 1)), levels((101, 1), (101, 2)), "asks are not in order"),
        ((np.array([99.0]), np.array([1.0, 2.0])), levels((101, 1)), "1 prices and 2 sizes of bids"),
    ],
)
def test_a_book_in_doubt_is_refused_in_one_line(
    bids: tuple[Float1D, Float1D], asks: tuple[Float1D, Float1D], told: str
) -> None:
    with pytest.raises(DataError) as caught:
        depth_of(SPOT, bids, asks)
    assert told in str(caught.value)
    assert "BTC-USDT.alpha" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parameters_out_of_range_are_refused() -> None:
    one = simple()
    for call in (
        lambda: one.facing(0),
        lambda: one.within(0.0),
        lambda: one.haircut(1.0),
        lambda: one.haircut(-0.1),
        lambda: one.in_money("USD", 0.0),
        lambda: one.in_money("USD", math.nan),
        lambda: merged([], BUY),
        lambda: standing([]),
        lambda: standing([one, simple(id_="BTC-USDT.beta")]),
        lambda: depth_from_ticks(SPOT, one.bids, one.asks, 0.0, 1.0),  # type: ignore[arg-type]
        lambda: depth_from_ticks(SPOT, one.bids, one.asks, 1.0, math.nan),  # type: ignore[arg-type]
    ):
        with pytest.raises(ConfigError):
            call()


def test_a_quanto_contract_has_no_size_in_coin() -> None:
    quanto = instrument("ETH-USD-PERP.bitmex", contract="quanto", settle="BTC")
    with pytest.raises(ConfigError, match="no size in coin"):
        depth_of(quanto, levels((99, 1)), levels((101, 1)))


def test_a_haircut_leaves_prices_and_takes_its_share_of_every_size() -> None:
    half = simple().haircut(0.5)
    np.testing.assert_array_equal(half.bids[1], [1.0, 2.0])
    np.testing.assert_array_equal(half.asks[1], [0.5, 1.5])
    np.testing.assert_array_equal(half.asks[0], simple().asks[0])


def test_what_stood_through_is_the_least_size_at_each_price() -> None:
    old = depth_of(SPOT, levels((99, 1), (98, 9), (97, 3)), levels((101, 5), (102, 2)))
    new = depth_of(SPOT, levels((99, 2), (98, 4), (96, 7)), levels((101, 5), (103, 1)))
    both = standing([old, new])
    np.testing.assert_array_equal(both.bids[0], [99, 98])
    np.testing.assert_array_equal(both.bids[1], [1, 4])
    np.testing.assert_array_equal(both.asks[0], [101])
    np.testing.assert_array_equal(both.asks[1], [5])
    np.testing.assert_array_equal(standing([new]).bids[1], new.bids[1])
    np.testing.assert_array_equal(new.bids[1], [2, 4, 7])  # untouched
    moved = depth_of(SPOT, levels((99, 2)), levels((104, 5)))
    with pytest.raises(DataError, match="no asks stood through 2 snapshots"):
        standing([old, moved])


def test_merged_books_are_one_queue_and_may_cross() -> None:
    alpha, beta = simple(), simple(bid=101.5, ask=101.75, id_="BTC-USDT.beta")
    asks, bids = merged([alpha, beta], BUY), merged([alpha, beta], SELL)
    np.testing.assert_array_equal(asks.prices, [101.0, 101.75, 102.0, 102.0])
    np.testing.assert_array_equal(asks.source, [0, 1, 0, 1])
    np.testing.assert_array_equal(bids.prices, [101.5, 99.0, 98.0, 98.0])
    assert bids.prices[0] > asks.prices[0]


def test_books_in_two_currencies_are_not_merged_until_one_is_brought_over() -> None:
    alpha, beta = simple(), simple(id_="BTC-USDC.beta")
    with pytest.raises(ConfigError, match="USDC and USDT"):
        merged([alpha, beta], BUY)
    over = beta.in_money("USDT", 1.001)
    assert float(over.asks[0][0]) == pytest.approx(101.101, rel=1e-14)
    np.testing.assert_array_equal(over.asks[1], beta.asks[1])
    assert len(merged([alpha, over], BUY).prices) == 4


def test_T70_square_root_law() -> None:
    """Y = 1, 2 % a day, 1 % of the day's volume: 20 bp at the end, 13.3333 bp on average."""
    law = impact_law(1.0, 0.02, 100.0)
    assert float(law.peak(1.0)) == pytest.approx(20e-4, rel=1e-15)
    assert float(law.mean(1.0)) == pytest.approx(40e-4 / 3.0, rel=1e-15)
    assert float(law.peak(0.0)) == 0.0
    np.testing.assert_allclose(law.peak(np.array([4.0, 9.0])), [40e-4, 60e-4], rtol=1e-15)


def test_the_mean_is_the_integral_of_the_peak() -> None:
    law, size = impact_law(0.7, 0.03, 5_000.0), 40.0
    middle = np.linspace(size / 2e5, size - size / 2e5, 100_000)
    assert float(law.mean(size)) == pytest.approx(float(law.peak(middle).mean()), rel=1e-7)


@pytest.mark.parametrize(
    "bad", [(0.0, 0.02, 1.0), (1.0, math.nan, 1.0), (1.0, 0.02, -5.0), (1, 0.02, math.inf)]
)
def test_a_law_without_sense_is_refused(bad: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError):
        impact_law(*bad)
