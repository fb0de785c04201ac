"""zones.json and what other tools write: read right, or refused in one line."""

import json

import pytest

from segment.errors import SegmentError, UnreadableInput
from segment.events import Ground, Line, Zone, read_zones, write_zones

GATE = Zone("gate", ((10, 20), (30, 20), (30, 40)))
ROAD = Line("road", ((0, 5), (60, 6)))


def put(tmp_path, content, name="zones.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_what_is_written_comes_back_and_follows_the_size_of_the_frames(tmp_path):
    zones, lines, size = found = read_zones(put(tmp_path, write_zones([GATE], [ROAD], (48, 64))))
    assert (zones, lines, size) == ((GATE,), (ROAD,), (48, 64))
    assert found.fitted((96, 128)).zones[0].points == ((20, 40), (60, 40), (60, 80))
    assert found.fitted((48, 64)) == found
    with pytest.raises(ValueError, match="drawn on 64x48, but the frames are 100x48"):
        found.fitted((48, 100))


def test_geojson_in_pixels(tmp_path):
    ring = [[10, 20], [30, 20], [30, 40], [10, 20]]
    features = [
        {"type": "Feature", "properties": {"name": "gate"},
         "geometry": {"type": "Polygon", "coordinates": [ring]}},
        {"type": "Feature", "id": 7, "properties": None,
         "geometry": {"type": "MultiPolygon", "coordinates": [[ring], [ring]]}},
        {"type": "Feature", "properties": {"name": "road"},
         "geometry": {"type": "LineString", "coordinates": [[0, 5], [60, 6]]}},
    ]  # fmt: skip
    zones, lines, size = read_zones(
        put(tmp_path, {"type": "FeatureCollection", "features": features})
    )
    assert [zone.name for zone in zones] == ["gate", "7 1", "7 2"]
    assert zones[0] == GATE
    assert lines == (ROAD,)
    assert size is None


def test_polygons_of_cvat(tmp_path):
    text = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>
    <image id="0" name="a.png" width="64" height="48">
     <polygon label="gate" source="manual" points="10.00,20.00;30.00,20.00;30.00,40.00"/>
     <polygon label="gate" points="1,2;3,2;3,4"/>
     <polyline label="road" points="0,5;60,6"/>
     <box label="car" xtl="1" ytl="2" xbr="3" ybr="4"/>
    </image>
    <image id="1" name="b.png" width="64" height="48">
     <polygon label="gate" points="10,20;30,20;30,40"/></image></annotations>"""
    zones, lines, size = read_zones(put(tmp_path, text, "zones.xml"))
    assert [zone.name for zone in zones] == ["gate", "gate 2"]
    assert zones[0] == GATE
    assert lines == (ROAD,)
    assert size == (48, 64)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON: .* line 1"),
        ("[1, 2]", "neither .zones. nor .lines."),
        ("null", "neither"),
        ({"zones": []}, "holds no zone"),
        ({"zones": 7}, "wanted a list"),
        ({"zones": [7]}, "number 1 .* has no points"),
        ({"zones": [{"name": "a"}]}, "number 1 .* has no points"),
        ({"zones": [{"name": "a", "points": [[1, 2], [3, 4]]}]}, "'a' has 2 different points"),
        ({"zones": [{"name": "a", "points": [1, 2, 3]}]}, "1 is no point"),
        ({"zones": [{"name": "a", "points": [[1], [2, 3], [4, 5]]}]}, r"\[1\] is no point"),
        ({"zones": [{"name": "a", "points": [["x", 1], [2, 3], [4, 5]]}]}, "two numbers"),
        ({"zones": [{"points": [[1, 2], [9, 2], [9, 9]]}]}, "has no name"),
        ('{"zones": [{"name": "a", "points": [[NaN, 2], [9, 2], [9, 9]]}]}', "nan,2"),
        ('{"zones": [{"name": "a", "points": [[1e999, 2], [9, 2], [9, 9]]}]}', "inf,2"),
        ({"version": 9, "zones": []}, "version is 9, wanted 1"),
        ({"size": [0, 4], "zones": []}, "size"),
        ({"size": "big", "lines": []}, "size"),
        ({"type": "FeatureCollection"}, "no list"),
        ({"type": "FeatureCollection", "features": [1]}, "no object"),
        ({"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}, "is a Point"),
        ({"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}, "2 different points"),
        ({"type": "Polygon", "coordinates": [[], []]}, "has a hole"),
        ({"type": "Polygon"}, "no coordinates"),
        ("<a/>", "root is <a>"),
        ("<annotations>", "not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><annotations/>', "entities"),
        ("<annotations><image><polygon label='a' points='1,2;x'/></image></annotations>", ".+"),
        ("[" * 100_000, "nested too deep|not JSON"),
        (
            {"zones": [{"name": "a", "points": [[1, 2], [9, 2], [9, 9]]}] * 2},
            "two zones or lines are called 'a'",
        ),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, content, says):
    with pytest.raises(UnreadableInput, match=says) as told:
        read_zones(put(tmp_path, content))
    assert "\n" not in str(told.value)
    assert "zones.json" in str(told.value)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(UnreadableInput, match="cannot be read: no such file"):
        read_zones(tmp_path / "none.json")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UnreadableInput, match="no text"):
        read_zones(tmp_path / "bytes")
    with pytest.raises(SegmentError, match="cannot be read"):
        read_zones(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"pixels": [[1]], "metres": 3}', '{"pixels": 1}', "null"]
)
def test_a_broken_ground_is_one_line(tmp_path, content):
    with pytest.raises(UnreadableInput) as told:
        Ground.read(put(tmp_path, content, "ground.json"))
    assert "\n" not in str(told.value)
    assert "ground.json" in str(told.value)
