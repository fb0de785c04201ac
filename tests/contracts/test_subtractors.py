"""What every subtractor must do, whichever it is."""

import functools

import numpy as np
import pytest

from segment import background
from segment.protocols import SeesShadows, Subtractor
from tests.conftest import moving_square

MAKERS = {name: getattr(background, name) for name in background.__all__}
MAKERS["OpenCVSubtractor-knn"] = functools.partial(background.OpenCVSubtractor, "knn")
MAKERS["PosteriorSubtractor-best"] = functools.partial(
    background.PosteriorSubtractor, quality="best"
)
# KNN draws its samples at random, and calls everything foreground until it has enough of them.
RANDOM = {"OpenCVSubtractor-knn"}
# Their evidence is that of the surroundings: an object of 10 pixels gets about one more around it.
OVERLAP = {"PosteriorSubtractor": 0.75, "PosteriorSubtractor-best": 0.65}

every = pytest.mark.parametrize("name", sorted(MAKERS))
steady = pytest.mark.parametrize("name", sorted(set(MAKERS) - RANDOM))


def masks_of(subtractor, images):
    return np.array([subtractor.apply(image) for image in images])


def grey_or_colour(channels, **options):
    images, truth = moving_square(**options)
    return np.ascontiguousarray(images[..., :channels]), truth


@every
def test_it_is_a_subtractor(name):
    assert isinstance(MAKERS[name](), Subtractor)


@every
def test_shadows_are_nowhere_in_the_first_frame_and_refused_before(name):
    subtractor = MAKERS[name]()
    if not isinstance(subtractor, SeesShadows):
        pytest.skip("it tells no shadows")
    if hasattr(subtractor, "detect_shadows"):
        with pytest.raises(ValueError, match="set detect_shadows"):
            subtractor.shadows()
        subtractor.detect_shadows = True
    with pytest.raises(ValueError, match="before the first frame"):
        subtractor.shadows()
    subtractor.apply(np.random.default_rng(1).integers(0, 256, (9, 11, 3), np.uint8))
    shadows = subtractor.shadows()
    assert shadows.shape == (9, 11)
    assert shadows.dtype == bool
    assert not shadows.any()


@steady
@pytest.mark.parametrize("channels", [1, 3])
def test_an_empty_scene_stays_empty(name, channels):
    still = np.full((5, 7, channels), 90, np.uint8)
    assert not masks_of(MAKERS[name](), [still] * 10).any()


@steady
@pytest.mark.parametrize("channels", [1, 3])
def test_a_noisy_scene_stays_all_but_empty(name, channels):
    rng = np.random.default_rng(5)
    images = rng.normal(120, 2, (60, 31, 45, channels)).astype(np.uint8)
    assert masks_of(MAKERS[name](), images).mean() < 1e-3


@every
def test_the_first_mask_is_empty(name):
    image = np.random.default_rng(1).integers(0, 256, (9, 11, 3), np.uint8)
    assert not MAKERS[name]().apply(image).any()


@steady
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(46, 62), (33, 71)])
def test_a_moving_square_is_found(name, channels, size):
    images, truth = grey_or_colour(channels, length=24, size=size)
    subtractor = MAKERS[name]()
    # Young backgrounds learn fast, and would take a slow object for their own.
    masks_of(subtractor, [*images[:6]] * 8)
    found = masks_of(subtractor, images)
    assert (found & truth).sum() / (found | truth).sum() > OVERLAP.get(name, 0.85)


@every
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (13, 5)])
def test_the_mask_is_a_mask_of_the_images_size(name, channels, size):
    subtractor = MAKERS[name]()
    image = np.random.default_rng(2).integers(0, 256, (*size, channels), np.uint8)
    for _ in range(3):
        mask = subtractor.apply(image)
        assert isinstance(mask, np.ndarray)
        assert mask.dtype == np.bool_
        assert mask.shape == size
    assert subtractor.background().shape == image.shape
    assert subtractor.background().dtype == np.uint8


@every
def test_the_image_is_not_changed_and_may_be_read_only_or_a_view(name):
    images, _ = moving_square(length=6)
    images = images[:, ::-1, 3:]
    before = images.copy()
    images.flags.writeable = False
    from_views = masks_of(MAKERS[name](), images)
    np.testing.assert_array_equal(images, before)
    if name not in RANDOM:
        np.testing.assert_array_equal(from_views, masks_of(MAKERS[name](), before))


@every
def test_masks_are_not_changed_by_later_frames(name):
    images, _ = moving_square(length=12)
    subtractor = MAKERS[name]()
    masks = [subtractor.apply(image) for image in images[:8]]
    copies = [mask.copy() for mask in masks]
    picture = subtractor.background()
    kept = picture.copy()
    masks_of(subtractor, images[8:])
    np.testing.assert_array_equal(masks, copies)
    np.testing.assert_array_equal(picture, kept)


@steady
@pytest.mark.parametrize("other", [(6, 7, 3), (5, 8, 3), (7, 5, 3), (5, 7, 1)])
def test_a_change_of_size_or_channels_is_refused(name, other):
    subtractor = MAKERS[name]()
    subtractor.apply(np.zeros((5, 7, 3), np.uint8))
    with pytest.raises(ValueError, match=rf"\({other[0]}, {other[1]}, {other[2]}\).*\(5, 7, 3\)"):
        subtractor.apply(np.zeros(other, np.uint8))
    # The refusal leaves the sequence as it was.
    assert not subtractor.apply(np.zeros((5, 7, 3), np.uint8)).any()


@every
@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        ([[1]], TypeError, "list"),
        (np.zeros((5, 7, 3), np.int32), TypeError, "int32.*uint8"),
        (np.zeros((5, 7), np.uint8), ValueError, r"\(5, 7\).*channels"),
        (np.zeros((5, 7, 9), np.uint8), ValueError, r"\(5, 7, 9\)"),
        (np.zeros((0, 7, 3), np.uint8), ValueError, "no pixel"),
    ],
)
def test_what_is_no_image_is_refused(name, image, error, words):
    with pytest.raises(error, match=words):
        MAKERS[name]().apply(image)


@every
@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_learning_rate_outside_0_to_1_is_refused(name, rate):
    subtractor = MAKERS[name]()
    image = np.zeros((5, 7, 3), np.uint8)
    subtractor.apply(image)
    with pytest.raises(ValueError, match=f"learning_rate is {rate}"):
        subtractor.apply(image, learning_rate=rate)


@every
def test_there_is_no_background_before_the_first_frame(name):
    with pytest.raises(ValueError, match="first frame"):
        MAKERS[name]().background()


@every
@pytest.mark.parametrize("channels", [1, 3])
def test_the_background_picture_is_near_the_truth(name, channels):
    images, _ = grey_or_colour(channels, length=40)
    subtractor = MAKERS[name]()
    masks_of(subtractor, images)
    off = np.abs(subtractor.background().astype(float) - images[:10].mean(axis=0))
    assert off.mean() < 4
    assert np.median(off) < 3


@steady
def test_two_objects_do_not_share_anything(name):
    images, _ = moving_square(length=12)
    others, _ = moving_square(length=12, seed=8, side=20)
    alone = masks_of(MAKERS[name](), images)
    one, two = MAKERS[name](), MAKERS[name]()
    together = []
    for image, other in zip(images, others, strict=True):
        together.append(one.apply(image))
        two.apply(other)
    np.testing.assert_array_equal(together, alone)


@steady
def test_every_run_gives_the_same(name):
    images, _ = moving_square(length=15)
    np.testing.assert_array_equal(
        masks_of(MAKERS[name](), images), masks_of(MAKERS[name](), images)
    )
