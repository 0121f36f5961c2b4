"""Payloads as venues send them become rule files; what cannot be is refused or left out by name."""

from datetime import date
from typing import Any

import pytest

from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.time import to_ns
from narrows.rulebook import MarginRule, load
from narrows.rulebook.importers import (
    Imported,
    Said,
    binance_exchange_info,
    binance_funding_info,
    binance_leverage_brackets,
    ccxt_leverage_tiers,
    deribit_instruments,
    okx_position_tiers,
)

SAID = Said(date(2026, 7, 4), 'the venue, "read" on a \\ day', "high")
NOW = to_ns(date(2026, 8, 1))
EXCHANGE: dict[str, Any] = {
    "symbols": [
        {"symbol": "BTCUSDT", "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
         "baseAsset": "BTC", "quoteAsset": "USDT", "liquidationFee": "0.012500", "maintMarginPercent": "2.5"},
        {"symbol": "BTCUSDT_260925", "contractType": "CURRENT_QUARTER", "deliveryDate": 1790323200000,
         "baseAsset": "BTC", "quoteAsset": "USDT", "liquidationFee": "0.010000"},
        {"symbol": "龙虾USDT", "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
         "baseAsset": "龙虾", "quoteAsset": "USDT", "liquidationFee": "0.020000"},
    ]
}  # fmt: skip


def margin(imported: Imported, id_: str, *packaged: str) -> MarginRule:
    judged = f'venue = "{instrument(id_).venue}"\n[[margin]]\neffective_from = 2020-01-01\n'
    judged += 'source = "s"\nconfidence = "low"\njudged_on = "mark"'
    return load([*packaged, judged, imported.text]).margin(instrument(id_), NOW)


def ccxt_tier(low: float, high: float, rate: float, leverage: float, **info: str) -> dict[str, Any]:
    return {"minNotional": low, "maxNotional": high, "maintenanceMarginRate": rate,
            "maxLeverage": leverage, "info": info}  # fmt: skip


def test_ccxt_tiers_with_the_venues_deduction() -> None:
    payload = {
        "BTC/USDT:USDT": [ccxt_tier(0, 5, 0.01, 50, cum="0.0"), ccxt_tier(5, 9, 0.02, 25, cum="0.05")],
        "BTC/USDT:USDT-260925": [ccxt_tier(0, 5, 0.01, 50, mmDeduction="0")],
        "BTC/USD:BTC": [ccxt_tier(0, 5, 0.01, 50, cum="0")],
        "我/USDT:USDT": [ccxt_tier(0, 5, 0.01, 50)],
    }
    made = ccxt_leverage_tiers(payload, "nova", SAID)
    assert made.left_out == ("我/USDT:USDT",)
    assert margin(made, "BTC-USDT-PERP.nova").tiers == ((0, 5, 0.01, 0, 50), (5, 9, 0.02, 0.05, 25))
    assert margin(made, "BTC-USDT-20260925.nova").tiers == ((0, 5, 0.01, 0, 50),)
    assert margin(made, "BTC-USD-PERP.nova").notional_in == "base"


def test_ccxt_tiers_of_a_venue_that_deducts_nothing() -> None:
    payload = {"BTC/USDT:USDT": [ccxt_tier(0, 5, 0.01, 50), ccxt_tier(5, 9, 0.02, 25)]}
    made = margin(ccxt_leverage_tiers(payload, "nova", SAID), "BTC-USDT-PERP.nova")
    assert [tier.deduction for tier in made.tiers] == [0.0, 0.0]


def test_a_deduction_that_does_not_fit_is_refused() -> None:
    payload = {"BTC/USDT:USDT": [ccxt_tier(0, 5, 0.01, 50, cum="0"), ccxt_tier(5, 9, 0.02, 25, cum="0.06")]}
    with pytest.raises(ConfigError, match=r"imported rules of nova: margin\[1\]\.tiers\[2\]"):
        ccxt_leverage_tiers(payload, "nova", SAID)


def test_binance_brackets() -> None:
    bracket = {"bracket": 1, "initialLeverage": 75, "notionalCap": 10000, "notionalFloor": 0,
               "maintMarginRatio": 0.0065, "cum": 0}  # fmt: skip
    payload = [{"symbol": "BTCUSDT", "brackets": [bracket]}, {"symbol": "XYZ", "brackets": [bracket]}]
    made = binance_leverage_brackets(payload, EXCHANGE, SAID)
    assert made.left_out == ("XYZ",)
    rule = margin(made, "BTC-USDT-PERP.binance")
    assert (rule.tiers, rule.notional_in) == (((0, 10000, 0.0065, 0, 75),), "quote")
    coins = {"initialLeverage": 75, "qtyCap": 5, "qtyFloor": 0, "maintMarginRatio": 0.004, "cum": 0}
    exchange = {"symbols": [{**EXCHANGE["symbols"][0], "symbol": "BTCUSD_PERP", "quoteAsset": "USD"}]}
    made = binance_leverage_brackets([{"symbol": "BTCUSD_PERP", "brackets": [coins]}], exchange, SAID)
    assert margin(made, "BTC-USD-PERP.binance").notional_in == "base"


def test_binance_funding_info_holds_from_its_update() -> None:
    row = {"adjustedFundingRateCap": "0.0200", "adjustedFundingRateFloor": "-0.0200",
           "fundingIntervalHours": 4}  # fmt: skip
    payload = [
        {"symbol": "BTCUSDT", "updateTime": 1752854309429, **row},  # 2025-07-18 15:58:29
        {"symbol": "ETHUSD_PERP", "updateTime": None, **row},
        {"symbol": "龙虾USDT", "updateTime": None, **row},
    ]
    made = binance_funding_info(payload, EXCHANGE, SAID)
    assert made.left_out == ("龙虾USDT",)
    book = load([made.text])
    btc, eth = instrument("BTC-USDT-PERP.binance"), instrument("ETH-USD-PERP.binance")
    change = 1752854309 * 10**9
    assert [book.funding(btc, when).interval_h for when in (change - 1, change)] == [8.0, 4.0]
    assert book.funding(btc, change).cap == 0.02
    assert [book.funding(eth, to_ns(date(2026, 7, day))).cap for day in (3, 4)] == [0.00375, 0.02]


def test_binance_exchange_info_gives_liquidation_fees_and_never_its_margin_percents() -> None:
    made = binance_exchange_info(EXCHANGE, SAID)
    assert made.left_out == ("龙虾USDT",)
    book = load([made.text])
    assert book.margin(instrument("BTC-USDT-20260925.binance"), NOW).liquidation_fee == 0.01
    assert book.margin(instrument("BTC-USDT-PERP.binance"), NOW).tiers[0].maintenance == 0.004
    assert "2.5" not in made.text


def okx_tier(low: str, high: str, mmr: str, lever: str) -> dict[str, str]:
    return {"minSz": low, "maxSz": high, "mmr": mmr, "maxLever": lever}


def test_okx_tiers_are_in_contracts_and_deduct_nothing() -> None:
    payload = {"data": [okx_tier("501", "900", "0.01", "50"), okx_tier("0", "500", "0.004", "100")]}
    made = okx_position_tiers(payload, ["BTC-USDT-PERP"], 0.01, SAID)
    rule = load([made.text]).margin(instrument("BTC-USDT-PERP.okx"), NOW)
    assert [list(tier) for tier in rule.tiers] == [[0, 5, 0.004, 0, 100], [5, 9, 0.01, 0, 50]]
    assert (rule.notional_in, rule.partial) == ("base", "tier")
    inverse = okx_position_tiers(payload, ["BTC-USD-PERP"], 100.0, SAID)
    rule = load([inverse.text]).margin(instrument("BTC-USD-PERP.okx"), NOW)
    assert (rule.tiers[0].cap, rule.notional_in) == (50_000.0, "quote")


def test_okx_tiers_with_a_gap_are_refused() -> None:
    payload = {"data": [okx_tier("0", "500", "0.004", "100"), okx_tier("600", "900", "0.01", "50")]}
    with pytest.raises(DataError, match="a tier from 600 after one to 500"):
        okx_position_tiers(payload, ["BTC-USDT-PERP"], 0.01, SAID)


def test_deribit_instruments() -> None:
    def one(name: str, kind: str, **more: object) -> dict[str, Any]:
        return {"instrument_name": name, "kind": kind, "base_currency": "BTC", "counter_currency": "USD",
                "settlement_currency": "BTC", "settlement_period": "month", "maker_commission": 0.0,
                "taker_commission": 0.0005, "max_liquidation_commission": 0.0075,
                "expiration_timestamp": 1790323200000} | more  # fmt: skip

    payload = {
        "result": [
            one("BTC-PERPETUAL", "future", settlement_period="perpetual"),
            one("BTC_USDC-PERPETUAL", "future", settlement_period="perpetual", counter_currency="USDC",
                settlement_currency="USDC", maker_commission=-0.0001),
            one("BTC-25SEP26", "future"),
            one("BTC-25SEP26-60000-C", "option", strike=60000.0, option_type="call", taker_commission=0.0003),
            one("BTC_USDC-25SEP26-0d5-P", "option", strike=0.5, option_type="put",
                counter_currency="USDC", settlement_currency="USDC"),
            one("BTC-COMBO-1", "future_combo", expiration_timestamp=None),
        ]
    }  # fmt: skip
    made = deribit_instruments(payload, SAID)
    assert made.left_out == ("BTC-COMBO-1",)
    book = load([made.text])
    for symbol in ("BTC-USD-PERP", "BTC-USD-20260925", "BTC-USDC-20260925-0.5-P"):
        assert book.fees(instrument(f"{symbol}.deribit"), NOW).taker == 0.0005
    assert book.fees(instrument("BTC-20260925-60000-C.deribit"), NOW).taker == pytest.approx(
        0.0003, abs=1e-18
    )
    assert book.fees(instrument("BTC-USDC-PERP.deribit"), NOW).maker == -0.0001
    assert book.margin(instrument("BTC-USD-PERP.deribit"), NOW).liquidation_fee == 0.0075


def test_date_source_and_confidence_are_the_callers() -> None:
    made = binance_exchange_info(EXCHANGE, SAID)
    told = [one for one in load([made.text]).origins(instrument("BTC-USDT-PERP.binance"), NOW)
            if one.since.startswith("2026-07-04") and one.part == "margin"]  # fmt: skip
    assert [(one.source, one.confidence) for one in told] == [(SAID.source, "high")]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: okx_position_tiers({"code": "1"}, ["BTC-USDT-PERP"], 1.0, SAID),
            "position-tiers: no 'data'",
        ),
        (
            lambda: okx_position_tiers({"data": [okx_tier("0", "", "0", "1")]}, ["A-B-PERP"], 1.0, SAID),
            "maxSz",
        ),
        (lambda: binance_funding_info([{}], EXCHANGE, SAID), "fundingInfo: no 'symbol'"),
        (lambda: binance_exchange_info([], SAID), "exchangeInfo: no 'symbols'"),
        (lambda: deribit_instruments({}, SAID), "get_instruments: no 'result'"),
    ],
)
def test_what_is_not_the_payload_of_the_endpoint_is_refused(call: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
