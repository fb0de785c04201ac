"""The first responsibilities: whose they are, and that γ stays a share."""

import numpy as np
import pytest

from segment.neural.em.beginnings import beginnings, seeded_responsibilities
from segment.neural.em.noise import flip_bits, random_responsibilities


def frames(*places, size=(28, 28), side=6):
    """One frame (1, 1, H, W) with a bright square at each (row, column)."""
    x = np.zeros((1, 1, *size), np.float32)
    for y, left in places:
        x[0, 0, y : y + side, left : left + side] = 1
    return x


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize("kind", ["random", "seeds"])
def test_gamma_is_shared_out(kind, slots, background):
    x = np.random.default_rng(1).random((3, 2, 13, 21), np.float32)
    gamma = beginnings(kind)(np.random.default_rng(0), x, slots, background)
    assert gamma.shape == (3, slots + background, 1, 13, 21)
    assert gamma.dtype == np.float32
    assert gamma.min() >= 0
    np.testing.assert_allclose(gamma.sum(axis=1), 1, rtol=1e-5)
    again = beginnings(kind)(np.random.default_rng(0), x, slots, background)
    np.testing.assert_array_equal(gamma, again)


def test_random_ones_are_those_of_the_papers():
    x = np.zeros((2, 1, 9, 7), np.float32)
    ours = beginnings("random")(np.random.default_rng(3), x, 4, True)
    wanted = random_responsibilities(np.random.default_rng(3), (2, 5, 1, 9, 7))
    np.testing.assert_array_equal(ours, wanted)


@pytest.mark.parametrize("seed", range(8))
def test_every_square_has_a_slot_of_its_own_to_begin_with(seed):
    places = [(2, 2), (3, 20), (20, 10)]
    x = frames(*places)
    x = flip_bits(np.random.default_rng(seed), x, 0.05)
    gamma = seeded_responsibilities(np.random.default_rng(seed), x, 3)[0, :, 0]
    owners = [int(gamma[:, y + 3, left + 3].argmax()) for y, left in places]
    assert sorted(owners) == [0, 1, 2]


def test_single_wrong_pixels_are_no_beginning():
    x = frames((10, 10), side=8)
    x[0, 0, 0, 0] = x[0, 0, 27, 0] = x[0, 0, 0, 27] = 1
    for seed in range(20):
        gamma = seeded_responsibilities(np.random.default_rng(seed), x, 2)[0, :, 0]
        # Two points in the one square: who has its corners is undecided, or nearly.
        assert 0.15 < gamma[0, 14, 14] < 0.85
        far = np.abs(np.diff(gamma[0])).max()
        assert far < 0.2  # no point of light lies in a corner of its own


def test_noise_far_from_all_objects_is_no_beginning():
    """A fifth of all pixels wrong, as in the papers: seeds used to lie where noise was dense."""
    places = [(3, 3), (3, 12), (12, 4)]  # all in one corner, and hollow, hence not very bright
    x = frames(*places, side=7) - frames(*((y + 2, left + 2) for y, left in places), side=3)
    parted = 0
    for seed in range(100):
        noisy = flip_bits(np.random.default_rng(seed), x, 0.2)
        gamma = seeded_responsibilities(np.random.default_rng(seed), noisy, 3)[0, :, 0]
        owners = [int(gamma[:, y + 3, left + 3].argmax()) for y, left in places]
        parted += sorted(owners) == [0, 1, 2]
    assert parted >= 90


def test_gamma_is_what_the_distances_say():
    x = frames((2, 2), (20, 18))
    gamma = seeded_responsibilities(np.random.default_rng(0), x, 2)[0, :, 0]
    logs = np.log(gamma[0] / gamma[1])
    # The log-odds of two Gaussians of one width are linear in the place.
    np.testing.assert_allclose(np.diff(logs, 2, axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.diff(logs, 2, axis=1), 0, atol=1e-3)


def test_the_first_point_is_drawn():
    x = frames((2, 2), (3, 20), (20, 10), (19, 20))
    found = {seeded_responsibilities(np.random.default_rng(s), x, 2).tobytes() for s in range(12)}
    assert len(found) > 2


def test_a_black_frame_begins_somewhere():
    gamma = seeded_responsibilities(np.random.default_rng(0), np.zeros((1, 1, 8, 8), "f"), 3)
    np.testing.assert_allclose(gamma.sum(axis=1), 1, rtol=1e-5)


def test_the_background_has_the_mean():
    gamma = seeded_responsibilities(np.random.default_rng(0), frames((2, 2)), 3, True)[0, :, 0]
    np.testing.assert_allclose(gamma[3], 0.25, atol=1e-6)
