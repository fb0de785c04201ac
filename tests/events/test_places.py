"""Zones and lines: what they hold, and what is refused in one line."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.events import Ground, Line, Scene, Zone

SQUARE = ((10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0))


@given(x=st.floats(0, 40), y=st.floats(0, 40), turn=st.integers(0, 3), back=st.booleans())
def test_a_square_holds_what_lies_in_it(x, y, turn, back):
    points = SQUARE[turn:] + SQUARE[:turn]
    zone = Zone("square", points[::-1] if back else points)
    if min(abs(x - 10), abs(x - 30), abs(y - 10), abs(y - 30)) > 1e-6:
        assert zone.contains(x, y) == (10 < x < 30 and 10 < y < 30)


def test_a_hollow_of_an_outline_is_outside():
    bay = Zone("bay", ((0, 0), (30, 0), (30, 30), (20, 30), (20, 10), (10, 10), (10, 30), (0, 30)))
    assert bay.contains(5, 20)
    assert bay.contains(25, 20)
    assert not bay.contains(15, 20)
    assert abs(bay.area) == 30 * 30 - 10 * 20


def test_names_may_hold_colons_and_the_outline_may_be_closed():
    zone = Zone.parse("gate: north: 10,200 300,200 300.5,400 10,200")
    assert zone.name == "gate: north"
    assert zone.points == ((10, 200), (300, 200), (300.5, 400))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gate: 10,20 30,40", "'gate' has 2 different points; wanted a polygon of 3"),
        ("gate: 10,20 10,20 30,40 30,40", "2 different points"),
        ("gate: 0,0 20,20 20,0 0,20", "crosses itself: the side from point 1 meets .* point 3"),
        ("gate: 0,0 10,0 20,0", "crosses itself|covers 0 pixels"),
        ("gate: 0,0 20,0 5,0 5,9", "crosses itself"),
        ("gate: 0,0 nan,20 20,20", "nan,0|nan,20; wanted pixels"),
        ("gate: 0,0 inf,20 20,20", "inf,20; wanted pixels"),
        ("gate: 0,0 1e300,20 20,20", "wanted pixels"),
        ("gate: 0,0 twenty,20 20,20", "'twenty,20'; wanted column,row"),
        ("gate: 0,0 20 20,20", "'20'; wanted column,row"),
        ("gate: 0 0,1 2,3,4", "wanted column,row"),
        ("gate 0,0 20,20 20,0", "is no zone; wanted a name and points"),
        (": 0,0 20,20 20,0", "is no zone; wanted a name"),
        ("gate:", "is no zone"),
        ("", "is no zone"),
        ("ga\x07te: 0,0 20,20 20,0", "control character"),
    ],
)
def test_a_bad_zone_is_one_line(text, says):
    with pytest.raises(ValueError, match=says) as told:
        Zone.parse(text)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("road: 0,100", "'road' has 1 different points; wanted its two ends"),
        ("road: 0,100 0,100", "1 different points"),
        ("road: 0,1 2,3 4,5", "3 different points"),
        ("road: 0,1 2,nan", "wanted pixels"),
        ("road 0,1 2,3", "is no line"),
    ],
)
def test_a_bad_line_is_one_line(text, says):
    with pytest.raises(ValueError, match=says):
        Line.parse(text)


def test_a_place_outside_the_picture_is_told_and_one_at_its_border_is_not():
    scene = Scene((Zone("in", SQUARE), Zone("half", ((90, 0), (150, 0), (150, 40)))))
    assert scene.check((50, 100)) == ["half"]
    with pytest.raises(ValueError, match=r"'half' lies outside the picture: columns 90 .* 80x50"):
        scene.check((50, 80))
    with pytest.raises(ValueError, match=r"the line 'far' lies outside .* rows 60 to 70"):
        Scene(lines=(Line("far", ((0, 60), (10, 70))),)).check((50, 100))
    with pytest.raises(ValueError, match="two zones or lines are called 'in'"):
        Scene((Zone("in", SQUARE),), (Line("in", ((0, 0), (1, 1))),))


def test_ways_across_a_line_are_those_of_the_picture():
    level = Line("level", ((0, 50), (100, 60)))
    assert level.beside(50, 90)[0] > 0
    assert level.directions == ("up", "down")
    assert Line("level", ((100, 60), (0, 50))).directions == ("down", "up")
    upright = Line("upright", ((50, 0), (60, 100)))
    assert upright.beside(0, 50)[0] > 0
    assert upright.directions == ("right", "left")


@given(seed=st.integers(0, 2**32 - 1), many=st.integers(4, 8))
def test_a_plane_is_found_again_from_its_points(seed, many):
    rng = np.random.default_rng(seed)
    corners = np.array([[40, 200], [280, 210], [220, 90], [90, 80]], float)
    more = np.column_stack([rng.uniform(60, 260, many - 4), rng.uniform(90, 200, many - 4)])
    pixels = np.concatenate([corners + rng.uniform(-9, 9, corners.shape), more])
    h = np.array([[0.05, 0.01, -2], [0.002, 0.11, -5], [0.0001, 0.004, 1]])
    mapped = np.column_stack([pixels, np.ones(many)]) @ h.T
    metres = mapped[:, :2] / mapped[:, 2:]
    ground = Ground.measured(pixels, metres)
    for (x, y), wanted in zip(pixels, metres, strict=True):
        np.testing.assert_allclose(ground.place(x, y), wanted, atol=1e-6)


def test_beyond_the_horizon_there_is_no_ground():
    ground = Ground.measured(
        [[0, 200], [300, 200], [200, 120], [100, 120]], [[0, 0], [3, 0], [3, 9], [0, 9]]
    )
    near, far = ground.place(150, 190), ground.place(150, 130)
    assert near is not None
    assert far is not None
    assert far[1] > near[1]
    assert ground.place(150, 10) is None


@pytest.mark.parametrize(
    ("pixels", "metres", "says"),
    [
        ([[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 0], [1, 1]], "four pairs"),
        ([[0, 0], [1, 0], [2, 0], [1, 1]], [[0, 0], [1, 0], [2, 0], [1, 1]], "lie on a line"),
        ([[0, 0], [0, 0], [1, 0], [1, 1]], [[0, 0], [0, 0], [1, 0], [1, 1]], "the same"),
        ([[0, 0], [9, 0], [9, 9], [0, math.nan]], [[0, 0], [1, 0], [1, 1], [0, 1]], "none"),
        ([[0, 0], [9, 0], [9, 9], [0, 9]], [[0, 0], [1, 1], [1, 0], [0, 1]], "horizon"),
        ("abc", [[0, 0]], "not all pairs|four pairs"),
        ([[0, 0], [1]], [[0, 0], [1, 2]], "not all pairs"),
    ],
)
def test_bad_points_of_the_ground_are_one_line(pixels, metres, says):
    with pytest.raises(ValueError, match=says):
        Ground.measured(pixels, metres)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_scale_is_above_zero(value):
    with pytest.raises(ValueError, match="metres per pixel"):
        Ground.scaled(value)
