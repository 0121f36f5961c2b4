"""Collateral: what coins count as margin, and how a debt is repaid from them; all worked out by hand."""

from collections.abc import Sequence
from typing import Any

import pytest

from narrows.core.result import Result
from tiny_market import (
    FUTURE,
    NAN,
    PERP,
    PERP_BETA,
    SPOT,
    Column,
    Orders,
    booked,
    play,
    reasons,
    rule,
    tiny_desk,
    tiny_panel,
)

approx = pytest.approx

LATER = "BTC-USDT-20240927.alpha"
ETH, ETH_PERP = "ETH-USDT.alpha", "ETH-USDT-PERP.alpha"
CARRY = f"funding_carry:{SPOT}/{PERP}"
CASH = f"cash_and_carry:{SPOT}/{LATER}"
SLICES = [[0.0, 0.1], [500.0, 0.5]]  # dollars: 90 % of the first 500 count, half of what is beyond


def haircuts(rows: Sequence[Sequence[float]], coin: str = "BTC", **keys: object) -> str:
    says: dict[str, Any] = {"floors_in": "usd", "haircuts": rows, "conversion_bps": 0.0, **keys}
    return rule("collateral", coins=[coin], **says)


@pytest.mark.parametrize(("one", "other"), [(4.0, 6.0), (6.0, 4.0), (10.0, 0.0), (0.0, 10.0), (5.0, 5.0)])
def test_slices_are_counted_once_over_two_spreads_of_one_coin(one: float, other: float) -> None:
    """10 coins of 100: 500 × 0.9 + 500 × 0.5 = 700 beside 9000 in cash, whoever of the two holds them."""
    panel = tiny_panel([SPOT, PERP, LATER], mark=([100, 100, 100], 100, 100))
    desk = tiny_desk(10_000.0, haircut=None, rules=[haircuts(SLICES)])
    result = play(desk, panel, {}, spreads={CARRY: {0: (one, -10.0)}, CASH: {0: (other, 0.0)}})
    assert result.position[-1].sum() == approx(0.0)
    assert result.margin_ratio[-1].tolist() == approx([0.005 * 1000 / 9700])
    assert result.equity.tolist() == approx([10_000] * 3)


def test_floors_in_coins_stay_where_they_are_when_the_price_moves() -> None:
    """The fifth coin ends the first slice at any price: at 200 it is 0.9 × 1000 + 0.5 × 1000."""
    prices = [100, 100, 200]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    in_coins = haircuts([[0.0, 0.1], [5.0, 0.5]], floors_in="coin")
    results = [
        play(tiny_desk(10_000.0, haircut=None, rules=[text]), panel, {0: (10.0, -10.0)})
        for text in (in_coins, haircuts(SLICES))
    ]
    coins, dollars = (result.margin_ratio[-1, 0] for result in results)
    assert coins == approx(10 / (9000 - 1000 + 1400))
    assert dollars == approx(10 / (9000 - 1000 + 0.9 * 500 + 0.5 * 1500))


@pytest.mark.parametrize(("haircut", "margin"), [(0.0, 10_000), (0.25, 9750), (1.0, 9000)])
def test_a_haircut_lowers_what_counts_as_margin_and_not_what_there_is(haircut: float, margin: float) -> None:
    panel = tiny_panel([SPOT, PERP], mark=([100, 100, 100], 100))
    result = play(tiny_desk(10_000.0, haircut=haircut), panel, {0: (10.0, -10.0)})
    assert result.margin_ratio[-1, 0] == approx(5 / margin)
    assert result.equity.tolist() == approx([10_000] * 3)
    assert booked(result) == {}


USDE = ("USDE-USDT.alpha", "USDE-USDT-PERP.alpha", "USDE-USDT.beta", "USDE-USDT-PERP.beta")


@pytest.mark.parametrize(
    ("alpha", "beta", "left"),
    [(1.0, 1.0, [-20, -20]), (0.65, 1.0, [0, -20]), (1.0, 0.65, [-20, 0]), (0.65, 0.65, [0, 0])],
)
def test_collateral_is_marked_on_the_book_of_its_own_venue(
    alpha: float, beta: float, left: list[float]
) -> None:
    """900 of a dollar coin and 100 of cash behind a short of 20 at 100, which rises to 105.

    100 of cash are gone: 900 × 1 keep 0.3 × 2100 = 630, 900 × 0.65 = 585 do not.
    """
    marks: tuple[Column, ...] = ([1, 1, alpha], 1, [1, 1, beta], 1, [100, 100, 105], [100, 100, 105])
    panel = tiny_panel([*USDE, PERP, PERP_BETA], mark=marks)
    desk = tiny_desk(2000.0, beta={"maintenance": 0.3}, maintenance=0.3)
    bought: dict[str, Orders] = {f"funding_carry:{USDE[n]}/{USDE[n + 1]}": {0: (900.0, 0.0)} for n in (0, 2)}
    bought[f"cross_venue:{PERP}/{PERP_BETA}"] = {0: (-20.0, -20.0)}
    bought[f"cross_venue:{USDE[1]}/{USDE[3]}"] = {}
    result = play(desk, panel, {}, spreads=bought)
    held = {
        leg.instrument: result.position[:, n].tolist() for n, leg in enumerate(result.legs) if leg.spread != 1
    }
    assert [held[one][1] for one in (USDE[0], USDE[2], PERP, PERP_BETA)] == approx([900, 900, -20, -20])
    assert [held[one][2] for one in (PERP, PERP_BETA)] == approx(left)
    assert result.liquidations == left.count(0)
    assert result.wallet_equity[-1].tolist() == approx([900 * alpha, 900 * beta])


# --- debts ---------------------------------------------------------------------------------------------


def indebted(price: float = 300.0, orders: Orders | None = None, **keys: Any) -> Result:
    """2000 buy 10 coins at 100 against a short of 10; at 300 it has lost 2000: 1000 are owed."""
    prices = [100, 100, price, price]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    return play(tiny_desk(2000.0, **keys), panel, orders or {0: (10.0, -10.0)})


def test_a_debt_within_its_limit_pays_interest_and_is_left() -> None:
    result = indebted(debt_limit=1000.0, cash_borrow_apr=0.0)
    assert reasons(result) == []
    result = indebted(debt_limit=1001.0, cash_borrow_apr=0.0876)
    assert reasons(result) == []
    assert result.position[-1].tolist() == [10.0, -10.0]
    # an hour at 1e-5 of 1000, and one of what is owed then
    assert booked(result)["borrow"] == approx(-0.01 - 1000.01e-5)


def test_interest_can_carry_a_debt_over_its_limit_which_is_seen_at_the_next_close() -> None:
    result = indebted(debt_limit=1000.0, cash_borrow_apr=0.0876)
    assert reasons(result) == ["repayment"]
    assert result.position[2].tolist() == approx([10.0, -10.0])
    assert result.position[3].tolist() == approx([10 - 1000.01 / 300, -10.0])


def test_a_desk_can_sell_its_coins_before_what_a_delivery_realised_is_collected() -> None:
    """The future costs 2000 when there are 1000 in cash; the spot is sold at the next open."""
    panel = tiny_panel(
        [SPOT, FUTURE],
        mark=([100, 300, 300, 300], [100, 300, NAN, NAN]),
        open=([100, 100, 300, 300], [100, 100, NAN, NAN]),
        settlement=(NAN, [NAN, 300, NAN, NAN]),
    )
    desk = tiny_desk(2000.0, delivery_bps=0.0, debt_limit=None, rules=[realised()])
    sold = play(desk, panel, {0: (10.0, -10.0), 1: (0.0, 0.0)})
    assert reasons(sold) == ["settlement"]
    kept = play(desk, panel, {0: (10.0, -10.0)})
    assert reasons(kept) == ["settlement", "repayment"]
    assert kept.position[2].tolist() == approx([10 - 1000 / 300, 0.0])


def test_a_debt_beyond_its_limit_is_repaid_from_coins_with_every_cost() -> None:
    """1004 are owed, of 10 bp on 2000 and 2 coins; each coin sold brings 300 less 1 % and 10 bp of that."""
    prices = [100, 100, 300]
    panel = tiny_panel(
        [SPOT, PERP], mark=(prices, prices), bid=([NAN, NAN, 298.5], NAN), ask=([NAN, NAN, 301.5], NAN)
    )
    selling = haircuts([[0.0, 0.0]], conversion_bps=50.0)
    desk = tiny_desk(2000.0, taker_bps=10.0, debt_limit=500.0, haircut=None, rules=[selling])
    result = play(desk, panel, {0: (10.0, -10.0)})
    sold = 1002 / (300 * (1 - 0.001 - 0.01))  # 0.5 % is half the spread, 0.5 % the conversion
    assert reasons(result) == ["repayment"]
    assert result.position[-1].tolist() == approx([10 - sold, -10.0])
    assert result.fills.price[-1] == approx(297.0)
    assert result.fills.fee[-1] == approx(0.001 * 297 * sold)
    assert booked(result) == {
        "fees": approx(-2 - 0.001 * 297 * sold),
        "slippage": approx(-3 * sold),
    }
    assert result.equity_end == approx(2000 + sum(booked(result).values()))


def test_what_a_venue_leaves_of_a_debt_is_a_share_of_the_limit() -> None:
    owing = rule("borrow", coins=["USDT"], charged="continuous", overdraft_limit=500.0, repaid_to=0.4)
    result = indebted(debt_limit=None, rules=[owing])
    assert result.position[-1].tolist() == approx([10 - 800 / 300, -10.0])  # 200 are still owed
    assert reasons(result) == ["repayment"]  # and are left alone at the next close
    said = indebted(debt_limit=1000.0, rules=[owing])  # the desk's own limit
    assert reasons(said) == []


def realised(limit: float = 500.0) -> str:
    """What is not realised is not owed."""
    says: dict[str, Any] = {"charged": "continuous", "overdraft_limit": limit, "unrealised": False}
    return rule("borrow", coins=["USDT"], **says)


@pytest.mark.parametrize(
    ("left", "sold"),
    [(-10.0, 0.0), (-5.0, 0.0), (-2.5, 0.0), (-2.0, 2.0), (0.0, 1000 / 300)],
)
def test_what_open_positions_lost_is_owed_only_when_it_is_realised(left: float, sold: float) -> None:
    """Each coin of the short has lost 200 by 300, 1000 were in cash: of 8 that were closed 600 are owed."""
    orders: Orders = {0: (10.0, -10.0), 2: (10.0, left)}
    result = indebted(orders=orders, debt_limit=None, rules=[realised()])
    assert result.position[-1].tolist() == approx([10 - sold, left])
    assert reasons(result) == ["repayment"] * (sold > 0.0)


def test_the_gap_between_the_last_mark_and_the_open_is_not_realised_either() -> None:
    """A short of 10 opened at 95 after a mark of 100, and marked at 95: it has neither won nor lost."""
    panel = tiny_panel([SPOT, PERP], mark=([100] * 4, [100, 95, 95, 95]), open=([100] * 4, [100, 95, 95, 95]))
    desk = tiny_desk(1000.0, debt_limit=None, rules=[realised(10.0)])
    result = play(desk, panel, {0: (10.0, -10.0)})
    assert reasons(result) == []


@pytest.mark.parametrize(("limit", "sold"), [(30.0, 0), (20.0, 1)])
def test_a_position_that_turns_round_has_realised_what_it_was(limit: float, sold: int) -> None:
    """Long 5 from 100, turned at an open of 95: 25 are lost and owed, the short of 10 has just begun."""
    panel = tiny_panel([SPOT, PERP], mark=([100] * 4, [100, 100, 95, 95]))
    desk = tiny_desk(1000.0, debt_limit=None, rules=[realised(limit)])
    result = play(desk, panel, {0: (10.0, 5.0), 1: (10.0, -10.0)})
    assert result.position[2].tolist() == approx([10 - 0.25 * sold, -10])
    assert reasons(result) == ["repayment"] * sold


SALES = {
    (0.05, 0.1): [ETH, SPOT],
    (0.1, 0.05): [SPOT, ETH],
    (0.1, 0.1): [SPOT, ETH],  # equally good: the first
}


def sold_up(eth: float, btc: float, short: float, limit: float) -> Result:
    """6 coins of each at 100 leave 200; the shorts, 12 and some, lose 60 a coin."""
    up = [100.0, 100.0, 160.0]
    panel = tiny_panel([SPOT, PERP, ETH, ETH_PERP], mark=(up, up, up, up))
    rules = [haircuts([[0.0, eth]], "ETH"), haircuts([[0.0, btc]])]
    desk = tiny_desk(1400.0, haircut=None, rules=rules, debt_limit=limit)
    result = play(desk, panel, {}, BTC={0: (6.0, -12.0)}, ETH={0: (6.0, -short)})
    assert result.position[1].tolist() == approx([6, -12, 6, -short])
    assert set(reasons(result)) == {"repayment"}
    return result


@pytest.mark.parametrize("haircut", SALES)
def test_what_counts_most_is_sold_first(haircut: tuple[float, float]) -> None:
    """20 short lose 1200, 1000 are owed: all 6 of the better coin at 160, and a quarter of the other."""
    result = sold_up(*haircut, short=8.0, limit=999.0)
    assert [result.legs[leg].instrument for leg in result.fills.leg[4:].tolist()] == SALES[haircut]
    better = 0 if SALES[haircut][0] == SPOT else 2
    assert result.position[2, [better, 2 - better]].tolist() == approx([0.0, 5.75])


def test_what_counts_nothing_is_not_sold() -> None:
    """18 short lose 1080, 880 are owed: 5.5 coins of the one that counts."""
    result = sold_up(1.0, 0.1, short=6.0, limit=800.0)
    assert result.position[2, [0, 2]].tolist() == approx([0.5, 6.0])


def test_a_wallet_whose_coins_are_no_collateral_is_not_sold_up_but_liquidated() -> None:
    result = indebted(debt_limit=500.0, collateral=["USDT"])
    assert set(reasons(result)) == {"liquidation"}
    assert result.liquidations == 1


# --- trap E --------------------------------------------------------------------------------------------

LAST = (105_000 + 1_000_000 * (0.1 - 0.05)) / (0.02 + 0.1)  # 105 000 − 50 000 − 0.1 (p − 1e6) = 0.02 p


@pytest.mark.parametrize(
    ("price", "liquidations"),
    [(103_000, 0), (150_000, 0), (300_000, 0), (LAST - 1, 0), (LAST + 1, 1)],
)
def test_trap_E_a_coin_is_collateral_for_its_short_with_the_haircut_on_record(
    price: float, liquidations: int
) -> None:
    """1 coin and 5000 behind a short of 1; alpha counts 95 % of the first million, 90 % of what follows."""
    assert approx(1_291_666.67) == LAST
    prices = [100_000, 100_000, price]
    panel = tiny_panel([SPOT, PERP], mark=(prices, prices))
    result = play(tiny_desk(105_000.0, maintenance=0.02, haircut=None), panel, {0: (1.0, -1.0)})
    assert result.liquidations == liquidations
    assert result.equity.tolist() == approx([105_000] * 3)
    pledged = 0.95 * min(price, 1e6) + 0.9 * max(price - 1e6, 0.0)
    assert result.margin_ratio[-1, 0] == approx(0.02 * price / (105_000 - price + pledged))
