"""The page on dated futures says what the data give."""

import os
import subprocess
import sys
from pathlib import Path

from realdata.real import REPOSITORY


def test_the_page_on_dated_convergence_is_what_its_script_writes(data_root: Path) -> None:
    script = REPOSITORY / "scripts" / "studies" / "dated_convergence.py"
    environment = {**os.environ, "NARROWS_DATA": str(data_root)}
    run = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
