"""Write composed sequences: input.mkv and truth.mkv in a folder each, and manifest.json.

    python -m benchmarks.composed OUT [--data ../shared/data] [--kinds KIND ...] [--each 5]

Laid out like ../shared/data/background, losslessly coded; about 4 GB for all of them.
"""

import argparse
import json
from fractions import Fraction
from pathlib import Path

import av

from . import KINDS, draft, judged
from .scene import Scene

EACH = 5  # sequences of a kind


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.composed", description=__doc__)
    parser.add_argument("out", type=Path, help="folder that the sequences are written to")
    parser.add_argument(
        "--data", type=Path, help="clips to cut from; drawn and free ones if not given"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--each", type=int, default=EACH, help="sequences of a kind")
    parser.add_argument("--frames", type=int, help="so many frames each; as they come if not given")
    options = parser.parse_args()
    if options.data and not options.data.is_dir():
        parser.error(f"there is no folder {options.data}")
    manifest = []
    for kind in options.kinds:
        for seed in range(options.each):
            scene = draft(kind, seed, judged(options.data, seed), length=options.frames)
            folder = options.out / f"{kind}_{seed}"
            write(scene, folder)
            manifest.append({"name": folder.name, **scene.notes})
            print(folder, scene.length, "frames", flush=True)
            text = json.dumps(manifest, indent=1, default=int)
            (options.out / "manifest.json").write_text(text + "\n")


def write(scene: Scene, folder: Path) -> None:
    """Write one sequence."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        av.open(str(folder / "input.mkv"), "w") as video,
        av.open(str(folder / "truth.mkv"), "w") as answer,
    ):
        streams = []
        for place, grey in ((video, scene.camera.grey), (answer, True)):
            stream = place.add_stream("ffv1", rate=Fraction(25))
            stream.height, stream.width = scene.size
            stream.pix_fmt = "gray" if grey else "bgr0"
            streams.append((place, stream))
        for image, truth in scene.frames():
            for (place, stream), plane in zip(streams, (image, truth), strict=True):
                flat = plane[..., 0] if plane.ndim == 3 and plane.shape[2] == 1 else plane
                frame = av.VideoFrame.from_ndarray(
                    flat, format="gray" if flat.ndim == 2 else "rgb24"
                )
                place.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        for place, stream in streams:
            place.mux(stream.encode(None))


if __name__ == "__main__":
    main()
