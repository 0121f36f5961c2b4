"""What a mapping can say beyond one file, one symbol and one clock; and what is refused."""

import gzip
import json
import zipfile

import polars as pl
import pytest

from catalog.folder import BARS, FUNDING, START, Folder, bars_frame, rates_frame
from narrows.catalog import Ingested, Series, parse_mapping
from narrows.core.errors import ConfigError, DataError
from narrows.core.time import HOUR_NS, iso

HOUR = 3600
KEYED = """
[[source]]
file = "{file}"
table = "{table}"
venue = "venue"
{more}
"""


def _keyed(folder: Folder, table: str, more: str, file: str = "x.parquet") -> list[Ingested]:
    return folder.ingest(KEYED.format(file=file, table=table, more=more))


def _read(folder: Folder, table: str, symbol: str = "all") -> pl.DataFrame:
    return folder.catalog.read(Series(table, "venue", symbol))


PRICES = 'symbol = "BTC-USDT"\ntime = { format = "s" }\ncolumns = { time = "t", price = "p" }\n'


# clocks


def _clocked(folder: Folder, stamps: list[object], clock: str, file: str = "x.parquet") -> list[str]:
    folder.write(pl.DataFrame({"t": stamps, "p": [1.0 + n for n in range(len(stamps))]}), file)
    more = f'symbol = "BTC-USDT"\ntime = {clock}\ncolumns = {{ time = "t", price = "p" }}'
    _keyed(folder, "prices", more, file)
    return [iso(time) for time in _read(folder, "prices", "BTC-USDT")["time"]]


@pytest.mark.parametrize(
    ("zone", "expected"), [("UTC+3", "05"), ("UTC-5", "13"), ("UTC+05:30", "02"), ("UTC", "08")]
)
def test_a_fixed_zone_has_no_summer_time(folder: Folder, zone: str, expected: str) -> None:
    clock = f'{{ format = "iso", zone = "{zone}" }}'
    got = _clocked(folder, ["2024-01-10 08:00:00", "2024-07-10 08:00:00"], clock)
    assert [stamp[11:13] for stamp in got] == [expected, expected]


@pytest.mark.parametrize(("which", "expected"), [("first", "00"), ("second", "01")])
def test_the_hour_that_comes_twice_is_the_one_that_is_said(folder: Folder, which: str, expected: str) -> None:
    clock = f'{{ format = "iso", zone = "Europe/London", ambiguous = "{which}" }}'
    (got,) = _clocked(folder, ["2024-10-27 01:00:00"], clock)
    assert got == f"2024-10-27T{expected}:00:00Z"


def test_dates_as_people_write_them(folder: Folder) -> None:
    assert _clocked(folder, ["1/3/1994", "11/24/2020"], '{ format = "%m/%d/%Y" }') == [
        "1994-01-03T00:00:00Z",
        "2020-11-24T00:00:00Z",
    ]
    with pytest.raises(DataError, match=r"time is not %d/%m/%Y \(11/24/2020, row 2, 1 in all\)"):
        _clocked(folder, ["1/3/1994", "11/24/2020"], '{ format = "%d/%m/%Y" }', "y.parquet")


def test_iso_stamps_may_have_a_fraction_or_none(folder: Folder) -> None:
    got = _clocked(folder, ["2024-01-01T00:00:04+00:00", "2024-01-01T06:00:00.5+00:00"], '{ format = "iso" }')
    assert [stamp[:19] for stamp in got] == ["2024-01-01T00:00:04", "2024-01-01T06:00:00"]


def test_stamps_count_from_a_declared_day_or_from_that_of_the_file(folder: Folder) -> None:
    said = _clocked(folder, [0, 60_000], '{ format = "ms", epoch = 2022-12-13 }')
    assert said == ["2022-12-13T00:00:00Z", "2022-12-13T00:01:00Z"]
    with pytest.raises(DataError, match="not within a year after"):
        _clocked(folder, [1_670_889_600_000], '{ format = "ms", epoch = 2022-12-13 }', "y.parquet")
    with pytest.raises(DataError, match="no day YYYYMMDD in its name"):
        _clocked(folder, [0], "{ format = \"ms\", epoch = { file = '_(\\d{8})' } }", "z.parquet")


def test_a_zip_without_header_takes_its_day_from_its_name(folder: Folder) -> None:
    for day, price in ((20221213, 10), (20221214, 11)):
        with zipfile.ZipFile(folder.root / f"btc_{day}.zip", "w") as archive:
            archive.writestr(
                "x.csv", f"0,{price},{price},{price},{price}\n60000,{price},{price},{price},{price}\n"
            )
    columns = 'time = "column_1", open = "column_2", high = "column_3", low = "column_4", close = "column_5"'
    more = f"""symbol = "BTC-USDT"
    header = false
    bar = "1m"
    stamp = "open"
    time = {{ format = "ms", epoch = {{ file = '_(\\d{{8}})' }} }}
    columns = {{ {columns} }}"""
    (told,) = _keyed(folder, "bars", more, "btc_*.zip")
    assert (told.rows, told.start, told.end) == (4, "2022-12-13T00:01:00Z", "2022-12-14T00:02:00Z")
    with pytest.raises(DataError, match="no file matches"):
        _keyed(folder, "bars", more, "eth_*.zip")


# settlements


def test_intervals_follow_from_the_spacing(folder: Folder) -> None:
    hours = [0, 8, 16, 20, 22, 24, 40, 48]  # 8 h, then 4 h, 2 h, a hole of 16 h, 8 h
    frame = pl.DataFrame({"t": [START + HOUR * h for h in hours], "r": [1e-4] * len(hours)})
    spaced = FUNDING.replace("interval_h = 8", 'interval_h = "spacing"\nintervals_h = [2, 4, 8]')
    file = folder.write(frame)
    (told,) = folder.ingest(spaced.format(file=file, symbol="BTC-USDT-PERP", more=""))
    assert _read(folder, "funding", "BTC-USDT-PERP")["interval_h"].to_list() == [8, 8, 8, 4, 2, 2, 8, 8]
    assert told.gaps == 1
    with pytest.raises(DataError, match="neither the record before nor the one after lies 4 h away"):
        folder.ingest(spaced.format(file=file, symbol="ETH-USDT-PERP", more="").replace("[2, 4, 8]", "[4]"))


def test_late_stamps_belong_to_the_boundary_before_them(folder: Folder) -> None:
    late = rates_frame([1e-4, 2e-4, 3e-4]).with_columns(pl.col("t") + pl.Series([0, 7200, 10_800]))
    folder.funding(late, more='snap_to = "8h"\nlate_s = 10_800')
    assert folder.times("funding", "BTC-USDT-PERP") == [0, 8, 16]
    with pytest.raises(DataError, match=r"within 60 s of a whole 8 h, nor 7200 s late at .+T19:00:00Z"):
        folder.funding(late, symbol="ETH-USDT-PERP", more='snap_to = "8h"\nlate_s = 7200')


def test_an_hour_late_is_not_the_next_hour(folder: Folder) -> None:
    frame = rates_frame([1e-4, 2e-4], step=HOUR).with_columns(pl.col("t") + pl.Series([1900, -5]))
    text = FUNDING.replace("interval_h = 8", "interval_h = 1\nlate_s = 3599")
    folder.ingest(text.format(file=folder.write(frame), symbol="BTC-USDT-PERP", more=""))
    assert folder.times("funding", "BTC-USDT-PERP") == [0, 1]  # the second is five seconds early


def test_a_record_too_many_is_refused_or_left_out_and_counted(folder: Folder) -> None:
    frame = rates_frame([1e-4, 0.0, 2e-4]).with_columns(
        t=pl.Series([START, START + 3 * HOUR, START + 8 * HOUR])
    )
    late = 'snap_to = "8h"\nlate_s = 10_800\n'
    with pytest.raises(DataError, match="two rows with the same time"):
        folder.funding(frame, more=late)
    (told,) = folder.funding(frame, more=late + 'repeated = "first"')
    assert (told.rows, told.dropped) == (2, 1)
    assert _read(folder, "funding", "BTC-USDT-PERP")["rate"].to_list() == [1e-4, 2e-4]


def test_rows_that_say_the_same_again_may_be_left_out(folder: Folder) -> None:
    twice = pl.DataFrame({"t": [START, START, START + HOUR], "p": [1.0, 1.0, 2.0]})
    more = PRICES + 'repeated = "same"'
    folder.write(twice)
    (told,) = _keyed(folder, "prices", more)
    assert (told.rows, told.dropped) == (2, 1)
    folder.write(twice.with_columns(p=pl.Series([1.0, 1.5, 2.0])), "y.parquet")
    with pytest.raises(DataError, match="two rows with the same time"):
        _keyed(folder, "prices", more.replace("BTC", "ETH"), "y.parquet")


# symbols


def test_a_symbol_is_translated_by_the_first_rule_that_matches(folder: Folder) -> None:
    names = ["XBTUSD", "SOLUSDT", "XBT-6FEB26", "nonsense"]
    folder.write(pl.DataFrame({"t": [START] * 4, "k": names, "b": [1.0, 2.0, 3.0, 4.0]}))
    more = """at = 2024-01-01
    columns = { bid = "b" }
    [[source.symbol]]
    column = "k"
    pattern = '(XBT|SOL)(USDT?)'
    symbol = '\\1-\\2-PERP'
    names = { 1 = { XBT = "BTC", SOL = "SOL" } }
    [[source.symbol]]
    column = "k"
    pattern = 'XBT-(.+)'
    symbol = 'BTC-USD-\\1'
    dates = { 1 = "%d%b%y" }
    unmatched = "drop"
"""
    (told,) = _keyed(folder, "tickers", more)
    assert (told.symbol, told.rows, told.dropped) == ("all", 3, 1)
    assert _read(folder, "tickers")["symbol"].to_list() == [
        "BTC-USD-20260206",
        "BTC-USD-PERP",
        "SOL-USDT-PERP",
    ]
    with pytest.raises(DataError, match=r"k 'nonsense' does not match .+ unmatched = \"drop\""):
        _keyed(folder, "tickers", more.replace('unmatched = "drop"', ""))
    with pytest.raises(DataError, match="'SOL' has no name"):
        _keyed(folder, "tickers", more.replace(', SOL = "SOL"', ""))
    with pytest.raises(DataError, match="'6FEB26' is not a date like %Y"):
        _keyed(folder, "tickers", more.replace("%d%b%y", "%Y"))


def test_unmatched_symbols_of_a_table_by_symbol_have_a_line_of_their_own(folder: Folder) -> None:
    folder.write(pl.DataFrame({"t": [START] * 3, "k": ["BTC", "?", "!"], "p": [1.0, 2.0, 3.0]}))
    rule = "{ column = \"k\", pattern = '([A-Z]+)', symbol = '\\1-USDT', unmatched = \"drop\" }"
    more = f'symbol = {rule}\ntime = {{ format = "s" }}\ncolumns = {{ time = "t", price = "p" }}'
    told = _keyed(folder, "prices", more)
    assert [(one.symbol, one.rows, one.dropped) for one in told] == [("BTC-USDT", 1, 0), ("all", 0, 2)]


def test_one_column_for_each_symbol(folder: Folder) -> None:
    folder.write(pl.DataFrame({"t": [START, START + HOUR], "SPY": [1.0, 2.0], "Shell": [3.0, None]}))
    names = "{ 1 = { SPY = 'SPY', Shell = 'SHELL' } }"
    rule = f"{{ column = '*', pattern = '(SPY|Shell)', symbol = '\\1-USD', names = {names} }}"
    more = (
        f'symbol = {rule}\ntime = {{ format = "s" }}\nnull = "drop"\ncolumns = {{ time = "t", price = "*" }}'
    )
    told = _keyed(folder, "prices", more)
    assert [(one.symbol, one.rows, one.dropped) for one in told] == [("SPY-USD", 2, 0), ("SHELL-USD", 1, 1)]
    with pytest.raises(ConfigError, match="one column for each symbol is said by half"):
        _keyed(folder, "prices", more.replace('"*" }', '"SPY" }'))


# values


def test_values_are_scaled_missing_constant_or_percent(folder: Folder) -> None:
    folder.write(pl.DataFrame({"t": [START, START + HOUR], "d": ["2.0", "n/a"], "s": [1.5, 0.0]}))
    more = """symbol = "BTC-USDT-PERP"
    time = { format = "s" }
    null = "drop"
    scale = { depth = 1000 }
    units = { spread = "bps" }
    missing = { depth = "n/a", spread = [0, -1] }
    constants = { within = 0.005 }
    columns = { time = "t", depth = "d", spread = "s" }"""
    (told,) = _keyed(folder, "depth_profile", more)
    assert (told.rows, told.dropped) == (1, 1)
    row = _read(folder, "depth_profile", "BTC-USDT-PERP").row(0, named=True)
    assert (row["within"], row["depth"], row["spread"], row["mid"]) == (0.005, 2000.0, 1.5 * 1e-4, None)
    with pytest.raises(DataError, match=r"'n/a' is not a number .+ say missing"):
        _keyed(folder, "depth_profile", more.replace('depth = "n/a", ', ""))


def test_rows_are_sorted_only_if_the_mapping_says_so(folder: Folder) -> None:
    folder.write(pl.DataFrame({"t": [START + HOUR, START], "p": [2.0, 1.0]}))
    more = PRICES
    with pytest.raises(DataError, match=r"time runs backwards .+ say sort = true"):
        _keyed(folder, "prices", more)
    _keyed(folder, "prices", more + "\nsort = true")
    assert _read(folder, "prices", "BTC-USDT")["price"].to_list() == [1.0, 2.0]


# JSON

STEPS = [{"type": "LOT", "step": "0.1"}, {"type": "PRICE", "step": "0.5"}]
RECORDS = {
    "serverTime": 1,
    "data": {
        "list": [
            {"symbol": "BTC", "filters": STEPS, "on": START * 1000},
            {"symbol": "ETH", "filters": [], "on": 0, "info": {"fee": "1.25"}},
        ]
    },
}  # fmt: skip
JSON = """at = 2024-01-01T12:00:00Z
    records = "data.list"
    symbol = { column = "symbol", pattern = '(.+)', symbol = '\\1-USDT-PERP' }
    time = { format = "ms" }
    missing = { listed = 0 }
    units = { liquidation_fee = "percent" }
    [source.columns]
    tick = "filters[type=PRICE].step"
    lot = "filters[type=LOT].step"
    listed = "on"
    liquidation_fee = "info.fee"
"""


@pytest.mark.parametrize("kind", ["json", "json.gz"])
def test_json_is_a_table_of_the_places_that_are_named(folder: Folder, kind: str) -> None:
    text = json.dumps(RECORDS).encode()
    (folder.root / f"x.{kind}").write_bytes(gzip.compress(text) if kind == "json.gz" else text)
    (told,) = _keyed(folder, "specs", JSON, f"x.{kind}")
    assert (told.rows, told.start) == (2, "2024-01-01T12:00:00Z")
    btc, eth = _read(folder, "specs").select("tick", "lot", "listed", "liquidation_fee").rows()
    assert btc == (0.5, 0.1, START * 10**9, None)
    assert eth == (None, None, None, 0.0125)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"data.list"', '"data"', "no list of objects at 'data'; .+ the file holds serverTime, data"),
        ('"info.fee"', '"info.free"', "no column 'info.free'; it has"),
        ('"info.fee"', '"info[fee"', r"'info\[fee' is no place in an object"),
    ],
)  # fmt: skip
def test_a_place_that_is_not_there_is_refused(folder: Folder, old: str, new: str, what: str) -> None:
    (folder.root / "x.json").write_text(json.dumps(RECORDS))
    with pytest.raises(DataError, match=what):
        _keyed(folder, "specs", JSON.replace(old, new), "x.json")


def test_broken_json_is_one_line(folder: Folder) -> None:
    (folder.root / "x.json").write_text(json.dumps(RECORDS)[:-5])
    with pytest.raises(DataError, match=r"x\.json: broken or truncated"):
        _keyed(folder, "specs", JSON, "x.json")


# sources that disagree


def _two(folder: Folder, second: list[float], more: str = "gives_way = true") -> list[Ingested]:
    folder.write(bars_frame([10, 11]), "a.parquet")
    folder.write(bars_frame(second), "b.parquet")
    first = BARS.format(file="a.parquet", symbol="BTC-USDT", more="")
    other = BARS.format(file="b.parquet", symbol="BTC-USDT", more=more)
    return folder.ingest(other + first)  # the order in the mapping does not matter


def test_a_source_that_gives_way_loses_what_it_contradicts_and_is_told(folder: Folder) -> None:
    (told,) = _two(folder, [10, 11.5, 12])
    assert (told.rows, told.contradicted) == (3, 1)
    what = "1 rows of b.parquet left out: open was 11.0 and would become 11.5 at 2024-01-01T02:00:00Z"
    assert told.contradictions == [what]
    assert _read(folder, "bars", "BTC-USDT")["close"].to_list() == [10, 11, 12]
    before = folder.files()
    _two(folder, [10, 11.5, 12])
    assert folder.files() == before


def test_it_gives_way_to_what_is_stored_too(folder: Folder) -> None:
    folder.bars(bars_frame([10, 11]))
    (told,) = folder.bars(bars_frame([9, 11, 12]), more="gives_way = true")
    assert (told.contradicted, told.rows) == (1, 2)
    assert _read(folder, "bars", "BTC-USDT")["close"].to_list() == [10, 11, 12]


def test_a_source_that_does_not_is_refused(folder: Folder) -> None:
    with pytest.raises(DataError, match=r"open was .+ gives_way = true"):
        _two(folder, [10, 11.5, 12], more="")


# what is said wrong

TICKERS = KEYED.format(
    file="x.json",
    table="tickers",
    more="at = 2024-01-01\nsymbol = { column = 'k', pattern = '(.)', symbol = '\\1-USDT' }\n"
    "columns = { bid = 'b' }",
)
RATES = FUNDING.format(file="x.parquet", symbol="BTC-USDT-PERP", more="")


@pytest.mark.parametrize(
    ("text", "old", "new", "where", "what"),
    [
        (TICKERS, "at = 2024-01-01", "", "columns", "'time' is not mapped"),
        (TICKERS, "{ bid", "{ time = 't', bid", "source[0]", "time is said twice"),
        (TICKERS, "'b' }", "'b', next_funding = 'n' }", "source[0].time", "how stamps are written"),
        (TICKERS, "'\\1-USDT'", "'\\1-USDT', dates = { 2 = '%Y' }", "symbol.dates", "no group 2"),
        (TICKERS, "at =", "missing = { ask = 0 }\nat =", "source[0].missing", "not mapped"),
        (TICKERS, "at =", "constants = { bids = 0 }\nat =", "source[0].constants", "no column 'bids'"),
        (TICKERS, "at =", "constants = { bid = 0 }\nat =", "source[0]", "bid is said twice"),
        (TICKERS, "at =", "scale = { bid = 0 }\nat =", "source[0].scale.bid", "not positive"),
        (TICKERS, "at =", "units = { bid = 'percent' }\nat =", "source[0].units.bid", "say scale = { bid"),
        (TICKERS, "at =", "interval_h = 8\nat =", "source[0].interval_h", "belongs to funding"),
        (RATES, "interval_h = 8", 'interval_h = "spacing"', "source[0]", "intervals_h go together"),
        (RATES, "interval_h = 8", "interval_h = 8\nintervals_h = [8]", "source[0]", "go together"),
        (RATES, "interval_h = 8", "interval_h = 8\nlate_s = -1", "source[0].late_s", "negative"),
        (RATES, "interval_h = 8", "interval_h = 8\nsnap_to = '8'", "source[0].snap_to", "not a duration"),
        (RATES, 'format = "s"', 'format = "iso", epoch = 2024-01-01', "time.epoch", "nothing counts from it"),
        (RATES, 'format = "s"', 'format = "s", ambiguous = "both"', "time.ambiguous", "Invalid enum value"),
        (RATES, 'format = "s"', 'format = "s", zone = "UTC+3h"', "time.zone", "UTC+3"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_refused_with_its_path(text: str, old: str, new: str, where: str, what: str) -> None:
    assert old in text
    with pytest.raises(ConfigError) as refused:
        parse_mapping(text.replace(old, new))
    assert where in str(refused.value)
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)


def test_predicted_funding_is_not_funding(folder: Folder) -> None:
    text = FUNDING.replace('"funding"', '"predicted_funding"').replace(
        "interval_h = 8", "interval_h = 8\nbar = '1h'\nstamp = 'open'"
    )
    frame = rates_frame([1e-4, 2e-4], step=HOUR)
    folder.ingest(text.format(file=folder.write(frame), symbol="BTC-USDT-PERP", more=""))
    assert [one.table for one in folder.catalog.series("predicted_funding")] == ["predicted_funding"]
    assert folder.catalog.series("funding") == []
    assert [
        (t - START * 10**9) / HOUR_NS for t in _read(folder, "predicted_funding", "BTC-USDT-PERP")["time"]
    ] == [1, 2]
