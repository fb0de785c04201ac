"""Pictures as frames: a folder in natural order, the pages of one file, or a single picture."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image
from segment.errors import UnreadableInput
from segment.frame import Frame, SequenceInfo
from segment.video.animated import AnimatedPages
from segment.video.clear import Clear
from segment.video.decode import (
    LINEAR,
    PICTURES,
    VIDEOS,
    Pages,
    first_of,
    open_pages,
    read_stored,
    rescale,
    with_axis,
)
from segment.video.levels import Levels, Scale
from segment.video.numbers import Runs, frame_numbers
from segment.video.shape import aspect_of, pictures_of_jpeg
from segment.video.source import Source, check_rate, natural
from segment.video.tiff import Pixels

log = logging.getLogger("segment.video")

_SAMPLES = 5  # pictures that are looked at, evenly spread, where levels are to be found
PATIENCE = 100
"""Pages in a row that may fail before reading gives up."""


class _Fitted(Source):
    """Pictures of any kind as frames of one size, depth and number of channels."""

    _scale: Scale
    _channels: int

    def __init__(self) -> None:
        super().__init__()
        self._clear = Clear()

    def _judge(self, stored: Pixels, path: Path, index: int) -> None:
        """Count a picture that was decoded though its file is not as it should be."""
        self._clear.look(stored.alpha, path)
        if stored.flaw is not None:
            self.damage.flagged += 1
            self.damage.note(f"{path}: frame {index} is damaged ({stored.flaw})")

    def _fit(self, values: NDArray[Any], told: str | Path) -> Image:
        image = self._scale.apply(values)
        if image.shape[2] != self._channels:
            code = cv2.COLOR_GRAY2RGB if self._channels == 3 else cv2.COLOR_RGB2GRAY
            image = with_axis(cv2.cvtColor(image, code))
        if image.shape[:2] != self.info.size:
            if not self.size_changes:
                log.warning(
                    "%s is %s (height, width), not %s as the first picture; scaled to it, "
                    "and so are later ones",
                    told,
                    image.shape[:2],
                    self.info.size,
                )
            self.size_changes += 1
            image = rescale(image, self.info.size)
        return np.ascontiguousarray(image)


class ImageFolder(_Fitted):
    """The pictures of a folder, one frame each, in natural order, read when their turn comes.

    A frame's number is the one in its picture's name, where names count frames; see
    `segment.video.numbers`. Otherwise pictures are counted from 0. What is missing or cannot be
    read keeps its place: its number and its time.

    Parameters
    ----------
    path : the folder, whose folders and files of other kinds are left out; or a list of pictures,
        which are taken in natural order of their names.
    rate : pictures per second, which they do not say.
    name : of the sequence; the folder's own if None.
    levels : what becomes black and white of deep pictures.

    Every picture that can be read is a frame, (H, W, 3) RGB or (H, W, 1) grey uint8 as the first
    one is; the others count in `damage.lost`. Deeper pictures are scaled as `levels` says,
    transparency is dropped, which is told, and the camera's orientation (EXIF) is applied. The
    first readable picture gives the size; others are scaled to it. Of a file of several pages the
    first counts.
    """

    def __init__(
        self,
        path: str | Path | Sequence[str | Path],
        rate: Fraction | float | str = 25,
        name: str | None = None,
        levels: Levels | None = None,
    ) -> None:
        super().__init__()
        exact = check_rate(rate)
        if isinstance(path, (str, Path)):
            folder = Path(path)
            self.paths = _pictures(folder)
        else:
            self.paths = sorted(map(Path, path), key=lambda one: natural(one.name))
            if not self.paths:
                raise ValueError("path is a list of no pictures, wanted one at least")
            folder = self.paths[0].parent
        read = ((path, _try_read(path)) for path in self.paths)
        found = next(((path, stored) for path, stored in read if stored is not None), None)
        if found is None:
            raise UnreadableInput(
                f"{folder}: none of its {len(self.paths)} pictures can be read; the first: "
                f"{_refusal(self.paths[0])}"
            )
        first_path, first = found
        title = name or folder.resolve().name or "folder"
        self._channels = first.values.shape[2]
        self._scale = Scale(title, levels, linear=first_path.suffix.lower() in LINEAR)
        if self._scale.needs_look(first.values):
            others = (_try_read(path) for path in _spread(self.paths))
            self._scale.look(_alike(first, others), first.bits)
        numbers = frame_numbers([path.stem for path in self.paths])
        self.numbers = list(range(len(self.paths))) if numbers is None else numbers
        self.info = SequenceInfo(
            name=title,
            size=(first.values.shape[0], first.values.shape[1]),
            rate=exact,
            length=len(self.paths),
            first=self.numbers[0],
            aspect=_aspect_of(first_path),
            step=math.gcd(*(after - before for before, after in pairwise(self.numbers))) or 1,
        )

    def _tell_oddities(self) -> None:
        places = range(self.numbers[0], self.numbers[-1] + 1, self.info.step)
        if len(places) > len(self.numbers):
            log.info(
                "%s: of the numbers %d to %d only %s have pictures; those keep their numbers",
                self.info.name,
                places[0],
                places[-1],
                str(Runs(self.numbers)).replace(" ", ", "),
            )
        kinds = Counter(_ONE_KIND.get(k, k) for k in (path.suffix.lower() for path in self.paths))
        if len(kinds) > 1:
            told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            log.warning(
                "%s: holds pictures of several kinds (%s); all are read as one sequence",
                self.info.name,
                told,
            )

    def _frames(self) -> Iterator[Frame]:
        self._tell_oddities()
        first, pace = self.info.first, self.info.step * self.info.rate
        paged = False
        for index, path in zip(self.numbers, self.paths, strict=True):
            time = float((index - first) / pace)
            if not self._is_wanted(index, time):
                continue
            try:
                stored, pages = _read_first(path)
            except UnreadableInput as error:
                self.damage.lost += 1
                self.damage.note(str(error))
                continue
            if pages > 1 and not paged:
                paged = True
                more = (
                    ""
                    if path.suffix.lower() in _JPEGS
                    else "; read the file, or --recursive, for all of them"
                )
                log.warning(
                    "%s holds %d pictures; in a folder the first of a file is a frame%s",
                    path,
                    pages,
                    more,
                )
            self._judge(stored, path, index)
            image = self._fit(stored.values, path)
            yield Frame(image, index, time, self.info, file_name=path.name)


_JPEGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")  # of which only the first picture is ever read
_ONE_KIND = {
    ".jpeg": ".jpg",
    ".jpe": ".jpg",
    ".jfif": ".jpg",
    ".tiff": ".tif",
    ".dib": ".bmp",
    ".apng": ".png",
}


class Picture(_Fitted):
    """A single picture: a sequence of one frame. Parameters as for `ImageFolder`."""

    def __init__(
        self,
        path: str | Path,
        rate: Fraction | float | str = 25,
        name: str | None = None,
        levels: Levels | None = None,
    ) -> None:
        super().__init__()
        exact = check_rate(rate)
        path = Path(path)
        # Read here and again when iterated: a bad file fails early, and a source waiting
        # in a queue of many holds no pixels.
        stored = read_stored(path)
        self._path = path
        self._scale = Scale(str(path), levels, linear=path.suffix.lower() in LINEAR)
        if self._scale.needs_look(stored.values):
            self._scale.look([stored.values], stored.bits)
        height, width, self._channels = stored.values.shape
        self.info = SequenceInfo(
            name=name or path.stem,
            size=(height, width),
            rate=exact,
            length=1,
            aspect=_aspect_of(path),
        )

    def _frames(self) -> Iterator[Frame]:
        stored, count = _read_first(self._path)
        if count > 1:
            log.warning("%s holds %d pictures, of which the first is read", self._path, count)
        self._judge(stored, self._path, 0)
        image = self._fit(stored.values, self._path)
        yield Frame(image, 0, 0.0, self.info, file_name=self._path.name)


class Paged(_Fitted):
    """The pictures of one file: a TIFF stack, an animated WebP, PNG or AVIF.

    Parameters
    ----------
    pages : what `segment.video.decode.open_pages` gave; it is closed with this.
    rate : pictures per second; None takes what the file says, or 25.
    name : of the sequence; the file's stem if None.
    levels : what becomes black and white of deep pictures.

    Pages are numbered from 0, read one at a time, and scaled to the first one's size. One that
    cannot be read keeps its number and counts in `damage.lost`; one whose file is not as it
    should be counts in `damage.flagged`. Animated pictures keep the times that they say.
    """

    def __init__(
        self,
        pages: Pages,
        rate: Fraction | float | str | None = None,
        name: str | None = None,
        levels: Levels | None = None,
    ) -> None:
        super().__init__()
        self.pages = pages
        for complaint in pages.complaints:
            self.damage.note(f"{pages.path}: {complaint}")
        try:
            exact = None if rate is None else check_rate(rate)
            first = self._first_readable()
            self._timed = exact is None and isinstance(pages, AnimatedPages)
            self._channels = first.values.shape[2]
            self._scale = Scale(str(pages.path), levels)
            if self._scale.needs_look(first.values):
                others = map(self._try_read, _spread(range(pages.length)))
                forwards = isinstance(pages, AnimatedPages)  # going back would draw all anew
                self._scale.look(_alike(first, () if forwards else others), first.bits)
            self.info = SequenceInfo(
                name=name or pages.path.stem,
                size=(first.values.shape[0], first.values.shape[1]),
                rate=exact or pages.rate or Fraction(25),
                length=pages.length,
                aspect=pages.aspect,
            )
        except BaseException:
            self.close()
            raise

    def _first_readable(self) -> Pixels:
        for number in range(min(self.pages.length, PATIENCE)):
            stored = self._try_read(number)
            if stored is not None:
                return stored
        raise UnreadableInput(f"{self.pages.path}: none of its pages can be read")

    def _try_read(self, number: int) -> Pixels | None:
        try:
            return self.pages.read(number)
        except UnreadableInput:
            return None

    def _frames(self) -> Iterator[Frame]:
        pages, told = self.pages, self.pages.path
        for note in pages.notes:
            log.info("%s: %s", told, note)
        time, failures = Fraction(0), 0
        for number in range(pages.length):
            if not self._timed:
                time = number / self.info.rate
                if not self._is_wanted(number, float(time)):
                    continue
            try:
                stored = pages.read(number)
            except UnreadableInput as error:
                self.damage.lost += 1
                self.damage.note(str(error))
                failures += 1
                if failures >= PATIENCE:
                    self.damage.lost += pages.length - number - 1
                    self.damage.note(f"{told}: gave up after {failures} failures in a row")
                    return
                time += 1 / self.info.rate
                continue
            failures = 0
            self._clear.look(stored.alpha, f"{told}, page {number},")
            if pages.complaints:
                self.damage.flagged += 1
                self.damage.note(f"{told}: page {number}: {pages.complaints[0]}")
            yield Frame(
                self._fit(stored.values, f"{told}, page {number},"), number, float(time), self.info
            )
            if isinstance(pages, AnimatedPages):
                time += pages.seconds() or 1 / self.info.rate

    def close(self) -> None:
        self.pages.close()


def open_picture(
    path: Path,
    rate: Fraction | float | str | None = None,
    name: str | None = None,
    levels: Levels | None = None,
    track: int = 0,
) -> Picture | Paged:
    """Open a picture file as a sequence of as many frames as it has pictures."""
    pages = open_pages(path, track)
    if pages is not None:
        if pages.length > 1 or pages.complaints:
            return Paged(pages, rate, name, levels)
        pages.close()
    return Picture(path, 25 if rate is None else rate, name, levels)


def _read_first(path: Path) -> tuple[Pixels, int]:
    """Return the first picture of a file, and how many it holds."""
    pages = open_pages(path)
    if pages is None:
        stored = read_stored(path)
        with path.open("rb") as file:
            return stored, pictures_of_jpeg(file.read(1 << 16))
    try:
        return first_of(pages), pages.length
    finally:
        pages.close()


def _aspect_of(path: Path) -> Fraction:
    """Return a pixel's width by its height, as its file says."""
    pages = open_pages(path)
    if pages is None:
        return aspect_of(path)
    try:
        return pages.aspect
    finally:
        pages.close()


def _spread(things: Sequence[Any]) -> list[Any]:
    """Return some of them, evenly spread, without the first."""
    return [things[len(things) * n // _SAMPLES] for n in range(1, min(_SAMPLES, len(things)))]


def _alike(first: Pixels, others: Any) -> list[NDArray[Any]]:
    """Return the values of those pictures that are of the first one's type."""
    every = [first, *(one for one in others if one is not None)]
    return [one.values for one in every if one.values.dtype == first.values.dtype]


def _pictures(folder: Path) -> list[Path]:
    try:
        files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except FileNotFoundError:
        raise UnreadableInput(f"{folder}: no such folder") from None
    except NotADirectoryError:
        raise UnreadableInput(f"{folder}: is a file, not a folder of pictures") from None
    except PermissionError:
        raise UnreadableInput(f"{folder}: no permission to read this folder") from None
    files.sort(key=lambda path: natural(path.name))
    pictures = [path for path in files if path.suffix.lower() in PICTURES and path.is_file()]
    if pictures:
        return pictures
    videos = [path for path in files if path.suffix.lower() in VIDEOS]
    if videos:
        raise UnreadableInput(
            f"{folder}: a folder without pictures; it holds {len(videos)} "
            f"video{'s' if len(videos) > 1 else ''} ({', '.join(v.name for v in videos[:3])}"
            f"{', ...' if len(videos) > 3 else ''}), "
            f"give them by name, as in {folder}/*{videos[0].suffix}"
        )
    folders = [path for path in files if path.is_dir()]
    if folders:
        raise UnreadableInput(
            f"{folder}: a folder without pictures; it holds {len(folders)} "
            f"folder{'s' if len(folders) > 1 else ''}, give one of them, "
            f"such as {folder}/{folders[0].name}"
        )
    raise UnreadableInput(f"{folder}: a folder without pictures (png, jpg, tif, bmp, webp, ...)")


def _refusal(path: Path) -> str:
    """Why a picture cannot be read."""
    try:
        read_stored(path)
    except UnreadableInput as error:
        return str(error)
    return f"{path}: was not there yet"


def _try_read(path: Path) -> Pixels | None:
    try:
        return read_stored(path)
    except UnreadableInput:
        return None
