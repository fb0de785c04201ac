"""The compiled loop of boundary matching."""

from segment.kernels import kept


@kept.compiled(nogil=True)
def match(starts, partners, left, right, queue, parent, dead):
    """Match as many pixels of one boundary as can be with pixels of another, one to one.

    starts (N + 1,) and partners (E,): pixel n of the left may go with
    partners[starts[n]:starts[n + 1]], the nearest first. left (N,) and right (M,) int64,
    overwritten: the partner, or -1. queue (M,), parent (M,) int64 and dead (M,) int64 are room
    to work in; dead must be zeros.
    """
    left[:] = -1
    right[:] = -1
    # The nearest that is free: nine in ten find theirs here.
    for n in range(len(left)):
        for e in range(starts[n], starts[n + 1]):
            if right[partners[e]] < 0:
                left[n], right[partners[e]] = partners[e], n
                break
    # Shortest augmenting paths for the others. What a search in vain has seen can be in no later
    # path either, so it stays dead, and all failures together see every edge once.
    for n in range(len(left)):
        if left[n] >= 0:
            continue
        head, tail, end = 0, 0, -1
        node = n
        while end < 0:
            for e in range(starts[node], starts[node + 1]):
                m = partners[e]
                if dead[m] == 0:
                    dead[m] = 1
                    parent[m] = node
                    queue[tail] = m
                    tail += 1
                    if right[m] < 0:
                        end = m
                        break
            if end >= 0 or head == tail:
                break
            node = right[queue[head]]
            head += 1
        if end >= 0:
            for q in range(tail):
                dead[queue[q]] = 0
        while end >= 0:
            node = parent[end]
            before = left[node]
            left[node], right[end] = end, node
            end = before
