"""How numba makes machine code of loops: of entrances, and of what only other loops call.

Vectors are as wide as the processor has them. LLVM takes half of that on most processors with
AVX-512, for the sake of those that had to lower their clock for it; since Ice Lake none does, and
where many numbers are worked on alike, as all over a picture, half is half as fast.

What only other loops call is made ready to be linked into those, and no further.

Numba makes of each of its functions machine code that stands by itself, with all that it calls
linked in and optimised. What only kernels call never runs from there, for its callers link in its
intermediate code and optimise it again: that machine code is what a first start need not wait for.
"""

from typing import Any, ClassVar

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["Entry", "Inner"]


class _Wide(JITCodeLibrary):
    """A library whose loops may use the widest vectors."""

    def add_ir_module(self, module: Any) -> None:
        """Add a module, and say so to LLVM of each of its functions."""
        for function in module.functions:
            if not function.is_declaration:
                # llvmlite's own `add` knows no attribute that is a name and a value.
                set.add(function.attributes, '"prefer-vector-width"="512"')
        super().add_ir_module(module)  # type: ignore[no-untyped-call]


class _Linked(_Wide):
    """A library that is never run by itself."""

    def enable_object_caching(self) -> None:
        """Do nothing: there is no machine code to keep."""

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


class Entry(Compiler):
    """Numba's compiler for a function that Python calls."""

    library: ClassVar[type[JITCodeLibrary]] = _Wide

    def compile_extra(self, function: Any) -> Any:
        """Compile a function into a library of our kind."""
        library: Any = self.library
        self.state.library = library(self.state.targetctx.codegen(), function.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(function)  # type: ignore[no-untyped-call]


class Inner(Entry):
    """The same for one without an entrance: `no_cpython_wrapper` is to be set."""

    library = _Linked
