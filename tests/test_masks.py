"""Cleaning of masks: known answers, a plain twin of each step, and real masks."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from segment import masks

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 13), st.integers(1, 17)))
OFF = {"median": 0, "opening": 0, "closing": 0, "holes": 0, "smallest": 0}
DIAGONAL = np.ones((3, 3))


def picture(text):
    return np.array([[c == "#" for c in line] for line in text.split()])


def one_step(mask, **step):
    return masks.clean(mask, **(OFF | step))


@given(mask=MASKS)
@settings(deadline=None, max_examples=30)
def test_everything_off_copies(mask):
    result = one_step(mask)

    np.testing.assert_array_equal(result, mask)
    assert not np.shares_memory(result, mask)


@given(mask=MASKS, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_the_input_stays_as_it_was_and_the_result_is_a_mask(mask, seed):
    rng = np.random.default_rng(seed)
    before = mask.copy()
    mask.flags.writeable = False

    result = masks.clean(
        mask,
        median=int(rng.choice([0, 1, 3, 5, 17])),
        opening=int(rng.integers(0, 5)),
        closing=int(rng.integers(0, 5)),
        holes=int(rng.integers(0, 9)),
        smallest=int(rng.integers(0, 9)),
    )

    assert result.dtype == np.bool_
    assert result.shape == mask.shape
    np.testing.assert_array_equal(mask, before)


@given(mask=MASKS, side=st.sampled_from([3, 5, 7, 17]))
@settings(deadline=None, max_examples=60)
def test_median_is_the_median_of_each_square(mask, side):
    expected = ndimage.median_filter(mask.astype(np.uint8), side, mode="nearest") > 0

    np.testing.assert_array_equal(one_step(mask, median=side), expected)


def test_median_agrees_with_opencv_on_a_noisy_picture():
    mask = np.random.default_rng(5).random((61, 83)) < 0.5

    for side in (3, 5, 15, 17):
        expected = cv2.medianBlur(mask.view(np.uint8), side) > 0
        np.testing.assert_array_equal(one_step(mask, median=side), expected)


@given(mask=MASKS, smallest=st.integers(2, 12))
@settings(deadline=None, max_examples=60)
def test_small_components_go_and_the_others_stay(mask, smallest):
    labels, count = ndimage.label(mask, DIAGONAL)
    expected = np.zeros_like(mask)
    for i in range(1, count + 1):
        if (labels == i).sum() >= smallest:
            expected |= labels == i

    np.testing.assert_array_equal(one_step(mask, smallest=smallest), expected)


@given(mask=MASKS, largest=st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_holes_up_to_the_area_are_filled(mask, largest):
    holes = ndimage.binary_fill_holes(mask) & ~mask
    labels, count = ndimage.label(holes)
    expected = mask.copy()
    for i in range(1, count + 1):
        if (labels == i).sum() <= largest:
            expected |= labels == i

    np.testing.assert_array_equal(one_step(mask, holes=largest), expected)


@given(mask=MASKS, diameter=st.integers(2, 7))
@settings(deadline=None, max_examples=60)
def test_opening_takes_away_closing_adds_and_twice_is_once(mask, diameter):
    opened, closed = one_step(mask, opening=diameter), one_step(mask, closing=diameter)

    assert not (opened & ~mask).any()
    assert not (mask & ~closed).any()
    np.testing.assert_array_equal(one_step(opened, opening=diameter), opened)
    np.testing.assert_array_equal(one_step(closed, closing=diameter), closed)


def test_a_hole_that_touches_the_border_is_no_hole():
    mask = picture("""
        #.####
        #.#..#
        ####.#
        #.####
        ######
    """)
    expected = picture("""
        #.####
        #.####
        ######
        ######
        ######
    """)

    np.testing.assert_array_equal(one_step(mask, holes=99), expected)
    assert one_step(mask, holes=2).sum() == mask.sum() + 1


def test_a_diagonal_holds_a_component_together_but_leaks_no_hole():
    ring = picture("""
        .....
        ..#..
        .#.#.
        ..#..
        .....
    """)

    assert one_step(ring, smallest=4).sum() == 4
    assert one_step(ring, smallest=5).sum() == 0
    assert one_step(ring, holes=1).sum() == 5


def test_closing_joins_what_lies_closer_than_its_disc():
    mask = np.zeros((15, 30), bool)
    mask[4:11, 3:12] = mask[4:11, 14:25] = True

    assert ndimage.label(one_step(mask, closing=5), DIAGONAL)[1] == 1
    assert ndimage.label(one_step(mask, closing=2), DIAGONAL)[1] == 2


def test_the_defaults_mend_a_disc_with_holes_among_specks():
    rows, columns = np.mgrid[:120, :161]
    disc = np.hypot(rows - 60, columns - 80) < 25
    rng = np.random.default_rng(2)
    noisy = disc ^ (rng.random(disc.shape) < 0.03)
    noisy[55:62, 70:78] = False

    mended = masks.clean(noisy)

    assert (mended ^ disc).sum() < (noisy ^ disc).sum() / 10
    assert ndimage.label(mended, DIAGONAL)[1] == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (8, 1), (2, 3)])
def test_tiny_pictures_stay_whole(size):
    assert masks.clean(np.ones(size, bool)).all()
    assert not masks.clean(np.zeros(size, bool)).any()


def test_areas_follow_the_size_of_the_picture():
    small, large = np.zeros((100, 150), bool), np.zeros((1000, 1500), bool)
    small[50:54, 50:54] = large[500:504, 500:504] = True

    assert masks.clean(small, median=0).sum() == 16
    assert masks.clean(large, median=0).sum() == 0


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (ValueError, "median is 4 pixels, wanted an odd side; take 3 or 5", {"median": 4}),
        (ValueError, "closing is -2 pixels", {"closing": -2}),
        (ValueError, "smallest is -1 pixels", {"smallest": -1}),
        (TypeError, r"holes is 2\.5, wanted a whole number", {"holes": 2.5}),
    ],
)
def test_a_wrong_size_is_named(error, message, options):
    with pytest.raises(error, match=message):
        masks.clean(np.ones((4, 5), bool), **options)


def test_a_picture_is_no_mask():
    with pytest.raises(TypeError, match="mask is uint8, wanted bool"):
        masks.clean(np.ones((4, 5), np.uint8))
    with pytest.raises(ValueError, match=r"mask is \(4, 5, 1\)"):
        masks.clean(np.ones((4, 5, 1), bool))


@pytest.mark.parametrize("name", ["sbi_CAVIAR2", "sbi_HallAndMonitor", "sbi_CaVignal"])
def test_the_defaults_improve_real_masks(shared_data, name):
    folder = shared_data / "background" / name
    subtractor = cv2.createBackgroundSubtractorMOG2(200, 16, False)
    video, truths = (cv2.VideoCapture(str(folder / f"{k}.mkv")) for k in ("input", "truth"))
    counts = {"raw": np.zeros(3), "clean": np.zeros(3)}
    for t in range(160):
        raw = subtractor.apply(video.read()[1]) > 0
        truth = truths.read()[1][:, :, 0]
        if t < 40 or t % 4:
            continue
        for key, mask in (("raw", raw), ("clean", masks.clean(raw))):
            moving, still = truth == 255, truth == 0
            counts[key] += [(mask & moving).sum(), (mask & still).sum(), (~mask & moving).sum()]
    f = {key: 2 * tp / (2 * tp + fp + fn) for key, (tp, fp, fn) in counts.items()}

    assert f["clean"] > f["raw"] + 0.003, f


@pytest.mark.parametrize(
    ("size", "kept", "gone"), [((1080, 1920), 15, 9), ((240, 320), 4, 3), ((480, 640), 8, 7)]
)
def test_a_spider_stays_in_a_large_picture_and_a_speck_goes(size, kept, gone):
    mask = np.zeros(size, bool)
    mask[20 : 20 + kept, 20 : 20 + kept] = True
    mask[90 : 90 + gone, 90 : 90 + gone] = True
    found = masks.clean(mask, median=0, closing=0, holes=0)
    assert found[20 : 20 + kept, 20 : 20 + kept].all()
    assert found.sum() == kept**2
