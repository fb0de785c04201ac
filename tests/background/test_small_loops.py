"""Twins of small loops: what is sheltered, whether a lamp was switched, which votes count."""

import cv2
import numpy as np
import pytest

from segment.background.posterior import kernels
from segment.background.posterior.kernels.records import Frame
from segment.background.posterior.kernels.shelter import REACH

SIZES = [(1, 1), (2, 7), (5, 3), (33, 47), (48, 64)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.4])
@pytest.mark.parametrize("knows", [False, True])
def test_sheltered_is_foreground_and_its_rim_with_evidence(size, share, knows):
    rng = np.random.default_rng([*size, int(100 * share)])
    foreground = (rng.random(size) < share).astype(np.uint8)
    own = rng.integers(0, 256, size[0] * size[1]).astype(np.uint8)
    told = rng.integers(0, 3, own.size).astype(np.uint8) if knows else np.empty(0, np.uint8)
    mask = np.full(size, 7, np.uint8)
    line = np.zeros(size[1] + 2 * REACH, np.uint8)
    for start, stop in ((0, size[0] // 2), (size[0] // 2, size[0])):
        kernels.shelter(foreground, own, told, np.uint8(128), line, mask, start, stop)
    side = 2 * REACH + 1
    rim = cv2.dilate(foreground, np.ones((side, side), np.uint8)) & (own >= 128).reshape(size)
    if knows:
        rim[told.reshape(size) != 0] = 0
    np.testing.assert_array_equal(mask, foreground | rim)
    assert not line[:REACH].any()
    assert not line[-REACH:].any()


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("step", [1, 3])
def test_the_share_that_changed_is_that_of_the_grid(channels, step):
    rng = np.random.default_rng([channels, step])
    height, width = 31, 44
    new = rng.integers(0, 256, (height, width, channels)).astype(np.uint8)
    old = np.clip(new * 0.6 + rng.normal(0, 8, new.shape), 0, 255).astype(np.uint8)
    before = np.ascontiguousarray(np.moveaxis(old, 2, 0)).reshape(channels, -1)
    frame = Frame((0,) * channels, new.reshape(-1), height, width)
    one, other, bar = np.float32(0.7), np.float32(1.1), np.float32(50)
    found = kernels.sample_change(frame, before, one, other, bar, step)
    a, b = (image[::step, ::step].astype(float) for image in (new, old))
    wanted = (np.abs(a - b).mean(2) > 50).mean(), (np.abs(0.7 * a - 1.1 * b).mean(2) > 50).mean()
    np.testing.assert_allclose(found, wanted, atol=2 / a[..., 0].size)
    assert 0.2 < found[0] < 0.9


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (12, 16), (15, 9)])
def test_votes_stay_where_nothing_of_the_cell_is_sure(size):
    rng = np.random.default_rng(size)
    posterior = rng.integers(0, 256, size).astype(np.uint8)
    votes = rng.normal(0, 5, (-(-size[0] // 2), -(-size[1] // 2))).astype(np.float32)
    out = np.empty_like(votes)
    kernels.leave_doubted(votes, posterior, np.uint8(225), out)
    for y, x in np.ndindex(*votes.shape):
        sure = posterior[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max() >= 225
        assert out[y, x] == (0 if sure else votes[y, x])
