"""Remake the README's picture: the README's own line, and one frame of the overlay it writes."""

import tempfile
from pathlib import Path

import cv2

import segment

HERE = Path(__file__).parent
FRAME = 150


def main() -> None:
    """Write docs/overlay.jpg."""
    with tempfile.TemporaryDirectory() as out:
        clip = HERE.parent / "videos" / "street.mp4"
        segment.run(f"read '{clip}' subtract clean group export '{out}' --as overlay")
        with segment.open_frames(Path(out) / "street" / "overlay.mp4") as frames:
            image = next(frame.image for frame in frames if frame.index == FRAME)
    cv2.imwrite(str(HERE / "overlay.jpg"), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
