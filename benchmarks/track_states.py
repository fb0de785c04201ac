"""Who stands and who moves: a hidden Markov model of steps beside thresholds on speed.

`python benchmarks/track_states.py DATA` with DATA/{tracktor_mouse,sleap_flies,vtest.gt.txt}.

Nobody has written down who stands in these. The truth is taken from the clean tracks: smoothed
speed, over half a second each way, above a tenth of the body's size a second, pieces shorter than
half a second joined to what is around them. Then boxes flicker (3 % and 8 % of the size) and a
fifteenth of the frames is missing, in gaps; both methods see only that. The thresholds, on speed
smoothed over a window, are the best in hindsight: of each video ("own"), or one for all three.
The chain is fitted to each video without labels.

`python benchmarks/track_states.py --drawn 60` draws tracks instead, of people who walk, turn and
stand for 2 to 40 seconds, swaying, so that the truth is the script. The rule of `segment.events`
(feet within a quarter of the size) and chains are asked for stops of ten seconds and more.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter1d

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from segment.events import Scene
from segment.events import walk as walks
from segment.mixture import GaussianMixture, HiddenMarkovModel
from segment.objects import Object

WINDOWS = (0.12, 0.25, 0.5, 1.0, 2.0)
TRIED = ((0.4, 2), (0.8, 2), (0.4, 3), (0.8, 3), (0.8, 4))  # seconds of a step, states
LEVELS = np.geomspace(0.01, 3, 60)
RATE, SIZE, LONG = 25, 40.0, 10.0  # frames a second, pixels of a body, seconds of a stop
CALM = walks._CALM
BODY = np.ones((int(2 * SIZE), int(SIZE / 2)), bool)


def read_boxes(path, rate):
    """Tracks of at least two seconds: places (n, 2) in body sizes, one a frame."""
    rows = np.loadtxt(path, delimiter=",")
    for name in np.unique(rows[:, 1]):
        own = rows[rows[:, 1] == name]
        own = own[own[:, 0].argsort()]
        frames = np.arange(own[0, 0], own[-1, 0] + 1)
        if len(own) < 12 or len(frames) < 2 * rate:
            continue
        size = np.median(np.sqrt(own[:, 4] * own[:, 5]))
        middle = own[:, 2:4] + own[:, 4:6] / 2
        yield np.stack([np.interp(frames, own[:, 0], c) for c in middle.T], axis=1) / size


def read_mouse(folder):
    rows = np.genfromtxt(folder / "tracked.csv", delimiter=",", skip_header=1)
    places = rows[:, 2:4]
    known = np.isfinite(places).all(axis=1)
    frames = np.arange(len(places))
    full = np.stack([np.interp(frames, frames[known], c[known]) for c in places.T], axis=1)
    yield full / 40.0  # pixels of a mouse's body, about


def runs(state):
    edges = np.flatnonzero(np.diff(state)) + 1
    return list(zip(np.r_[0, edges], np.r_[edges, len(state)], strict=True))


def truth_of(places, rate):
    smooth = uniform_filter1d(places, max(3, round(rate)), axis=0, mode="nearest")
    speed = np.linalg.norm(np.gradient(smooth, axis=0), axis=1) * rate
    state = speed > 0.1
    for a, b in sorted(runs(state), key=lambda ab: ab[1] - ab[0]):
        if b - a < rate / 2 and a > 0 and b < len(state):
            state[a:b] = ~state[a]
    return state


def spoil(places, noise, rng):
    seen = places + rng.normal(0, noise, places.shape)
    hidden = np.zeros(len(seen), bool)
    for start in rng.choice(len(seen), max(1, len(seen) // 150)):
        hidden[start : start + 10] = True
    seen[hidden] = np.nan
    return seen


def filled(seen):
    frames, known = np.arange(len(seen)), np.isfinite(seen[:, 0])
    return np.stack([np.interp(frames, frames[known], c[known]) for c in seen.T], axis=1)


def speeds(tracks, rate, window):
    """Sizes a second, smoothed over the window, of all tracks in a row."""
    found = []
    for seen in tracks:
        smooth = uniform_filter1d(filled(seen), max(1, round(window * rate)), axis=0)
        found.append(np.linalg.norm(np.gradient(smooth, axis=0), axis=1) * rate)
    return np.concatenate(found)


def by_chain(tracks, rate, lag=0.4, states=2):
    """Steps over `lag` seconds: standing is a small cloud about nothing, moving a wide one."""
    step = max(1, round(lag * rate))
    parts, lengths = [], []
    for seen in tracks:
        # One step in `step` is new: the others would tell the chain the same noise again.
        ahead = seen[::step]
        parts.append(np.diff(ahead, axis=0, prepend=np.full((1, 2), np.nan)))
        lengths.append(len(ahead))
    X = np.concatenate(parts)
    emission = GaussianMixture(
        covariance_type="spherical",
        means_init=np.zeros((states, 2)),
        weights_init=np.full(states, 1 / states),
        # From the least steps, which should be nothing but flicker, to the longest.
        covariances_init=np.nanquantile(X**2, np.linspace(0.05, 0.9, states)) + 1e-9,
    )
    stay = 0.9 * np.eye(states) + 0.1 / states
    chain = HiddenMarkovModel(states, emission, transitions_init=stay, tol=1e-5, max_iter=200).fit(
        X, lengths
    )
    path = chain.predict(X, lengths) != int(chain.emission_.covariances_.argmin())
    found = []
    for seen, some in zip(tracks, np.split(path, np.cumsum(lengths)[:-1]), strict=True):
        # A step says what happened before it.
        found.append(np.repeat(np.r_[some[1:], some[-1:]], step)[: len(seen)])
    return found


def score(found, truth):
    """Mean of the shares of moving and of standing frames that are called so."""
    f, t = np.concatenate(found), np.concatenate(truth)
    return 0.5 * (f[t].mean() + (~f)[~t].mean()) if t.any() and (~t).any() else np.mean(f == t)


def draw_track(rng, seconds=90):
    """Places (n, 2) in body sizes, and whether it stands (n,), of one who walks and stands."""
    steps, standing = [], []
    heading, at = rng.uniform(0, 2 * np.pi), np.zeros(2)
    while len(steps) < seconds * RATE:
        stands = bool(steps) and not standing[-1]
        lasts = rng.uniform(2, 40) if stands else rng.uniform(3, 20)
        speed = 0.0 if stands else rng.uniform(0.3, 1.5)
        sway = rng.uniform(0, 0.08) * np.sin(
            np.arange(int(lasts * RATE))[:, None] / RATE * rng.uniform(0.5, 3, 2)
        )
        for n in range(int(lasts * RATE)):
            heading += rng.normal(0, 0.03)
            at = at + speed / RATE * np.array([np.cos(heading), np.sin(heading)])
            steps.append(at + sway[n])
            standing.append(stands)
    return np.array(steps), np.array(standing)


def flicker(places, noise, rng):
    """As a subtractor's boxes: errors that last some frames, and gaps."""
    seen = spoil(places, 0.6 * noise, rng)
    slow = rng.normal(0, 1, places.shape)
    for t in range(1, len(slow)):
        slow[t] = 0.8 * slow[t - 1] + 0.6 * slow[t]
    return seen + 0.8 * noise * slow


def stops_of_rule(seen, rate=RATE, smooth=None):
    """(start, stop) frames of the stops that `segment.events` tells, feet smoothed so long (s)."""
    walks._CALM, walk, found = smooth or CALM, None, []
    for index in np.flatnonzero(np.isfinite(seen[:, 0])):
        x, y = np.rint(seen[index] * SIZE)
        thing = Object(1, int(x), int(y), int(SIZE / 2), int(2 * SIZE), 800, (x, y), BODY)
        if walk is None:
            walk = walks.Walk(thing, Scene(), LONG, int(index), index / rate)
        found += walk.step(thing, int(index), index / rate)
    found += walk.end()
    return [(event.first, event.last) for event in found if event.kind == "stop"]


def stops_of(moving, rate=RATE):
    """(start, stop) frames of what stands for so long."""
    return [(a, b) for a, b in runs(moving) if not moving[a] and b - a >= LONG * rate]


def agree(found, wanted, rate=RATE):
    """Found, missed and false stops, by overlaps of a half; near ten seconds none is judged."""

    def overlap(one, other):
        both = min(one[1], other[1]) - max(one[0], other[0])
        return both / (max(one[1], other[1]) - min(one[0], other[0]))

    certain = [w for w in wanted if w[1] - w[0] >= (LONG + 2) * rate]
    possible = [w for w in wanted if w[1] - w[0] >= (LONG - 2) * rate]
    hit = sum(any(overlap(w, f) > 0.5 for f in found) for w in certain)
    false = sum(not any(overlap(w, f) > 0.5 for w in possible) for f in found)
    return np.array([hit, len(certain) - hit, false])


def drawn(count):
    for noise in (0.03, 0.08, 0.15):
        rng = np.random.default_rng(0)
        tracks = [draw_track(rng) for _ in range(count)]
        seen = [flicker(places, noise, rng) for places, _ in tracks]
        wanted = [[(a, b) for a, b in runs(~stands) if stands[a]] for _, stands in tracks]
        ways = {
            f"events' rule, feet over {smooth} s": [stops_of_rule(p, smooth=smooth) for p in seen]
            for smooth in (0.12, 0.5, 1.0, CALM)
        }
        for lag, states in TRIED:
            path = by_chain(seen, RATE, lag, states)
            ways[f"chain {lag} s, {states} states"] = [stops_of(moving) for moving in path]
        for name, found in ways.items():
            print(f"flicker {noise:.0%}, {name:30s} {tell(found, wanted)}", flush=True)


def tell(found, wanted, rate=RATE):
    pairs = zip(found, wanted, strict=True)
    hit, missed, false = sum(agree(*pair, rate) for pair in pairs)
    f = 2 * hit / max(2 * hit + missed + false, 1)
    return f"found {hit}, missed {missed}, false {false}: F {f:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--drawn", type=int, metavar="TRACKS")
    options = parser.parse_args()
    if options.drawn:
        drawn(options.drawn)
    if options.data:
        real(options.data)


def real(data):
    videos = {
        "mouse": (list(read_mouse(data / "tracktor_mouse")), 30),
        "flies": (list(read_boxes(data / "sleap_flies" / "gt.txt", 30)), 30),
        "vtest": (list(read_boxes(data / "vtest.gt.txt", 10)), 10),
    }
    for noise in (0.03, 0.08):
        rng = np.random.default_rng(0)
        grid = np.zeros((len(videos), len(WINDOWS), len(LEVELS)))
        chains = []
        for v, (tracks, rate) in enumerate(videos.values()):
            truth = [truth_of(places, rate) for places in tracks]
            seen = [spoil(places, noise, rng) for places in tracks]
            for w, window in enumerate(WINDOWS):
                speed = speeds(seen, rate, window)
                for n, level in enumerate(LEVELS):
                    grid[v, w, n] = score([speed > level], truth)
            stood = [[(a, b) for a, b in runs(~moves) if not moves[a]] for moves in truth]
            chain = [stops_of(moving, rate) for moving in by_chain(seen, rate, 0.8, 2)]
            for smooth in (0.12, CALM):
                rule = [stops_of_rule(places, rate, smooth) for places in seen]
                print(
                    f"  {list(videos)[v]}, events' rule over {smooth} s: {tell(rule, stood, rate)}"
                )
            print(
                f"  {list(videos)[v]}, by the chain of 0.8 s, 2 states: {tell(chain, stood, rate)}"
            )
            chains.append(
                [score(by_chain(seen, rate, lag, states), truth) for lag, states in TRIED]
            )
        w, n = np.unravel_index(grid.mean(axis=0).argmax(), grid.shape[1:])
        best = f"{LEVELS[n]:.3f} sizes/s over {WINDOWS[w]} s"
        print(f"noise {noise:.0%} of the size; one threshold: {best}")
        for v, name in enumerate(videos):
            truth = np.concatenate([truth_of(p, videos[name][1]) for p in videos[name][0]])
            print(
                f"  {name:6s} {len(truth):6d} frames, {1 - truth.mean():.2f} standing: own "
                f"threshold {grid[v].max():.3f}, one for all {grid[v, w, n]:.3f}, chain "
                + " ".join(f"{value:.3f}" for value in chains[v])
            )


if __name__ == "__main__":
    main()
