"""How much collateral a hedge needs, by account structure; writes docs/studies/survival-by-structure.*.

Market data come from the folder that NARROWS_DATA names (default ../shared/data), the runs from
collateral_runs.py, the search from collateral_search.py and collateral_quarters.py. The answers are kept as
CSV beside the page, and page and figure are made from them alone: with --page nothing is run again.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from collateral_figure import svg
from collateral_quarters import Held, all_held
from collateral_runs import catalogues
from collateral_search import Answer, read, searched, written
from collateral_words import TITLE, page, panels
from pages import DATA, FOLDER, ROOT, put

PAGE = FOLDER / "survival-by-structure.md"
FIGURE, ANSWERS, STARTS = (
    PAGE.with_suffix(".svg"),
    PAGE.with_suffix(".csv"),
    PAGE.with_name(f"{PAGE.stem}-90-days.csv"),
)


def kept() -> tuple[list[Answer], list[Held]]:
    """The answers that stand beside the page."""
    return read((ROOT / ANSWERS).read_text("utf-8"), Answer), read((ROOT / STARTS).read_text("utf-8"), Held)


def found(data: Path) -> tuple[list[Answer], list[Held]]:
    """All answers, from market data in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalogues(data, Path(folder))
        return searched(catalog), all_held(catalog)


def files(answers: Sequence[Answer], starts: Sequence[Held]) -> dict[Path, str]:
    """Everything that is written, by its place in the repository."""
    texts = {ANSWERS: written(answers), STARTS: written(starts)}
    answers, starts = read(texts[ANSWERS], Answer), read(texts[STARTS], Held)
    return texts | {FIGURE: svg(TITLE, panels(answers, starts)), PAGE: page(answers, starts)}


def main() -> None:
    """Write the page; with --check only say whether it is as it would be written; --page: from what is kept."""
    put(files(*(kept() if "--page" in sys.argv else found(DATA))))


if __name__ == "__main__":
    main()
