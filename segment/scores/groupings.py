"""Files of labels against files of people's segmentations, paired by name."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.errors import UnreadableInput
from segment.measures.segmentation import PictureScore, score_labels

log = logging.getLogger("segment.scores")

MEASURES = ("covering", "rand_index", "variation", "boundary_f", "segments")
"""What `GroupingScore.as_dict` tells of a picture, besides its name."""

_TRUTH = (".npz", ".mat", ".png")


@dataclass(frozen=True, slots=True)
class GroupingScore:
    """One picture's name and how its labels compare with people's."""

    name: str
    score: PictureScore

    def as_dict(self) -> dict[str, Any]:
        """Return the measures by name, as JSON can hold them."""
        return {"name": self.name, **{key: getattr(self.score, key) for key in MEASURES}}


def score_groupings(labels: Path, truth: Path) -> list[GroupingScore]:
    """Measure PNG files of labels against people's segmentations of the same name.

    Parameters
    ----------
    labels : a PNG, a folder of them, or what `export --as labels` wrote: `photo/labels/000000.png`
        is called photo, and `clip/labels/000007.png` clip/000007 where there are more.
    truth : for each name an .npz with `segmentations` (people, H, W), a .mat of the Berkeley
        benchmark, or a .png of labels. Others are left out and told to the log.

    Raises UnreadableInput when a file cannot be read, or none has a partner.
    """
    ours, theirs = _names(labels, (".png",)), _names(truth, _TRUTH)
    if len(ours) == len(theirs) == 1:
        theirs = dict(zip(ours, theirs.values(), strict=True))
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        raise UnreadableInput(
            f"no labels in {labels} ({_some(ours)}) have a name like the truth in {truth} "
            f"({_some(theirs)})"
        )
    for kind, alone in (
        ("truth", ours.keys() - theirs.keys()),
        ("labels", theirs.keys() - ours.keys()),
    ):
        if alone:
            log.warning("no %s for %d pictures: %s", kind, len(alone), _some(alone))
    found = []
    for name in both:
        people, drawn = _read_truth(theirs[name])
        mine = _read_labels(ours[name])
        if mine.shape != people[0].shape:
            raise UnreadableInput(
                f"the labels {ours[name]} are {mine.shape}, but the truth {theirs[name]} is "
                f"{people[0].shape}"
            )
        found.append(GroupingScore(name, score_labels(mine, people, drawn)))
    return found


def _names(root: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not root.exists():
        raise UnreadableInput(f"{root} does not exist")
    if root.is_file():
        return {root.stem: root}
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in suffixes)
    # Beside labels/, an export's masks/ and overlay/ are no labels.
    files = [path for path in files if path.parent.name == "labels"] or files
    if not files:
        raise UnreadableInput(f"{root} holds no {' or '.join(suffixes)} files")
    folders = [path.parent for path in files]
    found: dict[str, Path] = {}
    for path in files:
        name = path.stem
        if path.parent.name == "labels":
            above = path.resolve().parents[1].name
            name = above if folders.count(path.parent) == 1 else f"{above}/{name}"
        if name in found:
            raise UnreadableInput(f"{found[name]} and {path} are both called {name}")
        found[name] = path
    return found


def _read_labels(path: Path) -> NDArray[Any]:
    import cv2

    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise UnreadableInput(f"{path} cannot be read as a picture")
    labels: NDArray[Any] = np.asarray(found)
    if labels.ndim != 2:
        raise UnreadableInput(f"{path} has {labels.shape[2]} channels; labels have one")
    return labels


def _read_truth(path: Path) -> tuple[list[NDArray[Any]], list[NDArray[np.bool_]] | None]:
    """People's segmentations, and their boundaries where the file has them."""
    if path.suffix.lower() == ".png":
        return [_read_labels(path)], None
    try:
        if path.suffix.lower() == ".mat":
            from scipy.io import loadmat

            cells = loadmat(path)["groundTruth"].reshape(-1)
            people = [np.asarray(cell["Segmentation"][0, 0]) for cell in cells]
            return people, [np.asarray(cell["Boundaries"][0, 0]) > 0 for cell in cells]
        with np.load(path) as file:
            people = list(file["segmentations"])
            if "boundaries" not in file:
                return people, None
            drawn = np.unpackbits(file["boundaries"])[: len(people) * people[0].size]
            return people, list(drawn.reshape(len(people), *people[0].shape) > 0)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UnreadableInput(f"{path} holds no segmentations: {error}") from None


def _some(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
