"""How the loops of this room are compiled."""

from typing import Any

from segment.kernels import kept

__all__ = ["entry", "part"]

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
entry = kept.compiled(**_OPTIONS)
"""Called from Python, and from kernels."""
part = kept.compiled(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Called from kernels only."""
