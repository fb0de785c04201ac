"""What the mixture promises: its laws, its parameters, its threads."""

import copy
import pickle
import threading

import numpy as np
import pytest

from segment.background import GaussianMixtureSubtractor, gmm
from tests.background.mixtures import run, same_state
from tests.background.test_kernels import restless, state_of
from tests.conftest import moving_square


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("components", [1, 2, 5, 7])
def test_weights_sum_to_one_descend_and_variances_keep_their_bounds(dtype, components):
    rng = np.random.default_rng(components)
    subtractor = GaussianMixtureSubtractor(history=30, components=components, dtype=dtype)
    for image in restless(rng, (9, 101, 2), 60):
        subtractor.apply(image)
        weight, variance, _, count = state_of(subtractor)
        alive = np.arange(components)[:, None, None] < count
        assert count.min() >= 1
        assert count.max() <= components
        np.testing.assert_allclose(weight.sum(axis=0), 1, rtol=1e-5)
        assert (weight[alive] > 0).all()
        assert (weight[~alive] == 0).all()
        assert (np.diff(weight, axis=0) <= 0).all()
        assert (variance[alive] >= subtractor.smallest_variance).all()
        assert (variance[alive] <= subtractor.largest_variance).all()
    assert components == 1 or count.max() > 1


def test_a_restless_pixel_has_as_many_modes_as_colours():
    rng = np.random.default_rng(3)
    subtractor = GaussianMixtureSubtractor(history=100, complexity=0.05, background_weight=0.9)
    for _ in range(300):
        chosen = rng.integers(0, 3, (8, 70, 1))
        image = 40 + 80 * chosen + rng.integers(-2, 3, chosen.shape)
        mask = subtractor.apply(image.astype(np.uint8))
    assert (state_of(subtractor)[3] == 3).all()
    assert not mask.any()
    np.testing.assert_allclose(state_of(subtractor)[0][:3].mean(axis=(1, 2)), 1 / 3, atol=0.1)


def test_a_still_scene_stays_empty_and_keeps_one_mode():
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 256, (13, 77, 3), np.uint8)
    subtractor = GaussianMixtureSubtractor()
    assert not run(subtractor, [picture] * 50).any()
    assert (state_of(subtractor)[3] == 1).all()
    assert (state_of(subtractor)[0][0] == 1).all()
    np.testing.assert_array_equal(subtractor.background(), picture)


def test_rate_0_freezes_bit_for_bit():
    images, _ = moving_square(length=24)
    subtractor = GaussianMixtureSubtractor()
    run(subtractor, images[:12])
    before = [array.copy() for array in state_of(subtractor)]
    masks = [subtractor.apply(image, learning_rate=0) for image in images[12:]]
    for ours, theirs in zip(state_of(subtractor), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any(mask.any() for mask in masks)
    again = [subtractor.apply(image, learning_rate=0.0) for image in images[12:]]
    np.testing.assert_array_equal(masks, again)


def test_looking_does_not_count_as_learning():
    images, _ = moving_square(length=12)
    looking, learning = GaussianMixtureSubtractor(), GaussianMixtureSubtractor()
    for image in images:
        learning.apply(image)
        looking.apply(image)
        looking.apply(images[0], learning_rate=0)
    for ours, theirs in zip(state_of(looking), state_of(learning), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rate_1_remembers_nothing_but_the_last_frame():
    first, second = np.zeros((5, 7, 3), np.uint8), np.full((5, 7, 3), 200, np.uint8)
    subtractor = GaussianMixtureSubtractor()
    subtractor.apply(first)
    assert subtractor.apply(second, learning_rate=1.0).all()
    np.testing.assert_array_equal(subtractor.background(), second)
    assert not subtractor.apply(second).any()


def test_what_stays_becomes_background():
    subtractor = GaussianMixtureSubtractor(history=50)
    empty, full = np.full((6, 70, 1), 50, np.uint8), np.full((6, 70, 1), 150, np.uint8)
    run(subtractor, [empty] * 50)
    masks = run(subtractor, [full] * 60)
    assert masks[0].all()
    assert not masks[-1].any()
    # 1 - (1 - 1/50)^n passes 0.2 at n = 11, less the prior: by then the old background
    # has lost enough weight not to be all of it.
    assert 9 <= masks[:, 0, 0].sum() <= 13


@pytest.mark.parametrize("channels", [1, 2, 4, 8])
def test_a_grey_picture_in_several_channels_has_the_same_mask(channels):
    images, _ = moving_square(length=20)
    grey = images[..., :1]
    one = run(GaussianMixtureSubtractor(dtype=np.float64), grey)
    many = run(GaussianMixtureSubtractor(dtype=np.float64), np.repeat(grey, channels, axis=3))
    assert one.any()
    np.testing.assert_array_equal(one, many)


def test_the_order_of_the_channels_does_not_matter():
    images, _ = moving_square(length=20)
    swapped = np.ascontiguousarray(images[..., ::-1])
    np.testing.assert_array_equal(
        run(GaussianMixtureSubtractor(dtype=np.float64), images),
        run(GaussianMixtureSubtractor(dtype=np.float64), swapped),
    )


def test_shadows_are_background_when_asked_for():
    ground = np.full((9, 80, 3), (120, 100, 80), np.uint8)
    shadowed, changed = ground.copy(), ground.copy()
    shadowed[2:5, 10:70] = ground[2:5, 10:70] * 0.7
    changed[2:5, 10:70] = (60, 90, 30)
    for image, with_shadows in ((shadowed, 0), (changed, 180)):
        for detect, wanted in ((False, 180), (True, with_shadows)):
            subtractor = GaussianMixtureSubtractor(detect_shadows=detect)
            run(subtractor, [ground] * 10)
            assert subtractor.apply(image).sum() == wanted


@pytest.mark.parametrize("guided", [False, True])
def test_a_pixel_does_not_depend_on_its_neighbours(guided):
    """Whom it shares a block with decides which path a pixel takes."""
    rng = np.random.default_rng(8)
    shape = (9, 301, 3)
    frames = list(restless(rng, shape, 25))
    for frame in frames:
        # Nearly still on the left, a few restless pixels between.
        frame[:, :150][rng.random((9, 150)) < 0.97] = 90
    one, other = GaussianMixtureSubtractor(), GaussianMixtureSubtractor()
    if guided:
        # Says nothing, but is another path.
        other.region = np.ones(shape[:2], bool)
    order = rng.permutation(9 * 301)
    for frame in frames:
        shuffled = frame.reshape(-1, 3)[order].reshape(shape)
        mask = one.apply(frame)
        np.testing.assert_array_equal(other.apply(shuffled).reshape(-1), mask.reshape(-1)[order])
    for ours, theirs in zip(state_of(other)[:3], state_of(one)[:3], strict=True):
        flat = theirs.reshape(*theirs.shape[:-2], -1)[..., order].reshape(theirs.shape)
        alive = state_of(other)[0] > 0
        alive = alive if ours.ndim == 3 else alive[:, None]
        np.testing.assert_array_equal(np.where(alive, ours, 0), np.where(alive, flat, 0))


@pytest.mark.parametrize("threads", [2, 3, 8, None])
def test_the_number_of_threads_changes_nothing(threads, monkeypatch):
    monkeypatch.setattr(gmm, "PIXELS_WORTH_A_THREAD", 1)
    frames = list(restless(np.random.default_rng(6), (101, 257, 3), 10))
    alone = GaussianMixtureSubtractor(threads=1)
    several = GaussianMixtureSubtractor(threads=threads)
    np.testing.assert_array_equal(run(several, frames), run(alone, frames))
    for ours, theirs in zip(state_of(several), state_of(alone), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_several_subtractors_may_work_in_several_threads(monkeypatch):
    monkeypatch.setattr(gmm, "PIXELS_WORTH_A_THREAD", 1)
    frames = list(restless(np.random.default_rng(7), (120, 200, 3), 8))
    expected = run(GaussianMixtureSubtractor(threads=1), frames)
    results = {}

    def work(name):
        results[name] = run(GaussianMixtureSubtractor(threads=4), frames)

    workers = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 6
    for masks in results.values():
        np.testing.assert_array_equal(masks, expected)


def test_parameters_may_change_while_running():
    images, _ = moving_square(length=12)
    subtractor = GaussianMixtureSubtractor()
    run(subtractor, images[:8])
    some = subtractor.apply(images[8], learning_rate=0).sum()
    subtractor.threshold = 1e6
    assert some > 0
    assert not subtractor.apply(images[8], learning_rate=0).any()
    subtractor.threshold = -1
    with pytest.raises(ValueError, match="threshold is -1"):
        subtractor.apply(images[9])


# --- results --------------------------------------------------------------------------------


@pytest.mark.parametrize("shadows", [False, True])
def test_the_mask_is_where_the_posterior_passes_a_half(shadows):
    rng = np.random.default_rng(3)
    subtractor = GaussianMixtureSubtractor(keep_posterior=True, detect_shadows=shadows)
    plain = GaussianMixtureSubtractor(detect_shadows=shadows)
    frames = list(restless(rng, (20, 75, 3), 15))
    for frame in frames:
        mask = subtractor.apply(frame)
        np.testing.assert_array_equal(mask, plain.apply(frame))
        posterior = subtractor.posterior()
        assert posterior.dtype == np.float32
        assert posterior.min() >= 0
        assert posterior.max() <= 1
        np.testing.assert_array_equal(posterior > 0.5, mask)
    assert mask.any()
    same_state(subtractor, plain)
    known = rng.choice([-1, 0, 1], mask.shape).astype(np.int8)
    subtractor.apply(frames[0], known=known)
    assert (subtractor.posterior()[known == 1] == 1).all()
    assert (subtractor.posterior()[known == -1] == 0).all()
    subtractor.keep_posterior = False
    with pytest.raises(ValueError, match="set keep_posterior"):
        subtractor.posterior()


def test_shadows_are_told():
    ground = np.full((9, 83, 3), (120, 100, 80), np.uint8)
    shadowed = ground.copy()
    shadowed[2:5, 10:70] = ground[2:5, 10:70] * 0.7
    subtractor = GaussianMixtureSubtractor(detect_shadows=True)
    with pytest.raises(ValueError, match="first frame"):
        subtractor.shadows()
    run(subtractor, [ground] * 10)
    assert not subtractor.shadows().any()
    assert not subtractor.apply(shadowed).any()
    np.testing.assert_array_equal(subtractor.shadows(), shadowed[..., 0] < 100)
    subtractor.detect_shadows = False
    with pytest.raises(ValueError, match="set detect_shadows"):
        subtractor.shadows()


def test_spread_is_the_noise():
    rng = np.random.default_rng(5)
    subtractor = GaussianMixtureSubtractor(history=300)
    for _ in range(300):
        subtractor.apply(rng.normal(120, 2.5, (30, 40, 3)).round().astype(np.uint8))
    assert subtractor.spread().shape == (30, 40)
    assert subtractor.spread().dtype == np.float32
    np.testing.assert_allclose(np.median(subtractor.spread()), 2.5, rtol=0.05)


@pytest.mark.parametrize("keep", [False, True])
def test_a_copy_made_between_frames_goes_on_alike(keep):
    rng = np.random.default_rng(6)
    frames = list(restless(rng, (12, 50, 3), 12))
    subtractor = GaussianMixtureSubtractor(keep_posterior=not keep)
    run(subtractor, frames[:6])
    subtractor.keep_posterior = keep
    subtractor.detect_shadows = keep
    for other in (copy.deepcopy(subtractor), pickle.loads(pickle.dumps(subtractor))):
        one = subtractor.copy()
        np.testing.assert_array_equal(run(other, frames[6:]), run(one, frames[6:]))
        same_state(one, other)
        if keep:
            np.testing.assert_array_equal(one.posterior(), other.posterior())
            np.testing.assert_array_equal(one.shadows(), other.shadows())


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"history": 0}, "history is 0"),
        ({"threshold": 0}, "threshold is 0"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"components": 0}, "components is 0"),
        ({"components": 256}, "components is 256"),
        ({"match_threshold": -1}, "match_threshold is -1"),
        ({"background_weight": 1.5}, "background_weight is 1.5"),
        ({"complexity": 1}, "complexity is 1"),
        ({"smallest_variance": 0}, "smallest_variance is 0 "),
        ({"initial_variance": 1e9}, "1000000000.0"),
        ({"darkest_shadow": 0}, "darkest_shadow is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"dtype": np.float16}, "float16"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        GaussianMixtureSubtractor(**parameters)
