"""Cut-outs and empty scenes of clips in a folder laid out like ../shared/data.

Two folds: what is judged on one takes nothing from the clips of the other.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from .clips import answers, decode, emptied, grown, still, tracks
from .cutouts import Cutout
from .free import FreeSources
from .plates import Plate

MOST = 240  # pictures of a real stretch that are kept: 8 to 10 seconds, then there and back
NOISES = 16  # residuals kept of a still

# Clip: fold, what is cut out of it, how.
_TRUTHS: dict[str, tuple[int, str, dict]] = {
    "background2/cdnet_office": (0, "person", {"start": 580, "stop": 1500, "step": 2, "cut": True}),
    "background/sbi_HallAndMonitor": (0, "person", {}),
    "background/sbi_HighwayI": (0, "car", {}),
    "background/ucsd_birds": (0, "animal", {"grey": True}),
    "background/ucsd_bottle": (0, "thing", {"grey": True}),
    "background/cdnet_highway": (1, "car", {"start": 470}),
    "background/sbi_CaVignal": (1, "person", {"cut": True}),
    "background/sbi_Board": (1, "person", {"cut": True}),
    "background/sbi_CAVIAR2": (1, "person", {"area": 150, "most": 6}),
    "background/ucsd_boats": (1, "thing", {"grey": True}),
    "background/ucsd_cyclists": (1, "animal", {"grey": True}),
    "background/ucsd_chopper": (0, "thing", {"grey": True}),
    "background/ucsd_jump": (1, "person", {"grey": True, "cut": True}),
}
# Clip: fold, sort, height it is read at, frames, and which side of the still its things are.
_DIFFERENCES: dict[str, tuple[int, str, dict]] = {
    "video/dlc_openfield.mp4": (0, "animal", {"height": 480, "stop": 700, "step": 2, "side": -1,
                                             "area": 900, "weak": 45}),
    "tracks/tracktor_mouse/input.mp4": (
        1, "animal", {"height": 480, "stop": 700, "step": 2, "side": -1, "area": 300, "most": 2}),
    "video/thermo_thermal.mp4": (0, "hot", {"height": 240, "side": 1, "area": 30}),
    "tracks/sleap_flies/input.mp4": (
        1, "hot", {"height": 512, "stop": 500, "step": 2, "side": 1}),
    "video/vtest.avi": (
        0, "person", {"height": 576, "side": 0, "boxes": "tracks/vtest.gt.txt", "area": 250}),
    "tracks/tud_campus/input.mkv": (
        1, "person", {"height": 480, "side": 0, "boxes": "tracks/tud_campus/gt.txt", "area": 2500}),
    "video/dvrscan_traffic.mp4": (
        0, "car", {"height": 720, "side": 0, "area": 500, "stop": 160,
                   "tallest": 90}),
}  # fmt: skip

# Clip: fold, sorts, how its empty scene is found.
_PLATES: dict[str, tuple[int, str, dict]] = {
    "background2/cdnet_office": (0, "still stretch", {"stop": 560, "ground": 0.85}),
    "background2/wallflower_wavingtrees": (0, "trees", {"stop": 236, "ground": 0.97}),
    "background/sbi_HallAndMonitor": (0, "still stretch", {"truth": True, "ground": 0.6}),
    "background/sbi_HighwayI": (0, "still", {"truth": True, "ground": 0.25}),
    "background/ucsd_birds": (0, "water", {"truth": True, "ground": 0.25, "grey": True}),
    "background/ucsd_bottle": (0, "water", {"truth": True, "ground": 0.25, "grey": True}),
    "video/dvrscan_traffic.mp4": (0, "still", {"height": 480, "ground": 0.5, "step": 4}),
    "tracks/tud_campus/input.mkv": (1, "still", {"height": 480, "ground": 0.78}),
    "video/thermo_thermal.mp4": (
        0, "thermal still", {"height": 240, "ground": 0.5, "step": 2, "grey": True}),
    "video/dlc_openfield.mp4": (
        0, "still", {"height": 480, "ground": 0.25, "stop": 900, "step": 9, "grey": True}),
    "background/cdnet_highway": (
        1, "still stretch trees", {"truth": True, "ground": 0.35, "start": 470}),
    "background/sbi_CAVIAR2": (1, "still stretch", {"truth": True, "ground": 0.6}),
    "background/sbi_CaVignal": (1, "still", {"truth": True, "ground": 0.6}),
    "background/sbi_Board": (1, "still", {"truth": True, "ground": 1.0}),
    "background/sbi_Foliage": (1, "still", {"truth": True, "ground": 0.85}),
    "background/ucsd_boats": (1, "water", {"truth": True, "ground": 0.25, "grey": True}),
    "background2/cdnet_traffic": (1, "still", {"truth": True, "ground": 0.25}),
    "video/rpi_walkers.mp4": (
        1, "trees", {"height": 540, "band": (0.45, 0.72), "start": 1, "ground": 0.62}),
    "video/vtest.avi": (0, "still", {"height": 576, "step": 6, "ground": 0.2}),
    "video/dvrscan_brightness.avi": (0, "stretch", {"height": 480, "ground": 0.6}),
    "video/intel_cars.mp4": (1, "still", {"height": 432, "ground": 0.25, "step": 4}),
    "tracks/tracktor_mouse/input.mp4": (
        1, "still thermal", {"height": 480, "ground": 0.25, "stop": 900, "step": 9, "grey": True}),
}  # fmt: skip


def short(clip: str) -> str:
    """The name of a source: the folder of input.mkv, or the file's own."""
    path = Path(clip)
    return path.parent.name if path.stem == "input" else path.stem


class SharedSources:
    """Cut-outs and plates from a folder of clips.

    Parameters
    ----------
    data : the folder, holding background/, background2/, video/ and tracks/.
    fold : 0 or 1 takes the clips of one half only, None takes all.
    without : names of clips that are left out, such as "cdnet_office".
    """

    def __init__(self, data: Path, fold: int | None = None, without: tuple[str, ...] = ()) -> None:
        self.data, self.fold, self.without = Path(data), fold, tuple(without)
        self.name = f"shared{'' if fold is None else fold}"

    def _clips(self, table: dict, sort: str) -> list[str]:
        return [
            clip
            for clip, (fold, sorts, _) in table.items()
            if sort in sorts.split()
            and (self.fold is None or fold == self.fold)
            and short(clip) not in self.without
            and (self.data / clip).exists()
        ]

    def cutouts(self, sort: str) -> list[Cutout]:
        """Everything of a sort."""
        if sort == "plain":  # what is drawn is the same everywhere
            return FreeSources(self.fold).cutouts(sort)
        found: list[Cutout] = []
        for clip in self._clips(_TRUTHS, sort):
            found += _with_truth(self.data, clip)
        for clip in self._clips(_DIFFERENCES, sort):
            found += _by_difference(self.data, clip)
        return found

    def plates(self, sort: str) -> list[str]:
        """Names of empty scenes of a sort, for `plate`."""
        return self._clips(_PLATES, sort)

    def plate(self, name: str) -> Plate:
        """The empty scene of that name."""
        return _plate(self.data, name)


@lru_cache(maxsize=64)
def _with_truth(data: Path, clip: str) -> list[Cutout]:
    _, sort, how = _TRUTHS[clip]
    how = dict(how)
    start, stop, step = how.pop("start", 0), how.pop("stop", None), how.pop("step", 1)
    folder = data / clip

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        images = decode(folder / "input.mkv")
        for (i, image), truth in zip(images, answers(folder), strict=False):
            if stop is not None and i >= stop:
                return
            if i >= start and (i - start) % step == 0:
                yield image, truth == 255

    return tracks(pairs(), name=short(clip), sort=sort, **how)


@lru_cache(maxsize=64)
def _by_difference(data: Path, clip: str) -> list[Cutout]:
    _, sort, how = _DIFFERENCES[clip]
    how = dict(how)
    side, height, weak = how.pop("side"), how.pop("height"), how.pop("weak", 20)
    tallest = how.pop("tallest", 10**6)
    span = {key: how.pop(key) for key in ("start", "stop", "step") if key in how}
    path = data / clip
    boxes = _boxes(data / how.pop("boxes")) if "boxes" in how else None
    behind = still([image for _, image in decode(path, step=9, stop=600, height=height)])

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for i, image in decode(path, height=height, **span):
            mask = _different(image, behind, side, weak)
            if boxes is not None:
                near = np.zeros_like(mask)
                for left, top, wide, high in boxes.get(i + 1, ()):
                    near[max(0, top - 3) : top + high + 3, max(0, left - 3) : left + wide + 3] = (
                        True
                    )
                mask &= near
            yield image, mask

    found = tracks(pairs(), name=short(clip), sort=sort, **{"most": 16, **how})
    return [cutout for cutout in found if cutout.height <= tallest]


def _boxes(path: Path) -> dict[int, list[tuple[int, int, int, int]]]:
    """Frame, from 1, to boxes (left, top, width, height) of a file of tracks."""
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    for line in path.read_text().split():
        frame, _, left, top, wide, high = (int(float(v)) for v in line.split(",")[:6])
        found.setdefault(frame, []).append((left, top, wide, high))
    return found


def _different(image: np.ndarray, behind: np.ndarray, side: int, weak: int) -> np.ndarray:
    """Where a picture is plainly brighter (side 1), darker (-1) or other (0) than its still."""
    less = cv2.GaussianBlur(image, (3, 3), 0).astype(np.int16) - behind
    size = side * less.mean(2) if side else np.abs(less).max(2)
    strong = size > max(34, weak)
    count, pieces = cv2.connectedComponents((size > weak).astype(np.uint8))
    keep = np.zeros(count, bool)
    keep[np.unique(pieces[strong])] = True
    keep[0] = False
    return keep[pieces]


@lru_cache(maxsize=12)
def _plate(data: Path, clip: str) -> Plate:
    _, sorts, how = _PLATES[clip]
    path = data / clip
    truth = how.get("truth", False)
    span = {key: how[key] for key in ("start", "stop", "height") if key in how}
    step = how.get("step", 1)
    hidden: list[np.ndarray] = []
    if truth:
        start, stop = how.get("start", 0), how.get("stop", 10**9)
        hidden = [grown(a > 0) for i, a in enumerate(answers(path)) if start <= i < stop]
    images = [image for _, image in decode(path / "input.mkv" if path.is_dir() else path, **span)][
        ::step
    ]
    hidden = hidden[: len(images)]
    images = images[: len(hidden)] if truth else images
    chosen = np.unique(np.linspace(0, len(images) - 1, 90).astype(int))
    behind = still([images[i] for i in chosen], [hidden[i] for i in chosen] if truth else None)
    real = not {"stretch", "trees", "water"}.isdisjoint(sorts.split())
    if not truth:
        hidden = [_band(images[0].shape[:2], how.get("band"))] * len(images)
    frames = [
        emptied(image, mask, behind)
        for image, mask in zip(images[:MOST], hidden[:MOST], strict=True)
        if real
    ]
    few = np.unique(np.linspace(0, len(images) - 1, NOISES).astype(int))
    residuals = [] if real else [_residual(images[i], hidden[i], behind) for i in few]
    return Plate(
        short(clip), short(clip), behind, frozenset(sorts.split()), frames, residuals,
        how.get("grey", False), how.get("ground", 0.5),
    )  # fmt: skip


def _band(size: tuple[int, int], rows: tuple[float, float] | None) -> np.ndarray:
    mask = np.zeros(size, bool)
    if rows:
        mask[int(rows[0] * size[0]) : int(rows[1] * size[0])] = True
    return mask


def _residual(image: np.ndarray, mask: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """The noise of one picture, int8: large differences are things or light, and are left out."""
    less = image.astype(np.float32) - behind
    less -= cv2.GaussianBlur(less, (0, 0), 12)
    thing = grown(mask | (np.abs(less).max(2) > 16), 3)
    spread = np.median(np.abs(less[~thing])) * 1.48 if (~thing).any() else 1.0
    fill = np.random.default_rng(less.shape[0]).normal(0, max(spread, 0.3), less.shape)
    return np.clip(np.where(thing[..., None], fill, less), -127, 127).astype(np.int8)
