"""Checks of data: each finds the fault planted in a clean random series, and nothing before it was."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from narrows.catalog.checks_across import Tables, against
from narrows.catalog.checks_series import crossed, gap, jitter, order
from narrows.catalog.finding import CONSEQUENCES, Finding, local_quantile, runs, spans
from narrows.catalog.quality import counted, findings, panel_findings
from narrows.catalog.store import Series
from narrows.core.arrays import Float1D
from narrows.core.instrument import instrument
from narrows.core.random import generator
from narrows.core.time import DAY_NS, HOUR_NS, SECOND_NS, iso
from narrows.market.synthetic import synthetic_market

START = 1_704_067_200 * SECOND_NS
ROWS = 2400  # a hundred days
SPOT, PERP, OTHER, LATER = "BTC-USDT.one", "BTC-USDT-PERP.one", "BTC-USDT-PERP.two", "BTC-USDT-20240928.one"
SEEDS = pytest.mark.parametrize("seed", range(8))
Market = dict[str, dict[str, pl.DataFrame]]


def bars(close: Float1D, dice: np.random.Generator) -> pl.DataFrame:
    """Continuous trading: each bar opens at the close before, give or take a last trade."""
    opened = np.append(close[0], close[:-1]) * (1 + 1e-6 * dice.standard_normal(len(close)))
    wick = 1 + 5e-4 * np.abs(dice.standard_normal((2, len(close))))
    return pl.DataFrame(
        {
            "time": START + HOUR_NS * np.arange(1, len(close) + 1),
            "bar_ns": np.full(len(close), HOUR_NS),
            "open": opened,
            "high": np.maximum(opened, close) * wick[0],
            "low": np.minimum(opened, close) / wick[1],
            "close": close,
        }
    )


def market(seed: int) -> Market:
    """A spot, its perpetual with a premium index, a future, and a perpetual elsewhere; heavy tails."""
    dice = generator(seed)
    spot = 40_000 * np.exp(np.cumsum(0.004 * dice.standard_t(4, ROWS) / np.sqrt(2)))
    premium = 1e-4 * dice.standard_normal(ROWS).cumsum() / 10
    noise = 3e-5 * dice.standard_normal((3, ROWS))
    perp = spot * np.exp(premium + noise[0])
    frames: Market = {
        SPOT: {"bars": bars(spot, dice)},
        PERP: {"bars": bars(perp, dice)},
        OTHER: {"bars": bars(spot * np.exp(premium / 2 + noise[1]), dice)},
        LATER: {"bars": bars(spot * np.exp(0.02 + noise[2]), dice)},
    }
    time = frames[PERP]["bars"]["time"]
    frames[PERP]["marks"] = pl.DataFrame({"time": time, "index": spot, "premium": premium})
    stamps = START + 8 * HOUR_NS * np.arange(1, ROWS // 8 + 1)
    rates = np.clip(1e-4 + 1e-4 * dice.standard_normal(len(stamps)), 1e-4, 3e-4)  # half of them pinned
    frames[PERP]["funding"] = pl.DataFrame(
        {"time": stamps, "rate": rates, "interval_h": np.full(len(stamps), 8.0)}
    )
    quote = 1 + 1e-4 * dice.random((2, ROWS))
    frames[PERP]["quotes"] = pl.DataFrame({"time": time, "bid": perp / quote[0], "ask": perp * quote[1]})
    return frames


def found(frames: Market) -> list[Finding]:
    return findings(Tables(instrument(id_), tables) for id_, tables in frames.items())


def changed(frame: pl.DataFrame, **columns: Callable[[Float1D], Float1D]) -> pl.DataFrame:
    """The frame with columns run through functions of their values."""
    return frame.with_columns(
        pl.Series(name, change(frame[name].to_numpy().copy())) for name, change in columns.items()
    )


def at(rows: slice | int, factor: float) -> Callable[[Float1D], Float1D]:
    def change(values: Float1D) -> Float1D:
        values[rows] *= factor
        return values

    return change


def held(rows: slice) -> Callable[[Float1D], Float1D]:
    def change(values: Float1D) -> Float1D:
        values[rows] = values[rows.start]
        return values

    return change


def stopped_early(frame: pl.DataFrame, row: int, bps: float) -> pl.DataFrame:
    """A bar that misses its last minutes: its close is of before, the next open is not."""
    close = frame["close"].to_numpy().copy()
    close[row] *= 1 - bps / 1e4
    low = np.minimum(frame["low"].to_numpy(), close)
    return frame.with_columns(close=pl.Series(close), low=pl.Series(low))


def only(frames: Market, kind: str) -> list[Finding]:
    """The findings, all of one kind."""
    all_of_them = found(frames)
    assert {one.kind for one in all_of_them} == {kind}
    return all_of_them


def hour(row: int) -> str:
    return iso(START + (row + 1) * HOUR_NS)


@SEEDS
def test_nothing_is_found_in_clean_series(seed: int) -> None:
    assert found(market(seed)) == []


@pytest.mark.parametrize("seed", [7, 11, 2024])
def test_nothing_is_found_in_the_synthetic_market_with_its_crashes(seed: int) -> None:
    """A year of 22 instruments: the rate of false alarms is below one in 190 000 bars."""
    assert panel_findings(synthetic_market(seed)[0]) == []


@SEEDS
def test_a_hole_is_found_with_its_length(seed: int) -> None:
    frames = market(seed)
    hole = pl.int_range(pl.len()).is_between(100, 104)
    frames[SPOT]["bars"] = frames[SPOT]["bars"].filter(~hole)
    (one,) = only(frames, "gap")
    assert (one.symbol, one.start, one.end, one.count) == ("BTC-USDT", hour(100), hour(104), 5)
    assert one.consequence == CONSEQUENCES["gap"]


@SEEDS
def test_a_missing_settlement_is_a_gap(seed: int) -> None:
    frames = market(seed)
    frames[PERP]["funding"] = frames[PERP]["funding"].filter(pl.int_range(pl.len()) != 50)
    (one,) = only(frames, "gap")
    assert (one.table, one.count, one.start) == ("funding", 1, hour(8 * 51 - 1))


def test_weekends_of_a_market_that_closes_are_no_gaps() -> None:
    days = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 12, 31), "1d", eager=True)
    frame = pl.DataFrame({"time": days.dt.timestamp("ns"), "bar_ns": DAY_NS})
    open_days = frame.filter(days.dt.weekday() <= 5)
    series = Series("bars", "nyse", "SPY-USD")
    assert gap(series, open_days) == []
    (one,) = gap(series, frame.filter(pl.int_range(pl.len()) != 100))
    assert one.count == 1


@SEEDS
def test_closes_that_stay_are_stale(seed: int) -> None:
    frames = market(seed)
    frames[OTHER]["bars"] = changed(frames[OTHER]["bars"], close=held(slice(500, 506)))
    found_stale = [one for one in found(frames) if one.kind == "stale"]
    assert [(one.venue, one.start, one.end, one.count) for one in found_stale] == [
        ("two", hour(501), hour(505), 5)
    ]


def test_a_thin_market_is_stale_where_it_is_thin_and_a_coarse_tick_is_not() -> None:
    dice = generator(3)
    walk = 0.06 * np.exp(np.cumsum(0.005 * dice.standard_normal(ROWS)))
    coarse = {SPOT: {"bars": bars(np.round(walk, 4), dice)}}  # a seventh of the closes are as before
    assert found(coarse) == []
    trades = dice.random(ROWS) < 0.4
    thin = walk[np.maximum.accumulate(np.where(trades, np.arange(ROWS), 0))]
    (one,) = [one for one in found({SPOT: {"bars": bars(thin, dice)}}) if "worst month" in one.detail]
    assert one.count == pytest.approx(0.6 * ROWS, rel=0.1)


@SEEDS
def test_crossed_quotes_are_found(seed: int) -> None:
    frames = market(seed)
    frames[PERP]["quotes"] = changed(frames[PERP]["quotes"], bid=at(700, 1.01))
    (one,) = only(frames, "crossed")
    assert (one.table, one.start, one.count) == ("quotes", hour(700), 1)


def test_quotes_without_one_side_are_not_crossed() -> None:
    quotes = pl.DataFrame(
        {"time": [START, START + 1, START + 2], "bid": [None, 0.0, 2.0], "ask": [1.0, 1.0, None]}
    )
    assert crossed(Series("option_quotes", "venue", "all"), quotes) == []


@SEEDS
def test_a_jump_that_is_undone_is_an_outlier_unless_others_jump_too(seed: int) -> None:
    frames = market(seed)
    jump = {name: at(900, 1.15) for name in ("close", "high")}
    frames[OTHER]["bars"] = changed(frames[OTHER]["bars"], **jump)
    (one,) = [one for one in found(frames) if one.kind == "outlier"]
    assert (one.venue, one.start, one.end, one.count) == ("two", hour(900), hour(900), 1)
    for id_ in (SPOT, PERP, LATER):
        frames[id_]["bars"] = changed(frames[id_]["bars"], **jump)
    assert "outlier" not in {one.kind for one in found(frames)}


@SEEDS
def test_a_low_that_nobody_else_had_is_out_of_range(seed: int) -> None:
    frames = market(seed)
    frames[PERP]["bars"] = changed(frames[PERP]["bars"], low=at(300, 0.85))
    (one,) = only(frames, "range")
    assert (one.symbol, one.start, one.count) == ("BTC-USDT-PERP", hour(300), 1)
    alone = {id_: frames[id_] for id_ in (SPOT, PERP)}
    assert found(alone) == []  # of two nobody can say which is wrong


@SEEDS
@pytest.mark.parametrize("bps", [8.0, 20.0, -20.0])
def test_a_bar_that_stops_early_is_broken(seed: int, bps: float) -> None:
    frames = market(seed)
    frames[PERP]["bars"] = stopped_early(frames[PERP]["bars"], 1500, bps)
    (one,) = only(frames, "broken_bar")
    assert (one.symbol, one.start, one.end, one.count) == ("BTC-USDT-PERP", hour(1500), hour(1500), 1)
    assert float(one.detail.split()[1]) == pytest.approx(-bps, abs=2.0)


def test_bars_of_another_length_before_do_not_hide_a_broken_one() -> None:
    """A series from two sources: bars of 8 h first, then of 1 h."""
    frames = market(3)
    hourly = stopped_early(frames[PERP]["bars"], 1500, 20.0)
    merged = hourly[:800].group_by(pl.int_range(800) // 8, maintain_order=True)
    first = merged.agg(
        pl.last("time"), bar_ns=8 * pl.first("bar_ns"), open=pl.first("open"), high=pl.max("high"),
        low=pl.min("low"), close=pl.last("close"),
    )  # fmt: skip
    frames[PERP]["bars"] = pl.concat([first.select(hourly.columns), hourly[800:]])
    (one,) = only(frames, "broken_bar")
    assert (one.symbol, one.start) == ("BTC-USDT-PERP", hour(1500))


@SEEDS
def test_a_gap_that_the_premium_index_shows_is_no_broken_bar(seed: int) -> None:
    frames = market(seed)
    frames[PERP]["bars"] = stopped_early(frames[PERP]["bars"], 1500, 50.0)
    frames[PERP]["marks"] = changed(
        frames[PERP]["marks"], premium=lambda p: p + np.where(np.arange(ROWS) == 1500, -50e-4, 0)
    )
    assert found(frames) == []


@SEEDS
def test_without_a_premium_index_two_derivatives_of_the_venue_must_break(seed: int) -> None:
    frames = market(seed)
    frames[LATER]["bars"] = stopped_early(frames[LATER]["bars"], 800, 40.0)
    assert found(frames) == []
    del frames[PERP]["marks"]
    frames[PERP]["bars"] = stopped_early(frames[PERP]["bars"], 800, 40.0)
    assert {(one.symbol, one.start) for one in only(frames, "broken_bar")} == {
        ("BTC-USDT-PERP", hour(800)),
        ("BTC-USDT-20240928", hour(800)),
    }


@SEEDS
@pytest.mark.parametrize("lag", [-3, 1, 5])
def test_a_clock_that_is_shifted_is_found_with_its_hours(seed: int, lag: int) -> None:
    frames = market(seed)
    frames[OTHER]["bars"] = frames[OTHER]["bars"].with_columns(pl.col("time") + lag * HOUR_NS)
    shifts = only(frames, "clock_shift")
    way = "behind" if lag > 0 else "before"
    assert {one.venue for one in shifts} == {"two"}
    assert {one.detail.rpartition(":")[0].partition(" BTC")[0] for one in shifts} == {f"{abs(lag)} h {way}"}


def test_a_clock_that_is_shifted_in_summer_only_is_found_in_summer() -> None:
    frames = market(1)
    summer = START + 60 * DAY_NS  # the first of March
    frames[OTHER]["bars"] = frames[OTHER]["bars"].with_columns(
        time=pl.when(pl.col("time") > summer).then(pl.col("time") + HOUR_NS).otherwise("time")
    )
    (one,) = [one for one in found(frames) if one.kind == "clock_shift"]
    assert (one.start[:7], one.end[:7]) == ("2024-03", "2024-04")


@SEEDS
def test_an_index_stamped_an_hour_early_is_found(seed: int) -> None:
    frames = market(seed)
    frames[PERP]["marks"] = frames[PERP]["marks"].with_columns(pl.col("time") - HOUR_NS)
    shifts = [one for one in found(frames) if one.kind == "clock_shift"]
    assert {(one.table, one.detail.partition(":")[0]) for one in shifts} == {
        ("marks", "1 h before its own bars")
    }


@SEEDS
def test_late_settlements_are_off_the_grid(seed: int) -> None:
    frames = market(seed)
    late = pl.int_range(pl.len()) == 77
    frames[PERP]["funding"] = frames[PERP]["funding"].with_columns(
        time=pl.when(late).then(pl.col("time") + 2 * HOUR_NS).otherwise("time")
    )
    (one,) = only(frames, "off_grid")
    assert (one.start, one.count) == (hour(8 * 78 + 1), 1)
    assert one.detail.endswith("2 h late 1 times")


@SEEDS
def test_another_zone_is_off_the_grid_as_a_whole(seed: int) -> None:
    frames = market(seed)
    frames[PERP]["funding"] = frames[PERP]["funding"].with_columns(pl.col("time") + 3 * HOUR_NS)
    (one,) = only(frames, "off_grid")
    assert one.count == ROWS // 8
    assert "3 h late" in one.detail


def test_stamps_just_beside_the_hour_are_jitter() -> None:
    frame = market(0)[PERP]["funding"].with_columns(pl.col("time") + 3_000_000)
    (one,) = jitter(Series("funding", "one", "BTC-USDT-PERP"), frame)
    assert (one.kind, one.count) == ("jitter", ROWS // 8)
    assert one.detail == "up to 0.003 s beside the hour"


@SEEDS
def test_a_change_of_interval_is_found_as_said_and_as_the_rows_lie(seed: int) -> None:
    frames = market(seed)
    eight = frames[PERP]["funding"][:100]
    last = eight["time"][-1]
    four = pl.DataFrame(
        {
            "time": last + 4 * HOUR_NS * np.arange(1, 51),
            "rate": eight["rate"][:50],
            "interval_h": np.full(50, 4.0),
        }
    )
    frames[PERP]["funding"] = pl.concat([eight, four])
    (said,) = only(frames, "interval_change")
    frames[PERP]["funding"] = pl.concat([eight, four]).with_columns(interval_h=pl.lit(8.0))
    (seen,) = [one for one in found(frames) if one.kind == "interval_change"]
    assert said.detail == seen.detail == "8 h → 4 h"
    assert said.start == seen.start == iso(last + 4 * HOUR_NS)


@SEEDS
def test_flat_bars_at_the_end_and_rows_after_delivery_are_padding(seed: int) -> None:
    frames = market(seed)
    flat = {name: held(slice(ROWS - 30, ROWS)) for name in ("open", "high", "low", "close")}
    table = changed(frames[OTHER]["bars"], **flat)
    frames[OTHER]["bars"] = table.with_columns(
        pl.when(pl.int_range(pl.len()) >= ROWS - 30).then("close").otherwise(name).alias(name)
        for name in flat
    )
    (end,) = [one for one in found(frames) if one.kind == "padding"]
    assert (end.venue, end.start, end.count) == ("two", hour(ROWS - 29), 29)
    early = {"BTC-USDT-20240401.one": frames[LATER]}
    (late,) = [one for one in found(early) if one.kind == "padding"]
    assert late.start == "2024-04-01T09:00:00Z"
    assert late.count == ROWS - (91 * 24 + 8)


@SEEDS
def test_a_rate_carried_forward_is_found_and_a_pinned_one_is_not(seed: int) -> None:
    frames = market(seed)
    settled = frames[PERP]["funding"]
    hourly = pl.DataFrame(
        {
            "time": START + HOUR_NS * np.arange(8, ROWS + 1),
            "rate": settled["rate"].to_numpy().repeat(8)[: ROWS - 7],
            "interval_h": np.ones(ROWS - 7),
        }
    )
    frames[PERP]["funding"] = hourly
    (one,) = only(frames, "carried_forward")
    assert one.count == pytest.approx(ROWS - 7 - len(settled), abs=1)
    frames[PERP]["funding"] = settled.with_columns(rate=pl.lit(0.0001))
    assert found(frames) == []


def test_duplicates_and_rows_out_of_order_are_found_in_raw_rows() -> None:
    series = Series("funding", "one", "BTC-USDT-PERP")
    frame = market(0)[PERP]["funding"]
    assert order(series, frame) == []
    (twice,) = order(series, pl.concat([frame, frame[-1:]]))
    assert (twice.kind, twice.count, twice.detail) == (
        "duplicate",
        1,
        "repeated rows, all with the same values",
    )
    (back,) = order(series, pl.concat([frame[5:], frame[:5]]))
    assert (back.kind, back.count) == ("backwards", 1)


def test_two_sources_of_a_series_disagree_in_value_unit_or_clock() -> None:
    series = Series("funding", "one", "BTC-USDT-PERP")
    held_ = market(0)[PERP]["funding"].with_columns(rate=pl.col("time").hash() % 1000 / 1e6)
    assert against(series, held_, held_, "rate") == []
    (eighth,) = against(series, held_, held_.with_columns(pl.col("rate") / 8), "rate")
    assert eighth.kind == "disagreement"
    assert eighth.detail.endswith("it is 0.125 of it")
    (late,) = against(series, held_, held_.with_columns(pl.col("time") + 3 * HOUR_NS), "rate")
    assert (late.kind, late.detail[:26]) == ("clock_shift", "3 h behind the catalogue: ")
    one_off = held_.with_columns(rate=pl.when(pl.int_range(pl.len()) == 9).then(0.1).otherwise("rate"))
    (other,) = against(series, held_, one_off, "rate")
    assert (other.kind, other.count) == ("disagreement", 1)


@SEEDS
def test_a_price_in_another_unit_disagrees(seed: int) -> None:
    frames = market(seed)
    tenth = {name: at(slice(None), 1.05) for name in ("open", "high", "low", "close")}
    frames[OTHER]["bars"] = changed(frames[OTHER]["bars"], **tenth)
    (one,) = [one for one in found(frames) if one.kind == "disagreement"]
    assert (one.venue, one.count) == ("two", ROWS)


def test_a_panel_shows_what_its_tables_show() -> None:
    prices = synthetic_market(7)[0]
    column = prices.column("BTC-USDT.alpha")
    close = prices.close.copy()
    close[1000, column] *= 1.2
    (one,) = panel_findings(replace(prices, fields=dict(prices.fields) | {"close": close}))
    assert (one.kind, one.symbol, one.venue, one.start) == (
        "outlier", "BTC-USDT", "alpha", iso(int(prices.time_ns[1000]))
    )  # fmt: skip
    assert counted([one]) == "1 finding touches this window (1 outlier)"


def test_spans_join_what_is_near() -> None:
    times = np.array([0, 1, 2, 10, 11, 30])
    bad = np.array([True, False, True, True, True, True])
    assert spans(times, bad, 2) == [(0, 2, 2), (10, 11, 2), (30, 30, 1)]
    assert spans(times, np.zeros(6, dtype=np.bool_), 2) == []
    assert runs(bad) == [(0, 1), (2, 6)]


def test_the_local_quantile_is_that_of_the_known_values_of_the_block() -> None:
    dice = generator(5)
    values = dice.standard_normal(47)
    values[dice.random(47) < 0.3] = np.nan
    got = local_quantile(values, 10, 0.5)
    for block in (slice(0, 10), slice(10, 20), slice(20, 30), slice(30, 47)):
        known = np.sort(values[block][~np.isnan(values[block])])
        assert (got[block] == known[int(0.5 * (len(known) - 1))]).all()
    assert np.isnan(local_quantile(np.full(20, np.nan), 10, 0.5)).all()
