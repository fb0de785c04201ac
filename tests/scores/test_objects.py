"""Files of labels against files of identities: who belongs to whom, and what is refused."""

import json
from itertools import islice

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from segment.cli import main
from segment.errors import NoFrames, UnreadableInput
from segment.scores.objects import score_objects
from segment.video import open_frames


def labels_of(shift, numbers=(1, 2)):
    picture = np.zeros((20, 30), np.uint16)
    picture[5:10, 2 + shift : 8 + shift] = numbers[0]
    picture[12:18, 18 - shift : 24 - shift] = numbers[1]
    return picture


def write(folder, pictures, start=0):
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures, start):
        assert cv2.imwrite(str(folder / f"{number:06}.png"), picture)


def test_labels_under_other_numbers_are_perfect(tmp_path):
    write(tmp_path / "out" / "walk" / "labels", [labels_of(t, (700, 3)) for t in range(6)])
    write(tmp_path / "truth" / "walk" / "ids", [labels_of(t).astype(np.uint8) for t in range(6)])
    (found,) = score_objects(tmp_path / "out", tmp_path / "truth")
    assert found.name == "walk"
    values = found.as_dict()
    assert values["frames"] == 6
    assert values["sequence_ari"] == values["idf1"] == values["hota"] == 1
    assert values["switches"] == 0


def test_frames_belong_together_by_number(tmp_path):
    write(tmp_path / "labels", [labels_of(t) for t in range(3, 6)], start=3)
    write(tmp_path / "ids", [labels_of(t) for t in range(8)])
    (found,) = score_objects(tmp_path / "labels", tmp_path / "ids")
    assert found.score.frames == 3
    assert found.score.frame_ari == 1
    assert score_objects(tmp_path / "labels", tmp_path / "ids", skip=5)[0].score.frames == 1
    with pytest.raises(NoFrames, match="no frame in common"):
        score_objects(tmp_path / "labels", tmp_path / "ids", skip=6)


def test_a_video_of_ids_is_a_truth(tmp_path, pytestconfig):
    truth = pytestconfig.rootpath / "videos" / "street.ids.mkv"
    with open_frames(truth) as frames:
        some = [frame.image[:, :, 0] for frame in islice(frames, 100, 120)]
    assert all(picture.any() for picture in some)
    write(tmp_path / "street" / "labels", some, start=100)
    (found,) = score_objects(tmp_path / "street", truth)
    assert found.score.frames == 20
    assert found.score.count_error == 0


def test_what_makes_no_sense_is_one_line(tmp_path):
    write(tmp_path / "labels", [labels_of(0)])
    write(tmp_path / "ids", [labels_of(0)[:10]])
    with pytest.raises(UnreadableInput, match="frame 0: labels are"):
        score_objects(tmp_path / "labels", tmp_path / "ids")
    write(tmp_path / "colour" / "labels", [np.zeros((20, 30, 3), np.uint8)])
    with pytest.raises(UnreadableInput, match="colour picture"):
        score_objects(tmp_path / "colour", tmp_path / "ids")
    (tmp_path / "broken" / "labels").mkdir(parents=True)
    (tmp_path / "broken" / "labels" / "000000.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableInput, match="cannot be read"):
        score_objects(tmp_path / "broken", tmp_path / "ids")


def test_the_command_prints_a_table_and_json(tmp_path):
    write(tmp_path / "a" / "labels", [labels_of(t) for t in range(4)])
    write(tmp_path / "b" / "ids", [labels_of(t) for t in range(4)])
    line = ["score", str(tmp_path / "a"), str(tmp_path / "b"), "--objects", "--skip", "0"]
    result = CliRunner().invoke(main, line)
    assert result.exit_code == 0, result.output
    assert "hota" in result.output.splitlines()[0]
    result = CliRunner().invoke(main, [*line, "--json"])
    (row,) = json.loads(result.stdout)["sequences"]
    assert row["frames"] == 4
    assert row["mota"] == 1
    refused = CliRunner().invoke(main, [*line, "--groups"])
    assert refused.exit_code == 2
