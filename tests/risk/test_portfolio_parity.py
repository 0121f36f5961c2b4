"""Compiled portfolio margin is its specification, bit for bit."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from narrows.risk import portfolio
from narrows.rulebook import PortfolioRule
from risk import plain_portfolio as plain
from risk.plain_portfolio import PlainLeg
from risk.portfolios import books, margined

Book = tuple[list[PlainLeg], list[PortfolioRule], list[float]]


@settings(max_examples=400, deadline=None)
@given(books())
def test_margins_and_their_parts_are_the_specification(book: Book) -> None:
    legs, rules, rates = book
    compiled = margined(legs, rules, rates)
    assert compiled.maintenance() == plain.maintenance(legs, rules, rates)
    assert compiled.initial() == plain.initial(legs, rules, rates)
    for g, one in enumerate(plain.underlyings(legs, rules, rates)):
        told = compiled.room.parts[g].tolist()
        parts = [one.worst(), one.basis(), one.delta_shock(), one.shorts, one.stable()]
        assert told == [*parts, one.rule.minimum * one.gross]


@settings(max_examples=100, deadline=None)
@given(books())
def test_legs_of_other_wallets_set_to_zero_are_as_if_they_were_not_there(book: Book) -> None:
    legs, rules, rates = book
    others = [replace(leg, quantity=0.0, coin=0.0, price=np.nan) for leg in legs]
    mixed = [one for pair in zip(legs, others, strict=True) for one in pair]
    assert margined(mixed, rules, rates).maintenance() == margined(legs, rules, rates).maintenance()


def test_asking_twice_gives_the_same() -> None:
    """Nothing of one wallet is left in the scratch when the next one is asked about."""
    rule = PortfolioRule(
        method="grid", moves=(-0.1, 0.0, 0.1), volatility_up=0.5, volatility_down=0.2, basis_min=0.01
    )
    leg = PlainLeg("option", -1.0, 100.0, years=0.1, strike=120.0)
    both = margined([leg, PlainLeg("linear", 1.0, 100.0)], [rule])
    first = both.maintenance()
    both.positions.quantity[:] = [0.0, 1.0]
    assert both.maintenance() == 0.1 * 100.0 + 0.01 * 100.0
    assert both.room.parts[0, portfolio.BASIS] == 1.0
    both.positions.quantity[:] = [-1.0, 1.0]
    assert both.maintenance() == first
