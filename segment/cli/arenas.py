"""Arenas, where ids stay inside: from a picture, or from zones in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from segment.errors import BadZones, SegmentError

if TYPE_CHECKING:
    from segment.arrays import Labels

_ZONES = {".json", ".geojson", ".xml"}


def read_arenas(path: Path, size: tuple[int, int]) -> "Labels":
    """Return which arena each pixel is in, (H, W) int32 from 1; 0 is outside of all.

    A picture as large as the frames: what is painted and connected is an arena, in reading
    order. A file `.json`, `.geojson` or `.xml`: zones, as `events --zones` takes them, in its
    order; where two overlap, the former counts. Raises SegmentError, which says what is wrong.
    """
    found = _of_zones(path, size) if path.suffix.lower() in _ZONES else _of_picture(path, size)
    if not found.any():
        raise SegmentError(f"{path} has no arena in it; a zones file needs zones, not lines alone")
    return found


def _of_picture(path: Path, size: tuple[int, int]) -> "Labels":
    from segment.masks import pieces_of
    from segment.video.select import read_region

    inside = read_region(path, "arena")
    if inside.shape != size:
        raise SegmentError(
            f"the arena {path} is {inside.shape[1]}x{inside.shape[0]}, but the frames are "
            f"{size[1]}x{size[0]}; draw it on a frame of this size"
        )
    return pieces_of(inside)


def _of_zones(path: Path, size: tuple[int, int]) -> "Labels":
    from segment.events import read_zones
    from segment.masks import polygons

    try:
        zones = read_zones(path).fitted(size).zones
    except ValueError as error:
        raise BadZones(str(error)) from None
    return polygons([zone.points for zone in zones], size)
