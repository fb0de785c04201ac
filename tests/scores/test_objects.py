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
from tests.conftest import as_frames


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


def boxes_text(path, frames, numbers=(1, 2), tail=",1,1,1"):
    """MOT text of `labels_of` at these frames."""
    lines = []
    for t in frames:
        lines.append(f"{t + 1},{numbers[0]},{3 + t},6,6,5{tail}")
        lines.append(f"{t + 1},{numbers[1]},{19 - t},13,6,6{tail}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def test_labels_against_boxes_of_mot(tmp_path):
    truth = boxes_text(tmp_path / "truth.txt", range(2, 6))
    write(tmp_path / "out" / "walk" / "labels", [labels_of(t, (700, 3)) for t in range(8)])
    (found,) = score_objects(tmp_path / "out", truth)
    values = found.as_dict()
    assert found.name == "walk"
    assert values["frames"] == 4
    assert values["idf1"] == values["hota"] == values["mota"] == 1
    assert values["frame_ari"] is None
    assert score_objects(tmp_path / "out", truth, skip=4)[0].score.frames == 2
    with pytest.raises(NoFrames, match="from frame 6 on"):
        score_objects(tmp_path / "out", truth, skip=6)


def test_mot_text_against_boxes_of_mot(tmp_path):
    truth = boxes_text(tmp_path / "truth.txt", range(2, 6))
    # The frames 4 and 5 are not in it: nothing was found there.
    found = boxes_text(tmp_path / "walk" / "mot.txt", range(4), (9, 5), ",1,-1,-1,-1")
    for path in (found, found.parent):
        (one,) = score_objects(path, truth)
        assert one.name == "walk"
        assert one.score.frames == 4
        assert one.score.mota == pytest.approx(0.5)
        assert one.score.switches == 0
    # Pictures beside it that are no labels do not matter; labels do.
    write(found.parent / "masks", [labels_of(t) for t in range(8)])
    assert score_objects(found.parent, truth)[0].score.mota == pytest.approx(0.5)
    write(found.parent / "labels", [labels_of(t) for t in range(8)])
    assert score_objects(found.parent, truth)[0].score.mota == 1


def test_a_truth_of_boxes_is_of_one_sequence(tmp_path):
    truth = boxes_text(tmp_path / "truth.txt", range(3))
    for name in "ab":
        boxes_text(tmp_path / "out" / name / "mot.txt", range(3))
    with pytest.raises(UnreadableInput, match="holds 2 sequences"):
        score_objects(tmp_path / "out", truth)
    assert score_objects(tmp_path / "out" / "b", truth)[0].score.mota == 1


def test_what_need_not_be_found_is_flagged(tmp_path):
    truth = boxes_text(tmp_path / "truth.txt", range(3), tail=",0,1,.2")
    with_one = truth.read_text(encoding="ascii") + "1,8,1,1,3,3,1,1,1\n"
    truth.write_text(with_one, encoding="ascii")
    found = boxes_text(tmp_path / "mot.txt", range(3), tail=",0,-1,-1,-1")
    (one,) = score_objects(found, truth)
    assert one.score.mota == 0  # only number 8 counts, and it is missed
    assert one.score.count_error == 1


@pytest.mark.parametrize(
    "line",
    ["0,1,1,1,5,5", "1,1,1,1,0,5", "1,1,1,1,5", "1,1.5,1,1,5,5", "1,x,1,1,5,5", "1,1,nan,1,5,5"],
)
def test_lines_that_are_no_boxes_are_named(tmp_path, line):
    path = tmp_path / "mot.txt"
    path.write_text(f"1,2,1,1,5,5\n\n{line}\n", encoding="ascii")
    with pytest.raises(UnreadableInput, match=r"line 3 is .*wanted frame,id,left,top"):
        score_objects(path, path)


def test_one_object_has_one_box_in_a_frame(tmp_path):
    path = tmp_path / "mot.txt"
    path.write_text("1,2,1,1,5,5\n1,2,3,3,5,5\n", encoding="ascii")
    with pytest.raises(UnreadableInput, match="line 2: frame 1 has 2 twice"):
        score_objects(path, path)
    with pytest.raises(UnreadableInput, match="cannot be read as text"):
        score_objects(path, tmp_path / "nothing.txt")


def test_what_the_sink_writes_is_what_labels_hold(tmp_path):
    from segment.export.mot import MotText
    from segment.scores.objects import boxes_of, read_boxes

    labels = np.stack([labels_of(t, (700, 3)) for t in range(4)]).astype(np.int32)
    with MotText(tmp_path) as sink:
        for frame in as_frames(np.zeros((4, 20, 30, 3), np.uint8), labels=labels):
            sink.write(frame)
    found = read_boxes(next(tmp_path.rglob("mot.txt")))
    assert list(found) == [0, 1, 2, 3]
    for t, boxes in found.items():
        expected = boxes_of(labels[t])
        np.testing.assert_array_equal(boxes.numbers, expected.numbers)
        np.testing.assert_array_equal(boxes.places, expected.places)
        assert not boxes.ignored.any()
