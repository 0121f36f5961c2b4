"""The collateral study: the page is made of its answers, some answers made again, and two done by hand."""

import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from narrows.core.time import to_ns
from realdata.real import REPOSITORY

AGAIN = "run scripts/studies/collateral.py"
# 8 h bars, a delivery, perpetuals of two venues: a second or three each, where the others take a minute
SUBSET = (
    "BTC, OKX spot and perpetual (8 h)",
    "BTC, Binance spot and future of 2024-03-29",
    "SOL, perpetuals of OKX and Hyperliquid",
)


@pytest.fixture(scope="module")
def study() -> Iterator[Any]:
    folder = str(REPOSITORY / "scripts" / "studies")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("collateral")
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def parts(study: Any) -> dict[str, Any]:
    """The modules of the study, by name."""
    assert study.PAGE.name == "survival-by-structure.md"  # it stands on the path by now
    names = ("pairs", "runs", "search", "quarters")
    return {name: importlib.import_module(f"collateral_{name}") for name in names}


@pytest.fixture(scope="module")
def catalog(study: Any, data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = study.catalogues(data_root, tmp_path_factory.mktemp("collateral"))
    return folder


@pytest.fixture(scope="module")
def kept(study: Any) -> Any:
    return study.kept()


def pair_of(parts: dict[str, Any], title: str) -> Any:
    return next(one for one in parts["pairs"].PAIRS if one.title == title)


def told(kept: Any, *case: str) -> Any:
    """The answer of a pair, direction, structure and lane."""
    return next(one for one in kept[0] if (one.pair, one.direction, one.structure, one.lane) == case)


def test_page_and_figure_are_what_the_answers_give(study: Any, kept: Any) -> None:
    for place, text in study.files(*kept).items():
        assert (REPOSITORY / place).read_text("utf-8") == text, f"{place}: {AGAIN}"


def test_every_pair_that_is_named_has_its_answers(parts: dict[str, Any], kept: Any) -> None:
    pairs = parts["pairs"]
    wanted = {
        (pair.title, direction, structure.name, lane)
        for pair in pairs.PAIRS
        for direction in ("long", "reverse")
        for structure in pairs.STRUCTURES
        for lane in parts["runs"].LANES
        if not pairs.absent(pair, structure)
    }
    assert {(one.pair, one.direction, one.structure, one.lane) for one in kept[0]} == wanted


@pytest.mark.parametrize("title", SUBSET)
def test_answers_are_what_the_data_give(title: str, parts: dict[str, Any], kept: Any, catalog: Path) -> None:
    search = parts["search"]
    again = search.answers(parts["runs"].series_of(pair_of(parts, title), catalog))
    stored = [one for one in kept[0] if one.pair == title]
    assert search.written(again) == search.written(stored), AGAIN


def test_ninety_days_are_what_the_data_give(parts: dict[str, Any], kept: Any, catalog: Path) -> None:
    title = "BTC, Binance spot and perpetual"
    series = parts["runs"].series_of(pair_of(parts, title), catalog)
    first = parts["quarters"].starts(series)[0]
    again = parts["quarters"].begun(series, first)
    stored = [one for one in kept[1] if one.pair == title][: len(again)]
    assert parts["search"].written(again) == parts["search"].written(stored), AGAIN


@pytest.mark.parametrize("lane", ["closes", "high_low"])
def test_the_search_and_the_backtest_agree_on_who_dies(
    lane: str, parts: dict[str, Any], kept: Any, catalog: Path
) -> None:
    runs = parts["runs"]
    series = runs.series_of(pair_of(parts, SUBSET[2]), catalog)
    least = told(kept, SUBSET[2], "long", "restore at 0.1, 8 h", lane)
    structure = next(one for one in parts["pairs"].STRUCTURES if one.name == least.structure)
    case = runs.Case(series, True, structure)
    for factor in (1.001, 1 / 1.004, 0.9, 1.5):
        end = case.end(least.first * factor, least.second * factor, lane)
        died = case.died(least.first * factor, least.second * factor, lane)
        assert died == (None if end is None else end.leg)
        if factor in (1.001, 1.5):
            assert end is None
        if factor == 1 / 1.004:
            assert end is not None


def test_bars_beside_a_halt_are_no_prices_and_are_left_out(
    parts: dict[str, Any], catalog: Path, data_root: Path
) -> None:
    raw = {
        venue: pl.read_parquet(data_root / "pietroc21" / f"{venue}_AVAX_1h.parquet").filter(
            pl.col("timestamp") == datetime(2021, 2, 11, 3)
        )
        for venue in ("binance", "okx")
    }
    stopped = raw["binance"]["close_spot_binance"][0]
    assert stopped == raw["binance"]["high_spot_binance"][0] == raw["binance"]["low_spot_binance"][0]
    assert stopped < 0.94 * raw["okx"]["close_spot_okx"][0]
    assert stopped < 0.94 * raw["binance"]["close_perp_binance"][0]
    series = parts["runs"].series_of(pair_of(parts, "AVAX, Binance spot and perpetual"), catalog)
    close = series.panel.close
    rows = series.panel.time_ns.tolist()
    first = rows.index(to_ns(datetime(2021, 2, 11, 3, tzinfo=UTC)))
    assert not np.isfinite(close[first : first + 4]).any()
    assert np.isfinite(close[[first - 1, first + 4]]).all()
    assert (np.isfinite(close).sum(axis=1) != 1).all()  # never one leg alone


def sol(data_root: Path) -> pl.DataFrame:
    """OKX SOL from the first hour of its perpetual; `rate` where it is settled, at the close of its row."""
    rows = pl.read_parquet(data_root / "pietroc21" / "okx_SOL_1h.parquet").sort("timestamp")
    return rows.filter(pl.col("timestamp") >= datetime(2021, 1, 22, 6)).with_columns(
        rate=pl.when(pl.col("timestamp").dt.hour() % 8 == 7)
        .then(pl.col("funding_rate_raw_okx").shift(-1))
        .otherwise(0.0)
        .fill_null(0.0)
    )


def test_a_short_alone_needs_the_worst_hour_of_its_history(kept: Any, data_root: Path) -> None:
    """Collateral C lives while C − (P − entry) + funding > 2 % of P, all over the notional at the start."""
    rows = sol(data_root)
    start = rows["close_spot_okx"][0]
    entry = rows["open_perp_okx"][1]
    held = rows[1:]
    paid = (held["rate"] * held["mark_price_okx"]).cum_sum()
    need = (1.02 * held["mark_price_okx"] - entry - paid) / start
    answer = told(kept, "SOL, OKX spot and perpetual", "long", "separate", "closes")
    assert answer.second == pytest.approx(need.max(), rel=0.0026)
    assert answer.second >= need.max() * (1 - 1e-4)  # four digits are kept
    worst = held["timestamp"][int(need.arg_max())] + timedelta(hours=1)  # the close of that hour
    assert answer.at == f"{worst:%Y-%m-%dT%H:%M:%SZ}"


def test_a_debt_limit_lends_so_much_and_no_more(parts: dict[str, Any], kept: Any, catalog: Path) -> None:
    """The short's losses, less funding and the debt that is let stand, must be there in cash."""
    title = "BTC, OKX spot and perpetual (8 h)"
    series = parts["runs"].series_of(pair_of(parts, title), catalog)
    mark = series.price(1)
    entry = series.panel.open[1, series.panel.column(series.pair.second)]
    rate = np.nan_to_num(series.panel.funding[:, series.panel.column(series.pair.second)])
    coins = parts["pairs"].NOTIONAL / series.price(0)[0]
    losses = coins * (mark - entry - np.cumsum(rate * mark))[1:] / parts["pairs"].NOTIONAL
    limit = 20_000.0 / parts["pairs"].NOTIONAL  # of OKX's record
    answer = told(kept, title, "long", "unified, debt limit", "closes")
    assert answer.second == pytest.approx(losses.max() - limit, abs=0.03)  # interest
    assert answer.second < told(kept, title, "long", "separate", "closes").second - 0.9 * limit
