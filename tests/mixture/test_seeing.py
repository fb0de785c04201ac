"""Criteria, selection, reasons, callbacks and drawings."""

import numpy as np
import pytest

from segment.mixture import GaussianMixture, HiddenMarkovModel, KMeans, bound, select
from tests.mixture.old_faithful import FAITHFUL


@pytest.fixture(scope="module")
def fit():
    return GaussianMixture(2, random_state=0).fit(FAITHFUL)


def test_old_faithful_is_best_tied_with_three():
    # mclust: EEE, 3; 2314.3 in scikit-learn's sign.
    scores = {}
    for kind in ("full", "tied"):
        model = GaussianMixture(covariance_type=kind, n_init=6, random_state=0, tol=1e-8)
        found = select(model.set_params(acceleration="squarem"), FAITHFUL, range(1, 5))
        scores |= {(kind, number): score for number, score in found.scores.items()}
    assert min(scores, key=scores.get) == ("tied", 3)
    assert scores["tied", 3] == pytest.approx(2314.3, abs=0.1)


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl", "heldout"])
def test_every_criterion_finds_two_clear_heaps(criterion):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(150, 2)), rng.normal(9, 1, (150, 2))])
    found = select(GaussianMixture(random_state=0), X, [1, 2], criterion)
    assert found.n_components == found.best.n_components == 2
    assert set(found.models) == {1, 2}


def test_criteria_follow_from_the_likelihood(fit):
    total, free = fit.score(FAITHFUL) * 272, 11
    assert fit.bic(FAITHFUL) == pytest.approx(-2 * total + free * np.log(272))
    assert fit.aic(FAITHFUL) == pytest.approx(-2 * total + 2 * free)
    entropy = bound(fit, FAITHFUL).entropy
    assert fit.icl(FAITHFUL) == pytest.approx(fit.bic(FAITHFUL) + 2 * entropy)
    assert fit.history_[-1].entropy * 272 == pytest.approx(entropy, abs=1e-8)


def test_the_reason_for_stopping_is_told(fit):
    assert fit.converged_
    assert "< tol=1e-06" in fit.reason_
    short = GaussianMixture(2, random_state=0, max_iter=1, tol=0).fit(FAITHFUL)
    assert not short.converged_
    assert short.reason_ == "max_iter=1 was reached"
    assert KMeans(2, random_state=0).fit(FAITHFUL).reason_ == "the parameters no longer change"


def test_a_callback_sees_every_step():
    steps = []
    model = GaussianMixture(2, random_state=0, callback=steps.append).fit(FAITHFUL)
    assert steps == model.history_ or len(steps) == len(model.history_)
    assert [step.passes for step in steps] == list(range(1, len(steps) + 1))


def test_a_q_that_is_none_is_refused(fit):
    with pytest.raises(ValueError, match=r"\(272, 3\), wanted \(272, 2\)"):
        bound(fit, FAITHFUL, np.full((272, 3), 1 / 3))
    with pytest.raises(ValueError, match="sum to 1"):
        bound(fit, FAITHFUL, np.full((272, 2), 0.7))
    with pytest.raises(ValueError, match="'luck'"):
        select(GaussianMixture(), FAITHFUL, criterion="luck")


def test_drawings_have_an_ellipse_a_component(fit):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from segment.mixture import plots

    axes = plots.plot_fit(fit, FAITHFUL)
    ellipses = [line for line in axes.lines if len(line.get_xdata()) == 100]
    assert len(ellipses) == 2
    # On the ellipse every point is two standard deviations from the mean.
    d = np.c_[ellipses[0].get_data()] - fit.means_[0]
    distance = np.sqrt((d @ fit.precisions_[0] * d).sum(axis=1))
    np.testing.assert_allclose(distance, 2)
    chain = HiddenMarkovModel(2, GaussianMixture(2), random_state=0, max_iter=2).fit(FAITHFUL)
    assert (
        len(
            [line for line in plots.plot_fit(chain, FAITHFUL).lines if len(line.get_xdata()) == 100]
        )
        == 4
    )
    figure = plots.plot_iterations(fit, FAITHFUL, (0, 1, 5))
    assert [panel.get_title() for panel in figure.axes] == ["L = 0", "L = 1", "L = 5"]
    curve = plots.plot_likelihood(fit).lines[0].get_ydata()
    assert list(curve) == [step.log_likelihood for step in fit.history_]
    with pytest.raises(ValueError, match="two features"):
        plots.plot_fit(fit, np.zeros((5, 3)))
    plt.close("all")
