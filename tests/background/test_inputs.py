"""What subtractors take, and how each wrong argument is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segment.background import inputs

TYPES = (np.uint8, np.uint16, np.float32, np.float64)


def grey_of(image):
    """Grey levels of 256, in plain numpy."""
    if image.dtype.kind == "f":
        return image.astype(np.float64) * 255
    return image.astype(np.float64) * 255 / np.iinfo(image.dtype).max


# --- images ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", range(1, 9))
def test_every_type_and_number_of_channels_is_an_image(dtype, channels):
    inputs.check_image(np.zeros((5, 7, channels), dtype))


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        ([[1]], TypeError, "list.*numpy"),
        (np.zeros((5, 7, 3), np.int32), TypeError, r"int32.*uint16.*float64 in \[0, 1\]"),
        (np.zeros((5, 7, 3), np.float16), TypeError, "float16"),
        (np.zeros((5, 7, 3), bool), TypeError, "bool"),
        (np.zeros((5, 7, 3), ">u2"), TypeError, ">u2"),
        (np.zeros((5, 7), np.uint8), ValueError, r"\(5, 7\).*1 to 8 channels.*None"),
        (np.zeros((5, 7, 9), np.uint8), ValueError, r"\(5, 7, 9\)"),
        (np.zeros((5, 7, 0), np.uint8), ValueError, r"\(5, 7, 0\)"),
        (np.zeros((0, 7, 3), np.float32), ValueError, "no pixel"),
    ],
)
def test_what_is_no_image_is_named(image, error, words):
    with pytest.raises(error, match=words):
        inputs.check_image(image)


def test_a_change_of_shape_or_type_is_named():
    image = np.zeros((5, 7, 3), np.uint16)
    inputs.check_like_before(image, None, None, "It")
    inputs.check_like_before(image, (5, 7, 3), np.uint16, "It")
    with pytest.raises(ValueError, match=r"\(5, 7, 3\).*\(6, 7, 3\).*new It"):
        inputs.check_like_before(image, (6, 7, 3), np.uint16, "It")
    with pytest.raises(TypeError, match=r"uint16.*uint8.*new It"):
        inputs.check_like_before(image, (5, 7, 3), np.uint8, "It")


def test_white_is_255_grey_levels_in_every_type():
    for dtype, white in zip(TYPES, (255, 65535, 1, 1), strict=True):
        assert white * inputs.grey_levels(dtype) == 255


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_is_found(dtype):
    image = np.full((5, 7, 3), 0.5, dtype)
    assert inputs.find_invalid(image) is None
    image[1, 2, 0], image[4, 6, 2], image[4, 6, 1] = np.nan, np.inf, -np.inf
    wanted = np.zeros((5, 7), bool)
    wanted[1, 2] = wanted[4, 6] = True
    np.testing.assert_array_equal(inputs.find_invalid(image, "unknown"), wanted)
    with pytest.raises(ValueError, match=r"2 of 35 pixels.*row 1, column 2.*unknown"):
        inputs.find_invalid(image)
    assert inputs.find_invalid(np.full((2, 3, 1), np.nan, dtype), "unknown").all()


@pytest.mark.parametrize("invalid", ["raise", "unknown"])
@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1), (0, 1.3)])
def test_floats_that_are_not_0_to_1_are_refused(low, high, invalid):
    image = np.linspace(low, high, 105, dtype=np.float32).reshape(5, 7, 3)
    if invalid == "unknown":
        image[2, 3] = np.nan  # does not hide the others
    with pytest.raises(ValueError, match=rf"from {low} to {high}, wanted \[0, 1\].*/ 255"):
        inputs.find_invalid(image, invalid)


def test_overshoot_of_a_resampled_picture_is_taken():
    assert inputs.find_invalid(np.linspace(-0.2, 1.2, 105).reshape(5, 7, 3)) is None


@given(
    image=st.sampled_from(TYPES).flatmap(
        lambda dtype: arrays(
            dtype,
            st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 8)),
            elements=st.floats(0, 1, width=32) if np.dtype(dtype).kind == "f" else None,
        )
    ),
    step=st.integers(1, 2),
)
@settings(deadline=None, max_examples=60)
def test_eight_bits_are_the_nearest_grey_levels(image, step):
    image = image[:, ::step]
    rounded = inputs.to_eight_bits(image)
    assert rounded.dtype == np.uint8
    assert rounded.shape == image.shape
    assert np.abs(rounded - grey_of(image)).max() <= 0.5 + 1e-4


def test_eight_bits_stay_eight_bits_whichever_way_they_went():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert inputs.to_eight_bits(levels) is levels
    for other in (levels.astype(np.uint16) * 257, levels / 255, np.float32(levels) / 255):
        np.testing.assert_array_equal(inputs.to_eight_bits(other), levels)


def test_unknown_pixels_are_black_and_overshoot_is_cut():
    image = np.array([[[-0.2, 1.2], [np.nan, 0.5], [np.inf, -np.inf]]])
    unknown = inputs.find_invalid(image, "unknown")
    expected = [[[0, 255], [0, 0], [0, 0]]]
    np.testing.assert_array_equal(inputs.to_eight_bits(image, unknown), expected)


# --- learning rates, what is known ----------------------------------------------------------


def test_learning_rates_have_three_forms():
    assert inputs.as_rate(None, (2, 3)) is None
    for rate in (0, 1, 0.25, np.float32(0.25), np.array(0.25), True):
        assert inputs.as_rate(rate, (2, 3)) == float(rate)
        assert isinstance(inputs.as_rate(rate, (2, 3)), float)
    given_ = np.array([[0, 0.5, 1], [np.nan, 0.25, 0]])[:, ::-1]
    rates = inputs.as_rate(given_, (2, 3))
    assert rates.dtype == np.float32
    assert rates.flags.c_contiguous
    np.testing.assert_array_equal(rates, [[1, 0.5, 0], [0, 0.25, inputs.AUTOMATIC]])
    assert np.isnan(given_[1, 2])  # the caller's own is as it was
    assert (inputs.as_rate(np.full((2, 3), np.nan), (2, 3)) == inputs.AUTOMATIC).all()


@pytest.mark.parametrize(
    ("rate", "error", "words"),
    [
        (-0.1, ValueError, "learning_rate is -0.1"),
        (1.1, ValueError, "learning_rate is 1.1"),
        (float("nan"), ValueError, "learning_rate is nan"),
        (np.full((2, 3), -1.0), ValueError, "from -1 to -1"),
        (np.array([[0, np.inf, 0], [0, np.nan, 0]]), ValueError, "from 0 to inf"),
        (np.zeros((3, 2)), ValueError, r"\(3, 2\).*\(2, 3\)"),
        (np.zeros((2, 3, 1)), ValueError, r"\(2, 3, 1\)"),
        (np.zeros((2, 3), complex), TypeError, "complex"),
    ],
)
def test_a_wrong_learning_rate_is_named(rate, error, words):
    with pytest.raises(error, match=words):
        inputs.as_rate(rate, (2, 3))


def test_known_is_three_values_or_a_mask():
    assert inputs.as_known(None, (2, 3)) is None
    assert inputs.as_known(np.zeros((2, 3), np.int8), (2, 3)) is None
    values = [[1, 0, -1], [0, 1, 0]]
    for dtype in (np.int8, np.int64):
        known = inputs.as_known(np.array(values, dtype), (2, 3))
        assert known.dtype == np.int8
        np.testing.assert_array_equal(known, values)
    mask = np.array([[True, False, True], [False, False, False]])
    np.testing.assert_array_equal(inputs.as_known(mask, (2, 3)), [[1, 0, 1], [0, 0, 0]])


@pytest.mark.parametrize(
    ("known", "error", "words"),
    [
        (np.full((2, 3), 255, np.uint8), ValueError, "from 255 to 255.*-1"),
        (np.full((2, 3), -2, np.int8), ValueError, "from -2 to -2"),
        (np.zeros((2, 3)), TypeError, "float64"),
        (np.zeros((3, 2), np.int8), ValueError, r"\(3, 2\).*\(2, 3\)"),
        ([[1]], TypeError, "list"),
    ],
)
def test_wrong_knowledge_is_named(known, error, words):
    with pytest.raises(error, match=words):
        inputs.as_known(known, (2, 3))


# --- where to look --------------------------------------------------------------------------


def test_region_and_sensitivity_are_kept_as_read_only_copies():
    guided = inputs.Guided()
    assert guided.region is None
    assert guided.sensitivity is None
    assert guided.invalid == "raise"
    where, much = np.eye(3, 4, dtype=bool), np.full((3, 4), 2.0)
    guided.region, guided.sensitivity, guided.invalid = where, much, "unknown"
    where[:], much[:] = False, 0
    np.testing.assert_array_equal(guided.region, np.eye(3, 4))
    np.testing.assert_array_equal(guided.sensitivity, np.full((3, 4), 2))
    assert guided.sensitivity.dtype == np.float32
    for plane in (guided.region, guided.sensitivity):
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 1
    inputs.check_guidance(guided, (3, 4))
    with pytest.raises(ValueError, match=r"region is \(3, 4\).*\(4, 3\)"):
        inputs.check_guidance(guided, (4, 3))
    guided.region = None
    with pytest.raises(ValueError, match=r"sensitivity is \(3, 4\).*\(4, 3\)"):
        inputs.check_guidance(guided, (4, 3))
    guided.sensitivity = None
    inputs.check_guidance(guided, (4, 3))


def test_what_is_unknown_is_not_looked_at():
    guided = inputs.Guided()
    unknown = np.array([[True, False, False]])
    assert inputs.where_to_look(guided.region, None) is None
    np.testing.assert_array_equal(
        inputs.where_to_look(guided.region, unknown), [[False, True, True]]
    )
    guided.region = np.array([[True, True, False]])
    np.testing.assert_array_equal(inputs.where_to_look(guided.region, None), [[True, True, False]])
    np.testing.assert_array_equal(
        inputs.where_to_look(guided.region, unknown), [[False, True, False]]
    )


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("region", np.ones((3, 4), np.uint8), TypeError, "uint8.*bool"),
        ("region", [[True]], TypeError, "list"),
        ("region", np.ones((3, 4, 1), bool), ValueError, r"\(3, 4, 1\)"),
        ("region", np.zeros((3, 4), bool), ValueError, "False everywhere"),
        ("sensitivity", 2.0, TypeError, "float"),
        ("sensitivity", np.ones((3, 4), bool), TypeError, "bool"),
        ("sensitivity", np.ones(4), ValueError, r"\(4,\)"),
        ("sensitivity", np.zeros((3, 4)), ValueError, "from 0 to 0"),
        ("sensitivity", np.full((3, 4), 1e-300), ValueError, "from 0 to 0"),
        ("sensitivity", np.full((3, 4), np.nan), ValueError, "nan"),
        ("sensitivity", np.full((3, 4), np.inf), ValueError, "inf"),
        ("invalid", "ignore", ValueError, "'ignore'.*unknown"),
    ],
)
def test_wrong_guidance_is_named_and_changes_nothing(name, value, error, words):
    guided = inputs.Guided()
    before = getattr(guided, name)
    with pytest.raises(error, match=words):
        setattr(guided, name, value)
    assert getattr(guided, name) is before
