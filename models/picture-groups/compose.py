"""Make pictures whose groups are known without asking anyone: blots of different photographs.

    python models/picture-groups/compose.py PHOTOGRAPHS OUT --count 160

What comes out is in learn.py's form. The photographs' own segmentations are never read.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from skimage.measure import label


def compose(photographs: list[np.ndarray], rng: np.random.Generator) -> tuple:
    """A picture (H, W, 3) of all photographs, and its groups (H, W) int32.

    At every pixel the photograph shows whose smooth random field is highest; all
    photographs are (H, W, 3) uint8 of one size.
    """
    size = photographs[0].shape[:2]
    sigma = float(rng.uniform(20, 60))
    fields = [
        cv2.GaussianBlur(rng.normal(size=size), (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        for _ in photographs
    ]
    owner = np.argmax(fields, axis=0)
    picture = np.choose(owner[:, :, None], photographs)
    # A lens blurs edges as well: a seam of one pixel would give the blots away.
    blurred = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 1.2)))
    seam = cv2.dilate((cv2.Laplacian(owner.astype(np.float32), -1) != 0).astype(np.uint8),
                      np.ones((3, 3), np.uint8))  # fmt: skip
    picture = np.where(seam[:, :, None] > 0, blurred, picture).astype(np.uint8)
    return picture, label(owner + 1, connectivity=1).astype(np.int32)


def main() -> None:
    """Read the line, write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("photographs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=160)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    given.out.mkdir(parents=True, exist_ok=True)
    every = [cv2.imread(str(path)) for path in sorted(given.photographs.glob("*.jpg"))]
    wide = [p if p.shape[1] > p.shape[0] else p.transpose(1, 0, 2) for p in every]
    for number in range(given.count):
        chosen = rng.choice(len(wide), int(rng.integers(3, 10)), replace=False)
        picture, groups = compose([wide[i] for i in chosen], rng)
        line = np.zeros(groups.shape, bool)
        line[:, :-1] |= groups[:, 1:] != groups[:, :-1]
        line[:-1] |= groups[1:] != groups[:-1]
        cv2.imwrite(str(given.out / f"{number:04}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        np.savez_compressed(
            given.out / f"{number:04}.npz",
            segmentations=groups[None].astype(np.uint16),
            boundaries=np.packbits(line[None]),
        )


if __name__ == "__main__":
    main()
