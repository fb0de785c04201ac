"""The same steps with the loops over features written out, where features are few.

Up to as many features as processors have registers for, a difference from a mean is taken,
whitened or weighted, squared and summed without leaving its register. The compiler knows how
many from the length of the tuple `unroll`; an empty one stands for the loops.
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
from segment.mixture.kernels.turn import WIDTHS, turn

__all__ = ["add", "lay_out", "measure", "unrolled"]

_MOST = {True: 6, False: 10}


def unrolled(features: int, full: bool) -> tuple[int, ...]:
    """What `unroll` is for samples of so many features: that many numbers, or none."""
    return (0,) * features if features <= _MOST[full] else ()


def lay_out(
    X: Any, centre: Any, begin: Any, m: Any, first: Any, features: Any, scratch: Any, unroll: Any
) -> None:
    """As `gather`; `centre` holds the centre sixteen times, one after the other."""
    gather(X, centre, begin, m, first, features, scratch)


def measure(
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
    """As `distance_full` where `factors` are matrices, or `distance_diag`; m whole sixty-fours."""
    (distance_full if factors.ndim == 3 else distance_diag)(
        means, factors, constants, k, m, first, features, scratch
    )


def add(
    means: Any,
    factors: Any,
    k: Any,
    m: Any,
    components: Any,
    first: Any,
    features: Any,
    scratch: Any,
    sums: Any,
    unroll: Any,
) -> None:
    """As `spread` and `sum_full` where `factors` are matrices, or `sum_diag`."""
    if factors.ndim == 3:
        spread(means, k, m, components, first, features, scratch)
        sum_full(k, m, first, features, scratch, sums)
    else:
        sum_diag(means, k, m, first, features, scratch, sums)


@overload(lay_out, jit_options=LOOP)
def _lay_out(X, centre, begin, m, first, features, scratch, unroll):
    if len(unroll) == 0:

        def loops(X, centre, begin, m, first, features, scratch, unroll):
            gather(X, centre, begin, m, first, features, scratch)

        return loops
    width = np.uint64(WIDTHS[scratch.dtype])

    def turned(X, centre, begin, m, first, features, scratch, unroll):
        whole = m - m % width
        for at in range(np.uint64(0), whole, width):
            turn(X, begin + at, centre, scratch, first, at, unroll)
        # The last block's last samples, and what fills its last sixty-four.
        for j in range(np.uint64(0), features):
            for b in range(whole, m):
                scratch[first + j, b] = X[begin + b, j] - centre[j]
            for b in range(m, (m + np.uint64(63)) >> np.uint64(6) << np.uint64(6)):
                scratch[first + j, b] = 0

    return turned


@overload(measure, jit_options=LOOP)
def _measure(means, factors, constants, k, m, first, features, scratch, unroll):
    size = len(unroll)
    if size == 0:
        distance = distance_full if factors.ndim == 3 else distance_diag

        def loops(means, factors, constants, k, m, first, features, scratch, unroll):
            distance(means, factors, constants, k, m, first, features, scratch)

        return loops
    if factors.ndim == 3:
        lower = [(i, j) for i in range(size) for j in range(i + 1)]
        before = [f"f{i}_{j} = factors[k, {i}, {j}]" for i, j in lower]
        body = [f"d{j} = scratch[row{j}, b] - mean{j}" for j in range(size)]
        body += [
            f"y{i} = " + " + ".join(f"f{i}_{j} * d{j}" for j in range(i + 1)) for i in range(size)
        ]
    else:
        before = [f"f{j} = factors[k, {j}]" for j in range(size)]
        body = [f"y{j} = (scratch[row{j}, b] - mean{j}) * f{j}" for j in range(size)]
    body.append("q = " + " + ".join(f"y{j} * y{j}" for j in range(size)))
    body.append("scratch[k, b] = constant - a_half * q")
    return _write(
        "means, factors, constants, k, m, first, features, scratch, unroll",
        before=["constant = constants[k]", "a_half = half(constant)", *_rows(size), *before],
        body=body,
    )


@overload(add, jit_options=SUMS)
def _add(means, factors, k, m, components, first, features, scratch, sums, unroll):
    size = len(unroll)
    full = factors.ndim == 3
    if size == 0 and full:

        def loops(means, factors, k, m, components, first, features, scratch, sums, unroll):
            spread(means, k, m, components, first, features, scratch)
            sum_full(k, m, first, features, scratch, sums)

        return loops
    if size == 0:

        def loops_diag(means, factors, k, m, components, first, features, scratch, sums, unroll):
            sum_diag(means, k, m, first, features, scratch, sums)

        return loops_diag
    # Which products of features are summed, and where they go.
    pairs = [(i, j) for i in range(size) for j in range(i + 1)]
    places = {(i, j): 1 + size + i * size + j for i, j in pairs}
    if not full:
        pairs = [(j, j) for j in range(size)]
        places = {(j, j): 1 + size + j for j in range(size)}
    return _write(
        "means, factors, k, m, components, first, features, scratch, sums, unroll",
        before=[
            *_rows(size),
            "nothing = scratch[0, 0] - scratch[0, 0]",
            *(f"s{j} = nothing" for j in range(size)),
            *(f"t{i}_{j} = nothing" for i, j in pairs),
        ],
        body=[
            "r = scratch[k, b]",
            *(f"d{j} = scratch[row{j}, b] - mean{j}" for j in range(size)),
            *(f"w{j} = r * d{j}" for j in range(size)),
            *(f"s{j} += w{j}" for j in range(size)),
            *(f"t{i}_{j} += w{i} * d{j}" for i, j in pairs),
        ],
        after=[
            *(f"sums[k, {1 + j}] += s{j}" for j in range(size)),
            *(f"sums[k, {place}] += t{i}_{j}" for (i, j), place in places.items()),
        ],
    )


def _rows(size: int) -> list[str]:
    """Lines that take the means, and find the rows of the features."""
    means = [f"mean{j} = means[k, {j}]" for j in range(size)]
    return means + [f"row{j} = first + uint64({j})" for j in range(size)]


def _write(arguments: str, before: list[str], body: list[str], after: Any = ()) -> Any:
    """A function of these lines, `body` once a sample of the block.

    The compiler is told that m is made of sixty-fours: for samples left over it would keep
    a second copy of everything in registers, and those are few. The text is made of nothing
    but numbers of features.
    """
    lines = [f"def written({arguments}):"]
    lines += [f"    {line}" for line in before]
    lines += ["    for b in range(uint64(0), (m >> uint64(6)) << uint64(6)):"]
    lines += [f"        {line}" for line in body]
    lines += [f"    {line}" for line in after]
    space: dict[str, Any] = {"uint64": np.uint64, "half": half}
    exec("\n".join(lines), space)
    return space["written"]
