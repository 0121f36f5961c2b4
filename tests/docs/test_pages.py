"""Pages of the documentation do what they say."""

from pathlib import Path

import pytest

from docs.page import run_page


@pytest.mark.parametrize(
    ("page", "outputs"),
    [
        ("how-to/bring-my-own-data.md", 2),
        ("how-to/record-books.md", 1),
        ("how-to/write-a-desk-file.md", 0),
        ("how-to/study-a-spread.md", 0),
    ],
)
def test_a_page_prints_what_it_says(page: str, outputs: int, tmp_path: Path) -> None:
    assert run_page(page, tmp_path) == outputs
