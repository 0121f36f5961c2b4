"""The scan ranks spreads by what they pay after costs; each number worked out in the test."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from narrows.analytics.fairvalue import Costs, Financing, dated_band
from narrows.core.config import Desk, Hurdle, Universe, Venue
from narrows.core.errors import ConfigError
from narrows.core.panel import Panel
from narrows.core.spread import Spread, spreads
from narrows.research.fair import costs_of, financing_of
from narrows.research.scan import Found, scan
from narrows.sim.layout import layout
from tiny_market import NAN, PERP, PERP_BETA, SPOT, rule, tiny_desk, tiny_panel

approx = pytest.approx

BARS = 80
FUTURE = "BTC-USDT-20240720.alpha"
SETTLED = [0.0002 if bar % 8 == 1 else NAN for bar in range(BARS)]  # 1.825 bp an hour, 21.9 % a year


def market(rate: float = 1.0, borrow: float = NAN, future: float = 102.0) -> Panel:
    return tiny_panel(
        [SPOT, PERP, FUTURE],
        mark=([100.0] * BARS, 100.5, future),
        funding=(NAN, (rate * np.array(SETTLED)).tolist(), NAN),
        borrow=(borrow, NAN, NAN),
    )


def desk(**alpha: Any) -> Desk:
    made = tiny_desk(**{"taker_bps": 2.0, "half_spread_bps": 1.0} | alpha)
    return msgspec.structs.replace(made, hurdle=Hurdle(apr=0.0876))


def found(panel: Panel, kind: str, **alpha: Any) -> Found:
    (one,) = (one for one in scan(desk(**alpha), panel).spreads if one.kind == kind)
    return one


def test_funding_carry_pays_trailing_funding_over_the_horizon_less_four_fills() -> None:
    one = found(market(), "funding_carry")
    assert one.carry_apr == approx(0.219)
    assert one.basis_bps == approx(50.0)
    assert one.horizon_h == 72.0
    assert one.edge_bps == approx(18.0 - 4 * 3.0)  # nine settlements of 2 bp
    assert one.verdict == "hold cash"  # the hurdle is 7.2 bp in 72 h
    assert one.reason == "long: 1.2 bp short of costs and hurdle"


def test_cheap_enough_it_is_a_trade() -> None:
    one = found(market(), "funding_carry", taker_bps=1.0)
    assert (one.verdict, one.reason) == ("trade", "long: 2.8 bp over costs and hurdle")


def test_cash_and_carry_pays_the_basis_until_delivery() -> None:
    one = found(market(), "cash_and_carry")
    left_h = 721.0 - (BARS - 1)  # the first bar closes on 20 June 07:00, delivery is on 20 July 08:00
    assert one.horizon_h == left_h
    assert one.basis_bps == approx(200.0)
    assert one.carry_apr == approx(0.02 * 8760 / left_h)
    assert one.edge_bps == approx(200.0 - 12.0)
    assert one.verdict == "trade"


def test_negative_funding_pays_the_short_spread_less_the_loan() -> None:
    one = found(market(rate=-1.0, borrow=0.1), "funding_carry")
    assert one.carry_apr == approx(-(0.219 - 0.1))  # negative: held short
    assert one.edge_bps == approx(18.0 - 0.1 * 72 / 8760 * 1e4 - 12.0)
    assert one.reason.startswith("short: ")


def test_the_best_comes_first_and_the_unknown_last() -> None:
    told = scan(desk(), market())
    assert told.as_of == "2024-06-23T14:00:00Z"
    kinds = [one.kind for one in told.spreads]
    edges = [one.edge_bps for one in told.spreads]
    assert kinds == ["cash_and_carry", "calendar", "funding_carry"]
    assert edges == sorted(edges, reverse=True)
    silent = scan(desk(), market(rate=math.nan)).spreads
    assert silent[0].kind == "cash_and_carry"
    assert {one.verdict for one in silent[1:]} == {"unknown"}
    assert all(math.isnan(one.edge_bps) for one in silent[1:])


def test_a_spread_without_a_price_today_is_left_out() -> None:
    gone = market()
    fields = dict(gone.fields)
    fields["close"] = gone.close.copy()
    fields["close"][-1, 2] = NAN
    told = scan(desk(), Panel.of(gone.instruments, gone.time_ns, gone.bar_ns, (), **fields))
    assert [one.kind for one in told.spreads] == ["funding_carry"]


def test_the_universe_chooses_kinds_and_an_empty_choice_is_refused() -> None:
    some = msgspec.structs.replace(desk(), universe=Universe(spreads=("calendar",)))
    assert {one.kind for one in scan(some, market()).spreads} == {"calendar"}
    none = msgspec.structs.replace(desk(), universe=Universe(spreads=("cross_venue",)))
    with pytest.raises(ConfigError, match="no spread has prices for both legs"):
        scan(none, market())
    with pytest.raises(ConfigError, match="no spread has prices"):
        scan(desk(), market().rows(0, 0))


BP = 1e-4
FREE_MONEY = Financing(borrow=0.0, lend=0.0, base_borrow=0.0, base_lend=0.0, margin=0.0, return_on_margin=0.0)


def test_a_perpetual_above_its_fair_band_says_by_how_much() -> None:
    """Alpha's clamp is 1 ± 5 bp; free money ends the band at −5 bp, four fills of 3 bp widen it."""
    one = found(market(), "funding_carry")
    assert (one.fair_lo_bps, one.fair_hi_bps) == approx((-17.0, 7.0))
    assert one.outside_bps == approx(50.0 - 7.0)
    dear = found(market(borrow=0.1095), "funding_carry", cash_borrow_apr=0.219)
    assert (dear.fair_lo_bps, dear.fair_hi_bps) == approx((-1.0 - 5.0 - 12.0, 2.0 + 5.0 + 12.0))


def test_a_future_s_band_has_the_costs_of_the_desk_and_the_days_that_are_left() -> None:
    one = found(market(future=99.0), "cash_and_carry", delivery_bps=4.0)
    years = (721.0 - (BARS - 1)) / 8760.0
    plain = dated_band(1.0, years, FREE_MONEY, spot_cost=3 * BP, future_cost=3 * BP, exit_cost=(3 + 4) * BP)
    assert one.fair_lo_bps == approx(1e4 * (float(plain.lo) - 1.0))
    assert one.fair_hi_bps == approx(1e4 * (float(plain.hi) - 1.0))
    assert one.outside_bps == approx(-100.0 - one.fair_lo_bps)


def test_inside_its_band_a_basis_is_outside_by_nothing() -> None:
    assert found(market(future=100.01), "cash_and_carry").outside_bps == 0.0


def test_a_rule_that_is_missing_leaves_no_band_and_is_told() -> None:
    spot, perp = "BTC-USDT.gamma", "BTC-USDT-PERP.gamma"
    panel = tiny_panel([spot, perp], mark=([100.0] * BARS, 100.5), funding=(NAN, SETTLED))
    venues = {"gamma": Venue(taker_bps=2.0, maintenance=0.005, liquidation_fee_bps=0.0, haircut=0.0)}
    told = scan(msgspec.structs.replace(desk(), venues=venues), panel).spreads[0]
    assert [math.isnan(value) for value in (told.fair_lo_bps, told.fair_hi_bps, told.outside_bps)] == [
        True
    ] * 3
    assert "; no fair band: " in told.reason
    assert "the rulebook does not know the venue gamma" in told.reason
    known = msgspec.structs.replace(desk(), venues=venues, rules=(GAMMA,))
    assert scan(known, panel).spreads[0].outside_bps > 0.0


GAMMA = rule(
    "funding",
    venue="gamma",
    interest=0.0001,
    clamp=0.0005,
    cap=0.02,
    floor=-0.02,
    interval_h=8.0,
    scale="rate",
    weights="equal",
    sample="mid",
    sample_s=60.0,
    style="stamped",
    pays_on="mark",
)


def test_the_band_needs_no_more_rows_than_the_running_interval() -> None:
    """A panel cut to its last day gives the same band, the intervals of its data included."""
    whole = market()
    hours = np.where(np.isnan(whole.funding), NAN, 4.0)
    whole = whole.with_field("funding_h", hours)
    for one, other in zip(
        scan(desk(), whole).spreads, scan(desk(), whole.rows(BARS - 30, BARS)).spreads, strict=True
    ):
        assert (one.spread, one.fair_lo_bps, one.fair_hi_bps) == (
            other.spread,
            other.fair_lo_bps,
            other.fair_hi_bps,
        )


def pairs(panel: Panel) -> dict[str, Spread]:
    return {one.kind: one for one in spreads(panel.instruments)}


def test_financing_is_what_the_desk_file_says() -> None:
    two = pairs(tiny_panel([SPOT, PERP, PERP_BETA, FUTURE], mark=([100.0] * 3, 100.0, 100.0, 101.0)))
    said = tiny_desk(
        beta={"cash_borrow_apr": 0.12, "cash_apr": 0.02, "max_leverage": 2.0},
        leverage=4.0,
        cash_borrow_apr=0.03,
        cash_apr=0.06,
        borrow_apr=0.02,
        coin_apr={"BTC": 0.04},
    )
    carry = financing_of(said, two["funding_carry"])
    assert carry == Financing(  # cash and coins earn more than their loans cost: that is what they cost
        borrow=0.06, lend=0.0, base_borrow=0.04, base_lend=0.04, margin=0.0, return_on_margin=0.06
    )
    across = financing_of(said, two["cross_venue"])
    assert across.margin == approx((1 / 4 + 1 / 2) / 2)
    assert (across.borrow, across.return_on_margin) == approx((0.12, 0.04))
    for apart in ({"account": "separate"}, {"margin": "isolated"}, {"collateral": ["ETH"]}):
        assert financing_of(tiny_desk(leverage=4.0, **apart), two["funding_carry"]).margin == 0.25


def test_costs_are_the_fills_of_the_legs_and_of_the_coin_they_end_in() -> None:
    panel = market()
    made = spreads(panel.instruments)
    said = costs_of(panel, made, layout(desk(delivery_bps=4.0), panel, made))
    by_kind = {one.kind: costs for one, costs in zip(made, said, strict=True)}
    assert by_kind["calendar"] == Costs(first=3 * BP, second=3 * BP, spot=3 * BP, delivery=4 * BP)


# depth of the data


def deep(depth: float) -> Panel:
    """Four days of a perpetual that pays, with quotes and depth."""
    rates = [0.0003 if hour % 8 == 7 else NAN for hour in range(96)]
    return tiny_panel(
        [SPOT, PERP],
        mark=([100.0] * 96, 100.0),
        funding=(NAN, rates),
        bid=(99.99, 99.99),
        ask=(100.01, 100.01),
        depth=(depth, depth),
    )


def test_the_edge_is_net_of_the_depth_that_the_data_have() -> None:
    thin, thick = (scan(tiny_desk(capital=1000.0), deep(depth)).spreads[0] for depth in (1e4, 1e7))
    walked = 4 * 0.5 * 10.0 * 1000.0 / 1e4  # four fills, each half of 10 bp for a tenth of the depth
    assert thick.edge_bps - thin.edge_bps == pytest.approx(walked * (1.0 - 1e-3), rel=1e-9)


def test_the_capacity_is_where_the_edge_is_the_hurdle() -> None:
    desk = tiny_desk(capital=1000.0)
    found = scan(desk, deep(1e4)).spreads[0]
    there = scan(msgspec.structs.replace(desk, capital=found.capacity), deep(1e4)).spreads[0]
    hurdle = desk.hurdle.apr * there.horizon_h / 8760.0 * 1e4
    assert there.edge_bps == pytest.approx(hurdle, rel=1e-6)


def test_without_depth_there_is_no_capacity() -> None:
    assert math.isnan(scan(tiny_desk(), deep(NAN)).spreads[0].capacity)
