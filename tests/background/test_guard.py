"""What the guard promises: it knows a switched light from a flash, a lorry and a crowd."""

from segment.background.guard import Watch, look


def changes(frames):
    """Numbers of the frames at which the scene is said to have changed."""
    watch, found = Watch(), []
    for number, (covered, still) in enumerate(frames):
        watch, changed = look(watch, covered, still)
        if changed:
            found.append(number)
    return found


CALM = (0.02, 0.98)


def test_a_switched_light_is_a_change_once_it_has_stood_for_a_few_frames():
    assert changes([CALM] * 10 + [(0.9, 0.1)] + [(0.9, 0.95)] * 10) == [13]


def test_there_and_back_are_two_changes():
    there = [(0.95, 0.0)] + [(0.95, 1.0)] * 3
    assert changes([CALM] * 5 + there + [CALM] * 20 + there) == [8, 32]


def test_a_flash_is_none():
    assert changes([CALM] * 10 + [(0.9, 0.1)] * 2 + [CALM] * 10) == []


def test_what_covers_the_picture_and_keeps_moving_is_none():
    assert changes([CALM] * 10 + [(0.9, 0.3)] * 100) == []


def test_what_comes_slowly_is_none_however_much_it_covers():
    frames = [(min(0.9, 0.1 * n), 0.9) for n in range(100)]
    assert changes(frames) == []


def test_a_crowded_picture_that_stays_crowded_is_none():
    assert changes([(0.8, 0.9)] * 100) == []
