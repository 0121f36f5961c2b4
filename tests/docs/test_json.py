"""docs/json.md names every key that a backtest and the rules print, and no other."""

import json
import re
from pathlib import Path

import pytest

from docs.page import DOCS
from narrows.cli.app import main

PAGE = (DOCS / "json.md").read_text("utf-8")
DESK = """
[desk]
name = "keys"
[data]
catalog = "demo"
[universe]
instruments = ["ETH-USDT.alpha", "ETH-USDT-PERP.alpha"]
[strategy]
name = "funding_carry"
"""


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--json"])
    assert not left.value.code
    told = json.loads(capsys.readouterr().out)
    assert isinstance(told, dict)
    return told


def section(verb: str) -> str:
    return PAGE.partition(f"**`narrows {verb} ")[2].partition("\n**`narrows")[0]


def test_a_backtest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "desk.toml").write_text(DESK, "utf-8")
    told = printed(capsys, "backtest", str(tmp_path / "desk.toml"), "--report", str(tmp_path / "r.html"))
    rows = [line.split("|")[1] for line in section("backtest").splitlines() if line.startswith("| `")]
    assert [key for row in rows for key in re.findall(r"`(\w+)`", row)] == list(told)
    (ledger,) = re.findall(r"ten categories: `([\w, ]+)`", PAGE)
    assert ledger.split(", ") == list(told["ledger"])  # type: ignore[call-overload]


@pytest.mark.parametrize("instrument", ["SOL-USDT-PERP.okx", "BTC-USDT-20240628.binance"])
def test_the_rules(instrument: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "rules", instrument, "--at", "2024-06-01")
    words = set(re.findall(r"\w+", section("rules")))
    assert set(told) <= words
    assert set(told["rules"]) <= words  # type: ignore[call-overload]
    assert set(told["origins"][0]) <= words  # type: ignore[index]
