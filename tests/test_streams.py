"""Standard streams that are closed, full, or read no further."""

import subprocess
import sys
from pathlib import Path

import pytest

SEGMENT = f"{sys.executable} -m segment"
pytestmark = pytest.mark.skipif(not Path("/bin/sh").exists(), reason="needs a shell")


def shell(line):
    done = subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_messages_that_nobody_reads_do_not_end_a_run(clip, tmp_path):
    chain = f"read {clip} subtract-mixture export {tmp_path}"
    code, out, _ = shell(
        f"{SEGMENT} --log json {chain}/a 2>&1 >/dev/null | head -c 1; echo ${{PIPESTATUS[0]}}"
    )
    assert (code, out[0], out[1:].strip()) == (0, "{", "0")
    assert shell(f"{SEGMENT} --log json {chain}/b 2>&-")[0] == 0
    assert shell(f"{SEGMENT} {chain}/c 2>/dev/full")[0] == 0
    for name in "abc":
        assert len(list((tmp_path / name / "clip" / "masks").iterdir())) == 20


def test_what_cannot_be_printed_is_an_error_and_an_unread_rest_is_none(clip):
    code, _, said = shell(f"{SEGMENT} info --fast {clip} >&-")
    assert (code, len(said.splitlines())) == (1, 1), said
    code, _, said = shell(f"{SEGMENT} info --fast {clip} >/dev/full")
    assert (code, len(said.splitlines())) == (1, 1), said
    code, out, said = shell(f"{SEGMENT} --help | (sleep 3; exec <&-); echo ${{PIPESTATUS[0]}}")
    assert out.strip() in ("0", "141")
    assert said == ""
    code, out, said = shell(f"{SEGMENT} read - subtract-mixture export x <&-")
    assert (code, len(said.splitlines())) == (1, 1), said
