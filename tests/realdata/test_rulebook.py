"""The rulebook against what venues published and settled.

Beyond the files of examples/sources it reads, from public repositories: the leverage tiers of
freqtrade/freqtrade (freqtrade/exchange/binance_leverage_tiers.json), the REST answers of
noahark/binance_funding_hedging, the test payloads of nautechsystems/nautilus_trader, the settled
rates of PietroC21/Crypto-PerpetualFutures, ZuShen168/funding_rate_data and
stajie99/FundingRateAnalysis, the delivered contracts of gobbles404/perp-arb. A missing one skips.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from narrows.catalog import Series
from narrows.core.instrument import Instrument, instrument
from narrows.core.time import DAY_NS, HOUR_NS, to_ns
from narrows.rulebook import PACKAGED, load
from narrows.rulebook.funding import clamped_rate
from narrows.rulebook.importers import (
    Said,
    binance_cross_margin_data,
    binance_exchange_info,
    binance_funding_info,
    ccxt_leverage_tiers,
    deribit_instruments,
    okx_position_tiers,
)
from narrows.rulebook.rules import exact_deductions
from realdata.real import Real

SAID = Said(date(2026, 7, 4), "the payload")
NOW = to_ns(date(2026, 8, 1))
REST = "exchange_payloads/binance_rest_2026"


def present(path: Path) -> Path:
    if not path.exists():
        (pytest.fail if os.environ.get("NARROWS_DATA_REQUIRED") else pytest.skip)(f"no {path}")
    return path


def payload(path: Path) -> Any:
    """A JSON file, packed or not."""
    present(path)
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    lines = pl.read_csv(path, has_header=False, separator="\x01", quote_char=None, infer_schema=False)
    return json.loads("\n".join(lines.to_series().to_list()))


@pytest.fixture(scope="session")
def tier_file(data_root: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = payload(
        data_root / "margin_tiers" / "binance_usdm_leverage_tiers.json.zst"
    )
    assert (len(found), sum(len(tiers) for tiers in found.values())) == (349, 2805)
    return found


def test_binance_deductions_are_recomputed_exactly_for_every_row(
    tier_file: dict[str, list[dict[str, Any]]],
) -> None:
    for symbol, tiers in tier_file.items():
        said = [tier["info"] for tier in tiers]
        exact = exact_deductions(
            [float(row["notionalFloor"]) for row in said], [float(row["maintMarginRatio"]) for row in said]
        )
        assert exact == [Decimal(row["cum"]) for row in said], symbol


def test_all_tiers_are_imported_as_published(tier_file: dict[str, list[dict[str, Any]]]) -> None:
    made = ccxt_leverage_tiers(tier_file, "binance", SAID)
    assert made.left_out == ()
    book = load([made.text])
    for name, tiers in tier_file.items():
        pair, _, term = name.partition(":")
        day = term.partition("-")[2]
        one = instrument(f"{pair.replace('/', '-')}-{'20' + day if day else 'PERP'}.binance")
        floors, rates, deductions = book.margin(one, NOW).arrays()
        np.testing.assert_array_equal(floors, [tier["minNotional"] for tier in tiers])
        np.testing.assert_array_equal(rates, [tier["maintenanceMarginRate"] for tier in tiers])
        np.testing.assert_array_equal(deductions, [float(tier["info"]["cum"]) for tier in tiers])


@pytest.mark.parametrize("quote", ["USDT", "USDC"])
def test_the_packaged_tiers_are_those_of_the_file(
    quote: str, tier_file: dict[str, list[dict[str, Any]]]
) -> None:
    checked = 0
    for coin in ("BTC", "ETH", "SOL", "AVAX", "DOGE", "XRP", "LTC", "SUI", "WIF", "TIA", "SKL"):
        tiers = tier_file.get(f"{coin}/{quote}:{quote}")
        if tiers is None:
            continue
        rule = PACKAGED.margin(instrument(f"{coin}-{quote}-PERP.binance"), NOW)
        published = [
            (t["minNotional"], t["maxNotional"], t["maintenanceMarginRate"], float(t["info"]["cum"]),
             t["maxLeverage"]) for t in tiers
        ]  # fmt: skip
        assert list(rule.tiers) == published
        checked += 1
    assert checked >= 5


def test_binance_funding_info_and_fees_are_imported(data_root: Path) -> None:
    exchange = payload(data_root / REST / "binance_fapi_exchangeInfo_20260703.json.zst")
    info = payload(data_root / REST / "binance_fapi_fundingInfo_20260704.json.zst")
    made = binance_funding_info(info, exchange, SAID)
    assert set(made.left_out) == {"币安人生USDT", "我踏马来了USDT", "龙虾USDT", "DATAIPUSDT", "DATAIPUSDC"}
    book = load([made.text, binance_exchange_info(exchange, SAID).text])
    rule = book.funding(instrument("WIF-USDT-PERP.binance"), NOW)
    assert (rule.cap, rule.floor, rule.interval_h) == (0.02, -0.02, 4.0)
    assert book.margin(instrument("BTC-USDT-20260925.binance"), NOW).liquidation_fee == 0.0125
    for coin in ("BTC", "ETH", "SOL", "AVAX", "DOGE", "LINK", "SUI", "TRX"):  # packaged from it, too
        for quote in ("USDT", "USD"):
            one = instrument(f"{coin}-{quote}-PERP.binance")
            assert PACKAGED.funding(one, NOW).cap == book.funding(one, NOW).cap, one.id


def test_recorded_payloads_of_okx_and_deribit_are_imported(data_root: Path) -> None:
    folder = data_root / "exchange_payloads" / "nautilus"
    tiers = payload(folder / "okx" / "http_get_position_tiers.json")
    okx = load([okx_position_tiers(tiers, ["BTC-USDT-PERP"], 1.0, SAID).text])
    assert [list(tier) for tier in okx.margin(instrument("BTC-USDT-PERP.okx"), NOW).tiers] == [
        [0, 50, 0.03, 0, 10]
    ]
    made = deribit_instruments(payload(folder / "deribit" / "http_get_instruments.json"), SAID)
    assert made.left_out == ("BTC-COMBO-1",)
    deribit = load([made.text])
    for symbol in ("BTC-USD-PERP", "BTC-USD-20241227", "BTC-20241227-100000-C"):
        one = instrument(f"{symbol}.deribit")
        assert deribit.fees(one, NOW).taker == pytest.approx(PACKAGED.fees(one, NOW).taker, abs=1e-15)


def settled(data_root: Path, source: str) -> Iterator[tuple[Instrument, int, float]]:
    """Instrument, stamp on its hour, rate: of one source file."""
    if source == "binance":
        frame = pl.read_parquet(present(data_root / "pietroc21" / "binance_funding_8h.parquet"))
        for symbol, when, rate in frame.iter_rows():
            yield instrument(f"{symbol.removesuffix('USDT')}-USDT-PERP.binance"), to_ns(when), rate
    elif source == "zushen168":
        frame = pl.read_parquet(present(data_root / "zushen168" / "funding_4venues_2025_2026.parquet"))
        frame = frame.filter(pl.col("venue").is_in(["binance", "bybit", "hyperliquid"]))
        rates = frame.select("venue", "canonical_symbol", "settlement_ts", "rate_raw")
        for venue, symbol, when, rate in rates.iter_rows():
            yield instrument(f"{symbol}.{venue}"), to_ns(when), rate
    elif source == "bitmex":
        frame = pl.read_parquet(present(data_root / "stajie99" / "funding_with_price_4venues.parquet"))
        ids = {"XBTUSD": "BTC-USD", "XBTUSDT": "BTC-USDT", "SOLUSD": "SOL-USD", "SOLUSDT": "SOL-USDT"}
        rates = frame.filter(pl.col("venue") == "bitmex").select("symbol", "datetime", "funding_rate")
        for symbol, when, rate in rates.iter_rows():
            stamp = datetime.fromisoformat(when).replace(tzinfo=UTC)
            yield instrument(f"{ids[symbol]}-PERP.bitmex"), to_ns(stamp), rate
    else:
        frame = pl.read_parquet(present(data_root / "pietroc21" / f"okx_{source}_1h.parquet"))
        rows = frame.select("timestamp", "funding_rate_raw_okx").drop_nulls()
        for when, rate in rows.filter(pl.col("timestamp").dt.hour().is_in([0, 8, 16])).iter_rows():
            yield instrument(f"{source}-USDT-PERP.okx"), to_ns(when), rate


@pytest.mark.parametrize(
    ("source", "rows", "at_bounds"),
    [
        ("binance", 50_000, 20),
        ("zushen168", 140_000, 2),
        ("bitmex", 17_000, 100),
        ("SOL", 4000, 5),
        ("AVAX", 4000, 0),
    ],
)
def test_no_settled_rate_lies_beyond_the_cap_of_its_date(
    source: str, rows: int, at_bounds: int, data_root: Path
) -> None:
    """The overrides of November 2022 among them; bounds that are hit exactly show that they are real."""
    seen, hit = 0, 0
    for one, time_ns, rate in settled(data_root, source):
        stamp = (time_ns + HOUR_NS // 2) // HOUR_NS * HOUR_NS  # stamps are some milliseconds late
        rule = PACKAGED.funding(one, stamp)
        assert rule.floor - 1e-12 <= rate <= rule.cap + 1e-12, (
            one.id,
            datetime.fromtimestamp(stamp / 1e9, UTC),
        )
        seen += 1
        hit += min(abs(rate - rule.floor), abs(rate - rule.cap)) < 1e-12
    assert seen > rows
    assert hit >= at_bounds


def test_sol_settled_at_the_intervals_of_its_rule(data_root: Path) -> None:
    stamps = [
        (time_ns + HOUR_NS // 2) // HOUR_NS * HOUR_NS
        for one, time_ns, _ in settled(data_root, "binance")
        if one.base == "SOL"
    ]
    stamps.sort()
    sol = instrument("SOL-USDT-PERP.binance")
    planned = [PACKAGED.funding(sol, stamp).interval_h * HOUR_NS for stamp in stamps[1:]]
    agree = np.mean(np.diff(np.array(stamps)) == np.array(planned))
    assert agree > 0.999
    assert {2 * HOUR_NS, 4 * HOUR_NS, 8 * HOUR_NS} <= set(planned)


def test_hyperliquid_rates_follow_from_the_rule_to_the_last_digit(catalogue: Real) -> None:
    rates = catalogue.catalog.read(Series("funding", "hyperliquid", "BTC-USDC-PERP"))
    marks = catalogue.catalog.read(Series("marks", "hyperliquid", "BTC-USDC-PERP"))
    both = rates.join(marks, on="time")
    rule = PACKAGED.funding(instrument("BTC-USDC-PERP.hyperliquid"), to_ns(date(2024, 6, 1)))
    eight_hours = clamped_rate(both["premium"].to_numpy(), rule.interest, rule.clamp, np.inf)
    rate = np.clip(eight_hours * (rule.interval_h / rule.per_h), rule.floor, rule.cap)
    np.testing.assert_allclose(both["rate"].to_numpy(), rate, rtol=0, atol=1e-10)


def test_binance_quarterlies_deliver_at_the_hour_of_their_rule(data_root: Path) -> None:
    frame = pl.read_csv(present(data_root / "gobbles404" / "fut_expirys.csv.zst"), infer_schema=False)
    for symbol, delivery_ms in frame.select("symbol", "deliveryDate").iter_rows():
        pair, day = symbol.split("_")
        one = instrument(f"{pair.removesuffix('USDT')}-USDT-20{day}.binance")
        rule = PACKAGED.settlement(one, one.expiry_ns)
        assert (
            int(delivery_ms) * 10**6
            == one.expiry_ns
            == one.expiry_ns // DAY_NS * DAY_NS + rule.hour * HOUR_NS
        )


def test_borrow_rates_and_limits_of_every_coin_become_records(data_root: Path) -> None:
    table = payload(data_root / REST / "binance_crossMarginData_20260704.json.zst")
    made = binance_cross_margin_data(table, SAID)
    assert made.left_out == ("币安人生",)
    book = load([made.text])
    for one in table:
        if one["coin"] not in made.left_out:
            rule = book.borrow("binance", one["coin"], NOW)
            assert rule.charged == "begun"
            assert rule.apr == pytest.approx(float(one["yearlyInterest"]), abs=3e-6)  # it is rounded there
            assert rule.loan_limit == (float(one["borrowLimit"]) if one["borrowable"] else 0.0)
    for coin in ("BTC", "ETH", "SOL", "USDT"):
        assert (
            PACKAGED.borrow("binance", coin, NOW).loan_limit == book.borrow("binance", coin, NOW).loan_limit
        )
