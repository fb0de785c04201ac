"""Numbers in pictures' names, kept by frames; and many numbers in a few words."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.frame import Frame, SequenceInfo
from segment.video import open_frames
from segment.video.mapping import Mapping, pictures_of
from segment.video.numbers import Runs, frame_numbers, number_in, unrolled
from segment.video.select import between, every
from tests.video.makers import scenes


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ("000000 000001 000005", [0, 1, 5]),
        ("cam2_1 cam2_2 cam2_10", [1, 2, 10]),
        ("f0 f5 f10 f15", [0, 5, 10, 15]),
        ("in000001 in000002", [0, 1]),
        ("0007 0100 9000", [7, 100, 9000]),  # padded: a counter, however sparse
        ("frame(1) frame(2)", [1, 2]),
        ("100075 100080 101085 12003 300091", None),  # a picture library
        ("1511452371123456789 1511452371163456789", None),  # nanoseconds
        ("2021-03-04_12-59-59 2021-03-04_13-00-00", None),
        ("a b", None),
        ("a1 b2", None),
        ("1 01 2", None),  # one number twice
        ("left1 middle right2", None),
    ],
)
def test_names_that_count_frames_and_names_that_do_not(names, numbers):
    assert frame_numbers(names.split()) == numbers


def test_the_number_of_a_name_is_its_last():
    assert number_in("cam2_0017") == 17
    assert number_in("gt000001") == 0
    assert number_in("notes") is None


@given(st.lists(st.integers(0, 60), unique=True).map(sorted))
def test_runs_come_back(numbers):
    assert list(unrolled(str(Runs(numbers)))) == numbers


def test_runs_are_short():
    assert str(Runs([*range(15), *range(16, 60)])) == "0-14 16-59"
    assert str(Runs(range(0, 101, 5))) == "0-100:5"
    assert str(Runs([3, 9])) == "3 9"
    with pytest.raises(ValueError, match="'4-x' is no run"):
        list(unrolled("1-3 4-x"))


def folder(path, names, images=None):
    path.mkdir()
    for name, image in zip(names, scenes(len(names)) if images is None else images, strict=True):
        assert cv2.imwrite(str(path / name), image[:, :, ::-1])
    return path


def test_pictures_keep_the_numbers_in_their_names(tmp_path):
    names = [f"cam2_{n}.png" for n in (1, 2, 3, 7, 8, 12)]
    path = folder(tmp_path / "named", names)
    (path / "cam2_2.png").write_bytes(b"no picture")

    with open_frames(path, rate=10) as source:
        frames = list(source)

    assert [frame.index for frame in frames] == [1, 3, 7, 8, 12]
    assert [frame.time for frame in frames] == [0.0, 0.2, 0.6, 0.7, 1.1]
    assert [frame.file_name for frame in frames] == [f"cam2_{n}.png" for n in (1, 3, 7, 8, 12)]
    assert source.damage.lost == 1
    assert (source.info.first, source.info.step, source.info.length) == (1, 1, 6)


def test_every_fifth_picture_is_one_picture_later(tmp_path):
    with open_frames(
        folder(tmp_path / "fifth", [f"{n:04}.png" for n in range(0, 30, 5)])
    ) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == [0, 5, 10, 15, 20, 25]
    assert [frame.time for frame in frames] == [n / 25 for n in range(6)]


def test_the_first_picture_keeps_its_place_even_unreadable(tmp_path):
    path = folder(tmp_path / "f", [f"{n:03}.png" for n in range(4)])
    (path / "000.png").write_bytes(b"no picture")
    with open_frames(path) as source:
        assert [(frame.index, frame.time) for frame in source] == [(n, n / 25) for n in (1, 2, 3)]


def test_names_that_count_nothing_are_counted_in_their_order(tmp_path):
    with open_frames(folder(tmp_path / "f", ["b.png", "a10.png", "a9.png"])) as source:
        frames = list(source)
    assert [(frame.index, frame.file_name) for frame in frames] == [
        (0, "a9.png"),
        (1, "a10.png"),
        (2, "b.png"),
    ]


def test_start_stop_and_every_mean_the_numbers(tmp_path):
    path = folder(tmp_path / "f", [f"{n:03}.png" for n in (3, 4, 5, 8, 9, 10, 11, 12, 13)])

    def numbers(start=None, stop=None, n=1):
        with open_frames(path) as source:
            source.skip_before(start)
            return [frame.index for frame in every(between(source, start, stop), n)]

    assert numbers(5, 10) == [5, 8, 9]
    assert numbers(n=2) == [3, 5, 9, 11, 13]  # 7 is missing, and shifts nobody
    assert numbers(0.2) == [8, 9, 10, 11, 12, 13]  # 3 is at 0 s
    with open_frames(path) as source:
        assert next(between(source, 5)).sequence.length == 7


@pytest.mark.parametrize(
    ("names", "pictures"),
    [
        (["in000001.jpg", "in000002.jpg"], {"name": "in%06d.jpg", "plus": 1}),
        (["50%_7.png", "50%_8.png"], {"name": "50%%_%d.png", "plus": 0}),
        (["a.png", "b.png"], ["a.png", "b.png"]),
    ],
)
def test_the_mapping_says_which_picture_is_which_number(names, pictures):
    mapping = Mapping()
    numbers = frame_numbers([name[:-4] for name in names]) or range(len(names))
    info = SequenceInfo("f", (2, 3), 25, 2, first=numbers[0])
    for number, name in zip(numbers, names, strict=True):
        mapping.add(Frame(np.zeros((2, 3, 1), np.uint8), number, 0.0, info, file_name=name))

    content = mapping.as_dict()

    assert content["numbers"] == f"{numbers[0]}-{numbers[1]}"
    assert content["pictures"] == pictures
    assert pictures_of(content, list(numbers)) == names
