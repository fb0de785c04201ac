"""How fast the subtractors are on a real film, beside OpenCV's MOG2 as it comes (with shadows).

    python benchmarks/film_speed.py VIDEO [--sizes 640x480 1920x1080] [--threads 1 2]

The film is scaled to each size and held in memory; all take the same frames in turn, in the
same process, with the same number of threads. The figure is the median of the paired
ratios MOG2 / ours: above 1 we are faster.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from segment import open_frames
from segment.background import GaussianMixtureSubtractor, PosteriorSubtractor
from segment.video.select import resize

WARM = 25  # frames, so that what the first ones brought has settled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--sizes", nargs="+", default=("640x480", "1920x1080"))
    parser.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--frames", type=int, default=60, help="frames that are timed")
    options = parser.parse_args()
    print(f"{'size':>10} threads {'MOG2 ms':>8} {'subtract':>16} {'subtract-mixture':>20}")
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        with open_frames(options.video) as frames:
            scaled = resize(frames, (height, width))
            images = [f.image for f, _ in zip(scaled, range(WARM + options.frames), strict=False)]
        for threads in options.threads:
            show(size, threads, *compare(images, threads))


def compare(images: list[np.ndarray], threads: int) -> tuple[np.ndarray, ...]:
    """Milliseconds a frame of MOG2, the default and the plain mixture, in turn."""
    cv2.setNumThreads(threads)
    peer = cv2.createBackgroundSubtractorMOG2()
    ours = [PosteriorSubtractor(threads=threads), GaussianMixtureSubtractor(threads=threads)]
    times = []
    for image in images:
        taken = []
        for subtractor in (peer, *ours):
            begin = time.perf_counter()
            subtractor.apply(image)
            taken.append(1000 * (time.perf_counter() - begin))
        times.append(taken)
    return tuple(np.array(times[WARM:]).T)


def show(size: str, threads: int, peer: np.ndarray, default: np.ndarray, plain: np.ndarray) -> None:
    cells = [f"{np.median(own):8.2f} ms {np.median(peer / own):5.2f}x" for own in (default, plain)]
    print(
        f"{size:>10} {threads:7} {np.median(peer):8.2f} {cells[0]:>16} {cells[1]:>20}", flush=True
    )


if __name__ == "__main__":
    main()
