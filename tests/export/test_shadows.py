"""Shadows through the chain: found, written as 127, tinted, and background to the score."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from segment import pipeline
from segment.background import GaussianMixtureSubtractor, OpenCVSubtractor, PosteriorSubtractor
from segment.cli import main
from segment.export import MaskImages, draw_overlay
from segment.video import open_frames
from tests.conftest import as_frames
from tests.contracts.test_sinks import found_frames, write


def yard(length=45, size=(72, 96)):
    """A textured ground with noise; from frame 30 on an object and, beside it, its shadow."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur(rng.uniform(60, 240, (*size, 3)), (0, 0), 1.5)
    images = ground + rng.normal(0, 1.5, (length, *size, 3))
    images[30:, 20:52, 16:36] = (230, 20, 40)
    images[30:, 20:52, 36:64] = 0.6 * images[30:, 20:52, 36:64]
    return images.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        PosteriorSubtractor,
        lambda: GaussianMixtureSubtractor(detect_shadows=True),
        lambda: OpenCVSubtractor(detect_shadows=True),
    ],
    ids=["posterior", "mixture", "mog2"],
)
def test_a_shadow_has_a_label_beside_its_object(make):
    frames = list(pipeline.subtract(as_frames(yard()), make(), shadows=True))
    assert not frames[0].shadow.any()
    assert not any((frame.shadow & frame.foreground).any() for frame in frames)
    shadow, foreground = frames[30].shadow, frames[30].foreground
    assert foreground[24:48, 20:32].mean() > 0.9
    assert shadow[24:48, 42:58].mean() > 0.7
    assert shadow[24:48, 20:32].mean() < 0.1
    assert shadow[:12].mean() < 0.02


def test_nobody_asked_and_nothing_is_told():
    frames = pipeline.subtract(as_frames(yard(3)), GaussianMixtureSubtractor(detect_shadows=True))
    assert all(frame.shadow is None for frame in frames)


def test_who_does_not_look_for_shadows_says_so():
    frames = pipeline.subtract(as_frames(yard(3)), GaussianMixtureSubtractor(), shadows=True)
    with pytest.raises(ValueError, match="set detect_shadows"):
        next(frames)


def test_nothing_outside_the_region_is_shadow():
    region = np.zeros((72, 96), bool)
    region[:, 70:] = True
    frames = [replace(frame, region=region) for frame in as_frames(yard(35))]
    subtractor = GaussianMixtureSubtractor(detect_shadows=True)
    found = list(pipeline.subtract(frames, subtractor, shadows=True))
    assert subtractor.shadows().any()
    assert not any(frame.shadow[~region].any() for frame in found)


@pytest.mark.parametrize("kind", ["masks", "video"])
def test_shadows_are_127_where_there_is_no_foreground(kind, tmp_path):
    rng = np.random.default_rng(5)
    frames = [
        replace(frame, shadow=rng.random(frame.foreground.shape) < 0.5) for frame in found_frames()
    ]
    before = [frame.foreground.copy() for frame in frames]
    target = write(kind, tmp_path, frames)
    if kind == "masks":
        written = [
            cv2.imread(str(target / f"{frame.index:06}.png"), cv2.IMREAD_UNCHANGED)
            for frame in frames
        ]
    else:
        with open_frames(target) as video:
            written = [frame.image[:, :, 0] for frame in video]
    for frame, picture, foreground in zip(frames, written, before, strict=True):
        expected = np.where(foreground, 255, np.where(frame.shadow, 127, 0))
        np.testing.assert_array_equal(picture, expected)
        np.testing.assert_array_equal(frame.foreground, foreground)


def test_the_overlay_tints_shadows_that_are_not_foreground():
    image = np.full((120, 160, 3), 100, np.uint8)
    foreground, shadow = np.zeros((2, 120, 160), bool)
    foreground[30:60, 30:60] = True
    shadow[30:60, 30:110] = True
    plain = draw_overlay(image, foreground, None, 0.0)
    drawn = draw_overlay(image, foreground, None, 0.0, shadow)
    changed = (plain != drawn).any(axis=2)
    assert changed[32:58, 66:108].all()
    assert not (changed & ~shadow).any()
    assert not changed[34:56, 34:56].any()
    red, green, blue = drawn[45, 90]
    assert blue > red > green


@pytest.mark.parametrize("command", ["subtract", "subtract-mixture", "subtract-opencv"])
def test_the_line_writes_shadows_and_the_score_takes_them_for_background(command, tmp_path):
    frames = as_frames(yard(34))
    clip = tmp_path / "yard"
    clip.mkdir()
    truth = tmp_path / "truth" / "yard"
    truth.mkdir(parents=True)
    for frame in frames:
        cv2.imwrite(str(clip / f"{frame.index:06}.png"), frame.image[:, :, ::-1])
        labels = np.zeros(frame.image.shape[:2], np.uint8)
        if frame.index >= 30:
            labels[20:52, 36:64] = 50
            labels[20:52, 16:36] = 255
        cv2.imwrite(str(truth / f"{frame.index:06}.png"), labels)
    for name, options in (("with", ["--shadows"]), ("without", [])):
        out = tmp_path / name
        line = ["read", str(clip), command, *options, "export", str(out)]
        result = CliRunner().invoke(main, line, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    masks = tmp_path / "with" / "yard" / MaskImages.output
    picture = cv2.imread(str(masks / "000031.png"), cv2.IMREAD_UNCHANGED)
    assert (picture[24:48, 42:58] == 127).mean() > 0.7
    assert set(np.unique(picture)) <= {0, 127, 255}
    chain = json.loads((tmp_path / "with" / "yard" / "run.json").read_text())["chain"]
    assert chain[1][1]["shadows"] == "True"
    plain = cv2.imread(str(tmp_path / "without/yard/masks/000031.png"), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(plain)) <= {0, 255}
    line = ["score", str(tmp_path / "with"), str(tmp_path / "truth"), "--json"]
    result = CliRunner().invoke(main, line, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    sequence = json.loads(result.output)["sequences"][0]
    assert sequence["shadow_fp"] < 0.3 * sequence["shadow"]
