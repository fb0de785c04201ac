"""Composed footage with exact truth: things cut out of clips, laid over scenes without things.

    from benchmarks.composed import compose, KINDS, SharedSources, FreeSources
    for image, truth in compose("trees", 7, SharedSources("../shared/data", fold=1)):
        ...

Everything follows from kind, seed and sources: equal ones give equal pictures. Truth has CDnet's
values: 0 still, 50 shadow, 255 moving; 170, at edges and where nobody can know, is not scored.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .free import FreeSources
from .kinds import KINDS
from .lessons import LESSONS
from .scene import Scene, Sources
from .shared import SharedSources
from .staging import Draft

__all__ = [
    "KINDS",
    "LESSONS",
    "FreeSources",
    "Scene",
    "SharedSources",
    "Sources",
    "compose",
    "draft",
    "judged",
]

SIZES = ((240, 320), (240, 320), (240, 320), (240, 320), (120, 160), (480, 640))
"""Mostly 320 x 240."""
GREY = 0.2  # share of sequences without colours


def draft(
    kind: str,
    seed: int,
    sources: Sources,
    size: tuple[int, int] | None = None,
    length: int | None = None,
) -> Scene:
    """Return the scene of a sequence, with its notes; `frames()` draws it.

    size : (height, width), even; drawn from the usual ones when not given.
    length : frames; 300 to 700 when not given, 1,400 to 2,000 where people stand for a thousand.
    """
    kinds = KINDS | LESSONS
    if kind not in kinds:
        raise ValueError(f"no kind is called {kind!r}; there are {', '.join(kinds)}")
    number = list(kinds).index(kind)
    rng = np.random.default_rng([number, seed, 0])
    drawn_size = SIZES[int(rng.integers(len(SIZES)))]
    usual = (1400, 2001) if kind == "standing" else (300, 701)
    drawn_length = int(rng.integers(*usual))
    grey = bool(rng.random() < GREY)
    notes = {"kind": kind, "seed": seed, "sources": sources.name}
    plan = Draft(seed, number, sources, size or drawn_size, length or drawn_length, grey, notes)
    scene = kinds[kind](plan)
    scene.camera.grey = plan.grey
    notes |= {"size": list(scene.size), "length": scene.length, "grey": plan.grey}
    notes["cutouts"] = sorted({actor.cutout.source for actor in scene.actors})
    return scene


def compose(
    kind: str,
    seed: int,
    sources: Sources,
    size: tuple[int, int] | None = None,
    length: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (image (H, W, C) uint8, C 3 RGB or 1 grey; truth (H, W) uint8) of a sequence."""
    return draft(kind, seed, sources, size, length).frames()


def judged(data: Path | None, seed: int) -> Sources:
    """The sources of a judged sequence: even seeds take the clips of fold 0, odd ones of fold 1."""
    return FreeSources(seed % 2) if data is None else SharedSources(data, seed % 2)
