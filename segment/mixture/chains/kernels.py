"""The compiled loops over time: forward, backward and Viterbi, scaled or in logarithms.

Scaled loops carry probabilities that sum to 1 at every step, and multiply: for K states they
cost K² products a step. In logarithms they cost K² exponentials, and lose nothing, whatever
the probabilities. Up to eight states the scaled loops are written out, so that what is
carried from one step to the next never leaves its registers: 100,000 steps of eight states
forward in 2.8 ms instead of 4.8.

fresh (n,) bool says where a sequence begins; moves (K, K) are from row to column.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from segment.mixture.kernels.elementary import SUMS, compile_loop, compile_sums, exp, exp_wide, log

__all__ = [
    "LEAST",
    "NEVER",
    "draw_block",
    "filter_block",
    "filter_block_log",
    "follow_back",
    "likelihoods",
    "smooth_block",
    "smooth_block_log",
    "viterbi_block",
    "written_out",
]

# States up to which the loops are written out; above, the compiler takes seconds for them and
# memory is as fast.
_MOST = 8

LEAST = 1e-250
"""Below this share of the largest, scaled numbers may have lost what matters."""

NEVER = -1e300
"""The logarithm of nothing: sums of a few stay finite, differences are no NaN."""


def written_out(states: int) -> tuple[int, ...]:
    """What `unroll` is for so many states: that many numbers, or none."""
    return (0,) * states if states <= _MOST else ()


@compile_loop
def likelihoods(joint, flat):
    """Turn ln likelihoods (n, K) into shares of each row's largest; return the sum of those.

    flat (n * K,) are the same numbers: loops over many become vector instructions.
    """
    states = joint.shape[1]
    total = 0.0
    for t in range(joint.shape[0]):
        largest = NEVER
        for j in range(states):
            if joint[t, j] > largest:
                largest = joint[t, j]
        total += largest
        for j in range(states):
            # Where nothing is possible, nothing is known of the state.
            joint[t, j] = joint[t, j] - largest if largest > NEVER else 0.0
    for n in range(flat.shape[0]):
        flat[n] = exp_wide(flat[n])
    return total


def forward(b, fresh, first, moves, ahead, alpha, scale, unroll):
    """Filter n steps; return the sum of ln scales, or NaN where a scale is below `LEAST`.

    b (n, K) likelihoods of each step's observation; first (K,) and moves (K, K)
    probabilities; ahead (K,) the states expected at the first of these steps, updated to
    those after the last. Overwritten: alpha (n, K), P(state | all so far); scale (n,),
    P(observation | those before), in units of b.
    """
    states = b.shape[1]
    total, product = 0.0, 1.0
    for t in range(b.shape[0]):
        if fresh[t]:
            for j in range(states):
                ahead[j] = first[j]
        s = 0.0
        for j in range(states):
            u = ahead[j] * b[t, j]
            alpha[t, j] = u
            s += u
        if not s > LEAST:
            return np.nan
        scale[t] = s
        product *= s
        if product < 1e-50:
            total += np.log(product)
            product = 1.0
        r = 1.0 / s
        for j in range(states):
            alpha[t, j] *= r
            ahead[j] = 0.0
        for i in range(states):
            u = alpha[t, i]
            for j in range(states):
                ahead[j] += u * moves[i, j]
    return total + np.log(product)


def backward(b, fresh, moves, behind, alpha, scale, gamma, unroll):
    """Smooth n filtered steps, from the last to the first; return the largest factor met.

    behind (K,): what the future says of each state at the last step, 1 at an end; updated to
    that of the step before the first. gamma (n, K), overwritten: P(state | whole sequence).
    b (n, K) becomes b · future / scale, so that alpha[t - 1, i] · moves[i, j] · b[t, j] is the
    probability of that move, and 0 where a sequence begins. A factor above 1 / `LEAST` says
    that alpha had lost what matters.
    """
    states = b.shape[1]
    most = 0.0
    for back in range(b.shape[0]):
        t = b.shape[0] - 1 - back
        r = 1.0 / scale[t]
        for j in range(states):
            e = behind[j]
            most = max(most, e * r)
            gamma[t, j] = alpha[t, j] * e
            b[t, j] *= e * r
        for i in range(states):
            s = 0.0
            for j in range(states):
                s += moves[i, j] * b[t, j]
            behind[i] = s
        if fresh[t]:
            for j in range(states):
                b[t, j] = 0.0
                behind[j] = 1.0
    return most


@overload(forward, jit_options=SUMS)
def _forward(b, fresh, first, moves, ahead, alpha, scale, unroll):
    if len(unroll) == 0:
        return forward
    each = range(len(unroll))
    return _write(
        "b, fresh, first, moves, ahead, alpha, scale, unroll",
        [
            *(f"a{i}_{j} = moves[{i}, {j}]" for i in each for j in each),
            *(f"p{j} = ahead[{j}]" for j in each),
            "total, product = 0.0, 1.0",
            "for t in range(b.shape[0]):",
            "    if fresh[t]:",
            *(f"        p{j} = first[{j}]" for j in each),
            *(f"    u{j} = p{j} * b[t, {j}]" for j in each),
            "    s = " + " + ".join(f"u{j}" for j in each),
            "    if not s > LEAST:",
            "        return nan",
            "    scale[t] = s",
            "    product *= s",
            "    if product < 1e-50:",
            "        total += log(product)",
            "        product = 1.0",
            "    r = 1.0 / s",
            *(f"    u{j} *= r" for j in each),
            *(f"    alpha[t, {j}] = u{j}" for j in each),
            *(f"    p{j} = " + " + ".join(f"u{i} * a{i}_{j}" for i in each) for j in each),
            *(f"ahead[{j}] = p{j}" for j in each),
            "return total + log(product)",
        ],
    )


@overload(backward, jit_options=SUMS)
def _backward(b, fresh, moves, behind, alpha, scale, gamma, unroll):
    if len(unroll) == 0:
        return backward
    each = range(len(unroll))
    return _write(
        "b, fresh, moves, behind, alpha, scale, gamma, unroll",
        [
            *(f"a{i}_{j} = moves[{i}, {j}]" for i in each for j in each),
            *(f"e{j} = behind[{j}]" for j in each),
            "most = 0.0",
            "for back in range(b.shape[0]):",
            "    t = b.shape[0] - 1 - back",
            "    r = 1.0 / scale[t]",
            *(f"    gamma[t, {j}] = alpha[t, {j}] * e{j}" for j in each),
            *(f"    f{j} = e{j} * r" for j in each),
            *(f"    most = max(most, f{j})" for j in each),
            *(f"    v{j} = b[t, {j}] * f{j}" for j in each),
            *(f"    b[t, {j}] = v{j}" for j in each),
            *(f"    e{i} = " + " + ".join(f"v{j} * a{i}_{j}" for j in each) for i in each),
            "    if fresh[t]:",
            *(f"        e{j} = 1.0" for j in each),
            *(f"        b[t, {j}] = 0.0" for j in each),
            *(f"behind[{j}] = e{j}" for j in each),
            "return most",
        ],
    )


def _write(arguments: str, lines: list[str]) -> Any:
    """A function of these lines, made of nothing but numbers of states."""
    space: dict[str, Any] = {"log": np.log, "nan": np.nan, "LEAST": LEAST}
    exec("\n".join([f"def written({arguments}):", *(f"    {line}" for line in lines)]), space)
    return space["written"]


@compile_sums
def filter_block(b, fresh, first, moves, ahead, alpha, scale, unroll):
    """As `forward`, to be called."""
    return forward(  # type: ignore[no-untyped-call]
        b, fresh, first, moves, ahead, alpha, scale, unroll
    )


@compile_sums
def smooth_block(b, fresh, moves, behind, alpha, scale, gamma, unroll):
    """As `backward`, to be called."""
    return backward(  # type: ignore[no-untyped-call]
        b, fresh, moves, behind, alpha, scale, gamma, unroll
    )


@compile_sums
def filter_block_log(joint, fresh, first, moves, ahead, alpha, scale, best, terms, unroll):
    """As `forward`, all in logarithms, nothing is `NEVER`.

    best (K,) and terms (K * K,) are scratch: a loop over all moves becomes vector instructions.
    """
    states = len(unroll) or joint.shape[1]
    total = 0.0
    for t in range(joint.shape[0]):
        if fresh[t]:
            for j in range(states):
                ahead[j] = first[j]
        largest = NEVER
        for j in range(states):
            # Also where it is no number.
            seen = joint[t, j] if joint[t, j] > NEVER else NEVER
            alpha[t, j] = max(NEVER, ahead[j] + seen)
            largest = max(largest, alpha[t, j])
        s = 0.0
        for j in range(states):
            s += exp(alpha[t, j] - largest)
        c = largest + np.log(s)
        scale[t] = c
        total += c
        for j in range(states):
            alpha[t, j] = max(NEVER, alpha[t, j] - c)
            best[j] = NEVER
            ahead[j] = 0.0
        for i in range(states):
            u = alpha[t, i]
            for j in range(states):
                best[j] = max(best[j], u + moves[i, j])
        for i in range(states):
            u = alpha[t, i]
            for j in range(states):
                terms[i * states + j] = u + moves[i, j] - best[j]
        for n in range(terms.shape[0]):
            terms[n] = exp(min(0.0, terms[n]))
        for i in range(states):
            for j in range(states):
                ahead[j] += terms[i * states + j]
        for j in range(states):
            ahead[j] = best[j] + log(max(1e-300, ahead[j]))
    return total


@compile_sums
def smooth_block_log(
    joint, fresh, moves, behind, before, alpha, scale, gamma, counts, future, terms, unroll
):
    """As `backward`, in logarithms; before (K,) is alpha at the step before the first.

    gamma (n, K) becomes P(state | whole sequence), no logarithm; counts (K * K,) is added to:
    the expected number of moves. future (K,) and terms (2 * K * K,) are scratch.
    """
    states = len(unroll) or joint.shape[1]
    square = states * states
    for back in range(joint.shape[0]):
        t = joint.shape[0] - 1 - back
        for j in range(states):
            gamma[t, j] = exp(min(0.0, alpha[t, j] + behind[j]))
            seen = joint[t, j] if joint[t, j] > NEVER else NEVER
            future[j] = max(NEVER, seen + behind[j] - scale[t])
        if fresh[t]:
            for j in range(states):
                behind[j] = 0.0
            continue
        for i in range(states):
            u = alpha[t - 1, i] if t > 0 else before[i]
            largest = NEVER
            for j in range(states):
                largest = max(largest, moves[i, j] + future[j])
            for j in range(states):
                both = moves[i, j] + future[j]
                terms[i * states + j] = both - largest
                terms[square + i * states + j] = u + both
            behind[i] = largest
        for n in range(terms.shape[0]):
            terms[n] = exp(min(0.0, terms[n]))
        for n in range(square):
            counts[n] += terms[square + n]
        for i in range(states):
            s = 0.0
            for j in range(states):
                s += terms[i * states + j]
            behind[i] += log(max(1e-300, s))


@compile_loop
def draw_block(alpha, fresh, moves, draws, states, gamma, counts, edges):
    """Draw paths back through filtered steps, from the last to the first.

    alpha (n, K) ln P(state | all so far), moves (K, K) logarithms; draws (n, m) from [0, 1),
    one for each step and path. states (m,): where each path is at the step after the last, -1 at
    an end; updated to where it is at the first, -1 where a sequence begins there. Added to:
    gamma (n, K), the paths in each state, and counts (K, K), their moves. edges (K,) is scratch.
    """
    many = alpha.shape[1]
    for back in range(alpha.shape[0]):
        t = alpha.shape[0] - 1 - back
        for path in range(draws.shape[1]):
            after = states[path]
            largest = NEVER
            for i in range(many):
                edges[i] = alpha[t, i]
                if after >= 0:
                    edges[i] += moves[i, after]
                largest = max(largest, edges[i])
            total = 0.0
            for i in range(many):
                total += exp(min(0.0, edges[i] - largest))
                edges[i] = total
            state = 0
            while state < many - 1 and edges[state] <= draws[t, path] * total:
                state += 1
            gamma[t, state] += 1.0
            if after >= 0:
                counts[state, after] += 1.0
            states[path] = -1 if fresh[t] else state


@compile_loop
def viterbi_block(joint, fresh, first, moves, reach, came, best, unroll):
    """Follow the best paths through n steps; return what the best has gained, in nats.

    reach (K,) ln of the best path to each state at the step before, the best of them 0;
    updated. came (n, K): the state before, on the best path to each; where a sequence begins,
    the state in which the one before it ends. best (K,) is scratch.
    """
    states = len(unroll) or joint.shape[1]
    total = 0.0
    for t in range(joint.shape[0]):
        if fresh[t]:
            end = 0
            for i in range(1, states):
                if reach[i] > reach[end]:
                    end = i
            for j in range(states):
                best[j] = first[j]
                came[t, j] = end
        else:
            for j in range(states):
                best[j] = reach[0] + moves[0, j]
                came[t, j] = 0
            for i in range(1, states):
                u = reach[i]
                for j in range(states):
                    if u + moves[i, j] > best[j]:
                        best[j] = u + moves[i, j]
                        came[t, j] = i
        largest = NEVER
        for j in range(states):
            if joint[t, j] > NEVER:
                best[j] = max(NEVER, best[j] + joint[t, j])
            else:
                best[j] = NEVER
            largest = max(largest, best[j])
        total += largest
        for j in range(states):
            reach[j] = max(NEVER, best[j] - largest)
    return total


@compile_loop
def follow_back(came, end, states):
    """Fill states (n,) with the path that ends in state `end` after the last step."""
    state = end
    for back in range(came.shape[0]):
        t = came.shape[0] - 1 - back
        states[t] = state
        state = came[t, state]
