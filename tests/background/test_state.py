"""State files: the restored subtractor goes on bit for bit, and no file does harm."""

import copy
import inspect
import pickle
from typing import NamedTuple

import numpy as np
import pytest

from segment import background
from segment.background import (
    GaussianMixtureSubtractor,
    saved,
)
from segment.errors import BadState
from tests.background.kept import (
    CLASSES,
    KINDS,
    arrays_of,
    assert_equal,
    assert_goes_on_alike,
    every,
    film,
    mixtures,
    taught,
)


@every
@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_a_restored_subtractor_goes_on_bit_for_bit(cls, dtype, channels, tmp_path):
    images = film(dtype, channels)
    subtractor = taught(cls, images[:14])
    subtractor.save(tmp_path / "state")
    restored = cls.load(tmp_path / "state")
    assert restored.image_shape == images.shape[1:]
    assert restored.image_dtype == dtype
    assert_equal(subtractor, restored)
    assert subtractor.apply(images[14]).any()
    restored.apply(images[14])
    assert_goes_on_alike(subtractor, restored, images[15:])


@every
@pytest.mark.parametrize(
    "again",
    [
        lambda subtractor: subtractor.copy(),
        copy.copy,
        copy.deepcopy,
        lambda subtractor: pickle.loads(pickle.dumps(subtractor)),
    ],
    ids=["copy", "copy.copy", "deepcopy", "pickle"],
)
def test_a_copy_goes_on_and_shares_nothing(cls, again):
    images = film()
    subtractor = taught(cls, images[:12])
    one, two = again(subtractor), again(subtractor)
    taught_more = [one.apply(image) for image in images[12:]]
    assert_equal(subtractor, two)  # what one learned, nobody else did
    np.testing.assert_array_equal([subtractor.apply(image) for image in images[12:]], taught_more)
    assert_equal(subtractor, one)


@every
def test_the_first_frames_and_none_at_all_can_be_kept(cls, tmp_path):
    images = film()
    for seen in range(3):
        subtractor = taught(cls, images[:seen])
        subtractor.save(tmp_path / "state")
        restored = cls.load(tmp_path / "state")
        assert restored.image_shape == (images.shape[1:] if seen else None)
        assert_goes_on_alike(subtractor, restored, images[seen:8])


@mixtures
def test_parameters_are_kept_and_may_be_changed_afterwards(cls, tmp_path):
    images = film()
    subtractor = taught(cls, images[:9], history=77, threshold=11.5, components=3, threads=1)
    subtractor.history = 88
    subtractor.save(tmp_path / "state")
    restored = cls.load(tmp_path / "state")
    assert (restored.history, restored.threshold) == (88, 11.5)
    assert (restored.components, restored.threads) == (3, 1)
    for one in (subtractor, restored):
        one.threshold = 30.0
    assert_goes_on_alike(subtractor, restored, images[9:])


def test_the_type_of_the_mixtures_state_is_kept(tmp_path):
    images = film()
    subtractor = taught(GaussianMixtureSubtractor, images[:9], dtype=np.float64)
    subtractor.save(tmp_path / "state")
    restored = GaussianMixtureSubtractor.load(tmp_path / "state")
    assert restored.dtype == np.float64
    assert_goes_on_alike(subtractor, restored, images[9:])


@every
def test_region_sensitivity_and_the_rest_are_kept(cls, tmp_path):
    images = film()
    subtractor = cls()
    subtractor.region = np.tri(*images.shape[1:3], dtype=bool)
    subtractor.sensitivity = np.linspace(0.5, 2, images[0, :, :, 0].size).reshape(
        subtractor.region.shape
    )
    subtractor.invalid = "unknown"
    for image in images[:9]:
        subtractor.apply(image)
    subtractor.save(tmp_path / "state")
    restored = cls.load(tmp_path / "state")
    assert restored.invalid == "unknown"
    np.testing.assert_array_equal(restored.region, subtractor.region)
    np.testing.assert_array_equal(restored.sensitivity, subtractor.sensitivity)
    assert_goes_on_alike(subtractor, restored, images[9:])


class Watch(NamedTuple):
    waiting: int = -1
    covered: tuple[float, ...] = ()


class Odd(GaussianMixtureSubtractor):
    """Keeps what ours may come to keep."""

    def _begin(self, image):
        super()._begin(image)
        self.watch = Watch()
        self.level = 0.0
        self.single = np.float32(0)
        self.last = None
        self.mode = "calm"
        self.kind = np.dtype(np.uint8)


def test_numbers_of_every_kind_are_kept(tmp_path):
    subtractor = taught(Odd, film()[:3])
    kept = {
        "watch": Watch(3, (0.1, 2 / 3)),
        "level": float("inf"),
        "single": np.float32(0.1),
        "last": (1, None, (True, "x", np.int16(-4))),
        "mode": "wild",
        "kind": np.dtype(np.float64),
    }
    for name, value in kept.items():
        setattr(subtractor, name, value)
    subtractor.save(tmp_path / "state")
    for other in (Odd.load(tmp_path / "state"), pickle.loads(pickle.dumps(subtractor))):
        for name, value in kept.items():
            assert getattr(other, name) == value
            assert type(getattr(other, name)) is type(value)
        assert other.last[2][2].dtype == np.int16
    for name, wrong in (("watch", (1, 2)), ("watch", (1,)), ("mode", 3), ("level", "x")):
        setattr(subtractor, name, wrong)
        subtractor.save(tmp_path / "wrong")
        with pytest.raises(BadState, match="wanted a"):
            Odd.load(tmp_path / "wrong")
        setattr(subtractor, name, kept[name])
    subtractor.last = object()
    with pytest.raises(TypeError, match="last is a object"):
        subtractor.save(tmp_path / "state")
    assert Odd.load(tmp_path / "state").mode == "wild"  # what was there is still there


@mixtures
def test_what_is_told_of_the_last_frame_is_kept(cls, tmp_path):
    asked = {"keep_posterior": True, "detect_shadows": True}
    taken = inspect.signature(cls).parameters
    subtractor = taught(cls, film()[:9], **{name: asked[name] for name in asked if name in taken})
    subtractor.save(tmp_path / "state")
    for restored in (cls.load(tmp_path / "state"), subtractor.copy()):
        assert subtractor.posterior().any()
        for name in ("posterior", "shadows", "spread", "background"):
            np.testing.assert_array_equal(getattr(restored, name)(), getattr(subtractor, name)())


@every
def test_views_stay_views(cls, tmp_path):
    """What a kernel writes into one array must be seen through the other."""
    subtractor = taught(cls, film()[:3])
    subtractor.save(tmp_path / "state")
    for other in (cls.load(tmp_path / "state"), subtractor.copy()):
        ours, theirs = arrays_of(subtractor), arrays_of(other)
        for one in ours:
            for two in ours:
                assert np.shares_memory(theirs[one], theirs[two]) == (
                    np.shares_memory(ours[one], ours[two])
                ), (one, two)
                assert not np.shares_memory(theirs[one], ours[two])


@every
def test_another_size_is_refused_by_the_first_frame(cls, tmp_path):
    path = tmp_path / "state"
    taught(cls, film()[:3]).save(path)
    restored = cls.load(path)
    with pytest.raises(ValueError, match=r"\(9, 13, 3\).*\(33, 47, 3\)"):
        restored.apply(np.zeros((9, 13, 3), np.uint8))


def test_all_that_learns_by_our_own_loops_can_be_kept():
    ours = [getattr(background, name) for name in background.__all__]
    assert {cls for cls in ours if issubclass(cls, saved.Saved)} == set(CLASSES)
