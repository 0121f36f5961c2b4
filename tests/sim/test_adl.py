"""ADL: the venue closes what wins, at the price of who lost; all worked out by hand."""

from typing import Any, ClassVar

import numpy as np
import pytest

from narrows.core.arrays import Float2D
from narrows.core.config import Happening
from narrows.core.panel import Panel
from narrows.core.result import Result
from narrows.core.spread import Spread
from narrows.sim.backtest import backtest
from narrows.strategy.decider import decider
from narrows.strategy.funding_carry import FundingCarry
from tiny_market import (
    ALL,
    INVERSE,
    NAN,
    PERP,
    PERP_BETA,
    SPOT,
    Column,
    Script,
    booked,
    event,
    lanes,
    play,
    reasons,
    tiny_desk,
    tiny_panel,
)

approx = pytest.approx

LATER = "BTC-USDT-20240927.alpha"
PRICES = [100, 100, 80, 85]


def hedged(*events: Happening, perp: str = PERP, **keys: Any) -> Result:
    """10 coins of 100 and a short of 10; both fall to 80 and recover to 85."""
    panel = tiny_panel([SPOT, perp], mark=(PRICES, PRICES))
    return play(tiny_desk(2000.0, events=events, **keys), panel, {0: (10.0, -10.0)})


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_a_share_of_a_short_is_closed_at_the_mark_and_costs_nothing_then(share: float) -> None:
    """What is gone misses the way back from 80 to 85."""
    result = hedged(event("adl", 2, share=share), taker_bps=0.0, liquidation_fee_bps=100.0)
    assert reasons(result) == ["adl"]
    assert result.position[:, 1].tolist() == approx([0, -10, -10 * (1 - share), -10 * (1 - share)])
    assert result.position[:, 0].tolist() == approx([0, 10, 10, 10])
    assert result.equity.tolist() == approx([2000, 2000, 2000, 2000 + 10 * share * 5])
    assert booked(result) == {"basis": approx(50 * share)}
    assert result.liquidations == 0


@pytest.mark.parametrize(("price", "missed"), [(80.0, 0.0), (84.0, 40.0), (90.0, 100.0), (75.0, -50.0)])
def test_at_the_price_of_the_losers_the_winner_gets_less_than_the_mark(price: float, missed: float) -> None:
    """A long that was bankrupt at 90 is paid out at 90, not at 80: 10 less on each of 10."""
    result = hedged(event("adl", 2, price=price))
    assert result.fills.price[-1] == approx(price)
    assert result.fills.fee[-1] == 0.0
    assert result.equity.tolist() == approx([2000, 2000, 2000 - missed, 2000 - missed + 50])
    assert result.equity_end - 2000 == approx(result.ledger.total)


def test_only_positions_on_the_side_that_won_are_closed_and_never_coins() -> None:
    """The perpetual is short in one spread and long in another: each side has its own ADL."""
    panel = tiny_panel([SPOT, PERP, LATER], mark=(PRICES, PRICES, PRICES))
    short, long = f"funding_carry:{SPOT}/{PERP}", f"calendar:{PERP}/{LATER}"
    orders = {short: {0: (10.0, -10.0)}, long: {0: (10.0, -10.0)}}
    left = {"short": [10, 0, 10, 0], "long": [10, -10, 0, -10]}
    for side, expected in left.items():
        desk = tiny_desk(4000.0, events=[event("adl", 2, side=side)])
        result = play(desk, panel, {}, spreads=orders)
        held = [n for n, leg in enumerate(result.legs) if leg.spread != 1]
        assert result.position[1, held].tolist() == approx([10, -10, 10, -10])
        assert result.position[-1, held].tolist() == approx(expected)


def test_adl_of_another_coin_or_another_venue_is_no_adl_here() -> None:
    eth = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
    panel = tiny_panel([SPOT, PERP, *eth], mark=(PRICES,) * 4)
    desk = tiny_desk(4000.0, events=[event("adl", 2, coins=["ETH"])])
    result = play(desk, panel, {0: (10.0, -10.0)})
    assert result.position[-1].tolist() == approx([10, -10, 10, 0])


def test_an_inverse_short_leaves_the_coins_that_it_won() -> None:
    """1000 contracts at 100 win 1000 (1/80 − 1/100) = 2.5 coins: 200 dollars at 80, none of it at 85."""
    result = hedged(event("adl", 2), perp=INVERSE)
    assert result.position[:, 1].tolist() == approx([0, -1000, 0, 0])
    assert result.equity.tolist() == approx([2000, 2000, 2000 - 200 + 200, 2000 - 150 + 200])


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_an_isolated_leg_that_is_closed_frees_its_share_of_the_margin(share: float) -> None:
    """A third of 1000 is posted, 200 are won by 80: what is closed gives back its share of 533.33."""
    panel = tiny_panel([SPOT, PERP], mark=(PRICES[:3], PRICES[:3]))
    desk = tiny_desk(2000.0, margin="isolated", events=[event("adl", 2, share=share)])
    state, _ = lanes(desk, panel, Script(orders={0: (10.0, -10.0)}))
    assert state.posted[1, 0] == approx((1 - share) * (1000 / 3 + 200))
    assert state.cash[0, 0] == approx(1000 + 200)


# --- until the desk notices ----------------------------------------------------------------------------


@decider
def keep_even(features, position, memory, params, target):  # type: ignore[no-untyped-def]
    """Hold the first leg as told at first, and the second against whatever the first is."""
    target[0] = features[0] if features[0] > 0.0 else position[0]
    target[1] = -target[0]
    return 0


class KeepEven(Script, frozen=True, kw_only=True):
    """Buys what is ordered and hedges it anew at every close."""

    decide: ClassVar = keep_even

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        return super().features(panel, spread)[:, :1].copy()


@pytest.mark.parametrize("hours", [0, 1, 2, 4])
def test_a_hedge_is_naked_until_it_is_noticed_and_even_at_the_next_open(hours: int) -> None:
    """Gone at the close of bar 2, noticed `hours` later, back at the open after that."""
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 9, 100))
    desk = tiny_desk(3000.0, events=[event("adl", 2)], detect_h=float(hours))
    result = backtest(desk, panel, KeepEven(orders={0: (10.0, NAN)}))
    naked = [bar for bar in range(9) if result.position[bar].sum() != 0.0]
    assert naked == list(range(2, 3 + hours))
    assert result.position[-1].tolist() == approx([10, -10])
    assert np.flatnonzero(result.residual_delta).tolist() == naked
    assert result.residual_delta_max == approx(1000 / 3000)


@pytest.mark.parametrize("hours", [0, 3])
@pytest.mark.parametrize(("share", "left"), [(1.0, 0.0), (0.4, 0.6)])
def test_a_strategy_evens_out_what_is_left_when_it_notices(hours: int, share: float, left: float) -> None:
    """Funding carry gives up a leg that is alone, and cuts one that is too large for what is left."""
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 12, 100), funding=(NAN, [0.001] * 12))
    desk = tiny_desk(3000.0, events=[event("adl", 4, share=share)], detect_h=float(hours))
    carry = FundingCarry(entry_apr=0.1, lookback_h=1.0, size=0.5)
    result = backtest(desk, panel, carry)
    size = result.position[3, 0]
    assert size > 10
    spot, perp = (result.position[4 : 5 + hours, leg].tolist() for leg in (0, 1))
    assert (spot, perp) == (approx([size] * (1 + hours)), approx([-left * size] * (1 + hours)))
    assert result.position[5 + hours].tolist() == approx([left * size, -left * size])


def test_only_the_spread_that_was_hit_is_left_alone() -> None:
    eth = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
    panel = tiny_panel([SPOT, PERP, *eth], mark=([100.0] * 6, 100, 100, 100))
    desk = tiny_desk(4000.0, events=[event("adl", 2, coins=["BTC"])], detect_h=3.0)
    orders = {0: (5.0, -5.0), 3: (2.0, -2.0)}
    result = play(desk, panel, {}, BTC=orders, ETH=orders)
    assert result.position[-1].tolist() == approx([5, 0, 2, -2])


# --- two venues ----------------------------------------------------------------------------------------


class ByVenue(Script, frozen=True, kw_only=True):
    """Buys the spot of alpha and sells the perpetual of beta: one leg of each of two spreads."""

    def features(self, panel: Panel, spread: Spread) -> Float2D:
        rows = np.full((len(panel), 3), NAN)
        rows[:, 2] = 0.0
        rows[0, :2] = (10.0, NAN) if spread.kind == "funding_carry" else (NAN, -10.0)
        return rows


@pytest.mark.parametrize(("venue", "left"), [("alpha", [10, -10]), ("beta", [10, 0])])
def test_trap_K_adl_of_the_hedge_on_one_venue_leaves_the_coins_on_the_other(
    venue: str, left: list[float]
) -> None:
    """And no cash goes with it: what the hedge won stays where it was won."""
    marks: tuple[Column, ...] = (PRICES, PRICES, PRICES)
    panel = tiny_panel([SPOT, PERP, PERP_BETA], mark=marks)
    desk = tiny_desk(3000.0, beta=True, events=[event("adl", 2, venue=venue)])
    result = backtest(desk, panel, ByVenue(orders={}))
    legs = [leg.instrument for leg in result.legs]
    held = [result.position[-1, legs.index(SPOT)], result.position[-1, legs.index(PERP_BETA)]]
    assert held == approx(left)
    assert result.liquidations == 0
    short = 200 if venue == "beta" else 150
    assert result.wallet_equity[-1].tolist() == approx([1500 - 150, 1500 + short])


# --- taken again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize(
    ("capital", "keys", "back"),
    [
        (1000.0, {}, -10.0),  # all cash in coins: their value margins the short
        (1000.0, {"taker_bps": 10.0}, -1000 / 100.1),  # what they could buy at first
        (1500.0, {"collateral": ["USDT"]}, -10.0),  # 3 × 500 carry 1000
        (1500.0, {"margin": "isolated"}, -10.0),  # a third of 1000 is posted again, of 500
        (1200.0, {"collateral": ["USDT"]}, -9.0),  # 3 × (1200 − 900): all there is
    ],
)
def test_a_hedge_is_taken_again_though_the_coins_fill_the_wallet(
    share: float, capital: float, keys: dict[str, Any], back: float
) -> None:
    """Hedging anew what is held is no growth: the margin of that leg decides, not room for new coins."""
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 6, 100))
    desk = tiny_desk(capital, events=[event("adl", 3, share=share)], **keys)
    result = backtest(desk, panel, KeepEven(orders={0: (10.0, NAN)}))
    assert result.position[2].tolist() == approx([-back, back])
    assert result.position[3].tolist() == approx([-back, back * (1 - share)])
    assert result.position[-1].tolist() == approx([-back, back], rel=2e-3)
    assert result.liquidations == 0


def test_a_hedge_is_taken_again_only_as_far_as_there_is_margin() -> None:
    """Its short of 10 lost 300 by 130, and coins do not count: 3 × (1500 − 1000 − 300) / 130 at the most."""
    prices = [100.0, 100.0, 130.0, 130.0, 130.0]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    desk = tiny_desk(1500.0, events=[event("adl", 2)], collateral=["USDT"])
    result = backtest(desk, panel, KeepEven(orders={0: (10.0, NAN)}))
    assert result.position[2].tolist() == approx([10, 0])
    assert result.position[-1].tolist() == approx([10, -3 * 200 / 130])


def test_a_full_spread_still_grows_on_no_other_side() -> None:
    """Long both legs is no hedge: what fills the wallet keeps the other from growing."""
    panel = tiny_panel([SPOT, PERP], mark=([100.0] * 6, 100))
    desk = tiny_desk(1000.0, events=[event("adl", 2)], taker_bps=10.0)
    result = play(desk, panel, {0: (ALL, -9.0), 2: (ALL, 9.0)})
    assert result.position[-1, 1] == 0.0
