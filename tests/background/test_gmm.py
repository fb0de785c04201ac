"""What the mixture promises: its laws, its parameters, its threads."""

import copy
import pickle
import threading

import numpy as np
import pytest

from segment.background import GaussianMixtureSubtractor, gmm
from segment.background.memory import as_flat
from tests.background.test_kernels import restless, state_of
from tests.conftest import moving_square

GREY_LEVELS = {np.uint8: 1, np.uint16: 1 / 257, np.float32: 255, np.float64: 255}


def as_type(images, dtype):
    """8-bit images in another type."""
    if np.dtype(dtype).kind == "f":
        return (images / 255).astype(dtype)
    return images.astype(dtype) * dtype(np.iinfo(dtype).max // 255)


def same_state(one, other, where=None):
    """To the last bit, at all pixels or those of a mask (H, W)."""
    for ours, theirs in zip(state_of(one), state_of(other), strict=True):
        everywhere = np.ones(ours.shape[-2:], bool)
        chosen = everywhere if where is None else where
        np.testing.assert_array_equal(ours[..., chosen], theirs[..., chosen])


def run(subtractor, images):
    return np.array([subtractor.apply(image) for image in images])


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
    monkeypatch.setattr(gmm, "_PIXELS_WORTH_A_THREAD", 1)
    frames = list(restless(np.random.default_rng(6), (101, 257, 3), 10))
    alone = GaussianMixtureSubtractor(threads=1)
    several = GaussianMixtureSubtractor(threads=threads)
    np.testing.assert_array_equal(run(several, frames), run(alone, frames))
    for ours, theirs in zip(state_of(several), state_of(alone), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_several_subtractors_may_work_in_several_threads(monkeypatch):
    monkeypatch.setattr(gmm, "_PIXELS_WORTH_A_THREAD", 1)
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


# --- what a frame comes with ----------------------------------------------------------------


def test_an_array_of_one_rate_is_that_rate():
    images, _ = moving_square(length=16)
    plain, guided = GaussianMixtureSubtractor(), GaussianMixtureSubtractor()
    for n, image in enumerate(images):
        rate = [0.05, 0, 1, 0.3, None][n % 5]
        rates = np.full(image.shape[:2], np.nan if rate is None else rate)
        np.testing.assert_array_equal(guided.apply(image, rates), plain.apply(image, rate))
    same_state(plain, guided)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rate_0_freezes_single_pixels_bit_for_bit(dtype):
    images, _ = moving_square(length=20)
    frozen = np.random.default_rng(1).random(images.shape[1:3]) < 0.5
    plain, guided = (GaussianMixtureSubtractor(dtype=dtype) for _ in range(2))
    run(plain, images[:10])
    run(guided, images[:10])
    before = guided.copy()
    for image in images[10:]:
        plain.apply(image, 0.1)
        guided.apply(image, np.where(frozen, 0, 0.1))
    same_state(guided, before, frozen)
    for ours, theirs in zip(state_of(guided), state_of(plain), strict=True):
        np.testing.assert_allclose(ours[..., ~frozen], theirs[..., ~frozen], rtol=1e-6)


def test_known_foreground_is_foreground_and_not_learned():
    images, _ = moving_square(length=16)
    known = np.zeros(images.shape[1:3], np.int8)
    known[5:20, 10:30] = 1
    subtractor = GaussianMixtureSubtractor()
    run(subtractor, images[:8])
    before = subtractor.copy()
    masks = [subtractor.apply(image, known=known) for image in images[8:]]
    assert all(mask[known == 1].all() for mask in masks)
    same_state(subtractor, before, known == 1)
    bools = [before.apply(image, known=known == 1) for image in images[8:]]
    np.testing.assert_array_equal(bools, masks)


def test_known_background_is_background_and_learned():
    empty, full = np.full((6, 70, 1), 50, np.uint8), np.full((6, 70, 1), 150, np.uint8)
    known = np.zeros((6, 70), np.int8)
    known[:, :30] = -1
    subtractor = GaussianMixtureSubtractor(history=50)
    run(subtractor, [empty] * 50)
    plain = subtractor.copy()
    for _ in range(40):
        mask = subtractor.apply(full, known=known)
        assert not mask[:, :30].any()
        np.testing.assert_array_equal(mask[:, 30:], plain.apply(full)[:, 30:])
    assert (subtractor.background() == 150).all()


def test_outside_the_region_nothing_is_found_or_learned():
    images, _ = moving_square(length=24)
    region = np.zeros(images.shape[1:3], bool)
    region[3:, 20:] = True
    everywhere, inside = GaussianMixtureSubtractor(), GaussianMixtureSubtractor(region=region)
    for image in images[:16]:
        mask = inside.apply(image)
        np.testing.assert_array_equal(mask, everywhere.apply(image) & region)
    same_state(inside, everywhere, region)
    np.testing.assert_array_equal(inside.background()[~region], images[0][~region])
    # What was outside becomes background when it is looked at for the first time.
    inside.region = None
    mask = inside.apply(images[16])
    assert not mask[~region].any()
    np.testing.assert_array_equal(inside.background()[~region], images[16][~region])


def test_sensitivity_divides_the_threshold():
    images, _ = moving_square(length=16)
    for factor in (0.25, 1.0, 2.0):
        one = GaussianMixtureSubtractor(threshold=16 / factor)
        other = GaussianMixtureSubtractor(sensitivity=np.full(images.shape[1:3], factor))
        np.testing.assert_array_equal(run(other, images), run(one, images))
    other.sensitivity = np.ones((3, 4))
    with pytest.raises(ValueError, match=r"sensitivity is \(3, 4\)"):
        other.apply(images[0])


# --- types of images ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_parameters_mean_the_same_for_every_type(dtype):
    images, _ = moving_square(length=24)
    expected = GaussianMixtureSubtractor()
    masks = run(expected, images)
    subtractor = GaussianMixtureSubtractor()
    found = run(subtractor, as_type(images, dtype))
    assert masks.any()
    assert (found != masks).mean() < 1e-4
    assert subtractor.background().dtype == dtype
    levels = subtractor.background() * GREY_LEVELS[dtype]
    np.testing.assert_allclose(levels, expected.background(), atol=0.51)
    np.testing.assert_allclose(subtractor.spread(), expected.spread(), rtol=1e-2)
    with pytest.raises(TypeError, match="uint8.*" + np.dtype(dtype).name):
        subtractor.apply(images[0])


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_less_than_a_grey_level_of_256_is_seen(dtype):
    image = np.full((5, 40, 1), 100.0)
    fine = {"smallest_variance": 1e-4, "initial_variance": 1e-4, "largest_variance": 1.0}
    subtractor = GaussianMixtureSubtractor(**fine)
    for _ in range(3):
        subtractor.apply((image / GREY_LEVELS[dtype]).astype(dtype))
    image[:, 20:] += 0.2
    mask = subtractor.apply((image / GREY_LEVELS[dtype]).astype(dtype))
    assert mask[:, 20:].all()
    assert not mask[:, :20].any()


def test_no_number_is_refused_and_leaves_everything_as_it_was():
    images = as_type(moving_square(length=6)[0], np.float32)
    subtractor = GaussianMixtureSubtractor()
    run(subtractor, images[:4])
    before = subtractor.copy()
    broken = images[4].copy()
    broken[3, 5, 1] = np.nan
    broken[7, 2] = np.inf
    with pytest.raises(ValueError, match=r"at 2 of .* row 3, column 5"):
        subtractor.apply(broken)
    same_state(subtractor, before)
    np.testing.assert_array_equal(subtractor.apply(images[4]), before.apply(images[4]))


def test_unknown_pixels_are_background_and_not_learned():
    images = as_type(moving_square(length=16)[0], np.float32)
    rng = np.random.default_rng(2)
    subtractor = GaussianMixtureSubtractor(invalid="unknown", keep_posterior=True)
    always = rng.random(images.shape[1:3]) < 0.1
    for image in images[:12]:
        unknown = always | (rng.random(always.shape) < 0.2)
        image = np.where(unknown[..., None], np.float32([np.nan, 0, np.inf]), image)
        before = subtractor.copy()
        mask = subtractor.apply(image)
        assert not mask[unknown].any()
        assert not subtractor.posterior()[unknown].any()
        if before.image_shape:
            same_state(subtractor, before, unknown)
    assert np.isfinite(subtractor._modes).all()
    assert not subtractor.background()[always].any()
    assert not subtractor.apply(images[12])[always].any()
    np.testing.assert_allclose(subtractor.background()[always], images[12][always], rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_crop_is_read_where_it_lies(channels):
    images, _ = moving_square(length=12, size=(40, 70))
    crops = images[:, 3:31, 7:60, :channels]
    flat, step = as_flat(images[0, 3:31, 7:60])
    assert np.shares_memory(flat, images)
    assert step == 70 * 3
    assert flat[step * 27 + 52 * 3 + 2] == images[0, 30, 59, 2]
    np.testing.assert_array_equal(
        run(GaussianMixtureSubtractor(), crops),
        run(GaussianMixtureSubtractor(), [crop.copy() for crop in crops]),
    )
    for odd in (images[0, ::-1], images[0, :, ::2], images[0].transpose(1, 0, 2)):
        flat, step = as_flat(odd)
        np.testing.assert_array_equal(flat.reshape(odd.shape), odd)


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
