"""What every grouper promises, with no knowledge of which it is."""

import functools
import gc
import logging
import tracemalloc

import numpy as np
import pytest

from segment import grouping
from segment.errors import MissingForeground

NAMES = pytest.mark.parametrize("name", grouping.__all__)
SIZE = (46, 62)


def make(name):
    return getattr(grouping, name)()


def scene(length=12, size=SIZE, seed=7, channels=3):
    """Three squares that move apart or together on noise: images and masks."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 100, (length, *size, channels), np.uint8)
    masks = np.zeros((length, *size), bool)
    for t in range(length):
        for k, (row, column, down, right) in enumerate(
            [(4, 5, 1, 2), (6, 45, 1, -2), (30, 20, 0, 1)]
        ):
            y, x = row + down * t, column + right * t
            masks[t, y : y + 7, x : x + 6] = True
            images[t, y : y + 7, x : x + 6] = 120 + 40 * k
    return images, masks


def run(name, images, masks):
    grouper = make(name)
    return np.stack([grouper.group(i, m) for i, m in zip(images, masks, strict=True)])


def check(labels, mask):
    assert labels.dtype == np.int32
    assert labels.shape == mask.shape
    np.testing.assert_array_equal(labels > 0, mask)
    assert labels.min(initial=0) >= 0


@NAMES
@pytest.mark.parametrize("channels", [1, 3])
def test_labels_cover_the_foreground_and_nothing_else(name, channels):
    images, masks = scene(channels=channels)
    copies = images.copy(), masks.copy()

    for labels, mask in zip(run(name, images, masks), masks, strict=True):
        check(labels, mask)

    np.testing.assert_array_equal(images, copies[0])
    np.testing.assert_array_equal(masks, copies[1])


@NAMES
def test_results_are_new_arrays(name):
    images, masks = scene(2)
    grouper = make(name)
    first = grouper.group(images[0], masks[0])
    before = first.copy()
    first_again = first
    first_again[:] = 99
    second = grouper.group(images[1], masks[1])

    check(second, masks[1])
    assert set(np.unique(second)) == set(np.unique(before))


@NAMES
def test_the_same_input_gives_the_same_labels(name):
    np.testing.assert_array_equal(run(name, *scene()), plain(name))


def placed(shift):
    """The scene in a larger picture, so that no object touches the border, where leaving begins."""
    images, masks = scene()
    down, right = shift
    larger = (masks.shape[1] + 9, masks.shape[2] + 9)
    image, mask = np.full((len(images), *larger, 3), 80, np.uint8), np.zeros((12, *larger), bool)
    to = np.s_[:, down : down + SIZE[0], right : right + SIZE[1]]
    image[to], mask[to] = images, masks
    return image, mask, to


@functools.cache
def unmoved(name):
    image, mask, at = placed((0, 0))
    return run(name, image, mask)[at]


@NAMES
@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (5, 3), (8, 8)])
def test_moving_the_whole_scene_moves_the_labels(name, shift):
    image, mask, to = placed(shift)

    np.testing.assert_array_equal(run(name, image, mask)[to], unmoved(name))


@functools.cache
def plain(name):
    """What the scene as it is gives; not to be changed."""
    labels = run(name, *scene())
    labels.flags.writeable = False
    return labels


@NAMES
def test_swapping_channels_changes_nothing(name):
    images, masks = scene()
    swapped = np.ascontiguousarray(images[..., [2, 0, 1]])

    np.testing.assert_array_equal(plain(name), run(name, swapped, masks))


@NAMES
def test_memory_layout_changes_nothing(name):
    images, masks = scene()
    grouper = make(name)
    for t, labels in enumerate(plain(name)):
        image, mask = np.asfortranarray(images[t]), np.repeat(masks[t], 2, axis=1)[:, ::2]
        np.testing.assert_array_equal(grouper.group(image, mask), labels)


@NAMES
def test_objects_that_hold_still_keep_their_labels(name):
    images, masks = scene()
    labels = run(name, images[:1].repeat(40, axis=0), masks[:1].repeat(40, axis=0))

    assert (labels == labels[0]).all()
    assert len(np.unique(labels)) == 4


@NAMES
def test_objects_that_move_keep_their_labels(name):
    images, masks = scene(8)
    labels = run(name, images, masks)

    for t in range(8):
        found = [labels[t, 7 + t, 8 + 2 * t], labels[t, 9 + t, 48 - 2 * t], labels[t, 33, 23 + t]]
        first = [labels[0, 7, 8], labels[0, 9, 48], labels[0, 33, 23]]
        assert found == first
        assert len(set(found)) == 3


@NAMES
@pytest.mark.parametrize("size", [(1, 1), (1, 17), (13, 1), (2, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiny_pictures(name, size, channels):
    grouper = make(name)
    image = np.full((*size, channels), 100, np.uint8)
    one = np.zeros(size, bool)
    one[-1, -1] = True
    nothing, everything = np.zeros(size, bool), np.ones(size, bool)
    for mask in (nothing, one, everything, nothing, everything, one):
        check(grouper.group(image, mask), mask)


@NAMES
def test_thousands_of_blobs(name):
    grouper = make(name)
    mask = np.zeros((201, 303), bool)
    mask[::3, ::4] = True
    image = np.full((201, 303, 1), 50, np.uint8)

    first = grouper.group(image, mask)
    second = grouper.group(image, mask)

    assert len(np.unique(first)) == mask.sum() + 1 == 5093
    np.testing.assert_array_equal(first, second)
    # And from one frame to the next everything is one, and thousands again.
    for other in (np.ones_like(mask), mask):
        check(grouper.group(image, other), other)


@NAMES
def test_any_mask_at_all(name):
    rng = np.random.default_rng(11)
    grouper = make(name)
    for _ in range(40):
        mask = rng.random(SIZE) < rng.choice([0.0, 0.02, 0.3, 0.6, 1.0])
        check(grouper.group(rng.integers(0, 256, (*SIZE, 3), np.uint8), mask), mask)


@NAMES
def test_wrong_arrays_are_refused_with_their_numbers(name):
    image, mask = np.zeros((5, 7, 3), np.uint8), np.zeros((5, 7), bool)
    grouper = make(name)
    with pytest.raises(ValueError, match=r"foreground is \(7, 5\), but the image is \(5, 7\)"):
        grouper.group(image, mask.T)
    with pytest.raises(TypeError, match="foreground is uint8, wanted bool"):
        grouper.group(image, mask.view(np.uint8))
    with pytest.raises(ValueError, match=r"image is \(5, 7\)"):
        grouper.group(image[:, :, 0], mask)
    with pytest.raises(TypeError, match="image is float64, wanted uint8"):
        grouper.group(image.astype(float), mask)
    grouper.group(image, mask)
    with pytest.raises(ValueError, match=r"image is \(6, 7, 3\), .* were \(5, 7, 3\)"):
        grouper.group(np.zeros((6, 7, 3), np.uint8), np.zeros((6, 7), bool))


@NAMES
def test_without_a_mask_it_works_or_says_what_is_missing(name):
    image = np.zeros((5, 7, 3), np.uint8)
    try:
        labels = make(name).group(image, None)
    except MissingForeground as error:
        assert "needs a foreground mask; put a subtract-" in str(error)  # noqa: PT017
    else:
        check(labels, np.ones((5, 7), bool))


@NAMES
def test_empty_frames_are_empty_and_change_nobodys_label(name):
    images, masks = scene(1)
    grouper, nothing = make(name), np.zeros(SIZE, bool)
    check(grouper.group(images[0], nothing), nothing)
    first = grouper.group(images[0], masks[0])
    for _ in range(3):
        check(grouper.group(images[0], nothing), nothing)

    np.testing.assert_array_equal(grouper.group(images[0], masks[0]), first)


@NAMES
def test_everything_is_foreground(name):
    images, _ = scene(3)
    grouper, everything = make(name), np.ones(SIZE, bool)
    for image in images:
        check(grouper.group(image, everything), everything)


def discs(length, size=(40, 96), radius=7):
    """Two discs, a bright and a dark one, that pass each other: images, masks, middles."""
    rows, columns = np.indices(size)
    images = np.full((length, *size, 3), 110, np.uint8)
    masks = np.zeros((length, *size), bool)
    middles = np.empty((length, 2, 2), int)
    for t in range(length):
        middles[t] = (18, 10 + 2 * t), (21, 86 - 2 * t)
        for (y, x), colour in zip(middles[t], [(230, 200, 60), (30, 40, 90)], strict=True):
            disc = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
            masks[t] |= disc
            images[t][disc] = colour
    return images, masks, middles


@NAMES
def test_two_discs_that_cross_keep_their_labels(name):
    images, masks, middles = discs(39)
    labels = run(name, images, masks)

    def numbers(t):
        return [int(labels[t, y, x]) for y, x in middles[t]]

    first = numbers(2)
    assert first[0] != first[1]
    for t in (0, 5, 10, 30, 35, 38):  # they touch from 15 to 24
        assert numbers(t) == first, t
        # Nearly all of a disc is one object; a grouper may take pixels for something else.
        assert (np.isin(labels[t], first) | ~masks[t]).mean() > 0.97, t


def growth(name, frames):
    """Bytes by which a grouper's peak in the last quarter of small frames is above the third's.

    In every forty frames two squares come in, meet and leave, others flicker, and all are gone.
    """
    size = (24, 32)
    rng = np.random.default_rng(5)
    images = rng.integers(90, 130, (40, *size, 3), np.uint8)
    masks = np.zeros((40, *size), bool)
    for t in range(18):
        for row, column, colour in ((5, 2 * t - 4, 220), (8, 31 - 2 * t, 20)):
            box = np.s_[t, row : row + 8, max(0, column) : max(0, column + 5)]
            masks[box], images[box] = True, colour
        if t % 5 == 0:
            masks[t, 19:23, t : t + 4] = True
    grouper = make(name)
    peaks = []
    for t in range(frames):
        if t == frames // 4:
            tracemalloc.start()
        if t in (frames // 2, 3 * frames // 4):
            gc.collect()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
        grouper.group(images[t % 40], masks[t % 40])
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    return peaks[2] - peaks[1]


# A mask kept of every frame would be 768 bytes a frame, a picture 2304. Peaks differ by some ten
# thousand bytes, whatever the number of frames, by when cycles happen to be collected.
@NAMES
def test_memory_is_flat(name, caplog):
    caplog.set_level(logging.CRITICAL, "segment")  # pytest keeps messages, and they count
    assert growth(name, 640) < 160 * 160


@NAMES
@pytest.mark.long
def test_memory_is_flat_over_ten_thousand_frames(name, caplog, pytestconfig):
    if "long" not in pytestconfig.option.markexpr:
        pytest.skip("minutes; run with -m long")
    caplog.set_level(logging.CRITICAL, "segment")
    assert growth(name, 10_000) < 2500 * 16
