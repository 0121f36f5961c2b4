"""Do the tests catch faults? Each hand-made fault of faults.toml goes into a copy of its own.

Kernel and decisions run interpreted there: the same source, the same numbers on tiny panels, and no
compiler to wait for. Exit status 1 if a fault survives or the clean copy fails. `--only TEXT` (as often as
one likes) runs those whose name or tests contain it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

ROOT = Path(__file__).parents[2]
FAULTS = Path(__file__).with_name("faults.toml")
WORKERS = 2
PASSED, FAILED = 0, 1  # pytest's exit statuses; any other means that it did not run

# Decisions are interpreted as the simulator is; the copy must be what is imported, whatever is installed.
CONFTEST = """
from pathlib import Path
import numba
import pytest
numba.cfunc = lambda *_, **__: lambda decide: decide
import narrows

def pytest_configure():
    if Path(__file__).parent not in Path(narrows.__file__).parents:
        pytest.exit(f"tests run against {narrows.__file__}", returncode=70)
"""


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One replacement in a file under src/narrows."""

    file: str
    old: str
    new: str


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Edits that belong together, and the tests that must fail."""

    name: str
    tests: tuple[str, ...]
    edit: tuple[Edit, ...]


class Outcome(NamedTuple):
    """How a fault fared; `status` is pytest's."""

    name: str
    status: int
    caught_by: str
    seconds: float
    output: str


def faults() -> tuple[Fault, ...]:
    """All faults of the list."""
    return msgspec.toml.decode(FAULTS.read_bytes(), type=dict[str, tuple[Fault, ...]])["fault"]


def mutated(source: str, edit: Edit) -> str:
    """The source with the edit made.

    Raises
    ------
    ValueError
        If the old text does not stand in it exactly once, or nothing changes.
    """
    if source.count(edit.old) != 1 or edit.old == edit.new:
        raise ValueError(f"{edit.file} has {source.count(edit.old)} times {edit.old!r}")
    return source.replace(edit.old, edit.new)


def copied(folder: Path) -> None:
    """A copy of the sources and tests that imports nothing from here."""
    for part in ("src", "tests", "examples"):
        shutil.copytree(
            ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "conftest.py").write_text(CONFTEST, "utf-8")


def tested(fault: Fault, home: Path) -> Outcome:
    """Copy, break, test."""
    since = time.monotonic()
    folder = Path(tempfile.mkdtemp(dir=home))
    copied(folder)
    for edit in fault.edit:
        path = folder / "src" / "narrows" / edit.file
        path.write_text(mutated(path.read_text("utf-8"), edit), "utf-8")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(folder / "src"), str(folder / "tests"))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        "NUMBA_DISABLE_JIT": "1",
    }
    plain = ("-p", "no:cacheprovider", "-o", "addopts=", "--import-mode=importlib", "-x", "-q", "--tb=line")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plain, *fault.tests],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(folder)
    by = re.search(r"^FAILED [^:]+::(\w+)", run.stdout, re.MULTILINE)
    caught_by = by[1] if by else ""
    return Outcome(fault.name, run.returncode, caught_by, time.monotonic() - since, run.stdout + run.stderr)


def outcomes(some: tuple[Fault, ...], home: Path) -> Iterator[Outcome]:
    """One after the other in the order of the list; two run at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(partial(tested, home=home), some)


def chosen(listed: tuple[Fault, ...], texts: list[str]) -> tuple[Fault, ...]:
    """The faults whose name or tests contain one of the texts; without texts all."""
    return tuple(
        fault
        for fault in listed
        if not texts or any(text in " ".join((fault.name, *fault.tests)) for text in texts)
    )


def main() -> int:
    """Print `fault | caught by | seconds`; 1 if the clean copy fails or a fault survives."""
    parser = argparse.ArgumentParser(description="Do the tests catch faults?")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="of the name or a test")
    listed = chosen(faults(), parser.parse_args().only)
    if not listed:
        parser.error("no fault has such a text in its name or its tests")
    everything = tuple(dict.fromkeys(test for fault in listed for test in fault.tests))
    clean = Fault("(no fault)", everything, ())
    width = max(len(fault.name) for fault in listed)
    bad = 0
    with tempfile.TemporaryDirectory() as home:
        for one in outcomes((clean, *listed), Path(home)):
            wanted = PASSED if one.name == clean.name else FAILED
            what = (
                one.caught_by if one.status == FAILED else "nothing" if one.status == PASSED else "broken run"
            )
            print(f"{one.name:{width}} | {what} | {one.seconds:.1f}", flush=True)
            if one.status != wanted:
                bad += 1
                print(one.output, file=sys.stderr)
    print(f"{len(listed)} faults, {bad} not as they should be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
