"""Pictures of a fit in two dimensions, as textbooks draw them; needs matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segment.mixture.base import Mixture
from segment.mixture.samples import Floats

__all__ = ["plot_fit", "plot_iterations", "plot_likelihood"]


def plot_fit(model: Any, X: Any, axes: Any = None, *, deviations: float = 2.0) -> Any:
    """Draw samples X (n, 2) in the colours of their responsibilities, and an ellipse a component.

    The ellipses lie `deviations` standard deviations (for Students: of the scale) from the
    means. Returns the matplotlib axes. Raises ValueError unless there are two features.
    """
    X = np.asarray(X, np.float64)
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"X is {X.shape}, wanted two features: (n_samples, 2)")
    axes = _axes(axes)
    # A chain's samples are one sequence; its states may have several components each.
    parts = getattr(model, "emission_", model)
    colours = _colours(model.n_components)
    shares = model.predict_proba(X)
    axes.scatter(X[:, 0], X[:, 1], s=8, c=np.clip(shares @ colours, 0, 1), alpha=0.7)
    each = np.repeat(colours, parts.n_components // model.n_components, axis=0)
    for colour, mean, covariance in zip(each, parts.means_, _covariances(parts), strict=True):
        line = _ellipse(mean, covariance, deviations)
        axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=2)
        axes.plot(*mean, "x", color=colour, markersize=8)
    return axes


def plot_iterations(
    model: Mixture, X: Any, iterations: Sequence[int] = (0, 1, 2, 5, 10, 20), figure: Any = None
) -> Any:
    """Draw the fit to X (n, 2) after so many iterations, side by side; returns the figure.

    `model` is not changed: copies with its settings and seed are fitted again.
    """
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(3 * len(iterations), 3)) if figure is None else figure
    seed = model.random_state if isinstance(model.random_state, int) else 0
    panels = np.atleast_1d(figure.subplots(1, len(iterations), sharex=True, sharey=True))
    for axes, number in zip(panels, iterations, strict=True):
        copy = model._fresh(max_iter=max(1, number), tol=0.0, random_state=seed, warm_start=False)
        if number == 0:
            _fit_nothing(copy, X)
        else:
            copy.fit(X)
        plot_fit(copy, X, axes)
        axes.set_title(f"L = {number}")
    return figure


def plot_likelihood(model: Mixture, axes: Any = None) -> Any:
    """Draw the log-likelihood of each visited point, and the bound below it; returns the axes."""
    axes = _axes(axes)
    passes = [step.passes for step in model.history_]
    axes.plot(passes, [step.log_likelihood for step in model.history_], "o-", markersize=3)
    axes.plot(passes, [step.bound for step in model.history_], ".--", markersize=3)
    axes.legend(["ln p(X)", "bound of the E-step before"])
    axes.set_xlabel("sweeps over the samples")
    axes.set_ylabel("nats a sample")
    return axes


def _fit_nothing(model: Any, X: Any) -> None:
    """Learn the start, and nothing else."""
    from segment.mixture.estimator import generator
    from segment.mixture.samples import Samples
    from segment.mixture.start import responsibilities

    samples = Samples.check(X, missing=model._takes_missing)
    rng = generator(model.random_state).spawn(1)[0]
    begin = model._begin(
        model._family(samples),
        samples,
        lambda: responsibilities(samples, model.n_components, model.init_params, rng),
    )
    model.n_features_in_ = samples.X.shape[1]
    model.history_ = []
    model._learn(begin, samples)


def _axes(axes: Any) -> Any:
    if axes is not None:
        return axes
    import matplotlib.pyplot as plt

    return plt.figure().subplots()


def _colours(components: int) -> Floats:
    import matplotlib as mpl

    return np.array([mpl.colormaps["tab10"](k % 10)[:3] for k in range(components)])


def _covariances(model: Any) -> Floats:
    """(K, 2, 2) of any model that has means."""
    if hasattr(model, "scales_"):
        return np.asarray(model.scales_)
    given = getattr(model, "covariances_", None)
    kind = getattr(model, "covariance_type", "full")
    if given is None:
        return np.tile(np.eye(2) * getattr(model, "variance", 1.0), (model.n_components, 1, 1))
    if kind == "tied":
        return np.tile(given, (model.n_components, 1, 1))
    if kind == "diag":
        return np.stack([np.diag(variance) for variance in given])
    if kind == "spherical":
        return np.stack([np.eye(2) * variance for variance in given])
    return np.asarray(given)


def _ellipse(mean: Floats, covariance: Floats, deviations: float) -> Floats:
    angles = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    line: Floats = mean + deviations * circle @ np.linalg.cholesky(covariance).T
    return line
