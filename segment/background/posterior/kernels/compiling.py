"""How the loops are compiled, and the constants they share.

Offsets are unsigned: a signed one might be negative, and numba's test for that keeps a loop
from becoming vector instructions. A whole number beside a float32 makes a float64, so
constants are float32. `which` is everywhere a tuple of C zeros: its length is known to the
compiler, which unrolls the loops over the channels.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.core import cgutils
from numba.core.compiler import Compiler
from numba.extending import intrinsic

from segment.kernels import kept

f = np.float32
ZERO, QUARTER, HALF, MOST, ONE, TWO, FOUR, SIX = map(f, (0, 0.25, 0.5, 0.75, 1, 2, 4, 6))
FAR = f(1e9)
u = np.uint64
U0, U1, U2, U3, U4, U8 = map(u, (0, 1, 2, 3, 4, 8))


class _Apart(Compiler):
    """Tell the compiler that no two arrays of a call share memory.

    Without it a loop over a dozen arrays is preceded by a test of every pair, or given up.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self.state.flags.noalias = True


# No fastmath: every run of pixels rounds alike. _nrt: the loops allocate nothing.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}

entry = kept.compiled(**_OPTIONS)
loop = kept.compiled(**_OPTIONS, pipeline_class=_Apart)
inline = kept.compiled(**_OPTIONS, forceinline=True)


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
