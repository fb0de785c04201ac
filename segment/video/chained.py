"""The files of one camera as one sequence: numbers and clock go on from file to file."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from segment.errors import UnreadableInput
from segment.frame import Frame
from segment.video import open_frames
from segment.video.decode import fitted
from segment.video.source import Source

__all__ = ["Chained"]


class Chained(Source):
    """Frames of several films, one after the other, as if one camera had written one file.

    Parameters
    ----------
    files : films in their order, one at least.
    name : of the sequence.
    how : what `open_frames` takes for each of them.

    The first frame of a file has the number after the last one's of the file before, and is one
    frame later; how long the camera paused between two files nobody knows. Size, colour and
    rate are those of the first file; frames of others are brought to them. A file that cannot be
    read is left out, and that is damage.

    `parts` says where each file begins: (path, number of its first frame, seconds).

    Raises UnreadableInput when none can be read.
    """

    def __init__(self, files: Sequence[str | Path], name: str, **how: Any) -> None:
        super().__init__()
        self._files = [str(path) for path in files]
        self._how = how
        self.parts: list[tuple[str, int, float]] = []
        self._at = 0
        self._now: Source | None = None
        error: UnreadableInput | None = None
        while self._now is None and self._at < len(self._files):
            try:
                self._now = self._open()
            except UnreadableInput as refused:
                error = error or refused
        if self._now is None:
            raise error or UnreadableInput(f"{name}: no file was given")
        self.info = replace(self._now.info, name=name, length=None, first=0, step=1)
        if len(self._files) == 1:
            self.info = replace(self.info, length=self._now.info.length)

    def _open(self) -> Source:
        """Open the next file; told as damage when it cannot be read."""
        path = self._files[self._at]
        self._at += 1
        try:
            source = open_frames(path, **self._how)
        except UnreadableInput as error:
            self.damage.lost += 1
            self.damage.note(f"{error}; left out")
            raise
        if source.live:
            source.close()
            raise UnreadableInput(f"{path}: has no end, so nothing can follow it")
        return source

    def _frames(self) -> Iterator[Frame]:
        number, moment = 0, 0.0
        channels: int | None = None
        while self._now is not None:
            first: Frame | None = None
            last: Frame | None = None
            for frame in self._now:
                channels = channels or frame.image.shape[2]
                if first is None:
                    first = frame
                    self.parts.append((self._files[self._at - 1], number, round(moment, 6)))
                last = replace(
                    frame,
                    image=fitted(frame.image, self.info.size, channels),
                    index=frame.index - first.index + number,
                    time=frame.time - first.time + moment,
                    sequence=self.info,
                )
                self.size_changes += frame.image.shape[:2] != self.info.size
                yield last
            step = 1 / (self._now.info.rate or Fraction(25))
            self._take_damage(self._now)
            if last is not None:
                number, moment = last.index + 1, last.time + float(step)
            self._now = None
            while self._now is None and self._at < len(self._files) and not self._stopped:
                with contextlib.suppress(UnreadableInput):  # it is told as damage
                    self._now = self._open()

    def _take_damage(self, source: Source) -> None:
        self.damage.lost += source.damage.lost
        self.damage.flagged += source.damage.flagged
        for reason in source.damage.reasons:
            self.damage.note(reason)
        self.size_changes += source.size_changes

    def stop(self) -> None:
        super().stop()
        if self._now is not None:
            self._now.stop()

    def close(self) -> None:
        if self._now is not None:
            self._now.close()
