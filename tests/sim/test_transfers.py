"""Cash sent from wallet to wallet: when, how much, at what cost, who is saved; all worked out by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.core.config import Happening
from narrows.core.result import Result
from tiny_market import PERP, PERP_BETA, Orders, booked, event, play, tiny_desk, tiny_panel

approx = pytest.approx

CROSS: dict[str, Any] = {"top_up": "restore", "top_up_at": 0.5, "maintenance": 0.05}


def run(
    alpha: Sequence[float],
    beta: Sequence[float],
    *events: Happening,
    size: float = 10.0,
    at_beta: dict[str, Any] | None = None,
    **keys: Any,
) -> Result:
    """1000 on each of two venues; long at 100 on alpha, short on beta; only alpha sends for cash."""
    panel = tiny_panel([PERP, PERP_BETA], mark=(alpha, beta))
    desk = tiny_desk(2000.0, beta=at_beta or {"maintenance": 0.05}, events=events, **CROSS | keys)
    return play(desk, panel, {0: (size, -size)})


def fallen(*events: Happening, then: Sequence[float] = (), **keys: Any) -> Result:
    """30 coins at 100: alpha has 1000, and 160 at 72, of which 108 are needed: two thirds.

    Beta has won what alpha has lost, 840, and half of 2000 is alpha's share: 840 are sent.
    """
    prices = [100.0, 100.0, 72.0, *(then or (72.0,) * 5)]
    return run(prices, prices, *events, size=30.0, **keys)


@pytest.mark.parametrize(("hours", "bars"), [(0.0, 1), (1.0, 1), (2.0, 2), (2.5, 3), (4.0, 4)])
def test_cash_arrives_after_its_delay_and_is_counted_on_the_way(hours: float, bars: int) -> None:
    result = fallen(transfer_delay_h=hours)
    sent, there = 840.0, 2 + bars
    assert result.wallet_equity[:2].tolist() == [[1000, 1000]] * 2
    alpha = [160.0 if bar < there else 1000.0 for bar in range(2, 8)]
    assert result.wallet_equity[2:, 0].tolist() == approx(alpha)
    assert result.wallet_equity[2:, 1].tolist() == approx([1000.0] * 6)
    assert result.in_transit.tolist() == approx(
        [0, 0, *(sent if bar < there else 0.0 for bar in range(2, 8))]
    )
    assert result.equity.tolist() == approx([2000] * 8)
    assert booked(result) == {}
    by_row = list(result.ledger.by_row.values())
    assert by_row == approx([-840, 840, 840, -840])  # legs, then wallets


def test_the_slower_of_two_venues_sets_the_pace() -> None:
    result = fallen(transfer_delay_h=1.0, at_beta={"maintenance": 0.05, "transfer_delay_h": 3.0})
    assert np.flatnonzero(result.in_transit).tolist() == [2, 3, 4]


def test_a_fee_is_paid_once_and_goes_off_on_the_way() -> None:
    result = fallen(at_beta={"maintenance": 0.05, "transfer_fee": 10.0}, transfer_fee=77.0)
    assert booked(result) == {"transfer": approx(-10.0)}
    assert result.equity.tolist() == approx([2000, 2000, *[1990.0] * 6])
    assert result.in_transit.tolist() == approx([0, 0, 830, 0, 0, 0, 0, 0])
    assert result.wallet_equity[-1].tolist() == approx([990, 1000])


@pytest.mark.parametrize(("least", "sent"), [(839.0, 840.0), (841.0, 0.0)])
def test_less_than_the_smallest_transfer_is_not_sent(least: float, sent: float) -> None:
    result = fallen(at_beta={"maintenance": 0.05, "transfer_min": least})
    assert result.in_transit.max() == approx(sent)


@pytest.mark.parametrize(("fee", "sent"), [(839.0, 1.0), (840.5, 0.0)])
def test_nothing_is_sent_that_its_fee_would_eat(fee: float, sent: float) -> None:
    result = fallen(at_beta={"maintenance": 0.05, "transfer_fee": fee})
    assert result.in_transit.max() == approx(sent)


@pytest.mark.parametrize(("bars", "sent"), [(1, 3), (3, 5)])
def test_nothing_leaves_a_venue_whose_withdrawals_are_shut(bars: int, sent: int) -> None:
    result = fallen(event("no_withdrawals", 2, bars=bars, venue="beta"))
    assert np.flatnonzero(result.in_transit).tolist() == [sent]
    open_ = fallen(event("no_withdrawals", 2, bars=9, venue="alpha"))  # deposits are
    assert np.flatnonzero(open_.in_transit).tolist() == [2]


def test_nothing_is_sent_to_who_does_not_ask_or_from_where_nothing_leaves() -> None:
    assert fallen(top_up="none").in_transit.max() == 0.0
    stays = fallen(at_beta={"maintenance": 0.05, "transfer_delay_h": "never"})
    assert stays.in_transit.max() == 0.0


def test_cash_is_asked_for_at_the_ratio_that_the_desk_names() -> None:
    """At 72 alpha's ratio is 108 / 160 = 0.675."""
    for level, sent in ((0.67, 840.0), (0.68, 0.0)):
        assert fallen(top_up_at=level).in_transit.max() == approx(sent)


# --- who is saved --------------------------------------------------------------------------------------

FURTHER = [69.0, 60.0]  # at 69 alpha has 70, and 103.5 are needed; 840 more make it 910, and 640 at 60


@pytest.mark.parametrize(
    ("hours", "liquidations"),
    [(1.0, 0), (2.0, 1)],
)
def test_a_wallet_lives_or_dies_by_how_long_cash_is_on_its_way(hours: float, liquidations: int) -> None:
    """Sent at the close of bar 2, needed at that of bar 3."""
    result = fallen(then=FURTHER, transfer_delay_h=hours)
    assert result.liquidations == liquidations
    assert result.position[3, 0] == (0.0 if liquidations else 30.0)
    assert result.position[:, 1].tolist() == [0.0, *[-30.0] * 4]
    gone = 30 * (69 - 60) if liquidations else 0.0  # what the naked short wins
    assert result.equity_end == approx(2000 + gone)
    none = fallen(then=FURTHER, top_up="none")
    assert none.liquidations == 1


def test_withdrawals_that_are_shut_kill_who_waits_for_cash() -> None:
    result = fallen(event("no_withdrawals", 2, bars=1, venue="beta"), then=FURTHER)
    assert result.liquidations == 1


def test_cash_comes_too_late_inside_the_bar() -> None:
    """It arrives at the close of bar 3: a low in that bar is before it."""
    prices = [100.0, 100.0, 72.0, 72.0]
    panel = tiny_panel([PERP, PERP_BETA], mark=(prices, prices), low=([100, 100, 72, 69], [100, 100, 72, 69]))
    result = play(tiny_desk(2000.0, beta=True, **CROSS), panel, {0: (30.0, -30.0)})
    assert (result.liquidations, result.liquidations_high_low) == (0, 1)


# --- what a wallet can spare ---------------------------------------------------------------------------


def test_no_wallet_falls_below_its_share_of_the_start() -> None:
    """Beta has lost 300 as well: 700, less than half of 860. It keeps all."""
    prices = [100.0, 100.0, 72.0, 72.0]
    panel = tiny_panel([PERP, PERP_BETA], mark=(prices, [100.0, 100.0, 110.0, 110.0]))
    result = play(tiny_desk(2000.0, beta=True, **CROSS), panel, {0: (30.0, -30.0)})
    assert result.wallet_equity[2].tolist() == approx([160, 430])
    assert result.in_transit[2] == approx(700 - 430)
    assert result.wallet_equity[3].tolist() == approx([430, 430])


@pytest.mark.parametrize(("own", "keeps"), [(0.9, 0.5), (0.4, 0.4), (None, 0.5)])
def test_no_wallet_sends_what_it_needs_as_margin(own: float | None, keeps: float) -> None:
    """Long 20 on both: alpha at 55 has 100, and asks for 750 at half of its margin; beta at 130 has 1600.

    Of that 0.2 × 2600 = 520 are its maintenance: it keeps what makes that half as well, or less if it
    would itself send for cash before. It does not go to the brink for another.
    """
    panel = tiny_panel([PERP, PERP_BETA], mark=([100, 100, 55, 55, 55, 55], [100, 100, 130, 130, 130, 130]))
    asks = {} if own is None else {"top_up": "restore", "top_up_at": own}
    desk = tiny_desk(2000.0, beta={"maintenance": 0.2, **asks}, **CROSS)
    result = play(desk, panel, {0: (20.0, 20.0)})
    assert result.position[1].tolist() == approx([20, 20])
    assert result.in_transit[2] == approx(min(1600 - 520 / keeps, 750))
    assert result.liquidations == 0


def test_who_helps_is_not_liquidated_for_it() -> None:
    """As before, but beta needs 0.4 × 2600 = 1040 and keeps twice that, or all it has: it sends nothing."""
    panel = tiny_panel([PERP, PERP_BETA], mark=([100, 100, 55, 55, 55, 55], [100, 100, 130, 130, 130, 130]))
    desk = tiny_desk(2000.0, leverage=2.0, beta={"maintenance": 0.4}, **CROSS)
    result = play(desk, panel, {0: (20.0, 20.0)})
    assert result.position[-1].tolist() == approx([20, 20])
    assert result.wallet_equity[-1].tolist() == approx([100, 1600])
    assert result.in_transit.max() == 0.0
    assert result.liquidations == 0


def test_coins_are_no_cash() -> None:
    """Beta's 1000 are in coins: there is nothing to send, however much they are worth."""
    spot = "BTC-USDT.beta"
    prices = [100.0, 100.0, 72.0, 72.0]
    panel = tiny_panel([PERP, spot, PERP_BETA], mark=(prices, [100, 100, 300, 300], 100))
    orders: dict[str, Orders] = {
        f"cross_venue:{PERP}/{PERP_BETA}": {0: (30.0, 0.0)},
        f"funding_carry:{spot}/{PERP_BETA}": {0: (9.0, 0.0)},
    }
    result = play(tiny_desk(2000.0, beta=True, **CROSS), panel, {}, spreads=orders)
    assert result.wallet_equity[2].tolist() == approx([160, 2700])
    assert result.in_transit[2] == approx(100.0)  # all that it has not spent


def test_what_is_on_the_way_is_not_sent_for_again() -> None:
    result = fallen(transfer_delay_h=4.0, then=[72.0, 71.9, 71.9, 71.9])
    assert result.in_transit.tolist() == approx([0, 0, 840, 840, 843, 843, 3])
    assert result.liquidations == 0


# --- loops ---------------------------------------------------------------------------------------------

MONEY = st.floats(0.6, 1.6)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    moves=st.lists(st.tuples(MONEY, MONEY), min_size=2, max_size=6),
    delay=st.sampled_from([1.0, 2.0, 5.0]),
    fee=st.sampled_from([0.0, 0.5, 20.0]),
    size=st.floats(-30.0, 30.0),
    level=st.floats(0.02, 0.9),
)
def test_two_wallets_that_both_restore_make_no_loops_and_nothing_from_nothing(
    moves: list[tuple[float, float]], delay: float, fee: float, size: float, level: float
) -> None:
    """Wallets and what is on the way are the equity at every bar; at a constant price sending ends."""
    still = 40
    paths = [[100.0, 100.0, *(100 * move[side] for move in moves)] for side in (0, 1)]
    paths = [path + path[-1:] * still for path in paths]
    keys: dict[str, Any] = {
        "maintenance": 0.05,
        "top_up": "restore",
        "top_up_at": level,
        "transfer_delay_h": delay,
        "transfer_fee": fee,
    }
    panel = tiny_panel([PERP, PERP_BETA], mark=(paths[0], paths[1]))
    desk = tiny_desk(2000.0, beta={**keys}, **keys)
    result = play(desk, panel, {0: (size, -size)})
    whole = result.wallet_equity.sum(axis=1) + result.in_transit
    np.testing.assert_allclose(whole, result.equity, rtol=0, atol=1e-9 * 2000)
    assert result.in_transit.min() >= 0.0
    assert result.in_transit[-20:].max() == 0.0
    amounts = result.ledger.amounts[-2:, 8]
    assert amounts.sum() <= 1e-9
    if fee == 0.0:
        assert amounts.sum() == approx(0.0, abs=1e-9 * 2000)
