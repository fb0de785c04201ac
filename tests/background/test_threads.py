"""Rows shared out among threads."""

import os
import threading
from itertools import pairwise

import pytest

from segment import threads


@pytest.mark.parametrize("height", [1, 2, 7, 100])
@pytest.mark.parametrize("count", [1, 2, 3, 16])
@pytest.mark.parametrize("least", [1, 3, 1000])
def test_every_row_is_done_once(height, count, least):
    done = []
    threads.over_rows(lambda start, stop: done.append((start, stop)), height, count, least)
    done.sort()
    assert done[0][0] == 0
    assert done[-1][1] == height
    assert all(one[1] == two[0] for one, two in pairwise(done))
    assert len(done) <= count
    assert len(done) == 1 or all(stop - start >= least for start, stop in done)


def test_one_band_runs_in_the_callers_thread():
    seen = []
    threads.over_rows(lambda start, stop: seen.append(threading.get_ident()), 100, 4, least=100)
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize("bad", [0, 1, 2, 3])
def test_an_error_in_a_band_arrives_when_all_bands_are_done(bad):
    done = []

    def work(start, stop):
        done.append(start)
        if start == bad:
            raise ZeroDivisionError(start)

    with pytest.raises(ZeroDivisionError, match=str(bad)):
        threads.over_rows(work, 4, 4)
    assert sorted(done) == [0, 1, 2, 3]


@pytest.mark.parametrize(("given", "wanted"), [(1, 1), (7, 7)])
def test_threads_are_as_many_as_asked(given, wanted):
    assert threads.count_threads(given) == wanted
    assert threads.count_threads() >= 1


def test_no_thread_is_refused():
    with pytest.raises(ValueError, match="threads is 0"):
        threads.count_threads(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    threads.over_rows(lambda start, stop: None, 100, 4)
    child = os.fork()
    if child == 0:  # pragma: no cover
        done = []
        threads.over_rows(lambda start, stop: done.append(start), 100, 4)
        os._exit(0 if sorted(done) == [0, 25, 50, 75] else 1)
    # A child that waits for a thread it does not have would wait for ever.
    for _ in range(200):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        threading.Event().wait(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
