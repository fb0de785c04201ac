"""Files of labels against files of truth: what belongs together, what is said when nothing does."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from segment.cli import main
from segment.errors import UnreadableInput
from segment.scores.groupings import score_groupings

TRUTH = np.repeat([[1, 1, 1, 2, 2, 2]], 4, axis=0).astype(np.uint16)
LINE = np.zeros((4, 6), bool)
LINE[:, 2] = True
WHOLE = np.ones_like(TRUTH)


def write(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), labels)


@pytest.fixture
def truth(tmp_path):
    folder = tmp_path / "truth"
    folder.mkdir()
    bits = np.packbits(np.stack([LINE, np.zeros_like(LINE)]))
    np.savez(folder / "a.npz", segmentations=np.stack([TRUTH, WHOLE]), boundaries=bits)
    cells = np.empty((1, 2), object)
    for person, (segments, line) in enumerate([(TRUTH, LINE), (WHOLE, LINE & False)]):
        cells[0, person] = {"Segmentation": segments, "Boundaries": line.astype(np.uint8)}
    savemat(folder / "b.mat", {"groundTruth": cells})
    write(folder / "c.png", TRUTH)
    return folder


def test_an_export_of_pictures_against_all_kinds_of_truth(tmp_path, truth):
    for name in "abc":
        write(tmp_path / "out" / name / "labels" / "000000.png", TRUTH * 300)
        write(tmp_path / "out" / name / "masks" / "000000.png", WHOLE)

    found = score_groupings(tmp_path / "out", truth)

    assert [one.name for one in found] == ["a", "b", "c"]
    assert [one.score.covering for one in found] == [0.75, 0.75, 1]
    assert [one.score.variation for one in found] == [0.5, 0.5, 0]
    assert [one.score.boundary_f for one in found] == [1, 1, 1]


def test_a_plain_folder_and_the_command(tmp_path, truth):
    write(tmp_path / "mine" / "a.png", WHOLE)
    write(tmp_path / "mine" / "alone.png", WHOLE)

    result = CliRunner().invoke(
        main, ["score", f"{tmp_path / 'mine'}", f"{truth}", "--groups", "--json"]
    )

    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [row["name"] for row in document["pictures"]] == ["a"]
    assert document["mean"] == {
        "covering": 0.75, "rand_index": (1 + 132 / 276) / 2, "variation": 0.5,
        "boundary_f": 0.0, "segments": 1.0,
    }  # fmt: skip
    table = CliRunner().invoke(main, ["score", f"{tmp_path / 'mine'}", f"{truth}", "--groups"])
    assert "0.7500" in table.stdout


def test_two_single_files_need_no_common_name(tmp_path, truth):
    write(tmp_path / "mine.png", TRUTH)
    assert score_groupings(tmp_path / "mine.png", truth / "a.npz")[0].name == "mine"


def test_what_does_not_fit_is_named(tmp_path, truth):
    write(tmp_path / "other" / "z.png", TRUTH)
    with pytest.raises(UnreadableInput, match=r"no labels in .*other \(z\) have a name like"):
        score_groupings(tmp_path / "other", truth)
    write(tmp_path / "turned" / "a.png", TRUTH.T.copy())
    with pytest.raises(UnreadableInput, match=r"are \(6, 4\), but the truth .* is \(4, 6\)"):
        score_groupings(tmp_path / "turned", truth)
    with pytest.raises(UnreadableInput, match="nowhere does not exist"):
        score_groupings(tmp_path / "nowhere", truth)
    (truth / "z.npz").write_bytes(b"no archive")
    with pytest.raises(UnreadableInput, match=r"z\.npz holds no segmentations"):
        score_groupings(tmp_path / "other", truth)
