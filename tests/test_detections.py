"""Labels as supervision's detections, through a stand-in, and supervision itself where it is."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from segment import SegmentError, to_detections
from segment.errors import MissingLabels
from tests.conftest import as_frames

LABELS = np.zeros((1, 7, 11), np.int32)
LABELS[0, 2:5, 3:9] = 12
LABELS[0, 3, 4] = 0  # a hole
LABELS[0, 6, 10] = 4
LABELS[0, 0, 0] = 4  # in two pieces


def frame_of(labels):
    return next(as_frames(np.zeros((1, 7, 11, 3), np.uint8), labels=labels))


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=SimpleNamespace))


def check(found):
    np.testing.assert_array_equal(found.tracker_id, [4, 12])
    np.testing.assert_array_equal(found.xyxy, [[0, 0, 11, 7], [3, 2, 9, 5]])
    np.testing.assert_array_equal(found.class_id, [0, 0])
    np.testing.assert_array_equal(found.mask, [LABELS[0] == 4, LABELS[0] == 12])


def test_every_object_is_a_detection(stand_in):
    check(to_detections(frame_of(LABELS)))


def test_nothing_found_is_no_detection(stand_in):
    found = to_detections(frame_of(np.zeros_like(LABELS)))
    assert found.xyxy.shape == (0, 4)
    assert found.mask.shape == (0, 7, 11)
    assert found.tracker_id.shape == (0,)


def test_supervision_itself_takes_them():
    supervision = pytest.importorskip("supervision")
    found = to_detections(frame_of(LABELS))
    assert isinstance(found, supervision.Detections)
    check(found)
    np.testing.assert_array_equal(found.area, [2, 17])
    assert len(to_detections(frame_of(np.zeros_like(LABELS)))) == 0


def test_without_a_grouper_it_says_so(stand_in):
    with pytest.raises(MissingLabels, match="frame 0 has no objects"):
        to_detections(frame_of(None))


def test_without_supervision_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)  # as if it were not installed
    with pytest.raises(SegmentError, match=r'pip install "segment-em\[supervision\]"'):
        to_detections(frame_of(LABELS))
