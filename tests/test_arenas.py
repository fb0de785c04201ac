"""Arenas on the command line, and a known number of animals."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from segment.cli import main
from segment.cli.arenas import read_arenas
from segment.errors import SegmentError


def picture(path, mask):
    import cv2

    assert cv2.imwrite(str(path), mask.astype(np.uint8) * 255)
    return path


def test_what_is_painted_and_connected_is_an_arena(tmp_path):
    mask = np.zeros((20, 30), bool)
    mask[2:8, 15:28] = mask[10:18, 2:12] = True
    found = read_arenas(picture(tmp_path / "a.png", mask), (20, 30))
    assert found[4, 20] == 1
    assert found[12, 5] == 2
    np.testing.assert_array_equal(found > 0, mask)


def test_zones_are_arenas_in_their_order(tmp_path):
    zones = [
        {"name": "right", "points": [[16, 2], [28, 2], [28, 17], [16, 17]]},
        {"name": "left", "points": [[1, 2], [18, 2], [18, 17], [1, 17]]},
    ]
    path = tmp_path / "zones.json"
    path.write_text(json.dumps({"version": 1, "zones": zones}))
    found = read_arenas(path, (20, 30))
    assert found[8, 20] == found[8, 17] == 1
    assert found[8, 5] == 2
    assert found[0, 0] == 0


def test_arenas_that_do_not_fit_are_named(tmp_path):
    path = picture(tmp_path / "a.png", np.ones((20, 30), bool))
    with pytest.raises(SegmentError, match="is 30x20, but the frames are 31x20"):
        read_arenas(path, (20, 31))
    with pytest.raises(SegmentError, match="black all over"):
        read_arenas(picture(tmp_path / "b.png", np.zeros((20, 30), bool)), (20, 30))
    lines = tmp_path / "lines.json"
    lines.write_text(json.dumps({"lines": [{"name": "a", "points": [[1, 1], [9, 9]]}]}))
    with pytest.raises(SegmentError, match=r"no arena|version"):
        read_arenas(lines, (20, 30))


def test_candidates_are_not_counted(tmp_path):
    line = [
        "read",
        "sample:street",
        "--stop",
        ".2s",
        "subtract",
        "group",
        "--candidates",
        "--number",
        "2",
    ]
    result = CliRunner().invoke(main, [*line, "export", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "leave out --number, --largest and --arena" in result.output
