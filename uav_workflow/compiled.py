"""One way to compile inner loops, in every room."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile with numba (cached on disk, without the interpreter lock); the type stays the Python function's."""
    return cast(Function, numba.njit(cache=True, nogil=True)(function))
