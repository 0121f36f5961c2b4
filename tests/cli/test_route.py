"""`narrows ingest` of recordings and `narrows route` over them, as a user runs them."""

import gzip
import json
from pathlib import Path

import pytest

from narrows.cli.app import main

MAPPING = """
[[recording]]
file = "{name}.gz"
feed = "{feed}"
symbol = "BTCUSDT"
instrument = "{id}"
tick = "0.1"
lot = "0.001"
"""
DESK = """
[desk]
name = "books"
capital = 100000
[data]
catalog = "{catalog}"
[universe]
instruments = ["BTC-USDT.binance", "BTC-USDT-PERP.binance"]
[strategy]
name = "funding_carry"
[venues.binance]
taker_bps = 5.0
"""
START_NS = 1_723_161_254_000_000_000


def recording(path: Path, futures: bool) -> None:
    """A snapshot and one change after it."""
    rows = '"bids":[["100.0","5"],["99.9","9"]],"asks":[["100.1","5"],["100.2","9"]]'
    change = '"b":[["100.0","7"]],"a":[]'
    told = f'"E":{START_NS // 10**6 + 100},"s":"BTCUSDT","U":11,"u":12' + (',"pu":10' if futures else "")
    lines = [
        f'{START_NS} {{"lastUpdateId":10,{rows}}}',
        f'{START_NS + 10**8} {{"stream":"btcusdt@depth","data":{{"e":"depthUpdate",{told},{change}}}}}',
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    text = ""
    for name, feed, id_ in (
        ("spot", "binance", "BTC-USDT.binance"),
        ("usdm", "binance-usdm", "BTC-USDT-PERP.binance"),
    ):
        recording(tmp_path / f"{name}.gz", feed != "binance")
        text += MAPPING.format(name=name, feed=feed, id=id_)
    (tmp_path / "books.toml").write_text(text)
    (tmp_path / "desk.toml").write_text(DESK.format(catalog=tmp_path / "catalog"))
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return int(left.value.code or 0)


def test_recordings_are_ingested_and_routed_over(books: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ingest", "books.toml", "--json") == 0
    tables = json.loads(capsys.readouterr().out)["tables"]
    assert {(one["table"], one["symbol"]): one["rows"] for one in tables}["deltas", "BTC-USDT"] == 5
    wanted = ("route", "desk.toml", "--spread", "BTC-USDT-PERP", "--notional", "300", "--json")
    assert run(*wanted, "--edge-bps", "40", "--report", "route.html") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == pytest.approx(300.0 / 100.05)
    assert found["cost_bps"] == pytest.approx(4 * 5.0 + 2 * 1e4 * 0.1 / 100.05, rel=1e-9)
    assert found["capacity_ends"] == "edge"
    assert found["carry_apr"] is None
    page = (books / "route.html").read_text(encoding="utf-8")
    assert "What rests there?" in page
    assert run("route", "desk.toml", "--spread", "BTC-USDT-PERP", "--notional", "300") == 0
    assert "bp of notional" in capsys.readouterr().out


def test_a_catalogue_without_books_says_so(books: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("route", "desk.toml", "--spread", "BTC-USDT-PERP", "--notional", "300") == 2
    assert "narrows ingest" in capsys.readouterr().err


def test_an_inverse_contract_must_say_what_it_is_worth(
    books: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MAPPING.format(name="usdm", feed="binance-coinm", id="BTC-USD-PERP.binance")
    (books / "inverse.toml").write_text(text)
    assert run("ingest", "inverse.toml") == 2
    assert "multiplier" in capsys.readouterr().err


def test_a_second_ingest_with_another_multiplier_is_refused(
    books: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MAPPING.format(name="usdm", feed="binance-coinm", id="BTC-USD-PERP.binance")
    (books / "inverse.toml").write_text(text + "multiplier = 100\n")
    assert run("ingest", "inverse.toml") == 0
    (books / "inverse.toml").write_text(text + "multiplier = 10\n")
    assert run("ingest", "inverse.toml") == 2
    assert "the catalogue has 100" in capsys.readouterr().err
