"""The posterior subtractor against its equations and its laws."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.background.posterior import PosteriorSubtractor, learning, sharing
from tests.background.inside import all_of, lit, numbers_of, one_in, state_of
from tests.background.test_kernels import restless
from tests.conftest import moving_square
from tests.reference import posterior as reference

SIZES = st.tuples(st.integers(1, 20), st.integers(1, 150), st.sampled_from([1, 3, 4]))


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
        if subtractor.inside.state is None:
            assert not subtractor.apply(image).any()
            continue
        before = copy.deepcopy(subtractor)
        if rate != 0:
            # As `apply` begins: the equations begin after it.
            known = before.inside.state
            known.camera.choose_softness(known.pictures, known.size, known.learned)
        old = state_of(before)
        with one_in(every):
            mask = subtractor.apply(image, rate)
            numbers = numbers_of(before, subtractor, rate)
        new = state_of(subtractor)
        planes = np.moveaxis(before.inside.state.camera.soften(image), 2, 0)

        # While young, the change in time is known before the frame is judged.
        temporal = reference.change(planes, old.before, old.mask, numbers)
        smoothed = np.array([reference.smooth(plane) for plane in temporal])
        assert learning.is_young(before.inside.state)
        share = max(1 / before.inside.state.learned, 0.02)
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
            planes, new.ground, mask, np.float32(subtractor.inside.state.camera.gain)
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
    least, sharing.PIXELS_WORTH_A_THREAD = sharing.PIXELS_WORTH_A_THREAD, 1
    try:
        with one_in(2):
            for image in images:
                np.testing.assert_array_equal(one.apply(image), many.apply(image))
    finally:
        sharing.PIXELS_WORTH_A_THREAD = least
    many.threads = 1
    ours, theirs = all_of(one), all_of(many)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_bands_of_several_threads_are_really_bands(monkeypatch):
    monkeypatch.setattr(sharing, "PIXELS_WORTH_A_THREAD", 1)
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
    s.inside.state.move(fresh, (dx, dy), 7.0, 2)
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
