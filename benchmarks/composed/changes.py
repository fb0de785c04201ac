"""Lessons of what changes and is nobody: shadows that stand, gusts, exposures, what lay there."""

import cv2
import numpy as np

from . import light
from .actors import LARGEST, appear, lying, walk
from .cutouts import Cutout
from .light import Light
from .plates import Plate, Size, smooth_field, swaying, unmoved, waving
from .scene import Scene
from .staging import Draft, picked, plain, sensor


def cast(draft: Draft) -> Scene:
    """People and things that stand in a hard sun: their shadows stand beside them."""
    scene, _, stage = plain(draft, "still", "stretch", every=250.0)
    rng = draft.dice(20)
    scene.sun = light.draw_sun(rng, (0.25, 0.85))
    everybody = draft.cast("person", "car", "thing", "animal")
    begin = int(rng.integers(3, 60))
    while begin < draft.length - 20 and len(scene.actors) < 30:
        cutout = picked(rng, everybody)
        row, tall = stage.place(cutout)
        tall = min(tall * float(rng.uniform(1, 1.6)), LARGEST * cutout.height)
        stop = [(float(rng.uniform(0.1, 0.9)), int(rng.integers(30, draft.length)))]
        scene.actors.append(
            walk(rng, cutout, draft.size, draft.length, tall, row=row, begin=begin, stops=stop,
                 inside=bool(rng.random() < 0.4), pace=1.5)
        )  # fmt: skip
        begin += int(rng.exponential(60)) + 8
    return scene


def shade(draft: Draft) -> Scene:
    """Shadows of what is outside the picture, and pools of light: they come, stay, move, go."""
    scene, _, _ = plain(draft, "still", "stretch", every=120.0)
    rng = draft.dice(20)
    for _ in range(int(rng.integers(1, 5))):
        scene.lights.append(_patch(rng, draft.size, draft.length))
    return scene


def _patch(rng: np.random.Generator, size: Size, length: int) -> Light:
    """A place that is lit otherwise for a while; light as it is elsewhere at its rim."""
    height, width = size
    field = smooth_field(rng, (2 * height, 2 * width), float(rng.uniform(0.25, 0.8)) * height)
    high = float(np.quantile(field, rng.uniform(0.75, 0.95)))
    soft = cv2.GaussianBlur((field > high).astype(np.float32), (0, 0), float(rng.uniform(0.8, 4)))
    gain = float(rng.uniform(0.35, 0.85) if rng.random() < 0.75 else rng.uniform(1.1, 1.5))
    begin = int(rng.integers(5, max(6, length - 40)))
    end = begin + int(rng.integers(20, length))
    ramp = int(rng.choice([1, 3, 10, 40]))
    start = rng.uniform(0, 1, 2) * (height, width)
    way = rng.normal(0, 1, 2) * float(rng.choice([0, 0, 0.3, 2.0]))

    def at(picture: np.ndarray, t: int) -> None:
        there = min(1.0, (t - begin) / ramp, (end - t) / ramp)
        if there <= 0:
            return
        y, x = (int(v) for v in np.clip(start + way * (t - begin), 0, (height, width)))
        own = soft[y : y + height, x : x + width]
        own = cv2.resize(own, picture.shape[1::-1]) if own.shape != picture.shape[:2] else own
        picture *= 1 + (gain - 1) * there * own[..., None]

    return at


def gusts(draft: Draft) -> Scene:
    """Trees that hardly move, for long, and then a gust."""
    scene, plate, _ = plain(draft, "still", "trees", every=110.0)
    rng = draft.dice(20)
    reach = float(rng.uniform(2.0, 9.0)) * draft.size[0] / 240
    if rng.random() < 0.6:
        moving = swaying(plate, draft.dice(2), reach, int(rng.integers(1, 5)))
    else:
        share, branches = float(rng.uniform(0.25, 0.7)), int(rng.integers(0, 4))
        moving = waving(plate, draft.dice(2), reach, share, branches)
    calm = float(rng.choice([0.0, 0.03, 0.1]))
    pace = np.full(draft.length, calm)
    begin = int(rng.integers(40, 140))
    while begin < draft.length:
        lasts = int(rng.integers(15, 90))
        rise = np.clip(np.arange(lasts) / float(rng.uniform(1, 15)), 0, 1)
        pace[begin : begin + lasts] = (float(rng.uniform(0.5, 1.6)) * rise)[: draft.length - begin]
        begin += lasts + int(rng.integers(20, 120))
    clock = np.cumsum(pace)
    scene.backdrop = lambda t: moving(float(clock[t]))
    return scene


def leaps(draft: Draft) -> Scene:
    """Exposures that leap a little, now and then, and a poor codec whose pictures pulse."""
    scene, _, _ = plain(draft, "still", "stretch", every=80.0)
    rng = draft.dice(20)
    count = int(rng.integers(2, 12))
    quick = bool(rng.random() < 0.7)
    scene.lights.append(
        light.steps(rng, draft.length, float(rng.uniform(0.03, 0.3)), count, quick)[0]
    )
    scene.camera.noise = sensor(draft, float(rng.uniform(0.5, 4)), 0.0, float(rng.choice([0, 0.7])))
    scene.camera.jpeg = 0
    group = str(int(rng.choice([8, 12, 25, 50])))
    if rng.random() < 0.5:
        quality = str(int(rng.integers(8, 31)))
        how = {"qmin": quality, "qmax": quality, "g": group, "bf": "0"}
        scene.camera.codec = ("mpeg4", how)
    else:
        how = {"crf": str(int(rng.integers(26, 42))), "preset": "veryfast", "g": group}
        scene.camera.codec = ("libx264", {**how, "tune": "zerolatency", "threads": "1"})
    return scene


def uncovered(draft: Draft) -> Scene:
    """What lay there from the first frame on is gone at once; something else lies down."""
    scene, _, _ = plain(draft, cast=("plain",), every=400.0)
    rng = draft.dice(20)
    scene.sun = None
    if rng.random() < 0.7:
        rough = _rough(rng, draft.size)
        scene.backdrop = unmoved(
            Plate("rough", "rough", rough, frozenset({"still"})), draft.dice(2)
        )
        scene.camera.noise = sensor(draft, float(rng.uniform(0.5, 3)))
    things = [c for sort in ("plain", "thing") for c in draft.sources.cutouts(sort)]
    for number in range(int(rng.integers(3, 8))):
        leaves = number % 3 != 2
        scene.actors.append(_gone(rng, picked(rng, things), draft, leaves))
    return scene


def screens(draft: Draft) -> Scene:
    """Monitors, signs and flags: places where something moves from the first frame to the last."""
    scene, _, _ = plain(draft, "still", "stretch", every=110.0)
    rng = draft.dice(20)
    every = scene.backdrop
    shown = [_screen(rng, draft.size) for _ in range(int(rng.integers(1, 5)))]

    def at(t: int) -> np.ndarray:
        picture = every(t).copy()
        for show in shown:
            show(picture, t)
        return picture

    scene.backdrop = at
    return scene


def _screen(rng: np.random.Generator, size: Size) -> Light:
    """A rectangle that shows curves that run, pictures that pass, or colours that blink."""
    height, width = size
    high = int(height * float(np.exp(rng.uniform(*np.log((0.06, 0.35))))))
    wide = int(high * float(rng.uniform(0.7, 1.8)))
    top, left = int(rng.integers(0, height - high)), int(rng.integers(0, max(1, width - wide)))
    what = str(rng.choice(["curves", "passing", "blinking", "flag"]))
    base = rng.uniform(10, 120, 3) if rng.random() < 0.6 else rng.uniform(100, 240, 3)
    bright = np.clip(base + rng.choice([-1, 1]) * rng.uniform(50, 140, 3), 0, 255)
    speed, count = float(rng.uniform(0.3, 4)), int(rng.integers(1, 4))
    film = np.clip(base + 50 * np.dstack([smooth_field(rng, (high, 4 * wide), high / 4)] * 3)
                   + 15 * smooth_field(rng, (high, 4 * wide), 3)[..., None], 0, 255)  # fmt: skip
    period = rng.uniform(3, 40, count)
    x = np.arange(wide)

    def at(picture: np.ndarray, t: int) -> None:
        place = picture[top : top + high, left : left + wide]
        own = np.empty(place.shape, np.float32)
        if what == "passing":
            start = int(speed * t) % (3 * wide)
            own[:] = film[:, start : start + place.shape[1]]
        elif what == "flag":
            bend = np.sin(2 * np.pi * (x / wide * count - 0.05 * speed * t))[: place.shape[1]]
            own[:] = np.roll(film, int(3 * np.sin(0.1 * speed * t)), 0)[:, : place.shape[1]]
            own *= (1 + 0.35 * bend)[None, :, None].astype(np.float32)
        else:
            own[:] = base
            for k in range(count):
                if what == "curves":
                    wave = np.sin(2 * np.pi * ((k + 1) * x / wide + 0.02 * speed * t) + k)
                    wave *= np.sin(0.013 * (k + 1) * speed * t + k)
                    line = np.stack([x, high * (0.5 + 0.35 * wave)], 1).round().astype(np.int32)
                    cv2.polylines(own, [line], False, bright.tolist(), max(1, high // 25))
                elif t % period[k] < period[k] / 2:
                    own[k * high // count : (k + 1) * high // count] = bright
        place[:] = own

    return at


def _gone(rng: np.random.Generator, thing: Cutout, draft: Draft, leaves: bool):
    """A thing that lies still, until it is gone or from when it is there, all at once."""
    height, width = draft.size
    tall = min(float(rng.uniform(0.1, 0.45)) * height, LARGEST * thing.height)
    row = float(rng.uniform(tall, height))
    place = float(rng.uniform(0.1, 0.9))
    actor = lying(rng, thing, draft.size, draft.length, tall, row, place)
    when = int(rng.integers(15, max(20, draft.length * 2 // 3)))
    span = slice(0, when) if leaves else slice(when, draft.length)
    return appear(rng, actor, thing, place * width, span)


def _rough(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Ground of grains, as gravel, grass or plaster."""
    grain = float(rng.choice([1.0, rng.uniform(1.0, 4.0)]))
    depth = float(rng.uniform(8, 45))
    level = rng.uniform(60, 190) + rng.normal(0, 12, 3)
    same = smooth_field(rng, size, grain)[..., None]
    own = np.dstack([smooth_field(rng, size, grain) for _ in range(3)])
    mix = float(rng.choice([0.0, 0.3, 1.0]))
    picture = level + depth * ((1 - mix) * same + mix * own)
    return np.clip(picture, 0, 255).astype(np.uint8)
