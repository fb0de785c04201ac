"""Mixtures of Gaussians beside their peers: processor time an iteration, and extra memory.

Same samples, same start, same iterations, one process, taken in turn; medians.
`OMP_NUM_THREADS=1 python benchmarks/mixture_speed.py [--quick] [--memory] [--threads]`
`--size 1080p --iterations 3 --rounds 1` is for those who cannot wait an hour for the peers.
"""

import argparse
import time
import tracemalloc
import warnings

import numpy as np

SIZES = {"640x480": 307_200, "1080p": 2_073_600}


def samples(size: int, features: int, components: int, seed: int = 0):
    """Colours and places of a drawn picture: blobs, unlike each other, that overlap."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(40, 215, (components, features))
    labels = np.sort(rng.integers(components, size=size))
    shapes = rng.normal(0, 9, (components, features, features)) + 6 * np.eye(features)
    X = np.empty((size, features))
    for k in range(components):
        own = labels == k
        X[own] = centres[k] + rng.normal(size=(own.sum(), features)) @ shapes[k]
    # Runs of a row, as pictures have them, in no order of their own.
    runs = rng.permutation(size // 64)
    return np.ascontiguousarray(X.reshape(-1, 64, features)[runs].reshape(-1, features))


def start(X, components, covariance, seed=1):
    rng = np.random.default_rng(seed)
    means = X[rng.choice(len(X), components, replace=False)].astype(np.float64)
    variance = X[:10000].astype(np.float64).var(axis=0) / 4
    shape = {"full": np.diag(1 / variance), "diag": 1 / variance}[covariance]
    return {
        "weights_init": np.full(components, 1 / components),
        "means_init": means,
        "precisions_init": np.tile(shape, (components,) + (1,) * shape.ndim),
    }


def ours(X, components, covariance, begin, iterations, threads=1, **more):
    from segment.mixture import GaussianMixture

    model = GaussianMixture(
        components,
        covariance_type=covariance,
        tol=0,
        max_iter=iterations,
        threads=threads,
        **begin,
        **more,
    )
    return model.fit(X)


def theirs(X, components, covariance, begin, iterations):
    from sklearn.mixture import GaussianMixture

    begin = {name: value.astype(X.dtype) for name, value in begin.items()}
    model = GaussianMixture(
        components, covariance_type=covariance, tol=0, max_iter=iterations, **begin
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X)


def pomegranate(X, components, covariance, begin, iterations):
    import torch
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    torch.set_num_threads(1)
    own = []
    for k in range(components):
        cov = begin["precisions_init"][k]
        cov = np.linalg.inv(cov) if covariance == "full" else 1 / cov
        own.append(
            Normal(
                torch.tensor(begin["means_init"][k], dtype=torch.float32),
                torch.tensor(cov, dtype=torch.float32),
                covariance_type=covariance,
            )
        )
    model = GeneralMixtureModel(own, max_iter=iterations, tol=-1e9)
    return model.fit(torch.from_numpy(X))


def seconds(function, iterations, clock=time.process_time):
    """Time of a whole fit from a given start, checks and last E-step included, an iteration."""
    begin = clock()
    function(iterations)
    return (clock() - begin) / iterations


def row(size, features, components, covariance, rounds, iterations, with_pomegranate):
    X64 = samples(SIZES[size], features, components)
    X32 = X64.astype(np.float32)
    X8 = np.clip(X64, 0, 255).astype(np.uint8)
    begin = start(X64, components, covariance)
    case = (components, covariance, begin)
    runs = {
        "segment f32": lambda n: ours(X32, *case, n),
        "segment f64": lambda n: ours(X64, *case, n),
        "segment u8": lambda n: ours(X8, *case, n),
        "segment f64 double": lambda n: ours(X64, *case, n, precision="double"),
        "sklearn f64": lambda n: theirs(X64, *case, n),
        "sklearn f32": lambda n: theirs(X32, *case, n),
    }
    if with_pomegranate:
        try:
            pomegranate(X32, *case, 1)
            runs["pomegranate"] = lambda n: pomegranate(X32, *case, n)
        except RuntimeError as error:  # its covariances lose their definiteness in float32
            print(f"pomegranate: {str(error).splitlines()[0]}")
    for X in (X32, X64, X8):
        ours(X, *case, 1)  # kernels are compiled now
    ours(X64, *case, 1, precision="double")
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, function in runs.items():
            times[name].append(seconds(function, iterations))
    medians = {name: float(np.median(values)) for name, values in times.items()}
    reference = theirs(X64, *case, 3).score(X64)
    print(f"{size} x {features}, K={components}, {covariance}")
    for name, value in medians.items():
        print(f"  {name:20s} {value * 1e3:9.2f} ms", flush=True)
    for peer, own in (
        ("sklearn f64", "segment f64"),
        ("sklearn f64", "segment f64 double"),
        ("sklearn f32", "segment f32"),
        ("pomegranate", "segment f32"),
    ):
        if peer in medians:
            print(f"  {peer} / {own}: {medians[peer] / medians[own]:.1f}")
    for name, model in (
        ("f64", ours(X64, *case, 3)),
        ("double", ours(X64, *case, 3, precision="double")),
    ):
        print(f"  ln p a sample, {name} - sklearn: {model.history_[-1].objective - reference:+.1e}")


def threads_table():
    for size in (5_000, 20_000, 76_800, 307_200, 2_073_600):
        X = samples(size // 64 * 64, 5, 8).astype(np.float32)
        begin = start(X, 8, "full")
        iterations = max(12, 600_000 // size)
        walls = {1: [], 2: []}
        for _ in range(7):
            for threads in walls:
                run = lambda n, t=threads, X=X, b=begin: ours(X, 8, "full", b, n, t)  # noqa: E731
                walls[threads].append(seconds(run, iterations, time.perf_counter))
        one, two = (float(np.median(walls[t])) for t in (1, 2))
        print(
            f"  {size:9d} x 5, K=8, full: one thread {one * 1e3:7.2f} ms, "
            f"two {two * 1e3:7.2f}, {one / two:.2f} times",
            flush=True,
        )


def memory_table():
    drawn = samples(SIZES["1080p"], 5, 8)
    for kind in (np.float64, np.float32, np.uint8):
        X = np.clip(drawn, 0, 255).astype(kind)
        for covariance in ("full", "diag"):
            begin = start(X, 8, covariance)
            ours(X[:6400], 8, covariance, begin, 2, 2, precision="single")
            tracemalloc.start()
            ours(X, 8, covariance, begin, 5, 2)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            print(
                f"  1080p x 5, K=8, {covariance}, {X.dtype}: {peak / 1e6:.1f} MB beyond the samples"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="640x480 x 5, K=8, full and diag")
    parser.add_argument("--pomegranate", action="store_true")
    parser.add_argument("--memory", action="store_true", help="peak memory only")
    parser.add_argument("--threads", action="store_true", help="wall time of two threads only")
    parser.add_argument("--size", choices=SIZES, help="one size only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()
    if options.memory:
        memory_table()
    elif options.threads:
        threads_table()
    else:
        for size in [options.size] if options.size else SIZES:
            for features, components in (
                [(5, 8)] if options.quick else [(3, 5), (3, 8), (5, 5), (5, 8)]
            ):
                for covariance in ("full", "diag"):
                    row(
                        size,
                        features,
                        components,
                        covariance,
                        options.rounds,
                        options.iterations,
                        options.pomegranate,
                    )
            if options.quick and not options.size:
                break


if __name__ == "__main__":
    main()
