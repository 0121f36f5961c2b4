"""Every spread that a universe allows, in the order of its instruments."""

import pytest

from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.spread import ANCHOR, spreads

NEAR, FAR = "BTC-USDT-20270326.okx", "BTC-USDT-20270625.okx"


def ids(*universe: str, kinds: tuple[str, ...] = ()) -> list[str]:
    return [spread.id for spread in spreads([instrument(id_) for id_ in universe], kinds)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("BTC-USDT.okx", "BTC-USDT-PERP.okx", "funding_carry:BTC-USDT.okx/BTC-USDT-PERP.okx"),
        ("BTC-USDT-PERP.okx", "BTC-USDT.okx", "funding_carry:BTC-USDT.okx/BTC-USDT-PERP.okx"),
        (NEAR, "BTC-USDT.okx", f"cash_and_carry:BTC-USDT.okx/{NEAR}"),
        (NEAR, "BTC-USDT-PERP.okx", f"calendar:BTC-USDT-PERP.okx/{NEAR}"),
        (FAR, NEAR, f"calendar:{NEAR}/{FAR}"),
        (
            "BTC-USDT-PERP.okx",
            "BTC-USD-PERP.deribit",
            "cross_venue:BTC-USDT-PERP.okx/BTC-USD-PERP.deribit",
        ),
        (
            "BTC-20270326-60000-S.deribit",
            "BTC-USD-20270326.deribit",
            "parity:BTC-USD-20270326.deribit/BTC-20270326-60000-S.deribit",
        ),
    ],
)
def test_two_instruments_make_the_spread_that_ties_them(first: str, second: str, expected: str) -> None:
    assert ids(first, second) == [expected]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("BTC-USDT.okx", "ETH-USDT-PERP.okx"),  # another coin
        ("BTC-USDT.okx", "BTC-USDT-PERP.binance"),  # another venue
        ("BTC-USDT.okx", "BTC-USDT.binance"),
        ("BTC-USDT-PERP.okx", "BTC-USD-PERP.okx"),
        (NEAR, "BTC-USD-20270326.okx"),  # the same delivery
        ("BTC-USDT.okx", "BTC-20270326-60000-C.okx"),
        ("BTC-USD-20270326.deribit", "BTC-20270625-60000-S.deribit"),  # another delivery
        ("BTC-USD-20270326.deribit", "BTC-USDC-20270326-60000-S.deribit"),  # another kind of contract
        ("BTC-USD-20270326.okx", "BTC-20270326-60000-S.deribit"),
        ("BTC-USDT.okx", "BTC-USDT-20270326-60000-S.okx"),  # spot is no future
        ("BTC-20270326-60000-S.deribit", "BTC-20270326-70000-S.deribit"),
        ("ETH-USDT.okx", "ETH-BTC-PERP.okx"),  # another money
        ("ETH-BTC.okx", "ETH-USDT-20270326.okx"),
        ("ETH-BTC-PERP.okx", "ETH-USD-PERP.deribit"),
    ],
)
def test_what_nothing_ties_makes_no_spread(first: str, second: str) -> None:
    assert ids(first, second) == []


def test_dollars_count_as_one_money() -> None:
    assert ids("BTC-USDC.okx", "BTC-USD-PERP.okx") == ["funding_carry:BTC-USDC.okx/BTC-USD-PERP.okx"]
    assert ids("ETH-BTC.okx", "ETH-BTC-PERP.okx") == ["funding_carry:ETH-BTC.okx/ETH-BTC-PERP.okx"]


def test_a_universe_gives_all_its_spreads_in_its_own_order() -> None:
    universe = ("BTC-USDT.okx", "BTC-USDT-PERP.okx", NEAR, FAR, "BTC-USDT-PERP.binance")
    assert ids(*universe) == [
        "funding_carry:BTC-USDT.okx/BTC-USDT-PERP.okx",
        f"cash_and_carry:BTC-USDT.okx/{NEAR}",
        f"cash_and_carry:BTC-USDT.okx/{FAR}",
        f"calendar:BTC-USDT-PERP.okx/{NEAR}",
        f"calendar:BTC-USDT-PERP.okx/{FAR}",
        "cross_venue:BTC-USDT-PERP.okx/BTC-USDT-PERP.binance",
        f"calendar:{NEAR}/{FAR}",
    ]
    assert ids(*universe, kinds=("cross_venue",)) == ["cross_venue:BTC-USDT-PERP.okx/BTC-USDT-PERP.binance"]


def test_legs_anchor_and_expiry() -> None:
    (carry,) = spreads([instrument("BTC-USDT.okx"), instrument(NEAR)])
    assert [leg.ratio for leg in carry.legs] == [1.0, -1.0]
    assert carry.anchor == ANCHOR["cash_and_carry"] == "expiry"
    assert carry.expiry_ns == instrument(NEAR).expiry_ns
    (calendar,) = spreads([instrument(FAR), instrument(NEAR)])
    assert calendar.expiry_ns == instrument(NEAR).expiry_ns
    (funding,) = spreads([instrument("BTC-USDT.okx"), instrument("BTC-USDT-PERP.okx")])
    assert (funding.anchor, funding.expiry_ns) == ("funding", 0)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'carry' is not a kind of spread; choose from cash_and_carry,"):
        ids("BTC-USDT.okx", kinds=("carry",))
