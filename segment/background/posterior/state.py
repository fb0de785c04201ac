"""What the posterior subtractor knows between two frames, and how all of it moves."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.background.guard import Watch
from segment.background.inputs import grey_levels, to_eight_bits
from segment.background.posterior import kernels
from segment.background.posterior.camera import Camera
from segment.background.posterior.kernels.records import (
    Bytes,
    Change,
    Evidence,
    Floats,
    Ghosts,
    Heaviest,
    Modes,
    Pictures,
)
from segment.background.posterior.relight import Relit

__all__ = ["State", "begin"]


_NONE = np.empty(0, np.int64)

# Frames for which a pixel counts as seen when the light is switched: it learns as a young one.
_YOUNG = np.float32(10)


@dataclass
class State:
    """The records of arrays, see `kernels.records`, and a few numbers.

    Attributes
    ----------
    shape : (H, W, C) of the images.
    modes, pictures, change, ghosts : what was learned.
    evidence : how badly it explained the last frame.
    camera : what the camera does to whole frames.
    stands : frames for which pixels have been foreground, (H * W,), while that is asked for.
    watch : what the guard against another scene remembers.
    learned : frames that were learned.
    frozen, shown : whether the last frame was not, and its mask (H * W,) uint8 if so;
        otherwise that is `pictures.mask`.
    """

    shape: tuple[int, ...]
    modes: Modes
    pictures: Pictures
    evidence: Evidence
    change: Change
    ghosts: Ghosts
    shown: Bytes
    camera: Camera
    stands: Floats
    watch: Watch = field(default_factory=Watch)
    learned: int = 1
    frozen: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.shape[0], self.shape[1]

    @property
    def last_mask(self) -> Bytes:
        """The mask of the last frame, (H * W,)."""
        return self.shown if self.frozen else self.pictures.mask

    def find_unseen(self) -> NDArray[np.int64]:
        """Return the places (N,) of pixels of which nothing was ever shown."""
        seen = self.modes.seen[: self.pictures.mask.size]
        return np.flatnonzero(seen == 0) if seen.min() == 0 else _NONE

    def picture(self, dtype: Any) -> NDArray[Any]:
        """Return the background as an image of the type that was given."""
        height, width, channels = self.shape
        if dtype == np.uint8:
            planes: NDArray[Any] = self.pictures.ground
        else:
            planes = self.modes.first.mean[:, : height * width] / np.float32(grey_levels(dtype))
            if dtype == np.uint16:
                planes = np.minimum(planes + np.float32(0.5), 65535)
        planes = planes.reshape(channels, height, width)
        return np.ascontiguousarray(np.moveaxis(planes, 0, 2), dtype)

    def check(self, shape: tuple[int, ...] | None, components: int) -> None:
        """Raise ValueError for values with which a compiled loop would leave its arrays."""
        if self.shape != shape:
            raise ValueError(f"its images are {shape} and {self.shape} at once")
        low, high = self.modes.alive.min(), self.modes.alive.max()
        if low < 1 or high > components:
            raise ValueError(f"its pixels have {low} to {high} modes, wanted 1 to {components}")
        self.camera.check(self.size)

    def relight(self, relit: Relit, variance: float) -> None:
        """Go over to another light. variance : of the background's modes, until it is learned.

        What pixels were in the light before is forgotten, and they learn as fast as young ones.
        """
        modes, pictures, size = self.modes, self.pictures, self.pictures.mask.size
        modes.weight[:, :size] = 0
        modes.weight[0, :size] = 1
        modes.first.variance[:size] = variance
        modes.first.mean[:, :size] = relit.means
        modes.alive[:] = 1
        np.minimum(modes.seen, _YOUNG, out=modes.seen)
        pictures.before[:] = relit.before
        pictures.ground[:] = np.rint(relit.means)
        self.camera.switch_light()

    def move(self, image: Bytes, shift: tuple[int, int], variance: float, threads: int) -> None:
        """Move all that is known by (dx, dy); what comes into view is begun with this frame.

        image (H, W, C) uint8. variance : of a mode that is begun.
        """
        dx, dy = shift
        height, width = self.size
        size = height * width
        frame = np.moveaxis(image, 2, 0)
        modes, pictures = self.modes, self.pictures
        kernels.move_modes(modes.minor, modes.alive, dx, dy, height, width)
        # What comes into view: value, or None for the frame.
        planes: list[tuple[NDArray[Any], Any]] = [
            (modes.weight[0], 1),
            *((plane, 0) for plane in modes.weight[1:]),
            (modes.first.variance, variance),
            *zip(modes.first.mean, frame, strict=True),
            (modes.alive, 1),
            (modes.seen, 0),
            (pictures.mask, 0),
            (self.stands, 0),
            *zip(pictures.before, frame, strict=True),
            *zip(pictures.ground, frame, strict=True),
        ]

        def move(start: int, stop: int) -> None:
            for plane, value in planes[start:stop]:
                line = np.empty(width, plane.dtype)
                kernels.move_plane(plane[:size], dx, dy, height, width, line)
                for strip in _new_strips(dx, dy, height, width):
                    new = value[strip] if isinstance(value, np.ndarray) else value
                    plane[:size].reshape(height, width)[strip] = new

        worth = 1 if size > 65536 else len(planes)
        rows.over_rows(move, len(planes), threads, worth)
        for grids, block in (
            (self.ghosts.votes[None], 4),
            (self.change.changes, 8),
            (self.change.unrest[None], 8),
            (self.change.motion[None], 8),
        ):
            right, down = round(dx / block), round(dy / block)
            for grid in grids:
                tall, wide = grid.shape
                line = np.empty(wide, grid.dtype)
                kernels.move_plane(grid.reshape(-1), right, down, tall, wide, line)
                for strip in _new_strips(right, down, tall, wide):
                    grid[strip] = 0


def begin(
    image: NDArray[Any],
    components: int,
    variance: float,
    unknown: NDArray[np.bool_] | None = None,
) -> State:
    """Make a background of the first image; where it is `unknown`, of the next frame's.

    image (H, W, C) of any type that subtractors take; variance : of the modes that it begins.
    """
    height, width, channels = image.shape
    size = height * width
    # The planes of a pixel must not share their places in the cache, which repeat every
    # 4096 bytes.
    room = -(-size // 1024) * 1024 + 272
    modes = Modes(
        np.zeros((components, room), np.float32),
        Heaviest(np.zeros(room, np.float32), np.zeros((channels, room), np.float32)),
        np.zeros((size, (components - 1) * (1 + channels)), np.float32),
        np.ones(size, np.uint8),
        np.ones(size, np.float32),
    )
    if unknown is not None:
        modes.seen[unknown.reshape(-1)] = 0
    planes = np.moveaxis(to_eight_bits(image, unknown), 2, 0).reshape(channels, size).copy()
    modes.weight[0, :size] = 1
    modes.first.variance[:size] = variance
    modes.first.mean[:, :size] = planes
    half, quarter, eighth = ((-(-height // block), -(-width // block)) for block in (2, 4, 8))

    def grid(*shape: int) -> NDArray[np.float32]:
        return np.zeros(shape, np.float32)

    return State(
        shape=image.shape,
        modes=modes,
        pictures=Pictures(planes, planes.copy(), np.zeros(size, np.uint8)),
        evidence=Evidence(np.zeros(size, np.uint8), grid(4, *half)),
        change=Change(grid(3, *eighth), grid(*eighth), grid(2, *eighth), grid(*eighth)),
        ghosts=Ghosts(grid(*quarter), grid(*quarter)),
        shown=np.zeros(size, np.uint8),
        camera=Camera.begin(height, width),
        stands=np.zeros(size, np.float32),
    )


def _new_strips(dx: int, dy: int, height: int, width: int) -> list[Any]:
    """Return the parts of a plane (H, W) that come into view when it moves by (dx, dy)."""
    lines = slice(0, dy) if dy > 0 else slice(max(0, height + dy), height)
    columns = slice(0, dx) if dx > 0 else slice(max(0, width + dx), width)
    return [(lines, slice(None)), (slice(None), columns)]
