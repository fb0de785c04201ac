"""The eight ways a picture can lie: turned by quarters, mirrored or not."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class Turn(NamedTuple):
    """How stored pixels become upright: mirrored left to right first, then turned.

    `mirrored` : columns run the other way; `quarters` : quarter turns counter-clockwise, 0 to 3.
    """

    mirrored: bool = False
    quarters: int = 0

    @property
    def lies(self) -> bool:
        """Whether width and height change places."""
        return self.quarters % 2 == 1


UPRIGHT = Turn()

# By the orientation tag of EXIF and TIFF, 1 to 8. Source: TIFF 6.0, section "Orientation": where
# the first row and the first column of what is stored belong.
_EXIF = (
    UPRIGHT,
    Turn(mirrored=True),
    Turn(quarters=2),
    Turn(mirrored=True, quarters=2),
    Turn(mirrored=True, quarters=1),
    Turn(quarters=3),
    Turn(mirrored=True, quarters=3),
    Turn(quarters=1),
)


def by_exif(orientation: int) -> Turn:
    """Return the turn of a camera's orientation tag; what is not 1 to 8 says nothing."""
    return _EXIF[orientation - 1] if 1 <= orientation <= 8 else UPRIGHT


def by_matrix(matrix: Sequence[int]) -> Turn:
    """Return the turn of a film's display matrix, its nine numbers in rows.

    A stored pixel (x, y) is shown at x' = a x + c y, y' = b x + d y, with a, b the first two
    numbers and c, d the fourth and fifth. Turns by other angles than quarters, which no picture
    of rows and columns can follow, are rounded to the nearest.

    Source: ISO/IEC 14496-12, track header; FFmpeg's display.h.
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = (a < 0), (d < 0)  # each axis runs its own way or the other
        return Turn(across != down, 2 if down else 0)
    # Rows become columns.
    mirrored = (b < 0) == (c < 0)
    return Turn(mirrored, 1 if mirrored == (b > 0) else 3)


def turned(image: NDArray[Scalar], turn: Turn) -> NDArray[Scalar]:
    """Return `image` (H, W) or (H, W, C) upright; a view where nothing has to be copied."""
    if turn.mirrored:
        image = image[:, ::-1]
    return np.rot90(image, turn.quarters) if turn.quarters else image
