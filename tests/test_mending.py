"""Ids put right by hand: a mended export is that of a run whose ids were right."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from segment.cli import main
from segment.cli.lines import links_of, typed_for
from segment.errors import SegmentError
from segment.masks import pieces_of
from segment.mending import Corrections, Kept, Seen
from tests.conftest import write_video

LENGTH, SIDE = 36, 8
ROWS = (4, 17, 30, 43)
FORMATS = ("masks", "labels", "coco", "overlay", "mot", "events", "counts", "edl", "clips",
           "crops", "synopsis", "report", "video")  # fmt: skip


def right(band, t):
    """Four squares on rows of their own; of the last one, nothing is an object."""
    return (1, 2, 5 if t >= 25 else 3, 0)[band]


def wrong(band, t):
    """Two that are mistaken for each other, one that is lost, one that is two, and flutter."""
    first, second = (1, 2) if t < 15 else (2, 1)
    return (first, 7 if t >= 22 else second, 3, 4)[band]


MENDED = """
[[mend]]
swap = [1, 2]
from = 15
[[mend]]
merge = [2, 7]
[[mend]]
split = 3
from = "1s"
into = 5
[[mend]]
drop = 4
"""


class Told:
    """A grouper that knows each square by its row."""

    def __init__(self, ids):
        self.ids, self.t = ids, -1

    def group(self, image, foreground):
        self.t += 1
        labels = np.zeros(foreground.shape, np.int32)
        for number in range(1, int((pieces := pieces_of(foreground)).max()) + 1):
            mine = pieces == number
            row = np.argwhere(mine)[:, 0].mean() - SIDE / 2
            labels[mine] = self.ids(int(np.abs(np.array(ROWS) - row).argmin()), self.t)
        return labels


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """A video of four squares that go to and fro over a still ground."""
    rng = np.random.default_rng(0)
    images = rng.normal(90, 1, (1, 56, 80, 3)) + rng.normal(0, 1, (LENGTH, 56, 80, 3))
    for t in range(3, LENGTH):
        for n, row in enumerate(ROWS):
            x = 2 + 2 * (t - 3) if n % 2 else 70 - 2 * (t - 3)
            images[t, row : row + SIDE, x : x + SIDE] = (220, 60 + 40 * n, 40)
    path = tmp_path_factory.mktemp("squares") / "squares.mkv"
    return write_video(path, images.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def runs(squares, tmp_path_factory):
    """OUT of a run whose ids are right, and of one whose ids are wrong."""
    found = {}
    for name, ids in (("right", right), ("wrong", wrong)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("segment.grouping.ConnectedComponents", lambda *, _=ids, **how: Told(_))
            out = tmp_path_factory.mktemp(name) / "out"
            told = [word for kind in FORMATS for word in ("--as", kind)]
            line = ["read", squares, "subtract", "clean", "--smallest", 4, "group-components"]
            done(*line, "events", "--shortest", ".2s", "--line", "a: 40,0 40,56",
                 "export", out, *told)  # fmt: skip
            found[name] = out
    return found


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def done(*words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


def refused(*words):
    result = run(*words)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    return result.output


def written(folder):
    """Every file but the two that tell of the line itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("run.json", "report.html")
    }


def corrections(folder, text=MENDED):
    path = folder / "corrections.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("gone", [(), ("labels",), ("masks",)], ids=["all", "coco", "film"])
def test_a_mended_export_equals_one_whose_ids_were_right(runs, tmp_path, gone):
    out = tmp_path / "out"
    shutil.copytree(runs["wrong"], out)
    for name in gone:
        shutil.rmtree(out / "squares" / name)
    before = written(out)
    done("mend", out, corrections(tmp_path))
    wanted, found = written(runs["right"]), written(tmp_path / "out-mended")
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert written(out) == before
    assert json.loads((tmp_path / "out-mended/squares/run.json").read_text())["complete"]


def test_what_is_still_wrong_is_added_at_the_end(runs, tmp_path):
    first, last = MENDED.split("[[mend]]\nsplit")
    path = corrections(tmp_path, first)
    done("mend", runs["wrong"], path, tmp_path / "new")
    assert written(tmp_path / "new") != written(runs["right"])
    path.write_text(first + "[[mend]]\nsplit" + last)
    assert "already" in refused("mend", runs["wrong"], path, tmp_path / "new")
    done("mend", runs["wrong"], path, tmp_path / "new", "--overwrite")
    assert written(tmp_path / "new") == written(runs["right"])
    # What was mended can be mended.
    done("mend", tmp_path / "new/squares", corrections(tmp_path, "[[mend]]\ndrop = 5"))
    mot = (tmp_path / "new-mended/squares/mot.txt").read_text()
    assert "5" not in {row.split(",")[1] for row in mot.splitlines()}


def test_a_line_that_is_resumed_does_not_undo_what_was_mended(runs, squares, tmp_path):
    done("mend", runs["wrong"], corrections(tmp_path), tmp_path / "new")
    line = ["read", squares, "subtract", "clean", "--smallest", 4, "group-components"]
    said = refused(*line, "export", tmp_path / "new", "--as", "labels", "--resume")
    assert "by another chain: it was read mend events export" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "[[mend]]"),
        ("[[mend]", "no TOML"),
        ("drop = 3", "it holds 'drop'"),
        ("[[mend]]\nfrom = 3", "nothing to do"),
        ("[[mend]]\ndrop = 1\nsplit = 2", "each in a table of its own"),
        ("[[mend]]\nswap = [1, 2]\nuntill = 3", "'untill'"),
        ("[[mend]]\nswap = [1]", "two ids"),
        ("[[mend]]\nswap = [1, 1]", "each once"),
        ("[[mend]]\nmerge = 3", "2 or more ids"),
        ("[[mend]]\nsplit = [1, 2]\nfrom = 3", "one id"),
        ("[[mend]]\nsplit = 1", "a split has a moment"),
        ("[[mend]]\nsplit = 1\nfrom = 3\ninto = 1", "changes nothing"),
        ("[[mend]]\ndrop = 1\ninto = 2", "into goes with split"),
        ("[[mend]]\ndrop = 0", "no id of an object"),
        ("[[mend]]\ndrop = true", "no id of an object"),
        ("[[mend]]\ndrop = 99999999999", "no id of an object"),
        ("[[mend]]\ndrop = 1\nfrom = 'soon'", "no moment"),
        ("[[mend]]\ndrop = 1\nfrom = '1:75'", "no moment"),
        ("[[mend]]\ndrop = 1\nfrom = -1", "no moment"),
        ("[[mend]]\ndrop = 1\nfrom = 9\nuntil = 3", "from 9 is after until 3"),
        ("[[mend]]\ndrop = 77", "there is no object 77; there are 1, 2, 3, 4, 7"),
        ("[[mend]]\ndrop = 7\nuntil = 5", "7 in 22 to 35"),
        ("[[mend]]\ndrop = 1\nsequence = 'b'", "no sequence 'b'"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(runs, tmp_path, text, says):
    said = refused("mend", runs["wrong"], corrections(tmp_path, text), tmp_path / "new")
    assert says in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_who_is_in_two_places_is_told(runs, tmp_path):
    path = corrections(tmp_path, "[[mend]]\nmerge = [1, 2]\n")
    said = done("mend", runs["wrong"], path, tmp_path / "new").output
    assert "seen at once in" in said


def copied(squares, tmp_path):
    """A run of its own, over an input of its own."""
    video = tmp_path / squares.name
    shutil.copy2(squares, video)
    done("read", video, "subtract", "clean", "--smallest", 4, "group-components",
         "export", tmp_path / "out", "--as", "labels")  # fmt: skip
    return tmp_path / "out"


def test_what_cannot_be_mended_is_told(runs, squares, tmp_path):
    path = corrections(tmp_path, "[[mend]]\ndrop = 1")
    assert "no folder" in refused("mend", tmp_path / "none", path)
    assert "no run has written" in refused("mend", tmp_path, path)
    assert "cannot be read" in refused("mend", runs["wrong"], tmp_path / "no.toml")
    assert "another folder" in refused("mend", runs["wrong"], path, runs["wrong"])
    out = copied(squares, tmp_path)
    folder = out / "squares"
    assert "masks were not kept" not in done("mend", out, path).output  # none shows them
    shutil.rmtree(tmp_path / "out-mended")

    record = json.loads((folder / "run.json").read_text())
    for change, says in (
        ({"complete": False}, "was not finished"),
        ({"input": "0"}, "cannot be read twice"),
        ({"input": "rtsp://gate/1"}, "cannot be read twice"),
        ({"line": None}, "did not keep its line"),
        ({"stamp": [1, 2]}, "has changed since"),
        ({"input": str(tmp_path / "gone.mkv")}, "is not here"),
    ):
        (folder / "run.json").write_text(json.dumps({**record, **change}))
        assert says in refused("mend", out, path)
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "labels/000020.png").write_bytes(b"cut")
    assert "since it was made" in refused("mend", out, path)
    shutil.rmtree(folder / "labels")
    assert "neither labels nor objects.json" in refused("mend", out, path)
    assert not (tmp_path / "out-mended").exists()


def test_of_several_sequences_each_correction_says_which(squares, tmp_path):
    for name in ("a", "b"):
        shutil.copy2(squares, tmp_path / f"{name}.mkv")
    done("read", tmp_path / "a.mkv", tmp_path / "b.mkv", "subtract", "clean", "--smallest", 4,
         "group-components", "export", tmp_path / "out", "--as", "labels")  # fmt: skip
    path = corrections(tmp_path, "[[mend]]\ndrop = 1")
    assert 'sequence = "a"' in refused("mend", tmp_path / "out", path)
    path.write_text("[[mend]]\ndrop = 1\nsequence = 'b'")
    done("mend", tmp_path / "out", path)
    assert sorted(p.name for p in (tmp_path / "out-mended").iterdir()) == ["b"]
    shutil.rmtree(tmp_path / "out-mended")
    done("mend", tmp_path / "out" / "b", corrections(tmp_path, "[[mend]]\ndrop = 1"))
    assert (tmp_path / "out-mended/b/labels/000010.png").exists()


def test_a_dry_run_tells_what_would_be_written(runs, tmp_path):
    said = done("--dry-run", "mend", runs["wrong"], corrections(tmp_path), tmp_path / "new").output
    assert "would write" in said
    assert not (tmp_path / "new").exists()


# --- without a command line ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_labels_become_what_the_table_becomes(seed):
    """Ids are known from a table of who was seen when, and changed in pictures: both agree."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, (12, 4, 5)).astype(np.int32)
    rows = [(t, t / 10, i) for t in range(12) for i in np.unique(labels[t]).tolist() if i]
    frames, times, ids = map(np.array, zip(*rows, strict=True))
    tables = []
    for _ in range(4):
        one, other = (rng.permutation(5)[:2] + 1).tolist()
        verb = str(rng.choice(["swap", "merge", "split", "drop"]))
        begin = int(rng.integers(0, 10))
        how = {"swap": [one, other], "merge": [one, other], "split": one, "drop": one}[verb]
        moment = begin if rng.random() < 0.5 else f"{begin / 10}s"
        tables.append({verb: how, "from": moment, "until": int(begin + rng.integers(1, 5))})
    wanted = Corrections.of(tables)
    try:
        known, _ = wanted.known(Seen(frames, times, ids))
    except SegmentError:
        pytest.skip("one of them has gone by then")
    for t in range(12):
        found = known.apply(labels[t], t, t / 10)
        for number in range(1, 6):
            mine = labels[t] == number
            for one in known.corrections:
                if one.holds(t, t / 10):
                    number = dict(one.pairs()).get(number, number)
            assert (found[mine] == number).all()


def test_ids_that_a_split_gives_are_nobodys():
    seen = Seen(np.arange(6), np.arange(6) / 25, np.array([1, 1, 1, 1, 8, 8]))
    tables = [{"split": 1, "from": 2}, {"split": 9, "from": 3}]
    known, odd = Corrections.of(tables).known(seen)
    assert [one.into for one in known.corrections] == [9, 10]
    assert odd == []
    with pytest.raises(ValueError, match="gives no id"):
        Corrections.of(tables).apply(np.ones((2, 2), np.int32), 3, 0.0)


def test_moments_are_frames_or_seconds():
    (one,) = Corrections.of([{"drop": 1, "from": "00:01:30.5", "until": "2m"}]).corrections
    assert (one.begin, one.end) == (Fraction(181, 2), Fraction(120))
    assert [one.holds(0, t) for t in (90.4, 90.5, 120.0, 120.1)] == [False, True, True, False]
    (one,) = Corrections.of([{"drop": 1, "from": 3, "until": 4}]).corrections
    assert [one.holds(t, 0.0) for t in (2, 3, 4, 5)] == [False, True, True, False]


def test_labels_that_nothing_holds_for_are_passed_on():
    labels = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert Corrections.of([{"drop": 1, "from": 9}]).apply(labels, 3, 0.0) is labels


def test_objects_json_gives_the_labels_that_pictures_give(runs):
    folder = runs["wrong"] / "squares"
    pictures, table = Kept(folder), Kept(folder)
    table.__class__ = type("Coco", (Kept,), {"names": ("objects.json", "tracks.csv")})
    for t in range(0, LENGTH, 3):
        wanted = pictures.labels(t, (56, 80))
        np.testing.assert_array_equal(table.labels(t, (56, 80)), wanted)
    assert wanted.any()
    table.close()


def test_a_record_keeps_the_line_without_what_is_secret(tmp_path):
    words = ["read", "rtsp://anna:secret@gate/1", "--every", "2", "subtract", "--quality", "best"]
    words += ["export", str(tmp_path / "a b"), "--overwrite", "--as", "masks"]
    told = typed_for(links_of(words))
    assert told[:2] == ["read --every 2", "subtract --quality best"]
    assert told[2].endswith("'" + str(tmp_path / "a b") + "' --as masks")
    assert Path(tmp_path / "a b").exists() is False
