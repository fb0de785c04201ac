"""What the posterior subtractor keeps from frame to frame, and how its rows are shared out."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment import threads as rows
from segment.background.guard import Watch
from segment.background.inputs import Guided, grey_levels, to_eight_bits
from segment.background.posterior.sharing import STEP, Sharing
from segment.background.registration import most_contours
from segment.background.state import Saved

__all__ = ["EPISODE", "NEVER", "Learned", "scratch"]

# Fewer pixels than this are done before a second thread has woken up.
_PIXELS_WORTH_A_THREAD = 8192


# Frames without a shift of the camera after which the next one is news.
EPISODE = 100

# Number of a frame long before the first.
NEVER = -1_000_000


class Learned(Guided, Saved):
    """The arrays, begun with the first image; H * W pixels are one axis, row after row."""

    STATE_REVISION = 4
    _SCRATCH = frozenset({"_desks", "_checked"})

    components: int
    initial_variance: float
    threads: int | None

    # The mixtures: weights (K, P), and of the heaviest mode variance (P,) and means (C, P); those
    # of the others follow each other pixel by pixel, (H * W, (K - 1) * (1 + C)).
    _weight: NDArray[np.float32]
    _variance: NDArray[np.float32]
    _mean: NDArray[np.float32]
    _minor: NDArray[np.float32]
    _count: NDArray[np.uint8]  # modes in use
    _seen: NDArray[np.float32]  # frames
    # The last frame, and the background, (C, H * W), in 256 grey levels.
    _before: NDArray[np.uint8]
    _ground: NDArray[np.uint8]
    _mask: NDArray[np.uint8]  # of the last frame that was learned
    # Of the last frame: evidence of each pixel, sums over 2 x 2, and its mask if not learned.
    _evidence: NDArray[np.uint8]
    _sums: NDArray[np.float32]
    _shown: NDArray[np.uint8]
    # Over 4 x 4: votes on ghosts. Over 8 x 8: change in time.
    _votes: NDArray[np.float32]
    _border: NDArray[np.float32]
    _temporal: NDArray[np.float32]
    _motion: NDArray[np.float32]
    _changes: NDArray[np.float32]
    _unrest: NDArray[np.float32]
    _contours: NDArray[np.int64]

    def _begin(self, image: NDArray[Any], unknown: NDArray[np.bool_] | None = None) -> None:
        """Make a background of the first image; where it is `unknown`, of the next frame's."""
        height, width, channels = image.shape
        modes, size = self.components, height * width
        # The planes of a pixel must not share their places in the cache, which repeat every
        # 4096 bytes.
        room = -(-size // 1024) * 1024 + 272
        self._weight = np.zeros((modes, room), np.float32)
        self._variance = np.zeros(room, np.float32)
        self._mean = np.zeros((channels, room), np.float32)
        self._minor = np.zeros((size, (modes - 1) * (1 + channels)), np.float32)
        self._count = np.ones(size, np.uint8)
        self._seen = np.ones(size, np.float32)
        if unknown is not None:
            self._seen[unknown.reshape(-1)] = 0
        planes = np.moveaxis(to_eight_bits(image, unknown), 2, 0).reshape(channels, size).copy()
        self._weight[0, :size] = 1
        self._variance[:size] = self.initial_variance
        self._mean[:, :size] = planes
        self._before = planes
        self._ground = planes.copy()
        self._mask = np.zeros(size, np.uint8)
        self._shown = np.zeros(size, np.uint8)
        self._evidence = np.zeros(size, np.uint8)
        half, quarter, eighth = ((-(-height // block), -(-width // block)) for block in (2, 4, 8))
        self._sums = np.zeros((4, *half), np.float32)
        self._votes = np.zeros(quarter, np.float32)
        self._border = np.zeros(quarter, np.float32)
        self._temporal = np.zeros((3, *eighth), np.float32)
        self._motion = np.zeros(eighth, np.float32)
        self._changes = np.zeros((2, *eighth), np.float32)
        self._unrest = np.zeros(eighth, np.float32)
        # Where the camera's movement is looked for, and the number of the frame that told.
        self._contours = np.zeros((2, most_contours(height, width)), np.int64)
        self._contour_count = 0
        self._contours_from = NEVER
        self._gain = 1.0
        self._noise = 0.0
        self._shake = 0.0
        # Whether frames are softened, what the guard remembers, frames since the camera moved.
        self._soft = False
        self._watch = Watch()
        self._calm = EPISODE
        self._judged: tuple[float, ...] | None = None
        self._frozen = False  # the last frame
        self._learned = 1  # frames
        self._image_dtype = image.dtype
        self._shape = image.shape
        self._desks: dict[Any, Any] = {}

    @property
    def _height(self) -> int:
        assert self._shape is not None
        return self._shape[0]

    @property
    def _width(self) -> int:
        assert self._shape is not None
        return self._shape[1]

    @property
    def _which(self) -> tuple[int, ...]:
        """As many zeros as there are channels: by their number a loop is compiled."""
        assert self._shape is not None
        return (0,) * self._shape[2]

    def _check_learned(self) -> None:
        super()._check_learned()
        if self._shape is None:
            return
        count = self._contour_count
        if not 0 <= count <= self._contours.shape[1]:
            raise ValueError(f"it has {count} contours, wanted 0 to {self._contours.shape[1]}")
        inside = np.array([[self._height], [self._width]])
        if np.any((self._contours < 0) | (self._contours >= inside)):
            raise ValueError("its contours are outside the picture")

    def _picture(self) -> NDArray[Any]:
        """The background as an image of the type that was given."""
        assert self._shape is not None
        height, width, channels = self._shape
        if self._image_dtype == np.uint8:
            planes: NDArray[Any] = self._ground
        else:
            planes = self._mean[:, : height * width] / np.float32(grey_levels(self._image_dtype))
            if self._image_dtype == np.uint16:
                planes = np.minimum(planes + np.float32(0.5), 65535)
        planes = planes.reshape(channels, height, width)
        return np.ascontiguousarray(np.moveaxis(planes, 0, 2), self._image_dtype)

    def _share(self, name: str) -> Sharing:
        """Return how the rows are shared out for some work."""
        strips = -(-self._height // STEP)
        least = -(-_PIXELS_WORTH_A_THREAD // (STEP * self._width))
        count = max(1, min(rows.count_threads(self.threads), strips // least))
        sharing: Sharing = self._desk(Sharing, 0, self._height, count, name=name)
        return sharing

    def _desk(self, make: Callable[..., Any], band: int, *sizes: float, name: str = "") -> Any:
        """Return what make(*sizes) gave for this band when it was asked for first: scratch."""
        key = make, band, sizes, name
        if key not in self._desks:
            self._desks[key] = make(*sizes)
        return self._desks[key]


def scratch(count: int, width: int) -> tuple[NDArray[np.float32], ...]:
    """Arrays for a loop to work in."""
    return tuple(np.empty((count, width), np.float32))
