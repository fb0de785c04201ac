"""What ours promises beyond MOG2's contract, behind MOG2's names."""

import cv2
import numpy as np
import pytest

import segment
from segment.background import PosteriorSubtractor
from segment.errors import BadState
from tests.background.test_compat import both, colour, grounded

# --- ours alone -----------------------------------------------------------------------------


def test_masks_are_those_of_the_engine():
    images, _ = colour()
    ours = segment.create_background_subtractor(300, threshold=20)
    engine = PosteriorSubtractor(300, 20.0, quality="fast")
    for t, image in enumerate(images):
        mask = ours.apply(image)
        np.testing.assert_array_equal(mask == 255, engine.apply(image))
        if t:
            np.testing.assert_array_equal(mask == 127, engine.shadows())
    np.testing.assert_array_equal(ours.getBackgroundImage(), engine.background())


@pytest.mark.parametrize(
    "turn",
    [
        lambda images: images.astype(np.uint16) * np.uint16(257),
        lambda images: images.astype(np.float32),
        lambda images: images / 255,
        lambda images: (images / 255).astype(np.float32),
    ],
    ids=["uint16", "float to 255", "double to 1", "float to 1"],
)
def test_masks_are_the_same_for_every_type(turn):
    images, _ = colour()
    ours, other = (segment.createBackgroundSubtractor() for _ in range(2))
    turned = turn(images)
    for image, twin in zip(images, turned, strict=True):
        np.testing.assert_array_equal(other.apply(twin), ours.apply(image))
    picture = other.getBackgroundImage()
    assert picture.dtype == turned.dtype
    white, level = turn(np.array([255, 1], np.uint8)).astype(float)
    assert picture.max() <= white
    # Of uint8 it is rounded.
    assert np.abs(picture - turn(ours.getBackgroundImage()).astype(float)).max() <= 0.51 * level


@pytest.mark.parametrize("white", [1, 255])
def test_what_is_not_finite_is_background_and_not_learned(white):
    images, _ = colour()
    images = (images / 255 * white).astype(np.float32)
    broken, sound = images.copy(), images.copy()
    broken[:, 10:14, 20:30] = np.nan
    broken[5:, 30, 40] = np.inf
    subtractor, twin = (segment.createBackgroundSubtractor() for _ in range(2))
    for image, other in zip(broken, sound, strict=True):
        mask = subtractor.apply(image)
        assert not mask[10:14, 20:30].any()
        near = twin.apply(other)
    assert subtractor.getBackgroundImage()[30, 40, 0] == pytest.approx(
        images[:5, 30, 40, 0].mean(), abs=4
    )
    assert (mask == near).mean() > 0.98
    # When the sensor comes back, what it shows is background.
    for image in sound[-5:]:
        mask = subtractor.apply(image)
    assert not mask[10:14, 20:22].any()


@both
def test_known_foreground_is_foreground_and_not_learned(make):
    images, _ = colour()
    subtractor = grounded(make, images)
    before = subtractor.getBackgroundImage()
    other = images[0].copy()
    other[5:15, 5:25] = 255 - other[5:15, 5:25]
    where = np.zeros((46, 62), np.uint8)
    where[5:15, 5:25] = 1
    for _ in range(10):
        mask = subtractor.apply(other, knownForegroundMask=where)
    assert (mask[5:15, 5:25] == 255).all()
    np.testing.assert_array_equal(subtractor.getBackgroundImage()[5:15, 5:25], before[5:15, 5:25])


@both
def test_shadows_have_their_label_while_they_are_asked_for(make):
    rng = np.random.default_rng(2)
    ground = rng.uniform(90, 200, (46, 62, 3))
    frames = [
        np.clip(ground + rng.normal(0, 1, ground.shape), 0, 255).astype(np.uint8) for _ in range(40)
    ]
    shadowed, changed = ground * 1.0, ground * 1.0
    shadowed[15:35, 20:50] *= 0.65
    changed[15:35, 20:50] = (250, 10, 120)
    inside = np.s_[18:32, 24:46]
    for value in (127, 60):
        subtractor = make()
        subtractor.setShadowValue(value)
        for frame in frames:
            subtractor.apply(frame)
        mask = subtractor.apply(shadowed.astype(np.uint8), learningRate=0)
        assert (mask[inside] == value).mean() > 0.9
        assert not mask[:10].any()
        assert (subtractor.apply(changed.astype(np.uint8), learningRate=0)[inside] == 255).all()
        subtractor.setDetectShadows(False)
        assert value not in subtractor.apply(shadowed.astype(np.uint8), learningRate=0)


def test_a_black_beginning_does_not_mislead_about_white():
    black = np.full((46, 62, 3), 0.9, np.float32)
    subtractor = segment.createBackgroundSubtractor()
    for _ in range(3):
        subtractor.apply(black)
    images, _ = colour()
    for _ in range(3):
        subtractor.apply(images[0].astype(np.float32))
    assert np.abs(subtractor.getBackgroundImage() - images[0]).max() <= 1


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (None, TypeError, "NoneType"),
        ([[1]], TypeError, "list"),
        (np.zeros((5, 7), np.int64), TypeError, "int64"),
        (np.zeros((5, 7, 9), np.uint8), ValueError, r"\(5, 7, 9\)"),
        (np.zeros((0, 7), np.uint8), ValueError, "no pixel"),
    ],
)
def test_what_is_no_image_is_refused(image, error, words):
    with pytest.raises(error, match=words):
        segment.createBackgroundSubtractor().apply(image)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("History", 0, ValueError),
        ("History", 3.5, TypeError),
        ("NMixtures", 0, ValueError),
        ("VarThreshold", -1, ValueError),
        ("VarThreshold", float("nan"), ValueError),
        ("VarInit", 0, ValueError),
        ("BackgroundRatio", 1.5, ValueError),
        ("ShadowValue", 300, ValueError),
        ("ShadowThreshold", 0, ValueError),
        ("ComplexityReductionThreshold", 1, ValueError),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_set(name, value, error):
    subtractor = segment.createBackgroundSubtractor()
    before = getattr(subtractor, f"get{name}")()
    with pytest.raises(error):
        getattr(subtractor, f"set{name}")(value)
    assert getattr(subtractor, f"get{name}")() == before


def test_variances_may_be_set_in_any_order():
    images, _ = colour(4)
    subtractor = segment.createBackgroundSubtractor()
    for name, value in (("VarMin", 30.0), ("VarMax", 10.0), ("VarInit", 90.0)):
        getattr(subtractor, f"set{name}")(value)
        for image in images:
            subtractor.apply(image)
        assert getattr(subtractor, f"get{name}")() == value


@pytest.mark.parametrize("channels", [1, 3])
def test_variances_are_sums_over_the_channels_as_those_of_mog2(channels, tmp_path):
    images = colour(6)[0][..., :channels]
    ours = segment.createBackgroundSubtractor()
    assert (ours.getVarMin(), ours.getVarInit(), ours.getVarMax()) == (6, 7, 50)
    ours.setVarMin(12.0)
    engine = PosteriorSubtractor(
        quality="fast",
        smallest_variance=12 / channels,
        initial_variance=12 / channels,
        invalid="unknown",
    )
    for image in images:
        np.testing.assert_array_equal(ours.apply(image) > 0, engine.apply(image))
    engine.save(tmp_path / "state")
    ours.read(tmp_path / "state")
    assert (ours.getVarMin(), ours.getVarInit(), ours.getVarMax()) == (12, 12, 50)


def test_parameters_work_while_it_runs():
    images, _ = colour()
    strict, loose = (grounded(segment.createBackgroundSubtractor, images) for _ in range(2))
    loose.setVarThreshold(2)
    strict.setVarThreshold(39)
    a = sum(int((loose.apply(image) > 0).sum()) for image in images)
    b = sum(int((strict.apply(image) > 0).sum()) for image in images)
    assert a > b


def test_another_number_of_modes_begins_anew():
    images, _ = colour()
    subtractor = grounded(segment.createBackgroundSubtractor, images)
    subtractor.setNMixtures(subtractor.getNMixtures())
    assert not subtractor.empty()
    subtractor.setNMixtures(2)
    assert subtractor.empty()
    assert not subtractor.apply(images[20]).any()


def test_clear_forgets():
    images, _ = colour()
    subtractor = grounded(segment.createBackgroundSubtractor, images)
    assert not subtractor.empty()
    subtractor.clear()
    assert subtractor.empty()
    assert subtractor.getBackgroundImage() is None
    fresh = segment.createBackgroundSubtractor()
    for image in images:
        np.testing.assert_array_equal(subtractor.apply(image), fresh.apply(image))


def test_what_is_saved_is_read_and_goes_on(tmp_path):
    images, _ = colour()
    ours = grounded(segment.createBackgroundSubtractor, images, 77, 18)
    ours.setVarMin(6.5)
    ours.save(tmp_path / "state")
    other = segment.createBackgroundSubtractor()
    other.read(tmp_path / "state")
    assert (other.getHistory(), other.getVarThreshold(), other.getVarMin()) == (77, 18, 6.5)
    for image in images:
        np.testing.assert_array_equal(other.apply(image), ours.apply(image))
    (tmp_path / "state").write_bytes(b"nothing")
    with pytest.raises(BadState, match="no state"):
        other.read(tmp_path / "state")
    np.testing.assert_array_equal(other.apply(images[3]), ours.apply(images[3]))


def test_parameters_can_be_saved_before_the_first_frame(tmp_path):
    segment.createBackgroundSubtractor(99).save(tmp_path / "state")
    other = segment.createBackgroundSubtractor()
    other.read(tmp_path / "state")
    assert other.getHistory() == 99
    assert other.empty()
    assert not other.apply(colour()[0][0]).any()


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "bool"])
def test_whole_numbers_that_mog2_takes_are_grey_levels(dtype):
    still = np.full((40, 50, 3), 1 if dtype == "bool" else 100).astype(dtype)
    moved = still.copy()
    moved[5:25, 5:25] = 0
    subtractor = segment.createBackgroundSubtractor()
    for _ in range(6):
        assert not subtractor.apply(still)[10:20, 10:20].any() or subtractor.empty()
    mask = subtractor.apply(moved)
    assert (mask[8:22, 8:22] == 255).all()
    assert not mask[30:].any()
    assert subtractor.getBackgroundImage().dtype == dtype
    assert (subtractor.getBackgroundImage() == still).all()


def test_a_umat_is_taken_and_given():

    image = np.full((40, 50, 3), 90, np.uint8)
    mask = segment.createBackgroundSubtractor().apply(cv2.UMat(image))
    assert isinstance(mask, cv2.UMat)
    assert mask.get().shape == (40, 50)
