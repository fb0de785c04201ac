"""Remake the README's moving picture: the README's own line, and a part of the overlay it writes.

python docs/make.py
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import segment

HERE = Path(__file__).parent
FIRST, LAST, STEP = 90, 180, 3
WIDTH = 480  # pixels; a README's column is some 800
QUALITY = 50  # of WebP; below it the outlines fray
SLOWER = 1.5  # than it happened, so that ids can be read


def main() -> None:
    """Write docs/street.webp."""
    with tempfile.TemporaryDirectory() as out:
        clip = HERE.parent / "videos" / "street.mp4"
        segment.run(f"read '{clip}' subtract clean group export '{out}' --as overlay")
        with segment.open_frames(Path(out) / "street" / "overlay.mp4") as frames:
            rate = float(frames.info.rate)
            pictures = [
                smaller(frame.image)
                for frame in frames
                if FIRST <= frame.index < LAST and (frame.index - FIRST) % STEP == 0
            ]
    pictures[0].save(
        HERE / "street.webp",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 * STEP * SLOWER / rate),
        loop=0,
        quality=QUALITY,
        method=4,
    )


def smaller(image: np.ndarray) -> Image.Image:
    """A frame at the width of the picture."""
    height = round(image.shape[0] * WIDTH / image.shape[1])
    return Image.fromarray(cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    main()
