"""The command line: interrupted, and gone on with."""

import json
import signal

import pytest

from segment.video import open_frames
from tests.cli.lines import call, files, interrupted, interrupted_live
from tests.conftest import moving_square


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_then_resume_equals_one_run(long_clip, tmp_path, number, code):
    chain = ["read", long_clip, "subtract", "clean", "group-components", "export"]
    formats = ["--as", "masks", "--as", "labels", "--as", "coco", "--as", "video"]
    out = tmp_path / "out" / "long"
    line = [*chain, tmp_path / "out", *formats]

    returncode, stderr = interrupted(line, out / "masks", number, at=25)

    assert returncode == code, stderr
    assert len(stderr.strip().splitlines()) <= 1, stderr
    written = files(out / "masks")
    assert 25 <= len(written) < 600
    assert written == [f"{t:06}.png" for t in range(len(written))]
    assert not (out / "objects.json").exists()
    assert not (out / "masks.mkv").exists()
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]

    assert call(*line, "--resume").exit_code == 0
    assert call(*chain, tmp_path / "whole", *formats).exit_code == 0
    for path in sorted((tmp_path / "whole" / "long").rglob("*")):
        if path.is_file() and path.name not in ("run.json", "objects.json"):
            twin = out / path.relative_to(tmp_path / "whole" / "long")
            assert path.read_bytes() == twin.read_bytes(), path
    ours, whole = (
        json.loads((f / "objects.json").read_text()) for f in (out, tmp_path / "whole/long")
    )
    assert ours["annotations"] == whole["annotations"]


def test_ctrl_c_ends_a_live_source_and_finishes_its_files(tmp_path):
    images, _ = moving_square(12)
    line = ["read", "-", "--raw-size", "62x46", "subtract", "export", tmp_path / "out"]
    masks = tmp_path / "out/stdin/masks"
    line += ["--as", "masks", "--as", "video"]
    code, stderr = interrupted_live(line, masks, images[:6], images[6:])

    assert code == 130, stderr
    with open_frames(tmp_path / "out/stdin/masks.mkv") as frames:
        count = sum(1 for _ in frames)
        assert not frames.damage
    assert 5 <= count < 12
    assert len(files(masks)) == count


def test_resume_leaves_what_is_finished_alone(clip, tmp_path):
    line = ("read", clip, "subtract export", tmp_path / "out")
    assert call(*line).exit_code == 0
    mask = tmp_path / "out/clip/masks/000003.png"
    before = mask.stat().st_mtime_ns
    result = call(*line, "--resume")
    assert result.exit_code == 0, result.output
    assert mask.stat().st_mtime_ns == before


def test_resume_of_a_finished_run_remembers_its_damage(make_clip, tmp_path):
    whole = make_clip("whole.mkv", length=40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    line = ("read", cut, "subtract export", tmp_path / "out")
    first = call("--log json", *line)
    again = call("--log json", *line, "--resume")
    assert first.exit_code == again.exit_code == 4
    ends = [json.loads(result.stderr.splitlines()[-2]) for result in (first, again)]
    assert [end["already"] for end in ends] == [False, True]
    assert ends[0]["frames"] == ends[1]["frames"] > 0
    assert ends[0]["lost"] == ends[1]["lost"] > 0


def test_resume_refuses_to_mix_two_chains(clip, tmp_path):
    assert call("read", clip, "subtract export", tmp_path / "out").exit_code == 0
    result = call("read", clip, "subtract --history 7 export", tmp_path / "out", "--resume")
    assert result.exit_code == 1
    assert "another subtract --history: it was 500, it is 7" in result.output
