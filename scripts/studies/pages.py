"""Pages and figures of a study: written, or with --check compared with what stands there."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NARROWS_DATA") or ROOT.parent / "shared" / "data")
FOLDER = Path("docs") / "studies"


def put(files: Mapping[Path, str]) -> None:
    """Write texts to their places in the repository; with --check exit 1 if one is not what stands there."""
    if "--check" in sys.argv:
        stale = [
            str(place)
            for place, text in files.items()
            if not (ROOT / place).is_file() or (ROOT / place).read_text("utf-8") != text
        ]
        sys.exit(f"{', '.join(stale)} not what the data give: run this script" if stale else 0)
    for place, text in files.items():
        (ROOT / place).write_text(text, "utf-8")
        print(f"wrote {place}")
