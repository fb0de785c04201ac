# mypy: disable-error-code="no-untyped-def"
"""How the loops of this room are compiled: the decorators of every kernel, and what they promise.

No fastmath but in `fused`: every run of pixels rounds alike, whatever its length and the
processor. No counting of references: the loops allocate nothing. All release the interpreter's
lock.

- `entry`: called from Python.
- `entry_apart`: the same, where no two arrays of a call share memory.
- `loop`: called from kernels only; no two arrays of a call share memory, so that it becomes
  vector instructions.
- `part`: called from kernels only; what joins loops, and may be given the same memory twice.
- `inline`: a few operations of a loop; it becomes one with its caller.
- `fused`: a `loop` in which a product and a sum round once, as the processor does it: sums of
  products, whose loops are whole vectors, so that they too round alike in every run.

What only kernels call gets no entrance from Python, which would take as long to compile as a
small loop itself.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from segment.kernels import kept
from segment.kernels.inner import Entry, Inner

__all__ = ["ask_for", "entry", "entry_apart", "fused", "inline", "loop", "part"]

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
_ENTRY: dict[str, Any] = {"no_cfunc_wrapper": True}  # nobody calls them from C
_INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class _Apart(Entry):
    """Tell the compiler that no two arrays of a call share memory.

    Without it a loop over a dozen arrays is preceded by a test of every pair, or given up.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self.state.flags.noalias = True


class _ApartInner(_Apart, Inner):
    """The same, of what only kernels call."""


entry = kept.compiled(**_OPTIONS, **_ENTRY)
entry_apart = kept.compiled(**_OPTIONS, **_ENTRY, pipeline_class=_Apart)
loop = kept.compiled(**_OPTIONS, **_INNER, pipeline_class=_ApartInner)
part = kept.compiled(**_OPTIONS, **_INNER)
inline = kept.compiled(**_OPTIONS, **_INNER, forceinline=True)
fused = kept.compiled(**_OPTIONS, **_INNER, pipeline_class=_ApartInner, fastmath={"contract"})


@intrinsic
def _ask_for(typing_context, array, row, place):
    """Ask for array[row, place], soon to be changed, to be brought near; wait for nothing."""
    tools: Any = cgutils

    def generate(context, builder, signature, arguments):
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        columns = tools.unpack_tuple(builder, values.shape, 2)[1]
        offset = builder.add(builder.mul(arguments[1], columns), arguments[2])
        byte = ir.PointerType(ir.IntType(8))
        flag = ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = tools.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
        address = builder.bitcast(builder.gep(values.data, [offset]), byte)
        # To write, to keep in every cache, data.
        builder.call(prefetch, [address, flag(1), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, row, place), generate


ask_for: Any = _ask_for
if config.DISABLE_JIT:  # type: ignore[attr-defined]  # in a debugger there is nothing to hasten
    ask_for = lambda array, row, place: None  # noqa: E731
