"""`make studies`: ingest, run every desk, write reports, comparison, pictures and docs/studies/index.md.

Runs in the root of the repository. NARROWS_DATA is the folder with the files (default ../shared/data).
Arguments: names of studies whose reports and pictures are to be made anew; the page is of all of them.
"""

import os
import subprocess
import sys
from pathlib import Path

from narrows.catalog import ingest
from narrows.report import write_comparison, write_report
from narrows.report.page import write
from studies.book import CATALOGUES, STUDIES
from studies.page import page
from studies.study import Run, run

PAGES = Path("docs/studies")
DATA = Path(os.environ.get("NARROWS_DATA") or "../shared/data")


def _catalogues() -> None:
    for catalogue, mappings in CATALOGUES.items():
        ingest([f"examples/sources/{name}.toml" for name in mappings], root=DATA, catalog=catalogue)


def _checked(one: Run) -> Run:
    """A run of which its text is true."""
    if not one.study.holds(one):
        sys.exit(f"studies: what scripts/studies/book.py says of {one.study.name} no longer holds")
    return one


def _shown(one: Run) -> None:
    """Its report, and a picture of the first screen."""
    write_report(one.result, one.study.report)
    picture = PAGES / f"{one.study.name}.png"
    subprocess.run(["scripts/picture", one.study.report, str(picture), "light", "1190"], check=True)


def main(names: list[str]) -> None:
    """Make everything, or the reports and pictures of some studies and the page."""
    _catalogues()
    sys.path.insert(0, "examples")  # where the studies' own strategy stands
    runs = [_checked(run(study)) for study in STUDIES]
    PAGES.mkdir(exist_ok=True)
    for one in runs:
        if not names or one.study.name in names:
            _shown(one)
    in_dollars = [one.result for one in runs if not one.study.currency]
    write_comparison(in_dollars, "reports/studies/comparison.html")
    write(page(runs, PAGES).encode(), PAGES / "index.md")
    print(f"studies: {len(runs)} runs, {PAGES / 'index.md'}")


if __name__ == "__main__":
    main(sys.argv[1:])
