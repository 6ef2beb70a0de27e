"""The same scalar code, compiled by numba where it is installed (the extra ``fast``) and plain where not.

State lives in flat sequences of numbers: arrays where the code is compiled, lists where it is not, because
plain Python reads lists faster and counts in exact integers. ``NUMBA_DISABLE_JIT=1`` means plain.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableSequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

Ints = MutableSequence[int]
Reals = MutableSequence[float]

COMPILED = find_spec("numba") is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")

_Number = TypeVar("_Number", int, float)
_Function = TypeVar("_Function", bound=Callable[..., Any])

if TYPE_CHECKING or not COMPILED:

    def compiled(function: _Function) -> _Function:
        """Leave ``function`` as it is."""
        return function

else:
    from numba import njit

    # Everything becomes one function that counts no references: passing the many columns of a simulation from
    # function to function, and counting them there, takes ten times as long as the work itself.
    compiled = njit(cache=True, nogil=True, _nrt=False, inline="always")


def ints(values: int | list[int]) -> Ints:
    """Return so many zeros, or the ``values``, as whole numbers."""
    return _stored(values, 0, np.int64)


def reals(values: int | list[float]) -> Reals:
    """Return so many zeros, or the ``values``, as real numbers."""
    given = values if isinstance(values, int) else [float(value) for value in values]
    return _stored(given, 0.0, np.float64)


def _stored(values: int | list[_Number], zero: _Number, kind: type[np.generic]) -> MutableSequence[_Number]:
    if not COMPILED:
        return [zero] * values if isinstance(values, int) else list(values)
    found: Any = np.zeros(values, kind) if isinstance(values, int) else np.array(values, kind)
    return cast("MutableSequence[_Number]", found)
