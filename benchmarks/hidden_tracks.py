"""Who is hidden and who is gone: a hidden Markov model of a track's evidence beside `patience`.

    python benchmarks/hidden_tracks.py TRACKS VIDEO [--keep FOLDER] [--only NAME ...] [--frames N]

`segment.grouping.IdentityTracker` forgets a track that is not seen for `patience` frames, ten times
as long where it is inside another's region, a fifth where it was leaving the picture. Here these
thresholds are tried, and instead of them a chain of three states (seen, hidden, gone; nobody comes
back from gone), fitted without labels by Baum and Welch to what the tracks of all the other videos
were like: seen alone, inside another's region, not seen beside somebody, not seen in the open, not
seen and leaving or at the border. A track is forgotten when it is gone with more than so much
probability. Regions are connected components of the cleaned masks of `subtract`. A line a video
and a way: IDF1, MOTA, HOTA, ids a true object is given, ids in all; the mouse as in tracks.py.
"""

import argparse
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from tracks import masks_of, mouse, score

from segment.frame import Frame
from segment.grouping.identity import IdentityTracker
from segment.masks import clean
from segment.mixture import BernoulliMixture, HiddenMarkovModel
from segment.video import open_frames

KINDS = 5  # of evidence
LONG = 250  # frames for which everybody is remembered where the chain learns
SURE = (0.5, 0.9, 0.99)


class Recorder(IdentityTracker):
    """Remembers everybody for long, and writes down what each frame said of each track."""

    def __init__(self, patience: int = LONG) -> None:
        super().__init__(patience)
        self.evidence: dict[int, list[int]] = {}

    def _bury(self, size):
        for track in self.tracks:
            self.evidence.setdefault(track.id, []).append(self._kind(track, size))
        super()._bury(size)

    def _kind(self, track, size):
        if not track.lost:
            return 1 if track.host is not None else 0
        top, left = track.centre - track.extent / 2
        bottom, right = track.centre + track.extent / 2
        if track.leaving or top <= 0 or left <= 0 or bottom >= size[0] or right >= size[1]:
            return 4
        near = (
            np.abs(other.centre - track.centre) < (other.extent + track.extent) / 2
            for other in self.tracks
            if other is not track and not other.lost and not other.young
        )
        return 2 if any(both.all() for both in near) else 3


class Chained(Recorder):
    """Forgets who is gone by the chain, with a probability above `sure`."""

    def __init__(self, chain, sure):
        super().__init__()
        self._chain, self._sure, self._filters = chain, sure, {}

    def _bury(self, size):
        super()._bury(size)
        alive = []
        for track in self.tracks:
            online = self._filters.setdefault(track.id, self._chain.filter())
            gone = online.step(one_hot(self.evidence[track.id][-1:])[0])[2]
            if track.lost and gone > self._sure:
                track.host = None
                continue
            alive.append(track)
        kept = set(alive)
        for track in alive:
            track.guests = [guest for guest in track.guests if guest in kept]
        self.tracks = alive
        self._filters = {track.id: self._filters[track.id] for track in alive}


def one_hot(kinds):
    return np.eye(KINDS)[np.asarray(kinds)]


def learned(sequences):
    """The chain of these tracks' evidence: seen, hidden, gone."""
    sequences = [kinds for kinds in sequences if len(kinds) > 1]
    X, lengths = one_hot(np.concatenate(sequences)), [len(kinds) for kinds in sequences]
    emission = BernoulliMixture(
        means_init=[
            [0.96, 0.01, 0.01, 0.01, 0.01],
            [0.01, 0.59, 0.2, 0.15, 0.05],
            [0.01, 0.01, 0.2, 0.39, 0.39],
        ],
        weights_init=np.full(3, 1 / 3),
    )
    return HiddenMarkovModel(
        3,
        emission,
        start_init=[1 - 2e-6, 1e-6, 1e-6],
        # A zero stays zero: nobody comes back from gone.
        transitions_init=[[0.98, 0.015, 0.005], [0.1, 0.88, 0.02], [0, 0, 1]],
        max_iter=200,
        tol=1e-7,
    ).fit(X, lengths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for masks")
    parser.add_argument("--only", nargs="+", help="in this order")
    parser.add_argument("--frames", type=int, help="at most, of each video")
    options = parser.parse_args()
    options.quality = "fast"
    T = options.tracks
    videos = {
        "vtest": (options.video / "vtest.avi", T / "vtest.gt.txt", 400),
        "tud_campus": (T / "tud_campus/input.mkv", T / "tud_campus/gt.txt", 71),
        "sleap_flies": (T / "sleap_flies/input.mp4", T / "sleap_flies/gt.txt", 1500),
        "tracktor_mouse": (T / "tracktor_mouse/input.mp4", T / "tracktor_mouse/tracked.csv", 1000),
    }
    videos = {name: videos[name] for name in options.only or videos}

    def followed(path, length, tracker):
        masks = map(clean, masks_of(path, length, options))
        with open_frames(path) as frames:
            most = min(length, options.frames or length)
            for frame, mask in zip(islice(frames, most), masks, strict=False):
                _, regions = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
                labels = tracker.update(regions.astype(np.int32), frame.image)
                yield Frame(frame.image, frame.index, frame.time, frame.sequence, labels=labels)

    evidence = {}
    for name, (path, _, length) in videos.items():
        recorder = Recorder()
        for _ in followed(path, length, recorder):
            pass
        evidence[name] = list(recorder.evidence.values())
    for name, (path, truth, length) in videos.items():
        others = [kinds for other, some in evidence.items() if other != name for kinds in some]
        ways = {f"patience {p}": IdentityTracker(p) for p in (5, 25, 100)}
        chain = learned(others or evidence[name])
        print(f"  {chain.transitions_.round(3).tolist()}")
        print(f"  {chain.emission_.means_.round(3).tolist()}", flush=True)
        ways |= {f"chain, {sure}": Chained(chain, sure) for sure in SURE}
        for way, tracker in ways.items():
            frames = followed(path, length, tracker)
            found = mouse(frames, truth) if truth.suffix == ".csv" else score(frames, truth)
            print(f"{name:16}{way:24}{found}", flush=True)


if __name__ == "__main__":
    main()
