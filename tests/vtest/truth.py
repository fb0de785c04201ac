"""Boxes read by hand into MOT text: in between they are interpolated, and what hides them told.

    python tests/vtest/truth.py

Writes `truth.txt` from `by_hand.csv`.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FRAMES = range(316, 356)

# The sign and its post stand in front of everybody: left, top, right, bottom.
IN_FRONT = [(412, 203, 445, 244), (425, 40, 433, 392)]
HIDDEN = 0.3  # of whom less is seen need not be found


def text():
    """The lines of `truth.txt`."""
    boxes = np.stack([_whole(frame) for frame in FRAMES])
    rows = []
    for frame, people in zip(FRAMES, boxes, strict=True):
        for number, (left, top, right, bottom) in enumerate(people.tolist(), 1):
            seen = _seen(people, number - 1)
            box = f"{left + 1},{top + 1},{right - left},{bottom - top}"
            rows.append(f"{frame + 1},{number},{box},{int(seen >= HIDDEN)},1,{seen:.2f}")
    return "\n".join(rows) + "\n"


def _whole(frame):
    """Everybody's box in a frame, (N, 4) whole pixels."""
    read = defaultdict(dict)
    with (HERE / "by_hand.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            sides = [int(row[side]) for side in ("left", "top", "right", "bottom")]
            read[int(row["id"])][int(row["frame"])] = sides
    people = []
    for _, known in sorted(read.items()):
        sides = np.array([known[at] for at in sorted(known)])
        people.append([np.interp(frame, sorted(known), side) for side in sides.T])
    return np.floor(np.array(people) + 0.5).astype(int)


def _seen(people, who):
    """Share of a box that neither the sign nor the box of somebody nearer lies on."""
    left, top, right, bottom = people[who]
    free = np.ones((bottom - top, right - left), bool)
    nearer = [box for box in people if box[3] > bottom]  # the ground rises into the distance
    for x0, y0, x1, y1 in [*IN_FRONT, *nearer]:
        free[max(0, y0 - top) : max(0, y1 - top), max(0, x0 - left) : max(0, x1 - left)] = False
    return free.mean()


if __name__ == "__main__":
    (HERE / "truth.txt").write_text(text(), encoding="ascii", newline="\n")
