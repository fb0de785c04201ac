"""exp and ln that become vector instructions, and how the loops are compiled."""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, overload

from segment.kernels import kept

__all__ = ["LOOP", "SUMS", "compile_loop", "compile_sums", "exp", "exp_wide", "half", "log", "one"]

# A product and a sum may become one instruction: fewer roundings, twice the speed.
LOOP: Any = {
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "fastmath": {"contract"},
}
# Sums may be taken in any order: without it they cannot be taken sixteen at a time.
SUMS: Any = LOOP | {"fastmath": {"contract", "reassoc", "nsz"}}
compile_loop = kept.compiled(**LOOP)
compile_sums = kept.compiled(**SUMS)


# A responsibility of e^-60 times the largest is 0: subnormals cost ten times as much.
_FLUSH = -60.0
_FLUSH_WIDE = -700.0

# Constants in the type of the number they meet: a double beside a single makes a double.


def half(x: Any) -> Any:
    """0.5 in the type of x."""
    return type(x)(0.5)


def one(x: Any) -> Any:
    """1 in the type of x."""
    return type(x)(1.0)


def exp(x: Any) -> Any:
    """exp(x) for x <= 0; 0 below -60."""
    return np.exp(x) if x > _FLUSH else x * 0.0


def log(x: Any) -> Any:
    """ln(x) for a normal x > 0."""
    return np.log(x)


_HALF32, _ONE32, _ZERO32 = np.float32(0.5), np.float32(1.0), np.float32(0.0)


@overload(half)
def _half_typed(x):
    if x == types.float32:
        return lambda x: _HALF32
    return lambda x: 0.5


@overload(one)
def _one_typed(x):
    if x == types.float32:
        return lambda x: _ONE32
    return lambda x: 1.0


# exp(x) = 2^n exp(r), |r| <= ln 2 / 2: n goes into the exponent's bits, exp(r) is its Taylor
# series, long enough for the last bit at that r. ln 2 in two parts, so that n times the
# first is exact.
_LOG2E, _LN2 = 1.4426950408889634, 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 0.693145751953125, 1.4286068203094172e-06
_C = [1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320]
_C += [1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800]
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11 = _C
_LOG2E32 = np.float32(_LOG2E)
_LN2_32, _FLUSH32, _ROUND32 = np.float32(_LN2), np.float32(_FLUSH), np.float32(1.5 * 2.0**23)
# In single precision fewer terms do, if they share the error evenly: 1 + r and these, the least
# largest relative error (1.05e-7) that such a polynomial of degree 5 can have.
_E2, _E3 = np.float32(0.4999923179006266), np.float32(0.16667114466522404)
_E4, _E5 = np.float32(0.041890113432904726), np.float32(0.008312524865171294)


def _reinterpret(source: Any, llvm_target: Any, target: Any) -> Any:
    """A function of the compiler's: the same bits, another type."""

    def same_bits(typing_context, number):
        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], llvm_target)

        return target(source), generate

    return intrinsic(same_bits)


_single_of_bits = _reinterpret(types.int32, ir.FloatType(), types.float32)
_bits_of_single = _reinterpret(types.float32, ir.IntType(32), types.int32)
_double_of_bits = _reinterpret(types.int64, ir.DoubleType(), types.float64)
_bits_of_double = _reinterpret(types.float64, ir.IntType(64), types.int64)

_SHIFT32 = np.int32(23)
_SHIFT64, _BIAS64 = np.int64(52), np.int64(1023)


@compile_loop
def _exp_single(x):
    """exp(x) for x <= 0, 0 below the flush; relative error below 2e-7 + 3e-9 |x|."""
    # Adding and taking away what has no room for fractions rounds, and leaves n in the last bits.
    shifted = x * _LOG2E32 + _ROUND32
    n = shifted - _ROUND32
    r = x - n * _LN2_32
    p = _E5 * r + _E4
    p = p * r + _E3
    p = p * r + _E2
    p = p * r + _ONE32
    p = p * r + _ONE32
    p = _single_of_bits(_bits_of_single(p) + (_bits_of_single(shifted) << _SHIFT32))
    return p if x > _FLUSH32 else _ZERO32


@compile_loop
def _exp_from(x, least):
    """Exp of the larger of x <= 0 and `least` >= -708."""
    y = max(x, least)
    n = np.floor(y * _LOG2E + 0.5)
    r = y - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = _C11 * r + _C10
    p = p * r + _C9
    p = p * r + _C8
    p = p * r + _C7
    p = p * r + _C6
    p = p * r + _C5
    p = p * r + _C4
    p = p * r + _C3
    p = p * r + _C2
    p = p * r + _C1
    p = p * r + _C0
    p = p * r + 1.0
    p = p * r + 1.0
    # Through int32: many processors turn only that from a double as a vector.
    return p * _double_of_bits((np.int64(np.int32(n)) + _BIAS64) << _SHIFT64)


@compile_loop
def _exp_double(x):
    """exp(x) for x <= 0, 0 below the flush; relative error below 3e-16."""
    p = _exp_from(x, _FLUSH)
    return p if x > _FLUSH else 0.0


@compile_loop
def exp_wide(x):
    """exp(x) for x <= 0; 0 below -700."""
    p = _exp_from(x, _FLUSH_WIDE)
    return p if x > _FLUSH_WIDE else 0.0


# ln(x) = n ln 2 + 2 artanh(s), s = (f - 1) / (f + 1), f in [1/√2, √2] and |s| < 0.172.
_ROOT_HALF_BITS32 = np.int32(0x3F3504F3)
_ROOT_HALF_BITS64 = np.int64(0x3FE6A09E667F3BCD)
_A = [2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19]
_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8 = _A
_A0_32, _A1_32, _A2_32, _A3_32 = (np.float32(a) for a in _A[:4])
_TWO32 = np.float32(2.0)


@compile_loop
def _log_single(x):
    """ln(x) for a normal x > 0; error below 2e-7 of the larger of 1 and the result."""
    n = np.int32(np.int32(_bits_of_single(x) - _ROOT_HALF_BITS32) >> _SHIFT32)
    f = _single_of_bits(_bits_of_single(x) - (n << _SHIFT32))
    s = (f - _ONE32) / (f + _ONE32)
    z = s * s
    p = _A3_32 * z + _A2_32
    p = p * z + _A1_32
    p = p * z + _A0_32
    return np.float32(n) * _LN2_32 + (s * _TWO32 + s * z * p)


@compile_loop
def _log_double(x):
    """ln(x) for a normal x > 0; error below 4e-16 of the larger of 1 and the result."""
    n = (_bits_of_double(x) - _ROOT_HALF_BITS64) >> _SHIFT64
    f = _double_of_bits(_bits_of_double(x) - (n << _SHIFT64))
    s = (f - 1.0) / (f + 1.0)
    z = s * s
    p = _A8 * z + _A7
    p = p * z + _A6
    p = p * z + _A5
    p = p * z + _A4
    p = p * z + _A3
    p = p * z + _A2
    p = p * z + _A1
    p = p * z + _A0
    return np.float64(np.int32(n)) * _LN2 + (s * 2.0 + s * z * p)


@overload(exp)
def _exp_typed(x):
    if x == types.float32:
        return lambda x: _exp_single(x)
    return lambda x: _exp_double(x)


@overload(log)
def _log_typed(x):
    if x == types.float32:
        return lambda x: _log_single(x)
    return lambda x: _log_double(x)
