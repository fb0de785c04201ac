"""What the learned subtractor knows between two frames."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segment.background.guard import Watch
from segment.background.learned.kernels.records import (
    KEPT,
    LASTING,
    LATELY,
    Bytes,
    Course,
    Memory,
)
from segment.background.learned.scene import Shift, put_back

__all__ = ["State", "begin"]


@dataclass
class State:
    """Records of arrays, see `kernels.records`, and a few numbers.

    Attributes
    ----------
    shape : (H, W, C) of the images.
    memory, course : what was learned.
    posterior, shade : of foreground and of shadow in the last frame, in the background's place,
        (P,) uint8, 255 is certain.
    right, down : pixels by which the last frame lies beside the background.
    held : frames for which it has lain there.
    noise : deviation of a channel, grey levels. gain : light of the last frame.
    frames : that were seen.
    watch : what the guard against another scene remembers.
    """

    shape: tuple[int, ...]
    memory: Memory
    course: Course
    posterior: Bytes
    shade: Bytes
    right: int = 0
    down: int = 0
    held: int = 0
    noise: float = 2.0
    gain: float = 1.0
    frames: int = 1
    watch: Watch = field(default_factory=Watch)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.shape[0], self.shape[1]

    @property
    def shift(self) -> Shift:
        """(right, down)."""
        return self.right, self.down

    def place(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask (H, W) of the frame's place in the background's."""
        placed: NDArray[np.bool_] = put_back(mask, (-self.right, -self.down))
        return placed

    def check(self, shape: tuple[int, ...] | None) -> None:
        """Raise ValueError for values with which a compiled loop would leave its arrays."""
        if self.shape != shape:
            raise ValueError(f"its images are {shape} and {self.shape} at once")
        turns = self.memory.turn, self.memory.quick_turn, self.memory.lately_turn
        if any(t.max() >= n for t, n in zip(turns, (LASTING, KEPT - LASTING, LATELY), strict=True)):
            raise ValueError("its samples are counted beyond their number")
        if abs(self.right) >= max(1, self.shape[1]) or abs(self.down) >= max(1, self.shape[0]):
            raise ValueError(f"its frame lies {self.right}, {self.down} beside the background")

    def relight(self, table: Bytes) -> None:
        """Take the memory to another light: `table` (256,) says what every grey level becomes."""
        for plane in (self.memory.kept, self.memory.lately, self.memory.ground, self.memory.before):
            plane[:] = table[plane]

    def follow_camera(self, frame: Bytes) -> None:
        """Lay the background where the camera looks now, for good; frame (H, W, C)."""
        shift = self.shift
        height, width = self.size
        planes = np.moveaxis(frame, 2, 0)
        known = put_back(np.ones(self.size, np.bool_), shift)
        for samples in (self.memory.kept, self.memory.lately):
            for sample in samples:
                _move(sample, planes, known, shift)
        for picture in (self.memory.ground, self.memory.before):
            _move(picture, planes, known, shift)
        half = round(shift[0] / 2), round(shift[1] / 2)
        for course in self.course:
            course[:] = put_back(course, half)
        turns = self.memory.turn, self.memory.quick_turn, self.memory.lately_turn
        for plane in (*turns, self.posterior, self.shade):
            plane[:] = put_back(plane.reshape(height, width), shift).reshape(-1)
        self.right = self.down = self.held = 0

    def begin_anew(self, frame: Bytes) -> None:
        """Forget all but how noisy the camera is; frame (C, P)."""
        memory = self.memory
        memory.kept[:] = frame
        memory.lately[:] = frame
        memory.ground[:] = frame
        memory.before[:] = frame
        self.posterior[:] = 0
        self.shade[:] = 0
        self.course.stay[:] = 0
        self.course.last[:] = 0


def _move(sample: Bytes, frame: Bytes, known: NDArray[np.bool_], shift: Shift) -> None:
    """Move planes (C, P); what comes into view is the frame's, (C, H, W)."""
    for plane, new in zip(sample, frame, strict=True):
        moved = put_back(plane.reshape(new.shape), shift)
        plane[:] = np.where(known, moved, new).reshape(-1)


def begin(frame: Bytes, shape: tuple[int, ...]) -> State:
    """Make a background of the first frame, (C, P) uint8."""
    height, width = shape[:2]
    half = -(-height // 2), -(-width // 2)
    size = height * width

    def floats() -> NDArray[np.float32]:
        return np.zeros(half, np.float32)

    memory = Memory(
        np.repeat(frame[None], KEPT, axis=0),
        np.repeat(frame[None], LATELY, axis=0),
        np.zeros(size, np.uint8),
        np.zeros(size, np.uint8),
        np.zeros(size, np.uint8),
        frame.copy(),
        frame.copy(),
    )
    course = Course(
        floats(), floats(), floats(), floats(), np.ones(half, np.uint8), floats(),
        np.zeros(half, np.uint8),
    )  # fmt: skip
    return State(shape, memory, course, np.zeros(size, np.uint8), np.zeros(size, np.uint8))
