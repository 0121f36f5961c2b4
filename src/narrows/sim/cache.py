"""`@compiled`: a compiled copy of the simulator that can never be stale.

Numba stamps a cached function with the source of the one file it stands in; a helper edited in
another file would silently run its old compiled form. So the cache folder of the simulator is
named after the hash of all its sources: an edit anywhere in it compiles everything again.
"""

import hashlib
import os
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

from numba import njit
from numba.core import config

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _folder() -> str:
    digest = hashlib.sha256()
    for source in sorted(files("narrows.sim").iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    beside = os.path.join(os.path.dirname(__file__), "__pycache__")
    os.makedirs(beside, exist_ok=True) if os.access(os.path.dirname(__file__), os.W_OK) else None
    home = os.path.join(os.path.expanduser("~"), ".cache", "narrows")
    base = config.CACHE_DIR or (beside if os.access(beside, os.W_OK) else home)
    return os.path.join(base, f"simulator-{digest.hexdigest()[:16]}")


FOLDER = _folder()


def compiled(function: _Function) -> _Function:
    """Compile without the GIL, cached in the folder of these very sources."""
    before = config.CACHE_DIR
    config.CACHE_DIR = FOLDER
    try:
        return njit(cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True)(function)  # type: ignore[no-any-return]
    finally:
        config.CACHE_DIR = before
