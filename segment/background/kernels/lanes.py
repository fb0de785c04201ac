"""Sixteen numbers at once: the vectors that a compiler does not find in a loop by itself.

`load` takes 16 neighbours out of an array, `store` puts them back, and in between they are
calculated with as if they were one number: + - * /, comparisons, `select`. A comparison gives
16 answers, for & | ~, `select`, `some` and `every`. Numbers beside lanes take their type.

Every lane rounds as a number by itself would, on every processor. With NUMBA_DISABLE_JIT=1
lanes are numpy arrays of 16, and the loops that use them are plain Python.
"""
# mypy: disable-error-code="no-untyped-call"

import operator
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.core import cgutils
from numba.core.extending import models, register_model
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic

__all__ = [
    "WIDTH",
    "every",
    "load",
    "prefetch",
    "select",
    "some",
    "splat",
    "store",
    "store_answers",
    "unpack",
]

WIDTH = 16
"""Lanes of a vector: what a register of AVX-512 holds of float32, two of AVX2, four of Neon."""


# --- types ----------------------------------------------------------------------------------


class _Lanes(types.Type):
    """16 numbers of the type `element`."""

    def __init__(self, element: Any) -> None:
        self.element = element
        super().__init__(name=f"Lanes({element})")


class _Answers(types.Type):
    """16 times yes or no."""

    def __init__(self) -> None:
        super().__init__(name="Answers")


_answers = _Answers()
_index = ir.IntType(32)
_byte = ir.IntType(8)


def _vector(element: Any, count: int = WIDTH) -> Any:
    return ir.VectorType(element, count)


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _vector(manager.lookup(kind.element).get_value_type()))


@register_model(_Answers)
class _AnswersModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _vector(ir.IntType(1)))


def _common(left, right):
    """Return the lanes that two operands are or become, None if neither is lanes."""
    if isinstance(left, _Lanes):
        return left if left == right or isinstance(right, types.Number) else None
    return right if isinstance(right, _Lanes) and isinstance(left, types.Number) else None


def _as_lanes(context, builder, value, given, lanes):
    """Write the code that makes lanes of a number; lanes are left as they are."""
    if isinstance(given, _Lanes):
        return value
    number = context.cast(builder, value, given, lanes.element)
    empty = ir.Constant(_vector(number.type), ir.Undefined)
    first = builder.insert_element(empty, number, _index(0))
    return builder.shuffle_vector(first, empty, ir.Constant(_vector(_index), [0] * WIDTH))


def _address(context, builder, kind, array, index, pointed):
    """Write the code that points at array[index], as at a `pointed`."""
    values = context.make_array(kind)(context, builder, array)
    return builder.bitcast(builder.gep(values.data, [index]), ir.PointerType(pointed))


def _bytes_of(kind):
    return kind.bitwidth // 8


# --- operators ------------------------------------------------------------------------------


def _define(function: Any, instruction: str, compares: bool = False) -> None:
    """Let `function` take lanes, or lanes and a number."""

    @infer_global(function)
    class Typing(AbstractTemplate):
        def generic(self, arguments, keywords):
            lanes = _common(*arguments) if len(arguments) == 2 else None
            return lanes and signature(_answers if compares else lanes, *arguments)

    def generate(context, builder, signature, arguments):
        lanes = _common(*signature.args)
        left, right = (
            _as_lanes(context, builder, value, given, lanes)
            for value, given in zip(arguments, signature.args, strict=True)
        )
        if compares:
            # Nothing is less, more or the same as what is not a number.
            return builder.fcmp_ordered(instruction, left, right)
        return getattr(builder, instruction)(left, right)

    for kinds in ((_Lanes, _Lanes), (_Lanes, types.Number), (types.Number, _Lanes)):
        lower_builtin(function, *kinds)(generate)


def _define_logic(function: Any, instruction: str) -> None:
    """Let `function` take answers."""
    count = 1 if function is operator.invert else 2

    @infer_global(function)
    class Typing(AbstractTemplate):
        def generic(self, arguments, keywords):
            wanted = (_answers,) * count
            return signature(_answers, *wanted) if tuple(arguments) == wanted else None

    @lower_builtin(function, *(_Answers,) * count)
    def generate(context, builder, signature, arguments):
        return getattr(builder, instruction)(*arguments)


for _name in ("add", "sub", "mul"):
    _define(getattr(operator, _name), f"f{_name}")
    _define(getattr(operator, f"i{_name}"), f"f{_name}")
_define(operator.truediv, "fdiv")
for _name, _sign in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "==")):
    _define(getattr(operator, _name), _sign, compares=True)
for _name in ("and_", "or_"):
    _define_logic(getattr(operator, _name), _name)
    _define_logic(getattr(operator, f"i{_name.rstrip('_')}" if _name == "and_" else "ior"), _name)
_define_logic(operator.invert, "not_")


# --- functions ------------------------------------------------------------------------------


@intrinsic
def _load(typing_context, array, index):
    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(lanes)
        address = _address(context, builder, array, arguments[0], arguments[1], kind)
        value = builder.load(address)
        value.align = _bytes_of(array.dtype)
        return value

    lanes = _Lanes(array.dtype)
    return lanes(array, index), generate


@intrinsic
def _store(typing_context, array, index, lanes):
    def generate(context, builder, signature, arguments):
        value = arguments[2]
        address = _address(context, builder, array, arguments[0], arguments[1], value.type)
        builder.store(value, address, align=_bytes_of(array.dtype))
        return context.get_dummy_value()

    return types.void(array, index, lanes), generate


@intrinsic
def _store_answers(typing_context, array, index, answers):
    def generate(context, builder, signature, arguments):
        value = builder.zext(arguments[2], _vector(_byte))
        address = _address(context, builder, array, arguments[0], arguments[1], value.type)
        builder.store(value, address, align=1)
        return context.get_dummy_value()

    return types.void(array, index, answers), generate


# Vectors of so many bytes are still parted by instructions made for it.
_MOST_BYTES = 256


@intrinsic
def _unpack(typing_context, array, index, which, scale, planes):
    number, given, wanted = len(which), array.dtype, planes.dtype

    def part(builder, address, element):
        """Return the channels of 16 pixels as vectors of the array's type."""
        align = _bytes_of(given)
        if WIDTH * number * align <= _MOST_BYTES:
            whole = _vector(element, WIDTH * number)
            pixels = builder.load(builder.bitcast(address, ir.PointerType(whole)))
            pixels.align = align
            nothing = ir.Constant(whole, ir.Undefined)
            for c in range(number):
                places = [*range(c, WIDTH * number, number)]
                yield builder.shuffle_vector(pixels, nothing, ir.Constant(_vector(_index), places))
            return
        for c in range(number):
            value = ir.Constant(_vector(element), ir.Undefined)
            for i in range(WIDTH):
                one = builder.load(builder.gep(address, [_index(c + number * i)]))
                value = builder.insert_element(value, one, _index(i))
            yield value

    def generate(context, builder, signature, arguments):
        element = context.get_value_type(given)
        vector = _vector(context.get_value_type(wanted))
        factor = _as_lanes(context, builder, arguments[3], scale, _Lanes(wanted))
        address = _address(context, builder, array, arguments[0], arguments[1], element)
        for c, value in enumerate(part(builder, address, element)):
            if isinstance(given, types.Integer):
                value = builder.sitofp(builder.zext(value, _vector(_index)), vector)
            elif _bytes_of(given) < _bytes_of(wanted):
                value = builder.fpext(value, vector)
            elif _bytes_of(given) > _bytes_of(wanted):
                value = builder.fptrunc(value, vector)
            if given != types.uint8:
                value = builder.fmul(value, factor)
            place = ir.IntType(64)(c * WIDTH)
            target = _address(context, builder, planes, arguments[4], place, vector)
            builder.store(value, target, align=_bytes_of(wanted))
        return context.get_dummy_value()

    return types.void(array, index, which, scale, planes), generate


@intrinsic
def _select(typing_context, answers, yes, no):
    lanes = _common(yes, no)

    def generate(context, builder, signature, arguments):
        chosen = (
            _as_lanes(context, builder, value, given, lanes)
            for value, given in zip(arguments[1:], (yes, no), strict=True)
        )
        return builder.select(arguments[0], *chosen)

    return lanes(answers, yes, no), generate


@intrinsic
def _splat(typing_context, number):
    lanes = _Lanes(number)

    def generate(context, builder, signature, arguments):
        return _as_lanes(context, builder, arguments[0], number, lanes)

    return lanes(number), generate


def _bits(wanted: int, sign: str) -> Any:
    @intrinsic
    def compare(typing_context, answers):
        def generate(context, builder, signature, arguments):
            bits = builder.bitcast(arguments[0], ir.IntType(WIDTH))
            return builder.icmp_unsigned(sign, bits, ir.Constant(bits.type, wanted))

        return types.boolean(answers), generate

    return compare


@intrinsic
def _prefetch(typing_context, array, index):
    tools: Any = cgutils

    def generate(context, builder, signature, arguments):
        pointer = ir.PointerType(_byte)
        kind = ir.FunctionType(ir.VoidType(), [pointer, _index, _index, _index])
        ask = tools.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        address = _address(context, builder, array, arguments[0], arguments[1], _byte)
        # To write, to keep in every cache, data.
        builder.call(ask, [address, _index(1), _index(3), _index(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


def _plain_unpack(array, index, which, scale, planes):
    number, at = len(which), int(index)
    pixels = array[at : at + WIDTH * number].reshape(WIDTH, number).T.astype(planes.dtype)
    planes[: WIDTH * number] = (pixels if array.dtype == np.uint8 else pixels * scale).reshape(-1)


def _plain_store(array, index, value):
    array[int(index) : int(index) + WIDTH] = value


_COMPILES = not config.DISABLE_JIT  # type: ignore[attr-defined]

# load(array, index): 16 neighbours of a flat array from `index` on, as lanes.
load: Any = _load if _COMPILES else lambda array, index: array[int(index) :][:WIDTH].copy()
# store(array, index, lanes): put them into a flat array.
store: Any = _store if _COMPILES else _plain_store
# store_answers(array, index, answers): put them into a flat array of bytes, as 0 and 1.
store_answers: Any = _store_answers if _COMPILES else _plain_store
# unpack(array, index, which, scale, planes): part 16 interleaved pixels of len(which) channels;
# channel c comes to planes[16 c:], times `scale` unless the array is uint8.
unpack: Any = _unpack if _COMPILES else _plain_unpack
# select(answers, yes, no): one of two, of which one may be a number.
select: Any = _select if _COMPILES else np.where
# splat(number): 16 lanes of the same number.
splat: Any = _splat if _COMPILES else lambda number: np.full(WIDTH, number)
# some(answers), every(answers): whether one lane, whether every lane answers yes.
some: Any = _bits(0, "!=") if _COMPILES else np.any
every: Any = _bits(2**WIDTH - 1, "==") if _COMPILES else np.all
# prefetch(array, index): ask for it, soon to be changed, to be brought near; wait for nothing.
prefetch: Any = _prefetch if _COMPILES else lambda array, index: None
