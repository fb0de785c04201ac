"""The compiled mixture against the equations."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from segment.background import GaussianMixtureSubtractor, gmm, memory
from segment.background.kernels import update_mixture
from tests.reference import background as reference


def state_of(subtractor):
    """Weight (K, H, W), variance (K, H, W), mean (K, C, H, W), count (H, W) of modes in use."""
    weight, variance, mean = subtractor.mixtures()
    return [weight, variance, mean, (weight > 0).sum(axis=0).astype(np.uint8)]


def compare(ours, theirs, rtol):
    """Modes in use must agree; what is left of dropped ones does not matter."""
    np.testing.assert_array_equal(ours[3], theirs[3])
    alive = np.arange(len(ours[0]))[:, None, None] < ours[3]
    for a, b in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(np.where(alive, a, 0), np.where(alive, b, 0), rtol, rtol)
    alive = alive[:, None]
    np.testing.assert_allclose(
        np.where(alive, ours[2], 0), np.where(alive, theirs[2], 0), rtol, rtol
    )


def restless(rng, shape, length):
    """Pixels that jump between a few colours, with noise: modes are born, swap and die."""
    height, width, _ = shape
    colours = rng.integers(0, 256, (4, *shape))
    for _ in range(length):
        chosen = rng.choice(4, (1, height, width, 1), p=[0.6, 0.2, 0.15, 0.05])
        image = np.take_along_axis(colours, chosen, axis=0)[0]
        image = image + rng.normal(0, 2.5, shape)
        # Some shadows.
        image[rng.random((height, width)) < 0.1] *= 0.7
        yield image.clip(0, 255).astype(np.uint8)


SIZES = st.tuples(st.integers(1, 9), st.integers(1, 300), st.integers(1, 4))


@given(
    shape=SIZES,
    seed=st.integers(0, 2**32 - 1),
    components=st.integers(1, 5),
    rate=st.sampled_from([None, None, 0.02, 0.3, 1.0]),
    threshold=st.sampled_from([4.0, 9.0, 16.0]),
    complexity=st.sampled_from([0.0, 0.05, 0.4]),
    shadows=st.booleans(),
    threads=st.integers(1, 4),
)
@settings(deadline=None, max_examples=60)  # the first call compiles
def test_kernel_does_what_the_equations_say(
    shape, seed, components, rate, threshold, complexity, shadows, threads
):
    rng = np.random.default_rng(seed)
    subtractor = GaussianMixtureSubtractor(
        history=20,
        threshold=threshold,
        components=components,
        initial_variance=15.0,
        smallest_variance=4.0,
        largest_variance=75.0,
        complexity=complexity,
        background_weight=0.8,
        detect_shadows=shadows,
        threads=threads,
        dtype=np.float64,
    )
    frames = list(restless(rng, shape, 12))
    subtractor.apply(frames[0])
    state = reference.begin_mixture(frames[0], components, 15, np.float64)
    compare(state_of(subtractor), state, 0)
    for n, frame in enumerate(frames[1:], start=2):
        foreground, *state = reference.update_mixture(
            frame,
            *state,
            rate=1 / min(2 * n, 20) if rate is None else rate,
            threshold=threshold,
            complexity=complexity,
            background_weight=0.8,
            initial_variance=15,
            smallest_variance=4,
            largest_variance=75,
            detect_shadows=shadows,
        )
        with patch.object(gmm, "PIXELS_WORTH_A_THREAD", 1):
            mask = subtractor.apply(frame, rate)
        np.testing.assert_array_equal(mask, foreground)
        compare(state_of(subtractor), state, 1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_single_precision_is_the_equations_in_single_precision(channels):
    rng = np.random.default_rng(4)
    frames = list(restless(rng, (11, 150, channels), 40))
    subtractor = GaussianMixtureSubtractor()
    names = ("complexity", "background_weight", "initial_variance", "smallest_variance")
    parameters = {name: getattr(subtractor, name) for name in (*names, "largest_variance")}
    subtractor.apply(frames[0])
    for n, frame in enumerate(frames[1:], 2):
        before = state_of(subtractor)
        rate = 1 / (2 * n)
        expected, *state = reference.update_mixture(frame, *before, rate=rate, **parameters)
        # A pixel within rounding of a threshold, or two weights within rounding of each
        # other, may go either way; hardly any do.
        foreground = subtractor.apply(frame)
        assert (foreground != expected).mean() < 2e-3
        same = state_of(subtractor)[3] == state[3]
        assert same.mean() > 0.998
        near = np.isclose(state_of(subtractor)[0], state[0], rtol=1e-3, atol=1e-5).all(axis=0)
        near &= np.isclose(state_of(subtractor)[2][0], state[2][0], rtol=1e-4).all(axis=0)
        assert near.mean() > 0.995


@given(shape=SIZES.filter(lambda shape: shape[2] < 3), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_guided_kernel_does_what_the_equations_say(shape, seed):
    """Rates and sensitivity of every pixel, and what is known of some."""
    rng = np.random.default_rng(seed)
    subtractor = GaussianMixtureSubtractor(components=3, detect_shadows=True, dtype=np.float64)
    subtractor.sensitivity = rng.choice([0.5, 1, 2], shape[:2])
    names = ("complexity", "background_weight", "initial_variance", "smallest_variance")
    parameters = {name: getattr(subtractor, name) for name in (*names, "largest_variance")}
    frames = list(restless(rng, shape, 8))
    subtractor.apply(frames[0])
    state = reference.begin_mixture(frames[0], 3, subtractor.initial_variance, np.float64)
    for frame in frames[1:]:
        rate = rng.choice([0, 0.125, 0.5, 1], shape[:2])
        known = rng.choice([-1, 0, 0, 1], shape[:2]).astype(np.int8)
        foreground, *state = reference.update_mixture(
            frame,
            *state,
            rate=rate,
            known=known,
            sensitivity=subtractor.sensitivity,
            detect_shadows=True,
            **parameters,
        )
        np.testing.assert_array_equal(subtractor.apply(frame, rate, known=known), foreground)
        compare(state_of(subtractor), state, 1e-11)


@njit
def follow_pixel(frames, settings, which, modes, weights, count, masks):
    """Call the kernel a frame after the other, each of one pixel."""
    pixels, edge = np.zeros(1, np.uint8), np.zeros(16, np.uint8)
    foreground, edge_mask = np.zeros(1, np.uint8), np.zeros(16, np.uint8)
    shadow, odds, scratch = np.zeros(0, np.uint8), settings[:0], np.zeros(32, settings.dtype)
    for n in range(len(frames)):
        pixels[0] = frames[n]
        update_mixture(
            which,
            pixels,
            1,
            modes,
            weights,
            count,
            foreground,
            shadow,
            odds,
            None,
            scratch,
            edge,
            edge_mask,
            settings,
            1,
            1,
            0,
            1,
        )
        masks[n] = foreground[0]


def follow_long(frames, dtype):
    """Return the masks of frames of one pixel, and its modes' weights, variances and means."""
    subtractor, dtype = GaussianMixtureSubtractor(dtype=dtype), np.dtype(dtype)
    first = frames[:1].reshape(1, 1, 1)
    learned = memory.begin(first, subtractor.components, subtractor.initial_variance, dtype)
    modes, weights, count = learned
    settings = memory.settings_of(subtractor, (1, frames.dtype), 1 / 200, dtype)
    masks = np.zeros(len(frames), bool)
    follow_pixel(
        frames[1:],
        settings,
        (0,),
        modes,
        weights,
        count.reshape(-1),
        masks[1:].view(np.uint8),
    )
    weight, variance, mean = memory.mixtures_of(memory.parts_of(*learned, 1), 1)
    alive = weight[:, 0, 0] > 0
    return masks, np.array([weight, variance, mean[:, 0]])[:, alive, 0, 0].T


def test_a_million_frames_do_not_drift():
    rng = np.random.default_rng(11)
    levels = np.array([90, 140, 30, 220])[rng.choice(4, 1_000_000, p=[0.65, 0.3, 0.045, 0.005])]
    frames = (levels + rng.normal(0, 2, len(levels))).round().clip(0, 255).astype(np.uint8)
    single, single_modes = follow_long(frames, np.float32)
    double, double_modes = follow_long(frames, np.float64)
    plain, plain_modes = reference.follow_pixel(frames, rate=1 / 200)
    assert 0.04 < double.mean() < 0.06
    # In doubles the kernel says what the equations say, all along and at the end.
    assert (double != plain).sum() <= 2
    np.testing.assert_allclose(double_modes, plain_modes, rtol=1e-9)
    # In single precision a distance within rounding of a threshold may fall to either side, and
    # be forgotten; no part of the million frames has more of these than another.
    apart = (single != plain).reshape(10, -1).mean(axis=1)
    assert apart.max() < 2e-3
    np.testing.assert_allclose(single_modes[:2], plain_modes[:2], rtol=2e-3)
