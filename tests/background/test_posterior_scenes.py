"""The posterior subtractor on known scenes: shadows, ghosts, light, shaking, footage."""

import logging

import numpy as np
import pytest

from segment.background.posterior import PosteriorSubtractor
from segment.measures.change import ChangeScore


def test_a_shadow_is_neither_foreground_nor_nothing():
    rng = np.random.default_rng(4)
    ground = rng.uniform(90, 120, (12, 18, 3)).repeat(4, 0).repeat(4, 1)[:, :70]
    s = PosteriorSubtractor(quality="fast", follow_light=False)
    with pytest.raises(ValueError, match="first frame"):
        s.shadows()
    shade, thing = (slice(8, 30), slice(10, 30)), (slice(8, 30), slice(45, 65))
    for t in range(30):
        picture = ground.copy()
        if t > 20:
            picture[shade] *= 0.65
            picture[thing] = (30, 200, 40)
        noise = rng.normal(0, 1.5, ground.shape)
        mask = s.apply((picture + noise).clip(0, 255).astype(np.uint8))
    shadows = s.shadows()
    assert shadows[13:25, 15:25].mean() > 0.9  # at its border no one gain explains a patch
    assert mask[10:28, 47:63].mean() > 0.9
    assert not (shadows & mask).any()
    shadows[shade] = False
    assert shadows.mean() < 0.05


def test_the_spread_is_the_noise_of_the_scene():
    rng = np.random.default_rng(4)
    noise = np.where(np.arange(60) < 30, 2.0, 3.5)[None, :, None]
    s = PosteriorSubtractor(follow_noise=False)
    with pytest.raises(ValueError, match="first frame"):
        s.spread()
    for _ in range(300):
        s.apply(rng.normal(120, noise, (40, 60, 3)).round().astype(np.uint8))
    spread = s.spread()
    assert spread.shape == (40, 60)
    assert spread.dtype == np.float32
    np.testing.assert_allclose(np.median(spread[:, :28]), 2, rtol=0.15)
    np.testing.assert_allclose(np.median(spread[:, 32:]), 3.5, rtol=0.2)


@pytest.mark.parametrize(("quality", "least"), [("fast", 0.9), ("best", 0.75)])
def test_a_ghost_dissolves_and_an_object_stays(quality, least):
    rng = np.random.default_rng(4)
    ground = rng.uniform(60, 120, (60, 80, 3))
    thing = (slice(20, 40), slice(30, 50))
    with_thing = ground.copy()
    with_thing[thing] = (220, 40, 60)

    def noisy(picture):
        return (picture + rng.normal(0, 1.5, picture.shape)).clip(0, 255).astype(np.uint8)

    ghost, stays = (PosteriorSubtractor(quality=quality) for _ in range(2))
    for _ in range(40):
        ghost.apply(noisy(with_thing))
        stays.apply(noisy(ground))
    for _ in range(12):
        left = ghost.apply(noisy(ground))
        kept = stays.apply(noisy(with_thing))
    assert left[thing].mean() < 0.05
    assert kept[thing].mean() > least  # its corners are rounded


def test_a_change_of_light_is_no_object():
    rng = np.random.default_rng(4)
    ground = rng.uniform(60, 150, (48, 70, 3))
    s = PosteriorSubtractor()
    for t in range(40):
        gain = 1 if t < 20 else 0.7 if t < 30 else 1.4
        noise = rng.normal(0, 1.5, ground.shape)
        mask = s.apply((gain * ground + noise).clip(0, 255).astype(np.uint8))
        assert mask.mean() < 0.02, t


def test_a_shaking_camera_is_followed_and_told_of_once(caplog):
    caplog.set_level(logging.INFO, "segment.background")
    rng = np.random.default_rng(4)
    wide = rng.uniform(40, 200, (70, 100, 3)).repeat(2, 0).repeat(2, 1)
    found = {True: [], False: []}
    for stabilize, masks in found.items():
        rng = np.random.default_rng(5)
        s = PosteriorSubtractor(stabilize=stabilize)
        for t in range(30):
            y, x = rng.integers(0, 7, 2) if t > 10 else (3, 3)
            picture = wide[10 + y : 110 + y, 10 + x : 150 + x]
            masks.append(s.apply((picture + rng.normal(0, 1.5, picture.shape)).astype(np.uint8)))
    assert sum("camera moves" in message for message in caplog.messages) == 1
    assert np.mean(found[True][11:]) < 0.02
    assert np.mean(found[False][11:]) > 0.2


def f_of(folder):
    """F of the whole sequence, its first frame left out; the files are grey or RGB, FFV1."""
    import av

    score, s = ChangeScore(), PosteriorSubtractor()
    with av.open(folder / "input.mkv") as video, av.open(folder / "truth.mkv") as truth:
        grey = "gray" in video.streams.video[0].format.name
        pairs = zip(video.decode(video=0), truth.decode(video=0), strict=True)
        for number, (frame, answer) in enumerate(pairs):
            image = frame.to_ndarray(format="gray" if grey else "rgb24")
            mask = s.apply(image[:, :, None] if grey else image)
            if number:
                score.count(mask, answer.to_ndarray(format="gray"))
    return score.f


def test_few_far_people_are_found(shared_data):
    assert f_of(shared_data / "background" / "sbi_CAVIAR2") > 0.82


@pytest.mark.long
@pytest.mark.parametrize(("kind", "number", "bar"), [("", 8, 0.82), ("ucsd", 9, 0.45)])
def test_the_sequences_with_truth_are_judged_well(shared_data, kind, number, bar):
    folders = sorted(path.parent for path in shared_data.glob("background/*/truth.mkv"))
    folders = [path for path in folders if path.name.startswith("ucsd") == bool(kind)]
    assert len(folders) == number
    assert np.mean([f_of(folder) for folder in folders]) >= bar
