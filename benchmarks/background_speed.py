"""How fast the mixture is beside OpenCV's MOG2 without shadows, and beside a copy of memory.

    python benchmarks/background_speed.py [--sizes 1920x1080] [--frames 15] [--json]

Both take the same frames in turn, in the same process, with the same number of threads and
the same parameters; the figure is the median of the paired ratios, so that a machine with
other work to do slows both. The floor is the time in which as many threads change, once each,
as many bytes of memory as the model of the median frame needs.
"""

import argparse
import json
import sys
import time

import cv2
import numpy as np

from segment.background import GaussianMixtureSubtractor
from segment.threads import over_rows

SIZES = ("320x240", "640x480", "1920x1080", "3840x2160")
WARM = 60  # frames, so that what the first ones brought has settled
COLD = 200_000_000  # bytes, far more than a cache; each model is as cold when its turn comes
KEPT = 8  # different frames; more would be closer to a film, and fill the memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="WIDTHxHEIGHT, any number")
    parser.add_argument("--scenes", nargs="+", default=tuple(SCENES), choices=tuple(SCENES))
    parser.add_argument("--channels", nargs="+", type=int, default=(1, 3), choices=(1, 3))
    parser.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--frames", type=int, default=15, help="pairs that are timed")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    rows = []
    if not options.json:
        print(
            f"{'size':>10} {'':6} {'scene':8} threads {'MOG2':>8} {'ours':>8} {'floor':>8}", end=""
        )
        print(f" {'MOG2/ours':>10} {'ours/floor':>10} {'modes':>6} {'same':>8}")
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        for channels in options.channels:
            for scene in options.scenes:
                images = SCENES[scene](height, width, channels)
                for threads in options.threads:
                    row = {
                        "size": size,
                        "channels": channels,
                        "scene": scene,
                        "threads": threads,
                        **compare(images, threads, options.frames),
                    }
                    rows.append(row)
                    if not options.json:
                        show(row)
    if options.json:
        json.dump(rows, sys.stdout, indent=1)
        print()


def show(row: dict) -> None:
    colour = "colour" if row["channels"] == 3 else "grey"
    print(
        f"{row['size']:>10} {colour:6} {row['scene']:8} {row['threads']:7} "
        f"{row['mog2_ms']:8.2f} {row['ours_ms']:8.2f} {row['floor_ms']:8.2f} "
        f"{row['ratio']:10.2f} {row['over_floor']:10.2f} {row['modes']:6.2f} "
        f"{100 * row['same']:7.3f}%",
        flush=True,
    )


def compare(images: list, threads: int, frames: int) -> dict:
    """Time both on the same frames; milliseconds are medians."""
    cv2.setNumThreads(threads)
    channels = images[0].shape[2]
    # MOG2's defaults; its variances are sums over the channels.
    ours = GaussianMixtureSubtractor(
        history=500,
        background_weight=0.9,
        complexity=0.05,
        initial_variance=15 / channels,
        smallest_variance=4 / channels,
        largest_variance=75 / channels,
        threads=threads,
    )
    peer = cv2.createBackgroundSubtractorMOG2(500, 16, False)
    for n in range(WARM):
        ours.apply(images[n % len(images)])
        peer.apply(images[n % len(images)])
    times, same = [], []
    for n in range(frames):
        image = images[n % len(images)]
        begin = time.perf_counter()
        theirs = peer.apply(image)
        between = time.perf_counter()
        mask = ours.apply(image)
        end = time.perf_counter()
        times.append((between - begin, end - between))
        same.append(float((mask == (theirs > 0)).mean()))
    peers, own = 1000 * np.array(times).T
    floor = copying(touched(ours, images[0]), frames, threads)
    return {
        "mog2_ms": float(np.median(peers)),
        "ours_ms": float(np.median(own)),
        "floor_ms": floor,
        "ratio": float(np.median(peers / own)),
        "over_floor": float(np.median(own) / floor),
        "modes": float((ours._blocks()[2] > 0).sum(axis=2).mean()),
        "same": float(np.mean(same)),
    }


def touched(subtractor: GaussianMixtureSubtractor, image: np.ndarray) -> int:
    """Bytes of the model that a frame must at least read and write, and of image and mask.

    A pixel needs its heaviest mode; the weights of its modes if it has several; and another
    mode entirely if that is the one that matches, counted as if it always did for the share
    of the past that the heaviest does not explain.
    """
    channels = image.shape[2]
    weight = subtractor._blocks()[2].transpose(2, 0, 1, 3)
    weight = weight.reshape(len(weight), len(image), -1)[..., : image.shape[1]]
    count = (weight > 0).sum(axis=0)
    numbers = (1 + channels) * count.size
    numbers += count[count > 1].sum()
    numbers += (1 + channels) * float((1 - weight[0]).sum())
    return int(4 * numbers + (image.size + 2 * count.size) / 2)


def copying(size: int, times: int, threads: int) -> float:
    """Milliseconds to read and write `size` bytes that no cache holds, in place."""
    parts = max(2, -(-COLD // size))
    memory = np.zeros((parts, size // 4), np.float32)
    memory += 1
    taken = []
    for n in range(times):
        part = memory[n % parts]

        def change(start: int, stop: int, part: np.ndarray = part) -> None:
            np.add(part[start:stop], 1, out=part[start:stop])

        begin = time.perf_counter()
        over_rows(change, len(part), threads)
        taken.append(time.perf_counter() - begin)
    return 1000 * float(np.median(taken))


def still(height: int, width: int, channels: int) -> list:
    """A still ground, a camera's noise of two grey levels, four small objects that move."""
    rng = np.random.default_rng(1)
    ground = rng.uniform(40, 200, (height, width, channels)).astype(np.float32)
    images = []
    for n in range(KEPT):
        noise = rng.standard_normal(ground.shape, np.float32)
        picture = ground + 2 * noise
        for which in range(4):
            y = height * (4 * which + 1) // 17
            x = (width * (2 * which + 1) // 10 + n * width // 40) % (width * 9 // 10)
            picture[y : y + height // 12, x : x + width // 24] = (250, 20, 130)[:channels]
        images.append(picture.clip(0, 255).astype(np.uint8))
    return images


def restless(height: int, width: int, channels: int) -> list:
    """Every pixel jumps between four colours, with noise: leaves and water everywhere."""
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (4, height, width, channels)).astype(np.float32)
    images = []
    for _ in range(KEPT):
        chosen = rng.choice(4, (1, height, width, 1), p=(0.4, 0.3, 0.2, 0.1))
        noise = rng.standard_normal((height, width, channels), np.float32)
        picture = np.take_along_axis(colours, chosen, axis=0)[0] + 2 * noise
        images.append(picture.clip(0, 255).astype(np.uint8))
    return images


SCENES = {"still": still, "restless": restless}


if __name__ == "__main__":
    main()
