"""A stale compiled copy is impossible: an edit in any file is seen, and nothing else compiles."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import narrows

FEES = """
import narrows
from tiny_market import PERP, SPOT, play, tiny_desk, tiny_panel
panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
fees = play(tiny_desk(taker_bps=10.0), panel, {0: (1.0, 0.0)}).ledger.by_category["fees"]
print(narrows.__file__, round(fees, 9))
"""
# long 10 at 100 with 500 behind it: 500 − 10 (100 − p) = 0.005 · 10 p at 500/9.95, at 500/9.9 if doubled
MOVE = """
import numpy as np
import narrows
from narrows.risk.liquidation import liquidation_move
from risk.books import book_of, tiers_of
from risk.plain import PlainLeg
legs = [PlainLeg("linear", 10.0, 100.0)]
at = np.array([100.0])
move = liquidation_move(book_of(legs), tiers_of(legs), 500.0, at, np.array([-1.0]), np.empty(1))
print(narrows.__file__, round(100.0 * (1.0 - move), 9))
"""


def compiled_files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    ("program", "before", "file", "old", "new", "after"),
    [
        (FEES, -0.1, "sim/physics.py", "i, k, -fee, FEES)", "i, k, -3.0 * fee, FEES)", -0.3),
        (
            MOVE,
            500 / 9.95,
            "risk/margin.py",
            "tiers.rate[row] + extra",
            "2.0 * tiers.rate[row] + extra",
            500 / 9.9,
        ),
    ],
    ids=["the kernel and its physics", "liquidation and its margin"],
)
def test_an_edit_in_another_file_is_seen_and_no_edit_compiles_nothing(
    tmp_path: Path, program: str, before: float, file: str, old: str, new: str, after: float
) -> None:
    shutil.copytree(
        Path(narrows.__file__).parent, tmp_path / "narrows", ignore=shutil.ignore_patterns("__pycache__")
    )
    tests = Path(__file__).parents[1]
    shutil.copy(tests / "tiny_market.py", tmp_path)
    shutil.copytree(tests / "risk", tmp_path / "risk", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "cache"
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "NUMBA_CACHE_DIR": str(cache),
        "NUMBA_DISABLE_JIT": "0",
    }

    def printed() -> float:
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        origin, amount = run.stdout.split()
        assert origin == str(tmp_path / "narrows" / "__init__.py")
        return float(amount)

    assert printed() == pytest.approx(before, abs=1e-8)
    first = compiled_files(cache)
    assert printed() == pytest.approx(before, abs=1e-8)
    assert compiled_files(cache) == first
    assert any(name.endswith(".nbc") for name in first)
    path = tmp_path / "narrows" / file
    source = path.read_text("utf-8")
    edited = source.replace(old, new)
    assert edited != source
    path.write_text(edited, "utf-8")
    assert printed() == pytest.approx(after, abs=1e-8)
