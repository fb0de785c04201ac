"""The boxes by hand: what they are made of, laws they keep, and that they lie on what moves."""

import numpy as np
import pytest

from segment.background import PosteriorSubtractor
from segment.masks import clean
from segment.measures.tracks import TrackScore
from segment.scores.objects import boxes_of, read_boxes, score_objects
from segment.video import open_frames
from tests.vtest import truth

TEXT = truth.HERE / "truth.txt"


def test_the_text_is_what_was_read_by_hand():
    assert TEXT.read_text(encoding="ascii") == truth.text()


def test_six_people_walk_through_forty_frames():
    frames = read_boxes(TEXT)
    assert list(frames) == list(truth.FRAMES)
    places = np.stack([frames[at].places for at in frames])
    assert places.shape == (40, 6, 4)
    assert all(one.numbers.tolist() == [1, 2, 3, 4, 5, 6] for one in frames.values())
    assert (places[..., :2] >= 0).all()
    assert (places[..., 2:] <= (768, 576)).all()
    sizes = places[..., 2:] - places[..., :2]
    assert sizes.min(axis=(0, 1)) == pytest.approx((18, 65), abs=5)
    middles = (places[..., :2] + places[..., 2:]) / 2
    assert np.abs(np.diff(middles, axis=0)).max() <= 10  # nobody jumps
    hidden = {(at, n) for at, one in frames.items() for n in one.numbers[one.ignored].tolist()}
    assert hidden == {(344, 4), (345, 4), (352, 4), (353, 4), (354, 4), (355, 1)}


def test_the_truth_is_perfect_against_itself():
    values = score_objects(TEXT, TEXT)[0].as_dict()
    assert values["frames"] == 40
    assert values["idf1"] == values["hota"] == values["mota"] == 1
    assert values["switches"] == values["count_error"] == 0


def test_the_boxes_lie_on_what_moves(shared_data):
    path = shared_data / "video" / "vtest.avi"
    if not path.is_file():
        pytest.skip("vtest.avi is not here")
    frames, subtractor = read_boxes(TEXT), PosteriorSubtractor()
    inside, empty, alone = [], [], TrackScore()
    with open_frames(path) as video:
        for frame in video:
            # So many frames before are enough to know what is behind these people.
            if frame.index < 240:
                continue
            if frame.index > 330:
                break
            mask = clean(subtractor.apply(frame.image))
            if frame.index not in frames:
                continue
            people = frames[frame.index]
            labels = np.zeros(mask.shape, np.int32)
            for number, place in zip(people.numbers, people.places.astype(int), strict=True):
                box = np.s_[place[1] : place[3], place[0] : place[2]]
                inside.append(mask[box].mean())
                # A box of the same size beside it, where somebody might have been.
                beside = np.roll(mask, (0, -4 * (place[2] - place[0])), axis=(0, 1))[box]
                empty.append(beside.mean())
                labels[box][mask[box]] = number
            found = boxes_of(labels)
            alone.count_boxes(
                found.numbers, found.places, people.numbers, people.places, people.ignored
            )
    assert min(inside) > 0.3
    assert np.median(inside) > 0.5 > 2 * np.median(empty)
    # What is foreground in a box fills it: who cuts the mask by these boxes finds everybody.
    assert alone.mota > 0.9
