"""TIFF files: every page of a stack, of any depth and layout, read when its turn comes."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from segment.errors import UnreadableInput
from segment.video.shape import density_aspect
from segment.video.upright import by_exif, turned

log = logging.getLogger("segment.video")
# The library logs what it meets in damaged files; `_heard` takes it down, nobody prints it.
_theirs = logging.getLogger("tifffile")
_theirs.addHandler(logging.NullHandler())
_theirs.propagate = False

_ORIENTATION, _COLOURS = 274, 3  # the tag; channels that make a colour picture
_REDUCED, _TRANSPARENCY = 1, 4  # bits of NewSubfileType: a thumbnail, a mask of another page
# Series that a writer declares as one recording; others are just pages behind one another.
_PLAIN = frozenset(["generic", "uniform", "shaped"])


class Pixels(NamedTuple):
    """A picture as it is stored: values (H, W, 1) grey or (H, W, 3) RGB of any type; its alpha.

    `alpha` is (H, W) of any type, None where nothing is transparent. `bits` are those that its
    file says are in use, None where it does not say. `flaw` is what is wrong with the file in a few
    words, None when nothing shows.
    """

    values: NDArray[Any]
    alpha: NDArray[Any] | None = None
    bits: int | None = None
    flaw: str | None = None


class TiffPages:
    """The pages of a TIFF file as pictures, upright, in the order of the file.

    Of files that declare axes (OME, ImageJ, LSM) every plane over time (T), depth (Z) and the like
    is a picture, the last of these axes running fastest; channels (C) become colours, the first
    three of them. Of other files every page is a picture, but thumbnails and masks.

    Attributes
    ----------
    length : pictures in the file.
    rate : pictures per second, None where the file does not say.
    notes : what a user should know of how it is read, one line each.
    codec, kind : the compression of the first page, and what stores it, for `info`.

    Raises UnreadableInput.
    """

    def __init__(self, path: Path, series: int = 0) -> None:
        self.path = path
        self.notes: list[str] = []
        self.complaints: list[str] = []
        with self._reading("is damaged, its pages cannot be listed"):
            self._file = tifffile.TiffFile(path)
        try:
            with self._reading("is damaged, its pages cannot be listed"):
                self._planes = self._plan(series)
                self.length = sum(len(part) for part in self._planes)
                first: Any = self._file.pages.first
                self.codec = str(getattr(first.compression, "name", first.compression)).lower()
                self.bits = _declared_bits(self._file, first)
                self.rate = _rate(self._file)
                self.aspect = _aspect(first)
            if not self.length:
                raise UnreadableInput(f"{path}: a TIFF without pages")
        except BaseException:
            self.close()
            raise

    @property
    def kind(self) -> str:
        return "bigtiff" if self._file.is_bigtiff else "tiff"

    def _plan(self, wanted: int) -> list["_Planes"]:
        every = [series for series in self._file.series if series.kind]
        if every and every[0].kind not in _PLAIN:
            if wanted >= len(every):
                raise UnreadableInput(
                    f"{self.path}: has no series {wanted}; it holds {len(every)}, the first is 0"
                )
            if len(every) > 1:
                names = ", ".join(f"{n} {series.name!r}" for n, series in enumerate(every[:4]))
                self.notes.append(
                    f"holds {len(every)} series of pictures ({names}{', ...' * (len(every) > 4)}); "
                    f"series {wanted} is read, --track chooses another"
                )
            return [_Series(self._file, every[wanted], self.notes)]
        if wanted:
            raise UnreadableInput(f"{self.path}: has no series {wanted}, only pages")
        if every and (len(every) == 1 or all(series.kind == "shaped" for series in every)):
            planes = [_Series(self._file, series, self.notes) for series in every]
            # Of a cut file fewer pages are left than its series says, and it gives up on them.
            if sum(map(len, planes)) >= len(self._file.pages):
                return [*planes]
        return [_Pages(self._file)]

    def read(self, number: int) -> Pixels:
        """Return the picture `number`, from 0. Raises UnreadableInput."""
        self.complaints.clear()
        with self._reading(f"is damaged, page {number} cannot be read"):
            at = number
            for part in self._planes:
                if at < len(part):
                    pixels = part.read(at)
                    return pixels._replace(bits=self.bits)
                at -= len(part)
        raise IndexError(f"{self.path} has {self.length} pages, asked for page {number}")

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turn whatever a damaged file makes the library raise into one line."""
        try:
            with _heard(self.complaints):
                yield
        except (UnreadableInput, MemoryError, FileNotFoundError, PermissionError):
            raise
        except Exception as error:
            # Struct, index, key, unicode and codec errors: whatever the bytes ran into.
            words = " ".join(str(error).split()).removeprefix(f"<tifffile.TiffFile {self.path}> ")
            raise UnreadableInput(f"{self.path}: {what} ({words[:120]})") from None

    def close(self) -> None:
        self._file.close()


class _Planes:
    """Some pictures of a file."""

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, at: int) -> Pixels:
        raise NotImplementedError


class _Pages(_Planes):
    """Every page of a file, but thumbnails and masks, whatever sizes they have."""

    def __init__(self, file: tifffile.TiffFile) -> None:
        every: list[Any] = list(file.pages)
        whole = [page for page in every if not page.subfiletype & (_REDUCED | _TRANSPARENCY)]
        self._pages = whole or every

    def __len__(self) -> int:
        return len(self._pages)

    def read(self, at: int) -> Pixels:
        page = self._pages[at].aspage()
        values = page.asarray()
        leading = page.axes[: -2 - page.axes.count("S")]
        if leading:  # a page of several planes, as volumes are stored; the first stands for it
            values = values[(0,) * len(leading)]
        return _coloured(page, values, page.axes[len(leading) :])


class _Series(_Planes):
    """The planes of one series with axes, channels gathered."""

    def __init__(self, file: tifffile.TiffFile, series: Any, notes: list[str]) -> None:
        self._file, self._series = file, series
        self._page = series.keyframe
        axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
        # OME lists samples (S) where a pixel has but one.
        pairs = [pair for pair in zip(axes, shape, strict=True) if pair != ("S", 1)]
        axes, shape = "".join(axis for axis, _ in pairs), [size for _, size in pairs]
        own = [axis for axis in axes if axis in "YXS"]
        self._inner = "".join(own)
        self._plane = tuple(shape[axes.index(axis)] for axis in own)
        leading = [(axis, size) for axis, size in zip(axes, shape, strict=True) if axis not in own]
        # Samples may be stored before rows; all else stands before the plane.
        self._leading = [size for _, size in leading]
        names = [axis for axis, _ in leading]
        channels = [n for n, axis in enumerate(names) if axis == "C"]
        self._channel = channels[0] if channels and self._leading[channels[0]] > 1 else None
        if self._channel is not None:
            self._describe_channels(names, notes)
        depth = dict(leading).get("Z", 1)
        if depth > 1 and math.prod(self._leading) > depth and dict(leading).get("T", 1) > 1:
            notes.append(
                f"has {depth} planes of depth (Z) at each of {dict(leading)['T']} times (T); "
                "every plane is a frame"
            )

    def _describe_channels(self, names: list[str], notes: list[str]) -> None:
        assert self._channel is not None
        count = self._leading[self._channel]
        if "S" in self._inner or (count > _COLOURS and math.prod(self._leading) == count):
            notes.append(f"has {count} channels and no other axis; every channel is a frame")
            self._channel = None
        elif count > _COLOURS:
            notes.append(f"has {count} channels; the first three are read as red, green and blue")
        else:
            notes.append(f"has {count} channels; they are read as the colours of one picture")

    def __len__(self) -> int:
        every: int = math.prod(self._leading)
        return every // (1 if self._channel is None else self._leading[self._channel])

    def read(self, at: int) -> Pixels:
        if self._channel is None:
            return _coloured(self._page, self._values(at), self._inner)
        sizes = list(self._leading)
        count = sizes[self._channel]
        sizes[self._channel] = 1
        place = list(np.unravel_index(at, sizes))
        planes = []
        for channel in range(min(count, _COLOURS)):
            place[self._channel] = channel  # type: ignore[call-overload]
            planes.append(self._values(int(np.ravel_multi_index(place, self._leading))))
        planes += [np.zeros_like(planes[0])] * (_COLOURS - len(planes))
        grey = [_coloured(self._page, plane, self._inner).values[:, :, 0] for plane in planes]
        return Pixels(np.dstack(grey))

    def _values(self, flat: int) -> NDArray[Any]:
        """Return plane `flat` as stored, counted over all leading axes."""
        series = self._series
        size = math.prod(self._plane)
        if series.dataoffset is not None:
            # All planes lie behind one another: this reads one, and maps nothing into memory.
            dtype = np.dtype(series.dtype).newbyteorder(self._file.byteorder)
            self._file.filehandle.seek(series.dataoffset + flat * size * dtype.itemsize)
            data = self._file.filehandle.read(size * dtype.itemsize)
            if len(data) < size * dtype.itemsize:
                raise ValueError("the file ends before it")
            native = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
            return native.reshape(self._plane)
        # A page may hold several planes.
        each = math.prod(self._page.shape) // size
        page = series.pages[flat // each]
        if page is None:
            raise ValueError("the file lists no such plane")
        values: NDArray[Any] = page.asarray().reshape(each, *self._plane)[flat % each]
        return values


def _coloured(page: Any, values: NDArray[Any], axes: str) -> Pixels:
    """Return a plane as RGB or grey, upright, by the photometric tag of its page."""
    if axes.index("Y") > axes.index("X"):
        raise ValueError(f"its axes {axes} run another way than rows and columns")
    values = np.moveaxis(values, axes.index("S"), -1) if "S" in axes else values[:, :, None]
    if values.dtype.kind == "c":
        raise ValueError("holds complex numbers; wanted real ones")
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
    photometric = page.photometric.name
    alpha = None
    own = {"RGB": 3, "YCBCR": 3, "CIELAB": 3, "SEPARATED": 4}.get(photometric, 1)
    if values.shape[2] > own:
        extra = page.extrasamples
        # 1 and 2 are alpha, with colours multiplied by it or not; 0 is unspecified.
        if values.shape[2] == own + 1 and extra and int(extra[0]) in (1, 2):
            alpha = values[:, :, own]
        elif photometric == "MINISBLACK" and values.shape[2] >= _COLOURS:
            own = _COLOURS
        values = values[:, :, :own]
    if photometric == "MINISWHITE":
        values = _inverted(values, page.bitspersample)
    elif photometric == "PALETTE" and page.colormap is not None:
        values = _looked_up(values[:, :, 0], page.colormap)
    elif photometric == "SEPARATED" and values.shape[2] == 4:
        values = _from_ink(values)
    elif photometric == "CIELAB":
        values = _from_lab(values)
    tag = page.tags.get(_ORIENTATION) if hasattr(page, "tags") else None
    turn = by_exif(int(tag.value) if tag is not None else 1)
    return Pixels(turned(values, turn), None if alpha is None else turned(alpha, turn))


def _inverted(values: NDArray[Any], bits: int) -> NDArray[Any]:
    if values.dtype.kind == "f":
        return np.asarray(1 - values)
    if values.dtype.kind == "i":
        return np.asarray(~values)
    white = 255 if bits == 1 else 2**bits - 1
    turned_round: NDArray[Any] = (white - np.minimum(values, white)).astype(values.dtype)
    return turned_round


def _looked_up(index: NDArray[Any], colours: NDArray[Any]) -> NDArray[Any]:
    # Palettes are of 16 bits, though some writers fill the lower eight only.
    table = colours if int(colours.max(initial=0)) < 256 else colours >> 8
    table = table.astype(np.uint8)
    if (table[0] == table[1]).all() and (table[0] == table[2]).all():
        table = table[:1]
    picked: NDArray[Any] = table[:, np.minimum(index, table.shape[1] - 1)]
    return np.moveaxis(picked, 0, -1)


def _from_ink(values: NDArray[Any]) -> NDArray[Any]:
    most = float(np.iinfo(values.dtype).max) if values.dtype.kind in "ui" else 1.0
    light = 1 - values.astype(np.float32) / np.float32(most)
    rgb: NDArray[Any] = light[:, :, :3] * light[:, :, 3:] * np.float32(most)
    return (np.rint(rgb) if values.dtype.kind in "ui" else rgb).astype(values.dtype)


def _from_lab(values: NDArray[Any]) -> NDArray[Any]:
    import cv2

    if values.dtype != np.uint8 or values.shape[2] != 3:
        raise ValueError("its CIELAB colours are not of 8 bits")
    # Lightness in 0..255 for 0..100, the others signed.
    lab = values.astype(np.float32)
    lab[:, :, 0] *= 100 / 255
    lab[:, :, 1:] = values[:, :, 1:].view(np.int8)
    light = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32).clip(0, 1)
    return np.asarray(np.rint(light * 255), np.uint8)


def _declared_bits(file: tifffile.TiffFile, page: Any) -> int | None:
    """Return how many bits of each value are in use, where OME or a tag says so."""
    if file.is_ome and file.ome_metadata:
        mark = 'SignificantBits="'
        _, found, rest = file.ome_metadata.partition(mark)
        digits = rest.partition('"')[0]
        if found and digits.isdecimal() and 0 < int(digits) < 8 * page.dtype.itemsize:
            return int(digits)
    tag = page.tags.get("MaxSampleValue")
    if tag is not None:
        value = tag.value
        most = int(max(value) if isinstance(value, Sequence) else value)
        if most > 255 and most & (most + 1) == 0 and most.bit_length() < 8 * page.dtype.itemsize:
            return most.bit_length()
    return None


def _rate(file: tifffile.TiffFile) -> Fraction | None:
    """Return pictures per second by the metadata of ImageJ or OME."""
    seconds: Any = None
    if file.is_imagej and file.imagej_metadata:
        content = file.imagej_metadata
        seconds = content.get("finterval")
        if not seconds and content.get("fps"):
            seconds = 1 / float(content["fps"])
    elif file.is_ome and file.ome_metadata:
        _, found, rest = file.ome_metadata.partition('TimeIncrement="')
        # Other units than seconds have a name.
        if found and "TimeIncrementUnit" not in file.ome_metadata:
            seconds = rest.partition('"')[0]
    try:
        exact = Fraction(str(seconds)).limit_denominator(1_000_000)
    except (ValueError, ZeroDivisionError):
        return None
    return 1 / exact if exact > 0 else None


def _aspect(page: Any) -> Fraction:
    """Return a pixel's width by its height, upright, from dots per inch both ways; or 1."""
    try:
        across, down = (Fraction(*page.tags[name].value) for name in ("XResolution", "YResolution"))
        aspect = density_aspect(across, down)
        tag = page.tags.get(_ORIENTATION)
        return 1 / aspect if tag is not None and by_exif(int(tag.value)).lies else aspect
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return Fraction(1)


@contextmanager
def _heard(complaints: list[str]) -> Iterator[None]:
    handler = _Listener(complaints)
    _theirs.addHandler(handler)
    try:
        yield
    finally:
        _theirs.removeHandler(handler)


class _Listener(logging.Handler):
    def __init__(self, complaints: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(" ".join(record.getMessage().split()))
