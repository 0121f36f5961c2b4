"""`narrows rules`: what holds, since when, and who says so."""

import json
from pathlib import Path

import pytest

from narrows.cli.app import main

OWN = """
venue = "okx"
[[margin]]
symbols = ["SOL-USDT-PERP"]
effective_from = 2022-01-01
source = "my notes"
confidence = "low"
tiers = [[0, 100_000, 0.01, 0, 50], [100_000, inf, 0.02, 1000, 25]]
"""
AT = ("--at", "2022-11-10T09:00")


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["rules", *(str(one) for one in arguments)])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_json_has_rules_origins_what_is_missing_and_the_dates_of_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, err = said(capsys, "SOL-USDT-PERP.okx", *AT, "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert list(told) == ["instrument", "at", "rules", "missing", "origins", "changes", "coins"]
    assert told["at"] == "2022-11-10T09:00:00Z"
    assert told["rules"]["funding"]["floor"] == -0.045
    assert told["rules"]["settlement"] is None
    assert told["missing"] == {"margin": ["tiers"]}
    assert "2022-11-10T16:00:00Z" in told["changes"]
    (override,) = [one for one in told["origins"] if "floor" in one["says"]]
    assert (override["since"], override["confidence"]) == ("2022-11-10T08:00:00Z", "high")
    assert "−4.5 %" in override["source"]


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "SOL-USDT-PERP.okx", *AT)
    assert status == 0
    for part in ("floor = -0.045", "stress override", "missing of margin: tiers", "2025-04-24T00:00:00Z"):
        assert part in out
    status, out, _ = said(capsys, "BTC-USDT-PERP.binance", *AT)
    assert "from 50 000: 0.5 % − 50, 100×" in out
    assert "missing" not in out


def test_coins_are_told_with_their_instrument(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, "BTC-USDT-PERP.okx", "--at", "2024-06-01", "--json")[1])["coins"]
    assert list(told) == ["BTC", "USDT"]
    assert told["BTC"]["collateral"]["haircuts"] == [[0.0, 0.02], [20.0, 0.0225], [25.0, 1.0]]
    assert (told["USDT"]["borrow"]["charged"], told["USDT"]["borrow"]["overdraft_limit"]) == (
        "struck",
        20_000.0,
    )
    assert {one["part"] for one in told["USDT"]["origins"]} == {"collateral", "borrow"}
    assert told["USDT"]["changes"] == ["2020-12-16T00:00:00Z", "2023-03-21T00:00:00Z"]
    _, out, _ = said(capsys, "SOL-USDT-PERP.okx", "--at", "2024-06-01")
    for part in ("from 5 000 000: 2.5 %", "charged = struck", "not on record: SOL as collateral", "(USDT)"):
        assert part in out


def test_a_file_of_ones_own_fills_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    told = json.loads(said(capsys, "SOL-USDT-PERP.okx", *AT, "--file", tmp_path / "own.toml", "--json")[1])
    assert told["missing"] == {}
    assert told["rules"]["margin"]["tiers"][1] == [100000.0, None, 0.02, 1000.0, 25.0]
    assert told["rules"]["margin"]["partial"] == "tier"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["BTC"], "not an instrument id"),
        (["BTC-USDT-PERP.nowhere"], "does not know the venue nowhere"),
        (["BTC-USDT-PERP.binance", "--at", "2010-01-01"], "before 2019-09-10"),
        (["BTC-USDT-PERP.binance", "--file", "gone.toml"], "gone.toml: cannot read"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
