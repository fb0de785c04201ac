"""Clips with truth, or with a still camera, become cut-outs and empty scenes."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from .cutouts import Cutout, patch_of

LEAST = 90  # pixels of something worth cutting out
GROWN = 6  # pixels around truth that are not taken for empty


def decode(path: Path, start: int = 0, stop: int | None = None, step: int = 1, height: int = 0):
    """Yield (index, image (H, W, 3) uint8 RGB), shrunk to a height if one is given."""
    with av.open(str(path)) as video:
        for i, frame in enumerate(video.decode(video=0)):
            if stop is not None and i >= stop:
                return
            if i < start or (i - start) % step:
                continue
            image = frame.to_ndarray(format="rgb24")
            if height and height != image.shape[0]:
                size = (round(image.shape[1] * height / image.shape[0]), height)
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            yield i, image


def answers(folder: Path) -> Iterator[np.ndarray]:
    with av.open(str(folder / "truth.mkv")) as video:
        for frame in video.decode(video=0):
            yield frame.to_ndarray(format="gray")


def tidy(mask: np.ndarray) -> np.ndarray:
    """Close cracks, drop crumbs, fill holes of a mask (H, W) bool."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel, iterations=2)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = np.zeros_like(closed)
    cv2.drawContours(solid, outlines, -1, 1, cv2.FILLED)
    # Large holes are holes: between legs, under an arm.
    holes = cv2.morphologyEx(solid & ~closed, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return (solid & ~holes) > 0


def tracks(pairs: Iterator[tuple[np.ndarray, np.ndarray]], **about) -> list[Cutout]:
    """Follow connected pieces of masks over (image, mask) pairs, and cut them out.

    about : name, sort, grey and `cut` (pieces may touch the lower border), `least` frames,
    `most` cut-outs.
    """
    least, most = about.pop("least", 14), about.pop("most", 12)
    cut, area_least = about.pop("cut", False), about.pop("area", LEAST)
    name, sort, grey = about.pop("name"), about.pop("sort"), about.pop("grey", False)
    assert not about, about
    alive: list[dict] = []
    done: list[dict] = []
    for image, mask in pairs:
        mask = tidy(mask)
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
        taken: set[int] = set()
        going: list[dict] = []
        for track in alive:
            numbers = np.bincount(pieces[track["mask"]], minlength=count)
            numbers[0] = 0
            n = int(numbers.argmax())
            area = stats[n, cv2.CC_STAT_AREA]
            fits = numbers[n] > 0.25 * track["area"] and 0.62 < area / track["area"] < 1.6
            if n and fits and n not in taken and _whole(stats[n], mask.shape, cut):
                taken.add(n)
                _take(track, image, pieces == n)
                going.append(track)
            else:
                done.append(track)
        for n in range(1, count):
            small = stats[n, cv2.CC_STAT_AREA] < area_least
            if n not in taken and not small and _whole(stats[n], mask.shape, cut):
                track = {"colours": [], "alphas": [], "anchors": [], "feet": []}
                _take(track, image, pieces == n)
                going.append(track)
        alive = going
    found = [track for track in done + alive if len(track["colours"]) >= least]
    found.sort(key=lambda track: -len(track["colours"]) * track["area"] ** 0.5)
    return [
        Cutout(
            f"{name}_{i}", name, sort, track["colours"], track["alphas"],
            np.array(track["anchors"]), np.array(track["feet"]), grey, cut,
        )
        for i, track in enumerate(found[:most])
    ]  # fmt: skip


def _whole(stat: np.ndarray, shape: tuple[int, int], cut: bool) -> bool:
    left, top, width, height = stat[:4]
    low = top + height >= shape[0] - 1
    if width > 4.5 * height or stat[cv2.CC_STAT_AREA] < 0.15 * width * height:
        return False  # a streak or a ring: a border that flickers, a reflection
    return left > 1 and left + width < shape[1] - 1 and top > 1 and (cut or not low)


def _take(track: dict, image: np.ndarray, mask: np.ndarray) -> None:
    colour, alpha, (left, top) = patch_of(image, mask)
    rows, columns = np.nonzero(mask)
    foot = np.array([np.median(columns), rows.max() + 1.0])
    track["colours"].append(colour)
    track["alphas"].append(alpha)
    track["anchors"].append(foot - (left, top))
    track["feet"].append(foot)
    track["mask"], track["area"] = mask, int(mask.sum())


def still(images: list[np.ndarray], masks: list[np.ndarray] | None = None) -> np.ndarray:
    """The median of images (H, W, 3) over the frames in which a mask does not cover a pixel."""
    stack = np.stack(images)
    if masks is None:
        return np.median(stack, axis=0).astype(np.uint8)
    hidden = np.stack(masks)
    result = np.empty(stack.shape[1:], np.uint8)
    for y in range(stack.shape[1]):  # a row at a time: masked arrays are large
        row = stack[:, y].astype(np.float32)
        row[hidden[:, y]] = np.nan
        never = hidden[:, y].all(0)
        row[:, never] = 0
        result[y] = np.nanmedian(row, axis=0)
    never = hidden.all(0)
    if never.any():
        result = cv2.inpaint(result, never.astype(np.uint8), 5, cv2.INPAINT_TELEA)
    return result


def grown(mask: np.ndarray, by: int = GROWN) -> np.ndarray:
    size = 2 * by + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def emptied(image: np.ndarray, mask: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Lay `behind` (H, W, 3) over an image where something is, with a soft seam."""
    if not mask.any():
        return image
    share = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0)[..., None]
    share = np.maximum(share, mask[..., None])
    return np.rint(image * (1 - share) + behind * share).astype(np.uint8)
