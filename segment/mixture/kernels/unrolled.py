"""The same steps with the loops over features written out, where features are few.

Up to as many features as processors have registers for, a difference from a mean is taken,
whitened or weighted, squared and summed without leaving its register: 2.5 ms instead of 3.8
for 307,200 x 5, K = 8 (one core with vectors of sixteen). The compiler knows how many from
the length of the tuple `unroll`; an empty one stands for the loops.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from segment.mixture.kernels.elementary import LOOP, SUMS, half
from segment.mixture.kernels.loops import (
    distance_diag,
    distance_full,
    gather,
    spread,
    sum_diag,
    sum_full,
)

__all__ = ["add_diag", "add_full", "lay_out", "measure_diag", "measure_full", "unrolled"]

_MOST = {True: 6, False: 10}


def unrolled(features: int, full: bool) -> tuple[int, ...]:
    """What `unroll` is for samples of so many features: that many numbers, or none."""
    return (0,) * features if features <= _MOST[full] else ()


def measure_full(
    means: Any,
    factors: Any,
    constants: Any,
    k: Any,
    m: Any,
    first: Any,
    features: Any,
    scratch: Any,
    unroll: Any,
) -> None:
    """As `distance_full`."""
    distance_full(means, factors, constants, k, m, first, features, scratch)


def measure_diag(
    means: Any,
    factors: Any,
    constants: Any,
    k: Any,
    m: Any,
    first: Any,
    features: Any,
    scratch: Any,
    unroll: Any,
) -> None:
    """As `distance_diag`."""
    distance_diag(means, factors, constants, k, m, first, features, scratch)


def add_full(
    means: Any,
    k: Any,
    m: Any,
    components: Any,
    first: Any,
    features: Any,
    scratch: Any,
    sums: Any,
    unroll: Any,
) -> None:
    """As `spread` and `sum_full`."""
    spread(means, k, m, components, first, features, scratch)
    sum_full(k, m, first, features, scratch, sums)


def add_diag(
    means: Any,
    k: Any,
    m: Any,
    first: Any,
    features: Any,
    scratch: Any,
    sums: Any,
    unroll: Any,
) -> None:
    """As `sum_diag`."""
    sum_diag(means, k, m, first, features, scratch, sums)


def lay_out(
    X: Any, centre: Any, begin: Any, m: Any, first: Any, features: Any, scratch: Any, unroll: Any
) -> None:
    """As `gather`."""
    gather(X, centre, begin, m, first, features, scratch)


@overload(lay_out, jit_options=LOOP)
def _lay_out(X, centre, begin, m, first, features, scratch, unroll):
    size = len(unroll)
    if size == 0:

        def loops(X, centre, begin, m, first, features, scratch, unroll):
            gather(X, centre, begin, m, first, features, scratch)

        return loops
    return _write(
        "X, centre, begin, m, first, features, scratch, unroll",
        before=[
            *(f"middle{j} = centre[{j}]" for j in range(size)),
            *(f"row{j} = first + uint64({j})" for j in range(size)),
        ],
        body=[f"scratch[row{j}, b] = X[begin + b, {j}] - middle{j}" for j in range(size)],
    )


@overload(measure_full, jit_options=LOOP)
def _measure_full(means, factors, constants, k, m, first, features, scratch, unroll):
    size = len(unroll)
    if size == 0:

        def loops(means, factors, constants, k, m, first, features, scratch, unroll):
            distance_full(means, factors, constants, k, m, first, features, scratch)

        return loops
    lower = [(i, j) for i in range(size) for j in range(i + 1)]
    return _write(
        "means, factors, constants, k, m, first, features, scratch, unroll",
        before=[
            "constant = constants[k]",
            "a_half = half(constant)",
            *_rows(size),
            *(f"f{i}_{j} = factors[k, {i}, {j}]" for i, j in lower),
        ],
        body=[
            *(f"d{j} = scratch[row{j}, b] - mean{j}" for j in range(size)),
            *(
                f"y{i} = " + " + ".join(f"f{i}_{j} * d{j}" for j in range(i + 1))
                for i in range(size)
            ),
            "q = " + " + ".join(f"y{i} * y{i}" for i in range(size)),
            "scratch[k, b] = constant - a_half * q",
        ],
    )


@overload(measure_diag, jit_options=LOOP)
def _measure_diag(means, factors, constants, k, m, first, features, scratch, unroll):
    size = len(unroll)
    if size == 0:

        def loops(means, factors, constants, k, m, first, features, scratch, unroll):
            distance_diag(means, factors, constants, k, m, first, features, scratch)

        return loops
    return _write(
        "means, factors, constants, k, m, first, features, scratch, unroll",
        before=[
            "constant = constants[k]",
            "a_half = half(constant)",
            *_rows(size),
            *(f"f{j} = factors[k, {j}]" for j in range(size)),
        ],
        body=[
            *(f"y{j} = (scratch[row{j}, b] - mean{j}) * f{j}" for j in range(size)),
            "q = " + " + ".join(f"y{j} * y{j}" for j in range(size)),
            "scratch[k, b] = constant - a_half * q",
        ],
    )


@overload(add_full, jit_options=SUMS)
def _add_full(means, k, m, components, first, features, scratch, sums, unroll):
    size = len(unroll)
    if size == 0:

        def loops(means, k, m, components, first, features, scratch, sums, unroll):
            spread(means, k, m, components, first, features, scratch)
            sum_full(k, m, first, features, scratch, sums)

        return loops
    lower = [(i, j) for i in range(size) for j in range(i + 1)]
    return _write(
        "means, k, m, components, first, features, scratch, sums, unroll",
        before=[
            *_rows(size),
            "nothing = scratch[0, 0] - scratch[0, 0]",
            *(f"s{j} = nothing" for j in range(size)),
            *(f"t{i}_{j} = nothing" for i, j in lower),
        ],
        body=[
            "r = scratch[k, b]",
            *(f"d{j} = scratch[row{j}, b] - mean{j}" for j in range(size)),
            *(f"w{j} = r * d{j}" for j in range(size)),
            *(f"s{j} += w{j}" for j in range(size)),
            *(f"t{i}_{j} += w{i} * d{j}" for i, j in lower),
        ],
        after=[
            *(f"sums[k, {1 + j}] += s{j}" for j in range(size)),
            *(f"sums[k, {1 + size + i * size + j}] += t{i}_{j}" for i, j in lower),
        ],
    )


@overload(add_diag, jit_options=SUMS)
def _add_diag(means, k, m, first, features, scratch, sums, unroll):
    size = len(unroll)
    if size == 0:

        def loops(means, k, m, first, features, scratch, sums, unroll):
            sum_diag(means, k, m, first, features, scratch, sums)

        return loops
    return _write(
        "means, k, m, first, features, scratch, sums, unroll",
        before=[
            *_rows(size),
            "nothing = scratch[0, 0] - scratch[0, 0]",
            *(f"s{j} = t{j} = nothing" for j in range(size)),
        ],
        body=[
            "r = scratch[k, b]",
            *(f"d{j} = scratch[row{j}, b] - mean{j}" for j in range(size)),
            *(f"w{j} = r * d{j}" for j in range(size)),
            *(f"s{j} += w{j}" for j in range(size)),
            *(f"t{j} += w{j} * d{j}" for j in range(size)),
        ],
        after=[
            *(f"sums[k, {1 + j}] += s{j}" for j in range(size)),
            *(f"sums[k, {1 + size + j}] += t{j}" for j in range(size)),
        ],
    )


def _rows(size: int) -> list[str]:
    """Lines that take the means, and find the rows of the features."""
    means = [f"mean{j} = means[k, {j}]" for j in range(size)]
    return means + [f"row{j} = first + uint64({j})" for j in range(size)]


def _write(arguments: str, before: list[str], body: list[str], after: Any = ()) -> Any:
    """A function of these lines, `body` once a sample of the block.

    The text is made of nothing but numbers of features.
    """
    lines = [f"def written({arguments}):"]
    lines += [f"    {line}" for line in before]
    lines += ["    for b in range(uint64(0), m):"]
    lines += [f"        {line}" for line in body]
    lines += [f"    {line}" for line in after]
    space: dict[str, Any] = {"uint64": np.uint64, "half": half}
    exec("\n".join(lines), space)
    return space["written"]
