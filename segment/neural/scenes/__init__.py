"""Drawn scenes with their truth, seeded, without files: shapes, digits, balls."""

from typing import Any

import numpy as np

from segment.neural.recipe import SceneSettings
from segment.neural.scenes.balls import bouncing_balls
from segment.neural.scenes.digits import flying_digits
from segment.neural.scenes.scene import Scenes
from segment.neural.scenes.shapes import flying_shapes, static_shapes

__all__ = ["Scenes", "bouncing_balls", "draw", "flying_digits", "flying_shapes", "static_shapes"]


def draw(settings: SceneSettings, seed: Any, count: int, length: int) -> Scenes:
    """Draw `count` scenes of `length` frames; still pictures have one, whatever `length`.

    seed : whatever numpy's default_rng takes; equal seeds draw equal scenes.
    """
    rng = np.random.default_rng(seed)
    size, objects = settings.size, settings.objects
    if settings.kind == "static-shapes":
        return static_shapes(rng, count, size=size, objects=objects)
    if settings.kind == "flying-shapes":
        return flying_shapes(
            rng, count, size=size, objects=objects, length=length, speed=settings.speed
        )
    if settings.kind == "flying-digits":
        return flying_digits(
            rng,
            count,
            size=size,
            objects=objects,
            length=length,
            speed=settings.speed,
            digits=settings.digits,
            warp=settings.warp,
        )
    return bouncing_balls(
        rng, count, size=size, objects=objects, length=length, curtain=settings.curtain
    )
