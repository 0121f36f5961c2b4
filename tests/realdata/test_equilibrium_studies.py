"""The pages on price discovery and on Royal Dutch and Shell say what the data give."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from realdata.real import REPOSITORY


@pytest.mark.parametrize("name", ["who_leads", "royal_dutch_shell"])
def test_the_page_is_what_its_script_writes(name: str, data_root: Path) -> None:
    script = REPOSITORY / "scripts" / "studies" / f"{name}.py"
    environment = {**os.environ, "NARROWS_DATA": str(data_root)}
    run = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
