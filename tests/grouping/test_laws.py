"""What holds of objects whatever is seen: known numbers, arenas, delay, and runs that go on."""

from fractions import Fraction

import numpy as np
import pytest

import segment
from segment import pipeline
from segment.background import PosteriorSubtractor
from segment.frame import Frame, SequenceInfo
from segment.grouping import MovingLayers
from segment.grouping.tracks.naming import TrackNamer
from tests.conftest import moving_square, write_video

SIZE = (48, 80)
RATE = 10


def frames_of(pictures):
    """Frames of labels (H, W) int32, on a picture that is all of one grey."""
    info = SequenceInfo("drawn", SIZE, Fraction(RATE))
    image = np.full((*SIZE, 3), 90, np.uint8)
    for t, labels in enumerate(pictures):
        yield Frame(image, t, t / RATE, info, foreground=labels > 0, labels=labels)


def herd(seed, length=120, animals=3):
    """What a bad grouper makes of some animals that run about: (T, H, W) int32.

    It loses them for some frames and takes them for others then, cuts off parts of them with ids
    of their own, lets two that touch be one, and sees things where nothing is.
    """
    rng = np.random.default_rng(seed)
    place = rng.uniform((4, 4), (SIZE[0] - 12, SIZE[1] - 16), (animals, 2))
    pace = rng.uniform(-2.5, 2.5, (animals, 2))
    ids = list(range(1, animals + 1))
    given = animals
    found = np.zeros((length, *SIZE), np.int32)
    for t in range(length):
        for k in range(animals):
            place[k] += pace[k]
            for axis, most in enumerate((SIZE[0] - 9, SIZE[1] - 13)):
                if not 1 <= place[k, axis] <= most:
                    pace[k, axis] *= -1
                    place[k, axis] = np.clip(place[k, axis], 1, most)
            if rng.random() < 0.04:
                given += 1
                ids[k] = given
            if rng.random() < 0.1:
                continue
            y, x = np.rint(place[k]).astype(int)
            found[t, y : y + 8, x : x + 12] = ids[k]
            if rng.random() < 0.2:
                given += 1
                found[t, y : y + 3, x : x + 4] = given
        if rng.random() < 0.3:
            given += 1
            y, x = rng.integers(0, 40), rng.integers(0, 70)
            found[t, y : y + 4, x : x + 5] = given
    return found


def ids_of(frames):
    return {int(number) for frame in frames for number in np.unique(frame.labels)} - {0}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_known_animals_never_become_more(number):
    for seed in range(6):
        frames = frames_of(herd(seed))
        found = list(pipeline.decide(frames, TrackNamer(RATE, number=number), delay=8))
        assert ids_of(found) <= set(range(1, number + 1)), seed
        assert len(ids_of(found)) == number, seed


def test_an_id_never_leaves_its_arena_and_each_has_its_number():
    arenas = np.zeros(SIZE, np.int32)
    arenas[2:46, 2:38], arenas[2:46, 42:78] = 1, 2
    for seed in range(6):
        namer = TrackNamer(RATE, number=2, arenas=arenas)
        homes = {}
        for frame in pipeline.decide(frames_of(herd(seed, animals=4)), namer, delay=8):
            for number in np.unique(frame.labels[frame.labels > 0]).tolist():
                inside = np.bincount(arenas[frame.labels == number], minlength=3)
                assert inside.argmax() > 0
                homes.setdefault(number, set()).add(int(inside.argmax()))
        assert all(len(arena) == 1 for arena in homes.values()), seed
        per = [sum(arena == {k} for arena in homes.values()) for k in (1, 2)]
        assert max(per) <= 2


@pytest.mark.parametrize("delay", [0, 3, 8])
def test_a_delay_knows_so_many_frames_and_no_more(delay):
    """A frame's ids are those of a run that ends as many frames later."""
    pictures = herd(4, length=60)
    whole = list(pipeline.decide(frames_of(pictures), TrackNamer(RATE), delay=delay))
    assert ids_of(whole)
    for t in range(0, 60 - delay, 7):
        part = frames_of(pictures[: t + delay + 1])
        for frame in pipeline.decide(part, TrackNamer(RATE), delay=delay):
            if frame.index == t:
                np.testing.assert_array_equal(frame.labels, whole[t].labels)


def test_a_still_scene_that_flutters_for_long_has_no_object():
    """A tape in the wind and a lamp that flickers, 2,000 frames, from pixels to ids."""
    rng = np.random.default_rng(2)
    ground = rng.uniform(80, 120, (40, 64, 1)) + np.zeros(3)
    info = SequenceInfo("still", (40, 64), Fraction(25))

    def film():
        for t in range(2000):
            picture = ground + rng.normal(0, 2, ground.shape)
            gust = t % 90 > 72 + 10 * np.sin(t / 400)
            y = 18 + gust * round(3 * np.sin(t / 2) + rng.normal(0, 0.7))
            x = 20 + gust * rng.integers(-3, 4)
            picture[y : y + 5, x : x + 24] = (210, 190, 60)
            if t % 170 < 40 and rng.random() < 0.5:
                picture[4:9, 50:56] = 240
            yield Frame(picture.clip(0, 255).astype(np.uint8), t, t / 25, info)

    masks = pipeline.clean(pipeline.subtract(film(), PosteriorSubtractor()))
    lit = 0

    def counted():
        nonlocal lit
        for frame in masks:
            lit += bool(frame.foreground.any())
            yield frame

    objects = pipeline.decide(pipeline.group(counted(), MovingLayers()), TrackNamer(25.0), delay=20)
    assert ids_of(objects) == set()
    assert lit > 200  # there was something to be mistaken about


@pytest.mark.parametrize("how", ["", " --feedback"], ids=["plain", "feedback"])
def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(tmp_path, how):
    images, _ = moving_square(60, (60, 140), 14)
    clip = write_video(tmp_path / "clip.mkv", images)
    chain = f"read {clip} subtract clean group{how} export"
    formats = "--as labels --as mot --as masks"

    def stop(name, done, expected):
        if done == 31:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment.run(f"{chain} {tmp_path / 'out'} {formats}", progress=stop)
    assert not (tmp_path / "out/clip/mot.txt").exists()
    segment.run(f"{chain} {tmp_path / 'out'} {formats} --resume")
    segment.run(f"{chain} {tmp_path / 'whole'} {formats}")
    whole = tmp_path / "whole/clip"
    assert (whole / "mot.txt").read_text().count("\n") > 20
    for path in sorted(whole.rglob("*")):
        if path.is_file() and path.name != "run.json":
            twin = tmp_path / "out/clip" / path.relative_to(whole)
            assert path.read_bytes() == twin.read_bytes(), path
