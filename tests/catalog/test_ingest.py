"""Rows as sources write them become rows as narrows means them, or are refused with file, row and remedy."""

import gzip
import zipfile

import polars as pl
import pytest

from catalog.folder import BARS, FUNDING, START, Folder, bars_frame, rates_frame
from narrows.catalog import Series, named
from narrows.core.errors import ConfigError, DataError

HOUR = 3600


def test_a_bar_is_labelled_by_its_close(folder: Folder) -> None:
    (told,) = folder.bars(bars_frame([10, 11, 12]))
    assert folder.times("bars", "BTC-USDT") == [1, 2, 3]
    assert (told.rows, told.start, told.end, told.gaps) == (
        3,
        "2024-01-01T01:00:00Z",
        "2024-01-01T03:00:00Z",
        0,
    )


def test_stamps_at_the_close_stay(folder: Folder) -> None:
    file = folder.write(bars_frame([10, 11]))
    folder.ingest(BARS.format(file=file, symbol="BTC-USDT", more="").replace('"open"\ntime', '"close"\ntime'))
    assert folder.times("bars", "BTC-USDT") == [0, 1]


def test_missing_bars_are_counted_not_filled(folder: Folder) -> None:
    frame = bars_frame([10, 11, 12, 13, 14, 15])
    (told,) = folder.bars(frame.filter(~pl.col("t").is_in([START + 2 * HOUR, START + 3 * HOUR])))
    assert (told.rows, told.gaps) == (4, 2)


def test_since_and_until_keep_the_times_between_them_both_included(folder: Folder) -> None:
    between = "since = 2024-01-01T02:00:00Z\nuntil = 2024-01-01T03:00:00"
    (told,) = folder.bars(bars_frame([10, 11, 12, 13, 14]), more=between)
    assert folder.times("bars", "BTC-USDT") == [2, 3]  # closes, as the catalogue has them
    assert (told.rows, told.dropped) == (2, 3)


def test_a_date_means_its_midnight_and_jitter_has_its_room(folder: Folder) -> None:
    late = rates_frame([1e-4, 2e-4, 3e-4, 4e-4]).with_columns(pl.col("t") + 2)
    folder.funding(late, more="until = 2024-01-01T16:00:00Z")
    assert folder.times("funding", "BTC-USDT-PERP") == [0, 8, 16]
    folder.funding(late, symbol="ETH-USDT-PERP", more="since = 2024-01-02")
    assert folder.times("funding", "ETH-USDT-PERP") == [24]


def test_an_end_before_its_start_and_an_empty_span_are_refused(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="until: it is before since"):
        folder.bars(bars_frame([10, 11]), more="since = 2024-01-02\nuntil = 2024-01-01")
    with pytest.raises(DataError, match="no row is left"):
        folder.bars(bars_frame([10, 11]), more="since = 2025-01-01")


@pytest.mark.parametrize("kind", ["csv", "csv.zst", "csv.gz", "zip"])
def test_csv_in_every_wrapping_reads_like_parquet(folder: Folder, kind: str) -> None:
    frame = bars_frame([10, 11.5, 12])
    folder.bars(frame)
    text, path = frame.write_csv().encode(), folder.root / f"y.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inner.csv", text)
    elif kind == "csv.zst":
        frame.write_csv(path, compression="zstd", check_extension=False)
    else:
        path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    before = folder.files()
    folder.ingest(BARS.format(file=path.name, symbol="BTC-USDT", more=""))
    assert folder.files() == before


def test_a_csv_without_header_has_numbered_columns(folder: Folder) -> None:
    bars_frame([10, 11]).write_csv(folder.root / "x.csv", include_header=False)
    text = BARS.format(file="x.csv", symbol="BTC-USDT", more="header = false")
    for n, name in enumerate("tohlc", 1):
        text = text.replace(f'= "{name}"', f'= "column_{n}"')
    assert folder.ingest(text)[0].rows == 2


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "no such file"), (b"", "the file is empty"), (b"PAR1 and then nothing", "broken or truncated")],
)
def test_an_unusable_file_is_refused(folder: Folder, content: bytes | None, what: str) -> None:
    if content is not None:
        (folder.root / "x.parquet").write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.parquet: {what}"):
        folder.ingest(BARS.format(file="x.parquet", symbol="BTC-USDT", more=""))
    assert not folder.path.exists()


def test_a_truncated_parquet_is_refused(folder: Folder) -> None:
    path = folder.root / folder.write(bars_frame(list(range(10, 500))))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="broken or truncated"):
        folder.ingest(BARS.format(file="x.parquet", symbol="BTC-USDT", more=""))


@pytest.mark.parametrize("kind", ["csv", "csv.zst", "csv.gz", "zip"])
def test_a_damaged_text_file_is_refused(folder: Folder, kind: str) -> None:
    path, text = folder.root / f"x.{kind}", bars_frame([10] * 500).write_csv().encode()
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.csv", text)
    elif kind == "csv.zst":
        pl.read_csv(text).write_csv(path, compression="zstd", check_extension=False)
    else:
        path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.{kind}"):
        folder.ingest(BARS.format(file=path.name, symbol="BTC-USDT", more=""))


def test_a_zip_of_two_files_and_an_unknown_kind_are_refused(folder: Folder) -> None:
    with zipfile.ZipFile(folder.root / "x.zip", "w") as archive:
        archive.writestr("a.csv", "t\n")
        archive.writestr("b.csv", "t\n")
    with pytest.raises(DataError, match="holds 2 files"):
        folder.ingest(BARS.format(file="x.zip", symbol="BTC-USDT", more=""))
    with pytest.raises(DataError, match="unknown kind of file"):
        folder.ingest(BARS.format(file="x.xlsx", symbol="BTC-USDT", more=""))


def test_a_missing_column_is_named_with_those_there(folder: Folder) -> None:
    with pytest.raises(DataError, match=r"x\.parquet: no column 'c'; it has t, o, h, l$"):
        folder.bars(bars_frame([10]).drop("c"))


BROKEN = [
    (pl.col("c").replace(11.0, None), "no close at 2024-01-01T02:00:00Z .row 2"),
    (pl.col("c").replace(11.0, float("nan")), "no close"),
    (pl.col("c").replace(11.0, float("inf")), "close inf is not a positive number"),
    (pl.col("l").replace(10.0, 0.0), "low 0.0 is not a positive number at 2024-01-01T02:00:00Z .row 2"),
    (pl.col("h").replace(12.0, 10.5), "high 10.5 is below open 11.0 or close 11.0"),
    (pl.col("l").replace(10.0, 11.5), "low 11.5 is above open 11.0 or close 11.0"),
    (pl.col("t").replace(START + HOUR, START), "two rows with the same time"),
    (pl.col("t").reverse(), "time runs backwards"),
    (pl.col("t").replace(START + HOUR, START + HOUR + 7), "off the grid"),
    (pl.col("t") * 1000, "time in s is outside 2009–2100 .+is the unit of time.format right"),
    (pl.col("t") * 0 + 1_000_000, "outside 2009"),
    (pl.col("t").replace(START + HOUR, None), "time is missing"),
    (pl.col("c").cast(pl.String).replace("11.0", "eleven").alias("c"), "'eleven' is not a number .row 2"),
]


@pytest.mark.parametrize(("change", "what"), BROKEN, ids=[what for _, what in BROKEN])
def test_a_broken_row_is_refused_with_its_place(folder: Folder, change: pl.Expr, what: str) -> None:
    with pytest.raises(DataError, match=what) as refused:
        folder.bars(bars_frame([10, 11, 12]).with_columns(change))
    assert "x.parquet" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not folder.path.exists()


def test_rows_without_any_price_are_dropped_only_if_the_mapping_says_so(folder: Folder) -> None:
    frame = bars_frame([None, None, 12, None, 14, None])
    with pytest.raises(DataError, match=r'no value at .+ 4 in all.+null = "drop"'):
        folder.bars(frame)
    (told,) = folder.bars(frame, more='null = "drop"')
    assert (told.rows, told.dropped, told.gaps) == (2, 4, 1)


def test_a_row_with_some_of_its_prices_is_broken_even_then(folder: Folder) -> None:
    frame = bars_frame([10, 11]).with_columns(c=pl.Series([10.0, None]))
    with pytest.raises(DataError, match="no close"):
        folder.bars(frame, more='null = "drop"')


def test_symbols_are_built_from_a_column_and_cut_at_delivery(folder: Folder) -> None:
    delivery = 1_706_860_800  # 2024-02-02 08:00
    frame = bars_frame([10] * 5, start=delivery - 3 * HOUR).with_columns(k=pl.lit("X_240202"))
    file = folder.write(frame)
    built = "{ column = 'k', pattern = 'X_(\\d{6})', symbol = 'BTC-USDT-20\\1' }"
    text = BARS.format(file=file, symbol="BTC-USDT", more="").replace('"BTC-USDT"', built)
    with pytest.raises(DataError, match=r"a row after delivery .+ 2 in all.+cut_after_delivery = true"):
        folder.ingest(text)
    (told,) = folder.ingest(text + "cut_after_delivery = true")
    assert (told.symbol, told.rows, told.dropped) == ("BTC-USDT-20240202", 3, 2)
    assert told.end == "2024-02-02T08:00:00Z"
    with pytest.raises(DataError, match="k 'X_240202' does not match"):
        folder.ingest(text.replace("X_(", "Y_("))


def test_filter_selects_the_rows_of_one_symbol(folder: Folder) -> None:
    one, other = bars_frame([10, 11]), bars_frame([20, 21])
    both = pl.concat([one.with_columns(k=pl.lit("a")), other.with_columns(k=pl.lit("b"))])
    with pytest.raises(DataError, match="time runs backwards"):
        folder.bars(both)
    (told,) = folder.bars(both, more='filter = { k = "b" }')
    assert told.rows == 2
    with pytest.raises(DataError, match="no row has k = 'z'"):
        folder.bars(both, more='filter = { k = "z" }')


def test_funding_stamps_snap_to_their_hour(folder: Folder) -> None:
    late = rates_frame([1e-4, 2e-4, 3e-4]).with_columns(t=pl.col("t") + pl.Series([0, 3, 59]))
    folder.funding(late)
    assert folder.times("funding", "BTC-USDT-PERP") == [0, 8, 16]
    early = rates_frame([1e-4], start=START + 24 * HOUR - 5)
    folder.funding(early)
    assert folder.times("funding", "BTC-USDT-PERP")[-1] == 24


def test_a_stamp_that_fits_no_hour_is_refused(folder: Folder) -> None:
    frame = rates_frame([1e-4, 2e-4, 3e-4]).with_columns(t=pl.col("t") + pl.Series([0, 61, 900]))
    with pytest.raises(
        DataError, match=r"not within 60 s of a whole hour at 2024-01-01T08:01:01Z \(row 2, 2 in all"
    ):
        folder.funding(frame)


def test_two_stamps_on_one_boundary_are_refused(folder: Folder) -> None:
    with pytest.raises(DataError, match="two rows with the same time"):
        folder.funding(rates_frame([1e-4, 2e-4], step=20))


def test_carried_forward_rates_are_paid_once(folder: Folder) -> None:
    # the first two rows belong to a settlement before the file; row 03:00 contradicts the one at 00:00
    rates = [9.0, 9.0] + [1.0] * 3 + [7.0] + [1.0] * 4 + [2.0] * 8
    frame = rates_frame([rate * 1e-4 for rate in rates], start=START - 2 * HOUR, step=HOUR)
    (told,) = folder.funding(frame, more="carried_forward = true")
    assert folder.times("funding", "BTC-USDT-PERP") == [0, 8]
    assert (told.rows, told.rejected, told.gaps) == (2, 1, 0)


def test_rates_are_converted_to_a_fraction_of_their_own_interval(folder: Folder) -> None:
    folder.funding(rates_frame([0.5, 1.0]), more='rate_per_h = 2\nunits = { rate = "bps" }')
    series = Series("funding", "venue", "BTC-USDT-PERP")
    assert folder.catalog.read(series)["rate"].to_list() == pytest.approx([2e-4, 4e-4], rel=1e-15)
    assert folder.catalog.read(series)["interval_h"].to_list() == [8.0, 8.0]


def test_a_rate_in_the_wrong_unit_is_refused(folder: Folder) -> None:
    with pytest.raises(DataError, match=r"rate 0.3 is beyond ±0.25 .+ is its unit percent or bps\?"):
        folder.funding(rates_frame([0.01, 0.3]))
    assert folder.funding(rates_frame([0.01, 0.3]), more='units = { rate = "percent" }')


def test_an_interval_may_change_from_record_to_record(folder: Folder) -> None:
    frame = rates_frame([1e-4] * 3, step=4 * HOUR).with_columns(i=pl.Series([8.0, 4.0, 4.0]))
    file = folder.write(frame)
    text = FUNDING.format(file=file, symbol="BTC-USDT-PERP", more="").replace("interval_h = 8", "")
    (told,) = folder.ingest(text.replace('rate = "r"', 'rate = "r", interval_h = "i"'))
    assert (told.rows, told.gaps) == (3, 0)


def test_records_closer_than_their_interval_are_refused(folder: Folder) -> None:
    carried = rates_frame([1e-4] * 8 + [2e-4] * 8, step=HOUR)
    says = (
        r"x\.parquet.+a record of 8\.0 h, less than that after the one before it, "
        r"at 2024-01-01T01:00:00Z \(row 2, 15 in all\).+say carried_forward = true"
    )
    with pytest.raises(DataError, match=says):
        folder.funding(carried)
    assert not folder.path.exists()
    assert folder.funding(carried, more="carried_forward = true")[0].rows == 2


@pytest.mark.parametrize(
    ("hours", "intervals", "refused"),
    [
        ([0, 8, 12, 16, 17], [8, 8, 4, 4, 1], None),  # the interval shrinks
        ([0, 1, 5, 13, 29], [1, 1, 4, 8, 8], None),  # it grows, and one is missing
        ([0, 8, 12, 13], [8, 8, 4, 4], "2024-01-01T13:00:00Z"),
        ([0, 8, 12, 20], [8, 8, 8, 8], "2024-01-01T12:00:00Z"),
    ],
)
def test_a_record_is_as_far_from_the_one_before_as_its_own_interval(
    folder: Folder, hours: list[int], intervals: list[int], refused: str | None
) -> None:
    frame = rates_frame([1e-4] * len(hours)).with_columns(
        t=pl.Series([START + HOUR * hour for hour in hours]), i=pl.Series(intervals)
    )
    text = FUNDING.format(file=folder.write(frame), symbol="BTC-USDT-PERP", more="")
    text = text.replace("interval_h = 8", "").replace('rate = "r"', 'rate = "r", interval_h = "i"')
    if refused is None:
        assert folder.ingest(text)[0].rows == len(hours)
        return
    with pytest.raises(DataError, match=rf"less than that after the one before it, at {refused}"):
        folder.ingest(text)


def test_the_same_settlements_on_two_clocks_are_not_paid_twice(folder: Folder) -> None:
    folder.funding(rates_frame([1e-4] * 6))
    before = folder.files()
    says = r"a record of 8\.0 h, less than that .+ at 2024-01-01T03:00:00Z .+what is stored"
    with pytest.raises(DataError, match=says):
        folder.funding(rates_frame([1e-4] * 6, start=START + 3 * HOUR))
    assert folder.files() == before


def _carried(settled: list[float], hours: int) -> pl.DataFrame:
    """Hourly rows, each settled rate repeated over so many of them."""
    return rates_frame([rate for rate in settled for _ in range(hours)], step=HOUR)


@pytest.mark.parametrize("declared", [1, 2, 4])
def test_rates_carried_further_than_the_interval_are_refused(folder: Folder, declared: int) -> None:
    file = folder.write(_carried([n * 1e-6 for n in range(60)], 8))
    text = FUNDING.format(file=file, symbol="BTC-USDT-PERP", more="carried_forward = true")
    with pytest.raises(DataError, match=rf"rates change every 8 h, the mapping says {declared} h"):
        folder.ingest(text.replace("interval_h = 8", f"interval_h = {declared}"))
    assert folder.ingest(text)[0].rows == 60


def test_a_rate_pinned_for_days_may_be_carried_forward(folder: Folder) -> None:
    pinned = [1e-4] * 400
    assert folder.funding(_carried(pinned, 8), more="carried_forward = true")[0].rows == 400
    for n in range(0, 400, 9):  # now and then it moves for one settlement, at any hour of the grid
        pinned[n] = n * 1e-7
    text = FUNDING.format(
        file=folder.write(_carried(pinned, 2), "y.parquet"), symbol="ETH-USDT-PERP", more=""
    )
    told = folder.ingest(text.replace("interval_h = 8", "interval_h = 2\ncarried_forward = true"))
    assert told[0].rows == 400


@pytest.mark.parametrize(("table", "bar"), [("bars", "30m"), ("bars", "15m"), ("marks", "30m")])
def test_rows_further_apart_than_the_bar_are_refused(folder: Folder, table: str, bar: str) -> None:
    frame = bars_frame([10, 11, 12, 13, 14]).filter(pl.col("c") != 13)
    text = BARS.format(file=folder.write(frame), symbol="BTC-USDT", more="")
    if table == "marks":
        text = text.replace('"bars"', '"marks"').replace('open = "o", high = "h", low = "l", close', "mark")
    assert folder.ingest(text)[0].rows == 4
    with pytest.raises(DataError, match=rf"x\.parquet: .+: rows are 1 h apart, the mapping says {bar}; "):
        folder.ingest(text.replace('"1h"', f'"{bar}"'))


def test_rows_dropped_for_want_of_a_price_do_not_space_the_bars(folder: Folder) -> None:
    thin = bars_frame([10 if n % 3 == 0 else None for n in range(30)])
    assert folder.bars(thin, more='null = "drop"')[0].rows == 10


@pytest.mark.parametrize(
    ("form", "stamps"),
    [
        ("iso", ["2024-07-01 00:00:00", "2024-07-01T01:00:00"]),
        ("iso", ["2024-07-01T00:00:00Z", "2024-07-01T03:00:00+02:00"]),
        ("ms", [1_719_792_000_000, 1_719_795_600_000]),
        ("s", ["1719792000", "1719795600"]),
        ("s", [1_719_792_000.0, 1_719_795_600.0]),
        ("us", [1_719_792_000_000_000, 1_719_795_600_000_000]),
        ("ns", [1_719_792_000_000_000_000, 1_719_795_600_000_000_000]),
    ],
)
def test_every_clock_format_means_the_same_instant(folder: Folder, form: str, stamps: list[object]) -> None:
    file = folder.write(bars_frame([10, 11]).with_columns(t=pl.Series(stamps)))
    (told,) = folder.ingest(
        BARS.format(file=file, symbol="BTC-USDT", more="").replace('format = "s"', f'format = "{form}"')
    )
    assert (told.start, told.end) == ("2024-07-01T01:00:00Z", "2024-07-01T02:00:00Z")


def _london(folder: Folder, first: str) -> str:
    stamps = pl.Series([first]).str.to_datetime(time_unit="us")
    file = folder.write(bars_frame([10]).with_columns(t=stamps))
    zone = 'format = "datetime", zone = "Europe/London"'
    return folder.ingest(BARS.format(file=file, symbol="BTC-USDT", more="").replace('format = "s"', zone))[
        0
    ].start


def test_local_time_is_converted_with_its_summer_time(folder: Folder) -> None:
    assert _london(folder, "2024-07-01 00:00:00") == "2024-07-01T00:00:00Z"  # opened at 23:00 UTC
    assert _london(folder, "2024-01-01 00:00:00") == "2024-01-01T01:00:00Z"


def test_an_hour_that_exists_twice_or_never_is_refused(folder: Folder) -> None:
    with pytest.raises(DataError, match="ambiguous in time zone 'Europe/London'"):
        _london(folder, "2024-10-27 01:30:00")
    with pytest.raises(DataError, match="non-existent in time zone"):
        _london(folder, "2024-03-31 01:30:00")


@pytest.mark.parametrize(
    ("form", "stamps", "what"),
    [
        ("iso", ["2024-07-01", "soon"], "time is not ISO-8601 .soon, row 2"),
        ("iso", ["now", "soon"], "time is not ISO-8601"),
        ("iso", [1, 2], "time is Int64, not text"),
        ("datetime", ["2024-07-01", "2024-07-02"], "time is String, not a date-time"),
        ("s", ["2024-07-01", "2024-07-02"], "time is not a number"),
    ],
)
def test_a_clock_of_another_kind_is_refused(
    folder: Folder, form: str, stamps: list[object], what: str
) -> None:
    file = folder.write(bars_frame([10, 11]).with_columns(t=pl.Series(stamps)))
    with pytest.raises(DataError, match=what):
        folder.ingest(
            BARS.format(file=file, symbol="BTC-USDT", more="").replace('format = "s"', f'format = "{form}"')
        )


def test_marks_of_two_files_complete_each_other(folder: Folder) -> None:
    folder.write(pl.DataFrame({"t": [START, START + HOUR], "m": [10.0, 11.0]}), "m.parquet")
    folder.write(pl.DataFrame({"t": [START + HOUR, START + 2 * HOUR], "p": [1.0, 2.0]}), "p.parquet")
    text = """
    [[source]]
    file = "{0}.parquet"
    table = "marks"
    venue = "venue"
    symbol = "BTC-USDT-PERP"
    time = {{ format = "s" }}
    columns = {{ time = "t", {1} = "{0}" }}
    """
    premium = text.format("p", "premium") + '    units = { premium = "bps" }\n'
    (told,) = folder.ingest(text.format("m", "mark") + premium)
    assert told.rows == 3
    frame = folder.catalog.read(Series("marks", "venue", "BTC-USDT-PERP"))
    assert frame["mark"].to_list() == [10.0, 11.0, None]
    assert frame["premium"].to_list() == [None, 1e-4, 2e-4]


def test_the_specification_is_kept_and_completed_but_not_changed(folder: Folder) -> None:
    folder.bars(bars_frame([10]), more="[source.instrument]\ntick = 0.5")
    folder.bars(bars_frame([10]))
    folder.bars(bars_frame([10]), more="[source.instrument]\nlot = 0.1")
    (one,) = named(folder.catalog, ["BTC-USDT.venue"])
    assert (one.tick, one.lot, one.multiplier) == (0.5, 0.1, 1.0)
    with pytest.raises(DataError, match=r"tick was 0\.5 and would become 0.25 at BTC-USDT.venue"):
        folder.bars(bars_frame([10]), more="[source.instrument]\ntick = 0.25")


def test_sources_of_one_ingest_that_disagree_are_refused(folder: Folder) -> None:
    folder.write(bars_frame([10]), "a.parquet")
    folder.write(bars_frame([11]), "b.parquet")
    texts = [BARS.format(file=f"{name}.parquet", symbol="BTC-USDT", more="") for name in "ab"]
    with pytest.raises(DataError, match=r"b\.parquet: .+two sources of this ingest disagree"):
        folder.ingest("".join(texts))


def test_a_linear_future_quoted_in_usd_can_be_said(folder: Folder) -> None:
    more = '[source.instrument]\ncontract = "linear"\nsettle = "USDC"\nmultiplier = 0.01'
    folder.bars(bars_frame([10]), symbol="BTC-USD-PERP", more=more)
    (one,) = named(folder.catalog, ["BTC-USD-PERP.venue"])
    assert (one.contract, one.settle, one.multiplier) == ("linear", "USDC", 0.01)


def test_an_unreadable_symbol_from_a_column_is_refused(folder: Folder) -> None:
    file = folder.write(bars_frame([10]).with_columns(k=pl.lit("X")))
    built = "{ column = 'k', pattern = '(.)', symbol = '\\1' }"
    text = BARS.format(file=file, symbol="BTC-USDT", more="").replace('"BTC-USDT"', built)
    with pytest.raises(ConfigError, match="not an instrument id"):
        folder.ingest(text)
    with pytest.raises(DataError, match="cannot build a symbol"):
        folder.ingest(text.replace("\\1", "\\2"))
