"""Samples in blocks and memory-mapped ones: the fit of one array, to rounding."""

import tracemalloc

import numpy as np
import pytest

from segment.mixture import (
    BayesianGaussianMixture,
    BernoulliMixture,
    Blocks,
    GaussianMixture,
    HiddenMarkovModel,
    KMeans,
    MixtureOfFactorAnalyzers,
    PoissonMixture,
    StudentMixture,
    select,
)

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=(900, 3)), RNG.normal(3, 2, (700, 3))])
RNG.shuffle(X)
CUTS = [100, 101, 700, 1500]

MODELS = {
    "full": (GaussianMixture(2), X),
    "diag": (GaussianMixture(2, covariance_type="diag"), X),
    "gaps": (GaussianMixture(2), np.where(RNG.random(X.shape) < 0.1, np.nan, X)),
    "student": (StudentMixture(2), X),
    "bayes": (BayesianGaussianMixture(2), X),
    "kmeans": (KMeans(2), X),
    "factors": (MixtureOfFactorAnalyzers(1, 1), X),
    "two-factors": (MixtureOfFactorAnalyzers(2, 1), X),
    "bernoulli": (BernoulliMixture(2, binarize=1.0), X),
    "poisson": (PoissonMixture(2), RNG.poisson(np.exp(X[:, :2] / 2)).astype(float)),
}


@pytest.mark.parametrize("name", MODELS)
def test_blocks_give_the_fit_of_one_array(name):
    model, samples = MODELS[name]
    settings = {"tol": 0, "max_iter": 6, "random_state": 0}
    whole = type(model)(**model.get_params()).set_params(**settings).fit(samples)
    parts = np.split(samples, CUTS)
    for source in (parts, lambda: iter(parts)):
        fit = type(model)(**model.get_params()).set_params(**settings).fit(Blocks(source))
        np.testing.assert_allclose(fit.lower_bounds_, whole.lower_bounds_, rtol=1e-11)
        np.testing.assert_allclose(fit.means_, whole.means_, rtol=1e-8)
        np.testing.assert_array_equal(fit.predict(samples), whole.predict(samples))


@pytest.mark.parametrize("threads", [1, 2])
def test_single_precision_is_chosen_by_all_samples(threads):
    large = np.tile(X, (50, 1)) + np.random.default_rng(1).normal(0, 0.1, (80_000, 3))
    settings = {"tol": 0, "max_iter": 3, "random_state": 0, "threads": threads}
    whole = GaussianMixture(2, **settings).fit(large)
    fit = GaussianMixture(2, **settings).fit(Blocks(np.split(large, [30_000, 30_001])))
    np.testing.assert_allclose(fit.lower_bounds_, whole.lower_bounds_, atol=2e-7)


def test_a_file_is_never_in_memory(tmp_path, monkeypatch):
    path, size = tmp_path / "samples.npy", 1_200_000
    stored = np.lib.format.open_memmap(path, "w+", np.float64, (size, 5))
    for start in range(0, size, 50_000):
        stored[start : start + 50_000] = RNG.normal(start // 600_000, 1, (50_000, 5))
    stored.flush()
    mapped = np.load(path, mmap_mode="r")

    def read():
        for start in range(0, size, 50_000):
            yield np.load(path, mmap_mode="r")[start : start + 50_000]

    alone = {"random_state": 0, "max_iter": 2, "threads": 1}
    # Never kept for the way back: what a longer sequence would need.
    monkeypatch.setattr("segment.mixture.chains.smoothing.KEPT", 0)
    for model, samples in (
        (GaussianMixture(2, **alone), mapped),
        (GaussianMixture(2, **alone), Blocks(read)),
        (MixtureOfFactorAnalyzers(1, 2, **alone), Blocks(read)),
        (HiddenMarkovModel(2, **alone), mapped),
    ):
        # What compiling takes, once, is no matter of how long the samples are.
        model.fit(samples)
        tracemalloc.start()
        model.fit(samples)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The file has 48 MB, the posteriors of its steps and 2 states would have 19.2.
        assert peak < 6e6


def test_blocks_may_be_learned_from_online():
    parts = np.split(X, CUTS)
    fit = GaussianMixture(2, algorithm="online", max_iter=20, random_state=0).fit(Blocks(parts))
    plain = GaussianMixture(2, random_state=0).fit(X)
    assert fit.lower_bound_ == pytest.approx(plain.lower_bound_, abs=0.02)


def test_what_blocks_cannot_be():
    with pytest.raises(TypeError, match="read only once"):
        Blocks(iter([X]))
    with pytest.raises(TypeError, match="wanted a function or a sequence"):
        Blocks(3)
    with pytest.raises(TypeError, match=r"'samples\.npy', wanted a function or a sequence"):
        Blocks("samples.npy")
    with pytest.raises(TypeError, match=r"source\(\) returned 3"):
        GaussianMixture(2).fit(Blocks(lambda: 3))
    for call in (GaussianMixture(2).fit_predict, lambda X: select(KMeans(), X, [1, 2])):
        with pytest.raises(TypeError, match="Blocks"):
            call(Blocks([X]))
    with pytest.raises(ValueError, match="has no block"):
        GaussianMixture(2).fit(Blocks([]))
    with pytest.raises(ValueError, match=r"2 features.*3 features"):
        GaussianMixture(2).fit(Blocks([X, X[:, :2]]))
    with pytest.raises(ValueError, match="infinity"):
        GaussianMixture(2).fit(Blocks([X, np.full((2, 3), np.inf)]))
    with pytest.raises(ValueError, match=r"n_samples=2.*n_components=5"):
        GaussianMixture(5).fit(Blocks([X[:1], X[1:2]]))
    with pytest.raises(ValueError, match="NaN"):
        KMeans(2).fit(Blocks([X, [[np.nan, 0, 0]]]))
    with pytest.raises(ValueError, match="wanted 0 to 1"):
        BernoulliMixture(2).fit(Blocks([X]))
    with pytest.raises(ValueError, match="Blocks take none"):
        GaussianMixture(2).fit(Blocks([X]), sample_weight=np.ones(len(X)))
    with pytest.raises(ValueError, match="for one array X"):
        GaussianMixture(2, responsibilities_init=np.full((1600, 2), 0.5)).fit(Blocks([X]))
    left = [2]

    def fewer():
        left[0] -= 1
        return [X] if left[0] > 0 else [X[:-1]]

    with pytest.raises(ValueError, match="1600 samples at first and 1599 now"):
        GaussianMixture(2).fit(Blocks(fewer))
