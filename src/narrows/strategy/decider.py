"""`@decider` turns one small Python function into the native `decide` that every engine calls.

    @decider
    def decide(
        features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer
    ) -> int: ...

All five arguments are raw pointers to float64, indexed like arrays (no `len`, no slices):

    features   what Strategy.features gave for this spread at this bar
    position   quantity of each leg (base units, signed), then the equity of the desk in units of
               the spread: what it would buy of the first leg at its mark (0 = not known)
    memory     MEMORY numbers of the spread's own, zero at the start, kept between bars
    params     Strategy.params(bar_h)
    target     to be filled: the wanted quantity of each leg (base units, signed); position[i] =
               leave leg i alone. More than the wallets can carry is cut to what they can.

It returns 0, or a positive code of its own for "something is wrong", which stops the run with
that code, the bar and the spread. It must copy the position when a feature is not finite. A
target that is not finite after the call counts as an error too: a native function cannot raise.
Write `x * x`, not `x ** 2`: powers are rounded differently by compiler and interpreter.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from numba import cfunc, types
from numba.core.errors import NumbaError

from narrows.core.errors import ConfigError

MEMORY = 8

_numba_types: Any = types
POINTER = _numba_types.CPointer(types.float64)
SIGNATURE = _numba_types.int64(POINTER, POINTER, POINTER, POINTER, POINTER)

Pointer = Any  # a C pointer to float64 in native code, any sequence in Python
Decide = Callable[[Pointer, Pointer, Pointer, Pointer, Pointer], int]


@dataclass(frozen=True, eq=False)
class Decider:
    """A decision function in its two forms: as written, and compiled."""

    py: Decide
    native: Any

    def __call__(
        self, features: Pointer, position: Pointer, memory: Pointer, params: Pointer, target: Pointer
    ) -> int:
        """Decide, in plain Python."""
        return self.py(features, position, memory, params, target)


def _constants(module: ModuleType) -> set[str]:
    """Names that a module's own file sets to something made of literals and such names only."""
    found: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        parts = list(ast.walk(node.value))
        names = {part.id for part in parts if isinstance(part, ast.Name)}
        if names <= found and not any(isinstance(part, ast.Attribute | ast.Call) for part in parts):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {
                part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
            }
    return found


def _refuse_foreign(py: Decide, seen: frozenset[str] = frozenset()) -> None:
    """Refuse what numba's cache cannot see: it stamps only the file that `decide` stands in.

    Helpers beside `decide` are looked at in the same way. In a notebook nothing is cached, so
    constants may come from any cell.
    """
    module = inspect.getmodule(py)
    where = f"{py.__name__} in {py.__module__}"
    closure = inspect.getclosurevars(py)
    if closure.nonlocals:
        raise ConfigError(f"it closes over {sorted(closure.nonlocals)}", where, "pass it in params")
    in_file = module is not None and hasattr(module, "__file__")
    own = _constants(module) if module is not None and in_file else set(closure.globals)
    for name, value in closure.globals.items():
        if isinstance(value, ModuleType):
            if value.__name__ != "math":
                raise ConfigError(f"it uses module {value.__name__}", where, "use math only")
        elif getattr(value, "__module__", None) == py.__module__:
            helper = getattr(value, "py_func", value)
            if inspect.isfunction(helper) and name not in seen:
                _refuse_foreign(helper, seen | {py.__name__, name})
        elif name not in own:
            raise ConfigError(f"{name} comes from another file", where, "define it beside decide")
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(py)))
    except OSError:
        raise ConfigError("its source cannot be read", where, "put it in a file or a notebook cell") from None
    if any(isinstance(node, ast.Pow) for node in ast.walk(tree)):
        raise ConfigError("it uses **", where, "write x * x or math.sqrt(x)")


def _compiled(py: Decide) -> Any:
    if not hasattr(inspect.getmodule(py), "__file__"):  # a notebook cell may change what it uses
        return cfunc(SIGNATURE, error_model="numpy")(py)
    try:
        return cfunc(SIGNATURE, cache=True, error_model="numpy")(py)
    except ModuleNotFoundError:  # cached when its file was imported under another name
        return cfunc(SIGNATURE, error_model="numpy")(py)


def decider(py: Decide) -> Decider:
    """Compile a decision function, cached on disk if it stands in a file.

    Raises
    ------
    ConfigError
        If the function uses helpers or constants from another file (a stale compiled copy could
        then be run), closes over variables, uses ``**``, or does not compile.
    """
    _refuse_foreign(py)
    try:
        native = _compiled(py)
    except NumbaError as error:
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        remedy = "use numbers, math and the five arguments only"
        raise ConfigError(
            f"it does not compile: {first}", f"{py.__name__} in {py.__module__}", remedy
        ) from error
    return Decider(py, native)
