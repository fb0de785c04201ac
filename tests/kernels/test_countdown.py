"""How long compiling will go on: what is known of it, and this machine's pace."""

import logging
import threading
import time
from types import SimpleNamespace

import pytest

from segment.kernels import countdown as room
from segment.kernels.countdown import Countdown, entries_of


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""
    now = [0.0]
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep))
    return now


def test_what_is_left_is_told_by_what_the_first_took(clock, monkeypatch):
    monkeypatch.setattr(Countdown, "tell", lambda self: None)
    monkeypatch.setattr(room, "COSTS", {"a.x": 1.0, "a.y": 2.0, "a.z": 4.0, "a.kept": 8.0})
    counted = Countdown()
    counted.expect(["a.x", "a.y", "a.z", "a.kept"])
    assert counted.seconds_left is None  # nothing is compiled yet
    counted.begin("a.x", lambda name: name == "a.kept")
    assert counted.seconds_left == pytest.approx(7)
    clock[0] = 3.0  # three times as slow as where it was measured
    assert counted.seconds_left == pytest.approx(6)
    counted.end()
    assert counted.seconds_left == pytest.approx(18)
    counted.begin("a.other", lambda name: False)  # of which nothing is known
    clock[0] = 5.0
    counted.end()
    counted.begin("a.z", lambda name: False)
    clock[0] = 8.0
    assert counted.seconds_left == pytest.approx(3 * 2 + 3 * 4 - 3)
    clock[0] = 100.0
    assert counted.seconds_left == pytest.approx(6)


def test_it_is_told_while_something_is_compiled_and_not_longer(clock, monkeypatch, caplog):
    monkeypatch.setattr(room, "EVERY", 0.01)
    monkeypatch.setattr(room, "QUIET", 0.01)
    monkeypatch.setattr(room, "COSTS", {"a.x": 90.0})
    counted = Countdown()
    counted.expect(["a.x"])
    others = set(threading.enumerate())  # real loops may be compiled at the same time
    with caplog.at_level(logging.INFO, "segment.kernels"):
        counted.begin("a.x", lambda name: False)
        (teller,) = set(threading.enumerate()) - others
        while not caplog.records:
            teller.join(0.01)
        counted.end()
        teller.join(5)
    assert not teller.is_alive()
    assert caplog.records[0].getMessage() == "compiling, once, 90 s left"
    assert caplog.records[0].seconds_left == 90


def test_every_loop_of_the_table_is_one():
    import importlib

    for name in room.COSTS:
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(f"segment.{module}"), function)), name
    assert entries_of("subtract")
    assert entries_of("group")
    assert not entries_of("clean")
