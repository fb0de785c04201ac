"""What was found, drawn on the frame: objects in colours of their own, ids, and the time."""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, Labels, Mask
from segment.export.trails import Trails
from segment.objects import Object, objects_of

Colour = tuple[int, int, int]

FILL = 0.30  # share of the object's colour inside it
_LONE: Colour = (255, 196, 0)  # foreground that belongs to no object
_SHADE: Colour = (132, 94, 255)  # shadows
_INK = np.array([245.0, 246.0, 248.0])
_PLATE = np.array([16.0, 18.0, 22.0])
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FINE = 4  # letters and plates are drawn so many times as large, and averaged
_SHIFT = 4  # binary digits behind the point of the coordinates that OpenCV draws
_CELL = 8  # tags keep out of each other's way on a grid of so many pixels
_LEAST = 6  # pixels: lower letters cannot be read, whatever the picture
_BESIDE = 0.45  # of the side of an object: its tag's letters are no higher, if that can be read
_HIDES = 0.25  # of its own object: a tag that hides more of it is left out; its colour tells it


def draw_overlay(
    image: Image,
    foreground: Mask | None,
    labels: Labels | None,
    time: float,
    shadow: Mask | None = None,
    trails: Trails | None = None,
) -> Image:
    """Return a copy of `image` as (H, W, 3) RGB with the findings drawn on it.

    Every object is filled lightly and outlined in the colour of its id, which is the
    same in every frame, and carries its id; foreground that belongs to no object is
    tinted in amber, and outlined, too, where there are no labels; `shadow` that is not
    foreground is tinted in violet. With `trails`, which take the frame in, a line that thins out
    shows where the feet of an object were in the last frames. `time`, seconds, stands in the
    corner. Lines and letters grow with the picture; what has no room in a tiny one is left out.
    """
    picture: Image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image.copy()
    scale = max(0.6, min(picture.shape[:2]) / 540)
    thickness = max(1, round(1.6 * scale))
    side = min(picture.shape[:2]) / 540
    letters = max(_LEAST, round(13 * side ** (0.8 if side > 1 else 0.5)))
    if shadow is not None:
        _tint(picture, shadow if foreground is None else shadow & ~foreground, _SHADE, FILL)
    if foreground is not None:
        lone = foreground if labels is None else foreground & (labels == 0)
        _tint(picture, lone, _LONE, FILL)
        if labels is None:
            _outline(picture, lone, 0, 0, _LONE, thickness)
    if labels is not None:
        things = [(thing, colour_of(thing.id)) for thing in objects_of(labels)]
        for thing, colour in things:
            crop = picture[thing.y : thing.y + thing.height, thing.x : thing.x + thing.width]
            _tint(crop, thing.mask, colour, FILL)
        if trails is not None:
            for number, feet in trails.follow(thing for thing, _ in things).items():
                _trace(picture, feet, colour_of(number), thickness)
        for thing, colour in things:
            _outline(picture, thing.mask, thing.x, thing.y, colour, thickness)
        height, width = picture.shape[:2]
        taken = np.zeros((height // _CELL + 1, width // _CELL + 1), bool)
        # On top of all outlines. Small ones choose first: a large one's tag has room on itself.
        for thing, colour in sorted(things, key=lambda one: one[0].area):
            side = math.sqrt(thing.width * thing.height)
            own = max(_LEAST, min(letters, round(_BESIDE * side)))
            tag = _tag(str(thing.id), own, colour)
            _attach(picture, tag, thing, thickness + 2, taken, labels)
    clock, gap = _tag(_clock(time), letters, None), letters // 2
    if clock.shape[0] + gap <= picture.shape[0] and clock.shape[1] + gap <= picture.shape[1]:
        _lay(picture, clock, gap, picture.shape[0] - clock.shape[0] - gap)
    return picture


def attach_tags(picture: Image, tags: Sequence[tuple[str, Colour, Object]]) -> None:
    """Write a text with a dot of a colour at each object's box, none on another where there is
    room; `picture` (H, W, 3) is changed."""
    scale = max(0.6, min(picture.shape[:2]) / 540)
    letters = max(9, round(11 * scale**0.8))
    height, width = picture.shape[:2]
    taken = np.zeros((height // _CELL + 1, width // _CELL + 1), bool)
    for text, colour, thing in tags:
        _attach(picture, _tag(text, letters, colour), thing, 2, taken)


@functools.lru_cache(maxsize=4096)
def colour_of(id: int) -> Colour:  # noqa: A002
    """The colour (R, G, B) of an id: neighbours differ, and an id never changes its own."""
    # Steps of the golden ratio go round the hues without ever coming back to one. Oklch
    # keeps hues equally bright to the eye: in HSV, blue sinks into shadows.
    hue = 2 * math.pi * ((0.34 + id * 0.6180339887498949) % 1.0)
    # After 3, 5 and 8 steps hues come near again; lightness tells these apart. Start and
    # order keep ids up to three apart at least 60 levels apart, among the first hundred.
    light = (0.70, 0.88, 0.60, 0.80)[id // 3 % 4]
    vivid = 0.20
    while True:  # as vivid as the screen can show
        linear = _linear_rgb(light, vivid * math.cos(hue), vivid * math.sin(hue))
        if vivid < 0.05 or all(0 <= value <= 1 for value in linear):
            break
        vivid -= 0.01
    red, green, blue = (round(255 * _gamma(min(1.0, max(0.0, value)))) for value in linear)
    return red, green, blue


def _linear_rgb(light: float, a: float, b: float) -> tuple[float, float, float]:
    """Oklab as linear sRGB. Source: Ottosson, A perceptual color space, 2020."""
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(value: float) -> float:
    """Linear intensity as sRGB, both in [0, 1]."""
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


@functools.lru_cache(maxsize=4096)
def _mixed(colour: Colour, share: float) -> NDArray[np.uint8]:
    """What every level becomes with a share of `colour`, (256, 3)."""
    level = np.arange(256.0)[:, None]
    mixed = level * (1 - share) + np.array(colour) * share
    return mixed.round().astype(np.uint8)


def _tint(picture: Image, mask: Mask, colour: Colour, share: float) -> None:
    """Mix a share of `colour` into the pixels of `mask`, (H, W) like the picture."""
    table = _mixed(colour, share)
    if np.count_nonzero(mask) * 16 < mask.size:  # only specks
        rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
        picture[rows, columns] = table[picture[rows, columns], np.arange(3)]
        return
    inside = np.ascontiguousarray(mask).view(np.uint8)
    cv2.copyTo(cv2.LUT(picture, table[None]), inside, picture)


def _outline(picture: Image, mask: Mask, x: int, y: int, colour: Colour, thickness: int) -> None:
    """A smooth line around all parts and holes of a mask whose box begins at (x, y)."""
    contours, _ = cv2.findContours(
        np.ascontiguousarray(mask).view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    lines = []
    for contour in contours:
        points: NDArray[Any] = contour.astype(np.float32)  # (N, 1, 2)
        reach = min(thickness + 1, len(points) // 12)
        if reach:  # two running means take the corners off the pixels
            for _ in range(2):
                ring = np.concatenate([points[-reach:], points, points[:reach]])
                points = cv2.blur(ring, (1, 2 * reach + 1))[reach:-reach]
            # A smooth line needs few points, and every one costs.
            points = points[:: reach + 1]
        lines.append(
            ((points + np.array([x, y], np.float32)) * (1 << _SHIFT)).round().astype(np.int32)
        )
    # A dark rim keeps the line visible on a ground of its own colour.
    dark = (colour[0] // 6, colour[1] // 6, colour[2] // 6)
    rim = thickness + 2 if thickness > 1 else 2
    cv2.polylines(picture, lines, True, dark, rim, cv2.LINE_AA, _SHIFT)
    cv2.polylines(picture, lines, True, colour, thickness, cv2.LINE_AA, _SHIFT)


def _trace(picture: Image, feet: NDArray[np.float64], colour: Colour, thickness: int) -> None:
    """A line through the places (N, 2) where an object was, thinner the longer ago."""
    places = (feet * (1 << _SHIFT)).round().astype(int).tolist()
    for n, (one, other) in enumerate(itertools.pairwise(places), start=1):
        wide = max(1, round(thickness * n / len(places)))
        cv2.line(picture, one, other, colour, wide, cv2.LINE_AA, _SHIFT)


def _attach(
    picture: Image,
    tag: NDArray[np.uint8],
    thing: Object,
    gap: int,
    taken: NDArray[np.bool_],
    labels: Labels | None = None,
) -> None:
    """Lay a tag above its object; below or beside it where there is no room, or another tag.

    With `labels` (H, W) of all objects it lies where it hides least of them, and is left out
    where it would hide much of its own or of another.
    """
    height, width = tag.shape[:2]
    most_x, most_y = picture.shape[1] - width, picture.shape[0] - height
    if most_x < 0 or most_y < 0:
        return
    middle = thing.x + (thing.width - width) // 2
    places = [
        (middle, thing.y - height - gap),
        (middle, thing.y + thing.height + gap),
        (thing.x + thing.width + gap, thing.y),
        (thing.x - width - gap, thing.y),
        (middle, thing.y + gap),
    ]
    inside = [(min(max(x, 0), most_x), y) for x, y in places if 0 <= y <= most_y]
    inside = inside or [(min(max(middle, 0), most_x), min(max(thing.y, 0), most_y))]
    free = [p for p in inside if not taken[_cells(*p, width, height)].any()]

    def hidden(place: tuple[int, int]) -> int:
        if labels is None:
            return 0
        return int(np.count_nonzero(labels[place[1] : place[1] + height, place[0] :][:, :width]))

    x, y = min(free or inside, key=hidden)  # the first of those that hide least
    if hidden((x, y)) > _HIDES * max(thing.area, height * width):
        return
    taken[_cells(x, y, width, height)] = True
    _lay(picture, tag, x, y)


def _cells(x: int, y: int, width: int, height: int) -> tuple[slice, slice]:
    return (
        slice(y // _CELL, (y + height - 1) // _CELL + 1),
        slice(x // _CELL, (x + width - 1) // _CELL + 1),
    )


def _lay(picture: Image, tag: NDArray[np.uint8], x: int, y: int) -> None:
    """Lay a tag over the picture at (x, y)."""
    crop = picture[y : y + tag.shape[0], x : x + tag.shape[1]]
    through = 255 - tag[:, :, 3:].astype(np.uint16)
    crop[:] = tag[:, :, :3] + (crop * through // 255).astype(np.uint8)


@functools.lru_cache(maxsize=1024)
def _tag(text: str, letters: int, colour: Colour | None) -> NDArray[np.uint8]:
    """A dark rounded plate with light text `letters` pixels high, and a dot of `colour`.

    Returns (H, W, 4): colours, already multiplied by the cover, and the cover.
    """
    glyphs = [_glyph(character, letters) for character in text]
    margin = max(3, round(0.45 * letters))
    dot = round(0.5 * letters) if colour else 0
    left = margin + (dot + max(2, round(0.3 * letters)) if colour else 0)
    width = left + sum(glyph.shape[1] for glyph in glyphs) + margin
    height = letters + 2 * max(1, round(0.2 * letters))

    plate = np.zeros((height * _FINE, width * _FINE), np.uint8)
    corner = round(0.3 * height) * _FINE
    ends = [(x, y) for x in (corner, width * _FINE - 1 - corner)
            for y in (corner, height * _FINE - 1 - corner)]  # fmt: skip
    for end in ends:
        cv2.circle(plate, end, corner, 255, -1)
    (x0, y0), (x1, y1) = ends[0], ends[-1]
    cv2.rectangle(plate, (x0, 0), (x1, plate.shape[0] - 1), 255, -1)
    cv2.rectangle(plate, (0, y0), (plate.shape[1] - 1, y1), 255, -1)
    cover = 0.76 * _averaged(plate)
    tag = cover * _PLATE

    text_cover = np.zeros((height, width, 1))
    top = (height - letters) // 2
    for glyph in glyphs:
        text_cover[top : top + letters, left : left + glyph.shape[1]] = glyph
        left += glyph.shape[1]
    layers = [(text_cover, _INK)]
    if colour:
        spot = np.zeros_like(plate)
        middle = (margin * _FINE + dot * _FINE // 2, height * _FINE // 2)
        cv2.circle(spot, middle, dot * _FINE // 2, 255, -1)
        layers.append((_averaged(spot), np.array(colour, float)))
    for over, paint in layers:
        tag = tag * (1 - over) + over * paint
        cover = cover * (1 - over) + over
    levels = np.concatenate([tag, 255 * cover], axis=2).round().astype(np.uint8)
    # No colour above its cover: laying a tag over a picture cannot overflow.
    return np.minimum(levels, levels[:, :, 3:])


@functools.lru_cache(maxsize=512)
def _glyph(character: str, letters: int) -> NDArray[np.float64]:
    """What one character covers, (letters, width, 1) in [0, 1]; digits are equally wide."""
    height = letters * _FINE
    weight = max(1, round(0.07 * height))
    size = cv2.getFontScaleFromHeight(_FONT, round(0.76 * height), weight)
    (own, _), _ = cv2.getTextSize(character, _FONT, size, weight)
    room = own
    if character.isdigit():  # a clock whose digits differ in width would tremble
        room = max(cv2.getTextSize(digit, _FONT, size, weight)[0][0] for digit in "0123456789")
    width = math.ceil(room / _FINE) * _FINE
    drawn = np.zeros((height, width), np.uint8)
    where = ((width - own) // 2, round(0.88 * height))
    cv2.putText(drawn, character, where, _FONT, size, 255, weight, cv2.LINE_AA)
    return _averaged(drawn)


def _averaged(drawn: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A fine drawing at its real size, (H, W, 1) in [0, 1]."""
    height, width = drawn.shape
    blocks = drawn.reshape(height // _FINE, _FINE, width // _FINE, _FINE)
    cover: NDArray[np.float64] = blocks.mean(axis=(1, 3))[:, :, None] / 255
    return cover


def _clock(time: float) -> str:
    """Seconds as 0:12.34 or 1:02:03.45."""
    minutes, rest = divmod(round(time * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 100:02}.{rest % 100:02}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"
