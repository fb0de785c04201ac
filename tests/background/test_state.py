"""State files: the restored subtractor goes on bit for bit, and no file does harm."""

import copy
import inspect
import json
import os
import pickle
import struct
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from segment import background
from segment.background import (
    GaussianMixtureSubtractor,
    PosteriorSubtractor,
    saved,
    statefile,
)
from segment.errors import BadState, OutputError
from tests.conftest import moving_square

MIXTURES = (GaussianMixtureSubtractor, PosteriorSubtractor)
CLASSES = MIXTURES
every = pytest.mark.parametrize("cls", CLASSES)
# By names that only mixtures have; test_learned.py asks the same of the learned E-step.
mixtures = pytest.mark.parametrize("cls", MIXTURES)


# Each kind of image has its own loops, and compiling them takes its time.
KINDS = [(np.uint8, 1), (np.uint8, 3), (np.uint16, 3), (np.float32, 3), (np.float64, 1)]


def film(dtype=np.uint8, channels=3, length=24, size=(33, 47)):
    """A moving square on a noisy ground, its channels repeated or left out."""
    images, _ = moving_square(length, size, seed=7)
    images = np.ascontiguousarray(
        np.resize(images.transpose(3, 0, 1, 2), (channels, *images.shape[:3])).transpose(1, 2, 3, 0)
    )
    if np.dtype(dtype).kind == "f":
        return (images / 255).astype(dtype)
    return images.astype(dtype) * dtype(np.iinfo(dtype).max // 255)


def taught(cls, images, **parameters):
    subtractor = cls(**parameters)
    for image in images:
        subtractor.apply(image)
    return subtractor


def all_of(subtractor):
    """All that is no scratch: parameters, and what was learned, of records too."""
    taken = subtractor.__getstate__()
    return {"picture": taken["picture"], **taken["parameters"], **taken["values"]}


def arrays_of(subtractor):
    """All its arrays, views and those in records too."""
    values = {}
    for name, value in vars(subtractor).items():
        if name not in type(subtractor)._SCRATCH:
            saved._flatten(name, value, values)
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def assert_equal(one, other):
    ours, theirs = all_of(one), all_of(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert type(theirs[name]) is type(value), name
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(theirs[name], value, err_msg=name)
        else:
            assert theirs[name] == value, name


def assert_goes_on_alike(one, other, images):
    """Masks, background and all that is known stay equal to the last bit."""
    for image in images:
        mask = one.apply(image)
        np.testing.assert_array_equal(other.apply(image), mask)
    np.testing.assert_array_equal(other.background(), one.background())
    assert_equal(one, other)


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
        self._watch = Watch()
        self._level = 0.0
        self._single = np.float32(0)
        self._last = None
        self._mode = "calm"
        self._kind = np.dtype(np.uint8)


def test_numbers_of_every_kind_are_kept(tmp_path):
    subtractor = taught(Odd, film()[:3])
    kept = {
        "_watch": Watch(3, (0.1, 2 / 3)),
        "_level": float("inf"),
        "_single": np.float32(0.1),
        "_last": (1, None, (True, "x", np.int16(-4))),
        "_mode": "wild",
        "_kind": np.dtype(np.float64),
    }
    for name, value in kept.items():
        setattr(subtractor, name, value)
    subtractor.save(tmp_path / "state")
    for other in (Odd.load(tmp_path / "state"), pickle.loads(pickle.dumps(subtractor))):
        for name, value in kept.items():
            assert getattr(other, name) == value
            assert type(getattr(other, name)) is type(value)
        assert other._last[2][2].dtype == np.int16
    for name, wrong in (("_watch", (1, 2)), ("_watch", (1,)), ("_mode", 3), ("_level", "x")):
        setattr(subtractor, name, wrong)
        subtractor.save(tmp_path / "wrong")
        with pytest.raises(BadState, match="wanted a"):
            Odd.load(tmp_path / "wrong")
        setattr(subtractor, name, kept[name])
    subtractor._last = object()
    with pytest.raises(TypeError, match="_last is a object"):
        subtractor.save(tmp_path / "state")
    assert Odd.load(tmp_path / "state")._mode == "wild"  # what was there is still there


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


# --- files ----------------------------------------------------------------------------------


@mixtures
def test_a_file_says_what_it_is(cls, tmp_path):
    path = tmp_path / "state"
    taught(cls, film()[:3], history=123).save(path)
    header = path.read_bytes()[8 : 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]]
    told = json.loads(header)["__metadata__"]
    assert told["format"] == "segment subtractor"
    assert told["version"] == "1"
    assert told["class"] == cls.__name__
    assert told["library"] == __import__("segment").__version__
    assert json.loads(told["picture"]) == {"shape": [33, 47, 3], "dtype": "uint8"}
    assert json.loads(told["parameters"])["history"] == 123


@every
def test_a_file_is_replaced_as_a_whole_or_not_at_all(cls, tmp_path, monkeypatch):
    path = tmp_path / "state"
    subtractor = taught(cls, film()[:3])
    subtractor.save(path)
    before = path.read_bytes()
    subtractor.apply(film()[3])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="state cannot be written: no space left"):
            subtractor.save(path)
    assert path.read_bytes() == before
    subtractor.save(path)
    assert path.read_bytes() != before
    assert os.listdir(tmp_path) == ["state"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere/state cannot be written"):
        PosteriorSubtractor().save(tmp_path / "nowhere" / "state")


@every
def test_what_is_no_state_gets_one_line(cls, tmp_path):
    path = tmp_path / "it"
    other = next(one for one in CLASSES if one is not cls)
    taught(other, film()[:3]).save(tmp_path / "other")
    save_file({"weight": np.zeros((3, 4))}, tmp_path / "foreign")
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200)
    for content, words in (
        (None, "cannot be read: no such file"),
        (b"", "is empty"),
        (b"x", "is damaged, or no state"),
        (png, "is damaged, or no state"),
        (bytes(1000), "is damaged, or no state"),
        ((tmp_path / "foreign").read_bytes(), "not the state of a subtractor"),
        (
            (tmp_path / "other").read_bytes(),
            f"a {other.__name__}, not of a {cls.__name__}; load .* {other.__name__}.load",
        ),
    ):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BadState, match=words) as caught:
            cls.load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(BadState, match="cannot be read"):
        cls.load(tmp_path)


def rewritten(path, *, sign=True, metadata=(), arrays=()):
    """Change a state file by hand, and sign it anew unless told otherwise."""
    with state_of(path) as (told, kept):
        for name, value in dict(metadata).items():
            told[name] = value
        for name, change in dict(arrays).items():
            changed = change(kept[name]) if name in kept else change(None)
            if changed is None:
                del kept[name]
            else:
                kept[name] = changed
        if sign:
            told["checksum"] = statefile._checksum(told, kept)
        save_file(kept, path, told)


class state_of:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        content = self.path.read_bytes()
        header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
        return header["__metadata__"], load_file(self.path)

    def __exit__(self, *_):
        pass


def test_other_versions_are_named(tmp_path):
    path = tmp_path / "state"
    taught(PosteriorSubtractor, film()[:3]).save(path)
    whole = path.read_bytes()
    for metadata, words in (
        ({"version": "2", "library": "9.9"}, r"newer segment \(9.9, format 2\).*reads format 1"),
        ({"revision": "0", "library": "0.0.1"}, "segment 0.0.1, whose PosteriorSubtractor kept"),
        ({"format": "something"}, "not the state of a subtractor"),
    ):
        path.write_bytes(whole)
        rewritten(path, metadata=metadata)
        with pytest.raises(BadState, match=words):
            PosteriorSubtractor.load(path)


@pytest.mark.parametrize("channels", [1, 3])
def test_variances_of_earlier_states_were_sums_over_the_channels(channels, tmp_path):
    path, images = tmp_path / "state", film(channels=channels)
    taught(PosteriorSubtractor, images[:5], largest_variance=60 / channels).save(path)
    with state_of(path) as (told, _):
        parameters = json.loads(told["parameters"])
    parameters |= {"smallest_variance": 6.0, "initial_variance": 7.0, "largest_variance": 60.0}
    rewritten(path, metadata={"parameters": json.dumps(parameters), "revision": "7"})
    old, new = PosteriorSubtractor.load(path), PosteriorSubtractor(largest_variance=60 / channels)
    assert (old.smallest_variance, old.initial_variance) == (None, None)
    assert old.largest_variance == 60 / channels
    masks = [new.apply(image) for image in images]
    for image, mask in zip(images[5:], masks[5:], strict=True):
        np.testing.assert_array_equal(old.apply(image), mask)


@every
def test_a_checksum_guards_numbers_and_arrays(cls, tmp_path):
    path = tmp_path / "state"
    taught(cls, film()[:3]).save(path)
    whole = path.read_bytes()
    rewritten(path, sign=False)
    cls.load(path)  # the tool by itself changes nothing
    with state_of(path) as (told, kept):
        names = [*kept]
    for name in names:
        path.write_bytes(whole)
        rewritten(path, sign=False, arrays={name: lambda array: array + array.dtype.type(1)})
        with pytest.raises(BadState, match="is damaged"):
            cls.load(path)
    for name in set(told) - {"format"}:
        path.write_bytes(whole)
        rewritten(path, sign=False, metadata={name: told[name] + " "})
        with pytest.raises(BadState, match="is damaged"):
            cls.load(path)


PICTURE = '{{"shape": {}, "dtype": "{}"}}'


@every
@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"picture": PICTURE.format([33, 46, 3], "uint8")}, "wanted|at once"),
        ({"picture": PICTURE.format([33, 47, 1], "uint8")}, "wanted"),
        ({"picture": PICTURE.format([10**6, 10**6, 3], "uint8")}, "for which it is too small"),
        ({"picture": PICTURE.format([33, 47, 10**9], "uint8")}, "for which it is too small"),
        ({"picture": PICTURE.format([33, -47, 3], "uint8")}, "-47"),
        ({"picture": PICTURE.format([33, 47], "uint8")}, "unpack"),
        ({"picture": PICTURE.format([33, 47, 3], "int32")}, "int32"),
        ({"picture": "null"}, "unknown"),
        ({"picture": "{"}, "sound state"),
        ({"picture": "[" * 100000}, "sound state"),
        ({"parameters": "{}"}, "lacks"),
        ({"parameters": "[]"}, "sound state"),
        ({"numbers": "{}"}, "lacks"),
        ({"numbers": '{"_shape": {"object": 1}}'}, "object"),
        ({"numbers": '{"_shape": {"tuple": 1}}'}, "sound state"),
    ],
)
def test_what_does_not_fit_together_is_refused_though_signed(cls, metadata, words, tmp_path):
    path = tmp_path / "state"
    taught(cls, film()[:3]).save(path)
    rewritten(path, metadata=metadata)
    with pytest.raises(BadState, match=words):
        cls.load(path)


@mixtures
def test_wrong_parameters_and_numbers_are_refused_though_signed(cls, tmp_path):
    path = tmp_path / "state"
    taught(cls, film()[:3]).save(path)
    whole = path.read_bytes()
    with state_of(path) as (told, _):
        parameters, numbers = json.loads(told["parameters"]), json.loads(told["numbers"])
    for change, words in (
        ({"history": -1}, "history is -1"),
        ({"history": "long"}, "state"),
        ({"components": 3}, "wanted"),
        ({"components": 255}, "wanted"),
        ({"extra": 1}, "unknown extra"),
    ):
        path.write_bytes(whole)
        rewritten(path, metadata={"parameters": json.dumps({**parameters, **change})})
        with pytest.raises(BadState, match=words):
            cls.load(path)
    learned = next(name for name in numbers if name.endswith("learned"))
    shapes = [name for name in numbers if name.endswith("shape")]
    for change, words in (
        ({learned: "3"}, f"{learned} is '3', wanted a int"),
        ({learned: {"tuple": [3]}}, learned),
        *(({shape: {"tuple": [66, 47, 3]}}, "66") for shape in shapes),
        ({"apply": 1}, "unknown apply"),
    ):
        path.write_bytes(whole)
        rewritten(path, metadata={"numbers": json.dumps({**numbers, **change})})
        with pytest.raises(BadState, match=words):
            cls.load(path)


@every
def test_arrays_of_another_form_are_refused_though_signed(cls, tmp_path):
    path = tmp_path / "state"
    taught(cls, film()[:3]).save(path)
    whole = path.read_bytes()
    with state_of(path) as (_, kept):
        pass
    for name, array in kept.items():
        for change, words in (
            (lambda a: a.reshape(-1)[:-1].copy(), rf"{name} is {array.dtype} \("),
            (lambda a: np.zeros(1, a.dtype), rf"{name} is {array.dtype} \(1,\)"),
            (lambda a: a.astype(np.float16), f"{name} is float16"),
            (lambda a: None, f"lacks {name}"),
        ):
            path.write_bytes(whole)
            rewritten(path, arrays={name: change})
            with pytest.raises(BadState, match=words):
                cls.load(path)
    path.write_bytes(whole)
    rewritten(path, arrays={"more": lambda _: np.zeros(3)})
    with pytest.raises(BadState, match="unknown more"):
        cls.load(path)


@mixtures
def test_more_modes_than_there_is_room_for_are_refused_though_signed(cls, tmp_path):
    """A compiled loop believes the count, and would read behind its arrays."""
    path = tmp_path / "state"
    taught(cls, film()[:3]).save(path)
    whole = path.read_bytes()
    count = "_count" if cls is GaussianMixtureSubtractor else "_state.modes.alive"
    for wrong in (0, 200):
        path.write_bytes(whole)
        rewritten(path, arrays={count: lambda a, wrong=wrong: np.full_like(a, wrong)})
        with pytest.raises(BadState, match=f"{wrong}"):
            cls.load(path)


def mutated(rng, content):
    """The file with one accident: bits, bytes, stretches; half of them near its beginning."""
    content = bytearray(content)
    reach = 4000 if rng.random() < 0.5 else len(content)
    place = int(rng.integers(0, min(reach, len(content))))
    many = int(rng.integers(1, 400))
    match rng.integers(0, 7):
        case 0:
            content[place] ^= 1 << int(rng.integers(0, 8))
        case 1:
            content[place : place + many] = bytes(many)
        case 2:
            del content[place:]
        case 3:
            del content[place : place + many]
        case 4:
            content[place:place] = rng.bytes(many)
        case 5:
            content[place : place + many] = rng.bytes(many)
        case 6:
            other = int(rng.integers(0, len(content)))
            content[place : place + many] = content[other : other + many]
    return bytes(content)


@every
def test_accidents_are_noticed_or_do_no_harm(cls, tmp_path):
    path = tmp_path / "state"
    images = film(size=(9, 13), length=12)
    taught(cls, images[:6]).save(path)
    whole = path.read_bytes()
    expected = [mask.tobytes() for mask in map(cls.load(path).apply, images[6:])]
    rng = np.random.default_rng(4)
    refused = 0
    for _ in range(150):
        path.write_bytes(mutated(rng, whole))
        try:
            restored = cls.load(path)
        except BadState as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017  # every one of many
            continue
        assert [mask.tobytes() for mask in map(restored.apply, images[6:])] == expected
    assert refused > 100


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
