"""Cost of real books, walked a second time by plain code; and a depth model on a real profile."""

import gzip
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from narrows.core.units import from_bps
from narrows.execution.cost import break_even_h, capacity, curve_of, round_trip, two_sided
from narrows.execution.lots import split_in_lots
from narrows.execution.router import alone, source, split
from narrows.market.depth import BUY, SELL, Depth
from narrows.market.depth_model import DepthModel, fit, trailing_vol
from realdata.books import INVERSE, RECORDINGS, Recording, raw_snapshot, snapshot

SIZES_USD = (10_000.0, 100_000.0, 1_000_000.0)
TAKER = {"BTC-USDT.binance": 10e-4, "BTC-USDT-PERP.binance": 5e-4, "BTC-USD-PERP.binance": 5e-4}
HYPERLIQUID_LEVELS_USD = 25.5  # how far 20 levels a side reach, median of the recording of 2025-01-26


@pytest.fixture(scope="module")
def books(data_root: Path) -> list[Depth]:
    return [snapshot(data_root, one) for one in RECORDINGS]


def plainly(root: Path, one: Recording, direction: int, usd: float) -> tuple[float, float]:
    """Coin that so many dollars trade, and what is lost against the mid, with fees, from the text as sent."""
    sent = raw_snapshot(root, one)
    levels = sent["asks" if direction > 0 else "bids"]
    mid = (float(sent["bids"][0][0]) + float(sent["asks"][0][0])) / 2.0
    left, coin, lost = usd, 0.0, 0.0
    for text, amount in levels:
        price = float(text)
        worth = float(amount) * 100.0 if one.instrument is INVERSE else float(amount) * price
        part = min(left, worth)
        coin += part / price
        lost += direction * (price - mid) * part / price
        left -= part
        if left <= 0.0:
            break
    assert left <= 0.0
    return coin, lost + TAKER[one.instrument.id] * usd


@pytest.mark.parametrize("direction", [BUY, SELL])
def test_ten_thousand_to_a_million_dollars_cost_what_plain_code_says(
    data_root: Path, books: list[Depth], direction: int
) -> None:
    for one, depth in zip(RECORDINGS, books, strict=True):
        curve = curve_of(depth, direction, TAKER[depth.instrument.id])
        sizes = curve.size_of(np.array(SIZES_USD))
        found = curve.at(sizes)
        for number, usd in enumerate(SIZES_USD):
            coin, lost = plainly(data_root, one, direction, usd)
            assert float(sizes[number]) == pytest.approx(coin, rel=1e-9)
            assert float(found.cost[number]) == pytest.approx(lost, rel=1e-9)
        assert (np.diff(found.bps) > -1e-9).all()


def test_the_books_are_as_they_were(books: list[Depth]) -> None:
    """By eye from the files: touch, and that a spot book of a thousand levels ends within 35 bp."""
    spot, linear, inverse = books
    assert (spot.bids[0][0], spot.asks[0][0]) == (61837.63, 61837.64)
    assert (linear.bids[0][0], linear.asks[0][0]) == (61800.2, 61800.3)
    assert inverse.bids[1][0] == pytest.approx(35 * 100.0 / 61804.7, rel=1e-15)
    assert max(spot.reach) < 35e-4
    assert min(inverse.reach) > 100e-4


def dollars(books: list[Depth]) -> list[Depth]:
    """All three in USDT, a dollar taken for one."""
    return [one.in_money("USDT", 1.0) for one in books]


def test_a_million_over_three_books_beats_each_of_them(books: list[Depth]) -> None:
    sources = [source(curve_of(one, BUY, TAKER[one.instrument.id])) for one in dollars(books)]
    size = 1e6 / books[0].mid
    found = split(sources, size)
    assert found.judged < alone(sources, size).min()
    whole = split_in_lots(sources, size)
    assert whole.unfilled < 1e-5
    assert 0.0 <= whole.judged - whole.bound < 2.0  # dollars of a million


def test_a_carry_trade_of_the_three_books_has_a_capacity_and_pays_back(books: list[Depth]) -> None:
    spot, _, inverse = dollars(books)
    legs = [two_sided(spot, BUY, 10e-4), two_sided(inverse, SELL, 5e-4)]
    found = capacity(legs, 32e-4)
    assert found.ends == "edge"
    trip = round_trip(legs, found.size)
    assert from_bps(float(trip.bps)) == pytest.approx(32e-4, rel=1e-9)
    assert float(break_even_h(32e-4, 1e-4 / 8.0)) == pytest.approx(256.0, rel=1e-12)


def profile(data_root: Path, window_h: float) -> DepthModel:
    """Hyperliquid's profile: half of both sides, over the distance that 20 levels reach, not 50 bp."""
    table = pl.read_parquet(data_root / "yuchengzhang966" / "hyperliquid_BTC_depth_6h.parquet")
    stamp = pl.col("timestamp").str.to_datetime(time_unit="ns", time_zone="UTC").dt.epoch("ns")
    table = table.with_columns(t=stamp).sort("t").unique("t", keep="first", maintain_order=True)
    time, mid = table["t"].to_numpy(), table["mid_price"].to_numpy()
    one_side, half = table["depth_50bps"].to_numpy() / 2.0, table["spread_bps"].to_numpy() / 2e4
    vol = trailing_vol(time, mid, window_h)
    return fit(time, one_side, half, vol, span=HYPERLIQUID_LEVELS_USD / mid)


def test_depth_falls_with_volatility_and_hardly_any_of_it_is_foretold(data_root: Path) -> None:
    model = profile(data_root, 72.0)
    assert model.rows == 2714
    assert model.depth.slope == pytest.approx(-0.510, abs=1e-3)
    assert model.depth.slope_se == pytest.approx(0.141, abs=1e-3)
    assert model.half_spread.slope == pytest.approx(0.264, abs=1e-3)
    assert model.depth.r2 == pytest.approx(0.079, abs=1e-3)
    assert model.depth.r2_ahead == pytest.approx(0.019, abs=1e-3)
    assert model.half_spread.r2_ahead == pytest.approx(0.064, abs=1e-3)
    assert np.argmin(model.depth.effects) == 0  # midnight UTC is thinnest
    calm, wild = model.at(np.array([0.01, 0.04]), 12.0)[0]
    assert (calm, wild) == pytest.approx((8.62e6, 4.25e6), rel=1e-2)


def test_the_profile_s_fifty_basis_points_are_twenty_levels(data_root: Path) -> None:
    """The same venue's raw messages: 20 levels a side, which end 2.2 to 3.2 bp from the mid."""
    decode = msgspec.json.decode
    with gzip.open(data_root / "hftbacktest" / "hyperliquid" / "btcusd_20250126.gz", "rt") as lines:
        sent = [decode(line.partition(" ")[2]) for line in lines]
    books = [one["data"]["levels"] for one in sent if one.get("channel") == "l2Book"]
    assert len(books) > 10
    reach: list[float] = []
    for bids, asks in books:
        assert len(bids) == len(asks) == 20
        mid = (float(bids[0]["px"]) + float(asks[0]["px"])) / 2.0
        reach += [mid - float(bids[-1]["px"]), float(asks[-1]["px"]) - mid]
    assert np.median(reach) == HYPERLIQUID_LEVELS_USD
    assert max(reach) / mid < 5e-4  # a tenth of what the name of the column says
