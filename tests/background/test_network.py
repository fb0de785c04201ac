"""The network of the learned decision against plain convolutions in whole arrays."""

import numpy as np
import pytest

from segment.background.network import Network, weights
from segment.background.network.records import BLOCK, EVIDENCE
from segment.background.posterior.kernels.planes import GLANCED, PLANES


@pytest.fixture(scope="module")
def layers():
    return weights.load(PLANES, len(GLANCED))


def convolved(maps, layer, outputs):
    """3 x 3 with a border of zeros, from packed weights, in whole arrays."""
    groups, inputs = layer.weight.shape[:2]
    kernels = layer.weight.reshape(groups, inputs, 4, 9).transpose(0, 2, 1, 3)
    kernels = kernels.reshape(groups * 4, inputs, 3, 3)
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    height, width = maps.shape[1:]
    out = np.zeros((groups * 4, height, width)) + layer.bias[:, None, None]
    for y in range(3):
        for x in range(3):
            window = padded[:, y : y + height, x : x + width]
            out += np.einsum("oi,ihw->ohw", kernels[:, :, y, x], window)
    return np.maximum(out[:outputs], 0)


def mixed(maps, layer, outputs):
    groups, fours = layer.weight.shape[:2]
    matrix = layer.weight.reshape(groups, fours, 4, 4).transpose(0, 2, 1, 3)
    matrix = matrix.reshape(groups * 4, fours * 4)
    return (np.einsum("oi,ihw->ohw", matrix, maps) + layer.bias[:, None, None])[:outputs]


def larger(maps, times=2):
    return maps.repeat(times, axis=1).repeat(times, axis=2)


def halved(maps):
    count, height, width = maps.shape
    return maps.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


def blocks(maps):
    count, height, width = maps.shape
    parts = maps.reshape(count, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return np.concatenate([parts.max(axis=(2, 4)), parts.mean(axis=(2, 4))])


def expected(planes, restless, layers, wary):
    """Active blocks, and posteriors of 2 x 2 pixels and of shadow, (5, h, w)."""
    x = planes.astype(np.float64)
    x[4:8] -= 128
    x /= 64
    c0, c1, c2, seen = 8, 12, 16, 16
    around = convolved(blocks(x[list(GLANCED)]) * restless, layers.g0, seen) * restless
    much = (wary > 0) & (blocks(x[[EVIDENCE]])[1] > 1.5)
    active = ((mixed(around, layers.doubt, 1)[0] > 0) | much) & (restless > 0)
    m0, m1, m2 = (larger(active[None].astype(float), BLOCK >> level) for level in range(3))
    e0 = np.maximum(mixed(x, layers.e0, c0), 0) * m0
    f0 = convolved(e0, layers.f0, c0) * m0
    a1 = convolved(halved(f0), layers.a1, c1) * m1
    b1 = convolved(a1, layers.b1, c1) * m1
    a2 = convolved(halved(b1), layers.a2, c2) * m2
    b2 = convolved(a2, layers.b2, c2) * m2
    far = larger(convolved(around, layers.c1, c2))
    u2 = convolved((far + b2) * m2, layers.u2, c2) * m2
    u1 = convolved((larger(mixed(u2, layers.t1, c1)) + b1) * m1, layers.u1, c1) * m1
    u0 = convolved((larger(mixed(u1, layers.t0, c0)) + f0) * m0, layers.u0, c0) * m0
    return active, 255 / (1 + np.exp(-mixed(u0, layers.out, 5))) * m0


def drawn(rng, height, width):
    """Planes with quiet places and others, and the blocks that are not quiet."""
    planes = rng.integers(0, 256, (PLANES, height, width)).astype(np.uint8)
    rough = rng.random((height // BLOCK, width // BLOCK)) < 0.6
    planes = np.where(larger(rough[None], BLOCK), planes, planes // 16)
    return planes, (rng.random(rough.shape) < 0.8).astype(np.uint8)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [(2, 3), (5, 4), (3, 11), (1, 1), (15, 9)])
def test_the_network_does_what_the_equations_say(size, threads, layers):
    rng = np.random.default_rng(3)
    height, width = size[0] * BLOCK, size[1] * BLOCK
    network = Network(layers, (height, width), GLANCED)
    ours = np.full((2, 2 * height, 2 * width), 7, np.uint8)
    looked = set()
    for share in (0, 0.5, 0, 1):  # what one frame leaves must not be seen in the next
        planes, restless = drawn(rng, height, width)
        wary = (rng.random(size) < share).astype(np.uint8)
        for row in range(0, size[0], 2):
            network.read(planes, restless, row, min(row + 2, size[0]))
        found = network.glance(restless, wary)
        active, posteriors = expected(planes, restless, layers, wary)
        np.testing.assert_array_equal(network.active, active)
        assert found == active.any()
        assert network.looked == active.mean()
        looked.add(network.looked)
        network.judge(planes, ours[0], ours[1], threads)
        pieces = [ours[0, k // 2 :: 2, k % 2 :: 2] for k in range(4)] + [ours[1, ::2, ::2]]
        for mine, theirs in zip(pieces, posteriors, strict=True):
            assert np.abs(mine - theirs).max() <= 2  # a table of steps of 1/64
    assert size == (1, 1) or len(looked) > 1


def test_beyond_the_last_whole_block_the_picture_goes_on_as_it_ends(layers):
    rng = np.random.default_rng(5)
    planes = rng.integers(0, 256, (PLANES, 21, 35)).astype(np.uint8)
    ours, theirs = np.zeros((2, 41, 69), np.uint8), np.zeros((2, 48, 80), np.uint8)
    wide = np.pad(planes, ((0, 0), (0, 3), (0, 5)), mode="edge")
    # Means over part of a block are not those over the whole: the glance sees none and doubts all.
    blind = layers.g0._replace(weight=np.zeros_like(layers.g0.weight))
    doubt = layers.doubt._replace(bias=np.full_like(layers.doubt.bias, 1e6))
    for given, out in ((planes, ours), (wide, theirs)):
        network = Network(layers._replace(g0=blind, doubt=doubt), given.shape[1:], GLANCED)
        network.read(given, np.ones((3, 5), np.uint8), 0, 3)
        network.glance(np.ones((3, 5), np.uint8), np.zeros((3, 5), np.uint8))
        network.judge(given, out[0], out[1], 1)
    np.testing.assert_array_equal(ours, theirs[:, :41, :69])


def test_what_is_plainly_background_is_not_looked_at(layers):
    network = Network(layers, (24, 40), GLANCED)
    quiet = np.zeros((3, 5), np.uint8)
    network.read(np.zeros((PLANES, 24, 40), np.uint8), quiet, 0, 3)
    assert not network.glance(quiet, np.ones((3, 5), np.uint8))
    assert network.looked == 0


def test_bands_find_the_same_to_the_bit(layers):
    rng = np.random.default_rng(11)
    planes = rng.integers(0, 256, (PLANES, 40 * BLOCK, 7 * BLOCK)).astype(np.uint8)
    found = []
    for threads in (1, 2, 5):
        network = Network(layers, planes.shape[1:], GLANCED)
        network.read(planes, np.ones((40, 7), np.uint8), 0, 40)
        assert network.glance(np.ones((40, 7), np.uint8), np.zeros((40, 7), np.uint8))
        out = np.zeros((2, 80 * BLOCK, 14 * BLOCK), np.uint8)
        network.judge(planes, out[0], out[1], threads)
        found.append(out)
    assert network.looked > 0.2
    assert np.unique(found[0]).size > 100
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
