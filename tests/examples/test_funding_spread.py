"""The strategy for the difference of funding: when it enters, which way round, and when it leaves."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from narrows.core.instrument import instrument
from narrows.core.panel import Panel
from narrows.core.spread import spreads
from narrows.core.time import HOUR_NS

EXAMPLES = Path(__file__).parents[2] / "examples"
FLAT, LONG, SHORT = (0.0, 0.0), (8.0, -8.0), (-8.0, 8.0)
EQUITY = 16.0  # of the desk, in units of the first leg


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("funding_spread", EXAMPLES / "funding_spread.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("first", "second", "held", "wanted"),
    [
        (0.12, 0.0201, FLAT, FLAT),  # 9.99 % between them
        (0.1501, 0.05, FLAT, SHORT),  # short the dear leg
        (0.05, 0.1501, FLAT, LONG),
        (-0.05, 0.05, FLAT, LONG),  # also where one of them is negative
        (0.05, 0.02, SHORT, SHORT),  # between exit and entry: stay
        (0.0399, 0.02, SHORT, FLAT),
        (0.02, 0.0399, LONG, FLAT),
        (0.20, 0.05, LONG, FLAT),  # it has turned: out first, in again at the next close
        (math.nan, 0.05, LONG, LONG),
        (0.50, math.nan, FLAT, FLAT),
        (0.50, 0.0, (0.0, 8.0), FLAT),  # the other leg was liquidated
    ],
)
def test_it_is_short_the_leg_with_the_dearer_funding(
    module: ModuleType,
    first: float,
    second: float,
    held: tuple[float, float],
    wanted: tuple[float, float],
) -> None:
    strategy = module.FundingSpread(entry_apr=0.10, exit_apr=0.02, size=0.5)
    target = [math.nan, math.nan]
    params = strategy.params(1.0).tolist()
    assert strategy.decide.py([first, second], [*held, EQUITY], [0.0] * 8, params, target) == 0
    assert tuple(target) == wanted


def test_each_leg_is_annualised_with_its_own_interval(module: ModuleType) -> None:
    legs = [instrument("SOL-USDC-PERP.one"), instrument("SOL-USDT-PERP.two")]
    bars = 24
    rate, interval = np.full((bars, 2), np.nan), np.full((bars, 2), np.nan)
    rate[:, 0], interval[:, 0] = 0.0001, 1.0
    rate[7::8, 1], interval[7::8, 1] = 0.0008, 8.0
    panel = Panel.of(
        legs,
        np.arange(1, bars + 1, dtype=np.int64) * HOUR_NS,
        HOUR_NS,
        (),
        funding=rate,
        funding_h=interval,
    )
    (spread,) = spreads(legs)
    seen = module.FundingSpread(lookback_h=16.0).features(panel, spread)
    assert seen[-1] == pytest.approx([0.0001 * 8760, 0.0001 * 8760])
    assert np.isnan(seen[:15]).all()


@pytest.mark.parametrize("wrong", [{"exit_apr": 0.2}, {"entry_apr": 0.0, "exit_apr": -0.1}, {"size": 0.0}])
def test_what_cannot_be_meant_is_refused(module: ModuleType, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"_apr|size"):
        module.FundingSpread(**wrong)


DESK = """
[desk]
name = "two-venues"

[data]
catalog = "demo"

[universe]
instruments = ["ETH-USDT-PERP.alpha", "ETH-USDT-PERP.beta"]

[strategy]
name       = "funding_spread:FundingSpread"
entry_apr  = 0.05
exit_apr   = 0.01
lookback_h = 48
"""


def test_it_trades_on_the_embedded_market(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(DESK, "utf-8")
    command = [sys.executable, "-c", "from narrows.cli.app import main; main()", "backtest"]
    command += [str(tmp_path / "desk.toml"), "--json", "--report", str(tmp_path / "report.html")]
    run = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    told = json.loads(run.stdout)
    assert told["fills"] > 0
    assert told["round_trips"] > 1
    assert told["residual_delta_max"] < 0.02
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "on FundingSpread," in page  # the class, without its module
