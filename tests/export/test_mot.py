"""The text of the Multiple Object Tracking challenges, line by line."""

import numpy as np

from segment.export import MotText
from tests.conftest import as_frames


def test_a_line_says_where_an_object_is_counted_from_one(tmp_path):
    labels = np.zeros((3, 9, 13), np.int32)
    labels[0, 2:5, 4:10] = 7
    labels[2, 2:5, 4:10] = 7
    labels[2, 8, 0] = 3
    images = np.zeros((3, 9, 13, 3), np.uint8)
    with MotText(tmp_path) as sink:
        for frame in as_frames(images, labels > 0, labels):
            sink.write(frame)

    assert (tmp_path / "mot.txt").read_text().splitlines() == [
        "1,7,5,3,6,3,1,-1,-1,-1",
        "3,3,1,9,1,1,1,-1,-1,-1",
        "3,7,5,3,6,3,1,-1,-1,-1",
    ]
