"""The strategy of the how-to page, run as the page says."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_how_to_strategy_trades_on_the_embedded_market(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from narrows.cli.app import main; main()", "backtest"]
    command += ["premium_reversion.toml", "--json", "--report", str(tmp_path / "report.html")]
    run = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    told = json.loads(run.stdout)
    assert told["fills"] > 10
    assert told["liquidations"] == 0
    assert (tmp_path / "report.html").is_file()
