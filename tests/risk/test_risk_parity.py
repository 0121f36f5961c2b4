"""Margin and liquidation compiled and as specified give the same bits, for wallets of every make."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.risk import liquidation, margin
from risk import plain
from risk.books import book_of, tiers_of, wallets

Wallet = tuple[list[plain.PlainLeg], float, list[float]]


def same_bits(ours: object, theirs: object, what: str) -> None:
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert a.shape == b.shape, what
    assert ((a == b) | (np.isnan(a) & np.isnan(b))).all(), f"{what}: {a!r} {b!r}"


@settings(max_examples=300, deadline=None)
@given(wallets(), st.floats(0.2, 1.0), st.floats(0.0, 0.02))
def test_compiled_equals_the_specification(wallet: Wallet, target: float, fee: float) -> None:
    legs, cash, prices = wallet
    book, tiers, at = book_of(legs), tiers_of(legs), np.array(prices)
    same_bits(margin.standing(book, tiers, cash, at), plain.standing(legs, cash, prices), "standing")
    leverage = np.full(len(legs), 7.0)
    whole = 0.0
    for leg, price in zip(legs, prices, strict=True):
        whole += leg.initial(price, 7.0) * leg.rate if leg.margined else 0.0
    same_bits(margin.initial_margin(book, tiers, at, leverage), whole, "initial margin")
    for i in range(len(legs)):
        same_bits(
            liquidation.liquidation_price(book, tiers, cash, at, i),
            plain.liquidation_price(legs, cash, prices, i),
            "liquidation price",
        )
        same_bits(
            liquidation.bankruptcy_price(book, tiers, cash, at, i),
            plain.bankruptcy_price(legs, cash, prices, i),
            "bankruptcy price",
        )
        same_bits(
            liquidation.least_step(book, tiers, cash, at, i, fee, target),
            plain.least_step(legs, cash, prices, i, fee, target),
            "least step",
        )


@settings(max_examples=300, deadline=None)
@given(wallets(), st.data())
def test_joint_moves_equal_the_specification(wallet: Wallet, data: st.DataObject) -> None:
    legs, cash, prices = wallet
    way = [data.draw(st.sampled_from([-1.0, 1.0, 0.0, -0.4, 1.7])) for _ in legs]
    found = liquidation.liquidation_move(
        book_of(legs), tiers_of(legs), cash, np.array(prices), np.array(way), np.empty(len(legs))
    )
    same_bits(found, plain.liquidation_move(legs, cash, prices, way), "joint move")
