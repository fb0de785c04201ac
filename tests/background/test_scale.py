"""Large pictures are judged in smaller ones: nothing else is other than with small pictures."""

import json

import cv2
import numpy as np
import pytest

from segment.background.posterior import PosteriorSubtractor
from segment.background.posterior.scale import Scale

from .test_statefile import rewritten, state_of

SIZE = (720, 1280)


def film(count, size=SIZE, channels=3, seed=0):
    """Frames with a thing that crosses, and where it is."""
    rng = np.random.default_rng(seed)
    height, width = size
    ground = cv2.resize(rng.uniform(60, 180, (30, 40, channels)), (width, height))
    ground = ground.reshape(height, width, channels)
    for t in range(count):
        image, truth = ground.copy(), np.zeros(size, bool)
        if t > 4:
            here = slice(height // 3, height // 3 + 120), slice(30 * t, 30 * t + 90)
            image[here], truth[here] = (250, 240, 20, 200, 10)[:channels], True
        noise = rng.normal(0, 2, image.shape)
        yield (image + noise).clip(0, 255).astype(np.uint8), truth


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((240, 320), (240, 320)),
        ((576, 768), (576, 768)),
        ((768, 1024), (768, 1024)),
        ((720, 1280), (360, 640)),
        ((1080, 1920), (540, 960)),
        ((1440, 2560), (480, 853)),
        ((2160, 3840), (432, 768)),
        ((3, 400_000), (2, 200_000)),
    ],
)
def test_the_size_says_how_much_smaller(size, small):
    assert Scale.of(size, None).small == small
    assert Scale.of(size, 1).small == size
    assert Scale.of(size, 10**6).small == (1, 1)


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_it_is_what_a_small_one_says_of_small_frames(quality):
    large, small = (PosteriorSubtractor(quality=quality) for _ in range(2))
    for frame in film(14):
        image, truth = frame
        less = cv2.resize(image, (640, 360), interpolation=cv2.INTER_AREA)
        mask, below = large.apply(image), small.apply(less)
        assert mask.shape == SIZE
        assert (mask[::2, ::2] | mask[1::2, 1::2]).sum() >= below.sum()
        assert np.count_nonzero(cv2.resize(mask.view(np.uint8), (640, 360)) != below) < 400
    assert 2 * np.count_nonzero(mask & truth) / (mask.sum() + truth.sum()) > 0.95
    assert large.posterior().shape == large.shadows().shape == large.spread().shape == SIZE
    assert large.background().shape == image.shape
    assert large.background().dtype == np.uint8
    truth[:] = False
    assert np.abs(large.background().astype(int) - next(film(1))[0])[~mask].mean() < 4


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float32, 1), (np.float64, 1)])
def test_every_type_and_number_of_channels(dtype, white):
    s = PosteriorSubtractor()
    for frame in film(12, channels=5):
        image, truth = frame
        mask = s.apply((image / 255 * white).astype(dtype))
    assert 2 * np.count_nonzero(mask & truth) / (mask.sum() + truth.sum()) > 0.9
    background = s.background()
    assert background.dtype == dtype
    assert background.shape == (*SIZE, 5)
    assert 0.2 < background.mean() / white < 0.8


def test_what_is_told_is_obeyed_to_the_pixel():
    region, sensitivity = np.ones(SIZE, bool), np.ones(SIZE, np.float32)
    region[:, 901:] = False
    s = PosteriorSubtractor(region=region, sensitivity=sensitivity)
    known = np.zeros(SIZE, np.int8)
    known[11:24, 301:317], known[33:56, 301:308] = 1, -1
    for t, (image, _) in enumerate(film(10)):
        image[:, 930:] = 10 * t  # nobody looks there
        rates = np.full(SIZE, np.nan)
        rates[600:] = 0
        mask = s.apply(image, rates, known=known)
        assert mask[11:24, 301:317].all()
        assert not mask[33:56, 301:308].any()
        assert not mask[:, 901:].any()
        assert mask[:5].mean() < 0.01
    assert not s.shadows()[:, 901:].any()


def test_unknown_pixels_are_background():
    s = PosteriorSubtractor(invalid="unknown")
    for image, _ in film(8):
        image = (image / 255).astype(np.float32)
        image[500:503, 600:603] = np.nan
        mask = s.apply(image)
    assert not mask[490:510, 590:610].any()
    assert np.isfinite(s.background()).all()


def test_states_and_copies_go_on(tmp_path):
    s, images = PosteriorSubtractor(), [image for image, _ in film(9)]
    for image in images[:6]:
        s.apply(image)
    s.save(tmp_path / "state")
    loaded, copied = PosteriorSubtractor.load(tmp_path / "state"), s.copy()
    assert loaded.shrink == s.shrink == 2
    assert loaded.image_shape == (*SIZE, 3)
    for image in images[6:]:
        mask = s.apply(image)
        np.testing.assert_array_equal(loaded.apply(image), mask)
        np.testing.assert_array_equal(copied.apply(image), mask)


def test_earlier_states_looked_at_frames_as_they_came(tmp_path):
    path, images = tmp_path / "state", [image for image, _ in film(5)]
    s = PosteriorSubtractor(shrink=1)
    for image in images[:3]:
        s.apply(image)
    s.save(path)
    with state_of(path) as (told, _):
        numbers, parameters = json.loads(told["numbers"]), json.loads(told["parameters"])
    for name in ("angle", "right", "down", "vain"):
        del numbers[f"_state.camera.{name}"]
    del parameters["shrink"]
    changed = {"numbers": json.dumps(numbers), "parameters": json.dumps(parameters)}
    rewritten(path, metadata=changed | {"revision": "9"})
    loaded = PosteriorSubtractor.load(path)
    assert loaded.shrink == 1
    for image in images[3:]:
        np.testing.assert_array_equal(loaded.apply(image), s.apply(image))


@pytest.mark.parametrize("wrong", [0, -2, 1.5, "2"])
def test_what_is_no_number_of_times_is_refused(wrong):
    with pytest.raises((ValueError, TypeError), match="shrink is"):
        PosteriorSubtractor(shrink=wrong)
