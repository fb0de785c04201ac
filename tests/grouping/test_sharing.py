"""EM over a cluster of layers: against whole planes in numpy, and drawn cases with known owners."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.grouping import kernels
from segment.grouping.kernels import sharing
from segment.grouping.layer import born, chances
from segment.grouping.sharing import Window, mix, without
from tests.reference import sharing as reference

RED, BLUE, GREEN = (200, 60, 40), (40, 70, 210), (60, 190, 80)


def scene(rng, size, count, channels=3, radius=(2, 7)):
    """Layers that were seen for some frames, and a window where they have moved on.

    Foreground is missing in places, and there is some that is nobody's.
    """
    height, width = size
    y, x = np.mgrid[:height, :width]
    image = rng.integers(0, 256, (*size, channels)).astype(np.uint8)
    inside = rng.random(size) < 0.02
    layers = []
    for number in range(1, count + 1):
        middle = rng.integers(0, height), rng.integers(0, width)
        axes = rng.integers(*radius, 2)
        mask = ((y - middle[0]) / axes[0]) ** 2 + ((x - middle[1]) / axes[1]) ** 2 <= 1
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        corner = int(rows[0]), int(columns[0])
        colour = rng.integers(0, 256, channels)
        noise = rng.normal(0, 25, (*size, channels))
        painted = np.clip(colour + noise, 0, 255).astype(np.uint8)
        layer = born(number, np.ascontiguousarray(mask[box]), corner, painted[box].copy())
        for _ in range(rng.integers(0, 7)):  # the outline and the colours become uncertain
            seen = mask[box] & (rng.random(mask[box].shape) < 0.8)
            painted = np.clip(colour + rng.normal(0, 25, (*size, channels)), 0, 255)
            painted = painted.astype(np.uint8)[box].copy()
            layer.learn(painted, np.ascontiguousarray(seen).view(np.uint8), corner, 0.12)
        shift = rng.integers(-3, 4, 2)
        moved = np.roll(mask, shift, (0, 1))
        image[moved] = np.clip(colour + rng.normal(0, 25, (*size, channels)), 0, 255)[moved]
        inside |= moved & (rng.random(size) < 0.9)
        layer.place = layer.corner + rng.uniform(-0.5, 0.5, 2)
        layer.hidden = int(rng.integers(0, 4))
        layer.over = {other: float(rng.normal()) for other in range(1, count + 1)}
        layers.append(layer)
    corner = int(rng.integers(0, 9)), int(rng.integers(0, 9))
    for layer in layers:
        layer.corner, layer.place = layer.corner + corner, layer.place + corner
    return layers, Window(image, inside, corner)


def check(layers, window):
    """Hold `mix` against the reference; return the mixture and the reference."""
    plain = reference.Cluster(copy.deepcopy(layers), window)
    before = [layer.over for layer in layers]
    mixture = mix(layers, window)
    inside, count = window.foreground, len(layers)

    for layer, other in zip(layers, plain.layers, strict=True):
        np.testing.assert_array_equal(layer.corner, other.corner)
    np.testing.assert_allclose([layer.visible for layer in layers], plain.visible, rtol=1e-4)
    # Where two are equally likely to the last digits, either may have the pixel.
    log = plain.log
    y, x = np.nonzero(inside)
    best = log[:count].max(0)
    assert (log[:count][mixture.owner[y, x], y, x] >= best[y, x] - 0.01).all()
    assert (mixture.owner[~inside] == -1).all()
    clear = np.abs(log[count] - best) > 0.01
    np.testing.assert_array_equal(
        mixture.stray[inside & clear], (log[count] > best)[inside & clear]
    )
    assert not mixture.stray[~inside].any()

    whole = np.s_[: inside.shape[0], : inside.shape[1]]
    for k, layer in enumerate(layers):
        own = mixture.owner == k
        state = np.where(own, 1, 0)
        for j in range(count):
            if j != k and plain.front[j, k] > -2:
                state[mixture.owner == j] = 2
        state[mixture.stray] = 2
        np.testing.assert_array_equal(mixture.state(k, whole), state)
        assert mixture.visible[k] == np.count_nonzero(own & ~mixture.stray)
        assert mixture.boxes[k] == box_of(own & ~mixture.stray)
        for j, other in enumerate(layers):
            if j != k:
                over = 0.85 * before[k].get(other.id, 0.0) + 0.5 * plain.evidence[k, j]
                assert layer.over[other.id] == pytest.approx(np.clip(over, -5, 5), abs=1e-4)
    return mixture, plain


def box_of(mask):
    if not mask.any():
        return 0, 0, 0, 0
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 40), st.integers(1, 50)),
    count=st.integers(1, 6),
    channels=st.sampled_from([1, 3]),
)
@settings(deadline=None, max_examples=25)
def test_a_cluster_is_what_whole_planes_say(seed, size, count, channels):
    check(*scene(np.random.default_rng(seed), size, count, channels))


@pytest.mark.parametrize("seed", range(3))
def test_large_templates_in_a_heap_are_what_whole_planes_say(seed):
    mixture, _ = check(*scene(np.random.default_rng(seed), (70, 90), 4, radius=(15, 25)))

    assert sum(visible > 100 for visible in mixture.visible) >= 2


def test_far_away_from_all_layers_the_likeliest_is_still_found():
    # Nobody is near the middle; of those at the ends one has its colours.
    rng = np.random.default_rng(5)
    layers, window = scene(rng, (30, 300), 1)
    layers = []
    window.image[:] = 120
    window.foreground[:] = False
    for number, (column, colour) in enumerate([(5, RED), (285, BLUE)], 1):
        mask = np.ones((10, 8), bool)
        painted = np.full((10, 8, 3), colour, np.uint8)
        corner = window.corner[0] + 10, window.corner[1] + column
        layers.append(born(number, mask, corner, painted))
        window.image[10:20, column : column + 8] = colour
        window.foreground[10:20, column : column + 8] = True
    window.image[8:20, 120:130], window.foreground[8:20, 120:130] = BLUE, True
    mixture, _ = check(layers, window)

    assert (mixture.owner[8:20, 120:130] == 1).all()
    assert mixture.stray[8:20, 120:130].all()
    assert mixture.visible == [80, 80]


def test_who_is_in_front_has_the_pixels_that_look_like_it():
    y, x = np.mgrid[:40, :60]
    discs = [(y - 20) ** 2 + (x - column) ** 2 <= 100 for column in (22, 36)]
    image = np.full((40, 60, 3), 120, np.uint8)
    layers = []
    for number, (disc, colour) in enumerate(zip(discs, (RED, BLUE), strict=True), 1):
        image[disc] = colour
        painted = np.full((40, 60, 3), colour, np.uint8)
        layers.append(born(number, disc, (0, 0), painted))
    mixture, plain = check(layers, Window(image, discs[0] | discs[1], (0, 0)))

    assert plain.order == [1, 0]
    np.testing.assert_array_equal(mixture.owner == 1, discs[1])
    np.testing.assert_array_equal(mixture.owner == 0, discs[0] & ~discs[1])
    assert not mixture.stray.any()


def test_a_layer_that_is_taken_out_leaves_its_pixels_to_another():
    layers, window = scene(np.random.default_rng(2), (50, 60), 4, radius=(8, 12))
    mixture = mix(layers, window)
    whole = np.s_[:50, :60]
    owner, states = mixture.owner.copy(), [mixture.state(k, whole) for k in range(4)]
    visible = list(mixture.visible)
    assert visible[1]
    assert visible[3]

    without(mixture, keep=3, go=1)

    np.testing.assert_array_equal(mixture.owner, np.array([0, 2, 1, 2, -1])[owner])
    assert mixture.visible == [visible[0], visible[2], visible[1] + visible[3]]
    assert mixture.boxes[2] == box_of((mixture.owner == 2) & ~mixture.stray)
    kept = np.where(states[1] == 1, 1, states[3])
    for k, state in enumerate((states[0], states[2], kept)):
        np.testing.assert_array_equal(mixture.state(k, whole), state)
    part = np.s_[7:31, 12:44]
    np.testing.assert_array_equal(mixture.state(2, part), kept[part])


@given(seed=st.integers(0, 2**32 - 1), step=st.integers(1, 5))
@settings(deadline=None, max_examples=10)
def test_a_search_is_what_its_shifts_say(seed, step):
    rng = np.random.default_rng(seed)
    (layer,), window = scene(rng, (23, 31), 1)
    gain = rng.normal(0, 2, window.foreground.shape).astype(np.float32)
    view = np.where(window.foreground, rng.random(gain.shape), 0).astype(np.float32)
    at = layer.corner - window.corner
    rows, columns = layer.probes.T
    planes = [plane[rows, columns] for plane in (layer.shape, layer.colour, layer.spread)]
    scores = np.empty((9, 9))

    kernels.search(
        rows.copy(), columns.copy(), *planes, *at.tolist(), window.image, gain, view, step, scores
    )

    expected = reference.search(layer, at, window.image, gain, view, step)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.parametrize("bins", [32, 512])
def test_chances_of_colours_are_what_the_histogram_says(bins):
    histograms = np.random.default_rng(bins).random((3, bins)) ** 8

    expected = [reference.chances(histogram) for histogram in histograms]
    np.testing.assert_allclose(chances(histograms), expected, rtol=1e-6)


def test_what_is_clear_is_clear_whatever_the_neighbours_say():
    # Neighbours add log(near + _LONELY), near in [0, 1]; in the end logarithms are rounded.
    most = np.log(1 + sharing._LONELY) - np.log(sharing._LONELY)
    assert most + 0.001 < sharing._MAY
    assert sharing._TIE > 0.001
    assert np.exp(-sharing._REACH / 2) * sharing._TAIL < sharing._NOWHERE
