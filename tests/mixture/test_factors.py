"""Factor analysis, its mixtures and principal components: known answers, laws, edges."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize

from segment.mixture import (
    FactorAnalysis,
    GaussianMixture,
    HiddenMarkovModel,
    MixtureOfFactorAnalyzers,
    ProbabilisticPCA,
    select,
)
from tests.mixture.caught import check_slope
from tests.mixture.five_tests import MARKS

RNG = np.random.default_rng(0)
LOADINGS = RNG.normal(size=(6, 2))
NOISE = RNG.uniform(0.3, 1.5, 6)
X = RNG.normal(size=(300, 2)) @ LOADINGS.T + RNG.normal(size=(300, 6)) * np.sqrt(NOISE) + 3.0
TWO = np.concatenate([X, RNG.normal(size=(200, 1)) @ RNG.normal(0, 2, (1, 6)) - 4])
TWO[300:] += RNG.normal(0, 0.5, (200, 6))
GAPS = np.where(RNG.random(X.shape) < 0.15, np.nan, X)

CASES = {
    "one": (MixtureOfFactorAnalyzers(1, 2), X),
    "two": (MixtureOfFactorAnalyzers(2, 2), TWO),
    "isotropic": (MixtureOfFactorAnalyzers(1, 2, noise="isotropic"), X),
    "two-isotropic": (MixtureOfFactorAnalyzers(2, 1, noise="isotropic"), TWO),
    "gaps": (MixtureOfFactorAnalyzers(1, 2), GAPS),
}


def copy(case, **settings):
    model, samples = CASES[case]
    return type(model)(**model.get_params()).set_params(random_state=0, **settings), samples


def objectives(model):
    return np.array([step.objective for step in model.history_])


# Marks of 220 boys in six subjects; Lawley and Maxwell, Factor Analysis as a Statistical
# Method, 1971.
BOYS = np.array(
    [
        [1.0, 0.439, 0.410, 0.288, 0.329, 0.248],
        [0.439, 1.0, 0.351, 0.354, 0.320, 0.329],
        [0.410, 0.351, 1.0, 0.164, 0.190, 0.181],
        [0.288, 0.354, 0.164, 1.0, 0.595, 0.470],
        [0.329, 0.320, 0.190, 0.595, 1.0, 0.464],
        [0.248, 0.329, 0.181, 0.470, 0.464, 1.0],
    ]
)


def samples_with(correlation, size=220):
    """Samples whose covariance is exactly this."""
    Z = np.random.default_rng(1).normal(size=(size, len(correlation)))
    Z -= Z.mean(axis=0)
    white = Z @ np.linalg.inv(np.linalg.cholesky(Z.T @ Z / size)).T
    return white @ np.linalg.cholesky(correlation).T


def test_the_marks_are_those_that_were_printed():
    values = np.linalg.eigvalsh(np.cov(MARKS.T, bias=True))[::-1]
    assert values == pytest.approx([679.2, 199.8, 102.6, 83.7, 31.8], abs=0.05)


@pytest.mark.parametrize("factors", [1, 2])
@pytest.mark.parametrize("algorithm", ["em", "px", "ecme"])
def test_the_five_open_and_closed_book_tests(algorithm, factors):
    """The likelihood, written down anew from the correlations, has its maximum there."""
    correlation = np.corrcoef(MARKS.T)

    def worse(noise):
        # Lawley's equations: given the noise, the best loadings are eigenvectors.
        scale = np.exp(-noise / 2)
        values = np.linalg.eigvalsh(scale[:, None] * correlation * scale)[:-factors]
        return (values - np.log(values) - 1).sum()

    found = minimize(worse, np.full(5, -0.7), method="BFGS", options={"gtol": 1e-9})
    fit = FactorAnalysis(factors, algorithm=algorithm, tol=1e-14, max_iter=50_000)
    fit.fit((MARKS - MARKS.mean(0)) / MARKS.std(0))
    np.testing.assert_allclose(fit.noise_variance_, np.exp(found.x), rtol=2e-4)
    if factors == 1:
        loadings = np.abs(fit.components_[0])
        assert loadings == pytest.approx([0.599, 0.667, 0.917, 0.772, 0.724], abs=5e-4)
        assert len(set(np.sign(fit.components_[0]))) == 1  # who is good at one is good at all
    else:
        # Closed books against open ones.
        contrast = fit.components_[1] * np.sign(fit.components_[1, 2])
        assert (contrast[:2] < 0).all()
        assert (contrast[2:] > 0).all()


@pytest.mark.parametrize("algorithm", ["em", "px", "ecme"])
def test_the_six_school_subjects(algorithm):
    # Communalities of two factors: Gaelic .490, English .406, history .356, arithmetic .623,
    # algebra .569, geometry .372.
    fit = FactorAnalysis(2, algorithm=algorithm, tol=1e-12, max_iter=5000)
    fit.fit(samples_with(BOYS))
    assert 1 - fit.noise_variance_ == pytest.approx(
        [0.490, 0.406, 0.356, 0.623, 0.569, 0.372], abs=2e-3
    )


def test_every_iteration_is_scikit_learns():
    decomposition = pytest.importorskip("sklearn.decomposition")
    theirs = decomposition.FactorAnalysis(2, tol=0, max_iter=20, svd_method="lapack")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge
        theirs.fit(X)
    ours = FactorAnalysis(2, noise_init=np.ones(6), tol=0, max_iter=20).fit(X)
    scores = [step.log_likelihood for step in ours.history_[:20]]
    np.testing.assert_allclose(scores, np.array(theirs.loglike_) / 300, atol=1e-9)
    # Its loadings are one step behind its noise.
    np.testing.assert_allclose(ours.noise_variance_, theirs.noise_variance_, rtol=1e-6)
    # With our parameters in it, every answer is the same.
    theirs.components_, theirs.noise_variance_ = ours.components_, ours.noise_variance_
    np.testing.assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-9)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-9)
    assert ours.score(X) == pytest.approx(theirs.score(X), abs=1e-8)


def test_principal_components_have_their_closed_form():
    # Tipping and Bishop, 1999, equations 7 and 8.
    values = np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1]
    fit = ProbabilisticPCA(2).fit(X)
    assert fit.noise_variance_ == pytest.approx(values[2:].mean(), rel=1e-10)
    np.testing.assert_allclose(
        (fit.components_**2).sum(axis=1), values[:2] - values[2:].mean(), rtol=1e-9
    )
    for algorithm in ("em", "px"):
        step = ProbabilisticPCA(2, algorithm=algorithm, tol=1e-13, max_iter=3000).fit(X)
        assert step.lower_bound_ == pytest.approx(fit.lower_bound_, abs=1e-9)
        np.testing.assert_allclose(step.get_covariance(), fit.get_covariance(), atol=1e-4)
    decomposition = pytest.importorskip("sklearn.decomposition")
    theirs = decomposition.PCA(2).fit(X)
    np.testing.assert_allclose(
        np.abs(fit.components_ / np.linalg.norm(fit.components_, axis=1)[:, None]),
        np.abs(theirs.components_),
        atol=1e-9,
    )


@pytest.mark.parametrize(
    "way", ["ecme", "em", "px", "gem", "squarem", "anderson", "conjugate-gradient"]
)
@pytest.mark.parametrize("case", CASES)
def test_the_objective_never_falls(case, way):
    settings = {"algorithm": way}
    if way in ("squarem", "anderson", "conjugate-gradient"):
        settings = {"algorithm": "em", "acceleration": way}
    model, samples = copy(case, tol=0, max_iter=20, **settings)
    # From a start that no closed form has found.
    begin = {"loadings_init": np.full((model.n_components, 6, model.n_factors), 0.1)}
    begin["loadings_init"][:, :3] = 0.5
    if model.n_factors == 2:
        begin["loadings_init"][:, ::2, 1] *= -1
    fit = model.set_params(noise_init=np.ones(6), **begin).fit(samples)
    rises = np.diff(objectives(fit))
    assert len(rises) >= 1
    assert rises.min() > -1e-9
    assert rises.max() > 1e-6


@pytest.mark.parametrize("case", CASES)
def test_bound_and_gap_make_the_likelihood(case):
    model, samples = copy(case, tol=0, max_iter=6, algorithm="em")
    for step in model.fit(samples).history_[1:]:
        assert step.bound + step.gap == pytest.approx(step.log_likelihood, abs=1e-12)
        assert step.gap > -1e-11
    assert model.score(samples) == pytest.approx(model.history_[-1].log_likelihood, abs=1e-8)


def test_expanding_parameters_helps():
    # Strong factors, and a start far from them: EM 352 sweeps, PX-EM 21.
    rng = np.random.default_rng(5)
    samples = rng.normal(size=(2000, 3)) @ rng.normal(0, 2, (3, 20)) + rng.normal(size=(2000, 20))
    passes = {}
    begin = {"loadings_init": rng.normal(0, 0.1, (1, 20, 3)), "noise_init": samples.var(axis=0)}
    for algorithm in ("em", "px"):
        fit = MixtureOfFactorAnalyzers(
            1, 3, algorithm=algorithm, tol=1e-9, max_iter=5000, **begin
        ).fit(samples)
        passes[algorithm] = fit.n_iter_
    assert passes["px"] < 0.2 * passes["em"]


@pytest.mark.parametrize("case", ["one", "two", "isotropic", "two-isotropic"])
def test_the_slope_is_that_of_small_differences(case):
    model, samples = copy(case, max_iter=2, tol=0)
    check_slope(model, [samples], 0.03, rtol=1e-4, atol=1e-3)


def test_as_many_factors_as_features_are_a_gaussian():
    whole = GaussianMixture(1, reg_covar=0).fit(X)
    fit = MixtureOfFactorAnalyzers(1, 5, tol=1e-10, max_iter=5000).fit(X)
    assert fit.score(X) == pytest.approx(whole.score(X), abs=1e-3)
    assert fit.score(X) <= whole.score(X) + 1e-12


def test_the_number_of_factors_is_chosen():
    assert select(FactorAnalysis(), X, range(1, 5), "bic").n_components == 2
    found = select(
        MixtureOfFactorAnalyzers(1, random_state=0), X, [1, 2, 3], "bic", parameter="n_factors"
    )
    assert found.n_components == found.best.n_factors == 2
    assert select(ProbabilisticPCA(), X, [1, 2, 3], "heldout").n_components in (2, 3)


def test_two_kinds_are_told_apart():
    fit = MixtureOfFactorAnalyzers(2, 2, random_state=0).fit(TWO)
    labels = fit.predict(TWO)
    assert (labels[:300] == labels[0]).mean() > 0.99
    assert (labels[300:] != labels[0]).mean() > 0.99
    drawn, names = fit.sample(20_000)
    for k in range(2):
        np.testing.assert_allclose(np.cov(drawn[names == k].T), fit.covariances_[k], atol=1.0)
    again = pickle.loads(pickle.dumps(fit))
    np.testing.assert_array_equal(again.predict(TWO), labels)
    twice = MixtureOfFactorAnalyzers(2, 2, random_state=0, max_iter=5, tol=0)
    weight = np.random.default_rng(3).integers(0, 3, len(TWO))
    one = twice.fit(TWO, sample_weight=weight).lower_bound_
    assert twice.fit(np.repeat(TWO, weight, axis=0)).lower_bound_ == pytest.approx(one, rel=1e-9)


def test_factors_explain_gaps():
    fit = FactorAnalysis(2).fit(GAPS)
    holes = np.isnan(GAPS)
    error = np.sqrt(np.mean((fit.fill(GAPS)[holes] - X[holes]) ** 2))
    alone = np.sqrt(np.mean((X.mean(axis=0) - X)[holes] ** 2))
    assert error < 0.85 * alone
    whole = FactorAnalysis(2).fit(X)
    assert np.abs(fit.get_covariance() - whole.get_covariance()).max() < 0.5
    assert fit.transform(GAPS).shape == (300, 2)
    np.testing.assert_allclose(
        whole.inverse_transform(whole.transform(X)).mean(axis=0), X.mean(axis=0), atol=1e-9
    )


def test_states_of_a_chain_may_have_factors():
    order = np.concatenate([TWO[:150], TWO[300:], TWO[150:300]])
    fit = HiddenMarkovModel(2, MixtureOfFactorAnalyzers(1, 2), random_state=0, max_iter=20)
    path = fit.fit(order).predict(order)
    assert np.abs(np.diff(path)).sum() == 2
    assert np.diff(objectives(fit)).min() > -1e-9


@pytest.mark.parametrize("model", [FactorAnalysis(2), ProbabilisticPCA(2)], ids=repr)
def test_degenerate_samples_are_fitted(model):
    for samples in (
        np.full((20, 4), 7.5),
        np.c_[X, np.full(300, 4.0)],
        X[:3],
        np.c_[X[:, :3], X[:, :1]],
        X.astype(np.float32),
        X * 1e6 + 1e9,
    ):
        fit = type(model)(2).fit(samples)
        assert np.isfinite(fit.components_).all()
        assert np.min(fit.noise_variance_) > 0
        assert np.isfinite(fit.score(samples))


def test_scaling_the_features_scales_the_factors():
    wide = X * np.array([1, 10, 1e-3, 1, 1e4, 1])
    one = FactorAnalysis(2, tol=1e-10, max_iter=3000).fit(X)
    other = FactorAnalysis(2, tol=1e-10, max_iter=3000).fit(wide)
    scale = wide.std(axis=0) / X.std(axis=0)
    np.testing.assert_allclose(other.noise_variance_ / scale**2, one.noise_variance_, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FactorAnalysis(7), "n_components is 7, wanted 1 to 6"),
        (FactorAnalysis(0), "n_components is 0"),
        (MixtureOfFactorAnalyzers(1, 7), "n_factors is 7, wanted at most the 6"),
        (MixtureOfFactorAnalyzers(1, 0), "n_factors is 0"),
        (FactorAnalysis(2, floor=0), "floor is 0"),
        (FactorAnalysis(2, noise_init=[1.0]), r"\(1,\), wanted \(6,\)"),
        (FactorAnalysis(2, algorithm="svd"), "'svd'"),
        (FactorAnalysis(2, acceleration="squarem"), "goes without"),
        (MixtureOfFactorAnalyzers(2, 2, noise="full"), "'full'"),
    ],
)
def test_errors_say_what_was_wanted(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X)
