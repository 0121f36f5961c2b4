"""`narrows study`: a table for people, one object for tools, a page; one line for an error."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.test_commands import said
from docs.page import DOCS

DESK = """
[desk]
name = "test"
start = 2024-03-01
end = 2024-06-20
[data]
catalog = "demo"
[universe]
instruments = ["BTC-USDT.alpha", "BTC-USDT-PERP.alpha", "BTC-USDT-20240329.alpha", "BTC-USDT-20240628.alpha"]
[strategy]
name = "funding_carry"
entry_apr = 0.05
[venues.alpha]
taker_bps = 5.0
"""
FUNDING, DATED = "funding_carry", "cash_and_carry:BTC-USDT.alpha/BTC-USDT-20240628.alpha"
STUDY = [
    "spread", "kind", "anchor", "as_of", "bars", "basis", "fair_lo", "fair", "fair_hi", "outside",
    "round_trip", "expiry", "equilibrium", "funding", "regimes", "notes", "report"
]  # fmt: skip
ESTIMATE = ["value", "lo", "hi", "reason"]
EXPIRY = ["speed", "halving_h", "p_closed", "closed_within", "reason", "cycles"]
EQUILIBRIUM = [
    "state", "reason", "half_life_h", "correction_half_life_h", "legs", "leads_reason", "worst_bar",
    "worst_bar_influence"
]  # fmt: skip
PERPETUAL = [
    "instrument", "pinned", "premium_half_life_h", "nowcast", "nowcast_sd", "horizon_h", "expected",
    "expected_sd", "break_even_h", "reason"
]  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "desk.toml"
    path.write_text(DESK, "utf-8")
    return path


def told(capsys: pytest.CaptureFixture[str], desk: Path, spread: str) -> dict[str, Any]:
    status, out, err = said(capsys, "study", desk, "--spread", spread, "--json")
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_funding_carry_prints_the_keys_that_tools_depend_on(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, desk, FUNDING)
    assert list(found) == STUDY
    assert list(found["equilibrium"]) == EQUILIBRIUM
    assert [list(one) for one in found["funding"]] == [PERPETUAL]
    assert list(found["equilibrium"]["half_life_h"]) == ESTIMATE
    assert list(found["funding"][0]["premium_half_life_h"]) == ESTIMATE
    assert [list(one) for one in found["equilibrium"]["legs"]] == [
        ["leg", "share", "leads_lo", "leads_hi", "leads"]
    ] * 2
    assert found["as_of"] == "2024-06-20T00:00:00Z"
    assert found["bars"] == 111 * 24
    assert found["expiry"] is None
    assert found["regimes"] is None


def test_a_dated_spread_has_its_cycles(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, desk, DATED)
    assert list(found) == STUDY
    assert list(found["expiry"]) == EXPIRY
    assert [list(one) for one in found["expiry"]["cycles"]] == [
        ["instrument", "delivered", "speed", "pooled"]
    ] * 2
    assert [one["delivered"] for one in found["expiry"]["cycles"]] == [True, False]
    assert found["funding"] == []


def test_docs_json_names_every_key(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "json.md").read_text("utf-8")
    section = page.partition("**`narrows study ")[2].partition("\n**`narrows")[0]
    words = set(re.findall(r"\w+", section))

    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    assert keys(told(capsys, desk, FUNDING)) | keys(told(capsys, desk, DATED)) <= words


def test_people_get_a_table_and_a_page(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "study", desk, "--spread", DATED)
    assert (status, err) == (0, "")
    for words in (DATED, "The gap stands at ", "does it revert?", "halves, on its way to delivery, in"):
        assert words in out
    path = Path(out.rpartition("Report: ")[2].strip())
    assert path == Path("reports/study-cash_and_carry-BTC-USDT.alpha-BTC-USDT-20240628.alpha.html")
    assert path.read_text("utf-8").startswith("<!doctype html>")


def test_the_page_goes_where_it_is_told_and_is_the_same_twice(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = []
    for name in ("one.html", "two.html"):
        where = str(Path("some") / "where" / name)
        status, out, _ = said(capsys, "study", desk, "--spread", FUNDING, "--json", "--report", where)
        assert status == 0
        assert json.loads(out)["report"] == where
        pages.append(Path(where).read_bytes())
    assert pages[0] == pages[1]
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--spread", "nonsense"), "no spread is called 'nonsense'; choose from"),
        (("--spread", "BTC"), "spreads are called 'BTC'; choose from"),
        ((), "--spread"),
        (("--spread", FUNDING, "--report", "desk.toml/page.html"), "cannot write"),
        (("--spread", FUNDING, "--nonsense"), "--nonsense"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: tuple[str, ...], words: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capsys, "study", desk, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("narrows: ")
    assert words in err


def test_a_desk_that_is_not_there(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "study", desk.with_name("gone.toml"), "--spread", FUNDING)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_a_window_without_a_price_of_both_legs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write_text(DESK.replace("2024-03-01", "2024-05-01"), "utf-8")
    status, out, err = said(capsys, "study", desk, "--spread", "BTC-USDT.alpha/BTC-USDT-20240329")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
