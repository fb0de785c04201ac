"""The kinds of footage, each a way to draw a scene."""

from collections.abc import Callable

import numpy as np

from . import light
from .actors import appear, lying, walk
from .camera import Shaking
from .plates import stretch, swaying, watery, waving
from .scene import Scene, camouflaged
from .staging import Draft, picked, plain, sensor


def baseline(draft: Draft) -> Scene:
    return plain(draft)[0]


def trees(draft: Draft) -> Scene:
    rng = draft.dice(20)
    real = rng.random() < 0.4 and bool(draft.sources.plates("trees"))
    whole = not real and rng.random() < 0.6
    near = 0.97 if whole and rng.random() < 0.5 else None
    sorts = ("trees",) if real else ("still", "trees")
    scene, plate, _ = plain(draft, *sorts, every=70.0, ground=near)
    if whole:
        reach = float(rng.uniform(1.5, 10.0)) * draft.size[0] / 240
        scene.backdrop = swaying(plate, draft.dice(2), reach, int(rng.integers(1, 5)))
    elif not (real and plate.frames):
        reach = float(rng.uniform(1.5, 6.0)) * draft.size[0] / 240
        share, branches = float(rng.uniform(0.25, 0.7)), int(rng.integers(0, 4))
        scene.backdrop = waving(plate, draft.dice(2), reach, share, branches)
    return scene


def water(draft: Draft) -> Scene:
    rng = draft.dice(20)
    real = rng.random() < 0.4 and bool(draft.sources.plates("water"))
    cast = ("thing", "person", "animal")
    scene, plate, _ = plain(draft, *(("water",) if real else ("still",)), cast=cast, every=70.0)
    if not (real and plate.frames):
        scene.backdrop = watery(plate, draft.dice(2), float(rng.uniform(1.5, 5)))
    return scene


def shaking(draft: Draft) -> Scene:
    rng = draft.dice(20)
    reach = float(rng.uniform(1.5, 7)) * draft.size[0] / 240
    room = int(np.ceil(2.5 / 1.7 * reach)) + 6
    inner = draft.size
    draft.size = (inner[0] + 2 * room, inner[1] + 2 * room)
    scene, _, _ = plain(draft, "still", "stretch")
    draft.size = scene.size = inner
    scene.camera.margin = room
    scene.camera.shaking = Shaking(rng, draft.length, reach, float(rng.choice([0, 0.3, 0.8])))
    if scene.camera.noise is not None:
        scene.camera.noise = sensor(draft, float(rng.uniform(0.5, 2.5)))
    return scene


def standing(draft: Draft) -> Scene:
    """Somebody comes, stands a thousand frames or more where there is room for it, and leaves."""
    scene, _, stage = plain(draft, cast=("person",), every=500.0, meet=False)
    rng = draft.dice(20)
    cast = draft.cast("person")
    lasts = max(draft.length // 2, min(draft.length - 300, int(rng.integers(1000, 1600))))
    spots = rng.permutation([0.25, 0.5, 0.75])[: int(rng.integers(1, 4))]
    actors = [actor for actor in scene.actors if rng.random() < 0.5]
    long = []
    for number, spot in enumerate(spots.tolist()):
        cutout = picked(rng, cast)
        row, tall = stage.place(cutout)
        begin = int(rng.integers(20, 80)) + 40 * number
        leaves = rng.random() < 0.6
        long.append(
            walk(rng, cutout, draft.size, draft.length, tall, row=row, begin=begin,
                 stops=[(spot + float(rng.uniform(-0.08, 0.08)), lasts)], stay=not leaves, pace=1.5)
        )  # fmt: skip
    scene.actors = actors + long
    scene.notes["stands"] = [s for actor in long for s in actor.stands or []]
    return scene


def left(draft: Draft) -> Scene:
    """Somebody leaves something and goes; something that always lay there is taken away."""
    scene, _, stage = plain(draft, cast=("person",), every=300.0, meet=False)
    rng = draft.dice(20)
    people = [c for c in draft.cast("person") if not c.cut] or draft.cast("person")
    things = draft.cast("thing", "animal", "car")
    scene.notes["left"], scene.notes["removed"] = [], []
    for number in range(int(rng.integers(2, 5))):
        cutout, thing = picked(rng, people), picked(rng, things)
        row, tall = stage.place(cutout)
        spot = float(rng.uniform(0.15, 0.85))
        begin = int(rng.integers(30, max(40, draft.length // 2)))
        carrier = walk(rng, cutout, draft.size, draft.length, tall, row=row, begin=begin,
                       stops=[(spot, int(rng.integers(15, 60)))],
                       back=bool(rng.random() < 0.5))  # fmt: skip
        if not carrier.stands:
            continue
        scene.actors.append(carrier)
        when = sum(carrier.stands[0]) // 2
        gone = draft.length
        removed = number % 2 == 1
        if not removed and rng.random() < 0.4:
            gone = int(rng.integers(when + (draft.length - when) // 2, draft.length))
        lies = lying(rng, thing, draft.size, draft.length, tall * float(rng.uniform(0.25, 0.5)),
                     row + 1, spot)  # fmt: skip
        x = spot * draft.size[1] + rng.uniform(-0.15, 0.15) * tall
        span = slice(0, when) if removed else slice(when, gone)
        scene.actors.append(appear(rng, lies, thing, x, span))
        scene.notes["removed" if removed else "left"].append(when)
    return scene


def shadows(draft: Draft) -> Scene:
    scene, _, _ = plain(draft, every=80.0)
    rng = draft.dice(20)
    scene.sun = light.draw_sun(rng, (0.1, 0.9))
    scene.notes["gain"] = round(float(scene.sun.gain[1]), 2)
    return scene


def camouflage(draft: Draft) -> Scene:
    """Colours like those behind, or fog."""
    scene, plate, _ = plain(draft, every=90.0)
    rng = draft.dice(20)
    if draft.seed % 2:
        clear = float(rng.uniform(0.22, 0.5))
        scene.lights.append(light.fog(rng, draft.size, clear))
        scene.sun = None
        scene.notes["fog"] = round(clear, 2)
        return scene
    height, width = draft.size
    for actor in scene.actors:
        here = np.flatnonzero(np.isfinite(actor.x))
        if not len(here):
            continue
        t = here[len(here) // 2]
        x, y = float(np.clip(actor.x[t], 8, width - 8)), float(np.clip(actor.y[t], 20, height))
        top = int(max(0, y - 0.8 * actor.scale * actor.cutout.height))
        behind = plate.still[top : int(y), int(x) - 8 : int(x) + 8]
        offset = float(rng.uniform(8, 22)) * float(rng.choice([-1, 1]))
        actor.recolour = camouflaged(actor.cutout, behind, float(rng.uniform(0.15, 0.5)), offset)
    return scene


def bands(draft: Draft) -> Scene:
    scene, _, _ = plain(draft, "still", "stretch")
    rng = draft.dice(20)
    depth = float(rng.uniform(0.06, 0.25))
    scene.lights.append(light.bands(rng, draft.size[0], depth))
    scene.notes["depth"] = round(depth, 3)
    return scene


def lights(draft: Draft) -> Scene:
    """Clouds that pass, lamps that are switched, exposures that follow."""
    scene, _, _ = plain(draft, "still", "stretch")
    rng = draft.dice(20)
    what = ("clouds", "switch", "exposure", "drift")[draft.seed % 4]
    if what == "clouds":
        scene.lights.append(light.clouds(rng, draft.size, float(rng.uniform(0.2, 0.5))))
    elif what == "drift":
        scene.lights.append(light.drift(rng, float(rng.uniform(0.1, 0.25))))
    else:
        count = max(1, min(6, draft.length // 150))
        change, times = light.steps(
            rng, draft.length, float(rng.uniform(0.25, 0.6)), count, what == "switch"
        )
        scene.lights.append(change)
        scene.notes["switched"] = times
    scene.notes["light"] = what
    return scene


def noise(draft: Draft) -> Scene:
    """A noisy sensor by day, or night."""
    scene, _, _ = plain(draft, "still", "stretch")
    rng = draft.dice(20)
    night = draft.seed % 2 == 1
    if night:
        scene.lights.append(light.dark(float(rng.uniform(0.12, 0.4)), float(rng.uniform(4, 16))))
        scene.sun = None
    read = float(rng.uniform(3, 9)) if night else float(rng.uniform(6, 16))
    scene.camera.noise = sensor(
        draft, read, float(rng.uniform(0, 0.3)), float(rng.choice([0, 0, 0.8])),
        float(rng.choice([0, 0, 1.0])),
    )  # fmt: skip
    scene.camera.jpeg = 0 if rng.random() < 0.5 else int(rng.integers(40, 90))
    scene.notes["night"], scene.notes["read"] = night, round(read, 1)
    return scene


def compression(draft: Draft) -> Scene:
    scene, _, _ = plain(draft, "still", "stretch")
    rng = draft.dice(20)
    scene.camera.jpeg, scene.camera.codec = 0, None
    what = ("libx264", "jpeg", "libx264", "mpeg4")[draft.seed % 4]
    if what == "jpeg":
        scene.camera.jpeg = int(rng.integers(6, 22))
    elif what == "mpeg4":
        quality = str(int(rng.integers(14, 31)))
        scene.camera.codec = ("mpeg4", {"qmin": quality, "qmax": quality, "g": "60", "bf": "0"})
    else:
        scene.camera.codec = (
            "libx264",
            {"crf": str(int(rng.integers(32, 43))), "preset": "veryfast", "tune": "zerolatency",
             "g": str(int(rng.choice([25, 50, 250]))), "threads": "1"},
        )  # fmt: skip
    scene.notes["codec"] = what
    return scene


def lowrate(draft: Draft) -> Scene:
    """One frame where others have 5 to 15: things leap."""
    rng = draft.dice(20)
    step = int(rng.integers(5, 16))
    length, draft.length = draft.length, draft.length * step
    scene, plate, _ = plain(draft, every=110.0)
    draft.length = scene.length = length
    scene.notes["step"] = step
    every = scene.backdrop
    if not plate.frames:
        scene.backdrop = lambda t: every(t)
    else:
        scene.backdrop = stretch(plate, step)
    for actor in scene.actors:
        for name in ("x", "y", "frame", "label"):
            setattr(actor, name, getattr(actor, name)[::step])
    return scene


def first(draft: Draft) -> Scene:
    """People and things are there from the first frame on, and leave, quickly or slowly."""
    scene, _, stage = plain(draft, cast=("person", "animal"), every=150.0)
    rng = draft.dice(20)
    cast = draft.cast("person", "animal")
    for _ in range(int(rng.integers(1, 4))):
        cutout = picked(rng, cast)
        row, tall = stage.place(cutout)
        lasts = int(rng.choice([0, 5, 30, 120, 300]))
        actor = walk(
            rng, cutout, draft.size, draft.length, tall, row=row, begin=0,
            stops=[(float(rng.uniform(0.1, 0.9)), lasts)], inside=True,
            pace=float(rng.choice([0.25, 0.6, 1.2])), back=bool(rng.random() < 0.3),
        )  # fmt: skip
        if lasts > 60:  # until then nobody can know that it is not a statue
            actor.label[: lasts - 3] = 170
        scene.actors.append(actor)
    return scene


def thermal(draft: Draft) -> Scene:
    """Warm things on a camera of heat: grey, soft, with rows of noise and a gain that hunts."""
    draft.grey = True
    rng = draft.dice(20)
    real = rng.random() < 0.6 and bool(draft.sources.plates("thermal"))
    sorts = ("thermal",) if real else ("still",)
    cast = ("hot",) if rng.random() < 0.5 else ("hot", "person", "animal")
    scene, plate, _ = plain(draft, *sorts, cast=cast)
    scene.sun = None
    for actor in scene.actors:
        if actor.cutout.sort != "hot":
            warm = float(rng.uniform(150, 235))
            gain = np.full(3, 0.22, np.float32)
            actor.recolour = gain, np.full(3, warm - 0.22 * 110, np.float32)
    if "thermal" not in plate.sorts:
        low = float(rng.uniform(20, 90))
        base, contrast = scene.backdrop, float(rng.uniform(0.25, 0.55))
        scene.backdrop = lambda t: base(t).mean(2, keepdims=True).repeat(3, 2) * contrast + low
    scene.camera.blur = float(rng.uniform(0.6, 1.1))
    if not real:
        scene.camera.noise = sensor(draft, float(rng.uniform(1, 3.5)), 0.0, 0.6, 0.6)
    if rng.random() < 0.6:
        scene.lights.append(light.drift(rng, float(rng.uniform(0.03, 0.15))))
    return scene


KINDS: dict[str, Callable[[Draft], Scene]] = {
    "baseline": baseline,
    "trees": trees,
    "water": water,
    "shaking": shaking,
    "standing": standing,
    "left": left,
    "shadows": shadows,
    "camouflage": camouflage,
    "bands": bands,
    "lights": lights,
    "noise": noise,
    "compression": compression,
    "lowrate": lowrate,
    "first": first,
    "thermal": thermal,
}
