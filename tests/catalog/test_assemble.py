"""A Panel row holds what was known at its close: all of it, and nothing else."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.folder import BARS, START, Folder, bars_frame, rates_frame
from narrows.catalog import panel
from narrows.core.errors import ConfigError, DataError
from narrows.core.panel import FIELDS, Panel
from narrows.core.time import HOUR_NS, MINUTE_NS

T0 = START * 10**9
SPOT, PERP, DATED = "BTC-USDT.venue", "BTC-USDT-PERP.venue", "BTC-USDT-20240102.venue"
SIMPLE = """
[[source]]
file = "{file}"
table = "{table}"
venue = "venue"
symbol = "{symbol}"
time = {{ format = "s" }}
columns = {{ time = "t", {columns} }}
"""


def _feed(
    folder: Folder, table: str, symbol: str, times_h: list[float], **columns: list[float | None]
) -> None:
    times = pl.Series("t", [round(START + hour * 3600) for hour in times_h])
    file = folder.write(
        pl.DataFrame({"t": times, **columns}, schema_overrides=dict.fromkeys(columns, pl.Float64))
    )
    said = ", ".join(f'{name} = "{name}"' for name in columns)
    folder.ingest(SIMPLE.format(file=file, table=table, symbol=symbol, columns=said))


def _hours(prices: Panel) -> list[float]:
    return [(t - T0) / HOUR_NS for t in prices.time_ns.tolist()]


def _same(column: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_array_equal(column, np.array(expected))


def test_bars_of_instruments_meet_on_one_grid(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12]))
    folder.bars(bars_frame([21, 22, 23], start=START + 3600), symbol="BTC-USDT-PERP")
    prices = panel(folder.catalog, [PERP, SPOT], HOUR_NS)
    assert _hours(prices) == [1, 2, 3, 4]
    _same(prices.close[:, 0], [np.nan, 21, 22, 23])
    _same(prices.close[:, 1], [10, 11, 12, np.nan])


def test_a_window_takes_closes_after_start_up_to_end(folder: Folder) -> None:
    folder.bars(bars_frame(list(range(10, 20))))
    prices = panel(folder.catalog, [SPOT], HOUR_NS, T0 + 2 * HOUR_NS, T0 + 5 * HOUR_NS)
    assert _hours(prices) == [3, 4, 5]
    _same(prices.close[:, 0], [12, 13, 14])


def test_a_window_beyond_the_data_ends_where_the_data_ends(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12], start=START + 3600))
    folder.bars(bars_frame([20, 21, 22], start=START + 3 * 3600), symbol="ETH-USDT")
    early, late = T0 - 1000 * HOUR_NS, T0 + 1000 * HOUR_NS
    prices = panel(folder.catalog, [SPOT, "ETH-USDT.venue"], HOUR_NS, early, late)
    assert _hours(prices) == [2, 3, 4, 5, 6]
    before = "no bars before it, though 2023-11-20T08:00:00Z was asked for"
    after = "no bars after it, though 2024-02-11T16:00:00Z was asked for"
    assert prices.notes == (
        f"the window starts 2024-01-01T01:00:00Z: {before}",
        f"the window ends 2024-01-01T06:00:00Z: {after}",
    )
    same = panel(folder.catalog, [SPOT, "ETH-USDT.venue"], HOUR_NS)
    assert _hours(same) == _hours(prices)
    assert same.notes == ()
    alone = panel(folder.catalog, [SPOT], HOUR_NS, early, T0 + 3 * HOUR_NS)
    assert _hours(alone) == [2, 3]
    assert alone.notes == prices.notes[:1]
    days = panel(folder.catalog, [SPOT], 24 * HOUR_NS, early, late)  # the day is not empty: it stays
    assert _hours(days) == [24]


def test_only_instruments_with_bars_in_the_window_hold_its_ends(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12]))
    folder.bars(bars_frame([20] * 3, start=START + 100 * 3600), symbol="ETH-USDT")
    ids = ["ETH-USDT.venue", SPOT]
    prices = panel(folder.catalog, ids, HOUR_NS, T0, T0 + 50 * HOUR_NS, leave_out=True)
    assert _hours(prices) == [1, 2, 3]
    assert prices.notes[1:] == ("left out, no bars in the window: ETH-USDT.venue",)
    assert len(panel(folder.catalog, ids, HOUR_NS)) == 103  # empty inside, not at an end


@pytest.mark.parametrize(("start", "end"), [(50, 90), (50, 0), (-90, -50)])
@pytest.mark.parametrize("leave_out", [True, False])
def test_a_window_without_any_data_is_refused(folder: Folder, start: int, end: int, leave_out: bool) -> None:
    folder.bars(bars_frame([10, 11, 12]))
    window = (T0 + start * HOUR_NS, T0 + end * HOUR_NS if end else 0)
    says = rf"no bars of {SPOT} in \(20.+; the catalogue has 2024-01-01T01:00:00Z to 2024-01-01T03:00:00Z"
    with pytest.raises(DataError, match=says):
        panel(folder.catalog, [SPOT], HOUR_NS, *window, leave_out)


def test_a_delivery_after_the_last_bar_needs_no_price(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 28))
    folder.bars(bars_frame([20] * 28), symbol="BTC-USDT-20240102")  # delivered at hour 32
    prices = panel(folder.catalog, [SPOT, DATED], HOUR_NS, 0, T0 + 1000 * HOUR_NS)
    assert _hours(prices)[-1] == 28
    assert np.isnan(prices.settlement).all()


def test_missing_bars_stay_unknown(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12, 13]).filter(pl.col("c") != 12))
    _same(panel(folder.catalog, [SPOT], HOUR_NS).close[:, 0], [10, 11, np.nan, 13])


def test_shorter_bars_are_merged(folder: Folder) -> None:
    frame = bars_frame([10, 14, 11, 12, 30, 5]).with_columns(v=pl.Series([1.0, 2, 3, 4, 5, 6]))
    file = folder.write(frame.filter(pl.col("c") != 12))
    text = """
    [[source]]
    file = "FILE"
    table = "bars"
    venue = "venue"
    symbol = "BTC-USDT"
    bar = "1h"
    stamp = "open"
    time = { format = "s" }
    columns = { time = "t", open = "o", high = "h", low = "l", close = "c", volume = "v" }
    """
    folder.ingest(text.replace("FILE", file))
    prices = panel(folder.catalog, [SPOT], 2 * HOUR_NS)
    got = {name: prices.fields[name][:, 0].tolist() for name in ("open", "high", "low", "close", "volume")}
    assert got == {
        "open": [10, 11, 30],
        "high": [15, 12, 31],
        "low": [9, 10, 4],
        "close": [14, 11, 5],
        "volume": [3, 3, 11],
    }


def test_a_bar_that_is_not_over_is_left_out(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12, 13, 14]))
    assert _hours(panel(folder.catalog, [SPOT], 2 * HOUR_NS)) == [2, 4]


@pytest.mark.parametrize("bar_ns", [15 * MINUTE_NS, 90 * MINUTE_NS])
def test_bars_cannot_be_cut(folder: Folder, bar_ns: int) -> None:
    folder.bars(bars_frame([10, 11, 12, 13]))
    with pytest.raises(
        ConfigError, match=f"{SPOT} are 1 h long and do not make bars of .+; ask for bars of [13] h or"
    ):
        panel(folder.catalog, [SPOT], bar_ns)


def test_marks_are_the_last_known_inside_the_bar(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 5), symbol="BTC-USDT-PERP")
    _feed(
        folder,
        "marks",
        "BTC-USDT-PERP",
        [0.5, 1.0, 2.5, 3.0 + 1 / 3600],
        mark=[7, 8, 9, 10],
        index=[1, None, 2, None],
        premium=[0.1, None, None, 0.2],
    )
    prices = panel(folder.catalog, [PERP], HOUR_NS)
    _same(
        prices.mark[:, 0], [8, 10, 9, 10, 10]
    )  # 10 is the trade close where no mark is known, and the last mark
    _same(prices.index[:, 0], [1, np.nan, 2, np.nan, np.nan])
    _same(prices.premium[:, 0], [0.1, np.nan, np.nan, 0.2, np.nan])
    assert prices.notes[0] == f"mark of {PERP}: trade close in 2 of 5 bars, without a mark price there"


def test_without_a_mark_the_close_stands_in_and_the_panel_says_so(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11]), symbol="BTC-USDT-PERP")
    folder.bars(bars_frame([20, 21]))
    prices = panel(folder.catalog, [SPOT, PERP], HOUR_NS)
    _same(prices.mark[:, 1], [10, 11])
    _same(prices.mark[:, 0], [20, 21])  # spot is owned, not margined: nothing to say
    assert prices.notes[0] == f"mark of {PERP}: trade close, no mark price in the catalogue"


def test_funding_falls_in_the_bar_that_closes_at_its_settlement(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 24), symbol="BTC-USDT-PERP")
    folder.funding(rates_frame([1e-4, 2e-4, 3e-4]))
    prices = panel(folder.catalog, [PERP], HOUR_NS)
    paid = ~np.isnan(prices.funding[:, 0])
    assert np.array(_hours(prices))[paid].tolist() == [8, 16]  # the one at 00:00 is before the first bar
    _same(prices.funding[paid, 0], [2e-4, 3e-4])
    _same(prices.funding_h[paid, 0], [8, 8])


def test_settlements_within_one_bar_add_up_with_their_intervals(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 24), symbol="BTC-USDT-PERP")
    folder.funding(rates_frame([1e-4, 2e-4, 4e-4, 8e-4]))
    day = panel(folder.catalog, [PERP], 24 * HOUR_NS)
    assert day.funding[0, 0] == pytest.approx(14e-4, rel=1e-15)
    assert day.funding_h[0, 0] == 24


def test_funding_in_a_bar_without_a_price_is_an_error(folder: Folder) -> None:
    folder.bars(
        bars_frame([float(n) for n in range(10, 34)]).filter(pl.col("c") != 17), symbol="BTC-USDT-PERP"
    )
    folder.funding(rates_frame([1e-4, 2e-4]))
    with pytest.raises(DataError, match=rf"funding of {PERP} at 2024-01-01T08:00:00Z fits no bar \(1 such"):
        panel(folder.catalog, [PERP], HOUR_NS)
    assert len(panel(folder.catalog, [PERP], 2 * HOUR_NS)) == 12


def test_funding_before_the_first_and_after_the_last_bar_is_kept_as_published(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 48))
    folder.bars(bars_frame([20] * 4, start=START + 10 * 3600), symbol="BTC-USDT-PERP")
    folder.funding(rates_frame([1e-4, 2e-4, 3e-4]))
    prices = panel(folder.catalog, [SPOT, PERP], HOUR_NS)
    _same(prices.funding[[7, 15], 1], [2e-4, 3e-4])
    assert np.isnan(prices.close[[7, 15], 1]).all()


def test_borrow_is_the_last_rate_until_it_is_too_old(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 24 * 40))
    _feed(folder, "borrow", "BTC-USDT", [-12, 24], apr=[0.05, 0.08])
    borrow = panel(folder.catalog, [SPOT], HOUR_NS).borrow[:, 0]
    _same(borrow[[0, 22, 23, 24 * 32 - 2]], [0.05, 0.05, 0.08, 0.08])
    assert np.isnan(borrow[24 * 32 - 1 :]).all()


def _dated(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 48))
    folder.bars(
        bars_frame([float(n) for n in range(20, 52)]), symbol="BTC-USDT-20240102"
    )  # delivered 01-02 08:00


def test_delivery_takes_the_settlement_else_the_index_else_the_last_close(folder: Folder) -> None:
    _dated(folder)
    only = panel(folder.catalog, [SPOT, DATED], HOUR_NS)
    row = _hours(only).index(32)
    assert only.settlement[row, 1] == 51
    assert np.isnan(np.delete(only.settlement[:, 1], row)).all()
    assert f"settlement of {DATED}: its own last close, a running average by then" in only.notes[-1]
    _feed(folder, "marks", "BTC-USDT-20240102", [31.9], index=[50.5])
    index = panel(folder.catalog, [SPOT, DATED], HOUR_NS)
    assert index.settlement[row, 1] == 50.5
    assert "index at delivery" in index.notes[-1]
    _feed(folder, "settlements", "BTC-USDT-20240102", [32], price=[50.25])
    published = panel(folder.catalog, [SPOT, DATED], HOUR_NS)
    assert published.settlement[row, 1] == 50.25
    assert not any("settlement" in note for note in published.notes)


def test_nothing_after_delivery_enters(folder: Folder) -> None:
    _dated(folder)
    _feed(folder, "marks", "BTC-USDT-20240102", [31.9], mark=[49.0])
    with pytest.raises(DataError, match="a row after delivery"):
        _feed(folder, "marks", "BTC-USDT-20240102", [33.0], mark=[99.0])
    with pytest.raises(DataError, match=r"a row after delivery .+ say snap_s"):
        _feed(folder, "settlements", "BTC-USDT-20240102", [32 + 1 / 3600], price=[50.0])
    prices = panel(folder.catalog, [SPOT, DATED], HOUR_NS)
    assert np.isnan(prices.close[32:, 1]).all()
    assert np.isnan(prices.mark[32:, 1]).all()


def test_delivery_inside_a_long_bar_is_in_that_bar(folder: Folder) -> None:
    _dated(folder)
    prices = panel(folder.catalog, [SPOT, DATED], 24 * HOUR_NS)
    _same(prices.settlement[:, 1], [np.nan, 51])
    _same(prices.close[:, 1], [43, 51])


def test_a_delivery_without_any_price_is_refused_until_there_is_one(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 48))
    folder.bars(bars_frame([float(n) for n in range(20, 50)]), symbol="BTC-USDT-20240102")  # to hour 30
    says = rf"no price for the delivery of {DATED} at 2024-01-02T08:00:00Z; ingest a settlements table"
    with pytest.raises(DataError, match=says):
        panel(folder.catalog, [SPOT, DATED], HOUR_NS)
    before = panel(folder.catalog, [SPOT, DATED], HOUR_NS, 0, T0 + 31 * HOUR_NS)
    assert np.isnan(before.settlement).all()
    within = panel(folder.catalog, [SPOT, DATED], 2 * HOUR_NS)
    _same(within.settlement[14:17, 1], [np.nan, 49, np.nan])
    aged = (
        "its own last close, 2 h before delivery, no delivery price in the catalogue; "
        "how long its index is averaged is on no record"
    )
    assert within.notes[-1] == f"settlement of {DATED}: {aged}"
    _feed(folder, "settlements", "BTC-USDT-20240102", [32], price=[50.25])
    assert panel(folder.catalog, [SPOT, DATED], HOUR_NS).settlement[31, 1] == 50.25


def test_stored_days_cut_at_delivery_are_delivered_at_the_last_close(folder: Folder) -> None:
    day = {"step": 86400, "start": START - 2 * 86400}
    for symbol, more in (("BTC-USDT", ""), ("BTC-USDT-20240102", "cut_after_delivery = true")):
        file = folder.write(bars_frame([10, 11, 12, 13, 14, 15], **day))
        folder.ingest(BARS.replace('"1h"', '"1d"').format(file=file, symbol=symbol, more=more))
    prices = panel(folder.catalog, [SPOT, DATED], 24 * HOUR_NS)
    _same(prices.close[:, 1], [10, 11, 12, np.nan, np.nan, np.nan])  # the last bar is over at 01-02 00:00
    _same(prices.settlement[:, 1], [np.nan, np.nan, np.nan, 12, np.nan, np.nan])
    assert f"settlement of {DATED}: its own last close, 8 h before delivery" in prices.notes[-1]


def test_requests_that_cannot_be_met_are_refused(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12]))
    folder.bars(bars_frame([10] * 3, start=START + 10 * 3600), symbol="ETH-USDT")
    folder.funding(rates_frame([1e-4]))
    with pytest.raises(ConfigError, match=r"did you mean BTC-USDT\.venue"):
        panel(folder.catalog, ["BTC-USD.venue"], HOUR_NS)
    with pytest.raises(ConfigError, match="is not after start"):
        panel(folder.catalog, [SPOT], HOUR_NS, T0 + HOUR_NS, T0 + HOUR_NS)
    with pytest.raises(ConfigError, match="no instruments"):
        panel(folder.catalog, [], HOUR_NS)
    with pytest.raises(ConfigError, match="named twice"):
        panel(folder.catalog, [SPOT, SPOT], HOUR_NS)
    with pytest.raises(
        DataError, match=r"no bars of ETH-USDT.venue in .+; the catalogue has 2024-01-01T11:00:00Z"
    ):
        panel(folder.catalog, [SPOT, "ETH-USDT.venue"], HOUR_NS, 0, T0 + 3 * HOUR_NS)
    with pytest.raises(DataError, match=r"no bars of BTC-USDT-PERP\.venue; ingest bars"):
        panel(folder.catalog, [PERP], HOUR_NS)
    with pytest.raises(DataError, match="no whole bar of 24 h"):
        panel(folder.catalog, [SPOT], 24 * HOUR_NS)


def test_what_may_be_left_out_is_left_out_and_said(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11, 12]))
    folder.bars(bars_frame([20] * 3, start=START + 10 * 3600), symbol="ETH-USDT")
    whole = panel(folder.catalog, ["ETH-USDT.venue", SPOT], HOUR_NS, leave_out=True)
    assert len(whole.instruments) == 2
    assert whole.notes == ()
    end = T0 + 3 * HOUR_NS
    prices = panel(folder.catalog, ["ETH-USDT.venue", SPOT], HOUR_NS, 0, end, leave_out=True)
    assert [one.id for one in prices.instruments] == [SPOT]
    _same(prices.close[:, 0], [10, 11, 12])
    assert prices.notes == ("left out, no bars in the window: ETH-USDT.venue",)
    with pytest.raises(DataError, match=r"no bars of BTC-USDT.venue, ETH-USDT.venue in \(2024-01-01T05"):
        panel(
            folder.catalog,
            [SPOT, "ETH-USDT.venue"],
            HOUR_NS,
            T0 + 5 * HOUR_NS,
            T0 + 9 * HOUR_NS,
            leave_out=True,
        )


HOURS = 60


def _market(folder: Folder, hours: int, closes: list[float], rates: list[float], marks: list[float]) -> Panel:
    """Spot, perp, a future delivered at hour 32, funding and marks, all known up to `hours`."""
    folder.bars(bars_frame(closes[:hours]))
    folder.bars(bars_frame(closes[:hours]), symbol="BTC-USDT-PERP")
    folder.bars(bars_frame(closes[: min(hours, 32)]), symbol="BTC-USDT-20240102")
    folder.funding(rates_frame(rates[: 1 + hours // 8]))
    known = [n * 0.7 for n in range(len(marks)) if n * 0.7 <= hours]
    _feed(
        folder,
        "marks",
        "BTC-USDT-PERP",
        known,
        mark=list(marks[: len(known)]),
        index=list(marks[: len(known)]),
    )
    _feed(folder, "marks", "BTC-USDT-20240102", known[:40], index=list(marks[: len(known[:40])]))
    return panel(folder.catalog, [SPOT, PERP, DATED], HOUR_NS)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(2, HOURS - 1),
    closes=st.lists(st.floats(2.0, 1e6), min_size=HOURS, max_size=HOURS),
    rates=st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=8),
    marks=st.lists(st.floats(2.0, 1e6), min_size=85, max_size=85),
)
def test_later_rows_never_change_earlier_ones(
    tmp_path_factory: pytest.TempPathFactory,
    cut: int,
    closes: list[float],
    rates: list[float],
    marks: list[float],
) -> None:
    early = _market(Folder(tmp_path_factory.mktemp("early")), cut, closes, rates, marks)
    late = _market(Folder(tmp_path_factory.mktemp("late")), HOURS, closes, rates, marks)
    assert len(early) == cut
    assert len(late) == HOURS
    for name in FIELDS:
        assert early.fields[name].tobytes() == late.fields[name][:cut].tobytes(), name
