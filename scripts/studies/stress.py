"""Replay SOL in the winter of 2022 and SOL and AVAX on 2025-10-10; write three pages of docs/studies.

2022-11-sol.md and 2025-10-10.md: runs from stress_runs.py, figures from stress_figure.py, words from
stress_words.py; who-survives.md: survival_*.py in the same way. Market data come from the folder that
NARROWS_DATA names (default ../shared/data).
"""

import tempfile
from pathlib import Path

from pages import DATA, FOLDER, put
from stress_figure import svg
from stress_runs import Study, studies
from stress_words import november_page, october_page
from survival_figure import figure
from survival_page import survival_page
from survival_runs import Survival, survival


def replayed(data: Path) -> dict[str, Study]:
    """All studies by the name of their window, from market data in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        return {one.window.name: one for one in studies(data, Path(folder) / "catalog")}


def written(found: dict[str, Study], survived: Survival) -> dict[Path, str]:
    """Pages and figures by their place in the repository."""
    files = {FOLDER / f"{name}.svg": svg(one) for name, one in found.items()}
    files[FOLDER / "2022-11-sol.md"] = november_page(found["2022-11-sol"], found["2023-01-sol"])
    files[FOLDER / "2025-10-10.md"] = october_page(
        [one for name, one in found.items() if name.startswith("2025")]
    )
    files[FOLDER / "who-survives.md"] = survival_page(survived)
    files[FOLDER / "who-survives.svg"] = figure(survived)
    return files


def main() -> None:
    """Write pages and figures; with --check only say whether they are as they would be written."""
    found = replayed(DATA)
    put(written(found, survival(found.values())))


if __name__ == "__main__":
    main()
