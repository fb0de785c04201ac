"""Bytes changed as disks, cards, networks and people change them; a seed says how."""

import numpy as np

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutate(data, seed):
    """Return (what was done, `data` changed) by `seed`; never what was given."""
    rng = np.random.default_rng(seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    changed = data
    for _ in range(100):
        changed = kind(bytearray(data), rng)
        if changed != data:
            break
    return kind.__name__, bytes(changed)


def _run(data, rng, most=0.2):
    """A stretch: its beginning and end; short ones are as likely as long ones."""
    longest = max(1, int(len(data) * most))
    length = int(np.exp(rng.uniform(0, np.log(longest + 1))))
    begin = int(rng.integers(max(1, len(data) - length)))
    return begin, min(len(data), begin + max(1, length))


def bit(data, rng):
    """One bit, as a cosmic ray does."""
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return data


def scattered(data, rng):
    """Bytes here and there, as a bad cable does."""
    for at in rng.integers(len(data), size=int(rng.integers(2, 40))):
        data[int(at)] ^= int(rng.integers(1, 256))
    return data


def head(data, rng):
    """Bytes of the header."""
    for at in rng.integers(min(len(data), 256), size=int(rng.integers(1, 6))):
        data[int(at)] = int(rng.integers(256))
    return data


def number(data, rng):
    """A size or an offset made extreme."""
    at = int(rng.integers(max(1, len(data) - 4)))
    width = int(rng.choice([1, 2, 4]))
    value = int(rng.choice(_EXTREMES)) & (256**width - 1)
    order = "big" if rng.random() < 0.5 else "little"
    data[at : at + width] = value.to_bytes(width, order)
    return data


def zeroed(data, rng):
    """A stretch that a card never wrote."""
    begin, end = _run(data, rng)
    data[begin:end] = bytes(end - begin)
    return data


def overwritten(data, rng):
    """A stretch of another file."""
    begin, end = _run(data, rng)
    data[begin:end] = rng.bytes(end - begin)
    return data


def lost(data, rng):
    """A stretch that is missing."""
    begin, end = _run(data, rng)
    del data[begin:end]
    return data


def inserted(data, rng):
    """A stretch that does not belong."""
    begin, end = _run(data, rng)
    data[begin:begin] = rng.bytes(end - begin)
    return data


def repeated(data, rng):
    """A stretch that came twice."""
    begin, end = _run(data, rng)
    data[end:end] = data[begin:end]
    return data


def swapped(data, rng):
    """Two stretches that changed places."""
    begin, end = _run(data, rng, 0.1)
    to = int(rng.integers(max(1, len(data) - (end - begin))))
    piece = bytes(data[begin:end])
    data[begin:end] = data[to : to + len(piece)]
    data[to : to + len(piece)] = piece
    return data


def cut(data, rng):
    """A file that ends too early."""
    del data[int(rng.integers(1, len(data))) :]
    return data


KINDS = (bit, scattered, head, number, zeroed, overwritten, lost, inserted, repeated, swapped, cut)
