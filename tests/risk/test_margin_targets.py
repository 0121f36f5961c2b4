"""Margin and liquidation against published examples and worked numbers."""

import math

import numpy as np
import pytest

from narrows.core.errors import ConfigError
from narrows.risk.liquidation import bankruptcy_price, liquidation_move, liquidation_price
from narrows.risk.margin import deductions, initial_margin, standing
from risk.books import book_of, tiers_of
from risk.plain import PlainLeg, Tier

approx = pytest.approx
BTC, ETH = 31_967.27, 1_335.18
WALLET = 1_535_443.01


def flat(rate: float, max_leverage: float = math.inf, deduction: float = 0.0) -> list[Tier]:
    return [Tier(0.0, rate, deduction, max_leverage)]


def price_of(leg: PlainLeg, cash: float, price: float) -> tuple[float, float]:
    return liquidation_price(book_of([leg]), tiers_of([leg]), cash, np.array([price]), 0)


def binance_example() -> list[PlainLeg]:
    """The two longs of Binance's example for cross margin in one-way mode, in the tiers that it names."""
    return [
        PlainLeg("linear", 3_683.979, 1_456.84, tiers=flat(0.10, deduction=135_365.0)),
        PlainLeg("linear", 109.488, 32_481.98, tiers=flat(0.025, deduction=16_300.0)),
    ]


def test_T21_binance_cross_margin_liquidation_prices_to_the_cent() -> None:
    legs = binance_example()
    book, tiers, prices = book_of(legs), tiers_of(legs), np.array([ETH, BTC])
    eth = liquidation_price(book, tiers, WALLET, prices, 0)
    btc = liquidation_price(book, tiers, WALLET, prices, 1)
    assert eth == approx((1_153.26, math.inf), abs=0.005)
    assert btc == approx((26_316.89, math.inf), abs=0.005)


@pytest.mark.parametrize(
    ("leg", "price", "maintenance", "profit"),
    [(1, BTC, 71_200.81144, -56_354.57), (0, ETH, 356_512.508, -448_192.89)],
)
def test_T22_binance_maintenance_and_profit_of_the_example(
    leg: int, price: float, maintenance: float, profit: float
) -> None:
    one = [binance_example()[leg]]
    equity, _, needed = standing(book_of(one), tiers_of(one), 0.0, np.array([price]))
    assert needed == approx(maintenance, abs=0.01)
    assert equity == approx(profit, abs=0.01)


def test_T24_coin_margined_maintenance_amount_of_the_fifth_tier() -> None:
    """The FAQ's 50 BTC × (5 % − 2.5 %) on top of the fourth tier's 0.56 is 1.81, whatever lies below."""
    floor = np.array([0.0, 5.0, 10.0, 20.0, 50.0])
    rate = np.array([0.004, 0.005, 0.01, 0.025, 0.05])
    assert deductions(floor, rate).tolist() == approx([0.0, 0.005, 0.055, 0.355, 1.605])
    step = np.diff(deductions(floor, rate))[-1]
    assert 0.56 + step == approx(1.81, abs=1e-9)


def deribit(kind: str, quantity: float, price: float) -> tuple[float, float]:
    """Initial and maintenance margin: 2 % and 1 % of the notional, and 0.005 % for each BTC of size."""
    legs = [PlainLeg(kind, quantity, price, in_base=True, per_unit=5e-5, tiers=flat(0.01, 50.0))]
    book, tiers, prices = book_of(legs), tiers_of(legs), np.array([price])
    return initial_margin(book, tiers, prices, np.array([50.0])), standing(book, tiers, 0.0, prices)[2]


def test_T25_deribit_margin_rises_with_size() -> None:
    initial, maintenance = deribit("linear", 25.0, 100_000.0)
    assert (initial, maintenance) == approx((53_125.0, 28_125.0), abs=1e-9)
    assert deribit("linear", 350.0, 100_000.0)[0] == approx(1_312_500.0, abs=1e-9)
    inverse = deribit("inverse", 35_000_000.0, 100_000.0)[0]
    assert inverse / 100_000.0 == approx(13.125, abs=1e-12)  # BTC


def test_T26_bybit_inverse_bankruptcy_price() -> None:
    size, entry, leverage = 10_000.0, 7_890.08, 50.0
    leg = PlainLeg("inverse", size, entry, coin=size / entry / leverage)
    found = bankruptcy_price(book_of([leg]), tiers_of([leg]), 0.0, np.array([entry]), 0)
    assert found == approx(7_735.372549, abs=1e-6)
    assert found == approx(entry * leverage / (leverage + 1.0), rel=1e-12)


def test_T27_inverse_liquidation_prices_long_and_short() -> None:
    long = PlainLeg("inverse", 50_000.0, 50_000.0, coin=0.2)
    short = PlainLeg("inverse", -50_000.0, 50_000.0, coin=0.2)
    assert price_of(long, 0.0, 50_000.0) == approx((41_875.0, math.inf), abs=1e-6)
    assert price_of(short, 0.0, 50_000.0) == approx((0.0, 62_187.5), abs=1e-6)


@pytest.mark.parametrize("price", [1e3, 1e4, 5e4, 3e5, 1e7])
def test_T20_the_synthetic_dollar_is_never_liquidated(price: float) -> None:
    leg = PlainLeg("inverse", -50_000.0, 50_000.0, coin=1.0)
    equity, _, maintenance = standing(book_of([leg]), tiers_of([leg]), 0.0, np.array([price]))
    assert equity == approx(50_000.0, rel=1e-12)
    assert maintenance / equity == approx(0.005, abs=1e-9)
    assert price_of(leg, 0.0, price) == (0.0, math.inf)


@pytest.mark.parametrize("entry", [48_123.7, 3_217.31, 0.07])
def test_the_synthetic_dollar_has_no_liquidation_price_for_float_noise_either(entry: float) -> None:
    size = 54_321.0
    leg = PlainLeg("inverse", -size, entry, coin=size / entry * (1.0 + 2e-16))
    assert price_of(leg, 0.0, entry) == (0.0, math.inf)


@pytest.mark.parametrize(("side", "move"), [(1.0, -0.32998), (-1.0, 0.32670)])
def test_isolated_leverage_three(side: float, move: float) -> None:
    """Long (1 − 1/L)/(1 − mmr), short (1 + 1/L)/(1 + mmr): an isolated leg is a wallet of its own."""
    below, above = price_of(PlainLeg("linear", 30.0 * side, 100.0), 1_000.0, 100.0)
    found = below if side > 0.0 else above
    assert found / 100.0 - 1.0 == approx(move, abs=5e-6)


def test_a_hedged_coin_as_collateral_stands_an_eighteenfold_rise() -> None:
    """(1 + c)/(h + mmr) with no cash, a haircut of 5 %, 0.5 % maintenance."""
    legs = [PlainLeg("spot", 1.0, 100.0, weight=0.95), PlainLeg("linear", -1.0, 100.0)]
    prices = np.array([100.0, 100.0])
    rise = liquidation_move(book_of(legs), tiers_of(legs), 0.0, prices, np.ones(2), np.empty(2))
    assert 1.0 + rise == approx(1.0 / 0.055, rel=1e-9)
    fall = liquidation_move(book_of(legs), tiers_of(legs), 0.0, prices, -np.ones(2), np.empty(2))
    assert fall == math.inf


def test_the_tier_is_that_of_the_liquidation_price_not_of_today() -> None:
    """Short 10 at 100 with 500: in the first tier (1 %) it would fail at 1500/10.1 = 148.5, where 2 % hold.

    Its notional is above 1200 there: 1500 − 10 p = 0.02 × 10 p − 12, so 1512/10.2.
    """
    rows = [Tier(0.0, 0.01, 0.0, 50.0), Tier(1200.0, 0.02, 12.0, 25.0)]
    leg = PlainLeg("linear", -10.0, 100.0, tiers=rows)
    assert price_of(leg, 500.0, 100.0) == approx((0.0, 1512.0 / 10.2), rel=1e-12)


def test_a_jump_of_maintenance_is_where_the_walk_ends() -> None:
    """Without a deduction maintenance jumps from 12 to 300 at a notional of 1200: at a price of 120."""
    rows = [Tier(0.0, 0.01, 0.0, 50.0), Tier(1200.0, 0.25, 0.0, 4.0)]
    leg = PlainLeg("linear", -10.0, 100.0, tiers=rows)
    assert price_of(leg, 490.0, 100.0)[1] == 120.0  # 290 left, 12 needed below, 300 above


def test_what_has_failed_already_is_liquidated_at_the_price_itself() -> None:
    leg = PlainLeg("linear", 10.0, 100.0)
    assert price_of(leg, 0.0, 90.0) == (90.0, 90.0)
    move = liquidation_move(
        book_of([leg]), tiers_of([leg]), 0.0, np.array([90.0]), np.array([1.0]), np.empty(1)
    )
    assert move == 0.0


def test_a_price_that_is_not_known_gives_none() -> None:
    legs = [PlainLeg("linear", 10.0, 100.0), PlainLeg("linear", -1.0, 50.0)]
    prices = np.array([100.0, math.nan])
    assert all(math.isnan(p) for p in liquidation_price(book_of(legs), tiers_of(legs), 1e4, prices, 0))
    empty = [legs[0], PlainLeg("linear", 0.0, math.nan)]
    assert liquidation_price(book_of(empty), tiers_of(empty), 500.0, prices, 0)[0] == approx(500 / 9.95)


@pytest.mark.parametrize(
    ("floor", "rate", "says"),
    [
        ([1.0, 2.0], [0.1, 0.2], "floors"),
        ([0.0, 0.0], [0.1, 0.2], "floors"),
        ([0.0, 1.0], [0.2, 0.1], "rates"),
    ],
)
def test_a_table_out_of_order_is_refused(floor: list[float], rate: list[float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        deductions(np.array(floor), np.array(rate))
