"""Public market data, if it is at hand, ingested once through the example mappings.

The files are named in examples/sources with the public repository they come from. Put them in one
folder and set NARROWS_DATA to it.
"""

import os
from pathlib import Path

import pytest

from narrows.catalog import ingest, open_catalog
from realdata.real import ALL_MAPPINGS, MAPPINGS, REPOSITORY, Alone, Real

HOW = "set NARROWS_DATA to a folder with the files that examples/sources/*.toml name"


@pytest.fixture(scope="session")
def data_root() -> Path:
    root = Path(os.environ.get("NARROWS_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        if os.environ.get("NARROWS_DATA_REQUIRED"):
            pytest.fail(f"no market data at {root}: {HOW}")
        pytest.skip(f"no market data at {root}: {HOW}")
    return root


def _ingested(mappings: list[Path], root: Path, path: Path) -> Real:
    told = ingest(mappings, root=root, catalog=path)
    return Real(open_catalog(path), {(one.table, f"{one.symbol}.{one.venue}"): one for one in told})


@pytest.fixture(scope="session")
def catalogue(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Real:
    return _ingested(MAPPINGS, data_root, tmp_path_factory.mktemp("real") / "catalog")


@pytest.fixture(scope="session")
def every(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """All mappings in one catalogue, so that overlapping sources must agree, or say who gives way."""
    return _ingested(ALL_MAPPINGS, data_root, tmp_path_factory.mktemp("every") / "catalog")


@pytest.fixture(scope="session")
def alone(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """Each mapping in a catalogue of its own, made when it is asked for, so that nothing is merged."""
    return Alone(data_root, tmp_path_factory.mktemp("alone"))
