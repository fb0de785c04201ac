"""How well subtractors do by kind of footage, as CDnet tells it, on composed and on real sequences.

    python benchmarks/background_kinds.py --data ../shared/data --contrib ~/contrib/bin/python

Without --data the sequences are made of drawn and free material. `--contrib` is the Python of an
environment with opencv-contrib-python, for CNT, GSOC and LSBP, made so:

    python -m venv ~/contrib && ~/contrib/bin/pip install opencv-contrib-python numpy

`--subtractor NAME=module:callable` enters one of your own: called, it returns an object with
`apply(image) -> mask`. If it takes `without`, it is judged twice: with `without=()`, and with the
names of the clips that the sequence is made of, which it must not have been learned or chosen
with; the last table holds both, and the difference. Scores are kept in --cache by sequence,
method and version, so that a second run computes only what is new.

F is pooled over a sequence, its first frame left out; a kind's is the mean of its sequences'.
"""

import argparse
import hashlib
import importlib
import inspect
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import composed, opencv_worker
from segment.measures.change import ChangeScore

SINCE = (0, 100, 250, 500, 1000)  # frames since somebody began to stand: recall is told between
OWN = "subtract"
Apply = Callable[[np.ndarray], np.ndarray]
Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


class Sequence(NamedTuple):
    """One that is judged: its name, kind, clips it is made of, how to draw it, and since when
    somebody stands in it."""

    name: str
    kind: str
    clips: tuple[str, ...]
    frames: Callable[[], Any]
    stands: int | None


class Method(NamedTuple):
    """One that judges: its name, what its scores depend on, and what makes one for a sequence."""

    name: str
    version: str
    make: Callable[[Sequence, tuple[int, ...]], tuple[Apply, Callable[[], None]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="clips to compose from; drawn and free if none")
    parser.add_argument("--real", action="store_true", help="the real sequences of --data, too")
    parser.add_argument("--kinds", nargs="+", help="kinds, composed and real; all if not given")
    parser.add_argument("--each", type=int, default=5, help="composed sequences of a kind")
    parser.add_argument(
        "--frames", type=int, help="frames of a composed one, as drawn if not given"
    )
    parser.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="of composed ones")
    parser.add_argument("--contrib", type=Path, help="Python of opencv-contrib-python")
    parser.add_argument("--methods", nargs="+", help="of the columns; all if not given")
    parser.add_argument("--subtractor", action="append", default=[], metavar="NAME=MODULE:CALLABLE")
    parser.add_argument("--cache", type=Path, default=Path("kinds.cache.json"))
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    sequences = chosen(options)
    methods = columns(options)
    if not sequences or not methods:
        parser.error("nothing to judge: look at --kinds and --methods")
    rows = []
    for sequence in sequences:
        rows += judged(sequence, methods, options.cache)
        done = " ".join(f"{row['method']} {row['f']:.3f}" for row in rows if
                        row["sequence"] == sequence.name)  # fmt: skip
        print(sequence.name, done, file=sys.stderr, flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    tell(rows)


def chosen(options: argparse.Namespace) -> list[Sequence]:
    found = []
    size = tuple(options.size) if options.size else None
    for kind in composed.KINDS:
        if not options.kinds or kind in options.kinds:
            found += [
                _composed(kind, seed, options.data, size, options.frames)
                for seed in range(options.each)
            ]
    if options.real and options.data:
        for path in sorted(options.data.glob("background*/*/truth.mkv")):
            folder = path.parent
            kind = "ucsd" if folder.name.startswith("ucsd") else folder.parent.name
            if not options.kinds or kind in options.kinds:
                found.append(Sequence(folder.name, kind, (folder.name,),
                                      lambda f=folder: real(f), None))  # fmt: skip
    return found


def _composed(
    kind: str, seed: int, data: Path | None, size: tuple[int, int] | None, length: int | None
) -> Sequence:
    """A sequence that is drawn only if it must be: what it is made of is asked for then."""
    marks = ["free" * (data is None), *map(str, size or ()), str(length or "")]
    name = "_".join([kind, str(seed), *filter(None, marks)])

    def scene() -> composed.Scene:
        return composed.draft(kind, seed, composed.judged(data, seed), size, length)

    return Sequence(name, kind, (), scene, None)


def real(folder: Path) -> Pairs:
    with av.open(str(folder / "input.mkv")) as video, av.open(str(folder / "truth.mkv")) as truth:
        grey = "gray" in video.streams.video[0].format.name
        pairs = zip(video.decode(video=0), truth.decode(video=0), strict=True)
        for frame, answer in pairs:
            image = frame.to_ndarray(format="gray" if grey else "rgb24")
            yield image[:, :, None] if grey else image, answer.to_ndarray(format="gray")


def columns(options: argparse.Namespace) -> list[Method]:
    made = [Method(OWN, digest(Path("segment/background")), _own)]
    for name in opencv_worker.NAMES:
        if name in opencv_worker.CONTRIB:
            if options.contrib:
                asked = [str(options.contrib), "-c", "import cv2; print(cv2.__version__)"]
                version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
                made.append(Method(name, version.strip(), process(options.contrib, name)))
        else:
            made.append(Method(name, cv2.__version__, _peer(name)))
    for given in options.subtractor:
        name, _, place = given.partition("=")
        module, _, function = place.partition(":")
        maker = getattr(importlib.import_module(module), function)
        version = digest(Path(inspect.getfile(maker)).parent) + place
        made.append(Method(name, version, _given(maker, left_out=False)))
        if "without" in inspect.signature(maker).parameters:
            made.append(Method(f"{name}, left out", version, _given(maker, left_out=True)))
    return [method for method in made if not options.methods or method.name in options.methods]


def digest(folder: Path) -> str:
    """A word that changes when a source of the folder does."""
    root = folder if folder.is_absolute() else Path(__file__).resolve().parent.parent / folder
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()[:12]


def _nothing() -> None:
    pass


def _own(sequence: Sequence, shape: tuple[int, ...]) -> tuple[Apply, Callable[[], None]]:
    from segment.background import PosteriorSubtractor

    return PosteriorSubtractor().apply, _nothing


def _peer(name: str) -> Callable:
    return lambda sequence, shape: (opencv_worker.peer(name), _nothing)


def _given(maker: Callable, left_out: bool) -> Callable:
    def make(sequence: Sequence, shape: tuple[int, ...]) -> tuple[Apply, Callable[[], None]]:
        made = maker(without=sequence.clips) if left_out else maker()
        return made.apply, _nothing

    return make


def process(python: Path, name: str) -> Callable:
    def make(sequence: Sequence, shape: tuple[int, ...]) -> tuple[Apply, Callable[[], None]]:
        words = [str(python), str(Path(opencv_worker.__file__)), name, *map(str, shape)]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        into, out = child.stdin, child.stdout
        height, width = shape[:2]

        def apply(image: np.ndarray) -> np.ndarray:
            into.write(image.tobytes())
            into.flush()
            data = out.read(height * width)
            if len(data) < height * width:
                raise RuntimeError(f"{name} ended early; run {' '.join(words)} by hand")
            return np.frombuffer(data, bool).reshape(height, width)

        def close() -> None:
            into.close()
            out.close()
            child.wait()

        return apply, close

    return make


def judged(sequence: Sequence, methods: list[Method], cache: Path) -> list[dict[str, Any]]:
    """Return a row for every method, from the cache or computed."""
    kept = json.loads(cache.read_text()) if cache.exists() else {}
    recipe = digest(Path("benchmarks/composed")) if not sequence.clips else ""
    keys = {m.name: f"{sequence.name}|{recipe}|{m.name}|{m.version}" for m in methods}
    missing = [method for method in methods if keys[method.name] not in kept]
    if missing:
        if not sequence.clips:
            scene = sequence.frames()
            notes = scene.notes
            sequence = sequence._replace(
                clips=tuple(sorted({notes["background"], *notes["cutouts"]})),
                frames=scene.frames,
                stands=min((first for first, _ in notes.get("stands", [])), default=None),
            )
        for row in watched(sequence, missing):
            kept[keys[row["method"]]] = row
        part = cache.with_suffix(".part")
        part.write_text(json.dumps(kept))
        part.replace(cache)
    return [kept[keys[method.name]] for method in methods]


def watched(sequence: Sequence, methods: list[Method]) -> Iterator[dict[str, Any]]:
    """Show a sequence to all methods at once."""
    scores = {method.name: ChangeScore() for method in methods}
    since: dict[str, np.ndarray] = {m.name: np.zeros((len(SINCE), 2), int) for m in methods}
    spent: dict[str, float] = defaultdict(float)
    running: dict[str, tuple[Apply, Callable[[], None]]] = {}
    for number, (image, truth) in enumerate(sequence.frames()):
        if not running:
            running = {m.name: m.make(sequence, image.shape) for m in methods}
        moving = truth == 255
        for name, (apply, _) in running.items():
            start = time.process_time()
            mask = apply(image)
            spent[name] += time.process_time() - start
            if number:
                scores[name].count(mask, truth)
            if sequence.stands is not None and number >= sequence.stands:
                part = int(np.searchsorted(SINCE, number - sequence.stands, "right")) - 1
                found = np.count_nonzero(mask & moving)
                since[name][part] += found, np.count_nonzero(moving)
    for method in methods:
        running[method.name][1]()
        score = scores[method.name]
        row = {"sequence": sequence.name, "kind": sequence.kind, "method": method.name}
        row |= {"clips": sequence.clips, "f": score.f, "recall": score.recall}
        row |= {"precision": score.precision, "pwc": score.pwc, "seconds": spent[method.name]}
        row["shadows"] = score.shadow_fp / score.shadow if score.shadow else None
        if sequence.stands is not None:
            row["standing"] = [int(a) / int(b) if b else None for a, b in since[method.name]]
        yield row


def tell(rows: list[dict[str, Any]]) -> None:
    """Print the tables."""
    names = list(dict.fromkeys(row["method"] for row in rows))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))

    def mean(kind: str, name: str, what: str) -> float:
        found = [r[what] for r in rows if r["kind"] == kind and r["method"] == name]
        found = [value for value in found if value is not None]
        return float(np.mean(found)) if found else float("nan")

    for what, title in (("f", "F"), ("recall", "recall"), ("precision", "precision"),
                        ("shadows", "shadow pixels called foreground")):  # fmt: skip
        print(f"\n| {title} | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
        table = [[mean(kind, name, what) for name in names] for kind in kinds]
        for kind, line in zip(kinds, table, strict=True):
            if not np.isnan(line).all():
                print(f"| {kind} | " + " | ".join(_short(v) for v in line) + " |")
        ours = [line for kind, line in zip(kinds, table, strict=True) if kind in composed.KINDS]
        if len(ours) > 1 and not np.isnan(ours).all():
            means = [_short(_mean(column)) for column in zip(*ours, strict=True)]
            print("| **mean of the composed kinds** | " + " | ".join(means) + " |")
    standing = [row for row in rows if row.get("standing")]
    if standing:
        edges = [f"{a} to {b}" for a, b in zip(SINCE, (*SINCE[1:], "the end"), strict=True)]
        print("\n| recall, frames since somebody stands | " + " | ".join(edges) + " |\n|---|"
              + "---|" * len(edges))  # fmt: skip
        for name in names:
            parts = np.array([r["standing"] for r in standing if r["method"] == name], float)
            print(f"| {name} | " + " | ".join(_short(_mean(v)) for v in parts.T) + " |")
    pairs = [(name, f"{name}, left out") for name in names if f"{name}, left out" in names]
    if pairs:
        print("\n| F | tuned | left out | difference |\n|---|---|---|---|")
        for name, other in pairs:
            for kind in kinds:
                one, two = mean(kind, name, "f"), mean(kind, other, "f")
                print(f"| {name}, {kind} | {one:.3f} | {two:.3f} | {two - one:+.3f} |")


def _mean(values: Iterable[float]) -> float:
    """Of those that are numbers; NaN when none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _short(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}".replace("0.", ".", 1)


if __name__ == "__main__":
    main()
