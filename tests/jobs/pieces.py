"""Pieces of work that can travel to another process."""

import os
import signal
import threading
import time
from pathlib import Path


def square(number):
    return number * number


def die_once(folder):
    """Be killed the first time, as by a kernel that is out of memory; then say who did it."""
    mark = Path(folder) / "begun"
    if mark.exists():
        return os.getpid()
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def die(number):
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if number > 100:
        raise OSError(f"no {number}")
    return number


def threads_of(_):
    import cv2

    from segment.threads import count_threads

    return count_threads(), cv2.getNumThreads(), os.environ["NUMBA_NUM_THREADS"]


def sleep(seconds):
    time.sleep(seconds)
    return threading.get_ident()


def touch_and_sleep(name):
    Path(name).touch()
    time.sleep(60)


def touch_and_clean_up(name):
    """As a line that is broken off: SIGTERM leaves through what is open."""
    from segment.cli.signals import leaving_when_terminated

    try:
        with leaving_when_terminated():
            touch_and_sleep(name)
    finally:
        Path("cleaned").touch()
