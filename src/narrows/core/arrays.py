"""Array types named by rank, and the one way to make an array read-only."""

from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

Float1D = np.ndarray[tuple[int], np.dtype[np.float64]]
Float2D = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Float3D = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]
Int1D = np.ndarray[tuple[int], np.dtype[np.int64]]
Bool1D = np.ndarray[tuple[int], np.dtype[np.bool_]]
Int2D = np.ndarray[tuple[int, int], np.dtype[np.int64]]
Bool2D = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
FloatArray = npt.NDArray[np.float64]

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


def read_only(array: _Array) -> _Array:
    """The same values, C-contiguous and closed to writing.

    A kernel compiled for read-only arrays is not compiled a second time for writable ones,
    so every Panel array passes through here.
    """
    fixed = np.ascontiguousarray(array).view()
    fixed.flags.writeable = False
    return cast(_Array, fixed)
