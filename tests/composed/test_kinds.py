"""Scores by kind: what a row says, what is kept, and how one's own subtractor is left out."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import background_kinds as kinds
from benchmarks import opencv_worker

SHAPE = (12, 20, 3)


def frames():
    """Five frames: 10 pixels move, 20 are shadow, 5 are not scored."""
    for _ in range(5):
        truth = np.zeros(SHAPE[:2], np.uint8)
        truth[2, :10], truth[4], truth[6, :5] = 255, 50, 170
        yield np.zeros(SHAPE, np.uint8), truth


SEQUENCE = kinds.Sequence("made", "baseline", ("clip_a", "clip_b"), frames, 1)


def method(name, mask, version="1"):
    return kinds.Method(name, version, lambda sequence, shape: (lambda image: mask, lambda: None))


def test_a_row_counts_all_but_the_first_frame(tmp_path):
    mask = np.zeros(SHAPE[:2], bool)
    mask[2, :5] = mask[4, :10] = mask[6] = True  # half of it, half of the shadow, 15 of the still
    (row,) = kinds.judged(SEQUENCE, [method("half", mask)], tmp_path / "cache.json")
    assert row["recall"] == 0.5
    assert row["precision"] == 5 / (5 + 10 + 15)
    assert row["shadows"] == 0.5
    assert row["standing"] == [0.5, None, None, None, None]


def test_what_was_computed_is_kept_until_the_version_changes(tmp_path):
    cache, nothing = tmp_path / "cache.json", np.zeros(SHAPE[:2], bool)
    everything = ~nothing
    kinds.judged(SEQUENCE, [method("one", nothing)], cache)
    (row,) = kinds.judged(SEQUENCE, [method("one", everything)], cache)
    assert row["recall"] == 0
    (row,) = kinds.judged(SEQUENCE, [method("one", everything, "2")], cache)
    assert row["recall"] == 1
    assert len(json.loads(cache.read_text())) == 2


def test_one_s_own_is_judged_with_and_without_what_the_sequence_is_made_of(monkeypatch, tmp_path):
    asked = []

    def make(without=()):
        asked.append(without)
        return SimpleNamespace(apply=lambda image: np.zeros(SHAPE[:2], bool))

    make.__module__ = kinds.__name__
    monkeypatch.setattr(kinds, "make_mine", make, raising=False)
    options = SimpleNamespace(
        contrib=None,
        subtractor=["mine=benchmarks.background_kinds:make_mine"],
        methods=["mine", "mine, left out"],
    )
    found = kinds.columns(options)
    assert [m.name for m in found] == ["mine", "mine, left out"]
    kinds.judged(SEQUENCE, found, tmp_path / "cache.json")
    assert asked == [(), ("clip_a", "clip_b")]


def test_a_peer_in_a_process_of_its_own_says_what_it_says_here(tmp_path):
    rng = np.random.default_rng(2)
    images = rng.integers(0, 255, (6, *SHAPE), np.uint8)
    apply, close = kinds.process(sys.executable, "MOG2 tuned")(SEQUENCE, SHAPE)
    here = opencv_worker.peer("MOG2 tuned")
    for image in images:
        np.testing.assert_array_equal(apply(image), here(image))
    close()
    with pytest.raises(ValueError, match="no peer is called 'ViBe'; there are MOG2"):
        opencv_worker.peer("ViBe")


def test_tables_tell_means_by_kind(capsys):
    rows = [
        {"sequence": name, "kind": kind, "method": "m", "f": f, "recall": f, "precision": f,
         "shadows": None}
        for name, kind, f in (("a", "trees", 0.5), ("b", "trees", 0.7), ("c", "noise", 0.2))
    ]  # fmt: skip
    kinds.tell(rows)
    told = capsys.readouterr().out
    assert "| trees | .600 |" in told
    assert "| **mean of the composed kinds** | .400 |" in told
