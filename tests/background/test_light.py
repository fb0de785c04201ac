"""A light that is switched: the scene goes over to it at once, and who walks through it stays."""

import logging

import numpy as np
import pytest

from segment.background import PosteriorSubtractor
from tests.background.test_scenes import noisy, scene, with_square

SIZE = (120, 161)
COLOUR = {1: 235, 3: (250, 60, 40)}  # of the square


def lamps(size, left):
    """What is left of the light where lamps go out: other colours, more of it to one side."""
    across = np.linspace(0.7, 1.3, size[1])[None, :, None]
    return left * across * np.array([0.8, 1.0, 1.25])


def lit(image, light):
    return np.clip(image * light, 0, 255).astype(np.uint8)


def walked(count, switches, channels=3, contrast=50, quality="best", **how):
    """Masks of a square that walks, from frame 40 on; the light is switched at some frames."""
    generator = np.random.default_rng(5)
    still = scene(8, SIZE, contrast)
    subtractor = PosteriorSubtractor(quality=quality, **how)
    masks = []
    for t in range(count):
        image = with_square(still, t - 40, value=COLOUR[channels]) if t >= 42 else still
        left = 0.3 if sum(t >= at for at in switches) % 2 else 1.0
        image = lit(image, lamps(SIZE, left) if left < 1 else 1.0)
        image = image if channels == 3 else image.mean(2, keepdims=True).astype(np.uint8)
        masks.append(subtractor.apply(noisy(image, generator, 1.5)))
    return masks, subtractor


@pytest.mark.parametrize("quality", ["best", "fast"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_switched_light_hides_nobody_and_makes_nobody(quality, channels):
    masks, _ = walked(100, (70, 85), channels, quality=quality)
    for t in [*range(60, 69), *range(72, 84), *range(87, 100)]:
        inside = masks[t][32:44, t - 38 : t - 26].mean()
        other = masks[t].copy()
        other[24:52, max(0, t - 50) : t - 16] = False
        assert inside > 0.8, t
        assert other.mean() < 0.01, t


def test_it_is_told_and_only_where_it_was_switched(caplog):
    with caplog.at_level(logging.INFO, "segment.background"):
        walked(90, (70,))
    told = [record for record in caplog.records if "the light is switched" in record.message]
    assert [record.args for record in told] == [(70,)]


def test_another_picture_is_no_other_light(caplog):
    subtractor = PosteriorSubtractor()
    with caplog.at_level(logging.INFO, "segment.background"):
        for seed in (3, 4):
            for _ in range(20):
                subtractor.apply(scene(seed, SIZE))
    assert not any("light" in record.message for record in caplog.records)


def test_who_wants_no_new_scene_gets_no_new_light(caplog):
    with caplog.at_level(logging.INFO, "segment.background"):
        walked(80, (70,), relearn=False)
    assert not caplog.records


def test_what_flickers_all_the_time_is_believed_a_few_times_only(caplog):
    with caplog.at_level(logging.INFO, "segment.background"):
        walked(90, range(40, 90))
    told = [record for record in caplog.records if "the light is switched" in record.message]
    assert 0 < len(told) <= 4 + 50 / 10


def test_a_copy_in_the_middle_of_it_goes_on_alike():
    still = scene(8, SIZE)
    one = PosteriorSubtractor()
    for t in range(30):
        one.apply(with_square(still, 40 + t // 4))
    dark = lit(with_square(still, 48), lamps(SIZE, 0.3))
    one.apply(dark)
    other = one.copy()
    assert one.inside.state.camera.lit > 0
    for t in range(6):
        image = lit(with_square(still, 48 + t), lamps(SIZE, 0.3))
        np.testing.assert_array_equal(one.apply(image), other.apply(image))


@pytest.mark.parametrize("channels", [2, 5, 8])
def test_any_number_of_channels_goes_over(channels, caplog):
    still = np.concatenate([scene(seed, SIZE) for seed in (1, 2, 3)], axis=2)[..., :channels]
    subtractor = PosteriorSubtractor()
    light = np.resize([0.2, 0.4, 0.3], channels)
    with caplog.at_level(logging.INFO, "segment.background"):
        masks = [subtractor.apply(lit(still, light if t > 20 else 1.0)) for t in range(24)]
    assert not np.any(masks)
    assert sum("the light is switched" in record.message for record in caplog.records) == 1


def test_threads_change_nothing():
    one, _ = walked(76, (70,), threads=1)
    two, _ = walked(76, (70,), threads=2)
    np.testing.assert_array_equal(one, two)


def test_the_background_goes_dark_with_the_light_behind_what_walks_there():
    masks, subtractor = walked(71, (70,))
    assert masks[-1][32:44, 32:44].all()
    light = np.broadcast_to(lamps(SIZE, 0.3), (*SIZE, 3))
    off = np.abs(subtractor.background().astype(int) - lit(scene(8, SIZE), light))
    assert off[32:44, 32:44].mean() < 8
