"""Rules that a desk lacks, or names and cannot use: one line with file, key and remedy, and status 2."""

import json
from pathlib import Path

import pytest

from catalog.folder import Folder, bars_frame, rates_frame
from narrows.cli.app import main

HEAD = 'venue = "alpha"\n'
MARGIN = """
[[margin]]
effective_from = 2023-01-01
source = "my notes"
confidence = "low"
"""
DESK = """
[desk]
name = "ruled"
[data]
catalog = "{catalog}"
{rules}
[universe]
instruments = ["BTC-USDT.{venue}", "BTC-USDT-PERP.{venue}"]
[strategy]
name = "funding_carry"
lookback_h = 8
{venues}
"""


def refused(capsys: pytest.CaptureFixture[str], desk: Path) -> str:
    with pytest.raises(SystemExit) as left:
        main(["backtest", str(desk), "--report", str(desk.with_suffix(".html"))])
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (2, "")
    assert err.startswith("narrows: ")
    assert err.count("\n") == 1
    return err


def written(
    folder: Path, venue: str = "alpha", catalog: str = "demo", rules: str = "", venues: str = ""
) -> Path:
    desk = folder / "desk.toml"
    desk.write_text(DESK.format(catalog=catalog, venue=venue, rules=rules, venues=venues), "utf-8")
    return desk


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEAD + MARGIN + "tiers = [[0, 1000, 0.01, 0, 50], [2000, inf, 0.02, 10, 20]]",
            "own.toml: margin[1].tiers[2]: tier from 2000, the one before ends at 1000; "
            "order the tiers from 0 upwards, without gaps",
        ),
        (
            HEAD + MARGIN.replace('source = "my notes"\n', "") + "liquidation_fee = 0.01",
            "own.toml: margin[1]: Object missing required field `source`; see docs/how-to/add-a-venue.md",
        ),
        (
            HEAD + 2 * (MARGIN + "liquidation_fee = 0.01"),
            "own.toml: margin[2]: says liquidation_fee from 2023-01-01T00:00:00Z of what margin[1] already "
            "does; keep one of them, or give it another effective_from or a narrower scope",
        ),
        (HEAD + MARGIN + "liquidation_fees = 0.01", "own.toml: margin[1]"),
        ("venue = ", "own.toml: not TOML"),
        (None, "desk.toml: data.rules: "),
    ],
)
def test_a_rule_file_that_cannot_be_used(
    text: str | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "own.toml").write_text(text, "utf-8")
    line = refused(capsys, written(tmp_path, rules='rules = ["own.toml"]'))
    assert told in line
    if text is None:
        assert line.endswith(
            "own.toml: cannot read: No such file or directory; paths start at the folder of the desk file\n"
        )


@pytest.fixture
def stored(tmp_path: Path) -> Folder:
    """Spot and perpetual of a venue that no rulebook knows."""
    folder = Folder(tmp_path)
    folder.bars(bars_frame([100.0] * 60))
    folder.bars(bars_frame([100.0] * 60), symbol="BTC-USDT-PERP")
    folder.funding(rates_frame([1e-3] * 8))
    return folder


FEES = "taker_bps = 5.0\nhaircut = 0.05\n"


@pytest.mark.parametrize(
    ("venues", "key", "instrument"),
    [
        ("", "taker_bps", "BTC-USDT.venue"),
        (f"[venues.venue]\n{FEES}", "liquidation_fee_bps", "BTC-USDT-PERP.venue"),
        (f"[venues.venue]\n{FEES}liquidation_fee_bps = 50", "maintenance", "BTC-USDT-PERP.venue"),
    ],
)
def test_an_instrument_that_no_rule_covers(
    venues: str, key: str, instrument: str, stored: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, written(stored.root, "venue", str(stored.path), venues=venues))
    assert line.startswith(f"narrows: desk ruled: instrument {instrument}: ")
    assert f"; give {key} in [venues.venue], or " in line
    assert "rule file" in line or "margin record" in line


def test_with_all_that_was_asked_for_it_runs(stored: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    said = f"[venues.venue]\n{FEES}liquidation_fee_bps = 50\nmaintenance = 0.005"
    desk = written(stored.root, "venue", str(stored.path), venues=said)
    with pytest.raises(SystemExit) as left:
        main(["backtest", str(desk), "--report", str(stored.root / "r.html"), "--json"])
    assert not left.value.code
    assert json.loads(capsys.readouterr().out)["fills"] > 0
