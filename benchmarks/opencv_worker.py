"""One of OpenCV's subtractors as a process: raw frames come in, raw masks go out.

    python benchmarks/opencv_worker.py NAME HEIGHT WIDTH CHANNELS < frames > masks

Needs cv2 and numpy only, so that it runs in an environment of its own: GSOC, LSBP and CNT are in
opencv-contrib-python, which cannot stand beside opencv-python.
"""

import sys

import numpy as np

NAMES = ("MOG2", "MOG2 tuned", "KNN m5", "CNT", "GSOC", "LSBP")
"""Tuned is history 200, threshold 16, no shadows, a median of 5; m5 is such a median."""
CONTRIB = ("CNT", "GSOC", "LSBP")


def peer(name: str):
    """Return a function from an image (H, W, C) uint8 to a mask (H, W) bool."""
    import cv2

    if name in CONTRIB:
        made, median = getattr(cv2.bgsegm, f"createBackgroundSubtractor{name}")(), 0
    elif name == "MOG2":
        made, median = cv2.createBackgroundSubtractorMOG2(), 0
    elif name == "MOG2 tuned":
        made, median = cv2.createBackgroundSubtractorMOG2(200, 16, False), 5
    elif name == "KNN m5":
        made, median = cv2.createBackgroundSubtractorKNN(), 5
    else:
        raise ValueError(f"no peer is called {name!r}; there are {', '.join(NAMES)}")

    def apply(image: np.ndarray) -> np.ndarray:
        if name in CONTRIB and image.shape[2] == 1:
            image = np.repeat(image, 3, axis=2)  # LSBP wants colours
        # Shadows, 127, are background.
        mask = np.where(made.apply(np.ascontiguousarray(image)) == 255, np.uint8(255), np.uint8(0))
        return (cv2.medianBlur(mask, median) if median else mask) > 0

    return apply


def main() -> None:
    import cv2

    name, shape = sys.argv[1], tuple(map(int, sys.argv[2:5]))
    cv2.setNumThreads(1)
    cv2.setRNGSeed(1)
    apply = peer(name)
    count = int(np.prod(shape))
    while len(data := sys.stdin.buffer.read(count)) == count:
        mask = apply(np.frombuffer(data, np.uint8).reshape(shape))
        sys.stdout.buffer.write(mask.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
