"""Borrowed coins: recall, what may be borrowed, and which hours are charged; all worked out by hand."""

from collections.abc import Sequence
from typing import Any

import pytest

from narrows.core.config import Happening
from narrows.core.result import Result
from narrows.core.time import HOUR_NS, MINUTE_NS
from tiny_market import (
    KEEP,
    NAN,
    PERP,
    SPOT,
    Column,
    Orders,
    booked,
    event,
    play,
    reasons,
    rule,
    tiny_desk,
    tiny_panel,
)

approx = pytest.approx

LATER = "BTC-USDT-20240927.alpha"
CARRY = f"funding_carry:{SPOT}/{PERP}"
CASH = f"cash_and_carry:{SPOT}/{LATER}"
PRICES = [100, 100, 100, 110, 110, 120]


def short(*events: Happening, orders: Orders | None = None, available: Column = NAN, **keys: Any) -> Result:
    """10 coins are borrowed and sold at 100 against a long perpetual."""
    panel = tiny_panel([SPOT, PERP], mark=(PRICES, PRICES), available=(available, NAN))
    return play(tiny_desk(3000.0, events=events, **keys), panel, orders or {0: (-10.0, 10.0)})


# --- recall --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0.0, 4.0])
def test_coins_that_are_called_back_are_bought_at_the_next_open(left: float) -> None:
    """Called in bar 2, known at its close, bought at the open of bar 3: 110, that is 10 lost a coin."""
    result = short(event("recall", 2, bars=9, available=left))
    assert reasons(result) == ["recall"]
    assert result.position[:, 0].tolist() == approx([0, -10, -10, -left, -left, -left])
    assert result.fills.quantity[-1] == approx(10 - left)
    assert result.fills.reference[-1] == approx(110.0)
    assert result.equity.tolist() == approx([3000] * 4 + [3000, 3000 + (10 - left) * 10])


def test_what_the_data_say_is_recalled_as_what_the_desk_file_says() -> None:
    said = short(event("recall", 2, bars=9, available=4.0))
    known = short(available=[NAN, NAN, 4.0, 4.0, 4.0, 4.0])
    assert known.position.tolist() == said.position.tolist()
    assert reasons(short(available=[20.0] * 6)) == []
    less = short(event("recall", 2, bars=9, available=7.0), available=[20.0, 20.0, 20.0, 20.0, 3.0, 3.0])
    assert less.position[:, 0].tolist() == approx([0, -10, -10, -7, -7, -3])


def test_a_recall_pays_the_costs_of_the_book_before_and_is_a_fill_at_the_open() -> None:
    """Half a spread of 1 % and a fee of 10 bp on 10 coins at 110, bought at 111.1."""
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(PRICES, PRICES),
        bid=([NAN, NAN, 99, NAN, NAN, NAN], NAN),
        ask=([NAN, NAN, 101, NAN, NAN, NAN], NAN),
    )
    desk = tiny_desk(3000.0, taker_bps=10.0, events=[event("recall", 2, bars=9)])
    result = play(desk, panel, {0: (-10.0, 10.0)})
    assert result.fills.price[-1] == approx(111.1)
    assert result.fills.time_ns[-1] == result.time_ns[2]  # the open of bar 3
    assert booked(result)["slippage"] == approx(-11.0)
    assert booked(result)["fees"] == approx(-2.0 - 1.111)
    assert result.ledger.total == approx(result.equity_end - 3000)


def test_a_spread_whose_coins_are_called_forgets_what_it_has_queued() -> None:
    """Closing half was decided at the close of bar 2; what was bought by force is not bought again."""
    result = short(event("recall", 2, bars=9, available=2.0), orders={0: (-10.0, 10.0), 2: (-5.0, 5.0)})
    assert result.position[3:].ravel().tolist() == approx([-2, 10] * 3)
    kept = short(event("recall", 2, bars=9, available=20.0), orders={0: (-10.0, 10.0), 2: (-5.0, 5.0)})
    assert kept.position[3:].ravel().tolist() == approx([-5, 5] * 3)


@pytest.mark.parametrize(("halted", "bought"), [(0, 3), (1, 4), (2, 5)])
def test_nothing_is_bought_back_while_trading_is_halted(halted: int, bought: int) -> None:
    events = [event("recall", 2, bars=9)]
    events += [event("halt", 3, bars=halted)] if halted else []
    result = short(*events)
    assert [bar for bar in range(6) if result.position[bar, 0] != 0.0] == list(range(1, bought))


def test_a_recall_is_noticed_after_a_while_too() -> None:
    """Bought at the open of bar 3: two hours later it is the close of bar 4, so nothing is done before."""
    orders = {0: (-10.0, 10.0), 3: (0.0, 8.0), 4: (0.0, 2.0)}
    result = short(event("recall", 2, bars=9), orders=orders, detect_h=2.0)
    assert result.position[:, 1].tolist() == approx([0, 10, 10, 10, 10, 2])
    result = short(event("recall", 2, bars=9), orders=orders, detect_h=1.0)
    assert result.position[:, 1].tolist() == approx([0, 10, 10, 10, 8, 2])


# --- what may be borrowed ------------------------------------------------------------------------------


@pytest.mark.parametrize(("available", "owed"), [(4.0, 4.0), (0.0, 0.0), (NAN, 10.0), (50.0, 10.0)])
def test_no_more_is_borrowed_than_there_is(available: float, owed: float) -> None:
    result = short(available=available)
    assert result.position[-1].tolist() == approx([-owed, owed])
    assert reasons(result) == []


def test_two_spreads_that_borrow_one_coin_share_what_there_is() -> None:
    """Of 6 coins the first spread takes 4, at the same close as the second wants 4: 2 are left."""
    panel = tiny_panel([SPOT, PERP, LATER], mark=([100.0] * 5, 100, 100), available=(6.0, NAN, NAN))
    orders = {CARRY: {0: (-4.0, 4.0)}, CASH: {0: (-4.0, 4.0)}}
    result = play(tiny_desk(9000.0), panel, {}, spreads=orders)
    assert result.position[1].tolist() == approx([-4, 4, -2, 2, 0, 0])
    assert reasons(result) == []


def test_what_one_spread_gives_back_the_other_may_borrow_when_it_is_there() -> None:
    """While it is only queued it may still fail: at the close after, it is free."""
    panel = tiny_panel([SPOT, PERP, LATER], mark=([100.0] * 5, 100, 100), available=(6.0, NAN, NAN))
    orders: dict[str, Orders] = {
        CARRY: {0: (-4.0, 4.0), 1: (0.0, 0.0)},
        CASH: {1: (-6.0, 6.0), 2: (-6.0, 6.0)},
    }
    result = play(tiny_desk(9000.0), panel, {}, spreads=orders)
    assert result.position[:, 0].tolist() == approx([0, -4, 0, 0, 0])
    assert result.position[:, 2].tolist() == approx([0, 0, -2, -6, -6])


# --- which hours are charged ---------------------------------------------------------------------------

APR = 0.876  # 1e-4 an hour
TEN_MINUTES = 10 * MINUTE_NS
CLOCKS = ("begun", "struck", "continuous")


def charged(
    clock: str, first: int, last: int, bar_ns: int = TEN_MINUTES, bars: int = 30, **strikes: float
) -> float:
    """Hours of interest on a coin of 100 that is owed from the open of bar `first` to that of `last`.

    Bar 0 closes at 07:00; `strikes` of the clock, every hour on the hour if not given.
    """
    panel = tiny_panel([SPOT, PERP], bar_ns, mark=([100.0] * bars, 100))
    rules = [rule("borrow", "2019-01-02", "alpha", coins=["BTC"], charged=clock, **strikes)]
    desk = tiny_desk(1e6, borrow_apr=APR, rules=rules, bar_ns=bar_ns, latency_ms=0.0)
    result = play(desk, panel, {first - 1: (-1.0, 1.0), last - 1: (0.0, 0.0)})
    assert result.position[first - 1, 0] == result.position[last, 0] == 0.0
    assert result.position[first, 0] == result.position[last - 1, 0] == -1.0
    assert result.equity_end - 1e6 == approx(result.ledger.total)
    return -result.ledger.by_category["borrow"] / (100 * 1e-4)


HOURS = [
    # opened 07:10, closed 07:20: one hour begun, none struck, a sixth of one
    (2, 3, (1, 0, 1 / 6)),
    # 07:10 to 08:00: repaid as it strikes
    (2, 7, (1, 0, 5 / 6)),
    # 07:50 to 08:10: two begun, one struck
    (6, 8, (2, 1, 2 / 6)),
    # 07:20 to 09:10: three begun, two struck
    (3, 14, (3, 2, 11 / 6)),
    # 08:00 to 09:00 on the strike: one of each
    (7, 13, (1, 1, 1)),
]


@pytest.mark.parametrize(("first", "last", "hours"), HOURS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_a_loan_is_charged_by_the_clock_of_its_venue(
    clock: str, first: int, last: int, hours: Sequence[float]
) -> None:
    assert charged(clock, first, last) == approx(hours[CLOCKS.index(clock)])


FIVE_PAST = [
    # 07:00 to 07:10: in the hour of 06:05, and it strikes
    (1, 2, (2, 1, 1 / 6)),
    # 07:10 to 08:00, within one of its hours
    (2, 7, (1, 0, 5 / 6)),
    # 07:10 to 08:10: it strikes at 08:05
    (2, 8, (2, 1, 1)),
]
EVERY_FOUR_HOURS = [
    # 07:10 to 08:00: repaid as it strikes
    (2, 7, (4, 0, 5 / 6)),
    # 08:00 to 08:10: on the strike, which is for four hours
    (7, 8, (4, 4, 1 / 6)),
    # 07:50 to 12:10: it strikes at 08:00 and at 12:00
    (6, 32, (12, 8, 26 / 6)),
]


@pytest.mark.parametrize(("first", "last", "hours"), FIVE_PAST)
@pytest.mark.parametrize("clock", CLOCKS)
def test_a_clock_strikes_at_the_minute_of_its_record(
    clock: str, first: int, last: int, hours: Sequence[float]
) -> None:
    assert charged(clock, first, last, minute=5.0) == approx(hours[CLOCKS.index(clock)])


@pytest.mark.parametrize(("first", "last", "hours"), EVERY_FOUR_HOURS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_a_strike_is_for_all_hours_until_the_next(
    clock: str, first: int, last: int, hours: Sequence[float]
) -> None:
    assert charged(clock, first, last, bars=36, every_h=4.0) == approx(hours[CLOCKS.index(clock)])


@pytest.mark.parametrize("clock", CLOCKS)
def test_on_hourly_bars_the_clocks_agree(clock: str) -> None:
    assert charged(clock, 3, 8, HOUR_NS) == approx(5)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(
    ("minutes", "bars"), [(20, 6), (30, 4), (40, 6), (45, 4), (60, 2), (90, 2), (120, 2)]
)
def test_of_whole_hours_every_clock_charges_all(clock: str, minutes: int, bars: int) -> None:
    """From 07:00 on, the first close; the bars need not divide the hour, nor the hour the bars."""
    hours = minutes * bars / 60
    assert charged(clock, 1, 1 + bars, minutes * MINUTE_NS) == approx(hours)


def test_what_is_borrowed_more_in_a_begun_hour_pays_for_all_of_it_and_once() -> None:
    """1 coin from 07:10, 3 from 07:30, 2 from 07:40, none from 07:50: the hour of 3."""
    panel = tiny_panel([SPOT, PERP], TEN_MINUTES, mark=([100.0] * 12, 100))
    desk = tiny_desk(
        1e6, borrow_apr=APR, rules=[rule("borrow", coins=["BTC"], charged="begun")], bar_ns=TEN_MINUTES
    )
    orders = {1: (-1.0, 1.0), 3: (-3.0, 3.0), 4: (-2.0, 2.0), 5: (0.0, 0.0)}
    assert play(desk, panel, orders).ledger.by_category["borrow"] == approx(-3 * 0.01)


def test_a_rate_that_changes_in_the_hour_is_that_of_when_it_is_charged() -> None:
    """08:10 to 08:40 at twice the rate: begun when it was simple, struck never."""
    rates = [APR] * 9 + [2 * APR] * 9
    for clock, hours in zip(CLOCKS, (1, 0, 1 / 6 + 2 / 6 * 2), strict=True):
        panel = tiny_panel([SPOT, PERP], TEN_MINUTES, mark=([100.0] * 18, 100), borrow=(rates, NAN))
        desk = tiny_desk(1e6, rules=[rule("borrow", coins=["BTC"], charged=clock)], bar_ns=TEN_MINUTES)
        result = play(desk, panel, {7: (-1.0, 1.0), 10: (0.0, 0.0)})
        assert result.ledger.by_category["borrow"] == approx(-hours * 0.01)


@pytest.mark.parametrize("clock", CLOCKS)
def test_trap_L_thirty_days_of_a_loan_cost_thirty_days_by_every_clock(clock: str) -> None:
    bars = 30 * 24 + 1
    panel = tiny_panel([SPOT, PERP], mark=([100_000.0] * bars, 100_000))
    desk = tiny_desk(1e6, borrow_apr=0.05, rules=[rule("borrow", coins=["BTC"], charged=clock)])
    assert play(desk, panel, {0: (-1.0, 0.0)}).ledger.by_category["borrow"] == approx(
        -100_000 * 0.05 * 30 / 365
    )


# --- what coins earn -----------------------------------------------------------------------------------


def test_owned_coins_earn_what_staking_pays_on_their_value_and_owed_ones_do_not() -> None:
    """5 coins at 100 for an hour and at 200 for two, at 1e-4 an hour."""
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 200, 200], [100, 100, 200, 200]))
    desk = tiny_desk(3000.0, coin_apr={"BTC": APR})
    result = play(desk, panel, {0: (5.0, -5.0)})
    assert booked(result) == {"collateral_yield": approx(5 * (100 + 200 + 200) * 1e-4)}
    assert result.equity_end == approx(3000.25)
    assert booked(play(desk, panel, {0: (-5.0, 5.0)})) == {}
    assert booked(play(tiny_desk(3000.0, coin_apr={"ETH": APR}), panel, {0: (5.0, -5.0)})) == {}
    assert booked(play(desk, panel, {0: (-5.0, 5.0), 1: (5.0, -5.0)})) == {
        "collateral_yield": approx(5 * (200 + 200) * 1e-4)
    }
    assert booked(play(desk, panel, {0: (5.0, -5.0), 1: KEEP, 2: (0.0, 0.0)})) == {
        "collateral_yield": approx(5 * (100 + 200) * 1e-4)
    }
