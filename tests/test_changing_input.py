"""An input that is written to, or replaced, while a run reads it."""

import json
import os

import pytest

import segment
from tests.outputs import call


@pytest.mark.parametrize("replaced", [False, True])
def test_an_input_that_changes_while_it_is_read_is_told_and_not_taken_for_done(
    clip, make_clip, tmp_path, replaced
):
    other = make_clip("other.mkv", 30)

    def change(_name, done, _expected):
        if done != 1:
            return
        if replaced:
            os.replace(other, clip)
        else:
            with clip.open("ab") as file:
                file.write(b"more")

    before = [clip.stat().st_size, clip.stat().st_mtime_ns]
    line = ["read", str(clip), "subtract-mixture", "export", str(tmp_path / "out")]
    report = segment.run(line, progress=change)
    told = json.loads((tmp_path / "out" / "clip" / "run.json").read_text())
    assert told["stamp"] == before
    assert any("changed or replaced while it was read" in text for text in told["warnings"])
    assert told["warnings"] == report.sequences[0].warnings
    again = call(*line, "--resume")
    assert again.exit_code == 1
    assert "before that file was changed" in again.output
