"""How well group-mixture parts pictures, beside Felzenszwalb's method, against people.

    python benchmarks/picture_groups.py DATA [--every N] [--judges NAME ...] [--no-boundaries]

DATA holds pictures NAME.jpg, and NAME.npz beside each: `segmentations` (people, H, W) and
`boundaries`, the people's thin lines as packed bits, (people, H, W). Berkeley's protocol: ODS is
one scale for all pictures, OIS the best scale for each. Seconds are processor time a picture on
one thread, reading and scoring left out.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from skimage.segmentation import felzenszwalb

from segment.grouping import MixtureGrouper
from segment.measures.segmentation import score_labels, summarise

SCALES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
DEFAULT = SCALES.index(0.5)
PEER = (50, 100, 200, 300, 400, 600, 900)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of pictures and truth")
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--judges", nargs="+", default=["learned"], help="learned, or files")
    parser.add_argument("--no-boundaries", action="store_true", help="leave boundary F out")
    parser.add_argument("--no-peer", action="store_true", help="leave Felzenszwalb out")
    options = parser.parse_args()
    paths = sorted(options.data.glob("*.jpg"))[:: options.every]
    if not paths:
        parser.error(f"no picture in {options.data}")
    cv2.setNumThreads(1)
    makers: dict[str, Callable] = {f"group-mixture, {name}": ours(name) for name in options.judges}
    if not options.no_peer:
        makers["Felzenszwalb"] = peer
    print(f"{len(paths)} pictures; ODS / OIS (/ best)")
    for title, make in makers.items():
        rows, seconds = [], []
        list(make(read(paths[0])[0]))  # kernels are compiled now
        for path in paths:
            image, people, drawn = read(path)
            start = time.process_time()
            cuts = list(make(image))
            seconds.append((time.process_time() - start) / (len(PEER) if make is peer else 1))
            rows.append(
                [score_labels(c, people, drawn, boundaries=not options.no_boundaries) for c in cuts]
            )
        show(title, rows, seconds, None if make is peer else DEFAULT)


def show(title: str, rows: list, seconds: list[float], default: int | None) -> None:
    found = summarise(rows)
    print(
        f"{title}: covering {found.covering:.3f} / {found.covering_ois:.3f} / "
        f"{found.covering_best:.3f}, PRI {found.rand_index:.3f} / {found.rand_index_ois:.3f}, "
        f"VoI {found.variation:.3f} / {found.variation_ois:.3f}, "
        f"F {found.boundary_f:.3f} / {found.boundary_f_ois:.3f}, "
        f"{np.median(seconds):.2f} s (at most {max(seconds):.2f})"
    )
    if default is not None:
        alone = summarise([[row[default]] for row in rows])
        groups = np.mean([row[default].segments for row in rows])
        print(
            f"  its default alone: covering {alone.covering:.3f}, PRI {alone.rand_index:.3f}, "
            f"VoI {alone.variation:.3f}, F {alone.boundary_f:.3f}, {groups:.1f} groups"
        )


def ours(judges: str) -> Callable:
    def cuts(image: np.ndarray) -> Iterator[np.ndarray]:
        found = MixtureGrouper(judges=judges).hierarchy(image)
        return (found.cut(scale) for scale in SCALES)

    return cuts


def peer(image: np.ndarray) -> Iterator[np.ndarray]:
    return (felzenszwalb(image, scale, 0.8, int(scale)) for scale in PEER)


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture (H, W, 3), its segmentations (P, H, W) and boundaries (P, H, W)."""
    image = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    with np.load(path.with_suffix(".npz")) as truth:
        people = truth["segmentations"].astype(np.int32)
        drawn = np.unpackbits(truth["boundaries"])[: people.size].reshape(people.shape) > 0
    return image, people, drawn


if __name__ == "__main__":
    main()
