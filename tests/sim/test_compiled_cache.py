"""A stale compiled copy of the simulator is impossible: an edit is seen, and nothing else compiles."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import narrows

PROGRAM = """
import narrows
from tiny_market import PERP, SPOT, play, tiny_desk, tiny_panel
panel = tiny_panel([SPOT, PERP], mark=([100, 100], 100))
fees = play(tiny_desk(taker_bps=10.0), panel, {0: (1.0, 0.0)}).ledger.by_category["fees"]
print(narrows.__file__, round(fees, 9))
"""


def compiled_files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def test_an_edit_of_the_physics_is_seen_and_no_edit_compiles_nothing(tmp_path: Path) -> None:
    shutil.copytree(
        Path(narrows.__file__).parent, tmp_path / "narrows", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(Path(__file__).parents[1] / "tiny_market.py", tmp_path)
    cache = tmp_path / "cache"
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "NUMBA_CACHE_DIR": str(cache),
        "NUMBA_DISABLE_JIT": "0",
    }

    def fees() -> float:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        origin, amount = run.stdout.split()
        assert origin == str(tmp_path / "narrows" / "__init__.py")
        return float(amount)

    assert fees() == -0.1
    first = compiled_files(cache)
    assert fees() == -0.1
    assert compiled_files(cache) == first
    assert any(name.endswith(".nbc") for name in first)
    physics = tmp_path / "narrows" / "sim" / "physics.py"
    source = physics.read_text("utf-8")
    edited = source.replace("pay(legs, state, i, k, -fee, FEES)", "pay(legs, state, i, k, -3.0 * fee, FEES)")
    assert edited != source
    physics.write_text(edited, "utf-8")
    assert fees() == -0.3
