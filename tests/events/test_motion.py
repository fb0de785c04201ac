"""What moves without being somebody: light that goes by, leaves, rain."""

import numpy as np
import pytest

# --- light and leaves -----------------------------------------------------------------------


def moving(picture, mask, frames):
    """Motion of `frames` pictures, each with the mask that a subtractor might give."""
    from segment.events.motion import Motion

    motion = Motion(0.5, 2.0)
    found = [motion.see(mask(t), t, t / 10, picture(t)) for t in range(frames)]
    return [one for one in [*found, motion.finish()] if one is not None]


def crossing(t, high=40, wide=30):
    mask = np.zeros((120, 200), bool)
    if t >= 10:
        x = 3 * (t - 10)
        mask[30 : 30 + high, x : min(x + wide, 200)] = True
    return mask


@pytest.mark.parametrize("who", ["somebody", "a cloud"])
def test_light_that_goes_by_is_nobody(who):
    rng = np.random.default_rng(0)
    ground = rng.integers(80, 140, (120, 200, 1)).astype(np.float64)
    coat = rng.integers(0, 60, (120, 200, 1)).astype(np.float64)

    def picture(t):
        front = coat if who == "somebody" else 0.6 * ground
        image = np.where(crossing(t)[:, :, None], front, ground) + rng.normal(0, 1, ground.shape)
        return np.repeat(image.clip(0, 255).astype(np.uint8), 3, 2)

    found = moving(picture, crossing, 90)
    assert len(found) == (who == "somebody")
    if found:
        assert found[0].start == pytest.approx(1.0, abs=0.11)


def test_leaves_that_flutter_are_nobody_and_who_walks_beside_them_is():
    rng = np.random.default_rng(1)

    def leaves(t):
        mask = np.zeros((120, 200), bool)
        for _ in range(6):
            y, x = rng.integers(0, 40), rng.integers(0, 60)
            mask[y : y + rng.integers(4, 14), x : x + rng.integers(4, 20)] = True
        return mask

    def with_a_walker(t):
        mask = leaves(t)
        if 600 <= t < 700:
            x = 190 - 2 * (t - 600)
            mask[70:110, max(0, x) : x + 12] = True
        return mask

    image = np.full((120, 200, 3), 90, np.uint8)
    settled = [one for one in moving(lambda _: image, leaves, 900) if one.start > 30]
    assert sum(one.end - one.start for one in settled) < 3
    found = [one for one in moving(lambda _: image, with_a_walker, 900) if one.end > 62]
    assert any(abs(one.start - 60) < 0.5 and abs(one.end - 69.5) < 1.5 for one in found)


@pytest.mark.parametrize("rain", [False, True])
def test_who_is_elsewhere_in_every_frame_is_somebody_and_rain_is_not(rain):
    rng = np.random.default_rng(2)

    def mask(t, walker=True):
        found = np.zeros((120, 200), bool)
        for _ in range(rng.poisson(4) if rain else 0):
            y, x = rng.integers(0, 110), rng.integers(0, 196)
            found[y : y + 9, x : x + 3] = True
        if walker and 100 <= t < 110:  # a second, no two of whose masks overlap
            found[60:90, 5 + 18 * (t - 100) : 17 + 18 * (t - 100)] = True
        return found

    image = np.full((120, 200, 3), 90, np.uint8)
    (found,) = moving(lambda _: image, mask, 300)
    assert (found.start, found.end) == pytest.approx((10.0, 10.9), abs=0.11)
    assert moving(lambda _: image, lambda t: mask(t, False), 300) == []


@pytest.mark.parametrize("who", ["somebody", "a cloud"])
def test_a_cloud_before_a_bare_wall_has_no_edge(who):
    rng = np.random.default_rng(3)
    columns = np.arange(200.0)

    def depth(t):
        middle = 4 * t - 60
        if who == "somebody":
            return np.where(np.abs(columns - middle) < 15, 60.0, 0.0)
        return 60 * np.exp(-(((columns - middle) / 30) ** 2))

    def picture(t):
        image = 150 - depth(t)[None, :, None] + rng.normal(0, 0.5, (120, 200, 3))
        return image.clip(0, 255).astype(np.uint8)

    def mask(t):
        found = np.zeros((120, 200), bool)
        found[30:100] = depth(t) > 20
        return found

    # Above and below it ends with the wall: what is looked at is where it gets darker.
    assert len(moving(picture, mask, 80)) == (who == "somebody")


def test_who_walks_in_a_cloud_is_told_from_it():
    rng = np.random.default_rng(4)
    ground = rng.uniform(80, 140, (120, 200, 1))
    coat = rng.uniform(0, 60, (120, 200, 1))
    columns = np.arange(200.0)[None, :, None]

    def gain(t):
        return 1 - 0.3 * np.exp(-(((columns - 2 * t) / 40) ** 2))

    def somebody(t):
        front = np.zeros((120, 200, 1), bool)
        if 30 <= t < 60:
            front[40:80, 4 * (t - 30) : 4 * (t - 30) + 14] = True
        return front

    def picture(t):
        image = gain(t) * np.where(somebody(t), coat, ground) + rng.normal(0, 1, ground.shape)
        return np.repeat(image.clip(0, 255).astype(np.uint8), 3, 2)

    def mask(t):
        return ((gain(t) < 0.85) | somebody(t))[:, :, 0]

    (found,) = moving(picture, mask, 110)
    assert (found.start, found.end) == pytest.approx((3.0, 5.9), abs=0.11)


# --- how blobs go on -------------------------------------------------------------------------

PLAIN = np.full((120, 200, 3), 90, np.uint8)


def test_a_splinter_at_the_border_has_not_got_away_by_being_elsewhere():
    def standing(t):
        mask = np.zeros((120, 200), bool)
        if t >= 5:
            mask[0:40, 60:100] = True
        if t in (30, 31, 32, 33, 34):  # a corner of it comes off
            mask[8:12, 60:70] = mask[0:12, 66:70] = False
        return mask

    assert moving(lambda _: PLAIN, standing, 60) == []


def test_who_leaps_once_and_then_walks_is_somebody():
    def walker(t):
        mask = np.zeros((120, 200), bool)
        if 10 <= t < 45:
            x = 5 if t == 10 else 35 + 4 * (t - 10)
            mask[40:60, x : x + 10] = True
        return mask

    (found,) = moving(lambda _: PLAIN, walker, 80)
    assert (found.start, found.end) == pytest.approx((1.0, 4.4), abs=0.11)


def test_who_is_quick_is_there_also_while_the_border_cuts_him():
    def runner(t):
        mask = np.zeros((120, 200), bool)
        if 20 <= t < 27:
            x = 190 - 38 * (t - 20)
            mask[40:80, max(0, x) : max(0, x + 30)] = True
        return mask

    (found,) = moving(lambda _: PLAIN, runner, 60)
    assert (found.start, found.end) == pytest.approx((2.0, 2.5), abs=0.11)


def test_a_gust_after_a_calm_is_nobody():
    """Many leaves at once, each of which goes farther than its own size."""
    rng = np.random.default_rng(5)
    places = rng.integers(0, (60, 80), (12, 2))
    ways = rng.uniform(-1.5, 1.5, (12, 2))

    def leaves(t):
        mask = np.zeros((120, 200), bool)
        if 200 <= t < 212:
            for y, x in np.rint(places + (t - 200) * ways).astype(int):
                mask[max(0, y) : y + 8, max(0, x) : x + 9] = True
        return mask

    assert moving(lambda _: PLAIN, leaves, 260) == []


@pytest.mark.parametrize("frames", [4, 5])
def test_the_last_picture_counts_for_as_long_as_the_others(frames):
    def walker(t):
        mask = np.zeros((120, 200), bool)
        if 20 <= t < 20 + frames:
            mask[40:60, 60 + 6 * (t - 20) : 70 + 6 * (t - 20)] = True
        return mask

    assert len(moving(lambda _: PLAIN, walker, 60)) == (frames == 5)  # half a second is asked for
