"""An id says what an instrument is, or is refused."""

from datetime import UTC, datetime

import pytest

from narrows.core.errors import ConfigError
from narrows.core.instrument import instrument
from narrows.core.time import to_ns


def at_eight(year: int, month: int, day: int) -> int:
    return to_ns(datetime(year, month, day, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    ("id_", "kind", "contract", "base", "quote", "settle", "expiry_ns"),
    [
        ("BTC-USDT.binance", "spot", "linear", "BTC", "USDT", "USDT", 0),
        ("BTC-USD.kraken", "spot", "linear", "BTC", "USD", "USD", 0),
        ("1000PEPE-USDT-PERP.bybit", "perp", "linear", "1000PEPE", "USDT", "USDT", 0),
        ("BTC-USD-PERP.deribit", "perp", "inverse", "BTC", "USD", "BTC", 0),
        ("BTC-USDT-20270326.okx", "future", "linear", "BTC", "USDT", "USDT", at_eight(2027, 3, 26)),
        ("ETH-USD-20240628.okx", "future", "inverse", "ETH", "USD", "ETH", at_eight(2024, 6, 28)),
        ("BTC-20270326-60000-C.deribit", "option", "inverse", "BTC", "USD", "BTC", at_eight(2027, 3, 26)),
        ("BTC-20270326-60000-S.deribit", "synthetic", "inverse", "BTC", "USD", "BTC", at_eight(2027, 3, 26)),
        ("BTC-USDC-20270326-0.5-P.bybit", "option", "linear", "BTC", "USDC", "USDC", at_eight(2027, 3, 26)),
    ],
)
def test_an_id_is_read(
    id_: str, kind: str, contract: str, base: str, quote: str, settle: str, expiry_ns: int
) -> None:
    one = instrument(id_)
    assert (one.kind, one.contract, one.base, one.quote, one.settle) == (kind, contract, base, quote, settle)
    assert one.expiry_ns == expiry_ns
    assert f"{one.symbol}.{one.venue}" == one.id == id_
    assert one.is_derivative == (kind != "spot")
    assert one.is_inverse == (contract == "inverse")


def test_strike_and_right_of_an_option_are_read() -> None:
    put = instrument("BTC-USDC-20270326-0.5-P.bybit")
    assert (put.strike, put.right) == (0.5, "P")
    assert (instrument("BTC-USDT.okx").strike, instrument("BTC-USDT.okx").right) == (0.0, "")


@pytest.mark.parametrize(
    "id_",
    [
        "",
        "BTC",
        "BTC-USDT",
        "BTC.binance",
        ".binance",
        "BTC-USDT.",
        "btc-usdt.binance",
        "BTC-USDT.Binance",
        "BTC-USDT-PERP-PERP.okx",
        "BTC-USDT-2027.okx",
        "BTC-USDT-20271326.okx",
        "BTC-USDT-20270230.okx",
        "BTC-20270326-60000-X.deribit",
        "BTC-USDT.okx ",
        "BTC/USDT.okx",
        "BTC-USDT.okx\n",
        "BTC-USDT.okx.okx",
    ],
)
def test_what_is_no_id_is_refused_in_one_line(id_: str) -> None:
    with pytest.raises(ConfigError) as error:
        instrument(id_)
    assert "\n" not in str(error.value)
    assert "write" in str(error.value)


def test_facts_beside_the_id_are_taken() -> None:
    one = instrument("BTC-USDT-PERP.okx", lot=0.01, tick=0.1, contract="inverse")
    assert (one.lot, one.tick, one.contract) == (0.01, 0.1, "inverse")
