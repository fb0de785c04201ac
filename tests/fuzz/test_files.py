"""A few of the trials of `python -m tests.fuzz.files`, by seed; what must never be is not."""

from collections import Counter

import numpy as np
import pytest

from tests.fuzz import papers, specimens
from tests.fuzz.files import OUTCOMES, as_table, judge, put, study
from tests.fuzz.mutations import KINDS, mutate

NEVER = ("words", "traceback", "signal", "hang", "memory")
# In which whatever a decoder knows is told; the page has the few others.
TOLD = ("png", "tif", "ppm")


def test_mutated_files_and_papers_end_in_no_crash_and_no_silence(tmp_path):
    kinds = (*specimens.FORMATS, *papers.KINDS)
    table, wrong = study(3 * len(kinds), kinds, seed=10_000)

    assert [line for line in wrong if line.split()[2] in NEVER] == []
    assert sum(counts["told"] for counts in table.values()) > 2 * len(kinds)
    assert all(table[name]["untold"] == 0 for name in (*TOLD, "state", "fast.state", "weights"))


def test_a_worker_that_dies_or_hangs_is_noticed(monkeypatch):
    from tests.fuzz import files

    monkeypatch.setattr(files, "work", _dies)
    with files.Pool() as pool:
        assert pool.ask("png", 0) == "signal"
        assert pool.ask("png", 1) == "signal"


def _dies(pipe):
    import os
    import signal

    pipe.recv()
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_harm_changes_the_bytes_by_its_seed(kind):
    data = bytes(range(256)) * 8
    changed = bytes(kind(bytearray(data), np.random.default_rng(3)))
    assert changed != data
    assert changed == bytes(kind(bytearray(data), np.random.default_rng(3)))


def test_a_silent_difference_is_held_against_what_decoders_say(tmp_path):
    path = specimens.make("bmp", tmp_path)
    data = path.read_bytes()
    images = [np.zeros((2, 2, 3), np.uint8)]
    sound = type("Sound", (dict,), {"folder": tmp_path})({"bmp": (data, images, set())})
    assert judge(sound, "bmp", 3) in OUTCOMES
    assert mutate(data, 3)[1] != data


def test_tables_are_put_between_their_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- files -->\nold\n<!-- /files -->\nb\n")
    put(page, "files", as_table({"png": Counter(told=2)}))
    assert page.read_text().startswith("a\n<!-- files -->\n| | files | told |")
    assert "\nold" not in page.read_text()
    assert page.read_text().endswith("<!-- /files -->\nb\n")
