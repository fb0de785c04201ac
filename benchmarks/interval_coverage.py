"""Do intervals for missing values cover what they say, on real samples that the fit has not seen?

    python benchmarks/interval_coverage.py [--hidden 0.2] [--repeats 3]

Each data set is parted in two halves; `hidden` of all values are taken out, but for one of each
sample. A model is fitted to one half, gaps and all, and asked for intervals of what is missing
in the other; then the other way round. The number of components, or of factors, has the best
BIC of the first half without gaps. scikit-learn has the samples, the tests Old Faithful's.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from segment.mixture import FactorAnalysis, GaussianMixture, select
from tests.mixture.old_faithful import FAITHFUL

WANTED = (0.5, 0.9, 0.99)


def samples():
    """Name and samples (n, D) of each data set."""
    from sklearn import datasets

    yield "Old Faithful", FAITHFUL
    yield "iris", datasets.load_iris().data
    yield "wine", datasets.load_wine().data
    yield "diabetes", datasets.load_diabetes(scaled=False).data


def models(X):
    """Name and unfitted model, of the number that the BIC of X chooses."""
    mixture = GaussianMixture(n_init=3, random_state=0, reg_covar=1e-6 * X.var(axis=0).min())
    yield "mixture", select(mixture, X, range(1, 5)).best
    if X.shape[1] > 2:
        yield "factors", select(FactorAnalysis(), X, range(1, X.shape[1] // 2 + 1)).best


def hide(X, share, rng):
    """X with so many values NaN, but for one of each sample."""
    holes = rng.random(X.shape) < share
    holes[np.arange(len(X)), rng.integers(X.shape[1], size=len(X))] = False
    return np.where(holes, np.nan, X)


def covered(model, halves, share, rng):
    """Inside (n, 3), for each value that was hidden, and how wide, in deviations of its feature."""
    inside, widths = [], []
    for known, asked in (halves, halves[::-1]):
        fit = model._fresh(max_iter=100, tol=1e-5).fit(hide(known, share, rng))
        holed = hide(asked, share, rng)
        answers, gaps = fit.conditional(holed), np.isnan(holed)
        ends = [answers.interval(coverage) for coverage in WANTED]
        inside.append(np.stack([((a <= asked) & (asked <= b))[gaps] for a, b in ends], axis=1))
        low, high = ends[1]
        widths.append(((high - low) / asked.std(axis=0))[gaps])
    return np.concatenate(inside), np.concatenate(widths)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hidden", type=float, default=0.2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print("data set, model: hidden values; inside 50, 90, 99 %; width of 90 %, in deviations")
    for name, X in samples():
        first = np.random.default_rng(0).permutation(len(X))[: len(X) // 2]
        for kind, model in models(X[first]):
            rng = np.random.default_rng(1)
            found, widths = [], []
            for _ in range(options.repeats):
                order = rng.permutation(len(X))
                halves = X[order[: len(X) // 2]], X[order[len(X) // 2 :]]
                inside, width = covered(model, halves, options.hidden, rng)
                found.append(inside)
                widths.append(width)
            inside = np.concatenate(found)
            shares = " ".join(f"{share:.3f}" for share in inside.mean(axis=0))
            print(
                f"{name} {X.shape[0]} x {X.shape[1]}, {kind} {model.n_components}: {len(inside)}; "
                f"{shares}; {np.median(np.concatenate(widths)):.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
