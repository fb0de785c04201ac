"""The model of `group` fitted to a camera's footage: subtract, clean, group, and learn from it.

from segment import fitting

verdict = fitting.fit(["street.mp4"], "mine")  # then NeuralGrouper(model="mine")
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from segment import pipeline
from segment.background import PosteriorSubtractor
from segment.errors import SegmentError
from segment.grouping import NeuralGrouper
from segment.video import open_frames

if TYPE_CHECKING:
    from segment.neural.recipe import Recipe
    from segment.neural.seeded.footage import Footage

__all__ = ["MODEL", "Watched", "check", "fit", "recipe_path", "watch"]

MODEL = "seeded-em-silhouettes"
"""The model that is fitted unless another is named."""

RECIPE = "footage.toml"

_EVERY = 5.0  # seconds between two tellings of how far it is


class Watched(NamedTuple):
    """How far the watching of footage is."""

    video: str
    frames: int
    """Frames of this video watched."""
    expected: int | None
    """Of so many; None when the file does not say."""
    alone: int
    """How often an object was alone, in all videos."""
    done: bool
    """Whether this video is watched to its end."""


def recipe_path() -> Path:
    """Return the recipe for fitting that ships beside the model it begins with."""
    from segment.neural import zoo

    return zoo.find(MODEL) / RECIPE


def check(recipe: "Recipe") -> None:
    """Raise SegmentError for a recipe of another kind of model, before anything is watched."""
    from segment.neural.kinds import kind_of

    if kind_of(recipe).fitted is None:
        raise SegmentError(
            f'only the model of `group`, [model] cell "seeded", is fitted to footage; the '
            f'recipe\'s is "{recipe.model.cell}"'
        )


def watch(
    videos: Iterable[str | Path],
    *,
    model: str | Path = MODEL,
    device: str = "auto",
    most: int = 3000,
    on_progress: Callable[[Watched], None] | None = None,
) -> "tuple[Footage, int]":
    """Subtract, clean and group videos, and gather the objects that are alone in them.

    Parameters
    ----------
    videos : files, or whatever `open_frames` takes.
    model : who groups them, a name or a folder; it also says who is several all the same.
    device : "auto", "cpu", "cuda" or "cuda:N".
    most : frames that are watched of each.
    on_progress : called every few seconds, and at the end of each video.

    Returns
    -------
    What was gathered, and how many objects were left out, whom the model takes for several at
    most times.

    Raises
    ------
    SegmentError : a video cannot be read; FootageError : there is too little to learn from.
    """
    from segment.neural import load
    from segment.neural.seeded.footage import Footage
    from segment.neural.seeded.loaded import LoadedSeeded

    footage = Footage()
    for video in videos:
        footage.begin()
        seen, expected = 0, None
        with open_frames(video) as source:
            told = time.monotonic()
            frames = pipeline.subtract(islice(source, most), PosteriorSubtractor())
            frames = pipeline.read_ahead(pipeline.clean(frames))
            grouped: Any = pipeline.group(frames, NeuralGrouper(model=str(model), device=device))
            # Closed before the file is, in which a thread reads ahead.
            with contextlib.closing(grouped):
                for seen, frame in enumerate(grouped, start=1):
                    footage.watch(frame.image, frame.labels)
                    length = frame.sequence.length
                    expected = min(length, most) if length else None
                    if on_progress is not None and time.monotonic() - told >= _EVERY:
                        told = time.monotonic()
                        alone = len(footage.cutouts)
                        on_progress(Watched(str(video), seen, expected, alone, False))
        if on_progress is not None:
            on_progress(Watched(str(video), seen, expected, len(footage.cutouts), True))
    left_out = footage.vote(load(model, device, kind=LoadedSeeded))
    footage.parts()  # says so at once where there is too little to learn from
    return footage, left_out


def fit(
    videos: Iterable[str | Path],
    out: str | Path,
    *,
    recipe: str | Path | None = None,
    model: str | Path = MODEL,
    device: str = "auto",
    most: int = 3000,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Fit a model to videos of one camera, without labels; `group` takes it from `out`.

    Parameters
    ----------
    videos, model, device, most : as `watch` has them; `model` is what to begin with.
    out : folder of the model; its weights are those begun with where fitting did not help.
    recipe : a TOML file that describes the training; None for the one that ships.
    seconds : stop learning after so long; None for no limit.

    Returns
    -------
    `helped`, and of `before` and `after` how well objects of the footage's last quarter are told
    apart: see `segment.neural.training.verdict.keep_the_better`.

    Raises
    ------
    SegmentError : a video cannot be read, shows too little, or `out` holds a training already.
    """
    from segment.neural import load, read_recipe
    from segment.neural.seeded.loaded import LoadedSeeded
    from segment.neural.training.several import Whole, train_whole
    from segment.neural.training.trainer import check_folder
    from segment.neural.training.verdict import keep_the_better

    path = recipe_path() if recipe is None else Path(recipe)
    settings = read_recipe(path)
    check(settings)
    check_folder(Path(out), resume=False)
    start = load(model, "cpu", kind=LoadedSeeded).model
    footage, _ = watch(videos, model=model, device=device, most=most)
    text = path.read_text(encoding="utf-8")
    how = Whole(text, "segment.fitting.fit", 0, start=start, footage=footage, device=device)
    trainer, found = train_whole(settings, Path(out), how, seconds=seconds)
    if not trainer.finished:
        return keep_the_better(start, Path(out), settings, footage)
    verdict: dict[str, Any] = found["footage"]
    return verdict
