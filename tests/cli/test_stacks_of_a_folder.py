"""A folder of stacks: each is a sequence by itself, and all of its pages are read."""

import cv2
import numpy as np
import pytest
import tifffile

from segment.cli.gathering import advice
from segment.cli.listing import all_inputs
from segment.video.decode import holds_several

PAGE = np.zeros((20, 30), np.uint8)


@pytest.fixture
def stacks(tmp_path):
    folder = tmp_path / "cells"
    folder.mkdir()
    for name in ("b.tif", "a.tif", "c.tif"):
        tifffile.imwrite(folder / name, np.stack([PAGE] * 4), photometric="minisblack")
    return folder


def names(found):
    return [path.rpartition("/")[2] for path in found]


def test_all_below_a_folder_are_its_stacks(stacks):
    assert names(all_inputs([str(stacks.parent)], [], recursive=True)) == [
        "a.tif",
        "b.tif",
        "c.tif",
    ]


def test_a_folder_with_a_single_picture_among_them_is_one_sequence(stacks):
    cv2.imwrite(str(stacks / "d.png"), PAGE)
    assert names(all_inputs([str(stacks.parent)], [], recursive=True)) == ["cells"]


def test_a_pattern_of_stacks_is_each_of_them(stacks):
    assert names(all_inputs([f"{stacks}/*.tif"], [], False)) == ["a.tif", "b.tif", "c.tif"]
    cv2.imwrite(str(stacks / "0.tif"), PAGE)
    assert all_inputs([f"{stacks}/*.tif"], [], False) == (f"{stacks}/*.tif",)


def test_nobody_is_told_that_nothing_moves_in_a_stack(stacks):
    files = [str(path) for path in stacks.iterdir()]
    assert advice(files) is None
    pictures = [str(stacks / f"{n}.png") for n in range(3)]
    for path in pictures:
        cv2.imwrite(path, PAGE)
    assert "3 pictures" in (advice(files + pictures) or "")


def test_what_is_no_picture_holds_none(tmp_path):
    (tmp_path / "cut.tif").write_bytes(b"II*\0")
    assert not holds_several(tmp_path / "cut.tif")
    assert not holds_several(tmp_path / "nowhere.tif")
