"""`narrows compare`, and a backtest reckoned in coin."""

import json
from pathlib import Path

import pytest

from cli.test_commands import DESK, LEDGER, RESULT, said


@pytest.fixture
def desks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    made = []
    for entry in ("0.05", "0.20"):
        path = tmp_path / f"{entry}.toml"
        path.write_text(DESK.replace("entry_apr = 0.05", f"entry_apr = {entry}"), "utf-8")
        made.append(path)
    return made


def test_runs_of_several_desks_in_one_object(desks: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "compare", *desks, "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert list(told) == ["report", "runs"]
    assert [list(run) for run in told["runs"]] == [["name", "verdict", *RESULT]] * 2
    assert [run["name"] for run in told["runs"]] == ["test (1)", "test (2)"]
    assert told["runs"][0]["fills"] != told["runs"][1]["fills"]
    page = Path(told["report"]).read_text("utf-8")
    assert "entry_apr</td>" in page
    assert "taker_bps" not in page  # the same in both


def test_another_comparison_overwrites_none(desks: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    pairs = (desks, desks[::-1], desks)
    first, second, again = (
        json.loads(said(capsys, "compare", *pair, "--json")[1])["report"] for pair in pairs
    )
    assert first == again != second
    assert len(list(Path("reports").glob("comparison-*.html"))) == 2


def test_people_get_a_table(desks: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "compare", *desks, "--report", "both.html")
    assert status == 0
    assert "over the hurdle, a year" in out
    assert "▲" in out
    assert "Report: both.html" in out


def test_one_desk_cannot_be_compared(desks: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "compare", desks[0]) == (
        2,
        "",
        "narrows: compare: one desk cannot be compared; name two or more desk files\n",
    )


def test_a_backtest_in_coin(desks: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    dollars = json.loads(said(capsys, "backtest", desks[0], "--json")[1])
    status, out, _ = said(capsys, "backtest", desks[0], "--in", "BTC", "--json")
    assert status == 0
    coin = json.loads(out)
    assert (dollars["currency"], coin["currency"]) == ("USDT", "BTC")
    assert coin["hurdle_apr"] == 0.0
    assert list(coin["ledger"]) == LEDGER
    change = coin["equity_end"] - coin["equity_start"]
    assert abs(sum(coin["ledger"].values()) - change) <= 1e-9 * coin["equity_start"]
    assert coin["ledger"]["fx"] != 0.0
    assert coin["report"] == dollars["report"].replace(".html", "-BTC.html")
    assert "the hurdle is holding it" in Path(coin["report"]).read_text("utf-8")


def test_a_coin_without_a_price_is_one_line(desks: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "backtest", desks[0], "--in", "DOGE")
    assert (status, out) == (2, "")
    assert err == (
        "narrows: panel: no price of DOGE in USDT at the start of the run; "
        "choose from BTC, or bring its prices\n"
    )
