"""Which masks belong to which truth: sequences in folders, paired by their names."""

import logging
from dataclasses import dataclass
from pathlib import Path

from segment.errors import UnreadableInput
from segment.video.decode import PICTURES, VIDEOS

log = logging.getLogger("segment.scores")

# Parts of a path that say what is in a sequence, not which one it is.
MASK_NAMES = ("masks", "mask", "foreground")
TRUTH_NAMES = ("truth", "groundtruth", "gt", "masks")
LABEL_NAMES = ("labels",)
ID_NAMES = ("ids", "labels")
_GENERIC = {*MASK_NAMES, *TRUTH_NAMES, *LABEL_NAMES, *ID_NAMES, "input"}


@dataclass(frozen=True, slots=True)
class Found:
    """A sequence of masks or truth.

    Attributes
    ----------
    path : a video, or a folder of pictures.
    key : what it is called: the parts of its path below the root, generic ones dropped.
    """

    path: Path
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        return "/".join(self.key)


def find(root: Path, names: tuple[str, ...]) -> list[Found]:
    """Return the sequences at or below `root`, in order.

    Where folders or videos are called by one of `names` (`masks/`, `truth.mkv`,
    `street.truth.mkv`), only these count; a folder of pictures goes before a video of the same
    sequence, since it tells the numbers of its frames.
    """
    if not root.exists():
        raise UnreadableInput(f"{root} does not exist")
    if root.is_file():
        return [Found(root, _key(root, root.parent))]
    folders, videos = [], []
    for folder in sorted([root, *(path for path in root.rglob("*") if path.is_dir())]):
        files = [path for path in sorted(folder.iterdir()) if path.is_file()]
        if any(_is(path, PICTURES) for path in files):
            folders.append(folder)
        videos += [path for path in files if _is(path, VIDEOS)]
    every = [*folders, *videos]
    called = [path for path in every if _last(path) in names]
    found: dict[tuple[str, ...], Found] = {}
    for path in called or every:
        key = _key(path, root)
        found.setdefault(key, Found(path, key))
    if not found:
        raise UnreadableInput(f"{root} holds neither videos nor folders of pictures")
    return [found[key] for key in sorted(found)]


def pair(
    masks: Path,
    truth: Path,
    mask_names: tuple[str, ...] = MASK_NAMES,
    truth_names: tuple[str, ...] = TRUTH_NAMES,
) -> list[tuple[str, Path, Path]]:
    """Return name, masks and truth of each sequence that has both; see `find` for the names.

    Keys belong together when one ends with the other: `highway` and `baseline/highway`. A single
    sequence on either side needs no name. What is left over is told to the log.
    """
    left, right = find(masks, mask_names), find(truth, truth_names)
    if len(left) == len(right) == 1:
        return [(left[0].name, left[0].path, right[0].path)]
    pairs = []
    used: dict[Path, Path] = {}
    alone = []
    for ours in left:
        fitting = [theirs for theirs in right if _same(ours.key, theirs.key)]
        # The exact name goes before one that only ends alike.
        fitting = [theirs for theirs in fitting if theirs.key == ours.key] or fitting
        if len(fitting) > 1:
            raise UnreadableInput(
                f"the masks {ours.path} could belong to {fitting[0].path} or to "
                f"{fitting[1].path}; score them one at a time"
            )
        if not fitting:
            alone.append(ours)
            continue
        theirs = fitting[0]
        if theirs.path in used:
            raise UnreadableInput(
                f"the truth {theirs.path} could belong to {used[theirs.path]} or to "
                f"{ours.path}; score them one at a time"
            )
        used[theirs.path] = ours.path
        pairs.append((max(ours.key, theirs.key, key=len), ours.path, theirs.path))
    if not pairs:
        raise UnreadableInput(
            f"no sequence of masks in {masks} ({_some(left)}) has a name like one of the truth "
            f"in {truth} ({_some(right)})"
        )
    if alone:
        log.warning("no truth for %d of %d sequences: %s", len(alone), len(left), _some(alone))
    rest = [theirs for theirs in right if theirs.path not in used]
    if rest:
        log.warning("no masks for %d of %d sequences: %s", len(rest), len(right), _some(rest))
    return [("/".join(key), ours, theirs) for key, ours, theirs in pairs]


def _is(path: Path, suffixes: frozenset[str]) -> bool:
    return path.suffix.lower() in suffixes


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _last(path: Path) -> str:
    """`masks` of `masks/` and `masks.mkv`, `truth` of `street.truth.mkv`."""
    return _stem(path).rsplit(".", 1)[-1].lower()


def _key(path: Path, root: Path) -> tuple[str, ...]:
    parts = list(path.relative_to(root).parts)
    if path.is_file():
        words = path.stem.split(".")
        # `a.b.truth.mkv` is the truth of `a.b`: only the last word may be generic.
        generic = [words.pop()] if len(words) > 1 and words[-1].lower() in _GENERIC else []
        parts[-1:] = [".".join(words), *generic]
    while parts and parts[-1].lower() in _GENERIC:
        parts.pop()
    if not parts:  # the root is the sequence itself: `out/street`, or `out/street/masks`
        above = [part for part in root.resolve().parts if part.lower() not in _GENERIC]
        parts = above[-1:]
    return tuple(parts)


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    short, long = sorted((one, other), key=len)
    return bool(short) and long[-len(short) :] == short


def _some(found: list[Found]) -> str:
    names = [one.name or str(one.path) for one in found]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
