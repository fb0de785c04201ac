"""Deep pictures into eight bits: which level is black, which is white, and when to say so."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image

log = logging.getLogger("segment.video")

Level = float | Literal["auto"] | None

_DEPTHS = (8, 10, 12, 14, 16, 20, 24, 32)  # bits that cameras and files count in
_WHOLE = 65535  # the highest of 16 bits
_OVERSHOOT = 1.02  # floats a little above white are its rounding and resampling
_BRIGHTEST = 99.9  # per cent of the pixels that `auto` and floats take for ordinary
_CLIPPED = 0.1  # share of the pixels above white, from which on it is told
_DARK = 1 / 8  # of the range: where nothing is brighter, most of it is unused


@dataclass(frozen=True, slots=True)
class Levels:
    """Which levels become 0 and 255.

    Attributes
    ----------
    black, white : a level as the file stores it; "auto", the darkest and brightest of some
        pictures (but for the last 0.1 per cent of their pixels); None, by the type and depth.

    By None whole numbers run from 0 to the highest of 8, 10, 12, 14, 16, ... bits that some
    pictures need, where none is negative; floats from 0 to 1, or to the highest level of such
    a depth up to 16 bits, and beyond that to a power of two. Where that is not the whole range
    of the type, it is told.
    """

    black: Level = None
    white: Level = None

    def __post_init__(self) -> None:
        for name, level in (("black", self.black), ("white", self.white)):
            if level is not None and level != "auto" and not math.isfinite(level):
                raise ValueError(f"{name} is {level}, wanted a level of the picture, or auto")
        if isinstance(self.black, (int, float)) and isinstance(self.white, (int, float)):
            _check_order(self.black, self.white)

    @property
    def given(self) -> bool:
        """Whether anything was asked for."""
        return self.black is not None or self.white is not None


class Range(NamedTuple):
    """The levels that become 0 and 255, and what was found out about them, None if nothing."""

    black: float
    white: float
    note: str | None = None


class Scale:
    """Turns the pictures of one sequence into eight bits, all by the same levels.

    Parameters
    ----------
    name : of the input, for messages.
    levels : what was asked for.
    linear : floats are light as in exr and hdr, 0 to 1 and highlights above, whatever they hold.
    """

    def __init__(self, name: str, levels: Levels | None = None, linear: bool = False) -> None:
        self._name = name
        self._levels = levels or Levels()
        self._linear = linear
        self._ranges: dict[str, Range] = {}
        self._told: set[str] = set()

    def needs_look(self, image: NDArray[Any]) -> bool:
        """Whether the levels of pictures like this are to be found by looking at some."""
        if image.dtype.str in self._ranges:
            return False
        asked = "auto" in (self._levels.black, self._levels.white)
        return asked or image.dtype not in (np.uint8, np.bool_)

    def look(self, samples: Sequence[NDArray[Any]], bits: int | None = None) -> None:
        """Settle the levels of pictures of the samples' type; `bits` are those declared in use."""
        if not samples:
            return
        kind = samples[0].dtype.str
        found = _range(samples, self._levels, self._linear, bits)
        self._ranges[kind] = found
        self._check(samples, found)
        if found.note:
            self._tell("note", "%s: %s", self._name, found.note)

    def range_of(self, image: NDArray[Any]) -> Range:
        """Return the levels for pictures like this."""
        if image.dtype.str not in self._ranges:
            self.look([image])
        return self._ranges[image.dtype.str]

    def apply(self, image: NDArray[Any]) -> Image:
        """Return `image` (H, W, C) of any type as uint8."""
        if image.dtype == np.uint8 and (not self._levels.given or self._is_deep()):
            return image
        known = image.dtype.str in self._ranges
        levels = self.range_of(image)
        if known and image.dtype != np.uint8 and image.max() > levels.white:
            share = float(np.mean(image > levels.white))
            if share > _CLIPPED / 10:
                self._tell(
                    "clipped",
                    "%s: a later picture reaches %g, above the white level %g of the first ones, "
                    "and is clipped; --white tells a higher one",
                    self._name, float(image.max()), levels.white,
                )  # fmt: skip
        return to_eight_bits(image, levels.white, levels.black)

    def _is_deep(self) -> bool:
        # A level beyond 255 was meant for the deep pictures among them.
        return isinstance(self._levels.white, (int, float)) and self._levels.white > 255

    def _check(self, samples: Sequence[NDArray[Any]], found: Range) -> None:
        if samples[0].dtype == np.uint8:
            return
        span = found.white - found.black
        above = float(np.mean([np.mean(sample > found.white) for sample in samples]))
        bottom, top = _ends(samples)
        if above > _CLIPPED:
            self._tell(
                "clipped",
                "%s: %.0f per cent of its pixels are above the white level %g and are clipped; "
                "--white auto, or a level, takes them in",
                self._name, 100 * above, found.white,
            )  # fmt: skip
        elif top - found.black < _DARK * span:
            self._tell(
                "dark",
                "%s: its brightest level is %g of %g to %g, so most of the range is unused and "
                "pictures are nearly black; --white auto, or a level, stretches them",
                self._name, top, found.black, found.white,
            )  # fmt: skip
        elif top - bottom < _DARK * span:
            self._tell(
                "dark",
                "%s: its levels run from %g to %g of %g to %g, so most of the range is unused; "
                "--black auto --white auto, or levels, stretch them",
                self._name, bottom, top, found.black, found.white,
            )  # fmt: skip

    def _tell(self, what: str, message: str, *values: object) -> None:
        if what not in self._told:
            self._told.add(what)
            log.warning(message, *values)


def _range(
    samples: Sequence[NDArray[Any]], levels: Levels, linear: bool, bits: int | None
) -> Range:
    black, white = levels.black, levels.white
    note = None
    if black == "auto" or white == "auto" or black is None or white is None:
        values = np.concatenate([_thinned(sample) for sample in samples])
        low, high = (float(v) for v in np.percentile(values, [100 - _BRIGHTEST, _BRIGHTEST]))
        if samples[0].dtype.kind != "f":
            low, high = round(low), round(high)
        black = low if black == "auto" else black
        white = high if white == "auto" else white
        if black is None or white is None:
            guess = _guess(samples, (low, high), linear, bits)
            if black is None and white is None:
                note = guess.note
            black = guess.black if black is None else black
            white = guess.white if white is None else white
    if white <= black:
        if levels.black not in (None, "auto") and levels.white not in (None, "auto"):
            _check_order(black, white)
        white = black + 1  # pictures of one level
    return Range(black, white, note)


def _guess(
    samples: Sequence[NDArray[Any]],
    ordinary: tuple[float, float],
    linear: bool,
    bits: int | None,
) -> Range:
    """Return the levels that the type and the values speak for."""
    dtype = samples[0].dtype
    least, most = _ends(samples)
    told = "--black and --white tell others"
    if dtype.kind == "f":
        low, high = ordinary
        if linear:
            return Range(0, 1)
        if low < -0.02 * max(high, 1e-12) and least < 0:
            if least >= -1.02 and high <= 1.02:
                return Range(-1, 1, f"its {dtype} levels run from -1 to 1; {told}")
            return Range(
                least, most, f"its {dtype} levels run from {least:g} to {most:g}, taken so; {told}"
            )
        if high <= 1.5:
            return Range(0, 1)
        white = _full_of_floats(high / _OVERSHOOT)
        return Range(0, white, f"its {dtype} levels reach {high:g}: white is {white:g}; {told}")
    if dtype.kind == "b":
        return Range(0, 1)
    whole = int(np.iinfo(dtype).max)
    if least < 0:
        return Range(
            least, most, f"its {dtype} levels run from {least:g} to {most:g}, taken so; {told}"
        )
    if bits is not None:
        return Range(0, 2**bits - 1)
    white = min(_full(most), whole)
    # A byte is a byte, however dark; and int16 without a sign is 15 bits.
    if dtype.itemsize == 1 or white == whole or most > whole / 4:
        return Range(0, whole)
    depth = int(white).bit_length()
    return Range(
        0,
        white,
        f"its {dtype} levels end at {most:g}: taken as {depth} bits, white is {white}; "
        f"--white {whole} takes the whole range",
    )


def _ends(samples: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Return the lowest and the highest level that is a number."""
    least, most = math.inf, -math.inf
    for sample in samples:
        finite = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
        if finite.size:
            least, most = min(least, float(finite.min())), max(most, float(finite.max()))
    return (least, most) if least <= most else (0.0, 0.0)


def _full(level: float) -> int:
    """Return the highest level of the smallest depth that holds `level`."""
    return next((2**bits - 1 for bits in _DEPTHS if level <= 2**bits - 1), math.ceil(level))


def _full_of_floats(level: float) -> float:
    """The same of floats, which beyond 16 bits count in no depth: the next power of two."""
    return _full(level) if level <= _WHOLE else 2.0 ** math.ceil(math.log2(level))


def _thinned(sample: NDArray[Any]) -> NDArray[np.float64]:
    """Return some 200,000 of the values, finite ones."""
    flat = sample.reshape(-1)[:: max(1, sample.size // 200_000)].astype(np.float64)
    flat = flat[np.isfinite(flat)]
    return flat if flat.size else np.zeros(1)


def _check_order(black: float, white: float) -> None:
    if white <= black:
        raise ValueError(f"white is {white:g} and black {black:g}; wanted white above black")


def to_eight_bits(image: NDArray[Any], white: float | None = None, black: float = 0) -> Image:
    """Scale levels from `black` to `white` (None: their type's largest, or 1) to 0..255, rounded.

    What is beyond is clipped, and what is no number is black.
    """
    if image.dtype == np.uint8 and white is None and black == 0:
        return image
    if image.dtype.kind == "b":
        return np.where(image, np.uint8(255), np.uint8(0))
    if white is None:
        white = 1 if image.dtype.kind == "f" else int(np.iinfo(image.dtype).max)
    if (
        image.dtype.kind in "ui"
        and image.dtype != np.uint64
        and float(black).is_integer()
        and float(white).is_integer()
    ):
        low, high = int(black), int(white)
        if image.dtype.itemsize <= 2:
            # Few levels: each is scaled once.
            info = np.iinfo(image.dtype)
            every = np.arange(info.min, info.max + 1, dtype=np.int64)
            table = _scaled(every, low, high)
            found: Image = table[image.astype(np.int64) - info.min if info.min else image]
            return found
        return _scaled(image.astype(np.int64, copy=False), low, high)
    with np.errstate(over="ignore"):
        light = (np.nan_to_num(image.astype(np.float64), nan=black) - black) / (white - black)
    shown: Image = np.rint(light.clip(0, 1) * 255).astype(np.uint8)
    return shown


def _scaled(levels: NDArray[np.int64], low: int, high: int) -> Image:
    span = high - low
    found: Image = (((levels.clip(low, high) - low) * 255 + span // 2) // span).astype(np.uint8)
    return found
