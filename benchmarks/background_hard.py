"""What derived hard cases cost a subtractor: F of the clean clip less F of the damaged one.

    python benchmarks/background_hard.py DATA [--sequences NAME ...] [--cases CASE ...]

DATA is as for background_accuracy.py. Every case is drawn from the clip itself, the same for all
subtractors: shifts of up to 3 pixels a frame (jitter: whole pixels; shake: any), steps and a slow
drift of the gain, noise of 10 grey levels, half of the frames dropped, and a light switched to .6
of the gain after half of the clip. MOG2 is OpenCV's with its defaults, shadows not foreground.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from segment.background import PosteriorSubtractor
from segment.measures.change import ChangeScore

CASES = ("clean", "jitter", "shake", "steps", "drift", "noise", "dropped", "switch")
NOT_SCORED = 170


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with a folder for every sequence")
    parser.add_argument("--sequences", nargs="+", help="names; all when not given")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    options = parser.parse_args()
    names = sorted(path.parent.name for path in options.data.glob("*/truth.mkv"))
    names = [name for name in names if not options.sequences or name in options.sequences]
    if not names:
        parser.error(f"no sequence with a truth.mkv in {options.data}")
    makers: dict[str, Callable] = {
        "posterior": lambda: PosteriorSubtractor().apply,
        "MOG2": lambda: mog2(cv2.createBackgroundSubtractorMOG2()),
    }
    clean: dict[str, np.ndarray] = {}
    print(f"{'F, and loss':12}" + "".join(f"{name:>20}" for name in makers))
    for case in dict.fromkeys(("clean", *options.cases)):
        scores = [judge(options.data / name, case, makers) for name in names]
        line = f"{case:12}"
        for name in makers:
            found = np.array([score[name] for score in scores])
            clean.setdefault(name, found)
            line += f"{found.mean():12.3f}{(clean[name] - found).mean():8.3f}"
        print(line, flush=True)
        for name in makers:
            print(f"    {name:10}", *(f"{score[name]:.3f}" for score in scores))


def mog2(subtractor: cv2.BackgroundSubtractor) -> Callable:
    return lambda image: subtractor.apply(image) == 255


def judge(folder: Path, case: str, makers: dict[str, Callable]) -> dict[str, float]:
    scores = {name: ChangeScore() for name in makers}
    apply = {name: maker() for name, maker in makers.items()}
    generator = np.random.default_rng(5)
    with av.open(str(folder / "input.mkv")) as video, av.open(str(folder / "truth.mkv")) as truth:
        grey = "gray" in video.streams.video[0].format.name
        answers = [frame.to_ndarray(format="gray") for frame in truth.decode(video=0)]
        for number, frame in enumerate(video.decode(video=0)):
            image = frame.to_ndarray(format="gray" if grey else "rgb24")
            image = image[:, :, None] if grey else image
            changed = damage(image, answers[number], case, number, len(answers), generator)
            if changed is None:
                continue
            for name, score in scores.items():
                mask = apply[name](changed[0])
                if number:
                    score.count(mask, changed[1])
    return {name: score.f for name, score in scores.items()}


def damage(
    image: np.ndarray,
    truth: np.ndarray,
    case: str,
    number: int,
    length: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the frame and the truth of this case, or None for a frame that is dropped."""
    if case in ("jitter", "shake"):
        whole = case == "jitter"
        shift = generator.integers(-3, 4, 2) if whole else generator.uniform(-3, 3, 2)
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        size = image.shape[1::-1]
        moved = cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE)
        answer = cv2.warpAffine(truth, move, size, flags=cv2.INTER_NEAREST, borderValue=NOT_SCORED)
        return moved.reshape(image.shape), answer
    if case == "dropped":
        return None if generator.random() < 0.5 else (image, truth)
    gain, offset = 1.0, 0.0
    if case == "steps":
        gain = (1, 0.85, 1.1, 0.9)[number // 60 % 4]
    elif case == "drift":
        gain = 1 + 0.2 * np.sin(number / 40)
    elif case == "switch" and number >= length // 2:
        gain, offset = 0.6, 10.0
    pixels = image * gain + offset
    if case == "noise":
        pixels = pixels + generator.normal(0, 10, image.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8), truth


if __name__ == "__main__":
    main()
