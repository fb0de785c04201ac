"""Looks at frames as they pass and says what can hardly be meant: nothing found, all black, frozen.

Results like these come from a wrong depth, a covered lens, a stuck camera or a wrong option, and
look like any others in their files. What is looked at is a row of each picture and a grid of some,
so that it costs nothing to speak of (docs/measurements/reliability.md has the figure).
"""

from collections.abc import Generator, Iterable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.absurd.camera import Movement
from segment.arrays import Image, Mask
from segment.frame import Frame

__all__ = ["KINDS", "Watch"]

KINDS = (
    "nothing_found",
    "smaller_than_clean",
    "everything_found",
    "nearly_black",
    "nearly_white",
    "clipped",
    "all_alike",
    "frozen",
    "camera_moves",
)
"""What `Watch.findings` may name, in the order in which it is told."""

_GRID = 60  # points of the grid along the shorter side
_LEVELS = 4  # every so many frames it is counted how dark and light they are,
_LEVELS_LATER = 25  # and ever less often: the next look is a 25th of all frames so far ahead
_WHOLE = 4  # every so many frames of a run that seems frozen all of the picture is compared
_DARK, _LIGHT = 16, 239  # the sixteenth of the range at either end: 12 bits taken for 16 lie there
_NEARLY = 0.995  # share of a picture; a lamp or a clock may shine in a black one
_CLIPPED = 0.7  # share of a picture at 0 or 255; the black corners of a fisheye are a fifth
_MOSTLY = 0.9  # share of the frames
_EVERYTHING = 0.9  # share of a frame's region that is foreground
_FROZEN_SECONDS, _FROZEN_FRAMES = 5.0, 25
_ALIKE = 2  # grey levels: what a codec changes in a picture that does not change
_PAUSE = 12  # frames at least between two looks for specks that last,
_SLOWER = 5  # and ever less often: the next look is a fifth of all frames so far ahead
_SPECK = 4  # frames in which a speck may show again: one of 2x2 pixels is seen now and then
_SPECKS = 3  # looks that must have seen one
_LASTING = 0.25  # of them; drawn ones of 2x2 pixels show again in 36 to 80 %, noise never
_AHEAD = 32  # masks at most that wait for their frame to come through the later stages


class Watch:
    """Follows one sequence through `see` (its last frames) and `before_clean`; then `findings`."""

    def __init__(self) -> None:
        self._frames = 0
        self._looks = self._next_look = 0  # looks count for the frames up to the next
        self._masks = 0
        self._found = 0  # frames with any foreground, or object where there is no mask
        self._full = 0
        self._dark = self._light = self._clipped = 0
        self._alike = True
        self._run = self._longest_run = 1
        self._run_began = self._longest = 0.0
        self._longest_at = 0
        self._first_grid: NDArray[Any] | None = None
        self._run_image: Image | None = None  # the first of the run
        self._movement = Movement()
        self._region: tuple[Mask | None, int] = (None, 0)
        self._passed = self._next_speck = 0
        self._raw: dict[int, tuple[NDArray[np.bool_], int]] = {}  # cells, and how far in its look
        self._speck = _Speck()

    # -- while frames pass ---------------------------------------------------------------------

    def before_clean(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass on frames as they are before `clean`, and remember their masks until it is done."""
        try:
            for frame in frames:
                if frame.foreground is not None:
                    self._before_clean(frame.index, frame.foreground)
                self._passed += 1
                yield frame
        finally:
            if isinstance(frames, Generator):
                frames.close()

    def _before_clean(self, index: int, mask: Mask) -> None:
        turn = self._passed - self._next_speck
        if turn == 0 and not mask.any():
            self._next_speck += 1  # a look begins where there is something
        elif turn >= 0:
            self._raw[index] = _cells(mask), turn
            if len(self._raw) > _AHEAD:  # a stage behind it leaves frames out
                self._raw.pop(min(self._raw))
            if turn == _SPECK:
                self._next_speck += max(_PAUSE, self._passed // _SLOWER)

    def see(self, frame: Frame) -> None:
        """Take the next frame, after the last stage."""
        self._see_picture(frame)
        self._see_result(frame)
        self._frames += 1

    def _see_picture(self, frame: Frame) -> None:
        image = frame.image
        if self._frames == self._next_look:
            step = max(_LEVELS, self._frames // _LEVELS_LATER)
            self._next_look += step
            self._see_levels(_grid(image), step)
        if self._alike:
            grid = _grid(image)
            if self._first_grid is None:
                self._first_grid = grid
            self._alike = (
                grid.shape == self._first_grid.shape
                and int(cv2.absdiff(grid, self._first_grid).max()) <= _ALIKE
            )
        self._see_run(frame)
        self._movement.see(image, self._frames)

    def _see_levels(self, grid: NDArray[Any], step: int) -> None:
        levels = np.bincount(grid.reshape(-1), minlength=256)
        self._looks += step
        self._dark += step * bool(levels[: _DARK + 1].sum() >= _NEARLY * grid.size)
        self._light += step * bool(levels[_LIGHT:].sum() >= _NEARLY * grid.size)
        self._clipped += step * bool(levels[0] + levels[255] >= _CLIPPED * grid.size)

    def _see_run(self, frame: Frame) -> None:
        """Follow for how long the picture has been the same."""
        image, first = frame.image, self._run_image
        # The middle row tells sensors' noise. Where it is equal, all is compared now and then.
        middle = image.shape[0] // 2
        if (
            first is not None
            and image.shape == first.shape
            and image[middle].tobytes() == first[middle].tobytes()
            and (self._run % _WHOLE or np.array_equal(image, first))
        ):
            self._run += 1
            lasted = frame.time - self._run_began
            if lasted > self._longest:
                self._longest, self._longest_run = lasted, self._run
                self._longest_at = frame.index - self._run + 1
            return
        self._run, self._run_began, self._run_image = 1, frame.time, image

    def _see_result(self, frame: Frame) -> None:
        mask = frame.foreground
        self._masks += mask is not None or frame.labels is not None
        if mask is None:
            self._found += frame.labels is not None and bool(frame.labels.any())
            return
        found = int(np.count_nonzero(mask))
        self._found += found > 0
        region = frame.region
        if region is None:
            self._full += found >= _EVERYTHING * mask.size
        else:
            if self._region[0] is not region:
                self._region = region, int(np.count_nonzero(region))
            wanted = self._region[1]
            self._full += bool(
                wanted
                and found >= _EVERYTHING * wanted
                and np.count_nonzero(mask & region) >= _EVERYTHING * wanted
            )
        raw = self._raw.pop(frame.index, None)
        if raw is not None:
            cells, turn = raw
            self._speck.see(cells & ~_cells(mask) if found else cells, turn)

    # -- at the end ----------------------------------------------------------------------------

    def findings(self) -> dict[str, str]:
        """Return what is absurd, as kind (of `KINDS`) and one line; empty when nothing is."""
        if not self._frames:
            return {}
        told: dict[str, str | None] = {
            "nothing_found": self._nothing(),
            "smaller_than_clean": self._small(),
            "everything_found": self._everything(),
            "nearly_black": self._levels(
                self._dark,
                "nearly black",
                "is the lens covered, or has the picture fewer bits than its file (--white)?",
            ),
            "nearly_white": self._levels(
                self._light,
                "nearly white",
                "is it overexposed, or are its numbers larger than 0 to 1 (--white)?",
            ),
            "clipped": self._levels(
                self._clipped,
                "clipped: most pixels are 0 or 255",
                "is the range of its numbers right (--white)?",
            ),
            "all_alike": self._still(),
            "frozen": self._frozen(),
            "camera_moves": self._movement.told(),
        }
        if told["all_alike"]:
            told["frozen"] = None  # it is all of it
        if told["nearly_black"] or told["nearly_white"]:
            told["clipped"] = None  # the one is the more exact word
        return {kind: line for kind in KINDS if (line := told[kind]) is not None}

    def _nothing(self) -> str | None:
        if not self._masks or self._found:
            return None
        frames = (
            f"{self._masks} frames" if self._masks > 1 else "one frame, which is the background"
        )
        return f"nothing was ever found, in {frames}; every mask is empty"

    def _small(self) -> str | None:
        if self._found > 0.02 * self._masks or not self._speck.lasts:
            return None
        return (
            "what was found is smaller than clean keeps: it lasts from frame to frame, and clean "
            "removes it (--smallest and --median, in pixels, say how much)"
        )

    def _everything(self) -> str | None:
        if self._full <= max(1, 0.1 * self._masks):
            return None
        return (
            f"everything was foreground in {self._full} of {self._masks} frames; does the camera "
            "move, does the light change, or is the threshold too low?"
        )

    def _levels(self, count: int, what: str, ask: str) -> str | None:
        if count < _MOSTLY * self._looks:
            return None
        share = "all frames" if count == self._looks else f"{count / self._looks:.0%} of the frames"
        return f"the picture is {what}, in {share}; {ask}"

    def _still(self) -> str | None:
        if self._frames < 3 or not self._alike:
            return None
        return f"all {self._frames} frames are alike; does the camera send new pictures?"

    def _frozen(self) -> str | None:
        if self._longest < _FROZEN_SECONDS or self._longest_run < _FROZEN_FRAMES:
            return None
        return (
            f"the picture is frozen for {self._longest:.1f} s, from frame {self._longest_at} on: "
            f"{self._longest_run} frames are equal to the last bit"
        )


class _Speck:
    """What `clean` took away: whether it shows again in the frames after it, as noise does not."""

    def __init__(self) -> None:
        self._first: NDArray[np.bool_] | None = None
        self._near: NDArray[np.bool_] | None = None  # where there was something afterwards
        self._looks = self._lasting = 0

    def see(self, cells: NDArray[np.bool_], turn: int) -> None:
        """Take the cells of the next frame of a look, whose first has `turn` 0."""
        if turn == 0:
            self._first, self._near = (cells, np.zeros_like(cells)) if cells.any() else (None, None)
        if self._first is None or self._near is None or turn == 0:
            return
        self._near |= cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        if turn == _SPECK:
            kept = np.count_nonzero(self._first & self._near) / np.count_nonzero(self._first)
            self._looks += 1
            self._lasting += bool(
                kept > 0.5 + 0.5 * self._near.mean()
            )  # chance alone keeps its share

    @property
    def lasts(self) -> bool:
        return self._looks >= _SPECKS and self._lasting >= max(2, _LASTING * self._looks)


def _grid(image: Image) -> NDArray[Any]:
    """Return some pixels of a picture (H, W, C), evenly spaced."""
    step = max(1, min(image.shape[:2]) // _GRID)
    return np.ascontiguousarray(image[step // 2 :: step, step // 2 :: step])


def _cells(mask: Mask) -> NDArray[np.bool_]:
    """Return which cells of 8x8 pixels hold any True; what is left at the border is dropped."""
    height, width = mask.shape[0] // 8 * 8, mask.shape[1] // 8 * 8
    words = np.ascontiguousarray(mask[:height, :width]).view(np.uint64)
    return np.asarray(words.reshape(height // 8, 8, width // 8).any(axis=1))
