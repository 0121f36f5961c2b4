"""What the package exports, and what importing it costs."""

import subprocess
import sys

import narrows.catalog


def test_all_that_is_named_is_there() -> None:
    assert all(hasattr(narrows.catalog, name) for name in narrows.catalog.__all__)


def test_importing_the_catalogue_loads_no_compiler_and_no_figures() -> None:
    script = "import sys, narrows.catalog; print({'numba', 'plotly', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
