"""Every Python block of the concept pages runs, in order, in one namespace a page."""

import re
from pathlib import Path

import pytest

CONCEPTS = Path(__file__).parents[2] / "docs" / "concepts"
PAGES = sorted(CONCEPTS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        exec(compile(code, str(page), "exec"), names)


def test_there_are_pages_and_they_have_blocks() -> None:
    assert {"instrument", "panel"} <= {page.stem for page in PAGES}
    assert all(
        "```python" in (CONCEPTS / f"{name}.md").read_text("utf-8") for name in ("instrument", "panel")
    )
