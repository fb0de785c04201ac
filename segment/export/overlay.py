"""What was found, drawn on the frame: objects in colours of their own, ids, and the time."""

import colorsys
import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask
from segment.export.objects import objects_of

FILL = 0.30  # share of the object's colour inside it
_LONE = (255, 196, 0)  # foreground that belongs to no object
_DARK = np.array([18, 20, 24], np.uint8)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_overlay(
    image: Image, foreground: Mask | None, labels: Labels | None, time: float
) -> Image:
    """Return a copy of `image` as (H, W, 3) RGB with the findings drawn on it.

    Every object is filled lightly and outlined in the colour of its id, which is the
    same in every frame, and carries its id; foreground that belongs to no object is
    outlined in amber. `time`, seconds, stands in the corner.
    """
    picture = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image.copy()
    scale = max(0.6, min(picture.shape[:2]) / 540)
    tags: list[tuple[str, int, int, tuple[int, int, int]]] = []
    if labels is not None:
        for thing in objects_of(labels):
            colour = colour_of(thing.id)
            _paint(picture, thing.mask, thing.x, thing.y, colour, scale)
            tags.append((str(thing.id), thing.x, thing.y, colour))
        lone = None if foreground is None else foreground & (labels == 0)
    else:
        lone = foreground
    if lone is not None and lone.any():
        rows, columns = np.flatnonzero(lone.any(axis=1)), np.flatnonzero(lone.any(axis=0))
        top, left = int(rows[0]), int(columns[0])
        crop = np.ascontiguousarray(lone[top : rows[-1] + 1, left : columns[-1] + 1])
        _paint(picture, crop, left, top, _LONE, scale)
    for text, x, y, colour in tags:  # on top of all outlines
        _tag(picture, text, x, y, colour, scale)
    _clock(picture, time, scale)
    return picture


@functools.lru_cache(maxsize=4096)
def colour_of(id: int) -> tuple[int, int, int]:  # noqa: A002
    """The colour (R, G, B) of an id: neighbours differ, and an id never changes its own."""
    # Steps of the golden ratio go round the hues without ever coming back to one.
    hue = (0.03 + id * 0.6180339887498949) % 1.0
    light = (0.98, 0.86, 0.94)[id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.72, 0.86, 0.60)[id % 3], light)
    return round(255 * red), round(255 * green), round(255 * blue)


def _paint(
    picture: Image, mask: Mask, x: int, y: int, colour: tuple[int, int, int], scale: float
) -> None:
    """Fill and outline the object whose box begins at (x, y)."""
    height, width = mask.shape
    thickness = max(1, round(1.6 * scale))
    # Room around the box, so that the outline lies around the object and not on it.
    room = thickness + 2
    top, left = max(0, y - room), max(0, x - room)
    bottom = min(picture.shape[0], y + height + room)
    right = min(picture.shape[1], x + width + room)
    crop = picture[top:bottom, left:right]
    flat = np.empty_like(crop)
    flat[:] = colour
    inside = np.zeros(crop.shape[:2], np.uint8)
    inside[y - top : y - top + height, x - left : x - left + width] = mask
    blended = cv2.addWeighted(crop, 1 - FILL, flat, FILL, 0)
    cv2.copyTo(blended, inside, crop)
    contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    line = np.ascontiguousarray(crop)
    cv2.drawContours(line, contours, -1, (12, 14, 16), thickness + 2, cv2.LINE_AA)
    cv2.drawContours(line, contours, -1, colour, thickness, cv2.LINE_AA)
    crop[:] = line


def _tag(
    picture: Image, text: str, x: int, y: int, colour: tuple[int, int, int], scale: float
) -> None:
    """The id above the object's upper left corner, on a dark plate edged in its colour."""
    size = 0.42 * scale
    weight = max(1, round(scale))
    (width, height), base = cv2.getTextSize(text, _FONT, size, weight)
    margin = max(2, round(3 * scale))
    box_width, box_height = width + 2 * margin, height + base // 2 + 2 * margin
    left = min(max(0, x), max(0, picture.shape[1] - box_width))
    top = y - box_height - 2
    top = top if top >= 0 else min(y + 2, max(0, picture.shape[0] - box_height))
    _plate(picture, left, top, box_width, box_height)
    bar = max(2, round(2.4 * scale))
    cv2.rectangle(picture, (left, top), (left + bar - 1, top + box_height - 1), colour, -1)
    where = (left + margin + bar // 2, top + margin + height)
    cv2.putText(picture, text, where, _FONT, size, (245, 246, 248), weight, cv2.LINE_AA)


def _clock(picture: Image, time: float, scale: float) -> None:
    """The time in the lower left corner, as 0:12.34 or 1:02:03.45."""
    hundredths = round(time * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes}:{rest // 100:02}.{rest % 100:02}"
    text = f"{hours}:{clock:0>8}" if hours else clock
    size, weight = 0.5 * scale, max(1, round(scale))
    (width, height), base = cv2.getTextSize(text, _FONT, size, weight)
    margin = max(3, round(5 * scale))
    box_height = height + base // 2 + 2 * margin
    top = picture.shape[0] - box_height - margin
    _plate(picture, margin, top, width + 2 * margin, box_height)
    where = (2 * margin, top + margin + height)
    cv2.putText(picture, text, where, _FONT, size, (245, 246, 248), weight, cv2.LINE_AA)


def _plate(picture: Image, x: int, y: int, width: int, height: int) -> None:
    """Darken a rectangle, so that light letters stand out on any ground."""
    crop: NDArray[np.uint8] = picture[max(0, y) : y + height, max(0, x) : x + width]
    crop[:] = crop // 4 + _DARK * 3 // 4
