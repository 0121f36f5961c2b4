"""ARCHITECTURE.md lists every module once, those of a large folder under headings."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "scripts" / "captions"


def test_the_page_lists_the_modules_as_they_are() -> None:
    run = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_module_has_exactly_one_heading() -> None:
    """One that no heading names, that two name, or that is gone, stops the script and is told by name."""
    made = runpy.run_path(str(SCRIPT))
    grouped, groups = made["grouped"], made["GROUPS"]
    stems = sorted(path.stem for path in (REPOSITORY / "src/narrows/analytics").glob("[!_]*.py"))
    assert sorted(name for names in grouped("analytics", stems).values() for name in names) == stems
    with pytest.raises(SystemExit, match="analytics/ newcomer: "):
        grouped("analytics", sorted([*stems, "newcomer"]))
    with pytest.raises(SystemExit, match="analytics/ ou: "):
        grouped("analytics", [name for name in stems if name != "ou"])
    groups["analytics"]["shared"] += " ou"
    with pytest.raises(SystemExit, match="analytics/ ou: "):
        grouped("analytics", stems)
    assert grouped("market", ["synthetic"]) == {"": ["synthetic"]}
