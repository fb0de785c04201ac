"""More kinds, to learn from and not to judge by: what the others show too little of."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from . import changes, light
from .actors import LARGEST, Actor, walk
from .cutouts import Cutout
from .plates import Plate, smooth_field, unmoved, watery
from .scene import Scene
from .staging import Draft, picked, plain, sensor


def flat(draft: Draft) -> Scene:
    """Large things of one colour, which hide all texture behind them; half of them on bare ground.

    What is dark and without texture is no shadow: a black mouse, a van's side.
    """
    rng = draft.dice(20)
    scene, _, _ = plain(draft, cast=("plain",), every=400.0)
    if rng.random() < 0.5:
        _lay_bare(scene, rng, draft)
        scene.camera.noise = sensor(draft, float(rng.uniform(0.5, 3)))
    scene.actors.extend(_one_by_one(rng, draft, (0.1, 0.55), every=80, least=10))
    return scene


def pale(draft: Draft) -> Scene:
    """Things of one colour before bare ground, hardly or plainly brighter or darker than it.

    On ground without texture every such thing is the ground times a gain; a shadow seldom moves
    over it by itself.
    """
    rng = draft.dice(20)
    draft.grey = bool(rng.random() < 0.5)
    scene, _, _ = plain(draft, cast=("plain",), every=1e6)
    scene.actors, scene.sun = [], None
    bare = _lay_bare(scene, rng, draft)
    scene.camera.noise = sensor(draft, float(np.exp(rng.uniform(0, 1.9))))
    scene.camera.jpeg = 0
    for actor in _one_by_one(rng, draft, (0.06, 0.4), every=50, least=8):
        own = float(actor.cutout.colours[0].mean())
        level = float(bare.mean()) + float(rng.choice([-1, 1])) * float(rng.uniform(12, 100))
        offset = np.full(3, level - 0.1 * own, np.float32) + np.float32(rng.normal(0, 3, 3))
        actor.recolour = np.full(3, 0.1, np.float32), offset
        scene.actors.append(actor)
    return scene


def specks(draft: Draft) -> Scene:
    """Small things, a few pixels high, before waves, wind or nothing."""
    rng = draft.dice(20)
    scene, plate, _ = plain(draft, "still", "stretch", every=300.0)
    if rng.random() < 0.6 and not plate.frames:
        scene.backdrop = watery(plate, draft.dice(2), float(rng.uniform(1.0, 5)))
    cast = [c for sort in ("thing", "plain", "animal") for c in draft.sources.cutouts(sort)]
    begin = 0
    while begin < draft.length - 20 and len(scene.actors) < 40:
        scene.actors.append(
            _crossing(
                rng,
                picked(rng, cast),
                draft,
                begin,
                (0.02, 0.1),
                fast=float(rng.choice([1, 4, 12])),
            )
        )
        begin += int(rng.exponential(30))
    return scene


def contact(draft: Draft) -> Scene:
    """Shadows that leave little light, black where things touch the ground."""
    scene, _, _ = plain(draft, every=70.0)
    rng = draft.dice(20)
    scene.sun = light.draw_sun(rng, (0.08, 0.55))
    return scene


def dusk(draft: Draft) -> Scene:
    """Little light and a noisy sensor; now and then what comes has a lamp."""
    scene, _, _ = plain(draft, "still", "stretch", every=70.0)
    rng = draft.dice(20)
    scene.lights.append(light.dark(float(rng.uniform(0.1, 0.5)), float(rng.uniform(2, 20))))
    scene.sun = None
    scene.camera.noise = sensor(
        draft, float(rng.uniform(2, 8)), float(rng.uniform(0, 0.2)), float(rng.choice([0, 0.7])),
        float(rng.choice([0, 0, 1.0])),
    )  # fmt: skip
    return scene


def _crossing(
    rng: np.random.Generator,
    cutout: Cutout,
    draft: Draft,
    begin: int,
    share: tuple[float, float],
    fast: float = 1.0,
) -> Actor:
    """A thing that crosses the picture anywhere, or stands in it for a while."""
    height = draft.size[0]
    tall = min(float(np.exp(rng.uniform(*np.log(share)))) * height, LARGEST * cutout.height)
    row = float(rng.uniform(tall, height * 1.02))
    stops = []
    if rng.random() < 0.5:
        stops = [(float(rng.uniform(0.1, 0.9)), int(rng.integers(10, 150)))]
    actor = walk(rng, cutout, draft.size, draft.length, tall, row=row, begin=begin, stops=stops,
                 back=bool(rng.random() < 0.3), pace=fast * float(rng.uniform(0.5, 2)))  # fmt: skip
    wander = smooth_field(rng, (1, draft.length), float(rng.uniform(20, 120)))[0]
    actor.y = actor.y + 0.05 * height * wander
    return actor


def _one_by_one(
    rng: np.random.Generator, draft: Draft, share: tuple[float, float], *, every: int, least: int
) -> Iterator[Actor]:
    """Plain things that cross, one about `every` frames and `least` frames apart.

    Each is drawn when it is asked for: what is drawn for it in between comes before the next.
    """
    cast = draft.sources.cutouts("plain")
    begin = int(rng.integers(0, 30))
    while begin < draft.length - 20:
        yield _crossing(rng, picked(rng, cast), draft, begin, share)
        begin += int(rng.exponential(every)) + least


def _lay_bare(scene: Scene, rng: np.random.Generator, draft: Draft) -> np.ndarray:
    """Put the scene on bare ground, and return its picture."""
    bare = _bare(rng, draft.size)
    scene.backdrop = unmoved(Plate("bare", "bare", bare, frozenset({"still"})), draft.dice(2))
    return bare


def _bare(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """An arena, a floor, a belt: one colour, lit from somewhere, now and then with a wall."""
    grey = float(rng.choice([rng.uniform(20, 235), rng.uniform(170, 240)]))
    picture = np.full((*size, 3), grey, np.float32) + rng.normal(0, 6, 3).astype(np.float32)
    picture *= 1 + float(rng.uniform(0.02, 0.12)) * smooth_field(rng, size, 150)[..., None]
    picture += float(rng.uniform(0.3, 3)) * smooth_field(rng, size, 2)[..., None]
    if rng.random() < 0.6:
        edge = int(rng.uniform(0.03, 0.2) * size[0])
        shade = np.float32(rng.uniform(0.2, 1.6))
        if rng.random() < 0.5:
            inside = np.zeros(size, np.uint8)
            middle = size[1] // 2, size[0] // 2
            cv2.ellipse(inside, middle, (middle[0] - edge, middle[1] - edge), 0, 0, 360, 1, -1)
            picture[inside == 0] *= shade
        else:
            picture[:edge] *= shade
            picture[-edge:] *= shade
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8), 0, 255).astype(np.uint8)


LESSONS: dict[str, Callable[[Draft], Scene]] = {
    "flat": flat,
    "specks": specks,
    "contact": contact,
    "dusk": dusk,
    "pale": pale,
    "cast": changes.cast,
    "shade": changes.shade,
    "gusts": changes.gusts,
    "leaps": changes.leaps,
    "uncovered": changes.uncovered,
    "screens": changes.screens,
}
