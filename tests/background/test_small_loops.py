"""Twins of small loops: what is sheltered, lamps, votes, what moves, where bands are cut."""

import cv2
import numpy as np
import pytest

from segment.background.network.cuts import cut_rows
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


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (12, 16), (15, 9)])
def test_a_block_moves_where_any_of_its_squares_does(size):
    motion = np.random.default_rng(size).gamma(1, 3, size).astype(np.float32)
    moving = np.full((-(-size[0] // 2), -(-size[1] // 2)), 7, np.uint8)
    kernels.mark_moving(motion, np.float32(4), moving)
    for y, x in np.ndindex(*moving.shape):
        assert moving[y, x] == (motion[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max() > 4)


@pytest.mark.parametrize("size", [0, 1, 255, 1023])
def test_values_from_a_bar_on_are_counted(size):
    values = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8)
    for least in (0, 1, 103, 255):
        assert kernels.count_from(values, np.uint8(least)) == np.count_nonzero(values >= least)


@pytest.mark.parametrize("beyond", [(), (0.5,), (0.77, 0.52, 0.37)])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_no_cut_into_two_costs_less_and_all_rows_are_taken_once(beyond, count):
    rng = np.random.default_rng([len(beyond), count])
    for rows in (1, 2, 7, 30):
        costs = (rng.random(rows) * (rng.random(rows) < 0.6)).astype(np.float32)
        edges = cut_rows(costs, beyond, count)
        assert edges[0] == 0
        assert edges[-1] == rows
        assert sorted(set(edges)) == edges
        assert len(edges) - 1 <= count

        def longest(edge, costs=costs):
            above, below = costs[:edge].sum(), costs[edge:].sum()
            for far, part in enumerate(beyond):
                above += part * costs[edge + far : edge + far + 1].sum()
                below += part * costs[max(edge - 1 - far, 0) : max(edge - far, 0)].sum()
            return max(above, below)

        if count == 2 and rows > 1:
            least = min(longest(edge) for edge in range(1, rows))
            assert longest(edges[1]) == pytest.approx(least, rel=1e-4, abs=1e-6)


def test_a_cut_goes_where_nothing_is_to_be_done():
    costs = np.array([4, 5, 3, 0, 0, 5, 5, 4], np.float32)
    assert cut_rows(costs, (1.0, 1.0), 2)[1] in (3, 4, 5)
