"""One fixture: an empty folder for sources and a catalogue."""

from pathlib import Path

import pytest

from catalog.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
