"""Currencies: what a desk has in another money, and what that money is worth; all worked out by hand."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.result import Result
from tiny_market import NAN, Column, booked, play, tiny_desk, tiny_panel

approx = pytest.approx

SPOT = "BTC-USDC.alpha"
PERP = "BTC-USDC-PERP.alpha"
Orders = dict[int, tuple[float, float]]


def run(orders: Orders, marks: Sequence[Column], fx: Sequence[float], **keys: Any) -> Result:
    """A desk in USDT at a venue that trades in USDC."""
    panel = tiny_panel([SPOT, PERP], mark=marks, fx=(fx, fx))
    return play(tiny_desk(**keys), panel, orders)


def test_idle_cash_loses_what_its_currency_loses_and_nothing_else() -> None:
    result = run({}, (100, [100] * 4), [1.0, 1.0, 0.9, 0.95])
    assert result.equity.tolist() == approx([1000, 1000, 900, 950])
    assert booked(result) == {"fx": approx(-50)}
    assert result.wallet_equity[:, 0].tolist() == approx(result.equity.tolist())


def test_capital_is_changed_at_the_first_rate() -> None:
    result = run({}, (100, [100] * 3), [0.8, 0.8, 1.0])
    assert result.equity.tolist() == approx([1000, 1000, 1250])


def test_a_rate_that_is_missing_leaves_the_last_one() -> None:
    result = run({}, (100, [100] * 4), [1.0, 0.9, NAN, 0.8])
    assert result.equity.tolist() == approx([1000, 900, 900, 800])


def test_profit_is_earned_at_the_rate_of_its_day_and_revalued_with_the_cash() -> None:
    result = run({0: (0.0, 10.0)}, (100, [100, 100, 110, 110]), [1.0, 1.0, 0.9, 0.95])
    # −100 on the cash, then 10 × 10 at 0.9, then 1100 USDC gain 0.05
    assert result.equity.tolist() == approx([1000, 1000, 990, 1045])
    assert booked(result) == {"basis": approx(90), "fx": approx(-100 + 55)}


def test_a_wallet_in_the_desks_own_money_keeps_what_it_earned() -> None:
    result = run({0: (0.0, 10.0)}, (100, [100, 100, 110, 110]), [1.0, 1.0, 0.9, 0.95], cash="USDT")
    assert result.equity.tolist() == approx([1000, 1000, 1090, 1090])
    assert booked(result) == {"basis": approx(90)}


def test_spot_is_revalued_with_its_quote_currency() -> None:
    result = run({0: (5.0, 0.0)}, ([100, 100, 120], 100), [1.0, 1.0, 0.9])
    by_row = result.ledger.by_row
    leg, _, wallet = by_row
    # 500 USDC of coins and 500 of cash lose 10 %, then the coins gain 5 × 20 at 0.9
    assert by_row[leg] == approx(-50 + 90)
    assert by_row[wallet] == approx(-50)
    assert result.equity_end == approx(990)


def test_costs_and_funding_are_booked_at_the_rate_of_their_bar() -> None:
    panel = tiny_panel(
        [SPOT, PERP],
        mark=(100, [100, 100, 100]),
        fx=([0.5, 0.5, 0.8],) * 2,
        funding=(NAN, [NAN, NAN, 0.01]),
    )
    result = play(tiny_desk(taker_bps=10.0), panel, {0: (0.0, 10.0)})
    assert result.ledger.by_category["fees"] == approx(-0.001 * 1000 * 0.5)
    assert result.ledger.by_category["funding"] == approx(-0.01 * 1000 * 0.8)
    assert result.fills.fee.tolist() == approx([0.5])
    assert result.ledger.by_category["fx"] == approx((2000 - 1) * 0.3)


def test_a_constant_of_the_desk_file_holds_whatever_the_panel_says() -> None:
    desk = replace(tiny_desk(), fx={"USDC": 0.5})
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100, 110]), fx=([1.0, 3.0, 7.0],) * 2)
    result = play(desk, panel, {0: (0.0, 10.0)})
    assert result.equity_end == approx(1000 + 10 * 10 * 0.5)
    assert booked(result) == {"basis": approx(50)}


def test_a_currency_that_nothing_prices_is_an_error() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100]))
    with pytest.raises(ConfigError, match=r"fx\.USDC: BTC-USDC\.alpha is quoted in USDC.*USDC = 1\.0"):
        play(tiny_desk(), panel, {})


def test_cash_in_a_currency_that_nothing_is_quoted_in_is_an_error() -> None:
    panel = tiny_panel([SPOT, PERP], mark=(100, [100, 100]), fx=(1.0, 1.0))
    with pytest.raises(ConfigError, match=r"venues\.alpha\.cash: no instrument is quoted in EUR"):
        play(tiny_desk(cash="EUR"), panel, {})


QUANTO = instrument("BTC-USD-PERP.alpha", contract="quanto", settle="ETH")


def quanto(orders: Orders, eth: Sequence[float], perp: Column, **keys: Any) -> Result:
    """A desk in USDT; its perpetual pays an ETH for each dollar and unit of quantity."""
    panel = tiny_panel([SPOT, QUANTO], mark=([100.0] * len(eth), perp), fx=([1.0] * len(eth), eth), **keys)
    return play(tiny_desk(cash="USDT"), panel, orders)


def test_a_quanto_pays_coins_for_a_move_of_the_price_and_is_sized_in_base_units() -> None:
    result = quanto({0: (0.0, -2.0)}, [0.5, 0.5, 0.8], [100, 100, 90])
    assert result.position[1:, 1].tolist() == approx([-4.0, -4.0])  # two coins: 4 · 0.5 USDT a dollar
    assert booked(result) == {"basis": approx(4 * 10 * 0.8)}
    assert result.equity_end == approx(1000 + 32)


def test_funding_and_margin_of_a_quanto_are_in_its_coin() -> None:
    result = quanto({0: (0.0, -2.0)}, [0.5] * 3, [100, 100, 100], funding=([NAN] * 3, [NAN, NAN, 0.01]))
    assert booked(result) == {"funding": approx(4 * 100 * 0.01 * 0.5)}
    assert result.margin_ratio[1, 0] == approx(0.005 * 4 * 100 * 0.5 / 1000)


def test_a_quanto_must_say_in_which_coin_it_settles() -> None:
    with pytest.raises(ConfigError, match=r"BTC-USD-PERP\.alpha.*say in which coin it settles"):
        instrument("BTC-USD-PERP.alpha", contract="quanto")
