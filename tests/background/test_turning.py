"""What is promised of a camera that turns: its pose is found, and all the user sees turned back."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.background.posterior import PosteriorSubtractor
from segment.background.registration import STRAIGHT, Pose, find_pose

from .test_registration import flat, planes, scene
from .test_statefile import rewritten, state_of, without_shrinking

NOWHERE = np.empty(0, np.uint8)


def seen(wide, room, pose, size):
    """The part of a wide picture that a camera with this pose sees, (H, W, C)."""
    height, width = size
    middle = (width - 1) / 2, (height - 1) / 2
    turn = cv2.getRotationMatrix2D(middle, -np.degrees(pose.angle), 1.0)
    turn[:, 2] += (pose.right, pose.down) - turn[:, :2] @ (room, room)
    view = cv2.warpAffine(wide, turn, (width, height), flags=cv2.INTER_LINEAR)
    return view.reshape(height, width, wide.shape[2])


@settings(deadline=None, max_examples=25)
@given(
    angle=st.floats(-0.06, 0.06),
    right=st.floats(-8, 8),
    down=st.floats(-8, 8),
    seed=st.integers(0, 5),
    channels=st.sampled_from([1, 3, 5]),
)
def test_turn_and_shift_are_found_to_a_tenth_of_a_pixel(angle, right, down, seed, channels):
    wide, size, pose = scene(seed, 200, 262, channels), (121, 171), Pose(angle, right, down)
    first, second = seen(wide, 35, STRAIGHT, size), seen(wide, 35, pose, size)
    found = find_pose(flat(second), planes(first), 1.0, NOWHERE, STRAIGHT)
    if found is None:  # whole pixels are what `find_shift` is for
        assert max(abs(angle) * 85, abs(right - round(right)), abs(down - round(down))) < 0.5
        return
    assert abs(found.angle - angle) * 85 < 0.15
    np.testing.assert_allclose(found[1:], pose[1:], atol=0.15)


@pytest.mark.parametrize("share", [0.2, 0.45])
def test_objects_may_hide_some_of_it_and_the_light_may_change(share):
    wide, size, pose = scene(3, 260, 340), (180, 240), Pose(0.03, 4.3, -2.6)
    first, second = seen(wide, 40, STRAIGHT, size), seen(wide, 40, pose, size)
    second[:, : int(share * 240)] = scene(9, 180, 240)[:, : int(share * 240)]
    darker = np.clip(second / 1.2, 0, 255).astype(np.uint8)
    found = find_pose(flat(darker), planes(first), 1.2, NOWHERE, STRAIGHT)
    np.testing.assert_allclose(found, pose, atol=0.15)


def test_what_is_outside_has_no_say():
    wide, size, pose = scene(3, 260, 340), (180, 240), Pose(-0.02, 1.5, 3.25)
    first, second = seen(wide, 40, STRAIGHT, size), seen(wide, 40, pose, size)
    second[:, 70:] = first[:, 70:]  # a stamp that the camera lays over all but a strip
    outside = np.zeros(size, np.uint8)
    outside[:, 66:] = 1
    assert find_pose(flat(second), planes(first), 1.0, NOWHERE, STRAIGHT) is None
    found = find_pose(flat(second), planes(first), 1.0, outside.reshape(-1), STRAIGHT)
    np.testing.assert_allclose(found, pose, atol=0.3)


@pytest.mark.parametrize("shape", [(31, 300, 3), (40, 40, 1), (64, 33, 3), (120, 160, 3)])
def test_another_scene_and_plain_pictures_have_none(shape):
    plain, other = np.full(shape, 90, np.uint8), scene(2, *shape)
    for ground, frame in ((plain, plain), (plain, other), (other, plain), (other, other)):
        assert find_pose(flat(frame), planes(ground), 1.0, NOWHERE, STRAIGHT) is None
    assert find_pose(flat(scene(5, *shape)), planes(other), 1.0, NOWHERE, STRAIGHT) is None


@given(angle=st.floats(-0.1, 0.1), right=st.floats(-20, 20), down=st.floats(-20, 20))
def test_a_pose_is_its_whole_pixels_and_the_rest(angle, right, down):
    pose = Pose(angle, right, down)
    (dx, dy), rest = pose.split()
    np.testing.assert_allclose(rest.angle, angle)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(rest[1:] + turn @ (dx, dy), pose[1:], atol=1e-9)
    assert np.hypot(*rest[1:]) <= 0.71


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.bool_])
def test_there_and_back_is_where_it_was(dtype):
    pose, picture = Pose(0.03, 0.4, -0.3), np.zeros((61, 83), dtype)
    picture[20:40, 30:60] = 1
    lies = pose.onto_ground(picture.view(np.uint8) if dtype == np.bool_ else picture, 0)
    back = pose.onto_frame(lies.view(dtype) if dtype == np.bool_ else lies)
    assert back.dtype == dtype
    assert np.count_nonzero((back > 0.5) != (picture > 0.5)) < 60  # of its rim of 96
    assert STRAIGHT.onto_frame(picture) is picture


def test_a_dish_on_a_plain_table_is_enough_to_go_by():
    s = PosteriorSubtractor()
    for t in range(40):
        right, down = 4.0 * np.sin(t / 3), 3.0 * np.sin(t / 5)
        image = np.full((360, 480, 1), 60, np.uint8)
        middle = round(16 * (240 + right)), round(16 * (180 + down))
        cv2.circle(image, middle, 16 * 160, 150, -1, cv2.LINE_AA, 4)
        mask = s.apply(image)
        assert t < 5 or mask.mean() < 0.002


def turning(count, seed=0, size=(96, 128)):
    """Frames of a camera that turns and shifts, with a thing that comes, and where it is."""
    rng = np.random.default_rng(seed)
    wide = scene(seed, size[0] + 60, size[1] + 60)
    for t in range(count):
        calm = 0 if t < 5 else 1
        pose = Pose(
            0.02 * np.sin(t / 3) * calm, 2.2 * np.sin(t / 4) * calm, 1.4 * np.cos(t / 5) * calm
        )
        picture = wide.copy()
        truth = np.zeros((*wide.shape[:2], 1), np.uint8)
        if t >= 25:
            left = 30 + t
            picture[60:85, left : left + 18] = (250, 250, 40)
            truth[60:85, left : left + 18] = 1
        image = seen(picture, 30, pose, size).astype(float) + rng.normal(0, 1, (*size, 1))
        yield image.clip(0, 255).astype(np.uint8), seen(truth, 30, pose, size)[:, :, 0] > 0


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_camera_that_turns_leaves_the_thing_only(quality):
    s, hits, found, there = PosteriorSubtractor(quality=quality), 0, 0, 0
    for t, (image, truth) in enumerate(turning(60)):
        mask = s.apply(image)
        if 10 < t < 25:
            assert mask.mean() < 0.005
        if t > 30:
            assert s.posterior().shape == s.shadows().shape == mask.shape
            hits += np.count_nonzero(mask & truth)
            found, there = found + np.count_nonzero(mask), there + np.count_nonzero(truth)
    assert 2 * hits / (found + there) > 0.85
    assert s.inside.state.camera.pose != STRAIGHT


@pytest.mark.parametrize("speed", [0.05, 0.1, 0.2])
def test_a_camera_that_turns_slowly_is_seen_to_differ_from_the_background(speed):
    s, wide, rng = PosteriorSubtractor(), scene(3, 300, 420), np.random.default_rng(0)
    for t in range(60):
        pose = Pose(np.radians(min(3, max(0, t - 29) * speed)), 0, 0)
        image = seen(wide, 40, pose, (220, 340)) + rng.normal(0, 2, (220, 340, 3))
        assert s.apply(image.clip(0, 255).astype(np.uint8)).mean() < 0.05


def test_what_is_told_of_a_frame_is_of_its_own_pixels():
    s, sensitivity = PosteriorSubtractor(), np.ones((96, 128), np.float32)
    region = np.ones((96, 128), bool)
    region[:, 100:] = False
    s.region, s.sensitivity = region, sensitivity
    for t, (image, _) in enumerate(turning(24, seed=1)):
        known = np.zeros((96, 128), np.int8)
        known[10:20, 10:20], known[30:40, 30:40] = 1, -1
        rates = np.full((96, 128), np.nan)
        mask = s.apply(image, rates, known=known)
        assert mask[10:20, 10:20].all()
        assert not mask[30:40, 30:40].any()
        assert not mask[:, 100:].any()
        assert t == 0 or not s.shadows()[:, 100:].any()
    assert s.inside.state.camera.pose != STRAIGHT


def test_copies_and_states_go_on_and_threads_change_nothing(tmp_path):
    one, two = PosteriorSubtractor(threads=1), PosteriorSubtractor(threads=2)
    images = [image for image, _ in turning(30)]
    for image in images[:20]:
        np.testing.assert_array_equal(one.apply(image), two.apply(image))
    one.save(tmp_path / "state")
    loaded = PosteriorSubtractor.load(tmp_path / "state")
    np.testing.assert_array_equal(loaded.posterior(), one.posterior())
    copied = one.copy()
    for image in images[20:]:
        mask = one.apply(image)
        for other in (loaded, copied, two):
            np.testing.assert_array_equal(other.apply(image), mask)


def test_earlier_states_know_no_turns(tmp_path):
    path = tmp_path / "state"
    images = [image for image, _ in turning(12)]
    s = PosteriorSubtractor()
    for image in images[:5]:
        s.apply(image)
    s.save(path)
    with state_of(path) as (told, _):
        numbers = json.loads(told["numbers"])
    for name in ("angle", "right", "down", "vain"):
        assert numbers.pop(f"_state.camera.{name}") == 0
    rewritten(
        path, metadata=without_shrinking(path) | {"numbers": json.dumps(numbers), "revision": "9"}
    )
    loaded = PosteriorSubtractor.load(path)
    for image in images[5:]:
        np.testing.assert_array_equal(loaded.apply(image), s.apply(image))


def test_nothing_is_turned_where_nobody_wants_it():
    s = PosteriorSubtractor(stabilize=False)
    for image, _ in turning(20):
        s.apply(image)
        assert s.inside.state.camera.pose == STRAIGHT
