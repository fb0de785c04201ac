"""The fused sweep against its twin, for every shape, type and number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from segment.mixture import GaussianMixture, fused, kernels
from segment.mixture.gaussian_family import GaussianFamily, GaussianParameters
from segment.mixture.kernels import elementary
from segment.mixture.kernels.unrolled import lay_out
from segment.mixture.samples import Samples
from tests.mixture import reference


def drawn(seed, size, features, components):
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 3, (size, features)) + rng.normal(0, 5, features)
    weights = rng.dirichlet(np.full(components, 5.0))
    means = rng.normal(0, 3, (components, features)) + X.mean(axis=0)
    shapes = rng.normal(size=(components, features, features)) + 2 * np.eye(features)
    return X, weights, means, shapes @ shapes.transpose(0, 2, 1) + 0.1 * np.eye(features), rng


def family(components, features, kind="full", precision="double"):
    return GaussianFamily(
        components, kind, reg_covar=0, scale=np.ones(features), precision=precision
    )


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 900),
    features=st.integers(1, 9),
    components=st.integers(1, 5),
    weighted=st.booleans(),
)
@settings(deadline=None, max_examples=25)
def test_the_sweep_does_what_the_equations_say(seed, size, features, components, weighted):
    X, weights, means, covariances, rng = drawn(seed, size, features, components)
    sample_weight = rng.uniform(0.1, 3, size) if weighted else np.ones(size)
    samples = Samples.check(X, sample_weight if weighted else None, threads=1)
    expected = reference.sweep(X, sample_weight, weights, means, covariances)

    (counts, middles, scatters), total = family(components, features).sweep(
        samples, GaussianParameters(weights, means, covariances)
    )

    assert total == pytest.approx(expected[3], rel=1e-11, abs=1e-9)
    np.testing.assert_allclose(counts, expected[0], rtol=1e-9, atol=1e-12)
    heavy = counts > 1e-6
    np.testing.assert_allclose(middles[heavy], expected[1][heavy], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(scatters[heavy], expected[2][heavy], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", ["diag", "spherical", "tied"])
@pytest.mark.parametrize("features", [1, 4, 11])
def test_other_shapes_are_special_full_ones(kind, features):
    X, weights, means, covariances, _ = drawn(3, 700, features, 3)
    samples = Samples.check(X, threads=1)
    own = {
        "diag": np.diagonal(covariances, axis1=1, axis2=2).copy(),
        "spherical": covariances[:, 0, 0].copy(),
        "tied": covariances[0],
    }[kind]
    model = family(3, features, kind)
    parameters = GaussianParameters(weights, means, own)
    expected = reference.sweep(X, np.ones(700), weights, means, model.covariance(parameters))

    (counts, middles, scatters), total = model.sweep(samples, parameters)

    if scatters.ndim == 3:
        scatters = np.diagonal(scatters, axis1=1, axis2=2)
    assert total == pytest.approx(expected[3], rel=1e-11)
    np.testing.assert_allclose(counts, expected[0], rtol=1e-9)
    np.testing.assert_allclose(middles, expected[1], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(
        scatters, np.diagonal(expected[2], axis1=1, axis2=2), rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("features", [3, 5, 8])
def test_single_precision_within_a_block_costs_a_millionth_of_a_nat(features):
    X, weights, means, covariances, _ = drawn(5, 20_000, features, 6)
    X += 10_000.0
    means += 10_000.0
    expected = reference.sweep(X, np.ones(len(X)), weights, means, covariances)
    parameters = GaussianParameters(weights, means, covariances)

    (counts, middles, scatters), total = family(6, features, precision="single").sweep(
        Samples.check(X), parameters
    )

    assert abs(total - expected[3]) / len(X) < 1e-6
    np.testing.assert_allclose(counts, expected[0], rtol=1e-5)
    np.testing.assert_allclose(middles, expected[1], atol=1e-4)
    np.testing.assert_allclose(scatters, expected[2], rtol=1e-4, atol=1)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_the_result_does_not_depend_on_the_number_of_threads(kind, monkeypatch):
    monkeypatch.setattr(fused, "WORTH", 0.0)
    X, weights, means, covariances, _ = drawn(7, 70_001, 3, 4)
    own = covariances if kind == "full" else np.diagonal(covariances, axis1=1, axis2=2)
    parameters = GaussianParameters(weights, means, own)

    results = [
        family(4, 3, kind, "auto").sweep(Samples.check(X, threads=threads), parameters)
        for threads in (1, 2, 3)
    ]

    for moments, total in results[1:]:
        assert total == results[0][1]
        for ours, theirs in zip(moments, results[0][0], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_whole_numbers_give_one_result_in_every_type(kind):
    X = np.random.default_rng(0).integers(0, 255, (500, 3))
    begin = {"means_init": X[:2], "weights_init": [0.5, 0.5], "max_iter": 5, "tol": 0}
    begin["covariances_init"] = np.tile(np.eye(3) * 400, (2, 1, 1))
    expected = GaussianMixture(2, precision="double", **begin).fit(X.astype(float))

    model = GaussianMixture(2, precision="double", **begin).fit(X.astype(kind))

    np.testing.assert_allclose(model.means_, expected.means_, rtol=1e-12)
    assert model.lower_bound_ == pytest.approx(expected.lower_bound_, rel=1e-13)


@njit
def exp_of(x):
    return elementary.exp(x)


@njit
def log_of(x):
    return elementary.log(x)


def test_exp_and_ln_are_right_to_the_last_bits():
    x = np.linspace(-59.9, 0, 5001)
    single = np.array([exp_of(np.float32(v)) for v in x[::10]])
    double = np.array([exp_of(v) for v in x])
    error = single / np.exp(x[::10].astype(np.float32).astype(np.float64)) - 1
    assert (np.abs(error) < 2e-7 - 3e-9 * x[::10]).all()
    assert single[-1] == 1
    np.testing.assert_allclose(double, np.exp(x), rtol=4e-16)
    assert exp_of(-61.0) == exp_of(np.float32(-61)) == 0
    y = np.geomspace(1e-30, 1e30, 5001)
    single = np.array([log_of(np.float32(v)) for v in y[::10]])
    double = np.array([log_of(v) for v in y])
    np.testing.assert_allclose(single, np.log(y[::10].astype(np.float32)), rtol=3e-7, atol=2e-7)
    np.testing.assert_allclose(double, np.log(y), rtol=1e-15, atol=4e-16)


def test_a_component_without_samples_changes_nothing():
    X = np.random.default_rng(0).normal(size=(300, 2))
    begin = {"covariances_init": np.tile(np.eye(2), (2, 1, 1)), "weights_init": [0.5, 0.5]}
    model = GaussianMixture(2, means_init=[[0, 0], [1e6, 1e6]], tol=0, max_iter=3, **begin).fit(X)

    assert model.weights_ == pytest.approx([1, 0], abs=1e-12)
    assert model.collapsed_.tolist() == [False, True]
    np.testing.assert_allclose(model.means_[0], X.mean(axis=0))


@pytest.mark.parametrize(
    ("features", "kind", "out"),
    [
        (1, np.uint8, np.float32),
        (3, np.uint8, np.float32),
        (5, np.float64, np.float32),
        (6, np.float32, np.float32),
        (7, np.float64, np.float64),
        (10, np.float32, np.float64),
    ],
)
def test_samples_are_turned_into_rows_as_they_are(features, kind, out):
    rng = np.random.default_rng(features)
    X = rng.uniform(0, 255, (150, features)).astype(kind)
    middle = rng.uniform(0, 255, features)
    unroll = kernels.unrolled(features, False)

    for begin, size in ((0, 128), (3, 100), (140, 10), (149, 1)):
        scratch = np.full((2 + features, 128), np.nan, out)
        _turned(X, np.tile(middle, 16), begin, size, scratch, unroll)
        expected = (X[begin : begin + size] - middle).astype(out).T
        np.testing.assert_array_equal(scratch[2:, :size], expected)
        # A whole number of sixty-fours can be calculated with.
        np.testing.assert_array_equal(scratch[2:, size : -(-size // 64) * 64], 0)


@njit(**elementary.LOOP)
def _turned(X, middle, begin, size, scratch, unroll):
    count = np.uint64(X.shape[1])
    lay_out(X, middle, np.uint64(begin), np.uint64(size), np.uint64(2), count, scratch, unroll)


def test_sums_of_many_samples_are_those_of_few(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(1e6, [1.0, 20.0, 0.0], (70_001, 3))
    for kind in (np.float64, np.float32, np.uint8):
        some = X.astype(kind) if kind is not np.uint8 else rng.integers(0, 255, X.shape, kind)
        monkeypatch.setattr("segment.mixture.samples.MANY", 1)
        many = Samples.check(some)
        monkeypatch.setattr("segment.mixture.samples.MANY", 10**9)
        few = Samples.check(some)
        np.testing.assert_allclose(many.centre, few.centre, rtol=1e-13)
        np.testing.assert_allclose(many.scale, few.scale, rtol=1e-9)
        np.testing.assert_allclose(many.centre, some.mean(axis=0, dtype=np.float64), rtol=1e-12)
    monkeypatch.setattr("segment.mixture.samples.MANY", 1)
    X[69_999, 1] = np.nan
    assert not Samples.check(X, missing=True).complete
    X[5, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        Samples.check(X, missing=True)
