"""EM seen in two dimensions: ellipses that settle, and a bound that KL separates from ln p.

python docs/examples/em_in_two_dimensions.py
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from segment.mixture import GaussianMixture, bound
from segment.mixture.plots import plot_fit

BEGIN = [0, 2, 160]
SHOWN = (0, 1, 3, 8, 40)
"""Iterations that are drawn: most of the way is gone in the first."""


def samples(rng: np.random.Generator) -> np.ndarray:
    """Three heaps of points (400, 2), two of which lie over each other."""
    return np.concatenate(
        [
            rng.multivariate_normal([0, 0], [[1.0, 0.7], [0.7, 1.0]], 150),
            rng.multivariate_normal([3, 0], [[1.2, -0.8], [-0.8, 1.0]], 150),
            rng.multivariate_normal([1, 4], [[0.3, 0.0], [0.0, 0.6]], 100),
        ]
    )


def fit(X: np.ndarray, iterations: int) -> GaussianMixture:
    """The model after so many iterations, from three points of which two are of one heap."""
    begin = {"weights_init": np.full(3, 1 / 3), "means_init": X[BEGIN]}
    model = GaussianMixture(3, covariances_init=[np.eye(2)] * 3, tol=0, **begin)
    return model.set_params(max_iter=max(iterations, 1)).fit(X)


def half_steps(X: np.ndarray, iterations: int) -> dict[str, list[float]]:
    """Likelihood, and the bound by the responsibilities of the step before, in nats a sample.

    The M-step pushes the bound up, which leaves a gap, KL(q || p(Z | X)); the E-step closes it.
    """
    found: dict[str, list[float]] = {"ln p": [], "bound": [], "KL": []}
    old = fit(X, 1)
    for count in range(2, iterations + 1):
        new = fit(X, count)
        split = bound(new, X, old.predict_proba(X))
        found["ln p"].append(split.log_likelihood / len(X))
        found["bound"].append(split.bound / len(X))
        found["KL"].append(split.gap / len(X))
        old = new
    return found


def draw(out: Path) -> dict[str, list[float]]:
    """Write em-ellipses.png and em-bound-and-kl.png; return what the second one shows."""
    X = samples(np.random.default_rng(3))
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(13, 3), sharex=True, sharey=True)
    for axis, count in zip(axes, SHOWN, strict=True):
        if count:
            plot_fit(fit(X, count), X, axis)
            axis.set_title(f"after {count}")
        else:
            axis.scatter(X[:, 0], X[:, 1], s=8, color="grey")
            axis.plot(*X[BEGIN].T, "kx")
            axis.set_title("three points to begin at")
    save(figure, out / "em-ellipses.png")

    steps = half_steps(X, SHOWN[-1])
    figure, (upper, lower) = plt.subplots(2, figsize=(7, 5), sharex=True)
    count = range(2, SHOWN[-1] + 1)
    upper.plot(count, steps["ln p"], label="ln p(X)")
    upper.plot(count, steps["bound"], "--", label="bound by the responsibilities before")
    upper.set_ylabel("nats a sample")
    upper.legend()
    lower.semilogy(count, steps["KL"], color="tab:red")
    lower.set_ylabel("KL, the gap")
    lower.set_xlabel("iteration")
    save(figure, out / "em-bound-and-kl.png")
    return steps


def save(figure: Any, path: Path) -> None:
    """Write one picture."""
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    draw(parser.parse_args().out)
