"""How long compiling will go on, told while it does: "compiling, once, 12 s left".

Who runs a chain says which loops it will come to need; those that are not kept yet are counted by
what each took where it was measured, and this machine's pace is learned from the first ones.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

__all__ = ["COSTS", "Countdown", "countdown", "entries_of"]

log = logging.getLogger("segment.kernels")

EVERY = 1.0
"""Seconds between two messages."""

QUIET = 0.4
"""Seconds of compiling before anything is said: a small loop is no reason to."""

COSTS: dict[str, float] = {
    "background.posterior.kernels.follow.follow_pixels": 1.7,
    "background.posterior.kernels.decide.decide": 1.11,
    "background.posterior.kernels.ghosts.look_back": 0.27,
    "grouping.kernels.learning.learn": 0.27,
    "background.posterior.kernels.follow.measure_change": 0.23,
    "grouping.kernels.sharing.candidates": 0.22,
    "grouping.kernels.sharing.smooth": 0.21,
    "background.posterior.kernels.ghosts.ask_border": 0.18,
    "background.registration.kernels.choose_points": 0.16,
    "background.posterior.kernels.frame.sample_light": 0.15,
    "background.posterior.kernels.ghosts.average_change": 0.14,
    "grouping.kernels.moving.search": 0.12,
    "grouping.kernels.moving.show": 0.09,
    "background.registration.kernels.count_changed": 0.08,
    "background.posterior.kernels.frame.sample_noise": 0.07,
    "grouping.kernels.colours.fits": 0.07,
    "background.registration.kernels.difference": 0.06,
    "grouping.kernels.sharing.soften": 0.05,
    "grouping.kernels.sharing.decide": 0.05,
    "grouping.kernels.sharing.tally": 0.04,
}
"""Seconds of processor time that an entry takes to become machine code; from the source about six
times as long. Those of other loops were not measured, and are not counted."""

_ENTRIES = {
    "subtract": ("background.posterior.", "background.registration.", "background.network."),
    "subtract-mixture": ("background.kernels.",),
    "group": ("grouping.kernels.",),
    "group-layers": ("grouping.kernels.",),
    "group-mixture": ("grouping.pictures.", "mixture."),
}


def entries_of(stage: str) -> list[str]:
    """Return the names of the loops that a stage of the command line calls, as far as known."""
    places = _ENTRIES.get(stage, ())
    return [name for name in COSTS if name.startswith(places)] if places else []


class Countdown:
    """Counts what is compiled in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[str, float] = {}
        self._is_kept: Callable[[str], bool] | None = None
        self._left: dict[str, float] | None = None  # once the first has begun
        self._name = ""  # what is compiled now
        self._began = 0.0
        self._spent = self._worth = 0.0  # on the clock, and by the table, of what is done
        self._teller: threading.Thread | None = None

    def expect(self, names: Iterable[str]) -> None:
        """Say which loops will be needed, unless they are kept."""
        with self._lock:
            self._wanted.update((name, COSTS.get(name, 0.0)) for name in names)
            self._left = None

    def begin(self, name: str, is_kept: Callable[[str], bool]) -> None:
        """A loop is compiled from now on; one at a time."""
        with self._lock:
            if self._left is None:
                self._left = {
                    known: cost for known, cost in self._wanted.items() if not is_kept(known)
                }
            self._name, self._began = name, time.monotonic()
            if self._teller is None:
                self._teller = threading.Thread(
                    target=self.tell, name="segment-compiling", daemon=True
                )
                self._teller.start()

    def end(self) -> None:
        """It is compiled."""
        with self._lock:
            worth = (self._left or {}).pop(self._name, 0.0)
            if worth:
                self._worth += worth
                self._spent += time.monotonic() - self._began
            self._name = ""

    @property
    def seconds_left(self) -> float | None:
        """On the clock, until all that is wanted is compiled; None where nobody knows."""
        left = self._left
        if not left:
            return None
        pace = self._spent / self._worth if self._worth else 1.0
        now = time.monotonic() - self._began if self._name else 0.0
        current = left.get(self._name, 0.0)
        others = sum(left.values()) - current
        return pace * others + max(0.0, pace * current - now)

    def tell(self) -> None:
        """Say it once a second, as long as something is compiled; in a thread of its own."""
        idle = 0.0
        time.sleep(QUIET)
        while idle < 2 * EVERY:
            if self._name:
                idle = 0.0
                left = self.seconds_left
                about = "" if left is None else f", {max(1, round(left))} s left"
                log.info("compiling, once%s", about, extra={"seconds_left": left})
            time.sleep(EVERY)
            idle += EVERY
        with self._lock:
            self._teller = None


countdown = Countdown()
"""Of this process."""
