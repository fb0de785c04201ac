"""Learn the judges of group-mixture from pictures that people have segmented.

    python models/picture-groups/learn.py DATA --out models/picture-groups/learned.json

DATA holds pictures NAME.jpg and, beside each, NAME.npz: `segmentations` (people, H, W) and
`boundaries`, their thin lines as packed bits. recipe.toml says what was used.
"""

import argparse
import itertools
import pickle
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from segment.grouping import features  # noqa: E402
from segment.grouping.pictures import hierarchy, judges  # noqa: E402
from segment.grouping.pictures.judges import Judge, Judges  # noqa: E402
from segment.measures import segmentation  # noqa: E402

ODDS = np.linspace(-8, 4, 61)


def read(path):
    """A picture (H, W, 3), its segmentations (P, H, W) and boundaries (P, H, W)."""
    image = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    with np.load(path.with_suffix(".npz")) as truth:
        people = truth["segmentations"].astype(np.int32)
        drawn = np.unpackbits(truth["boundaries"])[: people.size].reshape(people.shape) > 0
    return image, people, drawn


def cached(folder, path, what, make):
    """`make()`, kept in a file between runs."""
    if folder is None:
        return make()
    file = folder / f"{path.stem}.{what}.pkl"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(make()))
    return pickle.loads(file.read_bytes())


def small(found):
    """Features in half the bytes, to keep."""
    return features.Features(*(getattr(found, n).astype(np.float16) for n in found.__slots__))


def large(found):
    """The features that `small` kept, to work with."""
    return features.Features(*(getattr(found, n).astype(np.float32) for n in found.__slots__))


def learn_judge(cues, truth, weight, hidden, iterations, seed=0, decay=1e-5):
    """Weighted cross-entropy to its minimum, by L-BFGS."""
    cues, truth, weight = (np.asarray(a, np.float32) for a in (cues, truth, weight))
    weight = weight / weight.sum()
    mean = (weight[:, None] * cues).sum(axis=0)
    spread = np.sqrt((weight[:, None] * (cues - mean) ** 2).sum(axis=0)) + 1e-6
    x = np.clip((cues - mean) / spread, -6, 6).astype(np.float32)
    count = x.shape[1]
    rng = np.random.default_rng(seed)
    first = np.concatenate(
        [
            rng.normal(0, count**-0.5, count * hidden),
            rng.uniform(-0.5, 0.5, hidden),
            rng.normal(0, hidden**-0.5, hidden),
            [0.0],
        ]
    )
    parts = np.cumsum([count * hidden, hidden, hidden])

    def loss(vector):
        w, b, out, shift = np.split(vector.astype(np.float32), parts)
        w = w.reshape(count, hidden)
        total, gradient = 0.0, np.zeros(len(vector))
        for at in range(0, len(x), 65536):
            some = slice(at, at + 65536)
            h = x[some] @ w + b
            on = h > 0
            h *= on
            z = h @ out + shift
            total += float(weight[some] @ (np.logaddexp(0, z) - truth[some] * z))
            dz = weight[some] * (1 / (1 + np.exp(-z)) - truth[some])
            dh = dz[:, None] * out * on
            gradient += np.concatenate(
                [(x[some].T @ dh).ravel(), dh.sum(axis=0), dz @ h, [dz.sum()]]
            )
        total += decay * float(vector @ vector)
        return total, gradient + 2 * decay * vector

    best = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    w, b, out, shift = np.split(best.x, parts)
    w = w.reshape(count, hidden) / spread[:, None]
    print(f"    {len(x)} samples, loss {best.fun:.4f} after {best.nit}", flush=True)
    return Judge(w, b - mean @ w, out, float(shift[0]))


def pixel_samples(found, drawn, rng):
    """Cues, share of people whose line is within a pixel, and weights, of some pixels."""
    near, around = (
        np.mean([cv2.dilate(line.astype(np.uint8), np.ones((k, k))) for line in drawn], axis=0)
        for k in (3, 9)
    )
    chance = 0.01 + 0.05 * (near > 0) + 0.01 * ((around > 0) & (near == 0))
    chosen = np.flatnonzero(rng.random(near.size) < chance.ravel())
    cues = features.surroundings(found.edges).reshape(near.size, -1)[chosen]
    return cues, near.ravel()[chosen], 1 / chance.ravel()[chosen]


def people_of(graph, people):
    """Pixels of each piece in each segment of each person, and where each person begins."""
    count, flat = len(graph.spot), graph.pieces.ravel() - 1
    tables, starts = [], [0]
    for person in people:
        _, dense = np.unique(person, return_inverse=True)
        width = dense.max() + 1
        table = np.bincount(flat * width + dense.ravel(), minlength=count * width)
        tables.append(table.reshape(count, width))
        starts.append(starts[-1] + width)
    return np.concatenate(tables, axis=1), np.array(starts)


def collect(samples, judge, share, seed):
    """What `judge` meets while it merges."""
    kept = [
        hierarchy.run(graph, judge, 2, people=people, starts=starts, share=share, room=20000,
                      seed=seed + i)[2]
        for i, (graph, people, starts) in enumerate(samples)
    ]  # fmt: skip
    return [np.concatenate(part) for part in zip(*kept, strict=True)]


def by_hand(weights):
    """A judge who knows no layer: the odds fall with each cue, by a weight that was set by hand."""
    falling = np.zeros((34, 1))
    for cue, weight in weights.items():
        falling[int(cue)] = -weight
    return Judge(falling, np.full(1, 100.0), np.ones(1), -100.0)  # the ramp never ends


def together(some, shares):
    """One judge whose odds are the sum of several judges' odds, each times its share."""
    return Judge(
        np.concatenate([judge.weights for judge in some], axis=1),
        np.concatenate([judge.bias for judge in some]),
        np.concatenate([judge.out * share for judge, share in zip(some, shares, strict=True)]),
        float(sum(judge.shift * share for judge, share in zip(some, shares, strict=True))),
    )


def learn_merging(samples, recipe):
    """Learn judges on what they meet themselves, in rounds, and let the last ones sit together."""
    pool, found, judge = [], [], by_hand({0: 1.0})
    for turn in range(recipe["rounds"] + 1):
        pool.append(collect(samples, judge, recipe["share"], 1000 * turn))
        cues, truth, weight = (np.concatenate(part) for part in zip(*pool, strict=True))
        judge = learn_judge(cues, truth, np.sqrt(weight) + 0.01, recipe["hidden"],
                            recipe["iterations"], seed=turn)  # fmt: skip
        found.append(judge)
    last = found[-recipe["together"] :]
    whole = together(last, [1 / len(last)] * len(last))
    if "by_hand" not in recipe:
        return whole
    hand = by_hand(recipe["by_hand"])
    return together([whole, hand], [recipe["learned"], recipe["hand"]])


def curves(samples, judge):
    """Covering, Rand index, variation and groups, (pictures, ODDS, 4)."""
    rows = []
    for graph, people, starts in samples:
        pairs, odds, _ = hierarchy.run(graph, judge)
        found = hierarchy.Hierarchy(graph.pieces, pairs, odds, 0.0)
        row = []
        for least in ODDS:
            merges = int(np.count_nonzero(found.levels >= least))
            parent = np.arange(found.count)
            parent[pairs[:merges, 1]] = pairs[:merges, 0]
            for n in range(found.count):
                parent[n] = parent[parent[n]]
            _, group = np.unique(parent, return_inverse=True)
            total = np.zeros((group.max() + 1, people.shape[1]))
            np.add.at(total, group, people)
            tables = [total[:, a:b] for a, b in itertools.pairwise(starts)]
            row.append(
                [np.mean([f(t) for t in tables]) for f in segmentation.MEASURES] + [len(total)]
            )
        rows.append(row)
    return np.array(rows)


def tell(name, found):
    """Print ODS / OIS of `curves`; return the odds that cover best."""
    mean = found.mean(axis=0)
    at = mean[:, 0].argmax()
    print(
        f"{name}: covering {mean[at, 0]:.4f} / {found[:, :, 0].max(axis=1).mean():.4f}"
        f"  PRI {mean[:, 1].max():.4f} / {found[:, :, 1].max(axis=1).mean():.4f}"
        f"  VoI {mean[:, 2].min():.4f} / {found[:, :, 2].min(axis=1).mean():.4f}"
        f"  at odds {ODDS[at]:.2f}, {mean[at, 3]:.1f} groups",
        flush=True,
    )
    return ODDS[at]


def learn(paths, recipe, cache, held_out=()):
    """Learn everything from some pictures, and look at others."""
    rng = np.random.default_rng(0)

    def described(path):
        return large(cached(cache, path, "features",
                            lambda: small(features.describe(read(path)[0]))))  # fmt: skip

    kept = [pixel_samples(described(path), read(path)[2], rng) for path in paths]
    pixels = learn_judge(*(np.concatenate(part) for part in zip(*kept, strict=True)),
                         recipe["pixels"]["hidden"], recipe["pixels"]["iterations"],
                         decay=1e-6)  # fmt: skip
    nobody = Judge(np.zeros((34, 1)), np.zeros(1), np.zeros(1), 0.0)
    start = Judges(pixels, nobody, nobody, 0.0)

    def sample(path):
        graph = hierarchy.make_graph(described(path), start)
        return graph, *people_of(graph, read(path)[1])

    inside, outside = [sample(path) for path in paths], [sample(path) for path in held_out]
    first = learn_merging(inside, recipe["first"])
    if held_out:
        tell("first, held out", curves(outside, first))
    inside, outside = (
        [(hierarchy.embed(graph, first), *rest) for graph, *rest in some]
        for some in (inside, outside)
    )
    second = learn_merging(inside, recipe["second"])
    usual = tell("second, learned from", curves(inside, second))
    if held_out:
        tell("second, held out", curves(outside, second))
    return Judges(pixels, first, second, recipe.get("usual", float(usual)))


def main():
    """Read the line, then learn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path(__file__).with_name("recipe.toml"))
    parser.add_argument("--held-out", type=Path, help="another folder, only looked at")
    parser.add_argument("--folds", type=int, default=0, help="cross-validate instead")
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--cache", type=Path, help="where features stay between runs")
    given = parser.parse_args()
    recipe = tomllib.loads(given.recipe.read_text(encoding="utf-8"))
    paths = sorted(given.data.glob("*.jpg"))[:: given.every]
    cv2.setNumThreads(1)
    for fold in range(given.folds):
        others = paths[fold :: given.folds]
        learn([path for path in paths if path not in others], recipe, given.cache, others)
    if given.folds:
        return
    held_out = sorted(given.held_out.glob("*.jpg")) if given.held_out else []
    found = learn(paths, recipe, given.cache, held_out)
    if given.out:
        note = f"learned from {len(paths)} pictures by models/picture-groups/learn.py"
        judges.save(found, given.out, note)


if __name__ == "__main__":
    main()
