"""The drop-in for OpenCV's users: one contract, run over MOG2 and over ours."""

import copy
import inspect
import pickle

import cv2
import numpy as np
import pytest

import segment
from tests.conftest import moving_square

MAKERS = {"MOG2": cv2.createBackgroundSubtractorMOG2, "ours": segment.createBackgroundSubtractor}
both = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
NUMBERS = {
    "History": 120,
    "NMixtures": 3,
    "BackgroundRatio": 0.75,
    "VarThreshold": 20.5,
    "VarThresholdGen": 10.25,
    "VarInit": 12.5,
    "VarMin": 5.5,
    "VarMax": 60.25,
    "ComplexityReductionThreshold": 0.0625,
    "DetectShadows": False,
    "ShadowValue": 77,
    "ShadowThreshold": 0.625,
}


def colour(length=30):
    return moving_square(length)


def grounded(make, images, *args, **settings):
    """Taught with an empty scene, so that young models do not differ."""
    subtractor = make(*args, **settings)
    for image in [*images[:6]] * 8:
        subtractor.apply(image)
    return subtractor


# --- the contract ---------------------------------------------------------------------------


@both
def test_it_is_made_with_the_same_arguments(make):
    assert make().getHistory() == 500
    assert make().getVarThreshold() == 16
    assert make().getDetectShadows() is True
    subtractor = make(80, 25, False)
    assert subtractor.getHistory() == 80
    assert subtractor.getVarThreshold() == 25
    assert subtractor.getDetectShadows() is False
    assert make(history=80, varThreshold=25, detectShadows=False).getHistory() == 80


@both
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_set_is_got(make, name):
    subtractor = make()
    before = getattr(subtractor, f"get{name}")()
    assert type(before) is type(NUMBERS[name])
    assert before != NUMBERS[name]
    assert getattr(subtractor, f"set{name}")(NUMBERS[name]) is None
    after = getattr(subtractor, f"get{name}")()
    assert after == NUMBERS[name]
    assert type(after) is type(before)


def test_every_method_of_theirs_is_there_but_their_file_nodes():
    theirs = {name for name in dir(MAKERS["MOG2"]()) if not name.startswith("_")}
    ours = {name for name in dir(MAKERS["ours"]()) if not name.startswith("_")}
    assert theirs - ours == {"write"}
    assert ours - theirs == set()
    assert not isinstance(MAKERS["ours"](), cv2.BackgroundSubtractor)
    parameters = list(inspect.signature(MAKERS["ours"]().apply).parameters)
    assert parameters[:3] == ["image", "fgmask", "learningRate"]


@both
@pytest.mark.parametrize("shape", [(46, 62), (46, 62, 1), (46, 62, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_masks_have_the_same_form_for_every_image(make, shape, dtype):
    images, _ = colour()
    subtractor = make()
    values = set()
    for image in images:
        image = np.resize(image.transpose(2, 0, 1), (*shape[2:], 46, 62))
        image = image.transpose(1, 2, 0) if len(shape) == 3 else image
        mask = subtractor.apply(image.astype(dtype))
        assert type(mask) is np.ndarray
        assert mask.shape == (46, 62)
        assert mask.dtype == np.uint8
        values |= set(np.unique(mask).tolist())
    assert {0, 255} <= values <= {0, 127, 255}


@both
@pytest.mark.parametrize("shape", [(46, 62), (46, 62, 1), (46, 62, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_background_picture_has_the_same_form(make, shape, dtype):
    subtractor = make()
    assert subtractor.getBackgroundImage() is None
    image = np.ascontiguousarray(np.resize(colour()[0][0], shape).astype(dtype))
    for _ in range(5):
        subtractor.apply(image)
    picture = subtractor.getBackgroundImage()
    assert picture.dtype == dtype
    assert picture.shape == (shape if shape[2:] != (1,) else shape[:2])
    assert np.abs(picture.astype(float).ravel() - image.ravel()).max() <= 1


@both
def test_the_mask_may_be_the_callers_own(make):
    images, _ = colour()
    subtractor = make()
    own = np.full((46, 62), 9, np.uint8)
    assert subtractor.apply(images[0], own) is own
    assert subtractor.apply(images[1], fgmask=own, learningRate=0.1) is own
    assert subtractor.apply(images[2], own, -1) is own
    assert 9 not in own
    other = np.full((4, 6), 9, np.uint8)
    mask = subtractor.apply(images[3], other)
    assert mask.shape == (46, 62)
    assert (other == 9).all()
    assert subtractor.apply(images[4], None, 0.5).shape == (46, 62)


@both
def test_a_change_of_size_or_type_begins_anew(make):
    images, _ = colour()
    subtractor = make()
    for image in (
        images[0],
        images[1][:30, :40],
        images[2],
        images[3][:, :, 0],
        images[4].astype(np.float32),
    ):
        subtractor.apply(image)
        mask = subtractor.apply(image)
        assert mask.shape == image.shape[:2]
        assert not mask.any()
        np.testing.assert_array_equal(subtractor.getBackgroundImage(), image)


@both
def test_rate_0_leaves_the_background_as_it_is(make):
    images, _ = colour()
    subtractor = grounded(make, images)
    before = subtractor.getBackgroundImage()
    masks = [subtractor.apply(image, learningRate=0) for image in images[8:]]
    assert any(mask.any() for mask in masks)
    np.testing.assert_array_equal(subtractor.getBackgroundImage(), before)
    again = [subtractor.apply(image, None, 0) for image in images[8:]]
    np.testing.assert_array_equal(again, masks)


@both
@pytest.mark.parametrize("rate", [1, 1.0, 2.0])
def test_rate_1_begins_anew_with_this_frame(make, rate):
    images, _ = colour()
    subtractor = grounded(make, images)
    other = np.ascontiguousarray(255 - images[9])
    subtractor.apply(other, learningRate=rate)
    np.testing.assert_array_equal(subtractor.getBackgroundImage(), other)
    assert not subtractor.apply(other, learningRate=0).any()


@both
def test_a_large_rate_learns_faster(make):
    images, _ = colour()
    far = np.ascontiguousarray(np.clip(images[0].astype(int) + 60, 0, 255).astype(np.uint8))
    frames = {}
    for rate in (0.02, 0.2):
        subtractor = grounded(make, images)
        masks = (subtractor.apply(far, learningRate=rate) for _ in range(400))
        frames[rate] = next(count for count, mask in enumerate(masks) if not mask.any())
    assert frames[0.2] <= frames[0.02]


@both
def test_a_square_that_crosses_is_found(make):
    images, truth = colour()
    subtractor = grounded(make, images)
    masks = np.array([subtractor.apply(image) for image in images]) == 255
    assert (masks & truth).sum() / (masks | truth).sum() > 0.7


@both
def test_a_copy_would_be_nice_but_only_ours_can(make):
    subtractor = grounded(make, colour()[0])
    if make is MAKERS["MOG2"]:
        with pytest.raises(TypeError):
            pickle.dumps(subtractor)
        return
    images = colour()[0]
    for other in (pickle.loads(pickle.dumps(subtractor)), copy.deepcopy(subtractor)):
        theirs = [other.apply(image) for image in images]
        ours = [copy.deepcopy(subtractor).apply(images[0])]
        np.testing.assert_array_equal(ours[0], theirs[0])
