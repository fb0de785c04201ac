"""The background at many moments of a long time, on disk: what tubes are painted on."""

import contextlib
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Mask
from segment.export.report.gather import Backdrop

__all__ = ["Backgrounds"]

_MOST = 128  # pictures; of more, every second one goes
_WIDEST = 1 << 20  # pixels; none is made smaller
_QUALITY = 92


class Backgrounds:
    """Follows the background, and keeps it every so many seconds.

    folder : where the pictures lie, in a file without a name.
    """

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # see close
        self._backdrop = Backdrop(_WIDEST)
        self._every = 1.0
        self._kept: list[tuple[float, int, int]] = []  # second, place, bytes
        self._time = 0.0
        self._decoded = lru_cache(maxsize=4)(self._decode)

    def add(self, image: Image, front: Mask, time: float) -> None:
        """Take a frame in."""
        self._backdrop.add(image, front, time)
        self._time = time
        if not self._kept or time - self._kept[-1][0] >= self._every:
            self._keep()

    def _keep(self) -> None:
        picture = self._backdrop.picture()
        assert picture is not None
        good, coded = cv2.imencode(
            ".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        assert good
        content = coded.tobytes()
        place = self._file.seek(0, 2)
        self._file.write(content)
        self._kept.append((self._time, place, len(content)))
        if len(self._kept) > _MOST:
            del self._kept[1::2]
            self._every *= 2

    def finish(self) -> None:
        """No frame comes any more: the last picture is the best that there is of the end."""
        if self._kept[-1][0] < self._time:
            self._keep()

    @property
    def span(self) -> tuple[float, float]:
        """Seconds of the first and the last picture that is kept."""
        return self._kept[0][0], self._kept[-1][0]

    def at(self, time: float) -> NDArray[np.float32]:
        """The background at `time`, (H, W, 3) float32 RGB, between the two kept ones about it."""
        times = [kept[0] for kept in self._kept]
        last = len(times) - 1
        n = int(np.searchsorted(times, time))
        # Where it all began nothing was known of what stood in front: the next is better.
        if n <= 1 or n > last:
            return self._decoded(min(max(n, 1), last)).copy()
        share = (time - times[n - 1]) / max(times[n] - times[n - 1], 1e-9)
        mixed = cv2.addWeighted(self._decoded(n - 1), 1 - share, self._decoded(n), share, 0)
        return np.asarray(mixed, np.float32)

    def _decode(self, n: int) -> NDArray[np.float32]:
        _, place, long = self._kept[n]
        self._file.seek(place)
        coded = np.frombuffer(self._file.read(long), np.uint8)
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
        return np.ascontiguousarray(picture[:, :, ::-1]).astype(np.float32)

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(OSError):
            self._file.close()
