"""Delivery of a hedge: spot sold after it or along the averaging window, worked out by hand."""

from typing import Any

import pytest

from narrows.core.result import Result
from tiny_market import FUTURE, NAN, SPOT, play, tiny_desk, tiny_panel

approx = pytest.approx

MEAN, CLOSE, NEXT = 102.0, 103.0, 104.0  # of the window, at its end, at the open after


def delivered(size: float = 5.0, **keys: Any) -> Result:
    """Spot bought and futures sold at 100, delivered at the close of bar 1; spot is sold at the next open."""
    panel = tiny_panel(
        [SPOT, FUTURE],
        mark=([100, CLOSE, NEXT], [100, 102.5, NAN]),
        open=([100, 100, NEXT], [100, 100, NAN]),
        settlement=(NAN, [NAN, MEAN, NAN]),
    )
    return play(tiny_desk(**{"delivery_bps": 0.0, **keys}), panel, {0: (size, -size), 1: (0.0, NAN)})


def test_spot_that_is_sold_along_the_window_gets_its_mean() -> None:
    result = delivered(delivery="along")
    assert result.position[1].tolist() == [0.0, 0.0]
    assert result.fills.price.tolist() == [100, 100, MEAN, MEAN]
    assert result.equity.tolist() == approx([1000, 1000, 1000])  # a hedge that was opened at no basis
    assert result.residual_delta.tolist() == [0.0, 0.0, 0.0]


def test_spot_that_is_sold_after_it_stands_naked_for_a_while() -> None:
    result = delivered(delivery="at_once")
    assert result.position[1].tolist() == [5.0, 0.0]
    assert result.fills.price.tolist() == [100, 100, MEAN, NEXT]
    assert result.residual_delta[1] == approx(5 * CLOSE / result.equity[1])


def test_the_two_differ_by_what_the_price_moved_after_the_mean() -> None:
    later, along = delivered(delivery="at_once"), delivered(delivery="along")
    assert later.equity_end - along.equity_end == approx(5 * (NEXT - MEAN))


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_sale_along_the_window_costs_what_a_sale_costs(side: float) -> None:
    result = delivered(5.0 * side, delivery="along", taker_bps=10.0, half_spread_bps=2.0, leverage=3.0)
    slip = 0.0002
    notional = 5 * (2 * 100 + MEAN)  # both legs opened, spot closed
    assert result.ledger.by_category["slippage"] == approx(-slip * notional)
    signs = (side, -side, -side)
    fees = sum(0.001 * 5 * p * (1 + s * slip) for p, s in zip((100, 100, MEAN), signs, strict=True))
    assert result.ledger.by_category["fees"] == approx(-fees)


def test_delivery_has_a_fee_of_its_own() -> None:
    said = delivered(delivery_bps=10.0, taker_bps=7.0)
    # sold at 100 and marked at 102.5, delivered at 102
    assert said.ledger.by_category["settlement"] == approx(5 * 0.5 - 0.001 * 5 * MEAN)
    assert said.fills.fee[2] == approx(0.001 * 5 * MEAN)
    ruled = delivered(delivery_bps=None)  # the rulebook's 5 bp
    assert ruled.ledger.by_category["settlement"] == approx(5 * 0.5 - 0.0005 * 5 * MEAN)
