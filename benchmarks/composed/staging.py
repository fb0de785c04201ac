"""What all kinds begin with: dice, a plate, a stage, and people who come by."""

from dataclasses import dataclass, field

import numpy as np

from . import light
from .actors import LARGEST, Actor, replay, walk
from .camera import Camera, Noise
from .cutouts import Cutout
from .plates import Backdrop, Plate, stretch, unmoved
from .scene import Scene, Sources

Size = tuple[int, int]


@dataclass
class Draft:
    """What a kind begins with. Every concern has dice of its own: one does not move another."""

    seed: int
    kind: int
    sources: Sources
    size: Size
    length: int
    grey: bool
    notes: dict = field(default_factory=dict)

    def dice(self, concern: int) -> np.random.Generator:
        return np.random.default_rng([self.kind, self.seed, concern])

    def plate(self, *sorts: str, least: float = 0.6, room: int = 0) -> Plate:
        rng = self.dice(1)
        names: list[str] = []
        for sort in sorts:
            names += [name for name in self.sources.plates(sort) if name not in names]
        found = self.sources.plate(names[int(rng.integers(len(names)))])
        self.notes["background"] = found.source
        self.grey = self.grey or found.grey
        size = self.size[0] + 2 * room, self.size[1] + 2 * room
        return found.cropped(rng, size, least)

    def cast(self, *sorts: str) -> list[Cutout]:
        """Cut-outs of these sorts that may be used here."""
        found = [c for sort in sorts for c in self.sources.cutouts(sort)]
        found = [c for c in found if self.grey or not c.grey]
        return found or [c for c in self.sources.cutouts("person") if self.grey or not c.grey]


@dataclass
class Stage:
    """Rows and heights of who walks in a scene: the nearer, the lower and the larger."""

    rng: np.random.Generator
    size: Size
    ground: float = 0.5

    def __post_init__(self) -> None:
        height = self.size[0]
        self.horizon = float(self.rng.uniform(-0.35, 0.25)) * height
        lowest = 0.97 * height
        self.ratio = float(self.rng.uniform(0.22, 0.62)) * height / (lowest - self.horizon)

    def place(self, cutout: Cutout, share: float | None = None) -> tuple[float, float]:
        """Draw (row of the foot, height), pixels; `share` 1 is nearest, 0 farthest."""
        height = self.size[0]
        if cutout.cut:  # near enough that its lower end is below the picture
            tall = float(self.rng.uniform(0.5, 0.85)) * height
            return float(height + 1), min(tall, LARGEST * cutout.height)
        share = self.rng.uniform() if share is None else share
        if self.ground > 0.93:  # a wall, or the sky: who passes stands below the picture, near
            row = height * (1.0 + 0.15 * float(share))
            tall = height * (0.45 + 0.3 * float(share))
            return row, min(tall, LARGEST * cutout.height)
        top = max(self.ground, 0.3)
        row = height * (top + 0.02 + (0.95 - top) * float(share))
        relative = {"car": 0.85, "animal": 0.3, "thing": 0.5}.get(cutout.sort, 1.0)
        tall = max(0.07 * height, (row - self.horizon) * self.ratio * relative)
        return row, min(tall, LARGEST * cutout.height)


def picked(rng: np.random.Generator, cast: list[Cutout]) -> Cutout:
    """Draw a clip, then one of its cut-outs: a clip of many has no more weight than one of few."""
    sources = sorted({cutout.source for cutout in cast})
    source = sources[int(rng.integers(len(sources)))]
    own = [cutout for cutout in cast if cutout.source == source]
    return own[int(rng.integers(len(own)))]


def _several(draft: Draft, stage: Stage, cast: list[Cutout], every: float, **how) -> list[Actor]:
    """People and things that come by, one in `every` frames in the mean."""
    rng = draft.dice(3)
    actors: list[Actor] = []
    begin = int(rng.integers(10, 60))
    while begin < draft.length - 20 and len(actors) < 60:
        cutout = picked(rng, cast)
        actors += _one(rng, draft, stage, cutout, begin, **how)
        begin += int(rng.exponential(every)) + 8
    return actors


def _one(
    rng: np.random.Generator,
    draft: Draft,
    stage: Stage,
    cutout: Cutout,
    begin: int,
    fast: float = 1.0,
    meet: bool = True,
) -> list[Actor]:
    row, tall = stage.place(cutout)
    if cutout.sort == "car" or (cutout.facing == 0 and len(cutout) > 25 and rng.random() < 0.5):
        place = (rng.uniform(0.25, 0.75) * draft.size[1], row)
        return [
            replay(
                rng,
                cutout,
                draft.size,
                draft.length,
                tall,
                begin=begin,
                middle=place,
                ground=stage.ground,
            )
        ]
    story = str(rng.choice(["walk", "stop", "turn", "run", "meet"], p=[0.4, 0.2, 0.15, 0.1, 0.15]))
    where = float(rng.uniform(0.2, 0.8))
    stops, back, pace = [], False, fast * float(rng.uniform(0.8, 1.4))
    if story == "stop" or (story == "meet" and not meet):
        stops = [(where, int(rng.integers(20, 100)))]
    elif story == "turn":
        stops, back = [(where, int(rng.integers(0, 25)))], True
    elif story == "run":
        pace *= 2.5
    elif story == "meet":
        return _meeting(rng, draft, stage, cutout, begin, where)
    return [
        walk(rng, cutout, draft.size, draft.length, tall, row=row, begin=begin, stops=stops,
             back=back, pace=pace)
    ]  # fmt: skip


def _meeting(rng, draft: Draft, stage: Stage, cutout: Cutout, begin: int, where: float):
    """Two come from both sides, stand together, and go on or back."""
    others = [c for c in draft.cast(cutout.sort) if c.cut == cutout.cut] or [cutout]
    other = picked(rng, others)
    lasts, share = int(rng.integers(30, 120)), float(rng.uniform())
    actors = []
    for way, who in ((1, cutout), (-1, other)):
        row, tall = stage.place(who, share)
        apart = 0.28 * tall / draft.size[1]
        actors.append(
            walk(rng, who, draft.size, draft.length, tall, row=row + rng.uniform(-2, 2),
                 begin=begin, stops=[(where - way * apart, lasts)], back=bool(rng.random() < 0.4),
                 way=way)
        )  # fmt: skip
    return actors


def _usual_camera(draft: Draft, plate: Plate, room: int = 0) -> Camera:
    """A little noise where the plate has none of its own, and a mild codec now and then."""
    rng = draft.dice(4)
    camera = Camera(grey=draft.grey, margin=room)
    if not plate.frames and not plate.residuals:
        read = float(rng.uniform(0.5, 2.5))
        camera.noise = sensor(draft, read, float(rng.uniform(0, 0.02)), float(rng.choice([0, 0.7])))
    if rng.random() < 0.5:
        camera.jpeg = int(rng.integers(60, 96))
    return camera


def sensor(draft: Draft, read: float, shot: float = 0.0, soft: float = 0.0, rows: float = 0.0):
    shape = (*draft.size, 1 if draft.grey else 3)
    return Noise(draft.dice(5), shape, read, shot, soft, rows)


def _backdrop(draft: Draft, plate: Plate) -> Backdrop:
    return stretch(plate) if plate.frames else unmoved(plate, draft.dice(2))


def plain(
    draft: Draft,
    *sorts: str,
    cast=("person", "car", "animal"),
    every=110.0,
    room=0,
    ground=None,
    **how,
):
    """A scene as most are; kinds change what is special about them."""
    plate = draft.plate(*(sorts or ("still", "stretch")), room=room)
    stage = Stage(draft.dice(6), draft.size, plate.ground if ground is None else ground)
    everybody = _one_or_more_sorts(draft, cast)
    actors = _several(draft, stage, everybody, every, **how)
    camera = _usual_camera(draft, plate, room)
    backdrop = _backdrop(draft, plate)
    scene = Scene(draft.size, draft.length, backdrop, camera, actors, notes=draft.notes)
    sky = draft.dice(7)
    if sky.random() < 0.4:  # most scenes have soft shadows; the kind "shadows" has hard ones
        scene.sun = light.draw_sun(sky, (0.65, 0.92))
    return scene, plate, stage


def _one_or_more_sorts(draft: Draft, sorts: tuple[str, ...]) -> list[Cutout]:
    """Now one sort and now all: a street of cars only, people only, or anybody."""
    rng = draft.dice(8)
    chosen = sorts if rng.random() < 0.3 else (sorts[int(rng.integers(len(sorts)))],)
    return draft.cast(*chosen)
