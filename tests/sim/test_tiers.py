"""Margin by tier: what a position needs where it stands, and how large it may become."""

import math
from typing import Any

import pytest

from narrows.core.config import Desk
from tiny_market import ALL, NAN, PERP, PERP_BETA, SPOT, play, rule, tiny_desk, tiny_panel

approx = pytest.approx

# 1000 × (0.02 − 0.01) = 10 and 5000 × (0.05 − 0.02) more, so that margin has no step
TIERS = [[0, 1000, 0.01, 0, 50], [1000, 5000, 0.02, 10, 20], [5000, math.inf, 0.05, 160, 5]]
TIERED = rule("margin", tiers=TIERS)
GROWING = rule(
    "margin", maintenance_base=0.01, maintenance_per_unit=0.0005, initial_base=0.02, initial_per_unit=0.0005
)


def desk(*rules: str, **keys: Any) -> Desk:
    return tiny_desk(rules=rules or (TIERED,), maintenance=None, **keys)


@pytest.mark.parametrize(
    ("price", "needed"),
    [
        (100.0, 12 * 100 * 0.02 - 10),  # second tier
        (80.0, 12 * 80 * 0.01),  # first
        (1000 / 12, 10.0),  # the edge between them, where both say 10
        (500.0, 12 * 500 * 0.05 - 160),  # third
        (5000 / 12, 90.0),
    ],
)
def test_maintenance_is_that_of_the_tier_at_the_mark(price: float, needed: float) -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, price, 100]))
    result = play(desk(), panel, {0: (0.0, 12.0)})
    assert result.position[:, 1].tolist() == [0, 12, 12, 12]
    assert result.margin_ratio[2, 0] == approx(needed / (1000 + 12 * (price - 100)))
    assert result.margin_ratio[3, 0] == approx(14 / 1000)


@pytest.mark.parametrize("leverage", [3.0, 10.0])
def test_a_short_fails_by_the_tier_that_it_has_risen_into(leverage: float) -> None:
    # 1000 − 9 (p − 100) = 0.02 × 9 p − 10; the leverage of the wallet does not divide it
    price = 1910 / 9.18
    for last, liquidations in ((price - 1e-6, 0), (price + 1e-6, 1)):
        panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, last]))
        assert play(desk(leverage=leverage), panel, {0: (0.0, -9.0)}).liquidations == liquidations


def test_inside_the_bar_the_tier_is_that_of_the_price_reached() -> None:
    # 12 at 100: second tier; 1200 − 12 w = 0.01 × 12 × (100 − w) in the first: down to 16.84
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 100]), low=(100, [100, 100, 10]))
    result = play(desk(), panel, {0: (0.0, 12.0)})
    price = 200 / (12 * 0.99)
    assert result.liquidated_high_low.price.tolist() == approx([price], rel=1e-9)


@pytest.mark.parametrize(
    ("capital", "size"),
    [
        (2000.0, 50.0),  # 20 × 1000 = 20 000 reach the tier of 5: 5 × 1000
        (200.0, 20.0),  # 2000 are in the tier of 20
    ],
)
def test_a_size_obeys_the_leverage_of_its_tier(capital: float, size: float) -> None:
    panel = tiny_panel([PERP, PERP_BETA], mark=([100, 100], 100))
    result = play(desk(capital=capital, leverage=20.0, beta=True), panel, {0: (ALL, -ALL)})
    assert result.position[1].tolist() == approx([size, -size])


def test_a_margin_that_grows_with_size_allows_less_and_needs_more() -> None:
    panel = tiny_panel([PERP, PERP_BETA], mark=([100, 100], 100))
    result = play(desk(GROWING, capital=2000.0, leverage=10.0, beta=True), panel, {0: (ALL, -ALL)})
    size = 100 / 1.5  # 100 at first sight; 100 weigh 1 + 10 × 0.0005 × 100
    assert result.position[1].tolist() == approx([size, -size])
    assert result.margin_ratio[1, 0] == approx(size * 100 * (0.01 + 0.0005 * size) / 1000)


def test_the_desk_file_says_it_before_the_rulebook() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100]))
    flat = play(tiny_desk(rules=(TIERED,), maintenance=0.1), panel, {0: (0.0, 12.0)})
    assert flat.margin_ratio[1, 0] == approx(0.12)
    assert play(desk(), panel, {0: (0.0, 12.0)}).margin_ratio[1, 0] == approx(0.014)


def test_a_borrowed_coin_needs_a_tenth_where_nothing_else_is_said() -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
    assert play(desk(), panel, {0: (-5.0, 0.0)}).margin_ratio[1, 0] == approx(0.05)
    said = desk(borrow_maintenance=0.2)
    assert play(said, panel, {0: (-5.0, 0.0)}).margin_ratio[1, 0] == approx(0.1)


def test_a_leg_that_has_died_has_no_ratio() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 15, NAN]))
    result = play(desk(), panel, {0: (0.0, 12.0)})
    assert result.margin_ratio[2:, 0].tolist() == [10.0, 0.0]
