"""What is in the files: exact masks, ids, COCO that its own tools load, tables, videos."""

import csv
import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as rle
from pycocotools.coco import COCO

from segment.errors import OutputError
from segment.export import draw_overlay
from segment.export.coco import column_runs, compress
from segment.export.overlay import colour_of
from segment.export.tracks import COLUMNS
from segment.export.trails import Trails
from segment.objects import objects_of
from segment.video import open_frames
from tests.conftest import as_frames
from tests.contracts.test_sinks import found_frames, write


def test_masks_are_named_by_frame_number(tmp_path):
    frames = found_frames()
    target = write("masks", tmp_path, frames[1::2])
    assert sorted(path.name for path in target.iterdir()) == ["000001.png", "000003.png"]
    for frame in frames[1::2]:
        mask = cv2.imread(str(target / f"{frame.index:06}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, np.where(frame.foreground, 255, 0))
        assert mask.dtype == np.uint8


def test_labels_keep_their_ids(tmp_path):
    frames = found_frames()
    target = write("labels", tmp_path, frames)
    for frame in frames:
        labels = cv2.imread(str(target / f"{frame.index:06}.png"), cv2.IMREAD_UNCHANGED)
        assert labels.dtype == np.uint16
        np.testing.assert_array_equal(labels, frame.labels)


def test_an_id_that_does_not_fit_is_told(tmp_path):
    labels = np.full((1, 4, 5), 65535, np.int32)
    images = np.zeros((1, 4, 5, 3), np.uint8)
    write("labels", tmp_path / "fits", as_frames(images, labels=labels))
    with pytest.raises(OutputError, match="frame 0 has an object 65536, but"):
        write("labels", tmp_path / "not", as_frames(images, labels=labels + 1))


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 47), (480, 640)])
def test_the_mask_video_comes_back_exactly(size, tmp_path):
    frames = found_frames(6, size)
    with open_frames(write("video", tmp_path, frames)) as video:
        back = list(video)
        assert not video.damage
    assert len(back) == 6
    for ours, frame in zip(back, frames, strict=True):
        np.testing.assert_array_equal(ours.image[:, :, 0], np.where(frame.foreground, 255, 0))
        assert abs(ours.time - frame.time) < 0.0006  # mkv counts milliseconds


def test_times_and_rates_survive(tmp_path):
    from dataclasses import replace

    rate = Fraction(30000, 1001)
    frames = [
        replace(frame, time=time, sequence=replace(frame.sequence, rate=rate))
        for frame, time in zip(found_frames(4), [0.0, 0.1, 0.15, 2.0], strict=True)
    ]
    for name in ("video", "overlay"):
        with open_frames(write(name, tmp_path, frames)) as video:
            assert [round(frame.time, 3) for frame in video] == [0.0, 0.1, 0.15, 2.0]


def test_coco_is_what_pycocotools_expects(tmp_path, capsys):
    frames = found_frames(6)
    target = write("coco", tmp_path, frames)
    coco = COCO(str(target))
    capsys.readouterr()
    assert len(coco.imgs) == 6
    assert coco.loadCats([1])[0]["name"] == "object"
    for frame in frames:
        image = coco.imgs[frame.index + 1]
        assert (image["height"], image["width"]) == frame.image.shape[:2]
        assert image["file_name"] == f"{frame.index:06}.png"
        assert image["time"] == frame.time
        labels = np.zeros(frame.labels.shape, np.int32)
        for annotation in coco.loadAnns(coco.getAnnIds([image["id"]])):
            mask = coco.annToMask(annotation).astype(bool)
            labels[mask] = annotation["track_id"]
            assert annotation["area"] == mask.sum() == rle.area(annotation["segmentation"])
            assert annotation["bbox"] == list(rle.toBbox(annotation["segmentation"]))
            assert annotation["iscrowd"] == 0
        np.testing.assert_array_equal(labels, frame.labels)
    assert len({annotation["id"] for annotation in coco.anns.values()}) == len(coco.anns)


def test_an_empty_sequence_is_valid_coco(tmp_path):
    images = np.zeros((2, 4, 5, 1), np.uint8)
    target = write("coco", tmp_path, as_frames(images, labels=np.zeros((2, 4, 5), np.int32)))
    document = json.loads(target.read_text())
    assert len(document["images"]) == 2
    assert document["annotations"] == []


def test_a_row_for_each_object_in_each_frame(tmp_path):
    labels = np.zeros((2, 6, 9), np.int32)
    labels[0, 1:3, 2:6] = 4
    labels[1, 5, 8] = 9
    labels[1, 0, 0:3] = 4
    target = write("tracks", tmp_path, as_frames(np.zeros((2, 6, 9, 3), np.uint8), labels=labels))
    with target.open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert rows == [
        dict(zip(COLUMNS, row, strict=True))
        for row in [
            (0, 0.0, 4, 2, 1, 4, 2, 3.5, 1.5, 8),
            (1, 0.04, 4, 0, 0, 3, 1, 1.0, 0.0, 3),
            (1, 0.04, 9, 8, 5, 1, 1, 8.0, 5.0, 1),
        ]
    ]


LABELS = arrays(
    np.int32,
    st.tuples(st.integers(1, 9), st.integers(1, 11)),
    elements=st.sampled_from([0, 0, 1, 2, 3, 10**6, 2**31 - 1]),
)


@given(labels=LABELS)
@settings(deadline=None)
def test_objects_are_what_the_labels_say(labels):
    back = np.zeros_like(labels)
    ids = []
    for thing in objects_of(labels):
        ids.append(thing.id)
        rows, columns = np.nonzero(labels == thing.id)
        assert (thing.y, thing.x) == (rows.min(), columns.min())
        assert (thing.height, thing.width) == (np.ptp(rows) + 1, np.ptp(columns) + 1)
        assert thing.area == len(rows)
        assert thing.centroid == pytest.approx((columns.mean(), rows.mean()))
        crop = back[thing.y : thing.y + thing.height, thing.x : thing.x + thing.width]
        crop[thing.mask] = thing.id
    np.testing.assert_array_equal(back, labels)
    assert ids == sorted(set(labels[labels > 0].tolist()))


@given(labels=LABELS, full=st.booleans())
@settings(deadline=None)
def test_run_lengths_are_those_of_the_reference(labels, full):
    if full:  # runs that go on from one column to the next
        labels[:, labels.shape[1] // 3 :] = 1
    for thing in objects_of(labels):
        theirs = rle.encode(np.asfortranarray(labels == thing.id).view(np.uint8))["counts"]
        assert compress(column_runs(thing, *labels.shape)).encode() == theirs


# --- the overlay ----------------------------------------------------------------------------


def test_the_overlay_is_h264_that_browsers_play(tmp_path):
    target = write("overlay", tmp_path, found_frames(5, (33, 47)))
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (48, 34)  # even, padded
        assert sum(1 for _ in container.decode(video=0)) == 5
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays while it loads


def test_the_overlay_says_what_its_colours_mean(tmp_path):
    colours = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128)])
    image = colours.repeat(40, axis=0)[None].repeat(90, axis=0).astype(np.uint8)
    target = write("overlay", tmp_path, as_frames(image[None]))
    with av.open(str(target)) as container:
        picture = next(container.decode(video=0))
        assert (picture.colorspace, picture.color_range) == (1, 1)  # BT.709, 16 to 235
        shown = picture.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
    np.testing.assert_allclose(shown[30, 20::40], colours, atol=4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (120, 160)])
def test_the_overlay_draws_on_a_copy(size, channels):
    image = np.full((*size, channels), 90, np.uint8)
    labels = np.zeros(size, np.int32)
    labels[: size[0] // 2 + 1, : size[1] // 2 + 1] = 5
    drawn = draw_overlay(image, labels > 0, labels, 61.5)
    assert drawn.shape == (*size, 3)
    assert drawn.dtype == np.uint8
    assert (image == 90).all()
    assert (drawn != 90).any()


def test_an_object_is_drawn_where_it_is_in_its_own_colour():
    image = np.full((200, 300, 3), 90, np.uint8)
    labels = np.zeros((200, 300), np.int32)
    labels[80:140, 100:180] = 7
    drawn = draw_overlay(image, labels > 0, labels, 0.0)
    tint = drawn[110, 140].astype(int) - 90
    wanted = np.array(colour_of(7)) - 90
    assert (np.abs(tint - 0.3 * wanted) <= 2).all()
    far = drawn[20:60, 200:290]
    np.testing.assert_array_equal(far, 90)
    # Another object does not change the first one's colour.
    labels[10:20, 10:20] = 3
    again = draw_overlay(image, labels > 0, labels, 0.0)
    np.testing.assert_array_equal(again[110, 140], drawn[110, 140])


def test_a_trail_shows_where_an_object_was():
    image = np.full((120, 300, 3), 90, np.uint8)
    trails = Trails()
    for t in range(30):
        labels = np.zeros((120, 300), np.int32)
        labels[30:60, 20 + 8 * t : 40 + 8 * t] = 7
        drawn = draw_overlay(image, None, labels, 0.0, trails=trails)
    line = drawn[59, :240].astype(int)
    near = np.abs(line - colour_of(7)).max(axis=1) < 60
    assert near[100:230].mean() > 0.9  # the last 25 frames
    np.testing.assert_array_equal(drawn[20:70, 20:50], 90)  # longer ago


def test_trails_forget_who_is_gone():
    trails, labels = Trails(), np.zeros((20, 30), np.int32)
    labels[3:6, 4:9] = 5
    np.testing.assert_array_equal(trails.follow(objects_of(labels))[5], [[6, 5]])
    for _ in range(24):
        assert trails.follow([]) == {}
    np.testing.assert_array_equal(trails.follow(objects_of(labels))[5], [[6, 5]])
    assert len(trails.follow(objects_of(labels))[5]) == 2


def test_neighbouring_ids_are_told_apart():
    colours = np.array([colour_of(number) for number in range(1, 30)], float)
    for near in (1, 2, 3):
        distance = np.abs(colours[near:] - colours[:-near]).max(axis=1)
        assert distance.min() > 60


def test_grey_is_drawn_like_its_rgb_twin():
    frame = found_frames(1, (120, 161), 1)[0]
    twin = np.repeat(frame.image, 3, axis=2)
    np.testing.assert_array_equal(
        draw_overlay(frame.image, frame.foreground, frame.labels, 7.5),
        draw_overlay(twin, frame.foreground, frame.labels, 7.5),
    )


@pytest.mark.parametrize("side", [3, 60])  # specks and areas take different ways
def test_foreground_of_no_object_is_tinted_and_nothing_else(side):
    image = np.full((200, 300, 3), 90, np.uint8)
    lone = np.zeros((200, 300), bool)
    lone[40 : 40 + side, 100 : 100 + 2 * side] = True
    drawn = draw_overlay(image, lone, np.zeros((200, 300), np.int32), 0.0)
    top = drawn[:150].astype(int)  # the clock is below
    np.testing.assert_array_equal((top != 90).any(axis=2), lone[:150])
    np.testing.assert_array_equal(np.unique(top[lone[:150]], axis=0), [[140, 122, 63]])


def test_a_mask_without_objects_is_outlined():
    image = np.full((200, 300, 3), 90, np.uint8)
    mask = np.zeros((200, 300), bool)
    mask[40:100, 100:180] = True
    drawn = draw_overlay(image, mask, None, 0.0)
    np.testing.assert_allclose(drawn[70, 100], (255, 196, 0), atol=45)  # on the edge, 1 px
    np.testing.assert_array_equal(drawn[70, 140], [140, 122, 63])  # inside
    np.testing.assert_array_equal(drawn[70, 90], 90)  # outside


def test_tags_of_a_pile_of_objects_do_not_hide_each_other():
    labels = np.zeros((240, 320), np.int32)
    for number in (1, 2, 3):
        labels[120:160, 140 + 12 * number : 150 + 12 * number] = number
    image = np.full((240, 320, 3), 200, np.uint8)
    drawn = draw_overlay(image, None, labels, 0.0)
    dark = (drawn.max(axis=2) < 90).astype(np.uint8)
    dark[200:] = 0  # the clock
    plates = [area for *_, area in cv2.connectedComponentsWithStats(dark)[2][1:] if area > 100]
    assert len(plates) == 3


def test_in_a_tiny_picture_tags_hide_little_and_no_other_object():
    labels = np.zeros((120, 160), np.int32)
    labels[40:70, 60:72], labels[50:62, 74:80], labels[30:36, 62:70] = 1, 2, 3
    image = np.full((120, 160, 3), 200, np.uint8)
    drawn = draw_overlay(image, None, labels, 0.0)
    dark = drawn.max(axis=2) < 90
    dark[105:] = False  # the clock
    plates = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((4, 4), np.uint8)) > 0
    assert 0 < plates.sum() < 0.04 * labels.size
    assert not (plates & (labels > 0)).any()
