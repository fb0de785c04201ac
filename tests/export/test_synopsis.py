"""A long time in a short one: where tubes go, who stays together, and what is painted."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from click.testing import CliRunner

from segment import pipeline
from segment.cli import main
from segment.events import Scene, Watcher, Zone
from segment.export import Chosen, SynopsisVideo
from segment.export.synopsis.arrange import Shape, arrange
from segment.frame import Frame, SequenceInfo

RATE = 10
SIZE = (60, 90)


def frames(walks, count, light=lambda _: 80):
    """Object n comes at frame walks[n][0], in row walks[n][1], and crosses at 3 pixels a frame."""
    info = SequenceInfo("day", SIZE, Fraction(RATE), count)
    for t in range(count):
        image, labels = np.full((*SIZE, 3), light(t), np.uint8), np.zeros(SIZE, np.int32)
        for n, (begin, row) in walks.items():
            x = 3 * (t - begin)
            if 0 <= x < SIZE[1]:
                image[row : row + 12, x : x + 8] = (250, 250, 40 * n % 250)
                labels[row : row + 12, x : x + 8] = n
        yield Frame(image, t, t / RATE, info, foreground=labels > 0, labels=labels)


def synopsis(folder, walks, count, light=lambda _: 80, watched=True, **settings):
    stream = frames(walks, count, light)
    if watched:
        whole = Zone("low", ((0, 40), (90, 40), (90, 60), (0, 60)))
        stream = pipeline.watch(stream, Watcher(Scene((whole,))))
    for _ in pipeline.export(stream, SynopsisVideo(folder, **settings)):
        pass
    told = json.loads((folder / "synopsis.json").read_text())
    with av.open(str(folder / "synopsis.mp4")) as video:
        pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    return told, pictures


WALKS = {1: (50, 5), 2: (400, 25), 3: (800, 45), 4: (1200, 5), 5: (1203, 17), 6: (1900, 44)}


def test_all_who_came_are_seen_in_the_time_that_there_is(tmp_path):
    told, pictures = synopsis(tmp_path, WALKS, 2000, length=7.0)
    assert [one["id"] for one in sorted(told["objects"], key=lambda o: o["start"])] == [*WALKS]
    assert told["length"] == 7.0
    assert len(pictures) == 70
    for one in told["objects"]:
        assert 0 <= one["shown"] <= 7.0 - (one["end"] - one["start"]) + 0.2
        assert one["speed"] == 1
        assert one["start"] == pytest.approx(WALKS[one["id"]][0] / RATE)
    assert told["collided"] < 0.05
    # And they are in the pictures: six bright boxes of 96 pixels, thirty frames each.
    bright = sum((p.astype(int).min(2) > -1) & (p[:, :, 0] > 215) & (p[:, :, 1] > 215)
                 for p in pictures).sum()  # fmt: skip
    assert bright > 0.7 * 6 * 28 * 96


def test_who_is_half_the_time_there_is_alone_is_half_as_long(tmp_path):
    told, pictures = synopsis(tmp_path, {1: (10, 5), 2: (600, 30)}, 1200)
    assert told["length"] < 7
    assert len(pictures) == round(told["length"] * RATE)
    assert told["collided"] < 0.02


def test_those_who_met_stay_together_at_any_length(tmp_path):
    walks = {1: (50, 20), 2: (52, 24), 3: (700, 5), 4: (1000, 45)}
    for length in (4.0, 1.5):
        told, _ = synopsis(tmp_path / str(length), walks, 1200, length=length)
        shown = {one["id"]: one for one in told["objects"]}
        assert shown[1]["group"] == shown[2]["group"] != shown[3]["group"]
        assert (shown[2]["shown"] - shown[1]["shown"]) * shown[1]["speed"] == pytest.approx(
            0.2, abs=0.01
        )
    assert shown[1]["speed"] > 1.9  # three seconds in one and a half


def test_only_the_chosen_are_shown(tmp_path):
    one, _ = synopsis(tmp_path / "a", WALKS, 2000, chosen=Chosen(ids=frozenset({2, 6})))
    two, _ = synopsis(tmp_path / "b", WALKS, 2000, chosen=Chosen(places=frozenset({"low"})))
    assert {o["id"] for o in one["objects"]} == {2, 6}
    assert {o["id"] for o in two["objects"]} == {3, 6}


def test_without_a_watcher_all_that_lasted_a_second_are_shown(tmp_path):
    told, _ = synopsis(tmp_path, {**WALKS, 7: (1995, 30)}, 2000, watched=False)
    assert {one["id"] for one in told["objects"]} == set(WALKS)


def test_the_background_follows_the_light(tmp_path):
    # Dark first, then light: objects that are shown early stand in the dark.
    _, pictures = synopsis(
        tmp_path, {1: (30, 5), 2: (1900, 5)}, 2000, lambda t: 40 + 140 * (t > 1000)
    )
    levels = [float(np.median(picture)) for picture in pictures]
    assert levels[2] < 60
    assert levels[-2] > 160
    assert np.all(np.diff(levels) > -8)


def test_where_nobody_came_a_second_of_the_background_is_left(tmp_path):
    told, pictures = synopsis(tmp_path, {}, 100)
    assert told["objects"] == []
    assert len(pictures) == RATE
    assert abs(float(np.mean(pictures[0])) - 80) < 8


# --- the arrangement ------------------------------------------------------------------------


def lane(begin, cells, steps=20):
    """A group that covers `cells` for `steps` of a fifth of a second."""
    when = np.repeat(np.arange(steps), len(cells))
    return begin, [Shape(begin, begin + steps * 0.2 - 0.2, when, np.tile(cells, steps))]


def place(groups, length, **more):
    how = {"cells": 50, "step": 0.2, "start": 0.0, "span": 1000.0, **more}
    return arrange(groups, length=length, **how)


def test_groups_that_share_a_place_follow_each_other_in_order():
    groups = [lane(begin, [3, 4]) for begin in (10.0, 300.0, 500.0, 505.0, 900.0)]
    found = place(groups, 25.0)
    assert found.speeds == [1.0] * 5
    assert np.all(np.diff(found.moves) >= 4.0 - 1e-9)  # none is there before the other has gone
    assert max(found.moves) <= 21.0 + 1e-9


def test_groups_with_places_of_their_own_may_be_seen_at_once():
    groups = [lane(100.0 * n, [5 * n, 5 * n + 1]) for n in range(8)]
    found = place(groups, 6.0)
    covered = np.zeros((60, 50), int)
    for (_, (shape,)), move in zip(groups, found.moves, strict=True):
        covered[np.round(move / 0.2).astype(int) + shape.when, shape.where] += 1
    assert covered.max() == 1
    assert np.all(np.array(found.moves) <= 2.0 + 1e-9)


def test_annealing_beats_places_at_random():
    rng = np.random.default_rng(3)
    groups = [
        lane(float(b), rng.choice(50, 8, replace=False), 15)
        for b in np.sort(rng.uniform(0, 1000, 40))
    ]

    def collided(moves):
        counts = np.zeros((150, 50), int)
        for (_, (shape,)), move in zip(groups, moves, strict=True):
            counts[round(move / 0.2) + shape.when, shape.where] += 1
        return counts[counts > 1].sum() / counts.sum()

    found = place(groups, 30.0)
    chance = np.mean([collided(rng.uniform(0, 27, 40)) for _ in range(20)])
    assert collided(found.moves) < 0.7 * chance
    assert found == place(groups, 30.0)  # the same again


def test_who_is_longer_than_the_whole_goes_by_faster():
    found = place([lane(5.0, [1], 100), lane(50.0, [2], 10)], 10.0)
    assert found.speeds == [2.0, 1.0]
    assert found.moves[0] == 0.0


def test_no_group_at_all():
    assert place([], 60.0).moves == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--as synopsis --length 0", "--length is 0 seconds"),
        ("--as masks --length 9s", "--length is of the synopsis"),
        ("--as synopsis --length soon", "soon"),
    ],
)
def test_a_length_that_is_none_is_one_line(clip, tmp_path, words, says):
    line = f"read {clip} subtract-mixture group-components export {tmp_path / 'out'} {words}"
    result = CliRunner().invoke(main, line)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
