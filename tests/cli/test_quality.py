"""`narrows quality`, and what `narrows backtest` says of the data that it reads."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from narrows.catalog import ingest
from narrows.cli.app import main
from narrows.core.random import generator

KEYS = ["table", "venue", "symbol", "kind", "start", "end", "count", "detail", "consequence"]
ROWS = 600
SOURCE = """
[[source]]
file = "{symbol}.parquet"
table = "bars"
venue = "binance"
symbol = "{symbol}"
bar = "1h"
stamp = "open"
time = {{ format = "s" }}
columns = {{ time = "t", open = "o", high = "h", low = "l", close = "c" }}
"""
DESK = """
[desk]
name = "checked"
[universe]
instruments = ["BTC-USDT.binance", "BTC-USDT-PERP.binance"]
[strategy]
name = "funding_carry"
"""
EXCLUDE = """
[[data.exclude]]
instrument = "BTC-USDT-PERP.binance"
start = 2024-01-05T04:00:00Z
end = 2024-01-05T05:00:00Z
reason = "a print that nobody else had"
"""
Said = tuple[int, str, str]
Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with a catalogue whose perpetual has one bad close, and a hole."""
    monkeypatch.chdir(tmp_path)
    dice = generator(1)
    spot = 40_000 * np.exp(np.cumsum(0.004 * dice.standard_normal(ROWS)))
    for symbol, close in (("BTC-USDT", spot), ("BTC-USDT-PERP", spot * 1.0001)):
        opened = np.append(close[0], close[:-1])
        if symbol.endswith("PERP"):
            close[99] *= 1.2
        frame = pl.DataFrame(
            {
                "t": 1_704_067_200 + 3600 * np.arange(ROWS),
                "o": opened,
                "h": 1.001 * np.maximum(opened, close),
                "l": 0.999 * np.minimum(opened, close),
                "c": close,
            }
        )
        if symbol.endswith("PERP"):
            frame = frame.filter(pl.int_range(pl.len()) != 400)
        frame.write_parquet(f"{symbol}.parquet")
        Path(f"{symbol}.toml").write_text(SOURCE.format(symbol=symbol))
    ingest(["BTC-USDT.toml", "BTC-USDT-PERP.toml"], root=tmp_path, catalog=tmp_path / "catalog")
    Path("desk.toml").write_text(DESK)

    def command(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        return int(left.value.code or 0), *capsys.readouterr()

    return command


def told(said: Said) -> list[dict[str, Any]]:
    status, out, err = said
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    found: list[dict[str, Any]] = json.loads(out)["findings"]
    assert all(list(one) == KEYS for one in found)
    return found


def test_json_has_the_keys_that_tools_depend_on(run: Run) -> None:
    found = told(run("quality", "--json"))
    assert [(one["kind"], one["start"], one["count"]) for one in found] == [
        ("gap", "2024-01-17T17:00:00Z", 1),
        ("outlier", "2024-01-05T04:00:00Z", 1),
    ]
    assert {(one["table"], one["venue"], one["symbol"]) for one in found} == {
        ("bars", "binance", "BTC-USDT-PERP")
    }
    assert "hours is not paid" in found[0]["consequence"]


def test_a_desk_sees_its_instruments_and_window_only(run: Run) -> None:
    assert {one["kind"] for one in told(run("quality", "--desk", "desk.toml", "--json"))} == {
        "gap",
        "outlier",
    }
    Path("desk.toml").write_text(DESK.replace('"checked"', '"checked"\nend = 2024-01-10'))
    assert [one["kind"] for one in told(run("quality", "--desk", "desk.toml", "--json"))] == ["outlier"]
    Path("desk.toml").write_text(DESK.replace(', "BTC-USDT-PERP.binance"', ""))
    assert told(run("quality", "--desk", "desk.toml", "--json")) == []


def test_sources_are_looked_at_before_they_are_ingested(run: Run) -> None:
    rows = pl.read_parquet("BTC-USDT.parquet")
    pl.concat([rows, rows[-5:]]).write_parquet("BTC-USDT.parquet")
    status, _, err = run("ingest", "BTC-USDT.toml", "--catalog", "other")
    assert status == 2
    assert "time runs backwards" in err
    assert [one["kind"] for one in told(run("quality", "BTC-USDT.toml", "--json"))] == [
        "backwards",
        "duplicate",
    ]
    assert told(run("quality", "BTC-USDT.toml", "--catalog", "nowhere", "--json"))[1]["count"] == 5


def test_people_get_one_table_a_kind_with_its_consequence(run: Run) -> None:
    status, out, err = run("quality")
    assert (status, err) == (0, "")
    assert "gap: prices are not known and funding of these hours is not paid" in out
    assert "outlier: a jump that was undone" in out
    assert out.endswith("2 findings\n")


def test_sources_and_a_desk_together_are_refused(run: Run) -> None:
    status, _, err = run("quality", "BTC-USDT.toml", "--desk", "desk.toml")
    assert (status, err) == (
        2, "narrows: quality: mapping files and a desk are both given; give one of them\n"
    )  # fmt: skip
    assert run("quality", "--catalog", "nowhere")[0] == 2


def test_backtest_warns_notes_and_counts_what_is_open(run: Run) -> None:
    status, out, err = run("backtest", "desk.toml", "--json", "--report", "a.html")
    assert status == 0
    where = "see `narrows quality --desk desk.toml`"
    assert err == f"narrows: 2 findings touch this window (1 gap, 1 outlier); {where}\n"
    assert json.loads(out)["findings"] == 2
    assert "data: 1 outlier; see" in Path("a.html").read_text("utf-8")


def test_what_the_desk_file_excludes_is_told_and_no_longer_open(run: Run) -> None:
    before = json.loads(run("backtest", "desk.toml", "--json", "--report", "a.html")[1])
    Path("desk.toml").write_text(DESK + EXCLUDE)
    _, out, err = run("backtest", "desk.toml", "--json", "--report", "b.html")
    after = json.loads(out)
    assert err.startswith("narrows: 1 finding touches this window (1 gap); ")
    assert after["findings"] == 1
    assert after["data_hash"] != before["data_hash"]
    page = Path("b.html").read_text("utf-8")
    assert "excluded all prices of BTC-USDT-PERP.binance in 2 bars" in page
    assert "a print that nobody else had" in page


def test_an_edit_that_means_nothing_is_one_line(run: Run) -> None:
    Path("desk.toml").write_text(DESK + EXCLUDE.replace("2024-01-05", "2023-01-05"))
    status, out, err = run("backtest", "desk.toml")
    assert (status, out) == (2, "")
    assert err.startswith(
        "narrows: data.exclude[0]: no bar of BTC-USDT-PERP.binance closes from 2023-01-05T04"
    )
    assert err.count("\n") == 1


def test_a_pipe_gets_the_json_and_nothing_else(run: Run, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from narrows.cli.app import main; main()", "quality", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(json.loads(done.stdout)["findings"]) == 2
    assert done.stderr == ""
