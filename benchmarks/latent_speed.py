"""Hidden Markov models and factor analysis beside their peers: processor time of whole fits.

Same samples, start and iterations, one process and one thread, taken in turn; the median of the
ratios of each round.
`OMP_NUM_THREADS=1 python benchmarks/latent_speed.py [--chains] [--factors] [--rounds 7]`
`NUMBA_CPU_NAME=znver3` in front compiles for processors with vectors of four numbers.
"""

import argparse
import logging
import time
import warnings

import numpy as np


def chain(steps=100_000, states=8, features=5, seed=0):
    """A sequence of Gaussians that overlap, and where a fit of it begins."""
    rng = np.random.default_rng(seed)
    moves = 0.2 * rng.dirichlet(np.ones(states), states) + 0.8 * np.eye(states)
    edges, draws = np.cumsum(moves, axis=1), rng.random(steps)
    path = np.zeros(steps, int)
    for t in range(1, steps):
        path[t] = min(states - 1, np.searchsorted(edges[path[t - 1]], draws[t]))
    means = rng.normal(0, 2, (states, features))
    return means[path] + rng.normal(size=(steps, features)), moves, means


def start_of(kind, means):
    states, features = means.shape
    if kind == "diag":
        return np.ones((states, features))
    return np.tile(np.eye(features), (states, 1, 1))


def our_chain(X, moves, means, kind, iterations, arithmetic="auto"):
    from segment.mixture import GaussianMixture, HiddenMarkovModel

    states = len(means)
    emission = GaussianMixture(
        covariance_type=kind,
        weights_init=np.full(states, 1 / states),
        means_init=means,
        covariances_init=start_of(kind, means),
        reg_covar=0,
    )
    return HiddenMarkovModel(
        states,
        emission,
        start_init=np.full(states, 1 / states),
        transitions_init=moves,
        arithmetic=arithmetic,
        tol=0,
        max_iter=iterations,
        threads=1,
    ).fit(X)


def their_chain(X, moves, means, kind, iterations, implementation="log"):
    from hmmlearn.hmm import GaussianHMM

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    states = len(means)
    model = GaussianHMM(
        states,
        kind,
        n_iter=iterations,
        tol=-np.inf,
        init_params="",
        implementation=implementation,
        covars_prior=0,
        covars_weight=0,
        min_covar=0,
    )
    model.startprob_, model.transmat_, model.means_ = np.full(states, 1 / states), moves, means
    model.n_features = means.shape[1]
    model.covars_ = start_of(kind, means)
    return model.fit(X)


def factors(samples=100_000, features=50, number=10, seed=0):
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(features, number))
    noise = rng.uniform(0.5, 3, features)
    X = rng.normal(size=(samples, number)) @ loadings.T
    return X + rng.normal(size=(samples, features)) * np.sqrt(noise) + rng.normal(0, 5, features)


def our_factors(X, number, iterations):
    from segment.mixture import FactorAnalysis

    model = FactorAnalysis(
        number, algorithm="ecme", noise_init=np.ones(X.shape[1]), tol=0, max_iter=iterations
    )
    return model.set_params(threads=1).fit(X)


def their_factors(X, number, iterations, method):
    from sklearn.decomposition import FactorAnalysis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FactorAnalysis(
            number, tol=0, max_iter=iterations, svd_method=method, random_state=0
        ).fit(X)


def in_turn(runs, rounds):
    """Median processor seconds of each, and of the ratios to the first, a round at a time."""
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, function in runs.items():
            begin = time.process_time()
            function()
            times[name].append(time.process_time() - begin)
    first = np.array(next(iter(times.values())))
    for name, taken in times.items():
        ratio = float(np.median(np.array(taken) / first))
        print(f"  {name:28s} {np.median(taken) * 1e3:10.1f} ms   ratio {ratio:6.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", action="store_true")
    parser.add_argument("--factors", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()
    n = options.iterations
    everything = options.chains == options.factors
    if options.chains or everything:
        X, moves, means = chain()
        for kind in ("diag", "full"):
            print(f"HMM, 100,000 x 5, K=8, {kind}, {options.iterations} iterations")
            case = (X, moves, means, kind)
            for arithmetic in ("auto", "log"):
                our_chain(*case, 1, arithmetic)  # kernels are compiled now
            runs = {
                "segment": lambda c=case: our_chain(*c, n),
                "segment, log": lambda c=case: our_chain(*c, n, "log"),
                "hmmlearn, log (its default)": lambda c=case: their_chain(*c, n),
                "hmmlearn, scaling": lambda c=case: their_chain(*c, n, "scaling"),
            }
            in_turn(runs, options.rounds)
            ours, theirs = our_chain(*case, n), their_chain(*case, n)
            apart = ours.history_[n - 1].log_likelihood - theirs.monitor_.history[-1] / len(X)
            print(f"  ln p a step, segment - hmmlearn: {apart:+.1e}")
    if options.factors or everything:
        X = factors()
        print(f"factor analysis, 100,000 x 50, 10 factors, {options.iterations} iterations")
        our_factors(X, 10, 1)
        runs = {
            "segment": lambda: our_factors(X, 10, n),
            "scikit-learn, randomized": lambda: their_factors(X, 10, n, "randomized"),
            "scikit-learn, lapack": lambda: their_factors(X, 10, n, "lapack"),
        }
        in_turn(runs, options.rounds)
        ours, theirs = our_factors(X, 10, n), their_factors(X, 10, n, "lapack")
        apart = ours.history_[n - 1].log_likelihood - theirs.loglike_[-1] / len(X)
        print(f"  ln p a sample, segment - scikit-learn: {apart:+.1e}")


if __name__ == "__main__":
    main()
