"""Halts, reduce-only and price bands: what trades and what does not; all worked out by hand."""

import pytest

from narrows.core.config import Happening
from narrows.core.result import Result
from tiny_market import NAN, PERP, PERP_BETA, SPOT, Orders, event, play, reasons, tiny_desk, tiny_panel

approx = pytest.approx

ETH = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
GO: Orders = dict.fromkeys(range(6), (5.0, -5.0))  # asked for at every close until it is there


def first(result: Result, leg: int = 0) -> int:
    """The bar in which a leg first holds something; −1 = it never does."""
    held = [bar for bar in range(len(result.position)) if result.position[bar, leg] != 0.0]
    return held[0] if held else -1


def traded(*events: Happening, orders: Orders | None = None) -> Result:
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 7, 100))
    return play(tiny_desk(events=events), panel, orders or GO)


@pytest.mark.parametrize(("bar", "bars", "opened"), [(1, 1, 2), (1, 3, 4), (2, 1, 1), (1, 9, -1)])
def test_what_is_halted_does_not_trade_and_is_asked_for_anew(bar: int, bars: int, opened: int) -> None:
    assert first(traded(event("halt", bar, bars=bars))) == opened


def test_what_was_queued_for_a_halted_open_is_forgotten() -> None:
    assert first(traded(event("halt", 1), orders={0: (5.0, -5.0)})) == -1


def test_a_halt_is_of_its_coins_and_venue_and_holds_both_legs() -> None:
    panel = tiny_panel([SPOT, PERP, *ETH], mark=([100.0] * 4, 100, 100, 100))
    desk = tiny_desk(2000.0, events=[event("halt", 1, bars=9, coins=["ETH"])])
    result = play(desk, panel, {0: (5.0, -5.0)})
    assert result.position[-1].tolist() == approx([5, -5, 0, 0])
    panel = tiny_panel([PERP, PERP_BETA], mark=([100.0] * 4, 100))
    desk = tiny_desk(2000.0, beta=True, events=[event("halt", 1, bars=9, venue="beta")])
    assert play(desk, panel, {0: (5.0, -5.0)}).position[-1].tolist() == [0.0, 0.0]
    assert play(desk, panel, {0: (5.0, 0.0)}).position[-1].tolist() == [5.0, 0.0]  # beta is not asked


def test_a_halted_position_is_still_marked_funded_and_liquidated() -> None:
    prices = [100, 100, 100, 210]
    panel = tiny_panel([SPOT, PERP], mark=([100] * 4, prices), funding=([NAN] * 4, [0.01] * 4))
    desk = tiny_desk(500.0, events=[event("halt", 2, bars=9)])
    result = play(desk, panel, {0: (0.0, -5.0), 2: (0.0, 0.0)})
    assert result.ledger.by_category["funding"] == approx(0.05 * (100 + 100 + 210))
    assert reasons(result) == ["liquidation"]
    assert result.fills.reference[-1] == 210.0


REDUCING = [
    ((5.0, -2.0), (5.0, -2.0)),  # smaller
    ((5.0, 0.0), (5.0, 0.0)),  # closed
    ((5.0, -5.0), (5.0, -5.0)),
    ((5.0, -6.0), (5.0, -5.0)),  # larger
    ((5.0, 1.0), (5.0, -5.0)),  # turned round
    ((6.0, -4.0), (6.0, -4.0)),  # coins are bought as ever
    ((6.0, -6.0), (5.0, -5.0)),  # both legs or none
]


@pytest.mark.parametrize(("wanted", "held"), REDUCING)
def test_derivatives_may_only_be_made_smaller(wanted: tuple[float, float], held: tuple[float, float]) -> None:
    result = traded(event("reduce_only", 2, bars=1), orders={0: (5.0, -5.0), 1: wanted})
    assert result.position[2].tolist() == approx(list(held))


def test_nothing_is_opened_where_positions_may_only_be_reduced() -> None:
    assert first(traded(event("reduce_only", 1, bars=3))) == 4
    assert traded(event("reduce_only", 1, bars=9), orders={0: (5.0, 0.0)}).position[-1, 0] == 5.0


def test_a_halt_beats_reduce_only_whichever_comes_first() -> None:
    both = [event("halt", 2), event("reduce_only", 2)]
    orders: Orders = {0: (5.0, -5.0), 1: (0.0, 0.0)}
    for events in (both, both[::-1]):
        assert traded(*events, orders=orders).position[2].tolist() == [5.0, -5.0]
    assert traded(both[1], orders=orders).position[2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("jump", "opened"), [(110.0, 1), (90.0, 1), (110.1, 2), (89.9, 2), (300.0, 2)])
def test_an_open_beyond_the_price_band_is_no_fill(jump: float, opened: int) -> None:
    """10 % of the last mark of 100 either way; at the next open the price is back."""
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 7, 100), open=([100, jump, *[100] * 5], 100))
    orders: Orders = dict.fromkeys(range(4), (5.0, 0.0))
    assert first(play(tiny_desk(price_band=0.1000001), panel, orders)) == opened
    assert first(play(tiny_desk(), panel, orders)) == 1


def test_a_band_goes_with_the_mark() -> None:
    """Doubling is out of the band at once; after a bar at the new price it is the middle of it."""
    prices = [100, *[200] * 6]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    assert first(play(tiny_desk(price_band=0.1), panel, GO)) == 2
