"""Synthetic forwards from a chain: what is stored, that it earns what the options earn, what is refused."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from narrows.catalog import Series, ingest, open_catalog, panel
from narrows.catalog.synthetic import bars_of, synthetic
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.time import HOUR_NS
from narrows.risk.contract import INVERSE, profit

STRIKE = 70_000.0
ONE = instrument("BTC-20260327-70000-S.deribit")
ROWS = """time,name,bid,ask,mark
2026-03-02T03:48:00,BTC-27MAR26-70000-C,0.050,0.052,0.051
2026-03-02T03:48:00,BTC-27MAR26-70000-P,0.040,0.041,0.0405
2026-03-02T09:15:00,BTC-27MAR26-70000-C,0.060,0.061,0.0605
2026-03-02T09:15:00,BTC-27MAR26-70000-P,,0.031,0.0305
2026-03-02T15:20:00,BTC-27MAR26-70000-C,0.030,0.032,0.031
2026-03-02T15:20:00,BTC-27MAR26-70000-P,0.060,0.061,0.0605
2026-03-02T17:00:00,BTC-27MAR26-70000-C,0.031,0.033,0.032
2026-03-02T17:00:00,BTC-27MAR26-70000-P,0.060,0.061,0.0605
2026-03-02T17:00:00,BTC-27MAR26-90000-C,0.001,0.002,0.0015
"""
MAPPING = """[[source]]
file = "chain.csv"
table = "option_quotes"
venue = "deribit"
symbol.column = "name"
symbol.pattern = '(BTC)-(\\d{1,2}[A-Z]{3}\\d\\d)-(\\d+)-([CP])'
symbol.symbol = '\\1-\\2-\\3-\\4'
symbol.dates = { 2 = "%d%b%y" }
time = { format = "iso" }
columns = { time = "time", bid = "bid", ask = "ask", mark = "mark" }
snapshots = { symbols = ["BTC-20260327-*-S"], bar = "6h" }
"""


def ingested(folder: Path, mapping: str = MAPPING) -> Path:
    (folder / "chain.csv").write_text(ROWS)
    (folder / "mine.toml").write_text(mapping)
    ingest([folder / "mine.toml"], root=folder, catalog=folder / "catalog")
    return folder / "catalog"


def test_a_chain_is_ingested_as_bars_quotes_and_marks_of_its_forwards(tmp_path: Path) -> None:
    catalog = open_catalog(ingested(tmp_path))
    series = Series("quotes", "deribit", ONE.symbol)
    quotes = catalog.read(series)
    assert quotes.height == 3  # the put of 09:15 has no bid: nobody can buy the forward
    assert quotes["bid"][0] == pytest.approx(STRIKE / (1.0 - (0.050 - 0.041)), rel=1e-14)
    assert quotes["ask"][0] == pytest.approx(STRIKE / (1.0 - (0.052 - 0.040)), rel=1e-14)
    marks = catalog.read(Series("marks", "deribit", ONE.symbol))
    assert marks["mark"].to_list() == pytest.approx(
        [STRIKE / (1.0 - gap) for gap in (0.0105, 0.03, -0.0295, -0.0285)], rel=1e-12
    )
    bars = catalog.read(Series("bars", "deribit", ONE.symbol))
    middle = (quotes["bid"] + quotes["ask"]) / 2.0
    assert bars["open"].to_list() == middle[:2].to_list()
    assert bars["close"].to_list() == [middle[0], middle[2]]
    assert bars["high"][1] == max(middle[1], middle[2])
    assert catalog.series("bars") == [Series("bars", "deribit", ONE.symbol)]  # 90000 has no put


def test_a_panel_has_the_forward_as_an_inverse_instrument_known_at_each_close(tmp_path: Path) -> None:
    prices = panel(open_catalog(ingested(tmp_path)), [ONE.id], 6 * HOUR_NS)
    (one,) = prices.instruments
    assert (one.kind, one.contract, one.settle, one.right) == ("synthetic", "inverse", "BTC", "S")
    assert np.isnan(prices.close[:, 0]).tolist() == [False, True, False]
    assert np.isnan(prices.bid[:, 0]).tolist() == [False, True, False]
    assert np.isfinite(prices.mark[:, 0]).all()


def test_the_forward_earns_in_coin_what_call_and_put_earn() -> None:
    """K quote units of an inverse future against one call bought and one put sold, mark to mark."""
    first, second = 0.051 - 0.0405, 0.031 - 0.0605
    before, after = (STRIKE / (1.0 - gap) for gap in (first, second))
    assert profit(INVERSE, STRIKE, before, after, 1.0) == pytest.approx(second - first, rel=1e-12)
    settled = 81_234.5
    exercised = max(1.0 - STRIKE / settled, 0.0) - max(STRIKE / settled - 1.0, 0.0)
    assert profit(INVERSE, STRIKE, before, settled, 1.0) == pytest.approx(exercised - first, rel=1e-12)


def test_a_chain_in_quote_makes_a_linear_forward() -> None:
    linear = instrument("BTC-USDC-20260327-70000-S.deribit")
    sides = {"time": [1, 1], "bid": [3_000.0, 2_000.0], "ask": [3_100.0, 2_050.0], "mark": [3_050.0, 2_020.0]}
    names = ["BTC-USDC-20260327-70000-C", "BTC-USDC-20260327-70000-P"]
    (row,) = synthetic(pl.DataFrame(sides | {"symbol": names}), linear).to_dicts()
    assert linear.contract == "linear"
    assert row == {"time": 1, "bid": 70_950.0, "ask": 71_100.0, "mark": 71_030.0}


def test_a_snapshot_on_the_grid_belongs_to_the_bar_that_begins_there() -> None:
    bar = 6 * HOUR_NS
    made = bars_of(pl.DataFrame({"time": [bar - 1, bar], "price": [1.0, 2.0]}), bar)
    assert made["time"].to_list() == [bar, 2 * bar]


def test_more_snapshots_change_no_earlier_bar() -> None:
    rng = np.random.default_rng(5)
    time = np.sort(rng.choice(400, 60, replace=False)) * HOUR_NS
    whole = pl.DataFrame({"time": time, "price": rng.uniform(60_000.0, 80_000.0, 60)})
    for cut in (1, 17, 43):
        some = bars_of(whole[:cut], 6 * HOUR_NS)
        done = some.filter(pl.col("time") <= int(time[cut - 1]))
        assert done.equals(bars_of(whole, 6 * HOUR_NS)[: done.height])


def test_what_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no strike matches 'BTC-20260327-90000-S' with quotes on both sides"
    ):
        ingested(tmp_path, MAPPING.replace("20260327-*", "20260327-90000"))
    with pytest.raises(ConfigError, match=r"symbols belong to option_quotes"):
        ingested(tmp_path, MAPPING.replace('symbols = ["BTC-20260327-*-S"], ', ""))
    with pytest.raises(ConfigError, match=r"snapshots.*bar"):
        ingested(tmp_path, MAPPING.replace('bar = "6h"', 'bar = "often"'))


def test_a_forward_has_no_delivery_price_of_its_own(tmp_path: Path) -> None:
    """Its last mid is not what its future is delivered at."""
    catalog = ingested(tmp_path)
    (tmp_path / "spot.csv").write_text("t,p\n2026-03-26T00:00:00,70000\n2026-03-28T00:00:00,70000\n")
    (tmp_path / "spot.toml").write_text(
        '[[source]]\nfile = "spot.csv"\ntable = "marks"\nvenue = "deribit"\nsymbol = "BTC-USD-PERP"\n'
        'time = { format = "iso" }\ncolumns = { time = "t", mark = "p" }\nsnapshots = { bar = "6h" }\n'
    )
    ingest([tmp_path / "spot.toml"], root=tmp_path, catalog=catalog)
    ids = [ONE.id, "BTC-USD-PERP.deribit"]
    with pytest.raises(DataError, match=r"no price for the delivery of BTC-20260327-70000-S.deribit"):
        panel(open_catalog(catalog), ids, 6 * HOUR_NS)
    assert math.isfinite(panel(open_catalog(catalog), ids[1:], 6 * HOUR_NS).close[-1, 0])
