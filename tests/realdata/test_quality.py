"""The traps of real market data are found: in the catalogue, in a desk's window, in files before ingest."""

import gzip
import json
import re
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from narrows.catalog import load_desk, load_panel, open_catalog, panel
from narrows.catalog.checks_series import crossed
from narrows.catalog.finding import CONSEQUENCES, Finding
from narrows.catalog.quality import catalog_findings, panel_findings, source_findings
from narrows.catalog.store import Series
from narrows.cli.app import main
from narrows.core.time import HOUR_NS
from realdata.real import REPOSITORY, Real

FUNDING = """
[[source]]
file = "{file}"
table = "funding"
venue = "{venue}"
symbol = {symbol}
filter = {{ {filter} }}
{interval}
time = {{ format = "{format}" }}
columns = {{ time = "{time}", rate = "{rate}" }}
"""
BARS = """
[[source]]
file = "{file}"
table = "bars"
venue = "{venue}"
symbol = {symbol}
filter = {{ {filter} }}
bar = "{bar}"
stamp = "open"
null = "drop"
time = {{ format = "datetime" }}
columns = {{ time = "{time}", open = "{open}", high = "{high}", low = "{low}", close = "{close}" }}
"""
INDEX = """
[[source]]
file = "pietroc21/deribit_{coin}_1h.parquet"
table = "marks"
venue = "deribit"
symbol = "{coin}-USDC-PERP"
bar = "1h"
stamp = "open"
time = {{ format = "datetime" }}
columns = {{ time = "timestamp", index = "index_price_deribit" }}
"""
SUPERVIK = {
    "file": "supervik/BTC_funding_7venues.parquet", "symbol": '"BTC-USDT-PERP"', "interval": "interval_h = 8",
    "format": "iso", "time": "Date", "rate": "Funding Rate"
}  # fmt: skip
LEWGAOWEI = {
    "file": "lewgaowei/binance_funding_2020_2025.parquet", "venue": "binance", "interval": "interval_h = 8",
    "format": "iso", "time": "fundingDateTime", "rate": "fundingRate"
}  # fmt: skip
OHLC = {name: name for name in ("open", "high", "low", "close")}


@pytest.fixture(scope="module")
def in_catalogue(catalogue: Real) -> list[Finding]:
    return catalog_findings(catalogue.catalog)


class Looking:
    """Looks at source files through a mapping that takes them at their word."""

    def __init__(self, data_root: Path, folder: Path, real: Real) -> None:
        self._root, self._folder, self._catalog = data_root, folder, real.catalog

    def __call__(self, *sources: str) -> list[Finding]:
        path = self._folder / "mapping.toml"
        path.write_text("\n".join(sources))
        return source_findings([path], self._root, self._catalog)


@pytest.fixture
def look(data_root: Path, tmp_path: Path, catalogue: Real) -> Looking:
    return Looking(data_root, tmp_path, catalogue)


def supervik(venue: str) -> str:
    return FUNDING.format(**SUPERVIK, venue=venue, filter=f'venue = "{venue}"')


def of(found: list[Finding], kind: str) -> list[Finding]:
    return [one for one in found if one.kind == kind]


def hours(one: Finding) -> tuple[str, str]:
    return one.start[:13], one.end[:13]


def test_broken_bars_of_2024_10_28_are_found_and_no_others(in_catalogue: list[Finding]) -> None:
    """Bars that open at 19:00, 20:00 and 21:00, named by their closes; no other of 89 000 of derivatives."""
    found = of(in_catalogue, "broken_bar")
    assert {(one.symbol, *hours(one), one.count) for one in found} == {
        ("BTC-USDT-PERP", "2024-10-28T20", "2024-10-28T22", 3),
        ("BTC-USDT-20241227", "2024-10-28T21", "2024-10-28T22", 2),
        ("BTC-USDT-20250328", "2024-10-28T21", "2024-10-28T21", 1),
    }
    assert all(one.consequence == CONSEQUENCES["broken_bar"] for one in found)
    assert next(one.detail for one in found if one.count == 3).startswith("close -19.0 bp beside")


def test_a_clean_year_of_real_bars_gives_no_finding(catalogue: Real) -> None:
    start, end = (int(day) * HOUR_NS * 24 for day in (19_723, 20_022))  # 2024-01-01, 2024-10-26
    prices = panel(catalogue.catalog, ["BTC-USDT.binance", "BTC-USDT-PERP.binance"], HOUR_NS, start, end)
    assert len(prices) == 299 * 24
    assert panel_findings(prices) == []


def test_a_venue_that_stood_still_is_stale(in_catalogue: list[Finding]) -> None:
    """OKX, 2022-12-18: its host in Hong Kong failed."""
    found = [(one.symbol, *hours(one), one.count) for one in of(in_catalogue, "stale")]
    assert found == [
        ("SOL-USDT", "2022-12-18T08", "2022-12-18T18", 11),
        ("SOL-USDT-PERP", "2022-12-18T10", "2022-12-18T18", 9),
    ]


def test_holes_of_nine_days_are_found(in_catalogue: list[Finding]) -> None:
    found = [one for one in of(in_catalogue, "gap") if (one.venue, one.table) == ("hyperliquid", "funding")]
    assert len(found) == 25
    assert sum(one.count for one in found) == 5280


def _deribit(coin: str) -> list[str]:
    names = {name: f"{name}_perp" for name in OHLC}
    bars = BARS.format(
        file=f"pietroc21/deribit_{coin}_1h.parquet", venue="deribit", symbol=f'"{coin}-USDC-PERP"', filter="",
        bar="1h", time="timestamp", **names
    )  # fmt: skip
    return [bars, INDEX.format(coin=coin)]


@pytest.mark.parametrize(("coin", "rows"), [("SOL", 34_714), ("DOGE", 29_952)])
def test_an_index_read_as_its_row_says_is_an_hour_late(look: Looking, coin: str, rows: int) -> None:
    found = of(look(*_deribit(coin)), "clock_shift")
    assert {one.table for one in found} == {"marks"}
    assert {one.detail.partition(":")[0] for one in found} == {"1 h behind its own bars"}
    assert sum(one.count for one in found) == rows


def test_a_thin_perpetual_is_stale(look: Looking) -> None:
    found = of(look(*_deribit("DOGE")), "stale")
    thin = next(one for one in found if one.count > 1000)
    assert (thin.start[:7], thin.end[:7]) == ("2022-06", "2023-10")
    assert thin.detail == "52% of closes unchanged, 78% in the worst month"


def test_rates_repeated_on_every_hour_are_carried_forward(look: Looking) -> None:
    source = FUNDING.format(
        file="pietroc21/okx_SOL_1h.parquet", venue="okx", symbol='"SOL-USDT-PERP"', filter="",
        format="datetime", interval="interval_h = 8", time="timestamp", rate="{rate}"
    )  # fmt: skip
    raw = look(source.replace("{rate}", "funding_rate_raw_okx"))
    (carried,) = of(raw, "carried_forward")
    assert (carried.count, carried.detail) == (30_779, "rates change every 8 h, rows are 1 h apart")
    assert of(raw, "disagreement") == []
    (eighth,) = of(look(source.replace("{rate}", "funding_rate_1h_okx")), "disagreement")
    assert eighth.detail == "rate differs from the catalogue in 4390 of 4398 rows, it is 0.125 of it"


def test_rows_after_delivery_are_padding(look: Looking) -> None:
    names = {name: name.capitalize() for name in OHLC}
    symbol = r"""{ column = "contract", pattern = 'BTCUSDT_(\d{6})', symbol = 'BTC-USDT-20\1' }"""
    source = BARS.format(
        file="gobbles404/BTCUSDT_quarterly_futures_1h.parquet", venue="binance", symbol=symbol, filter="",
        bar="1h", time="Timestamp", **names
    )  # fmt: skip
    found = of(look(source), "padding")
    assert {one.symbol[-8:]: one.count for one in found} == {
        "20230929": 1106, "20231229": 263, "20240329": 2, "20240628": 71, "20240927": 1, "20241227": 1
    }  # fmt: skip
    assert {one.start[11:] for one in found} == {"09:00:00Z"}


def test_stamps_of_another_zone_are_shifted_against_the_catalogue(look: Looking) -> None:
    found = look(supervik("binance"))
    (shift,) = of(found, "clock_shift")
    assert shift.detail.startswith("3 h behind the catalogue: 100% of values equal there, 0% as they stand")
    (off,) = of(found, "off_grid")
    assert off.count == shift.count == 4383


@pytest.mark.parametrize(
    ("venue", "late"),
    [("bybit", "3 h late 3285 times"), ("mexc", "3 h late 3285 times"), ("kucoin", "7 h late 3285 times")],
)
def test_stamps_of_another_zone_or_hour_are_off_the_grid_of_utc(look: Looking, venue: str, late: str) -> None:
    """Three hours of Moscow, and at KuCoin the four that its settlements lie beside those of the others."""
    (found,) = of(look(supervik(venue)), "off_grid")
    assert found.detail == f"beside the 8 h grid of UTC: {late}"


def test_settlements_that_came_late_are_told_apart(look: Looking) -> None:
    (found,) = of(look(supervik("htx")), "off_grid")
    assert "5 h late 4 times, 4 h late 1 times" in found.detail


def test_a_missing_month_and_a_missing_day_are_gaps(look: Looking) -> None:
    (month,) = of(look(supervik("gate")), "gap")
    assert (*hours(month), month.count) == ("2020-12-01T00", "2020-12-31T16", 93)
    (day,) = of(look(supervik("htx")), "gap")
    assert (day.start[:10], day.count) == ("2021-02-19", 2)


def test_summer_time_is_off_the_grid_in_summer(look: Looking) -> None:
    source = BARS.format(
        file="aha_hh/bitcoin_spot_perp_funding_3venues_8h.parquet", venue="okx", symbol='"BTC-USDT-PERP"',
        filter='exchange = "okx", pair = "BTCUSDT", contract = "perpetual"', bar="8h", time="time", **OHLC
    )  # fmt: skip
    found = of(look(source), "off_grid")
    assert [(one.start[:10], one.end[:10]) for one in found] == [
        ("2023-03-26", "2023-10-29"),
        ("2024-03-31", "2024-07-01"),
    ]


def test_changes_of_interval_are_found(look: Looking) -> None:
    """SOL, November 2022: 8 h → 4 h → 2 h and back."""
    found = look(FUNDING.format(**LEWGAOWEI, symbol='"SOL-USDT-PERP"', filter='symbol = "SOLUSDT"'))
    assert [(one.start[:13], one.detail) for one in of(found, "interval_change")] == [
        ("2022-11-09T20", "8 h → 4 h, and 1 more"),
        ("2022-11-18T16", "2 h → 8 h"),
    ]
    other = look(FUNDING.format(**LEWGAOWEI, symbol='"ACE-USDT-PERP"', filter='symbol = "ACEUSDT"'))
    assert [one.detail for one in of(other, "interval_change")] == ["records are 4 h apart, not 8 h"]


def test_stamps_a_few_milliseconds_late_are_jitter(look: Looking) -> None:
    (jitter,) = of(
        look(FUNDING.format(**LEWGAOWEI, symbol='"BTC-USDT-PERP"', filter='symbol = "BTCUSDT"')), "jitter"
    )
    assert (jitter.count, jitter.detail) == (2826, "up to 0.047 s beside the hour")


def test_options_without_a_side_are_not_crossed_and_none_is(data_root: Path) -> None:
    chain = pl.read_parquet(data_root / "svcj_deribit" / "BTC_options_2026-02.parquet")
    stamps = chain["timestamp"].str.to_datetime(time_unit="us").dt.timestamp("ns")
    quotes = chain.select(time=stamps, bid="bid_price", ask="ask_price")
    assert (quotes["bid"].null_count(), quotes["ask"].null_count()) == (6189, 2087)
    assert crossed(Series("option_quotes", "deribit", "all"), quotes) == []
    swapped = quotes.rename({"bid": "ask", "ask": "bid"})
    assert sum(one.count for one in crossed(Series("option_quotes", "deribit", "all"), swapped)) > 80_000


@pytest.mark.parametrize("market", ["spot", "usdm", "cm"])
def test_the_clock_of_the_recorder_is_behind_that_of_the_venue(market: str, data_root: Path) -> None:
    """A fact of the files, for the reader of order books: receive time less event time, ms."""
    (path,) = (data_root / "hftbacktest" / market).glob("*.gz")
    late = []
    with gzip.open(path, "rt") as lines:
        for _, line in zip(range(5000), lines, strict=False):
            received, _, message = line.partition(" ")
            event = json.loads(message)
            stamp = event.get("data", event).get("E")
            late += [int(received) / 1e6 - stamp] if stamp else []
    assert np.median(late) == pytest.approx(-1270, abs=5)


def test_the_last_row_of_a_cut_stream_was_stamped_by_its_authors(data_root: Path) -> None:
    """A fact of the files, for the reader of order books: it comes 22 h after the row before."""
    name = "difference_depth_spot_trxusdt_04-03-2025.parquet"
    stamps = pl.read_parquet(data_root / "binance_data_processor" / name)["TimestampOfReceive"]
    hours_before_last = (stamps[-1] - stamps[-2]) / 3.6e9
    assert hours_before_last > 20
    assert stamps[-2] - stamps[0] < 3.6e9


@pytest.fixture
def standing_there(catalogue: Real, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the catalogue, the data and the examples in it, as a user stands in it."""
    for name, target in (
        ("catalog", catalogue.catalog.root), ("DATA", data_root), ("examples", REPOSITORY / "examples")
    ):  # fmt: skip
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _ran(capsys: pytest.CaptureFixture[str], command: str) -> tuple[str, str]:
    with pytest.raises(SystemExit) as left:
        main(shlex.split(command)[1:])
    out, err = capsys.readouterr()
    assert left.value.code == 0, err
    return out, err


def test_the_commands_of_the_how_to_do_what_it_says(
    standing_there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "how-to" / "check-my-data.md").read_text("utf-8")
    (edit,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()
    ]
    assert [line.split()[1] for line in commands] == ["quality", "quality", "quality", "backtest", "backtest"]
    desk = standing_there / "my_desk.toml"
    desk.write_text((REPOSITORY / "examples" / "btc_carry.toml").read_text("utf-8"))
    told = [_ran(capsys, line.partition("#")[0]) for line in commands[:4]]
    assert "broken bar: a gap that was not there" in told[0][0]
    assert told[1][0].endswith("1 finding\n")
    assert told[2][0].count("rows after delivery") == 6
    warning = (
        "narrows: 1 finding touches this window (1 broken bar); see `narrows quality --desk my_desk.toml`\n"
    )
    assert told[3][1] == warning
    assert warning in page
    desk.write_text(desk.read_text() + edit)
    assert len(load_desk(desk).data.repair) == 1
    out, err = _ran(capsys, commands[4])
    assert err == ""
    report = (standing_there / out.rpartition("Report: ")[2].strip()).read_text("utf-8")
    assert "repaired BTC-USDT-PERP.binance in 3 bars" in report


def test_the_premium_index_repairs_the_broken_bars(catalogue: Real, standing_there: Path) -> None:
    """The basis that read -20 bp is the premium of -2 to -4 bp again, and every other bar is as it was."""
    page = (REPOSITORY / "docs" / "how-to" / "check-my-data.md").read_text("utf-8")
    (edit,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    desk = standing_there / "my_desk.toml"
    desk.write_text((REPOSITORY / "examples" / "btc_carry.toml").read_text("utf-8") + edit)
    before = load_panel(load_desk(REPOSITORY / "examples" / "btc_carry.toml"))
    after = load_panel(load_desk(desk))
    rows = np.flatnonzero(before.close[:, 1] != after.close[:, 1])
    assert len(rows) == 3
    basis_bp = 1e4 * (after.close[rows, 1] / after.close[rows, 0] - 1)
    assert basis_bp == pytest.approx(1e4 * before.premium[rows, 1])
    assert 1e4 * (before.close[rows, 1] / before.close[rows, 0] - 1) == pytest.approx(
        [-9.2, -20.8, -20.2], abs=0.1
    )
    assert panel_findings(after) == []


def test_a_catalogue_can_be_looked_at_twice(catalogue: Real, in_catalogue: list[Finding]) -> None:
    assert catalog_findings(open_catalog(catalogue.catalog.root)) == in_catalogue
