"""A process whose address space is limited says so, where a library would abort or hang."""

import resource
import subprocess
import sys

import pytest

from segment.errors import NoMemory, SegmentError
from segment.kernels import space


def limited(monkeypatch, most, used):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, resource.RLIM_INFINITY))
    monkeypatch.setattr(space, "memory_used", lambda: used)


def test_nobody_who_is_not_limited_is_refused(monkeypatch):
    limited(monkeypatch, resource.RLIM_INFINITY, 10**12)
    space.check_limit()
    space.check_room()


def test_loops_are_not_compiled_where_that_would_end_the_process(monkeypatch):
    limited(monkeypatch, 2_000_000_000, 1_600_000_000)
    space.check_room()
    limited(monkeypatch, 2_000_000_000, 1_800_000_000)
    with pytest.raises(NoMemory, match=r"2000 MB.*1800 are taken.*300 more.*segment warm"):
        space.check_room()
    assert issubclass(NoMemory, SegmentError)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to it")
def test_a_run_with_too_little_address_space_is_one_line(tmp_path):
    line = f"ulimit -v 1200000; {sys.executable} -m segment read sample:street subtract"
    run = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    (said,) = run.stderr.splitlines()
    assert "1229 MB of address space (ulimit -v)" in said
