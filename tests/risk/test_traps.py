"""Set-ups in which other systems gave a wrong answer, with the right one."""

import math
from datetime import datetime

import numpy as np
import pytest

from narrows.core.time import to_ns
from narrows.risk.contract import LINEAR, funding_received, profit
from narrows.risk.liquidation import liquidation_move, liquidation_price
from narrows.risk.margin import initial_margin, standing
from narrows.rulebook.funding import held_at, on_boundary
from risk.books import book_of, tiers_of
from risk.plain import PlainLeg, Tier

TWO_PERCENT = [Tier(0.0, 0.02, 0.0, 50.0)]
approx = pytest.approx


def short(price: float) -> PlainLeg:
    return PlainLeg("linear", -1.0, price, tiers=TWO_PERCENT)


def above(legs: list[PlainLeg], cash: float, i: int) -> float:
    prices = np.array([leg.mark for leg in legs])
    return liquidation_price(book_of(legs), tiers_of(legs), cash, prices, i)[1]


def test_trap_A_a_short_receives_its_funding() -> None:
    assert funding_received(LINEAR, -1.0, 110_000.0, 0.001, 1.0) == approx(110.0)


def test_trap_B_a_stamp_three_milliseconds_late_pays() -> None:
    boundary = to_ns(datetime(2025, 1, 1, 8))
    stamp = on_boundary(np.array([boundary + 3_000_000]), 8.0, 1.0)
    held = held_at(stamp, np.array([boundary - 1]), np.array([-1.0]))
    assert funding_received(LINEAR, held[0], 100_000.0, 0.001, 1.0) == approx(100.0)


def test_trap_C_maintenance_is_on_the_mark() -> None:
    assert above([short(100_000.0)], 12_000.0, 0) == approx(112_000.0 / 1.02)  # 109 804, not 110 000


@pytest.mark.parametrize("leverage", [1.0, 10.0])
def test_trap_C2_leverage_changes_initial_margin_and_not_maintenance(leverage: float) -> None:
    legs = [short(100_000.0)]
    book, tiers, prices = book_of(legs), tiers_of(legs), np.array([100_000.0])
    assert initial_margin(book, tiers, prices, np.array([leverage])) == approx(100_000.0 / leverage)
    assert standing(book, tiers, 12_000.0, prices)[2] == approx(2_000.0)


def test_trap_D_a_hedged_coin_survives_its_doubling() -> None:
    """30 000 buy a coin at 100 000 on credit: the loan is negative cash; the coin is owned, not margined."""
    legs = [PlainLeg("spot", 1.0, 100_000.0), short(100_000.0)]
    book, tiers = book_of(legs), tiers_of(legs)
    equity, margin_equity, maintenance = standing(
        book, tiers, 30_000.0 - 100_000.0, np.array([200_000.0, 200_000.0])
    )
    assert (equity, margin_equity, maintenance) == approx((30_000.0, 30_000.0, 4_000.0))


def test_trap_E_coin_collateral_counts() -> None:
    legs = [PlainLeg("spot", 1.0, 100_000.0, weight=0.95), short(100_000.0)]
    prices = np.array([100_000.0, 100_000.0])
    rise = liquidation_move(book_of(legs), tiers_of(legs), 5_000.0, prices, np.ones(2), np.empty(2))
    assert rise == approx(
        105_000.0 / (0.05 + 0.02) / 100_000.0 - 1.0
    )  # 14-fold, where 3 % was the end elsewhere
    ignored = [PlainLeg("spot", 1.0, 100_000.0, weight=0.0), short(100_000.0)]
    rise = liquidation_move(book_of(ignored), tiers_of(ignored), 5_000.0, prices, np.ones(2), np.empty(2))
    assert rise == approx(105_000.0 / 1.02 / 100_000.0 - 1.0)


def test_trap_G_a_future_is_settled_at_its_settlement_price() -> None:
    """Short at 100 000, last quoted 102 000, settled at 101 234.5."""
    assert profit(LINEAR, -1.0, 100_000.0, 101_234.5, 1.0) == approx(-1_234.5)


def test_trap_K_wallets_on_two_venues_do_not_help_each_other() -> None:
    """Spot on one venue, a short with 20 000 on the other: the short fails at 120 000/1.02, +17.6 %."""
    perp, spot = [short(100_000.0)], [PlainLeg("spot", 1.0, 100_000.0)]
    assert above(perp, 20_000.0, 0) == approx(120_000.0 / 1.02)
    assert above(spot, 0.0, 0) == math.inf
    assert standing(book_of(spot), tiers_of(spot), 0.0, np.array([130_000.0])) == (130_000.0, 130_000.0, 0.0)
    assert above([*spot, *perp], 20_000.0, 1) == approx(220_000.0 / 1.02)  # the coin holds its price there
