"""What the README and the examples tell a user to run, run on real data."""

import json
import re
from pathlib import Path

import pytest

from narrows.cli.app import main
from narrows.report import Figure
from realdata.real import REPOSITORY, Real

ON_DEMO_MARKET = {"premium_reversion"}
DESKS = sorted(p for p in (REPOSITORY / "examples").glob("*.toml") if p.stem not in ON_DEMO_MARKET)


@pytest.fixture
def standing_there(catalogue: Real, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the catalogue in it, as a user stands in it."""
    folder = catalogue.catalog.root.parent
    if not (folder / "examples").exists():
        (folder / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(REPOSITORY / "examples")  # one of them brings its own strategy
    return folder


@pytest.mark.parametrize("desk", DESKS, ids=lambda path: path.stem)
def test_every_example_desk_runs_and_its_ledger_adds_up(
    desk: Path, standing_there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["backtest", str(desk), "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    profit = told["equity_end"] - told["equity_start"]
    assert sum(told["ledger"].values()) == pytest.approx(profit, abs=1e-9 * told["equity_start"])
    assert told["fills"] > 0
    assert (
        len(
            list(
                (standing_there / "reports").glob(
                    f"{desk.stem.replace('_', '-').replace('desk', 'btc-carry')}-*.html"
                )
            )
        )
        >= 1
    )


def test_cash_and_carry_is_held_through_six_deliveries(
    standing_there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["backtest", "examples/btc_cash_and_carry.toml", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["round_trips"] == 6
    assert told["ledger"]["settlement"] != 0
    assert told["liquidations"] == told["liquidations_high_low"] == 0


def test_the_notebook_lines_of_the_readme_give_a_figure(standing_there: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    lines = [line for line in code.splitlines() if line]
    assert len(lines) == 5
    names: dict[str, object] = {}
    exec("\n".join(lines[:-1]), names)
    figure = eval(lines[-1], names)
    assert isinstance(figure, Figure)
    assert figure._repr_mimebundle_()
