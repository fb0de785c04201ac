"""What the search for a moving camera promises: the shift, through objects, light and noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from segment.background import registration

STILL = (0, 0)


def find_shift(frame, ground, before, gain, gain_before, noise):
    """As the camera asks: first whether much differs from the last frame, if that is told."""
    if before is not None:
        channels = len(ground)
        size = frame.shape[0], frame.shape[1] // channels
        contours = registration.find_contours(ground, *size, noise)
        if not registration.has_changed(frame, before, (gain, gain_before), noise, contours):
            return STILL
    return registration.find_shift(frame, ground, gain, noise)


def scene(seed, height, width, channels=3):
    """A picture with contours everywhere, and some room around it."""
    generator = np.random.default_rng(seed)
    rough = generator.normal(0, 1, (height, width, channels))
    smooth = gaussian_filter(rough, (2, 2, 0))
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def planes(image):
    return np.ascontiguousarray(np.moveaxis(image, 2, 0)).reshape(image.shape[2], -1)


def flat(image):
    return np.ascontiguousarray(image).reshape(len(image), -1)


def views(wide, room, dx, dy):
    """A picture and the next one, in which everything has moved by (dx, dy)."""
    height, width = wide.shape[0] - 2 * room, wide.shape[1] - 2 * room
    first = wide[room : room + height, room : room + width]
    second = wide[room - dy : room - dy + height, room - dx : room - dx + width]
    return first, second


@settings(deadline=None, max_examples=30)
@given(
    dx=st.integers(-9, 9),
    dy=st.integers(-9, 9),
    seed=st.integers(0, 5),
    channels=st.sampled_from([1, 3]),
)
def test_the_shift_is_found(dx, dy, seed, channels):
    first, second = views(scene(seed, 139, 181, channels), 10, dx, dy)
    ground = planes(first)
    assert find_shift(flat(second), ground, ground, 1.0, 1.0, 0.0) == (dx, dy)


def test_a_large_shift_of_a_large_picture_is_found_to_the_pixel():
    first, second = views(scene(1, 800, 1380), 40, 37, -29)
    ground = planes(first)
    assert find_shift(flat(second), ground, ground, 1.0, 1.0, 0.0) == (37, -29)


def test_the_light_may_change_with_the_shift_and_noise_is_allowed_for():
    first, second = views(scene(2, 140, 200), 10, -3, 5)
    generator = np.random.default_rng(3)
    darker = np.clip(second / 1.25 + generator.normal(0, 6, second.shape), 0, 255).astype(np.uint8)
    ground = planes(first)
    assert find_shift(flat(darker), ground, ground, 1.25, 1.0, 50.0) == (-3, 5)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_objects_may_hide_much_of_the_picture(share):
    first, second = views(scene(4, 160, 240), 10, 2, -3)
    hidden = second.copy()
    hidden[:, : int(share * hidden.shape[1])] = scene(9, *hidden.shape)[
        :, : int(share * hidden.shape[1])
    ]
    ground = planes(first)
    assert find_shift(flat(hidden), ground, ground, 1.0, 1.0, 0.0) == (2, -3)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_an_object_that_moves_is_no_shift(share):
    background = scene(5, 140, 200)
    thing = scene(6, 140, 220)
    width = int(share * 200)
    before, after = background.copy(), background.copy()
    before[:, :width] = thing[:, 3 : 3 + width]
    after[:, :width] = thing[:, :width]  # 3 pixels to the right
    assert find_shift(flat(after), planes(background), planes(before), 1.0, 1.0, 0.0) == STILL


def test_a_still_camera_and_another_scene_are_no_shift():
    one, other = scene(7, 120, 160), scene(8, 120, 160)
    ground = planes(one)
    assert find_shift(flat(one), ground, ground, 1.0, 1.0, 0.0) == STILL
    assert find_shift(flat(other), ground, ground, 1.0, 1.0, 0.0) == STILL
    noisy = np.clip(one + np.random.default_rng(0).normal(0, 10, one.shape), 0, 255)
    assert find_shift(flat(noisy.astype(np.uint8)), ground, ground, 1.0, 1.0, 100.0) == STILL


def test_what_was_missed_is_found_when_the_last_frame_is_left_out():
    first, second = views(scene(3, 120, 160), 10, 4, 1)
    ground = planes(first)
    assert find_shift(flat(second), ground, planes(second), 1.0, 1.0, 0.0) == STILL
    assert find_shift(flat(second), ground, None, 1.0, 1.0, 0.0) == (4, 1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 300, 3), (15, 15, 3), (16, 16, 1), (40, 17, 3)])
def test_small_and_plain_pictures_do_no_harm(shape):
    plain = np.full(shape, 90, np.uint8)
    other = np.full(shape, 140, np.uint8)
    assert find_shift(flat(other), planes(plain), planes(plain), 1.0, 1.0, 0.0) == STILL
    assert find_shift(flat(other), planes(plain), None, 1.0, 1.0, 0.0) == STILL
