"""The sparse assignment against the dense one, and the regions against plain counts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from segment.grouping.assignment import assign
from segment.grouping.regions import describe


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    density=st.floats(0, 1),
)
@settings(deadline=None, max_examples=80)
def test_the_sum_of_costs_is_the_least(seed, size, density):
    rng = np.random.default_rng(seed)
    possible = rng.random(size) < density
    rows, columns = np.nonzero(possible)
    costs = rng.uniform(0, 3, len(rows)) * (rng.random(len(rows)) < 0.9)  # some are free
    dense = np.full(size, 2.0)
    dense[rows, columns] = np.minimum(costs, 2.0)
    best = dense[linear_sum_assignment(dense)].sum() + 2.0 * max(0, size[0] - size[1])

    chosen = assign(rows, columns, costs, size, 2.0)

    taken = chosen[chosen >= 0]
    assert len(set(taken.tolist())) == len(taken)
    total = sum(2.0 if c < 0 else dense[r, c] for r, c in enumerate(chosen))
    assert all(c < 0 or (possible[r, c] and dense[r, c] < 2.0) for r, c in enumerate(chosen))
    np.testing.assert_allclose(total, best, rtol=1e-12)


@given(
    labels=arrays(
        np.int32,
        st.tuples(st.integers(1, 7), st.integers(1, 9)),
        elements=st.sampled_from([0, 0, 3, 1, 700_000]),
    ),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=80)
def test_regions_are_measured_as_counted(labels, seed):
    image = np.random.default_rng(seed).integers(0, 256, (*labels.shape, 3), np.uint8)
    names = list(dict.fromkeys(labels[labels > 0].tolist()))  # in reading order

    regions = describe(labels, image)

    assert len(regions) == len(names)
    np.testing.assert_array_equal(regions.index >= 0, labels > 0)
    for i, name in enumerate(names):
        inside = labels == name
        rows, columns = np.nonzero(inside)
        np.testing.assert_array_equal(regions.index == i, inside)
        assert regions.area[i] == inside.sum()
        np.testing.assert_allclose(regions.centre[i], [rows.mean(), columns.mean()], rtol=1e-12)
        expected = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        np.testing.assert_array_equal(regions.box[i], expected)
        np.testing.assert_allclose(regions.colour[i], image[inside].mean(axis=0), rtol=1e-12)
        pixels = regions.pixels[regions.begin[i] : regions.begin[i + 1]]
        np.testing.assert_array_equal(pixels, np.argwhere(inside))


def test_large_regions_are_sampled_and_thin_ones_whole():
    labels = np.zeros((201, 303), np.int32)
    labels[:150] = 1
    labels[170, 1:290] = 2
    regions = describe(labels, np.zeros((201, 303, 1), np.uint8))

    counts = np.diff(regions.begin)
    assert counts[0] < 2000
    assert counts[1] == 289
    np.testing.assert_allclose(counts * regions.weight, regions.area)
