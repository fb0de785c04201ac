"""The background of a street: what a mixture at every pixel learns while cars drive through it.

python docs/examples/background_of_a_street.py
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

import segment
from segment.background import PosteriorSubtractor

CLIP = Path(__file__).parents[2] / "videos" / "street.mp4"
SHOWN = (0, 60, 200)
"""Frames that are drawn: the first one is the background, with all that stands in it."""


def watch(clip: Path, shown: tuple[int, ...]) -> list[dict[str, np.ndarray]]:
    """For each frame shown: image, background, evidence and mask, as they were then."""
    found = []
    subtractor = PosteriorSubtractor()
    with segment.open_frames(clip) as frames:
        for frame in frames:
            mask = subtractor.apply(frame.image)
            if frame.index in shown:
                change = frame.image.astype(np.int16) - subtractor.background()
                found.append(
                    {
                        "frame": frame.image,
                        "background": subtractor.background(),
                        "how far from it": np.abs(change).max(axis=2),
                        "foreground": mask,
                    }
                )
            if frame.index == shown[-1]:
                break
    return found


def draw(out: Path, clip: Path = CLIP, shown: tuple[int, ...] = SHOWN) -> list[dict]:
    """Write street-background.png; return what it shows."""
    found = watch(clip, shown)
    figure, axes = plt.subplots(len(found), 4, figsize=(14, 2.2 * len(found)))
    for row, (number, what) in enumerate(zip(shown, found, strict=True)):
        for axis, (name, picture) in zip(axes[row], what.items(), strict=True):
            axis.imshow(picture, cmap="gray" if picture.dtype == bool else "magma")
            axis.set_title(name if name != "frame" else f"frame {number}")
            axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(out / "street-background.png", dpi=60)
    plt.close(figure)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    draw(parser.parse_args().out)
