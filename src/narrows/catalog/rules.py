"""The rulebook with one's own rule files: reads them, and hands their texts to `narrows.rulebook`."""

from collections.abc import Sequence
from pathlib import Path

from narrows.catalog.files import text_of
from narrows.rulebook.book import Rulebook
from narrows.rulebook.records import parse


def load_rules(paths: Sequence[str | Path], beside: Path = Path()) -> Rulebook:
    """The packaged rules, and those of one's own files over them.

    Parameters
    ----------
    paths : sequence of str or Path
        Rule files (TOML). Of two that say the same thing from the same date the later one wins.
    beside : Path
        Folder that relative paths start from: that of the desk file.

    Raises
    ------
    ConfigError
        If a file cannot be read or is no rule file: which file, table and key, and what to do.
    """
    return Rulebook([parse(text_of(beside / path), Path(path).name) for path in paths])
