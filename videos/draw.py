"""Draw the sample clips: the video as a camera saw it, its masks, and the ids of its objects.

    python videos/draw.py                # all of them, beside this file
    python videos/draw.py street --out somewhere

A frame depends on its number alone, so that what is drawn is the same every time.
"""

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from scenes.room import Room
from scenes.street import Street

SCENES = {scene.name: scene for scene in (Street, Room)}

# Single thread and no macroblock tree: x264's other ways differ from run to run.
X264 = {"preset": "slow", "crf": "22", "threads": "1", "x264-params": "mbtree=0"}


def write(name: str, folder: Path) -> None:
    """Write `NAME.mp4`, `NAME.truth.mkv` and `NAME.ids.mkv` into `folder`."""
    scene = SCENES[name]()
    with (
        Film(folder / f"{name}.mp4", scene, "libx264", "yuv420p", X264) as film,
        Film(folder / f"{name}.truth.mkv", scene, "ffv1", "gray") as truths,
        Film(folder / f"{name}.ids.mkv", scene, "ffv1", "gray") as numbers,
    ):
        for t in range(scene.length):
            picture, truth, ids = scene.frame(t)
            film.add(picture, "rgb24")
            truths.add(truth, "gray")
            numbers.add(ids.astype(np.uint8), "gray")
    print(f"{name}: {scene.length} frames", file=sys.stderr)


class Film:
    """A video that is written frame by frame; the same frames give the same bytes."""

    def __init__(self, path: Path, scene, codec: str, pixels: str, options=None):
        container_options = {"fflags": "+bitexact"}
        if path.suffix == ".mp4":
            container_options["movflags"] = "+faststart"
        self.container = av.open(str(path), "w", options=container_options)
        if codec == "ffv1":
            options = {"level": "3", "slicecrc": "1", "coder": "1", "context": "1", "g": "300"}
        self.stream = self.container.add_stream(codec, rate=Fraction(scene.rate), options=options)
        self.stream.height, self.stream.width = scene.size
        self.stream.pix_fmt = pixels
        self.stream.codec_context.thread_count = 1

    def __enter__(self):
        return self

    def add(self, array: np.ndarray, pixels: str) -> None:
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=pixels)
        if pixels != self.stream.pix_fmt:
            picture = picture.reformat(format=self.stream.pix_fmt, threads=1)
        self.container.mux(self.stream.encode(picture))

    def __exit__(self, *_) -> None:
        self.container.mux(self.stream.encode())
        self.container.close()


def main() -> None:
    """Draw what the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[], help=", ".join(SCENES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    for name in options.names:
        if name not in SCENES:
            parser.error(f"there is no scene {name!r}; there are {', '.join(SCENES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or SCENES:
        write(name, options.out)


if __name__ == "__main__":
    main()
