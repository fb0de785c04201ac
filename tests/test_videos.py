"""The sample clips: picture, truth and ids agree, and the script draws them again."""

import importlib
import sys
from pathlib import Path

import av
import numpy as np
import pytest

VIDEOS = Path(__file__).parents[1] / "videos"
NAMES = sorted(path.stem for path in VIDEOS.glob("*.mp4"))
MOST_BYTES = 4_000_000


@pytest.fixture(scope="module")
def scenes():
    """The scenes by name; `videos` is no package, so that the wheel claims no such name."""
    sys.path.insert(0, str(VIDEOS))
    try:
        yield importlib.import_module("draw").SCENES
    finally:
        sys.path.remove(str(VIDEOS))


def read(path, pixels):
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format=pixels)


def planes(name):
    """Truth and ids of every frame, each (H, W)."""
    return zip(
        read(VIDEOS / f"{name}.truth.mkv", "gray"),
        read(VIDEOS / f"{name}.ids.mkv", "gray"),
        strict=True,
    )


def test_every_scene_has_its_clip_and_no_clip_is_orphaned(scenes):
    assert sorted(scenes) == NAMES


def test_all_clips_fit_into_git():
    sizes = {path.name: path.stat().st_size for path in VIDEOS.glob("*.m*") if path.suffix != ".md"}
    assert len(sizes) == 3 * len(NAMES)
    assert sum(sizes.values()) < MOST_BYTES, sizes


@pytest.mark.parametrize("name", NAMES)
def test_the_three_files_are_of_one_size_and_length(name, scenes):
    scene = scenes[name]
    pictures = [image.shape[:2] for image in read(VIDEOS / f"{name}.mp4", "rgb24")]
    truths = [(truth.shape, ids.shape) for truth, ids in planes(name)]
    assert pictures == [scene.size] * scene.length
    assert truths == [(scene.size, scene.size)] * scene.length


@pytest.mark.parametrize("name", NAMES)
def test_truth_and_ids_say_the_same(name):
    born, most = set(), 0
    for t, (truth, ids) in enumerate(planes(name)):
        assert set(np.unique(truth)) <= {0, 50, 170, 255}
        # A pixel that an object covers whole has its id; one that it covers in part has it
        # from a half on; nothing else has one.
        assert (ids[truth == 255] > 0).all()
        assert np.isin(truth[ids > 0], (170, 255)).all()
        here = set(np.unique(ids).tolist()) - {0}
        most = max(most, len(here))
        born |= here
        if t < 20:
            assert not here, "a clip begins empty, so that a background can be learned"
    assert born == set(range(1, len(born) + 1))
    assert len(born) >= 4
    assert most >= 3


@pytest.mark.parametrize("name", NAMES)
def test_objects_move_on_and_do_not_jump(name):
    """An id is one object: its visible part never lies far from where it was a frame ago."""
    before = {}
    for t, (_, ids) in enumerate(planes(name)):
        for ident in np.unique(ids[ids > 0]).tolist():
            x = np.nonzero(ids == ident)[1]
            if ident in before and before[ident][0] == t - 1:
                _, left, right = before[ident]
                assert x.min() <= right + 12
                assert x.max() >= left - 12
            before[ident] = (t, x.min(), x.max())


@pytest.mark.parametrize("name", NAMES)
def test_frames_drawn_again_are_the_frames_in_the_files(name, scenes):
    scene = scenes[name]()
    chosen = (0, 60, scene.length - 40)
    pictures = read(VIDEOS / f"{name}.mp4", "rgb24")
    for t, (clip, (truth, ids)) in enumerate(zip(pictures, planes(name), strict=True)):
        if t not in chosen:
            continue
        picture, our_truth, our_ids = scene.frame(t)
        np.testing.assert_array_equal(our_truth, truth)
        np.testing.assert_array_equal(our_ids, ids)
        error = np.mean((picture.astype(float) - clip) ** 2)
        # H.264 at this size takes most of the sensor noise away, and little else.
        assert 10 * np.log10(255**2 / error) > 28


def test_a_frame_depends_on_its_number_alone(scenes):
    name = NAMES[0]
    first, second = scenes[name](), scenes[name]()
    first.frame(90)
    for ours, theirs in zip(first.frame(100), second.frame(100), strict=True):
        np.testing.assert_array_equal(ours, theirs)
