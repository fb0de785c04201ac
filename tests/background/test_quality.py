"""The learned decision of `PosteriorSubtractor`: what it reads, what it keeps, what it promises."""

import itertools
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from segment.background import PosteriorSubtractor
from segment.background.network.records import BLOCK
from segment.background.posterior.decision import Decided
from segment.background.posterior.learned import LearnedEvidence, network_of, planes_of
from segment.background.posterior.sharing import Workspace

VIDEOS = Path(__file__).parents[2] / "videos"


def scene(shape=(97, 131, 3), seed=0):
    """Frames of a noisy still scene, with a box that is put where it is asked for."""
    rng = np.random.default_rng(seed)
    base = cv2.GaussianBlur(rng.normal(120, 60, shape), (0, 0), 3).reshape(shape)

    def frame(left=None):
        image = np.clip(base + rng.normal(0, 2, shape), 0, 255)
        if left is not None:
            image[40:70, left : left + 18] = (210, 60, 40)[: shape[2]]
        return image.astype(np.uint8)

    return frame


def follow(subtractor, frames):
    return [subtractor.apply(image) for image in frames]


def halved(plane):
    """Means of 2 x 2; a last row or column alone counts twice."""
    height, width = plane.shape
    plane = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge").astype(np.float64)
    return plane.reshape(-(-height // 2), 2, -(-width // 2), 2).mean(axis=(1, 3))


def soft(values, scale):
    return 255 * values / (values + scale)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_planes_say_what_they_are_said_to(channels):
    frame = scene((97, 131, channels))
    subtractor = PosteriorSubtractor(quality="best", threads=1, follow_light=False)
    images = [frame() for _ in range(12)] + [frame(5 * k) for k in range(6)]
    follow(subtractor, images[:-1])
    course = [plane.copy() for plane in subtractor.inside.decision.course]
    subtractor.apply(images[-1])

    state = subtractor.inside.state
    planes = planes_of(subtractor.inside.workspace, state.size).astype(np.float64)
    looked = (
        network_of(subtractor.inside.workspace, state.size).active.repeat(BLOCK, 0).repeat(BLOCK, 1)
    )
    there = looked[:49, :66] > 0
    assert there.mean() > 0.05

    def off(plane, other):
        return np.abs(plane - other)[there].max()

    last, light, _, stay, blink, evidence, posterior = course
    own = np.pad(state.evidence.own.reshape(state.size), ((0, 1), (0, 1)), mode="edge")
    for k in range(4):
        assert off(planes[k], own[k // 2 :: 2, k % 2 :: 2][:49, :66]) == 0
    now = halved(images[-1].mean(axis=2))
    assert np.abs(planes[10] - now).max() <= 0.51  # everywhere
    then = np.rint(halved(subtractor.background().mean(axis=2)))
    assert off(planes[11], then) <= 1
    ratio = 128 + 255 * (planes[10] - planes[11]) / (planes[10] + planes[11] + 12)
    assert off(planes[5], np.clip(ratio, 0, 255)) <= 1
    residual, dot, norm, mean = state.evidence.sums
    gain = np.clip(dot / np.maximum(norm, 1e-3), -0.75, 0.75)
    assert off(planes[4], 128 + 160 * gain) <= 1.01
    left = np.maximum(residual - 2 * gain * dot + gain * gain * norm, 0)
    assert off(planes[8], soft(left, 16)) <= 1.01
    assert np.abs(planes[9] - np.minimum(mean * 255 / 40, 255)).max() <= 1.01
    change = np.abs(planes[10] - light)
    seen = planes[12] / np.maximum(255 - planes[12], 1e-9)  # in scales
    scale = np.median((change / np.maximum(seen, 1e-9))[there & (change > 8) & (planes[12] < 250)])
    assert off(planes[12], soft(change, scale)) <= 3
    assert off(planes[15], last) == 0
    assert off(planes[16], soft(stay, 60)) <= 1
    assert off(planes[23], blink) <= 0.51
    assert off(planes[26], evidence) <= 0.51
    assert off(planes[27], posterior) <= 0.51
    grown = cv2.dilate(then, np.ones((3, 3))), cv2.erode(then, np.ones((3, 3)))
    inside = (planes[10] <= grown[0]) & (planes[10] >= grown[1])
    nearest = np.minimum(np.abs(planes[10] - grown[0]), np.abs(planes[10] - grown[1]))
    outside = np.where(inside, 0, np.maximum(nearest - 1, 0))  # the background is rounded
    there[[0, -1]] = there[:, [0, -1]] = False
    assert np.all((planes[25] >= soft(outside, scale) - 3)[there])


def test_what_places_go_through_follows_the_posterior():
    half = (8, 10)
    decision = LearnedEvidence()
    decision.begin((15, 20))
    course, workspace = decision.course, Workspace()
    planes = planes_of(workspace, (15, 20))
    planes[9, 2] = 200  # evidence comes
    planes[10] = 90
    foreground = np.zeros((15, 20), np.uint8)
    foreground[4:6] = 1
    decision.foreground[:] = 255 * foreground.reshape(-1)
    kept = np.ones_like(foreground)
    for learned in range(3):
        decision.learn(Decided(foreground, kept, learned), workspace, 0, 8)
        decision.learn(Decided(foreground, kept, learned), workspace, 8, 15)
    expected = np.zeros(half)
    expected[2] = 255
    np.testing.assert_array_equal(course.last, expected)
    np.testing.assert_array_equal(course.stay, expected / 255 * 3)
    np.testing.assert_array_equal(course.light, 90)
    np.testing.assert_array_equal(course.come, expected > 0)
    blink = 255 * 0.04 * 0.96**2  # it came once, three frames ago
    np.testing.assert_allclose(course.blink, expected / 255 * blink, rtol=1e-5)
    decision.foreground[:] = 0
    decision.learn(Decided(foreground, np.zeros_like(foreground), 3), workspace, 0, 15)
    np.testing.assert_allclose(course.stay, expected / 255 * (3 * 0.7 - 0.3), rtol=1e-5)


def test_masks_do_not_depend_on_threads_and_a_copy_goes_on_alike():
    frame = scene()
    images = [frame() for _ in range(10)] + [frame(4 * k) for k in range(10)]
    one = PosteriorSubtractor(quality="best", threads=1)
    two = PosteriorSubtractor(quality="best", threads=3)
    follow(one, images[:14])
    follow(two, images[:14])
    other = one.copy()
    masks = follow(one, images[14:])
    np.testing.assert_array_equal(masks, follow(two, images[14:]))
    np.testing.assert_array_equal(masks, follow(other, images[14:]))
    assert all(mask.any() for mask in masks)


def test_a_still_scene_stays_empty_and_a_box_is_found_whole():
    frame = scene()
    subtractor = PosteriorSubtractor(quality="best", threads=1)
    still = follow(subtractor, [frame() for _ in range(40)])
    assert max(mask.mean() for mask in still) < 0.001
    for k, mask in enumerate(follow(subtractor, [frame(3 * k) for k in range(30)])):
        assert mask[42:68, 3 * k + 2 : 3 * k + 16].mean() > 0.9
        mask[37:73, max(0, 3 * k - 4) : 3 * k + 22] = False
        assert mask.mean() < 0.004


def test_who_stands_stays_and_leaves_no_ghost():
    frame = scene()
    subtractor = PosteriorSubtractor(quality="best", threads=1)
    follow(subtractor, [frame() for _ in range(30)] + [frame(3 * k) for k in range(16)])
    standing = follow(subtractor, [frame(45) for _ in range(400)])
    assert np.mean([mask[42:68, 47:61].mean() for mask in standing[-20:]]) > 0.95
    gone = follow(subtractor, [frame() for _ in range(26)])
    assert gone[-1].mean() < 0.002


def test_rate_0_leaves_all_that_was_learned_as_it_is():
    frame = scene()
    subtractor = PosteriorSubtractor(quality="best", threads=1)
    follow(subtractor, [frame() for _ in range(8)])
    before = subtractor.copy()
    mask = subtractor.apply(frame(30), learning_rate=0)
    assert mask.any()
    for ours, theirs in zip(
        before.inside.decision.course, subtractor.inside.decision.course, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_lower_threshold_finds_more():
    frame = scene()
    images = [frame() for _ in range(10)] + [frame(3 * k) for k in range(5)]
    found = []
    for threshold in (10.0, 16.0, 24.0):
        subtractor = PosteriorSubtractor(quality="best", threshold=threshold, threads=1)
        follow(subtractor, images[:-1])
        subtractor.threshold = threshold
        found.append(int(subtractor.apply(images[-1]).sum()))
    assert found[0] > found[1] > found[2] > 0


def test_another_quality_is_refused():
    with pytest.raises(ValueError, match="quality is 'better', wanted fast or best"):
        PosteriorSubtractor(quality="better")
    subtractor = PosteriorSubtractor()
    with pytest.raises(ValueError, match="quality is 'better'"):
        subtractor.quality = "better"
    with pytest.raises(ValueError, match="make another subtractor for 'fast'"):
        subtractor.quality = "fast"
    subtractor.quality = "best"
    assert not subtractor.apply(scene()()).any()


def clip(name, count):
    with av.open(str(VIDEOS / f"{name}.mp4")) as video:
        frames = itertools.islice(video.decode(video=0), count)
        images = [frame.to_ndarray(format="rgb24") for frame in frames]
    return [cv2.resize(image, (320, 180), interpolation=cv2.INTER_AREA) for image in images]


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_another_scene_is_learned_anew_though_the_network_lets_go_of_it(quality):
    subtractor = PosteriorSubtractor(quality=quality, threads=1)
    follow(subtractor, [image // 3 for image in clip("room", 20)])
    cut = follow(subtractor, clip("street", 9))
    assert cut[0].mean() > (0.9 if quality == "fast" else 0.2)  # the network lets go at once
    assert cut[-1].mean() < 0.01


def test_what_is_known_counts_as_decided_and_another_scene_keeps_the_last_posterior():
    frame = scene()
    subtractor = PosteriorSubtractor(quality="best", threads=1)
    follow(subtractor, [frame() for _ in range(8)])
    known = np.zeros((97, 131), np.int8)
    known[10:30, 10:30] = 1
    assert subtractor.apply(frame(), known=known)[10:30, 10:30].all()
    assert subtractor.inside.decision.course.last[6:14, 6:14].min() >= 128
    other = scene(seed=5)
    follow(subtractor, [other() for _ in range(100)])
    assert subtractor.posterior().shape == (97, 131)
    assert subtractor.apply(other()).mean() < 0.01


def test_sensitivity_divides_the_threshold_place_by_place():
    frame = scene()
    images = [frame() for _ in range(10)] + [frame(3 * k) for k in range(5)]
    plain = PosteriorSubtractor(quality="best", threads=1)
    follow(plain, images[:-1])
    other, third = plain.copy(), plain.copy()
    other.threshold = 8.0
    third.sensitivity = np.where(np.arange(131) < 60, 2.0, 1.0) * np.ones((97, 1))
    whole, low, mixed = (s.apply(images[-1]) for s in (plain, other, third))
    np.testing.assert_array_equal(mixed[:, :60], low[:, :60])
    np.testing.assert_array_equal(mixed[:, 60:], whole[:, 60:])


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize(("rate", "seconds"), [(5, 12), (25, 2.4), (100, 0.6)])
def test_what_stands_is_absorbed_after_its_time_to_the_frame(quality, rate, seconds):
    frame = scene()
    subtractor = PosteriorSubtractor(quality=quality, absorb=seconds, frame_rate=rate, threads=1)
    follow(subtractor, [frame() for _ in range(40)])
    masks = follow(subtractor, [frame(45) for _ in range(90)])
    found = np.array([mask[45:65, 50:58].mean() for mask in masks])
    assert np.all(found[:60] == 1)
    assert found[61] < 0.1  # the network may take two frames to let go of the last of it
    assert np.all(found[60 if quality == "fast" else 62 :] == 0)


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_what_may_never_be_absorbed_stays_and_leaves_no_ghost(quality):
    frame = scene()
    subtractor = PosteriorSubtractor(quality=quality, absorb=np.inf, threads=1)
    follow(subtractor, [frame() for _ in range(30)] + [frame(3 * k) for k in range(16)])
    standing = follow(subtractor, [frame(45) for _ in range(600)])
    assert np.mean([mask[42:68, 47:61].mean() for mask in standing[-20:]]) > 0.95
    assert follow(subtractor, [frame() for _ in range(26)])[-1].mean() < 0.002


def test_what_is_known_is_never_absorbed():
    frame = scene()
    subtractor = PosteriorSubtractor(absorb=0.4, threads=1)
    follow(subtractor, [frame() for _ in range(20)])
    known = np.zeros((97, 131), np.int8)
    known[40:70, 45:63] = 1
    for _ in range(40):
        assert subtractor.apply(frame(45), known=known)[41:69, 46:62].all()
    assert subtractor.apply(frame(45))[45:65, 50:58].all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"absorb": -1}, "absorb is -1, wanted at least 0 seconds, or None"),
        ({"remember": float("nan")}, "remember is nan, wanted at least 0"),
        ({"frame_rate": 0}, "frame_rate is 0, wanted more than 0"),
    ],
)
def test_times_that_make_no_sense_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        PosteriorSubtractor(**given).apply(scene()())
