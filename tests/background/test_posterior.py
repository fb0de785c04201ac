"""The posterior subtractor against its equations, its laws, and sequences with known truth."""

import contextlib
import copy
import itertools
import logging
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.background.posterior import PosteriorSubtractor, learning, sharing
from segment.measures.change import ChangeScore
from tests.background.test_kernels import restless
from tests.conftest import moving_square
from tests.reference import posterior as reference

SIZES = st.tuples(st.integers(1, 20), st.integers(1, 150), st.sampled_from([1, 3, 4]))


def state_of(s):
    """The learned state in the shapes of the twin, copied."""
    height, width, channels = s.image_shape
    size = height * width
    known = s._state
    modes, pictures = known.modes, known.pictures
    planes = {
        "weight": modes.weight[:, :size],
        "count": modes.alive,
        "seen": modes.seen,
        "mask": pictures.mask.astype(bool),
        "evidence": known.evidence.own,
    }
    state = {
        name: plane.reshape(*plane.shape[:-1], height, width) for name, plane in planes.items()
    }
    # Variance and means of all modes: the heaviest's lie in planes, the others' pixel by pixel.
    first = np.concatenate([modes.first.variance[None, :size], modes.first.mean[:, :size]])
    inner = np.concatenate([first, modes.minor.T]).reshape(-1, 1 + channels, height, width)
    state["variance"], state["mean"] = inner[:, 0], inner[:, 1:]
    state["ground"] = pictures.ground.reshape(channels, height, width)
    state["before"] = pictures.before.reshape(channels, height, width)
    state["votes"], state["sums"] = known.ghosts.votes, known.evidence.sums
    for name in ("motion", "unrest", "changes", "temporal"):
        state[name] = getattr(known.change, name)
    return SimpleNamespace(**{name: array.copy() for name, array in state.items()})


def numbers_of(before, after, rate):
    """The numbers with which `after` was made of `before`, by the names of the twin."""
    camera = after._state.camera
    asked, light, nothing = before._agree(), (camera.gain, camera.noise), np.empty(0, np.float32)
    n = learning.choose_numbers(asked, before._state, light, rate, nothing)
    return SimpleNamespace(
        gain=n.light.gain,
        gain_before=n.light.before,
        glaring=n.light.glaring,
        edges=n.slack.edges,
        unrest=n.slack.unrest,
        noise=n.slack.noise,
        match=n.matching.match,
        shake=n.matching.shake,
        background_weight=n.matching.weight,
        least_seen=n.matching.seen,
        largest_evidence=n.matching.evidence,
        largest_residual=n.matching.residual,
        complexity=n.learning.complexity,
        initial_variance=n.learning.initial,
        smallest_variance=n.learning.smallest,
        largest_variance=n.learning.largest,
        learning_rate=n.rates.given,
        history=n.rates.history,
        object_rate=n.rates.moving,
        still_rate=n.rates.resting,
        ghost_rate=n.rates.ghost,
        still=n.rates.still,
        ghost_still=n.rates.still,
        ghost=n.rates.vote,
        every=n.rates.every,
        phase=n.rates.phase,
        difference_scale=n.steps.scale,
        difference_cap=n.steps.most,
        difference_cut=n.steps.calm,
    )


def all_of(s):
    """Everything an object holds, for comparing two of them bit for bit."""
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in s.__getstate__()["values"].items()
    }


@contextlib.contextmanager
def one_in(every):
    """Let one in so many strips of rows learn with a frame from the second frame on."""
    usual, learning._EVERY = learning._EVERY, ((every, 2),)
    try:
        yield
    finally:
        learning._EVERY = usual


def lit(images, rng):
    """Now and then another light, so that gains are measured."""
    for image in images:
        gain = rng.choice([1, 1, 0.7, 1.3])
        yield (image * gain).clip(0, 255).astype(np.uint8)


@given(
    shape=SIZES,
    seed=st.integers(0, 2**32 - 1),
    components=st.integers(1, 5),
    rate=st.sampled_from([None, None, 0.02, 0.3, 1.0]),
    majority=st.sampled_from([1, 3, 7]),
    closing=st.sampled_from([1, 5, 9]),
    threads=st.integers(1, 4),
    every=st.sampled_from([1, 2, 4]),
)
@settings(deadline=None, max_examples=40)  # the first call compiles
def test_a_frame_does_what_the_equations_say(
    shape, seed, components, rate, majority, closing, threads, every
):
    rng = np.random.default_rng(seed)
    subtractor = PosteriorSubtractor(
        quality="fast",
        components=components,
        threads=threads,
        majority=majority,
        closing=closing,
        history=8,
        least_seen=3,
        threshold=6,
        light_price=4,
        relearn=False,  # no equation of a frame: the guard has tests of its own
    )
    channels = shape[2]
    for image in lit(restless(rng, shape, 7), rng):
        if subtractor._state is None:
            assert not subtractor.apply(image).any()
            continue
        before = copy.deepcopy(subtractor)
        if rate != 0:
            # As `apply` begins: the equations begin after it.
            known = before._state
            known.camera.choose_softness(known.pictures, known.size, known.learned)
        old = state_of(before)
        with one_in(every):
            mask = subtractor.apply(image, rate)
            numbers = numbers_of(before, subtractor, rate)
        new = state_of(subtractor)
        planes = np.moveaxis(before._state.camera.soften(image), 2, 0)

        # While young, the change in time is known before the frame is judged.
        temporal = reference.change(planes, old.before, old.mask, numbers)
        smoothed = np.array([reference.smooth(plane) for plane in temporal])
        assert learning.is_young(before._state)
        share = max(1 / before._state.learned, 0.02)
        changes = old.changes + share * (smoothed[1:] - old.changes)
        old.unrest = changes[0] / (changes[1] + 0.1)
        wanted = reference.follow(planes, old, numbers)

        close = {"rtol": 2e-4, "atol": 2e-4}
        np.testing.assert_allclose(new.changes, changes, **close)
        np.testing.assert_allclose(new.motion, smoothed[0] * channels / 12, **close)
        np.testing.assert_allclose(new.temporal, wanted.temporal, **close)
        np.testing.assert_allclose(new.seen, wanted.seen, **close)
        np.testing.assert_array_equal(new.count, wanted.count)
        alive = np.arange(components)[:, None, None] < new.count
        for name in ("weight", "variance"):
            ours, theirs = getattr(new, name), getattr(wanted, name)
            np.testing.assert_allclose(ours * alive, theirs * alive, **close)
        alive = alive[:, None]
        np.testing.assert_allclose(new.mean * alive, wanted.mean * alive, **close)
        np.testing.assert_allclose(new.evidence.astype(int), wanted.evidence, atol=1)
        np.testing.assert_allclose(new.ground.astype(int), wanted.ground, atol=1)
        np.testing.assert_allclose(new.sums, wanted.sums, rtol=2e-3, atol=2e-3)

        low, high = (0.8 if channels == 1 else 0.4), 1.2
        plain, explained = reference.smooth_sums(new.sums.astype(float), low, high, 4)
        level = reference.level(new.evidence, plain, explained, 0.15, 40)
        np.testing.assert_allclose(
            subtractor.posterior(), 1 / (1 + np.exp((6 - level) / 4)), atol=1e-4
        )
        # The rest of the way from what the kernel itself decided, so that ties do not matter.
        found = subtractor.posterior() > 0.5
        sure = np.abs(level - 6) > 1e-3
        np.testing.assert_array_equal(found[sure], (level > 6)[sure])
        if sure.all():
            if majority > 1:
                found = reference.vote(found, majority // 2)
            np.testing.assert_array_equal(mask, reference.close(found, closing))
        np.testing.assert_array_equal(new.mask, mask)
        votes = reference.vote_ghosts(
            planes, new.ground, mask, np.float32(subtractor._state.camera.gain)
        )
        votes = old.votes + 0.2 * (reference.smooth(votes) - old.votes)
        np.testing.assert_allclose(new.votes, votes, rtol=1e-3, atol=1e-3)


@given(shape=SIZES, seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_weights_sum_to_one_and_variances_stay_in_bounds(shape, seed):
    rng = np.random.default_rng(seed)
    s = PosteriorSubtractor(history=10, follow_noise=False)
    for image in restless(rng, shape, 12):
        s.apply(image)
    state = state_of(s)
    alive = np.arange(s.components)[:, None, None] < state.count
    np.testing.assert_allclose(state.weight.sum(0), 1, rtol=1e-5)
    assert (state.weight[~alive] == 0).all()
    assert (np.diff(state.weight, axis=0) <= 1e-6).all()
    # Its variances are sums over the channels: 6 and 50 where nothing is asked.
    assert (state.variance[alive] >= 6).all()
    assert (state.variance[alive] <= 50).all()


@given(shape=SIZES, seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_masks_and_state_do_not_depend_on_threads(shape, seed):
    height, width, channels = shape
    shape = (height + 40, width, channels)
    images = list(restless(np.random.default_rng(seed), shape, 6))
    one, many = PosteriorSubtractor(threads=1), PosteriorSubtractor(threads=3)
    least, sharing._PIXELS_WORTH_A_THREAD = sharing._PIXELS_WORTH_A_THREAD, 1
    try:
        with one_in(2):
            for image in images:
                np.testing.assert_array_equal(one.apply(image), many.apply(image))
    finally:
        sharing._PIXELS_WORTH_A_THREAD = least
    many.threads = 1
    ours, theirs = all_of(one), all_of(many)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_bands_of_several_threads_are_really_bands(monkeypatch):
    monkeypatch.setattr(sharing, "_PIXELS_WORTH_A_THREAD", 1)
    bands = []
    sharing.Workspace().share("test", 50, 9, 3).over(
        lambda band, start, stop: bands.append((band, start, stop))
    )
    assert sorted(bands) == [(0, 0, 16), (1, 16, 32), (2, 32, 50)]


@given(
    height=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 5),
)
@settings(deadline=None, max_examples=20)
def test_bands_make_up_the_picture_and_take_the_same_time(height, seed, count):
    strips = -(-height // sharing.STEP)
    cost = np.random.default_rng(seed).exponential(1, strips)
    clock, shared = {}, sharing.Sharing(height, min(count, strips))

    def work(band, start, stop):
        clock[band] = cost[start // sharing.STEP : -(-stop // sharing.STEP)].sum()

    for _ in range(200):
        bands = shared.bands
        assert bands[0][0] == 0
        assert bands[-1][1] == height
        assert all(a[1] == b[0] for a, b in itertools.pairwise(bands))
        assert all(start < stop and start % sharing.STEP == 0 for start, stop in bands)
        for band, (start, stop) in enumerate(bands):
            work(band, start, stop)
        shared.note([clock[band] for band in range(len(bands))])
    took = np.array([clock[band] for band in range(len(shared.bands))])
    # No better than by a strip to either side.
    assert took.max() <= cost.sum() / len(took) + 2 * cost.max()


def test_learning_rate_0_leaves_everything_learned_as_it_is():
    images, _ = moving_square(length=20)
    s = PosteriorSubtractor()
    for image in images[:12]:
        s.apply(image)
    before = state_of(s)
    masks = [s.apply(images[15], learning_rate=0) for _ in range(3)]
    after = state_of(s)
    for name in vars(before):
        # What was measured of the last frame, for its posterior.
        if name not in ("evidence", "sums", "temporal"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name), name)
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])
    assert masks[0].any()


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["copy", "pickle"]
)
def test_a_copy_goes_on_bit_for_bit(clone):
    images, _ = moving_square(length=24)
    s = PosteriorSubtractor()
    for image in images[:12]:
        s.apply(image)
    other = clone(s)
    np.testing.assert_array_equal(s.posterior(), other.posterior())
    for image in images[12:]:
        np.testing.assert_array_equal(s.apply(image), other.apply(image))
    assert all_of(s) == all_of(other)


def test_the_posterior_is_a_half_at_the_threshold_and_higher_on_objects():
    images, truth = moving_square(length=24, side=14)
    s = PosteriorSubtractor(quality="fast", majority=1, closing=1)
    with pytest.raises(ValueError, match="second frame"):
        s.posterior()
    s.apply(images[0])
    with pytest.raises(ValueError, match="second frame"):
        s.posterior()
    for image in images[1:]:
        mask = s.apply(image)
    posterior = s.posterior()
    assert posterior.shape == (46, 62)
    assert posterior.dtype == np.float32
    assert 0 <= posterior.min() < 0.1
    assert 0.9 < posterior.max() <= 1
    np.testing.assert_array_equal(posterior > 0.5, mask)
    assert posterior[truth[-1]].min() > 0.5
    assert np.median(posterior[truth[-1]]) > 0.9


def run(images, **options):
    s = PosteriorSubtractor(**options)
    for image in images:
        s.apply(image)
    return s


def learned_of(s, pixels):
    """What was learned of some pixels, (H, W) bool: copies of all their arrays."""
    state, found = state_of(s), {}
    for name in ("weight", "variance", "mean", "count", "seen", "ground"):
        found[name] = getattr(state, name)[..., pixels]
    return found


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.7])
def test_rates_by_pixel_that_are_all_the_same_are_one_rate(rate):
    images, _ = moving_square(length=30)
    one, many = run(images[:20]), run(images[:20])
    for image in images[20:]:
        rates = np.full(image.shape[:2], rate)
        np.testing.assert_array_equal(one.apply(image, rate), many.apply(image, rates))
    assert all_of(one) == all_of(many)
    chosen, automatic = run(images[:20]), run(images[:20])
    for image in images[20:]:
        nothing = np.full(image.shape[:2], np.nan)
        np.testing.assert_array_equal(chosen.apply(image), automatic.apply(image, nothing))
    assert all_of(chosen) == all_of(automatic)


@pytest.mark.parametrize("elsewhere", [np.nan, 0.02, 1.0])
def test_a_rate_of_0_leaves_those_pixels_bit_for_bit(elsewhere):
    images, _ = moving_square(length=40)
    s = run(images[:20])
    frozen = np.random.default_rng(3).random((46, 62)) < 0.5
    before, others = learned_of(s, frozen), learned_of(s, ~frozen)
    for image in images[20:]:
        s.apply(image, np.where(frozen, 0, elsewhere))
    after = learned_of(s, frozen)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], name)
    assert (others["mean"] != learned_of(s, ~frozen)["mean"]).mean() > 0.2


def test_what_is_known_comes_out_as_said_and_is_learned_accordingly():
    images, _ = moving_square(length=40)
    s = run(images[:30])
    known = np.zeros((46, 62), np.int8)
    known[:10], known[-12:] = 1, -1
    before = learned_of(s, known == 1)
    for image in images[30:]:
        inverse = 255 - image
        mask = s.apply(inverse, known=known)
        assert mask[:10].all()
        assert not mask[-12:].any()
    after = learned_of(s, known == 1)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], name)
    for _ in range(40):
        s.apply(inverse, known=known)
    off = np.abs(s.background().astype(int) - inverse)
    assert np.median(off[-12:]) < 4
    assert np.median(off[:10]) > 20

    first = PosteriorSubtractor()
    np.testing.assert_array_equal(first.apply(images[0], known=known), known == 1)


def test_outside_of_the_region_nothing_is_found_or_learned_or_felt():
    images, _ = moving_square(length=30)
    region = np.zeros((46, 62), bool)
    region[8:40, 5:50] = True
    rng = np.random.default_rng(5)
    other = images.copy()
    other[1:, ~region] = rng.integers(0, 256, (29, (~region).sum(), 3))
    one, two, found = PosteriorSubtractor(region=region), PosteriorSubtractor(region=region), 0
    for image, changed in zip(images, other, strict=True):
        mask = one.apply(image)
        np.testing.assert_array_equal(mask, two.apply(changed))
        assert not mask[~region].any()
        found += mask.sum()
    assert found > 0
    assert all_of(one) == all_of(two)
    np.testing.assert_array_equal(two.background()[~region], images[0][~region])


def test_sensitivity_divides_the_threshold():
    images, _ = moving_square(length=24)
    plain, halved = (
        run(images, threshold=8, quality="fast"),
        PosteriorSubtractor(quality="fast", threshold=16),
    )
    halved.sensitivity = np.full((46, 62), 2.0)
    mixed = PosteriorSubtractor(quality="fast", threshold=16)
    mixed.sensitivity = np.where(np.arange(62) < 31, 2.0, 1e-3) * np.ones((46, 1))
    for image in images:
        mask = halved.apply(image)
        some = mixed.apply(image)
        assert not some[:, 40:].any()
    np.testing.assert_array_equal(plain._state.pictures.mask.reshape(46, 62), mask)
    np.testing.assert_allclose(plain.posterior(), halved.posterior(), atol=1e-6)
    assert not (mixed.posterior()[:, 40:] > 0.5).any()
    with pytest.raises(ValueError, match=r"sensitivity is \(46, 62\).*\(45, 62\)"):
        PosteriorSubtractor(quality="fast", sensitivity=halved.sensitivity).apply(images[0][1:])


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float32, 1), (np.float64, 1)])
def test_thresholds_mean_the_same_for_every_type(dtype, white):
    images, _ = moving_square(length=24)
    eight, other = PosteriorSubtractor(), PosteriorSubtractor()
    for image in images:
        scaled = (image.astype(np.float64) * (white / 255)).astype(dtype)
        np.testing.assert_array_equal(eight.apply(image), other.apply(scaled))
    picture = other.background()
    assert picture.dtype == dtype
    off = picture.astype(float) * (255 / white) - eight.background()
    assert np.abs(off).max() < 0.51
    assert np.abs(off).max() > 0.1  # it has fractions
    np.testing.assert_array_equal(eight.spread(), other.spread())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_unknown_pixels_are_background_and_nothing_is_learned_there(bad):
    images, _ = moving_square(length=24)
    images = images.astype(np.float32) / 255
    hole = np.zeros((46, 62), bool)
    hole[20:30, 10:30] = True
    holed = images[-1].copy()
    holed[hole, 1] = bad
    s = run(images[:20])
    with pytest.raises(ValueError, match=r"200 of 2852.*row 20, column 10"):
        s.apply(holed)
    s.invalid = "unknown"
    before = learned_of(s, hole)
    for _ in range(3):
        mask = s.apply(holed)
        assert not mask[hole].any()
    after = learned_of(s, hole)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], name)

    # What the first frame does not show is begun with the next.
    s = PosteriorSubtractor(invalid="unknown")
    s.apply(holed)
    s.apply(images[0])
    np.testing.assert_allclose(s.background()[hole], images[0][hole], atol=1 / 255)


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


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, 0), (0, -5), (-7, 4), (2, 30)])
def test_what_is_known_moves_and_does_not_come_back_at_the_other_side(dx, dy):
    images, _ = moving_square(length=12)
    s = PosteriorSubtractor()
    for image in images:
        s.apply(image)
    old = state_of(s)
    alive = np.arange(s.components)[:, None, None] < old.count
    old.variance[~alive] = 0
    old.mean[np.broadcast_to(~alive[:, None], old.mean.shape)] = 0
    fresh = np.full((46, 62, 3), 7, np.uint8)
    s._state.move(fresh, (dx, dy), 7.0, 2)
    new = state_of(s)
    alive = np.arange(s.components)[:, None, None] < new.count
    new.variance[~alive] = 0
    new.mean[np.broadcast_to(~alive[:, None], new.mean.shape)] = 0
    y, x = np.mgrid[:46, :62]
    inside = (y >= dy) & (y - dy < 46) & (x >= dx) & (x - dx < 62)
    for name in ("weight", "variance", "mean", "count", "seen", "mask", "ground", "before"):
        before, after = getattr(old, name), getattr(new, name)
        rolled = np.roll(before, (dy, dx), (-2, -1))
        np.testing.assert_array_equal(after[..., inside], rolled[..., inside])
    outside = ~inside
    assert (new.mean[0][:, outside] == 7).all()
    assert (new.ground[:, outside] == 7).all()
    assert (new.seen[outside] == 0).all()
    assert (new.weight[0][outside] == 1).all()
    assert (new.weight[1:][:, outside] == 0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("history", 0),
        ("threshold", 0),
        ("components", 0),
        ("components", 256),
        ("background_weight", 1.5),
        ("complexity", 1),
        ("smallest_variance", 0),
        ("initial_variance", -1),
        ("largest_variance", float("inf")),
        ("own_evidence", 2),
        ("majority", 4),
        ("majority", 17),
        ("closing", 2),
        ("object_rate", -1),
        ("brightest_light", 0.9),
        ("darkest_light", 1.1),
        ("threads", 0),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        PosteriorSubtractor(**{name: value})


@pytest.mark.parametrize(
    ("asked", "channels", "wanted"),
    [
        ({}, 3, (6, 7, 50)),
        ({}, 1, (6, 7, 50)),
        ({"smallest_variance": 9}, 3, (27, 27, 50)),
        ({"smallest_variance": 9}, 1, (9, 9, 50)),
        ({"largest_variance": 1.5}, 3, (4.5, 4.5, 4.5)),
        ({"initial_variance": 20}, 4, (6, 80, 80)),
        ({"smallest_variance": 2, "initial_variance": 3, "largest_variance": 4}, 3, (6, 9, 12)),
    ],
)
def test_variances_are_means_over_the_channels_and_what_is_not_asked_gives_way(
    asked, channels, wanted
):
    rng = np.random.default_rng(4)
    s = PosteriorSubtractor(history=10, follow_noise=False, **asked)
    images = list(restless(rng, (23, 31, channels), 12))
    s.apply(images[0])
    assert (state_of(s).variance[0] == wanted[1]).all()
    for image in images[1:]:
        s.apply(image)
    state = state_of(s)
    seen = state.variance[np.arange(s.components)[:, None, None] < state.count]
    assert wanted[0] <= seen.min()
    assert seen.max() <= wanted[2]


def test_variances_in_another_order_are_refused():
    with pytest.raises(ValueError, match="smallest_variance is 9 and largest_variance is 4"):
        PosteriorSubtractor(smallest_variance=9, largest_variance=4)


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
