"""Loops that only other loops call: made ready to be linked into those, and no further.

Numba makes of each of its functions machine code that stands by itself, with all that it calls
linked in and optimised. What only kernels call never runs from there, for its callers link in its
intermediate code and optimise it again: that machine code is what a first start need not wait for.
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["Inner"]


class _Linked(JITCodeLibrary):
    """A library that is never run by itself."""

    def _optimize_final_module(self) -> None:
        """Do nothing: it is optimised in the module of each entrance, once, with its callers.

        Optimised here, every function would be optimised again by all that link it in.
        """

    def _finalize_final_module(self) -> None:
        # What numba does here, but for handing the module to the engine, which would compile it.
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._verify_declare_only_symbols()  # type: ignore[no-untyped-call]
        self._finalized = True

    @property
    def codegen(self) -> Any:
        return _WithoutEngine(self._codegen)

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0  # numba's word for a function without an entrance from Python


class _WithoutEngine:
    """The code generator; it has nothing to set in a module that the engine does not have."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing: what raises or prints needs an environment, and no loop does."""


class Inner(Compiler):
    """Numba's compiler for a function without an entrance: `no_cpython_wrapper` is to be set."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        codegen = self.state.targetctx.codegen()
        self.state.library = _Linked(codegen, "inner")  # type: ignore[no-untyped-call]
