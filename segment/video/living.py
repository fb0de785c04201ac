"""A source that cannot hang, whatever it reads: opened, read and closed in a thread of its own.

Whoever waits for its frames can be told to stop waiting, notices when nothing comes any more,
and goes on with the stream when it comes back.
"""

import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from segment.errors import UnreadableInput
from segment.frame import Frame
from segment.protocols import Damage
from segment.video import open_frames
from segment.video.connection import LOOK, Begin, Connection, Kind, left_behind
from segment.video.decode import fitted
from segment.video.limits import Limits, check_size
from segment.video.opening import is_address, is_pipe, told
from segment.video.pipes import Pipe, open_pipe, pipe_of
from segment.video.raw import RawFrames
from segment.video.source import Position, Source

__all__ = ["GIVE_UP", "Living", "left_behind", "open_living", "open_raw", "open_with"]

log = logging.getLogger("segment.video")

GIVE_UP = 300.0
"""Seconds for which a lost stream is looked for."""

WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between two tries to find a lost stream, the last for ever."""


def open_living(
    path: str | Path | int | BinaryIO,
    *,
    limits: Limits | None = None,
    reconnect: bool | None = None,
    give_up: float = GIVE_UP,
    **how: Any,
) -> "Living":
    """Open what `open_frames` opens, with `how` it takes, so that it cannot hang.

    limits : what it may cost and open, and for how many seconds it may be silent.
    reconnect : look for a stream or camera that was lost; None does so for addresses.
    give_up : seconds after which a lost one counts as ended.

    Raises UnreadableInput, also when nothing comes within the time limit.
    """
    limits = limits or Limits()
    address = isinstance(path, str) and is_address(path)
    camera = isinstance(path, int) or (
        isinstance(path, str)
        and (path.startswith("/dev/video") or (path.isdecimal() and not Path(path).exists()))
    )
    comes_back = address if reconnect is None else reconnect
    kind = Kind(comes_back, slack=1.0) if camera else Kind(comes_back)
    name = f"camera {path}" if camera else told(path)  # type: ignore[arg-type]

    def begin() -> tuple[Callable[[], Source], Pipe | None]:
        pipe = None if camera or address else _pipe(path)
        if pipe is None:
            return lambda: open_frames(path, **how), None
        given = dict(how)
        given["name"] = given.get("name") or ("stdin" if path == "-" else Path(pipe.name).stem)
        return lambda: open_frames(pipe, **given), pipe  # type: ignore[arg-type]

    return Living(begin, name, limits, kind, give_up)


def open_raw(
    stream: BinaryIO, size: tuple[int, int], *, limits: Limits | None = None, **how: Any
) -> "Living":
    """Open raw frames as `RawFrames` does, so that they cannot hang."""
    limits = limits or Limits()

    def begin() -> tuple[Callable[[], Source], Pipe | None]:
        pipe = _pipe(stream)

        def read() -> Source:
            check_size("raw frames", size[1], size[0])
            return RawFrames(pipe or stream, size, **how)  # type: ignore[arg-type]

        return read, pipe

    return Living(begin, "standard input", limits, Kind(), 0.0)


def open_with(read: Callable[[], Source], told: str, *, limits: Limits | None = None) -> "Living":
    """Open what `read` opens, which messages call `told`, so that it cannot hang."""
    return Living(lambda: (read, None), told, limits or Limits(), Kind(), 0.0)


def _pipe(path: Any) -> Pipe | None:
    """The input as something that can be waited for, None when it is a file or no descriptor."""
    if isinstance(path, (str, Path)) and path != "-":
        return open_pipe(Path(path)) if is_pipe(Path(path)) else None
    stream = sys.stdin.buffer if path == "-" else path
    if isinstance(stream, Pipe):
        return stream
    try:
        number = stream.fileno()
        os.fstat(number)
    except (OSError, ValueError, AttributeError):
        return None
    name = getattr(stream, "name", None)
    return pipe_of(
        number, name if isinstance(name, str) and name != "<stdin>" else "standard input"
    )


class Living(Source):
    """Frames of another source, which cannot hang; see `open_living`.

    `frames` are those of the source, in order; after a gap numbers go on, and times by the
    clock. What was lost, and for how long, stands in `damage`, and is logged at once.
    """

    def __init__(self, begin: Begin, name: str, limits: Limits, kind: Kind, give_up: float) -> None:
        super().__init__()
        self._begin = begin
        self._name = name
        self._limits = limits
        self._kind = kind
        self._give_up = give_up
        self._broken_off = self._endless = False
        self._channels = 0  # of the first frame
        self._now = Connection(begin, limits, kind)
        try:
            self.inner = self._opened(self._now)
        except BaseException:
            self._now.close()
            raise
        self.info = self.inner.info
        self.live = self.inner.live
        self.damage: Damage = self.inner.damage

    def __getattr__(self, name: str) -> Any:
        if name in ("inner", "_now"):  # not there before it is open
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def size_changes(self) -> int:
        """Frames so far that were scaled."""
        inner = self.__dict__.get("inner")
        before: int = self.__dict__.get("_changes", 0)
        return before + (inner.size_changes if inner else 0)

    @size_changes.setter
    def size_changes(self, count: int) -> None:
        self.__dict__["_changes"] = count

    def skip_before(self, start: Position) -> None:
        self._start = start
        self.inner.skip_before(start)

    def stop(self) -> None:
        super().stop()
        self.inner.stop()
        self._now.end_input()

    def break_off(self) -> None:
        """Let whoever waits for a frame get an error, as no end was reached."""
        self._broken_off = True
        self.inner.stop()

    def close(self) -> None:
        if not self._stopped:
            self.inner.stop()
        self._now.close()

    def _waits_no_more(self) -> bool:
        return self._stopped or self._broken_off

    def _opened(self, connection: Connection) -> Source:
        what, content = connection.take(self._waits_no_more)
        silent = what == "silent" and connection.end_input()
        if silent:  # what came before may be enough
            what, content = connection.take(self._waits_no_more)
        if what == "open":
            source: Source = content
            if silent:
                source.damage.note(self._silent())
            return source
        if silent and what == "failed":
            what = "silent"
        if what == "failed":
            raise content
        raise UnreadableInput(
            f"{self._name}: gave nothing that can be read for {self._limits.timeout:g} s; "
            "--timeout SECONDS waits longer, 0 for ever"
        )

    def _frames(self) -> Iterator[Frame]:
        last: Frame | None = None
        zero = math.inf  # when the first frame was taken, by this machine's clock
        connected_again = False
        while True:
            first = True
            offset, moment = 0, 0.0
            for frame in self._of_one_connection():
                if first and last is not None:
                    # Its clock says nothing of the gap. It was taken about when the stream was
                    # opened anew; when it came, the opening had taken its time, which would add
                    # up from gap to gap.
                    gap = max(self._now.began - zero - last.time, 1 / float(self.info.rate))
                    offset = last.index + self.info.step - frame.index
                    moment = last.time + gap - frame.time
                    self._tell_gap(last, gap)
                self._channels = self._channels or frame.image.shape[2]
                if not connected_again:
                    # Frames come late, never early: the least delay is the truest.
                    zero = min(zero, time.monotonic() - frame.time)
                first = False
                if offset or moment:
                    frame = self._fitted(frame, offset, moment)
                last = frame
                yield frame
            connected_again = True
            if self._waits_no_more() or not (self._kind.comes_back and self._endless):
                return
            if last is not None:
                log.warning(
                    "%s: lost after frame %d (%.3f s), looking for it",
                    self._name,
                    last.index,
                    last.time,
                )
            if not self._found_again():
                return

    def _of_one_connection(self) -> Iterator[Frame]:
        connection = self._now
        connection.go()
        silent = False
        while True:
            what, content = connection.take(self._waits_no_more)
            if what == "frame":
                yield content
                if self._waits_no_more():
                    break
            elif what == "end":
                self._endless = connection.endless
                if content is not None:
                    raise content
                return
            elif what == "silent":
                self._endless = connection.endless
                if not silent:
                    self.damage.note(self._silent())
                if silent or not connection.end_input():
                    connection.close()
                    return
                silent = True
            else:
                break
        if self._broken_off:
            raise UnreadableInput(f"{self._name}: reading was broken off")

    def _silent(self) -> str:
        told_as = "" if self._kind.comes_back else ", taken as its end"
        return f"{self._name}: silent for {self._limits.timeout:g} s{told_as}"

    def _found_again(self) -> bool:
        """Look for a lost stream, with growing waits; False when it was given up."""
        self._now.close()
        begin = time.monotonic()
        tries = 0
        while time.monotonic() - begin < self._give_up:
            until = time.monotonic() + WAITS[min(tries, len(WAITS) - 1)]
            tries += 1
            while time.monotonic() < until:
                if self._waits_no_more():
                    return False
                time.sleep(LOOK)
            try:
                self._now = Connection(self._begin, self._limits, self._kind)
                again = self._opened(self._now)
            except UnreadableInput as error:
                self._now.close()
                log.info(
                    "%s: not back yet (%s)", self._name, str(error).removeprefix(f"{self._name}: ")
                )
                continue
            except BaseException:
                self._now.close()
                raise
            again.damage.reasons[:0] = self.damage.reasons
            self.damage.lost += again.damage.lost
            self.damage.flagged += again.damage.flagged
            self.damage.reasons[:] = again.damage.reasons[: Damage.MOST_REASONS]
            again.damage = self.damage
            self.size_changes = self.size_changes
            self.inner = again
            return True
        self.damage.note(f"{self._name}: lost, and not back within {self._give_up:g} s")
        log.warning("%s: not back within %g s, taken as its end", self._name, self._give_up)
        return False

    def _tell_gap(self, last: Frame, gap: float) -> None:
        line = f"lost after frame {last.index} ({last.time:.3f} s), back after {gap:.1f} s"
        self.damage.note(f"{self._name}: {line}")
        self.damage.gaps.append((last.index, round(last.time, 6), round(gap, 3)))
        log.warning("%s: %s", self._name, line)

    def _fitted(self, frame: Frame, offset: int, moment: float) -> Frame:
        """The frame as one of the sequence that was begun: its size, colour, number and time."""
        if frame.image.shape[:2] != self.info.size:
            self.__dict__["_changes"] = self.__dict__.get("_changes", 0) + 1
        return replace(
            frame,
            image=fitted(frame.image, self.info.size, self._channels),
            index=frame.index + offset,
            time=frame.time + moment,
            sequence=self.info,
        )
