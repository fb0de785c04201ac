"""Pictures as frames: a folder in natural order, or a single picture."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
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
from segment.video.numbers import Runs, frame_numbers
from segment.video.source import Source, check_rate, natural

log = logging.getLogger("segment.video")

_PICTURES = (
    ".png .jpg .jpeg .jpe .jp2 .bmp .dib .tif .tiff .webp .ppm .pgm .pbm .pnm .pam .exr .hdr"
)
PICTURES = frozenset(_PICTURES.split())
"""Suffixes of picture files, lower case. A gif is a short film and goes to PyAV."""

_VIDEOS = (
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .m2ts .mts .wmv .asf .flv .3gp .gif "
    ".h264 .264 .h265 .265 .hevc .ogv .y4m .mjpeg .vob .mxf"
)
VIDEOS = frozenset(_VIDEOS.split())
"""Suffixes that a folder's message names as videos."""


class ImageFolder(Source):
    """The pictures of a folder, one frame each, in natural order, read when their turn comes.

    A frame's number is the one in its picture's name, where names count frames; see
    `segment.video.numbers`. Otherwise pictures are counted from 0. What is missing or cannot be
    read keeps its place: its number and its time.

    Parameters
    ----------
    path : the folder. Folders inside it and files of other kinds are left out.
    rate : pictures per second, which they do not say.
    name : of the sequence; the folder's own if None.

    Every picture that can be read is a frame, (H, W, 3) RGB or (H, W, 1) grey uint8 as the first
    one is; the others count in `damage.lost`. 16-bit pictures are scaled by their full range,
    transparency is dropped, and the camera's orientation (EXIF) is applied. The first readable
    picture gives the size; others are scaled to it.
    """

    def __init__(
        self, path: str | Path, rate: Fraction | float | str = 25, name: str | None = None
    ) -> None:
        super().__init__()
        exact = check_rate(rate)
        folder = Path(path)
        self.paths = _pictures(folder)
        first = next((image for image in map(_try_read, self.paths) if image is not None), None)
        if first is None:
            raise UnreadableInput(
                f"{folder}: none of its {len(self.paths)} pictures can be read "
                f"({self.paths[0].name} is the first)"
            )
        self._channels = first.shape[2]
        numbers = frame_numbers([path.stem for path in self.paths])
        self.numbers = list(range(len(self.paths))) if numbers is None else numbers
        self.info = SequenceInfo(
            name=name or folder.resolve().name or "folder",
            size=(first.shape[0], first.shape[1]),
            rate=exact,
            length=len(self.paths),
            first=self.numbers[0],
            step=math.gcd(*(after - before for before, after in pairwise(self.numbers))) or 1,
        )

    def _tell_gaps(self) -> None:
        places = range(self.numbers[0], self.numbers[-1] + 1, self.info.step)
        if len(places) > len(self.numbers):
            log.info(
                "%s: no pictures have the numbers between %s (%d are there of %d); "
                "the others keep theirs",
                self.info.name,
                str(Runs(self.numbers)).replace(" ", " and "),
                len(self.numbers),
                len(places),
            )

    def _frames(self) -> Iterator[Frame]:
        self._tell_gaps()
        first, pace = self.info.first, self.info.step * self.info.rate
        for index, path in zip(self.numbers, self.paths, strict=True):
            time = float((index - first) / pace)
            if not self._is_wanted(index, time):
                continue
            try:
                image = read_picture(path)
            except UnreadableInput as error:
                self.damage.lost += 1
                self.damage.note(str(error))
                continue
            yield Frame(self._fit(image, path), index, time, self.info, file_name=path.name)

    def _fit(self, image: Image, path: Path) -> Image:
        if image.shape[2] != self._channels:
            code = cv2.COLOR_GRAY2RGB if self._channels == 3 else cv2.COLOR_RGB2GRAY
            image = _with_axis(cv2.cvtColor(image, code))
        if image.shape[:2] != self.info.size:
            if not self.size_changes:
                log.warning(
                    "%s is %s (height, width), not %s as the first picture; scaled to it, "
                    "and so are later ones",
                    path,
                    image.shape[:2],
                    self.info.size,
                )
            self.size_changes += 1
            image = rescale(image, self.info.size)
        return image


class Picture(Source):
    """A single picture: a sequence of one frame. `rate` and `name` as for `ImageFolder`."""

    def __init__(
        self, path: str | Path, rate: Fraction | float | str = 25, name: str | None = None
    ) -> None:
        super().__init__()
        exact = check_rate(rate)
        path = Path(path)
        # Read here and again when iterated: a bad file fails early, and a source waiting
        # in a queue of many holds no pixels.
        image = read_picture(path)
        self._path = path
        self.info = SequenceInfo(
            name=name or path.stem, size=(image.shape[0], image.shape[1]), rate=exact, length=1
        )

    def _frames(self) -> Iterator[Frame]:
        yield Frame(read_picture(self._path), 0, 0.0, self.info, file_name=self._path.name)


def read_picture(path: Path) -> Image:
    """Return a picture file as (H, W, 3) RGB or (H, W, 1) grey uint8, or raise UnreadableInput."""
    return to_eight_bits(read_pixels(path))


def read_pixels(path: Path) -> NDArray[Any]:
    """Return a picture file as (H, W, 3) RGB or (H, W, 1) grey in the depth it has."""
    # Decoding from memory keeps names OK that the library's own file reading cannot open.
    data = np.frombuffer(_read_bytes(path), np.uint8)
    picture = _decode(data)
    if picture is None:
        raise UnreadableInput(
            f"{path}: is damaged or no picture that can be read ({data.size} bytes)"
        )
    return picture


def rescale(image: Image, size: tuple[int, int]) -> Image:
    """Return `image` (H, W, C) at `size` (height, width); area mean down, linear up."""
    height, width = size
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return _with_axis(cv2.resize(image, (width, height), interpolation=method))


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


def _try_read(path: Path) -> Image | None:
    try:
        return read_picture(path)
    except UnreadableInput:
        return None


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableInput(f"{path}: no such file") from None
    except PermissionError:
        raise UnreadableInput(f"{path}: no permission to read this file") from None
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from None
    if not data:
        raise UnreadableInput(f"{path}: is empty (0 bytes)")
    return data


def _decode(data: NDArray[np.uint8]) -> NDArray[Any] | None:
    with quiet():
        try:
            # ANYDEPTH keeps 16 bits; ANYCOLOR keeps grey grey, drops transparency and turns
            # the picture as its orientation tag says (UNCHANGED does not).
            picture = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
        except cv2.error:
            return None
    if picture is None or picture.size == 0:
        return None
    if picture.ndim == 2:
        return picture[:, :, None]
    return np.ascontiguousarray(picture[:, :, ::-1])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV from complaining on stderr; what failed is told by our own message."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def to_eight_bits(image: NDArray[Any], deepest: int | None = None) -> Image:
    """Scale whole numbers from 0..deepest (their type's largest if None) to 0..255, rounded.

    Floats are taken as 0..1, as in exr and hdr pictures, and clipped.
    """
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind == "f":
        scaled: Image = np.rint(np.nan_to_num(image).clip(0, 1) * 255).astype(np.uint8)
        return scaled
    deepest = deepest or int(np.iinfo(image.dtype).max)
    wide = image.clip(0, deepest).astype(np.uint32)
    return ((wide * 255 + deepest // 2) // deepest).astype(np.uint8)


def _with_axis(image: NDArray[Any]) -> Image:
    plane: Image = np.ascontiguousarray(image, np.uint8)
    return plane[:, :, None] if plane.ndim == 2 else plane
