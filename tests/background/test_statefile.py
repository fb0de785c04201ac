"""The file of what a subtractor has learned: whole or not there, and nothing in it believed."""

import json
import os
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from segment.background import (
    GaussianMixtureSubtractor,
    PosteriorSubtractor,
    statefile,
)
from segment.errors import BadState, OutputError
from tests.background.kept import CLASSES, every, film, mixtures, taught

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
            told["checksum"] = statefile.checksum_of(told, kept)
        save_file(kept, path, told)


def refused(cls, path, whole, words, **change):
    """Change a whole state file by hand: it is refused, with these words."""
    path.write_bytes(whole)
    rewritten(path, **change)
    with pytest.raises(BadState, match=words):
        cls.load(path)


class state_of:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        content = self.path.read_bytes()
        header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
        return header["__metadata__"], load_file(self.path)

    def __exit__(self, *_):
        pass


def without_shrinking(path):
    """Metadata with the parameters of states before revision 10."""
    with state_of(path) as (told, _):
        parameters = json.loads(told["parameters"])
    assert parameters.pop("shrink") == 1
    return {"parameters": json.dumps(parameters)}


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
        numbers = json.loads(told["numbers"])
    del parameters["shrink"]
    parameters |= {"smallest_variance": 6.0, "initial_variance": 7.0, "largest_variance": 60.0}
    for name in ("lit", "banded", "angle", "right", "down", "vain"):
        del numbers[f"_state.camera.{name}"]
    changed = {"parameters": json.dumps(parameters), "numbers": json.dumps(numbers)}
    rewritten(path, metadata=changed | {"revision": "7"})
    old, new = PosteriorSubtractor.load(path), PosteriorSubtractor(largest_variance=60 / channels)
    assert (old.smallest_variance, old.initial_variance) == (None, None)
    assert old.largest_variance == 60 / channels
    masks = [new.apply(image) for image in images]
    for image, mask in zip(images[5:], masks[5:], strict=True):
        np.testing.assert_array_equal(old.apply(image), mask)


def test_earlier_states_did_not_tell_what_lamps_do(tmp_path):
    path, images = tmp_path / "state", film()
    taught(PosteriorSubtractor, images[:5]).save(path)
    with state_of(path) as (told, _):
        numbers = json.loads(told["numbers"])
    assert numbers.pop("_state.camera.lit") == 0
    assert numbers.pop("_state.camera.banded") == 0
    assert [
        numbers.pop(f"_state.camera.{name}") for name in ("angle", "right", "down", "vain")
    ] == [0] * 4
    rewritten(
        path, metadata=without_shrinking(path) | {"numbers": json.dumps(numbers), "revision": "8"}
    )
    old, new = PosteriorSubtractor.load(path), PosteriorSubtractor()
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
        change = {name: lambda array: array + array.dtype.type(1)}
        refused(cls, path, whole, "is damaged", sign=False, arrays=change)
    for name in set(told) - {"format"}:
        refused(cls, path, whole, "is damaged", sign=False, metadata={name: told[name] + " "})


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
        changed = {"parameters": json.dumps({**parameters, **change})}
        refused(cls, path, whole, words, metadata=changed)
    learned = next(name for name in numbers if name.endswith("learned"))
    shapes = [name for name in numbers if name.endswith("shape")]
    for change, words in (
        ({learned: "3"}, f"{learned} is '3', wanted a int"),
        ({learned: {"tuple": [3]}}, learned),
        *(({shape: {"tuple": [66, 47, 3]}}, "66") for shape in shapes),
        ({"apply": 1}, "unknown apply"),
    ):
        changed = {"numbers": json.dumps({**numbers, **change})}
        refused(cls, path, whole, words, metadata=changed)


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
            refused(cls, path, whole, words, arrays={name: change})
    refused(cls, path, whole, "unknown more", arrays={"more": lambda _: np.zeros(3)})


@mixtures
def test_more_modes_than_there_is_room_for_are_refused_though_signed(cls, tmp_path):
    """A compiled loop believes the count, and would read behind its arrays."""
    path = tmp_path / "state"
    taught(cls, film()[:3]).save(path)
    whole = path.read_bytes()
    count = "_count" if cls is GaussianMixtureSubtractor else "_state.modes.alive"
    for wrong in (0, 200):
        change = {count: lambda a, wrong=wrong: np.full_like(a, wrong)}
        refused(cls, path, whole, f"{wrong}", arrays=change)


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
