"""What is joined to a bar was known at its close and is not too old; merged bars are a plain count's."""

from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.folder import START, Folder, bars_frame
from narrows.catalog import Series, panel
from narrows.catalog.schema import ALL, TABLES
from narrows.catalog.store import write
from narrows.core.errors import ConfigError, DataError
from narrows.core.instrument import instrument
from narrows.core.panel import FIELDS, Panel
from narrows.core.time import HOUR_NS, MINUTE_NS

T0 = START * 10**9
SPOT, PERP, ETH = "BTC-USDT.venue", "BTC-USDT-PERP.venue", "ETH-USDT.venue"
NAN = float("nan")
Values = Sequence[float | int | None]


def put(folder: Folder, table: str, symbol: str, times_h: Sequence[float], **columns: Values) -> None:
    """Rows of a table, straight into the catalogue; what is not given is null."""
    known = TABLES[table].columns
    rows = {"time": [T0 + round(hour * HOUR_NS) for hour in times_h], **columns}
    blank = {name: [None] * len(times_h) for name in known}
    frame = pl.DataFrame(blank | rows, schema={name: column.dtype for name, column in known.items()})
    write(folder.path, {Series(table, "venue", symbol): frame})


def put_bars(folder: Folder, symbol: str, times_h: Sequence[float], bar_h: float, closes: Values) -> None:
    """Flat bars of one length that close at these hours."""
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    length = [round(bar_h * HOUR_NS)] * len(times_h)
    put(folder, "bars", symbol, times_h, bar_ns=length, volume=[1.0] * len(times_h), **prices)


def listed(folder: Folder, *ids: str) -> None:
    """Rows of the instruments table, as an ingest makes them."""
    schema = {name: column.dtype for name, column in TABLES["instruments"].columns.items()}
    rows = [msgspec.structs.asdict(instrument(id_)) for id_ in ids]
    table = pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)
    write(folder.path, {Series("instruments", "venue", ALL): table})


def same(column: np.ndarray, expected: Sequence[float]) -> None:
    np.testing.assert_array_equal(column, np.array(expected))


def test_quotes_are_those_of_one_row_known_inside_the_bar(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 5))
    times = [0.5, 1.0, 2.2, 2.6, 3.7]
    put(folder, "quotes", "BTC-USDT", times, bid=[7, 8, 9, None, 10], ask=[7.5, 8.5, 9.5, 9.6, 10.5])
    prices = panel(folder.catalog, [SPOT], HOUR_NS)
    same(prices.bid[:, 0], [8, NAN, NAN, 10, NAN])  # not an older bid beside a newer ask
    same(prices.ask[:, 0], [8.5, NAN, 9.6, 10.5, NAN])


def test_depth_is_scaled_to_ten_basis_points_and_lasts_twelve_hours(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 30))
    folder.bars(bars_frame([10] * 30), symbol="ETH-USDT")
    put(folder, "depth_profile", "BTC-USDT", [-3, 6], within=[0.005, 0.001], depth=[1e6, 3e5])
    put(folder, "depth_profile", "ETH-USDT", [1], within=[0.001], depth=[7e5])
    prices = panel(folder.catalog, [SPOT, ETH], HOUR_NS)
    same(prices.depth[:, 0], [2e5] * 5 + [3e5] * 12 + [NAN] * 13)
    same(prices.depth[:, 1], [7e5] * 12 + [NAN] * 18)
    scaled = "scaled to 10 bp in proportion: too deep where the book is thin near the touch"
    assert prices.notes == (f"depth of {SPOT}: measured within 50 bp of the mid, {scaled}",)


def test_without_rows_a_field_is_unknown(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11]))
    prices = panel(folder.catalog, [SPOT], HOUR_NS)
    for name in ("bid", "ask", "depth", "borrow", "index", "premium", "funding", "settlement"):
        assert np.isnan(prices.fields[name]).all(), name


def test_nothing_is_joined_before_the_first_bar(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 6))
    folder.bars(bars_frame([20] * 3, start=START + 3 * 3600), symbol="ETH-USDT")
    put(folder, "borrow", "ETH-USDT", [0], apr=[0.05])
    put(folder, "marks", "ETH-USDT", [1, 4], index=[19, 20])
    prices = panel(folder.catalog, [SPOT, ETH], HOUR_NS)
    same(prices.borrow[:, 1], [NAN, NAN, NAN, 0.05, 0.05, 0.05])
    same(prices.index[:, 1], [NAN, NAN, NAN, 20, NAN, NAN])


def test_a_universe_mixes_lengths_of_bars_coins_and_quotes(folder: Folder) -> None:
    listed(folder, SPOT, PERP, "ETH-BTC.venue")
    put_bars(folder, "BTC-USDT", [1, 2, 3, 4, 5, 6, 7, 8], 1.0, [float(n) for n in range(1, 9)])
    put_bars(folder, "BTC-USDT-PERP", [1 / 60, 0.5, 4.5, 8.0], 1 / 60, [11.0, 12.0, 13.0, 14.0])
    put_bars(folder, "ETH-BTC", [4, 8], 4.0, [0.05, 0.06])
    ids = [SPOT, PERP, "ETH-BTC.venue"]
    prices = panel(folder.catalog, ids, 4 * HOUR_NS)
    assert prices.close.tolist() == [[4, 12, 0.05], [8, 14, 0.06]]
    assert prices.open.tolist() == [[1, 11, 0.05], [5, 13, 0.06]]
    with pytest.raises(
        ConfigError, match=r"ETH-BTC\.venue are 4 h long .+ bars of 1 h; ask for bars of 4 h or a"
    ):
        panel(folder.catalog, ids, HOUR_NS)


def test_a_series_may_change_its_length_but_not_hold_two_at_once(folder: Folder) -> None:
    folder.bars(bars_frame([10] * 24))
    put_bars(folder, "BTC-USDT", [-16, -8, 0], 8.0, [7, 8, 9])
    prices = panel(folder.catalog, [SPOT], 8 * HOUR_NS)
    same(prices.close[:, 0], [7, 8, 9, 10, 10, 10])
    assert len(panel(folder.catalog, [SPOT], HOUR_NS, T0)) == 24  # the later part has hours
    with pytest.raises(DataError, match="bar_ns was 3600000000000 and would become 28800000000000"):
        put_bars(folder, "BTC-USDT", [8], 8.0, [10])
    put_bars(folder, "BTC-USDT", [32], 8.0, [11])
    folder.bars(bars_frame([10] * 6, start=START + 24 * 3600))
    with pytest.raises(DataError, match=r"several lengths overlap at 2024-01-02T08:00:00Z \(1 such bars\)"):
        panel(folder.catalog, [SPOT], 8 * HOUR_NS)


def test_bars_of_which_a_part_is_missing_are_counted(folder: Folder) -> None:
    listed(folder, SPOT)
    put_bars(folder, "BTC-USDT", [2, 3, 4, 5, 7, 8, 9], 1.0, [1.0] * 7)
    told = panel(folder.catalog, [SPOT], 2 * HOUR_NS, 0, T0 + 10 * HOUR_NS).notes
    assert told == (f"{SPOT}: 1 of 5 bars made of fewer stored bars than fill them",)  # hour 6


minutes = st.lists(
    st.one_of(st.none(), st.tuples(st.floats(1, 1e6), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 9))),
    min_size=31,
    max_size=120,
).filter(lambda rows: rows[0] is not None and rows[-1] is not None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=minutes, offset=st.integers(0, 14))
def test_minutes_merged_to_quarters_are_what_a_plain_count_gives(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float, float, float, float] | None],
    offset: int,
) -> None:
    folder = Folder(tmp_path_factory.mktemp("merge"))
    listed(folder, SPOT)
    stored = {}
    for n, row in enumerate(rows):
        if row is not None:
            price, up, down, volume = row
            close = price * (1 + up - down)
            stored[offset + n + 1] = (
                price,
                max(price, close) * (1 + up),
                min(price, close) * (1 - down),
                close,
                volume,
            )
    columns = {
        name: [bar[k] for bar in stored.values()]
        for k, name in enumerate(("open", "high", "low", "close", "volume"))
    }
    put(folder, "bars", "BTC-USDT", [m / 60 for m in stored], bar_ns=[MINUTE_NS] * len(stored), **columns)
    prices = panel(folder.catalog, [SPOT], 15 * MINUTE_NS, T0 - 1)
    for n, time_ns in enumerate(prices.time_ns.tolist()):
        end = (time_ns - T0) // MINUTE_NS
        inside = [bar for minute, bar in stored.items() if end - 15 < minute <= end]
        got = [float(prices.fields[name][n, 0]) for name in ("open", "high", "low", "close", "volume")]
        if not inside:
            assert np.isnan(got).all()
            continue
        volume = np.add.reduceat(np.array([bar[4] for bar in inside]), [0])[0]
        assert got == [
            inside[0][0],
            max(b[1] for b in inside),
            min(b[2] for b in inside),
            inside[-1][3],
            volume,
        ]
    assert int(prices.time_ns[-1]) - T0 <= max(stored) * MINUTE_NS


def _market(folder: Folder, until_h: float, rows: dict[str, list[tuple[float, float]]], gone: int) -> Panel:
    """A perpetual, and a spot whose bars end for good after `gone` hours; all that is known by `until_h`."""
    folder.bars(bars_frame([10] * int(until_h)), symbol="BTC-USDT-PERP")
    folder.bars(bars_frame([20] * min(int(until_h), gone)))
    for table, records in rows.items():
        known = [(hour, value) for hour, value in sorted(records) if hour <= until_h]
        times, values = [hour for hour, _ in known], [value for _, value in known]
        made: dict[str, dict[str, Values]] = {
            "quotes": {"bid": values, "ask": [value * 1.1 for value in values]},
            "depth_profile": {"depth": values, "within": [0.001 + value % 0.01 for value in values]},
            "borrow": {"apr": [value / 1e6 for value in values]},
            "marks": {"mark": values, "index": [value if value > 100 else None for value in values]},
        }
        for symbol in ("BTC-USDT", "BTC-USDT-PERP"):
            if known:
                put(folder, table, symbol, times, **made[table])
    return panel(folder.catalog, [PERP, SPOT], HOUR_NS)


records = st.lists(
    st.tuples(st.floats(0, 60).map(lambda hour: round(hour * 60) / 60), st.floats(1, 1e6)),
    max_size=30,
    unique_by=lambda record: record[0],
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(2, 59),
    gone=st.integers(1, 60),
    rows=st.fixed_dictionaries(dict.fromkeys(("quotes", "depth_profile", "borrow", "marks"), records)),
)
def test_later_rows_change_no_bit_of_what_was_joined_or_settled(
    tmp_path_factory: pytest.TempPathFactory, cut: int, gone: int, rows: dict[str, list[tuple[float, float]]]
) -> None:
    early = _market(Folder(tmp_path_factory.mktemp("early")), cut, rows, gone)
    late = _market(Folder(tmp_path_factory.mktemp("late")), 60, rows, gone)
    assert (len(early), len(late)) == (cut, 60)
    for name in FIELDS:
        assert early.fields[name].tobytes() == late.fields[name][:cut].tobytes(), name
