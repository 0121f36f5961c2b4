"""The same settled rate from independent sources, each read through a catalogue of its own."""

import numpy as np
import polars as pl
import pytest

from narrows.catalog import Series
from narrows.core.instrument import instrument
from narrows.core.time import HOUR_NS
from realdata.real import Alone, Real

# one mapping, the other, instrument, settlements that both have: the rate and its interval are equal in all
SETTLED = [
    ("binance_funding", "binance_avax", "AVAX-USDT-PERP.binance", 5944),
    ("binance_funding", "binance_btc", "BTC-USDT-PERP.binance", 1945),
    ("binance_funding", "lewgaowei", "BTC-USDT-PERP.binance", 6481),
    ("binance_funding", "lewgaowei", "ADA-USDT-PERP.binance", 6426),
    ("binance_funding", "lewgaowei", "SOL-USDT-PERP.binance", 5787),
    ("binance_funding", "aha_hh", "BTC-USDT-PERP.binance", 1642),
    ("binance_funding", "stajie99", "BTC-USDT-PERP.binance", 4610),
    ("binance_funding", "zushen168", "AVAX-USDT-PERP.binance", 563),
    ("supervik", "lewgaowei", "BTC-USDT-PERP.binance", 4383),
    ("supervik", "aha_hh", "BTC-USDT-PERP.bybit", 1095),
    ("tchiu04", "aha_hh", "BTC-USD-PERP.binance", 425),
    ("hyperliquid_perps", "hyperliquid_btc", "BTC-USDC-PERP.hyperliquid", 12192),
    ("hyperliquid_perps", "zushen168", "BTC-USDC-PERP.hyperliquid", 4747),
    ("hyperliquid_perps", "zushen168", "AVAX-USDC-PERP.hyperliquid", 4744),
]


def _series(alone: Alone, mapping: str, id_: str) -> pl.DataFrame:
    one = instrument(id_)
    return alone[mapping].read(Series("funding", one.venue, one.symbol))


@pytest.mark.parametrize(("first", "second", "id_", "common"), SETTLED)
def test_two_sources_tell_the_same_settled_rate(
    alone: Alone, first: str, second: str, id_: str, common: int
) -> None:
    both = _series(alone, first, id_).join(_series(alone, second, id_), on="time")
    assert both.height == common
    assert (both["rate"] == both["rate_right"]).all()
    assert (both["interval_h"] == both["interval_h_right"]).all()


def test_a_clock_three_hours_off_would_agree_with_nothing(alone: Alone) -> None:
    """What zone = "UTC+3" is worth: read as UTC, supervik's stamps meet none of lewgaowei's."""
    wrong = _series(alone, "supervik", "BTC-USDT-PERP.binance").with_columns(pl.col("time") + 3 * HOUR_NS)
    assert wrong.join(_series(alone, "lewgaowei", "BTC-USDT-PERP.binance"), on="time").is_empty()


def test_funding_is_settled_at_the_hours_of_each_venue(every: Real) -> None:
    def hours(venue: str) -> list[int]:
        frame = every.catalog.read(Series("funding", venue, "BTC-USDT-PERP"))
        return sorted({time // HOUR_NS % 24 for time in frame["time"]})

    for venue in ("binance", "gate", "htx", "mexc"):
        assert hours(venue) == [0, 8, 16], venue
    assert hours("kucoin") == [4, 12, 20]
    assert hours("bitmex") == [4, 12, 20]


def test_sol_settled_every_two_hours_while_ftx_fell(every: Real) -> None:
    frame = every.catalog.read(Series("funding", "binance", "SOL-USDT-PERP"))
    shorter = frame.filter(pl.col("interval_h") == 2).select(pl.from_epoch("time", time_unit="ns"))
    first, last = shorter.to_series().min(), shorter.to_series().max()
    assert (str(first)[:13], str(last)[:13]) == ("2022-11-10 06", "2022-11-18 08")


def test_bitmex_paid_its_cap_for_a_day_in_march_2020(every: Real) -> None:
    frame = every.catalog.read(Series("funding", "bitmex", "BTC-USD-PERP"))
    times = pl.from_epoch("time", time_unit="ns").cast(pl.String)
    fallen = frame.filter(times.str.starts_with("2020-03-13"))
    assert fallen["rate"].to_list() == [-0.00375] * 3


def test_summer_time_leaves_every_bar_on_its_eight_hours(every: Real) -> None:
    for venue in ("bybit", "okx"):
        frame = every.catalog.read(Series("bars", venue, "BTC-USDT-PERP"))
        eight = frame.filter(pl.col("bar_ns") == 8 * HOUR_NS)["time"]
        assert np.all(np.diff(eight.to_numpy()) == 8 * HOUR_NS)
        assert np.all(eight.to_numpy() % (8 * HOUR_NS) == 0)


def test_put_call_parity_holds_on_the_mids(every: Real) -> None:
    """C - P = 1 - K/F in coin, within 10 % of a listed forward and beyond a day."""
    chain = every.catalog.read(Series("option_quotes", "deribit", "all"))
    parts = pl.col("symbol").str.split("-").list
    listed = ~pl.col("forward_name").str.starts_with("SYN.")
    chain = chain.filter(listed, pl.col("bid") > 0, pl.col("ask") > 0).with_columns(
        expiry=parts.get(1),
        strike=parts.get(2).cast(pl.Float64),
        right=parts.get(3),
        mid=(pl.col("bid") + pl.col("ask")) / 2,
    )
    pairs = chain.filter(right="C").join(chain.filter(right="P"), on=("time", "expiry", "strike"))
    due = pl.col("expiry").str.to_datetime("%Y%m%d", time_unit="ns").dt.timestamp("ns") + 8 * HOUR_NS
    near = (pl.col("strike") / pl.col("forward") - 1).abs() < 0.1
    pairs = pairs.filter(near, due - pl.col("time") > 24 * HOUR_NS)
    implied = pairs["strike"] / (1 - pairs["mid"] + pairs["mid_right"])
    error_bp = 1e4 * (implied / pairs["forward"] - 1).to_numpy()
    assert len(error_bp) > 20_000
    assert abs(np.median(error_bp)) < 0.1
    assert np.quantile(np.abs(error_bp), 0.9) < 7


def test_oil_is_negative_where_it_was(every: Real) -> None:
    front = every.catalog.read(Series("prices", "nymex", "CL1-USD"))
    assert front["price"].min() == -37.63
    assert every.catalog.read(Series("prices", "eia", "WTI-USD"))["price"].min() == -36.98


def test_oil_futures_end_on_the_last_day_that_the_file_counts_down_to(every: Real, data_root: object) -> None:
    file = pl.read_parquet(f"{data_root}/traditional/wti_futures_term_structure_1990_1995.parquet")
    days = file.with_columns(left=(pl.col("ttm_years") * 262).round().cast(pl.Int64))
    dates = days["date"].to_numpy().astype("datetime64[D]")
    last = np.busday_offset(dates, days["left"].to_numpy(), roll="forward")
    expected = {f"WTI-USD-{str(day).replace('-', '')}" for day in np.unique(last)}
    stored = {one.symbol for one in every.catalog.series("prices") if one.symbol.startswith("WTI-USD-")}
    assert stored == expected
    assert len(stored) == 82


def test_specifications_and_quotes_of_a_whole_venue(every: Real) -> None:
    specs = every.catalog.read(Series("specs", "binance", "all"))
    (one,) = specs.filter(pl.col("symbol") == "BTC-USDT-PERP", pl.col("tick").is_not_null()).to_dicts()
    got = (one["tick"], one["lot"], one["min_notional"], one["initial"], one["maintenance"], one["expiry"])
    assert got == (0.1, 0.001, 50.0, 0.05, 0.025, None)
    tickers = every.catalog.read(Series("tickers", "binance", "all"))
    (spot,) = tickers.filter(pl.col("symbol") == "ETH-BTC").to_dicts()
    assert (spot["bid"], spot["ask"], spot["ask_size"]) == (0.02897, 0.02898, 44.518)
    assert tickers.filter(pl.col("next_funding") <= pl.col("time")).is_empty()
    marked = tickers.filter(pl.col("mark").is_not_null())
    assert marked.height == 818
