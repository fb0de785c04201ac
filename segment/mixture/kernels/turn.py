"""Samples asked for before they are needed, and turned into rows of features by whole vectors."""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from segment.mixture.kernels.elementary import LOOP

__all__ = ["WIDTHS", "fetch", "turn"]

# Samples that are turned together: numbers of a vector of the widest processors.
# Wider than a processor's own are taken in parts.
WIDTHS = {types.float32: 16, types.float64: 8}

_find: Any = cgutils.get_or_insert_function


def _turn(typing_context, X, begin, middle, scratch, first, at, unroll):
    """Write 16 (of doubles 8) samples of X (N, D) from `begin` on into columns of `scratch`.

    Feature j goes to row first + j, columns `at` on, less middle[j]; middle (16 * D,) float64
    holds the centre once for each of the samples. Loads and stores are of whole vectors.
    """
    size = len(unroll)
    inside, outside = X.dtype, scratch.dtype
    width = WIDTHS[outside]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given, centre, rows = (
            context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 2, 3)
        )
        number, own = context.get_data_type(inside), context.get_data_type(outside)
        double = ir.DoubleType()
        begin, first, at = arguments[1], arguments[4], arguments[5]
        word = begin.type
        origin = builder.gep(given.data, [builder.mul(begin, ir.Constant(word, size))])
        vectors = []
        for i in range(size):
            some = _vector(builder, origin, i * width, number, width)
            if inside == types.float32:
                some = builder.fpext(some, ir.VectorType(double, width))
            elif inside != types.float64:
                some = builder.uitofp(some, ir.VectorType(double, width))
            less = _vector(builder, centre.data, i * width, double, width)
            some = builder.fsub(some, less)
            if outside == types.float32:
                some = builder.fptrunc(some, ir.VectorType(own, width))
            vectors.append(some)
        block = builder.extract_value(rows.shape, 1)
        for j in range(size):
            row = _pick(builder, vectors, j, width)
            offset = builder.add(builder.mul(builder.add(first, ir.Constant(word, j)), block), at)
            place = builder.gep(rows.data, [offset])
            place = builder.bitcast(place, ir.VectorType(own, width).as_pointer())
            store = builder.store(row, place)
            store.align = 4
        return context.get_dummy_value()

    return types.void(X, begin, middle, scratch, first, at, unroll), generate


turn: Any = intrinsic(_turn)


def _ask(typing_context, X, n):
    """Ask for the line of memory on which sample n of X begins."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        features = builder.extract_value(array.shape, 1)
        place = builder.gep(array.data, [builder.mul(arguments[1], features)])
        byte = ir.IntType(8).as_pointer()
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        ask = _find(builder.module, kind, "llvm.prefetch.p0")
        options = [ir.Constant(word, n) for n in (0, 2, 1)]  # to read, in the second cache, data
        builder.call(ask, [builder.bitcast(place, byte), *options])
        return context.get_dummy_value()

    return types.void(X, n), generate


_touch: Any = intrinsic(_ask)


def fetch(X: Any, begin: Any, end: Any) -> None:
    """Ask for samples begin to end of X, so that they are there when they are laid out."""


@overload(fetch, jit_options=LOOP)
def _fetch(X, begin, end):
    def ask(X, begin, end):
        for n in range(begin, end):
            _touch(X, n)

    return ask


def _vector(builder: Any, origin: Any, offset: int, number: Any, width: int) -> Any:
    """A vector of `width` numbers, `offset` after the first."""
    place = builder.gep(origin, [ir.Constant(ir.IntType(64), offset)])
    place = builder.bitcast(place, ir.VectorType(number, width).as_pointer())
    some = builder.load(place)
    some.align = 1
    return some


def _pick(builder: Any, vectors: list[Any], j: int, width: int) -> Any:
    """Numbers j, j + D, j + 2 D, ... of the D vectors laid end to end."""
    size = len(vectors)
    places = [divmod(b * size + j, width) for b in range(width)]
    many = ir.VectorType(ir.IntType(32), width)
    row = vectors[0]
    for s in range(1, size):
        # What the row has already stays; of the first vector it has nothing yet.
        mask = [index if source == 0 and s == 1 else b for b, (source, index) in enumerate(places)]
        for b, (source, index) in enumerate(places):
            if source == s:
                mask[b] = width + index
        row = builder.shuffle_vector(row, vectors[s], ir.Constant(many, mask))
    return row
