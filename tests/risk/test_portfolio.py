"""Portfolio margin against worked examples: Deribit's own answers, and add-ons computed by hand."""

import math
from dataclasses import replace
from datetime import date

import msgspec
import pytest

from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.risk.options import CALL, black
from narrows.risk.portfolio import (
    BASIS,
    DELTA,
    FREE,
    LEAST,
    LIQUIDATED,
    REDUCE_ONLY,
    SHORT,
    STABLE,
    WARNED,
    WORST,
    condition,
)
from narrows.rulebook import PACKAGED, Far, PortfolioRule
from risk.plain_portfolio import PlainLeg
from risk.portfolios import Margined, margined


def rule_of(id_: str, day: date) -> PortfolioRule:
    return PACKAGED.portfolio(instrument(id_), to_ns(day))


BTC = rule_of("BTC-USD-PERP.deribit", date(2024, 7, 1))
ETH = rule_of("ETH-USD-PERP.deribit", date(2026, 3, 1))
OKX = rule_of("BTC-USDT-PERP.okx", date(2025, 3, 1))
PLAIN = PortfolioRule(method="grid", moves=(-0.1, 0.0, 0.1))


def coins(amount: float, years: float = 0.0) -> PlainLeg:
    """An inverse position of so many coins at a price of 1: then every amount is in coins."""
    return PlainLeg("inverse", amount, 1.0, years=years)


def parts(book: Margined) -> list[float]:
    book.maintenance()
    return [float(part) for part in book.room.parts[0]]


# --- Deribit's worked examples -------------------------------------------------------------------


def test_deribit_example_of_june_2024() -> None:
    """Example of private/pme/simulate in Deribit's API documentation, stamped 2024-06-17.

    BTC-PERPETUAL 0.314538364, BTC-28JUN24 −0.001187534 (11 days): worst case in bucket 1 (−16 %),
    roll shock, initial and maintenance margin (the latter 0.8 of the risk matrix). Deribit rounds
    the worst case to nine decimals before it adds.
    """
    years = (to_ns(date(2024, 6, 28)) + 8 * 3_600_000_000_000 - 1_718_619_740_501_000_000) / (365 * 86_400e9)
    book = margined([coins(0.314538364), coins(-0.001187534, years)], [BTC])
    assert parts(book)[WORST] == pytest.approx(0.05968587238095239, abs=1e-16)
    assert parts(book)[BASIS] == pytest.approx(0.00315725898, abs=1e-16)
    assert parts(book)[DELTA] == 0.0
    rounded = round(parts(book)[WORST], 9) + parts(book)[BASIS]
    assert rounded == pytest.approx(0.06284313098, abs=1e-15)
    assert 0.8 * rounded == pytest.approx(0.050274504784, abs=1e-15)
    assert book.initial() == pytest.approx(0.06284313098, abs=5e-10)
    assert book.maintenance() == pytest.approx(0.050274504784, abs=5e-10)


def test_deribit_answer_of_february_2026() -> None:
    """Answer of private/pme/simulate, production, stamped 2026-02-15: ETH-PERPETUAL −0.999487053.

    Worst in bucket 9 (+18 %), 0.15246412672881357; roll shock 0.004997435265; 0.157461562265 and
    0.125969249812.
    """
    book = margined([coins(-0.999487053)], [ETH])
    assert parts(book)[WORST] == pytest.approx(0.15246412672881357, abs=1e-15)
    assert parts(book)[BASIS] == pytest.approx(0.004997435265, abs=1e-15)
    rounded = round(parts(book)[WORST], 9) + parts(book)[BASIS]
    assert rounded == pytest.approx(0.157461562265, abs=1e-15)
    assert 0.8 * rounded == pytest.approx(0.125969249812, abs=1e-15)
    assert book.initial() == pytest.approx(0.157461562265, abs=5e-10)
    assert book.maintenance() == pytest.approx(0.125969249812, abs=5e-10)


ANSWERED = {  # price_range, dampener, annualised and minimum move, up, down, m_inc: model_params of both
    "btc": (BTC, 0.16, 100_000.0, 0.075, 0.01, 0.5, 0.25, 0.00005),
    "eth": (ETH, 0.18, 200_000.0, 0.05, 0.005, 0.4, 0.25, 0.000004),
}


@pytest.mark.parametrize("coin", ANSWERED)
def test_every_constant_of_deribit(coin: str) -> None:
    """Nine evenly spaced buckets; far moves −66 … +500 % with price_range / |move| of their loss."""
    rule, price_range, dampener, annual, least, up, down, increment = ANSWERED[coin]
    assert rule.moves == pytest.approx([price_range * step / 4 for step in range(-4, 5)], abs=1e-15)
    assert [move for move, _ in rule.extended] == [-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0]
    for move, damping in rule.extended:
        assert damping == pytest.approx(price_range / abs(move), rel=1e-15)
    assert (rule.dampener, rule.basis_annual, rule.basis_min, rule.basis) == (dampener, annual, least, "each")
    assert (rule.volatility_up, rule.volatility_down, rule.volatility_floor) == (up, down, 0.5)
    assert (rule.power_short, rule.power_long) == (0.3, 0.13)
    assert (rule.delta_threshold, rule.delta_increment, rule.delta_max) == (20e6, increment, 0.1)
    assert (rule.maintenance_factor, rule.initial_factor, rule.valued_in) == (0.8, 1.0, "coin")
    assert len(rule.scenarios()) == 9 * 3 + 8


def test_deribit_risk_vector_in_every_bucket() -> None:
    """initial_risk_vectors of the answer of 2026-02-15, standard and extended, for −0.999487053 ETH."""
    standard = [
        0.21939959699999997, 0.155989308849711, 0.09885036787912087, 0.04709624857068063, 0.0,
        -0.04304011233014354, -0.08252645391743119, -0.11888171996035243, -0.15246412672881357,
    ]  # fmt: skip
    extended = [standard[0], standard[0], *[standard[-1]] * 6]
    gains = [
        0.999487053 * -one.move * one.damping / (1.0 + one.settled)
        for one in ETH.scenarios()
        if one.volatility == 1
    ]
    assert gains == pytest.approx([*standard, *extended], abs=1e-15)


def test_the_dampener_takes_small_far_losses_away_and_large_ones_in_part() -> None:
    """ETH at +100 %: relief (1 / 0.18 − 1) · 200 000 USD; the aggregated vectors of 2026-02-15 are 0."""
    relief = {one.move: one.relief for one in ETH.scenarios() if abs(one.move) > 0.18}
    assert relief[1.0] == pytest.approx((1.0 / 0.18 - 1.0) * 200_000.0)
    assert relief[-0.66] == pytest.approx((0.66 / 0.18 - 1.0) * 200_000.0)
    # a short call far above: worth nothing in the grid, and 2 500 USD a coin at +100 %, of which 0.18 counts
    many = 10_000.0
    leg = PlainLeg("option", -many, 2_000.0, years=0.01, strike=3_000.0, volatility=0.01)
    rule = msgspec.structs.replace(ETH, extended=(Far(1.0, 0.18),), volatility_floor=0.01)
    loss = many * 0.18 * black(4_000.0, 3_000.0, 0.01, 0.014, CALL)
    expected = (loss - relief[1.0]) / 1.18
    assert parts(margined([leg], [rule]))[WORST] == pytest.approx(expected, rel=1e-9)


def test_a_short_straddle_by_hand() -> None:
    """Quote-settled, one scenario up and one down, volatility shocked by 0.5 and 0.25 at 30 days."""
    rule = msgspec.structs.replace(PLAIN, volatility_up=0.5, volatility_down=0.25, volatility_floor=0.5)
    call = PlainLeg("option", -1.0, 100.0, years=30 / 365, strike=100.0, volatility=0.6)
    put = replace(call, call=False)
    now = sum(black(100.0, 100.0, 30 / 365, 0.6, right) for right in (1, -1))
    then = sum(black(110.0, 100.0, 30 / 365, 0.6 * 1.5, right) for right in (1, -1))
    assert margined([call, put], [rule]).maintenance() == pytest.approx(then - now, rel=1e-12)


def test_a_coin_settled_option_loses_coins_at_the_price_it_comes_to() -> None:
    """Bought: its premium of c coins, each worth 1 + m, is exchanged for the value there."""
    rule = msgspec.structs.replace(PLAIN, volatility_up=0.0, volatility_down=0.0, valued_in="coin")
    leg = PlainLeg("option", 1.0, 100.0, years=0.1, strike=100.0, volatility=0.6)
    coin_now = black(100.0, 100.0, 0.1, 0.6, CALL) / 100.0
    coin_then = black(90.0, 100.0, 0.1, 0.6, CALL) / 90.0
    assert parts(margined([leg], [rule]))[WORST] == pytest.approx((coin_now - coin_then) * 100.0, rel=1e-12)


# --- add-ons, by hand ----------------------------------------------------------------------------


def test_a_delta_neutral_calendar_is_not_free() -> None:
    """|Σ q_T·S·y·tau| where expiries offset each other, each for itself where they do not ."""
    near = PlainLeg("linear", 2.0, 50_000.0, years=0.25)
    far = PlainLeg("linear", -2.0, 50_000.0, years=0.75)
    net = msgspec.structs.replace(PLAIN, basis="net", basis_annual=0.05)
    each = msgspec.structs.replace(PLAIN, basis="each", basis_annual=0.05)
    assert parts(margined([near, far], [net]))[WORST] == 0.0
    assert margined([near, far], [net]).maintenance() == pytest.approx(2.0 * 50_000.0 * 0.05 * 0.5)
    assert margined([near, far], [each]).maintenance() == pytest.approx(2.0 * 50_000.0 * 0.05 * 1.0)
    months = [replace(near, quantity=1.0), replace(far, quantity=-1.0)]
    deribit = margined(months, [BTC]).maintenance()
    moved = 50_000.0 * (0.075 * 0.25 + 0.075 * 0.75)
    assert deribit == pytest.approx(0.8 * moved)


def test_legs_of_one_expiry_offset_each_other() -> None:
    future = PlainLeg("linear", 1.0, 50_000.0, years=0.25)
    assert margined([future, replace(future, quantity=-1.0)], [BTC]).maintenance() == 0.0


def test_a_large_delta_is_shocked() -> None:
    """Deribit: 1 000 BTC at 60 000 are 60 M; 666.67 of them beyond 20 M, at 0.00005 each: 3.3333 %."""
    leg = PlainLeg("inverse", 60e6, 60_000.0)
    assert parts(margined([leg], [BTC]))[DELTA] == pytest.approx(60e6 * 0.00005 * (1000 - 20e6 / 60e3))
    huge = PlainLeg("inverse", -600e6, 60_000.0)
    assert parts(margined([huge], [BTC]))[DELTA] == pytest.approx(600e6 * 0.1)
    assert parts(margined([replace(leg, quantity=20e6)], [BTC]))[DELTA] == 0.0


def test_short_options_pay_a_contingency_and_long_ones_none() -> None:
    rule = msgspec.structs.replace(PLAIN, short_option=0.01, volatility_up=0.5, volatility_down=0.25)
    short = PlainLeg("option", -3.0, 100.0, years=0.1, strike=150.0)
    book = margined([short, replace(short, quantity=5.0, strike=200.0)], [rule])
    assert parts(book)[SHORT] == pytest.approx(3.0 * 100.0 * 0.01)


def test_okx_hedge_across_dollars_pays_for_a_depeg() -> None:
    """10 BTC long against USDT, 8 BTC short against USDC: 8 BTC are one dollar against another (MR9)."""
    long = PlainLeg("linear", 10.0, 60_000.0, money="USDT")
    short = PlainLeg("linear", -8.0, 60_000.0, money="USDC")
    told = parts(margined([long, short], [OKX]))
    assert told[STABLE] == pytest.approx(8.0 * 60_000.0 * 0.005)
    assert told[WORST] == pytest.approx(2.0 * 60_000.0 * 0.12)
    assert told[LEAST] == pytest.approx(18.0 * 60_000.0 * 0.0045)


def test_okx_hedged_spot_has_the_minimum_charge_and_the_move_of_its_perpetual() -> None:
    """OKX notice of 2024-05-31: 10 BTC against a perpetual, MR4 8 053.32 and MR7 3 020.17 USDT.

    The notice names no price: 67 111 USDT is what makes both round, 1.2 % and 0.45 % (8 : 3).
    """
    spot = PlainLeg("spot", 10.0, 67_111.0, money="USDT")
    perp = PlainLeg("linear", -10.0, 67_111.0, money="USDT")
    book = margined([spot, perp], [OKX])
    assert book.maintenance() == pytest.approx(8_053.32, abs=0.01)
    assert parts(book)[LEAST] == pytest.approx(3_020.0, abs=0.1)
    assert parts(book)[WORST] == 0.0
    assert book.initial() == pytest.approx(1.3 * book.maintenance())


def test_owned_coins_offset_only_where_the_rule_says_so_and_borrowed_ones_always_count() -> None:
    spot, perp = PlainLeg("spot", 1.0, 100.0), PlainLeg("linear", -1.0, 100.0)
    assert margined([spot, perp], [PLAIN]).maintenance() == pytest.approx(10.0)
    assert margined([spot, perp], [msgspec.structs.replace(PLAIN, spot_offsets=True)]).maintenance() == 0.0
    assert margined([replace(spot, quantity=-1.0)], [PLAIN]).maintenance() == pytest.approx(10.0)


def test_coins_beside_an_inverse_leg_hedge_it_in_quote() -> None:
    """1 BTC held against a short of its value: constant in USD, 16 % of it in BTC (Deribit)."""
    leg = PlainLeg("inverse", -50_000.0, 50_000.0, coin=1.0)
    in_quote = msgspec.structs.replace(PLAIN, spot_offsets=True)
    assert margined([leg], [in_quote]).maintenance() == 0.0
    assert parts(margined([leg], [BTC]))[WORST] == pytest.approx(50_000.0 * 0.16 / 1.16)


def test_underlyings_add_up_without_offset() -> None:
    long = PlainLeg("linear", 1.0, 100.0)
    short = replace(long, quantity=-1.0, underlying=1)
    assert margined([long, short], [PLAIN, PLAIN]).maintenance() == pytest.approx(20.0)


def test_a_price_that_is_not_known_leaves_margin_unknown() -> None:
    rule = msgspec.structs.replace(PLAIN, minimum=0.01, volatility_up=0.5, volatility_down=0.25)
    known = PlainLeg("linear", 1.0, 100.0)
    for kind in ("linear", "option", "spot"):
        lost = PlainLeg(kind, -1.0, math.nan, years=0.1, strike=100.0)
        assert math.isnan(margined([known, lost], [rule]).maintenance())
        assert math.isnan(parts(margined([known, lost], [rule]))[WORST])
        assert math.isnan(margined([lost, known], [rule]).initial())


def test_binance_goes_by_its_ratio() -> None:
    """Binance FAQ 4868b2f1: free above 1.5, warned to 1.2, reduce-only to 1.05, then liquidated."""
    rule = rule_of("BTC-USDT-PERP.binance", date(2024, 3, 1))
    levels = (rule.warn_at, rule.reduce_at, rule.liquidated_at)
    assert (rule.method, *levels) == ("ratio", 1.5, 1.2, 1.05)
    for ratio, expected in (
        (1.51, FREE), (1.5, WARNED), (1.21, WARNED), (1.2, REDUCE_ONLY), (1.06, REDUCE_ONLY),
        (1.05, LIQUIDATED), (-1.0, LIQUIDATED), (math.nan, LIQUIDATED),
    ):  # fmt: skip
        assert condition(ratio * 100.0, 100.0, *levels) == expected
    assert condition(-5.0, 0.0, *levels) == FREE
    assert condition(5.0, math.nan, *levels) == LIQUIDATED


def test_what_has_no_grid_is_refused() -> None:
    binance = rule_of("BTC-USDT-PERP.binance", date(2024, 3, 1))
    with pytest.raises(ConfigError, match=r"no scenarios.*by tiers"):
        margined([PlainLeg("linear", 1.0, 100.0)], [binance])
    with pytest.raises(ConfigError, match=r"no volatility shock is recorded.*volatility_up"):
        margined([PlainLeg("option", 1.0, 100.0, years=0.1)], [OKX])
