"""`@compiled`: a compiled copy of the simulator that can never be stale.

Numba stamps a cached function with the source of the one file it stands in; a helper edited in
another file would silently run its old compiled form. So the cache folder of compiled functions is
named after the hash of all sources that hold some: an edit anywhere in them compiles everything again.
"""

import hashlib
import os
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

from numba import njit, types
from numba.core import config

_numba: Any = njit  # its private options are not in its types
_settings: Any = config
_types: Any = types
_Function = TypeVar("_Function", bound=Callable[..., Any])

PACKAGES = ("risk", "sim")  # whose functions are compiled, and into each other


def _folder() -> str:
    digest = hashlib.sha256(files("narrows.core").joinpath("cache.py").read_bytes())
    for package in PACKAGES:
        for source in sorted(files("narrows").joinpath(package).iterdir(), key=lambda entry: entry.name):
            if source.name.endswith(".py"):
                digest.update(source.read_bytes())
    top = str(files("narrows"))
    writable = os.access(top, os.W_OK)
    own = os.path.join(top, "__pycache__") if writable else os.path.expanduser("~/.cache/narrows")
    base = _settings.CACHE_DIR or own
    return os.path.join(base, f"simulator-{digest.hexdigest()[:16]}")


FOLDER = _folder()


def _plain(dispatcher: Any) -> Any:
    """Have a function compiled once for all integers, where Numba would for each constant it is handed."""
    if _settings.DISABLE_JIT:
        return dispatcher
    template = dispatcher.get_call_template

    def unliteral(args: Any, kws: Any) -> Any:
        return template(tuple(map(_types.unliteral, args)), {k: _types.unliteral(v) for k, v in kws.items()})

    dispatcher.get_call_template = unliteral
    return dispatcher


def _compile(function: _Function, door: bool, copied: bool = True) -> _Function:
    before = _settings.CACHE_DIR
    _settings.CACHE_DIR = FOLDER
    try:
        made: _Function = _plain(
            _numba(
                cache=True,
                nogil=True,
                error_model="numpy",
                forceinline=copied,
                _nrt=False,
                no_cfunc_wrapper=True,
                no_cpython_wrapper=not door,
            )(function)
        )
        return made
    finally:
        _settings.CACHE_DIR = before


def compiled(function: _Function) -> _Function:
    """Compile without the GIL and without reference counts, cached in the folder of these sources.

    For functions of the packages in `PACKAGES` only. Reference counts cost more than the arithmetic
    (17 against 0.3 µs a bar), so compiled functions allocate nothing; all are inlined into their
    caller, in the end `kernel.run`, because handing fifty arrays to a function costs as much again.
    """
    return _compile(function, door=True)


def inlined(function: _Function) -> _Function:
    """`compiled`, for a function that only compiled ones call: it has no door to Python.

    The doors, which unpack fifty arrays, took more than half the time of the first compile.
    """
    return _compile(function, door=False)


def outlined(function: _Function) -> _Function:
    """`inlined`, but not copied into its callers: for what is large and happens seldom.

    A call costs some tenths of a microsecond; a copy at each place would compile at each place.
    """
    return _compile(function, door=False, copied=False)
