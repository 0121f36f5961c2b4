"""What must hold for every book under portfolio margin."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from narrows.risk.contract import INVERSE, LINEAR, SPOT, profit
from narrows.risk.options import CALL, PUT, black
from narrows.risk.portfolio import BASIS, DELTA, WORST
from narrows.rulebook import PortfolioRule
from risk.plain_portfolio import PlainLeg, shocked
from risk.portfolios import legs, margined, rules

LINEARS = ("linear", "inverse")
WAYS = {1: "up", 0: "same", -1: "down"}


def parts(book: list[PlainLeg], rule: PortfolioRule) -> list[float]:
    ready = margined(book, [rule])
    ready.maintenance()
    return [float(part) for part in ready.room.parts[0]]


def value(leg: PlainLeg) -> float:
    return leg.size * leg.rate if leg.kind == "inverse" else leg.size * leg.price * leg.rate


@settings(max_examples=300, deadline=None)
@given(st.lists(legs(LINEARS, 1), min_size=1, max_size=6), legs(LINEARS, 1), rules(), st.floats(0.0, 1.0))
def test_a_hedge_never_raises_margin_beyond_its_own_add_ons(
    book: list[PlainLeg], hedge: PlainLeg, rule: PortfolioRule, share: float
) -> None:
    """A leg against the net delta, of no more than that, costs at most its basis, dollars and minimum.

    At one price: at several, a delta in coins may rise as it falls in money, and its shock with it.
    """
    book = [replace(leg, price=50_000.0, rate=1.0, coin=0.0) for leg in book]
    hedge = replace(hedge, price=50_000.0, rate=1.0, coin=0.0)
    net = sum(value(leg) for leg in book)
    assume(value(hedge) != 0.0 and abs(net) > 1e-6)
    hedge = replace(hedge, quantity=-hedge.quantity * share * net / value(hedge))
    size = abs(value(hedge))
    own = size * (max(rule.basis_min, rule.basis_annual * hedge.years) + rule.stable_move + rule.minimum)
    tolerance = 1e-9 * (sum(abs(value(leg)) for leg in book) + size)
    before, after = margined(book, [rule]), margined([*book, hedge], [rule])
    assert after.maintenance() <= before.maintenance() + rule.maintenance_factor * own + tolerance
    for part in (WORST, DELTA):
        assert after.room.parts[0, part] <= before.room.parts[0, part] + tolerance


@settings(max_examples=150, deadline=None)
@given(
    st.lists(legs(underlyings=1), min_size=1, max_size=5),
    st.lists(legs(underlyings=1), min_size=1, max_size=5),
    rules(relieved=False),
)
def test_two_books_together_never_need_more_than_apart(
    one: list[PlainLeg], other: list[PlainLeg], rule: PortfolioRule
) -> None:
    """Where no allowance and no threshold is each account's own."""
    rule = msgspec.structs.replace(rule, minimum=0.0)
    together = margined([*one, *other], [rule]).maintenance()
    apart = margined(one, [rule]).maintenance() + margined(other, [rule]).maintenance()
    assert together <= apart + 1e-9 * (1.0 + apart + sum(abs(value(leg)) for leg in [*one, *other]))


@settings(max_examples=150, deadline=None)
@given(st.lists(legs(underlyings=1), min_size=1, max_size=5), rules(relieved=False), st.floats(0.1, 10.0))
def test_margin_grows_with_the_book(book: list[PlainLeg], rule: PortfolioRule, times: float) -> None:
    larger = [replace(leg, quantity=leg.quantity * times, coin=leg.coin * times) for leg in book]
    before = margined(book, [rule]).maintenance()
    gross = sum(abs(value(leg)) for leg in book)
    close = pytest.approx(times * before, rel=1e-12, abs=1e-12 * times * gross)
    assert margined(larger, [rule]).maintenance() == close


def revalued(leg: PlainLeg, rule: PortfolioRule, move: float, way: int) -> float:
    """What a leg gains in a scenario, in quote at the price it comes to: bought again at the new price."""
    there = leg.price * (1.0 + move)
    if leg.kind == "option":
        right = CALL if leg.call else PUT
        now = black(leg.price, leg.strike, leg.years, leg.volatility, right)
        then = black(there, leg.strike, leg.years, shocked(leg, rule, WAYS[way]), right)
        paid = now * (1.0 + move) if rule.valued_in == "coin" else now
        return leg.size * (then - paid) * leg.rate
    if leg.kind == "spot":
        owned = leg.quantity > 0.0 and not rule.spot_offsets
        return 0.0 if owned else profit(SPOT, leg.quantity, leg.price, there, leg.multiplier) * leg.rate
    if leg.kind == "inverse":
        gained = profit(INVERSE, leg.quantity, leg.price, there, leg.multiplier) * there
        held = leg.coin * (there - leg.price) if rule.spot_offsets and rule.valued_in == "quote" else 0.0
        return (gained + held) * leg.rate
    return profit(LINEAR, leg.quantity, leg.price, there, leg.multiplier) * leg.rate


@settings(max_examples=200, deadline=None)
@given(st.lists(legs(underlyings=1), min_size=1, max_size=6), rules())
def test_the_worst_loss_is_that_of_revaluing_leg_by_leg(book: list[PlainLeg], rule: PortfolioRule) -> None:
    losses = [0.0]
    for one in rule.scenarios():
        gain = sum(revalued(leg, rule, one.move, one.volatility) for leg in book)
        losses.append((-gain * one.damping - one.relief) / (1.0 + one.settled))
    gross = sum(leg.price * abs(leg.size) + abs(value(leg)) for leg in book)
    assert parts(book, rule)[WORST] == pytest.approx(max(losses), rel=1e-9, abs=1e-12 * gross)


@settings(max_examples=100, deadline=None)
@given(st.lists(legs(LINEARS, 1), min_size=1, max_size=5), rules())
def test_turning_a_book_round_leaves_its_add_ons(book: list[PlainLeg], rule: PortfolioRule) -> None:
    turned = [replace(leg, quantity=-leg.quantity, coin=0.0) for leg in book]
    plain = [replace(leg, coin=0.0) for leg in book]
    for part in (BASIS, DELTA):
        assert parts(turned, rule)[part] == parts(plain, rule)[part]
