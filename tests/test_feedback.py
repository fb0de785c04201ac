"""What objects say of places, on its way back: records, who waits for them, what is made of it."""

import threading
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from segment import pipeline
from segment.background import OpenCVSubtractor, PosteriorSubtractor
from segment.feedback import CELL, Places, Told, heed
from segment.frame import Frame, SequenceInfo
from segment.grouping import ConnectedComponents, MovingLayers
from segment.grouping.tracks.naming import TrackNamer

SIZE = (60, 80)


def places(sensitivity=1.0, standing=False):
    cells = -(-SIZE[0] // CELL), -(-SIZE[1] // CELL)
    return Places(np.full(cells, sensitivity, np.float32), np.full(cells, standing))


def film(length, where, seed=0, contrast=None):
    """A noisy wall before which a box is at `where(n)`, its left side; None is nowhere.

    It is so much lighter than the wall, or has colours of its own.
    """
    rng = np.random.default_rng(seed)
    wall = rng.integers(80, 120, (*SIZE, 3)).astype(np.float32)
    coat = rng.integers(0, 256, (24, 14, 3))
    info = SequenceInfo("film", SIZE, Fraction(25), length)
    for n in range(length):
        picture = wall.copy()
        if where(n) is not None:
            box = picture[20:44, where(n) : where(n) + 14]
            box[:] = coat if contrast is None else box + contrast
        picture += rng.normal(0, 2, picture.shape)
        image = np.clip(picture, 0, 255).astype(np.uint8)
        yield Frame(image, n, n / 25, info)


def test_a_record_is_heeded_so_many_frames_later_and_once():
    told = Told(2)
    first, second = places(2), places(3)
    told.send(first)
    told.send(second)
    assert told.take(0) is None
    assert told.take(1) is None
    assert told.take(2) is first
    assert told.take(3) is second


def test_who_asks_too_early_waits_until_it_is_said():
    told, got = Told(1), []
    waiting = threading.Thread(target=lambda: got.append(told.take(1)))
    waiting.start()
    said = places()
    told.send(said)
    waiting.join(10)
    assert got == [said]


def test_nobody_waits_for_what_is_closed():
    told, got = Told(1), []
    waiting = threading.Thread(target=lambda: got.append(told.take(5)))
    waiting.start()
    told.close()
    waiting.join(10)
    assert got == [None]


def test_a_lag_of_nothing_is_refused():
    with pytest.raises(ValueError, match="lag is 0 frames, wanted at least 1"):
        Told(0)


def test_a_record_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        places().sensitivity[0, 0] = 2


def test_faint_things_are_found_where_objects_are_expected_and_nowhere_else():
    def marked(sensitivity):
        subtractor = PosteriorSubtractor(quality="fast")
        count = 0
        for frame in film(40, lambda n: 30 if n > 34 else None, contrast=7):
            count = heed(subtractor, subtractor.apply, frame.image, places(sensitivity)).sum()
            assert subtractor.sensitivity is None
        return int(count)

    assert marked(0.5) <= marked(1) < marked(3)


def test_ones_own_sensitivity_counts_as_well_and_stays():
    own = np.full(SIZE, 2.0, np.float32)
    subtractor = PosteriorSubtractor(sensitivity=own)
    plain = PosteriorSubtractor(sensitivity=3 * own)
    for frame in film(30, lambda n: n + 5 if n > 10 else None, contrast=10):
        mask = heed(subtractor, subtractor.apply, frame.image, places(3.0))
        np.testing.assert_array_equal(mask, plain.apply(frame.image))
        np.testing.assert_array_equal(subtractor.sensitivity, own)


def stop_at(n):
    """Comes in from the left, and stands from frame 90 on."""
    return None if n < 40 else min(2 + (n - 40), 40)


def joined(length=700, **how):
    frames = film(length, stop_at)
    subtractor = PosteriorSubtractor(quality="fast")  # which lets go of what stands by itself
    return pipeline.joint(frames, subtractor, MovingLayers(), TrackNamer(25.0), **how)


def test_who_stands_does_not_become_background():
    def share(frames):
        last = list(frames)[-1]
        return last.foreground[20:44, 40:54].mean()

    frames = pipeline.clean(
        pipeline.subtract(film(700, stop_at), PosteriorSubtractor(quality="fast"))
    )
    alone = share(frames)
    together = share(joined())
    assert together > 0.9
    assert alone < together - 0.3


def test_what_never_moves_is_still_learned():
    """A box that appears and stays has never moved: it is no object, and becomes background."""
    frames = film(1200, lambda n: 30 if n > 30 else None)
    subtractor = PosteriorSubtractor(quality="fast")
    joint = pipeline.joint(frames, subtractor, MovingLayers(), TrackNamer(25.0))
    assert list(joint)[-1].foreground.mean() < 0.02


def test_threads_change_nothing():
    plain = [(frame.foreground, frame.labels) for frame in joined(160, delay=5)]
    told = Told()
    frames = pipeline.subtract(
        pipeline.read_ahead(film(160, stop_at)), PosteriorSubtractor(quality="fast"), told=told
    )
    frames = pipeline.read_ahead(pipeline.clean(pipeline.read_ahead(frames, 2)), 3)
    grouper = MovingLayers()
    frames = pipeline.decide(
        pipeline.group(frames, grouper), TrackNamer(25.0), delay=5, told=told, grouper=grouper
    )
    found = list(pipeline.read_ahead(frames))
    assert len(found) == len(plain)
    for (foreground, labels), frame in zip(plain, found, strict=True):
        np.testing.assert_array_equal(foreground, frame.foreground)
        np.testing.assert_array_equal(labels, frame.labels)


def test_a_chain_in_threads_that_is_left_early_ends():
    before = threading.active_count()
    told, grouper = Told(), MovingLayers()
    frames = pipeline.subtract(film(500, stop_at), PosteriorSubtractor(), told=told)
    frames = pipeline.group(pipeline.read_ahead(pipeline.read_ahead(frames)), grouper)
    frames = pipeline.decide(frames, TrackNamer(25.0), told=told, grouper=grouper)
    next(frames)
    frames.close()
    assert threading.active_count() == before


def test_joint_without_a_namer_gives_the_groupers_labels():
    found = list(pipeline.joint(film(60, stop_at), PosteriorSubtractor(), MovingLayers()))
    assert len(found) == 60
    assert found[-1].labels.max() == 1


@pytest.mark.parametrize(
    ("subtractor", "grouper", "wanted"),
    [
        (OpenCVSubtractor, MovingLayers, "OpenCVSubtractor has no sensitivity"),
        (PosteriorSubtractor, ConnectedComponents, "ConnectedComponents has no places"),
    ],
)
def test_who_can_have_no_part_in_it_is_named(subtractor, grouper, wanted):
    with pytest.raises(TypeError, match=wanted):
        pipeline.joint(film(3, stop_at), subtractor(), grouper())


def test_pixels_outside_the_region_stay_out():
    region = np.zeros(SIZE, bool)
    region[:, :40] = True
    frames = (replace(frame, region=region) for frame in film(120, stop_at))
    for frame in pipeline.joint(frames, PosteriorSubtractor(), MovingLayers()):
        assert not frame.foreground[:, 40:].any()


def test_the_command_line_does_what_joint_does(tmp_path):
    import cv2

    import segment
    from segment.grouping import NeuralGrouper

    pictures = tmp_path / "film"
    pictures.mkdir()
    frames = list(film(130, lambda n: None if n < 20 else n // 2))
    for frame in frames:
        cv2.imwrite(str(pictures / f"{frame.index:06}.png"), frame.image[:, :, ::-1])
    out = tmp_path / "out"
    segment.run(
        f"read {pictures} subtract clean group --feedback export {out} --as labels --as masks"
    )
    wanted = pipeline.joint(
        iter(frames), PosteriorSubtractor(), NeuralGrouper(), TrackNamer(25.0), delay=20
    )
    for frame in wanted:
        name = f"{frame.index:06}.png"
        labels = cv2.imread(str(out / "film/labels" / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(labels, frame.labels)
        mask = cv2.imread(str(out / "film/masks" / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask > 0, frame.foreground)
    assert labels.any()
