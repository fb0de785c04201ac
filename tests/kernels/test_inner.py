"""Loops that only loops call have no machine code of their own: it is in that of their callers."""

import os
import subprocess
import sys
from pathlib import Path


def run(folder):
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-m", "tests.kernels.inner_loops"],
        env=environ, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_what_only_loops_call_is_kept_in_its_caller(tmp_path):
    assert run(tmp_path) == "0"
    kept = list(tmp_path.rglob("*.loops"))
    assert [path.name.split("-")[0].rpartition(".")[2] for path in kept] == ["nine"]
    assert run(tmp_path) == "2"  # for two types
