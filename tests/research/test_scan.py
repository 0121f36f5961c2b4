"""The scan ranks spreads by what they pay after costs; each number worked out in the test."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from narrows.core.config import Desk, Hurdle, Universe
from narrows.core.errors import ConfigError
from narrows.core.panel import Panel
from narrows.research.scan import Found, scan
from tiny_market import NAN, PERP, SPOT, tiny_desk, tiny_panel

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
