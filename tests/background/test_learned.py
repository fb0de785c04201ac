"""The learned E-step: its network against plain convolutions, its time, what it keeps."""

import json

import cv2
import numpy as np
import pytest

from segment.background import LearnedSubtractor
from segment.background.learned import weights
from segment.background.learned.kernels.records import BLOCK, PLANES
from segment.background.learned.network import Network
from segment.errors import BadState
from tests.background.test_state import rewritten, state_of


def scene(shape=(96, 128, 3), seed=0):
    rng = np.random.default_rng(seed)
    base = cv2.GaussianBlur(rng.normal(120, 60, shape), (0, 0), 3)

    def frame(left=None, size=(30, 16)):
        image = np.clip(base + rng.normal(0, 2, shape), 0, 255)
        if left is not None:
            image[50 : 50 + size[0], left : left + size[1]] = (200, 60, 40)
        return image.astype(np.uint8)

    return frame


def follow(subtractor, frames):
    return [subtractor.apply(image) for image in frames]


def convolved(maps, layer, outputs):
    """3 x 3 with a border of zeros, from packed weights, in whole arrays."""
    groups, inputs = layer.weight.shape[:2]
    kernels = layer.weight.reshape(groups, inputs, 4, 9).transpose(0, 2, 1, 3)
    kernels = kernels.reshape(groups * 4, inputs, 3, 3)
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    height, width = maps.shape[1:]
    out = np.zeros((groups * 4, height, width)) + layer.bias[:, None, None]
    for y in range(3):
        for x in range(3):
            window = padded[:, y : y + height, x : x + width]
            out += np.einsum("oi,ihw->ohw", kernels[:, :, y, x], window)
    return np.maximum(out[:outputs], 0)


def mixed(maps, layer, outputs):
    groups, fours = layer.weight.shape[:2]
    matrix = layer.weight.reshape(groups, fours, 4, 4).transpose(0, 2, 1, 3)
    matrix = matrix.reshape(groups * 4, fours * 4)
    return (np.einsum("oi,ihw->ohw", matrix, maps) + layer.bias[:, None, None])[:outputs]


def larger(maps):
    return maps.repeat(2, axis=1).repeat(2, axis=2)


def halved(maps):
    count, height, width = maps.shape
    return maps.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_network_does_what_the_equations_say(threads):
    rng = np.random.default_rng(3)
    height, width = 2 * BLOCK, 3 * BLOCK  # every block is in doubt
    planes = rng.integers(0, 256, (PLANES, height, width)).astype(np.uint8)
    layers = weights.load()
    network = Network(layers, (height, width))

    foreground, shadow = network.judge(planes, (2 * height, 2 * width), threads)

    assert network.looked == 1
    x = planes.astype(np.float64)
    x[4:8] -= 128
    e0 = convolved(x / 64, layers["e0"], 12)
    b1 = convolved(convolved(halved(e0), layers["a1"], 24), layers["b1"], 24)
    b2 = convolved(convolved(halved(b1), layers["a2"], 32), layers["b2"], 32)
    b3 = convolved(convolved(halved(b2), layers["a3"], 32), layers["b3"], 32)
    u2 = convolved(larger(b3) + b2, layers["u2"], 32)
    u1 = convolved(larger(mixed(u2, layers["t1"], 24)) + b1, layers["u1"], 24)
    u0 = convolved(larger(mixed(u1, layers["t0"], 12)) + e0, layers["u0"], 12)
    expected = 255 / (1 + np.exp(-mixed(u0, layers["out"], 5)))
    found = [foreground[::2, ::2], foreground[::2, 1::2], foreground[1::2, ::2]]
    found += [foreground[1::2, 1::2], shadow[::2, ::2]]
    for ours, theirs in zip(found, expected, strict=True):
        assert np.abs(ours - theirs).max() <= 2  # a table of steps of 1/64


def test_what_is_plainly_background_is_not_looked_at():
    network = Network(weights.load(), (24, 40))
    foreground, shadow = network.judge(np.zeros((PLANES, 24, 40), np.uint8), (48, 80), 1)
    assert network.looked == 0
    assert not foreground.any()
    assert not shadow.any()


def test_masks_do_not_depend_on_threads_and_a_copy_goes_on_alike():
    frame = scene()
    frames = [frame() for _ in range(12)] + [frame(4 * k) for k in range(12)]
    one, two = LearnedSubtractor(threads=1), LearnedSubtractor(threads=3)
    follow(one, frames[:14])
    follow(two, frames[:14])
    other = one.copy()
    masks = follow(one, frames[14:])
    np.testing.assert_array_equal(masks, follow(two, frames[14:]))
    np.testing.assert_array_equal(masks, follow(other, frames[14:]))
    assert any(mask.any() for mask in masks)


@pytest.mark.parametrize("rate", [5.0, 25.0])
def test_what_stands_is_absorbed_after_its_time_at_any_rate(rate):
    frame = scene()
    subtractor = LearnedSubtractor(absorb=60 / rate, frame_rate=rate, threads=1)
    follow(subtractor, [frame() for _ in range(20)])
    follow(subtractor, [frame(3 * k) for k in range(15)])
    standing = follow(subtractor, [frame(45) for _ in range(110)])
    covered = [mask[52:78, 47:59].mean() for mask in standing]
    assert min(covered[:40]) > 0.9
    assert max(covered[-5:]) < 0.1


def test_rate_0_leaves_all_that_was_learned_as_it_is():
    frame = scene()
    subtractor = LearnedSubtractor(threads=1)
    follow(subtractor, [frame() for _ in range(8)])
    before = subtractor.copy()
    subtractor.apply(frame(20), learning_rate=0)
    for ours, theirs in zip(
        (*before._state.memory, *before._state.course),
        (*subtractor._state.memory, *subtractor._state.course),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"absorb": -1.0}, "absorb is -1.0"),
        ({"absorb": float("nan")}, "absorb is nan"),
        ({"remember": 0.0}, "remember is 0.0"),
        ({"frame_rate": 0.0}, "frame_rate is 0.0"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        LearnedSubtractor(**wrong)


def test_what_is_known_stands_above_the_answer():
    frame = scene()
    subtractor = LearnedSubtractor(threads=1)
    follow(subtractor, [frame() for _ in range(6)])
    known = np.zeros((96, 128), np.int8)
    known[:10], known[50:80, 40:56] = 1, -1
    mask = subtractor.apply(frame(40), known=known)
    assert mask[:10].all()
    assert not mask[50:80, 40:56].any()


# --- states: what test_state.py asks of mixtures by names that only these have ---------------


def learned(**parameters):
    frame = scene()
    subtractor = LearnedSubtractor(threads=1, **parameters)
    follow(subtractor, [frame() for _ in range(8)] + [frame(10 * k) for k in range(3)])
    return subtractor, frame


def test_parameters_are_kept_in_a_file_and_may_be_changed_afterwards(tmp_path):
    subtractor, frame = learned(absorb=7.0, remember=3.0, frame_rate=12.5)
    subtractor.remember = 4.0
    subtractor.save(tmp_path / "state")
    restored = LearnedSubtractor.load(tmp_path / "state")
    assert (restored.absorb, restored.remember, restored.frame_rate) == (7.0, 4.0, 12.5)
    for one in (subtractor, restored):
        one.threshold = 0.9
    rest = [frame(30 + 4 * k) for k in range(6)]
    np.testing.assert_array_equal(follow(subtractor, rest), follow(restored, rest))


def test_what_is_told_of_the_last_frame_is_kept_in_a_file(tmp_path):
    subtractor, _ = learned()
    subtractor.save(tmp_path / "state")
    assert subtractor.posterior().max() > 0.9
    for restored in (LearnedSubtractor.load(tmp_path / "state"), subtractor.copy()):
        for name in ("posterior", "shadows", "background"):
            np.testing.assert_array_equal(getattr(restored, name)(), getattr(subtractor, name)())


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"_state.memory.turn": lambda a: np.full_like(a, 8)}, "samples are counted beyond"),
        ({"_state.memory.quick_turn": lambda a: np.full_like(a, 4)}, "counted beyond"),
        ({"_state.memory.lately_turn": lambda a: np.full_like(a, 255)}, "counted beyond"),
        ({"_state.memory.kept": lambda a: a[:-1].copy()}, "kept"),
    ],
)
def test_places_beyond_the_samples_are_refused_though_signed(arrays, words, tmp_path):
    """A compiled loop believes them, and would write behind its arrays."""
    subtractor, _ = learned()
    subtractor.save(tmp_path / "state")
    rewritten(tmp_path / "state", arrays=arrays)
    with pytest.raises(BadState, match=words):
        LearnedSubtractor.load(tmp_path / "state")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("parameters", {"absorb": -1.0}, "absorb is -1.0"),
        ("parameters", {"threshold": "often"}, "state"),
        ("parameters", {"extra": 1}, "unknown extra"),
        ("numbers", {"_state.right": 1000}, "1000"),
        ("numbers", {"_state.frames": "3"}, "frames is '3'"),
    ],
)
def test_wrong_words_of_a_state_are_refused_though_signed(name, change, words, tmp_path):
    path = tmp_path / "state"
    subtractor, _ = learned()
    subtractor.save(path)
    with state_of(path) as (told, _):
        known = json.loads(told[name])
    rewritten(path, metadata={name: json.dumps({**known, **change})})
    with pytest.raises(BadState, match=words):
        LearnedSubtractor.load(path)
