"""How well the subtractors do on sequences with known truth, beside OpenCV's.

    python benchmarks/background_accuracy.py DATA [--sequences NAME ...] [--json]

DATA holds a folder for every sequence, in it input.mkv and truth.mkv (CDnet's values: 0 and 50
background, 255 foreground, others not scored). F is pooled over a sequence, its first frame left
out; everything runs with its defaults, tuned MOG2 as in the column's name.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from segment.background import GaussianMixtureSubtractor, PosteriorSubtractor
from segment.measures.change import ChangeScore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with a folder for every sequence")
    parser.add_argument("--sequences", nargs="+", help="names; all when not given")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    names = sorted(path.parent.name for path in options.data.glob("*/truth.mkv"))
    names = [name for name in names if not options.sequences or name in options.sequences]
    if not names:
        parser.error(f"no sequence with a truth.mkv in {options.data}")
    makers = peers()
    rows = []
    if not options.json:
        print(f"{'':20}" + "".join(f"{name:>16}" for name in makers))
    for name in names:
        scores = judge(options.data / name, makers)
        rows.append({"sequence": name, **scores})
        if not options.json:
            show(name, scores)
    for title, chosen in (
        ("mean, ucsd", [row for row in rows if row["sequence"].startswith("ucsd")]),
        ("mean, others", [row for row in rows if not row["sequence"].startswith("ucsd")]),
    ):
        if chosen and not options.json:
            show(title, {name: float(np.mean([row[name] for row in chosen])) for name in makers})
    if options.json:
        json.dump(rows, sys.stdout, indent=1)
        print()


def show(name: str, scores: dict) -> None:
    print(f"{name:20}" + "".join(f"{score:16.3f}" for score in scores.values()), flush=True)


def peers() -> dict[str, Callable]:
    """Makers of functions from an image (H, W, C) to a mask; contrib's where they are installed."""
    made: dict[str, Callable] = {
        "posterior": lambda: PosteriorSubtractor().apply,
        "mixture": lambda: GaussianMixtureSubtractor().apply,
        "MOG2": lambda: of_opencv(cv2.createBackgroundSubtractorMOG2()),
        "MOG2 200,16,m5": lambda: of_opencv(cv2.createBackgroundSubtractorMOG2(200, 16, False), 5),
        "KNN m5": lambda: of_opencv(cv2.createBackgroundSubtractorKNN(), 5),
    }
    extra = getattr(cv2, "bgsegm", None)
    for name in ("GSOC", "LSBP", "CNT"):
        maker = getattr(extra, f"createBackgroundSubtractor{name}", None)
        if maker is not None:
            made[name] = lambda maker=maker: of_opencv(maker())
    return made


def of_opencv(subtractor: cv2.BackgroundSubtractor, median: int = 0) -> Callable:
    def apply(image: np.ndarray) -> np.ndarray:
        mask = np.where(subtractor.apply(image) == 255, np.uint8(255), np.uint8(0))
        return (cv2.medianBlur(mask, median) if median else mask) > 0

    return apply


def judge(folder: Path, makers: dict[str, Callable]) -> dict[str, float]:
    scores = {name: ChangeScore() for name in makers}
    apply = {name: maker() for name, maker in makers.items()}
    with av.open(str(folder / "input.mkv")) as video, av.open(str(folder / "truth.mkv")) as truth:
        grey = "gray" in video.streams.video[0].format.name
        pairs = zip(video.decode(video=0), truth.decode(video=0), strict=True)
        for number, (frame, answer) in enumerate(pairs):
            image = frame.to_ndarray(format="gray" if grey else "rgb24")
            image = image[:, :, None] if grey else image
            wanted = answer.to_ndarray(format="gray")
            for name, score in scores.items():
                mask = apply[name](image)
                if number:
                    score.count(mask, wanted)
    return {name: score.f for name, score in scores.items()}


if __name__ == "__main__":
    main()
