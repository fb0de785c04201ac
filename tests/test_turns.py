"""One object in several threads, and in a process that was forked."""

import copy
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from segment import background, grouping, turns
from segment.background.compat import CompatibleSubtractor

SUBTRACTORS = [getattr(background, name) for name in background.__all__] + [CompatibleSubtractor]
KINDS = ("ConnectedComponents", "Watershed", "MovingLayers", "MixtureGrouper")
GROUPERS = [getattr(grouping, name) for name in KINDS]


def noise(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (40, 56, 3), np.uint8) for _ in range(count)]


def in_threads(call, arguments, threads=4):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(call, arguments))


@pytest.mark.parametrize("kind", SUBTRACTORS, ids=lambda kind: kind.__name__)
def test_a_subtractor_in_four_threads_takes_one_frame_at_a_time(kind):
    frames = noise(10) * 6
    masks = in_threads(kind().apply, frames)
    assert {mask.shape for mask in masks} == {(40, 56)}


@pytest.mark.parametrize("kind", GROUPERS, ids=lambda kind: kind.__name__)
def test_a_grouper_in_four_threads_takes_one_frame_at_a_time(kind):
    frames = noise(6) * 3
    grouper = kind()
    labels = in_threads(lambda image: grouper.group(image, image[:, :, 0] > 150), frames)
    assert {found.shape for found in labels} == {(40, 56)}


class Counter:
    """Counts how many are inside at once."""

    def __init__(self):
        self.inside = self.most = self.total = 0

    def apply(self, wait=None):
        self.inside += 1
        self.most = max(self.most, self.inside)
        if wait is not None:
            wait.wait(0.005)
        self.total += 1
        self.inside -= 1
        return self.total

    def twice(self):
        return self.apply() + self.apply()


Counter = turns.one_at_a_time("apply", "twice")(Counter)


def test_calls_wait_for_one_another():
    counter = Counter()
    in_threads(lambda _: counter.apply(threading.Event()), range(20))
    assert (counter.most, counter.total) == (1, 20)


def test_a_call_from_inside_another_does_not_wait():
    assert Counter().twice() == 3


def test_an_error_gives_the_turn_back():
    counter = Counter()
    with pytest.raises(AttributeError):
        counter.apply(wait=3)
    assert in_threads(lambda _: counter.apply(), range(2)) == [1, 2]


def test_nothing_of_the_lock_is_copied():
    counter = Counter()
    counter.apply()
    for other in (copy.copy(counter), copy.deepcopy(counter), pickle.loads(pickle.dumps(counter))):
        assert vars(other) == {"inside": 0, "most": 1, "total": 1}
        assert other.apply() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_was_in_the_middle_of_a_frame_at_a_fork_says_so():
    busy, idle, leave = Counter(), Counter(), threading.Event()
    idle.apply()

    class Waits:
        def wait(self, _):
            entered.set()
            leave.wait(10)

    entered = threading.Event()
    thread = threading.Thread(target=busy.apply, args=(Waits(),))
    thread.start()
    entered.wait(10)
    child = os.fork()
    if child == 0:
        code = 9
        try:
            assert idle.apply() == 2
            try:
                busy.apply()
            except RuntimeError as error:
                code = 0 if "middle of a frame when the process was forked" in str(error) else 8
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert busy.apply() == 2
