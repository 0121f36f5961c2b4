"""The command line: one JSON object, one line for an error, and an exit status that means something."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from narrows.cli.app import main
from narrows.research.scan import SURE

DESK = """
[desk]
name = "test"
start = 2024-03-01
end = 2024-05-01
[data]
catalog = "demo"
[universe]
instruments = ["BTC-USDT.alpha", "BTC-USDT-PERP.alpha"]
[strategy]
name = "funding_carry"
entry_apr = 0.05
[venues.alpha]
taker_bps = 5.0
"""


LEDGER = [
    "basis", "funding", "borrow", "fees", "slippage", "collateral_yield", "settlement", "liquidation",
    "transfer", "fx"
]  # fmt: skip
RESULT = [
    "equity_start", "equity_end", "ledger", "residual_delta_max", "fills", "round_trips", "liquidations",
    "liquidations_high_low", "forced", "max_drawdown", "sharpe", "return_apr", "return_on_collateral_apr",
    "hurdle_apr", "start", "end", "bars", "currency", "config_hash", "data_hash"
]  # fmt: skip
SPREAD = [
    "spread", "kind", "anchor", "basis_bps", "fair_lo_bps", "fair_hi_bps", "outside_bps", "zscore",
    "percentile", "carry_apr", "half_life_h", "half_life_lo_h", "half_life_hi_h", "edge_bps", "edge_se_bps",
    "horizon_h", "p_liquidation", "capacity", "verdict", "reason"
]  # fmt: skip

Said = tuple[int, str, str]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "desk.toml"
    path.write_text(DESK, "utf-8")
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Said:
    with pytest.raises(SystemExit) as left:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def in_a_process(*arguments: str | Path, where: Path) -> Said:
    program = "from narrows.cli.app import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout, run.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Path]:
    where = tmp_path_factory.mktemp("demo")
    return in_a_process("demo", "--json", where=where), where


def test_demo_prints_one_object_and_nothing_else(demo: tuple[Said, Path]) -> None:
    (status, out, err), _ = demo
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    told: dict[str, Any] = json.loads(out)
    assert list(told) == ["report", "scan", "result", "stress", "allocation"]
    assert told["stress"] is None
    assert told["allocation"] is None
    assert set(RESULT) <= set(told["result"])
    assert told["scan"]["spreads"]


def test_the_report_of_the_demo_stands_alone(demo: tuple[Said, Path]) -> None:
    (_, out, _), where = demo
    page = (where / json.loads(out)["report"]).read_text("utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    for link in ('src="http', "src='http", "src=http", '<link rel="stylesheet"'):
        assert link not in page


def test_backtest_prints_the_keys_that_tools_depend_on(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capsys, "backtest", desk, "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert list(told) == [*RESULT, "report", "verdict", "findings"]
    assert Path(told["report"]).read_text("utf-8")
    assert told["findings"] == 0
    assert told["verdict"].endswith(".")
    assert list(told["ledger"]) == LEDGER
    assert told["equity_end"] - told["equity_start"] == pytest.approx(sum(told["ledger"].values()), abs=1e-3)
    assert (told["start"], told["end"]) == ("2024-03-01T00:00:00Z", "2024-05-01T00:00:00Z")
    assert told["fills"] > 0
    assert len(list((desk.parent / "reports").glob("test-*.html"))) == 1


def test_the_same_desk_gives_the_same_text(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def once() -> tuple[Said, bytes]:
        return said(capsys, "backtest", desk, "--json", "--report", "a.html"), Path("a.html").read_bytes()

    assert once() == once()


def test_the_venues_of_the_demo_market_have_fees_of_their_own(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.loads(said(capsys, "backtest", desk, "--json")[1])
    desk.write_text(DESK.replace("taker_bps = 5.0", ""), "utf-8")
    from_the_rulebook = json.loads(said(capsys, "backtest", desk, "--json")[1])
    assert from_the_rulebook["ledger"] == written["ledger"]  # 5 bp
    assert written["ledger"]["fees"] < 0.0


def test_scan_prints_the_keys_that_tools_depend_on(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = DESK.replace("instruments = [", "coins = ['BTC']\n# [")
    desk.write_text(everything + "[venues.beta]\ntaker_bps = 4.0\n", "utf-8")
    status, out, _ = said(capsys, "scan", desk, "--json")
    assert status == 0
    told = json.loads(out)
    assert list(told) == ["as_of", "spreads"]
    assert told["as_of"] == "2024-05-01T00:00:00Z"
    assert {frozenset(one) for one in told["spreads"]} == {frozenset(SPREAD)}
    assert {one["kind"] for one in told["spreads"]} >= {"funding_carry", "cash_and_carry", "cross_venue"}
    known = [one for one in told["spreads"] if one["edge_bps"] is not None]
    sure = [one["edge_bps"] - SURE * one["edge_se_bps"] for one in known]
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize("verb", ["backtest", "scan"])
def test_people_get_tables(verb: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, verb, desk)
    assert (status, err) == (0, "")
    assert "Spreads as of" in out or "Where it came from" in out


@pytest.mark.parametrize(
    ("verb", "old", "new", "part"),
    [
        ("backtest", "[desk]\n", "[desk]\nnonsense = 1\n", "desk.nonsense: unknown key"),
        ("backtest", "BTC-USDT.alpha", "XRP-USDT.alpha", "no instrument 'XRP-USDT.alpha'"),
        ("backtest", "BTC-USDT.alpha", "rubbish", "rubbish"),
        ("scan", "end = 2024-05-01", "end = 2024-02-01", "is not after start"),
        ("scan", "2024-05-01", "2034-05-01\nstart_ = 1", "unknown key"),
        ("backtest", 'name = "test"', 'name = "test"\ncapital = 0', "capital 0.0 is not positive"),
        ("backtest", '"demo"', '"nowhere"', "nowhere"),
        ("backtest", 'name = "funding_carry"', 'name = "luck"', "no strategy 'luck'"),
        ("backtest", "entry_apr", "entry", "entry: unknown key"),
        ("backtest", '"BTC-USDT-PERP.alpha"', '"ETH-USDT-PERP.alpha"', "no spread of kind funding_carry"),
        ("scan", '"BTC-USDT-PERP.alpha"', '"ETH-USDT-PERP.alpha"', "no spread"),
        ("backtest", "[desk]", "desk]", "not TOML"),
        ("backtest", "2024-0", "2054-0", "window has no data"),
        ("backtest", "[venues.alpha]", "[venues.gamma]", "venues.gamma: no instrument trades there"),
        ("backtest", "entry_apr = 0.05", "entry_apr = 0.05\nexit_apr = 0.06", "would trade every bar"),
        ("backtest", "entry_apr = 0.05", "size = 0", "size 0 is not positive"),
        ("backtest", "entry_apr = 0.05", "borrow_apr = 0.1", "borrow_apr: unknown key"),
        ("backtest", 'name = "test"', 'name = "test"\nbar = "4h"', "hourly"),
        ("backtest", "taker_bps = 5.0", "capital_share = 0.5\ntaker_bps = 5.0", "make it 1"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    verb: str, old: str, new: str, part: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in DESK
    desk.write_text(DESK.replace(old, new), "utf-8")
    status, out, err = said(capsys, verb, desk, "--json")
    assert (status, out) == (2, "")
    assert err.startswith("narrows: ")
    assert err.count("\n") == 1
    assert part in err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["backtest", "nothing.toml"], "nothing.toml: cannot read"),
        (["scan", "."], "cannot read"),
        (["luck"], "luck"),
        (["backtest"], "DESK"),
        (["scan", "desk.toml", "--frob"], "--frob"),
        (["demo", "--no-json"], "--no-json"),
        (["ingest"], ""),
        (["ingest", "nothing.toml"], "nothing.toml"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    arguments: list[str], part: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("narrows: ")
    assert err.count("\n") == 1
    assert part in err


OWN = """
import numpy as np
from narrows.strategy.decider import decider
from narrows.strategy.funding_carry import FundingCarry

@decider
def decide(features, position, memory, params, target):
    target[0] = position[0]
    target[1] = position[1]
    return 0

class Mine(FundingCarry, frozen=True, kw_only=True):
    decide = decide
"""


@pytest.mark.parametrize(
    ("old", "new", "status", "part"),
    [
        ("return 0", "return 7", 1, "decide returned status 7 at 2024-03-01T"),
        (
            "    decide = decide",
            "    decide = decide\n    def features(self, *_):\n        1 / 0",
            1,
            "ZeroDivision",
        ),
        ("import numpy", "import nonsense_of_mine\nimport numpy", 2, "No module named 'nonsense_of_mine'"),
        ("return 0", "return ???", 2, "SyntaxError"),
        ("position[0]", '"all"', 2, "it does not compile"),
        ("position[0]", "np.sqrt(4.0)", 2, "it uses module numpy"),
    ],
)
def test_a_fault_in_a_strategy_of_ones_own_is_one_line(
    old: str, new: str, status: int, part: str, desk: Path
) -> None:
    Path("own_strategy.py").write_text(OWN.replace(old, new), "utf-8")
    desk.write_text(DESK.replace('name = "funding_carry"', 'name = "own_strategy:Mine"'), "utf-8")
    left, out, err = in_a_process("backtest", desk, "--json", where=desk.parent)
    assert (left, out) == (status, "")
    assert part in err
    assert err.count("\n") == 1


def test_a_strategy_of_ones_own_is_found_in_the_current_folder(desk: Path) -> None:
    Path("own_strategy.py").write_text(OWN, "utf-8")
    desk.write_text(DESK.replace('name = "funding_carry"', 'name = "own_strategy:Mine"'), "utf-8")
    command = Path(sys.executable).with_name("narrows")
    told = subprocess.run(
        [command, "backtest", desk, "--json"], cwd=desk.parent, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout)["fills"] == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_output_that_cannot_be_written_is_one_line_and_status_1(desk: Path) -> None:
    command = Path(sys.executable).with_name("narrows")
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [command, "scan", desk, "--json"],
            cwd=desk.parent,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr == "narrows: No space left on device: standard output\n"


def test_progress_goes_to_standard_error(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.cli.render.PATIENCE_S", -1.0)
    status, out, _ = said(capsys, "backtest", desk, "--json")
    assert status == 0
    assert isinstance(json.loads(out), dict)


def test_help_lists_the_verbs_and_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom narrows.cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as left:\n    print('status', left.code)\n"
        "print([name for name in ('numba', 'polars', 'plotly', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert lines[-2:] == ["status 0", "[]"]
    for verb in ("demo", "ingest", "scan", "backtest", "compare"):
        assert any(verb in line for line in lines)


def test_the_installed_command_is_this_one(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("narrows")
    run = subprocess.run(
        [command, "backtest", "nothing.toml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "narrows: nothing.toml: cannot read: No such file or directory; check the path\n"


def _prices(folder: Path, symbols: int) -> Path:
    lines = [f"2024-01-01 0{hour}:00,C{n},{n + 1}" for n in range(symbols) for hour in range(2)]
    (folder / "p.csv").write_text("\n".join(["t,k,p", *lines, "2024-01-01 00:00,?,1"]))
    rule = "{ column = 'k', pattern = '(C.)', symbol = '\\1-USD', unmatched = 'drop' }"
    path = folder / "prices.toml"
    path.write_text(
        f"[[source]]\nfile = 'p.csv'\ntable = 'prices'\nvenue = 'v'\nsymbol = {rule}\n"
        "time = { format = 'iso' }\ncolumns = { time = 't', price = 'p' }\n"
    )
    return path


def test_ingest_folds_many_symbols_of_a_venue_into_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mapping = _prices(tmp_path, symbols=5)
    status, folded, _ = said(capsys, "ingest", mapping)
    assert status == 0
    line = next(line for line in folded.splitlines() if line.startswith("prices"))
    assert line.split()[2:5] == ["6", "symbols", "10"]  # five, and those that no rule matches
    assert line.split()[-2:] == ["1", "–"]
    assert "C3-USD" not in folded
    _, every, _ = said(capsys, "ingest", mapping, "--all")
    assert all(f"C{n}-USD" in every for n in range(5))
    _, text, _ = said(capsys, "ingest", mapping, "--json")
    assert [one["dropped"] for one in json.loads(text)["tables"]] == [0] * 5 + [1]
    _, few, _ = said(capsys, "ingest", _prices(tmp_path, symbols=2), "--catalog", "other")
    assert "C0-USD" in few


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_leaves_ends_it_quietly(more: list[str]) -> None:
    code = "import sys; sys.stdin.read(); from narrows.cli.app import main; main(sys.argv[1:])"
    line = [sys.executable, "-c", code, "rules", "BTC-USDT-PERP.binance", "--at", "2024-06-01", *more]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()  # before anything is written
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
