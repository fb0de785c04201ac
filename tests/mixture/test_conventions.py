"""scikit-learn's own checks of an estimator, on classes that never import it."""

import subprocess
import sys
import warnings

import pytest

import segment.mixture as mixture

checks = pytest.importorskip("sklearn.utils.estimator_checks")

ESTIMATORS = [
    mixture.GaussianMixture(2, random_state=0),
    mixture.StudentMixture(1, random_state=0),
    mixture.BayesianGaussianMixture(2, random_state=0),
    mixture.KMeans(2, random_state=0),
    mixture.SoftKMeans(2, random_state=0),
    # The checks' samples are any numbers: bits are made of them, and many coins tossed.
    mixture.BernoulliMixture(2, random_state=0, binarize=0.5),
    mixture.BinomialMixture(2, random_state=0, n_trials=1000),
    mixture.PoissonMixture(2, random_state=0),
    mixture.MixtureOfFactorAnalyzers(2, random_state=0),
    mixture.FactorAnalysis(1),
    mixture.ProbabilisticPCA(1),
]


class OneSequence(mixture.HiddenMarkovModel):
    """A chain as scikit-learn calls models: y where lengths would be, and X one sequence."""

    def fit(self, X, y=None):
        return super().fit(X)

    def fit_predict(self, X, y=None):
        return self.fit(X).predict(X)

    def score(self, X, y=None):
        return super().score(X)


ESTIMATORS.append(OneSequence(2, random_state=0))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda model: type(model).__name__)
def test_an_estimator_has_scikit_learns_manners(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = checks.check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) > 30
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert failed == {}


def test_scikit_learn_is_not_needed():
    code = "import sys, segment.mixture; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda model: type(model).__name__)
def test_clones_have_the_same_settings(estimator):
    base = pytest.importorskip("sklearn.base")
    again = base.clone(estimator)
    assert again is not estimator
    assert repr(again) == repr(estimator)


def test_a_clone_has_a_clone_of_its_emission():
    base = pytest.importorskip("sklearn.base")
    chain = mixture.HiddenMarkovModel(3, mixture.PoissonMixture(2), tol=0.1)
    again = base.clone(chain)
    assert again.emission is not chain.emission
    assert repr(again) == (
        "HiddenMarkovModel(n_components=3, emission=PoissonMixture(n_components=2), tol=0.1)"
    )


def test_a_model_is_only_itself():
    # Not a comparison of arrays among the settings, which has no truth value.
    begin = {"means_init": [[0.0], [1.0]]}
    one, other = (mixture.GaussianMixture(2, **begin) for _ in range(2))
    assert one == one
    assert one != other
    assert len({one, other}) == 2
    with pytest.raises(TypeError, match="positional"):
        mixture.GaussianMixture(2, "full")
    with pytest.raises(TypeError, match="means"):
        mixture.GaussianMixture(2, means=3)
    with pytest.raises(TypeError, match="algorithm"):
        mixture.KMeans(2, algorithm="em")


def test_names_of_settings_are_checked():
    with pytest.raises(ValueError, match="Invalid parameter 'clusters'"):
        mixture.KMeans().set_params(clusters=3)
    assert repr(mixture.GaussianMixture(3, tol=0.1)) == "GaussianMixture(n_components=3, tol=0.1)"
