"""What must hold for every wallet: at the liquidation price margin equity equals maintenance."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from narrows.risk.liquidation import bankruptcy_price, least_step, liquidation_move, liquidation_price
from narrows.risk.margin import standing
from risk import plain
from risk.books import book_of, tables, tiers_of, wallets

Wallet = tuple[list[plain.PlainLeg], float, list[float]]
CLOSE = 1e-6


def room(legs: list[plain.PlainLeg], cash: float, prices: list[float]) -> float:
    _, margin_equity, maintenance = standing(book_of(legs), tiers_of(legs), cash, np.array(prices))
    return margin_equity - maintenance


def gross(leg: plain.PlainLeg, price: float) -> float:
    """Sum of the sizes of the terms that a leg's value is made of: what float64 has to resolve."""
    size = abs(leg.quantity) * leg.multiplier
    if leg.kind == "inverse":
        return (abs(leg.coin) + size / leg.mark) * price + size
    return size * (price + leg.mark) + abs(leg.coin)


def tolerance(legs: list[plain.PlainLeg], cash: float, prices: list[float]) -> float:
    """1e-6 of money; beyond a million of it, 1e-12 of what is added up."""
    terms = sum(gross(leg, price) for leg, price in zip(legs, prices, strict=True))
    return CLOSE * max(1.0, (abs(cash) + terms) / 1e6)


def at_end(legs: list[plain.PlainLeg], cash: float, prices: list[float], i: int, price: float) -> None:
    there = [price if j == i else p for j, p in enumerate(prices)]
    close = tolerance(legs, cash, there)
    assert abs(room(legs, cash, there)) < close
    beyond = price * (1 + 1e-6) if price > prices[i] else price * (1 - 1e-6)
    assert room(legs, cash, [beyond if j == i else p for j, p in enumerate(prices)]) < close
    between = [0.5 * (price + prices[i]) if j == i else p for j, p in enumerate(prices)]
    assert room(legs, cash, between) > -close


@settings(max_examples=200, deadline=None)
@given(wallets())
def test_T23_at_the_liquidation_price_equity_is_maintenance(wallet: Wallet) -> None:
    legs, cash, prices = wallet
    assume(room(legs, cash, prices) > 1.0)
    for i in range(len(legs)):
        below, above = liquidation_price(book_of(legs), tiers_of(legs), cash, np.array(prices), i)
        assert below < prices[i] < above
        for price, far in ((below, prices[i] * 1e-6), (above, prices[i] * 1e6)):
            if 0.0 < price < math.inf and (far < price < prices[i] or prices[i] < price < far):
                at_end(legs, cash, prices, i, price)
            elif price in (0.0, math.inf):  # nothing fails on a grid all the way either
                for share in np.geomspace(1e-4, 1.0, 60):
                    there = prices[i] * (share if price == 0.0 else 1.0 / share)
                    tried = [there if j == i else p for j, p in enumerate(prices)]
                    assert room(legs, cash, tried) > 0.0


@settings(max_examples=200, deadline=None)
@given(wallets(), st.integers(0, 5))
def test_an_isolated_leg_fails_where_its_own_margin_ends(wallet: Wallet, which: int) -> None:
    legs, _, prices = wallet
    i = which % len(legs)
    leg, price = legs[i], prices[i]
    assume(leg.margined)
    margin = 0.2 * abs(leg.notional(price)) * leg.rate - leg.value(price)
    assume(room([leg], margin, [price]) > 0.0)
    for end in liquidation_price(book_of([leg]), tiers_of([leg]), margin, np.array([price]), 0):
        if price * 1e-6 < end < price * 1e6:
            at_end([leg], margin, [price], 0, end)


@settings(max_examples=150, deadline=None)
@given(wallets(), st.sampled_from([-1.0, 1.0]), st.booleans(), st.data())
def test_a_joint_move_ends_where_equity_is_maintenance(
    wallet: Wallet, sign: float, mixed: bool, data: st.DataObject
) -> None:
    legs, cash, prices = wallet
    assume(room(legs, cash, prices) > 1.0)
    way = [data.draw(st.floats(-1.0, 1.0)) if mixed else sign for _ in legs]
    found = liquidation_move(
        book_of(legs), tiers_of(legs), cash, np.array(prices), np.array(way), np.empty(len(legs))
    )
    assert found > 0.0

    def after(move: float) -> float:
        return room(legs, cash, [p * (1.0 + move * w) for p, w in zip(prices, way, strict=True)])

    if found < min([1e4, *(-0.999 / w for w in way if w < 0.0)]):
        at = [p * (1.0 + found * w) for p, w in zip(prices, way, strict=True)]
        close = tolerance(legs, cash, at)
        assert abs(after(found)) < close
        assert after(0.999 * found) > -close
        assert after(found + 1e-6 * min(found, 1.0)) < close
    elif found == math.inf:
        last = min([100.0, *(-0.999 / w for w in way if w < 0.0)])
        assert min(after(last * share) for share in np.linspace(0.0, 1.0, 50)) > 0.0


@settings(max_examples=200, deadline=None)
@given(wallets())
def test_one_leg_moved_alone_ends_at_its_liquidation_price(wallet: Wallet) -> None:
    legs, cash, prices = wallet
    assume(room(legs, cash, prices) > 1.0)
    book, tiers, at = book_of(legs), tiers_of(legs), np.array(prices)
    for i in range(len(legs)):
        below, above = liquidation_price(book, tiers, cash, at, i)
        for sign, price in ((-1.0, below), (1.0, above)):
            if prices[i] * 1e-3 < price < prices[i] * 1e3:
                way = np.array([sign * float(j == i) for j in range(len(legs))])
                move = liquidation_move(book, tiers, cash, at, way, np.empty(len(legs)))
                assert prices[i] * (1.0 + sign * move) == pytest.approx(price, rel=1e-6)


@settings(max_examples=200, deadline=None)
@given(wallets())
def test_at_the_bankruptcy_price_nothing_is_left(wallet: Wallet) -> None:
    legs, cash, prices = wallet
    book, tiers = book_of(legs), tiers_of(legs)
    for i in range(len(legs)):
        price = bankruptcy_price(book, tiers, cash, np.array(prices), i)
        if prices[i] * 1e-6 < price < prices[i] * 1e6:
            there = np.array([price if j == i else p for j, p in enumerate(prices)])
            assert abs(standing(book, tiers, cash, there)[0]) < tolerance(legs, cash, there.tolist())


@settings(max_examples=300, deadline=None)
@given(wallets(), st.floats(0.3, 1.0), st.sampled_from([0.0, 0.002, 0.015]), st.data())
def test_the_least_step_is_enough_and_less_is_not(
    wallet: Wallet, target: float, fee: float, data: st.DataObject
) -> None:
    legs, _, prices = wallet
    i = data.draw(st.integers(0, len(legs) - 1))
    book, tiers, at = book_of(legs), tiers_of(legs), np.array(prices)
    _, margin_equity, maintenance = standing(book, tiers, 0.0, at)
    assume(maintenance > 0.0)
    cash = maintenance * data.draw(st.floats(0.2, 1.6)) - margin_equity

    def short_of(share: float) -> float:
        """Target margin less maintenance after closing a share of the leg at its price."""
        leg = legs[i]
        was = leg.quantity
        equity = standing(book, tiers, cash, at)[1] - fee * share * leg.notional(prices[i]) * leg.rate
        leg.quantity = was * (1.0 - share)
        kept = standing(book_of(legs), tiers, cash, at)[2]
        leg.quantity = was
        return target * equity - kept

    share = least_step(book, tiers, cash, at, i, fee, target)
    assert 0.0 <= share <= 1.0
    if not legs[i].margined:
        assert share in (0.0, 1.0)
    elif share == 0.0:
        assert short_of(0.0) >= 0.0
    else:
        assert share == 1.0 or short_of(share) == pytest.approx(0.0, abs=1e-6 * max(1.0, maintenance))
        worst = max(short_of(part) for part in np.linspace(0.0, share, 40)[:-1])
        assert worst < 1e-6 * max(1.0, maintenance)


@settings(max_examples=100, deadline=None)
@given(tables(1e4), st.floats(1.0, 1e5))
def test_deductions_make_maintenance_continuous_and_never_above_the_rate(
    rows: list[plain.Tier], size: float
) -> None:
    leg = plain.PlainLeg("linear", 1.0, 1.0, tiers=rows)
    for row in rows[1:]:
        before, after = leg.maintenance(row.floor), leg.maintenance(math.nextafter(row.floor, math.inf))
        assert before == pytest.approx(after, rel=1e-12)
    assert 0.0 <= leg.maintenance(size) <= size * rows[-1].rate
