"""A few runs of the kill study in the suite, and all of it on demand."""

import tempfile

import pytest

from tests.fuzz.kills import SIGNALS, Study, study


@pytest.fixture(autouse=True)
def temporary_files_lie_where_they_did(monkeypatch):
    """A study has its own folder for them, with a name too long for a browser to begin in."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    monkeypatch.setenv("TMPDIR", tempfile.gettempdir())


@pytest.mark.parametrize("number", [0])
def test_killed_runs_come_to_the_same_end(tmp_path, number):
    found = Study(tmp_path, seed=number, length=20)
    found.trial(0, "KILL")
    found.trial(1, "TERM")
    assert not found.wrong
    assert found.counts["KILL equal"] == found.counts["TERM equal"] == 1


@pytest.mark.long
def test_two_hundred_kills_under_load(tmp_path):
    found = study(tmp_path, 200, seed=1, busy=2)
    assert not found.wrong
    assert sum(found.counts[f"{sent} equal"] for sent in SIGNALS) == 200
