"""Results that can hardly be meant are told; what is meant is not."""

import json
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

import segment
from segment.absurd import KINDS, Watch
from segment.frame import Frame, SequenceInfo
from tests.conftest import write_video

SIZE = (120, 160)
RATE = 25


def scene(seed=0):
    rng = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(rng.normal(120, 90, (*SIZE, 3)).astype(np.float32), (0, 0), 3)
    return picture.clip(20, 235)


def noisy(picture, seed):
    noise = np.random.default_rng(seed).normal(0, 2, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def frames(pictures, masks=None, region=None):
    info = SequenceInfo("clip", SIZE, Fraction(RATE))
    for i, picture in enumerate(pictures):
        mask = None if masks is None else masks[i]
        yield Frame(picture, i, i / RATE, info, region=region, foreground=mask)


def found(pictures, masks=None, region=None):
    watch = Watch()
    for frame in frames(pictures, masks, region):
        watch.see(frame)
    return watch.findings()


def walker(count):
    """A thing of 16x12 pixels that crosses, and its masks."""
    base = scene()
    pictures, masks = [], np.zeros((count, *SIZE), bool)
    for i in range(count):
        at = (52, 2 + 2 * i % 140)
        picture = base.copy()
        picture[at[0] : at[0] + 12, at[1] : at[1] + 16] = (40, 40, 230)
        masks[i, at[0] : at[0] + 12, at[1] : at[1] + 16] = i > 0
        pictures.append(noisy(picture, i))
    return pictures, masks


def test_a_sound_sequence_is_not_remarked_upon():
    assert found(*walker(80)) == {}


def test_nothing_was_ever_found():
    pictures, masks = walker(40)
    assert list(found(pictures, np.zeros_like(masks))) == ["nothing_found"]


def test_everything_was_for_more_than_a_tenth_of_the_time():
    pictures, masks = walker(60)
    masks[10:16] = True
    assert found(pictures, masks) == {}
    masks[16:19] = True
    told = found(pictures, masks)
    assert list(told) == ["everything_found"]
    assert "9 of 60" in told["everything_found"]


def test_everything_means_all_of_the_region():
    pictures, masks = walker(60)
    region = np.zeros(SIZE, bool)
    region[:, :40] = True
    masks[20:50, :, :40] = True
    assert list(found(pictures, masks & region, region)) == ["everything_found"]


@pytest.mark.parametrize(
    ("level", "kind"),
    [(lambda p: p / 16, "nearly_black"), (lambda p: 255 - p / 16, "nearly_white")],
)
def test_twelve_bits_taken_for_sixteen_are_nearly_black(level, kind):
    pictures, masks = walker(40)
    assert list(found([level(p.astype(float)).astype(np.uint8) for p in pictures], masks)) == [kind]


def test_a_range_that_is_cut_off_is_clipped():
    pictures, masks = walker(40)
    hard = [((p.astype(int) - 110) * 200).clip(0, 255).astype(np.uint8) for p in pictures]
    assert list(found(hard, masks)) == ["clipped"]


def test_a_frozen_picture_is_told_with_where_and_how_long():
    pictures, masks = walker(300)
    assert found([*pictures[:200], *[pictures[200]] * 100], masks) == {}  # four seconds
    told = found([*pictures[:150], *[pictures[150]] * 150], masks)
    assert list(told) == ["frozen"]
    assert "6.0 s, from frame 150" in told["frozen"]


def test_frames_that_are_all_alike_are_told_once():
    picture = noisy(scene(), 1)
    assert list(found([picture] * 200)) == ["all_alike"]


def test_a_small_thing_in_a_picture_without_noise_is_not_frozen():
    base = scene().astype(np.uint8)
    pictures = [base.copy() for _ in range(200)]
    for i, picture in enumerate(pictures):
        picture[61, i % 150] = 255  # between the points of any grid, now and then
    assert found(pictures) == {}


@pytest.mark.parametrize("kind", ["pan", "rotate", "shake"])
def test_a_camera_that_moves_all_the_time(kind):
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.normal(120, 90, (300, 600, 3)).astype(np.float32), (0, 0), 1)
    pictures = []
    for i in range(80):
        move = np.float32([[1, 0, -60], [0, 1, -60]])
        if kind == "pan":
            move[0, 2] -= 3 * i
        elif kind == "shake":
            move[:, 2] += rng.normal(0, 4, 2)
        else:
            move = cv2.getRotationMatrix2D((80, 60), i, 1)
        view = cv2.warpAffine(wide, move, SIZE[::-1], borderMode=cv2.BORDER_REFLECT)
        pictures.append(noisy(view, i))
    assert list(found(pictures)) == ["camera_moves"]


@pytest.mark.parametrize(
    ("kind", "moves"),
    [
        ("pan", True),
        ("zoom", True),
        ("turn", True),
        ("sway", False),
        ("half", False),
        ("no", False),
    ],
)
def test_a_camera_that_moves_slowly(kind, moves):
    rng = np.random.default_rng(4)
    wide = cv2.GaussianBlur(rng.normal(120, 90, (300, 600, 3)).astype(np.float32), (0, 0), 1)
    pictures = []
    for i in range(160):
        angle = i / 40 if kind == "turn" else 0
        size = 1 + i / 1000 if kind == "zoom" else 1  # a thousandth a frame
        move = cv2.getRotationMatrix2D((300, 150), angle, size)
        move[:, 2] -= 220, 90
        if kind == "pan":
            move[0, 2] -= 0.1 * i  # no frame and the one after it differ by what can be measured
        elif kind == "sway":
            move[0, 2] -= 1.5 * np.sin(i / 12)
        elif kind == "half":  # it stands afterwards
            move[0, 2] -= 0.1 * min(i, 40)
        view = cv2.warpAffine(wide, move, SIZE[::-1], borderMode=cv2.BORDER_REFLECT)
        pictures.append(noisy(view, i))

    told = found(pictures)

    assert list(told) == ["camera_moves"] * moves
    assert not moves or "slowly" in told["camera_moves"]


def test_what_clean_removes_again_and_again_is_told_and_noise_is_not():
    pictures, masks = walker(60)
    rng = np.random.default_rng(0)
    small, noise = np.zeros_like(masks), rng.random(masks.shape) < 0.001
    for i in range(60):
        small[i, 40:43, 10 + i : 13 + i] = True
    for raw, kinds in (
        (small, {"nothing_found", "smaller_than_clean"}),
        (noise, {"nothing_found"}),
    ):
        watch = Watch()
        for frame in watch.before_clean(frames(pictures, raw)):
            watch.see(replace(frame, foreground=np.zeros(SIZE, bool)))
        assert set(watch.findings()) == kinds


def test_what_is_seen_now_and_then_is_told_too():
    pictures, masks = walker(120)
    rng = np.random.default_rng(0)
    small = np.zeros_like(masks)
    for i in range(120):
        small[i, 40:42, i : i + 2] = rng.random() < 0.4
    watch = Watch()
    for frame in watch.before_clean(frames(pictures, small)):
        watch.see(replace(frame, foreground=np.zeros(SIZE, bool)))
    assert set(watch.findings()) == {"nothing_found", "smaller_than_clean"}


def test_things_on_ground_without_texture_are_no_camera():
    rng = np.random.default_rng(6)
    places, ways = rng.uniform(0, 100, (30, 2)), rng.normal(0, 0.35, (30, 2))
    pictures = []
    for i in range(80):
        picture = np.full((*SIZE, 3), 110.0)
        for y, x in (places + ways * i).astype(int) % 110:
            picture[y : y + 4, x : x + 4] = 200
        pictures.append(noisy(picture, i))
    assert found(pictures) == {}


def test_a_run_tells_it_in_a_line_in_its_record_and_in_its_report(tmp_path, capsys):
    still = [noisy(scene(), i) for i in range(30)]
    write_video(tmp_path / "night.mkv", np.stack(still))
    report = segment.run(f"read {tmp_path / 'night.mkv'} subtract clean export {tmp_path / 'out'}")

    told = report.sequences[0].absurd
    assert list(told) == ["nothing_found"]
    assert set(told) <= set(KINDS)
    assert report.exit_code == 0
    assert json.loads((tmp_path / "out/night/run.json").read_text())["absurd"] == told
    again = f"read {tmp_path / 'night.mkv'} subtract clean export {tmp_path / 'out'} --resume"
    assert segment.run(again).sequences[0].absurd == told
