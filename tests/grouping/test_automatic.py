"""The grouper that frames want: objects where there are masks, whole pictures elsewhere."""

import logging

import numpy as np
import pytest

from segment import pipeline
from segment.grouping import MixtureGrouper, NeuralGrouper, automatic
from segment.grouping.tracks.naming import TrackNamer
from tests.conftest import as_frames, moving_square

IMAGES, MASKS = moving_square(40)


def labels_of(frames):
    return np.array([frame.labels for frame in frames])


def assert_same(frames, others):
    np.testing.assert_array_equal(labels_of(frames), labels_of(others))


def test_masks_are_told_apart_and_named():
    grouper = NeuralGrouper(smallest=5)
    grouped = pipeline.group(as_frames(IMAGES, MASKS), grouper)
    wanted = labels_of(pipeline.decide(grouped, TrackNamer(25.0), delay=5, grouper=grouper))
    found = labels_of(automatic.group(as_frames(IMAGES, MASKS), delay=0.2, smallest=5))
    np.testing.assert_array_equal(found, wanted)
    assert found.max() == 1


def test_candidates_are_what_the_grouper_follows():
    wanted = pipeline.group(as_frames(IMAGES, MASKS), NeuralGrouper())
    assert_same(automatic.group(as_frames(IMAGES, MASKS), candidates=True), wanted)


def test_numbers_and_arenas_reach_the_namer():
    arenas = np.zeros(IMAGES.shape[1:3], np.int32)
    arenas[:, :3] = 1  # where nobody is
    assert labels_of(automatic.group(as_frames(IMAGES, MASKS), number=1)).max() == 1
    assert labels_of(automatic.group(as_frames(IMAGES, MASKS), arenas=arenas)).max() == 0


@pytest.mark.parametrize(("length", "level"), [(1, logging.INFO), (2, logging.WARNING)])
def test_pictures_without_masks_are_grouped_whole_and_that_is_told(length, level, caplog):
    caplog.set_level(logging.INFO, logger="segment")
    images = IMAGES[-length:]
    found = automatic.group(as_frames(images), patience=3, smallest=7)
    assert_same(found, pipeline.group(as_frames(images), MixtureGrouper(patience=3)))
    assert [(record.levelno, "as by group-mixture" in record.getMessage())
            for record in caplog.records] == [(level, True)]  # fmt: skip


def test_no_frames_are_no_frames():
    assert list(automatic.group(iter(()))) == []


@pytest.mark.parametrize("more", [{"number": 2}, {"arenas": np.ones((4, 5), np.int32)}])
def test_candidates_are_no_objects_to_be_counted(more):
    with pytest.raises(ValueError, match="candidates are no objects"):
        automatic.group(as_frames(IMAGES, MASKS), candidates=True, **more)
